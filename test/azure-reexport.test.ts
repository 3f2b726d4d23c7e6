/** Microsoft's reports made a second time: what they repeat is nothing, what they change closes what was said before, in any order. */
import { describe, expect, it } from "vitest";
import { reportFormats } from "../adapters/report-formats.ts";
import { openReport } from "../adapters/report-reading.ts";
import { createCsvReader } from "../src/domain/csv.ts";
import { gatherAgreements } from "../src/domain/finance/agreements.ts";
import { addFacts, type Facts, noFacts } from "../src/domain/finance/facts.ts";
import { createStrings } from "../src/domain/finance/sheet.ts";
import { currentLines, latestOf } from "../src/domain/finance/versions.ts";

interface Export {
  readonly path: string;
  readonly text: string;
  readonly madeSecond?: number;
  readonly redelivery?: number;
}
const june = Date.UTC(2026, 5, 1) / 1_000;
const later = june + 20 * 86_400;
const always = Number.MAX_SAFE_INTEGER;

const read = (files: readonly Export[]): Facts => {
  const facts = noFacts();
  for (const [index, { text, ...named }] of files.entries()) {
    const reader = createCsvReader(",");
    const [header, ...rows] = [...reader.push(text), ...reader.end()];
    const intake = openReport(reportFormats, { index, strings: createStrings(), ...named }, header?.cells ?? []);
    intake.rows(rows);
    const outcome = intake.end();
    if (outcome.status !== "read") throw new Error(`${named.path}: ${JSON.stringify(outcome.problems)}`);
    addFacts(facts, outcome.facts);
  }
  return facts;
};
const orders = <Item>(items: readonly Item[]): readonly (readonly Item[])[] => [items, items.toReversed()];
const table = (...rows: readonly string[]): string => `${rows.join("\n")}\n`;

const earnings = (...states: readonly string[]): string =>
  table(
    "earningId,OrderId,LineItemId,assetId,transactionType,transactionCurrency,transactionAmount,storeFee,earningAmount,paymentStatus,paymentId,earningDate",
    ...states.map((state, at) => `E${at},O${at},L${at},A1,purchase,USD,100,3,97,${state},2026-05-31`),
  );
const incentives = (...states: readonly string[]): string =>
  table(
    "earningId,programName,earningType,earningAmount,transactionCurrency,earningDate,paymentStatus,paymentId",
    ...states.map((state, at) => `I${at},Growth,Rebate,12.50,USD,2026-05-31,${state}`),
  );
const revenue = (...states: readonly string[]): string =>
  table(
    "PurchaseRecordId,LineItemId,BilledMonth,AssetId,TransactionCurrency,BilledRevenue,EarningAmountCC,PayoutStatus,EstimatedPayoutMonth",
    ...states.map((state, at) => `P${at},L${at},2026-05,A1,USD,100,97,${state},2026-07`),
  );
const [upcoming, sent] = ["Upcoming,", "Sent,0042"];

