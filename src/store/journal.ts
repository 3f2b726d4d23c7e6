/** The journal: outbox (facts to tell, written in the transaction that made them true), history, exceptions. */
import * as z from "zod";
import type { EventData, EventName, EventRecord } from "../domain/events.ts";
import { eventCatalogue, eventSchema } from "../domain/events.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import { type ExceptionRecord, exceptionColumns, exceptionSchema } from "./exception-row.ts";
import { type ListPage, parseFirst, parseRow, parseRows } from "./rows.ts";

export const historySchema = z.object({
  seq: z.bigint(),
  subject: z.string(),
  at: z.date(),
  actorId: z.string(),
  actorName: z.string(),
  what: z.string(),
  fromState: z.string().nullable(),
  toState: z.string().nullable(),
  note: z.string().nullable(),
});
export type HistoryRecord = z.infer<typeof historySchema>;

export interface HistoryEntry {
  readonly subject: string;
  readonly actorId: string;
  readonly what: string;
  readonly from?: string | null;
  readonly to?: string | null;
  /** One sentence for a person; never personal data. */
  readonly note?: string | null;
}

const addHistory = async (query: Query, now: Date, entry: HistoryEntry): Promise<void> => {
  await query`insert into history (subject, at, actor_id, what, from_state, to_state, note)
    values (${entry.subject}, ${now}, ${entry.actorId}, ${entry.what}, ${entry.from ?? null}, ${entry.to ?? null}, ${entry.note ?? null})`;
};

export type Journal = ReturnType<typeof createJournal>;

