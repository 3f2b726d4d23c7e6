/** Events come in: checked, stored once per id, and only then acknowledged. */
import * as z from "zod";
import type { Clock, Db, Ids } from "../../src/ports.ts";
import { isLonger } from "./protocol.ts";

const eventBytesMax = 512 * 1024;
const eventsPerRequestMax = 5_000;

const eventSchema = z.object({
  name: z
    .string()
    .min(1)
    .max(512)
    .refine((name) => !name.includes("\u0000"), "a name cannot hold a zero character"),
  data: z.record(z.string(), z.unknown()).optional(),
  id: z.string().max(512).nullish(),
  /** Milliseconds since 1970. A moment in the future delays the runs. */
  ts: z.number().int().nullish(),
  v: z.string().nullish(),
  user: z.record(z.string(), z.unknown()).nullish(),
  meta: z.record(z.string(), z.unknown()).nullish(),
});
export type EventInput = z.input<typeof eventSchema>;

/** An event that is refused, with its place in the list and the reason. */
export class EventRefusedError extends Error {
  constructor(index: number, problem: string) {
    super(`event ${index} was refused: ${problem}`);
    this.name = "EventRefusedError";
  }
}

export interface EventDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Called after events were stored. */
  readonly stored: () => void;
}

export interface Seed {
  /** The SDK's own time of sending; events it stamped with it get the runner's clock instead. */
  readonly ms: number;
  /** Makes the ids of unnamed events the same when the SDK repeats a request. */
  readonly text: string;
}

/** Stores events durably, once per id for ever, and returns their ids in order. Throws `EventRefusedError`; then none is stored. */
export const storeEvents = async (
  deps: EventDeps,
  events: readonly EventInput[],
  seed: Seed | null,
): Promise<readonly string[]> => {
  if (events.length > eventsPerRequestMax) {
    throw new EventRefusedError(eventsPerRequestMax, `one request holds at most ${eventsPerRequestMax} events`);
  }
  const now = deps.clock.now();
  const rows = events.map((event, index) => eventRow(event, { index, seed, now, ids: deps.ids }));
  if (rows.length === 0) return [];
  await deps.db.sql`insert into runner_event (id, name, body, named, received_at)
    select id, name, body, named, ${now}
    from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (ord int, id text, name text, body text, named boolean)
    order by ord on conflict (id) do nothing`;
  deps.stored();
  return rows.map((row) => row.id);
};

interface Place {
  readonly index: number;
  readonly seed: Seed | null;
  readonly now: Date;
  readonly ids: Ids;
}

const eventRow = (input: EventInput, { index, seed, now, ids }: Place) => {
  const parsed = eventSchema.safeParse(input);
  if (!parsed.success) throw new EventRefusedError(index, z.prettifyError(parsed.error));
  const { id, name, data, ts, v, user, meta } = parsed.data;
  if (name.startsWith("inngest/")) throw new EventRefusedError(index, `the name ${name} is reserved for the runner`);
  const stampedBySdk = seed !== null && ts === seed.ms;
  const body = JSON.stringify({
    name,
    data: data ?? {},
    ts: ts === null || ts === undefined || stampedBySdk ? now.getTime() : ts,
    ...(v ? { v } : {}),
    ...(user ? { user } : {}),
    ...(meta ? { meta } : {}),
  });
  if (isLonger(body, eventBytesMax)) throw new EventRefusedError(index, `it is larger than ${eventBytesMax} bytes`);
  const own = seed === null ? ids.uuid() : `${seed.text}:${index}`;
  const named = id !== undefined && id !== null && id !== "";
  return { ord: index, id: named ? id : own, name, body, named };
};

/** What `new Inngest({ fetch })` takes. */
export type Transport = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** The transport of an embedded client: `POST …/e/{key}` stores events; anything else is answered with an error by name. */
export const createTransport =
  (deps: EventDeps): Transport =>
  async (input, init) => {
    const request = new Request(input, init);
    const path = new URL(request.url).pathname;
    if (request.method !== "POST" || !/^\/e\/[^/]+$/.test(path)) {
      const error = `the embedded runner has no ${request.method} ${path}; it takes events at POST /e/{key} only`;
      return Response.json({ error, status: 501 }, { status: 501 });
    }
    try {
      const body: unknown = JSON.parse(await request.text());
      const events = z.array(eventSchema).parse(Array.isArray(body) ? body : [body]);
      const ids = await storeEvents(deps, events, seedOf(request.headers.get("x-inngest-event-id-seed")));
      return Response.json({ ids, status: 200 });
    } catch (error) {
      if (!(error instanceof EventRefusedError || error instanceof z.ZodError || error instanceof SyntaxError))
        throw error;
      const reason = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
      return Response.json({ ids: [], error: reason, status: 400 }, { status: 400 });
    }
  };

const seedOf = (header: string | null): Seed | null => {
  const [, ms] = /^(\d+),/.exec(header ?? "") ?? [];
  return header === null || ms === undefined ? null : { ms: Number(ms), text: header };
};
