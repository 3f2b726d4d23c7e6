/** What a connection's settings leave to a person: the answer to what a marketplace waits for at an agreement. */
import * as z from "zod";
import { agreementSchema } from "../store/agreements.ts";
import { agreementParams } from "./agreements.ts";
import { type AppDeps, checkMatch, commit, type Endpoint, endpoint, tagOf } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

const reason = z.string().trim().min(1).max(255);

export const agreementDecisionEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  decideEndpoint(deps, "approve"),
  decideEndpoint(deps, "reject"),
];

const decideEndpoint = (deps: AppDeps, answer: "approve" | "reject"): Endpoint =>
  endpoint({
    method: "POST",
    path: `/v1/agreements/{id}/${answer}`,
    tag: "Agreements",
    scope: "write",
    summary:
      answer === "approve"
        ? "Approve what the marketplace waits for at an agreement"
        : "Reject what the marketplace waits for at an agreement",
    description: `An order, an activation or a change that the connection's settings leave to a person: \`waits\` of the agreement says which.${
      answer === "approve" ? "" : " The reason is told to the buyer where the marketplace takes one."
    } Asking again changes nothing.`,
    ifMatch: "optional",
    params: agreementParams,
    body: answer === "approve" ? z.strictObject({}) : z.strictObject({ reason }),
    bodyExample: answer === "approve" ? {} : { reason: "This plan is not sold in your country." },
    answers: {
      202: { description: "it is on its way to the marketplace", schema: agreementSchema, headers: ["ETag"] },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, body, caller, match }) => {
      const { agreements, journal } = deps.store;
      const agreement = await commit(deps, async (tx) => {
        if ((await agreements.find(tx, id)) === null) throw notFound("agreement", id);
        const stored = await agreements.lock(tx, id);
        const { waits, decision, connectionId } = stored;
        if (waits === null)
          throw new ProblemError("conflict", "The marketplace waits for no decision at this agreement.");
        if (decision?.key === waits.key) {
          if (decision.answer === answer) return stored;
          throw new ProblemError("conflict", `Somebody decided the other way already: ${decision.answer}.`);
        }
        checkMatch(match, stored.version);
        if (answer === "reject" && !waits.canReject)
          throw new ProblemError("conflict", `${waits.says}. It cannot be rejected: leave it, or end the agreement.`);
        const why = "reason" in body ? body.reason : null;
        const decided = await agreements.decide(tx, stored, { answer, reason: why, actorId: caller.actorId });
        await journal.tell(tx, "agreement.duty.requested", id, { agreementId: id, connectionId });
        return decided;
      });
      return { status: 202, body: agreement, headers: { etag: tagOf(agreement.version) } };
    },
  });
