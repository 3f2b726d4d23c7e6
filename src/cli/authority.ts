/** `cosell authority`: who may change which field of a deal, and who wins where two did. */
import * as z from "zod";
import { decisions, ruledFields, sides } from "../domain/fields.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { ruleWords } from "./deal-fields.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { didYouMean } from "./nearest.ts";
import { whereabouts } from "./shares.ts";
import { renderTable } from "./table.ts";

const path = "/v1/field-authority";
const authoritySchema = z.object({
  version: z.number().int(),
  changedAt: z.string().nullish(),
  changedBy: z.string().nullish(),
  rules: z.array(
    z.object({
      field: z.enum(ruledFields),
      source: z.string().nullable(),
      sides: z.array(z.enum(sides)),
      decides: z.enum(decisions),
      isDefault: z.boolean(),
    }),
  ),
});
type Authority = z.infer<typeof authoritySchema>;

const about = `
crm is the CRM's import, ours a person or key of this service, partner their record. A side that is not named never changes the
field. Where two changed it without knowing of each other, the one named first wins, or with --latest the later change.`;

export const authorityCommand: Command = {
  name: "authority",
  summary: "Show who may change which field",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about,
  flags: [],
  examples: ["cosell authority"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => report(shell, await client.get(path, authoritySchema))),
};

export const authoritySetCommand: Command = {
  name: "authority set",
  summary: "Say who may change a field, or take its rule back",
  operands: "<field> <side,side | default>",
  operandsMin: 2,
  operandsMax: 2,
  about: `${about}
Fields: ${ruledFields.join(", ")}; programmes are the fields that one programme alone asks for.`,
  flags: [
    switchFlag("latest", "the later change wins, whoever made it"),
    textFlag("source", "crm", "only for deals of this CRM"),
  ],
  examples: [
    "cosell authority set closeDate crm,ours",
    "cosell authority set nextSteps partner,ours,crm --latest --source salesforce",
    "cosell authority set closeDate default",
  ],
  run: (shell, typed) => {
    const rule = readRule(typed);
    return withClient(shell, whereabouts(typed), async (client) => report(shell, await change(client, rule)));
  },
};

const readRule = (typed: Arguments) => {
  const [name = "", list = ""] = typed.operands;
  const field = ruledFields.find((known) => known === name);
  if (field === undefined)
    throw usageFailure(`there is no field ${name}${didYouMean(name, ruledFields)}`, `use ${ruledFields.join(", ")}`);
  const named = list === "default" ? [] : list.split(",").map((word) => word.trim());
  for (const word of named)
    if (!sides.some((side) => side === word))
      throw usageFailure(`there is no side ${word}${didYouMean(word, sides)}`, `use ${sides.join(", ")}, or default`);
  const source = typed.text("source") ?? null;
  return { field, source, sides: named, decides: typed.on("latest") ? "latest" : "order" };
};

const change = async (client: Client, rule: ReturnType<typeof readRule>): Promise<Authority> => {
  const { version, rules } = await client.get(path, authoritySchema);
  const kept = rules
    .filter(({ isDefault }) => !isDefault)
    .filter(({ field, source }) => field !== rule.field || source !== rule.source)
    .map(({ isDefault: _, ...made }) => made);
  const body = { rules: rule.sides.length === 0 ? kept : [...kept, rule] };
  return client.put(path, { body, version }, authoritySchema);
};

const report = (shell: Shell, { version, rules, changedAt, changedBy }: Authority): Report => {
  const text = renderTable(
    rules,
    [
      { title: "field", cell: ({ field }) => field },
      { title: "deals of", cell: ({ source }) => source ?? "all" },
      { title: "may change it", cell: ruleWords },
      { title: "made by", cell: ({ isDefault }) => (isDefault ? "default" : "you") },
    ],
    shell.columns,
  );
  const made =
    version === 0
      ? "all are defaults"
      : `version ${version}, by ${changedBy ?? ""} on ${(changedAt ?? "").slice(0, 10)}`;
  return {
    exitCode: exitCodes.ok,
    text: `${text}\n${made}\n`,
    json: { version, rules: rules.map((rule) => ({ ...rule })) },
  };
};
