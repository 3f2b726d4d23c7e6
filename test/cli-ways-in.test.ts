import { describe, expect, it } from "vitest";
import { cosell, fakeApi, listRoute, type Route } from "./cli-shell.ts";

const connection = {
  id: "con_1",
  marketplace: "aws",
  label: "AWS",
  account: "123456789012",
  environment: "production",
  state: "active",
};
const client = {
  tokenUrl: "https://cosell.example/oauth/token",
  hookUrl: "https://cosell.example/hooks/con_1",
  clientId: "con_1.0badcafe",
  liveSecrets: 1,
  tokenSeconds: 1_800,
};
const run = async (words: readonly string[], ...routes: readonly Route[]) => {
  const { api, calls } = fakeApi(listRoute("/v1/connections", [connection]), ...routes);
  return { ...(await cosell(words, { api })), calls: calls.filter(({ path }) => path !== "/v1/connections") };
};
const route =
  (method: string, path: string, body: object): Route =>
  (call) =>
    call.method === method && call.path === path ? { body } : undefined;
const path = "/v1/connections/con_1/oauth";

describe("cosell connections oauth", () => {
  it("makes the client the first time and says what to type into EventBridge", async () => {
    const ran = await run(["connections", "oauth"], route("POST", path, { ...client, clientSecret: "f00d" }));
    expect(ran.code).toBe(0);
    expect(ran.calls.map(({ method }) => method)).toEqual(["GET", "POST"]);
    for (const part of [
      "client secret  f00d",
      "OAuth Client Credentials",
      client.tokenUrl,
      "grant_type = client_credentials",
      client.hookUrl,
      "account 123456789012",
    ])
      expect(ran.out).toContain(part);
  });
  it("then shows it without secret and makes nothing; rotates when told, with another life of tokens", async () => {
    const shown = await run(["connections", "oauth", "AWS"], route("GET", path, client));
    expect(shown.calls.map(({ method }) => method)).toEqual(["GET"]);
    expect(shown.out).toContain("(shown once, when it was made)");
    const made = route("POST", path, { ...client, liveSecrets: 2, clientSecret: "beef" });
    const rotated = await run(
      ["connections", "oauth", "--rotate", "--token-minutes", "60", "--json"],
      route("GET", path, client),
      made,
    );
    expect(rotated.calls.map(({ method, body }) => [method, body])).toEqual([["POST", { tokenSeconds: 3_600 }]]);
    expect(rotated.json()).toMatchObject({ connection: "con_1", clientSecret: "beef", liveSecrets: 2 });
  });
  it("revokes all, or the previous secret only; contradicting wishes are a usage error", async () => {
    const gone = route("DELETE", path, { liveSecrets: 0 });
    const previous = await run(["connections", "oauth", "--revoke-previous"], gone);
    expect(previous.calls[0]?.query).toEqual({ which: "previous" });
    const all = await run(["connections", "oauth", "--revoke"], gone);
    expect([all.calls[0]?.query, all.out]).toEqual([{ which: "all" }, expect.stringContaining("refused from now on")]);
    expect((await run(["connections", "oauth", "--revoke", "--rotate"])).code).toBe(2);
    expect((await run(["connections", "oauth", "--token-minutes", "5"])).code).toBe(2);
  });
});

describe("cosell connections queue", () => {
  const queue = "/v1/connections/con_1/queue";
  const url = "https://sqs.us-east-1.amazonaws.com/123456789012/cosell";
  it("says what to set up when no queue is named", async () => {
    const ran = await run(["connections", "queue"]);
    expect([ran.code, ran.calls]).toEqual([0, []]);
    for (const part of ["maxReceiveCount 5", "aws.partnercentral-selling", "sqs:ReceiveMessage", "--queue-url"])
      expect(ran.out).toContain(part);
  });
  it("saves one, and warns when messages that nobody can use have nowhere to go", async () => {
    const saved = route("POST", queue, {
      saved: true,
      queue: { url },
      state: { waiting: 3, inFlight: 0, deadLetter: null },
    });
    const ran = await run(["connections", "queue", "--queue-url", url], saved);
    expect(ran.calls[0]?.body).toEqual({ url, check: true, dryRun: false });
    expect(ran.out).toContain("3 messages waiting; events are fetched from now on");
    expect(ran.out).toContain("it has no dead-letter queue");
    const refused: Route = (call) =>
      call.path === queue ? { status: 422, body: { title: "no", detail: "there is no SQS queue" } } : undefined;
    const failed = await run(["connections", "queue", "--queue-url", url], refused);
    expect([failed.code, failed.err]).toEqual([1, expect.stringContaining("there is no SQS queue")]);
  });
  it("stops fetching", async () => {
    const ran = await run(["connections", "queue", "--off"], route("DELETE", queue, { queue: null }));
    expect([ran.code, ran.calls.map(({ method }) => method)]).toEqual([0, ["DELETE"]]);
    expect((await run(["connections", "queue", "--off", "--queue-url", url])).code).toBe(2);
  });
});

it("cosell connections hook-keys --revoke ends the keys", async () => {
  const ran = await run(
    ["connections", "hook-keys", "--revoke"],
    route("DELETE", "/v1/connections/con_1/hook-keys", { liveKeys: 0 }),
  );
  expect([ran.code, ran.out]).toEqual([0, "AWS: no webhook key is taken any more\n"]);
});
