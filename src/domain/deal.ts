/**
 * The joint deal as we see it, what a marketplace programme makes of it, and how an observation changes a share.
 * Our vocabulary only: a marketplace's words live in its adapter's folder.
 */
import * as z from "zod";
import {
  path,
  type Row,
  type ShareEvent,
  type ShareState,
  shareEndStates,
  shareStates,
  shareTable,
} from "./machine.ts";
import { moneyJsonSchema } from "./money.ts";

export const marketplaceIds = ["aws", "azure", "gcp"] as const;
export const marketplaceIdSchema = z.enum(marketplaceIds);
export type MarketplaceId = z.infer<typeof marketplaceIdSchema>;

/** What people call the company behind a marketplace. */
export const partnerNames: Readonly<Record<MarketplaceId, string>> = { aws: "AWS", azure: "Microsoft", gcp: "Google" };

export const environments = ["production", "vendor_test", "simulated"] as const;
export const environmentSchema = z.enum(environments);
export type Environment = z.infer<typeof environmentSchema>;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };
export const jsonObjectSchema = z.record(z.string(), z.json());

/** Calendar date, `YYYY-MM-DD`. */
export const dateSchema = z.iso.date();
const text = (max: number) => z.string().trim().min(1).max(max);

/** Our stages of a deal; each adapter maps them to the programme's own. */
export const dealStages = [
  "prospect",
  "qualified",
  "technical_validation",
  "business_validation",
  "committed",
  "launched",
  "closed_lost",
] as const;
export type DealStage = (typeof dealStages)[number];

/** Whether the partner brought the deal or helped it along; null means nobody has tagged it yet, and it is listed as such. */
export const attributionTags = ["sourced", "influenced"] as const;

export const contactRoles = ["owner", "customer"] as const;
/** A person. Kept only in the encrypted contact table. */
export const contactSchema = z.object({
  role: z.enum(contactRoles).describe("owner: our seller; customer: a person at the customer"),
  email: text(254),
  firstName: text(80).nullish(),
  lastName: text(80).nullish(),
  title: text(80).nullish(),
  phone: text(40).nullish(),
});
export type Contact = z.infer<typeof contactSchema>;

/** A customer company as the CRM names it. `domain` is derived: the registrable domain of the website. */
export const accountInputSchema = z.object({
  name: text(255),
  website: text(255).nullish(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, "two upper-case letters, ISO 3166-1 alpha-2")
    .nullish(),
  state: text(255).nullish(),
  city: text(255).nullish(),
  postalCode: text(40).nullish(),
  street: text(255).nullish(),
  industry: text(255).nullish(),
  duns: z
    .string()
    .regex(/^\d{9}$/, "nine digits")
    .nullish(),
});
export type AccountInput = z.infer<typeof accountInputSchema>;

/** A deal as it comes from a CRM export or through the API. Everything a programme may miss is optional here: gaps are told, not thrown. */
export const opportunityInputSchema = z.object({
  source: text(40).describe("the CRM the key belongs to, for example salesforce or hubspot"),
  key: text(64).describe("the deal's id in that CRM; unique with the source"),
  title: text(255),
  account: accountInputSchema,
  contacts: z.array(contactSchema).max(20).default([]),
  problem: z.string().max(8000).nullish().describe("the customer's business problem"),
  stage: z.enum(dealStages).default("prospect"),
  closeDate: dateSchema.nullish().describe("expected close, YYYY-MM-DD"),
  amount: moneyJsonSchema.nullish().describe("expected amount for the whole term"),
  termMonths: z.number().int().min(1).max(144).nullish(),
  type: z.enum(["new", "expansion", "renewal"]).default("new"),
  nextSteps: z.string().max(2000).nullish(),
  lostReason: text(255).nullish().describe("why the deal was lost, when the stage is closed_lost"),
  partner: text(255).nullish().describe("the other company in this deal"),
  tag: z.enum(attributionTags).nullish(),
  taggedAt: z.iso.datetime().nullish().describe("when the tag was given; default: now, when a tag is given"),
  programmes: z
    .partialRecord(marketplaceIdSchema, jsonObjectSchema)
    .default({})
    .describe('fields only one programme asks for, by marketplace, for example {"aws": {"useCase": "…"}}'),
});
export type OpportunityInput = z.infer<typeof opportunityInputSchema>;

const instant = z.date();

export const accountSchema = accountInputSchema.extend({
  id: z.string(),
  domain: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
});
export type Account = z.infer<typeof accountSchema>;

export const opportunitySchema = opportunityInputSchema
  .omit({ account: true, contacts: true, partner: true, taggedAt: true })
  .extend({
    id: z.string(),
    accountId: z.string(),
    partnerId: z.string().nullable(),
    taggedAt: instant.nullable(),
    version: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  });
export type Opportunity = z.infer<typeof opportunitySchema>;

