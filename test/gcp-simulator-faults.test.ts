import { beforeEach, describe, expect, it } from "vitest";
import { type FaultRuleInput, faultCatalogue } from "../adapters/gcp/simulator/index.ts";
import {
  assertionFor,
  channel,
  codeOf,
  goodDeal,
  openRig,
  partner,
  rawOf,
  requestOf,
  tokenRequest,
} from "./gcp-simulator-rig.ts";

const rig = openRig();
const id = await rig.create({ state: "DRAFT" });
await rig.create({ state: "DRAFT" });
beforeEach(() => rig.controls.clearFaults());

const plan = (...rules: FaultRuleInput[]) => rig.controls.setFaults(rules);
const deals = async (): Promise<number> => (await rig.controls.ledger()).opportunities.length;
const create = async (): Promise<Response> => {
  rig.pause(1);
  const address = `${channel}/opportunities?partner=${partner}`;
  return rig.simulator.fetch(requestOf("POST", address, { body: goodDeal(), bearer: await rig.signIn() }));
};
const token = async () => rawOf(await rig.simulator.fetch(tokenRequest(await assertionFor({ now: rig.clock.now() }))));

describe("faults before any effect", () => {
  const on = "opportunities.create";
  const cases: readonly (readonly [FaultRuleInput, number, string])[] = [
    [{ on, fault: "throttle" }, 429, "RESOURCE_EXHAUSTED"],
    [{ on, fault: "throttle", status: 503, retryAfterSeconds: 7 }, 503, "RESOURCE_EXHAUSTED"],
    [{ on, fault: "error_500" }, 500, "INTERNAL"],
    [{ on, fault: "error_503_before" }, 503, "UNAVAILABLE"],
    [{ on, fault: "aborted" }, 409, "ABORTED"],
    [{ on, fault: "token_expired" }, 401, "UNAUTHENTICATED"],
    [{ on, fault: "permission_lost" }, 403, "PERMISSION_DENIED"],
  ];
  for (const [rule, status, code] of cases) {
    it(`${rule.fault} answers ${status} ${code} and creates nothing`, async () => {
      await plan(rule);
      const before = await deals();
      const answer = await rawOf(await create());
      expect([answer.status, codeOf(answer), answer.body.error.code]).toEqual([status, code, status]);
      expect(await deals()).toBe(before);
      const wait = rule.fault === "throttle" ? String(rule.retryAfterSeconds ?? 30) : null;
      expect(answer.headers.get("retry-after")).toBe(wait);
    });
  }
  it("timeout_before and html_error_page give no answer of Google's, and create nothing", async () => {
    const before = await deals();
    await plan({ on, fault: "timeout_before" });
    await expect(create()).rejects.toThrow("no answer");
    await plan({ on, fault: "html_error_page" });
    const page = await rawOf(await create());
    expect([page.status, page.text.slice(0, 6)]).toEqual([502, "<html>"]);
    expect(await deals()).toBe(before);
  });
  it("page_token_expired refuses the next page only", async () => {
    await plan({ on: "opportunities.query", fault: "page_token_expired" });
    const first = await rig.query({ pageSize: "1" });
    expect(first.status).toBe(200);
    expect(codeOf(await rig.query({ pageSize: "1", pageToken: first.body.nextPageToken }))).toBe("INVALID_ARGUMENT");
  });
  it("strike the token endpoint in its own words", async () => {
    await plan({ on: "token", fault: "permission_lost" });
    expect((await token()).body).toEqual({
      error: "invalid_grant",
      error_description: "Invalid grant: account not found",
    });
    await plan({ on: "token", fault: "token_expired" });
    expect((await token()).body.error).toBe("invalid_grant");
    await plan({ on: "token", fault: "throttle" });
    expect((await token()).status).toBe(429);
    await plan({ on: "token", fault: "clock_skew", seconds: 7_200 });
    expect((await token()).body.error_description).toContain("reasonable timeframe");
    await rig.controls.clearFaults();
    expect((await token()).status).toBe(200);
  });
});

