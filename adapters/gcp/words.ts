/**
 * Google's words: what its states and stages mean for a share, and the values of its enums as far as they are public. Most lists
 * are published only in part, so a word that looks like one of Google's is passed on: Google is the judge of it.
 */
import type { DealStage } from "../../src/domain/deal.ts";
import type { ShareEvent } from "../../src/domain/machine.ts";
import type { WireOpportunity } from "./wire.ts";

/**
 * States → what they mean for the share; null is deliberately without meaning. A declined deal stays open to every edit and
 * may be submitted again, so it asks for something: https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities/patch
 * calls it REJECTED, a deployed client's list NOT_ACCEPTED.
 */
export const states = {
  DRAFT: null,
  SUBMITTED: "partner_stored",
  ACCEPTED: "partner_accepted",
  REJECTED: "partner_asked",
  NOT_ACCEPTED: "partner_asked",
} as const satisfies Record<string, ShareEvent | null>;
export type State = keyof typeof states;
export const isState = (word: string | null | undefined): word is State =>
  typeof word === "string" && Object.hasOwn(states, word);

/** The only stages that are seen in public; Google's names of those between are not known here. */
export const stageDefaults = {
  prospect: "QUALIFY",
  qualified: "QUALIFY",
  technical_validation: "REFINE",
  business_validation: "REFINE",
  committed: "REFINE",
} as const satisfies Partial<Record<DealStage, string>>;
/** Stages of ours that a stage of Google's may stand for; the first that fits is taken. */
export const openStages = [
  "qualified",
  "technical_validation",
  "business_validation",
  "committed",
  "prospect",
] as const satisfies readonly DealStage[];
export type StageWords = Readonly<Record<(typeof openStages)[number], string>>;

/** Google alone closes a deal: a stage that begins so is never sent. */
export const isClosing = (stage: string): boolean => stage.startsWith("CLOSED");
/** What stands for our two last stages in the document: it is never sent. */
export const closedStage = "CLOSED";

/** What a state and a stage mean together, or the word that we do not understand. */
export const eventOf = (opportunity: WireOpportunity): ShareEvent | null | { readonly unknownWord: string } => {
  const { state, stage, winLossInfo } = opportunity;
  if (!isState(state)) return { unknownWord: state ? `state ${quoted(state)}` : "state is missing" };
  if (!stage || !isClosing(stage)) return states[state];
  const { wonReason, winMainReason, lostReason, lostMainReason, lostRejectedReasonDetails } = winLossInfo ?? {};
  const isWon = stage === "CLOSED_WON" || [wonReason, winMainReason].some(Boolean);
  const isLost = stage === "CLOSED_LOST" || [lostReason, lostMainReason, lostRejectedReasonDetails].some(Boolean);
  if (stage !== "CLOSED" && stage !== "CLOSED_WON" && stage !== "CLOSED_LOST")
    return { unknownWord: `stage ${quoted(stage)}` };
  if (isWon === isLost) return { unknownWord: "stage CLOSED, and winLossInfo does not tell won from lost" };
  return isWon ? "launched" : "lost";
};

const quoted = (word: string): string => JSON.stringify(word.slice(0, 80));

/** Approval of a lead. Only "unspecified" is documented; nothing of a declined lead can be edited, so it is over. */
export const approvals = {
  PENDING: "partner_stored",
  APPROVED: "partner_accepted",
  REJECTED: "partner_declined",
} as const satisfies Record<string, ShareEvent>;
export const isApproval = (word: string): word is keyof typeof approvals => Object.hasOwn(approvals, word);

/** Values that were seen in public, by enum. https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities */
export const seen = {
  productFamily: ["GOOGLE_CLOUD_PLATFORM"],
  operationType: ["NEW"],
  budget: ["EXACT_BUDGET_GIVEN"],
  authority: ["CLEARLY_IDENTIFIED_PROCESS"],
  need: ["COMPELLING_NEED"],
  timeline: ["SPECIFIC_DECISION_DATES_GIVEN"],
  supportLevel: ["ALIGN_SALES_ACCOUNT"],
  contractVehicle: ["UNKNOWN"],
  deliveryModel: ["SAAS_ON_GOOGLE_CLOUD"],
  region: ["NORTH_AMERICA"],
  industry: ["SOFTWARE"],
} as const;

/** How every word of Google's enums is written. */
export const wordPattern = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;
/** A person's spelling of one of Google's words: `Saas on Google Cloud` → `SAAS_ON_GOOGLE_CLOUD`; else as it came. */
export const wordOf = (text: string): string => {
  const spelt = text
    .trim()
    .toUpperCase()
    .replaceAll(/[\s_-]+/g, "_");
  return wordPattern.test(spelt) ? spelt : text.trim();
};

/** What is said of the customer's money, decider, need, dates and phase where nobody said anything: never more than that. */
export const unsaid = {
  "qualificationInfo.budget": "BUDGET_UNSPECIFIED",
  "qualificationInfo.authority": "AUTHORITY_UNSPECIFIED",
  "qualificationInfo.need": "NEED_UNSPECIFIED",
  "qualificationInfo.timeline": "TIMELINE_UNSPECIFIED",
  "qualificationInfo.decisionPhase": "DECISION_PHASE_UNSPECIFIED",
} as const;
