/** The billing event feed: each part of an invoice as it is billed, paid by the buyer and paid out, and the payouts themselves. */
import { addDays } from "../../../simulator/ground.ts";
import type { World } from "../world.ts";
import { partOf } from "./billing.ts";
import type { FeedRow } from "./feed-columns.ts";
import { dayOf, micros, printed, seconds, startOfDay } from "./periods.ts";
import { type Agreement, type Invoice, marketplaceCatalog } from "./records.ts";

/** A row, and when it happened. */
export interface Dated {
  readonly at: string;
  readonly row: FeedRow;
}

/** How accounts and addresses are known in the feeds: not by the twelve digits. Each is worked out once. */
export const createKeys = (world: World) => {
  const known = new Map<string, string>();
  const named = (kind: string, length: number) => (account: string) => {
    const name = `${kind} ${account}`;
    const key = known.get(name) ?? world.dice.letters(length, kind, account);
    known.set(name, key);
    return key;
  };
  return { world, account: named("account", 42), address: named("address", 45) };
};
export type Keys = ReturnType<typeof createKeys>;
/** AWS appends to a day's file what happened the day before. */
export const bookedAt = (at: string): string => startOfDay(dayOf(addDays(new Date(at), 1)));

interface Piece {
  readonly type: string;
  readonly amount: bigint;
  readonly variant: "SALE" | "LISTING_FEE" | "RESALE";
  readonly side: "SELLING" | "BUYING";
  readonly from: string;
  readonly to: string;
}

export const billingRows = (keys: Keys, account: string): readonly Dated[] => {
  const { ledger } = keys.world;
  const invoices = ledger.invoices.all().toSorted((a, b) => a.sequence - b.sequence);
  return [
    ...invoices.flatMap((invoice) => {
      const agreement = ledger.agreements.get(invoice.agreementId);
      return agreement ? invoiceRows(keys, { invoice, agreement, account }) : [];
    }),
    ...payoutRows(keys, account),
  ];
};

interface Booked {
  readonly invoice: Invoice;
  readonly agreement: Agreement;
  readonly account: string;
}

const piecesOf = ({ invoice, agreement, account }: Booked): readonly Piece[] => {
  const part = partOf(invoice, agreement, account);
  if (part === null) return [];
  const isManufacturer = account !== agreement.account;
  const suffix = invoice.kind === "CREDIT_MEMO" ? "_REFUND" : "";
  const pieces: Piece[] = [
    {
      type: `SELLER_REV_SHARE${suffix}`,
      amount: part.gross,
      variant: isManufacturer ? "RESALE" : "SALE",
      side: "SELLING",
      from: isManufacturer ? agreement.account : agreement.acceptor,
      to: account,
    },
    {
      type: `AWS_REV_SHARE${suffix}`,
      amount: part.fee,
      variant: "LISTING_FEE",
      side: "SELLING",
      from: account,
      to: "AWS",
    },
  ];
  if (part.cost !== 0n)
    pieces.push({
      type: `SELLER_REV_SHARE${suffix}`,
      amount: part.cost,
      variant: "RESALE",
      side: "BUYING",
      from: account,
      to: agreement.manufacturer,
    });
  return pieces;
};

const eventId = (world: World, ...names: readonly string[]): string =>
  world.dice.letters(40, "billing event", ...names);

