/** What was billed under an agreement: its lines grouped by invoice line, its instalments and which of them are billed. */
import type { Agreement } from "./agreements.ts";
import { monthNumber } from "./day.ts";
import type { Instalment } from "./facts.ts";
import type { MoneyLine } from "./line.ts";

/** One invoice line: what was sold, the fees on it, and what became of the money. */
export interface BillingUnit {
  readonly revenue: readonly MoneyLine[];
  readonly fees: readonly MoneyLine[];
  /** Sum of the revenue lines. */
  readonly gross: bigint;
  /** Fees charged, as a positive cost. */
  readonly fee: bigint;
}

export interface Billing {
  readonly invoiced: bigint;
  readonly refunded: bigint;
  readonly units: readonly BillingUnit[];
  /** Fees that no revenue line goes with, as a positive cost. */
  readonly looseFees: bigint;
}

/** Purchases by the line they are for: the earning that a revenue line became. */
export type EarningsOf = (line: MoneyLine) => readonly MoneyLine[];

/** Adds up an agreement. Its lines are current versions in a fixed order. */
export const billingOf = (agreement: Agreement): Billing => {
  let invoiced = 0n;
  let refunded = 0n;
  let looseFees = 0n;
  const units = new Map<string, Unit>();
  const earnings = agreement.marketplace === "azure" ? purchaseEarnings(agreement.lines) : noEarnings;
  for (const line of agreement.lines) {
    if (line.kind === "REVENUE") {
      invoiced += line.amount;
      refunded += line.refunded;
      // Google keys lines by what they are about; there each line is a unit of its own.
      const unit = unitOf(units, line.marketplace === "aws" ? (line.reference ?? line.key) : line.key);
      unit.revenue.push(line);
      unit.gross += line.amount;
      unit.fee += feeOnRow(line, earnings);
    } else if (line.kind === "REFUND") refunded -= line.amount;
  }
  for (const line of agreement.lines) {
    if (line.kind !== "FEE") continue;
    const unit = line.reference === null ? undefined : units.get(line.reference);
    if (unit === undefined) looseFees -= line.amount;
    else {
      unit.fees.push(line);
      unit.fee -= line.amount;
    }
  }
  return { invoiced, refunded, units: [...units.values()], looseFees };
};

const noEarnings: ReadonlyMap<string, readonly MoneyLine[]> = new Map();

interface Unit {
  readonly revenue: MoneyLine[];
  readonly fees: MoneyLine[];
  gross: bigint;
  fee: bigint;
}
const unitOf = (units: Map<string, Unit>, key: string): Unit => {
  const known = units.get(key);
  if (known !== undefined) return known;
  const unit: Unit = { revenue: [], fees: [], gross: 0n, fee: 0n };
  units.set(key, unit);
  return unit;
};

/** What a revenue line's own row, or its earning, says of the fee. Nothing where fees are lines of their own. */
const feeOnRow = (line: MoneyLine, earnings: ReadonlyMap<string, readonly MoneyLine[]>): bigint => {
  if (line.marketplace === "aws") return 0n;
  if (line.marketplace === "gcp") return line.fee;
  const found = earnings.get(line.key);
  return found === undefined ? line.amount - line.net : found.reduce((sum, earning) => sum + earning.fee, 0n);
};

/** Purchase earnings by the key of the revenue line they are for. */
export const purchaseEarnings = (lines: readonly MoneyLine[]): ReadonlyMap<string, readonly MoneyLine[]> => {
  const earnings = new Map<string, MoneyLine[]>();
  for (const line of lines) {
    if (line.kind !== "EARNING" || line.parentKey === null) continue;
    const others = earnings.get(line.parentKey);
    if (others === undefined) earnings.set(line.parentKey, [line]);
    else others.push(line);
  }
  return earnings;
};

/** Equal for two lines that say the same commercial thing under different ids. */
export const commercialThing = (line: MoneyLine): string =>
  line.marketplace === "aws"
    ? [line.reference ?? line.key, line.currency, line.amount, line.invoicedDay, line.occurredDay].join("|")
    : line.key;

export interface Billed {
  /** Instalments that no line bills. */
  readonly open: readonly Instalment[];
  /** By how much lines differ from the instalments that they bill, where the tolerance lets that pass. */
  readonly absorbed: readonly { readonly day: number; readonly difference: bigint }[];
}

/**
 * Which instalments are billed. A line bills the instalment of its day, else of its month, else the earliest one
 * of the same amount that was due by then, else a run of instalments that it adds up to.
 */
export const billedInstalments = (
  schedule: readonly Instalment[],
  revenue: readonly MoneyLine[],
  tolerance: bigint,
): Billed => {
  const absorbed: { readonly day: number; readonly difference: bigint }[] = [];
  const open = new Set(schedule);
  let lines = withoutTwins(revenue).filter((line) => line.amount > 0n);
  const near = (line: MoneyLine, amount: bigint): boolean => {
    const difference = line.amount - amount;
    return difference <= tolerance && -difference <= tolerance;
  };
  const dayOf = (line: MoneyLine): number => line.invoicedDay ?? line.occurredDay ?? 0;
  const pass = (fits: (line: MoneyLine, instalment: Instalment) => boolean): void => {
    lines = lines.filter((line) => {
      for (const instalment of open)
        if (fits(line, instalment)) {
          open.delete(instalment);
          if (line.amount !== instalment.amount && near(line, instalment.amount))
            absorbed.push({ day: dayOf(line), difference: line.amount - instalment.amount });
          return false;
        }
      return true;
    });
  };
  const sameMonth = (line: MoneyLine, instalment: Instalment): boolean =>
    monthNumber(dayOf(line)) === monthNumber(instalment.day);
  pass((line, instalment) => dayOf(line) === instalment.day);
  pass((line, instalment) => line.occurredDay === instalment.day);
  pass((line, instalment) => sameMonth(line, instalment) && near(line, instalment.amount));
  pass(sameMonth);
  pass((line, instalment) => dayOf(line) >= instalment.day && near(line, instalment.amount));
  for (const line of lines) billRun(open, line, near);
  return { open: [...open], absorbed };
};

/** A suspected double bills what its twin bills, and no other instalment. The first of twins stays. */
const withoutTwins = (revenue: readonly MoneyLine[]): readonly MoneyLine[] => {
  // Twins are of one day, and lines come in the order of their days.
  if (!revenue.some((line, index) => index > 0 && line.invoicedDay === revenue[index - 1]?.invoicedDay)) return revenue;
  const seen = new Set<string>();
  return revenue.filter((line) => {
    const thing = commercialThing(line);
    if (seen.has(thing)) return false;
    seen.add(thing);
    return true;
  });
};

const runMax = 12;

/** A line that bills several instalments at once: consecutive ones that add up to it. */
const billRun = (open: Set<Instalment>, line: MoneyLine, near: (line: MoneyLine, amount: bigint) => boolean): void => {
  const rest = [...open];
  for (let from = 0; from < rest.length; from += 1) {
    let sum = 0n;
    const run = rest.slice(from, from + runMax);
    for (const [index, instalment] of run.entries()) {
      sum += instalment.amount;
      if (index === 0 || !near(line, sum)) continue;
      for (const billed of run.slice(0, index + 1)) open.delete(billed);
      return;
    }
  }
};
