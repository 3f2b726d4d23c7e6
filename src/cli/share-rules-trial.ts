/** `cosell rules dry-run`, `run`, `fields`: what the rules would do with every deal, letting them do it, and what they may read. */
import * as z from "zod";
import { verdicts } from "../domain/share-decision.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { findDeal } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { didYouMean } from "./nearest.ts";
import { createProgress } from "./progress.ts";
import { findRule, readRuleFile, resolveRule } from "./share-rules.ts";
import { gapSchema } from "./share-table.ts";
import { whereabouts } from "./shares.ts";
import { counted, printable, renderTable } from "./table.ts";

const rowsDefault = 50;
const rowsMax = 200_000;
const pagesMax = 10_000;

const totalsSchema = z.object({
  deals: z.number(),
  would_share: z.number(),
  would_skip: z.number(),
  blocked: z.number(),
});
type Totals = z.infer<typeof totalsSchema>;
const noTotals: Totals = { deals: 0, would_share: 0, would_skip: 0, blocked: 0 };
const decisionSchema = z.looseObject({
  connectionLabel: z.string().default(""),
  verdict: z.enum(verdicts),
  reason: z.string(),
  rule: z.looseObject({ id: z.string().nullable(), name: z.string(), version: z.number() }).nullable(),
  gaps: z.array(gapSchema).default([]),
  synthetic: z.array(z.looseObject({ field: z.string(), value: z.json(), consented: z.boolean() })).default([]),
});
const decidedSchema = decisionSchema.extend({
  opportunityId: z.string(),
  source: z.string(),
  key: z.string(),
  title: z.string(),
});
type Decided = z.infer<typeof decidedSchema>;
const pageSchema = z.object({ items: z.array(decidedSchema), next: z.string().nullish(), totals: totalsSchema });

const verdictWords: Readonly<Record<Decided["verdict"], string>> = {
  would_share: "share",
  blocked: "draft",
  would_skip: "skip",
};

