/** Exceptions of an agreement against its deal, its contract, its schedule and its fees. */
import type { Agreement } from "./agreements.ts";
import { type DealPart, partOf } from "./allocation.ts";
import { minorUnit, roundToMinor } from "./amount.ts";
import { type Billing, billedInstalments } from "./billing.ts";
import { dayText } from "./day.ts";
import type { CloseException, ExceptionType } from "./exception.ts";
import type { Facts } from "./facts.ts";
import { type ExpectedRate, expectedRate, type FeeSchedule, feeOn } from "./fee.ts";
import { distinctDeals, type Link, toleranceOf } from "./links.ts";
import type { Policy } from "./policy.ts";
import { scoreText } from "./suggestions.ts";
import type { Absorbed } from "./tolerance.ts";

export interface AgreementContext {
  readonly policy: Policy;
  readonly asOfDay: number;
  readonly feeSchedule: FeeSchedule | null;
  /** The day on which an offer was published; null where nothing says it. */
  readonly publishedDay: (offerId: string) => number | null;
  /** The agreements that a deal's amount is compared with when this part of one is judged: see `partsOfDeals`. */
  readonly partsOf: (sold: Sold) => readonly Sold[];
  /** Takes note of a difference that a tolerance let pass. */
  readonly absorb: (one: Absorbed) => void;
}

/** A deal's part of an agreement that sold it. */
interface Sold {
  readonly link: Link;
  readonly part: DealPart;
}

type Raise = (
  type: ExceptionType,
  amount: bigint,
  more?: Partial<Pick<CloseException, "cause" | "sinceDay" | "details" | "currency">>,
) => void;

/** Everything that is wrong between an agreement and what surrounds it. */
export const checkAgreement = (link: Link, billing: Billing, context: AgreementContext): readonly CloseException[] => {
  const found: CloseException[] = [];
  const { agreement } = link;
  const raise: Raise = (type, amount, more = {}) => {
    found.push({
      type,
      subjectType: "agreement",
      subjectId: agreement.id,
      marketplace: agreement.marketplace,
      amount,
      currency: agreement.currency,
      cause: "",
      sinceDay: agreement.startDay,
      details: {},
      ...more,
    });
  };
  checkLink(link, billing, raise);
  for (const part of link.parts) checkDeal({ link, part }, context, raise);
  checkSchedule(agreement, billing, context, raise);
  checkFees(agreement, billing, context, raise);
  return found;
};

/** Agreements that never came into force, or gave way to another, are not expected to bill. */
const notInForce = new Set(["CANCELLED", "REPLACED", "ROLLED_BACK", "SUPERSEDED"]);

const checkLink = (link: Link, billing: Billing, raise: Raise): void => {
  const { agreement, method, candidates } = link;
  const open = billing.invoiced - billing.refunded;
  const billed = agreement.lines.some((line) => line.kind === "REVENUE");
  const deals = candidates.map((deal) => deal.dealId).join(" ");
  // An amended agreement gave its deal to the one that replaced it.
  if (!billed && notInForce.has(agreement.status)) return;
  const seen = seenDeals(link);
  const unheard = link.unheard === "" ? {} : { decided: link.unheard };
  if (method === "ambiguous" || link.unheard !== "")
    raise("AMBIGUOUS_MATCH", open, { details: { candidates: deals, ...seen, ...unheard } });
  if (method === "none" && billed) {
    raise("UNATTRIBUTED_REVENUE", open, { details: seen });
    if (!link.isBuyerKnown && agreement.buyerKey !== null)
      raise("UNKNOWN_BUYER_ACCOUNT", open, { details: { account: agreement.buyerKey } });
  }
  if (method === "offer_id" && candidates.length > 1)
    raise("DOUBLE_CREDITED_DEAL", agreement.contractValue ?? 0n, { details: { deals } });
};

/** The deal that is suggested, and the scores of those that were looked at. */
const seenDeals = ({ suggestions }: Link): Readonly<Record<string, string>> => {
  if (suggestions.length === 0) return {};
  const suggested = suggestions.find(({ isSuggested }) => isSuggested);
  const scores = suggestions.map(({ deal, score }) => `${deal.dealId} ${scoreText(score)}`).join(", ");
  return suggested === undefined ? { scores } : { suggested: suggested.deal.dealId, scores };
};

