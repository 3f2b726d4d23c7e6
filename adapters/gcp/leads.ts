/**
 * Co-sell over the older Cloud CRM Partners API: a lead is sent once and cannot be changed; Google approves it, and it becomes an
 * opportunity. Nothing lists either of them: what we do not remember the name of cannot be found again.
 */
import type { JsonObject, Observation, RemoteRef, ShareDraft } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Next, Outcome, Revision, RevisionInput, Write } from "../contract.ts";
import { digest } from "../merge.ts";
import { parseBody } from "../nested.ts";
import { isObject, objectOf } from "../text.ts";
import {
  isLeadPath,
  type LeadPath,
  leadFields,
  leadMeaning,
  leadMerger,
  leadOf,
  leadValuesOf,
  readLead,
} from "./lead-document.ts";
import { idOf, spoken } from "./map.ts";
import { isUnspecified } from "./quantities.ts";
import { type CoSellDeps, parsedAs, readOf, textIn } from "./reading.ts";
import { updateGaps } from "./rules.ts";
import type { Target } from "./settings.ts";
import { leadOpportunitySchema, leadSchema, type WireLead, type WireLeadOpportunity } from "./wire.ts";
import { approvals, isApproval, isClosing } from "./words.ts";

export const nextLeadStep = (draft: ShareDraft, done: readonly Outcome[], target: Target): Next =>
  done.some(({ key }) => key === "create")
    ? { kind: "done" }
    : {
        kind: "write",
        write: {
          operation: "partners.leads.create",
          key: "create",
          body: { partner: `partners/${target.partnerId}`, lead: leadOf(draft, target) },
          token: "untraceable",
        },
      };

const guard = (write: Write, target: Target): void => {
  if (write.body.partner !== `partners/${target.partnerId}`)
    throw new Error(
      `${write.operation} names ${JSON.stringify(write.body.partner)}, but the connection writes for partners/${target.partnerId} only`,
    );
};

export const runLead = async ({ wire, target }: CoSellDeps, write: Write): Promise<Result<Outcome>> => {
  guard(write, target);
  const parent = `/v1/partners/${encodeURIComponent(target.partnerId)}`;
  if (write.operation === "partners.leads.create") {
    const sent = await wire.send({
      operation: "partners.leads.create",
      path: `${parent}/leads`,
      body: objectOf(write.body.lead),
    });
    if (!sent.ok) return failed(sent.fault);
    const made = parsedAs(leadSchema, sent.value, "partners.leads.create");
    return made.ok ? ok({ key: write.key, ref: { id: idOf(made.value.name) }, version: null, task: null }) : made;
  }
  if (write.operation !== "partners.opportunities.patch")
    throw new Error(`Google's leads have no write ${write.operation}`);
  const id = textIn(write.body, "id");
  const sent = await wire.send({
    operation: "partners.opportunities.patch",
    path: `${parent}/opportunities/${encodeURIComponent(id)}`,
    query: { updateMask: textIn(write.body, "updateMask") },
    body: objectOf(write.body.opportunity),
  });
  return sent.ok ? ok({ key: write.key, ref: { id }, version: null, task: null }) : failed(sent.fault);
};

/** Nothing lists leads: of a lost create there is nothing to be found. An update is there to be read. */
export const locateLead = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  guard(write, deps.target);
  if (write.operation === "partners.leads.create") return ok(null);
  const id = textIn(write.body, "id");
  const seen = await getOpportunity(deps, id);
  if (!seen.ok) return seen;
  const [ours, theirs] = [readLead(objectOf(write.body.opportunity)), readLead(parseBody(seen.value.text))];
  const happened = textIn(write.body, "updateMask")
    .split(",")
    .filter(isLeadPath)
    .every((path) => leadMeaning(path, ours[path]) === leadMeaning(path, theirs[path]));
  return ok(happened ? { key: write.key, ref: { id }, version: null, task: null } : null);
};

const getOpportunity = (deps: CoSellDeps, id: string) =>
  readOf(deps, leadOpportunitySchema, {
    operation: "partners.opportunities.get",
    path: `/v1/partners/${encodeURIComponent(deps.target.partnerId)}/opportunities/${encodeURIComponent(id)}`,
  });
const getLead = (deps: CoSellDeps, id: string) =>
  readOf(deps, leadSchema, {
    operation: "partners.leads.get",
    path: `/v1/partners/${encodeURIComponent(deps.target.partnerId)}/leads/${encodeURIComponent(id)}`,
  });

type Event = Observation["event"];
const eventOf = (lead: WireLead, opportunity: WireLeadOpportunity | null): Event | { readonly unknownWord: string } => {
  const approval = lead.leadApprovalStatus;
  if (!approval || isUnspecified(approval)) return "partner_stored";
  if (!isApproval(approval)) return { unknownWord: `leadApprovalStatus ${JSON.stringify(approval.slice(0, 80))}` };
  const stage = opportunity?.salesStage ?? "";
  if (stage === "CLOSED_WON") return "launched";
  if (stage === "CLOSED_LOST") return "lost";
  if (isClosing(stage)) return { unknownWord: `salesStage ${JSON.stringify(stage.slice(0, 80))}` };
  return approvals[approval];
};

