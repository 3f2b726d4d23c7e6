/** The evidence of each kind of thing in a close, built from what an index of the close gives. */
import type { Agreement } from "../agreements.ts";
import type { Close } from "../close.ts";
import type { Credit } from "../credits.ts";
import { dayText, lastSecondOfDay } from "../day.ts";
import { type CloseException, exceptionKey } from "../exception.ts";
import type { AgreementFact, DepositFact, Facts, OfferFact } from "../facts.ts";
import type { MoneyLine } from "../line.ts";
import type { Link } from "../links.ts";
import type { Payout } from "../payouts.ts";
import { latestOf } from "../versions.ts";
import { dealOf, dealSays } from "./deal-joins.ts";
import { type Evidence, node, on } from "./evidence.ts";
import { actions, percentText } from "./findings.ts";
import { money } from "./table.ts";

export interface Maker {
  /** Tells it from another thing of the same id, for example `aws line …`. */
  readonly name: string;
  readonly make: () => Evidence;
}
export interface Book {
  readonly close: Close;
  readonly facts: Facts;
  readonly makers: ReadonlyMap<string, readonly Maker[]>;
  readonly lines: ReadonlyMap<string, MoneyLine>;
  /** Lines that collect, pay, forgive or refund a line. */
  readonly following: ReadonlyMap<string, readonly MoneyLine[]>;
  readonly links: ReadonlyMap<Agreement, Link>;
  /** Agreements that deals share, by their ids. */
  readonly shared: ReadonlyMap<string, Link>;
  readonly credits: ReadonlyMap<string, readonly Credit[]>;
  readonly payouts: ReadonlyMap<string, Payout>;
}

export const keyOf = (line: Pick<MoneyLine, "marketplace" | "key">): string => `${line.marketplace}|${line.key}`;
export const ofDeposit = (book: Book, payout: Payout, deposit: DepositFact): Evidence => {
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

export const ofPayout = (book: Book, payout: Payout): Evidence => {
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
export const ofLine = (book: Book, line: MoneyLine): Evidence =>
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
  const fact = standing(
    book,
    book.facts.agreements.filter(
      (one) => one.agreementId === agreement.id && one.marketplace === agreement.marketplace,
    ),
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

/** The version that the close went by: what we wrote down ourselves before a feed's, the latest known of each. */
const standing = <Fact extends AgreementFact | OfferFact>(
  { close }: Book,
  facts: readonly Fact[],
): Fact | undefined => {
  const latest = (isOwn: boolean): Fact | undefined =>
    latestOf(
      facts.filter(({ own }) => own === isOwn),
      lastSecondOfDay(close.asOfDay),
    )[0];
  return latest(true) ?? latest(false);
};

const offerOf = (book: Book, agreement: Agreement): readonly Evidence[] => {
  if (agreement.offerId === null) return [];
  const fact = standing(
    book,
    book.facts.offers.filter(
      ({ offerId, marketplace }) => offerId === agreement.offerId && marketplace === agreement.marketplace,
    ),
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

export const ofAgreement = (book: Book, link: Link): Evidence => {
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

export const ofException = (book: Book, exception: CloseException): Evidence => {
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
