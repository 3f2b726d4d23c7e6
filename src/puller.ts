/**
 * Fetches what waits in partners' queues and keeps it as a webhook is kept: the same inbox, the same one commit. Only then is
 * a message deleted; a crash in between brings it again, and the inbox knows it.
 */
import type { Pull, Pulled } from "../adapters/contract.ts";
import type { Registry } from "../adapters/registry.ts";
import type { Connection } from "./domain/deal.ts";
import { type Fault, failed, ok, type Result } from "./domain/fault.ts";
import { createIntake, type Intake } from "./http/intake.ts";
import type { Clock, Db, Log } from "./ports.ts";
import type { Store } from "./store/index.ts";

/** The longest a queue is waited on in one call, in seconds. */
const waitSeconds = 20;
/** New connections, and those that were resumed, are taken up after so long. */
const listEveryMs = 5_000;
/** A queue that answers nothing at once, though it was asked to wait, is not asked again at once. */
const quickMs = 1_000;
const backoffMsMin = 1_000;
const backoffMsMax = 300_000;
const hintsMax = 200;
const queueException = "QUEUE_UNUSABLE";

/** What became of the messages of one fetch, or of all since the start. */
export interface PullCount {
  readonly received: number;
  /** Kept now; `duplicates` were kept before, by whichever way they came. */
  readonly accepted: number;
  readonly duplicates: number;
  /** For us and of no use: deleted. */
  readonly ignored: number;
  /** No event, or none of this connection: not kept, left to the queue's redrive policy. */
  readonly misplaced: number;
  readonly deleted: number;
}
const none: PullCount = { received: 0, accepted: 0, duplicates: 0, ignored: 0, misplaced: 0, deleted: 0 };

/** How a connection's queue has fared since this process started. */
export interface PullState {
  readonly connectionId: string;
  readonly count: PullCount;
  readonly answeredAt: Date | null;
  /** Why the last fetch failed; null when it did not. */
  readonly fault: Fault["kind"] | null;
}

export interface PullerDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly registry: Registry;
  readonly actorId: string;
  readonly kick: () => void;
  readonly at: (point: string) => Promise<void> | void;
}

export interface Puller {
  /** One short fetch of one connection's queue. Null when it has none, or is parked. */
  readonly pull: (connectionId: string) => Promise<Result<PullCount> | null>;
  /** One short fetch of every queue: where no loop can run, a clock calls this. Returns how many messages came. */
  readonly pullAll: () => Promise<number>;
  readonly states: () => readonly PullState[];
  readonly start: () => void;
  readonly stop: () => Promise<void>;
}

export const createPuller = (given: PullerDeps): Puller => {
  const deps = { ...given, intake: createIntake(given) };
  const { db, store, clock, log } = deps;
  const states = new Map<string, PullState>();
  const loops = new Map<string, Promise<void>>();
  let stopping = new AbortController();
  let supervising: Promise<void> | null = null;

  const opened = async (id: string): Promise<{ readonly connection: Connection; readonly queue: Pull } | null> => {
    const connection = await store.connections.find(db.sql, id);
    if (connection === null || connection.state === "parked") return null;
    const queue = queueOf(deps, connection);
    return queue === null ? null : { connection, queue };
  };

  /** One fetch; null when there is nothing to fetch from. A denial parks the connection. */
  const fetchOnce = async (id: string, seconds: number, signal?: AbortSignal): Promise<Result<PullCount> | null> => {
    const at = await opened(id);
    if (at === null) return null;
    const fetched = await fetchAndKeep(deps, at, { seconds, ...(signal === undefined ? {} : { signal }) });
    if (signal?.aborted === true && !fetched.ok) return fetched;
    const before = states.get(id);
    states.set(id, {
      connectionId: id,
      count: fetched.ok ? sum(before?.count ?? none, fetched.value) : (before?.count ?? none),
      answeredAt: fetched.ok ? clock.now() : (before?.answeredAt ?? null),
      fault: fetched.ok ? null : fetched.fault.kind,
    });
    if (!fetched.ok) await tell(deps, id, fetched.fault);
    else if (before === undefined || before.fault !== null) await closeTold(deps, id);
    return fetched;
  };

  const live = async (id: string, signal: AbortSignal): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      const from = Date.now();
      const fetched = await fetchOnce(id, waitSeconds, signal);
      if (fetched === null || signal.aborted) return;
      failures = fetched.ok ? 0 : failures + 1;
      const isQuick = fetched.ok && fetched.value.received === 0 && Date.now() - from < quickMs;
      const waitMs = fetched.ok ? (isQuick ? quickMs : 0) : backoffOf(fetched.fault, failures, clock.now());
      if (waitMs > 0) await pause(waitMs, signal);
    }
  };

  const supervise = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const all = await store.connections.list(db.sql).catch(() => []);
      for (const connection of all) {
        const { id } = connection;
        if (connection.state === "parked" || loops.has(id) || queueOf(deps, connection) === null) continue;
        const loop = live(id, signal)
          .catch((error: unknown) =>
            log.error("a queue could not be fetched from; it is taken up again soon", {
              connection: id,
              error: error instanceof Error ? error.name : "unknown",
            }),
          )
          .finally(() => loops.delete(id));
        loops.set(id, loop);
      }
      await pause(listEveryMs, signal);
    }
  };

  return {
    pull: (id) => fetchOnce(id, 0),
    pullAll: async () => {
      let received = 0;
      for (const { id } of await store.connections.list(db.sql)) {
        const fetched = await fetchOnce(id, 0);
        if (fetched?.ok) received += fetched.value.received;
      }
      return received;
    },
    states: () => [...states.values()],
    start: () => {
      if (supervising !== null) return;
      stopping = new AbortController();
      supervising = supervise(stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      await supervising;
      await Promise.all(loops.values());
      supervising = null;
    },
  };
};

