/** The internal files that the service writes of its own records, closed together with a marketplace's report. */
import { describe, expect, it } from "vitest";
import type { Close } from "../src/domain/finance/close.ts";
import {
  type OwnAgreement,
  type OwnDeal,
  type OwnDecision,
  type OwnOffer,
  ownFiles,
  ownJson,
  usualPolicy,
} from "../src/domain/finance/own-files.ts";
import { closeInMemory } from "./ledger.ts";

const usd = (amount: string) => ({ amount, currency: "USD" });
const deal: OwnDeal = {
  id: "opp_1",
  source: "sf",
  key: "1",
  stage: "committed",
  closeDate: "2026-06-01",
  amount: usd("100.00"),
  accountName: "Acme",
  website: "https://acme.example",
  country: "DE",
  industry: "Retail",
};
const offer = (tail: string, amount: string, more: Partial<OwnOffer> = {}): OwnOffer => ({
  id: `off_${tail}`,
  marketplace: "aws",
  opportunityId: deal.id,
  remoteId: `offer-${tail}`,
  state: "accepted",
  publishedAt: new Date("2026-04-20T00:00:00Z"),
  acceptedAt: new Date("2026-05-01T00:00:00Z"),
  acceptBy: "2026-06-30",
  total: usd(amount),
  name: `offer ${tail}`,
  product: "prod-1",
  isRenewal: false,
  isResold: false,
  schedule: [],
  ...more,
});
const agreement = (tail: string, more: Partial<OwnAgreement> = {}): OwnAgreement => ({
  marketplace: "aws",
  remoteId: `agmt-${tail}`,
  offerId: `off_${tail}`,
  remoteOfferId: `offer-${tail}`,
  state: "active",
  lineage: null,
  buyerAccount: "123456789012",
  acceptedAt: new Date("2026-05-01T00:00:00Z"),
  startsAt: new Date("2026-05-01T00:00:00Z"),
  endsAt: new Date("2027-04-30T00:00:00Z"),
  total: null,
  schedule: [],
  ...more,
});
interface Given {
  readonly deals?: readonly OwnDeal[];
  readonly offers: readonly OwnOffer[];
  readonly agreements?: readonly OwnAgreement[];
}
const filesOf = ({ deals = [deal], offers, agreements = [] }: Given) =>
  ownFiles({ deals, touches: [], offers, agreements, feeRows: [], decisions: [] });
const sale = (tail: string, amount: string): string =>
  `b-${tail},INVOICED,SELLER_REV_SHARE,,USD,${amount},2026-05-10,agmt-${tail},${tail},2026-05-11T00:00:00Z\n`;
const closeOf = (given: Given, sales: readonly string[]): Close =>
  closeInMemory([
    ...Object.entries(filesOf(given)).map(([name, text]): [string, string] => [`internal/${name}`, text]),
    ["internal/policy.json", ownJson(usualPolicy)],
    [
      "aws/billingevents.csv",
      `billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id,buyer_line_item_id,update_date\n${sales.join("")}`,
    ],
  ]);
const linksOf = (close: Close) =>
  close.links.map(({ agreement: { id }, parts: [of], method }) => [id, of?.deal.dealId, method]);
const told = (close: Close, type: string) =>
  close.exceptions.filter((one) => one.type === type).map(({ subjectId, amount }) => [subjectId, amount]);
const rowsOf = (given: Given): readonly (readonly string[])[] =>
  filesOf(given)
    ["deals.csv"].trim()
    .split("\r\n")
    .slice(1)
    .map((row) => row.split(","));

