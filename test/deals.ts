/** Deals for tests. */
import { type OpportunityInput, opportunityInputSchema } from "../src/domain/deal.ts";

/** A deal that AWS takes as it is. */
export const awsDeal = (key: string, overrides: Partial<OpportunityInput> = {}): OpportunityInput =>
  opportunityInputSchema.parse({
    source: "test",
    key,
    title: `Planning for ${key}`,
    account: {
      name: "Lumen Freight",
      website: "https://www.lumenfreight.example",
      country: "DE",
      city: "Hamburg",
      postalCode: "20095",
      industry: "Transportation and Logistics",
    },
    contacts: [
      {
        role: "owner",
        email: "ada@seller.example",
        firstName: "Ada",
        lastName: "Seller",
        title: "Account Executive",
        phone: "+4940123456",
      },
      {
        role: "customer",
        email: "carl@lumenfreight.example",
        firstName: "Carl",
        lastName: "Kunde",
        title: "Head of IT",
        phone: "+4940654321",
      },
    ],
    problem: "Their shipment planning takes two days a week and misses a fifth of the trucks.",
    stage: "qualified",
    closeDate: "2027-03-31",
    amount: { amount: "120000.00", currency: "USD" },
    termMonths: 12,
    nextSteps: "Joint workshop with the customer",
    programmes: {
      aws: {
        useCase: "Business Applications & Contact Center",
        deliveryModels: ["SaaS or PaaS"],
        primaryNeeds: ["Co-Sell - Deal Support"],
        salesActivities: ["Initialized discussions with customer"],
      },
    },
    ...overrides,
  });

/** A deal that every cloud takes as it is. */
export const cloudsDeal = (key: string, overrides: Partial<OpportunityInput> = {}): OpportunityInput =>
  awsDeal(key, overrides);
