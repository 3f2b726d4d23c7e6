/** Rules about the programme fields themselves, what is associated, how AWS joins, the people and the money. */
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import { type Finding, finding, none } from "../findings.ts";
import { isObject, listed, textsOf } from "../text.ts";
import { type Case, closest, hasLength, type Rule, sources, textAt } from "./checks.ts";
import { contactsOf } from "./map.ts";
import { involvementTypes, visibilities } from "./picklists.generated.ts";
import { fieldNames } from "./settings.ts";

const lists = new Set(
  "solutions marketplaceSolutions marketplaceProducts awsProducts deliveryModels primaryNeeds salesActivities apnPrograms".split(
    " ",
  ),
);
const objects = new Set(["expectedMonthlySpend", "marketing", "softwareRevenue"]);

const misshapen = (name: string, value: Json): string | null => {
  if (value === null) return null;
  if (lists.has(name))
    return typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"))
      ? null
      : "a list of texts";
  if (objects.has(name))
    return isObject(value) || (name === "marketing" && typeof value === "string") ? null : "an object";
  if (name === "nationalSecurity") return typeof value === "boolean" || typeof value === "string" ? null : "Yes or No";
  return typeof value === "string" || typeof value === "number" ? null : "a text";
};

const shape = ({ fields }: Case): readonly Finding[] =>
  Object.entries(fields).flatMap(([name, value]): readonly Finding[] => {
    const field = `aws.${name}`;
    if (!fieldNames.includes(name)) {
      const near = closest(name, fieldNames)[0];
      const fix = near === undefined ? "Remove it." : `Remove it, or name it aws.${near}.`;
      return [{ code: "not_allowed", message: `AWS's programme has no field ${field.slice(0, 80)}.`, fix, field }];
    }
    const wanted = misshapen(name, value);
    return wanted === null
      ? none
      : [{ code: "bad_format", message: `${field} must be ${wanted}.`, fix: `Give ${wanted}.`, field }];
  });

/** What AWS associates with an opportunity, by our field; quotas are per opportunity. */
export const entityKinds = [
  { field: "solutions", type: "Solutions", most: 10, pattern: /^(S-\d{1,19}|Other)$/, looks: "S-0000000" },
  {
    field: "marketplaceSolutions",
    type: "AwsMarketplaceSolutions",
    most: 10,
    pattern: /^arn:.{1,251}$/,
    looks: "arn:aws:aws-marketplace:…",
  },
  {
    field: "marketplaceProducts",
    type: "AwsMarketplaceProducts",
    most: 10,
    pattern: /^arn:.{1,251}$/,
    looks: "arn:aws:aws-marketplace:…",
  },
  { field: "awsProducts", type: "AwsProducts", most: 20, pattern: /^.{1,255}$/, looks: "AWSLambda" },
] as const;

const entitiesOf = (fields: JsonObject, field: string): readonly string[] => textsOf(fields[field]) ?? [];

const entityRules = entityKinds.map(
  ({ field, most, pattern, looks }): Rule => ({
    id: `aws.${field}.identifiers`,
    about: `aws.${field}`,
    when: "submission",
    says: `At most ${most} identifiers like ${looks}, each once.`,
    source: sources.quotas,
    check: ({ fields }) => {
      const ids = entitiesOf(fields, field);
      const wrong = ids.find((id) => !pattern.test(id));
      if (wrong !== undefined)
        return finding(
          "bad_format",
          `${JSON.stringify(wrong.slice(0, 80))} is no identifier AWS knows here.`,
          `Type it as in Partner Central, like ${looks}.`,
        );
      if (ids.length > most)
        return finding(
          "too_long",
          `AWS takes at most ${most} of these for a deal; there are ${ids.length}.`,
          `Remove ${ids.length - most}.`,
        );
      return new Set(ids).size < ids.length
        ? finding("conflicting", "One of these is named twice.", "Name each once.")
        : none;
    },
  }),
);

const emailPattern =
  /^(?=.{0,80}$)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** Findings on one person; values are never repeated, for gaps are kept and shown where people must not be. */
const personFindings = (person: JsonObject, field: string): readonly Finding[] => {
  const text = (name: string): string => (typeof person[name] === "string" ? person[name] : "");
  const [email, phone] = [text("Email"), text("Phone")];
  const found: Finding[] = [];
  if (!emailPattern.test(email)) {
    const lower = emailPattern.test(email.toLowerCase());
    const message = lower ? "AWS takes e-mail addresses in small letters only." : "AWS refuses this e-mail address.";
    const fix = lower
      ? "Type the same address in small letters."
      : "Type a full address in plain small letters, at most 80 characters.";
    found.push({ code: "bad_format", message, fix, field: `${field}.email` });
  }
  if (phone !== "" && !/^\+[1-9]\d{1,14}$/.test(phone)) {
    const message = "AWS takes telephone numbers as + and digits only.";
    const fix = "Type + and the country code, then digits without spaces, for example +12065550100.";
    found.push({ code: "bad_format", message, fix, field: `${field}.phone` });
  }
  return found;
};

