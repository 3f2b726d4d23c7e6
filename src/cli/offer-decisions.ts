/** `cosell offers submit`, `approve`, `refuse`, `publish`, `extend`, `withdraw`: what is decided about an offer. */
import * as z from "zod";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { oneOffer, reportOf } from "./offer-draft.ts";
import { findOffer, judgedSchema, moneyText, nameOf, type OfferRow, offerSchema, renderJudged } from "./offer-rows.ts";
import { whereabouts } from "./shares.ts";
import { renderTable } from "./table.ts";

const settleMs = 180_000;
const yesFlag = switchFlag("yes", "do it without asking");

/** Asks once before something that cannot be undone; a script says --yes. */
const confirm = async (shell: Shell, typed: Arguments, question: string): Promise<void> => {
  if (typed.on("yes")) return;
  if (!shell.interactive) throw usageFailure(question, "add --yes, or run it in a terminal");
  const answer = await shell.ask(`${question} Type yes: `, false);
  if (answer.trim().toLowerCase() !== "yes") throw new Failure("nothing was done");
};

/** Lets a service in this process do its work, and tells where the offer stands then. */
const standing = async (client: Client, offer: OfferRow): Promise<OfferRow> => {
  if (client.settle === null) return offer;
  await client.settle(settleMs);
  return client.get(`/v1/offers/${offer.id}`, offerSchema);
};
const told = (offer: OfferRow): Report => ({
  exitCode: exitCodes.ok,
  text: `${nameOf(offer)} (${offer.id}) is ${offer.state}${offer.reason ? `: ${offer.reason}` : ""}${offer.acceptUrl ? `\nthe buyer accepts at ${offer.acceptUrl}` : ""}\n`,
  json: jsonOf(offer),
});

export const offerSubmitCommand: Command = {
  ...oneOffer,
  name: "offers submit",
  summary: "Ask for the approval of a draft",
  flags: [],
  examples: ["cosell offers submit off_0199c0de00007000800000000000a001"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const offer = await findOffer(client, typed.operands[0] ?? "");
      return reportOf(await client.post(`/v1/offers/${offer.id}/submit`, {}, judgedSchema));
    }),
};

export const offerApproveCommand: Command = {
  ...oneOffer,
  name: "offers approve",
  summary: "Approve an offer that somebody else asked about",
  about: "Never by the one who asked: approve with a key of your own. It holds for exactly the terms as they are now.",
  flags: [textFlag("note", "text", "kept with the approval"), switchFlag("publish", "let it go out at once")],
  examples: ["cosell offers approve off_0199c0de00007000800000000000a001 --note 'Fine for this quarter' --publish"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const offer = await findOffer(client, typed.operands[0] ?? "");
      const note = typed.text("note");
      const body = { publish: typed.on("publish"), ...(note === undefined ? {} : { note }) };
      const judged = await client.post(`/v1/offers/${offer.id}/approve`, body, judgedSchema);
      return body.publish ? told(await standing(client, judged.offer)) : reportOf(judged);
    }),
};

export const offerRefuseCommand: Command = {
  ...oneOffer,
  name: "offers refuse",
  summary: "Refuse an offer that somebody asked about; it goes back with your note",
  flags: [textFlag("note", "text", "why; needed")],
  examples: ["cosell offers refuse off_0199c0de00007000800000000000a001 --note 'Too deep a discount'"],
  run: (shell, typed) => {
    const note = typed.text("note");
    if (note === undefined) throw usageFailure("cosell offers refuse needs a note", 'add --note "…"');
    return withClient(shell, whereabouts(typed), async (client) => {
      const offer = await findOffer(client, typed.operands[0] ?? "");
      return {
        ...reportOf(await client.post(`/v1/offers/${offer.id}/refuse`, { note }, judgedSchema)),
        exitCode: exitCodes.ok,
      };
    });
  },
};

