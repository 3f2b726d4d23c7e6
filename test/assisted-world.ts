/** A whole service in virtual time against a partner whose side people do by hand: a small programme, and a network that must stay silent. */

import * as z from "zod";
import { type Assisted, byHand, type CoSell, type Marketplace } from "../adapters/contract.ts";
import { createEndpoints } from "../src/app.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { FormField } from "../src/domain/by-hand.ts";
import { jsonObjectSchema, type OpportunityInput, type ShareDraft } from "../src/domain/deal.ts";
import { type Gap, ok } from "../src/domain/fault.ts";
import { embeddedEngine } from "../src/embedded-engine.ts";
import type { AppDeps } from "../src/http/endpoint.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Log } from "../src/ports.ts";
import { createTimeline } from "../src/rehearsal.ts";
import { createService } from "../src/service.ts";
import { createSeal, createSecrets } from "../src/store/seal.ts";
import { createConformance } from "./http-conformance.ts";
import { testKey, testStart } from "./store-fixture.ts";
import { openTestDatabase } from "./template.ts";

export const day = 24 * 3_600_000;
const publicUrl = "http://cosell.test";

const gapsOf = ({ opportunity }: ShareDraft): readonly Gap[] =>
  (opportunity.problem ?? "").length >= 20
    ? []
    : [{ field: "problem", code: "too_short", message: "too short", fix: "say more", source: "https://rules.example" }];

const formOf = ({ opportunity, account, contacts }: ShareDraft): readonly FormField[] => {
  const customer = contacts.find(({ role }) => role === "customer");
  return [
    { field: "account.name", label: "Customer", value: account.name, section: "Customer" },
    { field: "contacts.customer.email", label: "Customer's e-mail", value: customer?.email ?? "", section: "Customer" },
    { field: "title", label: "Title", value: opportunity.title, section: "Deal" },
    { field: "problem", label: "Description", value: opportunity.problem ?? "", section: "Deal" },
    { field: "closeDate", label: "Close date", value: opportunity.closeDate ?? "", section: "Deal" },
    { field: "nextSteps", label: "Next step", value: opportunity.nextSteps ?? "", section: "Deal" },
  ];
};

/** Frozen while it is reviewed; accepted, everything but the customer may change. */
const assisted = (withdraws: boolean): Assisted => ({
  portal: { name: "Small Hub", url: "https://hub.example/deals" },
  number: {
    name: "deal number",
    example: "DR-1234567",
    format: "DR- and digits, as the hub shows it above the deal",
    parse: (text) => {
      const digits = /^DR-(\d{1,12})$/.exec(text.trim().toUpperCase())?.[1];
      return digits === undefined ? null : { id: `deals/${digits}` };
    },
    show: ({ id }) => `DR-${id.slice("deals/".length)}`,
  },
  form: formOf,
  steps: {
    create: ["Choose New deal.", "Type the fields below and choose Submit."],
    revise: ["Change the fields below and choose Save."],
    ...(withdraws ? { withdraw: ["Choose Withdraw."] } : {}),
  },
  standsFor: ["create"],
  statuses: [
    { word: "SUBMITTED", means: "they review it", event: "partner_stored" },
    { word: "ACCEPTED", means: "they work on it with us", event: "partner_accepted" },
    { word: "NOT_ACCEPTED", means: "they do not take it as it is", event: "partner_asked" },
    { word: "CLOSED_WON", means: "it is won", event: "launched" },
    { word: "CLOSED_LOST", means: "it is lost", event: "lost" },
    { word: "WITHDRAWN", means: "it was taken back", event: "withdrawn_by_partner" },
  ],
  stages: [
    { word: "QUALIFY", means: "they find out" },
    { word: "REFINE", means: "they plan" },
  ],
  frozen: (field, status) => {
    if (status === "SUBMITTED") return "they review it: nothing can be changed";
    return status === "ACCEPTED" && field.startsWith("account.") ? "the customer is fixed once they accept" : null;
  },
});

const settingsSchema = z.strictObject({ withdraws: z.boolean().default(true), api: z.boolean().default(false) });

