/** Connections over HTTP: the seller identities that are set up with marketplaces, and their keys. */
import * as z from "zod";
import {
  type Connection,
  connectionSchema,
  environmentSchema,
  type JsonObject,
  jsonObjectSchema,
  marketplaceIdSchema,
} from "../domain/deal.ts";
import { offerOf, offerShape } from "./capabilities.ts";
import {
  checkConnection,
  eraseSecrets,
  hookHeaderDefault,
  type KeptSecrets,
  keepSecrets,
  parseSettings,
  referencesIn,
  rotateHookKey,
  sessionOf,
} from "./credentials.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, listOf, pageOf, pageQuery } from "./endpoint.ts";
import { mustFindConnection, saveSettings } from "./oauth-clients.ts";
import { notFound, ProblemError } from "./problem.ts";

const connectionParams = z.strictObject({ id: idOf("con", "connection") });

const shownSchema = connectionSchema.extend({
  hookUrl: z.string().describe("where the partner delivers its webhooks"),
  landingUrl: z.string().nullable().describe("where the marketplace sends buyers; null: it sends none here"),
  ...offerShape,
});
const savedSchema = z.object({
  connection: shownSchema.nullable().describe("null for a dry run"),
  outcome: z.enum(["created", "updated"]),
  facts: jsonObjectSchema.nullable().describe("what the check found; null when it was left out"),
});

const show = (deps: AppDeps, connection: Connection) => {
  const offer = offerOf(deps, connection);
  const hasLanding = offer.capabilities?.landing === true;
  return {
    ...connection,
    hookUrl: `${deps.publicUrl}/hooks/${connection.id}`,
    landingUrl: hasLanding ? `${deps.publicUrl}/landing/${connection.id}` : null,
    ...offer,
  };
};

const connectionInput = z.strictObject({
  marketplace: marketplaceIdSchema,
  label: z.string().trim().min(1).max(80),
  account: z.string().trim().min(1).max(120).describe("the seller's account at the marketplace"),
  environment: environmentSchema,
  settings: jsonObjectSchema.describe("see settingsSchema of GET /v1/marketplaces; secrets as secret:<name>"),
  secrets: z
    .record(z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), z.string().min(1).max(16_384))
    .default({})
    .describe("values by the names that settings refer to; kept encrypted, never answered"),
  check: z.boolean().default(true).describe("false: save without asking the marketplace"),
  dryRun: z.boolean().default(false).describe("true: check and save nothing"),
});

export const connectionEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/connections",
    tag: "Connections",
    scope: "read",
    summary: "List connections",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(shownSchema) } },
    handle: async ({ query }) => {
      const page = pageOf(await deps.store.connections.list(deps.db.sql), query);
      return { status: 200, body: { ...page, items: page.items.map((connection) => show(deps, connection)) } };
    },
  }),
  endpoint({
    method: "GET",
    path: "/v1/connections/{id}",
    tag: "Connections",
    scope: "read",
    summary: "Read a connection",
    params: connectionParams,
    answers: { 200: { description: "the connection; settings name secrets, never hold them", schema: shownSchema } },
    problems: ["not-found"],
    handle: async ({ params }) => ({ status: 200, body: show(deps, await mustFindConnection(deps, params.id)) }),
  }),
  saveEndpoint(deps),
  checkEndpoint(deps),
  resumeEndpoint(deps),
  sweepEndpoint(deps),
  hookKeyEndpoint(deps),
  hookKeyRevokeEndpoint(deps),
];

const saveEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/connections",
    tag: "Connections",
    scope: "admin",
    summary: "Connect a seller identity, or change its settings",
    description:
      "The connection is checked with one cheap read before it is saved. The same marketplace, account and environment again replaces label and settings; webhook keys, OAuth client and queue stay unless the settings name others.",
    body: connectionInput,
    bodyExample: {
      marketplace: "aws",
      label: "AWS production",
      account: "123456789012",
      environment: "production",
      settings: {
        accountId: "123456789012",
        credentials: { accessKeyIdRef: "secret:key-id", secretAccessKeyRef: "secret:key" },
      },
      secrets: { "key-id": "AKIA…", key: "…" },
    },
    answers: {
      200: { description: "changed, or the outcome of a dry run", schema: savedSchema },
      201: { description: "connected", schema: savedSchema, headers: ["Location"] },
    },
    problems: ["check-failed"],
    handle: async ({ body, caller }) => {
      const { marketplace, account, environment } = body;
      const existing = await deps.store.connections.findBySeller(deps.db.sql, marketplace, account, environment);
      const outcome = existing === null ? ("created" as const) : ("updated" as const);
      const given = { ...deliverySettings(existing), ...body.settings };
      const kept = await keepSecrets(deps, body, { settings: given, secrets: body.secrets });
      try {
        const { settings, facts } = await judge(deps, { existing, kept, input: body });
        if (body.dryRun) {
          await eraseSecrets(deps, kept.refs);
          return { status: 200, body: { connection: null, outcome, facts } };
        }
        const saved = await commit(deps, (tx) =>
          deps.store.connections.save(tx, { ...body, settings }, caller.actorId),
        );
        const answer = { connection: show(deps, saved), outcome, facts };
        if (outcome === "updated") return { status: 200, body: answer };
        return { status: 201, body: answer, headers: { location: `/v1/connections/${saved.id}` } };
      } catch (error) {
        await eraseSecrets(deps, kept.refs);
        throw error;
      }
    },
  });

