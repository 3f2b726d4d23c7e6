/** A folder whose rules count only when verified, closed, tried with other rules and exported for one partner. No money lines are needed. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { makeKey, type PublicKey, publicHalf, signRule } from "../src/domain/signed-rule.ts";
import { cosell } from "./cli-shell.ts";
import { reconciliationCase } from "./close-rig.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-attribution-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...parts: readonly string[]): string => join(directory, ...parts);
const folder = at("month");
const put = (name: string, content: unknown): void =>
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));

const rule = (partner: string, more: JsonObject = {}): JsonObject => ({
  rule_id: `rule-${partner}`,
  version: 1,
  partner_id: partner,
  credit_basis: "tcv",
  sourced_requires: { touch_types: ["registration"], window_days: 90 },
  influence: { model: "position", touch_types: ["demo"], window_days: 180 },
  effective_from: "2025-01-01",
  signatures: [],
  ...more,
});
const agreement = (id: string, amount: string) => ({
  ...{ marketplace: "aws", agreement_id: id, offer_id: `offer-${id}`, status: "ACTIVE", currency: "USD" },
  ...{ start: "2026-02-01", end: "2027-01-31", total_contract_value: amount, schedule: [] },
});

let keys: readonly PublicKey[] = [];
beforeAll(async () => {
  mkdirSync(folder);
  const us = await makeKey({ side: "us", name: "Ada", role: "CRO" });
  const partner = await makeKey({ side: "partner", name: "Bob", role: "CRO" });
  keys = [publicHalf(us), publicHalf(partner)];
  const signed = async (document: JsonObject, on: string): Promise<JsonObject> =>
    signRule(await signRule(document, us, on), partner, on);
  put("attribution-rules.json", [
    await signed(rule("p1", { scope: { regions: ["emea"] } }), "2025-12-01"),
    await signRule(rule("p2"), us, "2025-12-01"),
    await signed(rule("p3"), "2026-03-01"),
  ]);
  put("keys.json", keys);
  const policy = JSON.parse(readFileSync(join(reconciliationCase, "input", "internal", "policy.json"), "utf8"));
  put("policy.json", { ...policy, signatures: "verified" });
  put(
    "deals.csv",
    "deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id,region\nd1,A,a.example,900.00,USD,2026-01-31,Closed Won,aws,offer-a1,emea\nd2,B,b.example,500.00,USD,2026-01-31,Closed Won,aws,offer-a2,\nd3,C,c.example,700.00,USD,2026-01-31,Closed Won,aws,offer-a3,\n",
  );
  put(
    "touches.csv",
    "touch_id,deal_id,partner_id,type,date,status,recorded_at\nt1,d1,p1,registration,2026-01-05,accepted,2026-02-07\nt2,d1,p2,demo,2026-01-06,accepted,2026-01-06\nt3,d1,p3,demo,2026-01-07,accepted,2026-01-07\nt4,d2,p2,registration,2026-01-05,accepted,2026-01-05\nt5,d3,p3,registration,2026-01-05,accepted,2026-01-05\n",
  );
  put("partners.csv", "partner_id,name\np1,One\np2,Two\np3,Three\n");
  put("agreements.json", [agreement("a1", "900.00"), agreement("a2", "500.00"), agreement("a3", "700.00")]);
  put(
    "disputes.csv",
    "dispute_id,deal_id,partner_id,opened,amount,currency,reason\nx1,d1,p1,2026-02-10,100.00,USD,theirs\nx2,d1,p3,2026-02-10,whole,,ours\n",
  );
  const falls = { rule_id: "decision-x2", version: 1, dispute_id: "x2", outcome: "falls", signatures: [] };
  put("attribution-decisions.json", [await signed(falls, "2026-03-01")]);
});

const close = async (out: string) => cosell(["close", folder, "--as-of", "2026-06-30", "--out", at(out)]);
const csv = (...parts: readonly string[]): readonly string[] =>
  readFileSync(at(...parts), "utf8")
    .trimEnd()
    .split(/\r?\n/)
    .slice(1);

describe("cosell close with signatures: verified", () => {
  it("credits by rules that the folder's keys verify, freezes what is disputed, and says what each other rule lacks", async () => {
    const ran = await close("pack");
    expect([ran.err, ran.code, ran.out]).toEqual(["", 0, expect.not.stringMatching(/refused|left alone/)]);
    expect(csv("pack", "credits.csv").map((row) => row.split(",").slice(0, 6).join(" "))).toEqual([
      "d1 a1 p1 sourced 800.00 100.00",
      "d1 a1 p2 influenced 450.00 0.00",
      "d1 a1 p3 influenced 0.00 0.00",
    ]);
    const exceptions = csv("pack", "exceptions.csv").filter((row) => /ATTRIBUTION|TAG_LATE/.test(row));
    expect(exceptions).toHaveLength(4);
    for (const said of [
      /UNSIGNED\|deal\|d2.*partner has not signed it/,
      /LATE\|deal\|d3.*the later side signed on 2026-03-01/,
      /CONTESTED\|deal\|d1.*100\.00,USD/,
      /TAG_LATE\|deal\|d1.*after the close/,
    ])
      expect(
        exceptions.some((row) => said.test(row)),
        `${said}`,
      ).toBe(true);
  });

  it("tells credits month by month, what was locked and what became of disputes", () => {
    expect(
      csv("pack", "credit-periods.csv")
        .filter((row) => row.includes(",p3,"))
        .map((row) => row.split(",").slice(0, 8).join(" ")),
    ).toEqual([
      "2026-01 p3 d1 a1 influenced earned 450.00 USD",
      "2026-02 p3 d1 a1 influenced contested -450.00 USD",
      "2026-03 p3 d1 a1 influenced released 450.00 USD",
      "2026-03 p3 d1 a1 influenced withdrawn -450.00 USD",
    ]);
    expect(csv("pack", "credit-locks.csv")[1]).toMatch(
      /^d1,2026-01-31,rule-p1 v1,[0-9a-f]{64},tcv,position,p2,influenced,5000,10000,5000,t2$/,
    );
    expect(csv("pack", "disputes.csv").map((row) => row.split(",")[4])).toEqual(["open", "falls"]);
    const manifest = JSON.parse(readFileSync(at("pack", "manifest.json"), "utf8"));
    expect(manifest).toMatchObject({
      signatures_of_rules: "verified",
      rules: { "rule-p1 v1": csv("pack", "credit-locks.csv")[0]?.split(",")[3] },
    });
    expect(readFileSync(at("pack", "report.html"), "utf8")).toContain("verified against the 2 public keys");
  });

  it("credits nobody once the keys are gone", async () => {
    rmSync(join(folder, "keys.json"));
    await close("bare");
    put("keys.json", keys);
    expect(csv("bare", "credits.csv")).toEqual([]);
  });
});

describe("a lock of an earlier close", () => {
  it("holds in the next month, whatever touches and rules say by then, and tells what would have come out", async () => {
    put("credit-locks.csv", readFileSync(at("pack", "credit-locks.csv"), "utf8"));
    const before = readFileSync(at("pack", "credits.csv"), "utf8");
    const touches = readFileSync(join(folder, "touches.csv"), "utf8");
    await close("same");
    expect(readFileSync(at("same", "credits.csv"), "utf8")).toBe(before);
    expect(readFileSync(at("same", "credit-locks.csv"), "utf8")).toBe(
      readFileSync(at("pack", "credit-locks.csv"), "utf8"),
    );
    expect(readFileSync(at("same", "exceptions.csv"), "utf8")).not.toContain("LOCK_KEPT");
    put(
      "touches.csv",
      touches.replace("t1,d1,p1,registration,2026-01-05,accepted", "t1,d1,p1,registration,2026-01-05,refused"),
    );
    await close("later");
    put("touches.csv", touches);
    expect(readFileSync(at("later", "credits.csv"), "utf8")).toBe(before);
    const [told] = csv("later", "exceptions.csv").filter((row) => row.startsWith("LOCK_KEPT"));
    expect(told).toMatch(/today: nobody is credited/);
    put("credit-locks.csv", readFileSync(at("pack", "credit-locks.csv"), "utf8").replace(",sourced,", ",influenced,"));
    expect(await close("odd")).toMatchObject({ code: 1, out: expect.stringContaining("no row says who sourced d1") });
    rmSync(join(folder, "credit-locks.csv"));
  });
});

describe("cosell attribution", () => {
  const asOf = ["--as-of", "2026-06-30"];
  it("replay tells what other rules would have given, and writes nothing unless it is asked to", async () => {
    writeFileSync(at("new.json"), JSON.stringify(rule("p2", { version: 2, effective_from: "2027-01-01" })));
    const replay = ["attribution", "replay", folder, ...asOf, "--rules", at("new.json")];
    const ran = await cosell(replay);
    expect([ran.err, ran.code]).toEqual(["", 0]);
    expect(ran.out).toMatch(/p2 +450\.00 +950\.00 +500\.00 USD +1/);
    expect(ran.out).toContain("2 deals without a valid rule before, 1 after");
    expect(existsSync(at("diff.json"))).toBe(false);
    await cosell([...replay, "--out", at("diff.json")]);
    expect(JSON.parse(readFileSync(at("diff.json"), "utf8"))).toMatchObject({
      additive: false,
      deals: [{ deal_id: "d2", partner_id: "p2", before: "0.00", after: "500.00" }],
    });
    writeFileSync(
      at("wrong.json"),
      JSON.stringify([rule("p2", { influence: { model: "time_decay", touch_types: [], window_days: 1 } })]),
    );
    const wrong = await cosell(["attribution", "replay", folder, ...asOf, "--rules", at("wrong.json")]);
    expect([wrong.code, wrong.err]).toEqual([
      1,
      expect.stringMatching(/at \[0\]\[influence\]\[half_life_days\]: time_decay needs/),
    ]);
  });

  it("export writes one partner's rows alone, labelled where they do not add up", async () => {
    const run = (partner: string, out: string) =>
      cosell(["attribution", "export", folder, ...asOf, "--partner", partner, "--out", at(out)]);
    expect((await run("p2", "p2.json")).out).toContain("claim unsigned 1\n  influenced credited 1");
    const text = readFileSync(at("p2.json"), "utf8");
    expect(JSON.parse(text)).toMatchObject({
      rows: [
        { deal_id: "d1", additive: false, amount: "450.00" },
        { deal_id: "d2", state: "unsigned" },
      ],
    });
    expect(text).not.toMatch(/"p[13]"|rule-p3|t1|t3|800\.00|900\.00/);
    await run("p1", "p1.csv");
    expect(csv("p1.csv")).toEqual([
      expect.stringMatching(/^d1,sourced,partly contested,yes,rule-p1 v1,[0-9a-f]{64},tcv,800.00,100.00,USD,t1$/),
    ]);
    expect(await run("p9", "p9.json")).toMatchObject({ code: 1, err: expect.stringContaining("no partner p9") });
  });

  it("compare tells by deal where two installations disagree, without a word of money", async () => {
    const ours = JSON.parse(readFileSync(at("p2.json"), "utf8"));
    expect(await cosell(["attribution", "compare", at("p2.json"), at("p2.json")])).toMatchObject({
      code: 0,
      out: "2 rows of ours, 2 of theirs, 0 differences\n",
    });
    const theirs = { ...ours, rows: [{ ...ours.rows[0], amount: "1.00", rule_sha256: "0".repeat(64) }] };
    writeFileSync(at("theirs.json"), JSON.stringify(theirs));
    const ran = await cosell(["attribution", "compare", at("p2.json"), at("theirs.json")]);
    expect(ran.code).toBe(1);
    expect(ran.out).toMatch(/d1 +influenced +credited by [0-9a-f]{12} +credited by 000000000000/);
    expect(ran.out).toMatch(/d2 +claim +unsigned by no rule +not there/);
    expect(ran.out).not.toMatch(/450|1\.00/);
  });
});
