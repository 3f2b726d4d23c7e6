import { afterAll, describe, expect, it } from "vitest";
import { dealOf, openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask, store, db } = http;
const connectionId = await http.connect();

let next = 0;
const deal = async (more: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  (await ask("POST", "/v1/opportunities", { body: dealOf(`S${next++}`, more) })).body.id;
const share = (opportunityId: string, more: Readonly<Record<string, unknown>> = {}) =>
  ask("POST", `/v1/opportunities/${opportunityId}/shares`, { body: { connectionId, ...more } });
const eventsOf = async (subject: string): Promise<readonly string[]> =>
  (await ask("GET", `/v1/events?subject=${subject}`)).body.items.map((event: { name: string }) => event.name);
const tooShort = { problem: "too short" };
/** Walks a share to where the partner has a record of it. */
const submit = async (shareId: string, remoteId: string): Promise<void> =>
  db.transaction(async (tx) => {
    let current = await store.shares.lock(tx, shareId);
    for (const event of ["push_started", "partner_stored"] as const)
      current = await store.shares.move(tx, current, { event, actorId: http.actorId, reason: null });
    await store.shares.engage(tx, current, { id: remoteId }, "v1");
  });

describe("sharing a deal", () => {
  it("without gaps makes a share that is ready and asks to be pushed, with the caller in its history", async () => {
    const made = await share(await deal());
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ gaps: [], share: { state: "ready", generation: 1 } });
    expect(made.headers.get("location")).toBe(`/v1/shares/${made.body.share.id}`);
    expect(await eventsOf(made.body.share.id)).toEqual(["share.push.requested"]);
    const history = await ask("GET", `/v1/shares/${made.body.share.id}/history`);
    expect(history.body.items).toMatchObject([
      { what: "created", actorName: "Ann Admin" },
      { what: "readied", actorName: "Ann Admin" },
    ]);
  });

  it("with gaps answers each field, its rule's source and its fix, and saves nothing", async () => {
    const id = await deal(tooShort);
    const refused = await share(id);
    expect(refused.status).toBe(422);
    expect(refused.body.type).toMatch(/#problem-gaps$/);
    expect(refused.body.errors).toEqual([
      {
        field: "problem",
        code: "too_short",
        message: expect.any(String),
        fix: expect.any(String),
        source: "https://rules.example/problem",
      },
    ]);
    expect((await ask("GET", `/v1/opportunities/${id}/shares`)).body.items).toEqual([]);
  });

  it("with gaps and keepDraft waits as a draft that shows them and asks for nothing", async () => {
    const kept = await share(await deal(tooShort), { keepDraft: true });
    expect(kept.status).toBe(201);
    expect(kept.body).toMatchObject({ share: { state: "draft" }, gaps: [{ field: "problem" }] });
    expect(await eventsOf(kept.body.share.id)).toEqual([]);
  });

  it("as a dry run tells state and gaps and saves nothing", async () => {
    const [good, bad] = [await deal(), await deal(tooShort)];
    const trial = await share(good, { dryRun: true });
    expect([trial.status, trial.body]).toEqual([200, { share: null, state: "ready", gaps: [], notices: [] }]);
    expect((await share(bad, { dryRun: true })).body).toMatchObject({
      share: null,
      state: "draft",
      gaps: [{ field: "problem" }],
    });
    for (const id of [good, bad]) expect((await ask("GET", `/v1/opportunities/${id}/shares`)).body.items).toEqual([]);
  });

  it("twice with one connection answers 409 and names the open share", async () => {
    const id = await deal();
    const first = await share(id);
    const second = await share(id);
    expect([second.status, second.body.shareId, second.body.state]).toEqual([409, first.body.share.id, "ready"]);
  });

  it("names what is not there: the deal by 404, the connection by its field", async () => {
    expect((await share(`opp_${"0".repeat(32)}`)).status).toBe(404);
    const refused = await share(await deal(), { connectionId: `con_${"0".repeat(32)}` });
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, "/connectionId"]);
  });
});

describe("a share's own fields", () => {
  it("change with If-Match only; a draft is judged again, in its own words", async () => {
    const kept = await share(await deal(tooShort), { keepDraft: true, fields: { a: 1, b: 2 } });
    const path = `/v1/shares/${kept.body.share.id}`;
    expect((await ask("PATCH", path, { body: { fields: {} } })).status).toBe(428);
    const headers = { "if-match": kept.headers.get("etag") ?? "" };
    const patched = await ask("PATCH", path, { body: { fields: { a: null, c: [3] } }, headers });
    expect(patched.body).toMatchObject({
      share: { state: "draft", fields: { b: 2, c: [3] } },
      gaps: [{ field: "problem" }],
    });
    expect(patched.body.share.fields).not.toHaveProperty("a");
    expect((await ask("PATCH", path, { body: { fields: {} }, headers })).status).toBe(412);
  });

  it("of a share that is with the partner ask for a revision", async () => {
    const { body } = await share(await deal());
    await submit(body.share.id, "O-1");
    const patched = await ask("PATCH", `/v1/shares/${body.share.id}`, {
      body: { fields: { a: 1 } },
      headers: { "if-match": "*" },
    });
    expect(patched.status).toBe(200);
    expect(await eventsOf(body.share.id)).toContain("share.revise.requested");
    expect((await ask("GET", `/v1/shares/${body.share.id}`)).body.revisionWanted).toBe(true);
  });
});

