/** Microsoft as a user connects it: guided, with the sign-in waited for or pasted, renewed by the same command. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cosell, fakeApi, listRoute, type Route } from "./cli-shell.ts";

const id = `con_${"a".repeat(32)}`;
const path = `/v1/connections/${id}`;
const listed = {
  id,
  marketplace: "azure",
  label: "Microsoft",
  account: "org-1",
  environment: "production",
  state: "active",
  parkedReason: null,
};
const none = listRoute("/v1/connections", []);
const saved: Route = (call) =>
  call.path === "/v1/connections" && call.method === "POST"
    ? { status: 201, body: { connection: { id }, outcome: "created", facts: null } }
    : undefined;
/** Microsoft's page and the browser: somebody signs in before the third look. */
const signIn = (): Route => {
  let looks = 0;
  const consent = {
    grantedAt: "2026-10-01T08:00:00.000Z",
    renewedAt: "2026-10-01T08:00:00.000Z",
    lapsesAt: "2026-12-30T08:00:00.000Z",
    ended: null,
  };
  return (call) => {
    if (call.path === `${path}/check`) return { body: { ok: true, facts: {} } };
    if (call.path !== `${path}/consent`) return undefined;
    if (call.method === "POST")
      return {
        status: 201,
        body: {
          signInUrl: "https://login.microsoftonline.com/t/authorize?x=1",
          redirectUri: "https://cosell.example/consent/callback",
        },
      };
    if (call.method === "PUT") return { body: { consent, connection: "resumed", trouble: null } };
    return { body: { consent: ++looks < 3 ? null : consent } };
  };
};
const words = [
  "connect",
  "azure",
  "--organization",
  "org-1",
  "--tenant",
  "contoso.onmicrosoft.com",
  "--client-id",
  "client-1",
];
const environment = { AZURE_CLIENT_SECRET: "hush-hush" };

const postOf = (calls: readonly { readonly method: string; readonly body: unknown }[]): unknown =>
  calls.find(({ method }) => method === "POST")?.body;

