/** Drafts of a share for tests of adapters: a deal as all marketplaces see it, with the programme's own fields given. */
import type { Contact, JsonObject, Opportunity, ShareDraft } from "../src/domain/deal.ts";

export interface DraftParts {
  readonly opportunity?: Partial<Opportunity>;
  readonly account?: Partial<ShareDraft["account"]>;
  readonly fields?: JsonObject;
  readonly contacts?: readonly Contact[];
}

export const now = new Date("2026-09-01T10:00:00.000Z");
export const customer: Contact = {
  role: "customer",
  email: "ada@example.com",
  firstName: "Ada",
  lastName: "Park",
  title: "CTO",
  phone: "+12065550100",
};

/** A deal that breaks no rule of ours, as far as the programme's `fields` do not. */
export const draftWith = (fields: JsonObject, parts: DraftParts = {}): ShareDraft => ({
  shareId: "shr_1",
  opportunity: {
    id: "opp_1",
    source: "salesforce",
    key: "006A000001",
    accountId: "acc_1",
    partnerId: null,
    title: "Data lake for Example Industries",
    problem: "Reports take three days and nobody trusts them.",
    stage: "qualified",
    closeDate: "2026-12-31",
    amount: { amount: "120000.00", currency: "USD" },
    termMonths: 12,
    type: "new",
    nextSteps: "Workshop in October",
    lostReason: null,
    tag: null,
    taggedAt: null,
    programmes: {},
    version: 1,
    createdAt: now,
    updatedAt: now,
    ...parts.opportunity,
  },
  account: {
    name: "Example Industries",
    website: "www.example.com",
    country: "US",
    state: "California",
    city: "San Jose",
    postalCode: "95110",
    street: "1 Main Street",
    industry: "Software and Internet",
    duns: null,
    ...parts.account,
  },
  contacts: parts.contacts ?? [customer],
  fields: { ...fields, ...parts.fields },
  today: "2026-09-01",
});
