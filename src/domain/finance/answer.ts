/** The two files that compare a close with a labelled case: `answer.json` and `links.csv`. */
import { csvCell, csvRow } from "../csv.ts";
import { amountText } from "./amount.ts";
import type { Close, LineLink } from "./close.ts";
import { isAnswerType } from "./exception.ts";
import { type Measure, packMeasures } from "./totals.ts";

export interface Answer {
  readonly money: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly exceptions: readonly {
    readonly type: string;
    readonly subjectType: string;
    readonly subjectId: string;
    readonly amount: string;
    readonly currency: string;
  }[];
  readonly credits: readonly {
    readonly dealId: string;
    readonly partnerId: string;
    readonly kind: string;
    readonly amount: string;
    readonly currency: string;
  }[];
}

/** Money, exceptions of the answer's types and credits; amounts as decimal strings, in a fixed order. */
export const answerOf = (close: Close): Answer => ({
  money: sortedRecord(
    [...close.totals].flatMap(([marketplace, currencies]) => {
      const figures = [...currencies].flatMap(([currency, own]) => {
        const found = figuresOf(own, currency);
        return found.length === 0 ? [] : [[currency, sortedRecord(found)] as const];
      });
      return figures.length === 0 ? [] : [[marketplace, sortedRecord(figures)] as const];
    }),
  ),
  exceptions: close.exceptions
    .filter((exception) => isAnswerType(exception.type))
    .map(({ type, subjectType, subjectId, amount, currency }) => ({
      type,
      subjectType,
      subjectId,
      amount: amountText(amount, currency),
      currency,
    })),
  credits: creditRows(close),
});

/** What an answer holds of a currency's figures: those that are its own, and not zero. */
const figuresOf = (figures: ReadonlyMap<Measure, bigint>, currency: string): readonly (readonly [string, string])[] =>
  [...figures].flatMap(([measure, amount]) =>
    amount === 0n || packMeasures.has(measure) ? [] : [[measure, amountText(amount, currency)] as const],
  );

/** A deal with several agreements of one currency has one credit for each partner and kind. */
const creditRows = (close: Close): Answer["credits"] => {
  const rows = new Map<string, { dealId: string; partnerId: string; kind: string; amount: bigint; currency: string }>();
  for (const { dealId, partnerId, kind, amount, currency } of close.credits) {
    const key = `${dealId}|${partnerId}|${kind}|${currency}`;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { dealId, partnerId, kind, amount, currency });
    else row.amount += amount;
  }
  return [...rows.values()].map((row) => ({ ...row, amount: amountText(row.amount, row.currency) }));
};

const sortedRecord = <Value>(entries: readonly (readonly [string, Value])[]): Readonly<Record<string, Value>> =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

/** `links.csv` row by row, its header first: one row per money line, sorted by marketplace and key. */
export function* linkRows(close: Close): Generator<string> {
  yield csvRow(["marketplace", "line_key", "kind", "agreement_id", "deal_id", "method"]);
  // All lines of an agreement end alike.
  const ends = new Map<LineLink, string>();
  for (const line of close.lines) {
    const link = close.linkOf(line);
    const end = ends.get(link) ?? csvRow([link.agreement?.id ?? "", link.deals, link.method]);
    ends.set(link, end);
    yield `${line.marketplace},${csvCell(line.key)},${line.kind},${end}`;
  }
}
