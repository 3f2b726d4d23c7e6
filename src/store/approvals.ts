/** Approvals of offers: the policy in its versions, who asked, who said yes or no, to exactly which terms. */
import * as z from "zod";
import {
  type ApprovalPolicy,
  type ApprovalReason,
  approvalPolicySchema,
  approvalReasonSchema,
  type Decider,
} from "../domain/approval.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { mustParse } from "./journal.ts";
import { parseFirst, parseRows } from "./rows.ts";

export const approvalSchema = z.object({
  id: z.string(),
  offerId: z.string(),
  termsVersion: z.number().int(),
  requestedBy: z.string(),
  requestedByName: z.string(),
  requestedAt: z.date(),
  reasons: z.array(approvalReasonSchema),
  decision: z.enum(["approved", "refused", "void"]).nullable(),
  decidedBy: z.string().nullable(),
  decidedByName: z.string().nullable(),
  decidedAt: z.date().nullable(),
  note: z.string().nullable(),
});
export type Approval = z.infer<typeof approvalSchema>;
export const storedPolicySchema = approvalPolicySchema.extend({
  version: z.number().int().describe("0: nobody has saved one yet, and no offer needs an approval"),
  actorName: z.string().nullable(),
  at: z.date().nullable(),
});
export type StoredPolicy = z.infer<typeof storedPolicySchema>;

export type Approvals = ReturnType<typeof createApprovals>;

export const createApprovals = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  const columns = (
    query: Query,
  ) => query`offer_approval.id, offer_id, terms_version, requested_by, asker.name as requested_by_name, requested_at,
    reasons, decision, decided_by, decider.name as decided_by_name, decided_at, note
    from offer_approval join actor asker on asker.id = requested_by left join actor decider on decider.id = decided_by`;
  const find = async (query: Query, id: string): Promise<Approval> =>
    mustParse(approvalSchema, await query`select ${columns(query)} where offer_approval.id = ${id}`, `approval ${id}`);
  return {
    policy: async (query: Query): Promise<StoredPolicy> =>
      parseFirst(
        storedPolicySchema,
        await query`select version, rules, actor.name as actor_name, at from approval_policy join actor on actor.id = actor_id order by version desc limit 1`,
      ) ?? { version: 0, rules: [], actorName: null, at: null },
    /** Saves the policy as its next version; the latest holds. */
    savePolicy: async (tx: Query, policy: ApprovalPolicy, actorId: string): Promise<void> => {
      await tx`insert into approval_policy (version, rules, actor_id, at)
        select coalesce(max(version), 0) + 1, ${tx.json(JSON.parse(JSON.stringify(policy.rules)))}::jsonb, ${actorId}, ${deps.clock.now()}::timestamptz from approval_policy`;
    },
    /** The approvals of an offer, oldest first: all that was ever asked and decided. */
    listOf: async (query: Query, offerId: string): Promise<readonly Approval[]> =>
      parseRows(
        approvalSchema,
        await query`select ${columns(query)} where offer_id = ${offerId} order by requested_at, offer_approval.id limit 200`,
      ),
    /** Whether exactly these terms were approved. */
    isApproved: async (
      query: Query,
      offer: { readonly id: string; readonly termsVersion: number },
    ): Promise<boolean> => {
      const [row] = await query<{ approved: boolean }[]>`select exists(select from offer_approval
        where offer_id = ${offer.id} and terms_version = ${offer.termsVersion} and decision = 'approved') as approved`;
      return row?.approved ?? false;
    },
    /** Who decides, by name. */
    deciderOf: async (query: Query, actorId: string): Promise<Decider> => {
      const [row] = await query<{ id: string; name: string }[]>`select id, name from actor where id = ${actorId}`;
      return row ?? { id: actorId, name: "" };
    },
    findOpen: async (query: Query, offerId: string): Promise<Approval | null> =>
      parseFirst(
        approvalSchema,
        await query`select ${columns(query)} where offer_id = ${offerId} and decision is null`,
      ),
    request: async (
      tx: Query,
      asked: {
        readonly offerId: string;
        readonly termsVersion: number;
        readonly reasons: readonly ApprovalReason[];
        readonly actorId: string;
      },
    ): Promise<Approval> => {
      const id = deps.ids.next("apv");
      await tx`insert into offer_approval (id, offer_id, terms_version, requested_by, requested_at, reasons)
        values (${id}, ${asked.offerId}, ${asked.termsVersion}, ${asked.actorId}, ${deps.clock.now()}, ${tx.json(asked.reasons.map((reason) => ({ ...reason })))})`;
      await deps.journal.tell(tx, "offer.approval_requested", asked.offerId, {
        offerId: asked.offerId,
        approvalId: id,
      });
      return find(tx, id);
    },
    /** Writes down who decided. The database refuses an approval by the one who asked. */
    decide: async (
      tx: Query,
      approval: Approval,
      decided: {
        readonly decision: "approved" | "refused" | "void";
        readonly actorId: string;
        readonly note: string | null;
      },
    ): Promise<Approval> => {
      await tx`update offer_approval set decision = ${decided.decision}, decided_by = ${decided.actorId}, decided_at = ${deps.clock.now()}, note = ${decided.note}
        where id = ${approval.id} and decision is null`;
      const fact = { offerId: approval.offerId, approvalId: approval.id };
      if (decided.decision === "approved") await deps.journal.tell(tx, "offer.approved", approval.offerId, fact);
      if (decided.decision === "refused") await deps.journal.tell(tx, "offer.refused", approval.offerId, fact);
      const what = `approval_${decided.decision}`;
      await deps.journal.note(tx, { subject: approval.offerId, actorId: decided.actorId, what, note: decided.note });
      return find(tx, approval.id);
    },
  };
};
