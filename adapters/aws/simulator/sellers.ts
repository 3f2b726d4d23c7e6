/** The words and the people of the AWS side. Names and addresses are invented. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { Dice } from "../../simulator/dice.ts";
import { objectAt, textAt } from "../../simulator/document.ts";
import { addDays } from "../../simulator/ground.ts";
import type { OpportunityRecord } from "./ledger.ts";

const firstNames = ["Amara", "Bruno", "Chiara", "Devi", "Emil", "Fatima", "Goran", "Hana", "Idris", "Joana"] as const;
const lastNames = [
  "Okafor",
  "Lind",
  "Moretti",
  "Rao",
  "Novak",
  "Haddad",
  "Petrov",
  "Sato",
  "Mensah",
  "Duarte",
] as const;

const person = (fate: string, dice: Dice, title: string): JsonObject => {
  const first = dice.pick(firstNames, fate, title, "first");
  const last = dice.pick(lastNames, fate, title, "last");
  const email = `${first}.${last}@aws.example`.toLowerCase();
  return { FirstName: first, LastName: last, Email: email, BusinessTitle: title };
};

const fieldTeam = ["AWSSalesRep", "AWSAccountOwner", "PDM"];
/** The sellers on a joint deal: they sign the invitation, and they are in the summary once it is accepted. */
export const sellersOf = (fate: string, dice: Dice): readonly JsonObject[] =>
  fieldTeam.map((title) => person(fate, dice, title));

/** What AWS knows of the deal when it takes it up: a seller for a joint deal, only a manager for one it merely watches. */
export const firstSummary = (row: OpportunityRecord, dice: Dice, now: Date): JsonObject => {
  const joint = row.involvement !== "For Visibility Only";
  const stage = joint ? "Engaged" : "Not Started";
  const close = textAt(row.document, "LifeCycle.TargetCloseDate") ?? addDays(now, 90).toISOString().slice(0, 10);
  return {
    LifeCycle: { Stage: stage, TargetCloseDate: close, NextSteps: actionsFor(stage) },
    OpportunityTeam: joint ? sellersOf(row.fate, dice) : [person(row.fate, dice, "PDM")],
    Insights: {
      NextBestActions: actionsFor(stage),
      EngagementScore: scoreFor(stage),
      OpportunityQuality: { Score: 40 + Math.floor(dice.draw(row.fate, "quality") * 60), Trend: "No Change" },
      Recommendations: [],
    },
    CosellMotion: joint ? "AWS Field-engaged" : "Partner-led",
  };
};

/** The stages AWS walks through after it has taken up a deal. */
export const nextStages = ["Qualified", "Technical Validation", "Business Validation", "Committed"] as const;

const actions: Readonly<Record<string, string>> = {
  Engaged: "Introduce the AWS account team to the customer's sponsor.",
  Qualified: "Agree a joint success plan with the customer.",
  "Technical Validation": "Book a solutions architect for the proof of concept.",
  "Business Validation": "Share the business case and the pricing estimate.",
  Committed: "Attach the private offer and prepare the launch.",
  Launched: "Look for expansion.",
};
export const actionsFor = (stage: string): string => actions[stage] ?? "No action needed.";
export const scoreFor = (stage: string): string =>
  ["Committed", "Business Validation", "Launched"].includes(stage) ? "High" : stage === "Engaged" ? "Low" : "Medium";

/** The AWS side once the deal has ended. */
export const closedSummary = (
  summary: JsonObject,
  stage: "Launched" | "Closed Lost",
  reason: string | null,
): JsonObject => ({
  ...summary,
  LifeCycle: {
    ...objectAt(summary, "LifeCycle"),
    Stage: stage,
    ...(stage === "Closed Lost" ? { ClosedLostReason: reason ?? "Other" } : {}),
  },
  Insights: { ...objectAt(summary, "Insights"), NextBestActions: actionsFor(stage) },
});

interface Said {
  readonly comments: string;
  readonly reason: string;
}
const questions: readonly [Said, ...Said[]] = [
  {
    comments: "Please describe the customer's problem and the AWS services involved in more detail.",
    reason: "Insufficient project details",
  },
  { comments: "The website does not belong to the customer. Please correct it.", reason: "Incorrect customer website" },
  {
    comments: "The address is incomplete. Please add city, state and postal code.",
    reason: "Incorrect customer address",
  },
  {
    comments: "The expected monthly spend does not fit the project. Please review it.",
    reason: "Expected spend unclear",
  },
];
const refusals: readonly [Said, ...Said[]] = [
  { comments: "AWS is already working on this deal with the customer directly.", reason: "Duplicate opportunity" },
  { comments: "The project does not run on AWS.", reason: "Not an AWS opportunity" },
];
export const asked = (dice: Dice, fate: string, round: number): Said => dice.pick(questions, fate, "question", round);
export const rejected = (dice: Dice, fate: string): Said => dice.pick(refusals, fate, "refusal");
