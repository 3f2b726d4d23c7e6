/**
 * EventBridge events fetched from an SQS queue: the SDK's client makes and signs the request, the Http port carries it, and
 * what comes is held to the same bounds and allow-lists as a webhook. The signature proves us to AWS, TLS proves AWS to us.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
 */
import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Pull, Pulled, QueueState, SessionDeps } from "../contract.ts";
import { carryOver, faultOfTrouble, type KeyFinder, keysOf, type SdkRequest } from "./client.ts";
import { type Answer, type Asked, errorTypeOf, faultOf } from "./faults.ts";
import { judgeEvent } from "./hooks.ts";
import type { QueueTarget, Target } from "./settings.ts";

const messagesMax = 10;
/** The most that SQS waits for a first message. */
const waitSecondsMax = 20;
/** How long what we received is hidden from others: ten messages are kept in far less. */
const visibilitySeconds = 60;
const answerMsMax = 10_000;
const overLimitMs = 30_000;
/** Ten bodies of SQS's largest size together are never more than one such size, in JSON's escapes. */
const bodyBytesMax = 8 * 1024 * 1024;
/** What a webhook may carry, the queue may not exceed. */
const eventBytesMax = 256 * 1024;

const messageSchema = z.looseObject({
  MessageId: z.string().max(128),
  ReceiptHandle: z.string().min(1),
  Body: z.string().default(""),
  Attributes: z.looseObject({ ApproximateReceiveCount: z.coerce.number().int().catch(1) }).optional(),
});
const countSchema = z.coerce.number().int().min(0);
const attributesSchema = z.looseObject({
  ApproximateNumberOfMessages: countSchema,
  ApproximateNumberOfMessagesNotVisible: countSchema,
  RedrivePolicy: z.string().optional(),
});
const redriveSchema = z.looseObject({
  deadLetterTargetArn: z.string().regex(/^arn:[^:]+:sqs:[^:]+:\d{12}:[^:]+$/),
  maxReceiveCount: z.coerce.number().int(),
});

export interface QueueParts {
  readonly queue: QueueTarget;
  readonly finder: KeyFinder | null;
}
type Operation = "ReceiveMessage" | "DeleteMessageBatch" | "GetQueueAttributes" | "GetQueueUrl";
interface Call<T> {
  readonly operation: Operation;
  readonly send: (client: SQSClient) => Promise<T>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Sends calls to one queue's SQS; one attempt each: who pulls decides about the next. */
export const createQueueWire = (deps: SessionDeps, target: Target, { queue, finder }: QueueParts) => ({
  send: async <T>(call: Call<T>): Promise<Result<T>> => {
    const asked: Asked = { operation: call.operation, kind: "read", now: deps.clock.now() };
    const limits = { timeoutMs: call.timeoutMs ?? answerMsMax, bodyBytesMax, hosts: [queue.host] };
    let sent = false;
    let answer: Answer | null = null;
    const client = new SQSClient({
      region: queue.region,
      endpoint: queue.endpoint,
      useQueueUrlAsEndpoint: false,
      credentials: () => keysOf(deps, target.settings.credentials, finder),
      maxAttempts: 1,
      retryMode: "standard",
      defaultsMode: "standard",
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      userAgentAppId: "cosell",
      requestHandler: {
        handle: async (request: SdkRequest & { readonly body?: unknown }) => {
          sent = true;
          const { "content-length": _, ...headers } = request.headers;
          const carriage = {
            limits,
            body: textOf(request.body),
            ...(call.signal === undefined ? {} : { signal: call.signal }),
          };
          const carried = await carryOver(deps, { ...request, headers }, carriage);
          answer = carried.answer;
          return { response: carried.response };
        },
      },
    });
    // Whoever carries the request states its length; signed, it would bind us to a carrier that says it just so.
    client.middlewareStack.add(
      (next) => async (given) => {
        const { request } = given;
        if (hasHeaders(request)) delete request.headers["content-length"];
        return next(given);
      },
      { step: "build", priority: "low", name: "leaveLengthUnsigned" },
    );
    try {
      return ok(await call.send(client));
    } catch (error) {
      const known: Answer | null = answer;
      return failed(
        known === null || isGood(known) ? faultOfTrouble(asked, error, sent) : queueFaultOf(asked, known, queue),
      );
    } finally {
      client.destroy();
    }
  },
});
export type QueueWire = ReturnType<typeof createQueueWire>;

/** SQS's own words for what other services say otherwise; the rest is as everywhere at AWS. */
const queueFaultOf = (asked: Asked, answer: Answer, queue: QueueTarget): Fault => {
  const type = errorTypeOf(answer) ?? "";
  if (/^(QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue|InvalidAddress)$/.test(type))
    return {
      kind: "missing",
      message: `there is no SQS queue ${queue.name} in account ${queue.account}, region ${queue.region}, or it is not shown to these credentials`,
    };
  if (/^(KmsAccessDenied|KmsDisabled|KmsInvalidState|KmsNotFound|InvalidSecurity)$/.test(type))
    return { kind: "denied", message: `SQS ${asked.operation}: ${type}: the queue's key or transport is not usable` };
  if (/^(OverLimit|KmsThrottled)$/.test(type)) {
    const retryAt = new Date(asked.now.getTime() + overLimitMs).toISOString();
    return { kind: "throttled", message: `SQS ${asked.operation}: ${type}`, retryAt };
  }
  return faultOf(asked, answer);
};

const textOf = (body: unknown): string => {
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  throw new Error("the SDK made no request whose body is known");
};

const isGood = ({ status }: Answer): boolean => status >= 200 && status < 300;
const hasHeaders = (value: unknown): value is { headers: Record<string, string> } =>
  typeof value === "object" && value !== null && "headers" in value;

/** The queue of a connection, to be fetched from. */
export const createPull = (deps: SessionDeps, target: Target, parts: QueueParts): Pull => {
  const wire = createQueueWire(deps, target, parts);
  const QueueUrl = parts.queue.url;
  return {
    receive: async (waitSeconds, signal) => {
      const seconds = Math.min(Math.max(Math.floor(waitSeconds), 0), waitSecondsMax);
      const answer = await wire.send({
        operation: "ReceiveMessage",
        send: (client) =>
          client.send(
            new ReceiveMessageCommand({
              QueueUrl,
              MaxNumberOfMessages: messagesMax,
              WaitTimeSeconds: seconds,
              VisibilityTimeout: visibilitySeconds,
              MessageSystemAttributeNames: ["ApproximateReceiveCount"],
            }),
          ),
        timeoutMs: seconds * 1_000 + answerMsMax,
        ...(signal === undefined ? {} : { signal }),
      });
      if (!answer.ok) return answer;
      return ok((answer.value.Messages ?? []).flatMap((message) => pulledOf(message, target)));
    },
    acknowledge: async (receipts) => {
      let taken = 0;
      for (let from = 0; from < receipts.length; from += messagesMax) {
        const Entries = receipts
          .slice(from, from + messagesMax)
          .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
        const answer = await wire.send({
          operation: "DeleteMessageBatch",
          send: (client) => client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })),
        });
        if (!answer.ok) return answer;
        taken += answer.value.Successful?.length ?? 0;
      }
      return ok(taken);
    },
    state: () => stateOf(wire, QueueUrl),
  };
};

