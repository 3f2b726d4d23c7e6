/** A change of a published offer: its last day to accept moves, or it is taken back. All its writes are planned on one reading. */
import type { Offers } from "../adapters/contract.ts";
import { gapSentence } from "../src/domain/fault.ts";
import type { OfferObservation } from "../src/domain/offer.ts";
import { isDraftOffer, isOfferEnded } from "../src/domain/offer-state.ts";
import type { Tx } from "../src/ports.ts";
import type { Offer, StoredChange } from "../src/store/offer-row.ts";
import { wholeTerms } from "../src/store/offer-row.ts";
import { type Client, dataOf, offersOf, runStep, type WorkflowDeps } from "./deps.ts";
import { absorbOffer, afterFault, lookAtOffer, openActive } from "./offer-look.ts";
import { raiseStalled } from "./offer-publish.ts";
import {
  type Before,
  carryOn,
  doneOf,
  intendNext,
  type Planned,
  remindOfReview,
  settleEffect,
} from "./offer-writes.ts";

export const createOfferChange = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "offer-change",
      triggers: [{ event: "offer.change.requested" }],
      retries: 10,
      singleton: { key: "event.data.offerId", mode: "skip" },
      concurrency: [{ key: "event.data.connectionId", limit: 4 }],
      onFailure: async ({ event, step }) => {
        const { offerId } = dataOf("offer.change.requested", event.data.event);
        await step.run("raise", () => raiseStalled(deps, offerId, "changed"));
      },
    },
    async ({ event, step }) => {
      const { offerId } = dataOf("offer.change.requested", event);
      let attempt = 0;
      const ended = await carryOn(deps, step, {
        name: "",
        plan: (name, before) => runStep<Planned>(step, name, () => plan(deps, { offerId, before, attempt: attempt++ })),
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

interface Change {
  readonly offer: Offer;
  readonly change: StoredChange;
}

const plan = async (
  deps: WorkflowDeps,
  at: { readonly offerId: string; readonly before: Before | null; readonly attempt: number },
): Promise<Planned> => {
  const { db, store } = deps;
  const { offerId } = at;
  const settled = await db.transaction((tx) => settle(deps, tx, at));
  if (settled !== null) return settled;
  const read = await readPlanned(deps, at);
  if (!("observation" in read)) return read;
  const { connection, offers, observation } = read;
  const planned = await db.transaction(async (tx): Promise<Planned> => {
    const offer = await store.offers.lock(tx, offerId);
    const { change } = offer;
    if (change === null) return { kind: "stop", why: "no change is under way" };
    if (wholeTerms(offer) === null) return fail(deps, tx, offer, "Too little of this offer is known to change it.");
    const draft = await store.offers.drafted(tx, offer);
    const entries = await store.effects.listOf(tx, offerId);
    const next = nextOf(offers, { change, done: doneOf(entries), on: { draft, ref: observation.ref, observation } });
    if (next === null) return fail(deps, tx, offer, "The marketplace does not let this be changed.");
    const intended = await intendNext(deps, tx, { next, connection, owner: { offer }, entries });
    if (intended.kind === "done") await finish(deps, tx, { offer, change });
    return intended;
  });
  await deps.at(at.before === null ? "change.begun" : "change.settled");
  await deps.at("effect.intended");
  deps.kick();
  return planned;
};

const nextOf = (
  offers: Offers,
  at: {
    readonly change: StoredChange;
    readonly done: ReturnType<typeof doneOf>;
    readonly on: Parameters<NonNullable<Offers["withdrawal"]>>[0];
  },
) =>
  at.change.kind === "extend"
    ? (offers.extension?.(at.on, at.change.acceptBy, at.done) ?? null)
    : (offers.withdrawal?.(at.on, at.done) ?? null);

/** Takes in what a write came to. Null: go on. */
const settle = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: { readonly offerId: string; readonly before: Before | null },
): Promise<Planned | null> => {
  const { offers } = deps.store;
  const offer = await offers.lock(tx, at.offerId);
  if (offer.change === null) return { kind: "stop", why: "no change is under way" };
  if (isOfferEnded(offer.state)) return fail(deps, tx, offer, `The offer is ${offer.state}.`);
  if (at.before === null) return null;
  const settled = await settleEffect(deps, tx, at.before);
  if (settled.kind === "stop") return settled;
  // Their record moved under us: it is read anew before the change is planned again.
  if (settled.kind === "again") await offers.keepPlanned(tx, offer.id, null);
  if (settled.kind !== "refused") return null;
  const why = settled.gaps.length > 0 ? gapSentence(settled.gaps) : settled.reason;
  return fail(deps, tx, offer, why);
};

/** The reading that the change is planned on: read once, the same for all its writes. */
const readPlanned = async (
  deps: WorkflowDeps,
  at: { readonly offerId: string; readonly attempt: number },
): Promise<
  | Planned
  | {
      readonly connection: NonNullable<Awaited<ReturnType<typeof openActive>>>["connection"];
      readonly offers: Offers;
      readonly observation: OfferObservation;
    }
> => {
  const { db, store } = deps;
  const offer = await store.offers.find(db.sql, at.offerId);
  const opened = offer === null ? null : await openActive(deps, offer.connectionId);
  if (offer === null || opened === null) return { kind: "stop", why: "the connection is parked" };
  if (offer.remoteId === null) return { kind: "stop", why: "the marketplace has no record of it" };
  const { connection, session } = opened;
  const offers = offersOf(session, connection);
  const planned = await store.offers.readPlanned(db.sql, offer.id);
  if (planned !== null) return { connection, offers, observation: planned };
  const result = await offers.look({ id: offer.remoteId, arn: offer.remoteArn });
  await deps.at("offer.looked");
  if (!result.ok) {
    if (result.fault.kind === "missing" && isDraftOffer(offer.state)) return goneAlready(deps, offer.id);
    const after = await afterFault(
      deps,
      { connectionId: connection.id, subject: offer.id, attempt: at.attempt },
      result.fault,
    );
    return after;
  }
  const observation = result.value;
  const ended = await db.transaction(async (tx) => {
    const owned = await store.offers.lock(tx, offer.id);
    const seen = await absorbOffer(deps, tx, { connection, session, observation, owned });
    if (seen.change === null || isOfferEnded(seen.state)) return seen.state;
    await store.offers.keepPlanned(tx, offer.id, observation);
    return null;
  });
  return ended === null ? { connection, offers, observation } : { kind: "stop", why: `the offer is ${ended}` };
};

/** Somebody has deleted the draft at the marketplace: there is nothing left to take back. */
const goneAlready = async (deps: WorkflowDeps, offerId: string): Promise<Planned> => {
  const { db, store } = deps;
  await db.transaction(async (tx) => {
    const offer = await store.offers.lock(tx, offerId);
    if (offer.change !== null) await finish(deps, tx, { offer, change: offer.change });
  });
  deps.kick();
  return { kind: "stop", why: "the draft was deleted already" };
};

/** The marketplace has done it: the offer here follows, and the look that comes after tells whether it shows already. */
const finish = async (deps: WorkflowDeps, tx: Tx, { offer, change }: Change): Promise<void> => {
  const { offers } = deps.store;
  const { actorId } = change;
  if (change.kind === "withdraw") {
    await offers.move(tx, offer, { event: "withdrawn", actorId, reason: change.reason });
    return;
  }
  const { acceptBy } = change;
  const ended = await offers.endChange(tx, offer, { what: "extension_done", note: `to ${acceptBy}`, actorId });
  const set = await offers.setAcceptBy(tx, ended, acceptBy);
  if (set.state === "expired") await offers.move(tx, set, { event: "extended", actorId, acceptBy });
  else {
    const { id: offerId, connectionId, state } = set;
    await deps.store.journal.tell(tx, "offer.extended", offerId, {
      ...{ offerId, connectionId, from: state, to: state },
      acceptBy,
    });
  }
  const subject = { code: "OFFER_EXPIRING", subject: offer.id, because: `it was extended to ${acceptBy}`, actorId };
  await deps.store.journal.settleException(tx, subject);
};

/** It cannot be done: the offer stays as it is, and whoever asked is told why. */
const fail = async (deps: WorkflowDeps, tx: Tx, offer: Offer, why: string): Promise<Planned> => {
  const { offers, journal } = deps.store;
  const what = offer.change?.kind === "withdraw" ? "withdrawal" : "extension";
  await offers.endChange(tx, offer, { what: `${what}_refused`, note: why, actorId: deps.actorId });
  const isOver = isOfferEnded(offer.state);
  if (!isOver)
    await journal.openException(tx, "OFFER_CHANGE_REFUSED", offer.id, `The ${what} of an offer was refused. ${why}`);
  return { kind: "stop", why };
};
