/** What publishing, changing and every duty share: the next write is journalled before it is sent, a refusal is taken in. */
import type { Next, Outcome } from "../adapters/contract.ts";
import type { Connection } from "../src/domain/deal.ts";
import { type Gap, gapSentence } from "../src/domain/fault.ts";
import type { Tx } from "../src/ports.ts";
import type { EffectEntry } from "../src/store/effects.ts";
import type { Steps, WorkflowDeps } from "./deps.ts";
import { type Fate, perform } from "./effect.ts";
import { follow, isPassing, triesMax } from "./push.ts";

/** Bound on the writes and polls of one publication, change or duty. */
export const stagesMax = 40;

export interface Before {
  readonly effectId: string;
  readonly fate: Fate;
}
export type Planned =
  | { readonly kind: "write" | "poll"; readonly effectId: string }
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
    if (next.kind === "done" || next.kind === "stop") return next;
    if (next.kind === "wait") {
      await step.sleepUntil(`plan-wait-${name}`, next.until);
      continue;
    }
    const { effectId } = next;
    const carried = next.kind === "write" ? perform : follow;
    before = { effectId, fate: await carried(deps, step, name, effectId) };
  }
  return { kind: "stop", why: `it did not end within ${stagesMax} steps` };
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
    return entry === undefined
      ? { kind: "stop", why: `nothing to poll for ${next.outcome.key}` }
      : { kind: "poll", effectId: entry.id };
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
