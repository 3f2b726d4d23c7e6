/** What people tell of the partner's records over HTTP: one report, or a file's rows at once. */
import * as z from "zod";
import type { Assisted } from "../../adapters/contract.ts";
import { isLater, type Told } from "../domain/by-hand.ts";
import { shareSchema } from "../domain/deal.ts";
import { shareStates } from "../domain/machine.ts";
import { type Misfit, outcomeOf, readTold } from "../domain/told.ts";
import type { RecordedShare } from "../store/engagements.ts";
import { absorbTold, assistedOf, isMisfit, knownStatus, misfitProblem, readNumber, reportShape } from "./by-hand.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { mustFindConnection } from "./invitation-answers.ts";
import { notFound, ProblemError } from "./problem.ts";
import { shareParams } from "./shares.ts";

const rowsMax = 200;
/** A transaction stays well below the embedded database's limit of two seconds. */
const rowsPerTransaction = 10;

const outcomes = ["moved", "noted", "older"] as const;
const outcomeSchema = z
  .enum(outcomes)
  .describe("moved: the share's state changed; noted: it did not; older: what is known is later, so it was ignored");

export const toldEndpoints = (deps: AppDeps): readonly Endpoint[] => [statusEndpoint(deps), importEndpoint(deps)];

const statusEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/shares/{id}/status",
    tag: "Tasks",
    scope: "write",
    summary: "Tell what the partner says about a share",
    description:
      "For connections whose partner side is done by hand: nothing of it is read by itself. Words that the programme does not have are refused with the list of those that it has. A report of an earlier day than what is known is noted and changes nothing.",
    params: shareParams,
    body: z.strictObject(reportShape),
    bodyExample: { status: "ACCEPTED", stage: "QUALIFY", owner: "Jane Doe <jane@partner.example>", date: "2026-11-20" },
    answers: {
      200: { description: "the share", schema: z.object({ share: shareSchema, outcome: outcomeSchema }) },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller }) => {
      const result = await commit(deps, async (tx) => {
        const { shares } = deps.store;
        if ((await shares.find(tx, params.id)) === null) throw notFound("share", params.id);
        const share = await shares.lock(tx, params.id);
        const assisted = assistedOf(deps, await mustFindConnection(deps, tx, share.connectionId));
        const engagement = await shares.findEngagement(tx, share.id);
        if (engagement === null)
          throw new ProblemError(
            "conflict",
            `The share is ${share.state} and has no ${assisted.number.name} yet: end its task with the number first.`,
          );
        const { facts, remoteVersion } = engagement;
        const read = readTold(body, assisted, { now: deps.clock.now(), assumed: knownStatus(assisted, facts) });
        if ("misfits" in read) throw misfitProblem(read.misfits);
        const { told } = read;
        const judged = outcomeOf(share, told, remoteVersion !== null && isLater(remoteVersion, told.at));
        if ("misfit" in judged) throw misfitProblem([judged.misfit]);
        const absorbed = await absorbTold(deps, tx, { share, told, actorId: caller.actorId });
        return { share: absorbed.share, outcome: judged.outcome };
      });
      return { status: 200, body: result };
    },
  });

const resultSchema = z.object({
  line: z.number().int(),
  number: z.string(),
  shareId: z.string(),
  title: z.string(),
  outcome: outcomeSchema,
  from: z.enum(shareStates),
  to: z.enum(shareStates),
});
type RowResult = z.infer<typeof resultSchema>;

const importBody = z.strictObject({
  rows: z
    .array(
      z.strictObject({
        line: z.number().int().min(0).max(100_000_000).optional().describe("where the row stands in your file"),
        number: z.string().max(200).describe("the partner's number of the record"),
        ...reportShape,
      }),
    )
    .min(1)
    .max(rowsMax),
  dryRun: z.boolean().default(false).describe("true: tell the outcomes and change nothing"),
});
type Row = z.output<typeof importBody>["rows"][number];

const importEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/connections/{id}/statuses",
    tag: "Tasks",
    scope: "write",
    summary: `Tell what the partner says about up to ${rowsMax} shares`,
    description:
      "Every row is judged before the first is taken in: one that does not fit is refused with its line and field, and nothing of the request is changed. The same rows again change nothing.",
    params: z.strictObject({ id: idOf("con", "connection") }),
    body: importBody,
    bodyExample: { rows: [{ line: 2, number: "DR-0123456", status: "ACCEPTED", date: "2026-11-20" }], dryRun: true },
    answers: {
      200: {
        description: "what became of each row, or would become of it",
        schema: z.object({
          results: z.array(resultSchema).describe("one for each row, in the order given"),
          counts: z.object({ moved: z.number().int(), noted: z.number().int(), older: z.number().int() }),
        }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller }) => {
      const connection = await mustFindConnection(deps, deps.db.sql, params.id);
      const assisted = assistedOf(deps, connection);
      const judged = await judge(deps, { connectionId: connection.id, assisted, rows: body.rows });
      if (!body.dryRun) await takeIn(deps, judged, caller.actorId);
      const results = judged.map(({ result }) => result);
      const count = (outcome: (typeof outcomes)[number]) =>
        results.filter((result) => result.outcome === outcome).length;
      const counts = Object.fromEntries(outcomes.map((outcome) => [outcome, count(outcome)]));
      return { status: 200, body: { results, counts } };
    },
  });