const checkDeal = (sold: Sold, { policy, partsOf }: AgreementContext, raise: Raise): void => {
  const { agreement, parts: shared } = sold.link;
  const { deal, basisPoints } = sold.part;
  if (agreement.contractValue === null) return;
  const isShared = shared.length > 1;
  // Of an agreement that is shared each deal has exceptions of its own.
  const cause = isShared ? deal.dealId : "";
  const details = {
    ...{ deal: deal.dealId, dealCurrency: deal.currency },
    ...(isShared ? { basisPoints: `${basisPoints}` } : {}),
  };
  if (deal.currency !== agreement.currency) {
    raise("CURRENCY_MISMATCH", soldFor(sold), { cause, details });
    return;
  }
  const parts = partsOf(sold);
  if (parts.length === 0) return;
  const difference = parts.reduce((left, part) => left - soldFor(part), deal.amount);
  const tolerance = parts.reduce((sum, { link }) => sum + toleranceOf(link.agreement, policy), 0n);
  const together = parts.length > 1 ? { agreements: parts.map(({ link }) => link.agreement.id).join(" ") } : {};
  if (difference > tolerance || -difference > tolerance)
    raise("AMOUNT_MISMATCH", difference, { cause, details: { ...details, ...together } });
};

/** What of the contract value is the deal's: of one that is shared to the minor unit, as deals are written. */
const soldFor = ({ link: { agreement, parts }, part }: Sold): bigint => {
  const value = agreement.contractValue ?? 0n;
  return parts.length === 1 ? value : roundToMinor(partOf(value, parts, part.deal.dealId), agreement.currency);
};

/**
 * A deal that was sold by several agreements has its amount compared with their sum, once, with the first of them. A renewal is no part of
 * it and stands alone, as any single agreement does; one that gave way to another is not compared beside that one.
 */
export const partsOfDeals = (links: readonly Link[]): ((sold: Sold) => readonly Sold[]) => {
  const parts = new Map<DealPart, readonly Sold[]>();
  const linked = links.flatMap((link) =>
    link.parts.flatMap((part): readonly Sold[] =>
      part.deal.currency === link.agreement.currency ? [{ link, part }] : [],
    ),
  );
  for (const own of Map.groupBy(linked, ({ part }) => part.deal.dealId).values()) {
    if (own.length < 2) continue;
    const inForce = own.filter(
      ({ link: { agreement } }) => !notInForce.has(agreement.status) && agreement.contractValue !== null,
    );
    const sold = inForce.filter(({ link }) => !link.agreement.renewal).toSorted(byAgreement);
    if (inForce.length > 0) for (const one of own) if (!inForce.includes(one)) parts.set(one.part, []);
    for (const [at, one] of sold.entries()) parts.set(one.part, at === 0 ? sold : []);
  }
  return (sold) => parts.get(sold.part) ?? [sold];
};

const byAgreement = ({ link: a }: Sold, { link: b }: Sold): number => (nameOf(a) < nameOf(b) ? -1 : 1);
const nameOf = ({ agreement }: Link): string => `${agreement.marketplace}|${agreement.id}`;

const checkSchedule = (agreement: Agreement, billing: Billing, context: AgreementContext, raise: Raise): void => {
  const { policy, asOfDay } = context;
  const revenue = agreement.lines.filter((line) => line.kind === "REVENUE");
  if (notInForce.has(agreement.status)) return;
  if (revenue.length === 0) {
    if (agreement.startDay === null || agreement.contractValue === null) return;
    const overdueDay = agreement.startDay + policy.acceptedNoRevenueDays[agreement.marketplace];
    if (overdueDay <= asOfDay) raise("ACCEPTED_NO_REVENUE", agreement.contractValue);
    return;
  }
  const tolerance = policy.minorUnitsPerInstalment * minorUnit(agreement.currency);
  const { open, absorbed } = billedInstalments(agreement.schedule, revenue, tolerance);
  const { marketplace, currency } = agreement;
  for (const { day, difference } of absorbed)
    context.absorb({ what: "instalment", marketplace, currency, day, difference });
  for (const instalment of open)
    if (instalment.day + policy.invoiceOverdueDays <= asOfDay)
      raise("MISSING_INVOICE", instalment.amount, {
        cause: dayText(instalment.day),
        sinceDay: instalment.day,
        details: { scheduled: dayText(instalment.day) },
      });
  const over = billing.invoiced - (agreement.contractValue ?? billing.invoiced);
  if (over > toleranceOf(agreement, policy)) raise("OVERBILLED", over);
};

