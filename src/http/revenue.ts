/** Money over HTTP: the lines of the marketplaces' reports with what became of them, what they add up to, and payouts. */
import * as z from "zod";
import { marketplaceIdSchema } from "../domain/deal.ts";
import { wholeParts } from "../domain/finance/allocation.ts";
import { monthlyTotals } from "../domain/finance/check-controls.ts";
import { dayOf, monthNumber, monthOf } from "../domain/finance/day.ts";
import { lineKinds, type MoneyLine } from "../domain/finance/line.ts";
import type { Payout } from "../domain/finance/payouts.ts";
import type { Totals } from "../domain/finance/totals.ts";
import type { Books } from "../store/books.ts";
import { dispositions, type ListedLine } from "../store/ledger-lines.ts";
import type { ListedPayout } from "../store/ledger-lists.ts";
import {
  asOfShape,
  booksOf,
  booksPage,
  currencyQuery,
  dayOrNull,
  dayTextOf,
  moneyOf,
  moneySchema,
  month,
  ofMarketplace,
  pageBy,
} from "./books.ts";
import { type AppDeps, type Endpoint, endpoint, listOf } from "./endpoint.ts";
import { ProblemError } from "./problem.ts";

const lineSchema = z.object({
  marketplace: marketplaceIdSchema,
  key: z.string().describe("the report's own id of the line"),
  kind: z.enum(lineKinds),
  part: z.string().describe("what a collected, disbursed or written-off line is about"),
  amount: moneySchema,
  fee: moneySchema,
  net: moneySchema,
  agreementId: z.string().nullable().describe("the agreement that it was found to belong to"),
  dealId: z.string().nullable().describe("the one deal whose it is; null also where deals share it"),
  deals: z
    .array(z.object({ dealId: z.string(), basisPoints: z.number().int() }))
    .describe("whose it is: one deal with 10000 basis points, or the parts of an allocation, which sum to that"),
  method: z.string().describe("how the agreement was linked with the deal"),
  payoutId: z.string().nullable(),
  parentKey: z.string().nullable().describe("the line that this one collects, disburses, refunds or forgives"),
  occurredOn: dayOrNull,
  invoicedOn: dayOrNull,
  collectedOn: dayOrNull,
  disbursedOn: dayOrNull,
  disposition: z.enum(dispositions),
  file: z.object({ path: z.string(), sha256: z.string(), line: z.number().int() }),
});
type Line = z.input<typeof lineSchema>;

const lineQuery = z.strictObject({
  ...booksPage,
  ...asOfShape,
  marketplace: ofMarketplace,
  period: month.optional().describe("only lines of this month, by the day of the invoice where there is one"),
  agreement: z.string().min(1).max(200).optional().describe("only lines of this agreement"),
  deal: z.string().min(1).max(200).optional().describe("only lines of this deal, such as salesforce:006Hs00001ABCDE"),
  payout: z.string().min(1).max(200).optional().describe("only lines of this payout"),
  key: z.string().min(1).max(400).optional().describe("only the line with this id"),
  kind: z.enum(lineKinds).optional(),
  currency: currencyQuery,
  disposition: z.enum(dispositions).default("current").describe("current: what counts"),
});
type LineQuery = z.output<typeof lineQuery>;

export const revenueEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  totalsEndpoint(deps),
  linesEndpoint(deps),
  payoutsEndpoint(deps),
];

const linesEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/revenue",
    tag: "Revenue",
    scope: "read",
    summary: "List money lines with the agreement, deal and payout that each belongs to, by their ids",
    description:
      "Each version of a line has exactly one disposition. Without asOf and asKnownAt as the last reconciliation left them; with either, concluded anew.",
    query: lineQuery,
    answers: { 200: { description: "one page", schema: listOf(lineSchema) } },
    problems: ["conflict"],
    handle: async ({ query }) => {
      const books = await booksOf(deps, query);
      if (books !== null) return { status: 200, body: linesOf(books, query) };
      const { items, next } = await deps.store.ledger.lines.list(deps.db.sql, {
        after: query.after ?? null,
        limit: query.limit,
        dispositions: [query.disposition],
        ...(query.marketplace === undefined ? {} : { marketplace: query.marketplace }),
        ...(query.agreement === undefined ? {} : { agreementId: query.agreement }),
        ...(query.deal === undefined ? {} : { dealId: query.deal }),
        ...(query.payout === undefined ? {} : { payoutId: query.payout }),
        ...(query.key === undefined ? {} : { key: query.key }),
        ...(query.kind === undefined ? {} : { kind: query.kind }),
        ...(query.currency === undefined ? {} : { currency: query.currency }),
        ...(query.period === undefined ? {} : { days: daysOf(query.period) }),
      });
      return { status: 200, body: { items: items.map(storedLine), next } };
    },
  });

/** First day of a month and of the next. */
const daysOf = (period: string): readonly [number, number] => {
  const first = monthOf(period) ?? 0;
  return [first, dayOf(new Date((first + 32) * 86_400_000).toISOString().slice(0, 8).concat("01")) ?? 0];
};

