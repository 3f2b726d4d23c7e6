/** What the simulated Microsoft sells is closed without a rest: its files, read by `cosell close`, agree with its own ledger. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { decimalToMicros, microsToDecimal } from "../src/domain/money.ts";
import {
  type Called,
  goodOffer,
  hooks,
  ids,
  type MarketplaceRig,
  openMarketplaceRig,
} from "./azure-marketplace-rig.ts";
import { answerSchema, closeOnce, withDirectory } from "./close-rig.ts";

const asOf = "2027-03-31";
type Ledger = Awaited<ReturnType<MarketplaceRig["controls"]["ledger"]>>;
const microsOf = (decimal: string): bigint => decimalToMicros(decimal) ?? 0n;

/** Ten months of ten offers, each on a term of a year, whose buyers do what they do by themselves. */
const season = async (buyers = {}): Promise<MarketplaceRig> => {
  const publisher = async ({ method, url }: Called): Promise<number> => {
    if (method !== "GET") return 200;
    const token = url.searchParams.get("token") ?? "";
    const { body } = await rig.saas("POST", "/resolve", undefined, { "x-ms-marketplace-token": token });
    await rig.activate(body.subscription);
    return 200;
  };
  const habits = { change: 0, suspend: 0, unsubscribe: 0, accept: 1, purchase: 1, land: 1, ...buyers };
  const rig = openMarketplaceRig({ reviewer: "seeded", publisher, settings: { buyers: habits } });
  await rig.controls.setTechnical(hooks);
  const perSeat = [{ product: ids.product, plan: ids.perSeat, discountType: "percentage", discountPercentage: 12.5 }];
  for (let index = 0; index < 10; index += 1) {
    const beneficiaries = [
      {
        id: `ac35757${index}-e860-54a6-80b3-66958aea67fe:7471d04e-f696-4d20-af34-fa78d51e419c_2019-05-31`,
        description: `Customer ${index}`,
      },
    ];
    const renewal = index % 3 === 0 ? { customerContractRenewal: true } : {};
    await rig.publish(
      goodOffer({ name: `Deal ${index}`, beneficiaries, ...renewal, ...(index % 2 === 0 ? { pricing: perSeat } : {}) }),
    );
  }
  await rig.controls.advance(303);
  return rig;
};

/** What the company's own systems say of the same deals. */
const internal = ({ offers, orders }: Ledger): Readonly<Record<string, string>> => {
  const sold = orders.map((order) => {
    const { charge, quantity, termStartAt } = order;
    const amount = microsToDecimal(microsOf(charge.amount) * BigInt(charge.perSeat ? (quantity ?? 1) : 1));
    return { order, start: termStartAt.slice(0, 10), amount };
  });
  const deals = sold.map(({ order, start, amount }, index) =>
    [
      `deal-${index}`,
      order.buyer.company,
      order.buyer.email.split("@")[1],
      amount,
      "USD",
      start,
      "Closed Won",
      "azure",
      order.offerId,
    ].join(","),
  );
  const agreements = sold.map(({ order, start, amount }) => ({
    marketplace: "azure",
    agreement_id: order.assetId,
    offer_id: order.offerId,
    customer_account: order.buyer.billingAccountId,
    status: "ACTIVE",
    intent: order.attestedRenewal ? "RENEW" : "NEW",
    start,
    currency: "USD",
    total_contract_value: amount,
    schedule: [{ date: start, amount }],
  }));
  const azure = {
    marketplace: "azure",
    effective_from: "2021-07-01",
    private_offer: [{ ppm: 30_000 }],
    renewal_ppm: 15_000,
  };
  const windows = { aws: 55, azure: 50, gcp: 50 };
  const policy = {
    as_of: asOf,
    tolerance: { minor_units_per_instalment: 1, fx_bps: 0 },
    windows_days: {
      invoice_overdue: 50,
      accepted_no_revenue: windows,
      aws_disbursement_after_collection: 45,
      azure_disbursement_after_expected: 30,
      gcp_disbursement_after_expected: 10,
      bank_after_disbursement: 5,
    },
    fallback: { close_to_start_days: 14 },
    fee_schedule: "fee-schedule.json",
    duplicates_count_until_decided: true,
  };
  return {
    "internal/deals.csv": [
      "deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id",
      ...deals,
    ].join("\n"),
    "internal/touches.csv": "touch_id,deal_id,partner_id,type,date,status\n",
    "internal/partners.csv": "partner_id,name\n",
    "internal/offers.json": JSON.stringify(
      offers.map(({ id, document, createdAt }) => ({
        marketplace: "azure",
        offer_id: id,
        name: document.name,
        published_at: createdAt.slice(0, 10),
      })),
    ),
    "internal/agreements.json": JSON.stringify(agreements),
    "internal/attribution-rules.json": "[]",
    "internal/fee-schedule.json": JSON.stringify({
      unit: "ppm of pre-tax amount",
      tcv_currency: "USD",
      fx_to_usd: { USD: 1 },
      rows: [azure],
    }),
    "internal/policy.json": JSON.stringify(policy),
  };
};
const close = (rig: MarketplaceRig) =>
  withDirectory(async (folder) => {
    const ledger = await rig.controls.ledger();
    const reports = (await rig.controls.reports(asOf)).files.map(({ path, text }) => [path, text] as const);
    for (const [path, text] of [...reports, ...Object.entries(internal(ledger))]) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const closed = await closeOnce(folder, asOf);
    if (closed.answerText === "") throw new Error(`${closed.text}${closed.errors}`);
    return { ledger, closed, answer: answerSchema.parse(JSON.parse(closed.answerText)) };
  });

describe("the simulated Microsoft's money", () => {
  it("closes with what its ledger says and without an exception but the deals' missing attribution", async () => {
    const { ledger, closed, answer } = await close(await season());
    expect(closed.text).not.toMatch(/refused|left alone/);
    expect(answer.exceptions.filter(({ type }) => !type.startsWith("ATTRIBUTION"))).toEqual([]);
    const sum = (of: (line: Ledger["lines"][number]) => string): string =>
      microsToDecimal(ledger.lines.reduce((total, line) => total + microsOf(of(line)), 0n));
    const money = answer.money.azure?.USD;
    expect([ledger.lines.length, money?.invoiced, money?.fee]).toEqual([
      10,
      sum(({ amount }) => amount),
      sum(({ fee }) => fee),
    ]);
    expect(money?.bank_deposited).toBe(money?.disbursed_net);
    expect(closed.linksText.split("\n").filter((line) => line.includes("none"))).toEqual([]);
  });
  it("shows what was refunded and what was never paid as what it is", async () => {
    const { answer } = await close(await season({ loss: 0.3, refund: 0.5 }));
    const raised = new Set(answer.exceptions.map(({ type }) => type));
    expect([...raised].filter((type) => !type.startsWith("ATTRIBUTION")).toSorted()).toEqual(["BAD_DEBT", "CLAWBACK"]);
    expect(Number(answer.money.azure?.USD?.refund)).toBeGreaterThan(0);
  });
});
