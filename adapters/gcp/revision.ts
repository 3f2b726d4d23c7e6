/**
 * Our edits merged into Google's record: an update names exactly the members that change. Google has no version to guard an
 * update with, so the window in which two may write the same member is the moment between our read and our write. Pure.
 *
 * A draft takes every edit; a submitted deal takes none until Google has decided; a declined one takes every edit and goes to
 * review again with it; an accepted one takes some, and its stage, but never to CLOSED.
 * https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities/patch
 */
import type { JsonObject } from "../../src/domain/deal.ts";
import type { Revision, RevisionInput } from "../contract.ts";
import { nest, parseBody } from "../nested.ts";
import { isObject } from "../text.ts";
import { type Document, markOf, merge, ourFields, type Path, read, remember, remembered } from "./document.ts";
import { documentOf, idOf } from "./map.ts";
import { updateGaps } from "./rules.ts";
import type { Target } from "./settings.ts";
import { patchBody } from "./submission.ts";
import { opportunitySchema, type WireOpportunity } from "./wire.ts";
import { closedStage, isClosing, isState } from "./words.ts";

/** What may be edited now. */
interface Gate {
  readonly allows: (path: Path) => boolean;
  readonly never: (path: Path) => string | null;
  /** Why the rest waits; null: nothing waits. */
  readonly waits: string | null;
  /** An edit sends the deal to review again. */
  readonly resubmits: boolean;
  /** Whether the stage is compared at all: before review it is Google's. */
  readonly hasStage: boolean;
}

const open: Gate = { allows: () => true, never: () => null, waits: null, resubmits: false, hasStage: false };
const shut = (waits: string): Gate => ({
  allows: () => false,
  never: () => null,
  waits,
  resubmits: false,
  hasStage: true,
});

const closing = "Google alone closes a deal; tell Google's seller, or close it in Partner Network Hub";
const acceptedGate = (target: Target, ours: Document): Gate => {
  const takes = (path: Path): boolean =>
    target.settings.acceptedFields.some((open_) => path === open_ || path.startsWith(`${open_}.`));
  return {
    allows: takes,
    never: (path) =>
      path === "stage" && ours.stage === closedStage
        ? closing
        : takes(path)
          ? null
          : "Google takes only some fields once it has accepted a deal, and this is none of them",
    waits: null,
    resubmits: false,
    hasStage: true,
  };
};

const gateOf = (opportunity: WireOpportunity, at: { readonly target: Target; readonly ours: Document }): Gate => {
  const { state, stage } = opportunity;
  if (stage && isClosing(stage)) return shut("Google has closed the deal");
  if (!isState(state)) return shut("Google's state of the deal is a word this version does not know");
  switch (state) {
    case "DRAFT":
      return open;
    case "REJECTED":
    case "NOT_ACCEPTED":
      return { ...open, resubmits: true };
    case "SUBMITTED":
      return shut("Google is reviewing the deal and takes no changes until it has decided");
    case "ACCEPTED":
      return acceptedGate(at.target, at.ours);
  }
};

interface Theirs {
  readonly raw: JsonObject;
  readonly opportunity: WireOpportunity;
  readonly document: Document;
}
/** Google's record as read: raw, by its schema, as the editable document. */
export const theirRecord = (body: string): Theirs => {
  const raw = parseBody(body);
  return { raw, opportunity: opportunitySchema.parse(raw), document: read(raw) };
};

/** What is remembered once a submission is done: their document as they hold it. */
export const baseOf = (body: string): JsonObject => remember(theirRecord(body).document);

const names = (list: readonly Path[]): readonly string[] => [...new Set(list.map((path) => ourFields[path]))];

/** Members in `sent`, as the update carries them: what is cleared is named in the mask and left out of the body. */
const partOf = (document: Document, sent: readonly Path[]): JsonObject =>
  nest(Object.fromEntries(sent.map((path) => [path, document[path] ?? null])));

/** What to do with our edits; see the head of this file. */
export const revise = (input: RevisionInput, target: Target): Revision => {
  const { opportunity, document: theirDocument } = theirRecord(input.observation.body);
  const all = documentOf(input.draft, target);
  const gate = gateOf(opportunity, { target, ours: all });
  const { stage: _, ...stageless } = all;
  const ours: Document = gate.hasStage ? all : stageless;
  const base = isObject(input.base) ? input.base : null;
  const merged = merge(ours, base, { document: theirDocument, gate });
  if (merged.sent.length === 0) {
    if (merged.waiting.length > 0)
      return {
        kind: "locked",
        reason: `${gate.waits ?? "Google takes no changes now"}.`,
        fields: names(merged.waiting),
      };
    return { kind: "nothing", base: merged.base, ...(merged.dropped.length > 0 ? { dropped: merged.dropped } : {}) };
  }
  const gaps = updateGaps(input.draft, target, gate.resubmits ? "all" : new Set(merged.sent));
  if (gaps.length > 0) return { kind: "gaps", gaps };
  const patch = partOf(merged.document, merged.sent);
  const { updateTime } = opportunity;
  return {
    kind: "write",
    write: {
      operation: "opportunities.patch",
      key: `update:${updateTime}`,
      body: patchBody(target, {
        id: idOf(opportunity.name),
        replaces: updateTime,
        paths: gate.resubmits ? [...merged.sent, "state"] : merged.sent,
        opportunity: gate.resubmits ? { ...patch, state: "SUBMITTED" } : patch,
      }),
      token: "we-read",
    },
    base: merged.base,
    fields: names(merged.sent),
    dropped: merged.dropped,
    overwrote: names(merged.overwrote),
  };
};

/** Whether their record says what a patch of ours was to make it say. */
export const holds = (patch: JsonObject, sent: readonly Path[], record: JsonObject): boolean => {
  const [ours, theirs] = [read(patch), read(record)];
  return sent.every((path) => markOf(path, ours[path]) === markOf(path, theirs[path]));
};
export { remembered };
