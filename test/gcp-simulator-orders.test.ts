import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entitlementSchema, privateOfferSchema } from "../adapters/gcp/wire-offers.ts";
import { objectAt } from "../adapters/simulator/document.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  buyer,
  enterprise,
  flat,
  openMarketplace,
  price,
  procurement,
  producer,
  pushUrl,
} from "./gcp-marketplace-rig.ts";

type Rig = ReturnType<typeof openMarketplace>;
const openStates = ["ENTITLEMENT_CANCELLED", "ENTITLEMENT_ACTIVATION_REQUESTED"];
const deeds = [
  "offer",
  "accept",
  "approve account",
  "approve",
  "reject",
  "change",
  "approve change",
  "reject change",
  "withdraw",
  "cancel",
  "revert",
  "suspend",
  "resume",
  "end",
  "days",
  "months",
] as const;
type Deed = (typeof deeds)[number];

/** Controls refuse by throwing; a refusal is as good as a deed here. */
const tried = (work: Promise<unknown>): Promise<unknown> => work.catch(() => null);
const monthly = price({
  standardIntervalPrice: { standardInterval: "MONTHLY_NOT_PRORATED", priceModel: flat(1_000) },
});

/** Publishes an offer that amends whatever Google says it must. */
const offered = async (rig: Rig): Promise<void> => {
  const asked = new URLSearchParams({ targetBillingAccount: buyer, baseStandardOffer: enterprise });
  const target = await rig.ok(rig.call("GET", `${producer}/privateOffers:resolveAmendmentTarget?${asked}`));
  const names: JsonObject = {
    ...(target.requiredPrivateOffer ? { amendedPrivateOffer: target.requiredPrivateOffer } : {}),
    ...(target.requiredStandardOffer ? { amendedStandardOffer: target.requiredStandardOffer } : {}),
  };
  const now = new Date(rig.now().getTime() + 40 * 86_400_000);
  const acceptDeadlineTime = {
    year: now.getUTCFullYear(),
    month: now.getUTCMonth() + 1,
    day: 1,
    timeZone: { id: "America/Los_Angeles" },
  };
  const term = { durationMonths: 6, maxRenewalCount: 1 };
  await tried(
    rig.published({
      ...monthly,
      ...price({ ...objectAt(monthly, "singleProductOffer"), ...names }),
      term,
      acceptDeadlineTime,
    }),
  );
};

const done = async (rig: Rig, deed: Deed): Promise<void> => {
  const { offers, entitlements, buyerAccounts } = await rig.controls.ledger();
  const order = entitlements.findLast(({ deletedAt }) => deletedAt === null)?.id ?? "none";
  const at = `${procurement}/entitlements/${order}`;
  const work: Readonly<Record<Deed, () => Promise<unknown>>> = {
    offer: () => offered(rig),
    accept: () => rig.controls.acceptOffer(offers.at(-1)?.id ?? "none"),
    "approve account": () => rig.approveAccount(buyerAccounts[0]?.id ?? "none"),
    approve: () => rig.approve(order),
    reject: () => rig.call("POST", `${at}:reject`, {}),
    change: () => rig.controls.changePlan(order, "team-p1m"),
    "approve change": async () => {
      const pendingPlanName = (await rig.entitlement(order)).newPendingPlan ?? "none";
      return rig.call("POST", `${at}:approvePlanChange`, { pendingPlanName });
    },
    "reject change": async () => {
      const pendingPlanName = (await rig.entitlement(order)).newPendingPlan ?? "none";
      return rig.call("POST", `${at}:rejectPlanChange`, { pendingPlanName });
    },
    withdraw: () => rig.controls.withdrawChange(order),
    cancel: () => rig.controls.cancelOrder(order),
    revert: () => rig.controls.revertCancellation(order),
    suspend: () => rig.controls.suspendOrder(order),
    resume: () => rig.controls.suspendOrder(order, false),
    end: () => rig.controls.endOrder(order),
    days: () => rig.controls.advance(3),
    months: () => rig.controls.advance(65),
  };
  await tried(work[deed]());
};

const finals = ["CANCELLED", "EXPIRED", "ENDED", "ENTITLEMENT_CANCELLED"];

describe("whatever buyers, partner and time do in any order", () => {
  it("one order of a product is open, what has ended stays so, each record fits its schema, and the books agree", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...deeds), { minLength: 5, maxLength: 30 }), async (said) => {
        const rig = openMarketplace();
        await rig.controls.subscribe({ url: pushUrl });
        const seen = new Map<string, string>();
        // Random deeds alone seldom get an order going.
        for (const deed of ["offer", "accept", "approve account", "approve", "days"] as const) await done(rig, deed);
        expect((await rig.controls.ledger()).entitlements.map(({ state }) => state)).toEqual(["ENTITLEMENT_ACTIVE"]);
        for (const deed of said) {
          await done(rig, deed);
          const { offers, entitlements, charges } = await rig.controls.ledger();
          const alive = entitlements.filter(({ deletedAt }) => deletedAt === null);
          expect(alive.filter(({ state }) => !openStates.includes(state)).length).toBeLessThanOrEqual(1);
          for (const { id } of offers) {
            const { state } = privateOfferSchema.parse(await rig.offer(id));
            if (finals.includes(seen.get(id) ?? "")) expect([id, state]).toEqual([id, seen.get(id)]);
            seen.set(id, state ?? "");
          }
          for (const { id } of alive) {
            const { state, newPendingPlan } = entitlementSchema.parse(await rig.entitlement(id));
            if (finals.includes(seen.get(id) ?? "")) expect([id, state]).toEqual([id, seen.get(id)]);
            expect(newPendingPlan !== undefined).toBe(state?.startsWith("ENTITLEMENT_PENDING_PLAN_CHANGE") ?? false);
            seen.set(id, state ?? "");
          }
          for (const { gross, fee, net } of charges) expect(BigInt(gross)).toBe(BigInt(fee) + BigInt(net));
        }
        const known = new Set((await rig.controls.ledger()).entitlements.map(({ id }) => id));
        for (const { event } of rig.pushes) if (event.entitlement) expect(known).toContain(event.entitlement.id);
      }),
      { numRuns: 12 },
    );
  });
});
