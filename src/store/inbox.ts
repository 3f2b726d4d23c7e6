/** The inbox: what partners told us, kept once, with the looks it asks for, in one statement: one round trip, one commit. */
import * as z from "zod";
import type { Connection } from "../domain/deal.ts";
import type { EventName } from "../domain/events.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import { parseRows } from "./rows.ts";
import { toHex } from "./seal.ts";

/** "Look at X", as an adapter understood it. */
interface Hinted {
  readonly kind: "opportunity" | "invitation" | "record" | "offer" | "agreement";
  readonly id: string;
}

/** What each kind of hint becomes in the outbox; null: what we know of the record decides. */
const hintEvents: Readonly<Record<Hinted["kind"], EventName | null>> = {
  opportunity: "hint.raised",
  invitation: "invitation.hinted",
  record: null,
  offer: "offer.hinted",
  agreement: "agreement.hinted",
};

export interface NewDelivery {
  /** As it was when the delivery was verified: with another version now, the verdict may be another. */
  readonly connection: Pick<Connection, "id" | "version">;
  readonly key: string;
  readonly kind: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly hints: readonly Hinted[];
}

/** `stale`: the connection has changed since the delivery was verified; nothing was kept. */
export type Reception = "accepted" | "duplicate" | "stale";

const receptionSchema = z.object({ id: z.string(), isNew: z.boolean() });

/** A delivery ready to be kept: sealed, with its ids. */
export interface SealedDelivery {
  readonly id: string;
  readonly connection_id: string;
  readonly version: number;
  readonly key: string;
  readonly kind: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Hexadecimal. */
  readonly sealed: string;
  readonly event_id: string;
  readonly hints: readonly {
    readonly place: number;
    readonly event_id: string;
    readonly event_name: EventName | null;
    readonly kind: Hinted["kind"];
    readonly remote_id: string;
  }[];
}
export type Inbox = ReturnType<typeof createInbox>;

export const createInbox = (deps: ClockDep & IdsDep & SealDep) => ({
  /** Everything about a delivery that can be done before the statement that keeps it. */
  seal: async (delivery: NewDelivery): Promise<SealedDelivery> => {
    const id = deps.ids.next("dlv");
    return {
      id,
      connection_id: delivery.connection.id,
      version: delivery.connection.version,
      key: delivery.key,
      kind: delivery.kind,
      headers: delivery.headers,
      sealed: toHex(await deps.seal.close(delivery.body, `delivery:${id}`)),
      event_id: deps.ids.uuid(),
      hints: distinct(delivery.hints).map((hint, index) => ({
        place: index + 1,
        event_id: deps.ids.uuid(),
        event_name: hintEvents[hint.kind],
        kind: hint.kind,
        remote_id: hint.id,
      })),
    };
  },
  /**
   * Keeps verified deliveries unless their keys are known, and with each the events that it causes: `delivery.accepted`, and
   * one hint for each record it names, except where a push is under way that will look by itself. Where the word does not tell what
   * a record is, one that a share has, or that is related to one, is a reason to look at that share; any other may be an
   * invitation. Answers in order; all or nothing.
   */
  receive: async (query: Query, deliveries: readonly SealedDelivery[]): Promise<readonly Reception[]> => {
    const now = deps.clock.now();
    const input = deliveries.map((delivery, ord) => ({ ...delivery, ord }));
    const rows = await query`
        with input as (
          select row.* from json_to_recordset(${JSON.stringify(input)}::text::json)
            as row (id text, connection_id text, version int, key text, kind text, headers jsonb, sealed text, event_id uuid, hints json, ord int)
        ), current as (
          select input.* from input join connection on connection.id = input.connection_id and connection.version = input.version
        ), arrived as (
          insert into delivery (id, connection_id, key, kind, headers, sealed_body, received_at)
          select id, connection_id, key, kind, headers, decode(sealed, 'hex'), ${now}::timestamptz from current order by ord
          on conflict (connection_id, key) do nothing returning id
        ), kept as (
          select current.* from current join arrived using (id)
        ), hint as (
          select kept.ord, kept.connection_id, row.* from kept, json_to_recordset(kept.hints)
            as row (event_id uuid, event_name text, kind text, remote_id text, place int)
        ), subject as (
          select engagement.connection_id, remote_id as named, remote_id, share.id as share_id, share.state from engagement
            join share on share.id = engagement.share_id
          where (engagement.connection_id, remote_id) in (select connection_id, remote_id from hint where kind in ('opportunity', 'record'))
          union
          select related.connection_id, related.remote_id, engagement.remote_id, share.id, share.state from engagement_related related
            join engagement on engagement.share_id = related.share_id
            join share on share.id = related.share_id
          where (related.connection_id, related.remote_id) in (select connection_id, remote_id from hint where kind in ('opportunity', 'record'))
        ), marked as (
          update engagement set hinted_at = ${now}::timestamptz from subject where engagement.share_id = subject.share_id
        ), told as (
          insert into outbox (id, name, at, subject, data)
          select id, name, ${now}::timestamptz, subject, data from (
            select ord, 0 as place, event_id as id, 'delivery.accepted' as name, connection_id as subject,
              jsonb_build_object('connectionId', connection_id, 'deliveryId', kept.id, 'key', key, 'kind', kind) as data from kept
            union all
            select ord, place, event_id,
              coalesce(event_name, case when share_id is null then 'invitation.hinted' else 'hint.raised' end),
              coalesce(share_id, hint.connection_id),
              jsonb_build_object('connectionId', hint.connection_id, 'remoteId', coalesce(subject.remote_id, hint.remote_id))
            from hint left join subject on hint.kind in ('opportunity', 'record') and subject.connection_id = hint.connection_id
              and subject.named = hint.remote_id
            where state is distinct from 'submitting'
          ) event order by ord, place
        )
        select current.id, arrived.id is not null as is_new from current left join arrived using (id)`;
    const known = new Map(parseRows(receptionSchema, rows).map(({ id, isNew }) => [id, isNew]));
    return deliveries.map(({ id }) => {
      const isNew = known.get(id);
      return isNew === undefined ? "stale" : isNew ? "accepted" : "duplicate";
    });
  },
});

const distinct = (hints: readonly Hinted[]): readonly Hinted[] => [
  ...new Map(hints.map((hint) => [`${hint.kind}/${hint.id}`, hint])).values(),
];
