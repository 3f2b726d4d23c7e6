/**
 * Our edits merged into AWS's record. An update replaces the whole record, so every member is sent: ours where we
 * changed it and AWS lets us, theirs exactly as read everywhere else (`adapters/merge.ts`). Pure.
 */

import * as z from "zod";
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import type { Revision, RevisionInput } from "../contract.ts";
import type { EditGate, Merged } from "../merge.ts";
import { nest, parseBody } from "../nested.ts";
import { isObject } from "../text.ts";
import {
  carriedBack,
  type Document,
  markOf,
  merge as mergeMembers,
  ourFields,
  type Path,
  read,
  remember,
  remembered,
  unknownMembers,
} from "./document.ts";
import { documentOf, isReviewWord, lostReasonOf, type ReviewWord, stageWords } from "./map.ts";
import { updateGaps } from "./rules.ts";
import { type Target, withDefaults } from "./settings.ts";
import { opportunitySchema, type WireOpportunity } from "./wire.ts";

/** What may be edited in a review status. `later`: another status may come that lets more. */
interface Gate extends EditGate<Path> {
  /** Why the rest waits; null: nothing waits. */
  readonly waits: string | null;
  readonly over: boolean;
  /** Whether solutions and products may be associated. */
  readonly takesEntities: boolean;
}

const shortList: ReadonlySet<Path> = new Set<Path>([
  "Customer.Account.Address.City",
  "Customer.Account.Address.CountryCode",
  "Customer.Account.Address.PostalCode",
  "Customer.Account.Address.StateOrRegion",
  "Customer.Account.Address.StreetAddress",
  "Customer.Account.WebsiteUrl",
  "LifeCycle.TargetCloseDate",
  "Project.ExpectedCustomerSpend",
  "Project.CustomerBusinessProblem",
  "PartnerOpportunityIdentifier",
]);
const updatesDoc =
  "https://docs.aws.amazon.com/partner-central/latest/selling-api/working-with-opportunity-updates.html";
/** Locked for good by approval: AWS's update guide. */
const approvedLocks: readonly Path[] = [
  "Customer.Account.Address.CountryCode",
  "Customer.Account.Address.PostalCode",
  "Customer.Account.Industry",
  "Customer.Account.WebsiteUrl",
  "Project.CustomerBusinessProblem",
  "PartnerOpportunityIdentifier",
  "Project.Title",
];
/** Locked besides by the older field specification v14.3: one refused member refuses the whole update, so they count. */
const olderLocks: readonly Path[] = [
  "Customer.Account.CompanyName",
  "Customer.Account.Address.StateOrRegion",
  "Customer.Account.OtherIndustry",
  "NationalSecurity",
];
const approvedReasons: ReadonlyMap<Path, string> = new Map([
  ...approvedLocks.map((path) => [path, `AWS locks it once the deal is approved (${updatesDoc})`] as const),
  ...olderLocks.map((path) => [path, "AWS's field specification v14.3 locks it once the deal is submitted"] as const),
]);

const open: Gate = { allows: () => true, never: () => null, waits: null, over: false, takesEntities: true };
const closed = (why: string, over: boolean): Gate => ({
  allows: () => false,
  never: () => null,
  waits: why,
  over,
  takesEntities: false,
});
const beforeReview: Gate = closed("AWS is reviewing the deal and takes no changes until it has decided", false);
const actionRequired: Gate = {
  allows: (path) => shortList.has(path),
  never: () => null,
  waits: "while AWS waits for its questions to be answered it takes changes of a few fields only",
  over: false,
  takesEntities: false,
};
const approved: Gate = {
  allows: (path) => !approvedReasons.has(path),
  never: (path) => approvedReasons.get(path) ?? null,
  waits: null,
  over: false,
  takesEntities: true,
};
const declined: Gate = closed("AWS rejected the deal; its record can never be changed again", true);

