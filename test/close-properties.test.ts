import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { minorUnit } from "../src/domain/finance/amount.ts";
import type { Close } from "../src/domain/finance/close.ts";
import { closeInMemory, drawLedger, type Files, readFiles, wordsOf } from "./ledger.ts";

/** Ledgers of each property; `npm run test:money` draws a hundred times as many. */
const runs = Math.max(1, Math.round(Number(process.env.LEDGERS ?? 1_000) / 40));
const seeds = fc.integer({ min: 1, max: 2_000_000_000 });
const patient = 3_600_000;

const holds = (check: (files: Files, seed: number) => void): void => {
  fc.assert(
    fc.property(seeds, (seed) => check(drawLedger(seed, 2).files, seed)),
    { numRuns: runs, seed: 20_260_630 },
  );
};
const wordsAt = (files: Files, asOf?: string): string =>
  JSON.stringify(wordsOf(closeInMemory(Object.entries(files), asOf)));

interface Table {
  readonly header: string;
  readonly rows: readonly string[];
}
const tableOf = (text: string): Table => {
  const [header = "", ...rows] = text.trimEnd().split("\n");
  return { header, rows };
};
const textOf = ({ header, rows }: Table): string => `${[header, ...rows].join("\n")}\n`;
/** Changes every table of a ledger. */
const mapTables = (files: Files, change: (table: Table, name: string) => Table): Files =>
  Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      name,
      name.endsWith(".csv") ? textOf(change(tableOf(text), name)) : text,
    ]),
  );
/** Turns an order upside down in pieces, so that neighbours part too. */
const disordered = <Item>(items: readonly Item[], seed: number): readonly Item[] => {
  const step = 1 + (seed % 7);
  return items
    .map((item, index) => ({ item, at: (index * 7_919 * step) % 104_729 }))
    .toSorted((a, b) => b.at - a.at)
    .map(({ item }) => item);
};
const sumOf = (amounts: Iterable<bigint>): bigint => [...amounts].reduce((sum, amount) => sum + amount, 0n);
/** What a cell of a table says; ledgers put no separator in cells that are looked at here. */
const cellOf = (table: Table, row: string, name: string): string =>
  row.split(",")[table.header.split(",").indexOf(name)] ?? "";

