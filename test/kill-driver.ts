/**
 * kill -9 at many points, and what is left after each: `npm run test:kill -- --kills 100 [--of shares|offers|books] [--cloud aws|azure|gcp]
 * [--seed n]`. Without `--of`: so many kills of shares at AWS, a third as many of offers at each cloud and of the reading and
 * reconciling of reports. Prints what to type to replay.
 */
import { parseArgs } from "node:util";
import { marketplaceIds } from "../src/domain/deal.ts";
import { openBookSubject } from "./kill-books.ts";
import { openOfferSubject } from "./kill-offers.ts";
import { openShareSubject } from "./kill-shares.ts";
import type { KillSubject } from "./kill-subject.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    of: { type: "string" },
    cloud: { type: "string" },
    only: { type: "string" },
  },
});
const kills = Number(values.kills);
const clouds = marketplaceIds.filter((id) => values.cloud === undefined || id === values.cloud);
if (!(kills > 0) || clouds.length === 0 || !["shares", "offers", "books", undefined].includes(values.of))
  throw new Error("--kills is a number, --cloud one of aws, azure, gcp, --of one of shares, offers, books");

let state = Number(values.seed) >>> 0;
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};

const problems: string[] = [];

/** Every other round dies at the next named point, the others at any instant. */
const round = async ({ rig, points, randomMsMax, begin, finish }: KillSubject, index: number): Promise<string> => {
  const key = `kill-${values.seed}-${index}`;
  const killAt = values.only ?? (index % 2 === 0 ? (points[(index / 2) % points.length] ?? null) : null);
  const afterMs = Math.floor(random() * randomMsMax);
  const label = killAt ?? `random instant, ${afterMs} ms`;
  await rig.start(killAt);
  const begun = begin(key);
  const isDead = await rig.kill(killAt === null ? afterMs : null);
  await begun;
  await rig.start(null);
  const fromMs = Date.now();
  for (const problem of await finish(key)) problems.push(`round ${index} (${label}): ${problem}`);
  await rig.stop();
  return `${label}  ${isDead ? "killed" : "point not reached"}  recovered in ${((Date.now() - fromMs) / 1_000).toFixed(1)} s`;
};

const rounds = async (subject: KillSubject, count: number): Promise<void> => {
  const before = problems.length;
  let died = 0;
  try {
    for (let index = 0; index < count; index++) {
      const told = await round(subject, index);
      if (told.includes("killed")) died++;
      process.stdout.write(`${subject.name} ${index + 1}/${count}  ${told}  ${problems.length} problems\n`);
    }
  } finally {
    await subject.rig.close();
  }
  process.stdout.write(`${subject.name}: ${count} rounds, ${died} kills, ${problems.length - before} problems\n\n`);
};

const isWanted = (name: string): boolean => values.of === undefined || values.of === name;
const third = values.of === undefined ? Math.ceil(kills / 3) : kills;
if (isWanted("shares")) await rounds(await openShareSubject(), kills);
if (isWanted("offers")) for (const cloud of clouds) await rounds(await openOfferSubject(cloud), third);
if (isWanted("books")) await rounds(await openBookSubject(), third);

for (const problem of problems)
  process.stdout.write(`${problem}\n  replay: npm run test:kill -- ${process.argv.slice(2).join(" ")}\n`);
process.exit(problems.length === 0 ? 0 : 1);
