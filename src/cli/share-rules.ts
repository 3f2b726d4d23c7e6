/** `cosell rules`: which deals are shared without a person: list, read, save, order, switch on and off. */
import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import * as z from "zod";
import { type Client, withClient } from "./client.ts";
import { type Command, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection, listConnections } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { didYouMean } from "./nearest.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const rulesMax = 1_000;
const fileCharactersMax = 1_000_000;

export const ruleSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  position: z.number(),
  version: z.number(),
  connectionId: z.string(),
  condition: z.string(),
  involvement: z.string().default("co_sell"),
  defaults: z.record(z.string(), z.json()).default({}),
  sendDefaults: z.boolean().default(false),
  authorName: z.string().default(""),
  savedAt: z.string().default(""),
});
export type ListedRule = z.infer<typeof ruleSchema>;

export const listRules = async (client: Client): Promise<readonly ListedRule[]> => {
  const all: ListedRule[] = [];
  for await (const rule of client.each("/v1/share-rules", ruleSchema, {}, rulesMax)) all.push(rule);
  return all;
};

/** The rule with this id or name. Throws a `Failure` when there is none, or more than one. */
export const findRule = async (client: Client, name: string): Promise<ListedRule> => {
  const all = await listRules(client);
  const [only, other] = all.filter((rule) => rule.id === name || rule.name === name);
  if (only === undefined) {
    const near = didYouMean(
      name,
      all.map((rule) => rule.name),
    );
    throw new Failure(`there is no share rule ${name}${near}`, { fix: "cosell rules lists them" });
  }
  if (other !== undefined) throw usageFailure(`${name} is more than one rule`, "name it by its id, srl_…");
  return only;
};

const oneRule = { operands: "<rule>", operandsMin: 1, operandsMax: 1, flags: [] } as const;
const labels = async (client: Client): Promise<ReadonlyMap<string, string>> =>
  new Map((await listConnections(client)).map((one) => [one.id, one.label]));

