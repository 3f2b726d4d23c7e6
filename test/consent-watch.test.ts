/** The alarm before a sign-in lapses: in time, with the date and the command, once; silent again after it was renewed. */
import { afterAll, describe, expect, it } from "vitest";
import type { ConsentState, Session } from "../adapters/contract.ts";
import { ok } from "../src/domain/fault.ts";
import { createConsentWatch } from "../workflows/upkeep.ts";
import { openStore } from "./store-fixture.ts";

const { db, store, clock, actorId, close } = await openStore("consent-watch");
afterAll(close);
const dayMs = 86_400_000;
const consents = new Map<string, ConsentState | null>();
const session = (id: string): Session => {
  const state = async () => {
    if (id === broken) throw new Error("the settings contradict each other");
    return consents.get(id) ?? null;
  };
  const never = async () => ok({ grantedAt: clock.now(), renewedAt: clock.now(), lapsesAt: clock.now(), ended: null });
  return { lacks: {}, check: async () => ok({}), consent: { signInUrl: () => "", finish: never, state } };
};
const silent = { info: () => {}, warn: () => {}, error: () => {} };
const work = createConsentWatch(
  { createFunction: (_: unknown, run: unknown) => run } as never,
  {
    db,
    store,
    clock,
    actorId,
    log: silent,
    kick: () => {},
    consentNoticeDays: 14,
    registry: { open: ({ id }: { id: string }) => session(id) },
  } as never,
) as unknown as (at: { step: unknown }) => Promise<Record<string, number>>;
const watch = () => work({ step: { run: (_: string, task: () => Promise<unknown>) => task() } });

const connect = async (account: string) =>
  (
    await db.transaction((tx) =>
      store.connections.save(
        tx,
        { marketplace: "azure", label: "Microsoft", account, environment: "production", settings: {} },
        actorId,
      ),
    )
  ).id;
const broken = await connect("broken");
const lapsing = (days: number, ended: string | null = null): ConsentState => ({
  grantedAt: clock.now(),
  renewedAt: clock.now(),
  lapsesAt: new Date(clock.now().getTime() + days * dayMs),
  ended,
});
const open = async (subject: string) =>
  (await store.journal.listExceptions(db.sql, { open: true, after: null, limit: 10, subject })).items.map(
    ({ code, message }) => ({ code, message }),
  );

describe("the daily look at sign-ins", () => {
  it("tells of one that ends within the notice, once, with date and command, and takes it back when it was renewed", async () => {
    const id = await connect("soon");
    consents.set(id, lapsing(14.1));
    expect(await watch()).toEqual({ holds: 1, lapses: 0, lapsed: 0 });
    expect(await open(id)).toEqual([]);
    clock.advanceTo(new Date(clock.now().getTime() + dayMs));
    const day = consents.get(id)?.lapsesAt.toISOString().slice(0, 10);
    await watch();
    expect(await watch()).toEqual({ holds: 0, lapses: 1, lapsed: 0 });
    expect(await open(id)).toEqual([
      {
        code: "CONSENT_LAPSES",
        message: `The sign-in at the partner ends on ${day} unless it is used or renewed before: cosell connect azure --renew "Microsoft"`,
      },
    ]);
    expect((await store.connections.find(db.sql, id))?.state).toBe("active");
    consents.set(id, lapsing(90));
    await watch();
    expect(await open(id)).toEqual([]);
    consents.delete(id);
  });

  it.each([
    ["has run out", () => lapsing(0), "ended on"],
    ["Microsoft takes no longer", () => lapsing(80, "it was revoked"), "it was revoked"],
  ])("parks the connection of one that %s, with the reason, and tells of it", async (name, state, says) => {
    const id = await connect(name);
    consents.set(id, state());
    expect((await watch()).lapsed).toBe(1);
    const connection = await store.connections.find(db.sql, id);
    expect([connection?.state, connection?.parkedReason]).toEqual(["parked", expect.stringContaining(says)]);
    expect((await open(id)).map(({ code }) => code).toSorted()).toEqual(["CONNECTION_PARKED", "CONSENT_LAPSES"]);
    consents.delete(id);
  });

  it("leaves a connection alone where nobody has signed in, or that cannot be opened", async () => {
    await connect("new");
    expect(await watch()).toEqual({ holds: 0, lapses: 0, lapsed: 0 });
    expect(await open(broken)).toEqual([]);
  });
});
