/**
 * One partner's side of a close: its own credits and nothing of anybody else. Deal ids and rule hashes let two installations
 * compare counts and states without seeing each other's money.
 */
import * as z from "zod";
import type { AttributionProblem } from "./attribution.ts";
import { ruleName } from "./attribution-rule.ts";
import type { Close } from "./close.ts";
import { dayText, monthText } from "./day.ts";
import { amount, money, type PackTable, text } from "./pack/table.ts";

/** `no rule`, `late` and the like: why the partner's claim earns nothing. */
export type ShareState =
  | "credited"
  | "partly contested"
  | "contested"
  | "nothing yet"
  | "missing"
  | "late"
  | "unsigned";

export interface ShareRow {
  readonly dealId: string;
  readonly kind: "sourced" | "influenced" | "claim";
  readonly state: ShareState;
  readonly rule: string;
  readonly ruleHash: string;
  readonly basis: string;
  readonly amount: bigint;
  readonly contested: bigint;
  /** Empty where a claim earns nothing. */
  readonly currency: string;
  readonly touchIds: readonly string[];
}

export interface PartnerShare {
  readonly partnerId: string;
  readonly asOf: string;
  readonly rows: readonly ShareRow[];
  /** Rows by kind and state, such as `sourced credited`: what the other side's installation must count as well. */
  readonly counts: Readonly<Record<string, number>>;
  readonly months: readonly {
    readonly month: string;
    readonly dealId: string;
    readonly kind: "sourced" | "influenced";
    readonly movement: string;
    readonly amount: bigint;
    readonly currency: string;
  }[];
}

const problemStates: Readonly<Record<AttributionProblem["type"], ShareState>> = {
  ATTRIBUTION_CONTESTED: "contested",
  ATTRIBUTION_MISSING: "missing",
  ATTRIBUTION_LATE: "late",
  ATTRIBUTION_UNSIGNED: "unsigned",
};

/** What a partner may see of a close. */
export const partnerShare = (close: Close, partnerId: string): PartnerShare => {
  const rows = [...creditRows(close, partnerId), ...claimRows(close, partnerId)];
  const counts = new Map<string, number>();
  for (const { kind, state } of rows) counts.set(`${kind} ${state}`, (counts.get(`${kind} ${state}`) ?? 0) + 1);
  return {
    partnerId,
    asOf: dayText(close.asOfDay),
    rows,
    counts: Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    months: close.attribution.movements
      .filter((movement) => movement.partnerId === partnerId)
      .map(({ month, dealId, kind, movement, amount: micros, currency }) => ({
        month: monthText(month),
        ...{ dealId, kind, movement, amount: micros, currency },
      })),
  };
};

/** One row for each deal, kind and currency, however many agreements it has. */
const creditRows = (close: Close, partnerId: string): readonly ShareRow[] => {
  const locks = new Map(close.attribution.locks.map((lock) => [lock.dealId, lock]));
  const own = close.credits.filter((credit) => credit.partnerId === partnerId);
  return [
    ...Map.groupBy(own, ({ dealId, kind, currency }) => JSON.stringify([dealId, kind, currency])).values(),
  ].flatMap((credits): readonly ShareRow[] => {
    const [first] = credits;
    if (first === undefined) return [];
    const amount = credits.reduce((sum, credit) => sum + credit.amount, 0n);
    const contested = credits.reduce((sum, credit) => sum + credit.contested, 0n);
    return [
      {
        dealId: first.dealId,
        kind: first.kind,
        state: stateOf(amount, contested),
        rule: ruleName({ rule_id: first.ruleId, version: first.ruleVersion }),
        ruleHash: locks.get(first.dealId)?.ruleHash ?? "",
        basis: first.basis,
        amount,
        contested,
        currency: first.currency,
        touchIds: first.touchIds,
      },
    ];
  });
};

const stateOf = (amount: bigint, contested: bigint): ShareState => {
  if (contested !== 0n) return amount === 0n ? "contested" : "partly contested";
  return amount === 0n ? "nothing yet" : "credited";
};

/** Deals that the partner registered and that earn nothing. Who else claims one is not told. */
const claimRows = (close: Close, partnerId: string): readonly ShareRow[] =>
  [...close.attribution.problems].flatMap(([dealId, problem]): readonly ShareRow[] => {
    if (!problem.partnerIds.includes(partnerId)) return [];
    return [
      {
        dealId,
        kind: "claim",
        state: problemStates[problem.type],
        ...{ rule: "", ruleHash: "", basis: "", currency: "", touchIds: [] },
        ...{ amount: 0n, contested: 0n },
      },
    ];
  });

/** What two installations compare: deals, states and rules, and no money. */
export const exportedShareSchema = z.looseObject({
  kind: z.literal("cosell attribution export"),
  as_of: z.string(),
  rows: z
    .array(z.looseObject({ deal_id: z.string(), kind: z.string(), state: z.string(), rule_sha256: z.string() }))
    .max(1_000_000),
});
export type ExportedShare = z.infer<typeof exportedShareSchema>;
export interface ShareDifference {
  readonly dealId: string;
  readonly kind: string;
  /** Null where the side does not have it. */
  readonly ours: string | null;
  readonly theirs: string | null;
}

/** Deals of which two exports of one partner, each from its own installation, say something else. */
export const compareShares = (ours: ExportedShare, theirs: ExportedShare): readonly ShareDifference[] => {
  const [left, right] = [statesOf(ours), statesOf(theirs)];
  return [...new Set([...left.keys(), ...right.keys()])].toSorted().flatMap((key) => {
    const [dealId = "", kind = ""] = key.split("\n");
    const difference = { dealId, kind, ours: left.get(key) ?? null, theirs: right.get(key) ?? null };
    return difference.ours === difference.theirs ? [] : [difference];
  });
};
const statesOf = ({ rows }: ExportedShare): ReadonlyMap<string, string> =>
  new Map(
    [...Map.groupBy(rows, ({ deal_id, kind }) => `${deal_id}\n${kind}`)].map(([key, own]) => [
      key,
      [...new Set(own.map(({ state, rule_sha256 }) => `${state} by ${rule_sha256.slice(0, 12) || "no rule"}`))]
        .toSorted()
        .join(", "),
    ]),
  );

/** The partner's rows as a table. */
export const partnerShareTable = ({ partnerId, asOf, rows }: PartnerShare): PackTable => ({
  name: "partner-share",
  title: `Credits of ${partnerId} as of ${asOf}`,
  about:
    "One partner's own credits. Sourced rows add up across partners, each deal has one at most; influenced rows do not: others share the same basis.",
  columns: [
    ...["deal_id", "kind", "state", "additive", "rule", "rule_sha256", "basis"].map(text),
    ...["amount", "contested"].map(amount),
    ...["currency", "touches"].map(text),
  ],
  rows: rows.map((row) => [
    row.dealId,
    row.kind,
    row.state,
    row.kind === "influenced" ? "no" : "yes",
    row.rule,
    row.ruleHash,
    row.basis,
    row.currency === "" ? null : money(row.amount, row.currency),
    row.currency === "" ? null : money(row.contested, row.currency),
    row.currency,
    row.touchIds.join(" "),
  ]),
});
