/** What a marketplace waits for from us before an agreement goes on: approvals, activations, answers. Read afresh, then journalled. */
import { agreementsOf, type Client, dataOf, runStep, type WorkflowDeps } from "./deps.ts";
import { absorbAgreement, afterFault, openActive } from "./offer-look.ts";
import { type Before, carryOn, doneOf, intendNext, type Planned, settleEffect } from "./offer-writes.ts";

export const createAgreementDuty = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "agreement-duty",
      triggers: [{ event: "agreement.duty.requested" }],
      retries: 10,
      singleton: { key: "event.data.agreementId", mode: "skip" },
      concurrency: [{ key: "event.data.connectionId", limit: 4 }],
    },
    async ({ event, step }) => {
      const { agreementId } = dataOf("agreement.duty.requested", event);
      let attempt = 0;
      const ended = await carryOn(deps, step, {
        name: "",
        plan: (name, before) =>
          runStep<Planned>(step, name, () => plan(deps, { agreementId, before, attempt: attempt++ })),
      });
      return { agreementId, ended: ended.kind === "stop" ? ended.why : ended.kind };
    },
  );

const plan = async (
  deps: WorkflowDeps,
  at: { readonly agreementId: string; readonly before: Before | null; readonly attempt: number },
): Promise<Planned> => {
  const { db, store } = deps;
  const { agreementId, before } = at;
  const stopped = before === null ? null : await db.transaction((tx) => settle(deps, tx, { agreementId, before }));
  if (stopped !== null) return stopped;
  const known = await store.agreements.find(db.sql, agreementId);
  const opened = known === null ? null : await openActive(deps, known.connectionId);
  if (known === null || opened === null) return { kind: "stop", why: "the connection is parked" };
  const { connection, session } = opened;
  const agreements = agreementsOf(session, connection);
  const { duty } = agreements;
  if (duty === undefined) return { kind: "done" };
  const read = await agreements.look({ id: known.remoteId, arn: known.remoteArn });
  await deps.at("agreement.looked");
  if (!read.ok)
    return afterFault(deps, { connectionId: connection.id, subject: agreementId, attempt: at.attempt }, read.fault);
  const observation = read.value;
  const planned = await db.transaction(async (tx): Promise<Planned> => {
    const agreement = await absorbAgreement(deps, tx, { connection, session, observation, isOnDuty: true });
    const entries = await store.effects.listOf(tx, agreementId);
    const next = duty(observation, doneOf(entries), agreement.decision);
    return intendNext(deps, tx, { next, connection, owner: { agreement }, entries });
  });
  await deps.at("effect.intended");
  deps.kick();
  return planned;
};

const settle = async (
  deps: WorkflowDeps,
  tx: Parameters<typeof settleEffect>[1],
  at: { readonly agreementId: string; readonly before: Before },
): Promise<Planned | null> => {
  const settled = await settleEffect(deps, tx, at.before);
  if (settled.kind === "stop") return settled;
  if (settled.kind !== "refused") return null;
  await deps.store.journal.openException(
    tx,
    "DUTY_REFUSED",
    at.agreementId,
    `The marketplace waits for us at an agreement and refused what we sent. ${settled.reason}`,
  );
  return { kind: "stop", why: "refused" };
};
