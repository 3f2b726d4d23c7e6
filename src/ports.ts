/**
 * The whole seam between the product and the world: database, time, randomness, HTTP, secrets, log.
 * Node and Workers each fill these ports once, in their composition root; nothing else names a runtime.
 */
import type { ISql, TransactionSql } from "postgres";
import * as z from "zod";
import { parseAllowance } from "./domain/address.ts";

/** What repositories take: either the pool or an open transaction. */
export type Query = ISql<{ bigint: bigint }>;
export type Tx = TransactionSql<{ bigint: bigint }>;

export interface Db {
  /** Pooled, autocommit tagged-template SQL. Never use it inside `transaction`: the embedded database would wait for ever. */
  readonly sql: Query;
  /**
   * Runs `work` in one transaction. No HTTP inside. Held longer than the database's limit, it is rolled back and
   * rejected with an error that names where it was opened. `limit`: another limit for this one.
   */
  readonly transaction: <T>(work: (tx: Tx) => Promise<T>, limit?: { readonly msMax: number }) => Promise<T>;
  readonly close: () => Promise<void>;
}

export interface Clock {
  readonly now: () => Date;
  /** Waits `ms` milliseconds; a virtual clock jumps instead. Never used for workflow waits: those are durable steps. */
  readonly sleep: (ms: number) => Promise<void>;
}

export interface Ids {
  /** A UUIDv7: unique for ever, also after a restored backup. */
  readonly uuid: () => string;
  /** `prefix_` + 32 hexadecimal digits of a UUIDv7, for example `opp_0199…`. */
  readonly next: (prefix: IdPrefix) => string;
  /** `count` random bytes from the system (or, in tests, from the seed). */
  readonly bytes: (count: number) => Uint8Array<ArrayBuffer>;
}

export const idPrefixes = [
  "con",
  "acc",
  "par",
  "act",
  "opp",
  "tch",
  "tsk",
  "shr",
  "inv",
  "anr",
  "eng",
  "dlv",
  "eff",
  "ctc",
  "key",
  "exc",
  "edt",
  "srl",
  "rst",
  "whk",
  "whm",
  "off",
  "agr",
  "apv",
  "otp",
  "fee",
  "rpf",
  "rec",
  "mdc",
] as const;
export type IdPrefix = (typeof idPrefixes)[number];

export interface HttpLimits {
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
  /** Exact host names (with port where one is used) that may be contacted. */
  readonly hosts: readonly string[];
}
/** One bounded outbound request: no redirect is followed, other hosts are refused before any contact. */
export type Http = (request: Request, limits: HttpLimits) => Promise<Response>;

export interface PublicAnswer {
  readonly status: number;
  /** The answer's Retry-After as it was written, or null. */
  readonly retryAfter: string | null;
}
/** The way to an address that a person typed: only to the public internet, unless the operator allowed more. */
export interface PublicHttp {
  /** Why this address is not called, or null. Names are resolved where the runtime can; one that leads nowhere yet passes. */
  readonly refusal: (url: string) => Promise<string | null>;
  /**
   * One request, checked again at the moment it connects; never redirected, through no proxy. The status decides: of the
   * answer's body at most `bodyBytesMax` bytes are read and dropped. Rejects with `OutboundError` when there is no status.
   */
  readonly post: (request: PublicPost, limits: Omit<HttpLimits, "hosts">) => Promise<PublicAnswer>;
}
export interface PublicPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SecretValue {
  readonly value: string;
  readonly version: number;
}
export interface Secrets {
  /** The secret under `ref`, or null. It may be a minute old where `fresh` does not ask for it as it is now. */
  readonly get: (ref: string, how?: { readonly fresh?: boolean }) => Promise<SecretValue | null>;
  /** Compare-and-set: stores `value` as version `expectedVersion + 1`; false when somebody else was first. 0 means new. */
  readonly rotate: (ref: string, expectedVersion: number, value: string) => Promise<boolean>;
}

