/**
 * Adopt: the record that came of an accepted invitation becomes ours: a deal, linked or new, and its share in the state that the
 * partner's record says. Nothing the CRM knows is overwritten, and no deal is linked that nobody named.
 */
import type { ReferredDeal } from "../adapters/contract.ts";
import { type Connection, type Observation, opportunityInputSchema, partnerNames } from "../src/domain/deal.ts";
import { gapSentence } from "../src/domain/fault.ts";
import type { Invitation } from "../src/domain/invitation.ts";
import type { Tx } from "../src/ports.ts";
import { comeBackAt, coSellOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { settleTrouble } from "./invitations.ts";

const attemptsMax = 12;

type Adopted =
  | { readonly kind: "done"; readonly shareId: string }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };
type Found =
  | { readonly kind: "found"; readonly remoteId: string | null }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

/** Looks for what came of an invitation that was accepted elsewhere. `remoteId` null: the partner does not tell. */
export const findMade = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly name: string; readonly invitationId: string },
): Promise<Exclude<Found, { readonly kind: "wait" }>> => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = await runStep(step, `find-${at.name}-${attempt}`, () => findOnce(deps, at.invitationId, attempt));
    if (found.kind !== "wait") return found;
    await step.sleepUntil(`find-wait-${at.name}-${attempt}`, found.until);
  }
  throw new Error(`what came of invitation ${at.invitationId} could not be read in ${attemptsMax} attempts`);
};

const findOnce = async (deps: WorkflowDeps, invitationId: string, attempt: number): Promise<Found> => {
  const { db, store } = deps;
  const invitation = await store.invitations.find(db.sql, invitationId);
  const read = await store.invitations.readObservation(db.sql, invitationId);
  const connection = invitation === null ? null : await store.connections.find(db.sql, invitation.connectionId);
  if (read === null || connection === null || connection.state === "parked")
    return { kind: "stop", why: "the connection is parked" };
  const { invitations } = coSellOf(deps.registry.open(connection), connection);
  const made = await invitations?.made(read);
  if (made === undefined) return { kind: "found", remoteId: null };
  if (made.ok) return { kind: "found", remoteId: made.value?.id ?? null };
  if (made.fault.kind !== "denied") return { kind: "wait", until: comeBackAt(made.fault, attempt, deps.clock.now()) };
  const { message } = made.fault;
  await db.transaction((tx) => store.connections.park(tx, connection.id, message, deps.actorId));
  deps.kick();
  return { kind: "stop", why: "the connection was parked" };
};

/** Reads the record and takes it in. Returns how it ended, in words. */
export const adopt = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly invitationId: string; readonly remoteId: string },
): Promise<string> => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const adopted = await runStep(step, `adopt-${attempt}`, () => adoptOnce(deps, at, attempt));
    if (adopted.kind === "done") return `accepted as ${adopted.shareId}`;
    if (adopted.kind === "stop") return adopted.why;
    await step.sleepUntil(`adopt-wait-${attempt}`, adopted.until);
  }
  throw new Error(`the record of invitation ${at.invitationId} could not be read in ${attemptsMax} attempts`);
};

