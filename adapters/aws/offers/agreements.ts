/**
 * What AWS Marketplace tells of an agreement: its status, its accepted terms, and what was invoiced.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_DescribeAgreement.html
 */
import type { Json, JsonObject, RemoteRef } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { AgreementEvent } from "../../../src/domain/machine.ts";
import { type MoneyJson, moneyJsonSchema } from "../../../src/domain/money.ts";
import { type AgreementObservation, instalmentSchema, type Lineage } from "../../../src/domain/offer.ts";
import type { Hint, Page } from "../../contract.ts";
import { agreementsOf } from "./looking.ts";
import { instantOf, type MarketplaceDeps, pageSize, passAfter, passFrom, passOf, readOf } from "./reading.ts";
import { digestOf } from "./rehearsal.ts";
import {
  agreementSchema,
  agreementsSchema,
  agreementTermsSchema,
  bareId,
  invoicesSchema,
  type WireAcceptedTerm,
  type WireAgreement,
  type WireInvoice,
} from "./wire.ts";

/** Pages of terms and of invoices that are read: 500 of each. */
const pagesMax = 10;

/** AWS's statuses → events. `renewed`: another agreement goes on in its place. An unknown one says nothing. */
const statusEvents: Readonly<Record<string, AgreementEvent>> = {
  ACTIVE: "activated",
  RENEWED: "renewed",
  REPLACED: "renewed",
  SUPERSEDED: "renewed",
  CANCELLED: "cancelled",
  TERMINATED: "cancelled",
  ROLLED_BACK: "cancelled",
  EXPIRED: "ended",
  ARCHIVED: "ended",
};
/** How the agreement after one came to be, by the status of the one before. */
const lineageOf: Readonly<Record<string, Lineage>> = {
  RENEWED: "renews",
  REPLACED: "replaces",
  SUPERSEDED: "replaces",
};

/** An agreement that is active for AWS, but starts in the future, waits. */
const eventOf = ({ status, startTime }: WireAgreement, now: Date): AgreementEvent | null => {
  const event = statusEvents[status] ?? null;
  const starts = instantOf(startTime);
  return event === "activated" && starts !== null && starts > now.toISOString() ? "accepted" : event;
};

/** Money as AWS writes it; null where it has more decimals than money of ours, or none at all. */
const moneyOf = (amount: string | null | undefined, currency: string | null | undefined): MoneyJson | null =>
  moneyJsonSchema.safeParse({ amount, currency }).data ?? null;

const invoicedOf = (rows: readonly WireInvoice[]): AgreementObservation["invoiced"] =>
  rows.flatMap(({ invoiceId, invoiceType, issuedTime, pricingCurrencyAmount: money }) => {
    const at = instantOf(issuedTime);
    const amount = moneyOf(money?.amount, money?.currencyCode);
    if (!invoiceId || at === null || amount === null) return [];
    // A credit memo gives back, whichever sign AWS writes it with.
    const isCredit = invoiceType === "CREDIT_MEMO" && !amount.amount.startsWith("-");
    return [{ id: invoiceId, at, amount: isCredit ? { ...amount, amount: `-${amount.amount}` } : amount }];
  });

const scheduleOf = (terms: readonly WireAcceptedTerm[]): AgreementObservation["schedule"] =>
  terms.flatMap(({ paymentScheduleTerm: term }) =>
    (term?.schedule ?? []).flatMap(({ chargeDate, chargeAmount }) => {
      const date = instantOf(chargeDate)?.slice(0, 10);
      return instalmentSchema.safeParse({ date, amount: moneyOf(chargeAmount, term?.currencyCode) }).data ?? [];
    }),
  );

