/** `cosell reports`: files of reports in the service: sent, listed, shown with what is wrong with them, fetched from the marketplaces. */
import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import * as z from "zod";
import { ownFileNames } from "../domain/finance/own-files.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { createProgress } from "./progress.ts";
import { listFolder } from "./report-folder.ts";
import { readLimit, whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const settleMs = 600_000;
const problemsShownMax = 20;

const fileSchema = z.looseObject({
  id: z.string(),
  path: z.string(),
  status: z.string(),
  format: z.string().nullable(),
  rows: z.number(),
  bytes: z.number(),
  sha256: z.string().nullable(),
  receivedAt: z.string(),
  problems: z.array(
    z.looseObject({ line: z.number().nullable(), column: z.string().nullable(), message: z.string(), fix: z.string() }),
  ),
  problemCount: z.number(),
  unknownColumns: z.array(z.string()),
  notes: z.array(z.string()),
});
type FileRow = z.infer<typeof fileSchema>;
const receivedSchema = z.looseObject({ file: fileSchema, isNew: z.boolean() });

export const reportsCommand: Command = {
  name: "reports",
  summary: "List received files of reports, newest first",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("status", "a,b", "only these: receiving, read, refused, unknown"),
    textFlag("path", "text", "only files with this in their path"),
    textFlag("limit", "count", "rows at most; default 50"),
    switchFlag("all", "all rows"),
  ],
  examples: ["cosell reports", "cosell reports --status refused"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rows: FileRow[] = [];
      const query = { status: typed.text("status"), path: typed.text("path") };
      for await (const row of client.each("/v1/reports/files", fileSchema, query, readLimit(typed))) rows.push(row);
      return listed(shell, rows);
    }),
};

const listed = (shell: Shell, rows: readonly FileRow[]): Report => {
  const table = renderTable(
    rows,
    [
      { title: "file", cell: (row) => row.path, shrink: true },
      { title: "format", cell: (row) => row.format ?? "", shrink: true },
      { title: "rows", cell: (row) => row.rows.toLocaleString("en"), right: true },
      { title: "received", cell: (row) => row.receivedAt.slice(0, 16).replace("T", " ") },
      { title: "status", cell: (row) => row.status },
      { title: "id", cell: (row) => row.id },
    ],
    shell.columns,
  );
  const text =
    rows.length === 0 ? "no files yet: cosell reports add <folder>\n" : `${table}\n${counted(rows.length, "file")}\n`;
  return { exitCode: exitCodes.ok, text, json: { files: jsonOf(rows) } };
};

export const reportAddCommand: Command = {
  name: "reports add",
  summary: "Send files of reports to the service, or all files of a folder",
  operands: "<file | folder>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    textFlag("path", "path", "of a single file: where it would lie in a folder, such as aws/BillingEvent.csv"),
    listFlag("skip", "path", "a file of the folder that is not sent; may be repeated"),
  ],
  about: `
Marketplaces' reports, bank statements and documents of your own. A file that was sent before is nothing. Each is read by itself: one
that is damaged is refused with line, column and remedy, the others go on, and the command ends with exit code 1. Files that the service writes itself (internal/${ownFileNames.join(", internal/")}) are left out.`,
  examples: [
    "cosell reports add reports/2026-06",
    "cosell reports add BillingEvent.csv --path aws/BillingEvent_2026-06.csv",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const files = await filesOf(typed);
      const progress = createProgress(shell, "sending", files.length);
      const sent: { readonly id: string; readonly isNew: boolean }[] = [];
      try {
        for (const [index, { name, path }] of files.entries()) {
          progress.show(index, path);
          const body = await openAsBlob(name);
          const received = await client.upload(
            `/v1/reports/files?path=${encodeURIComponent(path)}`,
            body,
            receivedSchema,
          );
          sent.push({ id: received.file.id, isNew: received.isNew });
        }
      } finally {
        progress.end();
      }
      await client.settle?.(settleMs);
      const rows: FileRow[] = [];
      for (const { id } of sent) rows.push(await client.get(`/v1/reports/files/${id}`, fileSchema));
      return sentReport(rows, sent.filter(({ isNew }) => isNew).length);
    }),
};

interface Sendable {
  readonly name: string;
  readonly path: string;
}
const filesOf = async (typed: Arguments): Promise<readonly Sendable[]> => {
  const [name = ""] = typed.operands;
  const found = await stat(name).catch(() => null);
  if (found === null) throw new Failure(`${name} is not there`, { fix: "name a file, or a folder of files" });
  if (found.isFile()) return [{ name, path: typed.text("path") ?? basename(name) }];
  const left = new Set([...ownFileNames.map((own) => `internal/${own}`), ...typed.list("skip")]);
  const files = await listFolder(name);
  return files.filter(({ path }) => !left.has(path)).map(({ path }) => ({ name: join(name, path), path }));
};

