import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cosell } from "./cli-shell.ts";
import { reconciliationCase, withDirectory } from "./close-rig.ts";
import { drawLedger } from "./ledger.ts";

const input = join(reconciliationCase, "input");
const close = async (folder: string, out: string, more: readonly string[]) => {
  const ran = await cosell(["close", folder, "--as-of", "2026-06-30", "--out", out, ...more]);
  if (ran.code !== 0) throw new Error(ran.err);
  return ran;
};
const packOf = async (out: string): Promise<Readonly<Record<string, string>>> => {
  const names = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(names.toSorted().map((name) => readFile(name, "base64")));
  return Object.fromEntries(names.toSorted().map((name, at) => [name.slice(out.length), texts[at] ?? ""]));
};

describe("cosell close --data", () => {
  it(
    "writes the pack of the folder alone, byte for byte; and the same when the folder comes again",
    () =>
      withDirectory(async (directory) => {
        const at = (name: string) => join(directory, name);
        await close(input, at("plain"), []);
        await close(input, at("kept"), ["--data", at("data")]);
        const plain = await packOf(at("plain"));
        expect(await packOf(at("kept"))).toEqual(plain);
        await close(input, at("again"), ["--data", at("data")]);
        expect(Object.keys(plain).length).toBeGreaterThan(20);
        const again = await packOf(at("again"));
        expect(again["/answer.json"]).toBe(plain["/answer.json"]);
        expect(again["/links.csv"]).toBe(plain["/links.csv"]);
      }),
    120_000,
  );

  it(
    "knows what earlier folders said: what is new closes with what was kept to the same as all in one folder",
    () =>
      withDirectory(async (directory) => {
        const at = (name: string) => join(directory, name);
        const put = async (folder: string, path: string, text: string): Promise<void> => {
          await mkdir(join(at(folder), path, ".."), { recursive: true });
          await writeFile(join(at(folder), path), text);
        };
        for (const [index, [path, text]] of Object.entries(drawLedger(11, 10).files).entries()) {
          await put("whole", path, text);
          await put(path.endsWith(".json") || index % 2 === 0 ? "first" : "second", path, text);
        }
        await close(at("whole"), at("plain"), []);
        await close(at("first"), at("out1"), ["--data", at("data")]);
        await close(at("second"), at("out2"), ["--data", at("data")]);
        const [one, other] = [await packOf(at("out2")), await packOf(at("plain"))];
        expect(one["/links.csv"]).toBe(other["/links.csv"]);
        expect(one["/answer.json"]).toBe(other["/answer.json"]);
        expect(one["/answer.json"]).not.toBe((await packOf(at("out1")))["/answer.json"]);
      }),
    120_000,
  );
});
