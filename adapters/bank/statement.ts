/** A bank statement as CSV with the columns named here; other banks' columns are named in a mapping file. */
import { secondOfDay } from "../../src/domain/finance/day.ts";
import type { CsvFormat } from "../contract-reports.ts";

export const statementFormat: CsvFormat = {
  id: "bank.statement",
  title: "Bank statement (CSV)",
  shape: "csv",
  path: /bank|statement/i,
  required: ["bank_txn_id", "value_date", "currency", "amount", "counterparty", "reference"],
  optional: [],
  open: (sheet, file) => {
    const [id, on, currency, amount] = [
      sheet.column("bank_txn_id"),
      sheet.column("value_date"),
      sheet.column("currency"),
      sheet.column("amount"),
    ];
    const [payer, reference] = [sheet.column("counterparty"), sheet.column("reference")];
    return {
      row: () => {
        const depositId = sheet.key(id);
        const day = sheet.day(on);
        if (day === null) {
          sheet.refuse(on, "the transaction has no date", "export the statement again");
          return;
        }
        file.facts.deposits.push({
          key: depositId,
          depositId,
          day,
          currency: sheet.currency(currency),
          amount: sheet.amount(amount),
          payer: file.strings.shared(sheet.text(payer)),
          reference: file.strings.loose(sheet.text(reference)),
          knownSecond: secondOfDay(day),
          deleted: false,
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};
