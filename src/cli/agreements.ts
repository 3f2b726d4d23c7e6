/** `cosell agreements`: what offers and public purchases became. `cosell fees`: the schedule that offers are judged by. */
import * as z from "zod";
import { agreementStates } from "../domain/machine.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, switchFlag, textFlag } from "./command.ts";
import { findDeal } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { readJson } from "./offer-draft.ts";
import { moneyText } from "./offer-rows.ts";
import { historyRowSchema, historyTable } from "./offers.ts";
import { readLimit, whereabouts } from "./shares.ts";
import { counted, printable, renderTable } from "./table.ts";

const agreementSchema = z.looseObject({
  id: z.string(),
  remoteId: z.string(),
  state: z.enum(agreementStates),
  lineage: z.string().nullish(),
  buyerName: z.string().nullish(),
  buyerAccount: z.string().nullish(),
  startsAt: z.string().nullish(),
  endsAt: z.string().nullish(),
  total: z.object({ amount: z.string(), currency: z.string() }).nullish(),
  revision: z.number(),
  marketplace: z.string().optional(),
  source: z.string().nullish(),
  key: z.string().nullish(),
  waits: z.looseObject({ key: z.string(), says: z.string(), canReject: z.boolean() }).nullish(),
  decision: z.looseObject({ key: z.string(), answer: z.string() }).nullish(),
});
type AgreementRow = z.infer<typeof agreementSchema>;
/** How long a service in this process may take over an answer. */
const settleMs = 180_000;

const findAgreement = async (client: Client, name: string): Promise<AgreementRow> => {
  if (name.startsWith("agr_")) return client.get(`/v1/agreements/${name}`, agreementSchema);
  for await (const row of client.each("/v1/agreements", agreementSchema, {}, 100_000))
    if (row.remoteId === name) return row;
  throw new Failure(`there is no agreement ${name}`, { fix: "cosell agreements lists them" });
};

const oneAgreement = { operands: "<agr_… | the marketplace's id>", operandsMin: 1, operandsMax: 1 } as const;

export const agreementsCommand: Command = {
  name: "agreements",
  summary: "List agreements, newest first",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("state", "a,b", `only these states: ${agreementStates.join(", ")}`),
    textFlag("connection", "label", "only agreements there"),
    textFlag("deal", "source:key", "only agreements of this deal"),
    textFlag("limit", "count", "rows at most; default 50"),
    switchFlag("waiting", "only agreements that wait for a decision of yours"),
    switchFlag("all", "all rows"),
  ],
  examples: ["cosell agreements", "cosell agreements --state active --json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [label, deal] = [typed.text("connection"), typed.text("deal")];
      const query = {
        state: typed.text("state"),
        connection: label === undefined ? undefined : (await findConnection(client, label)).id,
        opportunity: deal === undefined ? undefined : (await findDeal(client, deal)).id,
        waiting: typed.on("waiting") ? "true" : undefined,
      };
      const rows: AgreementRow[] = [];
      for await (const row of client.each("/v1/agreements", agreementSchema, query, readLimit(typed))) rows.push(row);
      const table = renderTable(
        rows,
        [
          { title: "agreement", cell: (row) => row.remoteId, shrink: true },
          { title: "at", cell: (row) => row.marketplace ?? "" },
          { title: "buyer", cell: (row) => row.buyerName ?? row.buyerAccount ?? "", shrink: true },
          { title: "deal", cell: (row) => (row.key ? `${row.source}:${row.key}` : ""), shrink: true },
          { title: "total", cell: (row) => moneyText(row.total), right: true },
          { title: "begins", cell: (row) => row.startsAt?.slice(0, 10) ?? "" },
          { title: "ends", cell: (row) => row.endsAt?.slice(0, 10) ?? "" },
          { title: "state", cell: (row) => (row.waits && !isDecided(row) ? `${row.state}, waits` : row.state) },
        ],
        shell.columns,
      );
      const text = rows.length === 0 ? "no agreements yet\n" : `${table}\n${counted(rows.length, "agreement")}\n`;
      return { exitCode: exitCodes.ok, text, json: { agreements: jsonOf(rows) } };
    }),
};

