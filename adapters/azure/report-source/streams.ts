/**
 * Several kinds of reports, each with a course of its own, as one source: a page is one step of one kind. A step asks Microsoft at most for a
 * few things; what it means to make there stands in the cursor before, so that a lost answer is looked for and not made twice.
 */
import * as z from "zod";
import type { Json } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { ClockDep } from "../../../src/ports.ts";
import type { RemoteReport, ReportSource } from "../../contract.ts";

export interface Step {
  readonly files: readonly RemoteReport[];
  /** What the next step of this kind begins with. */
  readonly state: Json;
  /** False: there is more to do at once. */
  readonly isSettled: boolean;
  /** When there may be more, ISO 8601; null: nobody knows. */
  readonly nextAt: string | null;
  /** What should have come long ago, for people; absent: nothing. */
  readonly late?: string;
}
export interface Stream {
  /** Stable: it stands in cursors and keys. */
  readonly name: string;
  /** `drift` where the state is none of this stream's. */
  readonly step: (state: Json) => Promise<Result<Step>>;
  /** `id`: what follows the stream's name in the key. */
  readonly read: (id: string, report: RemoteReport) => Promise<Result<ReadableStream<Uint8Array>>>;
}

/** A round that a fault interrupted begins anew after so long: what stands in the way of one kind must not hold up those before it. */
const roundMsMax = 15 * 60_000;
const separator = ":";
const cursorSchema = z.strictObject({
  states: z.record(z.string(), z.json()),
  round: z
    .strictObject({
      began: z.iso.datetime(),
      turn: z.int().min(0),
      nextAt: z.iso.datetime().nullable(),
      late: z.string().default(""),
    })
    .nullable(),
});

/** The key of a file of a stream. */
export const keyIn = (stream: string, id: string): string => `${stream}${separator}${id}`;

export const joinedSource = (deps: ClockDep, place: string, streams: readonly Stream[]): ReportSource => ({
  place,
  list: async (cursor) => {
    const parsed = cursorSchema.safeParse(cursor ?? { states: {}, round: null });
    if (!parsed.success) return failed({ kind: "drift", message: "the cursor of the report files is not one of ours" });
    const { states, round } = parsed.data;
    const now = deps.clock.now();
    const isStale = round === null || now.getTime() - Date.parse(round.began) > roundMsMax;
    const { began, turn, nextAt, ...before } = isStale
      ? { began: now.toISOString(), turn: 0, nextAt: null, late: "" }
      : round;
    const stream = streams[turn];
    if (stream === undefined) return ok({ files: [], cursor: { states, round: null }, isLast: true });
    const stepped = await stream.step(states[stream.name] ?? null);
    if (!stepped.ok) return stepped;
    const { files, state, isSettled, nextAt: next } = stepped.value;
    const kept = { ...states, [stream.name]: state };
    const soonest = sooner(nextAt, isSettled ? next : null);
    const own = stepped.value.late === undefined ? [] : [`${stream.name}: ${stepped.value.late}`];
    const late = [...(before.late === "" ? [] : [before.late]), ...own].join("; ");
    if (isSettled && turn + 1 >= streams.length)
      return ok({
        files,
        cursor: { states: kept, round: null },
        isLast: true,
        ...(soonest === null ? {} : { pendingUntil: soonest }),
        ...(late === "" ? {} : { late }),
      });
    const following = { began, turn: isSettled ? turn + 1 : turn, nextAt: soonest, late };
    return ok({ files, cursor: { states: kept, round: following }, isLast: false });
  },
  read: async (report) => {
    const [name = "", ...id] = report.key.split(separator);
    const stream = streams.find((one) => one.name === name);
    return stream === undefined || id.length === 0
      ? failed({ kind: "missing", message: `${report.path} was not listed by this source` })
      : stream.read(id.join(separator), report);
  },
});

const sooner = (a: string | null, b: string | null): string | null => (a === null || (b !== null && b < a) ? b : a);
