/**
 * Versions: one natural key, several rows. The same content again is nothing; new content closes the old version. Which
 * of two is newer follows from what the source says of its knowledge, never from the order in which files came.
 */
import type { MarketplaceId } from "../deal.ts";
import type { MoneyLine } from "./line.ts";
import { createLineIndex } from "./line-index.ts";

/** Why a row version counts for nothing. */
export type IgnoredReason = "repeated" | "superseded" | "deleted" | "not known yet";

export interface Versions {
  /** The current version of each line, in no particular order. */
  readonly current: readonly MoneyLine[];
  readonly lineOf: (marketplace: MarketplaceId, key: string) => MoneyLine | undefined;
  /** A number for each key that any line has, from 0; -1 for others. */
  readonly numberOf: (marketplace: MarketplaceId, key: string) => number;
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
  const index = createLineIndex(lines.length);
  const held: (Held | undefined)[] = [];
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
    const number = index.add(line);
    const other = held[number];
    if (other === undefined) held.push(line);
    else if (Array.isArray(other)) other.push(line);
    else held[number] = [other, line];
  }
  const choseOf = (versions: readonly MoneyLine[]): MoneyLine => {
    const parts = choose(versions, ignore, conflicts);
    const chosen = parts.reduce(addUp);
    joined += parts.length - 1;
    restated.push(...restatementOf(chosen, versions));
    if (hear !== undefined) {
      const [newest, ...further] = parts;
      for (const part of further) hear(part, "joined");
      if (chosen.deleted && newest !== undefined && newest !== chosen) hear(newest, "deleted");
    }
    return chosen;
  };
  const current: MoneyLine[] = [];
  for (const [number, versions] of held.entries()) {
    if (versions === undefined) continue;
    const chosen = Array.isArray(versions) ? choseOf(versions) : versions;
    if (chosen.deleted) ignore(chosen, "deleted");
    else current.push(chosen);
    held[number] = chosen.deleted ? undefined : chosen;
  }
  const lineOf = (marketplace: MarketplaceId, key: string): MoneyLine | undefined => {
    const line = held[index.find(marketplace, key)];
    return Array.isArray(line) ? undefined : line;
  };
  return { ...{ current, lineOf, ignored, joined, ignoredAmounts, conflicts, restated }, numberOf: index.find };
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

/** The latest known of facts that share a marketplace and key; of equals, the one whose text comes first. */
export const latestOf = <Fact extends Dated>(facts: readonly Fact[], knownUntil: number): readonly Fact[] => {
  const places = new Map<string, Map<string, Fact>>();
  // Facts come in runs of one marketplace.
  let place = "";
  let latest = new Map<string, Fact>();
  for (const fact of facts) {
    if (fact.knownSecond > knownUntil) continue;
    const own = fact.marketplace ?? "";
    if (own !== place || places.size === 0) {
      place = own;
      latest = places.get(own) ?? new Map<string, Fact>();
      places.set(own, latest);
    }
    const other = latest.get(fact.key);
    if (other === undefined || isNewer(fact, other)) latest.set(fact.key, fact);
  }
  const found: Fact[] = [];
  for (const own of places.values()) for (const fact of own.values()) if (!fact.deleted) found.push(fact);
  return found;
};

/** The same by `marketplace|key`. */
export const latestByKey = <Fact extends Dated>(
  facts: readonly Fact[],
  knownUntil: number,
): ReadonlyMap<string, Fact> =>
  new Map(latestOf(facts, knownUntil).map((fact) => [`${fact.marketplace ?? ""}|${fact.key}`, fact]));

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
