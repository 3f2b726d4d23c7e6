/** Whatever is written into a bucket while it is listed, in pages of any size: every version that stays is told, and none twice. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { type ListObjects, nextReports, objectOf, type StoredObject } from "../adapters/bucket-rounds.ts";
import type { Json } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";

const begin = Date.parse("2026-06-01T00:00:00Z");
const minuteMs = 60_000;
/** Between two pages: time passes, and some files are written, each shown up to a day after the time that it states. */
const betweenSchema = fc.record({
  minutes: fc.integer({ min: 1, max: 600 }),
  writes: fc.array(
    fc.record({ file: fc.integer({ min: 0, max: 8 }), lateMinutes: fc.integer({ min: 0, max: 1_440 }) }),
    {
      maxLength: 3,
    },
  ),
});

it("tells every version that stays, none twice, and goes on from a cursor that was stored", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(betweenSchema, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      async (course, pageSize) => {
        const store = new Map<string, StoredObject>();
        let [nowMs, version, cursor]: [number, number, Json | null] = [begin, 0, null];
        const list: ListObjects = async (after) => {
          const behind = [...store.values()]
            .filter(({ name }) => after === null || name > after)
            .toSorted((a, b) => (a.name < b.name ? -1 : 1));
          const objects = behind.slice(0, pageSize);
          return ok({ objects, isLast: objects.length === behind.length, at: new Date(nowMs) });
        };
        const told: string[] = [];
        const ask = async (): Promise<boolean> => {
          const page = await nextReports(list, cursor === null ? null : JSON.parse(JSON.stringify(cursor)));
          if (!page.ok) throw new Error(page.fault.message);
          told.push(...page.value.files.map(({ key }) => key));
          cursor = page.value.cursor;
          return page.value.isLast;
        };
        for (const { minutes, writes } of course) {
          nowMs += minutes * minuteMs;
          for (const { file, lateMinutes } of writes) {
            const name = `feed${file}.csv`;
            version += 1;
            const modifiedAt = new Date(nowMs - lateMinutes * minuteMs).toISOString();
            store.set(name, { name, version: `"${version}"`, bytes: 1, modifiedAt });
          }
          await ask();
        }
        // A quiet time: what is under way ends, and one more round finds the rest.
        nowMs += minuteMs;
        while (!(await ask()));
        nowMs += minuteMs;
        while (!(await ask()));
        expect(new Set(told).size).toBe(told.length);
        for (const { name, version: kept } of store.values())
          expect(told.map((key) => objectOf({ key }))).toContainEqual({ name, version: kept });
        const quiet = told.length;
        nowMs += 3_000 * minuteMs;
        while (!(await ask()));
        expect(told.length).toBe(quiet);
      },
    ),
    { numRuns: 150 },
  );
});
