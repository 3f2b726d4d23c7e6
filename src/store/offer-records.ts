/** The marketplace's side of an offer: its record, what it says, and what is still to be done there. */
import * as z from "zod";
import type { JsonObject, RemoteRef } from "../domain/deal.ts";
import { decimalToMicros } from "../domain/money.ts";
import { type Evidence, type OfferObservation, type OfferTerms, renewalOf } from "../domain/offer.ts";
import { absorbOffer, isOpenOffer } from "../domain/offer-state.ts";
import type { Query } from "../ports.ts";
import {
  firstOffer,
  type Offer,
  offerColumns,
  type StoredChange,
  termColumns,
  termsJson,
  wholeTerms,
} from "./offer-row.ts";
import type { OfferMove, OffersDeps } from "./offers.ts";

interface RecordDeps extends OffersDeps {
  readonly lock: (tx: Query, id: string) => Promise<Offer>;
  readonly move: (tx: Query, offer: Offer, change: OfferMove) => Promise<Offer>;
}
export interface FoundOffer {
  readonly connectionId: string;
  readonly observation: OfferObservation;
  /** The deal that its marker names; null: none does. */
  readonly opportunityId: string | null;
  readonly actorId: string;
}

const observationSchema = z.looseObject({ seenAt: z.coerce.date() });
/** Word of a state that came just before our own change of it is no contradiction. */
const settleMs = 10 * 60_000;

