import { afterAll, describe, expect, it } from "vitest";
import { openHttp, publicUrl } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask, db, store } = http;

const input = (account: string, more: Readonly<Record<string, unknown>> = {}) => ({
  marketplace: "aws",
  label: "Seller",
  account,
  environment: "simulated",
  settings: { keyRef: "secret:api-key" },
  secrets: { "api-key": "good" },
  ...more,
});
const connect = (body: unknown) => ask("POST", "/v1/connections", { body });
const stored = async (): Promise<number> => (await store.connections.list(db.sql)).length;

describe("a marketplace that nobody has connected", () => {
  it("tells what its example offers, and that it is only that", async () => {
    const { body } = await ask("GET", "/v1/marketplaces");
    expect(body.items[0]).toMatchObject({
      connection: null,
      example: { account: "123456789012" },
      capabilities: { coSell: true, hooks: false },
      lacks: { hooks: "the fake has no webhooks" },
    });
  });
});

describe("connecting a seller", () => {
  it("checks first, keeps the secret encrypted and answers only its reference", async () => {
    const made = await connect(input("A"));
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ outcome: "created", facts: { seller: "Fake Seller" } });
    const { connection } = made.body;
    expect(connection.settings.keyRef).toMatch(/^secret:connection:aws:A:simulated:api-key:[0-9a-f]{8}$/);
    expect(connection).toMatchObject({
      state: "active",
      hookUrl: `${publicUrl}/hooks/${connection.id}`,
      capabilities: { coSell: true, withdrawal: true, hooks: false },
    });
    expect((await http.secrets.get(connection.settings.keyRef.slice("secret:".length)))?.value).toBe("good");
    const [row] = await db.sql`select count(*) as n from secret where encode(sealed, 'escape') like '%good%'`;
    expect(row?.n).toBe(0n);
    expect((await ask("GET", `/v1/connections/${connection.id}`)).text).not.toContain("good");
  });

  it("that the marketplace refuses is not saved, and the secret is erased", async () => {
    const before = await stored();
    const refused = await connect(input("B", { secrets: { "api-key": "wrong-secret" } }));
    expect([refused.status, refused.body.fault]).toEqual([422, "denied"]);
    expect(refused.text).not.toContain("wrong-secret");
    expect(await stored()).toBe(before);
    const rows = await db.sql<{ ref: string }[]>`select ref from secret where ref like 'connection:aws:B:%'`;
    for (const { ref } of rows) expect((await http.secrets.get(ref))?.value).toBe("");
  });

  it("again with a wrong secret leaves the working one at work", async () => {
    const { body } = await connect(input("C"));
    const refused = await connect(input("C", { secrets: { "api-key": "wrong" } }));
    expect(refused.status).toBe(422);
    const check = await ask("POST", `/v1/connections/${body.connection.id}/check`);
    expect([check.status, check.body]).toEqual([200, { ok: true, facts: { seller: "Fake Seller" } }]);
  });

  it("again with other settings keeps its id", async () => {
    const first = await connect(input("D"));
    const second = await connect(input("D", { label: "Renamed" }));
    expect([second.status, second.body.outcome, second.body.connection.id, second.body.connection.label]).toEqual([
      200,
      "updated",
      first.body.connection.id,
      "Renamed",
    ]);
    const history = await store.journal.listHistory(db.sql, {
      subject: first.body.connection.id,
      after: 0n,
      limit: 10,
    });
    expect(history.items.map((item) => [item.what, item.actorName])).toEqual([
      ["connected", "Ann Admin"],
      ["settings_changed", "Ann Admin"],
    ]);
  });

  it("as a dry run checks and saves nothing; with check: false it saves without asking", async () => {
    const before = await stored();
    const trial = await connect(input("E", { dryRun: true }));
    expect([trial.status, trial.body.connection, trial.body.facts]).toEqual([200, null, { seller: "Fake Seller" }]);
    expect(await stored()).toBe(before);
    const unchecked = await connect(input("E", { check: false, secrets: { "api-key": "wrong" } }));
    expect([unchecked.status, unchecked.body.facts]).toEqual([201, null]);
    const check = await ask("POST", `/v1/connections/${unchecked.body.connection.id}/check`);
    expect([check.status, check.body.fault]).toEqual([422, "denied"]);
  });

  it.each([
    [
      "a setting that the adapter does not know",
      { settings: { keyRef: "secret:api-key", colour: 1 } },
      "settings.colour",
    ],
    ["a secret in the clear", { settings: { keyRef: "good" }, secrets: {} }, "settings.keyRef"],
    [
      "settings that contradict each other",
      { settings: { keyRef: "secret:api-key", contradictory: true } },
      "settings",
    ],
    ["a secret that no setting names", { secrets: { "api-key": "good", other: "x" } }, "secrets.other"],
    ["a marketplace without adapter", { marketplace: "gcp" }, "marketplace"],
  ])("with %s is refused by name", async (_, more, field) => {
    const before = await stored();
    const refused = await connect(input("F", more));
    expect([refused.status, refused.body.errors[0].field]).toEqual([422, field]);
    expect(await stored()).toBe(before);
  });
});

