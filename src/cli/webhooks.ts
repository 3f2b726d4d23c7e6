/** `cosell webhooks`: which systems are told of events, and the secrets that prove us to them. */
import * as z from "zod";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const webhooksMax = 500;

const webhookSchema = z.looseObject({
  id: z.string(),
  url: z.string(),
  description: z.string().nullish(),
  events: z.array(z.string()),
  connections: z.array(z.string()).default([]),
  state: z.string(),
  disabledReason: z.string().nullish(),
  failingSince: z.string().nullish(),
  pausedUntil: z.string().nullish(),
  oldSecretUntil: z.string().nullish(),
  version: z.number(),
  createdAt: z.string().default(""),
});
export type ListedWebhook = z.infer<typeof webhookSchema>;
const withSecret = webhookSchema.extend({ secret: z.string().nullable() });
const withCounts = webhookSchema.extend({ messages: z.record(z.string(), z.number()).default({}) });

export const minuteOf = (iso: string | null | undefined): string => (iso ?? "").slice(0, 16).replace("T", " ");

const one = { operands: "<whk_… | part of its address>", operandsMin: 1, operandsMax: 1 } as const;
const eventFlag = listFlag("event", "name|noun.*", "only these events, may be repeated; default *, all of them");
const connectionFlag = listFlag("connection", "label", "only events of these connections, may be repeated");
const descriptionFlag = textFlag("description", "text", "what it is, for people");

/** The endpoint by its id or a part of its address. Throws a failure when none or several fit. */
export const findWebhook = async (client: Client, name: string): Promise<ListedWebhook> => {
  const all: ListedWebhook[] = [];
  for await (const webhook of client.each("/v1/webhooks", webhookSchema, {}, webhooksMax)) all.push(webhook);
  const exact = all.find((webhook) => webhook.id === name);
  const fitting = exact === undefined ? all.filter((webhook) => webhook.url.includes(name)) : [exact];
  const [found] = fitting;
  if (found !== undefined && fitting.length === 1) return found;
  throw new Failure(fitting.length === 0 ? `no webhook is ${name}` : `${name} fits ${fitting.length} webhooks`, {
    fix: "cosell webhooks lists them; give the id",
    rows: fitting.map((webhook) => ({ path: webhook.id, message: webhook.url })),
  });
};

const stateOf = (webhook: ListedWebhook): string => {
  if (webhook.state !== "enabled") return webhook.state;
  return webhook.failingSince ? `failing since ${minuteOf(webhook.failingSince)}` : "enabled";
};

export const webhooksCommand: Command = {
  name: "webhooks",
  summary: "List the systems that are told of events",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [switchFlag("events", "list the events that can be asked for instead")],
  examples: ["cosell webhooks", "cosell webhooks --events"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), (client) =>
      typed.on("events") ? runEvents(client) : runList(shell, client),
    ),
};

const runEvents = async (client: Client): Promise<Report> => {
  const { items } = await client.get(
    "/v1/webhook-events",
    z.object({ items: z.array(z.looseObject({ name: z.string() })) }),
  );
  return {
    exitCode: exitCodes.ok,
    text: items.map((item) => `${item.name}\n`).join(""),
    json: { events: jsonOf(items) },
  };
};

const runList = async (shell: Shell, client: Client): Promise<Report> => {
  const all: ListedWebhook[] = [];
  for await (const webhook of client.each("/v1/webhooks", webhookSchema, {}, webhooksMax)) all.push(webhook);
  const table = renderTable(
    all,
    [
      { title: "address", cell: (webhook) => webhook.url, shrink: true },
      { title: "what", cell: (webhook) => webhook.description ?? "", shrink: true },
      { title: "events", cell: (webhook) => webhook.events.join(", "), shrink: true },
      { title: "state", cell: stateOf },
      { title: "id", cell: (webhook) => webhook.id },
    ],
    shell.columns,
  );
  return {
    exitCode: exitCodes.ok,
    text:
      all.length === 0
        ? "nobody is told; cosell webhooks add names one\n"
        : `${table}\n${counted(all.length, "webhook")}\n`,
    json: { webhooks: jsonOf(all) },
  };
};

