/** What people decide of money over HTTP: an agreement's deal, the deals that share it, whose a buyer's account is. Decisions are added, never changed. */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import { type NamedPart, partsProblems } from "../domain/finance/allocation.ts";
import { type DecisionSubject, decisionKinds, decisionSchema, type MoneyDecision } from "../store/decisions.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, listOf, seqPageQuery } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

const dayMs = 86_400_000;
const reason = z.string().trim().min(1).max(500).describe("why, for people and auditors; no personal data");
const vendorId = z.string().trim().min(1).max(200);
const marketplace = z.enum(marketplaceIds);
const takesEffect = "It takes effect with the next reconciliation, which is asked for at once.";

export const decisionEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/decisions",
    tag: "Decisions",
    scope: "read",
    summary: "What people decided of money, newest first",
    query: seqPageQuery.extend({
      kind: z
        .enum(decisionKinds)
        .optional()
        .describe("link: an agreement's deal; allocation: the deals that share it; alias: whose a buyer's account is"),
      marketplace: marketplace.optional(),
      subject: vendorId.optional().describe("only of this agreement or account"),
    }),
    answers: { 200: { description: "one page", schema: listOf(decisionSchema) } },
    handle: async ({ query: { kind, marketplace: place, subject, after, limit } }) => ({
      status: 200,
      body: await deps.store.decisions.list(deps.db.sql, {
        ...{ after: after ?? null, limit },
        ...(kind === undefined ? {} : { kind }),
        ...(place === undefined ? {} : { marketplace: place }),
        ...(subject === undefined ? {} : { subject }),
      }),
    }),
  }),
  endpoint({
    method: "POST",
    path: "/v1/agreements/links",
    tag: "Decisions",
    scope: "write",
    summary: "Say which deal an agreement of the books belongs to, for example as it was suggested",
    description: `A person's word goes before every rule; against an allocation the later word holds. ${takesEffect}`,
    body: z.strictObject({
      marketplace,
      agreementId: vendorId.describe("as the marketplace's reports name it"),
      dealId: vendorId.describe("source:key, or our id of the deal"),
      reason,
    }),
    bodyExample: {
      marketplace: "aws",
      agreementId: "agmt-1",
      dealId: "salesforce:006A1",
      reason: "Confirmed with the account team.",
    },
    answers: { 200: { description: "the decision", schema: decisionSchema } },
    problems: ["not-found"],
    handle: async ({ body, caller }) => {
      const dealId = await deps.store.decisions.dealNamed(deps.db.sql, body.dealId);
      if (dealId === null) throw notFound("deal", body.dealId);
      const of = { kind: "link", marketplace: body.marketplace, subject: body.agreementId } as const;
      return decided(deps, of, { decision: { dealId }, reason: body.reason, actorId: caller.actorId });
    },
  }),
  allocationEndpoint(deps),
  endpoint({
    method: "POST",
    path: "/v1/accounts/aliases",
    tag: "Decisions",
    scope: "write",
    summary: "Say which account of the CRM a buyer's account is",
    description: `It names the buyer's domain or name, so that its agreements find their deals. ${takesEffect}`,
    body: z
      .strictObject({
        marketplace,
        buyerAccount: vendorId.describe("as the marketplace's reports name it"),
        domain: z.string().trim().max(200).default("").describe("of the CRM's account"),
        accountName: z.string().trim().max(200).default(""),
        reason,
      })
      .refine(({ domain, accountName }) => domain !== "" || accountName !== "", {
        message: "name the CRM's account by domain or accountName",
        path: ["domain"],
      }),
    bodyExample: {
      marketplace: "aws",
      buyerAccount: "123456789012",
      domain: "customer.example",
      reason: "Their own invoice says so.",
    },
    answers: { 200: { description: "the decision", schema: decisionSchema } },
    handle: async ({ body, caller }) => {
      const { domain, accountName } = body;
      const of = { kind: "alias", marketplace: body.marketplace, subject: body.buyerAccount } as const;
      return decided(deps, of, { decision: { domain, accountName }, reason: body.reason, actorId: caller.actorId });
    },
  }),
  endpoint({
    method: "POST",
    path: "/v1/decisions/{id}/revoke",
    tag: "Decisions",
    scope: "write",
    summary: "Take a decision back: rules decide again",
    description: `An agreement's allocation and its link are decisions of their own: where one is taken back, the other holds again. ${takesEffect}`,
    params: z.strictObject({ id: idOf("mdc", "decision") }),
    body: z.strictObject({ reason }),
    bodyExample: { reason: "The account was another company's." },
    answers: { 200: { description: "the row that takes it back", schema: decisionSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, body, caller }) => {
      const found = await deps.store.decisions.find(deps.db.sql, id);
      if (found === null) throw notFound("decision", id);
      const newest = await deps.store.decisions.newest(deps.db.sql, found);
      if (newest?.id !== id || newest.decision === null)
        throw new ProblemError(
          "conflict",
          newest?.decision == null
            ? "It was taken back already."
            : `It holds no more: ${newest.id} came after it. Revoke that one.`,
        );
      return decided(deps, found, { decision: null, reason: body.reason, actorId: caller.actorId });
    },
  }),
];

const allocationEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/agreements/allocations",
    tag: "Decisions",
    scope: "write",
    summary: "Say which deals share an agreement of the books, and how much of it is whose",
    description: `Each deal's part of the agreement's value and of all its money, in basis points that sum to 10000. It goes before every rule; against a link, and an earlier allocation, the later word holds. ${takesEffect}`,
    body: z.strictObject({
      marketplace,
      agreementId: vendorId.describe("as the marketplace's reports name it"),
      parts: z
        .array(
          z.strictObject({
            dealId: vendorId.describe("source:key, or our id of the deal"),
            basisPoints: z.number().int().min(1).max(9_999),
          }),
        )
        .min(2)
        .max(100)
        .superRefine((parts, context) => {
          for (const { at, field, message } of partsProblems(parts))
            context.addIssue({ code: "custom", message, path: at === null || field === null ? [] : [at, field] });
        }),
      reason,
    }),
    bodyExample: {
      marketplace: "aws",
      agreementId: "agmt-1",
      parts: [
        { dealId: "salesforce:006A1", basisPoints: 6_000 },
        { dealId: "salesforce:006A2", basisPoints: 4_000 },
      ],
      reason: "One order of two business units.",
    },
    answers: { 200: { description: "the decision", schema: decisionSchema } },
    problems: ["not-found"],
    handle: async ({ body, caller }) => {
      const parts: NamedPart[] = [];
      for (const { dealId, basisPoints } of body.parts) {
        const name = await deps.store.decisions.dealNamed(deps.db.sql, dealId);
        if (name === null) throw notFound("deal", dealId);
        parts.push({ dealId: name, basisPoints });
      }
      // Our id and the name of one deal are two texts for it.
      const [problem] = partsProblems(parts);
      if (problem !== undefined) throw new ProblemError("invalid", `parts: ${problem.message}`);
      const of = { kind: "allocation", marketplace: body.marketplace, subject: body.agreementId } as const;
      return decided(deps, of, { decision: { parts }, reason: body.reason, actorId: caller.actorId });
    },
  });

const decided = async (
  deps: AppDeps,
  of: DecisionSubject,
  said: { readonly decision: MoneyDecision["decision"]; readonly reason: string; readonly actorId: string },
) => {
  const asOfDay = Math.floor(deps.clock.now().getTime() / dayMs);
  const body = await commit(deps, async (tx) => {
    const made = await deps.store.decisions.decide(tx, of, said);
    await deps.store.reconciliations.request(tx, { asOfDay, mode: "increment" });
    return made;
  });
  return { status: 200, body };
};
