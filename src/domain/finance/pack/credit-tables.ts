/** Tables of how credits came about, what was locked, what is disputed, and which partners met in one deal. */
import { partOf } from "../allocation.ts";
import type { Close } from "../close.ts";
import { dayText, monthText } from "../day.ts";
import type { Facts } from "../facts.ts";
import { amount, count, money, type PackTable, text } from "./table.ts";

/** Credits as they came about. The rows of a credit sum to what `credits` has. */
export const creditPeriodsTable = (close: Close): PackTable => ({
  name: "credit-periods",
  title: "Credits by period",
  about:
    "What was earned, reversed, contested, released and withdrawn, by month of the source. Nothing is edited: what is taken back is a row of its own, in the weights of the lock. The rows of a credit add up to it; rows of different partners are not additive.",
  columns: [
    ...["month", "partner_id", "deal_id", "agreement_id", "kind", "movement"].map(text),
    amount("amount"),
    ...["currency", "rule"].map(text),
  ],
  rows: close.attribution.movements.map((row) => [
    monthText(row.month),
    row.partnerId,
    row.dealId,
    row.agreementId,
    row.kind,
    row.movement,
    money(row.amount, row.currency),
    row.currency,
    `${row.ruleId} v${row.ruleVersion}`,
  ]),
});

/** What was locked on the day a deal closed. */
export const creditLocksTable = (close: Close): PackTable => ({
  name: "credit-locks",
  title: "Credits as locked",
  about:
    "For each credited deal the rule version by the hash of its content, the touches that count and the weights in basis points, as of the deal's close. Put into the next month's folder, it holds: no later rule or touch changes it.",
  columns: [
    ...["deal_id", "closed", "rule", "rule_sha256", "basis", "model", "partner_id", "kind"].map(text),
    ...["weight", "of", "basis_points"].map(count),
    text("touches"),
  ],
  rows: close.attribution.locks
    .toSorted((a, b) => (a.dealId < b.dealId ? -1 : 1))
    .flatMap((lock) => {
      const base = [
        lock.dealId,
        dayText(lock.closeDay),
        `${lock.ruleId} v${lock.ruleVersion}`,
        lock.ruleHash,
        lock.basis,
        lock.model,
      ];
      return [
        [...base, lock.sourced, "sourced", 1, 1, 10_000, lock.sourcedTouchId],
        ...lock.weights.map(({ partnerId, weight, basisPoints, touchIds }) => [
          ...base,
          partnerId,
          "influenced",
          Number(weight),
          Number(lock.total),
          Number(basisPoints),
          touchIds.join(" "),
        ]),
      ];
    }),
});

/** Disputes and what became of them. */
export const disputesTable = (close: Close): PackTable => ({
  name: "disputes",
  title: "Disputed credits",
  about:
    "An open dispute freezes its part of the credit: it is told of in the column contested and credited to nobody until both sides have signed a decision.",
  columns: [
    ...["dispute_id", "deal_id", "partner_id", "opened", "state"].map(text),
    amount("amount"),
    ...["currency", "decided", "decision"].map(text),
  ],
  rows: close.attribution.disputes.map(({ dispute, state, amount: micros, currency, decidedDay, says }) => [
    dispute.disputeId,
    dispute.dealId,
    dispute.partnerId,
    dayText(dispute.openedDay),
    state,
    currency === "" ? null : money(micros, currency),
    currency,
    decidedDay === null ? "" : dayText(decidedDay),
    says,
  ]),
});

interface Overlap {
  readonly one: string;
  readonly other: string;
  readonly currency: string;
  readonly deals: Set<string>;
  net: bigint;
}

/** Deals that two or more partners touched, by pair. */
export const overlapTable = (close: Close, facts: Facts): PackTable => {
  const partners = partnersByDeal(close, facts);
  const pairs = new Map<string, Overlap>();
  for (const { agreement, parts } of close.links)
    for (const { deal } of parts) {
      const met = partners.get(deal.dealId) ?? [];
      if (met.length < 2) continue;
      const { invoiced, refunded } = close.billingOf(agreement);
      const net = partOf(invoiced - refunded, parts, deal.dealId);
      for (const [index, one] of met.entries())
        for (const other of met.slice(index + 1)) {
          const key = JSON.stringify([one, other, agreement.currency]);
          const overlap = pairs.get(key) ?? { one, other, currency: agreement.currency, deals: new Set(), net: 0n };
          pairs.set(key, overlap);
          overlap.deals.add(deal.dealId);
          overlap.net += net;
        }
    }
  return {
    name: "overlap",
    title: "Partners that met",
    about:
      "Deals that at least two partners touched by their close, by pair of partners: accepted touches, credited or not. Not additive: a deal of three partners stands in three rows.",
    columns: [
      ...["partner_id", "other_partner_id", "currency"].map(text),
      count("deals"),
      amount("invoiced_net_of_refund"),
    ],
    rows: [...pairs]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { one, other, currency, deals, net }]) => [one, other, currency, deals.size, money(net, currency)]),
  };
};

const partnersByDeal = (close: Close, facts: Facts): ReadonlyMap<string, readonly string[]> => {
  const closeDays = new Map(
    close.links.flatMap(({ parts }) => parts.map(({ deal }) => [deal.dealId, deal.closeDay] as const)),
  );
  const found = new Map<string, Set<string>>();
  for (const touch of facts.touches) {
    const closeDay = closeDays.get(touch.dealId);
    if (closeDay == null || !touch.accepted || touch.day > closeDay) continue;
    if (touch.recordedDay !== null && touch.recordedDay > close.asOfDay) continue;
    const partners = found.get(touch.dealId) ?? new Set();
    found.set(touch.dealId, partners.add(touch.partnerId));
  }
  return new Map([...found].map(([dealId, partners]) => [dealId, [...partners].toSorted()]));
};
