import { afterAll, expect, it } from "vitest";
import type { Db } from "../src/ports.ts";
import { openHarness } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close, kind } = await openTestDatabase();
afterAll(close);

it("costs at most 6 SQL round trips for a short step", async () => {
  const counted = countingDb(db);
  const harness = await openHarness(
    (client) => [
      client.createFunction({ id: "many", triggers: [{ event: "go" }], retries: 0 }, async ({ event, step }) => {
        for (let n = 0; n < Number(event.data.steps); n++) await step.run(`step ${n}`, () => n);
      }),
    ],
    { db, deps: { db: counted.db } },
  );
  await harness.run("go", { steps: 20 });
  const before = counted.roundTrips();
  const began = performance.now();
  await harness.run("go", { steps: 220 });
  const perSecond = 220 / ((performance.now() - began) / 1_000);
  const perStep = (counted.roundTrips() - before) / 220;
  console.log(`${kind}: ${perStep.toFixed(2)} round trips a step, ${perSecond.toFixed(0)} steps a second`);
  expect(perStep).toBeLessThanOrEqual(6);
});

/** Counts statements, and begin and commit of each transaction. */
const countingDb = (inner: Db) => {
  let roundTrips = 0;
  const counting = <T extends object>(sql: T): T =>
    new Proxy(sql, {
      apply: (target, self, args) => {
        roundTrips++;
        return Reflect.apply(target as never, self, args);
      },
    });
  const counted: Db = {
    sql: counting(inner.sql),
    transaction: (work) => {
      roundTrips += 2;
      return inner.transaction((tx) => work(counting(tx)));
    },
    close: inner.close,
  };
  return { db: counted, roundTrips: () => roundTrips };
};
