/**
 * SQS's wire protocol (AWS JSON 1.0) in front of the queues: who asks, which operation, and its answer.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
 */
import * as z from "zod";
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { Clock } from "../../../src/ports.ts";
import { isLostBefore, type Waiting } from "../../simulator/departure.ts";
import { unstruck } from "../../simulator/faults.ts";
import { type Answer, atTheDoor, Refusal, refusalAnswer } from "./answers.ts";
import { queueOperations, type Struck } from "./faults.ts";
import { depart, refusalBefore } from "./mangle.ts";
import { md5 } from "./md5.ts";
import { arnOfQueue, type Queues, queueRefusal, type Received } from "./queues.ts";
import { authenticate, type SimulatedCredential } from "./signature.ts";
import type { Queue } from "./targets.ts";
import type { World } from "./world.ts";

const prefix = "AmazonSQS.";
const waitSecondsMax = 20;
const lookEveryMs = 200;

export interface SqsParts {
  readonly queues: Queues;
  readonly credentials: readonly SimulatedCredential[];
  readonly basePath: string;
  readonly clock: Clock;
  readonly waiting: Waiting;
  /** Runs work alone and makes what it changed durable. */
  readonly transact: <T>(work: () => T | Promise<T>) => Promise<T>;
  /** Does what is due: events that arrive while somebody waits. */
  readonly tick: () => Promise<number>;
}

/** True for a request in SQS's protocol. */
export const speaksSqs = (request: Request): boolean =>
  request.headers.get("x-amz-target")?.startsWith(prefix) === true;

const text = z.string().min(1);
const inputs = {
  ReceiveMessage: z.looseObject({
    QueueUrl: text,
    MaxNumberOfMessages: z.int().min(1).max(10).default(1),
    VisibilityTimeout: z.int().min(0).max(43_200).optional(),
    WaitTimeSeconds: z.int().min(0).max(waitSecondsMax).default(0),
    MessageSystemAttributeNames: z.array(z.string()).default([]),
  }),
  DeleteMessage: z.looseObject({ QueueUrl: text, ReceiptHandle: text }),
  DeleteMessageBatch: z.looseObject({
    QueueUrl: text,
    Entries: z
      .array(z.looseObject({ Id: z.string().regex(/^[\w-]{1,80}$/), ReceiptHandle: text }))
      .min(1)
      .max(10),
  }),
  ChangeMessageVisibility: z.looseObject({
    QueueUrl: text,
    ReceiptHandle: text,
    VisibilityTimeout: z.int().min(0).max(43_200),
  }),
  GetQueueAttributes: z.looseObject({ QueueUrl: text, AttributeNames: z.array(z.string()).default([]) }),
  GetQueueUrl: z.looseObject({ QueueName: text, QueueOwnerAWSAccountId: z.string().optional() }),
} as const;
type Operation = keyof typeof inputs;

interface Call {
  readonly operation: Operation;
  readonly input: JsonObject;
  readonly account: string;
  readonly origin: string;
}

