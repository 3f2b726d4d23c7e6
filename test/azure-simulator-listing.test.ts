/** Lists of referrals: filters, order, pages and the links between them; and every documented sample, accepted or produced. */
import { beforeEach, describe, expect, it } from "vitest";
import { filterOf, instantOf } from "../adapters/azure/simulator/odata.ts";
import {
  assistanceWords,
  qualificationWords,
  sizeWords,
  statusTable,
  statusWords,
  substatusWords,
  targetWords,
  webhookEvents,
} from "../adapters/azure/simulator/shapes.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { codeOf, goodReferral, openRig, type Raw, type Rig, referralsUrl, replace } from "./azure-simulator-rig.ts";
import enums from "./vectors/azure/enums.2019-2022.json" with { type: "json" };
import events from "./vectors/azure/partner-center.events.json" with { type: "json" };
import derived from "./vectors/azure/referral.derived.schema.json" with { type: "json" };
import create from "./vectors/azure/sample.create.request.json" with { type: "json" };
import errorSample from "./vectors/azure/sample.error.json" with { type: "json" };
import getSample from "./vectors/azure/sample.get.response.json" with { type: "json" };
import invite from "./vectors/azure/sample.invite-microsoft.request.json" with { type: "json" };
import listSample from "./vectors/azure/sample.list.response.json" with { type: "json" };
import patch from "./vectors/azure/sample.patch.request.json" with { type: "json" };
import put from "./vectors/azure/sample.update-put.request.json" with { type: "json" };
import putSample from "./vectors/azure/sample.update-put.response.json" with { type: "json" };

let rig: Rig;
beforeEach(() => {
  rig = openRig({ settings: { listing: { pageSize: 3 } } });
});
const named = async (count: number): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    rig.pause(60);
    ids.push((await rig.create({ name: `Deal ${index}`, externalReferenceId: `CRM-${index}` })).id);
  }
  return ids;
};
const idsOf = (list: Raw["body"]): readonly string[] => list.value.map(({ id }: { id: string }) => id);
/** Reads all pages as a careful client does: only the query of nextLink, on its own address. */
const allOf = async (query: Readonly<Record<string, string>>): Promise<{ pages: number; ids: readonly string[] }> => {
  const ids: string[] = [];
  let page = await rig.list(query);
  for (let pages = 1; ; pages += 1) {
    ids.push(...idsOf(page));
    const link = page["@odata.nextLink"];
    if (link === undefined) return { pages, ids };
    page = (await rig.call("GET", new URL(link).search)).body;
  }
};

describe("pages", () => {
  it("hold what is asked for, newest first, and lead to the next by a plain http link with a part of the path missing", async () => {
    const ids = await named(7);
    const first = await rig.list();
    expect(idsOf(first)).toEqual(ids.slice(-3).toReversed());
    expect(first["@odata.nextLink"]).toMatch(
      /^http:\/\/api\.partner\.microsoft\.com\/v1\.0\/referrals\?\$skiptoken=\S+$/,
    );
    expect(new URL(first["@odata.nextLink"]).search).toMatch(/%(2b|2f|3d)/);
    expect(await allOf({})).toEqual({ pages: 3, ids: ids.toReversed() });
    const followed = await rig.raw(first["@odata.nextLink"], {
      headers: { authorization: `Bearer ${await rig.bearer()}` },
    });
    expect(followed.status).toBe(404);
  });
  it("carry filter and order on, and lose nothing when something is changed between two of them", async () => {
    const ids = await named(7);
    const query = { $filter: "createdDateTime ge 2026-06-01T09:02:00Z", $orderby: "createdDateTime asc" };
    const page = await rig.list(query);
    await rig.patch(ids[6] ?? "", [replace("/name", "Changed")]);
    const rest = await rig.call("GET", new URL(page["@odata.nextLink"]).search);
    expect([...idsOf(page), ...idsOf(rest.body)]).toEqual(ids.slice(1));
  });
  it("end at $top, begin after $skip, and are counted whole only when $count asks", async () => {
    const ids = await named(6);
    expect(await allOf({ $top: "4", $skip: "1", $orderby: "createdDateTime" })).toEqual({
      pages: 2,
      ids: ids.slice(1, 5),
    });
    expect((await rig.list({ $count: "true" }))["@odata.count"]).toBe(6);
    expect((await rig.list())["@odata.count"]).toBe(3);
  });
  it("are in the order of making, also of what was made in the same millisecond", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) ids.push((await rig.create()).id);
    expect(idsOf(await rig.list({ $orderby: "updatedDateTime asc" }))).toEqual(ids);
  });
  it("refuse a token that was tampered with", async () => {
    expect(codeOf(await rig.call("GET", "?$skiptoken=abc"))).toBe("400 invalidRequest");
  });
  it("show a hundred at most", async () => {
    const many = openRig();
    for (let index = 0; index < 101; index += 1) await many.create({ externalReferenceId: `CRM-${index}` });
    expect([(await many.list()).value.length, (await many.list({ $top: "500" })).value.length]).toEqual([100, 100]);
  });
});

