/**
 * Attribution rules as documents that both companies sign: Ed25519 (RFC 8032) over canonical JSON (RFC 8785), verifiable with
 * the public keys alone. What is signed is the content's hash together with who signs and when, so that neither can be
 * exchanged afterwards. https://www.rfc-editor.org/rfc/rfc8785 https://www.rfc-editor.org/rfc/rfc8032
 */
import canonicalize from "canonicalize";
import * as z from "zod";
import { dateSchema, type Json, type JsonObject, jsonObjectSchema } from "./deal.ts";

export const sides = ["us", "partner"] as const;
export type Side = (typeof sides)[number];

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/, "base64url without padding");
const sha256Text = z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");

/** A key pair's public half, as it is given to the other company. */
export const publicKeySchema = z.strictObject({
  key_id: z.string().min(1).max(80),
  side: z.enum(sides),
  /** The officer whose key it is. */
  name: z.string().trim().min(1).max(200),
  role: z.string().trim().min(1).max(80),
  /** 32 bytes. */
  public_key: base64url.length(43),
  valid_from: dateSchema.nullish(),
  valid_until: dateSchema.nullish(),
});
export type PublicKey = z.infer<typeof publicKeySchema>;
export const publicKeysSchema = z.array(publicKeySchema).min(1).max(1_000);

/** The private half, which stays with the officer. */
export const privateKeySchema = publicKeySchema.extend({ private_key: base64url.length(43) });
export type PrivateKey = z.infer<typeof privateKeySchema>;

export const signatureSchema = z.looseObject({
  side: z.enum(sides),
  role: z.string(),
  name: z.string().nullish(),
  signed_at: dateSchema,
  key_id: z.string().nullish(),
  sig: base64url.length(86).nullish(),
});
export type RuleSignature = z.infer<typeof signatureSchema>;

/** Whatever the rule says, its identity, and who signed it. */
export const signedRuleSchema = z.looseObject({
  rule_id: z.string().min(1).max(200),
  version: z.number().int().min(1),
  content_sha256: sha256Text.nullish(),
  signatures: z.array(signatureSchema).max(20).default([]),
});
export type SignedRule = z.infer<typeof signedRuleSchema>;

/** `recorded`: a date without a signature, as files of other systems have it. */
export type SignatureVerdict =
  | "verified"
  | "recorded"
  | "unknown_key"
  | "not_their_key"
  | "key_not_valid_then"
  | "forged"
  | "content_changed";
export interface RuleVerdict {
  readonly contentSha256: string;
  /** The document states a hash that is not its content's. */
  readonly isChanged: boolean;
  readonly signatures: readonly {
    readonly side: Side;
    readonly name: string;
    readonly signedAt: string;
    readonly verdict: SignatureVerdict;
  }[];
  /** Both sides signed, each with a key of theirs that was valid then. */
  readonly isVerified: boolean;
  /** The day on which the later of the two signed; null when not both have. */
  readonly signedAt: string | null;
}

const notContent = new Set(["signatures", "content_sha256"]);

/** The lower-case hexadecimal SHA-256 of what a rule says: everything but its signatures, in canonical form. */
export const contentHash = async (document: JsonObject): Promise<string> => {
  const content = Object.fromEntries(Object.entries(document).filter(([name]) => !notContent.has(name)));
  const digest = await crypto.subtle.digest("SHA-256", bytesOf(content));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** A new key pair for a named officer. The id is the beginning of the public key's hash. */
export const makeKey = async (officer: Pick<PublicKey, "side" | "name" | "role">): Promise<PrivateKey> => {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  const { x = "", d = "" } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", fromBase64url(x)));
  return privateKeySchema.parse({
    ...officer,
    key_id: toBase64url(digest).slice(0, 16),
    public_key: x,
    private_key: d,
  });
};

/** What may be given away of a key. */
export const publicHalf = ({ private_key: _private, ...shared }: PrivateKey): PublicKey => shared;

/**
 * The document with one more signature, on `today` (YYYY-MM-DD). Throws when the document states another content, or the side
 * has signed it already: a second opinion is a new version.
 */
export const signRule = async (document: JsonObject, key: PrivateKey, today: string): Promise<JsonObject> => {
  const rule = signedRuleSchema.parse(document);
  const hash = await contentHash(document);
  if (rule.content_sha256 != null && rule.signatures.length > 0 && rule.content_sha256 !== hash)
    throw new RuleError("its content was changed after somebody signed it; make a new version of it");
  if (rule.signatures.some(({ side, sig }) => side === key.side && sig != null))
    throw new RuleError(`${key.side} has signed it already; another text is a new version`);
  const entry = { side: key.side, role: key.role, name: key.name, signed_at: today, key_id: key.key_id };
  const sig = await signBytes(key, statement(hash, entry));
  const others = rule.signatures.filter(({ side, sig: made }) => side !== key.side || made != null);
  return jsonObjectSchema.parse({ ...document, content_sha256: hash, signatures: [...others, { ...entry, sig }] });
};

/** A document that cannot be signed; the message says why and what to do. */
export class RuleError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RuleError";
  }
}

