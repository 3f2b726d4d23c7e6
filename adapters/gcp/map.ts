/**
 * Pure translation both ways: a draft into Google's editable document, Google's answer into an Observation. What nobody said
 * is never asserted.
 */
import { registrableDomain } from "../../src/domain/account.ts";
import type { Json, JsonObject, Observation, ShareDraft } from "../../src/domain/deal.ts";
import { at } from "../nested.ts";
import { isObject, scrub, textOf, textsOf } from "../text.ts";
import type { Document, Path } from "./document.ts";
import { amountOf, dateOf, dayOf, isUnspecified } from "./quantities.ts";
import { type Target, withDefaults } from "./settings.ts";
import type { WireOpportunity, WireRow } from "./wire.ts";
import { closedStage, eventOf, openStages, seen, wordOf } from "./words.ts";

/**
 * What a record's name ends with, so that we find it again: the deal's key. Whether a partner may set referenceOpportunityId is
 * not documented, and Google may write its own there.
 */
const markOf = (key: string): string => ` [${key}]`;
export const markedTitle = (title: string, key: string): string => `${title.trim()}${markOf(key)}`;
/** The title without our mark. */
export const plainTitle = (name: string, key: string): string =>
  name.endsWith(markOf(key)) ? name.slice(0, -markOf(key).length) : name;
/** Our key of the deal that a record carries: in its name, else as its reference; null: none. */
export const keyOf = (record: WireRow): string | null =>
  / \[([^[\]]{1,64})\]$/.exec(record.opportunityInfo?.displayName ?? "")?.[1] ??
  (record.referenceOpportunityId || null);
/** Whether a record carries this key, wherever. A key may hold any sign, also brackets. */
export const carries = (record: WireRow, key: string): boolean =>
  record.referenceOpportunityId === key || (record.opportunityInfo?.displayName ?? "").endsWith(markOf(key));

/** A word of one of Google's enums. */
const wordAt = (value: Json | undefined): string | null | undefined => {
  const text = textOf(value);
  return typeof text === "string" ? wordOf(text) : text;
};
const wordsAt = (value: Json | undefined): readonly string[] | null | undefined =>
  textsOf(value)?.map(wordOf) ?? (value === null ? null : undefined);
/** Yes or no, in a person's spelling too. What is neither is passed on for the rules to tell. */
const flagAt = (value: Json | undefined): Json | undefined => {
  if (typeof value === "boolean" || value === null) return value;
  const text = textOf(value)?.toLowerCase();
  if (text === undefined || text === null) return undefined;
  return ["true", "yes"].includes(text) ? true : ["false", "no"].includes(text) ? false : text;
};
const wholeAt = (value: Json | undefined): Json | undefined => {
  const text = textOf(value);
  return typeof text === "string" && /^\d{1,9}$/.test(text) ? Number(text) : text;
};

/** Google's word for the account's industry: stated, mapped, or the same word; undefined: we know none. */
const industryOf = (draft: ShareDraft, fields: JsonObject, target: Target): string | null | undefined => {
  const stated = wordAt(fields.industry);
  if (stated !== undefined) return stated;
  const own = draft.account.industry?.trim();
  if (!own) return undefined;
  return target.industries.get(own.toLowerCase()) ?? seen.industry.find((word) => word === wordOf(own));
};

const contactOf = (draft: ShareDraft): JsonObject | undefined => {
  const person = draft.contacts.find(({ role }) => role === "customer");
  if (person === undefined) return undefined;
  const phone = person.phone?.replaceAll(/[\s().-]/g, "");
  return {
    email: person.email,
    ...(person.firstName ? { givenName: person.firstName } : {}),
    ...(person.lastName ? { familyName: person.lastName } : {}),
    ...(phone && /^\+\d{6,15}$/.test(phone) ? { phone: { e164Number: phone } } : {}),
  };
};

const customerPart = (draft: ShareDraft, fields: JsonObject, target: Target): DocumentDraft => {
  const { account } = draft;
  const country = account.country ?? undefined;
  const details = "customerInfo.customerDetails";
  return {
    [`${details}.organizationName`]: account.name,
    [`${details}.domain`]: registrableDomain(account.website) ?? undefined,
    [`${details}.address.regionCode`]: country,
    [`${details}.address.administrativeArea`]: account.state ?? undefined,
    [`${details}.address.locality`]: account.city ?? undefined,
    [`${details}.address.postalCode`]: account.postalCode ?? undefined,
    [`${details}.address.addressLines`]: account.street ? [account.street] : undefined,
    [`${details}.industry`]: industryOf(draft, fields, target),
    [`${details}.employeeCount`]: wholeAt(fields.employeeCount),
    "customerInfo.contact": contactOf(draft),
    "customerInfo.region": wordAt(fields.region) ?? (country === undefined ? undefined : target.regions.get(country)),
  };
};

const qualificationPart = (draft: ShareDraft, fields: JsonObject): DocumentDraft => {
  const { opportunity } = draft;
  const type = opportunity.type === "new" ? "NEW" : undefined;
  return {
    "qualificationInfo.operationType": wordAt(fields.operationType) ?? type,
    "qualificationInfo.contractLengthMonths": opportunity.termMonths ?? undefined,
    "qualificationInfo.dealSize": sizeOf(draft, fields) ?? undefined,
    "qualificationInfo.estimatedCloseDate": (opportunity.closeDate ? dateOf(opportunity.closeDate) : null) ?? undefined,
    "qualificationInfo.publicSector": flagAt(fields.publicSector),
    "qualificationInfo.budget": wordAt(fields.budget),
    "qualificationInfo.authority": wordAt(fields.authority),
    "qualificationInfo.need": wordAt(fields.need),
    "qualificationInfo.timeline": wordAt(fields.timeline),
    "qualificationInfo.decisionPhase": wordAt(fields.decisionPhase),
    "qualificationInfo.campaignCode": textOf(fields.campaignCode),
    "qualificationInfo.msspDeal": flagAt(fields.msspDeal),
    "qualificationInfo.legalLanguageAccepted": flagAt(fields.legalLanguageAccepted),
  };
};

