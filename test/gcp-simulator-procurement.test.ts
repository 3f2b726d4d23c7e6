import { describe, expect, it } from "vitest";
import {
  entitlementSchema,
  entitlementsSchema,
  procurementAccountSchema,
  procurementAccountsSchema,
} from "../adapters/gcp/wire-offers.ts";
import { buyer, day, openMarketplace, procurement, project } from "./gcp-marketplace-rig.ts";
import { codeOf, fieldsOf } from "./gcp-simulator-rig.ts";

const entitlements = `${procurement}/entitlements`;
type Rig = ReturnType<typeof openMarketplace>;
const accountIn = async (rig: Rig, order: string): Promise<string> => (await rig.entitlement(order)).account;
const accepted = async (rig: Rig, change = {}) => {
  const offer = await rig.published(change);
  const { id } = await rig.controls.acceptOffer(offer);
  return { offer, order: id, account: await accountIn(rig, id) };
};

describe("an accepted offer", () => {
  it("makes an account and an entitlement that wait, told by CREATION_REQUESTED alone", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { offer, order, account } = await accepted(rig);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_CREATION_REQUESTED"]);
    expect((await rig.offer(offer)).state).toBe("ACCEPTED");
    const shown = entitlementSchema.parse(await rig.entitlement(order));
    expect(shown).toMatchObject({
      state: "ENTITLEMENT_ACTIVATION_REQUESTED",
      provider: project,
      plan: "enterprise",
      offer: expect.stringMatching(new RegExp(`^projects/\\d+/services/[^/]+/privateOffers/${offer}$`)),
      offerDuration: "P1Y",
      orderId: order,
    });
    expect(shown.newOfferStartTime).toBeUndefined();
    expect(procurementAccountSchema.parse(await rig.account(account))).toMatchObject({
      state: "ACCOUNT_ACTIVATION_REQUESTED",
      approvals: [{ name: "signup", state: "PENDING" }],
    });
  });
  it("stays pending when its entitlement is approved and its account is not, and begins once that is", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { offer, order, account } = await accepted(rig);
    await rig.arrived();
    expect((await rig.approve(order)).body).toEqual({});
    await rig.controls.advance(2);
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_ACTIVATION_REQUESTED");
    expect((await rig.approveAccount(account)).body).toEqual({});
    expect(await rig.arrived()).toEqual(["ACCOUNT_ACTIVE"]);
    expect((await rig.entitlement(order)).newOfferStartTime).toBeDefined();
    await rig.controls.advance(21 / 1440);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_ACTIVE"]);
    const active = await rig.entitlement(order);
    expect([active.state, active.newOfferStartTime]).toEqual(["ENTITLEMENT_ACTIVE", undefined]);
    const began = new Date(active.offerEndTime);
    began.setUTCFullYear(began.getUTCFullYear() - 1);
    expect(Math.abs(began.getTime() - rig.now().getTime())).toBeLessThan(3_600_000);
    expect((await rig.offer(offer)).term.effectiveTermEndTime).toMatchObject({ year: 2027, month: 6 });
  });
  it("may be refused its approval before its account's, by a setting", async () => {
    const rig = openMarketplace();
    await rig.controls.change({ marketplace: { earlyApproval: "refuse" } });
    const { order, account } = await accepted(rig);
    expect(codeOf(await rig.approve(order))).toBe("FAILED_PRECONDITION");
    await rig.approveAccount(account);
    expect((await rig.approve(order)).status).toBe(200);
  });
  it("is approved once: again is 400, as for its account", async () => {
    const rig = openMarketplace();
    const { order, account } = await accepted(rig);
    await rig.approveAccount(account);
    const again = await rig.approveAccount(account);
    expect([again.status, codeOf(again)]).toEqual([400, "FAILED_PRECONDITION"]);
    await rig.approve(order);
    expect((await rig.approve(order)).status).toBe(400);
    expect((await rig.call("POST", `${entitlements}/${order}:reject`, {})).status).toBe(400);
  });
  it("begins at midnight in Los Angeles on the day that it says, with a daylight saving hour between", async () => {
    const rig = openMarketplace({ start: new Date("2026-10-01T09:00:00Z") });
    const term = { startPolicy: "SCHEDULED_START_TIME", scheduledStartTime: day(2026, 11, 2), durationMonths: 12 };
    const { offer, order, account } = await accepted(rig, { term, acceptDeadlineTime: day(2026, 11, 1) });
    await rig.approveAccount(account);
    await rig.approve(order);
    expect(await rig.entitlement(order)).toMatchObject({
      newOfferStartTime: "2026-11-02T08:00:00.000Z",
      offerEndTime: "2027-11-02T07:00:00.000Z",
    });
    await rig.controls.advance(31.9);
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_ACTIVATION_REQUESTED");
    await rig.controls.advance(0.2);
    const active = await rig.entitlement(order);
    expect([active.state, active.offerEndTime]).toEqual(["ENTITLEMENT_ACTIVE", "2027-11-02T07:00:00.000Z"]);
    const { effectiveInstallmentTimeline } = (await rig.offer(offer)).singleProductOffer;
    expect(effectiveInstallmentTimeline[0].startTime).toEqual(day(2026, 11, 2));
  });
  it("of automatic approval says OFFER_ACCEPTED with its terms, and begins ten to twenty minutes later", async () => {
    const rig = openMarketplace();
    await rig.controls.change({ marketplace: { automaticApproval: true } });
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { account } = await accepted(rig);
    await rig.approveAccount(account);
    await rig.arrived();
    const second = await rig.published({ customer: { targetBillingAccount: "billingAccounts/0AC3E0-123456-00000B" } });
    const { id, entitlement } = await rig.controls.acceptOffer(second);
    await rig.controls.advance(1 / 1440);
    const [push] = rig.pushes.splice(0).filter(({ event }) => event.entitlement?.id === id);
    expect(push?.event).toMatchObject({
      eventType: "ENTITLEMENT_OFFER_ACCEPTED",
      providerId: project,
      entitlement: { newPlan: "enterprise", newOffer: entitlement.offer, orderId: id },
    });
    await rig.approveAccount(String(entitlement.account));
    const approvedMs = rig.now().getTime();
    await rig.controls.advance(9 / 1440);
    expect((await rig.entitlement(id)).state).toBe("ENTITLEMENT_ACTIVATION_REQUESTED");
    await rig.controls.advance(11.5 / 1440);
    expect((await rig.entitlement(id)).state).toBe("ENTITLEMENT_ACTIVE");
    expect(rig.now().getTime() - approvedMs).toBeLessThan(21 * 60_000);
    expect((await rig.approve(id)).status).toBe(400);
  });
  it("may be rejected by the partner: cancelled, and its offer has ended", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { offer, order } = await accepted(rig);
    await rig.call("POST", `${entitlements}/${order}:reject`, { reason: "x".repeat(300) });
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_CANCELLED", "ENTITLEMENT_CREATION_REQUESTED"]);
    expect(await rig.entitlement(order)).toMatchObject({
      state: "ENTITLEMENT_CANCELLED",
      cancellationReason: "unknown",
    });
    expect((await rig.offer(offer)).state).toBe("ENDED");
  });
  it("cannot be accepted twice, nor beside an order that it does not amend", async () => {
    const rig = openMarketplace();
    const other = await rig.published();
    const { offer } = await rig.running();
    await expect(rig.controls.acceptOffer(offer)).rejects.toThrow("FAILED_PRECONDITION");
    await expect(rig.controls.acceptOffer(other)).rejects.toThrow("FAILED_PRECONDITION");
    expect((await rig.offer(other)).state).toBe("PUBLISHED");
  });
});

