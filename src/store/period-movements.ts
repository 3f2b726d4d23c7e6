/**
 * What the lines of the last reconciliation do to a marketplace's books, added up in the database: what a line does follows from
 * sums of its amounts, so that as few rows leave as there are books and months, and one rule says it (pack/movements.ts).
 */
import * as z from "zod";
import type { MarketplaceId } from "../domain/deal.ts";
import { type LineKind, lineKinds, lineOf, type MoneyLine, type Part } from "../domain/finance/line.ts";
import { type Movement, movementsOf } from "../domain/finance/pack/movements.ts";
import type { Payout } from "../domain/finance/payouts.ts";
import { firstDayOf, lastDayOf, nextPeriod } from "../domain/finance/period.ts";
import type { Query } from "../ports.ts";
import { isNothing, packed, unpacked } from "./bulk.ts";

export interface MovementQuestion {
  readonly marketplace: MarketplaceId;
  /** Months that are told apart; what lies before the first is told as the month before it. */
  readonly from: string;
  /** The last month; later ones are left out. */
  readonly until: string;
  readonly asOfDay: number;
}

const monthsMax = 600;
const whole = z.string().transform((text) => BigInt(text));
const payoutRow = z.object({
  id: z.string(),
  currency: z.string(),
  day: z.number().int(),
  amount: whole,
  children: whole,
  failed: z.boolean(),
  repeats: z.string().nullable(),
  deposits: z.array(z.object({ id: z.string(), day: z.number().int(), amount: whole, currency: z.string() })),
});

/** Movements by book and month. Their subjects and days within a month are nobody's: they are sums. */
export const movementsIn = async (query: Query, question: MovementQuestion): Promise<readonly Movement[]> => {
  const months = monthsOf(question);
  const agreements = new Map<MoneyLine, string | null>();
  const add = (agreement: string | null, line: MoneyLine): MoneyLine => {
    agreements.set(line, agreement);
    return line;
  };
  const lines = await lineSums(query, question, { months, add });
  const paid = await paidSums(query, question, { months, add });
  const payouts = await payoutsIn(query, question, months);
  // Stands for the earnings of all lines that have one.
  const earning = lineOf({ ...pseudo(question, "EARNING", "USD"), amount: 0n, parentKey: earnedKey });
  return movementsOf({
    asOfDay: question.asOfDay,
    lines: [...lines, earning],
    payouts: [...paid, ...payouts],
    agreementIdOf: (line) => agreements.get(line) ?? null,
  });
};
const earnedKey = "earned";

const pseudo = ({ marketplace }: MovementQuestion, kind: LineKind, currency: string) => ({
  ...{ marketplace, kind, currency, part: "other" as Part, key: "", knownSecond: 0, file: 0, line: 0 },
});
/** A payout of which only the lines count: what it rounds and what the bank received stand with the payout itself. */
const wordless = ({ marketplace }: MovementQuestion) => ({
  ...{ marketplace, id: "", amount: 0n, earned: null, children: 0n, trace: null, failed: false, deposits: [] },
  repeats: "its lines alone",
});

/** The first days of the months that are told apart, and of the one after the last. */
const monthsOf = ({ from, until }: MovementQuestion): readonly string[] => {
  const months: string[] = [];
  for (let month = from; month <= nextPeriod(until) && months.length < monthsMax; month = nextPeriod(month))
    months.push(month);
  return months;
};
const startsOf = (months: readonly string[]): string => `{${months.map(firstDayOf).join(",")}}`;
/** A day of the month with this number; of all before the first, the day before it. */
const dayIn = (months: readonly string[], bucket: number): number =>
  bucket === 0 ? firstDayOf(months[0] ?? "") - 1 : firstDayOf(months[bucket - 1] ?? "");

const counted = "disposition in ('current', 'joined') and file_seq in (select seq from report_file where counts)";
const lineDay = "coalesce(l.invoiced_day, l.occurred_day, l.collected_day, 0)";

interface Summing {
  readonly months: readonly string[];
  readonly add: (agreement: string | null, line: MoneyLine) => MoneyLine;
}
const lastDay = ({ until, asOfDay }: MovementQuestion): number => Math.min(lastDayOf(until), asOfDay);
const kinds: ReadonlyMap<string, LineKind> = new Map(lineKinds.map((kind) => [kind, kind]));
const parts: ReadonlyMap<string, Part> = new Map(
  (["revenue", "fee", "tax", "sellerTax", "cost", "payout", "other"] as const).map((part) => [part, part]),
);

/** Agreements of which nothing lies in the months that are told apart have no figures in them. */
const active = "coalesce(agreement, '') in (select coalesce(agreement, '') from sums where bucket > 0)";

