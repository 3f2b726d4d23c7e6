/** `cosell offers`: the list, one offer's story, what runs out, what was found, the message to the buyer. */
import * as z from "zod";
import { offerStates } from "../domain/machine.ts";
import { withClient } from "./client.ts";
import { type Command, switchFlag, textFlag } from "./command.ts";
import { findDeal } from "./deals.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { oneOffer, readJson } from "./offer-draft.ts";
import {
  findOffer,
  gapSchema,
  type ListedOffer,
  listedOfferSchema,
  moneyText,
  nameOf,
  offerSchema,
  offersMax,
  readOfferFilter,
  renderOffers,
} from "./offer-rows.ts";
import { readLimit, whereabouts } from "./shares.ts";
import { counted, printable, renderTable } from "./table.ts";

const dayMs = 86_400_000;
const watchDaysDefault = 30;

export const offersCommand: Command = {
  name: "offers",
  summary: "List private offers, newest first",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("state", "a,b", `only these states: ${offerStates.join(", ")}`),
    textFlag("connection", "label", "only offers there"),
    textFlag("deal", "source:key", "only offers of this deal"),
    textFlag("limit", "count", "rows at most; default 50"),
    switchFlag("all", "all rows"),
  ],
  examples: [
    "cosell offers",
    "cosell offers --state published,viewed",
    "cosell offers --deal salesforce:006Hs00001ABCDE --json",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const limit = readLimit(typed);
      const query = await readOfferFilter(client, typed);
      const rows: ListedOffer[] = [];
      for await (const row of client.each("/v1/offers", listedOfferSchema, query, limit)) rows.push(row);
      const text =
        rows.length === 0
          ? "no offers; cosell offers draft <source:key> makes one from a deal\n"
          : `${renderOffers(rows, shell.columns)}\n${counted(rows.length, "offer")}\n`;
      return { exitCode: exitCodes.ok, text, json: { offers: jsonOf(rows) } };
    }),
};

const storySchema = offerSchema.extend({
  gaps: z.array(gapSchema),
  connection: z.looseObject({ label: z.string(), marketplace: z.string() }),
  deal: z.looseObject({ source: z.string(), key: z.string(), title: z.string() }).nullable(),
  approvals: z.array(
    z.looseObject({
      requestedByName: z.string(),
      decision: z.string().nullable(),
      decidedByName: z.string().nullable(),
      note: z.string().nullable(),
    }),
  ),
  agreements: z.array(z.looseObject({ id: z.string(), remoteId: z.string(), state: z.string() })),
  suggestions: z.array(z.looseObject({ source: z.string(), key: z.string(), title: z.string(), why: z.string() })),
  effects: z.array(z.looseObject({ operation: z.string(), state: z.string(), attempts: z.number() })),
});
const historyRowSchema = z.looseObject({
  at: z.string(),
  actorName: z.string(),
  what: z.string(),
  toState: z.string().nullish(),
  note: z.string().nullish(),
});

export const offerShowCommand: Command = {
  ...oneOffer,
  name: "offers show",
  summary: "Show one offer: terms, fee, approvals, writes, agreements, what happened",
  flags: [],
  examples: [
    "cosell offers show off_0199c0de00007000800000000000a001",
    "cosell offers show salesforce:006Hs00001ABCDE",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findOffer(client, typed.operands[0] ?? "");
      const story = await client.get(`/v1/offers/${id}`, storySchema);
      const history: z.infer<typeof historyRowSchema>[] = [];
      for await (const row of client.each(`/v1/offers/${id}/history`, historyRowSchema, {}, 5_000)) history.push(row);
      const text = `${renderStory(story)}\nwhat happened\n${historyTable(history, shell.columns)}`;
      return { exitCode: exitCodes.ok, text, json: jsonOf({ ...story, history }) };
    }),
};

