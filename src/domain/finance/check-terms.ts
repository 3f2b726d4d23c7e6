/** Exceptions of what an agreement's reports say of its terms: its schedule, who remits its tax, what conversion left. */
import type { Agreement } from "./agreements.ts";
import { amountText, minorUnit } from "./amount.ts";
import { dayText } from "./day.ts";
import type { CloseException } from "./exception.ts";
import type { AgreementFact, Facts, Instalment, InstalmentFact } from "./facts.ts";
import type { MoneyLine } from "./line.ts";
import type { Policy } from "./policy.ts";
import { latestOf } from "./versions.ts";

const sumOf = (amounts: Iterable<bigint>): bigint => {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
};
const sizeOf = (amount: bigint): bigint => (amount < 0n ? -amount : amount);
const shownMax = 6;

/**
 * Agreements whose schedule is another than it was: our own record against the marketplace's charges, or charges against an
 * earlier version of them. The amount is what the whole schedule grew by.
 */
export const checkSchedules = (
  facts: Facts,
  agreements: readonly Agreement[],
  knownUntil: number,
): readonly CloseException[] => {
  const own = ownSchedules(facts, knownUntil);
  const charges = chargesOf(facts.instalments, own, knownUntil);
  if (charges.size === 0) return [];
  return agreements.flatMap((agreement): readonly CloseException[] => {
    const key = `${agreement.marketplace}|${agreement.id}`;
    const charged = charges.get(key);
    if (charged === undefined) return [];
    const newest = Math.max(...charged.map(({ knownSecond }) => knownSecond));
    const said = latestOf(charged, knownUntil);
    const recorded = own.get(key);
    const was = recorded ?? latestOf(charged, newest - 1);
    if (was.length === 0 || isSame(was, said)) return [];
    return [
      {
        type: "SCHEDULE_CHANGED",
        subjectType: "agreement",
        subjectId: agreement.id,
        marketplace: agreement.marketplace,
        amount: sumOf(said.map(({ amount }) => amount)) - sumOf(was.map(({ amount }) => amount)),
        currency: agreement.currency,
        cause: "",
        sinceDay: agreement.startDay,
        details: {
          was: scheduleText(was, agreement.currency),
          now: scheduleText(said, agreement.currency),
          against: recorded === undefined ? "what the marketplace said before" : "our own record",
        },
      },
    ];
  });
};

/** Charges of agreements that we have a schedule of, or of which the marketplace said something at two times. */
const chargesOf = (
  instalments: readonly InstalmentFact[],
  own: ReadonlyMap<string, unknown>,
  knownUntil: number,
): ReadonlyMap<string, readonly InstalmentFact[]> => {
  const firstSaid = {
    aws: new Map<string, number>(),
    azure: new Map<string, number>(),
    gcp: new Map<string, number>(),
  };
  const wanted = new Set<string>(own.keys());
  for (const { marketplace, agreementId, knownSecond } of instalments) {
    if (knownSecond > knownUntil) continue;
    const first = firstSaid[marketplace].get(agreementId);
    if (first === undefined) firstSaid[marketplace].set(agreementId, knownSecond);
    else if (first !== knownSecond) wanted.add(`${marketplace}|${agreementId}`);
  }
  const found = new Map<string, InstalmentFact[]>();
  if (wanted.size === 0) return found;
  for (const charge of instalments) {
    const key = `${charge.marketplace}|${charge.agreementId}`;
    if (charge.knownSecond > knownUntil || !wanted.has(key)) continue;
    const known = found.get(key);
    if (known === undefined) found.set(key, [charge]);
    else known.push(charge);
  }
  return found;
};

const ownSchedules = (facts: Facts, knownUntil: number): ReadonlyMap<string, readonly Instalment[]> => {
  const own = facts.agreements.filter((fact: AgreementFact) => fact.own && fact.schedule.length > 0);
  return new Map(latestOf(own, knownUntil).map((fact) => [`${fact.marketplace}|${fact.agreementId}`, fact.schedule]));
};

const inOrder = (schedule: readonly Instalment[]): readonly Instalment[] =>
  schedule.toSorted((a, b) => a.day - b.day || (a.amount < b.amount ? -1 : a.amount > b.amount ? 1 : 0));
