/** What a close says of files, restatements, schedules, tax, conversion and tolerances, and what of it blocks a lock. */
import { describe, expect, it } from "vitest";
import type { CloseException } from "../src/domain/finance/exception.ts";
import { exceptionsTable, toleranceTable } from "../src/domain/finance/pack/findings.ts";
import { indicatorsTable } from "../src/domain/finance/pack/indicators.ts";
import { csvRows } from "../src/domain/finance/pack/table.ts";
import { closeInMemory, readFiles } from "./ledger.ts";

const windows = {
  invoice_overdue: 50,
  accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
  aws_disbursement_after_collection: 45,
  azure_disbursement_after_expected: 30,
  gcp_disbursement_after_expected: 10,
  bank_after_disbursement: 5,
};
const eventColumns = [
  ...["billing_event_id", "action", "transaction_type", "parent_billing_event_id", "currency", "amount"],
  ...["disbursement_currency", "disbursement_amount", "invoice_date", "agreement_id", "invoice_id", "update_date"],
  "delete_date",
] as const;
type Event = Partial<Record<(typeof eventColumns)[number], string>>;
const events = (...rows: readonly Event[]): string =>
  [
    eventColumns.join(","),
    ...rows.map((row) =>
      eventColumns
        .map(
          (name) =>
            ({
              ...{ action: "INVOICED", transaction_type: "SELLER_REV_SHARE", currency: "USD", amount: "100.00" },
              ...{ invoice_date: "2026-05-10", agreement_id: "agmt-1", update_date: "2026-05-11T00:00:00Z" },
              ...row,
            })[name] ?? "",
        )
        .join(","),
    ),
    "",
  ].join("\n");
const agreement = {
  ...{ marketplace: "aws", agreement_id: "agmt-1", offer_id: "offer-1", status: "ACTIVE", start: "2026-05-10" },
  ...{ currency: "USD", total_contract_value: "100.00", schedule: [{ date: "2026-05-10", amount: "100.00" }] },
};
const closeOf = (files: Readonly<Record<string, string>>, policy: object = {}) =>
  closeInMemory(
    Object.entries({
      "policy.json": JSON.stringify({ tolerance: { minor_units_per_instalment: 1 }, windows_days: windows, ...policy }),
      "agreements.json": JSON.stringify([agreement]),
      ...files,
    }),
  );
const told = (close: { readonly exceptions: readonly CloseException[] }, type: string) =>
  close.exceptions
    .filter((one) => one.type === type)
    .map(({ subjectId, amount, currency }) => `${subjectId} ${amount} ${currency}`);

describe("a file that the policy's calendar expects", () => {
  const expected = { expected_files: [{ format: "aws.billing-event", from: "2026-03", due_days: 10 }] };
  it("is missing from the day it is due, for each month that no file's name or invoice covers, and blocks the close", () => {
    const close = closeOf(
      {
        "billingevents/year=2026/month=03/data.csv": events(),
        "billingevents.csv": events({ billing_event_id: "b1" }),
      },
      expected,
    );
    expect(told(close, "MISSING_FILE")).toEqual(["aws.billing-event 2026-04 0 XXX"]);
    expect(close.blocks.map(({ type }) => type)).toEqual(["MISSING_FILE"]);
    const [, row = ""] = [...csvRows(exceptionsTable(close))].filter(
      (text) => text.startsWith("id,") || text.includes("MISSING_FILE"),
    );
    // Due on the eleventh of May; as of the thirtieth of June it is 50 days late.
    expect(row).toMatch(/aws,0\.00,XXX,2026-05-11,50,Finance,ask the marketplace/);
  });
  it("is asked for by nobody without such a calendar, and not after the month in which it ends", () => {
    expect(told(closeOf({}), "MISSING_FILE")).toEqual([]);
    const ended = { expected_files: [{ format: "bank.statement", from: "2026-01", until: "2026-02" }] };
    expect(told(closeOf({}, ended), "MISSING_FILE")).toEqual([
      "bank.statement 2026-01 0 XXX",
      "bank.statement 2026-02 0 XXX",
    ]);
  });
});

