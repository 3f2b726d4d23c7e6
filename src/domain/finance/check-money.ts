/** Exceptions of single lines and of money that should have been paid out: what is kept back, lost, late or doubled. */
import type { Agreement, AgreementBook } from "./agreements.ts";
import { minorUnit } from "./amount.ts";
import { type Billing, type BillingUnit, commercialThing, purchaseEarnings } from "./billing.ts";
import type { CloseException, ExceptionType } from "./exception.ts";
import type { MoneyLine } from "./line.ts";
import type { Policy } from "./policy.ts";
import type { Versions } from "./versions.ts";

export interface MoneyContext {
  readonly policy: Policy;
  readonly asOfDay: number;
  /** Lines that collect or disburse a line, by its key. */
  readonly settlementOf: (line: MoneyLine) => Settlement | undefined;
}

export interface Settlement {
  readonly collected: bigint;
  /** Negative: what left again as a payout. */
  readonly disbursed: bigint;
  readonly collectedDay: number | null;
}

/** What was collected and disbursed of each line. */
export const settlements = (
  lines: readonly MoneyLine[],
  numberOf: Versions["numberOf"],
): ((line: MoneyLine) => Settlement | undefined) => {
  const found: ({ collected: bigint; disbursed: bigint; collectedDay: number | null } | undefined)[] = [];
  for (const line of lines) {
    if (line.parentKey === null || (line.kind !== "COLLECTED" && line.kind !== "DISBURSED")) continue;
    const number = numberOf(line.marketplace, line.parentKey);
    if (number < 0) continue;
    while (found.length <= number) found.push(undefined);
    const known = found[number] ?? { collected: 0n, disbursed: 0n, collectedDay: null };
    found[number] = known;
    if (line.kind === "DISBURSED") known.disbursed += line.amount;
    else {
      known.collected += line.amount;
      const day = line.collectedDay;
      if (day !== null && (known.collectedDay === null || day > known.collectedDay)) known.collectedDay = day;
    }
  }
  return (line) => found[numberOf(line.marketplace, line.key)];
};

const raised = (type: ExceptionType, agreement: Agreement, line: MoneyLine, amount: bigint): CloseException => ({
  type,
  subjectType: "agreement",
  subjectId: agreement.id,
  marketplace: agreement.marketplace,
  amount,
  currency: line.currency,
  cause: line.key,
  sinceDay: line.collectedDay ?? line.invoicedDay,
  details: { line: line.key },
});

/** Exceptions of an agreement's own money lines. */
export const checkMoney = (
  agreement: Agreement,
  billing: Billing,
  context: MoneyContext,
): readonly CloseException[] => [
  ...lostMoney(agreement),
  ...withheldMoney(agreement),
  ...(agreement.marketplace === "aws"
    ? billing.units.flatMap((unit) => [...uncollectedTwin(unit, context), ...notDisbursed(agreement, unit, context)])
    : notPaid(agreement, context)),
];

/** Refunds whose purchase is nowhere. */
export const checkOrphans = (book: AgreementBook): readonly CloseException[] =>
  [...book.orphans].map((line) => ({
    type: "ORPHAN_REFUND" as const,
    subjectType: "line" as const,
    subjectId: line.key,
    marketplace: line.marketplace,
    amount: -line.amount,
    currency: line.currency,
    cause: "",
    sinceDay: line.invoicedDay,
    details: {},
  }));

const lostMoney = (agreement: Agreement): readonly CloseException[] =>
  agreement.lines.flatMap((line) => {
    if (line.kind === "WRITE_OFF" && line.part === "revenue")
      return [raised("BAD_DEBT", agreement, line, -line.amount)];
    if (line.kind === "ABANDONED") return [raised("BAD_DEBT", agreement, line, -line.amount)];
    if (line.kind === "CLAWBACK") return [raised("CLAWBACK", agreement, line, -line.net)];
    return line.lost > 0n ? [raised("BAD_DEBT", agreement, line, line.lost)] : [];
  });

