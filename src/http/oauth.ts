/**
 * The token endpoint: OAuth 2.0 client credentials (RFC 6749, 4.4) for the senders of webhooks, such as the connection of
 * an EventBridge API destination. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html
 */
import * as z from "zod";
import type { Connection } from "../domain/deal.ts";
import type { Clock } from "../ports.ts";
import { hookAudience, isSameSecret, issueToken } from "../tokens.ts";
import { readBytes } from "./door.ts";
import { type AppDeps, type Endpoint, endpoint } from "./endpoint.ts";
import { connectionIdOf, type OAuthClient, oauthClientOf, secretsOf, tokenPath } from "./oauth-clients.ts";

const formBytesMax = 8 * 1_024;
const scopeKnown = "hook.deliver";
const mediaType = "application/x-www-form-urlencoded";
const retrySeconds = 60;

/** The refusals of RFC 6749, 5.2, and one for who fails too often. */
type ErrorCode =
  | "invalid_request"
  | "invalid_client"
  | "unsupported_grant_type"
  | "invalid_scope"
  | "temporarily_unavailable";

interface Refused {
  readonly error: ErrorCode;
  readonly description: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}
const refused = (error: ErrorCode, description: string, more: Partial<Refused> = {}): Refused => ({
  error,
  description,
  status: error === "invalid_client" ? 401 : 400,
  ...more,
});
const isRefused = (value: object): value is Refused => "error" in value;

const errorSchema = z.object({ error: z.string(), error_description: z.string() });
const tokenSchema = z.object({
  access_token: z.string(),
  token_type: z.literal("Bearer"),
  expires_in: z.number().int().describe("seconds"),
  scope: z.literal(scopeKnown),
});

export const oauthEndpoints = (deps: AppDeps): readonly Endpoint[] => {
  const failures = createFailureCount(deps.clock);
  return [
    endpoint({
      method: "POST",
      path: tokenPath,
      tag: "Webhooks",
      scope: null,
      summary: "Exchange a client id and secret for a short-lived token",
      description: `OAuth 2.0 client credentials (RFC 6749, 4.4): a form with grant_type=client_credentials, the client in a Basic header or as client_id and client_secret. The token opens the connection's own webhook and nothing else. Other parameters are not looked at.`,
      query: z.looseObject({}),
      answers: {
        200: { description: "a bearer token for the connection's webhook", schema: tokenSchema },
        400: { description: "the request is not understood (RFC 6749, 5.2)", schema: errorSchema },
        401: { description: "the client is not known or its secret is wrong", schema: errorSchema },
        429: { description: "this client failed too often; a right secret is still taken", schema: errorSchema },
        503: { description: "the client cannot be checked now", schema: errorSchema },
      },
      problems: ["too-large"],
      handle: async ({ request }) => {
        const answer = await exchange(deps, failures, request);
        return isRefused(answer) ? refusal(answer) : tokenAnswer(answer);
      },
    }),
  ];
};

const noStore = { "cache-control": "no-store", pragma: "no-cache" };
const refusal = ({ error, description, status, headers }: Refused) => ({
  status,
  body: { error, error_description: description },
  headers: { ...noStore, ...headers },
});
const tokenAnswer = ({ token, expiresInSeconds }: { readonly token: string; readonly expiresInSeconds: number }) => ({
  status: 200,
  body: { access_token: token, token_type: "Bearer", expires_in: expiresInSeconds, scope: scopeKnown },
  headers: noStore,
});

const exchange = async (deps: AppDeps, failures: FailureCount, request: Request) => {
  const form = await readForm(request);
  if (isRefused(form)) return form;
  const given = clientIn(request, form);
  if (isRefused(given)) return given;
  const found = await authenticate(deps, given);
  if ("kind" in found) {
    if (found.kind === "away")
      return refused("temporarily_unavailable", "the client cannot be checked now; ask again soon", {
        status: 503,
        headers: { "retry-after": "5" },
      });
    return failedClient(deps, failures, { given, request });
  }
  if (form.get("grant_type") === undefined) return refused("invalid_request", "grant_type is missing");
  if (form.get("grant_type") !== "client_credentials")
    return refused("unsupported_grant_type", "only grant_type=client_credentials is taken here");
  const scope = form.get("scope");
  if (scope !== undefined && scope !== "" && scope !== scopeKnown)
    return refused("invalid_scope", `the only scope is ${scopeKnown}`);
  const { connection, client, secretId } = found;
  const claims = { audience: hookAudience(connection.id), clientId: client.clientId, secretId };
  return issueToken(deps, claims, client.tokenSeconds);
};

