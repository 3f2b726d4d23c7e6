/** A bank's own CSV: a mapping file beside the statements names its columns and how it writes dates and amounts. */
import * as z from "zod";
import { amountOf, amountProblem } from "../../src/domain/finance/amount.ts";
import { dayOf, secondOfDay } from "../../src/domain/finance/day.ts";
import type { Column, Sheet } from "../../src/domain/finance/sheet.ts";
import { isCurrency } from "../../src/domain/money.ts";
import type { CsvFormat, DefiningFormat } from "../contract-reports.ts";
import { parseDocument } from "../document.ts";

const name = z.string().min(1).max(200);

export const bankMappingSchema = z.object({
  format: z.literal("cosell.bank-mapping/1"),
  columns: z
    .object({
      id: name.optional(),
      date: name,
      currency: name.optional(),
      /** Either one signed amount, or what came in and what went out. */
      amount: name.optional(),
      credit: name.optional(),
      debit: name.optional(),
      payer: name,
      reference: name,
    })
    .refine(({ amount, credit }) => (amount === undefined) !== (credit === undefined), "name either amount or credit"),
  /** How days are written, in the letters Y, M and D. */
  date: z.enum(["YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "YYYYMMDD"]).default("YYYY-MM-DD"),
  decimal: z.enum([".", ","]).default("."),
  thousands: z.enum(["", ",", ".", " ", "'"]).default(""),
  /** The statement's currency where no column says it. */
  currency: z.string().refine(isCurrency, "an ISO 4217 code such as EUR").optional(),
});
export type BankMapping = z.infer<typeof bankMappingSchema>;

const mapped = { id: "bank.mapped-statement", title: "Bank statement (CSV, mapped)" };

export const mappingFormat: DefiningFormat = {
  id: "bank.mapping",
  title: "Mapping of a bank's columns",
  shape: "defining",
  path: /bank[^/]*mapping[^/]*\.json$|bank\/(?:[^/]+\/)*[^/]*mapping[^/]*\.json$/i,
  defines: mapped,
  define: (text) => mappedStatement(parseDocument(bankMappingSchema, text)),
};

/** A statement's format after its mapping. */
export const mappedStatement = (mapping: BankMapping): CsvFormat => {
  const { columns } = mapping;
  return {
    ...mapped,
    shape: "csv",
    path: /bank|statement/i,
    required: Object.values(columns).filter((column) => column !== undefined),
    optional: [],
    open: (sheet, file) => {
      const at = (column: string | undefined): Column => (column === undefined ? -1 : sheet.column(column));
      const [id, on, money] = [at(columns.id), at(columns.date), at(columns.currency)];
      const [amount, credit, debit] = [at(columns.amount), at(columns.credit), at(columns.debit)];
      const [payer, reference] = [at(columns.payer), at(columns.reference)];
      return {
        row: () => {
          const day = mappedDay(sheet, on, mapping.date);
          if (day === null) return;
          const value = mappedAmount(sheet, amount, mapping);
          const received = mappedAmount(sheet, credit, mapping);
          const spent = mappedAmount(sheet, debit, mapping);
          const micros = amount >= 0 ? value : received - (spent < 0n ? -spent : spent);
          const currency = money >= 0 ? sheet.currency(money) : (mapping.currency ?? "");
          if (currency === "") sheet.refuse(on, "the currency is unknown", 'name it in the mapping: "currency": "EUR"');
          const words = { payer: sheet.text(payer), reference: sheet.text(reference) };
          // Without an id of the bank's, the row itself is the key.
          const depositId = id >= 0 ? sheet.key(id) : `row:${sheet.contentHash()}`;
          file.facts.deposits.push({
            key: depositId,
            depositId,
            day,
            currency,
            amount: micros,
            payer: file.strings.shared(words.payer),
            reference: file.strings.loose(words.reference),
            knownSecond: secondOfDay(day),
            deleted: false,
            file: file.index,
            line: sheet.lineNumber(),
          });
        },
      };
    },
  };
};

const mappedAmount = (sheet: Sheet, column: Column, { decimal, thousands }: BankMapping): bigint => {
  const text = sheet.text(column);
  if (text === "") return 0n;
  const grouped =
    thousands === "" ? text : text.replace(new RegExp(`(\\d)\\${thousands}(?=\\d{3}(?:\\D|$))`, "g"), "$1");
  const micros = decimal === "," && grouped.includes(".") ? null : amountOf(grouped.replace(decimal, "."));
  if (micros !== null) return micros;
  const { message } = amountProblem(text);
  sheet.refuse(column, message, "write it as the mapping file says, or correct decimal and thousands there");
  return 0n;
};

const orders: Readonly<Record<BankMapping["date"], RegExp>> = {
  "YYYY-MM-DD": /^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})$/,
  "DD.MM.YYYY": /^(?<day>\d{2})\.(?<month>\d{2})\.(?<year>\d{4})$/,
  "DD/MM/YYYY": /^(?<day>\d{2})\/(?<month>\d{2})\/(?<year>\d{4})$/,
  "MM/DD/YYYY": /^(?<month>\d{2})\/(?<day>\d{2})\/(?<year>\d{4})$/,
  YYYYMMDD: /^(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})$/,
};

const mappedDay = (sheet: Sheet, column: Column, form: BankMapping["date"]): number | null => {
  const text = sheet.text(column);
  const parts = orders[form].exec(text)?.groups;
  const day = parts === undefined ? null : dayOf(`${parts.year}-${parts.month}-${parts.day}`);
  if (day === null)
    sheet.refuse(
      column,
      `${JSON.stringify(text.slice(0, 40))} is no date of the form ${form}`,
      "correct date in the mapping file",
    );
  return day;
};
