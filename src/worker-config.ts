/** What a Worker is set up with: bindings, variables and secrets, checked by the same schema as Node's environment. */
import { z } from "zod";
import type { Executor } from "./engine.ts";
import { configSchema } from "./ports.ts";

/** Bindings, variables and secrets of the Worker, as the runtime hands them over. */
export type WorkerEnv = Readonly<Record<string, unknown>>;

export interface WorkerConfig {
  readonly connectionString: string;
  readonly key: string;
  readonly publicUrl: string;
  readonly signingKey: string;
  readonly executor: Executor;
  readonly retentionDays: number;
}

/** The Worker cannot work as it is set up. The message names every setting that is wrong and what it should be; no value. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

const bindingSchema = z.looseObject({ connectionString: z.string().min(1) });
const serverSchema = configSchema.extend({
  INNGEST_BASE_URL: z.url().default("https://inn.gs"),
  INNGEST_EVENT_KEY: z.string().optional(),
});

/** What Node finds or makes by itself and a Worker must be given. */
const needed = {
  COSELL_KEY: "the key under which Node's instances and `cosell keys` open the same database",
  COSELL_PUBLIC_URL: "the Worker's own address, for example https://cosell.example.workers.dev",
  INNGEST_EVENT_KEY: "the event key of the Inngest server",
  INNGEST_SIGNING_KEY: "the signing key of the Inngest server",
} as const;

/** The checked settings. Throws `SettingsError` with every problem at once. */
export const readWorkerConfig = (env: WorkerEnv): WorkerConfig => {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => typeof value === "string" && value !== ""));
  const wrong: string[] = [];
  const binding = bindingSchema.safeParse(env.DB);
  if (!binding.success)
    wrong.push('DB: the Hyperdrive binding is missing; add [[hyperdrive]] with binding = "DB" to wrangler.toml');
  const parsed = serverSchema.safeParse(set);
  for (const issue of parsed.error?.issues ?? []) wrong.push(`${issue.path.join(".")}: ${issue.message}`);
  if (set.INNGEST_MODE !== "server")
    wrong.push(
      "INNGEST_MODE: embedded is not available on Workers, where nothing runs between requests; set INNGEST_MODE=server and name an Inngest server",
    );
  for (const [name, meaning] of Object.entries(needed))
    if (set[name] === undefined) wrong.push(`${name}: missing; it is ${meaning}: npx wrangler secret put ${name}`);
  const config = parsed.data;
  if (wrong.length > 0 || !binding.success || config === undefined) throw new SettingsError(wrong.join("\n"));
  return {
    connectionString: binding.data.connectionString,
    key: config.COSELL_KEY ?? "",
    publicUrl: config.COSELL_PUBLIC_URL ?? "",
    signingKey: config.INNGEST_SIGNING_KEY ?? "",
    executor: {
      url: config.INNGEST_BASE_URL,
      eventKey: config.INNGEST_EVENT_KEY ?? "",
      appOrigin: config.COSELL_PUBLIC_URL ?? "",
    },
    retentionDays: config.COSELL_RETENTION_DAYS,
  };
};
