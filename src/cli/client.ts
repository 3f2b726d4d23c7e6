/** Talks to the API for the commands: JSON in and out, problems (RFC 9457) become failures, busy answers are waited for. */
import * as z from "zod";
import type { Reached, Shell, Whereabouts } from "./command.ts";
import { Failure, type FailureRow } from "./failure.ts";

export const problemSchema = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  status: z.number().optional(),
  errors: z
    .array(
      z.looseObject({
        field: z.string().optional(),
        parameter: z.string().optional(),
        pointer: z.string().optional(),
        path: z.union([z.string(), z.array(z.union([z.string(), z.number()]))]).optional(),
        message: z.string().optional(),
        detail: z.string().optional(),
        fix: z.string().optional(),
        code: z.string().optional(),
        source: z.string().optional(),
      }),
    )
    .optional(),
});
export type Problem = z.infer<typeof problemSchema>;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Client {
  readonly get: <T>(path: string, schema: z.ZodType<T>, query?: Query) => Promise<T>;
  /** What is no JSON, for example a page. */
  readonly text: (path: string) => Promise<string>;
  /** The same, or null where there is nothing. */
  readonly textOrNull: (path: string) => Promise<string | null>;
  readonly post: <T>(path: string, body: unknown, schema: z.ZodType<T>) => Promise<T>;
  /** Sends bytes as they are; they may be many. */
  readonly upload: <T>(path: string, body: Blob, schema: z.ZodType<T>) => Promise<T>;
  /** Replaces what is there; with a version, refused when somebody changed it since. */
  readonly put: <T>(
    path: string,
    change: { readonly body: unknown; readonly version?: number },
    schema: z.ZodType<T>,
  ) => Promise<T>;
  /** Changes members of what is at this version; refused when somebody changed it since. */
  readonly patch: <T>(
    path: string,
    change: { readonly body: unknown; readonly version: number },
    schema: z.ZodType<T>,
  ) => Promise<T>;
  readonly remove: (path: string) => Promise<void>;
  /** The answer whatever its status, for commands for which a refusal is a result. */
  readonly attempt: (method: "GET" | "POST", path: string, body?: unknown) => Promise<Answer>;
  /** All items of a list, page by page, at most `max`. */
  readonly each: <T>(path: string, item: z.ZodType<T>, query?: Query, max?: number) => AsyncGenerator<T>;
  readonly where: string;
  /** Waits, up to so many milliseconds, for the work of a service in this process; null for one elsewhere. */
  readonly settle: ((waitMs: number) => Promise<void>) | null;
}

const pageSize = 200;
export const itemsMax = 1_000_000;
const attemptsMax = 4;
const waitSecondsMax = 30;
const answerCharactersMax = 64 * 1_048_576;

/** Opens the API, runs `work` with it, and closes it whatever happens. */
export const withClient = async <T>(
  shell: Shell,
  where: Whereabouts,
  work: (client: Client) => Promise<T>,
): Promise<T> => {
  const reached = await shell.reach(where);
  try {
    return await work(createClient(reached, shell.sleep));
  } finally {
    await reached.close();
  }
};

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly bytes?: Blob;
  /** Only when it is at this version. */
  readonly version?: number;
}