describe("filters", () => {
  it("compare what is documented, joined by and, or and parentheses", async () => {
    const [a = "", b = ""] = await named(2);
    await rig.controls.change({ listing: { externalReferenceId: true } });
    await rig.patch(b, [replace("/status", "Closed"), replace("/substatus", "Won")]);
    const matches = async ($filter: string) => idsOf(await rig.list({ $filter }));
    expect(await matches("status eq 'Closed' and substatus eq 'Won'")).toEqual([b]);
    expect(await matches("(status eq 'Closed' or status eq 'Active') and externalReferenceId eq 'CRM-0'")).toEqual([a]);
    expect(await matches("customerProfile/address/country eq 'DE'")).toEqual([]);
    expect(await matches("direction eq 'Outgoing' and email eq 'ada@partner.example'")).toEqual([b, a]);
    const { updatedDateTime } = await rig.get(a);
    expect(await matches(`updatedDateTime gt ${updatedDateTime}`)).toEqual([b]);
    expect(await matches(`updatedDateTime le ${updatedDateTime}`)).toEqual([a]);
  });
  it("take an engagement's id as Microsoft's own links have it, without quotes", async () => {
    const made = await rig.create();
    const { search } = new URL(made.links.relatedReferrals.uri);
    expect(idsOf((await rig.call("GET", search)).body)).toEqual([made.id]);
  });
  it("refuse what is not in the list of fields, and what is no filter", async () => {
    const wrong = [
      "name eq 'x'",
      "status is 'New'",
      "status eq",
      "(status eq 'New'",
      "status eq 'New' status",
      "status eq 'New",
      "1 eq 1",
    ];
    for (const $filter of wrong)
      expect(codeOf(await rig.call("GET", `?${new URLSearchParams({ $filter })}`))).toBe("400 invalidRequest");
    for (const query of ["?$expand=team", "?$orderby=name", "?$top=x", "?foo=1"])
      expect(codeOf(await rig.call("GET", query))).toBe("400 invalidRequest");
    expect(codeOf(await rig.call("GET", "?$filter=externalReferenceId eq 'CRM-1'"))).toBe("400 invalidRequest");
  });
  it("read quotes in values, and times of any precision", () => {
    const { test, equals } = filterOf("status eq 'it''s' and createdDateTime ge 2026-01-01T00:00:00+00:00", [
      "status",
      "createdDateTime",
    ]);
    expect(equals.get("status")).toBe("it's");
    const row: Readonly<Record<string, string>> = { status: "it's", createdDateTime: "2026-01-01T00:00:00.0000001Z" };
    expect(test((path) => [row[path]])).toBe(true);
    expect(test((path) => [path === "status" ? "it's" : "2025-12-31T23:59:59.9999999Z"])).toBe(false);
    expect([instantOf("2026-01-01T02:00:00.5+02:00"), instantOf("soon")]).toEqual([
      "2026-01-01T00:00:00.5000000Z",
      null,
    ]);
  });
  it("select only the members that are asked for", async () => {
    await rig.create();
    const [item] = (await rig.list({ $select: "id,status" })).value;
    expect(Object.keys(item).toSorted()).toEqual(["id", "status"]);
  });
});

describe("items of a list", () => {
  it("have no eTag, and an empty object where a list of ids is empty", async () => {
    const { id } = await rig.create();
    const [item] = (await rig.list()).value;
    expect([item.eTag, item.customerProfile.ids, (await rig.get(id)).customerProfile.ids]).toEqual([undefined, {}, []]);
  });
  it("are others' referrals too, unless only a filter by engagement shall show them", async () => {
    const own = await rig.create();
    const asked = await rig.invite(own);
    expect(idsOf(await rig.list()).toSorted()).toEqual([asked.id, own.id].toSorted());
    await rig.controls.change({ listing: { related: false } });
    expect(idsOf(await rig.list())).toEqual([own.id]);
    expect((await rig.list({ $filter: `engagementId eq '${own.engagementId}'` })).value).toHaveLength(2);
  });
  it("show a change late when lists lag, and the referral itself at once", async () => {
    await rig.controls.change({ listing: { lagSeconds: 30 } });
    const { id } = await rig.create();
    expect([idsOf(await rig.list()), (await rig.get(id)).id]).toEqual([[], id]);
    rig.pause(31);
    await rig.patch(id, [replace("/name", "New")]);
    expect((await rig.list()).value[0].name).toBe("Shelf planning");
    rig.pause(31);
    expect((await rig.list()).value[0].name).toBe("New");
  });
});

