/** `cosell webhooks test`, `log`, `replay`: whether messages arrive, and sending them again. */
import * as z from "zod";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { didYouMean } from "./nearest.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";
import { findWebhook, minuteOf } from "./webhooks.ts";

const states = ["pending", "delivered", "failed"];
const logMax = 10_000;
const settleMs = 20_000;

const attemptSchema = z.looseObject({
  number: z.number(),
  at: z.string(),
  durationMs: z.number(),
  status: z.number().nullable(),
  error: z.string().nullable(),
});
const messageSchema = z.looseObject({
  id: z.string(),
  type: z.string(),
  state: z.string(),
  occurredAt: z.string(),
  dueAt: z.string().nullish(),
  log: z.array(attemptSchema).default([]),
});
type Message = z.infer<typeof messageSchema>;

const meanings: Readonly<Record<string, string>> = {
  redirect: "a redirect, which is not followed; register the final address",
  client_error: "refused by the receiver",
  gone: "gone: the receiver wants no more",
  throttled: "too many requests for the receiver",
  server_error: "an error of the receiver",
  timeout: "no answer within 15 s",
  address_refused: "its name leads to an address that is not called",
  name_not_found: "its name leads nowhere",
  connection_failed: "nobody listens there",
  tls_failed: "its certificate is not trusted",
  no_answer: "the connection broke off",
  secret_missing: "its secret cannot be read; rotate it",
};
const outcomeOf = (attempt: { readonly status: number | null; readonly error: string | null }): string => {
  const status = attempt.status === null ? "" : String(attempt.status);
  return [status, attempt.error === null ? "taken" : (meanings[attempt.error] ?? attempt.error)]
    .filter((part) => part !== "")
    .join(" ");
};

const one = { operands: "<whk_… | part of its address>", operandsMin: 1 } as const;

export const webhookTestCommand: Command = {
  ...one,
  operandsMax: 1,
  name: "webhooks test",
  summary: "Send a test event now and tell how it ended",
  flags: [],
  examples: ["cosell webhooks test crm.example"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const webhook = await findWebhook(client, typed.operands[0] ?? "");
      const result = await client.post(
        `/v1/webhooks/${webhook.id}/test`,
        undefined,
        attemptSchema.omit({ number: true }).extend({ taken: z.boolean(), messageId: z.string() }),
      );
      const text = `${webhook.url}: ${outcomeOf(result)} after ${result.durationMs} ms (${result.messageId})\n`;
      return { exitCode: result.taken ? exitCodes.ok : exitCodes.failed, text, json: jsonOf(result) };
    }),
};

export const webhookLogCommand: Command = {
  ...one,
  operands: "<whk_… | part of its address> [whm_…]",
  operandsMax: 2,
  name: "webhooks log",
  summary: "List what was sent to a webhook and how it ended, newest first",
  about: "With the id of a message: each of its attempts. Of what receivers answer only the status is kept.",
  flags: [
    textFlag("state", "state", states.join(", ")),
    textFlag("event", "name", "only messages of this event"),
    textFlag("limit", "count", "the newest so many; default 50"),
  ],
  examples: ["cosell webhooks log crm.example --state failed", "cosell webhooks log crm.example whm_0199…"],
  run: (shell, typed) => {
    const state = typed.text("state");
    if (state !== undefined && !states.includes(state))
      throw usageFailure(`--state ${state} is unknown${didYouMean(state, states)}`, `use ${states.join(", ")}`);
    const limit = typed.text("limit") ?? "50";
    if (!/^[1-9]\d{0,4}$/.test(limit))
      throw usageFailure(`--limit ${limit} is no count`, "give 1 to 10000, for example");
    return withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findWebhook(client, typed.operands[0] ?? "");
      const message = typed.operands[1];
      if (message !== undefined) return showMessage(shell, client, `/v1/webhooks/${id}/messages/${messageId(message)}`);
      const query = { state, event: typed.text("event") };
      return listMessages(shell, client, { path: `/v1/webhooks/${id}/messages`, query, limit: Number(limit) });
    });
  },
};

const messageId = (text: string): string => {
  if (/^whm_[0-9a-f]{32}$/.test(text)) return text;
  throw usageFailure(`${text} is no id of a message`, "cosell webhooks log lists them");
};

