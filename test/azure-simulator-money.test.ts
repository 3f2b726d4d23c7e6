/** The money of the simulated marketplace: what is billed, what stays with Microsoft, and the files and analytics that tell of it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { percentOf } from "../adapters/azure/simulator/marketplace/pricing.ts";
import { analyticsDatasetsSchema, analyticsExecutionsSchema } from "../adapters/azure/wire-offers.ts";
import { decimalToMicros, microsToDecimal } from "../src/domain/money.ts";
import { goodOffer, ids, type MarketplaceRig, openMarketplaceRig, priceOf } from "./azure-marketplace-rig.ts";
import type { Raw } from "./azure-simulator-rig.ts";

type Row = Readonly<Record<string, string>>;
const rowsOf = (content: string): readonly Row[] => {
  const [head = "", ...lines] = content.trim().split("\n");
  const columns = head.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((cell, index) => [columns[index] ?? "", cell])));
};
const filesOf = async (rig: MarketplaceRig, until: string): Promise<ReadonlyMap<string, readonly Row[]>> =>
  new Map(
    (await rig.controls.reports(until)).files.map(({ path, text }) => [path.replace("azure/", ""), rowsOf(text)]),
  );
const sumOf = (rows: readonly Row[], column: string): bigint =>
  rows.reduce((sum, row) => sum + (decimalToMicros(row[column] ?? "") ?? 0n), 0n);
const of = (
  rows: readonly Row[] | undefined,
  ...columns: readonly string[]
): readonly (readonly (string | undefined)[])[] => (rows ?? []).map((row) => columns.map((column) => row[column]));

/** A year at 2,500.10 a quarter, sold and begun on 1 June 2026. */
const openSold = async (change = {}, settings = {}) => {
  const rig = openMarketplaceRig({ settings: { buyers: { enterprise: 1 }, ...settings } });
  const pricing = [
    { product: ids.product, plan: ids.standard, discountType: "absolute", priceDetails: { resourceName: "ourPrice" } },
  ];
  const offer = await rig.publish(priceOf(2500.1), goodOffer({ pricing, ...change }));
  await rig.controls.onOffer(`${offer.id}/accept`);
  const bought: Raw["body"] = await rig.controls.onOffer(`${offer.id}/purchase`);
  const [subscription] = bought.subscriptions;
  await rig.activate(subscription);
  return { rig, offer, subscription };
};

describe("a share of an amount", () => {
  it("is within half a cent of the exact one, and in whole cents", () => {
    const amounts = fc.bigInt({ min: 0n, max: 10n ** 15n }).map((cents) => cents * 10_000n);
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 1_000_000 }), (amount, percentUnits) => {
        const percent = microsToDecimal(BigInt(percentUnits) * 100n);
        const micros = decimalToMicros(percentOf(microsToDecimal(amount), percent)) ?? -1n;
        // In hundred-millionths of a micro-unit: the exact share is amount * percentUnits.
        const off = micros * 1_000_000n - amount * BigInt(percentUnits);
        expect(micros % 10_000n).toBe(0n);
        expect(off <= 5_000n * 1_000_000n && off >= -5_000n * 1_000_000n).toBe(true);
      }),
    );
  });
});

describe("billing", () => {
  it("follows the rhythm of payment from the day the term begins, to the cent, and ends with the term", async () => {
    const { rig } = await openSold();
    await rig.controls.advance(364);
    const { lines } = await rig.controls.ledger();
    expect(lines.map(({ at, amount, fee }) => [at.slice(0, 10), amount, fee])).toEqual([
      ["2026-06-01", "2500.10", "75.00"],
      ["2026-09-01", "2500.10", "75.00"],
      ["2026-12-01", "2500.10", "75.00"],
      ["2027-03-01", "2500.10", "75.00"],
    ]);
  });
  it("halves the fee of an attested renewal, and of no other", async () => {
    const { rig } = await openSold({ customerContractRenewal: true });
    await rig.settle(60);
    expect((await rig.controls.ledger()).lines.map(({ fee }) => fee)).toEqual(["37.50"]);
  });
  it("waits while a subscription is suspended, and stops with its end", async () => {
    const { rig, subscription } = await openSold();
    await rig.controls.advance(80);
    await rig.controls.onSubscription(`${subscription.id}/suspend`);
    await rig.controls.advance(20);
    await rig.controls.onSubscription(`${subscription.id}/reinstate`);
    await rig.controls.advance(2);
    const billed = async () => (await rig.controls.ledger()).lines.map(({ at }) => at.slice(0, 10));
    expect(await billed()).toEqual(["2026-06-01", "2026-09-10"]);
    await rig.controls.onSubscription(`${subscription.id}/unsubscribe`);
    await rig.controls.advance(200);
    expect(await billed()).toHaveLength(2);
    expect((await rig.controls.ledger()).orders.map(({ status }) => status)).toEqual(["Cancelled"]);
  });
  it("renews at the private price while the offer lasts, and at the public one afterwards", async () => {
    const renewed = async (end: string) => {
      const { rig, subscription } = await openSold({ end });
      await rig.controls.advance(366);
      const { lines, orders } = await rig.controls.ledger();
      const plans = (await rig.saas("GET", `/${subscription.id}/listAvailablePlans`)).body.plans;
      return [lines.at(-1)?.amount, orders.at(-1)?.offerId !== null, plans[0].isPrivate];
    };
    expect(await renewed("2027-12-31")).toEqual(["2500.10", true, true]);
    expect(await renewed("2027-06-01")).toEqual(["900.00", false, false]);
  });
});