describe("for every ledger that is drawn", () => {
  it(
    "each row version ends in exactly one place, and so does its money (P1, P2)",
    () => {
      holds((files) => {
        const facts = readFiles(Object.entries(files));
        const close = closeInMemory(Object.entries(files));
        const ignored = Object.values(close.ignored).reduce((sum, count) => sum + count, 0);
        expect(close.lines.length + close.joined + ignored).toBe(facts.lines.length);
        for (const currency of new Set(facts.lines.map((line) => line.currency))) {
          const inCurrency = (lines: Close["lines"]) => lines.filter((line) => line.currency === currency);
          const matched = inCurrency(close.lines).filter((line) => close.linkOf(line).parts.length > 0);
          const unmatched = inCurrency(close.lines).filter((line) => close.linkOf(line).parts.length === 0);
          const out =
            sumOf(matched.map((line) => line.amount)) +
            sumOf(unmatched.map((line) => line.amount)) +
            (close.ignoredAmounts.get(currency) ?? 0n);
          expect(out).toBe(sumOf(inCurrency(facts.lines).map((line) => line.amount)));
        }
      });
    },
    patient,
  );

  it(
    "the order of files and rows changes nothing (P3, P14)",
    () => {
      holds((files, seed) => {
        const turned = mapTables(files, (table) => ({ ...table, rows: disordered(table.rows, seed) }));
        const other = wordsOf(closeInMemory(disordered(Object.entries(turned), seed)));
        expect(JSON.stringify(other)).toBe(wordsAt(files));
      });
    },
    patient,
  );

  it(
    "reading everything twice changes nothing (P4), and so does splitting or joining files (P5)",
    () => {
      holds((files) => {
        const once = wordsAt(files);
        const again = Object.entries(files).flatMap(
          ([name, text]) =>
            [
              [name, text],
              [`again/${name}`, text],
            ] as const,
        );
        expect(JSON.stringify(wordsOf(closeInMemory(again)))).toBe(once);
        const halves = Object.entries(files).flatMap(([name, text]) => {
          if (!name.endsWith(".csv")) return [[name, text]] as const;
          const { header, rows } = tableOf(text);
          const half = Math.floor(rows.length / 2);
          return [
            [name, textOf({ header, rows: rows.slice(0, half) })],
            [`rest/${name}`, textOf({ header, rows: rows.slice(half) })],
          ] as const;
        });
        expect(JSON.stringify(wordsOf(closeInMemory(halves)))).toBe(once);
        const { "events/data.csv": events, "late/data.csv": late, ...others } = files;
        if (events === undefined || late === undefined) return;
        const joined = {
          ...others,
          "events/data.csv": events + textOf({ header: "", rows: tableOf(late).rows }).slice(1),
        };
        expect(wordsAt(joined)).toBe(once);
      });
    },
    patient,
  );

  it(
    "another ledger beside it changes nothing of its agreements and deals (P6)",
    () => {
      holds((files, seed) => {
        const stranger = drawLedger(seed + 1, 2).files;
        const both: Record<string, string> = { ...files };
        for (const [name, text] of Object.entries(stranger)) {
          const own = both[name];
          if (own === undefined) both[name] = text;
          else if (name.endsWith(".csv")) both[name] = own + textOf({ header: "", rows: tableOf(text).rows }).slice(1);
          else if (own.startsWith("[")) both[name] = JSON.stringify([...JSON.parse(own), ...JSON.parse(text)]);
        }
        const local = (words: readonly string[]): readonly string[] =>
          words.filter((text) => /^\S+ (?:agreement|deal|line) /.test(text));
        const alone = wordsOf(closeInMemory(Object.entries(files)));
        const strange = wordsOf(closeInMemory(Object.entries(stranger)));
        const together = wordsOf(closeInMemory(Object.entries(both)));
        expect(local(together.exceptions)).toEqual(
          [...local(alone.exceptions), ...local(strange.exceptions)].toSorted(),
        );
        expect(together.credits).toEqual([...alone.credits, ...strange.credits].toSorted());
        expect(together.links).toEqual([...alone.links, ...strange.links].toSorted());
      });
    },
    patient,
  );

  it(
    "a restatement that is taken back leaves no trace (P7)",
    () => {
      holds((files) => {
        const name = "events/data.csv";
        const text = files[name];
        if (text === undefined) return;
        const table = tableOf(text);
        const at = table.header.split(",").indexOf("amount");
        const known = table.header.split(",").indexOf("update_date");
        const ids = [text, files["late/data.csv"] ?? ""].flatMap((one) =>
          tableOf(one).rows.map((row) => row.split(",")[0]),
        );
        // What the ledger restates itself is not restated again.
        const once = new Set(ids.filter((id) => ids.indexOf(id) === ids.lastIndexOf(id)));
        const restated = table.rows.flatMap((row) => {
          const cells = row.split(",");
          if (!once.has(cells[0])) return [row];
          const dated = (day: string, amount: string): string =>
            cells.map((cell, index) => (index === at ? amount : index === known ? day : cell)).join(",");
          return [row, dated("2026-06-28T00:00:00Z", "1.00"), dated("2026-06-29T00:00:00Z", cells[at] ?? "")];
        });
        expect(wordsAt({ ...files, [name]: textOf({ header: table.header, rows: restated }) })).toBe(wordsAt(files));
      });
    },
    patient,
  );

  it(
    "the lines of a payout add up to its header, but for less than the smallest unit (P8)",
    () => {
      holds((files) => {
        for (const payout of closeInMemory(Object.entries(files)).payouts) {
          if (payout.repeats !== null) continue;
          const rest = payout.children - payout.amount;
          expect(rest < minorUnit(payout.currency) && -rest < minorUnit(payout.currency), payout.id).toBe(true);
          expect(sumOf(payout.lines.map((line) => (line.marketplace === "aws" ? -line.settled : line.settled)))).toBe(
            payout.children,
          );
        }
      });
    },
    patient,
  );

  it(
    "a deal has one sourcing partner at most, and what is shared adds up exactly (P10)",
    () => {
      holds((files) => {
        const { credits } = closeInMemory(Object.entries(files));
        for (const dealId of new Set(credits.map((credit) => credit.dealId))) {
          const own = credits.filter((credit) => credit.dealId === dealId);
          const sourced = own.filter((credit) => credit.kind === "sourced");
          const influenced = own.filter((credit) => credit.kind === "influenced");
          expect(sourced).toHaveLength(1);
          if (influenced.length > 0) expect(sumOf(influenced.map((credit) => credit.amount))).toBe(sourced[0]?.amount);
        }
      });
    },
    patient,
  );

  it(
    "a close as of an earlier day sees nothing that was known later (P15)",
    () => {
      holds((files, seed) => {
        const asOf = ["2025-09-30", "2025-12-31", "2026-03-31"][seed % 3] ?? "";
        const knownIn = (table: Table, name: string, row: string): string => {
          if (/data\.csv$/.test(name)) return cellOf(table, row, "update_date").slice(0, 10);
          if (name.startsWith("revenue-")) return `${name.slice(8, 15)}-01`;
          if (name.startsWith("earnings-")) return `${name.slice(9, 16)}-01`;
          if (name.includes("Detailed")) return cellOf(table, row, "report_creation_date");
          if (name === "payments.csv") return cellOf(table, row, "paymentDate");
          return name === "statement.csv" ? cellOf(table, row, "value_date") : "";
        };
        const then = mapTables(files, (table, name) => ({
          ...table,
          rows: table.rows.filter((row) => knownIn(table, name, row) <= asOf),
        }));
        expect(wordsAt(files, asOf)).toBe(wordsAt(then, asOf));
      });
    },
    patient,
  );

  it(
    "money grows with its amounts (P16)",
    () => {
      const columns =
        /^(?:amount|disbursement_amount|BilledRevenue|EarningAmountCC|transactionAmount|storeFee|earningAmount|totalPayment|cust_charges|marketplace_fee_amount|total_deductions|withheld_amount|released_amount|abandoned_amount|aggregated_payout)$/;
      holds((files) => {
        const tripled = mapTables(files, (table, name) => {
          if (name === "deals.csv") return table;
          const scaled = table.header.split(",").map((column) => columns.test(column));
          return {
            ...table,
            rows: table.rows.map((row) =>
              row
                .split(",")
                .map((cell, index) => (scaled[index] && cell !== "" ? times3(cell) : cell))
                .join(","),
            ),
          };
        });
        const money = (words: readonly string[]): readonly string[] =>
          words.filter((text) => !text.includes("subcent"));
        const plain = wordsOf(closeInMemory(Object.entries(files))).money.map((text) =>
          text.replace(/-?\d+$/, (digits) => `${BigInt(digits) * 3n}`),
        );
        expect(money(wordsOf(closeInMemory(Object.entries(tripled))).money)).toEqual(money(plain));
      });
    },
    patient,
  );
});

