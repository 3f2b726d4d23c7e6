/**
 * What AWS's programme refuses although the model allows it. Sources: the prose of the service model, the selling API guide
 * (https://docs.aws.amazon.com/partner-central/latest/developer-guide/working-with-your-opportunities.html) and field specification v14.3.
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { at, isObject, listAt, objectAt, textAt, textsAt } from "../../simulator/document.ts";
import { type Complaint, complain } from "./answers.ts";
import { prosePicklists } from "./constraints.generated.ts";
import type { Related } from "./ledger.ts";
import { needsPostalCode, postalComplaint } from "./postal.ts";

/** Rules that hold for every stored document, whatever its status. `before` is the document it replaces. */
export const documentComplaints = (
  document: JsonObject,
  before: JsonObject | null,
  today: string,
): readonly Complaint[] => [
  ...picklistComplaints(document),
  ...pairComplaints(document),
  ...marketingComplaints(document),
  ...spendComplaints(document),
  ...dateComplaints(document, before, today),
  ...stageComplaints(document),
];

const useCases = "Project.CustomerUseCase";
const state = "Customer.Account.Address.StateOrRegion";
const isUnitedStates = (document: JsonObject): boolean =>
  textAt(document, "Customer.Account.Address.CountryCode") === "US";
const isSecret = (document: JsonObject): boolean => textAt(document, "NationalSecurity") === "Yes";

const listed = (path: string, list: string, values: readonly string[]): readonly Complaint[] =>
  values
    .filter((value) => !(prosePicklists[list] ?? []).includes(value))
    .map((value) => complain("INVALID_ENUM_VALUE", path, `${path}: '${value}' is not one of the accepted values`));
const optional = (value: string | null): readonly string[] => (value === null ? [] : [value]);

const picklistComplaints = (document: JsonObject): readonly Complaint[] => [
  ...listed(useCases, useCases, optional(textAt(document, useCases))),
  ...listed("Project.ApnPrograms", "Project.ApnPrograms", textsAt(document, "Project.ApnPrograms")),
  ...listed("Marketing.UseCases", "Marketing.UseCases", textsAt(document, "Marketing.UseCases")),
  ...(isUnitedStates(document) ? listed(state, `${state}(US)`, optional(textAt(document, state))) : []),
];

const pairComplaints = (document: JsonObject): readonly Complaint[] => {
  const found: Complaint[] = [];
  const pair = (detail: string, wanted: boolean, why: string): void => {
    const present = textAt(document, detail) !== null;
    if (wanted && !present) found.push(complain("REQUIRED_FIELD_MISSING", detail, `${detail} is required when ${why}`));
    if (!wanted && present) found.push(complain("INVALID_VALUE", detail, `${detail} is only allowed when ${why}`));
  };
  const industry = textAt(document, "Customer.Account.Industry");
  pair("Customer.Account.OtherIndustry", industry === "Other", "Customer.Account.Industry is Other");
  const competitor = textAt(document, "Project.CompetitorName");
  pair("Project.OtherCompetitorNames", competitor === "*Other", "Project.CompetitorName is *Other");
  if (isSecret(document) && industry !== "Government") {
    const message = "NationalSecurity may be Yes only when Customer.Account.Industry is Government";
    found.push(complain("INVALID_VALUE", "NationalSecurity", message));
  }
  return found;
};

const marketingComplaints = (document: JsonObject): readonly Complaint[] => {
  const marketing = objectAt(document, "Marketing");
  if (Object.keys(marketing).length === 0) return [];
  const source = textAt(marketing, "Source");
  const funded = textAt(marketing, "AwsFundingUsed");
  if (source === null) return [complain("REQUIRED_FIELD_MISSING", "Marketing.Source", "Marketing.Source is required")];
  if (source === "None") {
    return ["CampaignName", "Channels", "UseCases", "AwsFundingUsed"]
      .filter((key) => marketing[key] !== undefined)
      .map((key) =>
        complain("INVALID_VALUE", `Marketing.${key}`, `Marketing.${key} must be absent when Source is None`),
      );
  }
  const found: Complaint[] = [];
  if (funded === null) {
    const message = "Marketing.AwsFundingUsed is required when Source is Marketing Activity";
    found.push(complain("REQUIRED_FIELD_MISSING", "Marketing.AwsFundingUsed", message));
  }
  if (funded === "No" && listAt(marketing, "UseCases").length > 0) {
    found.push(
      complain("INVALID_VALUE", "Marketing.UseCases", "Marketing.UseCases must be empty when AwsFundingUsed is No"),
    );
  }
  return found;
};

