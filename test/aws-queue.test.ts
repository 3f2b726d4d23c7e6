import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { targetOf } from "../adapters/aws/settings.ts";
import type { Pull } from "../adapters/contract.ts";
import type { HttpLimits } from "../src/ports.ts";
import { account, connection, http, type OpenWith, openDouble, openSession, settings } from "./aws-double.ts";

const double = await openDouble();
afterAll(double.close);
const url = `${double.url}/${account}/events`;
const queueOf = (given: OpenWith = {}, queue: object = { url }): Pull => {
  const { pull } = openSession({
    ...given,
    url: double.url,
    settings: { ...given.settings, queue: { ...queue } },
  }).session;
  if (pull === undefined) throw new Error("no queue");
  return pull;
};
const event = (more: object = {}) =>
  JSON.stringify({
    id: "e1",
    "detail-type": "Opportunity Updated",
    source: "aws.partnercentral-selling",
    account,
    time: "2026-09-01T09:59:58Z",
    region: "us-east-1",
    detail: { catalog: "AWS", opportunity: { identifier: "O1" } },
    ...more,
  });
const message = (Body: string, more: object = {}) => ({
  MessageId: "m1",
  ReceiptHandle: "r1",
  Body,
  MD5OfBody: createHash("md5").update(Body).digest("hex"),
  Attributes: { ApproximateReceiveCount: "2" },
  ...more,
});
const receive = (answer: Parameters<typeof double.script>[0][string][number]) => {
  double.script({ "AmazonSQS.ReceiveMessage": [answer] });
  return queueOf().receive(5);
};
const refusal = (name: string, status = 400) => ({
  status,
  body: { __type: `com.amazonaws.sqs#${name}`, message: "no" },
});

describe("the queue of an AWS connection", () => {
  it("is asked by AWS's own protocol, signed for SQS and its region, within the bounds of the Http port", async () => {
    const limits: HttpLimits[] = [];
    double.script({ "AmazonSQS.ReceiveMessage": [{ body: { Messages: [message(event())] } }] });
    const pull = queueOf(
      {
        http: (request, bounds) => {
          limits.push(bounds);
          return http(request, bounds);
        },
      },
      { url, region: "eu-west-1" },
    );
    const received = await pull.receive(5);
    expect(received).toMatchObject({
      ok: true,
      value: [{ id: "m1", receipt: "r1", receives: 2, verdict: { kind: "verified", delivery: { key: "e1" } } }],
    });
    const [seen] = double.seen;
    expect(seen?.headers.authorization).toMatch(/Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/sqs\/aws4_request/);
    expect(seen?.body).toMatchObject({
      QueueUrl: url,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 5,
      VisibilityTimeout: 60,
    });
    expect(limits).toEqual([{ timeoutMs: 15_000, bodyBytesMax: 8 * 1024 * 1024, hosts: [new URL(double.url).host] }]);
  });

  it.each([
    ["a queue that is gone", refusal("QueueDoesNotExist"), "missing"],
    ["a permission that lacks", refusal("AccessDeniedException"), "denied"],
    ["a key of the queue that may not be used", refusal("KmsAccessDenied"), "denied"],
    ["too many in flight", refusal("OverLimit"), "throttled"],
    ["throttling", refusal("ThrottlingException"), "throttled"],
    ["a failure inside", refusal("InternalError", 500), "unavailable"],
    ["a proxy's page", { status: 502, raw: "<html>" }, "unavailable"],
    ["a broken connection", { trouble: "reset" as const }, "unavailable"],
    ["half an answer", { trouble: "truncate" as const, body: { Messages: [] } }, "unavailable"],
    [
      "a body that is not the one SQS stated",
      { body: { Messages: [message(event(), { MD5OfBody: "0".repeat(32) })] } },
      "unavailable",
    ],
    ["a type nobody knows", refusal("SomethingNew"), "drift"],
  ])("tells %s", async (_, answer, kind) => {
    expect(await receive(answer)).toMatchObject({ ok: false, fault: { kind } });
  });

  it("leaves a body larger than a webhook may be, and what is no message at all", async () => {
    const pad = "x".repeat(256 * 1024);
    const received = await receive({
      body: {
        Messages: [
          message(event({ pad })),
          { MessageId: "m2", Body: "", MD5OfBody: createHash("md5").update("").digest("hex") },
        ],
      },
    });
    expect(received).toMatchObject({
      ok: true,
      value: [{ verdict: { kind: "misplaced", reason: "it is larger than an event may be" } }],
    });
    expect(received.ok && received.value).toHaveLength(1);
  });

  it("stops waiting when it is told to", async () => {
    double.script({ "AmazonSQS.ReceiveMessage": [{ trouble: "silent" }] });
    const stop = new AbortController();
    const honest: OpenWith["http"] = (request) => fetch(request);
    const waiting = queueOf({ http: honest }).receive(20, stop.signal);
    setTimeout(() => stop.abort(), 50);
    expect(await waiting).toMatchObject({ ok: false, fault: { kind: "unavailable" } });
  });

  it("says what it could delete, ten at a time", async () => {
    double.script({
      "AmazonSQS.DeleteMessageBatch": [
        { body: { Successful: Array.from({ length: 10 }, (_, index) => ({ Id: String(index) })), Failed: [] } },
        { body: { Successful: [], Failed: [{ Id: "0", Code: "ReceiptHandleIsInvalid", SenderFault: true }] } },
      ],
    });
    const receipts = Array.from({ length: 11 }, (_, index) => `r${index}`);
    expect(await queueOf().acknowledge(receipts)).toEqual({ ok: true, value: 10 });
    expect(double.seen.map(({ body }) => (body.Entries as unknown[]).length)).toEqual([10, 1]);
  });
});

