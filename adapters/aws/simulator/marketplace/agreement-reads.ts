/** What the Agreement API tells of one agreement: itself, its terms, and what was billed. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, objectAt, textAt } from "../../../simulator/document.ts";
import type { World } from "../world.ts";
import { proposalOf } from "./agreement-search.ts";
import { endTimeBehaviour } from "./agreement-views.ts";
import type { Billing } from "./billing.ts";
import type { MarketCall } from "./calls.ts";
import { pageOf } from "./paging.ts";
import { epoch, micros, printed } from "./periods.ts";
import type { Agreement, Invoice } from "./records.ts";
import { agreementMissing, refusalIn } from "./refusals.ts";

export const createAgreementReads = (world: World, billing: Billing) => {
  const { ledger } = world;

  /** The agreement, for one of its parties. */
  const find = (call: MarketCall): Agreement => {
    const id = textAt(call.input, "agreementId") ?? "";
    const agreement = ledger.agreements.get(id);
    if (agreement === null) throw agreementMissing("Agreement", id);
    if (agreement.account !== call.account && agreement.acceptor !== call.account)
      throw refusalIn.denied("agreement", `arn:aws:iam::${call.account}:user/partner`, call.operation);
    return agreement;
  };

  const invoiceView = (invoice: Invoice): JsonObject => {
    const amount = micros(invoice.amount);
    const issued = new Date(invoice.issuedAt);
    return {
      agreementId: invoice.agreementId,
      invoiceId: invoice.id,
      pricingCurrencyAmount: {
        amount: printed(amount < 0n ? -amount : amount, invoice.currency),
        maxAdjustmentAmount:
          invoice.kind === "INVOICE" ? printed(billing.adjustable(invoice), invoice.currency) : "0.00",
        currencyCode: invoice.currency,
      },
      invoiceBillingPeriod: { month: issued.getUTCMonth() + 1, year: issued.getUTCFullYear() },
      issuedTime: epoch(invoice.issuedAt),
      invoiceType: invoice.kind,
      invoicingEntity: { legalName: "Amazon Web Services, Inc." },
    };
  };

  return {
    find,
    describe: (call: MarketCall): JsonObject => {
      const row = find(call);
      const behaviour = endTimeBehaviour(row);
      return {
        agreementId: row.id,
        acceptor: { accountId: row.acceptor },
        proposer: { accountId: row.account },
        startTime: epoch(row.startsAt),
        ...(row.endsAt === null ? {} : { endTime: epoch(row.endsAt) }),
        acceptanceTime: epoch(row.acceptedAt),
        agreementType: "PurchaseAgreement",
        estimatedCharges: { currencyCode: row.currency, agreementValue: row.value },
        proposalSummary: proposalOf(row),
        status: row.status,
        initialAgreementId: row.initialId,
        ...(behaviour === null
          ? {}
          : {
              endTimeBehavior: {
                ...behaviour,
                ...(behaviour.type === "RENEW" || behaviour.reasonCode === "ACCEPTOR_RENEW_OPTED_OUT"
                  ? { renewalSummary: { offerId: row.offerId } }
                  : {}),
              },
            }),
      };
    },
    terms: (call: MarketCall): JsonObject => {
      const rows = find(call).terms.map((term, index) => ({ id: String(index).padStart(4, "0"), key: "", view: term }));
      const { views, token } = pageOf(rows, { ...call, descending: false, size: Number(call.input.maxResults ?? 50) });
      return { acceptedTerms: views, ...(token === null ? {} : { nextToken: token }) };
    },
    /** https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_ListAgreementInvoiceLineItems.html */
    invoices: (call: MarketCall): JsonObject => {
      const { input } = call;
      const agreement = find(call);
      if (agreement.account !== call.account)
        throw refusalIn.denied("agreement", `arn:aws:iam::${call.account}:user/partner`, call.operation);
      const rows = agreement.invoices
        .flatMap((id) => ledger.invoices.get(id) ?? [])
        .filter((invoice) => isWanted(invoice, input))
        .map((invoice) => ({ id: invoice.id, key: invoice.issuedAt, view: invoiceView(invoice) }));
      const { views, token } = pageOf(rows, { ...call, descending: false, size: Number(input.maxResults ?? 50) });
      return { agreementInvoiceLineItemGroupSummaries: views, ...(token === null ? {} : { nextToken: token }) };
    },
  };
};
export type AgreementReads = ReturnType<typeof createAgreementReads>;

const isWanted = (invoice: Invoice, input: JsonObject): boolean => {
  const period = input.invoiceBillingPeriod;
  const { month, year } = objectAt(input, "invoiceBillingPeriod");
  const issued = epoch(invoice.issuedAt);
  const at = new Date(invoice.issuedAt);
  return (
    (textAt(input, "invoiceId") ?? invoice.id) === invoice.id &&
    (textAt(input, "invoiceType") ?? invoice.kind) === invoice.kind &&
    (!isObject(period) || (at.getUTCMonth() + 1 === month && at.getUTCFullYear() === year)) &&
    issued < Number(input.beforeIssuedTime ?? Number.POSITIVE_INFINITY) &&
    issued > Number(input.afterIssuedTime ?? Number.NEGATIVE_INFINITY)
  );
};
