/** Faults of the simulated Partner Center: each does what its catalogue says, and nothing else. */
import { beforeEach, describe, expect, it } from "vitest";
import { type FaultRuleInput, faultCatalogue, operations } from "../adapters/azure/simulator/index.ts";
import {
  aadOf,
  codeOf,
  goodReferral,
  invitation,
  openRig,
  type Rig,
  rawOf,
  replace,
  statusOf,
} from "./azure-simulator-rig.ts";

let rig: Rig;
beforeEach(() => {
  rig = openRig();
});
const plan = (...rules: FaultRuleInput[]) => rig.controls.setFaults(rules);
const referrals = async (): Promise<number> => (await rig.controls.ledger()).referrals.length;
const create = () => rig.call("POST", "", goodReferral());

describe("faults before any effect", () => {
  const cases: readonly (readonly [FaultRuleInput, string])[] = [
    [{ on: "CreateReferral", fault: "throttle", retryAfterSeconds: 7 }, "429 tooManyRequests"],
    [{ on: "CreateReferral", fault: "throttle", status: 509 }, "509 tooManyRequests"],
    [{ on: "CreateReferral", fault: "error_500" }, "500 generalException"],
    [{ on: "CreateReferral", fault: "error_503_before", retryAfterSeconds: 7 }, "503 serviceNotAvailable"],
    [{ on: "CreateReferral", fault: "token_expired" }, "401 unauthenticated"],
    [{ on: "CreateReferral", fault: "mfa_required" }, "401 900421"],
    [{ on: "CreateReferral", fault: "permission_lost" }, "403 accessDenied"],
    [{ on: "CreateReferral", fault: "stale_etag" }, "412 preconditionFailed"],
  ];
  for (const [rule, answer] of cases) {
    it(`${rule.fault} answers ${answer} and creates nothing`, async () => {
      await plan(rule);
      const raw = await create();
      expect([codeOf(raw), raw.headers.get("retry-after")]).toEqual([
        answer,
        rule.retryAfterSeconds === undefined ? null : "7",
      ]);
      expect(await referrals()).toBe(0);
    });
  }
  it("timeout_before and html_error_page give no answer of Microsoft's", async () => {
    await plan({ on: "CreateReferral", fault: "timeout_before" });
    await expect(create()).rejects.toThrow("no answer");
    await plan({ on: "CreateReferral", fault: "html_error_page" });
    const page = await create();
    expect([page.status, page.text.slice(0, 6), await referrals()]).toEqual([502, "<html>", 0]);
  });
  it("at the token endpoint are Entra's own words", async () => {
    await rig.refresh();
    const words = [
      ["token_expired", "400 invalid_grant 700082"],
      ["permission_lost", "400 invalid_grant 65001"],
      ["mfa_required", "400 invalid_grant 50076"],
      ["error_503_before", "503 temporarily_unavailable 90033"],
    ] as const;
    for (const [fault, answer] of words) {
      await plan({ on: "RefreshToken", fault });
      expect(aadOf(await rig.refresh())).toBe(answer);
    }
    await plan({ on: "RefreshToken", fault: "rotation_lost" });
    const { body } = await rig.refresh();
    expect([body.token_type, "refresh_token" in body]).toEqual(["Bearer", false]);
  });
});

describe("faults after the effect", () => {
  for (const fault of ["commit_then_500", "reset_mid_body", "truncated_json", "wrong_content_type"] as const) {
    it(`${fault} creates once and spoils the answer`, async () => {
      await plan({ on: "CreateReferral", fault });
      const token = await rig.bearer();
      const headers = {
        authorization: `Bearer ${token}`,
        "client-request-id": "x",
        "content-type": "application/json",
      };
      const request = new Request("https://api.partner.microsoft.com/v1.0/engagements/referrals", {
        method: "POST",
        headers,
        body: JSON.stringify(goodReferral()),
      });
      const response = await rig.simulator.fetch(request);
      const read = await response.text().then(
        (text) => {
          try {
            return JSON.parse(text).id === undefined ? "refused" : String(response.headers.get("content-type"));
          } catch {
            return "broken";
          }
        },
        () => "reset",
      );
      expect(read).toBe(
        {
          commit_then_500: "refused",
          reset_mid_body: "reset",
          truncated_json: "broken",
          wrong_content_type: "text/plain",
        }[fault],
      );
      expect(await referrals()).toBe(1);
    });
  }
  it("commit_then_timeout leaves the second step of a co-sell deal done, with nobody told", async () => {
    const own = await rig.create();
    await plan({ on: "InviteMicrosoft", fault: "commit_then_timeout", nth: 1 });
    await expect(rig.call("POST", "", invitation(own.engagementId))).rejects.toThrow("no answer");
    const { value } = await rig.list({ $filter: `engagementId eq '${own.engagementId}'` });
    expect(value).toHaveLength(2);
    expect((await rig.invite(own)).organizationId).toBe("msft");
    expect(await referrals()).toBe(3);
  });
  it("commit_then_timeout of a token request has rotated the token, and the old one still works", async () => {
    await plan({ on: "RefreshToken", fault: "commit_then_timeout" });
    await expect(rig.refresh()).rejects.toThrow("no answer");
    await rig.controls.clearFaults();
    expect((await rig.controls.ledger()).sessions).toHaveLength(2);
    expect((await rig.refresh()).status).toBe(200);
  });
});

