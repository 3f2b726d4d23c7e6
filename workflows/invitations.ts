/**
 * Invitations arrive: a hint, or the sweep's poll, leads to one look; what the partner says is kept and told, the rules answer
 * what they cover, and the rest waits for a person, who is reminded before it runs out.
 */
import type { Invitations } from "../adapters/contract.ts";
import { answerRecord, decide } from "../src/domain/answer-rule.ts";
import type { Connection } from "../src/domain/deal.ts";
import type { Fault } from "../src/domain/fault.ts";
import {
  type Invitation,
  type InvitationAnswer,
  type InvitationObservation,
  isUnlinked,
} from "../src/domain/invitation.ts";
import type { Tx } from "../src/ports.ts";
import { type Client, comeBackAt, coSellOf, dataOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";

const attemptsMax = 12;
/** Pages of one poll: a seller with more invitations waiting hears of the rest by event. */
const pagesMax = 20;

export type LookedAt =
  | { readonly kind: "seen"; readonly invitationId: string; readonly state: string }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

export interface RemoteInvitation {
  readonly connectionId: string;
  readonly remoteId: string;
}

export const createInvitation = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "invitation",
      triggers: [{ event: "invitation.hinted" }],
      retries: 5,
      singleton: { key: "event.data.connectionId + event.data.remoteId", mode: "skip" },
    },
    async ({ event, step }) => {
      const { connectionId, remoteId } = dataOf("invitation.hinted", event);
      const looked = await lookUntilSeen(deps, step, "hint", { connectionId, remoteId });
      return { remoteId, ended: looked.kind === "seen" ? looked.state : looked.kind };
    },
  );

/** Looks until the partner answered, waiting as it asks. Throws when nothing was learnt in the attempts of one run. */
export const lookUntilSeen = async (
  deps: WorkflowDeps,
  step: Steps,
  name: string,
  remote: RemoteInvitation,
): Promise<LookedAt> => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const looked = await runStep(step, `look-${name}-${attempt}`, () => lookOnce(deps, remote, attempt));
    if (looked.kind !== "wait") return looked;
    await step.sleepUntil(`look-wait-${name}-${attempt}`, looked.until);
  }
  throw new Error(`invitation ${remote.remoteId} could not be read in ${attemptsMax} attempts`);
};

