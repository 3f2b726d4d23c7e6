/** The OAuth client of a connection: who may fetch tokens for its webhook. Up to two secrets live at once, each shown once. */
import * as z from "zod";
import type { Connection, JsonObject } from "../domain/deal.ts";
import { toHex } from "../store/seal.ts";
import { secretIdOf, tokenSecondsDefault, tokenSecondsMax, tokenSecondsMin } from "../tokens.ts";
import { eraseSecrets, keep, nameOf, referencePrefix, referencesIn } from "./credentials.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

const secretBytes = 32;
const suffixBytes = 4;
/** The new secret and the one before it: the sender is switched over while both are taken. */
const liveSecretsMax = 2;

export const tokenPath = "/oauth/token";

export const oauthClientSchema = z.object({
  clientId: z.string(),
  secretRefs: z.array(z.string()).min(1).max(liveSecretsMax),
  tokenSeconds: z.number().int(),
});
export type OAuthClient = z.infer<typeof oauthClientSchema>;

/** The connection's OAuth client, or null while it has none. */
export const oauthClientOf = (connection: Connection): OAuthClient | null =>
  oauthClientSchema.safeParse(connection.settings.hookOAuth).data ?? null;

const shownSchema = z.object({
  tokenUrl: z.string().describe("where the sender fetches its tokens: POST, grant_type=client_credentials"),
  hookUrl: z.string().describe("where the sender delivers, with the token as bearer"),
  clientId: z.string(),
  liveSecrets: z.number().int().describe("how many client secrets are taken now"),
  tokenSeconds: z.number().int().describe("how long a token lives"),
});
const madeSchema = shownSchema.extend({
  clientSecret: z.string().nullable().describe("shown once; null in a repeated answer"),
});

const show = (deps: AppDeps, connection: Connection, client: OAuthClient) => ({
  tokenUrl: `${deps.publicUrl}${tokenPath}`,
  hookUrl: `${deps.publicUrl}/hooks/${connection.id}`,
  clientId: client.clientId,
  liveSecrets: client.secretRefs.length,
  tokenSeconds: client.tokenSeconds,
});

const params = z.strictObject({ id: idOf("con", "connection") });
const path = "/v1/connections/{id}/oauth";

export const oauthClientEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path,
    tag: "Connections",
    scope: "read",
    summary: "Read the OAuth client of a connection's webhook",
    params,
    answers: { 200: { description: "the client, without its secrets", schema: shownSchema } },
    problems: ["not-found"],
    handle: async ({ params: { id } }) => {
      const connection = await mustFindConnection(deps, id);
      return { status: 200, body: show(deps, connection, mustHave(connection)) };
    },
  }),
  makeEndpoint(deps),
  revokeEndpoint(deps),
];

const makeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path,
    tag: "Connections",
    scope: "admin",
    summary: "Make the OAuth client of a connection's webhook, or a new secret for it",
    description:
      "The secret is shown once. The one before it stays valid until the next is made, so that the sender can be switched over. Tokens are taken beside the webhook keys, where there are some.",
    params,
    body: z.strictObject({
      tokenSeconds: z
        .number()
        .int()
        .min(tokenSecondsMin)
        .max(tokenSecondsMax)
        .optional()
        .describe(`how long a token lives, in seconds; default as before, or ${tokenSecondsDefault}`),
    }),
    bodyOptional: true,
    bodyExample: {},
    answers: { 201: { description: "the client with its new secret", schema: madeSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, body, caller }) => {
      const connection = await mustFindConnection(deps, id);
      const known = oauthClientOf(connection);
      const suffix = () => toHex(deps.ids.bytes(suffixBytes));
      const ref = `${nameOf(connection, "oauth-secret")}:${suffix()}`;
      const client: OAuthClient = {
        clientId: known?.clientId ?? `${connection.id}.${suffix()}`,
        secretRefs: [`${referencePrefix}${ref}`, ...(known?.secretRefs ?? [])].slice(0, liveSecretsMax),
        tokenSeconds: body.tokenSeconds ?? known?.tokenSeconds ?? tokenSecondsDefault,
      };
      const settings = settingsWith(deps, connection, { ...client });
      const clientSecret = toHex(deps.ids.bytes(secretBytes));
      await keep(deps, ref, clientSecret);
      await saveSettings(deps, connection, { settings, actorId: caller.actorId });
      await eraseSecrets(deps, referencesIn(known?.secretRefs.slice(liveSecretsMax - 1)));
      const shown = { ...show(deps, connection, client), clientSecret };
      return { status: 201, body: shown, replayBody: { ...shown, clientSecret: null } };
    },
  });

const revokeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "DELETE",
    path,
    tag: "Connections",
    scope: "admin",
    summary: "Revoke the OAuth client of a connection's webhook, or its previous secret",
    description: "Tokens that were earned with what is revoked are refused from now on.",
    params,
    query: z.strictObject({
      which: z
        .enum(["all", "previous"])
        .default("all")
        .describe("all: no token is taken any more; previous: only the older of two secrets"),
    }),
    answers: {
      200: { description: "what is left", schema: z.object({ liveSecrets: z.number().int() }) },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, query, caller }) => {
      const connection = await mustFindConnection(deps, id);
      const client = mustHave(connection);
      const kept = query.which === "all" ? [] : client.secretRefs.slice(0, 1);
      const settings = settingsWith(deps, connection, kept.length === 0 ? null : { ...client, secretRefs: kept });
      await saveSettings(deps, connection, { settings, actorId: caller.actorId });
      await eraseSecrets(deps, referencesIn(client.secretRefs.slice(kept.length)));
      return { status: 200, body: { liveSecrets: kept.length } };
    },
  });

const mustHave = (connection: Connection): OAuthClient => {
  const client = oauthClientOf(connection);
  if (client === null) throw new ProblemError("not-found", "The connection has no OAuth client yet. POST makes one.");
  return client;
};

/** The connection's settings with another OAuth client. Throws a problem where the adapter has no such setting. */
const settingsWith = (deps: AppDeps, connection: Connection, client: JsonObject | null): JsonObject => {
  const { hookOAuth: _, ...rest } = connection.settings;
  const settings = client === null ? rest : { ...rest, hookOAuth: client };
  const parsed = deps.registry.find(connection.marketplace)?.settings.safeParse(settings);
  if (parsed?.success === true) return parsed.data;
  throw new ProblemError(
    "conflict",
    "This marketplace proves its deliveries in another way: it takes no OAuth client.",
  );
};

/** Saves new settings of a connection that nobody changed since it was read. Throws a problem otherwise. */
export const saveSettings = (
  deps: AppDeps,
  connection: Connection,
  change: { readonly settings: JsonObject; readonly actorId: string },
): Promise<Connection> =>
  commit(deps, async (tx) => {
    const now = await deps.store.connections.find(tx, connection.id);
    if (now?.version !== connection.version)
      throw new ProblemError("conflict", "The connection was changed at the same time. Ask again.");
    return deps.store.connections.save(tx, { ...connection, settings: change.settings }, change.actorId);
  });

/** The connection. Throws the problem where there is none. */
export const mustFindConnection = async (deps: AppDeps, id: string): Promise<Connection> => {
  const connection = await deps.store.connections.find(deps.db.sql, id);
  if (connection === null) throw notFound("connection", id);
  return connection;
};

/** The id of the connection that a client id was made for, or null: client ids carry it, so that no search is needed. */
export const connectionIdOf = (clientId: string): string | null =>
  /^(con_[0-9a-f]{32})\.[0-9a-f]{8}$/.exec(clientId)?.[1] ?? null;

/** The live secrets of a client by their ids. */
export const secretsOf = (client: OAuthClient): readonly { readonly id: string; readonly ref: string }[] =>
  client.secretRefs.map((ref) => ({
    id: secretIdOf(ref),
    ref: ref.startsWith(referencePrefix) ? ref.slice(referencePrefix.length) : ref,
  }));
