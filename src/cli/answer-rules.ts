/** `cosell answer-rules`: rules that answer invitations: written, tried, changed. */
import { z } from "zod";
import { type AnswerAction, answerActions } from "../domain/answer-rule.ts";
import type { Arguments } from "./arguments.ts";
import { withClient } from "./client.ts";
import { type Command, type Flag, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { didYouMean } from "./nearest.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const rulesMax = 10_000;

const ruleSchema = z.looseObject({
  id: z.string(),
  connectionId: z.string(),
  position: z.number(),
  name: z.string(),
  condition: z.string(),
  action: z.enum(answerActions),
  reason: z.string().nullable(),
  version: z.number(),
});
type Rule = z.infer<typeof ruleSchema>;

/** What is typed for an action. */
const actionWords = { accept: "accept_as_new", reject: "reject", leave: "leave" } as const satisfies Record<
  string,
  AnswerAction
>;
const wordOf = (action: AnswerAction): string =>
  Object.entries(actionWords).find(([, known]) => known === action)?.[0] ?? action;

const ruleFlags: readonly Flag[] = [
  textFlag("when", "condition", 'CEL over what is known, for example country == "DE" && candidates == 0'),
  textFlag("do", "action", "accept (open a new deal), reject, or leave (to a person; no further rule is tried)"),
  textFlag("reason", "code", "why, with --do reject; cosell invitations reasons lists them"),
  textFlag("position", "number", "rules are tried in this order, smallest first; default 100"),
];

export const answerRulesCommand: Command = {
  name: "answer-rules",
  summary: "List the rules that answer invitations, in their order",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: "The first rule that holds answers an invitation when it arrives. What no rule covers waits for a person.",
  flags: [textFlag("connection", "label", "only rules of this one")],
  examples: ["cosell answer-rules", 'cosell answer-rules --connection "AWS production" --json'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const label = typed.text("connection");
      const connection = label === undefined ? undefined : (await findConnection(client, label)).id;
      const rules: Rule[] = [];
      for await (const rule of client.each("/v1/answer-rules", ruleSchema, { connection }, rulesMax)) rules.push(rule);
      const text =
        rules.length === 0
          ? "no rules: a person answers every invitation; cosell answer-rules add makes one\n"
          : `${renderRules(rules, shell.columns)}\n${counted(rules.length, "rule")}\n`;
      return { exitCode: exitCodes.ok, text, json: { rules: jsonOf(rules) } };
    }),
};

const jsonOf = (value: unknown) => z.json().parse(JSON.parse(JSON.stringify(value)));
const renderRules = (rules: readonly Rule[], columns: number): string =>
  renderTable(
    rules,
    [
      { title: "position", cell: (rule) => String(rule.position), right: true },
      { title: "name", cell: (rule) => rule.name, shrink: true },
      { title: "when", cell: (rule) => rule.condition, shrink: true, lines: 3 },
      { title: "do", cell: (rule) => `${wordOf(rule.action)}${rule.reason === null ? "" : `: ${rule.reason}`}` },
      { title: "version", cell: (rule) => String(rule.version), right: true },
      { title: "id", cell: (rule) => rule.id },
    ],
    columns,
  );

export const answerRuleAddCommand: Command = {
  name: "answer-rules add",
  summary: "Write a rule for the invitations that arrive from now on",
  operands: "<name>",
  operandsMin: 1,
  operandsMax: 1,
  about:
    "A rule never accepts everything: its condition must read a field. cosell answer-rules fields lists them; cosell answer-rules dry-run shows what the rules would do now.",
  flags: [textFlag("connection", "label", "the connection it is for; default the only one"), ...ruleFlags],
  examples: [
    'cosell answer-rules add "German retail" --when \'industry == "Retail" && country == "DE"\' --do accept',
    'cosell answer-rules add "No mining" --when \'industry == "Mining"\' --do reject --reason unable_to_support',
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const content = readRule(typed, null);
      const connection = await findConnection(client, typed.text("connection"));
      const rule = await client.post("/v1/answer-rules", { ...content, connectionId: connection.id }, ruleSchema);
      return {
        exitCode: exitCodes.ok,
        text: `${rule.name} is rule ${rule.id}, version ${rule.version}\n`,
        json: jsonOf(rule),
      };
    }),
};

export const answerRuleChangeCommand: Command = {
  name: "answer-rules change",
  summary: "Change a rule; answers given before name the version they followed",
  operands: "<anr_…>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [textFlag("name", "text", "its name"), ...ruleFlags],
  examples: ["cosell answer-rules change anr_0199c0de00007000800000000000a001 --position 5"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const path = `/v1/answer-rules/${encodeURIComponent(typed.operands[0] ?? "")}`;
      const known = await client.get(path, ruleSchema);
      const body = readRule(typed, known);
      const rule = await client.put(path, { body, version: known.version }, ruleSchema);
      return { exitCode: exitCodes.ok, text: `${rule.name} is at version ${rule.version}\n`, json: jsonOf(rule) };
    }),
};

