/** `cosell runner`: the workflow runner as a server of its own, with the interface of an Inngest server, for a service in server mode. */
import { join, resolve } from "node:path";
import { signingKeyPattern } from "../../workflows/runner/signature.ts";
import type { Arguments } from "./arguments.ts";
import { type Command, type Shell, textFlag } from "./command.ts";
import { usageFailure } from "./failure.ts";

const servePath = "/api/inngest";

export const runnerCommand: Command = {
  name: "runner",
  summary: "Run the workflows of a service in server mode, as an Inngest server would",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Takes events at /e/<event key> and registrations at /fn/register, calls the service's /api/inngest with signed requests, tells
about runs at /v1/runs/<id> and /v1/events/<id>/runs, cancels them by DELETE /v1/runs/<id>, and answers GET /health.
It keeps events, runs and timers in a directory of its own or in PostgreSQL, so that it goes on where it was when it was killed; on
PostgreSQL, also in the service's own database, several runners share the work. Start the service with INNGEST_MODE=server
and the settings that this command prints.`,
  flags: [
    textFlag("target", "address", "the service to drive; default: whichever registers with the signing key"),
    textFlag("port", "number", "default 8288, as Inngest; 0 takes a free one"),
    textFlag("host", "address", "default 127.0.0.1"),
    textFlag("event-key", "text", "default INNGEST_EVENT_KEY; made on first use when it listens on this machine only"),
    textFlag("signing-key", "hex", "default INNGEST_SIGNING_KEY; made likewise"),
    textFlag("parallel", "number", "calls of the service in flight at once, 1 to 100; default 8"),
  ],
  examples: [
    "cosell runner --target http://127.0.0.1:3000",
    "cosell runner --port 8288 --data /var/lib/cosell-runner --event-key … --signing-key …",
    "cosell runner --target https://cosell.example --host 0.0.0.0 --parallel 20",
  ],
  run: async (shell, typed) => {
    const wanted = readWanted(shell, typed);
    const { runRunner } = await import("./runner-process.ts");
    return runRunner(shell, wanted, typed.on("json"));
  },
};

export interface Wanted {
  readonly target: string | null;
  readonly host: string;
  readonly port: number;
  readonly parallel: number;
  readonly retentionDays: number;
  /** Its own directory: the embedded database, and the keys that it made. */
  readonly directory: string;
  readonly databaseUrl: string | null;
  readonly eventKey: string | null;
  readonly signingKey: string | null;
  readonly signingKeyFallback: string | null;
}

const readWanted = (shell: Shell, typed: Arguments): Wanted => {
  const setting = (name: string): string | undefined => shell.environment[name] || undefined;
  const data = typed.text("data");
  const host = typed.text("host") ?? "127.0.0.1";
  const eventKey = typed.text("event-key") ?? setting("INNGEST_EVENT_KEY") ?? null;
  const signingKey = typed.text("signing-key") ?? setting("INNGEST_SIGNING_KEY") ?? null;
  const signingKeyFallback = setting("INNGEST_SIGNING_KEY_FALLBACK") ?? null;
  for (const key of [signingKey, signingKeyFallback]) {
    if (key !== null && !signingKeyPattern.test(key))
      throw usageFailure(
        "a signing key is no even number of hexadecimal digits",
        "make one with: openssl rand -hex 32",
      );
  }
  if ((eventKey === null || signingKey === null) && !isLoopback(host))
    throw usageFailure(
      `a runner that listens on ${host} needs keys of yours`,
      "give --event-key and --signing-key, or INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY; make each with: openssl rand -hex 32",
    );
  const target = typed.text("target");
  return {
    ...{ host, eventKey, signingKey, signingKeyFallback },
    target: target === undefined ? null : readTarget(target),
    port: numberOf(typed, "port", { least: 0, most: 65_535, otherwise: 8288 }),
    parallel: numberOf(typed, "parallel", { least: 1, most: 100, otherwise: 8 }),
    retentionDays: Number(setting("COSELL_RETENTION_DAYS") ?? "90") || 90,
    directory: resolve(data ?? join(setting("COSELL_DATA") ?? ".data", "runner")),
    databaseUrl: data === undefined ? (setting("DATABASE_URL") ?? null) : null,
  };
};

const isLoopback = (host: string): boolean => /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/.test(host);

/** The address of the serve handler; an address without a path means the path that the service has it at. */
const readTarget = (given: string): string => {
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol))
    throw usageFailure(`--target ${given} is no address`, "write it as http://127.0.0.1:3000");
  const url = new URL(given);
  if (url.pathname === "/") url.pathname = servePath;
  return url.href;
};

const numberOf = (
  typed: Arguments,
  name: string,
  { least, most, otherwise }: { readonly least: number; readonly most: number; readonly otherwise: number },
): number => {
  const given = typed.text(name);
  if (given === undefined) return otherwise;
  if (!/^\d{1,5}$/.test(given) || Number(given) < least || Number(given) > most)
    throw usageFailure(`--${name} ${given} is not possible`, `give ${least} to ${most}`);
  return Number(given);
};
