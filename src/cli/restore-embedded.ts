/** A backup into a data directory. */
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import type { Tx } from "../ports.ts";
import { type Manifest, readManifest } from "../store/backup.ts";
import { DirectoryOwnedError, findOwner, hasDatabase, openEmbedded, restoreEmbedded } from "../store/embedded.ts";
import { Failure } from "./failure.ts";
import { finish, holdings, type Restored, type Target } from "./restore.ts";

const entrySchema = z.object({ marketplace: z.string(), collection: z.string(), id: z.string(), value: z.json() });
type Entry = z.infer<typeof entrySchema>;
const entriesPerStatement = 500;

export const restoreDirectory = async (target: Target): Promise<Restored> => {
  const { directory, force, stamp, shell } = target;
  const owner = await findOwner(directory);
  if (owner !== null) throw new DirectoryOwnedError(directory, owner);
  const old = hasDatabase(directory) ? await readOld(target) : null;
  if (old !== null && !force)
    throw new Failure(`${directory} holds a database already: ${old.holds}. Nothing was changed`, {
      fix: "name another directory with --data; or add --force: the database is moved aside, and the backup takes its place",
    });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const template = join(directory, `restore-${process.pid}.tar`);
  try {
    await pipeline(target.backup.payload, createWriteStream(template, { mode: 0o600 }));
    shell.progress("bringing the data up to date");
    const restored = await restoreEmbedded(directory, {
      template,
      aside: `database.replaced-${stamp}`,
      prepare: async (db) => {
        const migrated = await finish(db, target, {
          ...(old === null || old.theirs.length === 0 ? {} : { also: (tx) => keepTheirs(tx, old.theirs) }),
        });
        keepKey(target);
        return migrated;
      },
    });
    return { movedTo: restored.movedTo, migrated: restored.result };
  } catch (error) {
    throw wrapped(target, error);
  } finally {
    shell.progress("");
    rmSync(template, { force: true });
  }
};

interface Old {
  readonly holds: string;
  /** The simulated partners' own ledger: it is not ours to turn back. */
  readonly theirs: readonly Entry[];
}

const readOld = async (target: Target): Promise<Old> => {
  const { directory, shell } = target;
  try {
    const database = await openEmbedded(directory);
    try {
      const clock = { now: shell.now, sleep: shell.sleep };
      const manifest: Manifest = await readManifest(database.db, { kind: "embedded", cosell: "", clock });
      const rows = await database.db.sql`select marketplace, collection, id, value from simulator.entry`;
      return { holds: holdings(manifest), theirs: z.array(entrySchema).parse(rows) };
    } finally {
      await database.close();
    }
  } catch (error) {
    if (error instanceof DirectoryOwnedError) throw error;
    shell.tell(
      `the database in ${directory} does not open; a simulated partner in it starts again from its state in the backup`,
    );
    return { holds: "it does not open", theirs: [] };
  }
};

const keepTheirs = async (tx: Tx, entries: readonly Entry[]): Promise<void> => {
  await tx`delete from simulator.entry`;
  for (let from = 0; from < entries.length; from += entriesPerStatement) {
    const some = JSON.stringify(entries.slice(from, from + entriesPerStatement));
    await tx`insert into simulator.entry (marketplace, collection, id, value)
      select row.marketplace, row.collection, row.id, row.value from json_to_recordset(${some}::text::json)
        as row (marketplace text, collection text, id text, value jsonb)`;
  }
};

/** A key that came with the backup becomes the directory's; another one that lies there is moved aside. */
const keepKey = ({ backup, directory, stamp, shell }: Target): void => {
  const { key } = backup.head;
  if (key === null || shell.environment.COSELL_KEY) return;
  const path = join(directory, "key");
  if (existsSync(path)) {
    if (readFileSync(path, "utf8").trim() === key) return;
    renameSync(path, `${path}.replaced-${stamp}`);
  }
  writeFileSync(path, key, { mode: 0o600, flag: "wx" });
};

const wrapped = ({ path, backup }: Target, error: unknown): unknown => {
  if (error instanceof Failure || error instanceof DirectoryOwnedError) return error;
  const major = Math.floor(backup.head.manifest.databaseVersion / 10_000);
  const why = error instanceof Error ? error.message : "unknown error";
  return new Failure(`${path} could not be restored: ${why}. Nothing was replaced`, {
    fix: `it was taken by cosell ${backup.head.manifest.cosell} on PostgreSQL ${major}; restore it with that version if this one does not open it`,
  });
};