interface Judged {
  readonly told: Told;
  readonly result: RowResult;
}
interface Batch {
  readonly connectionId: string;
  readonly assisted: Assisted;
  readonly rows: readonly Row[];
}

/** Judges all rows. Throws one problem with everything that is wrong with any of them. */
const judge = async (deps: AppDeps, batch: Batch): Promise<readonly Judged[]> => {
  const { assisted, rows } = batch;
  const refs = rows.map(({ number }) => readNumber(assisted, number));
  const ids = refs.flatMap((ref) => (isMisfit(ref) ? [] : [ref.id]));
  const shares = await deps.store.shares.listByRemote(deps.db.sql, batch.connectionId, ids);
  const byRemote = new Map(shares.map((share) => [share.remoteId, share]));
  const firstLines = new Map<string, number>();
  const judged: Judged[] = [];
  const wrong: { readonly index: number; readonly line: number; readonly misfit: Misfit }[] = [];
  for (const [index, row] of rows.entries()) {
    const line = row.line ?? index + 1;
    const ref = refs[index];
    if (ref === undefined) continue;
    const share = isMisfit(ref) ? undefined : byRemote.get(ref.id);
    const firstLine = isMisfit(ref) ? undefined : firstLines.get(ref.id);
    if (!isMisfit(ref)) firstLines.set(ref.id, firstLine ?? line);
    const unfit = isMisfit(ref)
      ? ref
      : firstLine !== undefined
        ? repeated(firstLine)
        : share === undefined
          ? unknown
          : null;
    const misfits = judgeRow(deps, assisted, { row, line, share, unfit });
    if ("told" in misfits) judged.push(misfits);
    else for (const misfit of misfits) wrong.push({ index, line, misfit });
  }
  if (wrong.length > 0) throw rowsProblem(wrong);
  return judged;
};

const repeated = (line: number): Misfit => ({
  field: "number",
  code: "conflicting",
  message: `the same number as line ${line}`,
  fix: "keep the row that says how it stands now",
});

const unknown: Misfit = {
  field: "number",
  code: "unknown",
  message: "no share has this number",
  fix: "end its task with this number first: cosell tasks done; or remove the row",
};

const judgeRow = (
  deps: AppDeps,
  assisted: Assisted,
  at: {
    readonly row: Row;
    readonly line: number;
    readonly share: RecordedShare | undefined;
    /** What is wrong with its number; the other cells are judged all the same. */
    readonly unfit: Misfit | null;
  },
): Judged | readonly Misfit[] => {
  const { row, line, share, unfit } = at;
  const read = readTold(row, assisted, { now: deps.clock.now(), assumed: knownStatus(assisted, share?.facts ?? {}) });
  const misfits = "misfits" in read ? read.misfits : [];
  if (unfit !== null || share === undefined || "misfits" in read) return unfit === null ? misfits : [unfit, ...misfits];
  const { told } = read;
  const judged = outcomeOf(share, told, share.remoteVersion !== null && isLater(share.remoteVersion, told.at));
  if ("misfit" in judged) return [judged.misfit];
  const { shareId, title, state } = share;
  const { outcome } = judged;
  return { told, result: { line, number: row.number.trim(), shareId, title, outcome, from: state, to: judged.state } };
};

const rowsProblem = (
  wrong: readonly { readonly index: number; readonly line: number; readonly misfit: Misfit }[],
): ProblemError => {
  const [first] = wrong;
  const more = wrong.length > 1 ? ` (and ${wrong.length - 1} more)` : "";
  const detail = `line ${first?.line}, ${first?.misfit.field}: ${first?.misfit.message}${more}. Nothing was changed.`;
  return new ProblemError("invalid", detail, {
    errors: wrong.slice(0, 100).map(({ index, line, misfit }) => ({
      pointer: `/rows/${index}/${misfit.field}`,
      field: misfit.field,
      code: misfit.code,
      message: `line ${line}: ${misfit.message}`,
      fix: misfit.fix,
    })),
  });
};

const takeIn = async (deps: AppDeps, judged: readonly Judged[], actorId: string): Promise<void> => {
  for (let from = 0; from < judged.length; from += rowsPerTransaction) {
    const some = judged.slice(from, from + rowsPerTransaction);
    await commit(deps, async (tx) => {
      for (const { told, result } of some)
        await absorbTold(deps, tx, { share: await deps.store.shares.lock(tx, result.shareId), told, actorId });
    });
  }
};