const isSame = (one: readonly Instalment[], other: readonly Instalment[]): boolean => {
  if (one.length !== other.length) return false;
  const [left, right] = [inOrder(one), inOrder(other)];
  return left.every(({ day, amount }, index) => right[index]?.day === day && right[index]?.amount === amount);
};
const scheduleText = (schedule: readonly Instalment[], currency: string): string => {
  const shown = inOrder(schedule).slice(0, shownMax);
  const more = schedule.length - shown.length;
  return `${shown.map(({ day, amount }) => `${dayText(day)} ${amountText(amount, currency)}`).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
};

/**
 * Tax that is handed over by the other side than the policy says, or by both sides under one agreement: what we have to hand over may
 * be wrong. The amount is the tax that was given to us to hand over.
 */
export const checkTax = (
  agreement: Agreement,
  policy: Policy,
  liableFor: (line: MoneyLine) => TaxParty | null,
): readonly CloseException[] => {
  let ours = 0n;
  let theirs = 0n;
  let first: MoneyLine | null = null;
  for (const line of agreement.lines) {
    const isOurs = line.kind === "SELLER_TAX" || (line.kind === "TAX_REFUND" && line.part === "sellerTax");
    const isTheirs = !isOurs && (line.kind === "TAX" || line.kind === "TAX_REFUND");
    if (isOurs) ours += line.amount;
    else if (isTheirs) theirs += line.amount;
    if (isOurs || isTheirs) first ??= line;
  }
  if (first === null) return [];
  const model = policy.taxModel[agreement.marketplace] ?? liableParty(agreement, liableFor);
  const isOff = model === undefined ? ours !== 0n && theirs !== 0n : model === "seller" ? theirs !== 0n : ours !== 0n;
  if (!isOff) return [];
  return [
    {
      type: "TAX_MODEL_MISMATCH",
      subjectType: "agreement",
      subjectId: agreement.id,
      marketplace: agreement.marketplace,
      amount: ours,
      currency: first.currency,
      cause: "",
      sinceDay: first.invoicedDay,
      details: {
        expected: model ?? "one side for the whole agreement",
        seller: amountText(ours, first.currency),
        marketplace: amountText(theirs, first.currency),
      },
    },
  ];
};

type TaxParty = "marketplace" | "seller";

/** Who is liable by the marketplace's own tax items, for an invoice line. */
export const taxParties = (facts: Facts, knownUntil: number): ((line: MoneyLine) => TaxParty | null) => {
  const parties = new Map<string, TaxParty>();
  for (const { marketplace, invoiceLine, liable } of latestOf(facts.taxItems, knownUntil))
    if (liable !== null) parties.set(`${marketplace}|${invoiceLine}`, liable);
  if (parties.size === 0) return () => null;
  // A line's reference has the recipient behind invoice and item.
  return ({ marketplace, reference }) =>
    reference === null
      ? null
      : (parties.get(`${marketplace}|${reference.slice(0, reference.lastIndexOf(":"))}`) ?? null);
};

/** The one party of all sales of an agreement; nobody where tax items name two. */
const liableParty = (agreement: Agreement, liableFor: (line: MoneyLine) => TaxParty | null): TaxParty | undefined => {
  const parties = new Set<TaxParty>();
  for (const line of agreement.lines) {
    const party = line.kind === "REVENUE" ? liableFor(line) : null;
    if (party !== null) parties.add(party);
  }
  const [only] = parties;
  return parties.size === 1 ? only : undefined;
};

/**
 * What conversion left of sales that are priced in one currency and paid in another: once a sale is paid out to nothing in its own
 * currency, what was promised in the other and what was paid should be equal. Only AWS states both on its rows.
 */
export const checkConversion = (agreement: Agreement): readonly CloseException[] => {
  const converted = agreement.lines.filter((line) => line.settledCurrency !== line.currency);
  if (converted.length === 0 || agreement.marketplace !== "aws") return [];
  const open = new Map<string, { sale: MoneyLine; priced: bigint; settled: bigint; isPaid: boolean }>();
  for (const line of converted)
    if (line.kind !== "DISBURSED" && line.kind !== "COLLECTED")
      open.set(line.key, { sale: line, priced: line.amount, settled: line.settled, isPaid: false });
  for (const line of converted) {
    const sale = line.kind === "DISBURSED" && line.parentKey !== null ? open.get(line.parentKey) : undefined;
    if (sale === undefined || sale.sale.settledCurrency !== line.settledCurrency) continue;
    sale.priced += line.amount;
    sale.settled += line.settled;
    sale.isPaid = true;
  }
  const residuals = new Map<string, { first: MoneyLine; amount: bigint; sales: number }>();
  for (const { sale, priced, settled, isPaid } of open.values()) {
    if (!isPaid || priced !== 0n || settled === 0n) continue;
    const key = `${sale.currency} to ${sale.settledCurrency}`;
    const sum = residuals.get(key) ?? { first: sale, amount: 0n, sales: 0 };
    residuals.set(key, { first: sum.first, amount: sum.amount + settled, sales: sum.sales + 1 });
  }
  return [...residuals].flatMap(([pair, { first, amount, sales }]): readonly CloseException[] =>
    sizeOf(amount) < minorUnit(first.settledCurrency)
      ? []
      : [
          {
            type: "FX_RESIDUAL",
            subjectType: "agreement",
            subjectId: agreement.id,
            marketplace: agreement.marketplace,
            amount,
            currency: first.settledCurrency,
            cause: pair,
            sinceDay: first.invoicedDay,
            details: { conversion: pair, sales: `${sales}` },
          },
        ],
  );
};
