import { describe, expect, it } from "vitest";
import { privateOfferSchema, privateOffersSchema } from "../adapters/gcp/wire-offers.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  custom,
  day,
  dollars,
  flat,
  goodOffer,
  metered,
  openMarketplace,
  price,
  producer,
  project,
  repriced,
  service,
} from "./gcp-marketplace-rig.ts";
import { codeOf, fieldsOf } from "./gcp-simulator-rig.ts";

describe("a draft", () => {
  const rig = openMarketplace();
  it("may be incomplete, gets its name from Google, and comes again from a repeated create", async () => {
    const made = [1, 2].map(() => rig.ok(rig.call("POST", `${producer}/privateOffers`, { internalNote: "cosell:x" })));
    const [first, second] = (await Promise.all(made)).map((body) => privateOfferSchema.parse(body));
    expect(first?.state).toBe("DRAFT");
    expect(first?.name).not.toBe(second?.name);
    expect((await rig.call("POST", `${producer}/privateOffers?privateOfferId=mine`, {})).status).toBe(400);
    expect((await rig.call("POST", `${producer}/privateOffers?requestId=1`, {})).status).toBe(400);
    const { privateOffers } = privateOffersSchema.parse(await rig.ok(rig.call("GET", `${producer}/privateOffers`)));
    expect(privateOffers?.filter(({ internalNote }) => internalNote === "cosell:x")).toHaveLength(2);
  });
  it("is refused for what no draft may say, each with its field", async () => {
    const refused = async (change: JsonObject) => fieldsOf(await rig.call("POST", `${producer}/privateOffers`, change));
    expect(await refused({ internalNote: "x".repeat(1501) })).toEqual(["private_offer.internal_note"]);
    expect(await refused({ customerNote: "x".repeat(121), title: "x".repeat(257) })).toEqual([
      "private_offer.title",
      "private_offer.customer_note",
    ]);
    expect(await refused({ customer: { targetBillingAccount: "0AC3E0-123456-ABCDEF", email: "pat" } })).toEqual([
      "private_offer.customer.target_billing_account",
      "private_offer.customer.email",
    ]);
    const fee = (money: JsonObject) =>
      price({ standardIntervalPrice: { priceModel: { flatFee: { flatFeeOverride: money } } } });
    const at = "private_offer.single_product_offer.standard_interval_price.price_model.flat_fee.flat_fee_override";
    expect(await refused(fee({ currencyCode: "EUR", units: "1" }))).toEqual([`${at}.currency_code`]);
    expect(await refused(fee({ currencyCode: "USD", nanos: 1_000_000 }))).toEqual([`${at}.nanos`]);
    expect(await refused(fee(dollars(-1)))).toEqual([at]);
    expect(await refused(fee(dollars(1_000_000_001)))).toEqual([at]);
    expect((await rig.call("POST", `${producer}/privateOffers`, fee(dollars(1_000_000_000)))).status).toBe(200);
    for (const value of [".3", "-1", "100.1", "12.345", "+12", ""])
      expect(
        await refused(
          price({ standardIntervalPrice: { priceModel: { usage: { defaultDiscountPercent: { value } } } } }),
        ),
      ).toHaveLength(1);
    expect(await refused({ offerDealType: "AMENDMENT" })).toEqual(["private_offer.offer_deal_type"]);
    expect(await refused({ term: { durationMonths: 12, scheduledEndTime: day(2027, 1, 1) } })).toEqual([
      "private_offer.term.scheduled_end_time",
    ]);
    expect(await refused({ privateOffer: {} })).toEqual(["private_offer"]);
  });
  it("ignores what only Google writes", async () => {
    const made = await rig.ok(
      rig.call("POST", `${producer}/privateOffers`, { state: "PUBLISHED", acceptTime: "2026-01-01T00:00:00Z" }),
    );
    expect([made.state, made.acceptTime]).toEqual(["DRAFT", undefined]);
  });
  it("is edited by mask, without one by what is sent, and as a whole by *", async () => {
    const id = await rig.draft();
    expect((await rig.patch(id, { title: "New", customerNote: "seen" }, "title")).body).toMatchObject({ title: "New" });
    expect((await rig.patch(id, {}, "customerNote")).body.customerNote).toBeUndefined();
    const partial = await rig.call("PATCH", rig.offerAt(id), { customer: { contact: "Sam" } });
    expect(partial.body.customer).toMatchObject({ contact: "Sam", entityTitle: "Example Foods Inc" });
    const swapped = await rig.patch(
      id,
      price(custom({ priceModel: flat(1) })),
      "singleProductOffer.customIntervalPrice",
    );
    expect(swapped.body.singleProductOffer.standardIntervalPrice).toBeUndefined();
    expect((await rig.patch(id, {}, "invented")).status).toBe(400);
    expect((await rig.patch(id, { title: "Only" }, "*")).body.customer).toBeUndefined();
  });
  it("is deleted with its documents when forced, and only as a draft", async () => {
    const id = await rig.draft();
    expect(codeOf(await rig.call("DELETE", rig.offerAt(id)))).toBe("FAILED_PRECONDITION");
    expect((await rig.call("DELETE", `${rig.offerAt(id)}?force=true`)).body).toEqual({});
    expect((await rig.call("GET", rig.offerAt(id))).status).toBe(404);
    const out = await rig.published();
    expect(codeOf(await rig.call("DELETE", `${rig.offerAt(out)}?force=true`))).toBe("FAILED_PRECONDITION");
  });
  it("takes a licence agreement: the standard one without content, a custom one as PDF, once each", async () => {
    const { name } = await rig.ok(rig.call("POST", `${producer}/privateOffers`, goodOffer()));
    const documents = `${rig.offerAt(name)}/documents`;
    const attach = (input: JsonObject) => rig.call("POST", documents, input);
    const standard = "STANDARD_END_USER_LICENSE_AGREEMENT_V2";
    const own = { documentType: "CUSTOM_END_USER_LICENSE_AGREEMENT", inlineContent: btoa("%PDF-1.7") };
    expect(fieldsOf(await attach({}))).toEqual(["private_offer_document.document_type"]);
    expect((await attach({ documentType: "STANDARD_END_USER_LICENSE_AGREEMENT_V1" })).status).toBe(400);
    expect((await attach({ documentType: standard, mimeType: "application/pdf" })).status).toBe(400);
    expect(fieldsOf(await attach(own))).toEqual(["private_offer_document.mime_type"]);
    const large = { ...own, mimeType: "application/pdf", inlineContent: "A".repeat(5_600_000) };
    expect(fieldsOf(await attach(large))).toEqual(["private_offer_document.inline_content"]);
    const made = await rig.ok(attach({ ...own, mimeType: "application/pdf" }));
    expect((await attach({ ...own, mimeType: "application/pdf" })).status).toBe(400);
    expect(made.name.startsWith(`${name}/documents/`)).toBe(true);
    expect((await rig.ok(rig.call("GET", documents))).privateOfferDocuments).toHaveLength(1);
    const at = `${documents}/${made.name.split("/").at(-1)}`;
    expect((await rig.call("DELETE", at)).status).toBe(200);
    expect((await rig.publish(name)).status).toBe(400);
    await rig.ok(attach({ documentType: standard }));
    expect((await rig.publish(name)).body.state).toBe("PUBLISHING");
    expect(codeOf(await attach(own))).toBe("FAILED_PRECONDITION");
  });
});

