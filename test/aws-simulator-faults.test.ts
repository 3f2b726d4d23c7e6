import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type FaultRuleInput, faultCatalogue } from "../adapters/aws/simulator/index.ts";
import { edit, getDeal, goodDeal, openRig, rawOf, signed, start, submit } from "./aws-simulator-rig.ts";

const rig = await openRig({ instantTimeouts: true, settings: { proportions: { taskAtOnce: 0 } } });
const id = await rig.create();
afterAll(() => rig.close());
beforeEach(() => rig.controls.clearFaults());

const plan = (...rules: FaultRuleInput[]) => rig.controls.setFaults(rules);
const read = (identifier = id) => rig.call("GetOpportunity", { Catalog: "AWS", Identifier: identifier });
const list = (more: object = {}) => rig.call("ListOpportunities", { Catalog: "AWS", ...more });
const deals = async (): Promise<number> => (await rig.controls.ledger()).opportunities.length;
let created = 0;
/** Creates in process, where a network error is visible as one. */
const create = (): Promise<Response> => {
  rig.pause(1);
  created += 1;
  return rig.simulator.fetch(
    signed(rig.url, "CreateOpportunity", JSON.stringify(goodDeal({ ClientToken: `fault-${created}` }))),
  );
};
const typeOf = (body: { __type: string }): string => body.__type.split("#")[1] ?? "";

describe("faults before any effect", () => {
  const cases: readonly (readonly [FaultRuleInput, number, string])[] = [
    [{ on: "CreateOpportunity", fault: "throttle" }, 400, "ThrottlingException"],
    [{ on: "CreateOpportunity", fault: "throttle", status: 429, retryAfterSeconds: 7 }, 429, "ThrottlingException"],
    [{ on: "CreateOpportunity", fault: "error_500" }, 500, "InternalServerException"],
    [{ on: "CreateOpportunity", fault: "error_503_before" }, 503, "ServiceUnavailableException"],
    [{ on: "CreateOpportunity", fault: "token_expired" }, 400, "ExpiredTokenException"],
    [{ on: "CreateOpportunity", fault: "permission_lost" }, 400, "AccessDeniedException"],
    [{ on: "CreateOpportunity", fault: "stale_last_modified" }, 400, "ConflictException"],
  ];
  for (const [rule, status, type] of cases) {
    it(`${rule.fault}${rule.status ? ` with status ${rule.status}` : ""} answers ${type} and creates nothing`, async () => {
      await plan(rule);
      const before = await deals();
      const answer = await rawOf(await create());
      expect([answer.status, typeOf(answer.body)]).toEqual([status, type]);
      expect(answer.headers.get("retry-after")).toBe(rule.retryAfterSeconds === undefined ? null : "7");
      expect(await deals()).toBe(before);
    });
  }
  it("timeout_before gives no answer and creates nothing", async () => {
    await plan({ on: "CreateOpportunity", fault: "timeout_before" });
    const before = await deals();
    await expect(create()).rejects.toThrow("no answer");
    expect(await deals()).toBe(before);
  });
  it("html_error_page is a 502 page without effect unless it says committed", async () => {
    await plan({ on: "CreateOpportunity", fault: "html_error_page" });
    const before = await deals();
    const answer = await rawOf(await create());
    expect([answer.status, answer.text.slice(0, 6), await deals()]).toEqual([502, "<html>", before]);
    await plan({ on: "CreateOpportunity", fault: "html_error_page", committed: true });
    await create();
    expect(await deals()).toBe(before + 1);
  });
  it("page_token_expired refuses the next page only", async () => {
    await rig.create();
    await plan({ on: "ListOpportunities", fault: "page_token_expired" });
    const first = await list({ MaxResults: 1 });
    expect(first.status).toBe(200);
    expect(typeOf((await list({ MaxResults: 1, NextToken: first.body.NextToken })).body)).toBe("ValidationException");
  });
});