export const webhookAddCommand: Command = {
  name: "webhooks add",
  summary: "Tell a system of events; its secret is shown once",
  operands: "<https://…>",
  operandsMin: 1,
  operandsMax: 1,
  about:
    "Messages follow the Standard Webhooks specification: the receiver checks webhook-signature with the secret, by any of its libraries, knows repeats by webhook-id, and answers 2xx within 15 seconds.\n\nPrivate and loopback addresses are refused, and so is http, unless whoever runs the service lists the host or network in COSELL_WEBHOOK_ALLOW.",
  flags: [eventFlag, connectionFlag, descriptionFlag],
  examples: [
    "cosell webhooks add https://crm.example/hooks/cosell",
    'cosell webhooks add https://chat.example/hooks/1 --event "share.*" --event exception.opened --description "Sales chat"',
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const events = typed.list("event");
      const description = typed.text("description");
      const made = await client.post(
        "/v1/webhooks",
        {
          url: typed.operands[0],
          ...(events.length === 0 ? {} : { events }),
          ...(description === undefined ? {} : { description }),
          connections: await connectionIds(client, typed),
        },
        withSecret,
      );
      return secretReport(shell, made);
    }),
};

const connectionIds = (client: Client, typed: Arguments): Promise<readonly string[]> =>
  Promise.all(typed.list("connection").map(async (label) => (await findConnection(client, label)).id));

const secretReport = (shell: Shell, made: z.infer<typeof withSecret>): Report => {
  shell.tell(`${made.id}: the secret is shown once; give it to the receiver and keep it like a password.`);
  const { secret, ...webhook } = made;
  return { exitCode: exitCodes.ok, text: `${secret ?? ""}\n`, json: { webhook: jsonOf(webhook), secret } };
};

export const webhookShowCommand: Command = {
  ...one,
  name: "webhooks show",
  summary: "Show a webhook: what it is told, whether it takes it",
  flags: [],
  examples: ["cosell webhooks show crm.example"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findWebhook(client, typed.operands[0] ?? "");
      const webhook = await client.get(`/v1/webhooks/${id}`, withCounts);
      const lines: readonly (readonly [string, string])[] = [
        ["id", webhook.id],
        ["address", webhook.url],
        ["what", webhook.description ?? ""],
        ["events", webhook.events.join(", ")],
        ["connections", webhook.connections.join(", ") || "all"],
        ["state", [stateOf(webhook), webhook.disabledReason ?? ""].filter((part) => part !== "").join(": ")],
        ["pause until", minuteOf(webhook.pausedUntil)],
        ["old secret until", minuteOf(webhook.oldSecretUntil)],
        [
          "messages",
          Object.entries(webhook.messages)
            .map(([state, count]) => `${count} ${state}`)
            .join(", ") || "none",
        ],
        ["since", minuteOf(webhook.createdAt)],
      ];
      const shown = lines.filter(([, value]) => value !== "");
      const text = shown.map(([name, value]) => `${name.padEnd(18)}${value}\n`).join("");
      return { exitCode: exitCodes.ok, text, json: jsonOf(webhook) };
    }),
};

