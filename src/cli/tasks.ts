/** `cosell tasks`: what people have to do at a partner by hand, how it ends, and what the partner says about it. */
import { writeFile } from "node:fs/promises";
import * as z from "zod";
import { taskStates } from "../domain/machine.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { didYouMean } from "./nearest.ts";
import { findShare, readLimit, whereabouts } from "./shares.ts";
import { counted, printable, renderTable } from "./table.ts";

const listedMax = 100_000;
const settleMs = 60_000;
const dayMs = 24 * 3_600_000;

const listedTaskSchema = z.looseObject({
  id: z.string(),
  kind: z.string(),
  state: z.enum(taskStates),
  source: z.string().default(""),
  key: z.string().default(""),
  title: z.string().default(""),
  accountName: z.string().default(""),
  connectionLabel: z.string().default(""),
  number: z.string().nullish(),
  isOverdue: z.boolean().default(false),
  createdAt: z.string(),
});
type ListedTask = z.infer<typeof listedTaskSchema>;

const one = { operands: "<tsk_… | source:key | shr_…>", operandsMin: 1, operandsMax: 1 } as const;
const reportFlags = [
  textFlag("status", "word", "what the partner says, in its own words"),
  textFlag("stage", "word", "the partner's sales stage, in its own words"),
  textFlag("owner", "person", "the partner's person on it: a name, an address, or both as Jane <jane@partner.example>"),
  textFlag("reason", "text", "why the partner says so"),
  textFlag("date", "day", "as of when, 2027-03-31 or 2027-03-31T09:30:00Z; default now"),
];

export const tasksCommand: Command = {
  name: "tasks",
  summary: "List what people have to do at partners by hand, the oldest first",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Where a connection has no access to the partner's interface, nothing is sent or read there by itself: a share waits for a
person who types its form in the partner's portal and pastes the number back, and who tells what the partner says later.`,
  flags: [
    textFlag("state", "a,b", `only these states: ${taskStates.join(", ")}; default open`),
    textFlag("connection", "label", "only tasks there"),
    switchFlag("newest", "the newest first"),
    textFlag("limit", "count", "rows at most; default 50"),
    switchFlag("all", "all rows"),
  ],
  examples: ["cosell tasks", "cosell tasks --state done,cancelled --newest"],
  run: (shell, typed) => withClient(shell, whereabouts(typed), (client) => runList(shell, client, typed)),
};

export const taskShowCommand: Command = {
  ...one,
  name: "tasks show",
  summary: "Tell what a task asks for: the steps, and the partner's form filled in",
  flags: [],
  examples: ["cosell tasks show salesforce:006Hs00001ABCDE"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const task = await readTask(client, typed.operands[0] ?? "");
      return { exitCode: exitCodes.ok, text: renderTask(task, shell.columns), json: jsonOf(task) };
    }),
};

export const taskPrintCommand: Command = {
  ...one,
  name: "tasks print",
  summary: "Write a task as a page to print or to copy from",
  about: "The page holds what the form holds, also people: keep it as you keep them, and remove it afterwards.",
  flags: [textFlag("output", "file.html", "where to; default: to stdout")],
  examples: ["cosell tasks print salesforce:006Hs00001ABCDE --output task.html"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findTask(client, typed.operands[0] ?? "");
      const page = await client.text(`/v1/tasks/${id}/print`);
      const output = typed.text("output");
      if (output === undefined) return { exitCode: exitCodes.ok, text: page, json: { task: id, page } };
      await writeFile(output, page, { mode: 0o600 }).catch((error: unknown) => {
        const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
        throw new Failure(`${output} cannot be written: ${code}`, { fix: "name a file you may write" });
      });
      return { exitCode: exitCodes.ok, text: `${output} shows ${id}\n`, json: { task: id, output } };
    }),
};

export const taskDoneCommand: Command = {
  ...one,
  name: "tasks done",
  summary: "Say that a task is done, with the number that the partner gave",
  about: `
A deal that was registered needs the number that the partner's portal shows. Then it goes on as if it had been sent. The
same number again changes nothing; another share's number is refused. Who typed an earlier form says which with --form.`,
  flags: [
    textFlag("number", "DR-…", "the partner's number of the record"),
    textFlag("form", "count", "which form was typed, as the page says; default the latest"),
    textFlag("replaces", "DR-…", "the number that was pasted before and was wrong"),
    ...reportFlags,
  ],
  examples: [
    "cosell tasks done salesforce:006Hs00001ABCDE --number DR-0123456",
    "cosell tasks done tsk_0199c0de00007000800000000000a001 --number DR-0123457 --replaces DR-0123456",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const form = typed.text("form");
      if (form !== undefined && !/^[1-9]\d{0,5}$/.test(form))
        throw usageFailure(`--form ${form} is no count`, "give the number of the form that the page shows");
      const { id } = await findTask(client, typed.operands[0] ?? "");
      const body = {
        ...given(typed, ["number", "replaces"]),
        ...reportOf(typed),
        ...(form === undefined ? {} : { form: Number(form) }),
      };
      return ended(client, `/v1/tasks/${id}/done`, body);
    }),
};

