/**
 * Private offers as the API shows them, and the products, plans and prices that they are made of.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/job-status-and-retrieve-private-offer-detail-api
 */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import type { WireAnswer } from "../../../simulator/departure.ts";
import { isObject, listAt, pick, textAt } from "../../../simulator/document.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import { bareId, graphHost, ingestionPath, ingestionSchemas } from "../../wire-offers.ts";
import { answered } from "../answers.ts";
import { accountOf, type Call } from "../calls.ts";
import type { World } from "../world.ts";
import { ingestionRefusal } from "./answers.ts";
import { catalogue, durablePlanId, type Product, planOf, productOf, publicPrices } from "./catalogue.ts";
import type { OfferRecord } from "./rows.ts";

const briefMembers = ["name", "privateOfferType", "offerPricingType", "end", "acceptBy"];

export const createOffers = (world: World) => {
  const { ledger } = world;

  const stateOf = (row: OfferRecord): string => {
    if (world.settings().offers.states === "authored" || row.state !== "live") return row.state;
    return row.acceptedAt === null ? (row.ended ?? "live") : "accepted";
  };
  const pricingView = (pricing: Json): Json => {
    if (!isObject(pricing)) return pricing;
    const product = productOf(textAt(pricing, "product") ?? "");
    const plan = product ? planOf(product, textAt(pricing, "plan") ?? textAt(pricing, "basePlan") ?? "") : null;
    return {
      ...pricing,
      ...(product ? { productName: product.alias } : {}),
      ...(plan ? { planName: plan.alias } : {}),
    };
  };
  const view = (row: OfferRecord): JsonObject => ({
    id: `private-offer/${row.id}`,
    ...row.document,
    ...(row.document.pricing === undefined ? {} : { pricing: listAt(row.document, "pricing").map(pricingView) }),
    state: stateOf(row),
    lastModified: row.modifiedAt.slice(0, 10),
    eTag: row.etag,
    $schema: ingestionSchemas.offer,
  });
  const brief = (row: OfferRecord): JsonObject => ({
    $schema: ingestionSchemas.offer,
    id: `private-offer/${row.id}`,
    ...pick(row.document, briefMembers),
    state: stateOf(row),
    lastModified: row.modifiedAt.slice(0, 10),
  });

  const notFound = (what: string, id: string): Error => ingestionRefusal(404, `The ${what} '${id}' was not found.`);
  /** A page, and the opaque address of the next. */
  const page = (call: Call, rows: readonly JsonObject[]): WireAnswer => {
    const { pageSize, nextLink } = world.settings().offers;
    const token = call.place.query.get("$skipToken");
    const begin = token === null ? 0 : Number(token.replace(/^page-/, ""));
    const isBroken = call.struck.has("page_token_expired") && token !== null;
    if (!Number.isSafeInteger(begin) || begin < 0 || isBroken)
      throw ingestionRefusal(400, "The continuation token is not valid.");
    const end = begin + pageSize;
    const host = nextLink === "graph" ? graphHost : "product-ingestion.mp.microsoft.com";
    const path = nextLink === "graph" ? call.place.path : call.place.path.replace(ingestionPath, "");
    const query = new URLSearchParams(call.place.query);
    query.set("$skipToken", `page-${end}`);
    return answered(200, {
      value: rows.slice(begin, end),
      ...(end < rows.length ? { "@nextLink": `https://${host}${path}?${query.toString()}` } : {}),
    });
  };
  const productFor = (id: string): Product => {
    const product = productOf(id);
    if (!product) throw notFound("product", id);
    return product;
  };
  const tailOf = (call: Call, route: string): string =>
    decodeURIComponent(call.place.path.slice(call.place.path.toLowerCase().indexOf(route) + route.length)).replace(
      /\/$/,
      "",
    );

  return {
    view,
    get: (call: Call): WireAnswer => {
      const id = tailOf(call, "/private-offer/");
      const row = ledger.offers.get(bareId(id).toLowerCase());
      if (row?.account !== accountOf(call) || row.state === "deleted") throw notFound("private offer", id);
      return answered(200, view(row));
    },
    query: (call: Call): WireAnswer => {
      const lag = call.struck.find("search_lag");
      const lagSeconds = lag ? (lag.seconds ?? 60) : world.settings().offers.lagSeconds;
      const shownUntil = addSeconds(call.now, -lagSeconds).toISOString();
      const rows = ledger.offers
        .all()
        .filter(({ account, state }) => account === accountOf(call) && state !== "deleted")
        .filter(({ createdAt }) => createdAt <= shownUntil)
        .toSorted((a, b) => a.sequence - b.sequence);
      return page(call, rows.map(world.settings().offers.queryRows === "full" ? view : brief));
    },
    products: (call: Call): WireAnswer => {
      const wanted = call.place.query.get("externalId");
      const rows = catalogue.filter(({ externalId }) => wanted === null || externalId === wanted);
      return page(
        call,
        rows.map(({ id, externalId, type, alias }) => ({
          $schema: ingestionSchemas.product,
          id: `product/${id}`,
          identity: { externalId },
          type,
          alias,
        })),
      );
    },
    plans: (call: Call): WireAnswer => {
      const productId = call.place.query.get("product");
      if (productId === null) throw ingestionRefusal(400, "The query parameter 'product' is required.");
      const product = productFor(productId);
      const wanted = call.place.query.get("externalId");
      const rows = product.plans.filter(({ externalId }) => wanted === null || externalId === wanted);
      return page(
        call,
        rows.map((plan) => ({
          $schema: ingestionSchemas.plan,
          product: `product/${product.id}`,
          id: durablePlanId(product, plan),
          identity: { externalId: plan.externalId },
          alias: plan.alias,
        })),
      );
    },
    /** Of a public plan, to be edited; or, by its own id, one that an offer has. */
    prices: (call: Call): WireAnswer => {
      const id = tailOf(call, "/price-and-availability-private-offer-plan/");
      const own = ledger.prices.get(id);
      if (own?.account === accountOf(call)) return answered(200, own.document);
      const product = productFor(id);
      const planId = call.place.query.get("plan");
      if (planId === null) throw ingestionRefusal(400, "The query parameter 'plan' is required.");
      const plan = planOf(product, planId);
      if (!plan) throw notFound("plan", planId);
      return answered(200, publicPrices(product, plan));
    },
  };
};
export type Offers = ReturnType<typeof createOffers>;