describe("publishing", () => {
  const rig = openMarketplace();
  const obstacles = async (body: JsonObject) => {
    const { name } = await rig.ok(rig.call("POST", `${producer}/privateOffers`, body));
    await rig.call("POST", `${rig.offerAt(name)}/documents`, {
      documentType: "STANDARD_END_USER_LICENSE_AGREEMENT_V2",
    });
    const answer = await rig.publish(name, { validateOnly: true });
    return answer.status === 200 ? [] : fieldsOf(answer).map((field) => field.replace("private_offer.", ""));
  };
  it("tries without effect first, and lists everything that is missing", async () => {
    const id = await rig.draft();
    expect((await rig.publish(id, { validateOnly: true })).body.state).toBe("DRAFT");
    expect((await rig.offer(id)).state).toBe("DRAFT");
    expect(await obstacles({})).toEqual([
      "title",
      "offer_deal_type",
      "partner_contact.contact",
      "customer.entity_title",
      "customer.contact",
      "customer.target_billing_account",
      "accept_deadline_time",
      "term.start_policy",
      "term.end_policy",
      "single_product_offer",
      "single_product_offer.base_standard_offer",
    ]);
    expect(fieldsOf(await rig.publish(id, { validateonly: true }))).toEqual([""]);
  });
  it.each<[string, JsonObject, readonly string[]]>([
    [
      "a deadline off the day's boundary",
      { acceptDeadlineTime: { ...day(2026, 7, 1), hours: 1 } },
      ["accept_deadline_time"],
    ],
    [
      "midnight elsewhere",
      { acceptDeadlineTime: { ...day(2026, 7, 1), timeZone: { id: "UTC" } } },
      ["accept_deadline_time"],
    ],
    ["a deadline in the past", { acceptDeadlineTime: day(2026, 6, 1) }, ["accept_deadline_time"]],
    ["a deadline after three months", { acceptDeadlineTime: day(2026, 9, 2) }, ["accept_deadline_time"]],
    ["an end that is not supported", { term: { endPolicy: "MATCH_AMENDED_OFFER" } }, ["term.end_policy"]],
    ["a start without a time", { term: { startPolicy: "SCHEDULED_START_TIME" } }, ["term.scheduled_start_time"]],
    [
      "more than seven years with renewals",
      { term: { durationMonths: 24, maxRenewalCount: 3 } },
      ["term.duration_months"],
    ],
    ["no multiple of the interval", { term: { durationMonths: 18 } }, ["term.duration_months"]],
    [
      "an account that does not exist",
      { customer: { targetBillingAccount: "billingAccounts/000000-000000-000000" } },
      ["customer.target_billing_account"],
    ],
    [
      "no such plan",
      price({ baseStandardOffer: `${service}/standardOffers/none` }),
      ["single_product_offer.base_standard_offer"],
    ],
    [
      "a plan that has expired",
      price({ baseStandardOffer: `${service}/standardOffers/legacy-p1y` }),
      ["single_product_offer.base_standard_offer"],
    ],
    [
      "postpay",
      price({ standardIntervalPrice: { standardInterval: "MONTHLY_POSTPAY" } }),
      ["single_product_offer.standard_interval_price.standard_interval"],
    ],
    [
      "a feature twice",
      price({ features: [{ displayName: "Seats" }, { displayName: "Seats" }] }),
      ["single_product_offer.features"],
    ],
    [
      "usage where the plan has none",
      price({
        baseStandardOffer: `${service}/standardOffers/team-p1m`,
        standardIntervalPrice: { priceModel: { usage: {} } },
      }),
      ["single_product_offer.standard_interval_price.price_model.usage"],
    ],
    [
      "a subscription where the plan has none",
      price({ baseStandardOffer: metered }),
      ["single_product_offer.standard_interval_price.price_model.flat_fee"],
    ],
    ["nobody's e-mail", { partnerContact: { email: "ada" } }, ["partner_contact.email"]],
  ])("refuses %s", async (_, change, fields) => {
    expect(await obstacles(goodOffer(change))).toEqual(fields);
  });
  it.each(["free_trial", "reseller_parent", "reseller_subaccount", "policy_breach"] as const)(
    "refuses a billing account that is %s",
    async (kind) => {
      const id = "billingAccounts/0AC3E0-123456-0000EE";
      await rig.controls.putBillingAccount({ id, kind });
      const to = goodOffer({ customer: { targetBillingAccount: id } });
      expect(await obstacles(to)).toEqual(["customer.target_billing_account"]);
      await rig.controls.putBillingAccount({ id });
      expect(await obstacles(to)).toEqual([]);
    },
  );
  it("wants a statement of work for services, in place of a licence agreement, and for nothing else", async () => {
    const services = `projects/${project}/locations/global/services/rollout.endpoints.${project}.cloud.goog`;
    const work = price({ baseStandardOffer: `${services}/standardOffers/rollout-p1m` });
    expect(await obstacles(goodOffer(work))).toEqual(["documents", "documents"]);
    const attached = async (change: JsonObject) => {
      const { name } = await rig.ok(rig.call("POST", `${producer}/privateOffers`, goodOffer(change)));
      const document = {
        documentType: "STATEMENT_OF_WORK",
        mimeType: "application/pdf",
        inlineContent: btoa("%PDF-1.7"),
      };
      await rig.ok(rig.call("POST", `${rig.offerAt(name)}/documents`, document));
      return (await rig.publish(name)).status;
    };
    expect([await attached(work), await attached({})]).toEqual([200, 400]);
  });
  it("refuses a start after a year, and an end after seven", async () => {
    const own = custom({ startTime: day(2027, 6, 1), priceModel: flat(1) });
    const from = (start: JsonObject, end: JsonObject) => {
      const { term: _usual, ...rest } = repriced(own);
      const term = { startPolicy: "SCHEDULED_START_TIME", scheduledStartTime: start };
      return { ...rest, term: { ...term, endPolicy: "SCHEDULED_END_TIME", scheduledEndTime: end } };
    };
    expect(await obstacles(from(day(2027, 6, 1), day(2034, 6, 1)))).toEqual([]);
    expect(await obstacles(from(day(2027, 6, 1), day(2034, 6, 2)))).toEqual(["term.scheduled_end_time"]);
    expect(await obstacles(from(day(2027, 6, 2), day(2034, 6, 1)))).toContain("term.scheduled_start_time");
    expect(await obstacles(from(day(2027, 6, 1), day(2027, 6, 1)))).toContain("term.scheduled_end_time");
  });
  it("takes the last deadline that is allowed, and an offset in place of a zone", async () => {
    expect(await obstacles(goodOffer({ acceptDeadlineTime: day(2026, 9, 1) }))).toEqual([]);
    const { timeZone: _zone, ...civil } = day(2026, 7, 1);
    expect(await obstacles({ ...goodOffer(), acceptDeadlineTime: { ...civil, utcOffset: "-25200s" } })).toEqual([]);
    expect(await obstacles({ ...goodOffer(), acceptDeadlineTime: civil })).toEqual(["accept_deadline_time"]);
  });
  it("checks installments: their order, their first start, their form, their sum of discounts", async () => {
    const at = "single_product_offer.custom_interval_price.installments";
    const rows = (...dates: readonly (JsonObject | null)[]) =>
      custom(...dates.map((startTime) => ({ ...(startTime === null ? {} : { startTime }), priceModel: flat(10) })));
    expect(await obstacles(repriced(rows(null, day(2026, 8, 1), day(2026, 9, 1))))).toEqual([]);
    expect(await obstacles(repriced(rows(day(2026, 7, 5))))).toEqual([`${at}[0].start_time`]);
    expect(await obstacles(repriced(rows(null, day(2026, 9, 1), day(2026, 8, 1))))).toEqual([`${at}[2].start_time`]);
    expect(await obstacles(repriced(rows(null, day(2027, 8, 1))))).toEqual([`${at}[1].start_time`]);
    expect(await obstacles(repriced(rows(null, day(2026, 6, 20))))).toEqual(["accept_deadline_time"]);
    expect(await obstacles(repriced(custom()))).toEqual([at]);
    const scheduled = { term: { startPolicy: "SCHEDULED_START_TIME", scheduledStartTime: day(2026, 7, 15) } };
    expect(await obstacles(repriced(rows(day(2026, 7, 15), day(2026, 8, 1)), scheduled))).toEqual([]);
    expect(await obstacles(repriced(rows(day(2026, 7, 16)), scheduled))).toEqual([`${at}[0].start_time`]);
    const mixed = custom({ priceModel: flat(1) }, { startTime: day(2026, 8, 1), priceModel: { usage: {} } });
    expect(await obstacles(repriced(mixed))).toContain(at);
    const renewing = repriced(rows(null), { term: { maxRenewalCount: 1 } });
    expect(await obstacles(renewing)).toEqual(["term.max_renewal_count"]);
  });
  it("takes commitments with one kind of discount, on metered plans", async () => {
    const commitment = (more: JsonObject, beside: JsonObject = {}) =>
      repriced({
        baseStandardOffer: metered,
        standardIntervalPrice: {
          standardInterval: "YEARLY_NOT_PRORATED",
          priceModel: { commitment: { commitmentAmount: dollars(50_000), ...more }, ...beside },
        },
      });
    const at = "single_product_offer.standard_interval_price.price_model.commitment";
    const ten = { discountPercent: { value: "10" } };
    expect(await obstacles(commitment(ten))).toEqual([]);
    expect(await obstacles(commitment({}))).toEqual([`${at}.discount_percent`]);
    expect(await obstacles(commitment({}, { usage: { defaultDiscountPercent: { value: "5" } } }))).toEqual([]);
    expect(await obstacles(commitment(ten, { usage: {} }))).toEqual([`${at}.discount_percent`]);
    expect(await obstacles(commitment({ ...ten, additionalCredit: dollars(1) }))).toEqual([`${at}.additional_credit`]);
  });
  it("takes some seconds, and then the offer waits for its buyer until the deadline", async () => {
    const id = await rig.draft();
    expect((await rig.publish(id)).body.state).toBe("PUBLISHING");
    expect(codeOf(await rig.publish(id))).toBe("FAILED_PRECONDITION");
    await rig.controls.advance(2 / 1440);
    const shown = privateOfferSchema.parse(await rig.offer(id));
    expect([shown.state, shown.singleProductOffer?.serviceLevel]).toEqual(["PUBLISHED", "enterprise"]);
    expect(shown.publishTime).toBeDefined();
    await rig.controls.advance(31);
    expect((await rig.offer(id)).state).toBe("EXPIRED");
  });
  it("waits for Google's review when a native renewal is large", async () => {
    const large = goodOffer({
      offerDealType: "NATIVE_RENEWAL",
      ...price({ standardIntervalPrice: { priceModel: flat(10_000_001) } }),
      acceptDeadlineTime: day(2026, 8, 1),
    });
    const id = await rig.draft(large);
    expect((await rig.publish(id)).body.publishRequirementGoogleReview).toEqual({});
    await rig.controls.advance(5);
    expect((await rig.offer(id)).state).toBe("PUBLISHING");
    await rig.controls.reviewOffer(id);
    expect(await rig.offer(id)).toMatchObject({
      state: "PUBLISHED",
      publishRequirementGoogleReview: { reviewApproveTime: expect.any(String) },
    });
  });
});

