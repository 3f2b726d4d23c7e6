/** Payouts: what their lines add up to, what their header says, and what the bank received. */
import type { MarketplaceId } from "../deal.ts";
import { roundToMinor } from "./amount.ts";
import { dayOf } from "./day.ts";
import type { CloseException } from "./exception.ts";
import type { DepositFact, Facts, PaymentFact } from "./facts.ts";
import type { MoneyLine } from "./line.ts";
import type { Policy } from "./policy.ts";
import { latestOf } from "./versions.ts";

export interface Payout {
  readonly marketplace: MarketplaceId;
  readonly id: string;
  readonly currency: string;
  readonly day: number;
  /** What the header says was paid. */
  readonly amount: bigint;
  /** What its lines should add up to, where the header says that apart from what was paid after taxes. */
  readonly earned: bigint | null;
  /** What its lines add up to. Nothing for a payout that repeats a failed one. */
  readonly children: bigint;
  readonly lines: readonly MoneyLine[];
  /** The text under which the bank shows it; null where it shows payer and date alone. */
  readonly trace: string | null;
  readonly failed: boolean;
  /** The failed payout that this one repeats. */
  readonly repeats: string | null;
  readonly deposits: readonly DepositFact[];
}

export interface Payouts {
  readonly payouts: readonly Payout[];
  /** Deposits that no payout explains. */
  readonly unknownDeposits: readonly DepositFact[];
}

interface Draft {
  readonly header: Omit<Payout, "children" | "lines" | "deposits" | "amount">;
  amount: bigint | null;
  children: bigint;
  lines: MoneyLine[];
  deposits: DepositFact[];
}

export interface PayoutContext {
  readonly policy: Policy;
  readonly knownUntil: number;
  readonly asOfDay: number;
}

/** Builds payouts from headers and lines, and gives each the deposits that are its own. */
export const gatherPayouts = (facts: Facts, lines: readonly MoneyLine[], context: PayoutContext): Payouts =>
  payoutsOf(
    facts,
    { headers: lines.filter(({ part }) => part === "payout"), parts: payoutParts(lines, context.asOfDay) },
    context,
  );

/** The lines of a payout, added up. */
export interface PayoutPart {
  readonly marketplace: MarketplaceId;
  readonly payoutKey: string;
  /** Of its first line: Google has no header, the report's month and currency are the payout. */
  readonly currency: string;
  readonly day: number;
  readonly children: bigint;
  readonly lines: readonly MoneyLine[];
}

/** The same from what the lines of each payout add up to. Headers are lines whose part is `payout`. */
export const payoutsOf = (
  facts: Pick<Facts, "payments" | "deposits">,
  own: { readonly headers: readonly MoneyLine[]; readonly parts: Iterable<PayoutPart> },
  context: PayoutContext,
): Payouts => {
  const drafts = new Map<string, Draft>();
  for (const line of own.headers) if (line.kind === "DISBURSEMENT") open(drafts, headerOf(line), line.amount);
  const failures = new Set(
    own.headers.flatMap((line) => (line.kind === "DISBURSEMENT_FAILURE" ? [line.parentKey ?? ""] : [])),
  );
  for (const payment of latestOf(facts.payments, context.knownUntil))
    if (payment.day <= context.asOfDay) open(drafts, headerOfPayment(payment), payment.amount);
  for (const part of own.parts) addPart(drafts, part);
  const deposits = latestOf(facts.deposits, context.knownUntil).filter((deposit) => deposit.day <= context.asOfDay);
  const unknownDeposits = assignDeposits(drafts, deposits, context.policy);
  const payouts = [...drafts.values()].map(({ header, amount, children, lines: own, deposits: received }) => ({
    ...header,
    failed: failures.has(header.id),
    children,
    lines: own,
    deposits: received.toSorted((a, b) => a.day - b.day || (a.depositId < b.depositId ? -1 : 1)),
    amount: amount ?? roundToMinor(children, header.currency),
  }));
  return { payouts: payouts.toSorted((a, b) => a.day - b.day || (a.id < b.id ? -1 : 1)), unknownDeposits };
};

