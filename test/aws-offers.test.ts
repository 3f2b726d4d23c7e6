/** Private offers at the simulated AWS Marketplace, through the adapter's doors alone. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import type { Agreements, Offers, Write } from "../adapters/contract.ts";
import { ok } from "../src/domain/fault.ts";
import type { OfferDraft, OfferObservation } from "../src/domain/offer.ts";
import { buyer, type Market, openMarket } from "./aws-marketplace-rig.ts";
import { got, openDoors } from "./aws-offer-rig.ts";
import { offerDraft, type TermsOver } from "./offer-drafts.ts";

const start = new Date("2026-09-01T10:00:00.000Z");
const { account } = simulatedCredential;

describe("private offers at AWS Marketplace", () => {
  let market: Market;
  let doors: ReturnType<typeof openDoors>;
  let offers: Offers;
  let agreements: Agreements;
  let calls: string[];
  let loseAnswers: (count: number) => void;
  let count = 0;
  const draftOf = (terms: TermsOver = {}, over: Partial<OfferDraft> = {}): OfferDraft => {
    count += 1;
    const now = market.clock.now();
    return offerDraft(terms, { marker: `csl-${count}`, now, today: now.toISOString().slice(0, 10), ...over });
  };
  beforeAll(async () => {
    market = await openMarket({ start });
    doors = openDoors(market);
    ({ offers, agreements, calls, loseAnswers } = doors);
  });
  afterAll(() => market.close());

  const writeOf = (draft: OfferDraft): Write => {
    const next = offers.publication(draft, []);
    if (next.kind !== "write") throw new Error("no write");
    return next.write;
  };
  it("publishes with one write, and reads back the terms that were sent, with our mark", async () => {
    const draft = draftOf({
      netDays: 45,
      schedule: [
        { date: "2026-09-15", amount: { amount: "60000.00", currency: "USD" } },
        { date: "2027-03-15", amount: { amount: "60000.00", currency: "USD" } },
      ],
      renewal: { kind: "pre_existing_external", attested: true },
    });
    expect(offers.gaps(draft)).toEqual([]);
    calls.length = 0;
    const ref = await doors.publish(draft);
    expect(ref.arn).toBe(`arn:aws:aws-marketplace:us-east-1:${account}:AWSMarketplace/Offer/${ref.id}`);
    const seen = await doors.look(ref);
    expect(calls).toEqual(["StartChangeSet", "DescribeChangeSet", "DescribeEntity", "SearchAgreements"]);
    expect(seen).toMatchObject({
      ref,
      event: "published",
      marker: draft.marker,
      acceptBy: "2026-09-30",
      agreement: null,
    });
    const { buyer: theirs, ...terms } = seen.terms;
    const { plan: _plan, fields: _fields, replaces: _replaces, channelPartner: _partner, ...sent } = draft.terms;
    expect(theirs).toMatchObject({ accounts: [buyer] });
    expect({ ...sent, ...terms }).toMatchObject(sent);
    expect(terms.price).toEqual(draft.terms.price);
    expect(terms.schedule).toEqual(draft.terms.schedule);
    expect(seen.facts).toMatchObject({ state: "Released", preExistingAgreement: "External" });
    expect(seen.acceptUrl).toContain(ref.id);
  });

  it("finds a change set whose answer was lost, and the same token starts no second one", async () => {
    const draft = draftOf();
    const write = writeOf(draft);
    expect(got(await offers.locate(write, "lost-1"))).toBeNull();
    loseAnswers(1);
    const answer = await offers.run(write, "lost-1");
    expect(answer).toMatchObject({ ok: false, fault: { kind: "ambiguous" } });
    const found = got(await offers.locate(write, "lost-1"));
    const again = got(await offers.run(write, "lost-1"));
    expect(again.task?.id).toBe(found?.task?.id);
    expect(found).toEqual(again);
    const done = await doors.follow(again);
    expect(got(await offers.locate(write, "lost-1"))?.task?.id).toBe(done.task?.id);
    expect((await doors.look(done.ref)).marker).toBe(draft.marker);
  });

  it("finds an offer that was made before AWS's memory of change sets begins, by its name and mark", async () => {
    const draft = draftOf({ name: "Made long ago", acceptBy: "2026-12-31" });
    const ref = await doors.publish(draft);
    await market.controls.advance(70);
    const write = writeOf(draft);
    expect(got(await offers.locate(write, "old"))).toBeNull();
    const found = got(await offers.locate(write, "old", { taken: [], known: [] }));
    expect(found).toMatchObject({ ref: { id: ref.id }, task: { state: "done", made: { id: ref.id } } });
  });

  it("shows a change set that AWS did not apply change by change, each with our field and what to do", async () => {
    const draft = draftOf({ buyer: { accounts: [buyer] }, acceptBy: "2027-01-31" });
    await market.controls.change({ marketplace: { buyerAccounts: ["111100001111"] } });
    const failed = await doors.follow(got(await offers.run(writeOf(draft), "refused-1")));
    await market.controls.change({ marketplace: { buyerAccounts: null } });
    expect(failed.task).toMatchObject({ state: "failed", fault: { kind: "rejected" } });
    const fault = failed.task?.fault;
    if (fault?.kind !== "rejected") throw new Error("not rejected");
    expect(fault.message).toContain("CreateOffer not refused");
    expect(fault.message).toContain("UpdateTargeting INVALID_BUYER_ACCOUNTS");
    expect(fault.gaps).toMatchObject([{ field: "buyer.accounts", code: "not_listed" }]);
    expect(fault.gaps[0]?.fix).toContain("twelve digits");
    // A failed one is not the lost one: the same write may be sent again.
    expect(got(await offers.locate(writeOf(draft), "refused-1"))).toBeNull();
  });

  it("maps what AWS refuses at once to our fields, and a held entity to a time to come back", async () => {
    const draft = draftOf({ acceptBy: "2027-01-31", product: "prod-nobody0000000" });
    const missing = await offers.run(writeOf(draft), "missing-1");
    expect(missing).toMatchObject({ ok: false, fault: { kind: "rejected", gaps: [{ field: "product" }] } });
    const broken = writeOf(draftOf({ acceptBy: "2027-01-31" }));
    const changes = JSON.parse(JSON.stringify(broken.body.ChangeSet).replace("P12M", "a year"));
    const refused = await offers.run({ ...broken, body: { ...broken.body, ChangeSet: changes } }, "form-1");
    expect(refused).toMatchObject({
      ok: false,
      fault: { kind: "rejected", gaps: [{ field: "term", code: "bad_format" }] },
    });

    const moved = draftOf({ acceptBy: "2027-01-31" });
    const ref = await doors.publish(moved);
    const observation = await doors.look(ref);
    const first = offers.extension?.({ draft: moved, ref, observation }, "2027-02-28", []);
    const second = offers.extension?.({ draft: moved, ref, observation }, "2027-03-31", []);
    if (first?.kind !== "write" || second?.kind !== "write") throw new Error("no writes");
    got(await offers.run(first.write, "held-1"));
    const held = await offers.run(second.write, "held-2");
    expect(held).toMatchObject({ ok: false, fault: { kind: "throttled" } });
    await market.controls.advance(1);
  });

  it("moves the last day to accept and takes an offer back, each once, whatever day it was set to before", async () => {
    const draft = draftOf({ acceptBy: "2027-01-31" });
    const ref = await doors.publish(draft);
    const change = async (acceptBy: string | null): Promise<OfferObservation> => {
      const observation = await doors.look(ref);
      const given = { draft: { ...draft, today: market.clock.now().toISOString().slice(0, 10) }, ref, observation };
      const next = acceptBy === null ? offers.withdrawal?.(given, []) : offers.extension?.(given, acceptBy, []);
      if (next?.kind !== "write") throw new Error("no write");
      const done = await doors.follow(got(await offers.run(next.write, next.write.key)));
      expect(done).toMatchObject({ ref: { id: ref.id }, task: { state: "done" } });
      const again =
        acceptBy === null ? offers.withdrawal?.(given, [done]) : offers.extension?.(given, acceptBy, [done]);
      expect(again).toEqual({ kind: "done" });
      const after = await doors.look(ref);
      const settled = { ...given, observation: after };
      expect(acceptBy === null ? offers.withdrawal?.(settled, []) : offers.extension?.(settled, acceptBy, [])).toEqual({
        kind: "done",
      });
      return after;
    };
    expect(await change("2027-02-28")).toMatchObject({ event: "published", acceptBy: "2027-02-28" });
    expect(await change("2027-01-31")).toMatchObject({ acceptBy: "2027-01-31" });
    expect(await change("2027-02-28")).toMatchObject({ acceptBy: "2027-02-28" });
    expect(await change(null)).toMatchObject({ event: "withdrawn", evidence: { kind: "inferred" } });
    expect(await change("2027-03-31")).toMatchObject({ event: "published", acceptBy: "2027-03-31" });
  });

  it("tells an offer that ran out from one that was taken back", async () => {
    const ref = await doors.publish(draftOf({ acceptBy: market.clock.now().toISOString().slice(0, 10) }));
    expect((await doors.look(ref)).event).toBe("published");
    await market.controls.advance(2);
    expect(await doors.look(ref)).toMatchObject({ event: "expired", evidence: { kind: "inferred" } });
  });

  it("knows an acceptance by the agreement that names the offer, and reads its terms and invoices", async () => {
    const draft = draftOf({
      acceptBy: "2027-01-31",
      schedule: [
        { date: "2026-12-01", amount: { amount: "20000.00", currency: "USD" } },
        { date: "2027-06-01", amount: { amount: "100000.00", currency: "USD" } },
      ],
    });
    const ref = await doors.publish(draft);
    const id = await market.accept(ref.id);
    expect(await doors.look(ref)).toMatchObject({ event: "accepted", agreement: { id }, evidence: { kind: "stated" } });
    expect(got(await agreements.ofOffer(ref))).toEqual([{ id }]);
    const first = got(await agreements.look({ id }));
    expect(first).toMatchObject({
      event: "activated",
      offer: ref.id,
      previous: null,
      buyer: { account: buyer },
      product: draft.terms.product,
      schedule: draft.terms.schedule,
      total: { amount: expect.stringMatching(/^120000(\.0+)?$/), currency: "USD" },
      facts: { status: "ACTIVE" },
    });
    expect(first.version).toBe(got(await agreements.look({ id })).version);
    await market.controls.advance(300);
    const later = got(await agreements.look({ id }));
    expect(later.invoiced.length).toBeGreaterThan(0);
    expect(later.version).not.toBe(first.version);
    await market.controls.advance(300);
    expect(got(await agreements.look({ id })).event).toBe("ended");
  });

  it("lists each change once a pass, then only what came since, with overlap", async () => {
    const all = async (door: Offers["changes"], from: Parameters<Offers["changes"]>[0]) => {
      const ids: string[] = [];
      let cursor = from;
      for (let page = 0; page < 20; page++) {
        const read = got(await door(cursor));
        ids.push(...read.items.map(({ id }) => id));
        cursor = read.cursor;
        if (!read.more) break;
      }
      return { ids, cursor };
    };
    const before = await all(offers.changes, null);
    expect(before.ids.length).toBeGreaterThan(5);
    expect(new Set(before.ids).size).toBe(before.ids.length);
    const old = await all(agreements.changes, null);
    expect(old.ids).toHaveLength(1);
    await market.controls.advance(1);
    const acceptBy = new Date(market.clock.now().getTime() + 30 * 86_400_000).toISOString().slice(0, 10);
    const ref = await doors.publish(draftOf({ acceptBy }));
    expect((await all(offers.changes, before.cursor)).ids).toContain(ref.id);
    expect((await all(offers.changes, before.cursor)).ids.length).toBeLessThan(before.ids.length);
    const id = await market.accept(ref.id);
    // The overlap repeats what was last, and nothing before it.
    const news = (await all(agreements.changes, old.cursor)).ids;
    expect([news.at(-1), news.length <= 2]).toEqual([id, true]);
  });

  it("asks AWS to judge without making anything, and reads the answer when AWS has it", async () => {
    const acceptBy = new Date(market.clock.now().getTime() + 30 * 86_400_000).toISOString().slice(0, 10);
    const before = (await market.controls.ledger()).marketplace.entities.length;
    const rehearse = async (draft: OfferDraft) => {
      const first = await offers.rehearse?.(draft);
      expect(first).toMatchObject({ ok: false, fault: { kind: "throttled" } });
      await market.controls.advance(5 / 1440);
      return offers.rehearse?.(draft);
    };
    expect(await rehearse(draftOf({ acceptBy }))).toEqual(ok([]));
    await market.controls.change({ marketplace: { buyerAccounts: ["111100001111"] } });
    expect(await rehearse(draftOf({ acceptBy }))).toMatchObject({ ok: true, value: [{ field: "buyer.accounts" }] });
    await market.controls.change({ marketplace: { buyerAccounts: null } });
    expect((await market.controls.ledger()).marketplace.entities.length).toBe(before);
  });
});
