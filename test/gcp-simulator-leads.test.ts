import { describe, expect, it } from "vitest";
import { createMemoryState } from "../adapters/gcp/simulator/index.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { codeOf, crm, fieldsOf, goodLead, openRig, partner, type Rig } from "./gcp-simulator-rig.ts";

const rig = openRig();
const create = async (change: JsonObject = {}, on: Rig = rig) => on.call("POST", `${crm}/leads`, goodLead(change));
const address = (name: string): string => `https://cloudcrmpartners.googleapis.com/v1/${name}`;
const read = async (name: string, on: Rig = rig) => (await on.call("GET", address(name))).body;
const opportunityOf = (lead: string): string => lead.replace("/leads/", "/opportunities/");

describe("a lead of the legacy surface", () => {
  it("is created pending, with what Google adds, and is read under its name", async () => {
    const { status, body } = await create();
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...goodLead(),
      leadStatus: "SUBMITTED",
      leadApprovalStatus: "PENDING",
      createDate: { year: 2026, month: 6, day: 1 },
    });
    expect(body.name).toMatch(new RegExp(`^${partner}/leads/\\w+$`));
    expect(await read(body.name)).toEqual(body);
  });
  it("needs every field that the page calls required", async () => {
    const required = [
      "engagementModel",
      "dealTransactionType",
      "customer",
      "partnerAnnualContractValue",
      "leadCurrencyCode",
      "estimatedCloseDate",
      "dealTerm",
      "opportunitySummary",
      "supportLevel",
      "productInterests",
      "submitterEmail",
    ];
    for (const name of required) {
      const refused = await create({ [name]: null });
      expect([name, codeOf(refused), ...fieldsOf(refused)]).toEqual([
        name,
        "INVALID_ARGUMENT",
        `lead.${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      ]);
    }
    expect((await rig.controls.ledger()).leads).toHaveLength(1);
  });
  it("takes one product only, and no member that it does not have", async () => {
    expect(fieldsOf(await create({ productInterests: ["GOOGLE_CLOUD_PLATFORM", "OTHER"] }))).toEqual([
      "lead.product_interests",
    ]);
    expect(fieldsOf(await create({ opportunityInfo: {} }))).toEqual(["lead"]);
    expect(fieldsOf(await create({ partnerAnnualContractValue: "much" }))).toEqual([
      "lead.partner_annual_contract_value",
    ]);
  });
  it("cannot be listed, and a second one with the same external id is taken unless the setting says otherwise", async () => {
    expect((await rig.call("GET", `${crm}/leads`)).status).toBe(404);
    expect((await create()).status).toBe(200);
    await rig.controls.change({ leads: { duplicate: "refuse" } });
    const refused = await create();
    expect([refused.status, codeOf(refused)]).toEqual([409, "ALREADY_EXISTS"]);
    await rig.controls.change({ leads: { duplicate: "accept" } });
  });
});

describe("an approved lead", () => {
  it("becomes an opportunity with an owner, found under the lead's id", async () => {
    const { name } = (await create({ externalSystemId: "cosell-9" })).body;
    expect((await rig.call("GET", address(opportunityOf(name)))).status).toBe(404);
    await rig.controls.accept(name, { owner: "Sam Field", ownerEmail: "sam@google.example" });
    expect(await read(name)).toMatchObject({ leadStatus: "CONVERTED", leadApprovalStatus: "APPROVED" });
    expect(await read(opportunityOf(name))).toMatchObject({
      lead: name,
      owner: { givenName: "Sam", familyName: "Field", email: "sam@google.example" },
      dealSize: 15_000.5,
      dealCurrencyCode: "USD",
      salesStage: "QUALIFY",
      externalSystemId: "cosell-9",
      winProbability: "10",
    });
    await expect(rig.controls.accept(name)).rejects.toThrow("FAILED_PRECONDITION");
  });
  it("is edited by mask, and keeps what only Google writes", async () => {
    const { name } = (await create()).body;
    await rig.controls.accept(name);
    const before = await read(opportunityOf(name));
    const body = { nextSteps: "Demo", winProbability: "99", dealSize: 20_000, termMonths: "24" };
    const { body: after } = await rig.call(
      "PATCH",
      `${address(opportunityOf(name))}?updateMask=nextSteps,winProbability,termMonths`,
      body,
    );
    expect(after).toEqual({ ...before, nextSteps: "Demo", termMonths: "24" });
    const wrong = await rig.call("PATCH", `${address(opportunityOf(name))}?updateMask=stage`, body);
    expect(fieldsOf(wrong)).toEqual(["update_mask"]);
    await rig.controls.edit(name, { salesStage: "CLOSED_WON" });
    expect((await read(opportunityOf(name))).salesStage).toBe("CLOSED_WON");
  });
  it("has another id than its lead when the setting says so", async () => {
    const world = openRig({ settings: { leads: { sameId: false } } });
    const { name } = (await create({}, world)).body;
    await world.controls.accept(name);
    expect((await world.call("GET", address(opportunityOf(name)))).status).toBe(404);
    const [only] = (await world.controls.ledger()).leadOpportunities;
    expect((await read(String(only?.document.name), world)).lead).toBe(name);
  });
});

describe("a lead's review", () => {
  it("rejects with comments and makes no opportunity", async () => {
    const { name } = (await create()).body;
    await rig.controls.reject(name, { reason: "Already known" });
    expect(await read(name)).toMatchObject({ leadApprovalStatus: "REJECTED", rejectionComments: "Already known" });
    expect((await rig.call("GET", address(opportunityOf(name)))).status).toBe(404);
  });
  it("is decided after days by itself, the same for the same seed, also across a restart", async () => {
    const decide = async (restart: boolean) => {
      const state = createMemoryState();
      let world = openRig({ reviewer: "seeded", state });
      const names: string[] = [];
      for (let index = 0; index < 20; index += 1)
        names.push((await create({ opportunitySummary: `Lead ${index}` }, world)).body.name);
      expect((await read(names[0] ?? "", world)).leadApprovalStatus).toBe("PENDING");
      if (restart) world = openRig({ reviewer: "seeded", state, start: world.clock.now() });
      await world.controls.advance(7);
      const states: string[] = [];
      for (const name of names) states.push((await read(name, world)).leadApprovalStatus);
      return states;
    };
    const states = await decide(false);
    expect(new Set(states)).toEqual(new Set(["APPROVED", "REJECTED"]));
    expect(await decide(true)).toEqual(states);
  });
});