const checkFees = (agreement: Agreement, billing: Billing, context: AgreementContext, raise: Raise): void => {
  if (billing.units.length === 0) return;
  const rate = agreementRate(agreement, context);
  if (rate === null) {
    raise("FEE_NOT_CHECKED", 0n, { details: { why: "no fee schedule covers this offer" } });
    return;
  }
  const { difference, isOff } = feeDifference(billing, rate, agreement.currency);
  if (!isOff && difference !== 0n) {
    const { marketplace, currency } = agreement;
    const day = billing.units[0]?.revenue[0]?.invoicedDay ?? agreement.startDay ?? context.asOfDay;
    context.absorb({ what: "fee", marketplace, currency, day, difference });
  }
  if (isOff && difference !== 0n)
    raise("FEE_MISMATCH", difference, {
      details: {
        expectedPartsPerMillion: `${rate.partsPerMillion}`,
        scheduleFrom: dayText(rate.row.effectiveFromDay),
        renewal: `${agreement.renewal}`,
      },
    });
};

/** Deals won at a marketplace long enough ago that no agreement there is theirs. */
export const checkDeals = (
  facts: Facts,
  links: readonly Link[],
  context: Pick<AgreementContext, "policy" | "asOfDay">,
): readonly CloseException[] => {
  const found = new Set<string>();
  for (const { parts, candidates } of links) {
    for (const { deal } of parts) found.add(deal.dealId);
    for (const { dealId } of candidates) found.add(dealId);
  }
  const lastDay = context.asOfDay - context.policy.dealWithoutAgreementDays;
  return distinctDeals(facts.deals.filter(({ dealId }) => !found.has(dealId))).flatMap(
    (deal): readonly CloseException[] => {
      const { dealId, marketplace, closeDay, amount, currency, offerId } = deal;
      if (marketplace === null || closeDay === null || closeDay > lastDay) return [];
      if (!/\bwon\b/i.test(deal.stage)) return [];
      return [
        {
          ...{ type: "DEAL_WITHOUT_AGREEMENT", subjectType: "deal", subjectId: dealId },
          ...{ marketplace, amount, currency, cause: "", sinceDay: closeDay },
          details: offerId === null ? {} : { offer: offerId },
        },
      ];
    },
  );
};

/** The rate that the schedule promises for an agreement; null where its offer's day, its value or a row is missing. */
export const agreementRate = (agreement: Agreement, context: AgreementContext): ExpectedRate | null => {
  const day = agreement.offerId === null ? null : context.publishedDay(agreement.offerId);
  if (day === null || agreement.contractValue === null || context.feeSchedule === null) return null;
  return expectedRate(context.feeSchedule, {
    marketplace: agreement.marketplace,
    kind: agreement.renewal ? "renewal" : "new",
    contractValue: agreement.contractValue,
    currency: agreement.currency,
    channel: agreement.channel,
    day,
  });
};

/** Charged less expected; `isOff` where an invoice line's fee lies more than a minor unit per line from what it should be. */
const feeDifference = (
  billing: Billing,
  rate: ExpectedRate,
  currency: string,
): { readonly difference: bigint; readonly isOff: boolean } => {
  const unit = minorUnit(currency);
  const beyond = (difference: bigint, lines: number): boolean =>
    (difference < 0n ? -difference : difference) > unit * BigInt(lines);
  let difference = billing.looseFees;
  let isOff = false;
  // Fees and sales that no invoice line joins are compared as one.
  let apart = billing.looseFees;
  let linesApart = billing.looseFees === 0n ? 0 : 1;
  for (const { revenue, fees, fee } of billing.units) {
    let expected = 0n;
    for (const line of revenue) expected += feeOn(line.amount, rate, currency);
    const here = fee - expected;
    difference += here;
    if (fees.length === 0 && revenue[0]?.marketplace === "aws" && billing.looseFees !== 0n) {
      apart += here;
      linesApart += revenue.length;
    } else if (beyond(here, revenue.length)) isOff = true;
  }
  return { difference, isOff: isOff || beyond(apart, linesApart) };
};
