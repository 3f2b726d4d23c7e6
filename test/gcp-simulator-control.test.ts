import { describe, expect, it } from "vitest";
import { createMemoryState, simulatedCredential } from "../adapters/gcp/simulator/index.ts";
import { channel, codeOf, crm, fieldsOf, goodDeal, goodLead, openRig, partner, rawOf } from "./gcp-simulator-rig.ts";

const rig = openRig();
const ask = async (method: string, path: string, body?: unknown) => {
  const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return rawOf(await rig.simulator.control(new Request(`http://host.example${path}`, init)));
};

describe("the control API", () => {
  it("lists every control, fault and setting at its root, under any prefix", async () => {
    const { body } = await ask("GET", "/simulator/gcp/control/");
    const paths = body.controls.map(({ method, path }: { method: string; path: string }) => `${method} ${path}`);
    for (const path of [
      "accept",
      "reject",
      "move",
      "close",
      "edit",
      "refer",
      "revoke_role",
      "grant_role",
      "advance",
      "tick",
      "reset",
    ])
      expect(paths).toContain(`POST /${path}`);
    expect(paths).toEqual(expect.arrayContaining(["GET /ledger", "PUT /faults", "PUT /settings"]));
    expect(Object.keys(body.faults)).toContain("commit_then_timeout");
    expect(Object.keys(body.settings.properties)).toContain("rules");
  });
  it("does what the functions do", async () => {
    const id = await rig.create();
    expect((await ask("POST", "/accept", { id, owner: "Sam Field" })).body.opportunity).toMatchObject({
      state: "ACCEPTED",
      owner: "Sam Field",
    });
    expect((await ask("POST", "/simulator/gcp/control/move", { id, stage: "REFINE" })).body.opportunity.stage).toBe(
      "REFINE",
    );
    expect((await ask("POST", "/edit", { id, changes: { "opportunityInfo.description": "x" } })).status).toBe(200);
    expect((await ask("POST", "/close", { id, won: true })).body.opportunity.stage).toBe("CLOSED");
    const declined = await rig.create();
    expect((await ask("POST", "/reject", { id: declined, state: "NOT_ACCEPTED" })).body.opportunity.state).toBe(
      "NOT_ACCEPTED",
    );
    expect((await ask("POST", "/advance", { days: 1 })).body.now).toBe(rig.clock.now().toISOString());
    expect((await ask("PUT", "/settings", { quotas: { writesBurst: 3 } })).body.quotas).toMatchObject({
      writesBurst: 3,
      readsBurst: 40,
    });
    expect((await ask("GET", "/ledger")).body.opportunities).toHaveLength(2);
  });
  it("says what was wrong: unknown route, unknown id, wrong state, wrong stage, wrong body", async () => {
    const id = await rig.create({ state: "DRAFT" });
    expect((await ask("POST", "/nothing", {})).status).toBe(404);
    expect((await ask("POST", "/accept", { id: "opportunities/none" })).status).toBe(404);
    expect((await ask("POST", "/accept", { id })).status).toBe(409);
    expect((await ask("POST", "/move", { id, stage: "CLOSED" })).body.detail).toContain("QUALIFY");
    expect((await ask("POST", "/accept", { identifier: id })).status).toBe(400);
    expect((await ask("PUT", "/settings", { rules: { invented: 1 } })).body.detail).toContain("invented");
    expect((await ask("PUT", "/faults", { rules: [{ on: "*", fault: "nothing" }] })).status).toBe(400);
  });
  it("refuses to advance a clock that is real", async () => {
    const world = openRig({ advance: undefined as never });
    await expect(world.controls.advance(1)).rejects.toThrow("FAILED_PRECONDITION");
  });
  it("opens an opportunity of Google's own, which the partner finds and may work on", async () => {
    const { body } = await ask("POST", "/refer", { opportunity: { opportunityInfo: { displayName: "From Google" } } });
    expect(body.opportunity).toMatchObject({ source: "GOOGLE", state: "ACCEPTED" });
    expect((await rig.query({ filter: "source = GOOGLE" })).body.opportunities).toHaveLength(1);
    expect((await rig.patch(body.id, { stage: "REFINE" }, "stage")).status).toBe(200);
    expect((await ask("POST", "/refer", { opportunity: { dealName: "x" } })).status).toBe(400);
  });
  it("forgets deals on reset, but neither settings nor who is signed in", async () => {
    await ask("PUT", "/settings", { rules: { declinedState: "NOT_ACCEPTED" } });
    await ask("POST", "/reset", {});
    expect((await rig.query()).body).toEqual({});
    expect((await ask("GET", "/settings")).body.rules.declinedState).toBe("NOT_ACCEPTED");
    await ask("PUT", "/settings", { rules: { declinedState: "REJECTED" } });
  });
});

