/** Offers as the API lists them, which one a person meant, and how they are shown. */
import * as z from "zod";
import { offerStates } from "../domain/machine.ts";
import type { Arguments } from "./arguments.ts";
import type { Client } from "./client.ts";
import { findDeal } from "./deals.ts";
import { Failure, usageFailure } from "./failure.ts";
import { findConnection } from "./find-connection.ts";
import { renderTable } from "./table.ts";

export const offersMax = 100_000;
const moneySchema = z.object({ amount: z.string(), currency: z.string() });
export const gapSchema = z.looseObject({ field: z.string(), message: z.string(), fix: z.string() });
const feeSchema = z.looseObject({
  gross: moneySchema.nullable(),
  fee: moneySchema.nullable(),
  net: moneySchema.nullable(),
  percent: z.string().nullable(),
  source: z.string().nullable(),
});
export const offerSchema = z.looseObject({
  id: z.string(),
  state: z.enum(offerStates),
  reason: z.string().nullish(),
  origin: z.string().default("ours"),
  remoteId: z.string().nullish(),
  acceptBy: z.string().nullish(),
  acceptUrl: z.string().nullish(),
  total: moneySchema.nullish(),
  fee: feeSchema.nullish(),
  terms: z.looseObject({ name: z.string().nullish() }),
  change: z.looseObject({ kind: z.string() }).nullish(),
  version: z.number(),
});
export type OfferRow = z.infer<typeof offerSchema>;
export const listedOfferSchema = offerSchema.extend({
  marketplace: z.string(),
  connectionLabel: z.string(),
  source: z.string().nullish(),
  key: z.string().nullish(),
});
export type ListedOffer = z.infer<typeof listedOfferSchema>;
export const judgedSchema = z.looseObject({
  offer: offerSchema,
  gaps: z.array(gapSchema),
  notices: z.array(z.string()),
  approval: z.object({ status: z.string(), reasons: z.array(z.looseObject({ rule: z.string(), why: z.string() })) }),
  rehearsal: z.string().optional(),
});
export type Judged = z.infer<typeof judgedSchema>;

/** The offer with this id, the marketplace's id of it, or the newest one of the deal source:key. */
export const findOffer = async (client: Client, name: string): Promise<OfferRow> => {
  if (name.startsWith("off_")) return client.get(`/v1/offers/${name}`, offerSchema);
  if (name.includes(":") && !name.startsWith("arn:")) {
    const deal = await findDeal(client, name);
    for await (const row of client.each("/v1/offers", listedOfferSchema, { opportunity: deal.id }, 1)) return row;
    throw new Failure(`the deal ${name} has no offer`, { fix: `cosell offers draft ${name}` });
  }
  for await (const row of client.each("/v1/offers", listedOfferSchema, {}, offersMax))
    if (row.remoteId === name) return row;
  throw new Failure(`there is no offer ${name}`, { fix: "cosell offers lists them" });
};

/** The filter that `--state`, `--connection` and `--deal` make. */
export const readOfferFilter = async (client: Client, typed: Arguments) => {
  const state = typed.text("state");
  const unknown = (state ?? "")
    .split(",")
    .filter((word) => word !== "" && !offerStates.some((known) => known === word));
  if (unknown.length > 0)
    throw usageFailure(`there is no state ${unknown[0]}`, `take one of ${offerStates.join(", ")}`);
  const label = typed.text("connection");
  const deal = typed.text("deal");
  return {
    state,
    connection: label === undefined ? undefined : (await findConnection(client, label)).id,
    opportunity: deal === undefined ? undefined : (await findDeal(client, deal)).id,
  };
};

export const moneyText = (money: { readonly amount: string; readonly currency: string } | null | undefined): string =>
  money == null ? "" : `${money.amount} ${money.currency}`;
export const nameOf = (offer: OfferRow): string => offer.terms.name ?? offer.remoteId ?? offer.id;
const nextOf = ({ state, change, reason, remoteId, id }: OfferRow): string => {
  if (change) return change.kind === "extend" ? "is being extended" : "is being withdrawn";
  switch (state) {
    case "draft":
      return reason ? `mend it: ${reason}` : `cosell offers check ${id}`;
    case "in_approval":
      return "waits for an approval";
    case "publishing":
      return "on its way to the marketplace";
    case "published":
    case "viewed":
      return "waits for the buyer";
    case "expired":
      return `extend it, or clone it: ${remoteId ?? id}`;
    default:
      return reason ?? "";
  }
};

/** The table of offers, at most `columns` wide. */
export const renderOffers = (rows: readonly ListedOffer[], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "offer", cell: (row) => row.id },
      { title: "name", cell: nameOf, shrink: true },
      { title: "deal", cell: (row) => (row.key ? `${row.source}:${row.key}` : ""), shrink: true },
      { title: "at", cell: (row) => row.marketplace },
      { title: "total", cell: (row) => moneyText(row.total), right: true },
      { title: "accept by", cell: (row) => row.acceptBy ?? "" },
      { title: "state", cell: (row) => row.state },
      { title: "next", cell: nextOf, shrink: true, lines: 2 },
    ],
    columns,
  );

/** What a judgement says, for a person: money first, then what is in the way. */
export const renderJudged = ({ offer, gaps, notices, approval, rehearsal }: Judged): string => {
  const { fee } = offer;
  const lines = [
    `${nameOf(offer)} (${offer.id}) is ${offer.state}${offer.reason ? `: ${offer.reason}` : ""}`,
    fee
      ? `gross ${moneyText(fee.gross) || "not fixed"}, fee ${moneyText(fee.fee) || "?"}${fee.percent === null ? "" : ` (${fee.percent} %)`}, net ${moneyText(fee.net) || "?"}`
      : null,
    ...gaps.map((gap) => `  ${gap.field}: ${gap.message}\n    fix: ${gap.fix}`),
    ...notices.map((notice) => `  note: ${notice}`),
    approval.status === "not_needed"
      ? null
      : `approval ${approval.status}: ${approval.reasons.map(({ rule, why }) => `${rule} (${why})`).join("; ")}`,
    rehearsal === undefined ? null : `the marketplace's own check: ${rehearsal}`,
  ];
  return `${lines.filter((line) => line !== null).join("\n")}\n`;
};
