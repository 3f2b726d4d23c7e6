/** Reconciliation: what all files say by a day is concluded, one run at a time, once no file is on its way any more. */
import { IncompleteFacts } from "../src/domain/finance/close.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import type { Tx } from "../src/ports.ts";
import type { Reconciliation } from "../src/store/ledger-lists.ts";
import { periodTransactionMsMax } from "../src/store/periods.ts";
import { type Client, dataOf, runStep, type WorkflowDeps } from "./deps.ts";
import { askForReconciliation, readFile, tellReceived } from "./ingest.ts";

/** A file that came so recently may be one of several. */
const quietMs = 10_000;
const stillMs = 15_000;
/** A file that is not read by then has lost its run, or is damaged in a way that has to be looked into. */
const unreadMsMax = 600_000;
const quietRoundsMax = 60;
/** Exceptions are told of one by one up to so many; of more, the fact that the reconciliation ended tells how many. */
const toldMax = 200;
const lostMs = 3_600_000;
export const incompleteCode = "BOOKS_INCOMPLETE";

export const createReconcile = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "reconcile",
      triggers: [{ event: "reconciliation.requested" }],
      retries: 5,
      concurrency: [{ limit: 1 }],
    },
    async ({ event, step }) => {
      const { reconciliationId } = dataOf("reconciliation.requested", event);
      for (let round = 0; round < quietRoundsMax; round++) {
        const until = await runStep<string | null>(step, `quiet-${round}`, () => quietAt(deps));
        if (until === null) break;
        await step.sleepUntil(`quiet-wait-${round}`, until);
      }
      await runStep(step, "own", () => readOwnFiles(deps));
      return runStep<Concluded>(step, "conclude", () => conclude(deps, reconciliationId));
    },
  );

/** By the clock: reports are fetched, and what a day alone brings (invoices that are overdue now) is concluded. */
export const createBooksClock = (client: Client, deps: WorkflowDeps) =>
  client.createFunction({ id: "books-clock", triggers: [{ cron: deps.booksCron }], retries: 3 }, async ({ step }) =>
    runStep(step, "request", async () => {
      const { db, store } = deps;
      const asked = await db.transaction(async (tx) => {
        let fetches = 0;
        for (const connection of await store.connections.list(tx)) {
          if (connection.state !== "active" || !fetchesReports(deps, connection)) continue;
          await store.journal.tell(tx, "report.fetch.requested", connection.id, { connectionId: connection.id });
          fetches += 1;
        }
        await takeUpLost(deps, tx);
        const { items } = await store.reportFiles.list(tx, { after: null, limit: 1 });
        if (items.length > 0) await askForReconciliation(deps, tx);
        return fetches;
      });
      deps.kick();
      return { fetches: asked };
    }),
  );

const fetchesReports = (deps: WorkflowDeps, connection: Parameters<WorkflowDeps["registry"]["open"]>[0]): boolean => {
  try {
    return deps.registry.open(connection).reports !== undefined;
  } catch {
    return false;
  }
};

/** Files that were received whole and never read, and reconciliations whose run is gone. */
const takeUpLost = async ({ clock, store }: WorkflowDeps, tx: Tx): Promise<void> => {
  const before = new Date(clock.now().getTime() - lostMs);
  const unread = await store.reportFiles.takeUp(tx, before);
  await tellReceived(store.journal, tx, unread);
  await store.reconciliations.takeUp(tx, before);
};

/** When to look again whether all that is on its way has come; null: nothing is. */
const quietAt = async ({ db, store, clock }: WorkflowDeps): Promise<string | null> => {
  const now = clock.now().getTime();
  const { unreadAt, lastAt } = await store.reportFiles.traffic(db.sql);
  if (unreadAt !== null && now - unreadAt.getTime() < unreadMsMax) return new Date(now + stillMs).toISOString();
  const quiet = lastAt === null ? 0 : lastAt.getTime() + quietMs;
  return quiet > now ? new Date(quiet).toISOString() : null;
};

const readOwnFiles = async (deps: WorkflowDeps): Promise<{ readonly files: number }> => {
  const fresh = await deps.store.ownFiles.refresh(deps.db.sql);
  for (const { id } of fresh) await readFile(deps, id);
  return { files: fresh.length };
};

