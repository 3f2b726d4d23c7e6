/** Fault plans are data: which call or event, which fault. A plan and a seed reproduce a run. */
import { z } from "zod";
import type { JsonObject } from "../../../src/domain/deal.ts";
import { operations } from "./constraints.generated.ts";
import type { Ledger } from "./ledger.ts";

/** Every fault this simulator knows, and what it does. */
export const faultCatalogue = {
  throttle: "ThrottlingException before any effect (status 400, or `status`; `retryAfterSeconds` adds Retry-After)",
  error_500: "InternalServerException before any effect",
  error_503_before: "503 before any effect",
  timeout_before: "no answer, no effect",
  commit_then_500: "the effect happens, the answer is InternalServerException",
  commit_then_timeout: "the effect happens, no answer",
  reset_mid_body: "the effect happens, the connection breaks in the middle of the answer",
  slow: "the answer takes `seconds` (default 10)",
  truncated_json: "the effect happens, the answer's JSON ends in the middle",
  wrong_content_type: "the effect happens, the answer says text/plain",
  html_error_page: "502 with an HTML page; no effect unless `committed`",
  unknown_status_word: "a status word nobody knows (`value`, in `field`)",
  missing_field: "a member is missing from the answer (`field`)",
  extra_field: "members nobody knows are in the answer (`field`, `value`)",
  null_for_list: "null where a list belongs (`field`)",
  partial_page: "the last item of a page is repeated (`mode` repeat) or left out (skip)",
  page_token_expired: "the NextToken is refused",
  stale_read: "reads show the version before, for this call or, on a write, for `seconds`",
  search_lag: "lists do not show what changed in the last `seconds` (default 60)",
  stale_last_modified: "ConflictException before any effect",
  token_expired: "ExpiredTokenException before any effect",
  permission_lost: "AccessDeniedException before any effect",
  duplicate_event: "the event comes twice, with one id",
  event_before_response: "the event is delivered before the answer leaves",
  event_lost: "the event never comes",
  event_late: "the event comes after `seconds` (default: an hour to eight days)",
  events_shuffled: "the event comes at a random time within `seconds` (default 600)",
  async_task_stuck: "the task stays IN_PROGRESS for ever",
  async_task_fails: "the task ends FAILED with `reason` (default InternalError)",
  async_task_fails_after_success_event:
    "what the events of success tell of comes, yet the task ends FAILED with `reason`",
  clock_skew: "AWS's clock is `seconds` (default 300) ahead for this call: Date header and timestamps",
} as const;
export type FaultName = keyof typeof faultCatalogue;
const faultNames = Object.keys(faultCatalogue);
/** The operations of the queues, which have faults of their own. */
export const queueOperations = [
  "ReceiveMessage",
  "DeleteMessage",
  "DeleteMessageBatch",
  "ChangeMessageVisibility",
  "GetQueueAttributes",
  "GetQueueUrl",
] as const;
const targets = [...Object.keys(operations), ...queueOperations, "event", "*"];

const ruleShape = z.strictObject({
  on: z.string().refine((on) => targets.includes(on), { error: `on must be one of: ${targets.join(", ")}` }),
  fault: z.string().refine((name): name is FaultName => faultNames.includes(name), {
    error: `fault must be one of: ${faultNames.join(", ")}`,
  }),
  nth: z.int().min(1).optional().describe("from the nth match on; alone it means only the nth"),
  every: z.int().min(1).optional().describe("every such match"),
  times: z.int().min(1).optional().describe("at most so often"),
  seconds: z.number().min(0).optional(),
  status: z.int().min(400).max(599).optional(),
  retryAfterSeconds: z.int().min(0).optional(),
  committed: z.boolean().optional(),
  reason: z.string().optional(),
  field: z.string().optional(),
  value: z.json().optional(),
  mode: z.enum(["repeat", "skip"]).optional(),
  detailType: z.string().optional().describe("with on: event, only events of this type"),
});
export type FaultRule = z.infer<typeof ruleShape>;
export type FaultRuleInput = z.input<typeof ruleShape>;
export const rulesSchema = z.array(ruleShape).max(1000);

/** What struck one call or event. */
export interface Struck {
  readonly has: (fault: FaultName) => boolean;
  readonly find: (fault: FaultName) => FaultRule | null;
}
export const unstruck: Struck = { has: () => false, find: () => null };
const struckBy = (rules: readonly FaultRule[]): Struck => ({
  has: (fault) => rules.some((rule) => rule.fault === fault),
  find: (fault) => rules.find((rule) => rule.fault === fault) ?? null,
});

export const createFaults = (ledger: Ledger) => {
  const rows = () => ledger.faults.all().toSorted((a, b) => a.order - b.order);

  /** Adds rules behind those already there. */
  const add = (rules: readonly FaultRuleInput[]): void => {
    const last = rows().at(-1)?.order ?? 0;
    for (const [index, rule] of rulesSchema.parse(rules).entries()) {
      const order = last + index + 1;
      ledger.faults.put(String(order), { id: String(order), order, rule: plain(rule), seen: 0, fired: 0 });
    }
  };
  return {
    add,
    clear: (): void => {
      for (const row of ledger.faults.all()) ledger.faults.remove(row.id);
    },
    list: () => rows().map(({ rule, seen, fired }) => ({ ...rule, seen, fired })),
    /** Counts one call of an operation, or one event, and tells which faults strike it. */
    strike: (on: string, detailType: string | null = null): Struck => {
      if (ledger.faults.size() === 0) return unstruck;
      const fired: FaultRule[] = [];
      for (const row of rows()) {
        const rule = ruleShape.parse(row.rule);
        if (!concerns(rule, on, detailType)) continue;
        const seen = row.seen + 1;
        const fires = due(rule, seen, row.fired);
        if (fires) fired.push(rule);
        ledger.faults.put(row.id, { ...row, seen, fired: row.fired + (fires ? 1 : 0) });
      }
      return fired.length === 0 ? unstruck : struckBy(fired);
    },
  };
};
export type Faults = ReturnType<typeof createFaults>;

const concerns = (rule: FaultRule, on: string, detailType: string | null): boolean =>
  (rule.on === on || (rule.on === "*" && on !== "event")) &&
  (rule.detailType === undefined || rule.detailType === detailType);

const due = (rule: FaultRule, seen: number, fired: number): boolean => {
  const times = rule.times ?? (rule.nth !== undefined && rule.every === undefined ? 1 : Number.POSITIVE_INFINITY);
  if (fired >= times || seen < (rule.nth ?? 1)) return false;
  return rule.every === undefined || (seen - (rule.nth ?? rule.every)) % rule.every === 0;
};

const plain = (rule: FaultRule): JsonObject =>
  Object.fromEntries(Object.entries(rule).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
