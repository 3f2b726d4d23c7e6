/** The faults of this simulator, and the rules of its plans. */
import * as z from "zod";
import { commonFaults, createFaultPlan, eventFaults, ruleShapeOf, type StruckBy } from "../../simulator/faults.ts";
import { operations } from "./constraints.generated.ts";
import type { Ledger } from "./ledger.ts";
import { operations as agreementOperations } from "./marketplace/agreement.generated.ts";
import { operations as catalogOperations } from "./marketplace/catalog.generated.ts";

/** Every fault this simulator knows, and what it does. */
export const faultCatalogue = {
  ...commonFaults,
  ...eventFaults,
  throttle: "ThrottlingException before any effect (status 400, or `status`; `retryAfterSeconds` adds Retry-After)",
  error_500: "InternalServerException before any effect",
  commit_then_500: "the effect happens, the answer is InternalServerException",
  page_token_expired: "the NextToken is refused",
  stale_last_modified: "ConflictException before any effect",
  token_expired: "ExpiredTokenException before any effect",
  permission_lost: "AccessDeniedException before any effect",
  duplicate_event: "the event comes twice, with one id",
  async_task_stuck: "the task stays IN_PROGRESS for ever, a change set APPLYING",
  async_task_fails: "the task, or the change set, ends FAILED with `reason` (default InternalError)",
  object_replaced: "GetObject: the object was replaced since it was listed (412 PreconditionFailed)",
  async_task_fails_after_success_event:
    "what the events of success tell of comes, yet the task ends FAILED with `reason`",
} as const;
export type FaultName = keyof typeof faultCatalogue;
const faultNames = Object.keys(faultCatalogue).filter((name): name is FaultName => Object.hasOwn(faultCatalogue, name));
/** The operations of the queues, which have faults of their own. */
export const queueOperations = [
  "ReceiveMessage",
  "DeleteMessage",
  "DeleteMessageBatch",
  "ChangeMessageVisibility",
  "GetQueueAttributes",
  "GetQueueUrl",
] as const;
/** The operations of the bucket with the data feeds. */
export const bucketOperations = ["ListObjectsV2", "GetObject"] as const;
const targets = [
  ...Object.keys(operations),
  ...Object.keys(catalogOperations),
  ...Object.keys(agreementOperations),
  ...queueOperations,
  ...bucketOperations,
  "event",
];

const ruleShape = ruleShapeOf(targets, faultNames).extend({
  detailType: z.string().optional().describe("with on: event, only events of this type"),
});
export type FaultRule = z.infer<typeof ruleShape>;
export type FaultRuleInput = z.input<typeof ruleShape>;
export const rulesSchema = z.array(ruleShape).max(1000);

export type Struck = StruckBy<FaultRule>;

export const createFaults = (ledger: Ledger) =>
  createFaultPlan(ledger.faults, { shape: ruleShape, narrowing: (rule) => rule.detailType });
export type Faults = ReturnType<typeof createFaults>;
