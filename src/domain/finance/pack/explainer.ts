import type { Close } from "../close.ts";
import type { Credit } from "../credits.ts";
import { exceptionKey } from "../exception.ts";
import type { Facts } from "../facts.ts";
import type { MoneyLine } from "../line.ts";
import { creditId, ofCredit } from "./deal-joins.ts";
import type { Evidence } from "./evidence.ts";
import { type Book, keyOf, type Maker, ofAgreement, ofDeposit, ofException, ofLine, ofPayout } from "./joins.ts";

export type Explained =
  | { readonly kind: "found"; readonly evidence: Evidence }
  | { readonly kind: "ambiguous"; readonly ids: readonly string[] }
  | { readonly kind: "unknown"; readonly near: readonly string[] };

/** Looks for whatever has this id: a deposit, payout, line, agreement, exception or credit (`deal|partner|kind`). */
export const createExplainer = (close: Close, facts: Facts): ((id: string) => Explained) => {
  const book = indexOf(close, facts);
  return (id) => {
    const found = [...(book.makers.get(id) ?? [])];
    const [only] = found;
    if (only !== undefined && found.length === 1) return { kind: "found", evidence: only.make() };
    if (found.length > 1) return { kind: "ambiguous", ids: found.map(({ name }) => name) };
    return { kind: "unknown", near: nearOf(book, id) };
  };
};

const nearMax = 5;
const nearOf = (book: Book, id: string): readonly string[] => {
  const near: string[] = [];
  if (id.length < 3) return near;
  for (const known of book.makers.keys()) {
    if (known.includes(id)) near.push(known);
    if (near.length >= nearMax) break;
  }
  return near;
};

const pushTo = <Value>(all: Map<string, Value[]>, key: string, value: Value): void => {
  const known = all.get(key);
  if (known === undefined) all.set(key, [value]);
  else known.push(value);
};

const indexOf = (close: Close, facts: Facts): Book => {
  const makers = new Map<string, Maker[]>();
  const following = new Map<string, MoneyLine[]>();
  for (const line of close.lines)
    if (line.parentKey !== null) pushTo(following, `${line.marketplace}|${line.parentKey}`, line);
  const credits = new Map<string, Credit[]>();
  for (const credit of close.credits) pushTo(credits, credit.agreementId, credit);
  const book: Book = {
    ...{ close, facts, makers, following, credits },
    lines: new Map(close.lines.map((line) => [keyOf(line), line])),
    links: new Map(close.links.map((link) => [link.agreement, link])),
    shared: new Map(close.links.filter(({ parts }) => parts.length > 1).map((link) => [link.agreement.id, link])),
    payouts: new Map(close.payouts.map((payout) => [`${payout.marketplace}|${payout.id}`, payout])),
  };
  for (const line of close.lines)
    if (line.part !== "payout")
      pushTo(makers, line.key, { name: `${line.marketplace} line ${line.key}`, make: () => ofLine(book, line) });
  for (const payout of close.payouts) {
    pushTo(makers, payout.id, {
      name: `${payout.marketplace} payout ${payout.id}`,
      make: () => ofPayout(book, payout),
    });
    for (const deposit of payout.deposits)
      pushTo(makers, deposit.depositId, {
        name: `deposit ${deposit.depositId}`,
        make: () => ofDeposit(book, payout, deposit),
      });
  }
  for (const link of close.links)
    pushTo(makers, link.agreement.id, { name: `agreement ${link.agreement.id}`, make: () => ofAgreement(book, link) });
  for (const exception of close.exceptions)
    pushTo(makers, exceptionKey(exception), {
      name: `exception ${exceptionKey(exception)}`,
      make: () => ofException(book, exception),
    });
  for (const credit of close.credits)
    pushTo(makers, creditId(credit), {
      name: `credit ${creditId(credit)} of ${credit.agreementId}`,
      make: () => ofCredit(book, credit),
    });
  return book;
};
