import { afterAll, describe, expect, it } from "vitest";
import { createMemoryState } from "../adapters/aws/simulator/index.ts";
import type { SimulatorState } from "../adapters/contract.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  account,
  asUpdate,
  complaints,
  edit,
  getDeal,
  goodDeal,
  openRig,
  project,
  type Rig,
  start,
  submit,
} from "./aws-simulator-rig.ts";

const rig = await openRig({ settings: { proportions: { taskAtOnce: 0 } } });
afterAll(() => rig.close());

const associate = (id: string, type: string, entity: string, catalog = "AWS") =>
  rig.call("AssociateOpportunity", {
    Catalog: catalog,
    OpportunityIdentifier: id,
    RelatedEntityType: type,
    RelatedEntityIdentifier: entity,
  });
const submitted = async (on: Rig = rig, change: JsonObject = {}, catalog = "AWS"): Promise<string> => {
  const id = await on.create({ Catalog: catalog, ...change });
  expect((await submit(on, id, catalog)).TaskStatus).toBe("COMPLETE");
  return id;
};
const approved = async (on: Rig = rig): Promise<string> => {
  const id = await submitted(on);
  await on.controls.approve(id);
  return id;
};

describe("submission", () => {
  it("runs as a task that is first IN_PROGRESS and then COMPLETE with engagement and invitation", async () => {
    const id = await rig.create();
    await associate(id, "Solutions", "S-0000001");
    const started = await start(rig, id);
    expect([started.body.TaskStatus, started.body.OpportunityId]).toEqual(["IN_PROGRESS", id]);
    expect((await getDeal(rig, id)).LifeCycle.ReviewStatus).toBe("Pending Submission");
    rig.pause(120);
    await rig.simulator.tick();
    const again = await start(rig, id);
    expect(again.body.TaskId).toBe(started.body.TaskId);
    expect(again.body.TaskStatus).toBe("COMPLETE");
    expect(again.body.EngagementId).toMatch(/^eng-[0-9a-z]{14}$/);
    expect(again.body.EngagementInvitationId).toMatch(/^engi-[0-9a-z]{13}$/);
    expect((await getDeal(rig, id)).LifeCycle.ReviewStatus).toBe("Submitted");
    const engagement = await rig.call("GetEngagement", { Catalog: "AWS", Identifier: again.body.EngagementId });
    expect(engagement.body.Contexts[0].Payload.CustomerProject.Customer.CompanyName).toBe("Example Foods");
    const list = await rig.call("ListEngagements", { Catalog: "AWS", EngagementIdentifier: [again.body.EngagementId] });
    expect(list.body.EngagementSummaryList).toHaveLength(1);
  });
  it("can be complete in the first answer", async () => {
    const quick = await openRig({ settings: { proportions: { taskAtOnce: 1 } } });
    const id = await quick.create();
    await quick.call("AssociateOpportunity", {
      Catalog: "AWS",
      OpportunityIdentifier: id,
      RelatedEntityType: "Solutions",
      RelatedEntityIdentifier: "S-0000001",
    });
    expect((await start(quick, id)).body.TaskStatus).toBe("COMPLETE");
    await quick.close();
  });
  const unfit: readonly (readonly [string, JsonObject, string])[] = [
    ["at stage Prospect", { LifeCycle: { Stage: "Prospect", TargetCloseDate: "2026-12-31" } }, "Prospect"],
    ["without needs", { PrimaryNeedsFromAws: [] }, "PrimaryNeedsFromAws is required"],
    ["without marketing source", { Marketing: {} }, "Marketing.Source is required"],
    ["without a website", account({ WebsiteUrl: null }), "Customer.Account.WebsiteUrl is required"],
    [
      "without a US state",
      account({ Address: { CountryCode: "US", PostalCode: "45402" } }),
      "StateOrRegion is required",
    ],
    ["without a postal code", account({ Address: { CountryCode: "DE" } }), "PostalCode is required for DE"],
    [
      "with a postal code of another country",
      account({ Address: { CountryCode: "DE", PostalCode: "1234" } }),
      "must be in 99999",
    ],
    ["without expected spend", project({ ExpectedCustomerSpend: [] }), "amount greater than zero"],
  ];
  for (const [title, change, message] of unfit) {
    it(`${title} fails in the task, not in the call`, async () => {
      const id = await rig.create(change);
      const task = await submit(rig, id);
      expect([task.TaskStatus, task.ReasonCode]).toEqual(["FAILED", "OpportunityValidationFailed"]);
      expect(task.Message).toContain(message);
      expect((await getDeal(rig, id)).LifeCycle.ReviewStatus).toBe("Pending Submission");
    });
  }
  it("of a deal that was lost in the meantime fails in the task", async () => {
    const id = await rig.create();
    await associate(id, "Solutions", "S-0000001");
    await start(rig, id);
    await edit(rig, id, (deal) => Object.assign(deal.LifeCycle, { Stage: "Closed Lost", ClosedLostReason: "Price" }));
    rig.pause(120);
    await rig.simulator.tick();
    expect((await start(rig, id)).body).toMatchObject({
      TaskStatus: "FAILED",
      ReasonCode: "OpportunityValidationFailed",
    });
  });
  it("without any solution fails in the task", async () => {
    const id = await rig.create();
    await start(rig, id);
    rig.pause(120);
    await rig.simulator.tick();
    expect((await start(rig, id)).body.ReasonCode).toBe("OpportunityValidationFailed");
  });
  it("needs no postal code where the country has none, and no company data for national security", async () => {
    const hongKong = await rig.create(account({ Address: { CountryCode: "HK" } }));
    expect((await submit(rig, hongKong)).TaskStatus).toBe("COMPLETE");
    const secret = await rig.create({
      NationalSecurity: "Yes",
      Customer: { Account: { CompanyName: "", Industry: "Government", Address: { CountryCode: "US" } } },
    });
    expect((await submit(rig, secret)).TaskStatus).toBe("COMPLETE");
  });
  it("happens once: a second task fails", async () => {
    const id = await submitted();
    await start(rig, id, "AWS", "another token");
    rig.pause(120);
    await rig.simulator.tick();
    expect((await start(rig, id, "AWS", "another token")).body.ReasonCode).toBe("OpportunitySubmissionFailed");
  });
  it("by SubmitOpportunity says no in the call itself", async () => {
    const id = await rig.create();
    const request = { Catalog: "AWS", Identifier: id, InvolvementType: "Co-Sell" };
    expect(complaints(await rig.call("SubmitOpportunity", request))).toEqual([
      "RelatedEntityIdentifiers.Solutions NOT_ENOUGH_VALUES",
    ]);
    await associate(id, "Solutions", "S-0000001");
    expect((await rig.call("SubmitOpportunity", request)).status).toBe(200);
    expect((await getDeal(rig, id)).LifeCycle.ReviewStatus).toBe("Submitted");
  });
});

