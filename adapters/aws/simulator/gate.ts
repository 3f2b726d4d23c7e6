/**
 * What may be edited when. An update replaces everything, so a locked member that is left out counts as changed.
 * https://docs.aws.amazon.com/partner-central/latest/developer-guide/working-with-opportunity-updates.html
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { textAt } from "../../simulator/document.ts";
import { type Complaint, complain } from "./answers.ts";

const address = "Customer.Account.Address";
const openInActionRequired = [
  `${address}.City`,
  `${address}.CountryCode`,
  `${address}.PostalCode`,
  `${address}.StateOrRegion`,
  `${address}.StreetAddress`,
  "Customer.Account.WebsiteUrl",
  "LifeCycle.TargetCloseDate",
  "Project.ExpectedCustomerSpend",
  "Project.CustomerBusinessProblem",
  "PartnerOpportunityIdentifier",
];
const lockedOnceApproved = [
  `${address}.CountryCode`,
  `${address}.PostalCode`,
  "Customer.Account.Industry",
  "Customer.Account.WebsiteUrl",
  "Project.CustomerBusinessProblem",
  "PartnerOpportunityIdentifier",
  "Project.Title",
];
const lockedInOldSpecification = ["Customer.Account.CompanyName", `${address}.StateOrRegion`, "NationalSecurity"];

const terminalStages = ["Launched", "Closed Lost"];
export const isTerminal = (document: JsonObject): boolean =>
  terminalStages.includes(textAt(document, "LifeCycle.Stage") ?? "");
export const reviewStatusOf = (document: JsonObject): string =>
  textAt(document, "LifeCycle.ReviewStatus") ?? "Pending Submission";

/** Why nothing at all may be changed now, or null. Also true of associations, except that Action Required locks those as well. */
export const closedFor = (document: JsonObject): Complaint | null => {
  const status = reviewStatusOf(document);
  if (status === "Submitted" || status === "In review" || status === "Rejected") {
    const message = `The opportunity cannot be changed while its review status is ${status}`;
    return complain("ACTION_NOT_PERMITTED", "LifeCycle.ReviewStatus", message);
  }
  const stage = textAt(document, "LifeCycle.Stage") ?? "";
  if (!isTerminal(document)) return null;
  return complain("ACTION_NOT_PERMITTED", "LifeCycle.Stage", `The opportunity cannot be changed after stage ${stage}`);
};

export interface GateOptions {
  readonly legacyLocks: boolean;
  /** A referral of AWS's has no PartnerOpportunityIdentifier yet, and may take one. */
  readonly identifierOpen: boolean;
}
const lockedOn = ({ legacyLocks, identifierOpen }: GateOptions): readonly string[] => [
  ...lockedOnceApproved.filter((path) => !(identifierOpen && path === "PartnerOpportunityIdentifier")),
  ...(legacyLocks ? lockedInOldSpecification : []),
];

/** One complaint for each changed path that is locked at this review status. */
export const gateComplaints = (
  document: JsonObject,
  changed: readonly string[],
  options: GateOptions,
): readonly Complaint[] => {
  const closed = closedFor(document);
  if (closed) return [closed];
  const status = reviewStatusOf(document);
  const locked =
    status === "Action Required"
      ? changed.filter((path) => !openInActionRequired.includes(path))
      : status === "Approved"
        ? changed.filter((path) => lockedOn(options).includes(path))
        : [];
  return locked.map((path) =>
    complain(
      "ACTION_NOT_PERMITTED",
      path,
      `${path} cannot be changed or left out while the review status is ${status}`,
    ),
  );
};
