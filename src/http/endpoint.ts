/** What a route is: data that the door obeys and the document describes, and a function that does the work. */
import * as z from "zod";
import type { Registry } from "../../adapters/registry.ts";
import type { Check } from "../domain/diagnosis.ts";
import type { Result } from "../domain/fault.ts";
import type { WebhookAttempt } from "../domain/webhook.ts";
import type { ClockDep, DbDep, Http, IdsDep, LogDep, PublicHttpDep, SealDep, SecretsDep, Tx } from "../ports.ts";
import type { Caller, Scope } from "../store/access.ts";
import type { Store } from "../store/index.ts";
import { type ListPage, sqlStateOf } from "../store/rows.ts";
import { itemsOf, ProblemError, type ProblemKind } from "./problem.ts";

export const runStates = ["queued", "running", "completed", "failed", "cancelled"] as const;
export interface RunFilter {
  readonly after: string | null;
  readonly limit: number;
  /** Only runs in this state. */
  readonly state?: (typeof runStates)[number];
  /** Only runs of this workflow. */
  readonly workflow?: string;
}

export interface Readiness {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** False: told, but the service is ready without it. Default true. */
  readonly isNeeded?: boolean;
}

/** Another speaker on the same port, for example the AWS simulator; it gets the request with the prefix stripped. */
export interface Mount {
  readonly path: string;
  readonly handler: (request: Request) => Promise<Response>;
}

/** What a diagnosis can try beyond the database. */
export interface Probes {
  /** Bounded outbound HTTP. */
  readonly http: Http;
  /** One short fetch of a connection's queue, its messages kept; null when it has none or is parked. */
  readonly pull: (
    connectionId: string,
  ) => Promise<Result<{ readonly received: number; readonly misplaced: number }> | null>;
  /** Whether the workflows run on the embedded runner. */
  readonly hasRunner: boolean;
  /** Checks of the machine we run on. */
  readonly checks: readonly Check[];
}

/** Does the work of one request within a span. */
export type TraceRequest = (
  endpoint: Pick<Endpoint, "method" | "path">,
  request: Request,
  work: () => Promise<Response>,
) => Promise<Response>;

export interface AppDeps extends DbDep, ClockDep, IdsDep, SealDep, SecretsDep, LogDep, PublicHttpDep {
  readonly store: Store;
  readonly registry: Registry;
  /** An outbox row was committed: drain soon. */
  readonly kick: () => void;
  /** Sends a test event to a webhook endpoint, once and now. */
  readonly testWebhook: (
    webhookId: string,
  ) => Promise<{ readonly messageId: string; readonly attempt: WebhookAttempt }>;
  /** The largest file of reports that is taken, in bytes. */
  readonly reportBytesMax: number;
  /** Of how many money lines the books are concluded anew for a question. */
  readonly bookLinesMax: number;
  readonly ready: () => Promise<readonly Readiness[]>;
  /** The address people and partners call us on, without a trailing slash. */
  readonly publicUrl: string;
  readonly probes?: Probes;
  readonly mounts?: readonly Mount[];
  readonly trace?: TraceRequest;
  /** The whole database as a backup file; absent where the database has tools of its own for that. */
  readonly backup?: () => Promise<ReadableStream<Uint8Array>>;
  readonly listRuns?: (filter: RunFilter) => Promise<ListPage<Readonly<Record<string, unknown>>>>;
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Answer {
  readonly status: number;
  /** Becomes JSON: dates as ISO 8601, bigints as decimal texts. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What a repeated request gets instead of `body`, where that holds a secret that is shown once. */
  readonly replayBody?: unknown;
}

export interface AnswerSpec {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** Media type where it is not JSON. */
  readonly mediaType?: string;
  readonly example?: unknown;
  readonly headers?: readonly ("ETag" | "Location")[];
}

interface Meta {
  readonly method: Method;
  /** For example `/v1/shares/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Null: open to everybody. */
  readonly scope: Scope | null;
  /** Whether the caller must, or may, name the version to change. */
  readonly ifMatch?: "required" | "optional";
  readonly bodyBytesMax?: number;
  readonly bodyOptional?: boolean;
  readonly bodyExample?: unknown;
  readonly mediaTypes?: readonly string[];
  /** The body is bytes, whatever they are: the route reads them itself as they come. The text is for the document. */
  readonly rawBody?: string;
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** Problems of its own, besides those that every route of its kind has. */
  readonly problems?: readonly ProblemKind[];
}

export interface Spec<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> extends Meta {
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly handle: (input: Input<z.output<P>, z.output<Q>, z.output<B>>) => Promise<Answer | Response>;
}

export interface Input<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: Caller;
  /** The versions the caller accepts, or null when it named none. */
  readonly match: Match | null;
  readonly request: Request;
}

/** If-Match: any version, or one of these entity tags. */
export type Match = "any" | readonly string[];

export interface RawInput {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly caller: Caller;
  readonly match: Match | null;
  readonly request: Request;
}

export interface Endpoint extends Meta {
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly body: z.ZodType | null;
  readonly run: (raw: RawInput) => Promise<Answer | Response>;
}

const nothing = z.strictObject({});

/** A route: parses what came in by its schemas (problems name what does not fit), then does its work. */
export const endpoint = <
  P extends z.ZodObject = typeof nothing,
  Q extends z.ZodObject = typeof nothing,
  B extends z.ZodType = z.ZodUnknown,