/** Which fields AWS lets us edit, by its review word. */
export const gates: Readonly<Record<ReviewWord, Gate>> = {
  "Pending Submission": open,
  Submitted: beforeReview,
  "In review": beforeReview,
  "In Review": beforeReview,
  "In-Review": beforeReview,
  "In-review": beforeReview,
  "Action Required": actionRequired,
  Approved: approved,
  Rejected: declined,
  Disqualified: declined,
};

const gateOf = (opportunity: WireOpportunity): Gate => {
  const { ReviewStatus: status, Stage: stage } = opportunity.LifeCycle;
  if (stage === stageWords.closed_lost) return closed("the deal is closed at AWS as lost", true);
  if (stage === stageWords.launched && status === "Approved") return closed("the deal is launched at AWS", true);
  if (!status || !isReviewWord(status))
    return closed("AWS's review status is a word this version does not know", false);
  return gates[status];
};

const bodySchema = z.object({ opportunity: opportunitySchema });
interface Theirs {
  readonly raw: JsonObject;
  readonly opportunity: WireOpportunity;
  readonly document: Document;
  readonly gate: Gate;
}
/** AWS's record as read: raw, by its schema, as the editable document, with what may be changed now. */
export const theirsOf = (body: string): Theirs => {
  const parsed = parseBody(body);
  const { opportunity } = bodySchema.parse(parsed);
  const raw = isObject(parsed.opportunity) ? parsed.opportunity : {};
  return { raw, opportunity, document: read(raw), gate: gateOf(opportunity) };
};

/** What is remembered once a submission is done: their document as they hold it. */
export const baseOf = (body: string): JsonObject => remember(theirsOf(body).document);

/** Members that make sense only with a value of another: when we change that other, they are cleared with it. */
const followers: readonly (readonly [path: Path, leader: Path, fits: (value: Json | undefined) => boolean])[] = [
  ["Customer.Account.OtherIndustry", "Customer.Account.Industry", (value) => value === "Other"],
  ["Project.OtherCompetitorNames", "Project.CompetitorName", (value) => value === "*Other"],
  ["LifeCycle.ClosedLostReason", "LifeCycle.Stage", (value) => value === stageWords.closed_lost],
  ["Marketing.CampaignName", "Marketing.Source", (value) => value !== "None"],
  ["Marketing.Channels", "Marketing.Source", (value) => value !== "None"],
  ["Marketing.UseCases", "Marketing.Source", (value) => value !== "None"],
  ["Marketing.AwsFundingUsed", "Marketing.Source", (value) => value !== "None"],
];

/** The merge, with what depends on a member that we change. */
export const merge = (
  ours: Document,
  base: JsonObject | null,
  theirs: Pick<Theirs, "document" | "gate">,
): Merged<Path> => {
  const { gate } = theirs;
  const merged = mergeMembers(ours, base, theirs);
  const document: Partial<Record<Path, Json>> = { ...merged.document };
  const nextBase: Record<string, Json> = { ...merged.base };
  const [sent, overwrote] = [[...merged.sent], [...merged.overwrote]];
  for (const [path, leader, fits] of followers) {
    if (!sent.includes(leader) || fits(document[leader]) || document[path] === undefined || ours[path]) continue;
    if (!gate.allows(path)) continue;
    if (base !== null && markOf(path, theirs.document[path]) !== remembered(base, path)) overwrote.push(path);
    delete document[path];
    delete nextBase[path];
    sent.push(path);
  }
  return { ...merged, document, base: nextBase, sent, overwrote };
};

const updateWrite = (theirs: Theirs, document: Document, target: Target) => ({
  operation: "UpdateOpportunity",
  key: `update:${theirs.opportunity.LastModifiedDate}`,
  body: {
    Catalog: target.catalog,
    Identifier: theirs.opportunity.Id,
    // The raw string: AWS compares it, and a Date would lose its microseconds.
    LastModifiedDate: theirs.opportunity.LastModifiedDate,
    ...nest({ ...carriedBack(theirs.raw), ...document }),
  },
  token: "we-read" as const,
});

const names = (list: readonly Path[]): readonly string[] => list.map((path) => ourFields[path]);

