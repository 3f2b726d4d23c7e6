/** Deals, the companies they are with, the partner in them, and the dated evidence that a partner acted. */
import { z } from "zod";
import { accountMatchKey, registrableDomain } from "../domain/account.ts";
import {
  type Account,
  type AccountInput,
  accountSchema,
  type Contact,
  type Opportunity,
  type OpportunityInput,
  opportunitySchema,
} from "../domain/deal.ts";
import { decimalToMicros, microsToDecimal } from "../domain/money.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Contacts } from "./contacts.ts";
import type { Journal } from "./journal.ts";
import { type ListPage, parseFirst, parseRow, parseRows } from "./rows.ts";

export const partnerSchema = z.object({ id: z.string(), name: z.string(), createdAt: z.date() });
export type Partner = z.infer<typeof partnerSchema>;

export const touchKinds = ["registration", "intro", "joint_call", "demo", "acceptance", "other"] as const;
export const touchSchema = z.object({
  id: z.string(),
  opportunityId: z.string(),
  partnerId: z.string().nullable(),
  kind: z.enum(touchKinds),
  at: z.date(),
  source: z.string(),
  sourceKey: z.string(),
  actorId: z.string(),
});
export type Touch = z.infer<typeof touchSchema>;

/** A deal with everything the CRM told about it: what export writes and what a share is drafted from. */
export interface WholeDeal {
  readonly opportunity: Opportunity;
  readonly account: Account;
  readonly contacts: readonly Contact[];
  readonly partner: Partner | null;
}

export interface Saved {
  readonly outcome: "created" | "updated" | "unchanged";
  readonly opportunity: Opportunity;
}

export interface OpportunityFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly source?: string;
  readonly key?: string;
  /** Only deals without a sourced or influenced tag. */
  readonly untagged?: boolean;
  readonly accountId?: string;
  readonly text?: string;
}

const accountColumns = [
  "name",
  "website",
  "domain",
  "country",
  "state",
  "city",
  "postal_code",
  "street",
  "industry",
  "duns",
] as const;

export type Opportunities = ReturnType<typeof createOpportunities>;