>(
  spec: Spec<P, Q, B>,
): Endpoint => {
  const { params, query, body, handle, ...meta } = spec;
  return {
    ...meta,
    params: params ?? nothing,
    query: query ?? nothing,
    body: body ?? null,
    run: (raw) => {
      const { caller, match, request } = raw;
      return handle({
        params: parseWith<z.output<P>>(params ?? nothing, raw.params, unknownPlace(spec.path)),
        query: parseWith<z.output<Q>>(query ?? nothing, raw.query, badQuery),
        body: parseWith<z.output<B>>(body ?? z.unknown(), raw.body, badBody),
        caller,
        match,
        request,
      });
    },
  };
};

const parseWith = <T>(schema: z.ZodType, value: unknown, refuse: (error: z.ZodError) => ProblemError): T => {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw refuse(parsed.error);
  return parsed.data as T;
};

const badBody = (error: z.ZodError): ProblemError => {
  const errors = itemsOf(error);
  const first = errors[0];
  return new ProblemError(
    "invalid",
    `${first?.field === "" || first?.field === undefined ? "body" : first.field}: ${first?.message}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`,
    { errors },
  );
};

const badQuery = (error: z.ZodError): ProblemError => {
  const errors = itemsOf(error).map(({ pointer: _, field, ...item }) => ({ parameter: field ?? "", ...item }));
  const detail = errors.map(
    (item) => `${item.parameter}: ${item.code === "unknown" ? "no such parameter" : item.message}`,
  );
  return new ProblemError("bad-query", detail.join("; "), { errors });
};

const unknownPlace = (path: string) => (): ProblemError =>
  new ProblemError(
    "not-found",
    `There is nothing here: ids in ${path} are a prefix such as shr_ and 32 hexadecimal digits.`,
  );

/** The entity tag of a version. */
export const tagOf = (version: number): string => `"${version}"`;

/** Refuses the change when the caller named other versions than the one that is stored. */
export const checkMatch = (match: Match | null, version: number): void => {
  if (match === null || match === "any" || match.includes(tagOf(version))) return;
  throw new ProblemError(
    "version-changed",
    `It is at version ${version} now. Read it again, then repeat your change.`,
    {
      headers: { etag: tagOf(version) },
      extra: { version },
    },
  );
};

/** One transaction, begun again when the database chose it as the victim of a deadlock; its events are sent on soon after. */
export const commit = async <T>(deps: AppDeps, work: (tx: Tx) => Promise<T>): Promise<T> => {
  const result = await retried(() => deps.db.transaction(work));
  deps.kick();
  return result;
};
/** Work that commits by itself, done again when the database chose it as the victim of a deadlock. */
export const retried = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= transactionAttemptsMax || !victimCodes.has(sqlStateOf(error))) throw error;
    }
  }
};
const transactionAttemptsMax = 3;
const victimCodes: ReadonlySet<string> = new Set(["40001", "40P01"]);

class Rehearsed<T> extends Error {
  readonly result: T;
  constructor(result: T) {
    super("the rehearsal ended");
    this.result = result;
  }
}

/** Does the work in a transaction that is always rolled back, and tells what it would have come to. */
export const rehearse = async <T>(deps: AppDeps, work: (tx: Tx) => Promise<T>): Promise<T> => {
  let rehearsed: Rehearsed<T> | null = null;
  try {
    await deps.db.transaction(async (tx) => {
      rehearsed = new Rehearsed(await work(tx));
      throw rehearsed;
    });
  } catch (error) {
    if (error !== rehearsed) throw error;
  }
  if (rehearsed === null) throw new Error("a rehearsal was committed");
  return (rehearsed as Rehearsed<T>).result;
};

export const idOf = (prefix: string, what: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9a-f]{32}$`), `an id such as ${prefix}_0199…`)
    .describe(`id of the ${what}`);

/** A query parameter that names one or more of `values`, separated by commas. */
export const anyOf = <Value extends string>(values: readonly Value[], description: string) =>
  z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(z.enum(values)).min(1).max(values.length))
    .optional()
    .describe(`${description}, separated by commas: ${values.join(", ")}`);

const limit = z.coerce.number().int().min(1).max(200).default(50).describe("items on a page, 1 to 200");
/** Paging: `limit` and `after` (the `next` of the page before). */
export const pageQuery = z.strictObject({
  limit,
  after: z.string().min(1).max(64).optional().describe("`next` of the page before"),
});
export const seqPageQuery = z.strictObject({
  limit,
  after: z
    .string()
    .regex(/^\d{1,18}$/, "a sequence number")
    .optional()
    .describe("only entries after this sequence number: `next` of the page before"),
});

export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    next: z.string().nullable().describe("give it as `after` for the next page; null: no more"),
  });

/** One page of a short list that is read whole. */
export const pageOf = <T extends { readonly id: string }>(
  all: readonly T[],
  page: { readonly limit: number; readonly after?: string | undefined },
): ListPage<T> => {
  const from = page.after === undefined ? 0 : all.findIndex((item) => item.id === page.after) + 1;
  if (page.after !== undefined && from === 0)
    throw new ProblemError("bad-query", "after: no such item in this list; start again without it");
  const items = all.slice(from, from + page.limit);
  return { items, next: from + page.limit < all.length ? (items.at(-1)?.id ?? null) : null };
};
