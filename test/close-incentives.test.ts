/** Co-sell incentives and credits of buyers: lines of their own beside revenue, in tables, journals and the bank alike. */
import { describe, expect, it } from "vitest";
import { answerOf } from "../src/domain/finance/answer.ts";
import type { Close } from "../src/domain/finance/close.ts";
import { noFacts } from "../src/domain/finance/facts.ts";
import { incentivesTable } from "../src/domain/finance/pack/incentives.ts";
import { indicatorsTable } from "../src/domain/finance/pack/indicators.ts";
import { journalsOf } from "../src/domain/finance/pack/journals.ts";
import { balancesOf, movementsOf } from "../src/domain/finance/pack/movements.ts";
import { csvRows } from "../src/domain/finance/pack/table.ts";
import { postingsOf } from "../src/domain/finance/posting.ts";
import { closeInMemory, drawLedger } from "./ledger.ts";

const header =
  "incentive_id,marketplace,program,kind,amount,currency,earned_on,agreement_id,funded_by,status,payment_id,paid_on,recorded_at";
const incentives = (...rows: readonly string[]): string => [header, ...rows, ""].join("\n");
const { files } = drawLedger(20_261, 6);
const statement = (...rows: readonly string[]): string =>
  `${files["statement.csv"] ?? "bank_txn_id,value_date,currency,amount,counterparty,reference\n"}${rows.join("\n")}\n`;
const close = (more: Readonly<Record<string, string>>): Close => closeInMemory(Object.entries({ ...files, ...more }));
const plain = close({});
const agreement = plain.links.find(
  ({ agreement: { lines, marketplace } }) => marketplace === "aws" && lines.length > 0,
)?.agreement;
const linked = agreement?.id ?? "none";
const rows = incentives(
  `I1,aws,ISV Accelerate,incentive,500.00,USD,2026-05-02,${linked},,paid,P77,2026-06-02,2026-06-03`,
  "I2,gcp,MCCP,buyer_credit,90.00,USD,2026-05-02,,marketplace,,,,",
  "I3,aws,Promotion,buyer_credit,40.00,USD,2026-05-02,,us,,,,",
  "I4,aws,ISV Accelerate,incentive,30.00,USD,2026-05-02,,,rejected,,,",
  "I1,aws,ISV Accelerate,incentive,450.00,USD,2026-05-02,,,expected,,,2026-05-03",
);
const paid = {
  "cosell-incentives.csv": rows,
  "statement.csv": statement("B77,2026-06-04,USD,500.00,AMAZON WEB SERVICES,P77"),
};