export const createOpportunities = (
  deps: ClockDep & IdsDep & { readonly journal: Journal; readonly contacts: Contacts },
) => {
  const readColumns = (
    query: Query,
  ) => query`opportunity.id, source, key, account_id, partner_id, title, problem, stage, close_date::text as close_date,
    amount_micros, amount_currency, term_months, type, next_steps, lost_reason, tag, tagged_at, programmes, version,
    opportunity.created_at, opportunity.updated_at`;
  const find = async (query: Query, id: string): Promise<Opportunity | null> => {
    const [row] = await query`select ${readColumns(query)} from opportunity where id = ${id}`;
    return row === undefined ? null : readOpportunity(row);
  };
  const lock = async (tx: Query, id: string): Promise<Opportunity | null> => {
    const [row] = await tx`select ${readColumns(tx)} from opportunity where id = ${id} for update`;
    return row === undefined ? null : readOpportunity(row);
  };
  const findAccount = async (query: Query, id: string): Promise<Account | null> =>
    parseFirst(accountSchema, await query`select * from account where id = ${id}`);
  const partnerByName = async (tx: Query, name: string | null | undefined): Promise<string | null> => {
    if (name === null || name === undefined) return null;
    const nameKey = name.normalize("NFKC").trim().toLowerCase();
    await tx`insert into partner (id, name, name_key, created_at) values (${deps.ids.next("par")}, ${name}, ${nameKey}, ${deps.clock.now()})
      on conflict (name_key) do nothing`;
    const [row] = await tx<{ id: string }[]>`select id from partner where name_key = ${nameKey}`;
    return row?.id ?? null;
  };
  /** Makes or updates the account; tells whether a known one changed. */
  const putAccount = async (
    tx: Query,
    input: AccountInput,
  ): Promise<{ readonly id: string; readonly changed: boolean }> => {
    const values = {
      name: input.name,
      website: input.website ?? null,
      domain: registrableDomain(input.website),
      country: input.country ?? null,
      state: input.state ?? null,
      city: input.city ?? null,
      postal_code: input.postalCode ?? null,
      street: input.street ?? null,
      industry: input.industry ?? null,
      duns: input.duns ?? null,
    };
    const now = deps.clock.now();
    const fresh = {
      id: deps.ids.next("acc"),
      match_key: accountMatchKey(input),
      ...values,
      created_at: now,
      updated_at: now,
    };
    const inserted = await tx<
      { id: string }[]
    >`insert into account ${tx(fresh)} on conflict (match_key) do nothing returning id`;
    const [made] = inserted;
    if (made) return { id: made.id, changed: false };
    const [known] = await tx<
      Record<string, unknown>[]
    >`select * from account where match_key = ${fresh.match_key} for update`;
    if (known === undefined) throw new Error("an account vanished while it was being saved");
    const changed = accountColumns.some((column) => known[column] !== values[column]);
    if (changed) await tx`update account set ${tx({ ...values, updated_at: now })} where id = ${String(known.id)}`;
    return { id: String(known.id), changed };
  };
  const tellChanged = async (tx: Query, id: string): Promise<void> => {
    const [row] = await tx<
      { version: number }[]
    >`update opportunity set version = version + 1, updated_at = ${deps.clock.now()} where id = ${id} returning version`;
    await deps.journal.tell(tx, "opportunity.changed", id, { opportunityId: id, version: row?.version ?? 0 });
  };

  /**
   * Makes the deal with this (source, key), or brings it up to the input: what the input leaves out becomes empty.
   * One transaction of the caller's; tells `opportunity.created` or `.changed`, also for deals whose account changed with it.
   */
  const save = async (tx: Query, input: OpportunityInput, actorId: string): Promise<Saved> => {
    const account = await putAccount(tx, input.account);
    const partnerId = await partnerByName(tx, input.partner);
    const [known] =
      await tx`select ${readColumns(tx)} from opportunity where source = ${input.source} and key = ${input.key} for update`;
    const before = known === undefined ? null : readOpportunity(known);
    const values = columnsOf(input, { accountId: account.id, partnerId, before, now: deps.clock.now() });
    if (before === null) {
      const id = deps.ids.next("opp");
      const now = deps.clock.now();
      const [row] =
        await tx`insert into opportunity ${tx({ id, source: input.source, key: input.key, ...values, created_at: now, updated_at: now })}
        returning ${readColumns(tx)}`;
      await deps.contacts.putForDeal(tx, id, input.contacts);
      await deps.journal.note(tx, { subject: id, actorId, what: "created", note: `from ${input.source} ${input.key}` });
      await deps.journal.tell(tx, "opportunity.created", id, { opportunityId: id, version: 1 });
      return { outcome: "created", opportunity: readOpportunity(row ?? {}) };
    }
    const contactsChanged = await deps.contacts.putForDeal(tx, before.id, input.contacts);
    const changedColumns = changes(before, values);
    if (changedColumns.length > 0) await tx`update opportunity set ${tx(values)} where id = ${before.id}`;
    if (account.changed) {
      const others = await tx<
        { id: string }[]
      >`select id from opportunity where account_id = ${account.id} and id <> ${before.id} limit 1000`;
      for (const other of others) await tellChanged(tx, other.id);
    }
    if (changedColumns.length === 0 && !contactsChanged && !account.changed)
      return { outcome: "unchanged", opportunity: before };
    await tellChanged(tx, before.id);
    const what = [
      ...changedColumns,
      ...(contactsChanged ? ["contacts"] : []),
      ...(account.changed ? ["account"] : []),
    ].join(", ");
    await deps.journal.note(tx, { subject: before.id, actorId, what: "changed", note: `changed: ${what}` });
    const after = await find(tx, before.id);
    return { outcome: "updated", opportunity: after ?? before };
  };

  return {
    save,
    find,
    /** The deal, held until the transaction ends, or null. */
    lock,
    findAccount,
    /** The account that this one would be merged into, or null: what the CRM knows of it must not be overwritten by others. */
    knownAccount: async (query: Query, input: AccountInput): Promise<Account | null> =>
      parseFirst(accountSchema, await query`select * from account where match_key = ${accountMatchKey(input)}`),
    /** The partner of this name, made when it is new. */
    partner: async (tx: Query, name: string): Promise<string | null> => partnerByName(tx, name),
    /** The deal with its account, contacts and partner, or null. */
    whole: async (query: Query, id: string): Promise<WholeDeal | null> => {
      const opportunity = await find(query, id);
      if (opportunity === null) return null;
      const account = await findAccount(query, opportunity.accountId);
      if (account === null) throw new Error(`the account of ${id} is gone`);
      const partner = parseFirst(
        partnerSchema,
        await query`select id, name, created_at from partner where id = ${opportunity.partnerId}`,
      );
      return { opportunity, account, contacts: await deps.contacts.readForDeal(query, id), partner };
    },
    /** Deals, newest first. */
    list: async (query: Query, filter: OpportunityFilter): Promise<ListPage<Opportunity>> => {
      const rows = await query`select ${readColumns(query)} from opportunity where true
        ${filter.after === null ? query`` : query`and id < ${filter.after}`}
        ${filter.source === undefined ? query`` : query`and source = ${filter.source}`}
        ${filter.key === undefined ? query`` : query`and key = ${filter.key}`}
        ${filter.untagged === true ? query`and tag is null` : query``}
        ${filter.accountId === undefined ? query`` : query`and account_id = ${filter.accountId}`}
        ${filter.text === undefined ? query`` : query`and title ilike ${`%${filter.text.replace(/[\\%_]/g, "\\$&")}%`}`}
        order by id desc limit ${filter.limit + 1}`;
      return page(rows.map(readOpportunity), filter.limit);
    },
    listAccounts: async (
      query: Query,
      filter: { readonly after: string | null; readonly limit: number; readonly text?: string },
    ): Promise<ListPage<Account>> => {
      const rows = parseRows(
        accountSchema,
        await query`select * from account where true
        ${filter.after === null ? query`` : query`and id < ${filter.after}`}
        ${filter.text === undefined ? query`` : query`and name ilike ${`%${filter.text.replace(/[\\%_]/g, "\\$&")}%`}`}
        order by id desc limit ${filter.limit + 1}`,
      );
      return page(rows, filter.limit);
    },
    listPartners: async (query: Query): Promise<readonly Partner[]> =>
      parseRows(partnerSchema, await query`select id, name, created_at from partner order by name limit 500`),
    /** Records evidence that a partner acted. The same (source, sourceKey) again changes nothing. Null: that was so. */
    touch: async (query: Query, touch: Omit<Touch, "id">): Promise<Touch | null> =>
      parseFirst(
        touchSchema,
        await query`insert into touch (id, opportunity_id, partner_id, kind, at, source, source_key, actor_id, created_at)
        values (${deps.ids.next("tch")}, ${touch.opportunityId}, ${touch.partnerId}, ${touch.kind}, ${touch.at}, ${touch.source}, ${touch.sourceKey},
          ${touch.actorId}, ${deps.clock.now()}) on conflict (source, source_key) do nothing returning *`,
      ),
    listTouches: async (query: Query, opportunityId: string): Promise<readonly Touch[]> =>
      parseRows(
        touchSchema,
        await query`select * from touch where opportunity_id = ${opportunityId} order by at, id limit 500`,
      ),
  };
};