type Form = ReadonlyMap<string, string> | Refused;
const readForm = async (request: Request): Promise<Form> => {
  const stated = (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  const bytes = await readBytes(request, formBytesMax);
  if (bytes.length > 0 && stated !== mediaType) return refused("invalid_request", `send the form as ${mediaType}`);
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(new TextDecoder().decode(bytes))) {
    // RFC 6749, 3.2: parameters must not be included more than once.
    if (form.has(name)) return refused("invalid_request", "a parameter is given twice");
    form.set(name, value);
  }
  return form;
};

interface Given {
  readonly clientId: string;
  readonly secret: string;
  readonly byHeader: boolean;
}
/** The client's credentials, from the Basic header or the form; both only when they say the same. */
const clientIn = (request: Request, form: ReadonlyMap<string, string>): Given | Refused => {
  const header = request.headers.get("authorization");
  const [id, secret] = [form.get("client_id"), form.get("client_secret")];
  if (header === null) {
    if (id === undefined || secret === undefined)
      return refused("invalid_client", "send the client id and secret in a Basic header or in the form", challenge);
    return { clientId: id, secret, byHeader: false };
  }
  const basic = basicOf(header);
  if (basic === null) return refused("invalid_client", "the Authorization header is not Basic", challenge);
  const contradicts = (id !== undefined && id !== basic.clientId) || (secret !== undefined && secret !== basic.secret);
  return contradicts ? refused("invalid_request", "the header and the form name different clients") : basic;
};
const challenge = { headers: { "www-authenticate": 'Basic realm="cosell", charset="UTF-8"' } };

/** Id and secret are form-encoded before they are joined (RFC 6749, 2.3.1). */
const basicOf = (header: string): Given | null => {
  const [, encoded = ""] = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header) ?? [];
  try {
    const bytes = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const colon = text.indexOf(":");
    if (colon < 1) return null;
    const plain = (part: string): string => decodeURIComponent(part.replaceAll("+", " "));
    return { clientId: plain(text.slice(0, colon)), secret: plain(text.slice(colon + 1)), byHeader: true };
  } catch {
    return null;
  }
};

type Found =
  | { readonly connection: Connection; readonly client: OAuthClient; readonly secretId: string }
  | { readonly kind: "unknown" | "away" };
/** Every live secret is compared, whichever matches; an unknown client costs the same comparisons. */
const authenticate = async (deps: AppDeps, { clientId, secret }: Given): Promise<Found> => {
  const connectionId = connectionIdOf(clientId);
  const connection = connectionId === null ? null : await deps.store.connections.find(deps.db.sql, connectionId);
  const client = connection === null ? null : oauthClientOf(connection);
  if (connection === null || client === null || !isSameSecret(clientId, client.clientId)) {
    isSameSecret(secret, clientId);
    return { kind: "unknown" };
  }
  let secretId: string | null = null;
  let unread = false;
  for (const { id, ref } of secretsOf(client)) {
    const known = await deps.secrets.get(ref).catch(() => null);
    if (known === null || known.value === "") unread = true;
    else if (isSameSecret(secret, known.value)) secretId = id;
  }
  if (secretId !== null) return { connection, client, secretId };
  return { kind: unread ? "away" : "unknown" };
};

const failedClient = (
  deps: AppDeps,
  failures: FailureCount,
  { given, request }: { readonly given: Given; readonly request: Request },
): Refused => {
  const connection = connectionIdOf(given.clientId);
  const count = failures.add(connection ?? "unknown");
  // Past the limit nothing more is written about it: a log must not grow at an attacker's pace.
  if (count <= failuresMax)
    deps.log.warn("a token was refused", { connection, failures: count, bytes: request.headers.get("content-length") });
  if (count > failuresMax)
    return refused("temporarily_unavailable", "too many failed requests; wait a minute", {
      status: 429,
      headers: { "retry-after": String(retrySeconds) },
    });
  return refused("invalid_client", "the client is not known or its secret is wrong", given.byHeader ? challenge : {});
};

const failuresMax = 10;
const clientsMax = 1_000;
interface FailureCount {
  /** Counts a failure and returns how many there were in this minute. */
  readonly add: (client: string) => number;
}
/**
 * Failed requests by client in the running minute, at most a thousand clients. Only failures are held back: a right secret
 * is always taken, so that nobody can lock a sender out by guessing in its name.
 */
const createFailureCount = (clock: Clock): FailureCount => {
  const counts = new Map<string, number>();
  let minute = 0;
  return {
    add: (client) => {
      const now = Math.floor(clock.now().getTime() / 60_000);
      if (now !== minute) counts.clear();
      minute = now;
      const name = counts.has(client) || counts.size < clientsMax ? client : "others";
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return count;
    },
  };
};