export const taskCancelCommand: Command = {
  ...one,
  name: "tasks cancel",
  summary: "Say that a task will not be done",
  flags: [textFlag("reason", "text", "why; needed")],
  examples: ['cosell tasks cancel salesforce:006Hs00001ABCDE --reason "The customer asked us to wait"'],
  run: (shell, typed) => {
    const reason = typed.text("reason");
    if (reason === undefined || reason.trim() === "")
      throw usageFailure("cosell tasks cancel needs a reason", 'add --reason "…"');
    return withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findTask(client, typed.operands[0] ?? "");
      return ended(client, `/v1/tasks/${id}/cancel`, { reason });
    });
  },
};

const toldSchema = z.object({ share: z.looseObject({ id: z.string(), state: z.string() }), outcome: z.string() });

export const taskTellCommand: Command = {
  name: "tasks tell",
  summary: "Tell what the partner says about a share that is done by hand",
  operands: "<source:key | shr_…>",
  operandsMin: 1,
  operandsMax: 1,
  about: "Words that the programme does not have are refused with the list of those that it has.",
  flags: reportFlags,
  examples: [
    'cosell tasks tell salesforce:006Hs00001ABCDE --status ACCEPTED --owner "Jane Doe <jane@partner.example>"',
  ],
  run: (shell, typed) => {
    const report = reportOf(typed);
    if (Object.keys(report).length === 0)
      throw usageFailure("cosell tasks tell needs something to tell", "add --status, --stage, --owner or --reason");
    return withClient(shell, whereabouts(typed), async (client) => {
      const share = await findShare(client, typed.operands[0] ?? "");
      const told = await client.post(`/v1/shares/${share.id}/status`, report, toldSchema);
      if (client.settle !== null) await client.settle(settleMs);
      const { state } = told.share;
      const text = `${share.source}:${share.key} ${share.title} (${share.id}) ${words(told.outcome)} ${state}\n`;
      return { exitCode: exitCodes.ok, text, json: { share: share.id, state, outcome: told.outcome } };
    });
  },
};
const words = (outcome: string): string =>
  outcome === "moved" ? "is now" : outcome === "older" ? "is later than that: it stays" : "stays";

