/** Faults of the answer: what a broken network, proxy or release does to an answer that was already decided. */
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import type { Clock } from "../../src/ports.ts";
import { isList, isObject } from "./document.ts";
import type { CommonStruck } from "./faults.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Everything needed to build an HTTP response; kept as data until the faults have had their turn. */
export interface WireAnswer {
  readonly status: number;
  /** Null: no body at all. */
  readonly body: JsonObject | readonly Json[] | Bytes | null;
  /** The content type of the body. */
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Waiting {
  readonly clock: Clock;
  /** Reject a hang at once instead of waiting. */
  readonly instantTimeouts: boolean;
  readonly hangMsMax: number;
}

export interface Departure {
  readonly answer: WireAnswer;
  /** What goes out instead when the effect happened and the answer says it did not. */
  readonly failure: WireAnswer;
  readonly struck: CommonStruck;
  readonly signal: AbortSignal;
}

/** The HTTP response of an answer. */
export const respond = (answer: WireAnswer): Response => written(answer);

/** Whether nothing may happen and no answer come. */
export const isLostBefore = (struck: CommonStruck): boolean =>
  struck.has("timeout_before") || (struck.has("html_error_page") && !struck.find("html_error_page")?.committed);

/** Sends the answer off, or does to it what the faults say. Rejects where a network would. */
export const depart = async ({ answer, failure, struck, signal }: Departure, waiting: Waiting): Promise<Response> => {
  const slow = struck.find("slow");
  if (slow) await Promise.race([waiting.clock.sleep((slow.seconds ?? 10) * 1000), aborted(signal)]);
  if (struck.has("timeout_before") || struck.has("commit_then_timeout")) return hang(signal, waiting);
  if (struck.has("html_error_page")) return page(answer);
  if (struck.has("commit_then_500") && answer.status < 300) return written(failure);
  if (struck.has("reset_mid_body")) return broken(answer);
  if (struck.has("truncated_json")) return written(answer, (bytes) => bytes.slice(0, Math.floor(bytes.length / 2)));
  const retryAfter = struck.find("throttle")?.retryAfterSeconds;
  const response = written(struck.has("wrong_content_type") ? { ...answer, type: "text/plain" } : answer);
  if (retryAfter !== undefined) response.headers.set("retry-after", String(retryAfter));
  return response;
};

const bytesOf = (answer: WireAnswer): Bytes =>
  answer.body instanceof Uint8Array ? answer.body : new TextEncoder().encode(JSON.stringify(answer.body));
const headersOf = (answer: WireAnswer, length: number): Headers =>
  new Headers({ "content-type": answer.type, "content-length": String(length), ...answer.headers });
const written = (answer: WireAnswer, cut: (bytes: Bytes) => Bytes = (bytes) => bytes): Response => {
  if (answer.body === null) return new Response(null, { status: answer.status, headers: answer.headers });
  const bytes = cut(bytesOf(answer));
  return new Response(bytes, { status: answer.status, headers: headersOf(answer, bytes.length) });
};

const page = (answer: WireAnswer): Response =>
  new Response("<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>", {
    status: 502,
    headers: { "content-type": "text/html", ...(answer.headers.date ? { date: answer.headers.date } : {}) },
  });

/** Half of the body, then the connection is gone. */
const broken = (answer: WireAnswer): Response => {
  const bytes = bytesOf(answer);
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (sent) controller.error(new TypeError("The simulator reset the connection in the middle of the body"));
      else controller.enqueue(bytes.slice(0, Math.floor(bytes.length / 2)));
      sent = true;
    },
  });
  const status = answer.body === null ? 200 : answer.status;
  return new Response(body, { status, headers: headersOf(answer, bytes.length) });
};

const hang = async (signal: AbortSignal, waiting: Waiting): Promise<never> => {
  if (!waiting.instantTimeouts) await Promise.race([aborted(signal), aborted(AbortSignal.timeout(waiting.hangMsMax))]);
  throw new DOMException("The simulator gave no answer", "TimeoutError");
};
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });

/** Where, in an operation's answer, the faults of its members strike unless a rule names a `field`. Dotted paths; lists are walked through. */
export interface FaultFields {
  readonly status?: string | undefined;
  readonly vital?: string | undefined;
  readonly list?: string | undefined;
  /** Groups that get members nobody knows as well. */
  readonly groups?: readonly string[];
}

/** The body as the faults leave it. */
export const mangledBody = (body: JsonObject, fields: FaultFields, struck: CommonStruck): JsonObject => {
  let left = body;
  const word = struck.find("unknown_status_word");
  if (word) left = changed(left, word.field ?? fields.status, () => word.value ?? "Under Triage");
  const missing = struck.find("missing_field");
  if (missing) left = changed(left, missing.field ?? fields.vital, () => undefined);
  const nulled = struck.find("null_for_list");
  if (nulled) left = changed(left, nulled.field ?? fields.list, () => null);
  const partial = struck.find("partial_page");
  if (partial) left = changed(left, partial.field ?? fields.list, (list) => partialOf(list, partial.mode ?? "repeat"));
  const extra = struck.find("extra_field");
  if (extra) {
    const value = extra.value ?? { Note: "added after this model was written" };
    left = withExtra(left, [extra.field ?? "FutureMember", value], fields.groups ?? []);
  }
  return left;
};

/** Applies `change` wherever `path` leads; lists on the way are walked through. Undefined removes the member. */
const changed = (body: JsonObject, path: string | undefined, change: (value: Json) => Json | undefined): JsonObject => {
  if (path === undefined) return body;
  const [head = "", ...rest] = path.split(".");
  const value = body[head];
  if (value === undefined) return body;
  const copy: Record<string, Json> = { ...body };
  const next = rest.length === 0 ? change(value) : walked(value, rest.join("."), change);
  if (next === undefined) delete copy[head];
  else copy[head] = next;
  return copy;
};
const walked = (value: Json, path: string, change: (value: Json) => Json | undefined): Json => {
  if (isList(value)) return value.map((item) => walked(item, path, change));
  return isObject(value) ? changed(value, path, change) : value;
};
const partialOf = (value: Json, mode: "repeat" | "skip"): Json => {
  if (!isList(value)) return value;
  const last = value.at(-1);
  return mode === "skip" || last === undefined ? value.slice(0, -1) : [...value, last];
};
/** At the top and in the groups a replacement update would erase. */
const withExtra = (body: JsonObject, [name, extra]: readonly [string, Json], groups: readonly string[]): JsonObject => {
  const inner = groups.flatMap((group) => {
    const value = body[group];
    return isObject(value) ? [[group, { ...value, [name]: extra }] as const] : [];
  });
  return { ...body, ...Object.fromEntries(inner), [name]: extra };
};
