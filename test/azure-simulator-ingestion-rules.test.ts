/** What the simulated Product Ingestion API refuses: at once by the form of a request, and in a job by Microsoft's rules. */
import { describe, expect, it } from "vitest";
import type { Settings } from "../adapters/azure/simulator/index.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { configureOf, goodOffer, ids, multipartyOffer, openMarketplaceRig, priceOf } from "./azure-marketplace-rig.ts";
import { codeOf, type Raw } from "./azure-simulator-rig.ts";
import samples from "./vectors/azure/private-offers.requests.json" with { type: "json" };

const offers = (settings: Partial<Settings["offers"]>) => ({ settings: { offers: settings } });
const failure = ({ jobResult, errors }: Raw["body"]): string =>
  `${jobResult}: ${errors[0]?.code}: ${errors[0]?.message}`;
const targets = (raw: Raw): readonly string[] =>
  (raw.body.error.details ?? []).map((detail: JsonObject) => String(detail.target));
describe("the form of a request", () => {
  const wrong: readonly (readonly [string, JsonObject, string])[] = [
    ["no resources", configureOf(), "resources"],
    ["another schema", { ...configureOf(goodOffer()), $schema: "https://example.invalid/schema" }, "$schema"],
    [
      "a schema with a space, as published",
      configureOf(goodOffer({ $schema: "https://schema.mp.microsoft.com/schema/private-offer/ 2023-07-15" })),
      "resources[0].$schema",
    ],
    ["no name", configureOf(goodOffer({ name: undefined })), "resources[0].name"],
    ["an unknown state", configureOf(goodOffer({ state: "published" })), "resources[0].state"],
    [
      "an unknown type",
      configureOf(goodOffer({ privateOfferType: "partnerPromotion" })),
      "resources[0].privateOfferType",
    ],
    [
      "the sample's wrong pricing type",
      configureOf(goodOffer({ offerPricingType: "newSimpleAbsolutePricing" })),
      "resources[0].offerPricingType",
    ],
    ["a time for a date", configureOf(goodOffer({ end: "2027-12-31T00:00:00Z" })), "resources[0].end"],
    ["an unknown member", configureOf(goodOffer({ intendedCustomers: [] })), "resources[0]."],
    [
      "an amount as text",
      configureOf(priceOf("12" as unknown as number), goodOffer()),
      "resources[0].pricing.recurrentPrice.prices.0.pricePerPaymentInUsd",
    ],
    [
      "another currency",
      configureOf(priceOf(1, { pricing: { recurrentPrice: { priceInputOption: "perMarket", prices: [] } } })),
      "resources[0].pricing.recurrentPrice.priceInputOption",
    ],
    ["an end without an id", configureOf(goodOffer({ state: "withdrawn" })), "resources[0].id"],
  ];
  for (const [what, body, target] of wrong) {
    it(`${what} is refused at once, where it is`, async () => {
      const raw = await openMarketplaceRig().ingestion("/configure", body);
      expect(codeOf(raw)).toBe("400 badRequest");
      expect(targets(raw)).toContain(target);
    });
  }
  it("of the published samples is right, and their products are not ours", async () => {
    const rig = openMarketplaceRig(offers({ jobSeconds: [1, 1] }));
    const results: string[] = [];
    for (const body of Object.values(samples)) {
      const raw = await rig.ingestion("/configure", body);
      await rig.settle(5);
      results.push(`${raw.status} ${(await rig.ingestion(`/configure/${raw.body.jobId}/status`)).body.jobResult}`);
    }
    expect(new Set(results)).toEqual(new Set(["202 failed"]));
  });
  it("has the version, and one of both spellings of the selling partner's type, as set", async () => {
    const rig = openMarketplaceRig(offers({ channelPartner: "multiparty" }));
    const typed = (privateOfferType: string) => configureOf(goodOffer({ privateOfferType }));
    const spelt = ["multiPartyPromotionChannelPartner", "multipartyPromotionChannelPartner"].map((word) =>
      rig.ingestion("/configure", typed(word)),
    );
    expect((await Promise.all(spelt)).map(({ status }) => status)).toEqual([400, 202]);
    expect((await rig.ingestion("/configure", configureOf(goodOffer()), "2021-01-01")).status).toBe(400);
    expect((await rig.ingestion("/product", undefined, "")).status).toBe(400);
  });
  it("may have the renewal's attestation, or not, as set", async () => {
    const renewal = goodOffer({ customerContractRenewal: true });
    const rig = openMarketplaceRig();
    expect((await rig.publish(renewal)).customerContractRenewal).toBe(true);
    const other = openMarketplaceRig(offers({ renewalMember: false }));
    expect((await other.ingestion("/configure", configureOf(renewal))).status).toBe(400);
  });
});

