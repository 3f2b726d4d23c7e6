/**
 * kill -9 at many points of a push. Process A is the simulator: never killed, it holds the truth. Process B is the service:
 * killed at named points and at random instants, then started again. This driver compares what both hold.
 * `npm run test:kill -- --kills 100 [--seed n]`; prints what to type to replay a failing round.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { simulatedAws } from "../adapters/aws/simulator/cloud.ts";
import { freePort } from "../src/node.ts";
import { awsDeal } from "./deals.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});
const kills = Number(values.kills);
const recoverySecondsMax = 60;
const points = [
  "push.begun:1",
  "effect.intended:1",
  "effect.marked:1",
  "effect.answered:1",
  "effect.recorded:1",
  "push.settled:1",
  "effect.intended:2",
  "effect.marked:2",
  "effect.answered:2",
  "effect.recorded:2",
  "push.settled:2",
  "effect.intended:3",
  "effect.marked:3",
  "effect.answered:3",
  "effect.recorded:3",
  "push.settled:3",
  "effect.intended:4",
  "look.answered:1",
  "look.absorbed:1",
  "outbox.read:1",
  "outbox.handed:1",
  "outbox.read:2",
  "outbox.handed:2",
  "outbox.handed:3",
  "outbox.handed:4",
];

let state = Number(values.seed) >>> 0;
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};

interface Child {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  readonly firstLine: Promise<string>;
}
const start = (file: string, args: readonly string[], environment: Readonly<Record<string, string>>): Child => {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  const lines = createInterface({ input: child.stdout });
  const firstLine = new Promise<string>((told) => lines.once("line", told));
  lines.on("line", () => {});
  return { process: child, exited, firstLine };
};
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const directory = mkdtempSync(join(tmpdir(), "cosell-kill-"));
const simulatorPort = await freePort("127.0.0.1");
const servicePort = await freePort("127.0.0.1");
const endpoint = `http://127.0.0.1:${simulatorPort}/aws`;
const service = `http://127.0.0.1:${servicePort}`;
const environment = { PORT: String(servicePort), COSELL_DATA: join(directory, "data") };
let token = "";

const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const response = await fetch(`${service}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
};
const control = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const response = await fetch(`${endpoint}/control${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`control ${method} ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
};
const startService = async (killAt: string | null): Promise<Child> => {
  const child = start("kill-child.mjs", [], { ...environment, ...(killAt === null ? {} : { KILL_AT: killAt }) });
  const line = await Promise.race([child.firstLine, child.exited.then(() => "")]);
  if (line.startsWith("ready ")) token = line.slice("ready ".length);
  return child;
};

interface Ledger {
  readonly opportunities: readonly {
    readonly id: string;
    readonly document: { readonly PartnerOpportunityIdentifier?: string };
  }[];
}
const problems: string[] = [];
const recoveries: number[] = [];
let died = 0;

const simulator = start(
  "cli.mjs",
  [
    "simulator",
    "--port",
    String(simulatorPort),
    "--state",
    join(directory, "simulators"),
    "--seed",
    "kill",
    "--reviewer",
    "manual",
  ],
  {},
);
await Promise.race([simulator.firstLine, sleep(3_000)]);
for (let tries = 0; tries < 100; tries++) {
  if (
    await fetch(`${endpoint}/control/settings`).then(
      (response) => response.ok,
      () => false,
    )
  )
    break;
  await sleep(100);
}
await control("PUT", "/settings", {
  quotas: {
    writesPerSecond: 1_000,
    readsPerSecond: 1_000,
    writesBurst: 1_000,
    readsBurst: 1_000,
    writesPerDay: 1_000_000,
    readsPerDay: 1_000_000,
  },
  timing: { taskSeconds: [0.1, 0.6], eventSeconds: [0.05, 0.3] },
});

let running = await startService(null);
const { connection } = await call<{ connection: { id: string } }>(
  "POST",
  "/v1/connections",
  simulatedAws.connection(endpoint),
);
const hook = await call<{ url: string; headerName: string; secret: string }>(
  "POST",
  `/v1/connections/${connection.id}/hook-keys`,
);
await control("PUT", "/destinations", {
  url: hook.url,
  headerName: hook.headerName,
  headerValue: hook.secret,
  account: "111122223333",
  catalog: "AWS",
});
running.process.kill("SIGTERM");
await running.exited;

const round = async (index: number): Promise<void> => {
  const key = `kill-${values.seed}-${index}`;
  const killAt = values.only ?? (index % 2 === 0 ? (points[(index / 2) % points.length] ?? null) : null);
  const afterMs = Math.floor(random() * 1_500);
  const label = killAt ?? `random instant, ${afterMs} ms`;
  running = await startService(killAt);
  const deal = await call<{ id: string }>("POST", "/v1/opportunities", awsDeal(key)).catch(() => null);
  if (deal !== null)
    await call("POST", `/v1/opportunities/${deal.id}/shares`, { connectionId: connection.id }).catch(() => null);
  if (killAt === null) {
    await sleep(afterMs);
    running.process.kill("SIGKILL");
  }
  const dead = await Promise.race([running.exited.then(() => true), sleep(6_000).then(() => false)]);
  if (dead) died++;
  else running.process.kill("SIGKILL");
  await running.exited;
  running = await startService(null);
  const began = Date.now();
  // What was not acknowledged may be asked again; what was, must not be made twice.
  const again = await call<{ id: string }>("POST", "/v1/opportunities", awsDeal(key));
  await call("POST", `/v1/opportunities/${again.id}/shares`, { connectionId: connection.id }).catch((error: Error) => {
    if (!error.message.includes("409")) throw error;
  });
  let shareState = "none";
  while (Date.now() - began < recoverySecondsMax * 1_000) {
    const shares = await call<{ items: readonly { state: string; id: string }[] }>(
      "GET",
      `/v1/shares?opportunity=${again.id}`,
    );
    shareState = shares.items[0]?.state ?? "none";
    if (shareState === "submitted") break;
    await sleep(100);
  }
  recoveries.push((Date.now() - began) / 1_000);
  const made = (await control<Ledger>("GET", "/ledger")).opportunities.filter(
    (row) => row.document.PartnerOpportunityIdentifier === key,
  ).length;
  if (shareState !== "submitted")
    problems.push(`round ${index} (${label}): the share is ${shareState} after ${recoverySecondsMax} s`);
  if (made !== 1) problems.push(`round ${index} (${label}): AWS holds ${made} opportunities`);
  running.process.kill("SIGTERM");
  await running.exited;
  process.stdout.write(
    `round ${index + 1}/${kills}  ${label}  ${dead ? "killed" : "point not reached"}  recovered in ${recoveries.at(-1)?.toFixed(1)} s  ${problems.length} problems\n`,
  );
};

try {
  for (let index = 0; index < kills; index++) await round(index);
} finally {
  running.process.kill("SIGKILL");
  simulator.process.kill("SIGTERM");
  await simulator.exited;
  rmSync(directory, { recursive: true, force: true });
}
const slowest = Math.max(...recoveries);
process.stdout.write(
  `\n${kills} rounds, ${died} kills: ${problems.length} problems; slowest recovery ${slowest.toFixed(1)} s (bound ${recoverySecondsMax} s)\n`,
);
for (const problem of problems)
  process.stdout.write(`${problem}\n  replay: npm run test:kill -- --kills ${kills} --seed ${values.seed}\n`);
process.exit(problems.length === 0 ? 0 : 1);