const renderStory = (story: z.infer<typeof storySchema>): string => {
  const { fee, deal } = story;
  const heads: readonly (readonly [string, string | null | undefined])[] = [
    ["offer", `${nameOf(story)} (${story.id}) at ${story.connection.label}`],
    ["state", `${story.state}${story.reason ? `: ${story.reason}` : ""}`],
    ["deal", deal === null ? null : `${deal.source}:${deal.key}, ${deal.title}`],
    ["their id", story.remoteId],
    ["total", moneyText(story.total)],
    [
      "fee",
      fee
        ? `${moneyText(fee.fee) || "?"} at ${fee.percent ?? "?"} %, net ${moneyText(fee.net) || "?"} (${fee.source ?? "no row answers"})`
        : null,
    ],
    ["accept by", story.acceptBy],
    ["accept at", story.acceptUrl],
    [
      "approvals",
      story.approvals
        .map(
          (one) =>
            `asked by ${one.requestedByName}: ${one.decision ?? "open"}${one.decidedByName ? ` by ${one.decidedByName}` : ""}${one.note ? ` (${one.note})` : ""}`,
        )
        .join("; "),
    ],
    ["agreements", story.agreements.map((one) => `${one.remoteId} (${one.state})`).join(", ")],
    [
      "writes",
      story.effects
        .map((one) => `${one.operation} ${one.state}${one.attempts > 1 ? ` after ${one.attempts} attempts` : ""}`)
        .join(", "),
    ],
    ["perhaps of", story.suggestions.map((one) => `${one.source}:${one.key}, ${one.why}`).join("; ")],
  ];
  return [
    ...heads.map(([name, value]) => (value ? `${name.padEnd(12)} ${printable(value)}\n` : "")),
    ...story.gaps.map((gap) => `  ${gap.field}: ${gap.message}\n    fix: ${gap.fix}\n`),
  ].join("");
};
export const historyTable = (rows: readonly z.infer<typeof historyRowSchema>[], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "when", cell: (row) => row.at.slice(0, 19).replace("T", " ") },
      { title: "who", cell: (row) => row.actorName },
      { title: "what", cell: (row) => row.what },
      { title: "state", cell: (row) => row.toState ?? "" },
      { title: "note", cell: (row) => row.note ?? "", shrink: true, lines: 4 },
    ],
    columns,
  );
export { historyRowSchema };

export const offerWatchCommand: Command = {
  name: "offers watch",
  summary: "List open offers by the days that are left, the shortest first",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about:
    "Reminders come by themselves 30, 14, 7, 2 and 1 days before the end; from 2 days on there is an exception too.",
  flags: [textFlag("days", "count", `only those that end within so many days; default ${watchDaysDefault}`)],
  examples: ["cosell offers watch", "cosell offers watch --days 7 --json"],
  run: (shell, typed) => {
    const given = typed.text("days") ?? String(watchDaysDefault);
    if (!/^\d{1,4}$/.test(given)) throw usageFailure(`--days is a number, not ${given}`, "write --days 7");
    return withClient(shell, whereabouts(typed), async (client) => {
      const now = shell.now().getTime();
      const acceptUntil = new Date(now + Number(given) * dayMs).toISOString().slice(0, 10);
      const rows: ListedOffer[] = [];
      const query = { state: "published,viewed", acceptUntil };
      for await (const row of client.each("/v1/offers", listedOfferSchema, query, offersMax)) rows.push(row);
      const left = (row: ListedOffer): number => Math.ceil((Date.parse(row.acceptBy ?? "") - now) / dayMs);
      const sorted = rows.toSorted((a, b) => left(a) - left(b));
      const table = renderTable(
        sorted,
        [
          { title: "days", cell: (row) => String(left(row)), right: true },
          { title: "accept by", cell: (row) => row.acceptBy ?? "" },
          { title: "offer", cell: (row) => row.id },
          { title: "name", cell: nameOf, shrink: true },
          { title: "at", cell: (row) => row.marketplace },
          { title: "total", cell: (row) => moneyText(row.total), right: true },
        ],
        shell.columns,
      );
      const text = rows.length === 0 ? `no open offer ends within ${given} days\n` : table;
      return {
        exitCode: exitCodes.ok,
        text,
        json: { offers: jsonOf(sorted.map((row) => ({ ...row, daysLeft: left(row) }))) },
      };
    });
  },
};

