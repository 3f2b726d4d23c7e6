/** Fetching reports through trouble: each comes whole and once, what keeps failing is told, and the word of it ends with the trouble. */
import { afterAll, describe, expect, it } from "vitest";
import { openWorld, type World } from "./world.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const worlds: World[] = [];
afterAll(async () => {
  for (const world of worlds) await world.close();
});

interface Exception {
  readonly code: string;
  readonly subject: string;
  readonly message: string;
}
interface Check {
  readonly id: string;
  readonly result: string;
  readonly detail: string;
}

/** A service with the simulated Microsoft alone, whose reports it fetches each morning. */
const open = async (seed: string) => {
  const world = await openWorld({
    ...{ seed, clouds: ["azure"], booksCron: "TZ=UTC 7 5 * * *", sweepCron: "TZ=UTC 0 5 1 * *" },
  });
  worlds.push(world);
  const { call, timeline, connections } = world;
  const connectionId = connections.azure ?? "";
  const control = async (method: string, path: string, body?: unknown) => {
    const answer = await world.service.app.fetch(
      new Request(`http://cosell.test/simulator/azure/control${path}`, {
        method,
        headers: { authorization: `Bearer ${world.token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  };
  return {
    ...{ world, connectionId, advance: timeline.advance },
    fetch: async () => {
      expect((await call("POST", "/v1/reports/fetch", { connectionId })).status).toBe(202);
      await timeline.settle();
    },
    faults: (...rules: readonly object[]) => control("PUT", "/faults", { rules }),
    settings: (money: object) => control("PUT", "/settings", { money }),
    told: async () =>
      (await call<{ items: readonly Exception[] }>("GET", "/v1/exceptions")).body.items.filter(
        ({ code }) => code === "REPORTS_NOT_FETCHED",
      ),
    events: async (name: string) =>
      (
        await world.db.sql<{ name: string }[]>`select name from outbox where name = ${name}
          and data ->> 'code' = 'REPORTS_NOT_FETCHED'`
      ).length,
    check: async () =>
      (
        await call<{ checks: readonly Check[] }>("POST", `/v1/connections/${connectionId}/diagnose`, {})
      ).body.checks.find(({ id }) => id === "reports-fetched"),
    files: async () =>
      (await call<{ items: readonly { path: string; status: string; bytes: number }[] }>("GET", "/v1/reports/files"))
        .body.items,
  };
};
const every = (fault: string, more: object = {}): readonly object[] =>
  ["ListDatasets", "ListQueries", "ListReports", "GetExecutions", "GetExport", "CreateExport"].map((on) => ({
    ...{ on, fault },
    ...more,
  }));

describe("fetching reports", { timeout: 120_000 }, () => {
  it("has nothing to tell before the first run, which Microsoft answers with 404, and reads what comes then", async () => {
    const { fetch, told, files, advance, check } = await open("fetch-first");
    await fetch();
    expect([await told(), await files()]).toEqual([[], []]);
    await advance(12 * hourMs);
    expect(new Set((await files()).map(({ status }) => status))).toEqual(new Set(["read"]));
    expect((await files()).length).toBeGreaterThanOrEqual(4);
    expect(await told()).toEqual([]);
    expect(await check()).toMatchObject({ result: "ok" });
  });

  it("tells of trouble that passes only once it has lasted an hour, in exceptions, doctor and an event, and takes it back by itself", async () => {
    const { fetch, faults, told, events, advance, check, files } = await open("fetch-throttled");
    await faults(...every("throttle", { retryAfterSeconds: 600 }));
    await fetch();
    await advance(hourMs / 2);
    expect(await told()).toEqual([]);
    await advance(hourMs);
    expect(await told()).toMatchObject([
      { message: expect.stringMatching(/not fetched: not since 2026-11-22T.*Microsoft/) },
    ]);
    expect(await check()).toMatchObject({ result: "failed", detail: expect.stringMatching(/since 2026-11-22T/) });
    expect([await events("exception.opened"), await events("exception.closed")]).toEqual([1, 0]);
    await advance(3 * hourMs);
    expect(await told()).toHaveLength(1);
    await faults();
    await advance(dayMs);
    expect([await told(), await events("exception.opened"), await events("exception.closed")]).toEqual([[], 1, 1]);
    expect(await check()).toMatchObject({ result: "ok" });
    expect((await files()).length).toBeGreaterThan(0);
  });

  it("tells at once of what a person has to mend, and ends the word of it with the next fetch that succeeds", async () => {
    const { fetch, faults, told, check } = await open("fetch-denied");
    await faults(...every("permission_lost"));
    await fetch();
    expect(await told()).toMatchObject([{ message: expect.stringMatching(/Add the application/) }]);
    expect(await check()).toMatchObject({ result: "failed" });
    await faults();
    await fetch();
    expect(await told()).toEqual([]);
    expect(await check()).toMatchObject({ result: "ok" });
  });

  it("signs in again where a token has expired in between, and tells nobody", async () => {
    const { fetch, faults, told, advance, files } = await open("fetch-expired");
    await fetch();
    await faults(...every("token_expired", { times: 1 }), { on: "GetReportFile", fault: "link_expired", times: 1 });
    await advance(12 * hourMs);
    expect(await told()).toEqual([]);
    expect((await files()).length).toBeGreaterThanOrEqual(4);
  });

  it("keeps nothing of a file that breaks off half-way, and receives it whole and once when it comes", async () => {
    const { world, fetch, faults, told, advance, files } = await open("fetch-broken");
    await fetch();
    await faults({ on: "GetReportFile", fault: "reset_mid_body", times: 5 });
    await advance(12 * hourMs);
    const kept = await files();
    expect(kept.length).toBeGreaterThanOrEqual(4);
    expect(new Set(kept.map(({ status }) => status))).toEqual(new Set(["read"]));
    const sums = await world.db.sql<{ bytes: bigint; held: number }[]>`select bytes,
      (select count(*)::int from report_chunk where file_id = report_file.id) as held from report_file
      where connection_id is not null`;
    expect(sums.every(({ bytes, held }) => bytes > 0n && held === 1)).toBe(true);
    const listed = await world.db.sql<{ state: string }[]>`select distinct state from report_listing`;
    expect(listed).toEqual([{ state: "received" }]);
    expect(await told()).toEqual([]);
  });

  it("tells of reports that are made in vain again and again, although every answer is a good one", async () => {
    const { fetch, settings, told, advance, check } = await open("fetch-vain");
    await settings({ failures: 1 });
    await fetch();
    await advance(hourMs);
    expect(await told()).toEqual([]);
    await advance(4 * hourMs);
    expect(await told()).toMatchObject([
      { message: expect.stringMatching(/earnings: Microsoft failed to make the export 3 times in a row/) },
    ]);
    expect(await check()).toMatchObject({ result: "failed", detail: expect.stringMatching(/earnings: .* in a row/) });
    await settings({ failures: 0 });
    await advance(12 * hourMs);
    expect(await told()).toEqual([]);
    expect(await check()).toMatchObject({ result: "ok" });
  });
});
