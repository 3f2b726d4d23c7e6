/** The built command line for tests that start it as a process. */
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export const root = join(import.meta.dirname, "..");
export const cliPath = join(root, "dist/cli.mjs");

const lock = join(tmpdir(), `cosell-build-${Buffer.from(root).toString("hex").slice(-40)}`);
const lockMsMax = 60_000;

/** Builds; of two test files that do so at once, the second one waits, so that neither starts a file that is half written. */
export const build = async (): Promise<void> => {
  while (!takeLock()) await new Promise((done) => setTimeout(done, 50));
  try {
    await promisify(execFile)(process.execPath, [join(root, "infra/build.mjs")], { cwd: root });
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
};

const takeLock = (): boolean => {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    // Left behind by a test run that was killed.
    const madeMs = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - madeMs > lockMsMax) rmSync(lock, { recursive: true, force: true });
    return false;
  }
};