describe("the settings of a queue", () => {
  const target = (queue: object, environment: "production" | "vendor_test" | "simulated" = "production") =>
    targetOf(
      connection({
        environment,
        settings: { ...settings, catalog: environment === "vendor_test" ? "Sandbox" : "AWS", queue: { ...queue } },
      }),
    ).queue;
  it.each([
    ["https://sqs.us-east-1.amazonaws.com/111122223333/events", "us-east-1", "sqs.us-east-1.amazonaws.com"],
    ["https://sqs-fips.us-west-2.amazonaws.com/111122223333/events", "us-west-2", "sqs-fips.us-west-2.amazonaws.com"],
    ["https://queue.amazonaws.com/111122223333/events", "us-east-1", "queue.amazonaws.com"],
    [
      "https://vpce-0a1b.sqs.eu-west-1.vpce.amazonaws.com/111122223333/a.fifo",
      "eu-west-1",
      "vpce-0a1b.sqs.eu-west-1.vpce.amazonaws.com",
    ],
  ])("take %s with its region", (address, region, host) => {
    expect(target({ url: address })).toMatchObject({ region, host, account: "111122223333" });
  });
  it.each([
    "https://sqs.us-east-1.amazonaws.com.evil.example/111122223333/events",
    "https://evil.example/111122223333/events",
    "https://sqs.us-east-1.amazonaws.evil/111122223333/events",
    "https://xsqs.us-east-1.amazonaws.com/111122223333/events",
    "https://169.254.169.254/111122223333/events",
  ])("refuse %s, unless an endpoint says that it is meant", (address) => {
    expect(() => target({ url: address })).toThrow("no address of SQS");
    expect(target({ url: address, endpoint: "https://gateway.example" })).toMatchObject({ host: "gateway.example" });
  });
  it.each([
    "http://sqs.us-east-1.amazonaws.com/111122223333/events",
    "https://user@sqs.us-east-1.amazonaws.com/111122223333/events",
    "https://sqs.us-east-1.amazonaws.com/events",
    "https://sqs.us-east-1.amazonaws.com/111122223333/",
    "https://sqs.us-east-1.amazonaws.com/111122223333/a?b=c",
    "https://sqs.us-east-1.amazonaws.com/111122223333/../x y",
  ])("refuse the form %s", (address) => {
    expect(() => target({ url: address, endpoint: "https://gateway.example" })).toThrow();
  });
  it("keep a simulated connection from real AWS", () => {
    expect(() => target({ url: "https://sqs.us-east-1.amazonaws.com/111122223333/events" }, "simulated")).toThrow(
      "names a queue of real AWS",
    );
  });
});
