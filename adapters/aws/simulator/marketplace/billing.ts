/**
 * The money that follows an agreement: charges on their dates, invoices to the buyer, AWS's fee on each, payment, and the monthly payout.
 * https://docs.aws.amazon.com/marketplace/latest/userguide/managing-disbursements.html
 */
import { textAt } from "../../../simulator/document.ts";
import { addDays } from "../../../simulator/ground.ts";
import { modelled } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import { acceptedOf, configuredValue, scheduleIn } from "./accepted-terms.ts";
import { dayOf, micros, monthsAfter, printed, proportionOf, shareOf, startOfDay } from "./periods.ts";
import type { Agreement, Charge, Invoice } from "./records.ts";

type NewCharge = Pick<Charge, "kind" | "at" | "amount" | "termId">;

export const createBilling = (world: World) => {
  const { ledger, dice } = world;
  const settings = () => world.settings().marketplace;

  /** Puts a charge on the calendar and on its agreement. */
  const addCharge = (agreement: Agreement, charge: NewCharge, now: Date): Agreement => {
    const id = `charge-${world.letters("charge", 12)}`;
    const at = charge.at < now.toISOString() ? now.toISOString() : charge.at;
    ledger.charges.put(id, {
      ...charge,
      id,
      at,
      sequence: world.sequence(),
      agreementId: agreement.id,
      knownAt: now.toISOString(),
      invoiceId: null,
      isDropped: false,
    });
    world.schedule("charge", id, new Date(at));
    const saved = { ...agreement, charges: [...agreement.charges, id] };
    ledger.agreements.put(saved.id, saved);
    return saved;
  };

  /** Everything that the accepted terms will bill, as far as it is known now. */
  const plan = (agreement: Agreement, now: Date): Agreement => {
    const { terms, startsAt } = agreement;
    const charges: NewCharge[] = scheduleIn(terms).map((item) => ({ ...item, kind: "schedule" }));
    const fixed = acceptedOf(terms, "fixedUpfrontPricingTerm");
    const configurable = acceptedOf(terms, "configurableUpfrontPricingTerm");
    const monthly = acceptedOf(terms, "recurringPaymentTerm");
    const usage = acceptedOf(terms, "usageBasedPricingTerm");
    if (fixed !== null && charges.length === 0 && micros(textAt(fixed, "price") ?? "0") > 0n)
      charges.push({
        kind: "upfront",
        at: startsAt,
        amount: textAt(fixed, "price"),
        termId: textAt(fixed, "id") ?? "",
      });
    if (configurable !== null && configuredValue(configurable) > 0n) {
      const amount = printed(configuredValue(configurable), agreement.currency);
      charges.push({ kind: "upfront", at: startsAt, amount, termId: textAt(configurable, "id") ?? "" });
    }
    if (monthly !== null)
      charges.push({
        kind: "monthly",
        at: startsAt,
        amount: textAt(monthly, "price"),
        termId: textAt(monthly, "id") ?? "",
      });
    if (usage !== null) {
      const at = monthsAfter(new Date(startsAt), 1).toISOString();
      charges.push({ kind: "usage", at, amount: null, termId: textAt(usage, "id") ?? "" });
    }
    return charges.reduce((left, charge) => addCharge(left, charge, now), agreement);
  };

  /** What a month's usage comes to: so many units of the first dimension. */
  const usageAmount = (agreement: Agreement, charge: Charge): string => {
    const usage = acceptedOf(agreement.terms, "usageBasedPricingTerm");
    const price = JSON.stringify(usage ?? {}).match(/"price":"([^"]+)"/)?.[1] ?? "0";
    const units = Math.floor(dice.between(settings().usageUnits, agreement.fate, "usage", charge.at.slice(0, 7)));
    return printed(shareOf(micros(price) * BigInt(units), 1_000_000n, agreement.currency), agreement.currency);
  };

  const issue = (agreement: Agreement, invoice: Partial<Invoice> & { readonly amount: string }, now: Date): Invoice => {
    const { currency, feePpm, netDays, cost: whole, value } = agreement;
    const gross = micros(invoice.amount);
    const total = micros(value);
    // A resale's cost is spread over the invoices as the price is.
    const cost = whole === null || total === 0n ? null : -proportionOf(gross, [micros(whole), total], currency);
    const fee = -shareOf(gross + (cost ?? 0n), BigInt(feePpm), currency);
    const id = String(1_000_000_000 + Math.floor(world.names().draw("invoice", world.sequence()) * 9e9));
    const row: Invoice = {
      id,
      sequence: world.sequence(),
      agreementId: agreement.id,
      chargeId: null,
      kind: "INVOICE",
      creditOf: null,
      currency,
      fee: printed(fee, currency),
      cost: cost === null ? null : printed(cost, currency),
      issuedAt: now.toISOString(),
      dueAt: startOfDay(dayOf(addDays(now, netDays))),
      periodEnd: monthsAfter(now, 1).toISOString(),
      collectedAt: null,
      forgivenAt: null,
      payouts: {},
      ...invoice,
    };
    ledger.invoices.put(id, row);
    const current = ledger.agreements.get(agreement.id) ?? agreement;
    ledger.agreements.put(agreement.id, { ...current, invoices: [...current.invoices, id] });
    return row;
  };

  const nextPayday = (from: Date): Date => {
    const day = settings().payoutDay;
    const here = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth(), day));
    return here > from ? here : monthsAfter(here, 1);
  };

  /** Bills what is due. Recurring charges put the next month on the calendar. */
  const bill = (charge: Charge, occasion: Occasion): Invoice | null => {
    const agreement = ledger.agreements.get(charge.agreementId);
    if (agreement === null || charge.isDropped || charge.invoiceId !== null) return null;
    const amount = charge.amount ?? usageAmount(agreement, charge);
    const invoice = issue(
      agreement,
      { amount: printed(micros(amount), agreement.currency), chargeId: charge.id },
      occasion.now,
    );
    ledger.charges.put(charge.id, { ...charge, amount, invoiceId: invoice.id });
    const isSeeded = world.settings().reviewer === "seeded";
    const isLost = isSeeded && dice.draw(agreement.fate, "never pays", charge.at) < settings().badDebt;
    const late = dice.between(settings().collectDays, agreement.fate, "pays", charge.at);
    const paid = addDays(new Date(invoice.dueAt), late);
    const earliest = addDays(occasion.now, 1);
    if (isLost) world.schedule("forgiveness", invoice.id, addDays(new Date(invoice.dueAt), settings().forgiveDays));
    else world.schedule("collection", invoice.id, paid > earliest ? paid : earliest);
    const next = monthsAfter(new Date(charge.at), 1).toISOString();
    const isRecurring = charge.kind === "monthly" || charge.kind === "usage";
    const current = ledger.agreements.get(agreement.id) ?? agreement;
    const lasts = current.status === "ACTIVE" && (current.endsAt === null || next < current.endsAt);
    if (isRecurring && lasts)
      addCharge(current, { ...charge, amount: charge.kind === "usage" ? null : amount, at: next }, occasion.now);
    return invoice;
  };

  return {
    plan,
    bill,
    addCharge,
    /** Nothing more is billed, except usage that was already had. */
    drop: (agreement: Agreement): void => {
      for (const id of agreement.charges) {
        const charge = ledger.charges.get(id);
        if (charge?.invoiceId === null) ledger.charges.put(id, { ...charge, isDropped: true });
      }
    },
    /** The buyer pays: each party's part waits for the next payday. */
    collect: (invoice: Invoice, occasion: Occasion): void => {
      if (invoice.collectedAt === null && invoice.forgivenAt === null) settle(invoice, occasion);
    },
    /** AWS gives up on an invoice: what it was billed for is taken back, and nothing is paid out for it. */
    forgive: (invoice: Invoice, occasion: Occasion): void => {
      if (invoice.collectedAt === null && invoice.forgivenAt === null)
        ledger.invoices.put(invoice.id, { ...invoice, forgivenAt: occasion.now.toISOString() });
    },
    /** Pays out what has been collected, once an account, currency and day; a balance that is not positive is carried on. */
    payOut: (subject: string, occasion: Occasion): void => {
      const [account = "", currency = "", day = ""] = subject.split("|");
      if (ledger.payouts.get(subject) !== null) return;
      const open = ledger.invoices
        .all()
        .filter((row) => row.currency === currency && row.collectedAt !== null && row.payouts[account] === undefined)
        .flatMap((row) => {
          const agreement = ledger.agreements.get(row.agreementId);
          const part = agreement && partOf(row, agreement, account);
          return part ? [{ row, net: part.gross + part.fee + part.cost }] : [];
        });
      const sum = open.reduce((total, { net }) => total + net, 0n);
      if (sum <= 0n) return;
      const digits = String(Math.floor(dice.draw("trace", subject) * 1e15)).padStart(15, "1");
      ledger.payouts.put(subject, {
        id: subject,
        sequence: world.sequence(),
        account,
        currency,
        amount: printed(sum, currency),
        at: occasion.now.toISOString(),
        bankTraceId: digits,
        reference: `DR${digits.slice(0, 8)}${day.replaceAll("-", "").slice(2, 6)}`,
      });
      for (const { row } of open)
        ledger.invoices.put(row.id, { ...row, payouts: { ...row.payouts, [account]: subject } });
    },
    /** Gives back a part of an invoice, or all of it. */
    refund: (invoiceId: string, amount: string | null, occasion: Occasion): Invoice => {
      const invoice = ledger.invoices.get(invoiceId);
      const agreement = invoice && ledger.agreements.get(invoice.agreementId);
      if (!invoice || !agreement || invoice.kind !== "INVOICE")
        throw modelled("ResourceNotFoundException", `There is no invoice ${invoiceId}`);
      const back = amount ?? invoice.amount;
      if (micros(back) > adjustable(invoice))
        throw modelled(
          "ValidationException",
          `At most ${printed(adjustable(invoice), invoice.currency)} can be given back`,
        );
      const memo = issue(
        agreement,
        { amount: printed(-micros(back), invoice.currency), kind: "CREDIT_MEMO", creditOf: invoice.id },
        occasion.now,
      );
      return settle(memo, occasion);
    },
    adjustable: (invoice: Invoice): bigint => adjustable(invoice),
  };

  function settle(invoice: Invoice, occasion: Occasion): Invoice {
    const settled = { ...invoice, collectedAt: occasion.now.toISOString() };
    ledger.invoices.put(invoice.id, settled);
    const agreement = ledger.agreements.get(invoice.agreementId);
    const day = nextPayday(occasion.now);
    for (const account of new Set(agreement === null ? [] : [agreement.account, agreement.manufacturer]))
      world.schedule("payout", `${account}|${invoice.currency}|${dayOf(day)}`, day);
    return settled;
  }
  function adjustable(invoice: Invoice): bigint {
    const memos = (ledger.agreements.get(invoice.agreementId)?.invoices ?? [])
      .flatMap((id) => ledger.invoices.get(id) ?? [])
      .filter(({ creditOf }) => creditOf === invoice.id);
    return memos.reduce((left, memo) => left + micros(memo.amount), micros(invoice.amount));
  }
};
export type Billing = ReturnType<typeof createBilling>;

export interface Part {
  /** What the party sells for; of a resale's manufacturer the wholesale price. */
  readonly gross: bigint;
  readonly fee: bigint;
  /** What a reseller owes the manufacturer: negative. */
  readonly cost: bigint;
}
/** What an invoice means to one of its parties; null: nothing. */
export const partOf = (invoice: Invoice, agreement: Agreement, account: string): Part | null => {
  const cost = micros(invoice.cost ?? "0");
  if (account === agreement.account) return { gross: micros(invoice.amount), fee: micros(invoice.fee), cost };
  if (account !== agreement.manufacturer) return null;
  return { gross: -cost, fee: -shareOf(-cost, BigInt(agreement.feePpm), invoice.currency), cost: 0n };
};
