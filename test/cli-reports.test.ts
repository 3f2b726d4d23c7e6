/** `cosell connect` tells each marketplace's connection where reports of money lie. */
import { expect, test } from "vitest";
import { cosell, fakeApi, listRoute } from "./cli-shell.ts";

const saved = () => ({
  status: 201,
  body: { outcome: "created", dryRun: false, connection: { id: "con_1", label: "x", hookUrl: "https://x.example/h" } },
});

test.each([
  [
    "aws",
    ["--account", "123456789012", "--profile", "p", "--report-bucket", "feeds", "--report-region", "eu-west-1"],
    { reports: { bucket: "feeds", region: "eu-west-1" } },
  ],
  [
    "gcp",
    ["--partner", "aBcD", "--key-ref", "env:KEY", "--report-bucket", "money", "--report-prefix", "google/"],
    { reports: { bucket: "money", prefix: "google/" }, credentials: { keyRef: "env:KEY" } },
  ],
  [
    "azure",
    [
      "--organization",
      "o-1",
      "--tenant",
      "t.example",
      "--client-id",
      "c-1",
      "--client-secret",
      "s",
      "--reports",
      "--no-sign-in",
    ],
    { reports: {}, app: { kind: "secret", clientId: "c-1" } },
  ],
])("connect %s", async (marketplace, words, settings) => {
  const { api, calls } = fakeApi(listRoute("/v1/connections", []), saved);
  await cosell(["connect", marketplace, ...words], { api });
  expect(calls.find(({ method }) => method === "POST")?.body).toMatchObject({ settings });
});

test.each([
  ["aws", ["--account", "123456789012", "--profile", "p", "--report-prefix", "x/"]],
  ["gcp", ["--partner", "aBcD", "--key-ref", "env:KEY", "--report-prefix", "x/"]],
])("connect %s asks for the bucket beside a prefix", async (marketplace, words) => {
  const { code, err } = await cosell(["connect", marketplace, ...words], { api: fakeApi(saved).api });
  expect(code).toBe(2);
  expect(err).toMatch(/give --report-bucket/);
});