/** How the partner's word reaches us: set up by routes of their own, so a change of the other settings keeps it. */
const deliverySettings = (existing: Connection | null): JsonObject =>
  Object.fromEntries(
    ["hookKeys", "hookOAuth", "queue"].flatMap((name) => {
      const value = existing?.settings[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

interface Judged {
  readonly existing: Connection | null;
  readonly kept: KeptSecrets;
  readonly input: z.output<typeof connectionInput>;
}

const judge = async (
  deps: AppDeps,
  { existing, kept, input }: Judged,
): Promise<{ readonly settings: JsonObject; readonly facts: JsonObject | null }> => {
  const settings = parseSettings(deps, input, kept.settings);
  const candidate = connectionSchema.parse({
    ...input,
    id: existing?.id ?? deps.ids.next("con"),
    settings,
    state: "active",
    parkedReason: null,
    version: existing?.version ?? 1,
    createdAt: existing?.createdAt ?? deps.clock.now(),
  });
  sessionOf(deps, candidate);
  return { settings, facts: input.check || input.dryRun ? await checkConnection(deps, candidate) : null };
};

const checkEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/connections/{id}/check",
    tag: "Connections",
    scope: "write",
    summary: "Ask the marketplace whether the connection works",
    params: connectionParams,
    answers: { 200: { description: "it works", schema: z.object({ ok: z.literal(true), facts: jsonObjectSchema }) } },
    problems: ["not-found", "check-failed"],
    handle: async ({ params }) => {
      const facts = await checkConnection(deps, await mustFindConnection(deps, params.id));
      return { status: 200, body: { ok: true, facts } };
    },
  });

const resumeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/connections/{id}/resume",
    tag: "Connections",
    scope: "admin",
    summary: "Take a parked connection up again",
    description: "Its interrupted work goes on by itself. An active connection is answered as it is.",
    params: connectionParams,
    answers: { 200: { description: "the connection", schema: shownSchema } },
    problems: ["not-found"],
    handle: async ({ params, caller }) => {
      const resumed = await commit(deps, (tx) => deps.store.connections.resume(tx, params.id, caller.actorId));
      if (resumed === null) throw notFound("connection", params.id);
      return { status: 200, body: show(deps, resumed) };
    },
  });

const sweepEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/connections/{id}/sweep",
    tag: "Connections",
    scope: "write",
    summary: "Look now for changes on the partner's side",
    params: connectionParams,
    answers: {
      202: {
        description: "a sweep starts soon",
        schema: z.object({ status: z.literal("requested"), connectionId: z.string() }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params }) => {
      const connection = await mustFindConnection(deps, params.id);
      if (connection.state === "parked")
        throw new ProblemError("conflict", "The connection is parked. Mend it and resume it first.");
      const data = { connectionId: connection.id };
      await commit(deps, (tx) => deps.store.journal.tell(tx, "connection.sweep.requested", connection.id, data));
      return { status: 202, body: { status: "requested", ...data } };
    },
  });

const hookKeyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/connections/{id}/hook-keys",
    tag: "Connections",
    scope: "admin",
    summary: "Make a new webhook key",
    description:
      "The key is shown once. The one before it stays valid until the next is made, so that the sender can be switched over.",
    params: connectionParams,
    body: z.strictObject({
      headerName: z
        .string()
        .regex(/^[A-Za-z0-9-]{1,64}$/, "a header name")
        .optional()
        .describe(`header the sender puts the key in; default ${hookHeaderDefault}`),
    }),
    bodyOptional: true,
    bodyExample: {},
    answers: {
      201: {
        description: "the key, shown once",
        schema: z.object({
          secret: z.string().nullable().describe("null in a repeated answer"),
          headerName: z.string(),
          url: z.string().describe("where the partner delivers"),
          liveKeys: z.number().int().describe("how many keys are taken now"),
        }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller }) => {
      const connection = await mustFindConnection(deps, params.id);
      const made = await rotateHookKey(deps, connection, body.headerName);
      await saveSettings(deps, connection, { settings: made.settings, actorId: caller.actorId });
      const { secret, headerName, live } = made;
      const shown = { secret, headerName, url: `${deps.publicUrl}/hooks/${connection.id}`, liveKeys: live };
      return { status: 201, body: shown, replayBody: { ...shown, secret: null } };
    },
  });

const hookKeyRevokeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "DELETE",
    path: "/v1/connections/{id}/hook-keys",
    tag: "Connections",
    scope: "admin",
    summary: "Revoke all webhook keys",
    description: "From now on deliveries are taken by OAuth token or from the queue only, where those are set up.",
    params: connectionParams,
    answers: { 200: { description: "none is left", schema: z.object({ liveKeys: z.literal(0) }) } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, caller }) => {
      const connection = await mustFindConnection(deps, params.id);
      const { hookKeys, ...settings } = connection.settings;
      await saveSettings(deps, connection, { settings, actorId: caller.actorId });
      await eraseSecrets(deps, referencesIn(hookKeys));
      return { status: 200, body: { liveKeys: 0 } };
    },
  });
