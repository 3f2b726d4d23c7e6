import { afterAll, describe, expect, it } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import { createRegistry } from "../adapters/registry.ts";
import { ok } from "../src/domain/fault.ts";
import { openHttp, publicUrl } from "./http-fixture.ts";
import { testIds } from "./ids.ts";

// The registry is made before the fixture's secrets exist: it reads them through this seam.
const later: { secrets: Parameters<typeof createRegistry>[0]["secrets"] | null } = { secrets: null };
const secretsOf = () => {
  if (later.secrets === null) throw new Error("not open yet");
  return later.secrets;
};
const clockSeam = { now: (): Date => http.clock.now(), sleep: async () => {} };
const http = await openHttp({
  registry: createRegistry(
    {
      clock: clockSeam,
      ids: testIds,
      secrets: { get: (ref) => secretsOf().get(ref), rotate: (...given) => secretsOf().rotate(...given) },
      httpFor: () => async () => new Response("no network", { status: 599 }),
      quotaFor: () => ({ take: async () => ok(null) }),
    },
    [createAws()],
  ),
});
later.secrets = http.secrets;
afterAll(http.close);
const { ask } = http;

const account = "111122223333";
const connect = async (accountId = account): Promise<string> => {
  const made = await ask("POST", "/v1/connections", {
    body: {
      marketplace: "aws",
      label: `AWS ${accountId}`,
      account: accountId,
      environment: "simulated",
      settings: { accountId, credentials: { accessKeyIdRef: "secret:id", secretAccessKeyRef: "secret:key" } },
      secrets: { id: "AKID", key: "key" },
      check: false,
    },
  });
  return String(made.body.connection.id);
};
const connectionId = await connect();
const oauth = `/v1/connections/${connectionId}/oauth`;
const make = async (path = oauth, body: object = {}) => (await ask("POST", path, { body })).body;

const form = (fields: Readonly<Record<string, string>> | string, headers: Readonly<Record<string, string>> = {}) =>
  ask("POST", "/oauth/token", {
    as: null,
    raw: typeof fields === "string" ? fields : new URLSearchParams(fields).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
  });
