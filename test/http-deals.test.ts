import { afterAll, describe, expect, it } from "vitest";
import { dealOf, openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask } = http;

describe("saving a deal by its CRM key", () => {
  it("answers 201 with a place and an ETag, then 200 for the same again, which changes nothing", async () => {
    const first = await ask("POST", "/v1/opportunities", { body: dealOf("A1") });
    expect(first.status).toBe(201);
    expect(first.headers.get("etag")).toBe('"1"');
    expect(first.headers.get("location")).toBe(`/v1/opportunities/${first.body.id}`);
    expect(first.body).toMatchObject({ key: "A1", amount: { amount: "1200.50", currency: "EUR" }, version: 1 });
    const again = await ask("POST", "/v1/opportunities", { body: dealOf("A1") });
    expect([again.status, again.body.id, again.body.version]).toEqual([200, first.body.id, 1]);
    const changed = await ask("POST", "/v1/opportunities", { body: dealOf("A1", { title: "Renamed" }) });
    expect([changed.status, changed.headers.get("etag"), changed.body.title]).toEqual([200, '"2"', "Renamed"]);
  });

  it("leaves the caller's actor in the history and asks for the events to be sent on", async () => {
    const before = http.kicks.count;
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("A2") });
    expect(http.kicks.count).toBe(before + 1);
    const history = await ask("GET", `/v1/opportunities/${body.id}/history`);
    expect(history.body.items).toMatchObject([{ what: "created", actorName: "Ann Admin" }]);
    const events = await ask("GET", `/v1/events?subject=${body.id}`);
    expect(events.body.items).toMatchObject([{ name: "opportunity.created", data: { opportunityId: body.id } }]);
  });

  it("answers people only where a deal is read, never where it is written", async () => {
    const { body, text } = await ask("POST", "/v1/opportunities", { body: dealOf("A3") });
    expect(text).not.toContain("carla@customer.example");
    const read = await ask("GET", `/v1/opportunities/${body.id}`);
    expect(read.body.contacts).toMatchObject([{ role: "customer", email: "carla@customer.example" }]);
  });

  it.each([
    ["a misspelt member", { closedate: "2027-01-01" }, "closedate"],
    ["a country in words", { account: { name: "X", country: "Germany" } }, "account.country"],
    ["an amount no bigint holds", { amount: { amount: "99999999999999999.00", currency: "EUR" } }, "amount"],
    ["a year no calendar of the database holds", { closeDate: "0000-01-01" }, "closeDate"],
  ])("refuses %s, names the field and stores nothing", async (_, more, field) => {
    const refused = await ask("POST", "/v1/opportunities", { body: dealOf("BAD", more) });
    expect(refused.status).toBe(422);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(refused.body.errors[0]).toMatchObject({ field, pointer: `/${field.replaceAll(".", "/")}` });
    expect((await ask("GET", "/v1/opportunities?source=salesforce&key=BAD")).body.items).toEqual([]);
  });
});

