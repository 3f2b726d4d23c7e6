/** `cosell restore`: a backup becomes the installation, brought up to date, checked and marked before anybody can use it. */
import { join, resolve } from "node:path";
import { createIds } from "../ids.ts";
import type { Clock, Db, Tx } from "../ports.ts";
import { createAccess } from "../store/access.ts";
import { BackupError, checkManifest, type Manifest, tryKey } from "../store/backup.ts";
import { createJournal } from "../store/journal.ts";
import { migrate } from "../store/migrate.ts";
import { createRecoveries } from "../store/recoveries.ts";
import { createSeal } from "../store/seal.ts";
import type { Arguments } from "./arguments.ts";
import { factsOf } from "./backup.ts";
import { type OpenBackup, openBackupFile, readToEnd } from "./backup-file.ts";
import { type Command, type Report, type Shell, switchFlag } from "./command.ts";
import { findKey } from "./data-key.ts";
import { exitCodes, Failure } from "./failure.ts";
import { counted } from "./table.ts";

export const restoreCommand: Command = {
  name: "restore",
  summary: "Put a backup in the place of a new or an old installation",
  operands: "<file>",
  operandsMin: 1,
  operandsMax: 1,
  about: `
Into the data directory, or with DATABASE_URL into PostgreSQL, where pg_restore does it. The target must be empty, and no
service may run on it; with --force what it holds is moved aside, never deleted. The data is brought up to date with this version.

Partners do not forget because you restored: until a full sweep of a connection has ended, every write is looked for there
before it is sent, and records made after the backup was taken find their deals again. A simulated partner of the target keeps
its ledger for the same reason.`,
  flags: [
    switchFlag("force", "move aside what the target holds"),
    switchFlag(
      "without-key",
      "restore although the key does not open what is sealed: contacts and secrets are lost then",
    ),
  ],
  examples: [
    "cosell restore cosell-20261126T083000Z.backup --data /var/lib/cosell",
    "cosell restore cosell-20261126T083000Z.backup --force",
  ],
  run: (shell, typed) => runRestore(shell, typed),
};

/** What a kind of target is given: the file, what the person allows, and what to do once the data is there. */
export interface Target {
  readonly shell: Shell;
  readonly path: string;
  readonly backup: OpenBackup;
  readonly force: boolean;
  /** The data directory: of the key, and of the embedded database. */
  readonly directory: string;
  readonly key: string | null;
  readonly withoutKey: boolean;
  /** For names of what is moved aside, for example `20261126T083000Z_3fa2`. */
  readonly stamp: string;
}

export interface Restored {
  /** Where what the target held lies now; null: it held nothing. */
  readonly movedTo: string | null;
  readonly migrated: readonly string[];
}

const runRestore = async (shell: Shell, typed: Arguments): Promise<Report> => {
  if (typed.text("url") !== undefined)
    throw new Failure("a service elsewhere cannot be restored from here", {
      fix: "run cosell restore on its machine, while it is stopped",
    });
  const path = typed.operands[0] ?? "";
  const setting = (name: string): string | undefined => shell.environment[name] || undefined;
  const directory = resolve(typed.text("data") ?? setting("COSELL_DATA") ?? ".data");
  const databaseUrl = typed.text("data") === undefined ? setting("DATABASE_URL") : undefined;
  // To its end first: what is cut short or damaged must not be found out halfway.
  const first = await openBackupFile(path);
  checkFits(first.head.manifest, databaseUrl !== undefined);
  await readToEnd(shell, path, first);
  const backup = await openBackupFile(path);
  try {
    const { head } = backup;
    const target: Target = {
      ...{ shell, path, backup, directory },
      force: typed.on("force"),
      key: setting("COSELL_KEY") ?? head.key ?? findKey(shell.environment, directory),
      withoutKey: typed.on("without-key"),
      stamp: stampOf(shell.now()),
    };
    const restored =
      databaseUrl === undefined
        ? await (await import("./restore-embedded.ts")).restoreDirectory(target)
        : await (await import("./restore-postgres.ts")).restoreServer(target, databaseUrl);
    return reportOf(target, restored, databaseUrl === undefined ? directory : "PostgreSQL (DATABASE_URL)");
  } finally {
    backup.close();
  }
};

