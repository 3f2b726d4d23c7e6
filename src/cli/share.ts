/** `cosell share`: puts deals to programmes. What a programme would refuse is told field by field, before anything is sent. */
import * as z from "zod";
import type { Json } from "../domain/deal.ts";
import { shareStates } from "../domain/machine.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, problemFailure, problemSchema, withClient } from "./client.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag } from "./command.ts";
import { allDeals, findDeal, type ListedDeal } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnections, type ListedConnection } from "./find-connection.ts";
import { fieldKinds } from "./import.ts";
import { didYouMean } from "./nearest.ts";
import { type FieldKinds, readField } from "./programme-fields.ts";
import { createProgress } from "./progress.ts";
import {
  countsOf,
  type Outcome,
  type PlannedShare,
  renderLines,
  renderNotices,
  renderPlan,
  type SharedDeal,
} from "./share-plan.ts";
import { gapSchema } from "./share-table.ts";
import { counted } from "./table.ts";

export const shareCommand: Command = {
  name: "share",
  summary: "Put deals to the co-sell programmes of one or more marketplaces",
  operands: "[source:key | opp_…]…",
  operandsMin: 0,
  operandsMax: 1_000,
  about: `
Each programme judges each deal by its own rules first, and one plan tells what each of them lacks and what cannot be undone.
A programme that would refuse the deal gets nothing: there the share is kept as a draft and goes out by itself once the deal is
mended; the other programmes get the deal. With --strict a deal goes to all programmes named or to none. What is shared already is
left alone, so that the same command may be given again.`,
  flags: [
    switchFlag("all", "all deals"),
    switchFlag("qualified", "all deals from stage qualified to committed"),
    listFlag(
      "to",
      "aws,azure,gcp",
      "marketplaces or labels of connections; needed when there is more than one connection",
    ),
    listFlag("field", "aws.name=value", "a programme field for these shares; lists separated by semicolons"),
    switchFlag("dry-run", "tell the plan, change nothing"),
    switchFlag("strict", "keep no drafts: a deal with a gap anywhere is sent nowhere, and the exit code is 1"),
    switchFlag("yes", "go on without a question where something cannot be undone"),
  ],
  examples: [
    "cosell share salesforce:006Hs00001ABCDE --to aws,azure,gcp",
    "cosell share --qualified --to aws,azure,gcp --dry-run",
    'cosell share --all --to "AWS production" --field "aws.primaryNeeds=Co-Sell - Deal Support"',
  ],
  run: (shell, typed) => runShare(shell, typed),
};

const runShare = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const ways = [typed.on("all"), typed.on("qualified"), typed.operands.length > 0].filter(Boolean).length;
  if (ways !== 1) throw usageFailure("say which deals", "name them as source:key, or use either --all or --qualified");
  return withClient(shell, { url: typed.text("url"), data: typed.text("data") }, async (client) => {
    const connections = await findConnections(client, typed.list("to"));
    const fields = readFields(typed.list("field"), connections, await fieldKinds(client));
    const deals = await chosenDeals(client, typed);
    const way = { connections, fields, strict: typed.on("strict") };
    const planned = await each(shell, "checking", deals, (deal) => shareOne(client, deal, { ...way, dryRun: true }));
    if (typed.on("dry-run")) return report(shell, planned, { connections, isPlan: true });
    await agree(shell, planned, { connections, yes: typed.on("yes") });
    const plans = new Map(planned.map((one) => [one.deal.id, one]));
    const shared = await each(
      shell,
      "sharing",
      deals,
      async (deal) => settledBy(plans.get(deal.id), way.strict) ?? shareOne(client, deal, { ...way, dryRun: false }),
    );
    return report(shell, shared, { connections, isPlan: false });
  });
};

