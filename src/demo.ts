/**
 * The demo: the product's own path on a throw-away installation. A CRM export is imported, shared with three simulated clouds over
 * real HTTP, reviewed over simulated weeks, and told as a table with a column for each cloud.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "@hono/node-server";
import * as z from "zod";
import { createMemoryState } from "../adapters/aws/simulator/index.ts";
import { parseArguments } from "./cli/arguments.ts";
import type { Command, Report, Shell } from "./cli/command.ts";
import { importCommand } from "./cli/import.ts";
import { invitationAcceptCommand, invitationRejectCommand, invitationsCommand } from "./cli/invitations.ts";
import { jsonOf } from "./cli/json.ts";
import { createProgress } from "./cli/progress.ts";
import { shareCommand } from "./cli/share.ts";
import { ruleSaveCommand } from "./cli/share-rules.ts";
import { listedShareSchema, renderStateCounts } from "./cli/share-table.ts";
import { dealRowsOf, jsonOfDealRow, renderDealRows } from "./cli/side-by-side.ts";
import { createVirtualClock } from "./clock.ts";
import { closeTheBooks, makeOffers } from "./demo-contracts.ts";
import { type JsonObject, type MarketplaceId, marketplaceIds, partnerNames } from "./domain/deal.ts";
import { freePort, type Opened, openLocal, readConfig } from "./node.ts";
import type { Clock } from "./ports.ts";
import { createTimeline, type Timeline } from "./rehearsal.ts";
import { connectSimulators } from "./simulation.ts";

/** The demo's calendar starts here, so that it tells the same story in any year. */
const start = new Date("2026-11-23T08:00:00Z");
const weeks = 3;
const dayMs = 24 * 3_600_000;
/** Webhooks carry the news; the safety net may be wide while weeks pass in seconds. */
const sweepCron = "TZ=UTC 0 5 * * 1";
/** The story closes its books as a folder, once, at its end: the clock's own fetching would only lengthen it. */
const booksCron = "TZ=UTC 0 5 1 1 *";
const refreshHours = 10 * 7 * 24;
/** After the second week the partner manager answers what AWS's reviewers asked. */
const answerAfterDay = 14;
const answer =
  "The customer has named an owner, agreed on the outcome to measure, and planned a first joint session next month.";

/** Deals that all three clouds are asked to join. */
const sharedWithAll = ["006Hs00001A0107", "006Hs00001A0135", "006Hs00001A0156", "006Hs00001A0310"].map(
  (key) => `salesforce:${key}`,
);

const harrowgate = { CompanyName: "Harrowgate Tools", Industry: "Retail", WebsiteUrl: "harrowgate.example" };
const basalt = { CompanyName: "Basalt Mining", Industry: "Mining", WebsiteUrl: "basalt.example" };
/** What is referred on the first morning: two by AWS, of which one does not fit the seller, and one by Microsoft. */
const referrals: readonly { readonly from: MarketplaceId; readonly referral: JsonObject }[] = [
  { from: "aws", referral: { customer: { Account: harrowgate } } },
  { from: "aws", referral: { customer: { Account: basalt } } },
  { from: "azure", referral: { kind: "co_sell", name: "Claims portal for Nordic Mutual" } },
];
const referredSchema = z.looseObject({ id: z.string() });
const quarterHourMs = 900_000;

const pageSchema = z.object({ items: z.array(listedShareSchema), next: z.string().nullable() });
const countersSchema = z.looseObject({
  counters: z.array(z.looseObject({ writes: z.number(), reads: z.number(), throttled: z.number() })),
});

/** Runs the whole story in a temporary directory and removes it afterwards. */
export const runDemo = async (shell: Shell): Promise<Report> => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-demo-"));
  const clock = createVirtualClock(start);
  const config = { ...readConfig({}), COSELL_DATA: directory, PORT: await freePort("127.0.0.1") };
  shell.tell("Opening an embedded database in memory, the workflow runner and three simulated clouds …");
  const opened = await openLocal(config, {
    clock,
    parallel: 1,
    seed: "demo",
    isThrowAway: true,
    connect: false,
    sweepCron,
    booksCron,
    refreshHours,
    simulatorState: () => createMemoryState(),
  });
  const server = serve({ fetch: opened.service.app.fetch, port: config.PORT, hostname: "127.0.0.1" });
  try {
    await connectSimulators({ ...opened, endpointOf: (id) => `${opened.publicUrl}/simulator/${id}` });
    shell.tell(
      `AWS (simulated) answers at ${opened.publicUrl}/simulator/aws; its webhooks go to ${opened.publicUrl}/hooks/…\n`,
    );
    return await tellStory(shell, opened, {
      clock,
      timeline: createTimeline({ clock, service: opened.service, simulators: Object.values(opened.simulators) }),
    });
  } finally {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
    await opened.close();
    rmSync(directory, { recursive: true, force: true });
  }
};

