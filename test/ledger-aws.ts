/** Drawn AWS billing events: invoices, fees, taxes, costs of resale, collections, payouts, and what goes wrong with them. */
import { type DrawnAgreement, payAtBank, settleAgreement, skippedInstalment } from "./ledger-agreement.ts";
import {
  addMoney,
  addRow,
  expectException,
  inMonth,
  type Ledger,
  plusDays,
  rounded,
  shareOf,
  unitOf,
  written,
} from "./ledger-draw.ts";

interface Child {
  readonly parent: string;
  readonly type: string;
  readonly amount: bigint;
  readonly agreement: DrawnAgreement;
  readonly reference: string;
}
/** What each month's payout holds, by settlement currency and day. */
export type Batches = Map<string, Child[]>;

/** Pounds in which some sales in dollars are paid out, times a million. */
const poundsPerDollar = 787_402n;

interface Event {
  readonly id: string;
  readonly action: string;
  readonly type: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly invoiced: string;
  readonly known: string;
  readonly more?: Readonly<Record<string, string>>;
}

const addEvent = (ledger: Ledger, event: Event): void =>
  addRow(ledger, ledger.chance.of(50) ? "events/data.csv" : "late/data.csv", {
    billing_event_id: event.id,
    action: event.action,
    transaction_type: event.type,
    parent_billing_event_id: "",
    disbursement_billing_event_id: "",
    currency: event.currency,
    amount: written(event.amount),
    disbursement_currency: "",
    disbursement_amount: "",
    invoice_date: `${event.invoiced}T00:00:00Z`,
    action_date: event.action === "COLLECTED" ? `${event.known}T00:00:00Z` : "",
    buyer_invoice_id: "",
    buyer_line_item_id: "",
    charge_variant: "SALE",
    charge_side: "SELLING",
    agreement_id: "",
    offer_id: "",
    bank_trace_id: "",
    update_date: `${event.known}T00:00:00Z`,
    delete_date: "",
    ...event.more,
  });

interface Sale {
  readonly agreement: DrawnAgreement;
  readonly day: string;
  readonly gross: bigint;
  readonly fee: bigint;
  readonly reference: string;
  readonly ids: { readonly revenue: string; readonly fee: string };
}

/** Draws the events of an agreement. Payouts follow in `payBatches`. */
export const drawAwsEvents = (ledger: Ledger, agreement: DrawnAgreement, batches: Batches): void => {
  const { chance, asOf } = ledger;
  const sums = { invoiced: 0n, refunded: 0n, feeOff: 0n, billed: 0 };
  const skipped = skippedInstalment(ledger, agreement);
  const silent = chance.of(8);
  const noise = chance.of(15);
  for (const [index, instalment] of agreement.instalments.entries()) {
    if (instalment.day > asOf || index === skipped || (silent && skipped < 0)) continue;
    // Usage is billed in fractions of the smallest unit.
    const gross = instalment.amount + (noise && unitOf(agreement.currency) > 10n ? BigInt(chance.whole(1, 4_000)) : 0n);
    const sale: Sale = {
      agreement,
      day: instalment.day,
      gross,
      fee: shareOf(gross, agreement.charged, agreement.currency),
      reference: chance.id("invoice-"),
      ids: { revenue: chance.id("rev-"), fee: chance.id("fee-") },
    };
    sums.billed += 1;
    const copies = 1 + drawInvoice(ledger, sale);
    for (let copy = 0; copy < copies; copy += 1) {
      sums.invoiced += gross;
      sums.feeOff += sale.fee - shareOf(gross, agreement.rate, agreement.currency);
    }
    sums.refunded += drawFate(ledger, sale, batches);
  }
  settleAgreement(ledger, agreement, { ...sums, skipped });
};

const moreOf = (sale: Sale): Readonly<Record<string, string>> => ({
  buyer_invoice_id: sale.reference,
  buyer_line_item_id: `${sale.reference}-1`,
  agreement_id: sale.agreement.id,
  offer_id: sale.agreement.offerId,
});
const placeOf = (agreement: DrawnAgreement): string => `aws ${agreement.currency}`;

const expectLink = (ledger: Ledger, key: string, kind: string, agreement: DrawnAgreement): void => {
  const dealId = agreement.method === "ambiguous" ? "" : agreement.dealId;
  ledger.truth.links.push(`aws,${key},${kind},${agreement.id},${dealId},${agreement.method}`);
};