describe("what a job refuses", () => {
  const row = (change: JsonObject): JsonObject => ({
    product: ids.product,
    plan: ids.standard,
    discountType: "percentage",
    discountPercentage: 5,
    ...change,
  });
  const cases: readonly (readonly [string, readonly JsonObject[], string])[] = [
    ["no start", [goodOffer({ variableStartDate: false })], "Conflict: The start date should be defined"],
    [
      "a start of a variable one",
      [goodOffer({ start: "2026-08-01" })],
      "Conflict: The start date should not be defined for a variable start",
    ],
    [
      "a start in the past",
      [goodOffer({ variableStartDate: false, start: "2026-05-31" })],
      "Conflict: The start date should not be in the past",
    ],
    [
      "an end in the past",
      [goodOffer({ end: "2026-01-31" })],
      "Conflict: The end date should be later than the start date",
    ],
    [
      "an acceptBy in the past",
      [goodOffer({ acceptBy: "2026-05-31" })],
      "Conflict: The accept by date should not be in the past",
    ],
    ["no beneficiary", [goodOffer({ beneficiaries: [] })], "BadRequest: At least one beneficiary should be defined"],
    [
      "a tenant as beneficiary",
      [goodOffer({ beneficiaries: [{ id: "7471d04e-f696-4d20-af34-fa78d51e419c" }] })],
      "BadRequest: The beneficiary 7471d04e-f696-4d20-af34-fa78d51e419c is not a billing account id",
    ],
    [
      "an unknown product",
      [goodOffer({ pricing: [row({ product: "product/123456" })] })],
      "NotFound: The product product/123456 could not be found",
    ],
    [
      "an unknown plan",
      [goodOffer({ pricing: [row({ plan: "plan/123456" })] })],
      "NotFound: The plan plan/123456 could not be found",
    ],
    [
      "a discount of nothing",
      [goodOffer({ pricing: [row({ discountPercentage: 0 })] })],
      "BadRequest: The discount percentage should be greater than 0 and at most 100",
    ],
    [
      "a plan twice",
      [goodOffer({ pricing: [row({}), row({ discountPercentage: 6 })] })],
      "Conflict: A plan is defined more than once in pricing",
    ],
    [
      "a price that comes after",
      [
        goodOffer({ pricing: [row({ discountType: "absolute", priceDetails: { resourceName: "ourPrice" } })] }),
        priceOf(1),
      ],
      "BadRequest: The resource of priceDetails should come before the private offer",
    ],
    [
      "a basePlan of an edited price",
      [goodOffer({ pricing: [row({ basePlan: ids.standard })] })],
      "BadRequest: The field basePlan cannot be defined for editExistingOfferPricingOnly",
    ],
    [
      "a term of seven months",
      [
        priceOf(1, {
          pricing: {
            recurrentPrice: { prices: [{ billingTerm: { type: "month", value: 7 }, pricePerPaymentInUsd: 1 }] },
          },
        }),
        goodOffer(),
      ],
      "BadRequest: The billing term of 7 month is not supported",
    ],
    [
      "a partner of a customer's offer",
      [goodOffer({ partners: [{ id: "1" }] })],
      "BadRequest: Partners cannot be defined for this type",
    ],
    [
      "two partners of a multiparty offer",
      [multipartyOffer({ partners: [{ id: "1" }, { id: "2" }] })],
      "BadRequest: Exactly one partner should be defined",
    ],
    [
      "a selling partner's own",
      [goodOffer({ privateOfferType: "multiPartyPromotionChannelPartner" })],
      "Forbidden: A selling partner cannot create a multiparty private offer",
    ],
    [
      "an absolute margin",
      [
        goodOffer({
          privateOfferType: "cspPromotion",
          acceptBy: undefined,
          pricing: [row({ discountType: "absolute" })],
        }),
      ],
      "BadRequest: The discount type should be percentage for a reseller's margin",
    ],
  ];
  it("says which rule a private offer breaks, and makes nothing of it", async () => {
    const rig = openMarketplaceRig(offers({ jobSeconds: [1, 1] }));
    const said: string[] = [];
    for (const [, resources] of cases) said.push(failure(await rig.configure(...resources)));
    expect(said).toEqual(cases.map(([, , words]) => `failed: ${words}`));
    expect((await rig.controls.ledger()).offers).toEqual([]);
  });
  it("eleven products and plans, and buyers that do not exist", async () => {
    const rig = openMarketplaceRig(offers({ billingAccounts: [] }));
    const many = Array.from({ length: 11 }, () => row({}));
    expect(failure(await rig.configure(goodOffer({ state: "draft", pricing: many })))).toContain("succeeded");
    expect(failure(await rig.configure(goodOffer()))).toMatch(
      /^failed: NotFound: The billing account .* could not be found$/,
    );
    const known = openMarketplaceRig();
    expect(failure(await known.configure(goodOffer({ pricing: many })))).toContain("At most 10 products and plans");
  });
});
