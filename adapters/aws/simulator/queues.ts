/**
 * Standard SQS queues in small: at least once, in no promised order, hidden while somebody works on a message, and moved to
 * the dead-letter queue after too many receives. Changes the ledger only; the caller serialises and commits.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-types.html
 */
import * as z from "zod";
import { addSeconds } from "../../simulator/ground.ts";
import { Refusal } from "./answers.ts";
import { simulatedCredential, simulatedRegion } from "./signature.ts";
import { type Message, type Queue, queueSchema } from "./targets.ts";
import type { World } from "./world.ts";

export const queueInputSchema = queueSchema
  .omit({ id: true, createdAt: true })
  .extend({
    account: z.string().default(simulatedCredential.account),
    visibilitySeconds: queueSchema.shape.visibilitySeconds.default(30),
    retentionSeconds: queueSchema.shape.retentionSeconds.default(345_600),
    redrive: queueSchema.shape.redrive.default(null).describe("the dead-letter queue, and after how many receives"),
    duplicates: queueSchema.shape.duplicates.default(0).describe("how often a received message is not hidden"),
    shuffled: queueSchema.shape.shuffled.default(false).describe("hand messages out in a random order"),
  })
  .strict();
export type QueueInput = z.input<typeof queueInputSchema>;
export const messageInputSchema = z.strictObject({
  queue: z.string(),
  account: z.string().default(simulatedCredential.account),
  body: z.string().min(1).max(262_144),
});

export const queueRefusal = (name: string, message: string): Refusal =>
  new Refusal(`com.amazonaws.sqs#${name}`, 400, { message });
export const arnOfQueue = (queue: Pick<Queue, "account" | "name">): string =>
  `arn:aws:sqs:${simulatedRegion}:${queue.account}:${queue.name}`;

/** Puts a body into a queue. False when there is no such queue. */
export const enqueue = (world: World, queueId: string, body: string): boolean => {
  if (world.ledger.queues.get(queueId) === null) return false;
  const id = world.uuid("message");
  const at = world.now().toISOString();
  const sequence = world.sequence();
  world.ledger.messages.put(id, {
    id,
    queueId,
    sequence,
    body,
    sentAt: at,
    visibleAt: at,
    receives: 0,
    firstReceivedAt: null,
  });
  return true;
};

export interface Received extends Message {
  readonly receipt: string;
}

export const createQueues = (world: World) => {
  const { queues, messages } = world.ledger;
  const held = (queue: Queue): readonly Message[] => {
    const oldest = addSeconds(world.now(), -queue.retentionSeconds).toISOString();
    const mine = messages.all().filter((message) => message.queueId === queue.id);
    for (const message of mine) if (message.sentAt < oldest) messages.remove(message.id);
    return mine.filter((message) => message.sentAt >= oldest);
  };
  const inOrder = (queue: Queue, rows: readonly Message[]): readonly Message[] =>
    rows.toSorted((a, b) =>
      queue.shuffled
        ? world.dice.draw("queue", a.id, a.receives) - world.dice.draw("queue", b.id, b.receives)
        : a.sequence - b.sequence,
    );

  /** Moves a message that was received too often to the dead-letter queue. True when it did. */
  const buried = (queue: Queue, message: Message): boolean => {
    const { redrive } = queue;
    if (redrive === null || message.receives < redrive.maxReceiveCount) return false;
    const queueId = `${queue.account}/${redrive.queue}`;
    messages.put(message.id, { ...message, queueId, visibleAt: world.now().toISOString(), receives: 0 });
    return true;
  };

  return {
    list: () => ({ queues: queues.all().map((queue) => ({ ...queue, messages: held(queue).length })) }),
    put: (input: QueueInput): Queue => {
      const given = queueInputSchema.parse(input);
      const id = `${given.account}/${given.name}`;
      if (given.redrive !== null && queues.get(`${given.account}/${given.redrive.queue}`) === null)
        throw queueRefusal("QueueDoesNotExist", `There is no queue ${given.redrive.queue} to redrive to; put it first`);
      const queue = { ...given, id, createdAt: queues.get(id)?.createdAt ?? world.now().toISOString() };
      queues.put(id, queue);
      return queue;
    },
    remove: (id: string) => {
      for (const message of messages.all()) if (message.queueId === id) messages.remove(message.id);
      queues.remove(id);
      return { queues: queues.all() };
    },
    find: (id: string): Queue | null => queues.get(id),
    held,

    /** Hands out up to `max` visible messages and hides them for `visibilitySeconds`. */
    receive: (queue: Queue, max: number, visibilitySeconds: number): readonly Received[] => {
      const now = world.now();
      const visible = inOrder(
        queue,
        held(queue).filter((message) => message.visibleAt <= now.toISOString()),
      );
      const received: Received[] = [];
      for (const message of visible) {
        if (received.length === max) break;
        if (buried(queue, message)) continue;
        const receives = message.receives + 1;
        const again = world.dice.draw("queue again", message.id, receives) < queue.duplicates;
        const row = {
          ...message,
          receives,
          visibleAt: (again ? now : addSeconds(now, visibilitySeconds)).toISOString(),
          firstReceivedAt: message.firstReceivedAt ?? now.toISOString(),
        };
        messages.put(row.id, row);
        received.push({ ...row, receipt: btoa(`${row.id} ${receives}`) });
      }
      return received;
    },

    /** Only the latest receipt deletes; an older one is taken and does nothing. */
    remember: (queue: Queue, receipt: string): { readonly message: Message | null; readonly isLatest: boolean } => {
      const [id = "", receives = ""] = decoded(receipt).split(" ");
      const message = messages.get(id);
      const isHere = message !== null && message.queueId === queue.id;
      return { message: isHere ? message : null, isLatest: isHere && String(message.receives) === receives };
    },
    forget: (message: Message): void => messages.remove(message.id),
    hide: (message: Message, seconds: number): void =>
      messages.put(message.id, { ...message, visibleAt: addSeconds(world.now(), seconds).toISOString() }),
  };
};
export type Queues = ReturnType<typeof createQueues>;

const decoded = (receipt: string): string => {
  const text = readable(receipt);
  if (/^[0-9a-f-]{36} \d+$/.test(text)) return text;
  throw queueRefusal("ReceiptHandleIsInvalid", "The input receipt handle is invalid.");
};
const readable = (receipt: string): string => {
  try {
    return atob(receipt);
  } catch {
    return "";
  }
};
