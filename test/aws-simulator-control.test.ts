import { afterAll, describe, expect, it } from "vitest";
import { getDeal, openRig, rawOf, submit } from "./aws-simulator-rig.ts";

const rig = await openRig();
const id = await rig.create();
afterAll(() => rig.close());
const deals = async (): Promise<number> => (await rig.controls.ledger()).opportunities.length;
const typeOf = (body: { __type: string }): string => body.__type.split("#")[1] ?? "";

describe("pages", () => {
  it("walk through everything once, in order, with opaque tokens", async () => {
    const world = await openRig();
    for (let index = 0; index < 7; index += 1) await world.create({ PartnerOpportunityIdentifier: `CRM-${index}` });
    const sort = { Catalog: "AWS", MaxResults: 3, Sort: { SortBy: "CreatedDate", SortOrder: "ASCENDING" } };
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await world.call("ListOpportunities", { ...sort, ...(token ? { NextToken: token } : {}) });
      seen.push(
        ...page.body.OpportunitySummaries.map(
          (row: { PartnerOpportunityIdentifier: string }) => row.PartnerOpportunityIdentifier,
        ),
      );
      token = page.body.NextToken;
    } while (token);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6].map((index) => `CRM-${index}`));
    const first = await world.call("ListOpportunities", sort);
    const other = { ...sort, LifeCycleStage: ["Launched"], NextToken: first.body.NextToken };
    expect(typeOf((await world.call("ListOpportunities", other)).body)).toBe("ValidationException");
    await world.close();
  });
  it("filter by every filter of the model, bounds included", async () => {
    const world = await openRig();
    const [one, two] = [
      await world.create(),
      await world.create({ Customer: { Account: { CompanyName: "Other Ltd" } } }),
    ];
    const { LastModifiedDate, CreatedDate } = await getDeal(world, one);
    const find = async (filter: object): Promise<readonly string[]> => {
      const page = await world.call("ListOpportunities", { Catalog: "AWS", ...filter });
      return page.body.OpportunitySummaries.map((row: { Id: string }) => row.Id).toSorted();
    };
    expect(await find({})).toEqual([one, two].toSorted());
    expect(await find({ Identifier: [two] })).toEqual([two]);
    expect(await find({ CustomerCompanyName: ["Example Foods"] })).toEqual([one]);
    expect(await find({ LifeCycleStage: ["Launched"] })).toEqual([]);
    expect(await find({ LifeCycleReviewStatus: ["Pending Submission"] })).toHaveLength(2);
    expect(await find({ LastModifiedDate: { BeforeLastModifiedDate: LastModifiedDate } })).toEqual([one]);
    expect(await find({ LastModifiedDate: { AfterLastModifiedDate: LastModifiedDate } })).toHaveLength(2);
    expect(await find({ CreatedDate: { BeforeCreatedDate: CreatedDate } })).toEqual([one]);
    expect(await find({ TargetCloseDate: { AfterTargetCloseDate: "2026-12-31" } })).toHaveLength(2);
    expect(await find({ TargetCloseDate: { BeforeTargetCloseDate: "2026-12-30" } })).toEqual([]);
    await world.close();
  });
});

describe("the control API", () => {
  const ask = async (method: string, path: string, body?: unknown) => {
    const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    return rawOf(await rig.simulator.control(new Request(`http://host.example${path}`, init)));
  };
  it("lists every control, fault and setting at its root, under any prefix", async () => {
    const { body } = await ask("GET", "/simulator/aws/control/");
    const paths = body.controls.map(({ method, path }: { method: string; path: string }) => `${method} ${path}`);
    for (const path of [
      "approve",
      "ask",
      "reject",
      "launch",
      "close",
      "edit",
      "progress",
      "advance",
      "replay",
      "shuffle",
      "reset",
    ]) {
      expect(paths).toContain(`POST /${path}`);
    }
    expect(paths).toEqual(expect.arrayContaining(["GET /ledger", "PUT /faults", "PUT /settings", "PUT /destinations"]));
    expect(Object.keys(body.faults)).toContain("commit_then_timeout");
  });
  it("does what the functions do", async () => {
    const fresh = await rig.create();
    await submit(rig, fresh);
    expect((await ask("POST", "/approve", { id: fresh })).body.document.LifeCycle.ReviewStatus).toBe("Approved");
    expect((await ask("POST", "/simulator/aws/control/launch", { id: fresh })).body.document.LifeCycle.Stage).toBe(
      "Launched",
    );
    expect((await ask("GET", "/ledger")).body.opportunities.length).toBeGreaterThan(0);
    expect((await ask("POST", "/advance", { days: 1 })).body.now).toBe(rig.clock.now().toISOString());
    expect((await ask("PUT", "/settings", { searchLagSeconds: 5 })).body.searchLagSeconds).toBe(5);
    expect((await ask("PUT", "/settings", { quotas: { writesBurst: 2 } })).body.quotas).toMatchObject({
      writesBurst: 2,
      readsBurst: 10,
    });
    await ask("PUT", "/settings", { searchLagSeconds: 0 });
  });
  it("says what was wrong: unknown route, unknown id, wrong state, wrong body", async () => {
    expect((await ask("POST", "/nothing", {})).status).toBe(404);
    expect((await ask("POST", "/approve", { id: "O1" })).status).toBe(404);
    expect((await ask("POST", "/approve", { id })).status).toBe(409);
    expect((await ask("POST", "/approve", { identifier: id })).status).toBe(400);
    expect((await ask("PUT", "/settings", { invented: 1 })).body.detail).toContain("invented");
    expect((await ask("PUT", "/faults", { rules: [{ on: "*", fault: "nothing" }] })).status).toBe(400);
  });
  it("keeps destinations' secrets to itself in the ledger, and forgets deals on reset but not settings", async () => {
    await ask("PUT", "/destinations", { url: "http://hooks.example/a", headerName: "x-key", headerValue: "hush" });
    expect(JSON.stringify((await ask("GET", "/ledger")).body)).not.toContain("hush");
    await ask("PUT", "/settings", { companyName: "Kept" });
    await ask("POST", "/reset", {});
    expect(await deals()).toBe(0);
    expect((await ask("GET", "/settings")).body.companyName).toBe("Kept");
    expect((await ask("GET", "/destinations")).body.destinations).toHaveLength(1);
    await ask("DELETE", "/destinations/default");
    expect((await ask("GET", "/destinations")).body.destinations).toHaveLength(0);
  });
});
