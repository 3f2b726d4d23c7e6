/** A co-sold deal becomes a contract at the simulated AWS: the whole service in virtual time, over HTTP, words and sweeps. */
import { afterAll, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
const world = await openWorld({ seed: "aws-offers" });
const { aws, call, connectionId, timeline } = world;
afterAll(() => world.close());

// biome-ignore lint/suspicious/noExplicitAny: the tests look into answers whose shape is the point of the test
const ask = async (method: string, path: string, body?: unknown): Promise<any> => {
  const answer = await call<unknown>(method, path, body);
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
};
const show = (id: string) => ask("GET", `/v1/${id.startsWith("agr_") ? "agreements" : "offers"}/${id}`);
const until = (days: number) => new Date(world.clock.now().getTime() + days * day).toISOString().slice(0, 10);
const terms = (more: object = {}) => ({
  name: "Planning for Lumen Freight",
  buyer: { accounts: ["444455556666"] },
  product: "prod-simulated0001",
  price: {
    model: "flat",
    total: { amount: "120000.00", currency: "USD" },
    grants: [{ dimension: "Seats", quantity: 100 }],
  },
  term: { months: 12 },
  acceptBy: until(30),
  legal: { kind: "standard" },
  ...more,
});
const draft = async (more: object = {}, opportunityId?: string): Promise<string> =>
  (await ask("POST", "/v1/offers", { connectionId, opportunityId, terms: terms(more) })).offer.id;
const publish = async (more: object = {}, opportunityId?: string): Promise<string> => {
  const id = await draft(more, opportunityId);
  await ask("POST", `/v1/offers/${id}/publish`);
  return id;
};
const callsOf = async (work: () => Promise<unknown>): Promise<Readonly<Record<string, number>>> => {
  const count = async () => {
    const { counters } = await aws.controls.ledger();
    return Object.fromEntries(
      counters.flatMap(({ operations }) => Object.entries(operations).map(([name, { ok }]) => [name, ok ?? 0])),
    );
  };
  const before = await count();
  await work();
  const spent = Object.entries(await count()).map(([name, calls]) => [name, calls - (before[name] ?? 0)] as const);
  return Object.fromEntries(spent.filter(([, calls]) => calls > 0));
};
const idOf = (made: object) => ("id" in made ? { remoteId: made.id } : { remoteId: null });
const offersHeld = async () =>
  (await aws.controls.ledger()).marketplace.entities.filter(({ kind }) => kind === "Offer").length;

describe("a co-sold deal at AWS", () => {
  it("becomes an offer tied to its opportunity, an acceptance told within a minute, and an active agreement of the deal", async () => {
    const shareId = await world.share(awsDeal("offer-1"));
    await timeline.advance(10 * minute);
    const opportunity = async () => {
      const [only] = (await aws.controls.ledger()).opportunities;
      if (only === undefined) throw new Error("no opportunity");
      return only;
    };
    const remoteId = (await opportunity()).id;
    await aws.controls.approve(remoteId);
    await timeline.advance(20 * minute);
    expect(await world.state(shareId)).toBe("accepted");
    const deal = (await ask("GET", `/v1/shares/${shareId}`)).opportunityId;

    const id = await publish({}, deal);
    await timeline.advance(8 * minute);
    const offer = await show(id);
    expect(offer).toMatchObject({ state: "published", acceptUrl: expect.stringContaining(offer.remoteId) });
    await timeline.advance(2 * minute);
    expect((await opportunity()).related.AwsMarketplaceOffers).toEqual([offer.remoteArn]);

    const accepted = await aws.controls.offer(`${offer.remoteId}/accept`);
    await timeline.advance(minute);
    expect(await show(id)).toMatchObject({ state: "accepted", evidence: { kind: "stated" } });
    const [agreement] = (await show(id)).agreements;
    expect(agreement).toMatchObject({ ...idOf(accepted), state: "active", opportunityId: deal });
  });

  it("costs the protocol's calls: one write, its polls and one look", async () => {
    let id = "";
    const calls = await callsOf(async () => {
      id = await publish();
      await timeline.advance(8 * minute);
    });
    expect((await show(id)).state).toBe("published");
    const { DescribeChangeSet: polls = 0, ...rest } = calls;
    expect(polls).toBeLessThanOrEqual(10);
    expect(rest).toMatchObject({ StartChangeSet: 1 });
    expect(rest.DescribeEntity).toBeLessThanOrEqual(2);
  });

  it("makes one offer each, whatever is lost of the write, of its polls and of the words about it", async () => {
    const before = await offersHeld();
    const faults = ["commit_then_500", "commit_then_timeout", "reset_mid_body", "truncated_json", "timeout_before"];
    await aws.controls.setFaults([
      ...faults.map((fault, index) => ({ on: "StartChangeSet", fault, nth: index + 1 })),
      { on: "DescribeChangeSet", fault: "error_500", nth: 2 },
      { on: "event", fault: "event_lost", every: 1 },
    ]);
    const ids: string[] = [];
    for (const _ of faults) ids.push(await publish());
    await timeline.advance(40 * minute);
    await aws.controls.clearFaults();
    const states = await Promise.all(ids.map(async (id) => (await show(id)).state));
    expect([states, await offersHeld()]).toEqual([faults.map(() => "published"), before + faults.length]);
  });

  it("comes back as a draft with the fields AWS refused minutes later, and goes out once they are mended", async () => {
    const before = await offersHeld();
    await aws.controls.change({ marketplace: { buyerAccounts: ["777788889999"] } });
    const id = await publish();
    await timeline.advance(10 * minute);
    expect(await show(id)).toMatchObject({ state: "draft", gaps: [{ field: "buyer.accounts", code: "not_listed" }] });
    await aws.controls.change({ marketplace: { buyerAccounts: null } });
    await ask("POST", `/v1/offers/${id}/publish`);
    await timeline.advance(10 * minute);
    expect([(await show(id)).state, await offersHeld()]).toEqual(["published", before + 1]);
  });

  it("is extended and withdrawn, and stays so after the next sweeps", async () => {
    const id = await publish();
    await timeline.advance(8 * minute);
    const acceptBy = until(60);
    await ask("POST", "/v1/offers/extend", { offers: [id], until: acceptBy });
    await timeline.advance(10 * minute);
    expect(await show(id)).toMatchObject({ state: "published", acceptBy });
    await ask("POST", `/v1/offers/${id}/withdraw`, { reason: "The buyer chose another term" });
    await timeline.advance(10 * minute);
    expect((await show(id)).state).toBe("withdrawn");
    await timeline.advance(16 * minute);
    expect((await show(id)).state).toBe("withdrawn");
  });
});
