/** Microsoft's source of reports on the simulated Microsoft: a seller with a sale, and doors that are opened anew for each call. */
import { createAzure } from "../adapters/azure/index.ts";
import { simulatedCredential } from "../adapters/azure/simulator/index.ts";
import type { ReportSource } from "../adapters/contract.ts";
import type { Connection, JsonObject } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import { createBoundedHttp } from "../src/outbound.ts";
import { connection } from "./azure-double.ts";
import { goodOffer, ids, type MarketplaceRigOptions, openMarketplaceRig, priceOf } from "./azure-marketplace-rig.ts";
import { testIds } from "./ids.ts";

const { organizationId, tenantId, clientId, clientSecret, refreshToken } = simulatedCredential;
const signInHost = "login.microsoftonline.com";

export const openReports = async (options: MarketplaceRigOptions = {}, reports: Connection["settings"] = {}) => {
  const rig = openMarketplaceRig(options);
  const contacted: string[] = [];
  const asked: string[] = [];
  let answering: ((request: Request) => Response | null) | null = null;
  const secrets = new Map([
    ["client", { value: clientSecret, version: 1 }],
    ["refresh", { value: refreshToken, version: 1 }],
  ]);
  const http = createBoundedHttp(async (request) => {
    const { host, pathname } = new URL(request.url);
    if (host !== signInHost) {
      contacted.push(host);
      asked.push(`${request.method} ${pathname}`);
    }
    return answering?.(request) ?? rig.simulator.fetch(request);
  });
  const session = () =>
    createAzure().open(
      {
        clock: rig.clock,
        ids: testIds,
        http,
        secrets: {
          get: async (name) => secrets.get(name) ?? null,
          rotate: async (name, version, value) => {
            if ((secrets.get(name)?.version ?? 0) !== version) return false;
            secrets.set(name, { value, version: version + 1 });
            return true;
          },
        },
        quota: { take: async () => ok(null) },
      },
      connection({
        account: organizationId,
        environment: "production",
        settings: {
          organizationId,
          tenantId,
          app: { kind: "secret", clientId, clientSecretRef: "secret:client" },
          consent: { clientId, clientSecretRef: "secret:client", refreshTokenRef: "secret:refresh" },
          reports,
        },
      }),
    );
  return {
    ...rig,
    session,
    source: (): ReportSource => {
      const { reports: door, lacks } = session();
      if (door === undefined) throw new Error(`no door: ${lacks.reports}`);
      return door;
    },
    contacted,
    asked,
    /** Answers in Microsoft's place where it returns one. */
    answerWith: (answer: typeof answering): void => {
      answering = answer;
    },
    sellOnce: async (): Promise<void> => {
      const pricing = [
        {
          product: ids.product,
          plan: ids.standard,
          discountType: "absolute",
          priceDetails: { resourceName: "ourPrice" },
        },
      ];
      const offer = await rig.publish(priceOf(2500.1), goodOffer({ pricing }));
      await rig.controls.onOffer(`${offer.id}/accept`);
      const bought = await rig.controls.onOffer(`${offer.id}/purchase`);
      const [subscription] = (bought as { subscriptions: readonly JsonObject[] }).subscriptions;
      await rig.activate(subscription);
    },
    /** What lies behind Microsoft's links, by the name that we give it: the newest of each. */
    held: async (): Promise<Readonly<Record<string, string>>> => {
      const { reports: scheduled, exports } = await rig.controls.ledger();
      const names: Readonly<Record<string, string>> = { transactionhistory: "earnings", payments: "payments" };
      const all = [
        ...scheduled.flatMap(({ name, runs }) =>
          runs.map(({ at, content }) => ({ name: name.includes("ISVOrder") ? "orders" : "revenue", at, content })),
        ),
        ...exports.map(({ kind, at, content }) => ({ name: names[kind] ?? "", at, content })),
      ];
      return Object.fromEntries(
        all
          .toSorted((a, b) => (a.at < b.at ? -1 : 1))
          .flatMap(({ name, at, content }) => (content === null ? [] : [[`${name}-${at.slice(0, 7)}.csv`, content]])),
      );
    },
  };
};
export type ReportsRig = Awaited<ReturnType<typeof openReports>>;
