/**
 * Push: a ready share becomes the partner's record. A list of writes, each journalled and tokened on its own; the adapter
 * plans the next one from what is confirmed so far, so a run that died anywhere is simply taken up again.
 */
import type { Share } from "../src/domain/deal.ts";
import { type Fault, gapSentence } from "../src/domain/fault.ts";
import { foundWord } from "../src/store/recoveries.ts";
import { handOver, isByHand } from "./by-hand.ts";
import {
  backoffMs,
  type Client,
  comeBackAt,
  coSellOf,
  dataOf,
  runStep,
  type Steps,
  type WorkflowDeps,
  writesOf,
} from "./deps.ts";
import { type Fate, perform } from "./effect.ts";
import { lookUntilAnswered } from "./look.ts";

/** Bound on the writes and polls of one submission: a record takes at most some fifty associations. */
const stagesMax = 80;
/** Polls of one task, at growing intervals: about an hour. */
export const pollsMax = 24;

/** A write that is refused for a passing reason is intended again, at most this often in all. */
export const triesMax = 4;

type Tx = Parameters<Parameters<WorkflowDeps["db"]["transaction"]>[0]>[0];
interface Before {
  readonly effectId: string;
  readonly fate: Fate;
}
type Planned =
  | { readonly kind: "write"; readonly effectId: string }
  | { readonly kind: "poll"; readonly effectId: string }
  /** Their record is older than what we remember of it: read it before anything is done to it. */
  | { readonly kind: "look" }
  | { readonly kind: "done" }
  | { readonly kind: "stop"; readonly why: string };

export const createPush = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "push",
      triggers: [{ event: "share.push.requested" }],
      retries: 10,
      singleton: { key: "event.data.shareId", mode: "skip" },
      concurrency: [{ key: "event.data.connectionId", limit: 4 }],
      onFailure: async ({ event, step }) => {
        const { shareId } = dataOf("share.push.requested", event.data.event);
        await step.run("raise", () => stalled(deps, shareId));
      },
    },
    async ({ event, step }) => {
      const { shareId } = dataOf("share.push.requested", event);
      let before: Before | null = null;
      for (let stage = 0; stage < stagesMax; stage++) {
        const next: Planned = await runStep(step, `plan-${stage}`, () => plan(deps, shareId, before));
        if (next.kind === "stop") return { shareId, ended: next.why };
        if (next.kind === "done") break;
        if (next.kind === "look") {
          const seen = await lookUntilAnswered(deps, step, `found-${stage}`, shareId, { isFirst: true });
          if (seen.kind !== "absorbed") return { shareId, ended: seen.kind };
          before = null;
          continue;
        }
        const fate: Fate =
          next.kind === "write"
            ? await perform(deps, step, `${stage}`, next.effectId)
            : await follow(deps, step, `${stage}`, next.effectId);
        before = { effectId: next.effectId, fate };
      }
      const looked = await lookUntilAnswered(deps, step, "end", shareId, { isFirst: true });
      return { shareId, ended: looked.kind === "absorbed" ? looked.state : looked.kind };
    },
  );

/**
 * Settle and intend, in one transaction: what the write before came to is taken in, and the next one is journalled with its
 * frozen request. The journal alone decides, so a run that was lost anywhere is taken up by the next one.
 */
