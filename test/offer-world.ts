/** A whole service in virtual time over the small marketplace of `offer-fake.ts`. */

import { createVirtualClock } from "../src/clock.ts";
import { embeddedEngine } from "../src/embedded-engine.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Log } from "../src/ports.ts";
import { createTimeline } from "../src/rehearsal.ts";
import { createService } from "../src/service.ts";
import { createSeal, createSecrets } from "../src/store/seal.ts";
import { createOfferFake } from "./offer-fake.ts";
import { dealInput, testKey, testStart } from "./store-fixture.ts";
import { openTestDatabase } from "./template.ts";
import { testSigningKey } from "./world.ts";

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

export const openOffers = async (options: {
  readonly seed: string;
  readonly at?: (point: string) => void | Promise<void>;
  readonly sweepCron?: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** How many records the marketplace lists at once; default 2. */
  readonly pageSize?: number;
}) => {
  const database = await openTestDatabase();
  const { db } = database;
  const clock = createVirtualClock(testStart);
  const ids = createSeededIds(clock, options.seed);
  const seal = await createSeal(testKey, ids);
  const quiet: Log = { info: () => {}, warn: () => {}, error: () => {} };
  const fake = createOfferFake(clock, options.pageSize);
  const service = await createService({
    ...{
      db,
      clock,
      engine: embeddedEngine,
      ids,
      log: quiet,
      seal,
      simulators: {},
      marketplaces: [fake.marketplace],
      parallel: 1,
      retentionDays: 400,
    },
    secrets: createSecrets({ db, clock, seal, env: {} }),
    http: async () => new Response("no network in tests", { status: 599 }),
    publicHttp: { refusal: async () => null, post: async () => ({ status: 599, retryAfter: null }) },
    publicUrl: "http://cosell.test",
    signingKey: testSigningKey,
    ...(options.at === undefined ? {} : { at: options.at }),
    ...(options.sweepCron === undefined ? {} : { sweepCron: options.sweepCron }),
  });
  const keyOf = async (name: string): Promise<string> => {
    const actorId = await service.store.access.actor(db.sql, "person", name);
    const scopes = ["read", "write", "admin"] as const;
    return (await service.store.access.createKey(db.sql, { actorId, name, scopes, expiresAt: null })).secret;
  };
  const keys = { ann: await keyOf("Ann Sales"), cora: await keyOf("Cora Finance") };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every route.
  type Answered = { readonly status: number; readonly body: any; readonly text: string };
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    more: { readonly as?: keyof typeof keys; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answered> => {
    const headers = {
      authorization: `Bearer ${keys[more.as ?? "ann"]}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...more.headers,
    };
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await service.app.fetch(new Request(`http://cosell.test${path}`, init));
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").includes("json");
    return { status: response.status, text, body: isJson ? JSON.parse(text) : null };
  };
  const actorId = await service.store.access.actor(db.sql, "person", "Ann Sales");
  const connection = await db.transaction((tx) =>
    service.store.connections.save(
      tx,
      {
        ...{ marketplace: "aws", label: "Small", account: "123456789012", environment: "vendor_test" },
        settings: JSON.parse(JSON.stringify(options.settings ?? {})),
      },
      actorId,
    ),
  );
  const usd = (amount: string) => ({ amount, currency: "USD" });
  const terms = {
    name: "Route planning",
    buyer: { accounts: ["123456789012"] },
    product: "prod-1",
    price: { model: "flat", total: usd("120000.00") },
    term: { months: 12 },
    acceptBy: "2026-12-31",
  };
  let counter = 0;
  return {
    ...{ db, clock, service, fake, call, keys, terms, usd, connectionId: connection.id, databaseKind: database.kind },
    timeline: createTimeline({ clock, service, simulators: [] }),
    deal: async (overrides: Parameters<typeof dealInput>[1] = {}): Promise<string> => {
      const input = dealInput(`${options.seed}-${counter++}`, overrides);
      return (await call("POST", "/v1/opportunities", input)).body.id;
    },
    /** Drafts an offer and publishes it; returns its id. Time has not passed yet. */
    publish: async (more: Readonly<Record<string, unknown>> = {}, opportunityId?: string): Promise<string> => {
      const body = { connectionId: connection.id, opportunityId, terms: { ...terms, ...more } };
      const drafted = await call("POST", "/v1/offers", body);
      if (drafted.status !== 201) throw new Error(`not drafted: ${drafted.text}`);
      const published = await call("POST", `/v1/offers/${drafted.body.offer.id}/publish`);
      if (published.status !== 202) throw new Error(`not published: ${published.text}`);
      return drafted.body.offer.id;
    },
    show: async (id: string) =>
      (await call("GET", `/v1/${id.startsWith("agr_") ? "agreements" : "offers"}/${id}`)).body,
    events: async (name: string): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (
        await db.sql<
          { data: Readonly<Record<string, unknown>> }[]
        >`select data from outbox where name = ${name} order by seq`
      ).map(({ data }) => data),
    exceptions: async (subject: string): Promise<readonly string[]> =>
      (
        await db.sql<
          { code: string }[]
        >`select code from exception where subject = ${subject} and closed_at is null order by code`
      ).map(({ code }) => code),
    close: async () => {
      await service.stop();
      await database.close();
    },
  };
};
export type OfferWorld = Awaited<ReturnType<typeof openOffers>>;
