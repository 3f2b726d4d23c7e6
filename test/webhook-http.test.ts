/** Webhook endpoints over HTTP and on the command line. */
import { afterAll, describe, expect, it } from "vitest";
import { offeredEvents } from "../src/domain/webhook.ts";
import type { PublicHttp, PublicPost } from "../src/ports.ts";
import { cosell } from "./cli-shell.ts";
import { openHttp } from "./http-fixture.ts";

const posts: PublicPost[] = [];
let status = 204;
const publicHttp: PublicHttp = {
  refusal: async (url) => (url.includes("private") ? "it is a private address" : null),
  post: async (request) => {
    posts.push(request);
    return { status, retryAfter: null };
  },
};
const http = await openHttp({ publicHttp });
afterAll(http.close);
const { ask, db, store } = http;
let made = 0;
const create = async (more: Readonly<Record<string, unknown>> = {}) =>
  (await ask("POST", "/v1/webhooks", { body: { url: `https://hooks.example/${made++}`, ...more } })).body;
/** Makes messages as the drain does. */
const fanOut = async (count: number): Promise<void> => {
  const events = Array.from({ length: count }, (_, index) => ({
    seq: BigInt(index),
    id: http.deps.ids.uuid(),
    name: index % 2 === 0 ? "opportunity.created" : "opportunity.changed",
    at: http.clock.now(),
    subject: "opp_1",
    version: 1,
    data: { opportunityId: "opp_1", version: 1 },
  }));
  await store.webhookMessages.fanOut(db.sql, await store.webhooks.enabled(db.sql), events);
};

describe("an endpoint", () => {
  it("is made with defaults, its secret shown once; read, listed and repeated without it", async () => {
    const body = { url: "https://crm.example/hooks/cosell" };
    const headers = { "idempotency-key": "make-1" };
    const first = await ask("POST", "/v1/webhooks", { body, headers });
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ ...body, description: null, events: ["*"], connections: [], state: "enabled" });
    expect(first.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(first.headers.get("location")).toBe(`/v1/webhooks/${first.body.id}`);
    const again = await ask("POST", "/v1/webhooks", { body, headers });
    expect([again.body.id, again.body.secret]).toEqual([first.body.id, null]);
    const read = await ask("GET", `/v1/webhooks/${first.body.id}`);
    expect([read.headers.get("etag"), read.body.messages]).toEqual(['"1"', {}]);
    const list = await ask("GET", "/v1/webhooks");
    expect(list.text + read.text).not.toContain("whsec_");
    expect(list.body.items.map((item: { id: string }) => item.id)).toContain(first.body.id);
  });

  it.each([
    ["a private address", { url: "https://private.example/" }, "url"],
    ["no address", {}, "url"],
    ["an unknown event", { url: "https://a.example/", events: ["share.wno"] }, "events.0"],
    ["a wish", { url: "https://a.example/", events: ["share.push.requested"] }, "events.0"],
    ["no event at all", { url: "https://a.example/", events: [] }, "events"],
    ["an unknown connection", { url: "https://a.example/", connections: [`con_${"0".repeat(32)}`] }, "connections.0"],
    ["an unknown member", { url: "https://a.example/", secret: "mine" }, "secret"],
    ["an empty description", { url: "https://a.example/", description: " " }, "description"],
  ])("with %s is refused by field, and nothing is kept", async (_, body, field) => {
    const count = async () => (await db.sql`select count(*) as n from webhook`)[0]?.n;
    const secrets = async () => (await db.sql`select count(*) as n from secret`)[0]?.n;
    const before = [await count(), await secrets()];
    const refused = await ask("POST", "/v1/webhooks", { body });
    expect([refused.status, refused.body.errors[0].field]).toEqual([422, field]);
    expect([await count(), await secrets()]).toEqual(before);
  });

  it("is changed member by member, by who has read its last version", async () => {
    const { id } = await create({ description: "CRM" });
    const path = `/v1/webhooks/${id}`;
    const connectionId = await http.connect("webhooks");
    const patch = (body: unknown, version?: number) =>
      ask("PATCH", path, { body, headers: version === undefined ? {} : { "if-match": `"${version}"` } });
    expect((await patch({ events: ["share.*"] })).status).toBe(428);
    const changed = await patch({ events: ["share.*"], connections: [connectionId] }, 1);
    expect(changed.body).toMatchObject({
      description: "CRM",
      events: ["share.*"],
      connections: [connectionId],
      version: 2,
    });
    expect((await patch({ description: null }, 1)).status).toBe(412);
    expect((await patch({ description: null }, 2)).body).toMatchObject({ description: null, events: ["share.*"] });
    const refused = await patch({ url: "https://private.example/" }, 3);
    expect([refused.status, refused.body.errors[0].fix]).toEqual([
      422,
      expect.stringContaining("COSELL_WEBHOOK_ALLOW"),
    ]);
    const disabled = await patch({ state: "disabled", reason: "moves" }, 3);
    expect(disabled.body).toMatchObject({ state: "disabled", disabledReason: "moves", version: 4 });
    expect((await patch({ state: "disabled" }, 4)).body.version).toBe(4);
    expect((await patch({ state: "enabled" }, 4)).body).toMatchObject({ state: "enabled", disabledReason: null });
    const history = await ask("GET", `${path}/history`);
    expect(history.body.items.map((item: { what: string; actorName: string }) => [item.what, item.actorName])).toEqual(
      ["created", "changed", "changed", "disabled", "enabled"].map((what) => [what, "Ann Admin"]),
    );
    expect((await ask("DELETE", path, { headers: { "if-match": '"1"' } })).status).toBe(412);
    expect((await ask("DELETE", path)).status).toBe(200);
    expect((await ask("GET", path)).status).toBe(404);
  });

  it("needs admin to be made, changed and deleted, write to be tried, read to be seen", async () => {
    const { id } = await create();
    const path = `/v1/webhooks/${id}`;
    const as = ["read", "write"] as const;
    expect((await ask("POST", "/v1/webhooks", { body: { url: "https://a.example/" }, as })).status).toBe(403);
    expect((await ask("POST", `${path}/rotate`, { as })).status).toBe(403);
    expect((await ask("DELETE", path, { as })).status).toBe(403);
    expect((await ask("POST", `${path}/test`, { as: ["read"] })).status).toBe(403);
    expect((await ask("POST", `${path}/test`, { as })).status).toBe(200);
    expect((await ask("GET", path, { as: ["read"] })).status).toBe(200);
  });
});

