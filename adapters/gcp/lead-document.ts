/**
 * The documents of the Cloud CRM Partners API: the lead that is sent once, and the members of the opportunity that comes of it.
 * Pure. https://developers.google.com/cloud-crm-partners/reference/rest/v1/partners.leads and .../partners.opportunities
 */
import canonicalize from "canonicalize";
import type { Json, JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import { createMerger, type MemberValues } from "../merge.ts";
import { nest } from "../nested.ts";
import { isObject, textOf } from "../text.ts";
import { type Document, unsaidIn } from "./document.ts";
import { documentOf } from "./map.ts";
import { dayOf, isUnspecified, microsOf } from "./quantities.ts";
import { type Target, withDefaults } from "./settings.ts";
import { wordOf } from "./words.ts";

/** Members of a lead or of its opportunity → our field, which gaps are told. */
export const leadFields: Readonly<Record<string, string>> = {
  engagementModel: "gcp.engagementModel",
  dealTransactionType: "gcp.dealTransactionType",
  customer: "account.name",
  partnerAnnualContractValue: "amount",
  leadCurrencyCode: "amount",
  estimatedCloseDate: "closeDate",
  closeDate: "closeDate",
  dealTerm: "termMonths",
  termMonths: "termMonths",
  dealSize: "amount",
  opportunitySummary: "problem",
  supportLevel: "gcp.supportLevel",
  productInterests: "gcp.productFamily",
  submitterEmail: "contacts",
  externalSystemId: "key",
  title: "title",
  customerContactRequested: "gcp.customerContactRequested",
  deliveryModel: "gcp.deliveryModel",
  contractVehicle: "gcp.contractVehicle",
  isvSolutionConnectDeal: "gcp.isvSolutionConnectDeal",
  leadSource: "gcp.leadSource",
  isConfidential: "gcp.confidential",
  budget: "gcp.budget",
  timeline: "gcp.timeline",
  authority: "gcp.authority",
  need: "gcp.need",
  decisionPhase: "gcp.decisionPhase",
  nextSteps: "nextSteps",
  notes: "gcp.notes",
};

const centMicros = 10_000n;
/** This API takes amounts as numbers: to the cent, and never one that a number cannot hold exactly. */
const numberOf = (micros: bigint): number | undefined => {
  const cents = (micros + centMicros / 2n) / centMicros;
  return cents <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(cents) / 100 : undefined;
};
/** What a year of the contract is worth, rounded half up to a cent. */
const annualOf = (draft: ShareDraft, document: Document): number | undefined => {
  const money = microsOf(document["qualificationInfo.dealSize"]);
  const months = BigInt(draft.opportunity.termMonths ?? 0);
  if (money === null || months <= 0n) return undefined;
  return numberOf((2n * money.micros * 12n + months) / (2n * months));
};

const wordIn = (value: Json | undefined): string | undefined => {
  const text = textOf(value);
  return typeof text === "string" ? wordOf(text) : undefined;
};
const defined = (members: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, value]])),
  );

/** The lead of a deal. What the page names `Customer` is sent with the members of the newer API: its own are not public. */
export const leadOf = (draft: ShareDraft, target: Target): JsonObject => {
  const document = documentOf(draft, target);
  const fields = withDefaults(target, draft.fields);
  const customer = nest(
    Object.fromEntries(
      Object.entries(document).flatMap(([path, value]) =>
        path.startsWith("customerInfo.customerDetails.")
          ? [[path.slice("customerInfo.customerDetails.".length), value]]
          : [],
      ),
    ),
  );
  const families = document["opportunityInfo.productFamily"];
  const { decisionPhase: _, ...unsaid } = unsaidIn(document);
  return defined({
    ...unsaid,
    engagementModel: wordIn(fields.engagementModel),
    dealTransactionType: wordIn(fields.dealTransactionType),
    customer,
    partnerAnnualContractValue: annualOf(draft, document),
    leadCurrencyCode: microsOf(document["qualificationInfo.dealSize"])?.currency,
    estimatedCloseDate: document["qualificationInfo.estimatedCloseDate"],
    dealTerm: draft.opportunity.termMonths ? `${draft.opportunity.termMonths} months` : undefined,
    opportunitySummary: document["opportunityInfo.description"],
    supportLevel: document["isvSolutionConnectInfo.supportLevel"],
    // Only one value is taken.
    productInterests: Array.isArray(families) ? families.slice(0, 1) : undefined,
    submitterEmail: document.submitterEmail,
    externalSystemId: draft.opportunity.key,
    title: draft.opportunity.title,
    customerContactRequested: document["isvSolutionConnectInfo.customerContactRequested"],
    deliveryModel: document["isvSolutionConnectInfo.deliveryModel"],
    contractVehicle: document["isvSolutionConnectInfo.contractVehicle"],
    isvSolutionConnectDeal: document["isvSolutionConnectInfo.isvSolutionConnectDeal"],
    leadSource: wordIn(fields.leadSource),
    isConfidential: document["opportunityInfo.confidential"],
  });
};

/** What of a lead's opportunity an update may change. */
export const leadPaths = ["nextSteps", "notes", "dealSize", "closeDate", "termMonths", "decisionPhase"] as const;
export type LeadPath = (typeof leadPaths)[number];
export const isLeadPath = (text: string): text is LeadPath => leadPaths.some((path) => path === text);
type LeadValues = MemberValues<LeadPath>;

export const leadMeaning = (path: string, value: Json | undefined): string => {
  if (value === undefined || value === null || value === "" || value === 0 || isUnspecified(value)) return "";
  if (path === "closeDate") return dayOf(value) ?? "";
  // An int64 comes as a text, and may come as a number.
  if (path === "termMonths") return String(value) === "0" ? "" : String(value);
  return canonicalize(value) ?? "";
};
export const leadMerger = createMerger<LeadPath>({
  paths: leadPaths,
  fieldOf: (path) => leadFields[path] ?? path,
  meaning: leadMeaning,
  isPersonal: () => false,
});

/** Our side of a lead's opportunity. */
export const leadValuesOf = (draft: ShareDraft, target: Target): LeadValues => {
  const document = documentOf(draft, target);
  const money = microsOf(document["qualificationInfo.dealSize"]);
  const entries: { readonly [P in LeadPath]: Json | undefined } = {
    nextSteps: document["isvSolutionConnectInfo.nextStep"],
    notes: document["isvSolutionConnectInfo.notes"],
    dealSize: money === null ? undefined : numberOf(money.micros),
    closeDate: document["qualificationInfo.estimatedCloseDate"],
    termMonths: draft.opportunity.termMonths ? String(draft.opportunity.termMonths) : undefined,
    decisionPhase: document["qualificationInfo.decisionPhase"],
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
};
export const readLead = (record: Json | undefined): LeadValues =>
  isObject(record)
    ? Object.fromEntries(
        leadPaths.flatMap((path) => {
          const value = record[path];
          return value === undefined || leadMeaning(path, value) === "" ? [] : [[path, value]];
        }),
      )
    : {};
