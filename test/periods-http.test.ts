/** Months over HTTP: what refuses a lock, what a lock keeps, what opening again changes. */
import { afterAll, describe, expect, it } from "vitest";
import { dayOf } from "../src/domain/finance/day.ts";
import { openHttp } from "./http-fixture.ts";
import { drawLedger } from "./ledger.ts";
import { keepFile } from "./ledger-rig.ts";

const at = await openHttp();
afterAll(at.close);
const { ask, store, db } = at;

const header =
  "billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,buyer_line_item_id,update_date\n";
const sale = (id: string, amount: string, day: string, known: string): string =>
  `${id},INVOICED,SELLER_REV_SHARE,,USD,${amount},${day},a1,${id},${known}T00:00:00Z\n`;
const policy = (more: object): string =>
  JSON.stringify({ ...JSON.parse(drawLedger(1, 1).files["policy.json"] ?? "{}"), ...more });

let runs = 0;
const reconcile = async (asOf: string, mode: "full" | "increment" = "full") => {
  runs += 1;
  at.clock.advanceTo(new Date(`${asOf}T12:00:00Z`));
  await store.ledger.reconcile(db, { id: `rec_${runs}`, asOfDay: dayOf(asOf) ?? 0, mode });
  await db.transaction((tx) => store.periods.noteLate(tx, dayOf(asOf) ?? 0));
};
const may = "/v1/periods/aws/2026-05";
const journals = async (month: string, query = ""): Promise<string> =>
  (await ask("GET", `/v1/periods/aws/${month}/journals${query}`)).text;
const codes = (body: { errors?: readonly { code: string }[]; refusals?: readonly { code: string }[] }) =>
  (body.errors ?? body.refusals ?? []).map(({ code }) => code);
const late = async () => (await ask("GET", "/v1/exceptions?type=LATE_DATA_IN_CLOSED_PERIOD")).body.items;

describe("a month", () => {
  it("is locked once nothing stands against it, and then keeps its bytes; what comes later is posted in the next month and told, until that is locked too", async () => {
    await keepFile(store, db.sql, ["data.csv", header + sale("e1", "100.00", "2026-05-02", "2026-05-03")]);
    await keepFile(store, db.sql, ["policy.json", policy({ unassigned_exceptions_above: { USD: "50.00" } })]);
    expect(codes((await ask("POST", `${may}/lock`, { body: {} })).body)).toContain("NOT_RECONCILED");
    await reconcile("2026-05-30");
    expect(codes((await ask("GET", may)).body)).toEqual(["PERIOD_NOT_OVER", "EXCEPTION_UNASSIGNED"]);
    await reconcile("2026-05-31", "increment");
    const refused = await ask("POST", `${may}/lock`, { body: {} });
    expect([refused.status, codes(refused.body)]).toEqual([409, ["EXCEPTION_UNASSIGNED"]]);
    expect(refused.body.errors[0]).toMatchObject({ fix: "assign it to somebody, or accept it with a reason" });
    await ask("POST", "/v1/exceptions/assign", { body: { filter: {}, to: "Fay Finance" } });
    const tried = await ask("POST", `${may}/lock`, { body: { dryRun: true } });
    expect([tried.body.period.state, tried.body.refusals]).toEqual(["open", []]);
    const locked = await ask("POST", `${may}/lock`, { body: { reason: "May is closed." } });
    expect(locked.body.period).toMatchObject({
      state: "locked",
      asOf: "2026-05-31",
      postings: 1,
      changedBy: "Ann Admin",
    });
    const shapes = ["", "?format=netsuite", "?format=quickbooks"];
    const before = await Promise.all(shapes.map((shape) => journals("2026-05", shape)));
    expect(before[0]).toContain("2026-05-aws-USD-a1,2026-05-31,2026-05,");

    await keepFile(store, db.sql, ["late/data.csv", header + sale("e2", "40.00", "2026-05-20", "2026-06-09")]);
    await reconcile("2026-06-30", "increment");
    expect(await Promise.all(shapes.map((shape) => journals("2026-05", shape)))).toEqual(before);
    expect(await journals("2026-06")).toMatch(
      /2026-06-aws-USD-a1-adjusts-2026-05,2026-06-30,2026-06,2026-05,aws,a1,USD,invoiced,receivable,.*,40\.00,/,
    );
    expect(await late()).toMatchObject([{ subject: "a1", amount: "40.00", state: "open" }]);
    expect((await ask("GET", `${may}/diff`)).body.difference).toEqual([
      { agreementId: "a1", movement: "invoiced", currency: "USD", amount: "40.00", owed: "40.00", postedIn: "2026-06" },
    ]);

    await ask("POST", "/v1/exceptions/assign", { body: { filter: {}, to: "Fay Finance" } });
    expect((await ask("POST", "/v1/periods/aws/2026-07/lock", { body: {} })).status).toBe(409);
    expect((await ask("POST", "/v1/periods/aws/2026-06/lock", { body: {} })).status).toBe(200);
    expect(await late()).toEqual([]);
    expect((await ask("GET", `${may}/diff`)).body.rows).toBe(0);
    const listed = (await ask("GET", "/v1/periods?state=locked&limit=1")).body;
    expect(listed.items.map((one: { month: string }) => one.month)).toEqual(["2026-06"]);
    expect(
      (await ask("GET", `/v1/periods?state=locked&after=${encodeURIComponent(listed.next)}`)).body.items,
    ).toMatchObject([{ month: "2026-05" }]);
  });

  it("opened again shows the exact difference first, and posts what is known then; each step is told", async () => {
    await keepFile(store, db.sql, ["later/data.csv", header + sale("e3", "7.00", "2026-06-20", "2026-07-09")]);
    await reconcile("2026-07-31", "increment");
    expect(await late()).toMatchObject([{ amount: "7.00" }]);
    const june = "/v1/periods/aws/2026-06";
    const dry = await ask("POST", `${june}/reopen`, { body: { dryRun: true } });
    expect(dry.body).toMatchObject({
      period: { state: "locked" },
      difference: [{ amount: "7.00", postedIn: "2026-07" }],
    });
    expect((await ask("POST", `${june}/reopen`, { body: {}, headers: { "if-match": '"9"' } })).status).toBe(412);
    expect((await ask("POST", `${june}/reopen`, { body: { reason: "A late sale." } })).body.period.state).toBe("open");
    expect(await late()).toMatchObject([{ amount: "40.00" }]);
    expect(await journals("2026-06")).toMatch(/,7\.00,/);
    expect((await ask("POST", `${june}/soft`, { body: {} })).body.period.state).toBe("soft");
    await keepFile(store, db.sql, ["last/data.csv", header + sale("e4", "2.00", "2026-06-21", "2026-07-10")]);
    await reconcile("2026-08-01", "increment");
    expect((await ask("GET", `${june}/diff`)).body.difference).toMatchObject([{ amount: "2.00", postedIn: "2026-06" }]);
    expect((await ask("POST", `${june}/soft`, { body: {} })).body.detail).toMatch(/is soft and cannot be soft closed/);
    const events = (await ask("GET", "/v1/events?subject=aws%202026-06&limit=200")).body.items;
    expect(events.map((one: { name: string }) => one.name)).toEqual([
      ...["period.locked", "period.reopened", "period.soft_closed"],
    ]);
  });
});