interface Concluded {
  readonly [member: string]: string | number | null;
  readonly reconciliationId: string;
  readonly ended: string;
  readonly opened: number;
  readonly closed: number;
}

const conclude = async (deps: WorkflowDeps, reconciliationId: string): Promise<Concluded> => {
  const { db, store } = deps;
  const nothing = { reconciliationId, opened: 0, closed: 0 };
  const wished = await store.reconciliations.find(db.sql, reconciliationId);
  if (wished === null) return { ...nothing, ended: "it is gone" };
  // Killed between the end and the word of it: how many there were is written down.
  if (wished.state === "done") {
    const counts = { opened: wished.counts.opened ?? 0, closed: wished.counts.closed ?? 0 };
    await tellEnd(deps, wished, { ...counts, ids: null });
    return { ...nothing, ...counts, ended: "done" };
  }
  const tooLarge = await refusalOf(deps, wished);
  if (tooLarge !== null) return fail(deps, wished, tooLarge);
  try {
    const asOfDay = dayOf(wished.asOf) ?? 0;
    const { opened, closed } = await store.ledger.reconcile(db, { id: wished.id, asOfDay, mode: wished.mode });
    await deps.at("reconciliation.done");
    const counts = { opened: opened.length, closed: closed.length };
    await tellEnd(deps, wished, { ...counts, ids: { opened, closed } });
    return { ...nothing, ...counts, ended: "done" };
  } catch (error) {
    if (!(error instanceof IncompleteFacts)) throw error;
    return fail(deps, wished, `${error.message}. To do: ${error.fix}.`);
  }
};

/** What looks at everything holds all lines in memory. */
const refusalOf = async ({ db, store, booksLimits }: WorkflowDeps, wished: Reconciliation): Promise<string | null> => {
  // The first of all looks at everything, whatever was asked.
  if (wished.mode !== "full" && (await store.ledger.reconciliations.last(db.sql)) !== null) return null;
  const lines = await store.reportFiles.rows(db.sql);
  if (lines <= booksLimits.fullLines) return null;
  return `A full reconciliation of ${lines} money lines is more than the ${booksLimits.fullLines} that this process takes on. To do: run it on Node (npx cosell serve on the same database), or ask for an increment.`;
};

const fail = async (deps: WorkflowDeps, wished: Reconciliation, reason: string): Promise<Concluded> => {
  const { db, store } = deps;
  await db.transaction(async (tx) => {
    await store.reconciliations.fail(tx, wished.id, reason);
    await store.journal.openException(tx, incompleteCode, "books", reason);
  });
  deps.kick();
  return { reconciliationId: wished.id, ended: "failed", opened: 0, closed: 0 };
};

interface Ended {
  readonly opened: number;
  readonly closed: number;
  readonly ids: { readonly opened: readonly string[]; readonly closed: readonly string[] } | null;
}

/** Once for each reconciliation, together with what became known of locked months. */
const tellEnd = async (deps: WorkflowDeps, { id, asOf, mode }: Reconciliation, ended: Ended): Promise<void> => {
  const { journal, periods } = deps.store;
  const name = "reconciliation.completed";
  const work = async (tx: Tx): Promise<void> => {
    const told = await journal.listEvents(tx, { after: 0n, limit: 1, name, subject: id });
    if (told.items.length > 0) return;
    const late = await periods.noteLate(tx, dayOf(asOf) ?? 0);
    const [opened, closed] = [ended.opened + late.opened.length, ended.closed + late.closed.length];
    const idsOf = (word: "opened" | "closed", count: number): readonly string[] =>
      count <= toldMax ? [...(ended.ids?.[word] ?? []), ...late[word]] : [];
    await journal.tell(tx, name, id, { reconciliationId: id, asOf, mode, opened, closed });
    await journal.tellExceptions(tx, "exception.opened", idsOf("opened", opened));
    await journal.tellExceptions(tx, "exception.closed", idsOf("closed", closed));
    const because = "the books were reconciled";
    await journal.settleException(tx, { code: incompleteCode, subject: "books", because, actorId: deps.actorId });
  };
  await deps.db.transaction(work, { msMax: periodTransactionMsMax });
  deps.kick();
};
