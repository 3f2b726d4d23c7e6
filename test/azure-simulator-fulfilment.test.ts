/** The simulated SaaS fulfillment API, judged by Microsoft's public OpenAPI document. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  plansSchema,
  resolvedSchema,
  saasOperationSchema,
  subscriptionsPageSchema,
} from "../adapters/azure/wire-offers.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { hooks, ids, type MarketplaceRig, openMarketplaceRig, saasUrl } from "./azure-marketplace-rig.ts";
import type { Raw } from "./azure-simulator-rig.ts";
import openapi from "./vectors/azure/saasapi.v2.short.json" with { type: "json" };

/** The document's schemas as JSON Schema, with no member allowed that it does not name. */
const strict = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema);
  const reference = entries.find(([key]) => key === "$ref");
  if (reference) return { $ref: String(reference[1]).replace("#/components/schemas/", "#/$defs/") };
  const inner = entries.map(([key, value]) => [key, strict(value)] as const);
  // Numbers' formats say how wide they are, which JSON does not show.
  const kept = inner.filter(([key, value]) => key !== "format" || !String(value).startsWith("int"));
  const isObject = entries.some(([key, value]) => key === "type" && value === "object");
  return { ...Object.fromEntries(kept), ...(isObject ? { additionalProperties: false } : {}) };
};
const $defs = strict(openapi.schemas) as JsonObject;
type Paths = Readonly<
  Record<
    string,
    Readonly<
      Record<
        string,
        {
          readonly responses: Readonly<
            Record<string, { readonly schema: unknown; readonly headers: readonly string[] }>
          >;
        }
      >
    >
  >
>;
const paths: Paths = openapi.paths;

/** What the document says to this answer of an operation; empty: nothing against it. */
const judged = (method: string, path: string, raw: Raw): readonly string[] => {
  const documented = paths[path]?.[method]?.responses[String(raw.status)];
  if (!documented) return [`${raw.status} is not documented for ${method} ${path}`];
  const missing = documented.headers.filter((name) => raw.headers.get(name) === null).map((name) => `no ${name}`);
  if (raw.status >= 400) return raw.body?.error?.code && raw.body.error.message ? missing : [`no error in ${raw.text}`];
  if (documented.schema === null) return raw.text === "" ? missing : ["a body where there is none"];
  const schema = z.fromJSONSchema({ ...(strict(documented.schema) as object), $defs } as never);
  const parsed = schema.safeParse(raw.body);
  return parsed.success ? missing : parsed.error.issues.map(({ path: at, message }) => `${at.join(".")}: ${message}`);
};
const one = "/saas/subscriptions/{subscriptionId}";
const landed = (rig: MarketplaceRig, id: string): Promise<Raw["body"]> => rig.controls.onSubscription(`${id}/land`);
const resolve = (rig: MarketplaceRig, token: string): Promise<Raw> =>
  rig.saas("POST", "/resolve", undefined, { "x-ms-marketplace-token": token });
const perSeat = {
  pricing: [{ product: ids.product, plan: ids.perSeat, discountType: "percentage", discountPercentage: 10 }],
};
const operationOf = (raw: Raw): string =>
  new URL(raw.headers.get("operation-location") ?? "").pathname.replace(/^.*subscriptions/, "");

