/** `cosell revenue`, `payouts`, `credits`, `reconciliations`: the books as the service has them. */
import * as z from "zod";
import { partsText } from "../domain/finance/allocation.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Flag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { readLimit, whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";
import { writeWhole } from "./whole-file.ts";

const settleMs = 600_000;
const followMsMax = 3_600_000;
const followEveryMs = 2_000;

export const asOfFlags: readonly Flag[] = [
  textFlag("as-of", "YYYY-MM-DD", "the last day whose knowledge counts; default: as it was reconciled last"),
  textFlag("as-known-at", "YYYY-MM-DD", "only files that could be known by the end of this day; default: all"),
];
/** Refuses what is no day, and words the question for the API. */
export const asOfQuery = (
  typed: Arguments,
): { readonly asOf: string | undefined; readonly asKnownAt: string | undefined } => {
  const known = typed.text("as-known-at");
  for (const text of [typed.text("as-of"), known])
    if (text !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(text))
      throw usageFailure(`${text} is no day`, "write it as 2026-06-30");
  return { asOf: typed.text("as-of"), asKnownAt: known };
};
const listFlags: readonly Flag[] = [
  ...asOfFlags,
  textFlag("limit", "count", "rows at most; default 50"),
  switchFlag("all", "all rows"),
];
const none = { operands: "", operandsMin: 0, operandsMax: 0 } as const;

const moneySchema = z.object({ amount: z.string(), currency: z.string() });
const moneyText = ({ amount, currency }: z.infer<typeof moneySchema>): string => `${amount} ${currency}`;
const collect = async <T>(rows: AsyncGenerator<T>): Promise<readonly T[]> => {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
};

const lineSchema = z.looseObject({
  marketplace: z.string(),
  key: z.string(),
  kind: z.string(),
  amount: moneySchema,
  agreementId: z.string().nullable(),
  deals: z.array(z.object({ dealId: z.string(), basisPoints: z.number().int() })),
  method: z.string(),
  payoutId: z.string().nullable(),
  invoicedOn: z.string().nullable(),
  occurredOn: z.string().nullable(),
});
const totalSchema = z.looseObject({
  marketplace: z.string(),
  currency: z.string(),
  period: z.string().nullable(),
  measure: z.string(),
  amount: z.string(),
});

export const revenueCommand: Command = {
  ...none,
  name: "revenue",
  summary: "List money lines with their agreements, deals and payouts; or what they add up to",
  flags: [
    switchFlag("totals", "what they add up to, by marketplace, currency and measure"),
    switchFlag("by-period", "with --totals: by month as well"),
    textFlag("marketplace", "id", "only this one: aws, azure, gcp"),
    textFlag("period", "YYYY-MM", "only this month"),
    textFlag("agreement", "id", "only lines of this agreement"),
    textFlag("deal", "source:key", "only lines of this deal"),
    textFlag("payout", "id", "only lines of this payout"),
    textFlag("kind", "kind", "only this kind, such as REVENUE or FEE"),
    textFlag("currency", "code", "only this currency"),
    textFlag("disposition", "word", "default current; also joined, repeated, superseded, deleted, not_known_yet"),
    ...listFlags,
  ],
  examples: [
    "cosell revenue --totals",
    "cosell revenue --deal salesforce:006Hs00001ABCDE",
    "cosell revenue --period 2026-06 --json",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), (client) =>
      typed.on("totals") ? runTotals(shell, client, typed) : runLines(shell, client, typed),
    ),
};

const runLines = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const names = ["marketplace", "period", "agreement", "deal", "payout", "kind", "currency", "disposition"] as const;
  const query = { ...Object.fromEntries(names.map((name) => [name, typed.text(name)])), ...asOfQuery(typed) };
  const rows = await collect(client.each("/v1/revenue", lineSchema, query, readLimit(typed)));
  const table = renderTable(
    rows,
    [
      { title: "at", cell: (row) => row.marketplace },
      { title: "line", cell: (row) => row.key, shrink: true },
      { title: "kind", cell: (row) => row.kind },
      { title: "on", cell: (row) => row.invoicedOn ?? row.occurredOn ?? "" },
      { title: "amount", cell: (row) => moneyText(row.amount), right: true },
      { title: "agreement", cell: (row) => row.agreementId ?? "", shrink: true },
      { title: "deal", cell: (row) => partsText(row.deals), shrink: true },
      { title: "payout", cell: (row) => row.payoutId ?? "", shrink: true },
    ],
    shell.columns,
  );
  const text =
    rows.length === 0
      ? "no money lines: cosell reports add sends files\n"
      : `${table}\n${counted(rows.length, "line")}\n`;
  return { exitCode: exitCodes.ok, text, json: { lines: jsonOf(rows) } };
};

