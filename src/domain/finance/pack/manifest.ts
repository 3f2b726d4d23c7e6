/** What a close was made of and what it made, by hashes, signed by whoever closed: anybody can check it with the public key. */
import canonicalize from "canonicalize";
import * as z from "zod";
import { type JsonObject, jsonObjectSchema, marketplaceIds } from "../../deal.ts";
import { type PrivateKey, type PublicKey, signBytes, verifyBytes } from "../../signed-rule.ts";
import { amountText } from "../amount.ts";
import { dayText } from "../day.ts";
import type { Policy } from "../policy.ts";
import type { PostedPeriod } from "../posting.ts";

const fileSchema = z.object({ path: z.string(), sha256: z.string(), bytes: z.number().int() });
export const manifestSchema = z.looseObject({
  kind: z.literal("cosell close"),
  as_of: z.string(),
  inputs: z.array(fileSchema.extend({ status: z.string(), format: z.string().nullable() })),
  outputs: z.array(fileSchema),
  locked: z.object({ marketplace: z.enum(marketplaceIds), period: z.string() }).optional(),
  signature: z
    .object({ name: z.string(), role: z.string(), signed_at: z.string(), key_id: z.string(), sig: z.string() })
    .nullable(),
});
export type Manifest = z.infer<typeof manifestSchema>;

type Listed = z.infer<typeof fileSchema>;
export interface ManifestMaking {
  readonly asOfDay: number;
  /** The month that was locked; absent: a whole close. */
  readonly locked?: Pick<PostedPeriod, "marketplace" | "period">;
  readonly policy: Pick<Policy, "signatures" | "unassignedAbove">;
  readonly policySha256: string;
  readonly periodLocks: readonly Pick<PostedPeriod, "marketplace" | "period" | "asOfDay">[];
  /** Attribution rules and what people decided, by their names: the hash of what each says. */
  readonly rules: ReadonlyMap<string, string>;
  readonly decisions: ReadonlyMap<string, string>;
  readonly inputs: readonly (Listed & { readonly status: string; readonly format: string | null })[];
  readonly outputs: readonly Listed[];
}

const inOrder = (hashes: ReadonlyMap<string, string>): JsonObject =>
  Object.fromEntries([...hashes].toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** What was read, what ruled it, what was decided, and what came out, by hashes. Not signed. */
export const manifestOf = (made: ManifestMaking): JsonObject =>
  jsonObjectSchema.parse({
    kind: "cosell close",
    as_of: dayText(made.asOfDay),
    ...(made.locked === undefined ? {} : { locked: { ...made.locked } }),
    policy_sha256: made.policySha256,
    signatures_of_rules: made.policy.signatures,
    period_locks: made.periodLocks.map(({ marketplace, period, asOfDay }) => ({
      marketplace,
      period,
      as_of: dayText(asOfDay),
    })),
    unassigned_exceptions_above: Object.fromEntries(
      Object.entries(made.policy.unassignedAbove).map(([currency, limit]) => [currency, amountText(limit, currency)]),
    ),
    rules: inOrder(made.rules),
    decisions: inOrder(made.decisions),
    inputs: made.inputs,
    outputs: made.outputs,
    signature: null,
  });

/** The bytes of a manifest's file. A copy that a database kept gives the same. */
export const manifestText = (manifest: JsonObject): string => {
  const text = canonicalize(manifest);
  if (text === undefined) throw new Error("a manifest without canonical form");
  return `${JSON.stringify(JSON.parse(text), null, 1)}\n`;
};

/** The manifest with a signature of everything else in it. */
export const signManifest = async (manifest: JsonObject, key: PrivateKey, today: string): Promise<JsonObject> => {
  const { name, role, key_id } = key;
  const signer = { name, role, signed_at: today, key_id };
  return jsonObjectSchema.parse({
    ...manifest,
    signature: { ...signer, sig: await signBytes(key, bytesOf({ ...manifest, signature: signer })) },
  });
};

export type ManifestVerdict = "verified" | "unsigned" | "unknown_key" | "forged";
export const verifyManifest = async (manifest: Manifest, keys: readonly PublicKey[]): Promise<ManifestVerdict> => {
  if (manifest.signature === null) return "unsigned";
  const { sig, ...signer } = manifest.signature;
  const key = keys.find((known) => known.key_id === signer.key_id);
  if (key === undefined || key.name !== signer.name || key.role !== signer.role) return "unknown_key";
  const said = bytesOf(jsonObjectSchema.parse({ ...manifest, signature: signer }));
  return (await verifyBytes(key, sig, said)) ? "verified" : "forged";
};

const bytesOf = (value: JsonObject): Uint8Array<ArrayBuffer> => {
  const text = canonicalize({ ...value, purpose: "cosell close manifest" });
  if (text === undefined) throw new Error("a manifest without canonical form");
  return new TextEncoder().encode(text);
};
