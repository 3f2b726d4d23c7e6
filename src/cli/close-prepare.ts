/** `cosell close prepare`: the internal files of a close, written from what the service knows: deals, touches, offers, agreements, fees. */
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { registrableDomain } from "../domain/account.ts";
import { csvRow } from "../domain/csv.ts";
import { decimalToMicros } from "../domain/money.ts";
import { type Client, withClient } from "./client.ts";
import { type Command, switchFlag } from "./command.ts";
import { dealsMax } from "./deals.ts";
import { exitCodes, Failure } from "./failure.ts";
import { createProgress } from "./progress.ts";
import { whereabouts } from "./shares.ts";
import { counted } from "./table.ts";
import { writeWhole } from "./whole-file.ts";

const rowsMax = 200_000;
const readsAtOnce = 8;

export const closePrepareCommand: Command = {
  name: "close prepare",
  summary: "Write the internal files of a close from what the service knows",
  operands: "<folder>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    switchFlag("force", "replace internal files that are there; policy.json and attribution-rules.json are kept"),
  ],
  about: `
Writes deals.csv, touches.csv, partners.csv, offers.json, agreements.json and fee-schedule.json into <folder>/internal, and a
policy.json with usual tolerances and windows where there is none. Add the marketplaces' report files, the bank statement and
internal/attribution-rules.json, then close the folder.`,
  examples: [
    "cosell close prepare reports/2026-06",
    "cosell close reports/2026-06 --as-of 2026-06-30 --out close-2026-06",
  ],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [folder = ""] = typed.operands;
      const files = await filesFrom(client, createProgress(shell, "deals", 0));
      const written: string[] = [];
      for (const { name, text, isKept } of files) {
        const path = join(folder, "internal", name);
        const isThere = (await stat(path).catch(() => null)) !== null;
        if (isThere && isKept) continue;
        if (isThere && !typed.on("force"))
          throw new Failure(`${path} is there already`, { fix: "name another folder, or say --force" });
        await mkdir(dirname(path), { recursive: true });
        await writeWhole(path, [text]);
        written.push(name);
      }
      const text = `${join(folder, "internal")}: ${counted(written.length, "file")} written (${written.join(", ")})\n`;
      return { exitCode: exitCodes.ok, text, json: { folder, written } };
    }),
};

interface InternalFile {
  readonly name: string;
  readonly text: string;
  /** One that a person keeps: never replaced. */
  readonly isKept: boolean;
}

const moneySchema = z.object({ amount: z.string(), currency: z.string() });
const dealSchema = z.looseObject({
  id: z.string(),
  source: z.string(),
  key: z.string(),
  stage: z.string(),
  closeDate: z.string().nullish(),
  amount: moneySchema.nullish(),
  account: z.looseObject({ name: z.string(), website: z.string().nullish() }).optional(),
});
type Deal = z.infer<typeof dealSchema>;
const offerSchema = z.looseObject({
  id: z.string(),
  marketplace: z.string(),
  opportunityId: z.string().nullable(),
  remoteId: z.string().nullable(),
  state: z.string(),
  publishedAt: z.string().nullable(),
  acceptedAt: z.string().nullable(),
  acceptBy: z.string().nullable(),
  total: moneySchema.nullable(),
  terms: z.looseObject({
    name: z.string().optional(),
    renewal: z.looseObject({}).nullish(),
    channelPartner: z.looseObject({}).nullish(),
    schedule: z.array(z.object({ date: z.string(), amount: moneySchema })).optional(),
  }),
});
type Offer = z.infer<typeof offerSchema>;
const agreementSchema = z.looseObject({
  marketplace: z.string(),
  remoteId: z.string(),
  offerId: z.string().nullable(),
  remoteOfferId: z.string().nullable(),
  state: z.string(),
  lineage: z.string().nullable(),
  buyerAccount: z.string().nullable(),
  acceptedAt: z.string().nullable(),
  startsAt: z.string().nullable(),
  endsAt: z.string().nullable(),
  total: moneySchema.nullable(),
  schedule: z.array(z.object({ date: z.string(), amount: moneySchema })),
});
type Agreement = z.infer<typeof agreementSchema>;
const touchSchema = z.looseObject({ id: z.string(), kind: z.string(), at: z.string(), partner: z.string().nullish() });

