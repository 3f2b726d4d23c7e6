/** Sharing by rule: what the rules make of deals, read in bounded batches, and the shares that follow from it. */
import {
  type Account,
  accountSchema,
  type Connection,
  type Contact,
  connectionSchema,
  type Opportunity,
  type Share,
  shareSchema,
} from "../domain/deal.ts";
import { choose, type DecidedDeal, type Decision, judge, type ReadyRule, readyRule } from "../domain/share-decision.ts";
import { draftGaps, type Programme, type StandingRule } from "../domain/share-rule.ts";
import type { ClockDep, Query } from "../ports.ts";
import type { Contacts } from "./contacts.ts";
import type { Journal } from "./journal.ts";
import type { Opportunities } from "./opportunities.ts";
import { parseRows } from "./rows.ts";
import type { ShareRules } from "./share-rules.ts";
import type { Shares } from "./shares.ts";

/** The programme behind a connection, or null when it offers no co-sell. */
export type ProgrammeOf = (connection: Connection) => Programme | null;

export interface DealDecisions {
  readonly opportunity: Opportunity;
  readonly decisions: readonly Decision[];
}

interface AutoShareDeps extends ClockDep {
  readonly journal: Journal;
  readonly contacts: Contacts;
  readonly opportunities: Opportunities;
  readonly shareRules: ShareRules;
  readonly shares: Shares;
}

const listedShareSchema = shareSchema.pick({
  id: true,
  connectionId: true,
  state: true,
  generation: true,
  opportunityId: true,
});

export const createAutoShare = (deps: AutoShareDeps) => {
  /** Rules ready to be applied, in their order. A connection without co-sell has none. */
  const ready = async (
    query: Query,
    rules: readonly StandingRule[],
    programmeOf: ProgrammeOf,
  ): Promise<readonly ReadyRule[]> => {
    if (rules.length === 0) return [];
    const wanted = [...new Set(rules.map((rule) => rule.content.connectionId))];
    const rows = await query`select * from connection where id = any(${wanted}::text[])`;
    const connections = new Map(parseRows(connectionSchema, rows).map((connection) => [connection.id, connection]));
    const programmes = new Map([...connections].map(([id, connection]) => [id, programmeOf(connection)]));
    return rules.flatMap((standing) => {
      const connection = connections.get(standing.content.connectionId);
      const programme = programmes.get(standing.content.connectionId);
      return connection && programme ? [readyRule(standing, connection, programme)] : [];
    });
  };

  /** What the rules make of these deals: one decision per connection that has rules. Contacts are read only where they count. */
  const decide = async (
    query: Query,
    opportunities: readonly Opportunity[],
    rules: readonly ReadyRule[],
  ): Promise<readonly DealDecisions[]> => {
    const deals = await load(query, opportunities);
    const chosen = deals.map((deal) => ({ deal, choices: choose(deal, rules) }));
    const candidates = chosen.filter(({ choices }) => choices.some((choice) => choice.kind === "candidate"));
    const contacts: ReadonlyMap<string, readonly Contact[]> = await deps.contacts.readForDeals(
      query,
      candidates.map(({ deal }) => deal.opportunity.id),
    );
    const now = deps.clock.now();
    return chosen.map(({ deal, choices }) => ({
      opportunity: deal.opportunity,
      decisions: choices.map((choice) =>
        choice.kind === "decided"
          ? choice.decision
          : judge(deal, choice, { contacts: contacts.get(deal.opportunity.id) ?? [], now }),
      ),
    }));
  };

  /** The deals with their companies, partners and shares: four reads whatever their number. */
  const load = async (query: Query, opportunities: readonly Opportunity[]): Promise<readonly DecidedDeal[]> => {
    const ids = opportunities.map((opportunity) => opportunity.id);
    const accountIds = [...new Set(opportunities.map((opportunity) => opportunity.accountId))];
    const accounts = new Map(
      parseRows(accountSchema, await query`select * from account where id = any(${accountIds}::text[])`).map(
        (account): [string, Account] => [account.id, account],
      ),
    );
    const partnerIds = [...new Set(opportunities.flatMap((opportunity) => opportunity.partnerId ?? []))];
    const partnerRows = await query<
      { id: string; name: string }[]
    >`select id, name from partner where id = any(${partnerIds}::text[])`;
    const partners = new Map(partnerRows.map((row) => [row.id, row.name]));
    const shares = parseRows(
      listedShareSchema,
      await query`select id, opportunity_id, connection_id, state, generation from share where opportunity_id = any(${ids}::text[])`,
    );
    const sharesOf = Map.groupBy(shares, (share) => share.opportunityId);
    return opportunities.map((opportunity) => {
      const account = accounts.get(opportunity.accountId);
      if (account === undefined) throw new Error(`the account of ${opportunity.id} is gone`);
      const partner = partners.get(opportunity.partnerId ?? "") ?? null;
      return { opportunity, account, partner, shares: sharesOf.get(opportunity.id) ?? [] };
    });
  };

  /** Keeps what a draft is made of, and judges it: without gaps it goes out. */
  const rejudge = async (tx: Query, share: Share, programmeOf: ProgrammeOf, actorId: string): Promise<Share> => {
    const drafted = await deps.shares.drafted(tx, share);
    const programme = programmeOf(drafted.connection);
    if (programme === null) return share;
    const kept = await deps.shares.keepStandIns(tx, share, drafted);
    if (kept.ruleVersion !== share.ruleVersion)
      await deps.journal.note(tx, {
        subject: share.id,
        actorId,
        what: "rule_followed",
        note: `now by version ${kept.ruleVersion} of ${share.ruleId}`,
      });
    return deps.shares.judge(tx, kept, draftGaps(drafted, programme), actorId);
  };

  return {
    ready,
    decide,
    rejudge,

    /**
     * Shares one deal as the rules say, in the caller's transaction: the deal is held, so that two changes at once make one
     * share. A deal with gaps becomes a draft that shows them. Returns the shares that were opened.
     */
    share: async (
      tx: Query,
      opportunityId: string,
      by: { readonly programmeOf: ProgrammeOf; readonly actorId: string },
    ): Promise<readonly Share[]> => {
      const standing = await deps.shareRules.inForce(tx);
      if (standing.length === 0) return [];
      const opportunity = await deps.opportunities.lock(tx, opportunityId);
      if (opportunity === null) return [];
      const rules = await ready(tx, standing, by.programmeOf);
      const [decided] = await decide(tx, [opportunity], rules);
      const opened: Share[] = [];
      for (const { verdict, connection, rule } of decided?.decisions ?? []) {
        if (verdict === "would_skip" || rule === null || rule.id === null) continue;
        const created = await deps.shares.create(tx, {
          opportunityId,
          connectionId: connection.id,
          fields: {},
          actorId: by.actorId,
          rule: { id: rule.id, version: rule.version },
        });
        // Somebody shared it by hand in this moment.
        if (created === null) continue;
        opened.push(await rejudge(tx, created, by.programmeOf, by.actorId));
      }
      return opened;
    },

    /** Ids of shares of a rule that have not left, for a look with its current version. */
    draftsOf: async (query: Query, ruleId: string, after: string, limit: number): Promise<readonly string[]> => {
      const rows = await query<{ id: string }[]>`select id from share
        where rule_id = ${ruleId} and state in ('draft', 'ready') and id > ${after} order by id limit ${limit}`;
      return rows.map((row) => row.id);
    },
  };
};
