/** Webhook messages: one for each event and endpoint, made when the outbox is drained, and the log of their attempts. */
import * as z from "zod";
import type { EventRecord } from "../domain/events.ts";
import { step, type WebhookMessageState, webhookMessageTable, webhookStates } from "../domain/machine.ts";
import {
  type AttemptError,
  payloadOf,
  testEventName,
  type Webhook,
  type WebhookAttempt,
  type WebhookMessage,
  wants,
  webhookAttemptSchema,
  webhookMessageSchema,
} from "../domain/webhook.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { type ListPage, parseFirst, parseRow, parseRows } from "./rows.ts";

/** A message that was due for so long has lost its run (a queue restored, another engine): it is taken up by a new one. */
const overdueMs = 6 * 3_600_000;
const takeUpMax = 500;
const attemptsShownMax = 30;
export const replayMax = 5_000;

const deliverableSchema = webhookMessageSchema.extend({
  generation: z.number().int(),
  body: z.string(),
  url: z.string(),
  webhookState: z.enum(webhookStates),
  pausedUntil: z.date().nullable(),
});
/** A message with what is needed to send it. */
export type Deliverable = z.infer<typeof deliverableSchema>;
const wishSchema = z.object({ id: z.string(), webhookId: z.string(), generation: z.number().int() });
/** The message, and the run that may deliver it. */
export type Wish = z.infer<typeof wishSchema>;

export interface MessageFilter {
  readonly webhookId: string;
  readonly after: string | null;
  readonly limit: number;
  readonly state?: WebhookMessageState;
  readonly type?: string;
}

export interface Attempted {
  readonly at: Date;
  readonly durationMs: number;
  readonly status: number | null;
  readonly error: AttemptError | null;
  /** Null: no further attempt. */
  readonly dueAt: Date | null;
}

export type WebhookMessages = ReturnType<typeof createWebhookMessages>;