describe("the events", () => {
  it("that can be asked for are listed with the schema of their data", async () => {
    const { body } = await ask("GET", "/v1/webhook-events");
    expect(body.items.map((item: { name: string }) => item.name)).toEqual(offeredEvents);
    const won = body.items.find((item: { name: string }) => item.name === "share.won");
    expect(won.schema.properties).toMatchObject({ shareId: { type: "string" }, connectionId: { type: "string" } });
  });
});

describe("a test event", () => {
  it("is sent at once whatever the filters, told with its outcome, logged, and leaves the endpoint as it was", async () => {
    const { id } = await create({ events: ["share.won"] });
    const path = `/v1/webhooks/${id}`;
    const before = posts.length;
    status = 410;
    const refused = await ask("POST", `${path}/test`);
    status = 204;
    const taken = await ask("POST", `${path}/test`);
    expect(refused.body).toMatchObject({ taken: false, status: 410, error: "gone" });
    expect(taken.body).toMatchObject({ taken: true, status: 204, error: null });
    expect(posts.slice(before).map((post) => JSON.parse(post.body).type)).toEqual(["webhook.test", "webhook.test"]);
    const { body } = await ask("GET", path);
    expect(body).toMatchObject({ state: "enabled", failingSince: null, messages: { delivered: 1, failed: 1 } });
    const log = await ask("GET", `${path}/messages?event=webhook.test`);
    expect(log.body.items.map((item: { id: string; log: object[] }) => [item.id, item.log.length])).toEqual([
      [taken.body.messageId, 1],
      [refused.body.messageId, 1],
    ]);
    await ask("PATCH", path, { body: { state: "disabled" }, headers: { "if-match": "*" } });
    expect((await ask("POST", `${path}/test`)).body.taken).toBe(true);
  });
});

describe("the log", () => {
  it("is paged newest first, filtered by state and event, and shows what is sent", async () => {
    const { id } = await create();
    await fanOut(7);
    const path = `/v1/webhooks/${id}/messages`;
    const seen: string[] = [];
    for (let after = ""; ; ) {
      const { body } = await ask("GET", `${path}?limit=3${after}`);
      seen.push(...body.items.map((item: { id: string }) => item.id));
      if (body.next === null) break;
      after = `&after=${body.next}`;
    }
    expect(seen).toHaveLength(7);
    expect(seen).toEqual(seen.toSorted().toReversed());
    expect((await ask("GET", `${path}?event=opportunity.changed`)).body.items).toHaveLength(3);
    expect((await ask("GET", `${path}?state=delivered`)).body.items).toHaveLength(0);
    expect((await ask("GET", `${path}?state=gone`)).status).toBe(400);
    const one = await ask("GET", `${path}/${seen[0]}`);
    expect(one.body).toMatchObject({
      state: "pending",
      log: [],
      payload: { data: { opportunityId: "opp_1", version: 1 } },
    });
    const other = await create();
    expect((await ask("GET", `/v1/webhooks/${other.id}/messages/${seen[0]}`)).status).toBe(404);
    expect((await ask("POST", `/v1/webhooks/${other.id}/messages/${seen[0]}/replay`)).status).toBe(404);
    expect((await ask("POST", `${path}/${seen[0]}/replay`)).body).toMatchObject({ state: "pending", attempts: 0 });
    expect((await ask("POST", `/v1/webhooks/${id}/replay`, { body: { since: "yesterday" } })).status).toBe(422);
  });

  it("of an event is made once, however often it is drained", async () => {
    const { id } = await create({ events: ["opportunity.changed"] });
    const event = {
      ...{ seq: 1n, id: http.deps.ids.uuid(), name: "opportunity.changed", at: http.clock.now() },
      ...{ subject: "opp_1", version: 1, data: { opportunityId: "opp_1", version: 1 } },
    };
    const webhooks = (await store.webhooks.enabled(db.sql)).filter((webhook) => webhook.id === id);
    const drains = await Promise.all([1, 2, 3].map(() => store.webhookMessages.fanOut(db.sql, webhooks, [event])));
    const later = await store.webhookMessages.fanOut(db.sql, webhooks, [event]);
    expect(later).toHaveLength(1);
    expect(new Set([...drains.flat(), ...later].map((wish) => wish.id)).size).toBe(1);
    expect((await ask("GET", `/v1/webhooks/${id}/messages`)).body.items).toHaveLength(1);
  });
});

