/**
 * Who gets credit for a deal, by the written rule that both sides signed before it closed. No valid rule: a problem,
 * never a default. Rules are documents; this file only reads them.
 */
import { apportion, wholeBasisPoints } from "./apportion.ts";
import {
  type AttributionRule,
  chooseRule,
  type DealScope,
  type JudgeSigning,
  type RuleChoice,
  type RuleProblemType,
} from "./attribution-rule.ts";
import { type Influencer, type Pool, poolOf } from "./influence.ts";

export type { AttributionRule } from "./attribution-rule.ts";

export interface Touch {
  readonly touchId: string;
  readonly dealId: string;
  readonly partnerId: string;
  readonly type: string;
  readonly day: number;
  readonly accepted: boolean;
  /** The day on which it was written down; null where the source does not say. */
  readonly recordedDay: number | null;
}

export interface Partner {
  readonly partnerId: string;
  readonly name: string;
}

export interface AttributionProblem {
  readonly type: RuleProblemType | "ATTRIBUTION_CONTESTED";
  /** Whose rule is wanting, or who claims the deal, in order of id. */
  readonly partnerIds: readonly string[];
  readonly rule: AttributionRule | null;
  readonly wrong: string;
}

/** Something to be told that takes nobody's credit away. */
export interface AttributionNotice {
  readonly type: "OVER_100_PERCENT" | "EXPIRED_RULE" | "TOUCH_OUT_OF_WINDOW" | "TAG_LATE";
  readonly partnerId: string;
  readonly touchIds: readonly string[];
  readonly says: string;
}

/** Who sourced and who influenced a deal, and by which rule version; or why nobody is credited. */
export interface Attribution {
  readonly sourced: { readonly partnerId: string; readonly touch: Touch } | null;
  readonly influenced: readonly (Influencer & { readonly touches: readonly Touch[] })[];
  /** How the influencers share the basis. */
  readonly pool: Pool;
  readonly rule: AttributionRule | null;
  readonly problem: AttributionProblem | null;
  readonly notices: readonly AttributionNotice[];
  /** Partners that influenced by rules of their own, in order of id: they earn nothing where nobody sourced the deal. */
  readonly influencers: readonly string[];
}

export interface Claim {
  readonly deal: DealScope & { readonly closeDay: number };
  /** The touches of this deal. */
  readonly touches: readonly Touch[];
  /** The versions of every partner's rule. */
  readonly rulesOf: (partnerId: string) => readonly AttributionRule[];
  readonly signing: JudgeSigning;
}

const registration = "registration";
const noPool: Pool = { parts: new Map(), total: wholeBasisPoints, overBasisPoints: null };
const nobody: Attribution = {
  sourced: null,
  influenced: [],
  pool: noPool,
  rule: null,
  problem: null,
  notices: [],
  influencers: [],
};
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const within = (touch: Touch, closeDay: number, windowDays: number): boolean =>
  touch.day <= closeDay && touch.day >= closeDay - windowDays;

type Choices = ReadonlyMap<string, RuleChoice>;

/** Judges one deal. Pure: the same touches and rules in any order give the same answer. */
export const attribute = (claim: Claim): Attribution => {
  const { closeDay } = claim.deal;
  const before = claim.touches.filter((touch) => touch.accepted && touch.day <= closeDay);
  const choices = new Map<string, RuleChoice>();
  for (const { partnerId } of before)
    if (!choices.has(partnerId))
      choices.set(partnerId, chooseRule(claim.rulesOf(partnerId), claim.deal, claim.signing));
  const accepted = before.filter(
    (touch) => !isLate(touch, closeDay) || choices.get(touch.partnerId)?.known?.late_tags !== "ignore",
  );
  const judged = judge(claim, accepted, choices);
  const influencers = influencersOf(accepted, choices, closeDay);
  return { ...judged, influencers, notices: noticesOf(judged, { closeDay, before, choices }) };
};

const judge = (claim: Claim, accepted: readonly Touch[], choices: Choices): Attribution => {
  const { closeDay } = claim.deal;
  const problem = registrationProblem(closeDay, accepted, choices);
  if (problem !== null) return { ...nobody, problem };
  const sourcing = earliest(
    accepted.filter((touch) => {
      const rule = choices.get(touch.partnerId)?.valid;
      return (
        rule?.sourced_requires.touch_types.includes(touch.type) &&
        within(touch, closeDay, rule.sourced_requires.window_days)
      );
    }),
  );
  const [first] = sourcing;
  if (first === undefined) return nobody;
  if (sourcing.length > 1) return { ...nobody, problem: contested(sourcing) };
  const rule = choices.get(first.partnerId)?.valid ?? null;
  return rule === null ? nobody : { ...nobody, ...credited(closeDay, accepted, { first, rule }), rule };
};

const isLate = (touch: Touch, closeDay: number): boolean => touch.recordedDay !== null && touch.recordedDay > closeDay;
const idOf = (touch: Touch): string => touch.partnerId;
const contested = (claims: readonly Touch[]): AttributionProblem => ({
  type: "ATTRIBUTION_CONTESTED",
  partnerIds: claims.map(idOf),
  rule: null,
  wrong: "they claim it by touches of one day",
});

