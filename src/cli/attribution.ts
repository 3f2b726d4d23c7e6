/** `cosell attribution`: what other rules would have given, and one partner's own side of a close. Nothing is contacted. */
import { readFile } from "node:fs/promises";
import * as z from "zod";
import { amountText } from "../domain/finance/amount.ts";
import { type AttributionRule, attributionRuleSchema, ruleName } from "../domain/finance/attribution-rule.ts";
import { dayOf, dayText } from "../domain/finance/day.ts";
import { csvRows } from "../domain/finance/pack/table.ts";
import {
  compareShares,
  type ExportedShare,
  exportedShareSchema,
  type PartnerShare,
  partnerShare,
  partnerShareTable,
} from "../domain/finance/partner-share.ts";
import { type Replay, replayRules } from "../domain/finance/replay.ts";
import type { Arguments } from "./arguments.ts";
import { closeFolder } from "./closed-folder.ts";
import { type Command, type Shell, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { counted, renderTable } from "./table.ts";
import { writeWhole } from "./whole-file.ts";

const dealsShownMax = 20;
const fileCharactersMax = 100_000_000;

export const attributionReplayCommand: Command = {
  name: "attribution replay",
  summary: "Tell what other attribution rules would have credited over the history of a folder",
  operands: "<folder>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    textFlag("as-of", "YYYY-MM-DD", "the last day whose knowledge counts"),
    textFlag("rules", "file", "a rule or a list of them, signed or not"),
    textFlag("out", "file", "writes all differences as JSON; without it nothing is written"),
  ],
  about: `
The rules in the file stand in for every rule of the partners they name, as though they had been signed and in force all along;
the rules of other partners stay. Per partner and currency what would change, and the deals that would change most.`,
  examples: ["cosell attribution replay reports/2026-06 --as-of 2026-06-30 --rules new-rules.json"],
  run: async (shell, typed) => {
    const rules = await readRules(needed(typed.text("rules"), "--rules names no file"));
    const { read, close } = await closed(shell, typed);
    const replay = replayRules(read.facts, close, rules);
    const json = replayJson(replay, rules, dayText(close.asOfDay));
    const out = typed.text("out");
    if (out !== undefined) await writeWhole(out, [`${JSON.stringify(json, null, 1)}\n`]);
    return { exitCode: exitCodes.ok, text: replayText(replay, shell.columns), json };
  },
};

export const attributionExportCommand: Command = {
  name: "attribution export",
  summary: "Write one partner's own credits, and nothing of anybody else's",
  operands: "<folder>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    textFlag("as-of", "YYYY-MM-DD", "the last day whose knowledge counts"),
    textFlag("partner", "id", "the partner, as partners.csv has it"),
    textFlag("out", "file", "where to write: CSV where the name ends in .csv, JSON otherwise"),
  ],
  about: `
Deal ids, states and the hashes of the rules let the partner's installation compare counts with its own. The rows of influenced
deals are labelled as not additive: others share the same basis. No other partner and none of their amounts appear.`,
  examples: ["cosell attribution export reports/2026-06 --as-of 2026-06-30 --partner p1 --out p1.json"],
  run: async (shell, typed) => {
    const partnerId = needed(typed.text("partner"), "--partner names no partner");
    const out = needed(typed.text("out"), "--out names no file");
    const { read, close } = await closed(shell, typed);
    const share = partnerShare(close, partnerId);
    const isKnown = share.rows.length > 0 || read.facts.partners.some((partner) => partner.partnerId === partnerId);
    if (!isKnown)
      throw new Failure(`there is no partner ${partnerId} in this folder`, { fix: "take an id from partners.csv" });
    const json = shareJson(share);
    const pieces = /\.csv$/i.test(out) ? csvRows(partnerShareTable(share)) : [`${JSON.stringify(json, null, 1)}\n`];
    await writeWhole(out, pieces);
    const counts = Object.entries(share.counts).map(([state, count]) => `  ${state} ${count}`);
    const told = `${out}: ${counted(share.rows.length, "row")} of ${partnerId} as of ${share.asOf}`;
    return { exitCode: exitCodes.ok, text: `${[told, ...counts].join("\n")}\n`, json };
  },
};

export const attributionCompareCommand: Command = {
  name: "attribution compare",
  summary: "Compare two exports of one partner, one from each installation: counts, states and rules, no money",
  operands: "<ours.json> <theirs.json>",
  operandsMin: 2,
  operandsMax: 2,
  flags: [],
  about: "Names every deal of which the two say something else. Ends with code 1 where there is one.",
  examples: ["cosell attribution compare p1.json from-p1.json"],
  run: async (shell, typed) => {
    const [ourPath = "", theirPath = ""] = typed.operands;
    const [ours, theirs] = [await readExport(ourPath), await readExport(theirPath)];
    if (ours.as_of !== theirs.as_of)
      throw new Failure(`${ourPath} is as of ${ours.as_of}, ${theirPath} as of ${theirs.as_of}`, {
        fix: "export both as of one day",
      });
    const differences = compareShares(ours, theirs);
    const table = renderTable(
      differences,
      [
        { title: "deal", cell: (row) => row.dealId },
        { title: "kind", cell: (row) => row.kind },
        { title: "ours", cell: (row) => row.ours ?? "not there" },
        { title: "theirs", cell: (row) => row.theirs ?? "not there" },
      ],
      shell.columns,
    );
    const told = `${counted(ours.rows.length, "row")} of ours, ${theirs.rows.length} of theirs, ${counted(differences.length, "difference")}\n`;
    return {
      exitCode: differences.length === 0 ? exitCodes.ok : exitCodes.failed,
      text: differences.length === 0 ? told : `${table}\n${told}`,
      json: jsonOf({ ours: ours.rows.length, theirs: theirs.rows.length, differences }),
    };
  },
};

