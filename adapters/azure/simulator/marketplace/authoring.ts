/** What a job does to private offers: drafts, publishes, withdraws, deletes and upgrades them, all of a request or nothing. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { canonical } from "../../../simulator/document.ts";
import { bareId } from "../../wire-offers.ts";
import type { Occasion, World } from "../world.ts";
import { planOf, productOf } from "./catalogue.ts";
import type { OfferRecord } from "./rows.ts";
import { JobError, judgeLive, judgePrice, judgeTransition, missing } from "./rules.ts";
import {
  type OfferDocument,
  type OfferType,
  offerDocumentSchema,
  offerTypeOf,
  type Resource,
  type WantedOffer,
  type WantedPrice,
} from "./shapes.ts";

/** What a change of an offer means to its buyer. */
export interface OfferWatch {
  /** It is live, and buyers may act from now on. */
  readonly published: (row: OfferRecord, occasion: Occasion) => void;
  /** It is live as before, perhaps until another day. */
  readonly extended: (row: OfferRecord) => void;
  /** Nobody can accept it any more. */
  readonly closed: (row: OfferRecord) => void;
}
export interface Done {
  readonly offers: readonly string[];
  readonly isDeletion: boolean;
}
interface Request {
  readonly account: string;
  readonly occasion: Occasion;
  /** The prices placed so far in the request, by name. */
  readonly prices: Map<string, WantedPrice>;
}

