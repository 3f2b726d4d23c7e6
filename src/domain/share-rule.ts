/**
 * Share rules: which deals go to which programme without a person. A rule is data with versions; what it adds to a deal is
 * marked, and leaves only with the rule's consent: a value nobody gave is never invented.
 */
import * as z from "zod";
import { compileCondition, conditionCharactersMax, type Fields } from "./condition.ts";
import {
  type AccountInput,
  type Connection,
  dateSchema,
  type Json,
  type JsonObject,
  jsonObjectSchema,
  type MarketplaceId,
  type Opportunity,
  type ShareDraft,
  type Synthetic,
} from "./deal.ts";
import type { Gap } from "./fault.ts";
import { moneyJsonSchema } from "./money.ts";
import { type DealFacts, factsOf } from "./rule-fields.ts";

/** How the partner is asked to join. Each programme has its own words for it. */
export const involvements = ["co_sell", "visibility"] as const;
export type Involvement = (typeof involvements)[number];

/** Rules that can be in force at once. */
export const rulesMax = 100;
const defaultsMax = 50;

export const ruleContentSchema = z.object({
  name: z.string().trim().min(1).max(80),
  enabled: z.boolean().describe("false: kept, but decides nothing"),
  connectionId: z.string(),
  condition: z
    .string()
    .max(conditionCharactersMax)
    .describe("which deals, in the portable subset of CEL; its fields are listed under /v1/share-rules/fields"),
  involvement: z.enum(involvements).describe("co_sell: the partner joins; visibility: it only sees the deal"),
  defaults: jsonObjectSchema
    .refine((defaults) => Object.keys(defaults).length <= defaultsMax, `at most ${defaultsMax} defaults`)
    .describe('what stands in where the deal gives nothing, by field: {"aws.useCase": "…", "termMonths": 12}'),
  sendDefaults: z
    .boolean()
    .describe("the rule's consent: false keeps a share that would need a default as a draft, with a gap for each"),
});
export type RuleContent = z.infer<typeof ruleContentSchema>;

/** One version of a rule. Never changed: a new content is a new version. */
export const ruleVersionSchema = ruleContentSchema.extend({
  ruleId: z.string(),
  version: z.number().int(),
  authorId: z.string(),
  authorName: z.string(),
  createdAt: z.date(),
});
export type RuleVersion = z.infer<typeof ruleVersionSchema>;

/** A version with what its involvement comes to in the programme's own fields, and whether the rule still is in force. */
export interface StandingRule {
  /** Null: not saved yet. */
  readonly id: string | null;
  readonly version: number;
  readonly content: RuleContent;
  readonly involvementFields: JsonObject;
  readonly isDeleted: boolean;
}

/** What rules need to know of the programme behind a connection. */
export interface Programme {
  /** Of the marketplace, for people. */
  readonly name: string;
  readonly marketplace: MarketplaceId;
  /** What conditions may read: the deal's fields and the programme's own. */
  readonly fields: Fields;
  /** Names of the programme's own fields, without prefix; empty when it takes any. */
  readonly memberNames: readonly string[];
  readonly gaps: (draft: ShareDraft) => readonly Gap[];
  /** The programme's fields for an involvement; null when it knows no difference. */
  readonly involvement: ((wanted: Involvement) => JsonObject) | null;
}

const text = (max: number) => z.string().trim().min(1).max(max);
/** Members of the deal that a rule may stand in for, and what each takes. */
export const dealDefaults: Readonly<Record<string, z.ZodType<Json>>> = {
  problem: text(8000),
  nextSteps: text(2000),
  closeDate: dateSchema,
  amount: moneyJsonSchema.strict(),
  termMonths: z.number().int().min(1).max(144),
  "account.country": z.string().regex(/^[A-Z]{2}$/, "two upper-case letters, ISO 3166-1 alpha-2"),
  "account.state": text(255),
  "account.city": text(255),
  "account.postalCode": text(40),
  "account.street": text(255),
  "account.industry": text(255),
};

const isBlank = (value: unknown): boolean =>
  value === undefined ||
  (typeof value === "string" && value.trim() === "") ||
  (Array.isArray(value) && value.length === 0);

