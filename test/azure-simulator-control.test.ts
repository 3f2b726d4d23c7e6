/** The control API over HTTP, and a ledger that outlives the process. */
import { describe, expect, it } from "vitest";
import { createMemoryState } from "../adapters/azure/simulator/index.ts";
import type { SimulatorState } from "../adapters/contract.ts";
import { everyEvent, hookUrl, openRig, type Raw, type Rig, rawOf, statusOf } from "./azure-simulator-rig.ts";

const ask = async (rig: Rig, method: string, path: string, body?: unknown): Promise<Raw> =>
  rawOf(
    await rig.simulator.control(
      new Request(`http://127.0.0.1:3000/simulator/azure/control${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    ),
  );

describe("the control API", () => {
  it("tells what it can do, and refuses the rest by naming that", async () => {
    const rig = openRig();
    const help = await ask(rig, "GET", "");
    expect(help.body.simulator).toBe("Microsoft Partner Center referrals");
    expect(help.body.controls.map(({ method, path }: Raw["body"]) => `${method} ${path}`)).toEqual(
      expect.arrayContaining([
        "POST /accept",
        "POST /refer",
        "POST /forge",
        "POST /revoke",
        "POST /require_mfa",
        "GET /ledger",
      ]),
    );
    const wrong = await ask(rig, "POST", "/approve", { id: "x" });
    expect([wrong.status, wrong.body.routes.length > 10]).toEqual([404, true]);
    expect((await ask(rig, "POST", "/accept", { name: "x" })).status).toBe(400);
    expect((await ask(rig, "POST", "/accept", { id: "00000000-0000-4000-8000-000000000000" })).status).toBe(404);
  });
  it("accepts, declines, asks, edits, closes, expires and refers, as Microsoft's people would", async () => {
    const rig = openRig();
    const asked = async () => (await rig.invite(await rig.create())).id as string;
    expect(statusOf((await ask(rig, "POST", "/accept", { id: await asked() })).body)).toBe("Active/Accepted");
    expect(statusOf((await ask(rig, "POST", "/decline", { id: await asked(), reason: "No." })).body)).toBe(
      "Closed/Declined",
    );
    expect(statusOf((await ask(rig, "POST", "/ask", { id: await asked(), comments: "When?" })).body)).toBe(
      "New/Received",
    );
    expect(statusOf((await ask(rig, "POST", "/close", { id: await asked(), outcome: "Lost" })).body)).toBe(
      "Closed/Lost",
    );
    expect(statusOf((await ask(rig, "POST", "/expire", { id: await asked() })).body)).toBe("Closed/Expired");
    expect(
      (await ask(rig, "POST", "/edit", { id: (await rig.create()).id, changes: { "details.dealValue": 7 } })).body
        .details.dealValue,
    ).toBe(7);
    expect((await ask(rig, "POST", "/refer", { kind: "marketplace_lead" })).body.qualification).toBe("Direct");
    const own = await rig.create();
    const nobody = await ask(rig, "POST", "/accept", { id: own.id });
    expect([nobody.status, nobody.body.detail]).toEqual([409, `Nobody was asked for help with referral ${own.id}`]);
  });
  it("moves virtual time through all that is due, and refuses to move a real clock", async () => {
    const rig = openRig();
    const { id } = await rig.invite(await rig.create());
    const moved = await ask(rig, "POST", "/advance", { days: 14 });
    expect([moved.body.now, moved.body.jobs, statusOf(await rig.get(id))]).toEqual([
      "2026-06-15T09:00:00.250Z",
      1,
      "Closed/Expired",
    ]);
    const still = openRig({ isReal: true });
    expect((await ask(still, "POST", "/advance", { days: 1 })).status).toBe(409);
  });
  it("keeps fault plans, registrations and settings, and shows the ledger without tokens", async () => {
    const rig = openRig();
    await ask(rig, "PUT", "/registrations", { url: hookUrl });
    expect((await ask(rig, "GET", "/registrations")).body.registrations[0]).toMatchObject({
      url: hookUrl,
      events: everyEvent,
    });
    await ask(rig, "POST", "/faults", { rules: [{ on: "*", fault: "slow", nth: 5 }] });
    expect((await ask(rig, "DELETE", "/faults")).body).toEqual({ rules: [] });
    expect((await ask(rig, "PUT", "/settings", { role: "Referrals user", wire: { terse: true } })).body).toMatchObject({
      role: "Referrals user",
      wire: { terse: true, createStatus: 201 },
    });
    expect((await ask(rig, "PUT", "/settings", { unknown: 1 })).status).toBe(400);
    const token = (await rig.refresh()).body.refresh_token;
    expect((await ask(rig, "GET", "/ledger")).text).not.toContain(token);
    await ask(rig, "POST", "/reset", {});
    const after = (await ask(rig, "GET", "/ledger")).body;
    expect([after.referrals, after.sessions.length, after.registrations.length]).toEqual([[], 1, 1]);
    expect((await rig.refresh()).status).toBe(200);
  });
});

describe("the ledger", () => {
  it("goes on after a restart where it stopped: referrals, consents, registrations, what is due", async () => {
    const state = createMemoryState();
    const before = openRig({ state });
    await before.register();
    const own = await before.create();
    const { id } = await before.invite(own);
    const renewed = (await before.refresh()).body.refresh_token;
    const after = openRig({ state, start: before.clock.now() });
    expect(await after.get(own.id)).toEqual(await before.get(own.id));
    expect((await after.refresh(renewed)).status).toBe(200);
    await after.controls.advance(14);
    expect(statusOf(await after.get(id))).toBe("Closed/Expired");
    expect(new Set(after.received.map(({ event }) => event.EventName))).toEqual(
      new Set(["referral-created", "related-referral-created", "related-referral-updated"]),
    );
    expect((await after.create()).id).not.toBe(own.id);
  });
  it("is not changed by an answer that never was: what cannot be kept did not happen", async () => {
    const memory = createMemoryState();
    let broken = false;
    const state: SimulatorState = {
      load: memory.load,
      append: async (entries) => {
        if (broken) throw new Error("the disk is full");
        await memory.append(entries);
      },
    };
    const rig = openRig({ state });
    await rig.create();
    broken = true;
    await expect(rig.create()).rejects.toThrow("generalException");
    broken = false;
    expect((await rig.list()).value).toHaveLength(1);
  });
  it("is the same twice from the same seed and calls, ids and times included", async () => {
    const run = async () => {
      const rig = openRig({ reviewer: "seeded" });
      await rig.register();
      for (let index = 0; index < 4; index += 1)
        await rig.invite(await rig.create({ externalReferenceId: `CRM-${index}` }));
      await rig.controls.advance(60);
      const { referrals, events } = await rig.controls.ledger();
      return { referrals, events, received: rig.received.map(({ at, event }) => [at, event]) };
    };
    const first = await run();
    expect(first.received.length).toBeGreaterThan(8);
    expect(await run()).toEqual(first);
  });
  it("keeps two organizations apart", async () => {
    const { simulatedCredential } = await import("../adapters/azure/simulator/index.ts");
    const other = {
      ...simulatedCredential,
      organizationId: "0a0a0a0a-0000-4000-8000-000000000001",
      clientId: "0a0a0a0a-0000-4000-8000-000000000002",
      refreshToken: "0.other",
    };
    const rig = openRig({ credentials: [simulatedCredential, other] });
    const mine = await rig.create();
    const answer = await rig.refresh("0.other", { client_id: other.clientId });
    const headers = { authorization: `Bearer ${answer.body.access_token}`, "client-request-id": "x" };
    const url = "https://api.partner.microsoft.com/v1.0/engagements/referrals";
    expect((await rig.raw(url, { headers })).body.value).toEqual([]);
    expect((await rig.raw(`${url}/${mine.id}`, { headers })).status).toBe(404);
  });
});
