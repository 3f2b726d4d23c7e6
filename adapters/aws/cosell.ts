/** Co-sell over the wire: run a planned write, look for a lost one, poll a task, look at a record, list what changed. */
import * as z from "zod";
import type { Json, JsonObject, Observation, RemoteRef } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Hint, Outcome, Page, Traces, Write } from "../contract.ts";
import { parseBody } from "../nested.ts";
import { earlier, later, timestampSchema } from "../timestamp.ts";
import { meaning, paths, read } from "./document.ts";
import { type Answer, isAlreadyAssociated } from "./faults.ts";
import * as invitations from "./invitations.ts";
import { observationOf } from "./map.ts";
import { type CoSellDeps, pageSize, parsedAs, readOf, taskOutcome, textOf } from "./reading.ts";
import {
  associatedSchema,
  createdSchema,
  listSchema,
  opportunitySchema,
  relatedEntityTypes,
  summarySchema,
  taskSchema,
  tasksSchema,
  updatedSchema,
  type WireOpportunity,
  type WireRow,
} from "./wire.ts";

/** Pages looked through for a lost create: the newest 500 records under each filter. */
const searchPagesMax = 5;
/** AWS's list may lag behind its records, and its times are coarser than its records' order. */
const overlapMs = 5 * 60_000;

/** What an answered write came to. */
const outcomeOf = (deps: CoSellDeps, { write, operation }: Planned, answer: Answer): Result<Outcome> => {
  const { key, body } = write;
  const asked = { operation, kind: "write" } as const;
  switch (operation) {
    case "CreateOpportunity": {
      const made = parsedAs(createdSchema, answer, asked);
      if (!made.ok) return made;
      return ok({ key, ref: { id: made.value.Id }, version: made.value.LastModifiedDate ?? null, task: null });
    }
    case "UpdateOpportunity": {
      const made = parsedAs(updatedSchema, answer, asked);
      return made.ok ? ok({ key, ref: { id: made.value.Id }, version: made.value.LastModifiedDate, task: null }) : made;
    }
    case "AssociateOpportunity": {
      const made = parsedAs(associatedSchema, answer, asked);
      return made.ok
        ? ok({ key, ref: { id: textOf(body, "OpportunityIdentifier") }, version: null, task: null })
        : made;
    }
    default: {
      const made = parsedAs(taskSchema, answer, asked);
      return made.ok
        ? ok(taskOutcome(key, made.value, { id: textOf(body, "Identifier"), now: deps.clock.now() }))
        : made;
    }
  }
};

const writes = [
  "CreateOpportunity",
  "UpdateOpportunity",
  "AssociateOpportunity",
  "StartEngagementFromOpportunityTask",
] as const;
interface Planned {
  readonly write: Write;
  readonly operation: (typeof writes)[number];
}
const planned = (write: Write): Planned => {
  const operation = writes.find((name) => name === write.operation);
  if (operation === undefined) throw new Error(`AWS co-sell has no write ${write.operation}`);
  return { write, operation };
};

/** Sends one planned write. Throws when it names another catalog than the connection's: nothing is sent then. */
export const run = async (deps: CoSellDeps, write: Write, token: string): Promise<Result<Outcome>> => {
  const body = write.token === "partner-keeps" ? { ...write.body, ClientToken: token } : write.body;
  const { operation } = write;
  if (invitations.isInvitationWrite(operation)) {
    const sent = await deps.wire.send(operation, "write", body);
    return sent.ok ? invitations.outcomeOf(deps, { write, operation }, sent.value) : failed(sent.fault);
  }
  const plan = planned(write);
  const answer = await deps.wire.send(plan.operation, "write", body);
  if (answer.ok) return outcomeOf(deps, plan, answer.value);
  if (plan.operation === "AssociateOpportunity" && answer.answer !== undefined && isAlreadyAssociated(answer.answer))
    return ok({ key: write.key, ref: { id: textOf(write.body, "OpportunityIdentifier") }, version: null, task: null });
  return failed(answer.fault);
};

