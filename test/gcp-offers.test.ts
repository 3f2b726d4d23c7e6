/** Google's private offers against the simulator: made once, judged before they are published, followed, moved, taken back. */
import { describe, expect, it } from "vitest";
import type { Next, Offers, Outcome, Write } from "../adapters/contract.ts";
import { fault, value } from "./gcp-double.ts";
import { buyerAccount, offerDraft, openMarket, project, short, type TestMarket } from "./gcp-offer-double.ts";

const writeIn = (next: Next): Write => {
  if (next.kind !== "write") throw new Error(`no write but ${next.kind}`);
  return next.write;
};
const firstWrite = (offers: Offers, over = {}, done: readonly Outcome[] = []) =>
  writeIn(offers.publication(offerDraft(over), done));
const held = async (market: TestMarket) => (await market.rig.controls.ledger()).offers;
const changeOf = async (market: TestMarket, id: string) => ({
  draft: offerDraft(),
  ref: { id },
  observation: value(await market.offers.look({ id })),
});
const lose = (market: TestMarket, on: string) =>
  market.rig.controls.addFaults([{ on, nth: 1, times: 1, fault: "commit_then_timeout" }]);

describe("a publication", () => {
  it("takes a search, a draft, its agreement, a trial and the publication, and is followed to its end", async () => {
    const market = openMarket();
    const [first] = await market.publish(offerDraft());
    expect(market.calls().map(short)).toEqual([
      "GET privateOffers",
      "GET privateOffers:resolveAmendmentTarget",
      "POST privateOffers",
      "POST privateOffers/ID/documents",
      "POST privateOffers/ID:publish",
      "POST privateOffers/ID:publish",
      "GET privateOffers/ID",
    ]);
    expect(market.sent.slice(3, 6).map(({ text }) => text)).toEqual([
      '{"documentType":"STANDARD_END_USER_LICENSE_AGREEMENT_V2"}',
      '{"validateOnly":true}',
      "{}",
    ]);
    expect(market.tokens).toHaveLength(1);
    expect(value(await market.offers.look(first?.ref ?? { id: "" }))).toMatchObject({
      event: "published",
      marker: offerDraft().marker,
      acceptBy: "2026-07-31",
      facts: {
        state: "PUBLISHED",
        dealType: "NEW",
        contractValue: { amount: "120000.00", currency: "USD" },
        netRevenuePercent: "97",
      },
    });
  });
  it("takes a draft with our mark that says the same, and stops at one that says something else", async () => {
    const market = openMarket();
    const made = value(await market.offers.run(firstWrite(market.offers), "t"));
    expect(value(await market.offers.run(firstWrite(market.offers), "t")).ref).toEqual(made.ref);
    const other = firstWrite(market.offers, { terms: { name: "Another name" } });
    expect(fault(await market.offers.run(other, "t"))).toMatchObject({ kind: "rejected", message: /something else/ });
    expect(await held(market)).toHaveLength(1);
  });
  it("never writes in another project than the connection's", async () => {
    const market = openMarket();
    const write = firstWrite(market.offers);
    const elsewhere = { ...write, body: { ...write.body, project: "other" } };
    await expect(market.offers.run(elsewhere, "t")).rejects.toThrow(/other/);
    expect(market.sent).toEqual([]);
  });
  it("that Google refuses names our fields and publishes nothing; mended, the same draft goes out", async () => {
    const market = openMarket();
    await market.rig.controls.putBillingAccount({ id: `billingAccounts/${buyerAccount}`, kind: "free_trial" });
    const draft = offerDraft();
    const done: Outcome[] = [];
    for (const _ of ["create", "agreement"])
      done.push(value(await market.offers.run(writeIn(market.offers.publication(draft, done)), "t")));
    const refusal = fault(await market.offers.run(writeIn(market.offers.publication(draft, done)), "t"));
    expect(refusal).toMatchObject({
      kind: "rejected",
      gaps: [{ field: "buyer.accounts", message: expect.stringContaining("free trial") }],
    });
    expect(market.sent.filter(({ text }) => text === "{}")).toEqual([]);
    const mended = offerDraft({ terms: { buyer: { accounts: ["0AB1C2-34D5E6-000001"], name: "Example Foods Inc" } } });
    const after = await market.walk(market.offers, (known) => market.offers.publication(mended, known), done);
    expect(after.map(({ key }) => key.split(":")[0])).toEqual(["create", "agreement", "update", "publish"]);
    const [offer, ...others] = await held(market);
    expect([others.length, offer?.document.state]).toEqual([0, "PUBLISHED"]);
    expect(offer?.document.customer).toMatchObject({ targetBillingAccount: "billingAccounts/0AB1C2-34D5E6-000001" });
  });
  it("that Google reviews is polled until it has decided", async () => {
    const market = openMarket();
    const draft = offerDraft({
      terms: {
        price: { model: "flat", total: { amount: "12000000.00", currency: "USD" } },
        renewal: { kind: "native", attested: true },
      },
    });
    const done: Outcome[] = [];
    for (const _ of ["create", "agreement", "publish"])
      done.push(value(await market.offers.run(writeIn(market.offers.publication(draft, done)), "t")));
    await market.later(600);
    const [, , published] = done;
    if (published === undefined) throw new Error("nothing was published");
    expect(market.offers.publication(draft, done)).toEqual({ kind: "poll", outcome: published });
    expect(value(await market.offers.poll(published)).task?.state).toBe("running");
    expect(value(await market.offers.look(published.ref))).toMatchObject({
      event: null,
      facts: { review: "Google reviews it before it is published" },
    });
    await market.rig.controls.reviewOffer(published.ref.id);
    expect(value(await market.offers.poll(published)).task?.state).toBe("done");
  });
  it("attaches a custom agreement as the PDF that it fetched, from an allowed host alone", async () => {
    const pdf = new TextEncoder().encode("%PDF-1.7 terms");
    const seen: string[] = [];
    const market = openMarket({
      marketplace: { documentHosts: ["files.partner.example"] },
      outside: async (request) => {
        seen.push(request.url);
        return request.url.endsWith(".pdf") ? new Response(pdf) : new Response("<html>");
      },
    });
    const legal = (url: string) => ({ terms: { legal: { kind: "custom" as const, url } } });
    expect(market.offers.gaps(offerDraft(legal("https://elsewhere.example/a.pdf")))).toMatchObject([
      { field: "legal.url" },
    ]);
    const page = offerDraft(legal("https://files.partner.example/terms"));
    const made = value(await market.offers.run(writeIn(market.offers.publication(page, [])), "t"));
    const attach = writeIn(market.offers.publication(page, [made]));
    expect(fault(await market.offers.run(attach, "t"))).toMatchObject({
      kind: "rejected",
      gaps: [{ field: "legal.url" }],
    });
    await market.walk(
      market.offers,
      (done) => market.offers.publication(offerDraft(legal("https://files.partner.example/terms.pdf")), done),
      [made],
    );
    const sent = JSON.parse(market.sent.find(({ text }) => text.includes("inlineContent"))?.text ?? "{}");
    expect(atob(sent.inlineContent)).toBe("%PDF-1.7 terms");
    expect(seen).toEqual(["https://files.partner.example/terms", "https://files.partner.example/terms.pdf"]);
  });
});