describe("the files of finance", () => {
  it("have Microsoft's columns, tell of each line month by month, and agree with the payments", async () => {
    const { rig, offer, subscription } = await openSold({}, { buyers: { enterprise: 1, refund: 1 } });
    await rig.controls.advance(200);
    const files = await filesOf(rig, "2026-12-18");
    expect([...files.keys()]).toEqual([
      ...["revenue-2026-06.csv", "revenue-2026-07.csv", "earnings-2026-07.csv", "revenue-2026-08.csv"],
      ...["earnings-2026-08.csv", "revenue-2026-09.csv", "revenue-2026-10.csv", "earnings-2026-10.csv"],
      ...["revenue-2026-11.csv", "earnings-2026-11.csv", "revenue-2026-12.csv", "payments.csv"],
      "bank/statement.csv",
    ]);
    const statuses = ["06", "07", "08"].flatMap((month) =>
      of(
        files.get(`revenue-2026-${month}.csv`),
        "BilledMonth",
        "PayoutStatus",
        "EstimatedPayoutMonth",
        "PaymentSentDate",
      ),
    );
    expect(statuses).toEqual([
      ["2026-06", "Unprocessed", "2026-08", ""],
      ["2026-06", "Upcoming", "2026-08", ""],
      ["2026-06", "Sent", "2026-08", "2026-08-15"],
    ]);
    expect(
      of(
        files.get("revenue-2026-06.csv"),
        "AssetId",
        "IsPrivateOffer",
        "PrivateOfferId",
        "PrivateOfferName",
        "BilledRevenue",
        "EarningAmountCC",
        "TermStartDate",
        "TermEndDate",
      ),
    ).toEqual([
      [
        subscription.id,
        "1",
        offer.id.replace("private-offer/", ""),
        offer.name,
        "2500.10",
        "2425.10",
        "2026-06-01",
        "2027-05-31",
      ],
    ]);
    const earnings = [...files].filter(([name]) => name.startsWith("earnings")).flatMap(([, rows]) => rows);
    expect(
      of(
        earnings.slice(0, 2),
        "transactionType",
        "transactionAmount",
        "storeFee",
        "earningRate",
        "earningAmount",
        "estimatedPaymentMonth",
        "paymentStatus",
      ),
    ).toEqual([
      ["purchase", "2500.10", "75.00", "0.9700", "2425.10", "2026-08", "Sent"],
      ["refund", "-500.02", "-15.00", "0.9700", "-485.02", "2026-09", "Sent"],
    ]);
    const paid = earnings.filter(({ paymentStatus }) => paymentStatus === "Sent");
    expect(sumOf(files.get("payments.csv") ?? [], "totalPayment")).toBe(sumOf(paid, "earningAmount"));
    const payments = new Set(of(files.get("payments.csv"), "paymentID").flat());
    expect(paid.every(({ paymentId }) => payments.has(paymentId))).toBe(true);
    const [revenue, earning] = [files.get("revenue-2026-06.csv")?.[0], earnings[0]];
    expect([earning?.OrderId, earning?.LineItemId, earning?.customerId]).toEqual([
      revenue?.PurchaseRecordId,
      revenue?.LineItemId,
      revenue?.BillingAccountId,
    ]);
  });
  it("take back what an agreement's buyer never paid, and show as uncollected what others did not", async () => {
    const { rig } = await openSold({}, { buyers: { enterprise: 1, loss: 1 } });
    await rig.controls.advance(230);
    const taken = (await filesOf(rig, "2027-01-16")).get("earnings-2027-01.csv");
    expect(
      of(taken, "transactionType", "reasonCode", "earningAmount", "earningDate", "estimatedPaymentMonth"),
    ).toContainEqual([...["reversal", "NonPayment", "-2425.10", "2027-01-10", "2027-01"]]);
    const other = await openSold({}, { buyers: { enterprise: 0, loss: 1 } });
    await other.rig.controls.advance(100);
    const files = await filesOf(other.rig, "2026-09-15");
    expect(of(files.get("revenue-2026-09.csv"), "BilledMonth", "PayoutStatus", "PaymentSentDate")).toEqual([
      ["2026-06", "Uncollected", ""],
      ["2026-09", "Unprocessed", ""],
    ]);
    expect([...files.keys()].filter((name) => !name.startsWith("revenue"))).toEqual(["bank/statement.csv"]);
  });
  it("pay a month later who pays as they go, and show nothing that has not come by the day", async () => {
    const { rig } = await openSold({}, { buyers: { enterprise: 0 } });
    await rig.controls.advance(100);
    const [before, after] = [await filesOf(rig, "2026-09-14"), await filesOf(rig, "2026-09-15")];
    expect([before.has("payments.csv"), of(after.get("payments.csv"), "paymentDate", "earned")]).toEqual([
      false,
      [["2026-09-15", "2425.10"]],
    ]);
    expect(of(before.get("earnings-2026-07.csv"), "paymentStatus", "paymentId")).toEqual([["Upcoming", ""]]);
    expect((await filesOf(rig, "2026-05-31")).size).toBe(0);
  });
});