/** The flags that were given, by name. */
const given = (typed: Arguments, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = typed.text(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
const reportOf = (typed: Arguments) =>
  given(
    typed,
    reportFlags.map(({ name }) => name),
  );

const endedSchema = z.object({
  task: z.looseObject({ id: z.string(), state: z.string(), kind: z.string() }),
  share: z.looseObject({ id: z.string(), state: z.string() }),
});
const ended = async (client: Client, path: string, body: unknown): Promise<Report> => {
  const { task, share } = await client.post(path, body, endedSchema);
  if (client.settle !== null) await client.settle(settleMs);
  const text = `${task.id} (${task.kind}) is ${task.state}; its share ${share.id} is ${share.state}\n`;
  return {
    exitCode: exitCodes.ok,
    text,
    json: { task: task.id, state: task.state, share: share.id, shareState: share.state },
  };
};

/** The task with this id, or the open one of this deal or share; without one, the last that there was. */
const findTask = async (client: Client, name: string): Promise<{ readonly id: string }> => {
  if (/^tsk_[0-9a-f]{32}$/.test(name)) return { id: name };
  const share = await findShare(client, name);
  const newest = { share: share.id, sort: "newest" };
  for (const state of ["open", taskStates.join(",")])
    for await (const task of client.each("/v1/tasks", listedTaskSchema, { ...newest, state }, 1)) return task;
  throw new Failure(`nothing has to be done by hand for ${name}`, { fix: "cosell tasks lists what has" });
};

const runList = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const limit = readLimit(typed);
  const state = typed.text("state") ?? "open";
  for (const word of state.split(","))
    if (!taskStates.some((known) => known === word))
      throw usageFailure(`--state ${word} is unknown${didYouMean(word, taskStates)}`, `use ${taskStates.join(", ")}`);
  const label = typed.text("connection");
  const connection = label === undefined ? undefined : (await findConnection(client, label)).id;
  const sort = typed.on("newest") ? "newest" : "oldest";
  const all: ListedTask[] = [];
  for await (const task of client.each("/v1/tasks", listedTaskSchema, { state, connection, sort }, listedMax))
    all.push(task);
  const shown = all.slice(0, limit);
  const overdue = all.filter((task) => task.isOverdue).length;
  const text =
    all.length === 0
      ? `nothing has to be done by hand${state === "open" ? "" : ` (${state})`}\n`
      : [
          taskTable(shown, shell),
          `\n${counted(all.length, "task")}${overdue > 0 ? `, ${overdue} overdue` : ""}\n`,
          ...(all.length > shown.length ? [`${shown.length} of ${all.length} shown; --all shows all\n`] : []),
        ].join("");
  return { exitCode: exitCodes.ok, text, json: { total: all.length, overdue, tasks: jsonOf(shown) } };
};

const taskTable = (rows: readonly ListedTask[], shell: Shell): string =>
  renderTable(
    rows,
    [
      { title: "deal", cell: (task) => `${task.source}:${task.key} ${task.title}`, shrink: true },
      { title: "account", cell: (task) => task.accountName, shrink: true },
      { title: "to do", cell: (task) => task.kind },
      { title: "where", cell: (task) => task.connectionLabel, shrink: true },
      { title: "number", cell: (task) => task.number ?? "" },
      { title: "state", cell: (task) => (task.isOverdue ? "overdue" : task.state) },
      { title: "age", cell: (task) => `${ageDays(task, shell.now())} d`, right: true },
      { title: "task", cell: (task) => task.id },
    ],
    shell.columns,
  );
const ageDays = (task: ListedTask, now: Date): number =>
  Math.max(0, Math.floor((now.getTime() - Date.parse(task.createdAt)) / dayMs));

const wordSchema = z.object({ word: z.string(), means: z.string() });
const taskSchema = listedTaskSchema.extend({
  form: z.number().default(1),
  reason: z.string().nullish(),
  dueAt: z.string().default(""),
  portal: z.object({ name: z.string(), url: z.string() }).nullish(),
  steps: z.array(z.string()).default([]),
  fields: z
    .array(z.looseObject({ field: z.string(), label: z.string(), value: z.string(), was: z.string().nullish() }))
    .default([]),
  numberFormat: z.object({ name: z.string(), format: z.string(), example: z.string() }).nullish(),
  statuses: z.array(wordSchema).default([]),
  stages: z.array(wordSchema).default([]),
});
type TaskStory = z.infer<typeof taskSchema>;

const readTask = async (client: Client, name: string): Promise<TaskStory> =>
  client.get(`/v1/tasks/${(await findTask(client, name)).id}`, taskSchema);

const renderTask = (task: TaskStory, columns: number): string => {
  const heads: readonly (readonly [string, string | null | undefined])[] = [
    ["task", `${task.id}, ${task.kind}, form ${task.form}`],
    ["deal", `${task.source}:${task.key} ${task.title}, ${task.accountName}`],
    ["where", task.portal ? `${task.portal.name}, ${task.portal.url}` : null],
    ["number", task.number],
    ["state", `${task.state}${task.reason ? `: ${task.reason}` : ""}${task.isOverdue ? ", overdue" : ""}`],
    ["due", task.dueAt.slice(0, 10)],
  ];
  const isOpen = task.state === "open";
  const number = task.numberFormat;
  const ending = `cosell tasks done ${task.id}${task.kind === "create" ? ` --number ${number?.example ?? ""}` : ""}`;
  return [
    heads.map(([name, value]) => (value ? `${name.padEnd(8)} ${printable(value)}\n` : "")).join(""),
    ...(isOpen ? ["\nwhat to do (nothing of it happens by itself)\n"] : []),
    ...(isOpen
      ? [...task.steps, `${ending} --form ${task.form}`].map((step, at) => `${at + 1}. ${printable(step)}\n`)
      : []),
    ...(isOpen && task.kind === "create" && number ? [`the ${number.name} must be ${number.format}\n`] : []),
    ...(task.fields.length > 0 ? ["\nwhat to type\n", fieldTable(task.fields, columns)] : []),
    ...(isOpen ? ["\nwhat may be told later\n", wordTable([...task.statuses, ...task.stages], columns)] : []),
  ].join("");
};

const fieldTable = (fields: TaskStory["fields"], columns: number): string => {
  const isChange = fields.some(({ was }) => was !== undefined);
  const was = (field: TaskStory["fields"][number]): string =>
    field.was === undefined || field.was === null ? "(not known)" : field.was === "" ? "(nothing)" : field.was;
  return renderTable(
    fields,
    [
      { title: "field", cell: (field) => field.label },
      ...(isChange ? [{ title: "stands there now", cell: was, shrink: true, lines: 20 }] : []),
      { title: "to be", cell: (field) => (field.value === "" ? "(empty)" : field.value), shrink: true, lines: 40 },
    ],
    columns,
  );
};
const wordTable = (rows: readonly z.infer<typeof wordSchema>[], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "word", cell: (row) => row.word },
      { title: "means", cell: (row) => row.means, shrink: true, lines: 3 },
    ],
    columns,
  );
