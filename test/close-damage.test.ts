import { cp, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createCsvReader, csvRow, formulaRestored } from "../src/domain/csv.ts";
import { exceptionsTable } from "../src/domain/finance/pack/findings.ts";
import { csvRows } from "../src/domain/finance/pack/table.ts";
import { answerSchema, type Closed, closeOnce, moneyOf, reconciliationCase, withDirectory } from "./close-rig.ts";
import { closeInMemory } from "./ledger.ts";
import naughty from "./vectors/naughty-strings.json" with { type: "json" };

const policy = {
  tolerance: { minor_units_per_instalment: 1 },
  windows_days: {
    invoice_overdue: 50,
    accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
    aws_disbursement_after_collection: 45,
    azure_disbursement_after_expected: 30,
    gcp_disbursement_after_expected: 10,
    bank_after_disbursement: 5,
  },
};
const input = join(reconciliationCase, "input");
const earnings = "azure/earnings-2025-08.csv";
const payments = "azure/payments.csv";
const statement = "bank/statement.csv";
const events = "aws/billingeventfeed_v1/year=2025/month=12/data.csv";

/** A folder small enough to be closed for every damage. */
const fewFiles = ["internal/policy.json", "internal/fee-schedule.json", "azure/revenue-2025-12.csv"] as const;

/** Closes few files of the case and a damaged one. */
const closeFew = (name: string, change: (text: string) => string | Uint8Array): Promise<Closed> =>
  withDirectory(async (folder) => {
    for (const path of fewFiles) await cp(join(input, path), join(folder, path), { recursive: true });
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), change(await readFile(join(input, name), "utf8")));
    return closeOnce(folder);
  });

/** The text with its first row of values changed. */
const inFirstRow =
  (change: (row: string) => string) =>
  (text: string): string => {
    const [header = "", first = "", ...rest] = text.split("\n");
    return [header, change(first), ...rest].join("\n");
  };

const damages: readonly {
  readonly what: string;
  readonly file: string;
  readonly change: (text: string) => string | Uint8Array;
  readonly says: readonly RegExp[];
}[] = [
  {
    what: "is cut off inside a row",
    file: events,
    change: (text) => text.slice(0, text.length - 120),
    says: [/line 77: the row has \d+ cells, the header line has \d+/, /cut off/],
  },
  {
    what: "is cut off inside a quoted cell",
    file: "internal/deals.csv",
    change: (text) => text.slice(0, text.indexOf('"') + 8),
    says: [/line 2.*quote that opens here is never closed/],
  },
  {
    what: "is not UTF-8",
    file: "internal/deals.csv",
    change: (text) => new Uint8Array(Buffer.from(text.replace("Saint-Clair", "Sa\u00efnt-Clair"), "latin1")),
    says: [/is not UTF-8/, /CSV UTF-8/],
  },
  {
    what: "is UTF-16",
    file: statement,
    change: (text) => new Uint8Array(Buffer.from(`\uFEFF${text}`, "utf16le")),
    says: [/UTF-16/],
  },
  {
    what: "is a web page",
    file: statement,
    change: () => "<!DOCTYPE html><html>Sign in</html>",
    says: [/web page/],
  },
  {
    what: "has thousands separators",
    file: earnings,
    change: inFirstRow((row) => row.replace("1117831.74,33534.95", '"1,117,831.74",33534.95')),
    says: [/line 2, column transactionAmount: "1,117,831\.74" has thousands separators/, /plain decimal/],
  },
  {
    what: "has a decimal comma",
    file: earnings,
    change: inFirstRow((row) => row.replace("33534.95", '"33534,95"')),
    says: [/line 2, column storeFee: "33534,95" has a decimal comma/],
  },
  {
    what: "has an amount in parentheses",
    file: statement,
    change: inFirstRow((row) => row.replace("302663.52", "(302663.52)")),
    says: [/line 2, column amount: "\(302663\.52\)" is in parentheses/],
  },
  {
    what: "has ids that a spreadsheet shortened",
    file: "azure/payments.csv",
    change: inFirstRow((row) => row.replace("1529410311", "1.52941E+09")),
    says: [/line 2, column paymentID: "1\.52941E\+09" is an id that a spreadsheet shortened/],
  },
  {
    what: "has an amount that a spreadsheet shortened",
    file: statement,
    change: inFirstRow((row) => row.replace("302663.52", "3.02664E+05")),
    says: [/column amount: "3\.02664E\+05" was shortened by a spreadsheet/],
  },
  {
    what: "has a column twice",
    file: statement,
    change: (text) => text.replace("counterparty", "Amount"),
    says: [/line 1, column Amount: the column Amount stands there twice/],
  },
  {
    what: "lacks a required column",
    file: earnings,
    change: (text) => text.replace("storeFee", "fee"),
    says: [/looks like Microsoft earnings report but lacks the column storeFee/],
  },
  {
    what: "has two currencies in a column of amounts",
    file: statement,
    change: inFirstRow((row) => row.replace("302663.52", "EUR 302663.52")),
    says: [/column amount: "EUR 302663\.52" carries a currency or a word/],
  },
  {
    what: "has two currencies in one cell",
    file: statement,
    change: inFirstRow((row) => row.replace("USD", "USD/EUR")),
    says: [/column currency: "USD\/EUR" is no currency code/],
  },
  {
    what: "has dates in a spreadsheet's order",
    file: statement,
    change: inFirstRow((row) => row.replace("2025-02-23", "23/02/2025")),
    says: [/column value_date: "23\/02\/2025" is no date/],
  },
  {
    what: "has a day that no calendar has",
    file: statement,
    change: inFirstRow((row) => row.replace("2025-02-23", "2025-02-30")),
    says: [/column value_date: "2025-02-30" is no date/],
  },
  {
    what: "has more decimals than are kept",
    file: statement,
    change: inFirstRow((row) => row.replace("302663.52", "302663.5200001")),
    says: [/more than six decimals/],
  },
  {
    what: "is JSON that is cut off",
    file: "internal/attribution-rules.json",
    change: (text) => text.slice(0, 2_000),
    says: [/this is no JSON/, /cut off/],
  },
  {
    what: "has a rule without an effective date",
    file: "internal/attribution-rules.json",
    change: (text) => text.replace('"effective_from": "2024-06-01"', '"effective_from": "June"'),
    says: [/\[0\]\[effective_from\]: a date such as/],
  },
];

