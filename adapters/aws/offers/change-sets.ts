/** Change sets over the wire: started, looked for by the name that carries our mark, followed to their end. */
import type { JsonObject, RemoteRef } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { Outcome, PartnerTask, Traces, Write } from "../../contract.ts";
import { at } from "../../nested.ts";
import { parsedAs, textOf } from "../reading.ts";
import { arnOf } from "./arns.ts";
import { markIn } from "./changes.ts";
import { type MarketplaceDeps, pageSize, readOf } from "./reading.ts";
import { changeSetFault } from "./refusals.ts";
import {
  bareId,
  changeSetSchema,
  changeSetsSchema,
  entitiesSchema,
  entitySchema,
  startedSchema,
  type WireChangeSet,
} from "./wire.ts";

/** The key of the write that makes an offer. */
export const publishKey = "publish";
const namesakesMax = 20;
/** The most that ListChangeSets gives at once. */
const changeSetsMax = 20;

/** The id of the offer or authorization that the frozen body changes; null: it makes one. */
const changedId = (write: Write): string | null => {
  const id = at({ first: firstChange(write) }, "first.Entity.Identifier");
  return typeof id === "string" && !id.startsWith("$") ? id : null;
};
const firstChange = (write: Write): JsonObject[string] => {
  const set = write.body.ChangeSet;
  return Array.isArray(set) ? (set[0] ?? null) : null;
};

const begun = (write: Write, changeSetId: string, state: PartnerTask["state"] = "running"): Outcome => ({
  key: write.key,
  ref: { id: changedId(write) ?? changeSetId },
  version: null,
  task: { id: changeSetId, state },
});

/** Starts a planned change set. AWS keeps the token: the same request again names the same change set. */
export const run = async (deps: MarketplaceDeps, write: Write, token: string): Promise<Result<Outcome>> => {
  if (write.operation !== "StartChangeSet") throw new Error(`AWS Marketplace has no write ${write.operation}`);
  const answer = await deps.wire.send("StartChangeSet", "write", { ...write.body, ClientRequestToken: token });
  if (!answer.ok) return failed(answer.fault);
  const started = parsedAs(startedSchema, answer.value, { operation: "StartChangeSet", kind: "write" });
  return started.ok ? ok(begun(write, started.value.ChangeSetId)) : started;
};

/** The newest change set of a name that was not refused, or null. AWS keeps them for 60 days. */
export const findByName = async (
  deps: MarketplaceDeps,
  name: string,
  wanted: (status: WireChangeSet["Status"]) => boolean,
): Promise<Result<string | null>> => {
  const listed = await readOf(deps, changeSetsSchema, [
    "ListChangeSets",
    {
      FilterList: [{ Name: "ChangeSetName", ValueList: [name] }],
      Sort: { SortBy: "StartTime", SortOrder: "DESCENDING" },
      MaxResults: changeSetsMax,
    },
  ]);
  if (!listed.ok) return listed;
  const rows = listed.value.value.ChangeSetSummaryList ?? [];
  const found = rows.find((row) => row.ChangeSetName === name && wanted(row.Status));
  return ok(found?.ChangeSetId ?? null);
};

/** An offer that was made before AWS's memory of change sets begins: by its name, then by the mark in its description. */
const findOffer = async (deps: MarketplaceDeps, name: string, marker: string): Promise<Result<RemoteRef | null>> => {
  const listed = await readOf(deps, entitiesSchema, [
    "ListEntities",
    {
      EntityType: "Offer",
      EntityTypeFilters: { OfferFilters: { Name: { ValueList: [name] }, State: { ValueList: ["Released"] } } },
      MaxResults: pageSize,
    },
  ]);
  if (!listed.ok) return listed;
  for (const { EntityId } of (listed.value.value.EntitySummaryList ?? []).slice(0, namesakesMax)) {
    const seen = await readOf(deps, entitySchema, ["DescribeEntity", { EntityId: bareId(EntityId) }]);
    if (!seen.ok && seen.fault.kind !== "missing") return seen;
    if (!seen.ok || markIn(seen.value.value.DetailsDocument?.Description) !== marker) continue;
    return ok({
      id: bareId(EntityId),
      arn: seen.value.value.EntityArn ?? arnOf(deps.target.account, bareId(EntityId)),
    });
  }
  return ok(null);
};

