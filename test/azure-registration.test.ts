/** The registration of webhooks at Partner Center: read before it is written, ours in one write, and every refusal with its remedy. */
import { describe, expect, it } from "vitest";
import { createRegistration, hookEvents } from "../adapters/azure/registration.ts";
import { createVirtualClock } from "../src/clock.ts";
import { failed, ok } from "../src/domain/fault.ts";
import { createSeededIds } from "../src/ids.ts";
import { createCenter } from "./partner-center.ts";

const url = "https://cosell.example/hooks/con_1";
const registrationPath = "/webhooks/v1/registration";
const stand = (endpoint?: string) => {
  const center = createCenter();
  const clock = createVirtualClock(new Date("2026-10-01T08:00:00Z"));
  const dropped: string[] = [];
  const bearer = {
    token: async (scope: string) => ok(`token for ${scope}`),
    drop: (scope: string) => void dropped.push(scope),
  };
  const quota = { take: async () => ok(null) };
  const deps = { clock, http: center.http, ids: createSeededIds(clock, "registration"), quota };
  const door = createRegistration(deps, { endpoint, renew: "cosell connect azure" }, bearer);
  return { center, door, dropped, deps };
};
const other = { WebhookUrl: "https://crm.example/hook", WebhookEvents: ["referral-created", "subscription-updated"] };

describe("the registration", () => {
  it("is made where there is none, with the referral events and the test event, and the signature in its own header", async () => {
    const { center, door } = stand();
    expect(await door.read()).toEqual({ ok: true, value: null });
    expect(await door.save(url)).toEqual({ ok: true, value: { url, events: hookEvents } });
    expect(center.state.registration).toEqual({
      WebhookUrl: url,
      WebhookEvents: hookEvents,
      signatureTokenToMsSignatureHeader: true,
    });
    expect(hookEvents).toEqual([
      "referral-created",
      "referral-updated",
      "related-referral-created",
      "related-referral-updated",
      "test-created",
    ]);
    const last = center.asked.at(-1);
    expect(last?.url).toBe(`https://api.partnercenter.microsoft.com${registrationPath}`);
    expect(last?.headers.get("authorization")).toBe(
      "Bearer token for https://api.partnercenter.microsoft.com/.default",
    );
    expect(last?.headers.get("ms-correlationid")).toMatch(/^[0-9a-f-]{36}$/);
  });
  it("of others is replaced whole by one write; ours keeps what somebody added; the same again writes nothing", async () => {
    const { center, door } = stand();
    center.state.registration = other;
    expect(await door.read()).toEqual({ ok: true, value: { url: other.WebhookUrl, events: other.WebhookEvents } });
    await door.save(url);
    expect(center.writes()).toEqual([`PUT ${registrationPath}`]);
    expect(center.state.registration.WebhookEvents).toEqual(hookEvents);
    await door.save(url);
    expect(center.writes()).toHaveLength(1);
    center.state.registration = { WebhookUrl: url, WebhookEvents: ["test-created", "subscription-updated"] };
    await door.save(url);
    expect(center.state.registration.WebhookEvents.toSorted()).toEqual(
      [...hookEvents, "subscription-updated"].toSorted(),
    );
  });
  it("is read in either casing", async () => {
    const { center, door } = stand();
    center.rules.before = () => Response.json({ subscriberId: "x", webhookUrl: url, webhookEvents: null });
    expect(await door.read()).toEqual({ ok: true, value: { url, events: [] } });
  });
  it("is asked of a simulator where the connection names one", async () => {
    const { center, door } = stand("http://127.0.0.1:3000/simulator/azure");
    await door.read();
    expect(center.asked[0]?.url).toBe(
      `http://127.0.0.1:3000/simulator/azure/api.partnercenter.microsoft.com${registrationPath}`,
    );
  });
});

describe("a test delivery", () => {
  it("is asked for, and told of as our address answered", async () => {
    const { center, door } = stand();
    const asked = await door.test();
    expect(asked).toEqual({ ok: true, value: { id: "04af2aea-d413-42db-824e-f328001484d1" } });
    const id = asked.ok ? asked.value.id : "";
    const results = (...codes: readonly string[]) =>
      codes.map((responseCode) => ({
        responseCode,
        responseMessage: "",
        systemError: false,
        dateTimeUtc: "2026-10-01T08:00:00",
      }));
    const states: readonly (readonly [object, string])[] = [
      [{ status: "submitted", results: null }, "waiting"],
      [{ status: "running", results: results("Unauthorized") }, "waiting"],
      [{ status: "completed", results: results("OK") }, "delivered"],
      [{ status: "completed", results: results("Unauthorized", "Accepted") }, "delivered"],
      [{ status: "completed", results: results("Unauthorized") }, "failed"],
      [{ Status: "completed", Results: [] }, "failed"],
    ];
    for (const [validation, state] of states) {
      center.state.validation = validation;
      const got = await door.testState(id);
      expect(got.ok ? got.value.state : got.fault).toBe(state);
    }
    expect(await door.testState("../registration")).toMatchObject({ ok: false, fault: { kind: "missing" } });
    expect(await door.testState("04af2aea-d413-42db-824e-000000000000")).toMatchObject({
      ok: false,
      fault: { kind: "missing" },
    });
  });
});

describe("a refusal", () => {
  const cases: readonly (readonly [string, () => Response, string, string])[] = [
    ["for want of MFA", () => Response.json({ code: 900_421 }, { status: 401 }), "denied", "multifactor"],
    ["of the token", () => new Response("", { status: 401 }), "denied", "cosell connect azure"],
    ["of the role", () => new Response("", { status: 403 }), "denied", "role"],
    [
      "of the address",
      () => Response.json({ message: "bad url of carla@customer.example" }, { status: 400 }),
      "rejected",
      "400",
    ],
    ["by a throttle", () => new Response("", { status: 429, headers: { "retry-after": "30" } }), "throttled", "wait"],
    ["by an outage", () => new Response("", { status: 500 }), "ambiguous", "500"],
    ["in words that nobody documented", () => Response.json({ hello: 1 }), "drift", "not as documented"],
  ];
  it.each(cases)("%s is classified, with what mends it and nothing of their text", async (_, answer, kind, says) => {
    const { center } = stand();
    center.state.registration = other;
    let count = 0;
    const http = center.http;
    const { deps } = stand();
    const again = createRegistration(
      {
        ...deps,
        http: async (request, limits) => {
          if (request.method === "GET") return http(request, limits);
          count++;
          return answer();
        },
      },
      { renew: "cosell connect azure" },
      { token: async () => ok("t"), drop: () => {} },
    );
    const got = await again.save(url);
    expect(count).toBe(1);
    if (got.ok) throw new Error("it was saved");
    expect([got.fault.kind, got.fault.message]).toEqual([kind, expect.stringContaining(says)]);
    expect(JSON.stringify(got)).not.toContain("carla");
  });
  it("of the token makes the next call fetch another; one without a token asks nobody", async () => {
    const { center, door, dropped, deps } = stand();
    center.rules.before = () => new Response("", { status: 401 });
    expect((await door.read()).ok).toBe(false);
    expect(dropped).toEqual(["https://api.partnercenter.microsoft.com/.default"]);
    const denied = failed({ kind: "denied", message: "nobody has signed in" });
    const without = createRegistration(deps, { renew: "x" }, { token: async () => denied, drop: () => {} });
    const before = center.asked.length;
    expect(await without.read()).toEqual(denied);
    expect(center.asked.length).toBe(before);
  });
});