describe("a file that", () => {
  it.each(damages)(
    "$what is refused by file, place and remedy, and the others are closed",
    async ({ file, change, says }) => {
      const closed = await closeFew(file, change);
      const at = closed.text.indexOf(`refused, nothing of it counts: ${file}`);
      expect(at, closed.text).toBeGreaterThanOrEqual(0);
      const told = closed.text.slice(at);
      for (const words of says) expect(told).toMatch(words);
      expect(told).toMatch(/fix: ./);
      expect(closed.code).toBe(1);
      expect(closed.text.match(/^refused/gm)).toHaveLength(1);
      expect(moneyOf(answerSchema.parse(JSON.parse(closed.answerText))).join()).toMatch(/azure USD invoiced \d{9}/);
    },
  );
});

describe("a file of two gigabytes", () => {
  it("is refused at once with a remedy, without being read into memory, and the others are closed", async () => {
    await withDirectory(async (folder) => {
      for (const path of fewFiles) await cp(join(input, path), join(folder, path), { recursive: true });
      await mkdir(join(folder, "bank"));
      await writeFile(join(folder, statement), await readFile(join(input, statement)));
      await truncate(join(folder, statement), 2_147_483_648);
      const before = process.memoryUsage().rss;
      const closed = await closeOnce(folder);
      expect(closed.text).toMatch(
        /refused, nothing of it counts: bank\/statement\.csv\n {2}the file is larger than 1 GiB\n {4}fix: cut it by month/,
      );
      expect([closed.code, moneyOf(answerSchema.parse(JSON.parse(closed.answerText))).length > 0]).toEqual([1, true]);
      expect(process.memoryUsage().rss - before).toBeLessThan(500_000_000);
    });
  });
});

describe("texts that break programs", () => {
  it("go through a close into its tables and come back as they were", () => {
    const texts = naughty.strings.filter((text) => text.trim() === text && text !== "" && !text.includes("\0"));
    const deposits = texts.map((text, index) => [
      `B${index}`,
      "2026-06-01",
      "USD",
      `${index + 1}.00`,
      "MICROSOFT",
      text,
    ]);
    const files = {
      "policy.json": JSON.stringify(policy),
      "statement.csv": [["bank_txn_id", "value_date", "currency", "amount", "counterparty", "reference"], ...deposits]
        .map(csvRow)
        .join(""),
    };
    const reader = createCsvReader(",");
    const written = [...csvRows(exceptionsTable(closeInMemory(Object.entries(files))))].join("");
    const [header, ...rows] = [...reader.push(written), ...reader.end()].map(({ cells }) => cells);
    const [subject = 0, details = 0] = ["subject", "details"].map((name) => header?.indexOf(name));
    const found = new Map(rows.map((cells) => [cells[subject], formulaRestored(cells[details] ?? "")]));
    expect(texts.length).toBeGreaterThan(300);
    for (const [index, text] of texts.entries())
      expect(found.get(`B${index}`)).toBe(`payer: MICROSOFT; reference: ${text}`);
  });
});

describe("a close", () => {
  const same = (text: string): string => text;

  it("tolerates unknown columns and says which they are", async () => {
    const plain = await closeFew(statement, same);
    const closed = await closeFew(statement, (text) =>
      text
        .split("\n")
        .map((line, index) => (line === "" ? line : `${line},${index === 0 ? "branch" : "x"}`))
        .join("\n"),
    );
    expect(closed.answerText).toBe(plain.answerText);
    expect(closed.text).toContain("bank/statement.csv: columns that are not known: branch");
    expect(closed.code).toBe(0);
  });
  it("takes nothing of a refused file: its money is gone as if the file were not there", async () => {
    const damage = inFirstRow((row) => row.replace("8743373.71", "x"));
    const refused = await closeFew(payments, damage);
    const gone = await closeFew(payments, (text) => `${text.split("\n")[0]}\n`);
    expect(refused.answerText).toBe(gone.answerText);
    expect(refused.answerText).not.toBe((await closeFew(payments, same)).answerText);
  });
  it("leaves files alone that are no reports, and says so", async () => {
    const closed = await closeFew("internal/partners.csv", () => "who,what\nme,nothing\n");
    expect(closed.text).toContain("not a report that is known, left alone: internal/partners.csv");
    expect(closed.code).toBe(0);
  });
  it("refuses to begin without a policy, without a day and on a folder that is not there", async () => {
    const none = await withDirectory(async (folder) => {
      await writeFile(join(folder, "statement.csv"), await readFile(join(input, statement)));
      return closeOnce(folder);
    });
    expect(none.errors).toMatch(/there is no policy/);
    expect(none.answerText).toBe("");
    expect((await closeOnce(input, "June")).errors).toMatch(/--as-of June is no day/);
    expect((await closeOnce(join(input, "nowhere"))).errors).toMatch(/there is no such folder/);
  });
});
