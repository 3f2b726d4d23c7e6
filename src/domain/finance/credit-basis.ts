/** What a credit's basis is made of, as it comes about: rows with a day, negative where something is taken back. */
import type { Agreement } from "./agreements.ts";
import { divideHalfUp, minorUnit } from "./amount.ts";
import type { CreditBasis } from "./attribution-rule.ts";
import { purchaseEarnings } from "./billing.ts";
import { monthNumber } from "./day.ts";
import type { MoneyLine } from "./line.ts";

export interface BasisRow {
  readonly day: number;
  readonly amount: bigint;
}
/** A month's part of a basis: what came about in it, then what was taken back. */
export interface BasisStep {
  readonly month: number;
  readonly kind: "earned" | "reversed";
  /** The basis up to and with this step. */
  readonly upTo: bigint;
}

/**
 * The basis of a deal's agreement. Contract and annual value count whole on the day of the close; invoiced and collected money
 * as it comes, refunds against it; claw-backs reverse collected money alone. Null: the agreement's term is not known.
 */
export const basisRows = (basis: CreditBasis, agreement: Agreement, closeDay: number): readonly BasisRow[] | null => {
  switch (basis) {
    case "tcv":
      return [{ day: closeDay, amount: agreement.contractValue ?? 0n }];
    case "acv": {
      const amount = annualValue(agreement);
      return amount === null ? null : [{ day: closeDay, amount }];
    }
    case "invoiced_net_of_refund":
      return agreement.lines.flatMap((line) => invoicedRows(line, closeDay));
    case "collected":
      return collectedRows(agreement, closeDay);
  }
};

const daysPerYear = 365.2425;
const monthsPerYear = 12n;

/** Contract value by the year, to the minor unit; the contract value itself for a year or less. Terms count in whole months. */
export const annualValue = (agreement: Agreement): bigint | null => {
  const { contractValue, startDay, endDay, currency } = agreement;
  if (contractValue === null || startDay === null || endDay === null || endDay < startDay) return null;
  const months = BigInt(Math.max(1, Math.round(((endDay + 1 - startDay) / daysPerYear) * 12)));
  if (months <= monthsPerYear) return contractValue;
  const unit = minorUnit(currency);
  return divideHalfUp(contractValue * monthsPerYear, months * unit) * unit;
};

const dayOfLine = (line: MoneyLine, otherwise: number): number => line.invoicedDay ?? line.occurredDay ?? otherwise;

const invoicedRows = (line: MoneyLine, closeDay: number): readonly BasisRow[] => {
  const day = dayOfLine(line, closeDay);
  if (line.kind === "REFUND") return [{ day, amount: line.amount }];
  if (line.kind !== "REVENUE") return [];
  return [{ day, amount: line.amount }, ...(line.refunded === 0n ? [] : [{ day, amount: -line.refunded }])];
};

/** Gross that the buyer paid: AWS says so in lines of its own, the others by paying out. */
const collectedRows = (agreement: Agreement, closeDay: number): readonly BasisRow[] => {
  const earnings = purchaseEarnings(agreement.lines);
  const returned = new Set(
    agreement.lines.flatMap(({ kind, parentKey }) => (kind === "COLLECTED" && parentKey !== null ? [parentKey] : [])),
  );
  return agreement.lines.flatMap((line): readonly BasisRow[] => {
    const day = line.collectedDay ?? line.disbursedDay ?? line.payableDay ?? dayOfLine(line, closeDay);
    switch (line.kind) {
      case "COLLECTED":
        return line.part === "revenue" ? [{ day, amount: line.amount }] : [];
      case "REVENUE":
        return paidRows(line, earnings.get(line.key) ?? [], day);
      case "REFUND":
        // A refund that was itself collected from us stands there already.
        return returned.has(line.key) ? [] : [{ day: dayOfLine(line, closeDay), amount: line.amount }];
      case "RELEASED":
        return [{ day, amount: releasedGross(agreement, line) }];
      case "CLAWBACK":
        return [{ day: dayOfLine(line, closeDay), amount: line.amount < 0n ? line.amount : -line.amount }];
      default:
        return [];
    }
  });
};

const paidRows = (line: MoneyLine, earnings: readonly MoneyLine[], day: number): readonly BasisRow[] => {
  if (line.marketplace === "aws") return [];
  if (line.marketplace === "azure") {
    const sent = line.paid === "sent" ? line : earnings.find(({ paid }) => paid === "sent");
    return sent === undefined ? [] : [{ day: sent.disbursedDay ?? sent.payableDay ?? day, amount: line.amount }];
  }
  // What Google withholds the buyer has not paid; it comes back as a released row, or never.
  if (line.withheld !== 0n || line.lost !== 0n) return [];
  return [{ day, amount: line.amount }, ...(line.refunded === 0n ? [] : [{ day, amount: -line.refunded }])];
};

/** A release is told net of the fee; the charge that was withheld says the gross. */
const releasedGross = (agreement: Agreement, released: MoneyLine): bigint =>
  agreement.lines.find(
    ({ kind, withheld, reference }) =>
      kind === "REVENUE" && withheld === released.amount && reference === released.reference,
  )?.amount ?? released.amount;

/** Rows by month, earned before reversed, with the basis reached after each. Of what was never collected nothing is reversed. */
export const basisSteps = (rows: readonly BasisRow[], basis: CreditBasis): readonly BasisStep[] => {
  const months = new Map<number, { earned: bigint; reversed: bigint }>();
  for (const { day, amount } of rows) {
    const month = monthNumber(day);
    const sums = months.get(month) ?? { earned: 0n, reversed: 0n };
    months.set(month, sums);
    if (amount < 0n) sums.reversed += amount;
    else sums.earned += amount;
  }
  let sum = 0n;
  return [...months]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([month, sums]) =>
      (["earned", "reversed"] as const).flatMap((kind) => {
        if (sums[kind] === 0n) return [];
        sum += sums[kind];
        return [{ month, kind, upTo: basis === "collected" && sum < 0n ? 0n : sum }];
      }),
    );
};