const summaryOf = (id: string) =>
  rig.call("GetAwsOpportunitySummary", { Catalog: "AWS", RelatedOpportunityIdentifier: id });

describe("AWS's side", () => {
  it("has nothing to summarise before approval, and a seller with a score afterwards", async () => {
    const id = await submitted();
    expect((await summaryOf(id)).body.__type).toContain("NotFound");
    await rig.controls.approve(id);
    const { body } = await summaryOf(id);
    expect(body).toMatchObject({ InvolvementType: "Co-Sell", Visibility: "Full", CosellMotion: "AWS Field-engaged" });
    expect(body.OpportunityTeam[0]).toMatchObject({ BusinessTitle: "AWSSalesRep" });
    expect(body.OpportunityTeam[0].Email).toMatch(/@aws\.example$/);
  });
  it("moves its own stage without touching the partner's record", async () => {
    const id = await approved();
    const before = await getDeal(rig, id);
    await rig.controls.progress({
      id,
      stage: "Technical Validation",
      summary: { Insights: { EngagementScore: "High" } },
    });
    expect((await summaryOf(id)).body).toMatchObject({
      LifeCycle: { Stage: "Technical Validation" },
      Insights: { EngagementScore: "High" },
    });
    expect((await getDeal(rig, id)).LastModifiedDate).toBe(before.LastModifiedDate);
  });
  it("edits the partner's record directly: the partner's next update conflicts", async () => {
    const id = await approved();
    const update = asUpdate(await getDeal(rig, id));
    await rig.controls.edit(id, { "LifeCycle.NextSteps": "Call AWS" });
    expect((await rig.call("UpdateOpportunity", update)).body.__type).toContain("ConflictException");
    expect((await getDeal(rig, id)).LifeCycle.NextSteps).toBe("Call AWS");
  });
  it("launches and closes", async () => {
    const [won, lost] = [await approved(), await approved()];
    await rig.controls.launch(won);
    await rig.controls.close(lost, "Price");
    expect((await getDeal(rig, won)).LifeCycle.Stage).toBe("Launched");
    expect((await getDeal(rig, lost)).LifeCycle).toMatchObject({ Stage: "Closed Lost", ClosedLostReason: "Price" });
    await expect(rig.controls.launch(lost)).rejects.toThrow("ConflictException");
  });
  it("can be told to show a summary from submission on, and to move the partner's version with it", async () => {
    const eager = await openRig({ settings: { summaryFrom: "submission", summaryMovesLastModified: true } });
    const id = await submitted(eager);
    const summary = { Catalog: "AWS", RelatedOpportunityIdentifier: id };
    expect((await eager.call("GetAwsOpportunitySummary", summary)).status).toBe(200);
    const before = await getDeal(eager, id);
    await eager.controls.progress({ id, stage: "Qualified" });
    expect((await getDeal(eager, id)).LastModifiedDate > before.LastModifiedDate).toBe(true);
    await eager.close();
  });
  it("stops reviewing a deal that AWS has closed", async () => {
    const seeded = await openRig({ reviewer: "seeded" });
    const id = await submitted(seeded);
    await seeded.controls.close(id);
    await seeded.controls.advance(60);
    expect((await getDeal(seeded, id)).LifeCycle).toMatchObject({ ReviewStatus: "Submitted", Stage: "Closed Lost" });
    await seeded.close();
  });
  it("leaves a Sandbox deal to the partner: no seeded reviewer touches it", async () => {
    const seeded = await openRig({ reviewer: "seeded" });
    const id = await submitted(seeded, {}, "Sandbox");
    await seeded.controls.advance(60);
    expect((await getDeal(seeded, id, "Sandbox")).LifeCycle.ReviewStatus).toBe("Submitted");
    await seeded.close();
  });
  it("assigns only to users of Partner Central when it knows them", async () => {
    const id = await rig.create();
    await rig.controls.change({ users: ["known@partner.example"] });
    const assign = (Email: string) =>
      rig.call("AssignOpportunity", {
        Catalog: "AWS",
        Identifier: id,
        Assignee: { Email, FirstName: "K", LastName: "N", BusinessTitle: "OpportunityOwner" },
      });
    expect((await assign("unknown@partner.example")).status).toBe(400);
    expect((await assign("known@partner.example")).status).toBe(200);
    expect((await getDeal(rig, id)).OpportunityTeam[0].Email).toBe("known@partner.example");
    await rig.controls.change({ users: null });
  });
});