const plan = async (deps: WorkflowDeps, shareId: string, before: Before | null): Promise<Planned> => {
  const { db, store } = deps;
  const planned = await db.transaction(async (tx): Promise<Planned> => {
    let share = await store.shares.lock(tx, shareId);
    if (before === null) {
      share = await store.shares.move(tx, share, { event: "push_started", actorId: deps.actorId, reason: null });
    } else {
      const why = await settle(deps, { tx, share, before });
      if (why !== null) return { kind: "stop", why };
    }
    if (share.state !== "submitting") return { kind: "stop", why: `the share is ${share.state}` };
    const drafted = await store.shares.drafted(tx, share);
    const { connection, draft } = drafted;
    if (connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
    const coSell = coSellOf(deps.registry.open(connection), connection);
    if (isByHand(coSell)) return { kind: "stop", why: await handOver(deps, tx, { share, drafted, coSell }) };
    if (await isUnread(deps, { tx, share, before })) return { kind: "look" };
    const entries = await store.effects.listOf(tx, shareId);
    const done = entries.flatMap((entry) =>
      entry.state === "confirmed" && entry.outcome !== null ? [entry.outcome] : [],
    );
    const next = coSell.submission(draft, done);
    if (next.kind === "done") return { kind: "done" };
    if (next.kind === "poll") {
      const entry = entries.find((known) => known.state === "confirmed" && known.outcome?.key === next.outcome.key);
      return entry === undefined
        ? { kind: "stop", why: `nothing to poll for ${next.outcome.key}` }
        : { kind: "poll", effectId: entry.id };
    }
    // The deal may have been edited since it was judged: what the programme would refuse is never sent.
    const gaps = entries.some((entry) => entry.state !== "refused") ? [] : coSell.gaps(draft);
    if (gaps.length > 0) {
      const reason = gapSentence(gaps);
      await store.shares.move(tx, share, { event: "partner_refused", actorId: deps.actorId, reason, gaps });
      return { kind: "stop", why: "the deal no longer qualifies" };
    }
    const { opportunity } = draft;
    const entry = await store.effects.intend(tx, { connection, share, opportunity, write: next.write });
    return { kind: "write", effectId: entry.id };
  });
  await deps.at(before === null ? "push.begun" : "push.settled");
  await deps.at("effect.intended");
  deps.kick();
  return planned;
};

/** Whether a refusal may be another answer later: the same write is then intended again, with a token of its own. */
export const isPassing = (fault: string | undefined): boolean =>
  ["unavailable", "throttled", "conflict"].includes(fault ?? "");

interface Settling {
  readonly tx: Tx;
  readonly share: Share;
  readonly before: Before;
}
/** Takes in what a write came to. Null: go on; otherwise why this run ends. */
const settle = async (deps: WorkflowDeps, { tx, share, before }: Settling): Promise<string | null> => {
  const { store } = deps;
  const { fate } = before;
  const entry = await store.effects.read(tx, before.effectId);
  if (fate.kind === "confirmed") {
    if (entry.outcome !== null) await store.shares.engage(tx, share, entry.outcome.ref, entry.outcome.version);
    return null;
  }
  if (fate.kind !== "refused") return fate.kind;
  const passing = isPassing(entry.fault?.kind);
  const tries = (await store.effects.listOf(tx, share.id)).filter((other) => other.writeKey === entry.writeKey);
  if (passing && tries.length < triesMax) return null;
  const gaps = entry.fault?.gaps ?? [];
  const reason = gaps.length > 0 ? gapSentence(gaps) : (entry.fault?.message ?? "the partner refused it");
  await store.shares.move(tx, share, { event: "partner_refused", actorId: deps.actorId, gaps, reason });
  return "refused";
};

/**
 * Whether the share's record was made by a run that we do not remember, or by one that was lost: it may have gone further
 * than we know. A record that this run has just made is as it was sent.
 */
const isUnread = async (
  deps: WorkflowDeps,
  at: { readonly tx: Tx; readonly share: Share; readonly before: Before | null },
): Promise<boolean> => {
  const { store } = deps;
  const { tx, share, before } = at;
  const engagement = await store.shares.findEngagement(tx, share.id);
  if (engagement === null || engagement.lookedAt !== null) return false;
  if (before === null) return true;
  const traces = await store.recoveries.tracesOf(tx, { connectionId: share.connectionId, shareId: share.id });
  const isFound = (await store.effects.read(tx, before.effectId)).attempts === 0;
  if (!isFound && traces === null) return false;
  const { connectionId, remoteId } = engagement;
  const reason = "a share of ours has it";
  await store.recoveries.settleFound(tx, { connectionId, remoteId }, { reason, actorId: deps.actorId });
  if (!isFound) return true;
  const note = `${remoteId}: the partner had it already`;
  await store.journal.note(tx, { subject: share.id, actorId: deps.actorId, what: foundWord, note });
  // The deal is as the CRM has it now; the record may not be.
  await store.shares.wantRevision(tx, share.id, true);
  return true;
};

/** Polls a task of a confirmed write until it is done or failed. Throws when it takes longer than about an hour. */
export const follow = async (deps: WorkflowDeps, step: Steps, name: string, effectId: string): Promise<Fate> => {
  const fate = await followFor(deps, step, { name, effectId, polls: pollsMax });
  if (fate.kind === "running") throw new Error(`the task of effect ${effectId} did not end within ${pollsMax} polls`);
  return fate;
};

/** Polls at most so often; `running`: it is not over yet. */
export const followFor = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly name: string; readonly effectId: string; readonly polls: number },
): Promise<Fate | { readonly kind: "running" }> => {
  for (let poll = 0; poll < at.polls; poll++) {
    const fate = await runStep(step, `poll-${at.name}-${poll}`, () => pollOnce(deps, at.effectId, poll));
    if (fate.kind !== "wait") return fate;
    if (poll < at.polls - 1) await step.sleepUntil(`poll-wait-${at.name}-${poll}`, fate.until);
  }
  return { kind: "running" };
};

const pollOnce = async (deps: WorkflowDeps, effectId: string, poll: number): Promise<Fate> => {
  const { db, store } = deps;
  const entry = await store.effects.read(db.sql, effectId);
  if (entry.outcome === null || entry.state !== "confirmed")
    return { kind: "refused", fault: entry.fault?.kind ?? "rejected" };
  if (entry.outcome.task?.state === "done") return { kind: "confirmed" };
  const connection = await store.connections.find(db.sql, entry.connectionId);
  if (connection === null || connection.state === "parked") return { kind: "parked" };
  const now = deps.clock.now();
  const result = await writesOf(deps.registry.open(connection), connection, entry).poll(entry.outcome);
  if (!result.ok) return afterFailedPoll(deps, entry.connectionId, result.fault, poll);
  const outcome = result.value;
  if (outcome.task?.state === "failed") {
    const fault: Fault = outcome.task.fault ?? {
      kind: "unavailable",
      message: "the partner's task failed without a reason",
    };
    await db.transaction((tx) => store.effects.move(tx, entry, "task_failed", { fault }));
    return { kind: "refused", fault: fault.kind };
  }
  if (outcome.task?.state === "running")
    return { kind: "wait", until: new Date(now.getTime() + Math.min(backoffMs(poll), 180_000)).toISOString() };
  await db.transaction((tx) => store.effects.keepOutcome(tx, effectId, outcome));
  return { kind: "confirmed" };
};

const afterFailedPoll = async (deps: WorkflowDeps, connectionId: string, fault: Fault, poll: number): Promise<Fate> => {
  if (fault.kind === "denied") {
    await deps.db.transaction((tx) => deps.store.connections.park(tx, connectionId, fault.message, deps.actorId));
    deps.kick();
    return { kind: "parked" };
  }
  return { kind: "wait", until: comeBackAt(fault, poll, deps.clock.now()) };
};

const stalled = async (deps: WorkflowDeps, shareId: string): Promise<null> => {
  await deps.db.transaction((tx) =>
    deps.store.journal.openException(
      tx,
      "PUSH_STALLED",
      shareId,
      "This share could not be brought to the partner in the attempts of one run. It is taken up again by the next sweep; look at the connection and the partner's status page.",
    ),
  );
  deps.kick();
  return null;
};
