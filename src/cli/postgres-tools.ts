/** pg_dump and pg_restore as child processes. The address of the database reaches them by environment only, never by argument. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { Failure } from "./failure.ts";

export type Tool = "pg_dump" | "pg_restore";
const run = promisify(execFile);
const versionMsMax = 10_000;
const wordsMax = 2_000;

/** The parameters of a connection that libpq also takes from its environment. */
const parameters: Readonly<Record<string, string>> = {
  host: "PGHOST",
  port: "PGPORT",
  user: "PGUSER",
  password: "PGPASSWORD",
  dbname: "PGDATABASE",
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  channel_binding: "PGCHANNELBINDING",
  connect_timeout: "PGCONNECT_TIMEOUT",
  options: "PGOPTIONS",
};

/** DATABASE_URL as libpq's environment. https://www.postgresql.org/docs/current/libpq-envars.html */
export const libpqEnvironment = (databaseUrl: string): Readonly<Record<string, string>> => {
  if (!URL.canParse(databaseUrl))
    throw new Failure("DATABASE_URL is no address", { fix: "write it as postgres://user:password@host:5432/database" });
  const url = new URL(databaseUrl);
  const text = (value: string): string => decodeURIComponent(value);
  const given: Record<string, string> = {
    host: text(url.hostname).replace(/^\[(.*)\]$/, "$1"),
    port: url.port,
    user: text(url.username),
    password: text(url.password),
    dbname: text(url.pathname.slice(1)),
    ...Object.fromEntries(url.searchParams),
  };
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, variable]) => {
      const value = given[name];
      return value === undefined || value === "" ? [] : [[variable, value]];
    }),
  );
};

/** Checks that the tool is there and not older than the server. `serverVersion` is `server_version_num`. */
export const checkTool = async (tool: Tool, serverVersion: number, path: string | undefined): Promise<void> => {
  const major = Math.floor(serverVersion / 10_000);
  const fix = `install PostgreSQL's client programs of version ${major} or newer (Debian: apt install postgresql-client-${major}) and see that ${tool} is on the PATH`;
  let text: string;
  try {
    const environment = path === undefined ? {} : { PATH: path };
    ({ stdout: text } = await run(tool, ["--version"], { timeout: versionMsMax, env: environment }));
  } catch {
    throw new Failure(`${tool} is not installed here: PostgreSQL is backed up and restored with its own tools`, {
      fix,
    });
  }
  const own = Number(/(\d+)(?:\.\d+)*/.exec(text)?.[1] ?? "0");
  if (own < major) throw new Failure(`${tool} is of version ${own}; the server is of version ${major}`, { fix });
};

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when the tool ended well; a `Failure` with its own words otherwise. */
  readonly ended: Promise<void>;
}

/** Starts a tool. Its environment is the search path, the connection, and nothing else. */
export const startTool = (
  tool: Tool,
  words: readonly string[],
  connection: { readonly databaseUrl: string; readonly path: string | undefined },
): Running => {
  const environment = {
    ...(connection.path === undefined ? {} : { PATH: connection.path }),
    LC_ALL: "C",
    ...libpqEnvironment(connection.databaseUrl),
  };
  const child = spawn(tool, [...words], { env: environment, stdio: ["pipe", "pipe", "pipe"] });
  let told = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (told.length < wordsMax) told += chunk.toString("utf8");
  });
  const ended = new Promise<void>((done, failed) => {
    child.once("error", () => failed(new Failure(`${tool} could not be started`)));
    child.once("close", (code) => {
      if (code === 0) return done();
      const first = told.trim().split("\n").slice(0, 4).join("; ").slice(0, wordsMax);
      failed(new Failure(`${tool} ended with ${code ?? "a signal"}: ${first === "" ? "it said nothing" : first}`));
    });
  });
  ended.catch(() => {});
  return { child, ended };
};

/** Feeds a stream to a tool and waits for both. The tool's own words are told first: a broken pipe is only what follows. */
export const feed = async (source: Readable, running: Running): Promise<void> => {
  const { stdin } = running.child;
  if (stdin === null) throw new Failure("the tool takes no input");
  const fed = pipeline(source, stdin).then(
    () => null,
    (error: unknown) => error,
  );
  running.child.stdout?.resume();
  const broken = await fed;
  if (broken !== null && broken instanceof Failure) {
    running.child.kill();
    throw broken;
  }
  await running.ended;
  if (broken !== null) throw broken;
};
