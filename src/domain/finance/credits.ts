/** Credits of partners by the signed rules, and the deals that get none because a rule is wanting. */
import canonicalize from "canonicalize";
import { partSteps } from "./allocation.ts";
import { apportion, type Weights } from "./apportion.ts";
import { type Attribution, type AttributionProblem, attribute, type Touch } from "./attribution.ts";
import {
  type AttributionRule,
  type CreditBasis,
  type JudgeSigning,
  recordedSigning,
  ruleName,
  type Signed,
  verifiedSigning,
} from "./attribution-rule.ts";
import { type BasisStep, basisRows, basisSteps } from "./credit-basis.ts";
import { type CreditLock, lockOf, locksByDeal, lockText, poolOfLock } from "./credit-lock.ts";
import { type CreditMovement, movementsByPeriod, stepMovements } from "./credit-movements.ts";
import { type DisputeOutcome, disputeExceptions, judgeDisputes } from "./dispute.ts";
import type { CloseException } from "./exception.ts";
import type { DealFact, Facts } from "./facts.ts";
import { distinctDeals, type Link } from "./links.ts";
import type { Policy } from "./policy.ts";
import type { JudgedDocuments } from "./signed-documents.ts";

export interface Credit {
  readonly dealId: string;
  readonly agreementId: string;
  readonly partnerId: string;
  readonly kind: "sourced" | "influenced";
  /** What is credited: without what is contested or was decided away. */
  readonly amount: bigint;
  /** Frozen by open disputes: told of, credited to nobody. */
  readonly contested: bigint;
  readonly currency: string;
  readonly ruleId: string;
  readonly ruleVersion: number;
  readonly basis: CreditBasis;
  readonly touchIds: readonly string[];
}

export interface Credits {
  readonly credits: readonly Credit[];
  readonly exceptions: readonly CloseException[];
  readonly locks: readonly CreditLock[];
  /** How each credit came about, month by month: the rows of a credit sum to its amount. */
  readonly movements: readonly CreditMovement[];
  readonly disputes: readonly DisputeOutcome[];
  /** Deals that partners influenced by rules of their own and nobody sourced: partners by deal. */
  readonly influencedOnly: ReadonlyMap<string, readonly string[]>;
  /** Claims that earn nothing, by deal. */
  readonly problems: ReadonlyMap<string, AttributionProblem>;
}

export interface CreditContext {
  readonly asOfDay: number;
  readonly policy: Policy;
  readonly judged: JudgedDocuments;
  /** Documents that a trial takes as signed. */
  readonly assumed?: ReadonlySet<Signed>;
}

/** Judges every deal that is neither ambiguous nor double-credited: those get no credit until they are decided. */
export const creditDeals = (facts: Facts, links: readonly Link[], context: CreditContext): Credits => {
  const { undecided, linked } = linksByDeal(links);
  const rules = oneOfEach(facts.rules);
  const judgedSigning = signingOf(context);
  const signing: JudgeSigning = (document, day) =>
    rules.conflicting.has(document)
      ? { state: "unsigned", wrong: "there are two texts of this version" }
      : judgedSigning(document, day);
  const touches = groupBy(facts.touches, context.asOfDay);
  const earned: Earned[] = [];
  const locks: CreditLock[] = [];
  const exceptions: CloseException[] = [];
  const influencedOnly = new Map<string, readonly string[]>();
  const problems = new Map<string, AttributionProblem>();
  const kept = locksByDeal(facts.locks);
  const claimed = facts.deals.filter(({ dealId }) => touches.has(dealId) || kept.has(dealId));
  for (const deal of distinctDeals(claimed)) {
    const { closeDay } = deal;
    if (undecided.has(deal.dealId) || closeDay === null || closeDay > context.asOfDay) continue;
    if (/\blost\b/i.test(deal.stage)) continue;
    const own = touches.get(deal.dealId) ?? [];
    const found = attribute({
      deal: { ...deal, closeDay },
      touches: own,
      rulesOf: (partnerId) => rules.byPartner.get(partnerId) ?? [],
      signing,
    });
    const judged = lockOf({ dealId: deal.dealId, closeDay }, found, hashOf(found.rule, context));
    const held = kept.get(deal.dealId);
    const lock = held ?? judged;
    for (const exception of held === undefined ? told(deal, found) : heldAgainst(deal, held, judged))
      exceptions.push(exception);
    if (lock === null) {
      if (found.problem !== null) problems.set(deal.dealId, found.problem);
      else if (found.influencers.length > 0) influencedOnly.set(deal.dealId, found.influencers);
      continue;
    }
    locks.push(lock);
    for (const link of linked.get(deal.dealId) ?? []) {
      const rows = basisRows(lock.basis, link.agreement, lock.closeDay);
      if (rows === null) exceptions.push(unknownBasis(deal, link));
      else {
        const steps = partSteps(basisSteps(rows, lock.basis), link.parts, lock.dealId);
        for (const one of earnedOn(link, lock, steps)) earned.push(one);
      }
    }
  }
  const closeDays = new Map(locks.map(({ dealId, closeDay }) => [dealId, closeDay]));
  const settled = settle(earned, facts, {
    asOfDay: context.asOfDay,
    closeDayOf: (dealId) => closeDays.get(dealId) ?? null,
    ruleOf: ({ ruleId, ruleVersion }) => rules.byName.get(ruleName({ rule_id: ruleId, version: ruleVersion })) ?? null,
    signing: judgedSigning,
  });
  return {
    ...settled,
    exceptions: [...exceptions, ...disputeExceptions(settled.disputes)],
    locks,
    influencedOnly,
    problems,
  };
};

