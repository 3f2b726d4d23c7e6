/** `cosell events`: what happened. */
import * as z from "zod";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { whereabouts } from "./shares.ts";
import { renderTable } from "./table.ts";

const eventsReadMax = 200_000;
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
