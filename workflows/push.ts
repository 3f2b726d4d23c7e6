/**
 * Push: a ready share becomes the partner's record. A list of writes, each journalled and tokened on its own; the adapter
 * plans the next one from what is confirmed so far, so a run that died anywhere is simply taken up again.
 */
import { isEnded } from "../src/domain/deal.ts";
import { type Fault, gapSentence } from "../src/domain/fault.ts";
import {
  backoffMs,
  type Client,
  comeBackAt,
  coSellOf,
  dataOf,
  runStep,
  type Steps,
  type WorkflowDeps,
} from "./deps.ts";
import { type Fate, perform } from "./effect.ts";
import { lookUntilAnswered } from "./look.ts";

/** Bound on the writes and polls of one submission: a record takes at most some fifty associations. */
const stagesMax = 80;
/** Polls of one task, at growing intervals: about an hour. */
const pollsMax = 24;

type Planned =
  | { readonly kind: "write"; readonly effectId: string }
  | { readonly kind: "poll"; readonly effectId: string }
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
      const begun = await runStep(step, "begin", () => begin(deps, shareId));
      if (!begun) return { shareId, ended: "nothing to push" };
      for (let stage = 0; stage < stagesMax; stage++) {
        const next = await runStep(step, `intend-${stage}`, () => plan(deps, shareId));
        if (next.kind === "stop") return { shareId, ended: next.why };
        if (next.kind === "done") break;
        const fate =
          next.kind === "write"
            ? await perform(deps, step, `${stage}`, next.effectId)
            : await follow(deps, step, `${stage}`, next.effectId);
        const settled = await runStep(step, `settle-${stage}`, () => settle(deps, shareId, next.effectId, fate));
        if (!settled) return { shareId, ended: fate.kind };
      }
      const looked = await lookUntilAnswered(deps, step, "end", shareId);
      await runStep(step, "remember", () => remember(deps, shareId));
      return { shareId, ended: looked.kind === "absorbed" ? looked.state : looked.kind };
    },
  );

const begin = async (deps: WorkflowDeps, shareId: string): Promise<boolean> => {
  const state = await deps.db.transaction(async (tx) => {
    const share = await deps.store.shares.lock(tx, shareId);
    const moved = await deps.store.shares.move(tx, share, {
      event: "push_started",
      actorId: deps.actorId,
      reason: null,
    });
    return moved.state;
  });
  await deps.at("push.begun");
  return state === "submitting";
};

/** Intend: the next write, journalled with its frozen request in one transaction. */
const plan = async (deps: WorkflowDeps, shareId: string): Promise<Planned> => {
  const { db, store } = deps;
  const planned = await db.transaction(async (tx): Promise<Planned> => {
    const share = await store.shares.lock(tx, shareId);
    if (share.state !== "submitting") return { kind: "stop", why: `the share is ${share.state}` };
    const { connection, draft } = await store.shares.drafted(tx, share);
    if (connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
    const coSell = coSellOf(deps.registry.open(connection), connection);
    const entries = await store.effects.listOf(tx, shareId);
    const done = entries.flatMap((entry) =>
      entry.state === "confirmed" && entry.outcome !== null ? [entry.outcome] : [],
    );
    const next = coSell.submission(draft, done);
    if (next.kind === "done") return { kind: "done" };
    if (next.kind === "poll") {
      const entry = entries.find(
        (candidate) => candidate.state === "confirmed" && candidate.outcome?.key === next.outcome.key,
      );
      return entry === undefined
        ? { kind: "stop", why: `nothing to poll for ${next.outcome.key}` }
        : { kind: "poll", effectId: entry.id };
    }
    // The deal may have been edited since it was judged: what the programme would refuse is never sent.
    const gaps = entries.some((entry) => entry.state !== "refused") ? [] : coSell.gaps(draft);
    if (gaps.length > 0) {
      await store.shares.move(tx, share, {
        event: "partner_refused",
        actorId: deps.actorId,
        reason: gapSentence(gaps),
        gaps,
      });
      return { kind: "stop", why: "the deal no longer qualifies" };
    }
    const entry = await store.effects.intend(tx, {
      connection,
      share,
      opportunity: draft.opportunity,
      write: next.write,
    });
    return { kind: "write", effectId: entry.id };
  });
  await deps.at("effect.intended");
  deps.kick();
  return planned;
};

/** Polls a task of a confirmed write until it is done or failed. */
const follow = async (deps: WorkflowDeps, step: Steps, name: string, effectId: string): Promise<Fate> => {
  for (let poll = 0; poll < pollsMax; poll++) {
    const fate = await runStep(step, `poll-${name}-${poll}`, () => pollOnce(deps, effectId, poll));
    if (fate.kind !== "wait") return fate;
    await step.sleepUntil(`poll-wait-${name}-${poll}`, fate.until);
  }
  throw new Error(`the task of effect ${effectId} did not end within ${pollsMax} polls`);
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
  const result = await coSellOf(deps.registry.open(connection), connection).poll(entry.outcome);
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

/** Takes in what a write came to: true to go on with the next one. */
const settle = async (deps: WorkflowDeps, shareId: string, effectId: string, fate: Fate): Promise<boolean> => {
  const { db, store } = deps;
  const goOn = await db.transaction(async (tx): Promise<boolean> => {
    const share = await store.shares.lock(tx, shareId);
    const entry = await store.effects.read(tx, effectId);
    if (fate.kind === "confirmed") {
      if (entry.outcome !== null) await store.shares.engage(tx, share, entry.outcome.ref, entry.outcome.version);
      return !isEnded(share.state);
    }
    if (fate.kind !== "refused") return false;
    const passing =
      entry.fault?.kind === "unavailable" || entry.fault?.kind === "throttled" || entry.fault?.kind === "conflict";
    const tries = (await store.effects.listOf(tx, shareId)).filter((other) => other.writeKey === entry.writeKey).length;
    if (passing && tries < 4) return true;
    const gaps = entry.fault?.gaps ?? [];
    await store.shares.move(tx, share, {
      event: "partner_refused",
      actorId: deps.actorId,
      gaps,
      reason: gaps.length > 0 ? gapSentence(gaps) : (entry.fault?.message ?? "the partner refused it"),
    });
    return false;
  });
  await deps.at("push.settled");
  deps.kick();
  return goOn;
};

/** After the first good look: the record as both sides now agree on it becomes the base of later merges. */
const remember = async (deps: WorkflowDeps, shareId: string): Promise<boolean> => {
  const { db, store } = deps;
  return db.transaction(async (tx) => {
    const share = await store.shares.lock(tx, shareId);
    const seen = await store.shares.readObservation(tx, shareId);
    if (seen === null) return false;
    const { connection } = await store.shares.drafted(tx, share);
    const base = coSellOf(deps.registry.open(connection), connection).baseOf(seen);
    if ((await store.shares.readBase(tx, shareId)) === null) await store.shares.keepBase(tx, shareId, base);
    if (await store.shares.isRevisionWanted(tx, shareId)) await store.shares.wish(tx, "share.revise.requested", share);
    return true;
  });
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
