/** Attribution in the service: only rules that an officer of each side signed count, and credits follow from them as in a close of the same files. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { makeKey, publicHalf, signRule } from "../src/domain/signed-rule.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "attribution", sweepCron: "TZ=UTC 0 5 1 * *" });
const { call, timeline } = world;
afterAll(() => world.close());

const example = (path: string): string =>
  readFileSync(join(import.meta.dirname, "../examples/reconciliation/input", path), "utf8");
const send = (path: string, body: string) =>
  world.service.app.fetch(
    new Request(`http://cosell.test/v1/reports/files?path=${encodeURIComponent(path)}`, {
      method: "POST",
      headers: { authorization: `Bearer ${world.token}` },
      body,
    }),
  );
interface Document {
  readonly id: string;
  readonly state: string;
  readonly detail: string;
}
const rule: JsonObject = JSON.parse(example("internal/attribution-rules.json"))[0];
const { signatures: _, ...unsigned } = rule;

describe("a rule in the service", () => {
  it("is taken with a verified signature of each side alone, and every refusal names the signature and why", async () => {
    const [ada, bob] = await Promise.all([
      makeKey({ side: "us", name: "Ada Example", role: "CRO" }),
      makeKey({ side: "partner", name: "Bob Example", role: "CRO" }),
    ]);
    const today = "2024-12-01";
    const once = await signRule({ ...unsigned, signatures: [] }, ada, today);
    const twice = await signRule(once, bob, today);
    const push = (document: JsonObject) => call<Document>("POST", "/v1/attribution/rules", document);
    expect((await push(rule)).body.detail).toMatch(/is a date without a signature/);
    expect((await push(twice)).body.detail).toMatch(/Ada Example for us was made with a key that is not among/);
    for (const key of [ada, bob])
      expect((await call("POST", "/v1/attribution/keys", publicHalf(key))).status).toBe(200);
    expect((await push(once)).body.detail).toMatch(/partner has not signed it/);
    expect((await push({ ...twice, effective_from: "2024-01-01" })).body.detail).toMatch(/changed after it was signed/);
    expect([(await push(twice)).status, (await push(twice)).status]).toEqual([201, 200]);
    const other = await signRule(
      await signRule({ ...unsigned, effective_from: "2024-01-01", signatures: [] }, ada, today),
      bob,
      today,
    );
    expect(await push(other)).toMatchObject({ status: 409, body: { detail: expect.stringContaining("new version") } });
    await timeline.settle();
    const { items } = (await call<{ items: readonly Document[] }>("GET", "/v1/attribution/rules")).body;
    expect(items).toMatchObject([{ state: "verified" }]);
  });

  it("credits its partner for the deals it covers, as of any day, and a dispute freezes the disputed credit", async () => {
    const deals = example("internal/deals.csv");
    await send("crm/deals.csv", deals);
    for (const name of ["touches.csv", "partners.csv", "offers.json", "agreements.json"])
      await send(`crm/${name}`, example(`internal/${name}`));
    await send("azure/revenue-2025-06.csv", example("azure/revenue-2025-06.csv"));
    await call("POST", "/v1/reconciliations", { period: "2026-06", mode: "full" });
    await timeline.advance(3_600_000);
    interface Credit {
      readonly dealId: string;
      readonly partnerId: string;
      readonly kind: string;
      readonly amount: { readonly amount: string };
      readonly contested: { readonly amount: string };
    }
    const credits = async (query = "") =>
      (await call<{ items: readonly Credit[] }>("GET", `/v1/attribution/credits?limit=200${query}`)).body.items;
    const found = await credits("&asOf=2026-06-30");
    const sourced = found.filter(({ kind, amount }) => kind === "sourced" && Number(amount.amount) > 0);
    expect(new Set(sourced.map(({ partnerId }) => partnerId))).toEqual(new Set([String(rule.partner_id)]));
    const [first] = sourced;
    const csv = await world.service.app.fetch(
      new Request(`http://cosell.test/v1/attribution/export?asOf=2026-06-30&party=${rule.partner_id}`, {
        headers: { authorization: `Bearer ${world.token}` },
      }),
    );
    expect(await csv.text()).toContain(`${first?.dealId},`);
    await call("POST", "/v1/attribution/disputes", { dealId: first?.dealId, partnerId: first?.partnerId });
    await timeline.advance(3_600_000);
    expect((await call<{ items: readonly unknown[] }>("GET", "/v1/attribution/disputes")).body.items).toHaveLength(1);
    const [frozen] = await credits(`&deal=${first?.dealId}&party=${first?.partnerId}`);
    expect(frozen).toMatchObject({ contested: first?.amount, amount: { amount: "0.00" } });
  });
});
