import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createCsvReader } from "../src/domain/csv.ts";
import { lockRefusals } from "../src/domain/finance/period.ts";
import { cosell } from "./cli-shell.ts";
import { withDirectory } from "./close-rig.ts";
import { drawLedger, type Files } from "./ledger.ts";

const write = async (folder: string, files: Files): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
};
const journals = async (pack: string): Promise<readonly Readonly<Record<string, string>>[]> => {
  const reader = createCsvReader(",");
  const [header, ...rows] = [...reader.push(await readFile(join(pack, "journals.csv"), "utf8")), ...reader.end()];
  return rows.map(({ cells }) => Object.fromEntries((header?.cells ?? []).map((name, at) => [name, cells[at] ?? ""])));
};
const events = `billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,buyer_line_item_id,update_date
e1,INVOICED,SELLER_REV_SHARE,,USD,100.00,2026-05-02,a1,l1,2026-05-03T00:00:00Z
e2,INVOICED,AWS_REV_SHARE,,USD,-3.00,2026-05-02,a1,l1,2026-05-03T00:00:00Z
`;
const late = `billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,buyer_line_item_id,update_date
e3,INVOICED,SELLER_REV_SHARE,,USD,40.00,2026-05-20,a1,l2,2026-06-09T00:00:00Z
`;

describe("a month that is locked in a close pack", () => {
  it("stays as it was: what becomes known goes into the next open month; a changed lock is refused, and opening it again shows the difference", async () => {
    await withDirectory(async (directory) => {
      const at = (...names: readonly string[]): string => join(directory, ...names);
      const run = async (...args: readonly string[]) => {
        const ran = await cosell(args);
        return { ...ran, all: `${ran.out}${ran.err}` };
      };
      const close = (asOf: string, out: string) => run("close", at("in"), "--as-of", asOf, "--out", at(out));
      const month = ["--marketplace", "aws", "--month", "2026-05"] as const;
      const policy = drawLedger(1, 1).files["policy.json"] ?? "";
      await write(at("in"), { "data.csv": events, "policy.json": policy });
      await run("rules", "keygen", "--side", "us", "--name", "Ada", "--out", at("ada.json"));
      await write(at("in"), { "keys.json": `[${await readFile(at("ada.json.pub"), "utf8")}]` });

      await close("2026-05-30", "early");
      const tooEarly = await run("close", "lock", at("early"), ...month);
      expect([tooEarly.code, tooEarly.all]).toEqual([
        1,
        expect.stringMatching(/PERIOD_NOT_OVER[\s\S]*fix: close as of 2026-05-31/),
      ]);

      await close("2026-05-31", "may");
      expect((await run("close", "lock", at("may"), ...month, "--key", at("ada.json"))).all).toMatch(/signed by Ada/);
      const lock = await readFile(at("may", "period-locks.json"), "utf8");
      await write(at("in"), { "period-locks.json": lock.replace('"100.00"', '"100.01"'), "late/data.csv": late });
      expect((await close("2026-06-30", "june")).all).toMatch(/lock of aws 2026-05 was changed after it was signed/);

      await write(at("in"), { "period-locks.json": lock });
      const june = await close("2026-06-30", "june");
      expect([june.code, june.all]).toEqual([0, expect.stringMatching(/LATE_DATA_IN_CLOSED_PERIOD 1/)]);
      const [before, after] = [await journals(at("may")), await journals(at("june"))];
      expect(after.filter(({ period }) => period === "2026-05")).toEqual(before);
      expect(
        after
          .filter(({ period }) => period !== "2026-05")
          .map((row) => [row.period, row.adjusts_period, row.account_role, row.debit, row.credit]),
      ).toEqual([
        ["2026-06", "2026-05", "receivable", "40.00", ""],
        ["2026-06", "2026-05", "revenue", "", "40.00"],
      ]);

      const diff = await run("close", "diff", at("june"), ...month);
      expect(diff.all).toMatch(/a1 +invoiced +40\.00 +USD +2026-06[\s\S]*owed by the marketplace 40\.00 USD/);
      await run("close", "reopen", at("june"), ...month);
      await write(at("in"), { "period-locks.json": await readFile(at("june", "period-locks.json"), "utf8") });
      await close("2026-06-30", "again");
      expect((await journals(at("again"))).map((row) => [row.period, row.debit])).toContainEqual(["2026-05", "140.00"]);
    });
  });
});

describe("a lock is refused", () => {
  const question = {
    marketplace: "aws" as const,
    period: "2026-05",
    asOfDay: 20_700,
    exceptions: [],
    locked: [],
    unassignedAbove: new Map([["USD", 1_000_000n]]),
  };
  const exception = {
    ...{ id: "x", type: "FEE_MISMATCH", subjectType: "agreement", subjectId: "a1", marketplace: "aws" },
    ...{ amount: -2_000_000n, currency: "USD", sinceDay: null as number | null, state: "open" as const },
  };
  const codes = (given: Partial<Parameters<typeof lockRefusals>[0]>): readonly string[] =>
    lockRefusals({ ...question, ...given }).map(({ code }) => code);
  const control = { ...exception, type: "CONTROL_TOTAL_BREAK", subjectType: "control", amount: 10_000n };

  it("while the month is not over, or an earlier one is open", () => {
    expect(codes({})).toEqual([]);
    expect(codes({ asOfDay: 20_603 })).toEqual(["PERIOD_NOT_OVER"]);
    expect(codes({ asOfDay: 20_604 })).toEqual([]);
    expect(codes({ locked: ["2026-03"] })).toEqual(["EARLIER_PERIOD_OPEN"]);
    expect(codes({ locked: ["2026-03", "2026-04", "2026-07"] })).toEqual([]);
  });

  it("while a control total of it or of an earlier month breaks, a file is missing, or the tolerance cap is exceeded", () => {
    const broken = (subjectId: string, given = {}) => codes({ exceptions: [{ ...control, subjectId, ...given }] });
    expect(broken("aws 2026-05 invoiced USD")).toEqual(["CONTROL_TOTAL_BREAK"]);
    expect(broken("aws 2026-06 invoiced USD")).toEqual([]);
    expect(broken("aws 2026-05 invoiced USD", { state: "accepted" })).toEqual(["CONTROL_TOTAL_BREAK"]);
    expect(broken("aws 2026-05 invoiced USD", { state: "closed" })).toEqual([]);
    expect(broken("gcp 2026-05 invoiced USD", { marketplace: "gcp" })).toEqual([]);
    // A file is due after the month that it is about.
    const file = { type: "MISSING_FILE", subjectType: "file", sinceDay: 20_620, amount: 0n };
    expect(broken("aws.billing-event 2026-05", file)).toEqual(["MISSING_FILE"]);
    expect(broken("tolerance 2026-05 USD", { type: "TOLERANCE_CAP", marketplace: null })).toEqual(["TOLERANCE_CAP"]);
  });

  it("while an exception above the policy's threshold is nobody's", () => {
    const held = (given: Partial<typeof exception>) => codes({ exceptions: [{ ...exception, ...given }] });
    expect(held({})).toEqual(["EXCEPTION_UNASSIGNED"]);
    expect(held({ amount: 1_000_000n })).toEqual([]);
    expect(held({ currency: "EUR" })).toEqual([]);
    expect(held({ sinceDay: 20_700 })).toEqual([]);
    expect(codes({ exceptions: [{ ...exception, state: "assigned" }] })).toEqual([]);
  });
});
