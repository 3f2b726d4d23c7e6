/**
 * Pure translation both ways: a draft into AWS's editable document, AWS's answers into an Observation.
 * Picklist words are matched without regard to case and spacing; nothing else of a value is altered.
 */
import type { DealStage, Json, JsonObject, Observation, ShareDraft } from "../../src/domain/deal.ts";
import type { ShareEvent } from "../../src/domain/machine.ts";
import { decimalToMicros } from "../../src/domain/money.ts";
import type { Involvement } from "../../src/domain/share-rule.ts";
import { listed, objectOf, pick, pickAll, scrub, textOf } from "../text.ts";
import { type Document, unknownMembers } from "./document.ts";
import {
  apnPrograms,
  channels,
  closedLostReasons,
  competitors,
  deliveryModels,
  industries,
  type involvementTypes,
  marketingSources,
  marketingUseCases,
  primaryNeeds,
  revenueModels,
  salesActivities,
  useCases,
  usStates,
} from "./picklists.generated.ts";
import { stateOfCode } from "./postal.ts";
import { type Target, withDefaults } from "./settings.ts";
import type { WireOpportunity, WireSummary } from "./wire.ts";

/** Our stages → AWS's. */
export const stageWords = {
  prospect: "Prospect",
  qualified: "Qualified",
  technical_validation: "Technical Validation",
  business_validation: "Business Validation",
  committed: "Committed",
  launched: "Launched",
  closed_lost: "Closed Lost",
} as const satisfies Record<DealStage, string>;

export const typeWords = { new: "Net New Business", expansion: "Expansion", renewal: "Flat Renewal" } as const;
/** AWS's words for the kind of a deal → ours. */
export const dealTypes: ReadonlyMap<string, keyof typeof typeWords> = new Map(
  (["new", "expansion", "renewal"] as const).map((type) => [typeWords[type], type]),
);

/** How AWS is asked to join → AWS's words. https://docs.aws.amazon.com/partner-central/latest/APIReference/API_AwsSubmission.html */
export const involvementWords = {
  co_sell: "Co-Sell",
  visibility: "For Visibility Only",
} as const satisfies Record<Involvement, (typeof involvementTypes)[number]>;

/**
 * AWS's review words → what they mean for the share; null is deliberately without meaning. Model literals, then the
 * spellings that AWS's prose uses: https://docs.aws.amazon.com/partner-central/latest/APIReference/API_LifeCycle.html
 */
export const reviewWords = {
  "Pending Submission": null,
  Submitted: "partner_stored",
  "In review": "review_started",
  "In Review": "review_started",
  "In-Review": "review_started",
  "In-review": "review_started",
  "Action Required": "partner_asked",
  Approved: "partner_accepted",
  Rejected: "partner_declined",
  Disqualified: "partner_declined",
} as const satisfies Record<string, ShareEvent | null>;
export type ReviewWord = keyof typeof reviewWords;
export const isReviewWord = (word: string): word is ReviewWord => Object.hasOwn(reviewWords, word);

/** What a review word and a stage mean together: a terminal stage wins. Undefined: a word we do not know. */
export const eventOf = (reviewStatus: string, stage: string | null): ShareEvent | null | undefined => {
  if (!isReviewWord(reviewStatus)) return undefined;
  if (stage === stageWords.closed_lost) return "lost";
  if (stage === stageWords.launched && reviewStatus === "Approved") return "launched";
  return reviewWords[reviewStatus];
};

