/** How credits come about month by month: earned as the basis does, reversed in the same weights, frozen and decided by disputes. */
import { apportion, type Weights } from "./apportion.ts";
import type { BasisStep } from "./credit-basis.ts";
import type { Credit } from "./credits.ts";
import { monthNumber } from "./day.ts";
import type { Freeze } from "./dispute.ts";

export const creditMovementKinds = ["earned", "reversed", "contested", "released", "withdrawn"] as const;

export interface CreditMovement
  extends Pick<Credit, "dealId" | "agreementId" | "partnerId" | "kind" | "currency" | "ruleId" | "ruleVersion"> {
  /** As `monthNumber` has it. */
  readonly month: number;
  readonly movement: (typeof creditMovementKinds)[number];
  /** Negative for what is reversed, contested or withdrawn. */
  readonly amount: bigint;
}

type Subject = Omit<CreditMovement, "month" | "movement" | "amount">;
const subjectOf = (credit: Credit): Subject => ({
  dealId: credit.dealId,
  agreementId: credit.agreementId,
  partnerId: credit.partnerId,
  kind: credit.kind,
  currency: credit.currency,
  ruleId: credit.ruleId,
  ruleVersion: credit.ruleVersion,
});

/**
 * The rows of one partner's credit, which sum to its part of the whole basis: each is what the part has become less what it
 * was before, so that no rounding is carried along.
 */
export const stepMovements = (
  credit: Credit,
  steps: readonly BasisStep[],
  weights: Weights,
): readonly CreditMovement[] => {
  const subject = subjectOf(credit);
  let before = 0n;
  return steps.flatMap(({ month, kind, upTo }) => {
    const part = apportion(upTo, weights).get(credit.partnerId) ?? 0n;
    const amount = part - before;
    before = part;
    return amount === 0n ? [] : [{ ...subject, month, movement: kind, amount }];
  });
};

/** A dispute takes its part out when it is opened; the decision gives it back, or withdraws it. */
const freezeMovements = ({ outcome, credit, amount }: Freeze): readonly CreditMovement[] => {
  const subject = subjectOf(credit);
  const { dispute, state, decidedDay } = outcome;
  const month = monthNumber(decidedDay ?? dispute.openedDay);
  const opened: CreditMovement = {
    ...subject,
    month: monthNumber(dispute.openedDay),
    movement: "contested",
    amount: -amount,
  };
  if (state === "open") return [opened];
  const released: CreditMovement = { ...subject, month, movement: "released", amount };
  return state === "stands"
    ? [opened, released]
    : [opened, released, { ...released, movement: "withdrawn", amount: -amount }];
};

const order = new Map(creditMovementKinds.map((kind, index) => [kind, index]));
const keyOf = (movement: CreditMovement): string =>
  [
    movement.month.toString().padStart(6, "0"),
    movement.partnerId,
    movement.dealId,
    movement.agreementId,
    movement.kind === "sourced" ? 0 : 1,
    order.get(movement.movement) ?? 0,
  ].join("|");

/** All rows, by month. Two of one kind for one credit in one month are one. */
export const movementsByPeriod = (
  earned: readonly CreditMovement[],
  freezes: readonly Freeze[],
): readonly CreditMovement[] => {
  const rows = new Map<string, CreditMovement>();
  for (const movement of [...earned, ...freezes.flatMap(freezeMovements)]) {
    const key = keyOf(movement);
    const other = rows.get(key);
    rows.set(key, other === undefined ? movement : { ...other, amount: other.amount + movement.amount });
  }
  return [...rows]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, movement]) => movement)
    .filter(({ amount }) => amount !== 0n);
};