const spendPath = "Project.ExpectedCustomerSpend";
const spendComplaints = (document: JsonObject): readonly Complaint[] => {
  const duration = objectAt(document, "Project.ExpectedContractDuration");
  const months = textAt(duration, "Value");
  const found: Complaint[] = [];
  if (months !== null && !(/^[1-9]\d{0,2}$/.test(months) && Number(months) <= 144)) {
    const path = "Project.ExpectedContractDuration.Value";
    found.push(complain("VALUE_OUT_OF_RANGE", path, `${path} must be a whole number from 1 to 144`));
  }
  const sovereign = textAt(document, "Project.AwsPartition") === "aws-eusc";
  const money = (path: string, value: JsonObject): void => {
    const currency = textAt(value, "CurrencyCode");
    const accepted = sovereign ? ["EUR"] : ["USD", "EUR"];
    if (currency !== null && !accepted.includes(currency)) {
      found.push(
        complain("INVALID_VALUE", `${path}.CurrencyCode`, `${path}.CurrencyCode must be ${accepted.join(" or ")}`),
      );
    }
  };
  for (const [index, entry] of listAt(document, spendPath).entries()) {
    if (!isObject(entry)) continue;
    money(`${spendPath}[${index}]`, entry);
    const target = textAt(entry, "TargetCompany");
    if (months !== null && target !== null && !["AWS", "Self"].includes(target)) {
      const path = `${spendPath}[${index}].TargetCompany`;
      found.push(complain("INVALID_VALUE", path, `${path} must be AWS or Self when ExpectedContractDuration is given`));
    }
  }
  money("SoftwareRevenue.Value", objectAt(document, "SoftwareRevenue.Value"));
  return found;
};

const datePaths = ["LifeCycle.TargetCloseDate", "SoftwareRevenue.EffectiveDate", "SoftwareRevenue.ExpirationDate"];
const dateComplaints = (document: JsonObject, before: JsonObject | null, today: string): readonly Complaint[] => {
  const found: Complaint[] = [];
  for (const path of datePaths) {
    const date = textAt(document, path);
    if (date !== null && new Date(`${date}T00:00:00Z`).toJSON()?.slice(0, 10) !== date) {
      found.push(complain("INVALID_STRING_FORMAT", path, `${path}: ${date} is not a date of the calendar`));
    }
  }
  const close = textAt(document, "LifeCycle.TargetCloseDate");
  const unchanged = before !== null && textAt(before, "LifeCycle.TargetCloseDate") === close;
  if (close !== null && close < today && !unchanged) {
    const path = "LifeCycle.TargetCloseDate";
    found.push(complain("INVALID_VALUE", path, `${path} must not be in the past`));
  }
  return found;
};

const stageComplaints = (document: JsonObject): readonly Complaint[] => {
  const stage = textAt(document, "LifeCycle.Stage");
  const lost = "LifeCycle.ClosedLostReason";
  if (stage === "Closed Lost" && textAt(document, lost) === null) {
    return [complain("REQUIRED_FIELD_MISSING", lost, `${lost} is required when LifeCycle.Stage is Closed Lost`)];
  }
  const customer = "Customer.Account.AwsAccountId";
  if (stage === "Launched" && textAt(document, customer) === null) {
    return [complain("REQUIRED_FIELD_MISSING", customer, `${customer} is required when LifeCycle.Stage is Launched`)];
  }
  return [];
};