const tellStory = async (
  shell: Shell,
  opened: Opened,
  { clock, timeline }: { readonly clock: Clock; readonly timeline: Timeline },
): Promise<Report> => {
  const inside: Shell = {
    ...shell,
    reach: async () => ({
      api: opened.api,
      token: opened.token,
      where: "the demo's service",
      settle: null,
      close: async () => {},
    }),
  };
  const example = (name: string): string =>
    fileURLToPath(import.meta.url.replace(/\/(dist|src)\/.*$/, `/examples/${name}`));
  shell.tell("1. Rules for what is shared by itself: cosell rules save examples/share-rules.json");
  const ruled = await command(inside, ruleSaveCommand, [example("share-rules.json")]);
  shell.tell("2. Import: cosell import examples/deals.csv");
  const imported = await command(inside, importCommand, [example("deals.csv")]);
  await timeline.settle();
  const byRule = (await allShares(opened)).length;
  shell.tell(`   ${byRule} shares were made by the rules.`);
  const to = marketplaceIds.join(",");
  shell.tell(`\n3. Share more with all three, by one plan: cosell share ${sharedWithAll[0]} … --to ${to} --yes`);
  const shared = await command(inside, shareCommand, [...sharedWithAll, "--to", to, "--yes"]);
  shell.tell("\n4. AWS and Microsoft refer customers; two are accepted, one is declined: cosell invitations");
  const invitations = await answerReferrals(inside, opened, timeline);
  shell.tell(`\n5. ${weeks} weeks pass: the clouds' reviewers approve, ask, reject; their sellers win or lose deals`);
  const answered = await passWeeks(shell, opened, timeline);
  const stage = {
    ...{ shell: inside, opened, timeline, example },
    now: () => clock.now(),
    control: async (id: MarketplaceId, path: string, body?: JsonObject) =>
      readJson(await (body === undefined ? control(opened, id, path) : control(opened, id, path, body))),
  };
  shell.tell(
    "\n6. Deals become contracts: a private offer at each cloud, drafted from the deal, approved, published, accepted",
  );
  const [aws = "", azure = "", gcp = ""] = sharedWithAll;
  const offers = await makeOffers(stage, { aws, azure, gcp });
  shell.tell("\n7. Two months later the clouds have invoiced and paid: the books are closed");
  const closed = await closeTheBooks(stage);
  const shares = await allShares(opened);
  const rows = dealRowsOf(shares);
  const clouds = await readCounters(opened);
  const calls = marketplaceIds.map(
    (id) =>
      `${partnerNames[id]} took ${clouds[id]?.writes} writes and ${clouds[id]?.reads} reads, and throttled ${clouds[id]?.throttled}.`,
  );
  const text = `${renderDealRows(rows, shell.columns)}

${shares.length} shares of ${rows.length} deals: ${renderStateCounts(shares)}
${byRule} of them made by the rules; 2 came from the clouds, which referred three customers.
${answered} questions of the clouds' reviewers were answered after week 2.
${calls.join("\n")}

Next:  npm start   then   npx cosell import examples/deals.csv && npx cosell share --all --to ${to} && npx cosell shares --by deal`;
  return {
    exitCode: imported.exitCode === 2 || shared.exitCode === 2 ? 1 : 0,
    json: {
      startedAt: start.toISOString(),
      endedAt: clock.now().toISOString(),
      rules: ruled.json,
      imported: imported.json,
      sharedByRule: byRule,
      shared: shared.json,
      invitations,
      answered,
      counts: await readCounts(opened),
      clouds: jsonOf(clouds),
      deals: rows.map(jsonOfDealRow),
      offers,
      closed,
    },
    text,
  };
};

