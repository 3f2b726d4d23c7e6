/**
 * Sync: short runs, started by hints and finished within a minute; and the sweep, which finds what no hint told.
 * A hint is a nudge: the database remembers it, the partner's record is the truth.
 */
import type { Session } from "../adapters/contract.ts";
import { isEnded, type Share } from "../src/domain/deal.ts";
import { isByHand, remindOfTasks, tellOfRestore } from "./by-hand.ts";
import { type Client, comeBackAt, coSellOf, dataOf, runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { hintMissed, listPending, remindOfExpiry } from "./invitations.ts";
import { lookOnce } from "./look.ts";
import { hasOffers, lostMs, sweepOffers, takeUpOffers } from "./offer-sweep.ts";
import { watchDates } from "./offer-watch.ts";
import { nextSweepAt, requestAt } from "./pace.ts";
import { forgetTaken, isForgotten, recover } from "./recover.ts";

/** How long a record that we do not know may still be on its way back to us from our own create. */
const unknownMs = 60_000;
/** A push reads the record itself when it ends; hints in between wait, unless it seems to have died. */
const pushMsMax = 3_600_000;
/** An edit whose wish came while a run ended waits at least this long. */
const reviseMsMax = 600_000;
const roundsMax = 6;
const pagesMax = 200;
/** Sweeps of one run of a connection that is faster than the clock: every minute for an hour. */
const againMax = 60;
/** What moves no version (their seller's advice) is refreshed by age, at most this many looks a sweep. */
const refreshMax = 200;
/** A look follows its sweep by some seconds: by the next sweep it is as old as the connection wants it. */
const lookSlackMs = 60_000;

type Round = { readonly kind: "end"; readonly why: string } | { readonly kind: "again"; readonly until: string };

export const createSync = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "sync",
      triggers: [{ event: "hint.raised" }],
      retries: 5,
      concurrency: [
        // Looks that wait for one partner's quota leave room for the other partners.
        { key: "event.data.connectionId", limit: 4 },
        // One look at a record at a time. Skipped, word that comes while a run ends would be lost until the next sweep.
        { key: "event.data.connectionId + event.data.remoteId", limit: 1 },
      ],
    },
    async ({ event, step }) => {
      const { connectionId, remoteId } = dataOf("hint.raised", event);
      for (let round = 0; round < roundsMax; round++) {
        const result = await runStep(step, `round-${round}`, () => syncRound(deps, { connectionId, remoteId, round }));
        if (result.kind === "end") return { remoteId, ended: result.why };
        await step.sleepUntil(`pause-${round}`, result.until);
      }
      return { remoteId, ended: "left to the sweep" };
    },
  );

const syncRound = async (
  deps: WorkflowDeps,
  hint: { readonly connectionId: string; readonly remoteId: string; readonly round: number },
): Promise<Round> => {
  const { db, store } = deps;
  const now = deps.clock.now();
  const engagement = await store.shares.findByRemote(db.sql, hint.connectionId, hint.remoteId);
  if (engagement === null) return unknownRecord(deps, hint);
  const share = await store.shares.find(db.sql, engagement.shareId);
  if (share === null || isEnded(share.state)) return { kind: "end", why: "the share has ended" };
  if (share.state === "submitting" && now.getTime() - share.updatedAt.getTime() < pushMsMax)
    return { kind: "end", why: "a push is under way and will look" };
  if (engagement.lookedAt !== null && engagement.hintedAt !== null && engagement.hintedAt <= engagement.lookedAt)
    return { kind: "end", why: "already seen" };
  const since =
    engagement.hintLookedAt === null ? Number.POSITIVE_INFINITY : now.getTime() - engagement.hintLookedAt.getTime();
  const gapMs = deps.hintGapSeconds * 1_000;
  if (since < gapMs) return { kind: "again", until: new Date(now.getTime() + gapMs - since).toISOString() };
  await store.shares.noteHintLook(db.sql, share.id);
  const looked = await lookOnce(deps, share.id, { attempt: hint.round });
  if (looked.kind === "wait") return { kind: "again", until: looked.until };
  if (looked.kind === "stop") return { kind: "end", why: looked.why };
  // Word may have come while we looked.
  const after = await store.shares.findByRemote(db.sql, hint.connectionId, hint.remoteId);
  const unseen = after?.hintedAt != null && after.lookedAt !== null && after.hintedAt > after.lookedAt;
  return unseen
    ? { kind: "again", until: new Date(now.getTime() + gapMs).toISOString() }
    : { kind: "end", why: looked.state };
};

