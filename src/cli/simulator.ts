/** `cosell simulator`: the marketplaces in small, alone on this machine, with ledgers of their own, for any client that speaks their APIs. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { serve } from "@hono/node-server";
import type { Simulator } from "../../adapters/contract.ts";
import { simulatedClouds } from "../../adapters/simulators.ts";
import { createShiftableClock } from "../clock.ts";
import { type MarketplaceId, partnerNames } from "../domain/deal.ts";
import { createIds } from "../ids.ts";
import { createSimulators, type Simulators } from "../simulation.ts";
import type { Arguments } from "./arguments.ts";
import { type Command, type Report, type Shell, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { openStateFile } from "./simulator-state.ts";

const host = "127.0.0.1";
const pauseMsMax = 1_000;
const pauseMsMin = 20;
const deliveryMsMax = 5_000;

export const simulatorCommand: Command = {
  name: "simulator",
  summary: "Run simulated marketplaces on this machine",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Speaks the wire protocol of each vendor to any client: the vendor's SDKs and tools, cosell. Each is below a path of its own (/aws, …)
with controls under /aws/control; they share one clock, which POST …/control/advance {"days": 7} moves for all. Reviewers work by
themselves over real days (--reviewer seeded), or only when told through the controls. Ledgers are files and survive restarts.
It listens on this machine only.`,
  flags: [
    textFlag("port", "number", "default 4566; 0 takes a free one"),
    textFlag("state", "directory", "where the ledgers are, one <cloud>-simulator.jsonl each; default .data"),
    textFlag("seed", "text", "makes reviewers and delays the same in every run; default cosell"),
    textFlag("reviewer", "seeded|manual", "default seeded"),
    textFlag("destination", "address", "where AWS's events are delivered, as an EventBridge API destination"),
    textFlag("header", "name", "header in which those deliveries carry the key; default x-cosell-key"),
    textFlag("key", "text", "the key; make it with cosell connections hook-keys"),
  ],
  examples: [
    "cosell simulator",
    "cosell simulator --port 4566 --reviewer manual --state simulators",
    "cosell simulator --destination http://127.0.0.1:3000/hooks/con_0199… --key 3f2a…",
  ],
  run: (shell, typed) => runSimulator(shell, typed),
};

interface Wanted {
  readonly port: number;
  readonly state: string;
  readonly seed: string;
  readonly reviewer: "seeded" | "manual";
  readonly destination: { readonly url: string; readonly headerName: string; readonly headerValue: string } | null;
}

const readWanted = (shell: Shell, typed: Arguments): Wanted => {
  const port = typed.text("port") ?? "4566";
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw usageFailure(`--port ${port} is no port`, "give 0 to 65535");
  const reviewer = typed.text("reviewer") ?? "seeded";
  if (reviewer !== "seeded" && reviewer !== "manual")
    throw usageFailure(`--reviewer ${reviewer} is unknown`, "use seeded or manual");
  const url = typed.text("destination");
  const key = typed.text("key");
  if ((url === undefined) !== (key === undefined))
    throw usageFailure("--destination and --key belong together", "cosell connections hook-keys tells both");
  if (url !== undefined && !/^https?:\/\//.test(url))
    throw usageFailure(`--destination ${url} is no address`, "begin it with http:// or https://");
  const state = resolve(typed.text("state") ?? shell.environment.COSELL_DATA ?? ".data");
  if (existsSync(state) && !statSync(state).isDirectory())
    throw usageFailure(
      `--state ${state} is a file`,
      "name a directory: each simulated cloud has a file of its own there",
    );
  return {
    port: Number(port),
    state,
    seed: typed.text("seed") ?? "cosell",
    reviewer,
    destination:
      url === undefined || key === undefined
        ? null
        : { url, headerName: typed.text("header") ?? "x-cosell-key", headerValue: key },
  };
};

const runSimulator = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const wanted = readWanted(shell, typed);
  const ledgers = await openLedgers(wanted.state);
  const clock = createShiftableClock();
  const simulators = createSimulators(
    {
      clock,
      ids: createIds(clock),
      stateOf: ledgers.of,
      deliver: (request) => fetch(request, { redirect: "manual", signal: AbortSignal.timeout(deliveryMsMax) }),
      advanceTo: clock.advanceTo,
    },
    { seed: wanted.seed, reviewer: wanted.reviewer, basePathOf: (id) => `/${id}` },
  );
  try {
    if (wanted.destination !== null) await putDestination(simulators, wanted.destination);
    const server = await listen(wanted.port, (request) => answerAsSimulator(simulators, request));
    const facts = welcome(`http://${host}:${server.port}`, wanted);
    await shell.write(typed.on("json") ? `${JSON.stringify(facts.json)}\n` : facts.text);
    await live(shell, Object.values(simulators));
    await server.close();
    return { exitCode: exitCodes.ok, text: "", json: { ...facts.json, stopped: true } };
  } finally {
    await ledgers.close();
  }
};

/** One file for each cloud; all of them or none. */
const openLedgers = async (directory: string) => {
  const files = new Map<MarketplaceId, Awaited<ReturnType<typeof openStateFile>>>();
  const close = async (): Promise<void> => {
    for (const file of files.values()) await file.close();
  };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const { id } of simulatedClouds) files.set(id, await openStateFile(ledgerPath(directory, id)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    close,
    of: (id: MarketplaceId) => {
      const file = files.get(id);
      if (file === undefined) throw new Error(`no ledger of ${id} is open`);
      return file;
    },
  };
};
const ledgerPath = (directory: string, id: MarketplaceId): string => join(directory, `${id}-simulator.jsonl`);

