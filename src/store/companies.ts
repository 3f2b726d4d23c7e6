/** The companies in the deals: customers (accounts) and the partners who work on a deal. */
import * as z from "zod";
import { accountMatchKey, registrableDomain } from "../domain/account.ts";
import { type Account, type AccountInput, accountSchema } from "../domain/deal.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";

export const partnerSchema = z.object({ id: z.string(), name: z.string(), createdAt: z.date() });
export type Partner = z.infer<typeof partnerSchema>;

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

export type Companies = ReturnType<typeof createCompanies>;

export const createCompanies = (deps: ClockDep & IdsDep) => ({
  findAccount: async (query: Query, id: string): Promise<Account | null> =>
    parseFirst(accountSchema, await query`select * from account where id = ${id}`),
  /** The account that this one would be merged into, or null: what the CRM knows of it must not be overwritten by others. */
  knownAccount: async (query: Query, input: AccountInput): Promise<Account | null> =>
    parseFirst(accountSchema, await query`select * from account where match_key = ${accountMatchKey(input)}`),

  /**
   * Makes or updates the account with the input's match key; tells whether a known one changed. With `keepsKnown` an
   * empty field of the input leaves what another deal told of the company.
   */
  putAccount: async (
    tx: Query,
    input: AccountInput,
    keepsKnown = false,
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
    >`select * from account where match_key = ${fresh.match_key} for no key update`;
    if (known === undefined) throw new Error("an account vanished while it was being saved");
    const changed = accountColumns.filter(
      (column) => known[column] !== values[column] && !(keepsKnown && values[column] === null),
    );
    if (changed.length > 0)
      await tx`update account set ${tx({ ...Object.fromEntries(changed.map((column) => [column, values[column]])), updated_at: now })}
        where id = ${String(known.id)}`;
    return { id: String(known.id), changed: changed.length > 0 };
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
    return pageOf(rows, filter.limit);
  },

  /** The partner of this name, made on first sight; null for no name. */
  partnerByName: async (tx: Query, name: string | null | undefined): Promise<string | null> => {
    if (name === null || name === undefined) return null;
    const nameKey = name.normalize("NFKC").trim().toLowerCase();
    await tx`insert into partner (id, name, name_key, created_at) values (${deps.ids.next("par")}, ${name}, ${nameKey}, ${deps.clock.now()})
      on conflict (name_key) do nothing`;
    const [row] = await tx<{ id: string }[]>`select id from partner where name_key = ${nameKey}`;
    return row?.id ?? null;
  },
  findPartner: async (query: Query, id: string | null): Promise<Partner | null> =>
    id === null
      ? null
      : parseFirst(partnerSchema, await query`select id, name, created_at from partner where id = ${id}`),
  listPartners: async (query: Query): Promise<readonly Partner[]> =>
    parseRows(partnerSchema, await query`select id, name, created_at from partner order by name limit 500`),
});

/** One page out of rows that were read with one more than the limit. */
export const pageOf = <T extends { readonly id: string }>(rows: readonly T[], limit: number): ListPage<T> => {
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
};
