/**
 * What Google's programme is known to refuse, as dated data: one row per rule, with its source. Google publishes no list of what
 * it requires, so what a connection demands is a setting; its default follows the form of a deployed client. Google's server
 * remains the judge.
 */
import type { Json, ShareDraft } from "../../src/domain/deal.ts";
import type { Gap } from "../../src/domain/fault.ts";
import { type Finding, finding, none } from "../findings.ts";
import { isObject, textOf } from "../text.ts";
import { type Case, type Rule, sources } from "./checks.ts";
import { type Document, isPath, ourFields, type Path, wordPaths } from "./document.ts";
import { documentOf } from "./map.ts";
import { microsOf } from "./quantities.ts";
import { type Demandable, demandable, type Target, withDefaults } from "./settings.ts";
import { seen, wordPattern } from "./words.ts";

interface Demand {
  readonly about: Rule["about"];
  readonly name: string;
  readonly fix: string;
}
const details = "customerInfo.customerDetails";
/** What each field that may be demanded is to Google, and how it is filled. */
const demands: Readonly<Record<Demandable, Demand>> = {
  "account.name": { about: `${details}.organizationName`, name: "the customer's name", fix: "Fill in account.name." },
  "account.website": {
    about: `${details}.domain`,
    name: "the customer's domain",
    fix: "Fill in account.website with the customer's own site, for example https://www.example.com.",
  },
  "account.country": {
    about: `${details}.address.regionCode`,
    name: "the customer's country",
    fix: "Fill in account.country, for example US.",
  },
  "account.state": {
    about: `${details}.address.administrativeArea`,
    name: "the customer's state",
    fix: "Fill in account.state.",
  },
  "account.city": { about: `${details}.address.locality`, name: "the customer's city", fix: "Fill in account.city." },
  "account.postalCode": {
    about: `${details}.address.postalCode`,
    name: "the customer's postal code",
    fix: "Fill in account.postalCode.",
  },
  "account.street": {
    about: `${details}.address.addressLines`,
    name: "the customer's street",
    fix: "Fill in account.street.",
  },
  "account.industry": {
    about: `${details}.industry`,
    name: "the customer's industry in its own word",
    fix: `Give gcp.industry as Partner Network Hub shows it (for example ${seen.industry.join(", ")}), or map the CRM's word in settings.industryMap.`,
  },
  "gcp.employeeCount": {
    about: `${details}.employeeCount`,
    name: "how many people the customer employs",
    fix: "Fill in gcp.employeeCount, for example 250.",
  },
  "gcp.region": {
    about: "customerInfo.region",
    name: "its region of the customer",
    fix: `Give gcp.region as Partner Network Hub shows it (for example ${seen.region.join(", ")}), or map the country in settings.regionMap.`,
  },
  "gcp.productFamily": {
    about: "opportunityInfo.productFamily",
    name: "the product family",
    fix: `Give gcp.productFamily, for example ${seen.productFamily.join(", ")}; best once for all deals in settings.defaults.`,
  },
  "gcp.supportLevel": {
    about: "isvSolutionConnectInfo.supportLevel",
    name: "what is needed of it",
    fix: `Give gcp.supportLevel, for example ${seen.supportLevel.join(", ")}; best once for all deals in settings.defaults.`,
  },
  "gcp.contractVehicle": {
    about: "isvSolutionConnectInfo.contractVehicle",
    name: "how the customer buys",
    fix: `Give gcp.contractVehicle, for example ${seen.contractVehicle.join(", ")}; best once for all deals in settings.defaults.`,
  },
  "gcp.deliveryModel": {
    about: "isvSolutionConnectInfo.deliveryModel",
    name: "how the solution is delivered",
    fix: `Give gcp.deliveryModel, for example ${seen.deliveryModel.join(", ")}; best once for all deals in settings.defaults.`,
  },
  problem: {
    about: "opportunityInfo.description",
    name: "a description of the deal",
    fix: "Write in problem what the customer needs.",
  },
  amount: {
    about: "qualificationInfo.dealSize",
    name: "the contract's total value",
    fix: "Fill in amount, for example 15000.00 USD.",
  },
  termMonths: {
    about: "qualificationInfo.contractLengthMonths",
    name: "the contract's length",
    fix: "Fill in termMonths, for example 12.",
  },
  closeDate: {
    about: "qualificationInfo.estimatedCloseDate",
    name: "the expected close date",
    fix: "Fill in closeDate, for example 2027-03-31.",
  },
  "gcp.legalLanguageAccepted": {
    about: "qualificationInfo.legalLanguageAccepted",
    name: "that you accept its legal terms",
    fix: "Set gcp.legalLanguageAccepted to true if you accept them; once for all deals: cosell connect gcp --accept-terms.",
  },
  "gcp.engagementModel": {
    about: "gcp.engagementModel",
    name: "the engagement model",
    fix: "Give gcp.engagementModel as Partner Network Hub shows it.",
  },
  "gcp.dealTransactionType": {
    about: "gcp.dealTransactionType",
    name: "the transaction type",
    fix: "Give gcp.dealTransactionType as Partner Network Hub shows it.",
  },
  contacts: {
    about: "submitterEmail",
    name: "the e-mail of your own seller, who submits it",
    fix: "Give the deal a contact with role owner.",
  },
};

