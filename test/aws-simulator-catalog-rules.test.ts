import {
  type Change,
  MarketplaceCatalogServiceException,
  type ValidationExceptionField,
} from "@aws-sdk/client-marketplace-catalog";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  buyer,
  change,
  creation,
  fixedPrice,
  type Market,
  type OfferHow,
  offerChanges,
  openMarket,
  product,
  schedule,
  seller,
} from "./aws-marketplace-rig.ts";

let market: Market;
const analytics = { id: "prod-dimensions001", title: "With dimensions", dimensions: ["Seats"], supportTerms: false };
beforeAll(async () => {
  market = await openMarket({
    settings: {
      marketplace: {
        products: [
          { id: product, title: "Simulated Platform" },
          analytics,
          { id: "prod-draft00000001", title: "Not yet listed", visibility: "Draft" },
          { id: "prod-foreign000001", title: "Somebody else's", account: "999900001111" },
        ],
        buyerAccounts: [buyer, "444455557777", "444455558888"],
      },
    },
  });
});
afterAll(() => market.close());

/** What AWS refuses at once: the fields, or the reasons of those without one. */
const atOnce = async (changes: readonly Change[]): Promise<readonly string[]> => {
  try {
    await market.start(changes);
  } catch (error) {
    if (!(error instanceof MarketplaceCatalogServiceException)) throw error;
    expect([error.name, error.$metadata.httpStatusCode]).toEqual(["ValidationException", 422]);
    const { ValidationExceptionFieldList: list = [] } = error as {
      ValidationExceptionFieldList?: ValidationExceptionField[];
    };
    return list.map(({ ChangeType, Field, Reason }) => `${ChangeType ?? "-"} ${Field ?? Reason}`);
  }
  return ["accepted"];
};
/** What AWS tells later, change by change. */
const later = async (changes: readonly Change[]): Promise<readonly string[]> => {
  const done = await market.run(changes);
  const errors = (done.ChangeSet ?? []).flatMap(({ ChangeType, ErrorDetailList = [] }) =>
    ErrorDetailList.map(({ ErrorCode }) => `${ChangeType} ${ErrorCode}`),
  );
  expect(done.Status).toBe(errors.length === 0 ? "SUCCEEDED" : "FAILED");
  return errors;
};
const offer = (details: OfferHow["with"] = {}) => offerChanges({ with: details });
const validity = (term: object) => ({ UpdateValidityTerms: { Terms: [{ Type: "ValidityTerm", ...term }] } });
const legal = (document: object) => ({ UpdateLegalTerms: { Terms: [{ Type: "LegalTerm", Documents: [document] }] } });
const priced = (...Terms: readonly object[]) => ({ UpdatePricingTerms: { PricingModel: "Contract", Terms } });
const fixed = {
  Type: "FixedUpfrontPricingTerm",
  CurrencyCode: "USD",
  Price: "10.00",
  Grants: [{ DimensionKey: "Seats" }],
};
const card = (more: object = {}) => ({
  Type: "ConfigurableUpfrontPricingTerm",
  CurrencyCode: "USD",
  RateCards: [
    {
      Selector: { Type: "Duration", Value: "P12M" },
      Constraints: { MultipleDimensionSelection: "Allowed", QuantityConfiguration: "Allowed" },
      RateCard: [{ DimensionKey: "Seats", Price: "10.5" }],
      ...more,
    },
  ],
});
const usage = (CurrencyCode: string) => ({
  Type: "UsageBasedPricingTerm",
  CurrencyCode,
  RateCards: [{ RateCard: [{ DimensionKey: "Calls", Price: "0.00012345" }] }],
});
const accounts = (count: number) => Array.from({ length: count }, (_, index) => String(100_000_000_000 + index));

