/** The inbox: what a partner told us, kept once, with the looks it asks for, in one statement: one round trip, one commit. */
import { z } from "zod";
import type { Connection } from "../domain/deal.ts";
import type { EventName } from "../domain/events.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import { parseRow } from "./rows.ts";

/** "Look at X", as an adapter understood it. */
interface Hinted {
  readonly kind: "opportunity" | "invitation";
  readonly id: string;
}

/** What each kind of hint becomes in the outbox. */
const hintEvents: Readonly<Record<Hinted["kind"], EventName>> = {
  opportunity: "hint.raised",
  invitation: "invitation.hinted",
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

const receptionSchema = z.object({ isCurrent: z.boolean(), isNew: z.boolean() });

export type Inbox = ReturnType<typeof createInbox>;

export const createInbox = (deps: ClockDep & IdsDep & SealDep) => ({
  /**
   * Keeps a verified delivery unless its key is known, and with it the events that it causes: `delivery.accepted`, and one hint
   * for each record it names, except where a push is under way that will look by itself.
   */
  receive: async (query: Query, delivery: NewDelivery): Promise<Reception> => {
    const { connection, key, kind } = delivery;
    const now = deps.clock.now();
    const deliveryId = deps.ids.next("dlv");
    const sealed = await deps.seal.close(delivery.body, `delivery:${deliveryId}`);
    const hints = distinct(delivery.hints).map((hint, order) => ({
      order,
      event_id: deps.ids.uuid(),
      event_name: hintEvents[hint.kind],
      kind: hint.kind,
      remote_id: hint.id,
    }));
    const accepted = { connectionId: connection.id, deliveryId, key, kind };
    const [row] = await query`
      with current as (
        select id from connection where id = ${connection.id} and version = ${connection.version}
      ), arrived as (
        insert into delivery (id, connection_id, key, kind, headers, sealed_body, received_at)
        select ${deliveryId}, id, ${key}, ${kind}, ${query.json(delivery.headers)}::jsonb, ${sealed}, ${now}::timestamptz from current
        on conflict (connection_id, key) do nothing returning connection_id
      ), hint as (
        select row.*, connection_id from arrived, json_to_recordset(${JSON.stringify(hints)}::text::json)
          as row ("order" int, event_id uuid, event_name text, kind text, remote_id text)
      ), marked as (
        update engagement set hinted_at = ${now}::timestamptz from hint, share
        where hint.kind = 'opportunity' and engagement.connection_id = hint.connection_id and engagement.remote_id = hint.remote_id
          and share.id = engagement.share_id
        returning engagement.remote_id, share.id as share_id, share.state
      ), told as (
        insert into outbox (id, name, at, subject, data)
        select id, name, ${now}::timestamptz, subject, data from (
          select -1 as "order", ${deps.ids.uuid()}::uuid as id, 'delivery.accepted' as name, connection_id as subject,
            ${query.json(accepted)}::jsonb as data from arrived
          union all
          select "order", event_id, event_name, coalesce(share_id, connection_id),
            jsonb_build_object('connectionId', connection_id, 'remoteId', hint.remote_id)
          from hint left join marked on hint.kind = 'opportunity' and marked.remote_id = hint.remote_id
          where state is distinct from 'submitting'
        ) event order by "order" returning 1
      )
      select exists (select from current) as is_current, exists (select from arrived) as is_new`;
    const { isCurrent, isNew } = parseRow(receptionSchema, row ?? {});
    return !isCurrent ? "stale" : isNew ? "accepted" : "duplicate";
  },
});

const distinct = (hints: readonly Hinted[]): readonly Hinted[] => [
  ...new Map(hints.map((hint) => [`${hint.kind}/${hint.id}`, hint])).values(),
];