export const connectionSchema = z.object({
  id: z.string(),
  marketplace: marketplaceIdSchema,
  label: z.string(),
  /** The seller's account at the marketplace: with the environment it is the remote seller identity. */
  account: z.string(),
  environment: environmentSchema,
  /** Settings the adapter's schema has parsed; secrets are references, never values. */
  settings: jsonObjectSchema,
  state: z.enum(["active", "parked"]),
  parkedReason: z.string().nullable(),
  version: z.number().int(),
  createdAt: instant,
});
export type Connection = z.infer<typeof connectionSchema>;

/** Everything an adapter needs to judge and to write one share: pure data, no ids of ours but the share's. */
export interface ShareDraft {
  readonly shareId: string;
  readonly opportunity: Opportunity;
  readonly account: AccountInput;
  readonly contacts: readonly Contact[];
  /** Programme-only fields: connection defaults, overlaid by the deal's, overlaid by the share's. */
  readonly fields: JsonObject;
  /** The published private offer of this deal at the same marketplace, as the partner names it; absent or null: none. */
  readonly offer?: RemoteRef | null;
  /** The day on which the draft is judged, YYYY-MM-DD in UTC. */
  readonly today: string;
}

export const remoteRefSchema = z.object({ id: z.string().min(1).max(255), arn: z.string().max(2048).nullish() });
export type RemoteRef = z.infer<typeof remoteRefSchema>;

/** What the partner says about a share, in our words, plus their untouched body. */
export interface Observation {
  readonly ref: RemoteRef;
  /** Raw version or last-modified string of the partner; compared only by the adapter's `newer`. */
  readonly version: string;
  /** What their status words mean; null when the words are deliberately without meaning for the state. */
  readonly event: ShareEvent | null;
  /** False: the deal may count as accepted by their words, but nobody of theirs took it on. */
  readonly isAcceptance?: boolean;
  /** Ids of other records of theirs that tell of the same deal: word of one of them is word of this one. */
  readonly related?: readonly string[];
  /** Their words and advice, shown to people: status, stage, seller, next actions, score, comments. No personal data. */
  readonly facts: JsonObject;
  /** Their people. Stored encrypted. */
  readonly people: readonly {
    readonly email: string | null;
    readonly name: string | null;
    readonly title: string | null;
  }[];
  /** The wire bodies, unparsed. Stored encrypted, expire. */
  readonly body: string;
  readonly seenAt: Date;
}

/** A field of a share that the deal did not give: a rule's default stands in for it. */
export const syntheticSchema = z.object({
  field: z.string(),
  value: z.json(),
  ruleId: z.string().nullable().describe("null: the rule is not saved yet"),
  ruleVersion: z.number().int(),
  consented: z.boolean().describe("whether the rule lets it be sent; without, it is kept back"),
});
export type Synthetic = z.infer<typeof syntheticSchema>;

export const shareSchema = z.object({
  id: z.string(),
  opportunityId: z.string(),
  connectionId: z.string(),
  /** 1 for the first share of this deal with this connection, 2 after that one ended and it was shared again, … */
  generation: z.number().int(),
  state: z.enum(shareStates),
  /** Why it is where it is, in one sentence for a person. */
  reason: z.string().nullable(),
  gaps: z.array(
    z.object({ field: z.string(), code: z.string(), message: z.string(), fix: z.string(), source: z.string() }),
  ),
  fields: jsonObjectSchema,
  /** The share rule that made it, with its version; null: a person shared it. */
  ruleId: z.string().nullable(),
  ruleVersion: z.number().int().nullable(),
  /** Fields that the deal did not give and the rule's defaults stand in for. */
  synthetic: z.array(syntheticSchema),
  version: z.number().int(),
  createdAt: instant,
  updatedAt: instant,
});
export type Share = z.infer<typeof shareSchema>;

const ends: ReadonlySet<ShareState> = new Set(shareEndStates);
export const isEnded = (state: ShareState): boolean => ends.has(state);

/** Steps the partner may have taken while we were not looking. Withdrawing and gap finding are ours and never assumed. */
const assumable: ReadonlySet<ShareEvent> = new Set(["revised", "partner_stored", "review_started", "partner_accepted"]);

/**
 * What an observed event does to a share: the rows to walk, in order (empty when the share is already there or nothing
 * follows), or null when the table has no way: the state is kept and a person is told.
 */
export const absorb = (state: ShareState, event: ShareEvent | null): readonly Row<ShareState, ShareEvent>[] | null => {
  if (event === null) return [];
  if (shareTable.some((row) => row[1] === event && row[2] === state)) return [];
  if (isEnded(state)) return null;
  // On the way out their progress changes nothing; only an end does.
  if (state === "withdrawing") return shareTable.filter((row) => row[0] === state && row[1] === event);
  return path(shareTable, state, event, (between) => assumable.has(between));
};
