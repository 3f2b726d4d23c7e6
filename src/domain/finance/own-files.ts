/** The internal files of a close, written from what the service knows: deals, touches, partners, offers, agreements, fees. */
import type { z } from "zod";
import { registrableDomain } from "../account.ts";
import { csvRow } from "../csv.ts";
import type { MarketplaceId } from "../deal.ts";
import type { FeeRow } from "../fee.ts";
import { decimalToMicros } from "../money.ts";
import type { NamedPart } from "./allocation.ts";
import type { policyFileSchema } from "./policy.ts";

export const ownFileNames = [
  "deals.csv",
  "touches.csv",
  "partners.csv",
  "offers.json",
  "agreements.json",
  "fee-schedule.json",
  "agreement-links.csv",
  "allocations.json",
  "aliases.csv",
] as const;
export type OwnFileName = (typeof ownFileNames)[number];

interface MoneyText {
  readonly amount: string;
  readonly currency: string;
}
export interface OwnDeal {
  readonly id: string;
  readonly source: string;
  readonly key: string;
  readonly stage: string;
  /** YYYY-MM-DD. */
  readonly closeDate: string | null;
  readonly amount: MoneyText | null;
  readonly accountName: string;
  readonly website: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly country: string | null;
  readonly industry: string | null;
}
export interface OwnTouch {
  readonly id: string;
  readonly opportunityId: string;
  readonly partner: string | null;
  readonly kind: string;
  readonly at: Date;
  readonly recordedAt: Date;
}
interface OwnInstalment {
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly amount: MoneyText;
}
export interface OwnOffer {
  readonly id: string;
  readonly marketplace: MarketplaceId;
  readonly opportunityId: string | null;
  readonly remoteId: string | null;
  readonly state: string;
  readonly publishedAt: Date | null;
  readonly acceptedAt: Date | null;
  /** YYYY-MM-DD. */
  readonly acceptBy: string | null;
  readonly total: MoneyText | null;
  readonly name: string;
  /** The marketplace's id of the listing. */
  readonly product: string | null;
  readonly isRenewal: boolean;
  readonly isResold: boolean;
  readonly schedule: readonly OwnInstalment[];
}
export interface OwnAgreement {
  readonly marketplace: MarketplaceId;
  readonly remoteId: string;
  readonly offerId: string | null;
  readonly remoteOfferId: string | null;
  readonly state: string;
  readonly lineage: string | null;
  readonly buyerAccount: string | null;
  readonly acceptedAt: Date | null;
  readonly startsAt: Date | null;
  readonly endsAt: Date | null;
  readonly total: MoneyText | null;
  readonly schedule: readonly OwnInstalment[];
}

/** What a person decided of money: whose an agreement is, which deals share it, whose a buyer's account is. */
export interface OwnDecision {
  readonly kind: "link" | "alias" | "allocation";
  readonly marketplace: MarketplaceId;
  /** The agreement, or the buyer's account. */
  readonly subject: string;
  readonly dealId: string;
  /** Of an allocation; empty of any other. */
  readonly parts: readonly NamedPart[];
  readonly domain: string;
  readonly accountName: string;
  readonly reason: string;
  readonly decidedBy: string;
  readonly decidedAt: Date;
  /** It takes the one before it back, and says nothing else. */
  readonly isRevoked: boolean;
}

/** What the service knows, in the order of its records: newest first, touches by deal and time. */
export interface OwnRecords {
  readonly deals: readonly OwnDeal[];
  readonly touches: readonly OwnTouch[];
  readonly offers: readonly OwnOffer[];
  readonly agreements: readonly OwnAgreement[];
  readonly feeRows: readonly FeeRow[];
  /** In the order in which they were decided. */
  readonly decisions: readonly OwnDecision[];
}

/** The text of each file. The same records give the same bytes. */
export const ownFiles = (records: OwnRecords): Readonly<Record<OwnFileName, string>> => {
  const { deals, touches, offers, agreements } = records;
  const names = new Map(deals.map((deal) => [deal.id, dealName(deal)]));
  const byDeal = Map.groupBy(
    offers.filter(({ remoteId }) => remoteId !== null),
    ({ opportunityId }) => opportunityId,
  );
  const byId = new Map(offers.map((offer) => [offer.id, offer]));
  const decisions = inTurn(records.decisions);
  const partners = [...new Set(touches.flatMap(({ partner }) => partner ?? []))].toSorted();
  return {
    "deals.csv": table(
      dealHeader,
      deals.flatMap((deal) => dealRows(deal, byDeal.get(deal.id) ?? [])),
    ),
    "touches.csv": table(
      touchHeader,
      touches.map((touch) => touchCells(touch, names.get(touch.opportunityId) ?? "")),
    ),
    "partners.csv": table(
      ["partner_id", "name"],
      partners.map((name) => [name, name]),
    ),
    "offers.json": ownJson(offers.flatMap(offerRow)),
    "agreements.json": ownJson(agreements.flatMap((one) => agreementRow(one, byId.get(one.offerId ?? "")))),
    "fee-schedule.json": ownJson(feeSchedule(records.feeRows)),
    "agreement-links.csv": table(
      linkHeader,
      decisionRows(decisions, "link").map(({ said, revokedAt }) => [
        ...[
          said.marketplace,
          said.subject,
          said.dealId,
          said.decidedBy,
          moment(said.decidedAt),
          said.reason,
          revokedAt,
        ],
      ]),
    ),
    "allocations.json": ownJson(decisionRows(decisions, "allocation").map(allocationRow)),
    "aliases.csv": table(
      aliasHeader,
      decisionRows(decisions, "alias").map(({ said, revokedAt }) => [
        ...[said.marketplace, said.subject, said.domain, said.accountName, said.decidedBy, moment(said.decidedAt)],
        ...[said.reason, revokedAt],
      ]),
    ),
  };
};

