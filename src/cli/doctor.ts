/** `cosell doctor`: every permission, setting and way that the service and its connections need, tried for real. */
import * as z from "zod";
import { type Checked, checkedSchema } from "../domain/diagnosis.ts";
import type { Client } from "./client.ts";
import { withClient } from "./client.ts";
import { type Command, type Report, type Shell, switchFlag } from "./command.ts";
import { exitCodes } from "./failure.ts";
import { findConnection, listConnections } from "./find-connection.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const diagnosisSchema = z.looseObject({ healthy: z.boolean(), checks: z.array(checkedSchema) });

export const doctorCommand: Command = {
  name: "doctor",
  summary: "Try every permission, setting and way that the service and its connections need",
  operands: "[label]",
  operandsMin: 0,
  operandsMax: 1,
  about: `
Without operand: the service, then each connection. With one: the service and that connection. Nothing is changed, here or
at a partner: whether a write is allowed shows in how the partner refuses one that cannot succeed. What fails comes with
what to do about it, and the exit code is 1.`,
  flags: [switchFlag("failures", "show only what failed")],
  examples: ["cosell doctor", 'cosell doctor "AWS production"', "cosell doctor --json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [name] = typed.operands;
      const connections = name === undefined ? await listConnections(client) : [await findConnection(client, name)];
      const rows: Row[] = [];
      const add = (where: string, connection: string | null, checks: readonly Checked[]): void => {
        for (const check of checks) rows.push({ ...check, where, connection });
      };
      shell.progress("the service …");
      add("service", null, (await client.get("/v1/diagnosis", diagnosisSchema)).checks);
      for (const { id, label } of connections) {
        shell.progress(`${label} …`);
        add(label, id, await diagnose(client, id));
      }
      shell.progress("");
      return report(shell, rows, typed.on("failures"));
    }),
};

const diagnose = async (client: Client, id: string): Promise<readonly Checked[]> =>
  (await client.post(`/v1/connections/${id}/diagnose`, undefined, diagnosisSchema)).checks;

interface Row extends Checked {
  readonly where: string;
  readonly connection: string | null;
}

const report = (shell: Shell, rows: readonly Row[], onlyFailures: boolean): Report => {
  const failed = rows.filter(({ result }) => result === "failed");
  const skipped = rows.filter(({ result }) => result === "skipped");
  const shown = onlyFailures ? failed : rows;
  const table = renderTable(
    shown,
    [
      { title: "where", cell: (row) => row.where, shrink: true },
      { title: "check", cell: (row) => row.id },
      { title: "result", cell: (row) => row.result },
      { title: "found", cell: (row) => row.detail, shrink: true, lines: 4 },
    ],
    shell.columns,
  );
  const remedies = failed.map(
    (row) => `${row.where}, ${row.id}: ${row.detail}\n  tried: ${row.what}\n  fix: ${row.remedy ?? ""}\n`,
  );
  const sum = `${counted(rows.length, "check")}: ${rows.length - failed.length - skipped.length} ok, ${failed.length} failed, ${skipped.length} skipped\n`;
  return {
    exitCode: failed.length === 0 ? exitCodes.ok : exitCodes.failed,
    text: [shown.length === 0 ? "" : `${table}\n`, ...remedies, remedies.length === 0 ? "" : "\n", sum].join(""),
    json: { healthy: failed.length === 0, checks: rows.map((row) => ({ ...row })) },
  };
};
