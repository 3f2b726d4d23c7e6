/**
 * What Microsoft tells of a private offer. Its API knows what the seller wrote, not what the buyer did: that an offer was accepted
 * follows from a subscription whose private plan names it, that one has run out from its last day.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/job-status-and-retrieve-private-offer-detail-api
 */
import * as z from "zod";
import type { Json, JsonObject, RemoteRef } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { OfferEvent } from "../../../src/domain/machine.ts";
import { type Evidence, type OfferObservation, type OfferTerms, offerTermsSchema } from "../../../src/domain/offer.ts";
import type { Hint, OfferTells, Page } from "../../contract.ts";
import type { WireSubscription } from "../wire-offers.ts";
import { sameWord, type WirePrivateOffer } from "../wire-offers.ts";
import { evidenceOf } from "./agreements.ts";
import { getOffer, refOf, versionOf } from "./jobs.ts";
import { markIn, offerIdOf, unmarked } from "./names.ts";
import { type MarketDeps, offersPage, type Query } from "./reading.ts";
import { subscriptionsOf } from "./sources.ts";

/** How Microsoft tells what becomes of an offer. */
export const tells: OfferTells = {
  viewed: null,
  accepted:
    "a SaaS subscription whose private plan names the offer as its source; buyers accept first and purchase later, and only the purchase shows",
  acceptedIs: "inferred",
  active: "the subscription's status Subscribed, once it is activated",
};

interface Stand {
  readonly event: OfferEvent | null;
  readonly evidence?: Evidence;
}
/** Words that the portal has beside those of the documents. */
const portalWords: readonly (readonly [string, OfferEvent])[] = [
  ["accepted", "accepted"],
  ["expired", "expired"],
  ["superseded", "superseded"],
  ["withdrawn", "withdrawn"],
];
const isReseller = ({ privateOfferType }: WirePrivateOffer): boolean => sameWord(privateOfferType, "cspPromotion");

/** Pure: what an offer's record and the subscriptions that name it come to. `today`: YYYY-MM-DD in UTC. Undefined: an unknown word. */
export const standOf = (
  offer: WirePrivateOffer,
  { subscriptions, today }: { readonly subscriptions: readonly WireSubscription[]; readonly today: string },
): Stand | undefined => {
  const [first] = subscriptions;
  if (first !== undefined)
    return {
      event: "accepted",
      evidence: evidenceOf(first, offerIdOf(offer.id)),
    };
  if (sameWord(offer.state, "draft")) return { event: null };
  const said = portalWords.find(([word]) => sameWord(offer.state, word))?.[1];
  if (said !== undefined)
    return { event: said, evidence: { kind: "stated", from: `the private offer's state ${offer.state}` } };
  if (!sameWord(offer.state, "live")) return undefined;
  const last = offer.acceptBy;
  if (isReseller(offer) || !last || today <= last) return { event: "published" };
  return { event: "expired", evidence: { kind: "inferred", from: `its last day ${last} is over` } };
};

const dayPattern = /^\d{4}-\d{2}-\d{2}/;
const dayOf = (text: string | null | undefined): string | null => dayPattern.exec(text ?? "")?.[0] ?? null;

/** The terms as they stand there; what does not fit is left out. Prices of their own lie in another resource and are not read. */
export const observedTerms = (offer: WirePrivateOffer): Partial<OfferTerms> => {
  const [row] = offer.pricing.length > 0 ? offer.pricing : offer.originatorPricing;
  const [partner] = offer.partners;
  const [first] = offer.beneficiaries;
  const isCsp = isReseller(offer);
  const customers = isCsp
    ? offer.beneficiaries.flatMap(({ beneficiaryRecipients }) => beneficiaryRecipients)
    : offer.beneficiaries;
  const discount = sameWord(row?.discountType, "percentage") ? (row?.discountPercentage ?? null) : null;
  const [start, end] = [dayOf(offer.start), dayOf(offer.end)];
  const seller = isCsp
    ? { account: first?.id, name: first?.description }
    : { account: partner?.id, name: partner?.partnerName };
  const found: Readonly<Record<string, unknown>> = {
    name: unmarked(offer.name ?? ""),
    buyer: {
      accounts: customers.flatMap(({ id }) => id ?? []),
      name: isCsp ? undefined : first?.description || undefined,
    },
    product: row?.product,
    plan: row?.plan ?? row?.basePlan ?? undefined,
    price: discount === null ? undefined : { model: "usage", discountPercent: discount },
    term: start !== null && end !== null ? { start, end } : undefined,
    acceptBy: dayOf(offer.acceptBy) ?? undefined,
    replaces: offer.upgradedFrom?.id ?? undefined,
    // Partner Center's tick, where the undocumented member tells it.
    renewal: offer.customerContractRenewal === true ? { kind: "native", attested: true } : undefined,
    channelPartner: seller.account ? { account: seller.account, name: seller.name || undefined } : undefined,
  };
  const entries = Object.entries(found).flatMap(([name, value]) => {
    const schema = (offerTermsSchema.shape as Readonly<Record<string, z.ZodType>>)[name];
    const parsed = value === undefined || value === null ? undefined : schema?.safeParse(value);
    return parsed?.success ? [[name, parsed.data] as const] : [];
  });
  return Object.fromEntries(entries) as Partial<OfferTerms>;
};