/** Judges every signature by the public keys alone. Throws a zod error on what is no rule document. */
export const verifyRule = async (document: JsonObject, keys: readonly PublicKey[]): Promise<RuleVerdict> => {
  const rule = signedRuleSchema.parse(document);
  const hash = await contentHash(document);
  const isChanged = rule.content_sha256 != null && rule.content_sha256 !== hash;
  const signatures: RuleVerdict["signatures"][number][] = [];
  for (const signature of rule.signatures)
    signatures.push({
      side: signature.side,
      name: signature.name ?? signature.role,
      signedAt: signature.signed_at,
      verdict: await verdictOf(signature, { hash, isChanged, keys }),
    });
  const firstBySide = sides.map(
    (side) =>
      signatures
        .filter((one) => one.side === side && one.verdict === "verified")
        .map((one) => one.signedAt)
        .toSorted()[0],
  );
  const isVerified = !isChanged && firstBySide.every((day) => day !== undefined);
  return {
    contentSha256: hash,
    isChanged,
    signatures,
    isVerified,
    signedAt: isVerified ? (firstBySide.toSorted().at(-1) ?? null) : null,
  };
};

const verdictOf = async (
  signature: RuleSignature,
  {
    hash,
    isChanged,
    keys,
  }: { readonly hash: string; readonly isChanged: boolean; readonly keys: readonly PublicKey[] },
): Promise<SignatureVerdict> => {
  const { side, role, name, signed_at, key_id, sig } = signature;
  if (sig == null || key_id == null) return "recorded";
  if (isChanged) return "content_changed";
  const key = keys.find((known) => known.key_id === key_id);
  if (key === undefined) return "unknown_key";
  if (key.side !== side || key.name !== name || key.role !== role) return "not_their_key";
  if (!(await verifyBytes(key, sig, statement(hash, { side, role, name, signed_at, key_id })))) return "forged";
  const isValidThen =
    (key.valid_from == null || key.valid_from <= signed_at) &&
    (key.valid_until == null || signed_at <= key.valid_until);
  return isValidThen ? "verified" : "key_not_valid_then";
};

/** An Ed25519 signature in base64url. What is signed must say its purpose, so that it passes for nothing else. */
export const signBytes = async (key: PrivateKey, bytes: Uint8Array<ArrayBuffer>): Promise<string> => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: key.public_key, d: key.private_key };
  const signer = await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["sign"]);
  return toBase64url(new Uint8Array(await crypto.subtle.sign("Ed25519", signer, bytes)));
};
export const verifyBytes = async (key: PublicKey, sig: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: key.public_key };
  const verifier = await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", verifier, fromBase64url(sig), bytes);
};

/** The bytes that are signed. The first member keeps a signature from passing for one of another purpose. */
const statement = (hash: string, entry: JsonObject): Uint8Array<ArrayBuffer> =>
  bytesOf({ purpose: "cosell attribution rule", content_sha256: hash, ...entry });

const bytesOf = (value: Json): Uint8Array<ArrayBuffer> => {
  const text = canonicalize(value);
  if (text === undefined) throw new Error("a value without canonical form");
  return new TextEncoder().encode(text);
};

const toBase64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
const fromBase64url = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
