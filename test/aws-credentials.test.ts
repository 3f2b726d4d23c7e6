import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import type { Write } from "../adapters/contract.ts";
import { ok } from "../src/domain/fault.ts";
import {
  type Canned,
  connection,
  coSellOf,
  type Double,
  http,
  now,
  openDouble,
  openSession,
  settings,
} from "./aws-double.ts";
import { testIds } from "./ids.ts";

let aws: Double;
beforeAll(async () => {
  aws = await openDouble();
});
afterAll(() => aws.close());
const open = (over: Parameters<typeof openSession>[0] = {}) => coSellOf(openSession({ url: aws.url, ...over }).session);
const refusal = (type: string): Canned => ({ status: 400, body: { __type: type, Message: "why" } });
const micro = "2026-08-01T09:30:12.078035+00:00";
const update: Write = {
  operation: "UpdateOpportunity",
  key: `update:${micro}`,
  body: { Catalog: "AWS", Identifier: "O1", LastModifiedDate: micro },
  token: "we-read",
};

describe("credentials", () => {
  it("are checked by one cheap read", async () => {
    aws.script({ ListOpportunities: [{ body: { OpportunitySummaries: [] } }, refusal("AccessDeniedException")] });
    const { session } = openSession({ url: aws.url });
    expect(await session.check()).toEqual(ok({ account: "111122223333", catalog: "AWS", endpoint: aws.url }));
    expect(aws.seen[0]?.body).toEqual({ Catalog: "AWS", MaxResults: 1 });
    expect(await session.check()).toMatchObject({ fault: { kind: "denied" } });
  });
  it("that are not stored deny, that cannot be read now are unavailable, and nothing is sent; no secret is told", async () => {
    aws.script({});
    const missing = await open({
      settings: { credentials: { accessKeyIdRef: "secret:gone", secretAccessKeyRef: "secret:key" } },
    }).run(update, "T");
    expect(missing).toMatchObject({ fault: { kind: "denied", message: expect.stringContaining("secret:gone") } });
    expect(await open({ secrets: { key: null } }).run(update, "T")).toMatchObject({ fault: { kind: "unavailable" } });
    expect(aws.seen).toHaveLength(0);
    expect(JSON.stringify(missing)).not.toContain("not-a-real-key");
  });
  it("with a session token send it", async () => {
    aws.script({ UpdateOpportunity: [{ body: { Id: "O1", LastModifiedDate: micro } }] });
    const credentials = {
      accessKeyIdRef: "secret:id",
      secretAccessKeyRef: "secret:key",
      sessionTokenRef: "secret:token",
    };
    await open({ settings: { credentials }, secrets: { token: "session-token" } }).run(update, "T");
    expect(aws.seen[0]?.headers["x-amz-security-token"]).toBe("session-token");
  });
  it("by profile or role need a resolver: without one they are denied by name, with one they are kept until they expire", async () => {
    aws.script({ UpdateOpportunity: [{ body: { Id: "O1", LastModifiedDate: micro } }] });
    const byRole = { credentials: { roleArn: "arn:aws:iam::111122223333:role/cosell" } };
    expect(await open({ settings: byRole }).run(update, "T")).toMatchObject({
      fault: { kind: "denied", message: expect.stringContaining("need Node") },
    });
    let resolved = 0;
    const marketplace = createAws({
      credentials: (source) => async () => {
        resolved += 1;
        return {
          accessKeyId: "roleArn" in source ? "AKIDROLE" : "AKIDPROFILE",
          secretAccessKey: "k",
          expiration: new Date(Date.now() + 3_600_000),
        };
      },
    });
    const deps = {
      clock: { now: () => now, sleep: async () => {} },
      ids: testIds,
      http,
      secrets: { get: async () => null, rotate: async () => false },
      quota: { take: async () => ok(null) },
    };
    for (let session = 0; session < 3; session++) {
      const opened = marketplace.open(deps, connection({ settings: { ...settings, endpoint: aws.url, ...byRole } }));
      expect((await coSellOf(opened).run(update, "T")).ok).toBe(true);
    }
    expect(resolved).toBe(1);
    expect(aws.seen[0]?.headers.authorization).toContain("Credential=AKIDROLE/");
  });
});
