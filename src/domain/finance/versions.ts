/**
 * Versions: one natural key, several rows. The same content again is nothing; new content closes the old version. Which
 * of two is newer follows from what the source says of its knowledge, never from the order in which files came.
 */
import type { MarketplaceId } from "../deal.ts";
import type { MoneyLine } from "./line.ts";

/** Why a row version counts for nothing. */
export type IgnoredReason = "repeated" | "superseded" | "deleted" | "not known yet";

export interface Versions {
  /** The current version of each line, in no particular order. */
  readonly current: readonly MoneyLine[];
  readonly lineOf: (marketplace: MarketplaceId, key: string) => MoneyLine | undefined;
  readonly ignored: Readonly<Record<IgnoredReason, number>>;
  /** Rows that are further parts of a current line. */
  readonly joined: number;
  /** Ignored money by currency, so that what came in is accounted for. */
  readonly ignoredAmounts: ReadonlyMap<string, bigint>;
  /** Keys of which the source sent different contents with the same knowledge date. */
  readonly conflicts: readonly string[];
  /** Lines of which an earlier version said another amount. */
  readonly restated: readonly Restatement[];
}

export interface Restatement {
  /** The newest version, also where it takes the line back. */
  readonly line: MoneyLine;
  /** What the line adds now to what it was before. */
  readonly difference: bigint;
}

const conflictsMax = 100;

/** Hears of every row that is not a current line by itself: why it counts for nothing, or that it is a further part of one. */
export type HearOfRow = (line: MoneyLine, reason: IgnoredReason | "joined") => void;

/** Picks the version of each line that was known by the end of a second. */
export const currentLines = (lines: readonly MoneyLine[], knownUntil: number, hear?: HearOfRow): Versions => {
  const byKey = { aws: new Map<string, Held>(), azure: new Map<string, Held>(), gcp: new Map<string, Held>() };
  const ignored = { repeated: 0, superseded: 0, deleted: 0, "not known yet": 0 };
  const ignoredAmounts = new Map<string, bigint>();
  const conflicts: string[] = [];
  const restated: Restatement[] = [];
  let joined = 0;
  const ignore = (line: MoneyLine, reason: IgnoredReason): void => {
    hear?.(line, reason);
    ignored[reason] += 1;
    ignoredAmounts.set(line.currency, (ignoredAmounts.get(line.currency) ?? 0n) + line.amount);
  };
  for (const line of lines) {
    if (line.knownSecond > knownUntil) {
      ignore(line, "not known yet");
      continue;
    }
    const held = byKey[line.marketplace];
    const other = held.get(line.key);
    if (other === undefined) held.set(line.key, line);
    else if (Array.isArray(other)) other.push(line);
    else held.set(line.key, [other, line]);
  }
  const current: MoneyLine[] = [];
  for (const held of Object.values(byKey))
    for (const [key, versions] of held) {
      const parts = Array.isArray(versions) ? choose(versions, ignore, conflicts) : [versions];
      const chosen = parts.reduce(addUp);
      joined += parts.length - 1;
      if (Array.isArray(versions)) restated.push(...restatementOf(chosen, versions));
      if (hear !== undefined) {
        const [newest, ...further] = parts;
        for (const part of further) hear(part, "joined");
        if (chosen.deleted && newest !== undefined && newest !== chosen) hear(newest, "deleted");
      }
      if (chosen !== versions) held.set(key, chosen);
      if (chosen.deleted) {
        ignore(chosen, "deleted");
        held.delete(key);
      } else current.push(chosen);
    }
  const lineOf = (marketplace: MarketplaceId, key: string): MoneyLine | undefined => {
    const line = byKey[marketplace].get(key);
    return Array.isArray(line) ? undefined : line;
  };
  return { current, lineOf, ignored, joined, ignoredAmounts, conflicts, restated };
};

type Held = MoneyLine | MoneyLine[];