const unsafe = (theirs: Theirs, changed: readonly Path[]): Revision | null => {
  const unknown = unknownMembers(theirs.raw);
  if (unknown.length === 0) return null;
  const reason = `drift: AWS's record carries members this version of cosell does not know (${unknown.slice(0, 5).join(", ")}); an update would erase them. Update cosell.`;
  return { kind: "locked", reason, fields: names(changed), isDrift: true };
};

const identifier: Path = "PartnerOpportunityIdentifier";
/**
 * AWS's own referral carries no identifier of ours. Whether an approved one still takes it is not documented, so it is offered
 * once and alone: refused together with other edits it would take them down with it.
 */
const offer = (theirs: Theirs, key: Json | undefined, base: JsonObject | null): Document | null =>
  theirs.gate === approved &&
  key !== undefined &&
  theirs.document[identifier] === undefined &&
  (base === null || remembered(base, identifier) !== markOf(identifier, key))
    ? { ...theirs.document, [identifier]: key }
    : null;

/** What to do with our edits; see the head of this file. */
export const revise = (input: RevisionInput, target: Target): Revision => {
  const theirs = theirsOf(input.observation.body);
  if (theirs.opportunity.Catalog !== target.catalog)
    return {
      kind: "locked",
      reason: `drift: the record is of catalog ${theirs.opportunity.Catalog}, the connection of ${target.catalog}`,
      fields: [],
      isDrift: true,
    };
  const ours = documentOf(input.draft, target);
  const base = isObject(input.base) ? input.base : null;
  const offered = offer(theirs, ours[identifier], base);
  if (offered !== null) {
    const kept = { ...(base ?? remember(theirs.document)), ...remember({ [identifier]: ours[identifier] ?? null }) };
    const write = updateWrite(theirs, offered, target);
    return (
      unsafe(theirs, [identifier]) ?? {
        kind: "write",
        write,
        base: kept,
        fields: names([identifier]),
        dropped: [],
        isOffer: true,
      }
    );
  }
  const merged = merge(ours, base, theirs);
  if (merged.sent.length === 0) {
    if (merged.waiting.length > 0)
      return {
        kind: "locked",
        reason: `${theirs.gate.waits ?? "AWS takes no changes now"}.`,
        fields: names(merged.waiting),
      };
    return merged.dropped.length > 0
      ? { kind: "nothing", base: merged.base, dropped: merged.dropped }
      : { kind: "nothing", base: merged.base };
  }
  const drift = unsafe(theirs, merged.sent);
  if (drift !== null) return drift;
  const fields = withDefaults(target, input.draft.fields);
  const gaps = updateGaps({ document: merged.document, draft: input.draft, fields }, new Set(merged.sent));
  if (gaps.length > 0) return { kind: "gaps", gaps };
  return {
    kind: "write",
    write: updateWrite(theirs, merged.document, target),
    base: merged.base,
    fields: names(merged.sent),
    dropped: merged.dropped,
    overwrote: names(merged.overwrote),
  };
};

const lostFields: readonly Path[] = ["LifeCycle.Stage", "LifeCycle.ClosedLostReason"];
/** The write that withdraws a share: Closed Lost with a reason, all else as AWS holds it. AWS has no other way. */
export const withdraw = (input: RevisionInput & { readonly reason: string }, target: Target): Revision => {
  const theirs = theirsOf(input.observation.body);
  const fields = names(lostFields);
  if (theirs.opportunity.LifeCycle.Stage === stageWords.closed_lost)
    return { kind: "nothing", base: remember(theirs.document) };
  if (!lostFields.every((path) => theirs.gate.allows(path)))
    return { kind: "locked", reason: `${theirs.gate.waits ?? "AWS takes no changes now"}.`, fields };
  const drift = unsafe(theirs, lostFields);
  if (drift !== null) return drift;
  const document: Document = {
    ...theirs.document,
    "LifeCycle.Stage": stageWords.closed_lost,
    "LifeCycle.ClosedLostReason": lostReasonOf(input.reason) ?? "Other",
  };
  return {
    kind: "write",
    write: updateWrite(theirs, document, target),
    base: remember(document),
    fields,
    dropped: [],
    overwrote: [],
  };
};
