/** What an operator may turn while the simulator runs. Defaults follow Microsoft's documents or, where they are silent, a plausible guess. */
import * as z from "zod";
import { buyersSchema, moneySchema, offersSchema, saasSchema } from "./marketplace/settings.ts";

const range = (low: number, high: number) => z.tuple([z.number().min(0), z.number().min(0)]).default([low, high]);
const share = (value: number) => z.number().min(0).max(1).default(value);

const signInSchema = z.object({
  mfa: z.boolean().default(true).describe("whether a sign-in passes multi-factor authentication"),
  outcome: z.enum(["granted", "declined"]).default("granted").describe("how the person answers the consent page"),
  mfaEnforced: z.boolean().default(true).describe("refuse App+User calls without MFA: 401 with code 900421"),
});

const tokensSchema = z.object({
  accessMinutes: z.number().positive().default(75),
  refreshDays: z.number().positive().default(90).describe("how long a refresh token lives unused (not documented)"),
  codeMinutes: z.number().positive().default(10),
  oldRefreshStaysValid: z
    .boolean()
    .default(true)
    .describe("whether a refresh token still works after it was renewed, as Entra lets it"),
});

const listingSchema = z.object({
  pageSize: z.int().min(1).max(100).default(100),
  leads: z.boolean().default(false).describe("whether lists show marketplace leads; Microsoft's do not"),
  related: z.boolean().default(true).describe("whether lists without a filter by engagement show others' referrals"),
  eTag: z.boolean().default(false).describe("whether the items of a list carry eTag; the documented sample's do not"),
  externalReferenceId: z
    .boolean()
    .default(false)
    .describe("whether $filter knows externalReferenceId; the documented list does not have it"),
  lagSeconds: z.number().min(0).default(0).describe("how long lists lag behind writes"),
});

const wireSchema = z.object({
  amounts: z
    .enum(["as sent", "number", "text"])
    .default("as sent")
    .describe("dealValue in answers: as it was last sent, or always one of the two"),
  salesStage: z.enum(["percent", "as sent"]).default("percent").describe("live payloads hold percent texts"),
  links: z
    .enum(["live", "documented"])
    .default("live")
    .describe("live: the engagement's id in relatedReferrals.uri is not quoted; documented: quoted"),
  createStatus: z.union([z.literal(200), z.literal(201)]).default(201),
  terse: z.boolean().default(false).describe("refuse with no useful message, as users complain of"),
  clientRequestId: z.boolean().default(true).describe("refuse calls without client-request-id, which is required"),
});

const webhooksSchema = z.object({
  certificate: z.enum(["der", "pem"]).default("der").describe("the form of the certificate at its address"),
  related: z.enum(["related", "own"]).default("related").describe("whose id a related-referral event names"),
  attempts: z.int().min(1).default(10).describe("after so many an event goes to a queue that nobody reads"),
  validationsPerMinute: z.int().min(1).default(2),
});

const timingSchema = z.object({
  reactionDays: range(0.5, 10),
  progressDays: range(4, 12),
  registrationDays: range(1, 5),
  eventSeconds: range(0.5, 20),
  retrySeconds: range(30, 3_600),
});

const proportionsSchema = z.object({
  accept: share(0.7).describe("referrals to Microsoft that a seller accepts"),
  decline: share(0.15).describe("those that are declined; what is left expires without a word"),
  receive: share(0.3).describe("those that somebody opens first: New/Received"),
  win: share(0.35).describe("accepted ones that Microsoft closes as won in the end"),
  lose: share(0.15).describe("accepted ones that Microsoft closes as lost in the end"),
  edit: share(0.1).describe("steps at which Microsoft changes the partner's own referral"),
});

const referralsSchema = z.object({
  perWeek: z.number().min(0).max(1000).default(0).describe("referrals that each organization gets by itself"),
  expirationDays: z.number().positive().max(365).default(14),
  acceptanceNeeds: z
    .enum(["nothing", "name, value and date"])
    .default("nothing")
    .describe("what an accepted referral must have"),
  registersWon: z
    .boolean()
    .default(false)
    .describe("register won deals by themselves, rejecting those won within 72 hours (by API: not documented)"),
});

const quotasSchema = z.object({
  writesPerSecond: z.number().positive().default(1_000).describe("Microsoft publishes no throttle"),
  readsPerSecond: z.number().positive().default(1_000),
  writesPerDay: z.int().positive().default(1_000_000),
  readsPerDay: z.int().positive().default(10_000_000),
  writesBurst: z.number().positive().default(1_000),
  readsBurst: z.number().positive().default(1_000),
  graceMs: z.number().min(0).default(50),
  retryAfterSeconds: z.int().min(0).default(5),
});

export const settingsSchema = z.object({
  reviewer: z.enum(["seeded", "manual"]).default("seeded"),
  role: z
    .enum(["Referrals admin", "Referrals user", "none"])
    .default("Referrals admin")
    .describe("the consenting user's role; a Referrals user sees only referrals whose team lists them"),
  solutions: z
    .array(z.string())
    .nullable()
    .default(null)
    .describe("ids of solutions that are co-sell ready; null: any"),
  eventsMax: z.int().min(1).default(20_000).describe("finished events kept for replay"),
  signIn: signInSchema.prefault({}),
  tokens: tokensSchema.prefault({}),
  listing: listingSchema.prefault({}),
  wire: wireSchema.prefault({}),
  webhooks: webhooksSchema.prefault({}),
  timing: timingSchema.prefault({}),
  proportions: proportionsSchema.prefault({}),
  referrals: referralsSchema.prefault({}),
  quotas: quotasSchema.prefault({}),
  offers: offersSchema.prefault({}),
  saas: saasSchema.prefault({}),
  buyers: buyersSchema.prefault({}),
  money: moneySchema.prefault({}),
});
export type Settings = z.infer<typeof settingsSchema>;
export type SettingsInput = z.input<typeof settingsSchema>;

/** A change of settings: groups may be partial. Unknown names are refused. */
export const settingsPatchSchema = settingsSchema
  .extend({
    signIn: signInSchema.partial(),
    tokens: tokensSchema.partial(),
    listing: listingSchema.partial(),
    wire: wireSchema.partial(),
    webhooks: webhooksSchema.partial(),
    timing: timingSchema.partial(),
    proportions: proportionsSchema.partial(),
    referrals: referralsSchema.partial(),
    quotas: quotasSchema.partial(),
    offers: offersSchema.partial(),
    saas: saasSchema.partial(),
    buyers: buyersSchema.partial(),
    money: moneySchema.partial(),
  })
  .partial()
  .strict();
