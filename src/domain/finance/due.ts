/** The next day on which a close may conclude something else although no file comes: windows end, and what is dated later begins. */
import type { Agreement } from "./agreements.ts";
import type { Close } from "./close.ts";
import { lastSecondOfDay } from "./day.ts";
import type { Facts } from "./facts.ts";
import { type Ref, ref } from "./refs.ts";

const secondsPerDay = 86_400;

/** By what it is about, the first day after the close's on which to look again. A day too early costs a look; one too late is an error. */
export const duesOf = (close: Close, facts: Facts): ReadonlyMap<Ref, number> => {
  const dues = new Map<Ref, number>();
  const due = (about: Ref, day: number | null): void => {
    if (day === null || day <= close.asOfDay) return;
    const known = dues.get(about);
    if (known === undefined || day < known) dues.set(about, day);
  };
  for (const { agreement } of close.links) {
    const about = ref.agreement(agreement.marketplace, agreement.id);
    for (const day of daysOf(agreement, close)) due(about, day);
  }
  for (const { dealId, closeDay } of facts.deals) {
    due(ref.deal(dealId), closeDay);
    due(ref.deal(dealId), closeDay === null ? null : closeDay + close.policy.dealWithoutAgreementDays);
  }
  for (const { dealId, recordedDay } of facts.touches) due(ref.deal(dealId), recordedDay);
  for (const { dealId, openedDay } of facts.disputes) due(ref.deal(dealId), openedDay);
  const knownUntil = lastSecondOfDay(close.asOfDay);
  const dayKnown = (second: number): number | null =>
    second <= knownUntil ? null : Math.floor(second / secondsPerDay);
  for (const line of facts.lines) due(ref.line(line.key), dayKnown(line.knownSecond));
  for (const { marketplace, agreementId, knownSecond } of [
    ...facts.agreements,
    ...facts.instalments,
    ...facts.recordedLinks,
    ...facts.allocations,
  ])
    due(ref.agreement(marketplace, agreementId), dayKnown(knownSecond));
  for (const { offerId, knownSecond } of [...facts.offers, ...facts.associations])
    for (const about of [ref.offer(offerId), ref.agreementsOfOffer(offerId)]) due(about, dayKnown(knownSecond));
  for (const { marketplace, buyerKey, knownSecond } of [...facts.aliases, ...facts.domains, ...facts.learnedAliases])
    for (const about of [ref.buyer, ref.agreementsOfBuyer, ref.otherAccounts])
      due(about(marketplace, buyerKey), dayKnown(knownSecond));
  for (const { marketplace, invoiceLine, knownSecond } of facts.taxItems)
    due(ref.invoiceLine(marketplace, invoiceLine), dayKnown(knownSecond));
  return dues;
};

/** Every day on which a window of an agreement may end. */
const daysOf = (agreement: Agreement, { policy }: Close): readonly (number | null)[] => {
  const { marketplace, startDay, schedule, lines } = agreement;
  return [
    startDay === null ? null : startDay + policy.acceptedNoRevenueDays[marketplace],
    ...schedule.map(({ day }) => day + policy.invoiceOverdueDays),
    ...lines.flatMap(({ collectedDay, payableDay }) => [
      collectedDay === null ? null : collectedDay + policy.disbursementDays[marketplace],
      payableDay === null ? null : payableDay + policy.disbursementDays[marketplace],
    ]),
  ];
};
