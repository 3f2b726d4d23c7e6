import { describe, expect, it } from "vitest";
import { tenthBusinessDay } from "../adapters/gcp/simulator/marketplace/reports.ts";
import { filesOf, flat, openMarketplace, price } from "./gcp-marketplace-rig.ts";

type Rig = ReturnType<typeof openMarketplace>;
const rowsOf = (text: string): readonly Readonly<Record<string, string>>[] => {
  const [header = "", ...lines] = text.trimEnd().split("\n");
  const names = header.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, index) => [names[index] ?? "", value])));
};
const detailOf = async (rig: Rig, month: string) =>
  rowsOf((await filesOf(rig)).get(`gcp/${month} Detailed Disbursements Report.csv`) ?? "");
const monthly = price({
  standardIntervalPrice: { standardInterval: "MONTHLY_NOT_PRORATED", priceModel: flat(1_000, 10) },
});
const customer = (last: string) => ({
  customer: { targetBillingAccount: `billingAccounts/0AC3E0-123456-00000${last}` },
});

describe("the report files", () => {
  it("come by the tenth business day of the month after, and the money two days after its 21st", async () => {
    expect(["2026-04-01", "2026-05-01", "2026-12-01"].map(tenthBusinessDay)).toEqual([
      "2026-05-14",
      "2026-06-12",
      "2027-01-14",
    ]);
    const rig = openMarketplace();
    await rig.running();
    await rig.controls.advance(60);
    const names = async (until: string) => [...(await filesOf(rig, until)).keys()];
    expect(await names("2026-07-13")).toEqual(["bank/statement.csv"]);
    expect(await names("2026-07-14")).toEqual([
      "gcp/2026-06-01 Detailed Disbursements Report.csv",
      "gcp/20260601 Disbursements.csv",
      "bank/statement.csv",
    ]);
    const deposits = async (until: string) => rowsOf((await filesOf(rig, until)).get("bank/statement.csv") ?? "");
    expect(await deposits("2026-07-22")).toEqual([]);
    expect(await deposits("2026-07-23")).toEqual([
      {
        bank_txn_id: "G000001",
        value_date: "2026-07-23",
        currency: "USD",
        amount: "116400.00",
        counterparty: "GOOGLE PAYMENT CORP",
        reference: "GOOGLE 2026-07-21",
      },
    ]);
    expect(await names("2030-01-01")).toEqual(await names("2026-07-31"));
    expect((await rig.control("GET", "/reports?until=tomorrow")).status).toBe(400);
  });
  it("tell of each charge who paid it, by which offer, and what was taken", async () => {
    const rig = openMarketplace();
    const { offer, order } = await rig.running({ ...monthly, title: "Seats, yearly" });
    await rig.controls.advance(50);
    const text = (await filesOf(rig)).get("gcp/2026-06-01 Detailed Disbursements Report.csv") ?? "";
    expect(text).toContain('"Seats, yearly"');
    const [row] = rowsOf(text.replace('"Seats, yearly"', "Seats"));
    expect(row).toMatchObject({
      ds: "2026-06-01",
      report_creation_date: "2026-07-14",
      entitlement_id: order,
      private_offer_id: offer,
      cust_organization: "Example Foods Inc",
      domain: "foods.example",
      total_contract_value: "12001.20",
      payment_schedule: "monthly",
      transaction_type: "NEW_DEAL",
      cust_charges: "1000.10",
      marketplace_fee_percent: "3.00",
      marketplace_fee_amount: "30.00",
      aggregated_payout: "970.10",
    });
    expect(text).not.toContain("0AC3E0-123456");
  });
  it("show what is withheld, let go, given up and refunded in the months in which it happens", async () => {
    const rig = openMarketplace();
    const [refunded, released, lost] = [
      await rig.running(monthly),
      await rig.running({ ...monthly, ...customer("B") }),
      await rig.running({ ...monthly, ...customer("C") }),
    ];
    for (const { order } of [released, lost]) await rig.controls.withhold(order);
    await rig.controls.advance(20);
    await rig.controls.refund(refunded.order);
    await rig.controls.advance(12);
    const withheld = (await rig.controls.ledger()).charges.filter(({ fate }) => fate === "withheld");
    for (const { id, entitlement } of withheld)
      await rig.controls.settle(id, entitlement === lost.order ? "abandoned" : "released");
    await rig.controls.advance(50);
    const told = (rows: Awaited<ReturnType<typeof detailOf>>, order: string) =>
      rows.flatMap((row) => {
        const sums = ["cust_charges", "marketplace_fee_amount", "total_deductions", "withheld_amount"];
        const later = ["released_amount", "abandoned_amount", "aggregated_payout"];
        const shown = [...sums, ...later].map((name) => row[name]);
        return row.entitlement_id === order ? [[row.disbursement_entity, ...shown]] : [];
      });
    const [june, july] = [await detailOf(rig, "2026-06-01"), await detailOf(rig, "2026-07-01")];
    const charged = ["Google LLC", "1000.10", "30.00", "0.00", "0.00", "0.00", "0.00", "970.10"];
    const held = ["Google LLC", "1000.10", "30.00", "0.00", "970.10", "0.00", "0.00", "0.00"];
    expect(told(june, refunded.order)).toEqual([
      charged,
      ["Google LLC", "0.00", "-30.00", "1000.10", "0.00", "0.00", "0.00", "-970.10"],
    ]);
    expect(told(june, released.order)).toEqual([held]);
    expect(told(july, released.order)).toEqual([
      ["Released Payout", "0.00", "0.00", "0.00", "0.00", "970.10", "0.00", "970.10"],
      charged,
    ]);
    expect(told(july, lost.order)).toEqual([
      ["Abandoned Payout", "0.00", "0.00", "0.00", "0.00", "0.00", "970.10", "0.00"],
      charged,
    ]);
    const [summary] = rowsOf((await filesOf(rig)).get("gcp/20260701 Disbursements.csv") ?? "");
    expect(summary).toMatchObject({ entity: "Google LLC", currency: "USD", total: "3880.40", payment_type: "new" });
  });
});