const getOpportunity = (deps: CoSellDeps, id: string) =>
  readOf(deps, opportunitySchema, ["GetOpportunity", { Identifier: id }]);

interface Candidate {
  readonly id: string;
  readonly version: string | null;
  readonly madeAt: string;
  readonly isUnsubmitted: boolean;
  readonly isClosed: boolean;
}
const candidateOf = (id: string, row: WireRow | WireOpportunity): Candidate => ({
  id,
  version: row.LastModifiedDate ?? null,
  madeAt: row.CreatedDate ?? "",
  isUnsubmitted: row.LifeCycle?.ReviewStatus === "Pending Submission",
  isClosed: row.LifeCycle?.Stage === "Closed Lost",
});

/** The newest records under a filter that carry our key, newest first. */
const searchByKey = async (
  deps: CoSellDeps,
  key: string,
  filter: JsonObject,
): Promise<Result<readonly Candidate[]>> => {
  const found = new Map<string, Candidate>();
  let token: string | null = null;
  for (let page = 0; page < searchPagesMax; page++) {
    const listed: Awaited<ReturnType<typeof listPage>> = await listPage(deps, {
      ...filter,
      Sort: { SortBy: "CreatedDate", SortOrder: "DESCENDING" },
      ...(token === null ? {} : { NextToken: token }),
    });
    if (!listed.ok) return listed;
    for (const row of listed.value.rows)
      if (row.Id && row.PartnerOpportunityIdentifier === key) found.set(row.Id, candidateOf(row.Id, row));
    token = listed.value.nextToken;
    if (token === null) break;
  }
  return ok([...found.values()]);
};

const created = (write: Write, { id, version }: Candidate): Outcome => ({
  key: write.key,
  ref: { id },
  version,
  task: null,
});

/** By the customer's name. AWS redacts the names of national security customers: there the name finds nothing. */
const nameFilter = (write: Write): JsonObject => {
  const name = read(write.body)["Customer.Account.CompanyName"];
  return typeof name === "string" && write.body.NationalSecurity !== "Yes" ? { CustomerCompanyName: [name] } : {};
};

/**
 * A lost create: the newest records of the customer's name, compared by our own key. Only a record that was never
 * submitted can be it: an earlier generation of the deal has gone further.
 */
const locateCreate = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const key = textOf(write.body, "PartnerOpportunityIdentifier");
  const searched = await searchByKey(deps, key, nameFilter(write));
  if (!searched.ok) return searched;
  const found = searched.value.filter((row) => row.isUnsubmitted && !row.isClosed);
  if (found.length > 1)
    return failed({
      kind: "ambiguous",
      message: `AWS holds ${found.length} unsubmitted records of this deal: ${found
        .slice(0, 5)
        .map(({ id }) => id)
        .join(", ")}. Close all but one in Partner Central.`,
    });
  const [only] = found;
  return ok(only === undefined ? null : created(write, only));
};

/**
 * A create that we have no memory of: the records that a sweep told of, then those of the customer's name, then the newest
 * of all (the customer may have been renamed). It may have gone any way since; one that still lives is taken first.
 */
const locateForgotten = async (deps: CoSellDeps, write: Write, traces: Traces): Promise<Result<Outcome | null>> => {
  const key = textOf(write.body, "PartnerOpportunityIdentifier");
  const pick = (rows: readonly Candidate[]): Candidate | undefined => {
    const free = rows
      .filter(({ id }) => !traces.taken.includes(id))
      .toSorted((a, b) => (a.madeAt < b.madeAt ? 1 : a.madeAt > b.madeAt ? -1 : 0));
    return free.find((row) => !row.isClosed) ?? free[0];
  };
  const told: Candidate[] = [];
  for (const id of traces.known) {
    const seen = await getOpportunity(deps, id);
    if (!seen.ok && seen.fault.kind !== "missing") return seen;
    if (seen.ok && seen.value.value.PartnerOpportunityIdentifier === key) told.push(candidateOf(id, seen.value.value));
  }
  let found = pick(told);
  const byName = nameFilter(write);
  for (const filter of Object.keys(byName).length === 0 ? [{}] : [byName, {}]) {
    if (found !== undefined) break;
    const searched = await searchByKey(deps, key, filter);
    if (!searched.ok) return searched;
    found = pick(searched.value);
  }
  return ok(found === undefined ? null : created(write, found));
};