/** Sorts by time and never meets a name of before. */
const stampOf = (now: Date): string =>
  `${now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}_${crypto.randomUUID().slice(0, 4)}`;

const checkFits = (manifest: Manifest, isServer: boolean): void => {
  try {
    checkManifest(manifest);
  } catch (error) {
    throw error instanceof BackupError ? new Failure(error.message) : error;
  }
  if (manifest.kind === "embedded" && isServer)
    throw new Failure("this backup is of an embedded database; DATABASE_URL names a PostgreSQL server", {
      fix: "unset DATABASE_URL, or name the data directory with --data",
    });
  if (manifest.kind === "postgres" && !isServer)
    throw new Failure("this backup is of a PostgreSQL database; no DATABASE_URL is set", {
      fix: "set DATABASE_URL to an empty database of a PostgreSQL server",
    });
};

const reportOf = (target: Target, { movedTo, migrated }: Restored, place: string): Report => {
  const { manifest, key } = target.backup.head;
  const json = { file: target.path, place, movedTo, migrated: [...migrated], ...manifest };
  const text = [
    `${place} was restored from ${target.path}.`,
    factsOf(manifest, key !== null).trimEnd(),
    ...(movedTo === null ? [] : [`What was there lies in ${movedTo}.`]),
    ...(migrated.length === 0 ? [] : [`${counted(migrated.length, "migration")} of this version were applied.`]),
    "Start the service: every write is looked for at the partner first until a full sweep has ended (about half an hour).",
    "API keys that were revoked, and secrets that were changed, after the backup are as before: revoke and set them again.",
    "",
  ].join("\n");
  return { exitCode: exitCodes.ok, json, text };
};

export interface Finishing {
  /** More that belongs into the transaction that makes the data usable. */
  readonly also?: (tx: Tx) => Promise<void>;
}

/**
 * Brings restored data up to date, checks that the key opens it, and marks the installation as restored. Returns the
 * migrations applied. Throws a `Failure` when the key does not fit.
 */
export const finish = async (db: Db, target: Target, { also }: Finishing = {}): Promise<readonly string[]> => {
  const { shell, backup } = target;
  const clock: Clock = { now: shell.now, sleep: shell.sleep };
  const ids = createIds(clock);
  const migrated = await migrate(db);
  await checkKey(db, target);
  const journal = createJournal({ clock, ids });
  const recoveries = createRecoveries({ clock, ids, journal });
  await db.transaction(async (tx) => {
    await also?.(tx);
    const actorId = await createAccess({ clock, ids, seal: noSeal }).actor(tx, "system", "cosell");
    await recoveries.begin(tx, new Date(backup.head.manifest.takenAt), actorId);
  });
  return migrated;
};

const noSeal = {
  close: () => Promise.reject(new Error("a restore seals nothing")),
  open: () => Promise.reject(new Error("a restore opens nothing")),
  fingerprint: () => Promise.reject(new Error("a restore needs no fingerprint")),
};

const checkKey = async (db: Db, target: Target): Promise<void> => {
  const { key, withoutKey, shell } = target;
  const ids = createIds({ now: shell.now, sleep: shell.sleep });
  // Without a key nothing opens: any key tells whether there is something to open.
  const tried = await tryKey(db.sql, await createSeal(key ?? btoa("\0".repeat(32)), ids));
  if (tried !== "does not open") return;
  const where = `COSELL_KEY, or the file ${join(target.directory, "key")}`;
  const what = key === null ? "there is no key here" : "the key here is not the one that the backup was sealed with";
  if (!withoutKey)
    throw new Failure(`${what}: contacts, secrets and bodies in it would stay closed. Nothing was replaced`, {
      fix: `put the key of the installation that was backed up into ${where}; add --without-key to restore without them`,
    });
  shell.tell(
    `${what}: contacts and bodies stay closed, and connections must be given their secrets again. Import the deals again for their contacts.`,
  );
};

/** What a target holds, for people. */
export const holdings = ({ counts }: Pick<Manifest, "counts">): string =>
  `${counted(counts.opportunity ?? 0, "deal")}, ${counted(counts.share ?? 0, "share")}, ${counted(counts.connection ?? 0, "connection")}`;