/** Doors of an API, for a connection that gets one later: whoever knocks is counted. */
const apiDoors = (called: string[]): CoSell => {
  const knock = (name: string) => async () => {
    called.push(name);
    return { ok: false, fault: { kind: "unavailable", message: "not part of these tests" } } as const;
  };
  return {
    gaps: gapsOf,
    submission: (_draft, done) =>
      done.some(({ key }) => key === "create")
        ? { kind: "done" }
        : { kind: "write", write: { operation: "Create", key: "create", body: {}, token: "we-search" } },
    revision: () => ({ kind: "nothing", base: {} }),
    baseOf: () => ({}),
    newer: (a, b) => a > b,
    run: knock("run"),
    locate: knock("locate"),
    poll: knock("poll"),
    look: knock("look"),
    changes: knock("changes"),
  };
};

export const handMarketplace = (called: string[] = []): Marketplace => ({
  id: "gcp",
  name: "Small Hub",
  settings: settingsSchema as unknown as Marketplace["settings"],
  fields: jsonObjectSchema,
  example: { account: "partner-1", settings: {} },
  limits: {
    readsPerSecond: 10,
    writesPerSecond: 1,
    readsPerDay: 1_000,
    writesPerDay: 1_000,
    pageSize: 100,
    timeoutMs: 1_000,
    bodyBytesMax: 1_000_000,
  },
  open: (_deps, connection) => {
    const settings = settingsSchema.parse(connection.settings);
    return {
      lacks: {},
      check: async () => ok({}),
      coSell: settings.api ? apiDoors(called) : byHand({ gaps: gapsOf }, assisted(settings.withdraws)),
    };
  },
});

export interface TaskBody {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly form: number;
  readonly shareId: string;
  readonly number: string | null;
  readonly isOverdue: boolean;
  readonly reason: string | null;
  readonly steps: readonly string[];
  readonly fields: readonly {
    readonly field: string;
    readonly label: string;
    readonly value: string;
    readonly was?: string | null;
  }[];
}

