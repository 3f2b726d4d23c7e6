/** `cosell close prepare`: the internal files of a close, written from what the service knows: deals, touches, offers, agreements, fees. */
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ownFileNames } from "../domain/finance/own-files.ts";
import { withClient } from "./client.ts";
import { type Command, switchFlag } from "./command.ts";
import { exitCodes, Failure } from "./failure.ts";
import { whereabouts } from "./shares.ts";
import { counted } from "./table.ts";
import { writeWhole } from "./whole-file.ts";

export const closePrepareCommand: Command = {
  name: "close prepare",
  summary: "Write the internal files of a close from what the service knows",
  operands: "<folder>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    switchFlag(
      "force",
      "replace internal files that are there; policy.json, attribution-rules.json and keys.json are kept",
    ),
  ],
  about: `
Writes deals.csv, touches.csv, partners.csv, offers.json, agreements.json, fee-schedule.json, agreement-links.csv, allocations.json and
aliases.csv into <folder>/internal, and
policy.json, attribution-rules.json and keys.json as the service has them where they are not there yet. Add the marketplaces' report
files and the bank statement, then close the folder.`,
  examples: [
    "cosell close prepare reports/2026-06",
    "cosell close reports/2026-06 --as-of 2026-06-30 --out close-2026-06",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [folder = ""] = typed.operands;
      const written: string[] = [];
      for (const { name, isKept } of files) {
        const path = join(folder, "internal", name);
        const isThere = (await stat(path).catch(() => null)) !== null;
        if (isThere && isKept) continue;
        if (isThere && !typed.on("force"))
          throw new Failure(`${path} is there already`, { fix: "name another folder, or say --force" });
        await mkdir(dirname(path), { recursive: true });
        const text = await client.textOrNull(`/v1/reports/own/${name}`);
        if (text === null) continue;
        await writeWhole(path, [text]);
        written.push(name);
      }
      const text = `${join(folder, "internal")}: ${counted(written.length, "file")} written (${written.join(", ")})\n`;
      return { exitCode: exitCodes.ok, text, json: { folder, written } };
    }),
};

/** Written anew each time, then those that a person keeps. */
const files = [
  ...ownFileNames.map((name) => ({ name, isKept: false })),
  ...["policy.json", "attribution-rules.json", "keys.json"].map((name) => ({ name, isKept: true })),
];