/** A message with what its body comes to; one that is no message of SQS's is left alone. */
const pulledOf = (message: unknown, target: Target): readonly Pulled[] => {
  const parsed = messageSchema.safeParse(message);
  if (!parsed.success) return [];
  const { MessageId: id, ReceiptHandle: receipt, Body: body, Attributes: attributes } = parsed.data;
  const bytes = new TextEncoder().encode(body);
  const judged =
    bytes.length > eventBytesMax
      ? { kind: "misplaced" as const, reason: "it is larger than an event may be" }
      : judgeEvent(bytes, target);
  const verdict: Pulled["verdict"] =
    judged.kind === "event"
      ? { kind: "verified", delivery: judged.delivery }
      : { kind: judged.kind === "useless" ? "ignored" : "misplaced", reason: judged.reason };
  return [{ id, receipt, receives: attributes?.ApproximateReceiveCount ?? 1, body, verdict }];
};

/** What a queue says of itself. `drift` when it is not as AWS documents it. */
export const stateOf = async (wire: QueueWire, QueueUrl: string): Promise<Result<QueueState>> => {
  const answer = await wire.send({
    operation: "GetQueueAttributes",
    send: (client) =>
      client.send(
        new GetQueueAttributesCommand({
          QueueUrl,
          AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "RedrivePolicy"],
        }),
      ),
  });
  if (!answer.ok) return answer;
  const parsed = attributesSchema.safeParse(answer.value.Attributes);
  if (!parsed.success)
    return failed({ kind: "drift", message: "GetQueueAttributes: an answer that is not as AWS documents it" });
  const { ApproximateNumberOfMessages: waiting, ApproximateNumberOfMessagesNotVisible: inFlight } = parsed.data;
  return ok({ waiting, inFlight, deadLetter: deadLetterIn(parsed.data.RedrivePolicy) });
};

const deadLetterIn = (policy: string | undefined): QueueState["deadLetter"] => {
  if (policy === undefined || policy === "") return null;
  const parsed = redriveSchema.safeParse(readJson(policy));
  if (!parsed.success) return null;
  const [, , , , account = "", name = ""] = parsed.data.deadLetterTargetArn.split(":");
  return { name, account, maxReceives: parsed.data.maxReceiveCount };
};
const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** The URL of a queue of the same region by its name and account. */
export const urlOfQueue = async (
  wire: QueueWire,
  queue: { readonly name: string; readonly account: string },
): Promise<Result<string>> => {
  const answer = await wire.send({
    operation: "GetQueueUrl",
    send: (client) =>
      client.send(new GetQueueUrlCommand({ QueueName: queue.name, QueueOwnerAWSAccountId: queue.account })),
  });
  if (!answer.ok) return answer;
  const url = answer.value.QueueUrl;
  return url === undefined ? failed({ kind: "drift", message: "GetQueueUrl: an answer without URL" }) : ok(url);
};
