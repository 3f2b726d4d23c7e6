/** A store over a test database, with virtual time, seeded ids and a real seal. */
import { createVirtualClock, type VirtualClock } from "../src/clock.ts";
import type { OpportunityInput } from "../src/domain/deal.ts";
import { opportunityInputSchema } from "../src/domain/deal.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Db, Ids, Seal } from "../src/ports.ts";
import { createStore, type Store } from "../src/store/index.ts";
import { createSeal } from "../src/store/seal.ts";
import { openTestDatabase } from "./template.ts";

/** 32 zero bytes, base64: for tests only. */
export const testKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
export const testStart = new Date("2026-11-22T09:00:00.000Z");

export interface StoreFixture {
  readonly db: Db;
  readonly clock: VirtualClock;
  readonly ids: Ids;
  readonly seal: Seal;
  readonly store: Store;
  readonly actorId: string;
  readonly close: () => Promise<void>;
}

export const openStore = async (seed: string): Promise<StoreFixture> => {
  const database = await openTestDatabase();
  const clock = createVirtualClock(testStart);
  const ids = createSeededIds(clock, seed);
  const seal = await createSeal(testKey, ids);
  const store = createStore({ clock, ids, seal });
  const actorId = await store.access.actor(database.db.sql, "person", "tester");
  return { db: database.db, clock, ids, seal, store, actorId, close: database.close };
};

/** A plain deal; overrides replace top-level members. */
export const dealInput = (key: string, overrides: Partial<OpportunityInput> = {}): OpportunityInput =>
  opportunityInputSchema.parse({
    source: "test",
    key,
    title: `Deal ${key}`,
    account: { name: "Lumen Freight", website: "https://www.lumenfreight.example", country: "DE" },
    contacts: [
      { role: "owner", email: "ada@seller.example", firstName: "Ada", lastName: "Seller" },
      { role: "customer", email: "carl@lumenfreight.example", firstName: "Carl", lastName: "Kunde" },
    ],
    problem: "Their shipment planning takes two days and misses a fifth of the trucks.",
    stage: "qualified",
    closeDate: "2027-03-31",
    amount: { amount: "120000.00", currency: "USD" },
    termMonths: 12,
    ...overrides,
  });
