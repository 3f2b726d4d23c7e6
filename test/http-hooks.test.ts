import { afterAll, describe, expect, it } from "vitest";
import { dealOf, openHttp, publicUrl } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask, db, store } = http;
const connectionId = await http.connect();
const path = `/hooks/${connectionId}`;

const newKey = async () => (await ask("POST", `/v1/connections/${connectionId}/hook-keys`, { body: {} })).body;
const first = await newKey();
let eventNumber = 0;
const event = (more: Readonly<Record<string, unknown>> = {}) => ({
  id: `evt-${eventNumber++}`,
  hints: ["O-1"],
  ...more,
});
const deliver = (body: unknown, headers: Readonly<Record<string, string>> = { "x-cosell-key": first.secret }) =>
  ask("POST", path, { as: null, raw: typeof body === "string" ? body : JSON.stringify(body), headers });
const rows = async (): Promise<readonly [number, number]> => {
  const [row] = await db.sql<
    { deliveries: bigint; events: bigint }[]
  >`select (select count(*) from delivery) as deliveries,
    (select count(*) from outbox where name in ('delivery.accepted', 'hint.raised')) as events`;
  return [Number(row?.deliveries), Number(row?.events)];
};

describe("a webhook", () => {
  it("that is proved is kept with its hints in one commit, answered 202 and worked on soon", async () => {
    const [deliveries, events] = await rows();
    const kicks = http.kicks.count;
    const answer = await deliver(event({ hints: ["O-1", "O-2", "O-1"] }), {
      "x-cosell-key": first.secret,
      "x-event-id": "e1",
      "x-other": "private",
    });
    expect([answer.status, answer.body]).toEqual([202, { status: "accepted" }]);
    expect(await rows()).toEqual([deliveries + 1, events + 3]);
    expect(http.kicks.count).toBe(kicks + 1);
    const [kept] = await db.sql<
      { headers: unknown; sealed: string }[]
    >`select headers, encode(sealed_body, 'escape') as sealed from delivery`;
    expect(kept?.headers).toEqual({ "x-event-id": "e1" });
    expect(kept?.sealed).not.toContain("hints");
  });

  it("that comes twice is answered 202 both times and changes nothing the second time", async () => {
    const body = event();
    await deliver(body);
    const before = await rows();
    const again = await deliver(body);
    expect([again.status, again.body]).toEqual([202, { status: "duplicate" }]);
    expect(await rows()).toEqual(before);
  });

  it("marks the share it is about, so that no look is missed", async () => {
    const deal = await ask("POST", "/v1/opportunities", { body: dealOf("H1") });
    const { body } = await ask("POST", `/v1/opportunities/${deal.body.id}/shares`, { body: { connectionId } });
    const share = await store.shares.find(db.sql, body.share.id);
    if (share === null) throw new Error("the fixture is broken");
    await db.transaction((tx) => store.shares.engage(tx, share, { id: "O-77" }, null));
    await deliver(event({ hints: ["O-77"] }));
    expect((await store.shares.findEngagement(db.sql, share.id))?.hintedAt).toEqual(http.clock.now());
  });

  it("that is authentic but not for us is answered 202 and not stored", async () => {
    const before = await rows();
    const answer = await deliver(event({ forUs: false }));
    expect([answer.status, answer.body]).toEqual([202, { status: "ignored" }]);
    expect(await rows()).toEqual(before);
  });

  it.each([
    ["no key", {}],
    ["a wrong key", { "x-cosell-key": "wrong" }],
    ["a part of the key", { "x-cosell-key": first.secret.slice(0, -1) }],
    ["the key twice", { "x-cosell-key": `${first.secret}, ${first.secret}` }],
    ["the key under another name", { "x-key": first.secret }],
  ])("with %s is refused with 401 before it is parsed, stored nowhere, logged without content", async (_, headers) => {
    const before = await rows();
    const answer = await deliver("this is not even JSON: person@customer.example", headers as Record<string, string>);
    expect(answer.status).toBe(401);
    expect(await rows()).toEqual(before);
    const line = http.lines.at(-1);
    expect([line?.level, line?.message]).toEqual(["warn", "delivery forged"]);
    expect(JSON.stringify(http.lines)).not.toContain("customer.example");
  });

  it("that cannot be judged now is answered 503 with Retry-After, so that the sender tries again", async () => {
    const other = await http.connect("unsure", { hookKeys: { headerName: "x-key", keyRefs: ["secret:gone"] } });
    const answer = await ask("POST", `/hooks/${other}`, { as: null, raw: "{}" });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "30"]);
    const broken = await deliver("not JSON, though the key is right");
    expect(broken.status).toBe(503);
  });

  it("for an unknown connection, or one that takes none, is answered 404 in the same words", async () => {
    const none = await http.connect("no-hooks");
    const answers = await Promise.all(
      [`/hooks/${none}`, `/hooks/con_${"0".repeat(32)}`].map((target) => ask("POST", target, { as: null, raw: "{}" })),
    );
    expect(answers.map((answer) => [answer.status, answer.body.detail])).toEqual([
      [404, "No webhooks are taken here."],
      [404, "No webhooks are taken here."],
    ]);
  });

  it("over 256 KiB is refused with 413, one of exactly that size is read", async () => {
    const size = 256 * 1024;
    const frame = JSON.stringify(event({ pad: "" })).length;
    const exact = JSON.stringify({ ...event(), pad: "" });
    const padded = exact.replace('"pad":""', `"pad":"${"x".repeat(size - exact.length)}"`);
    expect(frame).toBeGreaterThan(0);
    expect((await deliver(padded)).status).toBe(202);
    expect((await deliver(`${padded} `)).status).toBe(413);
  });

  it("still arrives while the connection is parked", async () => {
    await db.transaction((tx) => store.connections.park(tx, connectionId, "The key was revoked.", http.actorId));
    expect((await deliver(event())).body).toEqual({ status: "accepted" });
    await db.transaction((tx) => store.connections.resume(tx, connectionId, http.actorId));
  });
});

describe("webhook keys", () => {
  it("rotate with two live ones: the old works beside the new until the next is made; each is shown once", async () => {
    expect(first).toMatchObject({ headerName: "x-cosell-key", url: `${publicUrl}${path}` });
    const second = await newKey();
    expect([second.liveKeys, second.secret.length]).toEqual([2, 64]);
    const works = async (secret: string) => (await deliver(event(), { "x-cosell-key": secret })).status;
    expect([await works(first.secret), await works(second.secret)]).toEqual([202, 202]);
    const third = await newKey();
    expect([await works(first.secret), await works(second.secret), await works(third.secret)]).toEqual([401, 202, 202]);
    expect((await ask("GET", `/v1/connections/${connectionId}`)).text).not.toContain(third.secret);
  });

  it("survive a change of the connection's settings that does not name them", async () => {
    const key = await newKey();
    await http.connect();
    expect((await deliver(event(), { "x-cosell-key": key.secret })).status).toBe(202);
  });

  it("may go by another header name", async () => {
    const made = await ask("POST", `/v1/connections/${connectionId}/hook-keys`, {
      body: { headerName: "X-Their-Key" },
    });
    expect((await deliver(event(), { "x-their-key": made.body.secret })).status).toBe(202);
  });
});