const storedLine = (line: ListedLine): Line => ({
  ...{ marketplace: line.marketplace, key: line.key, kind: line.kind, part: line.part },
  amount: moneyOf(line.amount, line.currency),
  fee: moneyOf(line.fee, line.currency),
  net: moneyOf(line.net, line.currency),
  ...{ agreementId: line.agreement, dealId: line.dealId, method: line.method },
  deals: line.dealId === null ? line.shared : [{ dealId: line.dealId, basisPoints: wholeParts }],
  ...{ payoutId: line.payoutKey, parentKey: line.parentKey, disposition: line.disposition },
  occurredOn: dayTextOf(line.occurredDay),
  invoicedOn: dayTextOf(line.invoicedDay),
  collectedOn: dayTextOf(line.collectedDay),
  disbursedOn: dayTextOf(line.disbursedDay),
  file: { path: line.path, sha256: line.sha256, line: line.line },
});

/** The day by which a line belongs to a month. */
const dayOfLine = (line: MoneyLine): number | null =>
  line.invoicedDay ?? line.occurredDay ?? line.collectedDay ?? line.disbursedDay;

const linesOf = (books: Books, query: LineQuery) => {
  if (query.disposition !== "current")
    throw new ProblemError("bad-query", "disposition: as of another day only current lines are listed");
  const period = query.period === undefined ? null : monthNumber(monthOf(query.period) ?? 0);
  const { close } = books;
  const wanted = close.lines.filter((line) => {
    const link = close.linkOf(line);
    const at = dayOfLine(line);
    return (
      (query.marketplace === undefined || line.marketplace === query.marketplace) &&
      (query.agreement === undefined || link.agreement?.id === query.agreement) &&
      (query.deal === undefined || link.parts.some(({ dealId }) => dealId === query.deal)) &&
      (query.payout === undefined || line.payoutKey === query.payout) &&
      (query.key === undefined || line.key === query.key) &&
      (query.kind === undefined || line.kind === query.kind) &&
      (query.currency === undefined || line.currency === query.currency) &&
      (period === null || (at !== null && monthNumber(at) === period))
    );
  });
  const keyOf = ({ key, marketplace }: MoneyLine): string => `${key}|${marketplace}`;
  const page = pageBy(
    wanted.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    query,
    keyOf,
  );
  return { items: page.items.map((line) => concludedLine(books, line)), next: page.next };
};

const concludedLine = ({ close, fileOf }: Books, line: MoneyLine): Line => {
  const link = close.linkOf(line);
  const file = fileOf(line.file);
  return {
    ...{ marketplace: line.marketplace, key: line.key, kind: line.kind, part: line.part },
    amount: moneyOf(line.amount, line.currency),
    fee: moneyOf(line.fee, line.currency),
    net: moneyOf(line.net, line.currency),
    ...{ agreementId: link.agreement?.id ?? null, method: link.method, deals: [...link.parts] },
    dealId: link.parts.length === 1 ? link.deals : null,
    ...{ payoutId: line.payoutKey, parentKey: line.parentKey, disposition: "current" },
    occurredOn: dayTextOf(line.occurredDay),
    invoicedOn: dayTextOf(line.invoicedDay),
    collectedOn: dayTextOf(line.collectedDay),
    disbursedOn: dayTextOf(line.disbursedDay),
    file: { path: file?.path ?? "", sha256: file?.sha256 ?? "", line: line.line },
  };
};

const totalSchema = z.object({
  marketplace: marketplaceIdSchema,
  currency: z.string(),
  period: z.string().nullable().describe("the month of the invoice, YYYY-MM; null: all of them"),
  measure: z.string(),
  amount: z.string(),
});
type Total = z.input<typeof totalSchema>;

const totalsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/revenue/totals",
    tag: "Revenue",
    scope: "read",
    summary: "What money lines and payouts add up to, by marketplace, currency and measure, or by month as well",
    description:
      "Without `by` all measures of the close. By month those that have one: invoiced, refund, fee and payout, by the month of the invoice.",
    query: z.strictObject({
      ...asOfShape,
      by: z.enum(["period"]).optional(),
      marketplace: ofMarketplace,
      currency: currencyQuery,
      period: month.optional().describe("only this month; needs by=period"),
    }),
    answers: {
      200: {
        description: "the totals",
        schema: z.object({
          asOf: z.string().nullable().describe("null: nothing was reconciled yet"),
          items: z.array(totalSchema),
        }),
      },
    },
    problems: ["conflict"],
    handle: async ({ query }) => {
      const books = await booksOf(deps, query);
      const last = books === null ? await deps.store.ledger.reconciliations.last(deps.db.sql) : null;
      const asOf = books === null ? (last?.asOf ?? null) : dayTextOf(books.close.asOfDay);
      const all =
        query.by === "period"
          ? books === null
            ? (await deps.store.ledger.months(deps.db.sql)).map((sum): Total => monthTotal(sum))
            : monthsOf(books)
          : books === null
            ? storedTotals(last?.totals ?? {})
            : totalsOf(books.close.totals);
      const items = all.filter(
        (total) =>
          (query.marketplace === undefined || total.marketplace === query.marketplace) &&
          (query.currency === undefined || total.currency === query.currency) &&
          (query.period === undefined || total.period === query.period),
      );
      return { status: 200, body: { asOf, items: items.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)) } };
    },
  });

