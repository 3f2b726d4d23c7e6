/** The agreement and agreement charge feeds: https://docs.aws.amazon.com/marketplace/latest/userguide/data-feed-agreement.html */
import type { CsvFormat } from "../../contract-reports.ts";
import { historyColumns, historyOf } from "./history.ts";

export const agreementFormat: CsvFormat = {
  id: "aws.agreement",
  title: "AWS agreement feed",
  shape: "csv",
  path: /agreementfeed/i,
  required: ["agreement_id", "offer_id", "acceptor_account_id", "start_time", "status"],
  optional: [
    "proposer_account_id",
    "end_time",
    "acceptance_time",
    "intent",
    "preceding_agreement_id",
    "status_reason_code",
    "currency_code",
    "estimated_agreement_value",
    "offer_set_id",
    ...historyColumns,
  ],
  open: (sheet, file) => {
    const [agreement, offer, buyer] = [
      sheet.column("agreement_id"),
      sheet.column("offer_id"),
      sheet.column("acceptor_account_id"),
    ];
    const [start, status, intent] = [sheet.column("start_time"), sheet.column("status"), sheet.column("intent")];
    const [currency, value] = [sheet.column("currency_code"), sheet.column("estimated_agreement_value")];
    const history = historyOf(sheet);
    return {
      row: () => {
        const agreementId = sheet.key(agreement);
        const valued = sheet.text(value) !== "" && sheet.text(currency) !== "";
        file.facts.agreements.push({
          key: agreementId,
          marketplace: "aws",
          agreementId,
          offerId: sheet.id(offer),
          buyerKey: sheet.id(buyer),
          status: file.strings.shared(sheet.text(status)),
          renewal: sheet.text(intent) === "RENEW",
          channel: false,
          startDay: sheet.day(start),
          currency: valued ? sheet.currency(currency) : "",
          contractValue: valued ? sheet.amount(value) : null,
          schedule: [],
          own: false,
          knownSecond: history.knownSecond(),
          deleted: history.deleted(),
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};

export const agreementChargeFormat: CsvFormat = {
  id: "aws.agreement-charge",
  title: "AWS agreement charge feed",
  shape: "csv",
  path: /agreementcharge/i,
  required: ["agreement_id", "term_id", "currency_code", "amount", "time"],
  optional: [...historyColumns],
  open: (sheet, file) => {
    const [agreement, term, time] = [sheet.column("agreement_id"), sheet.column("term_id"), sheet.column("time")];
    const [currency, amount] = [sheet.column("currency_code"), sheet.column("amount")];
    const history = historyOf(sheet);
    return {
      row: () => {
        const agreementId = sheet.id(agreement) ?? "";
        const day = sheet.day(time);
        if (day === null) {
          sheet.refuse(time, "the charge has no date", "download the feed again");
          return;
        }
        file.facts.instalments.push({
          key: `${agreementId}|${sheet.text(term)}|${sheet.text(time)}`,
          marketplace: "aws",
          agreementId,
          day,
          amount: sheet.amount(amount),
          currency: sheet.currency(currency),
          knownSecond: history.knownSecond(),
          deleted: history.deleted(),
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};