describe("a deal that was sold by several offers", () => {
  const offers = [offer("2", "60.00", { acceptedAt: new Date("2026-05-03T00:00:00Z") }), offer("1", "40.00")];
  const agreements = [agreement("1"), agreement("2")];
  const sales = [sale("1", "40.00"), sale("2", "60.00")];

  it("is the deal of each of their agreements, and its amount is compared with their sum", () => {
    const close = closeOf({ offers, agreements }, sales);
    expect(linksOf(close).toSorted()).toEqual([
      ["agmt-1", "sf:1", "offer_id"],
      ["agmt-2", "sf:1", "offer_id"],
    ]);
    expect(told(close, "UNATTRIBUTED_REVENUE")).toEqual([]);
    expect(told(close, "AMOUNT_MISMATCH")).toEqual([]);
    const short = closeOf({ deals: [{ ...deal, amount: usd("90.00") }], offers, agreements }, sales);
    expect(told(short, "AMOUNT_MISMATCH")).toEqual([["agmt-1", -10_000_000n]]);
  });

  it("has evidence that points at the row that names the agreement's offer", () => {
    const lines = closeOf({ offers, agreements }, sales).links.map(({ agreement: { id }, parts: [of] }) => [
      id,
      of?.deal.line,
    ]);
    expect(lines.toSorted()).toEqual([
      ["agmt-1", 3],
      ["agmt-2", 2],
    ]);
  });

  it("has a renewal compared by itself, not added to what was sold first", () => {
    const renewed = [offer("2", "100.00", { isRenewal: true }), offer("1", "100.00")];
    expect(told(closeOf({ offers: renewed, agreements }, sales), "AMOUNT_MISMATCH")).toEqual([]);
  });

  it("closed with the first acceptance, whatever is accepted later, and names no offer that is over", () => {
    const rows = rowsOf({
      offers: [
        offer("4", "1.00", { state: "expired" }),
        offer("3", "1.00", { state: "viewed", acceptedAt: null }),
        ...offers,
      ],
    });
    expect(rows.map((row) => [row[5], row[6], row[7], row[8]])).toEqual(
      ["offer-3", "offer-2", "offer-1"].map((id) => ["2026-05-01", "Closed Won", "aws", id]),
    );
  });
});

it("a deal without a living offer names the latest, one without any offer none", () => {
  const over = [offer("2", "1.00", { state: "withdrawn" }), offer("1", "1.00", { state: "expired" })];
  expect(rowsOf({ offers: over }).map((row) => row[8])).toEqual(["offer-2"]);
  expect(rowsOf({ offers: [] }).map((row) => [row[7], row[8]])).toEqual([["", ""]]);
});

it("a deal says the product of its offers where there is one, the customer's industry and country: what rules may be limited to", () => {
  const scope = (given: Given) => rowsOf(given).map((row) => row.slice(-3));
  expect(scope({ offers: [offer("1", "1.00")] })).toEqual([["prod-1", "Retail", "DE"]]);
  expect(scope({ offers: [offer("1", "1.00"), offer("2", "1.00", { product: "prod-2" })] })).toEqual([
    ["", "Retail", "DE"],
    ["", "Retail", "DE"],
  ]);
  expect(scope({ deals: [{ ...deal, country: null, industry: null }], offers: [] })).toEqual([["", "", ""]]);
});

it("of two decisions about one agreement in one second the later holds: a revoked link, and a document after a link", () => {
  const said = {
    marketplace: "aws",
    subject: "agmt-1",
    reason: "so",
    decidedBy: "Ada",
    domain: "",
    accountName: "",
  } as const;
  const at = { decidedAt: new Date("2026-05-02T10:00:00.400Z") };
  const link = { ...said, ...at, kind: "link", dealId: "D1", parts: [], isRevoked: false } as const;
  const parts = [
    { dealId: "D1", basisPoints: 2_500 },
    { dealId: "D2", basisPoints: 7_500 },
  ];
  const shared = { ...link, kind: "allocation", dealId: "", parts } as const;
  const files = (decisions: readonly OwnDecision[]) =>
    ownFiles({ deals: [], touches: [], offers: [], agreements: [], feeRows: [], decisions });
  const revoked = files([link, { ...link, isRevoked: true }])
    ["agreement-links.csv"].trim()
    .split("\r\n")
    .slice(1);
  expect(revoked.map((row) => row.split(",").slice(4))).toEqual([
    ["2026-05-02T10:00:00Z", "so", ""],
    ["2026-05-02T10:00:00Z", "so", "2026-05-02T10:00:01Z"],
  ]);
  const both = files([shared, link, shared]);
  expect(both["agreement-links.csv"]).toContain("2026-05-02T10:00:01Z");
  expect(JSON.parse(both["allocations.json"])).toMatchObject([
    { decided_at: "2026-05-02T10:00:00Z" },
    { decided_at: "2026-05-02T10:00:02Z", parts: [{ deal_id: "D1", basis_points: 2_500 }, { deal_id: "D2" }] },
  ]);
});