/** Encrypts what must not lie readable in the database: contacts, bodies, frozen requests. AES-256-GCM, `context` is authenticated. */
export interface Seal {
  readonly close: (plain: string, context: string) => Promise<Uint8Array<ArrayBuffer>>;
  /** Throws when the bytes were not closed with the same key and context. */
  readonly open: (sealed: Uint8Array, context: string) => Promise<string>;
  /** A keyed, deterministic fingerprint for look-up of an encrypted value (for example a lower-cased e-mail). */
  readonly fingerprint: (plain: string) => Promise<string>;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;
/** Structured log. Fields are ids, counts and codes; never names, e-mails, bodies or secrets. */
export interface Log {
  readonly info: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
}

export interface DbDep {
  readonly db: Db;
}
export interface ClockDep {
  readonly clock: Clock;
}
export interface IdsDep {
  readonly ids: Ids;
}
export interface HttpDep {
  readonly http: Http;
}
export interface PublicHttpDep {
  readonly publicHttp: PublicHttp;
}
export interface SecretsDep {
  readonly secrets: Secrets;
}
export interface SealDep {
  readonly seal: Seal;
}
export interface LogDep {
  readonly log: Log;
}

/** Settings from the environment. Every one has a default that works on a laptop. */
export const configSchema = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000).describe("port of the service"),
  COSELL_HOST: z.string().default("127.0.0.1").describe("address to listen on"),
  COSELL_DATA: z.string().default(".data").describe("data directory of the embedded database"),
  DATABASE_URL: z
    .string()
    .optional()
    .describe("PostgreSQL 15 or newer; unset means the embedded database in COSELL_DATA"),
  COSELL_KEY: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/, "32 bytes in base64, for example from `openssl rand -base64 32`")
    .optional()
    .describe("key that encrypts contacts, bodies and secrets; embedded: made and kept in COSELL_DATA/key"),
  COSELL_PUBLIC_URL: z.url().optional().describe("the address partners call us on; default http://COSELL_HOST:PORT"),
  INNGEST_MODE: z.enum(["embedded", "server"]).default("embedded").describe("who drives the workflows"),
  INNGEST_BASE_URL: z
    .url({ protocol: /^https?$/, error: "the address of an Inngest server, for example http://127.0.0.1:8288" })
    .optional()
    .describe("server mode: the Inngest server; unset means Inngest Cloud"),
  INNGEST_EVENT_KEY: z.string().optional().describe("server mode: the key events are sent with"),
  INNGEST_SIGNING_KEY: z.string().optional().describe("embedded: made at start; server: as the Inngest server has it"),
  INNGEST_SIGNING_KEY_FALLBACK: z.string().optional().describe("server mode: the other key while one is rotated"),
  INNGEST_SERVE_ORIGIN: z
    .url({ protocol: /^https?$/, error: "the address the Inngest server reaches this service at" })
    .optional()
    .describe("server mode: the address the Inngest server calls us on; default COSELL_PUBLIC_URL"),
  INNGEST_ENV: z.string().optional().describe("server mode: the Inngest environment, for example a branch's name"),
  INNGEST_ENABLE_UNAUTHED_SYNC: z
    .enum(["0", "1", "false", "true"])
    .optional()
    .describe(
      "server mode, own server: 0 refuses registrations it asks for without a signature (its --sdk-url); default 1",
    ),
  COSELL_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3650)
    .default(90)
    .describe("days that raw bodies, deliveries and finished runs are kept"),
  COSELL_CONSENT_NOTICE_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(60)
    .default(14)
    .describe("how many days before a person's sign-in at a partner lapses an exception tells of it"),
  COSELL_TASK_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(90)
    .default(3)
    .describe("days after which an exception reminds of a task that a person has to do by hand"),
  COSELL_WEBHOOK_ALLOW: z
    .string()
    .default("")
    .transform((text, context) => {
      const allowance = parseAllowance(text);
      if (!("wrong" in allowance)) return allowance;
      context.addIssue({ code: "custom", message: allowance.wrong });
      return z.NEVER;
    })
    .describe(
      "host names and networks (CIDR), comma-separated, that our webhooks may call although they are not public",
    ),
});
export type Config = z.infer<typeof configSchema>;