/** Invoices a sale: perhaps restated, delivered again, or said a second time under another id. Returns the doubles. */
const drawInvoice = (ledger: Ledger, sale: Sale): number => {
  const { chance } = ledger;
  const { agreement, day, gross, fee, ids } = sale;
  const { currency } = agreement;
  const base = { currency, invoiced: day, action: "INVOICED", known: plusDays(day, 1), more: moreOf(sale) };
  const feeMore = { ...base.more, charge_variant: "LISTING_FEE" };
  const revenue = { ...base, id: ids.revenue, type: "SELLER_REV_SHARE", amount: gross };
  const feeEvent = { ...base, id: ids.fee, type: "AWS_REV_SHARE", amount: -fee, more: feeMore };
  if (chance.of(10)) addEvent(ledger, { ...revenue, amount: gross * 2n, known: day });
  if (chance.of(5)) addEvent(ledger, { ...revenue, known: day, more: { ...base.more, agreement_id: "another" } });
  addEvent(ledger, revenue);
  if (chance.of(10)) addEvent(ledger, revenue);
  addEvent(ledger, feeEvent);
  addMoney(ledger, placeOf(agreement), "invoiced", gross);
  addMoney(ledger, placeOf(agreement), "fee", fee);
  expectLink(ledger, ids.revenue, "REVENUE", agreement);
  expectLink(ledger, ids.fee, "FEE", agreement);
  if (chance.of(20)) {
    const id = chance.id("tax-");
    addEvent(ledger, { ...base, id, type: "AWS_TAX_SHARE", amount: gross / 10n });
    addMoney(ledger, placeOf(agreement), "tax_remitted_by_marketplace", gross / 10n);
    expectLink(ledger, id, "TAX", agreement);
  }
  if (!chance.of(6)) return 0;
  const twin = { revenue: chance.id("twin-"), fee: chance.id("twinfee-") };
  addEvent(ledger, { ...revenue, id: twin.revenue });
  addEvent(ledger, { ...feeEvent, id: twin.fee });
  addMoney(ledger, placeOf(agreement), "invoiced", gross);
  addMoney(ledger, placeOf(agreement), "fee", fee);
  expectLink(ledger, twin.revenue, "REVENUE", agreement);
  expectLink(ledger, twin.fee, "FEE", agreement);
  // Without a collection either may be the double: `either` names both.
  expectException(ledger, "DUPLICATE_SUSPECT", `line ${[ids.revenue, twin.revenue].join(" or ")}`, {
    micros: gross,
    currency,
  });
  return 1;
};

/** What becomes of a sale's money. Returns what the buyer gets back. */
const drawFate = (ledger: Ledger, sale: Sale, batches: Batches): bigint => {
  const { chance, asOf } = ledger;
  const { agreement, gross, fee, ids } = sale;
  const fate = chance.pick(["paid", "paid", "paid", "parts", "missing", "forgiven", "open", "refund", "back"] as const);
  const collected = plusDays(sale.day, chance.whole(3, 40));
  if (fate === "forgiven") return forgive(ledger, sale);
  if (fate === "open" || collected > asOf) return 0n;
  settleDouble(ledger, sale);
  const parts: { parent: string; type: string; amount: bigint }[] = [
    { parent: ids.revenue, type: "SELLER_REV_SHARE", amount: gross },
    { parent: ids.fee, type: "AWS_REV_SHARE", amount: -fee },
  ];
  if (chance.of(12)) parts.push(extraPart(ledger, sale, "SELLER_TAX_SHARE"));
  if (agreement.channel && chance.of(50)) parts.push(extraPart(ledger, sale, "COST"));
  for (const { parent, type, amount } of parts) {
    const id = chance.id("collected-");
    const more = { ...moreOf(sale), parent_billing_event_id: parent, charge_variant: "" };
    addEvent(ledger, {
      id,
      action: "COLLECTED",
      type,
      amount,
      currency: agreement.currency,
      invoiced: sale.day,
      known: collected,
      more,
    });
    addMoney(ledger, placeOf(agreement), "collected_net", amount);
    expectLink(ledger, id, "COLLECTED", agreement);
  }
  if (fate === "missing") {
    if (plusDays(collected, 45) <= asOf)
      expectException(ledger, "MISSING_DISBURSEMENT", `agreement ${agreement.id}`, {
        micros: gross - fee,
        currency: agreement.currency,
      });
    return 0n;
  }
  const settle = agreement.currency === "USD" && chance.of(10) ? "GBP" : agreement.currency;
  const pay = (months: number, part: Omit<Child, "agreement" | "reference">): void => {
    const day = inMonth(collected, collected.slice(8) < "10" ? months : months + 1, 10);
    const key = `${settle} ${day}`;
    if (day <= asOf) batches.set(key, [...(batches.get(key) ?? []), { ...part, agreement, reference: sale.reference }]);
  };
  for (const part of parts) {
    if (fate !== "parts" || part.type !== "SELLER_REV_SHARE") pay(0, part);
    else {
      const first = rounded((part.amount * 2n) / 5n, agreement.currency);
      pay(0, { ...part, amount: first });
      pay(1, { ...part, amount: part.amount - first });
    }
  }
  return fate === "refund" || fate === "back" ? refund(ledger, { sale, fate, day: plusDays(collected, 3), pay }) : 0n;
};

