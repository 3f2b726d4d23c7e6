/** `cosell decisions`: what people decided of money, and taking a decision back. */
import * as z from "zod";
import { type NamedPart, partsProblems, partsText } from "../domain/finance/allocation.ts";
import { withClient } from "./client.ts";
import { type Command, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const decisionsMax = 10_000;
const decisionSchema = z.looseObject({
  id: z.string(),
  kind: z.string(),
  marketplace: z.string(),
  subject: z.string(),
  decision: z
    .union([
      z.object({ parts: z.array(z.object({ dealId: z.string(), basisPoints: z.number().int() })) }),
      z.record(z.string(), z.string()),
    ])
    .nullish(),
  reason: z.string(),
  actorName: z.string(),
  decidedAt: z.string(),
});
type Decision = z.infer<typeof decisionSchema>;

const saidOf = ({ decision }: Decision): string => {
  if (decision == null) return "taken back";
  if ("parts" in decision && typeof decision.parts !== "string") return partsText(decision.parts);
  return Object.values(decision)
    .filter((value) => value !== "")
    .join(", ");
};

export const decisionsCommand: Command = {
  name: "decisions",
  summary:
    "List what people decided of money: agreements' deals, deals that share an agreement, whose buyers' accounts are",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("kind", "link|alias|allocation", "only these"),
    textFlag("marketplace", "aws|azure|gcp", "only of this marketplace"),
    textFlag("subject", "id", "only of this agreement or account"),
  ],
  examples: ["cosell decisions", "cosell decisions --kind link --subject agmt-1"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rows: Decision[] = [];
      const query = Object.fromEntries(["kind", "marketplace", "subject"].map((name) => [name, typed.text(name)]));
      for await (const row of client.each("/v1/decisions", decisionSchema, query, decisionsMax)) rows.push(row);
      const table = renderTable(
        rows,
        [
          { title: "id", cell: (row) => row.id },
          { title: "when", cell: (row) => row.decidedAt.slice(0, 10) },
          { title: "who", cell: (row) => row.actorName },
          { title: "what", cell: (row) => `${row.kind} ${row.marketplace} ${row.subject}` },
          { title: "says", cell: saidOf },
          { title: "why", cell: (row) => row.reason, shrink: true },
        ],
        shell.columns,
      );
      return {
        exitCode: exitCodes.ok,
        text: rows.length === 0 ? "nothing was decided yet\n" : `${table}\n${counted(rows.length, "decision")}\n`,
        json: { decisions: jsonOf(rows) },
      };
    }),
};

const reasonFlag = textFlag("reason", "text", "why, for people and auditors; no personal data");
const reasonOf = (reason: string | undefined, name: string): string => {
  if (reason === undefined || reason.trim() === "")
    throw usageFailure("--reason is missing: nobody can judge a decision without one", `cosell help ${name}`);
  return reason;
};

export const decisionLinkCommand: Command = {
  name: "decisions link",
  summary: "Say which deal an agreement of the books belongs to",
  operands: "<marketplace> <agreement> <deal>",
  operandsMin: 3,
  operandsMax: 3,
  flags: [reasonFlag],
  about: "The agreement as reports name it; the deal as source:key. A person's word goes before every rule.",
  examples: ['cosell decisions link aws agmt-1 salesforce:006A1 --reason "confirmed with the account team"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [marketplace, agreementId, dealId] = typed.operands;
      const body = { marketplace, agreementId, dealId, reason: reasonOf(typed.text("reason"), "decisions link") };
      return toldOf(await client.post("/v1/agreements/links", body, decisionSchema));
    }),
};

export const decisionAllocateCommand: Command = {
  name: "decisions allocate",
  summary: "Say which deals share an agreement of the books, and how much of it is whose",
  operands: "<marketplace> <agreement> <deal>=<basis points>…",
  operandsMin: 4,
  operandsMax: 102,
  flags: [reasonFlag],
  about: `
The agreement as reports name it; each deal as source:key with its part in basis points, whole numbers that sum to 10000. Each deal has its
part of the contract value, and of all money as credits count it, to the last micro-unit. It goes before every rule; against decisions link, and an
earlier allocation, the later word holds. decisions revoke takes it back.`,
  examples: [
    'cosell decisions allocate aws agmt-1 salesforce:006A1=6000 salesforce:006A2=4000 --reason "one order, two units"',
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [marketplace, agreementId, ...given] = typed.operands;
      const parts = given.map(partOfText);
      const [problem] = partsProblems(parts);
      if (problem !== undefined) throw usageFailure(problem.message, "cosell help decisions allocate");
      const body = { marketplace, agreementId, parts, reason: reasonOf(typed.text("reason"), "decisions allocate") };
      return toldOf(await client.post("/v1/agreements/allocations", body, decisionSchema));
    }),
};

/** `salesforce:006A1=6000` */
const partOfText = (text: string): NamedPart => {
  const at = text.lastIndexOf("=");
  const points = text.slice(at + 1);
  if (at <= 0 || !/^\d{1,5}$/.test(points))
    throw usageFailure(
      `${JSON.stringify(text)} names no part: write a deal, = and whole basis points, such as salesforce:006A1=6000`,
      "cosell help decisions allocate",
    );
  return { dealId: text.slice(0, at), basisPoints: Number(points) };
};

export const decisionAliasCommand: Command = {
  name: "decisions alias",
  summary: "Say which account of the CRM a buyer's account is",
  operands: "<marketplace> <buyer account>",
  operandsMin: 2,
  operandsMax: 2,
  flags: [
    textFlag("domain", "domain", "of the CRM's account"),
    textFlag("account", "name", "the CRM's account by its name"),
    reasonFlag,
  ],
  examples: ['cosell decisions alias aws 123456789012 --domain customer.example --reason "their invoice says so"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [marketplace, buyerAccount] = typed.operands;
      const [domain, accountName] = [typed.text("domain") ?? "", typed.text("account") ?? ""];
      const body = {
        marketplace,
        buyerAccount,
        domain,
        accountName,
        reason: reasonOf(typed.text("reason"), "decisions alias"),
      };
      return toldOf(await client.post("/v1/accounts/aliases", body, decisionSchema));
    }),
};

export const decisionRevokeCommand: Command = {
  name: "decisions revoke",
  summary: "Take a decision back: rules decide again",
  operands: "<decision>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [reasonFlag],
  examples: ['cosell decisions revoke mdc_… --reason "another company\'s account"'],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const path = `/v1/decisions/${encodeURIComponent(typed.operands[0] ?? "")}/revoke`;
      const body = { reason: reasonOf(typed.text("reason"), "decisions revoke") };
      return toldOf(await client.post(path, body, decisionSchema));
    }),
};

const toldOf = (made: Decision) => ({
  exitCode: exitCodes.ok,
  text: `${made.id}: ${made.kind} of ${made.marketplace} ${made.subject}: ${saidOf(made)}\n`,
  json: jsonOf(made),
});
