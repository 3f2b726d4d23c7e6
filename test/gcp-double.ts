/** Google in tests: the simulator in this process behind a session of the adapter, or a script of answers, and a deal that Google would take. */
import type { CoSell, Outcome, Session, Write } from "../adapters/contract.ts";
import { createGcp } from "../adapters/gcp/index.ts";
import { keyFileOf, simulatedCredential } from "../adapters/gcp/simulator/index.ts";
import type { Connection, JsonObject, ShareDraft } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import type { Clock, Http } from "../src/ports.ts";
import { draftOf as awsDraftOf, type DraftParts } from "./aws-double.ts";
import { openRig, type Rig, type RigOptions } from "./gcp-simulator-rig.ts";
import { testIds } from "./ids.ts";

export const { partnerId } = simulatedCredential;
const keyFile = JSON.stringify(keyFileOf(simulatedCredential));
export const start = new Date("2026-06-01T09:00:00.000Z");

export const settings = {
  partnerId,
  credentials: { keyRef: "secret:key" },
  defaults: {
    productFamily: ["GOOGLE_CLOUD_PLATFORM"],
    supportLevel: "ALIGN_SALES_ACCOUNT",
    deliveryModel: "SAAS_ON_GOOGLE_CLOUD",
    legalLanguageAccepted: true,
  },
} satisfies JsonObject;

export const connection = (over: Partial<Connection> = {}): Connection => ({
  id: "con_1",
  marketplace: "gcp",
  label: "Google",
  account: partnerId,
  environment: "simulated",
  settings,
  state: "active",
  parkedReason: null,
  version: 1,
  createdAt: start,
  ...over,
});

export interface OpenWith {
  readonly http: Http;
  readonly clock: Clock;
  readonly settings?: JsonObject;
  readonly secrets?: Readonly<Record<string, string | null>>;
  /** What the quota was asked for, in order, beside what was sent. */
  readonly asked?: string[];
}
export const openSession = (at: OpenWith): Session => {
  const values: Readonly<Record<string, string | null>> = {
    key: keyFile,
    ...at.secrets,
  };
  return createGcp().open(
    {
      clock: at.clock,
      ids: testIds,
      http: at.http,
      secrets: {
        get: async (ref) => {
          const value = values[ref];
          if (value === null) throw new Error("the store is away");
          return value === undefined ? null : { value, version: 1 };
        },
        rotate: async () => false,
      },
      quota: {
        take: async (kind) => {
          at.asked?.push(`quota ${kind}`);
          return ok(null);
        },
      },
    },
    connection({ settings: { ...settings, ...at.settings } }),
  );
};
export const coSellOf = (session: Session): CoSell => {
  if (session.coSell === undefined) throw new Error("no co-sell");
  return session.coSell;
};

export interface Sent {
  readonly method: string;
  readonly url: URL;
  readonly text: string;
}
export interface GoogleOptions extends RigOptions {
  readonly connection?: JsonObject;
  /** What answers at hosts that are none of Google's. */
  readonly outside?: (request: Request) => Promise<Response>;
}
/** The simulator behind a session, with everything that went over the wire but the sign-in. */
export const openGoogle = (options: GoogleOptions = {}) => {
  const { connection: over = {}, outside, ...rigOptions } = options;
  const rig: Rig = openRig({ start, ...rigOptions });
  const sent: Sent[] = [];
  const tokens: string[] = [];
  const http: Http = async (request) => {
    const url = new URL(request.url);
    if (outside !== undefined && !url.host.endsWith(".googleapis.com")) return outside(request);
    const text = await request.clone().text();
    if (url.host.startsWith("oauth2")) tokens.push(text);
    else sent.push({ method: request.method, url, text });
    // The simulator's quota refills with time.
    rig.pause(1);
    return rig.simulator.fetch(request);
  };
  const session = openSession({ http, clock: rig.clock, settings: over });
  const coSell = coSellOf(session);
  return {
    rig,
    session,
    coSell,
    sent,
    tokens,
    calls: (): readonly string[] => sent.map(({ method, url }) => `${method} ${url.pathname}`),
    /** Walks a submission to its end. */
    submit: async (draft: ShareDraft): Promise<readonly Outcome[]> => {
      const done: Outcome[] = [];
      for (let step = 0; step < 5; step++) {
        const next = coSell.submission(draft, done);
        if (next.kind !== "write") return done;
        done.push(value(await coSell.run(next.write, "token")));
      }
      throw new Error("the submission did not end");
    },
  };
};

export const value = <T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: unknown },
): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.value;
};
export const fault = (
  result:
    | { readonly ok: true }
    | { readonly ok: false; readonly fault: { readonly kind: string; readonly message: string } },
) => {
  if (result.ok) throw new Error("it was answered");
  return result.fault;
};
export const writeOf = (coSell: CoSell, draft: ShareDraft, done: readonly Outcome[] = []): Write => {
  const next = coSell.submission(draft, done);
  if (next.kind !== "write") throw new Error(`no write but ${next.kind}`);
  return next.write;
};

/** A deal that breaks no rule of Google's. */
export const draftOf = (parts: DraftParts = {}): ShareDraft => {
  const draft = awsDraftOf({ fields: {}, ...parts });
  return { ...draft, account: { ...draft.account, industry: "Software and Internet", ...parts.account } };
};