describe("what AWS refuses at once", () => {
  it.each<[string, OfferHow["with"], string]>([
    ["a name over 150 characters", { UpdateInformation: { Name: "x".repeat(151) } }, "UpdateInformation Name"],
    [
      "a description over 255 characters",
      { UpdateInformation: { Description: "x".repeat(256) } },
      "UpdateInformation Description",
    ],
    [
      "an unknown way of acquisition",
      { UpdateInformation: { PreExistingAgreement: { AcquisitionChannel: "Fax", PricingModel: "Contract" } } },
      "UpdateInformation PreExistingAgreement.AcquisitionChannel",
    ],
    [
      "27 buyers",
      { UpdateTargeting: { PositiveTargeting: { BuyerAccounts: accounts(27) } } },
      "UpdateTargeting PositiveTargeting.BuyerAccounts",
    ],
    [
      "a buyer that is no account",
      { UpdateTargeting: { PositiveTargeting: { BuyerAccounts: ["12345"] } } },
      "UpdateTargeting PositiveTargeting.BuyerAccounts.0",
    ],
    [
      "a currency that is not sold in",
      { UpdatePricingTerms: fixedPrice("1", "CHF") },
      "UpdatePricingTerms Terms.0.CurrencyCode",
    ],
    [
      "four decimal places in a price",
      { UpdatePricingTerms: fixedPrice("1.2345") },
      "UpdatePricingTerms Terms.0.Price",
    ],
    [
      "three in an instalment",
      { UpdatePaymentScheduleTerms: schedule(["2026-07-01", "1.234"]) },
      "UpdatePaymentScheduleTerms Terms.0.Schedule.0.ChargeAmount",
    ],
    [
      "a charge date that is none",
      { UpdatePaymentScheduleTerms: schedule(["2026-02-30", "1"]) },
      "UpdatePaymentScheduleTerms Terms.0.Schedule.0.ChargeDate",
    ],
    [
      "six rate cards",
      priced({ ...card(), RateCards: Array(6).fill(card().RateCards[0]) }),
      "UpdatePricingTerms Terms.0.RateCards",
    ],
    [
      "constraints that differ",
      priced(card({ Constraints: { MultipleDimensionSelection: "Allowed", QuantityConfiguration: "Disallowed" } })),
      "UpdatePricingTerms Terms.0.RateCards.0.Constraints",
    ],
    [
      "a payment period that is not offered",
      { UpdateNetPaymentTerms: { Terms: [{ Type: "NetPaymentTerm", PaymentDuePeriod: "P31D" }] } },
      "UpdateNetPaymentTerms Terms.0.PaymentDuePeriod",
    ],
    [
      "a duration and an end",
      validity({ AgreementDuration: "P12M", AgreementEndDate: "2027-06-30" }),
      "UpdateValidityTerms Terms.0",
    ],
    ["a custom document without its address", legal({ Type: "CustomEula" }), "UpdateLegalTerms Terms.0.Documents.0"],
    [
      "a standard document without its version",
      legal({ Type: "StandardEula" }),
      "UpdateLegalTerms Terms.0.Documents.0",
    ],
    [
      "a refund policy over 500 characters",
      { UpdateSupportTerms: { Terms: [{ Type: "SupportTerm", RefundPolicy: "x".repeat(501) }] } },
      "UpdateSupportTerms Terms.0.RefundPolicy",
    ],
    [
      "a renewal's instalments that are not 100 percent",
      {
        UpdateRenewalTerms: {
          Terms: [
            {
              Type: "RenewalTerm",
              TermTemplates: [
                { PaymentScheduleTermTemplate: { Schedule: [{ ChargeDateOffset: "P0D", ChargePercentage: "99.99" }] } },
              ],
            },
          ],
        },
      },
      "UpdateRenewalTerms Terms.0.TermTemplates.0.PaymentScheduleTermTemplate.Schedule",
    ],
    [
      "a member that no details have",
      { UpdateAvailability: { AvailabilityEndDate: "2026-06-30", Hurry: true } },
      "UpdateAvailability FieldValidationFailed",
    ],
  ])("%s, by field", async (_what, details, problem) => {
    expect(await atOnce(offer(details))).toEqual([problem]);
  });

  it("a change type that the entity does not have, or a reference to nothing", async () => {
    expect(await atOnce([creation("CreateOffers", {})])).toEqual(["CreateOffers UnknownOperation"]);
    expect(await atOnce([change("UpdateMarkup", { Percentage: "5" }, "$Nothing.Entity.Identifier")])).toEqual([
      "- Identifier",
    ]);
    expect(
      await atOnce([{ ...creation("CreateOffer", {}), DetailsDocument: undefined, Details: "{no json}" }]),
    ).toEqual(["CreateOffer Details"]);
  });
  it("the same change type twice on one entity", async () => {
    const twice = [...offer(), change("UpdateInformation", { Name: "Again" })];
    expect(await atOnce(twice)).toEqual(["UpdateInformation Other"]);
  });
  it("entities that are not there with 404, and another's with 403", async () => {
    const status = async (changes: readonly Change[]) =>
      market.start(changes).then(
        () => 200,
        (error) => (error instanceof MarketplaceCatalogServiceException ? error.$metadata.httpStatusCode : 0),
      );
    expect(await status([creation("CreateOffer", { ProductId: "prod-nowhere" })])).toBe(404);
    expect(await status([creation("CreateOffer", { ProductId: "prod-foreign000001" })])).toBe(403);
    expect(await status([change("ReleaseOffer", {}, "offer-nowhere")])).toBe(404);
    expect(await status([creation("CreateReplacementOffer", { AgreementId: "agmt-nowhere" })])).toBe(404);
  });
});

