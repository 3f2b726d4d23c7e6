/** Every kind of private offer, taken by the simulated AWS Marketplace as the adapter writes it; and its tie to the co-sold deal. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import type { Outcome } from "../adapters/contract.ts";
import type { RemoteRef, ShareDraft } from "../src/domain/deal.ts";
import { type Market, openMarket } from "./aws-marketplace-rig.ts";
import { got, openDoors } from "./aws-offer-rig.ts";
import { draftWith } from "./drafts.ts";
import { offerDraft, type TermsOver } from "./offer-drafts.ts";

const { account } = simulatedCredential;
const usd = (amount: string) => ({ amount, currency: "USD" });
const reseller = "777788889999";
let market: Market;
let doors: ReturnType<typeof openDoors>;
let count = 0;
beforeAll(async () => {
  market = await openMarket({ start: new Date("2026-09-01T10:00:00.000Z") });
  doors = openDoors(market);
});
afterAll(() => market.close());

/** Publishes terms that our own rules pass. */
const published = async (terms: TermsOver): Promise<RemoteRef> => {
  count += 1;
  const draft = offerDraft(terms, { marker: `kind-${count}` });
  expect(doors.offers.gaps(draft)).toEqual([]);
  return doors.publish(draft);
};
const documentOf = async (ref: RemoteRef) => (await market.entity(ref.id)).document;

describe("AWS Marketplace takes", () => {
  const price: TermsOver["price"] = { model: "usage", rates: [{ dimension: "Calls", price: usd("0.0015") }] };
  const kinds: readonly (readonly [string, TermsOver, object])[] = [
    ["usage", { price }, { price }],
    [
      "a contract whose units the buyer chooses, from a future day on",
      {
        price: { model: "per_unit", units: [{ dimension: "Seats", price: usd("99.999") }] },
        term: { start: "2026-11-01", end: "2027-10-31" },
      },
      { price: { model: "per_unit", quantityIsBuyers: true }, term: { start: "2026-11-01", end: "2027-10-31" } },
    ],
    [
      "a commitment with metered usage beside it",
      {
        price: { model: "commitment", total: usd("50000.00"), rates: [{ dimension: "Calls", price: usd("0.0015") }] },
        fields: { grants: [{ dimension: "Calls", quantity: 1 }] },
      },
      { price: { model: "commitment", total: usd("50000.00") } },
    ],
    [
      "a renewal of what was bought elsewhere, that renews by itself at a price to be set",
      {
        renewal: { kind: "pre_existing_external", attested: true },
        fields: {
          refundPolicy: "No refunds.",
          autoRenewal: {
            lockoutDays: 30,
            adjustmentDeadlineDays: 60,
            priceIncrease: { minPercent: "0", maxPercent: "7", defaultPercent: "5" },
            instalments: [
              { after: "P1M", percent: "50" },
              { after: "P6M", percent: "50", dayOfMonth: 1 },
            ],
          },
        },
      },
      { renewal: { kind: "pre_existing_external" }, fields: { refundPolicy: "No refunds." } },
    ],
    [
      "a licence of the seller's own, net terms and another currency",
      {
        price: {
          model: "flat",
          total: { amount: "900000", currency: "JPY" },
          grants: [{ dimension: "Seats", quantity: 1 }],
        },
        legal: { kind: "custom", url: "https://example.com/licence.pdf" },
        netDays: 120,
        buyer: { accounts: ["444455556666"], countries: ["JP"] },
      },
      { legal: { kind: "custom" }, netDays: 120, buyer: { countries: ["JP"] } },
    ],
  ];
  it.each(kinds)("%s, and shows the terms as they were sent", async (_name, terms, seen) => {
    const ref = await published(terms);
    expect((await doors.look(ref)).terms).toMatchObject(seen);
  });

  it("an offer set: made with its first offer, released with its last", async () => {
    const first = await published({ fields: { offerSet: { name: "Suite" } } });
    const setId = String((await documentOf(first)).OfferSetId);
    const last = await published({
      product: "prod-simulated0002",
      fields: { offerSet: { id: setId, release: true } },
    });
    expect(await documentOf({ id: setId })).toMatchObject({
      State: "Released",
      Offers: [{ OfferId: first.id }, { OfferId: last.id }],
    });
    expect((await doors.look(last)).facts.offerSet).toBe(setId);
  });

  it("a replacement of an agreement, whose heir is found by its line", async () => {
    const first = await published({});
    const before = await market.accept(first.id);
    const ref = await published({
      replaces: before,
      buyer: {},
      term: { start: "2026-09-02", end: "2028-08-31" },
      price: { model: "flat", total: usd("200000.00"), grants: [{ dimension: "Seats", quantity: 200 }] },
    });
    const after = await market.accept(ref.id);
    const heir = got(await doors.agreements.look({ id: after }));
    expect(heir).toMatchObject({
      event: "activated",
      offer: ref.id,
      previous: { ref: { id: before }, how: "replaces" },
    });
    expect(got(await doors.agreements.look({ id: before })).event).toBe("renewed");
  });

  it("an agreement that starts in the future: accepted, and not in force yet", async () => {
    const ref = await published({ term: { start: "2026-11-01", end: "2027-10-31" } });
    const id = await market.accept(ref.id);
    expect(got(await doors.agreements.look({ id }))).toMatchObject({
      event: "accepted",
      startsAt: "2026-11-01T00:00:00.000Z",
    });
  });

  it("a resale authorization, that is moved, restricted, and counts its offers", async () => {
    const draft = offerDraft(
      {
        channelPartner: { account: reseller },
        buyer: { accounts: ["444455556666"] },
        renewal: { kind: "native", attested: true },
        schedule: [
          { date: "2026-09-15", amount: usd("20000.00") },
          { date: "2027-01-15", amount: usd("100000.00") },
        ],
        fields: { offersMax: 2, resellerContractUrl: "https://example.com/contract.pdf" },
      },
      { marker: "resale-1" },
    );
    expect(doors.offers.gaps(draft)).toEqual([]);
    const ref = await doors.publish(draft);
    expect(ref.arn).toContain(`:${account}:AWSMarketplace/ResaleAuthorization/resaleauthz-`);
    const seen = await doors.look(ref);
    expect(seen).toMatchObject({
      event: "published",
      marker: "resale-1",
      acceptBy: "2026-09-30",
      terms: { channelPartner: { account: reseller }, product: "prod-simulated0001" },
      facts: { offersMade: 0 },
    });
    const change = async (next: ReturnType<typeof doors.offers.publication> | undefined): Promise<Outcome> => {
      if (next?.kind !== "write") throw new Error("no write");
      return doors.follow(got(await doors.offers.run(next.write, next.write.key)));
    };
    await change(doors.offers.extension?.({ draft, ref, observation: seen }, "2026-10-31", []));
    const moved = await doors.look(ref);
    expect(moved.acceptBy).toBe("2026-10-31");
    await market.controls.sell(`${ref.id}/sell`);
    expect((await doors.look(ref)).facts.offersMade).toBe(1);
    await change(doors.offers.withdrawal?.({ draft, ref, observation: await doors.look(ref) }, []));
    expect((await doors.look(ref)).event).toBe("withdrawn");
  });

  it("a channel partner's offer under somebody's authorization, with a markup instead of prices", async () => {
    const { id } = z.looseObject({ id: z.string() }).parse(await market.controls.grant({ price: "1000.00" }));
    const ref = await published({ legal: null, fields: { resaleAuthorization: id, markupPercent: "12.50" } });
    const seen = await doors.look(ref);
    expect(seen).toMatchObject({ event: "published", facts: { resaleAuthorization: id, markupPercent: "12.50" } });
  });
});