describe("faults after the effect", () => {
  const lost: readonly FaultRuleInput["fault"][] = [
    "commit_then_500",
    "reset_mid_body",
    "truncated_json",
    "wrong_content_type",
  ];
  for (const fault of lost) {
    it(`${fault} creates once and spoils the answer`, async () => {
      await plan({ on: "CreateOpportunity", fault });
      const before = await deals();
      const response = await create();
      const text = await response.text().catch((error: Error) => `broken: ${error.message}`);
      if (fault === "commit_then_500")
        expect([response.status, text]).toEqual([500, expect.stringContaining("InternalServer")]);
      if (fault === "reset_mid_body") expect(text).toContain("broken");
      if (fault === "truncated_json") expect(() => JSON.parse(text)).toThrow();
      if (fault === "wrong_content_type") expect(response.headers.get("content-type")).toBe("text/plain");
      expect(await deals()).toBe(before + 1);
    });
  }
  it("commit_then_timeout creates once and gives no answer; the token finds it again", async () => {
    await plan({ on: "CreateOpportunity", fault: "commit_then_timeout", nth: 1 });
    const before = await deals();
    await expect(create()).rejects.toThrow("no answer");
    created -= 1;
    expect((await create()).status).toBe(200);
    expect(await deals()).toBe(before + 1);
  });
  it("reset_mid_body breaks a real connection", async () => {
    await plan({ on: "CreateOpportunity", fault: "reset_mid_body" });
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    rig.pause(1);
    const request = signed(rig.url, "CreateOpportunity", JSON.stringify(goodDeal({ ClientToken: "reset" })));
    await expect(fetch(request).then((response) => response.text())).rejects.toThrow();
    quiet.mockRestore();
  });
  it("slow lets the clock pass", async () => {
    await plan({ on: "GetOpportunity", fault: "slow", seconds: 30 });
    const before = rig.clock.now().getTime();
    await read();
    expect(rig.clock.now().getTime() - before).toBe(31_000);
  });
  it("a time-out hangs until the caller gives up when time is real", async () => {
    const real = await openRig();
    await real.controls.setFaults([{ on: "ListSolutions", fault: "timeout_before" }]);
    const request = signed(real.url, "ListSolutions", '{"Catalog":"AWS"}');
    const before = performance.now();
    await expect(fetch(new Request(request, { signal: AbortSignal.timeout(300) }))).rejects.toThrow();
    expect(performance.now() - before).toBeGreaterThan(250);
    expect((await real.call("GetOpportunity", { Catalog: "AWS", Identifier: "O1" })).status).toBe(400);
    await real.close();
  });
});

describe("faults in the answer's words", () => {
  it("unknown_status_word", async () => {
    await plan({ on: "GetOpportunity", fault: "unknown_status_word" });
    const answer = await read().catch((error: Error) => error.message);
    expect(JSON.stringify(answer)).toContain("LifeCycle.ReviewStatus");
  });
  it("missing_field", async () => {
    await plan({ on: "GetOpportunity", fault: "missing_field" });
    await expect(read()).rejects.toThrow("LastModifiedDate is required");
  });
  it("extra_field, also inside the groups an update replaces", async () => {
    await plan({ on: "GetOpportunity", fault: "extra_field" });
    const { body } = await read();
    expect([body.FutureMember, body.Project.FutureMember, body.LifeCycle.FutureMember]).not.toContain(undefined);
  });
  it("null_for_list", async () => {
    await plan({ on: "ListOpportunities", fault: "null_for_list" });
    await expect(list()).rejects.toThrow("OpportunitySummaries is required");
  });
  it("partial_page repeats or skips the last item", async () => {
    await plan({ on: "ListOpportunities", fault: "partial_page" });
    expect((await list({ Identifier: [id] })).body.OpportunitySummaries).toHaveLength(2);
    await plan({ on: "ListOpportunities", fault: "partial_page", mode: "skip" });
    expect((await list({ Identifier: [id] })).body.OpportunitySummaries).toHaveLength(0);
  });
});

