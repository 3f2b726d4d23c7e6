/**
 * Publication: a draft of ours becomes the marketplace's private offer. Each write is journalled before it is sent and planned
 * from what is confirmed so far, so a run that died anywhere is taken up again and never makes a second offer.
 */
import type { Outcome } from "../adapters/contract.ts";
import type { Tx } from "../src/ports.ts";
import type { Offer } from "../src/store/offer-row.ts";
import { type Client, dataOf, offersOf, runStep, type WorkflowDeps } from "./deps.ts";
import { lookAtOffer } from "./offer-look.ts";
import {
  type Before,
  carryOn,
  doneOf,
  intendNext,
  type Planned,
  remindOfReview,
  settleEffect,
} from "./offer-writes.ts";

export const createOfferPublish = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "offer-publish",
      triggers: [{ event: "offer.publish.requested" }],
      retries: 10,
      singleton: { key: "event.data.offerId", mode: "skip" },
      concurrency: [{ key: "event.data.connectionId", limit: 4 }],
      onFailure: async ({ event, step }) => {
        const { offerId } = dataOf("offer.publish.requested", event.data.event);
        await step.run("raise", () => raiseStalled(deps, offerId, "published"));
      },
    },
    async ({ event, step }) => {
      const { offerId } = dataOf("offer.publish.requested", event);
      const ended = await carryOn(deps, step, {
        name: "",
        plan: (name, before) => runStep<Planned>(step, name, () => plan(deps, offerId, before)),
      });
      if (ended.kind === "stop") return { offerId, ended: ended.why };
      if (ended.kind === "long") {
        await runStep(step, "remind", () => remindOfReview(deps, { offerId, since: ended.since }));
        return { offerId, ended: "the marketplace still works on it" };
      }
      const looked = await lookAtOffer(deps, step, { name: "end", offerId });
      return { offerId, ended: looked.kind === "absorbed" ? looked.state : looked.kind };
    },
  );

const plan = async (deps: WorkflowDeps, offerId: string, before: Before | null): Promise<Planned> => {
  const { db, store } = deps;
  const planned = await db.transaction(async (tx): Promise<Planned> => {
    let offer = await store.offers.lock(tx, offerId);
    const settled = before === null ? null : await settle(deps, tx, { offer, before });
    if (settled?.kind === "stop") return settled;
    offer = settled?.offer ?? offer;
    if (offer.state !== "publishing") return { kind: "stop", why: `the offer is ${offer.state}` };
    const connection = await store.connections.find(tx, offer.connectionId);
    if (connection === null || connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
    const offers = offersOf(deps.registry.open(connection), connection);
    const draft = await store.offers.drafted(tx, offer);
    const entries = await store.effects.listOf(tx, offerId);
    const next = offers.publication(draft, doneOf(entries));
    if (next.kind === "done" && offer.remoteId === null) {
      const made = madeOf(doneOf(entries));
      if (made !== null) await store.offers.engage(tx, offer, made, null);
    }
    return intendNext(deps, tx, { next, connection, owner: { offer }, entries });
  });
  await deps.at(before === null ? "offer.begun" : "offer.settled");
  await deps.at("effect.intended");
  deps.kick();
  return planned;
};

/** The record that the writes made: what a task made, else what a write without one names. */
const madeOf = (done: readonly Outcome[]): Outcome["ref"] | null => {
  const made = done.flatMap(({ task }) => (task?.state === "done" && task.made ? [task.made] : [])).at(-1);
  return made ?? done.at(-1)?.ref ?? null;
};

/** Takes in what a write came to: the record that it made, or the refusal, which brings the draft back with its fields. */
const settle = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: { readonly offer: Offer; readonly before: Before },
): Promise<{ readonly kind: "on"; readonly offer: Offer } | Extract<Planned, { kind: "stop" }>> => {
  const { store } = deps;
  const { offer } = at;
  const settled = await settleEffect(deps, tx, at.before);
  if (settled.kind === "stop") return settled;
  if (settled.kind === "again") return { kind: "on", offer };
  if (settled.kind === "refused") {
    const { reason, gaps } = settled;
    await store.offers.move(tx, offer, { event: "publish_refused", actorId: deps.actorId, reason, gaps });
    return { kind: "stop", why: "refused" };
  }
  const { outcome } = settled.entry;
  const task = outcome?.task ?? null;
  const ref =
    outcome === null ? null : task === null ? outcome.ref : task.state === "done" ? (task.made ?? null) : null;
  if (ref === null || offer.remoteId !== null) return { kind: "on", offer };
  return { kind: "on", offer: await store.offers.engage(tx, offer, ref, outcome?.version ?? null) };
};

export const raiseStalled = async (deps: WorkflowDeps, offerId: string, what: string): Promise<null> => {
  await deps.db.transaction((tx) =>
    deps.store.journal.openException(
      tx,
      "OFFER_STALLED",
      offerId,
      `This offer could not be ${what} in the attempts of one run. It is taken up again by the next sweep; look at the connection and the marketplace's status page.`,
    ),
  );
  deps.kick();
  return null;
};