const choose = (
  versions: readonly MoneyLine[],
  ignore: (line: MoneyLine, reason: IgnoredReason) => void,
  conflicts: string[],
): readonly MoneyLine[] => {
  const ordered = versions.toSorted(newestFirst);
  const [newest] = ordered;
  if (newest === undefined) throw new Error("a key without a row");
  const parts: MoneyLine[] = [newest];
  let previous = newest;
  for (const line of ordered.slice(1)) {
    const same = compareContent(line, previous) === 0;
    if (line.knownSecond !== newest.knownSecond || line.delivery !== newest.delivery)
      ignore(line, same ? "repeated" : "superseded");
    else if (same) ignore(line, "repeated");
    else if (line.content !== "" && line.file === newest.file) parts.push(line);
    else {
      if (conflicts.length < conflictsMax) conflicts.push(line.key);
      ignore(line, "superseded");
    }
    previous = line;
  }
  return parts;
};

/** What the version before the newest said, where that is another amount. */
const restatementOf = (newest: MoneyLine, versions: readonly MoneyLine[]): readonly Restatement[] => {
  const isAs = (a: MoneyLine, b: MoneyLine): boolean => a.knownSecond === b.knownSecond && a.delivery === b.delivery;
  const older = versions.filter((line) => !isAs(line, newest)).toSorted(newestFirst);
  const [last] = older;
  if (last === undefined || last.deleted) return [];
  let before = 0n;
  let previous: MoneyLine | null = null;
  for (const line of older) {
    if (!isAs(line, last)) break;
    const isFurther = line.content !== "" && line.file === last.file;
    const isPart = previous === null || (isFurther && compareContent(line, previous) !== 0);
    if (isPart) before += line.amount;
    previous = line;
  }
  const difference = (newest.deleted ? 0n : newest.amount) - before;
  return difference === 0n ? [] : [{ line: newest, difference }];
};

/** Newest knowledge first; what is left is ordered by content, so that no order of files or rows shows. */
const newestFirst = (a: MoneyLine, b: MoneyLine): number =>
  b.knownSecond - a.knownSecond ||
  b.delivery - a.delivery ||
  compareContent(a, b) ||
  a.file - b.file ||
  a.line - b.line;

const compared = (line: MoneyLine): string =>
  [
    line.content,
    line.kind,
    line.part,
    line.currency,
    line.amount,
    line.fee,
    line.net,
    line.settled,
    line.settledCurrency,
    line.agreementId,
    line.offerId,
    line.parentKey,
    line.payoutKey,
    line.trace,
    line.reference,
    line.paid,
    line.occurredDay,
    line.invoicedDay,
    line.collectedDay,
    line.disbursedDay,
    line.payableDay,
    line.deleted,
  ].join("|");
const compareContent = (a: MoneyLine, b: MoneyLine): number => {
  const [left, right] = [compared(a), compared(b)];
  return left < right ? -1 : left > right ? 1 : 0;
};

/** One line in several parts, as reports give it that split a line over payout statuses. */
const addUp = (sum: MoneyLine, part: MoneyLine): MoneyLine => ({
  ...sum,
  amount: sum.amount + part.amount,
  fee: sum.fee + part.fee,
  net: sum.net + part.net,
  withheld: sum.withheld + part.withheld,
  refunded: sum.refunded + part.refunded,
  lost: sum.lost + part.lost,
  settled: sum.settled + part.settled,
  paid: sum.paid === part.paid ? sum.paid : "pending",
});

/** The latest known of facts that share a key; of equals, the one whose text comes first. */
export const latestByKey = <Fact extends Dated>(
  facts: readonly Fact[],
  knownUntil: number,
): ReadonlyMap<string, Fact> => {
  const latest = new Map<string, Fact>();
  for (const fact of facts) {
    if (fact.knownSecond > knownUntil) continue;
    const key = `${fact.marketplace ?? ""}|${fact.key}`;
    const other = latest.get(key);
    if (other === undefined || isNewer(fact, other)) latest.set(key, fact);
  }
  for (const [key, fact] of latest) if (fact.deleted) latest.delete(key);
  return latest;
};

interface Dated {
  readonly marketplace?: string;
  readonly key: string;
  readonly knownSecond: number;
  readonly deleted: boolean;
  readonly file: number;
  readonly line: number;
}
const isNewer = (fact: Dated, other: Dated): boolean => {
  if (fact.knownSecond !== other.knownSecond) return fact.knownSecond > other.knownSecond;
  const [left, right] = [plainText(fact), plainText(other)];
  return left < right;
};

/** A fact's content as text, without where it was read. */
export const plainText = (fact: object): string =>
  JSON.stringify(fact, (name, value) =>
    name === "file" || name === "line" ? undefined : typeof value === "bigint" ? `${value}` : value,
  );
