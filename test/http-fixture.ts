/** The HTTP side over a test database, with one small honest marketplace: it reads its secrets, judges one field, takes keyed webhooks. */
import * as z from "zod";
import { brandVerified, type Marketplace, type Session, type Verdict } from "../adapters/contract.ts";
import { createRegistry } from "../adapters/registry.ts";
import { createApp, createEndpoints } from "../src/app.ts";
import { createVirtualClock } from "../src/clock.ts";
import { noAllowance } from "../src/domain/address.ts";
import { jsonObjectSchema, type ShareDraft } from "../src/domain/deal.ts";
import { failed, type Gap, ok } from "../src/domain/fault.ts";
import type { AppDeps } from "../src/http/endpoint.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Log, Secrets } from "../src/ports.ts";
import { createFetchPublicHttp } from "../src/public-http.ts";
import type { Scope } from "../src/store/access.ts";
import { createStore } from "../src/store/index.ts";
import { createSeal, createSecrets } from "../src/store/seal.ts";
import { createWebhookSender } from "../workflows/webhook.ts";
import { createConformance } from "./http-conformance.ts";
import { testIds } from "./ids.ts";
import { openTestDatabase } from "./template.ts";

export const publicUrl = "http://cosell.example";
const problemCharactersMin = 20;

const settingsSchema = z.strictObject({
  accountId: z.string().optional(),
  keyRef: z.string().regex(/^secret:/, "a reference such as secret:key"),
  contradictory: z.boolean().optional(),
  coSell: z.boolean().default(true),
  withdrawal: z.boolean().default(true),
  hookKeys: z.strictObject({ headerName: z.string(), keyRefs: z.array(z.string()).min(1).max(2) }).optional(),
  hookOAuth: z.unknown().optional(),
  queue: z.unknown().optional(),
});

const gapsOf = (draft: ShareDraft): readonly Gap[] =>
  (draft.opportunity.problem ?? "").length >= problemCharactersMin
    ? []
    : [
        {
          field: "problem",
          code: "too_short",
          message: `the problem needs ${problemCharactersMin} characters`,
          fix: "say what the customer wants solved",
          source: "https://rules.example/problem",
        },
      ];

const never = async () => failed({ kind: "unavailable", message: "not part of these tests" });
const invitations = {
  reasons: [
    { code: "busy", label: "Too busy", description: "Nobody has time." },
    { code: "other", label: "Other", description: "Any other reason." },
  ],
  look: never,
  pending: never,
  made: never,
  answer: () => ({ kind: "stop" as const, reason: "not part of these tests" }),
  dealOf: () => {
    throw new Error("not part of these tests");
  },
};

const coSell = {
  gaps: gapsOf,
  submission: () => ({ kind: "done" as const }),
  revision: () => ({ kind: "nothing" as const, base: {} }),
  baseOf: () => ({}),
  newer: (a: string, b: string) => a > b,
  run: never,
  locate: never,
  poll: never,
  look: never,
  changes: never,
  invitations,
};

const eventSchema = z.object({ id: z.string(), hints: z.array(z.string()), forUs: z.boolean().default(true) });

/** Verifies by a keyed header before it parses; fails as `unsure` when its key cannot be read. */
const verifyWith =
  (secrets: Secrets, hookKeys: { readonly headerName: string; readonly keyRefs: readonly string[] }) =>
  async (delivery: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  }): Promise<Verdict> => {
    const keys = await Promise.all(hookKeys.keyRefs.map((ref) => secrets.get(ref.slice("secret:".length))));
    if (keys.some((key) => key === null)) return { kind: "unsure", reason: "a key cannot be read" };
    const given = delivery.headers[hookKeys.headerName.toLowerCase()];
    if (!keys.some((key) => key?.value === given)) return { kind: "forged", reason: "wrong key" };
    const event = eventSchema.parse(JSON.parse(new TextDecoder().decode(delivery.body)));
    if (!event.forUs) return { kind: "ignored", reason: "another account" };
    const hints = event.hints.map((id) => ({ kind: "opportunity" as const, id, at: null }));
    return { kind: "verified", delivery: brandVerified({ key: event.id, kind: "changed", hints }) };
  };

export const fakeMarketplace: Marketplace = {
  id: "aws",
  name: "Small Marketplace",
  settings: settingsSchema as unknown as Marketplace["settings"],
  fields: jsonObjectSchema,
  example: { account: "123456789012", settings: { keyRef: "secret:key", coSell: true } },
  limits: {
    readsPerSecond: 10,
    writesPerSecond: 1,
    readsPerDay: 100_000,
    writesPerDay: 10_000,
    pageSize: 100,
    timeoutMs: 10_000,
    bodyBytesMax: 1_000_000,
  },
  open: (deps, connection): Session => {
    const settings = settingsSchema.parse(connection.settings);
    if (settings.contradictory) throw new Error("settings.contradictory: account and catalog contradict each other");
    return {
      lacks: settings.hookKeys === undefined ? { hooks: "the fake has no webhooks" } : {},
      check: async () => {
        const key = await deps.secrets.get(settings.keyRef.slice("secret:".length));
        return key?.value === "good"
          ? ok({ seller: "Fake Seller" })
          : failed({ kind: "denied", message: "the key is wrong" });
      },
      ...(settings.hookKeys === undefined
        ? {}
        : { hooks: { headers: ["x-event-id"], verify: verifyWith(deps.secrets, settings.hookKeys) } }),
      ...(settings.coSell
        ? {
            coSell: settings.withdrawal
              ? { ...coSell, withdrawal: () => ({ kind: "nothing" as const, base: {} }) }
              : coSell,
          }
        : {}),
    };
  },
};