describe("a published offer", () => {
  const rig = openMarketplace();
  it("can only have its deadline extended, within three months from its publication", async () => {
    const id = await rig.published();
    expect(codeOf(await rig.patch(id, { title: "Other" }, "title"))).toBe("FAILED_PRECONDITION");
    const to = (at: JsonObject) => rig.patch(id, { acceptDeadlineTime: at }, "acceptDeadlineTime");
    expect((await to(day(2026, 9, 2))).status).toBe(400);
    expect((await to(day(2026, 6, 25))).status).toBe(400);
    expect((await to(day(2026, 8, 15))).body.acceptDeadlineTime).toMatchObject({ month: 8, day: 15 });
    await rig.controls.advance(31);
    expect((await rig.offer(id)).state).toBe("PUBLISHED");
    await rig.controls.advance(45);
    expect((await rig.offer(id)).state).toBe("EXPIRED");
    expect(codeOf(await to(day(2026, 8, 30)))).toBe("FAILED_PRECONDITION");
  });
  it("is cancelled with a note until it is accepted", async () => {
    const world = openMarketplace();
    const id = await world.published();
    const cancel = (of: string) => world.call("POST", `${world.offerAt(of)}:cancel`, { cancellationNote: "deal lost" });
    expect((await cancel(id)).body).toMatchObject({ state: "CANCELLED", cancellationNote: "deal lost" });
    expect(codeOf(await cancel(id))).toBe("FAILED_PRECONDITION");
    expect(codeOf(await cancel(await world.draft()))).toBe("FAILED_PRECONDITION");
    const { offer } = await world.running();
    expect(codeOf(await cancel(offer))).toBe("FAILED_PRECONDITION");
  });
  it.each<[string, JsonObject, string, string]>([
    ["NEW below a million", {}, "120000", "97"],
    ["NEW from a million", { ...price({ standardIntervalPrice: { priceModel: flat(1_000_000) } }) }, "1000000", "98"],
    [
      "NEW from ten millions",
      { ...price({ standardIntervalPrice: { priceModel: flat(10_000_000) } }) },
      "10000000",
      "98.5",
    ],
    ["a native renewal", { offerDealType: "NATIVE_RENEWAL" }, "120000", "98.5"],
    ["a channel shift", { offerDealType: "CHANNEL_SHIFT" }, "120000", "98.5"],
    ["a migration", { offerDealType: "MIGRATION" }, "120000", "98.5"],
  ])("tells its value and the vendor's share: %s", async (_, change, units, percent) => {
    const world = openMarketplace();
    const id = await world.published({ ...change, term: { maxRenewalCount: 1 } });
    expect((await world.offer(id)).singleProductOffer).toMatchObject({
      contractValue: { totalContractValue: { currencyCode: "USD", units } },
      revenueShare: {
        currentTermVendorNetRevenuePercent: { value: percent },
        renewalTermVendorNetRevenuePercent: { value: "98.5" },
      },
    });
  });
  it("counts in its value what is owed beside Google's bill", async () => {
    const additional = {
      additionalContractValue: { contractValue: dollars(900_000), eligibleSkus: [`${service}/skus/C0DE-1002-0E4A`] },
    };
    const world = openMarketplace();
    const id = await world.published(price(additional));
    expect((await world.offer(id)).singleProductOffer).toMatchObject({
      contractValue: { totalContractValue: { units: "1020000" } },
      revenueShare: { currentTermVendorNetRevenuePercent: { value: "98" } },
    });
  });
});