const sentReport = (rows: readonly FileRow[], fresh: number): Report => {
  const of = (status: string) => rows.filter((row) => row.status === status);
  const refused = of("refused");
  const lines = [
    `${counted(rows.length, "file")} sent, ${fresh} of them new: ${of("read").length} read, ${of("receiving").length} to be read, ${refused.length} refused, ${of("unknown").length} not known`,
    ...refused.flatMap((file) => [
      `refused, nothing of it counts: ${file.path} (${file.id})`,
      ...problemLines(file, 3),
    ]),
    ...of("unknown").map((file) => `not a report that is known, left alone: ${file.path}`),
  ];
  return {
    exitCode: refused.length > 0 ? exitCodes.failed : exitCodes.ok,
    text: `${lines.join("\n")}\n`,
    json: { new: fresh, files: jsonOf(rows) },
  };
};

const problemLines = (file: FileRow, max: number): readonly string[] => [
  ...file.problems.slice(0, max).flatMap(({ line, column, message, fix }) => {
    const place = [line === null ? [] : [`line ${line}`], column === null ? [] : [`column ${column}`]]
      .flat()
      .join(", ");
    return [`  ${place === "" ? "" : `${place}: `}${message}`, ...(fix === "" ? [] : [`    fix: ${fix}`])];
  }),
  ...(file.problemCount > max ? [`  and ${file.problemCount - Math.min(max, file.problems.length)} more`] : []),
];

export const reportShowCommand: Command = {
  name: "reports show",
  summary: "Show what became of one file: format, rows, and each problem with line, column and remedy",
  operands: "<rpf_… | path>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [switchFlag("again", "read a refused or unknown file once more")],
  examples: ["cosell reports show aws/BillingEvent_2026-06.csv"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      let file = await findFile(client, typed.operands[0] ?? "");
      if (typed.on("again")) {
        await client.post(`/v1/reports/files/${file.id}/read`, {}, z.unknown());
        await client.settle?.(settleMs);
        file = await client.get(`/v1/reports/files/${file.id}`, fileSchema);
      }
      const heads = [
        `${file.path} (${file.id})`,
        `  ${file.status}${file.format === null ? "" : `, ${file.format}`}, ${counted(file.rows, "row")}, ${file.bytes.toLocaleString("en")} bytes, received ${file.receivedAt}`,
        `  sha256 ${file.sha256 ?? "not whole yet"}`,
        ...(file.unknownColumns.length === 0
          ? []
          : [`  columns that are not known: ${file.unknownColumns.join(", ")}`]),
        ...file.notes.map((note) => `  note: ${note}`),
        ...problemLines(file, shell.interactive ? problemsShownMax : Number.POSITIVE_INFINITY),
      ];
      return { exitCode: exitCodes.ok, text: `${heads.join("\n")}\n`, json: jsonOf(file) };
    }),
};

const findFile = async (client: Client, name: string): Promise<FileRow> => {
  if (/^rpf_[0-9a-f]{32}$/.test(name)) return client.get(`/v1/reports/files/${name}`, fileSchema);
  for await (const row of client.each("/v1/reports/files", fileSchema, { path: name }, 1_000))
    if (row.path === name) return row;
  throw new Failure(`there is no file ${name}`, { fix: "cosell reports lists them" });
};

const fetchStateSchema = z.looseObject({
  label: z.string(),
  place: z.string(),
  listedAt: z.string().nullable(),
  pendingUntil: z.string().nullable(),
  reason: z.string().nullable(),
});

export const reportFetchCommand: Command = {
  name: "reports fetch",
  summary: "Fetch reports from where the marketplaces leave them, and tell how far that came",
  operands: "[connection]",
  operandsMin: 0,
  operandsMax: 1,
  flags: [switchFlag("look", "only tell, fetch nothing")],
  about: "By itself the service fetches once a day. What was fetched is read and reconciled by itself.",
  examples: ["cosell reports fetch", 'cosell reports fetch "AWS us-east-1"', "cosell reports fetch --look"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [label] = typed.operands;
      if (!typed.on("look")) {
        const body = label === undefined ? {} : { connectionId: (await findConnection(client, label)).id };
        await client.post("/v1/reports/fetch", body, z.unknown());
        await client.settle?.(settleMs);
      }
      const { items } = await client.get("/v1/reports/fetch", z.object({ items: z.array(fetchStateSchema) }));
      const table = renderTable(
        items,
        [
          { title: "connection", cell: (row) => row.label, shrink: true },
          { title: "from", cell: (row) => row.place, shrink: true },
          { title: "last read", cell: (row) => row.listedAt?.slice(0, 16).replace("T", " ") ?? "never" },
          { title: "waits until", cell: (row) => row.pendingUntil?.slice(0, 16).replace("T", " ") ?? "" },
          { title: "stopped", cell: (row) => row.reason ?? "", shrink: true },
        ],
        shell.columns,
      );
      const text =
        items.length === 0 ? "no connection names a place of reports: send files with cosell reports add\n" : table;
      return { exitCode: exitCodes.ok, text, json: { connections: jsonOf(items) } };
    }),
};
