import {
  BatchDescribeEntitiesCommand,
  CancelChangeSetCommand,
  DescribeEntityCommand,
  ListChangeSetsCommand,
  ListEntitiesCommand,
  MarketplaceCatalogClient,
  MarketplaceCatalogServiceException,
} from "@aws-sdk/client-marketplace-catalog";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { textAt } from "../adapters/simulator/document.ts";
import {
  buyer,
  change,
  creation,
  inMarketplace,
  type Market,
  mustFit,
  offerChanges,
  openMarket,
  product,
  seller,
} from "./aws-marketplace-rig.ts";
import { listen } from "./listen.ts";

let market: Market;
beforeAll(async () => {
  market = await openMarket();
  const destination = { url: "http://hooks.example/aws", headerName: "x-key", headerValue: "k", catalog: "AWS" };
  await market.controls.putDestination(destination);
});
afterAll(() => market.close());

/** The name and status of a refusal. */
const refusal = async (
  work: Promise<unknown>,
): Promise<{ name: string; status: number | undefined; message: string }> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof MarketplaceCatalogServiceException)
      return { name: error.name, status: error.$metadata.httpStatusCode, message: error.message };
    throw error;
  }
  throw new Error("it was not refused");
};
const told = (type: string) => market.received.filter(({ event }) => event["detail-type"] === type);

