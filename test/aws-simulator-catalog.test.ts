import {
  CancelChangeSetCommand,
  ListChangeSetsCommand,
  ListEntitiesCommand,
  MarketplaceCatalogServiceException,
} from "@aws-sdk/client-marketplace-catalog";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buyer, change, creation, inMarketplace, type Market, offerChanges, openMarket, product, seller } from "./aws-marketplace-rig.ts";

let market: Market;
beforeAll(async () => {
  market = await openMarket();
  await market.controls.putDestination({ url: "http://hooks.example/aws", headerName: "x-key", headerValue: "k", catalog: "AWS" });
});
afterAll(() => market.close());

describe("the Marketplace Catalog API through AWS's own client", () => {
  it("releases an offer", async () => {
    const done = await market.run(offerChanges());
    expect(done).toMatchObject({ Status: "SUCCEEDED" });
  });
});
