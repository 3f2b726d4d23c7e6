/** What a command is: one row of the table from which parsing, help and `--json` follow. */
import type { Json } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import type { ExitCode } from "./failure.ts";

export interface Flag {
  readonly name: string;
  /** text takes a value, list may be given repeatedly, switch takes none. */
  readonly kind: "text" | "list" | "switch";
  /** The value's name in help, for example `label`. */
  readonly value?: string;
  readonly help: string;
}

export interface Command {
  /** What is typed, for example `connect aws`. */
  readonly name: string;
  readonly summary: string;
  /** Operands after the name, for example `<file.csv>`. */
  readonly operands: string;
  /** How many operands it takes. */
  readonly operandsMin: number;
  readonly operandsMax: number;
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  /** More than one sentence, where it is needed. */
  readonly about?: string;
  readonly run: (shell: Shell, typed: Arguments) => Promise<Report>;
}

/** What a command ended with. `json` is printed last with `--json`, `text` otherwise. */
export interface Report {
  readonly exitCode: ExitCode;
  readonly json: Json;
  readonly text: string;
}

/** The API of the service, wherever it is. Requests carry absolute paths under any host. */
export type Api = (request: Request) => Promise<Response>;

export interface Reached {
  readonly api: Api;
  /** Sent as bearer token; null when the API needs none. */
  readonly token: string | null;
  /** Where the API is, for people. */
  readonly where: string;
  /** Lets a service in this process do its work, up to so many milliseconds; null for one elsewhere, which does it by itself. */
  readonly settle: ((waitMs: number) => Promise<void>) | null;
  readonly close: () => Promise<void>;
}

/** Where to find the service: `--url`, `--data` and the environment. */
export interface Whereabouts {
  readonly url: string | undefined;
  readonly data: string | undefined;
}

/** Everything a command may touch of the world, given once: tests give their own. */
export interface Shell {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Columns of the terminal; wide when the output is no terminal. */
  readonly columns: number;
  readonly interactive: boolean;
  readonly write: (text: string) => Promise<void>;
  /** Progress and messages: stderr. */
  readonly tell: (text: string) => void;
  /** Progress that overwrites itself on a terminal. Empty text clears it. */
  readonly progress: (text: string) => void;
  readonly ask: (question: string, hidden: boolean) => Promise<string>;
  readonly reach: (where: Whereabouts) => Promise<Reached>;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Aborted by SIGINT or SIGTERM. */
  readonly stopped: AbortSignal;
}

export const switchFlag = (name: string, help: string): Flag => ({ name, kind: "switch", help });
export const textFlag = (name: string, value: string, help: string): Flag => ({ name, kind: "text", value, help });
export const listFlag = (name: string, value: string, help: string): Flag => ({ name, kind: "list", value, help });

/** Flags that every command takes. */
export const commonFlags: readonly Flag[] = [
  switchFlag("json", "print one JSON document last on stdout"),
  textFlag("url", "address", "a service elsewhere; default COSELL_URL; its key comes from COSELL_API_KEY"),
  textFlag("data", "directory", "the data directory of a service on this machine; default COSELL_DATA or .data"),
  switchFlag("help", "show this help"),
];
