/**
 * Checks AWS Signature Version 4 for real: who signed, for which region and service, over exactly these bytes.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * The age of a signature is not checked: time may be virtual.
 */
import { atTheDoor } from "./answers.ts";

export interface SimulatedCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Absent: long-term keys, which must come without a session token. */
  readonly sessionToken?: string;
  /** The seller account the keys belong to, twelve digits. */
  readonly account: string;
}
/** The keys every simulator knows unless told otherwise. They open nothing but simulators. */
export const simulatedCredential: SimulatedCredential = {
  accessKeyId: "SIMULATEDPARTNER0001",
  secretAccessKey: "simulated-key-that-opens-nothing-at-aws",
  account: "111122223333",
};
export const simulatedRegion = "us-east-1";
const unsignedPayload = "UNSIGNED-PAYLOAD";
export const signingService = "partnercentral-selling";

export interface SignedRequest {
  readonly request: Request;
  readonly body: Uint8Array<ArrayBuffer>;
  /** A path prefix that a proxy or router took away before the request came here; empty when none did. */
  readonly basePath: string;
  /** The service it must be signed for; default: the Selling API. */
  readonly service?: string;
}

/** Who signed the request. Throws a `Refusal` with AWS's name for what is wrong. */
export const authenticate = async (
  signed: SignedRequest,
  credentials: readonly SimulatedCredential[],
): Promise<SimulatedCredential> => {
  const header = signed.request.headers.get("authorization");
  if (header === null) throw atTheDoor("MissingAuthenticationTokenException", "Missing Authentication Token");
  const claim = parse(header);
  const credential = credentials.find((candidate) => candidate.accessKeyId === claim.accessKeyId);
  const token = signed.request.headers.get("x-amz-security-token");
  if (!credential || (credential.sessionToken ?? null) !== token) {
    throw atTheDoor("UnrecognizedClientException", "The security token included in the request is invalid.");
  }
  checkScope(claim, signed.request.headers, signed.service ?? signingService);
  const payloadHash = await sha256(signed.body);
  const stated = signed.request.headers.get("x-amz-content-sha256");
  // S3 lets a caller leave the body out of what is signed.
  const hash = signed.service === "s3" && stated === unsignedPayload ? unsignedPayload : payloadHash;
  if (stated !== null && stated !== hash) throw mismatch();
  const url = new URL(signed.request.url);
  const paths = new Set([url.pathname, `${signed.basePath}${url.pathname}`, signed.basePath]);
  for (const path of paths) {
    const text = canonicalRequest(signed.request, { path, claim, payloadHash: hash });
    if (equal(await signatureOf(text, claim, credential.secretAccessKey), claim.signature)) return credential;
  }
  throw mismatch();
};

interface Claim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly headers: readonly string[];
  readonly signature: string;
}

const parse = (header: string): Claim => {
  const found = /^AWS4-HMAC-SHA256\s+(.*)$/.exec(header);
  const parts = new Map(
    (found?.[1] ?? "").split(",").map((part) => {
      const [key = "", ...value] = part.trim().split("=");
      return [key, value.join("=")] as const;
    }),
  );
  const [accessKeyId, date, region, service, end] = (parts.get("Credential") ?? "").split("/");
  const headers = parts.get("SignedHeaders")?.split(";");
  const signature = parts.get("Signature");
  if (!found || !accessKeyId || !date || !region || !service || end !== "aws4_request" || !headers || !signature) {
    const message = "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.";
    throw atTheDoor("IncompleteSignatureException", `${message} Authorization=(hidden)`);
  }
  return { accessKeyId, date, region, service, headers, signature };
};

const checkScope = (claim: Claim, headers: Headers, service: string): void => {
  const wrong = (message: string) => atTheDoor("InvalidSignatureException", message);
  if (claim.region !== simulatedRegion) throw wrong("Credential should be scoped to a valid region.");
  if (claim.service !== service) {
    throw wrong(`Credential should be scoped to correct service: '${service}'.`);
  }
  const stamp = headers.get("x-amz-date") ?? "";
  if (!/^\d{8}T\d{6}Z$/.test(stamp)) {
    const message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
    throw atTheDoor("IncompleteSignatureException", message);
  }
  if (stamp.slice(0, 8) !== claim.date) {
    throw wrong(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${stamp}'.`,
    );
  }
  // A REST service has its operation in the path, which is signed anyway.
  const target = headers.has("x-amz-target") ? ["x-amz-target"] : [];
  for (const name of ["host", "x-amz-date", ...target]) {
    if (!claim.headers.includes(name)) throw wrong(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
  }
};

const mismatch = () =>
  atTheDoor(
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
  );

const canonicalRequest = (
  request: Request,
  parts: { readonly path: string; readonly claim: Claim; readonly payloadHash: string },
): string => {
  const url = new URL(request.url);
  const value = (name: string): string =>
    (request.headers.get(name) ?? (name === "host" ? url.host : "")).trim().replaceAll(/\s+/g, " ");
  const query = [...url.searchParams]
    .map(([key, item]) => `${encode(key)}=${encode(item)}`)
    .sort()
    .join("&");
  return [
    request.method,
    pathOf(parts.path, parts.claim.service),
    query,
    ...parts.claim.headers.map((name) => `${name}:${value(name)}`),
    "",
    parts.claim.headers.join(";"),
    parts.payloadHash,
  ].join("\n");
};

/** Escaped once more than it was sent, but for S3, which signs the path as it is sent. */
const pathOf = (path: string, service: string): string =>
  path
    .split("/")
    .map((part) => encode(service === "s3" ? decodeURIComponent(part) : part))
    .join("/");

const signatureOf = async (text: string, claim: Claim, secret: string): Promise<string> => {
  const scope = `${claim.date}/${claim.region}/${claim.service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${stampOf(text)}\n${scope}\n${await sha256(bytesOf(text))}`;
  return hex(await hmac(await signingKey(claim, secret), toSign));
};

const signingKeys = new Map<string, Promise<CryptoKey>>();
const signingKeysMax = 100;
/** The derived key of one day and secret; the last hundred are kept. */
const signingKey = (claim: Claim, secret: string): Promise<CryptoKey> => {
  const name = `${claim.date}/${claim.region}/${claim.service}/${secret}`;
  const known = signingKeys.get(name);
  if (known) return known;
  if (signingKeys.size >= signingKeysMax) signingKeys.clear();
  const derived = derive(claim, secret);
  signingKeys.set(name, derived);
  return derived;
};
const derive = async (claim: Claim, secret: string): Promise<CryptoKey> => {
  let key = await imported(bytesOf(`AWS4${secret}`));
  for (const part of [claim.date, claim.region, claim.service, "aws4_request"])
    key = await imported(await hmac(key, part));
  return key;
};

/** The signed x-amz-date as it stands in the canonical request. */
const stampOf = (canonical: string): string => /^x-amz-date:(.*)$/m.exec(canonical)?.[1] ?? "";

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
const imported = (key: Uint8Array<ArrayBuffer>): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
const hmac = async (key: CryptoKey, text: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await crypto.subtle.sign("HMAC", key, bytesOf(text)));
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
const equal = (a: string, b: string): boolean => {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
};