export const rulesCommand: Command = {
  name: "rules",
  summary: "List the rules that share deals by themselves",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Per connection, the first enabled rule whose condition holds decides about a deal that arrives or changes. Deals that were here
before are left alone until cosell rules run.`,
  flags: [],
  examples: ["cosell rules", "cosell rules --json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [all, byId] = [await listRules(client), await labels(client)];
      const table = renderTable(
        all,
        [
          { title: "#", cell: (rule) => String(rule.position), right: true },
          { title: "rule", cell: (rule) => rule.name, shrink: true },
          { title: "", cell: (rule) => (rule.enabled ? "on" : "off") },
          { title: "where to", cell: (rule) => byId.get(rule.connectionId) ?? rule.connectionId, shrink: true },
          { title: "as", cell: (rule) => rule.involvement },
          { title: "when", cell: (rule) => rule.condition, shrink: true, lines: 3 },
          { title: "defaults", cell: (rule) => defaultsIn(rule), shrink: true, lines: 2 },
          { title: "version", cell: (rule) => String(rule.version), right: true },
        ],
        shell.columns,
      );
      const text =
        all.length === 0
          ? "no share rules; cosell rules save <file.json> makes some\n"
          : `${table}\n${counted(all.length, "rule")}\n`;
      return { exitCode: exitCodes.ok, text, json: { rules: jsonOf(all) } };
    }),
};

const defaultsIn = (rule: ListedRule): string => {
  const names = Object.keys(rule.defaults);
  return names.length === 0 ? "" : `${names.join(", ")}${rule.sendDefaults ? "" : " (kept back)"}`;
};

const versionSchema = ruleSchema.omit({ id: true, position: true, savedAt: true }).extend({ createdAt: z.string() });

export const ruleShowCommand: Command = {
  ...oneRule,
  name: "rules show",
  summary: "Show a share rule with its versions: who saved what, and when",
  examples: ['cosell rules show "Qualified deals in Europe"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rule = await findRule(client, typed.operands[0] ?? "");
      const versions: z.infer<typeof versionSchema>[] = [];
      for await (const version of client.each(`/v1/share-rules/${rule.id}/versions`, versionSchema, {}, rulesMax))
        versions.push(version);
      const heads: readonly (readonly [string, string])[] = [
        ["rule", `${rule.name}, number ${rule.position}, ${rule.enabled ? "on" : "off"}`],
        ["id", `${rule.id}, version ${rule.version}`],
        ["where to", `${(await labels(client)).get(rule.connectionId) ?? rule.connectionId}, as ${rule.involvement}`],
        ["when", rule.condition],
        ["defaults", Object.keys(rule.defaults).length === 0 ? "none" : JSON.stringify(rule.defaults)],
        [
          "consent",
          rule.sendDefaults ? "defaults are sent" : "defaults are kept back: a share that needs one stays a draft",
        ],
      ];
      const table = renderTable(
        versions,
        [
          { title: "version", cell: (row) => String(row.version), right: true },
          { title: "when", cell: (row) => row.createdAt.replace("T", " ").replace(/\.\d+Z$|Z$/, "") },
          { title: "who", cell: (row) => row.authorName },
          { title: "", cell: (row) => (row.enabled ? "on" : "off") },
          { title: "condition", cell: (row) => row.condition, shrink: true, lines: 3 },
          { title: "defaults", cell: (row) => JSON.stringify(row.defaults), shrink: true, lines: 2 },
        ],
        shell.columns,
      );
      const text = `${heads.map(([name, value]) => `${name.padEnd(10)} ${value}\n`).join("")}\n${table}`;
      return { exitCode: exitCodes.ok, text, json: { rule: jsonOf(rule), versions: jsonOf(versions) } };
    }),
};

/** A rule in a file: as the API takes it, but the connection by its label, and only where there are several. */
const fileRuleSchema = z.looseObject({
  id: z.string().optional(),
  name: z.string(),
  connection: z.string().optional(),
});
export type FileRule = z.infer<typeof fileRuleSchema>;
const fileSchema = z.union([
  z.object({ rules: z.array(fileRuleSchema).min(1) }).transform(({ rules }) => rules),
  z.array(fileRuleSchema).min(1),
  fileRuleSchema.transform((rule) => [rule]),
]);
const fileForm = '{"rules": [{"name": "…", "condition": "stage == \\"qualified\\""}]}, a list of rules, or one rule';

/** The rules in a JSON file, or on stdin for `-`. Throws a `Failure` that says what the file should look like. */
export const readRuleFile = async (path: string): Promise<readonly FileRule[]> => {
  const name = path === "-" ? "stdin" : path;
  const content = await (path === "-" ? readAll(process.stdin) : readFile(path, "utf8")).catch((error: Error) => {
    throw new Failure(`${name} cannot be read: ${error.message}`, { fix: "check the path" });
  });
  if (content.length > fileCharactersMax) throw new Failure(`${name} is too large for a file of rules`);
  let json: unknown;
  try {
    json = JSON.parse(content.startsWith("\uFEFF") ? content.slice(1) : content);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unreadable";
    throw new Failure(`${name} is not JSON: ${why}`, { fix: `the form is ${fileForm}` });
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) throw new Failure(`${name} holds no rules`, { fix: `the form is ${fileForm}` });
  return parsed.data;
};

/** What the API takes of a rule in a file, and the saved rule that it stands for: by id, else by name. */
export const resolveRule = async (
  client: Client,
  given: FileRule,
): Promise<{ readonly body: Readonly<Record<string, unknown>>; readonly known: ListedRule | null }> => {
  const { connection, id, ...body } = given;
  const isMeant = (rule: ListedRule): boolean => (id === undefined ? rule.name === given.name : rule.id === id);
  const [known, other] = (await listRules(client)).filter(isMeant);
  if (other !== undefined)
    throw new Failure(`${given.name} is the name of several rules`, { fix: "give the id of the one you mean, srl_…" });
  if (id !== undefined && known === undefined)
    throw new Failure(`${given.name}: there is no share rule ${id}`, { fix: "remove the id to make a new rule" });
  const connectionId = body.connectionId ?? (await findConnection(client, connection)).id;
  return { body: { ...body, connectionId }, known: known ?? null };
};

export const ruleSaveCommand: Command = {
  name: "rules save",
  summary: "Save share rules from a JSON file, or from stdin as -",
  operands: "<file.json | ->",
  operandsMin: 1,
  operandsMax: 1,
  about: `
A rule is known by its id, else by its name: saving a file again changes only what differs, and each change is a new version.
All rules are checked before the first is saved; new ones come last in the order, in the order of the file.

A rule: {"name": "…", "connection": "label; needed when there are several", "condition": "stage == \\"qualified\\"",
"involvement": "co_sell or visibility", "defaults": {"aws.deliveryModels": ["SaaS or PaaS"]}, "sendDefaults": false,
"enabled": true}. cosell rules fields lists what conditions may read.`,
  flags: [switchFlag("dry-run", "check everything, change nothing")],
  examples: [
    "cosell rules save examples/share-rules.json --dry-run",
    "cosell rules save examples/share-rules.json",
    "cosell rules save -",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const given = await readRuleFile(typed.operands[0] ?? "");
      for (const rule of given) await check(client, rule);
      const results: {
        readonly name: string;
        readonly outcome: string;
        readonly version: number | null;
        readonly id: string | null;
      }[] = [];
      for (const rule of given)
        results.push(typed.on("dry-run") ? await foretell(client, rule) : await save(client, rule));
      const text = results
        .map(({ name, outcome, version }) => `${name}: ${outcome}${version === null ? "" : `, version ${version}`}\n`)
        .join("");
      return { exitCode: exitCodes.ok, text, json: { rules: jsonOf(results) } };
    }),
};

/** Lets the service judge a rule without saving it. */
const check = async (client: Client, rule: FileRule): Promise<void> => {
  const { body, known } = await resolveRule(client, rule);
  const { position: _p, ...content } = body;
  const trial = { rule: content, limit: 1, ...(known === null ? {} : { replaces: known.id }) };
  await client.post("/v1/share-rules/dry-run", trial, z.unknown()).catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error;
    const rows = error.rows.map((row) => ({ ...row, path: row.path.replace(/^rule\./, "") }));
    throw new Failure(`${rule.name}: ${error.message}`, { rows, ...(error.fix === null ? {} : { fix: error.fix }) });
  });
};

const foretell = async (client: Client, rule: FileRule) => {
  const { known } = await resolveRule(client, rule);
  const outcome = known === null ? "would be created" : "would be saved if it differs";
  return { name: rule.name, outcome, version: known?.version ?? null, id: known?.id ?? null };
};

const save = async (client: Client, rule: FileRule) => {
  const { body, known } = await resolveRule(client, rule);
  if (known === null) {
    const made = await client.post("/v1/share-rules", body, ruleSchema);
    return { name: made.name, outcome: "created", version: made.version, id: made.id };
  }
  const saved = await client.put(`/v1/share-rules/${known.id}`, { body, version: known.version }, ruleSchema);
  const outcome = saved.version === known.version ? "unchanged" : "saved";
  return { name: saved.name, outcome, version: saved.version, id: saved.id };
};

const switchCommand = (word: "enable" | "disable", summary: string): Command => ({
  ...oneRule,
  name: `rules ${word}`,
  summary,
  examples: [`cosell rules ${word} "Qualified deals in Europe"`],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rule = await findRule(client, typed.operands[0] ?? "");
      const body = { enabled: word === "enable" };
      const saved = await client.patch(`/v1/share-rules/${rule.id}`, { version: rule.version, body }, ruleSchema);
      const text = `${saved.name} is ${saved.enabled ? "on" : "off"}, version ${saved.version}\n`;
      return { exitCode: exitCodes.ok, text, json: { rule: saved.id, enabled: saved.enabled, version: saved.version } };
    }),
});
export const ruleEnableCommand = switchCommand("enable", "Let a share rule decide from now on");
export const ruleDisableCommand = switchCommand("disable", "Keep a share rule, but let it decide nothing");

export const ruleMoveCommand: Command = {
  name: "rules move",
  summary: "Put a share rule to another place in the order: the first that holds decides",
  operands: "<rule>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [textFlag("to", "number", "its new place, from 1; needed")],
  examples: ['cosell rules move "Large deals" --to 1'],
  run: (shell, typed) => {
    const to = typed.text("to") ?? "";
    if (!/^[1-9]\d{0,2}$/.test(to))
      throw usageFailure(`--to ${to || "…"} is no place in the order`, "give a number from 1");
    return withClient(shell, whereabouts(typed), async (client) => {
      const rule = await findRule(client, typed.operands[0] ?? "");
      const moved = await client.post(`/v1/share-rules/${rule.id}/move`, { position: Number(to) }, ruleSchema);
      const text = `${moved.name} is number ${moved.position}\n`;
      return { exitCode: exitCodes.ok, text, json: { rule: moved.id, position: moved.position } };
    });
  },
};

export const ruleDeleteCommand: Command = {
  ...oneRule,
  name: "rules delete",
  summary: "Delete a share rule; what it shared stays shared",
  examples: ['cosell rules delete "Qualified deals in Europe"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rule = await findRule(client, typed.operands[0] ?? "");
      await client.remove(`/v1/share-rules/${rule.id}`);
      return { exitCode: exitCodes.ok, text: `${rule.name} is deleted\n`, json: { rule: rule.id, deleted: true } };
    }),
};
