/**
 * The editable document: the part of Google's record that an update may change, flat, by Google's member path. Each update
 * names exactly the members that it changes, so nothing else of the record is touched. Lists, dates, money and the contact are
 * whole values: they are compared, kept and replaced as one.
 */
import canonicalize from "canonicalize";
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import { createMerger, type MemberValues } from "../merge.ts";
import { at } from "../nested.ts";
import { isObject } from "../text.ts";
import { dayOf, isUnspecified, microsOf } from "./quantities.ts";
import { unsaid } from "./words.ts";

/** Google's path → the field in our vocabulary, which gaps and people are told. The keys are the whole editable document. */
export const ourFields = {
  stage: "stage",
  submitterEmail: "contacts",
  "opportunityInfo.displayName": "title",
  "opportunityInfo.description": "problem",
  "opportunityInfo.productFamily": "gcp.productFamily",
  "opportunityInfo.productCategory": "gcp.productCategory",
  "opportunityInfo.confidential": "gcp.confidential",
  "qualificationInfo.operationType": "gcp.operationType",
  "qualificationInfo.contractLengthMonths": "termMonths",
  "qualificationInfo.dealSize": "amount",
  "qualificationInfo.estimatedCloseDate": "closeDate",
  "qualificationInfo.publicSector": "gcp.publicSector",
  "qualificationInfo.budget": "gcp.budget",
  "qualificationInfo.authority": "gcp.authority",
  "qualificationInfo.need": "gcp.need",
  "qualificationInfo.timeline": "gcp.timeline",
  "qualificationInfo.decisionPhase": "gcp.decisionPhase",
  "qualificationInfo.campaignCode": "gcp.campaignCode",
  "qualificationInfo.msspDeal": "gcp.msspDeal",
  "qualificationInfo.legalLanguageAccepted": "gcp.legalLanguageAccepted",
  "customerInfo.customerDetails.organizationName": "account.name",
  "customerInfo.customerDetails.domain": "account.website",
  "customerInfo.customerDetails.address.regionCode": "account.country",
  "customerInfo.customerDetails.address.administrativeArea": "account.state",
  "customerInfo.customerDetails.address.locality": "account.city",
  "customerInfo.customerDetails.address.postalCode": "account.postalCode",
  "customerInfo.customerDetails.address.addressLines": "account.street",
  "customerInfo.customerDetails.industry": "account.industry",
  "customerInfo.customerDetails.employeeCount": "gcp.employeeCount",
  "customerInfo.contact": "contacts",
  "customerInfo.region": "gcp.region",
  "isvSolutionConnectInfo.isvSolutionConnectDeal": "gcp.isvSolutionConnectDeal",
  "isvSolutionConnectInfo.customerContactRequested": "gcp.customerContactRequested",
  "isvSolutionConnectInfo.supportLevel": "gcp.supportLevel",
  "isvSolutionConnectInfo.contractVehicle": "gcp.contractVehicle",
  "isvSolutionConnectInfo.deliveryModel": "gcp.deliveryModel",
  "isvSolutionConnectInfo.notes": "gcp.notes",
  "isvSolutionConnectInfo.nextStep": "nextSteps",
} as const;
export type Path = keyof typeof ourFields;
export const isPath = (text: string): text is Path => Object.hasOwn(ourFields, text);
export const paths: readonly Path[] = Object.keys(ourFields).filter(isPath);

/** The members that hold words of Google's enums. */
export const wordPaths = [
  "opportunityInfo.productFamily",
  "opportunityInfo.productCategory",
  "qualificationInfo.operationType",
  "qualificationInfo.budget",
  "qualificationInfo.authority",
  "qualificationInfo.need",
  "qualificationInfo.timeline",
  "qualificationInfo.decisionPhase",
  "customerInfo.customerDetails.industry",
  "customerInfo.region",
  "isvSolutionConnectInfo.supportLevel",
  "isvSolutionConnectInfo.contractVehicle",
  "isvSolutionConnectInfo.deliveryModel",
] as const satisfies readonly Path[];

/** A value per path. Ours: absent means we have no opinion, null means we clear it. Theirs: absent means they have none. */
export type Document = MemberValues<Path>;

/** Their document: every editable member that says something, exactly as read. */
export const read = (body: JsonObject): Document =>
  Object.fromEntries(
    paths.flatMap((path) => {
      const value = at(body, path);
      return value === undefined || meaning(path, value) === "" ? [] : [[path, value]];
    }),
  );

const sets: ReadonlySet<string> = new Set<Path>(["opportunityInfo.productFamily", "opportunityInfo.productCategory"]);
const saysNothing = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === "" || value === false || value === 0 || isUnspecified(value);
/** Without members that say nothing: proto3's JSON leaves them out or spells them out, as it likes. */
const said = (value: Json): Json => {
  if (Array.isArray(value)) return value.filter((item: Json) => !saysNothing(item)).map(said);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => !saysNothing(member));
  return Object.fromEntries(members.map(([name, member]) => [name, said(member)]));
};
/** One text per meaning; "" says nothing: absent, empty, false, zero and unspecified are one. */
export const meaning = (path: string, value: Json | undefined): string => {
  if (value === undefined || saysNothing(value)) return "";
  if (path === "qualificationInfo.dealSize") {
    const money = microsOf(value);
    if (money !== null) return `${money.currency} ${money.micros}`;
  }
  if (path === "qualificationInfo.estimatedCloseDate") {
    const day = dayOf(value);
    if (day !== null) return day;
  }
  const kept = said(value);
  const isEmpty = (Array.isArray(kept) || isObject(kept)) && Object.keys(kept).length === 0;
  if (isEmpty) return "";
  return canonicalize(sets.has(path) && Array.isArray(kept) ? kept.map(String).toSorted() : kept) ?? "";
};

const personal: ReadonlySet<Path> = new Set<Path>(["customerInfo.contact", "submitterEmail"]);
export const { merge, remember, remembered, markOf } = createMerger<Path>({
  paths,
  fieldOf: (path) => ourFields[path],
  meaning,
  isPersonal: (path) => personal.has(path),
});

/** What of the five things that nobody asserted the document does not say, as Google's word for "nothing is said", by bare member. */
export const unsaidIn = (document: Document): JsonObject =>
  Object.fromEntries(
    Object.entries(unsaid).map(([path, word]) => {
      const value = isPath(path) ? document[path] : undefined;
      return [path.slice(path.indexOf(".") + 1), value ?? word];
    }),
  );
