/** What every request passes before and after its route: who calls, what the body is, and whether it was asked before. */
import type { Caller } from "../store/access.ts";
import { sqlStateOf } from "../store/rows.ts";
import type { Answer, AppDeps, Endpoint, Match } from "./endpoint.ts";
import { JsonError, parseJson, unstorable } from "./json.ts";
import { ProblemError, problemAnswer } from "./problem.ts";

export const bodyBytesMax = 1024 * 1024;
const headerBytesMax = 16 * 1024;
const runningRetrySeconds = 2;
/** A first request that has not answered for so long was lost with its process: its key may be taken over. */
const claimSeconds = 300;

const nobody: Caller = { actorId: "", scopes: [] };

export type Door = ReturnType<typeof createDoor>;

export const createDoor = (deps: AppDeps) => {
  /** Answers one request for `endpoint`: its own answer, or a problem. Never throws. */
  const serve = async (endpoint: Endpoint, request: Request, params: Readonly<Record<string, string>>) => {
    try {
      boundHeaders(request);
      const caller = endpoint.scope === null ? nobody : await admit(deps, endpoint, request);
      const read = await readRequest(endpoint, request);
      const run = () => endpoint.run({ params: params, caller, request, ...read });
      const key = endpoint.scope === null || endpoint.method === "GET" ? null : idempotencyKey(request);
      if (key === null) return answerOf(await run());
      return await once(deps, { key, caller, run, fingerprint: await fingerprintOf(deps, request, read.text) });
    } catch (error) {
      return refuse(error, request, endpoint.path);
    }
  };

  /** The problem for whatever was thrown. What is not ours to tell becomes an incident with an id, logged without content. */
  const refuse = (error: unknown, request: Request, route: string): Response => {
    const instance = new URL(request.url).pathname;
    if (error instanceof ProblemError) return problemAnswer(error, deps.publicUrl, instance);
    const known = databaseProblem(error);
    if (known?.kind === "invalid") return problemAnswer(known, deps.publicUrl, instance);
    const incident = deps.ids.uuid();
    deps.log.error("request failed", {
      incident,
      method: request.method,
      route,
      error: error instanceof Error ? error.name : typeof error,
      code: sqlStateOf(error),
      at: framesOf(error),
    });
    const problem =
      known ??
      new ProblemError(
        "incident",
        `It was logged as incident ${incident}. Nothing was changed unless a later read shows it.`,
      );
    return problemAnswer(problem, deps.publicUrl, `urn:cosell:incident:${incident}`);
  };
  return { serve, refuse };
};

const admit = async (deps: AppDeps, endpoint: Endpoint, request: Request): Promise<Caller> => {
  const match = /^Bearer +(cosell_[0-9a-f]{64}) *$/i.exec(request.headers.get("authorization") ?? "");
  const secret = match?.[1];
  const caller = secret === undefined ? null : await deps.store.access.authenticate(deps.db.sql, secret);
  if (caller === null)
    throw new ProblemError(
      "unauthenticated",
      "Send `Authorization: Bearer cosell_…` with a key that is neither revoked nor expired.",
      {
        headers: { "www-authenticate": 'Bearer realm="cosell"' },
      },
    );
  if (endpoint.scope !== null && !caller.scopes.includes(endpoint.scope))
    throw new ProblemError("forbidden", `This needs a key with the scope ${endpoint.scope}.`, {
      headers: { "www-authenticate": `Bearer realm="cosell", error="insufficient_scope", scope="${endpoint.scope}"` },
    });
  return caller;
};

interface Read {
  readonly query: Readonly<Record<string, string>>;
  readonly match: Match | null;
  readonly text: string;
  readonly body: unknown;
}

