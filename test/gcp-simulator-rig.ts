/** A Google simulator on a virtual clock, and a service account that signs its own assertions as Google's libraries do. */
import { importPKCS8, SignJWT } from "jose";
import type { SimulatorState } from "../adapters/contract.ts";
import {
  createGcpSimulator,
  createMemoryState,
  type GcpSimulatorOptions,
  simulatedCredential,
} from "../adapters/gcp/simulator/index.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { createSeededIds } from "../src/ids.ts";

export const partner = `partners/${simulatedCredential.partnerId}`;
export const channel = "https://cloudchannel.googleapis.com/v1alpha1";
export const crm = `https://cloudcrmpartners.googleapis.com/v1/${partner}`;
export const tokenUrl = "https://oauth2.googleapis.com/token";
export const channelScope = "https://www.googleapis.com/auth/apps.order";
export const marketplaceScope = "https://www.googleapis.com/auth/cloud-platform";
export const crmScope = "https://www.googleapis.com/auth/cloudcrmpartners";

export interface RigOptions extends Partial<GcpSimulatorOptions> {
  readonly state?: SimulatorState;
  readonly start?: Date;
  /** Where pushes arrive. */
  readonly deliver?: (request: Request) => Promise<Response>;
}

export const openRig = (options: RigOptions = {}) => {
  const clock = createVirtualClock(options.start ?? new Date("2026-06-01T09:00:00.250Z"));
  const state = options.state ?? createMemoryState();
  const simulator = createGcpSimulator(
    {
      clock,
      ids: createSeededIds(clock, "rig"),
      state,
      deliver: options.deliver ?? (async () => new Response(null)),
    },
    { seed: "rig", reviewer: "manual", advance: clock.advanceTo, instantTimeouts: true, ...options },
  );
  let bearer: string | null = null;
  const pause = (seconds: number): void => clock.advanceTo(new Date(clock.now().getTime() + seconds * 1000));
  const signIn = async (scope = `${channelScope} ${crmScope} ${marketplaceScope}`): Promise<string> => {
    const answer = await rawOf(await simulator.fetch(tokenRequest(await assertionFor({ scope, now: clock.now() }))));
    if (answer.status !== 200) throw new Error(answer.text);
    return answer.body.access_token;
  };
  /** Calls with a token that is renewed every half hour; lets a second pass first: the quota. */
  let renewedMs = 0;
  const call = async (method: string, address: string, body?: unknown): Promise<Raw> => {
    pause(1);
    if (bearer === null || clock.now().getTime() - renewedMs > 1_800_000) {
      bearer = await signIn();
      renewedMs = clock.now().getTime();
    }
    return rawOf(await simulator.fetch(requestOf(method, address, { body, bearer })));
  };
  const opportunity = (id: string): string =>
    `${channel}/${id.includes("/") ? id : `opportunities/${id}`}?partner=${partner}`;
  return {
    simulator,
    controls: simulator.controls,
    clock,
    state,
    pause,
    signIn,
    call,
    create: async (change: JsonObject = {}): Promise<string> => {
      const made = await call("POST", `${channel}/opportunities?partner=${partner}`, goodDeal(change));
      if (made.status !== 200) throw new Error(made.text);
      return made.body.name;
    },
    get: async (id: string): Promise<Raw["body"]> => (await call("GET", opportunity(id))).body,
    patch: (id: string, body: JsonObject, mask: string): Promise<Raw> =>
      call("PATCH", `${opportunity(id)}&updateMask=${mask}`, body),
    query: (more: Readonly<Record<string, string>> = {}): Promise<Raw> =>
      call("GET", `${channel}/opportunities:query?${new URLSearchParams({ partner, ...more })}`),
  };
};
export type Rig = ReturnType<typeof openRig>;

export interface Raw {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers whose shape is the point of the test
  readonly body: any;
}
export const rawOf = async (response: Response): Promise<Raw> => {
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, text, body: text.startsWith("{") && text.endsWith("}") ? JSON.parse(text) : null };
};