describe("a lost answer", () => {
  it.each([
    ["is found by its mark", {}],
    ["is found where the list lacks notes", { marketplace: { basicView: "metadata" } }],
  ] as const)("of a create %s", async (_, settings) => {
    const market = openMarket({ settings });
    for (const marker of ["other-1", "other-2"])
      value(await market.offers.run(firstWrite(market.offers, { marker, offerId: marker }), "t"));
    await lose(market, "privateOffers.create");
    const write = firstWrite(market.offers);
    expect(fault(await market.offers.run(write, "t")).kind).toBe("ambiguous");
    const found = value(await market.offers.locate(write, "t"));
    const ours = (await held(market)).find(({ document }) =>
      String(document.internalNote).includes(offerDraft().marker),
    );
    expect(found).toEqual({ key: write.key, ref: { id: ours?.id }, version: ours?.updatedAt, task: null });
  });
  it("of a create that did not happen finds nothing", async () => {
    const market = openMarket();
    value(await market.offers.run(firstWrite(market.offers, { marker: "off-01234567890" }), "t"));
    expect(value(await market.offers.locate(firstWrite(market.offers), "t"))).toBeNull();
  });
  it("is not taken for ours when the draft says something else by now: a person looks", async () => {
    const market = openMarket();
    value(await market.offers.run(firstWrite(market.offers), "t"));
    const write = firstWrite(market.offers, { terms: { name: "Another name" } });
    expect(fault(await market.offers.locate(write, "t"))).toMatchObject({ kind: "drift" });
  });
  it("of agreement, publication, extension and cancellation is read off the offer", async () => {
    const market = openMarket();
    const draft = offerDraft();
    const done: Outcome[] = [value(await market.offers.run(firstWrite(market.offers), "t"))];
    const losing = async (on: string, write: Write): Promise<Outcome> => {
      expect(value(await market.offers.locate(write, "t"))).toBeNull();
      await lose(market, on);
      expect(fault(await market.offers.run(write, "t")).kind).toBe("ambiguous");
      const found = value(await market.offers.locate(write, "t"));
      if (found === null) throw new Error(`${write.key} was not found`);
      return found;
    };
    done.push(await losing("privateOffers.documents.create", writeIn(market.offers.publication(draft, done))));
    const publish = writeIn(market.offers.publication(draft, done));
    // The trial is the first of the two calls: the publication itself is the second.
    await market.rig.controls.addFaults([
      { on: "privateOffers.publish", nth: 2, times: 1, fault: "commit_then_timeout" },
    ]);
    expect(fault(await market.offers.run(publish, "t")).kind).toBe("ambiguous");
    expect(value(await market.offers.locate(publish, "t"))).toMatchObject({ task: { state: "running" } });
    await market.later(60);
    expect(value(await market.offers.locate(publish, "t"))).toMatchObject({ task: { state: "done" } });
    const change = await changeOf(market, done[0]?.ref.id ?? "");
    const extend = market.offers.extension?.(change, "2026-08-15", []) ?? { kind: "done" };
    await losing("privateOffers.patch", writeIn(extend));
    const cancel = market.offers.withdrawal?.(change, []) ?? { kind: "done" };
    await losing("privateOffers.cancel", writeIn(cancel));
    expect(await held(market)).toHaveLength(1);
  });
});

