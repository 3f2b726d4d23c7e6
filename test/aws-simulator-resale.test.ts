import { MarketplaceCatalogClient, StartChangeSetCommand } from "@aws-sdk/client-marketplace-catalog";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import {
  change,
  creation,
  inMarketplace,
  type Market,
  offerChanges,
  openMarket,
  product,
  seller,
} from "./aws-marketplace-rig.ts";

const reseller = {
  accessKeyId: "SIMULATEDRESELLER001",
  secretAccessKey: "another-key-that-opens-nothing",
  account: "222233334444",
};
let market: Market;
let resale: MarketplaceCatalogClient;
beforeAll(async () => {
  market = await openMarket({ credentials: [simulatedCredential, reseller] });
  await market.controls.putDestination({ url: "http://hooks.example/aws", headerName: "x-key", headerValue: "k" });
  const reach = { endpoint: market.url, region: "us-east-1", maxAttempts: 1 };
  resale = new MarketplaceCatalogClient({ ...reach, credentials: reseller });
});
afterAll(async () => {
  resale.destroy();
  await market.close();
});
beforeEach(() => {
  market.pause(5);
  market.received.length = 0;
});
const settle = () => market.controls.advance(1 / 1440);
const events = () => market.received.map(({ event }) => event);

describe("a channel partner's offer", () => {
  const authorize = async (name: string, more: object = {}): Promise<string> => {
    const ra = (type: string, details: object) => ({
      ...change(type, details, "$Resale.Entity.Identifier"),
      Entity: { Type: "ResaleAuthorization@1.0", Identifier: "$Resale.Entity.Identifier" },
    });
    const done = await market.run([
      creation(
        "CreateResaleAuthorization",
        { ProductId: product, Name: name, ResellerAccountId: reseller.account },
        { of: "ResaleAuthorization@1.0", name: "Resale" },
      ),
      ra("ReleaseResaleAuthorization", {}),
      ra("UpdatePricingTerms", {
        PricingModel: "Contract",
        Terms: [
          {
            Type: "ResaleFixedUpfrontPricingTerm",
            CurrencyCode: "USD",
            Price: "10000.00",
            Duration: "P12M",
            Grants: [{ DimensionKey: "Seats", MaxQuantity: 5 }],
          },
        ],
      }),
      ra("UpdateLegalTerms", {
        Terms: [{ Type: "BuyerLegalTerm", Documents: [{ Type: "StandardEula", Version: "2022-07-14" }] }],
      }),
      ra("UpdateAvailability", { OffersMaxQuantity: 1, ...more }),
    ]);
    expect(done.Status).toBe("SUCCEEDED");
    return (done.ChangeSet?.[0]?.Entity?.Identifier ?? "").split("@")[0] ?? "";
  };
  const offered = (ResaleAuthorizationId: string) =>
    offerChanges({
      from: creation("CreateOfferUsingResaleAuthorization", { ResaleAuthorizationId }),
      with: {
        UpdatePricingTerms: null,
        UpdateValidityTerms: null,
        UpdateLegalTerms: null,
        UpdateMarkup: { Percentage: "5.0" },
        UpdateAvailability: { AvailabilityEndDate: "2026-12-31" },
      },
    });
  const resell = async (authorization: string) => {
    market.pause(1);
    const input = { ...inMarketplace, ChangeSet: [...offered(authorization)] };
    const { ChangeSetId } = await resale.send(new StartChangeSetCommand(input));
    await market.controls.advance(10 / 1440);
    return (await market.controls.ledger()).marketplace.changeSets.find(({ id }) => id === ChangeSetId);
  };

  it("takes the authorization's terms with a markup, and tells the manufacturer as such", async () => {
    const authorization = await authorize("Once");
    market.received.length = 0;
    const set = await resell(authorization);
    expect(set?.status).toBe("SUCCEEDED");
    const offer = set?.changes[0]?.resolved?.split("@")[0] ?? "";
    const id = await market.accept(offer);
    await settle();
    const told = events().map((event) => [event.account, event["detail-type"]]);
    expect(told).toEqual(
      expect.arrayContaining([
        [seller, "Offer Released"],
        [reseller.account, "Offer Released"],
        [reseller.account, "Purchase Agreement Created - Proposer"],
        [seller, "Purchase Agreement Created - Manufacturer"],
      ]),
    );
    expect(told).not.toContainEqual([seller, "Purchase Agreement Created - Proposer"]);
    const { marketplace } = await market.controls.ledger();
    expect(marketplace.agreements.find((row) => row.id === id)).toMatchObject({
      account: reseller.account,
      manufacturer: seller,
      value: "10500.00",
      cost: "10000.00",
      feePpm: 35_000,
    });
    expect(marketplace.invoices.find((row) => row.agreementId === id)).toMatchObject({
      amount: "10500.00",
      cost: "-10000.00",
      fee: "-17.50",
    });
    expect((await market.entity(authorization)).document).toMatchObject({
      Status: "Active",
      OfferDetails: { OfferCreatedCount: 1 },
    });
    expect((await resell(authorization))?.changes[0]?.errors).toMatchObject([
      { code: "INCOMPATIBLE_RESALE_AUTHORIZATION" },
    ]);
  });

  it("is not made of an authorization that is restricted", async () => {
    const authorization = await authorize("Restricted");
    const restrict = change("RestrictResaleAuthorization", {}, authorization);
    const Entity = { Type: "ResaleAuthorization@1.0", Identifier: authorization };
    expect((await market.run([{ ...restrict, Entity }])).Status).toBe("SUCCEEDED");
    expect((await resell(authorization))?.changes[0]?.errors).toMatchObject([
      { code: "INCOMPATIBLE_RESALE_AUTHORIZATION" },
    ]);
  });
});

