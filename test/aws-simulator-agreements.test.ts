import {
  CancelAgreementCancellationRequestCommand,
  DescribeAgreementCommand,
  GetAgreementCancellationRequestCommand,
  GetAgreementTermsCommand,
  ListAgreementCancellationRequestsCommand,
  ListAgreementInvoiceLineItemsCommand,
  MarketplaceAgreementServiceException,
  SearchAgreementsCommand,
  SendAgreementCancellationRequestCommand,
} from "@aws-sdk/client-marketplace-agreement";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  buyer,
  creation,
  fixedPrice,
  type Market,
  mustFit,
  offerChanges,
  openMarket,
  product,
  schedule,
  seller,
} from "./aws-marketplace-rig.ts";
import { rawOf, signed } from "./aws-simulator-rig.ts";

const reseller = {
  accessKeyId: "SIMULATEDRESELLER001",
  secretAccessKey: "another-key-that-opens-nothing",
  account: "222233334444",
};
let market: Market;
beforeAll(async () => {
  market = await openMarket({ credentials: [simulatedCredential, reseller] });
  await market.controls.putDestination({ url: "http://hooks.example/aws", headerName: "x-key", headerValue: "k" });
});
afterAll(() => market.close());
beforeEach(() => {
  market.pause(5);
  market.received.length = 0;
});

const describeIt = (agreementId: string) => market.agreements.send(new DescribeAgreementCommand({ agreementId }));
const termsOf = async (agreementId: string) =>
  (await market.agreements.send(new GetAgreementTermsCommand({ agreementId }))).acceptedTerms ?? [];
const invoicesOf = async (agreementId: string, more: object = {}) => {
  const input = { agreementId, groupBy: "INVOICE_ID" as const, ...more };
  const answer = await market.agreements.send(new ListAgreementInvoiceLineItemsCommand(input));
  return answer.agreementInvoiceLineItemGroupSummaries ?? [];
};
const settle = () => market.controls.advance(1 / 1440);
const events = () => market.received.map(({ event }) => event);
const refusal = async (work: Promise<unknown>) => {
  try {
    await work;
  } catch (error) {
    if (error instanceof MarketplaceAgreementServiceException)
      return `${error.name} ${"reason" in error ? error.reason : ""}`.trim();
    throw error;
  }
  throw new Error("it was not refused");
};

