/** The webhook of the simulated marketplace: its token, its shapes, its retries, and ten seconds to object. */
import { createRemoteJWKSet, customFetch, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/azure/simulator/index.ts";
import { callForgeries } from "../adapters/azure/simulator/marketplace/rows.ts";
import { saasOperationSchema, saasWebhookSchema } from "../adapters/azure/wire-offers.ts";
import {
  type Called,
  hooks,
  ids,
  type MarketplaceRig,
  type MarketplaceRigOptions,
  openMarketplaceRig,
} from "./azure-marketplace-rig.ts";
import type { Raw } from "./azure-simulator-rig.ts";

const { tenantId, clientId } = simulatedCredential;
const perSeat = {
  pricing: [{ product: ids.product, plan: ids.perSeat, discountType: "percentage", discountPercentage: 10 }],
};

/** A publisher with a subscription of 20 seats that has begun. */
const openSold = async (options: MarketplaceRigOptions = {}) => {
  const rig = openMarketplaceRig(options);
  await rig.controls.setTechnical(hooks);
  const bought = await rig.sell(perSeat, { quantity: 20, termMonths: 1 });
  await rig.activate(bought);
  const act = async (name: string, body = {}): Promise<Raw["body"]> =>
    (await rig.controls.onSubscription(`${bought.id}/${name}`, body)).operation;
  const get = async (path = ""): Promise<Raw["body"]> => (await rig.saas("GET", `/${bought.id}${path}`)).body;
  const statusOf = async (operation: Raw["body"]): Promise<string> => (await get(`/operations/${operation.id}`)).status;
  /** Moves through all that is due in so many seconds, each at its time. */
  const pass = (seconds: number) => rig.controls.advance(seconds / 86_400);
  return { rig, bought, act, get, statusOf, pass };
};

/** What a careful receiver makes of a call's token: `good`, or what is wrong with it. Keys by discovery, as Entra publishes them. */
const judge = async (rig: MarketplaceRig, { headers }: Called, version: 1 | 2): Promise<string> => {
  const fetched = (url: string) => rig.simulator.fetch(new Request(url));
  const base = `https://login.microsoftonline.com/${tenantId}${version === 1 ? "" : "/v2.0"}`;
  const metadata = await (await fetched(`${base}/.well-known/openid-configuration`)).json();
  const [, token = ""] = /^Bearer (.+)$/.exec(headers.get("authorization") ?? "") ?? [];
  if (token === "") return "no token";
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri), { [customFetch]: (url) => fetched(String(url)) });
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ["RS256"],
      audience: clientId,
      issuer: metadata.issuer,
      currentDate: rig.clock.now(),
    });
    const caller = payload[version === 1 ? "appid" : "azp"];
    if (payload.tid !== tenantId) return "tenant";
    return caller === "20e940b3-4c77-4b0b-9a53-9e16a1b010a7" ? "good" : "application";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "broken";
  }
};

describe("the webhook's token", () => {
  it("is Entra's, to our application from the marketplace's, in either form of the issuer", async () => {
    for (const [issuer, version, name] of [
      ["v1", 1, "https://sts.windows.net"],
      ["v2", 2, "https://login.microsoftonline.com"],
    ] as const) {
      const { rig, act } = await openSold({ settings: { saas: { issuer } } });
      await act("suspend");
      await rig.settle(5);
      const [call] = rig.hooks();
      expect(call && (await judge(rig, call, version))).toBe("good");
      const claims = JSON.parse(atob((call?.headers.get("authorization") ?? "").split(".")[1] ?? ""));
      expect(claims.iss.startsWith(name)).toBe(true);
    }
  });
  it("of a forger is wrong in the way that was asked for", async () => {
    const { rig, bought, act } = await openSold();
    await act("suspend");
    await rig.settle(5);
    const verdicts: string[] = [];
    for (const kind of callForgeries) {
      await rig.controls.forgeCall({ kind, subscriptionId: bought.id });
      await rig.settle(5);
      const call = rig.hooks().at(-1);
      verdicts.push(`${kind}: ${call && (await judge(rig, call, 1))}`);
    }
    expect(verdicts).toEqual([
      "other_key: ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
      "other_audience: ERR_JWT_CLAIM_VALIDATION_FAILED",
      "other_tenant: ERR_JWT_CLAIM_VALIDATION_FAILED",
      "other_application: application",
      "expired: ERR_JWT_EXPIRED",
      "unsigned: ERR_JOSE_ALG_NOT_ALLOWED",
      "no_token: no token",
    ]);
  });
});

