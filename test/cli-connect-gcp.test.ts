/** `cosell connect gcp`, as a user meets it. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cosell, fakeApi, type Route } from "./cli-shell.ts";

const folder = mkdtempSync(join(tmpdir(), "cosell-gcp-"));
const file = (name: string, content: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};
const key = {
  type: "service_account",
  client_email: "sa@p.iam.gserviceaccount.com",
  private_key: `hush-${"x".repeat(30)}`,
};
const keyPath = file("key.json", key);
const saved: Route = (call) =>
  call.path === "/v1/connections" && call.method === "POST"
    ? {
        status: 201,
        body: {
          connection: { id: `con_${"a".repeat(32)}`, hookUrl: "https://c.example/h" },
          outcome: "created",
          facts: { partner: "partners/abc" },
        },
      }
    : undefined;
const denied: Route = (call) =>
  JSON.stringify(call.body).includes('"mode":"assisted"')
    ? undefined
    : {
        status: 422,
        body: {
          title: "refused",
          detail: "permission denied: ask for the role Integrator",
          errors: [],
          fault: "denied",
        },
      };

describe("connect gcp", () => {
  test("sends the key file as a secret, named by reference in the settings, and never prints it", async () => {
    const { api, calls } = fakeApi(saved);
    const { code, out, err } = await cosell(
      ["connect", "gcp", "--partner", "abc", "--key", keyPath, "--accept-terms", "--poll-minutes", "30"],
      { api },
    );
    expect(code).toBe(0);
    expect(calls[0]?.body).toMatchObject({
      marketplace: "gcp",
      account: "abc",
      environment: "production",
      check: true,
      settings: {
        partnerId: "abc",
        pollMinutes: 30,
        credentials: { keyRef: "secret:service-account-key" },
        defaults: { productFamily: ["GOOGLE_CLOUD_PLATFORM"], legalLanguageAccepted: true },
      },
      secrets: { "service-account-key": JSON.stringify(key) },
    });
    expect(out).toContain("Google accepts it; created");
    expect(out + err).not.toContain("hush");
  });
  test("accepts no legal terms by itself, and says so", async () => {
    const { api, calls } = fakeApi(saved);
    const { out } = await cosell(["connect", "gcp", "--partner", "abc", "--key", keyPath], { api });
    expect(JSON.stringify(calls[0]?.body)).not.toContain("legalLanguageAccepted");
    expect(out).toContain("--accept-terms");
  });
  test("asks for what is missing on a terminal, and names the flags elsewhere", async () => {
    const { api, calls } = fakeApi(saved);
    await cosell(["connect", "gcp"], { api, interactive: true, answers: ["abc", keyPath] });
    expect(calls[0]?.body).toMatchObject({
      account: "abc",
      settings: { credentials: { keyRef: "secret:service-account-key" } },
    });
    const { code, err } = await cosell(["connect", "gcp", "--partner", "abc"], { api });
    expect([code, err]).toEqual([2, expect.stringMatching(/--key, --key-ref or --assisted/)]);
  });
  test("needs no key in assisted mode, and tells of the tasks", async () => {
    const { api, calls } = fakeApi(saved);
    const { out } = await cosell(["connect", "gcp", "--partner", "abc", "--assisted"], { api });
    expect(calls[0]?.body).toMatchObject({ settings: { mode: "assisted" }, secrets: {} });
    expect(calls[0]?.body).not.toHaveProperty("settings.credentials");
    expect(out).toContain("cosell tasks");
  });
  test("offers assisted mode where the role is lacking, and takes a no for an answer", async () => {
    const { api, calls } = fakeApi(denied, saved);
    const words = ["connect", "gcp", "--partner", "abc", "--key", keyPath];
    const yes = await cosell(words, { api, interactive: true, answers: ["yes"] });
    expect([yes.code, calls.at(-1)?.body]).toMatchObject([0, { settings: { mode: "assisted" } }]);
    const before = calls.length;
    const no = await cosell(words, { api, interactive: true, answers: ["no"] });
    expect([no.code, calls.length - before]).toEqual([1, 1]);
    const alone = await cosell(words, { api });
    expect(alone.err).toMatch(/Integrator[\s\S]*--assisted/);
  });
  test.each([
    [["--key", keyPath, "--key-ref", "env:K"], /more than one key/],
    [["--key", file("not.json", "{}")], /no key file of a service account/],
    [["--key-ref", "K"], /no reference/],
    [["--key-ref", "env:K", "--surface", "x"], /--surface x is unknown/],
    [["--key-ref", "env:K", "--environment", "vendor_test"], /no test environment/],
    [["--key-ref", "env:K", "--poll-minutes", "0"], /no number of minutes/],
  ])("refuses %j by name, before anything is asked", async (words, message) => {
    const { api, calls } = fakeApi(saved);
    const { code, err } = await cosell(["connect", "gcp", "--partner", "abc", ...words], { api });
    expect(code).toBeGreaterThan(0);
    expect(err).toMatch(message);
    expect(calls).toEqual([]);
  });

  test("adds the marketplace's part by flags, also where deals are typed in by hand", async () => {
    const { api, calls } = fakeApi(saved);
    const market = [
      "--project",
      "p-public",
      "--push-email",
      "push@p.iam.gserviceaccount.com",
      "--push-audience",
      "https://c.example/h",
    ];
    const words = [
      "connect",
      "gcp",
      "--partner",
      "abc",
      "--key",
      keyPath,
      "--assisted",
      ...market,
      "--orders",
      "accept",
    ];
    expect((await cosell(words, { api })).code).toBe(0);
    expect(calls[0]?.body).toMatchObject({
      settings: {
        mode: "assisted",
        credentials: { keyRef: "secret:service-account-key" },
        marketplace: {
          project: "p-public",
          orders: "accept",
          push: { email: "push@p.iam.gserviceaccount.com", audience: "https://c.example/h" },
        },
      },
    });
  });
  test("names the address for pushes while there are none, and who approves orders", async () => {
    const { api } = fakeApi(saved);
    const words = ["connect", "gcp", "--partner", "abc", "--key", keyPath, "--project", "p-public"];
    const { out } = await cosell(words, { api });
    expect(out).toContain("Pub/Sub pushes to https://c.example/h");
    expect(out).toContain("--orders accept");
  });
  test.each([
    [["--orders", "sometimes"], "--orders sometimes is unknown"],
    [["--provider", "p"], "project"],
    [["--project", "p", "--push-email", "a@b.c"], "--push-audience"],
  ])("refuses %j by name", async (flags, message) => {
    const { api, calls } = fakeApi(saved);
    const { code, err } = await cosell(["connect", "gcp", "--partner", "abc", "--key", keyPath, ...flags], { api });
    expect([code, calls]).toEqual([2, []]);
    expect(err).toContain(message);
  });
});