describe("an agreement", () => {
  it("comes of an accepted offer at once, is told to both parties that we are, and is found by the offer", async () => {
    const offer = await market.release({ name: "Accepted" });
    market.received.length = 0;
    const id = await market.accept(offer);
    await settle();
    const created = events().filter((event) => event["detail-type"].startsWith("Purchase Agreement Created"));
    expect(created.map((event) => event["detail-type"]).toSorted()).toEqual([
      "Purchase Agreement Created - Manufacturer",
      "Purchase Agreement Created - Proposer",
    ]);
    expect(created[0]).toMatchObject({
      source: "aws.agreement-marketplace",
      account: seller,
      resources: [`arn:aws:aws-marketplace::aws:agreement:${id}`],
      detail: {
        catalog: "AWSMarketplace",
        agreement: { id, intent: "NEW", status: "ACTIVE", endTime: expect.stringMatching(/^2027-06-01T/) },
        acceptor: { accountId: buyer },
        proposer: { accountId: seller },
        offer: { id: offer },
        resaleAuthorization: { id: null },
      },
    });
    expect(await market.ofOffer(offer)).toMatchObject([
      {
        agreementId: id,
        status: "ACTIVE",
        acceptor: { accountId: buyer },
        proposalSummary: { offerId: offer, resources: [{ id: product, type: "SaaSProduct" }] },
        endTimeBehaviorType: "EXPIRE",
        endTimeBehaviorReasonCode: "NO_RENEWAL_TERM",
        initialAgreementId: id,
      },
    ]);
    expect(await describeIt(id)).toMatchObject({
      estimatedCharges: { currencyCode: "USD", agreementValue: "12000.00" },
      endTimeBehavior: { type: "EXPIRE", reasonCode: "NO_RENEWAL_TERM" },
    });
    await expect(market.controls.offer(`${offer}/accept`)).rejects.toMatchObject({
      members: { Message: expect.stringContaining("already been accepted") },
    });
  });

  it("holds the accepted terms: what was offered, what the buyer chose, instants for dates", async () => {
    const card = {
      Type: "ConfigurableUpfrontPricingTerm",
      CurrencyCode: "USD",
      RateCards: [
        {
          Selector: { Type: "Duration", Value: "P12M" },
          Constraints: { MultipleDimensionSelection: "Allowed", QuantityConfiguration: "Allowed" },
          RateCard: [
            { DimensionKey: "Seats", Price: "10.5" },
            { DimensionKey: "Admins", Price: "100" },
          ],
        },
      ],
    };
    const renewal = {
      Terms: [{ Type: "RenewalTerm", MaxRenewals: 1, PriceIncrease: { FixedPercentage: { Value: "5" } } }],
    };
    const net = { Terms: [{ Type: "NetPaymentTerm", PaymentDuePeriod: "P45D" }] };
    const offer = await market.release({
      name: "Chosen",
      with: {
        UpdatePricingTerms: { PricingModel: "Contract", Terms: [card] },
        UpdateValidityTerms: null,
        UpdateRenewalTerms: renewal,
        UpdateNetPaymentTerms: net,
      },
    });
    const id = await market.accept(offer, { autoRenews: true, quantities: { Seats: 20, Admins: 2 } });
    const terms = await termsOf(id);
    expect(terms).toContainEqual(
      expect.objectContaining({
        configurableUpfrontPricingTerm: expect.objectContaining({
          configuration: {
            selectorValue: "P12M",
            dimensions: [
              { dimensionKey: "Seats", dimensionValue: 20 },
              { dimensionKey: "Admins", dimensionValue: 2 },
            ],
          },
        }),
      }),
    );
    expect(terms).toContainEqual({
      renewalTerm: expect.objectContaining({ configuration: { enableAutoRenew: true }, maxRenewals: 1 }),
    });
    expect(await describeIt(id)).toMatchObject({
      estimatedCharges: { agreementValue: "410.00" },
      endTimeBehavior: { type: "RENEW", renewalSummary: { offerId: offer } },
    });
    const [invoice] = await (async () => {
      await settle();
      return invoicesOf(id);
    })();
    expect(invoice?.pricingCurrencyAmount).toMatchObject({ amount: "410.00", maxAdjustmentAmount: "410.00" });
    const raw = (await market.controls.ledger()).marketplace.invoices.find((row) => row.agreementId === id);
    expect(Date.parse(raw?.dueAt ?? "") - Date.parse(raw?.issuedAt ?? "")).toBeGreaterThan(44 * 86_400_000);
  });

  it("may begin later than it is accepted", async () => {
    const validity = {
      Terms: [{ Type: "ValidityTerm", AgreementStartDate: "2026-09-01", AgreementEndDate: "2027-08-31" }],
    };
    const offer = await market.release({ name: "Later", with: { UpdateValidityTerms: validity } });
    const id = await market.accept(offer);
    const later = await describeIt(id);
    expect(later).toMatchObject({ status: "ACTIVE", startTime: new Date("2026-09-01T00:00:00Z") });
    expect(later.endTime).toEqual(new Date("2027-08-31T23:59:59.999Z"));
    expect(await invoicesOf(id)).toEqual([]);
  });

  it("is replaced by the acceptance of a replacement offer, whose buyer is the agreement's", async () => {
    const offer = await market.release({ name: "Replaced" });
    const old = await market.accept(offer);
    const from = creation("CreateReplacementOffer", { AgreementId: old });
    const withEnd = { Terms: [{ Type: "ValidityTerm", AgreementEndDate: "2027-12-31" }] };
    const failed = await market.run(offerChanges({ from }));
    expect(failed.ChangeSet?.flatMap((row) => row.ErrorDetailList?.map(({ ErrorCode }) => ErrorCode) ?? [])).toEqual([
      "INCOMPATIBLE_TARGETING",
    ]);
    const open = await market.run(offerChanges({ from, with: { UpdateTargeting: null } }));
    expect(open.ChangeSet?.at(-1)?.ErrorDetailList).toMatchObject([{ ErrorCode: "MISSING_AGREEMENT_END_DATE" }]);
    const next = await market.release({ from, with: { UpdateTargeting: null, UpdateValidityTerms: withEnd } });
    market.received.length = 0;
    const id = await market.accept(next);
    await settle();
    expect((await describeIt(old)).status).toBe("REPLACED");
    expect(await describeIt(id)).toMatchObject({ status: "ACTIVE", initialAgreementId: old });
    expect(events().map((event) => [event["detail-type"], event.detail.agreement])).toEqual(
      expect.arrayContaining([
        ["Purchase Agreement Created - Proposer", expect.objectContaining({ id, intent: "REPLACE" })],
        ["Purchase Agreement Ended - Proposer", { id: old, status: "REPLACED" }],
      ]),
    );
  });
});