describe("a column that no reader knows", () => {
  it("is an exception of its file, which counts all the same", () => {
    const text = events({ billing_event_id: "b1" });
    const [header, row] = text.split("\n");
    const close = closeOf({ "billingevents.csv": `${header},novelty\n${row},x\n` });
    expect(close.exceptions.find(({ type }) => type === "SCHEMA_DRIFT")).toMatchObject({
      ...{ subjectType: "file", subjectId: "billingevents.csv", cause: "novelty" },
      details: { columns: "novelty", format: "aws.billing-event" },
    });
    expect([close.lines.length, close.blocks]).toEqual([1, []]);
  });
});

describe("a line of which an earlier version said another amount", () => {
  const first = { billing_event_id: "b1" };
  const later = { ...first, amount: "90.00", update_date: "2026-06-02T00:00:00Z" };
  it("is restated by the difference, whichever version is read first", () => {
    for (const rows of [
      [first, later],
      [later, first, first],
    ])
      expect(told(closeOf({ "billingevents.csv": events(...rows) }), "RESTATED")).toEqual(["b1 -10000000 USD"]);
  });
  it("is restated to nothing when it is taken back, and not at all when only its dates move", () => {
    const gone = { ...first, update_date: "2026-06-02T00:00:00Z", delete_date: "2026-06-02T00:00:00Z" };
    expect(told(closeOf({ "billingevents.csv": events(first, gone) }), "RESTATED")).toEqual(["b1 -100000000 USD"]);
    const moved = { ...first, invoice_date: "2026-05-12", update_date: "2026-06-02T00:00:00Z" };
    expect(told(closeOf({ "billingevents.csv": events(first, moved) }), "RESTATED")).toEqual([]);
  });
});

describe("a schedule", () => {
  const charges = (...rows: readonly string[]) => ({
    "agreementcharges.csv": ["agreement_id,term_id,currency_code,amount,time,update_date", ...rows, ""].join("\n"),
  });
  it("that the marketplace has otherwise than our own record changed, by what the whole grew", () => {
    const close = closeOf(
      charges("agmt-1,t,USD,60.00,2026-05-10,2026-05-10", "agmt-1,t,USD,60.00,2026-08-10,2026-05-10"),
    );
    expect(told(close, "SCHEDULE_CHANGED")).toEqual(["agmt-1 20000000 USD"]);
    expect(close.exceptions.find(({ type }) => type === "SCHEDULE_CHANGED")?.details).toEqual({
      ...{ was: "2026-05-10 100.00", now: "2026-05-10 60.00, 2026-08-10 60.00", against: "our own record" },
    });
    expect(told(closeOf(charges("agmt-1,t,USD,100.00,2026-05-10,2026-05-10")), "SCHEDULE_CHANGED")).toEqual([]);
  });
  it("that the marketplace restates changed too, where we have no record of our own", () => {
    const was = "agmt-1,t,USD,100.00,2026-05-10,2026-05-10";
    const unrecorded = { "agreements.json": JSON.stringify([{ ...agreement, schedule: [] }]) };
    const close = closeOf({ ...unrecorded, ...charges(was, "agmt-1,t,USD,70.00,2026-05-10,2026-06-01") });
    expect(told(close, "SCHEDULE_CHANGED")).toEqual(["agmt-1 -30000000 USD"]);
    expect(told(closeOf({ ...unrecorded, ...charges(was, was) }), "SCHEDULE_CHANGED")).toEqual([]);
  });
});

describe("sales tax", () => {
  const sale = { billing_event_id: "b1" };
  const theirs = { billing_event_id: "t1", transaction_type: "AWS_TAX_SHARE", amount: "7.00" };
  const ours = { billing_event_id: "t2", transaction_type: "SELLER_TAX_SHARE", amount: "8.00" };
  it("of both sides under one agreement, or of the side that the policy does not expect, is a mismatch of what we hand over", () => {
    const file = (...rows: readonly Event[]) => ({ "billingevents.csv": events(sale, ...rows) });
    expect(told(closeOf(file(theirs, ours)), "TAX_MODEL_MISMATCH")).toEqual(["agmt-1 8000000 USD"]);
    expect(told(closeOf(file(ours)), "TAX_MODEL_MISMATCH")).toEqual([]);
    expect(told(closeOf(file(ours), { tax_model: { aws: "marketplace" } }), "TAX_MODEL_MISMATCH")).toEqual([
      "agmt-1 8000000 USD",
    ]);
    expect(told(closeOf(file(theirs), { tax_model: { aws: "seller" } }), "TAX_MODEL_MISMATCH")).toEqual([
      "agmt-1 0 USD",
    ]);
    expect(told(closeOf(file(theirs), { tax_model: { aws: "marketplace" } }), "TAX_MODEL_MISMATCH")).toEqual([]);
  });
});