export interface Sending {
  readonly body?: unknown;
  readonly bearer: string | null;
}
export const requestOf = (method: string, address: string, { body, bearer }: Sending): Request =>
  new Request(address, {
    method,
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });

export interface Claims {
  readonly now: Date;
  readonly scope?: string;
  readonly iss?: string;
  readonly aud?: string;
  readonly seconds?: number;
  readonly kid?: string;
  readonly privateKey?: string;
  readonly sub?: string;
}
/** A signed assertion as section 2.1 of RFC 7523 has it. */
export const assertionFor = async (claims: Claims): Promise<string> => {
  const key = await importPKCS8(claims.privateKey ?? simulatedCredential.privateKey, "RS256");
  const iat = Math.floor(claims.now.getTime() / 1000);
  return new SignJWT({ scope: claims.scope ?? channelScope, ...(claims.sub === undefined ? {} : { sub: claims.sub }) })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: claims.kid ?? simulatedCredential.privateKeyId })
    .setIssuer(claims.iss ?? simulatedCredential.clientEmail)
    .setAudience(claims.aud ?? tokenUrl)
    .setIssuedAt(iat)
    .setExpirationTime(iat + (claims.seconds ?? 3_600))
    .sign(key);
};
export const tokenRequest = (assertion: string, at = tokenUrl): Request =>
  new Request(at, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion }).toString(),
  });

/** The paths of a refusal's violations. */
export const fieldsOf = (raw: Raw): readonly string[] =>
  raw.body.error.details.flatMap(
    (detail: { fieldViolations?: { field: string }[]; violations?: { subject: string }[] }) => [
      ...(detail.fieldViolations ?? []).map(({ field }) => field),
      ...(detail.violations ?? []).map(({ subject }) => subject),
    ],
  );
export const codeOf = (raw: Raw): string => raw.body.error.status;

/** A deal that Google would take. */
export const goodDeal = (change: JsonObject = {}): JsonObject => ({
  state: "SUBMITTED",
  opportunityInfo: {
    displayName: "Example Foods - shelf planning",
    description: "Shelves are planned by hand, and the customer wants forecasts.",
    productFamily: ["GOOGLE_CLOUD_PLATFORM"],
    opportunityAmount: { currencyCode: "USD", units: "15000" },
  },
  qualificationInfo: {
    operationType: "NEW",
    contractLengthMonths: 12,
    dealSize: { currencyCode: "USD", units: "15000", nanos: 500_000_000 },
    estimatedCloseDate: { year: 2026, month: 9, day: 30 },
    budget: "BUDGET_UNSPECIFIED",
    legalLanguageAccepted: true,
  },
  customerInfo: {
    customerDetails: {
      organizationName: "Example Foods Inc",
      domain: "foods.example",
      address: {
        regionCode: "US",
        postalCode: "45402",
        administrativeArea: "OH",
        locality: "Dayton",
        addressLines: ["1 Mill Road"],
      },
      industry: "SOFTWARE",
      employeeCount: 250,
    },
    contact: {
      givenName: "Pat",
      familyName: "Sample",
      email: "pat@foods.example",
      phone: { e164Number: "+15551234567" },
    },
    region: "NORTH_AMERICA",
  },
  isvSolutionConnectInfo: {
    isvSolutionConnectDeal: true,
    supportLevel: "ALIGN_SALES_ACCOUNT",
    contractVehicle: "UNKNOWN",
    deliveryModel: "SAAS_ON_GOOGLE_CLOUD",
  },
  ...change,
});

export const goodLead = (change: JsonObject = {}): JsonObject => ({
  engagementModel: "SELL",
  dealTransactionType: "NEW",
  customer: { companyName: "Example Foods Inc" },
  partnerAnnualContractValue: 15_000.5,
  leadCurrencyCode: "USD",
  estimatedCloseDate: { year: 2026, month: 9, day: 30 },
  dealTerm: "12",
  opportunitySummary: "Shelf planning",
  supportLevel: "ALIGN_SALES_ACCOUNT",
  productInterests: ["GOOGLE_CLOUD_PLATFORM"],
  submitterEmail: "ada@partner.example",
  externalSystemId: "cosell-1",
  ...change,
});