describe("a change set", () => {
  it("is prepared, applied and done in some minutes, and shows what its references became", async () => {
    const id = await market.start(offerChanges({ name: "Stages" }), { ChangeSetName: "stages" });
    expect(await market.describe(id)).toMatchObject({ Status: "PREPARING", Intent: "APPLY", ChangeSetName: "stages" });
    await market.controls.advance(61 / 86_400);
    expect(await market.describe(id)).toMatchObject({ Status: "APPLYING" });
    await market.controls.advance(181 / 86_400);
    const done = await market.describe(id);
    expect(done).toMatchObject({ Status: "SUCCEEDED", EndTime: expect.stringMatching(/^2026-06-01T09:\d\d:\d\dZ$/) });
    const [identifier, ...others] = done.ChangeSet?.map(({ Entity }) => Entity?.Identifier) ?? [];
    expect(identifier).toMatch(/^offer-[0-9a-z]{13}@1$/);
    expect(new Set(others)).toEqual(new Set([identifier]));
    const { $metadata: _meta, ...plain } = done;
    mustFit("DescribeChangeSet", JSON.parse(JSON.stringify(plain)));
  });

  it("leaves an entity with the next revision, by ARN and details document", async () => {
    const offer = await market.release({ name: "Revised" });
    await market.run([change("UpdateInformation", { Name: "Revised again" }, `${offer}@1`)]);
    const seen = await market.entity(offer);
    expect(seen).toMatchObject({
      EntityType: "Offer@1.0",
      EntityIdentifier: `${offer}@2`,
      EntityArn: `arn:aws:aws-marketplace:us-east-1:${seller}:AWSMarketplace/Offer/${offer}`,
    });
    expect(JSON.parse(seen.Details ?? "")).toEqual(seen.document);
    expect(seen.document).toMatchObject({ Id: offer, State: "Released", Name: "Revised again", ProductId: product });
    expect(seen.document.Rules).toEqual([
      { Type: "TargetingRule", PositiveTargeting: { BuyerAccounts: [buyer] } },
      { Type: "AvailabilityRule", AvailabilityEndDate: "2026-06-30T23:59:59.999Z" },
    ]);
  });

  it("takes Details as text as well, and not both", async () => {
    const [create] = offerChanges();
    const text = {
      ...create,
      DetailsDocument: undefined,
      Details: JSON.stringify({ ProductId: product, Name: "As text" }),
    };
    expect(await market.run([text as never])).toMatchObject({ Status: "SUCCEEDED" });
    const both = { ...create, Details: "{}" };
    expect(await refusal(market.start([both as never]))).toMatchObject({ name: "ValidationException", status: 422 });
  });

  it("holds its entities: another one is refused with 423 until it has ended", async () => {
    const offer = await market.release({ name: "Held" });
    const first = await market.start([change("UpdateInformation", { Name: "Held 1" }, offer)]);
    expect(
      await refusal(market.start([change("UpdateAvailability", { AvailabilityEndDate: "2026-07-31" }, offer)])),
    ).toMatchObject({ name: "ResourceInUseException", status: 423 });
    await market.controls.advance(10 / 1440);
    expect(await market.describe(first)).toMatchObject({ Status: "SUCCEEDED" });
    const later = await market.run([change("UpdateAvailability", { AvailabilityEndDate: "2026-07-31" }, offer)]);
    expect(later.Status).toBe("SUCCEEDED");
  });

  it("can be cancelled while it is prepared and not later, and then has changed nothing", async () => {
    const id = await market.start(offerChanges({ name: "Never mind" }));
    const cancel = () => market.catalog.send(new CancelChangeSetCommand({ ...inMarketplace, ChangeSetId: id }));
    await cancel();
    expect(await market.describe(id)).toMatchObject({ Status: "CANCELLED" });
    await market.controls.advance(10 / 1440);
    const { marketplace } = await market.controls.ledger();
    expect(marketplace.entities.filter((row) => row.document.Name === "Never mind")).toEqual([]);
    expect(await refusal(cancel())).toMatchObject({ name: "ResourceInUseException", status: 423 });
  });

  it("is the same one for the same token and request, and a refusal for another request", async () => {
    const changes = offerChanges({ name: "Once" });
    const token = { ClientRequestToken: "token-once" };
    const first = await market.start(changes, token);
    expect(await market.start(changes, token)).toBe(first);
    expect(await refusal(market.start(offerChanges({ name: "Twice" }), token))).toMatchObject({ status: 422 });
    await market.controls.advance(10 / 1440);
    const { marketplace } = await market.controls.ledger();
    expect(marketplace.entities.filter((row) => row.document.Name === "Once")).toHaveLength(1);
  });

  it("with Intent VALIDATE finds what is wrong and changes nothing", async () => {
    const before = (await market.controls.ledger()).marketplace.entities.length;
    const good = await market.run(offerChanges({ name: "Dry" }), { Intent: "VALIDATE" });
    expect(good).toMatchObject({ Status: "SUCCEEDED", Intent: "VALIDATE" });
    const bad = await market.run(offerChanges({ with: { UpdateLegalTerms: null } }), { Intent: "VALIDATE" });
    expect(bad).toMatchObject({ Status: "FAILED", FailureCode: "CLIENT_ERROR" });
    expect((await market.controls.ledger()).marketplace.entities).toHaveLength(before);
  });

  it("tells of its end, and of the offer with the ARN that other APIs take in its resources", async () => {
    await market.controls.advance(1 / 1440);
    market.received.length = 0;
    const id = await market.start(offerChanges({ name: "Told" }), { ChangeSetName: "told" });
    await market.controls.advance(10 / 1440);
    expect(told("Change Set Succeeded").map(({ event }) => event)).toMatchObject([
      {
        source: "aws.marketplacecatalog",
        account: seller,
        detail: { Catalog: "AWSMarketplace", ChangeSetId: id, ChangeSetName: "told", requestId: expect.any(String) },
      },
    ]);
    const [released] = told("Offer Released").map(({ event }) => event);
    const offer = textAt(released?.detail ?? {}, "offer.id");
    expect(released).toMatchObject({
      resources: [`arn:aws:aws-marketplace:us-east-1:${seller}:AWSMarketplace/Offer/${offer}`],
      detail: {
        catalog: "AWSMarketplace",
        offer: { arn: `arn:aws:catalog:us-east-1:${seller}:Offer/${offer}`, name: "Told" },
        product: { id: product, title: "Simulated Platform" },
        sellerOfRecord: { accountId: seller },
        targetedBuyerAccountIds: [buyer],
      },
    });
  });

  it("fails on AWS's side, or never ends, where a fault plan says so", async () => {
    await market.controls.setFaults([
      { on: "StartChangeSet", fault: "async_task_fails", nth: 1 },
      { on: "StartChangeSet", fault: "async_task_stuck", nth: 2 },
    ]);
    const changes = [creation("CreateOffer", { ProductId: product, Name: "Faulty" })];
    expect(await market.run(changes)).toMatchObject({ Status: "FAILED", FailureCode: "SERVER_FAULT" });
    const stuck = await market.start(changes);
    await market.controls.advance(2);
    expect(await market.describe(stuck)).toMatchObject({ Status: "APPLYING" });
    await market.controls.clearFaults();
  });

  it("whose answer was lost is found by its token: a repeat makes no second one", async () => {
    const changes = offerChanges({ name: "Lost answer" });
    const token = { ClientRequestToken: "token-lost" };
    await market.controls.setFaults([{ on: "StartChangeSet", fault: "commit_then_500", nth: 1 }]);
    expect(await refusal(market.start(changes, token))).toMatchObject({ name: "InternalServiceException" });
    const id = await market.start(changes, token);
    await market.controls.clearFaults();
    await market.controls.advance(10 / 1440);
    const { marketplace } = await market.controls.ledger();
    expect(marketplace.entities.filter((row) => row.document.Name === "Lost answer")).toHaveLength(1);
    expect(await market.describe(id)).toMatchObject({ Status: "SUCCEEDED" });
  });

  it("goes on after a restart, and what came of it is still there", async () => {
    const first = await openMarket();
    const id = await first.start(offerChanges({ name: "Restarted" }));
    await first.close();
    const second = await openMarket({ state: first.state, start: first.clock.now() });
    await second.controls.advance(10 / 1440);
    expect(await second.describe(id)).toMatchObject({ Status: "SUCCEEDED" });
    const { marketplace } = await second.controls.ledger();
    const offer = marketplace.entities.find((row) => row.document.Name === "Restarted");
    const agreement = await second.accept(offer?.id ?? "");
    await second.close();
    const third = await openMarket({ state: first.state, start: second.clock.now() });
    expect(await third.ofOffer(offer?.id ?? "")).toMatchObject([{ agreementId: agreement, status: "ACTIVE" }]);
    await third.close();
  });

  it("is found by its name, its status and its entity, page by page", async () => {
    const offer = await market.release({ name: "Listed" });
    for (const index of [1, 2, 3])
      await market.run([change("UpdateInformation", { Name: `Listed ${index}` }, offer)], {
        ChangeSetName: `list-${index}`,
      });
    const list = (Name: string, value: string, more: object = {}) =>
      market.catalog.send(
        new ListChangeSetsCommand({ ...inMarketplace, FilterList: [{ Name, ValueList: [value] }], ...more }),
      );
    expect((await list("ChangeSetName", "list-2")).ChangeSetSummaryList).toMatchObject([{ EntityIdList: [offer] }]);
    const first = await list("EntityId", offer, { MaxResults: 2 });
    const second = await list("EntityId", offer, { MaxResults: 2, NextToken: first.NextToken });
    const names = [...(first.ChangeSetSummaryList ?? []), ...(second.ChangeSetSummaryList ?? [])].map(
      (row) => row.ChangeSetName,
    );
    expect(names.slice(0, 3)).toEqual(["list-3", "list-2", "list-1"]);
    expect(second.NextToken).toBeUndefined();
    expect(await refusal(list("Status", "FAILED", { NextToken: first.NextToken }))).toMatchObject({ status: 422 });
  });
});

