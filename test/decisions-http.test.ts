/** Decisions of people about money: they become facts of the books, hold until they are taken back, and are never changed. */
import { afterAll, expect, it } from "vitest";
import { dayOf } from "../src/domain/finance/day.ts";
import { openHttp } from "./http-fixture.ts";
import { drawLedger } from "./ledger.ts";
import { keepFile, readOne } from "./ledger-rig.ts";

const at = await openHttp();
afterAll(at.close);
const { ask, store, db } = at;

const events = `billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,buyer_line_item_id,update_date
e1,INVOICED,SELLER_REV_SHARE,,USD,100.00,2026-05-02,a1,l1,2026-05-03T00:00:00Z
`;
const deals = `deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id,cosell_opportunity_id,partner_sourced,partner_influenced
sf:1,Acme,acme.example,100.00,USD,2026-05-01,Closed Won,aws,,,,
`;

/** What the service's workflow does before it reconciles: its own files are received and read. */
const reconcile = async (id: string): Promise<void> => {
  await at.clock.sleep(60_000);
  for (const { id: fileId, seq, path } of await store.ownFiles.refresh(db.sql)) {
    if (!/agreement-links|aliases/.test(path)) continue;
    const text = await store.ownFiles.text(
      db.sql,
      path.endsWith("aliases.csv") ? "aliases.csv" : "agreement-links.csv",
    );
    const outcome = readOne(path, text ?? "", seq);
    expect(outcome.problems).toEqual([]);
    await store.ledger.keep(db.sql, { seq }, outcome);
    await store.reportFiles.judge(db.sql, fileId, outcome);
  }
  await store.ledger.reconcile(db, { id, asOfDay: dayOf("2026-10-31") ?? 0, mode: "increment" });
};
const dealOfAgreement = async (): Promise<string | null> =>
  (await store.ledger.agreements.list(db.sql, { after: null, limit: 10 })).items[0]?.dealId ?? null;

it("a person's word links an agreement to its deal until it is taken back; what was decided stays to be read", async () => {
  await keepFile(store, db.sql, ["data.csv", events]);
  await keepFile(store, db.sql, ["deals-of-crm/deals.csv", deals]);
  await keepFile(store, db.sql, ["policy.json", drawLedger(1, 1).files["policy.json"] ?? ""]);
  await reconcile("rec_1");
  expect(await dealOfAgreement()).toBe(null);

  const link = (dealId: string, reason = "Confirmed with the account team.") =>
    ask("POST", "/v1/agreements/links", { body: { marketplace: "aws", agreementId: "a1", dealId, reason } });
  expect((await link("sf:404")).status).toBe(404);
  const made = await link("sf:1");
  expect(made.body).toMatchObject({
    kind: "link",
    decision: { dealId: "sf:1" },
    actorName: "Ann Admin",
    supersedes: null,
  });
  expect((await ask("GET", "/v1/reconciliations")).body.items).toContainEqual(
    expect.objectContaining({ mode: "increment", state: "requested" }),
  );
  await reconcile("rec_2");
  expect(await dealOfAgreement()).toBe("sf:1");

  const alias = await ask("POST", "/v1/accounts/aliases", {
    body: {
      marketplace: "aws",
      buyerAccount: "123456789012",
      domain: "acme.example",
      reason: "Their invoice says so.",
    },
  });
  expect(alias.body.decision).toEqual({ domain: "acme.example", accountName: "" });
  expect(await store.ownFiles.text(db.sql, "aliases.csv")).toContain(
    "aws,123456789012,acme.example,,Ann Admin,2026-10-01T",
  );

  const revoke = (id: string) =>
    ask("POST", `/v1/decisions/${id}/revoke`, { body: { reason: "It is another company's." } });
  await at.clock.sleep(60_000);
  const back = await revoke(made.body.id);
  expect(back.body).toMatchObject({ decision: null, supersedes: made.body.id });
  expect((await revoke(made.body.id)).body.detail).toMatch(/taken back already/);
  await reconcile("rec_3");
  expect(await dealOfAgreement()).toBe(null);
  const listed = (await ask("GET", "/v1/decisions?kind=link")).body.items;
  expect(listed.map((one: { id: string }) => one.id)).toEqual([back.body.id, made.body.id]);
  // What was known before the revocation is still what was known then.
  expect((await store.ownFiles.text(db.sql, "agreement-links.csv"))?.trim().split("\r\n")).toHaveLength(3);
});
