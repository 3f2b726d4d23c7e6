/** Microsoft's side of the truth: referrals, who signed in, where events go and what was told. */
import * as z from "zod";
import type { SimulatorState } from "../../contract.ts";
import { createBook, dueShape, faultRowSchema, metaSchema, storedObject } from "../../simulator/ledger.ts";
import { outgoingShape } from "../../simulator/outbox.ts";
import { countersSchema, windowSchema } from "../../simulator/quotas.ts";
import { marketplaceKinds, marketplaceTables } from "./marketplace/rows.ts";

const version = z.object({
  /** Seven digits after the second, as Partner Center writes times. */
  modifiedAt: z.string(),
  /** With its quotes. */
  etag: z.string(),
  /** The referral's members, without what this row states beside it and without links. */
  document: storedObject,
});
const referralSchema = version.extend({
  id: z.string(),
  engagementId: z.string(),
  /** The partner organization that has it in its engagements. */
  account: z.string(),
  /** Whose referral it is. */
  party: z.enum(["partner", "microsoft", "other"]),
  direction: z.enum(["Incoming", "Outgoing"]),
  sequence: z.number(),
  /** Names this referral for the dice: the same deal meets the same fate whatever the order of arrival. */
  fate: z.string(),
  createdAt: z.string(),
  steps: z.number(),
  previous: version.nullable(),
  staleUntil: z.string().nullable(),
  hiddenUntil: z.string().nullable(),
});
export type ReferralRecord = z.infer<typeof referralSchema>;

/** What a person's consent has left: a refresh token. Its id is the token itself. */
const sessionSchema = z.object({
  id: z.string(),
  account: z.string(),
  clientId: z.string(),
  scopes: z.array(z.string()),
  amr: z.array(z.string()),
  sequence: z.number(),
  issuedAt: z.string(),
  renewedAt: z.string().nullable(),
  ended: z.enum(["consent", "password", "inactivity", "mfa"]).nullable(),
});
export type SessionRecord = z.infer<typeof sessionSchema>;

const codeSchema = z.object({
  id: z.string(),
  account: z.string(),
  clientId: z.string(),
  redirectUri: z.string(),
  scopes: z.array(z.string()),
  challenge: z.string().nullable(),
  nonce: z.string().nullable(),
  amr: z.array(z.string()),
  expiresAt: z.string(),
  used: z.boolean(),
});
export type CodeRecord = z.infer<typeof codeSchema>;

const registrationSchema = z.object({
  account: z.string(),
  subscriberId: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  signatureInOwnHeader: z.boolean(),
});
export type RegistrationRecord = z.infer<typeof registrationSchema>;

const validationSchema = z.object({
  id: z.string(),
  account: z.string(),
  url: z.string(),
  at: z.string(),
  status: z.enum(["inprogress", "completed", "failed"]),
  results: z.array(z.object({ status: z.number(), at: z.string() })),
});
export type ValidationRecord = z.infer<typeof validationSchema>;

const forgeries = [
  "tampered_body",
  "other_key",
  "unknown_authority",
  "other_organization",
  "expired_certificate",
  "authority_itself",
  "stranger_host",
  "plain_http",
  "weak_algorithm",
  "no_signature",
  "no_certificate",
] as const;
export const forgerySchema = z.enum(forgeries);
export type Forgery = z.infer<typeof forgerySchema>;

const eventSchema = outgoingShape.extend({
  name: z.string(),
  referralId: z.string().nullable(),
  validationId: z.string().nullable(),
  /** The very text that is signed. */
  body: z.string(),
  forgery: forgerySchema.nullable(),
});
export type EventRecord = z.infer<typeof eventSchema>;

const dueSchema = dueShape.extend({
  kind: z.enum([
    "receive",
    "reaction",
    "expiry",
    "progress",
    "registration",
    "arrival",
    "delivery",
    ...marketplaceKinds,
  ]),
});
export type Due = z.infer<typeof dueSchema>;

/** Counting: a crash may lose the last of it, which can only be reads and refusals. */
const trifles = ["meta", "counters", "windows"];

/** Ids by a text of the row. Rows that changed since stay in: whoever looks must look at the row as well. */
const createIndex = () => {
  const ids = new Map<string, Set<string>>();
  return {
    add: (text: string, id: string): void => {
      const known = ids.get(text);
      if (known) known.add(id);
      else ids.set(text, new Set([id]));
    },
    find: (text: string): readonly string[] => [...(ids.get(text) ?? [])],
  };
};

/** Empty tables over a state port. Call `load` before anything else. */
export const createLedger = (state: SimulatorState) => {
  const { table, dueTable, ...book } = createBook(state, trifles);
  const { due, ...schedule } = dueTable(dueSchema);
  const [byEngagement, byReference] = [createIndex(), createIndex()];
  const tables = {
    meta: table("meta", metaSchema),
    referrals: table("referrals", referralSchema, (row) => {
      byEngagement.add(row.engagementId, row.id);
      const { externalReferenceId } = row.document;
      if (typeof externalReferenceId === "string") byReference.add(externalReferenceId, row.id);
    }),
    sessions: table("sessions", sessionSchema),
    codes: table("codes", codeSchema),
    registrations: table("registrations", registrationSchema),
    validations: table("validations", validationSchema),
    events: table("events", eventSchema),
    ...marketplaceTables({ table }),
    due,
    faults: table("faults", faultRowSchema),
    counters: table("counters", countersSchema),
    windows: table("windows", windowSchema),
    fates: table("fates", z.object({ count: z.number() })),
    signers: table("signers", z.object({ renewals: z.number() })),
  };
  return { ...tables, tables, byEngagement, byReference, ...book, ...schedule };
};
export type Ledger = ReturnType<typeof createLedger>;