const factsOf = (lead: WireLead, opportunity: WireLeadOpportunity | null): JsonObject => ({
  reviewStatus: lead.leadApprovalStatus ?? null,
  reviewComments: spoken(lead.rejectionComments) ?? spoken(lead.rejectionReason),
  leadStatus: spoken(lead.leadStatus),
  partnerStage: spoken(opportunity?.salesStage),
  qualificationState: spoken(opportunity?.qualificationState),
  winProbability: opportunity?.winProbability ?? null,
  partnerNextSteps: spoken(opportunity?.nextSteps),
  submittedAt: lead.submittedTime ?? null,
  isOpportunityKnown: opportunity !== null,
  sellers: opportunity?.owner ? 1 : 0,
});

/**
 * The lead and, once it is approved, the opportunity that came of it. Where that is, nothing documents: it is looked for under the
 * lead's own id, and taken only if it names the lead.
 */
export const lookAtLead = async (deps: CoSellDeps, ref: RemoteRef): Promise<Result<Observation>> => {
  const seenAt = deps.clock.now();
  const lead = await getLead(deps, ref.id);
  if (!lead.ok) return lead;
  const isApproved = lead.value.value.leadApprovalStatus === "APPROVED";
  const found = isApproved ? await getOpportunity(deps, ref.id) : null;
  if (found !== null && !found.ok && found.fault.kind !== "missing") return found;
  const own = found?.ok && found.value.value.lead === lead.value.value.name ? found.value : null;
  const event = eventOf(lead.value.value, own?.value ?? null);
  const body = `{"lead":${lead.value.text},"opportunity":${own?.text ?? "null"}}`;
  if (event !== null && typeof event === "object")
    return failed({
      kind: "drift",
      message: `Google's lead ${ref.id}: ${event.unknownWord}. Look at it in Partner Network Hub`,
      body,
    });
  const owner = own?.value.owner;
  return ok({
    ref: { id: ref.id },
    // Neither has a version: what they say is one.
    version: digest(body),
    event,
    facts: factsOf(lead.value.value, own?.value ?? null),
    people: owner
      ? [
          {
            email: owner.email ?? null,
            name: [owner.givenName, owner.familyName].filter(Boolean).join(" ") || null,
            title: "Google seller",
          },
        ]
      : [],
    body,
    seenAt,
  });
};

export const leadBaseOf = (body: string): JsonObject => leadMerger.remember(readLead(parseBody(body).opportunity));

const names = (list: readonly LeadPath[]): readonly string[] => list.map((path) => leadFields[path] ?? path);

/** Our edits for the opportunity that came of a lead; before there is one, they wait. */
export const reviseLead = (input: RevisionInput, target: Target): Revision => {
  const record = parseBody(input.observation.body).opportunity;
  const stage = isObject(record) ? record.salesStage : undefined;
  const isClosed = typeof stage === "string" && isClosing(stage);
  const isOpen = isObject(record) && !isClosed;
  const base = isObject(input.base) ? input.base : null;
  const merged = leadMerger.merge(leadValuesOf(input.draft, target), base, {
    document: readLead(record),
    gate: { allows: () => isOpen, never: () => null },
  });
  if (merged.sent.length === 0 && merged.waiting.length > 0) {
    const reason = isClosed
      ? "Google has closed the deal."
      : "A lead cannot be changed: edits wait until Google has approved it and the opportunity is known.";
    return { kind: "locked", reason, fields: names(merged.waiting) };
  }
  if (merged.sent.length === 0) return { kind: "nothing", base: merged.base };
  const gaps = merged.sent.includes("dealSize")
    ? updateGaps(input.draft, target, new Set(["qualificationInfo.dealSize"]))
    : [];
  if (gaps.length > 0) return { kind: "gaps", gaps };
  const patch = Object.fromEntries(
    merged.sent.flatMap((path) => (merged.document[path] == null ? [] : [[path, merged.document[path]]])),
  );
  return {
    kind: "write",
    write: {
      operation: "partners.opportunities.patch",
      key: `update:${input.observation.version}`,
      body: {
        partner: `partners/${target.partnerId}`,
        id: input.observation.ref.id,
        updateMask: merged.sent.join(","),
        opportunity: patch as JsonObject,
      },
      token: "we-read",
    },
    base: merged.base,
    fields: names(merged.sent),
    dropped: merged.dropped,
    overwrote: names(merged.overwrote),
  };
};

/** One cheap read: a lead that does not exist. Being told so is a good answer. */
export const checkLeads = async (deps: CoSellDeps): Promise<Result<JsonObject>> => {
  const { partnerId, surface, endpoint } = deps.target;
  const seen = await getLead(deps, "none");
  return seen.ok || seen.fault.kind === "missing" ? ok({ partner: `partners/${partnerId}`, surface, endpoint }) : seen;
};