export const openHand = async (
  seed: string,
  options: {
    readonly withdraws?: boolean;
    readonly taskDays?: number;
    readonly at?: (point: string) => void;
    /** Another marketplace than the small one, and a connection of it. */
    readonly instead?: { readonly marketplace: Marketplace; readonly connection: Readonly<Record<string, unknown>> };
  } = {},
) => {
  const database = await openTestDatabase();
  const { db } = database;
  const clock = createVirtualClock(testStart);
  const ids = createSeededIds(clock, seed);
  const seal = await createSeal(testKey, ids);
  const secrets = createSecrets({ db, clock, seal, env: {} });
  const logged: string[] = [];
  const note =
    (level: string) =>
    (message: string, fields = {}) =>
      void logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log: Log = { info: note("info"), warn: note("warn"), error: note("error") };
  /** Whatever was asked of the partner. */
  const called: string[] = [];
  const start = () =>
    createService({
      ...{ db, clock, ids, log, seal, secrets, publicUrl },
      engine: embeddedEngine,
      http: async (request) => {
        called.push(`${request.method} ${request.url}`);
        return new Response(null, { status: 599 });
      },
      publicHttp: { refusal: async () => null, post: async () => ({ status: 599, retryAfter: null }) },
      marketplaces: [options.instead?.marketplace ?? handMarketplace(called)],
      simulators: {},
      signingKey: `signkey-test-${"0".repeat(64)}`,
      retentionDays: 90,
      parallel: 1,
      // Virtual days pass in a few sweeps.
      sweepCron: "TZ=UTC 0 */8 * * *",
      ...(options.taskDays === undefined ? {} : { taskDays: options.taskDays }),
      ...(options.at === undefined ? {} : { at: options.at }),
    });
  let service = await start();
  const { store } = service;
  const actorId = await store.access.actor(db.sql, "person", "tester");
  const { secret: token } = await store.access.createKey(db.sql, {
    ...{ actorId, name: "test", scopes: ["read", "write", "admin"] as const, expiresAt: null },
  });
  const described = { db, clock, ids, seal, secrets, log, store, registry: service.registry, publicUrl };
  const conform = createConformance(createEndpoints(described as unknown as AppDeps), publicUrl);
  const fetchFrom = async (
    path: string,
    init: { readonly method: string; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> },
  ) => {
    const { method, body } = init;
    const response = await service.app.fetch(
      new Request(`${publicUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...init.headers,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    const contentType = (response.headers.get("content-type") ?? "").split(";")[0] ?? "";
    const answered = /json/.test(contentType) ? JSON.parse(text) : null;
    conform(method, path, { status: response.status, contentType, body: answered });
    return { status: response.status, headers: response.headers, text, body: answered };
  };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every route.
  const call = async <T = any>(method: string, path: string, body?: unknown) => {
    const answer = await fetchFrom(path, { method, body });
    return { ...answer, body: answer.body as T };
  };
  const running = {
    drain: () => service.drain(),
    isKicked: () => service.isKicked(),
    get runner() {
      return service.runner;
    },
  };
  const timeline = createTimeline({ clock, service: running, simulators: [] });
  const connect = async (account: string, settings: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    const made = await call("POST", "/v1/connections", {
      ...{ marketplace: "gcp", label: `Hub ${account}`, account, environment: "production" },
      settings: { withdraws: options.withdraws ?? true, ...settings },
      ...options.instead?.connection,
    });
    if (made.status >= 300) throw new Error(`not connected: ${made.text}`);
    return made.body.connection.id;
  };
  const connectionId = await connect("partner-1");
  const save = async (deal: OpportunityInput): Promise<string> =>
    (await call("POST", "/v1/opportunities", deal)).body.id;
  const share = async (deal: OpportunityInput, to = connectionId): Promise<string> => {
    const made = await call("POST", `/v1/opportunities/${await save(deal)}/shares`, { connectionId: to });
    if (made.status !== 201) throw new Error(`not shared: ${made.text}`);
    await timeline.settle();
    return made.body.share.id;
  };
  const taskOf = async (shareId: string): Promise<TaskBody> => {
    const { items } = (await call("GET", `/v1/tasks?share=${shareId}&state=open`)).body;
    if (items.length !== 1) throw new Error(`${items.length} tasks are open for ${shareId}`);
    return (await call<TaskBody>("GET", `/v1/tasks/${items[0].id}`)).body;
  };
  const done = (taskId: string, body: unknown = {}) => call("POST", `/v1/tasks/${taskId}/done`, body);
  const tell = (shareId: string, body: unknown) => call("POST", `/v1/shares/${shareId}/status`, body);
  return {
    ...{ db, clock, store, service, timeline, called, logged, connectionId, token, actorId },
    ...{ call, connect, save, share, taskOf, done, tell },
    /** The process ends and another takes its place. */
    restart: async () => {
      await service.stop();
      service = await start();
    },
    /** Shares a deal and has a person register it. */
    registered: async (deal: OpportunityInput, number: string): Promise<string> => {
      const shareId = await share(deal);
      const answer = await done((await taskOf(shareId)).id, { number });
      if (answer.status !== 200) throw new Error(`not done: ${answer.text}`);
      await timeline.settle();
      return shareId;
    },
    // biome-ignore lint/suspicious/noExplicitAny: tests look into every part of it.
    story: async (shareId: string): Promise<any> => (await call("GET", `/v1/shares/${shareId}`)).body,
    /** Codes of the open exceptions. */
    exceptions: async (subject: string): Promise<readonly string[]> => {
      const filter = { open: true, after: null, limit: 50, subject };
      return (await store.journal.listExceptions(db.sql, filter)).items.map(({ code }) => code);
    },
    /** Names of what was told of a subject. */
    told: async (subject: string): Promise<readonly string[]> =>
      (await store.journal.listEvents(db.sql, { after: 0n, limit: 500, subject })).items.map(({ name }) => name),
    close: async () => {
      await service.stop();
      await database.close();
    },
  };
};
export type Hand = Awaited<ReturnType<typeof openHand>>;