const page = <T extends { readonly id: string }>(rows: readonly T[], limit: number): ListPage<T> => {
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
};

const readOpportunity = (row: Readonly<Record<string, unknown>>): Opportunity => {
  const { amount_micros: micros, amount_currency: currency, ...rest } = row;
  const amount = typeof micros === "bigint" ? { amount: microsToDecimal(micros), currency } : null;
  return parseRow(opportunitySchema, { ...rest, amount });
};

interface SaveContext {
  readonly accountId: string;
  readonly partnerId: string | null;
  readonly before: Opportunity | null;
  readonly now: Date;
}

const columnsOf = (input: OpportunityInput, context: SaveContext) => {
  const tag = input.tag ?? null;
  const given = input.taggedAt === null || input.taggedAt === undefined ? null : new Date(input.taggedAt);
  const kept = context.before !== null && context.before.tag === tag ? context.before.taggedAt : null;
  return {
    account_id: context.accountId,
    partner_id: context.partnerId,
    title: input.title,
    problem: input.problem ?? null,
    stage: input.stage,
    close_date: input.closeDate ?? null,
    amount_micros: input.amount ? decimalToMicros(input.amount.amount) : null,
    amount_currency: input.amount?.currency ?? null,
    term_months: input.termMonths ?? null,
    type: input.type,
    next_steps: input.nextSteps ?? null,
    lost_reason: input.lostReason ?? null,
    tag,
    tagged_at: tag === null ? null : (given ?? kept ?? context.now),
    programmes: JSON.parse(JSON.stringify(input.programmes)),
  };
};

/** Names of the columns that differ from what is stored. */
const changes = (before: Opportunity, values: ReturnType<typeof columnsOf>): readonly string[] => {
  const micros = before.amount ? decimalToMicros(before.amount.amount) : null;
  const stored: Record<keyof ReturnType<typeof columnsOf>, unknown> = {
    account_id: before.accountId,
    partner_id: before.partnerId,
    title: before.title,
    problem: before.problem ?? null,
    stage: before.stage,
    close_date: before.closeDate ?? null,
    amount_micros: micros,
    amount_currency: before.amount?.currency ?? null,
    term_months: before.termMonths ?? null,
    type: before.type,
    next_steps: before.nextSteps ?? null,
    lost_reason: before.lostReason ?? null,
    tag: before.tag ?? null,
    tagged_at: before.taggedAt?.getTime() ?? null,
    programmes: canonical(before.programmes),
  };
  return (Object.keys(values) as (keyof typeof values)[]).filter((column) => {
    if (column === "tagged_at") return (values.tagged_at?.getTime() ?? null) !== stored.tagged_at;
    if (column === "programmes") return canonical(values.programmes) !== stored.programmes;
    return values[column] !== stored[column];
  });
};

/** JSON with sorted keys: jsonb does not keep their order. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
