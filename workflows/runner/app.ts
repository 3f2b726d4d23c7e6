/** The application that a runner in another process drives: where it is, how it is called, and when its functions changed. */
import * as z from "zod";
import type { Clock, Db, Http, Ids, Log } from "../../src/ports.ts";
import { createRunner, type Runner } from "./index.ts";

/** One call of the application, for progress lines. */
export interface CallNote {
  readonly functionId: string;
  readonly runId: string;
  readonly stepId: string;
  readonly status: number;
  readonly ms: number;
}

export interface AppDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Bounded outbound HTTP. */
  readonly http: Http;
  /** The address of the application's serve handler; null: whichever registers with the signing key. */
  readonly target: string | null;
  readonly signingKey: string;
  readonly signingKeyFallback?: string;
  /** Calls in flight at once. */
  readonly parallel: number;
  /** As in `RunnerDeps`. */
  readonly isSoleOwner?: boolean;
  readonly called?: (note: CallNote) => void;
  /** Aborted when the runner stops: nobody waits for a registration any more. */
  readonly stopping: AbortSignal;
}

/** An application that registers from another address than the one this runner is to drive. */
export class OtherTargetError extends Error {
  constructor(url: string, target: string) {
    super(
      `this runner drives ${target} and takes no registration for ${url}; start it with that --target or without one, or set the service's INNGEST_SERVE_ORIGIN`,
    );
    this.name = "OtherTargetError";
  }
}

export interface App {
  readonly runner: Runner;
  /** Where it is, or null while nobody has registered. */
  readonly url: () => string | null;
  /** Takes this address and the functions there, for all runner processes on this database. Throws what the runner's sync throws. */
  readonly register: (url: string) => Promise<void>;
  /** Takes up the target, or what was registered before; false when there is neither. Throws when it does not answer. */
  readonly resume: () => Promise<boolean>;
}

/** Node's fetch itself waits at most 300 s for the head of an answer, and says so less clearly. */
const callMsMax = 295_000;
/** An answer carries at most a step's result of 4 MB, escaped. */
const answerBytesMax = 16 * 1024 * 1024;
const registrationMsMax = 30_000;
/** Nobody is at this address: requests are sent on to the one that is registered. */
const placeholder = "http://application.invalid/api/inngest";

export const createApp = (deps: AppDeps): App => {
  const { db, clock, ids, target } = deps;
  let url: string | null = null;
  let asked: string | null = null;
  let version: string | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  const runner = createRunner({
    ...deps,
    appUrl: placeholder,
    hasApi: true,
    handler: (request) => forward(deps, request, request.method === "PUT" ? asked : url),
    follow: async () => {
      const isOld = (stored: StoredApp | null): stored is StoredApp =>
        stored !== null && version !== null && stored.version !== version;
      if (!isOld(await readApp(db))) return;
      await inTurn(async () => {
        const stored = await readApp(db);
        if (isOld(stored)) await adopt(stored);
      });
    },
  });
  const adopt = async (registered: StoredApp): Promise<void> => {
    asked = target ?? registered.url;
    await runner.sync();
    url = asked;
    version = registered.version;
  };
  /** One after the other: each asks the handler, and the last one counts. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.catch(() => {}).then(work);
    turn = done;
    return done;
  };
  const register = (from: string): Promise<void> => {
    if (target !== null && from !== target) throw new OtherTargetError(from, target);
    return inTurn(async () => {
      const registered = { url: from, version: ids.uuid() };
      await adopt(registered);
      await db.sql`insert into runner_app (url, version, registered_at) values (${from}, ${registered.version}, ${clock.now()})
        on conflict (id) do update set url = excluded.url, version = excluded.version, registered_at = excluded.registered_at`;
    });
  };
  return {
    runner,
    url: () => url,
    register,
    resume: async () => {
      if (url !== null) return true;
      if (target !== null) return register(target).then(() => true);
      const stored = await readApp(db);
      if (stored === null) return false;
      return inTurn(() => adopt(stored)).then(() => true);
    },
  };
};

const storedSchema = z.object({ url: z.string(), version: z.string() });
type StoredApp = z.infer<typeof storedSchema>;

const readApp = async (db: Db): Promise<StoredApp | null> => {
  const [row] = await db.sql`select url, version from runner_app`;
  return row === undefined ? null : storedSchema.parse(row);
};

const forward = async (deps: AppDeps, request: Request, to: string | null): Promise<Response> => {
  if (to === null) throw new Error("no application has registered yet");
  const address = new URL(to);
  const query = new URL(request.url).searchParams;
  for (const [name, value] of query) address.searchParams.set(name, value);
  const began = performance.now();
  const { method, headers } = request;
  const isCall = method === "POST";
  const limits = {
    timeoutMs: isCall ? callMsMax : registrationMsMax,
    bodyBytesMax: answerBytesMax,
    hosts: [address.host],
  };
  // A call in flight is waited for when the runner stops, a registration is not.
  const signal = isCall ? null : deps.stopping;
  const response = await deps.http(
    new Request(address, { method, headers, body: await request.text(), signal }),
    limits,
  );
  if (isCall) {
    deps.called?.({
      functionId: query.get("fnId") ?? "",
      stepId: query.get("stepId") ?? "",
      runId: request.headers.get("x-run-id") ?? "",
      status: response.status,
      ms: Math.round(performance.now() - began),
    });
  }
  return response;
};
