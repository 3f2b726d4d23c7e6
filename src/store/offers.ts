/** Private offers: drafts of ours, what became of them, and those that somebody made at a marketplace. */
import type { Connection, JsonObject } from "../domain/deal.ts";
import type { Gap } from "../domain/fault.ts";
import type { FeeJudgement, ProductType } from "../domain/fee.ts";
import { type OfferEvent, type OfferState, offerTable, step } from "../domain/machine.ts";
import type { OfferDraft, OfferTerms } from "../domain/offer.ts";
import { isOfferEnded, isOpenOffer } from "../domain/offer-state.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import type { Journal } from "./journal.ts";
import type { OfferDates } from "./offer-dates.ts";
import { createOfferRecords } from "./offer-records.ts";
import {
  firstOffer,
  type ListedOffer,
  type Offer,
  offerColumns,
  readListedOffer,
  termColumns,
  termsJson,
  termsOf,
} from "./offer-row.ts";
import type { Opportunities } from "./opportunities.ts";
import type { ListPage } from "./rows.ts";

export interface OfferFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly states?: readonly OfferState[];
  readonly connectionId?: string;
  readonly opportunityId?: string;
  readonly origin?: "ours" | "found";
  /** Only those whose last day to accept is this day or earlier. */
  readonly acceptUntil?: string;
}
export interface NewOffer {
  readonly connection: Connection;
  readonly opportunityId: string | null;
  readonly shareId: string | null;
  readonly terms: OfferTerms;
  readonly productType: ProductType;
  readonly actorId: string;
  readonly note?: string;
}
export interface OfferMove {
  readonly event: OfferEvent;
  readonly actorId: string;
  readonly reason?: string | null;
  readonly gaps?: readonly Gap[];
  /** For the fact that an extension tells. */
  readonly acceptBy?: string;
}
export interface OffersDeps extends ClockDep, IdsDep, SealDep {
  readonly journal: Journal;
  readonly opportunities: Opportunities;
  readonly dates: OfferDates;
}

export type Offers = ReturnType<typeof createOffers>;

