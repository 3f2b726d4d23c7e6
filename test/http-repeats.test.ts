import { afterAll, describe, expect, it } from "vitest";
import { dealOf, openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask } = http;

describe("Idempotency-Key", () => {
  const post = (key: string, body: unknown, path = "/v1/opportunities") =>
    ask("POST", path, { body, headers: { "idempotency-key": key } });

  it("answers a repeat with the first answer, marked, and does the work once", async () => {
    const first = await post("k1", dealOf("I1"));
    const again = await post("k1", dealOf("I1"));
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.headers.get("etag")).toBe('"1"');
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const history = await ask("GET", `/v1/opportunities/${first.body.id}/history`);
    expect(history.body.items).toHaveLength(1);
  });

  it("refuses the key for another body or path with 422, and while the first is at work with 409", async () => {
    await post("k2", dealOf("I2"));
    expect((await post("k2", dealOf("I2"), "/v1/forget")).status).toBe(422);
    expect((await post("k2", dealOf("I3"))).body).toMatchObject({
      status: 422,
      title: expect.stringContaining("Idempotency-Key"),
    });
    const { body } = await ask("GET", "/v1/opportunities?source=salesforce&key=I3");
    expect(body.items).toEqual([]);
    const both = await Promise.all(["a", "b", "c"].map(() => post("k3", dealOf("I4"))));
    const statuses = both.map((answer) => answer.status);
    expect(statuses.filter((status) => status === 201).length).toBeGreaterThanOrEqual(1);
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
  });

  it("is free again after a refusal, which changed nothing", async () => {
    const bad = await post("k4", { title: "x" });
    expect(bad.status).toBe(422);
    expect((await post("k4", dealOf("I5"))).status).toBe(201);
  });

  it("is taken over after five minutes from a process that died with it", async () => {
    await http.db.sql`insert into idempotency (actor_id, key, request_hash, created_at)
      select actor_id, 'k5', request_hash, created_at from idempotency where key = 'k1'`;
    expect((await post("k5", dealOf("I1"))).status).toBe(409);
    http.clock.advanceTo(new Date(http.clock.now().getTime() + 301_000));
    expect((await post("k5", dealOf("I1"))).status).toBe(200);
    expect((await post("k5", dealOf("I1"))).headers.get("idempotency-replayed")).toBe("true");
  });

  it("belongs to its caller, not to everybody", async () => {
    await post("k6", dealOf("I6"));
    const actorId = await http.store.access.actor(http.db.sql, "service", "other");
    const { secret } = await http.store.access.createKey(http.db.sql, {
      actorId,
      name: "other",
      scopes: ["write"],
      expiresAt: null,
    });
    const headers = { "idempotency-key": "k6", authorization: `Bearer ${secret}` };
    const other = await ask("POST", "/v1/opportunities", { body: dealOf("I7"), as: null, headers });
    expect(other.status).toBe(201);
  });

  it("never brings a secret back that is shown once", async () => {
    const body = { name: "robot", scopes: ["read"] };
    const first = await post("k7", body, "/v1/keys");
    const again = await post("k7", body, "/v1/keys");
    expect(first.body.secret).toMatch(/^cosell_[0-9a-f]{64}$/);
    expect([again.status, again.body.secret, again.body.key.id]).toEqual([201, null, first.body.key.id]);
  });

  it("refuses keys that are empty, too long or not visible ASCII", async () => {
    for (const key of ["x".repeat(256), "a b", "ü"]) expect((await post(key, dealOf("I8"))).status).toBe(400);
  });
});