export const offerPublishCommand: Command = {
  ...oneOffer,
  name: "offers publish",
  summary: "Publish a draft at its marketplace",
  about:
    "Shows gross, fee and net first, and asks. The buyer can accept from then on; what a marketplace froze cannot be changed later.",
  flags: [yesFlag, switchFlag("dry-run", "only judge, and let the marketplace check it")],
  examples: [
    "cosell offers publish salesforce:006Hs00001ABCDE",
    "cosell offers publish off_0199c0de00007000800000000000a001 --yes",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const offer = await findOffer(client, typed.operands[0] ?? "");
      const judged = await client.post(`/v1/offers/${offer.id}/check`, { rehearse: typed.on("dry-run") }, judgedSchema);
      if (typed.on("dry-run") || judged.gaps.length > 0) return reportOf(judged);
      if (!typed.on("yes")) shell.tell(renderJudged(judged));
      await confirm(shell, typed, `Publish ${nameOf(offer)}?`);
      const published = await client.post(`/v1/offers/${offer.id}/publish`, {}, judgedSchema);
      const now = await standing(client, published.offer);
      const report = told(now);
      return now.state === "draft" ? { ...report, exitCode: exitCodes.failed } : report;
    }),
};

const extendedSchema = z.object({
  items: z.array(
    z.object({ offerId: z.string(), outcome: z.string(), acceptBy: z.string().nullable(), why: z.string().nullable() }),
  ),
});
export const offerExtendCommand: Command = {
  name: "offers extend",
  summary: "Move the last day to accept of one or many offers",
  operands: "[offer …]",
  operandsMin: 0,
  operandsMax: 200,
  about: "Name the offers, or take all open ones of a connection that end until a day.",
  flags: [
    textFlag("until", "day", "the new last day, YYYY-MM-DD; needed"),
    textFlag("connection", "label", "with --ending: its open offers"),
    textFlag("ending", "day", "those whose last day is this one or earlier"),
    switchFlag("dry-run", "only tell what would be done"),
  ],
  examples: [
    "cosell offers extend off_0199c0de00007000800000000000a001 --until 2027-01-31",
    "cosell offers extend --connection AWS --ending 2026-12-31 --until 2027-01-31 --dry-run",
  ],
  run: (shell, typed) => {
    const until = typed.text("until");
    const ending = typed.text("ending");
    if (until === undefined) throw usageFailure("cosell offers extend needs a day", "add --until <YYYY-MM-DD>");
    if (typed.operands.length > 0 === (ending !== undefined))
      throw usageFailure("name offers, or give --ending, but not both", "cosell help offers extend");
    return withClient(shell, whereabouts(typed), async (client) => {
      const offers: string[] = [];
      for (const name of typed.operands) offers.push((await findOffer(client, name)).id);
      const which =
        ending === undefined
          ? { offers }
          : { connectionId: (await findConnection(client, typed.text("connection"))).id, endingUntil: ending };
      const { items } = await client.post(
        "/v1/offers/extend",
        { until, dryRun: typed.on("dry-run"), ...which },
        extendedSchema,
      );
      if (!typed.on("dry-run")) await client.settle?.(settleMs);
      const text = renderTable(
        items,
        [
          { title: "offer", cell: (row) => row.offerId },
          { title: "was", cell: (row) => row.acceptBy ?? "" },
          { title: "", cell: (row) => (row.outcome === "requested" && typed.on("dry-run") ? "would be" : row.outcome) },
          { title: "why not", cell: (row) => row.why ?? "", shrink: true, lines: 2 },
        ],
        shell.columns,
      );
      const isRefused = items.some(({ outcome }) => outcome === "refused");
      return { exitCode: isRefused ? exitCodes.failed : exitCodes.ok, text, json: { offers: jsonOf(items) } };
    });
  },
};

export const offerWithdrawCommand: Command = {
  ...oneOffer,
  name: "offers withdraw",
  summary: "Take an offer back",
  about:
    "A draft is gone at once. A published offer is taken back at the marketplace, which cannot be undone; an accepted one stays.",
  flags: [textFlag("reason", "text", "why; needed"), yesFlag],
  examples: ["cosell offers withdraw off_0199c0de00007000800000000000a001 --reason 'Another term' --yes"],
  run: (shell, typed) => {
    const reason = typed.text("reason");
    if (reason === undefined || reason.trim() === "")
      throw usageFailure("cosell offers withdraw needs a reason", 'add --reason "…"');
    return withClient(shell, whereabouts(typed), async (client) => {
      const offer = await findOffer(client, typed.operands[0] ?? "");
      if (offer.state !== "draft" && offer.state !== "in_approval")
        await confirm(
          shell,
          typed,
          `Take ${nameOf(offer)} (${moneyText(offer.total) || "no fixed total"}) back? It cannot be undone.`,
        );
      const withdrawn = await client.post(`/v1/offers/${offer.id}/withdraw`, { reason }, offerSchema);
      return told(await standing(client, withdrawn));
    });
  },
};
