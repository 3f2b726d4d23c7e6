/**
 * What an operator may turn in the marketplace. Defaults follow Google's pages or, where they say nothing, a plausible guess; whatever
 * is not documented can be turned the other way.
 */
import * as z from "zod";

const range = (low: number, high: number) => z.tuple([z.number().min(0), z.number().min(0)]).default([low, high]);
const share = (value: number) => z.number().min(0).max(1).default(value);

export const marketplaceSchema = z.object({
  automaticApproval: z
    .boolean()
    .default(false)
    .describe("private offers need no approval: ENTITLEMENT_OFFER_ACCEPTED in place of _CREATION_REQUESTED"),
  earlyApproval: z
    .enum(["pend", "refuse"])
    .default("pend")
    .describe("an entitlement approved before its account: stays as it is until then, or is refused"),
  multipleOrders: z.boolean().default(false).describe("a customer may have several orders of one product"),
  basicView: z
    .enum(["documented", "metadata"])
    .default("documented")
    .describe("the basic view lacks what the proto says it lacks, or all contents but name, title, state and times"),
  zoneless: z
    .enum(["accept", "refuse"])
    .default("refuse")
    .describe("times without time_zone or utc_offset (not documented): taken for Los Angeles, or refused"),
  reviewDollars: z.number().int().min(0).default(10_000_000).describe("native renewals above this are reviewed"),
  publishSeconds: range(2, 60),
  reviewDays: range(1, 4),
  buyerDays: range(1, 20).describe("how long after publication a buyer decides"),
  activationSeconds: range(600, 1_200).describe("from an accepted or approved order to its activation"),
  changeSeconds: range(60, 600).describe("from an approved change of plan to its effect"),
  cancellingSeconds: range(5, 60),
  deletionDays: z.number().min(0).default(60).describe("from a cancellation to the deletion of the entitlement"),
  pushSeconds: range(0.2, 5),
  retrySeconds: range(10, 600).describe("the least and the longest pause before a push is tried again"),
  retentionDays: z.number().positive().default(7).describe("how long an unacknowledged message is kept"),
  pushesMax: z.number().int().positive().default(20_000),
  accept: share(0.75).describe("published offers that their buyer accepts; the others expire"),
  renew: share(0.8).describe("terms that a buyer lets renew where the offer allows it"),
  cancel: share(0.08).describe("orders that a buyer cancels in the middle of the term"),
  revert: share(0.3).describe("cancellations that a buyer takes back"),
  refund: share(0.02).describe("charges that are refunded in the month after"),
  withhold: share(0.05).describe("charges whose payout is withheld at first, because the buyer has not paid"),
  abandon: share(0.3).describe("withheld payouts that are given up in the end"),
  reportPageMax: z
    .int()
    .min(1)
    .max(1_000)
    .default(1_000)
    .describe("objects of the reports' bucket on one page at most"),
  redeliveredAt: z.iso
    .datetime()
    .nullable()
    .default(null)
    .describe("when all report files were written once more, in place; null: never"),
  usageDollars: range(200, 4_000).describe("a customer's metered use in a month, at list price"),
});
export type MarketplaceSettings = z.infer<typeof marketplaceSchema>;