/** What must be there before AWS reviews a deal, and must stay there afterwards. */
export const submissionComplaints = (
  document: JsonObject,
  related: Related,
  options: { readonly postalFormats: boolean },
): readonly Complaint[] => {
  const secret = isSecret(document);
  const texts = [
    "Customer.Account.Industry",
    "Customer.Account.Address.CountryCode",
    "Project.Title",
    "Project.CustomerBusinessProblem",
    useCases,
    "LifeCycle.TargetCloseDate",
    "Marketing.Source",
    ...(secret ? [] : ["Customer.Account.CompanyName", "Customer.Account.WebsiteUrl"]),
    ...(!secret && isUnitedStates(document) ? [state] : []),
  ].filter((path) => textAt(document, path) === null);
  const lists = ["PrimaryNeedsFromAws", "Project.DeliveryModels", "Project.SalesActivities"].filter(
    (path) => listAt(document, path).length === 0,
  );
  return [
    ...[...texts, ...lists].map((path) =>
      complain("REQUIRED_FIELD_MISSING", path, `${path} is required for submission`),
    ),
    ...positiveSpend(document),
    ...(secret ? [] : postalComplaints(document, options.postalFormats)),
    ...solutionComplaints(document, related),
  ];
};

const positiveSpend = (document: JsonObject): readonly Complaint[] => {
  const spent = listAt(document, spendPath).some(
    (entry) => isObject(entry) && Number(textAt(entry, "Amount") ?? "0") > 0,
  );
  return spent ? [] : [complain("REQUIRED_FIELD_MISSING", spendPath, `${spendPath} needs an amount greater than zero`)];
};

const postalComplaints = (document: JsonObject, formats: boolean): readonly Complaint[] => {
  const path = "Customer.Account.Address.PostalCode";
  const country = textAt(document, "Customer.Account.Address.CountryCode");
  const code = textAt(document, path);
  if (country === null) return [];
  if (code === null) {
    return needsPostalCode(country)
      ? [complain("REQUIRED_FIELD_MISSING", path, `${path} is required for ${country}`)]
      : [];
  }
  const wrong = formats ? postalComplaint(country, code) : null;
  return wrong === null ? [] : [complain("INVALID_STRING_FORMAT", path, wrong)];
};

const solutionComplaints = (document: JsonObject, related: Related): readonly Complaint[] => {
  const offered = [...related.Solutions, ...related.AwsMarketplaceSolutions, ...related.AwsMarketplaceProducts];
  if (offered.length === 0) {
    const message = "At least one solution, AWS Marketplace solution or AWS Marketplace product must be associated";
    return [complain("NOT_ENOUGH_VALUES", "RelatedEntityIdentifiers.Solutions", message)];
  }
  const description = "Project.OtherSolutionDescription";
  const other = related.Solutions.includes("Other");
  if (other && textAt(document, description) === null) {
    return [complain("REQUIRED_FIELD_MISSING", description, `${description} is required when the solution is Other`)];
  }
  if (!other && textAt(document, description) !== null) {
    return [complain("INVALID_VALUE", description, `${description} is only allowed when the solution is Other`)];
  }
  return other ? otherTooLate(document) : [];
};

const lateStages = ["Committed", "Launched"];
/** The solution Other is not enough from Committed on. */
export const otherTooLate = (document: JsonObject): readonly Complaint[] =>
  lateStages.includes(textAt(document, "LifeCycle.Stage") ?? "")
    ? [
        complain(
          "INVALID_VALUE",
          "RelatedEntityIdentifiers.Solutions",
          "The solution Other is not allowed from stage Committed on",
        ),
      ]
    : [];

/** Stages at which a deal may be handed in. */
export const stageForSubmission = (document: JsonObject): readonly Complaint[] => {
  const stage = at(document, "LifeCycle.Stage");
  if (stage !== "Prospect" && stage !== "Closed Lost" && stage !== undefined) return [];
  const message = `An opportunity at stage ${String(stage ?? "none")} cannot be submitted; it must be at least Qualified and not closed`;
  return [complain("INVALID_RESOURCE_STATE", "LifeCycle.Stage", message)];
};
