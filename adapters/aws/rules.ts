/**
 * What AWS's programme is known to refuse, as dated data: one row per rule, with its source. AWS's server remains the
 * judge; these rows keep what it would refuse from being sent, and say what to type instead.
 */
import type { ShareDraft } from "../../src/domain/deal.ts";
import type { Gap } from "../../src/domain/fault.ts";
import type { Case, Rule } from "./checks.ts";
import { ourFields, type Path } from "./document.ts";
import { documentOf } from "./map.ts";
import { offerRuleRows } from "./offers/rules.ts";
import { source } from "./picklists.generated.ts";
import { customerRules } from "./rules-customer.ts";
import { moneyRules } from "./rules-money.ts";
import { lifeCycleRules, marketingRules, projectRules } from "./rules-project.ts";
import { shareRules } from "./rules-share.ts";
import { type Target, withDefaults } from "./settings.ts";

const rules: readonly Rule[] = [
  ...shareRules,
  ...customerRules,
  ...projectRules,
  ...moneyRules,
  ...lifeCycleRules,
  ...marketingRules,
];

const isPath = (about: string): about is Path => Object.hasOwn(ourFields, about);
const fieldOf = (about: string): string => (isPath(about) ? ourFields[about] : about);

/** The pack as data, for documents and the API: what is checked, since when, after which source. */
export const rulePack = {
  /** The day on which the rows were last compared with their sources. */
  version: "2026-09-01",
  model: source,
  rows: [
    ...rules.map(({ id, about, when, says, source: from }) => ({
      id,
      field: fieldOf(about),
      when,
      says,
      source: from,
    })),
    ...offerRuleRows,
  ],
} as const;

const gapsOf = (chosen: readonly Rule[], given: Case): readonly Gap[] => {
  const byField = new Map<string, Gap>();
  for (const rule of chosen) {
    for (const { code, message, fix, field } of rule.check(given)) {
      // The industry may come from either side: the one that was used is the one to correct.
      const own =
        rule.about === "Customer.Account.Industry" && given.fields.industry ? "aws.industry" : fieldOf(rule.about);
      const name = field ?? own;
      if (!byField.has(name)) byField.set(name, { field: name, code, message, fix, source: rule.source });
    }
  }
  return [...byField.values()];
};

/** What AWS would refuse of a first submission, one gap per field. Pure. */
export const submissionGaps = (draft: ShareDraft, target: Target): readonly Gap[] =>
  gapsOf(rules, { document: documentOf(draft, target), draft, fields: withDefaults(target, draft.fields) });

/**
 * What AWS would refuse of an update: only rules about what changes, or that the change sets off. What AWS already
 * holds is not judged again.
 */
export const updateGaps = (given: Case, changed: ReadonlySet<Path>): readonly Gap[] =>
  gapsOf(
    rules.filter(({ about, when, triggers }) => {
      if (when === "submission") return false;
      if (isPath(about) && changed.has(about)) return true;
      return triggers === "any" || (triggers ?? []).some((path) => changed.has(path));
    }),
    given,
  );

/** Our field for a member named by AWS in some notation, and the fix to tell; null when we do not know it. */
export const fieldNamed = (name: string): { readonly field: string; readonly source: string } | null => {
  const plain = (text: string) =>
    text
      .replace(/\[\d*\]|\/\d+/g, "")
      .replace(/[^a-z0-9]+/gi, ".")
      .replace(/^\.|\.$/g, "")
      .toLowerCase();
  const wanted = plain(name);
  if (wanted === "") return null;
  const exact = Object.keys(ourFields)
    .filter(isPath)
    .find((path) => {
      const own = plain(path);
      return own === wanted || wanted.startsWith(`${own}.`);
    });
  const ending = Object.keys(ourFields)
    .filter(isPath)
    .filter((path) => plain(path).endsWith(`.${wanted.split(".").at(-1)}`));
  const path = exact ?? (ending.length === 1 ? ending[0] : undefined);
  if (path === undefined) return null;
  return { field: ourFields[path], source: rules.find((rule) => rule.about === path)?.source ?? source };
};
