/** The simulated Microsoft with a careful client in front of it: signs in, asks, and checks deliveries by node's own X.509. */
import { verify, X509Certificate } from "node:crypto";
import {
  type AzureSimulatorOptions,
  createAzureSimulator,
  createMemoryState,
  simulatedCredential,
} from "../adapters/azure/simulator/index.ts";
import type { SimulatorState } from "../adapters/contract.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { createSeededIds } from "../src/ids.ts";

export interface RigOptions extends Partial<AzureSimulatorOptions> {
  readonly state?: SimulatorState;
  readonly deliver?: (request: Request) => Promise<Response>;
  readonly start?: Date;
  /** The simulator cannot move its clock. */
  readonly isReal?: boolean;
}
export interface Raw {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers whose shape is the point of the test
  readonly body: any;
}
export interface Received {
  readonly at: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly event: JsonObject & { readonly EventName: string; readonly ResourceUri: string };
}

export const referralsUrl = "https://api.partner.microsoft.com/v1.0/engagements/referrals";
export const registrationUrl = "https://api.partnercenter.microsoft.com/webhooks/v1/registration";
export const tokenUrl = `https://login.microsoftonline.com/${simulatedCredential.tenantId}/oauth2/v2.0/token`;
export const scopeOf = (host: string): string => `https://${host}/.default`;
export const hookUrl = "https://cosell.example/hooks/azure";
export const everyEvent = [
  "referral-created",
  "referral-updated",
  "related-referral-created",
  "related-referral-updated",
  "test-created",
];

export const rawOf = async (response: Response): Promise<Raw> => {
  const text = await response.text();
  const body = /^[{[]/.test(text) && !text.startsWith("[object") ? JSON.parse(text) : null;
  return { status: response.status, headers: response.headers, text, body };
};
const form = (values: Readonly<Record<string, string>>): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(values).toString(),
});

