/**
 * Signatures that are proved by an X.509 certificate: reading certificates, building their chain to pinned roots, and checking
 * an RSA PKCS#1 v1.5 SHA-256 signature. Neither Node nor the Workers' runtime builds chains for us. RSA only: who signs for us does.
 * https://www.rfc-editor.org/rfc/rfc5280#section-6
 */
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  AuthorityInfoAccessSyntax,
  BasicConstraints,
  Certificate,
  type Extension,
  KeyUsage,
  KeyUsageFlags,
  type Name,
} from "@peculiar/asn1-x509";

/** A certificate as far as it matters here. Reading one proves nothing. */
export interface X509 {
  readonly subject: string;
  readonly issuer: string;
  /** All organizations (O) that the subject's name states. */
  readonly organizations: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly isCa: boolean;
  /** How many certificate authorities may follow below it; null: any number. */
  readonly pathLength: number | null;
  readonly mayIssue: boolean;
  readonly maySign: boolean;
  /** Where the issuer's own certificate is published. */
  readonly issuerUrls: readonly string[];
  /** Names of critical extensions that are not understood here: such a certificate must not be used. */
  readonly unknownCritical: readonly string[];
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly signed: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
  /** The hash of the issuer's signature; null for a kind that is not taken. */
  readonly hash: Hash | null;
}
type Hash = "SHA-256" | "SHA-384" | "SHA-512";

const hashOf: Readonly<Record<string, Hash>> = {
  "1.2.840.113549.1.1.11": "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
};
const oid = {
  organization: "2.5.4.10",
  basicConstraints: "2.5.29.19",
  keyUsage: "2.5.29.15",
  issuerInfo: "1.3.6.1.5.5.7.1.1",
  caIssuers: "1.3.6.1.5.5.7.48.2",
} as const;
/** Besides the two that are read: the purposes and policies of a key do not narrow what we ask of it. */
const understood: ReadonlySet<string> = new Set([oid.basicConstraints, oid.keyUsage, "2.5.29.37", "2.5.29.32"]);
const certificatesMax = 10;
const modulusBitsMin = 2_048;
const depthMax = 4;

