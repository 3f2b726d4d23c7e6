/**
 * Co-sell money that no report of a marketplace has: incentives of a programme, and credits that a buyer was given. AWS's funding and
 * Google's credits for first purchases are seen in their consoles alone, so that a person writes them down.
 */

import { lineOf, type PaidState } from "../../src/domain/finance/line.ts";
import { isMarketplace } from "../../src/domain/finance/marketplace.ts";
import type { CsvFormat } from "../contract-reports.ts";

const kinds = { incentive: "INCENTIVE", buyer_credit: "BUYER_CREDIT" } as const;
const states: Readonly<Record<string, PaidState>> = {
  paid: "sent",
  expected: "pending",
  "": "pending",
  rejected: "lost",
};
const asWritten = "write incentive or buyer_credit";

export const incentivesFormat: CsvFormat = {
  id: "internal.incentives",
  title: "Co-sell incentives and credits of buyers",
  shape: "csv",
  path: /incentives\.csv$/i,
  required: ["incentive_id", "marketplace", "program", "kind", "amount", "currency", "earned_on"],
  optional: ["agreement_id", "offer_id", "funded_by", "status", "payment_id", "paid_on", "recorded_at"],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [id, marketplace, program, kind] = [at("incentive_id"), at("marketplace"), at("program"), at("kind")];
    const [amount, currency, earned, agreement] = [at("amount"), at("currency"), at("earned_on"), at("agreement_id")];
    const [offer, funder, status, payment] = [at("offer_id"), at("funded_by"), at("status"), at("payment_id")];
    const [paidOn, recorded] = [at("paid_on"), at("recorded_at")];
    const payments = new Map<
      string,
      { readonly line: number; readonly day: number; readonly currency: string; sum: bigint }
    >();
    return {
      row: () => {
        const place = sheet.text(marketplace).toLowerCase();
        const word = sheet.text(kind).toLowerCase();
        const funded = sheet.text(funder).toLowerCase();
        const state = states[sheet.text(status).toLowerCase()];
        const day = sheet.day(earned);
        const isCredit = word === "buyer_credit";
        if (!isMarketplace(place)) sheet.refuse(marketplace, "the row names no marketplace", "aws, azure or gcp");
        else if (word !== "incentive" && !isCredit)
          sheet.refuse(kind, `${JSON.stringify(word.slice(0, 40))} is no kind`, asWritten);
        else if (isCredit && funded !== "us" && funded !== "marketplace")
          sheet.refuse(funder, "nobody stands for who pays the credit", "write us or marketplace");
        else if (state === undefined) sheet.refuse(status, "the status is not known", "expected, paid or rejected");
        else if (day === null)
          sheet.refuse(earned, "the row has no date", "write the day on which it was earned or given");
        else {
          const micros = sheet.amount(amount);
          const inCurrency = sheet.currency(currency);
          // What a credit costs us is ours alone where we pay it.
          const net = isCredit ? (funded === "us" ? -micros : 0n) : micros;
          const payoutKey = sheet.id(payment);
          const paidDay = sheet.day(paidOn);
          if (payoutKey !== null && paidDay !== null && place !== "azure") {
            const known = payments.get(`${place}|${payoutKey}`);
            if (known === undefined)
              payments.set(`${place}|${payoutKey}`, {
                line: sheet.lineNumber(),
                day: paidDay,
                currency: inCurrency,
                sum: net,
              });
            else known.sum += net;
          }
          file.facts.lines.push(
            lineOf({
              ...{ marketplace: place, key: sheet.key(id), kind: isCredit ? kinds.buyer_credit : kinds.incentive },
              ...{ part: "incentive", currency: inCurrency, amount: micros, net, paid: state, payoutKey },
              settled: place === "aws" ? -net : net,
              agreementId: sheet.id(agreement),
              offerId: sheet.id(offer),
              reference: file.strings.shared(sheet.text(program)),
              occurredDay: day,
              invoicedDay: day,
              disbursedDay: paidDay,
              knownSecond: sheet.second(recorded) ?? day * 86_400,
              file: file.index,
              line: sheet.lineNumber(),
            }),
          );
        }
      },
      // Microsoft's payments have a report of their own; elsewhere the rows of a payment are its header.
      end: () => {
        for (const [key, { line, day, currency: inCurrency, sum }] of payments) {
          const [place = "", paymentId = ""] = key.split("|");
          if (!isMarketplace(place)) continue;
          file.facts.payments.push({
            ...{ key: paymentId, marketplace: place, paymentId, currency: inCurrency, amount: sum, earned: null, day },
            ...{ knownSecond: day * 86_400, deleted: false, file: file.index, line },
          });
        }
      },
    };
  },
};
