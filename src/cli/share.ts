/** `cosell share`: puts deals to a programme. What the programme would refuse is told field by field, and kept as a draft. */
import { z } from "zod";
import type { Json } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, problemFailure, problemSchema, withClient } from "./client.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { allDeals, findDeal, type ListedDeal } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection, type ListedConnection } from "./find-connection.ts";
import { fieldKinds } from "./import.ts";
import { didYouMean } from "./nearest.ts";
import { type FieldKinds, readField } from "./programme-fields.ts";
import { createProgress } from "./progress.ts";
import { gapSchema, shortId } from "./share-table.ts";
import { counted, renderTable } from "./table.ts";

const gapRowsShownMax = 200;

export const shareCommand: Command = {
  name: "share",
  summary: "Put deals to a marketplace's co-sell programme",
  operands: "[source:key | opp_…]…",
  operandsMin: 0,
  operandsMax: 1_000,
  about: `
Each deal is checked against the programme's rules first; one that would be refused is never sent. By default it is kept as
a draft, with its gaps and how to mend them, and goes out by itself once the deal is mended.`,
  flags: [
    switchFlag("all", "all deals"),
    switchFlag("qualified", "all deals from stage qualified to committed"),
    textFlag("connection", "label", "where to; needed when there is more than one connection"),
    listFlag("field", "aws.name=value", "a programme field for these shares; lists separated by semicolons"),
    switchFlag("dry-run", "tell the gaps, change nothing"),
    switchFlag("strict", "keep no drafts: a deal with gaps is refused, and the exit code is 1"),
  ],
  examples: [
    "cosell share --qualified --dry-run",
    "cosell share salesforce:006Hs00001ABCDE",
    'cosell share --all --connection "AWS production" --field "aws.primaryNeeds=Co-Sell - Deal Support"',
  ],
  run: (shell, typed) => runShare(shell, typed),
};

type Outcome = "shared" | "draft" | "refused" | "open_already" | "failed";
interface Shared {
  readonly deal: ListedDeal;
  readonly outcome: Outcome;
  readonly shareId: string | null;
  readonly state: string | null;
  readonly gaps: readonly z.infer<typeof gapSchema>[];
  readonly message: string | null;
}

const runShare = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const ways = [typed.on("all"), typed.on("qualified"), typed.operands.length > 0].filter(Boolean).length;
  if (ways !== 1) throw usageFailure("say which deals", "name them as source:key, or use either --all or --qualified");
  return withClient(shell, { url: typed.text("url"), data: typed.text("data") }, async (client) => {
    const connection = await findConnection(client, typed.text("connection"));
    const fields = readFields(typed.list("field"), connection.marketplace, await fieldKinds(client));
    const deals = await chosenDeals(client, typed);
    const progress = createProgress(shell, typed.on("dry-run") ? "checking" : "sharing", deals.length);
    const results: Shared[] = [];
    try {
      for (const deal of deals) {
        if (shell.stopped.aborted)
          throw new Failure("stopped", { fix: "run it again: deals that are shared are left alone" });
        results.push(
          await shareOne(client, deal, { connection, fields, dryRun: typed.on("dry-run"), strict: typed.on("strict") }),
        );
        progress.show(results.length);
      }
    } finally {
      progress.end();
    }
    return report(results, connection, { dryRun: typed.on("dry-run"), columns: shell.columns });
  });
};

const chosenDeals = async (client: Client, typed: Arguments): Promise<readonly ListedDeal[]> => {
  if (typed.operands.length === 0) return allDeals(client, typed.on("qualified"));
  const deals: ListedDeal[] = [];
  for (const name of new Set(typed.operands)) deals.push(await findDeal(client, name));
  return deals;
};

/** `aws.useCase=…` → { useCase: … }. Throws a usage `Failure` for other marketplaces and unknown fields. */
const readFields = (given: readonly string[], marketplace: string, kinds: FieldKinds): Record<string, Json> => {
  const fields: Record<string, Json> = {};
  for (const text of given) {
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    const known = kinds.names(marketplace);
    if (!name.startsWith(`${marketplace}.`) || (known.length > 0 && !known.includes(name))) {
      const near = didYouMean(name || text, known);
      throw usageFailure(
        `--field ${text} is no field of ${marketplace}${near}`,
        `write --field ${marketplace}.<name>=<value>`,
      );
    }
    const read = readField(kinds.kindOf(name), value);
    if (read === null)
      throw usageFailure(`--field ${name}: what follows json: is not JSON`, "correct it, or remove json:");
    const path = name.slice(marketplace.length + 1);
    if (path.includes("."))
      throw usageFailure(
        `--field ${name}: give the whole object`,
        `--field ${marketplace}.${path.split(".")[0]}=json:{…}`,
      );
    fields[path] = read.value;
  }
  return fields;
};