export const createOffers = (deps: OffersDeps) => {
  const find = async (query: Query, id: string): Promise<Offer | null> =>
    firstOffer(await query`select ${offerColumns(query)} from offer where id = ${id}`);
  const lock = async (tx: Query, id: string): Promise<Offer> => {
    const offer = firstOffer(await tx`select ${offerColumns(tx)} from offer where id = ${id} for update`);
    if (offer === null) throw new Error(`offer ${id} does not exist`);
    return offer;
  };

  /** Moves an offer along one row of the table, tells the fact, and keeps its dates. As it is where there is no such row. */
  const move = async (tx: Query, offer: Offer, change: OfferMove): Promise<Offer> => {
    const to = step(offerTable, offer.state, change.event);
    if (to === null) return offer;
    const now = deps.clock.now();
    const reason = change.reason ?? null;
    const gaps = (change.gaps ?? []).map((gap) => ({ ...gap }));
    const rows =
      await tx`update offer set state = ${to}, reason = ${reason}, gaps = ${tx.json(gaps)}, version = version + 1, updated_at = ${now},
      published_at = case when ${change.event} = 'published' then coalesce(published_at, ${now}) else published_at end,
      accepted_at = case when ${to} = 'accepted' then coalesce(accepted_at, ${now}) else accepted_at end,
      change = case when ${isOfferEnded(to)} then null else change end,
      sealed_change = case when ${isOfferEnded(to)} then null else sealed_change end where id = ${offer.id} returning ${offerColumns(tx)}`;
    const history = { subject: offer.id, actorId: change.actorId, what: change.event, from: offer.state, to };
    await deps.journal.note(tx, { ...history, note: reason });
    await tellFact(tx, offer, { to, change });
    const moved = firstOffer(rows) ?? offer;
    // What stalled is over: the publication, or a change of an offer that nothing can change any more.
    if (offer.state === "publishing" || isOfferEnded(to))
      await deps.journal.settleException(tx, {
        ...{ code: "OFFER_STALLED", subject: offer.id, actorId: change.actorId },
        because: `the offer is ${to}`,
      });
    if (isOpenOffer(to)) await deps.dates.keepExpiry(tx, moved);
    else {
      await deps.dates.drop(tx, offer.id);
      await deps.journal.settleException(tx, {
        ...{ code: "OFFER_EXPIRING", subject: offer.id, actorId: change.actorId },
        because: `the offer is ${to}`,
      });
    }
    return moved;
  };
  const tellFact = async (
    tx: Query,
    offer: Offer,
    at: { readonly to: OfferState; readonly change: OfferMove },
  ): Promise<void> => {
    const { to, change } = at;
    const fact = { offerId: offer.id, connectionId: offer.connectionId, from: offer.state, to };
    if (change.event === "extended")
      return deps.journal.tell(tx, "offer.extended", offer.id, {
        ...fact,
        acceptBy: change.acceptBy ?? offer.acceptBy ?? "",
      });
    const name = factNames.get(to);
    if (name !== undefined) await deps.journal.tell(tx, name, offer.id, fact);
  };

  const create = async (tx: Query, input: NewOffer): Promise<Offer> => {
    const id = deps.ids.next("off");
    const now = deps.clock.now();
    const { micros, currency, acceptBy } = termColumns(input.terms);
    const { connection, opportunityId, shareId, actorId } = input;
    // A deal's offers are counted, so that a mark leads back to the deal, also after a restored backup.
    await tx`insert into offer (id, connection_id, opportunity_id, share_id, generation, marker, origin, state, terms, product_type,
        total_micros, currency, accept_by, created_by, created_at, updated_at)
      select ${id}, ${connection.id}, ${opportunityId}::text, ${shareId}::text, counted.generation,
        case when counted.mark is null then ${id} else 'cosell-' || counted.mark || '-' || counted.generation end,
        'ours', 'draft', ${tx.json(termsJson(input.terms))}::jsonb, ${input.productType}, ${micros}::bigint, ${currency}::text, ${acceptBy}::date,
        ${actorId}, ${now}::timestamptz, ${now}::timestamptz
      from (select (select left(md5(source || chr(31) || key), 20) from opportunity where id = ${opportunityId}) as mark,
        case when ${opportunityId}::text is null then 1 else (select coalesce(max(generation), 0) + 1 from offer
          where opportunity_id = ${opportunityId} and connection_id = ${connection.id}) end as generation) counted`;
    await deps.journal.note(tx, { subject: id, actorId, what: "created", to: "draft", note: input.note ?? null });
    return lock(tx, id);
  };

  return {
    find,
    lock,
    move,
    create,
    ...createOfferRecords({ ...deps, lock, move }),

    /** Replaces a draft's terms. What was asked to be approved is asked for again. */
    setTerms: async (
      tx: Query,
      offer: Offer,
      change: { readonly terms: OfferTerms; readonly productType: ProductType; readonly actorId: string },
    ): Promise<Offer> => {
      const { micros, currency, acceptBy } = termColumns(change.terms);
      await tx`update offer set terms = ${tx.json(termsJson(change.terms))}, product_type = ${change.productType}, total_micros = ${micros}, currency = ${currency},
        accept_by = ${acceptBy}, terms_version = terms_version + 1, version = version + 1, updated_at = ${deps.clock.now()} where id = ${offer.id}`;
      await deps.journal.note(tx, { subject: offer.id, actorId: change.actorId, what: "terms_changed" });
      return lock(tx, offer.id);
    },
    /** What the linter found and what the marketplace is expected to keep, as of now. */
    judge: async (
      tx: Query,
      offer: Offer,
      judgement: { readonly gaps: readonly Gap[]; readonly fee: FeeJudgement | null },
    ): Promise<Offer> => {
      await tx`update offer set gaps = ${tx.json(judgement.gaps.map((gap) => ({ ...gap })))}, fee = ${judgement.fee === null ? null : tx.json(judgement.fee)}
        where id = ${offer.id}`;
      return lock(tx, offer.id);
    },
    /** Ties an offer to a deal, and to the share of it where there is one. */
    link: async (
      tx: Query,
      offer: Offer,
      to: {
        readonly opportunityId: string;
        readonly shareId: string | null;
        readonly actorId: string;
        readonly note: string;
      },
    ): Promise<Offer> => {
      await tx`update offer set opportunity_id = ${to.opportunityId}, share_id = ${to.shareId}, version = version + 1, updated_at = ${deps.clock.now()},
        generation = (select coalesce(max(generation), 0) + 1 from offer other where other.opportunity_id = ${to.opportunityId} and other.connection_id = offer.connection_id)
        where id = ${offer.id}`;
      await tx`update agreement set opportunity_id = ${to.opportunityId} where offer_id = ${offer.id}`;
      await deps.journal.note(tx, { subject: offer.id, actorId: to.actorId, what: "linked", note: to.note });
      return lock(tx, offer.id);
    },

    /** Everything an adapter needs of an offer that we made, or of one that was found and is known well enough. */
    drafted: async (query: Query, offer: Offer): Promise<OfferDraft> => {
      const whole = offer.opportunityId === null ? null : await deps.opportunities.whole(query, offer.opportunityId);
      const [row] =
        offer.shareId === null
          ? []
          : await query<
              { remote_id: string; remote_arn: string | null }[]
            >`select remote_id, remote_arn from engagement where share_id = ${offer.shareId}`;
      const now = deps.clock.now();
      const deal = whole?.opportunity;
      return {
        offerId: offer.id,
        marker: offer.marker,
        terms: termsOf(offer),
        contacts: whole?.contacts ?? [],
        deal: deal === undefined ? null : { source: deal.source, key: deal.key, title: deal.title },
        engagement: row === undefined ? null : { id: row.remote_id, arn: row.remote_arn },
        today: now.toISOString().slice(0, 10),
        now,
      };
    },

    /** Offers with their deal, newest first. */
    list: async (query: Query, filter: OfferFilter): Promise<ListPage<ListedOffer>> => {
      const rows =
        await query`select ${offerColumns(query)}, connection.marketplace, connection.label as connection_label,
          case when connection.state = 'parked' then coalesce(connection.parked_reason, 'no reason was kept') end as parked_reason,
          source, key, title
        from offer join connection on connection.id = offer.connection_id left join opportunity on opportunity.id = offer.opportunity_id
        where true
          ${filter.after === null ? query`` : query`and offer.id < ${filter.after}`}
          ${filter.states === undefined ? query`` : query`and offer.state = any(${[...filter.states]}::text[])`}
          ${filter.connectionId === undefined ? query`` : query`and offer.connection_id = ${filter.connectionId}`}
          ${filter.opportunityId === undefined ? query`` : query`and offer.opportunity_id = ${filter.opportunityId}`}
          ${filter.origin === undefined ? query`` : query`and offer.origin = ${filter.origin}`}
          ${filter.acceptUntil === undefined ? query`` : query`and offer.accept_by <= ${filter.acceptUntil}::date`}
        order by offer.id desc limit ${filter.limit + 1}`;
      const items = rows.slice(0, filter.limit).map(readListedOffer);
      return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
    },
    /** Whether an agreement of this buyer with this seller is known and lives: an offer to them is probably a renewal. */
    follows: async (query: Query, offer: Pick<Offer, "connectionId" | "terms">): Promise<boolean> => {
      const accounts = accountsOf(offer.terms);
      const [row] = await query<
        { known: boolean }[]
      >`select exists(select from agreement where connection_id = ${offer.connectionId}
        and state in ('pending', 'active') and buyer_account = any(${[...accounts]}::text[])) as known`;
      return row?.known ?? false;
    },
  };
};

const accountsOf = (terms: JsonObject): readonly string[] => {
  const { buyer } = terms;
  const accounts = typeof buyer === "object" && buyer !== null && "accounts" in buyer ? buyer.accounts : [];
  return Array.isArray(accounts) ? accounts.filter((account) => typeof account === "string") : [];
};

const factNames = new Map<
  OfferState,
  "offer.published" | "offer.viewed" | "offer.accepted" | "offer.expired" | "offer.withdrawn" | "offer.superseded"
>([
  ["published", "offer.published"],
  ["viewed", "offer.viewed"],
  ["accepted", "offer.accepted"],
  ["expired", "offer.expired"],
  ["withdrawn", "offer.withdrawn"],
  ["superseded", "offer.superseded"],
]);
