/**
 * An old backup is restored while the partner remembers everything. `npm run test:restore` does the same with the sizes of a
 * backup that is hundreds of writes old (RESTORE_DEALS).
 */
import { afterEach, describe, expect, it } from "vitest";
import { openRig, type Rig } from "./restore-rig.ts";
import { createScenario } from "./restore-scenario.ts";

const deals = Number(process.env.RESTORE_DEALS ?? "4");
const sizes = { known: deals, younger: Math.max(2, Math.floor(deals / 2)) };
const isLong = deals > 10;
const settleMs = 40 * 60_000;
let rig: Rig;
afterEach(() => rig.close());

const play = async (killAt: { readonly point: string; readonly hit: number } | null) => {
  const scenario = createScenario(rig, sizes);
  await scenario.before();
  const backup = await rig.backup();
  const written = await scenario.writes();
  await scenario.after();
  const made = (await scenario.records()).map((row) => row.id).toSorted();
  const before = await scenario.operations();
  const writesLost = (await scenario.writes()) - written;
  await rig.restore(backup);
  await backup.drop();
  await rig.start(killAt);
  let kills = 0;
  await scenario.again().catch(() => {});
  await rig.advance(settleMs);
  if (rig.isDead()) {
    kills++;
    await rig.start();
    await scenario.again();
    await rig.advance(settleMs);
  }
  const held = (await scenario.records()).map((row) => row.id).toSorted();
  const after = Object.entries(await scenario.operations()).flatMap(([name, count]) => {
    const more = count - (before[name] ?? 0);
    return more > 0 ? [[name, more] as const] : [];
  });
  if (isLong)
    process.stdout.write(
      `${JSON.stringify({ records: held.length, writesLost, kills, after: Object.fromEntries(after) })}\n`,
    );
  return { scenario, made, held, writesLost, kills };
};

const cases = [
  ["a partner that remembers tokens", null, null],
  ["a partner that has forgotten the tokens", 0.001, null],
  ["a process killed before the full sweep has ended", 0.001, { point: "sweep.saved", hit: 1 }],
  ["a process killed while it looks for a write", 0.001, { point: "effect.located", hit: 1 }],
  ["a process killed while it takes up what was found", 0.001, { point: "recover.settled", hit: 1 }],
] as const;

describe("after a restore", () => {
  it.each(isLong ? cases : cases.slice(-1))(
    "nothing is made twice and every share is as the partner's record says: %s",
    async (name, tokenHours, killAt) => {
      rig = await openRig({ seed: `restore ${name}`, settings: { tokenHours } });
      const { scenario, made, held, writesLost, kills } = await play(killAt);
      expect(held).toEqual(made);
      if (isLong) expect(writesLost).toBeGreaterThanOrEqual(200);
      expect(kills).toBe(killAt === null ? 0 : 1);
      expect(await scenario.differences()).toEqual([]);
      expect(await scenario.openWork()).toEqual({ found: 0, recoveries: 0, effects: 0 });
    },
    isLong ? 600_000 : 120_000,
  );
});