describe("what AWS tells of later, change by change", () => {
  const usageOnly = { UpdatePricingTerms: { PricingModel: "Usage", Terms: [usage("USD")] }, UpdateValidityTerms: null };
  it.each<[string, OfferHow["with"], readonly string[]]>([
    ["nothing, where all is well", {}, []],
    ["a missing description", { UpdateInformation: { Name: "x" } }, ["ReleaseOffer MISSING_DESCRIPTION"]],
    ["a missing name", { UpdateInformation: { Description: "x" } }, ["ReleaseOffer MISSING_NAME"]],
    ["missing buyers", { UpdateTargeting: null }, ["ReleaseOffer MISSING_BUYER_ACCOUNTS"]],
    ["a missing end", { UpdateAvailability: null }, ["ReleaseOffer MISSING_AVAILABILITY_END_DATE"]],
    [
      "missing terms",
      { UpdateLegalTerms: null, UpdateValidityTerms: null },
      Array(2).fill("ReleaseOffer MISSING_MANDATORY_TERMS"),
    ],
    [
      "an end in the past",
      { UpdateAvailability: { AvailabilityEndDate: "2026-05-31" } },
      ["ReleaseOffer INVALID_AVAILABILITY_END_DATE"],
    ],
    [
      "a buyer that does not exist",
      { UpdateTargeting: { PositiveTargeting: { BuyerAccounts: ["121212121212"] } } },
      ["UpdateTargeting INVALID_BUYER_ACCOUNTS"],
    ],
    [
      "ourselves as buyer",
      { UpdateTargeting: { PositiveTargeting: { BuyerAccounts: [seller] } } },
      ["UpdateTargeting INVALID_BUYER_ACCOUNTS"],
    ],
    [
      "two currencies",
      { UpdatePaymentScheduleTerms: schedule(["2026-07-01", "1"]), UpdatePricingTerms: fixedPrice("0", "EUR") },
      ["UpdatePricingTerms INCOMPATIBLE_CURRENCY_CODE"],
    ],
    [
      "usage in euros",
      { ...usageOnly, UpdatePricingTerms: { PricingModel: "Usage", Terms: [usage("EUR")] } },
      ["UpdatePricingTerms INVALID_CURRENCY_CODE"],
    ],
    ["usage in dollars: nothing", usageOnly, []],
    ["the same term twice", priced(fixed, fixed), ["UpdatePricingTerms DUPLICATE_TERM_TYPES"]],
    ["a contract without a contract's price", priced(usage("USD")), ["UpdatePricingTerms INCOMPATIBLE_TERMS"]],
    [
      "a schedule without a fixed price",
      { ...priced(card()), UpdatePaymentScheduleTerms: schedule(["2026-07-01", "1"]) },
      ["UpdatePaymentScheduleTerms INCOMPATIBLE_TERMS"],
    ],
    [
      "a charge in the past",
      { UpdatePaymentScheduleTerms: schedule(["2026-05-01", "1"]) },
      ["UpdatePaymentScheduleTerms INVALID_CHARGE_DATES"],
    ],
    [
      "a charge after the end",
      { ...validity({ AgreementEndDate: "2027-05-31" }), UpdatePaymentScheduleTerms: schedule(["2027-06-01", "1"]) },
      ["UpdatePaymentScheduleTerms INVALID_CHARGE_DATES"],
    ],
    [
      "two charges before the offer's end",
      { UpdatePaymentScheduleTerms: schedule(["2026-06-10", "1"], ["2026-06-20", "1"]) },
      ["UpdatePaymentScheduleTerms TOO_MANY_BACKDATED_CHARGES"],
    ],
    [
      "one charge before the offer's end: nothing",
      { UpdatePaymentScheduleTerms: schedule(["2026-06-10", "1"], ["2026-09-20", "1"]) },
      [],
    ],
    [
      "two charges on one day",
      { UpdatePaymentScheduleTerms: schedule(["2026-09-10", "1"], ["2026-09-10", "1"]) },
      ["UpdatePaymentScheduleTerms DUPLICATE_CHARGE_DATES"],
    ],
    [
      "a start that the offer outlasts",
      validity({ AgreementStartDate: "2026-06-30", AgreementEndDate: "2027-06-30" }),
      ["UpdateValidityTerms INVALID_AGREEMENT_START_DATE"],
    ],
    [
      "a start after the offer's end: nothing",
      validity({ AgreementStartDate: "2026-07-01", AgreementDuration: "P1Y" }),
      [],
    ],
    [
      "an end before the start",
      validity({ AgreementStartDate: "2026-09-01", AgreementEndDate: "2026-08-01" }),
      ["UpdateValidityTerms INVALID_AGREEMENT_TIME_INTERVAL"],
    ],
    ["a markup on a direct offer", { UpdateMarkup: { Percentage: "5.0" } }, ["UpdateMarkup INVALID_UPDATE_REQUEST"]],
    [
      "a deadline for a price that does not rise",
      { UpdateRenewalTerms: { Terms: [{ Type: "RenewalTerm", AdjustmentDeadline: "P30D" }] } },
      ["UpdateRenewalTerms MISSING_PRICE_INCREASE"],
    ],
  ])("%s", async (_what, details, errors) => {
    expect(await later(offer(details))).toEqual(errors);
  });

  it("what the product does not take: its dimensions, a refund policy, a release before its own", async () => {
    const from = (ProductId: string) => creation("CreateOffer", { ProductId });
    const foreign = { ...fixed, Grants: [{ DimensionKey: "Tanks" }] };
    expect(await later(offerChanges({ from: from(analytics.id), with: priced(foreign) }))).toContain(
      "UpdatePricingTerms INCOMPATIBLE_PRODUCT",
    );
    const support = { UpdateSupportTerms: { Terms: [{ Type: "SupportTerm", RefundPolicy: "None" }] } };
    expect(await later(offerChanges({ from: from(analytics.id), with: support }))).toEqual([
      "UpdateSupportTerms INCOMPATIBLE_PRODUCT",
    ]);
    expect(await later(offerChanges({ from: from("prod-draft00000001") }))).toEqual([
      "ReleaseOffer INCOMPATIBLE_PRODUCT",
    ]);
  });
});

