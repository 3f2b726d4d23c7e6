/** `cosell answer-rules`: rules that answer invitations: written, tried, changed. */
import * as z from "zod";
import { type AnswerAction, answerActions } from "../domain/answer-rule.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Flag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
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
          ? "no rules: a person answers every invitation; cosell answer-rules save makes one\n"
          : `${renderRules(rules, shell.columns)}\n${counted(rules.length, "rule")}\n`;
      return { exitCode: exitCodes.ok, text, json: { rules: jsonOf(rules) } };
    }),
};

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

export const answerRuleSaveCommand: Command = {
  name: "answer-rules save",
  summary: "Save a rule for the invitations that arrive from now on: a new one, or another content of a known one",
  operands: "<rule>",
  operandsMin: 1,
  operandsMax: 1,
  about: `
A rule is known by its id or its name: of a known one only what the flags name changes, and each change is a new version.
A rule never accepts everything: its condition must read a field. cosell answer-rules fields lists them; cosell answer-rules
dry-run shows what the rules would do now.`,
  flags: [
    textFlag("connection", "label", "the connection it is for; default the only one"),
    textFlag("name", "text", "another name for a known rule"),
    ...ruleFlags,
  ],
  examples: [
    'cosell answer-rules save "German retail" --when \'industry == "Retail" && country == "DE"\' --do accept',
    'cosell answer-rules save "No mining" --when \'industry == "Mining"\' --do reject --reason unable_to_support',
    'cosell answer-rules save "No mining" --position 5',
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const known = await findAnswerRule(client, typed);
      const content = readRule(typed, known);
      if (known !== null) {
        const path = `/v1/answer-rules/${known.id}`;
        const rule = await client.put(path, { body: content, version: known.version }, ruleSchema);
        const outcome = rule.version === known.version ? "unchanged" : "saved";
        return {
          exitCode: exitCodes.ok,
          text: `${rule.name}: ${outcome}, version ${rule.version}\n`,
          json: jsonOf(rule),
        };
      }
      const connection = await findConnection(client, typed.text("connection"));
      const rule = await client.post("/v1/answer-rules", { ...content, connectionId: connection.id }, ruleSchema);
      const text = `${rule.name}: created, version ${rule.version} (${rule.id})\n`;
      return { exitCode: exitCodes.ok, text, json: jsonOf(rule) };
    }),
};

export const answerRuleDeleteCommand: Command = {
  name: "answer-rules delete",
  summary: "Delete a rule; answers it gave still name it",
  operands: "<rule>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [textFlag("connection", "label", "the connection it is for, where several have a rule of this name")],
  examples: ['cosell answer-rules delete "No mining"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rule = await findAnswerRule(client, typed);
      if (rule === null)
        throw new Failure(`there is no answer rule ${typed.operands[0]}`, { fix: "cosell answer-rules lists them" });
      await client.remove(`/v1/answer-rules/${rule.id}`);
      return { exitCode: exitCodes.ok, text: `${rule.name} is deleted\n`, json: { rule: rule.id, deleted: true } };
    }),
};

/** The rule that the operand means by its id or name, on `--connection` where given; null: none. Throws where it means several. */
const findAnswerRule = async (client: Client, typed: Arguments): Promise<Rule | null> => {
  const [name = ""] = typed.operands;
  const label = typed.text("connection");
  const connection = label === undefined ? undefined : (await findConnection(client, label)).id;
  const meant: Rule[] = [];
  for await (const rule of client.each("/v1/answer-rules", ruleSchema, { connection }, rulesMax))
    if (rule.id === name || rule.name === name) meant.push(rule);
  if (meant.length > 1) throw usageFailure(`${name} is more than one rule`, "name it by its id, anr_…");
  return meant[0] ?? null;
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
