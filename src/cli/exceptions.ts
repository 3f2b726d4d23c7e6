/** `cosell exceptions`: what waits for a person, whose it is, and what people say of it. */
import * as z from "zod";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Flag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const exceptionsMax = 10_000;

const exceptionSchema = z.looseObject({
  id: z.string(),
  code: z.string(),
  subject: z.string(),
  message: z.string().default(""),
  openedAt: z.string().default(""),
  closedAt: z.string().nullish(),
  state: z.string().default("open"),
  ownerName: z.string().nullish(),
  ownerRole: z.string().default(""),
  nextAction: z.string().default(""),
  amount: z.string().nullish(),
  currency: z.string().nullish(),
  ageDays: z.number().default(0),
  isOverdue: z.boolean().default(false),
});
type Exception = z.infer<typeof exceptionSchema>;
const historySchema = z.looseObject({
  at: z.string(),
  actorName: z.string(),
  what: z.string(),
  note: z.string().nullish(),
});

const pickFlags: readonly Flag[] = [
  textFlag("type", "codes", "only these codes, separated by commas, for example FEE_MISMATCH,CLAWBACK"),
  textFlag("state", "states", "only these states, separated by commas, for example open,assigned"),
  textFlag("owner", "name", "only what this person has; none: nobody's"),
  textFlag("marketplace", "aws|azure|gcp", "only of this marketplace"),
  textFlag("subject", "id", "only about this id"),
  textFlag("min-amount", "amount", "only from this amount on, whatever the sign"),
  textFlag("currency", "code", "only in this currency"),
  textFlag("older-than", "days", "only older than so many days"),
];
const pickOf = (typed: Arguments): Readonly<Record<string, string | undefined>> => ({
  ...Object.fromEntries(
    ["type", "state", "owner", "marketplace", "subject", "currency"].map((name) => [name, typed.text(name)]),
  ),
  minAmount: typed.text("min-amount"),
  olderThan: typed.text("older-than"),
});

export const exceptionsCommand: Command = {
  name: "exceptions",
  summary: "List what waits for a person",
  operands: "[<exception>]",
  operandsMin: 0,
  operandsMax: 1,
  flags: [
    switchFlag("all", "closed ones too"),
    textFlag("sort", "newest|oldest|amount", "which come first; default newest"),
    ...pickFlags,
  ],
  about: "With the id of a DRIFT exception: what the partner answered, as it came. It may name people.",
  examples: [
    "cosell exceptions",
    "cosell exceptions --type FEE_MISMATCH --sort amount",
    "cosell exceptions --owner none --older-than 10",
    "cosell exceptions exc_…",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [id] = typed.operands;
      if (id !== undefined) {
        const path = `/v1/exceptions/${encodeURIComponent(id)}/answer`;
        const { answer } = await client.get(path, z.object({ answer: z.string() }));
        return { exitCode: exitCodes.ok, text: `${answer}\n`, json: { answer } };
      }
      const rows: Exception[] = [];
      const query = { open: typed.on("all") ? "false" : "true", sort: typed.text("sort"), ...pickOf(typed) };
      for await (const row of client.each("/v1/exceptions", exceptionSchema, query, exceptionsMax)) rows.push(row);
      return listReport(shell, rows);
    }),
};

const listReport = (shell: Shell, rows: readonly Exception[]): Report => {
  const table = renderTable(
    rows,
    [
      { title: "since", cell: (row) => row.openedAt.slice(0, 16).replace("T", " ") },
      { title: "code", cell: (row) => row.code },
      { title: "about", cell: (row) => row.subject },
      {
        title: "amount",
        cell: (row) => (row.amount == null ? "" : `${row.amount} ${row.currency ?? ""}`),
        right: true,
      },
      { title: "age", cell: (row) => `${row.ageDays} d${row.isOverdue ? " late" : ""}`, right: true },
      { title: "state", cell: (row) => row.state },
      { title: "whose", cell: (row) => row.ownerName ?? row.ownerRole },
      { title: "what", cell: (row) => row.message, shrink: true },
    ],
    shell.columns,
  );
  return {
    exitCode: exitCodes.ok,
    text: rows.length === 0 ? "nothing waits for a person\n" : `${table}\n${counted(rows.length, "exception")}\n`,
    json: { exceptions: jsonOf(rows) },
  };
};

export const exceptionShowCommand: Command = {
  name: "exceptions show",
  summary: "Show an exception, what to do next, and what people said of it",
  operands: "<exception>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [switchFlag("claim", "the claim for a fee that differs, as a text ready to be sent")],
  examples: ["cosell exceptions show exc_…", "cosell exceptions show exc_… --claim > claim.md"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const path = `/v1/exceptions/${encodeURIComponent(typed.operands[0] ?? "")}`;
      if (typed.on("claim")) {
        const { text } = await client.get(`${path}/claim`, z.object({ name: z.string(), text: z.string() }));
        return { exitCode: exitCodes.ok, text, json: { claim: text } };
      }
      const shown = await client.get(path, exceptionSchema.extend({ history: z.array(historySchema) }));
      return { exitCode: exitCodes.ok, text: storyOf(shown), json: jsonOf(shown) };
    }),
};