const filesFrom = async (
  client: Client,
  progress: ReturnType<typeof createProgress>,
): Promise<readonly InternalFile[]> => {
  const deals: Deal[] = [];
  for await (const deal of client.each("/v1/opportunities", dealSchema, {}, dealsMax)) deals.push(deal);
  const offers: Offer[] = [];
  for await (const offer of client.each("/v1/offers", offerSchema, {}, rowsMax)) offers.push(offer);
  const agreements: Agreement[] = [];
  for await (const one of client.each("/v1/agreements", agreementSchema, {}, rowsMax)) agreements.push(one);
  const wholes: { readonly deal: Deal; readonly touches: readonly z.infer<typeof touchSchema>[] }[] = [];
  for (let from = 0; from < deals.length; from += readsAtOnce) {
    const some = deals.slice(from, from + readsAtOnce);
    wholes.push(
      ...(await Promise.all(
        some.map(async (deal) => ({
          deal: await client.get(`/v1/opportunities/${deal.id}`, dealSchema),
          touches: await touchesOf(client, deal.id),
        })),
      )),
    );
    progress.show(from + some.length, `${from + some.length} of ${deals.length} deals`);
  }
  progress.end();
  const partners = [
    ...new Set(wholes.flatMap(({ touches }) => touches.flatMap(({ partner }) => partner ?? []))),
  ].toSorted();
  return [
    file("deals.csv", [csvRow(dealHeader), ...wholes.map(({ deal }) => csvRow(dealCells(deal, offers)))].join("")),
    file(
      "touches.csv",
      [
        csvRow(touchHeader),
        ...wholes.flatMap(({ deal, touches }) => touches.map((touch) => csvRow(touchCells(deal, touch)))),
      ].join(""),
    ),
    file("partners.csv", [csvRow(["partner_id", "name"]), ...partners.map((name) => csvRow([name, name]))].join("")),
    file("offers.json", json(offers.flatMap(offerRow))),
    file("agreements.json", json(agreements.flatMap((agreement) => agreementRow(agreement, offers)))),
    file("fee-schedule.json", json(await feeSchedule(client))),
    { ...file("policy.json", json(usualPolicy)), isKept: true },
    { ...file("attribution-rules.json", json([])), isKept: true },
  ];
};

const file = (name: string, text: string): InternalFile => ({ name, text, isKept: false });
const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;

const touchesOf = async (client: Client, dealId: string) => {
  const touches: z.infer<typeof touchSchema>[] = [];
  for await (const touch of client.each(`/v1/opportunities/${dealId}/touches`, touchSchema, {}, rowsMax))
    touches.push(touch);
  return touches;
};

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
];
const wonStages = new Set(["committed", "launched"]);
const dealId = ({ source, key }: Deal): string => `${source}:${key}`;

/** Of a deal's offers the one that became a contract, else the latest that is out. */
const dealCells = (deal: Deal, offers: readonly Offer[]): readonly string[] => {
  const own = offers.filter(({ opportunityId, remoteId }) => opportunityId === deal.id && remoteId !== null);
  const offer = own.find(({ state }) => state === "accepted") ?? own.at(0);
  const stage =
    deal.stage === "closed_lost"
      ? "Closed Lost"
      : wonStages.has(deal.stage) || offer?.state === "accepted"
        ? "Closed Won"
        : deal.stage;
  return [
    dealId(deal),
    deal.account?.name ?? "",
    registrableDomain(deal.account?.website) ?? "",
    deal.amount?.amount ?? "",
    deal.amount?.currency ?? offer?.total?.currency ?? "USD",
    (offer?.acceptedAt ?? deal.closeDate ?? "").slice(0, 10),
    stage,
    offer?.marketplace ?? "",
    offer?.remoteId === undefined || offer.remoteId === null ? "" : reportOfferId(offer.remoteId),
    ...["", "", ""],
  ];
};

/** Reports name an offer by the last part of its name, without a revision. */
const reportOfferId = (remoteId: string): string => (remoteId.split("/").at(-1) ?? remoteId).replace(/@\d+$/, "");

