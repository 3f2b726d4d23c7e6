/** What a connection's queue needs: that it answers, that we may delete from it, and that poison has somewhere to go. */
import { type Check, type Found, found } from "../../src/domain/diagnosis.ts";
import type { Fault } from "../../src/domain/fault.ts";
import type { QueueState, SessionDeps } from "../contract.ts";
import type { KeyFinder } from "./client.ts";
import { createPull, createQueueWire, stateOf, urlOfQueue } from "./queue.ts";
import type { QueueTarget, Target } from "./settings.ts";

interface At {
  readonly deps: SessionDeps;
  readonly target: Target;
  readonly finder: KeyFinder | null;
}

/** No message has this receipt: SQS refuses it, after it has asked for the permission. */
const noReceipt = "cosell-doctor";

/** The checks of a connection's queue; none where it has no queue. */
export const queueChecks = ({ deps, target, finder }: At): readonly Check[] => {
  const { queue } = target;
  if (queue === null) return [];
  const wire = createQueueWire(deps, target, { queue, finder });
  const pull = createPull(deps, target, { queue, finder });
  let state: QueueState | null = null;
  return [
    {
      id: "queue",
      what: `GetQueueAttributes of ${queue.name}`,
      needs: ["credentials"],
      run: async () => {
        const asked = await pull.state();
        if (!asked.ok) return failure(queue, asked.fault, "sqs:GetQueueAttributes");
        state = asked.value;
        // SQS tells no age of messages here; CloudWatch's ApproximateAgeOfOldestMessage does.
        return found.ok(`${state.waiting} waiting, ${state.inFlight} in flight`);
      },
    },
    {
      id: "queue-delete",
      what: "DeleteMessageBatch that SQS must refuse: no message has that receipt",
      needs: ["queue"],
      run: async () => {
        const asked = await pull.acknowledge([noReceipt]);
        return asked.ok
          ? found.ok("SQS lets us delete, and knows no such message")
          : failure(queue, asked.fault, "sqs:DeleteMessage");
      },
    },
    {
      id: "dead-letters",
      what: "find the dead-letter queue, and whether it is empty",
      needs: ["queue"],
      run: async () => {
        const dead = state?.deadLetter ?? null;
        if (dead === null)
          return found.failed(
            `${queue.name} has no dead-letter queue: messages that nobody can use come back for days`,
            `Give it a redrive policy to a second queue, with maxReceiveCount 5.`,
          );
        const url = await urlOfQueue(wire, dead);
        const held = url.ok ? await stateOf(wire, url.value) : url;
        if (!held.ok)
          return held.fault.kind === "denied"
            ? found.skipped(`we may not ask ${dead.name}; allow sqs:GetQueueUrl and sqs:GetQueueAttributes on it`)
            : failure({ ...queue, name: dead.name, account: dead.account }, held.fault, "sqs:GetQueueUrl");
        const count = held.value.waiting + held.value.inFlight;
        if (count === 0) return found.ok(`${dead.name} is empty; ${dead.maxReceives} receives lead there`);
        return found.failed(
          `${dead.name} holds ${count} messages that were no events of this connection`,
          "Read one in the SQS console. Events of another catalog or account: narrow the rule's event pattern. Then purge or redrive the queue.",
        );
      },
    },
  ];
};

const failure = (queue: QueueTarget, fault: Fault, permission: string): Found => {
  const remedy =
    fault.kind === "denied"
      ? `Allow ${permission} on arn:aws:sqs:${queue.region}:${queue.account}:${queue.name} to the connection's user or role, and kms:Decrypt where the queue is encrypted with a key of yours.`
      : fault.kind === "missing"
        ? "Check the queue's URL and region: cosell connections queue <label> --queue-url …"
        : fault.kind === "throttled"
          ? "SQS asks to wait: run the diagnosis again later."
          : `Check that this machine reaches ${queue.host}; then run the diagnosis again.`;
  return found.failed(fault.message, remedy);
};
