/**
 * Evidence: why a deposit, payout, line, credit or exception is what it is, as a tree. Parts add up to what they are parts of; what
 * nothing explains is a leaf of its own. Every join names its rule, its inputs and the rivals it turned away.
 */
import type { Agreement } from "../agreements.ts";
import { amountText } from "../amount.ts";
import type { Close } from "../close.ts";
import type { Credit } from "../credits.ts";
import { dayText } from "../day.ts";
import { type CloseException, exceptionKey } from "../exception.ts";
import type { DealFact, DepositFact, Facts } from "../facts.ts";
import type { MoneyLine, Origin } from "../line.ts";
import type { Link } from "../links.ts";
import type { Payout } from "../payouts.ts";
import { actions, percentText } from "./findings.ts";
import { money, type PackMoney } from "./table.ts";

export interface Evidence {
  readonly what: string;
  readonly id: string;
  readonly amount: PackMoney | null;
  /** Days, states and inputs, for people. */
  readonly says: readonly string[];
  /** Where it was read; null: concluded. */
  readonly where: Origin | null;
  /** The rule that joins it to what is above it. */
  readonly because: string | null;
  /** Rivals that the rule turned away, each with the reason. */
  readonly rejected: readonly string[];
  /** Whether its amount is a part of the amount above it. */
  readonly isPart: boolean;
  readonly parts: readonly Evidence[];
}

type Given = Pick<Evidence, "what" | "id"> & Partial<Evidence>;

/** A node whose parts add up: what they leave is a leaf UNEXPLAINED. */
const node = (given: Given): Evidence => {
  const parts = given.parts ?? [];
  const amount = given.amount ?? null;
  const base = { says: [], where: null, because: null, rejected: [], isPart: false, ...given, amount };
  if (amount === null || !parts.some(({ isPart }) => isPart)) return { ...base, parts };
  const sum = parts.reduce((total, part) => total + (part.isPart ? (part.amount?.micros ?? 0n) : 0n), 0n);
  if (sum === amount.micros) return { ...base, parts };
  const rest: Evidence = {
    ...{ what: "UNEXPLAINED", id: "", says: [], where: null, because: null, rejected: [], parts: [], isPart: true },
    amount: money(amount.micros - sum, amount.currency),
  };
  return { ...base, parts: [...parts, rest] };
};

const on = (what: string, day: number | null): readonly string[] => (day === null ? [] : [`${what} ${dayText(day)}`]);

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

interface Maker {
  /** Tells it from another thing of the same id, for example `aws line …`. */
  readonly name: string;
  readonly make: () => Evidence;
}
interface Book {
  readonly close: Close;
  readonly facts: Facts;
  readonly makers: ReadonlyMap<string, readonly Maker[]>;
  readonly lines: ReadonlyMap<string, MoneyLine>;
  /** Lines that collect, pay, forgive or refund a line. */
  readonly following: ReadonlyMap<string, readonly MoneyLine[]>;
  readonly links: ReadonlyMap<Agreement, Link>;
  readonly credits: ReadonlyMap<string, readonly Credit[]>;
  readonly payouts: ReadonlyMap<string, Payout>;
}

const keyOf = (line: Pick<MoneyLine, "marketplace" | "key">): string => `${line.marketplace}|${line.key}`;
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

export const creditId = ({ dealId, partnerId, kind }: Pick<Credit, "dealId" | "partnerId" | "kind">): string =>
  `${dealId}|${partnerId}|${kind}`;

const ofDeposit = (book: Book, payout: Payout, deposit: DepositFact): Evidence => {
  const others = payout.deposits.filter((other) => other !== deposit);
  const joined =
    payout.trace === null
      ? `payer, currency and date of ${payout.id}`
      : `the bank's reference carries the payout's trace ${payout.trace}`;
  return node({
    what: "deposit",
    id: deposit.depositId,
    amount: money(deposit.amount, deposit.currency),
    says: [...on("received", deposit.day), `payer ${deposit.payer}`, `reference ${deposit.reference}`],
    where: deposit,
    parts: [
      { ...ofPayout(book, payout), isPart: true, because: joined },
      ...others.map((other) =>
        node({
          what: "came in another deposit of the same payout",
          id: other.depositId,
          amount: money(-other.amount, other.currency),
          where: other,
          isPart: true,
        }),
      ),
    ],
  });
};

