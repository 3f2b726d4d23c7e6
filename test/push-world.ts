/** A world for pushes, and the questions that their tests ask of AWS's ledger and of ours. */
import { openWorld, type WorldOptions } from "./world.ts";

export const hour = 3_600_000;

export const openPushes = async (options: WorldOptions) => {
  const world = await openWorld(options);
  const { aws, db, service } = world;
  let counter = 0;
  return {
    world,
    aws,
    timeline: world.timeline,
    nextKey: (): string => `${options.seed}-${counter++}`,
    /** How often AWS was asked, by operation. */
    calls: async (): Promise<Readonly<Record<string, number>>> => {
      const { counters } = await aws.controls.ledger();
      return Object.fromEntries(
        Object.entries(counters[0]?.operations ?? {}).map(([operation, count]) => [operation, count.calls]),
      );
    },
    /** AWS's records of the deal with this key. */
    ours: async (key: string) =>
      (await aws.controls.ledger()).opportunities.filter((row) => row.document.PartnerOpportunityIdentifier === key),
    remoteId: async (shareId: string): Promise<string> =>
      (await service.store.shares.findEngagement(db.sql, shareId))?.remoteId ?? "none",
    /** Codes of the open exceptions. */
    exceptions: async (subject: string): Promise<readonly string[]> => {
      const filter = { open: true, after: null, limit: 50, subject };
      const { items } = await service.store.journal.listExceptions(db.sql, filter);
      return items.map((item) => item.code);
    },
    /** Everything that was written where no person may stand: events, notes, steps, log. */
    written: async (): Promise<readonly string[]> => [
      JSON.stringify(await db.sql`select data from outbox`),
      JSON.stringify(await db.sql`select note from history`),
      JSON.stringify(await db.sql`select row_to_json(t)::text as row from runner_step t`),
      JSON.stringify(await db.sql`select row_to_json(t)::text as row from runner_event t`),
      world.logged.join("\n"),
    ],
  };
};
