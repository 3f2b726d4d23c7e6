import { describe, expect, it } from "vitest";
import { closeInMemory, drawLedger, truthWords, wordsOf } from "./ledger.ts";

/** `npm run test:money` draws more. */
const ledgers = Number(process.env.LEDGERS ?? 1_000);
const agreementsEach = 3;

describe("a close of drawn ledgers", () => {
  it(`finds in each of ${ledgers.toLocaleString("en")} exactly the money, exceptions, credits and links that were drawn`, () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= ledgers; seed += 1) {
      const { files, truth } = drawLedger(seed, agreementsEach);
      const found = wordsOf(closeInMemory(Object.entries(files)));
      const drawn = truthWords(truth, found);
      // Comparing the texts first is many times quicker; the assertion shows what differs.
      if (JSON.stringify(found) !== JSON.stringify(drawn)) expect(found, `seed ${seed}`).toEqual(drawn);
      for (const exception of found.exceptions) seen.add(exception.split(" ")[0] ?? "");
    }
    // The draw reaches every type that an answer holds.
    if (ledgers >= 1_000) expect([...seen].toSorted()).toHaveLength(20);
  }, 3_600_000);
});
