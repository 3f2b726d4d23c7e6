/** What is told before anything goes to Google: each gap with field, rule and fix; what a connection may be; the form for a person. */
import { describe, expect, it } from "vitest";
import { assistedOf } from "../adapters/gcp/assisted.ts";
import { createGcp } from "../adapters/gcp/index.ts";
import { rulePack } from "../adapters/gcp/rules.ts";
import { example, settingsSchema, targetOf } from "../adapters/gcp/settings.ts";
import { capabilitiesOf } from "../adapters/registry.ts";
import type { JsonObject, ShareDraft } from "../src/domain/deal.ts";
import type { DraftParts } from "./aws-double.ts";
import { connection, coSellOf, draftOf, openSession, partnerId, settings, start } from "./gcp-double.ts";

const clock = { now: () => start, sleep: async () => {} };
const nobody = async () => {
  throw new Error("nothing may be contacted");
};
const open = (over: JsonObject = {}) => openSession({ http: nobody, clock, settings: over });
const gapsOf = (draft: ShareDraft, over: JsonObject = {}) => coSellOf(open(over)).gaps(draft);

describe("a deal", () => {
  it("that says what Google needs has no gap", () => expect(gapsOf(draftOf())).toEqual([]));
  it.each<[string, DraftParts, string, string]>([
    ["no website", { account: { website: null } }, "account.website", "required"],
    ["a website that many share", { account: { website: "https://facebook.com/x" } }, "account.website", "required"],
    ["no country", { account: { country: null } }, "account.country", "required"],
    ["a country whose region nobody mapped", { account: { country: "SI" } }, "gcp.region", "required"],
    ["an industry that nobody mapped", { account: { industry: "Wholesale" } }, "account.industry", "required"],
    ["no problem", { opportunity: { problem: null } }, "problem", "required"],
    ["no amount", { opportunity: { amount: null } }, "amount", "required"],
    ["another currency", { opportunity: { amount: { amount: "1.00", currency: "EUR" } } }, "amount", "not_listed"],
    ["an amount of nothing", { opportunity: { amount: { amount: "0.00", currency: "USD" } } }, "amount", "not_allowed"],
    [
      "seven decimals",
      { fields: { dealSize: { amount: "1.0000001", currency: "USD" } } },
      "gcp.dealSize",
      "bad_format",
    ],
    ["no term", { opportunity: { termMonths: null } }, "termMonths", "required"],
    ["no close date", { opportunity: { closeDate: null } }, "closeDate", "required"],
    ["legal terms refused", { fields: { legalLanguageAccepted: false } }, "gcp.legalLanguageAccepted", "not_allowed"],
    ["no product family", { fields: { productFamily: null } }, "gcp.productFamily", "required"],
    ["a word that cannot be Google's", { fields: { supportLevel: "help, please!" } }, "gcp.supportLevel", "bad_format"],
    ["neither yes nor no", { fields: { publicSector: "perhaps" } }, "gcp.publicSector", "bad_format"],
    ["employees in words", { fields: { employeeCount: "many" } }, "gcp.employeeCount", "bad_format"],
  ])("with %s is told before it is sent", (_, parts, field, code) => {
    const gaps = gapsOf(draftOf(parts));
    expect(gaps.map((gap) => [gap.field, gap.code])).toEqual([[field, code]]);
    for (const gap of gaps) {
      expect(gap.fix.length).toBeGreaterThan(10);
      expect(rulePack.rows.some(({ source }) => source === gap.source)).toBe(true);
    }
  });
  it("is taken with a person's spelling of Google's words", () => {
    expect(
      gapsOf(draftOf({ fields: { supportLevel: "Align sales account", publicSector: "yes", industry: "software" } })),
    ).toEqual([]);
  });
  it("meets what the connection demands, no more and no less", () => {
    const bare = draftOf({ account: { website: null, industry: "Wholesale" }, opportunity: { problem: null } });
    expect(gapsOf(bare, { required: ["account.name", "amount"] })).toEqual([]);
    expect(gapsOf(draftOf(), { required: ["gcp.employeeCount"] }).map(({ field }) => field)).toEqual([
      "gcp.employeeCount",
    ]);
    expect(
      gapsOf(draftOf({ account: { country: "DE", industry: "Wholesale" } }), {
        industryMap: { wholesale: "RETAIL" },
        regionMap: { DE: "EMEA" },
      }),
    ).toEqual([]);
  });
  it("comes with what cannot be undone", () => {
    expect(coSellOf(open()).notices?.(draftOf()).join(" ")).toMatch(/cannot be undone/);
  });
});

