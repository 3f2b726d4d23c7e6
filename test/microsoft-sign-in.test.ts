/** Microsoft's sign-in in the whole service against its simulator: a green doctor, a consent that ends, and all work taken up after it is given again. */
import { afterAll, describe, expect, it } from "vitest";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "azure-world", clouds: ["azure"] });
afterAll(world.close);
const { call, service } = world;
const id = world.connections.azure ?? "none";
interface Checked {
  readonly id: string;
  readonly result: string;
  readonly detail: string;
}
const diagnose = async (): Promise<readonly Checked[]> =>
  (await call<{ checks: readonly Checked[] }>("POST", `/v1/connections/${id}/diagnose`)).body.checks;
const stateOf = async () => (await service.store.connections.find(world.db.sql, id))?.state;

describe("a connection to Microsoft", () => {
  it("is green from the vault to the webhooks, and the token it decodes is nowhere told", async () => {
    const checks = await diagnose();
    expect(checks.filter(({ result }) => result === "failed")).toEqual([]);
    const ok = checks.filter(({ result }) => result === "ok").map((check) => check.id);
    for (const check of ["vault", "token", "claims", "mfa", "referrals", "webhook-registration", "consent"])
      expect(ok).toContain(check);
    expect(JSON.stringify([checks, world.logged])).not.toMatch(/eyJ|refresh-token-of|simulated~secret/);
  });

  it("takes Partner Center's test delivery, signed by its own chain", async () => {
    const asked = await call<{ id: string }>("POST", `/v1/connections/${id}/webhook-registration/test`);
    await world.timeline.advance(120_000);
    const state = await call<{ state: string }>(
      "GET",
      `/v1/connections/${id}/webhook-registration/test/${asked.body.id}`,
    );
    expect(state.body.state).toBe("delivered");
  });

  it("whose sign-in is revoked is parked with the remedy, and goes on once somebody has signed in again", async () => {
    const control = world.simulators.azure?.control;
    if (control === undefined) throw new Error("no simulator");
    const end = await control(
      new Request("http://simulator.invalid/revoke", {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json" },
      }),
    );
    expect(end.status).toBeLessThan(300);
    await world.timeline.advance(2 * 3_600_000);
    expect(await stateOf()).toBe("parked");
    const connection = await service.store.connections.find(world.db.sql, id);
    expect(connection?.parkedReason).toContain("cosell connect azure --renew");
    const begun = await call<{ signInUrl: string }>("POST", `/v1/connections/${id}/consent`);
    // What a person's browser does: the simulator's page signs in at once and sends it back.
    const page = await service.app.fetch(new Request(begun.body.signInUrl));
    const back = page.headers.get("location") ?? "";
    const done = await service.app.fetch(new Request(back));
    expect([page.status, done.status, await done.text()]).toEqual([
      302,
      200,
      expect.stringContaining("goes on with everything"),
    ]);
    expect(await stateOf()).toBe("active");
    await world.timeline.advance(60_000);
    expect((await diagnose()).filter(({ result }) => result === "failed")).toEqual([]);
  });
});
