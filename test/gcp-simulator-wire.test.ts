import { describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { channel, codeOf, fieldsOf, goodDeal, openRig, partner, rawOf, requestOf } from "./gcp-simulator-rig.ts";
import sample from "./vectors/gcp/opportunity.json" with { type: "json" };

const rig = openRig();
const collection = `${channel}/opportunities?partner=${partner}`;
const create = (body: unknown) => rig.call("POST", collection, body);
/** Leaf paths, whatever the values; a list's first item stands for all. */
const paths = (value: unknown, prefix = ""): readonly string[] => {
  if (Array.isArray(value)) return value.length === 0 ? [prefix] : paths(value[0], prefix);
  if (typeof value !== "object" || value === null) return [prefix];
  return Object.entries(value).flatMap(([key, item]) => paths(item, prefix === "" ? key : `${prefix}.${key}`));
};
const group = (name: string, change: JsonObject): JsonObject => ({
  [name]: { ...(goodDeal()[name] as JsonObject), ...change },
});

describe("an opportunity on the wire", () => {
  it("has every member of the vendor's sample, with values of the same types", async () => {
    const world = openRig({ settings: { rules: { defaults: "print" } } });
    const { name: _name, opportunityInfo, ...members } = sample;
    const { partnerEntity: _entity, ...info } = opportunityInfo;
    const asked = { ...members, state: "SUBMITTED", opportunityInfo: info };
    const made = await world.call("POST", collection, asked);
    expect(made.text).not.toContain('"error"');
    await world.controls.accept(made.body.name, { owner: sample.owner, ownerEmail: sample.ownerEmail });
    await world.controls.move(made.body.name, "REFINE");
    const got = await world.get(made.body.name);
    expect(paths(got)).toEqual(expect.arrayContaining([...paths(sample)]));
    expect(got).toMatchObject({
      state: "ACCEPTED",
      stage: "REFINE",
      owner: "Sample Seller",
      customerDisplayName: "Example Buyer Inc",
      qualificationInfo: { ...sample.qualificationInfo, dealNumber: `DR-${got.name.split("/")[1]}` },
      customerInfo: sample.customerInfo,
      isvSolutionConnectInfo: sample.isvSolutionConnectInfo,
      referenceOpportunityId: sample.referenceOpportunityId,
    });
    expect(got.updateTime).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/);
  });
  it("leaves out what has proto3's default value, unless told to print it", async () => {
    const id = await rig.create(group("opportunityInfo", { confidential: false }));
    const { opportunityInfo, qualificationInfo } = await rig.get(id);
    expect(Object.keys(opportunityInfo)).not.toContain("confidential");
    expect(Object.keys(qualificationInfo)).not.toContain("budget");
    await rig.controls.change({ rules: { defaults: "print" } });
    const printed = await rig.get(id);
    expect([printed.opportunityInfo.confidential, printed.qualificationInfo.budget]).toEqual([
      false,
      "BUDGET_UNSPECIFIED",
    ]);
    expect(printed.qualificationInfo.dealSize).toEqual({ currencyCode: "USD", units: "15000", nanos: 500_000_000 });
    await rig.controls.change({ rules: { defaults: "omit" } });
  });
  it("takes both spellings of a name, and numbers as texts", async () => {
    const made = await create({
      state: "DRAFT",
      opportunity_info: { display_name: "Snake", opportunity_amount: { currency_code: "EUR", units: 12 } },
      qualificationInfo: { contractLengthMonths: "24" },
      partner_info: { gcp_project_numbers: ["9007199254740993"] },
    });
    expect(made.body).toMatchObject({
      opportunityInfo: { displayName: "Snake", opportunityAmount: { currencyCode: "EUR", units: "12" } },
      qualificationInfo: { contractLengthMonths: 24 },
      partnerInfo: { gcpProjectNumbers: ["9007199254740993"] },
    });
  });
  it("ignores what only Google writes, or refuses it when told to", async () => {
    const asked = {
      ...goodDeal({ state: "DRAFT" }),
      owner: "Me",
      createTime: "2020-01-01T00:00:00Z",
      name: "opportunities/mine",
    };
    const made = await create(asked);
    expect([made.status, made.body.owner, made.body.createTime.slice(0, 4)]).toEqual([200, undefined, "2026"]);
    await rig.controls.change({ rules: { output: "refuse" } });
    const refused = await create(asked);
    expect([codeOf(refused), ...fieldsOf(refused)]).toEqual([
      "INVALID_ARGUMENT",
      "opportunity.owner",
      "opportunity.create_time",
    ]);
    await rig.controls.change({ rules: { output: "ignore" } });
  });
});