const ofPayout = (book: Book, payout: Payout): Evidence => {
  const header = book.lines.get(`${payout.marketplace}|${payout.id}`);
  const failed = payout.repeats === null ? undefined : book.payouts.get(`${payout.marketplace}|${payout.repeats}`);
  const residual = payout.amount - payout.children;
  return node({
    what: `${payout.marketplace} payout`,
    id: payout.id,
    amount: money(payout.amount, payout.currency),
    says: [...on("paid", payout.day), ...(payout.failed ? ["failed"] : [])],
    where: header ?? book.facts.payments.find(({ paymentId }) => paymentId === payout.id) ?? null,
    parts: [
      ...payout.lines.map((line) => paidPart(book, line)),
      ...(failed === undefined
        ? residual === 0n || payout.lines.length === 0 || abs(residual) >= 10_000n
          ? []
          : [
              node({
                what: "sub-cent residual of the header",
                id: "",
                amount: money(residual, payout.currency),
                isPart: true,
              }),
            ]
        : [{ ...ofPayout(book, failed), isPart: true, because: "it repeats the payout that failed" }]),
    ],
  });
};
const abs = (value: bigint): bigint => (value < 0n ? -value : value);

const paidPart = (book: Book, line: MoneyLine): Evidence => {
  const sign = line.marketplace === "aws" ? -1n : 1n;
  const sale = line.parentKey === null ? undefined : book.lines.get(`${line.marketplace}|${line.parentKey}`);
  const because =
    line.marketplace === "gcp"
      ? "the report's month and currency are the payout"
      : `the row names the payout ${line.payoutKey}`;
  return node({
    what: `${line.marketplace} line ${line.kind}`,
    id: line.key,
    amount: money(sign * line.settled, line.settledCurrency),
    says: line.settledCurrency === line.currency ? [] : [`priced in ${line.currency}`],
    where: line,
    because,
    isPart: true,
    parts:
      sale === undefined
        ? belonging(book, line)
        : [{ ...ofLine(book, sale), because: `the row names its original ${sale.key}` }],
  });
};

/** A line, what followed it, and what it belongs to. */
const ofLine = (book: Book, line: MoneyLine): Evidence =>
  node({
    what: `${line.marketplace} line ${line.kind}`,
    id: line.key,
    amount: money(line.amount, line.currency),
    says: [
      ...on("occurred", line.occurredDay),
      ...on("invoiced", line.invoicedDay),
      ...on("collected", line.collectedDay),
      ...on("disbursed", line.disbursedDay),
      ...(line.fee === 0n ? [] : ["its row carries the fee"]),
    ],
    where: line,
    parts: [
      ...(book.following.get(keyOf(line)) ?? []).map((other) =>
        node({
          what: `then ${other.kind}`,
          id: other.key,
          amount: money(other.amount, other.currency),
          says: [...on("on", other.collectedDay ?? other.disbursedDay ?? other.invoicedDay)],
          where: other,
          because: `the row names its original ${line.key}`,
        }),
      ),
      ...belonging(book, line),
    ],
  });

const belonging = (book: Book, line: MoneyLine): readonly Evidence[] => {
  const { agreement } = book.close.linkOf(line);
  const link = agreement === null ? undefined : book.links.get(agreement);
  if (link === undefined) return [node({ what: "no agreement", id: "", says: ["no id on the row leads to one"] })];
  const because =
    line.agreementId === null
      ? line.offerId === null
        ? "its original belongs to it"
        : `the row names the offer ${line.offerId}, which has one agreement`
      : `the row names the agreement ${line.agreementId}`;
  return [{ ...contract(book, link), because }];
};

/** An agreement without its lines: schedule, offer, deal and rule. */
const contract = (book: Book, link: Link): Evidence => {
  const { agreement } = link;
  const fact = book.facts.agreements.find(
    (one) => one.agreementId === agreement.id && one.marketplace === agreement.marketplace,
  );
  const rate = book.close.rateOf(agreement);
  return node({
    what: `${agreement.marketplace} agreement`,
    id: agreement.id,
    amount: agreement.contractValue === null ? null : money(agreement.contractValue, agreement.currency),
    says: [
      ...on("starts", agreement.startDay),
      `${agreement.schedule.length} instalments`,
      ...(agreement.renewal ? ["renewal"] : []),
      ...(agreement.channel ? ["through a channel partner"] : []),
      ...(rate === null
        ? []
        : [`fee ${percentText(rate.partsPerMillion)} by the schedule from ${dayText(rate.row.effectiveFromDay)}`]),
    ],
    where: fact ?? null,
    parts: [
      ...agreement.schedule.map(({ day, amount }) =>
        node({ what: "instalment", id: dayText(day), amount: money(amount, agreement.currency), isPart: true }),
      ),
      ...offerOf(book, agreement),
      ...dealOf(book, link),
    ],
  });
};

const offerOf = (book: Book, agreement: Agreement): readonly Evidence[] => {
  if (agreement.offerId === null) return [];
  const fact = book.facts.offers.find(
    ({ offerId, marketplace }) => offerId === agreement.offerId && marketplace === agreement.marketplace,
  );
  return [
    node({
      what: "offer",
      id: agreement.offerId,
      says:
        fact === undefined
          ? ["no file describes it"]
          : [fact.name, ...on("published", fact.publishedDay)].filter((one) => one !== ""),
      where: fact ?? null,
      because: "the agreement names it",
    }),
  ];
};