const queueOf = (deps: PullerDeps, connection: Connection): Pull | null => {
  if (connection.settings.queue === undefined) return null;
  try {
    return deps.registry.open(connection).pull ?? null;
  } catch {
    // Settings that the adapter refuses are told where they are used and by the doctor, not every five seconds.
    return null;
  }
};

const fetchAndKeep = async (
  deps: PullerDeps & { readonly intake: Intake },
  { connection, queue }: { readonly connection: Connection; readonly queue: Pull },
  wait: { readonly seconds: number; readonly signal?: AbortSignal },
): Promise<Result<PullCount>> => {
  const fetched = await queue.receive(wait.seconds, wait.signal);
  if (!fetched.ok) return fetched;
  const outcomes = await keepAll(deps, connection, fetched.value);
  const count = { ...none, received: fetched.value.length };
  const receipts: string[] = [];
  for (const [index, message] of fetched.value.entries()) {
    const outcome = outcomes[index] ?? "stale";
    // What is stale comes again and is judged by the connection's new settings.
    if (outcome === "stale") continue;
    count[outcome] += 1;
    if (outcome === "misplaced") tellMisplaced(deps, connection, message);
    else receipts.push(message.receipt);
  }
  if (receipts.length === 0) return ok(count);
  await deps.at("queue.kept");
  const deleted = await queue.acknowledge(receipts);
  await deps.at("queue.deleted");
  // What could not be deleted comes again as a duplicate.
  return deleted.ok ? ok({ ...count, deleted: deleted.value }) : failed(deleted.fault);
};

type Outcome = "accepted" | "duplicates" | "ignored" | "misplaced" | "stale";

/** What becomes of each message; those to be kept are committed when it resolves. Rejects when nothing could be kept. */
const keepAll = async (
  deps: PullerDeps & { readonly intake: Intake },
  connection: Connection,
  messages: readonly Pulled[],
): Promise<readonly Outcome[]> => {
  const settled = await Promise.allSettled(messages.map((message) => keep(deps.intake, connection, message)));
  const lost = settled.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  if (lost.length > 0 && !settled.some((one) => one.status === "fulfilled" && keptOutcomes.has(one.value)))
    throw lost[0];
  // The database took the others: this one it cannot hold.
  return settled.map((one) => (one.status === "fulfilled" ? one.value : "misplaced"));
};
const keptOutcomes: ReadonlySet<Outcome> = new Set(["accepted", "duplicates", "stale"]);

const keep = async (intake: Intake, connection: Connection, { verdict, body }: Pulled): Promise<Outcome> => {
  if (verdict.kind !== "verified") return verdict.kind;
  const { key, kind, hints } = verdict.delivery;
  const delivery = { connection, key, kind, headers: {}, body, hints: hints.slice(0, hintsMax) };
  const reception = await intake.receive(delivery);
  return reception === "duplicate" ? "duplicates" : reception;
};

const tellMisplaced = ({ log }: PullerDeps, connection: Connection, { id, receives, verdict }: Pulled): void =>
  log.warn("a queue message is none of this connection's; it is left to the queue's redrive policy", {
    connection: connection.id,
    message: id,
    receives,
    why: verdict.kind === "verified" ? "it cannot be stored" : verdict.reason,
  });

/** A person hears of what a person must mend; the rest is tried again. */
const tell = async ({ db, store, ...deps }: PullerDeps, connectionId: string, fault: Fault): Promise<void> => {
  deps.log.warn("a queue was not fetched from", { connection: connectionId, fault: fault.kind });
  if (fault.kind === "denied")
    await db.transaction((tx) => store.connections.park(tx, connectionId, fault.message, deps.actorId));
  else if (fault.kind === "missing" || fault.kind === "drift")
    await db.transaction((tx) =>
      store.journal.openException(
        tx,
        queueException,
        connectionId,
        `Events are not fetched: ${fault.message}. Changes are still found by the sweep. cosell doctor tells what to mend.`,
      ),
    );
  else return;
  deps.kick();
};

/** The queue works: what a person was told of it is over. */
const closeTold = async ({ db, store, ...deps }: PullerDeps, connectionId: string): Promise<void> => {
  await db.transaction(async (tx) => {
    const { items } = await store.journal.listExceptions(tx, {
      open: true,
      after: null,
      limit: 50,
      subject: connectionId,
    });
    for (const { id } of items.filter(({ code }) => code === queueException))
      await store.journal.closeException(tx, id, "the queue answers again", deps.actorId);
  });
  deps.kick();
};

const sum = (a: PullCount, b: PullCount): PullCount => ({
  received: a.received + b.received,
  accepted: a.accepted + b.accepted,
  duplicates: a.duplicates + b.duplicates,
  ignored: a.ignored + b.ignored,
  misplaced: a.misplaced + b.misplaced,
  deleted: a.deleted + b.deleted,
});

const backoffOf = (fault: Fault, failures: number, now: Date): number => {
  const doubled = Math.min(backoffMsMin * 2 ** Math.min(failures, 9), backoffMsMax);
  return fault.kind === "throttled" ? Math.max(Date.parse(fault.retryAt) - now.getTime(), backoffMsMin) : doubled;
};

/** Waits in real time, or until it is time to stop. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      done();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) finish();
  });
