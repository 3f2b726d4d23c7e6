/**
 * A submission as data: a draft, then its state set to SUBMITTED, which starts Google's review. Two writes, so that what is lost
 * between them is found again as a draft. Pure.
 */
import type { JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import type { Next, Outcome, Write } from "../contract.ts";
import { nest } from "../nested.ts";
import type { Path } from "./document.ts";
import { documentOf } from "./map.ts";
import type { Target } from "./settings.ts";
import { unsaid } from "./words.ts";

/** A change of some members of one record, and of nothing else. */
export interface Patch {
  readonly id: string;
  /** The version that was read; null: the write follows from our own one before it. */
  readonly replaces: string | null;
  readonly paths: readonly (Path | "state")[];
  readonly opportunity: JsonObject;
}
export const patchBody = (target: Target, { id, replaces, paths, opportunity }: Patch): JsonObject => ({
  partner: `partners/${target.partnerId}`,
  name: `opportunities/${id}`,
  replaces,
  updateMask: paths.join(","),
  opportunity,
});

const createWrite = (draft: ShareDraft, target: Target): Write => {
  // Stage 0 is Google's to begin with: it may be set only after they have accepted the deal.
  const { stage: _, ...document } = documentOf(draft, target);
  return {
    operation: "opportunities.create",
    key: "create",
    body: {
      partner: `partners/${target.partnerId}`,
      opportunity: {
        ...nest({ ...unsaid, ...document, "opportunityInfo.partnerEntity": `partners/${target.partnerId}` }),
        state: "DRAFT",
        referenceOpportunityId: draft.opportunity.key,
      },
    },
    token: "we-search",
  };
};

const submitWrite = (id: string, target: Target): Write => ({
  operation: "opportunities.patch",
  key: "submit",
  body: patchBody(target, { id, replaces: null, paths: ["state"], opportunity: { state: "SUBMITTED" } }),
  token: "we-read",
});

/** The next thing to do, given what is confirmed so far. A deal that Google declined is submitted again by its revision. */
export const nextStep = (draft: ShareDraft, done: readonly Outcome[], target: Target): Next => {
  const created = done.find(({ key }) => key === "create");
  if (created === undefined) return { kind: "write", write: createWrite(draft, target) };
  return done.some(({ key }) => key === "submit")
    ? { kind: "done" }
    : { kind: "write", write: submitWrite(created.ref.id, target) };
};