const invoiceRows = (keys: Keys, booked: Booked): readonly Dated[] => {
  const { world } = keys;
  const { invoice, account } = booked;
  return piecesOf(booked).flatMap((piece): readonly Dated[] => {
    const key = (id: string, stage: string) =>
      eventId(world, id, stage, account, piece.type.replace(/_REFUND$/, ""), piece.variant);
    const id = key(invoice.id, "INVOICED");
    const common = commonOf(keys, booked, piece);
    const money = (amount: bigint): FeedRow => {
      const text = printed(amount, invoice.currency);
      return { amount: text, disbursement_currency: invoice.currency, disbursement_amount: text };
    };
    const rows: Dated[] = [
      {
        at: invoice.issuedAt,
        row: {
          ...common,
          ...money(piece.amount),
          billing_event_id: id,
          action: "INVOICED",
          balance_impacting: "1",
          parent_billing_event_id: invoice.creditOf === null ? "" : key(invoice.creditOf, "INVOICED"),
          charge_variant: piece.variant,
        },
      },
    ];
    if (invoice.collectedAt !== null && invoice.kind === "INVOICE")
      rows.push({
        at: invoice.collectedAt,
        row: {
          ...common,
          ...money(piece.amount),
          billing_event_id: key(invoice.id, "COLLECTED"),
          action: "COLLECTED",
          balance_impacting: "0",
          parent_billing_event_id: id,
          action_date: seconds(invoice.collectedAt),
        },
      });
    if (invoice.forgivenAt !== null)
      rows.push({
        at: invoice.forgivenAt,
        row: {
          ...common,
          ...money(-piece.amount),
          billing_event_id: key(invoice.id, "FORGIVEN"),
          action: "FORGIVEN",
          balance_impacting: "1",
          parent_billing_event_id: id,
          action_date: seconds(invoice.forgivenAt),
        },
      });
    const payout = world.ledger.payouts.get(invoice.payouts[account] ?? "");
    if (payout)
      rows.push({
        at: payout.at,
        row: {
          ...common,
          ...money(-piece.amount),
          billing_event_id: key(invoice.id, "DISBURSED"),
          action: "DISBURSED",
          balance_impacting: "0",
          parent_billing_event_id: id,
          disbursement_billing_event_id: eventId(world, "payout", payout.id),
        },
      });
    return rows;
  });
};

const commonOf = (keys: Keys, { invoice, agreement, account }: Booked, piece: Piece): FeedRow => {
  const { world } = keys;
  const line = world.dice.uuid("line", invoice.creditOf ?? invoice.id);
  const key = (party: string): string => (party === "AWS" ? "AWS" : keys.account(party));
  const issued = seconds(invoice.issuedAt);
  return {
    from_account_id: key(piece.from),
    to_account_id: key(piece.to),
    end_user_account_id: key(agreement.acceptor),
    product_id: agreement.productId,
    transaction_type: piece.type,
    currency: invoice.currency,
    invoice_date: issued,
    payment_due_date: seconds(invoice.dueAt),
    usage_period_start_date: issued,
    usage_period_end_date: seconds(invoice.periodEnd),
    invoice_id: invoice.id,
    billing_address_id: keys.address(agreement.acceptor),
    transaction_reference_id: world.dice.letters(32, "transaction", invoice.creditOf ?? invoice.id),
    broker_id: "AWS_INC",
    agreement_id: agreement.id,
    offer_id: agreement.offerId,
    buyer_invoice_id: invoice.id,
    buyer_invoice_date: issued,
    line_item_id: line,
    buyer_line_item_id: line,
    invoice_variant: piece.variant === "RESALE" ? "RESALE" : "PURCHASE",
    charge_side: piece.side,
    // COLLECTED and DISBURSED rows of a sale carry no variant; those of a resale can be told apart by nothing else.
    charge_variant: piece.variant === "RESALE" ? "RESALE" : "",
    recipient_account_id: keys.account(account),
    catalog: marketplaceCatalog,
  };
};

const payoutRows = (keys: Keys, account: string): readonly Dated[] =>
  keys.world.ledger.payouts
    .all()
    .filter((payout) => payout.account === account)
    .map((payout) => ({
      at: payout.at,
      row: {
        billing_event_id: eventId(keys.world, "payout", payout.id),
        from_account_id: "AWS",
        to_account_id: keys.account(account),
        action: "DISBURSED",
        transaction_type: "DISBURSEMENT",
        currency: payout.currency,
        amount: printed(micros(payout.amount), payout.currency),
        balance_impacting: "0",
        invoice_date: seconds(payout.at),
        bank_trace_id: payout.bankTraceId,
        disbursement_currency: payout.currency,
        disbursement_amount: printed(micros(payout.amount), payout.currency),
        disbursement_reference_number: payout.reference,
        recipient_account_id: keys.account(account),
        catalog: marketplaceCatalog,
      },
    }));
