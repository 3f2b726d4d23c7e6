/** Looks at offers and agreements: one read of the marketplace's record, absorbed in one transaction with all that follows. */
import type { Session } from "../adapters/contract.ts";
import type { Connection, RemoteRef } from "../src/domain/deal.ts";
import type { Fault } from "../src/domain/fault.ts";
import type { AgreementObservation, OfferObservation } from "../src/domain/offer.ts";
import { isOpenOffer } from "../src/domain/offer-state.ts";
import type { Tx } from "../src/ports.ts";
import type { Offer } from "../src/store/offer-row.ts";
import { agreementsOf, comeBackAt, offersOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { adoptOffer } from "./offer-adopt.ts";
import { moveStage, tellShare } from "./offer-stage.ts";

const attemptsMax = 12;

export type LookedAt =
  | { readonly kind: "absorbed"; readonly id: string; readonly state: string }
  | { readonly kind: "wait"; readonly until: string }
  /** A record that may be one of ours on its way back to us. */
  | { readonly kind: "unsure" }
  | { readonly kind: "stop"; readonly why: string };

interface Opened {
  readonly connection: Connection;
  readonly session: Session;
}
/** The connection's session, or null where nothing may be sent. */
export const openActive = async (deps: WorkflowDeps, connectionId: string): Promise<Opened | null> => {
  const connection = await deps.store.connections.find(deps.db.sql, connectionId);
  return connection === null || connection.state === "parked"
    ? null
    : { connection, session: deps.registry.open(connection) };
};
const parked: LookedAt = { kind: "stop", why: "the connection is parked" };

/** What a read's fault means: come back, or stop. `subject` is told of what nobody understands. */
export const afterFault = async (
  deps: WorkflowDeps,
  at: { readonly connectionId: string; readonly subject: string; readonly attempt: number },
  fault: Fault,
): Promise<Extract<LookedAt, { kind: "wait" | "stop" }>> => {
  const { db, store } = deps;
  switch (fault.kind) {
    case "throttled":
    case "unavailable":
    case "ambiguous":
    case "conflict":
      return { kind: "wait", until: comeBackAt(fault, at.attempt, deps.clock.now()) };
    case "denied":
      await db.transaction((tx) => store.connections.park(tx, at.connectionId, fault.message, deps.actorId));
      deps.kick();
      return { kind: "stop", why: "the connection was parked" };
    case "missing":
      return { kind: "stop", why: "the marketplace has no such record" };
    case "rejected":
    case "drift":
      await db.transaction((tx) => store.drifts.raise(tx, at.subject, fault, "The state is kept."));
      deps.kick();
      return { kind: "stop", why: fault.message };
  }
};

/** Looks at an offer of ours until the marketplace answered. */
export const lookAtOffer = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly name: string; readonly offerId: string },
): Promise<LookedAt> => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const looked = await runStep<LookedAt>(step, `look-${at.name}-${attempt}`, async () => {
      const offer = await deps.store.offers.find(deps.db.sql, at.offerId);
      if (offer?.remoteId == null) return { kind: "stop", why: "the marketplace has no record of it yet" };
      const { connectionId, remoteId } = offer;
      return lookOffer(deps, { connectionId, remoteId, attempt, isSure: true });
    });
    if (looked.kind !== "wait") return looked;
    await step.sleepUntil(`look-wait-${at.name}-${attempt}`, looked.until);
  }
  return { kind: "stop", why: "the marketplace did not answer" };
};

export interface OfferLook {
  readonly connectionId: string;
  readonly remoteId: string;
  readonly attempt: number;
  /** The record is ours, or we have waited long enough to call it somebody else's. */
  readonly isSure: boolean;
}

/** One look at the marketplace's record of an offer, ours or not. */
export const lookOffer = async (deps: WorkflowDeps, at: OfferLook): Promise<LookedAt> => {
  const opened = await openActive(deps, at.connectionId);
  if (opened === null) return parked;
  const known = await deps.store.offers.findByRemote(deps.db.sql, at.connectionId, at.remoteId);
  const ref: RemoteRef = { id: at.remoteId, arn: known?.remoteArn ?? null };
  const result = await offersOf(opened.session, opened.connection).look(ref);
  await deps.at("offer.looked");
  if (!result.ok) return afterFault(deps, { ...at, subject: known?.id ?? at.connectionId }, result.fault);
  const observation = result.value;
  const looked = await deps.db.transaction(async (tx): Promise<LookedAt> => {
    const owned = await ownerOf(deps, tx, { ...at, observation });
    if (owned === "unsure") return { kind: "unsure" };
    const offer = await absorbOffer(deps, tx, { ...opened, observation, owned });
    return { kind: "absorbed", id: offer.id, state: offer.state };
  });
  await deps.at("offer.absorbed");
  deps.kick();
  if (looked.kind === "absorbed") await askForAgreements(deps, opened, { observation, before: known });
  return looked;
};

