/** `cosell events`, `cosell exceptions`: what happened, and what waits for a person. */
import { z } from "zod";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const eventsReadMax = 200_000;
const exceptionsMax = 10_000;
const followEveryMs = 2_000;
const followRoundsMax = 43_200;

const eventSchema = z.looseObject({
  seq: z.union([z.string(), z.number()]).transform(String),
  name: z.string(),
  at: z.string(),
  subject: z.string(),
});
type Event = z.infer<typeof eventSchema>;

export const eventsCommand: Command = {
  name: "events",
  summary: "List what happened, newest last",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("name", "event", "only events of this name, for example share.accepted"),
    textFlag("subject", "id", "only events about this id"),
    textFlag("limit", "count", "the newest so many; default 50"),
    switchFlag("all", "all events"),
    switchFlag("follow", "go on telling new ones until Ctrl-C"),
  ],
  examples: ["cosell events", "cosell events --name share.accepted --follow"],
  run: (shell, typed) => withClient(shell, whereabouts(typed), (client) => runEvents(shell, client, typed)),
};

const runEvents = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const text = typed.text("limit") ?? "50";
  if (!/^[1-9]\d{0,5}$/.test(text)) throw usageFailure(`--limit ${text} is no count`, "give a whole number from 1 on");
  const limit = typed.on("all") ? eventsReadMax : Number(text);
  const query = { name: typed.text("name"), subject: typed.text("subject") };
  let tail: Event[] = [];
  let last = "0";
  for await (const event of client.each("/v1/events", eventSchema, query, eventsReadMax)) {
    tail.push(event);
    last = event.seq;
    if (tail.length > 2 * limit) tail = tail.slice(-limit);
  }
  tail = tail.slice(-limit);
  if (!typed.on("follow"))
    return {
      exitCode: exitCodes.ok,
      text: tail.length === 0 ? "no events\n" : renderEvents(tail, shell.columns),
      json: { events: z.json().parse(JSON.parse(JSON.stringify(tail))) },
    };
  for (const event of tail) await shell.write(eventLine(event));
  for (let round = 0; round < followRoundsMax && !shell.stopped.aborted; round++) {
    await shell.sleep(followEveryMs);
    const page = await client.get("/v1/events", z.object({ items: z.array(eventSchema) }), {
      ...query,
      after: last,
      limit: 200,
    });
    for (const event of page.items) {
      await shell.write(eventLine(event));
      last = event.seq;
    }
  }
  return { exitCode: exitCodes.ok, text: "", json: { last } };
};

const eventLine = (event: Event): string => `${event.at}  ${event.name}  ${event.subject}\n`;
const renderEvents = (events: readonly Event[], columns: number): string =>
  renderTable(
    events,
    [
      { title: "seq", cell: (event) => event.seq, right: true },
      { title: "when", cell: (event) => event.at },
      { title: "event", cell: (event) => event.name },
      { title: "about", cell: (event) => event.subject, shrink: true },
    ],
    columns,
  );

const exceptionSchema = z.looseObject({
  id: z.string(),
  code: z.string(),
  subject: z.string(),
  message: z.string().default(""),
  openedAt: z.string().default(""),
  closedAt: z.string().nullish(),
});

export const exceptionsCommand: Command = {
  name: "exceptions",
  summary: "List what waits for a person",
  operands: "[<exception>]",
  operandsMin: 0,
  operandsMax: 1,
  flags: [switchFlag("all", "closed ones too")],
  about: "With the id of a DRIFT exception: what the partner answered, as it came. It may name people.",
  examples: ["cosell exceptions", "cosell exceptions --all --json", "cosell exceptions exc_…"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [id] = typed.operands;
      if (id !== undefined) {
        const { answer } = await client.get(
          `/v1/exceptions/${encodeURIComponent(id)}/answer`,
          z.object({ answer: z.string() }),
        );
        return { exitCode: exitCodes.ok, text: `${answer}\n`, json: { answer } };
      }
      const rows: z.infer<typeof exceptionSchema>[] = [];
      const query = { open: typed.on("all") ? "false" : "true" };
      for await (const row of client.each("/v1/exceptions", exceptionSchema, query, exceptionsMax)) rows.push(row);
      const table = renderTable(
        rows,
        [
          { title: "since", cell: (row) => row.openedAt.slice(0, 16).replace("T", " ") },
          { title: "code", cell: (row) => row.code },
          { title: "about", cell: (row) => row.subject },
          { title: "what", cell: (row) => row.message, shrink: true },
          { title: "closed", cell: (row) => (row.closedAt ?? "").slice(0, 10) },
        ],
        shell.columns,
      );
      return {
        exitCode: exitCodes.ok,
        text: rows.length === 0 ? "nothing waits for a person\n" : `${table}\n${counted(rows.length, "exception")}\n`,
        json: { exceptions: z.json().parse(JSON.parse(JSON.stringify(rows))) },
      };
    }),
};
