/** Co-sell over the wire: run a planned write, look for a lost one, look at an engagement, list what changed. */
import * as z from "zod";
import type { Json, JsonObject, Observation, RemoteRef } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Hint, Outcome, Page, Traces, Write } from "../contract.ts";
import { earlier, later } from "../timestamp.ts";
import { locateCreate, locateForgotten, locateInvitation, locateUpdate } from "./locate.ts";
import { isMicrosofts, observationOf } from "./observation.ts";
import {
  type CoSellDeps,
  getReferral,
  type Listed,
  listReferrals,
  parsedAs,
  patchBodySchema,
  relatedTo,
} from "./reading.ts";
import { referralSchema, type WireReferral } from "./wire.ts";

/** Microsoft's list may lag behind its records, and its times are those of several machines. */
const overlapMs = 5 * 60_000;
/** Webhooks are given up after ten tries and times of change may be missed: everything is listed again this often. */
const fullEveryMs = 24 * 3_600_000;

const outcomeOf = (write: Write, ref: RemoteRef, version: string | null): Outcome => ({
  key: write.key,
  ref,
  version,
  task: null,
});
const refOf = (referral: WireReferral): RemoteRef => ({
  id: referral.id,
  ...(referral.engagementId ? { arn: referral.engagementId } : {}),
});

const createBodySchema = z.object({ referral: z.record(z.string(), z.json()) });
const inviteBodySchema = createBodySchema.extend({ own: z.string(), engagementId: z.string().nullable() });

/** Posts a referral. */
const post = async (deps: CoSellDeps, operation: "CreateReferral" | "InviteMicrosoft", referral: JsonObject) => {
  const body = JSON.stringify(referral);
  const headers = { prefer: "return=representation" };
  const answer = await deps.client.send({ operation, kind: "write", method: "POST", headers, body });
  return answer.ok ? parsedAs(referralSchema, answer.value, { operation, kind: "write" }) : answer;
};

/** Invites Microsoft. What comes of it counts for our own referral: the share's record stays that. */
const invite = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome>> => {
  const { own, engagementId, referral } = inviteBodySchema.parse(write.body);
  let engagement = engagementId;
  if (engagement === null) {
    const seen = await getReferral(deps, own);
    if (!seen.ok) return failed(seen.fault);
    engagement = seen.value.referral.engagementId || null;
  }
  if (engagement === null)
    return failed({ kind: "drift", message: `InviteMicrosoft: referral ${own} names no engagement to invite into` });
  const made = await post(deps, "InviteMicrosoft", { ...referral, engagementId: engagement });
  // The version is Microsoft's referral's: ours has not moved.
  return made.ok ? ok(outcomeOf(write, { id: own, arn: engagement }, null)) : failed(made.fault);
};

/** Patches a referral. Partner Center may answer nothing in spite of `Prefer`: then the version is learnt by the next look. */
const patch = async (deps: CoSellDeps, write: Write, operation: PatchOperation): Promise<Result<Outcome>> => {
  const { id, ifMatch, patch: operations } = patchBodySchema.parse(write.body);
  const answer = await deps.client.send({
    operation,
    kind: "write",
    method: "PATCH",
    id,
    headers: { prefer: "return=representation", ...(ifMatch === null ? {} : { "if-match": ifMatch }) },
    body: JSON.stringify(operations),
  });
  if (!answer.ok) return answer;
  if (answer.value.text.trim() === "") return ok(outcomeOf(write, { id }, null));
  const made = parsedAs(referralSchema, answer.value, { operation, kind: "write" });
  return made.ok ? ok(outcomeOf(write, refOf(made.value), made.value.updatedDateTime ?? null)) : failed(made.fault);
};

const patchOperations = ["UpdateReferral", "ShareReferral", "AnswerReferral"] as const;
type PatchOperation = (typeof patchOperations)[number];
const patchOperation = (write: Write): PatchOperation => {
  const operation = patchOperations.find((name) => name === write.operation);
  if (operation === undefined) throw new Error(`Microsoft co-sell has no write ${write.operation}`);
  return operation;
};

/** Sends one planned write. */
export const run = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome>> => {
  if (write.operation === "InviteMicrosoft") return invite(deps, write);
  if (write.operation !== "CreateReferral") return patch(deps, write, patchOperation(write));
  const made = await post(deps, "CreateReferral", createBodySchema.parse(write.body).referral);
  return made.ok ? ok(outcomeOf(write, refOf(made.value), made.value.updatedDateTime ?? null)) : failed(made.fault);
};

/** "Did it happen?" Null: searched and not found. */
export const locate = async (deps: CoSellDeps, write: Write, traces?: Traces): Promise<Result<Outcome | null>> => {
  if (write.operation === "CreateReferral")
    return traces === undefined ? locateCreate(deps, write) : locateForgotten(deps, write, traces);
  if (write.operation === "InviteMicrosoft") return locateInvitation(deps, write);
  patchOperation(write);
  return locateUpdate(deps, write);
};

