/**
 * Inngest's signing keys: how requests and answers are signed both ways, and how an SDK names its key when it calls the server.
 * https://github.com/inngest/inngest/blob/main/docs/SDK_SPEC.md, section 4.1
 */

/** What one key signs and verifies. */
export interface Signer {
  /** The value of `x-inngest-signature` for a body, which must be canonical JSON (RFC 8785) or empty, dated now. */
  readonly sign: (body: string) => Promise<string>;
  /** Whether the header is this key's signature over the body, at most five minutes old. */
  readonly verify: (header: string | null, body: string) => Promise<boolean>;
}

const secondsMax = 300;

export const createSigner = (signingKey: string): Signer => {
  // The key's text after `signkey-<env>-`, as UTF-8, not decoded from hexadecimal.
  const raw = new TextEncoder().encode(plainKey(signingKey));
  const imported = crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  return {
    sign: async (body) => {
      // The SDK judges the signature's age by the system's clock, so a virtual clock must not date it.
      const seconds = Math.floor(Date.now() / 1_000).toString();
      const bytes = await crypto.subtle.sign("HMAC", await imported, new TextEncoder().encode(body + seconds));
      return `t=${seconds}&s=${hexOf(bytes)}`;
    },
    verify: async (header, body) => {
      const [, seconds, hex] = /^t=(\d+)&s=([0-9a-f]{64})$/.exec(header ?? "") ?? [];
      if (seconds === undefined || hex === undefined) return false;
      if (Math.abs(Date.now() / 1_000 - Number(seconds)) > secondsMax) return false;
      return crypto.subtle.verify("HMAC", await imported, bytesOf(hex), new TextEncoder().encode(body + seconds));
    },
  };
};

/** How an SDK proves to the server that it has the key: SHA-256 of the decoded key, in hexadecimal, without the prefix. */
export const keyHash = async (signingKey: string): Promise<string> =>
  hexOf(await crypto.subtle.digest("SHA-256", bytesOf(plainKey(signingKey))));

/** What an SDK's `authorization` header names: the hash without `Bearer` and the key's prefix; empty when there is none. */
export const bearerHash = (header: string | null): string => plainKey(/^Bearer (\S+)$/.exec(header ?? "")?.[1] ?? "");

/** What a signing key must look like: an even number of hexadecimal digits, optionally after `signkey-<env>-`. */
export const signingKeyPattern = /^(?:signkey-\w+-)?(?:[0-9a-fA-F]{2})+$/;

/** Whether two texts are the same, in a time that does not tell how far they agree. */
export const isSameText = async (given: string, expected: string): Promise<boolean> => {
  const [a, b] = await Promise.all([given, expected].map((text) => digestOf(text)));
  if (a === undefined || b === undefined) return false;
  return a.reduce((difference, byte, index) => difference | (byte ^ (b[index] ?? 0)), 0) === 0;
};

const digestOf = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

const plainKey = (signingKey: string): string => signingKey.replace(/^signkey-\w+-/, "");

const hexOf = (bytes: ArrayBuffer): string =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const bytesOf = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