const open = (drafts: Map<string, Draft>, header: Draft["header"], amount: bigint | null): Draft => {
  const draft: Draft = { header, amount, children: 0n, lines: [], deposits: [] };
  drafts.set(`${header.marketplace}|${header.id}`, draft);
  return draft;
};

const headerOf = (line: MoneyLine): Draft["header"] => ({
  marketplace: line.marketplace,
  id: line.key,
  currency: line.settledCurrency,
  day: line.disbursedDay ?? 0,
  trace: line.trace,
  earned: null,
  failed: false,
  repeats: line.parentKey,
});

const headerOfPayment = (payment: PaymentFact): Draft["header"] => ({
  marketplace: payment.marketplace,
  id: payment.paymentId,
  currency: payment.currency,
  day: payment.day,
  trace: payment.paymentId,
  earned: payment.earned,
  failed: false,
  repeats: null,
});

/** Adds up the lines of each payout. Google's are one from the first line on that was to be paid by the day. */
export const payoutParts = (lines: readonly MoneyLine[], asOfDay: number): Iterable<PayoutPart> => {
  type Part = Omit<PayoutPart, "children" | "lines"> & { children: bigint; lines: MoneyLine[] };
  const parts = { aws: new Map<string, Part>(), azure: new Map<string, Part>(), gcp: new Map<string, Part>() };
  for (const line of lines) {
    if (line.payoutKey === null || line.part === "payout") continue;
    const { marketplace, payoutKey, settledCurrency: currency } = line;
    let part = parts[marketplace].get(payoutKey);
    if (part === undefined) {
      if (marketplace === "gcp" && !opensPayout(line, asOfDay)) continue;
      part = { marketplace, payoutKey, currency, day: line.disbursedDay ?? 0, children: 0n, lines: [] };
      parts[marketplace].set(payoutKey, part);
    }
    part.children += settledPart(line);
    part.lines.push(line);
  }
  return Object.values(parts).flatMap((own) => [...own.values()]);
};

const opensPayout = (line: MoneyLine, asOfDay: number): boolean =>
  line.settled !== 0n && (line.disbursedDay ?? asOfDay) <= asOfDay;
/** What a payout counts of a line: AWS takes the money away from what it owes, with a minus. */
export const settledPart = (line: MoneyLine): bigint => (line.marketplace === "aws" ? -line.settled : line.settled);

const addPart = (drafts: Map<string, Draft>, part: PayoutPart): void => {
  const { marketplace, payoutKey: id, currency, day } = part;
  let draft = drafts.get(`${marketplace}|${id}`);
  if (draft === undefined) {
    if (marketplace !== "gcp") return;
    draft = open(
      drafts,
      { marketplace, id, currency, day, trace: null, earned: null, failed: false, repeats: null },
      null,
    );
  }
  draft.children += part.children;
  for (const line of part.lines) draft.lines.push(line);
};

/** Money that was sent by the marketplace's own word but whose header is nowhere still left it. */
const claimDaysMax = 20;

/** Gives deposits to payouts by trace, or by payer, currency and date. Returns those that remain. */
const assignDeposits = (
  drafts: ReadonlyMap<string, Draft>,
  deposits: readonly DepositFact[],
  policy: Policy,
): readonly DepositFact[] => {
  const byTrace = new Map<string, Draft>();
  const dated: Draft[] = [];
  for (const draft of drafts.values()) {
    if (draft.header.trace !== null) byTrace.set(draft.header.trace, draft);
    else if (draft.header.marketplace === "gcp") dated.push(draft);
  }
  dated.sort((a, b) => b.header.day - a.header.day);
  return deposits.filter((deposit) => {
    const draft = tracedBy(byTrace, deposit) ?? datedBy(dated, deposit, policy);
    draft?.deposits.push(deposit);
    return draft === undefined;
  });
};