export const webhookUpdateCommand: Command = {
  ...one,
  name: "webhooks update",
  summary: "Change, disable or enable a webhook",
  about: "What waits when a webhook is disabled fails; cosell webhooks replay sends it again once it is enabled.",
  flags: [
    textFlag("address", "https://…", "another address"),
    eventFlag,
    connectionFlag,
    switchFlag("all-connections", "events of all connections again"),
    descriptionFlag,
    switchFlag("enable", "tell it again, from now on"),
    switchFlag("disable", "tell it no more"),
    textFlag("reason", "text", "why it is disabled"),
  ],
  examples: [
    'cosell webhooks update crm.example --event "share.*"',
    'cosell webhooks update crm.example --disable --reason "moves to another host"',
    "cosell webhooks update crm.example --enable",
  ],
  run: (shell, typed) => {
    if (typed.on("enable") && typed.on("disable"))
      throw usageFailure("--enable and --disable contradict each other", "give one of them");
    return withClient(shell, whereabouts(typed), async (client) => {
      const webhook = await findWebhook(client, typed.operands[0] ?? "");
      const changes = await changesOf(client, typed);
      if (Object.keys(changes).length === 0)
        throw usageFailure("say what to change", "cosell help webhooks update lists the flags");
      const changed = await client.patch(
        `/v1/webhooks/${webhook.id}`,
        { version: webhook.version, body: changes },
        webhookSchema,
      );
      return {
        exitCode: exitCodes.ok,
        text: `${changed.id} ${changed.url} is ${stateOf(changed)}, told ${changed.events.join(", ")}\n`,
        json: jsonOf(changed),
      };
    });
  },
};

const changesOf = async (client: Client, typed: Arguments): Promise<Readonly<Record<string, unknown>>> => {
  const events = typed.list("event");
  const connections = typed.on("all-connections") ? [] : await connectionIds(client, typed);
  const changes = {
    url: typed.text("address"),
    description: typed.text("description"),
    events: events.length === 0 ? undefined : events,
    connections: connections.length === 0 && !typed.on("all-connections") ? undefined : connections,
    state: typed.on("enable") ? "enabled" : typed.on("disable") ? "disabled" : undefined,
    reason: typed.text("reason"),
  };
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
};

export const webhookDeleteCommand: Command = {
  ...one,
  name: "webhooks delete",
  summary: "Delete a webhook with its messages and its log",
  flags: [switchFlag("yes", "do not ask")],
  examples: ["cosell webhooks delete crm.example --yes"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const webhook = await findWebhook(client, typed.operands[0] ?? "");
      if (!typed.on("yes")) {
        if (!shell.interactive)
          throw usageFailure("deleting cannot be undone", "add --yes to do it without a question");
        const answer = await shell.ask(`Delete ${webhook.url} and its log? It cannot be undone. Type yes: `, false);
        if (answer.trim().toLowerCase() !== "yes") throw new Failure("nothing was deleted");
      }
      await client.remove(`/v1/webhooks/${webhook.id}`);
      return {
        exitCode: exitCodes.ok,
        text: `${webhook.id} ${webhook.url} is deleted\n`,
        json: { webhook: webhook.id, deleted: true },
      };
    }),
};

export const webhookRotateCommand: Command = {
  ...one,
  name: "webhooks rotate",
  summary: "Make a new secret; the one before it signs along for a day",
  flags: [
    textFlag("hours", "count", "how long the secret before it lives on, 1 to 168; default 24"),
    switchFlag("drop-old", "make none: end the secret before the last one now"),
  ],
  examples: ["cosell webhooks rotate crm.example", "cosell webhooks rotate crm.example --drop-old"],
  run: (shell, typed) => {
    const hours = typed.text("hours") ?? "24";
    if (!/^[1-9]\d{0,2}$/.test(hours) || Number(hours) > 168)
      throw usageFailure(`--hours ${hours} is no count of hours`, "give a whole number from 1 to 168");
    return withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findWebhook(client, typed.operands[0] ?? "");
      if (typed.on("drop-old")) {
        await client.remove(`/v1/webhooks/${id}/old-secret`);
        return { exitCode: exitCodes.ok, text: `${id} is signed with one secret now\n`, json: { webhook: id } };
      }
      const made = await client.post(`/v1/webhooks/${id}/rotate`, { oldSecretHours: Number(hours) }, withSecret);
      return secretReport(shell, made);
    });
  },
};