const peopleFindings = (given: Case, role: "owner" | "customer"): readonly Finding[] => {
  const people = contactsOf(given.draft, role) ?? [];
  if (people.length > 10)
    return finding(
      "too_long",
      `AWS takes at most ten people as ${role}; there are ${people.length}.`,
      `Remove ${people.length - 10}.`,
    ).map((item) => ({ ...item, field: "contacts" }));
  const places = given.draft.contacts.flatMap((contact, index) => (contact.role === role ? [index] : []));
  return people.flatMap((person, index) => personFindings(person, `contacts[${places[index] ?? index}]`));
};

/** One field that is no member of the document must be one of a list. */
const fieldListed =
  (field: string, list: readonly string[], isRequired: boolean) =>
  ({ fields }: Case): readonly Finding[] => {
    const value = fields[field];
    if (value === undefined || value === null || value === "")
      return isRequired
        ? finding(
            "required",
            `AWS needs ${field}.`,
            `Type exactly ${list.map((item) => JSON.stringify(item)).join(" or ")}.`,
          )
        : none;
    return typeof value === "string" && list.includes(listed(value, list))
      ? none
      : finding(
          "not_listed",
          `AWS does not know this ${field}.`,
          `Type exactly ${list.map((item) => JSON.stringify(item)).join(" or ")}.`,
        );
  };

export const shareRules: readonly Rule[] = [
  {
    id: "aws.fields.shape",
    about: "aws.fields",
    when: "submission",
    says: "Programme fields are known by name and have the right shape.",
    source: sources.cosell,
    check: shape,
  },
  {
    id: "aws.key.length",
    about: "PartnerOpportunityIdentifier",
    when: "always",
    says: "The deal's key has at most 64 characters.",
    source: sources.create,
    check: hasLength("PartnerOpportunityIdentifier", "the deal's key", [1, 64]),
  },
  {
    id: "aws.solutions.required",
    about: "aws.solutions",
    when: "submission",
    says: "At least one solution, marketplace solution or marketplace product is associated before submission.",
    source: sources.submitting,
    check: ({ fields }) =>
      ["solutions", "marketplaceSolutions", "marketplaceProducts"].some((field) => entitiesOf(fields, field).length > 0)
        ? none
        : finding(
            "required",
            "AWS needs at least one solution or marketplace product.",
            'Fill in aws.solutions, for example "S-0000001".',
          ),
  },
  {
    id: "aws.solutions.other-until-committed",
    about: "aws.solutions",
    when: "always",
    triggers: ["LifeCycle.Stage"],
    says: "Solution Other is not allowed from stage Committed on.",
    source: sources.project,
    check: ({ fields, document }) =>
      entitiesOf(fields, "solutions").includes("Other") &&
      ["Committed", "Launched"].includes(textAt(document, "LifeCycle.Stage"))
        ? finding(
            "not_allowed",
            "AWS takes solution Other only before stage Committed.",
            "Name a registered solution, S- and digits.",
          )
        : none,
  },
  ...entityRules,
  {
    id: "aws.other-solution.only-with-other",
    about: "Project.OtherSolutionDescription",
    when: "always",
    says: "What is offered is described exactly when the solution is Other; at most 255 characters.",
    source: sources.project,
    check: (given) => {
      const other = entitiesOf(given.fields, "solutions").includes("Other");
      const described = textAt(given.document, "Project.OtherSolutionDescription") !== "";
      if (other && !described)
        return finding(
          "required",
          "With solution Other, AWS needs a description.",
          "Describe it in aws.otherSolutionDescription.",
        );
      if (!other && described)
        return finding(
          "conflicting",
          "AWS takes a description of another solution only with solution Other.",
          'Remove aws.otherSolutionDescription, or add "Other" to aws.solutions.',
        );
      return hasLength("Project.OtherSolutionDescription", "the description", [1, 255])(given);
    },
  },
  {
    id: "aws.involvement.listed",
    about: "aws.involvementType",
    when: "submission",
    says: "Whether AWS joins (Co-Sell) or only sees the deal is stated.",
    source: sources.submission,
    check: fieldListed("involvementType", involvementTypes, true),
  },
  {
    id: "aws.visibility.listed",
    about: "aws.visibility",
    when: "submission",
    says: "Visibility, when stated, is Full or Limited.",
    source: sources.submission,
    check: fieldListed("visibility", visibilities, false),
  },
  {
    id: "aws.contacts.format",
    about: "Customer.Contacts",
    when: "always",
    says: "At most ten people; e-mail in small letters, at most 80 characters; telephone in E.164.",
    source: sources.contact,
    check: (given) => peopleFindings(given, "customer"),
  },
  {
    id: "aws.team.format",
    about: "aws.team",
    when: "submission",
    says: "The same for our own people.",
    source: sources.contact,
    check: (given) => peopleFindings(given, "owner"),
  },
];
