/** What an offer at a simulated cloud says beside what the deal tells: the simulators' own products, plans and buyers. */
import type { MarketplaceId } from "../src/domain/deal.ts";
import type { OfferTermsInput } from "../src/domain/offer.ts";

const legal = { kind: "standard" } as const;
export const simulatedTerms: Readonly<Record<MarketplaceId, Partial<OfferTermsInput>>> = {
  aws: {
    product: "prod-simulated0001",
    buyer: { accounts: ["444455556666"] },
    price: {
      model: "flat",
      total: { amount: "120000.00", currency: "USD" },
      grants: [{ dimension: "Seats", quantity: 100 }],
    },
    legal,
  },
  azure: {
    product: "business-insights",
    plan: "standard",
    buyer: { accounts: ["ac357579-e860-54a6-80b3-66958aea67fe:7471d04e-f696-4d20-af34-fa78d51e419c_2019-05-31"] },
  },
  gcp: {
    product: "core.endpoints.simulated-partner-public.cloud.goog",
    plan: "enterprise-p1y",
    buyer: { accounts: ["0AB1C2-34D5E6-F7890A"] },
    legal,
  },
};
