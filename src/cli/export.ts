/** `cosell export`: every deal as CSV that no spreadsheet runs and that imports back without a change, or as JSON. */
import { chmod, open, rename, rm } from "node:fs/promises";
import * as z from "zod";
import { csvRow, formulaSafe } from "../domain/csv.ts";
import { type Contact, contactSchema, type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Column, contactColumns, fixedColumns } from "./columns.ts";
import { type Command, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { dealsMax, listedDealSchema } from "./deals.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { fieldKinds } from "./import.ts";
import { type FieldKinds, fieldCells } from "./programme-fields.ts";
import { createProgress } from "./progress.ts";
import { counted } from "./table.ts";

const readsAtOnce = 8;
const linesPerWrite = 500;

export const exportCommand: Command = {
  name: "export",
  summary: "Write all deals, formula-safe and re-importable",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
CSV after RFC 4180 in UTF-8. A cell that a spreadsheet would run as a formula begins with an apostrophe, which import takes
away again: importing an export changes nothing. With --json and no --output, the deals are the JSON document.`,
  flags: [
    textFlag("format", "csv|json", "default csv; json is what POST /v1/opportunities/import takes"),
    textFlag("output", "file", "write there instead of to stdout; the file appears whole or not at all"),
    textFlag("source", "crm", "only deals of this CRM"),
    switchFlag("untagged", "only deals without a sourced or influenced tag"),
    switchFlag("bom", "begin with a byte order mark, so that Excel sees UTF-8"),
  ],
  examples: ["cosell export --output deals.csv", "cosell export --untagged", "cosell export --format json"],
  run: (shell, typed) => runExport(shell, typed),
};

/** The part of a deal that an import brings back. */
const exportedDealSchema = z.object({
  source: z.string(),
  key: z.string(),
  title: z.string(),
  stage: z.string(),
  type: z.string(),
  problem: z.string().nullish(),
  closeDate: z.string().nullish(),
  amount: z.object({ amount: z.string(), currency: z.string() }).nullish(),
  termMonths: z.number().nullish(),
  nextSteps: z.string().nullish(),
  lostReason: z.string().nullish(),
  partner: z.string().nullish(),
  tag: z.string().nullish(),
  taggedAt: z.string().nullish(),
  account: z.object({
    name: z.string(),
    website: z.string().nullish(),
    country: z.string().nullish(),
    state: z.string().nullish(),
    city: z.string().nullish(),
    postalCode: z.string().nullish(),
    street: z.string().nullish(),
    industry: z.string().nullish(),
    duns: z.string().nullish(),
  }),
  contacts: z.array(contactSchema).default([]),
  programmes: z.record(z.string(), jsonObjectSchema).default({}),
});
export type ExportedDeal = z.infer<typeof exportedDealSchema>;

const runExport = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const format = typed.text("format") ?? (typed.on("json") ? "json" : "csv");
  const output = typed.text("output");
  if (format !== "csv" && format !== "json") throw usageFailure(`--format ${format} is unknown`, "use csv or json");
  if (typed.on("json") && format === "csv" && output === undefined)
    throw usageFailure("--json and CSV cannot both go to stdout", "add --output <file>, or use --format json");
  return withClient(shell, { url: typed.text("url"), data: typed.text("data") }, async (client) => {
    const deals = await readDeals(shell, client, typed);
    const json = { deals: deals.map((deal) => z.json().parse(JSON.parse(JSON.stringify(deal)))) };
    if (output === undefined && format === "json")
      return { exitCode: exitCodes.ok, json, text: `${JSON.stringify(json, null, 2)}\n` };
    const lines =
      format === "json"
        ? [`${JSON.stringify(json, null, 2)}\n`]
        : csvLines(deals, await fieldKinds(client), typed.on("bom"));
    if (output === undefined) {
      await writeAll(lines, shell.write);
      return { exitCode: exitCodes.ok, json: null, text: "" };
    }
    await writeFileWhole(output, lines);
    const text = `${output}: ${counted(deals.length, "deal")}\n`;
    return { exitCode: exitCodes.ok, json: { file: output, format, deals: deals.length }, text };
  });
};

const readDeals = async (shell: Shell, client: Client, typed: Arguments): Promise<readonly ExportedDeal[]> => {
  const query = { source: typed.text("source"), untagged: typed.on("untagged") ? true : undefined };
  const ids: string[] = [];
  for await (const deal of client.each("/v1/opportunities", listedDealSchema, query, dealsMax)) ids.push(deal.id);
  // Oldest first: importing the file elsewhere makes the deals in the order they were made here.
  ids.reverse();
  const progress = createProgress(shell, "reading", ids.length);
  const deals: ExportedDeal[] = [];
  try {
    for (let from = 0; from < ids.length; from += readsAtOnce) {
      const some = ids.slice(from, from + readsAtOnce);
      deals.push(...(await Promise.all(some.map((id) => client.get(`/v1/opportunities/${id}`, exportedDealSchema)))));
      progress.show(deals.length);
    }
  } finally {
    progress.end();
  }
  return deals;
};

/** The CSV of these deals, line by line, header first. */
export const csvLines = (deals: readonly ExportedDeal[], kinds: FieldKinds, withMark = false): readonly string[] => {
  const rows = deals.map((deal) => cellsOf(deal, kinds));
  const people = (role: Contact["role"]): number =>
    Math.max(1, ...deals.map((deal) => deal.contacts.filter((contact) => contact.role === role).length));
  const contacts = (["owner", "customer"] as const).flatMap((role) =>
    Array.from({ length: people(role) }, (_, index) => contactColumns(role, index + 1)).flat(),
  );
  const fixed = [...fixedColumns, ...contacts].map((column) => column.name);
  const known = new Set(fixed);
  const fields = [...new Set(rows.flatMap((cells) => [...cells.keys()]))].filter((name) => !known.has(name)).toSorted();
  const header = [...fixed, ...fields];
  return [
    `${withMark ? "\uFEFF" : ""}${csvRow(header)}`,
    ...rows.map((cells) => csvRow(header.map((name) => cells.get(name) ?? ""))),
  ];
};

/** Column name → cell, for every value the deal has. */
const cellsOf = (deal: ExportedDeal, kinds: FieldKinds): ReadonlyMap<string, string> => {
  const cells = new Map<string, string>();
  const put = (column: Column, value: string | number | null | undefined): void => {
    if (value !== null && value !== undefined) cells.set(column.name, formulaSafe(String(value)));
  };
  for (const column of fixedColumns) put(column, valueAt(deal, column.path));
  for (const role of ["owner", "customer"] as const) {
    for (const [index, contact] of deal.contacts.filter((person) => person.role === role).entries()) {
      const [email, firstName, lastName, title, phone] = contactColumns(role, index + 1);
      if (email) put(email, contact.email);
      if (firstName) put(firstName, contact.firstName);
      if (lastName) put(lastName, contact.lastName);
      if (title) put(title, contact.title);
      if (phone) put(phone, contact.phone);
    }
  }
  for (const [marketplace, fields] of Object.entries(deal.programmes)) putFields(cells, marketplace, fields, kinds);
  return cells;
};

const putFields = (cells: Map<string, string>, marketplace: string, fields: JsonObject, kinds: FieldKinds): void => {
  for (const [name, text] of fieldCells(marketplace, fields, kinds)) cells.set(name, formulaSafe(text));
};

const valueAt = (deal: ExportedDeal, path: string): string | number | null | undefined => {
  const value = path
    .split(".")
    .reduce<unknown>(
      (node, name) => (typeof node === "object" && node !== null ? Reflect.get(node, name) : undefined),
      deal,
    );
  return typeof value === "string" || typeof value === "number" ? value : undefined;
};

const writeAll = async (lines: readonly string[], write: (text: string) => Promise<void>): Promise<void> => {
  for (let from = 0; from < lines.length; from += linesPerWrite) {
    await write(lines.slice(from, from + linesPerWrite).join(""));
  }
};

/** Writes beside the file and renames: whoever reads it sees the old one or the whole new one. Only the owner may read it. */
const writeFileWhole = async (path: string, lines: readonly string[]): Promise<void> => {
  const draft = `${path}.${process.pid}.part`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await writeAll(lines, async (text) => {
        await file.write(text);
      });
    } finally {
      await file.close();
    }
    await chmod(draft, 0o600);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new Failure(`${path} cannot be written: ${code}`, { fix: "name a file in a directory you may write to" });
  }
};
