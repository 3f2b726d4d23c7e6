/** The fee schedule and the approval policy over HTTP: data that offers are judged by. */
import * as z from "zod";
import { approvalPolicySchema } from "../domain/approval.ts";
import { feeRowSchema } from "../domain/fee.ts";
import { storedPolicySchema } from "../store/approvals.ts";
import type { IdentifiedFeeRow } from "../store/fee-rows.ts";
import {
  type AppDeps,
  checkMatch,
  commit,
  type Endpoint,
  endpoint,
  listOf,
  pageOf,
  pageQuery,
  tagOf,
} from "./endpoint.ts";
import { notFound } from "./problem.ts";

const rowId = z.string().regex(/^[a-z0-9_-]{1,64}$/, "an id of GET /v1/fee-schedule");
const shownRowSchema = z.object({
  id: z.string(),
  isSeed: z.boolean().describe("what the marketplace publishes, as far as it is known; check it, and edit it"),
  savedBy: z.string().nullable(),
  row: feeRowSchema,
});
const shown = ({ id, isSeed, savedBy, ...row }: IdentifiedFeeRow) => ({ id, isSeed, savedBy, row });
const rowExample = {
  ...{ kind: "fee", marketplace: "azure", from: "2024-10-01", certainty: "documented" },
  source: "our Publisher Agreement of 2024-09-12",
  tiers: [{ below: null, percent: "3" }],
  ...{ renewalPercent: "1.5", renewalAttested: true },
};

export const feeScheduleEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/fee-schedule",
    tag: "Fees",
    scope: "read",
    summary: "List the rows that expected fees follow",
    description:
      "Effective-dated: of the rows that fit, the latest that has begun holds. Each tells where it comes from and how certain it is.",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(shownRowSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: pageOf((await deps.store.feeRows.list(deps.db.sql)).map(shown), query),
    }),
  }),
  endpoint({
    method: "POST",
    path: "/v1/fee-schedule",
    tag: "Fees",
    scope: "admin",
    summary: "Add a row",
    body: feeRowSchema,
    bodyExample: rowExample,
    answers: { 201: { description: "the row", schema: shownRowSchema } },
    problems: ["invalid"],
    handle: async ({ body: row, caller }) => {
      const { actorId } = caller;
      const id = await commit(deps, (tx) => deps.store.feeRows.save(tx, { id: null, row, actorId }));
      return { status: 201, body: await readRow(deps, id) };
    },
  }),
  endpoint({
    method: "PUT",
    path: "/v1/fee-schedule/{id}",
    tag: "Fees",
    scope: "admin",
    summary: "Replace a row, also one that came with the product",
    params: z.strictObject({ id: rowId }),
    body: feeRowSchema,
    bodyExample: rowExample,
    answers: { 200: { description: "the row", schema: shownRowSchema } },
    problems: ["invalid", "not-found"],
    handle: async ({ params: { id }, body: row, caller }) => {
      await readRow(deps, id);
      await commit(deps, (tx) => deps.store.feeRows.save(tx, { id, row, actorId: caller.actorId }));
      return { status: 200, body: await readRow(deps, id) };
    },
  }),
  endpoint({
    method: "DELETE",
    path: "/v1/fee-schedule/{id}",
    tag: "Fees",
    scope: "admin",
    summary: "Take a row out of force",
    params: z.strictObject({ id: rowId }),
    answers: { 204: { description: "offers judged by it keep what was judged" } },
    problems: ["not-found"],
    handle: async ({ params: { id }, caller }) => {
      const row = (await deps.store.feeRows.list(deps.db.sql)).find((known) => known.id === id);
      if (row === undefined) throw notFound("row", id);
      await commit(deps, (tx) => deps.store.feeRows.remove(tx, row, caller.actorId));
      return { status: 204 };
    },
  }),
  policyEndpoint(deps),
  savePolicyEndpoint(deps),
];

const readRow = async (deps: AppDeps, id: string) => {
  const row = (await deps.store.feeRows.list(deps.db.sql)).find((known) => known.id === id);
  if (row === undefined) throw notFound("row", id);
  return shown(row);
};

const policyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/approval-policy",
    tag: "Offers",
    scope: "read",
    summary: "Read when an offer needs an approval",
    answers: { 200: { description: "the policy in force", schema: storedPolicySchema, headers: ["ETag"] } },
    handle: async () => {
      const policy = await deps.store.approvals.policy(deps.db.sql);
      return { status: 200, body: policy, headers: { etag: tagOf(policy.version) } };
    },
  });

const savePolicyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PUT",
    path: "/v1/approval-policy",
    tag: "Offers",
    scope: "admin",
    summary: "Save when an offer needs an approval",
    description: "The new version holds for whatever is judged from now on; what was approved stays approved.",
    ifMatch: "optional",
    body: approvalPolicySchema,
    bodyExample: {
      rules: [{ name: "Deep discount", when: { discountOverPercent: "20" }, approvers: ["Cora Finance"] }],
    },
    answers: { 200: { description: "the policy in force", schema: storedPolicySchema, headers: ["ETag"] } },
    problems: ["invalid"],
    handle: async ({ body, caller, match }) => {
      const policy = await commit(deps, async (tx) => {
        checkMatch(match, (await deps.store.approvals.policy(tx)).version);
        await deps.store.approvals.savePolicy(tx, body, caller.actorId);
        return deps.store.approvals.policy(tx);
      });
      return { status: 200, body: policy, headers: { etag: tagOf(policy.version) } };
    },
  });
