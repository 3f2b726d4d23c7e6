/** The reports of Google's marketplace, in their bucket, before the suite that every source of reports passes. */
import { createGcp } from "../adapters/gcp/index.ts";
import { keyFileOf, simulatedCredential } from "../adapters/gcp/simulator/index.ts";
import { reportsBucket } from "../adapters/gcp/simulator/storage.ts";
import { ok } from "../src/domain/fault.ts";
import { createBoundedHttp } from "../src/outbound.ts";
import { connection, settings } from "./gcp-double.ts";
import { filesOf, flat, openMarketplace, price } from "./gcp-marketplace-rig.ts";
import { testIds } from "./ids.ts";
import { runReportSourceConformance } from "./marketplace-reports.ts";

const keyFile = JSON.stringify(keyFileOf(simulatedCredential));
const operations = { list: "storage.objects.list", read: "storage.objects.get" } as const;
const monthly = price({
  standardIntervalPrice: { standardInterval: "MONTHLY_NOT_PRORATED", priceModel: flat(1_000, 10) },
});

runReportSourceConformance({
  name: "Google's marketplace reports",
  open: async ({ pageMax }) => {
    const rig = openMarketplace({ settings: { marketplace: { reportPageMax: pageMax } } });
    const contacted: string[] = [];
    const http = createBoundedHttp((request) => rig.simulator.fetch(request));
    return {
      open: () => {
        const session = createGcp().open(
          {
            clock: rig.clock,
            ids: testIds,
            http: (request, limits) => {
              const { host } = new URL(request.url);
              if (!host.startsWith("oauth2.")) contacted.push(host);
              return http(request, limits);
            },
            secrets: { get: async () => ({ value: keyFile, version: 1 }), rotate: async () => false },
            quota: { take: async () => ok(null) },
          },
          connection({ environment: "production", settings: { ...settings, reports: { bucket: reportsBucket } } }),
        );
        if (session.reports === undefined) throw new Error(`no door: ${session.lacks.reports}`);
        return session.reports;
      },
      now: () => rig.clock.now(),
      earn: async () => {
        await rig.running(monthly);
        await rig.controls.advance(80);
      },
      restate: async () => {
        await rig.controls.change({ marketplace: { redeliveredAt: rig.clock.now().toISOString() } });
        await rig.controls.advance(1);
      },
      held: async () =>
        Object.fromEntries(
          [...(await filesOf(rig))].flatMap(([path, text]) =>
            path.startsWith("gcp/") ? [[path.slice("gcp/".length), text]] : [],
          ),
        ),
      strike: (on, fault, times) => rig.controls.setFaults([{ on: operations[on], fault, times }]),
      contacted: () => contacted,
    };
  },
  hosts: /^storage\.googleapis\.com$/,
  permission: {
    list: /roles\/storage\.objectViewer on gs:\/\/simulated-marketplace-reports/,
    read: /roles\/storage\.objectViewer on gs:\/\/simulated-marketplace-reports/,
  },
  spoilt: { fault: "object_replaced", kind: "conflict" },
});