export const openRig = (options: RigOptions = {}) => {
  const clock = createVirtualClock(options.start ?? new Date("2026-06-01T09:00:00.250Z"));
  const received: Received[] = [];
  const state = options.state ?? createMemoryState();
  const record = async (request: Request): Promise<Response> => {
    const body = new Uint8Array(await request.arrayBuffer());
    const event = JSON.parse(new TextDecoder().decode(body));
    received.push({ at: clock.now().toISOString(), headers: request.headers, body, event });
    return new Response(null, { status: 202 });
  };
  const simulator = createAzureSimulator(
    { clock, ids: createSeededIds(clock, "rig"), state, deliver: options.deliver ?? record },
    {
      seed: "rig",
      reviewer: "manual",
      instantTimeouts: true,
      ...(options.isReal ? {} : { advance: clock.advanceTo }),
      ...options,
    },
  );
  const raw = async (url: string, init: RequestInit = {}): Promise<Raw> =>
    rawOf(await simulator.fetch(new Request(url, init)));
  const { clientId, clientSecret, refreshToken } = simulatedCredential;
  const application = { client_id: clientId, client_secret: clientSecret };
  const refresh = (token = refreshToken, more: Readonly<Record<string, string>> = {}): Promise<Raw> =>
    raw(
      tokenUrl,
      form({
        grant_type: "refresh_token",
        ...application,
        refresh_token: token,
        scope: `${scopeOf("api.partner.microsoft.com")} offline_access`,
        ...more,
      }),
    );
  let kept: { readonly token: string; readonly until: number } | null = null;
  const bearer = async (): Promise<string> => {
    const now = clock.now().getTime();
    if (kept === null || now >= kept.until)
      kept = { token: (await refresh()).body.access_token, until: now + 3_600_000 };
    return kept.token;
  };
  let calls = 0;
  /** Calls the referrals API as a user whose token is renewed by the hour. */
  const call = async (
    method: string,
    path = "",
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Raw> => {
    calls += 1;
    return raw(`${referralsUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await bearer()}`,
        "client-request-id": `00000000-0000-4000-8000-${String(calls).padStart(12, "0")}`,
        "content-type": "application/json",
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  const applicationToken = async (host = "api.partnercenter.microsoft.com"): Promise<string> =>
    (await raw(tokenUrl, form({ grant_type: "client_credentials", ...application, scope: scopeOf(host) }))).body
      .access_token;
  const pause = (seconds: number): void => clock.advanceTo(new Date(clock.now().getTime() + seconds * 1000));
  return {
    simulator,
    controls: simulator.controls,
    clock,
    state,
    received,
    raw,
    token: (values: Readonly<Record<string, string>>) => raw(tokenUrl, form({ ...application, ...values })),
    refresh,
    bearer,
    applicationToken,
    call,
    pause,
    /** Calls the registration API as the application. */
    center: async (method: string, path = "", body?: unknown): Promise<Raw> =>
      raw(`${registrationUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${await applicationToken()}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    register: () => simulator.controls.putRegistration({ url: hookUrl, signatureInOwnHeader: false }),
    /** Lets time pass and does what is due: what was told arrives. */
    settle: async (seconds = 60): Promise<void> => {
      pause(seconds);
      await simulator.tick();
    },
    create: async (change: JsonObject = {}): Promise<Raw["body"]> => good(await call("POST", "", goodReferral(change))),
    invite: async (own: Raw["body"], change: JsonObject = {}): Promise<Raw["body"]> =>
      good(await call("POST", "", invitation(own.engagementId, change))),
    get: async (id: string): Promise<Raw["body"]> => good(await call("GET", `/${id}`)),
    patch: (id: string, changes: readonly JsonObject[], headers: Record<string, string> = {}): Promise<Raw> =>
      call("PATCH", `/${id}`, changes, { prefer: "return=representation", ...headers }),
    list: async (query: Readonly<Record<string, string>> = {}): Promise<Raw["body"]> =>
      good(await call("GET", `?${new URLSearchParams(query).toString()}`)),
  };
};
export type Rig = ReturnType<typeof openRig>;

const good = (raw: Raw): Raw["body"] => {
  if (raw.status >= 300) throw new Error(raw.text);
  return raw.body;
};

export const replace = (path: string, value: JsonObject[string]): JsonObject => ({ op: "replace", path, value });
export const codeOf = (raw: Raw): string => `${raw.status} ${raw.body?.error?.code}`;
export const innerOf = (raw: Raw): string => `${raw.status} ${raw.body?.error?.innerError?.code}`;
export const aadOf = (raw: Raw): string => `${raw.status} ${raw.body?.error} ${raw.body?.error_codes?.[0]}`;
export const statusOf = (body: Raw["body"]): string => `${body.status}/${body.substatus}`;

const member = { firstName: "Ada", lastName: "Grey", phoneNumber: "15551234567", email: "ada@partner.example" };
const shared = {
  customerProfile: {
    name: "Example Foods",
    address: { addressLine1: "1 Mill Lane", city: "Dayton", state: "OH", postalCode: "45402", country: "US" },
    size: "51to250employees",
    team: [{ firstName: "Bo", lastName: "Lund", phoneNumber: "15557654321", email: "bo@foods.example" }],
    ids: [],
  },
  details: {
    notes: "Shelves are planned by hand.",
    dealValue: 50_000,
    currency: "USD",
    closingDateTime: "2026-12-31T00:00:00Z",
    requirements: { solutions: [{ id: "SOL-34104-EBA", name: "Shelf planning", type: "Name" }] },
  },
  team: [member],
};
/** A deal of the partner's that can be shared with Microsoft. */
export const goodReferral = (change: JsonObject = {}): JsonObject => ({
  name: "Shelf planning",
  externalReferenceId: "CRM-1",
  status: "New",
  substatus: "Pending",
  type: "Shared",
  qualification: "SalesQualified",
  target: [{ type: "SolutionProfile", id: "SOL-34104-EBA" }],
  consent: {
    consentToContact: true,
    consentToToShareInfoWithOthers: true,
    consentToShareReferralWithMicrosoftSellers: true,
  },
  ...shared,
  ...change,
});
/** The second step: Microsoft's own referral in the same engagement. */
export const invitation = (engagementId: string, change: JsonObject = {}): JsonObject => ({
  engagementId,
  organizationId: "msft",
  organizationName: "Microsoft",
  externalReferenceId: "CRM-1",
  status: "New",
  substatus: "Pending",
  type: "Shared",
  qualification: "SalesQualified",
  target: [{ type: "BusinessProfileLocation", id: "msft" }],
  consent: { consentToContact: true, consentToToShareInfoWithOthers: true },
  inviteContext: { notes: "Please help us to win this.", assistanceRequestCode: "GeneralOrOther" },
  ...shared,
  ...change,
});

/** What a careful receiver makes of a delivery: `good`, or why not. Written from Microsoft's description, with node's own X.509. */
export const judge = async (rig: Pick<Rig, "simulator" | "clock">, { headers, body }: Received): Promise<string> => {
  const given = headers.get("x-ms-signature") ?? headers.get("authorization") ?? "";
  const [, signature] = /^Signature ([A-Za-z0-9+/=]+)$/.exec(given) ?? [];
  if (signature === undefined) return "no signature";
  if (headers.get("x-ms-signature-algorithm") !== "rsa-sha256") return "algorithm";
  const url = headers.get("x-ms-certificate-url") ?? "";
  if (!/^https:\/\/3psostorageacct\.blob\.core\.windows\.net\/cert\/[\w.-]+\.cer$/.test(url)) return "address";
  const fetched = await rig.simulator.fetch(new Request(url));
  if (fetched.status !== 200) return "no certificate";
  const certificate = new X509Certificate(new Uint8Array(await fetched.arrayBuffer()));
  const root = new X509Certificate(simulatedCredential.rootCertificate);
  if (!certificate.verify(root.publicKey)) return "authority";
  if (!certificate.subject.includes("O=Microsoft Corporation")) return "organization";
  if (certificate.ca) return "no signer";
  if (new Date(certificate.validTo) < rig.clock.now()) return "expired";
  const isSigned = verify("RSA-SHA256", body, certificate.publicKey, Buffer.from(signature, "base64"));
  return isSigned ? "good" : "signature";
};