const lookOnce = async (deps: WorkflowDeps, remote: RemoteInvitation, attempt: number): Promise<LookedAt> => {
  const { db, store } = deps;
  const connection = await store.connections.find(db.sql, remote.connectionId);
  if (connection === null || connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
  const { invitations } = coSellOf(deps.registry.open(connection), connection);
  if (invitations === undefined) return { kind: "stop", why: "the marketplace sends no invitations" };
  const known = await store.invitations.findByRemote(db.sql, connection.id, remote.remoteId);
  const lookedAt = deps.clock.now();
  const result = await invitations.look({ id: remote.remoteId, arn: known?.remoteArn ?? null });
  await deps.at("invitation.answered");
  if (!result.ok) return recordFailedLook(deps, { remote, known, attempt }, result.fault);
  const observation = result.value;
  const invitation = await db.transaction(async (tx) => {
    const seen = { connectionId: connection.id, observation, lookedAt, actorId: deps.actorId };
    const { invitation: kept, isNew } = await store.invitations.observe(tx, seen);
    const absorbed = await absorb(deps, tx, kept, observation);
    if (isNew && absorbed.state === "received") return applyRules(deps, tx, absorbed);
    if (absorbed.state !== kept.state || isNew) return adoptElsewhere(deps, tx, absorbed);
    return absorbed;
  });
  await deps.at("invitation.absorbed");
  deps.kick();
  return { kind: "seen", invitationId: invitation.id, state: invitation.state };
};

const absorb = (
  deps: WorkflowDeps,
  tx: Tx,
  kept: Invitation,
  observation: InvitationObservation,
): Promise<Invitation> => {
  // Past its date it takes no answer any more, whether or not the partner has noticed.
  const ranOut = kept.state === "received" && kept.expiresAt !== null && kept.expiresAt <= deps.clock.now();
  const event = observation.event ?? (ranOut ? "expired" : null);
  const reasons = {
    accepted: "Accepted in the partner's portal.",
    rejected: `Rejected in the partner's portal${observation.rejectedBecause === null ? "" : `: ${observation.rejectedBecause}`}.`,
    expired: "It ran out before it was answered.",
  };
  const isOurs = kept.state === "rejecting" && event === "rejected";
  const reason = event === null || isOurs ? null : reasons[event];
  return deps.store.invitations.absorb(tx, kept, { event, reason, actorId: deps.actorId });
};

/** The first rule of the connection that holds decides; no rule means that a person does. */
const applyRules = async (deps: WorkflowDeps, tx: Tx, invitation: Invitation): Promise<Invitation> => {
  const { store } = deps;
  const rules = await store.answerRules.list(tx, invitation.connectionId);
  if (rules.length === 0) return invitation;
  const candidates = await store.invitations.candidates(tx, invitation);
  const rule = decide(rules, answerRecord(invitation, candidates.length, deps.clock.now()));
  if (rule === null) return invitation;
  const note = `by rule ${JSON.stringify(rule.name)} (${rule.id}), version ${rule.version}`;
  if (rule.action === "leave") {
    await store.journal.note(tx, { subject: invitation.id, actorId: deps.actorId, what: "left_to_a_person", note });
    return invitation;
  }
  const answer: InvitationAnswer = {
    kind: rule.action === "reject" ? "reject" : "accept",
    reason: rule.reason,
    opportunityId: null,
    openNew: rule.action === "accept_as_new",
    actorId: deps.actorId,
    ruleId: rule.id,
    ruleVersion: rule.version,
    at: deps.clock.now().toISOString(),
  };
  return store.invitations.decide(tx, invitation, answer, note);
};

/** Somebody accepted it in the partner's portal: its deal becomes ours as well, unless a person must say which one it is. */
const adoptElsewhere = async (deps: WorkflowDeps, tx: Tx, invitation: Invitation): Promise<Invitation> => {
  if (!isUnlinked(invitation) || invitation.answer !== null) return invitation;
  const { store } = deps;
  const candidates = await store.invitations.candidates(tx, invitation);
  if (candidates.length > 0) {
    await store.journal.openException(
      tx,
      "INVITATION_UNLINKED",
      invitation.id,
      `The invitation was accepted in the partner's portal, and ${candidates.length} known deals are of the same company. Accept it here too and say which deal it is, or that it is a new one.`,
    );
    return invitation;
  }
  const answer: InvitationAnswer = {
    kind: "accept",
    reason: null,
    opportunityId: null,
    openNew: false,
    actorId: deps.actorId,
    ruleId: null,
    ruleVersion: null,
    at: deps.clock.now().toISOString(),
  };
  return store.invitations.decide(tx, invitation, answer, "accepted in the partner's portal");
};

const recordFailedLook = async (
  deps: WorkflowDeps,
  at: { readonly remote: RemoteInvitation; readonly known: Invitation | null; readonly attempt: number },
  fault: Fault,
): Promise<LookedAt> => {
  const { db, store } = deps;
  const { remote, known } = at;
  switch (fault.kind) {
    case "throttled":
    case "unavailable":
    case "ambiguous":
    case "conflict":
      return { kind: "wait", until: comeBackAt(fault, at.attempt, deps.clock.now()) };
    case "denied":
      await db.transaction((tx) => tellDenied(deps, tx, remote.connectionId, fault));
      deps.kick();
      return { kind: "stop", why: "reading invitations is not allowed" };
    case "missing":
      // One we never saw may not be for us, or not readable yet: the sweep's poll knows better.
      if (known === null) return { kind: "stop", why: "the partner has no such invitation" };
      await db.transaction(async (tx) => {
        const invitation = await store.invitations.lock(tx, known.id);
        const reason = "The partner no longer shows this invitation.";
        await store.invitations.absorb(tx, invitation, { event: "expired", reason, actorId: deps.actorId });
      });
      deps.kick();
      return { kind: "stop", why: "gone at the partner" };
    case "rejected":
    case "drift": {
      const subject = known?.id ?? `${remote.connectionId}/${remote.remoteId}`;
      await db.transaction((tx) => store.drifts.raise(tx, subject, fault, "The state is kept."));
      deps.kick();
      return { kind: "stop", why: fault.message };
    }
  }
};

/** Deals still go out without this permission, so the connection is not parked for it. */
const tellDenied = (deps: WorkflowDeps, tx: Tx, connectionId: string, fault: Fault): Promise<string | null> =>
  deps.store.journal.openException(
    tx,
    "INVITATIONS_DENIED",
    connectionId,
    `Referrals cannot be read. ${fault.message} Allow the connection to list and read them.`,
  );

/** Remote ids of all invitations that wait at the partner, or null when they could not be read now: the next sweep asks again. */
export const listPending = async (deps: WorkflowDeps, connection: Connection): Promise<readonly string[] | null> => {
  const { invitations } = coSellOf(deps.registry.open(connection), connection);
  if (invitations === undefined) return null;
  const ids: string[] = [];
  let cursor: Parameters<Invitations["pending"]>[0] = null;
  for (let page = 0; page < pagesMax; page++) {
    const listed: Awaited<ReturnType<Invitations["pending"]>> = await invitations.pending(cursor);
    if (!listed.ok) {
      const { fault } = listed;
      if (fault.kind === "denied") await deps.db.transaction((tx) => tellDenied(deps, tx, connection.id, fault));
      else deps.log.warn("waiting invitations could not be listed", { connection: connection.id, fault: fault.kind });
      return null;
    }
    ids.push(...listed.value.items.map((hint) => hint.id));
    if (!listed.value.more) return ids;
    cursor = listed.value.cursor;
  }
  return null;
};

/** Word that was lost: those that wait there and are unknown here, and those that wait here and no longer there. */
export const hintMissed = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: { readonly connectionId: string; readonly pending: readonly string[] },
): Promise<number> => {
  const { invitations, journal } = deps.store;
  const { connectionId, pending } = at;
  const because = "the invitations could be listed again";
  await journal.settleException(tx, {
    code: "INVITATIONS_DENIED",
    subject: connectionId,
    because,
    actorId: deps.actorId,
  });
  const known = new Set(await invitations.listKnown(tx, connectionId, pending));
  const there = new Set(pending);
  const gone = (await invitations.listWaiting(tx, connectionId)).filter((id) => !there.has(id));
  const missed = [...pending.filter((id) => !known.has(id)), ...gone];
  for (const remoteId of missed) await journal.tell(tx, "invitation.hinted", connectionId, { connectionId, remoteId });
  return missed.length;
};

