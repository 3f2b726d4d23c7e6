import { createHash } from "node:crypto";
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryState, simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { md5 } from "../adapters/aws/simulator/md5.ts";
import type { QueueInput } from "../adapters/aws/simulator/queues.ts";
import { openRig, type Rig, type RigOptions, start } from "./aws-simulator-rig.ts";

interface Bench {
  readonly rig: Rig;
  readonly sqs: SQSClient;
  readonly url: string;
  readonly send: (...bodies: readonly string[]) => Promise<void>;
  readonly receive: (more?: object) => Promise<readonly Message[]>;
  readonly delete: (receipt: string | undefined) => Promise<unknown>;
}
const clientFor = (rig: Rig, credentials = simulatedCredential): SQSClient =>
  new SQSClient({ endpoint: rig.url, region: "us-east-1", maxAttempts: 1, credentials });

/** A simulator with a queue behind real HTTP, and AWS's own client. */
const withQueue = async (
  work: (bench: Bench) => Promise<void>,
  queue: Partial<QueueInput> = {},
  rigOptions: RigOptions = {},
) => {
  const rig = await openRig(rigOptions);
  const sqs = clientFor(rig);
  try {
    await rig.controls.putQueue({ name: "events-dlq" });
    await rig.controls.putQueue({ name: "events", ...queue });
    const url = `${rig.url}/${simulatedCredential.account}/events`;
    await work({
      rig,
      sqs,
      url,
      send: async (...bodies) => {
        for (const body of bodies) await rig.controls.sendToQueue({ queue: "events", body });
      },
      receive: async (more = {}) =>
        (
          await sqs.send(
            new ReceiveMessageCommand({
              QueueUrl: url,
              MaxNumberOfMessages: 10,
              MessageSystemAttributeNames: ["All"],
              ...more,
            }),
          )
        ).Messages ?? [],
      delete: (ReceiptHandle) => sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle })),
    });
  } finally {
    sqs.destroy();
    await rig.close();
  }
};
const bodies = (messages: readonly Message[]) => messages.map(({ Body }) => Body);

