/** Microsoft's reports of money as one source: analytics and exports, each as far as somebody can sign in for it. */
import { type Check, found } from "../../../src/domain/diagnosis.ts";
import type { Fault } from "../../../src/domain/fault.ts";
import type { ReportSource, SessionDeps } from "../../contract.ts";
import type { Bearer } from "../registration.ts";
import type { Target } from "../settings.ts";
import { createAnalytics } from "./analytics.ts";
import { createBlobReader } from "./blob.ts";
import { createReportWire, type ReportCall } from "./client.ts";
import { createExports } from "./exports.ts";
import type { ReportSettings } from "./settings.ts";
import { joinedSource } from "./streams.ts";

export const reportsUnset =
  "set up settings.reports, with settings.app for analytics and settings.consent for earnings: cosell connect azure --reports";

export interface ReportParts {
  readonly settings: ReportSettings;
  /** The application alone; null: it cannot sign in. */
  readonly app: Bearer | null;
  /** The user that signed in, else the application; null: neither. */
  readonly user: Bearer | null;
  /** The command that renews a person's sign-in. */
  readonly renew: string;
}

const wireOf = (deps: SessionDeps, { settings }: Target, { app, user, renew }: ReportParts) =>
  createReportWire(deps, { endpoint: settings.endpoint, bearers: { analytics: app, payouts: user }, renew });

/** The source of a connection; null: nobody can sign in for any of it. */
export const createReportSource = (deps: SessionDeps, target: Target, parts: ReportParts): ReportSource | null => {
  const { analytics, exports, everyHours, linkHosts } = parts.settings;
  const wire = wireOf(deps, target, parts);
  const blob = createBlobReader(deps, { endpoint: target.settings.endpoint, linkHosts });
  const own = { wire, blob, everyHours };
  const streams = [
    ...(parts.app === null ? [] : analytics.map((name) => createAnalytics(deps, name, own))),
    ...(parts.user === null ? [] : exports.map((name) => createExports(deps, name, own))),
  ];
  if (streams.length === 0) return null;
  return joinedSource(deps, `Microsoft: ${streams.map(({ name }) => name).join(", ")}`, streams);
};

/** No export of ours has this id: Microsoft says that it knows none, once it has asked for the permission. */
const nobody = "00000000-0000-4000-8000-000000000000";

/** The checks of both surfaces; none where no reports are set up. */
export const reportChecks = (deps: SessionDeps, target: Target, parts: ReportParts | null): readonly Check[] => {
  if (parts === null) return [];
  const wire = wireOf(deps, target, parts);
  const { analytics, exports } = parts.settings;
  const check = (id: string, what: string, call: ReportCall): Check => ({
    id,
    what,
    run: async () => {
      const sent = await wire.send(call);
      if (sent.ok || sent.fault.kind === "missing") return found.ok("Microsoft lets us ask");
      return found.failed(sent.fault.message, remedyOf(sent.fault));
    },
  });
  return [
    ...(analytics.length === 0
      ? []
      : [
          check("reports", "list the data sets of marketplace analytics", {
            ...{ operation: "GetDatasets", surface: "analytics", path: "/ScheduledDataset" },
          }),
        ]),
    ...(exports.length === 0
      ? []
      : [
          check("payouts", "ask for an export of earnings that does not exist", {
            ...{ operation: "GetExport", surface: "payouts", path: `/transactionhistory/${nobody}` },
          }),
        ]),
  ];
};

const remedyOf = (fault: Fault): string => {
  if (fault.kind === "denied") return "Correct it in Partner Center, then look again: cosell doctor.";
  if (fault.kind === "throttled") return "Microsoft asks to wait: run the diagnosis again later.";
  return "Check that this machine reaches api.partnercenter.microsoft.com and api.partner.microsoft.com on port 443; then run the diagnosis again.";
};
