/**
 * What a backup is: gzip of lines and bytes. Two lines (what it is; the manifest as JSON), then the payload as the database
 * gave it: the embedded database's data directory as tar, or PostgreSQL's archive. Before them there may be a line with the
 * key, in a gzip member of its own, so that adding it needs no second compression.
 */
import * as z from "zod";
import type { Clock, Db, Query, Seal } from "../ports.ts";
import { migrationNames } from "./migrations/names.ts";

/** The form of the file; a higher one was written by a newer version. */
export const backupFormat = 1;
const titlePattern = /^cosell-backup (\d+)$/;
const keyPattern = /^cosell-key ([A-Za-z0-9+/]{43}=)$/;
const lineBytesMax = 1_048_576;
const chunkBytes = 1_048_576;

export const manifestSchema = z.object({
  kind: z.enum(["embedded", "postgres"]),
  /** The version of this product that wrote it. */
  cosell: z.string(),
  takenAt: z.iso.datetime(),
  /** `server_version_num` of the database, for example 150012. */
  databaseVersion: z.number().int(),
  migrations: z.array(z.string()),
  counts: z.record(z.string(), z.number().int()),
});
export type Manifest = z.infer<typeof manifestSchema>;

/** The file is no backup, or not one that this version can read. The message says what to do. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

const counted = ["connection", "opportunity", "share", "effect", "delivery", "contact", "secret"] as const;

/** Reads what the manifest says of a database. */
export const readManifest = async (
  db: Db,
  about: { readonly kind: Manifest["kind"]; readonly cosell: string; readonly clock: Clock },
): Promise<Manifest> => {
  const { sql } = db;
  const [table] = await sql<{ there: boolean }[]>`select to_regclass('migration') is not null as there`;
  if (table?.there !== true)
    throw new BackupError("this database holds nothing of cosell: there is nothing to back up");
  const [version] = await sql<{ number: number }[]>`select current_setting('server_version_num')::int as number`;
  const applied = await sql<{ name: string }[]>`select name from migration order by name`;
  const counts: Record<string, number> = {};
  for (const name of counted) {
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(name)}`;
    counts[name] = row?.count ?? 0;
  }
  return {
    kind: about.kind,
    cosell: about.cosell,
    takenAt: about.clock.now().toISOString(),
    databaseVersion: version?.number ?? 0,
    migrations: applied.map((row) => row.name),
    counts,
  };
};

const encoder = new TextEncoder();

/** The lines that stand before the payload. */
export const headOf = (manifest: Manifest): Uint8Array<ArrayBuffer> =>
  encoder.encode(`cosell-backup ${backupFormat}\n${JSON.stringify(manifest)}\n`);
/** The line that carries the key, for a gzip member of its own before all others. */
export const keyLine = (key: string): Uint8Array<ArrayBuffer> => encoder.encode(`cosell-key ${key}\n`);

/** A whole backup file as a stream: head and payload, compressed. */
export const streamBackup = (manifest: Manifest, payload: Uint8Array): ReadableStream<Uint8Array> => {
  let at = -1;
  const plain = new ReadableStream<BufferSource>({
    pull: (controller) => {
      if (at < 0) {
        controller.enqueue(headOf(manifest));
        at = 0;
      } else if (at < payload.length) {
        controller.enqueue(new Uint8Array(payload.subarray(at, at + chunkBytes)));
        at += chunkBytes;
      } else controller.close();
    },
  });
  return plain.pipeThrough(new CompressionStream("gzip"));
};

export interface Head {
  readonly manifest: Manifest;
  /** The key that the file carries, or null. */
  readonly key: string | null;
  /** Where the payload begins in the uncompressed content. */
  readonly payloadAt: number;
}

/** Reads the head from the beginning of the uncompressed content; null: more bytes are needed. Throws `BackupError`. */
export const readHead = (bytes: Uint8Array): Head | null => {
  const lines: string[] = [];
  let start = 0;
  let key: string | null = null;
  while (lines.length < 2) {
    const end = bytes.indexOf(10, start);
    if (end < 0 && bytes.length - start <= lineBytesMax) return null;
    const line = end < 0 ? "" : new TextDecoder().decode(bytes.subarray(start, end));
    start = end + 1;
    const carried = lines.length === 0 ? (keyPattern.exec(line)?.[1] ?? null) : null;
    if (carried === null) lines.push(line);
    else key = carried;
    const format = titlePattern.exec(lines[0] ?? "")?.[1];
    if (lines.length > 0 && format === undefined) throw new BackupError("this file is no backup of cosell");
    if (Number(format) > backupFormat)
      throw new BackupError(
        `this backup has form ${format}; this version reads up to ${backupFormat}. Restore it with the version that wrote it, or a newer one`,
      );
  }
  return { manifest: parseManifest(lines[1] ?? ""), key, payloadAt: start };
};

const parseManifest = (line: string): Manifest => {
  try {
    return manifestSchema.parse(JSON.parse(line));
  } catch {
    throw new BackupError("the manifest of this backup does not read; the file is damaged");
  }
};

/** Refuses what this version cannot take up: data that a newer version has changed. */
export const checkManifest = (manifest: Manifest): void => {
  const known = new Set<string>(migrationNames);
  const newer = manifest.migrations.filter((name) => !known.has(name));
  if (newer.length > 0)
    throw new BackupError(
      `this backup was taken by cosell ${manifest.cosell} and holds migrations that this version does not know: ${newer.join(", ")}. Restore it with that version or a newer one`,
    );
};

/** Whether the key opens what is sealed in this database. */
export const tryKey = async (query: Query, seal: Seal): Promise<"opens" | "does not open" | "nothing is sealed"> => {
  const [secret] = await query<
    { ref: string; sealed: Uint8Array }[]
  >`select ref, sealed from secret order by ref limit 1`;
  const [contact] = await query<
    { id: string; sealed: Uint8Array }[]
  >`select id, sealed from contact order by id limit 1`;
  const rows = [
    ...(secret === undefined ? [] : [{ sealed: secret.sealed, context: `secret:${secret.ref}` }]),
    ...(contact === undefined ? [] : [{ sealed: contact.sealed, context: `contact:${contact.id}` }]),
  ];
  for (const row of rows) {
    const opened = await seal.open(row.sealed, row.context).then(
      () => true,
      () => false,
    );
    if (!opened) return "does not open";
  }
  return rows.length === 0 ? "nothing is sealed" : "opens";
};
