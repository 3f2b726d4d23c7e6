/** A simulator's ledger in a file of its own: JSON lines, one per change, each whole before the change is answered. */
import { existsSync } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import * as z from "zod";
import type { SimulatorEntry, SimulatorState } from "../../adapters/contract.ts";
import { Failure } from "./failure.ts";

const fileBytesMax = 1_073_741_824;
const lineSchema = z.array(z.tuple([z.string(), z.string(), z.json()]));

export interface StateFile extends SimulatorState {
  readonly close: () => Promise<void>;
}

/**
 * Opens (or begins) the ledger at `path`. A line that was torn by a crash stands last and was never answered: it is
 * dropped. Any other line that does not read is a `Failure` naming it. The file is rewritten at load without what was overwritten.
 */
export const openStateFile = async (path: string): Promise<StateFile> => {
  const lock = await takeLock(`${path}.lock`);
  const entries = existsSync(path) ? await readEntries(path) : new Map<string, SimulatorEntry>();
  const draft = `${path}.new`;
  const file = await open(draft, "w", 0o600);
  await append(file, [...entries.values()]);
  await rename(draft, path);
  return {
    load: async () => [...entries.values()],
    append: (changes) => append(file, changes),
    close: async () => {
      await file.sync();
      await file.close();
      await lock.close();
      await rm(`${path}.lock`, { force: true });
    },
  };
};

/** One line, one write: either all of the changes are in the file or, torn, none of them counts. */
const append = async (file: FileHandle, changes: readonly SimulatorEntry[]): Promise<void> => {
  if (changes.length === 0) return;
  await file.appendFile(`${JSON.stringify(changes.map(({ collection, id, value }) => [collection, id, value]))}\n`);
};

const readEntries = async (path: string): Promise<Map<string, SimulatorEntry>> => {
  const text = await readFile(path, "utf8");
  if (text.length > fileBytesMax) throw new Failure(`${path} is too large`, { fix: "begin a new file with --state" });
  const lines = text.split("\n");
  // What follows the last line end was torn: it is empty after an orderly write.
  lines.pop();
  const entries = new Map<string, SimulatorEntry>();
  for (const [index, line] of lines.entries()) {
    for (const [collection, id, value] of parseLine(path, line, index + 1)) {
      const key = `${collection}\u0000${id}`;
      if (value === null) entries.delete(key);
      else entries.set(key, { collection, id, value });
    }
  }
  return entries;
};

const parseLine = (path: string, line: string, number: number): z.infer<typeof lineSchema> => {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    throw new Failure(`${path}, line ${number}, is no entry of a simulator's ledger`, {
      fix: "name the right file with --state, or begin a new one",
    });
  }
};

/** One simulator per file: two would overwrite each other. The lock of a process that is gone is taken over. */
const takeLock = async (path: string): Promise<FileHandle> => {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const lock = await open(path, "wx", 0o600);
      await lock.appendFile(`${process.pid} ${await startOf(process.pid)}`);
      return lock;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      if (code !== "EEXIST")
        throw new Failure(`${path} cannot be written: ${String(code)}`, { fix: "name another file with --state" });
    }
    const [pid = "0", start = ""] = (await readFile(path, "utf8").catch(() => "")).split(" ");
    if (Number(pid) !== process.pid && (await startOf(Number(pid))) === start)
      throw new Failure(`the simulator's ledger is in use by process ${pid}`, {
        fix: "stop it, or name another file with --state",
      });
    await rm(path, { force: true });
  }
  throw new Failure(`${path} is taken again and again`, { fix: "name another file with --state" });
};

/** When a living process started: a number alone may belong to another process by now. "gone" when it is dead or a zombie. */
const startOf = async (pid: number): Promise<string> => {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (stat !== null) {
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "gone" : (fields[19] ?? "alive");
  }
  if (existsSync("/proc/self/stat") || !(pid > 0)) return "gone";
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "alive" : "gone";
  }
};
