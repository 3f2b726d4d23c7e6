/** Private offers of one deal at three simulated clouds over HTTP: published, accepted, active, paid, and the books closed on them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { MarketplaceId } from "../src/domain/deal.ts";
import type { OfferTermsInput } from "../src/domain/offer.ts";
import { cloudsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const clouds = ["aws", "azure", "gcp"] as const;
const world = await openWorld({ seed: "offers", clouds, sweepCron: "TZ=UTC 0 */6 * * *" });
const { call, timeline } = world;
const directory = mkdtempSync(join(tmpdir(), "cosell-offers-"));
afterAll(async () => {
  await world.close();
  rmSync(directory, { recursive: true, force: true });
});
const hour = 3_600_000;
const day = 24 * hour;

interface Offer {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly remoteId: string | null;
  readonly version: number;
  readonly gaps: readonly { readonly field: string; readonly message: string }[];
}
const control = async (cloud: MarketplaceId, path: string, body: object = {}): Promise<Record<string, unknown>> => {
  const url = `http://simulator.invalid/${path}`;
  const headers = { "content-type": "application/json" };
  const answer = await world.simulators[cloud]?.control(new Request(url, { method: "POST", headers, body: JSON.stringify(body) }));
  if (answer?.ok !== true) throw new Error(`${cloud} ${path}: ${answer?.status} ${await answer?.text()}`);
  return (await answer.json()) as Record<string, unknown>;
};
const legal = { kind: "standard" } as const;
const terms: Readonly<Record<MarketplaceId, Partial<OfferTermsInput>>> = {
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
/** Each cloud's buyer accepts, and does what else it takes until the contract is in force. */
const accept: Readonly<Record<MarketplaceId, (remoteId: string) => Promise<void>>> = {
  aws: async (id) => void (await control("aws", `offers/${id}/accept`)),
  azure: async (id) => {
    await control("azure", `offers/${id}/accept`);
    const bought = await control("azure", `offers/${id}/purchase`);
  },
  gcp: async (id) => void (await control("gcp", "accept_offer", { id })),
};
const read = async (id: string): Promise<Offer> => (await call<Offer>("GET", `/v1/offers/${id}`)).body;

describe.each(clouds)("an offer at %s", (cloud) => {
  it("is drafted from the deal, judged, published and accepted, and its agreement becomes active", async () => {
    const deal = (await call<{ id: string }>("POST", "/v1/opportunities", cloudsDeal(`offer-${cloud}`))).body;
    const drafted = await call<{ offer: Offer }>("POST", "/v1/offers", {
      connectionId: world.connections[cloud],
      opportunityId: deal.id,
      terms: terms[cloud],
    });
    expect(drafted.status).toBe(201);
    const { id } = drafted.body.offer;
    const published = await call("POST", `/v1/offers/${id}/publish`, {});
    await timeline.advance(hour);
    const after = await read(id);
    expect(after.state).toBe("published");
    await accept[cloud](after.remoteId ?? "");
    await timeline.advance(2 * day);
    const accepted = await read(id);
    const agreements = await call<{ items: readonly Record<string, unknown>[] }>("GET", `/v1/agreements?offer=${id}`);
    expect(accepted.state).toBe("accepted");
    expect(agreements.body.items.map(({ state }) => state)).toEqual(["active"]);
  });
});