/** Withheld money that no later row released or abandoned: equal amounts first, then the oldest. */
const withheldMoney = (agreement: Agreement): readonly CloseException[] => {
  const kept = agreement.lines
    .filter((line) => line.kind === "REVENUE" && line.withheld > 0n && line.marketplace === "gcp")
    .map((line) => ({ line, left: line.withheld - line.lost }));
  if (kept.length === 0) return [];
  const freed = agreement.lines
    .filter((line) => line.kind === "RELEASED" || line.kind === "ABANDONED")
    .map((line) => ({ line, left: line.amount < 0n ? -line.amount : line.amount }));
  const about = (a: MoneyLine, b: MoneyLine): boolean => a.reference === b.reference && a.currency === b.currency;
  for (const free of freed) {
    const equal = kept.find((one) => about(one.line, free.line) && one.left === free.left);
    if (equal === undefined) continue;
    equal.left = 0n;
    free.left = 0n;
  }
  for (const free of freed)
    for (const one of kept) {
      if (!about(one.line, free.line)) continue;
      const part = one.left < free.left ? one.left : free.left;
      one.left -= part;
      free.left -= part;
    }
  return kept.filter(({ left }) => left > 0n).map(({ line, left }) => raised("WITHHELD", agreement, line, left));
};

/** Two events that say the same commercial thing: the one is suspected that nothing collects or disburses. */
const uncollectedTwin = (unit: BillingUnit, context: MoneyContext): readonly CloseException[] => {
  if (unit.revenue.length < 2) return [];
  const groups = new Map<string, MoneyLine[]>();
  for (const line of unit.revenue) {
    const thing = commercialThing(line);
    groups.set(thing, [...(groups.get(thing) ?? []), line]);
  }
  return [...groups.values()].flatMap((twins) => {
    if (twins.length < 2) return [];
    const settled = twins.filter((line) => context.settlementOf(line) !== undefined);
    const idle = twins.filter((line) => context.settlementOf(line) === undefined);
    // One of them stands for the sale itself: the settled one, else the first by key.
    const suspects = settled.length > 0 ? [...settled.slice(1), ...idle] : idle.slice(1);
    const original = settled[0] ?? idle[0];
    return suspects.map((line) => ({
      type: "DUPLICATE_SUSPECT" as const,
      subjectType: "line" as const,
      subjectId: line.key,
      marketplace: line.marketplace,
      amount: line.amount,
      currency: line.currency,
      cause: "",
      sinceDay: line.invoicedDay,
      details: { twin: original?.key ?? "" },
    }));
  });
};

/** Collected from the buyer and not paid out to us within the window: none of it, or a part. */
const notDisbursed = (agreement: Agreement, unit: BillingUnit, context: MoneyContext): readonly CloseException[] => {
  const [first] = unit.revenue;
  if (first === undefined) return [];
  let open = 0n;
  let isPartial = false;
  let collectedDay: number | null = null;
  for (const lines of [unit.revenue, unit.fees])
    for (const line of lines) {
      const settlement = context.settlementOf(line);
      if (settlement === undefined) continue;
      open += settlement.collected + settlement.disbursed;
      if (settlement.disbursed !== 0n) isPartial = true;
      const day = settlement.collectedDay;
      if (day !== null && (collectedDay === null || day > collectedDay)) collectedDay = day;
    }
  if (collectedDay === null || open < minorUnit(first.currency)) return [];
  if (collectedDay + context.policy.disbursementDays.aws > context.asOfDay) return [];
  const exception = raised(isPartial ? "PARTIAL_DISBURSEMENT" : "MISSING_DISBURSEMENT", agreement, first, open);
  return [{ ...exception, sinceDay: collectedDay }];
};

/** Earned or charged, and not paid when the marketplace should have paid plus the window. */
const notPaid = (agreement: Agreement, context: MoneyContext): readonly CloseException[] => {
  const earnings = purchaseEarnings(agreement.lines);
  const overdue = (day: number | null): boolean =>
    day !== null && day + context.policy.disbursementDays[agreement.marketplace] <= context.asOfDay;
  return agreement.lines.flatMap((line) => {
    if (line.kind !== "REVENUE" || line.amount <= 0n || line.lost > 0n) return [];
    if (agreement.marketplace === "gcp") {
      const missing = line.net === 0n && line.withheld === 0n && overdue(line.payableDay);
      const net = line.amount - line.fee - line.refunded;
      return missing && net > 0n ? [raised("MISSING_DISBURSEMENT", agreement, line, net)] : [];
    }
    const earned = earnings.get(line.key) ?? [];
    if (line.paid === "sent" || earned.some((earning) => earning.paid === "sent")) return [];
    const day = earned[0]?.payableDay ?? line.payableDay;
    const net = earned.length === 0 ? line.net : earned.reduce((sum, earning) => sum + earning.net, 0n);
    return overdue(day) ? [raised("MISSING_DISBURSEMENT", agreement, line, net)] : [];
  });
};