describe("faults of the answer's members", () => {
  it("unknown_status_word, missing_field, null_for_list, extra_field", async () => {
    const { id } = await rig.create();
    await plan({ on: "GetReferral", fault: "unknown_status_word" });
    expect((await rig.get(id)).status).toBe("Under Triage");
    await plan({ on: "GetReferral", fault: "unknown_status_word", field: "substatus", value: "Engaged" });
    expect(statusOf(await rig.get(id))).toBe("Active/Engaged");
    await plan({ on: "GetReferral", fault: "missing_field" });
    expect("eTag" in (await rig.get(id))).toBe(false);
    await plan({ on: "ListReferrals", fault: "null_for_list" });
    expect((await rig.list()).value).toBe(null);
    await plan({ on: "GetReferral", fault: "extra_field", value: 1 });
    expect(await rig.get(id)).toMatchObject({
      FutureMember: 1,
      details: { FutureMember: 1 },
      customerProfile: { FutureMember: 1 },
    });
  });
  it("partial_page repeats the last item or leaves it out; page_token_expired refuses the next page", async () => {
    await rig.controls.change({ listing: { pageSize: 2 } });
    for (let index = 0; index < 3; index += 1) await rig.create();
    await plan({ on: "ListReferrals", fault: "partial_page" });
    expect((await rig.list()).value).toHaveLength(3);
    await plan({ on: "ListReferrals", fault: "partial_page", mode: "skip" });
    const page = await rig.list();
    expect(page.value).toHaveLength(1);
    await plan({ on: "ListReferrals", fault: "page_token_expired" });
    expect(codeOf(await rig.call("GET", new URL(page["@odata.nextLink"]).search))).toBe("400 invalidRequest");
  });
  it("stale_read shows the version before, search_lag hides what is new, clock_skew runs ahead", async () => {
    const { id } = await rig.create();
    await rig.patch(id, [replace("/name", "New")]);
    await plan({ on: "GetReferral", fault: "stale_read", nth: 1 });
    expect([(await rig.get(id)).name, (await rig.get(id)).name]).toEqual(["Shelf planning", "New"]);
    await plan({ on: "CreateReferral", fault: "search_lag", seconds: 60 });
    await rig.create();
    expect((await rig.list()).value).toHaveLength(1);
    rig.pause(61);
    expect((await rig.list()).value).toHaveLength(2);
    await plan({ on: "PatchReferral", fault: "clock_skew", seconds: 3_600 });
    const skewed = await rig.patch(id, [replace("/name", "Ahead")]);
    expect([skewed.headers.get("date"), skewed.body.updatedDateTime.slice(0, 16)]).toEqual([
      "Mon, 01 Jun 2026 10:01:01 GMT",
      "2026-06-01T10:01",
    ]);
  });
  it("changed_behind leaves the eTag of the answer old, so that the next If-Match fails", async () => {
    const { id } = await rig.create();
    await plan({ on: "GetReferral", fault: "changed_behind", field: "details.dealValue", value: 1, nth: 1 });
    const { eTag } = await rig.get(id);
    expect(codeOf(await rig.patch(id, [replace("/name", "x")], { "if-match": eTag }))).toBe("412 preconditionFailed");
    expect((await rig.get(id)).details.dealValue).toBe(1);
  });
});