export interface StandInInput {
  readonly rule: StandingRule;
  readonly marketplace: MarketplaceId;
  readonly opportunity: Opportunity;
  readonly account: AccountInput;
  /** The share's own programme fields. */
  readonly fields: JsonObject;
}
export interface StandIns {
  /** Programme fields, without prefix. */
  readonly fields: JsonObject;
  readonly opportunity: JsonObject;
  readonly account: JsonObject;
  readonly synthetic: readonly Synthetic[];
}

/**
 * Which defaults of the rule stand in, because neither the deal nor the share gives the field. A programme field that is
 * null was emptied on purpose and counts as given. Without consent nothing stands in; the marks say what would.
 */
export const standIns = ({ rule, marketplace, opportunity, account, fields }: StandInInput): StandIns => {
  const own: JsonObject = { ...opportunity.programmes[marketplace], ...fields };
  const given = (field: string): unknown => {
    const [head = "", ...rest] = field.split(".");
    if (head === marketplace) return Object.hasOwn(own, rest.join(".")) ? own[rest.join(".")] : undefined;
    const holder: object = head === "account" ? account : opportunity;
    return Reflect.get(holder, rest[0] ?? head) ?? undefined;
  };
  const missing = Object.entries(rule.content.defaults).filter(([field]) => isBlank(given(field)));
  const { sendDefaults } = rule.content;
  const pick = (isOf: (field: string) => boolean, prefix: string): JsonObject =>
    Object.fromEntries(
      sendDefaults
        ? missing.filter(([field]) => isOf(field)).map(([field, value]) => [field.slice(prefix.length), value])
        : [],
    );
  return {
    fields: pick((field) => field.startsWith(`${marketplace}.`), `${marketplace}.`),
    account: pick((field) => field.startsWith("account."), "account."),
    opportunity: pick((field) => !field.includes("."), ""),
    synthetic: missing.map(([field, value]) => ({
      field,
      value,
      ruleId: rule.id,
      ruleVersion: rule.version,
      consented: sendDefaults,
    })),
  };
};

const sourceOf = (rule: StandingRule): string => `share rule ${rule.id ?? "not saved yet"}, version ${rule.version}`;

/** One gap for each default that the rule does not let go. */
const consentGaps = (rule: StandingRule, synthetic: readonly Synthetic[]): readonly Gap[] =>
  synthetic
    .filter((mark) => !mark.consented)
    .map(({ field }) => ({
      field,
      code: "rule_default",
      message: `${field} would be the default of the rule ${JSON.stringify(rule.content.name)}.`,
      fix: "Give it in the deal, or let the rule send its defaults.",
      source: sourceOf(rule),
    }));

export interface Judged {
  readonly draft: ShareDraft;
  readonly deal: DealFacts;
  readonly connection: Pick<Connection, "id">;
  readonly rule: StandingRule | null;
  readonly synthetic: readonly Synthetic[];
}

/**
 * What stands in the way of a share that has not left: the programme's gaps, defaults without consent in the place of the
 * programme's own gap for the field, and a rule that no longer wants the deal. Pure.
 */
export const draftGaps = (judged: Judged, programme: Programme): readonly Gap[] => {
  const { rule } = judged;
  const theirs = programme.gaps(judged.draft);
  if (rule === null) return theirs;
  const kept = consentGaps(rule, judged.synthetic);
  const named = new Set(kept.map((gap) => gap.field));
  return [...unwanted(rule, judged, programme), ...kept, ...theirs.filter((gap) => !named.has(gap.field))];
};

const unwanted = (rule: StandingRule, judged: Judged, programme: Programme): readonly Gap[] => {
  const why = whyNot(rule, judged, programme);
  if (why === null) return [];
  return [
    {
      field: "rule",
      code: "not_allowed",
      message: `The rule ${JSON.stringify(rule.content.name)} that opened this share ${why}.`,
      fix: "Change the rule or the deal, or withdraw this draft and share the deal by hand.",
      source: sourceOf(rule),
    },
  ];
};

const whyNot = (rule: StandingRule, judged: Judged, programme: Programme): string | null => {
  if (rule.isDeleted) return "was deleted";
  if (!rule.content.enabled) return "is disabled";
  if (rule.content.connectionId !== judged.connection.id) return "shares with another connection now";
  const compiled = compileCondition(rule.content.condition, programme.fields);
  if (!compiled.ok) return "can no longer be read";
  const why = compiled.condition.explain(factsOf(judged.deal, programme.marketplace));
  return why === null ? null : `no longer wants it: ${why}`;
};