describe("incentives and credits of buyers", () => {
  it("change no figure of sales, fees or days to cash: only what was paid out and received", () => {
    const [before, after] = [answerOf(plain), answerOf(close({ "cosell-incentives.csv": rows }))];
    const { disbursed_net: was, ...sales } = before.money.aws?.USD ?? {};
    const { disbursed_net: is, ...same } = after.money.aws?.USD ?? {};
    expect(same).toEqual(sales);
    expect(Number(is ?? 0) - Number(was ?? 0)).toBe(500);
    expect([after.credits, after.money.gcp]).toEqual([before.credits, before.money.gcp]);
    const figures = (one: Close) => indicatorsTable(one, noFacts()).rows;
    expect(figures(close(paid))).toEqual(figures(plain));
  });
  it("stand in a table of their own, with the newest version of each, who pays, and what is ours of it", () => {
    const [, ...lines] = [...csvRows(incentivesTable(close(paid)))];
    const deal = plain.links.find((link) => link.agreement === agreement)?.parts[0]?.deal.dealId ?? "";
    expect(lines.map((line) => line.trimEnd())).toEqual([
      `aws,I1,incentive,ISV Accelerate,${linked},${deal},paid,500.00,500.00,USD,2026-05-02,P77,2026-06-02`,
      "aws,I3,buyer credit,Promotion,,,expected,40.00,-40.00,USD,2026-05-02,,",
      "aws,I4,incentive,ISV Accelerate,,,rejected,30.00,0.00,USD,2026-05-02,,",
      "gcp,I2,buyer credit,MCCP,,,expected,90.00,0.00,USD,2026-05-02,,",
    ]);
  });
  it("post into journals of their own, which leave the accounts of sales as they were", () => {
    const [without, wanting] = [movementsOf(plain), movementsOf(close(paid))];
    for (const account of ["receivable", "revenue", "fees", "refunds", "cash_in_transit"] as const)
      expect(balancesOf(wanting, account), account).toEqual(balancesOf(without, account));
    expect(balancesOf(wanting, "incentive_income").get("aws|USD")).toBe(-500_000_000n);
    // 500 earned and paid, 40 of a credit that we pay.
    expect(balancesOf(wanting, "incentive_receivable").get("aws|USD")).toBe(-40_000_000n);
    const journals = journalsOf(postingsOf(wanting), plain.asOfDay);
    const own = journals.filter(({ lines }) =>
      lines.some(({ memo }) => memo.startsWith("incentive") || memo === "buyer_credit"),
    );
    expect(own.map(({ id }) => id)).toEqual([
      `2026-05-aws-USD-${linked}-incentives`,
      "2026-05-aws-USD-incentives",
      `2026-06-aws-USD-${linked}-incentives`,
    ]);
    for (const { lines } of own) expect(lines.every(({ account }) => account !== "receivable")).toBe(true);
  });
  it("are tied to the bank like any payout: nothing is unknown, and what did not come is missed", () => {
    const about = (one: Close) =>
      one.exceptions.filter(({ subjectId }) => ["P77", "B77"].includes(subjectId)).map(({ type }) => type);
    expect(about(close(paid))).toEqual([]);
    expect(about(close({ "cosell-incentives.csv": rows }))).toEqual(["MISSING_BANK_DEPOSIT"]);
  });
  it("are refused where a credit does not say who pays it", () => {
    const wrong = incentives("I2,gcp,MCCP,buyer_credit,90.00,USD,2026-05-02,,,,,,");
    expect(() => close({ "cosell-incentives.csv": wrong })).toThrow(/funded_by.*us or marketplace/);
  });
});

describe("Microsoft's incentive earnings", () => {
  const columns =
    "earningId,programName,lever,earningType,earningAmount,transactionCurrency,earningDate,paymentStatus,paymentId,transactionId";
  const report = [
    columns,
    ...["t1", "t2"].map((id) => `E1,Commercial Incentives,Growth,Rebate,120.50,USD,2026-04-30,Sent,0042,${id}`),
    "",
  ].join("\n");
  const payments =
    "paymentID,paymentDate,paymentCurrencyCode,totalPayment,programName\n0042,2026-06-15,USD,120.50,Commercial Incentives\n";
  it("count once however many transactions they are printed with, and add up to their payment", () => {
    const one = close({ "incentives-2026-06.csv": report, "incentive-payments.csv": payments });
    const line = one.lines.find(({ key }) => key === "E1");
    expect([line?.kind, line?.amount, line?.reference]).toEqual([
      "INCENTIVE",
      120_500_000n,
      "Commercial Incentives, Growth",
    ]);
    expect(one.payouts.find(({ id }) => id === "0042")?.children).toBe(120_500_000n);
    expect(one.exceptions.filter(({ type }) => type === "CONTROL_TOTAL_BREAK")).toEqual(
      plain.exceptions.filter(({ type }) => type === "CONTROL_TOTAL_BREAK"),
    );
    expect(one.totals.get("azure")?.get("USD")?.get("incentive")).toBe(120_500_000n);
  });
  it("are never read from a sale's earnings of which the fee was left out", () => {
    expect(() => close({ "incentives-2026-06.csv": report.replaceAll("Rebate", "Sell") })).toThrow(
      /earningType.*a sale's/,
    );
  });
});
