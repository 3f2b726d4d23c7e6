/** Upkeep: work taken up again after a connection was resumed, and the daily erasure of what has outlived its purpose. */
import { purgeQuota } from "../src/store/quota.ts";
import { type Client, dataOf, runStep, type WorkflowDeps } from "./deps.ts";

export const createResumed = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    { id: "connection-resumed", triggers: [{ event: "connection.resumed" }], retries: 5 },
    async ({ event, step }) => {
      const { connectionId } = dataOf("connection.resumed", event);
      return runStep(step, "take-up", async () => {
        const taken = await deps.db.transaction(async (tx) => {
          const shares = await deps.store.shares.interrupted(tx, connectionId);
          for (const share of shares) {
            await deps.store.shares.wish(
              tx,
              share.state === "ready" || share.state === "submitting"
                ? "share.push.requested"
                : "share.revise.requested",
              share,
            );
          }
          for (const { id } of await deps.store.invitations.interrupted(tx, connectionId))
            await deps.store.journal.tell(tx, "invitation.answer.requested", id, { invitationId: id, connectionId });
          await deps.store.journal.tell(tx, "connection.sweep.requested", connectionId, { connectionId });
          return shares.length;
        });
        deps.kick();
        return { connectionId, taken };
      });
    },
  );

export const createExpiry = (client: Client, deps: WorkflowDeps) =>
  client.createFunction({ id: "expiry", triggers: [{ cron: "TZ=UTC 17 3 * * *" }], retries: 3 }, async ({ step }) =>
    runStep(step, "expire", async () => {
      const before = new Date(deps.clock.now().getTime() - deps.retentionDays * 24 * 3_600_000);
      const erased = await deps.store.journal.expire(deps.db.sql, before);
      const runs = (await deps.purgeRuns?.(before)) ?? 0;
      await purgeQuota(deps);
      await deps.webhooks.expireSecrets();
      deps.log.info("expired", { ...erased, runs });
      return { ...erased, runs };
    }),
  );
