/**
 * The certificates of the simulated Microsoft: an authority of its own, and below it what signs webhook deliveries. The keys are fixed and
 * RSA signatures of this kind are always the same, so every process makes the same certificates.
 * https://www.rfc-editor.org/rfc/rfc5280#section-4.1
 */
import {
  bits,
  boolean,
  integer,
  none,
  objectId,
  octets,
  printable,
  sequence,
  set,
  tagged,
  utcTime,
  utf8,
} from "./der.ts";
import { type KeyName, simulatedKeys } from "./keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;
const sha256WithRsa = sequence(objectId("1.2.840.113549.1.1.11"), none);

export interface Party {
  readonly organization: string;
  readonly commonName: string;
}
export interface CertificateInput {
  readonly subject: Party;
  readonly issuer: Party;
  /** Whose key it certifies, and whose key signs it. */
  readonly key: KeyName;
  readonly signedBy: KeyName;
  readonly serial: bigint;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly isAuthority: boolean;
}

const bytesOf = (base64: string): Bytes => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
/** Base64 of bytes. */
export const base64Of = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};
/** A certificate's text form. */
export const pemOf = (der: Uint8Array): string => {
  const lines = base64Of(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
};

interface Pair {
  readonly privateKey: CryptoKey;
  readonly publicKey: JsonWebKey;
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Bytes;
}
/** The simulator's keys, imported at their first use. */
export const createKeys = () => {
  const pairs = new Map<KeyName, Promise<Pair>>();
  const load = async (name: KeyName): Promise<Pair> => {
    const privateKey = await crypto.subtle.importKey("pkcs8", bytesOf(simulatedKeys[name]), algorithm, true, ["sign"]);
    const { n = "", e = "" } = await crypto.subtle.exportKey("jwk", privateKey);
    const jwk = { kty: "RSA", n, e };
    const key = await crypto.subtle.importKey("jwk", jwk, algorithm, true, ["verify"]);
    return { privateKey, publicKey: jwk, spki: new Uint8Array(await crypto.subtle.exportKey("spki", key)) };
  };
  return (name: KeyName): Promise<Pair> => {
    const known = pairs.get(name) ?? load(name);
    pairs.set(name, known);
    return known;
  };
};
export type Keys = ReturnType<typeof createKeys>;

/** The RSA PKCS #1 v1.5 SHA-256 signature of bytes. */
export const signatureOf = async (keys: Keys, name: KeyName, bytes: Bytes): Promise<Bytes> => {
  const { privateKey } = await keys(name);
  return new Uint8Array(await crypto.subtle.sign(algorithm.name, privateKey, bytes));
};

const nameOf = ({ organization, commonName }: Party): Bytes =>
  sequence(
    set(sequence(objectId("2.5.4.6"), printable("US"))),
    set(sequence(objectId("2.5.4.10"), utf8(organization))),
    set(sequence(objectId("2.5.4.3"), utf8(commonName))),
  );
const extension = (id: string, value: Bytes): Bytes => sequence(objectId(id), boolean(true), octets(value));
const extensionsOf = (isAuthority: boolean): Bytes =>
  sequence(
    extension("2.5.29.19", isAuthority ? sequence(boolean(true)) : sequence()),
    // keyCertSign and cRLSign of an authority, digitalSignature of a signer.
    extension("2.5.29.15", isAuthority ? bits(Uint8Array.of(0x06), 1) : bits(Uint8Array.of(0x80), 7)),
  );

/** A certificate in DER. */
export const certificateOf = async (keys: Keys, input: CertificateInput): Promise<Bytes> => {
  const { spki } = await keys(input.key);
  const body = sequence(
    tagged(0, integer(2n)),
    integer(input.serial),
    sha256WithRsa,
    nameOf(input.issuer),
    sequence(utcTime(input.notBefore), utcTime(input.notAfter)),
    nameOf(input.subject),
    spki,
    tagged(3, extensionsOf(input.isAuthority)),
  );
  return sequence(body, sha256WithRsa, bits(await signatureOf(keys, input.signedBy, body)));
};

const microsoft = "Microsoft Corporation";
const authority: Party = { organization: microsoft, commonName: "Simulated Microsoft Root Authority" };
const signer: Party = { organization: microsoft, commonName: "pcnotifications-dispatch.microsoft.com" };
const firstOfYear = (year: number): Date => new Date(Date.UTC(year, 0, 1));

/** The authority's own certificate, by whomever's key: the forger's has the same names. */
export const rootOf = (keys: Keys, key: "root" | "forger"): Promise<Bytes> =>
  certificateOf(keys, {
    subject: authority,
    issuer: authority,
    key,
    signedBy: key,
    serial: 1n,
    notBefore: firstOfYear(2020),
    notAfter: firstOfYear(2049),
    isAuthority: true,
  });

/** What may be wrong with a signer's certificate. */
export type Flaw = "none" | "organization" | "expired" | "unknown_authority" | "authority";

export interface SignerInput {
  readonly key: KeyName;
  readonly flaw: Flaw;
  /** It is valid from the year before this to the year after. */
  readonly year: number;
}
/** The certificate of what signs deliveries. */
export const signerOf = (keys: Keys, { key, flaw, year }: SignerInput): Promise<Bytes> => {
  const [from, until] = flaw === "expired" ? [year - 3, year - 1] : [year - 1, year + 2];
  return certificateOf(keys, {
    subject: flaw === "organization" ? { ...signer, organization: "Contoso Ltd" } : signer,
    issuer: authority,
    key,
    signedBy: flaw === "unknown_authority" ? "forger" : "root",
    serial: BigInt(year) * 10n + (key === "signer" ? 1n : 2n),
    notBefore: firstOfYear(from),
    notAfter: firstOfYear(until),
    isAuthority: flaw === "authority",
  });
};