describe("entities", () => {
  it("are listed by the filters of their kind", async () => {
    const offer = await market.release({ name: "Filtered by name" });
    const list = (OfferFilters: object) =>
      market.catalog.send(
        new ListEntitiesCommand({
          ...inMarketplace,
          EntityType: "Offer",
          EntityTypeFilters: { OfferFilters },
          MaxResults: 50,
        }),
      );
    const found = await list({ Name: { WildCardValue: "filtered BY" }, State: { ValueList: ["Released"] } });
    expect(found.EntitySummaryList).toMatchObject([
      {
        EntityId: offer,
        EntityType: "Offer",
        OfferSummary: {
          Name: "Filtered by name",
          ProductId: product,
          State: "Released",
          BuyerAccounts: [buyer],
          Targeting: ["BuyerAccounts"],
          AvailabilityEndDate: "2026-06-30T23:59:59Z",
          CreatedBySource: "Seller",
        },
      },
    ]);
    const { $metadata: _meta, ...plain } = found;
    mustFit("ListEntities", JSON.parse(JSON.stringify(plain)));
    const later = { AvailabilityEndDate: { DateRange: { AfterValue: "2026-07-01T00:00:00Z" } } };
    expect((await list({ ...later, EntityId: { ValueList: [offer] } })).EntitySummaryList).toEqual([]);
  });

  it("are products too, and several can be described at once", async () => {
    const products = await market.catalog.send(
      new ListEntitiesCommand({ ...inMarketplace, EntityType: "SaaSProduct" }),
    );
    expect(products.EntitySummaryList?.map(({ EntityId }) => EntityId)).toContain(product);
    const several = await market.catalog.send(
      new BatchDescribeEntitiesCommand({
        EntityRequestList: [
          { ...inMarketplace, EntityId: product },
          { ...inMarketplace, EntityId: "offer-none" },
        ],
      }),
    );
    expect(several).toMatchObject({
      EntityDetails: { [product]: { EntityType: "SaaSProduct@1.0" } },
      Errors: { "offer-none": { ErrorCode: "RESOURCE_NOT_FOUND" } },
    });
  });

  it("lag behind what a change set did, where that is set", async () => {
    const offer = await market.release({ name: "Lagging" });
    await market.controls.change({ marketplace: { readLagSeconds: 600 } });
    const id = await market.start([change("UpdateInformation", { Name: "Lagging no more" }, offer)]);
    await market.controls.advance(5 / 1440);
    expect(await market.describe(id)).toMatchObject({ Status: "SUCCEEDED" });
    expect((await market.entity(offer)).document.Name).toBe("Lagging");
    await market.controls.advance(10 / 1440);
    expect((await market.entity(offer)).document.Name).toBe("Lagging no more");
    await market.controls.change({ marketplace: { readLagSeconds: 0 } });
  });

  it("can have an opportunity associated with an offer that exists, one each", async () => {
    const offer = await market.release({ name: "Co-sold" });
    const opportunity = await market.create();
    const associate = (id: string) =>
      market.call("AssociateOpportunity", {
        Catalog: "AWS",
        OpportunityIdentifier: opportunity,
        RelatedEntityType: "AwsMarketplaceOffers",
        RelatedEntityIdentifier: `arn:aws:aws-marketplace:us-east-1:${seller}:AWSMarketplace/Offer/${id}`,
      });
    expect((await associate("offer-nowhere")).body.__type).toContain("ResourceNotFoundException");
    expect((await associate(offer)).status).toBe(200);
    const other = await market.release({ name: "Co-sold too" });
    expect((await associate(other)).body.ErrorList).toMatchObject([{ Code: "TOO_MANY_VALUES" }]);
  });
});

