/** Connections, keys and the right to be forgotten, as a user meets them on the command line. */
import { describe, expect, test } from "vitest";
import { cosell, fakeApi, listRoute, type Route } from "./cli-shell.ts";

const id = (prefix: string, digit = "a"): string => `${prefix}_${digit.repeat(32)}`;
const connection = {
  id: id("con"),
  marketplace: "aws",
  label: "AWS production",
  account: "123456789012",
  environment: "production",
  state: "active",
  parkedReason: null,
};
const connections = listRoute("/v1/connections", [connection]);

describe("connect aws", () => {
  const words = ["connect", "aws", "--account", "123456789012", "--access-key-id", "AKIAX", "--solution", "S-0000001"];
  const saved: Route = (call) =>
    call.path === "/v1/connections" && call.method === "POST"
      ? {
          status: 201,
          body: {
            connection: { id: id("con"), hookUrl: "https://cosell.example/hooks/con_1" },
            outcome: "created",
            facts: { catalog: "AWS" },
          },
        }
      : undefined;

  test("secrets are sent as secrets, named by reference in the settings, and never printed", async () => {
    const { api, calls } = fakeApi(saved);
    const { code, out, err } = await cosell(words, { api, environment: { AWS_SECRET_ACCESS_KEY: "hush-hush" } });
    expect(code).toBe(0);
    expect(calls[0]?.body).toMatchObject({
      marketplace: "aws",
      environment: "production",
      check: true,
      dryRun: false,
      settings: {
        accountId: "123456789012",
        credentials: { accessKeyIdRef: "secret:access-key-id", secretAccessKeyRef: "secret:secret-access-key" },
        defaults: { solutions: ["S-0000001"] },
      },
      secrets: { "access-key-id": "AKIAX", "secret-access-key": "hush-hush" },
    });
    expect(out).toContain("AWS accepts it; created");
    expect(out).toContain("connections hook-keys");
    expect(out + err).not.toContain("hush-hush");
  });

  test("what is missing is asked for on a terminal", async () => {
    const { api, calls } = fakeApi(saved);
    await cosell(["connect", "aws"], { api, interactive: true, answers: ["123456789012", "AKIAY", "secret"] });
    expect(calls[0]?.body).toMatchObject({
      account: "123456789012",
      secrets: { "access-key-id": "AKIAY", "secret-access-key": "secret" },
    });
  });

  test.each([
    ["production", /AWSPartnerCentralOpportunityManagement/],
    ["vendor_test", /AWSPartnerCentralSandboxFullAccess/],
  ])("a refusal in %s says what stands behind it and how to mend it", async (environment, policy) => {
    const { api } = fakeApi(() => ({
      status: 422,
      body: {
        title: "The marketplace refused the connection",
        detail: "AccessDeniedException.",
        errors: [],
        fault: "denied",
      },
    }));
    const { code, err } = await cosell([...words, "--environment", environment], {
      api,
      environment: { AWS_SECRET_ACCESS_KEY: "x" },
    });
    expect(err).toMatch(policy);
    expect(err).toMatch(/link it in Partner Central/);
    expect(code).toBe(1);
  });
});

test("hook keys come with what to set up at AWS", async () => {
  const { api } = fakeApi(connections, (call) =>
    call.path.endsWith("/hook-keys")
      ? {
          status: 201,
          body: { secret: "k123", headerName: "x-cosell-key", url: "https://c.example/hooks/con_1", liveKeys: 2 },
        }
      : undefined,
  );
  const { out } = await cosell(["connections", "hook-keys"], { api });
  expect(out).toMatch(/2 keys taken now[\s\S]*k123[\s\S]*EventBridge[\s\S]*aws\.partnercentral-selling/);
});

test("one connection that does not work makes check fail, and the others are still checked", async () => {
  const two = listRoute("/v1/connections", [connection, { ...connection, id: id("con", "b"), label: "AWS sandbox" }]);
  const { api } = fakeApi(two, (call) =>
    call.path === `/v1/connections/${connection.id}/check`
      ? { status: 422, body: { title: "refused", detail: "no" } }
      : { body: { ok: true, facts: {} } },
  );
  const { code, out } = await cosell(["connections", "check"], { api });
  expect(out).toBe("AWS production: refused: no\nAWS sandbox: works\n");
  expect(code).toBe(1);
});

test("erasing a person asks first, and does nothing without a yes", async () => {
  const erases: Route = (call) =>
    call.path === "/v1/forget" ? { body: { contacts: 2, bodies: 1, requests: 0 } } : undefined;
  const asked = fakeApi(erases);
  expect((await cosell(["forget", "a@b.example"], { api: asked.api, interactive: true, answers: ["no"] })).code).toBe(
    1,
  );
  expect((await cosell(["forget", "a@b.example"], { api: asked.api })).code).toBe(2);
  expect(asked.calls).toEqual([]);
  const yes = await cosell(["forget", "a@b.example"], { api: asked.api, interactive: true, answers: ["yes"] });
  expect(yes.out).toBe("erased: 2 contacts, 1 kept answer, 0 kept requests\n");
});

test("a key is made with its scopes and shown once, alone on stdout", async () => {
  const { api, calls } = fakeApi((call) =>
    call.path === "/v1/keys"
      ? { status: 201, body: { key: { id: id("key"), name: "n", scopes: ["read"] }, secret: "cosell_s" } }
      : undefined,
  );
  const { out } = await cosell(
    ["keys", "create", "nightly", "--scope", "read", "--scope", "write", "--expires", "2027-12-31"],
    { api },
  );
  expect(out).toBe("cosell_s\n");
  expect(calls[0]?.body).toEqual({ name: "nightly", scopes: ["read", "write"], expiresAt: "2027-12-31T00:00:00Z" });
});
