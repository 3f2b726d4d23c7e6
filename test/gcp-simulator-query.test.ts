import { beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { codeOf, fieldsOf, goodDeal, openRig, type Raw } from "./gcp-simulator-rig.ts";

const rig = openRig();
const named = (index: number): JsonObject => ({
  state: index % 3 === 0 ? "DRAFT" : "SUBMITTED",
  opportunityInfo: {
    ...(goodDeal().opportunityInfo as JsonObject),
    displayName: `Deal ${String(index).padStart(3, "0")} [cs:${index}]`,
  },
  referenceOpportunityId: `ref-${index}`,
});
const namesOf = ({ body }: Raw): readonly string[] =>
  (body.opportunities ?? []).map((one: { opportunityInfo: { displayName: string } }) =>
    one.opportunityInfo.displayName.slice(5, 8),
  );
const find = async (filter: string, more: Readonly<Record<string, string>> = {}) =>
  namesOf(await rig.query({ filter, pageSize: "100", ...more }));
const count = 123;
const times: string[] = [];

beforeAll(async () => {
  for (let index = 0; index < count; index += 1) {
    const id = await rig.create(named(index));
    times.push((await rig.get(id)).updateTime);
  }
});

describe("pages of opportunities:query", () => {
  const walk = async (asked: Readonly<Record<string, string>>) => {
    const seen: string[] = [];
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await rig.query({ ...asked, ...(pageToken === "" ? {} : { pageToken }) });
      seen.push(...namesOf(page));
      sizes.push(namesOf(page).length);
      pageToken = page.body.nextPageToken ?? "";
    } while (pageToken !== "" && sizes.length < 200);
    return { seen, sizes };
  };
  const all = Array.from({ length: count }, (_, index) => String(index).padStart(3, "0"));

  it("show everything once, in order, fifty at a time unless told otherwise", async () => {
    expect(await walk({})).toEqual({ seen: all, sizes: [50, 50, 23] });
    expect((await walk({ pageSize: "7", orderBy: "opportunityInfo.displayName desc" })).seen).toEqual(all.toReversed());
  });
  it("have at most a hundred, also when more are asked for", async () => {
    expect((await walk({ pageSize: "1000" })).sizes).toEqual([100, 23]);
    expect((await walk({ pageSize: "0" })).sizes).toEqual([50, 50, 23]);
    expect((await walk({ page_size: "60" })).sizes).toEqual([60, 60, 3]);
  });
  it("miss nothing and repeat nothing while deals change and arrive", async () => {
    const world = openRig();
    for (let index = 0; index < 9; index += 1) await world.create(named(index));
    const first = await world.query({ pageSize: "4" });
    const last = first.body.opportunities.at(-1).name;
    await world.controls.edit(last, { "opportunityInfo.description": "changed while somebody reads" });
    await world.create(named(9));
    const rest = await world.query({ pageSize: "100", pageToken: first.body.nextPageToken });
    expect([...namesOf(first), ...namesOf(rest)]).toEqual(all.slice(0, 10));
  });
  it("are an empty object when there is nothing", async () => {
    expect((await openRig().query()).body).toEqual({});
    expect((await rig.query({ filter: 'state = "ACCEPTED"' })).body).toEqual({});
  });
  it("come with a token that is good for the same question only", async () => {
    const { nextPageToken: pageToken } = (await rig.query({ pageSize: "5" })).body;
    for (const asked of [
      { pageToken, filter: "state=DRAFT" },
      { pageToken, orderBy: "name" },
      { pageToken: `${pageToken}A` },
      { pageToken: "x" },
    ])
      expect(fieldsOf(await rig.query(asked))).toEqual(["page_token"]);
    expect((await rig.query({ pageToken, pageSize: "9" })).status).toBe(200);
  });
  it("refuse a size that is none", async () => {
    for (const pageSize of ["-1", "many", "1.5"])
      expect(fieldsOf(await rig.query({ pageSize }))).toEqual(["page_size"]);
  });
});