describe("a connection at work", () => {
  it("asks for a sweep, but not while it is parked; resumed, its exception is closed", async () => {
    const { body } = await connect(input("G"));
    const { id } = body.connection;
    const path = `/v1/connections/${id}`;
    expect((await ask("POST", `${path}/sweep`)).status).toBe(202);
    const events = await ask("GET", `/v1/events?subject=${id}&name=connection.sweep.requested`);
    expect(events.body.items).toHaveLength(1);
    await db.transaction((tx) => store.connections.park(tx, id, "The key was revoked.", http.actorId));
    expect((await ask("POST", `${path}/sweep`)).status).toBe(409);
    expect((await ask("GET", `/v1/exceptions?subject=${id}`)).body.items).toMatchObject([
      { code: "CONNECTION_PARKED" },
    ]);
    expect((await ask("POST", `${path}/resume`)).body.state).toBe("active");
    expect((await ask("GET", `/v1/exceptions?subject=${id}`)).body.items).toEqual([]);
    expect((await ask("GET", `/v1/exceptions?subject=${id}&open=false`)).body.items[0].closedReason).toBe(
      "the connection was resumed",
    );
  });

  it("has its exceptions closed once, with a reason", async () => {
    await store.journal.openException(db.sql, "UNEXPECTED_STATE", "shr_x", "look");
    const [exception] = (await ask("GET", "/v1/exceptions?subject=shr_x")).body.items;
    const path = `/v1/exceptions/${exception.id}/close`;
    expect((await ask("POST", path, { body: {} })).status).toBe(422);
    expect((await ask("POST", path, { body: { reason: "mended" } })).body.closedReason).toBe("mended");
    expect((await ask("POST", path, { body: { reason: "again" } })).status).toBe(404);
  });
});

describe("marketplaces", () => {
  const marketplace = async () => (await ask("GET", "/v1/marketplaces")).body.items[0];
  it("tell their settings and fields as JSON Schema, their limits, and what a connection to them can do", async () => {
    expect(await marketplace()).toMatchObject({
      id: "aws",
      limits: { writesPerSecond: 1 },
      settingsSchema: { type: "object", properties: { keyRef: { type: "string" } } },
      connection: { label: expect.any(String) },
      capabilities: { coSell: true, hooks: false },
      lacks: { hooks: "the fake has no webhooks" },
    });
  });
});

describe("keys and erasure", () => {
  it("a key works until it is revoked or expires, and is listed without its secret", async () => {
    const expiresAt = new Date(http.clock.now().getTime() + 60_000).toISOString();
    const made = await ask("POST", "/v1/keys", { body: { name: "robot", scopes: ["read", "read"], expiresAt } });
    expect(made.body.key.scopes).toEqual(["read"]);
    const headers = { authorization: `Bearer ${made.body.secret}` };
    const use = () => ask("GET", "/v1/partners", { as: null, headers });
    expect((await use()).status).toBe(200);
    const list = await ask("GET", "/v1/keys");
    expect(list.text).not.toContain(made.body.secret);
    http.clock.advanceTo(new Date(http.clock.now().getTime() + 61_000));
    expect((await use()).status).toBe(401);
    const second = await ask("POST", "/v1/keys", { body: { name: "robot", scopes: ["read"] } });
    const revoked = await ask("DELETE", `/v1/keys/${second.body.key.id}`);
    expect([revoked.status, revoked.body.revokedAt !== null]).toEqual([200, true]);
    const after = { authorization: `Bearer ${second.body.secret}` };
    expect((await ask("GET", "/v1/partners", { as: null, headers: after })).status).toBe(401);
    const past = await ask("POST", "/v1/keys", {
      body: { name: "late", scopes: ["read"], expiresAt: "2020-01-01T00:00:00Z" },
    });
    expect([past.status, past.body.errors[0].field]).toEqual([422, "expiresAt"]);
  });

  it("a person is erased by e-mail in any case, and told how many rows that were", async () => {
    const deal = {
      source: "s",
      key: "forget",
      title: "t",
      account: { name: "n" },
      contacts: [{ role: "customer", email: "P@x.example" }],
    };
    const { body } = await ask("POST", "/v1/opportunities", { body: deal });
    const forgotten = await ask("POST", "/v1/forget", { body: { email: "p@X.example" } });
    expect(forgotten.body).toEqual({ contacts: 1, bodies: 0, requests: 0 });
    expect((await ask("GET", `/v1/opportunities/${body.id}`)).body.contacts).toEqual([]);
  });
});
