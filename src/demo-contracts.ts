/** The demo's second half: private offers on three clouds, approved, published, accepted and paid; and the close of what was sold. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as z from "zod";
import { parseArguments } from "./cli/arguments.ts";
import { closeCommand } from "./cli/close.ts";
import { closePrepareCommand } from "./cli/close-prepare.ts";
import type { Command, Report, Shell } from "./cli/command.ts";
import { offerApproveCommand, offerPublishCommand, offerSubmitCommand } from "./cli/offer-decisions.ts";
import { offerDraftCommand } from "./cli/offer-draft.ts";
import { offerPolicyCommand, offersCommand } from "./cli/offers.ts";
import { type Json, type JsonObject, type MarketplaceId, marketplaceIds } from "./domain/deal.ts";
import type { Opened } from "./node.ts";
import type { Timeline } from "./rehearsal.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Google pays in the third week of the month after, so two months pass. */
const paidAfterDays = 53;
/** Microsoft tells of an acceptance by the subscription that follows; the weekly sweep ties the two. */
const acceptedAfterDays = 8;

interface Stage {
  readonly shell: Shell;
  readonly opened: Opened;
  readonly timeline: Timeline;
  readonly now: () => Date;
  readonly example: (name: string) => string;
  /** Tells a simulator something, or asks it. */
  readonly control: (id: MarketplaceId, path: string, body?: JsonObject) => Promise<unknown>;
}
/** Which deal becomes an offer at which cloud. */
export type Contracted = Readonly<Record<MarketplaceId, string>>;

const judgedSchema = z.looseObject({
  offer: z.looseObject({ id: z.string() }),
  approval: z.looseObject({ status: z.string() }),
});
const offerSchema = z.looseObject({ id: z.string(), remoteId: z.string() });
const reportsSchema = z.object({ files: z.array(z.object({ path: z.string(), text: z.string() })) });

/** Drafts from the deals, approval by somebody else where the policy asks for it, publication. */
export const makeOffers = async (stage: Stage, deals: Contracted): Promise<Json> => {
  const { shell, opened, timeline, example } = stage;
  await quietly(shell, offerPolicyCommand, [example("offers/policy.json")]);
  const colleague = await colleagueShell(shell, opened);
  for (const id of marketplaceIds) {
    const label = await labelOf(opened, id);
    shell.tell(`   cosell offers draft ${deals[id]} --connection "${label}" --terms examples/offers/${id}.json`);
    const words = [deals[id], "--connection", label, "--terms", example(`offers/${id}.json`)];
    const judged = judgedSchema.parse((await quietly(shell, offerDraftCommand, words)).json);
    if (judged.approval.status !== "not_needed") {
      shell.tell("   it needs an approval: cosell offers submit, and somebody else: cosell offers approve");
      await quietly(shell, offerSubmitCommand, [judged.offer.id]);
      await quietly(colleague, offerApproveCommand, [judged.offer.id]);
    }
    await quietly(shell, offerPublishCommand, [judged.offer.id, "--yes"]);
  }
  await timeline.advance(hourMs);
  for (const id of marketplaceIds) await accept(stage, id);
  await timeline.advance(acceptedAfterDays * dayMs);
  const report = await run(shell, offersCommand, []);
  shell.tell(report.text);
  return report.json;
};

/** Two months of invoices and payouts, the marketplaces' own files beside ours, and the close. */
export const closeTheBooks = async (stage: Stage): Promise<Json> => {
  const { shell, timeline, control, now } = stage;
  await timeline.advance(paidAfterDays * dayMs);
  const until = now().toISOString().slice(0, 10);
  const root = mkdtempSync(join(tmpdir(), "cosell-demo-close-"));
  const folder = join(root, "reports");
  const statements: string[] = [];
  for (const id of marketplaceIds)
    for (const { path, text } of reportsSchema.parse(await control(id, `reports?until=${until}`)).files)
      if (path === "bank/statement.csv") statements.push(text);
      else write(join(folder, path), text);
  // One account receives what all three pay.
  write(
    join(folder, "bank/statement.csv"),
    statements.map((text, index) => (index === 0 ? text : text.slice(text.indexOf("\n") + 1))).join(""),
  );
  shell.tell(`   cosell close prepare ${folder}`);
  await quietly(shell, closePrepareCommand, [folder]);
  shell.tell(`   cosell close ${folder} --as-of ${until} --out ${join(root, "pack")}`);
  const report = await run(shell, closeCommand, [folder, "--as-of", until, "--out", join(root, "pack")]);
  shell.tell(report.text);
  return report.json;
};

const accept = async ({ opened, control }: Stage, id: MarketplaceId): Promise<void> => {
  const remoteId = await remoteIdOf(opened, id);
  if (id === "gcp") await control("gcp", "accept_offer", { id: remoteId });
  else await control(id, `offers/${remoteId}/accept`, {});
  // At Microsoft a buyer who has accepted has not bought yet.
  if (id === "azure") await control("azure", `offers/${remoteId}/purchase`, {});
};

const connectionOf = async ({ service, db }: Opened, id: MarketplaceId) => {
  const connection = (await service.store.connections.list(db.sql)).find(({ marketplace }) => marketplace === id);
  if (connection === undefined) throw new Error(`the demo has no connection to ${id}`);
  return connection;
};
const labelOf = async (opened: Opened, id: MarketplaceId): Promise<string> => (await connectionOf(opened, id)).label;

const remoteIdOf = async (opened: Opened, id: MarketplaceId): Promise<string> => {
  const connectionId = (await connectionOf(opened, id)).id;
  const { items } = await opened.service.store.offers.list(opened.db.sql, { after: null, limit: 1, connectionId });
  const offer = offerSchema.safeParse(items[0]);
  if (!offer.success) throw new Error(`the offer at ${id} was not published: ${JSON.stringify(items[0])}`);
  return offer.data.remoteId;
};

/** A shell of somebody else: nobody approves what they asked for themselves. */
const colleagueShell = async (shell: Shell, opened: Opened): Promise<Shell> => {
  const { access } = opened.service.store;
  const actorId = await access.actor(opened.db.sql, "person", "Cora Finance");
  const key = await access.createKey(opened.db.sql, {
    actorId,
    name: "finance",
    scopes: ["read", "write"],
    expiresAt: null,
  });
  return { ...shell, reach: async (where) => ({ ...(await shell.reach(where)), token: key.secret }) };
};

const write = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
const run = (shell: Shell, row: Command, words: readonly string[]): Promise<Report> =>
  row.run(shell, parseArguments(row, words));
/** A command whose output would only lengthen the story; that it failed is told. */
const quietly = async (shell: Shell, row: Command, words: readonly string[]): Promise<Report> => {
  const report = await run({ ...shell, tell: () => {} }, row, words);
  if (report.exitCode !== 0) throw new Error(`cosell ${row.name} ${words.join(" ")}: ${report.text}`);
  return report;
};
