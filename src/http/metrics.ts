/**
 * `GET /metrics` for Prometheus. Every value is read from the database at the scrape, none is kept in the process: all instances
 * tell the same, and so do Workers. Names and units: https://prometheus.io/docs/practices/naming/
 */
// Not the package as a whole: what it measures of its process needs modules that Workers lack.
import Gauge from "prom-client/lib/gauge.js";
import Scrape from "prom-client/lib/registry.js";
import { agreementStates, effectStates, invitationStates, offerStates, shareStates } from "../domain/machine.ts";
import type { Sample, WatchedConnection } from "../store/measures.ts";
import { accountKey, quotaStanding } from "../store/quota.ts";
import { fileStatuses } from "../store/report-files.ts";
import { type AppDeps, type Endpoint, endpoint } from "./endpoint.ts";

interface Metric {
  readonly name: string;
  readonly help: string;
  /** Of each connection, and whether its marketplace is told too. */
  readonly by: "service" | "connection" | "connection and marketplace";
  /** The metric's own label. */
  readonly label?: string;
  /** Values of the label that are told also while they are zero. */
  readonly every?: readonly string[];
  /** Told as zero where nothing was counted; absent: not told. */
  readonly zero?: true;
}

const kinds = ["read", "write"] as const;

/** A row for each metric. Labels are ids, states and codes: bounded, and never a name. */
export const metrics: readonly Metric[] = [
  {
    name: "cosell_outbox_events",
    help: "Committed events not handed to the workflow engine yet.",
    by: "service",
    label: "state",
    every: ["unsent"],
  },
  {
    name: "cosell_outbox_unsent_age_seconds",
    help: "Age of the oldest event that was not handed to the workflow engine.",
    by: "service",
    zero: true,
  },
  {
    name: "cosell_shares",
    help: "Shares by state.",
    by: "connection and marketplace",
    label: "state",
    every: shareStates,
  },
  {
    name: "cosell_invitations",
    help: "Referrals and leads from the partner, by state.",
    by: "connection",
    label: "state",
    every: invitationStates,
  },
  { name: "cosell_offers", help: "Private offers by state.", by: "connection", label: "state", every: offerStates },
  {
    name: "cosell_offers_expiring",
    help: "Private offers that the buyer can accept for seven days more at most.",
    by: "connection",
    zero: true,
  },
  { name: "cosell_agreements", help: "Agreements by state.", by: "connection", label: "state", every: agreementStates },
  {
    name: "cosell_agreements_waiting",
    help: "Agreements at which the marketplace waits for a decision of a person.",
    by: "connection",
    zero: true,
  },
  {
    name: "cosell_effects_open",
    help: "Writes sent to a partner whose fate is not known; stuck ones wait for a person.",
    by: "service",
    label: "state",
    every: effectStates.filter((state) => ["sent", "ambiguous", "stuck"].includes(state)),
  },
  {
    name: "cosell_pending_edits",
    help: "Changed fields that wait until the partner's record can be edited.",
    by: "service",
    zero: true,
  },
  {
    name: "cosell_tasks_open",
    help: "Tasks that a person has to do at the partner by hand.",
    by: "connection",
    zero: true,
  },
  {
    name: "cosell_report_files",
    help: "Files of reports: to be read, read, refused as damaged, of no known format.",
    by: "service",
    label: "status",
    every: fileStatuses,
  },
  {
    name: "cosell_reconciliations_waiting",
    help: "Reconciliations that were asked for and have not ended.",
    by: "service",
    zero: true,
  },
  {
    name: "cosell_reconciliation_last_timestamp_seconds",
    help: "When the books were last reconciled to the end, seconds since 1970.",
    by: "service",
  },
  { name: "cosell_exceptions_open", help: "Open exceptions, each for a person.", by: "service", label: "code" },
  {
    name: "cosell_quota_left",
    help: "Requests that the seller account may still make in the rolling day.",
    by: "connection",
    label: "kind",
  },
  {
    name: "cosell_quota_limit",
    help: "Requests that the partner grants the seller account in a rolling day.",
    by: "connection",
    label: "kind",
  },
  {
    name: "cosell_quota_queue_seconds",
    help: "How long a request asked for now waits for its turn in the quota by the second.",
    by: "connection",
    label: "kind",
  },
  {
    name: "cosell_webhook_lag_seconds",
    help: "Age of the oldest word from the partner that was not looked into yet.",
    by: "connection",
    zero: true,
  },
  {
    name: "cosell_delivery_last_timestamp_seconds",
    help: "When the partner last delivered an event, seconds since 1970.",
    by: "connection",
  },
  {
    name: "cosell_sweep_last_timestamp_seconds",
    help: "When a sweep last read the partner's list of changes, seconds since 1970.",
    by: "connection",
  },
  {
    name: "cosell_connection_parked",
    help: "1 while the connection is parked because the partner denies it, else 0.",
    by: "connection",
  },
  {
    name: "cosell_outgoing_webhook_messages",
    help: "Messages of ours to webhook endpoints that were not delivered yet.",
    by: "service",
    label: "state",
    every: ["pending"],
  },
  {
    name: "cosell_outgoing_webhook_lag_seconds",
    help: "How long the most overdue attempt to deliver a message of ours has been due.",
    by: "service",
    zero: true,
  },
];