describe("taking a share back", () => {
  const withdraw = (id: string) => ask("POST", `/v1/shares/${id}/withdraw`, { body: { reason: "cancelled" } });
  it("is done at once while nothing has left, and asking again changes nothing", async () => {
    const { body } = await share(await deal());
    expect((await withdraw(body.share.id)).body.state).toBe("withdrawn");
    const version = (await withdraw(body.share.id)).body.version;
    expect((await withdraw(body.share.id)).body).toMatchObject({ state: "withdrawn", version });
  });
  it("goes through `withdrawing` once the partner has it, and keeps the reason", async () => {
    const { body } = await share(await deal());
    await submit(body.share.id, "O-2");
    expect((await withdraw(body.share.id)).body.state).toBe("withdrawing");
    const read = await ask("GET", `/v1/shares/${body.share.id}`);
    expect(read.body).toMatchObject({ withdrawalReason: "cancelled", revisionWanted: true });
  });
  it("is refused where the programme has none, and for a share that has ended", async () => {
    const without = await http.connect("222", { withdrawal: false });
    const { body } = await share(await deal(), { connectionId: without });
    await submit(body.share.id, "O-3");
    expect((await withdraw(body.share.id)).status).toBe(409);
    await db.transaction(async (tx) => {
      const current = await store.shares.lock(tx, body.share.id);
      await store.shares.move(tx, current, { event: "partner_declined", actorId: http.actorId, reason: null });
    });
    expect((await withdraw(body.share.id)).body.detail).toContain("declined");
  });
});

describe("reading shares", () => {
  it("tells one share's whole story, without bodies or tokens of its writes", async () => {
    const opportunityId = await deal({ partner: "Example Consulting" });
    const { body } = await share(opportunityId, { fields: { useCase: "x" } });
    const id = body.share.id;
    await submit(id, "O-4");
    const connection = await store.connections.find(db.sql, connectionId);
    const stored = await store.shares.find(db.sql, id);
    const opportunity = await store.opportunities.find(db.sql, opportunityId);
    if (connection === null || stored === null || opportunity === null) throw new Error("the fixture is broken");
    const effect = await db.transaction((tx) =>
      store.effects.intend(tx, {
        connection,
        share: stored,
        opportunity,
        write: { operation: "Create", key: "create", body: { secretBody: true }, token: "partner-keeps" },
      }),
    );
    await db.transaction((tx) => store.shares.keepWaiting(tx, id, ["title"], "their record is locked"));
    await db.transaction((tx) =>
      store.contacts.putForShare(tx, id, [{ email: "s@aws.example", name: "S", title: null }]),
    );
    const { body: story, text, headers } = await ask("GET", `/v1/shares/${id}`);
    expect(story).toMatchObject({
      state: "submitted",
      opportunity: { partner: "Example Consulting", account: { country: "DE" }, contacts: [{ role: "customer" }] },
      connection: { id: connectionId, marketplace: "aws" },
      engagement: { remoteId: "O-4" },
      people: [{ email: "s@aws.example" }],
      edits: [{ field: "title", state: "waiting" }],
      effects: [{ operation: "Create", state: "intended" }],
    });
    expect(headers.get("etag")).toBe(`"${story.version}"`);
    for (const secret of [effect.token, effect.requestHash, "secretBody"]) expect(text).not.toContain(secret);
    expect((await ask("GET", `/v1/shares/${id}/edits`)).body.items).toMatchObject([{ field: "title" }]);
  });

  it("lists by several states, connection and deal, and counts by state", async () => {
    const id = await deal();
    const made = await share(id);
    const ids = async (query: string) =>
      (await ask("GET", `/v1/shares?${query}`)).body.items.map((item: { id: string }) => item.id);
    expect(await ids(`opportunity=${id}&state=draft,ready&connection=${connectionId}`)).toEqual([made.body.share.id]);
    expect(await ids(`opportunity=${id}&state=won`)).toEqual([]);
    expect((await ask("GET", "/v1/shares?state=gone")).status).toBe(400);
    const { body } = await ask("GET", "/v1/shares/counts");
    const listed = (await ids("limit=200")).length;
    expect([body.total, body.counts.ready >= 1]).toEqual([listed, true]);
  });

  it("can ask for a look at the partner's record, once there is one", async () => {
    const { body } = await share(await deal());
    expect((await ask("POST", `/v1/shares/${body.share.id}/sync`)).status).toBe(409);
    await submit(body.share.id, "O-5");
    const asked = await ask("POST", `/v1/shares/${body.share.id}/sync`);
    expect([asked.status, asked.body.shareId]).toEqual([202, body.share.id]);
    const hints = await ask("GET", "/v1/events?name=hint.raised&limit=200");
    expect(hints.body.items.at(-1).data).toEqual({ connectionId, remoteId: "O-5" });
  });
});
