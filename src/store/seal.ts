/**
 * Encryption at rest under COSELL_KEY, and the secrets that live under it. By `node:crypto`, which Workers have too: WebCrypto's
 * way through a thread pool costs five times as much for a text as short as ours.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey } from "node:crypto";
import type { Clock, Db, Ids, Seal, Secrets } from "../ports.ts";

const cipherName = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM under `key` (32 bytes, base64). Throws when the key has another length. */
export const createSeal = async (key: string, ids: Ids): Promise<Seal> => {
  const raw = Uint8Array.from(atob(key), (char) => char.charCodeAt(0));
  if (raw.length !== 32)
    throw new Error(
      `COSELL_KEY must be 32 bytes in base64; it has ${raw.length}. Make one with: openssl rand -base64 32`,
    );
  const encryption = createSecretKey(await derive(raw, "cosell seal v1"));
  const finger = createSecretKey(await derive(raw, "cosell fingerprint v1"));
  return {
    close: async (plain, context) => {
      const nonce = ids.bytes(nonceBytes);
      const cipher = createCipheriv(cipherName, encryption, nonce, { authTagLength: tagBytes }).setAAD(
        Buffer.from(context),
      );
      return new Uint8Array(Buffer.concat([nonce, cipher.update(plain, "utf8"), cipher.final(), cipher.getAuthTag()]));
    },
    open: async (sealed, context) => {
      const tagAt = sealed.length - tagBytes;
      const nonce = sealed.subarray(0, nonceBytes);
      const decipher = createDecipheriv(cipherName, encryption, nonce, { authTagLength: tagBytes })
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(tagAt));
      const plain = Buffer.concat([decipher.update(sealed.subarray(nonceBytes, tagAt)), decipher.final()]);
      return plain.toString("utf8");
    },
    fingerprint: async (plain) => createHmac("sha256", finger).update(plain).digest("hex"),
  };
};

/** A value read is trusted for this long; a rotated one is therefore seen by other processes within it. */
const secretMsMax = 60_000;

export interface SecretsDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly seal: Seal;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Secrets in the database, sealed; `env:NAME` references read the environment instead and cannot be rotated. */
export const createSecrets = (deps: SecretsDeps): Secrets => {
  const read = new Map<string, { readonly value: string; readonly version: number; readonly atMs: number }>();
  return {
    get: async (ref, how) => {
      if (ref.startsWith("env:")) {
        const value = deps.env[ref.slice(4)];
        return value === undefined || value === "" ? null : { value, version: 1 };
      }
      const nowMs = deps.clock.now().getTime();
      const known = read.get(ref);
      if (known !== undefined && how?.fresh !== true && nowMs - known.atMs < secretMsMax)
        return { value: known.value, version: known.version };
      read.delete(ref);
      const [row] = await deps.db.sql<
        { sealed: Uint8Array; version: number }[]
      >`select sealed, version from secret where ref = ${ref}`;
      if (row === undefined) return null;
      const value = await deps.seal.open(row.sealed, `secret:${ref}`);
      read.set(ref, { value, version: row.version, atMs: nowMs });
      return { value, version: row.version };
    },
    rotate: async (ref, expectedVersion, value) => {
      const sealed = await deps.seal.close(value, `secret:${ref}`);
      const now = deps.clock.now();
      read.delete(ref);
      const rows =
        expectedVersion === 0
          ? await deps.db
              .sql`insert into secret (ref, version, sealed, updated_at) values (${ref}, 1, ${sealed}, ${now}) on conflict do nothing returning ref`
          : await deps.db.sql`update secret set version = version + 1, sealed = ${sealed}, updated_at = ${now}
              where ref = ${ref} and version = ${expectedVersion} returning ref`;
      return rows.length === 1;
    },
  };
};

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
export const toHex = (bytes: ArrayBuffer | Uint8Array): string => {
  let hex = "";
  for (const byte of bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)) hex += hexOfByte[byte];
  return hex;
};

/** SHA-256 of a text, as lower-case hexadecimal. */
export const sha256Hex = async (text: string): Promise<string> =>
  toHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

const derive = async (raw: Uint8Array<ArrayBuffer>, purpose: string): Promise<Buffer> => {
  const base = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
  const info = new TextEncoder().encode(purpose);
  return Buffer.from(
    await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info }, base, 256),
  );
};
