/** What publishing, changing and every duty share: the next write is journalled before it is sent, a refusal is taken in. */
import type { Next, Outcome } from "../adapters/contract.ts";
import type { Connection } from "../src/domain/deal.ts";
import { type Gap, gapSentence } from "../src/domain/fault.ts";
import type { Tx } from "../src/ports.ts";
import type { EffectEntry } from "../src/store/effects.ts";
import type { Steps, WorkflowDeps } from "./deps.ts";
import { type Fate, perform } from "./effect.ts";
import { followFor, isPassing, pollsMax, triesMax } from "./push.ts";

/** Bound on the writes and polls of one publication, change or duty. */
export const stagesMax = 40;
/** After so long a task counts as a review by people: it may take days. */
const longMs = 3_600_000;

export interface Before {
  readonly effectId: string;
  readonly fate: Fate;
}
export type Planned =
  | { readonly kind: "write"; readonly effectId: string }
  /** `isOld`: the marketplace has worked on it for more than an hour, as with a review by people. */
  | { readonly kind: "poll"; readonly effectId: string; readonly since: string; readonly isOld: boolean }
  /** It is not over: another run asks again. */
  | { readonly kind: "long"; readonly since: string }
  | { readonly kind: "done" }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

/** Plans, carries out and plans again until there is nothing more to do. `name` makes the step ids; stable for ever. */
export const carryOn = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly name: string; readonly plan: (name: string, before: Before | null) => Promise<Planned> },
): Promise<Planned> => {
  let before: Before | null = null;
  for (let stage = 0; stage < stagesMax; stage++) {
    const name = `${at.name}${stage}`;
    const next = await at.plan(`plan-${name}`, before);
    if (next.kind === "done" || next.kind === "stop" || next.kind === "long") return next;
    if (next.kind === "wait") {
      await step.sleepUntil(`plan-wait-${name}`, next.until);
      continue;
    }
    const { effectId } = next;
    if (next.kind === "write") {
      before = { effectId, fate: await perform(deps, step, name, effectId) };
      continue;
    }
    // What did not end in an hour is asked once a run: another run comes with a sweep.
    const fate = await followFor(deps, step, { name, effectId, polls: next.isOld ? 1 : pollsMax });
    if (fate.kind === "running") return { kind: "long", since: next.since };
    before = { effectId, fate };
  }
  return { kind: "stop", why: `it did not end within ${stagesMax} steps` };
};

/**
 * A review may take days. Somebody is told that it goes on, and the run ends: the next sweep after an hour takes it up, asks once,
 * and so on until the marketplace has decided.
 */
export const remindOfReview = async (
  deps: WorkflowDeps,
  at: { readonly offerId: string; readonly since: string },
): Promise<null> => {
  const { db, store } = deps;
  await db.transaction(async (tx) => {
    await store.offers.touch(tx, at.offerId);
    await store.journal.openException(
      tx,
      "OFFER_STALLED",
      at.offerId,
      `The marketplace has worked on this offer since ${at.since}; a review may take days. It is asked again every hour, and nothing is sent twice. Where it takes too long, look at the offer in the marketplace's portal.`,
    );
  });
  deps.kick();
  return null;
};

type Owner =
  | { readonly offer: { readonly id: string; readonly marker: string } }
  | { readonly agreement: { readonly id: string; readonly remoteId: string } };

/** What is confirmed so far of an offer or an agreement. */
export const doneOf = (entries: readonly EffectEntry[]): readonly Outcome[] =>
  entries.flatMap((entry) => (entry.state === "confirmed" && entry.outcome !== null ? [entry.outcome] : []));

/** Journals the next write, or finds the effect to poll. */
export const intendNext = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: {
    readonly next: Next;
    readonly connection: Connection;
    readonly owner: Owner;
    readonly entries: readonly EffectEntry[];
  },
): Promise<Planned> => {
  const { next, connection, owner, entries } = at;
  if (next.kind === "done") return { kind: "done" };
  if (next.kind === "poll") {
    const entry = entries.findLast((known) => known.state === "confirmed" && known.outcome?.key === next.outcome.key);
    if (entry === undefined) return { kind: "stop", why: `nothing to poll for ${next.outcome.key}` };
    const since = entry.sentAt ?? entry.createdAt;
    const isOld = deps.clock.now().getTime() - since.getTime() > longMs;
    return { kind: "poll", effectId: entry.id, since: since.toISOString(), isOld };
  }
  const entry = await deps.store.effects.intend(tx, { connection, ...owner, write: next.write });
  return { kind: "write", effectId: entry.id };
};

/** What a write came to. `again`: refused for a passing reason, to be intended anew. */
export type Settled =
  | { readonly kind: "confirmed"; readonly entry: EffectEntry }
  | { readonly kind: "again"; readonly entry: EffectEntry }
  | { readonly kind: "refused"; readonly reason: string; readonly gaps: readonly Gap[] }
  | { readonly kind: "stop"; readonly why: string };

export const settleEffect = async (deps: WorkflowDeps, tx: Tx, before: Before): Promise<Settled> => {
  const entry = await deps.store.effects.read(tx, before.effectId);
  const { fate } = before;
  if (fate.kind === "confirmed") return { kind: "confirmed", entry };
  if (fate.kind !== "refused") return { kind: "stop", why: fate.kind };
  const owner = entry.offerId ?? entry.agreementId ?? "";
  const tries = (await deps.store.effects.listOf(tx, owner)).filter((other) => other.writeKey === entry.writeKey);
  if (isPassing(entry.fault?.kind) && tries.length < triesMax) return { kind: "again", entry };
  const gaps = entry.fault?.gaps ?? [];
  const reason = gaps.length > 0 ? gapSentence(gaps) : (entry.fault?.message ?? "the marketplace refused it");
  return { kind: "refused", reason, gaps };
};
