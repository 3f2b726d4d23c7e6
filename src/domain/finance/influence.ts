/** How partners that influenced a deal share its basis: the models of a signed rule, in whole basis points. */
import { apportion, type Weights, wholeBasisPoints } from "./apportion.ts";
import type { InfluenceTerms, PartnerCaps } from "./attribution-rule.ts";

interface Acted {
  readonly touchId: string;
  readonly type: string;
  readonly day: number;
}
/** A partner with the touches by which it influenced a deal. */
export interface Influencer {
  readonly partnerId: string;
  readonly touches: readonly Acted[];
}

export interface Pool extends Weights {
  /** What the rule's own figures add up to, where that is more than the whole: nobody shares then. */
  readonly overBasisPoints: bigint | null;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Weights of the influencers. `equal` weighs each alike, so that thirds stay thirds; all other models give basis points that
 * sum to 10,000, except `fixed_role` and caps, which may leave a rest to nobody. Order of partners and touches never matters.
 */
export const poolOf = (terms: InfluenceTerms, caps: PartnerCaps | null, partners: readonly Influencer[]): Pool => {
  const kept = partners.toSorted((a, b) => byText(a.partnerId, b.partnerId));
  if (kept.length === 0) return { parts: new Map(), total: wholeBasisPoints, overBasisPoints: null };
  if (terms.model === "equal" && caps === null) {
    const parts = new Map(kept.map(({ partnerId }) => [partnerId, 1n]));
    return { parts, total: BigInt(kept.length), overBasisPoints: null };
  }
  const raw = rawWeights(terms, kept);
  if (raw.overBasisPoints !== null)
    return { parts: new Map(), total: wholeBasisPoints, overBasisPoints: raw.overBasisPoints };
  const isFixed = terms.model === "fixed_role";
  const chosen = topOf(raw.parts, caps?.partners ?? null);
  const weights = isFixed
    ? { parts: apportioned(wholeBasisPoints, chosen, wholeBasisPoints), total: wholeBasisPoints }
    : { parts: normalised(wholeBasisPoints, chosen), total: wholeBasisPoints };
  const cap = caps?.partner_bps;
  return {
    ...weights,
    parts: cap === undefined ? weights.parts : capped(weights.parts, BigInt(cap), isFixed),
    overBasisPoints: null,
  };
};

type Parts = ReadonlyMap<string, bigint>;
const sumOf = (parts: Parts): bigint => [...parts.values()].reduce((sum, part) => sum + part, 0n);
const apportioned = (amount: bigint, parts: Parts, total: bigint): Parts => apportion(amount, { parts, total });
const normalised = (amount: bigint, parts: Parts): Parts => apportioned(amount, parts, sumOf(parts));

interface Raw {
  readonly parts: Parts;
  readonly overBasisPoints: bigint | null;
}
const raw = (parts: Parts): Raw => ({ parts, overBasisPoints: null });

const rawWeights = (terms: InfluenceTerms, partners: readonly Influencer[]): Raw => {
  switch (terms.model) {
    case "equal":
      return raw(new Map(partners.map(({ partnerId }) => [partnerId, 1n])));
    case "first":
    case "last":
    case "position":
      return raw(byPlace(terms, partners));
    case "time_decay":
      return raw(byAge(terms.half_life_days ?? 1, partners));
    case "custom":
      return byTable(terms, partners);
    case "fixed_role":
      return byRole(terms, partners);
  }
};

interface Placed {
  readonly partnerId: string;
  readonly touch: Acted;
}
const inOrder = (partners: readonly Influencer[]): readonly Placed[] =>
  partners
    .flatMap(({ partnerId, touches }) => touches.map((touch) => ({ partnerId, touch })))
    .toSorted(
      (a, b) =>
        a.touch.day - b.touch.day || byText(a.partnerId, b.partnerId) || byText(a.touch.touchId, b.touch.touchId),
    );

const addTo = (sums: Map<string, bigint>, partnerId: string, weight: bigint): void => {
  sums.set(partnerId, (sums.get(partnerId) ?? 0n) + weight);
};
const noWeights = (partners: readonly Influencer[]): Map<string, bigint> =>
  new Map(partners.map(({ partnerId }) => [partnerId, 0n]));

/** By where a touch stands: the first, the last, or 40/20/40 with the middle shared by all between. */
const byPlace = (terms: InfluenceTerms, partners: readonly Influencer[]): Parts => {
  const touches = inOrder(partners);
  const sums = noWeights(partners);
  // On one day the smaller partner id is the first, and the smaller the last as well.
  const lastDay = touches.at(-1)?.touch.day;
  const last = touches.find(({ touch }) => touch.day === lastDay);
  if (terms.model !== "position") {
    const winner = terms.model === "first" ? touches[0] : last;
    if (winner !== undefined) addTo(sums, winner.partnerId, wholeBasisPoints);
    return sums;
  }
  const [first, middle, end] = terms.position_bps ?? [4_000, 2_000, 4_000];
  const between = BigInt(Math.max(0, touches.length - 2));
  const scale = between === 0n ? 1n : between;
  for (const [index, { partnerId }] of touches.entries()) {
    const isEnd = index === touches.length - 1;
    if (index === 0) addTo(sums, partnerId, BigInt(first) * scale);
    if (isEnd) addTo(sums, partnerId, BigInt(end) * scale);
    if (index > 0 && !isEnd) addTo(sums, partnerId, BigInt(middle));
  }
  return sums;
};

/** Halves with every half-life before the latest touch. Whole numbers alone, so that every machine gives the same. */
const byAge = (halfLifeDays: number, partners: readonly Influencer[]): Parts => {
  const touches = inOrder(partners);
  const latest = touches.at(-1)?.touch.day ?? 0;
  const sums = noWeights(partners);
  for (const { partnerId, touch } of touches) addTo(sums, partnerId, halved(latest - touch.day, halfLifeDays));
  return sums;
};

const scaleBits = 60n;
const fractionBits = 40;
const squareRoot = (value: bigint): bigint => {
  let guess = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const next = (guess + value / guess) >> 1n;
    if (next >= guess) return guess;
    guess = next;
  }
};