export const createWebhookMessages = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  const wishAll = (tx: Query, wishes: readonly Wish[]): Promise<void> =>
    deps.journal.tellAll(
      tx,
      "webhook.delivery.requested",
      wishes.map(({ id, webhookId, generation }) => ({ subject: id, data: { messageId: id, webhookId, generation } })),
    );
  return {
    /**
     * One message for each endpoint that wants one of the events, in one statement. Called again with the same events it makes
     * nothing and gives the same wishes: the caller may have died before it handed them on.
     */
    fanOut: async (
      query: Query,
      webhooks: readonly Webhook[],
      events: readonly EventRecord[],
    ): Promise<readonly Wish[]> => {
      const rows = events.flatMap((event) =>
        webhooks
          .filter((webhook) => wants(webhook, event))
          .map((webhook) => ({
            id: deps.ids.next("whm"),
            event_id: event.id,
            webhook_id: webhook.id,
            type: event.name,
            occurred_at: event.at.toISOString(),
            body: payloadOf(event),
          })),
      );
      if (rows.length === 0) return [];
      const now = deps.clock.now();
      return parseRows(
        wishSchema,
        await query`with wanted as (
            select * from json_to_recordset(${JSON.stringify(rows)}::text::json)
              as row (id text, event_id uuid, webhook_id text, type text, occurred_at timestamptz, body text)
          ), made as (
            insert into webhook_message (id, event_id, webhook_id, type, occurred_at, body, state, due_at, created_at, updated_at)
            select wanted.id, event_id, webhook_id, type, occurred_at, body, 'pending', ${now}, ${now}, ${now}
            from wanted join webhook on webhook.id = wanted.webhook_id
            on conflict (event_id, webhook_id) do nothing returning id, webhook_id, generation
          )
          select id, webhook_id, generation from made
          union all
          select known.id, known.webhook_id, known.generation from wanted
            join webhook_message known using (event_id, webhook_id) where known.state = 'pending'
          order by id`,
      );
    },

    /** A message that no event caused and that is attempted once, now. Returns its id. */
    createTest: async (tx: Query, webhookId: string, type: string): Promise<string> => {
      const id = deps.ids.next("whm");
      const now = deps.clock.now();
      const body = payloadOf({ name: type, at: now, data: { webhookId } });
      await tx`insert into webhook_message (id, event_id, webhook_id, type, occurred_at, body, state, created_at, updated_at)
        values (${id}, ${deps.ids.uuid()}, ${webhookId}, ${type}, ${now}, ${body}, 'pending', ${now}, ${now})`;
      return id;
    },

    findDeliverable: async (query: Query, id: string): Promise<Deliverable | null> =>
      parseFirst(
        deliverableSchema,
        await query`select message.*, webhook.url, webhook.state as webhook_state, webhook.paused_until
          from webhook_message message join webhook on webhook.id = message.webhook_id where message.id = ${id}`,
      ),

    /** Writes an attempt down. False when another run has been faster: then nothing is written. */
    record: async (tx: Query, message: Deliverable, attempted: Attempted): Promise<boolean> => {
      const event = attempted.error === null ? "taken" : attempted.dueAt === null ? "given_up" : null;
      const state = event === null ? message.state : step(webhookMessageTable, message.state, event);
      if (state === null) return false;
      const moved = await tx`update webhook_message set state = ${state}, attempts = attempts + 1,
          due_at = ${attempted.dueAt}, updated_at = ${deps.clock.now()}
        where id = ${message.id} and state = ${message.state} and generation = ${message.generation}
          and attempts = ${message.attempts}`;
      if (moved.count === 0) return false;
      await tx`insert into webhook_attempt (message_id, number, at, duration_ms, status, error)
        select ${message.id}, coalesce(max(number), 0) + 1, ${attempted.at}::timestamptz, ${attempted.durationMs}::int,
          ${attempted.status}::int, ${attempted.error}
        from webhook_attempt where message_id = ${message.id}`;
      return true;
    },

    /** The receiver asked for a pause: not before `until`. */
    defer: async (query: Query, message: Deliverable, until: Date): Promise<void> => {
      await query`update webhook_message set due_at = ${until}, updated_at = ${deps.clock.now()}
        where id = ${message.id} and generation = ${message.generation} and state = 'pending'`;
    },

    /** Its run gave up on our side: what is left pending fails visibly. */
    giveUp: async (query: Query, id: string, generation: number): Promise<void> => {
      await query`update webhook_message set state = 'failed', due_at = null, updated_at = ${deps.clock.now()}
        where id = ${id} and generation = ${generation} and state = 'pending'`;
    },

    /** Sends one message again, from the first attempt on. Null when there is none. */
    replay: async (tx: Query, webhookId: string, id: string): Promise<WebhookMessage | null> => {
      const now = deps.clock.now();
      const [row] = await tx`update webhook_message set state = 'pending', attempts = 0, generation = generation + 1,
        due_at = ${now}, updated_at = ${now} where id = ${id} and webhook_id = ${webhookId} returning *`;
      if (row === undefined) return null;
      await wishAll(tx, [parseRow(wishSchema, row)]);
      return parseRow(webhookMessageSchema, row);
    },

    /** Sends again what failed and was made at `since` or later, the oldest first, at most `replayMax`. Returns how many. */
    replayFailed: async (tx: Query, webhookId: string, since: Date): Promise<number> => {
      const now = deps.clock.now();
      const wishes = parseRows(
        wishSchema,
        await tx`with chosen as (
            select id from webhook_message where webhook_id = ${webhookId} and state = 'failed' and created_at >= ${since}
              and type <> ${testEventName}
            order by id limit ${replayMax} for update
          )
          update webhook_message message set state = 'pending', attempts = 0, generation = generation + 1, due_at = ${now},
            updated_at = ${now} from chosen where chosen.id = message.id returning message.id, webhook_id, generation`,
      );
      await wishAll(
        tx,
        wishes.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      );
      return wishes.length;
    },

    /** Gives messages whose run was lost to a new one. Returns how many. */
    takeUp: async (tx: Query): Promise<number> => {
      const now = deps.clock.now();
      const before = new Date(now.getTime() - overdueMs);
      const wishes = parseRows(
        wishSchema,
        await tx`with lost as (
            select id from webhook_message where state = 'pending' and due_at < ${before} and updated_at < ${before}
            order by due_at limit ${takeUpMax} for update skip locked
          )
          update webhook_message message set generation = generation + 1, updated_at = ${now}
          from lost where lost.id = message.id returning message.id, webhook_id, generation`,
      );
      await wishAll(tx, wishes);
      return wishes.length;
    },

    /** Deletes messages of an endpoint, at most `limit`. Returns how many. */
    purge: async (query: Query, webhookId: string, limit: number): Promise<number> => {
      const gone = await query`delete from webhook_message where id in (
          select id from webhook_message where webhook_id = ${webhookId} order by id limit ${limit}
        )`;
      return gone.count;
    },

    list: async (query: Query, filter: MessageFilter): Promise<ListPage<WebhookMessage>> => {
      const rows = parseRows(
        webhookMessageSchema,
        await query`select * from webhook_message where webhook_id = ${filter.webhookId}
          ${filter.after === null ? query`` : query`and id < ${filter.after}`}
          ${filter.state === undefined ? query`` : query`and state = ${filter.state}`}
          ${filter.type === undefined ? query`` : query`and type = ${filter.type}`}
          order by id desc limit ${filter.limit + 1}`,
      );
      const items = rows.slice(0, filter.limit);
      return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
    },

    /** The newest attempts of each message, oldest first. */
    attemptsOf: async (
      query: Query,
      messageIds: readonly string[],
    ): Promise<ReadonlyMap<string, readonly WebhookAttempt[]>> => {
      const rows = parseRows(
        webhookAttemptSchema.extend({ messageId: z.string() }),
        await query`select attempt.* from unnest(${[...messageIds]}::text[]) as message (id)
          cross join lateral (select * from webhook_attempt where message_id = message.id
            order by number desc limit ${attemptsShownMax}) attempt
          order by attempt.message_id, attempt.number`,
      );
      return Map.groupBy(rows, (row) => row.messageId);
    },

    countByState: async (query: Query, webhookId: string): Promise<Readonly<Record<string, number>>> => {
      const rows = await query<{ state: string; count: number }[]>`select state, count(*)::int as count
        from webhook_message where webhook_id = ${webhookId} group by state order by state`;
      return Object.fromEntries(rows.map((row) => [row.state, row.count]));
    },
  };
};