const runTotals = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const query = {
    ...asOfQuery(typed),
    by: typed.on("by-period") ? "period" : undefined,
    ...Object.fromEntries((["marketplace", "currency", "period"] as const).map((name) => [name, typed.text(name)])),
  };
  const shape = z.object({ asOf: z.string().nullable(), items: z.array(totalSchema) });
  const { asOf, items } = await client.get("/v1/revenue/totals", shape, query);
  const table = renderTable(
    items,
    [
      { title: "at", cell: (row) => row.marketplace },
      { title: "measure", cell: (row) => row.measure },
      ...(typed.on("by-period")
        ? [{ title: "month", cell: (row: z.infer<typeof totalSchema>) => row.period ?? "" }]
        : []),
      { title: "amount", cell: (row) => row.amount, right: true },
      { title: "currency", cell: (row) => row.currency },
    ],
    shell.columns,
  );
  const text = asOf === null ? "nothing was reconciled yet: cosell reconciliations run\n" : `as of ${asOf}\n${table}`;
  return { exitCode: exitCodes.ok, text, json: { asOf, totals: jsonOf(items) } };
};

const payoutSchema = z.looseObject({
  marketplace: z.string(),
  id: z.string(),
  day: z.string(),
  amount: moneySchema,
  lines: moneySchema,
  failed: z.boolean(),
  deposits: z.array(z.looseObject({ id: z.string(), day: z.string(), amount: moneySchema })),
});

export const payoutsCommand: Command = {
  ...none,
  name: "payouts",
  summary: "List payouts with the bank's deposits, newest first",
  flags: [
    textFlag("marketplace", "id", "only this one: aws, azure, gcp"),
    textFlag("currency", "code", "only this currency"),
    switchFlag("open", "only those that the bank has not received in full"),
    ...listFlags,
  ],
  examples: ["cosell payouts", "cosell payouts --open --marketplace aws"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const query = {
        ...{ marketplace: typed.text("marketplace"), currency: typed.text("currency"), ...asOfQuery(typed) },
        open: typed.on("open") ? true : undefined,
      };
      const rows = await collect(client.each("/v1/payouts", payoutSchema, query, readLimit(typed)));
      const table = renderTable(
        rows,
        [
          { title: "on", cell: (row) => row.day },
          { title: "at", cell: (row) => row.marketplace },
          { title: "payout", cell: (row) => row.id, shrink: true },
          { title: "paid", cell: (row) => moneyText(row.amount), right: true },
          { title: "lines", cell: (row) => row.lines.amount, right: true },
          {
            title: "at the bank",
            cell: (row) => (row.failed ? "failed" : row.deposits.map(({ day }) => day).join(", ")),
          },
        ],
        shell.columns,
      );
      const text = rows.length === 0 ? "no payouts yet\n" : `${table}\n${counted(rows.length, "payout")}\n`;
      return { exitCode: exitCodes.ok, text, json: { payouts: jsonOf(rows) } };
    }),
};

const creditSchema = z.looseObject({
  dealId: z.string(),
  agreementId: z.string(),
  partnerId: z.string(),
  kind: z.string(),
  amount: moneySchema,
  contested: moneySchema,
  rule: z.string(),
});

export const creditsCommand: Command = {
  ...none,
  name: "credits",
  summary: "List who is credited for which deal, by which signed rule; or write one partner's own side",
  flags: [
    textFlag("party", "partner", "only credits of this partner"),
    textFlag("deal", "source:key", "only credits for this deal"),
    textFlag("out", "file", "with --party: write that partner's own credits as CSV, and nothing of anybody else's"),
    ...listFlags,
  ],
  examples: ["cosell credits", "cosell credits --party Acme --out acme.csv"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [party, out] = [typed.text("party"), typed.text("out")];
      if (out !== undefined) return exportOf(client, typed, { party, out });
      const query = { party, deal: typed.text("deal"), ...asOfQuery(typed) };
      const rows = await collect(client.each("/v1/attribution/credits", creditSchema, query, readLimit(typed)));
      const table = renderTable(
        rows,
        [
          { title: "deal", cell: (row) => row.dealId, shrink: true },
          { title: "partner", cell: (row) => row.partnerId, shrink: true },
          { title: "kind", cell: (row) => row.kind },
          { title: "credited", cell: (row) => moneyText(row.amount), right: true },
          { title: "contested", cell: (row) => row.contested.amount, right: true },
          { title: "rule", cell: (row) => row.rule },
        ],
        shell.columns,
      );
      const text =
        rows.length === 0
          ? "no credits yet\n"
          : `${table}\n${counted(rows.length, "credit")}; influenced ones of a deal share a basis and do not add up\n`;
      return { exitCode: exitCodes.ok, text, json: { credits: jsonOf(rows) } };
    }),
};