describe("faults in what is seen", () => {
  it("stale_read shows the version before, for a while after the write", async () => {
    await plan({ on: "UpdateOpportunity", fault: "stale_read", seconds: 30 });
    const before = await getDeal(rig, id);
    const saved = await edit(rig, id, (deal) => (deal.Project.Title = "Fresh"));
    expect((await read()).body.LastModifiedDate).toBe(before.LastModifiedDate);
    rig.pause(30);
    expect((await read()).body.LastModifiedDate).toBe(saved.body.LastModifiedDate);
  });
  it("search_lag hides a new record from lists, not from reads", async () => {
    await plan({ on: "CreateOpportunity", fault: "search_lag", seconds: 30 });
    const fresh = await rig.create();
    expect((await list({ Identifier: [fresh] })).body.OpportunitySummaries).toEqual([]);
    expect((await read(fresh)).status).toBe(200);
    rig.pause(30);
    expect((await list({ Identifier: [fresh] })).body.OpportunitySummaries).toHaveLength(1);
  });
  it("a search lag as a setting shows the version before", async () => {
    const fresh = await rig.create();
    rig.pause(60);
    await rig.controls.change({ searchLagSeconds: 20 });
    await edit(rig, fresh, (deal) => (deal.LifeCycle.NextSteps = "Lagging"));
    const steps = async () => (await list({ Identifier: [fresh] })).body.OpportunitySummaries[0].LifeCycle.NextSteps;
    expect(await steps()).toBe("Demo on Monday");
    rig.pause(20);
    expect(await steps()).toBe("Lagging");
    await rig.controls.change({ searchLagSeconds: 0 });
  });
  it("clock_skew stamps with a clock that is ahead, and later writes are later still", async () => {
    const fresh = await rig.create();
    await plan({ on: "UpdateOpportunity", fault: "clock_skew", nth: 1, seconds: 600 });
    const ahead = await edit(rig, fresh, () => undefined);
    expect(new Date(ahead.body.LastModifiedDate).getTime()).toBe(rig.clock.now().getTime() + 600_000);
    const later = await edit(rig, fresh, () => undefined);
    expect(later.body.LastModifiedDate > ahead.body.LastModifiedDate).toBe(true);
  });
});

describe("task faults", () => {
  it("async_task_stuck never ends", async () => {
    await plan({ on: "StartEngagementFromOpportunityTask", fault: "async_task_stuck", nth: 1 });
    const fresh = await rig.create();
    expect((await submit(rig, fresh)).TaskStatus).toBe("IN_PROGRESS");
    await rig.controls.advance(30);
    expect((await start(rig, fresh)).body.TaskStatus).toBe("IN_PROGRESS");
  });
  it("async_task_fails ends with any reason code", async () => {
    await plan({ on: "StartEngagementFromOpportunityTask", fault: "async_task_fails", reason: "ServiceQuotaExceeded" });
    const fresh = await rig.create();
    expect(await submit(rig, fresh)).toMatchObject({ TaskStatus: "FAILED", ReasonCode: "ServiceQuotaExceeded" });
    expect((await read(fresh)).body.LifeCycle.ReviewStatus).toBe("Pending Submission");
  });
  it("async_task_fails_after_success_event tells of a submission that did not happen", async () => {
    await plan({ on: "StartEngagementFromOpportunityTask", fault: "async_task_fails_after_success_event" });
    const fresh = await rig.create();
    expect((await submit(rig, fresh)).TaskStatus).toBe("FAILED");
    const { events } = await rig.controls.ledger();
    const mine = events.filter((event) => event.opportunityId === fresh).map((event) => event.detailType);
    expect(mine).toContain("Engagement Created");
    expect((await read(fresh)).body.LifeCycle.ReviewStatus).toBe("Pending Submission");
  });
});

