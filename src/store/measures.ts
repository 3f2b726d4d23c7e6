/** What operators watch, as the database knows it: few statements, each over an index or a small table, none in a transaction. */
import * as z from "zod";
import { shareEndStates } from "../domain/machine.ts";
import type { Query } from "../ports.ts";
import { parseRows } from "./rows.ts";

const sampleSchema = z.object({
  metric: z.string(),
  connection: z.string().nullable(),
  label: z.string().nullable(),
  value: z.number(),
});
/** One value of a metric; `label` is the value of its own label besides the connection, null where it has none. */
export type Sample = Readonly<z.infer<typeof sampleSchema>>;

const watchedSchema = z.object({
  id: z.string(),
  marketplace: z.enum(["aws", "azure", "gcp"]),
  account: z.string(),
  isParked: z.boolean(),
  sweptAt: z.date().nullable(),
});
export type WatchedConnection = Readonly<z.infer<typeof watchedSchema>>;

export type Measures = ReturnType<typeof createMeasures>;

export const createMeasures = () => ({
  connections: async (query: Query): Promise<readonly WatchedConnection[]> =>
    parseRows(
      watchedSchema,
      await query`select id, marketplace, account, state = 'parked' as is_parked, swept_at
        from connection left join sweep on connection_id = id order by id limit 500`,
    ),

  /** Everything but the runner. What is counted to zero has no row. */
  service: async (query: Query, now: Date): Promise<readonly Sample[]> =>
    parseRows(
      sampleSchema,
      await query`
        select 'cosell_outbox_events' as metric, null as connection, 'unsent' as label, count(*)::float8 as value
          from outbox where sent_at is null
        union all select 'cosell_outbox_unsent_age_seconds', null, null,
          coalesce(greatest(0, extract(epoch from ${now}::timestamptz - min(at))), 0)::float8 from outbox where sent_at is null
        union all select 'cosell_shares', connection_id, state, count(*)::float8 from share group by connection_id, state
        union all select 'cosell_invitations', connection_id, state, count(*)::float8 from invitation
          group by connection_id, state
        union all select 'cosell_offers', connection_id, state, count(*)::float8 from offer group by connection_id, state
        union all select 'cosell_offers_expiring', connection_id, null, count(*)::float8 from offer
          where state in ('published', 'viewed') and accept_by between ${now}::timestamptz::date and ${now}::timestamptz::date + 7
          group by connection_id
        union all select 'cosell_agreements', connection_id, state, count(*)::float8 from agreement
          group by connection_id, state
        union all select 'cosell_agreements_waiting', connection_id, null, count(*)::float8 from agreement
          where waits is not null group by connection_id
        union all select 'cosell_effects_open', null, state, count(*)::float8 from effect
          where state in ('sent', 'ambiguous', 'stuck') group by state
        union all select 'cosell_pending_edits', null, null, count(*)::float8 from pending_edit where state = 'waiting'
        union all select 'cosell_tasks_open', connection_id, null, count(*)::float8 from task
          where state = 'open' group by connection_id
        union all select 'cosell_exceptions_open', null, code, count(*)::float8 from exception
          where closed_at is null group by code
        union all select 'cosell_report_files', null, status, count(*)::float8 from report_file group by status
        union all select 'cosell_reconciliations_waiting', null, null, count(*)::float8 from reconciliation
          where state in ('requested', 'running')
        union all (select 'cosell_reconciliation_last_timestamp_seconds', null, null, extract(epoch from ended_at)::float8
          from reconciliation where state = 'done' order by ended_at desc limit 1)
        union all select 'cosell_outgoing_webhook_messages', null, state, count(*)::float8 from webhook_message
          where state = 'pending' group by state
        union all select 'cosell_outgoing_webhook_lag_seconds', null, null,
          coalesce(greatest(0, extract(epoch from ${now}::timestamptz - min(due_at))), 0)::float8
          from webhook_message where state = 'pending'
        union all select 'cosell_webhook_lag_seconds', engagement.connection_id, null,
          greatest(0, extract(epoch from ${now}::timestamptz - min(hinted_at)))::float8
          from engagement join share on share.id = share_id
          where hinted_at is not null and (looked_at is null or hinted_at > looked_at)
            and share.state <> all (${[...shareEndStates]}::text[])
          group by engagement.connection_id
        union all select 'cosell_delivery_last_timestamp_seconds', id, null,
          extract(epoch from (select max(received_at) from delivery where connection_id = connection.id))::float8
          from connection where exists (select from delivery where connection_id = connection.id)`,
    ),

  /** What the embedded runner has to do. Runs that ended long ago are not counted: there may be millions. */
  runner: async (query: Query, now: Date): Promise<readonly Sample[]> =>
    parseRows(
      sampleSchema,
      await query`
        select 'cosell_runner_jobs' as metric, null as connection, case when lease_owner is not null then 'running'
            when parked then 'parked' when blocked_on is not null then 'blocked'
            when run_at <= ${now}::timestamptz then 'due' else 'waiting' end as label, count(*)::float8 as value
          from runner_job group by label
        union all select 'cosell_runner_jobs', null, 'waiting', count(*)::float8 from runner_pause where kind <> 'cancel'
        union all select 'cosell_runner_lag_seconds', null, null, coalesce(greatest(0, extract(epoch from ${now}::timestamptz - least(
            (select min(run_at) from runner_job where lease_owner is null and blocked_on is null and not parked),
            (select min(received_at) from runner_event where dispatched_at is null),
            (select min(expires_at) from runner_pause where kind <> 'cancel'),
            (select min(next_at) from runner_cron where next_at < 'infinity')))), 0)::float8
        union all select 'cosell_runner_runs', null, status, count(*)::float8 from runner_run
          where status in ('queued', 'running') group by status
        union all select 'cosell_runner_runs_ended_last_hour', null, status, count(*)::float8 from runner_run
          where ended_at > ${now}::timestamptz - interval '1 hour' group by status`,
    ),
});