describe("cosell webhooks", () => {
  const api = async (request: Request) => http.app.fetch(request);
  const run = async (words: string, more: Readonly<Record<string, unknown>> = {}) =>
    cosell(words.split(" "), { api, token: await http.keyOf(["read", "write", "admin"]), ...more });

  it("adds, lists, shows, tests, logs, updates, rotates, replays and deletes", async () => {
    const added = await run("webhooks add https://cli.example/hook --event share.* --event opportunity.created");
    expect([added.code, added.out.trim()]).toEqual([0, expect.stringMatching(/^whsec_/)]);
    expect(added.err).toContain("shown once");
    expect((await run("webhooks")).out).toContain("https://cli.example/hook");
    expect((await run("webhooks --events")).out).toContain("share.accepted\n");
    status = 500;
    const ill = await run("webhooks test cli.example");
    expect([ill.code, ill.out]).toEqual([1, expect.stringContaining("500 an error of the receiver after")]);
    status = 204;
    expect(await run("webhooks test cli.example")).toMatchObject({
      code: 0,
      out: expect.stringContaining("204 taken"),
    });
    expect((await run("webhooks show cli.example")).out).toMatch(
      /events +share\.\*, opportunity\.created[\s\S]*1 delivered, 1 failed/,
    );
    const log = await run("webhooks log cli.example --state failed");
    expect(log.out).toMatch(/webhook\.test +failed +1 +500 an error of the receiver/);
    const [message] = /whm_[0-9a-f]{32}/.exec(log.out) ?? [""];
    expect((await run(`webhooks log cli.example ${message}`)).out).toMatch(
      /is failed\n\{"type":"webhook\.test"[\s\S]*500 an error/,
    );
    expect((await run(`webhooks replay cli.example ${message}`)).out).toContain("1 message on the way");
    expect((await run("webhooks replay cli.example --since 2026-01-01 --json")).json()).toMatchObject({ replayed: 0 });
    expect((await run("webhooks update cli.example --event share.won --disable --reason moves")).out).toContain(
      "is disabled",
    );
    expect((await run("webhooks show cli.example")).out).toMatch(/state +disabled: moves/);
    expect((await run("webhooks update cli.example --enable")).out).toContain("is enabled, told share.won");
    expect((await run("webhooks rotate cli.example --hours 2")).out).toMatch(/^whsec_/);
    expect((await run("webhooks show cli.example")).out).toMatch(/old secret until +2026-10-01 10:00/);
    expect((await run("webhooks rotate cli.example --drop-old")).out).toContain("one secret now");
    expect((await run("webhooks delete cli.example")).code).toBe(2);
    expect((await run("webhooks delete cli.example --yes")).out).toContain("is deleted");
    expect((await run("webhooks show cli.example")).err).toMatch(/no webhook is cli\.example/);
  });

  it.each([
    ["webhooks add https://private.example/", 1, /url: this address is not called[\s\S]*fix: .*COSELL_WEBHOOK_ALLOW/],
    ["webhooks add https://a.example/ --event share.wno", 1, /events\.0: no such event/],
    ["webhooks update hooks.example", 1, /fits \d+ webhooks[\s\S]*whk_/],
    ["webhooks update x --enable --disable", 2, /contradict/],
    ["webhooks rotate x --hours 0", 2, /no count of hours/],
    ["webhooks log x --state faild", 2, /did you mean failed/],
    ["webhooks log x --limit many", 2, /no count/],
    ["webhooks replay x", 2, /say which messages/],
    ["webhooks replay x --since yesterday", 2, /is no time/],
  ])("%s ends with %i and says what to do", async (words, code, message) => {
    const { code: ended, err } = await run(words);
    expect(err).toMatch(message);
    expect(ended).toBe(code);
  });
});
