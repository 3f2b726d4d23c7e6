/** What proves a message to its receiver, over real HTTP: checked by the standard's own library and by an HMAC of our own. */
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createNodePublicHttp } from "../src/node-outbound.ts";
import { openWebhooks, type ShownWebhook } from "./webhook-rig.ts";

interface Received {
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
const received: Received[] = [];
let answer = (response: ServerResponse): void => void response.writeHead(204).end();
const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    received.push({ method: request.method, headers: request.headers, body });
    answer(response);
  });
});
await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;

const rig = await openWebhooks("signature", {
  publicHttp: createNodePublicHttp({ allowance: { hosts: [], networks: ["127.0.0.1/32"] } }),
});
afterAll(async () => {
  vi.restoreAllMocks();
  await rig.close();
  server.close();
});
const { call, tell, timeline, clock, db } = rig;
const hour = 3_600_000;
const register = async (): Promise<ShownWebhook> => {
  const { status, body } = await call<ShownWebhook>("POST", "/v1/webhooks", { url, events: ["opportunity.*"] });
  expect(status).toBe(201);
  return body;
};
const webhook = await register();
beforeEach(() => {
  received.length = 0;
  // The library reads the system's clock; ours is virtual.
  vi.spyOn(Date, "now").mockImplementation(() => clock.now().getTime());
});

const headersOf = (message: Received): Record<string, string> =>
  Object.fromEntries(
    ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [name, String(message.headers[name])]),
  );
const next = async (): Promise<Received> => {
  const before = received.length;
  await tell("opp_1");
  const message = received[before];
  if (message === undefined) throw new Error("nothing was received");
  return message;
};
const isTaken = (secret: string, message: Received, change: Partial<Record<string, string>> = {}): boolean => {
  const { body = message.body, ...headers } = change;
  try {
    new Webhook(secret).verify(body, { ...headersOf(message), ...headers } as Record<string, string>);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError || error instanceof SyntaxError) return false;
    throw error;
  }
};

