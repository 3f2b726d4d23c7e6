import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { centsText } from "../adapters/gcp/simulator/marketplace/amounts.ts";
import { answerSchema, closeOnce, exceptionsOf, reconciliationCase, withDirectory } from "./close-rig.ts";
import { filesOf, flat, type MarketplaceRig, openMarketplace, price } from "./gcp-marketplace-rig.ts";

const monthly = price({
  standardIntervalPrice: { standardInterval: "MONTHLY_NOT_PRORATED", priceModel: flat(1_000, 10) },
});
const customer = (last: string) => ({
  customer: { targetBillingAccount: `billingAccounts/0AC3E0-123456-00000${last}` },
});

describe("a season's files, closed as finance would", () => {
  const seeded = async (): Promise<MarketplaceRig> => {
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
  const internal = async (rig: MarketplaceRig) => {
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