const each = async (
  shell: Shell,
  word: string,
  deals: readonly ListedDeal[],
  work: (deal: ListedDeal) => Promise<SharedDeal>,
): Promise<readonly SharedDeal[]> => {
  const progress = createProgress(shell, word, deals.length);
  const results: SharedDeal[] = [];
  try {
    for (const deal of deals) {
      if (shell.stopped.aborted)
        throw new Failure("stopped", { fix: "run it again: deals that are shared are left alone" });
      results.push(await work(deal));
      progress.show(results.length);
    }
  } finally {
    progress.end();
  }
  return results;
};

/** Tells the plan where there is something to decide: several clouds, or what cannot be undone; the latter wants a yes. */
const agree = async (
  shell: Shell,
  planned: readonly SharedDeal[],
  { connections, yes }: { readonly connections: readonly ListedConnection[]; readonly yes: boolean },
): Promise<void> => {
  const notices = renderNotices(planned, connections);
  if (connections.length > 1 || notices !== "") shell.tell(renderPlan(planned, connections, shell.columns));
  if (notices === "" || yes) return;
  if (!shell.interactive)
    throw usageFailure("some of it cannot be undone, so nothing was sent", "read the plan above, then add --yes");
  const answer = await shell.ask("Send it? Type yes: ", false);
  if (answer.trim().toLowerCase() !== "yes")
    throw new Failure("nothing was sent", { fix: "leave a cloud out of --to to share with the others alone" });
};

/** What needs no request: everything is shared already, or --strict sends nothing because of a gap. Null: ask. */
const settledBy = (plan: SharedDeal | undefined, strict: boolean): SharedDeal | null => {
  if (plan === undefined || plan.message !== null) return null;
  if (plan.clouds.every(({ outcome }) => outcome === "open_already")) return plan;
  if (!strict || !plan.clouds.some(({ outcome }) => outcome === "refused")) return null;
  const clouds = plan.clouds.map(
    (cloud): PlannedShare =>
      cloud.outcome === "shared" ? { ...cloud, outcome: "refused", state: null, notices: [] } : cloud,
  );
  return { ...plan, clouds };
};

const chosenDeals = async (client: Client, typed: Arguments): Promise<readonly ListedDeal[]> => {
  if (typed.operands.length === 0) return allDeals(client, typed.on("qualified"));
  const deals: ListedDeal[] = [];
  for (const name of new Set(typed.operands)) deals.push(await findDeal(client, name));
  return deals;
};

type ProgrammeFields = Readonly<Record<string, Readonly<Record<string, Json>>>>;