export const createJournal = (deps: ClockDep & IdsDep) => ({
  /** Appends a fact or a wish to the outbox. Call it inside the transaction that makes it true. */
  tell: async <Name extends EventName>(
    query: Query,
    name: Name,
    subject: string,
    data: EventData<Name>,
  ): Promise<void> => {
    const checked = eventCatalogue[name].parse(data);
    await query`insert into outbox (id, name, at, subject, data)
      values (${deps.ids.uuid()}, ${name}, ${deps.clock.now()}, ${subject}, ${query.json(checked)})`;
  },

  /**
   * Asks for a decision of the share rules about deals that arrived or changed. Nothing while no rule is in force: most
   * deals are imported before the first rule is written, and a run for each of them would be work for nothing.
   */
  askRules: async (query: Query, opportunityIds: readonly string[]): Promise<void> => {
    const wishes = opportunityIds.map((opportunityId) => ({
      id: deps.ids.uuid(),
      subject: opportunityId,
      data: eventCatalogue["share.decision.requested"].parse({ opportunityId }),
    }));
    await query`insert into outbox (id, name, at, subject, data)
      select wish.id, 'share.decision.requested', ${deps.clock.now()}::timestamptz, wish.subject, wish.data
      from json_to_recordset(${JSON.stringify(wishes)}::text::json) as wish (id uuid, subject text, data jsonb)
      where exists (select 1 from share_rule r join share_rule_version v on v.rule_id = r.id and v.version = r.version
        where r.deleted_at is null and v.enabled)`;
  },

  /** Appends many facts or wishes of one name in one statement. */
  tellAll: async <Name extends EventName>(
    query: Query,
    name: Name,
    told: readonly { readonly subject: string; readonly data: EventData<Name> }[],
  ): Promise<void> => {
    if (told.length === 0) return;
    const rows = told.map(({ subject, data }) => ({
      id: deps.ids.uuid(),
      subject,
      data: eventCatalogue[name].parse(data),
    }));
    await query`insert into outbox (id, name, at, subject, data)
      select row.id, ${name}, ${deps.clock.now()}, row.subject, row.data
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (id uuid, subject text, data jsonb)`;
  },

  /** Events not handed to the workflow engine yet, oldest first, at most `limit`. Skips rows another drain holds. */
  unsent: async (tx: Query, limit: number): Promise<readonly EventRecord[]> =>
    parseRows(
      eventSchema,
      await tx`select seq, id, name, at, subject, version, data from outbox
      where sent_at is null order by seq limit ${limit} for update skip locked`,
    ),

  markSent: async (tx: Query, seqs: readonly bigint[]): Promise<void> => {
    await tx`update outbox set sent_at = ${deps.clock.now()} where seq = any(${seqs.map(String)}::text[]::bigint[])`;
  },

  /** Events after `after` (a seq), oldest first; optionally of one subject or name. */
  listEvents: async (
    query: Query,
    filter: { readonly after: bigint; readonly limit: number; readonly name?: string; readonly subject?: string },
  ): Promise<ListPage<EventRecord>> => {
    const rows = parseRows(
      eventSchema,
      await query`select seq, id, name, at, subject, version, data from outbox
      where seq > ${filter.after}
        ${filter.name === undefined ? query`` : query`and name = ${filter.name}`}
        ${filter.subject === undefined ? query`` : query`and subject = ${filter.subject}`}
      order by seq limit ${filter.limit + 1}`,
    );
    const items = rows.slice(0, filter.limit);
    return { items, next: rows.length > filter.limit ? String(items.at(-1)?.seq ?? "") : null };
  },

  note: (query: Query, entry: HistoryEntry): Promise<void> => addHistory(query, deps.clock.now(), entry),

  listHistory: async (
    query: Query,
    filter: { readonly subject: string; readonly after: bigint; readonly limit: number },
  ): Promise<ListPage<HistoryRecord>> => {
    const rows = parseRows(
      historySchema,
      await query`select history.*, actor.name as actor_name from history join actor on actor.id = history.actor_id
      where subject = ${filter.subject} and seq > ${filter.after} order by seq limit ${filter.limit + 1}`,
    );
    const items = rows.slice(0, filter.limit);
    return { items, next: rows.length > filter.limit ? String(items.at(-1)?.seq ?? "") : null };
  },

  /** Opens an exception for a person unless one with the same code and subject is open. Returns its id, or null. */
  openException: async (query: Query, code: string, subject: string, message: string): Promise<string | null> =>
    (await openExceptions(deps, query, code, [{ subject, message }]))[0] ?? null,
  /** The same for many of one code, in one statement. */
  openExceptions: (query: Query, code: string, opened: readonly Opened[]) => openExceptions(deps, query, code, opened),

  /** Closes an open exception with a reason. Returns it, or null when there is no such open one. */
  closeException: async (tx: Query, id: string, reason: string, actorId: string): Promise<ExceptionRecord | null> => {
    const closed = parseFirst(
      exceptionSchema,
      await tx`update exception
      set state = 'closed', version = version + 1, closed_at = ${deps.clock.now()}, closed_reason = ${reason}, closed_by = ${actorId}
      where id = ${id} and closed_at is null returning ${exceptionColumns(tx)}`,
    );
    if (closed === null) return null;
    await addHistory(tx, deps.clock.now(), {
      subject: id,
      actorId,
      what: "exception_closed",
      to: "closed",
      note: reason,
    });
    await tx`insert into outbox (id, name, at, subject, data) values (${deps.ids.uuid()}, 'exception.closed', ${deps.clock.now()},
      ${closed.subject}, ${tx.json({ exceptionId: id, code: closed.code, subject: closed.subject })})`;
    return closed;
  },

  /** Tells of exceptions that were opened or closed many at a time. */
  tellExceptions: async (
    tx: Query,
    name: "exception.opened" | "exception.closed",
    ids: readonly string[],
  ): Promise<void> => {
    if (ids.length === 0) return;
    const rows = await tx<
      { id: string; code: string; subject: string }[]
    >`select id, code, subject from exception where id = any(${[...ids]}::text[]) order by id`;
    const told = rows.map(({ id, code, subject }) => ({
      id: deps.ids.uuid(),
      subject,
      data: eventCatalogue[name].parse({ exceptionId: id, code, subject }),
    }));
    await tx`insert into outbox (id, name, at, subject, data)
      select row.id, ${name}, ${deps.clock.now()}, row.subject, row.data
      from json_to_recordset(${JSON.stringify(told)}::text::json) as row (id uuid, subject text, data jsonb)`;
  },

  /** Closes what is open of this code and subject: its cause is gone. */
  settleException: async (
    tx: Query,
    settled: { readonly code: string; readonly subject: string; readonly because: string; readonly actorId: string },
  ): Promise<void> => {
    const { code, subject, because, actorId } = settled;
    const rows = await tx<
      { id: string }[]
    >`update exception set state = 'closed', version = version + 1, closed_at = ${deps.clock.now()}, closed_reason = ${because},
        closed_by = ${actorId}
      where code = ${code} and subject = ${subject} and closed_at is null returning id`;
    for (const { id } of rows)
      await tx`insert into outbox (id, name, at, subject, data) values (${deps.ids.uuid()}, 'exception.closed', ${deps.clock.now()},
        ${subject}, ${tx.json({ exceptionId: id, code, subject })})`;
  },

  listExceptions: async (
    query: Query,
    filter: {
      readonly open: boolean;
      readonly after: string | null;
      readonly limit: number;
      readonly subject?: string;
    },
  ): Promise<ListPage<ExceptionRecord>> => {
    const rows = parseRows(
      exceptionSchema,
      await query`select ${exceptionColumns(query)} from exception
      where ${filter.open ? query`closed_at is null` : query`true`}
        ${filter.after === null ? query`` : query`and id < ${filter.after}`}
        ${filter.subject === undefined ? query`` : query`and subject = ${filter.subject}`}
      order by id desc limit ${filter.limit + 1}`,
    );
    const items = rows.slice(0, filter.limit);
    return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
  },

  /**
   * Erases what has outlived its purpose: raw bodies, deliveries, settled frozen requests, sent events and stored answers
   * older than `before`. Facts, history and open work stay. Returns how many rows were touched, by kind.
   */
  expire: async (query: Query, before: Date): Promise<Readonly<Record<string, number>>> => {
    const deliveries = await query`delete from delivery where received_at < ${before}`;
    const bodies =
      await query`update engagement set sealed_body = null where sealed_body is not null and looked_at < ${before}`;
    const invitations =
      await query`update invitation set sealed_body = null where sealed_body is not null and looked_at < ${before}`;
    const offers =
      await query`update offer set sealed_body = null where sealed_body is not null and looked_at < ${before}`;
    const agreements =
      await query`update agreement set sealed_body = null where sealed_body is not null and looked_at < ${before}`;
    const drifts =
      await query`update exception set sealed_body = null where sealed_body is not null and opened_at < ${before}`;
    const requests = await query`update effect set sealed_request = null
      where sealed_request is not null and state in ('confirmed', 'refused') and updated_at < ${before}`;
    const answers = await query`delete from idempotency where created_at < ${before}`;
    const events = await query`delete from outbox where sent_at < ${before}`;
    // A test that its process did not survive stays pending without a time.
    const messages = await query`delete from webhook_message
      where created_at < ${before} and (state <> 'pending' or due_at is null)`;
    return {
      deliveries: deliveries.count,
      bodies: bodies.count + invitations.count + offers.count + agreements.count + drifts.count,
      requests: requests.count,
      answers: answers.count,
      events: events.count,
      messages: messages.count,
    };
  },
});