/** Forty deals through months of seeded reviewers. */
const season = async (seed: string) => {
  const world = await openRig({ seed, reviewer: "seeded", settings: { proportions: { close: 0.25 } } });
  for (let index = 0; index < 40; index += 1) {
    const id = await world.create({
      ...project({ Title: `Deal ${index}` }),
      PartnerOpportunityIdentifier: `CRM-${index}`,
    });
    await submit(world, id);
  }
  await world.controls.advance(120);
  const ledger = await world.controls.ledger();
  await world.close();
  return ledger;
};

describe("seeded reviewers", () => {
  it("make the same run of the same seed and calls, and another of another seed", async () => {
    const [first, again, other] = [await season("one"), await season("one"), await season("two")];
    expect(again).toEqual(first);
    const fates = (ledger: typeof first) => ledger.opportunities.map(({ document }) => document.LifeCycle);
    expect(fates(other)).not.toEqual(fates(first));
  });
  it("decide the same about a deal in whatever order the deals arrive", async () => {
    const fates = async (titles: readonly string[]): Promise<Readonly<Record<string, unknown>>> => {
      const world = await openRig({ reviewer: "seeded" });
      for (const title of titles) await submit(world, await world.create(project({ Title: title })));
      await world.controls.advance(20);
      const { opportunities } = await world.controls.ledger();
      await world.close();
      return Object.fromEntries(
        opportunities.map(({ document }) => [
          (document.Project as JsonObject).Title,
          (document.LifeCycle as JsonObject).ReviewStatus,
        ]),
      );
    };
    const titles = Array.from({ length: 12 }, (_, index) => `Deal ${index}`);
    expect(await fates(titles.toReversed())).toEqual(await fates(titles));
  });
  it("approve, ask, reject, launch and lose in about the proportions of the settings", async () => {
    const { opportunities } = await season("one");
    const count = (path: "ReviewStatus" | "Stage", word: string) =>
      opportunities.filter((row) => (row.document.LifeCycle as JsonObject)[path] === word).length;
    expect(count("ReviewStatus", "Approved")).toBeGreaterThan(20);
    expect(count("ReviewStatus", "Action Required")).toBeGreaterThan(1);
    expect(count("ReviewStatus", "Submitted") + count("ReviewStatus", "In review")).toBe(0);
    expect(count("Stage", "Launched")).toBeGreaterThan(5);
    expect(count("Stage", "Closed Lost")).toBeGreaterThan(0);
    expect(opportunities.filter(({ summary }) => summary !== null).length).toBe(count("ReviewStatus", "Approved"));
  });
});