describe("faults after the effect", () => {
  for (const fault of [
    "commit_then_500",
    "reset_mid_body",
    "truncated_json",
    "wrong_content_type",
    "commit_then_timeout",
  ] as const) {
    it(`${fault} creates once and spoils the answer`, async () => {
      await plan({ on: "opportunities.create", fault });
      const before = await deals();
      const answer = await create().catch((error: Error) => error);
      if (answer instanceof Error)
        expect([fault, answer.message]).toEqual(["commit_then_timeout", expect.stringContaining("no answer")]);
      else {
        const text = await answer.text().catch((error: Error) => `broken: ${error.message}`);
        if (fault === "commit_then_500")
          expect([answer.status, text]).toEqual([500, expect.stringContaining("INTERNAL")]);
        if (fault === "reset_mid_body") expect(text).toContain("broken");
        if (fault === "truncated_json") expect(() => JSON.parse(text)).toThrow();
        if (fault === "wrong_content_type") expect(answer.headers.get("content-type")).toBe("text/plain");
      }
      expect(await deals()).toBe(before + 1);
    });
  }
  it("stale_read shows the version before, and search_lag hides what was just written", async () => {
    await plan({ on: "opportunities.patch", fault: "stale_read", seconds: 30 });
    const { body } = await rig.patch(id, { opportunityInfo: { description: "fresh" } }, "opportunityInfo.description");
    expect(body.opportunityInfo.description).toBe("fresh");
    expect((await rig.get(id)).opportunityInfo.description).not.toBe("fresh");
    rig.pause(30);
    expect((await rig.get(id)).opportunityInfo.description).toBe("fresh");
    await plan({ on: "opportunities.create", fault: "search_lag", seconds: 45 });
    const late = await rig.create({ state: "DRAFT" });
    const isListed = async () => (await rig.query({ pageSize: "100" })).text.includes(late);
    expect([await isListed(), (await rig.get(late)).name]).toEqual([false, late]);
    rig.pause(45);
    expect(await isListed()).toBe(true);
  });
  it("change the answer's members: unknown words, missing, extra and null members, broken pages", async () => {
    await plan({ on: "opportunities.get", fault: "unknown_status_word", value: "IN_TRIAGE" });
    expect((await rig.get(id)).state).toBe("IN_TRIAGE");
    await plan({ on: "opportunities.query", fault: "unknown_status_word" });
    expect((await rig.query()).body.opportunities[0].state).toBe("Under Triage");
    await plan({ on: "opportunities.get", fault: "missing_field" });
    expect((await rig.get(id)).updateTime).toBeUndefined();
    await plan({ on: "opportunities.get", fault: "extra_field", field: "dealScore", value: 7 });
    expect(await rig.get(id)).toMatchObject({ dealScore: 7, opportunityInfo: { dealScore: 7 } });
    await plan({ on: "opportunities.query", fault: "null_for_list" });
    expect((await rig.query()).body.opportunities).toBeNull();
    await plan({ on: "opportunities.query", fault: "partial_page", mode: "repeat" });
    const { opportunities } = (await rig.query()).body;
    expect(opportunities.at(-1)).toEqual(opportunities.at(-2));
  });
  it("slow lets the clock pass, and clock_skew puts Google's clock ahead for one call", async () => {
    await plan({ on: "opportunities.get", fault: "slow", seconds: 30 });
    const before = rig.clock.now().getTime();
    await rig.get(id);
    expect(rig.clock.now().getTime() - before).toBe(31_000);
    await plan({ on: "opportunities.create", fault: "clock_skew", seconds: 900 });
    const made = await rawOf(await create());
    expect(Date.parse(made.body.createTime) - rig.clock.now().getTime()).toBeGreaterThan(899_000);
  });
});

describe("a fault plan", () => {
  it("strikes the nth call, every other, or so many times, and counts", async () => {
    const statuses = async (rule: Omit<FaultRuleInput, "on" | "fault">) => {
      await plan({ on: "opportunities.get", fault: "error_500", ...rule });
      const seen: number[] = [];
      for (let index = 0; index < 5; index += 1)
        seen.push((await rig.call("GET", `${channel}/${id}?partner=${partner}`)).status);
      return seen;
    };
    expect(await statuses({ nth: 2 })).toEqual([200, 500, 200, 200, 200]);
    expect(await statuses({ every: 2 })).toEqual([200, 500, 200, 500, 200]);
    expect(await statuses({ times: 2 })).toEqual([500, 500, 200, 200, 200]);
    expect((await rig.controls.faults()).rules[0]).toMatchObject({ seen: 5, fired: 2 });
  });
  it("takes only faults and operations that there are", async () => {
    await expect(plan({ on: "opportunities.get", fault: "nothing" as "slow" })).rejects.toThrow("must be one of");
    await expect(plan({ on: "GetOpportunity", fault: "slow" })).rejects.toThrow("opportunities.query");
    expect(Object.keys(faultCatalogue)).toEqual(
      expect.arrayContaining(["commit_then_timeout", "aborted", "search_lag"]),
    );
  });
});

describe("the quota", () => {
  it("refuses what comes too fast with 429 and how long to wait, and counts every operation", async () => {
    const world = openRig({ settings: { quotas: { readsPerSecond: 1, readsBurst: 2 } } });
    const bearer = await world.signIn();
    const read = async () =>
      rawOf(
        await world.simulator.fetch(requestOf("GET", `${channel}/opportunities:query?partner=${partner}`, { bearer })),
      );
    const [, , third] = [await read(), await read(), await read()];
    expect([third?.status, third && codeOf(third), third?.headers.get("retry-after")]).toEqual([
      429,
      "RESOURCE_EXHAUSTED",
      "1",
    ]);
    expect(third?.body.error.details[1]).toMatchObject({ retryDelay: "1s" });
    world.pause(1);
    expect((await read()).status).toBe(200);
    const counters = (await world.controls.ledger()).counters.find((row) => row.account === "simulated-partner");
    expect(counters?.operations["opportunities.query"]).toEqual({ calls: 4, ok: 3, refused: 0, throttled: 1 });
  });
});