/** Words salespeople write for a lost deal → AWS's reasons, first match wins. An AWS reason itself always matches. */
const lostWords: readonly (readonly [RegExp, (typeof closedLostReasons)[number]])[] = [
  [/google|gcp/i, "Lost to Competitor - Google"],
  [/microsoft|azure/i, "Lost to Competitor - Microsoft"],
  [/vmware/i, "Lost to Competitor - VMWare"],
  [/softlayer|ibm/i, "Lost to Competitor - SoftLayer"],
  [/competit/i, "Lost to Competitor - Other"],
  [/pric|too expensive|cost/i, "Price"],
  [/budget|financ|fund|commercial/i, "Financial/Commercial"],
  [/delay|postpon|cancel|on hold|timing/i, "Delay / Cancellation of Project"],
  [/legal|tax|regulat|complian.*law/i, "Legal / Tax / Regulatory"],
  [/secur|complian/i, "Security / Compliance"],
  [/on.?prem/i, "On Premises Deployment"],
  [/feature|product|technology/i, "Product/Technology"],
  [/technical/i, "Technical Limitations"],
  [/no (decision|opportunity|need|project)|not real|duplicate/i, "No Opportunity"],
  [/relationship|governance|champion|people/i, "People/Relationship/Governance"],
  [/experience/i, "Customer Experience"],
  [/no (response|resources)|unresponsive|went (dark|silent)/i, "Customer Deficiency"],
];
/** AWS's reason for a lost deal, or null when none of our words fits: then a person must choose. */
export const lostReasonOf = (words: string): string | null => {
  const exact = listed(words, closedLostReasons);
  if (closedLostReasons.some((reason) => reason === exact)) return exact;
  return lostWords.find(([pattern]) => pattern.test(words))?.[1] ?? null;
};

export type Spend =
  | { readonly kind: "entry"; readonly amount: string; readonly currency: string }
  | { readonly kind: "none"; readonly why: "no_amount" | "no_term" | "bad_amount" };
/**
 * The customer's expected monthly spend: stated, or the deal's amount over its term, rounded half up to a cent. AWS
 * takes a monthly number only: https://docs.aws.amazon.com/partner-central/latest/APIReference/API_ExpectedCustomerSpend.html
 */
export const spendOf = (draft: ShareDraft, fields: JsonObject): Spend => {
  const stated = objectOf(fields.expectedMonthlySpend);
  const monthly = textOf(stated.amount);
  const { amount, termMonths } = draft.opportunity;
  const source = monthly ?? amount?.amount;
  if (source === undefined || source === null)
    return {
      kind: "none",
      why:
        fields.expectedMonthlySpend === undefined || fields.expectedMonthlySpend === null ? "no_amount" : "bad_amount",
    };
  const micros = decimalToMicros(source);
  if (micros === null || micros < 0n) return { kind: "none", why: "bad_amount" };
  if (typeof monthly !== "string" && (termMonths === undefined || termMonths === null))
    return { kind: "none", why: "no_term" };
  const unit = 10_000n * (typeof monthly === "string" ? 1n : BigInt(termMonths ?? 1));
  const cents = (2n * micros + unit) / (2n * unit);
  const currency =
    typeof monthly === "string" ? (textOf(stated.currency) ?? amount?.currency ?? "") : (amount?.currency ?? "");
  return { kind: "entry", amount: `${cents / 100n}.${(cents % 100n).toString().padStart(2, "0")}`, currency };
};

const spendEntry = (draft: ShareDraft, fields: JsonObject): JsonObject | undefined => {
  const spend = spendOf(draft, fields);
  if (spend.kind === "none") return undefined;
  const url = textOf(fields.estimationUrl);
  return {
    Amount: spend.amount,
    CurrencyCode: spend.currency,
    Frequency: "Monthly",
    TargetCompany: "AWS",
    ...(typeof url === "string" ? { EstimationUrl: url } : {}),
  };
};

/** Our people in one role as AWS's contacts, or nothing when there are none. */
export const contactsOf = (draft: ShareDraft, role: "owner" | "customer"): readonly JsonObject[] | undefined => {
  const people = draft.contacts.filter((contact) => contact.role === role);
  if (people.length === 0) return undefined;
  return people.map((contact) => ({
    Email: contact.email,
    ...(contact.firstName ? { FirstName: contact.firstName } : {}),
    ...(contact.lastName ? { LastName: contact.lastName } : {}),
    ...(contact.title ? { BusinessTitle: contact.title } : {}),
    ...(contact.phone ? { Phone: contact.phone } : {}),
  }));
};

const yesNo = (value: Json | undefined): string | null | undefined =>
  typeof value === "boolean" ? (value ? "Yes" : "No") : pick(value, ["Yes", "No"]);