interface Way {
  readonly connection: ListedConnection;
  readonly fields: Readonly<Record<string, Json>>;
  readonly dryRun: boolean;
  readonly strict: boolean;
}
/** The answer to a share that was made, or, with `share` null, to a dry run. */
const shareAnswerSchema = z.looseObject({
  share: z.looseObject({ id: z.string(), state: z.string() }).nullish(),
  state: z.string().nullish(),
  gaps: z.array(gapSchema).default([]),
});

const shareOne = async (client: Client, deal: ListedDeal, way: Way): Promise<Shared> => {
  const answer = await client.attempt("POST", `/v1/opportunities/${deal.id}/shares`, {
    connectionId: way.connection.id,
    ...(Object.keys(way.fields).length > 0 ? { fields: way.fields } : {}),
    ...(way.dryRun ? { dryRun: true } : way.strict ? {} : { keepDraft: true }),
  });
  if (answer.status < 300) {
    const { share, state, gaps } = shareAnswerSchema.parse(answer.body);
    const outcome = gaps.length > 0 ? (way.dryRun ? "refused" : "draft") : "shared";
    return { deal, outcome, shareId: share?.id ?? null, state: share?.state ?? state ?? null, gaps, message: null };
  }
  const problem = problemSchema.safeParse(answer.body);
  const detail = problem.success ? (problem.data.detail ?? problem.data.title ?? null) : null;
  const nothing = { deal, shareId: null, state: null, gaps: [], message: detail };
  if (answer.status === 409) return { ...nothing, outcome: "open_already" };
  if (answer.status !== 422 || !problem.success) throw problemFailure(answer, client.where);
  const gaps = (problem.data.errors ?? []).map((row) =>
    gapSchema.parse({ ...row, field: row.field ?? "", code: row.code ?? "", message: row.message ?? "" }),
  );
  return { ...nothing, outcome: gaps.length > 0 ? "refused" : "failed", gaps };
};

const report = (
  results: readonly Shared[],
  connection: ListedConnection,
  view: { readonly dryRun: boolean; readonly columns: number },
): Report => {
  const count = (outcome: Outcome): number => results.filter((result) => result.outcome === outcome).length;
  const counts = {
    deals: results.length,
    shared: count("shared"),
    drafts: count("draft"),
    refused: count("refused"),
    openAlready: count("open_already"),
    failed: count("failed"),
  };
  const gapRows = results.flatMap((result) => result.gaps.map((gap) => ({ deal: nameOf(result.deal), gap })));
  const words = view.dryRun
    ? `${counts.shared} would be sent, ${counts.refused} have gaps`
    : `${counts.shared} on their way, ${counts.drafts} kept as drafts with gaps, ${counts.refused} refused`;
  const text = [
    ...(gapRows.length > 0 ? [gapTable(gapRows.slice(0, gapRowsShownMax), view.columns), "\n"] : []),
    ...(gapRows.length > gapRowsShownMax
      ? [`… and ${gapRows.length - gapRowsShownMax} more gaps; --json tells them all\n`]
      : []),
    ...results
      .filter((result) => result.outcome === "failed")
      .map((result) => `${nameOf(result.deal)}: ${result.message}\n`),
    `${connection.label}: ${counted(counts.deals, "deal")}: ${words}` +
      `${counts.openAlready > 0 ? `, ${counts.openAlready} shared before` : ""}${counts.failed > 0 ? `, ${counts.failed} failed` : ""}` +
      `${view.dryRun ? " (dry run: nothing was changed)" : ""}\n`,
  ];
  const bad = counts.failed > 0 || (!view.dryRun && counts.refused > 0);
  return {
    exitCode: bad ? exitCodes.failed : exitCodes.ok,
    text: text.join(""),
    json: {
      connection: connection.id,
      dryRun: view.dryRun,
      counts,
      deals: results.map(({ deal, outcome, shareId, state, gaps, message }) => ({
        opportunity: deal.id,
        source: deal.source,
        key: deal.key,
        title: deal.title,
        outcome,
        share: shareId,
        state,
        message,
        gaps: gaps.map(({ field, code, message: why, fix, source }) => ({ field, code, message: why, fix, source })),
      })),
    },
  };
};

const nameOf = (deal: ListedDeal): string => (deal.key === "" ? shortId(deal.id) : `${deal.source}:${deal.key}`);

/** Which deal lacks what, and what to do about it. */
export const gapTable = (
  rows: readonly {
    readonly deal: string;
    readonly gap: { readonly field: string; readonly message: string; readonly fix: string };
  }[],
  columns: number,
): string =>
  renderTable(
    rows,
    [
      { title: "deal", cell: (row) => row.deal },
      { title: "field", cell: (row) => row.gap.field },
      { title: "what is wrong", cell: (row) => row.gap.message, shrink: true, lines: 4 },
      { title: "how to mend it", cell: (row) => row.gap.fix, shrink: true, lines: 4 },
    ],
    columns,
  );
