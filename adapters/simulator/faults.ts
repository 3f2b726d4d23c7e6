/** Fault plans are data: which call or event, which fault. A plan and a seed reproduce a run. */
import * as z from "zod";
import type { JsonObject } from "../../src/domain/deal.ts";
import type { FaultRow, Table } from "./ledger.ts";

/** Faults every simulator knows. What they do to an answer is done in `departure.ts`. */
export const commonFaults = {
  throttle: "refused for too many requests before any effect (`status`; `retryAfterSeconds` adds Retry-After)",
  error_500: "an internal error before any effect",
  error_503_before: "503 before any effect",
  timeout_before: "no answer, no effect",
  commit_then_500: "the effect happens, the answer is an internal error",
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
  page_token_expired: "the token of the next page is refused",
  stale_read: "reads show the version before, for this call or, on a write, for `seconds`",
  search_lag: "lists do not show what changed in the last `seconds` (default 60)",
  token_expired: "the caller's token is refused as expired before any effect",
  permission_lost: "the caller may not do this, before any effect",
  clock_skew: "the vendor's clock is `seconds` (default 300) ahead for this call: Date header and timestamps",
} as const;
export type CommonFault = keyof typeof commonFaults;

/** Faults of a simulator that delivers events. */
export const eventFaults = {
  duplicate_event: "the event comes twice",
  event_before_response: "the event is delivered before the answer leaves",
  event_lost: "the event never comes",
  event_late: "the event comes after `seconds` (default: an hour to eight days)",
  events_shuffled: "the event comes at a random time within `seconds` (default 600)",
} as const;

/** The shape of one rule. `targets`: operations, and `event` where there are events; `*` means every operation. */
export const ruleShapeOf = <Fault extends string>(targets: readonly string[], faults: readonly Fault[]) => {
  const names: readonly string[] = faults;
  const known = [...targets, "*"];
  return z.strictObject({
    on: z.string().refine((on) => known.includes(on), { error: `on must be one of: ${known.join(", ")}` }),
    fault: z.string().refine((name): name is Fault => names.includes(name), {
      error: `fault must be one of: ${names.join(", ")}`,
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
  });
};
export type RuleOf<Fault extends string> = z.infer<ReturnType<typeof ruleShapeOf<Fault>>>;

/** What struck one call or event. */
export interface StruckBy<Rule extends { readonly fault: string }> {
  readonly has: (fault: Rule["fault"]) => boolean;
  readonly find: (fault: Rule["fault"]) => Rule | null;
}
/** What struck, as far as the parts shared by all simulators care. */
export interface CommonStruck {
  readonly has: (fault: CommonFault) => boolean;
  readonly find: (fault: CommonFault) => Omit<RuleOf<string>, "fault"> | null;
}

/** The same for the faults of events. */
export interface EventStruck {
  readonly has: (fault: keyof typeof eventFaults) => boolean;
  readonly find: (fault: keyof typeof eventFaults) => Omit<RuleOf<string>, "fault"> | null;
}

/** Nothing struck. */
export const unstruck = { has: (): boolean => false, find: (): null => null } as const;

export interface FaultPlan<Rule> {
  readonly shape: z.ZodType<Rule>;
  /** What a rule is narrowed to beyond its operation, for example one type of event. */
  readonly narrowing?: (rule: Rule) => string | undefined;
}

/** The plan's rules with their counters, kept in the ledger's table. */
export const createFaultPlan = <Rule extends RuleOf<string>>(table: Table<FaultRow>, plan: FaultPlan<Rule>) => {
  const rows = () => table.all().toSorted((a, b) => a.order - b.order);
  const concerns = (rule: Rule, on: string, about: string | null): boolean => {
    const narrowed = plan.narrowing?.(rule);
    return (rule.on === on || (rule.on === "*" && on !== "event")) && (narrowed === undefined || narrowed === about);
  };
  return {
    /** Adds rules behind those already there. */
    add: (rules: readonly unknown[]): void => {
      const last = rows().at(-1)?.order ?? 0;
      for (const [index, rule] of z.array(plan.shape).max(1000).parse(rules).entries()) {
        const order = last + index + 1;
        table.put(String(order), { id: String(order), order, rule: plain(rule), seen: 0, fired: 0 });
      }
    },
    clear: (): void => {
      for (const row of table.all()) table.remove(row.id);
    },
    list: () => rows().map(({ rule, seen, fired }) => ({ ...rule, seen, fired })),
    /** Counts one call of an operation, or one event, and tells which faults strike it. */
    strike: (on: string, about: string | null = null): StruckBy<Rule> => {
      if (table.size() === 0) return unstruck;
      const fired: Rule[] = [];
      for (const row of rows()) {
        const rule = plan.shape.parse(row.rule);
        if (!concerns(rule, on, about)) continue;
        const seen = row.seen + 1;
        const fires = due(rule, seen, row.fired);
        if (fires) fired.push(rule);
        table.put(row.id, { ...row, seen, fired: row.fired + (fires ? 1 : 0) });
      }
      return fired.length === 0 ? unstruck : struckBy(fired);
    },
  };
};

/** The plan's controls, the same at every simulator. */
export const faultControls = <Input>(faults: {
  readonly add: (rules: readonly Input[]) => void;
  readonly clear: () => void;
  readonly list: () => readonly JsonObject[];
}) => ({
  faults: () => ({ rules: faults.list() }),
  addFaults: (rules: readonly Input[]) => {
    faults.add(rules);
    return { rules: faults.list() };
  },
  setFaults: (rules: readonly Input[]) => {
    faults.clear();
    faults.add(rules);
    return { rules: faults.list() };
  },
  clearFaults: () => {
    faults.clear();
    return { rules: [] };
  },
});

const struckBy = <Rule extends { readonly fault: string }>(rules: readonly Rule[]): StruckBy<Rule> => ({
  has: (fault) => rules.some((rule) => rule.fault === fault),
  find: (fault) => rules.find((rule) => rule.fault === fault) ?? null,
});

/** Both of two strikes, the first before the second. */
export const bothStruck = <Rule extends { readonly fault: string }>(
  first: StruckBy<Rule>,
  second: StruckBy<Rule>,
): StruckBy<Rule> => ({
  has: (fault) => first.has(fault) || second.has(fault),
  find: (fault) => first.find(fault) ?? second.find(fault),
});

const due = (rule: RuleOf<string>, seen: number, fired: number): boolean => {
  const times = rule.times ?? (rule.nth !== undefined && rule.every === undefined ? 1 : Number.POSITIVE_INFINITY);
  if (fired >= times || seen < (rule.nth ?? 1)) return false;
  return rule.every === undefined || (seen - (rule.nth ?? rule.every)) % rule.every === 0;
};

const plain = (rule: RuleOf<string>): JsonObject =>
  Object.fromEntries(Object.entries(rule).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