const saidOf = (about: Rule["about"], { document, fields }: Case): Json | undefined =>
  isPath(about) ? document[about] : (textOf(fields[about.slice("gcp.".length)]) ?? undefined);
const isEmpty = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);

const isBadAmount = ({ draft, fields }: Case): boolean =>
  isObject(fields.dealSize) || (draft.opportunity.amount !== null && draft.opportunity.amount !== undefined);

const demandRules: readonly Rule[] = demandable.map((field): Rule => {
  const { about, name, fix } = demands[field];
  return {
    id: `gcp.required.${field}`,
    about,
    when: "where the connection requires it",
    says: `Google needs ${name}.`,
    source: sources.deployed,
    check: (given) => {
      if (!given.target.required.has(field) || !isEmpty(saidOf(about, given))) return none;
      // Something is there that is no amount: the money rule tells what is wrong with it.
      if (field === "amount" && isBadAmount(given)) return none;
      // The region follows from the country: one gap is enough.
      if (field === "gcp.region" && given.target.required.has("account.country") && !given.draft.account.country)
        return none;
      return finding("required", `Google needs ${name} and it is missing.`, fix, field);
    },
  };
});

/** An industry that is no word of Google's can only have been stated for the programme: others are mapped or left out. */
const wordFieldOf = (about: Path): string => (about === `${details}.industry` ? "gcp.industry" : ourFields[about]);
const wordRules: readonly Rule[] = wordPaths.map(
  (about): Rule => ({
    id: `${wordFieldOf(about)}.word`,
    about,
    when: "always",
    says: "A word of Google's is upper case with underscores; which words there are is published only in part.",
    source: sources.opportunities,
    check: ({ document }) => {
      const value = document[about];
      const wrong = [value ?? []].flat().find((item) => typeof item !== "string" || !wordPattern.test(item));
      return wrong === undefined
        ? none
        : finding(
            "bad_format",
            `${JSON.stringify(wrong).slice(0, 80)} cannot be one of Google's words.`,
            "Give it as Partner Network Hub shows it, for example SAAS_ON_GOOGLE_CLOUD.",
            wordFieldOf(about),
          );
    },
  }),
);

const flags: readonly Path[] = [
  "opportunityInfo.confidential",
  "qualificationInfo.publicSector",
  "qualificationInfo.msspDeal",
  "qualificationInfo.legalLanguageAccepted",
  "isvSolutionConnectInfo.isvSolutionConnectDeal",
  "isvSolutionConnectInfo.customerContactRequested",
];
const flagRules: readonly Rule[] = flags.map(
  (about): Rule => ({
    id: `${ourFields[about]}.yes-or-no`,
    about,
    when: "always",
    says: "It is yes or no.",
    source: sources.opportunities,
    check: ({ document }) => {
      const value = document[about];
      return value === undefined || value === null || typeof value === "boolean"
        ? none
        : finding("bad_format", `${JSON.stringify(value).slice(0, 80)} is neither yes nor no.`, "Type true or false.");
    },
  }),
);