const storySchema = agreementSchema.extend({
  revisions: z.array(z.looseObject({ revision: z.number(), at: z.string() })),
  evidence: z.looseObject({ kind: z.string(), from: z.string() }).nullish(),
  invoiced: z.array(z.looseObject({ id: z.string(), amount: z.object({ amount: z.string(), currency: z.string() }) })),
  suggestions: z.array(z.looseObject({ source: z.string(), key: z.string(), why: z.string() })),
});
export const agreementShowCommand: Command = {
  name: "agreements show",
  summary: "Show one agreement: terms, revisions, invoices, what happened; tie it to a deal",
  ...oneAgreement,
  flags: [textFlag("deal", "source:key", "say that it belongs to this deal")],
  examples: [
    "cosell agreements show agmt-abc123",
    "cosell agreements show agmt-abc123 --deal salesforce:006Hs00001ABCDE",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findAgreement(client, typed.operands[0] ?? "");
      const deal = typed.text("deal");
      if (deal !== undefined)
        await client.post(
          `/v1/agreements/${id}/link`,
          { opportunityId: (await findDeal(client, deal)).id },
          z.unknown(),
        );
      const story = await client.get(`/v1/agreements/${id}`, storySchema);
      const history: z.infer<typeof historyRowSchema>[] = [];
      for await (const row of client.each(`/v1/agreements/${id}/history`, historyRowSchema, {}, 5_000))
        history.push(row);
      const heads: readonly (readonly [string, string | null | undefined])[] = [
        ["agreement", `${story.remoteId} (${story.id})`],
        ["state", story.state],
        [
          "waits",
          story.waits
            ? `${story.waits.says}${isDecided(story) ? `: ${story.decision?.answer}, on its way` : ""}`
            : null,
        ],
        ["known by", story.evidence ? `${story.evidence.kind}: ${story.evidence.from}` : null],
        ["buyer", [story.buyerName, story.buyerAccount].filter(Boolean).join(", ")],
        ["total", moneyText(story.total)],
        ["runs", `${story.startsAt?.slice(0, 10) ?? "?"} to ${story.endsAt?.slice(0, 10) ?? "open end"}`],
        ["revisions", story.revisions.map((one) => `${one.revision} (${one.at.slice(0, 10)})`).join(", ")],
        ["invoices", story.invoiced.map((one) => `${one.id} ${moneyText(one.amount)}`).join(", ")],
        ["perhaps of", story.suggestions.map((one) => `${one.source}:${one.key}, ${one.why}`).join("; ")],
      ];
      const text = heads.map(([name, value]) => (value ? `${name.padEnd(12)} ${printable(value)}\n` : "")).join("");
      const json = jsonOf({ ...story, history });
      return { exitCode: exitCodes.ok, text: `${text}\nwhat happened\n${historyTable(history, shell.columns)}`, json };
    }),
};

/** Whether what it waits for is decided and only on its way. */
const isDecided = ({ waits, decision }: AgreementRow): boolean => waits != null && decision?.key === waits.key;

const decide =
  (answer: "approve" | "reject"): Command["run"] =>
  (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { id } = await findAgreement(client, typed.operands[0] ?? "");
      const reason = typed.text("reason");
      if (answer === "reject" && reason === undefined)
        throw usageFailure("a rejection needs a reason", "add --reason <text>");
      await client.post(`/v1/agreements/${id}/${answer}`, reason === undefined ? {} : { reason }, agreementSchema);
      if (client.settle !== null) await client.settle(settleMs);
      const after = await client.get(`/v1/agreements/${id}`, agreementSchema);
      const text = `${after.remoteId} (${id}) is ${after.state}${after.waits && isDecided(after) ? "; the answer is on its way" : ""}\n`;
      return { exitCode: exitCodes.ok, text, json: jsonOf(after) };
    });

