/** A folder whose one agreement three deals may share, and allocations among the deals of drawn ledgers. */
import { closeInMemory, type Files } from "./ledger.ts";
import { createChance } from "./ledger-draw.ts";

export interface Given {
  readonly marketplace?: string;
  readonly agreement: string;
  readonly parts: readonly (readonly [dealId: string, basisPoints: number])[];
  readonly by?: string;
  readonly at?: string;
  readonly reason?: string;
  readonly revoked?: string;
}

/** `allocations.json` with these documents. */
export const allocate = (given: readonly Given[], folder = "internal"): Files => ({
  [`${folder}/allocations.json`]: JSON.stringify(
    given.map(({ marketplace, agreement, parts, by, at, reason, revoked }) => ({
      ...{ marketplace: marketplace ?? "aws", agreement_id: agreement },
      parts: parts.map(([deal_id, basis_points]) => ({ deal_id, basis_points })),
      decided_by: by ?? "ada",
      decided_at: at ?? "2026-04-01",
      reason: reason ?? "one order, three business units",
      ...(revoked === undefined ? {} : { revoked_at: revoked }),
    })),
  ),
});

const rule = {
  ...{ rule_id: "R1", version: 1, partner_id: "acme", credit_basis: "invoiced_net_of_refund" },
  sourced_requires: { touch_types: ["registration"], window_days: 90 },
  influence: { model: "equal", touch_types: ["demo"], window_days: 90 },
  ...{ effective_from: "2025-01-01", effective_until: null },
  signatures: [
    { side: "us", role: "CRO", signed_at: "2025-01-01" },
    { side: "partner", role: "CRO", signed_at: "2025-01-01" },
  ],
};
const dealHeader = "deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id";

/** One agreement of 1000.01 dollars, invoiced and a tenth refunded; two of its three deals name its offer. */
export const sharedFolder: Files = {
  "policy.json": JSON.stringify({
    tolerance: { minor_units_per_instalment: 1 },
    windows_days: {
      invoice_overdue: 500,
      accepted_no_revenue: { aws: 500, azure: 500, gcp: 500 },
      aws_disbursement_after_collection: 500,
      azure_disbursement_after_expected: 500,
      gcp_disbursement_after_expected: 500,
      bank_after_disbursement: 5,
    },
  }),
  "agreements.json": JSON.stringify([
    {
      ...{ marketplace: "aws", agreement_id: "agmt-1", offer_id: "offer-1", status: "ACTIVE", start: "2026-03-05" },
      ...{ currency: "USD", total_contract_value: "1000.01", schedule: [{ date: "2026-03-05", amount: "1000.01" }] },
    },
  ]),
  "billingevents.csv":
    "billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id\n" +
    "b1,INVOICED,SELLER_REV_SHARE,,USD,1000.01,2026-03-05,agmt-1\n" +
    "b2,INVOICED,SELLER_REV_SHARE_REFUND,b1,USD,-100.00,2026-04-05,agmt-1\n",
  "deals.csv": `${dealHeader}
D1,Acme North,north.example,333.40,USD,2026-03-01,Closed Won,aws,offer-1
D2,Acme South,south.example,333.30,USD,2026-03-02,Closed Won,aws,offer-1
D3,Acme West,west.example,333.30,USD,2026-03-03,Closed Won,aws,
`,
  "touches.csv": `touch_id,deal_id,partner_id,type,date,status\n${["D1", "D2", "D3"].map((deal) => `t-${deal},${deal},acme,registration,2026-01-10,accepted\n`).join("")}`,
  "attribution-rules.json": JSON.stringify([rule]),
};

/** Allocations of some agreements of a drawn ledger among some of its deals; null: it has too few deals. */
export const shareDrawn = (files: Files, seed: number): { readonly given: readonly Given[] } | null => {
  const chance = createChance(seed);
  const { links } = closeInMemory(Object.entries(files));
  const deals = [
    ...new Set(
      (files["deals.csv"] ?? "")
        .trim()
        .split("\n")
        .slice(1)
        .map((row) => row.split(",")[0] ?? ""),
    ),
  ];
  if (deals.length < 4) return null;
  const given = links
    .filter(({ agreement }) => agreement.lines.length > 0)
    .filter((_, at) => at % 3 === seed % 3)
    .map(({ agreement }): Given => {
      const count = chance.whole(2, Math.min(7, deals.length));
      const from = chance.whole(0, deals.length - 1);
      const own = Array.from({ length: count }, (_, at) => deals[(from + at) % deals.length] ?? "");
      const weights = own.slice(1).map(() => chance.whole(1, 1_000));
      const parts = own.map((dealId, at): readonly [string, number] => [
        dealId,
        weights[at - 1] ?? 10_000 - weights.reduce((sum, one) => sum + one, 0),
      ]);
      return { marketplace: agreement.marketplace, agreement: agreement.id, parts };
    });
  return given.length === 0 ? null : { given };
};