describe("a restart", () => {
  it("changes nothing: records, tokens, work that is due, counters and pending events are as before", async () => {
    const state = createMemoryState();
    const first = await openRig({ state, reviewer: "seeded" });
    await first.controls.putDestination({ url: "http://hooks.example/aws", headerName: "x-key", headerValue: "k" });
    const id = await first.create();
    await first.call("AssociateOpportunity", {
      Catalog: "AWS",
      OpportunityIdentifier: id,
      RelatedEntityType: "Solutions",
      RelatedEntityIdentifier: "S-0000001",
    });
    const started = await start(first, id);
    const before = await first.controls.ledger();
    await first.close();
    const second = await openRig({ state, reviewer: "seeded", start: first.clock.now() });
    expect(await second.controls.ledger()).toEqual(before);
    expect((await start(second, id)).body.TaskId).toBe(started.body.TaskId);
    await second.controls.advance(60);
    expect((await getDeal(second, id)).LifeCycle.ReviewStatus).not.toBe("Pending Submission");
    expect(second.received.map(({ event }) => event["detail-type"])).toContain("Opportunity Created");
    await second.close();
  });
  it("finds nothing of a request whose entries could not be stored, and the answer is an error", async () => {
    const memory = createMemoryState();
    let broken = false;
    const state: SimulatorState = {
      load: memory.load,
      append: async (entries) => (broken ? Promise.reject(new Error("disk")) : memory.append(entries)),
    };
    const world = await openRig({ state });
    await world.create();
    broken = true;
    const failed = await world.call("CreateOpportunity", goodDeal({ ClientToken: "lost" }));
    expect([failed.status, failed.body.__type.split("#")[1]]).toEqual([500, "InternalServerException"]);
    broken = false;
    expect((await world.controls.ledger()).opportunities).toHaveLength(1);
    expect((await world.call("CreateOpportunity", goodDeal({ ClientToken: "lost" }))).status).toBe(200);
    await world.close();
  });
});
