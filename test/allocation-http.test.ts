/** An allocation that is decided at the service: it becomes a fact of the books, shares the agreement's money, and can be taken back. */
import { afterAll, expect, it } from "vitest";
import { dayOf } from "../src/domain/finance/day.ts";
import type { OwnFileName } from "../src/domain/finance/own-files.ts";
import { sharedFolder } from "./allocation-folder.ts";
import { openHttp } from "./http-fixture.ts";
import { keepFile, readOne } from "./ledger-rig.ts";

const at = await openHttp();
afterAll(at.close);
const { ask, store, db } = at;
const decidedFiles: readonly OwnFileName[] = ["agreement-links.csv", "allocations.json"];

/** What the service's workflow does before it reconciles: its own files are received and read. */
const reconcile = async (id: string): Promise<void> => {
  await at.clock.sleep(60_000);
  for (const { id: fileId, seq, path } of await store.ownFiles.refresh(db.sql)) {
    const name = decidedFiles.find((own) => path.endsWith(own));
    if (name === undefined) continue;
    const outcome = readOne(path, (await store.ownFiles.text(db.sql, name)) ?? "", seq);
    expect(outcome.problems).toEqual([]);
    await store.ledger.keep(db.sql, { seq }, outcome);
    await store.reportFiles.judge(db.sql, fileId, outcome);
  }
  await store.ledger.reconcile(db, { id, asOfDay: dayOf("2026-10-31") ?? 0, mode: "increment" });
};
const linked = async () => {
  const [found] = (await store.ledger.agreements.list(db.sql, { after: null, limit: 10 })).items;
  return { method: found?.method, deal: found?.dealId, shared: found?.shared };
};
const allocate = (parts: readonly (readonly [string, number])[]) =>
  ask("POST", "/v1/agreements/allocations", {
    body: {
      ...{ marketplace: "aws", agreementId: "agmt-1", reason: "One order of three units." },
      parts: parts.map(([dealId, basisPoints]) => ({ dealId, basisPoints })),
    },
  });

it("shares the agreement among its deals until it is taken back, and is refused where it does not sum or names no deal", async () => {
  for (const [path, text] of Object.entries(sharedFolder)) await keepFile(store, db.sql, [`given/${path}`, text]);
  await reconcile("rec_1");
  expect(await linked()).toEqual({ method: "offer_id", deal: "D1", shared: [] });

  const short = await allocate([
    ["D1", 5_000],
    ["D2", 4_000],
  ]);
  expect([short.status, short.body.detail]).toEqual([
    422,
    expect.stringMatching(/parts: the parts sum to 9000 basis points: make them 10000/),
  ]);
  const twice = await allocate([
    ["D1", 5_000],
    ["D1", 5_000],
  ]);
  expect([twice.status, twice.body.detail]).toEqual([422, expect.stringMatching(/D1 stands here twice/)]);
  const unknown = await allocate([
    ["D1", 5_000],
    ["D404", 5_000],
  ]);
  expect(unknown.status).toBe(404);

  const made = await allocate([
    ["D2", 4_000],
    ["D1", 6_000],
  ]);
  expect(made.body).toMatchObject({
    ...{ kind: "allocation", subject: "agmt-1", supersedes: null },
    decision: {
      parts: [
        { dealId: "D2", basisPoints: 4_000 },
        { dealId: "D1", basisPoints: 6_000 },
      ],
    },
  });
  await reconcile("rec_2");
  const parts = [
    { dealId: "D1", basisPoints: 6_000 },
    { dealId: "D2", basisPoints: 4_000 },
  ];
  expect(await linked()).toEqual({ method: "allocated", deal: null, shared: parts });
  const ofDeal = (await ask("GET", "/v1/revenue?deal=D2")).body.items;
  expect(ofDeal).toHaveLength(2);
  expect(ofDeal[0]).toMatchObject({ dealId: null, deals: parts, method: "allocated" });
  const asOf = (await ask("GET", "/v1/revenue?deal=D2&asOf=2026-10-31")).body.items;
  expect(asOf.map(({ deals }: { deals: unknown }) => deals)).toEqual([parts, parts]);
  expect((await ask("GET", "/v1/revenue?deal=D3")).body.items).toEqual([]);
  const { explained } = await store.ledger.explain(db.sql, "agmt-1", {
    asOfDay: dayOf("2026-10-31") ?? 0,
    knownUntilDay: null,
  });
  expect(JSON.stringify(explained, (_, value) => (typeof value === "bigint" ? `${value}` : value))).toContain(
    "the document gives it 4000 of 10000 basis points",
  );

  // Both deals have an agreement at the marketplace; the third has none.
  const lastDay = dayOf("2026-10-31") ?? 0;
  expect(await db.transaction((tx) => store.ledger.lockCredits(tx, lastDay, "aws"))).toBe(2);
  const credits = (await store.ledger.credits.list(db.sql, { after: null, limit: 10 })).items;
  expect(credits.map(({ dealId, amount }) => [dealId, amount])).toEqual([
    ["D1", 540_006_000n],
    ["D2", 360_004_000n],
  ]);

  const later = await ask("POST", "/v1/agreements/links", {
    body: { marketplace: "aws", agreementId: "agmt-1", dealId: "D3", reason: "It was theirs alone." },
  });
  await reconcile("rec_3");
  expect(await linked()).toEqual({ method: "recorded", deal: "D3", shared: [] });

  const revoke = (id: string) => ask("POST", `/v1/decisions/${id}/revoke`, { body: { reason: "A mistake." } });
  expect((await revoke(later.body.id)).status).toBe(200);
  await reconcile("rec_4");
  expect(await linked()).toEqual({ method: "allocated", deal: null, shared: parts });
  expect((await revoke(made.body.id)).body).toMatchObject({ decision: null, supersedes: made.body.id });
  await reconcile("rec_5");
  expect(await linked()).toEqual({ method: "offer_id", deal: "D1", shared: [] });
  const listed = (await ask("GET", "/v1/decisions?kind=allocation")).body.items;
  expect(listed.map(({ decision }: { decision: unknown }) => decision === null)).toEqual([true, false]);
  expect(JSON.parse((await store.ownFiles.text(db.sql, "allocations.json")) ?? "")).toMatchObject([
    { agreement_id: "agmt-1", decided_by: "Ann Admin", reason: "One order of three units." },
    { agreement_id: "agmt-1", reason: "A mistake.", revoked_at: expect.stringMatching(/^2026-10-01T/) },
  ]);
});