describe("an operation that waits for the publisher", () => {
  it("is accepted ten seconds after the publisher was told", async () => {
    const { rig, act, get, statusOf, pass } = await openSold();
    const operation = await act("change", { quantity: 30 });
    await pass(9);
    expect([await statusOf(operation), (await get()).quantity, rig.hooks().length]).toEqual(["InProgress", 20, 1]);
    await pass(4);
    expect([await statusOf(operation), (await get()).quantity]).toEqual(["Succeeded", 30]);
  });
  it("fails when the publisher answers 4xx or says Failure, and is over at once when it says Success", async () => {
    const refusing = await openSold({ publisher: ({ method }) => (method === "POST" ? 403 : 200) });
    const refused = await refusing.act("change", { quantity: 30 });
    await refusing.pass(60);
    expect([await refusing.statusOf(refused), (await refusing.get()).quantity, refusing.rig.hooks().length]).toEqual([
      "Failed",
      20,
      1,
    ]);
    for (const [status, expected] of [
      ["Failure", ["Failed", 20]],
      ["Success", ["Succeeded", 30]],
    ] as const) {
      const { rig, bought, act, get, statusOf } = await openSold();
      const operation = await act("change", { quantity: 30 });
      await rig.settle(4);
      expect((await rig.saas("PATCH", `/${bought.id}/operations/${operation.id}`, { status })).status).toBe(200);
      expect([await statusOf(operation), (await get()).quantity]).toEqual(expected);
      await rig.settle(60);
      expect([await statusOf(operation), (await get()).quantity]).toEqual(expected);
    }
  });
  it("is tried 500 times more over 8 hours, then fails", async () => {
    const { rig, act, get, statusOf } = await openSold({ publisher: () => 500 });
    const operation = await act("change", { quantity: 30 });
    await rig.settle(60);
    const before = rig.hooks().length;
    await rig.controls.advance(0.5);
    const [first, last] = [rig.hooks()[0], rig.hooks().at(-1)];
    const hours = (Date.parse(last?.at ?? "") - Date.parse(first?.at ?? "")) / 3_600_000;
    expect([before > 0, rig.hooks().length, Math.round(hours * 10) / 10]).toEqual([true, 501, 8]);
    expect([await statusOf(operation), (await get()).quantity]).toEqual(["Failed", 20]);
  });
  it("is accepted as well when there is no address to tell", async () => {
    const { rig, act, statusOf } = await openSold();
    await rig.controls.setTechnical({ webhookUrl: null });
    const operation = await act("change", { quantity: 30 });
    await rig.settle(11);
    expect([await statusOf(operation), rig.hooks()]).toEqual(["Succeeded", []]);
  });
});