const readRequest = async (endpoint: Endpoint, request: Request): Promise<Read> => {
  const query = readQuery(request);
  const match = endpoint.ifMatch === undefined ? null : readMatch(request);
  if (endpoint.ifMatch === "required" && match === null)
    throw new ProblemError("version-needed", 'Send If-Match with the ETag you read, for example If-Match: "3".');
  if (endpoint.body === null) return { query, match, text: "", body: undefined };
  const mediaType = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const accepted = endpoint.mediaTypes ?? ["application/json"];
  const refuseType = !accepted.includes(mediaType) && !(mediaType === "" && endpoint.bodyOptional === true);
  if (refuseType)
    throw new ProblemError("unsupported-media-type", `Send Content-Type: ${accepted.join(" or ")}.`, {
      headers: { accept: accepted.join(", ") },
    });
  const bytes = await readBytes(request, endpoint.bodyBytesMax ?? bodyBytesMax);
  if (bytes.length === 0 && endpoint.bodyOptional === true) return { query, match, text: "", body: {} };
  const text = decode(bytes);
  return { query, match, text, body: readJson(text) };
};

/** The body as bytes, read once and never beyond `bytesMax`. */
export const readBytes = async (request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> => {
  const tooLarge = () =>
    new ProblemError("too-large", `The body may have at most ${bytesMax} bytes. Send less at once.`);
  const stated = request.headers.get("content-length");
  if (Number(stated ?? 0) > bytesMax) throw tooLarge();
  if (stated !== null && /^\d+$/.test(stated)) {
    // The server holds senders to the length they state, so the whole body may be read at once: several times as fast as its stream.
    const bytes = new Uint8Array(await request.arrayBuffer().catch(brokeOff));
    if (bytes.length > bytesMax) throw tooLarge();
    return bytes;
  }
  if (request.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(brokeOff);
    if (done) break;
    size += value.byteLength;
    if (size > bytesMax) {
      await reader.cancel().catch(() => {});
      throw tooLarge();
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
};

/** The caller went away in the middle: no fault of ours, and nobody reads the answer. */
const brokeOff = (): never => {
  throw new ProblemError("malformed-json", "The body broke off before its end.");
};

const decode = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProblemError("malformed-json", "The body is not UTF-8. Send JSON encoded as UTF-8.");
  }
};

const readJson = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw new ProblemError("malformed-json", error.message);
    throw error;
  }
};

const readQuery = (request: Request): Readonly<Record<string, string>> => {
  const query = new Map<string, string>();
  for (const [name, value] of new URL(request.url).searchParams) {
    if (query.has(name)) throw new ProblemError("bad-query", `${visible(name)}: given twice`);
    const why = unstorable(value);
    if (why !== null) throw new ProblemError("bad-query", `${visible(name)}: ${why}`);
    query.set(name, value);
  }
  return Object.fromEntries(query);
};

const visible = (name: string): string => name.slice(0, 40).replace(/[^\x21-\x7e]/g, "?");

