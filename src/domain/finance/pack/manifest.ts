/** What a close was made of and what it made, by hashes, signed by whoever closed: anybody can check it with the public key. */
import canonicalize from "canonicalize";
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../../deal.ts";
import { type PrivateKey, type PublicKey, signBytes, verifyBytes } from "../../signed-rule.ts";

const fileSchema = z.object({ path: z.string(), sha256: z.string(), bytes: z.number().int() });
export const manifestSchema = z.looseObject({
  kind: z.literal("cosell close"),
  as_of: z.string(),
  inputs: z.array(fileSchema.extend({ status: z.string(), format: z.string().nullable() })),
  outputs: z.array(fileSchema),
  signature: z
    .object({ name: z.string(), role: z.string(), signed_at: z.string(), key_id: z.string(), sig: z.string() })
    .nullable(),
});
export type Manifest = z.infer<typeof manifestSchema>;

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
