/**
 * The Worker as `wrangler dev` runs it, end to end on this machine: a fresh PostgreSQL database behind Hyperdrive's local connection
 * string, `cosell runner` as the workflow server, `cosell simulator` as AWS. A deal travels to AWS and AWS's answer back.
 * `npm run test:wrangler`; TEST_DATABASE_URL names another PostgreSQL server.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { serve } from "@hono/node-server";
import postgres from "postgres";
import { Webhook } from "standardwebhooks";
import { simulatedAws } from "../adapters/aws/simulator/cloud.ts";
import { freePort } from "../src/node.ts";
import { awsDeal } from "./deals.ts";

const secondsMax = 150;
const began = performance.now();
const tell = (text: string): void =>
  void process.stdout.write(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)} s  ${text}\n`);
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const root = join(import.meta.dirname, "..");
const server = process.env.TEST_DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/test";
const database = `cosell_wrangler_${process.pid}`;
/** Hyperdrive wants a password; a server that trusts this machine does not look at it. */
const { password } = new URL(server);
const databaseUrl = Object.assign(new URL(server), { pathname: `/${database}`, password: password || "any" }).href;
const directory = mkdtempSync(join(tmpdir(), "cosell-wrangler-"));
const workerUrl = `http://127.0.0.1:${await freePort("127.0.0.1")}`;
const eventKey = randomBytes(16).toString("hex");
const signingKey = `signkey-test-${randomBytes(32).toString("hex")}`;
const key = randomBytes(32).toString("base64");

/** What every process gets from this one: nothing of the developer's own settings. */
const bare = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(COSELL|INNGEST|DATABASE)_/.test(name)),
);

interface Program {
  readonly firstLine: Promise<string>;
  readonly stop: () => Promise<void>;
}
const programs: Program[] = [];

/** Starts a program in a process group of its own, so that what it starts ends with it. Its words are kept for the case of failure. */
const start = (name: string, words: readonly string[], environment: Readonly<Record<string, string>>): Program => {
  const child: ChildProcess = spawn(process.execPath, [...words], {
    cwd: root,
    env: { ...bare, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  const firstLine = new Promise<string>((told, failed) => {
    exited.then(() => failed(new Error(`${name} ended before it said anything`)));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        said.push(`${name}: ${line}`);
        if (stream === child.stdout && line !== "") told(line);
      });
    }
  });
  firstLine.catch(() => {});
  const signal = (which: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, which);
    } catch {
      // It is gone already.
    }
  };
  const program = {
    firstLine,
    stop: async () => {
      signal("SIGTERM");
      await Promise.race([exited, sleep(5_000)]);
      signal("SIGKILL");
    },
  };
  programs.push(program);
  return program;
};
const said: string[] = [];

const cosell = join(root, "dist/cli.mjs");
const once = async (words: readonly string[], environment: Readonly<Record<string, string>>): Promise<string> =>
  start(`cosell ${words[0]}`, [cosell, ...words], { COSELL_DATA: join(directory, "data"), ...environment }).firstLine;