/** The name and the mark of the offer that a frozen body makes. */
const informationIn = (write: Write): { readonly name: string; readonly marker: string } | null => {
  const set = write.body.ChangeSet;
  for (const change of Array.isArray(set) ? set : []) {
    const name = at({ change }, "change.DetailsDocument.Name");
    const description = at({ change }, "change.DetailsDocument.Description");
    const marker = markIn(typeof description === "string" ? description : null);
    if (typeof name === "string" && marker !== null) return { name, marker };
  }
  return null;
};

/**
 * "Did it happen?" By the change set's name, which carries our mark. One that failed is not it: started again with the same token
 * it fails the same way. Null: searched and not found.
 */
export const locate = async (deps: MarketplaceDeps, write: Write, traces?: Traces): Promise<Result<Outcome | null>> => {
  const found = await findByName(
    deps,
    textOf(write.body, "ChangeSetName"),
    (status) => status !== "FAILED" && status !== "CANCELLED",
  );
  if (!found.ok) return found;
  if (found.value !== null) return ok(begun(write, found.value));
  const information = write.key === publishKey && traces !== undefined ? informationIn(write) : null;
  if (information === null) return ok(null);
  const offer = await findOffer(deps, information.name, information.marker);
  if (!offer.ok) return offer;
  const made = offer.value;
  if (made === null) return ok(null);
  return ok({ key: write.key, ref: made, version: null, task: { id: made.id, state: "done", made } });
};

const makers = new Set([
  "CreateOffer",
  "CreateReplacementOffer",
  "CreateOfferUsingResaleAuthorization",
  "CreateReplacementOfferUsingResaleAuthorization",
  "CreateResaleAuthorization",
]);
const madeIn = (set: WireChangeSet, account: string): RemoteRef | null => {
  const maker = (set.ChangeSet ?? []).find(({ ChangeType }) => makers.has(ChangeType));
  const id = maker?.Entity.Identifier;
  if (!id || id.startsWith("$")) return null;
  return { id: bareId(id), arn: arnOf(account, bareId(id)) };
};

/** A change set with its changes and, where they failed, their errors: only this operation tells them. */
export const describe = async (deps: MarketplaceDeps, id: string): Promise<Result<WireChangeSet>> => {
  const seen = await readOf(deps, changeSetSchema, ["DescribeChangeSet", { ChangeSetId: id }]);
  return seen.ok ? ok(seen.value.value) : seen;
};

/** Asks how a change set goes. */
export const poll = async (deps: MarketplaceDeps, outcome: Outcome): Promise<Result<Outcome>> => {
  if (outcome.task === null || outcome.task.state === "done") return ok(outcome);
  const { id } = outcome.task;
  const seen = await describe(deps, id);
  // A list may know a change set before it can be described.
  if (!seen.ok)
    return seen.fault.kind === "missing" ? failed({ kind: "unavailable", message: seen.fault.message }) : seen;
  const set = seen.value;
  if (set.Status === "PREPARING" || set.Status === "APPLYING")
    return ok({ ...outcome, task: { id, state: "running" } });
  if (set.Status !== "SUCCEEDED") return ok({ ...outcome, task: { id, state: "failed", fault: changeSetFault(set) } });
  if (outcome.key !== publishKey) return ok({ ...outcome, task: { id, state: "done" } });
  const made = madeIn(set, deps.target.account);
  return made === null
    ? failed({ kind: "drift", message: `AWS applied change set ${id} and does not say which offer it made` })
    : ok({ ...outcome, ref: made, task: { id, state: "done", made } });
};