describe("a connection", () => {
  it.each<[string, Parameters<typeof connection>[0], RegExp]>([
    ["another account than its partner", { account: "other" }, /must be the same/],
    ["a test environment, which Google has not", { environment: "vendor_test" }, /no test environment/],
    [
      "real Google in a simulation",
      { settings: { ...settings, endpoint: "https://cloudchannel.googleapis.com" } },
      /points at real Google/,
    ],
    ["no key in mode api", { settings: { partnerId } }, /settings\.credentials is missing/],
  ])("with %s is refused by name", (_, over, message) => {
    expect(() => targetOf(connection(over))).toThrow(message);
  });
  it("never holds a secret, only its reference", () => {
    expect(
      settingsSchema.safeParse({ partnerId, credentials: { keyRef: "-----BEGIN PRIVATE KEY-----" } }).success,
    ).toBe(false);
  });
  it("can be all that the example says", () => {
    expect(
      targetOf(
        connection({
          account: example.account,
          settings: structuredClone<JsonObject>(example.settings) as Record<string, never>,
        }),
      ).partnerId,
    ).toBe(example.account);
  });
  it("says why of each door that it has not", () => {
    for (const over of [{}, { mode: "assisted" }, { surface: "crm_partners" }]) {
      const session = open(over);
      const capabilities = Object.entries(capabilitiesOf(session));
      expect(Object.keys(session.lacks).toSorted()).toEqual(
        capabilities.flatMap(([name, has]) => (has ? [] : [name])).toSorted(),
      );
    }
  });
  it("is swept as often as it says, and as the installation does where it says nothing", () => {
    expect(open().sweepMinutes).toBeUndefined();
    expect(open({ pollMinutes: 30 })).toMatchObject({ sweepMinutes: 30 });
    expect(open({ surface: "crm_partners", pollMinutes: 30 })).toMatchObject({ sweepMinutes: 30, lookMinutes: 30 });
  });
  it("is one of the marketplaces by its id, with limits that are gentle", () => {
    const gcp = createGcp();
    expect([gcp.id, gcp.limits.writesPerSecond <= 2, gcp.limits.pageSize <= 100]).toEqual(["gcp", true, true]);
  });
});

describe("assisted mode", () => {
  const assisted = assistedOf(targetOf(connection({ settings: { ...settings, mode: "assisted" } })));
  const valueIn = (draft: ShareDraft, field: string) => assisted.form(draft).find((one) => one.field === field)?.value;
  it("contacts nobody, and judges the deal as always", async () => {
    const session = openSession({
      http: nobody,
      clock,
      settings: { partnerId, mode: "assisted", defaults: settings.defaults },
    });
    expect(await session.check()).toMatchObject({ ok: true });
    expect(coSellOf(session).gaps(draftOf({ opportunity: { amount: null } }))).toMatchObject([{ field: "amount" }]);
  });
  it("gives every field of the form once, filled as Google's form words it", () => {
    const draft = draftOf({
      contacts: [
        { role: "customer", email: "ada@example.com", firstName: "Ada", lastName: "Park", phone: "+1 206 555 0100" },
      ],
    });
    const form = assisted.form(draft);
    expect(new Set(form.map(({ field }) => field)).size).toBe(form.length);
    expect(new Set(form.map(({ label }) => label)).size).toBe(form.length);
    expect(Object.fromEntries(form.map(({ field, value }) => [field, value]))).toMatchObject({
      title: "Data lake for Example Industries [006A000001]",
      amount: "USD 120000.00",
      closeDate: "2026-12-31",
      termMonths: "12",
      contacts: "Ada Park, ada@example.com, +12065550100",
      "gcp.deliveryModel": "Saas on google cloud",
      "gcp.legalLanguageAccepted": "Yes",
    });
  });
  it("leaves empty what nobody said: no budget, need or dates are asserted", () => {
    for (const field of ["gcp.budget", "gcp.authority", "gcp.need", "gcp.timeline", "gcp.decisionPhase", "gcp.notes"])
      expect([field, valueIn(draftOf(), field)]).toEqual([field, ""]);
    expect(valueIn(draftOf({ opportunity: { stage: "launched" } }), "stage")).toBe("");
  });
  it("knows a deal number however it is typed, as the id that the API has", () => {
    for (const text of ["DR-AbCdEf12GhIjKl", "  dr-AbCdEf12GhIjKl "])
      expect(assisted.number.parse(text)).toEqual({ id: "AbCdEf12GhIjKl" });
    for (const text of ["", "AbCdEf12", "DR-", "DR-1 2", "DR-<script>"]) expect(assisted.number.parse(text)).toBeNull();
    expect(assisted.number.show?.({ id: "AbCdEf12GhIjKl" })).toBe("DR-AbCdEf12GhIjKl");
  });
  it("tells what each status does, and what is frozen meanwhile", () => {
    const events = Object.fromEntries(assisted.statuses.map(({ word, event }) => [word, event]));
    expect(events).toMatchObject({
      SUBMITTED: "partner_stored",
      ACCEPTED: "partner_accepted",
      REJECTED: "partner_asked",
      NOT_ACCEPTED: "partner_asked",
    });
    expect(assisted.statuses[0].word).toBe("SUBMITTED");
    expect(assisted.frozen?.("title", "SUBMITTED")).toMatch(/reviewing/);
    expect([assisted.frozen?.("title", "REJECTED"), assisted.frozen?.("closeDate", "ACCEPTED")]).toEqual([null, null]);
    expect(assisted.frozen?.("title", "ACCEPTED")).toMatch(/only some fields/);
    expect(assisted.steps.withdraw).toBeUndefined();
  });
});
