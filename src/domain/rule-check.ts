/** What is refused when a rule is saved: a condition or a default that could only go wrong later. Each refusal has place and remedy. */
import { compileCondition } from "./condition.ts";
import { problemSentence } from "./condition-problem.ts";
import type { Json, JsonObject, ShareDraft } from "./deal.ts";
import { nearest } from "./nearest.ts";
import { dealDefaults, type Programme, type RuleContent } from "./share-rule.ts";

/** One thing that is wrong with a rule. `path` leads to the member, for example `["defaults", "aws.useCase"]`. */
export interface RuleProblem {
  readonly path: readonly string[];
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}

/** Everything that is wrong with a rule for this programme; empty when it can be saved. `now` is the time of judging. */
export const checkRule = (content: RuleContent, programme: Programme, now: Date): readonly RuleProblem[] => [
  ...checkCondition(content, programme),
  ...checkInvolvement(content, programme),
  ...Object.entries(content.defaults).flatMap(([field, value]) =>
    checkDefault({ field, value, content, programme, now }),
  ),
];

const checkCondition = (content: RuleContent, programme: Programme): readonly RuleProblem[] => {
  const compiled = compileCondition(content.condition, programme.fields);
  if (compiled.ok) return [];
  const { problem } = compiled;
  const message = problemSentence({ ...problem, fix: "" }).trim();
  return [{ path: ["condition"], code: problem.code, message, fix: problem.fix }];
};

const checkInvolvement = (content: RuleContent, programme: Programme): readonly RuleProblem[] =>
  programme.involvement !== null || content.involvement === "co_sell"
    ? []
    : [
        {
          path: ["involvement"],
          code: "not_allowed",
          message: `${programme.name} knows no deals that it only sees`,
          fix: "Write co_sell.",
        },
      ];

interface Default {
  readonly field: string;
  readonly value: Json;
  readonly content: RuleContent;
  readonly programme: Programme;
  readonly now: Date;
}

const checkDefault = (given: Default): readonly RuleProblem[] => {
  const { field, value, content, programme, now } = given;
  const prefix = `${programme.marketplace}.`;
  const schema = Object.hasOwn(dealDefaults, field) ? dealDefaults[field] : undefined;
  const problem = (code: string, message: string, fix: string): RuleProblem => ({
    path: ["defaults", field],
    code,
    message,
    fix,
  });
  if (value === null) return [problem("bad_format", "a default is a value", "Give one, or remove the default.")];
  if (schema === undefined) {
    const unknown = unknownDefault(field, programme);
    if (unknown !== null) return [problem("unknown_field", ...unknown)];
    if (Object.hasOwn(programme.involvement?.(content.involvement) ?? {}, field.slice(prefix.length)))
      return [
        problem("conflicting", `${field} is what the rule's involvement says`, "Remove it, and set involvement."),
      ];
  }
  const parsed = schema?.safeParse(value);
  if (parsed?.success === false)
    return [
      problem("bad_format", parsed.error.issues[0]?.message ?? "not a value of this field", "Correct the value."),
    ];
  return programme
    .gaps(specimen({ field, value: parsed?.data ?? value, prefix, now }))
    .filter((gap) => isAbout(gap.field, field) && !relative.has(gap.code))
    .map((gap) => problem(gap.code, gap.message, gap.fix));
};

/** Whether something is missing or contradicts depends on the deal; all else is wrong with the value itself. */
const relative: ReadonlySet<string> = new Set(["required", "conflicting"]);
const isAbout = (gapField: string, field: string): boolean =>
  gapField === field || gapField.startsWith(`${field}.`) || gapField.startsWith(`${field}[`);

const unknownDefault = (field: string, programme: Programme): readonly [message: string, fix: string] | null => {
  const prefix = `${programme.marketplace}.`;
  const names = programme.memberNames.map((name) => prefix + name);
  if (field.startsWith(prefix) && (names.length === 0 || names.includes(field))) return null;
  const whole = names.find((name) => field.startsWith(`${name}.`));
  if (whole !== undefined) return [`a default is given for a whole field`, `Give ${whole} as an object.`];
  const near = nearest(field, [...Object.keys(dealDefaults), ...names]);
  return [
    `a rule cannot stand in for ${field.slice(0, 80)}`,
    near === null
      ? `Use ${Object.keys(dealDefaults).join(", ")} or a field of the programme, ${prefix}….`
      : `Did you mean ${near}?`,
  ];
};

/** A draft that says nothing but the one value, so that what the programme refuses of it is refused of the value. */
const specimen = (at: {
  readonly field: string;
  readonly value: Json;
  readonly prefix: string;
  readonly now: Date;
}): ShareDraft => {
  const { field, value, prefix, now } = at;
  const own = field.startsWith(prefix);
  const ofAccount = field.startsWith("account.");
  const stood = (is: boolean, name: string): JsonObject => (is ? { [name]: value } : {});
  return {
    shareId: "shr_specimen",
    opportunity: {
      id: "opp_specimen",
      source: "specimen",
      key: "specimen",
      title: "specimen",
      accountId: "acc_specimen",
      partnerId: null,
      stage: "qualified",
      type: "new",
      programmes: {},
      taggedAt: null,
      version: 1,
      createdAt: now,
      updatedAt: now,
      ...stood(!own && !ofAccount, field),
    },
    account: { name: "specimen", ...stood(ofAccount, field.slice("account.".length)) },
    contacts: [],
    fields: stood(own, field.slice(prefix.length)),
    today: now.toISOString().slice(0, 10),
  };
};