describe("the fulfillment API", () => {
  it("answers every operation of Microsoft's document in its shape", async () => {
    const rig = openMarketplaceRig();
    const [flat, seats] = [await rig.sell(), await rig.sell(perSeat, { quantity: 20 })];
    const verdicts: Record<string, readonly string[]> = {};
    const check = (method: string, path: string, raw: Raw): Raw => {
      verdicts[`${method} ${path} ${raw.status}`] = judged(method, path, raw);
      return raw;
    };
    for (const { id } of [flat, seats])
      check("post", "/saas/subscriptions/resolve", await resolve(rig, (await landed(rig, id)).token));
    check("post", `${one}/activate`, await rig.saas("POST", `/${flat.id}/activate`, { planId: "standard" }));
    check(
      "post",
      `${one}/activate`,
      await rig.saas("POST", `/${seats.id}/activate`, { planId: "per-seat", quantity: 20 }),
    );
    check("get", "/saas/subscriptions/", await rig.saas("GET", "/"));
    check("get", one, await rig.saas("GET", `/${seats.id}`));
    check("get", `${one}/listAvailablePlans`, await rig.saas("GET", `/${seats.id}/listAvailablePlans`));
    const begun = check("patch", one, await rig.saas("PATCH", `/${seats.id}`, { quantity: 25 }));
    check("get", `${one}/operations`, await rig.saas("GET", `/${seats.id}/operations`));
    check("get", `${one}/operations/{operationId}`, await rig.saas("GET", operationOf(begun)));
    check(
      "patch",
      `${one}/operations/{operationId}`,
      await rig.saas("PATCH", operationOf(begun), { status: "Success" }),
    );
    check(
      "patch",
      `${one}/operations/{operationId}`,
      await rig.saas("PATCH", operationOf(begun), { status: "Failure" }),
    );
    check("delete", one, await rig.saas("DELETE", `/${flat.id}`));
    const nobody = "00000000-0000-4000-8000-000000000000";
    check("get", one, await rig.saas("GET", `/${nobody}`));
    check("patch", one, await rig.saas("PATCH", `/${seats.id}`, { quantity: 0 }));
    check("post", `${one}/activate`, await rig.saas("POST", `/${seats.id}/activate`, { planId: "per-seat" }));
    check("post", "/saas/subscriptions/resolve", await resolve(rig, "no token of ours"));
    check("get", "/saas/subscriptions/", await rig.raw(`${saasUrl}/?api-version=2018-08-31`));
    expect(Object.entries(verdicts).filter(([, verdict]) => verdict.length > 0)).toEqual([]);
    expect(Object.keys(verdicts)).toHaveLength(16);
  });
  it("says of a plan which private offer it comes from, and that it is private", async () => {
    const rig = openMarketplaceRig();
    const { id, offer } = await rig.sell();
    const { plans } = plansSchema.parse((await rig.saas("GET", `/${id}/listAvailablePlans`)).body);
    const told = plans.map(({ planId, isPrivate, sourceOffers }) => [
      planId,
      isPrivate,
      sourceOffers.map(({ externalId }) => externalId),
    ]);
    expect(told).toEqual([
      ["standard", true, [offer.id.replace("private-offer/", "")]],
      ["per-seat", false, []],
    ]);
    expect(plans[0]?.planComponents?.recurrentBillingTerms.map(({ price }) => price)).toEqual([
      "950",
      "855",
      "9500",
      "8550",
    ]);
    await rig.controls.change({ saas: { externalId: "durable" } });
    const durable = plansSchema.parse((await rig.saas("GET", `/${id}/listAvailablePlans?planId=standard`)).body);
    expect(durable.plans[0]?.sourceOffers[0]?.externalId).toBe(offer.id);
  });
  it("reads a landing's token for 24 hours, or as long as set", async () => {
    const rig = openMarketplaceRig();
    const bought = await rig.sell();
    await rig.controls.setTechnical(hooks);
    const { token, url } = await landed(rig, bought.id);
    expect(new URL(url).searchParams.get("token")).toBe(token);
    const { body } = await resolve(rig, token);
    expect(resolvedSchema.parse(body)).toMatchObject({
      id: bought.id,
      planId: "standard",
      subscription: { saasSubscriptionStatus: "PendingFulfillmentStart" },
    });
    rig.pause(24 * 3_600 - 1);
    expect((await resolve(rig, token)).status).toBe(200);
    rig.pause(1);
    expect((await resolve(rig, token)).status).toBe(400);
    await rig.controls.change({ saas: { tokenHours: 1 } });
    const short = (await landed(rig, bought.id)).token;
    rig.pause(3_600);
    expect((await resolve(rig, short)).status).toBe(400);
  });
  it("activates a purchase once, with the plan and the quantity that were bought; the term begins that day", async () => {
    const rig = openMarketplaceRig();
    const { id } = await rig.sell(perSeat, { quantity: 20, termMonths: 12 });
    const activate = (body: unknown) => rig.saas("POST", `/${id}/activate`, body).then(({ status }) => status);
    expect([await activate({ planId: "standard" }), await activate({ planId: "per-seat", quantity: 21 })]).toEqual([
      400, 400,
    ]);
    expect(await activate({ planId: "per-seat", quantity: 20 })).toBe(200);
    expect(await activate({ planId: "per-seat", quantity: 20 })).toBe(400);
    const { body } = await rig.saas("GET", `/${id}`);
    expect([body.saasSubscriptionStatus, body.term]).toEqual([
      "Subscribed",
      { termUnit: "P1Y", startDate: "2026-06-01T00:00:00.000Z", endDate: "2027-05-31T00:00:00.000Z" },
    ]);
  });
  it("ends a purchase that nobody activated within 30 days", async () => {
    const rig = openMarketplaceRig();
    const { id } = await rig.sell();
    await rig.settle(30 * 86_400);
    expect((await rig.saas("GET", `/${id}`)).body.saasSubscriptionStatus).toBe("Unsubscribed");
    expect((await rig.saas("POST", `/${id}/activate`, { planId: "standard" })).status).toBe(404);
  });
  it("changes plan or quantity, never both, one at a time, within the plan's limits", async () => {
    const rig = openMarketplaceRig();
    const bought = await rig.sell(perSeat, { quantity: 20 });
    expect((await rig.saas("PATCH", `/${bought.id}`, { quantity: 21 })).status).toBe(400);
    await rig.activate(bought);
    const patch = (body: unknown) => rig.saas("PATCH", `/${bought.id}`, body);
    const refused = [
      {},
      { planId: "standard", quantity: 25 },
      { quantity: 20 },
      { quantity: 1_001 },
      { planId: "per-seat" },
      { planId: "gold" },
      { quantity: "many" },
    ];
    for (const body of refused) expect((await patch(body)).status).toBe(400);
    const begun = await patch({ quantity: 25 });
    expect(begun.status).toBe(202);
    expect(saasOperationSchema.parse((await rig.saas("GET", operationOf(begun))).body)).toMatchObject({
      action: "ChangeQuantity",
      status: "InProgress",
      quantity: 25,
    });
    expect((await patch({ planId: "standard" })).status).toBe(400);
    await rig.settle(60);
    expect((await rig.saas("GET", operationOf(begun))).body.status).toBe("Succeeded");
    expect((await rig.saas("GET", `/${bought.id}`)).body.quantity).toBe(25);
    await rig.saas("PATCH", operationOf(await patch({ planId: "standard" })), { status: "Success" });
    const { body } = await rig.saas("GET", `/${bought.id}`);
    expect([body.planId, body.quantity]).toEqual(["standard", undefined]);
  });
  it("takes a late answer as a conflict, or as said already, as set", async () => {
    const rig = openMarketplaceRig();
    const bought = await rig.sell(perSeat, { quantity: 20 });
    await rig.activate(bought);
    const operation = operationOf(await rig.saas("PATCH", `/${bought.id}`, { quantity: 25 }));
    expect((await rig.saas("PATCH", operation, { status: "Done" })).status).toBe(400);
    expect((await rig.saas("PATCH", operation, { status: "Success", planId: "gold" })).status).toBe(400);
    await rig.settle(60);
    const late = (status: string) => rig.saas("PATCH", operation, { status }).then((raw) => raw.status);
    expect(await late("Success")).toBe(409);
    await rig.controls.change({ saas: { lateAnswer: "accepted" } });
    expect([await late("Success"), await late("Failure")]).toEqual([200, 409]);
  });
  it("pages its list by @nextLink", async () => {
    const rig = openMarketplaceRig({ settings: { saas: { pageSize: 2 } } });
    for (const company of ["a", "b", "c"]) await rig.controls.subscribe({ company });
    const first = subscriptionsPageSchema.parse((await rig.saas("GET")).body);
    const link = new URL(first["@nextLink"] ?? "");
    const second = subscriptionsPageSchema.parse(
      (await rig.saas("GET", `/?continuationToken=${link.searchParams.get("continuationToken")}`)).body,
    );
    expect([link.host, first.subscriptions.length, second.subscriptions.length, second["@nextLink"]]).toEqual([
      "marketplaceapi.microsoft.com",
      2,
      1,
      undefined,
    ]);
  });
  it("demands the application's own token for the marketplace, and its version", async () => {
    const rig = openMarketplaceRig();
    const url = `${saasUrl}?api-version=2018-08-31`;
    const as = async (token: string) => (await rig.raw(url, { headers: { authorization: `Bearer ${token}` } })).status;
    expect([(await rig.raw(url)).status, await as(await rig.applicationToken("graph.microsoft.com"))]).toEqual([
      403, 403,
    ]);
    const user = (await rig.refresh(undefined, { scope: "20e940b3-4c77-4b0b-9a53-9e16a1b010a7/.default" })).body
      .access_token;
    expect(await as(user)).toBe(403);
    expect((await rig.saas("GET", "/?api-version=2017-04-15")).status).toBe(400);
  });
});