/** Square roots of a half, each of the one before: 2 to the power of -1/2, -1/4, -1/8 and so on, scaled. */
const halfRoots: readonly bigint[] = Array.from({ length: fractionBits }).reduce<readonly bigint[]>(
  (roots) => [...roots, squareRoot((roots.at(-1) ?? 1n << (scaleBits - 1n)) << scaleBits)],
  [],
);

/** 2 to the power of -(age / half-life), scaled by 2 to the power of 60: the product of the roots that the exponent's bits name. */
const halved = (ageDays: number, halfLifeDays: number): bigint => {
  const whole = BigInt(Math.floor(ageDays / halfLifeDays));
  const exponent = (BigInt(ageDays % halfLifeDays) << BigInt(fractionBits)) / BigInt(halfLifeDays);
  const weight = halfRoots.reduce(
    (product, root, index) =>
      (exponent >> BigInt(fractionBits - 1 - index)) & 1n ? (product * root) >> scaleBits : product,
    1n << scaleBits,
  );
  return weight >> whole;
};

const rolesOf = (terms: InfluenceTerms, { touches }: Influencer): readonly string[] => [
  ...new Set(touches.map(({ type }) => terms.roles?.[type] ?? type)),
];

/** Basis points agreed for each partner, else for each role it had: in their proportion where they sum to less than the whole. */
const byTable = (terms: InfluenceTerms, partners: readonly Influencer[]): Raw => {
  const parts = new Map(
    partners.map((partner) => {
      const own = terms.custom_bps?.[partner.partnerId];
      const roles = rolesOf(terms, partner).map((role) => terms.custom_bps?.[role] ?? 0);
      return [partner.partnerId, BigInt(own ?? roles.reduce((sum, points) => sum + points, 0))];
    }),
  );
  const sum = sumOf(parts);
  return { parts, overBasisPoints: sum > wholeBasisPoints ? sum : null };
};

/** A fixed part of the basis for each role, shared alike by those who had it. A role that nobody had is nobody's. */
const byRole = (terms: InfluenceTerms, partners: readonly Influencer[]): Raw => {
  const holders = new Map<string, string[]>();
  for (const partner of partners)
    for (const role of rolesOf(terms, partner)) holders.set(role, [...(holders.get(role) ?? []), partner.partnerId]);
  const parts = noWeights(partners);
  let sum = 0n;
  for (const [role, ids] of [...holders].toSorted(([a], [b]) => byText(a, b))) {
    const points = BigInt(terms.role_bps?.[role] ?? 0);
    sum += points;
    const alike = new Map(ids.map((id) => [id, 1n]));
    for (const [id, share] of apportioned(points, alike, BigInt(ids.length))) addTo(parts, id, share);
  }
  return { parts, overBasisPoints: sum > wholeBasisPoints ? sum : null };
};

/** The partners of most weight, the others with nothing. */
const topOf = (parts: Parts, countMax: number | null): Parts => {
  if (countMax === null || parts.size <= countMax) return parts;
  const ranked = [...parts].toSorted(([a, left], [b, right]) =>
    left === right ? byText(a, b) : left > right ? -1 : 1,
  );
  const kept = new Set(ranked.slice(0, countMax).map(([id]) => id));
  return new Map([...parts].map(([id, weight]) => [id, kept.has(id) ? weight : 0n]));
};

/** No partner above the cap. What that frees goes to the others in their proportion; what none may take is nobody's. */
const capped = (given: Parts, cap: bigint, isFixed: boolean): Parts => {
  const least = (weight: bigint): bigint => (weight > cap ? cap : weight);
  if (isFixed) return new Map([...given].map(([id, weight]) => [id, least(weight)]));
  const full = new Map<string, bigint>();
  let open: Parts = new Map([...given].filter(([, weight]) => weight > 0n));
  for (;;) {
    const pool = wholeBasisPoints - sumOf(full);
    const shared = normalised(pool, open);
    const over = [...shared].filter(([, weight]) => weight > cap);
    if (over.length === 0) return new Map([...given].map(([id]) => [id, full.get(id) ?? shared.get(id) ?? 0n]));
    for (const [id] of over) full.set(id, cap);
    open = new Map([...open].filter(([id]) => !full.has(id)));
  }
};