const credited = (
  closeDay: number,
  accepted: readonly Touch[],
  { first, rule }: { readonly first: Touch; readonly rule: AttributionRule },
) => {
  const others = new Map<string, Touch[]>();
  for (const touch of accepted) {
    if (touch.partnerId === first.partnerId || !rule.influence.touch_types.includes(touch.type)) continue;
    if (!within(touch, closeDay, rule.influence.window_days)) continue;
    others.set(touch.partnerId, [...(others.get(touch.partnerId) ?? []), touch]);
  }
  const influenced = [...others]
    .toSorted(([a], [b]) => byText(a, b))
    .map(([partnerId, touches]) => ({ partnerId, touches: touches.toSorted(byTouch) }));
  const pool = poolOf(rule.influence, rule.multi_partner?.caps ?? null, influenced);
  return { sourced: { partnerId: first.partnerId, touch: first }, influenced, pool };
};

const byTouch = (a: Touch, b: Touch): number => a.day - b.day || byText(a.touchId, b.touchId);

/** The earliest touch of each partner that shares the earliest day; a registration goes before other touches of that day. */
const earliest = (touches: readonly Touch[]): readonly Touch[] => {
  let day = Number.POSITIVE_INFINITY;
  for (const touch of touches) day = Math.min(day, touch.day);
  const onDay = touches.filter((touch) => touch.day === day);
  const registered = onDay.filter((touch) => touch.type === registration);
  const first = new Map<string, Touch>();
  for (const touch of (registered.length > 0 ? registered : onDay).toSorted(byTouch))
    if (!first.has(touch.partnerId)) first.set(touch.partnerId, touch);
  return [...first.values()].toSorted((a, b) => byText(a.partnerId, b.partnerId));
};

/** What is wrong with the claim of the partner who registered first, if anything. */
const registrationProblem = (
  closeDay: number,
  accepted: readonly Touch[],
  choices: Choices,
): AttributionProblem | null => {
  const registrations = accepted.filter((touch) => {
    if (touch.type !== registration) return false;
    // A rule says itself how long before the close a registration counts; without one, any counts.
    const known = choices.get(touch.partnerId)?.known ?? null;
    if (known === null) return true;
    const { touch_types, window_days } = known.sourced_requires;
    return touch_types.includes(registration) && within(touch, closeDay, window_days);
  });
  const first = earliest(registrations);
  const [winner] = first;
  if (winner === undefined) return null;
  if (first.length > 1) return contested(first);
  const choice = choices.get(winner.partnerId);
  if (choice === undefined || choice.valid !== null) return null;
  return { type: choice.problem, partnerIds: [winner.partnerId], rule: choice.known, wrong: choice.wrong };
};

/** Partners whose own valid rule says that they influenced the deal. */
const influencersOf = (accepted: readonly Touch[], choices: Choices, closeDay: number): readonly string[] => {
  const found = new Set<string>();
  for (const touch of accepted) {
    const terms = choices.get(touch.partnerId)?.valid?.influence;
    if (terms?.touch_types.includes(touch.type) && within(touch, closeDay, terms.window_days))
      found.add(touch.partnerId);
  }
  return [...found].toSorted(byText);
};

interface Seen {
  readonly closeDay: number;
  readonly before: readonly Touch[];
  readonly choices: Choices;
}

const noticesOf = (judged: Attribution, seen: Seen): readonly AttributionNotice[] => {
  const { rule, pool, sourced, problem } = judged;
  const notices: AttributionNotice[] = [];
  if (rule !== null && sourced !== null && pool.overBasisPoints !== null)
    notices.push({
      type: "OVER_100_PERCENT",
      partnerId: sourced.partnerId,
      touchIds: [],
      says: `the rule gives ${pool.overBasisPoints} of 10000 basis points: nobody shares`,
    });
  for (const [partnerId, choice] of [...seen.choices].toSorted(([a], [b]) => byText(a, b)))
    if (choice.expired !== null && problem?.partnerIds.includes(partnerId))
      notices.push({ type: "EXPIRED_RULE", partnerId, touchIds: [], says: choice.wrong });
  return [...notices, ...touchNotices(judged, seen)];
};

const touchNotices = (judged: Attribution, { closeDay, before, choices }: Seen): readonly AttributionNotice[] => {
  const counted = new Set(judged.influenced.map(({ partnerId }) => partnerId));
  if (judged.sourced !== null) counted.add(judged.sourced.partnerId);
  const byPartner = Map.groupBy(before.toSorted(byTouch), idOf);
  return [...byPartner]
    .toSorted(([a], [b]) => byText(a, b))
    .flatMap(([partnerId, touches]): readonly AttributionNotice[] => {
      const late = touches.filter((touch) => isLate(touch, closeDay));
      // A partner that is credited by another touch loses nothing by an early one.
      const early = counted.has(partnerId) ? [] : outOfWindow(touches, choices.get(partnerId)?.valid ?? null, closeDay);
      const told = (type: AttributionNotice["type"], found: readonly Touch[], says: string) =>
        found.length === 0 ? [] : [{ type, partnerId, touchIds: found.map(({ touchId }) => touchId), says }];
      return [
        ...told("TAG_LATE", late, "written down after the close"),
        ...told("TOUCH_OUT_OF_WINDOW", early, "before every window of the rule"),
      ];
    });
};

const outOfWindow = (touches: readonly Touch[], rule: AttributionRule | null, closeDay: number): readonly Touch[] => {
  if (rule === null) return [];
  const windows = [rule.sourced_requires, rule.influence];
  return touches.filter((touch) => {
    const own = windows.filter(({ touch_types }) => touch_types.includes(touch.type));
    return own.length > 0 && own.every(({ window_days }) => !within(touch, closeDay, window_days));
  });
};

/** Weights of the influencers in basis points, for people and for the record: thirds are rounded by largest remainder. */
export const basisPointsOf = ({ pool }: Pick<Attribution, "pool">): ReadonlyMap<string, bigint> =>
  apportion(wholeBasisPoints, pool);
