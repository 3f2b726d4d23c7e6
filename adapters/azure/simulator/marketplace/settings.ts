/** What an operator may turn at the marketplace. Where Microsoft's documents are silent or disagree there is a setting for both ways. */
import * as z from "zod";

const range = (low: number, high: number) => z.tuple([z.number().min(0), z.number().min(0)]).default([low, high]);
const share = (value: number) => z.number().min(0).max(1).default(value);

export const offersSchema = z.object({
  jobSeconds: range(20, 240).describe("how long a configure job takes"),
  pollSeconds: z.number().min(0).default(60).describe("a job's status may be asked once in so many seconds"),
  pageSize: z.int().min(1).max(1000).default(100),
  lagSeconds: z.number().min(0).default(0).describe("how long a new private offer is not in the list"),
  statusCasing: z.enum(["camel", "Pascal"]).default("camel").describe("tables and samples write job words differently"),
  jobDetail: z.enum(["offer", "resources"]).default("offer").describe("what GET configure/<job> shows"),
  queryRows: z.enum(["full", "brief"]).default("full").describe("whether the list of private offers has all members"),
  nextLink: z.enum(["graph", "foreign"]).default("graph").describe("whose host @nextLink names: it is opaque"),
  states: z
    .enum(["authored", "portal"])
    .default("authored")
    .describe("whether `state` ever says accepted and expired, as the portal does; not documented for the API"),
  unknownMembers: z.enum(["refused", "ignored"]).default("refused"),
  channelPartner: z
    .enum(["either", "multiParty", "multiparty"])
    .default("either")
    .describe("which spelling of multiPartyPromotionChannelPartner is taken"),
  renewalMember: z
    .boolean()
    .default(true)
    .describe("whether customerContractRenewal is known: clients send it, the documents do not have it"),
  republish: z.boolean().default(true).describe("whether a withdrawn offer can be made live again by API"),
  extendLive: z
    .boolean()
    .default(false)
    .describe("whether acceptBy of a live offer can be moved as it is; otherwise it is withdrawn first"),
  uniqueNames: z.boolean().default(false).describe("refuse a second private offer of a name; not documented"),
  upgradeNeedsAcceptance: z.boolean().default(true),
  acceptByBeforeEnd: z
    .boolean()
    .default(false)
    .describe("refuse an acceptBy after end; the documented sample has one, the portal refuses it"),
  billingAccounts: z.array(z.string()).nullable().default(null).describe("buyers that exist; null: any well-formed id"),
});

export const saasSchema = z.object({
  tokenHours: z.number().positive().default(24).describe("how long a landing token is good; the OpenAPI says 1"),
  activationDays: z.number().positive().default(30),
  autoAcceptSeconds: z.number().min(0).default(10),
  retries: z.int().min(1).default(500),
  retryHours: z.number().positive().default(8),
  callSeconds: range(0.2, 3).describe("how soon the webhook is called"),
  issuer: z.enum(["v1", "v2"]).default("v1").describe("which form of Entra's issuer the webhook's token has"),
  shapes: z
    .enum(["varied", "plain"])
    .default("varied")
    .describe("varied: quantity as number, text or null, absent status, trailing spaces, the legacy Reinstate body"),
  subscribeEvent: z
    .boolean()
    .default(false)
    .describe("whether an activation is told as well, as newer pages say; the OpenAPI knows no such action"),
  outstanding: z.enum(["all", "Reinstate"]).default("all").describe("which pending operations are listed"),
  lateAnswer: z
    .enum(["conflict", "accepted"])
    .default("conflict")
    .describe("what a publisher hears who confirms an operation that was accepted meanwhile"),
  externalId: z.enum(["guid", "durable"]).default("guid").describe("how sourceOffers names the private offer"),
  pageSize: z.int().min(1).max(1000).default(100),
});

export const buyersSchema = z.object({
  accept: share(0.75),
  purchase: share(0.9).describe("accepted offers that are bought"),
  land: share(0.97).describe("purchases whose buyer comes to the landing page"),
  change: share(0.25).describe("subscriptions whose buyer changes seats or plan once"),
  suspend: share(0.05).describe("subscriptions that are suspended once, and reinstated"),
  unsubscribe: share(0.05).describe("subscriptions that the buyer ends early"),
  renew: share(0.8).describe("terms that renew by themselves"),
  refund: share(0).describe("billed lines that Microsoft refunds a month later"),
  loss: share(0).describe("billed lines that the buyer never pays: uncollected, or taken back where paid in advance"),
  enterprise: share(0.5).describe("buyers with an enterprise agreement: paid out a month sooner"),
  publicationDays: range(1, 5).describe("how long a selling partner takes with a multiparty offer"),
  acceptanceDays: range(1, 12),
  purchaseDays: range(0.5, 4),
  landingDays: range(0.05, 2),
});
export const moneySchema = z.object({
  feePercent: z
    .string()
    .regex(/^\d{1,2}(\.\d{1,4})?$/)
    .default("3"),
  exportSeconds: range(60, 600).describe("how long an export of earnings or payments takes"),
  exportsByApplication: z
    .boolean()
    .default(false)
    .describe("whether exports take a token without a user; not documented, Microsoft's sample signs a user in"),
  failures: share(0).describe("scheduled analytics and exports that fail"),
  reportDays: z.number().positive().default(30).describe("how long the file of a report or an export is kept"),
  analyticsHours: z.number().min(0).default(24).describe("how far analytics lag behind; documented: up to 48"),
});