const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` });
const grant = { grant_type: "client_credentials" };
const first = await make();
const tokenOf = async (client: { clientId: string; clientSecret: string }): Promise<string> =>
  (await form(grant, basic(client.clientId, client.clientSecret))).body.access_token;

let number = 0;
const event = (more: object = {}) => {
  number += 1;
  return JSON.stringify({
    version: "1",
    id: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    "detail-type": "Opportunity Updated",
    source: "aws.partnercentral-selling",
    account,
    time: "2026-10-01T08:00:00Z",
    region: "us-east-1",
    detail: { catalog: "AWS", opportunity: { identifier: "O1" } },
    ...more,
  });
};
const deliver = (token: string, id = connectionId) =>
  ask("POST", `/hooks/${id}`, { as: null, raw: event(), headers: { authorization: `Bearer ${token}` } });
const pass = (minutes: number): void => http.clock.advanceTo(new Date(http.clock.now().getTime() + minutes * 60_000));

describe("the token endpoint", () => {
  it("gives a client a bearer token that opens its connection's webhook, by Basic header or by form", async () => {
    for (const answer of [
      await form(grant, basic(first.clientId, first.clientSecret)),
      await form({ ...grant, client_id: first.clientId, client_secret: first.clientSecret, custom: "field" }),
      await ask("POST", "/oauth/token?tenant=a", {
        as: null,
        raw: "grant_type=client_credentials&scope=hook.deliver",
        headers: {
          "content-type": "application/x-www-form-urlencoded;charset=utf-8",
          "x-custom": "header",
          ...basic(first.clientId, first.clientSecret),
        },
      }),
    ]) {
      expect([answer.status, answer.headers.get("cache-control"), answer.headers.get("pragma")]).toEqual([
        200,
        "no-store",
        "no-cache",
      ]);
      expect(answer.body).toEqual({
        access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
        token_type: "Bearer",
        expires_in: 1800,
        scope: "hook.deliver",
      });
      const delivered = await deliver(answer.body.access_token);
      expect([delivered.status, delivered.body]).toEqual([202, { status: "accepted" }]);
    }
  });

  it.each([
    ["a wrong secret", () => ({ ...grant, client_id: first.clientId, client_secret: "x" }), 401, "invalid_client"],
    ["an empty secret", () => ({ ...grant, client_id: first.clientId, client_secret: "" }), 401, "invalid_client"],
    [
      "a client of no connection",
      () => ({ ...grant, client_id: `con_${"0".repeat(32)}.00000000`, client_secret: "x" }),
      401,
      "invalid_client",
    ],
    [
      "a look-alike client of the connection",
      () => ({ ...grant, client_id: `${connectionId}.00000000`, client_secret: first.clientSecret }),
      401,
      "invalid_client",
    ],
    ["no client", () => grant, 401, "invalid_client"],
    ["no grant type", () => ({ client_id: first.clientId, client_secret: first.clientSecret }), 400, "invalid_request"],
    [
      "another grant type",
      () => ({ grant_type: "password", client_id: first.clientId, client_secret: first.clientSecret }),
      400,
      "unsupported_grant_type",
    ],
    [
      "a greater scope",
      () => ({ ...grant, scope: "admin", client_id: first.clientId, client_secret: first.clientSecret }),
      400,
      "invalid_scope",
    ],
    ["a parameter given twice", () => "grant_type=client_credentials&grant_type=password", 400, "invalid_request"],
  ])("answers %s with RFC 6749's error and no token", async (_, fields, status, error) => {
    const answer = await form(fields());
    expect([answer.status, answer.body.error, answer.headers.get("cache-control")]).toEqual([
      status,
      error,
      "no-store",
    ]);
    expect(answer.text).not.toContain("access_token");
    expect(answer.text).not.toContain(first.clientSecret);
  });

  it("challenges a failed Basic header, refuses a contradicting form, JSON and a form over its bound", async () => {
    const failed = await form(grant, basic(first.clientId, "wrong"));
    expect([failed.status, failed.headers.get("www-authenticate")?.slice(0, 5)]).toEqual([401, "Basic"]);
    for (const broken of ["Basic", "Basic %%%", `Basic ${btoa("no-colon")}`, `Bearer ${first.clientSecret}`])
      expect((await form(grant, { authorization: broken })).status).toBe(401);
    const both = { ...grant, client_id: "another", client_secret: first.clientSecret };
    expect((await form(both, basic(first.clientId, first.clientSecret))).body.error).toBe("invalid_request");
    const json = { as: null, raw: JSON.stringify(grant), headers: { "content-type": "application/json" } };
    expect((await ask("POST", "/oauth/token", json)).body.error).toBe("invalid_request");
    expect((await form({ ...grant, pad: "x".repeat(9_000) })).status).toBe(413);
  });

  it("holds back who fails too often, in bounds, but never a right secret", async () => {
    const other = await make(`/v1/connections/${await connect("222233334444")}/oauth`);
    const wrong = () => form(grant, basic(other.clientId, "guess"));
    const logged = http.lines.length;
    const answers = [];
    for (let count = 0; count < 15; count++) answers.push(await wrong());
    expect(answers.map((answer) => answer.status)).toEqual([...Array(10).fill(401), ...Array(5).fill(429)]);
    expect(answers.at(-1)?.headers.get("retry-after")).toBe("60");
    expect(http.lines.length - logged).toBe(10);
    expect((await form(grant, basic(other.clientId, other.clientSecret))).status).toBe(200);
    pass(1);
    expect((await wrong()).status).toBe(401);
    expect(JSON.stringify(http.lines)).not.toContain("guess");
  });
});

describe("an OAuth client", () => {
  it("shows its secret once, and what is stored does not tell it", async () => {
    expect(first).toMatchObject({
      tokenUrl: `${publicUrl}/oauth/token`,
      hookUrl: `${publicUrl}/hooks/${connectionId}`,
      clientSecret: expect.stringMatching(/^[0-9a-f]{64}$/),
      liveSecrets: 1,
      tokenSeconds: 1800,
    });
    const shown = await ask("GET", oauth);
    expect([shown.status, shown.body.clientId]).toEqual([200, first.clientId]);
    const everything = `${shown.text}${(await ask("GET", `/v1/connections/${connectionId}`)).text}${JSON.stringify(http.lines)}`;
    expect(everything).not.toContain(first.clientSecret);
  });

  it("has two live secrets while it is rotated; what is revoked takes its tokens with it at once", async () => {
    const old = await tokenOf(first);
    const second = await make();
    expect([second.clientId, second.liveSecrets]).toEqual([first.clientId, 2]);
    const young = await tokenOf(second);
    expect([(await deliver(old)).status, (await deliver(young)).status]).toEqual([202, 202]);
    expect((await ask("DELETE", `${oauth}?which=previous`)).body).toEqual({ liveSecrets: 1 });
    expect([(await deliver(old)).status, (await deliver(young)).status]).toEqual([401, 202]);
    expect((await form(grant, basic(first.clientId, first.clientSecret))).status).toBe(401);
    const third = await make();
    const fourth = await make();
    expect([(await deliver(young)).status, (await deliver(await tokenOf(third))).status, fourth.liveSecrets]).toEqual([
      401, 202, 2,
    ]);
    const last = await tokenOf(fourth);
    expect((await ask("DELETE", oauth)).body).toEqual({ liveSecrets: 0 });
    expect((await deliver(last)).status).toBe(404);
    expect((await form(grant, basic(fourth.clientId, fourth.clientSecret))).status).toBe(401);
    const fresh = await make();
    expect(fresh.clientId).not.toBe(first.clientId);
    expect([(await deliver(last)).status, (await deliver(await tokenOf(fresh))).status]).toEqual([401, 202]);
  });

  it("opens its own connection only, and survives a change of the connection's other settings", async () => {
    const strange = await connect("333344445555");
    const other = await make(`/v1/connections/${strange}/oauth`, { tokenSeconds: 3600 });
    const token = await tokenOf(other);
    expect((await deliver(token)).status).toBe(401);
    // Its own account's event would be taken; this one is authentic and of another account.
    expect((await deliver(token, strange)).body).toEqual({ status: "ignored" });
    await connect("333344445555");
    expect((await deliver(token, strange)).status).toBe(202);
  });

  it("stands beside the webhook keys: either proves, and revoked keys leave the token alone", async () => {
    const client = await make();
    const key = (await ask("POST", `/v1/connections/${connectionId}/hook-keys`, { body: {} })).body.secret;
    const byKey = () =>
      ask("POST", `/hooks/${connectionId}`, { as: null, raw: event(), headers: { "x-cosell-key": key } });
    const token = await tokenOf(client);
    expect([(await byKey()).status, (await deliver(token)).status]).toEqual([202, 202]);
    expect((await ask("DELETE", `/v1/connections/${connectionId}/hook-keys`)).body).toEqual({ liveKeys: 0 });
    expect([(await byKey()).status, (await deliver(token)).status]).toEqual([401, 202]);
  });
});

describe("a token", () => {
  it("is taken until its end and five minutes more, then refused; the next one is taken", async () => {
    const client = await make(oauth, { tokenSeconds: 900 });
    const token = await tokenOf(client);
    pass(15 + 4.9);
    expect((await deliver(token)).status).toBe(202);
    pass(0.2);
    expect((await deliver(token)).status).toBe(401);
    expect((await deliver(await tokenOf(client))).status).toBe(202);
  });

  it("signed with the key before the current one is taken while both are known, after 90 days without a stop", async () => {
    const client = await make(oauth, { tokenSeconds: 3600 });
    pass(90 * 24 * 60);
    const before = await tokenOf(client);
    const kidOf = (token: string): string => JSON.parse(atob((token.split(".")[0] ?? "").replaceAll("-", "+"))).kid;
    // The renewed key is published two minutes before it signs.
    pass(3);
    const after = await tokenOf(client);
    expect(kidOf(after)).not.toBe(kidOf(before));
    expect([(await deliver(before)).status, (await deliver(after)).status]).toEqual([202, 202]);
  });
});
