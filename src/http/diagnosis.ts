/** The doctor over HTTP: every permission, setting and way that the service and its connections need, tried for real. */
import * as z from "zod";
import { type Checked, checkedSchema, runChecks } from "../domain/diagnosis.ts";
import { connectionChecks } from "./connection-checks.ts";
import { type AppDeps, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { mustFindConnection } from "./oauth-clients.ts";
import { serviceChecks } from "./service-checks.ts";

const diagnosisSchema = z.object({
  healthy: z.boolean().describe("false: at least one check failed"),
  checks: z.array(checkedSchema),
});
const about =
  "Checks are tried one after the other and change nothing, here or there: whether a write is allowed shows in how the partner refuses one that cannot succeed. A queue is fetched from once, as at any other time.";

export const diagnosisEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/diagnosis",
    tag: "Service",
    scope: "read",
    summary: "Diagnose the service",
    description: about,
    answers: { 200: { description: "what was found", schema: diagnosisSchema } },
    handle: async () => ({ status: 200, body: diagnosisOf(await runChecks(serviceChecks(deps))) }),
  }),
  endpoint({
    method: "POST",
    path: "/v1/connections/{id}/diagnose",
    tag: "Connections",
    scope: "write",
    summary: "Diagnose a connection",
    description: about,
    params: z.strictObject({ id: idOf("con", "connection") }),
    answers: { 200: { description: "what was found", schema: diagnosisSchema } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const connection = await mustFindConnection(deps, params.id);
      return { status: 200, body: diagnosisOf(await runChecks(await connectionChecks(deps, connection))) };
    },
  }),
];

const diagnosisOf = (checks: readonly Checked[]) => ({
  healthy: checks.every(({ result }) => result !== "failed"),
  checks,
});
