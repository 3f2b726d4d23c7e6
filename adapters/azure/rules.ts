/**
 * What Partner Center is known to refuse, as dated data: one row per rule, with its source. Its own answer to a bad create
 * is often a 400 without a reason, so these rows say what to type before anything is sent.
 */
import type { JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import type { Gap } from "../../src/domain/fault.ts";
import { type Finding, finding, none } from "../findings.ts";
import { listed, textsOf } from "../text.ts";
import { type Case, needs, type Rule, sources, textAt, within } from "./checks.ts";
import { ourFields, type Path, pointers } from "./document.ts";
import { areasOf, dealTypeOf, documentOf, flagOf, playsOf } from "./map.ts";
import { peopleRules } from "./rules-people.ts";
import { fieldNames, type Target, withDefaults } from "./settings.ts";
import { assistanceCodes, customerSizes, dealTypes } from "./taxonomy.ts";

/** Amounts are sent as numbers in a create: a number holds so many digits exactly. */
const digitsMax = 15;
const solutionPattern = /^(SOL-\d{1,10}-[A-Z]{1,6}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
const listFields = new Set(["solutions", "industries", "products", "services"]);

const shapeOf = (name: string, value: unknown): string | null => {
  if (value === null) return null;
  if (listFields.has(name))
    return typeof value === "string" || (Array.isArray(value) && value.every((item) => typeof item === "string"))
      ? null
      : "a list of texts";
  if (name === "consentToContact")
    return flagOf(value === true || value === false ? value : String(value)) === null ? "Yes or No" : null;
  return typeof value === "string" || typeof value === "number" ? null : "a text";
};
const shape = ({ fields }: Case): readonly Finding[] =>
  Object.entries(fields).flatMap(([name, value]): readonly Finding[] => {
    const field = `azure.${name}`;
    if (!fieldNames.includes(name)) {
      const near = fieldNames.find((known) => known.toLowerCase() === name.toLowerCase());
      const fix = near === undefined ? "Remove it." : `Remove it, or name it azure.${near}.`;
      return [
        { code: "not_allowed", message: `Microsoft's programme has no field ${field.slice(0, 80)}.`, fix, field },
      ];
    }
    const wanted = shapeOf(name, value);
    return wanted === null
      ? none
      : [{ code: "bad_format", message: `${field} must be ${wanted}.`, fix: `Give ${wanted}.`, field }];
  });

/** A text field, when given, is one of a list. */
const oneOf =
  (name: string, list: (given: Case) => readonly string[] | null) =>
  (given: Case): readonly Finding[] => {
    const value = given.fields[name];
    const known = list(given);
    if (known === null || typeof value !== "string" || value.trim() === "") return none;
    if (known.includes(listed(value, known))) return none;
    const [first, second, third] = known;
    const fix = `Type one of ${known.length} values, for example ${[first, second, third].filter(Boolean).join(", ")}.`;
    return finding("not_listed", `Microsoft does not know ${JSON.stringify(value.slice(0, 80))} here.`, fix);
  };

const programmeRules: readonly Rule[] = [
  {
    id: "azure.fields.known",
    about: "azure.fields",
    when: "always",
    says: "Programme fields are those that cosell documents, in their shapes.",
    source: sources.cosell,
    check: shape,
  },
  {
    id: "azure.deal-type.required",
    about: "azure.dealType",
    when: "submission",
    says: "It must be said how far the deal is shared: nothing that is shared can be taken back.",
    source: sources.create,
    check: ({ fields, type }) => {
      if (type !== null) return none;
      const given = fields.dealType;
      const fix = `Set azure.dealType to one of ${dealTypes.join(", ")}, or give the connection a default.`;
      return given === undefined || given === null || given === ""
        ? finding(
            "required",
            "It is not said whether Microsoft only records the deal, sees it, or is asked to help.",
            fix,
          )
        : finding("not_listed", `There is no deal type ${JSON.stringify(String(given).slice(0, 40))}.`, fix);
    },
  },
  {
    id: "azure.solutions.required",
    about: "solutions",
    when: "always",
    says: "At least one co-sell-ready solution, SOL-00000-XXX or a GUID.",
    source: sources.connector,
    check: ({ fields, target }) => {
      const ids = textsOf(fields.solutions) ?? [];
      const known = target.settings.solutions.map(({ id, name }) => `${id} (${name})`).slice(0, 3);
      const offer = known.length === 0 ? "SOL-34104-EBA" : known.join(", ");
      if (ids.length === 0)
        return finding(
          "required",
          "Microsoft needs a co-sell-ready solution and none is named.",
          `Name one in azure.solutions, for example ${offer}.`,
        );
      const odd = ids.find((id) => !solutionPattern.test(id));
      return odd === undefined
        ? none
        : finding(
            "bad_format",
            `${JSON.stringify(odd.slice(0, 60))} is no id of a solution.`,
            `Give the solution's id, for example ${offer}.`,
          );
    },
  },
  {
    id: "azure.assistance.listed",
    about: "azure.assistanceRequestCode",
    when: "submission",
    says: "What help is asked for is one of Microsoft's codes.",
    source: sources.resources,
    check: oneOf("assistanceRequestCode", () => assistanceCodes),
  },
  {
    id: "azure.customer-size.listed",
    about: "customer.size",
    when: "always",
    says: "The customer's size is one of Microsoft's words.",
    source: sources.resources,
    check: oneOf("customerSize", () => customerSizes),
  },
  {
    id: "azure.solution-area.listed",
    about: "solutionArea",
    when: "always",
    says: "The solution area is one of those in settings.taxonomy, where the connection states them.",
    source: sources.resources,
    check: oneOf("solutionArea", (given) =>
      given.target.settings.taxonomy?.solutionAreas ? areasOf(given.target) : null,
    ),
  },
  {
    id: "azure.solution-play.listed",
    about: "solutionPlay",
    when: "always",
    says: "The solution play is one of those in settings.taxonomy, where the connection states them.",
    source: sources.resources,
    check: oneOf("solutionPlay", (given) =>
      given.target.settings.taxonomy?.solutionPlays ? playsOf(given.target) : null,
    ),
  },
];

const dealRules: readonly Rule[] = [
  {
    id: "azure.name.required",
    about: "name",
    when: "always",
    says: "The deal has a name.",
    source: sources.create,
    check: needs("name", "a name of the deal", '"Migration of the shop"'),
  },
  {
    id: "azure.notes.length",
    about: "notes",
    when: "always",
    says: "Notes are at most 4,000 characters: no bound is published, and more is cut off by the portal.",
    source: sources.cosell,
    check: within("notes", "the notes", 4_000),
  },
  {
    id: "azure.value.required",
    about: "value",
    when: "always",
    says: "The deal's value with its ISO 4217 currency; at most 15 digits, which a number holds exactly.",
    source: sources.create,
    check: ({ document, draft }) => {
      const money = draft.opportunity.amount;
      if (document.value === undefined || !money)
        return finding(
          "required",
          "Microsoft needs the deal's value and currency.",
          "Fill in the amount, for example 50000 USD.",
        );
      const digits = money.amount.replace(/\D/g, "").replace(/^0+/, "").length;
      if (money.amount.startsWith("-"))
        return finding("not_allowed", "Microsoft takes no negative value.", "Correct the amount.");
      return digits > digitsMax
        ? finding(
            "too_long",
            `The amount has ${digits} digits; a number holds ${digitsMax} exactly.`,
            "Round the amount.",
          )
        : none;
    },
  },
  {
    id: "azure.closing.required",
    about: "closing",
    when: "always",
    says: "The expected close date; not in the past while the deal is open.",
    source: sources.create,
    check: (given) => {
      const { draft, document } = given;
      const missing = needs("closing", "the expected close date", "2027-03-31")(given);
      if (missing.length > 0) return missing;
      const isOver = document.end !== undefined;
      return !isOver && textAt(document, "closing") < draft.today
        ? finding(
            "in_the_past",
            `The close date ${textAt(document, "closing")} has passed.`,
            "Move the close date, or close the deal.",
          )
        : none;
    },
  },
  {
    id: "azure.lost.not-shared",
    about: "end",
    when: "submission",
    says: "A deal that is lost is not shared.",
    source: sources.cosell,
    check: ({ document }) =>
      document.end === "Lost"
        ? finding("not_allowed", "The deal is lost: there is nothing to share.", "Reopen the deal, or do not share it.")
        : none,
  },
];

const rules: readonly Rule[] = [...programmeRules, ...dealRules, ...peopleRules];

const isPath = (about: string): about is Path => Object.hasOwn(ourFields, about);
const fieldOf = (about: string): string => (isPath(about) ? ourFields[about] : about);

/** The pack as data, for documents and the API: what is checked, since when, after which source. */
export const rulePack = {
  version: "2026-11-26",
  model: "Partner Center referrals, documents of 2019 to 2025 and the connector's contract",
  rows: rules.map(({ id, about, when, says, source }) => ({ id, field: fieldOf(about), when, says, source })),
} as const;

const gapsOf = (chosen: readonly Rule[], given: Case): readonly Gap[] => {
  const byField = new Map<string, Gap>();
  for (const rule of chosen)
    for (const { code, message, fix, field } of rule.check(given)) {
      const name = field ?? fieldOf(rule.about);
      if (!byField.has(name)) byField.set(name, { field: name, code, message, fix, source: rule.source });
    }
  return [...byField.values()];
};

const caseOf = (draft: ShareDraft, target: Target): Case => {
  const fields: JsonObject = withDefaults(target, draft.fields);
  return { document: documentOf(draft, target), draft, fields, type: dealTypeOf(fields), target };
};

/** What Microsoft would refuse of a first submission, one gap per field. Pure. */
export const submissionGaps = (draft: ShareDraft, target: Target): readonly Gap[] =>
  gapsOf(rules, caseOf(draft, target));

/** What it would refuse of an update: only rules about what changes; what it holds already is not judged again. */
export const updateGaps = (draft: ShareDraft, target: Target, changed: ReadonlySet<Path>): readonly Gap[] => {
  const touched = rules.filter(({ about, when }) => when === "always" && isPath(about) && changed.has(about));
  return gapsOf(touched, caseOf(draft, target));
};

/** Our field for a member that Microsoft names in some notation; null when we do not know it. */
export const fieldNamed = (name: string): { readonly field: string; readonly source: string } | null => {
  const plain = (text: string) =>
    text
      .replace(/\[\d*\]|\/\d+/g, "")
      .replace(/[^a-z0-9]+/gi, "/")
      .replace(/^\/|\/$/g, "")
      .toLowerCase();
  const wanted = plain(name).replace(/^referral\//, "");
  if (wanted === "") return null;
  const all = Object.keys(ourFields).filter(isPath);
  const exact = all.find((path) => plain(pointers[path]) === wanted);
  const ending = all.filter((path) => plain(pointers[path]).endsWith(`/${wanted.split("/").at(-1)}`));
  const path = exact ?? (ending.length === 1 ? ending[0] : undefined);
  if (path === undefined) return null;
  return { field: ourFields[path], source: rules.find((rule) => rule.about === path)?.source ?? sources.resources };
};
