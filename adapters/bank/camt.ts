/**
 * A bank statement in ISO 20022 camt.053: https://www.iso20022.org/iso-20022-message-definitions
 * Booked entries alone; a batch is read by its transactions where they say their own amounts.
 */
import { amountOf, amountProblem } from "../../src/domain/finance/amount.ts";
import { dayOf, secondOfDay } from "../../src/domain/finance/day.ts";
import { isCurrency } from "../../src/domain/money.ts";
import { type DocumentFormat, RefusedDocument, type ReportFile } from "../contract-reports.ts";
import { below, childrenOf, type Element, parseXml, XmlError } from "../xml.ts";

const again = "ask the bank for the statement again, as camt.053";
const refused = (place: string, message: string, fix = again): RefusedDocument =>
  new RefusedDocument([{ place, message, fix }]);

export const camtFormat: DocumentFormat = {
  id: "bank.camt053",
  title: "Bank statement (camt.053)",
  shape: "xml",
  path: /\.xml$/i,
  read: (text, file) => {
    const statements = childrenOf(below(documentOf(text), "BkToCstmrStmt"), "Stmt");
    if (statements.length === 0) throw refused("Document", "the document holds no statement (BkToCstmrStmt/Stmt)");
    for (const statement of statements) readStatement(statement, file);
  },
};

const documentOf = (text: string): Element => {
  try {
    return parseXml(text);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    throw refused(`line ${error.line}`, error.message);
  }
};

const readStatement = (statement: Element, file: ReportFile): void => {
  const id = below(statement, "Id")?.text ?? "";
  const account =
    below(statement, "Acct", "Id", "IBAN")?.text ?? below(statement, "Acct", "Id", "Othr", "Id")?.text ?? "";
  let sum = 0n;
  for (const [index, entry] of childrenOf(statement, "Ntry").entries()) {
    const place = `statement ${id}, entry ${index + 1}`;
    const status = below(entry, "Sts", "Cd")?.text ?? below(entry, "Sts")?.text ?? "BOOK";
    if (status !== "BOOK") continue;
    const total = signedAmount(entry, entry, place);
    sum += total.amount;
    const day = entryDay(entry, place);
    const reference = below(entry, "AcctSvcrRef")?.text ?? below(entry, "NtryRef")?.text ?? `${id}/${index + 1}`;
    const parts = partsOf(entry, total, place);
    for (const [number, part] of parts.entries()) {
      // An entry's own reference is the bank's; a transaction of a batch is numbered in it.
      const depositId = `${account}|${reference}${parts.length > 1 ? `/${number + 1}` : ""}`;
      file.facts.deposits.push({
        key: depositId,
        depositId,
        day,
        currency: total.currency,
        amount: part.amount,
        payer: part.payer,
        reference: part.reference,
        knownSecond: secondOfDay(day),
        deleted: false,
        file: file.index,
        line: index + 1,
      });
    }
  }
  checkBalance(statement, sum, `statement ${id}`);
};

interface Signed {
  readonly amount: bigint;
  readonly currency: string;
}

/** Credits are positive. `CdtDbtInd` already says the direction of a reversal. */
const signedAmount = (holder: Element, entry: Element, place: string): Signed => {
  const amount = below(holder, "Amt");
  const micros = amountOf(amount?.text ?? "");
  if (micros === null) {
    const problem = amountProblem(amount?.text ?? "");
    throw refused(`${place}, Amt`, problem.message, problem.fix);
  }
  const currency = amount?.attributes.Ccy ?? "";
  if (!isCurrency(currency)) throw refused(`${place}, Amt`, `${JSON.stringify(currency)} is no currency code`);
  const direction = below(holder, "CdtDbtInd")?.text ?? below(entry, "CdtDbtInd")?.text;
  if (direction !== "CRDT" && direction !== "DBIT")
    throw refused(`${place}, CdtDbtInd`, "neither credit (CRDT) nor debit (DBIT) is said");
  return { amount: direction === "CRDT" ? micros : -micros, currency };
};

const entryDay = (entry: Element, place: string): number => {
  const date = below(entry, "ValDt") ?? below(entry, "BookgDt");
  const text = below(date, "Dt")?.text ?? below(date, "DtTm")?.text.slice(0, 10) ?? "";
  const day = dayOf(text);
  if (day === null) throw refused(`${place}, ValDt`, `${JSON.stringify(text)} is no date`);
  return day;
};

interface Part {
  readonly amount: bigint;
  readonly payer: string;
  readonly reference: string;
}

/** The transactions of an entry where all say amounts in the entry's currency and add up to it; else the entry. */
const partsOf = (entry: Element, total: Signed, place: string): readonly Part[] => {
  const details = childrenOf(entry, "NtryDtls").flatMap((group) => childrenOf(group, "TxDtls"));
  const whole = [{ amount: total.amount, ...wordsOf(entry, details[0]) }];
  if (details.length < 2) return whole;
  if (details.some((detail) => below(detail, "Amt") === undefined)) return whole;
  const parts = details.map((detail) => ({ ...signedAmount(detail, entry, place), ...wordsOf(entry, detail) }));
  const adds = parts.reduce((sum, part) => sum + part.amount, 0n) === total.amount;
  return adds && parts.every((part) => part.currency === total.currency) ? parts : whole;
};

const wordsOf = (
  entry: Element,
  detail: Element | undefined,
): { readonly payer: string; readonly reference: string } => {
  const payer =
    below(detail, "RltdPties", "Dbtr", "Nm")?.text ?? below(detail, "RltdPties", "Dbtr", "Pty", "Nm")?.text ?? "";
  const words = [
    ...childrenOf(below(detail, "RmtInf"), "Ustrd").map((one) => one.text),
    ...childrenOf(below(detail, "RmtInf"), "Strd").map((one) => below(one, "CdtrRefInf", "Ref")?.text ?? ""),
    below(detail, "Refs", "EndToEndId")?.text ?? "",
    below(entry, "AddtlNtryInf")?.text ?? "",
  ];
  return { payer, reference: words.filter((word) => word !== "" && word !== "NOTPROVIDED").join(" ") };
};

/** What the booked entries add up to lies between the opening and the closing balance, where both are given. */
const checkBalance = (statement: Element, sum: bigint, place: string): void => {
  const balance = (codes: readonly string[]): bigint | null => {
    const found = childrenOf(statement, "Bal").find((one) =>
      codes.includes(below(one, "Tp", "CdOrPrtry", "Cd")?.text ?? ""),
    );
    return found === undefined ? null : signedAmount(found, found, `${place}, balance`).amount;
  };
  const opening = balance(["OPBD", "PRCD"]);
  const closing = balance(["CLBD"]);
  if (opening !== null && closing !== null && opening + sum !== closing)
    throw refused(place, "the entries do not lead from the opening to the closing balance: the file may be cut off");
};
