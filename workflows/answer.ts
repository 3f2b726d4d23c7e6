/**
 * Answer: an invitation is accepted or rejected. Writes are planned by the adapter from what is confirmed so far and journalled
 * like those of a push, so a run that died anywhere is simply taken up again. What an acceptance makes becomes a deal of ours.
 */
import type { AnswerInput } from "../adapters/contract.ts";
import { gapSentence } from "../src/domain/fault.ts";
import { type Invitation, isUnlinked } from "../src/domain/invitation.ts";
import type { Tx } from "../src/ports.ts";
import { adopt, findMade } from "./adopt.ts";
import { backoffMs, type Client, coSellOf, dataOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { type Fate, perform } from "./effect.ts";
import { lookUntilSeen, settleTrouble } from "./invitations.ts";
import { follow, isPassing, triesMax } from "./push.ts";

/** Bound on the writes, polls and looks of one answer; a lead takes three writes. */
const stagesMax = 40;

interface Before {
  readonly effectId: string;
  readonly fate: Fate;
}
interface PlanInput {
  readonly before: Before | null;
  /** Whether what came of an acceptance elsewhere was looked for already. */
  readonly isSearched: boolean;
}
type Planned =
  | { readonly kind: "write" | "poll"; readonly effectId: string }
  /** The invitation must be read again; after that it may go on. */
  | { readonly kind: "look" }
  /** Accepted elsewhere: what came of it must be found. */
  | { readonly kind: "find" }
  | { readonly kind: "adopt"; readonly remoteId: string }
  /** It cannot be carried out. */
  | { readonly kind: "fail"; readonly why: string }
  | { readonly kind: "stop"; readonly why: string };

export const createAnswer = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "answer",
      triggers: [{ event: "invitation.answer.requested" }],
      retries: 10,
      singleton: { key: "event.data.invitationId", mode: "skip" },
      concurrency: [{ key: "event.data.connectionId", limit: 4 }],
      onFailure: async ({ event, step }) => {
        const { invitationId } = dataOf("invitation.answer.requested", event.data.event);
        await step.run("raise", () => stalled(deps, invitationId));
      },
    },
    async ({ event, step }) => {
      const { invitationId } = dataOf("invitation.answer.requested", event);
      const ended = await carryOut(deps, step, invitationId);
      return { invitationId, ended };
    },
  );

const carryOut = async (deps: WorkflowDeps, step: Steps, id: string): Promise<string> => {
  const remote = await runStep(step, "remote", () => remoteOf(deps, id));
  let before: Before | null = null;
  let isSearched = false;
  let looks = 0;
  let next: Planned = { kind: "look" };
  for (let stage = 0; stage < stagesMax; stage++) {
    switch (next.kind) {
      case "look": {
        if (looks++ > 0) await step.sleepUntil(`pause-${stage}`, later(deps, looks));
        const looked = await lookUntilSeen(deps, step, `${stage}`, remote);
        if (looked.kind === "stop") return looked.why;
        before = null;
        break;
      }
      case "write":
        before = { effectId: next.effectId, fate: await perform(deps, step, `${stage}`, next.effectId) };
        break;
      case "poll":
        before = { effectId: next.effectId, fate: await follow(deps, step, `${stage}`, next.effectId) };
        break;
      case "find": {
        isSearched = true;
        before = null;
        const found = await findMade(deps, step, { name: `${stage}`, invitationId: id });
        if (found.kind === "stop") return found.why;
        if (found.remoteId !== null) return adopt(deps, step, { invitationId: id, remoteId: found.remoteId });
        break;
      }
      case "adopt":
        return adopt(deps, step, { invitationId: id, remoteId: next.remoteId });
      case "fail": {
        const { why } = next;
        const looked = await lookUntilSeen(deps, step, `failed-${stage}`, remote);
        if (looked.kind === "stop") return looked.why;
        await runStep(step, `fail-${stage}`, () => fail(deps, id, why));
        return why;
      }
      case "stop":
        return next.why;
    }
    const at: PlanInput = { before, isSearched };
    next = await runStep<Planned>(step, `plan-${stage}`, () => plan(deps, id, at));
  }
  throw new Error(`the answer to ${id} did not end within ${stagesMax} steps`);
};

const later = (deps: WorkflowDeps, looks: number): string =>
  new Date(deps.clock.now().getTime() + backoffMs(looks)).toISOString();

const remoteOf = async (deps: WorkflowDeps, id: string) => {
  const invitation = await deps.store.invitations.find(deps.db.sql, id);
  if (invitation === null) throw new Error(`there is no invitation ${id}`);
  return { connectionId: invitation.connectionId, remoteId: invitation.remoteId };
};

const isUnderWay = (invitation: Invitation): boolean =>
  invitation.answer !== null &&
  (invitation.state === "accepting" ||
    invitation.state === "rejecting" ||
    (isUnlinked(invitation) && invitation.answer.kind === "accept"));

/** Settle and intend in one transaction: what the write before came to, and the next one with its frozen request. */
const plan = async (deps: WorkflowDeps, id: string, at: PlanInput): Promise<Planned> => {
  const planned = await deps.db.transaction(async (tx): Promise<Planned> => {
    const invitation = await deps.store.invitations.lock(tx, id);
    const settled = at.before === null ? null : await settle(deps, tx, { before: at.before, invitation });
    if (settled !== null) return settled;
    if (!isUnderWay(invitation)) return { kind: "stop", why: `the invitation is ${invitation.state}` };
    return planNext(deps, tx, { invitation, isSearched: at.isSearched });
  });
  await deps.at(at.before === null ? "answer.begun" : "answer.settled");
  deps.kick();
  return planned;
};

