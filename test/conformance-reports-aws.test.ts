/** The data feeds of AWS Marketplace, in their bucket, before the suite that every source of reports passes. */
import { createAws } from "../adapters/aws/index.ts";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { feedsBucket } from "../adapters/aws/simulator/s3.ts";
import { ok } from "../src/domain/fault.ts";
import { createBoundedHttp } from "../src/outbound.ts";
import { connection } from "./aws-double.ts";
import { openMarket } from "./aws-marketplace-rig.ts";
import { testIds } from "./ids.ts";
import { runReportSourceConformance } from "./marketplace-reports.ts";

const { account, accessKeyId, secretAccessKey } = simulatedCredential;
const credentials = { accessKeyIdRef: "secret:id", secretAccessKeyRef: "secret:key" };
const secrets: Readonly<Record<string, string>> = { id: accessKeyId, key: secretAccessKey };
const operations = { list: "ListObjectsV2", read: "GetObject" } as const;

runReportSourceConformance({
  name: "AWS Marketplace's data feeds",
  open: async ({ pageMax }) => {
    const market = await openMarket({
      instantTimeouts: true,
      settings: { marketplace: { feedPageMax: pageMax, feedsSince: "2026-06-02T00:00:00Z" } },
    });
    const contacted: string[] = [];
    const http = createBoundedHttp((request) => market.simulator.fetch(request));
    const sell = async (): Promise<string> => market.accept(await market.release());
    return {
      open: () => {
        const session = createAws().open(
          {
            clock: market.clock,
            ids: testIds,
            http: (request, limits) => {
              contacted.push(new URL(request.url).host);
              return http(request, limits);
            },
            secrets: { get: async (name) => ({ value: secrets[name] ?? "", version: 1 }), rotate: async () => false },
            quota: { take: async () => ok(null) },
          },
          connection({
            environment: "production",
            account,
            settings: { accountId: account, catalog: "AWS", credentials, reports: { bucket: feedsBucket } },
          }),
        );
        if (session.reports === undefined) throw new Error(`no door: ${session.lacks.reports}`);
        return session.reports;
      },
      now: () => market.clock.now(),
      earn: async () => {
        await sell();
        await market.controls.advance(12);
      },
      restate: async () => {
        await sell();
        await market.controls.advance(2);
      },
      held: async () => {
        const { files } = await market.controls.reports(market.clock.now().toISOString());
        return Object.fromEntries(
          files.flatMap(({ path, text }) => (path.startsWith("aws/") ? [[path.slice("aws/".length), text]] : [])),
        );
      },
      strike: (on, fault, times) => market.controls.setFaults([{ on: operations[on], fault, times }]),
      contacted: () => contacted,
    };
  },
  hosts: /^simulated-marketplace-feeds\.s3\.us-east-1\.amazonaws\.com$/,
  permission: {
    list: /s3:ListBucket on arn:aws:s3:::simulated-marketplace-feeds .*infra\/aws\/permissions\.yaml/,
    read: /s3:GetObject on arn:aws:s3:::simulated-marketplace-feeds\/\*, and kms:Decrypt/,
  },
  spoilt: { fault: "object_replaced", kind: "conflict" },
});
