/**
 * What `kill-driver.ts` kills, and what judges it. The driver's process holds the simulators and is never killed: they hold the
 * truth. The service is a child process, which ends itself at a named point or is ended at any instant, and is started again.
 * Both live by one clock, which may run faster than the machine's: a marketplace takes minutes where a test has seconds.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { serve } from "@hono/node-server";
import { createMemoryState } from "../adapters/aws/simulator/index.ts";
import { answerAsSimulator } from "../src/cli/simulator.ts";
import type { JsonObject, MarketplaceId } from "../src/domain/deal.ts";
import { createIds } from "../src/ids.ts";
import { freePort } from "../src/node.ts";
import { connectSimulators, createSimulators } from "../src/simulation.ts";
import { createFastClock } from "./fast-clock.ts";

const host = "127.0.0.1";
const tickMs = 20;
const deliveryMsMax = 5_000;
/** A point of a round that is not reached by then will not be. */
const reachMsMax = 6_000;
const busyTriesMax = 20;
const startsMax = 5;

export type KillRig = Awaited<ReturnType<typeof openKillRig>>;

/** `speed`: seconds of the clock in a second. */
export const openKillRig = async (at: { readonly cloud: MarketplaceId; readonly speed: number }) => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-kill-"));
  const beginMs = Date.now();
  const clock = createFastClock(beginMs, at.speed);
  const servicePort = await freePort(host);
  const publicUrl = `http://${host}:${servicePort}`;
  const states = new Map<MarketplaceId, ReturnType<typeof createMemoryState>>();
  const simulators = createSimulators(
    {
      clock,
      ids: createIds(clock),
      stateOf: (id) => states.get(id) ?? states.set(id, createMemoryState()).get(id) ?? createMemoryState(),
      // Whatever is on its way to a dead service comes again, as at the vendors.
      deliver: (request) => fetch(request, { redirect: "manual", signal: AbortSignal.timeout(deliveryMsMax) }),
    },
    { seed: "kill", reviewer: "manual", clouds: [at.cloud], basePathOf: (id) => `/${id}` },
  );
  const simulator = simulators[at.cloud];
  if (simulator === undefined) throw new Error(`${at.cloud} cannot be simulated`);
  const server = serve({ fetch: (request) => answerAsSimulator(simulators, request), port: 0, hostname: host });
  await new Promise((listening) => server.once("listening", listening));
  const address = server.address();
  const endpoint = `http://${host}:${typeof address === "object" && address !== null ? address.port : 0}/${at.cloud}`;
  let isTicking = true;
  const ticking = (async () => {
    while (isTicking) {
      await simulator.tick();
      await sleep(tickMs);
    }
  })();

  let token = "";
  let running: Child | null = null;
  /** Starts the service. One that dies at its start without being told to, as it may on a loaded machine, is started again. */
  const start = async (killAt: string | null): Promise<void> => {
    for (let tries = 0; tries < startsMax; tries++) {
      running = spawnChild({
        ...{ PORT: String(servicePort), COSELL_DATA: join(directory, "data"), KILL_CLOCK: `${beginMs}:${at.speed}` },
        ...(killAt === null ? {} : { KILL_AT: killAt }),
      });
      const line = await Promise.race([running.firstLine, running.exited.then(() => "")]);
      if (line.startsWith("ready ")) token = line.slice("ready ".length);
      if (line !== "" || killAt !== null) return;
    }
    throw new Error(`the service did not start in ${startsMax} tries`);
  };
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    running?.process.kill(signal);
    await running?.exited;
  };
  interface Sent {
    readonly type: string;
    readonly body: string | null;
  }
  const send = (method: string, path: string, { type, body }: Sent): Promise<Response> =>
    fetch(`${publicUrl}${path}`, {
      ...{ method, body, signal: AbortSignal.timeout(10_000) },
      headers: { authorization: `Bearer ${token}`, "content-type": type },
    });
  const asked = async <T>(method: string, path: string, sent: Sent): Promise<T> => {
    let response = await send(method, path, sent);
    // A loaded machine is slow, not wrong: nothing was changed, and whoever asks is told to come back.
    for (let tries = 1; response.status === 503 && tries < busyTriesMax; tries++) {
      await sleep(500);
      response = await send(method, path, sent);
    }
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  const call = <T>(method: string, path: string, body?: unknown): Promise<T> =>
    asked(method, path, { type: "application/json", body: body === undefined ? null : JSON.stringify(body) });
  const sendFile = <T>(path: string, body: string): Promise<T> => asked("POST", path, { type: "text/plain", body });
  const control = async <T>(method: string, path: string, body?: JsonObject): Promise<T> => {
    const headers = { "content-type": "application/json" };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await simulator.control(new Request(`http://simulator.invalid${path}`, init));
    if (!response.ok)
      throw new Error(`control ${method} ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };

  await start(null);
  await connectSimulators({ service: { app: { fetch } }, token, simulators, publicUrl, endpointOf: () => endpoint });
  const { items } = await call<{ items: readonly { readonly id: string }[] }>("GET", "/v1/connections");
  await end("SIGTERM");

  return {
    ...{ cloud: at.cloud, clock, call, sendFile, control, start, connectionId: items[0]?.id ?? "" },
    stop: () => end("SIGTERM"),
    /** Waits for the service to end itself, or ends it after `afterMs`. Tells whether it died before anybody gave up on it. */
    kill: async (afterMs: number | null): Promise<boolean> => {
      if (afterMs !== null) {
        await sleep(afterMs);
        await end("SIGKILL");
        return true;
      }
      const ended = running?.exited.then(() => true) ?? Promise.resolve(true);
      const isDead = await Promise.race([ended, sleep(reachMsMax).then(() => false)]);
      await end("SIGKILL");
      return isDead;
    },
    close: async (): Promise<void> => {
      await end("SIGKILL");
      isTicking = false;
      await ticking;
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

interface Child {
  readonly process: ChildProcess;
  readonly exited: Promise<void>;
  readonly firstLine: Promise<string>;
}
const spawnChild = (environment: Readonly<Record<string, string>>): Child => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "kill-child.mjs")], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  const lines = createInterface({ input: child.stdout });
  const firstLine = new Promise<string>((told) => lines.once("line", told));
  lines.on("line", () => {});
  return { process: child, exited, firstLine };
};

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
