/**
 * `perform`: every partner write goes through here. Intend (the caller's step: journal row and frozen request in the same
 * transaction as the state change), act (look for it first if it may have happened, else mark sent, commit, send), and the
 * fate written down before anything else happens. A step may run more than once; the journal is what makes it once.
 */
import type { Write } from "../adapters/contract.ts";
import { type Fault, policy, type Result, refutationMax } from "../src/domain/fault.ts";
import type { EffectEntry } from "../src/store/effects.ts";
import { comeBackAt, runStep, type Steps, type WorkflowDeps, writesOf } from "./deps.ts";

/** How one attempt ended. `wait`: come back at that time; `parked`: when a person has resumed the connection. */
export type Fate =
  | { readonly kind: "confirmed" }
  | { readonly kind: "refused"; readonly fault: string }
  | { readonly kind: "stuck" }
  | { readonly kind: "parked" }
  | { readonly kind: "wait"; readonly until: string };

/** Two empty searches of a lagging list must lie this far apart before a write counts as not done. */
export const searchLagMs = 10 * 60_000;
/** How long a partner is trusted to remember a token: past that, a search comes before any repeat. */
const tokenLifeMs = 24 * 3_600_000;
/** Attempts and waits of one run; what is left then is taken up by the next sweep. */
const attemptsMax = 40;

/**
 * Carries an intended write to its end, or as far as this run may. `name` makes the step ids; stable for ever.
 */
export const perform = async (deps: WorkflowDeps, step: Steps, name: string, effectId: string): Promise<Fate> => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const fate = await runStep(step, `act-${name}-${attempt}`, () => act(deps, effectId));
    if (fate.kind !== "wait") return fate;
    await step.sleepUntil(`wait-${name}-${attempt}`, fate.until);
  }
  throw new Error(`effect ${effectId} is still open after ${attemptsMax} attempts`);
};

/** What a write is about, for exceptions and events. */
const subjectOf = (entry: EffectEntry): string =>
  entry.shareId ?? entry.invitationId ?? entry.offerId ?? entry.agreementId ?? entry.connectionId;

/** One attempt. Safe to run any number of times. */
export const act = async (deps: WorkflowDeps, effectId: string): Promise<Fate> => {
  const { db, store } = deps;
  const entry = await store.effects.read(db.sql, effectId);
  if (entry.state === "confirmed" || entry.state === "stuck") return { kind: entry.state };
  if (entry.state === "refused") return { kind: "refused", fault: entry.fault?.kind ?? "rejected" };
  const connection = await store.connections.find(db.sql, entry.connectionId);
  if (connection === null || connection.state === "parked") return { kind: "parked" };
  const writes = writesOf(deps.registry.open(connection), connection, entry);
  const write: Write = {
    operation: entry.operation,
    key: entry.writeKey,
    body: await store.effects.readRequest(db.sql, effectId),
    token: entry.tokenKind,
  };

  const traces = await store.recoveries.tracesOf(db.sql, entry);
  if (entry.state !== "intended" || traces !== null) {
    const found = await writes.locate(write, entry.token, ...(traces === null ? [] : [traces]));
    await deps.at("effect.located");
    const fate =
      entry.state === "intended"
        ? await recordTrace(deps, { entry, restoredAt: traces?.restoredAt ?? null }, found)
        : await recordSearch(deps, entry, found);
    if (fate !== null) return fate;
  }
  const sent = await store.effects.move(db.sql, entry, "sending");
  await deps.at("effect.marked");
  const result = await writes.run(write, entry.token);
  await deps.at("effect.answered");
  const fate = await recordAnswer(deps, sent, result);
  await deps.at("effect.recorded");
  return fate;
};

const recordAnswer = async (
  deps: WorkflowDeps,
  entry: EffectEntry,
  result: Result<NonNullable<EffectEntry["outcome"]>>,
): Promise<Fate> => {
  const { db, store } = deps;
  if (result.ok) {
    await store.effects.move(db.sql, entry, "kept", { outcome: result.value });
    return { kind: "confirmed" };
  }
  const { fault } = result;
  const now = deps.clock.now();
  switch (policy[fault.kind]) {
    case "ask":
    case "absorb_missing":
      await store.effects.move(db.sql, entry, "refused", { fault });
      return { kind: "refused", fault: fault.kind };
    case "reread":
      // Where the partner keeps tokens, a conflict means that this token was used for another body: look, then ask.
      if (entry.tokenKind !== "partner-keeps") {
        await store.effects.move(db.sql, entry, "refused", { fault });
        return { kind: "refused", fault: fault.kind };
      }
      await store.effects.move(db.sql, entry, "answer_lost", { fault });
      return { kind: "wait", until: now.toISOString() };
    case "wait":
    case "retry":
      await store.effects.move(db.sql, entry, "unsent", { fault });
      return { kind: "wait", until: comeBackAt(fault, entry.attempts - 1, now) };
    case "park":
      await db.transaction(async (tx) => {
        await store.effects.move(tx, entry, "unsent", { fault });
        await store.connections.park(tx, entry.connectionId, fault.message, deps.actorId);
      });
      deps.kick();
      return { kind: "parked" };
    case "locate":
    case "keep":
      await db.transaction(async (tx) => {
        await store.effects.move(tx, entry, "answer_lost", { fault });
        if (fault.kind === "drift") await store.drifts.raise(tx, subjectOf(entry), fault);
      });
      return { kind: "wait", until: comeBackAt(fault, entry.attempts - 1, now) };
  }
};

