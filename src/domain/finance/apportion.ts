/** Shares an exact amount by whole-number weights: nothing is lost and nothing is made. */

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Weights by id, and what they are weights of: where they sum to less, the rest is nobody's. */
export interface Weights {
  readonly parts: ReadonlyMap<string, bigint>;
  readonly total: bigint;
}

/** The whole of a basis in basis points. */
export const wholeBasisPoints = 10_000n;

/**
 * Each id's part of `amount` by largest remainder, ties in order of id. The parts and what is nobody's add up to the amount
 * exactly; of a negative amount each part is the negative of what it would be of the positive one.
 */
export const apportion = (amount: bigint, { parts, total }: Weights): ReadonlyMap<string, bigint> => {
  if (total <= 0n) return new Map([...parts.keys()].map((id) => [id, 0n]));
  const size = amount < 0n ? -amount : amount;
  const sign = amount < 0n ? -1n : 1n;
  const sum = [...parts.values()].reduce((all, weight) => all + weight, 0n);
  const rows = [...parts].map(([id, weight]) => ({
    id,
    owned: true,
    floor: (size * weight) / total,
    rest: (size * weight) % total,
  }));
  const nobody = total - sum;
  // What is nobody's takes part in the rounding, last among equals.
  if (nobody > 0n) rows.push({ id: "", owned: false, floor: (size * nobody) / total, rest: (size * nobody) % total });
  const left = Number(size - rows.reduce((all, { floor }) => all + floor, 0n));
  const lucky = new Set(
    rows
      .toSorted((a, b) =>
        a.rest === b.rest ? Number(b.owned) - Number(a.owned) || byText(a.id, b.id) : a.rest > b.rest ? -1 : 1,
      )
      .slice(0, left),
  );
  return new Map(
    rows
      .filter(({ owned }) => owned)
      .toSorted((a, b) => byText(a.id, b.id))
      .map((row) => [row.id, sign * (row.floor + (lucky.has(row) ? 1n : 0n))]),
  );
};
