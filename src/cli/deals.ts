/** Finding deals through the API: by id, by `source:key`, all of them, or those far enough to be shared. */
import * as z from "zod";
import { dealStages } from "../domain/deal.ts";
import type { Client } from "./client.ts";
import { Failure, usageFailure } from "./failure.ts";

export const dealsMax = 200_000;

/** A row of GET /v1/opportunities. */
export const listedDealSchema = z.looseObject({
  id: z.string(),
  source: z.string(),
  key: z.string(),
  title: z.string(),
  stage: z.enum(dealStages).catch("prospect"),
  tag: z.string().nullish(),
});
export type ListedDeal = z.infer<typeof listedDealSchema>;

/** The deal that a person named as `salesforce:006…` or `opp_…`. Throws a `Failure` when there is none. */
export const findDeal = async (client: Client, name: string): Promise<ListedDeal> => {
  if (/^opp_[0-9a-f]{32}$/.test(name)) return client.get(`/v1/opportunities/${name}`, listedDealSchema);
  const colon = name.indexOf(":");
  if (colon < 1)
    throw usageFailure(
      `${JSON.stringify(name)} names no deal`,
      "write source:key, for example salesforce:0061, or opp_…",
    );
  const query = { source: name.slice(0, colon), key: name.slice(colon + 1) };
  for await (const deal of client.each("/v1/opportunities", listedDealSchema, query, 1)) return deal;
  throw new Failure(`there is no deal ${name}`, { fix: "import it first, or look it up with cosell export" });
};

const shareable: ReadonlySet<string> = new Set([
  "qualified",
  "technical_validation",
  "business_validation",
  "committed",
]);

/** All deals, or only those that a programme takes: qualified and still open. Sorted by source and key. */
export const allDeals = async (client: Client, onlyQualified: boolean): Promise<readonly ListedDeal[]> => {
  const deals: ListedDeal[] = [];
  for await (const deal of client.each("/v1/opportunities", listedDealSchema, {}, dealsMax)) {
    if (!onlyQualified || shareable.has(deal.stage)) deals.push(deal);
  }
  return deals.toSorted((a, b) => compare(a.source, b.source) || compare(a.key, b.key));
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