/** Reads our referral and, where Microsoft may see the deal, all that belongs to its engagement: two reads at most. */
export const look = async (deps: CoSellDeps, ref: RemoteRef): Promise<Result<Observation>> => {
  const seen = await getReferral(deps, ref.id);
  if (!seen.ok) return seen;
  const { referral, text } = seen.value;
  if (isMicrosofts(referral))
    return failed({ kind: "drift", message: `referral ${ref.id.slice(0, 40)} is Microsoft's own, not ours` });
  const engagementId = referral.engagementId || null;
  const mayBeSeen =
    referral.type !== "Independent" ||
    referral.direction === "Incoming" ||
    referral.consent?.consentToShareReferralWithMicrosoftSellers === true;
  const listed = mayBeSeen && engagementId !== null ? await relatedTo(deps, engagementId) : ok([]);
  if (!listed.ok) return listed;
  const related = listed.value.filter(({ id }) => id !== referral.id);
  const observation = observationOf({
    own: referral,
    related,
    texts: { own: text, related: related.map((other) => JSON.stringify(other)) },
    organizationId: deps.target.settings.organizationId,
    seenAt: deps.clock.now(),
  });
  return "unknown" in observation
    ? failed({
        kind: "drift",
        message: `Microsoft answered ${observation.unknown} for referral ${referral.id.slice(0, 40)}, which this version does not know`,
        body: `{"own":${text},"related":${JSON.stringify(related)}}`,
      })
    : ok(observation);
};

const cursorSchema = z
  .object({
    /** The greatest time of change seen by finished passes. */
    after: z.string().nullable(),
    /** The greatest one seen by this pass. */
    seen: z.string().nullable(),
    /** The next page's query; null: a new pass begins. */
    query: z.string().nullable(),
    /** When the last finished pass over everything began, by our clock. */
    fullAt: z.string().nullable(),
    /** When the pass under way began, where it goes over everything. */
    fullSince: z.string().nullable(),
  })
  .catch({ after: null, seen: null, query: null, fullAt: null, fullSince: null });
type Cursor = z.infer<typeof cursorSchema>;

/** Where a pass starts: at the greatest time Microsoft has told us, less an overlap; once a day at the beginning. */
const begin = (from: Cursor, now: Date): { readonly query: string; readonly fullSince: string | null } => {
  const order = `$orderby=${encodeURIComponent("updatedDateTime asc")}`;
  const isDue = from.fullAt === null || now.getTime() - Date.parse(from.fullAt) >= fullEveryMs;
  if (from.after === null || isDue) return { query: `?${order}`, fullSince: now.toISOString() };
  const filter = encodeURIComponent(`updatedDateTime ge ${earlier(from.after, overlapMs)}`);
  return { query: `?$filter=${filter}&${order}`, fullSince: null };
};

/**
 * What changed since the cursor, oldest first: our referrals and, by their own ids, those of others in our engagements. A page
 * that Microsoft no longer takes starts the pass again.
 */
export const changes = async (deps: CoSellDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const from = cursorSchema.parse(cursor);
  const fresh = begin(from, deps.clock.now());
  let at =
    from.query === null
      ? { query: fresh.query, fullSince: fresh.fullSince }
      : { query: from.query, fullSince: from.fullSince };
  let listed: Result<Listed> = await listReferrals(deps, at.query);
  if (!listed.ok && from.query !== null && ["rejected", "missing", "drift"].includes(listed.fault.kind)) {
    at = fresh;
    listed = await listReferrals(deps, at.query);
  }
  if (!listed.ok) return listed;
  const { rows, next } = listed.value;
  const seen = rows.reduce<string | null>((latest, row) => later(latest, row.updatedDateTime ?? null), from.seen);
  // A page that leads to itself would never end.
  const more = next !== null && next !== at.query;
  const fullAt = at.fullSince ?? from.fullAt;
  return ok({
    items: rows.map((row) => hintOf(deps, row)),
    cursor: more
      ? { ...from, seen, query: next, fullSince: at.fullSince }
      : { after: later(from.after, seen), seen: null, query: null, fullAt, fullSince: null },
    more,
  });
};

/** Only our own referral carries our key as ours: Microsoft's repeats it. */
const hintOf = (deps: CoSellDeps, row: WireReferral): Hint => ({
  kind: "opportunity",
  id: row.id,
  at: row.updatedDateTime ?? null,
  key: row.organizationId === deps.target.settings.organizationId ? row.externalReferenceId || null : null,
  madeAt: row.createdDateTime ?? null,
});

/** One cheap read: does the consent work, may it list. */
export const check = async (deps: CoSellDeps): Promise<Result<JsonObject>> => {
  const listed = await listReferrals(deps, "?$top=1");
  if (!listed.ok) return listed;
  const { organizationId, tenantId } = deps.target.settings;
  const own = listed.value.rows.find((row) => !isMicrosofts(row) && row.organizationId);
  if (own !== undefined && own.organizationId !== organizationId && own.direction === "Outgoing")
    return failed({
      kind: "denied",
      message: `the consent belongs to another organization: its referrals state organizationId ${own.organizationId?.slice(0, 80)}, the connection ${organizationId}. Correct settings.organizationId and the account`,
    });
  return ok({ account: organizationId, tenant: tenantId });
};
