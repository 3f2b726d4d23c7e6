/**
 * The co-sell form of Partner Network Hub as a person fills it, where the service account lacks the role Integrator. The words are
 * those of Google's API and of a deployed client's form: the Hub itself lies behind a sign-in. Pure.
 */
import type { Json, JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import type { Assisted } from "../contract.ts";
import { isObject } from "../text.ts";
import { type Document, ourFields, type Path, wordPaths } from "./document.ts";
import { documentOf } from "./map.ts";
import { dayOf } from "./quantities.ts";
import type { Target } from "./settings.ts";
import { closedStage, openStages } from "./words.ts";

interface Place {
  readonly path: Path;
  readonly label: string;
  readonly section: string;
}
const details = "customerInfo.customerDetails";
const customer = (path: Path, label: string): Place => ({ path, label, section: "Customer" });
const deal = (path: Path, label: string): Place => ({ path, label, section: "Deal" });
const solution = (path: Path, label: string): Place => ({ path, label, section: "Solution and support" });
/** The form in its order. Every field of it, also those that are left empty. */
const places: readonly Place[] = [
  customer(`${details}.organizationName`, "Customer name"),
  customer(`${details}.domain`, "Customer domain"),
  customer(`${details}.address.regionCode`, "Country"),
  customer(`${details}.address.administrativeArea`, "State"),
  customer(`${details}.address.locality`, "City"),
  customer(`${details}.address.postalCode`, "Postal code"),
  customer(`${details}.address.addressLines`, "Street address"),
  customer(`${details}.industry`, "Industry"),
  customer(`${details}.employeeCount`, "Employees"),
  customer("customerInfo.region", "Region"),
  customer("customerInfo.contact", "Customer contact"),
  deal("opportunityInfo.displayName", "Opportunity name"),
  deal("opportunityInfo.description", "Description"),
  deal("opportunityInfo.productFamily", "Product family"),
  deal("opportunityInfo.productCategory", "Product category"),
  deal("opportunityInfo.confidential", "Confidential"),
  deal("qualificationInfo.operationType", "Deal type"),
  deal("qualificationInfo.dealSize", "Total contract value"),
  deal("qualificationInfo.contractLengthMonths", "Contract length (months)"),
  deal("qualificationInfo.estimatedCloseDate", "Estimated close date"),
  deal("qualificationInfo.publicSector", "Public sector"),
  deal("qualificationInfo.budget", "Budget"),
  deal("qualificationInfo.authority", "Authority"),
  deal("qualificationInfo.need", "Need"),
  deal("qualificationInfo.timeline", "Timeline"),
  deal("qualificationInfo.decisionPhase", "Decision phase"),
  deal("qualificationInfo.campaignCode", "Campaign code"),
  deal("qualificationInfo.msspDeal", "Managed security services deal"),
  deal("stage", "Sales stage (once Google has accepted the deal)"),
  solution("isvSolutionConnectInfo.isvSolutionConnectDeal", "ISV Solution Connect deal"),
  solution("isvSolutionConnectInfo.customerContactRequested", "Customer contact requested"),
  solution("isvSolutionConnectInfo.supportLevel", "Support needed"),
  solution("isvSolutionConnectInfo.contractVehicle", "Contract vehicle"),
  solution("isvSolutionConnectInfo.deliveryModel", "Delivery model"),
  solution("isvSolutionConnectInfo.notes", "Notes"),
  solution("isvSolutionConnectInfo.nextStep", "Next step"),
  { path: "qualificationInfo.legalLanguageAccepted", label: "Legal terms accepted", section: "Terms" },
];
const pathOf = (field: string): Path | undefined => places.find(({ path }) => ourFields[path] === field)?.path;

const money = (value: JsonObject): string => {
  const nanos = String(value.nanos ?? 0)
    .padStart(9, "0")
    .replace(/0{1,7}$/, "");
  return `${value.currencyCode ?? ""} ${value.units ?? "0"}.${nanos}`.trim();
};
const contact = (value: JsonObject): string => {
  const { givenName, familyName, email, phone } = value;
  const number = isObject(phone) ? phone.e164Number : undefined;
  return [[givenName, familyName].filter(Boolean).join(" "), email, number].filter(Boolean).join(", ");
};
const words: ReadonlySet<Path> = new Set<Path>([...wordPaths, "stage"]);
/** A word of the API as the form shows it: `SAAS_ON_GOOGLE_CLOUD` → `Saas on google cloud`. */
const spelt = (word: string): string => `${word.charAt(0)}${word.slice(1).toLowerCase().replaceAll("_", " ")}`;
const shown = (path: Path, text: string): string => (words.has(path) ? spelt(text) : text);

/** What a person types or chooses. Where nobody said anything the field stays empty: nothing is asserted. */
const typedOf = (document: Document, path: Path): string => {
  const value: Json | undefined = document[path];
  if (value === undefined || value === null || (path === "stage" && value === closedStage)) return "";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return shown(path, value);
  if (Array.isArray(value)) return value.map((item) => shown(path, String(item))).join("; ");
  if (!isObject(value)) return "";
  if (path === "customerInfo.contact") return contact(value);
  return path === "qualificationInfo.dealSize" ? money(value) : (dayOf(value) ?? "");
};

/** Every field of the form, filled from the draft. */
export const formOf = (draft: ShareDraft, target: Target) => {
  const document = documentOf(draft, target);
  return places.map((place) => ({
    field: ourFields[place.path],
    label: place.label,
    value: typedOf(document, place.path),
    section: place.section,
  }));
};

const number = /^dr-([A-Za-z0-9]{1,64})$/i;

/** Google's part of assisted mode. */
export const assistedOf = (target: Target): Assisted => ({
  portal: { name: "Partner Network Hub", url: "https://partners.cloud.google.com" },
  number: {
    name: "deal number",
    example: "DR-AbCdEf12GhIjKl",
    format: "DR- followed by the letters and digits that the Hub shows on the deal's page",
    // The id behind it is the one that the API uses, whose capitals count.
    parse: (text) => {
      const id = number.exec(text.trim())?.[1];
      return id === undefined ? null : { id };
    },
    show: ({ id }) => `DR-${id}`,
  },
  form: (draft) => formOf(draft, target),
  steps: {
    create: [
      "Sign in to Partner Network Hub, open Opportunities and register a new deal.",
      "Type the fields below; leave empty what is empty here, and choose nothing that nobody told you.",
      "Submit the deal for review, then give its deal number (DR-…) here.",
    ],
    revise: [
      "Open the deal in Partner Network Hub by its deal number.",
      "Change the fields below. A deal that Google declined goes to review again: submit it once more.",
    ],
  },
  standsFor: ["create", "submit"],
  statuses: [
    { word: "SUBMITTED", means: "Google is reviewing the deal", event: "partner_stored" },
    { word: "DRAFT", means: "the deal is not submitted yet", event: null },
    { word: "ACCEPTED", means: "Google has accepted the deal and works on it", event: "partner_accepted" },
    { word: "REJECTED", means: "Google has declined the deal; change it and submit it again", event: "partner_asked" },
    {
      word: "NOT_ACCEPTED",
      means: "Google has declined the deal; change it and submit it again",
      event: "partner_asked",
    },
    { word: "CLOSED_WON", means: "Google has closed the deal as won", event: "launched" },
    { word: "CLOSED_LOST", means: "Google has closed the deal as lost", event: "lost" },
  ],
  stages: [
    ...[...new Set(openStages.toReversed().map((stage) => target.stages[stage]))].map((word) => ({
      word,
      means: "a stage of Google's sales work",
    })),
    { word: "CLOSED", means: "closed; say CLOSED_WON or CLOSED_LOST as the status" },
  ],
  frozen: (field, status) => {
    if (status === "SUBMITTED") return "Google is reviewing the deal and takes no changes until it has decided";
    if (status.startsWith("CLOSED")) return "Google has closed the deal";
    if (status !== "ACCEPTED") return null;
    const path = pathOf(field);
    const takes =
      path !== undefined && target.settings.acceptedFields.some((open) => path === open || path.startsWith(`${open}.`));
    return takes ? null : "Google takes only some fields once it has accepted a deal, and this is none of them";
  },
});
