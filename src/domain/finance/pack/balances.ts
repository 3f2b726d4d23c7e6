/** Money as tables: control totals, payouts against the bank, what is outstanding and how old, what is due, and every line. */
import type { MarketplaceId } from "../../deal.ts";
import { divideHalfUp } from "../amount.ts";
import type { Close } from "../close.ts";
import { dayText } from "../day.ts";
import { measures } from "../totals.ts";
import { balancesOf, type Movement, postings } from "./movements.ts";
import { amount, type Cell, count, money, type PackTable, text } from "./table.ts";
import { backTests, lagsBy, paidSales } from "./timing.ts";

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const summaryTable = (close: Close, movements: readonly Movement[]): PackTable => {
  const outstanding = balancesOf(movements, "receivable");
  const inTransit = balancesOf(movements, "cash_in_transit");
  const rows = [...close.totals]
    .toSorted(([a], [b]) => compare(a, b))
    .flatMap(([marketplace, currencies]) =>
      [...currencies]
        .toSorted(([a], [b]) => compare(a, b))
        .map(([currency, figures]): readonly Cell[] => {
          const key = `${marketplace}|${currency}`;
          const at = (micros: bigint) => money(micros, currency);
          return [
            marketplace,
            currency,
            ...measures.map((measure) => at(figures.get(measure) ?? 0n)),
            at(outstanding.get(key) ?? 0n),
            at(inTransit.get(key) ?? 0n),
          ];
        }),
    );
  return {
    name: "summary",
    title: "Control totals",
    about: `As of ${dayText(close.asOfDay)}, since the first row. Outstanding is what the marketplace still owes; in transit is paid out and not at the bank.`,
    columns: [...["marketplace", "currency"].map(text), ...[...measures, "outstanding", "in_transit"].map(amount)],
    rows,
  };
};

export const payoutsTable = (close: Close): PackTable => ({
  name: "payouts",
  title: "Payouts and deposits",
  about:
    "Each payout: what its lines add up to, what its header says, what the bank received. Days are the payout's and the bank's.",
  columns: [
    ...["marketplace", "payout_id", "date", "currency"].map(text),
    ...["lines_total", "header", "deposited", "difference"].map(amount),
    ...["trace", "failed", "repeats", "deposits", "deposit_dates"].map(text),
  ],
  rows: close.payouts.map((payout) => {
    const received = payout.deposits.reduce((sum, deposit) => sum + deposit.amount, 0n);
    const at = (micros: bigint) => money(micros, payout.currency);
    return [
      payout.marketplace,
      payout.id,
      dayText(payout.day),
      payout.currency,
      at(payout.children),
      at(payout.amount),
      at(received),
      at(payout.amount - received),
      payout.trace ?? "",
      payout.failed ? "yes" : "",
      payout.repeats ?? "",
      payout.deposits.map(({ depositId }) => depositId).join(" "),
      payout.deposits.map(({ day }) => dayText(day)).join(" "),
    ];
  }),
});

const buckets = ["not_due", "due_1_30", "due_31_60", "due_61_90", "due_91_120", "due_121_plus"] as const;
type Bucket = (typeof buckets)[number];
const bucketOf = (lateDays: number): Bucket =>
  lateDays <= 0 ? "not_due" : (buckets[Math.min(5, Math.ceil(lateDays / 30))] ?? "due_121_plus");

interface Open {
  readonly marketplace: MarketplaceId;
  readonly agreementId: string;
  readonly currency: string;
  readonly balance: bigint;
  /** The earliest day on which something of it was due; null where no report says so. */
  readonly dueDay: number | null;
  readonly invoicedDay: number | null;
}

/** What is still owed under each agreement; the rest of a marketplace's balance belongs to none and stands under no id. */
const openBalances = (close: Close, movements: readonly Movement[]): readonly Open[] => {
  const balances = new Map<string, bigint>();
  for (const { kind, marketplace, currency, amount: micros, agreementId } of movements) {
    const { debit, credit } = postings[kind];
    if (debit !== "receivable" && credit !== "receivable") continue;
    const key = `${marketplace}|${currency}|${agreementId ?? ""}`;
    balances.set(key, (balances.get(key) ?? 0n) + (debit === "receivable" ? micros : -micros));
  }
  const settled = new Set(paidSales(close).map(({ line }) => `${line.marketplace}|${line.key}`));
  const days = new Map<string, { dueDay: number | null; invoicedDay: number | null }>();
  for (const { agreement } of close.links)
    for (const line of agreement.lines) {
      if (line.kind !== "REVENUE" || settled.has(`${line.marketplace}|${line.key}`)) continue;
      const key = `${agreement.marketplace}|${line.currency}|${agreement.id}`;
      const known = days.get(key);
      const invoicedDay = line.invoicedDay ?? line.occurredDay;
      days.set(key, {
        dueDay: earlier(known?.dueDay ?? null, line.payableDay),
        invoicedDay: earlier(known?.invoicedDay ?? null, invoicedDay),
      });
    }
  return [...balances]
    .filter(([, balance]) => balance !== 0n)
    .toSorted(([a], [b]) => compare(a, b))
    .map(([key, balance]) => {
      const [marketplace = "", currency = "", agreementId = ""] = key.split("|");
      const { dueDay = null, invoicedDay = null } = days.get(key) ?? {};
      return { marketplace: marketplace as MarketplaceId, currency, agreementId, balance, dueDay, invoicedDay };
    });
};