const readCounters = async (opened: Opened) => {
  const clouds: Partial<Record<MarketplaceId, { writes: number; reads: number; throttled: number }>> = {};
  for (const id of marketplaceIds) {
    const { counters } = countersSchema.parse(await readJson(await control(opened, id, "ledger")));
    const sum = (what: "writes" | "reads" | "throttled"): number =>
      counters.reduce((total, row) => total + row[what], 0);
    clouds[id] = { writes: sum("writes"), reads: sum("reads"), throttled: sum("throttled") };
  }
  return clouds;
};

/** Asks a simulator's controls, or with a body tells them something. */
const control = async (opened: Opened, id: MarketplaceId, ...[path, body]: [path: string, body?: JsonObject]) => {
  const simulator = opened.simulators[id];
  if (simulator === undefined) throw new Error(`no ${partnerNames[id]} is simulated here`);
  const headers = { "content-type": "application/json" };
  const told = body === undefined ? {} : { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await simulator.control(new Request(`http://simulator.invalid/${path}`, told));
  if (!answer.ok) throw new Error(`the simulated ${id} answered ${path} with ${answer.status}: ${await answer.text()}`);
  return answer;
};

/** A command as typed; what it prints stands in the story. */
const command = async (shell: Shell, row: Command, words: readonly string[]): Promise<Report> => {
  const report = await row.run(shell, parseArguments(row, words));
  shell.tell(report.text);
  return report;
};

/** The partner manager accepts the first and the last as new deals and declines the second. Returns the inbox after that. */
const answerReferrals = async (
  shell: Shell,
  opened: Opened,
  timeline: ReturnType<typeof createTimeline>,
): Promise<Report["json"]> => {
  const ids: string[] = [];
  for (const { from, referral } of referrals)
    ids.push(referredSchema.parse(await readJson(await control(opened, from, "refer", referral))).id);
  await timeline.advance(quarterHourMs);
  await command(shell, invitationsCommand, []);
  const [wanted = "", unwanted = "", fromMicrosoft = ""] = ids;
  for (const id of [wanted, fromMicrosoft]) {
    shell.tell(`   cosell invitations accept ${id}`);
    await command(shell, invitationAcceptCommand, [id, "--new"]);
  }
  shell.tell(`   cosell invitations reject ${unwanted} --reason unable_to_support`);
  await command(shell, invitationRejectCommand, [unwanted, "--reason", "unable_to_support"]);
  await timeline.advance(quarterHourMs);
  const { json } = await command(shell, invitationsCommand, []);
  return json;
};

const passWeeks = async (
  shell: Shell,
  opened: Opened,
  timeline: ReturnType<typeof createTimeline>,
): Promise<number> => {
  const progress = createProgress(shell, "   day", weeks * 7);
  let answered = 0;
  for (let day = 1; day <= weeks * 7; day++) {
    await timeline.advance(dayMs);
    if (day === answerAfterDay) answered = await answerReviewers(opened);
    const counts = Object.entries(await readCounts(opened))
      .map(([state, count]) => `${count} ${state}`)
      .join(", ");
    progress.show(day, counts);
    if (day % 7 === 0) {
      progress.end();
      shell.tell(`   week ${day / 7}: ${counts}`);
    }
  }
  progress.end();
  return answered;
};

const answerReviewers = async (opened: Opened): Promise<number> => {
  const asked = (await allShares(opened)).filter((share) => share.state === "needs_action");
  for (const share of asked) {
    const path = `/v1/opportunities/${share.opportunityId}`;
    const read = await call(opened, "GET", path);
    const deal = z.looseObject({ problem: z.string().nullish() }).parse(await readJson(read));
    const etag = read.headers.get("etag");
    await call(
      opened,
      "PATCH",
      path,
      { problem: `${deal.problem ?? ""} ${answer}`.trim() },
      etag === null ? {} : { "if-match": etag },
    );
  }
  return asked.length;
};

const allShares = async (opened: Opened) => {
  const shares: z.infer<typeof listedShareSchema>[] = [];
  for (let after = "", pages = 0; pages < 100; pages++) {
    const page = pageSchema.parse(await readJson(await call(opened, "GET", `/v1/shares?limit=200${after}`)));
    shares.push(...page.items);
    if (page.next === null) break;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
  return shares.toSorted((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }));
};

const readCounts = async (opened: Opened): Promise<Readonly<Record<string, number>>> =>
  opened.service.store.shares.countByState(opened.db.sql);

const call = async (
  opened: Opened,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> => {
  const response = await opened.api(
    new Request(`${opened.publicUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${opened.token}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  return response;
};

const readJson = async (response: Response): Promise<unknown> => response.json();