/** The sale's double is the one that nothing collects. */
const settleDouble = (ledger: Ledger, sale: Sale): void => {
  const { exceptions } = ledger.truth;
  const at = exceptions.findIndex((text) => text.startsWith(`DUPLICATE_SUSPECT line ${sale.ids.revenue} or `));
  if (at >= 0) exceptions[at] = (exceptions[at] ?? "").replace(`${sale.ids.revenue} or `, "");
};

const extraPart = (ledger: Ledger, sale: Sale, what: "SELLER_TAX_SHARE" | "COST") => {
  const parent = ledger.chance.id("extra-");
  const isCost = what === "COST";
  const amount = isCost ? -(sale.gross / 5n) : sale.gross / 10n;
  const type = isCost ? "SELLER_REV_SHARE" : "SELLER_TAX_SHARE";
  const more = isCost ? { charge_variant: "RESALE", charge_side: "BUYING" } : {};
  addEvent(ledger, {
    id: parent,
    action: "INVOICED",
    type,
    amount,
    currency: sale.agreement.currency,
    invoiced: sale.day,
    known: sale.day,
    more: { ...moreOf(sale), ...more },
  });
  expectLink(ledger, parent, isCost ? "COST" : "SELLER_TAX", sale.agreement);
  return { parent, type, amount };
};

const forgive = (ledger: Ledger, sale: Sale): bigint => {
  const { agreement, gross, fee, ids } = sale;
  const day = plusDays(sale.day, 90);
  if (day > ledger.asOf) return 0n;
  for (const [parent, type, amount] of [
    [ids.revenue, "SELLER_REV_SHARE", -gross],
    [ids.fee, "AWS_REV_SHARE", fee],
  ] as const) {
    const id = ledger.chance.id("forgiven-");
    const more = { ...moreOf(sale), parent_billing_event_id: parent };
    addEvent(ledger, {
      id,
      action: "FORGIVEN",
      type,
      amount,
      currency: agreement.currency,
      invoiced: sale.day,
      known: day,
      more,
    });
    expectLink(ledger, id, "WRITE_OFF", agreement);
  }
  addMoney(ledger, placeOf(agreement), "written_off", gross);
  addMoney(ledger, placeOf(agreement), "fee", -fee);
  expectException(ledger, "BAD_DEBT", `agreement ${agreement.id}`, { micros: gross, currency: agreement.currency });
  return 0n;
};

interface Refund {
  readonly sale: Sale;
  readonly fate: "refund" | "back";
  readonly day: string;
  readonly pay: (months: number, part: Omit<Child, "agreement" | "reference">) => void;
}

const refund = (ledger: Ledger, { sale, fate, day, pay }: Refund): bigint => {
  const { agreement, gross, fee } = sale;
  if (day > ledger.asOf) return 0n;
  const given = fate === "back" ? gross : rounded(gross / 4n, agreement.currency);
  const feeBack = fate === "back" ? fee : shareOf(given, agreement.charged, agreement.currency);
  for (const [kind, type, amount] of [
    ["REFUND", "SELLER_REV_SHARE_REFUND", -given],
    ["FEE_REFUND", "AWS_REV_SHARE_REFUND", feeBack],
  ] as const) {
    const id = ledger.chance.id("refund-");
    addEvent(ledger, {
      id,
      action: "INVOICED",
      type,
      amount,
      currency: agreement.currency,
      invoiced: day,
      known: day,
      more: moreOf(sale),
    });
    expectLink(ledger, id, kind, agreement);
    pay(0, { parent: id, type, amount });
  }
  addMoney(ledger, placeOf(agreement), "refund", given);
  addMoney(ledger, placeOf(agreement), "fee", -feeBack);
  return given;
};