/** A record we do not know: our own create may still be on its way back to us; after that a person should know. */
const unknownRecord = async (
  deps: WorkflowDeps,
  hint: { readonly connectionId: string; readonly remoteId: string; readonly round: number },
): Promise<Round> => {
  if (hint.round < 3) return { kind: "again", until: new Date(deps.clock.now().getTime() + unknownMs).toISOString() };
  await deps.db.transaction((tx) =>
    deps.store.journal.openException(
      tx,
      "UNKNOWN_RECORD",
      `${hint.connectionId}/${hint.remoteId}`,
      `The partner tells of ${hint.remoteId}, which no share of ours made. Somebody may have made it in the partner's portal; link it there or ignore it here.`,
    ),
  );
  deps.kick();
  return { kind: "end", why: "unknown record" };
};

/** By the clock (every 15 minutes unless set otherwise): one sweep for each active connection. */
export const createSweepClock = (client: Client, deps: WorkflowDeps) =>
  client.createFunction({ id: "sweep-clock", triggers: [{ cron: deps.sweepCron }], retries: 3 }, async ({ step }) => {
    await runStep(step, "request", async () => {
      await deps.db.transaction(async (tx) => {
        const now = deps.clock.now();
        for (const connection of await deps.store.connections.list(tx)) {
          if (connection.state !== "active") continue;
          const { sweptAt } = await deps.store.connections.readSweep(tx, connection.id);
          const request = requestAt(deps, connection, { sweptAt, now });
          if (request !== null) await deps.store.journal.tell(tx, "connection.sweep.requested", connection.id, request);
        }
        await remindOfExpiry(deps, tx);
        await remindOfTasks(deps, tx);
        await watchDates(deps, tx);
        await deps.store.webhookMessages.takeUp(tx);
      });
      deps.kick();
      return null;
    });
  });

export const createSweep = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "sweep",
      triggers: [{ event: "connection.sweep.requested" }],
      retries: 5,
      singleton: { key: "event.data.connectionId", mode: "skip" },
    },
    async ({ event, step }) => {
      const { connectionId, until } = dataOf("connection.sweep.requested", event);
      let swept = await sweepOnce(deps, step, { connectionId, name: "" });
      for (let again = 1; until !== undefined && again <= againMax && !("ended" in swept); again++) {
        const at = await runStep(step, `pace-${again}`, () => nextSweepAt(deps, connectionId, until));
        if (at === null) break;
        await step.sleepUntil(`pace-wait-${again}`, at);
        swept = await sweepOnce(deps, step, { connectionId, name: `again-${again}-` });
      }
      return swept;
    },
  );

/** One sweep through all pages. A recovery needs a run of its own: only the first sweep of a run carries one on. */
const sweepOnce = async (
  deps: WorkflowDeps,
  step: Steps,
  { connectionId, name }: { readonly connectionId: string; readonly name: string },
): Promise<Caught | { readonly connectionId: string; readonly ended: string }> => {
  for (let page = 0; page < pagesMax; page++) {
    const swept = await runStep(step, `${name}page-${page}`, () => sweepPage(deps, connectionId, page));
    if (swept.kind === "wait") await step.sleepUntil(`${name}page-wait-${page}`, swept.until);
    if (swept.kind === "stop") return { connectionId, ended: swept.why };
    if (swept.kind !== "last") continue;
    if (swept.isRecovering && name === "") await recover(deps, step, connectionId);
    if (swept.hasOffers === true) await sweepOffers(deps, step, { connectionId, name });
    break;
  }
  return runStep(step, `${name}catch-up`, () => catchUp(deps, connectionId));
};

type Swept =
  | { readonly kind: "more" }
  | { readonly kind: "last"; readonly isRecovering: boolean; readonly hasOffers?: boolean }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

