/**
 * What the lines of the last reconciliation do to a marketplace's books, added up in the database: what a line does follows from
 * sums of its amounts, so that as few rows leave as there are books and months, and one rule says it (pack/movements.ts).
 */
import { z } from "zod";
import type { MarketplaceId } from "../domain/deal.ts";
import { lineKinds, lineOf, type MoneyLine, type Part } from "../domain/finance/line.ts";
import { type Movement, movementsOf } from "../domain/finance/pack/movements.ts";
import type { Payout } from "../domain/finance/payouts.ts";
import { firstDayOf, nextPeriod } from "../domain/finance/period.ts";
import type { Query } from "../ports.ts";

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
const parts = ["revenue", "fee", "tax", "sellerTax", "cost", "payout", "other"] as const satisfies readonly Part[];
const lineSum = z.object({
  kind: z.enum(lineKinds),
  part: z.enum(parts),
  currency: z.string(),
  agreement: z.string().nullable(),
  bucket: z.number().int(),
  earned: z.boolean(),
  amount: whole,
  fee: whole,
  net: whole,
  refunded: whole,
  lost: whole,
});
const paidSum = z.object({
  agreement: z.string().nullable(),
  currency: z.string(),
  settled_currency: z.string(),
  paid_currency: z.string(),
  bucket: z.number().int(),
  settled: whole,
  amount: whole,
  net: whole,
});
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
  const lines = await lineSums(query, question, months);
  const paid = await paidSums(query, question, months);
  const payouts = await payoutsIn(query, question, months);
  const agreements = new Map<MoneyLine, string | null>();
  const add = (agreement: string | null, line: MoneyLine): MoneyLine => {
    agreements.set(line, agreement);
    return line;
  };
  const sums = lines.map(({ agreement, bucket, earned, ...amounts }) =>
    add(
      agreement,
      lineOf({
        ...pseudo(question, amounts),
        ...amounts,
        key: earned ? earnedKey : "",
        invoicedDay: dayIn(months, bucket),
      }),
    ),
  );
  // Stands for the earnings of all lines that have one.
  const earning = lineOf({
    ...pseudo(question, { kind: "EARNING", currency: "USD" }),
    part: "revenue",
    amount: 0n,
    parentKey: earnedKey,
  });
  const paidPayouts = paid.map((sum): Payout => {
    const { agreement, bucket, currency, settled_currency: settledCurrency, settled, amount, net } = sum;
    const base = { ...pseudo(question, { kind: "DISBURSED", currency }), part: "other" as const };
    const line = add(agreement, lineOf({ ...base, amount, net, settled, settledCurrency }));
    return { ...wordless(question), currency: sum.paid_currency, day: dayIn(months, bucket), lines: [line] };
  });
  return movementsOf({
    asOfDay: question.asOfDay,
    lines: [...sums, earning],
    payouts: [...paidPayouts, ...payouts],
    agreementIdOf: (line) => agreements.get(line) ?? null,
  });
};
const earnedKey = "earned";

const pseudo = ({ marketplace }: MovementQuestion, { kind, currency }: Pick<MoneyLine, "kind" | "currency">) => ({
  ...{ marketplace, kind, currency, key: "", knownSecond: 0, file: 0, line: 0 },
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

const lineSums = async (query: Query, { marketplace, until, asOfDay }: MovementQuestion, months: readonly string[]) => {
  const end = Math.min(firstDayOf(nextPeriod(until)) - 1, asOfDay);
  const rows = await query.unsafe(
    `with earned as (select distinct parent_key from ledger_line
        where marketplace = $1 and kind = 'EARNING' and parent_key is not null and $1 = 'azure' and ${counted})
      select l.kind, l.part, l.currency, l.agreement, width_bucket(${lineDay}, $2::int[]) as bucket,
        e.parent_key is not null as earned, l.lost <> 0 as is_lost,
        sum(l.amount)::text as amount, sum(l.fee)::text as fee, sum(l.net)::text as net, sum(l.refunded)::text as refunded, sum(l.lost)::text as lost
      from ledger_line l left join earned e on l.kind = 'REVENUE' and e.parent_key = l.key
      where l.marketplace = $1 and ${counted} and ${lineDay} <= $3
        and l.kind not in ('COLLECTED', 'DISBURSED', 'DISBURSEMENT', 'DISBURSEMENT_FAILURE', 'OTHER')
      group by 1, 2, 3, 4, 5, 6, 7`,
    [marketplace, startsOf(months), end],
  );
  return rows.map((row) => lineSum.parse(row));
};

const paidSums = async (query: Query, { marketplace, until, asOfDay }: MovementQuestion, months: readonly string[]) => {
  const end = Math.min(firstDayOf(nextPeriod(until)) - 1, asOfDay);
  const rows = await query.unsafe(
    `select l.agreement, l.currency, l.settled_currency, p.currency as paid_currency, width_bucket(p.day, $2::int[]) as bucket,
        sum(l.settled)::text as settled, sum(l.amount)::text as amount, sum(l.net)::text as net
      from ledger_line l join payout p on p.marketplace = l.marketplace and p.id = l.payout_key
      where l.marketplace = $1 and l.part <> 'payout' and ${counted} and p.day <= $3
      group by 1, 2, 3, 4, 5`,
    [marketplace, startsOf(months), end],
  );
  return rows.map((row) => paidSum.parse(row));
};

/** The payouts themselves, without lines; deposits may come in a later month than their payout. */
const payoutsIn = async (
  query: Query,
  { marketplace, until, asOfDay }: MovementQuestion,
  months: readonly string[],
): Promise<readonly Payout[]> => {
  const first = firstDayOf(months[0] ?? "");
  const end = Math.min(firstDayOf(nextPeriod(until)) - 1, asOfDay);
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