/** Paths of all members, lists walked through. */
const pathsOf = (value: unknown, prefix = ""): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, prefix));
  if (typeof value !== "object" || value === null) return [prefix];
  return Object.entries(value).flatMap(([name, inner]) => [
    `${prefix}/${name}`,
    ...pathsOf(inner, `${prefix}/${name}`),
  ]);
};
interface Shape {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly required?: readonly string[];
}
/** Where a value does not fit a JSON schema, as far as the derived one goes. */
const misfits = (shape: Shape, value: unknown, path = ""): readonly string[] => {
  const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const types = shape.type === undefined ? [kind] : [shape.type].flat();
  if (!types.includes(kind)) return [`${path} is ${kind}`];
  if (shape.enum && !shape.enum.includes(value)) return [`${path} is ${String(value)}`];
  if (Array.isArray(value)) return shape.items ? value.flatMap((item) => misfits(shape.items ?? {}, item, path)) : [];
  if (kind !== "object") return [];
  const object = value as Readonly<Record<string, unknown>>;
  return [
    ...(shape.required ?? []).filter((name) => !(name in object)).map((name) => `${path}/${name} is missing`),
    ...Object.entries(shape.properties ?? {}).flatMap(([name, inner]) =>
      name in object ? misfits(inner, object[name], `${path}/${name}`) : [],
    ),
  ];
};

describe("the documented samples", () => {
  it("of requests are all accepted as they stand, but for the ids of what they change", async () => {
    const own = await rig.call("POST", "", create);
    expect(own.status).toBe(201);
    const asked = await rig.call("POST", "", { ...invite, engagementId: own.body.engagementId });
    expect([asked.status, asked.body.details.dealValue]).toEqual([201, invite.details.dealValue]);
    const patched = await rig.patch(own.body.id, patch as readonly JsonObject[]);
    expect([patched.status, patched.body.team.length, patched.body.details.dealValue]).toEqual([200, 2, "10000"]);
    const independent = await rig.create({
      ...(create as JsonObject),
      type: "Independent",
      details: put.details as JsonObject,
    });
    const won = await rig.call("PUT", `/${independent.id}`, put, { "if-match": independent.eTag });
    expect([won.status, won.body.status, won.body.substatus, won.body.statusReason]).toEqual([
      200,
      "Closed",
      "Won",
      put.statusReason,
    ]);
    const missing = Object.keys(putSample).filter((name) => !(name in won.body));
    expect(missing).toEqual([]);
  });
  it("of answers have no member that the simulator's answers never have", async () => {
    await rig.controls.change({ wire: { links: "documented" } });
    const lead = await rig.controls.refer({
      kind: "marketplace_lead",
      customerProfile: { ids: [{ profileType: "Duns", id: "795986822" }] },
    });
    const qualified = await rig.controls.refer({
      kind: "qualified_lead",
      customerProfile: { address: { addressLine2: "34" } },
    });
    await rig.controls.change({ listing: { leads: true } });
    const got = await rig.get(String(lead.id));
    const other = await rig.get(String(qualified.id));
    const produced = new Set([...pathsOf(got), ...pathsOf(other)]);
    expect(pathsOf(getSample).filter((path) => !produced.has(path))).toEqual([]);
    const list = await rig.list();
    const listed = new Set([...pathsOf(list), "/@odata.nextLink"]);
    expect(pathsOf(listSample).filter((path) => !listed.has(path))).toEqual([]);
    expect(got.links.self.uri).toBe(getSample.links.self.uri.replace(getSample.id, got.id));
    expect(list.value[0].links.relatedReferrals.uri).toBe(
      listSample.value[0]?.links.relatedReferrals.uri.replace(
        listSample.value[0].engagementId,
        list.value[0].engagementId,
      ),
    );
    expect([got["@odata.context"], list["@odata.context"]]).toEqual([
      getSample["@odata.context"],
      listSample["@odata.context"],
    ]);
  });
  it("of a refusal is what an application without a user is told", async () => {
    const authorization = `Bearer ${await rig.applicationToken("api.partner.microsoft.com")}`;
    const answer = await rig.raw(referralsUrl, { headers: { authorization, "client-request-id": "x" } });
    expect([answer.status, answer.body]).toEqual([403, errorSample]);
  });
  it("and the derived schema agree with every kind of referral it shows", async () => {
    const own = await rig.create(goodReferral({ salesStage: "Develop", solutionArea: "Security", tags: ["a"] }));
    const asked = await rig.invite(own);
    await rig.controls.accept(asked.id);
    for (const kind of ["marketplace_lead", "qualified_lead", "co_sell"] as const) await rig.controls.refer({ kind });
    const { referrals } = await rig.controls.ledger();
    expect(referrals).toHaveLength(6);
    for (const { id } of referrals) expect(misfits(derived as Shape, await rig.get(id))).toEqual([]);
    expect(misfits(derived as Shape, { type: "None", customerProfile: { name: 1, address: {} } })).toHaveLength(2);
  });
  it("know the words and events that the simulator knows", () => {
    expect(enums.customerSize).toEqual([...sizeWords]);
    expect(enums.statusTransitions).toEqual(statusTable);
    const { status, qualification, inviteContext, target } = derived.properties;
    expect(status.examples).toEqual([...statusWords]);
    expect(derived.properties.substatus.examples).toEqual(expect.arrayContaining([...substatusWords]));
    expect(qualification.examples).toEqual([...qualificationWords]);
    expect(inviteContext.properties.assistanceRequestCode.examples).toEqual([...assistanceWords]);
    expect(target.items.properties.type.examples).toEqual([...targetWords]);
    expect(webhookEvents).toEqual(expect.arrayContaining(events.map(({ EventName }) => EventName)));
  });
});
