import { describe, expect, it } from "vitest";
import { faultOf } from "../adapters/azure/faults.ts";
import { dealOf } from "../adapters/azure/referred.ts";
import { pageSchema, referralSchema } from "../adapters/azure/wire.ts";
import type { Write } from "../adapters/contract.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  api,
  type Canned,
  createdAt,
  draftOf,
  held,
  microsofts,
  now,
  observed,
  openAzure,
  type Script,
  sample,
  writeOf,
} from "./azure-double.ts";

const draft = draftOf();
const { coSell } = openAzure({});
const create = writeOf(coSell.submission(draft, []));
const update: Write = {
  operation: "UpdateReferral",
  key: "update:1",
  body: { id: "r1", ifMatch: '"a"', patch: [{ op: "replace", path: "/name", value: "x" }] },
  token: "we-read",
};
const error = (code: string | number, more: JsonObject = {}) => ({ error: { code, message: "words", ...more } });
const ran = (canned: Canned, write = create) =>
  openAzure({ POST: [canned], PATCH: [canned], "GET one": [canned], "GET list": [canned] }).coSell.run(write, "token");
const looked = (script: Script) => openAzure(script).coSell.look({ id: "r1" });
const kindOf = (result: { ok: boolean; fault?: { kind: string } }) => (result.ok ? "ok" : result.fault?.kind);

describe("referrals as they come", () => {
  it("parse in every shape that Microsoft's documents print", () => {
    for (const name of ["create.response", "get.response", "update-put.response"])
      expect(referralSchema.safeParse(sample(name)).error).toBeUndefined();
    expect(pageSchema.parse(sample("list.response")).value).toHaveLength(2);
  });
  it("parse with amounts as text, ids and people as an object, requirements as text, and any word as status", () => {
    const odd = held(draft, {
      status: "Engaged",
      details: { dealValue: "50000.5", currency: "USD", requirements: "none" },
      customerProfile: { name: "C", ids: {}, team: { firstName: "A", email: "a@c.example" } },
      consent: { consentToContact: "maybe" },
      trackingInfo: "",
      salesStage: 40,
    });
    const parsed = referralSchema.parse(odd);
    expect(parsed.details?.dealValue).toBe("50000.5");
    const deal = dealOf(observed(odd)).deal;
    expect(deal).toMatchObject({
      amount: { amount: "50000.50", currency: "USD" },
      contacts: [{ email: "a@c.example" }],
    });
    expect(referralSchema.safeParse({ id: "only" }).success).toBe(true);
    expect(referralSchema.safeParse({ engagementId: "no id" }).success).toBe(false);
  });
});