export interface LoggedLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: unknown;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every route.
  readonly body: any;
  readonly text: string;
}

export interface Ask {
  readonly body?: unknown;
  readonly raw?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
  /** Scopes of the key that asks; null: no key. */
  readonly as?: readonly Scope[] | null;
}

/**
 * The app over a database of its own, and `ask` to call it with a key of the wanted scopes; `ask` throws when an answer is
 * not what the OpenAPI document says.
 */
export const openHttp = async (extra: Partial<AppDeps> = {}) => {
  const database = await openTestDatabase();
  const clock = createVirtualClock(new Date("2026-10-01T08:00:00Z"));
  const ids = createSeededIds(clock, "http");
  const seal = await createSeal(btoa("k".repeat(32)), ids);
  const { db } = database;
  const secrets = createSecrets({ db, clock, seal, env: {} });
  const store = createStore({ clock, ids, seal });
  const lines: LoggedLine[] = [];
  const write =
    (level: LoggedLine["level"]) =>
    (message: string, fields?: unknown): void => {
      lines.push({ level, message, fields });
    };
  const log: Log = { info: write("info"), warn: write("warn"), error: write("error") };
  const kicks = { count: 0 };
  const registry = createRegistry(
    {
      clock,
      ids: testIds,
      secrets,
      httpFor: () => async () => new Response("unreachable", { status: 500 }),
      quotaFor: () => ({ take: async () => ok(null) }),
    },
    [fakeMarketplace],
  );
  // Names lead nowhere here, and every receiver takes what it gets.
  const publicHttp =
    extra.publicHttp ??
    createFetchPublicHttp({ allowance: noAllowance, send: async () => new Response(null, { status: 204 }) });
  const actorId = await store.access.actor(db.sql, "person", "Ann Admin");
  const sender = createWebhookSender({
    ...{ db, clock, ids, secrets, store, publicHttp, actorId },
    at: () => {},
    kick: () => {},
  });
  const deps: AppDeps = {
    publicHttp,
    testWebhook: sender.test,
    reportBytesMax: 65_536,
    bookLinesMax: 10_000,
    db,
    clock,
    ids,
    seal,
    secrets,
    log,
    store,
    registry,
    kick: () => {
      kicks.count++;
    },
    ready: async () => [{ name: "database", ok: true, detail: "migrated" }],
    publicUrl,
    ...extra,
  };
  const app = createApp(deps);
  const conform = createConformance(createEndpoints(deps), publicUrl);
  const keys = new Map<string, string>();
  const keyOf = async (scopes: readonly Scope[]): Promise<string> => {
    const known = keys.get(scopes.join());
    if (known !== undefined) return known;
    const { secret } = await store.access.createKey(db.sql, { actorId, name: "test", scopes, expiresAt: null });
    keys.set(scopes.join(), secret);
    return secret;
  };
  const ask = async (method: string, path: string, input: Ask = {}): Promise<Answered> => {
    const scopes = input.as === undefined ? (["read", "write", "admin"] as const) : input.as;
    const headers = new Headers(input.headers);
    if (scopes !== null) headers.set("authorization", `Bearer ${await keyOf(scopes)}`);
    const body = input.raw ?? (input.body === undefined ? null : JSON.stringify(input.body));
    if (body !== null && !headers.has("content-type")) headers.set("content-type", "application/json");
    const response = await app.request(`${publicUrl}${path}`, { method, headers, body });
    const text = await response.text();
    const contentType = (response.headers.get("content-type") ?? "").split(";")[0] ?? "";
    const answered = /json/.test(contentType) ? JSON.parse(text) : null;
    conform(method, path, { status: response.status, contentType, body: answered });
    return { status: response.status, headers: response.headers, text, body: answered };
  };
  const connect = async (account = "111", settings: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const made = await ask("POST", "/v1/connections", {
      body: {
        marketplace: "aws",
        label: `Seller ${account}`,
        account,
        environment: "simulated",
        settings: { keyRef: "secret:key", ...settings },
        secrets: { key: "good" },
      },
    });
    return String(made.body.connection.id);
  };
  return {
    app,
    deps,
    db,
    store,
    clock,
    secrets,
    lines,
    kicks,
    ask,
    conform,
    connect,
    keyOf,
    actorId,
    close: () => database.close(),
  };
};
export type HttpFixture = Awaited<ReturnType<typeof openHttp>>;

export const dealOf = (key: string, more: Readonly<Record<string, unknown>> = {}) => ({
  source: "salesforce",
  key,
  title: `Deal ${key}`,
  account: { name: `Customer ${key}`, website: `https://customer-${key.toLowerCase()}.example`, country: "DE" },
  contacts: [{ role: "customer", email: "carla@customer.example" }],
  problem: "Orders are planned by hand and arrive late in two regions.",
  stage: "qualified",
  amount: { amount: "1200.50", currency: "EUR" },
  ...more,
});
