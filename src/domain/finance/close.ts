/** A close: what the facts known by a day say of the money, concluded purely. The same facts in any order give the same. */
import { type Agreement, type AgreementBook, gatherAgreements } from "./agreements.ts";
import { type NamedPart, namedParts, partsText } from "./allocation.ts";
import type { Signed } from "./attribution-rule.ts";
import { type Billing, billingOf } from "./billing.ts";
import { agreementRate, checkAgreement, checkDeals, partsOfDeals } from "./check-agreement.ts";
import { checkControls } from "./check-controls.ts";
import { checkFiles, checkRestated } from "./check-files.ts";
import { checkMoney, checkOrphans, type Settlement, settlements } from "./check-money.ts";
import { checkLocked } from "./check-periods.ts";
import { checkConversion, checkSchedules, checkTax, taxParties } from "./check-terms.ts";
import { type Credit, type Credits, creditDeals } from "./credits.ts";
import { lastSecondOfDay } from "./day.ts";
import { blockingTypes, type CloseException, inFixedOrder } from "./exception.ts";
import type { Facts } from "./facts.ts";
import type { ExpectedRate, FeeSchedule } from "./fee.ts";
import type { MoneyLine } from "./line.ts";
import { type Link, type LinkMethod, linkAgreements } from "./links.ts";
import { movementsOf } from "./pack/movements.ts";
import { checkBank, gatherPayouts, type Payout } from "./payouts.ts";
import type { Policy } from "./policy.ts";
import { locksKnown, type PostedPeriod, postingsOf } from "./posting.ts";
import type { JudgedDocuments } from "./signed-documents.ts";
import { sortLines } from "./sort-lines.ts";
import { type Absorbed, checkTolerance, type ToleranceUse, toleranceUses } from "./tolerance.ts";
import { type Totals, totalsOf } from "./totals.ts";
import { currentLines, type HearOfRow, latestOf, plainText, type Versions } from "./versions.ts";

/** Where a line's money ended: with a deal, without one, or ignored as a version that counts for nothing. */
export interface LineLink {
  readonly agreement: Agreement | null;
  /** Whose the agreement is, in one cell: see `partsText`. */
  readonly deals: string;
  readonly parts: readonly NamedPart[];
  readonly method: LinkMethod;
}

export interface Close {
  readonly asOfDay: number;
  readonly policy: Policy;
  readonly totals: Totals;
  readonly exceptions: readonly CloseException[];
  /** Those exceptions that stand in the way of a lock: broken control totals, missing files, too much tolerance used. */
  readonly blocks: readonly CloseException[];
  /** What tolerances absorbed, by month. */
  readonly tolerance: readonly ToleranceUse[];
  readonly credits: readonly Credit[];
  /** SHA-256 of a signed document's content in canonical form; empty where nobody judged it. */
  readonly hashOf: (document: Signed) => string;
  readonly judged: JudgedDocuments;
  readonly publicKeys: number;
  /** What was locked of each deal, how its credits came about, and what is disputed. */
  readonly attribution: Pick<Credits, "locks" | "movements" | "disputes" | "influencedOnly" | "problems">;
  readonly links: readonly Link[];
  readonly payouts: readonly Payout[];
  /** Current versions in a fixed order: marketplace, then key. */
  readonly lines: readonly MoneyLine[];
  readonly linkOf: (line: MoneyLine) => LineLink;
  readonly agreementIdOf: (line: MoneyLine) => string | null;
  /** Months that were locked by the close's day. */
  readonly periodLocks: readonly PostedPeriod[];
  readonly billingOf: (agreement: Agreement) => Billing;
  readonly settlementOf: (line: MoneyLine) => Settlement | undefined;
  /** The listing fee's rate that the schedule promises; null where no row covers the offer. */
  readonly rateOf: (agreement: Agreement) => ExpectedRate | null;
  /** Rows that count for nothing, and why. */
  readonly ignored: Versions["ignored"];
  /** Rows that are further parts of a line in `lines`. */
  readonly joined: number;
  readonly ignoredAmounts: Versions["ignoredAmounts"];
  /** Keys that the source gave different contents at one time. */
  readonly conflicts: readonly string[];
}

export interface CloseQuestion {
  /** The last day whose knowledge counts. */
  readonly asOfDay: number;
  /** Signed documents of the facts after `judgeDocuments`. Without it nothing counts as verified. */
  readonly judged?: JudgedDocuments;
  readonly hear?: HearOfRow;
}

const nothingJudged: JudgedDocuments = new Map();