describe("a request to Microsoft", () => {
  it("carries a token, an id of its own and a body as frozen, to our address only", async () => {
    const { coSell: at, seen, taken } = openAzure({ PATCH: [{ body: held(draft) }] });
    await at.run(update, "token");
    expect(seen[0]).toMatchObject({
      method: "PATCH",
      url: `${api}/r1`,
      text: '[{"op":"replace","path":"/name","value":"x"}]',
    });
    expect(seen[0]?.headers).toMatchObject({
      authorization: "Bearer token-0",
      "if-match": '"a"',
      prefer: "return=representation",
      "content-type": "application/json",
    });
    expect(taken).toEqual(["write"]);
  });
  it("goes to a simulator's address with Microsoft's host as the first part of the path", async () => {
    const { coSell: at, seen } = openAzure(
      { "GET one": [{ body: held(draft, { type: "Independent", consent: {} }) }] },
      { endpoint: "http://127.0.0.1:3000/simulator/azure" },
    );
    await at.look({ id: "r1" });
    expect(seen[0]?.url).toBe(
      "http://127.0.0.1:3000/simulator/azure/api.partner.microsoft.com/v1.0/engagements/referrals/r1",
    );
  });
  it("is sent once more with another token when the first is refused, and not a third time", async () => {
    const refused = { status: 401, body: error("unauthenticated") };
    const once = openAzure({ POST: [refused, { body: held(draft) }] });
    expect(await once.coSell.run(create, "token")).toMatchObject({ ok: true });
    expect(once.seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer token-0", "Bearer token-1"]);
    expect(once.taken).toHaveLength(2);
    const twice = openAzure({ POST: [refused] });
    expect(kindOf(await twice.coSell.run(create, "token"))).toBe("denied");
    expect(twice.seen).toHaveLength(2);
  });
});

describe("Microsoft's answers", () => {
  it("are told apart by code, never by message", async () => {
    const lookAlike = {
      status: 400,
      body: error("invalidRequest", { message: "preconditionFailed accessDenied 900421" }),
    };
    expect(kindOf(await ran(lookAlike))).toBe("rejected");
    const table: readonly (readonly [number, string, string])[] = [
      [401, "unauthenticated", "denied"],
      [403, "accessDenied", "denied"],
      [404, "itemNotFound", "missing"],
      [409, "resourceModified", "conflict"],
      [412, "preconditionFailed", "conflict"],
      [413, "invalidRequest", "rejected"],
      [415, "unsupportedMediaType", "rejected"],
      [422, "invalidRequest", "rejected"],
      [423, "resourceLocked", "throttled"],
      [429, "tooManyRequests", "throttled"],
      [400, "unAuthorized", "denied"],
      [500, "generalException", "ambiguous"],
      [503, "serviceNotAvailable", "ambiguous"],
      [504, "x", "ambiguous"],
      [302, "", "ambiguous"],
    ];
    for (const [status, code, kind] of table)
      expect([status, code, kindOf(await ran({ status, body: error(code) }, update))]).toEqual([status, code, kind]);
    for (const status of [500, 503, 504])
      expect(kindOf(await looked({ "GET one": [{ status, body: error("generalException") }] }))).toBe("unavailable");
    expect(kindOf(await looked({ "GET one": [{ status: 418, body: error("teapot") }] }))).toBe("drift");
  });
  it("that ask to wait say until when, in seconds or as a date", () => {
    const asked = { operation: "CreateReferral", kind: "write", now } as const;
    const at = (retryAfter: string | null) =>
      faultOf(asked, { status: 429, text: "", requestId: null, retryAfter, eTag: null, challenge: null });
    expect(at("120")).toMatchObject({ kind: "throttled", retryAt: "2026-09-01T10:02:00.000Z" });
    expect(at("Tue, 01 Sep 2026 10:05:00 GMT")).toMatchObject({ retryAt: "2026-09-01T10:05:00.000Z" });
    expect(at(null)).toMatchObject({ retryAt: "2026-09-01T10:00:30.000Z" });
    expect(at("999999")).toMatchObject({ retryAt: "2026-09-01T11:00:00.000Z" });
  });
  it("for want of a second factor, or by a tenant's policy, park the connection with the remedy", async () => {
    for (const body of [
      error(900421),
      error("x", { innerError: { code: "900421" } }),
      { code: "900421", description: "" },
    ]) {
      const at = openAzure({ POST: [{ status: 401, body }] });
      expect(await at.coSell.run(create, "token")).toMatchObject({
        ok: false,
        fault: { kind: "denied", message: expect.stringMatching(/900421.*multi-factor.*cosell connect azure/) },
      });
      // Another token would have no second factor either.
      expect([at.seen.length, at.dropped.length]).toEqual([1, 0]);
    }
    const challenge = { "www-authenticate": 'Bearer error="insufficient_claims"' };
    expect(await ran({ status: 403, body: {}, headers: challenge })).toMatchObject({
      fault: { kind: "denied", message: expect.stringContaining("conditional access") },
    });
    expect(await ran({ status: 403, body: error("accessDenied") })).toMatchObject({
      fault: { message: expect.stringContaining("Referrals admin") },
    });
  });
  it("that refuse a member name our field, and the request for Microsoft's support", async () => {
    const refused = await ran({
      status: 400,
      body: error("invalidRequest", { target: "customerProfile.address.country" }),
    });
    expect(refused).toMatchObject({
      fault: { message: expect.stringContaining("request 0f7d0e0a"), gaps: [{ field: "account.country" }] },
    });
    expect(await ran({ status: 400, body: sample("error") })).toMatchObject({ ok: false });
    expect(await ran({ status: 400, raw: "<html>" })).toMatchObject({
      fault: { kind: "rejected", gaps: [{ field: "azure" }] },
    });
  });
  it("that never come, or come garbled, leave a write to be looked for and a read to be repeated", async () => {
    expect(kindOf(await ran({ isLost: true }))).toBe("ambiguous");
    expect(kindOf(await ran({ raw: "{" }))).toBe("ambiguous");
    expect(kindOf(await ran({ body: { name: "without id" } }))).toBe("ambiguous");
    expect(kindOf(await looked({ "GET one": [{ isLost: true }] }))).toBe("unavailable");
    expect(kindOf(await looked({ "GET one": [{ raw: "{" }] }))).toBe("unavailable");
    expect(kindOf(await looked({ "GET one": [{ body: { name: "without id" } }] }))).toBe("drift");
  });
  it("to an update may be empty: it is done, and its version is learnt by the next look", async () => {
    expect(await ran({ status: 204 }, update)).toEqual({
      ok: true,
      value: { key: "update:1", ref: { id: "r1" }, version: null, task: null },
    });
  });
});

describe("a look at a deal", () => {
  it("reads our referral and, where Microsoft may see it, its engagement: two reads, else one", async () => {
    const both = openAzure({
      "GET one": [{ body: held(draft) }],
      "GET list": [{ body: { value: [held(draft), microsofts()] } }],
    });
    const seen = await both.coSell.look({ id: "r1" });
    expect(both.seen).toHaveLength(2);
    expect(seen).toMatchObject({
      ok: true,
      value: { event: "review_started", related: [microsofts().id], isAcceptance: false },
    });
    const recorded = openAzure({ "GET one": [{ body: held(draftOf({ fields: { dealType: "private" } })) }] });
    expect(await recorded.coSell.look({ id: "r1" })).toMatchObject({ ok: true, value: { event: "partner_stored" } });
    expect(recorded.seen).toHaveLength(1);
  });
  it("takes the version from the header where the body has none, and is as new as the newest of its referrals", async () => {
    const { eTag: _, ...referral } = held(draft);
    const script = {
      "GET one": [{ body: referral, headers: { etag: '"from-header"' } }],
      "GET list": [{ body: { value: [microsofts({ updatedDateTime: "2026-09-05T00:00:00.5Z" })] } }],
    };
    const seen = await looked(script);
    expect(seen).toMatchObject({ ok: true, value: { version: "2026-09-05T00:00:00.5Z" } });
    const observation = seen.ok ? seen.value : observed(referral);
    const revision = coSell.revision({
      draft: draftOf({ opportunity: { title: "x" } }),
      base: coSell.baseOf(observation),
      observation,
    });
    expect(revision).toMatchObject({ write: { body: { ifMatch: '"from-header"' } } });
  });
  it("tells Microsoft's people apart from what may be shown, and nobody in what may", async () => {
    const team = [{ firstName: "Sam", lastName: "Seller", email: "sam@microsoft.example", title: "AE" }];
    const theirs = microsofts({
      status: "Active",
      substatus: "Accepted",
      team,
      acceptedDateTime: "2026-09-03T00:00:00Z",
      trackingInfo: { microsoftMsxId: "7-ABC" },
    });
    const seen = await looked({ "GET one": [{ body: held(draft) }], "GET list": [{ body: { value: [theirs] } }] });
    expect(seen).toMatchObject({
      ok: true,
      value: {
        event: "partner_accepted",
        isAcceptance: true,
        facts: { microsoftCrmId: "7-ABC", sellers: 1 },
        people: [{ email: "sam@microsoft.example", name: "Sam Seller", title: "AE" }],
      },
    });
    expect(JSON.stringify(seen.ok ? seen.value.facts : {})).not.toMatch(/sam|grace|ada@/i);
  });
  it("is drift where a word is unknown, on either side", async () => {
    const list = { "GET list": [{ body: { value: [microsofts({ substatus: "Engaged" })] } }] };
    expect(await looked({ "GET one": [{ body: held(draft) }], ...list })).toMatchObject({
      fault: { kind: "drift", message: expect.stringContaining('"Engaged"') },
    });
    expect(
      kindOf(
        await looked({
          "GET one": [{ body: held(draft, { status: "Error" }) }],
          "GET list": [{ body: { value: [] } }],
        }),
      ),
    ).toBe("drift");
  });
});

describe("what changed", () => {
  const page = (rows: readonly JsonObject[], next?: string) => ({
    body: { value: rows, ...(next === undefined ? {} : { "@odata.nextLink": next }) },
  });
  const pass = async (script: readonly Canned[], cursor: unknown = null, waitMs = 0) => {
    const at = openAzure({ "GET list": script });
    if (waitMs > 0) at.clock.advanceTo(new Date(now.getTime() + waitMs));
    const listed = await at.coSell.changes(cursor as null);
    if (!listed.ok) throw new Error(listed.fault.message);
    return { ...listed.value, seen: at.seen };
  };
  it("is listed oldest first, from all at first, then from the greatest time told, less an overlap", async () => {
    const first = await pass([page([held(draft), microsofts({ updatedDateTime: "2026-09-01T12:00:00Z" })])]);
    expect(first.seen[0]?.query).toBe("?$orderby=updatedDateTime asc");
    expect(first.items).toEqual([
      { kind: "opportunity", id: held(draft).id, at: createdAt, key: "006A000001", madeAt: createdAt },
      {
        kind: "opportunity",
        id: microsofts().id,
        at: "2026-09-01T12:00:00Z",
        key: null,
        madeAt: "2026-09-01T10:00:04Z",
      },
    ]);
    const second = await pass([page([])], first.cursor, 3_600_000);
    expect(second.seen[0]?.query).toBe(
      "?$filter=updatedDateTime ge 2026-09-01T11:55:00.000Z&$orderby=updatedDateTime asc",
    );
    expect(second.more).toBe(false);
  });
  it("is listed whole again once a day, so that what no time of change told is not lost", async () => {
    const first = await pass([page([held(draft)])]);
    const early = await pass([page([])], first.cursor, 23 * 3_600_000);
    expect(early.seen[0]?.query).toContain("$filter");
    const full = await pass([page([])], early.cursor, 24 * 3_600_000);
    expect(full.seen[0]?.query).toBe("?$orderby=updatedDateTime asc");
    const after = await pass([page([])], full.cursor, 25 * 3_600_000);
    expect(after.seen[0]?.query).toContain("$filter");
  });
  it("goes on over pages by the query of the next link alone, and keeps its bound until the last one", async () => {
    const one = await pass([page([held(draft)], "http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=k1%3D")]);
    expect(one.more).toBe(true);
    const two = await pass([page([microsofts()], "https://evil.example/?$skiptoken=k2")], one.cursor);
    expect(two.seen[0]?.url).toBe(`${api}?$skiptoken=k1%3D`);
    const three = await pass([page([])], two.cursor);
    expect(three.seen[0]?.url).toBe(`${api}?$skiptoken=k2`);
    const next = await pass([page([])], three.cursor);
    expect(next.seen[0]?.query).toContain("updatedDateTime ge 2026-09-01T09:55:04");
  });
  it("starts its pass again where a page is refused, and ends where a page leads to itself", async () => {
    const one = await pass([page([held(draft)], "?$skiptoken=old")]);
    const again = await pass([{ status: 400, body: error("invalidRequest") }, page([held(draft)])], one.cursor);
    expect(again.seen.map(({ query }) => query)).toEqual(["?$skiptoken=old", "?$orderby=updatedDateTime asc"]);
    expect(again.items).toHaveLength(1);
    const looping = await pass([page([], "?$skiptoken=old")], one.cursor);
    expect(looping.more).toBe(false);
  });
  it("leaves out a row that is no referral, not the page", async () => {
    const { items } = await pass([page([{ odd: true }, held(draft)] as readonly JsonObject[])]);
    expect(items).toHaveLength(1);
  });
});
