/**
 * Microsoft's exports of earnings and payments as a stream of reports: one is asked for, made after a while, and then lies behind a link.
 * Nothing lists the exports there are; the id that we give a request lets Microsoft tell a repeated one.
 * https://learn.microsoft.com/en-us/partner-center/developer/create-earnings-export-request
 * https://learn.microsoft.com/en-us/partner-center/developer/get-earnings-export-request-by-id
 */
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { RemoteReport, SessionDeps } from "../../contract.ts";
import { sameWord } from "../wire-offers.ts";
import type { ReadBlob } from "./blob.ts";
import type { ReportWire } from "./client.ts";
import { keyIn, type Step, type Stream } from "./streams.ts";

export const exportNames = ["earnings", "payments"] as const;
export type ExportName = (typeof exportNames)[number];
const resources: Readonly<Record<ExportName, string>> = { earnings: "transactionhistory", payments: "payments" };

const hourMs = 3_600_000;
const pollMs = 5 * 60_000;
/** An export that is not there after so long never comes. */
const waitMsMax = 24 * hourMs;
/** After so many in a row that failed, somebody is told. */
const failuresMax = 3;
/** A new request may not be known at once. */
const unknownMsMax = hourMs;
/** Earnings change their payment status, and what was paid in advance is taken back, for about a year. */
const earningMonths = 13;

const time = z.iso.datetime();
const id = z.string().regex(/^[\w-]{1,64}$/);
const failures = z.int().min(0);
const stateSchema = z.discriminatedUnion("at", [
  /** It is to be asked for. */
  z.strictObject({ at: z.literal("asking"), as: id, filter: z.string(), askedAt: time, failures }),
  /** It is being made. */
  z.strictObject({ at: z.literal("waiting"), id, askedAt: time, failures }),
  /** The last one was told, or failed so many times in a row. */
  z.strictObject({ at: z.literal("idle"), askedAt: time, failures }),
]);
type State = z.infer<typeof stateSchema>;
type At<Kind extends State["at"]> = Extract<State, { at: Kind }>;

const exportsSchema = z.looseObject({
  value: z
    .array(z.looseObject({ requestId: id, status: z.string().nullish(), blobLocation: z.string().nullish() }))
    .min(1),
});

export interface ExportParts {
  readonly wire: ReportWire;
  readonly blob: ReadBlob;
  readonly everyHours: number;
}

export const createExports = (
  deps: SessionDeps,
  wanted: ExportName,
  { wire, blob, everyHours }: ExportParts,
): Stream => {
  const resource = resources[wanted];
  const nowMs = (): number => deps.clock.now().getTime();

  const ask = (failed: number): Step => {
    const now = deps.clock.now();
    const filter = wanted === "earnings" ? earningsSince(now) : "";
    return onwards({ at: "asking", as: deps.ids.uuid(), filter, askedAt: now.toISOString(), failures: failed });
  };
  const create = async (state: At<"asking">): Promise<Result<Step>> => {
    const filter = state.filter === "" ? "" : `$filter=${encodeURIComponent(state.filter)}&`;
    const sent = await wire.send({
      operation: "CreateExport",
      surface: "payouts",
      path: `/${resource}?${filter}fileformat=csv`,
      post: { headers: { "ms-requestid": state.as } },
    });
    if (!sent.ok) return sent;
    const row = rowOf(sent.value.json);
    if (row === null) return failed(drift("CreateExport"));
    return ok(onwards({ at: "waiting", id: row.requestId, askedAt: state.askedAt, failures: state.failures }));
  };
  const poll = async (state: At<"waiting">): Promise<Result<Step>> => {
    const looked = await look(wire, resource, state.id);
    if (!looked.ok) return looked;
    const row = looked.value;
    const waitedMs = nowMs() - Date.parse(state.askedAt);
    if (row !== null && sameWord(row.status, "Completed")) {
      const file: RemoteReport = {
        key: keyIn(wanted, state.id),
        path: `${wanted}-${state.askedAt.slice(0, 7)}.csv`,
        bytes: null,
        modifiedAt: state.askedAt,
      };
      return ok({ ...onwards({ at: "idle", askedAt: state.askedAt, failures: 0 }), files: [file] });
    }
    const isLost = row === null ? waitedMs > unknownMsMax : waitedMs > waitMsMax;
    if (isLost || sameWord(row?.status, "Failed"))
      return ok(onwards({ at: "idle", askedAt: deps.clock.now().toISOString(), failures: state.failures + 1 }));
    return ok(settled(state, nowMs() + pollMs));
  };
  /** The next one is asked for when it is due: after a failure soon, after several ever later. */
  const rest = (state: At<"idle">): Step => {
    const hours = state.failures === 0 ? everyHours : Math.min(state.failures, everyHours);
    const dueMs = Date.parse(state.askedAt) + hours * hourMs;
    if (nowMs() >= dueMs) return ask(state.failures);
    return settled(state, dueMs);
  };

  return {
    name: wanted,
    step: async (kept) => {
      if (kept === null) return ok(ask(0));
      const state = stateSchema.safeParse(kept);
      if (!state.success) return failed({ kind: "drift", message: `what the cursor says of ${wanted} is not ours` });
      if (state.data.at === "asking") return create(state.data);
      return state.data.at === "waiting" ? poll(state.data) : ok(rest(state.data));
    },
    read: async (exportId, report) => {
      const looked = await look(wire, resource, exportId);
      if (!looked.ok) return looked;
      const link = looked.value?.blobLocation;
      return link
        ? blob(link, report)
        : failed({ kind: "missing", message: `${report.path}: Microsoft keeps it no longer` });
    },
  };
};

const settled = (state: State, nextMs: number): Step => ({
  ...{ files: [], state, isSettled: true, nextAt: new Date(nextMs).toISOString() },
  ...(state.failures < failuresMax
    ? {}
    : { late: `Microsoft failed to make the export ${state.failures} times in a row; ask its support for the reason` }),
});
const onwards = (state: State): Step => ({ files: [], state, isSettled: false, nextAt: null });
const drift = (operation: string): Fault => ({
  kind: "drift",
  message: `Microsoft ${operation}: an answer without a request's id`,
});
const rowOf = (json: unknown): z.infer<typeof exportsSchema>["value"][number] | null =>
  exportsSchema.safeParse(json).data?.value[0] ?? null;

/** An export as Microsoft has it; null: it knows none of this id, or not yet. */
const look = async (
  wire: ReportWire,
  resource: string,
  exportId: string,
): Promise<Result<ReturnType<typeof rowOf>>> => {
  const operation = "GetExport";
  const sent = await wire.send({ operation, surface: "payouts", path: `/${resource}/${encodeURIComponent(exportId)}` });
  if (!sent.ok) return sent.fault.kind === "missing" ? ok(null) : sent;
  const row = rowOf(sent.value.json);
  return row === null ? failed(drift(operation)) : ok(row);
};

const earningsSince = (now: Date): string => {
  const since = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - earningMonths, 1));
  return `earningForDate ge ${since.toISOString().slice(0, 10)} and earningForDate le ${now.toISOString().slice(0, 10)}`;
};
