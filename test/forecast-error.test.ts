/** What forecasts missed by is exact in tenths of a percent, whatever the size and sign of the amounts. */
import { expect, it } from "vitest";
import type { Close } from "../src/domain/finance/close.ts";
import { forecastTable } from "../src/domain/finance/pack/balances.ts";
import { csvRows } from "../src/domain/finance/pack/table.ts";
import { closeInMemory, drawLedger } from "./ledger.ts";

const unit = 1_000_000n;
const micros = (text: string): bigint => {
  const [whole = "", fraction = ""] = text.replace("-", "").split(".");
  const size = BigInt(whole) * unit + BigInt(fraction.padEnd(6, "0"));
  return text.startsWith("-") ? -size : size;
};
const rowsOf = (close: Close): readonly (readonly string[])[] =>
  [...csvRows(forecastTable(close))].slice(1).map((row) => row.trimEnd().split(","));

it("says the share that the error is of what came, half up in tenths, also beyond what a float holds", () => {
  const { files } = drawLedger(77, 40);
  const plain = closeInMemory(Object.entries(files));
  // So large that cents are lost in a float.
  const scale = 1_000_000_000_003n;
  const large = {
    ...plain,
    lines: plain.lines.map((line) => ({ ...line, amount: line.amount * scale, net: line.net * scale })),
  };
  for (const rows of [rowsOf(plain), rowsOf(large as Close)]) {
    expect(rows.length).toBeGreaterThan(3);
    for (const [, , , foreseen = "", came = "", error = "", percent = ""] of rows) {
      expect(micros(error)).toBe(micros(foreseen) - micros(came));
      if (micros(came) === 0n) {
        expect(percent).toBe("");
        continue;
      }
      expect(percent).toMatch(/^-?\d+\.\d$/);
      const tenths = BigInt(percent.replace(".", ""));
      const [size, of] = [micros(error) * 1_000n, micros(came) < 0n ? -micros(came) : micros(came)];
      const rest = size - tenths * of;
      expect((rest < 0n ? -rest : rest) * 2n <= of, `${percent} of ${came}`).toBe(true);
    }
  }
});
