/** A shell without a process: what a command writes is kept, and the API is whatever the test gives. */
import type { Api, Reached, Shell } from "../src/cli/command.ts";
import { commands } from "../src/cli/commands.ts";
import { run } from "../src/cli/run.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The last line of stdout as JSON. */
  readonly json: () => unknown;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly token: string | null;
}
export type Route = (call: Call) => { readonly status?: number; readonly body?: unknown } | undefined;

/** An API that answers by the first route that does, and remembers every call. */
export const fakeApi = (...routes: readonly Route[]): { readonly api: Api; readonly calls: Call[] } => {
  const calls: Call[] = [];
  const api: Api = async (request) => {
    const url = new URL(request.url);
    const text = await request.text();
    const call: Call = {
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: text === "" ? null : JSON.parse(text),
      token: request.headers.get("authorization"),
    };
    calls.push(call);
    for (const route of routes) {
      const answer = route(call);
      if (answer !== undefined)
        return new Response(JSON.stringify(answer.body ?? {}), { status: answer.status ?? 200 });
    }
    return new Response(JSON.stringify({ title: "There is nothing here", detail: call.path }), { status: 404 });
  };
  return { api, calls };
};

/** `GET path` → one page with these items. */
export const listRoute =
  (path: string, items: readonly unknown[]): Route =>
  (call) =>
    call.method === "GET" && call.path === path ? { body: { items, next: null } } : undefined;

export interface ShellOptions {
  readonly api?: Api;
  readonly token?: string;
  readonly settle?: Reached["settle"];
  readonly columns?: number;
  readonly interactive?: boolean;
  readonly answers?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stopped?: AbortSignal;
  /** Called with everything that goes to stdout. */
  readonly onWrite?: (text: string) => void;
}

const noOutput = { out: (_text: string): void => {}, err: (_text: string): void => {} };
const shellOf = (options: ShellOptions, to: typeof noOutput): Shell => {
  const answers = [...(options.answers ?? [])];
  return {
    environment: options.environment ?? {},
    columns: options.columns ?? 200,
    interactive: options.interactive ?? false,
    write: async (text) => {
      to.out(text);
      options.onWrite?.(text);
    },
    tell: (text) => to.err(`${text}\n`),
    progress: () => {},
    ask: async () => answers.shift() ?? "",
    reach: async () => ({
      api: options.api ?? fakeApi().api,
      token: options.token ?? "cosell_test",
      where: "the test's service",
      settle: options.settle ?? null,
      close: async () => {},
    }),
    now: () => new Date("2026-11-22T09:00:00Z"),
    sleep: async () => {},
    stopped: options.stopped ?? new AbortController().signal,
  };
};

/** A shell whose output nobody reads. */
export const quietShell = (): Shell => shellOf({}, noOutput);

/** Runs one command line. */
export const cosell = async (words: readonly string[], options: ShellOptions = {}): Promise<Ran> => {
  let out = "";
  let err = "";
  const shell = shellOf(options, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  const code = await run(shell, commands, words);
  return { code, out, err, json: () => JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") };
};