interface Asked {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many routes.
  readonly body: any;
}
let token = "";
const ask = async (method: string, address: string, body?: unknown): Promise<Asked> => {
  const response = await fetch(address.startsWith("/") ? `${workerUrl}${address}` : address, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    signal: AbortSignal.timeout(30_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
};
const must = async (method: string, address: string, body?: unknown): Promise<Asked["body"]> => {
  const answer = await ask(method, address, body);
  if (answer.status >= 300)
    throw new Error(`${method} ${address} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
};
const expect = (holds: boolean, what: string, seen: unknown): void => {
  if (!holds) throw new Error(`${what}, but: ${JSON.stringify(seen)}`);
  tell(what);
};
const until = async <T>(what: string, look: () => Promise<T | null>): Promise<T> => {
  for (let last: unknown = null; ; await sleep(200)) {
    const found = await look().catch((error: unknown) => {
      last = error;
      return null;
    });
    if (found !== null) return found;
    if (performance.now() - began > secondsMax * 1_000) throw new Error(`${what}: not within ${secondsMax} s; ${last}`);
  }
};

const asAdministrator = async (statement: string): Promise<void> => {
  const sql = postgres(server, { max: 1, onnotice: () => {} });
  await sql.unsafe(statement).finally(() => sql.end());
};

const startWorker = (runnerUrl: string): void => {
  const settings = {
    COSELL_KEY: key,
    COSELL_PUBLIC_URL: workerUrl,
    COSELL_WEBHOOK_ALLOW: "127.0.0.1/32",
    INNGEST_MODE: "server",
    INNGEST_BASE_URL: runnerUrl,
    INNGEST_EVENT_KEY: eventKey,
    INNGEST_SIGNING_KEY: signingKey,
  };
  const file = join(directory, "worker.env");
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
    { mode: 0o600 },
  );
  const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
  const { port } = new URL(workerUrl);
  start(
    "wrangler",
    [
      wrangler,
      "dev",
      "--ip",
      "127.0.0.1",
      "--port",
      port,
      "--inspector-port",
      "0",
      "--env-file",
      file,
      "--persist-to",
      directory,
      "--show-interactive-dev-session=false",
    ],
    {
      CI: "1",
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_LOG_PATH: directory,
      CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB: databaseUrl,
    },
  );
};

/** The Worker says what is missing until a person migrates; then it works. */
const becomeReady = async (): Promise<void> => {
  const before = await until("the Worker answers", () => ask("GET", "/readyz"));
  expect(
    before.status === 503 && JSON.stringify(before.body).includes("cosell migrate"),
    "the Worker on an empty database names the migrations and the command",
    before,
  );
  expect((await ask("GET", "/v1/connections")).status === 503, "and refuses every route until then", null);
  const migrated = JSON.parse(await once(["migrate", "--json"], { DATABASE_URL: databaseUrl }));
  expect(migrated.applied.length > 0, `cosell migrate applied ${migrated.applied.join(", ")}`, migrated);
  await until("the Worker is ready", async () => ((await ask("GET", "/readyz")).status === 200 ? true : null));
  tell("the Worker is ready");
};

const connect = async (endpoint: string): Promise<string> => {
  const base = simulatedAws.connection(endpoint);
  const { endpoint: _, ...without } = base.settings as Readonly<Record<string, unknown>>;
  const homeless = await ask("POST", "/v1/connections", { ...base, settings: without });
  expect(
    homeless.status === 422 && JSON.stringify(homeless.body).includes("npx cosell simulator"),
    "a simulated connection without an address is refused with the remedy",
    homeless,
  );
  const byProfile = { ...base.settings, credentials: { profile: "default" } };
  const refused = await ask("POST", "/v1/connections", { ...base, settings: byProfile, secrets: {} });
  expect(
    refused.status === 422 && JSON.stringify(refused.body).includes("profile or role need Node"),
    "credentials by profile are refused by name",
    refused,
  );
  const { connection } = await must("POST", "/v1/connections", base);
  tell("connected, after a look at the simulator with the SDK inside workerd");
  const hook = await must("POST", `/v1/connections/${connection.id}/hook-keys`);
  await must("PUT", `${endpoint}/control/destinations`, {
    url: hook.url,
    headerName: hook.headerName,
    headerValue: hook.secret,
    account: base.account,
    catalog: "AWS",
  });
  return connection.id;
};

/** An endpoint of ours hears what happens to shares, signed. Returns a look at the events that came and verified. */
const listenForWebhooks = async (): Promise<() => readonly string[]> => {
  const heard: string[] = [];
  let verifier: Webhook | null = null;
  const receiver = serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      if (verifier === null) return new Response(null, { status: 503 });
      const told = verifier.verify(await request.text(), Object.fromEntries(request.headers));
      heard.push((told as { readonly type: string }).type);
      return new Response(null, { status: 204 });
    },
  });
  await new Promise<void>((listening) => receiver.once("listening", () => listening()));
  const address = receiver.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const made = await must("POST", "/v1/webhooks", { url: `http://127.0.0.1:${port}/heard`, events: ["share.*"] });
  verifier = new Webhook(made.secret);
  return () => heard;
};

const travel = async (connectionId: string, endpoint: string): Promise<void> => {
  const deal = await must("POST", "/v1/opportunities", awsDeal("wrangler-1"));
  const { share } = await must("POST", `/v1/opportunities/${deal.id}/shares`, { connectionId });
  tell(`a deal is imported and shared: ${share.id}`);
  const reached = async (...states: readonly string[]): Promise<string> => {
    let last = "";
    return until(`the share is ${states.join(" or ")}`, async () => {
      const { state } = await must("GET", `/v1/shares/${share.id}`);
      if (state !== last) tell(`the share is ${state}`);
      last = state;
      return states.includes(state) ? state : null;
    });
  };
  await reached("submitted");
  const { opportunities } = await must("GET", `${endpoint}/control/ledger`);
  expect(opportunities.length === 1, `AWS holds one opportunity, ${opportunities[0]?.id}`, opportunities);
  await must("POST", `${endpoint}/control/approve`, { id: opportunities[0]?.id });
  tell("AWS approves; its event goes to the Worker's webhook");
  await reached("accepted");
};

/** What a reader and a stranger meet, and the cron. */
const visit = async (connectionId: string): Promise<void> => {
  const cron = await ask("GET", "/cdn-cgi/local/scheduled");
  expect(cron.status === 200, "the cron runs", cron);
  const refused = await ask("POST", "/api/inngest?fnId=cosell-push&stepId=step", {});
  expect(refused.status === 401, "an unsigned call of a workflow is refused", refused);
  const times: number[] = [];
  for (let index = 0; index < 20; index++) {
    const at = performance.now();
    await must("GET", `/v1/shares?connection=${connectionId}`);
    times.push(performance.now() - at);
  }
  times.sort((a, b) => a - b);
  tell(
    `20 lists of shares: median ${times[10]?.toFixed(0)} ms, slowest ${times.at(-1)?.toFixed(0)} ms, each with its own database client`,
  );
};

const trial = async (): Promise<void> => {
  await asAdministrator(`create database ${database}`);
  const simulator = start(
    "simulator",
    [cosell, "simulator", "--port", "0", "--json", "--reviewer", "manual", "--state", join(directory, "simulators")],
    {},
  );
  const { endpoint } = JSON.parse(await simulator.firstLine).clouds.aws;
  await must("PUT", `${endpoint}/control/settings`, { timing: { taskSeconds: [0.2, 1], eventSeconds: [0.1, 0.5] } });
  const keys = { INNGEST_EVENT_KEY: eventKey, INNGEST_SIGNING_KEY: signingKey };
  const runner = start(
    "runner",
    [cosell, "runner", "--target", workerUrl, "--port", "0", "--json", "--data", join(directory, "runner")],
    keys,
  );
  const { url } = JSON.parse(await runner.firstLine);
  tell(`simulator at ${endpoint}, runner at ${url}`);
  startWorker(url);
  await becomeReady();
  const made = JSON.parse(
    await once(["keys", "create", "trial", "--scope", "read", "--scope", "write", "--scope", "admin", "--json"], {
      ...keys,
      DATABASE_URL: databaseUrl,
      COSELL_KEY: key,
      INNGEST_MODE: "server",
      INNGEST_BASE_URL: url,
    }),
  );
  token = made.secret;
  const connectionId = await connect(endpoint);
  const heard = await listenForWebhooks();
  await travel(connectionId, endpoint);
  await until("our webhooks tell it", async () => (heard().includes("share.accepted") ? true : null));
  tell(`our own webhook endpoint heard, signed: ${heard().join(", ")}`);
  await visit(connectionId);
  const uncaught = said.filter((line) => line.startsWith("wrangler:") && /uncaught|hung|different request/i.test(line));
  expect(
    uncaught.length === 0,
    "workerd saw no uncaught error, no hung request and nothing used across requests",
    uncaught,
  );
};

/** Whatever hangs, and whoever interrupts: what was started is stopped. */
const stopped = new Promise<never>((_, reject) => {
  setTimeout(() => reject(new Error(`not done within ${secondsMax + 30} s`)), (secondsMax + 30) * 1_000).unref();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => reject(new Error(signal)));
});

let failure: unknown = null;
try {
  await Promise.race([trial(), stopped]);
} catch (error) {
  failure = error;
} finally {
  await Promise.all(programs.map((program) => program.stop()));
  await asAdministrator(`drop database if exists ${database} with (force)`).catch(() => {});
  rmSync(directory, { recursive: true, force: true });
}
if (failure !== null) {
  for (const line of said.slice(-120)) process.stderr.write(`${line}\n`);
  tell(`FAILED: ${failure instanceof Error ? failure.message : String(failure)}`);
}
process.exit(failure === null ? 0 : 1);