const customerPart = (draft: ShareDraft, fields: JsonObject, target: Target): DocumentDraft => {
  const { account } = draft;
  const map = target.settings.industryMap ?? {};
  const word = account.industry ?? undefined;
  const mapped =
    word === undefined ? undefined : (Object.entries(map).find(([from]) => listed(word, [from]) === from)?.[1] ?? word);
  const state = account.state ?? undefined;
  return {
    "Customer.Account.Industry": pick(fields.industry ?? mapped, industries),
    "Customer.Account.OtherIndustry": textOf(fields.otherIndustry),
    "Customer.Account.CompanyName": account.name,
    "Customer.Account.WebsiteUrl": account.website ?? undefined,
    "Customer.Account.AwsAccountId": textOf(fields.awsAccountId),
    "Customer.Account.Duns": account.duns ?? undefined,
    "Customer.Account.Address.City": account.city ?? undefined,
    "Customer.Account.Address.PostalCode": account.postalCode ?? undefined,
    "Customer.Account.Address.StateOrRegion":
      state !== undefined && account.country === "US" ? listed(stateOfCode(state) ?? state, usStates) : state,
    "Customer.Account.Address.CountryCode": account.country ?? undefined,
    "Customer.Account.Address.StreetAddress": account.street ?? undefined,
    "Customer.Contacts": contactsOf(draft, "customer"),
  };
};

const projectPart = (draft: ShareDraft, fields: JsonObject): DocumentDraft => {
  const spend = spendEntry(draft, fields);
  return {
    "Project.DeliveryModels": pickAll(fields.deliveryModels, deliveryModels),
    "Project.ExpectedCustomerSpend": spend === undefined ? undefined : [spend],
    "Project.Title": draft.opportunity.title,
    "Project.ApnPrograms": pickAll(fields.apnPrograms, apnPrograms),
    "Project.CustomerBusinessProblem": textOf(draft.opportunity.problem ?? undefined),
    "Project.CustomerUseCase": pick(fields.useCase, useCases),
    "Project.RelatedOpportunityIdentifier": textOf(fields.relatedOpportunity),
    "Project.SalesActivities": pickAll(fields.salesActivities, salesActivities),
    "Project.CompetitorName": pick(fields.competitor, competitors),
    "Project.OtherCompetitorNames": textOf(fields.otherCompetitor),
    "Project.OtherSolutionDescription": textOf(fields.otherSolutionDescription),
    "Project.AdditionalComments": textOf(fields.additionalComments),
  };
};

const programPart = (fields: JsonObject): DocumentDraft => {
  const marketing = typeof fields.marketing === "string" ? { source: fields.marketing } : objectOf(fields.marketing);
  const revenue = objectOf(fields.softwareRevenue);
  const amount = textOf(revenue.amount);
  return {
    "Marketing.Source": pick(marketing.source, marketingSources),
    "Marketing.CampaignName": textOf(marketing.campaignName),
    "Marketing.Channels": pickAll(marketing.channels, channels),
    "Marketing.UseCases": pickAll(marketing.useCases, marketingUseCases),
    "Marketing.AwsFundingUsed": yesNo(marketing.awsFundingUsed),
    "SoftwareRevenue.DeliveryModel": pick(revenue.deliveryModel, revenueModels),
    "SoftwareRevenue.Value":
      typeof amount === "string" ? { Amount: amount, CurrencyCode: textOf(revenue.currency) ?? "" } : undefined,
    "SoftwareRevenue.EffectiveDate": textOf(revenue.effectiveDate),
    "SoftwareRevenue.ExpirationDate": textOf(revenue.expirationDate),
  };
};

type DocumentDraft = { readonly [P in keyof Document]?: Json | undefined };

