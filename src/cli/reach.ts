/** Where the API is: at `--url`, at the service that owns the data directory, or opened in this process. One code path after that. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DirectoryOwnedError, findOwner, type Owner } from "../store/embedded.ts";
import type { Reached, Whereabouts } from "./command.ts";
import { Failure, usageFailure } from "./failure.ts";

const answerMsMax = 120_000;
/** A service that starts, or another command that works, has so long to listen or to end. */
const startMsMax = 15_000;
const startPauseMs = 250;

export interface ReachDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** Finds the service. Throws a `Failure` that says what to set when it cannot. */
export const reach = async (deps: ReachDeps, where: Whereabouts): Promise<Reached> => {
  const { environment } = deps;
  const url = where.url ?? (where.data === undefined ? present(environment.COSELL_URL) : undefined);
  if (url !== undefined) return reachUrl(url, present(environment.COSELL_API_KEY));
  const data = where.data ?? present(environment.COSELL_DATA) ?? ".data";
  if (present(environment.DATABASE_URL) === undefined) {
    const owner = await findListening(deps, data);
    if (owner !== null) return reachOwner(data, owner);
  }
  try {
    return await openHere(deps, data);
  } catch (error) {
    // Somebody took the directory between the look and the opening: their API is as good.
    const owner = error instanceof DirectoryOwnedError ? await findListening(deps, data) : null;
    if (owner === null) throw error;
    return reachOwner(data, owner);
  }
};

const present = (value: string | undefined): string | undefined => (value === "" ? undefined : value);

const reachUrl = (url: string, token: string | undefined): Reached => {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw usageFailure(`${url} is no address of a service`, "write it as https://cosell.example");
  if (token === undefined)
    throw usageFailure(`the service at ${url} wants an API key`, "set COSELL_API_KEY; cosell keys create makes one");
  return remote(url, token);
};

/** The owner of the directory; one that is just starting is waited for until it listens. */
const findListening = async (deps: ReachDeps, data: string): Promise<Owner | null> => {
  for (let waitedMs = 0; ; waitedMs += startPauseMs) {
    const owner = await findOwner(data);
    if (owner === null || owner.url !== null || waitedMs >= startMsMax) return owner;
    await deps.sleep(startPauseMs);
  }
};

const reachOwner = (data: string, owner: Owner): Reached => {
  if (owner.url === null)
    throw new Failure(
      `process ${owner.pid} is using the data directory ${resolve(data)} and serves no API: another command or demo`,
      {
        fix: "try again when it is done, or use --data <other directory>",
      },
    );
  const path = join(resolve(data), "local-token");
  if (!existsSync(path)) throw new Failure(`${path} is missing`, { fix: "restart the service: it makes a new one" });
  return remote(owner.url, readFileSync(path, "utf8").trim());
};

const remote = (base: string, token: string): Reached => ({
  api: (request) => {
    const { pathname, search } = new URL(request.url);
    const url = `${base.replace(/\/+$/, "")}${pathname}${search}`;
    const signal = AbortSignal.timeout(answerMsMax);
    return fetch(new Request(url, request), { signal, redirect: "error" });
  },
  token,
  where: base,
  settle: null,
  close: async () => {},
});

/** The same service, without a port: nothing runs on after the command but what `settle` waits for. */
const openHere = async (deps: ReachDeps, data: string): Promise<Reached> => {
  const { openLocal, readConfig } = await import("../node.ts");
  const config = readConfig({ ...deps.environment, COSELL_DATA: data });
  // A service in server mode may be a Worker, in which no simulator runs: it is given none by a command.
  const opened = await openLocal(config, { connect: config.INNGEST_MODE === "embedded" });
  const { service, simulators, publicUrl } = opened;
  const nextDueMs = async (): Promise<number> => {
    const dues = [
      await service.runner.nextDueAt(),
      ...Object.values(simulators).map((simulator) => simulator.nextDueAt()),
    ];
    return Math.min(...dues.map((due) => due?.getTime() ?? Number.POSITIVE_INFINITY));
  };
  return {
    api: async (request) => {
      const { pathname, search } = new URL(request.url);
      return opened.api(new Request(`${publicUrl}${pathname}${search}`, request));
    },
    token: opened.token,
    where: `the data directory ${resolve(data)}`,
    settle: async (waitMs) => {
      const endMs = Date.now() + waitMs;
      do {
        await opened.settle();
        const dueMs = await nextDueMs();
        if (dueMs > endMs) return;
        await deps.sleep(Math.max(10, dueMs - Date.now()));
      } while (Date.now() < endMs);
    },
    close: opened.close,
  };
};