describe("SearchAgreements", () => {
  const search = (filters: Readonly<Record<string, string>>, more: object = {}) =>
    market.agreements.send(
      new SearchAgreementsCommand({
        catalog: "AWSMarketplace",
        filters: Object.entries(filters).map(([name, value]) => ({ name, values: [value] })),
        ...more,
      }),
    );
  const base = { PartyType: "Proposer", AgreementType: "PurchaseAgreement" };

  it("finds what was updated since, in pages, oldest first", async () => {
    const since = market.clock.now().toISOString();
    const ids: string[] = [];
    for (const name of ["one", "two", "three"]) {
      const id = await market.accept(
        await market.release({
          name: `Search ${name}`,
          with: { UpdateAvailability: { AvailabilityEndDate: "2026-12-31" } },
        }),
      );
      ids.push(id);
      market.pause(2);
    }
    const asked = { ...base, AfterLastUpdateTime: since };
    const sort = { sortBy: "LastUpdateTime", sortOrder: "ASCENDING" as const };
    const first = await search(asked, { sort, maxResults: 2 });
    const second = await search(asked, { sort, maxResults: 2, nextToken: first.nextToken });
    const found = [...(first.agreementViewSummaries ?? []), ...(second.agreementViewSummaries ?? [])];
    expect(found.map(({ agreementId }) => agreementId)).toEqual(ids);
    expect(second.nextToken).toBeUndefined();
    const { $metadata: _meta, ...raw } = await rawSearch(asked);
    mustFit("SearchAgreements", raw);
  });
  /** The answer as it goes over the wire, where instants are seconds. */
  const rawSearch = async (filters: Readonly<Record<string, string>>): Promise<JsonObject> => {
    market.pause(1);
    const body = JSON.stringify({
      catalog: "AWSMarketplace",
      filters: Object.entries(filters).map(([name, value]) => ({ name, values: [value] })),
    });
    const how = { service: "aws-marketplace", target: "AWSMPCommerceService_v20200301.SearchAgreements" };
    return (await rawOf(await fetch(signed(market.url, "SearchAgreements", body, how)))).body;
  };
  it.each([
    [{ AgreementType: "PurchaseAgreement" }, "ValidationException MISSING_PARTY_TYPE"],
    [{ PartyType: "Proposer" }, "ValidationException UNSUPPORTED_FILTERS"],
    [{ ...base, Status: "SLEEPING" }, "ValidationException INVALID_FILTER_VALUES"],
    [{ ...base, Colour: "red" }, "ValidationException INVALID_FILTER_NAME"],
    [
      { ...base, PartyType: "Acceptor", OfferId: "offer-1", ResourceIdentifier: "prod-1" },
      "ValidationException UNSUPPORTED_FILTERS",
    ],
    [{ ...base, PartyType: "Acceptor", AcceptorAccountId: buyer }, "ValidationException UNSUPPORTED_FILTERS"],
  ])("refuses %o", async (filters, reason) => {
    expect(await refusal(search(filters))).toBe(reason);
  });
  it("is refused when signed for another service", async () => {
    const how = { service: "partnercentral-selling", target: "AWSMPCommerceService_v20200301.SearchAgreements" };
    const raw = await rawOf(await fetch(signed(market.url, "SearchAgreements", "{}", how)));
    expect([raw.status, raw.body.__type]).toEqual([400, expect.stringContaining("InvalidSignatureException")]);
  });
  it("does not show an agreement to strangers", async () => {
    const id = await market.accept(
      await market.release({ name: "Strange", with: { UpdateAvailability: { AvailabilityEndDate: "2026-12-31" } } }),
    );
    const how = {
      ...reseller,
      secret: reseller.secretAccessKey,
      service: "aws-marketplace",
      target: "AWSMPCommerceService_v20200301.DescribeAgreement",
    };
    const raw = await rawOf(
      await fetch(signed(market.url, "DescribeAgreement", JSON.stringify({ agreementId: id }), how)),
    );
    expect(raw.body).toMatchObject({
      __type: expect.stringContaining("AccessDeniedException"),
      reason: "INVALID_ACCESS",
    });
  });
});

