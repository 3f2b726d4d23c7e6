import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { dealOf, openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask } = http;
const load = (inputs: readonly unknown[], dryRun = false) =>
  ask("POST", "/v1/opportunities/import", { body: { rows: inputs.map((input) => ({ input })), dryRun } });
const count = async (): Promise<string> => {
  const [row] = await http.db.sql<{ digest: string }[]>`select md5(string_agg(t, '|' order by t)) as digest from (
    select opportunity::text as t from opportunity union all select account::text from account
    union all select contact.id from contact union all select seq::text from outbox union all select seq::text from history) as all_rows`;
  return row?.digest ?? "";
};

describe("importing deals", () => {
  it("saves good rows and refuses bad ones with path and reason, in order, each line as it was given", async () => {
    const { status, body } = await ask("POST", "/v1/opportunities/import", {
      body: {
        rows: [
          { line: 2, input: dealOf("M1") },
          { line: 3, input: dealOf("M2", { amount: { amount: "1,000", currency: "EUR" } }) },
          { line: 4, input: "no deal" },
          { line: 5, input: dealOf("M3") },
        ],
      },
    });
    expect(status).toBe(200);
    expect(body.counts).toEqual({ created: 2, updated: 0, unchanged: 0, refused: 2 });
    expect(body.results.map((row: { line: number; outcome: string }) => [row.line, row.outcome])).toEqual([
      [2, "created"],
      [3, "refused"],
      [4, "refused"],
      [5, "created"],
    ]);
    expect(body.results[1]).toMatchObject({
      id: null,
      errors: [{ path: "amount.amount", message: expect.any(String) }],
    });
    expect((await ask("GET", `/v1/opportunities/${body.results[3].id}`)).body.key).toBe("M3");
  });

  it("again changes nothing: the same ids, all unchanged, no event", async () => {
    const rows = [dealOf("N1"), dealOf("N2")];
    const first = await load(rows);
    const before = await count();
    const again = await load(rows);
    expect(again.body.counts).toEqual({ created: 0, updated: 0, unchanged: 2, refused: 0 });
    expect(again.body.results.map((row: { id: string }) => row.id)).toEqual(
      first.body.results.map((row: { id: string }) => row.id),
    );
    expect(await count()).toBe(before);
  });

  it("refuses the later of two rows for one deal and names the earlier line", async () => {
    const { body } = await load([dealOf("D1"), dealOf("D2"), dealOf("D1", { title: "Second" })]);
    expect(body.results[2]).toMatchObject({
      outcome: "refused",
      errors: [{ path: "key", message: expect.stringContaining("line 1") }],
    });
    expect((await ask("GET", `/v1/opportunities/${body.results[0].id}`)).body.title).toBe("Deal D1");
  });

  it("of more than 500 rows is refused whole", async () => {
    const refused = await load(Array.from({ length: 501 }, (_, index) => dealOf(`X${index}`)));
    expect(refused.status).toBe(422);
  });

  it("of 500 rows works, well below the time a transaction may take", async () => {
    const { body } = await load(Array.from({ length: 500 }, (_, index) => dealOf(`B${index}`)));
    expect(body.counts.created).toBe(500);
  });

  it("as a dry run leaves no trace and tells the very outcomes of the real run, whatever companies the rows share", async () => {
    const row = fc.record({
      key: fc.integer({ min: 0, max: 40 }),
      company: fc.integer({ min: 0, max: 2 }),
      city: fc.constantFrom("Berlin", "Köln", null),
      title: fc.constantFrom("One", "Two"),
      bad: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 45 }), async (rows) => {
        const inputs = rows.map(({ key, company, city, title, bad }) =>
          dealOf(`R${key}`, {
            title: bad && key % 3 === 0 ? "" : title,
            account: { name: `Company ${company}`, country: "FR", city },
          }),
        );
        const before = await count();
        const trial = await load(inputs, true);
        expect(await count()).toBe(before);
        const real = await load(inputs);
        const outcomes = (answer: typeof real) =>
          answer.body.results.map((result: { outcome: string }) => result.outcome);
        expect(outcomes(trial)).toEqual(outcomes(real));
        expect(trial.body.counts).toEqual(real.body.counts);
      }),
      { numRuns: 12 },
    );
  }, 60_000);
});