export const ruleDryRunCommand: Command = {
  name: "rules dry-run",
  summary: "Tell what the share rules would do with every deal, and why; change nothing",
  operands: "[file.json | -]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
Without operand the saved rules decide; with --rule, that one as if it were on. With a file, its rule decides as if it were
saved and on: in the place of the one with its id or name, else as a new one. share: it would go out; draft: a rule wants it, but something is missing; skip: no rule wants it, or it
is shared already.`,
  flags: [
    textFlag("deal", "source:key", "only this deal, by the saved rules"),
    textFlag("rule", "name", "this rule as if it were on; with a file, which of its rules"),
    textFlag("verdict", "a,b", `only rows with these verdicts: ${verdicts.join(", ")}`),
    textFlag("limit", "count", `rows at most; default ${rowsDefault}`),
    switchFlag("all", "all rows"),
  ],
  examples: [
    "cosell rules dry-run",
    "cosell rules dry-run --verdict blocked --all",
    "cosell rules dry-run examples/share-rules.json",
    'cosell rules dry-run --rule "Large deals"',
    "cosell rules dry-run --deal salesforce:006Hs00001A0107",
  ],
  run: (shell, typed) => {
    const view = readView(typed);
    return withClient(shell, whereabouts(typed), (client) => {
      const deal = typed.text("deal");
      return deal === undefined ? dryRun(shell, client, { typed, view }) : oneDeal(client, deal);
    });
  },
};

interface View {
  readonly wanted: ReadonlySet<string>;
  readonly limit: number;
}

const readView = (typed: Arguments): View => {
  const words = typed.text("verdict")?.split(",") ?? verdicts;
  for (const word of words)
    if (!verdicts.some((known) => known === word))
      throw usageFailure(`--verdict ${word} is unknown${didYouMean(word, verdicts)}`, `use ${verdicts.join(", ")}`);
  const text = typed.text("limit") ?? String(typed.on("all") ? rowsMax : rowsDefault);
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw usageFailure(`--limit ${text} is no count`, "give a whole number from 1 on, or --all");
  if (typed.text("deal") !== undefined && (typed.operands.length > 0 || typed.text("rule") !== undefined))
    throw usageFailure("--deal is decided by the saved rules", "leave out the file and --rule, or --deal");
  return { wanted: new Set(words), limit: Math.min(Number(text), rowsMax) };
};

const dryRun = async (
  shell: Shell,
  client: Client,
  { typed, view }: { readonly typed: Arguments; readonly view: View },
): Promise<Report> => {
  const trial = await trialOf(client, typed);
  const rows: Decided[] = [];
  let matching = 0;
  const totals = await eachPage(shell, {
    label: "deciding",
    work: async (after) => {
      const page = await client.post("/v1/share-rules/dry-run", { ...trial, after }, pageSchema);
      const wanted = page.items.filter((item) => view.wanted.has(item.verdict));
      matching += wanted.length;
      rows.push(...wanted.slice(0, view.limit - rows.length));
      return page;
    },
  });
  const hidden = matching - rows.length;
  const text = [
    rows.length === 0 ? "" : `${decisionTable(rows, shell.columns)}\n`,
    hidden > 0 ? `${rows.length} of ${matching} rows shown; --all shows all\n` : "",
    `${renderTotals(totals)} (dry run: nothing was changed)\n`,
  ].join("");
  return { exitCode: exitCodes.ok, text, json: { totals, rows: matching, decisions: jsonOf(rows) } };
};

/** `"12 deals: 5 would be shared, 2 kept as drafts, 5 skipped"`. */
const renderTotals = (totals: Totals): string => {
  const decided = totals.would_share + totals.blocked + totals.would_skip;
  if (decided === 0) return `${counted(totals.deals, "deal")}: no enabled rule decides about them`;
  return `${counted(totals.deals, "deal")}: ${totals.would_share} would be shared, ${totals.blocked} kept as drafts with gaps, ${totals.would_skip} skipped`;
};

const trialOf = async (client: Client, typed: Arguments): Promise<Readonly<Record<string, unknown>>> => {
  const [path] = typed.operands;
  const name = typed.text("rule");
  if (path === undefined) {
    if (name === undefined) return {};
    const { id, connectionId, condition, involvement, defaults, sendDefaults, ...rule } = await findRule(client, name);
    const content = { name: rule.name, connectionId, condition, involvement, defaults, sendDefaults };
    return { rule: content, replaces: id };
  }
  const all = await readRuleFile(path);
  const [rule, other] = name === undefined ? all : all.filter((one) => one.name === name);
  const names = all.map((one) => one.name);
  if (rule === undefined)
    throw usageFailure(`${path} has no rule ${name}${didYouMean(name ?? "", names)}`, `it has ${names.join(", ")}`);
  if (other !== undefined) throw usageFailure(`${path} holds ${all.length} rules`, `say which: --rule "${names[0]}"`);
  const { body, known } = await resolveRule(client, rule);
  const { position, enabled: _e, ...content } = body;
  return { rule: content, ...(known === null ? (position === undefined ? {} : { position }) : { replaces: known.id }) };
};

const eachPage = async (
  shell: Shell,
  job: {
    readonly label: string;
    readonly work: (
      after: string | null,
    ) => Promise<{ readonly next?: string | null | undefined; readonly totals: Totals }>;
  },
): Promise<Totals> => {
  const progress = createProgress(shell, job.label, null);
  let totals = noTotals;
  let after: string | null = null;
  try {
    for (let page = 0; page < pagesMax; page++) {
      if (shell.stopped.aborted) throw new Failure("stopped", { fix: "run it again" });
      const done = await job.work(after);
      totals = done.totals;
      progress.show(totals.deals, `${totals.would_share} share, ${totals.blocked} draft`);
      after = done.next ?? null;
      if (after === null) break;
    }
  } finally {
    progress.end();
  }
  return totals;
};

const oneDeal = async (client: Client, name: string): Promise<Report> => {
  const deal = await findDeal(client, name);
  const answer = z.object({ items: z.array(decisionSchema) });
  const { items } = await client.get(`/v1/opportunities/${deal.id}/share-decisions`, answer);
  const { source, key, title } = deal;
  const rows = items.map((item) => ({ ...item, opportunityId: deal.id, source, key, title }));
  const text =
    rows.length === 0
      ? "no enabled rule decides about it; cosell rules lists them\n"
      : rows.map(tellDecision).join("\n");
  return { exitCode: exitCodes.ok, text, json: { deal: deal.id, decisions: jsonOf(items) } };
};

const tellDecision = (row: Decided): string =>
  [
    `${row.source}:${row.key} → ${row.connectionLabel}: ${verdictWords[row.verdict]}`,
    `  ${row.reason}`,
    ...(row.rule === null ? [] : [`  by rule ${row.rule.name}, version ${row.rule.version}`]),
    ...row.gaps.map((gap) => `  missing ${gap.field}: ${gap.message} ${gap.fix}`),
    ...row.synthetic.map(
      (mark) =>
        `  ${mark.field} ${mark.consented ? "is" : "would be"} the rule's default: ${JSON.stringify(mark.value)}`,
    ),
  ]
    .map((line) => `${/^ */.exec(line)?.[0] ?? ""}${printable(line)}\n`)
    .join("");