const adoptOnce = async (
  deps: WorkflowDeps,
  at: { readonly invitationId: string; readonly remoteId: string },
  attempt: number,
): Promise<Adopted> => {
  const { db, store } = deps;
  const invitation = await store.invitations.find(db.sql, at.invitationId);
  const connection = invitation === null ? null : await store.connections.find(db.sql, invitation.connectionId);
  if (connection === null || connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
  const coSell = coSellOf(deps.registry.open(connection), connection);
  const lookedAt = deps.clock.now();
  const result = await coSell.look({ id: at.remoteId });
  await deps.at("adopt.answered");
  if (!result.ok) {
    const { fault } = result;
    if (fault.kind === "denied") {
      await db.transaction((tx) => store.connections.park(tx, connection.id, fault.message, deps.actorId));
      deps.kick();
      return { kind: "stop", why: "the connection was parked" };
    }
    if (fault.kind !== "drift" && fault.kind !== "rejected")
      // A record that is not there yet may take a while to be readable.
      return { kind: "wait", until: comeBackAt(fault, attempt, deps.clock.now()) };
    await db.transaction((tx) =>
      store.drifts.raise(tx, at.invitationId, fault, "The deal that came of it is not read yet."),
    );
    deps.kick();
    return { kind: "stop", why: "drift" };
  }
  const observation = result.value;
  const referred = coSell.invitations?.dealOf(observation);
  if (referred === undefined) return { kind: "stop", why: "the marketplace sends no invitations" };
  const adopted = await db.transaction((tx) =>
    takeIn(deps, tx, { invitationId: at.invitationId, connection, observation, referred, lookedAt }),
  );
  await deps.at("adopt.absorbed");
  deps.kick();
  return adopted;
};

interface Taking {
  readonly invitationId: string;
  readonly connection: Connection;
  readonly observation: Observation;
  readonly referred: ReferredDeal;
  readonly lookedAt: Date;
}

const takeIn = async (deps: WorkflowDeps, tx: Tx, taking: Taking): Promise<Adopted> => {
  const { store } = deps;
  const { connection, observation } = taking;
  const invitation = await store.invitations.lock(tx, taking.invitationId);
  if (invitation.shareId !== null) return { kind: "done", shareId: invitation.shareId };
  if (invitation.answer?.kind !== "accept") return { kind: "stop", why: `the invitation is ${invitation.state}` };
  const { actorId } = invitation.answer;
  const known = await store.shares.findByRemote(tx, connection.id, observation.ref.id);
  const knownShare = known === null ? null : await store.shares.find(tx, known.shareId);
  if (knownShare !== null) {
    const { id: shareId, opportunityId } = knownShare;
    await store.invitations.link(tx, invitation, { opportunityId, shareId, actorId });
    return { kind: "done", shareId };
  }
  const opportunityId = await chooseDeal(deps, tx, { ...taking, invitation });
  const share =
    opportunityId === null
      ? null
      : await store.shares.create(tx, { opportunityId, connectionId: connection.id, fields: {}, actorId });
  if (opportunityId === null || share === null) return askWhich(deps, tx, invitation);
  await openShare(deps, tx, { ...taking, invitation, shareId: share.id, opportunityId });
  await store.invitations.link(tx, invitation, { opportunityId, shareId: share.id, actorId });
  await settleTrouble(deps, tx, invitation.id, "the invitation is linked to its deal");
  await store.journal.settleException(tx, {
    code: "UNKNOWN_RECORD",
    subject: `${connection.id}/${observation.ref.id}`,
    because: `it came of invitation ${invitation.id}`,
    actorId: deps.actorId,
  });
  return { kind: "done", shareId: share.id };
};

interface Choosing extends Taking {
  readonly invitation: Invitation;
}

/** The deal that was named, or a new one; null when a person must choose. */
const chooseDeal = async (deps: WorkflowDeps, tx: Tx, choosing: Choosing): Promise<string | null> => {
  const { store } = deps;
  const { invitation, connection, observation, referred } = choosing;
  const { answer } = invitation;
  if (answer === null) return null;
  if (answer.opportunityId !== null) {
    const named = await store.opportunities.lock(tx, answer.opportunityId);
    return named?.id ?? null;
  }
  const candidates = await store.invitations.candidates(tx, invitation);
  if (candidates.length > 0 && !answer.openNew) return null;
  const source = connection.settings.referralSource;
  const { account } = referred.deal;
  // What the CRM knows of this company stays as it is.
  const knownAccount = await store.opportunities.knownAccount(tx, account);
  const saved = await store.opportunities.save(
    tx,
    opportunityInputSchema.parse({
      ...referred.deal,
      source: typeof source === "string" ? source : connection.marketplace,
      key: observation.ref.id,
      account: knownAccount ?? account,
      partner: partnerNames[connection.marketplace],
      tag: "sourced",
      taggedAt: answer.at,
    }),
    answer.actorId,
  );
  return saved.opportunity.id;
};

/** The share in the state their record says, its base, and the writes that their record makes needless. */
const openShare = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: Choosing & { readonly shareId: string; readonly opportunityId: string },
): Promise<void> => {
  const { store } = deps;
  const { connection, observation, referred, invitation, opportunityId } = at;
  const coSell = coSellOf(deps.registry.open(connection), connection);
  const share = await store.shares.lock(tx, at.shareId);
  const { draft } = await store.shares.drafted(tx, share);
  const { opportunity } = draft;
  await store.shares.engage(tx, share, observation.ref, observation.version);
  await store.effects.adopt(tx, { connection, share, opportunity }, referred.done);
  await store.shares.keepBase(tx, share.id, coSell.baseOf(observation));
  // Before the record is absorbed: it counts as the one acceptance of this record.
  await store.opportunities.touch(tx, {
    opportunityId,
    partnerId: await store.opportunities.partnerByName(tx, partnerNames[connection.marketplace]),
    kind: "acceptance",
    at: at.lookedAt,
    source: connection.id,
    sourceKey: `accepted:${observation.ref.id}`,
    actorId: invitation.answer?.actorId ?? deps.actorId,
  });
  const seen = { observation, lookedAt: at.lookedAt, older: false, actorId: deps.actorId };
  const { share: absorbed } = await store.shares.absorb(tx, share.id, seen);
  if (referred.isUnsubmitted) {
    const gaps = coSell.gaps(draft);
    const partner = partnerNames[connection.marketplace];
    const reason = gaps.length > 0 ? gapSentence(gaps) : `${partner} waits for the deal to be submitted`;
    await store.shares.move(tx, absorbed, { event: "partner_asked", actorId: deps.actorId, reason, gaps });
  }
  // Our key of the deal, and what the CRM states otherwise, is written back as soon as their record lets us.
  const current = await store.shares.lock(tx, share.id);
  await store.shares.wantRevision(tx, share.id, true);
  await store.shares.wish(tx, "share.revise.requested", current);
};

/** The partner has it as accepted, but only a person can say which deal it is. */
const askWhich = async (deps: WorkflowDeps, tx: Tx, invitation: Invitation): Promise<Adopted> => {
  const { store } = deps;
  const reason =
    invitation.answer?.opportunityId === null
      ? "Deals of the same company are known: name the one it belongs to, or ask for a new one."
      : "The deal that was named is gone, or is shared there already: name another one, or ask for a new one.";
  const accepted = await store.invitations.move(tx, invitation, { event: "accepted", actorId: deps.actorId, reason });
  await store.invitations.undecide(tx, accepted, reason);
  await store.journal.openException(tx, "INVITATION_UNLINKED", invitation.id, `The invitation was accepted. ${reason}`);
  return { kind: "stop", why: "a person must name the deal" };
};