/** A decimal times three, as text. */
const times3 = (text: string): string => {
  const [whole = "", fraction = ""] = text.split(".");
  const micros = BigInt(`${whole}${fraction.padEnd(6, "0")}`) * 3n;
  const digits = (micros < 0n ? -micros : micros).toString().padStart(7, "0");
  return `${micros < 0n ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
};

describe("a sale that is given back whole", () => {
  it("leaves nothing: sale, fee, refund and fee refund add up to zero (P12)", () => {
    const events = `billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,buyer_line_item_id
e1,INVOICED,SELLER_REV_SHARE,,KWD,100.125,2026-05-02,a1,l1
e2,INVOICED,AWS_REV_SHARE,,KWD,-3.004,2026-05-02,a1,l1
e3,INVOICED,SELLER_REV_SHARE_REFUND,,KWD,-100.125,2026-05-09,a1,l1
e4,INVOICED,AWS_REV_SHARE_REFUND,,KWD,3.004,2026-05-09,a1,l1
`;
    const { files } = drawLedger(1, 1);
    const close = closeInMemory([
      ["data.csv", events],
      ["policy.json", files["policy.json"] ?? ""],
    ]);
    const figures = close.totals.get("aws")?.get("KWD");
    expect((figures?.get("invoiced") ?? 0n) - (figures?.get("refund") ?? 0n)).toBe(0n);
    expect(figures?.get("fee")).toBe(0n);
    expect(sumOf(close.lines.map((line) => line.amount))).toBe(0n);
  });
});
