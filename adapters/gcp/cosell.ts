/** Co-sell over the Cloud Channel API: run a planned write, look for a lost one, look at a record. */
import type { Json, JsonObject, Observation, RemoteRef } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Outcome, Traces, Write } from "../contract.ts";
import { at, parseBody } from "../nested.ts";
import { objectOf, textOf } from "../text.ts";
import type { Operation } from "./client.ts";
import { isPath } from "./document.ts";
import { type Answer, lost } from "./faults.ts";
import { carries, idOf, observationOf, plainTitle } from "./map.ts";
import { page, type Sought, search } from "./query.ts";
import { type CoSellDeps, parsedAs, readOf, textIn } from "./reading.ts";
import { holds } from "./revision.ts";
import type { Target } from "./settings.ts";
import { opportunitySchema, type WireRow } from "./wire.ts";
import { isClosing } from "./words.ts";

const created = (write: Write, row: WireRow): Outcome => ({
  key: write.key,
  ref: { id: idOf(row.name) },
  version: row.updateTime ?? null,
  task: null,
});

const guard = (write: Write, target: Target): JsonObject => {
  if (write.body.partner !== `partners/${target.partnerId}`)
    throw new Error(
      `${write.operation} names ${JSON.stringify(write.body.partner)}, but the connection writes for partners/${target.partnerId} only`,
    );
  return objectOf(write.body.opportunity);
};

const getOpportunity = (deps: CoSellDeps, id: string) =>
  readOf(deps, opportunitySchema, {
    operation: "opportunities.get",
    path: `/v1alpha1/opportunities/${encodeURIComponent(id)}`,
    query: { partner: `partners/${deps.target.partnerId}` },
  });

const answered = (write: Write, operation: Operation, answer: Answer): Result<Outcome> => {
  const made = parsedAs(opportunitySchema, answer, operation);
  return made.ok ? ok(created(write, made.value)) : made;
};

/** The deal that a create is about. */
const soughtOf = (write: Write): Sought => {
  const opportunity = objectOf(write.body.opportunity);
  const key = textIn(opportunity, "referenceOpportunityId");
  return { key, title: plainTitle(textOf(at(opportunity, "opportunityInfo.displayName")) ?? "", key) };
};

const isDraft = (row: WireRow): boolean => row.state === "DRAFT";

/**
 * Google keeps no token of ours, so nothing is created before it has been asked for: a draft with our mark is taken if it says
 * what we were to say, and stands in the way if it says something else.
 */
const create = async (deps: CoSellDeps, write: Write, opportunity: JsonObject): Promise<Result<Outcome>> => {
  const searched = await search(deps, soughtOf(write), false);
  if (!searched.ok)
    return searched.fault.kind === "ambiguous" ? failed({ ...searched.fault, kind: "unavailable" }) : searched;
  const drafts = searched.value.filter(isDraft);
  const same = drafts.find((row) => isSame(opportunity, row));
  if (same !== undefined) return ok(created(write, same));
  const [other] = drafts;
  if (other !== undefined) return failed(standsInTheWay(idOf(other.name)));
  const sent = await deps.wire.send({
    operation: "opportunities.create",
    path: "/v1alpha1/opportunities",
    query: { partner: `partners/${deps.target.partnerId}` },
    body: opportunity,
  });
  return sent.ok ? answered(write, "opportunities.create", sent.value) : failed(sent.fault);
};

const isSame = (opportunity: JsonObject, row: WireRow): boolean =>
  holds(opportunity, pathsIn(opportunity), parseBody(JSON.stringify(row)));
/** Every member that the create states. */
const pathsIn = (opportunity: JsonObject) => {
  const walk = (value: Json, path: string): readonly string[] => {
    if (isPath(path)) return [path];
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([name, below]) => walk(below, path === "" ? name : `${path}.${name}`))
      : [];
  };
  return walk(opportunity, "").filter(isPath);
};

const standsInTheWay = (id: string) => {
  const message = `Google holds the draft ${id} of this deal, which says something else than the deal does now`;
  const fix = `Look at ${id} in Partner Network Hub: submit it there, or change its name so that it does not end in the deal's key.`;
  return {
    kind: "rejected",
    message,
    gaps: [{ field: "gcp", code: "conflicting", message, fix, source: "Google's answer" }],
  } as const;
};