export const createAuthoring = (world: World, watch: OfferWatch) => {
  const { ledger } = world;

  const found = (account: string, id: string): OfferRecord => {
    const row = ledger.offers.get(bareId(id));
    if (row?.account !== account || row.state === "deleted") throw missing("private offer", id);
    return row;
  };
  /** Writes an offer's new version. */
  const save = (row: OfferRecord, change: Partial<OfferRecord>, { now }: Occasion): OfferRecord => {
    const saved = { ...row, ...change, modifiedAt: now.toISOString(), etag: world.etag(now) };
    ledger.offers.put(row.id, saved);
    return saved;
  };

  const isTaken = (account: string, name: string): boolean =>
    ledger.offers.all().some((row) => row.account === account && row.state !== "deleted" && row.document.name === name);

  /** The document with its prices kept as resources of their own, whose ids take the place of their names. */
  const withPrices = (document: OfferDocument, offerId: string, request: Request): OfferDocument => ({
    ...document,
    pricing: (document.pricing ?? []).map((row) => {
      const { priceDetails } = row;
      const price = typeof priceDetails === "object" ? request.prices.get(priceDetails.resourceName) : undefined;
      if (!price) return row;
      const product = productOf(price.product);
      const plan = product ? planOf(product, price.plan) : null;
      const id = `${product?.id ?? ""}/${2_152_924_500_000_000_000n + BigInt(world.sequence())}`;
      const kept = `price-and-availability-private-offer-plan/${id}`;
      const { resourceName: _name, ...stored } = price;
      const { account } = request;
      const own: JsonObject = { ...plainOf(stored), id: kept, plan: `plan/${product?.id ?? ""}/${plan?.id ?? ""}` };
      ledger.prices.put(id, { id, account, offerId, document: own });
      return { ...row, priceDetails: kept };
    }),
  });

  const judge = (document: OfferDocument, type: OfferType, request: Request): void => {
    const { billingAccounts, acceptByBeforeEnd } = world.settings().offers;
    judgeLive(document, {
      type,
      today: request.occasion.now.toISOString().slice(0, 10),
      billingAccounts,
      acceptByBeforeEnd,
      hasPrice: ({ priceDetails: details, product, plan, basePlan }) => {
        if (typeof details === "string")
          return ledger.prices.get(details.replace(/^[^/]*\//, ""))?.account === request.account;
        const price = request.prices.get(details?.resourceName ?? "");
        return price?.product === product && price.plan === (plan ?? basePlan);
      },
    });
  };

  /** The offer that an upgrade starts from: what the new one leaves out is taken over. */
  const upgraded = (wanted: WantedOffer, type: OfferType, request: Request): OfferDocument => {
    if (wanted.upgradedFrom === undefined) return contentOf(wanted);
    const base = found(request.account, wanted.upgradedFrom.id);
    const from = offerDocumentSchema.parse(base.document);
    if (offerTypeOf(from.privateOfferType) !== type)
      throw new JobError("Conflict", "An upgrade has the type of the private offer that it upgrades");
    if (world.settings().offers.upgradeNeedsAcceptance && base.acceptedAt === null)
      throw new JobError("Conflict", "Only an accepted private offer can be upgraded");
    const content = contentOf(wanted);
    const { start: _start, upgradedFrom: _from, ...carried } = from;
    const given = content.pricing ?? [];
    const kept = (from.pricing ?? []).filter(
      (old) => !given.some(({ product, plan, basePlan }) => product === old.product && samePlan(plan ?? basePlan, old)),
    );
    // What an upgrade says of a product alone concerns the plan that it had.
    const filled = given.map((row) => ({ ...planKept(row, from), ...row }));
    return { ...carried, ...content, pricing: [...filled, ...kept] };
  };

  const create = (wanted: WantedOffer, type: OfferType, request: Request): OfferRecord => {
    if (type === "multiPartyPromotionChannelPartner")
      throw new JobError("Forbidden", "A selling partner cannot create a multiparty private offer");
    const document = upgraded(wanted, type, request);
    if (world.settings().offers.uniqueNames && isTaken(request.account, wanted.name))
      throw new JobError("Conflict", `A private offer of the name ${wanted.name} already exists`);
    if (wanted.state === "live") judge(document, type, request);
    const { now } = request.occasion;
    const id = world.uuid("private offer");
    const at = now.toISOString();
    const row: OfferRecord = {
      id,
      account: request.account,
      sequence: world.sequence(),
      fate: world.nextFate(`private offer ${request.account}`),
      document: plainOf(withPrices(document, id, request)),
      state: wanted.state,
      createdAt: at,
      modifiedAt: at,
      etag: world.etag(now),
      channelPublishedAt: null,
      acceptedAt: null,
      purchasedAt: null,
      ended: null,
    };
    ledger.offers.put(id, row);
    if (wanted.state === "live") watch.published(row, request.occasion);
    return row;
  };

  const change = (wanted: WantedOffer, type: OfferType, request: Request): OfferRecord => {
    const row = found(request.account, wanted.id ?? "");
    const before = offerDocumentSchema.parse(row.document);
    if (offerTypeOf(before.privateOfferType) !== type)
      throw new JobError("Conflict", "The type of a private offer cannot be changed");
    const isEnd = wanted.state === "withdrawn" || wanted.state === "deleted";
    const document = isEnd ? before : { ...before, ...contentOf(wanted) };
    const { republish, extendLive } = world.settings().offers;
    const compared = extendLive ? { ...document, acceptBy: before.acceptBy } : document;
    const changes = canonical(plainOf(compared)) !== canonical(plainOf(before));
    judgeTransition({ type, row, wanted: wanted.state, republish, changes });
    if (wanted.state === "live") judge(document, type, request);
    const saved = save(
      row,
      {
        state: wanted.state,
        // What only the marketplace writes, an originator's terms for instance, stays.
        document: isEnd ? row.document : { ...row.document, ...plainOf(withPrices(document, row.id, request)) },
        ...(wanted.state === "live" ? { ended: null } : {}),
        ...(isEnd ? { channelPublishedAt: null } : {}),
      },
      request.occasion,
    );
    if (wanted.state === "live" && row.state !== "live") watch.published(saved, request.occasion);
    else if (wanted.state === "live") watch.extended(saved);
    if (isEnd) watch.closed(saved);
    return saved;
  };

  return {
    found,
    save,
    /** Does what a configure request asks. Throws a `JobError`; the caller then undoes what was done. */
    apply: (account: string, resources: readonly Resource[], occasion: Occasion): Done => {
      const request: Request = { account, occasion, prices: new Map() };
      const offers: OfferRecord[] = [];
      for (const resource of resources) {
        if (resource.kind === "price") {
          judgePrice(resource.price);
          request.prices.set(resource.price.resourceName, resource.price);
          continue;
        }
        const { offer } = resource;
        const type = offerTypeOf(offer.privateOfferType);
        if (type === null) throw new JobError("BadRequest", "The type of the private offer is not known");
        offers.push(offer.id === undefined ? create(offer, type, request) : change(offer, type, request));
      }
      return { offers: offers.map(({ id }) => id), isDeletion: offers.some(({ state }) => state === "deleted") };
    },
  };
};
export type Authoring = ReturnType<typeof createAuthoring>;

type Pricing = NonNullable<OfferDocument["pricing"]>[number];
const samePlan = (named: string | undefined, old: Pricing): boolean =>
  named === undefined || bareId(named) === bareId(old.plan ?? old.basePlan ?? "");
const planKept = (row: Pricing, from: OfferDocument): Partial<Pricing> => {
  const old = (from.pricing ?? []).find(({ product }) => product === row.product);
  if (!old || row.plan !== undefined || row.basePlan !== undefined) return {};
  return {
    ...(old.plan === undefined ? {} : { plan: old.plan }),
    ...(old.basePlan === undefined ? {} : { basePlan: old.basePlan }),
    ...(old.newPlanDetails === undefined ? {} : { newPlanDetails: old.newPlanDetails }),
  };
};

/** What a row keeps: the offer without what the row states beside it. */
const contentOf = (wanted: WantedOffer): OfferDocument => {
  const { id: _id, state: _state, eTag: _etag, lastModified: _at, resourceName: _name, ...content } = wanted;
  return content;
};
/** The document as JSON: members that are not there are left out. */
const plainOf = (document: object): JsonObject => JSON.parse(JSON.stringify(document)) as JsonObject;