describe("the front door", () => {
  it("refuses what nobody signed, what does not exist, and what comes too often", async () => {
    const asked = (how: object) =>
      market.catalog.send(new DescribeEntityCommand({ ...inMarketplace, EntityId: product, ...how }));
    expect(await refusal(asked({ EntityId: "offer-none" }))).toMatchObject({
      name: "ResourceNotFoundException",
      status: 404,
    });
    const plain = await fetch(`${market.url}/DescribeEntity?catalog=AWSMarketplace&entityId=${product}`);
    expect([plain.status, plain.headers.get("x-amzn-errortype")]).toEqual([403, "MissingAuthenticationTokenException"]);
    const calls = await Promise.allSettled(Array.from({ length: 30 }, () => asked({})));
    const throttled = calls
      .filter((call) => call.status === "rejected")
      .map(({ reason }) => reason.$metadata.httpStatusCode);
    expect(new Set(throttled)).toEqual(new Set([429]));
    expect(throttled.length).toBeGreaterThan(5);
  });
  it("takes what is signed for an address below a router that took its own part away", async () => {
    const router = await listen(async (request) => {
      const { method, headers } = request;
      const body = await request.arrayBuffer();
      return market.simulator.fetch(new Request(request.url.replace("/simulator/aws", ""), { method, headers, body }));
    });
    const endpoint = `${router.url.replace(/\/$/, "")}/simulator/aws`;
    const below = new MarketplaceCatalogClient({ endpoint, region: "us-east-1", credentials: simulatedCredential });
    const listed = await below.send(new ListEntitiesCommand({ ...inMarketplace, EntityType: "SaaSProduct" }));
    expect(listed.EntitySummaryList).toHaveLength(2);
    below.destroy();
    await router.close();
  });
  it("answers under a fault plan as the Catalog API answers", async () => {
    await market.controls.setFaults([
      { on: "DescribeEntity", fault: "error_500", nth: 1 },
      { on: "DescribeEntity", fault: "permission_lost", nth: 2 },
    ]);
    market.pause(5);
    const asked = () => market.catalog.send(new DescribeEntityCommand({ ...inMarketplace, EntityId: product }));
    expect(await refusal(asked())).toMatchObject({ name: "InternalServiceException", status: 500 });
    expect(await refusal(asked())).toMatchObject({ name: "AccessDeniedException", status: 403 });
    await market.controls.clearFaults();
  });
});
