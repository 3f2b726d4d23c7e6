import core from "./0001_core.sql";
import runner from "./0002_runner.sql";
import simulator from "./0003_simulator.sql";
import invitations from "./0004_invitations.sql";
import shareRules from "./0005_share_rules.sql";
import fields from "./0006_fields.sql";
import webhooks from "./0007_webhooks.sql";
import runnerApp from "./0009_runner_app.sql";
import restore from "./0010_restore.sql";
import consent from "./0011_consent.sql";
import tasks from "./0012_tasks.sql";
import related from "./0013_related.sql";
import untraceable from "./0014_untraceable.sql";
import quotaPromises from "./0016_quota_promises.sql";
import offers from "./0017_offers.sql";
import driftBodies from "./0018_drift_bodies.sql";
import ledger from "./0019_ledger.sql";
import reportFetch from "./0020_report_fetch.sql";
import periods from "./0021_periods.sql";
import waiting from "./0022_waiting.sql";
import ledgerLookups from "./0023_ledger_lookups.sql";
import reportTrouble from "./0024_report_trouble.sql";
import allocations from "./0025_allocations.sql";
import leanInbox from "./0026_lean_inbox.sql";
import { migrationNames } from "./names.ts";

const texts: Readonly<Record<(typeof migrationNames)[number], string>> = {
  "0001_core": core,
  "0002_runner": runner,
  "0003_simulator": simulator,
  "0004_invitations": invitations,
  "0005_share_rules": shareRules,
  "0006_fields": fields,
  "0007_webhooks": webhooks,
  "0009_runner_app": runnerApp,
  "0010_restore": restore,
  "0011_consent": consent,
  "0012_tasks": tasks,
  "0013_related": related,
  "0014_untraceable": untraceable,
  "0016_quota_promises": quotaPromises,
  "0017_offers": offers,
  "0018_drift_bodies": driftBodies,
  "0019_ledger": ledger,
  "0020_report_fetch": reportFetch,
  "0021_periods": periods,
  "0022_waiting": waiting,
  "0023_ledger_lookups": ledgerLookups,
  "0024_report_trouble": reportTrouble,
  "0025_allocations": allocations,
  "0026_lean_inbox": leanInbox,
};

/** In order. */
export const migrations: readonly { readonly name: string; readonly text: string }[] = migrationNames.map((name) => ({
  name,
  text: texts[name],
}));
