/** AWS Marketplace before the suite that all marketplaces with private offers pass. */
import { afterEach } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { ok } from "../src/domain/fault.ts";
import { connection } from "./aws-double.ts";
import { buyer, type Market, openMarket, product } from "./aws-marketplace-rig.ts";
import { testIds } from "./ids.ts";
import { runMarketplaceOffersConformance } from "./marketplace-offers.ts";

const { account, accessKeyId, secretAccessKey } = simulatedCredential;
const opened: Market[] = [];
afterEach(async () => {
  for (const market of opened.splice(0)) await market.close();
});
const credentials = { accessKeyIdRef: "secret:id", secretAccessKeyRef: "secret:key" };
const hookKey = "hook-key-0001";
const secrets: Readonly<Record<string, string>> = { id: accessKeyId, key: secretAccessKey, hook: hookKey };

runMarketplaceOffersConformance({
  name: "AWS Marketplace",
  open: async () => {
    const market = await openMarket();
    opened.push(market);
    await market.controls.putDestination({
      url: "http://cosell.invalid/hooks/aws",
      ...{ headerName: "x-cosell-key", headerValue: hookKey, account },
    });
    const calls: string[] = [];
    let losing: { readonly operation: string; readonly what: "request" | "answer" } | null = null;
    const session = createAws().open(
      {
        clock: market.clock,
        ids: testIds,
        http: async (request) => {
          market.pause(1);
          const { pathname } = new URL(request.url);
          const operation =
            pathname === "/" ? (request.headers.get("x-amz-target")?.split(".").at(-1) ?? "") : pathname.slice(1);
          const lost = losing?.operation === operation ? losing.what : null;
          if (lost !== null) losing = null;
          if (lost === "request") throw new Error("the request was lost");
          calls.push(operation);
          const answer = await fetch(request);
          if (lost === "answer") throw new Error("the answer was lost");
          return answer;
        },
        secrets: { get: async (name) => ({ value: secrets[name] ?? "", version: 1 }), rotate: async () => false },
        quota: { take: async () => ok(null) },
      },
      connection({
        account,
        settings: {
          ...{ accountId: account, catalog: "AWS", endpoint: market.url, credentials, offers: {} },
          hookKeys: { keyRefs: ["secret:hook"] },
        },
      }),
    );
    return {
      session,
      now: () => market.clock.now(),
      pass: (seconds) => market.controls.advance(seconds / 86_400),
      calls: async () =>
        Object.fromEntries(calls.map((name) => [name, calls.filter((other) => other === name).length])),
      lose: async (operation, what) => {
        losing = { operation, what };
      },
      held: async () => {
        const page = await session.offers?.changes(null);
        return page?.ok === true ? [...new Set(page.value.items.map(({ id }) => id))] : [];
      },
      accept: (offerId) => market.accept(offerId),
      delivered: async () =>
        market.received.map(({ headers, event }) => ({
          headers: Object.fromEntries(headers),
          body: new TextEncoder().encode(JSON.stringify(event)),
        })),
      makeForeign: () => market.release(),
    };
  },
  terms: {
    ...{ name: "Route planning", description: "One year", buyer: { accounts: [buyer] }, product },
    price: {
      model: "flat",
      total: { amount: "12000.00", currency: "USD" },
      grants: [{ dimension: "Seats", quantity: 10 }],
    },
    ...{ term: { months: 12 }, acceptBy: "2026-06-30", legal: { kind: "standard" } },
  },
  // Reading an offer asks for the agreement that it became too.
  minimum: { StartChangeSet: 1, DescribeEntity: 1, SearchAgreements: 1 },
  polls: ["DescribeChangeSet"],
  writes: ["StartChangeSet"],
  broken: { terms: { buyer: { accounts: ["12"] } }, field: "buyer.accounts.0" },
  refused: { terms: { product: "prod-nosuchthing1" }, field: "product" },
  later: "2026-07-31",
});