export const createOfferRecords = (deps: RecordDeps) => {
  const { lock, move } = deps;
  const findByRemote = async (query: Query, connectionId: string, remoteId: string): Promise<Offer | null> =>
    firstOffer(
      await query`select ${offerColumns(query)} from offer where connection_id = ${connectionId} and remote_id = ${remoteId}`,
    );

  /** Their record is ours now: remembers its id. One that was taken for somebody else's meanwhile gives way. */
  const engage = async (tx: Query, offer: Offer, ref: RemoteRef, version: string | null): Promise<Offer> => {
    if (offer.remoteId !== null && offer.remoteId !== ref.id)
      throw new Error(`offer ${offer.id} is ${offer.remoteId} at the marketplace, and now also ${ref.id}`);
    const other = await findByRemote(tx, offer.connectionId, ref.id);
    if (other !== null && other.id !== offer.id) await giveWay(tx, other, offer);
    await tx`update offer set remote_id = ${ref.id}, remote_arn = coalesce(${ref.arn ?? null}, remote_arn),
      remote_version = coalesce(${version}, remote_version) where id = ${offer.id}`;
    return lock(tx, offer.id);
  };
  const giveWay = async (tx: Query, found: Offer, ours: Offer): Promise<void> => {
    if (found.origin === "ours")
      throw new Error(`${found.remoteId} is the record of ${found.id}, so it cannot be that of ${ours.id}`);
    await tx`update offer set remote_id = null where id = ${found.id}`;
    await tx`delete from offer_suggestion where subject = ${found.id}`;
    await tx`update agreement set offer_id = ${ours.id}, opportunity_id = coalesce(${ours.opportunityId}, opportunity_id) where offer_id = ${found.id}`;
    await move(tx, found, {
      ...{ event: "superseded", actorId: ours.createdBy },
      reason: `it is the record of ${ours.id}, which was on its way`,
    });
  };

  /** What their record says, whatever it does to the state. Terms of ours stay ours but for the deadline and the attestation that stand there. */
  const keep = async (tx: Query, offer: Offer, observation: OfferObservation): Promise<Offer> => {
    const sealed = await deps.seal.close(observation.body, `body:${offer.id}`);
    const terms: JsonObject =
      offer.origin === "found"
        ? { ...offer.terms, ...termsJson(observation.terms) }
        : {
            ...offer.terms,
            ...(observation.acceptBy === null ? {} : { acceptBy: observation.acceptBy }),
            ...attestedThere(offer, observation),
          };
    const { micros, currency } = foundColumns(offer, observation);
    const rows =
      await tx`update offer set remote_version = ${observation.version}, remote_arn = coalesce(${observation.ref.arn ?? null}, remote_arn),
      accept_url = coalesce(${observation.acceptUrl}, accept_url), facts = ${tx.json(observation.facts)}, sealed_body = ${sealed},
      accept_by = coalesce(${observation.acceptBy}::date, accept_by), terms = ${tx.json(terms)}, total_micros = ${micros}, currency = ${currency},
      looked_at = ${observation.seenAt} where id = ${offer.id} returning ${offerColumns(tx)}`;
    return firstOffer(rows) ?? offer;
  };

  const accept = async (tx: Query, offer: Offer, evidence: Evidence): Promise<void> => {
    await tx`update offer set evidence = ${tx.json({ ...evidence })} where id = ${offer.id} and evidence is null`;
  };

  /**
   * Takes in what the marketplace says of an offer. States move only along the table; what cannot follow opens an exception.
   * Returns the offer and whether it moved.
   */
  const absorb = async (
    tx: Query,
    offerId: string,
    seen: { readonly observation: OfferObservation; readonly actorId: string },
  ): Promise<{ readonly offer: Offer; readonly moved: boolean }> => {
    const { observation, actorId } = seen;
    const before = await lock(tx, offerId);
    const offer = await keep(tx, before, observation);
    const rows = absorbOffer(offer.state, meant(deps.clock.now(), offer, observation));
    if (rows === null) {
      if (deps.clock.now().getTime() - before.updatedAt.getTime() > settleMs)
        await deps.journal.openException(
          tx,
          "UNEXPECTED_STATE",
          offerId,
          `The marketplace reports ${observation.event}, which cannot follow ${offer.state}. The state is kept; look at the offer in the marketplace's portal.`,
        );
      return { offer, moved: false };
    }
    let current = offer;
    for (const [, event, to] of rows) {
      if (to === "accepted")
        await accept(tx, current, observation.evidence ?? { kind: "stated", from: `the offer ${observation.ref.id}` });
      const acceptBy = observation.acceptBy ?? offer.acceptBy ?? "";
      current = await move(tx, current, { event, actorId, acceptBy });
    }
    if (rows.length === 0 && isOpenOffer(current.state) && before.acceptBy !== current.acceptBy) {
      await deps.dates.keepExpiry(tx, current);
      const fact = { offerId, connectionId: current.connectionId, from: current.state, to: current.state };
      await deps.journal.tell(tx, "offer.extended", offerId, { ...fact, acceptBy: current.acceptBy ?? "" });
    }
    return { offer: current, moved: rows.length > 0 };
  };

  return {
    findByRemote,
    engage,
    absorb,
    findByMarker: async (query: Query, connectionId: string, marker: string): Promise<Offer | null> =>
      firstOffer(
        await query`select ${offerColumns(query)} from offer where connection_id = ${connectionId} and marker = ${marker}`,
      ),
    /** The deal that a marker of ours names, or null. */
    dealOfMarker: async (query: Query, marker: string): Promise<string | null> => {
      const mark = /^cosell-([0-9a-f]{20})-\d{1,9}$/.exec(marker)?.[1];
      if (mark === undefined) return null;
      const [row] = await query<
        { id: string }[]
      >`select id from opportunity where left(md5(source || chr(31) || key), 20) = ${mark} limit 1`;
      return row?.id ?? null;
    },
    /** An offer that somebody made at the marketplace, as it stands there. It enters as a draft and is absorbed at once. */
    adopt: async (tx: Query, found: FoundOffer): Promise<Offer> => {
      const { connectionId, observation, opportunityId, actorId } = found;
      const id = deps.ids.next("off");
      const now = deps.clock.now();
      await tx`insert into offer (id, connection_id, opportunity_id, share_id, generation, marker, origin, state, terms, remote_id, remote_arn,
          created_by, created_at, updated_at)
        select ${id}, ${connectionId}, ${opportunityId}::text, (select id from share where opportunity_id = ${opportunityId} and connection_id = ${connectionId}
            order by generation desc limit 1),
          (select coalesce(max(generation), 0) + 1 from offer where opportunity_id = ${opportunityId} and connection_id = ${connectionId}),
          coalesce(${observation.marker}::text, ${id}), 'found', 'draft', '{}'::jsonb, ${observation.ref.id}, ${observation.ref.arn ?? null}::text,
          ${actorId}, ${now}::timestamptz, ${now}::timestamptz`;
      const note = `${observation.ref.id} was made at the marketplace${opportunityId === null ? "" : "; its mark names the deal"}`;
      await deps.journal.note(tx, { subject: id, actorId, what: "found", to: "draft", note });
      return (await absorb(tx, id, { observation, actorId })).offer;
    },
    /** Something was done about it just now: it counts as lost only after another hour. */
    touch: async (tx: Query, offerId: string): Promise<void> => {
      await tx`update offer set updated_at = ${deps.clock.now()} where id = ${offerId}`;
    },
    /** Word from outside that their record moved. */
    hinted: async (tx: Query, connectionId: string, remoteId: string): Promise<void> => {
      await tx`update offer set hinted_at = ${deps.clock.now()} where connection_id = ${connectionId} and remote_id = ${remoteId}`;
    },
    /** An acceptance that follows from an agreement. As it is where the table has no way. */
    acceptedBy: async (tx: Query, offer: Offer, at: { readonly evidence: Evidence; readonly actorId: string }) => {
      const rows = absorbOffer(offer.state, "accepted");
      if (rows === null || rows.length === 0) return offer;
      await accept(tx, offer, at.evidence);
      let current = offer;
      for (const [, event] of rows) current = await move(tx, current, { event, actorId: at.actorId });
      return current;
    },

    /** Begins an extension or a withdrawal. Null where one is under way. */
    begin: async (tx: Query, offer: Offer, change: StoredChange): Promise<Offer | null> => {
      if (offer.change !== null) return null;
      await tx`update offer set change = ${tx.json(change)}, version = version + 1, updated_at = ${deps.clock.now()} where id = ${offer.id}`;
      const what = change.kind === "extend" ? "extension_requested" : "withdrawal_requested";
      const note = change.kind === "extend" ? `to ${change.acceptBy}` : change.reason;
      await deps.journal.note(tx, { subject: offer.id, actorId: change.actorId, what, note });
      await deps.journal.tell(tx, "offer.change.requested", offer.id, {
        offerId: offer.id,
        connectionId: offer.connectionId,
      });
      return lock(tx, offer.id);
    },
    /** The change is over, done or not. */
    endChange: async (
      tx: Query,
      offer: Offer,
      end: { readonly what: string; readonly note: string | null; readonly actorId: string },
    ) => {
      await tx`update offer set change = null, sealed_change = null, version = version + 1, updated_at = ${deps.clock.now()} where id = ${offer.id}`;
      await deps.journal.note(tx, { subject: offer.id, ...end });
      const because = `its change is over: ${end.what.replaceAll("_", " ")}`;
      const { actorId } = end;
      await deps.journal.settleException(tx, { code: "OFFER_STALLED", subject: offer.id, because, actorId });
      return lock(tx, offer.id);
    },
    /** The day to accept that now holds, with its dates. */
    setAcceptBy: async (tx: Query, offer: Offer, acceptBy: string): Promise<Offer> => {
      await tx`update offer set accept_by = ${acceptBy}::date, terms = terms || ${tx.json({ acceptBy })}::jsonb where id = ${offer.id}`;
      const set = await lock(tx, offer.id);
      if (isOpenOffer(set.state)) await deps.dates.keepExpiry(tx, set);
      return set;
    },
    /** The record that a change is planned on: the same for all its writes, however often its run begins anew. */
    keepPlanned: async (tx: Query, offerId: string, observation: OfferObservation | null): Promise<void> => {
      const sealed =
        observation === null ? null : await deps.seal.close(JSON.stringify(observation), `change:${offerId}`);
      await tx`update offer set sealed_change = ${sealed} where id = ${offerId}`;
    },
    readPlanned: async (query: Query, offerId: string): Promise<OfferObservation | null> => {
      const [row] = await query<
        { sealed_change: Uint8Array | null }[]
      >`select sealed_change from offer where id = ${offerId}`;
      if (!row?.sealed_change) return null;
      const opened: unknown = JSON.parse(await deps.seal.open(row.sealed_change, `change:${offerId}`));
      return observationSchema.parse(opened) as unknown as OfferObservation;
    },

    /** Those of `ids` that wait for the buyer, with their last day to accept. */
    waiting: async (
      query: Query,
      ids: readonly string[],
    ): Promise<readonly { readonly id: string; readonly acceptBy: string }[]> => {
      if (ids.length === 0) return [];
      const rows = await query<{ id: string; accept_by: string }[]>`select id, accept_by::text as accept_by from offer
        where id = any(${[...ids]}::text[]) and state in ('published', 'viewed') and accept_by is not null order by id`;
      return rows.map((row) => ({ id: row.id, acceptBy: row.accept_by }));
    },
    /** Offers that wait for the buyer, not looked at since `staleBefore` or hinted since; oldest first, at most `limit`. */
    dueForLook: async (
      query: Query,
      connectionId: string,
      at: { readonly staleBefore: Date; readonly limit: number },
    ): Promise<readonly string[]> => {
      const rows = await query<
        { remote_id: string }[]
      >`select remote_id from offer where connection_id = ${connectionId}
        and state in ('published', 'viewed') and remote_id is not null and (looked_at is null or looked_at < ${at.staleBefore} or hinted_at > looked_at)
        order by looked_at nulls first, id limit ${at.limit}`;
      return rows.map((row) => row.remote_id);
    },
    /** Offers whose publication or change was left unfinished before `before`. */
    interrupted: async (
      query: Query,
      connectionId: string,
      before: Date,
    ): Promise<readonly { readonly id: string; readonly isChange: boolean }[]> => {
      const rows = await query<
        { id: string; is_change: boolean }[]
      >`select id, state <> 'publishing' as is_change from offer
        where connection_id = ${connectionId} and (state = 'publishing' or change is not null) and updated_at < ${before} order by id limit 1000`;
      return rows.map((row) => ({ id: row.id, isChange: row.is_change }));
    },
    /**
     * Offers whose last day has passed everywhere, in one statement: the marketplace takes no acceptance any more. Word of one
     * in the last hours may still come. Returns how many.
     */
    expireDue: async (tx: Query, actorId: string): Promise<number> => {
      const now = deps.clock.now();
      const [row] = await tx<{ count: bigint }[]>`
        with due as (
          delete from offer_date where kind = 'expiry' and days = 0 and due_at <= ${now} returning subject
        ), before as (
          select offer.id, connection_id, state from offer join due on due.subject = offer.id where state in ('published', 'viewed')
        ), moved as (
          update offer set state = 'expired', reason = null, version = version + 1, updated_at = ${now} from before where offer.id = before.id
          returning offer.id
        ), noted as (
          insert into history (subject, at, actor_id, what, from_state, to_state) select id, ${now}::timestamptz, ${actorId}, 'expired', state, 'expired' from before
        ), told as (
          insert into outbox (id, name, at, subject, data) select md5(id || ${now.toISOString()})::uuid, 'offer.expired', ${now}::timestamptz, id,
            jsonb_build_object('offerId', id, 'connectionId', connection_id, 'from', state, 'to', 'expired') from before
        ), settled as (
          update exception set closed_at = ${now}, closed_reason = 'the offer is expired', closed_by = ${actorId}
          from before where code = 'OFFER_EXPIRING' and subject = before.id and closed_at is null returning exception.id, subject
        ), closed as (
          insert into outbox (id, name, at, subject, data) select md5(id || ${now.toISOString()})::uuid, 'exception.closed', ${now}::timestamptz, subject,
            jsonb_build_object('exceptionId', id, 'code', 'OFFER_EXPIRING', 'subject', subject) from settled
        )
        select count(*) as count from moved`;
      return Number(row?.count ?? 0n);
    },
  };
};

/** An expired offer is open again only where the marketplace gives it days to come. */
const meant = (now: Date, offer: Offer, observation: OfferObservation): OfferObservation["event"] => {
  const { event, acceptBy } = observation;
  const isOpen = event === "published" || event === "viewed";
  return offer.state === "expired" && isOpen && (acceptBy === null || acceptBy < now.toISOString().slice(0, 10))
    ? null
    : event;
};

/** A renewal that was attested at the marketplace, where nobody has attested it here: what the marketplace says is charged. */
const attestedThere = (offer: Offer, observation: OfferObservation): JsonObject => {
  const renewal = renewalOf(observation.terms);
  const terms = wholeTerms(offer);
  const isOurs = terms !== null && renewalOf(terms)?.attested === true;
  return renewal?.attested === true && !isOurs ? { renewal: { ...renewal } } : {};
};

const foundColumns = (offer: Offer, observation: OfferObservation) => {
  const terms: Partial<OfferTerms> = observation.terms;
  if (offer.origin === "found" && terms.price !== undefined) return termColumns(terms);
  return {
    micros: offer.total === null ? null : decimalToMicros(offer.total.amount),
    currency: offer.total?.currency ?? null,
  };
};
