/** What a bench says: each figure beside its bound, told at once, and whether all held. */

export interface Verdict {
  /** Tells a figure that must be at most `bound`. */
  readonly atMost: (figure: string, value: number, bound: number) => void;
  /** Tells a figure that must be at least `bound`. */
  readonly atLeast: (figure: string, value: number, bound: number) => void;
  /** Tells something that has no bound. */
  readonly tell: (text: string) => void;
  readonly holds: () => boolean;
}

/**
 * `slack` is the part of a bound from below that must be reached: speeds of two programmes on a machine that others use as well
 * compare badly, so that CI only guards against a collapse.
 */
export const createVerdict = (slack: number): Verdict => {
  let all = true;
  const judge = (holds: boolean, figure: string, bound: string, value: number): void => {
    process.stdout.write(
      `${holds ? "holds " : "FAILS "} ${value.toFixed(3).padStart(9)} ${bound.padEnd(10)} ${figure}\n`,
    );
    all &&= holds;
  };
  return {
    atMost: (figure, value, bound) => judge(value <= bound, figure, `<= ${bound}`, value),
    atLeast: (figure, value, bound) => judge(value >= bound * slack, figure, `>= ${bound * slack}`, value),
    tell: (text) => void process.stdout.write(`${text}\n`),
    holds: () => all,
  };
};

/** The value below which `share` of the numbers lie; infinite when there are none. */
export const quantile = (numbers: readonly number[], share: number): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) * share)] ?? Number.POSITIVE_INFINITY;
