import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createAws } from "../adapters/aws/index.ts";
import { generate } from "../infra/generate-aws-picklists.ts";
import type { Connection } from "../src/domain/deal.ts";
import { connection, openSession, programmeFields, settings } from "./aws-double.ts";
import { testIds } from "./ids.ts";

const contracts = join(import.meta.dirname, "../../shared/contracts/aws/derived");
const opening =
  (over: Partial<Connection>, change: Connection["settings"] = {}) =>
  () =>
    openSession({ environment: over.environment ?? "simulated", settings: change });

describe("an AWS connection", () => {
  it.each([
    [
      "vendor_test on catalog AWS",
      { environment: "vendor_test" },
      { catalog: "AWS" },
      /vendor_test must use catalog Sandbox/,
    ],
    [
      "production on catalog Sandbox",
      { environment: "production" },
      { catalog: "Sandbox" },
      /production must use catalog AWS/,
    ],
    [
      "another account than its own",
      {},
      { accountId: "999988887777" },
      /account 111122223333 is not settings.accountId 999988887777/,
    ],
    [
      "simulated on real AWS",
      {},
      { endpoint: "https://partnercentral-selling.us-east-1.api.aws" },
      /simulated points at real AWS/,
    ],
    [
      "private offers with catalog Sandbox",
      {},
      { catalog: "Sandbox", offers: {} },
      /AWS Marketplace has no test catalog, its offers are real/,
    ],
    [
      "simulated offers at real AWS Marketplace",
      {},
      { offers: { catalogEndpoint: "https://catalog.marketplace.us-east-1.amazonaws.com" } },
      /names real AWS Marketplace/,
    ],
  ] as const)("is refused by name: %s", (_, over, change, message) => {
    expect(opening(over, change)).toThrow(message);
  });
  it.each([
    ["production", {}, "AWS", "https://partnercentral-selling.us-east-1.api.aws"],
    ["vendor_test", {}, "Sandbox", "https://partnercentral-selling.us-east-1.api.aws"],
    ["simulated", {}, "AWS", "https://aws.simulator.invalid"],
    [
      "simulated",
      { catalog: "Sandbox", endpoint: "http://127.0.0.1:4000/simulator/aws" },
      "Sandbox",
      "http://127.0.0.1:4000/simulator/aws",
    ],
  ] as const)("in %s with %j goes to catalog %s at %s", async (environment, change, catalog, endpoint) => {
    const { catalog: _, ...rest } = settings;
    let asked: URL | null = null;
    const marketplace = createAws();
    const session = marketplace.open(
      {
        clock: { now: () => new Date(0), sleep: async () => {} },
        ids: testIds,
        http: async (request) => {
          asked = new URL(request.url);
          expect(await request.json()).toMatchObject({ Catalog: catalog });
          return Response.json({ OpportunitySummaries: [] });
        },
        secrets: { get: async () => ({ value: "x", version: 1 }), rotate: async () => false },
        quota: { take: async () => ({ ok: true, value: null }) },
      },
      connection({ environment, settings: { ...rest, ...change } }),
    );
    expect(await session.check()).toMatchObject({ ok: true, value: { catalog, endpoint } });
    expect(String(asked)).toBe(endpoint.endsWith("/") ? endpoint : `${endpoint}/`);
  });
  it.each([
    [
      "production",
      {},
      ["catalog.marketplace.us-east-1.amazonaws.com", "agreement-marketplace.us-east-1.amazonaws.com"],
    ],
    ["simulated", {}, ["aws.simulator.invalid", "aws.simulator.invalid"]],
    ["simulated", { endpoint: "http://127.0.0.1:4000/simulator/aws" }, ["127.0.0.1:4000", "127.0.0.1:4000"]],
    [
      "production",
      { offers: { catalogEndpoint: "https://proxy.example.com/catalog" } },
      ["proxy.example.com", "agreement-marketplace.us-east-1.amazonaws.com"],
    ],
  ] as const)("in %s with %j asks for offers at %j", async (environment, change, hosts) => {
    const asked: string[] = [];
    const { session } = openSession({
      environment,
      settings: { ...settings, offers: {}, ...change },
      http: async (request) => {
        asked.push(new URL(request.url).host);
        return Response.json({});
      },
    });
    await session.offers?.changes(null);
    await session.agreements?.changes(null);
    expect(asked).toEqual(hosts);
  });
  it("says why it makes no private offers, in each case", () => {
    const whyNot = (environment: Connection["environment"], catalog: string) => {
      const { session } = openSession({ environment, settings: { ...settings, catalog } });
      return [session.offers, session.agreements, session.lacks.offers];
    };
    expect(whyNot("production", "AWS")).toEqual([undefined, undefined, expect.stringContaining("settings.offers")]);
    expect(whyNot("vendor_test", "Sandbox")).toEqual([
      undefined,
      undefined,
      expect.stringContaining("no test catalog"),
    ]);
  });
  it.each([
    ["a secret itself", { credentials: { accessKeyIdRef: "AKIAEXAMPLE", secretAccessKeyRef: "secret:key" } }],
    ["http beyond this machine", { endpoint: "http://aws.example.com" }],
    ["an endpoint with a user", { endpoint: "https://user:pass@aws.example.com" }],
    ["http to a look-alike of this machine", { endpoint: "http://localhost.example.com" }],
    ["another region", { region: "eu-west-1" }],
    ["eleven digits", { accountId: "11112222333" }],
    ["a misspelt setting", { catalogue: "AWS" }],
    ["three hook keys", { hookKeys: { keyRefs: ["secret:a", "secret:b", "secret:c"] } }],
    ["an industry AWS does not know", { industryMap: { Fintech: "Fintech" } }],
  ])("has its settings refused with %s", (_, change) => {
    expect(createAws().settings.safeParse({ ...settings, ...change }).success).toBe(false);
    expect(createAws().settings.safeParse(settings).success).toBe(true);
  });
  it("is described by JSON Schema, settings and programme fields", () => {
    const { settings: given, fields } = createAws();
    expect(z.toJSONSchema(given, { io: "input" })).toMatchObject({
      type: "object",
      required: expect.arrayContaining(["accountId", "credentials"]),
    });
    const schema = z.toJSONSchema(fields, { io: "input" });
    expect(Object.keys(schema.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(programmeFields)));
    expect(schema.properties?.useCase).toMatchObject({
      anyOf: [{ enum: expect.arrayContaining(["SAP"]) }, expect.anything()],
    });
  });
});

describe("the picklists", () => {
  it.skipIf(!existsSync(contracts))("are those of the contract data (skipped without ../shared/contracts)", () => {
    const committed = readFileSync(join(import.meta.dirname, "../adapters/aws/picklists.generated.ts"), "utf8");
    expect(committed).toBe(generate(contracts));
  });
});
