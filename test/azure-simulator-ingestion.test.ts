/** The simulated Product Ingestion API: jobs on the clock, private offers and their rules, refused as Microsoft's documents say. */
import { describe, expect, it } from "vitest";
import type { Settings } from "../adapters/azure/simulator/index.ts";
import {
  ingestionPageOf,
  jobDetailSchema,
  jobStatusSchema,
  planResourceSchema,
  priceResourceSchema,
  privateOfferSchema,
  productSchema,
} from "../adapters/azure/wire-offers.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  buyerAccount,
  configureOf,
  goodOffer,
  ids,
  ingestionUrl,
  type MarketplaceRig,
  multipartyOffer,
  openMarketplaceRig,
  priceOf,
} from "./azure-marketplace-rig.ts";
import { codeOf, type Raw } from "./azure-simulator-rig.ts";

const offers = (settings: Partial<Settings["offers"]>) => ({ settings: { offers: settings } });
const failure = ({ jobResult, errors }: Raw["body"]): string =>
  `${jobResult}: ${errors[0]?.code}: ${errors[0]?.message}`;
describe("a configure job", () => {
  it("is taken at once, runs on the clock and leads to its offer", async () => {
    const rig = openMarketplaceRig();
    const begun = await rig.ingestion("/configure", configureOf(goodOffer()));
    expect([begun.status, begun.body.jobStatus, begun.body.jobResult, begun.body.jobEnd, begun.body.errors]).toEqual([
      202,
      "notStarted",
      "pending",
      "0001-01-01",
      [],
    ]);
    expect((await rig.ingestion("/private-offer/query")).body.value).toEqual([]);
    await rig.settle(600);
    const done = await rig.ingestion(`/configure/${begun.body.jobId}/status`, undefined, "2022-07-01");
    expect(jobStatusSchema.parse(done.body)).toMatchObject({
      jobStatus: "completed",
      jobResult: "succeeded",
      resourceUri: `https://product-ingestion.mp.microsoft.com/configure/${begun.body.jobId}`,
    });
    const [made] = jobDetailSchema.parse((await rig.ingestion(`/configure/${begun.body.jobId}`)).body);
    expect(made).toMatchObject({
      name: "CS-1042 Example Foods",
      state: "live",
      notes: "CS-1042",
      lastModified: "2026-06-01",
      pricing: [{ discountPercentage: "5", productName: "Business Insights and Analytics", planName: "Standard" }],
    });
    expect(privateOfferSchema.parse((await rig.ingestion(`/${made?.id}`)).body)).toEqual(made);
  });
  it("is asked about at most once a minute", async () => {
    const rig = openMarketplaceRig();
    const { body } = await rig.ingestion("/configure", configureOf(goodOffer()));
    const ask = () => rig.ingestion(`/configure/${body.jobId}/status`);
    const first = await ask();
    rig.pause(20);
    const early = await ask();
    rig.pause(40);
    const late = await ask();
    expect([first.status, codeOf(early), early.headers.get("retry-after"), late.status]).toEqual([
      200,
      "429 tooManyRequests",
      "40",
      200,
    ]);
    expect((await rig.ingestion("/configure/00000000-0000-4000-8000-000000000000/status")).status).toBe(404);
  });
  it("passes through running, and changes nothing at all when one of its resources fails", async () => {
    const rig = openMarketplaceRig(offers({ jobSeconds: [100, 100], pollSeconds: 0 }));
    const wrong = goodOffer({ name: "second", variableStartDate: false });
    const { body } = await rig.ingestion("/configure", configureOf(goodOffer(), wrong));
    await rig.settle(50);
    const running = (await rig.ingestion(`/configure/${body.jobId}/status`)).body;
    await rig.settle(60);
    const failed = (await rig.ingestion(`/configure/${body.jobId}/status`)).body;
    expect([running.jobStatus, running.jobResult]).toEqual(["running", "pending"]);
    expect(failed.errors).toEqual([{ code: "Conflict", message: "The start date should be defined" }]);
    expect([failed.jobResult, failed.resourceUri]).toEqual(["failed", undefined]);
    expect((await rig.ingestion("/private-offer/query")).body.value).toEqual([]);
    expect((await rig.ingestion(`/configure/${body.jobId}`)).status).toBe(404);
  });
  it("writes its words in either casing, and shows the offer or the request's resources, as set", async () => {
    const rig = openMarketplaceRig(offers({ statusCasing: "Pascal", jobDetail: "resources" }));
    const { body } = await rig.ingestion("/configure", configureOf(goodOffer()));
    expect([body.jobStatus, body.jobResult]).toEqual(["NotStarted", "Pending"]);
    await rig.settle(600);
    const detail = (await rig.ingestion(`/configure/${body.jobId}`)).body;
    expect(detail.resources).toHaveLength(1);
    expect(jobDetailSchema.parse(detail)[0]?.state).toBe("live");
  });
});