/** Sends one planned write. Throws when it names another partner than the connection's: nothing is sent then. */
export const run = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome>> => {
  const opportunity = guard(write, deps.target);
  if (write.operation === "opportunities.create") return create(deps, write, opportunity);
  if (write.operation !== "opportunities.patch") throw new Error(`Google co-sell has no write ${write.operation}`);
  const id = idOf(textIn(write.body, "name"));
  const sent = await deps.wire.send({
    operation: "opportunities.patch",
    path: `/v1alpha1/opportunities/${encodeURIComponent(id)}`,
    query: { updateMask: textIn(write.body, "updateMask"), partner: `partners/${deps.target.partnerId}` },
    body: opportunity,
  });
  if (sent.ok) return answered(write, "opportunities.patch", sent.value);
  const isRefused = sent.fault.kind === "conflict" || sent.fault.kind === "rejected";
  if (write.key !== "submit" || !isRefused) return failed(sent.fault);
  // Somebody may have submitted it in the Hub: then it is done.
  const done = await locateSubmit(deps, write);
  return done.ok && done.value !== null ? ok(done.value) : failed(sent.fault);
};

/** A lost create: a draft that carries our mark. An earlier generation of the deal has gone further than a draft. */
const locateCreate = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const searched = await search(deps, soughtOf(write), true);
  if (!searched.ok) return searched;
  const drafts = searched.value.filter(isDraft);
  const [only] = drafts;
  if (drafts.length > 1)
    return failed({
      kind: "ambiguous",
      message: `Google holds ${drafts.length} drafts of this deal: ${drafts
        .slice(0, 5)
        .map(({ name }) => idOf(name))
        .join(", ")}. Rename all but one in Partner Network Hub.`,
    });
  return ok(only === undefined ? null : created(write, only));
};

/** A create that we have no memory of: the record may have gone any way since; one that still lives is taken first. */
const locateForgotten = async (deps: CoSellDeps, write: Write, traces: Traces): Promise<Result<Outcome | null>> => {
  const sought = soughtOf(write);
  const told: WireRow[] = [];
  for (const id of traces.known) {
    const seen = await getOpportunity(deps, id);
    if (!seen.ok && seen.fault.kind !== "missing") return seen;
    if (seen.ok && carries(seen.value.value, sought.key)) told.push(seen.value.value);
  }
  const pick = (rows: readonly WireRow[]): WireRow | undefined => {
    const free = rows
      .filter((row) => !traces.taken.includes(idOf(row.name)))
      .toSorted((a, b) => ((a.createTime ?? "") < (b.createTime ?? "") ? 1 : -1));
    return free.find((row) => !isClosing(row.stage ?? "")) ?? free[0];
  };
  const known = pick(told);
  if (known !== undefined) return ok(created(write, known));
  const searched = await search(deps, sought, true);
  if (!searched.ok) return searched;
  const found = pick(searched.value);
  return ok(found === undefined ? null : created(write, found));
};

/** Whatever is no draft any more was submitted. */
const locateSubmit = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const seen = await getOpportunity(deps, idOf(textIn(write.body, "name")));
  if (!seen.ok) return seen;
  return ok(seen.value.value.state && !isDraft(seen.value.value) ? created(write, seen.value.value) : null);
};

const locateUpdate = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const seen = await getOpportunity(deps, idOf(textIn(write.body, "name")));
  if (!seen.ok) return seen;
  const { value, text } = seen.value;
  // An update moves the version: the version it replaced means that it did not happen.
  if (value.updateTime === textIn(write.body, "replaces")) return ok(null);
  const sent = textIn(write.body, "updateMask").split(",").filter(isPath);
  return ok(holds(objectOf(write.body.opportunity), sent, parseBody(text)) ? created(write, value) : null);
};

/** "Did it happen?" Null: searched and not found. */
export const locate = async (deps: CoSellDeps, write: Write, traces?: Traces): Promise<Result<Outcome | null>> => {
  guard(write, deps.target);
  if (write.operation === "opportunities.create")
    return traces === undefined ? locateCreate(deps, write) : locateForgotten(deps, write, traces);
  if (write.operation !== "opportunities.patch") throw new Error(`Google co-sell has no write ${write.operation}`);
  return write.key === "submit" ? locateSubmit(deps, write) : locateUpdate(deps, write);
};

/** Reads Google's record of a deal. */
export const look = async (deps: CoSellDeps, ref: RemoteRef): Promise<Result<Observation>> => {
  const seenAt = deps.clock.now();
  const seen = await getOpportunity(deps, ref.id);
  if (!seen.ok) return seen;
  const { value, text } = seen.value;
  const observation = observationOf({ opportunity: value, text, raw: parseBody(text), seenAt });
  if ("unknownWord" in observation)
    return failed({
      kind: "drift",
      message: `Google ${ref.id}: ${observation.unknownWord}. Look at the deal in Partner Network Hub`,
      body: text,
    });
  return ok(observation);
};

/** One cheap read: does the key sign in, and may the service account see the partner's deals. */
export const check = async (deps: CoSellDeps): Promise<Result<JsonObject>> => {
  const { partnerId, surface, endpoint } = deps.target;
  const listed = await page(deps, {}, 1);
  return listed.ok ? ok({ partner: `partners/${partnerId}`, surface, endpoint }) : listed;
};
export { lost };
