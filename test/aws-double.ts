/** A small AWS of the tests: an HTTP server with canned answers, an outbound port, and a deal that AWS would take. */
import { createAws } from "../adapters/aws/index.ts";
import type { Session } from "../adapters/contract.ts";
import type { Connection, JsonObject, ShareDraft } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import type { Http } from "../src/ports.ts";
import { type DraftParts, draftWith, now } from "./drafts.ts";
import { testIds } from "./ids.ts";
import { listen } from "./listen.ts";

export { customer, type DraftParts, now } from "./drafts.ts";
export const account = "111122223333";

/** What one request looked like on the wire. */
export interface Seen {
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: Record<string, unknown>;
}
export interface Canned {
  readonly status?: number;
  readonly body?: unknown;
  /** Sent instead of `body`, as it stands. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the server does instead of answering. */
  readonly trouble?: "reset" | "silent" | "truncate";
}
export interface Double {
  readonly url: string;
  readonly seen: Seen[];
  /** Answers, in order; the last one stays. By operation, or for all. */
  readonly script: (answers: Readonly<Record<string, readonly Canned[]>>) => void;
  readonly close: () => Promise<void>;
}

/** What the server says, or does instead of answering. */
const answerOf = (canned: Canned): Response | Promise<Response> => {
  if (canned.trouble === "silent") return new Promise(() => {});
  if (canned.trouble === "reset") throw new Error("reset");
  const bytes = new TextEncoder().encode(canned.raw ?? JSON.stringify(canned.body ?? {}));
  const truncated = canned.trouble === "truncate";
  return new Response(truncated ? cutOff(bytes) : bytes, {
    status: canned.status ?? 200,
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amzn-requestid": "0f7d0e0a-0000-4000-8000-000000000001",
      ...(truncated ? { "content-length": String(bytes.length + 100) } : {}),
      ...canned.headers,
    },
  });
};

/** All bytes there are, and then, where more were promised, the end of the connection. */
const cutOff = (bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> => {
  let sent = false;
  return new ReadableStream({
    pull: (controller) => {
      if (sent) controller.error(new Error("cut off"));
      else controller.enqueue(bytes);
      sent = true;
    },
  });
};

export const openDouble = async (): Promise<Double> => {
  const seen: Seen[] = [];
  let answers: Record<string, Canned[]> = {};
  const server = await listen(async (request) => {
    const text = await request.text();
    const headers = Object.fromEntries(request.headers);
    const target = (headers["x-amz-target"] ?? "").replace("AWSPartnerCentralSelling.", "");
    seen.push({ target, headers, text, body: JSON.parse(text) });
    const queue = answers[target] ?? [];
    return answerOf((queue.length > 1 ? queue.shift() : queue[0]) ?? { status: 500, raw: "no answer is scripted" });
  });
  return {
    url: server.url,
    seen,
    script: (given) => {
      answers = Object.fromEntries(Object.entries(given).map(([name, list]) => [name, [...list]]));
      seen.length = 0;
    },
    close: server.close,
  };
};

/** Fetch, with the bounds of the port. */
export const httpWithin =
  (timeoutMs: number): Http =>
  async (request, limits) => {
    if (!limits.hosts.includes(new URL(request.url).host)) throw new Error("this host may not be contacted");
    return fetch(request, { signal: AbortSignal.timeout(Math.min(limits.timeoutMs, timeoutMs)), redirect: "manual" });
  };
export const http = httpWithin(15_000);

export const settings: Connection["settings"] = {
  accountId: account,
  catalog: "AWS",
  credentials: { accessKeyIdRef: "secret:id", secretAccessKeyRef: "secret:key" },
  hookKeys: { headerName: "x-cosell-key", keyRefs: ["secret:hook-1", "secret:hook-2"] },
};
export const secrets: Readonly<Record<string, string>> = {
  id: "AKIDEXAMPLE",
  key: "not-a-real-key",
  "hook-1": "first-hook-key-0001",
  "hook-2": "second-hook-key-0002",
};

export const connection = (over: Partial<Connection> = {}): Connection => ({
  id: "con_1",
  marketplace: "aws",
  label: "AWS",
  account,
  environment: "simulated",
  settings,
  state: "active",
  parkedReason: null,
  version: 1,
  createdAt: now,
  ...over,
});

export interface Opened {
  readonly session: Session;
  readonly asked: ("read" | "write")[];
}
export interface OpenWith {
  readonly url?: string;
  readonly settings?: Connection["settings"];
  readonly environment?: Connection["environment"];
  readonly http?: Http;
  readonly secrets?: Readonly<Record<string, string | null>>;
  readonly order?: string[];
}
/** A session on the double; `asked` lists what the quota was asked for. */
export const openSession = (given: OpenWith = {}): Opened => {
  const asked: ("read" | "write")[] = [];
  const values: Readonly<Record<string, string | null>> = { ...secrets, ...given.secrets };
  const session = createAws().open(
    {
      clock: { now: () => now, sleep: async () => {} },
      ids: testIds,
      http: given.http ?? http,
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
          asked.push(kind);
          given.order?.push(`quota ${kind}`);
          return ok(null);
        },
      },
    },
    connection({
      environment: given.environment ?? "simulated",
      settings: { ...settings, ...(given.url === undefined ? {} : { endpoint: given.url }), ...given.settings },
    }),
  );
  return { session, asked };
};
export const coSellOf = (session: Session) => {
  if (session.coSell === undefined) throw new Error("no co-sell");
  return session.coSell;
};

export const programmeFields: JsonObject = {
  solutions: ["S-0000001"],
  useCase: "Security & Compliance",
  deliveryModels: ["SaaS or PaaS"],
  primaryNeeds: ["Co-Sell - Architectural Validation"],
  salesActivities: ["Conducted POC / Demo"],
  involvementType: "Co-Sell",
  visibility: "Full",
  marketing: { source: "None" },
};
/** A deal that breaks no rule. */
export const draftOf = (parts: DraftParts = {}): ShareDraft => draftWith(programmeFields, parts);
