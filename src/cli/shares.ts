/** `cosell shares`, `withdraw`, `sync`: what became of the deals that were shared. */
import * as z from "zod";
import { shareStates } from "../domain/machine.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { findDeal } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection, isByHand, listConnections } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { didYouMean } from "./nearest.ts";
import { readStory, renderStory } from "./share-story.ts";
import {
  type ListedShare,
  listedShareSchema,
  renderShareTable,
  renderStateCounts,
  shareRowOf,
  shortId,
} from "./share-table.ts";
import { dealRowsOf, jsonOfDealRow, newestOfEach, readSides, renderDealRows, renderSides } from "./side-by-side.ts";
import { counted } from "./table.ts";

const listedDefault = 50;
const listedMax = 100_000;
const watchEveryMs = 2_000;
const watchRoundsMax = 43_200;

export const sharesCommand: Command = {
  name: "shares",
  summary: "List shares, or tell one share's story",
  operands: "[shr_… | source:key]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
Without operand: a table, sorted by deal. With one: what is known of that share, and everything that happened to it. A deal at
several clouds is told side by side: what each cloud says, and where they hold other values, since when and why.`,
  flags: [
    textFlag("state", "a,b", `only these states: ${shareStates.join(", ")}`),
    textFlag("connection", "label", "only shares there"),
    textFlag("limit", "count", `rows at most; default ${listedDefault}`),
    switchFlag("all", "all rows"),
    textFlag("by", "deal", "a row for each deal, a column for each cloud, and the one thing to do next across them"),
    switchFlag("watch", "look again every two seconds and tell what moves, until Ctrl-C"),
  ],
  examples: [
    "cosell shares",
    "cosell shares --by deal",
    "cosell shares --state needs_action,draft",
    "cosell shares salesforce:006Hs00001ABCDE",
    "cosell shares --watch",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), (client) => {
      const [name] = typed.operands;
      if (name !== undefined) return runStory(shell, client, name);
      const by = typed.text("by");
      if (by !== undefined && by !== "deal") throw usageFailure(`--by ${by} is unknown`, "use --by deal");
      if (by === "deal") return runByDeal(shell, client, typed);
      return typed.on("watch") ? watchShares(shell, client, typed) : runList(shell, client, typed);
    }),
};

export const withdrawCommand: Command = {
  name: "withdraw",
  summary: "Take a share back from a programme",
  operands: "<shr_… | source:key>",
  operandsMin: 1,
  operandsMax: 1,
  about:
    "What has not left yet is withdrawn at once; otherwise the partner is told as soon as their record can be edited.",
  flags: [textFlag("reason", "text", "why; needed, and told to the partner where they ask for one")],
  examples: ['cosell withdraw salesforce:006Hs00001ABCDE --reason "The customer cancelled the project"'],
  run: (shell, typed) => {
    const reason = typed.text("reason");
    if (reason === undefined || reason.trim() === "")
      throw usageFailure("cosell withdraw needs a reason", 'add --reason "…"');
    return withClient(shell, whereabouts(typed), async (client) => {
      const share = await findShare(client, typed.operands[0] ?? "");
      const answer = await client.post(
        `/v1/shares/${share.id}/withdraw`,
        { reason },
        z.looseObject({ state: z.string() }),
      );
      const text = `${nameOf(share)} (${share.id}) is ${answer.state}\n`;
      return { exitCode: exitCodes.ok, text, json: { share: share.id, state: answer.state } };
    });
  },
};

export const syncCommand: Command = {
  name: "sync",
  summary: "Ask the marketplaces what changed, and wait for it",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("connection", "label", "only this one; default all"),
    textFlag("wait", "seconds", "how long to wait for what a service elsewhere does; default 60"),
  ],
  examples: ["cosell sync", 'cosell sync --connection "AWS production"'],
  run: (shell, typed) => withClient(shell, whereabouts(typed), (client) => runSync(shell, client, typed)),
};

export const whereabouts = (typed: Arguments) => ({ url: typed.text("url"), data: typed.text("data") });
const nameOf = (share: ListedShare): string => `${share.source}:${share.key} ${share.title}`;

const readFilter = async (client: Client, typed: Arguments) => {
  const state = typed.text("state");
  for (const word of state?.split(",") ?? []) {
    if (!shareStates.some((known) => known === word))
      throw usageFailure(`--state ${word} is unknown${didYouMean(word, shareStates)}`, `use ${shareStates.join(", ")}`);
  }
  const connection = typed.text("connection");
  return { state, connection: connection === undefined ? undefined : (await findConnection(client, connection)).id };
};

/** The most rows to show, from `--limit` and `--all`. */
export const readLimit = (typed: Arguments): number => {
  const text = typed.text("limit") ?? String(typed.on("all") ? listedMax : listedDefault);
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1) throw usageFailure(`--limit ${text} is no count`, "give a whole number from 1 on, or --all");
  return Math.min(limit, listedMax);
};

const readShares = async (
  client: Client,
  query: Readonly<Record<string, string | undefined>>,
): Promise<ListedShare[]> => {
  const all: ListedShare[] = [];
  for await (const share of client.each("/v1/shares", listedShareSchema, query, listedMax)) all.push(share);
  return all.toSorted((a, b) => compare(a.source, b.source) || compare(a.key, b.key) || compare(a.id, b.id));
};
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const runList = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const limit = readLimit(typed);
  const all = await readShares(client, await readFilter(client, typed));
  const shown = all.slice(0, limit);
  const rows = shown.map(shareRowOf);
  const untagged = all.filter((share) => share.tag === null || share.tag === undefined).length;
  const text =
    all.length === 0
      ? "no shares; cosell share makes some\n"
      : [
          renderShareTable(rows, shell.columns),
          `\n${counted(all.length, "share")}: ${renderStateCounts(all)}\n`,
          ...(untagged > 0 ? [`${counted(untagged, "deal has", "deals have")} no sourced or influenced tag\n`] : []),
          ...(all.length > shown.length ? [`${shown.length} of ${all.length} shown; --all shows all\n`] : []),
        ].join("");
  const items = shown.map((share, index) => ({ ...plain(share), next: rows[index]?.next ?? "" }));
  return { exitCode: exitCodes.ok, text, json: { total: all.length, shares: items } };
};

const runByDeal = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const limit = readLimit(typed);
  const rows = dealRowsOf(await readShares(client, await readFilter(client, typed)));
  const shown = rows.slice(0, limit);
  const text =
    rows.length === 0
      ? "no shares; cosell share makes some\n"
      : [
          renderDealRows(shown, shell.columns),
          `\n${counted(rows.length, "deal")} shared\n`,
          ...(rows.length > shown.length ? [`${shown.length} of ${rows.length} shown; --all shows all\n`] : []),
        ].join("");
  return { exitCode: exitCodes.ok, text, json: { total: rows.length, deals: shown.map(jsonOfDealRow) } };
};

const plain = (share: ListedShare) => z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(share)));

const watchShares = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const filter = await readFilter(client, typed);
  let known = new Map<string, ListedShare>();
  for (let round = 0; round < watchRoundsMax && !shell.stopped.aborted; round++) {
    const all = await readShares(client, filter);
    const moved = movesBetween(known, all);
    if (round === 0) await shell.write(`${renderShareTable(all.map(shareRowOf), shell.columns)}\n`);
    else for (const move of moved) await shell.write(`${shell.now().toISOString()}  ${renderMove(move)}\n`);
    known = new Map(all.map((share) => [share.id, share]));
    await shell.sleep(watchEveryMs);
  }
  return { exitCode: exitCodes.ok, text: "", json: { watched: known.size } };
};

interface Move {
  readonly share: ListedShare;
  readonly from: string | null;
}
const movesBetween = (before: ReadonlyMap<string, ListedShare>, after: readonly ListedShare[]): readonly Move[] =>
  after.flatMap((share): readonly Move[] => {
    const old = before.get(share.id);
    if (old === undefined) return [{ share, from: null }];
    return old.state !== share.state ? [{ share, from: old.state }] : [];
  });
const renderMove = ({ share, from }: Move): string =>
  `${nameOf(share)}: ${from === null ? "" : `${from} → `}${share.state}; next: ${shareRowOf(share).next}`;

/** The share with this id, or the newest one of this deal. Throws a `Failure` when there is none. */
export const findShare = async (client: Client, name: string): Promise<ListedShare> => {
  if (/^shr_[0-9a-f]{32}$/.test(name)) {
    const story = await readStory(client, name);
    return listedShareSchema.parse({ ...story.share, ...dealWords(story) });
  }
  const deal = await findDeal(client, name);
  const all = await readShares(client, { opportunity: deal.id });
  const newest = newestOfEach(all);
  const [only, ...others] = newest;
  if (only === undefined) throw new Failure(`${name} is not shared`, { fix: `cosell share ${name}` });
  if (others.length === 0) return only;
  throw usageFailure(
    `${name} is shared with ${newest.map((share) => `${share.connectionLabel} (${share.id})`).join(", ")}`,
    "say which by its id, shr_…",
  );
};
const dealWords = (story: Awaited<ReturnType<typeof readStory>>) => {
  const { source, key, title } = story.share.opportunity;
  return { source, key, title };
};

const runStory = async (shell: Shell, client: Client, name: string): Promise<Report> => {
  if (!/^shr_/.test(name)) {
    const deal = await findDeal(client, name);
    const sides = await readSides(client, deal.id);
    // A deal at several clouds has as many stories; side by side first.
    if (sides.clouds.length > 1)
      return { exitCode: exitCodes.ok, text: renderSides(sides, shell.columns), json: jsonOf(sides) };
  }
  const { id } = await findShare(client, name);
  const story = await readStory(client, id);
  return { exitCode: exitCodes.ok, text: renderStory(story, shell.columns), json: story.json };
};

const runSync = async (shell: Shell, client: Client, typed: Arguments): Promise<Report> => {
  const waitText = typed.text("wait") ?? "60";
  if (!/^\d{1,4}$/.test(waitText)) throw usageFailure(`--wait ${waitText} is no count of seconds`, "give 0 to 9999");
  const label = typed.text("connection");
  const all = label === undefined ? await listConnections(client) : [await findConnection(client, label)];
  const byHand = all.filter(isByHand);
  const active = all.filter((connection) => connection.state === "active" && !isByHand(connection));
  if (active.length === 0 && byHand.length > 0)
    throw new Failure("nothing can be asked: people do the partner's side there by hand", {
      fix: "look in the partner's portal and tell what it says: cosell tasks tell, or cosell tasks import",
    });
  if (active.length === 0) throw new Failure("there is no active connection", { fix: "cosell connections tells why" });
  const before = new Map((await readShares(client, {})).map((share) => [share.id, share]));
  for (const connection of active) await client.post(`/v1/connections/${connection.id}/sweep`, undefined, z.unknown());
  const after = await settled(shell, client, Number(waitText) * 1000);
  const moves = movesBetween(before, after);
  const text = [
    ...moves.map((move) => `${renderMove(move)}\n`),
    `${counted(active.length, "connection")} swept: ${moves.length === 0 ? "nothing moved" : `${counted(moves.length, "share")} moved`}\n`,
    ...all
      .filter((one) => one.state !== "active")
      .map((one) => `${one.label} is ${one.state}: ${one.parkedReason ?? ""}\n`),
    ...byHand.map(({ label: name }) => `${name} cannot be asked: tell what its partner says with cosell tasks tell\n`),
  ].join("");
  return {
    exitCode: exitCodes.ok,
    text,
    json: {
      connections: active.map((connection) => connection.id),
      moved: moves.map(({ share, from }) => ({
        share: share.id,
        deal: `${share.source}:${share.key}`,
        from,
        to: share.state,
      })),
    },
  };
};

const quietRounds = 3;
const lookEveryMs = 1_000;

/** In this process: when all work is done. Elsewhere: when nothing has moved for some seconds, or the time is over. */
const settled = async (shell: Shell, client: Client, waitMs: number): Promise<readonly ListedShare[]> => {
  if (client.settle !== null) {
    await client.settle(waitMs);
    return readShares(client, {});
  }
  let shares = await readShares(client, {});
  let quiet = 0;
  for (let waited = 0; waited < waitMs && quiet < quietRounds && !shell.stopped.aborted; waited += lookEveryMs) {
    await shell.sleep(lookEveryMs);
    const next = await readShares(client, {});
    const same = JSON.stringify(shares.map(mark)) === JSON.stringify(next.map(mark));
    quiet = same ? quiet + 1 : 0;
    shares = next;
    shell.progress(`waiting for the service (${shortId(client.where)})`);
  }
  shell.progress("");
  return shares;
};
/** Changes whenever anything about the share does. */
const mark = (share: ListedShare): string => `${share.id} ${share.version} ${JSON.stringify(share.facts ?? null)}`;