describe("fault plans", () => {
  it("strike the nth call, every nth call, and at most so often", async () => {
    const outcomes = async (rule: FaultRuleInput): Promise<string> => {
      await plan(rule);
      let found = "";
      for (let index = 0; index < 7; index += 1) found += (await read()).status === 200 ? "." : "x";
      return found;
    };
    const rule = { on: "GetOpportunity", fault: "error_500" } as const;
    expect(await outcomes({ ...rule, nth: 3 })).toBe("..x....");
    expect(await outcomes({ ...rule, nth: 3, times: 2 })).toBe("..xx...");
    expect(await outcomes({ ...rule, every: 3 })).toBe("..x..x.");
    expect(await outcomes({ ...rule, nth: 2, every: 2, times: 2 })).toBe(".x.x...");
    expect(await outcomes({ ...rule, on: "*", times: 1 })).toBe("x......");
    expect(await rig.controls.faults()).toEqual({ rules: [{ ...rule, on: "*", times: 1, seen: 7, fired: 1 }] });
  });
  it("keep counting after a restart", async () => {
    const first = await openRig();
    await first.controls.setFaults([{ on: "GetOpportunity", fault: "error_500", nth: 2 }]);
    await first.call("GetOpportunity", { Catalog: "AWS", Identifier: "O1" });
    await first.close();
    const second = await openRig({ state: first.state });
    expect((await second.call("GetOpportunity", { Catalog: "AWS", Identifier: "O1" })).status).toBe(500);
    await second.close();
  });
  it("know every fault of the catalogue that concerns AWS, and refuse others by name", async () => {
    expect(Object.keys(faultCatalogue)).toHaveLength(32);
    await expect(plan({ on: "GetOpportunity", fault: "etag_mismatch" })).rejects.toThrow("fault must be one of");
    await expect(plan({ on: "DeleteOpportunity", fault: "slow" })).rejects.toThrow("on must be one of");
  });
});

describe("quotas", () => {
  it("let one write a second through, and count what they refuse", async () => {
    const world = await openRig();
    const send = async (token: string) =>
      (
        await rawOf(
          await fetch(signed(world.url, "CreateOpportunity", JSON.stringify(goodDeal({ ClientToken: token })))),
        )
      ).status;
    const statuses = [await send("a"), await send("b")];
    world.pause(0.9);
    statuses.push(await send("c"));
    world.pause(0.1);
    statuses.push(await send("d"));
    expect(statuses).toEqual([200, 400, 400, 200]);
    expect((await world.controls.ledger()).counters).toMatchObject([
      {
        account: "111122223333",
        writes: 2,
        reads: 0,
        throttled: 2,
        operations: { CreateOpportunity: { calls: 4, ok: 2, throttled: 2 } },
      },
    ]);
    await world.close();
  });
  it("let ten reads a second through", async () => {
    const world = await openRig();
    const send = async () =>
      (await rawOf(await fetch(signed(world.url, "ListSolutions", '{"Catalog":"AWS"}')))).body.__type;
    const types: (string | undefined)[] = [];
    for (let index = 0; index < 12; index += 1) types.push(await send());
    expect(types.filter((type) => type === undefined)).toHaveLength(10);
    expect(types.at(-1)).toContain("ThrottlingException");
    await world.close();
  });
  it("let a rolling day's worth through, and more once the first of it is a day old", async () => {
    const world = await openRig({ settings: { quotas: { writesPerDay: 3 } } });
    const send = async (token: string) =>
      (await world.call("CreateOpportunity", goodDeal({ ClientToken: token }))).status;
    expect([await send("a"), await send("b"), await send("c"), await send("d")]).toEqual([200, 200, 200, 400]);
    world.pause(23 * 3600);
    expect(await send("e")).toBe(400);
    world.pause(3700);
    expect(await send("f")).toBe(200);
    await world.close();
  });
  it("count refused requests, and do not charge for throttled ones", async () => {
    const world = await openRig();
    await world.call("CreateOpportunity", goodDeal({ Origin: "AWS Referral" }));
    const { counters } = await world.controls.ledger();
    expect(counters[0]).toMatchObject({ writes: 1, operations: { CreateOpportunity: { refused: 1 } } });
    await world.close();
  });
});