describe("faults of events", () => {
  const seconds = async (rule: Omit<FaultRuleInput, "on">): Promise<readonly number[]> => {
    await rig.register();
    await plan({ on: "event", event: "referral-created", ...rule });
    await rig.create();
    await rig.settle(30);
    await rig.settle(30 * 86_400);
    return rig.received.map(({ at }) => (Date.parse(at) - Date.parse("2026-06-01T09:00:00.250Z")) / 1_000);
  };
  it("duplicate_event delivers twice, event_lost never, event_late after its seconds", async () => {
    expect(await seconds({ fault: "duplicate_event" })).toEqual([30, 30]);
    rig = openRig();
    expect(await seconds({ fault: "event_lost" })).toEqual([]);
    rig = openRig();
    expect(await seconds({ fault: "event_late", seconds: 100 })).toEqual([30 + 30 * 86_400]);
  });
  it("event_before_response delivers before the answer leaves", async () => {
    await rig.register();
    await plan({ on: "CreateReferral", fault: "event_before_response" });
    await rig.create();
    expect(rig.received).toHaveLength(1);
  });
});

describe("a fault plan", () => {
  it("strikes the nth, every, or so many times, and counts what it saw", async () => {
    await plan(
      { on: "ListReferrals", fault: "error_500", nth: 2, every: 2, times: 2 },
      { on: "*", fault: "slow", nth: 99 },
    );
    const statuses: number[] = [];
    for (let index = 0; index < 7; index += 1) statuses.push((await rig.call("GET")).status);
    expect(statuses).toEqual([200, 500, 200, 500, 200, 200, 200]);
    const { rules } = await rig.controls.faults();
    expect(rules[0]).toMatchObject({ seen: 7, fired: 2 });
  });
  it("refuses operations and faults nobody knows, by the names that are known", async () => {
    await expect(plan({ on: "UpdateDeal", fault: "throttle" })).rejects.toThrow("CreateReferral");
    await expect(plan({ on: "ListReferrals", fault: "gremlins" })).rejects.toThrow("commit_then_timeout");
    expect(operations).toContain("InviteMicrosoft");
  });
  it("knows no fault that this file, or another of this simulator's, does not try", async () => {
    const tried =
      "throttle error_500 error_503_before timeout_before commit_then_500 commit_then_timeout reset_mid_body slow truncated_json wrong_content_type html_error_page unknown_status_word missing_field extra_field null_for_list partial_page page_token_expired stale_read search_lag token_expired permission_lost clock_skew duplicate_event event_before_response event_lost event_late events_shuffled mfa_required stale_etag changed_behind rotation_lost file_gone link_expired";
    expect(Object.keys(faultCatalogue).toSorted()).toEqual(tried.split(" ").toSorted());
    await rig.register();
    await plan(
      { on: "event", fault: "events_shuffled", seconds: 5_000 },
      { on: "GetReferral", fault: "slow", seconds: 0 },
    );
    const { id } = await rig.create();
    expect((await rig.get(id)).id).toBe(id);
    for (let index = 0; index < 8; index += 1) await rig.patch(id, [replace("/name", `Name ${index}`)]);
    await rig.controls.advance(1);
    const dates = rig.received.map(({ event }) => String(event.ResourceChangeUtcDate));
    expect([dates.length, dates.toSorted()]).not.toEqual([9, dates]);
  });
});

describe("throttling", () => {
  it("answers 429 with Retry-After beyond the configured rate, and lets the rest through later", async () => {
    await rig.controls.change({ quotas: { writesPerSecond: 1, writesBurst: 2, graceMs: 0 } });
    const answers = [await create(), await create(), await create()];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 429]);
    expect(answers[2]?.headers.get("retry-after")).toBe("5");
    rig.pause(1);
    expect((await create()).status).toBe(201);
    const [counters] = (await rig.controls.ledger()).counters.filter(({ account }) => account !== "nobody");
    expect(counters).toMatchObject({ throttled: 1, operations: { CreateReferral: { calls: 4, ok: 3, throttled: 1 } } });
  });
});

describe("refusals", () => {
  it("say nothing useful when they are to be terse, as users complain of", async () => {
    await rig.controls.change({ wire: { terse: true } });
    const raw = await rig.call("POST", "", goodReferral({ team: [] }));
    expect(raw.body).toEqual({ error: { code: "invalidRequest", message: "Bad Request", target: "referral" } });
  });
  it("are whole: a body too large, one that is no JSON, an unknown path", async () => {
    const headers = {
      authorization: `Bearer ${await rig.bearer()}`,
      "client-request-id": "x",
      "content-type": "application/json",
    };
    const url = "https://api.partner.microsoft.com/v1.0/engagements/referrals";
    const send = async (to: string, body: string) =>
      codeOf(await rawOf(await rig.simulator.fetch(new Request(to, { method: "POST", headers, body }))));
    expect(await send(url, "x".repeat(1_000_001))).toBe("413 requestTooLarge");
    expect(await send(url, "{")).toBe("400 invalidRequest");
    expect(await send(`${url}/a/b`, "{}")).toBe("404 itemNotFound");
  });
});
