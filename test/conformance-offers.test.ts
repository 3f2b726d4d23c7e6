/** The small marketplace of the offer tests before the suite that all marketplaces with offers pass: the suite itself is tried. */
import { createVirtualClock } from "../src/clock.ts";
import type { Connection } from "../src/domain/deal.ts";
import { runMarketplaceOffersConformance } from "./marketplace-offers.ts";
import { createOfferFake } from "./offer-fake.ts";
import { testStart } from "./store-fixture.ts";

const connection: Connection = {
  ...{ id: "con_1", marketplace: "aws", label: "Small", account: "123456789012", environment: "vendor_test" },
  ...{ settings: { duties: true }, state: "active", parkedReason: null, version: 1, createdAt: testStart },
};

runMarketplaceOffersConformance({
  name: "The small marketplace",
  open: async () => {
    const clock = createVirtualClock(testStart);
    const fake = createOfferFake(clock);
    const never = () => {
      throw new Error("the fake contacts nobody");
    };
    const session = fake.marketplace.open(
      {
        clock,
        ids: { uuid: never, next: never, bytes: never },
        http: never,
        secrets: { get: never, rotate: never },
        quota: { take: never },
      },
      connection,
    );
    return {
      session,
      now: () => clock.now(),
      pass: async (seconds) => clock.advanceTo(new Date(clock.now().getTime() + seconds * 1_000)),
      calls: async () =>
        Object.fromEntries(fake.calls.map((name) => [name, fake.calls.filter((other) => other === name).length])),
      lose: async (operation, what) => fake.strike(operation, what === "request" ? "before" : "after"),
      held: async () => [...fake.offers.keys()],
      accept: async (offerId) => fake.accept(offerId, { event: "accepted" }),
      makeForeign: async () => fake.makeOffer({ terms: {}, acceptBy: "2026-12-31" }),
    };
  },
  terms: {
    ...{ name: "Route planning", buyer: { accounts: ["123456789012"] }, product: "prod-1" },
    price: { model: "flat", total: { amount: "120000.00", currency: "USD" } },
    ...{ term: { months: 12 }, acceptBy: "2026-12-31" },
  },
  minimum: { CreateOffer: 1, PublishOffer: 1, GetOffer: 1 },
  polls: ["Poll"],
  writes: ["CreateOffer", "PublishOffer"],
  broken: { terms: { product: "none" }, field: "product" },
  refused: { terms: { buyer: { accounts: ["000000000000"] } }, field: "buyer.accounts" },
  later: "2027-01-31",
});