describe("a filter of opportunities:query", () => {
  it("compares texts, enums, times and numbers", async () => {
    expect(await find('opportunityInfo.displayName = "Deal 007 [cs:7]"')).toEqual(["007"]);
    expect(await find('opportunityInfo.displayName = "Deal 00*"')).toHaveLength(10);
    expect(await find('opportunityInfo.displayName = "*[cs:7]"')).toEqual(["007"]);
    expect(await find("opportunityInfo.displayName : 'CS:12'")).toEqual(["012", "120", "121", "122"]);
    expect(await find('opportunity_info.display_name="deal 007 [cs:7]"')).toEqual([]);
    expect(await find("state = DRAFT")).toHaveLength(41);
    expect(await find("state != DRAFT")).toHaveLength(82);
    expect(await find('referenceOpportunityId="ref-5"')).toEqual(["005"]);
    expect(await find("qualificationInfo.contractLengthMonths > 11")).toHaveLength(100);
    expect(await find("qualificationInfo.dealSize.units >= 15001")).toEqual([]);
    expect(await find("isvSolutionConnectInfo.isvSolutionConnectDeal = true")).toHaveLength(100);
    expect(await find("opportunityInfo.confidential = true")).toEqual([]);
  });
  it("tells times apart by the microsecond", async () => {
    expect(await find(`updateTime > "${times[119]}"`)).toEqual(["120", "121", "122"]);
    expect(await find(`updateTime >= "${times[120]}" AND updateTime < "${times[122]}"`)).toEqual(["120", "121"]);
    expect(await find(`updateTime > ${times[121]}`)).toEqual(["122"]);
  });
  it("finds members of lists, and whether something is there", async () => {
    expect(await find("opportunityInfo.productFamily : GOOGLE_CLOUD_PLATFORM")).toHaveLength(100);
    expect(await find("opportunityInfo.productFamily : OTHER")).toEqual([]);
    expect(await find("owner:*")).toEqual([]);
    expect(await find("NOT owner:*", { pageSize: "3" })).toHaveLength(3);
  });
  it("finds a record by what it says now, and by what it said before while the index lags", async () => {
    const world = openRig();
    const id = await world.create({ state: "DRAFT", opportunityInfo: { displayName: "Old name" } });
    const by = async (name: string) => {
      const { body } = await world.query({ filter: `opportunityInfo.displayName = "${name}" AND state = DRAFT` });
      return (body.opportunities ?? []).map((one: { name: string }) => one.name);
    };
    expect([await by("Old name"), await by("New name")]).toEqual([[id], []]);
    await world.patch(id, { opportunityInfo: { displayName: "New name" } }, "opportunityInfo.displayName");
    expect([await by("Old name"), await by("New name")]).toEqual([[], [id]]);
    await world.controls.change({ searchLagSeconds: 600 });
    expect([await by("Old name"), await by("New name")]).toEqual([[id], []]);
  });
  it("joins with AND, OR, NOT, minus and parentheses, where OR binds tighter", async () => {
    const [seven, eight, draft] = ['referenceOpportunityId="ref-7"', 'referenceOpportunityId="ref-8"', "state=DRAFT"];
    expect(await find(`${seven} OR ${eight}`)).toEqual(["007", "008"]);
    expect(await find(`${draft} AND ${seven} OR ${eight}`)).toEqual([]);
    expect(await find(`(${draft} AND ${seven}) OR ${eight}`)).toEqual(["008"]);
    expect(await find(`(${seven} OR ${eight}) -${seven}`)).toEqual(["008"]);
    expect(await find(`(${seven} OR ${eight}) AND NOT ${eight}`)).toEqual(["007"]);
  });
  it("is refused with the place when it cannot be read or compares what cannot be compared", async () => {
    const wrong = [
      "state",
      "state = ",
      "= DRAFT",
      "dealName = x",
      "state > DRAFT",
      "opportunityInfo = x",
      "(state=DRAFT",
      "state=DRAFT)",
      "updateTime > yesterday",
      "opportunityInfo.productFamily = X",
      "opportunityInfo.confidential = maybe",
      'opportunityInfo.displayName = "open',
      "state = DRAFT AND",
      "opportunityLines.quantity = 1",
    ];
    for (const filter of wrong) {
      const answer = await rig.query({ filter });
      expect([filter, answer.status, ...fieldsOf(answer)]).toEqual([filter, 400, "filter"]);
    }
  });
  it("names only the fields that the setting allows, as the vendor may", async () => {
    await rig.controls.change({ rules: { filterFields: ["state"], orderFields: ["updateTime"] } });
    expect(await find("state = DRAFT")).toHaveLength(41);
    expect(codeOf(await rig.query({ filter: 'opportunityInfo.displayName = "x"' }))).toBe("INVALID_ARGUMENT");
    expect((await rig.query({ orderBy: "updateTime desc,  name" })).status).toBe(400);
    expect((await rig.query({ orderBy: "updateTime desc" })).status).toBe(200);
    await rig.controls.change({ rules: { filterFields: null, orderFields: null } });
  });
  it("leaves out what changed too lately for an index that lags", async () => {
    const world = openRig({ settings: { searchLagSeconds: 60 } });
    const id = await world.create({ state: "DRAFT" });
    expect((await world.query()).body).toEqual({});
    world.pause(60);
    expect((await world.query()).body.opportunities).toHaveLength(1);
    await world.controls.edit(id, { "opportunityInfo.description": "late" });
    expect((await world.query()).body.opportunities[0].opportunityInfo.description).not.toBe("late");
    expect((await world.get(id)).opportunityInfo.description).toBe("late");
  });
});

describe("an order of opportunities:query", () => {
  it("sorts by several fields, and refuses what has no order", async () => {
    const page = await rig.query({ orderBy: "state, opportunityInfo.displayName desc", pageSize: "3" });
    expect(namesOf(page)).toEqual(["120", "117", "114"]);
    for (const orderBy of ["dealName", "opportunityInfo", "state sideways", "opportunityInfo.productFamily"])
      expect(fieldsOf(await rig.query({ orderBy }))).toEqual(["order_by"]);
  });
});