describe("changing a deal", () => {
  it("needs the version read: 428 without If-Match, 412 with an old one, 200 with the current", async () => {
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("P1") });
    const path = `/v1/opportunities/${body.id}`;
    const input = dealOf("P1", { title: "Second" });
    expect((await ask("PUT", path, { body: input })).status).toBe(428);
    const put = await ask("PUT", path, { body: input, headers: { "if-match": '"1"' } });
    expect([put.status, put.headers.get("etag")]).toEqual([200, '"2"']);
    const late = await ask("PUT", path, { body: dealOf("P1", { title: "Third" }), headers: { "if-match": '"1"' } });
    expect([late.status, late.body.version, late.headers.get("etag")]).toEqual([412, 2, '"2"']);
    expect((await ask("GET", path)).body.title).toBe("Second");
    const weak = await ask("PUT", path, { body: input, headers: { "if-match": 'W/"2"' } });
    expect(weak.status).toBe(412);
  });

  it("takes back what it answered: GET then PUT changes nothing", async () => {
    const { body } = await ask("POST", "/v1/opportunities", {
      body: dealOf("P2", { tag: "sourced", partner: "Example Consulting", programmes: { aws: { useCase: "x" } } }),
    });
    const read = await ask("GET", `/v1/opportunities/${body.id}`);
    const put = await ask("PUT", `/v1/opportunities/${body.id}`, {
      body: read.body,
      headers: { "if-match": read.headers.get("etag") ?? "" },
    });
    expect([put.status, put.body.version]).toEqual([200, 1]);
  });

  it("merges a patch: named members change, null empties, the rest and the contacts stay", async () => {
    const { body } = await ask("POST", "/v1/opportunities", {
      body: dealOf("P3", { nextSteps: "call", tag: "sourced" }),
    });
    const patched = await ask("PATCH", `/v1/opportunities/${body.id}`, {
      raw: JSON.stringify({ nextSteps: null, account: { city: "Berlin" }, stage: "committed" }),
      headers: { "if-match": '"1"', "content-type": "application/merge-patch+json" },
    });
    expect(patched.status).toBe(200);
    const read = await ask("GET", `/v1/opportunities/${body.id}`);
    expect(read.body).toMatchObject({ stage: "committed", nextSteps: null, tag: "sourced", taggedAt: body.taggedAt });
    expect(read.body.account).toMatchObject({ name: "Customer P3", city: "Berlin", id: body.account.id });
    expect(read.body.contacts).toHaveLength(1);
  });

  it("dates a new tag anew, so that a patch never keeps the old tag's day", async () => {
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("P4", { tag: "sourced" }) });
    http.clock.advanceTo(new Date("2026-10-02T08:00:00Z"));
    const headers = { "if-match": '"1"' };
    const patched = await ask("PATCH", `/v1/opportunities/${body.id}`, { body: { tag: "influenced" }, headers });
    expect(patched.body.taggedAt).toBe("2026-10-02T08:00:00.000Z");
  });

  it("keeps source and key: a PUT or PATCH that changes them is refused by name", async () => {
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("P5") });
    const headers = { "if-match": "*" };
    const refused = await ask("PATCH", `/v1/opportunities/${body.id}`, { body: { key: "P6" }, headers });
    expect([refused.status, refused.body.errors[0].field]).toEqual([422, "key"]);
  });
});

describe("lists of deals", () => {
  it("page by `next` until null, without repeats, newest first", async () => {
    for (const key of ["L1", "L2", "L3", "L4", "L5"])
      await ask("POST", "/v1/opportunities", { body: dealOf(key, { source: "paging" }) });
    const seen: string[] = [];
    let after = "";
    do {
      const { body } = await ask("GET", `/v1/opportunities?source=paging&limit=2${after}`);
      seen.push(...body.items.map((item: { key: string }) => item.key));
      after = body.next === null ? "" : `&after=${body.next}`;
    } while (after !== "");
    expect(seen).toEqual(["L5", "L4", "L3", "L2", "L1"]);
  });

  it("filter by tag, account and a part of the title, in which % and _ mean themselves", async () => {
    const made = await ask("POST", "/v1/opportunities", {
      body: dealOf("F1", { source: "filter", title: "100%_sure" }),
    });
    await ask("POST", "/v1/opportunities", { body: dealOf("F2", { source: "filter", tag: "sourced" }) });
    const keys = async (query: string) =>
      (await ask("GET", `/v1/opportunities?source=filter&${query}`)).body.items.map(
        (item: { key: string }) => item.key,
      );
    expect(await keys("untagged=true")).toEqual(["F1"]);
    expect(await keys("text=%25_S")).toEqual(["F1"]);
    expect(await keys("text=_")).toEqual(["F1"]);
    expect(await keys(`account=${made.body.account.id}`)).toEqual(["F1"]);
  });
});

describe("touches", () => {
  it("are recorded once per source and key, and belong to one deal", async () => {
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("T1") });
    const other = await ask("POST", "/v1/opportunities", { body: dealOf("T2") });
    const touch = { kind: "demo", at: "2026-09-01T10:00:00Z", source: "calendar", sourceKey: "4711" };
    const path = `/v1/opportunities/${body.id}/touches`;
    expect((await ask("POST", path, { body: touch })).status).toBe(201);
    const again = await ask("POST", path, { body: touch });
    expect([again.status, again.body.kind]).toEqual([200, "demo"]);
    expect((await ask("POST", `/v1/opportunities/${other.body.id}/touches`, { body: touch })).status).toBe(409);
    expect((await ask("GET", path)).body.items).toMatchObject([{ kind: "demo", actorId: http.actorId }]);
  });
});