describe("after a restore", () => {
  it("the offer that an earlier life made is found however far it has gone, and never another's", async () => {
    const market = openMarket();
    const id = await market.published();
    await market.later(20 * 86_400);
    const replanned = firstWrite(market.offers, { now: market.rig.clock.now(), terms: { acceptBy: "2026-08-31" } });
    expect(value(await market.offers.locate(replanned, "t"))).toBeNull();
    const traces = { taken: [], known: [id] };
    expect(value(await market.offers.locate(replanned, "t", traces))?.ref).toEqual({ id });
    expect(value(await market.offers.locate(replanned, "t", { ...traces, taken: [id] }))).toBeNull();
  });
});

describe("a published offer", () => {
  it("takes a later last day to accept, up to three months from its publication", async () => {
    const market = openMarket();
    const id = await market.published();
    const change = await changeOf(market, id);
    const extend = (acceptBy: string) => (done: readonly Outcome[]) =>
      market.offers.extension?.(change, acceptBy, done) ?? { kind: "done" };
    await market.walk(market.offers, extend("2026-08-31"));
    expect(value(await market.offers.look({ id })).acceptBy).toBe("2026-08-31");
    expect(fault(await market.offers.run(writeIn(extend("2026-09-02")([])), "t"))).toMatchObject({
      kind: "rejected",
      gaps: [{ field: "acceptBy" }],
    });
  });
  it("is cancelled once; a draft is deleted in its place", async () => {
    const market = openMarket();
    const id = await market.published();
    const change = await changeOf(market, id);
    const withdraw = (done: readonly Outcome[]) =>
      market.offers.withdrawal?.(change, done) ?? { kind: "done" as const };
    await market.walk(market.offers, withdraw);
    expect(value(await market.offers.look({ id })).event).toBe("withdrawn");
    // Somebody did it already: that is what was wanted.
    expect(value(await market.offers.run(writeIn(withdraw([])), "t")).ref).toEqual({ id });
    const draft = value(await market.offers.run(firstWrite(market.offers, { marker: "m2", offerId: "off_2" }), "t"));
    const other = await changeOf(market, draft.ref.id);
    await market.walk(market.offers, (done) => market.offers.withdrawal?.(other, done) ?? { kind: "done" });
    expect(fault(await market.offers.look(draft.ref)).kind).toBe("missing");
  });
  it("expires where nobody accepts, and says so", async () => {
    const market = openMarket();
    const id = await market.published();
    await market.later(62 * 86_400);
    expect(value(await market.offers.look({ id })).event).toBe("expired");
  });
  it("is told by the changes once, page by page, with those that somebody else made", async () => {
    const market = openMarket();
    const id = await market.published();
    const first = value(await market.offers.changes(null));
    expect(first).toMatchObject({ items: [{ kind: "offer", id }], more: false });
    await market.later(3_600);
    const quiet = value(await market.offers.changes(first.cursor));
    expect(quiet.items.map((hint) => hint.id)).toEqual([id]);
    await market.rig.controls.acceptOffer(id);
    const next = value(await market.offers.changes(quiet.cursor));
    expect(next.items.map((hint) => hint.id)).toEqual([id]);
    expect(value(await market.offers.look({ id })).event).toBe("accepted");
  });
});

