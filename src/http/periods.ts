/** Months of marketplaces' books over HTTP: close softly, lock, open again, and what each posts. */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import { amountText } from "../domain/finance/amount.ts";
import { lastDayOf, lockRefusals, type Refusal, refusalSchema } from "../domain/finance/period.ts";
import {
  changesBetween,
  differenceOf,
  owedBy,
  type PostedPeriod,
  type Posting,
  postingsOf,
} from "../domain/finance/posting.ts";
import { type PeriodEvent, periodStates, periodTable, step } from "../domain/machine.ts";
import type { PrivateKey } from "../domain/signed-rule.ts";
import type { Query, Tx } from "../ports.ts";
import { lockQuestion, reconciledDay, unreconciled } from "../store/period-questions.ts";
import { type Period, type PeriodName, periodSchema, periodTransactionMsMax } from "../store/periods.ts";
import { serviceKey } from "../store/signing-key.ts";
import {
  type AppDeps,
  anyOf,
  checkMatch,
  type Endpoint,
  endpoint,
  listOf,
  pageQuery,
  retried,
  tagOf,
} from "./endpoint.ts";
import { journalsEndpoint } from "./period-journals.ts";
import { lockDocuments, lockEndpoint, periodKeyEndpoint } from "./period-lock.ts";
import { knownDay, periodParams, postingsNow } from "./period-reading.ts";
import { ProblemError } from "./problem.ts";

const differenceRow = z.object({
  agreementId: z.string().nullable(),
  movement: z.string(),
  currency: z.string(),
  amount: z.string(),
  owed: z.string().describe("what it adds to what the marketplace owes us"),
  postedIn: z.string().describe("the month in which it is posted while this one is locked"),
});
const outcomeSchema = z.object({
  period: periodSchema,
  refusals: z.array(refusalSchema).describe("what stands against a lock, each with its remedy"),
  difference: z.array(differenceRow).describe("what opening it again changes; at most 1,000 rows"),
  dryRun: z.boolean(),
});
const differenceRowsMax = 1_000;

export const periodEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  periodKeyEndpoint(deps),
  readEndpoint(deps),
  lockEndpoint(deps),
  diffEndpoint(deps),
  journalsEndpoint(deps),
  ...(["soft", "lock", "reopen"] as const).map((verb) => moveEndpoint(deps, verb)),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/periods",
    tag: "Periods",
    scope: "read",
    summary: "Months of the books, the latest first",
    query: pageQuery.extend({
      marketplace: z.enum(marketplaceIds).optional(),
      state: anyOf(periodStates, "only months in these states"),
      after: z
        .string()
        .regex(/^\d{4}-\d{2}\|[a-z]+$/, "`next` of the page before")
        .optional(),
    }),
    answers: { 200: { description: "one page", schema: listOf(periodSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: await deps.store.periods.list(deps.db.sql, {
        limit: query.limit,
        after: query.after ?? null,
        ...(query.marketplace === undefined ? {} : { marketplace: query.marketplace }),
        ...(query.state === undefined ? {} : { states: query.state }),
      }),
    }),
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/periods/{marketplace}/{month}",
    tag: "Periods",
    scope: "read",
    summary: "Read a month: its state, and what stands against locking it",
    params: periodParams,
    answers: {
      200: {
        description: "the month",
        schema: periodSchema.extend({ refusals: z.array(refusalSchema) }),
        headers: ["ETag"],
      },
    },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const period = await deps.store.periods.find(deps.db.sql, params);
      const refusals = period.state === "locked" ? [] : await refusalsOf(deps, deps.db.sql, params);
      return { status: 200, body: { ...period, refusals }, headers: { etag: tagOf(period.version) } };
    },
  });

const diffEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/periods/{marketplace}/{month}/diff",
    tag: "Periods",
    scope: "read",
    summary: "What a closed month would post by now more or less than it does",
    description: "What a later locked month posted as an adjustment of this one is left out: it is posted already.",
    params: periodParams,
    answers: {
      200: {
        description: "the difference; at most 1,000 rows",
        schema: z.object({ difference: z.array(differenceRow), rows: z.number().int() }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params }) => {
      const period = await deps.store.periods.find(deps.db.sql, params);
      if (period.state === "open")
        throw new ProblemError("conflict", `${nameOf(params)} is open: it posts what is known. Close it first.`);
      const found = await differenceNow(deps, deps.db.sql, period);
      return { status: 200, body: { difference: shown(found), rows: found.length } };
    },
  });

const nameOf = ({ marketplace, month }: PeriodName): string => `${marketplace} ${month}`;
const shown = (postings: readonly Posting[]): readonly z.infer<typeof differenceRow>[] =>
  postings.slice(0, differenceRowsMax).map((one) => ({
    ...{ agreementId: one.agreementId, movement: one.kind, currency: one.currency, postedIn: one.period },
    amount: amountText(one.amount, one.currency),
    owed: amountText(owedBy(one), one.currency),
  }));

const differenceNow = async (deps: AppDeps, query: Query, period: Period): Promise<readonly Posting[]> => {
  const { periods } = deps.store;
  const { marketplace, month } = period;
  const asOfDay = await knownDay(query);
  const locks = await periods.held(query, marketplace, null);
  if (period.state === "locked") {
    const name = { marketplace, period: month };
    const moved = await periods.movements(query, { marketplace, month, asOfDay }, locks);
    return differenceOf(postingsOf(moved, locks), name, locks);
  }
  const [then] = await periods.held(query, marketplace, month);
  return changesBetween(then?.postings ?? [], await postingsNow(deps, query, { marketplace, month, asOfDay, locks }));
};

