/** Google's marketplace before the suite that all marketplaces with private offers pass. */
import { createGcp } from "../adapters/gcp/index.ts";
import { keyFileOf, simulatedCredential } from "../adapters/gcp/simulator/index.ts";
import { ok } from "../src/domain/fault.ts";
import { connection, settings } from "./gcp-double.ts";
import { goodOffer } from "./gcp-marketplace-rig.ts";
import { buyerAccount, now, project, push, service } from "./gcp-offer-double.ts";
import { openRig } from "./gcp-simulator-rig.ts";
import { testIds } from "./ids.ts";
import { runMarketplaceOffersConformance } from "./marketplace-offers.ts";

const keyFile = JSON.stringify(keyFileOf(simulatedCredential));
const lastOf = (name: unknown): string => String(name).split("/").at(-1) ?? "";
/** The operation of a request, as Google's documents name it. */
const operationOf = (method: string, path: string): string => {
  const [place = "", verb] = (path.split("/").at(-1) ?? "").split(":");
  const kind = /privateOffers/.test(path) ? "privateOffers" : /entitlements/.test(path) ? "entitlements" : "other";
  if (place === "documents") return "documents.create";
  if (verb !== undefined) return `${kind}.${verb}`;
  if (kind === "other") return /accounts/.test(path) ? "accounts.get" : `${kind}.${method.toLowerCase()}`;
  if (method === "POST") return `${kind}.create`;
  if (method !== "GET") return `${kind}.${method.toLowerCase()}`;
  return place === kind ? `${kind}.list` : `${kind}.get`;
};

runMarketplaceOffersConformance({
  name: "Google's marketplace",
  open: async () => {
    const rig = openRig({ start: now });
    const calls: string[] = [];
    let losing: { readonly operation: string; readonly what: "request" | "answer" } | null = null;
    const session = createGcp().open(
      {
        clock: rig.clock,
        ids: testIds,
        http: async (request) => {
          const { host, pathname } = new URL(request.url);
          rig.pause(1);
          if (host.startsWith("oauth2")) return rig.simulator.fetch(request);
          const operation = operationOf(request.method, pathname);
          const lost = losing?.operation === operation ? losing.what : null;
          if (lost !== null) losing = null;
          if (lost === "request") throw new Error("the request was lost");
          calls.push(operation);
          const answer = await rig.simulator.fetch(request);
          if (lost === "answer") throw new Error("the answer was lost");
          return answer;
        },
        secrets: { get: async () => ({ value: keyFile, version: 1 }), rotate: async () => false },
        quota: { take: async () => ok(null) },
      },
      connection({ settings: { ...settings, marketplace: { project, orders: "accept", push } } }),
    );
    return {
      session,
      now: () => rig.clock.now(),
      pass: (seconds) => rig.controls.advance(seconds / 86_400),
      calls: async () =>
        Object.fromEntries(calls.map((name) => [name, calls.filter((other) => other === name).length])),
      lose: async (operation, what) => {
        losing = { operation, what };
      },
      held: async () => {
        const page = await session.offers?.changes(null);
        return page?.ok === true ? [...new Set(page.value.items.map(({ id }) => id))] : [];
      },
      accept: async (offerId) => (await rig.controls.acceptOffer(offerId)).id,
      makeForeign: async () => lastOf((await rig.controls.makeOffer({ offer: goodOffer({ internalNote: "" }) })).name),
    };
  },
  terms: {
    ...{ name: "Route planning", buyer: { accounts: [buyerAccount], name: "Example Foods Inc" }, product: service },
    ...{ plan: "enterprise-p1y", price: { model: "flat", total: { amount: "12000.00", currency: "USD" } } },
    ...{ term: { months: 12 }, acceptBy: "2026-07-31", legal: { kind: "standard" } },
  },
  // Judged before it is published; the search comes first because a repeated create would make two.
  minimum: {
    "privateOffers.list": 1,
    "privateOffers.resolveAmendmentTarget": 1,
    "privateOffers.create": 1,
    "documents.create": 1,
    "privateOffers.publish": 2,
  },
  polls: ["privateOffers.get"],
  writes: ["privateOffers.create", "privateOffers.publish"],
  broken: { terms: { buyer: { accounts: ["12"] } }, field: "buyer.accounts" },
  refused: { terms: { plan: "legacy-p1y" }, field: "plan" },
  later: "2026-08-15",
});
