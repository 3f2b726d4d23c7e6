/** Microsoft's analytics and exports of payouts before the suite that every source of reports passes. */
import type { FaultRuleInput } from "../adapters/azure/simulator/index.ts";
import { openReports } from "./azure-reports-rig.ts";
import { runReportSourceConformance } from "./marketplace-reports.ts";

runReportSourceConformance({
  name: "Microsoft's reports",
  open: async () => {
    const rig = await openReports();
    // A file is read in two steps: its link is asked for, then followed.
    const onRead = (fault: string): readonly string[] =>
      fault === "permission_lost" ? ["GetExecutions", "GetExport"] : ["GetReportFile"];
    return {
      open: rig.source,
      now: () => rig.clock.now(),
      earn: async () => {
        await rig.sellOnce();
        await rig.controls.advance(20);
      },
      restate: () => rig.controls.advance(2),
      held: rig.held,
      strike: (on, fault, times) =>
        rig.controls.setFaults(
          (on === "list" ? ["GetExecutions"] : onRead(fault)).map(
            (operation): FaultRuleInput => ({ on: operation, fault, times }),
          ),
        ),
      contacted: () => rig.contacted,
    };
  },
  hosts: /^(api\.partnercenter\.microsoft\.com|api\.partner\.microsoft\.com|[a-z0-9]+\.blob\.core\.windows\.net)$/,
  permission: {
    list: /Add the application of settings\.app to your Partner Center account .* with the role Manager/,
    read: /the role (Manager|Financial contributor)/,
  },
  spoilt: { fault: "file_gone", kind: "missing" },
});
