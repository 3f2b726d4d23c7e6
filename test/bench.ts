/**
 * `npm run bench`: each figure against something in the same run, as a ratio. Absolute times are noise on shared machines and are
 * printed only beside what they are compared with. `npm run bench -- door runner` runs some parts; `--small` is the size of CI;
 * `--backlog 20000` another backlog, `--shares 900` another number for the clouds. With TEST_DATABASE_URL the parts that can run on PostgreSQL do.
 */
import { parseArgs } from "node:util";
import { benchBacklog } from "./bench/backlog.ts";
import { benchClouds, type CloudsTrial, runCloudsTrial } from "./bench/clouds.ts";
import { benchDoor } from "./bench/door.ts";
import { benchFootprint } from "./bench/footprint.ts";
import { benchLatency } from "./bench/latency.ts";
import { benchExpiry, benchYear } from "./bench/offers.ts";
import { benchRunner } from "./bench/runner.ts";
import { createVerdict } from "./bench/verdict.ts";
import setUpTemplate from "./template.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: "boolean", default: false },
    backlog: { type: "string" },
    shares: { type: "string" },
    trial: { type: "string" },
  },
});
if (values.trial !== undefined) {
  await runCloudsTrial(JSON.parse(values.trial) as CloudsTrial);
  process.exit(0);
}
const small = values.small;
const verdict = createVerdict(small ? 0.5 : 1);
const parts: Readonly<Record<string, () => Promise<void>>> = {
  door: () => benchDoor(verdict, small ? 2 : 8),
  runner: () => benchRunner(verdict, small ? 60 : 400),
  footprint: () => benchFootprint(verdict, small ? 500 : 10_000),
  backlog: () => benchBacklog(verdict, Number(values.backlog ?? (small ? 60 : 2_000))),
  clouds: () => benchClouds(verdict, Number(values.shares ?? (small ? 30 : 5_000))),
  expiry: () => benchExpiry(verdict, small ? 2_000 : 100_000),
  offers: () => benchYear(verdict, small ? 10 : 1_000),
  latency: () => benchLatency(verdict, small ? 20 : 200),
};
const unknown = positionals.filter((name) => parts[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(`there is no part ${unknown.join(", ")}; parts: ${Object.keys(parts).join(", ")}\n`);
  process.exit(2);
}
await setUpTemplate();
for (const [name, run] of Object.entries(parts)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stdout.write(`--- ${name}\n`);
  await run();
}
process.exit(verdict.holds() ? 0 : 1);
