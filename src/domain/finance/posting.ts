/**
 * What is posted in which month. A month's own figure is what the rounded total up to its end exceeds the one before by. A locked
 * month posts what its lock holds, whatever becomes known; what it would post more or less goes into the first open month after
 * it and names the month that it adjusts. Over all months the two always come to the same.
 */
import type { MarketplaceId } from "../deal.ts";
import { roundToMinor } from "./amount.ts";
import { dayText } from "./day.ts";
import { type Movement, type MovementKind, movementKinds, postings } from "./pack/movements.ts";
import { nextPeriod } from "./period.ts";

export interface Posting {
  readonly marketplace: MarketplaceId;
  readonly currency: string;
  /** Null: payouts and deposits, which belong to many. */
  readonly agreementId: string | null;
  readonly kind: MovementKind;
  /** The month in which it is posted: `2026-06` */
  readonly period: string;
  /** The locked month that it adjusts; null: none. */
  readonly adjusts: string | null;
  /** Micros, a whole number of smallest units and never nothing; positive as `postings` has it. */
  readonly amount: bigint;
}

/** What a locked month holds: all that was posted in it when it was locked, adjustments of earlier months with it. */
export interface PostedPeriod {
  readonly marketplace: MarketplaceId;
  readonly period: string;
  /** The last day whose knowledge the lock was made of. */
  readonly asOfDay: number;
  readonly postings: readonly Posting[];
}

type ByMonth = Map<string, bigint>;
/** By marketplace, currency, agreement and kind of movement. */
type Books = Map<string, ByMonth>;

const bookOf = (one: Pick<Posting, "marketplace" | "currency" | "agreementId" | "kind">): string =>
  `${one.marketplace}|${one.currency}|${one.kind}|${one.agreementId ?? ""}`;
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Postings in a fixed order: by month, what it adjusts, marketplace, currency, agreement, kind.
 * @param since own figures of months before it are left out; with locks, the first of them or an earlier month
 */
export const postingsOf = (
  movements: readonly Movement[],
  locks: readonly PostedPeriod[] = [],
  since = "",
): readonly Posting[] => {
  const own = ownFigures(movements);
  const locked = new Map(locks.map((lock) => [`${lock.marketplace}|${lock.period}`, lock]));
  const posted: Posting[] = locks.flatMap((lock) => lock.postings);
  const already = alreadyPosted(posted);
  for (const book of new Set([...own.keys(), ...already.keys()])) {
    const base = baseOf(book);
    const [figures, before] = [own.get(book), already.get(book)];
    for (const month of new Set([...(figures?.keys() ?? []), ...(before?.keys() ?? [])])) {
      const rest = (figures?.get(month) ?? 0n) - (before?.get(month) ?? 0n);
      if (rest === 0n || month < since) continue;
      const isLocked = locked.has(`${base.marketplace}|${month}`);
      const period = isLocked ? firstOpen(locked, base.marketplace, month) : month;
      posted.push({ ...base, period, adjusts: isLocked ? month : null, amount: rest });
    }
  }
  return posted.toSorted(inOrder);
};

const inOrder = (a: Posting, b: Posting): number =>
  byText(a.period, b.period) ||
  byText(a.adjusts ?? "", b.adjusts ?? "") ||
  byText(a.marketplace, b.marketplace) ||
  byText(a.currency, b.currency) ||
  byText(a.agreementId ?? "", b.agreementId ?? "") ||
  orderOf(a.kind) - orderOf(b.kind);
const order = new Map(movementKinds.map((kind, index) => [kind, index]));
const orderOf = (kind: MovementKind): number => order.get(kind) ?? 0;

const ownFigures = (movements: readonly Movement[]): Books => {
  const exact: Books = new Map();
  const months = new Map<number, string>();
  for (const movement of movements) {
    const month = months.get(movement.day) ?? dayText(movement.day).slice(0, 7);
    months.set(movement.day, month);
    addTo(exact, bookOf(movement), { month, amount: movement.amount });
  }
  for (const [book, byMonth] of exact) exact.set(book, roundedMonths(byMonth, book.split("|")[1] ?? ""));
  return exact;
};

/** Each month's figure is what the rounded total grows by, so that sums of months never drift by more than half a unit. */
const roundedMonths = (byMonth: ByMonth, currency: string): ByMonth => {
  const rounded: ByMonth = new Map();
  let total = 0n;
  for (const [month, micros] of [...byMonth].toSorted(([a], [b]) => byText(a, b))) {
    const before = roundToMinor(total, currency);
    total += micros;
    const grown = roundToMinor(total, currency) - before;
    if (grown !== 0n) rounded.set(month, grown);
  }
  return rounded;
};

/** What locked months hold, by the month that it is about. */
const alreadyPosted = (posted: readonly Posting[]): Books => {
  const books: Books = new Map();
  for (const one of posted) addTo(books, bookOf(one), { month: one.adjusts ?? one.period, amount: one.amount });
  return books;
};

const addTo = (books: Books, book: string, { month, amount }: { readonly month: string; readonly amount: bigint }) => {
  const byMonth = books.get(book) ?? new Map<string, bigint>();
  books.set(book, byMonth);
  byMonth.set(month, (byMonth.get(month) ?? 0n) + amount);
};

const baseOf = (book: string): Pick<Posting, "marketplace" | "currency" | "agreementId" | "kind"> => {
  const [marketplace = "", currency = "", kind = "", ...agreement] = book.split("|");
  const agreementId = agreement.join("|");
  return {
    marketplace: marketplace as MarketplaceId,
    currency,
    kind: kind as MovementKind,
    agreementId: agreementId === "" ? null : agreementId,
  };
};

const firstOpen = (locked: ReadonlyMap<string, unknown>, marketplace: string, after: string): string => {
  let period = nextPeriod(after);
  while (locked.has(`${marketplace}|${period}`)) period = nextPeriod(period);
  return period;
};

/** What a posting adds to what the marketplace owes us; nothing where it moves money elsewhere. */
export const owedBy = ({ kind, amount }: Pick<Posting, "kind" | "amount">): bigint => {
  const { debit, credit } = postings[kind];
  return debit === "receivable" ? amount : credit === "receivable" ? -amount : 0n;
};

/** What a locked month would post by now more or less than it does, and is not posted in a later locked month either. */
export const differenceOf = (
  posted: readonly Posting[],
  { marketplace, period }: Pick<PostedPeriod, "marketplace" | "period">,
  locks: readonly PostedPeriod[],
): readonly Posting[] => {
  const closed = new Set(locks.filter((lock) => lock.marketplace === marketplace).map((lock) => lock.period));
  return posted.filter((one) => one.marketplace === marketplace && one.adjusts === period && !closed.has(one.period));
};

/** The locks that somebody with the knowledge of that day has. */
export const locksKnown = <Lock extends Pick<PostedPeriod, "asOfDay">>(
  locks: readonly Lock[],
  asOfDay: number,
): readonly Lock[] => locks.filter((lock) => lock.asOfDay <= asOfDay);

/** What has to be posted more, or less, to come from `then` to `now`. */
export const changesBetween = (then: readonly Posting[], now: readonly Posting[]): readonly Posting[] => {
  const keyOf = (one: Posting): string => `${bookOf(one)}|${one.period}|${one.adjusts ?? ""}`;
  const changes = new Map(now.map((one) => [keyOf(one), one]));
  for (const one of then) {
    const known = changes.get(keyOf(one));
    changes.set(keyOf(one), { ...one, amount: (known?.amount ?? 0n) - one.amount });
  }
  return [...changes.values()].filter(({ amount }) => amount !== 0n).toSorted(inOrder);
};
