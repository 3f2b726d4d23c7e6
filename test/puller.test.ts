import { afterAll, describe, expect, it } from "vitest";
import { brandVerified, type Marketplace, type Pulled } from "../adapters/contract.ts";
import { createRegistry } from "../adapters/registry.ts";
import { failed, ok, type Result } from "../src/domain/fault.ts";
import { createPuller, type PullerDeps } from "../src/puller.ts";
import { fakeMarketplace, openHttp } from "./http-fixture.ts";
import { testIds } from "./ids.ts";

type Answer = Result<readonly Pulled[]> | "wait";

/** A marketplace whose queue answers what it is told; `wait` holds the call until it is aborted. */
const script: Answer[] = [];
const asked: { readonly waitSeconds: number; readonly atMs: number }[] = [];
const acknowledged: string[] = [];
const marketplace: Marketplace = {
  ...fakeMarketplace,
  open: (deps, connection) => ({
    ...fakeMarketplace.open(deps, connection),
    pull: {
      receive: async (waitSeconds, signal) => {
        asked.push({ waitSeconds, atMs: Date.now() });
        const next = script.shift() ?? "wait";
        if (next !== "wait") return next;
        if (signal !== undefined && !signal.aborted)
          await new Promise((done) => signal.addEventListener("abort", done, { once: true }));
        return failed({ kind: "unavailable", message: "aborted" });
      },
      acknowledge: async (receipts) => {
        acknowledged.push(...receipts);
        return ok(receipts.length);
      },
      state: async () => ok({ waiting: 0, inFlight: 0, deadLetter: null }),
    },
  }),
};
const message = (id: string): Pulled => ({
  id,
  receipt: `receipt-${id}`,
  receives: 1,
  body: "{}",
  verdict: {
    kind: "verified",
    delivery: brandVerified({ key: id, kind: "changed", hints: [{ kind: "opportunity", id: "O1", at: null }] }),
  },
});

const http = await openHttp();
afterAll(http.close);
const { db, store, clock } = http;
const registry = createRegistry(
  {
    clock,
    ids: testIds,
    secrets: http.secrets,
    httpFor: () => async () => new Response(null, { status: 599 }),
    quotaFor: () => ({ take: async () => ok(null) }),
  },
  [marketplace],
);
const kicks = { count: 0 };
const deps: PullerDeps = {
  db,
  clock,
  store,
  registry,
  log: http.deps.log,
  actorId: http.actorId,
  kick: () => {
    kicks.count += 1;
  },
  at: () => {},
};
const until = async (holds: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 400 && !holds(); turn++) await new Promise((done) => setTimeout(done, 5));
  expect(holds()).toBe(true);
};
const withQueue = await http.connect("queued", { queue: { url: "x" } });
await http.connect("unqueued");

describe("the puller", () => {
  it("waits long on every queue, keeps at once what comes, works on, and stops in the middle of a wait", async () => {
    const puller = createPuller(deps);
    script.push(ok([message("a"), message("b")]), ok([message("b"), message("c")]), "wait");
    puller.start();
    puller.start();
    await until(() => asked.length === 3);
    expect(asked.map(({ waitSeconds }) => waitSeconds)).toEqual([20, 20, 20]);
    expect(acknowledged).toEqual(["receipt-a", "receipt-b", "receipt-b", "receipt-c"]);
    expect(puller.states()).toMatchObject([
      { connectionId: withQueue, fault: null, count: { received: 4, accepted: 3, duplicates: 1, deleted: 4 } },
    ]);
    expect(kicks.count).toBeGreaterThanOrEqual(2);
    const from = Date.now();
    await puller.stop();
    expect(Date.now() - from).toBeLessThan(1_000);
    expect(asked).toHaveLength(3);
  });

  it("asks again only after a while when the queue is away, or answers nothing though it was asked to wait", async () => {
    const puller = createPuller(deps);
    asked.length = 0;
    script.push(ok([]), failed({ kind: "unavailable", message: "away" }), "wait");
    puller.start();
    await until(() => asked.length === 1);
    await new Promise((done) => setTimeout(done, 300));
    expect(asked).toHaveLength(1);
    await until(() => asked.length === 2);
    expect((asked[1]?.atMs ?? 0) - (asked[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
    await new Promise((done) => setTimeout(done, 300));
    expect(asked).toHaveLength(2);
    await puller.stop();
  });

  it("keeps the others when the database cannot hold one, and leaves that one to the queue", async () => {
    script.length = 0;
    acknowledged.length = 0;
    script.push(ok([message("e"), message("f\u0000"), message("g")]));
    expect(await createPuller(deps).pull(withQueue)).toMatchObject({
      value: { received: 3, accepted: 2, misplaced: 1, deleted: 2 },
    });
    expect(acknowledged).toEqual(["receipt-e", "receipt-g"]);
    script.push(ok([message("f\u0000")]));
    await expect(createPuller(deps).pull(withQueue)).rejects.toThrow();
  });

  it("leaves a connection alone that is parked, and does not keep what came while it changed", async () => {
    const puller = createPuller(deps);
    const changing: PullerDeps = {
      ...deps,
      store: {
        ...store,
        inbox: {
          ...store.inbox,
          receive: async (query, deliveries) => {
            await db.sql`update connection set version = version + 1 where id = ${withQueue}`;
            return store.inbox.receive(query, deliveries);
          },
        },
      },
    };
    script.length = 0;
    script.push(ok([message("d")]));
    acknowledged.length = 0;
    expect(await createPuller(changing).pull(withQueue)).toMatchObject({
      value: { received: 1, accepted: 0, deleted: 0 },
    });
    expect(acknowledged).toEqual([]);
    script.push(ok([message("d")]));
    expect(await puller.pullAll()).toBe(1);
    expect(acknowledged).toEqual(["receipt-d"]);
    await db.transaction((tx) => store.connections.park(tx, withQueue, "a test", http.actorId));
    asked.length = 0;
    expect([await puller.pull(withQueue), asked.length]).toEqual([null, 0]);
  });
});
