/**
 * Which subscriptions came of a private offer: those whose plan names it. A subscription does not say so itself, so the plan of each
 * unknown one is read once, newest first and so many at a time; the answer never changes and is remembered.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-subscription-api
 */
import { ok, type Result } from "../../../src/domain/fault.ts";
import { plansSchema, sameWord, type WireSubscription } from "../wire-offers.ts";
import { offerIdOf } from "./names.ts";
import { type MarketDeps, type Query, readOf, subscriptionsPage } from "./reading.ts";

const pagesMax = 200;
/** What is left over is read by the next look. */
const plansPerLookMax = 50;

const keyOf = ({ connectionId }: MarketDeps, { id, planId }: WireSubscription): string =>
  `${connectionId} ${id} ${planId ?? ""}`.toLowerCase();

/** All subscriptions, at most a minute old. */
export const allSubscriptions = async (deps: MarketDeps): Promise<Result<readonly WireSubscription[]>> => {
  const nowMs = deps.clock.now().getTime();
  const kept = deps.memory.listOf(deps.connectionId, nowMs);
  if (kept !== null) return ok(kept);
  const rows: WireSubscription[] = [];
  let query: Query | null = {};
  for (let page = 0; query !== null && page < pagesMax; page += 1) {
    const listed: Awaited<ReturnType<typeof subscriptionsPage>> = await subscriptionsPage(deps, query);
    if (!listed.ok) return listed;
    rows.push(...listed.value.rows);
    query = listed.value.next;
  }
  deps.memory.keepList(deps.connectionId, rows, nowMs);
  return ok(rows);
};

/** The private offers that a subscription's plan comes from; none: it is a public plan. */
export const sourcesOf = async (
  deps: MarketDeps,
  subscription: WireSubscription,
): Promise<Result<readonly string[]>> => {
  const key = keyOf(deps, subscription);
  const known = deps.memory.sourcesOf(key);
  if (known !== null) return ok(known);
  const { id, planId } = subscription;
  const read = await readOf(deps, plansSchema, {
    operation: "ListAvailablePlans",
    surface: "fulfillment",
    path: `/subscriptions/${encodeURIComponent(id)}/listAvailablePlans`,
    ...(planId ? { query: { planId } } : {}),
  });
  if (!read.ok) {
    // A subscription that has ended may have no plans to show any more.
    if (isLive(subscription) || (read.fault.kind !== "missing" && read.fault.kind !== "rejected")) return read;
    deps.memory.keepSources(key, []);
    return ok([]);
  }
  const own = read.value.value.plans.find((plan) => sameWord(planId, plan.planId) && plan.isPrivate === true);
  const offers = (own?.sourceOffers ?? []).flatMap(({ externalId }) => (externalId ? [offerIdOf(externalId)] : []));
  deps.memory.keepSources(key, offers);
  return ok(offers);
};

const isLive = ({ saasSubscriptionStatus }: WireSubscription): boolean =>
  !sameWord(saasSubscriptionStatus, "Unsubscribed");
const newestFirst = (a: WireSubscription, b: WireSubscription): number =>
  (b.created ?? "").localeCompare(a.created ?? "");

/** Subscriptions that came of an offer, those that still run first, newest first. `products`: durable ids that it is about; none: any. */
export const subscriptionsOf = async (
  deps: MarketDeps,
  offer: string,
  products: readonly string[] = [],
): Promise<Result<readonly WireSubscription[]>> => {
  const listed = await allSubscriptions(deps);
  if (!listed.ok) return listed;
  const names = products.map((id) => deps.market.products.find((known) => known.id === id)?.offerId ?? null);
  const isCandidate = ({ offerId, isTest }: WireSubscription): boolean =>
    isTest !== true && (names.length === 0 || names.includes(null) || names.includes(offerId ?? null));
  const wanted = offerIdOf(offer);
  const found: WireSubscription[] = [];
  let reads = 0;
  for (const row of listed.value.filter(isCandidate).toSorted(newestFirst)) {
    const known = deps.memory.sourcesOf(keyOf(deps, row));
    if (known === null && ++reads > plansPerLookMax) continue;
    const sources = known === null ? await sourcesOf(deps, row) : ok(known);
    if (!sources.ok) return sources;
    if (sources.value.includes(wanted)) found.push(row);
  }
  return ok([...found.filter(isLive), ...found.filter((row) => !isLive(row))]);
};