describe("a request that does not fit", () => {
  const cases: readonly (readonly [string, JsonObject, string, string])[] = [
    ["an unknown member", goodDeal({ dealName: "x" }), "opportunity", 'Unknown name "dealName"'],
    [
      "an unknown member deep inside",
      group("customerInfo", { customerDetails: { website: "x" } }),
      "opportunity.customer_info.customer_details",
      "Cannot find field",
    ],
    [
      "an unknown state",
      goodDeal({ state: "OPEN" }),
      "opportunity.state",
      'google.cloud.channel.v1alpha1.State), "OPEN"',
    ],
    [
      "a value that is no enum's",
      group("customerInfo", { region: "North America" }),
      "opportunity.customer_info.region",
      "v1alpha1.Region",
    ],
    [
      "a text for a truth value",
      group("opportunityInfo", { confidential: "yes" }),
      "opportunity.opportunity_info.confidential",
      "TYPE_BOOL",
    ],
    [
      "a fraction for a whole number",
      group("qualificationInfo", { contractLengthMonths: 1.5 }),
      "opportunity.qualification_info.contract_length_months",
      "TYPE_INT32",
    ],
    [
      "a number that does not fit into 32 bits",
      group("qualificationInfo", { quantity: 3_000_000_000 }),
      "opportunity.qualification_info.quantity",
      "TYPE_INT32",
    ],
    [
      "a single value for a list",
      group("opportunityInfo", { productFamily: "GOOGLE_CLOUD_PLATFORM" }),
      "opportunity.opportunity_info.product_family",
      "ProductFamily",
    ],
    ["a text for a message", goodDeal({ customerInfo: "Example" }), "opportunity.customer_info", "CustomerInfo"],
    [
      "money with a fraction in units",
      group("opportunityInfo", { opportunityAmount: { currencyCode: "USD", units: "12.50" } }),
      "opportunity.opportunity_info.opportunity_amount.units",
      "TYPE_INT64",
    ],
    [
      "money whose nanos are too many",
      group("opportunityInfo", { opportunityAmount: { currencyCode: "USD", units: "1", nanos: 1_000_000_000 } }),
      "opportunity.opportunity_info.opportunity_amount.nanos",
      "999,999,999",
    ],
    [
      "money whose parts have different signs",
      group("opportunityInfo", { opportunityAmount: { currencyCode: "USD", units: "1", nanos: -5 } }),
      "opportunity.opportunity_info.opportunity_amount.nanos",
      "sign",
    ],
    [
      "money without a currency",
      group("opportunityInfo", { opportunityAmount: { units: "1" } }),
      "opportunity.opportunity_info.opportunity_amount.currency_code",
      "ISO 4217",
    ],
    [
      "a day that no calendar has",
      group("qualificationInfo", { estimatedCloseDate: { year: 2026, month: 2, day: 29 } }),
      "opportunity.qualification_info.estimated_close_date",
      "not a date",
    ],
  ];
  for (const [what, body, field, words] of cases) {
    it(`is refused with the field's name: ${what}`, async () => {
      const { opportunities } = await rig.controls.ledger();
      const refused = await create({ ...goodDeal(), ...body });
      expect([refused.status, codeOf(refused)]).toEqual([400, "INVALID_ARGUMENT"]);
      expect(fieldsOf(refused)).toContain(field);
      expect(refused.body.error.message).toContain(words);
      expect((await rig.controls.ledger()).opportunities).toHaveLength(opportunities.length);
    });
  }
  it("is refused with everything that is wrong at once", async () => {
    const refused = await create({ ...goodDeal(), state: "NEW", owner: 5, extra: 1 });
    expect(fieldsOf(refused)).toEqual(["opportunity.state", "opportunity.owner", "opportunity"]);
    expect(refused.body.error.details[0]["@type"]).toBe("type.googleapis.com/google.rpc.BadRequest");
  });
  it("is refused when it is no JSON, or names a query parameter that is not there", async () => {
    expect(codeOf(await create("{"))).toBe("INVALID_ARGUMENT");
    expect(codeOf(await create("[1]"))).toBe("INVALID_ARGUMENT");
    const unknown = await rig.call("POST", `${collection}&validateOnly=true`, goodDeal());
    expect([unknown.status, unknown.body.error.message]).toEqual([
      400,
      expect.stringContaining("Cannot bind query parameter"),
    ]);
    expect((await rig.call("POST", `${collection}&prettyPrint=false`, goodDeal())).status).toBe(200);
  });
  it("is refused for enum values that nobody has seen only when told to, and never for those an operator lists", async () => {
    const asked = group("customerInfo", { region: "LATIN_AMERICA" });
    const deal = { ...goodDeal(), ...asked };
    expect((await create(deal)).status).toBe(200);
    await rig.controls.change({ rules: { unlistedEnums: "refuse" } });
    expect(fieldsOf(await create(deal))).toEqual(["opportunity.customer_info.region"]);
    await rig.controls.change({ rules: { enums: { Region: ["LATIN_AMERICA"] } } });
    expect((await create(deal)).status).toBe(200);
    await rig.controls.change({ rules: { unlistedEnums: "accept", enums: {} } });
  });
});

describe("an address", () => {
  it("may be Google's own, or begin with Google's host where the simulator runs elsewhere", async () => {
    const bearer = await rig.signIn();
    const get = async (address: string) =>
      (await rawOf(await rig.simulator.fetch(requestOf("GET", address, { bearer })))).status;
    const rest = `cloudchannel.googleapis.com/v1alpha1/opportunities:query?partner=${partner}`;
    expect(await get(`https://${rest}`)).toBe(200);
    expect(await get(`http://127.0.0.1:4566/${rest}`)).toBe(200);
    expect(await get(`http://127.0.0.1:3000/simulator/gcp/${rest}`)).toBe(200);
    expect(await get(`http://127.0.0.1:4566/${rest.replace(":query", "%3Aquery")}`)).toBe(200);
  });
  it("of another host, path or method is not found", async () => {
    const bearer = await rig.signIn();
    for (const [method, address] of [
      ["GET", "https://www.googleapis.com/v1alpha1/opportunities:query"],
      ["GET", "http://127.0.0.1:4566/v1alpha1/opportunities:query"],
      ["GET", `${channel}/opportunities?partner=${partner}`],
      ["DELETE", `${channel}/opportunities/abc?partner=${partner}`],
      ["GET", "https://oauth2.googleapis.com/token"],
    ] as const) {
      const answer = await rawOf(await rig.simulator.fetch(requestOf(method, address, { bearer })));
      expect([method, address, answer.status]).toEqual([method, address, 404]);
    }
  });
});
