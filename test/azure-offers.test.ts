/** Private offers at the simulated Microsoft, through the adapter's doors alone. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Outcome, Write } from "../adapters/contract.ts";
import type { RemoteRef } from "../src/domain/deal.ts";
import type { OfferDraft, OfferObservation, OfferTermsInput } from "../src/domain/offer.ts";
import { azureDraft, got, type MarketDoors, openMarketDoors } from "./azure-market-doors.ts";
import { ids, type MarketplaceRig, openMarketplaceRig } from "./azure-marketplace-rig.ts";

describe("private offers at Microsoft", () => {
  let rig: MarketplaceRig;
  let doors: MarketDoors;
  let count = 0;
  const draftOf = (terms: Partial<OfferTermsInput> = {}, over: Partial<OfferDraft> = {}): OfferDraft => {
    count += 1;
    const now = rig.clock.now();
    const marker = `cosell-00112233445566778899-${count}`;
    return azureDraft(terms, { marker, now, today: now.toISOString().slice(0, 10), ...over });
  };
  beforeAll(() => {
    rig = openMarketplaceRig();
    doors = openMarketDoors(rig);
  });

  const writeOf = (draft: OfferDraft): Write => {
    const next = doors.offers.publication(draft, []);
    if (next.kind !== "write") throw new Error("no write");
    return next.write;
  };
  /** Follows a job as the engine does: a poll, a minute, a poll. */
  const follow = async (outcome: Outcome): Promise<Outcome> => {
    let at = outcome;
    for (let poll = 0; poll < 10 && at.task?.state === "running"; poll++) {
      await rig.settle(61);
      at = got(await doors.offers.poll(at));
    }
    return at;
  };
  const publish = async (draft: OfferDraft): Promise<RemoteRef> => {
    const done = await follow(got(await doors.offers.run(writeOf(draft), "t")));
    expect(done.task).toMatchObject({ state: "done", made: done.ref });
    expect(doors.offers.publication(draft, [done])).toEqual({ kind: "done" });
    return done.ref;
  };
  const look = async (ref: RemoteRef): Promise<OfferObservation> => got(await doors.offers.look(ref));
  /** States of the offers at Microsoft that carry a mark. */
  const held = async (marker: string): Promise<readonly string[]> =>
    (await rig.controls.ledger()).offers
      .filter(({ document }) => String(document.name).includes(`[${marker}]`))
      .map(({ state }) => state);

  it("publishes with one job, prices before the offer, and reads back what was sent, with our mark", async () => {
    const draft = draftOf();
    expect(doors.offers.gaps(draft)).toEqual([]);
    doors.calls.length = 0;
    const ref = await publish(draft);
    expect(ref).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), arn: `private-offer/${ref.id}` });
    expect(doors.calls.filter((call) => call.startsWith("POST"))).toEqual(["POST /configure"]);
    const seen = await look(ref);
    expect(seen).toMatchObject({
      ref,
      event: "published",
      marker: draft.marker,
      acceptBy: "2026-07-31",
      agreement: null,
      terms: {
        name: draft.terms.name,
        buyer: { accounts: draft.terms.buyer.accounts },
        product: ids.product,
        plan: ids.standard,
      },
    });
  });

  it("sends amounts digit by digit, never as a float's, and charges in equal parts", async () => {
    const draft = draftOf({
      price: {
        model: "flat",
        total: { amount: "123456.84", currency: "USD" },
        grants: [{ dimension: "reports", quantity: 10 }],
      },
      schedule: ["2026-07-01", "2026-10-01", "2027-01-01", "2027-04-01"].map((date) => ({
        date,
        amount: { amount: "30864.21", currency: "USD" },
      })),
    });
    expect(doors.offers.gaps(draft)).toEqual([]);
    await publish(draft);
    const [price] = (await rig.controls.ledger()).jobs.toReversed().flatMap(({ request }) => request.resources);
    expect(price).toMatchObject({
      pricing: {
        recurrentPrice: {
          prices: [
            {
              billingTerm: { type: "year", value: 1 },
              paymentOption: { type: "month", value: 3 },
              pricePerPaymentInUsd: 30864.21,
            },
          ],
        },
        customMeters: { meters: { reports: { includedQuantities: [{ quantity: 10, isInfinite: false }] } } },
      },
    });
  });

  it.each<[string, Partial<OfferTermsInput>]>([
    [
      "a discount on a plan, and on another product's",
      {
        price: { model: "usage", discountPercent: "12.5" },
        fields: { also: [{ product: "product/5ca1ab1e-0000-4000-8000-000000000002", discountPercent: "5" }] },
      },
    ],
    [
      "a price per user with seats",
      {
        plan: "per-seat",
        price: { model: "per_unit", units: [{ dimension: "user", price: { amount: "180.00", currency: "USD" } }] },
        fields: { seats: { min: 10, max: 500 }, paymentMonths: 1 },
      },
    ],
    [
      "usage by meters",
      { price: { model: "usage", rates: [{ dimension: "reports", price: { amount: "0.0125", currency: "USD" } }] } },
    ],
    ["a plan made for the buyer", { fields: { newPlan: { name: "Foods special", description: "For Example Foods" } } }],
    [
      "dates and terms of our own",
      {
        term: { start: "2026-08-01", end: "2027-07-31" },
        legal: { kind: "custom", url: "https://example.invalid/terms.pdf?sig=x" },
      },
    ],
    [
      "a selling partner between",
      {
        price: { model: "usage", discountPercent: "20" },
        channelPartner: { account: "12345678", name: "Reseller" },
        fields: { partnerLocation: "United States" },
        legal: { kind: "custom", url: "https://example.invalid/own%20terms.pdf?sig=x" },
      },
    ],
    [
      "a reseller's margin for one of its customers",
      {
        buyer: { accounts: ["5ca1ab1e-0000-4000-8000-00000000c001"] },
        channelPartner: {
          account: "5ca1ab1e-0000-4000-8000-00000000c5b0",
          name: "Cloud reseller",
          discountPercent: "15",
        },
        term: { start: "2026-09-01", end: "2027-08-31" },
      },
    ],
  ])("publishes %s, and finds it as it was made", async (_, terms) => {
    const draft = draftOf(terms);
    expect(doors.offers.gaps(draft)).toEqual([]);
    const seen = await look(await publish(draft));
    const { name, acceptBy, buyer, channelPartner } = draft.terms;
    expect(seen).toMatchObject({
      event: "published",
      marker: draft.marker,
      terms: { name, buyer: { accounts: buyer.accounts } },
    });
    expect(seen.acceptBy).toBe(seen.facts.privateOfferType === "cspPromotion" ? null : acceptBy);
    if (channelPartner) expect(seen.terms.channelPartner).toMatchObject({ account: channelPartner.account });
    if (draft.terms.price.model === "usage" && draft.terms.price.discountPercent)
      expect(seen.terms.price).toMatchObject({ discountPercent: draft.terms.price.discountPercent });
  });

  it("makes one offer whatever answer is lost: it is searched for by its mark, which nothing else carries", async () => {
    const draft = draftOf();
    const write = writeOf(draft);
    doors.loseAnswers(1);
    expect(await doors.offers.run(write, "t")).toMatchObject({ ok: false, fault: { kind: "ambiguous" } });
    expect(got(await doors.offers.locate(write, "t"))).toBeNull();
    await rig.settle(600);
    const found = got(await doors.offers.locate(write, "t"));
    if (found === null) throw new Error("not found");
    expect(doors.offers.publication(draft, [found])).toEqual({ kind: "done" });
    expect(await look(found.ref)).toMatchObject({ event: "published", marker: draft.marker });
    expect(await held(draft.marker)).toEqual(["live"]);
    const other = draftOf({}, { marker: `${draft.marker}0` });
    expect(got(await doors.offers.locate(writeOf(other), "t"))).toBeNull();
    expect(got(await doors.offers.locate(write, "t", { taken: [found.ref.id], known: [] }))).toBeNull();
  });

  it("asks about a job once a minute, and tells when the next time is", async () => {
    const begun = got(await doors.offers.run(writeOf(draftOf()), "t"));
    doors.calls.length = 0;
    const early = await doors.offers.poll(begun);
    const at = new Date(rig.clock.now().getTime() + 60_000).toISOString();
    expect(early).toMatchObject({ ok: false, fault: { kind: "throttled", retryAt: at } });
    expect(doors.calls).toEqual([]);
    // Another process knows nothing of it: Microsoft itself says to wait.
    const elsewhere = openMarketDoors(rig);
    got(await elsewhere.offers.poll(begun));
    const anew = openMarketDoors(rig);
    expect(await anew.offers.poll(begun)).toMatchObject({ ok: false, fault: { kind: "throttled" } });
    expect((await follow(begun)).task?.state).toBe("done");
  });

  it("tells which field a failed job is about, and tries again under the same key", async () => {
    const draft = draftOf({ plan: "plan/5ca1ab1e-0000-4000-8000-000000000001/5ca1ab1e-0000-4000-8000-0000000000ff" });
    const failed = await follow(got(await doors.offers.run(writeOf(draft), "t")));
    expect(failed.task).toMatchObject({
      state: "failed",
      fault: { kind: "rejected", gaps: [{ field: "plan", message: expect.stringContaining("could not be found") }] },
    });
    expect(doors.offers.publication(draft, [failed])).toEqual({ kind: "poll", outcome: failed });
    expect(await held(draft.marker)).toEqual([]);
    const mended = azureDraft({}, { ...draft, terms: { ...draft.terms, plan: "standard" } });
    expect(writeOf(mended).key).toBe(writeOf(draft).key);
    await publish(mended);
    expect(await held(draft.marker)).toEqual(["live"]);
  });

  it("takes a live offer back, deletes a draft, and is refused once it is accepted", async () => {
    const draft = draftOf();
    const ref = await publish(draft);
    const observation = await look(ref);
    const next = doors.offers.withdrawal?.({ draft, ref, observation }, []);
    if (next?.kind !== "write") throw new Error("no write");
    doors.loseAnswers(1);
    expect((await doors.offers.run(next.write, "t")).ok).toBe(false);
    expect(got(await doors.offers.locate(next.write, "t"))).toBeNull();
    await rig.settle(600);
    const done = got(await doors.offers.locate(next.write, "t"));
    if (done === null) throw new Error("not found");
    expect(doors.offers.withdrawal?.({ draft, ref, observation }, [done])).toEqual({ kind: "done" });
    const after = await look(ref);
    expect(after.event).toBe("withdrawn");
    expect(doors.offers.withdrawal?.({ draft, ref, observation: after }, [])).toEqual({ kind: "done" });

    const accepted = await publish(draftOf());
    await rig.controls.onOffer(`${accepted.arn}/accept`);
    const late = doors.offers.withdrawal?.({ draft, ref: accepted, observation: await look(accepted) }, []);
    if (late?.kind !== "write") throw new Error("no write");
    const refused = await follow(got(await doors.offers.run(late.write, "t")));
    expect(refused.task).toMatchObject({
      state: "failed",
      fault: { message: expect.stringContaining("accepted cannot be withdrawn") },
    });

    const theirs = {
      ...observation,
      body: JSON.stringify({ ...JSON.parse(observation.body), state: "draft" }),
      event: null,
    };
    expect(doors.offers.withdrawal?.({ draft, ref, observation: theirs }, [])).toMatchObject({
      write: { body: { state: "deleted", request: { resources: [{ id: ref.arn, state: "deleted" }] } } },
    });
  });

  it("infers an acceptance from the subscription whose private plan names the offer, and says from what", async () => {
    const ref = await publish(draftOf());
    await rig.controls.onOffer(`${ref.arn}/accept`);
    // Accepted is not purchased: nothing shows yet.
    expect(await look(ref)).toMatchObject({ event: "published", agreement: null });
    const { subscriptions } = (await rig.controls.onOffer(`${ref.arn}/purchase`)) as {
      subscriptions: readonly { id: string }[];
    };
    const id = subscriptions[0]?.id ?? "";
    await rig.controls.subscribe();
    await rig.settle(61);
    expect(await look(ref)).toMatchObject({
      event: "accepted",
      agreement: { id },
      evidence: { kind: "inferred", from: expect.stringContaining(`subscription ${id}`) },
    });
    expect(got(await doors.agreements.ofOffer(ref))).toEqual([{ id }]);
    // What a subscription comes from is read once.
    doors.calls.length = 0;
    await look(ref);
    expect(doors.calls).toEqual([`GET /private-offer/${ref.id}`]);
    expect(got(await doors.agreements.look({ id }))).toMatchObject({
      offer: ref.id,
      event: "accepted",
      product: "business-insights",
    });
  });

  it("tells that an offer has run out by its last day, and lets another upgrade an accepted one", async () => {
    const first = await publish(draftOf());
    const second = await publish(draftOf());
    await rig.controls.onOffer(`${first.arn}/accept`);
    const replaces = first.arn ?? "";
    const upgrade = await publish(draftOf({ replaces, fields: { upgradedFromName: "the first" } }));
    expect(await look(upgrade)).toMatchObject({ event: "published", terms: { replaces } });
    await rig.settle(70 * 86_400);
    expect(await look(second)).toMatchObject({
      event: "expired",
      evidence: { kind: "inferred", from: "its last day 2026-07-31 is over" },
    });
  });

  it("tells once of every offer that changed, whoever made it, over any number of pages", async () => {
    rig = openMarketplaceRig({ settings: { offers: { pageSize: 2, nextLink: "foreign", lagSeconds: 0 } } });
    doors = openMarketDoors(rig);
    const made: string[] = [];
    for (let index = 0; index < 4; index++) made.push((await publish(draftOf())).id);
    const pass = async (cursor: Parameters<typeof doors.offers.changes>[0]) => {
      const seen: string[] = [];
      let at = cursor;
      for (let page = 0; page < 10; page++) {
        const { items, cursor: next, more } = got(await doors.offers.changes(at));
        seen.push(...items.map(({ id }) => id));
        at = next;
        if (!more) break;
      }
      return { seen, cursor: at };
    };
    const everything = await pass(null);
    expect(everything.seen).toEqual(made);
    await rig.settle(3 * 86_400);
    const foreign = await rig.controls.originate({ beneficiary: "x", end: "2027-12-31", acceptBy: "2026-09-30" });
    const news = await pass(everything.cursor);
    expect(news.seen).toContain(String(foreign.id).split("/")[1]);
    expect((await pass(news.cursor)).seen).toEqual([String(foreign.id).split("/")[1]]);
    expect(await look({ id: String(foreign.id) })).toMatchObject({
      event: null,
      marker: null,
      terms: { acceptBy: "2026-09-30" },
    });
  });
});
