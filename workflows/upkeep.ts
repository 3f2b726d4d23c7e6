/**
 * Upkeep: work taken up again after a connection was resumed, the daily erasure of what has outlived its purpose, and the daily look at
 * sign-ins that will lapse.
 */
import type { ConsentState } from "../adapters/contract.ts";
import type { Connection } from "../src/domain/deal.ts";
import { consentLapsesCode } from "../src/store/connections.ts";
import { purgeQuota } from "../src/store/quota.ts";
import { type Client, dataOf, runStep, type WorkflowDeps } from "./deps.ts";
import { takeUpOffers } from "./offer-sweep.ts";

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
          await takeUpOffers(deps, tx, connectionId, 0);
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

/** Once a day: who signed in for us long ago is asked to do so again before it ends; where it has ended, the connection rests. */
export const createConsentWatch = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    { id: "consent-watch", triggers: [{ cron: "TZ=UTC 41 3 * * *" }], retries: 3 },
    async ({ step }) =>
      runStep(step, "look", async () => {
        const told: Record<Standing, number> = { holds: 0, lapses: 0, lapsed: 0 };
        for (const connection of await deps.store.connections.list(deps.db.sql)) {
          const state = await consentOf(deps, connection);
          if (state !== null) told[await tellOfConsent(deps, connection, state)]++;
        }
        deps.kick();
        return told;
      }),
  );

type Standing = "holds" | "lapses" | "lapsed";

/** Null: nobody signs in for this connection, or nobody has yet. */
const consentOf = async (deps: WorkflowDeps, connection: Connection): Promise<ConsentState | null> => {
  try {
    return (await deps.registry.open(connection).consent?.state()) ?? null;
  } catch (error) {
    deps.log.warn("a connection's consent could not be read", {
      connection: connection.id,
      error: error instanceof Error ? error.name : typeof error,
    });
    return null;
  }
};

const tellOfConsent = (deps: WorkflowDeps, connection: Connection, state: ConsentState): Promise<Standing> =>
  deps.db.transaction(async (tx) => {
    const { journal, connections } = deps.store;
    const { id, marketplace, label } = connection;
    const day = state.lapsesAt.toISOString().slice(0, 10);
    const command = `cosell connect ${marketplace} --renew ${JSON.stringify(label)}`;
    const msLeft = state.lapsesAt.getTime() - deps.clock.now().getTime();
    if (state.ended !== null || msLeft <= 0) {
      const why =
        state.ended ?? `The sign-in at the partner ended on ${day}, because it was not used. Renew it: ${command}`;
      await connections.park(tx, id, why, deps.actorId);
      await journal.openException(tx, consentLapsesCode, id, why);
      return "lapsed";
    }
    if (msLeft <= deps.consentNoticeDays * 24 * 3_600_000) {
      const message = `The sign-in at the partner ends on ${day} unless it is used or renewed before: ${command}`;
      await journal.openException(tx, consentLapsesCode, id, message);
      return "lapses";
    }
    const because = "the sign-in was renewed";
    await journal.settleException(tx, { code: consentLapsesCode, subject: id, because, actorId: deps.actorId });
    return "holds";
  });