describe("who may ask", () => {
  const create = (address: string, on = rig) => on.call("POST", address, goodDeal());
  it("names its partner with every call, and only its own", async () => {
    const id = await rig.create();
    for (const address of [`${channel}/${id}`, `${channel}/opportunities:query`, `${channel}/${id}?partner=me`])
      expect(fieldsOf(await rig.call("GET", address))).toEqual(["partner"]);
    expect(fieldsOf(await create(`${channel}/opportunities`))).toEqual(["partner"]);
    const other = await create(`${channel}/opportunities?partner=partners/other`);
    expect([other.status, codeOf(other)]).toEqual([403, "PERMISSION_DENIED"]);
    expect((await rig.call("POST", crm.replace(partner, "partners/other").concat("/leads"), goodLead())).status).toBe(
      403,
    );
    await rig.controls.change({ rules: { partnerToCreate: false } });
    expect((await create(`${channel}/opportunities`)).body.opportunityInfo.partnerEntity).toBe(partner);
    await rig.controls.change({ rules: { partnerToCreate: true } });
  });
  it("sees no other partner's deals", async () => {
    const state = createMemoryState();
    const stranger = { ...simulatedCredential, partnerId: "Stranger00" };
    const [ours, theirs] = [openRig({ state }), openRig({ state, credentials: [stranger] })];
    const id = await ours.create();
    const address = (path: string) => `${channel}/${path}?partner=partners/Stranger00`;
    expect((await theirs.call("GET", address(id))).status).toBe(404);
    expect((await theirs.call("GET", address("opportunities:query"))).body).toEqual({});
  });
  it("is denied without the role Integrator, and takes up where it was with it; the legacy surface has its own", async () => {
    const id = await rig.create();
    expect(await rig.controls.revokeRole({ surface: "opportunities" })).toMatchObject({
      opportunities: false,
      leads: true,
    });
    for (const answer of [
      await create(`${channel}/opportunities?partner=${partner}`),
      await rig.query(),
      await rig.call("GET", `${channel}/${id}?partner=${partner}`),
    ])
      expect([answer.status, codeOf(answer), answer.body.error.message]).toEqual([
        403,
        "PERMISSION_DENIED",
        "The caller does not have permission",
      ]);
    expect((await rig.call("POST", `${crm}/leads`, goodLead())).status).toBe(200);
    await rig.controls.revokeRole();
    expect((await rig.call("POST", `${crm}/leads`, goodLead())).status).toBe(403);
    await rig.controls.grantRole();
    expect((await rig.get(id)).state).toBe("SUBMITTED");
  });
});

describe("the simulated service account", () => {
  it("comes as the key file that Google hands out", async () => {
    const file = (await ask("GET", "/key")).body;
    expect(file).toMatchObject({
      type: "service_account",
      client_email: simulatedCredential.clientEmail,
      token_uri: "https://oauth2.googleapis.com/token",
    });
    expect(file.private_key).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\w+/=\n]+\n-----END PRIVATE KEY-----\n$/);
  });
});

describe("a restart", () => {
  it("finds deals, tokens, settings and fault counters where they were", async () => {
    const state = createMemoryState();
    const first = openRig({ state });
    const id = await first.create();
    await first.controls.change({ rules: { declinedState: "NOT_ACCEPTED" } });
    await first.controls.setFaults([{ on: "opportunities.get", fault: "error_500", nth: 2 }]);
    const bearer = await first.signIn();
    const read = (on: typeof first) =>
      on.simulator
        .fetch(new Request(`${channel}/${id}?partner=${partner}`, { headers: { authorization: `Bearer ${bearer}` } }))
        .then((answer) => answer.status);
    expect(await read(first)).toBe(200);
    const second = openRig({ state, start: first.clock.now() });
    await second.controls.reject(id);
    expect([await read(second), await read(second)]).toEqual([500, 200]);
    expect((await second.get(id)).state).toBe("NOT_ACCEPTED");
  });
});