const decisionTable = (rows: readonly Decided[], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "deal", cell: (row) => `${row.source}:${row.key} ${row.title}`, shrink: true },
      { title: "verdict", cell: (row) => verdictWords[row.verdict] },
      {
        title: "rule",
        cell: (row) => (row.rule === null ? "" : `${row.rule.name} v${row.rule.version}`),
        shrink: true,
      },
      { title: "why", cell: (row) => row.reason, shrink: true, lines: 4 },
      {
        title: "only the rule says",
        cell: (row) => row.synthetic.map((mark) => mark.field).join(", "),
        shrink: true,
        lines: 2,
      },
    ],
    columns,
  );

const openedSchema = z.looseObject({
  source: z.string(),
  key: z.string(),
  title: z.string(),
  shareId: z.string(),
  state: z.string(),
});
const runPageSchema = z.object({ items: z.array(openedSchema), next: z.string().nullish(), totals: totalsSchema });

export const ruleRunCommand: Command = {
  name: "rules run",
  summary: "Let the saved rules decide about all deals that are here already",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: "Does what cosell rules dry-run tells. A rule shares a deal once: running it again changes nothing.",
  flags: [],
  examples: ["cosell rules dry-run", "cosell rules run"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const counts = { shared: 0, drafts: 0 };
      const totals = await eachPage(shell, {
        label: "deciding",
        work: async (after) => {
          const page = await client.post("/v1/share-rules/run", { after }, runPageSchema);
          const drafts = page.items.filter((item) => item.state === "draft").length;
          counts.drafts += drafts;
          counts.shared += page.items.length - drafts;
          return page;
        },
      });
      const text = `${counted(totals.deals, "deal")}: ${counts.shared} on their way, ${counts.drafts} kept as drafts with gaps, ${totals.would_skip} skipped\n`;
      return { exitCode: exitCodes.ok, text, json: { deals: totals.deals, ...counts, skipped: totals.would_skip } };
    }),
};

const fieldsSchema = z.object({
  items: z.array(
    z.looseObject({
      name: z.string(),
      type: z.string(),
      description: z.string().default(""),
      values: z.array(z.string()).nullish(),
      default: z.boolean().default(false),
    }),
  ),
  guide: z.array(z.string()).default([]),
});

export const ruleFieldsCommand: Command = {
  name: "rules fields",
  summary: "List what conditions may read, and how they are written",
  operands: "[text]",
  operandsMin: 0,
  operandsMax: 1,
  about: "With a text, only fields whose name or description has it.",
  flags: [],
  examples: ["cosell rules fields", "cosell rules fields country", "cosell rules fields aws.useCase"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const wanted = (typed.operands[0] ?? "").toLowerCase();
      const { items, guide } = await client.get("/v1/share-rules/fields", fieldsSchema);
      const fields = items.filter((field) => `${field.name} ${field.description}`.toLowerCase().includes(wanted));
      if (fields.length === 0)
        throw new Failure(`no field has ${typed.operands[0]} in it`, { fix: "cosell rules fields lists all" });
      const table = renderTable(
        fields,
        [
          { title: "field", cell: (field) => field.name },
          { title: "type", cell: (field) => field.type },
          { title: "default", cell: (field) => (field.default ? "yes" : "") },
          { title: "what it is", cell: (field) => field.description, shrink: true, lines: 3 },
          {
            title: "values",
            cell: (field) => (field.values ?? []).join(", "),
            shrink: true,
            lines: fields.length === 1 ? 60 : 2,
          },
        ],
        shell.columns,
      );
      const text = `${table}\n${guide.map((line) => `${line}\n`).join("")}`;
      return { exitCode: exitCodes.ok, text, json: { fields: jsonOf(fields), guide } };
    }),
};