describe("word of a change set", () => {
  it("is read as the offer that it made", async () => {
    const draft = offerDraft({}, { marker: "by-set" });
    const next = doors.offers.publication(draft, []);
    if (next.kind !== "write") throw new Error("no write");
    const begun = got(await doors.offers.run(next.write, "by-set"));
    expect(await doors.offers.look(begun.ref)).toMatchObject({ ok: false, fault: { kind: "missing" } });
    const done = await doors.follow(begun);
    expect(await doors.look({ id: begun.task?.id ?? "" })).toMatchObject({
      ref: { id: done.ref.id },
      marker: "by-set",
    });
  });
});

describe("the offer of a co-sold deal", () => {
  it("is tied to the opportunity by its ARN once, where AWS takes it, and a second one is not", async () => {
    const ref = await published({});
    const opportunity = await market.create();
    const share = (offer: ShareDraft["offer"]): ShareDraft => ({
      ...draftWith({}),
      ...(offer === undefined ? {} : { offer }),
    });
    const lookAt = async () => got(await doors.coSell.look({ id: opportunity }));
    const next = async (offer: ShareDraft["offer"]) =>
      doors.coSell.addition?.(share(offer), await lookAt(), new Set()) ?? null;
    expect([await next(undefined), await next(null)]).toEqual([null, null]);
    const write = await next({ id: ref.id });
    expect(write).toMatchObject({
      operation: "AssociateOpportunity",
      body: { RelatedEntityType: "AwsMarketplaceOffers", RelatedEntityIdentifier: ref.arn },
    });
    if (write === null) throw new Error("no write");
    got(await doors.coSell.run(write, "associate"));
    expect(got(await doors.coSell.locate(write, "associate"))).toMatchObject({ ref: { id: opportunity } });
    const second = await published({});
    expect([await next({ id: ref.id }), await next(second), await next({ id: "resaleauthz-1" })]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