const locateAssociation = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const id = textOf(write.body, "OpportunityIdentifier");
  const type = relatedEntityTypes.find((name) => name === write.body.RelatedEntityType);
  const seen = await getOpportunity(deps, id);
  if (!seen.ok) return seen;
  const held = type === undefined ? [] : (seen.value.value.RelatedEntityIdentifiers?.[type] ?? []);
  const there = held.includes(textOf(write.body, "RelatedEntityIdentifier"));
  return ok(there ? { key: write.key, ref: { id }, version: null, task: null } : null);
};

/** A failed task may be an earlier try's: only one that runs or is done can be the lost start. */
const locateStart = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const id = textOf(write.body, "Identifier");
  const listed = await readOf(deps, tasksSchema, [
    "ListEngagementFromOpportunityTasks",
    { OpportunityIdentifier: [id], MaxResults: pageSize, Sort: { SortBy: "StartTime", SortOrder: "DESCENDING" } },
  ]);
  if (!listed.ok) return listed;
  const task = listed.value.value.TaskSummaries.find(({ TaskStatus }) => TaskStatus !== "FAILED");
  return ok(task === undefined ? null : taskOutcome(write.key, task, { id, now: deps.clock.now() }));
};

const locateUpdate = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const id = textOf(write.body, "Identifier");
  const seen = await getOpportunity(deps, id);
  if (!seen.ok) return seen;
  const version = seen.value.value.LastModifiedDate;
  // An update moves the version: the version it replaced means that it did not happen.
  if (version === textOf(write.body, "LastModifiedDate")) return ok(null);
  const [ours, theirs] = [read(write.body), read(parseBody(seen.value.text))];
  const happened = paths.every((path) => meaning(path, ours[path]) === meaning(path, theirs[path]));
  return ok(happened ? { key: write.key, ref: { id }, version, task: null } : null);
};

/** "Did it happen?" Null: searched and not found. */
export const locate = async (deps: CoSellDeps, write: Write, traces?: Traces): Promise<Result<Outcome | null>> => {
  const { operation } = write;
  if (invitations.isInvitationWrite(operation)) return invitations.locate(deps, { write, operation });
  switch (planned(write).operation) {
    case "CreateOpportunity":
      return traces === undefined ? locateCreate(deps, write) : locateForgotten(deps, write, traces);
    case "AssociateOpportunity":
      return locateAssociation(deps, write);
    case "StartEngagementFromOpportunityTask":
      return locateStart(deps, write);
    case "UpdateOpportunity":
      return locateUpdate(deps, write);
  }
};

/** Asks how a task goes. A task that is not listed yet is still unavailable. */
export const poll = async (deps: CoSellDeps, outcome: Outcome): Promise<Result<Outcome>> => {
  if (outcome.task === null) return ok(outcome);
  if (invitations.isTaskKey(outcome.key)) return invitations.pollTask(deps, outcome.key, outcome);
  const { id } = outcome.task;
  const listed = await readOf(deps, tasksSchema, ["ListEngagementFromOpportunityTasks", { TaskIdentifier: [id] }]);
  if (!listed.ok) return listed;
  const task = listed.value.value.TaskSummaries.find(({ TaskId }) => TaskId === id);
  return task === undefined
    ? failed({ kind: "unavailable", message: `AWS does not list task ${id} yet` })
    : ok(taskOutcome(outcome.key, task, { id: outcome.ref.id, now: deps.clock.now() }));
};

/** Before AWS has taken the deal there is no AWS side to summarise. */
const withoutSummary = new Set<string | null | undefined>(["Pending Submission", "Submitted"]);

