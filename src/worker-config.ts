/** What a Worker is set up with: bindings, variables and secrets, checked by the same schema as Node's environment. */
import * as z from "zod";
import { type Executor, readExecutor, ServerSettingsError } from "./engine.ts";
import { type Config, configSchema } from "./ports.ts";

/** Bindings, variables and secrets of the Worker, as the runtime hands them over. */
export type WorkerEnv = Readonly<Record<string, unknown>>;

export interface WorkerConfig {
  readonly connectionString: string;
  readonly key: string;
  readonly publicUrl: string;
  readonly signingKey: string;
  readonly executor: Executor;
  /** Everything else that can be set, as on Node. */
  readonly settings: Config;
  /** Variables and secrets by name, for references such as env:NAME. */
  readonly texts: Readonly<Record<string, string>>;
}

/** The Worker cannot work as it is set up. The message names every setting that is wrong and what it should be; no value. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

const bindingSchema = z.looseObject({ connectionString: z.string().min(1) });

/** The checked settings. Throws `SettingsError` with every problem at once. */
export const readWorkerConfig = (env: WorkerEnv): WorkerConfig => {
  const texts = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== ""),
  );
  const binding = bindingSchema.safeParse(env.DB);
  const parsed = configSchema.safeParse(texts);
  const problems = [
    ...(binding.success ? [] : ["DB: there is no Hyperdrive binding of this name; wrangler.toml says how to add it"]),
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join(".")}: ${issue.message}`),
    ...(parsed.success ? missingFrom(parsed.data) : []),
    ...(/^(?:1|true|allow|force)$/i.test(texts.INNGEST_STREAMING ?? "")
      ? ["INNGEST_STREAMING: this service does not stream its answers to the Inngest server; remove it"]
      : []),
  ];
  const config = parsed.data;
  const executor = problems.length === 0 && config !== undefined ? readServer(config, problems) : null;
  const { COSELL_KEY: key, COSELL_PUBLIC_URL: publicUrl, INNGEST_SIGNING_KEY: signingKey } = config ?? {};
  if (!binding.success || !config || executor === null || !key || !publicUrl || !signingKey)
    throw new SettingsError(problems.join("\n"));
  const { connectionString } = binding.data;
  return { connectionString, key, publicUrl, signingKey, executor, settings: config, texts };
};

/** What Node finds or makes by itself and a Worker must be given. */
const missingFrom = (config: Config): readonly string[] => [
  ...(config.INNGEST_MODE === "server"
    ? []
    : [
        "INNGEST_MODE: the embedded runner does not work on Workers, where nothing runs between requests; set INNGEST_MODE=server and name an Inngest server",
      ]),
  ...(config.COSELL_KEY === undefined
    ? [
        "COSELL_KEY: missing; make it with `openssl rand -base64 32` and store it with `npx wrangler secret put COSELL_KEY`",
      ]
    : []),
  ...(config.COSELL_PUBLIC_URL === undefined
    ? ["COSELL_PUBLIC_URL: missing; set it to the Worker's address, for example https://cosell.example.workers.dev"]
    : []),
];

const readServer = (config: Config, problems: string[]): Executor | null => {
  try {
    return readExecutor(config, config.COSELL_PUBLIC_URL ?? "");
  } catch (error) {
    if (!(error instanceof ServerSettingsError)) throw error;
    problems.push(error.message);
    return null;
  }
};