const readExport = async (path: string): Promise<ExportedShare> => {
  const share = exportedShareSchema.safeParse(await readJson(path));
  if (share.success) return share.data;
  throw new Failure(`${path} is no export of attribution export`, { fix: "export it as JSON" });
};

const needed = (value: string | undefined, message: string): string => {
  if (value === undefined || value === "") throw usageFailure(message, "cosell help attribution");
  return value;
};

const closed = (shell: Shell, typed: Arguments) => {
  const [folder = ""] = typed.operands;
  const asOf = typed.text("as-of") ?? "";
  const day = /^\d{4}-\d{2}-\d{2}$/.test(asOf) ? dayOf(asOf) : null;
  if (day === null) throw usageFailure("--as-of is missing, or no day", "write it as 2026-06-30");
  return closeFolder(shell, folder, day);
};

const readJson = async (path: string): Promise<unknown> => {
  const content = await readFile(path, "utf8").catch(() => {
    throw new Failure(`${path} cannot be read`, { fix: "name a file that is there" });
  });
  if (content.length > fileCharactersMax) throw new Failure(`${path} is larger than 100 MB`);
  try {
    return JSON.parse(content);
  } catch {
    throw new Failure(`${path} is no JSON`);
  }
};

const readRules = async (path: string): Promise<readonly AttributionRule[]> => {
  const found = await readJson(path);
  const rules = z
    .array(attributionRuleSchema)
    .min(1)
    .safeParse(Array.isArray(found) ? found : [found]);
  if (rules.success) return rules.data;
  const [issue] = rules.error.issues;
  const where = issue?.path.map((part) => `[${String(part)}]`).join("") || "its root";
  throw new Failure(`${path} is no list of rules: at ${where}: ${issue?.message ?? "it does not fit"}`);
};

const withCurrency = (micros: bigint, currency: string): string => `${amountText(micros, currency)} ${currency}`;

const replayText = (replay: Replay, columns: number): string => {
  const amounts = [
    { title: "before", right: true, cell: (row: Amounts) => amountText(row.before, row.currency) },
    { title: "after", right: true, cell: (row: Amounts) => amountText(row.after, row.currency) },
    { title: "difference", right: true, cell: (row: Amounts) => withCurrency(row.after - row.before, row.currency) },
  ];
  const partners = renderTable(
    replay.partners,
    [
      { title: "partner", cell: (row) => row.partnerId },
      ...amounts,
      { title: "deals", right: true, cell: (row) => String(row.dealsChanged) },
    ],
    columns,
  );
  const shown = replay.deals.slice(0, dealsShownMax);
  const deals = renderTable(
    shown,
    [{ title: "deal", cell: (row) => row.dealId }, { title: "partner", cell: (row) => row.partnerId }, ...amounts],
    columns,
  );
  const more = replay.deals.length - shown.length;
  return [
    partners,
    shown.length === 0 ? "no deal would be credited otherwise\n" : deals,
    ...(more > 0 ? [`and ${more} more; --out writes them all\n`] : []),
    `${counted(replay.problemsBefore, "deal")} without a valid rule before, ${replay.problemsAfter} after. Sums of different partners are not additive. A trial: nothing was changed.\n`,
  ].join("\n");
};

interface Amounts {
  readonly currency: string;
  readonly before: bigint;
  readonly after: bigint;
}
const amountsJson = ({ currency, before, after }: Amounts) => ({
  currency,
  before: amountText(before, currency),
  after: amountText(after, currency),
  difference: amountText(after - before, currency),
});

const replayJson = (replay: Replay, rules: readonly AttributionRule[], asOf: string) =>
  jsonOf({
    kind: "cosell attribution replay",
    as_of: asOf,
    rules: rules.map(ruleName),
    additive: false,
    partners: replay.partners.map((row) => ({
      partner_id: row.partnerId,
      ...amountsJson(row),
      deals_changed: row.dealsChanged,
    })),
    deals: replay.deals.map((row) => ({ deal_id: row.dealId, partner_id: row.partnerId, ...amountsJson(row) })),
    deals_without_valid_rule: { before: replay.problemsBefore, after: replay.problemsAfter },
  });

const shareJson = ({ partnerId, asOf, rows, counts, months }: PartnerShare) =>
  jsonOf({
    kind: "cosell attribution export",
    as_of: asOf,
    partner_id: partnerId,
    counts,
    rows: rows.map((row) => ({
      deal_id: row.dealId,
      kind: row.kind,
      state: row.state,
      additive: row.kind !== "influenced",
      rule: row.rule,
      rule_sha256: row.ruleHash,
      basis: row.basis,
      ...(row.currency === ""
        ? {}
        : {
            amount: amountText(row.amount, row.currency),
            contested: amountText(row.contested, row.currency),
            currency: row.currency,
          }),
      touches: row.touchIds,
    })),
    by_month: months.map((row) => ({
      ...{ month: row.month, deal_id: row.dealId, kind: row.kind, movement: row.movement },
      amount: amountText(row.amount, row.currency),
      currency: row.currency,
    })),
  });
