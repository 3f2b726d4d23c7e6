/** `cosell deals show`, `cosell deals fields`: one deal, where each of its values comes from, and who says otherwise. */
import * as z from "zod";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag } from "./command.ts";
import { findDeal } from "./deals.ts";
import { exitCodes } from "./failure.ts";
import { shownValue } from "./field-value.ts";
import { jsonOf } from "./json.ts";
import { whereabouts } from "./shares.ts";
import { readSides, renderSides } from "./side-by-side.ts";
import { counted, printable, renderTable } from "./table.ts";

const fieldsMax = 10_000;

const wordSchema = z.looseObject({
  side: z.string(),
  source: z.string(),
  value: z.json(),
  actorName: z.string().default(""),
  at: z.string(),
});
const fieldSchema = z.looseObject({
  field: z.string(),
  value: z.json(),
  rule: z.looseObject({ sides: z.array(z.string()), decides: z.string() }),
  from: wordSchema.nullable(),
  others: z.array(wordSchema.extend({ agrees: z.boolean(), reason: z.string().nullish() })),
  conflict: z.boolean(),
});
type Field = z.infer<typeof fieldSchema>;

const dealSchema = z.looseObject({
  id: z.string(),
  source: z.string(),
  key: z.string(),
  title: z.string(),
  stage: z.string(),
  version: z.number(),
  updatedAt: z.string().default(""),
  account: z.looseObject({ name: z.string(), website: z.string().nullish(), country: z.string().nullish() }),
  contacts: z.array(z.unknown()).default([]),
});

export const dealFieldsCommand: Command = {
  name: "deals fields",
  summary: "Tell where each value of a deal comes from",
  operands: "<opp_… | source:key>",
  operandsMin: 1,
  operandsMax: 1,
  about: `
For each field: the value, whose it is, since when, who may change it, and what the other sides say. crm is the CRM's import, ours
a person or key of this service, partner their record. People are only counted.`,
  flags: [switchFlag("conflicts", "only fields on which the sides differ"), switchFlag("all", "empty fields too")],
  examples: [
    "cosell deals fields salesforce:006Hs00001ABCDE",
    "cosell deals fields salesforce:006Hs00001ABCDE --conflicts",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const deal = await findDeal(client, typed.operands[0] ?? "");
      const fields = await readFields(client, deal.id);
      const differing = fields.filter(({ conflict }) => conflict);
      const told = typed.on("all") ? fields : fields.filter(isTold);
      const text = [
        renderFields(typed.on("conflicts") ? differing : told, shell.columns),
        `\n${counted(fields.filter(({ value }) => value !== null).length, "field")} with a value, ${counted(differing.length, "conflict")}\n`,
      ].join("");
      const json = { deal: deal.id, fields: jsonOf(typed.on("conflicts") ? differing : fields) };
      return { exitCode: exitCodes.ok, text, json };
    }),
};

export const dealShowCommand: Command = {
  name: "deals show",
  summary: "Tell one deal: its values, where they come from, its shares",
  operands: "<opp_… | source:key>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [],
  examples: ["cosell deals show salesforce:006Hs00001ABCDE"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), (client) => show(shell, client, typed.operands[0] ?? "")),
};

const show = async (shell: Shell, client: Client, name: string): Promise<Report> => {
  const { id } = await findDeal(client, name);
  const deal = await client.get(`/v1/opportunities/${id}`, dealSchema);
  const fields = await readFields(client, id);
  const sides = await readSides(client, id);
  const heads: readonly (readonly [string, string])[] = [
    ["deal", `${deal.source}:${deal.key} ${deal.title}`],
    ["account", [deal.account.name, deal.account.website, deal.account.country].filter((part) => part).join(", ")],
    ["stage", deal.stage],
    ["people", counted(deal.contacts.length, "contact")],
    ["id", `${deal.id}, version ${deal.version}, changed ${time(deal.updatedAt)}`],
  ];
  const text = [
    heads.map(([head, value]) => `${head.padEnd(9)} ${printable(value)}\n`).join(""),
    "\nfields\n",
    renderFields(fields.filter(isTold), shell.columns),
    sides.clouds.length === 0
      ? `\nnot shared; cosell share ${deal.source}:${deal.key}\n`
      : `\nshares\n${renderSides(sides, shell.columns)}`,
  ].join("");
  return { exitCode: exitCodes.ok, text, json: { deal: jsonOf(deal), fields: jsonOf(fields), shares: jsonOf(sides) } };
};

const readFields = async (client: Client, id: string): Promise<readonly Field[]> => {
  const fields: Field[] = [];
  for await (const field of client.each(`/v1/opportunities/${id}/fields`, fieldSchema, {}, fieldsMax))
    fields.push(field);
  return fields;
};

const isTold = ({ value, conflict }: Field): boolean => value !== null || conflict;

const renderFields = (fields: readonly Field[], columns: number): string =>
  renderTable(
    fields,
    [
      { title: "field", cell: ({ field }) => field },
      { title: "value", cell: ({ value }) => shownValue(value), shrink: true, lines: 2 },
      { title: "from", cell: ({ from }) => from?.source ?? "" },
      { title: "who", cell: ({ from }) => from?.actorName ?? "", shrink: true },
      { title: "since", cell: ({ from }) => time(from?.at ?? "") },
      { title: "may change it", cell: ({ rule }) => ruleWords(rule) },
      {
        title: "others say",
        cell: ({ others }) =>
          others
            .filter((word) => !word.agrees)
            .map(otherWords)
            .join("; "),
        shrink: true,
        lines: 3,
      },
    ],
    columns,
  );

const otherWords = ({ source, value, reason }: Field["others"][number]): string =>
  `${source.startsWith("con_") ? "partner" : source}: ${shownValue(value)}${reason ? ` (${reason})` : ""}`;
/** `crm > ours`: the first goes first; `crm, ours: latest`: the later word wins. */
export const ruleWords = ({
  sides,
  decides,
}: {
  readonly sides: readonly string[];
  readonly decides: string;
}): string =>
  sides.length === 1 ? (sides[0] ?? "") : decides === "latest" ? `${sides.join(", ")}: latest` : sides.join(" > ");

const time = (iso: string): string => iso.slice(0, 16).replace("T", " ");
