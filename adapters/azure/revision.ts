/**
 * Our edits merged into our own referral and sent as JSON Patch: only what we changed, guarded by the version it was read at
 * (`adapters/merge.ts`). The end of the deal is an edit too: Won waits until deal registration lets it. Pure.
 */
import type { JsonObject } from "../../src/domain/deal.ts";
import type { DroppedEdit, Revision, RevisionInput, Write } from "../contract.ts";
import type { EditGate } from "../merge.ts";
import { isObject, scrub } from "../text.ts";
import { type Document, merge, ourFields, type Path, patchOf, read, remember } from "./document.ts";
import { dealTypeOf, documentOf, solutionEntry } from "./map.ts";
import { isInbound, microsoftsOf, sharedAs, unknownWords } from "./observation.ts";
import { type RecordRead, readRecord } from "./record.ts";
import { updateGaps } from "./rules.ts";
import { type Target, withDefaults } from "./settings.ts";
import { rankOf } from "./taxonomy.ts";

const hourMs = 3_600_000;

interface Theirs extends RecordRead {
  readonly document: Document;
  readonly gate: EditGate<Path> & {
    /** Why what is not allowed waits; null: nothing does. */
    readonly waits: string | null;
  };
}

/** When a referral may be closed as Won: https://learn.microsoft.com/en-us/partner-center/register-deals */
export const earliestWon = (record: RecordRead, target: Target): Date | null => {
  const { referral, related } = record;
  const holdHours = target.settings.wonHoldHours;
  // What is never registered need not wait, and what others brought is theirs to register.
  const isRegistered =
    sharedAs(referral, microsoftsOf(related)) !== "private" && !isInbound(referral, target.settings.organizationId);
  const createdAt = Date.parse(referral.createdDateTime ?? "");
  return holdHours === 0 || !isRegistered || Number.isNaN(createdAt) ? null : new Date(createdAt + holdHours * hourMs);
};

const closingPaths: ReadonlySet<Path> = new Set<Path>(["end", "salesStage", "reason"]);

const gateOf = (record: RecordRead, input: RevisionInput, target: Target): Theirs["gate"] => {
  const never = () => null;
  if (unknownWords(record.referral) !== null)
    return { allows: () => false, never, waits: "Microsoft's status is a word this version does not know" };
  if (record.referral.status === "Closed")
    return { allows: () => false, never, waits: "the referral is closed at Microsoft, which is final" };
  const wonAt = input.draft.opportunity.stage === "launched" ? earliestWon(record, target) : null;
  const isHeld = wonAt !== null && input.observation.seenAt < wonAt;
  if (!isHeld) return { allows: () => true, never, waits: null };
  const waits = `Microsoft registers a deal only where ${target.settings.wonHoldHours} hours lie between its creation and its Won: earliest Won at ${wonAt.toISOString()}`;
  return { allows: (path) => !closingPaths.has(path), never, waits };
};

const theirsOf = (input: RevisionInput, target: Target): Theirs => {
  const record = readRecord(input.observation.body);
  return { ...record, document: read(record.raw), gate: gateOf(record, input, target) };
};

/** What is remembered once a submission is done: their document as they hold it. */
export const baseOf = (body: string): JsonObject => remember(read(readRecord(body).raw));

const names = (list: readonly Path[]): readonly string[] => [...new Set(list.map((path) => ourFields[path]))];

const updateWrite = (
  theirs: Theirs,
  document: Document,
  changed: { paths: readonly Path[]; target: Target },
): Write => ({
  operation: "UpdateReferral",
  // The version that it replaces: another one is another intent.
  key: `update:${theirs.eTag ?? theirs.referral.updatedDateTime ?? ""}`,
  body: {
    id: theirs.referral.id,
    ifMatch: theirs.eTag,
    patch: patchOf(theirs.raw, {
      paths: changed.paths,
      document,
      solutionOf: (id) => solutionEntry(id, changed.target),
    }).map((operation): JsonObject => ({ ...operation })),
  },
  token: "we-read",
});

/** A deal type below what is shared already can never be had. Told once: the base remembers it. */
const takenBack = (theirs: Theirs, input: RevisionInput, target: Target) => {
  const wanted = dealTypeOf(withDefaults(target, input.draft.fields));
  const held = sharedAs(theirs.referral, microsoftsOf(theirs.related));
  const isInboundDeal = isInbound(theirs.referral, target.settings.organizationId);
  if (wanted === null || rankOf(wanted) >= rankOf(held) || isInboundDeal) return { dropped: [], base: {} };
  const isTold = isObject(input.base) && input.base[told] === wanted;
  const reason = `it is shared as ${held} already, and sharing with Microsoft cannot be undone`;
  const dropped: readonly DroppedEdit[] = isTold ? [] : [{ field: "azure.dealType", reason }];
  return { dropped, base: { [told]: wanted } };
};
const told = "dealType";

/** What to do with our edits; see the head of this file. */
export const revise = (input: RevisionInput, target: Target): Revision => {
  const theirs = theirsOf(input, target);
  const base = isObject(input.base) ? input.base : null;
  const ours = documentOf(input.draft, target);
  const merged = merge(ours, base, theirs);
  const back = takenBack(theirs, input, target);
  const dropped = [...merged.dropped, ...back.dropped];
  const nextBase = { ...merged.base, ...back.base };
  const waits = `${scrub(theirs.gate.waits ?? "Microsoft takes no changes now")}.`;
  if (merged.sent.length === 0) {
    if (merged.waiting.length > 0)
      return {
        kind: "locked",
        reason: waits,
        fields: names(merged.waiting),
        ...(unknownWords(theirs.referral) === null ? {} : { isDrift: true }),
      };
    return { kind: "nothing", base: nextBase, ...(dropped.length > 0 ? { dropped } : {}) };
  }
  const gaps = updateGaps(input.draft, target, new Set(merged.sent));
  if (gaps.length > 0) return { kind: "gaps", gaps };
  return {
    kind: "write",
    write: updateWrite(theirs, merged.document, { paths: merged.sent, target }),
    base: nextBase,
    fields: names(merged.sent),
    dropped,
    overwrote: names(merged.overwrote),
    ...(merged.waiting.length > 0 ? { isPartial: true } : {}),
  };
};

/**
 * The write that withdraws a share: our referral is closed as lost, with the reason. Microsoft has no other way, and what its
 * sellers have seen they have seen.
 */
export const withdraw = (input: RevisionInput & { readonly reason: string }, target: Target): Revision => {
  const theirs = theirsOf(input, target);
  if (theirs.referral.status === "Closed") return { kind: "nothing", base: remember(theirs.document) };
  if (unknownWords(theirs.referral) !== null)
    return { kind: "locked", reason: `${theirs.gate.waits}.`, fields: names(["end"]), isDrift: true };
  const document: Document = { ...theirs.document, end: "Lost", reason: input.reason || "Withdrawn by the partner" };
  return {
    kind: "write",
    write: updateWrite(theirs, document, { paths: ["end", "reason"], target }),
    base: remember(document),
    fields: names(["end", "reason"]),
    dropped: [],
    overwrote: [],
  };
};
