/** Microsoft's marketplace before the suite that all marketplaces with private offers pass. */
import * as z from "zod";
import { createAzure } from "../adapters/azure/index.ts";
import { simulatedCredential } from "../adapters/azure/simulator/index.ts";
import { ok } from "../src/domain/fault.ts";
import { connection } from "./azure-double.ts";
import { azureTerms, marketplace } from "./azure-market-doors.ts";
import { openMarketplaceRig } from "./azure-marketplace-rig.ts";
import { testIds } from "./ids.ts";
import { runMarketplaceOffersConformance } from "./marketplace-offers.ts";

const boughtSchema = z.object({ subscriptions: z.array(z.looseObject({ id: z.string() })) });
const { organizationId, tenantId, clientId, clientSecret } = simulatedCredential;
/** A plan in the form of Microsoft's ids that is nobody's. */
const gonePlan = "plan/5ca1ab1e-0000-4000-8000-000000000001/5ca1ab1e-0000-4000-8000-0000000000ff";
/** The operation of a request, as our journal names it. */
const operationOf = (method: string, path: string): string => {
  const at = path.replace(/^\/(?:rp\/product-ingestion|api\/saas)\//, "");
  if (at === "configure") return "Configure";
  if (/^configure\/[^/]+\/status$/.test(at)) return "GetJobStatus";
  if (at.startsWith("configure/")) return "GetJobDetail";
  if (at === "private-offer/query") return "QueryPrivateOffers";
  if (at.startsWith("private-offer/")) return "GetPrivateOffer";
  return `${method} ${at.replace(/[0-9a-f-]{36}/, "ID")}`;
};

runMarketplaceOffersConformance({
  name: "Microsoft's marketplace",
  open: async () => {
    const rig = openMarketplaceRig({ settings: { offers: { lagSeconds: 0 } } });
    const calls: string[] = [];
    let losing: { readonly operation: string; readonly what: "request" | "answer" } | null = null;
    const session = createAzure().open(
      {
        clock: rig.clock,
        ids: testIds,
        http: async (request) => {
          const { host, pathname } = new URL(request.url);
          if (host === "login.microsoftonline.com") return rig.simulator.fetch(request);
          const operation = operationOf(request.method, pathname);
          const lost = losing?.operation === operation ? losing.what : null;
          if (lost !== null) losing = null;
          if (lost === "request") throw new Error("the request was lost");
          calls.push(operation);
          const answer = await rig.simulator.fetch(request);
          if (lost === "answer") throw new Error("the answer was lost");
          return answer;
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
          marketplace,
        },
      }),
    );
    return {
      session,
      now: () => rig.clock.now(),
      pass: (seconds) => rig.settle(Math.max(61, seconds)),
      calls: async () =>
        Object.fromEntries(calls.map((name) => [name, calls.filter((other) => other === name).length])),
      lose: async (operation, what) => {
        losing = { operation, what };
      },
      held: async () => (await rig.controls.ledger()).offers.map(({ id }) => id),
      accept: async (offerId) => {
        await rig.controls.onOffer(`private-offer/${offerId}/accept`);
        const bought = boughtSchema.parse(await rig.controls.onOffer(`private-offer/${offerId}/purchase`));
        return bought.subscriptions[0]?.id ?? "";
      },
      makeForeign: async () => {
        const made = await rig.controls.originate({ beneficiary: "x", end: "2027-12-31", acceptBy: "2026-09-30" });
        return String(made.id).split("/").at(-1) ?? "";
      },
    };
  },
  terms: azureTerms,
  // Whether it was accepted follows from the subscriptions there are.
  minimum: { Configure: 1, GetJobDetail: 1, GetPrivateOffer: 1, "GET subscriptions": 1 },
  polls: ["GetJobStatus"],
  writes: ["Configure"],
  broken: { terms: { buyer: { accounts: ["12"] } }, field: "buyer.accounts" },
  refused: { terms: { plan: gonePlan }, field: "plan" },
  later: "2026-08-31",
});
