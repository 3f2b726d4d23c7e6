/** What a project needs at Google, held against a gcloud that remembers: what is made, with which rights, and what a second run does. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { channelHost, crmHost } from "../adapters/gcp/wire.ts";
import { procurementHost, producerHost } from "../adapters/gcp/wire-offers.ts";

const script = join(import.meta.dirname, "../infra/gcp/setup.sh");
/** Logs each call; `describe` succeeds for what a `create` has made. */
const gcloud = `#!/usr/bin/env bash
echo "\${CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE:-} $*" >> "$STATE/log"
shift 3
case "$*" in
  "projects describe"*) echo 4242 ;;
  *" describe "*) grep -qxF "\${@: -1}" "$STATE/made" 2>/dev/null ;;
  "iam service-accounts create "*) echo "$4@proj.iam.gserviceaccount.com" >> "$STATE/made" ;;
  "iam service-accounts keys create "*) echo '{"type":"service_account"}' > "$5" ;;
  "pubsub topics create "*|"pubsub subscriptions create "*) echo "$4" >> "$STATE/made" ;;
esac
`;

const project = () => {
  const state = mkdtempSync(join(tmpdir(), "gcloud-"));
  writeFileSync(join(state, "gcloud"), gcloud);
  chmodSync(join(state, "gcloud"), 0o755);
  const key = join(state, "key.json");
  return {
    key,
    run: (...words: readonly string[]) => {
      writeFileSync(join(state, "log"), "");
      const env = { ...process.env, PATH: `${state}:${process.env.PATH}`, STATE: state };
      const { status, stdout, stderr } = spawnSync("bash", [script, ...words], { env, encoding: "utf8" });
      const calls = readFileSync(join(state, "log"), "utf8").trim().split("\n");
      return { status, stdout, stderr, calls };
    },
  };
};
const offers = (key: string) => [
  "--project",
  "proj",
  "--key",
  key,
  "--offers",
  "--topic",
  "projects/cloudcommerceproc-prod/topics/p",
  "--push-endpoint",
  "https://cosell.example/hooks/con_1",
];
const made = (calls: readonly string[]) => calls.filter((call) => / create /.test(call));

describe("the project's setup for co-sell", () => {
  it.each([
    ["channel", channelHost],
    ["crm_partners", crmHost],
  ])(
    "for surface %s enables the API that the adapter calls, makes a service account, and gives it no role",
    (surface, host) => {
      const { run } = project();
      const { status, calls, stdout } = run("--project", "proj", "--surface", surface);
      expect(status).toBe(0);
      expect(calls.join("\n")).toContain(`services enable iam.googleapis.com ${host}`);
      expect(made(calls)).toHaveLength(1);
      expect(calls.join("\n")).not.toMatch(/add-iam-policy-binding|--role/);
      expect(stdout).toMatch(/role Integrator[\s\S]*--assisted/);
    },
  );
  it("lets the service account read the bucket of the reports, and nothing else", () => {
    const { status, calls } = project().run("--project", "proj", "--reports", "money");
    expect(status).toBe(0);
    expect(
      calls.filter((call) => call.includes("--role")).map((call) => call.replace(/^.*? storage /, "storage ")),
    ).toEqual([
      "storage buckets add-iam-policy-binding gs://money --member serviceAccount:cosell-integrator@proj.iam.gserviceaccount.com --role roles/storage.objectViewer",
    ]);
  });
  it("writes a key that only its owner can read, and keeps one that is there", () => {
    const { run, key } = project();
    run("--project", "proj", "--key", key);
    expect(statSync(key).mode & 0o077).toBe(0);
    const again = run("--project", "proj", "--key", key);
    expect([again.status, made(again.calls)]).toEqual([0, []]);
  });
  it.each([
    [[], /--project is missing/],
    [["--project", "proj", "--surface", "x"], /channel or crm_partners/],
    [["--project", "proj", "--typo"], /--typo is unknown/],
    [["--project", "proj", "--offers"], /--topic/],
  ])("refuses %j by name, and calls nothing", (words, message) => {
    const { status, stderr, calls } = project().run(...words);
    expect([status, calls]).toEqual([2, [""]]);
    expect(stderr).toMatch(message);
  });
});

describe("the way of the offers' events", () => {
  it("is pushed with a signed token for our address, never expires, and loses nothing silently", () => {
    const { run, key } = project();
    const { status, calls, stdout } = run(...offers(key));
    expect(status).toBe(0);
    expect(calls.join("\n")).toContain(procurementHost);
    expect(calls.join("\n")).toContain(producerHost);
    // What it prints is what the connection is told.
    expect(stdout).toContain(
      "--push-email cosell-push@proj.iam.gserviceaccount.com --push-audience https://cosell.example/hooks/con_1",
    );
    const subscription = calls.find((call) => call.includes("subscriptions create")) ?? "";
    expect(subscription).toContain("--push-auth-service-account cosell-push@proj.iam.gserviceaccount.com");
    expect(subscription).toContain("--push-auth-token-audience https://cosell.example/hooks/con_1");
    expect(subscription).toContain("--expiration-period never");
    expect(subscription).toMatch(/--dead-letter-topic projects\/proj\/topics\/\S+ --max-delivery-attempts 20/);
    // Google takes the subscription from the linked service account alone.
    expect(subscription.startsWith(`${key} `)).toBe(true);
    expect(existsSync(key)).toBe(true);
  });
  it("gives each account only what the way needs", () => {
    const { run, key } = project();
    const bindings = run(...offers(key)).calls.flatMap(
      (call) => /--member (\S+) --role (\S+)/.exec(call)?.slice(1, 3).join(" ") ?? [],
    );
    expect(bindings.toSorted()).toEqual([
      "serviceAccount:cosell-integrator@proj.iam.gserviceaccount.com roles/commerceproducer.admin",
      "serviceAccount:cosell-integrator@proj.iam.gserviceaccount.com roles/iam.serviceAccountUser",
      "serviceAccount:cosell-integrator@proj.iam.gserviceaccount.com roles/pubsub.editor",
      "serviceAccount:service-4242@gcp-sa-pubsub.iam.gserviceaccount.com roles/iam.serviceAccountTokenCreator",
      "serviceAccount:service-4242@gcp-sa-pubsub.iam.gserviceaccount.com roles/pubsub.publisher",
      "serviceAccount:service-4242@gcp-sa-pubsub.iam.gserviceaccount.com roles/pubsub.subscriber",
    ]);
  });
  it("is there once, however often it is set up", () => {
    const { run, key } = project();
    run(...offers(key));
    expect(made(run(...offers(key)).calls)).toEqual([]);
  });
});
