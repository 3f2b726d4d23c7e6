/**
 * What Microsoft waits for from us: a purchased subscription is activated, a change of plan or seats is answered, each by the
 * connection's settings. Planned purely; before an answer the operation is read, because ten seconds after its webhook it is accepted.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-operations-api
 */
import * as z from "zod";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import { type AgreementObservation, type Decision, decided } from "../../../src/domain/offer.ts";
import type { Next, Outcome, Write } from "../../contract.ts";
import { sameWord, type WireSaasOperation } from "../wire-offers.ts";
import {
  answerKey,
  getOperation,
  getSubscription,
  isAnswerable,
  isOpen,
  recordIn,
  subscriptionPath,
  waitsOf,
} from "./agreements.ts";
import type { MarketDeps } from "./reading.ts";
import type { Market } from "./settings.ts";

const activationSchema = z.object({
  subscription: z.string(),
  planId: z.string().nullable(),
  quantity: z.number().nullable(),
});
const answerSchema = activationSchema.extend({ operation: z.string(), status: z.enum(["Success", "Failure"]) });
type AnswerBody = z.infer<typeof answerSchema>;

const write = (operation: string, key: string, body: Write["body"]): Next => ({
  kind: "write",
  write: { operation, key, body, token: "we-read" },
});

/** Pure: the next activation or answer. What a person has yet to decide about, and test purchases, have none. */
export const nextDuty = (
  observation: AgreementObservation,
  done: readonly Outcome[],
  { decision, ...market }: Pick<Market, "activation" | "planChanges"> & { readonly decision: Decision | null },
): Next => {
  const record = recordIn(observation.body);
  if (record === null) return { kind: "done" };
  const { activation, planChanges } = market;
  const answer = decided(waitsOf(record, market), decision);
  const has = (key: string): boolean => done.some((outcome) => outcome.key === key);
  const { subscription, operations } = record;
  const { id, planId = null, quantity } = subscription;
  if (sameWord(subscription.saasSubscriptionStatus, "PendingFulfillmentStart"))
    return (activation === "ask" && answer !== "approve") || has("activate")
      ? { kind: "done" }
      : write("ActivateSubscription", "activate", { subscription: id, planId, quantity });
  const waiting = operations.find((operation) => isAnswerable(operation) && !has(answerKey(operation)));
  if (waiting === undefined || (planChanges === "ask" && (answer === null || decision?.key !== answerKey(waiting))))
    return { kind: "done" };
  // A buyer who has paid again is let in: only changes are refused.
  const isRefused = planChanges === "ask" ? answer === "reject" : planChanges === "refuse";
  const status = isRefused && !sameWord(waiting.action, "Reinstate") ? "Failure" : "Success";
  return write("AnswerOperation", answerKey(waiting), {
    subscription: id,
    operation: waiting.id,
    status,
    planId: waiting.planId ?? null,
    quantity: waiting.quantity,
  });
};

const named = ({ planId, quantity }: z.infer<typeof activationSchema>) => ({
  ...(planId === null ? {} : { planId }),
  ...(quantity === null ? {} : { quantity }),
});
const outcomeOf = (write: Write, subscription: string): Outcome => ({
  key: write.key,
  ref: { id: subscription.toLowerCase() },
  version: null,
  task: null,
});

const activate = async ({ wire }: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const body = activationSchema.parse(write.body);
  const answer = await wire.send({
    operation: "ActivateSubscription",
    kind: "write",
    surface: "fulfillment",
    method: "POST",
    path: `${subscriptionPath(body.subscription)}/activate`,
    body: JSON.stringify(named(body)),
  });
  return answer.ok ? ok(outcomeOf(write, body.subscription)) : answer;
};

const wantedWord = ({ status }: AnswerBody): string => (status === "Success" ? "Succeeded" : "Failed");
/** Why an answer comes too late. */
const tooLate = (body: AnswerBody, { action, status }: WireSaasOperation) =>
  failed({
    kind: "rejected",
    message: `the ${action ?? "operation"} of subscription ${body.subscription} is ${status ?? "over"} already: Microsoft accepts by itself after ten seconds`,
    gaps: [
      {
        field: "planChanges",
        code: "not_allowed",
        message: `Microsoft: the ${action ?? "operation"} is ${status ?? "over"}.`,
        fix:
          body.status === "Failure"
            ? "Agree with the buyer on the way back, or change the subscription in your product."
            : "Ask the buyer to change it again.",
        source:
          "https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-operations-api",
      },
    ],
  });

const answerOperation = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const body = answerSchema.parse(write.body);
  const settled = async (): Promise<Result<Outcome> | null> => {
    const seen = await getOperation(deps, body.subscription, body.operation);
    if (!seen.ok) return seen;
    if (isOpen(seen.value.value)) return null;
    return sameWord(seen.value.value.status, wantedWord(body))
      ? ok(outcomeOf(write, body.subscription))
      : tooLate(body, seen.value.value);
  };
  const before = await settled();
  if (before !== null) return before;
  const answer = await deps.wire.send({
    operation: "AnswerOperation",
    kind: "write",
    surface: "fulfillment",
    method: "PATCH",
    path: `${subscriptionPath(body.subscription)}/operations/${encodeURIComponent(body.operation)}`,
    body: JSON.stringify({ ...named(body), status: body.status }),
  });
  if (answer.ok) return ok(outcomeOf(write, body.subscription));
  // Somebody, or Microsoft itself, was faster: what it has become decides.
  return answer.fault.kind === "conflict" ? ((await settled()) ?? answer) : answer;
};

/** Sends one planned activation or answer. */
export const run = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  if (write.operation === "ActivateSubscription") return activate(deps, write);
  if (write.operation === "AnswerOperation") return answerOperation(deps, write);
  throw new Error(`Microsoft's marketplace has no write ${write.operation} on subscriptions`);
};

/** "Did it happen?" The subscription or the operation tells at once. */
export const locate = async (deps: MarketDeps, write: Write): Promise<Result<Outcome | null>> => {
  if (write.operation === "ActivateSubscription") {
    const { subscription } = activationSchema.parse(write.body);
    const seen = await getSubscription(deps, subscription);
    if (!seen.ok) return seen;
    const { saasSubscriptionStatus: status } = seen.value.value;
    const isActivated = sameWord(status, "Subscribed") || sameWord(status, "Suspended");
    return ok(isActivated ? outcomeOf(write, subscription) : null);
  }
  const body = answerSchema.parse(write.body);
  const seen = await getOperation(deps, body.subscription, body.operation);
  if (!seen.ok) return seen;
  return ok(sameWord(seen.value.value.status, wantedWord(body)) ? outcomeOf(write, body.subscription) : null);
};