const moneyFindings = (given: Case): readonly Finding[] => {
  const { document, fields, target } = given;
  const field = isObject(fields.dealSize) ? "gcp.dealSize" : "amount";
  const value = document["qualificationInfo.dealSize"];
  if (value === undefined)
    return isBadAmount(given)
      ? finding(
          "bad_format",
          "Google takes the value as a plain decimal amount with at most six decimals.",
          "Type digits and a point only, for example 15000.00.",
          field,
        )
      : none;
  const money = microsOf(value);
  if (money === null || !target.settings.currencies.includes(money.currency)) {
    const named = JSON.stringify((money?.currency ?? "").slice(0, 8));
    const fix = `State gcp.dealSize in ${target.settings.currencies.join(" or ")}, or add the currency to settings.currencies if your Partner Network Hub takes it.`;
    return finding(
      "not_listed",
      `This connection sends values in ${target.settings.currencies.join(", ")}, not in ${named}.`,
      fix,
      field,
    );
  }
  return money.micros > 0n
    ? none
    : finding("not_allowed", "Google needs a value above zero.", "Type the contract's total value.", field);
};

const valueRules: readonly Rule[] = [
  {
    id: "gcp.money",
    about: "qualificationInfo.dealSize",
    when: "always",
    says: "The contract's total value is above zero, exact, and in a currency that the connection sends.",
    source: sources.money,
    check: moneyFindings,
  },
  {
    id: "gcp.legal",
    about: "qualificationInfo.legalLanguageAccepted",
    when: "submission",
    says: "Google takes no deal without its legal terms being accepted.",
    source: sources.opportunities,
    check: ({ document, target }) =>
      document["qualificationInfo.legalLanguageAccepted"] === false && target.required.has("gcp.legalLanguageAccepted")
        ? finding(
            "not_allowed",
            "Google takes no deal without its legal terms being accepted.",
            "Set gcp.legalLanguageAccepted to true if you accept them.",
          )
        : none,
  },
  {
    id: "gcp.employees",
    about: "customerInfo.customerDetails.employeeCount",
    when: "always",
    says: "The number of employees is a whole number.",
    source: sources.opportunities,
    check: ({ document }) => {
      const value = document["customerInfo.customerDetails.employeeCount"];
      return value === undefined || value === null || typeof value === "number"
        ? none
        : finding(
            "bad_format",
            "The number of employees must be a whole number.",
            "Type digits only, for example 250.",
          );
    },
  },
];

const rules: readonly Rule[] = [...demandRules, ...wordRules, ...flagRules, ...valueRules];
const fieldOf = (about: Rule["about"]): string => (isPath(about) ? ourFields[about] : about);

/** The pack as data, for documents and the API: what is checked, since when, after which source. */
export const rulePack = {
  /** The day on which the rows were last compared with their sources. */
  version: "2026-11-26",
  model: sources.opportunities,
  rows: rules.map(({ id, about, when, says, source }) => ({ id, field: fieldOf(about), when, says, source })),
} as const;

const gapsOf = (chosen: readonly Rule[], given: Case): readonly Gap[] => {
  const byField = new Map<string, Gap>();
  for (const rule of chosen) {
    for (const { code, message, fix, field } of rule.check(given)) {
      const name = field ?? fieldOf(rule.about);
      if (!byField.has(name)) byField.set(name, { field: name, code, message, fix, source: rule.source });
    }
  }
  return [...byField.values()];
};
const caseOf = (draft: ShareDraft, target: Target): Case & { readonly document: Document } => ({
  document: documentOf(draft, target),
  draft,
  fields: withDefaults(target, draft.fields),
  target,
});

/** What Google would refuse of a first submission, one gap per field. Pure. */
export const submissionGaps = (draft: ShareDraft, target: Target): readonly Gap[] =>
  gapsOf(rules, caseOf(draft, target));

/** What Google would refuse of an update: only rules about what changes; of a deal that goes to review again, all of them. */
export const updateGaps = (draft: ShareDraft, target: Target, changed: ReadonlySet<Path> | "all"): readonly Gap[] =>
  changed === "all"
    ? submissionGaps(draft, target)
    : gapsOf(
        rules.filter(({ about, when }) => when === "always" && isPath(about) && changed.has(about)),
        caseOf(draft, target),
      );

/** What a person should know before a deal goes to Google. */
export const notices = (target: Target): readonly string[] => [
  "Sharing with Google cannot be undone: its programme has no way to take a deal back, and only Google closes one.",
  ...(target.surface === "channel"
    ? ["While Google reviews the deal it takes no changes: edits are kept and sent when it has decided."]
    : ["A lead cannot be changed once it is sent; the opportunity that comes of it can, once Google has approved it."]),
];
