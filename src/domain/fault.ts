/**
 * What can go wrong when we talk to a partner: a closed union, and one table that says what to do about each.
 * Adapters classify into it; workflows read the table; nobody else decides about retries.
 */

/** One field that a programme will refuse (or has refused), why, and what to do about it. */
export interface Gap {
  /** Path in our vocabulary, for example `account.website` or `aws.useCase`. */
  readonly field: string;
  /** Stable code: required, not_listed, too_short, too_long, bad_format, not_allowed, in_the_past, conflicting. */
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  /** Where the rule comes from: a public address or a document name and version. */
  readonly source: string;
}

/** One sentence that tells how many fields stand in the way and which is first. */
export const gapSentence = (gaps: readonly Gap[]): string => {
  const [first] = gaps;
  if (first === undefined) return "";
  return gaps.length === 1
    ? `${first.field}: ${first.message}`
    : `${gaps.length} fields to mend, first ${first.field}: ${first.message}`;
};

export type Fault =
  | { readonly kind: "rejected"; readonly message: string; readonly gaps: readonly Gap[] }
  | { readonly kind: "conflict"; readonly message: string }
  | { readonly kind: "throttled"; readonly message: string; readonly retryAt: string }
  | { readonly kind: "unavailable"; readonly message: string }
  | { readonly kind: "ambiguous"; readonly message: string }
  | { readonly kind: "denied"; readonly message: string }
  | { readonly kind: "missing"; readonly message: string }
  /** `body`: the answer as it came. It may name people: sealed for a person to read, never logged or kept with the fault. */
  | { readonly kind: "drift"; readonly message: string; readonly body?: string };
export type FaultKind = Fault["kind"];
export const faultKinds = [
  "rejected",
  "conflict",
  "throttled",
  "unavailable",
  "ambiguous",
  "denied",
  "missing",
  "drift",
] as const satisfies readonly FaultKind[];

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };
export const ok = <T>(value: T): Result<T> => ({ ok: true, value });
export const failed = (fault: Fault): { readonly ok: false; readonly fault: Fault } => ({ ok: false, fault });

export type Policy = "ask" | "reread" | "wait" | "retry" | "locate" | "park" | "absorb_missing" | "keep";
/** The policy of the product. `wait` does not consume the retry budget; `locate` is never a blind re-run. */
export const policy: Readonly<Record<FaultKind, Policy>> = {
  rejected: "ask",
  conflict: "reread",
  throttled: "wait",
  unavailable: "retry",
  ambiguous: "locate",
  denied: "park",
  missing: "absorb_missing",
  drift: "keep",
};

/** Bound on redoing a write whose version was stale, before a person is asked. */
export const conflictRedoMax = 3;
/** Bound on writes that were looked for and not found, before the effect is stuck and a person is asked. */
export const refutationMax = 3;
