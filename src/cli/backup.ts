/** `cosell backup` and `cosell backup verify`. */
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import type { Json } from "../domain/deal.ts";
import { BackupError, headOf, type Manifest, readManifest } from "../store/backup.ts";
import { findOwner, hasDatabase, openEmbedded } from "../store/embedded.ts";
import type { Arguments } from "./arguments.ts";
import { backupName, openBackupFile, readToEnd, refuseExisting, writeBackupFile } from "./backup-file.ts";
import { problemFailure } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag } from "./command.ts";
import { readKey } from "./data-key.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { checkTool, startTool } from "./postgres-tools.ts";
import { counted } from "./table.ts";
import { readVersion } from "./version.ts";

export const backupCommand: Command = {
  name: "backup",
  summary: "Write everything the service holds to one file",
  operands: "[file]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
The embedded database is backed up while the service runs, through the service; otherwise by this command itself. With
DATABASE_URL set, PostgreSQL's own pg_dump does it. The file appears whole or not at all, and only its owner may read it.

Contacts, secrets and bodies are sealed in the backup as they are in the database: without the key nobody opens them. The key
is not in the file unless you say --with-key; keep a copy of it in another place.`,
  flags: [
    switchFlag("with-key", "put the key into the file: whoever has the file then can read everything"),
    switchFlag("force", "replace the file if it exists"),
  ],
  examples: [
    "cosell backup",
    "cosell backup /backups/cosell.backup --force",
    "cosell backup --with-key --data /var/lib/cosell",
  ],
  run: (shell, typed) => runBackup(shell, typed),
};

export const backupVerifyCommand: Command = {
  name: "backup verify",
  summary: "Read a backup to its end and tell what it holds",
  operands: "<file>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [],
  examples: ["cosell backup verify cosell-20261126T083000Z.backup"],
  run: async (shell, typed) => {
    const path = typed.operands[0] ?? "";
    const backup = await openBackupFile(path);
    const { payloadBytes } = await readToEnd(shell, path, backup);
    const { manifest, key } = backup.head;
    const json = { file: path, bytes: backup.fileBytes, payloadBytes, holdsKey: key !== null, ...manifest };
    return { exitCode: exitCodes.ok, json, text: `${path} is whole.\n${factsOf(manifest, key !== null)}` };
  },
};

/** What a backup holds, for people. */
export const factsOf = (manifest: Manifest, holdsKey: boolean): string => {
  const { counts } = manifest;
  const database = manifest.kind === "embedded" ? "the embedded database" : "PostgreSQL";
  return [
    `  taken       ${manifest.takenAt} by cosell ${manifest.cosell}, from ${database}`,
    `  holds       ${counted(counts.opportunity ?? 0, "deal")}, ${counted(counts.share ?? 0, "share")}, ${counted(counts.connection ?? 0, "connection")}`,
    `  migrations  ${manifest.migrations.at(-1) ?? "none"}`,
    `  key         ${holdsKey ? "in the file" : "not in the file"}`,
    "",
  ].join("\n");
};

const runBackup = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const path = typed.operands[0] ?? backupName(shell.now());
  const force = typed.on("force");
  refuseExisting(path, force);
  const setting = (name: string): string | undefined => shell.environment[name] || undefined;
  const url = typed.text("url") ?? (typed.text("data") === undefined ? setting("COSELL_URL") : undefined);
  const directory = resolve(typed.text("data") ?? setting("COSELL_DATA") ?? ".data");
  const key = typed.on("with-key") ? readKey(shell.environment, directory, url !== undefined) : null;
  const databaseUrl = setting("DATABASE_URL");
  const writing = { path, force, key };
  if (url !== undefined) await throughService(shell, typed, writing);
  else if (databaseUrl !== undefined) await withPgDump(shell, databaseUrl, writing);
  else if ((await findOwner(directory)) !== null) await throughService(shell, typed, writing);
  else await fromDirectory(shell, directory, writing);
  const backup = await openBackupFile(path);
  const { payloadBytes } = await readToEnd(shell, path, backup);
  const { manifest } = backup.head;
  const where =
    setting("COSELL_KEY") === undefined && url === undefined ? join(directory, "key") : "COSELL_KEY of the service";
  const json: Json = {
    file: path,
    bytes: backup.fileBytes,
    payloadBytes,
    holdsKey: key !== null,
    keyLiesIn: where,
    ...manifest,
  };
  const aboutKey =
    key === null
      ? `The key is not in it: without the key (${where}) nothing sealed can be opened. Keep a copy of it in another place.\n`
      : "The key is in it: whoever has this file can read everything. Keep it as you keep a password.\n";
  return {
    exitCode: exitCodes.ok,
    json,
    text: `${path}: ${counted(backup.fileBytes, "byte")}\n${factsOf(manifest, key !== null)}${aboutKey}`,
  };
};

interface Wanted {
  readonly path: string;
  readonly force: boolean;
  readonly key: string | null;
}

/** The service streams its own backup. */
const throughService = async (shell: Shell, typed: Arguments, { path, ...wanted }: Wanted): Promise<void> => {
  const reached = await shell.reach({ url: typed.text("url"), data: typed.text("data") });
  try {
    const headers: Record<string, string> = reached.token === null ? {} : { authorization: `Bearer ${reached.token}` };
    const answer = await reached.api(new Request("http://cosell.local/v1/backup", { headers }));
    if (answer.status !== 200 || answer.body === null) {
      const body: unknown = await answer.json().catch(() => null);
      throw problemFailure({ status: answer.status, body }, reached.where);
    }
    await writeBackupFile(shell, path, { ...wanted, content: Readable.from(answer.body) });
  } finally {
    await reached.close();
  }
};

/** Nobody runs: this command opens the directory. Nothing in it is brought up to date by that. */
const fromDirectory = async (shell: Shell, directory: string, { path, ...wanted }: Wanted): Promise<void> => {
  if (!hasDatabase(directory))
    throw new Failure(`${directory} holds no database`, {
      fix: "name the data directory with --data or COSELL_DATA, or set DATABASE_URL for PostgreSQL",
    });
  const { backUp } = await import("../node.ts");
  const database = await openEmbedded(directory);
  try {
    const stream = await backUp(database, clockOf(shell)).catch(told);
    await writeBackupFile(shell, path, { ...wanted, content: Readable.from(stream) });
  } finally {
    await database.close();
  }
};

const withPgDump = async (shell: Shell, databaseUrl: string, { path, ...wanted }: Wanted): Promise<void> => {
  const { openServer } = await import("../node.ts");
  const database = openServer(databaseUrl);
  try {
    const about = { kind: "postgres", cosell: await readVersion(), clock: clockOf(shell) } as const;
    const manifest = await readManifest(database.db, about).catch(told);
    const connection = { databaseUrl, path: shell.environment.PATH };
    await checkTool("pg_dump", manifest.databaseVersion, connection.path);
    // What earlier restores moved aside is no part of the installation.
    const words = ["--format=custom", "--compress=0", "--no-owner", "--no-privileges", "--exclude-schema=replaced_*"];
    const running = startTool("pg_dump", words, connection);
    running.child.stdin?.end();
    const content = Readable.from(headed(manifest, running.child.stdout)).pipe(createGzip());
    await writeBackupFile(shell, path, { ...wanted, content, check: () => running.ended });
  } finally {
    await database.close();
  }
};

async function* headed(manifest: Manifest, payload: Readable | null): AsyncGenerator<Uint8Array> {
  yield headOf(manifest);
  if (payload !== null) yield* payload;
}

const clockOf = (shell: Shell) => ({ now: shell.now, sleep: shell.sleep });

/** What the database says of itself is for the person as it stands. */
const told = (error: unknown): never => {
  throw error instanceof BackupError ? usageFailure(error.message, "name the data directory or DATABASE_URL") : error;
};
