import { describe, expect, it } from "vitest";
import type { FaultRuleInput } from "../adapters/gcp/simulator/index.ts";
import { goodOffer, openMarketplace, procurement, producer } from "./gcp-marketplace-rig.ts";
import { codeOf } from "./gcp-simulator-rig.ts";

const rig = openMarketplace();
const under = async <T>(rule: FaultRuleInput, work: () => Promise<T>): Promise<T> => {
  await rig.controls.setFaults([rule]);
  try {
    return await work();
  } finally {
    await rig.controls.clearFaults();
  }
};
/** How many drafts carry a marker. */
const marked = async (internalNote: string): Promise<number> => {
  const { privateOffers = [] } = await rig.ok(rig.call("GET", `${producer}/privateOffers`));
  return privateOffers.filter((offer: { internalNote?: string }) => offer.internalNote === internalNote).length;
};
const create = (internalNote: string) => rig.call("POST", `${producer}/privateOffers`, goodOffer({ internalNote }));

describe("a create whose answer does not come", () => {
  it.each([
    ["timeout_before", 0],
    ["commit_then_timeout", 1],
    ["reset_mid_body", 1],
  ] as const)("%s leaves %d drafts behind, and only a search for its marker tells", async (fault, count) => {
    const rule = { on: "privateOffers.create", fault };
    await expect(under(rule, () => create(`cosell:${fault}`))).rejects.toThrow();
    expect(await marked(`cosell:${fault}`)).toBe(count);
  });
  it.each([
    ["error_500", "INTERNAL", 0],
    ["error_503_before", "UNAVAILABLE", 0],
    ["commit_then_500", "INTERNAL", 1],
    ["throttle", "RESOURCE_EXHAUSTED", 0],
    ["aborted", "ABORTED", 0],
    ["token_expired", "UNAUTHENTICATED", 0],
    ["permission_lost", "PERMISSION_DENIED", 0],
  ] as const)("%s answers %s", async (fault, code, count) => {
    const answer = await under({ on: "privateOffers.create", fault }, () => create(`cosell:${fault}`));
    expect(codeOf(answer)).toBe(code);
    expect(await marked(`cosell:${fault}`)).toBe(count);
  });
});

describe("answers of the marketplace under faults", () => {
  it("publish what was not acknowledged, once", async () => {
    const id = await rig.draft();
    await expect(
      under({ on: "privateOffers.publish", fault: "commit_then_timeout" }, () => rig.publish(id)),
    ).rejects.toThrow();
    expect((await rig.offer(id)).state).toBe("PUBLISHING");
    expect(codeOf(await rig.publish(id))).toBe("FAILED_PRECONDITION");
  });
  it("have words nobody knows, members nobody knows, and lack members", async () => {
    const id = await rig.draft();
    const odd = (rule: Omit<FaultRuleInput, "on">) => under({ on: "privateOffers.get", ...rule }, () => rig.offer(id));
    expect((await odd({ fault: "unknown_status_word", value: "PAUSED" })).state).toBe("PAUSED");
    expect((await odd({ fault: "missing_field" })).updateTime).toBeUndefined();
    const { order } = await rig.running();
    const read = await under({ on: "providers.entitlements.get", fault: "unknown_status_word" }, () =>
      rig.entitlement(order),
    );
    expect(read.state).not.toMatch(/^ENTITLEMENT_/);
    const page = await under({ on: "providers.entitlements.list", fault: "null_for_list" }, () =>
      rig.ok(rig.call("GET", `${procurement}/entitlements`)),
    );
    expect(page.entitlements).toBeNull();
  });
  it("show the version before for a while after a write that says so", async () => {
    const id = await rig.draft();
    await under({ on: "privateOffers.patch", fault: "stale_read", seconds: 30 }, () =>
      rig.patch(id, { title: "Newer" }, "title"),
    );
    expect((await rig.offer(id)).title).toBe("Example Foods - Enterprise");
    rig.pause(30);
    expect((await rig.offer(id)).title).toBe("Newer");
  });
  it("count against the project's quota", async () => {
    const busy = openMarketplace({ settings: { quotas: { writesPerSecond: 0.01, writesBurst: 2 } } });
    const codes: number[] = [];
    for (let count = 0; count < 4; count += 1)
      codes.push((await busy.call("POST", `${producer}/privateOffers`, {})).status);
    expect(codes).toEqual([200, 200, 429, 429]);
  });
});

describe("the control API of the marketplace", () => {
  it("lists what buyers and Google can be made to do, and does it over HTTP", async () => {
    const { body } = await rig.control("GET", "/simulator/gcp/control/");
    const paths = body.controls.map(({ method, path }: { method: string; path: string }) => `${method} ${path}`);
    for (const path of ["accept_offer", "purchase", "change_plan", "cancel_order", "revert_cancellation", "forge"])
      expect(paths).toContain(`POST /${path}`);
    expect(body.faults.event_repeated).toBeDefined();
    const offer = await rig.published({ customer: { targetBillingAccount: "billingAccounts/0AC3E0-123456-0000FF" } });
    const accepted = await rig.control("POST", "/accept_offer", { id: offer });
    expect(accepted.body.entitlement.state).toBe("ENTITLEMENT_ACTIVATION_REQUESTED");
    expect((await rig.control("POST", "/accept_offer", { id: offer })).status).toBe(409);
    expect((await rig.control("POST", "/cancel_order", { id: "none" })).status).toBe(404);
    expect((await rig.control("POST", "/purchase", { billingAccount: "me" })).status).toBe(400);
    expect(
      (await rig.control("PUT", "/settings", { marketplace: { automaticApproval: true } })).body.marketplace,
    ).toMatchObject({
      automaticApproval: true,
      earlyApproval: "pend",
    });
    expect((await rig.control("PUT", "/subscription", { url: "https://cosell.example/hooks" })).body.audience).toBe(
      "https://cosell.example/hooks",
    );
    await rig.control("POST", "/reset", {});
    expect((await rig.ok(rig.call("GET", `${producer}/privateOffers`))).privateOffers).toBeUndefined();
    expect((await rig.controls.ledger()).subscriptions).toHaveLength(1);
  });
});
