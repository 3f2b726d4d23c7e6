/** How often a connection is asked what changed: as the installation sweeps, or at a pace of its own, slower and faster than that. */
import { afterAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { nextTick } from "../src/domain/timetable.ts";
import { nextSweepAt, requestAt } from "../workflows/pace.ts";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const minute = 60_000;
const world = await openWorld({ seed: "pace", clouds: ["gcp"], sweepCron: "TZ=UTC */30 * * * *" });
afterAll(() => world.close());

// biome-ignore lint/suspicious/noExplicitAny: the tests look into answers whose shape is the point of the test
type Body = any;
const control = async (method: string, path: string, body?: unknown): Promise<Body> => {
  const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await world.simulators.gcp?.control(new Request(`http://simulator.invalid${path}`, init));
  if (answer?.ok !== true) throw new Error(await answer?.text());
  return answer.json();
};
const calls = async (operation: string): Promise<number> => {
  const { counters } = await control("GET", "/ledger");
  return counters.reduce((sum: number, row: Body) => sum + (row.operations[operation]?.calls ?? 0), 0);
};
const connectionId = world.connections.gcp ?? "";
/** Changes settings of the connection to the simulated Google. */
const set = async (change: JsonObject): Promise<void> => {
  const { body } = await world.call<Body>("GET", `/v1/connections/${connectionId}`);
  const { pollMinutes: _, ...settings } = body.settings;
  const { marketplace, label, account, environment } = body;
  const saved = await world.call("POST", "/v1/connections", {
    marketplace,
    label,
    account,
    environment,
    settings: { ...settings, ...change },
    check: false,
  });
  if (saved.status >= 300) throw new Error(JSON.stringify(saved.body));
};
/** How often Google was asked what changed within so many minutes. */
const askedIn = async (minutes: number): Promise<number> => {
  const before = await calls("opportunities.query");
  await world.timeline.advance(minutes * minute);
  return (await calls("opportunities.query")) - before;
};

describe("a connection is asked", () => {
  it("at each tick of the installation's clock where it says nothing", async () => {
    expect(await askedIn(60)).toBe(2);
  });
  it("less often where its own interval is longer", async () => {
    await set({ pollMinutes: 60 });
    await askedIn(60);
    expect(await askedIn(120)).toBe(2);
  });
  it("more often where its own interval is shorter, between the clock's ticks", async () => {
    await set({ pollMinutes: 10 });
    await askedIn(30);
    expect(await askedIn(60)).toBe(6);
  });
});

describe("a write that nothing can find again", () => {
  it("is not repeated when its answer is lost: a person is asked, once", async () => {
    await set({ surface: "crm_partners" });
    const rules = [{ on: "partners.leads.create", nth: 1, times: 1, fault: "commit_then_timeout" }];
    await control("POST", "/faults", { rules });
    const deal = awsDeal("lead-lost", { programmes: { gcp: { engagementModel: "SELL", dealTransactionType: "NEW" } } });
    const share = await world.share(deal, "gcp");
    await world.timeline.advance(60 * minute);
    expect([await calls("partners.leads.create"), (await control("GET", "/ledger")).leads.length]).toEqual([1, 1]);
    const { items } = await world.service.store.journal.listExceptions(world.db.sql, {
      open: true,
      after: null,
      limit: 50,
      subject: share,
    });
    expect(items.map(({ code }) => code)).toEqual(["EFFECT_STUCK"]);
    expect(JSON.stringify(items)).toContain("not sent again");
  });
});

describe("the pace", () => {
  const registry = (sweepMinutes?: number) =>
    ({ open: () => (sweepMinutes === undefined ? { lacks: {} } : { lacks: {}, sweepMinutes }) }) as never;
  const connection = { id: "con_1" } as never;
  const now = new Date("2026-06-01T09:00:10Z");
  const sweepCron = "TZ=UTC */15 * * * *";
  it("lets a sweep that is due within half a minute be due: no clock is on time to the second", () => {
    const at = (seconds: number) => ({ sweptAt: new Date(now.getTime() - seconds * 1_000), now });
    expect(requestAt({ registry: registry(15), sweepCron }, connection, at(15 * 60 - 20))).toMatchObject({
      connectionId: "con_1",
    });
    expect(requestAt({ registry: registry(15), sweepCron }, connection, at(15 * 60 - 40))).toBeNull();
    expect(requestAt({ registry: registry(), sweepCron }, connection, at(1))).toEqual({ connectionId: "con_1" });
  });
  it("of a connection whose settings are refused is the clock's: its sweep tells why", () => {
    const broken = {
      open: () => {
        throw new Error("refused");
      },
    } as never;
    expect(requestAt({ registry: broken, sweepCron }, connection, { sweptAt: null, now })).toEqual({
      connectionId: "con_1",
    });
  });
  it("leaves the last stretch to the clock", async () => {
    const deps = (state: string) =>
      ({
        registry: registry(10),
        store: { connections: { find: async () => ({ id: "con_1", state }) } },
        db: { sql: null },
        clock: { now: () => now },
      }) as never;
    expect(await nextSweepAt(deps("active"), "con_1", "2026-06-01T09:15:00Z")).toBe("2026-06-01T09:10:10.000Z");
    expect(await nextSweepAt(deps("active"), "con_1", "2026-06-01T09:10:00Z")).toBeNull();
    expect(await nextSweepAt(deps("parked"), "con_1", "2026-06-01T09:15:00Z")).toBeNull();
    expect(nextTick(sweepCron, now)?.toISOString()).toBe("2026-06-01T09:15:00.000Z");
  });
});