/** Reads AWS's record and, once AWS has taken the deal, its own side of it. */
export const look = async (deps: CoSellDeps, ref: RemoteRef): Promise<Result<Observation>> => {
  const seen = await getOpportunity(deps, ref.id);
  if (!seen.ok) return seen;
  const { value: opportunity, text } = seen.value;
  if (opportunity.Catalog !== deps.target.catalog)
    return failed({
      kind: "drift",
      message: `AWS answered a record of catalog ${opportunity.Catalog.slice(0, 20)}`,
      body: text,
    });
  const none = { value: null, text: null };
  const summary = withoutSummary.has(opportunity.LifeCycle.ReviewStatus)
    ? ok(none)
    : await readOf(deps, summarySchema, ["GetAwsOpportunitySummary", { RelatedOpportunityIdentifier: ref.id }]);
  // Missing, forbidden or odd: AWS's advice is not worth losing the record for. Throttled or down: come back.
  if (!summary.ok && (summary.fault.kind === "throttled" || summary.fault.kind === "unavailable")) return summary;
  const side = summary.ok ? summary.value : none;
  const observation = observationOf({
    opportunity,
    summary: side.value,
    texts: { opportunity: text, summary: side.text },
    raw: parseBody(text),
    seenAt: deps.clock.now(),
  });
  return "unknownWord" in observation
    ? failed({
        kind: "drift",
        message: `AWS answered a word this version does not know: ${observation.unknownWord}`,
        body: `{"opportunity":${text},"summary":${side.text ?? "null"}}`,
      })
    : ok(observation);
};

const listPage = async (deps: CoSellDeps, body: JsonObject) => {
  const listed = await readOf(deps, listSchema, ["ListOpportunities", { MaxResults: pageSize, ...body }]);
  if (!listed.ok) return listed;
  const { OpportunitySummaries: rows, NextToken } = listed.value.value;
  return ok({ rows: rows.filter(({ Catalog }) => Catalog === deps.target.catalog), nextToken: NextToken ?? null });
};

const cursorSchema = z
  .object({
    /** The greatest version seen by finished passes. */
    after: timestampSchema.nullable(),
    /** The greatest version seen by this pass. */
    seen: timestampSchema.nullable(),
    nextToken: z.string().nullable(),
  })
  .catch({ after: null, seen: null, nextToken: null });

/**
 * What changed since the cursor, oldest first. The bound is the greatest time AWS has told us, less an overlap, never
 * a clock of ours. A page token that AWS no longer takes starts the pass again.
 */
export const changes = async (deps: CoSellDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const from = cursorSchema.parse(cursor);
  const body = (nextToken: string | null): JsonObject => ({
    Sort: { SortBy: "LastModifiedDate", SortOrder: "ASCENDING" },
    ...(from.after === null ? {} : { LastModifiedDate: { AfterLastModifiedDate: earlier(from.after, overlapMs) } }),
    ...(nextToken === null ? {} : { NextToken: nextToken }),
  });
  let listed = await listPage(deps, body(from.nextToken));
  if (!listed.ok && listed.fault.kind === "rejected" && from.nextToken !== null)
    listed = await listPage(deps, body(null));
  if (!listed.ok) return listed;
  const { rows, nextToken } = listed.value;
  const seen = rows.reduce<string | null>((latest, row) => later(latest, row.LastModifiedDate ?? null), from.seen);
  const items = rows.flatMap((row): Hint[] =>
    row.Id
      ? [
          {
            kind: "opportunity",
            id: row.Id,
            at: row.LastModifiedDate ?? null,
            key: row.PartnerOpportunityIdentifier || null,
            madeAt: row.CreatedDate ?? null,
          },
        ]
      : [],
  );
  const next =
    nextToken === null
      ? { after: later(from.after, seen), seen: null, nextToken }
      : { after: from.after, seen, nextToken };
  return ok({ items, cursor: next, more: nextToken !== null });
};

/** One cheap read: do the keys work, may they list, in this catalog. */
export const check = async (deps: CoSellDeps): Promise<Result<JsonObject>> => {
  const listed = await readOf(deps, listSchema, ["ListOpportunities", { MaxResults: 1 }]);
  if (!listed.ok) return listed;
  const { account, catalog, endpoint } = deps.target;
  return ok({ account, catalog, endpoint });
};
