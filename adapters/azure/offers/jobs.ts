/** Configure jobs over the wire: started, looked for by the mark that their offer carries, followed to their end. */
import * as z from "zod";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { Outcome, PartnerTask, Traces, Write } from "../../contract.ts";
import {
  jobDetailSchema,
  jobStatusSchema,
  privateOfferSchema,
  sameWord,
  type WirePrivateOffer,
} from "../wire-offers.ts";
import { wireText } from "./document.ts";
import { durableOfferId, markIn, markOf, offerIdOf } from "./names.ts";
import { publishKey } from "./publication.ts";
import { type MarketDeps, offersPage, parsedAs, type Query, readOf } from "./reading.ts";
import { jobFault } from "./refusals.ts";

/** Pages of the account's private offers that a search reads at most. */
const pagesMax = 200;

const bodySchema = z.object({
  request: z.record(z.string(), z.json()),
  marker: z.string().nullable(),
  /** The offer that the request changes; null: it makes one. */
  offer: z.string().nullable(),
  state: z.string(),
});
export const refOf = (id: string) => ({ id: offerIdOf(id), arn: durableOfferId(id) });

/** An answer without eTag has a day at best. */
export const versionOf = ({ eTag, lastModified, state }: WirePrivateOffer): string =>
  eTag?.trim() || `${lastModified ?? ""} ${state ?? ""}`.trim();

/** Sends one planned request. Microsoft takes it and works on: the job tells what became of it. */
export const run = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  if (write.operation !== "Configure")
    throw new Error(`Microsoft's marketplace has no write ${write.operation} on offers`);
  const { request, offer } = bodySchema.parse(write.body);
  const answer = await deps.wire.send({
    operation: "Configure",
    kind: "write",
    surface: "ingestion",
    method: "POST",
    path: "/configure",
    version: "configure",
    body: wireText(request),
  });
  if (!answer.ok) return answer;
  const begun = parsedAs(jobStatusSchema, answer.value, "Configure");
  if (!begun.ok) return begun;
  const { jobId } = begun.value.value;
  // A job takes a while: its first minute counts from here.
  deps.memory.pollAt(jobKey(deps, jobId), deps.clock.now().getTime());
  const ref = offer === null ? { id: jobId } : refOf(offer);
  return ok({ key: write.key, ref, version: null, task: { id: jobId, state: "running" } });
};

const jobKey = ({ connectionId }: MarketDeps, jobId: string): string => `${connectionId} ${jobId}`;

/** Asks once about a job; sooner than a minute after the last time, the answer is to wait. */
export const poll = async (deps: MarketDeps, outcome: Outcome): Promise<Result<Outcome>> => {
  const { task } = outcome;
  if (task === null) return ok(outcome);
  const again = deps.memory.pollAt(jobKey(deps, task.id), deps.clock.now().getTime());
  if (again !== null)
    return failed({
      kind: "throttled",
      message: "Microsoft answers about a job once a minute",
      retryAt: again.toISOString(),
    });
  const read = await readOf(deps, jobStatusSchema, {
    operation: "GetJobStatus",
    surface: "ingestion",
    path: `/configure/${encodeURIComponent(task.id)}/status`,
    version: "configure",
  });
  if (!read.ok) return read;
  const { jobStatus, jobResult, errors } = read.value.value;
  const as = (change: Partial<PartnerTask>): PartnerTask => ({ ...task, ...change });
  if (sameWord(jobResult, "failed"))
    return ok({ ...outcome, task: as({ state: "failed", fault: jobFault(task.id, errors) }) });
  if (!sameWord(jobResult, "succeeded")) {
    const isOpen = sameWord(jobResult, "pending") || jobResult === null || jobResult === "";
    if (isOpen && !sameWord(jobStatus, "completed")) return ok({ ...outcome, task: as({ state: "running" }) });
    return failed({
      kind: "drift",
      message: `Microsoft answered ${JSON.stringify(`${jobStatus}/${jobResult}`.slice(0, 60))} about a job, which is not known here`,
      body: read.value.text,
    });
  }
  if (outcome.key !== publishKey) return ok({ ...outcome, task: as({ state: "done" }) });
  return made(deps, outcome, task);
};

/** What a job that succeeded has made. */
const made = async (deps: MarketDeps, outcome: Outcome, task: PartnerTask): Promise<Result<Outcome>> => {
  const read = await readOf(deps, jobDetailSchema, {
    operation: "GetJobDetail",
    surface: "ingestion",
    path: `/configure/${encodeURIComponent(task.id)}`,
  });
  // The job is done: that its detail cannot be read yet is not its failure.
  if (!read.ok)
    return failed(
      read.fault.kind === "missing"
        ? {
            kind: "unavailable",
            message: `Microsoft's job ${task.id.slice(0, 60)} is done, its offer is not shown yet`,
          }
        : read.fault,
    );
  const [offer] = read.value.value;
  if (offer === undefined)
    return failed({
      kind: "drift",
      message: `Microsoft's job ${task.id.slice(0, 60)} is done and shows no private offer`,
      body: read.value.text,
    });
  const ref = refOf(offer.id);
  return ok({ ...outcome, ref, version: versionOf(offer), task: { ...task, state: "done", made: ref } });
};

/** The offer that carries a mark, of all that the account has; a list that is cut short never says "none". */
export const findByMark = async (
  deps: Pick<MarketDeps, "wire">,
  marker: string,
  taken: readonly string[] = [],
): Promise<Result<WirePrivateOffer | null>> => {
  let query: Query | null = {};
  for (let page = 0; query !== null; page += 1) {
    if (page >= pagesMax)
      return failed({
        kind: "unavailable",
        message: `there are more than ${pagesMax} pages of private offers: the search was cut short`,
      });
    const listed: Awaited<ReturnType<typeof offersPage>> = await offersPage(deps, query);
    if (!listed.ok) return listed;
    const found = listed.value.rows.find(
      (row) =>
        (markIn(row) === marker || (row.name ?? "").includes(markOf(marker))) &&
        !sameWord(row.state, "deleted") &&
        !taken.includes(offerIdOf(row.id)),
    );
    if (found !== undefined) return ok(found);
    query = listed.value.next;
  }
  return ok(null);
};

export const getOffer = (deps: Pick<MarketDeps, "wire">, id: string) =>
  readOf(deps, privateOfferSchema, {
    operation: "GetPrivateOffer",
    surface: "ingestion",
    path: `/private-offer/${encodeURIComponent(offerIdOf(id))}`,
  });

/** "Did it happen?" An offer that was to be made is searched for by its mark; one that was to change is read. */
export const locate = async (deps: MarketDeps, write: Write, traces?: Traces): Promise<Result<Outcome | null>> => {
  const { marker, offer, state } = bodySchema.parse(write.body);
  if (offer === null) {
    if (marker === null) throw new Error("a request that makes an offer carries its mark");
    const found = await findByMark(deps, marker, traces?.taken);
    if (!found.ok) return found;
    if (found.value === null) return ok(null);
    return ok({ key: write.key, ref: refOf(found.value.id), version: versionOf(found.value), task: null });
  }
  const seen = await getOffer(deps, offer);
  if (!seen.ok) {
    const isGone = seen.fault.kind === "missing" && state === "deleted";
    return isGone ? ok({ key: write.key, ref: refOf(offer), version: null, task: null }) : seen;
  }
  return sameWord(seen.value.value.state, state)
    ? ok({ key: write.key, ref: refOf(offer), version: versionOf(seen.value.value), task: null })
    : ok(null);
};