describe("what is only told", () => {
  it("has happened already: suspension, renewal, end; a 4xx stops nothing and is tried again", async () => {
    let answer = 403;
    const { rig, act, get, statusOf, pass } = await openSold({ publisher: () => answer });
    const suspended = await act("suspend");
    expect([await statusOf(suspended), (await get()).saasSubscriptionStatus]).toEqual(["Succeeded", "Suspended"]);
    await pass(4);
    answer = 200;
    await pass(60);
    expect(rig.hooks().map(({ body }) => body.action)).toEqual(["Suspend", "Suspend"]);
    await act("reinstate");
    expect((await get()).saasSubscriptionStatus).toBe("Suspended");
    await pass(60);
    expect((await get()).saasSubscriptionStatus).toBe("Subscribed");
    await act("renew");
    expect((await get()).term).toMatchObject({
      startDate: "2026-07-01T00:00:00.000Z",
      endDate: "2026-07-31T00:00:00.000Z",
    });
    await act("unsubscribe");
    expect((await get()).saasSubscriptionStatus).toBe("Unsubscribed");
  });
  it("may be the activation too, as set", async () => {
    const { rig, pass } = await openSold({ settings: { saas: { subscribeEvent: true } } });
    await pass(5);
    expect(rig.hooks().map(({ body }) => body.action)).toEqual(["Subscribe"]);
  });
  it("ends a suspension of 30 days, and renews a term by itself on its day", async () => {
    const paused = await openSold();
    await paused.act("suspend");
    await paused.rig.controls.advance(31);
    expect((await paused.get()).saasSubscriptionStatus).toBe("Unsubscribed");
    const { rig, get } = await openSold();
    await rig.controls.advance(31);
    expect((await get()).term.startDate).toBe("2026-07-01T00:00:00.000Z");
    expect(rig.hooks().map(({ body }) => body.action)).toEqual(["Renew"]);
  });
});

describe("the webhook's body", () => {
  it("varies as documented: quantity as number, text or null, no status, spaces, the legacy Reinstate; and parses all the same", async () => {
    const { rig, bought, act, pass } = await openSold();
    for (let round = 0; round < 14; round += 1) {
      await act("suspend");
      await act("reinstate");
      await pass(20);
      await act("change", { quantity: 30 + round });
      await pass(20);
      for (const planId of ["standard", "per-seat"]) {
        await act("change", { planId });
        await pass(20);
      }
    }
    const bodies = rig.hooks().map(({ body }) => body);
    const shapes = {
      text: bodies.some(({ quantity }) => typeof quantity === "string"),
      number: bodies.some(({ quantity }) => typeof quantity === "number"),
      nothing: bodies.some(({ quantity }) => quantity === null),
      noStatus: bodies.some(({ action, status, planId }) => action && planId && status === undefined),
      spaces: bodies.some(({ planId }) => planId?.endsWith(" ")),
      legacy: bodies.some(({ operationType, id }) => operationType === "Reinstate" && id === undefined),
      minimal: bodies.some(({ action, planId }) => action === "ChangePlan" && planId === undefined),
    };
    expect(shapes).toEqual({
      text: true,
      number: true,
      nothing: true,
      noStatus: true,
      spaces: true,
      legacy: true,
      minimal: true,
    });
    const parsed = bodies.map((body) => saasWebhookSchema.parse(body));
    expect(parsed.every(({ subscriptionId }) => subscriptionId === bought.id)).toBe(true);
    expect(parsed.some(({ planId }) => planId?.endsWith(" "))).toBe(false);
  });
  it("is plain where set so, and lies about nothing that Get Operation says", async () => {
    const { rig, bought, act, pass } = await openSold({ settings: { saas: { shapes: "plain" } } });
    const operation = await act("change", { quantity: 30 });
    await pass(5);
    const [call] = rig.hooks();
    const told = saasWebhookSchema.parse(call?.body);
    const { body } = await rig.saas("GET", `/${bought.id}/operations/${operation.id}`);
    const { activityId, action, quantity, status, planId } = saasOperationSchema.parse(body);
    expect(told).toMatchObject({ id: operation.id, activityId, action, quantity, planId });
    expect([status, told.operationRequestSource]).toEqual(["InProgress", "Azure"]);
  });
  it("comes twice, late or never by the faults of events", async () => {
    const { rig, act, statusOf, pass } = await openSold();
    await rig.controls.setFaults([
      { on: "event", event: "webhook", fault: "duplicate_event", nth: 1 },
      { on: "event", event: "webhook", fault: "event_lost", nth: 2 },
    ]);
    const first = await act("change", { quantity: 30 });
    await pass(20);
    expect([rig.hooks().length, await statusOf(first)]).toEqual([2, "Succeeded"]);
    await act("change", { quantity: 31 });
    await pass(20);
    expect(rig.hooks().length).toBe(2);
  });
});