describe("an account", () => {
  it("is one for all purchases of a billing account; its reseller is told in the full view", async () => {
    const rig = openMarketplace();
    const first = await rig.controls.purchase({ billingAccount: buyer, plan: "team-p1m" });
    const second = await rig.controls.purchase({ billingAccount: buyer, plan: "metered" });
    expect(first.entitlement.account).toBe(second.entitlement.account);
    const resold = "billingAccounts/0AC3E0-123456-0000AB";
    await rig.controls.putBillingAccount({ id: resold, kind: "reseller_subaccount" });
    const { account } = await rig.controls.putAccount({ billingAccount: resold });
    expect((await rig.account(String(account.name))).resellerParentBillingAccount).toMatch(/^billingAccounts\//);
    const at = `${procurement}/accounts`;
    const basic = await rig.ok(
      rig.call("GET", `${at}/${String(account.name).split("/").at(-1)}?view=ACCOUNT_VIEW_BASIC`),
    );
    expect(basic.resellerParentBillingAccount).toBeUndefined();
    const page = procurementAccountsSchema.parse(await rig.ok(rig.call("GET", `${at}?pageSize=1`)));
    const rest = await rig.ok(rig.call("GET", `${at}?pageSize=1&pageToken=${page.nextPageToken}`));
    expect([page.accounts?.length, rest.accounts.length, rest.nextPageToken]).toEqual([1, 1, undefined]);
  });
  it("may be rejected; an approval that does not exist is refused", async () => {
    const rig = openMarketplace();
    const { order, account } = await accepted(rig);
    const at = `${procurement}/accounts/${account.split("/").at(-1)}`;
    expect(fieldsOf(await rig.call("POST", `${at}:approve`, { approvalName: "billing" }))).toEqual(["approval_name"]);
    expect((await rig.call("POST", `${at}:approve`, { approval: "signup" })).status).toBe(400);
    await rig.ok(rig.call("POST", `${at}:reject`, { reason: "no contract" }));
    expect((await rig.account(account)).approvals).toEqual([
      expect.objectContaining({ state: "REJECTED", reason: "no contract" }),
    ]);
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_ACTIVATION_REQUESTED");
  });
  it("is reset when it is a test account, and only then", async () => {
    const rig = openMarketplace();
    const { order, account } = await accepted(rig);
    const at = `${procurement}/accounts/${account.split("/").at(-1)}`;
    expect(codeOf(await rig.call("POST", `${at}:reset`, {}))).toBe("FAILED_PRECONDITION");
    await rig.controls.putAccount({ billingAccount: buyer, isTest: true });
    await rig.approveAccount(account);
    await rig.ok(rig.call("POST", `${at}:reset`, {}));
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_CANCELLED");
    expect((await rig.account(account)).approvals[0].state).toBe("PENDING");
  });
  it("that is closed takes its orders along, and they are deleted", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { order } = await rig.running();
    await rig.arrived();
    await rig.controls.deleteAccount(await accountIn(rig, order));
    expect(await rig.arrived()).toEqual(["ACCOUNT_DELETED", "ENTITLEMENT_CANCELLED", "ENTITLEMENT_DELETED"]);
    expect((await rig.call("GET", `${entitlements}/${order}`)).status).toBe(404);
  });
});