const whyLinked: Readonly<Record<Link["method"], string>> = {
  offer_id: "the deal names the agreement's offer",
  fallback: "the only deal of this marketplace, currency and domain whose amount and close date fit",
  ambiguous: "several deals fit, so none is taken",
  none: "no deal fits",
};

const dealOf = (book: Book, link: Link): readonly Evidence[] => {
  const rejected = [
    ...link.rivals.map(({ dealId, why }) => `${dealId}: ${why}`),
    ...link.candidates
      .filter((deal) => deal !== link.deal)
      .map(
        ({ dealId }) => `${dealId}: ${link.deal === null ? "fits as well" : "names the same offer and closed later"}`,
      ),
  ];
  if (link.deal === null) return [node({ what: "no deal", id: "", because: whyLinked[link.method], rejected })];
  const { deal, agreement } = link;
  const credits = (book.credits.get(agreement.id) ?? []).filter(({ dealId }) => dealId === deal.dealId);
  return [
    node({
      what: "deal",
      id: deal.dealId,
      amount: money(deal.amount, deal.currency),
      says: [...dealSays(deal)],
      where: deal,
      because: whyLinked[link.method],
      rejected,
      parts: credits.map((credit) => ({ ...ofCredit(book, credit), because: "its rule credits this deal" })),
    }),
  ];
};
const dealSays = (deal: DealFact): readonly string[] => [
  deal.accountName,
  ...on("closed", deal.closeDay),
  ...(deal.opportunityId === null ? [] : [`co-sell opportunity ${deal.opportunityId}`]),
];

const ofCredit = (book: Book, credit: Credit): Evidence => {
  const rule = book.facts.rules.find(
    ({ rule_id, version }) => rule_id === credit.ruleId && version === credit.ruleVersion,
  );
  const touches = book.facts.touches.filter(({ touchId }) => credit.touchIds.includes(touchId));
  return node({
    what: `${credit.kind} credit`,
    id: creditId(credit),
    amount: money(credit.amount, credit.currency),
    says: [
      `basis ${credit.basis.replaceAll("_", " ")} of ${credit.agreementId}`,
      ...(credit.contested === 0n ? [] : [`${amountText(credit.contested, credit.currency)} more is contested`]),
    ],
    parts: [
      node({
        what: "rule",
        id: `${credit.ruleId} v${credit.ruleVersion}`,
        says:
          rule === undefined
            ? []
            : [
                `in force from ${rule.effective_from}`,
                ...rule.signatures.map(({ side, role, signed_at }) => `signed by ${side} (${role}) ${signed_at}`),
              ],
        because: "in force when the deal closed, and signed by both sides by then",
      }),
      ...touches.map((touch) =>
        node({
          what: `touch ${touch.type}`,
          id: touch.touchId,
          says: [`by ${touch.partnerId}`, ...on("on", touch.day)],
          because: "inside the rule's window",
        }),
      ),
    ],
  });
};

const ofAgreement = (book: Book, link: Link): Evidence => {
  const own = contract(book, link);
  return {
    ...own,
    parts: [
      ...own.parts,
      ...link.agreement.lines.map((line) =>
        node({ what: `line ${line.kind}`, id: line.key, amount: money(line.amount, line.currency), where: line }),
      ),
    ],
  };
};

const ofException = (book: Book, exception: CloseException): Evidence => {
  const { type, subjectType, subjectId, marketplace } = exception;
  const subject = subjectOf(book, exception);
  return node({
    what: `exception ${type}`,
    id: exceptionKey(exception),
    amount: money(exception.amount, exception.currency),
    says: [
      ...on("since", exception.sinceDay),
      `${actions[type].owner}: ${actions[type].action}`,
      ...Object.entries(exception.details).map(([name, value]) => `${name}: ${value}`),
    ],
    parts: subject === null ? [node({ what: `${marketplace ?? ""} ${subjectType}`.trim(), id: subjectId })] : [subject],
  });
};

const subjectOf = (book: Book, { subjectType, subjectId, marketplace }: CloseException): Evidence | null => {
  const { close, lines } = book;
  if (subjectType === "agreement") {
    const link = close.links.find(
      ({ agreement }) => agreement.id === subjectId && agreement.marketplace === marketplace,
    );
    return link === undefined ? null : ofAgreement(book, link);
  }
  if (subjectType === "line") {
    const line = lines.get(`${marketplace}|${subjectId}`);
    return line === undefined ? null : ofLine(book, line);
  }
  if (subjectType === "disbursement") {
    const payout = book.payouts.get(`${marketplace}|${subjectId}`);
    return payout === undefined ? null : ofPayout(book, payout);
  }
  if (subjectType !== "deal") return null;
  const deal = book.facts.deals.find(({ dealId }) => dealId === subjectId);
  return deal === undefined
    ? null
    : node({
        what: "deal",
        id: deal.dealId,
        amount: money(deal.amount, deal.currency),
        says: dealSays(deal),
        where: deal,
      });
};