describe("a simulated SQS queue, asked by AWS's own client", () => {
  it("hides a received message for its visibility timeout, counts receives, and forgets it when it is deleted", () =>
    withQueue(async ({ rig, send, receive, delete: remove }) => {
      await send("one", "two");
      const [one, two] = await receive({ VisibilityTimeout: 60 });
      expect([one?.Body, two?.Body]).toEqual(["one", "two"]);
      expect(one?.Attributes).toMatchObject({
        ApproximateReceiveCount: "1",
        SentTimestamp: String(rig.clock.now().getTime()),
      });
      expect(await receive()).toEqual([]);
      await remove(one?.ReceiptHandle);
      rig.pause(61);
      const again = await receive({ VisibilityTimeout: 60 });
      expect([bodies(again), again[0]?.Attributes]).toEqual([
        ["two"],
        expect.objectContaining({ ApproximateReceiveCount: "2" }),
      ]);
      // An old receipt is taken and deletes nothing, as AWS documents it.
      await remove(two?.ReceiptHandle);
      rig.pause(61);
      expect(bodies(await receive())).toEqual(["two"]);
    }));

  it("shows a message early or late as ChangeMessageVisibility asks, only while it is in flight", () =>
    withQueue(async ({ sqs, url, send, receive, rig }) => {
      await send("one");
      const [one] = await receive({ VisibilityTimeout: 60 });
      const change = (VisibilityTimeout: number) =>
        sqs.send(
          new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle: one?.ReceiptHandle, VisibilityTimeout }),
        );
      await change(600);
      rig.pause(61);
      expect(await receive()).toEqual([]);
      await change(0);
      expect(bodies(await receive())).toEqual(["one"]);
      rig.pause(61);
      await expect(change(10)).rejects.toMatchObject({ name: "MessageNotInflight" });
    }));

  it("moves a message to the dead-letter queue after maxReceiveCount receives, and drops it after its retention", () =>
    withQueue(
      async ({ sqs, url, send, receive, rig }) => {
        await send("poison");
        for (let count = 0; count < 3; count++) {
          expect(bodies(await receive({ VisibilityTimeout: 10 }))).toEqual(["poison"]);
          rig.pause(11);
        }
        expect(await receive()).toEqual([]);
        const dead = url.replace(/events$/, "events-dlq");
        const attributes = async (QueueUrl: string) =>
          (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }))).Attributes;
        expect(await attributes(dead)).toMatchObject({ ApproximateNumberOfMessages: "1" });
        expect(JSON.parse((await attributes(url))?.RedrivePolicy ?? "{}")).toEqual({
          deadLetterTargetArn: "arn:aws:sqs:us-east-1:111122223333:events-dlq",
          maxReceiveCount: 3,
        });
        rig.pause(345_601);
        expect(await attributes(dead)).toMatchObject({ ApproximateNumberOfMessages: "0" });
      },
      { redrive: { queue: "events-dlq", maxReceiveCount: 3 } },
    ));

  it("waits for a message under the virtual clock, and answers nothing after the wait", () =>
    withQueue(async ({ rig, receive }) => {
      await rig.controls.change({ timing: { eventSeconds: [5, 5] } });
      await rig.controls.putDestination({ queue: "events" });
      const before = rig.clock.now().getTime();
      expect(await receive({ WaitTimeSeconds: 20 })).toEqual([]);
      expect(rig.clock.now().getTime() - before).toBe(20_000);
      await rig.create();
      const at = rig.clock.now().getTime();
      const [message] = await receive({ WaitTimeSeconds: 20 });
      expect(JSON.parse(message?.Body ?? "{}")["detail-type"]).toBe("Opportunity Created");
      expect(rig.clock.now().getTime() - at).toBeLessThan(5_500);
    }));

  it("delivers twice and out of order as its seed says, the same in every run", async () => {
    const run = async (seed: string): Promise<readonly (string | undefined)[]> => {
      let seen: readonly (string | undefined)[] = [];
      await withQueue(
        async ({ send, receive }) => {
          await send(...Array.from({ length: 8 }, (_, index) => `m${index}`));
          seen = [...bodies(await receive()), "|", ...bodies(await receive())];
        },
        { shuffled: true, duplicates: 0.4 },
        { seed },
      );
      return seen;
    };
    const [first, again, other] = [await run("a"), await run("a"), await run("b")];
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    const [one, two] = [first.slice(0, first.indexOf("|")), first.slice(first.indexOf("|") + 1)];
    expect([...one].sort()).toEqual(Array.from({ length: 8 }, (_, index) => `m${index}`));
    expect(one).not.toEqual([...one].sort());
    expect(two.length).toBeGreaterThan(0);
    expect(two.length).toBeLessThan(8);
  });

  it("deletes in batches and names the entries it could not", () =>
    withQueue(async ({ sqs, url, send, receive }) => {
      await send("one", "two");
      const received = await receive();
      const entries = received.map(({ ReceiptHandle }, index) => ({ Id: `e${index}`, ReceiptHandle }));
      const answer = await sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: url,
          Entries: [...entries, { Id: "bad", ReceiptHandle: "nonsense" }],
        }),
      );
      expect(answer.Successful?.map(({ Id }) => Id)).toEqual(["e0", "e1"]);
      expect(answer.Failed).toMatchObject([{ Id: "bad", SenderFault: true, Code: "ReceiptHandleIsInvalid" }]);
    }));

  it("refuses by AWS's names: unknown queue, another's keys, a wrong signature, bad values, a lost permission", () =>
    withQueue(async ({ rig, sqs, url, receive, delete: remove }) => {
      const nowhere = new GetQueueUrlCommand({ QueueName: "none" });
      await expect(sqs.send(nowhere)).rejects.toMatchObject({ name: "QueueDoesNotExist" });
      expect((await sqs.send(new GetQueueUrlCommand({ QueueName: "events" }))).QueueUrl).toBe(url);
      for (const wrong of [{ accessKeyId: "AKIDNOBODY" }, { secretAccessKey: "wrong" }]) {
        const stranger = clientFor(rig, { ...simulatedCredential, ...wrong });
        const name = "accessKeyId" in wrong ? "UnrecognizedClientException" : "InvalidSignatureException";
        await expect(stranger.send(new GetQueueUrlCommand({ QueueName: "events" }))).rejects.toMatchObject({ name });
      }
      await expect(receive({ MaxNumberOfMessages: 11 })).rejects.toMatchObject({ name: "InvalidParameterValue" });
      await expect(remove("nonsense")).rejects.toMatchObject({ name: "ReceiptHandleIsInvalid" });
      await rig.controls.addFaults([{ on: "ReceiveMessage", fault: "permission_lost", nth: 1 }]);
      await expect(receive()).rejects.toMatchObject({ name: "AccessDeniedException" });
      expect(await receive()).toEqual([]);
    }));

  it("survives a restart with what it holds", async () => {
    const state = createMemoryState();
    await withQueue(({ send }) => send("kept"), {}, { state });
    const rig = await openRig({ state });
    expect((await rig.controls.queues()).queues).toMatchObject([
      { name: "events-dlq" },
      { name: "events", messages: 1 },
    ]);
    await rig.controls.reset();
    expect((await rig.controls.queues()).queues).toMatchObject([{ messages: 0 }, { messages: 0 }]);
    await rig.close();
  });

  it("states the MD5 of every body as node's own crypto computes it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        expect(md5(text)).toBe(createHash("md5").update(text).digest("hex"));
      }),
      { seed: 7, numRuns: 60 },
    );
  });
});