/** Pays out each month: children that point to a header, which may fail and be sent again. */
export const payBatches = (ledger: Ledger, batches: Batches): void => {
  const { chance, asOf } = ledger;
  for (const [key, children] of batches) {
    const [settle = "", day = ""] = key.split(" ");
    const place = `aws ${settle}`;
    const header = { id: chance.id("payout-"), trace: chance.id("TRACE") };
    let sum = 0n;
    for (const child of children) {
      const { currency } = child.agreement;
      const id = chance.id("disbursed-");
      const paid = currency === settle ? child.amount : (child.amount * poundsPerDollar) / 1_000_000n;
      sum += paid;
      addEvent(ledger, {
        id,
        action: "DISBURSED",
        type: child.type,
        amount: -child.amount,
        currency,
        invoiced: day,
        known: day,
        more: {
          parent_billing_event_id: child.parent,
          disbursement_billing_event_id: header.id,
          disbursement_currency: settle,
          disbursement_amount: written(-paid),
          agreement_id: child.agreement.id,
        },
      });
      expectLink(ledger, id, "DISBURSED", child.agreement);
    }
    const amount = rounded(sum, settle);
    const base = { action: "DISBURSED", currency: settle, invoiced: day, known: day };
    const none = (id: string, kind: string): number => ledger.truth.links.push(`aws,${id},${kind},,,none`);
    addEvent(ledger, { ...base, id: header.id, type: "DISBURSEMENT", amount, more: { bank_trace_id: header.trace } });
    none(header.id, "DISBURSEMENT");
    addMoney(ledger, place, "disbursed_net", sum);
    addMoney(ledger, place, "subcent_residual", sum - amount);
    let paidBy = { ...header, day };
    if (amount > 0n && chance.of(15) && plusDays(day, 4) <= asOf) {
      const failure = chance.id("failure-");
      paidBy = { id: chance.id("again-"), trace: chance.id("TRACE"), day: plusDays(day, 4) };
      addEvent(ledger, {
        ...base,
        id: failure,
        type: "DISBURSEMENT_FAILURE",
        amount: -amount,
        more: { parent_billing_event_id: header.id },
      });
      none(failure, "DISBURSEMENT_FAILURE");
      const more = { bank_trace_id: paidBy.trace, parent_billing_event_id: header.id };
      addEvent(ledger, {
        ...base,
        id: paidBy.id,
        type: "DISBURSEMENT",
        amount,
        invoiced: paidBy.day,
        known: paidBy.day,
        more,
      });
      none(paidBy.id, "DISBURSEMENT");
    }
    payAtBank(ledger, {
      place,
      id: paidBy.id,
      day: paidBy.day,
      micros: amount,
      payer: "AMAZON WEB SERVICES",
      reference: paidBy.trace,
    });
  }
};

/** Refunds whose purchase is nowhere, and deposits that look like ours and are not. */
export const drawNoise = (ledger: Ledger): void => {
  const { chance } = ledger;
  if (chance.of(30)) {
    const id = chance.id("orphan-");
    addEvent(ledger, {
      id,
      action: "INVOICED",
      type: "SELLER_REV_SHARE_REFUND",
      amount: -5_000_000n,
      currency: "USD",
      invoiced: "2026-02-03",
      known: "2026-02-03",
    });
    addMoney(ledger, "aws USD", "refund", 5_000_000n);
    expectException(ledger, "ORPHAN_REFUND", `line ${id}`, { micros: 5_000_000n, currency: "USD" });
    ledger.truth.links.push(`aws,${id},REFUND,,,none`);
  }
  for (const payer of ["STRIPE", "AMAZON.COM SERVICES REFUND", "GOOGLEPLEX CAFE LTD GOOGLE"])
    addRow(ledger, "statement.csv", {
      bank_txn_id: chance.id("N"),
      value_date: "2024-03-01",
      currency: "USD",
      amount: "12.34",
      counterparty: payer,
      reference: "noise",
    });
};