const sweepPage = async (deps: WorkflowDeps, connectionId: string, attempt: number): Promise<Swept> => {
  const { db, store } = deps;
  const connection = await store.connections.find(db.sql, connectionId);
  if (connection === null || connection.state === "parked") return { kind: "stop", why: "the connection is parked" };
  const session = deps.registry.open(connection);
  const coSell = coSellOf(session, connection);
  const offered = hasOffers(session) ? { hasOffers: true } : {};
  const recovery = await store.recoveries.find(db.sql, connectionId);
  if (isByHand(coSell)) {
    if (recovery !== null) await tellOfRestore(deps, recovery);
    return { kind: "last", isRecovering: false, ...offered };
  }
  const { cursor } = await store.connections.readSweep(db.sql, connectionId);
  if (recovery !== null && cursor === null) await store.recoveries.beginSweep(db.sql, connectionId);
  const result = await coSell.changes(cursor);
  if (!result.ok) {
    if (result.fault.kind === "denied") {
      await db.transaction((tx) => store.connections.park(tx, connectionId, result.fault.message, deps.actorId));
      deps.kick();
      return { kind: "stop", why: "the connection was parked" };
    }
    if (result.fault.kind === "drift") {
      await db.transaction((tx) => store.drifts.raise(tx, connectionId, result.fault, "The sweep stopped."));
      return { kind: "stop", why: "drift" };
    }
    return { kind: "wait", until: comeBackAt(result.fault, attempt, deps.clock.now()) };
  }
  const { items, more, cursor: next } = result.value;
  await db.transaction(async (tx) => {
    for (const hint of items) {
      const known = await store.shares.findByRemote(tx, connectionId, hint.id);
      if (known === null && recovery !== null && isForgotten(hint, recovery))
        await store.recoveries.keepFound(tx, connectionId, { remoteId: hint.id, key: hint.key });
      // Records that others made, and the overlap that we have seen, cost no read.
      if (
        known === null ||
        (hint.at !== null && known.remoteVersion !== null && !coSell.newer(hint.at, known.remoteVersion))
      )
        continue;
      await store.shares.hinted(tx, connectionId, hint.id);
      await store.journal.tell(tx, "hint.raised", known.shareId, { connectionId, remoteId: known.remoteId });
    }
    await store.connections.saveSweep(tx, connectionId, next);
    if (!more) await forgetTaken(deps, tx, connectionId);
  });
  await deps.at("sweep.saved");
  deps.kick();
  return more ? { kind: "more" } : { kind: "last", isRecovering: recovery !== null, ...offered };
};

/** How old a look may be. */
const freshMsOf = (deps: WorkflowDeps, session: Session | null): number =>
  session?.lookMinutes === undefined ? deps.refreshHours * 3_600_000 : session.lookMinutes * 60_000 - lookSlackMs;

const isPushing = ({ state }: Share): boolean => state === "ready" || state === "submitting";

interface Caught {
  readonly [count: string]: string | number;
  readonly connectionId: string;
  readonly refreshed: number;
  readonly resumed: number;
  readonly invited: number;
}

/** Invitations and looks that were missed, looks that are a day old, and pushes and answers whose run was lost. */
const catchUp = async (deps: WorkflowDeps, connectionId: string): Promise<Caught> => {
  const { db, store } = deps;
  const now = deps.clock.now();
  const connection = await store.connections.find(db.sql, connectionId);
  const session = connection === null ? null : deps.registry.open(connection);
  const isAsked = connection !== null && session !== null && !isByHand(coSellOf(session, connection));
  const pending = isAsked && connection.state === "active" ? await listPending(deps, connection) : null;
  const counts = await db.transaction(async (tx) => {
    const invited = pending === null ? 0 : await hintMissed(deps, tx, { connectionId, pending });
    const staleBefore = new Date(now.getTime() - freshMsOf(deps, session));
    const due = isAsked ? await store.shares.dueForLook(tx, connectionId, staleBefore, refreshMax) : [];
    for (const { remoteId } of due) {
      await store.shares.hinted(tx, connectionId, remoteId);
      await store.journal.tell(tx, "hint.raised", connectionId, { connectionId, remoteId });
    }
    const lost = (await store.shares.interrupted(tx, connectionId)).filter(
      (share) => now.getTime() - share.updatedAt.getTime() > (isPushing(share) ? pushMsMax : reviseMsMax),
    );
    for (const share of lost)
      await store.shares.wish(tx, isPushing(share) ? "share.push.requested" : "share.revise.requested", share);
    const unanswered = (await store.invitations.interrupted(tx, connectionId)).filter(
      (invitation) => now.getTime() - invitation.updatedAt.getTime() > pushMsMax,
    );
    for (const invitation of unanswered)
      await store.journal.tell(tx, "invitation.answer.requested", invitation.id, {
        invitationId: invitation.id,
        connectionId,
      });
    const isOffering = connection?.state === "active" && session !== null && hasOffers(session);
    const offered = isOffering ? await takeUpOffers(deps, tx, connectionId, lostMs) : 0;
    return { refreshed: due.length, resumed: lost.length + unanswered.length + offered, invited };
  });
  deps.kick();
  return { connectionId, ...counts };
};