describe("connect azure", () => {
  test("again changes what the flags name and keeps all else, secrets included; a file of --settings stands for all", async () => {
    const settings = {
      ...{ organizationId: "org-1", tenantId: "contoso.onmicrosoft.com", hooks: { certificateHosts: ["own.example"] } },
      consent: { clientId: "client-1", clientSecretRef: "secret:kept", refreshTokenRef: "secret:token" },
      solutions: [{ id: "SOL-1", name: "one" }],
      marketplace: {
        preparedBy: "old@partner.example",
        notificationContacts: ["old@partner.example"],
        payments: "ask",
      },
    };
    const standing = listRoute("/v1/connections", [
      { ...listed, account: "org-other", label: "Other", settings: {} },
      { ...listed, label: "MS", settings },
    ]);
    const again = ["connect", "azure", "--organization", "org-1", "--no-sign-in"];
    const { api, calls } = fakeApi(standing, saved);
    expect((await cosell([...again, "--offers", "new@partner.example"], { api })).code).toBe(0);
    expect(postOf(calls)).toEqual({
      ...{ marketplace: "azure", label: "MS", account: "org-1", environment: "production", check: false, secrets: {} },
      settings: {
        ...settings,
        app: { kind: "secret", clientId: "client-1", clientSecretRef: "secret:kept" },
        marketplace: {
          ...{ payments: "ask", preparedBy: "new@partner.example", notificationContacts: ["new@partner.example"] },
        },
      },
    });
    const file = join(mkdtempSync(join(tmpdir(), "cosell-azure-")), "azure.json");
    writeFileSync(file, JSON.stringify({ settings: { tenantId: "t", consent: settings.consent } }));
    const whole = fakeApi(standing, saved);
    await cosell([...again, "--settings", file], { api: whole.api });
    expect(postOf(whole.calls)).toMatchObject({ label: "Microsoft", settings: { tenantId: "t" } });
    expect(postOf(whole.calls)).not.toHaveProperty("settings.solutions");
  });

  test("saves the settings, prints where to sign in, and waits until the browser came back; no secret is printed", async () => {
    const { api, calls } = fakeApi(none, saved, signIn());
    const { code, out, err } = await cosell([...words, "--solution", "SOL-34104-EBA=Order platform"], {
      api,
      environment,
    });
    expect([code, postOf(calls)]).toEqual([
      0,
      {
        marketplace: "azure",
        label: "Microsoft",
        account: "org-1",
        environment: "production",
        check: false,
        settings: {
          organizationId: "org-1",
          tenantId: "contoso.onmicrosoft.com",
          hooks: { certificateHosts: ["3psostorageacct.blob.core.windows.net"] },
          consent: {
            clientId: "client-1",
            clientSecretRef: "secret:client-secret",
            refreshTokenRef: "secret:connection:azure:org-1:production:refresh-token",
          },
          solutions: [{ id: "SOL-34104-EBA", name: "Order platform" }],
        },
        secrets: { "client-secret": "hush-hush" },
      },
    ]);
    expect(err).toContain("https://login.microsoftonline.com/t/authorize?x=1");
    expect(err).toContain("https://cosell.example/consent/callback");
    expect(out).toContain("it ends on 2026-12-30");
    expect(out).toContain("cosell doctor");
    expect(out + err).not.toContain("hush-hush");
  });

  test("sets up private offers with the same application, alone, and what its webhook's token must be for", async () => {
    const { api, calls } = fakeApi(none, saved, signIn());
    const [tenant, client] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    const ours = ["connect", "azure", "--organization", "org-1", "--tenant", tenant, "--client-id", client];
    await cosell([...ours, "--offers", "ada@partner.example", "--no-sign-in"], { api, environment });
    expect(postOf(calls)).toMatchObject({
      settings: {
        app: { kind: "secret", clientId: client, clientSecretRef: "secret:client-secret" },
        marketplace: {
          preparedBy: "ada@partner.example",
          notificationContacts: ["ada@partner.example"],
          webhook: { audience: client, tenantId: tenant },
        },
      },
    });
  });

  test("asks on a terminal for what is missing, and names the flag elsewhere", async () => {
    const { api, calls } = fakeApi(none, saved, signIn());
    await cosell(["connect", "azure", "--no-sign-in"], {
      api,
      interactive: true,
      answers: ["org-2", "tenant-2", "client-2", "secret-2"],
    });
    expect(postOf(calls)).toMatchObject({
      account: "org-2",
      settings: { tenantId: "tenant-2", consent: { clientId: "client-2" } },
      secrets: { "client-secret": "secret-2" },
    });
    const refused = await cosell(["connect", "azure"], { api });
    expect([refused.code === 0, refused.err]).toEqual([false, expect.stringContaining("--organization")]);
  });

  test("renews without touching a setting, and takes the pasted address where the browser cannot come back", async () => {
    const { api, calls } = fakeApi(listRoute("/v1/connections", [listed]), signIn());
    const pasted = "https://cosell.example/consent/callback?code=c%2B1&state=s1&session_state=x";
    const { code, out } = await cosell(["connect", "azure", "--renew", "Microsoft", "--code", pasted], { api });
    expect([code, out]).toEqual([0, expect.stringContaining("Signed in")]);
    expect(calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /v1/connections",
      `PUT ${path}/consent`,
    ]);
    expect(calls[1]?.body).toEqual({ code: "c+1", state: "s1" });
    const wrong = await cosell(["connect", "azure", "--renew", "Microsoft", "--code", "nonsense"], { api });
    expect([wrong.code === 0, wrong.err]).toEqual([false, expect.stringContaining("copy the whole address")]);
  });

  test("rehearses with the settings alone: that nobody has signed in yet is no fault of theirs, a wrong setting is", async () => {
    const answers =
      (status: number, body: unknown): Route =>
      (call) =>
        call.method === "POST" ? { status, body } : undefined;
    const sound = fakeApi(none, answers(422, { title: "refused", fault: "denied", detail: "nobody has signed in" }));
    const { code, out } = await cosell([...words, "--dry-run"], { api: sound.api, environment });
    expect([code, out, sound.calls.length]).toEqual([
      0,
      expect.stringContaining("the settings fit; then somebody must sign in"),
      2,
    ]);
    expect(postOf(sound.calls)).toMatchObject({ dryRun: true });
    const wrong = fakeApi(
      none,
      answers(422, {
        title: "refused",
        detail: "settings.tenantId: wrong",
        errors: [{ field: "settings.tenantId", message: "wrong" }],
      }),
    );
    const refused = await cosell([...words, "--dry-run"], { api: wrong.api, environment });
    expect([refused.code === 0, refused.err]).toEqual([false, expect.stringContaining("settings.tenantId")]);
  });
});

describe("connections webhooks", () => {
  const theirs = { url: "https://crm.example/hook", events: ["referral-created"] };
  const ours = { url: "https://cosell.example/hooks/1", events: ["referral-created", "test-created"] };
  const registration: Route = (call) => {
    if (call.path === `${path}/webhook-registration/test`) return { status: 202, body: { id: "t1" } };
    if (call.path === `${path}/webhook-registration/test/t1`)
      return { body: { state: "failed", detail: "1 try, last answer Unauthorized" } };
    if (call.path !== `${path}/webhook-registration`) return undefined;
    if (call.method === "GET") return { body: { hookUrl: ours.url, registered: theirs, isOurs: false, wanted: [] } };
    return { body: { outcome: "replaced", dryRun: true, before: theirs, after: ours } };
  };
  const stand = () => fakeApi(listRoute("/v1/connections", [listed]), registration);

  test("shows where the partner delivers, what would be replaced, and what became of a test", async () => {
    const { api, calls } = stand();
    expect((await cosell(["connections", "webhooks"], { api })).out).toContain("--register");
    const { out } = await cosell(["connections", "webhooks", "Microsoft", "--register", "--dry-run"], { api });
    expect(out).toMatch(/replaced \(dry run[\s\S]*crm\.example[\s\S]*cosell\.example/);
    expect(calls.at(-1)?.body).toEqual({ replace: false, dryRun: true });
    const tried = await cosell(["connections", "webhooks", "--test"], { api });
    expect([tried.code === 0, tried.out]).toEqual([false, expect.stringContaining("last answer Unauthorized")]);
  });
});
