/** `cosell offers`, `agreements` and `fees` over the service itself: an offer from its deal to its agreement, typed. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { cosell } from "./cli-shell.ts";
import { hour, openOffers } from "./offer-world.ts";

const world = await openOffers({ seed: "cli-offers", sweepCron: "TZ=UTC 30 3 * * *" });
const folder = await mkdtemp(join(tmpdir(), "cosell-offers-"));
afterAll(async () => {
  await rm(folder, { recursive: true });
  await world.close();
});
const options = {
  api: async (request: Request) => world.service.app.fetch(request),
  settle: async () => world.timeline.advance(hour),
};
const ann = (...words: readonly string[]) => cosell(words, { ...options, token: world.keys.ann });
const cora = (...words: readonly string[]) => cosell(words, { ...options, token: world.keys.cora });
const idOf = (out: string): string => /off_[0-9a-f]{32}/.exec(out)?.[0] ?? "none";

describe("an offer, typed", () => {
  it("is drafted from its deal, checked, approved by another, published, extended, accepted and shown", async () => {
    await world.deal();
    const policy = join(folder, "policy.json");
    await writeFile(
      policy,
      JSON.stringify({ rules: [{ name: "Deep discount", when: { discountOverPercent: "20" } }] }),
    );
    expect((await ann("offers", "policy", policy)).out).toContain("Deep discount");
    const tried = await ann("offers", "draft", "test:cli-offers-0", "--product", "prod-1", "--dry-run");
    expect([tried.code, tried.out]).toEqual([0, expect.stringContaining("buyer.accounts")]);
    const drafted = await ann(
      "offers",
      "draft",
      "test:cli-offers-0",
      "--product",
      "prod-1",
      "--buyer",
      "123456789012",
      "--discount",
      "30",
      "--until",
      "2026-12-20",
    );
    expect(drafted.out).toContain("gross 120000.00 USD, fee 3600.00 USD (3.00 %), net 116400.00 USD");
    const id = idOf(drafted.out);
    expect((await ann("offers", "check", id)).out).toContain("the marketplace's own check: passed");
    expect((await ann("offers", "publish", id, "--yes")).err).toContain("approval");
    expect((await ann("offers", "submit", "test:cli-offers-0")).out).toContain("in_approval");
    expect((await ann("offers", "approve", id)).err).toContain("another person must");
    expect((await cora("offers", "approve", id, "--publish")).out).toContain(`${id}) is published`);
    expect((await ann("offers", "message", id)).out).toContain("https://buy.example/");
    expect((await ann("offers", "watch", "--days", "60")).out).toContain(id);
    expect((await ann("offers", "extend", id, "--until", "2027-01-31")).out).toContain("requested");
    const extended = await ann("offers", "extend", id, "--until", "2027-01-31");
    expect([extended.code, extended.out]).toEqual([1, expect.stringContaining("already")]);
    const { remoteId } = await world.show(id);
    const agreement = world.fake.accept(remoteId);
    await ann("sync");
    await world.call("POST", `/v1/offers/${id}/sync`);
    await world.timeline.advance(hour);
    expect((await ann("offers", "show", remoteId)).out).toContain(`${agreement} (active)`);
    expect((await ann("agreements")).out).toContain("test:cli-offers-0");
    expect((await ann("agreements", "show", agreement)).out).toMatch(/state +active/);
    expect((await ann("offers", "--state", "accepted", "--json")).json()).toMatchObject({ offers: [{ id }] });
  });

  it("asks before what cannot be undone, and does nothing without a yes", async () => {
    const id = await world.publish({ discountPercent: "0" });
    await world.timeline.advance(hour);
    const silent = await ann("offers", "withdraw", id, "--reason", "no");
    expect([silent.code, silent.err]).toEqual([2, expect.stringContaining("--yes")]);
    const no = await cosell(["offers", "withdraw", id, "--reason", "no"], {
      ...options,
      token: world.keys.ann,
      interactive: true,
      answers: ["no"],
    });
    expect([no.code, (await world.show(id)).state]).toEqual([1, "published"]);
    expect((await ann("offers", "withdraw", id, "--reason", "no", "--yes")).out).toContain("withdrawn");
  });

  it("names a found one's deal, keeps templates, and shows where each fee comes from", async () => {
    const found = world.fake.makeOffer({ terms: { name: "By hand" }, acceptBy: "2026-12-31" });
    await world.timeline.advance(26 * hour);
    expect((await ann("offers", "adopt")).out).toContain("By hand");
    expect((await ann("offers", "adopt", found, "--deal", "test:cli-offers-0")).out).toContain(
      "belongs to test:cli-offers-0",
    );
    expect((await ann("offers", "adopt", "--json")).out).not.toContain("By hand");
    const template = join(folder, "net30.json");
    await writeFile(template, JSON.stringify({ product: "prod-7", netDays: 30 }));
    expect((await ann("offers", "templates", template, "--name", "Net 30", "--for", "aws")).out).toContain("netDays");
    const drafted = await ann("offers", "draft", "test:cli-offers-0", "--template", "Net 30", "--json");
    expect(drafted.json()).toMatchObject({ offer: { terms: { netDays: 30, product: "prod-7" } } });
    expect((await ann("fees")).out).toContain("listing-fees.html");
  });
});