/** Told where the embedded runner drives the workflows; a server has its own. */
export const runnerMetrics: readonly Metric[] = [
  {
    name: "cosell_runner_jobs",
    help: "Workflow calls: due, waiting for a time or an event, running, blocked by a limit, parked for want of their function.",
    by: "service",
    label: "state",
    every: ["due", "waiting", "running", "blocked", "parked"],
  },
  {
    name: "cosell_runner_lag_seconds",
    help: "How long the oldest due call, timer or event has waited for somebody to take it.",
    by: "service",
    zero: true,
  },
  {
    name: "cosell_runner_runs",
    help: "Workflow runs that have not ended.",
    by: "service",
    label: "status",
    every: ["queued", "running"],
  },
  {
    name: "cosell_runner_runs_ended_last_hour",
    help: "Workflow runs that ended in the last hour.",
    by: "service",
    label: "status",
    every: ["completed", "failed", "cancelled"],
  },
];

export const metricEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/metrics",
    tag: "Service",
    scope: "read",
    summary: "Measurements for Prometheus",
    description:
      "Text exposition format 0.0.4. Give Prometheus a key of its own with the scope read, as `authorization: {credentials: cosell_…}` of its scrape job. Metrics of the runner are told where the embedded runner drives the workflows.",
    answers: { 200: { description: "all metrics", mediaType: "text/plain" } },
    problems: ["bad-query", "unauthenticated", "forbidden", "unavailable"],
    handle: async () => {
      const { contentType, text } = await scrape(deps);
      return new Response(text, { headers: { "content-type": contentType } });
    },
  }),
];

const scrape = async (deps: AppDeps) => {
  const now = deps.clock.now();
  const { sql } = deps.db;
  const { measures } = deps.store;
  const hasRunner = deps.probes?.hasRunner === true;
  const connections = await measures.connections(sql);
  const standing = await quotaStanding(sql, now);
  const samples: readonly Sample[] = [
    ...(await measures.service(sql, now)),
    ...(hasRunner ? await measures.runner(sql, now) : []),
    ...connections.flatMap((connection) => samplesOf(deps, connection, standing)),
  ];
  const registry = new Scrape();
  fill(registry, hasRunner ? [...metrics, ...runnerMetrics] : metrics, { connections, samples });
  return { contentType: registry.contentType, text: await registry.metrics() };
};

/** What a connection's own row and the seller account's quota tell. */
const samplesOf = (
  deps: AppDeps,
  connection: WatchedConnection,
  standing: Awaited<ReturnType<typeof quotaStanding>>,
): readonly Sample[] => {
  const limits = deps.registry.find(connection.marketplace)?.limits;
  const sample = (metric: string, value: number, label: string | null = null): Sample => ({
    metric,
    connection: connection.id,
    label,
    value,
  });
  const quota = kinds.flatMap((kind) => {
    if (limits === undefined) return [];
    const limit = kind === "read" ? limits.readsPerDay : limits.writesPerDay;
    const { used, queueSeconds } = standing(`${accountKey(connection)}:${kind}`);
    return [
      sample("cosell_quota_left", Math.max(0, limit - used), kind),
      sample("cosell_quota_limit", limit, kind),
      sample("cosell_quota_queue_seconds", queueSeconds, kind),
    ];
  });
  return [
    ...quota,
    sample("cosell_connection_parked", connection.isParked ? 1 : 0),
    ...(connection.sweptAt === null
      ? []
      : [sample("cosell_sweep_last_timestamp_seconds", connection.sweptAt.getTime() / 1_000)]),
  ];
};

interface Read {
  readonly connections: readonly WatchedConnection[];
  readonly samples: readonly Sample[];
}

const fill = (registry: Scrape, told: readonly Metric[], { connections, samples }: Read): void => {
  const marketplaces = new Map(connections.map(({ id, marketplace }) => [id, marketplace]));
  const labelsOf = (metric: Metric, connection: string | null, label: string | null): Record<string, string> => ({
    ...(metric.by === "service" ? {} : { connection: connection ?? "" }),
    ...(metric.by === "connection and marketplace" ? { marketplace: marketplaces.get(connection ?? "") ?? "" } : {}),
    ...(metric.label === undefined ? {} : { [metric.label]: label ?? "" }),
  });
  const gauges = new Map(
    told.map((metric) => {
      const labelNames = Object.keys(labelsOf(metric, null, null));
      const gauge = new Gauge({ name: metric.name, help: metric.help, labelNames, registers: [registry] });
      const zeros = metric.every ?? (metric.zero ? [null] : []);
      for (const connection of metric.by === "service" ? [null] : marketplaces.keys())
        for (const label of zeros) gauge.set(labelsOf(metric, connection, label), 0);
      return [metric.name, { metric, gauge }];
    }),
  );
  for (const { metric: name, connection, label, value } of samples) {
    const known = gauges.get(name);
    if (known === undefined) throw new Error(`the metric ${name} is measured but not described`);
    known.gauge.inc(labelsOf(known.metric, connection, label), value);
  }
};