/** Every item of a paged list of one agreement, within bounds. */
const paged = async <T>(
  fetch: (nextToken: JsonObject) => Promise<Result<{ readonly items: readonly T[]; readonly next: string | null }>>,
): Promise<Result<readonly T[]>> => {
  const all: T[] = [];
  let next: string | null = null;
  for (let page = 0; page < pagesMax; page++) {
    const read: Awaited<ReturnType<typeof fetch>> = await fetch(next === null ? {} : { nextToken: next });
    if (!read.ok) return read;
    all.push(...read.value.items);
    next = read.value.next;
    if (next === null) break;
  }
  return ok(all);
};
const termsOf = (deps: MarketplaceDeps, agreementId: string) =>
  paged(async (token) => {
    const body = { agreementId, maxResults: pageSize, ...token };
    const read = await readOf(deps, agreementTermsSchema, ["GetAgreementTerms", body]);
    if (!read.ok) return read;
    return ok({ items: read.value.value.acceptedTerms ?? [], next: read.value.value.nextToken || null });
  });
const invoicesOf = (deps: MarketplaceDeps, agreementId: string) =>
  paged(async (token) => {
    const body = { agreementId, groupBy: "INVOICE_ID", maxResults: pageSize, ...token };
    const read = await readOf(deps, invoicesSchema, ["ListAgreementInvoiceLineItems", body]);
    if (!read.ok) return read;
    const { agreementInvoiceLineItemGroupSummaries: items, nextToken } = read.value.value;
    return ok({ items: items ?? [], next: nextToken || null });
  });

/** The agreement of the same chain that was accepted last before this one. An agreement that is nobody's heir names itself. */
const previousOf = async (
  deps: MarketplaceDeps,
  { agreementId, initialAgreementId, acceptanceTime }: WireAgreement,
): Promise<Result<AgreementObservation["previous"]>> => {
  if (!initialAgreementId || initialAgreementId === agreementId) return ok(null);
  const found = await readOf(deps, agreementsSchema, [
    "SearchAgreements",
    {
      catalog: "AWSMarketplace",
      filters: [
        { name: "PartyType", values: ["Proposer"] },
        { name: "AgreementType", values: ["PurchaseAgreement"] },
        { name: "InitialAgreementId", values: [initialAgreementId] },
      ],
      maxResults: pageSize,
    },
  ]);
  if (!found.ok) return found;
  const accepted = instantOf(acceptanceTime) ?? "9";
  const before = (found.value.value.agreementViewSummaries ?? [])
    .map((row) => ({ id: row.agreementId, status: row.status ?? "", at: instantOf(row.acceptanceTime) ?? "" }))
    .filter(({ id, at }) => id !== agreementId && at <= accepted)
    .toSorted((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0))[0];
  if (before === undefined) return ok({ ref: { id: initialAgreementId }, how: "renews" });
  return ok({ ref: { id: before.id }, how: lineageOf[before.status] ?? "renews" });
};

const factsOf = (agreement: WireAgreement, terms: readonly WireAcceptedTerm[]): JsonObject => {
  const variable = terms.find(({ variablePaymentTerm }) => variablePaymentTerm != null)?.variablePaymentTerm;
  const facts: Readonly<Record<string, string | null | undefined>> = {
    status: agreement.status,
    type: agreement.agreementType,
    initialAgreement: agreement.initialAgreementId,
    offerSet: agreement.proposalSummary?.offerSetId,
    atEnd: agreement.endTimeBehavior?.type,
    atEndBecause: agreement.endTimeBehavior?.reasonCode,
    paymentDue: terms.find(({ netPaymentTerm }) => netPaymentTerm != null)?.netPaymentTerm?.paymentDuePeriod,
    variableTotalMax: variable?.maxTotalChargeAmount,
    // What is worth more decimals than money of ours is shown as AWS writes it.
    stated: agreement.estimatedCharges?.agreementValue,
  };
  return Object.fromEntries(Object.entries(facts).flatMap(([name, value]) => (value ? [[name, value]] : [])));
};

const renewsItself = (agreement: WireAgreement, terms: readonly WireAcceptedTerm[]): boolean | null => {
  const behaviour = agreement.endTimeBehavior?.type;
  if (behaviour) return behaviour === "RENEW";
  const term = terms.find(({ renewalTerm }) => renewalTerm != null)?.renewalTerm;
  return term?.configuration?.enableAutoRenew ?? (term == null ? null : false);
};

