/** What S3's refusals mean to us, and what to do about each. */
import { expect, it } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import { createVirtualClock } from "../src/clock.ts";
import { ok } from "../src/domain/fault.ts";
import { connection, now } from "./aws-double.ts";
import { testIds } from "./ids.ts";

const answering = (answer: () => Response) => {
  const hosts: string[] = [];
  const session = createAws().open(
    {
      clock: createVirtualClock(now),
      ids: testIds,
      http: async (request) => {
        hosts.push(new URL(request.url).host);
        return answer();
      },
      secrets: { get: async () => ({ value: "key", version: 1 }), rotate: async () => false },
      quota: { take: async () => ok(null) },
    },
    connection({
      environment: "production",
      settings: {
        accountId: "111122223333",
        catalog: "AWS",
        credentials: { accessKeyIdRef: "secret:id", secretAccessKeyRef: "secret:key" },
        reports: { bucket: "feeds.example", prefix: "aws/", region: "eu-west-1" },
      },
    }),
  );
  if (session.reports === undefined) throw new Error("no door");
  return { reports: session.reports, hosts };
};
const refusal =
  (status: number, code: string, headers: Readonly<Record<string, string>> = {}) =>
  () =>
    new Response(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>told</Message></Error>`, {
      status,
      headers,
    });

it.each([
  ["SlowDown", refusal(503, "SlowDown"), "throttled", /too many/],
  ["no such bucket", refusal(404, "NoSuchBucket"), "denied", /settings\.reports\.bucket/],
  ["a key that is none", refusal(403, "InvalidAccessKeyId"), "denied", /credentials/],
  ["an expired session", refusal(400, "ExpiredToken"), "denied", /ExpiredToken/],
  ["a missing permission", refusal(403, "AccessDenied"), "denied", /s3:ListBucket on arn:aws:s3:::feeds\.example/],
  [
    "another region",
    refusal(400, "AuthorizationHeaderMalformed", { "x-amz-bucket-region": "us-west-2" }),
    "rejected",
    /in us-west-2, not in eu-west-1: set settings\.reports\.region/,
  ],
  ["trouble inside", refusal(500, "InternalError"), "unavailable", /InternalError/],
  ["a proxy's page", () => new Response("<html>", { status: 502 }), "unavailable", /502/],
  ["a list that is none", () => new Response("<Other/>"), "drift", /no list/],
  ["half a list", () => new Response("<ListBucketResult><IsTruncated>false"), "drift", /cut off/],
])("tells %s", async (_, answer, kind, message) => {
  const listed = await answering(answer).reports.list(null);
  expect(listed).toMatchObject({ ok: false, fault: { kind, message: expect.stringMatching(message) } });
});

it("asks a bucket whose name has dots by its path, for no certificate would fit its host", async () => {
  const { reports, hosts } = answering(refusal(500, "InternalError"));
  await reports.list(null);
  expect(hosts).toEqual(["s3.eu-west-1.amazonaws.com"]);
});

it("reads names that are written for an address, and leaves folders out", async () => {
  const row = (key: string) =>
    `<Contents><Key>${key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>3</Size></Contents>`;
  const body = `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${row("aws/")}${row("aws/year%3D2026/a+b%2Bc.csv")}</ListBucketResult>`;
  const listed = await answering(() => new Response(body)).reports.list(null);
  expect(listed).toMatchObject({
    value: {
      files: [{ path: "aws/year=2026/a b+c.csv", bytes: 3, modifiedAt: "2020-01-01T00:00:00.000Z" }],
      isLast: true,
    },
  });
});