interface Opened {
  readonly subject: string;
  readonly message: string;
}
/** Opens exceptions for a person, each unless one with the same code and subject is open. Returns the ids of those that are new. */
const openExceptions = async (
  deps: ClockDep & IdsDep,
  query: Query,
  code: string,
  opened: readonly Opened[],
): Promise<readonly string[]> => {
  if (opened.length === 0) return [];
  const rows = opened.map((one) => ({ ...one, id: deps.ids.next("exc"), event: deps.ids.uuid() }));
  const made = await query<{ id: string }[]>`with given as (
      select * from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (id text, subject text, message text, event uuid)
    ), made as (
      insert into exception (id, code, subject, message, opened_at)
      select id, ${code}, subject, message, ${deps.clock.now()}::timestamptz from given
      on conflict (code, subject) where closed_at is null and key is null do nothing returning id, subject
    ), told as (
      insert into outbox (id, name, at, subject, data)
      select event, 'exception.opened', ${deps.clock.now()}::timestamptz, made.subject,
        jsonb_build_object('exceptionId', made.id, 'code', ${code}::text, 'subject', made.subject)
      from made join given on given.id = made.id
    )
    select id from made`;
  return made.map(({ id }) => id);
};

/** The row that `query` returned must exist: a bug otherwise, not a user's error. */
export const mustParse = <T>(
  schema: z.ZodType<T>,
  rows: readonly Readonly<Record<string, unknown>>[],
  what: string,
): T => {
  const [row] = rows;
  if (row === undefined) throw new Error(`${what} does not exist`);
  return parseRow(schema, row);
};