/** How the policy has signatures judged. */
const signingOf = ({ policy, judged, assumed }: CreditContext): JudgeSigning => {
  const judge =
    policy.signatures === "recorded"
      ? recordedSigning
      : verifiedSigning((document) => judged.get(document)?.verdict ?? undefined);
  return (document, day) => (assumed?.has(document) ? { state: "valid", wrong: "" } : judge(document, day));
};

const linksByDeal = (links: readonly Link[]) => {
  const undecided = new Set<string>();
  const linked = new Map<string, Link[]>();
  for (const link of links) {
    if (link.method === "ambiguous" || (link.method === "offer_id" && link.candidates.length > 1))
      for (const deal of link.candidates) undecided.add(deal.dealId);
    for (const { deal } of link.parts) {
      const own = linked.get(deal.dealId);
      if (own === undefined) linked.set(deal.dealId, [link]);
      else own.push(link);
    }
  }
  return { undecided, linked };
};

interface Earned {
  readonly credit: Credit;
  readonly movements: readonly CreditMovement[];
}

/** The whole of the deal's basis to the one that sourced; the same basis once more, shared by those who influenced. */
const earnedOn = (link: Link, lock: CreditLock, steps: readonly BasisStep[]): readonly Earned[] => {
  const basis = steps.at(-1)?.upTo ?? 0n;
  const base = {
    dealId: lock.dealId,
    agreementId: link.agreement.id,
    currency: link.agreement.currency,
    ruleId: lock.ruleId,
    ruleVersion: lock.ruleVersion,
    basis: lock.basis,
    contested: 0n,
  };
  const make = (given: Pick<Credit, "partnerId" | "kind" | "amount" | "touchIds">, weights: Weights): Earned => {
    const credit = { ...base, ...given };
    return { credit, movements: stepMovements(credit, steps, weights) };
  };
  const whole: Weights = { parts: new Map([[lock.sourced, 1n]]), total: 1n };
  const pool = poolOfLock(lock);
  const shares = apportion(basis, pool);
  return [
    make({ partnerId: lock.sourced, kind: "sourced", amount: basis, touchIds: [lock.sourcedTouchId] }, whole),
    ...lock.weights.map(({ partnerId, touchIds }) =>
      make({ partnerId, kind: "influenced", amount: shares.get(partnerId) ?? 0n, touchIds }, pool),
    ),
  ];
};

const hashOf = (rule: AttributionRule | null, { judged }: CreditContext): string =>
  rule === null ? "" : (judged.get(rule)?.hash ?? "");

/** Takes out of the credits what is disputed, and tells how they came about. */
const settle = (
  earned: readonly Earned[],
  facts: Facts,
  context: Parameters<typeof judgeDisputes>[2],
): Pick<Credits, "credits" | "movements" | "disputes"> => {
  const credits = earned.map(({ credit }) => credit);
  const { outcomes, freezes } = judgeDisputes(credits, facts, context);
  const byCredit = Map.groupBy(freezes, ({ credit }) => credit);
  const sum = (credit: Credit, state: DisputeOutcome["state"]): bigint =>
    (byCredit.get(credit) ?? []).reduce(
      (all, { outcome, amount }) => all + (outcome.state === state ? amount : 0n),
      0n,
    );
  return {
    credits: credits
      .map((credit) => {
        const contested = sum(credit, "open");
        return { ...credit, contested, amount: credit.amount - contested - sum(credit, "falls") };
      })
      .toSorted(byDeal),
    movements: movementsByPeriod(
      earned.flatMap(({ movements }) => movements),
      freezes,
    ),
    disputes: outcomes,
  };
};