const linkHeader = ["marketplace", "agreement_id", "deal_id", "decided_by", "decided_at", "reason", "revoked_at"];
const aliasHeader = [
  ...["marketplace", "buyer_account", "account_domain", "account_name", "learned_by", "learned_at", "evidence"],
  "revoked_at",
];
const allocationRow = ({ said, revokedAt }: DecisionRow) => ({
  marketplace: said.marketplace,
  agreement_id: said.subject,
  parts: said.parts.map(({ dealId, basisPoints }) => ({ deal_id: dealId, basis_points: basisPoints })),
  decided_by: said.decidedBy,
  decided_at: moment(said.decidedAt),
  reason: said.reason,
  ...(revokedAt === "" ? {} : { revoked_at: revokedAt }),
});
const moment = (at: Date): string => `${at.toISOString().slice(0, 19)}Z`;

/**
 * Decisions with the seconds in which they become known: of two about one agreement, or one account, the later one holds, so that it
 * comes a second after where both fell into the same.
 */
const inTurn = (decisions: readonly OwnDecision[]): readonly OwnDecision[] => {
  const last = new Map<string, number>();
  return decisions.map((one) => {
    const key = `${one.kind === "alias" ? "account" : "agreement"}|${one.marketplace}|${one.subject}`;
    const second = Math.max(Math.floor(one.decidedAt.getTime() / 1_000), (last.get(key) ?? 0) + 1);
    last.set(key, second);
    return { ...one, decidedAt: new Date(second * 1_000) };
  });
};

interface DecisionRow {
  readonly said: OwnDecision;
  /** Empty: it was decided, and not taken back. */
  readonly revokedAt: string;
}

/** One row for each decision, and one more where it was taken back: known from then on, and not before. */
const decisionRows = (decisions: readonly OwnDecision[], kind: OwnDecision["kind"]): readonly DecisionRow[] => {
  const held = new Map<string, OwnDecision>();
  return decisions.flatMap((one) => {
    if (one.kind !== kind) return [];
    const key = `${one.marketplace}|${one.subject}`;
    const before = held.get(key);
    if (!one.isRevoked) {
      held.set(key, one);
      return [{ said: one, revokedAt: "" }];
    }
    held.delete(key);
    return before === undefined ? [] : [{ said: { ...before, reason: one.reason }, revokedAt: moment(one.decidedAt) }];
  });
};

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [csvRow(header), ...rows.map(csvRow)].join("");
/** As documents among the internal files are written. */
export const ownJson = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;
const dayText = (at: Date | null | undefined): string | null => at?.toISOString().slice(0, 10) ?? null;

const dealHeader = [
  "deal_id",
  "account_name",
  "account_domain",
  "amount",
  "currency",
  "close_date",
  "stage",
  "marketplace",
  "private_offer_id",
  "cosell_opportunity_id",
  "partner_sourced",
  "partner_influenced",
  "product",
  "segment",
  "region",
];
const wonStages = new Set(["committed", "launched"]);
const dealName = ({ source, key }: OwnDeal): string => `${source}:${key}`;

/** Offers that nobody can accept any more: a deal is named by them only where it has no other. */
const deadStates = new Set(["expired", "withdrawn", "superseded"]);

/**
 * One row for each offer that became a contract or still may; they differ in marketplace and offer alone. A deal whose offers are all over
 * names the latest. It closed with the first acceptance: what is accepted later must not change who is credited.
 */
