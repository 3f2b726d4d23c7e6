/** Reconciliations over HTTP: asked for, followed, read with what they came to. And what explains any of their figures. */
import * as z from "zod";
import { amountText } from "../domain/finance/amount.ts";
import { dayOf, monthOf } from "../domain/finance/day.ts";
import type { Evidence } from "../domain/finance/pack/evidence.ts";
import type { NumberedFiles } from "../store/ledger-explain.ts";
import { type Reconciliation, reconciliationModes, reconciliationStates } from "../store/ledger-lists.ts";
import { asOfShape, concluded, day, moneyOf, moneySchema, month } from "./books.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, listOf, pageQuery } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

const amounts = z.record(z.string(), z.record(z.string(), z.record(z.string(), z.string())));
const shownSchema = z.object({
  id: z.string(),
  asOf: z.string(),
  mode: z
    .enum(reconciliationModes)
    .describe("increment: only what new files touch was concluded anew; the result is the same"),
  state: z.enum(reconciliationStates),
  counts: z.record(z.string(), z.number()),
  totals: amounts.describe("by marketplace, currency and measure, as decimals"),
  blocks: z.array(z.string()).describe("what stands in the way of locking the period"),
  reason: z.string().nullable().describe("why it failed, and what to do"),
  startedAt: z.date(),
  endedAt: z.date().nullable(),
});
const shown = ({ untilSeq: _, totals, ...rest }: Reconciliation): z.input<typeof shownSchema> => ({
  ...rest,
  totals: Object.fromEntries(
    Object.entries(totals).map(([marketplace, currencies]) => [
      marketplace,
      Object.fromEntries(
        Object.entries(currencies).map(([currency, figures]) => [
          currency,
          Object.fromEntries(
            Object.entries(figures).map(([measure, micros]) => [measure, amountText(micros, currency)]),
          ),
        ]),
      ),
    ]),
  ),
});

export const reconciliationEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  requestEndpoint(deps),
  listEndpoint(deps),
  readEndpoint(deps),
  explainEndpoint(deps),
];

const requestEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/reconciliations",
    tag: "Reconciliations",
    scope: "write",
    summary: "Reconcile now",
    description:
      "It begins once no file is on its way any more, one at a time; ask for it by its id to follow it. One that asks the same as one that waits is that one. Every received file asks for one by itself.",
    body: z
      .strictObject({
        asOf: day.optional().describe("the last day whose knowledge counts; default today"),
        period: month.optional().describe("instead of asOf: the month whose last day it is"),
        mode: z.enum(reconciliationModes).default("increment"),
      })
      .refine((given) => given.asOf === undefined || given.period === undefined, "give asOf or period, not both"),
    bodyOptional: true,
    bodyExample: { asOf: "2026-06-30" },
    answers: {
      202: { description: "it waits, or runs soon", schema: shownSchema, headers: ["Location"] },
    },
    problems: ["invalid"],
    handle: async ({ body: { asOf, period, mode } }) => {
      const today = dayOf(deps.clock.now().toISOString().slice(0, 10)) ?? 0;
      const asOfDay = asOf !== undefined ? (dayOf(asOf) ?? today) : period === undefined ? today : lastDayOf(period);
      const id = await commit(deps, async (tx) => {
        const wished = await deps.store.reconciliations.request(tx, { asOfDay, mode });
        return wished.id;
      });
      return { status: 202, body: shown(await mustFind(deps, id)), headers: { location: `/v1/reconciliations/${id}` } };
    },
  });

const lastDayOf = (period: string): number => {
  const next = new Date(((monthOf(period) ?? 0) + 32) * 86_400_000).toISOString().slice(0, 8);
  return (dayOf(`${next}01`) ?? 0) - 1;
};

const mustFind = async (deps: AppDeps, id: string): Promise<Reconciliation> => {
  const found = await deps.store.reconciliations.find(deps.db.sql, id);
  if (found === null) throw notFound("reconciliation", id);
  return found;
};

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/reconciliations",
    tag: "Reconciliations",
    scope: "read",
    summary: "List reconciliations, newest first",
    query: pageQuery.extend({ state: z.enum(reconciliationStates).optional().describe("only those in this state") }),
    answers: { 200: { description: "one page", schema: listOf(shownSchema) } },
    handle: async ({ query }) => {
      const { items, next } = await deps.store.ledger.reconciliations.list(deps.db.sql, {
        after: query.after ?? null,
        limit: query.limit,
        ...(query.state === undefined ? {} : { states: [query.state] }),
      });
      return { status: 200, body: { items: items.map(shown), next } };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/reconciliations/{id}",
    tag: "Reconciliations",
    scope: "read",
    summary: "Read a reconciliation: how far it is, what it came to, or why it failed",
    params: z.strictObject({ id: idOf("rec", "reconciliation") }),
    answers: { 200: { description: "the reconciliation", schema: shownSchema } },
    problems: ["not-found"],
    handle: async ({ params: { id } }) => ({ status: 200, body: shown(await mustFind(deps, id)) }),
  });

const evidenceSchema = z.object({
  what: z.string(),
  id: z.string(),
  amount: moneySchema.nullable(),
  says: z.array(z.string()).describe("days, states and inputs"),
  where: z
    .object({ file: z.string(), sha256: z.string(), line: z.number().int() })
    .nullable()
    .describe("the file and line where it was read; null: concluded"),
  because: z.string().nullable().describe("the rule that joins it to what is above it"),
  rejected: z.array(z.string()).describe("rivals that the rule turned away, and why"),
  isPart: z.boolean().describe("whether its amount is a part of the amount above it"),
  parts: z.array(z.json()).describe("the same again: parts add up to what they are parts of"),
});

const explainEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/explain/{id}",
    tag: "Reconciliations",
    scope: "read",
    summary: "Tell why a deposit, payout, line, agreement, credit or exception is what it is, as a tree",
    description:
      "The id as it stands in a list or in the close pack; a credit's is <deal>|<partner>|<kind>. What nothing explains is a leaf UNEXPLAINED.",
    params: z.strictObject({ id: z.string().min(1).max(400) }),
    query: z.strictObject(asOfShape),
    answers: { 200: { description: "the tree", schema: evidenceSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, query }) => {
      const asOfDay = dayOf(query.asOf ?? deps.clock.now().toISOString().slice(0, 10)) ?? 0;
      const knownUntilDay = query.asKnownAt === undefined ? null : dayOf(query.asKnownAt);
      const asked = { asOfDay, knownUntilDay };
      const { explained, files } = await concluded(() => deps.store.ledger.explain(deps.db.sql, id, asked));
      if (explained.kind === "found") return { status: 200, body: plain(explained.evidence, files) };
      if (explained.kind === "ambiguous")
        throw new ProblemError(
          "conflict",
          `${id} is more than one thing: ${explained.ids.join(", ")}. Explain the agreement or the payout instead.`,
        );
      const near = explained.near.length === 0 ? "" : ` There is ${explained.near.join(", ")}.`;
      throw new ProblemError("not-found", `Nothing in the books has the id ${id}.${near}`);
    },
  });

const plain = (evidence: Evidence, files: NumberedFiles): z.input<typeof evidenceSchema> => {
  const { what, id, amount, says, where, because, rejected, isPart, parts } = evidence;
  const file = where === null ? undefined : files.get(where.file);
  return {
    ...{ what, id, says: [...says], because, rejected: [...rejected], isPart },
    amount: amount === null ? null : moneyOf(amount.micros, amount.currency),
    where: where === null || file === undefined ? null : { file: file.path, sha256: file.sha256, line: where.line },
    parts: parts.map((part) => plain(part, files)),
  };
};
