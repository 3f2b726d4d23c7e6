/**
 * Configure jobs: taken at once, done after a while, asked about once a minute.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/job-status-and-retrieve-private-offer-detail-api
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import type { WireAnswer } from "../../../simulator/departure.ts";
import { isObject } from "../../../simulator/document.ts";
import { unstruck } from "../../../simulator/faults.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import { ingestionSchemas } from "../../wire-offers.ts";
import { answered } from "../answers.ts";
import { accountOf, type Call } from "../calls.ts";
import type { World } from "../world.ts";
import { ingestionRefusal } from "./answers.ts";
import type { Authoring } from "./authoring.ts";
import type { Offers } from "./offers.ts";
import type { JobRecord, MarketplaceKind } from "./rows.ts";
import { JobError } from "./rules.ts";
import { createReader } from "./shapes.ts";

const noEnd = "0001-01-01";

export interface JobParts {
  readonly authoring: Authoring;
  readonly offers: Offers;
}

export const createJobs = (world: World, { authoring, offers }: JobParts) => {
  const { ledger } = world;
  const read = createReader();

  const cased = (word: string): string =>
    world.settings().offers.statusCasing === "camel" ? word : `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
  const view = (job: JobRecord): JsonObject => {
    const isDone = job.result === "succeeded" && !job.isDeletion;
    return {
      $schema: ingestionSchemas.status,
      jobId: job.id,
      jobStatus: cased(job.stage),
      jobResult: cased(job.result),
      jobStart: job.startAt,
      jobEnd: job.endAt ?? noEnd,
      ...(isDone ? { resourceUri: `https://product-ingestion.mp.microsoft.com/configure/${job.id}` } : {}),
      errors: job.errors,
    };
  };
  const found = (call: Call): JobRecord => {
    const id = (/\/configure\/([^/]+)/i.exec(call.place.path)?.[1] ?? "").toLowerCase();
    const job = ledger.jobs.get(id);
    if (job?.account !== accountOf(call)) throw ingestionRefusal(404, `The job '${id}' was not found.`);
    return job;
  };

  /** Does what the request asked, all of it or nothing. */
  const finish = (job: JobRecord): void => {
    const occasion = { now: world.now(), struck: unstruck };
    const endAt = world.stamp(occasion.now);
    const mark = ledger.mark();
    try {
      const resources = read(job.request, world.settings().offers);
      const { offers: ids, isDeletion } = authoring.apply(job.account, resources, occasion);
      ledger.jobs.put(job.id, { ...job, stage: "completed", result: "succeeded", endAt, offers: [...ids], isDeletion });
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      ledger.undoTo(mark);
      const errors = [{ code: error.code, message: error.message }];
      ledger.jobs.put(job.id, { ...job, stage: "completed", result: "failed", endAt, errors });
    }
  };

  return {
    configure: (call: Call): WireAnswer => {
      read(call.body, world.settings().offers);
      const [id, sequence] = [world.uuid("job"), world.sequence()];
      const job: JobRecord = {
        id,
        account: accountOf(call),
        sequence,
        request: isObject(call.body) ? call.body : {},
        stage: "notStarted",
        result: "pending",
        startAt: world.stamp(call.now),
        endAt: null,
        polledAt: null,
        errors: [],
        offers: [],
        isDeletion: false,
      };
      ledger.jobs.put(id, job);
      const seconds = world.dice.between(world.settings().offers.jobSeconds, "job", sequence);
      world.schedule("job_start", id, addSeconds(world.now(), seconds / 4));
      world.schedule("job_end", id, addSeconds(world.now(), seconds));
      return answered(202, view(job));
    },
    status: (call: Call): WireAnswer => {
      const job = found(call);
      const { pollSeconds } = world.settings().offers;
      const nowMs = world.now().getTime();
      const since = job.polledAt === null ? null : (nowMs - Date.parse(job.polledAt)) / 1000;
      if (since !== null && since < pollSeconds)
        throw ingestionRefusal(429, "The status of a job can be queried at most once per minute.", {
          headers: { "retry-after": String(Math.ceil(pollSeconds - since)) },
        });
      ledger.jobs.put(job.id, { ...job, polledAt: world.now().toISOString() });
      return answered(200, view(job));
    },
    detail: (call: Call): WireAnswer => {
      const job = found(call);
      const rows = job.offers.flatMap((id) => ledger.offers.get(id) ?? []).filter(({ state }) => state !== "deleted");
      const [first] = rows;
      if (!first) throw ingestionRefusal(404, `The job '${job.id}' has made no resource.`);
      if (world.settings().offers.jobDetail === "offer") return answered(200, offers.view(first));
      return answered(200, { $schema: ingestionSchemas.configure, resources: rows.map(offers.view) });
    },
    perform: (kind: MarketplaceKind, id: string): void => {
      const job = ledger.jobs.get(id);
      if (!job || job.stage === "completed") return;
      if (kind === "job_start") ledger.jobs.put(id, { ...job, stage: "running" });
      else finish(job);
    },
  };
};
export type Jobs = ReturnType<typeof createJobs>;
