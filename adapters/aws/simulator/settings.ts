/** What an operator may turn while the simulator runs. Every default follows AWS's published numbers or, where none exist, a plausible guess. */
import * as z from "zod";
import { marketplaceSchema } from "./marketplace/settings.ts";

const range = (low: number, high: number) => z.tuple([z.number().min(0), z.number().min(0)]).default([low, high]);
const share = (value: number) => z.number().min(0).max(1).default(value);

/** One entry of the partner's solution list. */
export const solutionSchema = z.object({
  id: z.string(),
  name: z.string(),
  status: z.enum(["Active", "Inactive", "Draft"]),
  category: z.string(),
});
const category = ["Software Product", "Consulting Service", "Hardware Product", "Managed Service"] as const;
const defaultSolutions = [
  ...Array.from({ length: 24 }, (_, index) => ({
    id: `S-${String(index + 1).padStart(7, "0")}`,
    name: `Solution ${index + 1}`,
    status: index === 22 ? ("Inactive" as const) : index === 23 ? ("Draft" as const) : ("Active" as const),
    category: category[index % category.length] ?? category[0],
  })),
  { id: "S-1234567", name: "Sample solution of the sandbox guide", status: "Active" as const, category: category[0] },
];

const quotasSchema = z.object({
  writesPerSecond: z.number().positive().default(1),
  readsPerSecond: z.number().positive().default(10),
  writesPerDay: z.number().int().positive().default(10_000),
  readsPerDay: z.number().int().positive().default(100_000),
  writesBurst: z.number().positive().default(1).describe("how many writes may come at once after a pause"),
  readsBurst: z.number().positive().default(10),
  graceMs: z.number().min(0).default(50).describe("how early a request may come; the long-run rate stays the same"),
});

const timingSchema = z.object({
  taskSeconds: range(2, 90),
  eventSeconds: range(0.2, 3),
  reviewStartDays: range(0.1, 1),
  reviewDays: range(0.5, 4),
  progressDays: range(4, 12),
});

const proportionsSchema = z.object({
  taskAtOnce: share(0.25).describe("tasks that are already complete in the first answer"),
  ask: share(0.2).describe("first reviews that end in Action Required; later rounds ask half as often"),
  reject: share(0.08).describe("reviews that end in Rejected"),
  launch: share(0.35).describe("approved deals that AWS sets to Launched in the end"),
  close: share(0.1).describe("approved deals that AWS sets to Closed Lost in the end"),
  edit: share(0.1).describe("steps at which AWS edits a field of the partner's record directly"),
});

const referralsSchema = z.object({
  perWeek: z.number().min(0).max(1000).default(0).describe("referrals AWS sends each account by itself"),
  leadsPerWeek: z.number().min(0).max(1000).default(0).describe("leads AWS sends each account by itself"),
  expirationDays: z.number().positive().max(365).default(15).describe("how long an invitation stays open"),
  shortExpirationDays: z.number().positive().max(365).default(5).describe("how long a hurried one stays open"),
  hurried: share(0.2).describe("invitations AWS sends by itself that are hurried"),
  reviewStatus: z
    .enum(["Approved", "Submitted", "Pending Submission"])
    .default("Approved")
    .describe("what an accepted referral is born with (not documented)"),
  identifierWritable: z
    .boolean()
    .default(true)
    .describe("whether an approved referral takes a PartnerOpportunityIdentifier while it has none (not documented)"),
  closedInvitation: z
    .enum(["ConflictException", "ValidationException"])
    .default("ConflictException")
    .describe("how accepting or rejecting what is no longer PENDING is refused (the model allows both)"),
  rejectionReasons: z
    .enum(["documented", "any"])
    .default("documented")
    .describe("whether a rejection must give one of the documented reasons, or any at all"),
  engagementLock: z
    .enum(["exact", "milliseconds"])
    .default("exact")
    .describe("how precisely EngagementLastModifiedAt must match (not documented); AWS's own SDK keeps milliseconds"),
  sandbox: z
    .enum(["invitation", "opportunity"])
    .default("invitation")
    .describe("what CreateOpportunity with Origin AWS Referral makes at once in the Sandbox catalog (not documented)"),
});

export const settingsSchema = z.object({
  reviewer: z.enum(["seeded", "manual"]).default("seeded"),
  reviewSandbox: z.boolean().default(false).describe("let the seeded reviewers also work in the Sandbox catalog"),
  deniedCatalogs: z.array(z.string()).default([]).describe("catalogs the caller has no permission for"),
  searchLagSeconds: z.number().min(0).default(0).describe("how long ListOpportunities lags behind writes"),
  summaryMovesLastModified: z
    .boolean()
    .default(false)
    .describe("whether edits of the AWS side move the partner record's LastModifiedDate (not documented)"),
  summaryFrom: z
    .enum(["submission", "approval"])
    .default("approval")
    .describe("from when GetAwsOpportunitySummary finds something (not documented)"),
  duplicateAssociation: z.enum(["refuse", "accept"]).default("refuse"),
  unknownSolutions: z.enum(["refuse", "accept"]).default("refuse"),
  unknownOffers: z
    .enum(["refuse", "accept"])
    .default("refuse")
    .describe("associating an offer or offer set that this account does not have"),
  legacyLocks: z
    .boolean()
    .default(false)
    .describe("after approval also lock company name, state and national security, as field specification v14.3 did"),
  postalFormats: z.boolean().default(true).describe("check postal codes against the country's format"),
  users: z.array(z.string()).nullable().default(null).describe("e-mails that may be assignees; null: any"),
  tokenHours: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe("how long client tokens are kept; null: for ever"),
  eventsMax: z.number().int().min(1).default(20_000).describe("finished events kept for replay"),
  companyName: z.string().default("Simulated Partner"),
  solutions: z.array(solutionSchema).default(defaultSolutions),
  quotas: quotasSchema.prefault({}),
  timing: timingSchema.prefault({}),
  proportions: proportionsSchema.prefault({}),
  referrals: referralsSchema.prefault({}),
  marketplace: marketplaceSchema.prefault({}),
});
export type Settings = z.infer<typeof settingsSchema>;
export type SettingsInput = z.input<typeof settingsSchema>;

/** A change of settings: groups may be partial. Unknown names are refused. */
export const settingsPatchSchema = settingsSchema
  .extend({
    quotas: quotasSchema.partial(),
    timing: timingSchema.partial(),
    proportions: proportionsSchema.partial(),
    referrals: referralsSchema.partial(),
    marketplace: marketplaceSchema.partial(),
  })
  .partial()
  .strict();