const byDeal = (a: Credit, b: Credit): number => (sortText(a) < sortText(b) ? -1 : 1);
const sortText = (credit: Credit): string =>
  `${credit.dealId}|${credit.agreementId}|${credit.kind === "sourced" ? 0 : 1}|${credit.partnerId}`;

/** Touches that are known by the day, by deal. What is read twice counts once. */
const groupBy = (touches: readonly Touch[], asOfDay: number): ReadonlyMap<string, readonly Touch[]> => {
  const distinct = new Map<string, Touch>();
  for (const touch of touches) {
    if (touch.recordedDay !== null && touch.recordedDay > asOfDay) continue;
    const other = distinct.get(touch.touchId);
    if (other === undefined || JSON.stringify(touch) < JSON.stringify(other)) distinct.set(touch.touchId, touch);
  }
  return Map.groupBy(distinct.values(), ({ dealId }) => dealId);
};

/** One document of each version, the one with most signatures; and those of which there are two texts. */
const oneOfEach = (
  rules: readonly AttributionRule[],
): {
  readonly byPartner: ReadonlyMap<string, readonly AttributionRule[]>;
  readonly byName: ReadonlyMap<string, AttributionRule>;
  readonly conflicting: ReadonlySet<Signed>;
} => {
  const conflicting = new Set<Signed>();
  const kept: AttributionRule[] = [];
  for (const versions of Map.groupBy(rules, (rule) => `${rule.rule_id}|${rule.version}`).values()) {
    const [first] = versions.toSorted(
      (a, b) => b.signatures.length - a.signatures.length || (textOf(a) < textOf(b) ? -1 : 1),
    );
    if (first === undefined) continue;
    kept.push(first);
    if (versions.some((other) => contentOf(other) !== contentOf(first))) conflicting.add(first);
  }
  return {
    byPartner: Map.groupBy(kept, ({ partner_id }) => partner_id),
    byName: new Map(kept.map((rule) => [ruleName(rule), rule])),
    conflicting,
  };
};
const textOf = (document: object): string => canonicalize(document) ?? "";
const contentOf = (rule: AttributionRule): string => textOf({ ...rule, signatures: [], content_sha256: null });

const aboutDeal = (deal: DealFact) => ({
  subjectType: "deal" as const,
  subjectId: deal.dealId,
  marketplace: deal.marketplace,
  amount: deal.amount,
  currency: deal.currency,
  sinceDay: deal.closeDay,
});

/** The problem that leaves a deal without credit, and what takes nothing away. */
const told = (deal: DealFact, { problem, notices }: Attribution): readonly CloseException[] => [
  ...(problem === null
    ? []
    : [
        {
          ...aboutDeal(deal),
          type: problem.type,
          cause: "",
          details: { partners: problem.partnerIds.join(" "), wrong: problem.wrong },
        },
      ]),
  ...notices.map(({ type, partnerId, touchIds, says }) => ({
    ...aboutDeal(deal),
    type,
    cause: partnerId,
    details: { partner: partnerId, says, ...(touchIds.length === 0 ? {} : { touches: touchIds.join(" ") }) },
  })),
];

/** What a locked deal would come to today, where that is something else. */
const heldAgainst = (deal: DealFact, held: CreditLock, judged: CreditLock | null): readonly CloseException[] =>
  lockText(held) === lockText(judged)
    ? []
    : [
        {
          ...aboutDeal(deal),
          type: "LOCK_KEPT",
          cause: "",
          details: { locked: lockText(held), today: lockText(judged) },
        },
      ];

const unknownBasis = (deal: DealFact, { agreement }: Link): CloseException => ({
  ...aboutDeal(deal),
  type: "BASIS_UNKNOWN",
  cause: agreement.id,
  details: { agreement: agreement.id, wrong: "annual value needs the agreement's value, start and end" },
});
