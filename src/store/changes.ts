/** How a deal changes: what the CRM, a person here or the partner's record says is merged into it, field by field. */
import { accountMatchKey } from "../domain/account.ts";
import { type Account, accountSchema, type Contact, type Opportunity, type OpportunityInput } from "../domain/deal.ts";
import {
  type Claim,
  claimsOf,
  dealOf,
  editsOf,
  type Fields,
  fieldsOf,
  type Merged,
  merge,
  type Refused,
  type Rule,
  ruleFor,
  type Said,
  type Statement,
} from "../domain/fields.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Companies } from "./companies.ts";
import type { Contacts } from "./contacts.ts";
import { dealColumns, readOpportunity, rowOf } from "./deal-row.ts";
import type { Journal } from "./journal.ts";
import { parseRow } from "./rows.ts";
import { knownSchema, type Statements } from "./statements.ts";

export interface Saved {
  readonly outcome: "created" | "updated" | "unchanged";
  readonly opportunity: Opportunity;
  /** Changes that the table of field authority did not let through. */
  readonly refused: readonly Refused[];
}

/** What a partner's record says of a deal, and what of it they changed. */
export interface PartnerWord {
  readonly opportunityId: string;
  readonly connectionId: string;
  readonly shareId: string;
  /** When their record was last changed. */
  readonly at: Date;
  readonly actorId: string;
  readonly values: Fields;
  readonly claims: readonly Claim[];
}

/** A deal that nobody else can change until the transaction ends, with all that decides about its fields. */
interface Held {
  readonly opportunity: Opportunity;
  readonly account: Account;
  readonly fields: Fields;
  readonly said: readonly Said[];
  readonly rules: readonly Rule[];
}
interface Change {
  readonly statement: Statement;
  /** The people, where the statement's contacts stand for them. */
  readonly contacts: readonly Contact[];
  /** Where it comes from, for the history. */
  readonly from: string;
}

const attemptsMax = 5;

export interface ChangesDeps extends ClockDep, IdsDep {
  readonly journal: Journal;
  readonly contacts: Contacts;
  readonly companies: Companies;
  readonly statements: Statements;
}