describe("partners that nobody plays", () => {
  it("a manufacturer's authorization lets this account resell, and only the proposer is told of the agreement", async () => {
    const { id: authorization } = (await market.controls.grant({ price: "8000.00", currency: "EUR" })) as {
      id: string;
    };
    const offer = await market.release({
      from: creation("CreateOfferUsingResaleAuthorization", { ResaleAuthorizationId: authorization }),
      with: {
        UpdatePricingTerms: null,
        UpdateValidityTerms: null,
        UpdateLegalTerms: null,
        UpdateMarkup: { Percentage: "25" },
        UpdateAvailability: { AvailabilityEndDate: "2026-12-31" },
      },
    });
    market.received.length = 0;
    const id = await market.accept(offer);
    await settle();
    expect(events().map((event) => event["detail-type"])).toEqual(["Purchase Agreement Created - Proposer"]);
    const [agreement] = await market.ofOffer(offer);
    expect(agreement).toMatchObject({ agreementId: id, proposer: { accountId: seller } });
    const { marketplace } = await market.controls.ledger();
    expect(marketplace.agreements.find((row) => row.id === id)).toMatchObject({
      value: "10000.00",
      cost: "8000.00",
      currency: "EUR",
    });
  });

  it("a reseller sells under ours: we hear of it as manufacturer, and are paid the wholesale price less the fee", async () => {
    const far = "777788889999";
    const ra = (type: string, details: object) => ({
      ...change(type, details),
      Entity: { Type: "ResaleAuthorization@1.0", Identifier: "$Offer.Entity.Identifier" },
    });
    const price = { Type: "ResaleFixedUpfrontPricingTerm", CurrencyCode: "USD", Price: "1000.00", Duration: "P12M" };
    const done = await market.run([
      creation(
        "CreateResaleAuthorization",
        { ProductId: product, Name: "Far", ResellerAccountId: far },
        { of: "ResaleAuthorization@1.0" },
      ),
      ra("UpdatePricingTerms", {
        PricingModel: "Contract",
        Terms: [{ ...price, Grants: [{ DimensionKey: "Seats" }] }],
      }),
      ra("UpdateLegalTerms", {
        Terms: [{ Type: "BuyerLegalTerm", Documents: [{ Type: "StandardEula", Version: "2022-07-14" }] }],
      }),
      ra("ReleaseResaleAuthorization", {}),
    ]);
    const authorization = (done.ChangeSet?.[0]?.Entity?.Identifier ?? "").split("@")[0] ?? "";
    market.received.length = 0;
    const sold = (await market.controls.sell(`${authorization}/sell`, { markup: "50" })) as {
      id: string;
      value: string;
    };
    expect(sold.value).toBe("1500.00");
    await settle();
    expect(events().map((event) => [event.account, event["detail-type"]])).toEqual(
      expect.arrayContaining([
        [seller, "Offer Released"],
        [seller, "Purchase Agreement Created - Manufacturer"],
      ]),
    );
    await market.controls.agreement(`${sold.id}/collect`);
    await market.controls.advance(32);
    const { marketplace } = await market.controls.ledger();
    expect(marketplace.payouts.filter((row) => row.account === seller).map((row) => row.amount)).toEqual(["965.00"]);
  });
});