export const offerAdoptCommand: Command = {
  name: "offers adopt",
  summary: "List offers that somebody made at a marketplace, or tie one to a deal",
  operands: "[offer]",
  operandsMin: 0,
  operandsMax: 1,
  about:
    "They are never tied by themselves unless they carry our mark: say which deal with --deal, or that no suggested one is right with --none.",
  flags: [
    textFlag("deal", "source:key", "the deal it belongs to"),
    switchFlag("none", "none of the suggested deals is right"),
  ],
  examples: ["cosell offers adopt", "cosell offers adopt offer-abc123 --deal salesforce:006Hs00001ABCDE"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [name] = typed.operands;
      const deal = typed.text("deal");
      if (name === undefined) {
        const rows: ListedOffer[] = [];
        for await (const row of client.each("/v1/offers", listedOfferSchema, { origin: "found" }, offersMax))
          if (!row.key) rows.push(row);
        const text = rows.length === 0 ? "every offer is tied to a deal\n" : renderOffers(rows, shell.columns);
        return { exitCode: exitCodes.ok, text, json: { offers: jsonOf(rows) } };
      }
      if ((deal === undefined) === !typed.on("none"))
        throw usageFailure("say --deal <source:key>, or --none", "cosell offers show <offer> lists the suggestions");
      const { id } = await findOffer(client, name);
      const done =
        deal === undefined
          ? await client.post(`/v1/offers/${id}/ignore-suggestions`, {}, offerSchema)
          : await client.post(
              `/v1/offers/${id}/link`,
              { opportunityId: (await findDeal(client, deal)).id },
              offerSchema,
            );
      const text =
        deal === undefined
          ? `${nameOf(done)}: no deal is suggested any more\n`
          : `${nameOf(done)} belongs to ${deal}\n`;
      return { exitCode: exitCodes.ok, text, json: jsonOf(done) };
    }),
};

export const offerMessageCommand: Command = {
  ...oneOffer,
  name: "offers message",
  summary: "Print a message to the buyer: how to accept, or a question for the missing account",
  flags: [],
  examples: ["cosell offers message off_0199c0de00007000800000000000a001"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findOffer(client, typed.operands[0] ?? "");
      const message = await client.get(
        `/v1/offers/${id}/instructions`,
        z.looseObject({ subject: z.string(), text: z.string() }),
      );
      return { exitCode: exitCodes.ok, text: `${message.subject}\n\n${message.text}\n`, json: jsonOf(message) };
    }),
};

const policySchema = z.looseObject({
  version: z.number(),
  rules: z.array(
    z.looseObject({ name: z.string(), when: z.record(z.string(), z.json()), approvers: z.array(z.string()) }),
  ),
});
export const offerPolicyCommand: Command = {
  name: "offers policy",
  summary: "Show when an offer needs an approval, or save it from a JSON file",
  operands: "[file.json]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
A policy: {"rules": [{"name": "Deep discount", "when": {"discountOverPercent": "20", "monthsOver": 24,
"amountOver": {"amount": "500000", "currency": "USD"}, "netDaysOver": 60}, "approvers": ["Cora Finance"]}]}. Every condition of a
rule must hold; whoever asks for an approval can never give it.`,
  flags: [],
  examples: ["cosell offers policy", "cosell offers policy policy.json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [file] = typed.operands;
      const policy =
        file === undefined
          ? await client.get("/v1/approval-policy", policySchema)
          : await client.put("/v1/approval-policy", { body: await readJson(file) }, policySchema);
      const table = renderTable(
        policy.rules,
        [
          { title: "rule", cell: (rule) => rule.name },
          { title: "when", cell: (rule) => JSON.stringify(rule.when), shrink: true, lines: 3 },
          { title: "who approves", cell: (rule) => rule.approvers.join(", ") || "anybody but the requester" },
        ],
        shell.columns,
      );
      const text = policy.rules.length === 0 ? "no offer needs an approval\n" : `${table}\nversion ${policy.version}\n`;
      return { exitCode: exitCodes.ok, text, json: jsonOf(policy) };
    }),
};
