/** Drafts of a private offer for tests of adapters: terms that break no rule, as far as the marketplace's own fields do not. */
import { type OfferDraft, type OfferTermsInput, offerTermsSchema } from "../src/domain/offer.ts";

export type TermsOver = Partial<OfferTermsInput>;

export const offerTerms: OfferTermsInput = {
  name: "Example Industries, one year",
  description: "Negotiated in September",
  buyer: { accounts: ["444455556666"] },
  product: "prod-simulated0001",
  price: {
    model: "flat",
    total: { amount: "120000.00", currency: "USD" },
    grants: [{ dimension: "Seats", quantity: 100 }],
  },
  term: { months: 12 },
  acceptBy: "2026-09-30",
  legal: { kind: "standard" },
};

export const offerDraft = (terms: TermsOver = {}, over: Partial<OfferDraft> = {}): OfferDraft => ({
  offerId: "off_1",
  marker: "csl-7f3k2a9",
  terms: offerTermsSchema.parse({ ...offerTerms, ...terms }),
  contacts: [],
  deal: { source: "salesforce", key: "006A000001", title: "Data lake for Example Industries" },
  engagement: null,
  today: "2026-09-01",
  now: new Date("2026-09-01T10:00:00.000Z"),
  ...over,
});