describe("a message", () => {
  it("is a JSON POST that the standard's library verifies", async () => {
    const message = await next();
    expect(message.method).toBe("POST");
    expect(message.headers["content-type"]).toBe("application/json");
    expect(message.headers["content-length"]).toBe(String(message.body.length));
    expect(new Webhook(webhook.secret).verify(message.body, headersOf(message))).toEqual({
      type: "opportunity.changed",
      timestamp: clock.now().toISOString(),
      data: { opportunityId: "opp_1", version: 1 },
    });
  });

  it("carries the HMAC-SHA-256 of id, timestamp and body under 32 random bytes", async () => {
    const message = await next();
    const key = Buffer.from(webhook.secret.slice("whsec_".length), "base64");
    expect([webhook.secret.startsWith("whsec_"), key.length]).toEqual([true, 32]);
    const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = headersOf(message);
    expect(id).toMatch(/^whm_[0-9a-f]{32}$/);
    expect(Number(timestamp)).toBe(Math.floor(clock.now().getTime() / 1000));
    const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${message.body}`).digest("base64");
    expect(signature).toBe(`v1,${expected}`);
  });

  it("changed in any part, late, early or under another secret is not taken; its valid twin is", async () => {
    const message = await next();
    const { "webhook-signature": signature = "", "webhook-timestamp": timestamp = "0" } = headersOf(message);
    const [, mac = ""] = signature.split(",");
    const forgeries: readonly Partial<Record<string, string>>[] = [
      { body: message.body.replace("opp_1", "opp_2") },
      { body: ` ${message.body}` },
      { body: `${message.body}\n` },
      { body: JSON.stringify(JSON.parse(message.body), null, 2) },
      { body: "" },
      { "webhook-id": `whm_${"0".repeat(32)}` },
      { "webhook-id": "" },
      { "webhook-timestamp": String(Number(timestamp) + 1) },
      { "webhook-timestamp": String(Number(timestamp) * 1000) },
      { "webhook-timestamp": "" },
      { "webhook-signature": "" },
      { "webhook-signature": mac },
      { "webhook-signature": `v1a,${mac}` },
      { "webhook-signature": `v2,${mac}` },
      { "webhook-signature": `v1,${mac.slice(0, -4)}` },
      { "webhook-signature": `v1,${"A".repeat(43)}=` },
      { "webhook-signature": `v1,${Buffer.from(mac, "base64").toString("hex")}` },
    ];
    for (const forgery of forgeries)
      expect([forgery, isTaken(webhook.secret, message, forgery)]).toEqual([forgery, false]);
    expect(isTaken(`whsec_${btoa("x".repeat(32))}`, message)).toBe(false);
    expect(isTaken(webhook.secret, message, { "webhook-signature": `v1,AAAA ${signature}` })).toBe(true);
    expect(isTaken(webhook.secret, message)).toBe(true);
    for (const [ms, taken] of [
      [300_000, true],
      [302_000, false],
      [-300_000, true],
      [-302_000, false],
    ] as const) {
      vi.spyOn(Date, "now").mockImplementation(() => clock.now().getTime() + ms);
      expect([ms, isTaken(webhook.secret, message)]).toEqual([ms, taken]);
    }
  });

  it("sent again is signed anew, at the time of the attempt", async () => {
    answer = (response) => void response.writeHead(received.length < 2 ? 500 : 200).end();
    await tell("opp_1");
    await timeline.advance(6_000);
    answer = (response) => void response.writeHead(204).end();
    const [first, second] = received;
    if (first === undefined || second === undefined) throw new Error("not sent twice");
    expect(second.headers["webhook-id"]).toBe(first.headers["webhook-id"]);
    expect(Number(second.headers["webhook-timestamp"])).toBeGreaterThan(Number(first.headers["webhook-timestamp"]));
    expect([isTaken(webhook.secret, first), isTaken(webhook.secret, second)]).toEqual([true, true]);
  });
});

describe("secrets", () => {
  const rotate = async (id: string, body?: unknown): Promise<string> => {
    const { status, body: made } = await call<ShownWebhook>("POST", `/v1/webhooks/${id}/rotate`, body);
    expect(status).toBe(201);
    return made.secret;
  };
  const takenBy = (message: Received, ...secrets: readonly string[]): readonly boolean[] =>
    secrets.map((secret) => isTaken(secret, message));

  it("are two after a rotation, for a day: both verify, then only the new one, and the old one is erased", async () => {
    const created = await register();
    const before = created.secret;
    const after = await rotate(created.id);
    const [known] = await db.sql`select old_secret_ref as ref from webhook where id = ${created.id}`;
    const both = await nextOf(created.id);
    expect(String(both.headers["webhook-signature"]).split(" ")).toHaveLength(2);
    expect(takenBy(both, before, after)).toEqual([true, true]);
    await timeline.advance(23 * hour);
    expect(takenBy(await nextOf(created.id), before, after)).toEqual([true, true]);
    await timeline.advance(hour + 1);
    const one = await nextOf(created.id);
    expect(String(one.headers["webhook-signature"]).split(" ")).toHaveLength(1);
    expect(takenBy(one, before, after)).toEqual([false, true]);
    await timeline.advance(24 * hour);
    const [row] = await db.sql`select old_secret_ref from webhook where id = ${created.id}`;
    expect(row?.old_secret_ref).toBeNull();
    const [emptied] = await db.sql`select length(sealed) as size from secret where ref = ${known?.ref}`;
    // Nonce and tag alone.
    expect(emptied?.size).toBe(28);
    await call("DELETE", `/v1/webhooks/${created.id}`);
  });

  it("are never three, and the older one can be dropped before its time", async () => {
    const created = await register();
    const second = await rotate(created.id);
    const third = await rotate(created.id, { oldSecretHours: 168 });
    expect(takenBy(await nextOf(created.id), created.secret, second, third)).toEqual([false, true, true]);
    expect((await call("DELETE", `/v1/webhooks/${created.id}/old-secret`)).status).toBe(200);
    expect(takenBy(await nextOf(created.id), created.secret, second, third)).toEqual([false, false, true]);
    await call("DELETE", `/v1/webhooks/${created.id}`);
  });

  it("that cannot be read keep a message back: nothing goes out unsigned", async () => {
    const created = await register();
    await db.sql`delete from secret where ref like ${`webhook:${created.id}:%`}`;
    const before = received.length;
    await tell("opp_1");
    const [row] = await db.sql`select message.state, attempt.error from webhook_message message
      join webhook_attempt attempt on attempt.message_id = message.id where webhook_id = ${created.id}`;
    expect(row).toEqual({ state: "pending", error: "secret_missing" });
    // The other endpoint at this address got its own.
    expect(received.length).toBe(before + 1);
    await call("DELETE", `/v1/webhooks/${created.id}`);
  });

  it("lie sealed: no row holds one in the clear, and a deleted endpoint's is erased", async () => {
    const created = await register();
    const bare = created.secret.slice("whsec_".length);
    const dump = async (): Promise<string> =>
      JSON.stringify(
        await db.sql`select t::text as row from webhook t union all select ref || encode(sealed, 'escape') from secret`,
      );
    expect(await dump()).toContain(created.id);
    expect(await dump()).not.toContain(bare);
    const [{ ref } = { ref: "" }] = await db.sql<
      { ref: string }[]
    >`select secret_ref as ref from webhook where id = ${created.id}`;
    const sizeOf = async () =>
      (await db.sql<{ size: number }[]>`select length(sealed) as size from secret where ref = ${ref}`)[0]?.size;
    const size = await sizeOf();
    await call("DELETE", `/v1/webhooks/${created.id}`);
    // Nonce and tag alone: it is empty.
    expect([size, await sizeOf()]).toEqual([28 + created.secret.length, 28]);
  });

  /** The message that one of the endpoints at this address gets. */
  const nextOf = async (id: string): Promise<Received> => {
    await tell("opp_1");
    const [row] = await db.sql<
      { id: string }[]
    >`select id from webhook_message where webhook_id = ${id} order by id desc limit 1`;
    const message = received.find((one) => one.headers["webhook-id"] === row?.id);
    if (message === undefined) throw new Error("nothing was received");
    return message;
  };
});