/** The contract's total value: stated for the programme, else the deal's amount. Null: none that can be kept exactly. */
export const sizeOf = (draft: ShareDraft, fields: JsonObject): JsonObject | null => {
  const stated = fields.dealSize;
  if (isObject(stated)) {
    const [amount, currency] = [textOf(stated.amount), textOf(stated.currency)];
    return typeof amount === "string" ? amountOf({ amount, currency: currency ?? "" }) : null;
  }
  return draft.opportunity.amount ? amountOf(draft.opportunity.amount) : null;
};

const solutionPart = (draft: ShareDraft, fields: JsonObject): DocumentDraft => ({
  "isvSolutionConnectInfo.isvSolutionConnectDeal": flagAt(fields.isvSolutionConnectDeal),
  "isvSolutionConnectInfo.customerContactRequested": flagAt(fields.customerContactRequested),
  "isvSolutionConnectInfo.supportLevel": wordAt(fields.supportLevel),
  "isvSolutionConnectInfo.contractVehicle": wordAt(fields.contractVehicle),
  "isvSolutionConnectInfo.deliveryModel": wordAt(fields.deliveryModel),
  "isvSolutionConnectInfo.notes": textOf(fields.notes),
  "isvSolutionConnectInfo.nextStep": textOf(draft.opportunity.nextSteps ?? undefined),
});

/** Our stage in Google's words. Our last two stand as CLOSED, which is never sent: Google alone closes. */
const stageOf = (draft: ShareDraft, target: Target): string => {
  const open = openStages.find((stage) => stage === draft.opportunity.stage);
  return open === undefined ? closedStage : target.stages[open];
};

type DocumentDraft = { readonly [P in keyof Document]?: Json | undefined };

/** Our side of the document. An empty field of the CRM says nothing (theirs is kept); a programme field set to null clears. */
export const documentOf = (draft: ShareDraft, target: Target): Document => {
  const fields = withDefaults(target, draft.fields);
  const { opportunity } = draft;
  const entries: DocumentDraft = {
    stage: stageOf(draft, target),
    submitterEmail: draft.contacts.find(({ role }) => role === "owner")?.email,
    "opportunityInfo.displayName": markedTitle(opportunity.title, opportunity.key),
    "opportunityInfo.description": textOf(opportunity.problem ?? undefined),
    "opportunityInfo.productFamily": wordsAt(fields.productFamily),
    "opportunityInfo.productCategory": wordsAt(fields.productCategory),
    "opportunityInfo.confidential": flagAt(fields.confidential),
    ...qualificationPart(draft, fields),
    ...customerPart(draft, fields, target),
    ...solutionPart(draft, fields),
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
};

/** Their word, or null where they say nothing. */
export const spoken = (value: string | null | undefined): string | null =>
  value && !isUnspecified(value) ? scrub(value) : null;

export const idOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

const factsOf = (opportunity: WireOpportunity, raw: JsonObject): JsonObject => ({
  reviewStatus: opportunity.state ?? null,
  reviewComments: spoken(opportunity.stateDescription),
  partnerStage: spoken(opportunity.stage),
  dealNumber: opportunity.qualificationInfo?.dealNumber ?? null,
  source: spoken(opportunity.source),
  opportunityType: spoken(opportunity.opportunityType),
  partnerNextSteps: spoken(opportunity.isvSolutionConnectInfo?.nextStep),
  estimatedCloseDate: dayOf(at(raw, "qualificationInfo.estimatedCloseDate")),
  closedAt: dayOf(at(raw, "salesCycle.closeDate")),
  acceptedAt: opportunity.partnerInfo?.approveTime ?? null,
  wonReason: spoken(opportunity.winLossInfo?.wonReason ?? opportunity.winLossInfo?.winMainReason),
  lostReason: spoken(opportunity.winLossInfo?.lostReason ?? opportunity.winLossInfo?.lostMainReason),
  sellers: peopleOf(opportunity).length,
});

/** The owner (Google's field sales representative) first, then the team; each address once. */
const peopleOf = ({ owner, ownerEmail, opportunityTeamMembers }: WireOpportunity): Observation["people"] => {
  const lead = owner || ownerEmail ? [{ name: owner || null, email: ownerEmail || null, title: "Google seller" }] : [];
  const team = (opportunityTeamMembers ?? []).map(({ name, email }) => ({
    name: name || null,
    email: email || null,
    title: null,
  }));
  const known = new Set<string>();
  return [...lead, ...team].filter(({ name, email }) => {
    const mark = (email ?? name ?? "").toLowerCase();
    if (mark === "" || known.has(mark)) return false;
    known.add(mark);
    return true;
  });
};

export interface Seen {
  readonly opportunity: WireOpportunity;
  /** The answer as received. */
  readonly text: string;
  readonly raw: JsonObject;
  readonly seenAt: Date;
}
/** Google's answer as an Observation, or the word of theirs that we do not know. */
export const observationOf = (seenNow: Seen): Observation | { readonly unknownWord: string } => {
  const { opportunity, text, raw, seenAt } = seenNow;
  const event = eventOf(opportunity);
  if (event !== null && typeof event === "object") return event;
  return {
    ref: { id: idOf(opportunity.name) },
    version: opportunity.updateTime,
    event,
    facts: factsOf(opportunity, raw),
    people: peopleOf(opportunity),
    body: text,
    seenAt,
  };
};
export type { Path };