/** Concludes a close. Throws an `IncompleteFacts` when the policy is missing or there are two. */
export const closeBooks = (facts: Facts, question: CloseQuestion): Close => {
  const policy = onlyPolicy(facts.policies);
  const { asOfDay, judged = nothingJudged } = question;
  const knownUntil = lastSecondOfDay(asOfDay);
  const versions = currentLines(facts.lines, knownUntil, question.hear);
  const lines = sortLines(versions.current);
  const book = gatherAgreements(facts, { ...versions, current: lines }, knownUntil);
  const links = linkAgreements(book.agreements, facts, { policy, knownUntil });
  const payoutContext = { policy, knownUntil, asOfDay };
  const payouts = gatherPayouts(facts, lines, payoutContext);
  // What only adds up takes lines as they were read, which is as they lie in memory.
  const settlementOf = settlements(versions.current, versions.numberOf);
  const billings = new Map(book.agreements.map((agreement) => [agreement, billingOf(agreement)]));
  const billing = (agreement: Agreement): Billing => billings.get(agreement) ?? billingOf(agreement);
  const absorbed: Absorbed[] = [];
  const agreementContext = {
    policy,
    asOfDay,
    feeSchedule: joinedSchedule(facts),
    publishedDay: publishedDays(facts, knownUntil),
    partsOf: partsOfDeals(links),
    absorb: (one: Absorbed) => void absorbed.push(one),
  };
  const credited = creditDeals(facts, links, { asOfDay, policy, judged });
  const exceptions: CloseException[] = [];
  const add = (found: readonly CloseException[]): void => {
    for (const one of found) exceptions.push(one);
  };
  const liableFor = taxParties(facts, knownUntil);
  for (const link of links) {
    add(checkAgreement(link, billing(link.agreement), agreementContext));
    add(checkMoney(link.agreement, billing(link.agreement), { policy, asOfDay, settlementOf }));
    add(checkTax(link.agreement, policy, liableFor));
    add(checkConversion(link.agreement));
  }
  add(checkDeals(facts, links, agreementContext));
  add(checkOrphans(book));
  add(checkBank(payouts, payoutContext));
  add(checkControls(facts, { lines, payouts: payouts.payouts, knownUntil }));
  add(checkFiles(facts.received, { policy, asOfDay }));
  add(checkRestated(versions.restated));
  add(checkSchedules(facts, book.agreements, knownUntil));
  const tolerance = toleranceUses(absorbed, payouts.payouts);
  add(checkTolerance(tolerance, policy));
  add(credited.exceptions);
  const linkOf = linkReader(book, links);
  const agreementIdOf = (line: MoneyLine): string | null => linkOf(line).agreement?.id ?? null;
  const periodLocks = locksKnown(onlyLocks(facts.periodLocks), asOfDay);
  // Without a locked month there is none to be late for, and nothing is posted twice for it.
  if (periodLocks.length > 0) {
    const moved = movementsOf({ asOfDay, lines, payouts: payouts.payouts, agreementIdOf });
    add(checkLocked(postingsOf(moved, periodLocks), periodLocks));
  }
  const raised = inFixedOrder(exceptions);
  return {
    asOfDay,
    policy,
    totals: totalsOf(versions.current, payouts.payouts),
    exceptions: raised,
    blocks: raised.filter(({ type }) => blockingTypes.has(type)),
    tolerance,
    credits: credited.credits,
    attribution: credited,
    hashOf: (document) => judged.get(document)?.hash ?? "",
    judged,
    publicKeys: facts.keys.length,
    links,
    payouts: payouts.payouts,
    lines,
    linkOf,
    agreementIdOf,
    periodLocks,
    billingOf: billing,
    settlementOf,
    rateOf: (agreement) => agreementRate(agreement, agreementContext),
    ignored: versions.ignored,
    joined: versions.joined,
    ignoredAmounts: versions.ignoredAmounts,
    conflicts: versions.conflicts,
  };
};

/** The facts do not suffice for a close: what is missing and what to do. */
export class IncompleteFacts extends Error {
  readonly fix: string;
  constructor(message: string, fix: string) {
    super(message);
    this.name = "IncompleteFacts";
    this.fix = fix;
  }
}

const onlyPolicy = (policies: readonly Policy[]): Policy => {
  const [policy] = policies;
  if (policy === undefined)
    throw new IncompleteFacts(
      "there is no policy: tolerances and windows are nowhere",
      "add policy.json to the folder; examples/reconciliation/input/internal/policy.json shows one",
    );
  if (policies.some((other) => plainText(other) !== plainText(policy)))
    throw new IncompleteFacts("there are two policies that differ", "leave one policy.json in the folder");
  return policy;
};

const joinedSchedule = (facts: Facts): FeeSchedule | null => {
  const [first] = facts.feeSchedules;
  if (first === undefined) return null;
  if (facts.feeSchedules.some((other) => plainText(other) !== plainText(first)))
    throw new IncompleteFacts("there are two fee schedules that differ", "leave one fee-schedule.json in the folder");
  return first;
};

const onlyLocks = (locks: readonly PostedPeriod[]): readonly PostedPeriod[] => {
  const byMonth = new Map<string, PostedPeriod>();
  for (const lock of locks) {
    const month = `${lock.marketplace} ${lock.period}`;
    const other = byMonth.get(month) ?? lock;
    if (plainText(other.postings) !== plainText(lock.postings))
      throw new IncompleteFacts(
        `there are two locks of ${month} that differ`,
        "leave one period-locks.json in the folder",
      );
    byMonth.set(month, other);
  }
  return [...byMonth.values()];
};

/** The day an offer was published: what our own offers module wrote down, else what a feed says. */
const publishedDays = (facts: Facts, knownUntil: number): ((offerId: string) => number | null) => {
  const days = new Map<string, number>();
  for (const own of [false, true])
    for (const offer of latestOf(
      facts.offers.filter((fact) => fact.own === own),
      knownUntil,
    ))
      if (offer.publishedDay !== null) days.set(offer.offerId, offer.publishedDay);
  return (offerId) => days.get(offerId) ?? null;
};

const nowhere: LineLink = { agreement: null, deals: "", parts: [], method: "none" };

const linkReader = (book: AgreementBook, links: readonly Link[]): ((line: MoneyLine) => LineLink) => {
  const byAgreement = new Map(
    links.map(({ agreement, method, parts: found }) => {
      const parts = namedParts(found);
      return [agreement, { agreement, deals: partsText(parts), parts, method }];
    }),
  );
  return (line) => {
    const agreement = book.agreementOf(line);
    return agreement === null ? nowhere : (byAgreement.get(agreement) ?? nowhere);
  };
};
