import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cosell } from "./cli-shell.ts";
import { withDirectory } from "./close-rig.ts";
import { drawLedger } from "./ledger.ts";

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
    "writes the pack of the folder alone, and knows at the next close what earlier folders said",
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
        const kept = ["--data", at("data")];
        await close(at("first"), at("plain1"), []);
        await close(at("first"), at("kept1"), kept);
        const first = await packOf(at("plain1"));
        expect(Object.keys(first).length).toBeGreaterThan(20);
        expect(await packOf(at("kept1"))).toEqual(first);

        await close(at("whole"), at("plain2"), []);
        await close(at("second"), at("kept2"), kept);
        await close(at("whole"), at("again"), kept);
        const [whole, next, again] = [await packOf(at("plain2")), await packOf(at("kept2")), await packOf(at("again"))];
        for (const name of ["/links.csv", "/answer.json", "/credits.csv"]) {
          expect(next[name], name).toBe(whole[name]);
          expect(again[name], name).toBe(whole[name]);
        }
        expect(next["/answer.json"]).not.toBe(first["/answer.json"]);
      }),
    240_000,
  );

  it(
    "reads a bank's own columns in the next folder by the mapping file of an earlier one, and in an earlier one by a later mapping",
    () =>
      withDirectory(async (directory) => {
        const kept = ["--data", join(directory, "data")];
        const mapping = JSON.stringify({
          format: "cosell.bank-mapping/1",
          columns: { date: "Buchung", amount: "Betrag", payer: "Auftraggeber", reference: "Zweck" },
          ...{ date: "DD.MM.YYYY", decimal: ",", thousands: ".", currency: "EUR" },
        });
        const statement = (row: string): string => `Buchung;Betrag;Auftraggeber;Zweck\n${row}\n`;
        const { "policy.json": policy = "", "fee-schedule.json": fees = "" } = drawLedger(11, 1).files;
        const folder = async (name: string, files: Readonly<Record<string, string>>): Promise<string> => {
          await mkdir(join(directory, name));
          for (const [path, text] of Object.entries(files)) await writeFile(join(directory, name, path), text);
          return join(directory, name);
        };
        const depositsOf = async (name: string): Promise<string> => {
          await close(join(directory, name), join(directory, `${name}-pack`), kept);
          return readFile(join(directory, `${name}-pack`, "exceptions.csv"), "utf8");
        };
        const march = statement("05.03.2026;1.234,50;MICROSOFT;EDI 1");
        await folder("march", { "march.csv": march, "policy.json": policy, "fee-schedule.json": fees });
        expect(await depositsOf("march")).not.toContain("1234.50");
        await folder("april", {
          "april.csv": statement("05.04.2026;2.222,50;MICROSOFT;EDI 2"),
          "bank-mapping.json": mapping,
        });
        expect(await depositsOf("april")).toContain("2222.50");
        await folder("may", { "may.csv": statement("05.05.2026;3.333,50;MICROSOFT;EDI 3"), "march.csv": march });
        const found = await depositsOf("may");
        for (const amount of ["1234.50", "2222.50", "3333.50"]) expect(found).toContain(amount);
      }),
    240_000,
  );
});
