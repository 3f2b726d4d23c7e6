/** Sharing by rule: a deal that arrives or changes is decided on once more, and drafts of a rule follow its changes. */
import { programmeOf } from "../adapters/registry.ts";
import type { Connection } from "../src/domain/deal.ts";
import type { Programme } from "../src/domain/share-rule.ts";
import { type Client, dataOf, runStep, type WorkflowDeps } from "./deps.ts";

export const createAutoShare = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    { id: "auto-share", triggers: [{ event: "share.decision.requested" }], retries: 5 },
    async ({ event, step }) => {
      const { opportunityId } = dataOf("share.decision.requested", event);
      return runStep(step, "decide", async () => {
        const by = { programmeOf: programmeFor(deps), actorId: deps.actorId };
        const opened = await deps.db.transaction((tx) => deps.store.autoShare.share(tx, opportunityId, by));
        if (opened.length > 0) deps.kick();
        return { opened: opened.map((share) => share.id) };
      });
    },
  );

const draftsPerStep = 50;
const stepsMax = 500;

/** Drafts that a rule made are judged again when the rule changes: consent given lets them go, a rule switched off keeps them. */
export const createRuleChanged = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    { id: "share-rule-changed", triggers: [{ event: "share_rule.changed" }], retries: 5 },
    async ({ event, step }) => {
      const { ruleId } = dataOf("share_rule.changed", event);
      let after = "";
      let judged = 0;
      for (let page = 0; page < stepsMax; page++) {
        const done = await runStep(step, `judge-${page}`, () => judgeSome(deps, ruleId, after));
        judged += done.judged;
        if (done.last === null) break;
        after = done.last;
      }
      return { ruleId, judged };
    },
  );

const judgeSome = async (
  deps: WorkflowDeps,
  ruleId: string,
  after: string,
): Promise<{ readonly judged: number; readonly last: string | null }> => {
  const { db, store } = deps;
  const ids = await store.autoShare.draftsOf(db.sql, ruleId, after, draftsPerStep);
  for (const id of ids) {
    // One short transaction each: none is held for long, whatever their number.
    await db.transaction(async (tx) => {
      const share = await store.shares.lock(tx, id);
      if (share.state === "draft" || share.state === "ready")
        await store.autoShare.rejudge(tx, share, programmeFor(deps), deps.actorId);
    });
  }
  if (ids.length > 0) deps.kick();
  return { judged: ids.length, last: ids.length < draftsPerStep ? null : (ids.at(-1) ?? null) };
};

const programmeFor =
  (deps: WorkflowDeps) =>
  (connection: Connection): Programme | null =>
    programmeOf(deps.registry, connection);