const orderOf = ({ marketplace, currency, period, measure }: Total): string =>
  [marketplace, currency, period ?? "", measure].join("|");
const monthTotal = (sum: {
  readonly marketplace: string;
  readonly name: string;
  readonly currency: string;
  readonly amount: bigint;
}): Total => {
  const [period = "", measure = ""] = sum.name.split("|");
  const { amount, currency } = moneyOf(sum.amount, sum.currency);
  return { marketplace: marketplaceIdSchema.parse(sum.marketplace), currency, period, measure, amount };
};
const monthsOf = ({ close }: Books): readonly Total[] =>
  [...monthlyTotals(close.lines)].map(([key, amount]) => {
    const [marketplace = "", period = "", measure = "", currency = ""] = key.split("|");
    return monthTotal({ marketplace, name: `${period}|${measure}`, currency, amount });
  });
const totalsOf = (totals: Totals): readonly Total[] =>
  [...totals].flatMap(([marketplace, currencies]) =>
    [...currencies].flatMap(([currency, figures]) =>
      [...figures].flatMap(([measure, micros]) =>
        micros === 0n
          ? []
          : [{ marketplace, currency, period: null, measure, amount: moneyOf(micros, currency).amount }],
      ),
    ),
  );
type StoredTotals = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, bigint>>>>>>;
const storedTotals = (totals: StoredTotals): readonly Total[] =>
  totalsOf(
    new Map(
      Object.entries(totals).map(([marketplace, currencies]) => [
        marketplaceIdSchema.parse(marketplace),
        new Map(Object.entries(currencies).map(([currency, figures]) => [currency, new Map(Object.entries(figures))])),
      ]),
    ) as unknown as Totals,
  );

const payoutSchema = z.object({
  marketplace: marketplaceIdSchema,
  id: z.string(),
  day: z.string(),
  amount: moneySchema.describe("what the marketplace says it paid"),
  lines: moneySchema.describe("what its lines add up to"),
  trace: z.string().nullable().describe("the text under which the bank shows it"),
  failed: z.boolean(),
  repeats: z.string().nullable().describe("the failed payout that this one repeats"),
  deposits: z.array(z.object({ id: z.string(), day: z.string(), amount: moneySchema })),
});

const payoutsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/payouts",
    tag: "Revenue",
    scope: "read",
    summary: "List payouts with the bank's deposits, newest first",
    query: z.strictObject({
      ...booksPage,
      ...asOfShape,
      marketplace: ofMarketplace,
      currency: currencyQuery,
      open: z.enum(["true"]).optional().describe("true: only those that the bank has not received in full"),
    }),
    answers: { 200: { description: "one page", schema: listOf(payoutSchema) } },
    problems: ["conflict"],
    handle: async ({ query }) => {
      const books = await booksOf(deps, query);
      if (books === null) {
        const { items, next } = await deps.store.ledger.payouts.list(deps.db.sql, {
          after: query.after ?? null,
          limit: query.limit,
          ...(query.marketplace === undefined ? {} : { marketplace: query.marketplace }),
          ...(query.currency === undefined ? {} : { currency: query.currency }),
          ...(query.open === undefined ? {} : { open: true }),
        });
        return { status: 200, body: { items: items.map(shownPayout), next } };
      }
      const wanted = books.close.payouts.filter(
        (payout) =>
          (query.marketplace === undefined || payout.marketplace === query.marketplace) &&
          (query.currency === undefined || payout.currency === query.currency) &&
          (query.open === undefined || (!payout.failed && payout.amount > received(payout))),
      );
      const page = pageBy(wanted.toSorted(newestFirst), query, ({ marketplace, id }) => `${marketplace}|${id}`);
      const items = page.items.map((payout) => shownPayout({ ...payout, deposits: payout.deposits.map(plainDeposit) }));
      return { status: 200, body: { items, next: page.next } };
    },
  });

const received = ({ deposits }: Payout): bigint => deposits.reduce((sum, { amount }) => sum + amount, 0n);
const newestFirst = (a: Payout, b: Payout): number =>
  b.day - a.day || (`${a.marketplace}|${a.id}` < `${b.marketplace}|${b.id}` ? -1 : 1);
const plainDeposit = ({ depositId, day, amount, currency }: Payout["deposits"][number]) => ({
  id: depositId,
  ...{ day, amount, currency },
});

const shownPayout = (payout: Omit<ListedPayout, "earned">): z.input<typeof payoutSchema> => ({
  ...{ marketplace: payout.marketplace, id: payout.id, day: dayTextOf(payout.day) ?? "" },
  amount: moneyOf(payout.amount, payout.currency),
  lines: moneyOf(payout.children, payout.currency),
  ...{ trace: payout.trace, failed: payout.failed, repeats: payout.repeats },
  deposits: payout.deposits.map(({ id, day, amount, currency }) => ({
    id,
    day: dayTextOf(day) ?? "",
    amount: moneyOf(amount, currency),
  })),
});