/** `aws.useCase=…` → { aws: { useCase: … } }. Throws a usage `Failure` for marketplaces that are not meant and unknown fields. */
const readFields = (
  given: readonly string[],
  connections: readonly ListedConnection[],
  kinds: FieldKinds,
): ProgrammeFields => {
  const fields: Record<string, Record<string, Json>> = {};
  const marketplaces = [...new Set(connections.map(({ marketplace }) => marketplace))];
  for (const text of given) {
    const [, name = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    const marketplace = marketplaces.find((id) => name.startsWith(`${id}.`));
    const known = marketplaces.flatMap((id) => kinds.names(id));
    if (marketplace === undefined || (kinds.names(marketplace).length > 0 && !known.includes(name))) {
      const near = didYouMean(name || text, known);
      throw usageFailure(
        `--field ${text} is no field of ${marketplaces.join(" or ")}${near}`,
        `write --field ${marketplaces[0]}.<name>=<value>`,
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
    fields[marketplace] = { ...fields[marketplace], [path]: read.value };
  }
  return fields;
};

interface Way {
  readonly connections: readonly ListedConnection[];
  readonly fields: ProgrammeFields;
  readonly dryRun: boolean;
  readonly strict: boolean;
}
const answerSchema = z.looseObject({
  clouds: z.array(
    z.looseObject({
      connectionId: z.string(),
      outcome: z.enum(["goes_out", "gaps", "open_already"]),
      shareId: z.string().nullish(),
      state: z.enum(shareStates),
      gaps: z.array(gapSchema).default([]),
      notices: z.array(z.string()).default([]),
      parkedReason: z.string().nullish(),
    }),
  ),
});

const shareOne = async (client: Client, deal: ListedDeal, way: Way): Promise<SharedDeal> => {
  const answer = await client.attempt("POST", `/v1/opportunities/${deal.id}/clouds`, {
    connectionIds: way.connections.map(({ id }) => id),
    ...(Object.keys(way.fields).length > 0 ? { fields: way.fields } : {}),
    ...(way.dryRun ? { dryRun: true } : way.strict ? {} : { keepDrafts: true }),
  });
  if (answer.status < 300) {
    const clouds = answerSchema.parse(answer.body).clouds.map((cloud): PlannedShare => {
      const { connectionId, shareId, state, gaps, notices, parkedReason } = cloud;
      const kept = way.dryRun ? "refused" : "draft";
      const outcome: Outcome =
        cloud.outcome === "gaps" ? kept : cloud.outcome === "goes_out" ? "shared" : "open_already";
      return { connectionId, outcome, shareId: shareId ?? null, state, gaps, notices, parked: parkedReason ?? null };
    });
    return { deal, clouds, message: null };
  }
  const problem = problemSchema.safeParse(answer.body);
  if ((answer.status !== 422 && answer.status !== 409) || !problem.success) throw problemFailure(answer, client.where);
  const nothing = { shareId: null, state: null, gaps: [], notices: [], parked: null };
  // All or nothing: the plan has told the gaps, and which cloud has them.
  const outcome: Outcome = (problem.data.errors ?? []).length > 0 && way.strict ? "refused" : "failed";
  const clouds = way.connections.map(({ id }): PlannedShare => ({ ...nothing, connectionId: id, outcome }));
  return { deal, clouds, message: problem.data.detail ?? problem.data.title ?? null };
};

const report = (
  shell: Shell,
  results: readonly SharedDeal[],
  view: { readonly connections: readonly ListedConnection[]; readonly isPlan: boolean },
): Report => {
  const { connections, isPlan } = view;
  const perCloud = connections.map((connection) => ({ connection, counts: countsOf(results, connection.id) }));
  const isBad = perCloud.some(({ counts }) => counts.failed > 0 || (!isPlan && counts.refused > 0));
  const text = [
    isPlan ? renderPlan(results, connections, shell.columns) : renderLines(results, connections, shell.columns),
    ...perCloud.map(({ connection, counts }) => {
      const words = isPlan
        ? `${counts.shared} would be sent, ${counts.refused} have gaps`
        : `${counts.shared} on their way, ${counts.drafts} kept as drafts with gaps, ${counts.refused} refused`;
      const before = counts.openAlready > 0 ? `, ${counts.openAlready} shared before` : "";
      const failed = counts.failed > 0 ? `, ${counts.failed} failed` : "";
      return `${connection.label}: ${counted(results.length, "deal")}: ${words}${before}${failed}\n`;
    }),
    ...(isPlan ? ["(dry run: nothing was changed)\n"] : []),
  ];
  return {
    exitCode: isBad ? exitCodes.failed : exitCodes.ok,
    text: text.join(""),
    json: {
      dryRun: isPlan,
      connections: perCloud.map(({ connection, counts }) => ({
        id: connection.id,
        label: connection.label,
        marketplace: connection.marketplace,
        counts: { deals: results.length, ...counts },
      })),
      deals: results.map(({ deal, clouds, message }) => ({
        opportunity: deal.id,
        source: deal.source,
        key: deal.key,
        title: deal.title,
        message,
        clouds: clouds.map(({ connectionId, outcome, shareId, state, gaps, notices, parked }) => ({
          connection: connectionId,
          outcome,
          share: shareId,
          state,
          gaps: gaps.map(({ field, code, message: why, fix, source }) => ({ field, code, message: why, fix, source })),
          notices: [...notices],
          parked,
        })),
      })),
    },
  };
};