/** Reads an agreement, its accepted terms, its invoices and, for one that came of another, that other. */
export const lookAtAgreement = async (deps: MarketplaceDeps, ref: RemoteRef): Promise<Result<AgreementObservation>> => {
  const seen = await readOf(deps, agreementSchema, ["DescribeAgreement", { agreementId: ref.id }]);
  if (!seen.ok) return seen;
  const { value: agreement, text } = seen.value;
  const seller = agreement.proposer?.accountId;
  if (seller && seller !== deps.target.account)
    return failed({ kind: "missing", message: `agreement ${ref.id} is of another seller of record` });
  const terms = await termsOf(deps, ref.id);
  if (!terms.ok) return terms;
  const invoices = await invoicesOf(deps, ref.id);
  if (!invoices.ok) return invoices;
  const previous = await previousOf(deps, agreement);
  if (!previous.ok) return previous;
  const { estimatedCharges: charges, proposalSummary: proposal } = agreement;
  const now = deps.clock.now();
  return ok({
    ref: { id: agreement.agreementId, arn: `arn:aws:aws-marketplace::aws:agreement:${agreement.agreementId}` },
    // AWS tells when it last changed in lists only: what was read is its own version.
    version: await digestOf([agreement, terms.value, invoices.value]),
    event: eventOf(agreement, now),
    evidence: { kind: "stated", from: `DescribeAgreement: status ${agreement.status.slice(0, 40)}` },
    offer: proposal?.offerId ? bareId(proposal.offerId) : null,
    previous: previous.value,
    buyer: { account: agreement.acceptor?.accountId ?? null, name: null },
    product: proposal?.resources?.[0]?.id ?? null,
    plan: null,
    acceptedAt: instantOf(agreement.acceptanceTime),
    startsAt: instantOf(agreement.startTime),
    endsAt: instantOf(agreement.endTime),
    autoRenews: renewsItself(agreement, terms.value),
    total: moneyOf(charges?.agreementValue, charges?.currencyCode),
    schedule: scheduleOf(terms.value),
    invoiced: invoicedOf(invoices.value),
    facts: factsOf(agreement, terms.value),
    body: text,
    seenAt: now,
  });
};

const searched = (deps: MarketplaceDeps, after: string | null, nextToken: string | null) =>
  readOf(deps, agreementsSchema, [
    "SearchAgreements",
    {
      catalog: "AWSMarketplace",
      filters: [
        { name: "PartyType", values: ["Proposer"] },
        { name: "AgreementType", values: ["PurchaseAgreement"] },
        ...(after === null ? [] : [{ name: "AfterLastUpdateTime", values: [after] }]),
      ],
      sort: { sortBy: "LastUpdateTime", sortOrder: "ASCENDING" },
      maxResults: pageSize,
      ...(nextToken === null ? {} : { nextToken }),
    },
  ]);

/** Agreements that changed since the cursor, oldest first. A page token that AWS no longer takes starts the pass again. */
export const agreementChanges = async (deps: MarketplaceDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const from = passOf(cursor);
  let page = await searched(deps, passFrom(from), from.nextToken);
  if (!page.ok && page.fault.kind === "rejected" && from.nextToken !== null)
    page = await searched(deps, passFrom(from), null);
  if (!page.ok) return page;
  const rows = page.value.value.agreementViewSummaries ?? [];
  const items = rows.map(
    ({ agreementId, lastUpdateTime, acceptanceTime }): Hint => ({
      kind: "agreement",
      id: agreementId,
      at: instantOf(lastUpdateTime),
      madeAt: instantOf(acceptanceTime),
    }),
  );
  const nextToken = page.value.value.nextToken || null;
  return ok({ items, ...passAfter(from, { times: items.map(({ at }) => at), nextToken }) });
};

/** Agreements that came of an offer, newest first. */
export const agreementsOfOffer = async (
  deps: MarketplaceDeps,
  ref: RemoteRef,
): Promise<Result<readonly RemoteRef[]>> => {
  const found = await agreementsOf(deps, bareId(ref.id));
  return found.ok ? ok(found.value.map(({ agreementId }) => ({ id: agreementId }))) : found;
};
