/** The adapter's marketplace doors on the simulated Microsoft, and what went over the wire. */
import { createAzure } from "../adapters/azure/index.ts";
import { simulatedCredential } from "../adapters/azure/simulator/index.ts";
import type { Connection } from "../src/domain/deal.ts";
import { ok, type Result } from "../src/domain/fault.ts";
import { type OfferDraft, type OfferTermsInput, offerTermsSchema } from "../src/domain/offer.ts";
import { connection } from "./azure-double.ts";
import { buyerAccount, ids, type MarketplaceRig } from "./azure-marketplace-rig.ts";
import { testIds } from "./ids.ts";

export const got = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.value;
};

const { organizationId, tenantId, clientId, clientSecret } = simulatedCredential;
export const webhook = { audience: clientId, tenantId };
export const marketplace: Connection["settings"] = {
  preparedBy: "alliances@simulated-partner.example",
  notificationContacts: ["alliances@simulated-partner.example"],
  products: [
    {
      id: ids.product,
      offerId: "business-insights",
      plans: [
        { id: ids.standard, planId: "standard" },
        { id: ids.perSeat, planId: "per-seat" },
      ],
    },
  ],
  webhook,
  activation: "accept",
  planChanges: "accept",
};

/** A draft that Microsoft would take: 120,000 USD for a year, at once. */
export const azureTerms: OfferTermsInput = {
  name: "Example Foods, one year",
  buyer: { accounts: [buyerAccount], name: "Example Foods" },
  product: "business-insights",
  plan: "standard",
  price: { model: "flat", total: { amount: "120000.00", currency: "USD" } },
  term: { months: 12 },
  acceptBy: "2026-07-31",
};
export const azureDraft = (terms: Partial<OfferTermsInput> = {}, over: Partial<OfferDraft> = {}): OfferDraft => ({
  offerId: "off_1",
  marker: "cosell-00112233445566778899-1",
  terms: offerTermsSchema.parse({ ...azureTerms, ...terms }),
  contacts: [],
  deal: { source: "crm", key: "CS-1042", title: "Shelf planning" },
  engagement: null,
  today: "2026-06-01",
  now: new Date("2026-06-01T09:00:00.000Z"),
  ...over,
});

/** Opens the doors; each is a process of its own, with nothing remembered. */
export const openMarketDoors = (rig: MarketplaceRig, over: Connection["settings"] = {}) => {
  const calls: string[] = [];
  let lost = 0;
  const session = createAzure().open(
    {
      clock: rig.clock,
      ids: testIds,
      http: async (request) => {
        const { host, pathname } = new URL(request.url);
        const isToken = host === "login.microsoftonline.com";
        if (!isToken) calls.push(`${request.method} ${pathname.replace(/^\/(rp\/product-ingestion|api\/saas)/, "")}`);
        const answer = await rig.simulator.fetch(request);
        if (isToken || lost === 0) return answer;
        lost -= 1;
        throw new Error("the answer was lost");
      },
      secrets: { get: async () => ({ value: clientSecret, version: 1 }), rotate: async () => false },
      quota: { take: async () => ok(null) },
    },
    connection({
      account: organizationId,
      settings: {
        organizationId,
        tenantId,
        app: { kind: "secret", clientId, clientSecretRef: "secret:client" },
        marketplace: { ...marketplace, ...over },
      },
    }),
  );
  const { offers, agreements, landing, hooks } = session;
  if (!offers || !agreements || !landing || !hooks) throw new Error(`no doors: ${JSON.stringify(session.lacks)}`);
  return {
    session,
    offers,
    agreements,
    landing,
    hooks,
    calls,
    loseAnswers: (count: number): void => {
      lost = count;
    },
  };
};
export type MarketDoors = ReturnType<typeof openMarketDoors>;
