/** The close pack of the labelled case: what adds up, what is safe to open, and what an auditor can check. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { strFromU8, unzipSync } from "fflate";
import Papa from "papaparse";
import { afterAll, describe, expect, it } from "vitest";
import { formulaSafe } from "../src/domain/csv.ts";
import { journalNumber, journalsOf } from "../src/domain/finance/pack/journals.ts";
import { accounts, type Movement, movementKinds, postings } from "../src/domain/finance/pack/movements.ts";
import { postingsOf } from "../src/domain/finance/posting.ts";
import { decimalToMicros } from "../src/domain/money.ts";
import { cosell } from "./cli-shell.ts";
import { reconciliationCase } from "./close-rig.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-pack-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...parts: readonly string[]): string => join(directory, ...parts);
const keygen = await cosell([
  "rules",
  "keygen",
  "--side",
  "us",
  "--name",
  "Fin Example",
  "--role",
  "CFO",
  "--out",
  at("key"),
]);
const close = (out: string) =>
  cosell(["close", join(reconciliationCase, "input"), "--as-of", "2026-06-30", "--out", at(out), "--key", at("key")]);
const ran = await close("pack");
const table = (name: string): readonly Record<string, string>[] =>
  Papa.parse<Record<string, string>>(readFileSync(at("pack", `${name}.csv`), "utf8"), {
    header: true,
    skipEmptyLines: true,
  }).data;
const micros = (text: string | undefined): bigint =>
  decimalToMicros(text === undefined || text === "" ? "0" : text) ?? 0n;
const sum = (rows: readonly Record<string, string>[], column: string): bigint =>
  rows.reduce((total, row) => total + micros(row[column]), 0n);
const placeOf = (row: Record<string, string>): string => `${row.marketplace} ${row.currency}`;

describe("the close pack", () => {
  it("is written whole, and says where to begin", () => {
    expect([keygen.code, ran.code, ran.err]).toEqual([0, 0, ""]);
    expect(ran.out).toContain("begin with report.html or workbook.xlsx; the manifest is signed by Fin Example");
    expect(readdirSync(at("pack"))).not.toContainEqual(expect.stringContaining("unfinished"));
  });

  it("has the same bytes when the same folder is closed again", async () => {
    await close("again");
    for (const name of readdirSync(at("pack"), { recursive: true, encoding: "utf8" }).filter((path) =>
      path.includes("."),
    ))
      expect(readFileSync(at("again", name)).equals(readFileSync(at("pack", name))), name).toBe(true);
  });

  it("balances each journal entry in its currency, in all three shapes", () => {
    for (const [name, id, debit, credit] of [
      ["journals", "journal_id", "debit", "credit"],
      ["journals-netsuite", "externalId", "line.debit", "line.credit"],
      ["journals-quickbooks-001", "JournalNo", "Debits", "Credits"],
    ] as const) {
      const groups = Map.groupBy(table(name), (row) => row[id]);
      expect(groups.size).toBeGreaterThan(100);
      for (const [entry, rows] of groups) {
        expect(sum(rows, debit), `${name} ${entry}`).toBe(sum(rows, credit));
        expect(new Set(rows.map((row) => row.currency ?? row.Currency)).size).toBe(1);
      }
    }
  });

  it("leaves on the receivable account what the marketplaces still owe by the control totals, and in transit what the bank lacks", () => {
    const journals = table("journals");
    for (const row of table("summary")) {
      const own = journals.filter((entry) => placeOf(entry) === placeOf(row));
      const balance = (account: string): bigint => {
        const lines = own.filter((entry) => entry.account === account);
        return sum(lines, "debit") - sum(lines, "credit");
      };
      const of = (...columns: readonly string[]): bigint =>
        columns.reduce((total, column) => total + micros(row[column]), 0n);
      // Billed, less what was given back, charged, lost and paid out: the four-way identity.
      const owed =
        of("invoiced", "seller_tax", "adjustment", "negative_balance_carried") -
        of("refund", "fee", "written_off", "cost", "disbursed_net");
      expect(micros(row.outstanding), placeOf(row)).toBe(owed);
      // Entries are whole cents: they stay within one unit for each month, agreement and kind.
      const drift = balance("Accounts Receivable - Marketplace") - owed;
      expect(drift < 0n ? -drift : drift).toBeLessThan(10_000n * BigInt(own.length));
      const payouts = table("payouts").filter((payout) => placeOf(payout) === placeOf(row) && payout.failed === "");
      const lacking = payouts.filter((payout) => micros(payout.header) > 0n);
      expect(micros(row.in_transit), `${placeOf(row)} in transit`).toBe(
        sum(lacking, "header") - sum(lacking, "deposited"),
      );
    }
  });

  it("ages exactly what is outstanding, each agreement in one bucket", () => {
    const ageing = table("ageing");
    for (const row of table("summary"))
      expect(
        sum(
          ageing.filter((entry) => placeOf(entry) === placeOf(row)),
          "outstanding",
        ),
      ).toBe(micros(row.outstanding));
    const buckets = ["not_due", "due_1_30", "due_31_60", "due_61_90", "due_91_120", "due_121_plus"];
    for (const row of ageing)
      expect(buckets.map((name) => row[name]).filter((cell) => cell !== "")).toEqual([row.outstanding]);
  });

  it("splits what was invoiced into sourced, influenced only and neither, which add up", () => {
    for (const row of table("attribution"))
      expect(micros(row.sourced) + micros(row.influenced_only) + micros(row.neither)).toBe(micros(row.total));
  });

  it("has a claim for every fee mismatch, and an owner and a next action for every exception", () => {
    const exceptions = table("exceptions");
    expect(readdirSync(at("pack", "claims"))).toHaveLength(
      exceptions.filter(({ type }) => type === "FEE_MISMATCH").length,
    );
    for (const { owner, next_action, id } of exceptions) expect([owner, next_action, id]).not.toContain("");
    expect(new Set(exceptions.map(({ id }) => id)).size).toBe(exceptions.length);
  });

  it("holds no cell that a spreadsheet would run", () => {
    for (const name of readdirSync(at("pack")).filter((path) => path.endsWith(".csv") && path !== "links.csv"))
      for (const row of table(name.slice(0, -4)))
        for (const cell of Object.values(row))
          if (cell !== "" && !/^-?\d+(?:\.\d+)?$/.test(cell)) expect(formulaSafe(cell), `${name}: ${cell}`).toBe(cell);
  });

  it("is a workbook whose amounts stand in it as they are known, and whose every sheet is well-formed", () => {
    const files = unzipSync(readFileSync(at("pack", "workbook.xlsx")));
    const sheets = Object.keys(files).filter((name) => name.startsWith("xl/worksheets/"));
    expect(sheets.length).toBeGreaterThan(10);
    const first = strFromU8(files["xl/worksheets/sheet1.xml"] ?? new Uint8Array());
    for (const row of table("summary")) expect(first).toContain(`<v>${row.invoiced}</v>`);
    for (const name of sheets) {
      const xml = strFromU8(files[name] ?? new Uint8Array());
      expect(xml, name).not.toMatch(/<f>|&(?!amp;|lt;|gt;|quot;)/);
      expect(xml.match(/<row /g)?.length, name).toBe(xml.match(/<\/row>/g)?.length);
    }
  });
});

describe("cosell close verify", () => {
  it("confirms a pack, and names what was changed, removed or signed by somebody else", async () => {
    const verify = (...more: readonly string[]) => cosell(["close", "verify", at("again"), ...more]);
    expect(await verify("--keys", at("key.pub"))).toMatchObject({
      code: 0,
      out: expect.stringContaining("Fin Example: verified"),
    });
    expect(await verify()).toMatchObject({ code: 1, out: expect.stringContaining("unknown key") });
    writeFileSync(
      at("again", "credits.csv"),
      readFileSync(at("again", "credits.csv"), "utf8").replace("sourced", "sourceD"),
    );
    rmSync(at("again", "fees.csv"));
    const changed = await verify("--keys", at("key.pub"));
    expect([changed.code, changed.out]).toEqual([
      1,
      expect.stringMatching(/fees\.csv: is missing[\s\S]*credits\.csv: was changed/),
    ]);
    const manifest = readFileSync(at("again", "manifest.json"), "utf8");
    writeFileSync(at("again", "manifest.json"), manifest.replace("2026-06-30", "2026-06-29"));
    expect((await verify("--keys", at("key.pub"))).out).toContain("forged");
  });
});

describe("journal entries of any movements", () => {
  const movement = fc.record({
    kind: fc.constantFrom(...movementKinds),
    marketplace: fc.constantFrom("aws" as const, "gcp" as const),
    currency: fc.constantFrom("USD", "JPY", "KWD"),
    amount: fc.bigInt({ min: -(10n ** 13n), max: 10n ** 13n }),
    day: fc.integer({ min: 20_000, max: 20_400 }),
    agreementId: fc.constantFrom(null, "a-1", "a-2"),
    subject: fc.constant("line"),
  });
  const asMovements = fc.array(movement, { maxLength: 60 });

  it("balance, have one id each, do not depend on the order of rows, and add up to within a unit of the exact amount", () => {
    fc.assert(
      fc.property(asMovements, (movements: readonly Movement[]) => {
        const journals = journalsOf(postingsOf(movements), 20_400);
        expect(journalsOf(postingsOf(movements.toReversed()), 20_400)).toEqual(journals);
        expect(new Set(journals.map(({ id }) => id)).size).toBe(journals.length);
        for (const { lines } of journals)
          expect(lines.reduce((total, { debit, credit }) => total + debit - credit, 0n)).toBe(0n);
        for (const account of accounts)
          for (const currency of ["USD", "JPY", "KWD"]) {
            const posted = journals
              .filter((journal) => journal.currency === currency)
              .flatMap(({ lines }) => lines.filter((line) => line.account === account))
              .reduce((total, { debit, credit }) => total + debit - credit, 0n);
            const books = new Set(
              movements.map(({ kind, marketplace, agreementId }) => `${kind}${marketplace}${agreementId}`),
            );
            const exact = movements
              .filter((one) => one.currency === currency)
              .reduce((total, { kind, amount }) => {
                const { debit, credit } = postings[kind];
                return total + (debit === account ? amount : 0n) - (credit === account ? amount : 0n);
              }, 0n);
            const drift = posted - exact;
            expect(drift < 0n ? -drift : drift).toBeLessThanOrEqual(500_000n * BigInt(books.size));
          }
      }),
      { numRuns: 100, seed: 11 },
    );
  });

  it("have numbers that QuickBooks Online takes: at most 21 characters, one for each id", () => {
    const ids = Array.from({ length: 5_000 }, (_, index) => `2026-01-aws-USD-agmt-${index}`);
    const numbers = ids.map(journalNumber);
    expect([new Set(numbers).size, Math.max(...numbers.map(({ length }) => length))]).toEqual([5_000, 21]);
  });
});