describe("a cancellation request", () => {
  const until = { UpdateAvailability: { AvailabilityEndDate: "2026-12-31" } };
  const send = (agreementId: string, more: object = {}) =>
    market.agreements.send(
      new SendAgreementCancellationRequestCommand({ agreementId, reasonCode: "PRODUCT_DISCONTINUED", ...more }),
    );
  it("waits for the buyer, approves itself after seven days, and then cancels the agreement", async () => {
    const id = await market.accept(await market.release({ name: "Cancelled", with: until }));
    const sent = await send(id, { clientToken: "once", description: "The product ends" });
    expect(sent).toMatchObject({ status: "PENDING_APPROVAL", agreementId: id });
    expect(
      (await send(id, { clientToken: "once", description: "The product ends" })).agreementCancellationRequestId,
    ).toBe(sent.agreementCancellationRequestId);
    market.pause(2);
    expect(await refusal(send(id, { clientToken: "twice" }))).toBe("ConflictException");
    await market.controls.advance(6.9);
    expect((await describeIt(id)).status).toBe("ACTIVE");
    await market.controls.advance(0.2);
    expect((await describeIt(id)).status).toBe("CANCELLED");
    const got = await market.agreements.send(
      new GetAgreementCancellationRequestCommand({
        agreementId: id,
        agreementCancellationRequestId: sent.agreementCancellationRequestId,
      }),
    );
    expect(got.status).toBe("APPROVED");
    const types = events().map((event) => event["detail-type"]);
    expect(types).toContain("Agreement Cancellation Request Pending Approval - Proposer");
    expect(types).toContain("Agreement Cancellation Request Approved - Proposer");
    expect(types).toContain("Purchase Agreement Ended - Manufacturer");
    expect(await refusal(send(id))).toBe("ValidationException INACTIVE_AGREEMENT");
  });
  it("can be withdrawn while it is pending, and be rejected by the buyer", async () => {
    const id = await market.accept(await market.release({ name: "Withdrawn", with: until }));
    const { agreementCancellationRequestId } = await send(id);
    const withdraw = () =>
      market.agreements.send(
        new CancelAgreementCancellationRequestCommand({
          agreementId: id,
          agreementCancellationRequestId,
          cancellationReason: "A mistake",
        }),
      );
    expect(await withdraw()).toMatchObject({ status: "CANCELLED", statusMessage: "A mistake" });
    expect(await refusal(withdraw())).toBe("ConflictException");
    market.pause(1);
    await send(id);
    await market.controls.agreement(`${id}/reject_cancellation`);
    const listed = await market.agreements.send(
      new ListAgreementCancellationRequestsCommand({ partyType: "Proposer", agreementId: id }),
    );
    expect(listed.items?.map(({ status }) => status)).toEqual(["CANCELLED", "REJECTED"]);
    expect((await describeIt(id)).status).toBe("ACTIVE");
  });
});

describe("a schedule", () => {
  it("that begins before the offer's end is billed from acceptance on, and adds up to the agreement's value", async () => {
    const start = market.clock.now().toISOString().slice(0, 10);
    const year = Number(start.slice(0, 4)) + 1;
    const offer = await market.release({
      name: "Scheduled",
      with: {
        UpdatePricingTerms: fixedPrice("0.00"),
        UpdatePaymentScheduleTerms: schedule(
          [start, "1000.10"],
          [`${year}-01-15`, "2000.20"],
          [`${year}-03-15`, "3000.30"],
        ),
        UpdateAvailability: { AvailabilityEndDate: `${year - 1}-12-31` },
      },
    });
    const id = await market.accept(offer);
    expect((await describeIt(id)).estimatedCharges?.agreementValue).toBe("6000.60");
    const term = (await termsOf(id)).find((item) => item.paymentScheduleTerm !== undefined)?.paymentScheduleTerm;
    expect(term?.schedule?.map(({ chargeDate }) => chargeDate?.toISOString())).toEqual([
      `${start}T00:00:00.000Z`,
      `${year}-01-15T00:00:00.000Z`,
      `${year}-03-15T00:00:00.000Z`,
    ]);
    await settle();
    expect((await invoicesOf(id)).map((row) => row.pricingCurrencyAmount?.amount)).toEqual(["1000.10"]);
    await market.controls.advance(330);
    const all = await invoicesOf(id);
    expect(all.map((row) => row.pricingCurrencyAmount?.amount)).toEqual(["1000.10", "2000.20", "3000.30"]);
    const january = await invoicesOf(id, { invoiceBillingPeriod: { month: 1, year } });
    expect(january.map((row) => row.pricingCurrencyAmount?.amount)).toEqual(["2000.20"]);
  });
});