const exportOf = async (
  client: Client,
  typed: Arguments,
  { party, out }: { readonly party: string | undefined; readonly out: string },
) => {
  if (party === undefined)
    throw usageFailure("--out writes one partner's side: --party is missing", "add --party <partner>");
  const { asOf, asKnownAt } = asOfQuery(typed);
  const query = new URLSearchParams({
    party,
    ...(asOf === undefined ? {} : { asOf }),
    ...(asKnownAt === undefined ? {} : { asKnownAt }),
  });
  await writeWhole(out, [await client.text(`/v1/attribution/export?${query.toString()}`)]);
  return { exitCode: exitCodes.ok, text: `${out}: the credits of ${party}\n`, json: { out, party } };
};

const reconciliationSchema = z.looseObject({
  id: z.string(),
  asOf: z.string(),
  mode: z.string(),
  state: z.string(),
  counts: z.record(z.string(), z.number()),
  blocks: z.array(z.string()),
  reason: z.string().nullable(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
});
type ReconciliationRow = z.infer<typeof reconciliationSchema>;

export const reconciliationsCommand: Command = {
  ...none,
  name: "reconciliations",
  summary: "List reconciliations, newest first",
  flags: [textFlag("limit", "count", "rows at most; default 50"), switchFlag("all", "all rows")],
  examples: ["cosell reconciliations"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rows = await collect(client.each("/v1/reconciliations", reconciliationSchema, {}, readLimit(typed)));
      const table = renderTable(
        rows,
        [
          { title: "as of", cell: (row) => row.asOf },
          { title: "mode", cell: (row) => row.mode },
          { title: "began", cell: (row) => row.startedAt.slice(0, 16).replace("T", " ") },
          { title: "lines", cell: (row) => String(row.counts.current ?? ""), right: true },
          { title: "opened", cell: (row) => String(row.counts.opened ?? ""), right: true },
          { title: "closed", cell: (row) => String(row.counts.closed ?? ""), right: true },
          { title: "state", cell: (row) => row.state },
          { title: "why", cell: (row) => row.reason ?? row.blocks.join(", "), shrink: true, lines: 3 },
        ],
        shell.columns,
      );
      const text = rows.length === 0 ? "nothing was reconciled yet: cosell reconciliations run\n" : table;
      return { exitCode: exitCodes.ok, text, json: { reconciliations: jsonOf(rows) } };
    }),
};

export const reconciliationRunCommand: Command = {
  ...none,
  name: "reconciliations run",
  summary: "Reconcile all received files now, and tell what it came to",
  flags: [
    textFlag("as-of", "YYYY-MM-DD", "the last day whose knowledge counts; default today"),
    textFlag("period", "YYYY-MM", "instead of --as-of: the month whose last day it is"),
    textFlag("mode", "word", "increment (default) looks at what changed; full at everything. Both come to the same"),
  ],
  about:
    "Every received file asks for a reconciliation by itself, and the clock once a day: this is for another day, or for now.",
  examples: ["cosell reconciliations run", "cosell reconciliations run --period 2026-06"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const given = { asOf: typed.text("as-of"), period: typed.text("period"), mode: typed.text("mode") };
      const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const asked = await client.post("/v1/reconciliations", body, reconciliationSchema);
      await client.settle?.(settleMs);
      const done = await follow(shell, client, asked.id);
      if (done.state === "failed")
        throw new Failure(`the reconciliation as of ${done.asOf} failed: ${done.reason ?? "see the log"}`);
      const counts = Object.entries(done.counts).map(
        ([name, count]) => `  ${name.replaceAll("_", " ")} ${count.toLocaleString("en")}`,
      );
      const blocks = done.blocks.map((block) => `  stands in the way of a lock: ${block}`);
      const text = `${[`reconciled as of ${done.asOf} (${done.mode}, ${done.id})`, ...counts, ...blocks].join("\n")}\n`;
      return { exitCode: exitCodes.ok, text, json: jsonOf(done) };
    }),
};

const follow = async (shell: Shell, client: Client, id: string): Promise<ReconciliationRow> => {
  for (let waitedMs = 0; ; waitedMs += followEveryMs) {
    const row = await client.get(`/v1/reconciliations/${id}`, reconciliationSchema);
    if (row.state === "done" || row.state === "failed") return row;
    if (waitedMs >= followMsMax || shell.stopped.aborted)
      throw new Failure(`the reconciliation ${id} is ${row.state}`, {
        fix: "cosell reconciliations tells when it has ended",
      });
    shell.progress(`${row.state}, ${Math.round(waitedMs / 1_000)} s`);
    await shell.sleep(followEveryMs);
  }
};