describe("analytics", () => {
  const cmp = "https://api.partnercenter.microsoft.com/insights/v1/cmp";
  const openAnalytics = async () => {
    const sold = await openSold();
    await sold.rig.controls.subscribe({ company: "Walk-in" });
    await sold.rig.controls.advance(2);
    const ask = async (method: string, path: string, body?: unknown): Promise<Raw> =>
      sold.rig.raw(`${cmp}${path}`, {
        method,
        headers: { authorization: `Bearer ${await sold.rig.applicationToken()}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const query = async (text: string): Promise<Raw> => ask("POST", "/ScheduledQueries", { Name: "q", Query: text });
    return { ...sold, ask, query };
  };
  it("have no execution before the first run, then a file behind a link", async () => {
    const { rig, offer, subscription, ask, query } = await openAnalytics();
    const made = await query(
      "SELECT AssetId, IsPrivateOffer, PrivateOfferId, PrivateOfferName FROM ISVOrder TIMESPAN LIFETIME",
    );
    const report = await ask("POST", "/ScheduledReport", {
      ReportName: "r",
      QueryId: made.body.value[0].queryId,
      ExecuteNow: true,
    });
    const id = report.body.value[0].reportId;
    expect((await ask("GET", `/ScheduledReport/execution/${id}`)).status).toBe(404);
    expect(
      (await ask("GET", `/ScheduledReport/execution/${id}?executionStatus=Pending`)).body.value[0].executionStatus,
    ).toBe("Pending");
    await rig.settle(1_800);
    const run = analyticsExecutionsSchema.parse((await ask("GET", `/ScheduledReport/execution/${id}`)).body).value[0];
    expect(run?.executionStatus).toBe("Completed");
    const file = await rig.raw(run?.reportAccessSecureLink ?? "");
    expect(of(rowsOf(file.text), "AssetId", "IsPrivateOffer", "PrivateOfferId", "PrivateOfferName")).toEqual([
      [subscription.id, "1", offer.id.replace("private-offer/", ""), offer.name],
      [expect.any(String), "0", "", ""],
    ]);
  });
  it("refuse what they do not know, and merge rows that look the same", async () => {
    const { rig, ask, query } = await openAnalytics();
    const wrong = [
      "SELECT AssetId FROM ISVUsageV4",
      "SELECT ReferralId FROM ISVOrder",
      "DELETE FROM ISVOrder",
      "SELECT AssetId FROM ISVOrder TIMESPAN EVER",
    ];
    for (const text of wrong) expect((await query(text)).status).toBe(400);
    const { body } = await ask("GET", "/ScheduledDataset?datasetName=ISVOrder");
    expect(analyticsDatasetsSchema.parse(body).value[0]?.selectableColumns).toContain("PrivateOfferId");
    const made = await query(
      "select distinct Currency from isvorder where OrderStatus = 'Active' AND OrderQuantity >= 1 ORDER BY Currency DESC LIMIT 5 TIMESPAN LAST_MONTH",
    );
    const report = await ask("POST", "/ScheduledReport", {
      ReportName: "r",
      QueryId: made.body.value[0].queryId,
      StartTime: "2026-06-04T00:00:00Z",
      RecurrenceInterval: 24,
      RecurrenceCount: 3,
    });
    await rig.controls.advance(10);
    const path = `/ScheduledReport/execution/${report.body.value[0].reportId}?getLatestExecution=false`;
    const { value } = (await ask("GET", path)).body;
    expect(value).toHaveLength(3);
    expect((await rig.raw(value[0].reportAccessSecureLink)).text).toBe("Currency\nUSD\n");
  });
});
