// Builds the Worker as `wrangler deploy` would, and holds it to its bounds: size after gzip, what must not be in it, CPU at start.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

const root = join(import.meta.dirname, "..");
const outdir = join(root, "dist/worker");
const gzipBytesMax = 1_000_000;
/** Half of what the platform allows: https://developers.cloudflare.com/workers/platform/limits/#worker-startup-time */
const startMsMax = 500;
/** Other programs on the machine only ever add to a measurement: the least of so many counts. */
const startRuns = 3;
/** Sources that only Node can use, or that only rehearsals need. */
const forbidden =
  /pglite|store\/embedded|src\/node(?:-\w+)?\.ts|src\/cli(?:\/|\.ts)|node-server|credential-providers|adapters\/\w+\/simulator/;

const run = promisify(execFile);
const wrangler = async (...words) => {
  const { stdout, stderr } = await run(
    process.execPath,
    [join(root, "node_modules/wrangler/bin/wrangler.js"), ...words],
    {
      cwd: root,
      env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", NO_COLOR: "1" },
      timeout: 120_000,
    },
  );
  return stdout + stderr;
};

const problems = [];
rmSync(outdir, { recursive: true, force: true });
await wrangler("deploy", "--dry-run", "--outdir", outdir);
const uploaded = readdirSync(outdir).filter((name) => !/\.map$|^README\.md$/.test(name));
const gzipBytes = uploaded.reduce(
  (sum, name) => sum + gzipSync(readFileSync(join(outdir, name)), { level: 9 }).length,
  0,
);
process.stdout.write(`bundle: ${gzipBytes} bytes after gzip (bound ${gzipBytesMax}), ${uploaded.length} modules\n`);
if (gzipBytes > gzipBytesMax) problems.push("the bundle is too large");

const { sources } = JSON.parse(readFileSync(join(outdir, "worker.js.map"), "utf8"));
const strangers = sources.filter((source) => forbidden.test(source));
process.stdout.write(`sources: ${sources.length}, of which not for Workers: ${strangers.length}\n`);
if (sources.length < 100) problems.push("the source map names too few sources to judge by");
for (const source of strangers) problems.push(`${source} is in the bundle`);
if (/pglite\.(?:wasm|data)/.test(readFileSync(join(outdir, "worker.js"), "utf8")))
  problems.push("PGlite is in the bundle, whatever the source map says");

const starts = [];
while (starts.length < startRuns) {
  const told = await wrangler("check", "startup", "--outfile", join(root, "dist/worker-startup.cpuprofile"));
  const active = /Active: ([\d.]+) ms/.exec(told)?.[1];
  if (active === undefined) throw new Error(`wrangler check startup names no active time:\n${told}`);
  starts.push(Number(active));
}
const least = Math.min(...starts);
process.stdout.write(`start: ${least} ms of CPU (bound ${startMsMax}; runs: ${starts.join(", ")} ms)\n`);
if (least > startMsMax) problems.push("the Worker takes too long to start");

for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);