const touchHeader = ["touch_id", "deal_id", "partner_id", "type", "date", "status", "recorded_at"];
const touchCells = (deal: Deal, touch: z.infer<typeof touchSchema>): readonly string[] => [
  touch.id,
  dealId(deal),
  touch.partner ?? "",
  touch.kind,
  touch.at.slice(0, 10),
  "accepted",
  touch.at.slice(0, 10),
];

const offerRow = (offer: Offer) =>
  offer.remoteId === null
    ? []
    : [
        {
          marketplace: offer.marketplace,
          offer_id: reportOfferId(offer.remoteId),
          name: offer.terms.name ?? "",
          status: offer.state.toUpperCase(),
          published_at: offer.publishedAt?.slice(0, 10) ?? null,
          expires_at: offer.acceptBy,
          currency: offer.total?.currency ?? null,
          total_contract_value: offer.total?.amount ?? null,
        },
      ];

const agreementRow = (agreement: Agreement, offers: readonly Offer[]) => {
  const offer = offers.find(({ id }) => id === agreement.offerId);
  // What we wrote into the offer goes before the marketplace's estimate.
  const total = offer?.total ?? agreement.total;
  const schedule = agreement.schedule.length > 0 ? agreement.schedule : (offer?.terms.schedule ?? []);
  const offerId = offer?.remoteId ?? agreement.remoteOfferId;
  if (total === null) return [];
  return [
    {
      marketplace: agreement.marketplace,
      agreement_id: agreement.remoteId.split("/").at(-1) ?? agreement.remoteId,
      offer_id: offerId === null ? null : reportOfferId(offerId),
      customer_account: agreement.buyerAccount,
      status: agreement.state.toUpperCase(),
      intent: offer?.terms.renewal != null || agreement.lineage === "renews" ? "RENEW" : "NEW",
      cppo: offer?.terms.channelPartner != null,
      accepted_at: agreement.acceptedAt?.slice(0, 10) ?? null,
      start: (agreement.startsAt ?? agreement.acceptedAt)?.slice(0, 10) ?? null,
      end: agreement.endsAt?.slice(0, 10) ?? null,
      currency: total.currency,
      total_contract_value: total.amount,
      schedule: schedule.map(({ date, amount }) => ({ date, amount: amount.amount })),
    },
  ];
};

const feeRowSchema = z.looseObject({
  kind: z.string(),
  marketplace: z.string().optional(),
  products: z.array(z.string()).optional(),
  from: z.string(),
  currency: z.string().optional(),
  usd: z.string().optional(),
  tiers: z.array(z.object({ below: z.string().nullable(), percent: z.string() })).optional(),
  renewalPercent: z.string().nullish(),
  channelPercent: z.string().nullish(),
});

/** The rows for software, as the close reads them: parts per million, tiers in US dollars. */
const feeSchedule = async (client: Client) => {
  const rows: z.infer<typeof feeRowSchema>[] = [];
  const listed = z.looseObject({ row: feeRowSchema });
  for await (const { row } of client.each("/v1/fee-schedule", listed, {}, rowsMax)) rows.push(row);
  const rates = rows.filter(({ kind }) => kind === "rate").toSorted((a, b) => (a.from < b.from ? -1 : 1));
  return {
    tcv_currency: "USD",
    fx_to_usd: Object.fromEntries([
      ["USD", 1],
      ...rates.map(({ currency = "", usd = "0" }) => [currency, Number(usd)]),
    ]),
    rows: rows
      .filter(({ kind, products = [] }) => kind === "fee" && (products.length === 0 || products.includes("saas")))
      .map(({ marketplace, from, tiers = [], renewalPercent, channelPercent }) => ({
        marketplace,
        effective_from: from,
        private_offer: tiers.map(({ below, percent }) => ({
          ...(below === null ? {} : { tcv_lt: Number(below) }),
          ppm: partsPerMillion(percent),
        })),
        ...(renewalPercent == null ? {} : { renewal_ppm: partsPerMillion(renewalPercent) }),
        ...(channelPercent == null ? {} : { cppo_uplift_ppm: partsPerMillion(channelPercent) }),
      })),
  };
};

/** 1.5 percent are 15 000 parts per million. */
const partsPerMillion = (percent: string): number => Number((decimalToMicros(percent) ?? 0n) / 100n);

const usualPolicy = {
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
};