export const createSqs = (world: World, parts: SqsParts) => {
  const { queues } = parts;
  const queueAt = (call: Call, url: string): Queue => {
    const id = url.split("/").slice(-2).join("/");
    const queue = queues.find(id);
    if (queue === null) throw queueRefusal("QueueDoesNotExist", "The specified queue does not exist.");
    if (queue.account !== call.account) throw denied(call);
    return queue;
  };

  const work: Readonly<Record<Operation, (call: Call) => JsonObject>> = {
    ReceiveMessage: (call) => {
      const input = inputs.ReceiveMessage.parse(call.input);
      const queue = queueAt(call, input.QueueUrl);
      const seconds = input.VisibilityTimeout ?? queue.visibilitySeconds;
      const received = queues.receive(queue, input.MaxNumberOfMessages, seconds);
      if (received.length === 0) return {};
      return { Messages: received.map((message) => messageView(message, input.MessageSystemAttributeNames)) };
    },
    DeleteMessage: (call) => {
      const input = inputs.DeleteMessage.parse(call.input);
      const { message, isLatest } = queues.remember(queueAt(call, input.QueueUrl), input.ReceiptHandle);
      if (message !== null && isLatest) queues.forget(message);
      return {};
    },
    DeleteMessageBatch: (call) => {
      const input = inputs.DeleteMessageBatch.parse(call.input);
      const queue = queueAt(call, input.QueueUrl);
      if (new Set(input.Entries.map(({ Id }) => Id)).size < input.Entries.length)
        throw queueRefusal("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.");
      const results = input.Entries.map(({ Id, ReceiptHandle }) => {
        try {
          const { message, isLatest } = queues.remember(queue, ReceiptHandle);
          if (message !== null && isLatest) queues.forget(message);
          return { Id, ok: true };
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          return { Id, ok: false };
        }
      });
      return {
        Successful: results.filter(({ ok }) => ok).map(({ Id }) => ({ Id })),
        Failed: results
          .filter(({ ok }) => !ok)
          .map(({ Id }) => ({
            Id,
            SenderFault: true,
            Code: "ReceiptHandleIsInvalid",
            Message: "The input receipt handle is invalid.",
          })),
      };
    },
    ChangeMessageVisibility: (call) => {
      const input = inputs.ChangeMessageVisibility.parse(call.input);
      const { message } = queues.remember(queueAt(call, input.QueueUrl), input.ReceiptHandle);
      if (message === null || message.visibleAt <= world.now().toISOString())
        throw queueRefusal("MessageNotInflight", "The message is not in flight.");
      queues.hide(message, input.VisibilityTimeout);
      return {};
    },
    GetQueueAttributes: (call) => {
      const input = inputs.GetQueueAttributes.parse(call.input);
      const all = attributesOf(queueAt(call, input.QueueUrl));
      const unknown = input.AttributeNames.find((name) => name !== "All" && !(name in all) && name !== "RedrivePolicy");
      if (unknown !== undefined) throw queueRefusal("InvalidAttributeName", `Unknown Attribute ${unknown}.`);
      const wanted = Object.entries(all).filter(
        ([name]) => input.AttributeNames.includes("All") || input.AttributeNames.includes(name),
      );
      return wanted.length === 0 ? {} : { Attributes: Object.fromEntries(wanted) };
    },
    GetQueueUrl: (call) => {
      const input = inputs.GetQueueUrl.parse(call.input);
      const id = `${input.QueueOwnerAWSAccountId ?? call.account}/${input.QueueName}`;
      queueAt(call, id);
      return { QueueUrl: `${call.origin}/${id}` };
    },
  };

  const attributesOf = (queue: Queue): Readonly<Record<string, string>> => {
    const now = world.now().toISOString();
    const held = queues.held(queue);
    const visible = held.filter((message) => message.visibleAt <= now).length;
    const { redrive } = queue;
    const deadLetterTargetArn = redrive === null ? "" : arnOfQueue({ account: queue.account, name: redrive.queue });
    return {
      ApproximateNumberOfMessages: String(visible),
      ApproximateNumberOfMessagesNotVisible: String(held.length - visible),
      ApproximateNumberOfMessagesDelayed: "0",
      CreatedTimestamp: seconds(queue.createdAt),
      LastModifiedTimestamp: seconds(queue.createdAt),
      VisibilityTimeout: String(queue.visibilitySeconds),
      MessageRetentionPeriod: String(queue.retentionSeconds),
      MaximumMessageSize: "262144",
      DelaySeconds: "0",
      ReceiveMessageWaitTimeSeconds: "0",
      QueueArn: arnOfQueue(queue),
      ...(redrive === null
        ? {}
        : { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: redrive.maxReceiveCount }) }),
    };
  };

  const perform = (call: Call): JsonObject => {
    try {
      return work[call.operation](call);
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      const [issue] = error.issues;
      throw queueRefusal("InvalidParameterValue", `Value for ${issue?.path.join(".")} is not valid: ${issue?.message}`);
    }
  };

  const open = async (request: Request, body: Uint8Array<ArrayBuffer>): Promise<Call> => {
    const operation = operationOf(request);
    const { account } = await authenticate(
      { request, body, basePath: parts.basePath, service: "sqs" },
      parts.credentials,
    );
    return { operation, account, input: readBody(body), origin: new URL(request.url).origin };
  };

  /** The answer of a call; a receive that finds nothing waits as long as it was asked to. */
  const answered = async (call: Call, signal: AbortSignal): Promise<JsonObject> => {
    const waitMs = call.operation === "ReceiveMessage" ? Number(call.input.WaitTimeSeconds ?? 0) * 1_000 : 0;
    const until = world.now().getTime() + Math.min(waitMs, waitSecondsMax * 1_000);
    for (;;) {
      const answer = await parts.transact(() => perform(call));
      const leftMs = until - world.now().getTime();
      if (answer.Messages !== undefined || leftMs <= 0 || signal.aborted) return answer;
      await parts.clock.sleep(Math.min(lookEveryMs, leftMs));
      await parts.tick();
    }
  };

  /** Serves one request in SQS's protocol. */
  return async (request: Request): Promise<Response> => {
    const body = new Uint8Array(await request.arrayBuffer());
    let struck: Struck = unstruck;
    const requestId = await parts.transact(() => world.uuid("request"));
    const finish = (answer: Omit<Answer, "requestId">): Promise<Response> =>
      depart({ answer: { ...answer, requestId }, struck, signal: request.signal }, parts.waiting);
    try {
      const call = await parts.transact(async () => {
        const opened = await open(request, body);
        struck = world.faults.strike(opened.operation);
        return opened;
      });
      const refusal = refusalBefore(struck, call.operation, false);
      if (refusal !== null) throw struck.has("permission_lost") ? denied(call) : refusal;
      const done = isLostBefore(struck) ? {} : await answered(call, request.signal);
      return await finish({ status: 200, body: done, date: world.now() });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const response = await finish(refusalAnswer(error, requestId, world.now()));
      if (error.type.endsWith("QueueDoesNotExist"))
        response.headers.set("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender");
      return response;
    }
  };
};

