/** Where a partner delivers, set from here: nothing of others is replaced unasked, and no write at the partner goes unjournalled. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createRegistration, hookEvents } from "../adapters/azure/registration.ts";
import type { Session } from "../adapters/contract.ts";
import type { Registry } from "../adapters/registry.ts";
import { createVirtualClock } from "../src/clock.ts";
import { ok } from "../src/domain/fault.ts";
import { fakeMarketplace, openHttp } from "./http-fixture.ts";
import { testIds } from "./ids.ts";
import { createCenter } from "./partner-center.ts";

const center = createCenter();
const clock = createVirtualClock(new Date("2026-10-01T08:00:00Z"));
const bearer = { token: async () => ok("token"), drop: () => {} };
const deps = { clock, http: center.http, ids: testIds, quota: { take: async () => ok(null) } };
const door = createRegistration(deps, { renew: "cosell connect azure" }, bearer);
const session: Session = { lacks: {}, check: async () => ok({}), hookRegistration: door };
const registry: Registry = { marketplaces: [fakeMarketplace], find: () => fakeMarketplace, open: () => session };
const http = await openHttp({ registry, publicUrl: "https://cosell.example" });
afterAll(http.close);
const { ask, store, db } = http;
const insecure = await openHttp({ registry });
afterAll(insecure.close);

let count = 0;
const connect = async (environment: "production" | "simulated" = "production", on = http): Promise<string> => {
  const input = {
    marketplace: "azure",
    label: "Microsoft",
    account: `org-${count++}`,
    environment,
    settings: {},
  } as const;
  return (await on.db.transaction((tx) => on.store.connections.save(tx, input, on.actorId))).id;
};
const effects = async (connection: string) =>
  (
    await db.sql`select operation, state, write_key from effect where connection_id = ${connection} order by created_at, id`
  ).map(({ operation, state }) => `${operation} ${state}`);
const put = (id: string, body?: object) =>
  ask("PUT", `/v1/connections/${id}/webhook-registration`, body === undefined ? {} : { body });
const crm = { WebhookUrl: "https://crm.example/hook", WebhookEvents: ["referral-created", "subscription-updated"] };
beforeEach(() => {
  center.state.registration = null;
  center.asked.length = 0;
  center.rules.before = undefined;
  center.rules.after = undefined;
});

describe("the registration of a connection", () => {
  it("is read at the partner, compared with ours, and set by one journalled write", async () => {
    const id = await connect();
    const read = () => ask("GET", `/v1/connections/${id}/webhook-registration`);
    const hookUrl = `https://cosell.example/hooks/${id}`;
    expect((await read()).body).toEqual({ hookUrl, wanted: hookEvents, registered: null, isOurs: false });
    const saved = await put(id);
    const after = { url: hookUrl, events: hookEvents };
    expect(saved.body).toEqual({ outcome: "registered", dryRun: false, before: null, after });
    expect((await read()).body).toEqual({ hookUrl, wanted: hookEvents, registered: after, isOurs: true });
    expect(await effects(id)).toEqual(["RegisterWebhook confirmed"]);
    expect((await put(id)).body).toEqual({ outcome: "unchanged", dryRun: false, before: after, after });
    expect(await effects(id)).toHaveLength(1);
    expect(center.writes()).toHaveLength(1);
    // Somebody else took it since: it is a new intent, not the old one.
    center.state.registration = crm;
    expect((await put(id, { replace: true })).body.outcome).toBe("replaced");
    expect(await effects(id)).toEqual(["RegisterWebhook confirmed", "RegisterWebhook confirmed"]);
    const history = await store.journal.listHistory(db.sql, { subject: id, after: 0n, limit: 10 });
    expect(history.items.at(-1)).toMatchObject({
      what: "webhook_registered",
      actorId: expect.any(String),
      note: `${hookUrl} in place of ${crm.WebhookUrl}`,
    });
  });

  it("of somebody else is named and left, unless replacing is asked for; a dry run writes nothing", async () => {
    const id = await connect();
    center.state.registration = crm;
    const refused = await put(id);
    expect([refused.status, refused.body.registeredUrl]).toEqual([409, crm.WebhookUrl]);
    expect(refused.body.detail).toContain("Send replace: true");
    const rehearsed = await put(id, { replace: true, dryRun: true });
    expect(rehearsed.body).toMatchObject({
      outcome: "replaced",
      dryRun: true,
      before: { url: crm.WebhookUrl },
      after: { events: hookEvents },
    });
    expect(center.state.registration).toEqual(crm);
    expect([center.writes(), await effects(id)]).toEqual([[], []]);
  });

  it("is intended and committed before the partner is asked", async () => {
    const id = await connect();
    const seen: (readonly string[])[] = [];
    const look = async (): Promise<undefined> => {
      if (center.asked.at(-1)?.method === "GET") center.rules.before = look;
      else seen.push(await effects(id));
    };
    center.rules.before = look;
    await put(id);
    expect(seen).toEqual([["RegisterWebhook sent"]]);
  });

  it("whose answer was lost is looked for before it is repeated: done, it is not done again", async () => {
    const id = await connect();
    /** Strikes the next write; reads pass. */
    const arm = (name: "before" | "after") => {
      const rule = (): Response | undefined => {
        if (center.asked.at(-1)?.method !== "GET") return new Response("", { status: 500 });
        center.rules[name] = rule;
        return undefined;
      };
      center.rules[name] = rule;
    };
    arm("after");
    expect((await put(id)).status).toBe(422);
    expect(await effects(id)).toEqual(["RegisterWebhook ambiguous"]);
    expect((await put(id)).body.outcome).toBe("unchanged");
    expect(await effects(id)).toEqual(["RegisterWebhook confirmed"]);
    expect(center.writes()).toHaveLength(1);

    const other = await connect();
    center.state.registration = null;
    arm("before");
    expect((await put(other)).status).toBe(422);
    expect(await effects(other)).toEqual(["RegisterWebhook ambiguous"]);
    expect((await put(other)).body.outcome).toBe("registered");
    expect(await effects(other)).toEqual(["RegisterWebhook confirmed"]);
  });

  it("asks for https where partners are real", async () => {
    const id = await connect("production", insecure);
    const refused = await insecure.ask("PUT", `/v1/connections/${id}/webhook-registration`, { body: {} });
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("COSELL_PUBLIC_URL")]);
    const rehearsal = await connect("simulated", insecure);
    expect((await insecure.ask("PUT", `/v1/connections/${rehearsal}/webhook-registration`, { body: {} })).status).toBe(
      200,
    );
  });

  it("says why there is none where a marketplace has none", async () => {
    const plain = await openHttp({
      registry: {
        ...registry,
        open: () => ({ lacks: { hookRegistration: "rules in your own account" }, check: session.check }),
      },
    });
    const id = await connect("production", plain);
    const refused = await plain.ask("GET", `/v1/connections/${id}/webhook-registration`);
    expect([refused.status, refused.body.detail]).toEqual([409, "rules in your own account"]);
    await plain.close();
  });
});

describe("a test delivery", () => {
  it("is asked for by a journalled write each time, and its fate is told as the partner saw it", async () => {
    const id = await connect();
    const path = `/v1/connections/${id}/webhook-registration/test`;
    const asked = await ask("POST", path);
    expect(asked.status).toBe(202);
    expect((await ask("GET", `${path}/${asked.body.id}`)).body.state).toBe("waiting");
    center.state.validation = { status: "completed", results: [{ responseCode: "OK" }] };
    expect((await ask("GET", `${path}/${asked.body.id}`)).body).toEqual({
      state: "delivered",
      detail: "our address answered OK",
    });
    expect((await ask("GET", `${path}/unknown`)).status).toBe(404);
    await ask("POST", path);
    center.rules.before = () => new Response("", { status: 429 });
    expect((await ask("POST", path)).body.fault).toBe("throttled");
    expect(await effects(id)).toEqual(["TestWebhook confirmed", "TestWebhook confirmed", "TestWebhook refused"]);
  });
});