export const createClient = (reached: Reached, sleep: (milliseconds: number) => Promise<void>): Client => {
  const ask = async ({ method, path, body, bytes, version }: Asked): Promise<RawAnswer> => {
    const headers: Record<string, string> = { accept: "application/json" };
    if (version !== undefined) headers["if-match"] = `"${version}"`;
    if (reached.token !== null) headers.authorization = `Bearer ${reached.token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    // The same key on every attempt: a repeat of a write that was done gets its answer, not a second write.
    if (method === "POST") headers["idempotency-key"] = crypto.randomUUID();
    if (bytes !== undefined) headers["content-type"] = "application/octet-stream";
    const content = bytes ?? (body === undefined ? null : JSON.stringify(body));
    for (let turn = 1; ; turn++) {
      const answer = await send(reached, new Request(`http://cosell.local${path}`, { method, headers, body: content }));
      if ((answer.status !== 429 && answer.status !== 503) || turn >= attemptsMax) return answer;
      await sleep(answer.retryAfterSeconds * 1000);
    }
  };
  const demand = async <T>(asked: Asked, schema: z.ZodType<T>): Promise<T> => {
    const answer = await ask(asked);
    if (answer.status >= 400) throw problemFailure(answer, reached.where);
    const parsed = schema.safeParse(answer.body);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new Failure(
      `${reached.where} answered ${asked.method} ${asked.path} in a form this version does not know (${issue?.path.join(".")}: ${issue?.message})`,
      { fix: "use a cosell of the same version as the service" },
    );
  };
  return {
    where: reached.where,
    settle: reached.settle,
    attempt: (method, path, body) => ask({ method, path, body }),
    text: async (path) => {
      const answer = await ask({ method: "GET", path });
      if (answer.status >= 400) throw problemFailure(answer, reached.where);
      return answer.text;
    },
    textOrNull: async (path) => {
      const answer = await ask({ method: "GET", path });
      if (answer.status === 404) return null;
      if (answer.status >= 400) throw problemFailure(answer, reached.where);
      return answer.text;
    },
    get: (path, schema, query) => demand({ method: "GET", path: withQuery(path, query) }, schema),
    post: (path, body, schema) => demand({ method: "POST", path, body }, schema),
    upload: (path, bytes, schema) => demand({ method: "POST", path, bytes }, schema),
    put: (path, change, schema) => demand({ method: "PUT", path, ...change }, schema),
    patch: (path, change, schema) => demand({ method: "PATCH", path, ...change }, schema),
    remove: async (path) => {
      const answer = await ask({ method: "DELETE", path });
      if (answer.status >= 400) throw problemFailure(answer, reached.where);
    },
    each: async function* (path, item, query, max = itemsMax) {
      const page = z.object({ items: z.array(item), next: z.string().nullish() });
      let after: string | undefined;
      for (let count = 0; count < max; ) {
        const limit = Math.min(pageSize, max - count);
        const { items, next } = await demand(
          { method: "GET", path: withQuery(path, { ...query, limit, after }) },
          page,
        );
        yield* items;
        count += items.length;
        if (next === null || next === undefined || items.length === 0) return;
        after = next;
      }
    },
  };
};

interface RawAnswer extends Answer {
  readonly text: string;
  readonly retryAfterSeconds: number;
}
const send = async (reached: Reached, request: Request): Promise<RawAnswer> => {
  let response: Response;
  try {
    response = await reached.api(request);
  } catch (error) {
    const why =
      error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : "unknown";
    throw new Failure(`${reached.where} does not answer: ${why}`, {
      fix: "check the address (--url, COSELL_URL) and that the service runs",
    });
  }
  const text = await response.text();
  if (text.length > answerCharactersMax) throw new Failure(`${reached.where} sent an answer that is too large`);
  const after = Number(response.headers.get("retry-after") ?? "1");
  const retryAfterSeconds = Number.isFinite(after) ? Math.min(Math.max(after, 0.2), waitSecondsMax) : 1;
  return { status: response.status, body: parse(text), text, retryAfterSeconds };
};

const parse = (text: string): unknown => {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

const withQuery = (path: string, query: Query | undefined): string => {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`;
};

/** The rows of a problem: which field, what, and what to do. */
export const problemRows = (problem: Problem): readonly FailureRow[] =>
  (problem.errors ?? []).map((row) => ({
    path:
      row.field ?? row.parameter ?? (Array.isArray(row.path) ? row.path.join(".") : (row.path ?? row.pointer ?? "")),
    message: row.message ?? row.detail ?? row.code ?? "not accepted",
    fix: row.fix,
  }));

const fixes: Readonly<Record<number, string>> = {
  401: "give a key of this service in COSELL_API_KEY; `cosell keys create` makes one",
  403: "use a key with the scope that is named above; `cosell keys create --scope write` makes one",
};

/** An answer of 400 and above as a failure for people. */
export const problemFailure = (answer: Answer, where: string): Failure => {
  const parsed = problemSchema.safeParse(answer.body);
  if (!parsed.success)
    return new Failure(`${where} answered ${answer.status} without saying why`, {
      fix: "look at the log of the service",
    });
  const { title, detail } = parsed.data;
  const words = [title, detail].filter((part) => part !== undefined && part !== "");
  const fix = fixes[answer.status];
  return new Failure(words.length === 0 ? `${where} answered ${answer.status}` : words.join(": "), {
    rows: problemRows(parsed.data),
    ...(fix === undefined ? {} : { fix }),
  });
};