/** Our side of the document. An empty field of the CRM says nothing (theirs is kept); a programme field set to null clears. */
export const documentOf = (draft: ShareDraft, target: Target): Document => {
  const fields = withDefaults(target, draft.fields);
  const { opportunity } = draft;
  const lost = opportunity.stage === "closed_lost" ? (opportunity.lostReason ?? undefined) : undefined;
  const entries: DocumentDraft = {
    PrimaryNeedsFromAws: pickAll(fields.primaryNeeds, primaryNeeds),
    NationalSecurity: yesNo(fields.nationalSecurity),
    PartnerOpportunityIdentifier: opportunity.key,
    OpportunityType: typeWords[opportunity.type],
    ...customerPart(draft, fields, target),
    ...projectPart(draft, fields),
    ...programPart(fields),
    "LifeCycle.Stage": stageWords[opportunity.stage],
    "LifeCycle.ClosedLostReason": lost === undefined ? undefined : (lostReasonOf(lost) ?? lost),
    "LifeCycle.NextSteps": textOf(opportunity.nextSteps ?? undefined),
    "LifeCycle.TargetCloseDate": opportunity.closeDate ?? undefined,
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
};

const shown = (text: string | null | undefined): string | null => (text ? scrub(text) : null);

const factsOf = (opportunity: WireOpportunity, summary: WireSummary | null, raw: JsonObject): JsonObject => {
  const { LifeCycle: life } = opportunity;
  const insights = summary?.Insights;
  return {
    catalog: opportunity.Catalog,
    reviewStatus: life.ReviewStatus ?? null,
    reviewComments: shown(life.ReviewComments),
    reviewStatusReason: shown(life.ReviewStatusReason),
    stage: life.Stage ?? null,
    closedLostReason: life.ClosedLostReason ?? null,
    targetCloseDate: life.TargetCloseDate ?? null,
    partnerStage: summary?.LifeCycle?.Stage ?? null,
    awsClosedLostReason: summary?.LifeCycle?.ClosedLostReason ?? null,
    awsTargetCloseDate: summary?.LifeCycle?.TargetCloseDate ?? null,
    awsNextSteps: shown(summary?.LifeCycle?.NextSteps),
    origin: summary?.Origin ?? null,
    involvementType: summary?.InvolvementType ?? null,
    involvementTypeChangeReason: summary?.InvolvementTypeChangeReason ?? null,
    visibility: summary?.Visibility ?? null,
    cosellMotion: summary?.CosellMotion ?? null,
    nextBestActions: shown(insights?.NextBestActions),
    engagementScore: insights?.EngagementScore ?? null,
    opportunityQuality: insights?.OpportunityQuality
      ? { score: insights.OpportunityQuality.Score ?? null, trend: insights.OpportunityQuality.Trend ?? null }
      : null,
    recommendations: (insights?.Recommendations ?? [])
      .slice(0, 20)
      .map((item) => ({ type: item.Type ?? null, details: shown(item.Details) })),
    sellers: summary?.OpportunityTeam?.length ?? 0,
    unknownMembers: unknownMembers(raw),
  };
};

export interface Seen {
  readonly opportunity: WireOpportunity;
  readonly summary: WireSummary | null;
  /** The raw JSON texts, as received. */
  readonly texts: { readonly opportunity: string; readonly summary: string | null };
  readonly raw: JsonObject;
  readonly seenAt: Date;
}
/** AWS's two answers as one Observation, or the word of theirs that we do not know. */
export const observationOf = (seen: Seen): Observation | { readonly unknownWord: string } => {
  const { opportunity, summary, texts, raw, seenAt } = seen;
  const { ReviewStatus: status, Stage: stage } = opportunity.LifeCycle;
  if (!status) return { unknownWord: "LifeCycle.ReviewStatus is missing" };
  const event = eventOf(status, stage ?? null);
  if (event === undefined)
    return { unknownWord: `LifeCycle.ReviewStatus ${JSON.stringify(scrub(status).slice(0, 80))}` };
  return {
    ref: { id: opportunity.Id, ...(opportunity.Arn ? { arn: opportunity.Arn } : {}) },
    version: opportunity.LastModifiedDate,
    event,
    facts: factsOf(opportunity, summary, raw),
    people: (summary?.OpportunityTeam ?? []).map((person) => ({
      email: person.Email ?? null,
      name: [person.FirstName, person.LastName].filter((part) => part).join(" ") || null,
      title: person.BusinessTitle ?? null,
    })),
    body: `{"opportunity":${texts.opportunity},"summary":${texts.summary ?? "null"}}`,
    seenAt,
  };
};
