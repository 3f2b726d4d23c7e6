/** A signed attribution rule: whatever is changed afterwards is told, with the public keys alone. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  contentHash,
  makeKey,
  publicHalf,
  signatureSchema,
  signedRuleSchema,
  signRule,
  verifyRule,
} from "../src/domain/signed-rule.ts";
import { cosell } from "./cli-shell.ts";

const ours = await makeKey({ side: "us", name: "Ada", role: "CRO" });
const theirs = await makeKey({ side: "partner", name: "Bob", role: "CRO" });
const keys = [publicHalf(ours), publicHalf(theirs)];
const rule: JsonObject = {
  rule_id: "rule-p1",
  version: 2,
  credit_basis: "tcv",
  sourced_requires: { touch_types: ["registration", "intro"], window_days: 90 },
  effective_from: "2025-10-01",
  signatures: [],
};
const signed = await signRule(await signRule(rule, ours, "2025-09-15"), theirs, "2025-09-22");
const verdicts = async (document: JsonObject) =>
  (await verifyRule(document, keys)).signatures.map(({ verdict }) => verdict);
const signatures = signedRuleSchema.parse(signed).signatures;

describe("a rule document", () => {
  it("is verified once both sides signed it, on the day of the later one", async () => {
    expect(await verifyRule(signed, keys)).toMatchObject({
      isVerified: true,
      isChanged: false,
      signedAt: "2025-09-22",
    });
    const half = await signRule(rule, ours, "2025-09-15");
    expect(await verifyRule(half, keys)).toMatchObject({ isVerified: false, signedAt: null });
  });

  it("says the same whatever the order of its members, and another thing for another text", async () => {
    const shuffled = Object.fromEntries(Object.entries(signed).toReversed());
    expect((await verifyRule(shuffled, keys)).isVerified).toBe(true);
    expect(await contentHash(shuffled)).toBe(await contentHash(rule));
    expect(await contentHash({ ...rule, version: 3 })).not.toBe(await contentHash(rule));
  });

  it("is refused a second signature of a side, and one on a text that was changed since", async () => {
    await expect(signRule(signed, ours, "2026-01-01")).rejects.toThrow("signed it already");
    const half = await signRule(rule, ours, "2025-09-15");
    await expect(signRule({ ...half, credit_basis: "collected" }, theirs, "2025-09-22")).rejects.toThrow("changed");
  });

  it("whose content, officer, day, key or signature is exchanged is never verified", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("side", "role", "name", "signed_at", "key_id", "sig"),
        fc.integer({ min: 0, max: 1 }),
        fc.string({ minLength: 1, maxLength: 8 }),
        async (member, index, other) => {
          const changed = signatures.map((signature, at) => {
            if (at !== index) return signature;
            const swaps: Record<string, unknown> = {
              side: signature.side === "us" ? "partner" : "us",
              signed_at: "2025-09-16",
              key_id: `${signature.key_id}${other}`,
              sig: signatures[1 - index]?.sig,
            };
            return { ...signature, [member]: swaps[member] ?? `${String(signature[member])}${other}` };
          });
          const parsed = changed.map((signature) => signatureSchema.parse(signature));
          expect((await verifyRule({ ...signed, signatures: parsed as never }, keys)).isVerified).toBe(false);
        },
      ),
      { numRuns: 200, seed: 7 },
    );
    expect(await verdicts({ ...signed, credit_basis: "collected" })).toEqual(["content_changed", "content_changed"]);
    // Even where the stated hash is mended with the text.
    const mended = { ...signed, credit_basis: "collected" };
    expect(await verdicts({ ...mended, content_sha256: await contentHash(mended) })).toEqual(["forged", "forged"]);
  });

  it("tells a date without a signature, an unknown key and a key that was not valid then apart", async () => {
    const recorded = { ...rule, signatures: [{ side: "us", role: "CRO", signed_at: "2025-09-15" }] };
    expect(await verdicts(recorded)).toEqual(["recorded"]);
    expect((await verifyRule(signed, [keys[0] as never])).signatures[1]?.verdict).toBe("unknown_key");
    const late = keys.map((key) => ({ ...key, valid_from: "2025-09-20" }));
    expect((await verifyRule(signed, late)).signatures.map(({ verdict }) => verdict)).toEqual([
      "key_not_valid_then",
      "verified",
    ]);
  });
});

describe("cosell rules keygen, sign and verify", () => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-rules-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const at = (name: string): string => join(directory, name);

  it("take a rule from two officers' keys to a verdict that needs the public halves alone", async () => {
    for (const [side, name] of [
      ["us", "Ada"],
      ["partner", "Bob"],
    ] as const) {
      const made = await cosell(["rules", "keygen", "--side", side, "--name", name, "--out", at(`${side}.json`)]);
      expect(made.code).toBe(0);
    }
    expect(statSync(at("us.json")).mode & 0o077).toBe(0);
    expect(readFileSync(at("us.json.pub"), "utf8")).not.toContain("private");
    writeFileSync(at("rule.json"), JSON.stringify(rule));
    const shared = ["--keys", at("us.json.pub"), "--keys", at("partner.json.pub")];
    for (const side of ["us", "partner"]) {
      expect((await cosell(["rules", "verify", at("rule.json"), ...shared])).code).toBe(1);
      expect((await cosell(["rules", "sign", at("rule.json"), "--key", at(`${side}.json`)])).code).toBe(0);
    }
    const verified = await cosell(["rules", "verify", at("rule.json"), ...shared]);
    expect([verified.code, verified.out]).toEqual([0, expect.stringContaining("1 of 1 rules verified")]);
    writeFileSync(at("rule.json"), readFileSync(at("rule.json"), "utf8").replace('"tcv"', '"collected"'));
    const changed = await cosell(["rules", "verify", at("rule.json"), ...shared]);
    expect([changed.code, changed.out]).toEqual([1, expect.stringContaining("CHANGED")]);
  });

  it("never write over a key, and name what is no rule", async () => {
    const again = await cosell(["rules", "keygen", "--side", "us", "--name", "Eve", "--out", at("us.json")]);
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("is there already")]);
    writeFileSync(at("odd.json"), JSON.stringify({ rule_id: "r", version: "two" }));
    const odd = await cosell(["rules", "verify", at("odd.json"), "--keys", at("us.json.pub")]);
    expect([odd.code, odd.err]).toEqual([1, expect.stringMatching(/odd\.json is no rule document: at version/)]);
  });
});