const earlier = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** One row for each agreement with an open balance, in the bucket of its oldest open sale. */
export const ageingTable = (close: Close, movements: readonly Movement[]): PackTable => ({
  name: "ageing",
  title: "Outstanding by age",
  about:
    "What each marketplace still owes, by agreement, in the bucket of the oldest sale that is open under it, counted from the day it was due. Adds up to the outstanding balance.",
  columns: [
    ...["marketplace", "agreement_id", "currency", "oldest_due"].map(text),
    amount("outstanding"),
    ...buckets.map(amount),
  ],
  rows: openBalances(close, movements).map((open) => {
    const due = open.dueDay ?? open.invoicedDay;
    const own = bucketOf(due === null ? 0 : close.asOfDay - due);
    const at = (micros: bigint) => money(micros, open.currency);
    return [
      open.marketplace,
      open.agreementId,
      open.currency,
      due === null ? "" : dayText(due),
      at(open.balance),
      ...buckets.map((bucket) => (bucket === own ? at(open.balance) : null)),
    ];
  }),
});

/** What should come, and when: the marketplace's own day where it states one, else the usual time from invoice to payout. */
export const dueTable = (close: Close, movements: readonly Movement[]): PackTable => {
  const lags = lagsBy(paidSales(close), close.asOfDay);
  return {
    name: "payouts-due",
    title: "Payouts due",
    about:
      "Expected payouts of what is outstanding: the usual days from invoice to payout (the median of what was paid so far), never before tomorrow.",
    columns: [
      ...["marketplace", "agreement_id", "currency"].map(text),
      amount("expected"),
      text("expected_on"),
      count("usual_days"),
    ],
    rows: openBalances(close, movements)
      .filter(({ balance, agreementId }) => balance > 0n && agreementId !== "")
      .map((open) => {
        const lag = lags.get(open.marketplace) ?? null;
        const from = open.invoicedDay;
        const day = from === null || lag === null ? null : Math.max(close.asOfDay + 1, from + lag);
        const at = day === null ? "" : dayText(day);
        return [open.marketplace, open.agreementId, open.currency, money(open.balance, open.currency), at, lag];
      }),
  };
};

export const forecastTable = (close: Close): PackTable => ({
  name: "forecast-error",
  title: "How good the forecast would have been",
  about:
    "At earlier month ends: what the rule of payouts due foresaw for the next 31 days, knowing what was known then, and what came.",
  columns: [
    ...["month_end", "marketplace", "currency"].map(text),
    ...["foreseen", "came", "error"].map(amount),
    count("error_percent"),
  ],
  rows: backTests(close, paidSales(close)).map(({ day, marketplace, currency, foreseen, came }) => {
    const error = foreseen - came;
    const share = divideHalfUp(error * 1_000n, came < 0n ? -came : came === 0n ? 1n : came);
    const at = (micros: bigint) => money(micros, currency);
    return [
      dayText(day),
      marketplace,
      currency,
      at(foreseen),
      at(came),
      at(error),
      // In tenths, exact whatever the amounts; by the size of what came.
      came === 0n ? null : { tenths: share },
    ];
  }),
});

type LinesTable = Omit<PackTable, "rows"> & { readonly rows: Iterable<readonly Cell[]> };
/** Every current line with where it belongs and where it was read. `paths` are the files by their index. */
export const linesTable = (close: Close, paths: readonly string[]): LinesTable => ({
  name: "lines",
  title: "Money lines",
  about:
    "Each line's current version: signed by its effect on what the marketplace owes us, where it was read, and what it was matched to.",
  columns: [
    ...["marketplace", "line_key", "kind", "currency"].map(text),
    ...["amount", "fee", "net"].map(amount),
    ...["occurred", "invoiced", "collected", "disbursed", "agreement_id", "deal_id", "method", "payout_id", "file"].map(
      text,
    ),
    count("row"),
  ],
  rows: lineRows(close, paths),
});

function* lineRows(close: Close, paths: readonly string[]): Generator<readonly Cell[]> {
  const day = (value: number | null): string => (value === null ? "" : dayText(value));
  for (const line of close.lines) {
    const { agreement, deals, method } = close.linkOf(line);
    yield [
      line.marketplace,
      line.key,
      line.kind,
      line.currency,
      money(line.amount, line.currency),
      money(line.fee, line.currency),
      money(line.net, line.currency),
      day(line.occurredDay),
      day(line.invoicedDay),
      day(line.collectedDay),
      day(line.disbursedDay),
      agreement?.id ?? "",
      deals,
      method,
      line.payoutKey ?? "",
      paths[line.file] ?? "",
      line.line,
    ];
  }
}
