/** What the connect commands share: settings from a file, questions on a terminal, one check before anything is saved, and its answer. */
import * as z from "zod";
import { environments, type Json, type JsonObject, jsonObjectSchema, type MarketplaceId } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, problemFailure, problemSchema, withClient } from "./client.ts";
import { listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { connectionsMax, listedConnectionSchema } from "./find-connection.ts";
import { readSmallFile } from "./import.ts";
import { readField } from "./programme-fields.ts";
import { whereabouts } from "./shares.ts";

/** Flags that every connect command has. */
export const connectFlags = [
  listFlag("default", "field=value", "any other programme field for deals that do not state it; may be repeated"),
  textFlag("settings", "file.json", "everything from a file"),
  switchFlag("dry-run", "check, save nothing"),
  switchFlag("no-check", "save without asking the partner"),
];
export const settingsFileSays =
  "--settings gives everything as a file: the members label, account, environment, settings and secrets of POST /v1/connections; flags overlay it.";

/** A connection as POST /v1/connections takes it. */
export interface Wanted {
  readonly label: string;
  readonly account: string;
  readonly environment: string;
  readonly settings: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
}

const fileSchema = (marketplace: MarketplaceId) =>
  z.strictObject({
    marketplace: z.literal(marketplace).optional(),
    label: z.string().optional(),
    account: z.string().optional(),
    environment: z.enum(environments).optional(),
    settings: jsonObjectSchema.default({}),
    secrets: z.record(z.string(), z.string()).default({}),
  });
export type ConnectionFile = z.infer<ReturnType<typeof fileSchema>>;

/** The file of --settings; everything is empty without one. */
export const readConnectionFile = async (typed: Arguments, marketplace: MarketplaceId): Promise<ConnectionFile> => {
  const path = typed.text("settings");
  if (path === undefined) return fileSchema(marketplace).parse({});
  const text = await readSmallFile(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Failure(`${path} is not JSON`, { fix: `see the example in cosell help connect ${marketplace}` });
  }
  const parsed = fileSchema(marketplace).safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Failure(`the settings file ${path} is not valid`, {
    rows: parsed.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message })),
    fix: "its members are label, account, environment, settings and secrets",
  });
};

export const environmentOf = (typed: Arguments, file: ConnectionFile): string => {
  const environment = typed.text("environment") ?? file.environment ?? "production";
  if (environments.some((known) => known === environment)) return environment;
  throw usageFailure(`--environment ${environment} is unknown`, `use ${environments.join(", ")}`);
};

/** What --default gives, by field. */
export const readDefaults = (typed: Arguments, marketplace: MarketplaceId, example: string): JsonObject => {
  const given: Record<string, Json> = {};
  for (const text of typed.list("default")) {
    const [, name, value] = new RegExp(`^(?:${marketplace}\\.)?([A-Za-z]+)=(.*)$`, "s").exec(text) ?? [];
    const read = name === undefined || value === undefined ? null : readField("text", value);
    if (name === undefined || read === null)
      throw usageFailure(`--default ${text} is not field=value`, `write for example --default ${example}`);
    given[name] = read.value;
  }
  return given;
};

export interface Standing {
  readonly label: string;
  readonly settings: JsonObject;
}
const standingSchema = listedConnectionSchema.extend({ settings: jsonObjectSchema.default({}) });

/** The connection of this seller as it stands; null: there is none yet. Its settings name secrets, which stay as they are. */
export const standingOf = async (
  client: Client,
  seller: { readonly marketplace: MarketplaceId; readonly account: string; readonly environment: string },
): Promise<Standing | null> => {
  const { marketplace, account, environment } = seller;
  for await (const one of client.each("/v1/connections", standingSchema, {}, connectionsMax))
    if (one.marketplace === marketplace && one.account === account && one.environment === environment) return one;
  return null;
};

/** The answer to a question, on a terminal; elsewhere the flag is demanded. */
export const asked = async (shell: Shell, question: string, flag: string, hidden = false): Promise<string> => {
  if (!shell.interactive) throw usageFailure(`the ${question} is missing`, `give ${flag}`);
  const answer = (await shell.ask(`${question}: `, hidden)).trim();
  if (answer === "") throw usageFailure(`the ${question} is missing`, `give ${flag}`);
  return answer;
};

export interface Remedy {
  readonly path: string;
  readonly message: string;
  readonly fix: string;
}
/** What only one marketplace says about connecting. */
export interface Connecting {
  readonly marketplace: MarketplaceId;
  /** Who is asked, for people. */
  readonly partner: string;
  /** What most often stands behind a refusal, and how it is mended. */
  readonly remedies: (fault: string) => readonly Remedy[];
  /** What to do next, once it is saved. */
  readonly next: (hookUrl: string) => string;
}

const savedSchema = z.looseObject({
  connection: z.looseObject({ id: z.string(), hookUrl: z.string().default("") }).nullish(),
  outcome: z.string(),
  facts: jsonObjectSchema.nullish(),
});

/** Checks and saves the connection, or only checks it, and tells what came of it. */
export const connect = (
  shell: Shell,
  typed: Arguments,
  { wanted, about }: { readonly wanted: Wanted; readonly about: Connecting },
): Promise<Report> =>
  withClient(shell, whereabouts(typed), async (client) => {
    const dryRun = typed.on("dry-run");
    shell.progress(typed.on("no-check") ? "" : `asking ${about.partner} …`);
    const answer = await client.attempt("POST", "/v1/connections", {
      marketplace: about.marketplace,
      ...wanted,
      dryRun,
      check: !typed.on("no-check"),
    });
    shell.progress("");
    if (answer.status >= 400) throw refusal(answer, client, about);
    const saved = savedSchema.parse(answer.body);
    const facts = Object.entries(saved.facts ?? {}).map(
      ([name, value]) => `  ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}\n`,
    );
    const checked = saved.facts === null || saved.facts === undefined ? "not checked" : `${about.partner} accepts it`;
    const head = `${wanted.label} (account ${wanted.account}, ${wanted.environment}): ${checked}; ${dryRun ? `would be ${saved.outcome} (dry run: nothing was saved)` : saved.outcome}\n`;
    return {
      exitCode: exitCodes.ok,
      text: [head, ...facts, saved.connection ? about.next(saved.connection.hookUrl) : ""].join(""),
      json: {
        outcome: saved.outcome,
        dryRun,
        connection: saved.connection?.id ?? null,
        hookUrl: saved.connection?.hookUrl ?? null,
        facts: saved.facts ?? null,
      },
    };
  });

const refusal = (
  answer: { readonly status: number; readonly body: unknown },
  client: Client,
  about: Connecting,
): Failure => {
  const failure = problemFailure(answer, client.where);
  const problem = problemSchema.safeParse(answer.body);
  const fault = problem.success && typeof problem.data.fault === "string" ? problem.data.fault : null;
  if (fault === null) return failure;
  const network = {
    path: "network",
    message: `${about.partner} gave no usable answer`,
    fix: "try again; check proxies and --endpoint",
  };
  const isAway = fault === "unavailable" || fault === "ambiguous";
  return new Failure(failure.message, { rows: [...failure.rows, ...(isAway ? [network] : about.remedies(fault))] });
};