const denied = (call: Call): Refusal =>
  queueRefusal(
    "AccessDeniedException",
    `User: arn:aws:iam::${call.account}:user/partner is not authorized to perform: sqs:${call.operation.toLowerCase()}`,
  );

const isOperation = (name: string): name is Operation => queueOperations.some((known) => known === name);
const operationOf = (request: Request): Operation => {
  const name = (request.headers.get("x-amz-target") ?? "").slice(prefix.length);
  if (request.method === "POST" && isOperation(name)) return name;
  throw atTheDoor("UnknownOperationException", "The requested operation is not recognized by the service.");
};

const readBody = (body: Uint8Array): JsonObject => {
  try {
    return z.record(z.string(), z.json()).parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch {
    throw atTheDoor("SerializationException", "The request body is not a JSON object in UTF-8.");
  }
};

const messageView = (message: Received, names: readonly string[]): Json => {
  const attributes = {
    SenderId: "AIDAEVENTBRIDGE",
    SentTimestamp: String(Date.parse(message.sentAt)),
    ApproximateReceiveCount: String(message.receives),
    ApproximateFirstReceiveTimestamp: String(Date.parse(message.firstReceivedAt ?? message.sentAt)),
  };
  const wanted = Object.entries(attributes).filter(([name]) => names.includes("All") || names.includes(name));
  return {
    MessageId: message.id,
    ReceiptHandle: message.receipt,
    Body: message.body,
    MD5OfBody: md5(message.body),
    ...(wanted.length === 0 ? {} : { Attributes: Object.fromEntries(wanted) }),
  };
};

const seconds = (stamp: string): string => String(Math.floor(Date.parse(stamp) / 1_000));
