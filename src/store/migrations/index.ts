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

/** In order. Append only: an applied migration is never edited. */
export const migrations: readonly { readonly name: string; readonly text: string }[] = [
  { name: "0001_core", text: core },
  { name: "0002_runner", text: runner },
  { name: "0003_simulator", text: simulator },
  { name: "0004_invitations", text: invitations },
  { name: "0005_share_rules", text: shareRules },
  { name: "0006_fields", text: fields },
  { name: "0007_webhooks", text: webhooks },
  { name: "0009_runner_app", text: runnerApp },
  { name: "0010_restore", text: restore },
  { name: "0011_consent", text: consent },
  { name: "0012_tasks", text: tasks },
  { name: "0013_related", text: related },
  { name: "0014_untraceable", text: untraceable },
  { name: "0016_quota_promises", text: quotaPromises },
  { name: "0017_offers", text: offers },
  { name: "0018_drift_bodies", text: driftBodies },
  { name: "0019_ledger", text: ledger },
  { name: "0020_report_fetch", text: reportFetch },
  { name: "0021_periods", text: periods },
  { name: "0022_waiting", text: waiting },
];