const lineColumns = [
  "kind",
  "part",
  "currency",
  "agreement",
  "bucket",
  "earned",
  "amount",
  "fee",
  "net",
  "refunded",
  "lost",
];
const lineSums = async (query: Query, question: MovementQuestion, { months, add }: Summing) => {
  const [row] = await query.unsafe(
    `with earned as (select distinct parent_key from ledger_line
        where marketplace = $1 and kind = 'EARNING' and parent_key is not null and $1 = 'azure' and ${counted}),
      sums as (select l.kind, l.part, l.currency, l.agreement, width_bucket(${lineDay}, $2::int[]) as bucket,
          e.parent_key is not null as earned, l.lost <> 0 as is_lost,
          sum(l.amount) as amount, sum(l.fee) as fee, sum(l.net) as net, sum(l.refunded) as refunded, sum(l.lost) as lost
        from ledger_line l left join earned e on l.kind = 'REVENUE' and e.parent_key = l.key
        where l.marketplace = $1 and ${counted} and ${lineDay} <= $3
          and l.kind not in ('COLLECTED', 'DISBURSED', 'DISBURSEMENT', 'DISBURSEMENT_FAILURE', 'OTHER')
        group by 1, 2, 3, 4, 5, 6, 7)
      select ${packed(lineColumns)} from sums where ${active}`,
    [question.marketplace, startsOf(months), lastDay(question)],
  );
  return rowsOf(row, lineColumns, ([kind, part, currency, agreement, bucket, earned, ...amounts]) => {
    const [amount, fee, net, refunded, lost] = amounts.map(BigInt);
    const base = pseudo(question, kinds.get(kind ?? "") ?? "OTHER", currency ?? "");
    const line = lineOf({
      ...{ ...base, part: parts.get(part ?? "") ?? "other", key: earned === "true" ? earnedKey : "" },
      ...{ amount: amount ?? 0n, fee: fee ?? 0n, net: net ?? 0n, refunded: refunded ?? 0n, lost: lost ?? 0n },
      invoicedDay: dayIn(months, Number(bucket)),
    });
    return add(isNothing(agreement) ? null : (agreement ?? null), line);
  });
};

const paidColumns = [
  "agreement",
  "currency",
  "settled_currency",
  "paid_currency",
  "bucket",
  "settled",
  "amount",
  "net",
];
const paidSums = async (query: Query, question: MovementQuestion, { months, add }: Summing): Promise<Payout[]> => {
  const [row] = await query.unsafe(
    `with sums as (select l.agreement, l.currency, l.settled_currency, p.currency as paid_currency,
          width_bucket(p.day, $2::int[]) as bucket, sum(l.settled) as settled, sum(l.amount) as amount, sum(l.net) as net
        from ledger_line l join payout p on p.marketplace = l.marketplace and p.id = l.payout_key
        where l.marketplace = $1 and l.part <> 'payout' and ${counted} and p.day <= $3
        group by 1, 2, 3, 4, 5)
      select ${packed(paidColumns)} from sums where ${active}`,
    [question.marketplace, startsOf(months), lastDay(question)],
  );
  return rowsOf(row, paidColumns, ([agreement, currency, settledCurrency, paidCurrency, bucket, ...amounts]) => {
    const [settled, amount, net] = amounts.map(BigInt);
    const sums = { settled: settled ?? 0n, amount: amount ?? 0n, net: net ?? 0n };
    const base = pseudo(question, "DISBURSED", currency ?? "");
    const line = lineOf({ ...base, ...sums, settledCurrency: settledCurrency ?? "" });
    add(isNothing(agreement) ? null : (agreement ?? null), line);
    return { ...wordless(question), currency: paidCurrency ?? "", day: dayIn(months, Number(bucket)), lines: [line] };
  });
};

const rowsOf = <Made>(
  row: Readonly<Record<string, unknown>> | undefined,
  columns: readonly string[],
  make: (cells: readonly string[]) => Made,
): Made[] => {
  const { rows, cells } = unpacked(row, columns);
  return Array.from({ length: rows }, (_, at) => make(cells.map((column) => column[at] ?? "")));
};

/** The payouts themselves, without lines; deposits may come in a later month than their payout. */
const payoutsIn = async (
  query: Query,
  question: MovementQuestion,
  months: readonly string[],
): Promise<readonly Payout[]> => {
  const { marketplace } = question;
  const first = firstDayOf(months[0] ?? "");
  const end = lastDay(question);
  const inMonth = (day: number): number => (day < first ? first - 1 : day);
  const rows = await query`select id, currency, day, amount::text, children::text, failed, repeats, deposits from payout
    where marketplace = ${marketplace} and day <= ${end}`;
  return rows.map((row) => {
    const { id, currency, day, amount, children, failed, repeats, deposits } = payoutRow.parse(row);
    return {
      ...{ marketplace, id, currency, amount, children, failed, repeats, earned: null, trace: null, lines: [] },
      day: inMonth(day),
      deposits: deposits
        .filter((deposit) => deposit.day <= end)
        .map((deposit) => ({
          ...{ depositId: deposit.id, day: inMonth(deposit.day), amount: deposit.amount, currency: deposit.currency },
          ...{ key: deposit.id, payer: "", reference: "", knownSecond: 0, deleted: false, file: 0, line: 0 },
        })),
    };
  });
};
