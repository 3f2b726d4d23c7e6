/**
 * What people decided of money: which deal an agreement belongs to, which deals share it, whose a buyer's account is. Rows are added and
 * never changed; the newest of a kind and subject holds. They become facts by agreement-links.csv, allocations.json and aliases.csv
 * (own-files.ts), and only so.
 */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import type { OwnDecision } from "../domain/finance/own-files.ts";
import { ref } from "../domain/finance/refs.ts";
import type { ClockDep, IdsDep, Query, Tx } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";

export const decisionKinds = ["link", "alias", "allocation"] as const;
export const linkDecision = z.object({ dealId: z.string() });
export const aliasDecision = z.object({ domain: z.string(), accountName: z.string() });
export const allocationDecision = z.object({
  parts: z.array(z.object({ dealId: z.string(), basisPoints: z.number().int() })),
});
export const decisionSchema = z.object({
  seq: z.bigint(),
  id: z.string(),
  kind: z.enum(decisionKinds),
  marketplace: z.enum(marketplaceIds),
  subject: z.string().describe("the agreement, or the buyer's account"),
  decision: z
    .union([linkDecision, aliasDecision, allocationDecision])
    .nullable()
    .describe("null: an earlier decision is taken back"),
  reason: z.string(),
  supersedes: z.string().nullable(),
  actorId: z.string(),
  actorName: z.string(),
  decidedAt: z.date(),
});
export type MoneyDecision = z.infer<typeof decisionSchema>;

export interface DecisionSubject {
  readonly kind: MoneyDecision["kind"];
  readonly marketplace: MoneyDecision["marketplace"];
  readonly subject: string;
}

const columns = `seq, money_decision.id, money_decision.kind, marketplace, subject, decision, reason, supersedes, actor_id,
  actor.name as actor_name, decided_at`;

export type Decisions = ReturnType<typeof createDecisions>;

export const createDecisions = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  /** What holds of a subject: its newest row; null: nobody decided anything. */
  const newest = async (query: Query, of: DecisionSubject): Promise<MoneyDecision | null> =>
    parseFirst(
      decisionSchema,
      await query`select ${query.unsafe(columns)} from money_decision join actor on actor.id = actor_id
        where money_decision.kind = ${of.kind} and marketplace = ${of.marketplace} and subject = ${of.subject} order by seq desc limit 1`,
    );
  return {
    newest,
    find: async (query: Query, id: string): Promise<MoneyDecision | null> =>
      parseFirst(
        decisionSchema,
        await query`select ${query.unsafe(columns)} from money_decision join actor on actor.id = actor_id where money_decision.id = ${id}`,
      ),

    /** Adds a decision. It supersedes the one that held. */
    decide: async (
      tx: Tx,
      of: DecisionSubject,
      said: { readonly decision: MoneyDecision["decision"]; readonly reason: string; readonly actorId: string },
    ): Promise<MoneyDecision> => {
      const id = deps.ids.next("mdc");
      const before = await newest(tx, of);
      const decision = said.decision === null ? null : tx.json({ ...said.decision });
      await tx`insert into money_decision (id, kind, marketplace, subject, decision, reason, supersedes, actor_id, decided_at)
        values (${id}, ${of.kind}, ${of.marketplace}, ${of.subject}, ${decision}, ${said.reason}, ${before?.id ?? null}, ${said.actorId},
          ${deps.clock.now()})`;
      const what = said.decision === null ? `${of.kind}_revoked` : `${of.kind}_decided`;
      const subject = `${of.marketplace} ${of.subject}`.slice(0, 200);
      await deps.journal.note(tx, { subject, actorId: said.actorId, what, note: said.reason });
      const made = await newest(tx, of);
      if (made === null) throw new Error(`decision ${id} does not exist`);
      return made;
    },

    /** Newest first; `after` is the seq of the last one before. */
    list: async (
      query: Query,
      filter: Partial<DecisionSubject> & { readonly after: string | null; readonly limit: number },
    ): Promise<ListPage<MoneyDecision>> => {
      const { kind, marketplace, subject, after } = filter;
      const rows = parseRows(
        decisionSchema,
        await query`select ${query.unsafe(columns)} from money_decision join actor on actor.id = actor_id where true
          ${kind === undefined ? query`` : query`and money_decision.kind = ${kind}`}
          ${marketplace === undefined ? query`` : query`and marketplace = ${marketplace}`}
          ${subject === undefined ? query`` : query`and subject = ${subject}`}
          ${after === null ? query`` : query`and seq < ${BigInt(after)}`}
          order by seq desc limit ${filter.limit + 1}`,
      );
      const items = rows.slice(0, filter.limit);
      return { items, next: rows.length > filter.limit ? String(items.at(-1)?.seq ?? "") : null };
    },

    /** A deal's name in the books, `source:key`, by that name or by our id; null: no deal is called so. */
    dealNamed: async (query: Query, idOrName: string): Promise<string | null> => {
      const [own] = await query<{ name: string }[]>`select source || ':' || key as name from opportunity
        where id = ${idOrName} or source || ':' || key = ${idOrName} limit 1`;
      if (own !== undefined) return own.name;
      const [told] =
        await query`select 1 from ledger_fact where kind = 'deals' and ref1 = ${ref.deal(idOrName)} limit 1`;
      return told === undefined ? null : idOrName;
    },
  };
};

/** All decisions, oldest first, for the internal files. */
export const ownDecisions = async (query: Query): Promise<readonly OwnDecision[]> => {
  const rows = parseRows(
    decisionSchema,
    await query`select ${query.unsafe(columns)} from money_decision join actor on actor.id = actor_id order by seq`,
  );
  return rows.map(({ kind, marketplace, subject, decision, reason, actorName, decidedAt }) => ({
    ...{ kind, marketplace, subject, reason, decidedBy: actorName, decidedAt },
    dealId: decision !== null && "dealId" in decision ? decision.dealId : "",
    domain: decision !== null && "domain" in decision ? decision.domain : "",
    accountName: decision !== null && "accountName" in decision ? decision.accountName : "",
    parts: decision !== null && "parts" in decision ? decision.parts : [],
    isRevoked: decision === null,
  }));
};
