/** `cosell connections queue`: events fetched from a queue, with no address of ours exposed. */
import * as z from "zod";
import { problemFailure, withClient } from "./client.ts";
import { type Command, switchFlag, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { whereabouts } from "./shares.ts";
import { counted } from "./table.ts";

const savedSchema = z.looseObject({
  saved: z.boolean(),
  state: z
    .looseObject({
      waiting: z.number(),
      inFlight: z.number(),
      deadLetter: z.looseObject({ name: z.string(), maxReceives: z.number() }).nullable(),
    })
    .nullable(),
});

export const queueCommand: Command = {
  name: "connections queue",
  summary: "Fetch a connection's events from an SQS queue instead of, or beside, a webhook",
  operands: "[label]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
The service asks the queue for up to 20 seconds at a time, keeps what comes as it keeps a webhook, and deletes it only
then. Events may come both ways at once: each is kept once. Messages that are no events of this connection are left for
the queue's dead-letter queue. Without flags it says what to set up in AWS.`,
  flags: [
    textFlag("queue-url", "address", "URL of the queue, https://sqs.us-east-1.amazonaws.com/<account>/<name>"),
    textFlag("queue-region", "name", "default: the one in the URL"),
    textFlag("queue-endpoint", "address", "another address of SQS, for example a simulator"),
    switchFlag("dry-run", "check, save nothing"),
    switchFlag("no-check", "save without asking the queue"),
    switchFlag("off", "stop fetching"),
  ],
  examples: [
    'cosell connections queue "AWS production" --queue-url https://sqs.us-east-1.amazonaws.com/123456789012/cosell',
    'cosell connections queue "AWS production" --off',
  ],
  run: (shell, typed) => {
    const url = typed.text("queue-url");
    if (url !== undefined && typed.on("off"))
      throw usageFailure("--queue-url and --off contradict", "give one of them");
    return withClient(shell, whereabouts(typed), async (client) => {
      const connection = await findConnection(client, typed.operands[0]);
      const path = `/v1/connections/${connection.id}/queue`;
      if (typed.on("off")) {
        await client.remove(path);
        const text = `${connection.label}: no queue is asked any more\n`;
        return { exitCode: exitCodes.ok, text, json: { connection: connection.id, queue: null } };
      }
      if (url === undefined)
        return { exitCode: exitCodes.ok, text: setupText(connection.account), json: { connection: connection.id } };
      const answer = await client.attempt("POST", path, {
        url,
        ...optional("region", typed.text("queue-region")),
        ...optional("endpoint", typed.text("queue-endpoint")),
        check: !typed.on("no-check"),
        dryRun: typed.on("dry-run"),
      });
      if (answer.status >= 400) throw problemFailure(answer, client.where);
      const { state, saved } = savedSchema.parse(answer.body);
      const dead =
        state === null
          ? ""
          : state.deadLetter === null
            ? "it has no dead-letter queue: what nobody can use comes back for days; give it one\n"
            : `what nobody can use goes to ${state.deadLetter.name} after ${state.deadLetter.maxReceives} receives\n`;
      const found = state === null ? "not checked" : `${counted(state.waiting, "message")} waiting`;
      return {
        exitCode: exitCodes.ok,
        text: `${connection.label}: ${found}; ${saved ? "events are fetched from now on" : "dry run: nothing was saved"}\n${dead}`,
        json: { connection: connection.id, saved, state: z.json().parse(state) },
      };
    });
  },
};

const optional = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value });

const setupText = (account: string): string => `In the AWS account ${account}, region us-east-1:
  1. SQS: a standard queue for events and one for dead letters; redrive policy of the first: maxReceiveCount 5.
     Its policy lets events.amazonaws.com do sqs:SendMessage, with aws:SourceArn the rule's ARN.
  2. EventBridge, Rules, default bus: event pattern
     {"source":["aws.partnercentral-selling"],"detail":{"catalog":["AWS"]}}, target the queue. One queue per catalog.
     With private offers a second rule beside it: {"source":["aws.marketplacecatalog","aws.agreement-marketplace"]}.
  3. IAM, for the connection's keys or role: sqs:ReceiveMessage, sqs:DeleteMessage and sqs:GetQueueAttributes on the queue,
     sqs:GetQueueUrl and sqs:GetQueueAttributes on the dead-letter queue.
  4. cosell connections queue <label> --queue-url <URL of the queue>
With the simulator: PUT {"name":"events"} to /control/queues and {"id":"queue","queue":"events"} to /control/destinations;
its queue's URL ends in /<account>/events, for example https://sqs.simulator.invalid/111122223333/events.
`;