export const agreementApproveCommand: Command = {
  ...oneAgreement,
  name: "agreements approve",
  summary: "Approve what a marketplace waits for: an order, an activation, a change of plan or seats",
  about: "Only what the connection's settings leave to a person; cosell agreements --waiting lists it.",
  flags: [],
  examples: ["cosell agreements approve agr_0199c0de00007000800000000000a001"],
  run: decide("approve"),
};
export const agreementRejectCommand: Command = {
  ...oneAgreement,
  name: "agreements reject",
  summary: "Reject what a marketplace waits for",
  flags: [textFlag("reason", "text", "kept in the history, and told to the buyer where the marketplace takes one")],
  examples: ["cosell agreements reject agr_0199c0de00007000800000000000a001 --reason 'Not sold in your country'"],
  run: decide("reject"),
};

const tierSchema = z.object({ below: z.string().nullable(), percent: z.string() });
const feeRowSchema = z.looseObject({
  id: z.string(),
  isSeed: z.boolean(),
  row: z.looseObject({
    kind: z.string(),
    marketplace: z.string().optional(),
    currency: z.string().optional(),
    usd: z.string().optional(),
    from: z.string(),
    source: z.string(),
    certainty: z.string(),
    tiers: z.array(tierSchema).optional(),
    renewalPercent: z.string().nullish(),
    channelPercent: z.string().nullish(),
  }),
});
type FeeRow = z.infer<typeof feeRowSchema>;

export const feesCommand: Command = {
  name: "fees",
  summary: "List the fee schedule, save a row from a JSON file, take one out of force",
  operands: "[row.json]",
  operandsMin: 0,
  operandsMax: 1,
  about:
    "What marketplaces are expected to keep, effective-dated, each row with its source and how certain it is. Check the rows that came with the product against your contracts.",
  flags: [
    textFlag("replace", "id", "with a file: the row that it replaces"),
    textFlag("remove", "id", "take this row out of force"),
  ],
  examples: ["cosell fees", "cosell fees azure.json --replace azure-2024", "cosell fees --remove gcp-2025"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [file] = typed.operands;
      const [replaces, remove] = [typed.text("replace"), typed.text("remove")];
      if (replaces !== undefined && file === undefined)
        throw usageFailure("--replace needs a file", "cosell fees <row.json> --replace <id>");
      if (file !== undefined) {
        const body = await readJson(file);
        if (replaces === undefined) await client.post("/v1/fee-schedule", body, feeRowSchema);
        else await client.put(`/v1/fee-schedule/${replaces}`, { body }, feeRowSchema);
      }
      if (remove !== undefined) await client.remove(`/v1/fee-schedule/${remove}`);
      const rows: FeeRow[] = [];
      for await (const row of client.each("/v1/fee-schedule", feeRowSchema, {}, 5_000)) rows.push(row);
      const text = renderTable(
        rows,
        [
          { title: "row", cell: ({ id }) => id },
          { title: "for", cell: ({ row }) => row.marketplace ?? row.currency ?? "" },
          { title: "from", cell: ({ row }) => row.from },
          { title: "percent", cell: percentsOf },
          { title: "renewal", cell: ({ row }) => row.renewalPercent ?? "" },
          { title: "channel", cell: ({ row }) => (row.channelPercent ? `+${row.channelPercent}` : "") },
          { title: "certainty", cell: ({ row }) => row.certainty },
          { title: "source", cell: ({ row }) => row.source, shrink: true, lines: 2 },
        ],
        shell.columns,
      );
      return { exitCode: exitCodes.ok, text, json: { rows: jsonOf(rows) } };
    }),
};
const percentsOf = ({ row }: FeeRow): string =>
  row.tiers === undefined
    ? `${row.usd ?? ""} USD`
    : row.tiers.map(({ below, percent }) => (below === null ? percent : `${percent} under ${below}`)).join(", ");
