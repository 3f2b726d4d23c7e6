/** The faults of this simulator, and the rules of its plans. */
import * as z from "zod";
import { commonFaults, createFaultPlan, eventFaults, ruleShapeOf, type StruckBy } from "../../simulator/faults.ts";
import type { Ledger } from "./ledger.ts";
import { storageOperations } from "./storage.ts";
import { operationNames } from "./surfaces.ts";

/** Every fault this simulator knows, and what it does. */
export const faultCatalogue = {
  ...commonFaults,
  ...eventFaults,
  throttle:
    "RESOURCE_EXHAUSTED before any effect (429, or `status`), with Retry-After (`retryAfterSeconds`, default 30)",
  error_500: "INTERNAL before any effect",
  error_503_before: "UNAVAILABLE before any effect",
  commit_then_500: "the effect happens, the answer is INTERNAL",
  page_token_expired: "the pageToken is refused",
  aborted: "ABORTED before any effect: somebody else changes the record at this moment",
  object_replaced: "storage.objects.get: the object was replaced since it was listed (412)",
  token_expired: "the access token is refused as expired; on `token`: invalid_grant",
  event_repeated: "the same fact is published again: another message with another eventId",
  permission_lost: "PERMISSION_DENIED before any effect; on `token`: the account is not found",
} as const;
export type FaultName = keyof typeof faultCatalogue;
const faultNames = Object.keys(faultCatalogue).filter((name): name is FaultName => Object.hasOwn(faultCatalogue, name));

const ruleShape = ruleShapeOf([...operationNames, ...storageOperations, "event"], faultNames).extend({
  event: z.string().optional().describe("with on: event, only events of this type"),
});
export type FaultRule = z.infer<typeof ruleShape>;
export type FaultRuleInput = z.input<typeof ruleShape>;
export const rulesSchema = z.array(ruleShape).max(1000);

export type Struck = StruckBy<FaultRule>;

export const createFaults = (ledger: Ledger) =>
  createFaultPlan(ledger.faults, { shape: ruleShape, narrowing: (rule) => rule.event });
