/**
 * Signing in as the application alone, for the surfaces that take it: Microsoft's own library makes and renews the tokens, the Http port
 * carries its requests, so that allow-list and simulator hold for it as well. A credential is made once per source and kept, with
 * its tokens; the library is loaded at its first use, because loading it costs a Worker's start.
 */
import type { TokenCredential, TokenCredentialOptions } from "@azure/identity";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import { OutboundError } from "../../src/outbound.ts";
import type { ClockDep, HttpDep, IdsDep, SecretsDep } from "../../src/ports.ts";
import type { AppSettings } from "./app-settings.ts";
import { createAssertion } from "./assertion.ts";
import { placed, usual } from "./exchange.ts";
import { loginHost, meaningOf } from "./grants.ts";
import type { Bearer } from "./registration.ts";
import { secretName } from "./vault.ts";

type HttpClient = NonNullable<TokenCredentialOptions["httpClient"]>;
type SentRequest = Parameters<HttpClient["sendRequest"]>[0];
type SentResponse = Awaited<ReturnType<HttpClient["sendRequest"]>>;

export interface AppTarget {
  readonly connectionId: string;
  readonly tenantId: string;
  readonly app: AppSettings;
  /** A simulator's address. */
  readonly endpoint?: string | undefined;
}
export type WorkloadSource = Extract<AppSettings, { kind: "workload" }> & { readonly tenantId: string };
export interface AppOptions {
  /** Signs in with what the machine was given; only Node has that. Absent: connections that ask for it are denied by name. */
  readonly workload?: (source: WorkloadSource, options: TokenCredentialOptions) => TokenCredential;
}
type AppDeps = ClockDep & HttpDep & IdsDep & SecretsDep;
export interface AppCredentials {
  readonly of: (deps: AppDeps, target: AppTarget) => Bearer;
}

const keptMax = 500;

/** One for a process: the marketplace makes it and gives it to all its sessions. */
export const createAppCredentials = (options: AppOptions = {}): AppCredentials => {
  const kept = new Map<string, TokenCredential>();
  return {
    of: (deps, target) => {
      const owner = JSON.stringify([target.connectionId, target.tenantId, target.app, target.endpoint]);
      const find = async (): Promise<Result<TokenCredential>> => {
        const secret = await secretOf(deps, target.app);
        if (!secret.ok) return secret;
        // A secret that was stored anew makes another credential.
        const key = `${owner} ${secret.value?.version ?? 0}`;
        const known = kept.get(key);
        if (known !== undefined) return ok(known);
        const made = await make(deps, { target, secret: secret.value?.value ?? "", options });
        if (!made.ok) return made;
        if (kept.size >= keptMax) kept.clear();
        kept.set(key, made.value);
        return made;
      };
      return {
        token: async (scope) => {
          const credential = await find();
          if (!credential.ok) return credential;
          try {
            const token = await credential.value.getToken(scope);
            return token === null ? failed(unusable("no token was given")) : ok(token.token);
          } catch (error) {
            return failed(faultOf(error));
          }
        },
        // The library keeps its tokens to itself: a fresh credential has none.
        drop: () => {
          for (const key of kept.keys()) if (key.startsWith(`${owner} `)) kept.delete(key);
        },
      };
    },
  };
};

type Secret = { readonly value: string; readonly version: number } | null;
const secretOf = async ({ secrets }: SecretsDep, app: AppSettings): Promise<Result<Secret>> => {
  if (app.kind === "workload") return ok(null);
  const ref = app.kind === "secret" ? app.clientSecretRef : app.certificateRef;
  const found = await secrets.get(secretName(ref)).catch(() => undefined);
  if (found === undefined) return failed({ kind: "unavailable", message: `the secret ${ref} cannot be read now` });
  if (found === null || found.value === "")
    return failed({
      kind: "denied",
      message: `the connection's secret ${ref} is not stored; store it and resume the connection`,
    });
  return ok(found);
};

interface Making {
  readonly target: AppTarget;
  readonly secret: string;
  readonly options: AppOptions;
}
const make = async (deps: AppDeps, { target, secret, options }: Making): Promise<Result<TokenCredential>> => {
  const { app } = target;
  const tenantId = app.tenantId ?? target.tenantId;
  const carried: TokenCredentialOptions & { readonly disableInstanceDiscovery: boolean } = {
    authorityHost: `https://${loginHost}`,
    // Asks another address whether the authority is one: we name it.
    disableInstanceDiscovery: true,
    httpClient: carrierOf(deps, target.endpoint),
    // Whoever asked for the work tries it again.
    retryOptions: { maxRetries: 0 },
  };
  if (app.kind === "workload") {
    if (options.workload === undefined)
      return failed(
        unusable("this runtime has no workload identity: it needs Node; use a client secret or a certificate here"),
      );
    return ok(options.workload({ ...app, tenantId }, carried));
  }
  const { ClientAssertionCredential, ClientSecretCredential } = await import("@azure/identity");
  try {
    return ok(
      app.kind === "secret"
        ? new ClientSecretCredential(tenantId, app.clientId, secret, carried)
        : // The library's own certificate credential needs parts of Node that the Workers' runtime lacks.
          new ClientAssertionCredential(
            tenantId,
            app.clientId,
            await createAssertion(deps, { tenantId, clientId: app.clientId, pem: secret }),
            carried,
          ),
    );
  } catch {
    return failed(
      unusable(
        app.kind === "certificate"
          ? "the certificate is not PEM with its certificate and its RSA private key in PKCS #8 (BEGIN PRIVATE KEY; openssl pkcs8 -topk8 -nocrypt makes that)"
          : "tenant or client id are not of the form that Microsoft's library takes",
      ),
    );
  }
};

const unusable = (why: string): Fault => ({ kind: "denied", message: `the application cannot sign in: ${why}` });

/** Nothing of the library's messages is repeated but Entra's code. */
const faultOf = (error: unknown): Fault => {
  const text = error instanceof Error ? `${error.name} ${error.message}` : "";
  const code = /AADSTS(\d{4,7})/.exec(text)?.[1];
  if (code !== undefined) return unusable(meaningOf(code, "cosell connect azure"));
  const why = error instanceof OutboundError ? error.message : "no token came";
  return { kind: "unavailable", message: `Microsoft's token endpoint: ${why}` };
};

/** The Http port as the library's client. */
const carrierOf = ({ http }: HttpDep, endpoint: string | undefined): HttpClient => ({
  sendRequest: async (request: SentRequest): Promise<SentResponse> => {
    const url = placed(request.url, endpoint);
    const body = typeof request.body === "string" ? request.body : null;
    const response = await http(
      new Request(url, { method: request.method, headers: request.headers.toJSON(), body, redirect: "manual" }),
      { ...usual, hosts: [new URL(url).host] },
    );
    return {
      request,
      status: response.status,
      headers: headersOf(response.headers),
      bodyAsText: await response.text(),
    };
  },
});

const headersOf = (headers: Headers): SentResponse["headers"] => ({
  get: (name) => headers.get(name) ?? undefined,
  has: (name) => headers.has(name),
  set: (name, value) => headers.set(name, String(value)),
  delete: (name) => headers.delete(name),
  toJSON: () => Object.fromEntries(headers),
  [Symbol.iterator]: () => headers[Symbol.iterator](),
});