/** The certificates in a file: one in DER, or up to ten in PEM. Throws on anything else. */
export const readCertificates = (bytes: Uint8Array): readonly X509[] => {
  if (bytes[0] === 0x30) return [readCertificate(bytes)];
  const text = new TextDecoder().decode(bytes);
  const blocks = [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  if (blocks.length === 0 || blocks.length > certificatesMax) throw new Error("there is no certificate in it");
  return blocks.map(([, base64 = ""]) => readCertificate(bytesOf(base64)));
};

const readCertificate = (der: Uint8Array): X509 => {
  const certificate = AsnConvert.parse(Uint8Array.from(der), Certificate);
  const { tbsCertificate: body, tbsCertificateRaw, signatureAlgorithm, signatureValue } = certificate;
  if (tbsCertificateRaw === undefined) throw new Error("the signed part of the certificate cannot be told");
  const extensions: readonly Extension[] = [...(body.extensions ?? [])];
  const find = (id: string) => extensions.find(({ extnID }) => extnID === id)?.extnValue;
  const constraints = find(oid.basicConstraints);
  const ca = constraints === undefined ? null : AsnConvert.parse(constraints, BasicConstraints);
  const usage = find(oid.keyUsage);
  const flags = usage === undefined ? null : AsnConvert.parse(usage, KeyUsage).toNumber();
  const isStated = body.signature.algorithm === signatureAlgorithm.algorithm;
  return {
    subject: nameOf(body.subject),
    issuer: nameOf(body.issuer),
    organizations: [...body.subject].flatMap((part) =>
      [...part].flatMap(({ type, value }) => (type === oid.organization ? [value.toString()] : [])),
    ),
    notBefore: body.validity.notBefore.getTime(),
    notAfter: body.validity.notAfter.getTime(),
    isCa: ca?.cA === true,
    pathLength: ca?.pathLenConstraint ?? null,
    mayIssue: flags === null || (flags & KeyUsageFlags.keyCertSign) !== 0,
    maySign: flags === null || (flags & KeyUsageFlags.digitalSignature) !== 0,
    issuerUrls: issuerUrlsOf(find(oid.issuerInfo)),
    unknownCritical: extensions
      .filter(({ critical, extnID }) => critical && !understood.has(extnID))
      .map(({ extnID }) => extnID),
    publicKey: new Uint8Array(AsnConvert.serialize(body.subjectPublicKeyInfo)),
    signed: new Uint8Array(tbsCertificateRaw),
    signature: new Uint8Array(signatureValue),
    hash: isStated ? (hashOf[signatureAlgorithm.algorithm] ?? null) : null,
  };
};

const nameOf = (name: Name): string => base64Of(new Uint8Array(AsnConvert.serialize(name)));

const issuerUrlsOf = (value: Extension["extnValue"] | undefined): readonly string[] =>
  value === undefined
    ? []
    : [...AsnConvert.parse(value, AuthorityInfoAccessSyntax)].flatMap(({ accessMethod, accessLocation }) =>
        accessMethod === oid.caIssuers && accessLocation.uniformResourceIdentifier !== undefined
          ? [accessLocation.uniformResourceIdentifier]
          : [],
      );

export interface ChainInput {
  /** Certificates that may lie between the leaf and a root; none of them is trusted by itself. */
  readonly between: readonly X509[];
  readonly roots: readonly X509[];
  readonly now: Date;
}
export type Chain =
  | { readonly kind: "trusted" }
  /** Its issuer is not at hand; it may be at one of these addresses. */
  | { readonly kind: "incomplete"; readonly issuerUrls: readonly string[] }
  | { readonly kind: "refused"; readonly reason: string };

/** Whether the leaf leads to a root: each issuer may issue, signed the one below, and is valid now; RSA from 2048 bits, SHA-2. */
export const chainOf = async (leaf: X509, input: ChainInput): Promise<Chain> => {
  const trouble = troubleOf(leaf, input.now);
  if (trouble !== null) return refused(trouble);
  if (leaf.isCa) return refused("it is a certificate authority's own");
  if (!leaf.maySign) return refused("its key may not sign");
  return climb(leaf, input, 0);
};

const climb = async (below: X509, input: ChainInput, depth: number): Promise<Chain> => {
  if (depth > depthMax) return refused("its chain is too long");
  const fits = (above: X509): boolean =>
    above.subject === below.issuer &&
    above.isCa &&
    above.mayIssue &&
    (above.pathLength === null || above.pathLength >= depth) &&
    troubleOf(above, input.now) === null;
  for (const root of input.roots.filter(fits)) if (await isIssuedBy(below, root)) return { kind: "trusted" };
  // A name alone is no proof: of several certificates with the issuer's name the one that signed counts.
  let last: Chain = { kind: "incomplete", issuerUrls: below.issuerUrls };
  for (const above of input.between.filter(fits)) {
    if (!(await isIssuedBy(below, above))) continue;
    const chain = await climb(above, input, depth + 1);
    if (chain.kind === "trusted") return chain;
    last = chain;
  }
  return last;
};

const troubleOf = (certificate: X509, now: Date): string | null => {
  if (now < certificate.notBefore) return "it is not valid yet";
  if (now > certificate.notAfter) return "it has expired";
  if (certificate.unknownCritical.length > 0) return "it has a critical extension that is not understood";
  return certificate.hash === null ? "it is signed in a way that is not taken" : null;
};
const refused = (reason: string): Chain => ({ kind: "refused", reason });

const isIssuedBy = async (below: X509, above: X509): Promise<boolean> =>
  below.hash !== null && isSignedBy(above, { hash: below.hash, signature: below.signature, data: below.signed });

/** Whether the certificate's key made the signature (RSA PKCS#1 v1.5) over the data. A key that is weak or of another kind made none. */
export const isSignedBy = async (
  signer: X509,
  given: {
    readonly hash: Hash;
    readonly signature: Uint8Array<ArrayBuffer>;
    readonly data: Uint8Array<ArrayBuffer>;
  },
): Promise<boolean> => {
  try {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: given.hash };
    const key = await crypto.subtle.importKey("spki", signer.publicKey, algorithm, true, ["verify"]);
    const { n = "", e } = await crypto.subtle.exportKey("jwk", key);
    // Every key of a public authority has this exponent; a smaller one would make forgeries thinkable.
    if (e !== "AQAB" || bitsOf(n) < modulusBitsMin) return false;
    return await crypto.subtle.verify(algorithm.name, key, given.signature, given.data);
  } catch {
    return false;
  }
};

const bitsOf = (base64url: string): number => {
  const bytes = bytesOf(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first] ?? 0) + 24;
};

/** The bytes of a base64 text, white space allowed. Throws on other characters. */
export const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64.replaceAll(/\s/g, "")), (char) => char.charCodeAt(0));
const base64Of = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};
