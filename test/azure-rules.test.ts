import { describe, expect, it } from "vitest";
import { createAzure } from "../adapters/azure/index.ts";
import { settingsSchema, targetOf } from "../adapters/azure/settings.ts";
import type { Gap } from "../src/domain/fault.ts";
import { connection, draftOf, openAzure, owner, settings } from "./azure-double.ts";
import { customer, type DraftParts } from "./drafts.ts";

const { coSell } = openAzure({});
const gaps = (parts: DraftParts): readonly Gap[] => coSell.gaps(draftOf(parts));

describe("Microsoft's rules", () => {
  it("pass a deal that Microsoft would take", () => {
    expect(gaps({})).toEqual([]);
    expect(gaps({ fields: { dealType: "private" }, contacts: [owner] })).toEqual([]);
  });

  const breaches: readonly (readonly [field: string, code: string, parts: DraftParts])[] = [
    ["azure.dealType", "required", { fields: { dealType: null } }],
    ["azure.dealType", "not_listed", { fields: { dealType: "public" } }],
    ["azure.solutions", "required", { fields: { solutions: [] } }],
    ["azure.solutions", "bad_format", { fields: { solutions: ["Analytics"] } }],
    ["azure.assistanceRequestCode", "not_listed", { fields: { assistanceRequestCode: "Everything" } }],
    ["azure.customerSize", "not_listed", { fields: { customerSize: "huge" } }],
    ["azure.consentToContact", "required", { fields: { consentToContact: null } }],
    ["azure.consentToContact", "bad_format", { fields: { consentToContact: "perhaps" } }],
    ["azure.colour", "not_allowed", { fields: { colour: "blue" } }],
    ["azure.products", "bad_format", { fields: { products: { id: "Azure" } } }],
    ["account.country", "required", { account: { country: null } }],
    ["account.country", "bad_format", { account: { country: "ZZ" } }],
    ["amount", "required", { opportunity: { amount: null } }],
    ["amount", "not_allowed", { opportunity: { amount: { amount: "-5", currency: "USD" } } }],
    ["amount", "too_long", { opportunity: { amount: { amount: "1234567890123456", currency: "USD" } } }],
    ["closeDate", "required", { opportunity: { closeDate: null } }],
    ["closeDate", "in_the_past", { opportunity: { closeDate: "2026-08-31" } }],
    ["problem", "too_long", { opportunity: { problem: "x".repeat(4_001) } }],
    ["stage", "not_allowed", { opportunity: { stage: "closed_lost" } }],
    ["contacts.owner", "required", { contacts: [customer] }],
    ["contacts.owner", "required", { contacts: [{ ...owner, phone: null }, customer] }],
    ["contacts.customer", "required", { contacts: [owner] }],
    ["contacts.customer", "required", { contacts: [owner, { ...customer, lastName: null }] }],
  ];
  it.each(breaches)(
    "tell of %s as %s, with what is wrong, what to do and where it is written",
    (field, code, parts) => {
      const found = gaps(parts);
      expect(found.map((gap) => [gap.field, gap.code])).toEqual([[field, code]]);
      for (const gap of found) {
        expect(gap.message).toMatch(/^["A-Za-z].{15,}\.$/);
        expect(gap.fix).toMatch(/^[A-Z].{5,}\.$/);
        expect(gap.source).toMatch(/^(https:\/\/|cosell: )/);
      }
    },
  );
  it("name nobody", () => {
    const told = JSON.stringify(
      gaps({
        contacts: [
          { ...owner, phone: null },
          { ...customer, lastName: null },
        ],
      }),
    );
    expect(told).not.toMatch(/grace|field@|ada|park/i);
    expect(told).toContain("telephone number");
  });
  it("let one complete person do, whoever else is named", () => {
    expect(gaps({ contacts: [{ ...owner, phone: null }, owner, customer, { ...customer, phone: null }] })).toEqual([]);
  });
  it("ask for a contact at the customer only where Microsoft is asked to help", () => {
    expect(gaps({ fields: { dealType: "partner_led", consentToContact: null }, contacts: [owner] })).toEqual([]);
  });
  it("hold solution areas and plays to the connection's own list, and to no other: Microsoft renews them yearly", () => {
    const parts = { fields: { solutionPlay: "Next Year's Play" } };
    expect(gaps(parts)).toEqual([]);
    const strict = openAzure({}, { taxonomy: { solutionPlays: ["Only This"] } }).coSell;
    expect(strict.gaps(draftOf(parts))).toMatchObject([{ field: "azure.solutionPlay", code: "not_listed" }]);
    expect(strict.gaps(draftOf({ fields: { solutionPlay: "only this" } }))).toEqual([]);
  });
  it("are told as data with their sources, each under a name of its own", () => {
    const pack = createAzure().rules;
    expect(pack?.version).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(new Set(pack?.rows.map(({ id }) => id)).size).toBe(pack?.rows.length);
    for (const row of pack?.rows ?? []) expect(row.source).toMatch(/^(https:\/\/|cosell: )/);
  });
});

describe("a connection to Microsoft", () => {
  const open = (over: Parameters<typeof connection>[0]) => () => targetOf(connection(over));
  it("is refused by name where account, environment and address contradict", () => {
    expect(open({})).not.toThrow();
    expect(open({ account: "another" })).toThrow(/account another is not settings.organizationId/);
    const endpoint = "http://127.0.0.1:3000/simulator/azure";
    expect(open({ settings: { ...settings, endpoint } })).not.toThrow();
    expect(open({ environment: "production", settings: { ...settings, endpoint } })).toThrow(
      /must reach Microsoft itself/,
    );
    expect(open({ settings: { ...settings, endpoint: "https://api.partner.microsoft.com" } })).toThrow(
      /points at Microsoft/,
    );
  });
  it("takes references of secrets only, and for a token that is written back one of the service's own", () => {
    const consent = { clientId: "app", refreshTokenRef: "secret:azure-refresh" };
    expect(settingsSchema.safeParse({ ...settings, consent }).success).toBe(true);
    expect(
      settingsSchema.safeParse({ ...settings, consent: { ...consent, refreshTokenRef: "env:TOKEN" } }).success,
    ).toBe(false);
    expect(settingsSchema.safeParse({ ...settings, consent: { ...consent, clientSecretRef: "hunter2" } }).success).toBe(
      false,
    );
    expect(settingsSchema.safeParse({ ...settings, organizationId: "msft" }).success).toBe(false);
  });
  it("has an example that opens, with every door that settings can open", () => {
    const { example, settings: schema } = createAzure();
    expect(schema.safeParse(example.settings).error).toBeUndefined();
  });
});
