/**
 * The watch over dates: offers that run out, agreements that come up for renewal, instalments without an invoice. One look at
 * one table at each tick of the clock that sweeps connections; while nothing is due it is one short read.
 */
import { decimalToMicros } from "../src/domain/money.ts";
import type { Tx } from "../src/ports.ts";
import type { Agreement } from "../src/store/agreements.ts";
import { type DueDate, escalationDays, invoiceGraceMs } from "../src/store/offer-dates.ts";
import type { WorkflowDeps } from "./deps.ts";

const batchMax = 1_000;
const batchesMax = 50;
const dayMs = 86_400_000;
/** An agreement is read again before an instalment is called missed, and looked at after so long. */
const rereadMs = 6 * 3_600_000;
/** From so many days before its end on, an agreement that does not renew by itself needs a person. */
const renewalCallDays = 30;

/** Tells everything that is due now, once. Returns how many dates were told. */
export const watchDates = async (deps: WorkflowDeps, tx: Tx): Promise<number> => {
  const { offerDates, offers } = deps.store;
  const next = await offerDates.next(tx);
  if (next === null || next > deps.clock.now()) return 0;
  let told = await offers.expireDue(tx, deps.actorId);
  for (let batch = 0; batch < batchesMax; batch++) {
    const due = await offerDates.takeDue(tx, batchMax);
    const dates = nearest(due);
    const of = (kind: DueDate["kind"]) => dates.filter((date) => date.kind === kind);
    told += await tellExpiries(deps, tx, of("expiry"));
    told += await tellRenewals(deps, tx, of("renewal"));
    for (const date of of("instalment")) told += await tellInstalment(deps, tx, date);
    if (due.length < batchMax) break;
  }
  return told;
};

/** Where several reminders of one thing are due at once, after a standstill, the nearest says it all. */
const nearest = (due: readonly DueDate[]): readonly DueDate[] => {
  const kept = new Map<string, DueDate>();
  for (const date of due) {
    const key = `${date.subject}/${date.kind}/${date.item}`;
    const other = kept.get(key);
    if (other === undefined || date.days < other.days) kept.set(key, date);
  }
  return [...kept.values()];
};

/** Whole days from now to an instant, none of them begun twice. */
const daysTo = (deps: WorkflowDeps, at: number): number =>
  Math.max(0, Math.ceil((at - deps.clock.now().getTime()) / dayMs));

const tellExpiries = async (deps: WorkflowDeps, tx: Tx, dates: readonly DueDate[]): Promise<number> => {
  const { offers, journal } = deps.store;
  const daysOf = new Map(dates.map(({ subject, days }) => [subject, days]));
  const open = await offers.waiting(tx, [...daysOf.keys()]);
  await journal.tellAll(
    tx,
    "offer.expiring",
    open.map(({ id: offerId, acceptBy }) => ({
      subject: offerId,
      data: { offerId, acceptBy, daysLeft: daysTo(deps, Date.parse(acceptBy)) },
    })),
  );
  const late = open.filter(({ id }) => (daysOf.get(id) ?? 0) <= escalationDays);
  await journal.openExceptions(
    tx,
    "OFFER_EXPIRING",
    late.map(({ id, acceptBy }) => ({
      subject: id,
      message: `The buyer can accept this offer until ${acceptBy} and has not. Call them, or extend it: cosell offers extend ${id} --until <day>.`,
    })),
  );
  return open.length;
};

const tellRenewals = async (deps: WorkflowDeps, tx: Tx, dates: readonly DueDate[]): Promise<number> => {
  const { agreements, journal } = deps.store;
  const ending = (await agreements.ending(tx, [...new Set(dates.map(({ subject }) => subject))])).map((agreement) => ({
    ...agreement,
    daysLeft: daysTo(deps, agreement.endsAt.getTime()),
  }));
  await journal.tellAll(
    tx,
    "agreement.renewal_due",
    ending.map(({ id: agreementId, endsAt, daysLeft }) => ({
      subject: agreementId,
      data: { agreementId, endsAt: endsAt.toISOString(), daysLeft },
    })),
  );
  const late = ending.filter(({ daysLeft, autoRenews }) => daysLeft <= renewalCallDays && autoRenews !== true);
  await journal.openExceptions(
    tx,
    "RENEWAL_DUE",
    late.map(({ id, endsAt }) => ({
      subject: id,
      message: `This agreement ends on ${endsAt.toISOString().slice(0, 10)} and does not renew by itself. Make the buyer an offer marked as a renewal: a new one costs a higher fee.`,
    })),
  );
  return ending.length;
};

/** Judged on a reading that is younger than the instalment, and only where the marketplace tells its invoices. */
const tellInstalment = async (deps: WorkflowDeps, tx: Tx, date: DueDate): Promise<number> => {
  const { store } = deps;
  const agreement = await store.agreements.find(tx, date.subject);
  if (agreement === null || agreement.state !== "active") return 0;
  const connection = await store.connections.find(tx, agreement.connectionId);
  if (connection === null || deps.registry.open(connection).agreements?.tellsInvoices !== true) return 0;
  const { id: agreementId, connectionId, remoteId } = agreement;
  const ripeMs = Date.parse(date.item) + invoiceGraceMs;
  if (connection.state === "parked" || agreement.lookedAt === null || agreement.lookedAt.getTime() < ripeMs) {
    if (connection.state !== "parked")
      await store.journal.tell(tx, "agreement.hinted", agreementId, { connectionId, remoteId });
    await store.offerDates.postpone(tx, date, deps.clock.now().getTime() + rereadMs);
    return 0;
  }
  if (!isMissed(agreement, date.item)) return 0;
  await store.journal.tell(tx, "agreement.instalment_missed", agreementId, { agreementId, date: date.item });
  await store.journal.openException(
    tx,
    "INSTALMENT_NOT_INVOICED",
    `${agreementId}/${date.item}`,
    `The instalment of ${date.item} was due and the marketplace tells of no invoice for it. Ask the marketplace, or compare the reports: cosell close.`,
  );
  return 1;
};

/** Less was invoiced so far than the instalments up to that day make. */
const isMissed = (agreement: Agreement, day: string): boolean => {
  const [first] = agreement.schedule;
  if (first === undefined) return false;
  const { currency } = first.amount;
  const sum = (amounts: readonly { readonly amount: string; readonly currency: string }[]): bigint =>
    amounts.reduce(
      (all, money) => (money.currency === currency ? all + (decimalToMicros(money.amount) ?? 0n) : all),
      0n,
    );
  const due = agreement.schedule.filter(({ date }) => date <= day).map(({ amount }) => amount);
  return sum(agreement.invoiced.map(({ amount }) => amount)) < sum(due);
};