const to = (rig: MarketplaceRig, offer: Raw["body"], state: string, change: JsonObject = {}) =>
  rig.configure({
    $schema: "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15",
    id: offer.id,
    name: offer.name,
    privateOfferType: offer.privateOfferType,
    state,
    ...change,
  });
const stateOf = async (rig: MarketplaceRig, id: string): Promise<string> => {
  const { status, body } = await rig.ingestion(`/${id}`);
  return status === 200 ? body.state : String(status);
};

describe("a private offer's states", () => {
  it("let drafts be deleted, and nothing else; a deleted one is gone", async () => {
    const rig = openMarketplaceRig();
    const draft = await rig.publish(goodOffer({ state: "draft", pricing: undefined, beneficiaries: undefined }));
    const live = await rig.publish(goodOffer());
    expect(failure(await to(rig, live, "deleted"))).toContain("Only a private offer in draft state can be deleted");
    const deletion = await to(rig, draft, "deleted");
    expect([deletion.jobResult, deletion.resourceUri]).toEqual(["succeeded", undefined]);
    expect([await stateOf(rig, draft.id), await stateOf(rig, live.id)]).toEqual(["404", "live"]);
  });
  it("let a live one be withdrawn, edited and published again, not edited while it is live", async () => {
    const rig = openMarketplaceRig();
    const offer = await rig.publish(goodOffer());
    expect(failure(await to(rig, offer, "live", { acceptBy: "2026-08-31" }))).toContain("should be withdrawn first");
    expect((await to(rig, offer, "withdrawn")).jobResult).toBe("succeeded");
    expect((await to(rig, offer, "live", { acceptBy: "2026-08-31" })).jobResult).toBe("succeeded");
    const { body } = await rig.ingestion(`/${offer.id}`);
    expect([body.state, body.acceptBy, body.eTag === offer.eTag]).toEqual(["live", "2026-08-31", false]);
    const strict = openMarketplaceRig(offers({ republish: false }));
    const other = await strict.publish(goodOffer());
    await to(strict, other, "withdrawn");
    expect(failure(await to(strict, other, "live"))).toContain("cannot be published again");
  });
  it("let the last day of a live one be moved as it is, and a name be taken once, where set so", async () => {
    const rig = openMarketplaceRig(offers({ extendLive: true, uniqueNames: true }));
    const offer = await rig.publish(goodOffer({ acceptBy: "2026-06-05" }));
    expect(failure(await rig.configure(goodOffer()))).toContain("already exists");
    expect(failure(await to(rig, offer, "live", { notes: "other" }))).toContain("should be withdrawn first");
    expect((await to(rig, offer, "live", { acceptBy: "2026-06-20" })).jobResult).toBe("succeeded");
    const ended = async () => (await rig.controls.ledger()).offers[0]?.ended;
    await rig.controls.advance(10);
    expect(await ended()).toBeNull();
    await rig.controls.advance(10);
    expect(await ended()).toBe("expired");
  });
  it("keep an accepted one from being withdrawn; it is upgraded, and what the upgrade leaves out is taken over", async () => {
    const rig = openMarketplaceRig();
    const base = await rig.publish(
      goodOffer({ beneficiaries: [{ id: "abcdef-1:7471d04e-f696-4d20-af34-fa78d51e419c_2019-05-31" }] }),
    );
    const upgrade = {
      ...goodOffer(),
      upgradedFrom: { id: base.id, name: base.name },
      name: "Upgrade",
      beneficiaries: undefined,
      pricing: undefined,
    };
    const upgradeOnly = JSON.parse(JSON.stringify(upgrade));
    expect(failure(await rig.configure(upgradeOnly))).toContain("Only an accepted private offer can be upgraded");
    await rig.controls.onOffer(`${base.id}/accept`);
    expect(failure(await to(rig, base, "withdrawn"))).toContain("has accepted cannot be withdrawn");
    const made = await rig.publish(upgradeOnly);
    expect([made.upgradedFrom.id, made.beneficiaries, made.pricing]).toEqual([
      base.id,
      base.beneficiaries,
      base.pricing,
    ]);
    await rig.controls.onOffer(`${made.id}/accept`);
    expect((await rig.controls.ledger()).offers[0]?.ended).toBe("superseded");
  });
  it("of many parties: the selling partner publishes, and withdraws first", async () => {
    const rig = openMarketplaceRig();
    const offer = await rig.publish(multipartyOffer());
    await expect(rig.controls.onOffer(`${offer.id}/accept`)).rejects.toThrow("selling partner has not made");
    await rig.controls.onOffer(`${offer.id}/publish`);
    expect(failure(await to(rig, offer, "withdrawn"))).toContain("The selling partner should withdraw");
    await rig.controls.onOffer(`${offer.id}/retract`);
    expect((await to(rig, offer, "withdrawn")).jobResult).toBe("succeeded");
    const theirs = await rig.controls.originate({
      beneficiary: buyerAccount,
      end: "2027-01-31",
      acceptBy: "2026-09-30",
    });
    const { body } = await rig.ingestion(`/${theirs.id}`);
    expect([body.privateOfferType, body.state, body.originatorPricing.length]).toEqual([
      "multiPartyPromotionChannelPartner",
      "draft",
      1,
    ]);
    expect(failure(await to(rig, body, "deleted"))).toContain("Only the originator can delete");
    const { pricing, notificationContacts } = goodOffer();
    expect((await to(rig, body, "live", { pricing, notificationContacts } as JsonObject)).jobResult).toBe("succeeded");
    const sold = (await rig.ingestion(`/${theirs.id}`)).body;
    expect([sold.state, sold.pricing.length, sold.originatorPricing]).toEqual(["live", 1, body.originatorPricing]);
  });
  it("do not tell of acceptance and expiry, unless set to", async () => {
    for (const [states, expected] of [
      ["authored", ["live", "live"]],
      ["portal", ["accepted", "expired"]],
    ] as const) {
      const rig = openMarketplaceRig(offers({ states }));
      const [first, second] = [
        await rig.publish(goodOffer()),
        await rig.publish(goodOffer({ acceptBy: "2026-06-02" })),
      ];
      await rig.controls.onOffer(`${first.id}/accept`);
      await rig.settle(2 * 86_400);
      expect([await stateOf(rig, first.id), await stateOf(rig, second.id)]).toEqual(expected);
      await expect(rig.controls.onOffer(`${second.id}/accept`)).rejects.toThrow("is expired");
    }
  });
});

