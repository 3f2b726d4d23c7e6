/** Change sets as AWS's published samples have them (github.com/aws-samples/aws-marketplace-reference-code, java/resources/changeSets), and writes planned of them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { publicationChanges } from "../adapters/aws/offers/changes.ts";
import { plusDays, plusMonths, wholeMonths } from "../adapters/aws/offers/dates.ts";
import { changeSetName, nextExtension, nextPublication, nextWithdrawal } from "../adapters/aws/offers/publication.ts";
import { changeSetFault, marketplaceFaultOf } from "../adapters/aws/offers/refusals.ts";
import { changeSetSchema } from "../adapters/aws/offers/wire.ts";
import type { Outcome } from "../adapters/contract.ts";
import type { OfferChange, OfferDraft } from "../src/domain/offer.ts";
import { offerDraft, type TermsOver } from "./offer-drafts.ts";

const changesOf = (terms: TermsOver = {}) => publicationChanges(offerDraft(terms));
const detailsOf = (terms: TermsOver, type: string) =>
  changesOf(terms).find(({ ChangeType }) => ChangeType === type)?.DetailsDocument;
const typesOf = (terms: TermsOver = {}) => changesOf(terms).map(({ ChangeType }) => ChangeType);
const usd = (amount: string) => ({ amount, currency: "USD" });
const self = "$CreateOfferChange.Entity.Identifier";
const on = (ChangeType: string, DetailsDocument: object, Type = "Offer@1.0", Identifier = self) => ({
  ChangeType,
  Entity: { Type, Identifier },
  DetailsDocument,
});

describe("a direct offer", () => {
  it("with a flexible payment schedule is AWS's sample CreatePrivateOfferWithContractPricingWithFlexiblePaymentScheduleForSaas", () => {
    const terms: TermsOver = {
      name: "Test private offer",
      description: "Test",
      product: "prod-1111111111111",
      buyer: { accounts: ["111111111111", "222222222222"] },
      price: {
        model: "flat",
        total: usd("370.00"),
        grants: [
          { dimension: "BasicService", quantity: 1 },
          { dimension: "PremiumService", quantity: 1 },
        ],
      },
      schedule: [
        { date: "2024-01-01", amount: usd("200.00") },
        { date: "2024-02-01", amount: usd("170.00") },
      ],
      term: { months: 12 },
      acceptBy: "2023-12-31",
      legal: { kind: "custom", url: "https://s3.amazonaws.com/sample-bucket/custom-eula.pdf" },
    };
    expect(changesOf(terms)).toEqual([
      {
        ChangeType: "CreateOffer",
        Entity: { Type: "Offer@1.0" },
        ChangeName: "CreateOfferChange",
        DetailsDocument: { ProductId: "prod-1111111111111" },
      },
      on("UpdateInformation", { Name: "Test private offer", Description: "Test [csl-7f3k2a9]" }),
      on("UpdateTargeting", { PositiveTargeting: { BuyerAccounts: ["111111111111", "222222222222"] } }),
      on("UpdatePricingTerms", {
        PricingModel: "Contract",
        Terms: [
          {
            Type: "FixedUpfrontPricingTerm",
            CurrencyCode: "USD",
            Price: "0.00",
            Grants: [
              { DimensionKey: "BasicService", MaxQuantity: 1 },
              { DimensionKey: "PremiumService", MaxQuantity: 1 },
            ],
          },
        ],
      }),
      on("UpdatePaymentScheduleTerms", {
        Terms: [
          {
            Type: "PaymentScheduleTerm",
            CurrencyCode: "USD",
            Schedule: [
              { ChargeDate: "2024-01-01", ChargeAmount: "200.00" },
              { ChargeDate: "2024-02-01", ChargeAmount: "170.00" },
            ],
          },
        ],
      }),
      on("UpdateValidityTerms", { Terms: [{ Type: "ValidityTerm", AgreementDuration: "P12M" }] }),
      on("UpdateLegalTerms", {
        Terms: [
          {
            Type: "LegalTerm",
            Documents: [{ Type: "CustomEula", Url: "https://s3.amazonaws.com/sample-bucket/custom-eula.pdf" }],
          },
        ],
      }),
      on("UpdateAvailability", { AvailabilityEndDate: "2023-12-31" }),
      on("ReleaseOffer", {}),
    ]);
  });

  it("of usage is AWS's sample CreatePrivateOfferWithSubscriptionPricingForSaas", () => {
    const rates = [
      { dimension: "WorkloadSmall", price: usd("0.13") },
      { dimension: "WorkloadMedium", price: usd("0.22") },
    ];
    expect(detailsOf({ price: { model: "usage", rates }, term: { months: 1 } }, "UpdatePricingTerms")).toEqual({
      PricingModel: "Usage",
      Terms: [
        {
          Type: "UsageBasedPricingTerm",
          CurrencyCode: "USD",
          RateCards: [
            {
              RateCard: [
                { DimensionKey: "WorkloadSmall", Price: "0.13" },
                { DimensionKey: "WorkloadMedium", Price: "0.22" },
              ],
            },
          ],
        },
      ],
    });
  });

  it("of units that the buyer chooses is AWS's tiered contract, which needs no validity term", () => {
    const terms: TermsOver = {
      price: {
        model: "per_unit",
        units: [{ dimension: "BasicService", price: usd("120.00") }],
        quantityIsBuyers: false,
      },
    };
    expect(detailsOf(terms, "UpdatePricingTerms")).toEqual({
      PricingModel: "Contract",
      Terms: [
        {
          Type: "ConfigurableUpfrontPricingTerm",
          CurrencyCode: "USD",
          RateCards: [
            {
              Selector: { Type: "Duration", Value: "P12M" },
              RateCard: [{ DimensionKey: "BasicService", Price: "120.00" }],
              Constraints: { MultipleDimensionSelection: "Disallowed", QuantityConfiguration: "Disallowed" },
            },
          ],
        },
      ],
    });
    expect(typesOf(terms)).not.toContain("UpdateValidityTerms");
    const dated = { ...terms, term: { start: "2026-11-01", end: "2027-10-31" } };
    expect(detailsOf(dated, "UpdateValidityTerms")).toEqual({
      Terms: [{ Type: "ValidityTerm", AgreementStartDate: "2026-11-01", AgreementEndDate: "2027-10-31" }],
    });
  });

  it("of units whose number is fixed is one price, and grants them", () => {
    const units = [{ dimension: "Seats", price: usd("99.999"), quantity: 3 }];
    expect(
      detailsOf({ price: { model: "per_unit", units, quantityIsBuyers: false } }, "UpdatePricingTerms"),
    ).toMatchObject({
      Terms: [
        { Type: "FixedUpfrontPricingTerm", Price: "299.997", Grants: [{ DimensionKey: "Seats", MaxQuantity: 3 }] },
      ],
    });
  });

  it("of a commitment is a fixed price with metered usage beside it", () => {
    const price = {
      model: "commitment",
      total: usd("50000"),
      rates: [{ dimension: "Calls", price: usd("0.0015") }],
    } as const;
    const terms = detailsOf(
      { price: { ...price, rates: [...price.rates] }, fields: { grants: [{ dimension: "Calls" }] } },
      "UpdatePricingTerms",
    );
    expect(terms).toMatchObject({
      PricingModel: "Contract",
      Terms: [
        { Type: "FixedUpfrontPricingTerm", Price: "50000.00", Grants: [{ DimensionKey: "Calls" }] },
        { Type: "UsageBasedPricingTerm", RateCards: [{ RateCard: [{ DimensionKey: "Calls", Price: "0.0015" }] }] },
      ],
    });
  });

  it("states an earlier contract, net payment, refunds and renewal by itself only where the terms do", () => {
    const plain = typesOf();
    for (const type of [
      "UpdateNetPaymentTerms",
      "UpdateSupportTerms",
      "UpdateRenewalTerms",
      "UpdatePaymentScheduleTerms",
    ])
      expect(plain).not.toContain(type);
    const full: TermsOver = {
      renewal: { kind: "pre_existing_external", attested: true },
      netDays: 60,
      fields: {
        previousPricingModel: "Usage",
        refundPolicy: "None",
        autoRenewal: {
          lockoutDays: 30,
          adjustmentDeadlineDays: 60,
          maxRenewals: 2,
          priceIncrease: { minPercent: "0", maxPercent: "7.5", defaultPercent: "5" },
          instalments: [{ after: "P1M", percent: "100", dayOfMonth: 1 }],
        },
      },
    };
    expect(detailsOf(full, "UpdateInformation")).toMatchObject({
      PreExistingAgreement: { AcquisitionChannel: "External", PricingModel: "Usage" },
    });
    expect(detailsOf({ ...full, renewal: { kind: "native", attested: true } }, "UpdateInformation")).toMatchObject({
      PreExistingAgreement: { AcquisitionChannel: "AwsMarketplace" },
    });
    expect(detailsOf(full, "UpdateNetPaymentTerms")).toEqual({
      Terms: [{ Type: "NetPaymentTerm", PaymentDuePeriod: "P60D" }],
    });
    expect(detailsOf(full, "UpdateSupportTerms")).toEqual({ Terms: [{ Type: "SupportTerm", RefundPolicy: "None" }] });
    expect(detailsOf(full, "UpdateRenewalTerms")).toEqual({
      Terms: [
        {
          Type: "RenewalTerm",
          LockoutPeriod: "P30D",
          AdjustmentDeadline: "P60D",
          MaxRenewals: 2,
          PriceIncrease: { PercentageRange: { MinValue: "0", MaxValue: "7.5", DefaultValue: "5" } },
          TermTemplates: [
            {
              PaymentScheduleTermTemplate: {
                Schedule: [{ ChargeDateOffset: "P1M", ChargePercentage: "100", DayOfMonth: 1 }],
              },
            },
          ],
        },
      ],
    });
    expect(changesOf(full).length).toBeLessThanOrEqual(20);
  });

  it("goes into a set that is there, or makes one and releases it last", () => {
    expect(detailsOf({ fields: { offerSet: { id: "offerset-1111111111111" } } }, "CreateOffer")).toMatchObject({
      OfferSetId: "offerset-1111111111111",
    });
    const made = changesOf({ fields: { offerSet: { name: "Suite", release: true } } });
    expect(made[0]).toMatchObject({ ChangeType: "CreateOfferSet", DetailsDocument: { Name: "Suite" } });
    expect(made[1]?.DetailsDocument).toMatchObject({ OfferSetId: "$CreateOfferSetChange.Entity.Identifier" });
    expect(made.at(-1)).toEqual(on("ReleaseOfferSet", {}, "OfferSet@1.0", "$CreateOfferSetChange.Entity.Identifier"));
  });
});

describe("other kinds of offer", () => {
  it("a replacement names its agreement, inherits its buyer and states its end: AWS's sample CreateReplacementPrivateOfferWithContractPricing", () => {
    const terms: TermsOver = {
      replaces: "agmt-1111111111111111111111111",
      term: { start: "2026-09-01", end: "2027-01-30" },
    };
    expect(changesOf(terms)[0]).toMatchObject({
      ChangeType: "CreateReplacementOffer",
      DetailsDocument: { AgreementId: "agmt-1111111111111111111111111" },
    });
    expect(typesOf(terms)).not.toContain("UpdateTargeting");
    expect(detailsOf(terms, "UpdateValidityTerms")).toEqual({
      Terms: [{ Type: "ValidityTerm", AgreementEndDate: "2027-01-30" }],
    });
  });

  it("a channel partner's offer has a markup instead of prices: AWS's sample PublishCppoPiceMarkupObject", () => {
    const terms: TermsOver = {
      legal: null,
      fields: { resaleAuthorization: "resaleauthz-1111111111111", markupPercent: "5.0" },
    };
    expect(typesOf(terms)).toEqual([
      "CreateOfferUsingResaleAuthorization",
      "UpdateInformation",
      "UpdateTargeting",
      "UpdateMarkup",
      "UpdateValidityTerms",
      "UpdateAvailability",
      "ReleaseOffer",
    ]);
    expect(detailsOf(terms, "CreateOfferUsingResaleAuthorization")).toEqual({
      ResaleAuthorizationId: "resaleauthz-1111111111111",
    });
    expect(detailsOf(terms, "UpdateMarkup")).toEqual({ Percentage: "5.0" });
    const replacing = { ...terms, replaces: "agmt-1", term: { start: "2026-09-01", end: "2027-01-30" } };
    expect(changesOf(replacing)[0]).toMatchObject({
      ChangeType: "CreateReplacementOfferUsingResaleAuthorization",
      DetailsDocument: { AgreementId: "agmt-1", ResaleAuthorizationId: "resaleauthz-1111111111111" },
    });
  });

  it("what is sold through a channel partner is a resale authorization: AWS's sample PublishOnetimeResaleAuthFlexiblePayment", () => {
    const terms: TermsOver = {
      channelPartner: { account: "111111111111" },
      renewal: { kind: "pre_existing_marketplace", attested: true },
      schedule: [
        { date: "2026-09-15", amount: usd("20000.00") },
        { date: "2026-12-01", amount: usd("100000.00") },
      ],
      fields: { offersMax: 2, resellerContractUrl: "https://example.com/contract.pdf" },
    };
    const changes = changesOf(terms);
    expect(new Set(changes.map(({ Entity }) => Entity.Type))).toEqual(new Set(["ResaleAuthorization@1.0"]));
    expect(typesOf(terms)).toEqual([
      "CreateResaleAuthorization",
      "UpdateInformation",
      "UpdatePricingTerms",
      "UpdatePaymentScheduleTerms",
      "UpdateLegalTerms",
      "UpdateBuyerTargetingTerms",
      "UpdateAvailability",
      "ReleaseResaleAuthorization",
    ]);
    expect(changes[0]?.DetailsDocument).toMatchObject({
      ResellerAccountId: "111111111111",
      ProductId: "prod-simulated0001",
    });
    expect(detailsOf(terms, "UpdatePricingTerms")).toMatchObject({
      Terms: [{ Type: "ResaleFixedUpfrontPricingTerm", Price: "0.00", Duration: "P12M" }],
    });
    expect(detailsOf(terms, "UpdatePaymentScheduleTerms")).toMatchObject({
      Terms: [{ Type: "ResalePaymentScheduleTerm" }],
    });
    expect(detailsOf(terms, "UpdateLegalTerms")).toMatchObject({
      Terms: [{ Type: "BuyerLegalTerm" }, { Type: "ResaleLegalTerm", Documents: [{ Type: "CustomResellerContract" }] }],
    });
    expect(detailsOf(terms, "UpdateAvailability")).toEqual({ AvailabilityEndDate: "2026-09-30", OffersMaxQuantity: 2 });
  });
});

describe("the writes", () => {
  const ended = (key: string, state: "running" | "done" | "failed"): Outcome => ({
    key,
    ref: { id: "cs-1" },
    version: null,
    task: { id: "cs-1", state },
  });
  const draft = offerDraft();
  it("publish once: then the change set is followed to its end, a failed one included", () => {
    const first = nextPublication(draft, []);
    expect(first).toMatchObject({ kind: "write", write: { key: "publish", token: "partner-keeps" } });
    expect(nextPublication(draft, [ended("publish", "running")])).toMatchObject({ kind: "poll" });
    expect(nextPublication(draft, [ended("publish", "failed")])).toMatchObject({ kind: "poll" });
    expect(nextPublication(draft, [ended("publish", "done")])).toEqual({ kind: "done" });
    expect(nextPublication(draft, [ended("extend:x", "done")])).toEqual(first);
  });
  it("carry a name of AWS's form that no other change of this or another offer has", () => {
    const marker = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
    const version = fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date("2099-01-01") })
      .map((at) => at.toISOString());
    const day = fc.integer({ min: 0, max: 20_000 }).map((days) => plusDays("2026-01-01", days));
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(marker, version, day), { minLength: 2, maxLength: 20 }), (changes) => {
        const names = changes.map(([mark, at, to]) => changeSetName("extend", mark, `${to} of ${at}`));
        for (const name of names) expect(name).toMatch(/^[\w\s+=.:@-]{1,100}$/);
        expect(new Set(names).size).toBe(new Set(changes.map((parts) => parts.join(" "))).size);
      }),
    );
  });
  it("move and withdraw under a key of the version they change, and stop where AWS has it already", () => {
    const observation = {
      ref: { id: "offer-1" },
      version: "2026-09-02T00:00:00Z",
      event: "published",
      marker: draft.marker,
      acceptBy: "2026-09-30",
      agreement: null,
      terms: {},
      acceptUrl: null,
      facts: {},
      body: "",
      seenAt: draft.now,
    } as const;
    const given: OfferChange = { draft, ref: observation.ref, observation };
    expect(nextExtension(given, "2026-09-30", [])).toEqual({ kind: "done" });
    expect(nextExtension(given, "2026-10-15", [])).toMatchObject({
      write: {
        key: "extend:2026-10-15:2026-09-02T00:00:00Z",
        body: { ChangeSet: [on("UpdateAvailability", { AvailabilityEndDate: "2026-10-15" }, "Offer@1.0", "offer-1")] },
      },
    });
    expect(nextWithdrawal(given, [])).toMatchObject({
      write: { body: { ChangeSet: [{ DetailsDocument: { AvailabilityEndDate: "2026-08-31" } }] } },
    });
    const authorization = { ...given, ref: { id: "resaleauthz-1" } };
    expect(nextWithdrawal(authorization, [])).toMatchObject({
      write: {
        body: { ChangeSet: [{ ChangeType: "RestrictResaleAuthorization", Entity: { Identifier: "resaleauthz-1" } }] },
      },
    });
    for (const event of ["withdrawn", "expired"] as const)
      expect(nextWithdrawal({ ...given, observation: { ...observation, event } }, [])).toEqual({ kind: "done" });
  });
  it("name the deal where the terms describe nothing, and always end with our mark", () => {
    const descriptionOf = (over: Partial<OfferDraft>) =>
      publicationChanges(offerDraft({ description: null }, over))[1]?.DetailsDocument.Description;
    expect(descriptionOf({})).toBe("salesforce 006A000001 [csl-7f3k2a9]");
    expect(descriptionOf({ deal: null })).toBe("[csl-7f3k2a9]");
  });
});

describe("refusals", () => {
  const asked = { operation: "StartChangeSet", kind: "write", now: new Date("2026-09-01T10:00:00Z") } as const;
  const answer = (status: number, type: string, body: object) => ({
    status,
    text: JSON.stringify(body),
    requestId: "r-1",
    retryAfterSeconds: null,
    errorType: type,
    date: null,
  });
  it.each([
    ["ResourceInUseException", 423, "throttled"],
    ["ThrottlingException", 429, "throttled"],
    ["ServiceQuotaExceededException", 402, "throttled"],
    ["InternalServiceException", 500, "ambiguous"],
    ["ResourceNotFoundException", 404, "rejected"],
    ["ValidationException", 422, "rejected"],
    ["AccessDeniedException", 403, "rejected"],
  ] as const)("%s of a change set is %s → %s", (type, status, kind) => {
    expect(marketplaceFaultOf(asked, answer(status, type, { Message: "No." })).kind).toBe(kind);
  });
  it("a held entity has a time to come back, and IAM's denial parks the connection", () => {
    expect(marketplaceFaultOf(asked, answer(423, "ResourceInUseException", { Message: "locked" }))).toMatchObject({
      retryAt: "2026-09-01T10:01:00.000Z",
    });
    const message = "User: arn:aws:iam::1:user/x is not authorized to perform: aws-marketplace:StartChangeSet";
    expect(marketplaceFaultOf(asked, answer(403, "AccessDeniedException", { Message: message })).kind).toBe("denied");
  });
  it("a record of somebody else is missing to us", () => {
    const read = { ...asked, operation: "DescribeAgreement", kind: "read" } as const;
    expect(marketplaceFaultOf(read, answer(400, "AccessDeniedException", { message: "No access" })).kind).toBe(
      "missing",
    );
    expect(marketplaceFaultOf(read, answer(400, "ResourceNotFoundException", { message: "None" })).kind).toBe(
      "missing",
    );
  });
  it("each field that is refused at once is ours, by its change and member", () => {
    const list = [
      { ChangeType: "UpdateInformation", Field: "Description", Message: "too long" },
      { ChangeType: "UpdateTargeting", Field: "PositiveTargeting.CountryCodes.0", Message: "unknown" },
      { ChangeType: "UpdateNetPaymentTerms", Field: "Terms.0.PaymentDuePeriod", Message: "unknown" },
      { Field: "ChangeSet", Message: "too long" },
    ];
    const fault = marketplaceFaultOf(
      asked,
      answer(422, "ValidationException", { Message: "4", ValidationExceptionFieldList: list }),
    );
    expect(fault.kind === "rejected" && fault.gaps.map(({ field }) => field)).toEqual([
      "description",
      "buyer.countries",
      "netDays",
      "aws",
    ]);
  });
  it("a failed change set tells each change, AWS's own failure passes, and a code that is not known is told in AWS's words", () => {
    const set = (over: object) =>
      changeSetFault(
        changeSetSchema.parse({
          ChangeSetId: "cs-1",
          Status: "FAILED",
          FailureCode: "CLIENT_ERROR",
          ChangeSet: [
            { ChangeType: "CreateOffer", Entity: { Type: "Offer@1.0", Identifier: "offer-1@1" } },
            {
              ChangeType: "UpdatePaymentScheduleTerms",
              Entity: { Type: "Offer@1.0" },
              ErrorDetailList: [
                { ErrorCode: "TOO_MANY_BACKDATED_CHARGES", ErrorMessage: "two" },
                { ErrorCode: "SOMETHING_NEW", ErrorMessage: "call jane@example.com" },
              ],
            },
          ],
          ...over,
        }),
      );
    const failed = set({});
    expect(failed).toMatchObject({
      kind: "rejected",
      gaps: [
        { field: "schedule", code: "conflicting" },
        { field: "schedule", code: "not_allowed" },
      ],
    });
    expect(failed.message).toContain(
      "CreateOffer not refused; UpdatePaymentScheduleTerms TOO_MANY_BACKDATED_CHARGES, SOMETHING_NEW",
    );
    expect(JSON.stringify(failed)).not.toContain("jane@");
    expect(set({ FailureCode: "SERVER_FAULT" }).kind).toBe("unavailable");
    expect(set({ Status: "CANCELLED" })).toMatchObject({ kind: "rejected", gaps: [] });
  });
});

describe("calendar dates", () => {
  const day = fc.integer({ min: 0, max: 40_000 }).map((days) => plusDays("2000-01-01", days));
  it("span whole months exactly when the end is the day before the start's namesake", () => {
    fc.assert(
      fc.property(day, fc.integer({ min: 1, max: 120 }), (start, months) => {
        const end = plusDays(plusMonths(start, months), -1);
        const counted = wholeMonths(start, end);
        expect(plusMonths(start, counted ?? 0)).toBe(plusMonths(start, months));
        expect(wholeMonths(start, plusDays(end, 1))).not.toBe(counted);
      }),
    );
  });
  it("know short months and leap years", () => {
    expect([plusMonths("2027-01-31", 1), plusMonths("2028-01-31", 1), plusDays("2028-02-28", 1)]).toEqual([
      "2027-02-28",
      "2028-02-29",
      "2028-02-29",
    ]);
    expect([wholeMonths("2026-11-01", "2027-10-31"), wholeMonths("2026-11-01", "2027-10-30")]).toEqual([12, null]);
  });
});