const dealRows = (deal: OwnDeal, offers: readonly OwnOffer[]): readonly (readonly string[])[] => {
  const alive = offers.filter(({ state }) => !deadStates.has(state));
  const named = alive.length > 0 ? alive : offers.slice(0, 1);
  const accepted = offers.filter(({ state }) => state === "accepted");
  const closedOn = accepted.flatMap(({ acceptedAt }) => dayText(acceptedAt) ?? []).toSorted()[0];
  const stage =
    deal.stage === "closed_lost"
      ? "Closed Lost"
      : wonStages.has(deal.stage) || accepted.length > 0
        ? "Closed Won"
        : deal.stage;
  const products = [...new Set(named.flatMap(({ product }) => product ?? []))];
  const before = [
    dealName(deal),
    deal.accountName,
    registrableDomain(deal.website) ?? "",
    deal.amount?.amount ?? "",
    deal.amount?.currency ?? named[0]?.total?.currency ?? "USD",
    closedOn ?? deal.closeDate ?? "",
    stage,
  ];
  // Rules may be limited to one product, the customer's industry and country: a deal of several products says none.
  const product = products.length === 1 ? (products[0] ?? "") : "";
  const after = ["", "", "", product, deal.industry ?? "", deal.country ?? ""];
  if (named.length === 0) return [[...before, "", "", ...after]];
  return named.map(({ marketplace, remoteId }) => [
    ...before,
    marketplace,
    remoteId === null ? "" : reportOfferId(remoteId),
    ...after,
  ]);
};

/** Reports name an offer by the last part of its name, without a revision. */
const reportOfferId = (remoteId: string): string => (remoteId.split("/").at(-1) ?? remoteId).replace(/@\d+$/, "");

const touchHeader = ["touch_id", "deal_id", "partner_id", "type", "date", "status", "recorded_at"];
const touchCells = (touch: OwnTouch, deal: string): readonly string[] => [
  touch.id,
  deal,
  touch.partner ?? "",
  touch.kind,
  dayText(touch.at) ?? "",
  "accepted",
  dayText(touch.recordedAt) ?? "",
];

const offerRow = (offer: OwnOffer) =>
  offer.remoteId === null
    ? []
    : [
        {
          marketplace: offer.marketplace,
          offer_id: reportOfferId(offer.remoteId),
          name: offer.name,
          status: offer.state.toUpperCase(),
          published_at: dayText(offer.publishedAt),
          expires_at: offer.acceptBy,
          currency: offer.total?.currency ?? null,
          total_contract_value: offer.total?.amount ?? null,
        },
      ];

const agreementRow = (agreement: OwnAgreement, offer: OwnOffer | undefined) => {
  // What we wrote into the offer goes before the marketplace's estimate.
  const total = offer?.total ?? agreement.total;
  const schedule = agreement.schedule.length > 0 ? agreement.schedule : (offer?.schedule ?? []);
  const offerId = offer?.remoteId ?? agreement.remoteOfferId;
  if (total === null) return [];
  return [
    {
      marketplace: agreement.marketplace,
      agreement_id: agreement.remoteId.split("/").at(-1) ?? agreement.remoteId,
      offer_id: offerId === null ? null : reportOfferId(offerId),
      customer_account: agreement.buyerAccount,
      status: agreement.state.toUpperCase(),
      intent: offer?.isRenewal === true || agreement.lineage === "renews" ? "RENEW" : "NEW",
      cppo: offer?.isResold === true,
      accepted_at: dayText(agreement.acceptedAt),
      start: dayText(agreement.startsAt ?? agreement.acceptedAt),
      end: dayText(agreement.endsAt),
      currency: total.currency,
      total_contract_value: total.amount,
      schedule: schedule.map(({ date, amount }) => ({ date, amount: amount.amount })),
    },
  ];
};

/** The rows for software, as the close reads them: parts per million, tiers in US dollars. */
const feeSchedule = (rows: readonly FeeRow[]) => {
  const rates = rows.filter((row) => row.kind === "rate").toSorted((a, b) => (a.from < b.from ? -1 : 1));
  const fees = rows.filter((row) => row.kind === "fee");
  return {
    tcv_currency: "USD",
    fx_to_usd: Object.fromEntries([["USD", 1], ...rates.map(({ currency, usd }) => [currency, Number(usd)])]),
    rows: fees
      .filter(({ products }) => products === undefined || products.length === 0 || products.includes("saas"))
      .map(({ marketplace, from, tiers, renewalPercent, channelPercent }) => ({
        marketplace,
        effective_from: from,
        private_offer: tiers.map(({ below, percent }) => ({
          ...(below === null ? {} : { tcv_lt: below }),
          ppm: partsPerMillion(percent),
        })),
        ...(renewalPercent == null ? {} : { renewal_ppm: partsPerMillion(renewalPercent) }),
        ...(channelPercent == null ? {} : { cppo_uplift_ppm: partsPerMillion(channelPercent) }),
      })),
  };
};

/** 1.5 percent are 15 000 parts per million. */
const partsPerMillion = (percent: string): number => Number((decimalToMicros(percent) ?? 0n) / 100n);

/** Usual tolerances and windows, where nobody has said others. Rules count only if both their signatures are verified. */
export const usualPolicy = {
  tolerance: { minor_units_per_instalment: 1 },
  windows_days: {
    invoice_overdue: 50,
    accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
    aws_disbursement_after_collection: 45,
    azure_disbursement_after_expected: 30,
    gcp_disbursement_after_expected: 10,
    bank_after_disbursement: 5,
  },
  signatures: "verified",
} as const satisfies z.input<typeof policyFileSchema>;
