/** `cosell close` of a folder with an allocation: what its pack says of the shared agreement, and how a bad document is refused. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import Papa from "papaparse";
import { afterAll, beforeAll, expect, it } from "vitest";
import { allocate, type Given, sharedFolder } from "./allocation-folder.ts";
import { cosell } from "./cli-shell.ts";
import type { Files } from "./ledger.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "cosell-allocation-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const close = async (name: string, files: Files) => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name, path)), { recursive: true });
    await writeFile(join(root, name, path), text);
  }
  const out = join(root, `${name}-pack`);
  const ran = await cosell(["close", join(root, name), "--as-of", "2026-06-30", "--out", out]);
  const rows = async (table: string): Promise<readonly Record<string, string>[]> =>
    Papa.parse<Record<string, string>>(await readFile(join(out, `${table}.csv`), "utf8"), {
      header: true,
      skipEmptyLines: true,
    }).data;
  return { ...ran, rows };
};
const halves: Given = {
  agreement: "agmt-1",
  parts: [
    ["D1", 5_000],
    ["D2", 5_000],
  ],
};

it("names the deals with their parts on each line, credits each with its own, and explains the document by file and row", async () => {
  const { code, rows } = await close("shared", { ...sharedFolder, ...allocate([halves]) });
  expect(code).toBe(0);
  const both = "D1 50 % + D2 50 %";
  expect((await rows("links")).map((row) => [row.line_key, row.deal_id, row.method])).toEqual([
    ["b1", both, "allocated"],
    ["b2", both, "allocated"],
  ]);
  expect((await rows("lines")).map((row) => row.deal_id)).toEqual([both, both]);
  // 900.01 are 900 010 000 micro-units: halves of it are whole.
  expect((await rows("credits")).map((row) => [row.deal_id, row.agreement_id, row.amount])).toEqual([
    ["D1", "agmt-1", "450.005"],
    ["D2", "agmt-1", "450.005"],
  ]);
  const told = await cosell(["explain", "agmt-1", "--folder", join(root, "shared"), "--as-of", "2026-06-30"]);
  expect(told.out).toMatch(/allocation[\s\S]*ada decided so on 2026-04-01[\s\S]*internal\/allocations\.json/);
  expect(told.out).toMatch(/D2[\s\S]*the document gives it 5000 of 10000 basis points/);
});

it("refuses a document whose parts do not sum, names file and place with the remedy, and closes the other files", async () => {
  const short: Given = {
    agreement: "agmt-1",
    parts: [
      ["D1", 5_000],
      ["D2", 4_999],
    ],
  };
  const { code, err, out, rows } = await close("short", { ...sharedFolder, ...allocate([short]) });
  expect(code).toBe(1);
  expect(`${out}${err}`).toMatch(
    /internal\/allocations\.json[\s\S]*\[0\]\[parts\][\s\S]*sum to 9999[\s\S]*10000 in all/,
  );
  expect((await rows("links")).map((row) => row.method)).toEqual(["offer_id", "offer_id"]);
});