describe("a change of plan", () => {
  it("waits for the partner, who must name the plan, and then takes effect", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { offer, order } = await rig.running();
    await rig.arrived();
    await rig.controls.changePlan(order, "team-p1m");
    await rig.controls.advance(10 / 86_400);
    const [push] = rig.pushes.splice(0);
    expect(push?.event).toMatchObject({
      eventType: "ENTITLEMENT_PLAN_CHANGE_REQUESTED",
      entitlement: { newPlan: "team", newOfferDuration: "P1M" },
    });
    expect(await rig.entitlement(order)).toMatchObject({
      state: "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL",
      plan: "enterprise",
      newPendingPlan: "team",
    });
    const approve = (input: object) => rig.call("POST", `${entitlements}/${order}:approvePlanChange`, input);
    expect(fieldsOf(await approve({}))).toEqual(["pending_plan_name"]);
    expect(fieldsOf(await approve({ pendingPlanName: "enterprise" }))).toEqual(["pending_plan_name"]);
    expect((await approve({ pendingPlanName: "team" })).body).toEqual({});
    const pending = await rig.entitlement(order);
    expect([pending.state, pending.newOfferStartTime]).toEqual(["ENTITLEMENT_PENDING_PLAN_CHANGE", expect.any(String)]);
    await rig.controls.advance(11 / 1440);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_PLAN_CHANGED"]);
    const changed = await rig.entitlement(order);
    expect([changed.state, changed.plan, changed.newPendingPlan]).toEqual(["ENTITLEMENT_ACTIVE", "team", undefined]);
    expect((await rig.offer(offer)).state).toBe("ENDED");
  });
  it("may be rejected by the partner or taken back by the buyer: the order stays as it was", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { order } = await rig.running();
    await rig.arrived();
    await rig.controls.changePlan(order, "team-p1m");
    const body = { pendingPlanName: "team", reason: "not sold any more" };
    await rig.ok(rig.call("POST", `${entitlements}/${order}:rejectPlanChange`, body));
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_PLAN_CHANGE_CANCELLED", "ENTITLEMENT_PLAN_CHANGE_REQUESTED"]);
    expect((await rig.call("POST", `${entitlements}/${order}:rejectPlanChange`, body)).status).toBe(400);
    await rig.controls.changePlan(order, "team-p1m");
    await rig.controls.withdrawChange(order);
    expect(await rig.entitlement(order)).toMatchObject({ state: "ENTITLEMENT_ACTIVE", plan: "enterprise" });
  });
  it("by an amending offer ends the offer before it, and both are found in the order's history", async () => {
    const rig = openMarketplace();
    const { offer, order } = await rig.running();
    const amendedPrivateOffer = `projects/${project}/locations/global/privateOffers/${offer}`;
    const next = await rig.published({ title: "More seats", singleProductOffer: { amendedPrivateOffer } });
    expect((await rig.controls.acceptOffer(next)).id).toBe(order);
    const waiting = await rig.entitlement(order);
    expect(waiting.newPendingOffer.endsWith(`/privateOffers/${next}`)).toBe(true);
    await rig.ok(
      rig.call("POST", `${entitlements}/${order}:approvePlanChange`, { pendingPlanName: waiting.newPendingPlan }),
    );
    await rig.controls.advance(11 / 1440);
    expect((await rig.entitlement(order)).offer.endsWith(next)).toBe(true);
    expect([(await rig.offer(offer)).state, (await rig.offer(next)).state]).toEqual(["ENDED", "ACCEPTED"]);
    for (const id of [offer, next]) {
      const found = await rig.ok(rig.call("GET", `${entitlements}?filter=change_history.new_offer:${id}`));
      expect(found.entitlements.map(({ name }: { name: string }) => name.split("/").at(-1))).toEqual([order]);
    }
  });
});

