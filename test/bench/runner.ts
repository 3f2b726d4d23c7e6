/** The embedded runner on its databases, against the same runner with its store in memory: six-step runs a second, in one run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "../../src/clock.ts";
import { createIds } from "../../src/ids.ts";
import type { Db } from "../../src/ports.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createRunner, type Runner } from "../../workflows/runner/index.ts";
import { appUrl, serveFunctions, signingKey } from "../runner-harness.ts";
import { openTestDatabase } from "../template.ts";
import { createMemoryRunner } from "./memory-runner.ts";
import { benchLog } from "./stand.ts";
import { quantile, type Verdict } from "./verdict.ts";

const parallel = 8;
const rounds = 3;

/** The least that runs six-step functions: sends so many events and waits until all their runs have ended. */
interface Contestant {
  readonly name: string;
  /** What the ratio to memory must be at least; null for memory itself. */
  readonly bound: number | null;
  readonly go: (count: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export const benchRunner = async (verdict: Verdict, count: number): Promise<void> => {
  const contestants = [await inMemory(), await onEmbedded(), ...(await onServer())];
  const rates = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (const { go } of contestants) await go(Math.ceil(count / 10));
  // Alternating, so that a slow moment of the machine strikes all alike.
  for (let round = 0; round < rounds; round++) {
    for (const { name, go } of contestants) {
      const began = performance.now();
      await go(count);
      rates.get(name)?.push((count * 1_000) / (performance.now() - began));
    }
  }
  const rate = (name: string): number => quantile(rates.get(name) ?? [], 0.5);
  const [memory] = contestants;
  for (const { name, bound } of contestants) {
    if (memory === undefined || bound === null) continue;
    verdict.atLeast(`six-step runs a second, ${name} / ${memory.name}`, rate(name) / rate(memory.name), bound);
  }
  verdict.tell(
    `six-step runs a second: ${contestants.map(({ name }) => `${name} ${rate(name).toFixed(0)}`).join(", ")}`,
  );
  for (const { close } of contestants) await close();
};

const sixSteps = (fetchOf: () => Runner["fetch"]) =>
  serveFunctions(
    (client) => [
      client.createFunction({ id: "six", triggers: [{ event: "go" }], retries: 3 }, async ({ event, step }) => {
        let sum = 0;
        for (let n = 0; n < 6; n++) sum += await step.run(`step-${n}`, () => Number(event.data.n) + n);
        return sum;
      }),
    ],
    fetchOf,
  );
const events = (count: number) => Array.from({ length: count }, (_, n) => ({ name: "go", data: { n } }));

const inMemory = async (): Promise<Contestant> => {
  const clock = createSystemClock();
  const handler = sixSteps(() => async () => new Response(null, { status: 501 }));
  const runner = await createMemoryRunner({
    handler,
    appUrl,
    signingKeys: [signingKey],
    parallel,
    clock,
    ids: createIds(clock),
  });
  return {
    name: "memory",
    bound: null,
    go: (count) => runner.run(events(count)),
    close: async () => {},
  };
};

const onDatabase = async (db: Db): Promise<Pick<Contestant, "go">> => {
  const clock = createSystemClock();
  const handler = sixSteps(() => runner.fetch);
  const runner: Runner = createRunner({
    ...{ db, clock, ids: createIds(clock), log: benchLog, handler, appUrl, signingKey, parallel },
    isSoleOwner: true,
  });
  await runner.sync();
  return {
    go: async (count) => {
      await runner.send(events(count));
      await runner.runDue();
      const [row] = await db.sql<
        { left: bigint }[]
      >`select count(*) as left from runner_run where status <> 'completed'`;
      if (row?.left !== 0n) throw new Error(`${row?.left} runs did not complete`);
    },
  };
};

const onEmbedded = async (): Promise<Contestant> => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-bench-"));
  const database = await openEmbedded(directory);
  await migrate(database.db);
  return {
    name: "embedded database",
    bound: 0.4,
    ...(await onDatabase(database.db)),
    close: async () => {
      await database.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

const onServer = async (): Promise<readonly Contestant[]> => {
  if (process.env.TEST_DATABASE_URL === undefined) {
    process.stderr.write("runner on PostgreSQL: skipped, TEST_DATABASE_URL is not set\n");
    return [];
  }
  const database = await openTestDatabase({ isDurable: true });
  return [{ name: "PostgreSQL", bound: 0.6, ...(await onDatabase(database.db)), close: database.close }];
};