const refusalsOf = async (deps: AppDeps, query: Query, name: PeriodName): Promise<readonly Refusal[]> => {
  const asOfDay = await reconciledDay(query);
  const locks = await deps.store.periods.held(query, name.marketplace, null);
  // Before the first reconciliation nothing is known: the month is not over as far as anybody can tell.
  const question = await lockQuestion(query, name, asOfDay ?? lastDayOf("2000-01"));
  return [...(await unreconciled(query)), ...lockRefusals({ ...question, locked: locks.map(({ period }) => period) })];
};

const verbs = {
  soft: {
    event: "soft_closed",
    summary: "Close a month softly: what still changes in it is shown, not refused",
    description: "The month keeps what it posted when it was closed; the diff shows what changed since.",
  },
  lock: {
    event: "locked",
    summary: "Lock a month, so that nothing that becomes known later changes it",
    description:
      "Refused while the month is not over, an earlier month is open, a control total breaks, an expected file is missing, the tolerance cap is exceeded, files are not reconciled, or an exception above the policy's threshold is nobody's. What becomes known later is posted into the first open month. Manifest and lock are signed with the service's own key.",
  },
  reopen: {
    event: "reopened",
    summary: "Open a closed month again, showing the exact difference",
    description: "From then on the month posts what is known. A dry run shows the difference and changes nothing.",
  },
} as const satisfies Record<string, { event: PeriodEvent; summary: string; description: string }>;

const moveEndpoint = (deps: AppDeps, verb: keyof typeof verbs): Endpoint => {
  const { event, summary, description } = verbs[verb];
  return endpoint({
    method: "POST",
    path: `/v1/periods/{marketplace}/{month}/${verb}`,
    tag: "Periods",
    scope: "write",
    summary,
    description,
    ifMatch: "optional",
    params: periodParams,
    body: z.strictObject({
      reason: z.string().trim().min(1).max(500).optional(),
      dryRun: z.boolean().default(false).describe("show what refuses and what would change; change nothing"),
    }),
    bodyExample: { reason: "Closed by finance.", dryRun: true },
    answers: { 200: { description: "the month", schema: outcomeSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller, match }) => {
      // Kept apart from the books: it cannot be read in their transaction.
      const key = event === "locked" && !body.dryRun ? await serviceKey(deps.secrets) : null;
      const work = (tx: Tx) => move(deps, tx, { name: params, event, match, key, ...body, actorId: caller.actorId });
      // A dry run reads as the real one does, and writes nothing.
      const limit = { msMax: periodTransactionMsMax };
      const outcome = await retried(() => deps.db.transaction(work, limit));
      deps.kick();
      return {
        status: 200,
        body: { ...outcome, difference: shown(outcome.difference), dryRun: body.dryRun },
        headers: { etag: tagOf(outcome.period.version) },
      };
    },
  });
};

interface Moving {
  readonly name: PeriodName;
  readonly event: PeriodEvent;
  readonly match: Parameters<typeof checkMatch>[0];
  readonly reason?: string | undefined;
  readonly dryRun: boolean;
  readonly actorId: string;
  /** Signs a lock; null: nothing is locked. */
  readonly key: PrivateKey | null;
}

const move = async (deps: AppDeps, tx: Tx, moving: Moving) => {
  const { name, event, dryRun, actorId, key } = moving;
  const { periods } = deps.store;
  await periods.hold(tx, name.marketplace);
  const period = await periods.find(tx, name);
  checkMatch(moving.match, period.version);
  if (step(periodTable, period.state, event) === null) throw refusedMove(period, event);
  const refusals = event === "locked" ? await refusalsOf(deps, tx, name) : [];
  const difference = event === "reopened" ? await differenceNow(deps, tx, period) : [];
  if (dryRun) return { period, refusals, difference };
  if (refusals.length > 0) throw refusedLock(name, refusals);
  const asOfDay = await knownDay(tx);
  const locks = await periods.held(tx, name.marketplace, null);
  const books = await periods.movements(tx, { ...name, asOfDay }, locks);
  const isLocked = ({ period: locked }: PostedPeriod): boolean => locked === name.month;
  const others = event === "reopened" ? locks.filter((lock) => !isLocked(lock)) : locks;
  const since = [name.month, ...locks.map(({ period: locked }) => locked)].toSorted()[0];
  const posted = postingsOf(books, others, since);
  const postings = posted.filter((one) => one.period === name.month);
  const manifest = key === null ? null : await lockDocuments(tx, { ...name, asOfDay, postings, locks }, key);
  const closing = event === "reopened" ? null : { asOfDay, postings, manifest };
  const moved = await periods.move(tx, period, { event, actorId, reason: moving.reason ?? null, closing });
  if (event === "locked") await deps.store.ledger.lockCredits(tx, lastDayOf(name.month), name.marketplace);
  // What this month posts is posted once it is locked; nothing else moves by that.
  const own = { marketplace: name.marketplace, period: name.month, asOfDay, postings };
  const now = event === "locked" ? [...others, own] : others;
  if (event !== "soft_closed") await periods.noteLateOf(tx, name.marketplace, { posted, locks: now });
  return { period: moved, refusals, difference };
};

const refusedMove = ({ marketplace, month, state }: Period, event: PeriodEvent): ProblemError => {
  const next = periodTable.flatMap(([from, can]) => (from === state ? [can.replace("_", " ")] : []));
  return new ProblemError(
    "conflict",
    `${marketplace} ${month} is ${state} and cannot be ${event.replace("_", " ")}: from there it can be ${next.join(", ")}.`,
  );
};

const refusedLock = (name: PeriodName, refusals: readonly Refusal[]): ProblemError =>
  new ProblemError("conflict", `${nameOf(name)} cannot be locked: ${refusals[0]?.message ?? ""}.`, {
    errors: refusals.map(({ code, message, fix }) => ({ code, message, fix })),
  });