describe("a rehearsal", () => {
  it("asks without making anything: the plan, what an active order demands, and a draft that lies there", async () => {
    const market = openMarket();
    expect(value((await market.offers.rehearse?.(offerDraft())) ?? { ok: true, value: null })).toEqual([]);
    const wrong = await market.offers.rehearse?.(offerDraft({ terms: { plan: "legacy-p1y" } }));
    expect(wrong).toMatchObject({ ok: true, value: [{ field: "plan", code: "not_allowed" }] });
    const metered = offerDraft({
      terms: { product: `meter.endpoints.${project}.cloud.goog`, plan: "metered" },
    });
    expect(await market.offers.rehearse?.(metered)).toMatchObject({ ok: true, value: [{ field: "price.model" }] });
    const nowhere = await market.offers.rehearse?.(offerDraft({ terms: { plan: "none" } }));
    expect(nowhere).toMatchObject({ ok: true, value: [{ field: "plan", code: "not_listed" }] });
    expect(await held(market)).toEqual([]);
    // With a draft there, Google itself judges: it has no agreement yet.
    value(await market.offers.run(firstWrite(market.offers), "t"));
    expect(await market.offers.rehearse?.(offerDraft())).toMatchObject({ ok: true, value: [{ field: "legal" }] });
    expect((await held(market))[0]?.document.state).toBe("DRAFT");
  });
});

describe("an amendment", () => {
  const running = async (market: TestMarket): Promise<{ readonly offer: string; readonly order: string }> => {
    const offer = await market.published();
    const { id } = await market.rig.controls.acceptOffer(offer);
    await market.serve(id);
    await market.later(30 * 60);
    return { offer, order: id };
  };
  const amended = (order: string | null, amount = "150000.00") =>
    offerDraft({
      marker: "off-amendment",
      offerId: "off_2",
      now: new Date("2026-06-02T17:00:00.000Z"),
      terms: { replaces: order, price: { model: "flat", total: { amount, currency: "USD" } } },
    });
  it("names the offer that Google says must be superseded, and only where the offer says that it amends", async () => {
    const market = openMarket();
    const { offer, order } = await running(market);
    const create = (draft: ReturnType<typeof amended>) =>
      market.offers.run(writeIn(market.offers.publication(draft, [])), "t");
    expect(fault(await create(amended(null)))).toMatchObject({
      kind: "rejected",
      gaps: [{ field: "replaces", code: "required" }],
    });
    expect(fault(await create(amended("none")))).toMatchObject({
      kind: "rejected",
      gaps: [{ field: "replaces", code: "not_listed" }],
    });
    expect(await held(market)).toHaveLength(1);
    await market.published(amended(order));
    const made = (await held(market)).find(({ id }) => id !== offer);
    expect(made?.document).toMatchObject({
      state: "PUBLISHED",
      singleProductOffer: { amendedPrivateOffer: expect.stringContaining(offer) },
    });
  });
  it("that loses more than half of the value is told before it is made", async () => {
    const market = openMarket();
    const { order } = await running(market);
    expect(await market.offers.rehearse?.(amended(order, "59999.99"))).toMatchObject({
      ok: true,
      value: [{ field: "replaces", code: "not_allowed" }],
    });
    expect(value((await market.offers.rehearse?.(amended(order, "60000.00"))) ?? { ok: true, value: null })).toEqual(
      [],
    );
  });
});