describe("an API destination with OAuth", () => {
  const oauth = {
    url: "http://hooks.example/hooks/con_1",
    oauth: {
      tokenUrl: "http://hooks.example/oauth/token",
      clientId: "me",
      clientSecret: "hush",
      query: { a: "1" },
      header: { "x-extra": "2" },
      body: { audience: "3" },
    },
  };
  /** A service that issues tokens of 30 minutes and takes those in `taken`. */
  const service = () => {
    const asked: string[] = [];
    const taken = new Set<string>();
    let issued = 0;
    let refuseTokens = false;
    const deliver = async (request: Request): Promise<Response> => {
      const url = new URL(request.url);
      if (url.pathname === "/oauth/token") {
        const body = await request.text();
        asked.push(
          `token ${url.search} ${request.headers.get("authorization")} ${request.headers.get("x-extra")} ${body}`,
        );
        if (refuseTokens) return Response.json({ error: "invalid_client" }, { status: 401 });
        issued += 1;
        taken.add(`t${issued}`);
        return Response.json({ access_token: `t${issued}`, token_type: "Bearer", expires_in: 1_800 });
      }
      const token = (request.headers.get("authorization") ?? "").replace("Bearer ", "");
      asked.push(`event ${token}`);
      return new Response(null, { status: taken.has(token) ? 202 : 401 });
    };
    const refuse = (yes: boolean): void => {
      refuseTokens = yes;
    };
    return { asked, taken, deliver, refuse };
  };

  it("fetches a token with its parameters, keeps it until a minute before its end, and renews it once on 401", async () => {
    const their = service();
    const rig = await openRig({ deliver: their.deliver });
    await rig.controls.putDestination(oauth);
    const emit = async (): Promise<readonly string[]> => {
      their.asked.length = 0;
      await rig.create();
      rig.pause(5);
      await rig.simulator.tick();
      return [...their.asked];
    };
    const token = `token ?a=1 Basic ${btoa("me:hush")} 2 grant_type=client_credentials&audience=3`;
    expect(await emit()).toEqual([token, "event t1"]);
    expect(await emit()).toEqual(["event t1"]);
    rig.pause(1_800);
    expect(await emit()).toEqual([token, "event t2"]);
    their.taken.clear();
    expect(await emit()).toEqual(["event t2", token, "event t3"]);
    their.taken.clear();
    their.refuse(true);
    expect(await emit()).toEqual(["event t3", token]);
    their.refuse(false);
    rig.pause(600);
    await rig.simulator.tick();
    expect((await rig.controls.ledger()).events.every(({ pending }) => pending === 0)).toBe(true);
    expect(JSON.stringify((await rig.controls.ledger()).destinations)).not.toContain("hush");
    await rig.close();
  });
});

it("events reach a queue and an API destination at once, and a replay brings them again", () =>
  withQueue(async ({ rig, receive }) => {
    await rig.controls.putDestination({
      id: "q",
      queue: "events",
      account: simulatedCredential.account,
      catalog: "AWS",
    });
    await rig.controls.putDestination({ url: "http://hooks.example/a", headerName: "x-key", headerValue: "k" });
    const id = await rig.create();
    await start(rig, id);
    rig.pause(300);
    await rig.simulator.tick();
    const pulled = (await receive()).map(({ Body }) => JSON.parse(Body ?? "").id);
    expect(pulled.length).toBeGreaterThan(0);
    expect([...pulled].sort()).toEqual(rig.received.map(({ event }) => event.id).sort());
    await rig.controls.replay(1);
    expect(bodies(await receive())).toHaveLength(1);
  }));