describe("reading", () => {
  it("gives products, plans and prices, by the publisher's names too", async () => {
    const rig = openMarketplaceRig();
    const products = ingestionPageOf(productSchema).parse((await rig.ingestion("/product")).body).value;
    expect(products.map(({ type }) => type)).toEqual([
      "softwareAsAService",
      "softwareAsAService",
      "azureVirtualMachine",
    ]);
    const named = (await rig.ingestion("/product?externalId=demand-forecast")).body.value;
    expect(named.map(({ identity }: Raw["body"]) => identity.externalId)).toEqual(["demand-forecast"]);
    const plans = ingestionPageOf(planResourceSchema).parse(
      (await rig.ingestion(`/plan?product=${ids.product}`)).body,
    ).value;
    expect(plans.map(({ id }) => id)).toEqual([ids.standard, ids.perSeat]);
    const bare = ids.product.replace("product/", "");
    const prices = priceResourceSchema.parse(
      (await rig.ingestion(`/price-and-availability-private-offer-plan/${bare}?plan=${ids.perSeat}`)).body,
    );
    expect(prices.pricing?.recurrentPrice).toMatchObject({
      recurrentPriceMode: "perUser",
      userLimits: { min: 1, max: 1000 },
    });
    expect((await rig.ingestion("/plan")).status).toBe(400);
    expect((await rig.ingestion("/plan?product=product/1")).status).toBe(404);
    expect((await rig.ingestion("/private-offer/00000000-0000-4000-8000-000000000000")).body.error.code).toBe(
      "notFound",
    );
  });
  it("keeps absolute prices as resources of their own, which an offer names", async () => {
    const rig = openMarketplaceRig();
    const priced = { product: ids.product, discountType: "absolute", priceDetails: { resourceName: "ourPrice" } };
    const edited = await rig.publish(priceOf(2500.1), goodOffer({ pricing: [{ ...priced, plan: ids.standard }] }));
    const kept = priceResourceSchema.parse((await rig.ingestion(`/${edited.pricing[0].priceDetails}`)).body);
    expect(kept.pricing?.recurrentPrice?.prices[0]?.pricePerPaymentInUsd).toBe("2500.1");
    const saas = { offerPricingType: "saasNewCustomizedPlans" };
    const custom = await rig.publish(
      priceOf(2500, saas),
      goodOffer({
        ...saas,
        pricing: [{ ...priced, basePlan: ids.standard, newPlanDetails: { name: "Foods", description: "For Foods" } }],
      }),
    );
    expect(custom.pricing[0].newPlanDetails.name).toBe("Foods");
    const machines = { offerPricingType: "vmSoftwareReservations", product: ids.machine, plan: ids.machinePlan };
    const reservation = {
      reservationDuration: { type: "year", value: 1 },
      paymentSchedule: { type: "year", value: 1 },
      vmPrices: { "36Core": { quantity: 4, unitPricePerPaymentPeriodInUsd: 100.25 } },
    };
    const { pricing: _pricing, ...bare } = priceOf(0, machines);
    const reserved = await rig.publish(
      { ...bare, softwareReservation: reservation },
      goodOffer({
        offerPricingType: "vmSoftwareReservations",
        pricing: [{ ...priced, product: ids.machine, basePlan: ids.machinePlan }],
      }),
    );
    expect(reserved.pricing[0].productName).toBe("Planner for virtual machines");
  });
  it("pages by @nextLink, whose host is not to be trusted", async () => {
    for (const [nextLink, host] of [
      ["graph", "graph.microsoft.com"],
      ["foreign", "product-ingestion.mp.microsoft.com"],
    ] as const) {
      const rig = openMarketplaceRig(offers({ pageSize: 2, nextLink, queryRows: "brief" }));
      for (const name of ["a", "b", "c"]) await rig.publish(goodOffer({ name }));
      const first = (await rig.ingestion("/private-offer/query")).body;
      const link = new URL(first["@nextLink"]);
      const second = (await rig.ingestion(`/private-offer/query?$skipToken=${link.searchParams.get("$skipToken")}`))
        .body;
      expect([
        link.host,
        first.value.length,
        second.value.map(({ name }: Raw["body"]) => name),
        second["@nextLink"],
      ]).toEqual([host, 2, ["c"], undefined]);
      expect([first.value[0].pricing, first.value[0].name]).toEqual([undefined, "a"]);
    }
  });
  it("lags behind what was made, by the fault of that name or as set", async () => {
    const rig = openMarketplaceRig(offers({ lagSeconds: 600 }));
    await rig.publish(goodOffer());
    const count = async () => (await rig.ingestion("/private-offer/query")).body.value.length;
    expect(await count()).toBe(0);
    rig.pause(600);
    expect(await count()).toBe(1);
    await rig.controls.setFaults([{ on: "QueryPrivateOffers", fault: "search_lag", seconds: 86_400, times: 1 }]);
    expect([await count(), await count()]).toEqual([0, 1]);
  });
  it("demands the application's own token for Microsoft Graph", async () => {
    const rig = openMarketplaceRig();
    const url = `${ingestionUrl}/product?$version=2022-07-01`;
    const as = (token: string) => rig.raw(url, { headers: { authorization: `Bearer ${token}` } });
    expect(codeOf(await rig.raw(url))).toBe("401 unauthorized");
    expect(codeOf(await as(await rig.applicationToken()))).toBe("401 unauthorized");
    const user = (await rig.refresh(undefined, { scope: "https://graph.microsoft.com/.default" })).body.access_token;
    expect(codeOf(await as(user))).toBe("403 forbidden");
    expect((await as(await rig.applicationToken("graph.microsoft.com"))).status).toBe(200);
  });
  it("meets the faults of a plan like every other call", async () => {
    const rig = openMarketplaceRig();
    await rig.controls.setFaults([{ on: "Configure", fault: "commit_then_timeout", times: 1 }]);
    await expect(rig.ingestion("/configure", configureOf(goodOffer()))).rejects.toThrow("no answer");
    await rig.settle(600);
    expect((await rig.ingestion("/private-offer/query")).body.value).toHaveLength(1);
  });
});