const storyOf = (shown: Exception & { readonly history: readonly z.infer<typeof historySchema>[] }): string =>
  [
    `${shown.code} of ${shown.subject}, ${shown.state}, ${shown.ownerName ?? `nobody's yet (${shown.ownerRole})`}`,
    ...(shown.amount == null ? [] : [`${shown.amount} ${shown.currency ?? ""}, ${shown.ageDays} days old`]),
    shown.message,
    `next: ${shown.nextAction}`,
    ...shown.history.map(
      ({ at, actorName, what, note }) =>
        `  ${at.slice(0, 16).replace("T", " ")} ${actorName}: ${what.replace("exception_", "")}${note ? `: ${note}` : ""}`,
    ),
    "",
  ].join("\n");

export const exceptionAssignCommand: Command = {
  name: "exceptions assign",
  summary: "Give exceptions to a person, by id or all that a filter picks",
  operands: "[<exception> …]",
  operandsMin: 0,
  operandsMax: 1_000,
  flags: [
    textFlag("to", "name", "the person"),
    textFlag("reason", "text", "why, for the history"),
    switchFlag("dry-run", "with a filter: count, and change nothing"),
    ...pickFlags,
  ],
  examples: [
    'cosell exceptions assign exc_… --to "Ada Example"',
    'cosell exceptions assign --type FEE_MISMATCH --marketplace aws --to "Ada Example" --dry-run',
  ],
  run: (shell, typed) => {
    const to = typed.text("to");
    const filter = Object.fromEntries(Object.entries(pickOf(typed)).filter(([, value]) => value !== undefined));
    const hasFilter = Object.keys(filter).length > 0;
    const help = "cosell help exceptions assign";
    if (to === undefined) throw usageFailure("--to names nobody", help);
    if (hasFilter === typed.operands.length > 0)
      throw usageFailure("say which exceptions: by id, or by a filter such as --type", help);
    const reason = typed.text("reason");
    const body = { to, ...(reason === undefined ? {} : { reason }) };
    return withClient(shell, whereabouts(typed), (client) =>
      hasFilter
        ? assignByFilter(client, { ...body, filter, dryRun: typed.on("dry-run") })
        : moveEach(client, typed.operands, { verb: "assign", body }),
    );
  },
};

const assignByFilter = async (
  client: Client,
  body: { readonly to: string; readonly filter: object; readonly dryRun: boolean },
): Promise<Report> => {
  const schema = z.object({ assigned: z.number(), ids: z.array(z.string()), dryRun: z.boolean() });
  const done = await client.post("/v1/exceptions/assign", body, schema);
  return {
    exitCode: exitCodes.ok,
    text: `${counted(done.assigned, "exception")} ${body.dryRun ? "would go" : "went"} to ${body.to}\n`,
    json: jsonOf(done),
  };
};

const moveEach = async (
  client: Client,
  ids: readonly string[],
  { verb, body }: { readonly verb: string; readonly body: object },
): Promise<Report> => {
  const rows: Exception[] = [];
  for (const id of ids)
    rows.push(await client.post(`/v1/exceptions/${encodeURIComponent(id)}/${verb}`, body, exceptionSchema));
  return {
    exitCode: exitCodes.ok,
    text: rows
      .map(({ id, code, state, ownerName }) => `${id} ${code}: ${state}${ownerName ? `, ${ownerName}` : ""}\n`)
      .join(""),
    json: { exceptions: jsonOf(rows) },
  };
};

const moves: readonly (readonly [verb: string, summary: string])[] = [
  ["explain", "Say why exceptions are no loss"],
  ["adjust", "Say that exceptions were adjusted in the books"],
  ["accept", "Accept exceptions with a reason"],
  ["dispute", "Say that exceptions are disputed with the marketplace"],
  ["close", "Close exceptions with a reason"],
  ["reopen", "Open closed exceptions again"],
];

export const exceptionMoveCommands: readonly Command[] = moves.map(([verb, summary]) => ({
  name: `exceptions ${verb}`,
  summary,
  operands: "<exception> …",
  operandsMin: 1,
  operandsMax: 1_000,
  flags: [textFlag("reason", "text", "why, for people and auditors; no personal data")],
  examples: [`cosell exceptions ${verb} exc_… --reason "case 1844"`],
  run: (shell, typed) => {
    const reason = typed.text("reason");
    if (reason === undefined || reason.trim() === "")
      throw usageFailure(
        "--reason is missing: nobody can judge a decision without one",
        `cosell help exceptions ${verb}`,
      );
    return withClient(shell, whereabouts(typed), (client) =>
      moveEach(client, typed.operands, { verb, body: { reason } }),
    );
  },
}));