export const createChanges = (deps: ChangesDeps) => {
  const { companies, statements } = deps;
  /** The deal's company first, as everybody does who may change both: else two would wait for each other. What refers to them is not held up. */
  const lockNamed = async (
    tx: Query,
    named: { readonly id: string } | { readonly source: string; readonly key: string },
  ) => {
    const which =
      "id" in named ? tx`opportunity.id = ${named.id}` : tx`source = ${named.source} and key = ${named.key}`;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const [at] = await tx<{ id: string; account_id: string }[]>`select opportunity.id, account_id from opportunity
        join account on account.id = account_id where ${which} for no key update of account`;
      if (at === undefined) return null;
      const [row] = await tx`select ${dealColumns(tx)} from opportunity where id = ${at.id} for no key update`;
      if (row === undefined) return null;
      const opportunity = readOpportunity(row);
      if (opportunity.accountId === at.account_id) return opportunity;
    }
    throw new Error("a deal kept moving from company to company while it was to be changed");
  };
  const knownOf = async (query: Query, opportunity: Opportunity): Promise<Held> => {
    const [row] =
      await query`select account.*, (select name from partner where id = ${opportunity.partnerId}) as partner_name,
      ${statements.columns(query, opportunity.id)} from account where id = ${opportunity.accountId}`;
    if (row === undefined) throw new Error(`the account of ${opportunity.id} is gone`);
    const { partner_name: partner, ...rest } = row;
    const account = parseRow(accountSchema, rest);
    const named = typeof partner === "string" ? partner : null;
    const fields = fieldsOf({ ...opportunity, account, partner: named });
    return { opportunity, account, fields, ...parseRow(knownSchema, rest) };
  };
  const tellChanged = async (tx: Query, changed: readonly Pick<Opportunity, "id" | "version">[]): Promise<void> => {
    await deps.journal.tellAll(
      tx,
      "opportunity.changed",
      changed.map(({ id, version }) => ({ subject: id, data: { opportunityId: id, version } })),
    );
    await deps.journal.askRules(
      tx,
      changed.map(({ id }) => id),
    );
  };
  /** The other deals of a company that changed have changed with it. */
  const tellOthers = async (tx: Query, accountId: string, but: string): Promise<void> => {
    const others = await tx<
      { id: string; version: number }[]
    >`update opportunity set version = version + 1, updated_at = ${deps.clock.now()}
      where id in (select id from opportunity where account_id = ${accountId} and id <> ${but} order by id limit 1000)
      returning id, version`;
    if (others.length > 0) await tellChanged(tx, others);
  };

  const apply = async (tx: Query, held: Held, change: Change): Promise<Saved> => {
    const { opportunity: before } = held;
    const { statement } = change;
    const merged = merge(held, statement, (name) => ruleFor(held.rules, before.source, name));
    await statements.keep(tx, before.id, merged.said);
    const news = merged.refused.filter((refused) => refused.isNews);
    if (news.length > 0) {
      const note = `not taken from ${change.from}: ${news.map(({ name, why }) => `${name} (${why})`).join(", ")}`;
      await deps.journal.note(tx, { subject: before.id, actorId: statement.actorId, what: "overridden", note });
    }
    if (merged.taken.length === 0) return { outcome: "unchanged", opportunity: before, refused: merged.refused };
    const after = await write(tx, held, { merged, contacts: change.contacts });
    const note = `changed: ${merged.taken.join(", ")}${statement.side === "partner" ? `; from ${change.from}` : ""}`;
    await deps.journal.note(tx, { subject: before.id, actorId: statement.actorId, what: "changed", note });
    return { outcome: "updated", opportunity: after, refused: merged.refused };
  };

  const write = async (
    tx: Query,
    { opportunity: before, account }: Held,
    { merged, contacts }: { readonly merged: Merged; readonly contacts: readonly Contact[] },
  ): Promise<Opportunity> => {
    const { taken } = merged;
    const deal = dealOf(merged.fields);
    const moves = accountMatchKey(deal.account) !== accountMatchKey(account);
    const company = taken.some((name) => name.startsWith("account."))
      ? await companies.putAccount(tx, deal.account, moves)
      : { id: account.id, changed: false };
    const partnerId = taken.includes("partner") ? await companies.partnerByName(tx, deal.partner) : before.partnerId;
    if (taken.includes("contacts")) await deps.contacts.putForDeal(tx, before.id, contacts);
    const now = deps.clock.now();
    const values = rowOf(deal, { accountId: company.id, partnerId, before, now });
    const [row] = await tx`update opportunity set ${tx({ ...values, version: before.version + 1, updated_at: now })}
      where id = ${before.id} returning ${dealColumns(tx)}`;
    const after = readOpportunity(row ?? {});
    if (company.changed) await tellOthers(tx, company.id, before.id);
    await tellChanged(tx, [after]);
    return after;
  };

  /** Null: somebody made it in the meantime. */
  const create = async (tx: Query, input: OpportunityInput, actorId: string): Promise<Saved | null> => {
    const values = new Map(fieldsOf(input));
    const deal = dealOf(values);
    const account = await companies.putAccount(tx, deal.account, true);
    const partnerId = await companies.partnerByName(tx, deal.partner);
    const id = deps.ids.next("opp");
    const now = deps.clock.now();
    const row = rowOf(deal, { accountId: account.id, partnerId, before: null, now });
    const [made] =
      await tx`insert into opportunity ${tx({ id, source: input.source, key: input.key, ...row, created_at: now, updated_at: now })}
      on conflict (source, key) do nothing returning ${dealColumns(tx)}`;
    if (made === undefined) return null;
    await deps.contacts.putForDeal(tx, id, input.contacts);
    values.set("contacts", { ...(await deps.contacts.markOf(input.contacts)) });
    const entry = { at: now.toISOString(), actorId, holds: true as const };
    const fields = Object.fromEntries([...values].map(([name, value]) => [name, { value, ...entry }]));
    await statements.keep(tx, id, [{ source: crmSource(input.source), side: "crm", fields }]);
    if (account.changed) await tellOthers(tx, account.id, id);
    await deps.journal.note(tx, { subject: id, actorId, what: "created", note: `from ${input.source} ${input.key}` });
    await deps.journal.tell(tx, "opportunity.created", id, { opportunityId: id, version: 1 });
    await deps.journal.askRules(tx, [id]);
    return { outcome: "created", opportunity: readOpportunity(made), refused: [] };
  };

  const contactsNow = async (query: Query, id: string) => ({
    ...(await deps.contacts.markOf(await deps.contacts.readForDeal(query, id))),
  });

  return {
    /** The deal, held until the transaction ends, or null. */
    lock: (tx: Query, id: string): Promise<Opportunity | null> => lockNamed(tx, { id }),
    /** What the sides said of a deal, the rules made, and its fields as they are. */
    known: async (query: Query, opportunity: Opportunity) => {
      const { fields, said, rules } = await knownOf(query, opportunity);
      return { fields: new Map([...fields, ["contacts", await contactsNow(query, opportunity.id)]]), said, rules };
    },

    /**
     * Makes the deal with this (source, key), or takes in what its CRM says now: what the input leaves out the CRM says
     * is empty. Only what the CRM changed since its last word changes the deal; where somebody else changed the same
     * field in between, the field authority decides. One transaction of the caller's; tells `opportunity.created` or
     * `.changed`, also for deals whose account changed with it.
     */
    save: async (tx: Query, input: OpportunityInput, actorId: string): Promise<Saved> => {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const opportunity = await lockNamed(tx, { source: input.source, key: input.key });
        if (opportunity === null) {
          const made = await create(tx, input, actorId);
          if (made !== null) return made;
          continue;
        }
        const held = await knownOf(tx, opportunity);
        const source = crmSource(input.source);
        const before = held.said.find((said) => said.source === source) ?? null;
        const contacts = { ...(await deps.contacts.markOf(input.contacts)) };
        const values = new Map([...fieldsOf(input), ["contacts", contacts]]);
        // Opened only where the CRM says something else than before.
        const isSaid = sameMark(before?.fields.contacts?.value, contacts.mark);
        const fields = isSaid
          ? held.fields
          : new Map([...held.fields, ["contacts", await contactsNow(tx, opportunity.id)]]);
        const claims = claimsOf(fields, before, values);
        const statement = { source, side: "crm" as const, at: deps.clock.now(), actorId, values, claims };
        return apply(tx, { ...held, fields }, { statement, contacts: input.contacts, from: source });
      }
      throw new Error("a deal kept vanishing while it was to be saved");
    },

    /** A person or a key here changes the deal to `input`: all that differs from the deal is ours from now on. Hold it with `lock` before. */
    edit: async (tx: Query, opportunity: Opportunity, input: OpportunityInput, actorId: string): Promise<Saved> => {
      const held = await knownOf(tx, opportunity);
      const fields = new Map([...held.fields, ["contacts", await contactsNow(tx, opportunity.id)]]);
      const values = new Map([...fieldsOf(input), ["contacts", { ...(await deps.contacts.markOf(input.contacts)) }]]);
      const claims = editsOf(fields, values);
      const own = new Map(claims.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])));
      const at = deps.clock.now();
      const statement = { source: "cosell", side: "ours" as const, at, actorId, values: own, claims };
      return apply(tx, { ...held, fields }, { statement, contacts: input.contacts, from: "cosell" });
    },

    /** Takes in what a partner's record says. Contacts are never a partner's. Hold the deal with `lock` before where it claims anything. */
    follow: async (tx: Query, word: PartnerWord): Promise<readonly string[]> => {
      const [row] = await tx`select ${dealColumns(tx)} from opportunity where id = ${word.opportunityId}`;
      const held = await knownOf(tx, readOpportunity(row ?? {}));
      const { connectionId: source, at, actorId, values, claims } = word;
      const statement = { source, side: "partner" as const, at, actorId, values, claims };
      const saved = await apply(tx, held, { statement, contacts: [], from: `${word.shareId} (${source})` });
      const refused = new Set(saved.refused.map(({ name }) => name));
      return claims.map(({ name }) => name).filter((name) => !refused.has(name));
    },
  };
};

const crmSource = (source: string): string => `crm:${source}`;
const sameMark = (said: unknown, mark: string): boolean =>
  typeof said === "object" && said !== null && "mark" in said && said.mark === mark;