/** `/<cloud>/…` is the vendor's wire protocol, `/<cloud>/control/…` the controls. */
export const answerAsSimulator = async (simulators: Simulators, request: Request): Promise<Response> => {
  const url = new URL(request.url);
  const [, id = "", rest = ""] = /^\/([a-z]+)(\/.*)?$/.exec(url.pathname) ?? [];
  const simulator = Object.entries(simulators).find(([known]) => known === id)?.[1];
  if (simulator === undefined) {
    const paths = Object.keys(simulators).map((known) => `/${known}`);
    return Response.json({ error: `nothing is simulated here; look below ${paths.join(", ")}` }, { status: 404 });
  }
  const isControl = rest === "/control" || rest.startsWith("/control/");
  url.pathname = (isControl ? rest.slice("/control".length) : rest) || "/";
  const inner = new Request(url, request);
  if (isControl) return simulator.control(inner);
  await simulator.tick();
  return simulator.fetch(inner);
};

/** Does what is due, then waits for the next due time, at most a second: a request may have scheduled something sooner. */
const live = async (shell: Shell, simulators: readonly Simulator[]): Promise<void> => {
  while (!shell.stopped.aborted) {
    for (const simulator of simulators) await simulator.tick();
    const dues = simulators.map((simulator) => simulator.nextDueAt()?.getTime() ?? Number.POSITIVE_INFINITY);
    const waitMs = Math.min(...dues) - shell.now().getTime();
    await pause(Math.min(pauseMsMax, Math.max(pauseMsMin, waitMs)), shell.stopped);
  }
};
const pause = (ms: number, stopped: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      stopped.removeEventListener("abort", finish);
      done();
    }
    stopped.addEventListener("abort", finish, { once: true });
    if (stopped.aborted) finish();
  });

const putDestination = async (
  simulators: Simulators,
  destination: NonNullable<Wanted["destination"]>,
): Promise<void> => {
  const request = new Request("http://simulator.invalid/destinations", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(destination),
  });
  const answered = await simulators.aws?.control(request);
  if (answered?.ok !== true) throw new Failure(`the simulator refused the destination: ${await answered?.text()}`);
};

interface Listening {
  readonly port: number;
  readonly close: () => Promise<void>;
}
const listen = (port: number, handler: (request: Request) => Promise<Response>): Promise<Listening> =>
  new Promise((listening, failed) => {
    const server = serve({ fetch: handler, port, hostname: host }, (address) =>
      listening({
        port: address.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      }),
    );
    server.once("error", (error: Error) =>
      failed(
        new Failure(`cannot listen on ${host}:${port} (${error.message})`, { fix: "choose another port with --port" }),
      ),
    );
  });

const welcome = (address: string, wanted: Wanted) => {
  const clouds = simulatedClouds.map((cloud) => {
    const endpoint = `${address}/${cloud.id}`;
    return {
      id: cloud.id,
      endpoint,
      control: `${endpoint}/control`,
      signIn: cloud.signIn,
      ledger: ledgerPath(wanted.state, cloud.id),
      connect: cloud.connectCommand(endpoint),
    };
  });
  const line = (name: string, value: string): string => `  ${name.padEnd(18)} ${value}`;
  const told = clouds.map((cloud) =>
    [
      `${partnerNames[cloud.id]}, simulated, at ${cloud.endpoint}`,
      line("controls", cloud.control),
      ...Object.entries(cloud.signIn).map(([name, value]) => line(name, value)),
      line("ledger", cloud.ledger),
      ...(cloud.id === "aws" ? [line("events go to", wanted.destination?.url ?? "nobody; see --destination")] : []),
      `  Connect:  ${cloud.connect}`,
    ].join("\n"),
  );
  return {
    json: { address, clouds: Object.fromEntries(clouds.map(({ id, ...cloud }) => [id, cloud])) },
    text: `\n${told.join("\n\n")}\n\n`,
  };
};