/** Whose record it is: the offer that has it, the one whose mark it carries, nobody's. */
const ownerOf = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: OfferLook & { readonly observation: OfferObservation },
): Promise<Offer | "unsure" | null> => {
  const { offers } = deps.store;
  const { connectionId, observation } = at;
  const known = await offers.findByRemote(tx, connectionId, observation.ref.id);
  if (known !== null) return known;
  const marked = observation.marker === null ? null : await offers.findByMarker(tx, connectionId, observation.marker);
  if (marked !== null) {
    // A copy that somebody made of our offer carries our mark too: it is theirs.
    const locked = await offers.lock(tx, marked.id);
    return locked.remoteId === null ? offers.engage(tx, locked, observation.ref, observation.version) : null;
  }
  if (at.isSure || observation.marker !== null) return null;
  const [row] = await tx<
    { publishing: boolean }[]
  >`select exists(select from offer where connection_id = ${connectionId}
    and state = 'publishing' and remote_id is null) as publishing`;
  return row?.publishing === true ? "unsure" : null;
};

/** Absorbs an observation and everything that follows from it in our own house. */
export const absorbOffer = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: Opened & { readonly observation: OfferObservation; readonly owned: Offer | null },
): Promise<Offer> => {
  const { connection, observation, owned } = at;
  const { actorId } = deps;
  const before = owned?.state ?? "draft";
  const offer =
    owned === null
      ? await adoptOffer(deps, tx, { connection, observation })
      : (await deps.store.offers.absorb(tx, owned.id, { observation, actorId })).offer;
  if (offer.state !== before && !isOpenOffer(before) && isOpenOffer(offer.state))
    await tellShare(deps, tx, offer.shareId);
  if (offer.state === "accepted" && before !== "accepted") await accepted(deps, tx, { connection, offer });
  if (observation.agreement !== null && (owned === null || before !== offer.state))
    await deps.store.journal.tell(tx, "agreement.hinted", connection.id, {
      connectionId: connection.id,
      remoteId: observation.agreement.id,
    });
  return offer;
};

/** What an acceptance does: the deal moves on where it may, and its share learns of the offer. */
const accepted = async (
  deps: WorkflowDeps,
  tx: Tx,
  { connection, offer }: { readonly connection: Connection; readonly offer: Offer },
): Promise<void> => {
  const { opportunityId, id: subject } = offer;
  await moveStage(deps, tx, { connection, opportunityId, stage: "committed", subject });
  await tellShare(deps, tx, offer.shareId);
};

/** An offer that was accepted and does not say into what: the marketplace is asked once. */
const askForAgreements = async (
  deps: WorkflowDeps,
  { connection, session }: Opened,
  at: { readonly observation: OfferObservation; readonly before: Offer | null },
): Promise<void> => {
  const { observation, before } = at;
  const isNews = observation.event === "accepted" && before?.state !== "accepted";
  if (!isNews || observation.agreement !== null || session.agreements === undefined) return;
  const found = await session.agreements.ofOffer(observation.ref);
  // What is not found now is told by the sweep of agreements.
  if (!found.ok || found.value.length === 0) return;
  const connectionId = connection.id;
  await deps.db.transaction((tx) =>
    deps.store.journal.tellAll(
      tx,
      "agreement.hinted",
      found.value.map(({ id: remoteId }) => ({ subject: connectionId, data: { connectionId, remoteId } })),
    ),
  );
  deps.kick();
};

/** One look at an agreement; `duty` tells whether something there waits for us. */
export const lookAgreement = async (
  deps: WorkflowDeps,
  at: { readonly connectionId: string; readonly remoteId: string; readonly attempt: number },
): Promise<LookedAt> => {
  const opened = await openActive(deps, at.connectionId);
  if (opened === null) return parked;
  const { connection, session } = opened;
  const known = await deps.store.agreements.findByRemote(deps.db.sql, at.connectionId, at.remoteId);
  const ref: RemoteRef = { id: at.remoteId, arn: known?.remoteArn ?? null };
  const agreements = agreementsOf(session, connection);
  const result = await agreements.look(ref);
  await deps.at("agreement.looked");
  if (!result.ok) {
    if (result.fault.kind === "missing" && known !== null) await deleted(deps, known, agreements.onDeletion);
    return afterFault(deps, { ...at, subject: known?.id ?? at.connectionId }, result.fault);
  }
  const looked = await deps.db.transaction(async (tx): Promise<LookedAt> => {
    const agreement = await absorbAgreement(deps, tx, { connection, session, observation: result.value });
    return { kind: "absorbed", id: agreement.id, state: agreement.state };
  });
  await deps.at("agreement.absorbed");
  deps.kick();
  return looked;
};

