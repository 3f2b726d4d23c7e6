/** A backlog in virtual time, against the time that its writes need at AWS's published quotas. */
import { createVirtualClock } from "../../src/clock.ts";
import { createTimeline } from "../../src/rehearsal.ts";
import { openStand, shareMany } from "./stand.ts";
import type { Verdict } from "./verdict.ts";

const writeOperations = [
  "CreateOpportunity",
  "AssociateOpportunity",
  "StartEngagementFromOpportunityTask",
  "UpdateOpportunity",
];
const readOperations = ["GetOpportunity", "GetAwsOpportunitySummary", "ListOpportunities"];
const daySeconds = 86_400;
const writesPerDay = 10_000;
/** What starts and ends a backlog takes some minutes whatever its size; only days of work hide it. */
const boundFor = (count: number): number => (count * 3 > writesPerDay ? 1.02 : count >= 500 ? 1.05 : 1.1);

export const benchBacklog = async (verdict: Verdict, count: number): Promise<void> => {
  const clock = createVirtualClock(new Date("2026-11-22T09:00:00Z"));
  const stand = await openStand({ clock, fast: false });
  const shares = await shareMany(stand, count, "backlog");
  const timeline = createTimeline({ clock, service: stand.service, simulators: [stand.aws] });
  const began = clock.now().getTime();
  const open = async (): Promise<number> => {
    const counts = await stand.service.store.shares.countByState(stand.db.sql);
    return (counts.ready ?? 0) + (counts.submitting ?? 0);
  };
  for (let left = await open(); left > 0; left = await open()) {
    process.stderr.write(`\rbacklog: ${count - left}/${count}, ${clock.now().toISOString()} `);
    await timeline.advance(60_000);
  }
  process.stderr.write("\n");
  const ledger = await stand.aws.controls.ledger();
  const [counters] = ledger.counters;
  const calls = (operations: readonly string[]): number =>
    operations.reduce((sum, operation) => sum + (counters?.operations[operation]?.calls ?? 0), 0);
  const writes = calls(writeOperations);
  verdict.atMost(`writes per share (${shares.length} shares, one association each)`, writes / shares.length, 3);
  verdict.tell(
    `calls: ${Object.entries(counters?.operations ?? {})
      .map(([operation, { calls }]) => `${operation} ${calls}`)
      .join(", ")}`,
  );
  verdict.atMost("opportunities per share at AWS", ledger.opportunities.length / shares.length, 1);
  // Measured to the last write: what follows is a task of AWS's own, up to 90 s, and its poll.
  const lastWrite = ledger.tasks.reduce((last, task) => Math.max(last, Date.parse(task.startedAt)), began);
  const quotaSeconds = Math.floor((writes - 1) / writesPerDay) * daySeconds + (writes % writesPerDay || writesPerDay);
  const days = quotaSeconds / daySeconds;
  // One look after the push, and one more for each day that a share waits for its review: half of the days, as they come evenly.
  verdict.atMost("reads per share besides task polls", (calls(readOperations) - 1) / shares.length, 2 + days / 2);
  verdict.atMost(
    `virtual seconds of writing / quota bound of ${writes} writes (${days.toFixed(2)} days)`,
    (lastWrite - began) / 1_000 / quotaSeconds,
    boundFor(count),
  );
  // The simulator refuses a second write within a second, an eleventh read, and what is over the rolling days' quotas.
  verdict.atMost("throttled answers", counters?.throttled ?? 0, 0);
  await stand.close();
};