describe("the tax item feed of AWS", () => {
  const sale = { billing_event_id: "b1", invoice_id: "I1" };
  const ours = { billing_event_id: "t2", transaction_type: "SELLER_TAX_SHARE", amount: "8.00" };
  const items = (party: string) =>
    `tax_item_id,invoice_id,line_item_id,tax_liable_party,tax_amount,tax_currency,update_date\ni1,I1,,${party},8.00,USD,2026-05-11\n`;
  it("says who is liable for an invoice line, which tax that came to the other side contradicts", () => {
    const mismatch = (party: string) => {
      const files = { "billingevents.csv": events(sale, ours), "taxitemfeed_v1/data.csv": items(party) };
      return told(closeOf(files), "TAX_MODEL_MISMATCH");
    };
    expect(mismatch("AWS")).toEqual(["agmt-1 8000000 USD"]);
    expect([...mismatch("Seller"), ...mismatch("")]).toEqual([]);
    expect(() => mismatch("Nobody")).toThrow(/tax_liable_party.*nobody/);
  });
});

describe("conversion", () => {
  const sale = { billing_event_id: "b1", currency: "EUR", disbursement_currency: "USD", disbursement_amount: "110.00" };
  const paid = (settled: string) => ({
    ...{ ...sale, billing_event_id: "d1", action: "DISBURSED", parent_billing_event_id: "b1" },
    ...{ amount: "-100.00", disbursement_amount: settled },
  });
  it("leaves a residual where a sale that is paid out whole brought another sum than was promised, and none while it is open", () => {
    const residual = (...rows: readonly Event[]) =>
      told(closeOf({ "billingevents.csv": events(...rows) }), "FX_RESIDUAL");
    expect(residual(sale, paid("-109.20"))).toEqual(["agmt-1 800000 USD"]);
    expect(residual(sale, paid("-110.00"))).toEqual([]);
    expect(residual(sale)).toEqual([]);
    expect(residual(sale, { ...paid("-50.00"), amount: "-50.00" })).toEqual([]);
  });
});

describe("shares in key figures", () => {
  it("are whole numbers rounded half up, with Wilson's interval: 40 won of 100 lie between 30.9 and 49.8 percent", () => {
    const deal = (index: number): string =>
      `D${index},Acme,acme.example,1.00,USD,2026-01-01,${index < 40 ? "Closed Won" : "Closed Lost"},,`;
    const header = "deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id";
    const files = {
      "policy.json": JSON.stringify({ tolerance: { minor_units_per_instalment: 1 }, windows_days: windows }),
      "deals.csv": `${[header, ...Array.from({ length: 100 }, (_, index) => deal(index))].join("\n")}\n`,
    };
    const rates = indicatorsTable(closeInMemory(Object.entries(files)), readFiles(Object.entries(files))).rows;
    expect(rates.find(([figure, group]) => figure === "win rate" && group === "without co-sell")).toEqual([
      ...["win rate", "without co-sell", "40.0 %", "30.9 % to 49.8 %", 100],
    ]);
  });
});

describe("what tolerances absorb", () => {
  const odd = events({ billing_event_id: "b1", amount: "100.01" });
  it("is added up by month, and blocks the close above the policy's cap", () => {
    const close = closeOf({ "billingevents.csv": odd });
    expect([...csvRows(toleranceTable(close))][1]).toBe("2026-05,aws,USD,instalment,1,0.01\r\n");
    expect(close.blocks).toEqual([]);
    const capped = (cap: string) =>
      closeOf(
        { "billingevents.csv": odd },
        { tolerance: { minor_units_per_instalment: 1, cap_per_period: { USD: cap } } },
      );
    expect(capped("0.01").blocks).toEqual([]);
    expect(capped("0.009").blocks).toMatchObject([
      { type: "TOLERANCE_CAP", subjectId: "tolerance 2026-05 USD", amount: 10_000n },
    ]);
  });
});