interface Listing {
  readonly path: string;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly limit: number;
}
const listMessages = async (shell: Shell, client: Client, { path, query, limit }: Listing): Promise<Report> => {
  const messages: Message[] = [];
  for await (const message of client.each(path, messageSchema, query, Math.min(limit, logMax))) messages.push(message);
  const table = renderTable(
    messages,
    [
      { title: "when", cell: (message) => minuteOf(message.occurredAt) },
      { title: "event", cell: (message) => message.type },
      { title: "state", cell: (message) => message.state },
      { title: "tries", cell: (message) => String(message.log.length), right: true },
      { title: "last answer", cell: (message) => (message.log.length === 0 ? "" : lastOutcome(message)), shrink: true },
      { title: "next", cell: (message) => (message.log.length === 0 ? "" : minuteOf(message.dueAt)) },
      { title: "id", cell: (message) => message.id },
    ],
    shell.columns,
  );
  return {
    exitCode: exitCodes.ok,
    text: messages.length === 0 ? "no messages\n" : `${table}\n${counted(messages.length, "message")}\n`,
    json: { messages: jsonOf(messages) },
  };
};
const lastOutcome = (message: Message): string => {
  const last = message.log.at(-1);
  return last === undefined ? "" : outcomeOf(last);
};

const showMessage = async (shell: Shell, client: Client, path: string): Promise<Report> => {
  const message = await client.get(path, messageSchema.extend({ payload: z.json() }));
  const table = renderTable(
    message.log,
    [
      { title: "try", cell: (attempt) => String(attempt.number), right: true },
      { title: "when", cell: (attempt) => attempt.at.slice(0, 19).replace("T", " ") },
      { title: "took", cell: (attempt) => `${attempt.durationMs} ms`, right: true },
      { title: "answer", cell: outcomeOf, shrink: true },
    ],
    shell.columns,
  );
  const next = message.dueAt ? `, next attempt ${minuteOf(message.dueAt)}` : "";
  return {
    exitCode: exitCodes.ok,
    text: `${message.id} ${message.type} is ${message.state}${next}\n${JSON.stringify(message.payload)}\n\n${table}`,
    json: jsonOf(message),
  };
};

export const webhookReplayCommand: Command = {
  ...one,
  operands: "<whk_… | part of its address> [whm_…]",
  operandsMax: 2,
  name: "webhooks replay",
  summary: "Send a message again, or all that failed since a time",
  about: "Messages keep their ids and bodies, so that a receiver knows what it has seen.",
  flags: [
    textFlag("since", "time", "all that failed and were made then or later: 2026-11-20 or 2026-11-20T08:00:00Z"),
    switchFlag("failed", "all that failed and are still kept"),
  ],
  examples: ["cosell webhooks replay crm.example whm_0199…", "cosell webhooks replay crm.example --since 2026-11-20"],
  run: (shell, typed) => {
    const [, message] = typed.operands;
    const since = sinceOf(typed);
    if ((message === undefined) === (since === null))
      throw usageFailure("say which messages", "give the id of one, or --since <time>, or --failed");
    return withClient(shell, whereabouts(typed), async (client) => {
      const { id, url } = await findWebhook(client, typed.operands[0] ?? "");
      const replayed =
        message === undefined
          ? await replayAll(client, id, since ?? "")
          : await replayOne(client, id, messageId(message));
      await client.settle?.(settleMs);
      const text = `${counted(replayed, "message")} on the way to ${url}; cosell webhooks log tells how they end\n`;
      return { exitCode: exitCodes.ok, text, json: { webhook: id, replayed } };
    });
  },
};

const sinceOf = (typed: Arguments): string | null => {
  const since = typed.text("since");
  if (since === undefined) return typed.on("failed") ? "1970-01-01T00:00:00Z" : null;
  const at = new Date(since);
  if (!/^\d{4}-\d{2}-\d{2}/.test(since) || Number.isNaN(at.getTime()))
    throw usageFailure(`--since ${since} is no time`, "write it as 2026-11-20 or 2026-11-20T08:00:00Z");
  return at.toISOString();
};

const replayOne = async (client: Client, id: string, message: string): Promise<number> => {
  await client.post(`/v1/webhooks/${id}/messages/${message}/replay`, undefined, z.unknown());
  return 1;
};

/** The service takes a bounded number at once. */
const replayRoundsMax = 100;
const replayAll = async (client: Client, id: string, since: string): Promise<number> => {
  let total = 0;
  for (let round = 0; round < replayRoundsMax; round++) {
    const { replayed } = await client.post(`/v1/webhooks/${id}/replay`, { since }, z.object({ replayed: z.number() }));
    total += replayed;
    if (replayed === 0) break;
  }
  return total;
};
