/**
 * "Did it happen?" A lost create is looked for by our key of the deal: Partner Center promises no idempotency, and filters by no
 * key, so the newest referrals are read until they are older than the create can be. Everything else is told by the record.
 */
import * as z from "zod";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Outcome, Traces, Write } from "../contract.ts";
import { meaning, type Operation } from "./document.ts";
import { isMicrosofts, microsoftsOf } from "./observation.ts";
import { type CoSellDeps, getReferral, listReferrals, patchBodySchema, relatedTo } from "./reading.ts";
import type { WireReferral } from "./wire.ts";

/** Pages looked through: the newest 1,000 referrals. */
const searchPagesMax = 10;
/** Their clock and ours may differ by so much. */
const skewMs = 3_600_000;

const createBodySchema = z.object({
  referral: z.object({ externalReferenceId: z.string() }).loose(),
  notBefore: z.iso.date(),
});

const created = (write: Write, referral: WireReferral): Outcome => ({
  key: write.key,
  ref: { id: referral.id, ...(referral.engagementId ? { arn: referral.engagementId } : {}) },
  version: referral.updatedDateTime ?? null,
  task: null,
});

const madeMs = (referral: WireReferral): number => {
  const ms = Date.parse(referral.createdDateTime ?? "");
  return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : ms;
};
const isOurs = ({ target }: CoSellDeps, referral: WireReferral): boolean =>
  !isMicrosofts(referral) &&
  (!referral.organizationId || referral.organizationId === target.settings.organizationId) &&
  referral.direction !== "Incoming";

interface Search {
  readonly key: string;
  /** Nothing older is looked at; milliseconds since 1970. */
  readonly sinceMs: number;
}
/** Our referrals with our key, newest first. */
const search = async (deps: CoSellDeps, { key, sinceMs }: Search): Promise<Result<readonly WireReferral[]>> => {
  const found: WireReferral[] = [];
  let query: string | null = `?$orderby=${encodeURIComponent("createdDateTime desc")}`;
  for (let page = 0; page < searchPagesMax && query !== null; page++) {
    const listed: Awaited<ReturnType<typeof listReferrals>> = await listReferrals(deps, query);
    if (!listed.ok) return listed;
    const { rows, next } = listed.value;
    found.push(...rows.filter((row) => row.externalReferenceId === key && isOurs(deps, row) && madeMs(row) >= sinceMs));
    // Ordered, the first one that is too old ends the search; a list in no order is read to its end.
    const isPast = rows.length > 0 && rows.every((row) => madeMs(row) < sinceMs);
    query = isPast || next === query ? null : next;
  }
  return ok(found);
};

/**
 * A lost create: made since the day on which it was intended, open, and with nobody invited yet: an invitation comes only after
 * a confirmed create, so what has one belongs to an earlier share of the deal.
 */
export const locateCreate = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const { referral, notBefore } = createBodySchema.parse(write.body);
  const key = referral.externalReferenceId;
  const searched = await search(deps, { key, sinceMs: Date.parse(notBefore) - skewMs });
  if (!searched.ok) return searched;
  const open: WireReferral[] = [];
  for (const row of searched.value.filter(({ status }) => status !== "Closed")) {
    const related = row.engagementId ? await relatedTo(deps, row.engagementId) : ok([]);
    if (!related.ok) return related;
    if (microsoftsOf(related.value) === null) open.push(row);
  }
  const [only, second] = open;
  if (second !== undefined)
    return failed({
      kind: "ambiguous",
      message: `Microsoft holds ${open.length} open referrals of this deal: ${open
        .slice(0, 5)
        .map(({ id }) => id)
        .join(", ")}. Close all but one in Partner Center.`,
    });
  return ok(only === undefined ? null : created(write, only));
};

/**
 * A create that we have no memory of: the referrals that a sweep told of, then the newest of all. It may have gone any way since;
 * one that is open is taken first.
 */
export const locateForgotten = async (
  deps: CoSellDeps,
  write: Write,
  traces: Traces,
): Promise<Result<Outcome | null>> => {
  const key = createBodySchema.parse(write.body).referral.externalReferenceId;
  const pick = (rows: readonly WireReferral[]): WireReferral | undefined => {
    const free = rows.filter(({ id }) => !traces.taken.includes(id)).toSorted((a, b) => madeMs(b) - madeMs(a));
    return free.find(({ status }) => status !== "Closed") ?? free[0];
  };
  const told: WireReferral[] = [];
  for (const id of traces.known) {
    const seen = await getReferral(deps, id);
    if (!seen.ok && seen.fault.kind !== "missing") return seen;
    if (seen.ok && seen.value.referral.externalReferenceId === key && isOurs(deps, seen.value.referral))
      told.push(seen.value.referral);
  }
  let found = pick(told);
  if (found === undefined) {
    const searched = await search(deps, { key, sinceMs: Number.NEGATIVE_INFINITY });
    if (!searched.ok) return searched;
    found = pick(searched.value);
  }
  return ok(found === undefined ? null : created(write, found));
};

/** A lost invitation: Microsoft's referral is in the engagement, or it is not. */
export const locateInvitation = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const body = z.object({ own: z.string(), engagementId: z.string().nullable() }).parse(write.body);
  let engagementId = body.engagementId;
  if (engagementId === null) {
    const seen = await getReferral(deps, body.own);
    if (!seen.ok) return seen;
    engagementId = seen.value.referral.engagementId || null;
  }
  if (engagementId === null) return ok(null);
  const related = await relatedTo(deps, engagementId);
  if (!related.ok) return related;
  const theirs = microsoftsOf(related.value);
  const ref = { id: body.own, arn: engagementId };
  return ok(theirs === null ? null : { key: write.key, ref, version: null, task: null });
};

const valueAt = (root: unknown, path: string): unknown =>
  path
    .slice(1)
    .split("/")
    .reduce<unknown>((value, name) => {
      if (Array.isArray(value)) return name === "-" ? value.at(-1) : value[Number(name)];
      return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
    }, root);

/** Whether a record says at least what was sent: Microsoft adds members of its own. */
const holds = (there: unknown, sent: unknown): boolean => {
  if (Array.isArray(sent))
    return Array.isArray(there) && sent.every((item) => there.some((other) => holds(other, item)));
  if (typeof sent === "object" && sent !== null)
    return (
      typeof there === "object" &&
      there !== null &&
      Object.entries(sent).every(([name, value]) => holds(Reflect.get(there, name), value))
    );
  const plain = (value: unknown) => meaning("notes", value === undefined || value === null ? null : String(value));
  return plain(there) === plain(sent) || Number(there) === Number(sent);
};
const happened = (raw: unknown, { path, value }: Operation): boolean => {
  if (!path.endsWith("/-")) return holds(valueAt(raw, path), value);
  const list = valueAt(raw, path.slice(0, -2));
  return Array.isArray(list) && list.some((item) => holds(item, value));
};

/** A lost update: the version that it was to replace means that it did not happen; else each of its members tells. */
export const locateUpdate = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const { id, ifMatch, patch } = patchBodySchema.parse(write.body);
  const seen = await getReferral(deps, id);
  if (!seen.ok) return seen;
  const { referral, text } = seen.value;
  if (ifMatch !== null && referral.eTag === ifMatch) return ok(null);
  const raw: unknown = JSON.parse(text);
  const isDone = patch.every((operation) => happened(raw, operation));
  return ok(isDone ? created(write, referral) : null);
};
