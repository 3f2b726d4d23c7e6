import Papa from "papaparse";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { csvOf } from "../adapters/aws/simulator/marketplace/feed-columns.ts";
import { decimalToMicros } from "../src/domain/money.ts";
import { fixedPrice, type Market, openMarket, schedule, seller } from "./aws-marketplace-rig.ts";

let market: Market;
type Row = Readonly<Record<string, string>>;
const micros = (text: string | undefined): bigint => decimalToMicros(text ?? "0") ?? 0n;
const sum = (rows: readonly Row[]): bigint => rows.reduce((total, row) => total + micros(row.amount), 0n);
const rowsOf = async (feed: string, until: string | null = null): Promise<readonly Row[]> => {
  const { files } = await market.controls.reports(until);
  return files
    .filter(({ path }) => path.startsWith(`aws/${feed}_v1/`))
    .flatMap(({ text }) => Papa.parse<Row>(text, { header: true, skipEmptyLines: true }).data);
};
let opportunity = "";
let offer = "";

beforeAll(async () => {
  market = await openMarket({ seed: "feeds" });
  const plan = schedule(["2026-06-20", "400.00"], ["2026-09-01", "400.00"], ["2027-01-01", "200.01"]);
  offer = await market.release({
    name: 'Offer, "quoted"',
    with: { UpdatePricingTerms: fixedPrice("0.00"), UpdatePaymentScheduleTerms: plan },
  });
  opportunity = await market.create();
  await market.call("AssociateOpportunity", {
    Catalog: "AWS",
    OpportunityIdentifier: opportunity,
    RelatedEntityType: "AwsMarketplaceOffers",
    RelatedEntityIdentifier: `arn:aws:aws-marketplace:us-east-1:${seller}:AWSMarketplace/Offer/${offer}`,
  });
  const id = await market.accept(offer);
  await market.accept(
    await market.release({ name: "In euros", with: { UpdatePricingTerms: fixedPrice("5000.00", "EUR") } }),
  );
  await market.accept(
    await market.release({ name: "In yen", with: { UpdatePricingTerms: fixedPrice("700000", "JPY") } }),
  );
  await market.controls.advance(200);
  await market.controls.agreement(`${id}/refund`, { amount: "100.00" });
  await market.controls.advance(20);
});
afterAll(() => market.close());

describe("the data feeds of the simulated marketplace", () => {
  it("net out: what was invoiced is what was paid out and what is still owed, currency by currency", async () => {
    const events = await rowsOf("billingeventfeed");
    for (const currency of ["USD", "EUR", "JPY"]) {
      const mine = events.filter((row) => row.currency === currency);
      const due = sum(mine.filter(({ action }) => action === "INVOICED"));
      const paid = -sum(
        mine.filter((row) => row.action === "DISBURSED" && !row.transaction_type?.startsWith("DISBURSEMENT")),
      );
      const open = mine.filter(
        (row) =>
          row.action === "INVOICED" &&
          !mine.some((other) => other.action === "DISBURSED" && other.parent_billing_event_id === row.billing_event_id),
      );
      expect(due - paid).toBe(sum(open));
      expect(sum(mine.filter((row) => row.transaction_type === "DISBURSEMENT"))).toBe(paid);
    }
    expect(new Set(events.map((row) => row.billing_event_id)).size).toBe(events.length);
  });

  it("tie each payout to its children and to the bank, and each refund to its sale", async () => {
    const events = await rowsOf("billingeventfeed");
    const { files } = await market.controls.reports();
    const statement = Papa.parse<Row>(files.find(({ path }) => path === "bank/statement.csv")?.text ?? "", {
      header: true,
      skipEmptyLines: true,
    }).data;
    const payouts = events.filter((row) => row.transaction_type === "DISBURSEMENT");
    expect(payouts.length).toBeGreaterThan(3);
    for (const payout of payouts) {
      const children = events.filter((row) => row.disbursement_billing_event_id === payout.billing_event_id);
      expect(children.length).toBeGreaterThan(0);
      expect(sum(children)).toBe(-micros(payout.amount));
      const deposit = statement.find((row) => row.reference === payout.bank_trace_id);
      expect(deposit).toMatchObject({ amount: payout.amount, currency: payout.currency });
    }
    const refunds = events.filter((row) => row.action === "INVOICED" && row.transaction_type?.endsWith("_REFUND"));
    expect(refunds.map((row) => row.amount)).toEqual(["-100.00", "3.00"]);
    for (const refund of refunds)
      expect(events.find((row) => row.billing_event_id === refund.parent_billing_event_id)).toMatchObject({
        transaction_type: refund.transaction_type?.replace("_REFUND", ""),
        agreement_id: refund.agreement_id,
      });
  });

  it("lead from a line to agreement, offer, schedule, and the customer of the opportunity", async () => {
    const [agreement] = (await rowsOf("agreementfeed")).filter((row) => row.offer_id === offer);
    expect(agreement).toMatchObject({ status: "ACTIVE", intent: "NEW", estimated_agreement_value: "1000.01" });
    const charges = (await rowsOf("agreementchargefeed")).filter((row) => row.agreement_id === agreement?.agreement_id);
    expect(charges.map(({ amount, time }) => [amount, time])).toEqual([
      ["400.00", "2026-06-20T00:00:00Z"],
      ["400.00", "2026-09-01T00:00:00Z"],
      ["200.01", "2027-01-01T00:00:00Z"],
    ]);
    const events = await rowsOf("billingeventfeed");
    const line = events.find((row) => row.agreement_id === agreement?.agreement_id);
    const accounts = await rowsOf("accountfeed");
    const buyer = accounts.find((row) => row.account_id === line?.end_user_account_id);
    expect(buyer).toMatchObject({ account_id: agreement?.acceptor_account_id, aws_account_id: "444455556666" });
    const addresses = await rowsOf("addressfeed");
    expect(addresses.find((row) => row.address_id === line?.billing_address_id)).toMatchObject({
      company_name: "Example Foods",
      email_domain: "foods.example",
      country: "US",
    });
    expect((await rowsOf("offerfeed")).map((row) => row.name)).toContain('Offer, "quoted"');
  });

  it("grow by appending only: an earlier day's file is the beginning of a later day's", async () => {
    const early = (await market.controls.reports("2026-07-15")).files;
    const late = (await market.controls.reports("2026-12-15")).files;
    const monthly = early.filter(({ path }) => !path.includes("year=2010"));
    expect(monthly.length).toBeGreaterThan(3);
    for (const { path, text } of monthly)
      expect(late.find((file) => file.path === path)?.text.startsWith(text)).toBe(true);
    const days = (await rowsOf("billingeventfeed", "2026-07-15")).map((row) => row.insert_date ?? "");
    expect(days.every((day) => day <= "2026-07-15T23:59:59Z" && day.endsWith("T00:00:00Z"))).toBe(true);
  });

  it("come over the control API for a day, and not for a day that is none", async () => {
    const ask = (query: string) =>
      market.simulator.control(new Request(`http://simulator.invalid/control/reports${query}`));
    const answer = await (await ask("?until=2026-08-01")).json();
    expect(answer).toEqual(await market.controls.reports("2026-08-01"));
    expect((await ask("?until=soon")).status).toBe(400);
  });

  it("quote what needs quotes and nothing else", () => {
    const rows = [{ a: 'x "y"', b: "1,2" }, { a: "plain" }];
    expect(csvOf(["a", "b"], rows)).toBe('a,b\n"x ""y""","1,2"\nplain,\n');
  });
});
