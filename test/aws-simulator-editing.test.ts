import { afterAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { complaints, edit, getDeal, openRig, type Rig, submit } from "./aws-simulator-rig.ts";

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
const askedBack = async (): Promise<string> => {
  const id = await submitted();
  await rig.controls.ask(id, { comments: "Please name the workload.", reason: "Insufficient details" });
  return id;
};
const offer = (name: string) => `arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/Offer/offer-${name}`;

describe("associations", () => {
  it("are refused for a solution nobody registered", async () => {
    expect((await associate(await rig.create(), "Solutions", "S-9999999")).body.__type).toContain("NotFound");
  });
  it("are refused for a solution that is not active", async () => {
    expect(complaints(await associate(await rig.create(), "Solutions", "S-0000023"))).toEqual([
      "RelatedEntityIdentifier INVALID_RESOURCE_STATE",
    ]);
  });
  it("are refused for an offer that is not named by its ARN", async () => {
    expect(complaints(await associate(await rig.create(), "AwsMarketplaceOffers", "offer-1"))).toEqual([
      "RelatedEntityIdentifier INVALID_STRING_FORMAT",
    ]);
  });
  it("are refused twice: a blind repeat shows", async () => {
    const id = await rig.create();
    await associate(id, "Solutions", "S-0000001");
    expect(complaints(await associate(id, "Solutions", "S-0000001"))).toEqual([
      "RelatedEntityIdentifier DUPLICATE_KEY_VALUE",
    ]);
  });
  it("are limited to one private offer", async () => {
    const id = await rig.create();
    await rig.controls.change({ unknownOffers: "accept" });
    expect((await associate(id, "AwsMarketplaceOffers", offer("a"))).status).toBe(200);
    expect(complaints(await associate(id, "AwsMarketplaceOffers", offer("b")))).toEqual([
      "RelatedEntityIdentifier TOO_MANY_VALUES",
    ]);
  });
  it("are limited to ten solutions", async () => {
    const id = await rig.create();
    for (let index = 1; index <= 10; index += 1) {
      expect((await associate(id, "Solutions", `S-${String(index).padStart(7, "0")}`)).status).toBe(200);
    }
    expect(complaints(await associate(id, "Solutions", "S-0000011"))).toEqual([
      "RelatedEntityIdentifier TOO_MANY_VALUES",
    ]);
  });
  it("keep the last solution of a submitted deal", async () => {
    const id = await approved();
    const removal = {
      Catalog: "AWS",
      OpportunityIdentifier: id,
      RelatedEntityType: "Solutions",
      RelatedEntityIdentifier: "S-0000001",
    };
    expect(complaints(await rig.call("DisassociateOpportunity", removal))).toEqual([
      "RelatedEntityIdentifier NOT_ENOUGH_VALUES",
    ]);
    await associate(id, "Solutions", "S-0000002");
    expect((await rig.call("DisassociateOpportunity", removal)).status).toBe(200);
    expect((await getDeal(rig, id)).RelatedEntityIdentifiers.Solutions).toEqual(["S-0000002"]);
  });
  it("do not take the solution Other from Committed on", async () => {
    const id = await rig.create({ LifeCycle: { Stage: "Committed", TargetCloseDate: "2026-12-31" } });
    expect((await associate(id, "Solutions", "Other")).status).toBe(400);
  });
});

describe("what may be edited", () => {
  it("nothing while Submitted or In review, not even the same again", async () => {
    const id = await submitted();
    expect(complaints(await edit(rig, id, () => undefined))).toEqual(["LifeCycle.ReviewStatus ACTION_NOT_PERMITTED"]);
    await rig.controls.review(id);
    expect((await getDeal(rig, id)).LifeCycle.ReviewStatus).toBe("In review");
    expect((await edit(rig, id, (deal) => (deal.Project.Title = "x"))).status).toBe(400);
    expect((await associate(id, "Solutions", "S-0000002")).status).toBe(400);
  });
  it("only the short list in Action Required, and the update goes back to review", async () => {
    const id = await askedBack();
    const deal = await getDeal(rig, id);
    expect(deal.LifeCycle).toMatchObject({
      ReviewStatus: "Action Required",
      ReviewComments: "Please name the workload.",
    });
    expect(complaints(await edit(rig, id, (next) => (next.Project.Title = "x")))).toEqual([
      "Project.Title ACTION_NOT_PERMITTED",
    ]);
    const fixed = await edit(rig, id, (next) => (next.Customer.Account.WebsiteUrl = "https://www.foods.example"));
    expect(fixed.status).toBe(200);
    const after = await getDeal(rig, id);
    expect([after.LifeCycle.ReviewStatus, after.LifeCycle.ReviewComments]).toEqual(["Submitted", undefined]);
    expect(after.LastModifiedDate).toBe(fixed.body.LastModifiedDate);
  });
  it("the whole of that short list at once", async () => {
    const id = await askedBack();
    const saved = await edit(rig, id, (deal) => {
      deal.PartnerOpportunityIdentifier = "CRM-corrected";
      deal.Project.CustomerBusinessProblem = "Shelves are planned by hand in 400 shops; forecasts are wanted.";
      deal.Project.ExpectedCustomerSpend[0].Amount = "900.50";
      deal.Customer.Account.WebsiteUrl = "https://shop.foods.example";
      deal.LifeCycle.TargetCloseDate = "2027-01-31";
      deal.Customer.Account.Address = {
        City: "Graz",
        CountryCode: "AT",
        PostalCode: "8010",
        StateOrRegion: "Styria",
        StreetAddress: "Ring 1",
      };
    });
    expect(saved.status).toBe(200);
  });
  it("no association in Action Required", async () => {
    expect((await associate(await askedBack(), "Solutions", "S-0000002")).status).toBe(400);
  });
  const locked: readonly (readonly [string, (deal: Deal) => void])[] = [
    ["Project.Title", (deal) => (deal.Project.Title = "x")],
    [
      "Project.CustomerBusinessProblem",
      (deal) => (deal.Project.CustomerBusinessProblem = "another problem altogether"),
    ],
    ["PartnerOpportunityIdentifier", (deal) => (deal.PartnerOpportunityIdentifier = "CRM-9")],
    ["Customer.Account.Industry", (deal) => (deal.Customer.Account.Industry = "Gaming")],
    ["Customer.Account.WebsiteUrl", (deal) => delete deal.Customer.Account.WebsiteUrl],
    ["Customer.Account.Address.PostalCode", (deal) => (deal.Customer.Account.Address.PostalCode = "45403")],
  ];
  for (const [path, change] of locked) {
    it(`not ${path} once approved, and leaving it out is a change`, async () => {
      const id = await approved();
      expect(complaints(await edit(rig, id, change))).toEqual([`${path} ACTION_NOT_PERMITTED`]);
    });
  }
  it("the rest once approved", async () => {
    const id = await approved();
    const saved = await edit(rig, id, (deal) => {
      deal.LifeCycle.Stage = "Committed";
      deal.LifeCycle.NextSteps = "Sign";
      deal.Customer.Account.Address.City = "Akron";
    });
    expect(saved.status).toBe(200);
    const { LifeCycle } = await getDeal(rig, id);
    expect(LifeCycle.NextStepsHistory.map((step: { Value: string }) => step.Value)).toEqual(["Demo on Monday", "Sign"]);
  });
  it("nothing of what a submission needs may be cleared once approved", async () => {
    const id = await approved();
    expect(complaints(await edit(rig, id, (deal) => delete deal.PrimaryNeedsFromAws))).toEqual([
      "PrimaryNeedsFromAws REQUIRED_FIELD_MISSING",
    ]);
  });
  it("nothing once rejected", async () => {
    const id = await submitted();
    await rig.controls.reject(id, { reason: "Duplicate" });
    expect((await edit(rig, id, () => undefined)).status).toBe(400);
    expect((await getDeal(rig, id)).LifeCycle).toMatchObject({
      ReviewStatus: "Rejected",
      ReviewStatusReason: "Duplicate",
    });
  });
  it("nothing once launched by the partner", async () => {
    const id = await approved();
    const launched = await edit(rig, id, (deal) => {
      deal.LifeCycle.Stage = "Launched";
      deal.Customer.Account.AwsAccountId = "999988887777";
    });
    expect(launched.status).toBe(200);
    expect(complaints(await edit(rig, id, () => undefined))).toEqual(["LifeCycle.Stage ACTION_NOT_PERMITTED"]);
    expect((await summaryOf(id)).body.LifeCycle.Stage).toBe("Launched");
  });
  it("nothing once lost: a withdrawal is final", async () => {
    const id = await approved();
    const lost = await edit(rig, id, (deal) =>
      Object.assign(deal.LifeCycle, { Stage: "Closed Lost", ClosedLostReason: "Price" }),
    );
    expect(lost.status).toBe(200);
    expect((await edit(rig, id, (deal) => (deal.LifeCycle.Stage = "Qualified"))).status).toBe(400);
  });
  it("the review status by nobody in catalog AWS: it is ignored", async () => {
    const id = await rig.create();
    expect((await edit(rig, id, (deal) => (deal.LifeCycle.ReviewStatus = "Approved"))).status).toBe(200);
    expect((await getDeal(rig, id)).LifeCycle.ReviewStatus).toBe("Pending Submission");
  });
  it("the review status by an update in the Sandbox: it plays the reviewer", async () => {
    const id = await submitted(rig, {}, "Sandbox");
    const asked = await edit(rig, id, (deal) => (deal.LifeCycle.ReviewStatus = "Action Required"), "Sandbox");
    expect(asked.status).toBe(200);
    expect((await getDeal(rig, id, "Sandbox")).LifeCycle.ReviewStatus).toBe("Action Required");
    await edit(rig, id, (deal) => (deal.Customer.Account.Address.City = "Akron"), "Sandbox");
    await edit(rig, id, (deal) => (deal.LifeCycle.ReviewStatus = "Approved"), "Sandbox");
    expect((await getDeal(rig, id, "Sandbox")).LifeCycle.ReviewStatus).toBe("Approved");
  });
});

const summaryOf = (id: string) =>
  rig.call("GetAwsOpportunitySummary", { Catalog: "AWS", RelatedOpportunityIdentifier: id });

// biome-ignore lint/suspicious/noExplicitAny: answers are edited as a partner's script would
type Deal = any;
