/**
 * `cosell close --data` killed with SIGKILL while it works: what the next run writes is what one that nobody killed writes.
 * One kill in the middle by default; `npm run test:close-kill` spreads twenty over the run.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { build, cliPath } from "./built.ts";
import { withDirectory } from "./close-rig.ts";
import { drawLedger } from "./ledger.ts";
import { fillDirectory } from "./template.ts";

const kills = Number(process.env.CLOSE_KILLS ?? 1);

beforeAll(build, 120_000);

/** Closes in a process of its own, killed after `killMs` or left alone. Resolves with the signal that ended it, or "done"; rejects with what it said. */
const close = (words: readonly string[], killMs: number | null): Promise<string> =>
  new Promise((ended, failed) => {
    const child = spawn(process.execPath, [cliPath, "close", ...words], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, DATABASE_URL: "" },
    });
    let errors = "";
    child.stderr.on("data", (piece: Buffer) => {
      errors += piece.toString();
    });
    const timer = killMs === null ? undefined : setTimeout(() => child.kill("SIGKILL"), killMs);
    child.once("error", failed);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      if (signal !== null) ended(signal);
      else if (code === 0) ended("done");
      else failed(new Error(errors));
    });
  });

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Each file of a pack with its hash. */
const packOf = async (out: string): Promise<Readonly<Record<string, string>>> => {
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(
      paths.toSorted().map(async (path) => [path.slice(out.length), sha256(await readFile(path))] as const),
    ),
  );
};

it(
  "a close that was killed at any instant is begun again, and writes the same bytes",
  () =>
    withDirectory(async (directory) => {
      const at = (name: string): string => join(directory, name);
      for (const [path, text] of Object.entries(drawLedger(19, 6).files)) {
        await mkdir(join(at("folder"), path, ".."), { recursive: true });
        await writeFile(join(at("folder"), path), text);
      }
      await fillDirectory(at("empty"));
      const into = (name: string): readonly string[] => [
        ...[at("folder"), "--as-of", "2026-06-30", "--data", at(name), "--out", at(`${name}-pack`)],
      ];
      const fresh = (name: string) => cp(at("empty"), at(name), { recursive: true });
      await fresh("whole");
      const began = performance.now();
      expect(await close(into("whole"), null)).toBe("done");
      const wholeMs = performance.now() - began;
      const whole = await packOf(at("whole-pack"));
      expect(Object.keys(whole).length).toBeGreaterThan(20);
      const ends: string[] = [];
      for (let round = 0; round < kills; round++) {
        const name = `killed-${round}`;
        // The first third is the start of process and database.
        await fresh(name);
        ends.push(await close(into(name), wholeMs * (0.35 + (0.6 * (round + 0.5)) / kills)));
        expect(await close(into(name), null)).toBe("done");
        expect(await packOf(at(`${name}-pack`))).toEqual(whole);
      }
      expect(ends).toContain("SIGKILL");
    }),
  600_000,
);