describe.each([
  ["earnings", "earnings-2026-06.csv", earnings(upcoming, sent), earnings(sent, sent)],
  ["incentives", "incentives-2026-06.csv", incentives(upcoming, sent), incentives(sent, sent)],
  ["revenue", "revenue-2026-06.csv", revenue("Upcoming", "Sent"), revenue("Sent", "Sent")],
])("%s exported again", (_, path, before, after) => {
  const said = (files: readonly Export[], until = always) => {
    const { current, ignored, conflicts } = currentLines(read(files).lines, until);
    return {
      sum: current.reduce((sum, { amount }) => sum + amount, 0n),
      paid: current.map(({ paid }) => paid).join(" "),
      ...{ repeated: ignored.repeated, superseded: ignored.superseded, conflicts: conflicts.length },
    };
  };
  const once = said([{ path, text: before, madeSecond: june }]);

  it("counts a row that it repeats once", () => {
    const again = said([
      { path, text: before, madeSecond: june },
      { path, text: before, madeSecond: later },
    ]);
    expect(again).toEqual({ ...once, repeated: 2, superseded: 0, conflicts: 0 });
  });
  it("closes what it says otherwise, whichever file is read first, and leaves what was known before", () => {
    const files = [
      { path, text: before, madeSecond: june },
      { path, text: after, madeSecond: later },
    ];
    for (const given of orders(files)) {
      expect(said(given)).toEqual({ ...once, paid: "sent sent", repeated: 1, superseded: 1, conflicts: 0 });
      expect(said(given, later - 1).paid).toBe("pending sent");
    }
    // And what moves back moves back: the later word counts, not the one that looks further.
    const back = orders([
      { path, text: after, madeSecond: june },
      { path, text: before, madeSecond: later },
    ]);
    for (const given of back) expect(said(given).paid).toBe("pending sent");
  });
  it("of which nobody says when it was made is the later one where its name came before", () => {
    for (const [first, second] of [
      [before, after],
      [after, before],
    ]) {
      const files = [
        { path, text: first ?? "" },
        { path, text: second ?? "", redelivery: 1 },
      ];
      const wanted = second === after ? "sent sent" : "pending sent";
      for (const given of orders(files)) expect(said(given)).toMatchObject({ paid: wanted, conflicts: 0 });
    }
  });
});

describe("payments and orders exported again", () => {
  const payment = (total: string): string =>
    table("paymentID,paymentDate,paymentCurrencyCode,totalPayment", `0042,2026-06-15,USD,${total}`);
  it("say what a payment is worth by the later export", () => {
    for (const [first, second] of [
      ["97", "96"],
      ["96", "97"],
    ])
      for (const given of orders([
        { path: "payments-2026-06.csv", text: payment(first ?? ""), madeSecond: later },
        { path: "payments-2026-06.csv", text: payment(second ?? ""), madeSecond: later + 86_400 },
      ]))
        expect(latestOf(read(given).payments, always).map(({ amount }) => `${amount / 1_000_000n}`)).toEqual([second]);
  });

  const order = (offer: string, status: string): string =>
    table(
      "AssetId,OrderStatus,OrderPurchaseDate,TermStartDate,PrivateOfferId",
      `A1,${status},2026-05-02,2026-05-03,private-offer/${offer}`,
    );
  const usage = (offer: string, day: string): string =>
    table(
      "MarketplaceSubscriptionId,UsageDate,UsageReference,ReferenceId,SKUBillingType,PrivateOfferId",
      `S1,${day},U-${day},A1,Paid,${offer}`,
    );
  const agreementOf = (files: readonly Export[]) => {
    const facts = read([...files, { path: "revenue-2026-06.csv", text: revenue("Sent"), madeSecond: june }]);
    const { agreements } = gatherAgreements(facts, currentLines(facts.lines, always), always);
    return agreements.map(({ offerId, status, startDay }) => ({ offerId, status, startDay }));
  };
  it("say which offer an asset was bought by as the later export has it, and never as a usage row has it", () => {
    for (const [first, second] of [
      ["OF1", "OF2"],
      ["OF2", "OF1"],
    ])
      for (const given of orders([
        { path: "orders-2026-06.csv", text: order(first ?? "", "Active"), madeSecond: june },
        { path: "orders-2026-06.csv", text: order(second ?? "", "Cancelled"), madeSecond: later },
        { path: "usage-2026-06.csv", text: usage("OF0", "2026-06-01"), madeSecond: later + 1 },
      ]))
        expect(agreementOf(given)).toEqual([{ offerId: second, status: "CANCELLED", startDay: 20_576 }]);
  });
  it("let an order without a moment go before usage too", () => {
    for (const given of orders([
      { path: "orders-2026-06.csv", text: order("OF2", "Active") },
      { path: "usage-2026-06.csv", text: usage("OF1", "2026-06-01"), madeSecond: later },
    ]))
      expect(agreementOf(given)).toMatchObject([{ offerId: "OF2", status: "ACTIVE" }]);
  });
});
