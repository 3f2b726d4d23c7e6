import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { centsText } from "../adapters/gcp/simulator/marketplace/amounts.ts";
import { tenthBusinessDay } from "../adapters/gcp/simulator/marketplace/reports.ts";
import { answerSchema, closeOnce, exceptionsOf, reconciliationCase, withDirectory } from "./close-rig.ts";
import { flat, openMarketplace, price } from "./gcp-marketplace-rig.ts";

type Rig = ReturnType<typeof openMarketplace>;
const rowsOf = (text: string): readonly Readonly<Record<string, string>>[] => {
  const [header = "", ...lines] = text.trimEnd().split("\n");
  const names = header.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, index) => [names[index] ?? "", value])));
};
const filesOf = async (rig: Rig, until?: string) => {
  const { files } = (await rig.control("GET", `/control/reports${until === undefined ? "" : `?until=${until}`}`)).body;
  return new Map<string, string>(files.map(({ path, text }: { path: string; text: string }) => [path, text]));
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

describe("a season's files, closed as finance would", () => {
  const seeded = async (): Promise<Rig> => {
    const rig = openMarketplace({
      reviewer: "seeded",
      settings: { marketplace: { automaticApproval: true, accept: 1, cancel: 0, renew: 1, refund: 0, abandon: 0 } },
    });
    for (const last of ["1", "2", "3", "4", "5", "6"])
      await rig.published({ ...(Number(last) % 2 === 0 ? monthly : {}), ...customer(last), title: `Deal ${last}` });
    for (let week = 0; week < 75; week += 1) {
      await rig.controls.advance(7);
      const { buyerAccounts } = await rig.controls.ledger();
      for (const { id, approval } of buyerAccounts) if (approval.state === "PENDING") await rig.approveAccount(id);
    }
    return rig;
  };
  /** What the offers module would know of it. */
  const internal = async (rig: Rig) => {
    const { entitlements, charges } = await rig.controls.ledger();
    const known = await Promise.all(
      entitlements.map(async (order) => {
        const offer = await rig.offer(order.offerId ?? "");
        const schedule = charges
          .filter(({ entitlement }) => entitlement === order.id)
          .map(({ at, gross }) => ({ date: at.slice(0, 10), amount: centsText(BigInt(gross)) }));
        const value = schedule.reduce((sum, { amount }) => sum + BigInt(amount.replace(".", "")), 0n);
        const began = String(order.startsAt).slice(0, 10);
        const shared = {
          marketplace: "gcp",
          offer_id: order.offerId,
          currency: "USD",
          total_contract_value: centsText(value),
        };
        return {
          offer: {
            ...shared,
            name: offer.title,
            status: "ACCEPTED",
            published_at: offer.publishTime.slice(0, 10),
            expires_at: "2026-07-01",
            buyer_account: order.billingAccount,
            cosell_opportunity_id: null,
          },
          agreement: {
            ...shared,
            agreement_id: order.id,
            customer_account: order.billingAccount,
            status: "ENDED",
            intent: "NEW",
            cppo: false,
            accepted_at: offer.acceptTime.slice(0, 10),
            start: began,
            end: String(order.endsAt).slice(0, 10),
            schedule,
          },
          deal: `d-${order.id},Example Foods Inc,foods.example,${centsText(value)},USD,${began},Closed Won,gcp,${order.offerId},,,`,
        };
      }),
    );
    const columns =
      "deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id,cosell_opportunity_id,partner_sourced,partner_influenced";
    return new Map([
      ["internal/offers.json", JSON.stringify(known.map(({ offer }) => offer))],
      ["internal/agreements.json", JSON.stringify(known.map(({ agreement }) => agreement))],
      ["internal/deals.csv", `${[columns, ...known.map(({ deal }) => deal)].join("\n")}\n`],
    ]);
  };
  it("reconcile to the cent: nothing is missing, nothing is too much, and the bank has what was paid", async () => {
    const rig = await seeded();
    const { charges } = await rig.controls.ledger();
    const sum = (name: "gross" | "fee" | "net") =>
      centsText(charges.reduce((total, row) => total + BigInt(row[name]), 0n));
    await withDirectory(async (folder) => {
      for (const [path, text] of [...(await filesOf(rig)), ...(await internal(rig))]) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
      }
      for (const name of ["fee-schedule.json", "policy.json", "attribution-rules.json", "partners.csv", "touches.csv"])
        await cp(join(reconciliationCase, "input", "internal", name), join(folder, "internal", name));
      const closed = await closeOnce(folder, rig.now().toISOString().slice(0, 10));
      expect(closed.text).not.toMatch(/refused|left alone/);
      const answer = answerSchema.parse(JSON.parse(closed.answerText));
      const money = answer.money.gcp?.USD;
      expect(charges.length).toBeGreaterThan(30);
      expect(money).toMatchObject({ invoiced: sum("gross"), fee: sum("fee") });
      expect(money?.disbursed_net).toBe(sum("net"));
      expect(money?.bank_deposited).toBe(money?.disbursed_net);
      const aboutMoney = exceptionsOf(answer).filter((line) => !line.startsWith("ATTRIBUTION_"));
      expect(aboutMoney).toEqual([]);
    });
  });
});
