/** `cosell simulator`: AWS Partner Central alone on this machine, with its own ledger, for any client that speaks the API. */
import { resolve } from "node:path";
import { serve } from "@hono/node-server";
import { createAwsSimulator, simulatedCredential } from "../../adapters/aws/simulator/index.ts";
import { createShiftableClock } from "../clock.ts";
import { createIds } from "../ids.ts";
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
  summary: "Run a simulated AWS Partner Central on this machine",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Speaks the wire protocol of the Partner Central Selling API to any client: the vendor's SDKs, the AWS command line, cosell.
Its reviewers work by themselves over real days (--reviewer seeded), or only when told through the controls under /control.
Its ledger is a file and survives restarts. It listens on this machine only.`,
  flags: [
    textFlag("port", "number", "default 4566; 0 takes a free one"),
    textFlag("state", "file.jsonl", "its ledger; default .data/aws-simulator.jsonl"),
    textFlag("seed", "text", "makes reviewers and delays the same in every run; default cosell"),
    textFlag("reviewer", "seeded|manual", "default seeded"),
    textFlag("destination", "address", "where events are delivered, as an EventBridge API destination"),
    textFlag("header", "name", "header in which the deliveries carry the key; default x-cosell-key"),
    textFlag("key", "text", "the key; make it with cosell connections hook-keys"),
  ],
  examples: [
    "cosell simulator",
    "cosell simulator --port 4566 --reviewer manual --state aws.jsonl",
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
  const data = typed.text("data") ?? shell.environment.COSELL_DATA ?? ".data";
  return {
    port: Number(port),
    state: resolve(typed.text("state") ?? `${data}/aws-simulator.jsonl`),
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
  const state = await openStateFile(wanted.state);
  const clock = createShiftableClock();
  const deliver = (request: Request): Promise<Response> =>
    fetch(request, { redirect: "manual", signal: AbortSignal.timeout(deliveryMsMax) });
  const simulator = createAwsSimulator(
    { clock, ids: createIds(clock), state, deliver },
    { seed: wanted.seed, reviewer: wanted.reviewer, basePath: "", advance: (to) => clock.advanceTo(to) },
  );
  try {
    if (wanted.destination !== null) await putDestination(simulator.control, wanted.destination);
    const server = await listen(wanted.port, (request) => {
      const url = new URL(request.url);
      if (url.pathname !== "/control" && !url.pathname.startsWith("/control/")) return simulator.fetch(request);
      url.pathname = url.pathname.slice("/control".length) || "/";
      return simulator.control(new Request(url, request));
    });
    const endpoint = `http://${host}:${server.port}`;
    const facts = welcome(endpoint, wanted);
    await shell.write(typed.on("json") ? `${JSON.stringify(facts.json)}\n` : facts.text);
    await live(shell, simulator);
    await server.close();
    return { exitCode: exitCodes.ok, text: "", json: { ...facts.json, stopped: true } };
  } finally {
    await state.close();
  }
};

type Simulated = ReturnType<typeof createAwsSimulator>;

/** Does what is due, then waits for the next due time, at most a second: a request may have scheduled something sooner. */
const live = async (shell: Shell, simulator: Simulated): Promise<void> => {
  while (!shell.stopped.aborted) {
    await simulator.tick();
    const due = simulator.nextDueAt();
    const waitMs = due === null ? pauseMsMax : due.getTime() - shell.now().getTime();
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
  control: Simulated["control"],
  destination: NonNullable<Wanted["destination"]>,
): Promise<void> => {
  const answer = await control(
    new Request("http://simulator.invalid/destinations", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(destination),
    }),
  );
  if (!answer.ok) throw new Failure(`the simulator refused the destination: ${await answer.text()}`);
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

const welcome = (endpoint: string, wanted: Wanted) => {
  const { account, accessKeyId, secretAccessKey } = simulatedCredential;
  const connect = `cosell connect aws --label "AWS simulator" --environment simulated --account ${account} --endpoint ${endpoint} --access-key-id ${accessKeyId} --secret-access-key ${secretAccessKey} --solution S-0000001`;
  return {
    json: {
      endpoint,
      control: `${endpoint}/control`,
      account,
      accessKeyId,
      secretAccessKey,
      state: wanted.state,
      connect,
    },
    text: `
AWS Partner Central, simulated, listens on ${endpoint}

  controls           ${endpoint}/control
  account            ${account}
  access key id      ${accessKeyId}
  secret access key  ${secretAccessKey}
  region             us-east-1
  ledger             ${wanted.state}
  events go to       ${wanted.destination === null ? "nobody; see --destination" : wanted.destination.url}

  Connect:  ${connect}

`,
  };
};