export const answerRuleRemoveCommand: Command = {
  name: "answer-rules remove",
  summary: "Take a rule out of force",
  operands: "<anr_…>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [],
  examples: ["cosell answer-rules remove anr_0199c0de00007000800000000000a001"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [id = ""] = typed.operands;
      await client.remove(`/v1/answer-rules/${encodeURIComponent(id)}`);
      return { exitCode: exitCodes.ok, text: `${id} is out of force\n`, json: { removed: id } };
    }),
};

const trialSchema = z.object({
  items: z.array(
    z.looseObject({
      invitationId: z.string(),
      remoteId: z.string(),
      title: z.string().nullable(),
      ruleName: z.string().nullable(),
      action: z.enum(answerActions).nullable(),
      reason: z.string().nullable(),
    }),
  ),
});
export const answerRuleDryRunCommand: Command = {
  name: "answer-rules dry-run",
  summary: "Show what the rules would do with the invitations that wait now; nothing is answered",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [textFlag("connection", "label", "the connection; default the only one"), ...ruleFlags],
  about: "With --when and --do a further rule is tried as if it were saved.",
  examples: ["cosell answer-rules dry-run", "cosell answer-rules dry-run --when 'daysLeft <= 2' --do leave"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const connection = await findConnection(client, typed.text("connection"));
      const rule = typed.text("when") === undefined ? {} : { rule: { ...readRule(typed, null), name: "tried" } };
      const { items } = await client.post(
        "/v1/answer-rules/dry-run",
        { connectionId: connection.id, ...rule },
        trialSchema,
      );
      const table = renderTable(
        items,
        [
          { title: "invitation", cell: (row) => row.remoteId },
          { title: "what", cell: (row) => row.title ?? "", shrink: true },
          { title: "rule", cell: (row) => row.ruleName ?? "none holds", shrink: true },
          {
            title: "would",
            cell: (row) =>
              row.action === null
                ? "wait for a person"
                : `${wordOf(row.action)}${row.reason === null ? "" : `: ${row.reason}`}`,
          },
        ],
        shell.columns,
      );
      const text =
        items.length === 0
          ? "no invitation waits\n"
          : `${table}\n${counted(items.length, "invitation")} (nothing was answered)\n`;
      return { exitCode: exitCodes.ok, text, json: { invitations: jsonOf(items) } };
    }),
};

const fieldSchema = z.looseObject({ name: z.string(), type: z.string(), description: z.string() });
export const answerRuleFieldsCommand: Command = {
  name: "answer-rules fields",
  summary: "List what a rule's condition may read",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [],
  examples: ["cosell answer-rules fields"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { items } = await client.get("/v1/answer-rules/fields", z.object({ items: z.array(fieldSchema) }));
      const text = renderTable(
        items,
        [
          { title: "field", cell: (field) => field.name },
          { title: "type", cell: (field) => field.type },
          { title: "what it is", cell: (field) => field.description, shrink: true },
        ],
        shell.columns,
      );
      return { exitCode: exitCodes.ok, text, json: { fields: jsonOf(items) } };
    }),
};

/** The rule that the flags describe, over a known one where it is changed. Throws a usage `Failure` where something is missing. */
const readRule = (typed: Arguments, known: Rule | null) => {
  const condition = typed.text("when") ?? known?.condition;
  if (condition === undefined) throw usageFailure("a rule needs a condition", "add --when '<condition>'");
  const word = typed.text("do");
  const action = word === undefined ? known?.action : actionOf(word);
  if (action === undefined) throw usageFailure("a rule needs to say what to do", "add --do accept, reject or leave");
  const position = typed.text("position") ?? String(known?.position ?? 100);
  if (!/^\d{1,6}$/.test(position))
    throw usageFailure(`--position ${position} is no number`, "give a whole number from 0 on");
  const reason = typed.text("reason") ?? (action === "reject" ? (known?.reason ?? null) : null);
  const name = typed.text("name") ?? known?.name ?? typed.operands[0] ?? "";
  return { name, condition, action, reason, position: Number(position) };
};
const actionOf = (word: string): AnswerAction => {
  const words = Object.keys(actionWords);
  const action = Object.entries(actionWords).find(([known]) => known === word)?.[1];
  if (action === undefined)
    throw usageFailure(`--do ${word} is unknown${didYouMean(word, words)}`, `use ${words.join(", ")}`);
  return action;
};
