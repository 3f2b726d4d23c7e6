/** What a connection to Google's marketplace is set up with: which doors that opens, what is missing for the others, what the doctor finds. */
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import type { RawDelivery } from "../adapters/contract.ts";
import { createGcp } from "../adapters/gcp/index.ts";
import { targetOf } from "../adapters/gcp/settings.ts";
import { simulatedGcp } from "../adapters/gcp/simulator/cloud.ts";
import { type JsonObject, jsonObjectSchema } from "../src/domain/deal.ts";
import { runChecks } from "../src/domain/diagnosis.ts";
import { connection, fault, openGoogle, partnerId, settings, value } from "./gcp-double.ts";
import { offerDraft, openMarket, project, push } from "./gcp-offer-double.ts";

const opened = (over: JsonObject) => openGoogle({ connection: over }).session;
const refusal =
  (over: JsonObject, more = {}) =>
  () =>
    targetOf(connection({ settings: { ...settings, ...over }, ...more }));

describe("the doors of a connection", () => {
  it("to co-sell alone are not the marketplace's, and it says what opens them", () => {
    const { lacks, offers, agreements, hooks } = opened({});
    expect([offers, agreements, hooks]).toEqual([undefined, undefined, undefined]);
    for (const door of ["offers", "offerRehearsal", "offerExtension", "offerWithdrawal", "agreements"] as const)
      expect(lacks[door]).toContain("--project");
    expect(lacks.hooks).toContain("settings.marketplace.push");
  });
  it("to the marketplace are all but pushes, until pushes are set up", () => {
    const session = opened({ marketplace: { project } });
    expect(session.offers?.rehearse).toBeDefined();
    expect([session.hooks, session.lacks.offers, session.lacks.agreements]).toEqual([undefined, undefined, undefined]);
    expect(session.lacks.hooks).toContain("infra/gcp/setup.sh");
    expect(opened({ marketplace: { project, push } }).lacks.hooks).toBeUndefined();
  });
  it("are there where deals are typed in by hand, with a service account of the marketplace", async () => {
    const market = openMarket({ connection: { mode: "assisted", marketplace: { project, push } } });
    expect(market.session.coSell?.assisted).toBeDefined();
    expect(await market.published()).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("settings that contradict", () => {
  it("are refused by name", () => {
    const { credentials: _, ...keyless } = settings;
    const assisted = { ...keyless, mode: "assisted", marketplace: { project } };
    expect(() => targetOf(connection({ settings: assisted }))).toThrow(
      /settings.marketplace needs settings.credentials/,
    );
    for (const host of [
      "commerceproducer.googleapis.com",
      "cloudcommerceprocurement.googleapis.com",
      "www.googleapis.com",
    ])
      expect(refusal({ endpoint: `https://${host}` })).toThrow(/points at real Google/);
    expect(refusal({ marketplace: { project: "p q" } })).toThrow(/project/);
    expect(refusal({ marketplace: { project, push: { audience: "a" } } })).toThrow(/email/);
    expect(refusal({ marketplace: { project, documentHosts: ["https://files.example"] } })).toThrow(/host/);
  });
  it("nothing is approved and no plan changed unless somebody says so", () => {
    expect(targetOf(connection({ settings: { ...settings, marketplace: { project } } })).market).toMatchObject({
      orders: "ask",
      planChanges: "ask",
      documentHosts: [],
      providerId: project,
      push: null,
    });
  });
});

it("the marketplace's APIs get a token of their own scope, co-sell keeps its", async () => {
  const market = openMarket();
  value(await market.session.check());
  value(await market.offers.changes(null));
  value(await market.agreements.changes(null));
  const scopes = market.tokens.map((body) => decodeJwt(new URLSearchParams(body).get("assertion") ?? "").scope);
  expect(scopes).toEqual([
    "https://www.googleapis.com/auth/apps.order",
    "https://www.googleapis.com/auth/cloud-platform",
  ]);
});

describe("the doctor", () => {
  const diagnose = async (market: ReturnType<typeof openMarket>, confirmed = {}) =>
    runChecks(market.session.diagnose?.({ remoteId: null, confirmed }) ?? []);
  const result = (checked: Awaited<ReturnType<typeof diagnose>>, id: string) => checked.find((one) => one.id === id);
  it("tries offers, orders and keys, and changes nothing", async () => {
    const market = openMarket();
    const checked = await diagnose(market, { "privateOffers.publish": "2026-06-01T17:00:00Z" });
    for (const id of ["offers", "orders", "publish", "push"])
      expect(result(checked, id)).toMatchObject({ result: "ok" });
    expect(market.sent.every(({ method }) => method === "GET")).toBe(true);
    expect(result(await diagnose(openMarket()), "publish")).toMatchObject({ result: "skipped" });
  });
  it.each([
    ["producer", "offers", /roles\/commerceproducer\.admin/],
    ["procurement", "orders", /Link it in Producer Portal/],
  ] as const)("names what the service account lacks where %s refuses it", async (surface, id, remedy) => {
    const market = openMarket();
    await market.rig.controls.revokeRole({ surface });
    expect(result(await diagnose(market), id)).toMatchObject({
      result: "failed",
      remedy: expect.stringMatching(remedy),
    });
  });
  it("of a connection whose deals are typed in by hand looks at the marketplace alone", async () => {
    const market = openMarket({ connection: { mode: "assisted", marketplace: { project, push } } });
    expect((await diagnose(market)).map(({ id, result: found }) => `${id} ${found}`)).toEqual([
      "key ok",
      "offers ok",
      "orders ok",
      "publish skipped",
      "push ok",
    ]);
  });
  it("says that orders are found by sweeps where no push is set up", async () => {
    const { session } = openGoogle({ connection: { marketplace: { project } } });
    const checked = await runChecks(session.diagnose?.({ remoteId: null, confirmed: {} }) ?? []);
    expect(result(checked, "push")).toMatchObject({ result: "skipped", detail: expect.stringContaining("sweeps") });
  });
});

describe("a refusal", () => {
  it("of the wrong project or provider parks with what to compare, and never counts as a missing record", async () => {
    const elsewhere = openMarket({ connection: { marketplace: { project: "other-public", push } } });
    for (const result of [await elsewhere.offers.changes(null), await elsewhere.agreements.changes(null)])
      expect(fault(result)).toMatchObject({ kind: "denied" });
    expect(fault(await openMarket().offers.look({ id: "11111111-1111-4111-8111-111111111111" })).kind).toBe("missing");
  });
  it("of the role tells which one, for the one API and the other", async () => {
    const market = openMarket();
    await market.rig.controls.revokeRole({ surface: "producer" });
    expect(fault(await market.offers.changes(null)).message).toContain("roles/commerceproducer.admin");
    await market.rig.controls.revokeRole({ surface: "procurement" });
    expect(fault(await market.agreements.changes(null)).message).toContain("Link it in Producer Portal");
    expect(fault(await market.agreements.changes(null)).message).not.toContain("Integrator");
  });
});

it("a fresh installation's Google pushes its orders to the connection, signed as that expects", async () => {
  const deliveries: RawDelivery[] = [];
  const google = openGoogle({
    connection: jsonObjectSchema.parse(simulatedGcp.connection().settings),
    deliver: async (request) => {
      const body = new Uint8Array(await request.arrayBuffer());
      deliveries.push({ headers: Object.fromEntries(request.headers), body });
      expect(request.url).toBe("https://cosell.example/hooks/con_1");
      return new Response(null, { status: 204 });
    },
  });
  await simulatedGcp.attach?.({
    connectionId: "con_1",
    call: async () => ({ hookUrl: "https://cosell.example/hooks/con_1" }),
    control: google.rig.simulator.control,
  });
  await google.rig.controls.purchase({ billingAccount: "billingAccounts/0AB1C2-34D5E6-F7890A" });
  await google.rig.controls.advance(1 / 24);
  expect(deliveries.length).toBeGreaterThan(0);
  const [first] = deliveries;
  if (first === undefined) throw new Error("nothing came");
  expect(await google.session.hooks?.verify(first)).toMatchObject({ kind: "verified" });
});

it("a draft is judged without any contact, also by what stands in the marketplace's example", () => {
  const gcp = createGcp();
  expect(gcp.rules?.rows.filter(({ id }) => id.startsWith("gcp.offer.")).length).toBeGreaterThan(20);
  const market = openMarket();
  expect(market.offers.gaps(offerDraft())).toEqual([]);
  expect(market.offers.notices?.(offerDraft()).length).toBeGreaterThan(2);
  expect([market.sent, market.tokens, partnerId.length > 0]).toEqual([[], [], true]);
});