const planNext = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: { readonly invitation: Invitation; readonly isSearched: boolean },
): Promise<Planned> => {
  const { store } = deps;
  const { invitation } = at;
  const connection = await store.connections.find(tx, invitation.connectionId);
  if (connection === null || connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
  const { invitations } = coSellOf(deps.registry.open(connection), connection);
  if (invitations === undefined) return { kind: "fail", why: "The marketplace takes no answers." };
  const read = await store.invitations.readObservation(tx, invitation.id);
  if (read === null) return { kind: "look" };
  const entries = await store.effects.listOf(tx, invitation.id);
  const done = entries.flatMap((entry) =>
    entry.state === "confirmed" && entry.outcome !== null ? [entry.outcome] : [],
  );
  const answer: AnswerInput["answer"] =
    invitation.answer?.kind === "reject"
      ? { kind: "reject", reason: invitation.answer.reason ?? "" }
      : { kind: "accept" };
  const isElsewhere = read.event === "accepted" && !done.some((outcome) => outcome.task !== null);
  if (answer.kind === "accept" && isElsewhere && !at.isSearched) return { kind: "find" };
  const next = invitations.answer({ answer, invitation: read }, done);
  switch (next.kind) {
    case "stop":
      return { kind: "fail", why: next.reason };
    case "look":
      return next;
    case "poll": {
      const entry = entries.find((known) => known.state === "confirmed" && known.outcome?.key === next.outcome.key);
      return entry === undefined
        ? { kind: "stop", why: `nothing to poll for ${next.outcome.key}` }
        : { kind: "poll", effectId: entry.id };
    }
    case "write": {
      const entry = await store.effects.intend(tx, { connection, invitation, write: next.write });
      return { kind: "write", effectId: entry.id };
    }
    case "done":
      if (answer.kind === "accept")
        return next.made === null ? { kind: "find" } : { kind: "adopt", remoteId: next.made.id };
      await store.invitations.move(tx, invitation, {
        event: "rejected",
        actorId: invitation.answer?.actorId ?? deps.actorId,
        reason: null,
      });
      await settleTrouble(deps, tx, invitation.id, "the invitation was rejected");
      return { kind: "stop", why: "rejected" };
  }
};

/** Takes in what a write came to. Null: go on. */
const settle = async (
  deps: WorkflowDeps,
  tx: Tx,
  { before, invitation }: { readonly before: Before; readonly invitation: Invitation },
): Promise<Planned | null> => {
  const { fate } = before;
  if (fate.kind === "confirmed") return null;
  const { effects } = deps.store;
  const entry = await effects.read(tx, before.effectId);
  if (fate.kind !== "refused") {
    // Answered in the partner's portal meanwhile, and decided anew: this run goes on with that.
    const decidedAt = isUnderWay(invitation) ? (invitation.answer?.at ?? null) : null;
    const isOvertaken = fate.kind === "stuck" && decidedAt !== null && entry.createdAt < new Date(decidedAt);
    return isOvertaken ? { kind: "look" } : { kind: "stop", why: fate.kind };
  }
  const subject = entry.invitationId ?? "";
  const tries = (await effects.listOf(tx, subject)).filter((other) => other.writeKey === entry.writeKey);
  // Their record may have moved under us: it is read before the same is tried again.
  if (isPassing(entry.fault?.kind) && tries.length < triesMax) return { kind: "look" };
  const gaps = entry.fault?.gaps ?? [];
  return {
    kind: "fail",
    why: gaps.length > 0 ? gapSentence(gaps) : (entry.fault?.message ?? "The partner refused it."),
  };
};

/** The answer could not be given: back to whoever decides, with the reason. What the partner holds as accepted stays accepted. */
const fail = async (deps: WorkflowDeps, id: string, why: string): Promise<null> => {
  const { db, store } = deps;
  await db.transaction(async (tx) => {
    const invitation = await store.invitations.lock(tx, id);
    if (!isUnderWay(invitation)) return;
    const read = await store.invitations.readObservation(tx, id);
    if (invitation.answer?.kind === "accept" && read?.event === "accepted") {
      const accepted = await store.invitations.move(tx, invitation, {
        event: "accepted",
        actorId: deps.actorId,
        reason: why,
      });
      await store.invitations.undecide(tx, accepted, why);
      await store.journal.openException(
        tx,
        "INVITATION_UNLINKED",
        id,
        `The partner has the invitation as accepted, but no deal of ours came of it. ${why} Accept it here again once that is mended.`,
      );
      return;
    }
    const event = invitation.state === "rejecting" ? "reject_failed" : "accept_failed";
    await store.invitations.move(tx, invitation, { event, actorId: deps.actorId, reason: why });
    const what = event === "reject_failed" ? "rejection" : "acceptance";
    await store.journal.openException(tx, "ANSWER_REFUSED", id, `The ${what} of an invitation was refused. ${why}`);
  });
  await deps.at("answer.failed");
  deps.kick();
  return null;
};

const stalled = async (deps: WorkflowDeps, id: string): Promise<null> => {
  await deps.db.transaction((tx) =>
    deps.store.journal.openException(
      tx,
      "ANSWER_STALLED",
      id,
      "This answer could not be given in the attempts of one run. It is taken up again by the next sweep; look at the connection and the partner's status page.",
    ),
  );
  deps.kick();
  return null;
};
