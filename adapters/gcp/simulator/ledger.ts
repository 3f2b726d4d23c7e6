/** Google's side of the truth: the tables of this simulator. */
import * as z from "zod";
import type { SimulatorState } from "../../contract-simulator.ts";
import { textAt } from "../../simulator/document.ts";
import { createBook, dueShape, faultRowSchema, metaSchema, storedObject } from "../../simulator/ledger.ts";
import { countersSchema, windowSchema } from "../../simulator/quotas.ts";
import {
  billingAccountSchema,
  buyerAccountSchema,
  chargeSchema,
  dueKinds,
  entitlementSchema,
  offerDocumentSchema,
  offerSchema,
  pushSchema,
  subscriptionSchema,
} from "./marketplace/records.ts";

const version = z.object({ updatedAt: z.string(), document: storedObject });
const opportunitySchema = version.extend({
  id: z.string(),
  /** The id behind `partners/`. */
  partner: z.string(),
  sequence: z.number(),
  /** Names this deal for the dice: the same deal meets the same fate whatever the order of arrival. */
  fate: z.string(),
  createdAt: z.string(),
  /** How often it was submitted. */
  rounds: z.number(),
  /** How many steps Google's sellers have made. */
  steps: z.number(),
  previous: version.nullable(),
  staleUntil: z.string().nullable(),
  hiddenUntil: z.string().nullable(),
});
export type OpportunityRecord = z.infer<typeof opportunitySchema>;

/** A lead of the legacy surface, or the opportunity that an approved one became. */
const crmSchema = z.object({
  id: z.string(),
  partner: z.string(),
  sequence: z.number(),
  fate: z.string(),
  document: storedObject,
});
export type CrmRecord = z.infer<typeof crmSchema>;

/** An access token, by the SHA-256 of its text. */
const tokenSchema = z.object({ email: z.string(), scopes: z.array(z.string()), expiresAt: z.string() });
export type TokenRecord = z.infer<typeof tokenSchema>;

const dueSchema = dueShape.extend({ kind: z.enum(["verdict", "progress", "lead_verdict", ...dueKinds]) });
export type Due = z.infer<typeof dueSchema>;
export type DueKind = Due["kind"];

/** Empty tables over a state port. Call `load` before anything else. */
export const createLedger = (state: SimulatorState) => {
  // A crash may lose the last of the counting, which can only be reads and refusals.
  const { table, dueTable, ...book } = createBook(state, ["meta", "counters", "windows"]);
  const { due, ...agenda } = dueTable(dueSchema);
  const index = createIndex();
  const tables = {
    meta: table("meta", metaSchema),
    opportunities: table("opportunities", opportunitySchema, index.add),
    leads: table("leads", crmSchema),
    leadOpportunities: table("leadOpportunities", crmSchema),
    offers: table("offers", offerSchema),
    offerDocuments: table("offerDocuments", offerDocumentSchema),
    billingAccounts: table("billingAccounts", billingAccountSchema),
    buyerAccounts: table("buyerAccounts", buyerAccountSchema),
    entitlements: table("entitlements", entitlementSchema),
    charges: table("charges", chargeSchema),
    subscriptions: table("subscriptions", subscriptionSchema),
    pushes: table("pushes", pushSchema),
    pushKeys: table("pushKeys", z.object({ rotations: z.number() })),
    tokens: table("tokens", tokenSchema),
    due,
    faults: table("faults", faultRowSchema),
    counters: table("counters", countersSchema),
    windows: table("windows", windowSchema),
    fates: table("fates", z.object({ count: z.number() })),
  };
  return { ...book, ...agenda, ...tables, tables, idsWith: index.find };
};
export type Ledger = ReturnType<typeof createLedger>;

const indexed = ["referenceOpportunityId", "opportunityInfo.displayName"];

/**
 * Opportunities by the texts that partners mark them with: without it, a search before each of many creates would look at all of
 * them. It remembers what a record ever said, since a query may show a version before: whoever asks looks at the record again.
 */
const createIndex = () => {
  const ids = new Map<string, Set<string>>();
  return {
    add: ({ id, document }: OpportunityRecord): void => {
      for (const path of indexed) {
        const text = textAt(document, path);
        const name = `${path}\u0000${text}`;
        if (text !== null) ids.set(name, (ids.get(name) ?? new Set()).add(id));
      }
    },
    /** The ids of all that have, or had, this text at this path; null when the path is not indexed. */
    find: (path: string, text: string): readonly string[] | null =>
      indexed.includes(path) ? [...(ids.get(`${path}\u0000${text}`) ?? [])] : null,
  };
};
