/**
 * A locked month as a document: what was posted in it, what that was made of, who locked it. Put into the folder of the next
 * close, `period-locks.json` holds the month as it was; signed with Ed25519 like a pack's manifest, it shows every change.
 */
import canonicalize from "canonicalize";
import * as z from "zod";
import { type JsonObject, jsonObjectSchema, marketplaceIds } from "../deal.ts";
import { isCurrency } from "../money.ts";
import { type PrivateKey, type PublicKey, signBytes, verifyBytes } from "../signed-rule.ts";
import { amountOf, amountText } from "./amount.ts";
import { dayOf, dayText, monthOf } from "./day.ts";
import { movementKinds } from "./pack/movements.ts";
import type { Policy } from "./policy.ts";
import type { PostedPeriod, Posting } from "./posting.ts";

const month = z.string().refine((text) => monthOf(text) !== null, "a month such as 2026-05");
const postingSchema = z.strictObject({
  agreement_id: z.string().nullable(),
  currency: z.string().refine(isCurrency, "an ISO 4217 code such as USD"),
  movement: z.enum(movementKinds),
  adjusts_period: month.nullable(),
  amount: z.string().refine((text) => amountOf(text) !== null, "a plain decimal in quotes"),
});

export const periodLockSchema = z.looseObject({
  kind: z.literal("cosell period lock"),
  marketplace: z.enum(marketplaceIds),
  period: month,
  as_of: z.string().refine((text) => dayOf(text) !== null, "a date such as 2026-05-31"),
  /** Of what it was made of: the pack's manifest, which has the hash of every input, rule and output. */
  manifest_sha256: z.string(),
  /** Exceptions that somebody accepted so that the month could be locked. */
  decisions: z.array(z.strictObject({ exception: z.string(), by: z.string(), reason: z.string() })).default([]),
  postings: z.array(postingSchema),
  signature: z
    .strictObject({ name: z.string(), role: z.string(), signed_at: z.string(), key_id: z.string(), sig: z.string() })
    .nullable(),
});
export type PeriodLockFile = z.infer<typeof periodLockSchema>;

export interface PeriodLock extends PostedPeriod {
  /** As it was read, for its signature. */
  readonly document: PeriodLockFile;
}

export const periodLockOf = (document: PeriodLockFile): PeriodLock => {
  const { marketplace, period } = document;
  return {
    marketplace,
    period,
    asOfDay: dayOf(document.as_of) ?? 0,
    postings: document.postings.map((one) => ({
      ...{ marketplace, period, currency: one.currency, agreementId: one.agreement_id },
      kind: one.movement,
      adjusts: one.adjusts_period,
      amount: amountOf(one.amount) ?? 0n,
    })),
    document,
  };
};

export interface LockMaking extends PostedPeriod {
  readonly manifestSha256: string;
  readonly decisions: PeriodLockFile["decisions"];
}
/** The document of a lock, unsigned. */
export const periodLockFile = (given: LockMaking): PeriodLockFile => ({
  kind: "cosell period lock",
  marketplace: given.marketplace,
  period: given.period,
  as_of: dayText(given.asOfDay),
  manifest_sha256: given.manifestSha256,
  decisions: given.decisions,
  postings: postingsWritten(given.postings),
  signature: null,
});

/** Postings as a lock writes them, in one order wherever they come from: they are signed together. */
export const postingsWritten = (postings: readonly Posting[]): PeriodLockFile["postings"] =>
  postings
    .map((one) => ({
      agreement_id: one.agreementId,
      currency: one.currency,
      movement: one.kind,
      adjusts_period: one.adjusts,
      amount: amountText(one.amount, one.currency),
    }))
    .toSorted((a, b) => {
      const [left, right] = [placeOf(a), placeOf(b)];
      return left < right ? -1 : left > right ? 1 : 0;
    });
const placeOf = (one: PeriodLockFile["postings"][number]): string =>
  [one.agreement_id ?? "", one.currency, one.movement, one.adjusts_period ?? ""].join("\u0000");

export const signPeriodLock = async (lock: PeriodLockFile, key: PrivateKey, today: string): Promise<PeriodLockFile> => {
  const signer = { name: key.name, role: key.role, signed_at: today, key_id: key.key_id };
  return { ...lock, signature: { ...signer, sig: await signBytes(key, bytesOf({ ...lock, signature: signer })) } };
};

export type LockVerdict = "verified" | "unsigned" | "unknown_key" | "forged";
/** Judges a lock's signature by the public keys alone. */
export const verifyPeriodLock = async (lock: PeriodLockFile, keys: readonly PublicKey[]): Promise<LockVerdict> => {
  if (lock.signature === null) return "unsigned";
  const { sig, ...signer } = lock.signature;
  const key = keys.find((known) => known.key_id === signer.key_id);
  if (key === undefined || key.name !== signer.name || key.role !== signer.role) return "unknown_key";
  return (await verifyBytes(key, sig, bytesOf({ ...lock, signature: signer }))) ? "verified" : "forged";
};

/** Locks that do not count: changed after they were signed, or not verified where the policy asks for signatures. */
export const refusedLocks = async (facts: {
  readonly periodLocks: readonly PeriodLock[];
  readonly keys: readonly PublicKey[];
  readonly policies: readonly Pick<Policy, "signatures">[];
}): Promise<readonly { readonly lock: PeriodLock; readonly verdict: LockVerdict }[]> => {
  const isStrict = facts.policies.some(({ signatures }) => signatures === "verified");
  const refused: { readonly lock: PeriodLock; readonly verdict: LockVerdict }[] = [];
  for (const lock of facts.periodLocks) {
    const verdict = await verifyPeriodLock(lock.document, facts.keys);
    if (verdict === "forged" || (isStrict && verdict !== "verified")) refused.push({ lock, verdict });
  }
  return refused;
};

const bytesOf = (value: object): Uint8Array<ArrayBuffer> => {
  const document: JsonObject = jsonObjectSchema.parse(value);
  const text = canonicalize({ ...document, purpose: "cosell period lock" });
  if (text === undefined) throw new Error("a lock without canonical form");
  return new TextEncoder().encode(text);
};