const factsOf = (offer: WirePrivateOffer, subscriptions: readonly WireSubscription[]): JsonObject => {
  const facts: Readonly<Record<string, Json | undefined>> = {
    state: offer.state,
    privateOfferType: offer.privateOfferType,
    offerPricingType: offer.offerPricingType,
    name: offer.name,
    end: offer.end,
    attestedRenewal: offer.customerContractRenewal,
    lastModified: offer.lastModified,
    plans: offer.pricing.length || offer.originatorPricing.length || undefined,
    subscriptions: subscriptions.length || undefined,
  };
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value]])),
  );
};

/** Reads an offer and, where it may have been accepted, what was bought by it. */
export const look = async (deps: MarketDeps, ref: RemoteRef): Promise<Result<OfferObservation>> => {
  const seen = await getOffer(deps, ref.id);
  if (!seen.ok) return seen;
  const { value: offer, text } = seen.value;
  const mayBeBought = !sameWord(offer.state, "draft") && !isReseller(offer);
  const found = mayBeBought ? await subscriptionsOf(deps, offer.id, productsOf(offer)) : ok([]);
  if (!found.ok) return found;
  const now = deps.clock.now();
  const stand = standOf(offer, { subscriptions: found.value, today: now.toISOString().slice(0, 10) });
  if (stand === undefined)
    return failed({
      kind: "drift",
      message: `Microsoft's private offer ${offerIdOf(offer.id)} is in the state ${JSON.stringify((offer.state ?? "").slice(0, 40))}, which is not known here. Look at it in Partner Center`,
      body: text,
    });
  const [agreement] = found.value;
  return ok({
    ref: refOf(offer.id),
    version: versionOf(offer),
    ...stand,
    marker: markIn(offer),
    acceptBy: dayOf(offer.acceptBy),
    agreement: agreement === undefined ? null : { id: agreement.id.toLowerCase() },
    terms: observedTerms(offer),
    // Partner Center gives the link to a person; no document says how it is formed.
    acceptUrl: null,
    facts: factsOf(offer, found.value),
    body: text,
    seenAt: now,
  });
};
const productsOf = (offer: WirePrivateOffer): readonly string[] =>
  [...offer.pricing, ...offer.originatorPricing].flatMap(({ product }) => product ?? []);

const cursorSchema = z
  .object({
    /** The greatest day of change seen by finished passes, YYYY-MM-DD. */
    after: z.string().nullable(),
    seen: z.string().nullable(),
    /** The next page's query; null: a new pass begins. */
    query: z.record(z.string(), z.string()).nullable(),
  })
  .catch({ after: null, seen: null, query: null });
type Cursor = z.infer<typeof cursorSchema>;

const laterDay = (a: string | null, b: string | null): string | null => (a === null || (b !== null && b > a) ? b : a);

/**
 * Private offers that changed since the cursor, whoever made them. The list takes no filter and times are days: what changed on the
 * last day that was seen is told again. A page that Microsoft no longer takes starts the pass anew.
 */
export const changes = async (deps: MarketDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  let from: Cursor = cursorSchema.parse(cursor);
  let listed = await offersPage(deps, from.query ?? {});
  if (!listed.ok && from.query !== null && ["rejected", "missing"].includes(listed.fault.kind)) {
    from = { ...from, seen: null, query: null };
    listed = await offersPage(deps, {});
  }
  if (!listed.ok) return listed;
  const { rows, next } = listed.value;
  const isNews = (at: string | null): boolean => from.after === null || at === null || at >= from.after;
  const items = rows.flatMap((row): readonly Hint[] => {
    const at = dayOf(row.lastModified);
    return sameWord(row.state, "deleted") || !isNews(at)
      ? []
      : [{ kind: "offer", id: offerIdOf(row.id), at: row.lastModified ?? null }];
  });
  const seen = rows.reduce<string | null>((latest, row) => laterDay(latest, dayOf(row.lastModified)), from.seen);
  const query: Query | null = next;
  return ok({
    items,
    cursor: query === null ? { after: laterDay(from.after, seen), seen: null, query: null } : { ...from, seen, query },
    more: query !== null,
  });
};