const readMatch = (request: Request): Match | null => {
  const header = request.headers.get("if-match")?.trim();
  if (header === undefined || header === "") return null;
  if (header === "*") return "any";
  const tags = header.split(",").map((tag) => tag.trim());
  if (tags.length > 20 || !tags.every((tag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(tag)))
    throw new ProblemError(
      "bad-header",
      'If-Match: give the ETag as it was answered, in double quotes, for example "3".',
    );
  return tags;
};

const idempotencyKey = (request: Request): string | null => {
  const key = request.headers.get("idempotency-key");
  if (key === null) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new ProblemError("bad-header", "Idempotency-Key: 1 to 255 visible ASCII characters, for example a UUID.");
  return key;
};

const boundHeaders = (request: Request): void => {
  let bytes = 0;
  for (const [name, value] of request.headers) bytes += name.length + value.length;
  if (bytes > headerBytesMax)
    throw new ProblemError("headers-too-large", `The headers may have at most ${headerBytesMax} bytes together.`);
};

/** Keyed, so that a stored fingerprint of a body with personal data tells nothing to who reads the database. */
const fingerprintOf = (deps: AppDeps, request: Request, text: string): Promise<string> => {
  const { pathname, search } = new URL(request.url);
  return deps.seal.fingerprint(JSON.stringify(["request", request.method, pathname + search, text]));
};

interface Claim {
  readonly key: string;
  readonly caller: Caller;
  readonly fingerprint: string;
  readonly run: () => Promise<Answer | Response>;
}

/** Runs a request at most once per key: what succeeded is answered again, what was refused changed nothing and may be tried again. */
const once = async (deps: AppDeps, claim: Claim): Promise<Response> => {
  const { access } = deps.store;
  const { actorId } = claim.caller;
  const { sql } = deps.db;
  const known = await access.claimAnswer(sql, actorId, claim.key, claim.fingerprint);
  if (known.kind === "mismatch")
    throw new ProblemError(
      "key-reused",
      "This Idempotency-Key was used for another request. Use a new key for a new request.",
    );
  if (known.kind === "replay")
    return new Response(known.body === "" ? null : known.body, {
      status: known.status,
      headers: { ...known.headers, "idempotency-replayed": "true" },
    });
  const lostBefore = new Date(deps.clock.now().getTime() - claimSeconds * 1000);
  if (known.kind === "running" && !(await access.takeOverAnswer(sql, actorId, claim.key, lostBefore)))
    throw new ProblemError(
      "request-running",
      "The first request with this Idempotency-Key is still at work. Ask again soon.",
      {
        headers: { "retry-after": String(runningRetrySeconds) },
      },
    );
  let answer: Answer | Response;
  try {
    answer = await claim.run();
  } catch (error) {
    await access.releaseAnswer(sql, actorId, claim.key);
    throw error;
  }
  if (answer instanceof Response || answer.status >= 400) {
    await access.releaseAnswer(sql, actorId, claim.key);
    return answerOf(answer);
  }
  const kept = { ...answer, body: answer.replayBody ?? answer.body };
  const { status, headers } = rendered(answer);
  try {
    await access.keepAnswer(sql, actorId, claim.key, { status, headers, body: rendered(kept).text ?? "" });
  } catch (error) {
    deps.log.error("an answer could not be kept for repeats", { code: sqlStateOf(error) });
  }
  return answerOf(answer);
};

const rendered = (answer: Answer) => ({
  status: answer.status,
  text: answer.body === undefined ? null : toJson(answer.body),
  headers: { ...answer.headers, ...(answer.body === undefined ? {} : { "content-type": "application/json" }) },
});

const answerOf = (answer: Answer | Response): Response => {
  if (answer instanceof Response) return answer;
  const { status, text, headers } = rendered(answer);
  return new Response(text, { status, headers });
};

/** JSON of a value from the store: dates as ISO 8601, bigints as decimal texts. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner));

/** What the database says about a value or about itself, in our words; null for what only a bug explains. */
const databaseProblem = (error: unknown): ProblemError | null => {
  const state = sqlStateOf(error);
  const constraint = error instanceof Error && "constraint_name" in error ? String(error.constraint_name) : "";
  if (state.startsWith("22"))
    return new ProblemError(
      "invalid",
      "A value is outside what can be stored, for example a number or a date out of range.",
    );
  if (state === "23514") return new ProblemError("invalid", `A value breaks the rule ${constraint}.`);
  const held = error instanceof Error && error.name === "TransactionHeldError";
  if (held || /^(08|53|57|40)/.test(state) || unreachable(error))
    return new ProblemError("unavailable", "The database is busy or away. Nothing was changed; try again soon.", {
      headers: { "retry-after": "5" },
    });
  return null;
};

const unreachable = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|CONNECTION_|CONNECT_TIMEOUT)/.test(String(error.code));

/** Where it was thrown, without its message: messages may repeat values. */
const framesOf = (error: unknown): string =>
  error instanceof Error
    ? (error.stack ?? "")
        .split("\n")
        .filter((line) => /^\s+at /.test(line))
        .slice(0, 5)
        .map((line) => line.trim().replace(/\(?(file:\/\/)?\/[^ )]*\/([^/ )]+)\)?$/, "$2"))
        .join(" < ")
    : "";
