/** Credits of partners by the signed rules, and the deals that get none because a rule is wanting. */
import { type Attribution, attribute, shareEqually } from "./attribution.ts";
import type { Billing } from "./billing.ts";
import type { CloseException } from "./exception.ts";
import type { DealFact, Facts } from "./facts.ts";
import { distinctDeals, type Link } from "./links.ts";

export interface Credit {
  readonly dealId: string;
  readonly agreementId: string;
  readonly partnerId: string;
  readonly kind: "sourced" | "influenced";
  readonly amount: bigint;
  readonly currency: string;
  readonly ruleId: string;
  readonly ruleVersion: number;
  readonly basis: "tcv" | "invoiced_net_of_refund";
  readonly touchIds: readonly string[];
}

export interface Credits {
  readonly credits: readonly Credit[];
  readonly exceptions: readonly CloseException[];
}

/** Judges every deal that is neither ambiguous nor double-credited: those get no credit until they are decided. */
export const creditDeals = (
  facts: Facts,
  links: readonly Link[],
  context: { readonly asOfDay: number; readonly billingOf: (link: Link) => Billing },
): Credits => {
  const undecided = new Set<string>();
  const linked = new Map<string, Link[]>();
  for (const link of links) {
    if (link.method === "ambiguous" || (link.method === "offer_id" && link.candidates.length > 1))
      for (const deal of link.candidates) undecided.add(deal.dealId);
    if (link.deal !== null) linked.set(link.deal.dealId, [...(linked.get(link.deal.dealId) ?? []), link]);
  }
  const touches = groupBy(
    facts.touches,
    (touch) => touch.touchId,
    (touch) => touch.dealId,
  );
  const rules = groupBy(
    facts.rules,
    (rule) => `${rule.rule_id}|${rule.version}`,
    (rule) => rule.partner_id,
  );
  const credits: Credit[] = [];
  const exceptions: CloseException[] = [];
  for (const deal of distinctDeals(facts.deals)) {
    if (undecided.has(deal.dealId) || deal.closeDay === null || deal.closeDay > context.asOfDay) continue;
    if (/\blost\b/i.test(deal.stage)) continue;
    const found = attribute({
      closeDay: deal.closeDay,
      touches: touches.get(deal.dealId) ?? [],
      rulesOf: (partnerId) => rules.get(partnerId) ?? [],
    });
    if (found.problem !== null) exceptions.push(asException(deal, found.problem));
    for (const link of linked.get(deal.dealId) ?? [])
      for (const credit of creditsOn(deal, found, { link, billing: context.billingOf(link) })) credits.push(credit);
  }
  return { credits: credits.toSorted(byDeal), exceptions };
};

/** The credits of a deal on one agreement: the basis whole to who sourced it, and shared among who influenced it. */
const creditsOn = (
  deal: DealFact,
  { sourced, influenced, rule }: Attribution,
  { link, billing }: { readonly link: Link; readonly billing: Billing },
): readonly Credit[] => {
  if (sourced === null || rule === null) return [];
  const basis =
    rule.credit_basis === "tcv" ? (link.agreement.contractValue ?? 0n) : billing.invoiced - billing.refunded;
  const base = {
    dealId: deal.dealId,
    agreementId: link.agreement.id,
    currency: link.agreement.currency,
    ruleId: rule.rule_id,
    ruleVersion: rule.version,
    basis: rule.credit_basis,
  };
  const shares = shareEqually(
    basis,
    influenced.map((one) => one.partnerId),
  );
  const { partnerId, touch } = sourced;
  return [
    { ...base, partnerId, kind: "sourced", amount: basis, touchIds: [touch.touchId] },
    ...influenced.map((one) => ({
      ...base,
      partnerId: one.partnerId,
      kind: "influenced" as const,
      amount: shares.get(one.partnerId) ?? 0n,
      touchIds: one.touches.map((other) => other.touchId),
    })),
  ];
};

const byDeal = (a: Credit, b: Credit): number => (sortText(a) < sortText(b) ? -1 : 1);
const sortText = (credit: Credit): string =>
  `${credit.dealId}|${credit.agreementId}|${credit.kind === "sourced" ? 0 : 1}|${credit.partnerId}`;

/** One of each, by group. What is read twice counts once. */
const groupBy = <Item>(
  items: readonly Item[],
  idOf: (item: Item) => string,
  groupOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> => {
  const distinct = new Map<string, Item>();
  for (const item of items) {
    const other = distinct.get(idOf(item));
    if (other === undefined || JSON.stringify(item) < JSON.stringify(other)) distinct.set(idOf(item), item);
  }
  const groups = new Map<string, Item[]>();
  for (const item of distinct.values()) {
    const group = groups.get(groupOf(item));
    if (group === undefined) groups.set(groupOf(item), [item]);
    else group.push(item);
  }
  return groups;
};

const asException = (
  deal: DealFact,
  problem: { readonly type: CloseException["type"]; readonly partnerIds: readonly string[] },
): CloseException => ({
  type: problem.type,
  subjectType: "deal",
  subjectId: deal.dealId,
  marketplace: deal.marketplace,
  amount: deal.amount,
  currency: deal.currency,
  cause: "",
  sinceDay: deal.closeDay,
  details: { partners: problem.partnerIds.join(" ") },
});