const tracedBy = (byTrace: ReadonlyMap<string, Draft>, deposit: DepositFact): Draft | undefined => {
  const fits = (draft: Draft | undefined): Draft | undefined =>
    draft !== undefined && draft.header.currency === deposit.currency ? draft : undefined;
  const whole = fits(byTrace.get(deposit.reference));
  if (whole !== undefined) return whole;
  // Banks put words around the trace.
  for (const word of deposit.reference.split(/[^A-Za-z0-9-]+/)) {
    const found = word.length < 6 ? undefined : fits(byTrace.get(word));
    if (found !== undefined) return found;
  }
  return undefined;
};

const datedBy = (newestFirst: readonly Draft[], deposit: DepositFact, policy: Policy): Draft | undefined => {
  const payer = deposit.payer.toUpperCase();
  if (deposit.amount <= 0n || !policy.payers.gcp.some((name) => payer.includes(name.toUpperCase()))) return undefined;
  const written = /\d{4}-\d{2}-\d{2}/.exec(deposit.reference)?.[0];
  const day = written === undefined ? null : dayOf(written);
  return newestFirst.find(({ header }) => {
    if (header.currency !== deposit.currency) return false;
    if (day !== null) return header.day === day;
    return deposit.day >= header.day && deposit.day <= header.day + claimDaysMax;
  });
};

/** Payouts against the bank. A failed payout is judged by the one that repeats it. */
export const checkBank = ({ payouts, unknownDeposits }: Payouts, context: PayoutContext): readonly CloseException[] => {
  const { policy, asOfDay } = context;
  const repeated = new Set(payouts.flatMap((payout) => (payout.repeats === null ? [] : [payout.repeats])));
  const found = payouts.flatMap((payout): readonly CloseException[] => {
    const base = {
      subjectType: "disbursement" as const,
      subjectId: payout.id,
      marketplace: payout.marketplace,
      currency: payout.currency,
      cause: "",
      sinceDay: payout.day,
      details: payout.trace === null ? {} : { trace: payout.trace },
    };
    if (payout.failed)
      return repeated.has(payout.id) ? [] : [{ ...base, type: "DISBURSEMENT_FAILED", amount: payout.amount }];
    const received = payout.deposits.reduce((sum, deposit) => sum + deposit.amount, 0n);
    const difference = payout.amount - received;
    if (payout.amount <= 0n && received === 0n) return [];
    if (difference < 0n) return [{ ...base, type: "OVER_PAID", amount: -difference }];
    const overdue = payout.day + policy.bankClearingDays + policy.bankDays <= asOfDay;
    if (difference === 0n || !overdue) return [];
    const type = payout.deposits.length === 0 ? "MISSING_BANK_DEPOSIT" : "SHORT_PAID";
    return [{ ...base, type, amount: difference }];
  });
  return [...found, ...unknownDeposits.flatMap((deposit) => unknownDeposit(deposit, policy))];
};

/** Money that a marketplace's payer sent and no payout explains. Other deposits are not ours to judge. */
const unknownDeposit = (deposit: DepositFact, policy: Policy): readonly CloseException[] => {
  const payer = deposit.payer.toUpperCase();
  const marketplace = (["aws", "azure", "gcp"] as const).find((id) =>
    policy.payers[id].some((name) => payer.includes(name.toUpperCase())),
  );
  if (marketplace === undefined) return [];
  return [
    {
      type: "UNKNOWN_DEPOSIT",
      subjectType: "deposit",
      subjectId: deposit.depositId,
      marketplace,
      amount: deposit.amount,
      currency: deposit.currency,
      cause: "",
      sinceDay: deposit.day,
      details: { payer: deposit.payer, reference: deposit.reference },
    },
  ];
};
