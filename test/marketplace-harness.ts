/** What the conformance suite needs of a marketplace: its adapter, its simulator with the partner's people, and a few facts. */
import type { Marketplace, RawDelivery, Simulator, SimulatorDeps, Write } from "../adapters/contract.ts";
import type { Connection, JsonObject } from "../src/domain/deal.ts";
import type { DraftParts } from "./drafts.ts";

/** Ways in which one request goes wrong, in words that every simulator has. */
export type Trouble =
  /** The effect happens, no answer comes. */
  | "lost_answer"
  /** No effect, no answer. */
  | "lost_request"
  /** Refused before any effect, with the wish to come back in 30 seconds. */
  | "throttled"
  /** The effect happens, the answer says that the server failed. */
  | "server_error"
  /** Lists do not show what changed in the last five minutes. */
  | "lagging_list"
  /** The record's status is a word that nobody knows. */
  | "unknown_word";

/** The partner's side of one test: a simulator, and its people. */
export interface Partner {
  readonly simulator: Simulator;
  /** How often each operation was asked since the beginning. Sign-ins are none. */
  readonly calls: () => Promise<Readonly<Record<string, number>>>;
  /** From now on these go wrong, and nothing else. */
  readonly strike: (rules: readonly FaultRule[]) => Promise<unknown>;
  /** Ids of the records that carry this key of ours; without one, of all. */
  readonly held: (key?: string) => Promise<readonly string[]>;
  /** Their people take the deal. */
  readonly accept: (id: string) => Promise<unknown>;
  /** Their people change the record, so that a version read before is stale. Returns text that the record then holds. */
  readonly edit: (id: string) => Promise<string>;
  /** They send us a deal; returns the invitation's id. */
  readonly refer?: (kind: string) => Promise<string>;
  /** The invitation's time is over. */
  readonly expire?: (id: string) => Promise<unknown>;
  /** Where they tell of changes. */
  readonly subscribe?: (url: string) => Promise<unknown>;
  /**
   * A delivery that nobody at the partner has made, in the place of a genuine one. Null: somebody who is not the partner sends one
   * of his own, which arrives as the genuine ones do.
   */
  readonly forge?: (how: string, genuine: RawDelivery) => Promise<RawDelivery | null>;
}

/** How often each operation was asked, whoever asked; `ignored` are sign-ins. */
export const callsOf = (
  counters: readonly { readonly operations: Readonly<Record<string, { readonly calls: number }>> }[],
  ignored: ReadonlySet<string> = new Set(),
): Readonly<Record<string, number>> => {
  const sum: Record<string, number> = {};
  for (const { operations } of counters)
    for (const [operation, { calls }] of Object.entries(operations))
      if (!ignored.has(operation)) sum[operation] = (sum[operation] ?? 0) + calls;
  return sum;
};
/** A rule of a simulator's fault plan: one call of the operation, the first or the nth, goes wrong. */
export const wrong = (on: string, trouble: Trouble, nth = 1) => ({ on, ...faults[trouble], nth, times: 1 });
export type FaultRule = ReturnType<typeof wrong>;
const faults = {
  lost_answer: { fault: "commit_then_timeout" },
  lost_request: { fault: "timeout_before" },
  throttled: { fault: "throttle", retryAfterSeconds: 30 },
  server_error: { fault: "commit_then_500" },
  lagging_list: { fault: "search_lag", seconds: 300 },
  unknown_word: { fault: "unknown_status_word" },
} as const satisfies Readonly<Record<Trouble, object>>;

export interface Harness {
  /** Anew for each test: an adapter may keep tokens between sessions. */
  readonly create: () => Marketplace;
  readonly account: string;
  readonly settings: Connection["settings"];
  /** Settings that would make another request of the same draft, for a write that was journalled before they changed. */
  readonly otherSettings: Connection["settings"];
  readonly secrets: Readonly<Record<string, string>>;
  /** The same names, with what no longer opens anything. */
  readonly wrongSecrets: Readonly<Record<string, string>>;
  readonly simulate: (deps: SimulatorDeps, options: SimulateOptions) => Partner;
  /** The programme's own fields of a deal that it takes. */
  readonly fields: JsonObject;
  /** The requests of one share from the first write to the first look at what came of it: the protocol's minimum. */
  readonly minimum: Readonly<Record<string, number>>;
  /** The writes of a submission in order, by operation. */
  readonly writes: readonly string[];
  /** The operation that reads the record, and the one that lists records. */
  readonly reads: { readonly look: string; readonly list: string };
  /** Records with our key that one share makes. */
  readonly records: number;
  /** Exactly what goes over the wire for a write: the body's text. */
  readonly wireText: (write: Write, token: string) => string;
  /** A deal that our rules refuse before anything is sent. */
  readonly broken: DraftParts;
  /** A deal that only the partner can refuse, and the write that it refuses. */
  readonly refused: { readonly parts: DraftParts; readonly write: string };
  /** An edit that the partner takes once it has taken the deal. */
  readonly edit: DraftParts;
  /** Whether the record is frozen between submission and acceptance, and whether a stale version is refused. */
  readonly isFrozen: boolean;
  readonly isVersioned: boolean;
  /** Kinds of invitations, for `Partner.refer`, with the writes that accept one, by operation; those of a rejection under `reject`. */
  readonly invitations: Readonly<Record<string, readonly string[]>>;
  /** Names of forgeries, for `Partner.forge`. */
  readonly forgeries: readonly string[];
  /** What the simulator calls the operation of a write, where it has another name for it. */
  readonly operationOf?: (operation: string) => string;
  /** Whether a request only signs in: it costs no quota and is bounded all the same. */
  readonly isSignIn?: (url: URL) => boolean;
}
export interface SimulateOptions {
  readonly seed: string;
  readonly reviewer: "manual";
  readonly advance: (to: Date) => void;
  readonly instantTimeouts: true;
}