describe("a change to another offer that the partner rejects", () => {
  it("ends that offer and leaves the one that holds", async () => {
    const rig = openMarketplace();
    const { offer, order } = await rig.running();
    const amendedPrivateOffer = `projects/${project}/locations/global/privateOffers/${offer}`;
    const next = await rig.published({ title: "More seats", singleProductOffer: { amendedPrivateOffer } });
    await rig.controls.acceptOffer(next);
    const body = { pending_plan_name: "enterprise" };
    await rig.ok(rig.call("POST", `${entitlements}/${order}:rejectPlanChange`, body));
    expect([(await rig.offer(offer)).state, (await rig.offer(next)).state]).toEqual(["ACCEPTED", "ENDED"]);
    expect((await rig.entitlement(order)).offer.endsWith(offer)).toBe(true);
  });
});

describe("an order that rests", () => {
  it("is seen by a sweep alone, and goes on", async () => {
    const rig = openMarketplace();
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    const { order } = await rig.running();
    await rig.arrived();
    await rig.controls.suspendOrder(order);
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_SUSPENDED");
    await expect(rig.controls.suspendOrder(order)).rejects.toThrow("FAILED_PRECONDITION");
    await rig.controls.suspendOrder(order, false);
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_ACTIVE");
    expect(await rig.arrived()).toEqual([]);
  });
});

describe("a message to the user", () => {
  it("is written only while the user waits, alone in its mask, and goes with the state", async () => {
    const rig = openMarketplace();
    const { order, account } = await accepted(rig);
    const say = (mask: string) =>
      rig.call("PATCH", `${entitlements}/${order}?updateMask=${mask}`, { messageToUser: "Ready on Monday" });
    expect((await say("messageToUser")).body.messageToUser).toBe("Ready on Monday");
    expect((await say("message_to_user")).status).toBe(200);
    expect(fieldsOf(await say("state"))).toEqual(["update_mask"]);
    await rig.approveAccount(account);
    await rig.approve(order);
    await rig.controls.advance(1 / 24);
    expect((await rig.entitlement(order)).messageToUser).toBeUndefined();
    expect(codeOf(await say("messageToUser"))).toBe("FAILED_PRECONDITION");
    const suspended = await rig.call("POST", `${entitlements}/${order}:suspend`, {});
    expect([suspended.status, codeOf(suspended)]).toEqual([501, "UNIMPLEMENTED"]);
  });
});

describe("the list of entitlements", () => {
  it("is filtered by state, account, customer, offer, plan and service", async () => {
    const rig = openMarketplace();
    const { offer, order } = await rig.running();
    const other = await rig.controls.purchase({ billingAccount: "billingAccounts/0AC3E0-123456-00000B" });
    const find = async (filter: string) => {
      const body = await rig.ok(rig.call("GET", `${entitlements}?${new URLSearchParams({ filter })}`));
      return (entitlementsSchema.parse(body).entitlements ?? []).map(({ name }) => name.split("/").at(-1));
    };
    expect(await find("state=ENTITLEMENT_ACTIVE")).toEqual([order]);
    expect(await find(`account=${other.entitlement.account}`)).toEqual([other.id]);
    expect(await find(`customer_billing_account=${buyer}`)).toEqual([order]);
    expect(await find(`offer="${(await rig.entitlement(order)).offer}"`)).toEqual([order]);
    expect(await find(`offer:${offer}`)).toEqual([order]);
    expect(await find("plan=team OR plan=enterprise")).toEqual([order, other.id]);
    expect(await find(`services=core.endpoints.${project}.cloud.goog AND plan=team`)).toEqual([other.id]);
    expect(await find("state=ENTITLEMENT_CANCELLED")).toEqual([]);
    expect((await rig.call("GET", `${entitlements}?filter=price=1`)).status).toBe(400);
  });
  it("is the provider's alone", async () => {
    const rig = openMarketplace();
    expect((await rig.call("GET", entitlements.replace(project, "stranger"))).status).toBe(403);
    await rig.controls.revokeRole({ surface: "procurement" });
    expect((await rig.call("GET", entitlements)).status).toBe(403);
  });
});
