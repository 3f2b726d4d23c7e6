import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../src/clock.ts";
import { createSeededIds } from "../src/ids.ts";
import { createSeal } from "../src/store/seal.ts";
import { testKey } from "./store-fixture.ts";

const seal = await createSeal(testKey, createSeededIds(createVirtualClock(new Date("2026-11-22T09:00:00Z")), "seal"));

/** The format as documented to whoever must read a backup without us: HKDF-SHA-256, then AES-256-GCM, nonce first and tag last. */
const keyFor = async (purpose: string, algorithm: AesKeyAlgorithm | HmacImportParams, uses: KeyUsage[]) => {
  const base = await crypto.subtle.importKey("raw", Buffer.from(testKey, "base64"), "HKDF", false, ["deriveBits"]);
  const info = new TextEncoder().encode(purpose);
  const bits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(32), info },
    base,
    256,
  );
  return crypto.subtle.importKey("raw", bits, algorithm, false, uses);
};
const cipherKey = await keyFor("cosell seal v1", { name: "AES-GCM", length: 256 }, ["encrypt", "decrypt"]);
const by = (iv: BufferSource, context: string) => ({
  name: "AES-GCM",
  iv,
  additionalData: new TextEncoder().encode(context),
});
const anyText = fc.string({ unit: "grapheme", maxLength: 200 });

describe("a seal", () => {
  it("is read by WebCrypto, and reads what WebCrypto sealed: what lies in a database stays readable", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        anyText,
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        async (plain, context, nonce) => {
          const sealed = await seal.close(plain, context);
          const opened = await crypto.subtle.decrypt(by(sealed.slice(0, 12), context), cipherKey, sealed.slice(12));
          expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(opened)).toBe(plain);
          const iv = new Uint8Array(nonce);
          const cipher = await crypto.subtle.encrypt(by(iv, context), cipherKey, new TextEncoder().encode(plain));
          expect(await seal.open(new Uint8Array([...iv, ...new Uint8Array(cipher)]), context)).toBe(plain);
        },
      ),
      { numRuns: 100, seed: 7 },
    );
  });

  it("that lost or changed a byte is refused, wherever", async () => {
    const sealed = await seal.close("a body", "here");
    for (let at = 0; at < sealed.length; at++) {
      await expect(
        seal.open(
          sealed.map((byte, index) => (index === at ? byte ^ 1 : byte)),
          "here",
        ),
      ).rejects.toThrow();
      await expect(seal.open(sealed.slice(0, at), "here")).rejects.toThrow();
    }
  });

  it("gives the fingerprint that HMAC-SHA-256 under its own key gives", async () => {
    const key = await keyFor("cosell fingerprint v1", { name: "HMAC", hash: "SHA-256" }, ["sign"]);
    const sign = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode("ann@example.com"));
    expect(await seal.fingerprint("ann@example.com")).toBe(Buffer.from(sign).toString("hex"));
  });
});