describe("a released offer", () => {
  const renewal = { AcquisitionChannel: "AwsMarketplace", PricingModel: "Contract" };
  it("keeps its terms, its buyers and what it says of an earlier agreement", async () => {
    const id = await market.release({
      with: { UpdateInformation: { Name: "x", Description: "x", PreExistingAgreement: renewal } },
    });
    expect((await market.entity(id)).document.PreExistingAgreement).toEqual(renewal);
    const frozen = await later([
      change("UpdateInformation", { PreExistingAgreement: { ...renewal, PricingModel: "Usage" } }, id),
      change("UpdatePricingTerms", fixedPrice("1"), id),
      change("UpdatePaymentScheduleTerms", schedule(["2026-09-01", "1"]), id),
      change("UpdateTargeting", { PositiveTargeting: { BuyerAccounts: [buyer, "444455557777"] } }, id),
    ]);
    expect(frozen).toEqual([
      "UpdateInformation INVALID_UPDATE_REQUEST",
      "UpdatePricingTerms INVALID_UPDATE_REQUEST",
      "UpdatePaymentScheduleTerms INVALID_UPDATE_REQUEST",
      "UpdateTargeting INCOMPATIBLE_BUYER_ACCOUNTS",
    ]);
    const countries = { PositiveTargeting: { BuyerAccounts: [buyer], CountryCodes: ["US"] } };
    expect(await later([change("UpdateTargeting", countries, id)])).toEqual([]);
  });
  it("is extended, as long as at most one charge falls before its end, and withdrawn by a past date", async () => {
    const id = await market.release({
      with: { UpdatePaymentScheduleTerms: schedule(["2026-06-10", "1"], ["2026-07-20", "1"]) },
    });
    const until = (AvailabilityEndDate: string) => later([change("UpdateAvailability", { AvailabilityEndDate }, id)]);
    expect(await until("2026-07-31")).toEqual(["UpdateAvailability TOO_MANY_BACKDATED_CHARGES"]);
    expect(await until("2026-07-10")).toEqual([]);
    expect(await until("2026-05-01")).toEqual([]);
    await expect(market.controls.offer(`${id}/accept`)).rejects.toMatchObject({
      members: { Message: expect.stringContaining("expired") },
    });
  });
});
