/** The contract's part about word from the partner: webhooks, where they are delivered, and queues. */
import type { Result } from "../src/domain/fault.ts";

/** "Look at X." The truth is always re-read. */
export interface Hint {
  /** `record`: the word does not tell which of the two; what we know of the record does, and one we do not know may be an invitation. */
  readonly kind: "opportunity" | "invitation" | "record" | "offer" | "agreement";
  readonly id: string;
  /** The partner's time of the change, ISO 8601, when it states one. */
  readonly at: string | null;
  /** The partner's copy of our key of the deal, where the word carries it. */
  readonly key?: string | null;
  /** When the record was made, ISO 8601, where the word says so. */
  readonly madeAt?: string | null;
}

/** A webhook as received: bytes and lower-cased, allow-listed headers. Nothing of it is parsed before `verify`. */
export interface RawDelivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}
declare const verified: unique symbol;
/** Proof that `verify` passed: no other code can build one. */
export interface VerifiedDelivery {
  readonly [verified]: true;
  /** Dedupe key: the vendor's event id, or one the adapter derives. */
  readonly key: string;
  readonly kind: string;
  readonly hints: readonly Hint[];
}
export type Verdict =
  | { readonly kind: "verified"; readonly delivery: VerifiedDelivery }
  /** Authentic, but not for this connection or not a kind we act on: acknowledged and counted, never stored. */
  | { readonly kind: "ignored"; readonly reason: string }
  | { readonly kind: "forged"; readonly reason: string }
  /** We cannot tell now (for example a secret cannot be read): the sender should try again. */
  | { readonly kind: "unsure"; readonly reason: string };

export interface Hooks {
  /** Lower-case names of the headers worth keeping with a delivery; never one that authenticates. */
  readonly headers: readonly string[];
  readonly verify: (delivery: RawDelivery) => Promise<Verdict>;
}

/** Deliveries that wait at the partner until we fetch them: the alternative to webhooks, with nothing of ours exposed. */
export interface Pull {
  /** Up to ten deliveries, hidden from others for a minute. Waits for a first one up to `waitSeconds`, 0 to 20. */
  readonly receive: (waitSeconds: number, signal?: AbortSignal) => Promise<Result<readonly Pulled[]>>;
  /** Says that these are kept, so that they do not come again. Returns how many the partner took; call it only after a commit. */
  readonly acknowledge: (receipts: readonly string[]) => Promise<Result<number>>;
  /** How much waits, and where what nobody can use goes. */
  readonly state: () => Promise<Result<QueueState>>;
}
export interface Pulled {
  /** The partner's id of the message; not the event's. */
  readonly id: string;
  readonly receipt: string;
  /** How often it was handed out, this time included. */
  readonly receives: number;
  readonly body: string;
  /** `ignored`: for us, of no use. `misplaced`: none of ours or no event at all; it is left to the queue's own policy. */
  readonly verdict:
    | { readonly kind: "verified"; readonly delivery: VerifiedDelivery }
    | { readonly kind: "ignored" | "misplaced"; readonly reason: string };
}
export interface QueueState {
  readonly waiting: number;
  readonly inFlight: number;
  /** Null: messages that nobody can use come back until their retention ends. */
  readonly deadLetter: { readonly name: string; readonly account: string; readonly maxReceives: number } | null;
}

/** For adapters' hooks only: brands a delivery after all checks passed. */
export const brandVerified = (delivery: Omit<VerifiedDelivery, typeof verified>): VerifiedDelivery =>
  delivery as VerifiedDelivery;

/** The partner's list of where it delivers webhooks, which we can change by its API. */
export interface HookRegistration {
  /** The partner's events that we ask for. */
  readonly events: readonly string[];
  /** Where the partner delivers now; null: nowhere. */
  readonly read: () => Promise<Result<RegisteredHook | null>>;
  /** Makes the partner deliver `events` to `url`, replacing what `read` found. Repeating it changes nothing. */
  readonly save: (url: string) => Promise<Result<RegisteredHook>>;
  /** Asks the partner for a test event. The id is for `testState`. */
  readonly test: () => Promise<Result<{ readonly id: string }>>;
  readonly testState: (
    id: string,
  ) => Promise<Result<{ readonly state: "waiting" | "delivered" | "failed"; readonly detail: string }>>;
}
export interface RegisteredHook {
  readonly url: string;
  readonly events: readonly string[];
}