/** What was open about an invitation is over. */
export const settleTrouble = async (deps: WorkflowDeps, tx: Tx, id: string, because: string): Promise<void> => {
  for (const code of ["ANSWER_REFUSED", "ANSWER_STALLED", "EFFECT_STUCK", "INVITATION_UNLINKED"])
    await deps.store.journal.settleException(tx, { code, subject: id, because, actorId: deps.actorId });
};

/** Tells of invitations that will run out soon, and looks at those whose day has come. One pass over a table of dates. */
export const remindOfExpiry = async (deps: WorkflowDeps, tx: Tx): Promise<number> => {
  const { invitations, journal, connections } = deps.store;
  const due = await invitations.takeDue(tx);
  for (const date of due) {
    const { invitationId, connectionId, remoteId, days, expiresAt } = date;
    if (days > 0) {
      if (date.state === "received") {
        const data = { invitationId, connectionId, expiresAt: expiresAt.toISOString(), daysLeft: days };
        await journal.tell(tx, "invitation.expiring", invitationId, data);
      }
      continue;
    }
    const connection = await connections.find(tx, connectionId);
    if (connection?.state === "active") {
      await journal.tell(tx, "invitation.hinted", connectionId, { connectionId, remoteId });
      continue;
    }
    const invitation = await invitations.lock(tx, invitationId);
    const reason = "It ran out before it was answered.";
    if (invitation.state === "received")
      await invitations.absorb(tx, invitation, { event: "expired", reason, actorId: deps.actorId });
  }
  return due.length;
};