/** The marketplace has deleted an agreement that we know: it is over, and what is owed then is called for, once. */
const deleted = async (deps: WorkflowDeps, known: Agreement, duty: string | undefined): Promise<void> => {
  if (duty === undefined) return;
  const { db, store, actorId } = deps;
  await db.transaction(async (tx) => {
    const agreement = await store.agreements.lock(tx, known.id);
    if (!(await store.agreements.noteDeletion(tx, agreement, actorId))) return;
    const because = "the marketplace has deleted it";
    await store.agreements.move(tx, agreement, { event: "ended", actorId, reason: because });
    const message = `${duty} Close this exception when it is done, and say by whom: that is your proof.`;
    await store.journal.openException(tx, "DATA_DELETION_DUE", known.id, message);
  });
  deps.kick();
};

/** Absorbs an agreement, ties it to its offer and deal, and asks for what it waits for. */
export const absorbAgreement = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: Opened & {
    readonly observation: AgreementObservation;
    /** The run that does what it waits for sees to it itself. */
    readonly isOnDuty?: true;
  },
) => {
  const { connection, session, observation } = at;
  const { store, actorId } = deps;
  const connectionId = connection.id;
  const absorbed = await store.agreements.absorb(tx, { connectionId, observation, actorId });
  let { agreement } = absorbed;
  const offer =
    observation.offer === null ? null : await store.offers.findByRemote(tx, connectionId, observation.offer);
  if (offer !== null && agreement.offerId === null) {
    const note = `it came of ${offer.remoteId}`;
    const to = { offerId: offer.id, opportunityId: offer.opportunityId, actorId, note };
    agreement = await store.agreements.link(tx, agreement, to);
  }
  if (offer === null && agreement.opportunityId === null) agreement = await inherit(deps, tx, agreement);
  if (offer !== null && offer.state !== "accepted") {
    const evidence =
      observation.evidence ?? ({ kind: "inferred", from: `the agreement ${observation.ref.id}` } as const);
    const moved = await store.offers.acceptedBy(tx, await store.offers.lock(tx, offer.id), { evidence, actorId });
    if (moved.state === "accepted") await accepted(deps, tx, { connection, offer: moved });
  }
  if (absorbed.isNew && agreement.opportunityId === null) await suggestFor(deps, tx, observation, agreement.id);
  await begun(deps, tx, { connection, agreement });
  if (at.isOnDuty) return agreement;
  const done = (await store.effects.listOf(tx, agreement.id)).flatMap((entry) =>
    entry.state === "confirmed" && entry.outcome !== null ? [entry.outcome] : [],
  );
  if (
    session.agreements?.duty !== undefined &&
    session.agreements.duty(observation, done, agreement.decision).kind !== "done"
  )
    await store.journal.tell(tx, "agreement.duty.requested", agreement.id, { agreementId: agreement.id, connectionId });
  return agreement;
};

type Agreement = Awaited<ReturnType<WorkflowDeps["store"]["agreements"]["lock"]>>;

/** Service and billing run from the first day of an active agreement on. */
const begun = async (
  deps: WorkflowDeps,
  tx: Tx,
  { connection, agreement }: { readonly connection: Connection; readonly agreement: Agreement },
): Promise<void> => {
  const { opportunityId, id: subject, startsAt } = agreement;
  if (agreement.state !== "active" || (startsAt !== null && startsAt > deps.clock.now())) return;
  await moveStage(deps, tx, { connection, opportunityId, stage: "launched", subject });
};

/** A renewal belongs to the deal of the agreement before it. */
const inherit = async (deps: WorkflowDeps, tx: Tx, agreement: Agreement): Promise<Agreement> => {
  const before = agreement.previousId === null ? null : await deps.store.agreements.find(tx, agreement.previousId);
  if (before?.opportunityId == null) return agreement;
  const note = `it follows ${before.remoteId}`;
  const to = { offerId: null, opportunityId: before.opportunityId, actorId: deps.actorId, note };
  return deps.store.agreements.link(tx, agreement, to);
};

const suggestFor = async (
  deps: WorkflowDeps,
  tx: Tx,
  observation: AgreementObservation,
  subject: string,
): Promise<void> => {
  const { total, buyer } = observation;
  await deps.store.offerSuggestions.suggest(tx, { subject, buyerName: buyer.name, total });
};
