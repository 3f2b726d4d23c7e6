/**
 * What `kill-driver.ts` does with reports of money: each round's files are received, read and reconciled once, whenever the service
 * dies; and what stands then is what a look at everything concludes.
 */

import { type KillRig, openKillRig, sleep } from "./kill-rig.ts";
import type { KillSubject } from "./kill-subject.ts";
import { drawLedger } from "./ledger.ts";

/** A reconciliation waits until files have been quiet for a while: here that is a moment. */
const speed = 60;
const recoveryMsMax = 60_000;
const agreementsPerRound = 2;
const policy = {
  tolerance: { minor_units_per_instalment: 1 },
  windows_days: {
    ...{ invoice_overdue: 50, aws_disbursement_after_collection: 45, azure_disbursement_after_expected: 30 },
    ...{ gcp_disbursement_after_expected: 10, bank_after_disbursement: 5 },
    accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
  },
  signatures: "verified",
};

interface ReportFile {
  readonly id: string;
  readonly path: string;
  readonly status: string;
  readonly rows: number;
  readonly reconciledAt: string | null;
}
interface Reconciliation {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly totals: unknown;
}
type List<Item> = { readonly items: readonly Item[] };

export const openBookSubject = async (): Promise<KillSubject> => {
  const rig = await openKillRig({ cloud: "aws", speed });
  await rig.start(null);
  await rig.call("POST", "/v1/reports/policy", policy);
  await rig.stop();
  return {
    name: "reports of money",
    rig,
    points: [
      ...["report.kept:1", "report.kept:2", "report.kept:4", "reconciliation.done:1", "outbox.read:1"],
      ...["outbox.handed:1", "outbox.read:2", "outbox.handed:2", "outbox.handed:3"],
    ],
    randomMsMax: 3_000,
    begin: async (key) => {
      await send(rig, key).catch(() => null);
    },
    finish: (key) => finish(rig, key),
  };
};

/** The tables of a ledger of its own; its documents are the service's. */
const filesOf = (key: string): readonly (readonly [string, string])[] =>
  Object.entries(drawLedger(Number(key.split("-").at(-1)) + 1, agreementsPerRound).files)
    .filter(([path]) => path.endsWith(".csv"))
    .map(([path, text]) => [`${key}/${path}`, text] as const);

/** As a careful client does: whatever was not acknowledged is sent again. */
const send = async (rig: KillRig, key: string): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (const [path, text] of filesOf(key)) {
    const query = `path=${encodeURIComponent(path)}`;
    ids.push((await rig.sendFile<{ file: ReportFile }>(`/v1/reports/files?${query}`, text)).file.id);
  }
  return ids;
};

const finish = async (rig: KillRig, key: string): Promise<readonly string[]> => {
  const ids = await send(rig, key);
  const endMs = Date.now() + recoveryMsMax;
  const files = await until(endMs, async () => {
    const all = await Promise.all(ids.map((id) => rig.call<ReportFile>("GET", `/v1/reports/files/${id}`)));
    return all.every(({ status, reconciledAt }) => status === "refused" || reconciledAt !== null) ? all : null;
  });
  if (files === null) return [`files are not read and reconciled after ${recoveryMsMax / 1_000} s`];
  const ended = await until(endMs, async () => {
    const { items } = await rig.call<List<Reconciliation>>("GET", "/v1/reconciliations?limit=20");
    const left = items.some(({ state }) => state === "requested" || state === "running");
    return items.length > 0 && !left ? items : null;
  });
  if (ended === null) return [`a reconciliation has not ended after ${recoveryMsMax / 1_000} s`];
  const standing = ended.find(({ state }) => state === "done");
  const wished = await rig.call<Reconciliation>("POST", "/v1/reconciliations", { mode: "full" });
  const again = await until(endMs + recoveryMsMax, async () => {
    const found = await rig.call<Reconciliation>("GET", `/v1/reconciliations/${wished.id}`);
    return found.state === "done" || found.state === "failed" ? found : null;
  });
  const kept = await rig.call<List<ReportFile>>(
    "GET",
    `/v1/reports/files?limit=200&path=${encodeURIComponent(`${key}/`)}`,
  );
  // One whose sender was cut off half-way is nothing, and goes by itself.
  const whole = kept.items.filter(({ status }) => status !== "receiving");
  const stated = ({ counts: { opened: _o, closed: _c, ...counts }, totals }: Reconciliation): string =>
    JSON.stringify([counts, totals]);
  return [
    ...ended.filter(({ state }) => state === "failed").map(({ reason }) => `a reconciliation failed: ${reason}`),
    ...files.filter(({ status }) => status !== "read").map(({ path, status }) => `${path} is ${status}`),
    ...(files.some(({ rows }) => rows > 0) ? [] : ["no row was read"]),
    ...(whole.length === ids.length ? [] : [`${whole.length} files are kept of ${ids.length}`]),
    ...(standing === undefined || again?.state !== "done"
      ? ["nothing was concluded"]
      : [
          ...(stated(standing) === stated(again) ? [] : ["a look at everything concludes something else"]),
          ...((again.counts.opened ?? 0) + (again.counts.closed ?? 0) === 0
            ? []
            : [`a look at everything opens ${again.counts.opened} exceptions and closes ${again.counts.closed}`]),
        ]),
  ];
};

const until = async <Found>(endMs: number, look: () => Promise<Found | null>): Promise<Found | null> => {
  for (;;) {
    const found = await look();
    if (found !== null || Date.now() > endMs) return found;
    await sleep(200);
  }
};