/**
 * After a restore: whether a write that we do not remember was done. Null: it was not, go on as usual. What was made just
 * before the restore may not be listed yet, so an empty search counts only once the partner's search lag is over.
 */
const recordTrace = async (
  deps: WorkflowDeps,
  at: { readonly entry: EffectEntry; readonly restoredAt: Date | null },
  found: Result<EffectEntry["outcome"]>,
): Promise<Fate | null> => {
  const { entry, restoredAt } = at;
  if (!found.ok) return recordFailedSearch(deps, entry, found.fault);
  if (found.value !== null) {
    await deps.store.effects.move(deps.db.sql, entry, "located", { outcome: found.value });
    return { kind: "confirmed" };
  }
  if (entry.tokenKind === "untraceable") return giveUp(deps, entry);
  const countsFromMs = restoredAt === null || entry.tokenKind === "we-read" ? 0 : restoredAt.getTime() + searchLagMs;
  return deps.clock.now().getTime() < countsFromMs
    ? { kind: "wait", until: new Date(countsFromMs).toISOString() }
    : null;
};

const recordSearch = async (
  deps: WorkflowDeps,
  entry: EffectEntry,
  found: Result<EffectEntry["outcome"]>,
): Promise<Fate> => {
  const { db, store } = deps;
  const now = deps.clock.now();
  if (!found.ok) return recordFailedSearch(deps, entry, found.fault);
  if (found.value !== null) {
    const outcome = found.value;
    await store.effects.move(db.sql, entry, "located", { outcome });
    return { kind: "confirmed" };
  }
  if (entry.tokenKind === "untraceable" || isTokenConflict(entry) || entry.refutations >= refutationMax)
    return giveUp(deps, entry);
  const age = now.getTime() - (entry.sentAt?.getTime() ?? 0);
  const searched = entry.tokenKind === "we-search" || (entry.tokenKind === "partner-keeps" && age > tokenLifeMs);
  if (searched && (entry.searchedAt === null || now.getTime() - entry.searchedAt.getTime() < searchLagMs)) {
    const noted = await store.effects.noteSearch(db.sql, entry);
    return { kind: "wait", until: new Date((noted.searchedAt ?? now).getTime() + searchLagMs).toISOString() };
  }
  await store.effects.move(db.sql, entry, "refuted");
  return { kind: "wait", until: now.toISOString() };
};

const recordFailedSearch = async (deps: WorkflowDeps, entry: EffectEntry, fault: Fault): Promise<Fate> => {
  const { db, store } = deps;
  const now = deps.clock.now();
  if (fault.kind === "denied") {
    await db.transaction((tx) => store.connections.park(tx, entry.connectionId, fault.message, deps.actorId));
    deps.kick();
    return { kind: "parked" };
  }
  if (fault.kind === "drift") {
    await db.transaction((tx) => store.drifts.raise(tx, subjectOf(entry), fault));
  }
  return { kind: "wait", until: comeBackAt(fault, 2, now) };
};

const isTokenConflict = (entry: EffectEntry): boolean => entry.fault?.kind === "conflict";

const whyStuck = (entry: EffectEntry): string => {
  if (entry.tokenKind === "untraceable")
    return "whether it happened is not known, and the partner gives no way to find out; it was not sent again";
  return isTokenConflict(entry)
    ? "the partner says that this request's token was used for another request, and no such record was found"
    : `it was sent ${entry.attempts} times and looked for ${entry.refutations} times, and never found`;
};

const giveUp = async (deps: WorkflowDeps, entry: EffectEntry): Promise<Fate> => {
  const { db, store } = deps;
  const subject = subjectOf(entry);
  await db.transaction(async (tx) => {
    await store.effects.move(tx, entry, "given_up", entry.fault === null ? {} : { fault: entry.fault as Fault });
    await store.journal.tell(tx, "effect.stuck", subject, {
      effectId: entry.id,
      shareId: entry.shareId,
      invitationId: entry.invitationId,
      offerId: entry.offerId,
      agreementId: entry.agreementId,
      operation: entry.operation,
    });
    await store.journal.openException(
      tx,
      "EFFECT_STUCK",
      subject,
      `${entry.operation} needs a person: ${whyStuck(entry)}. Look in the partner's portal before anything is sent again.`,
    );
  });
  deps.kick();
  return { kind: "stuck" };
};
