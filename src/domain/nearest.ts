/** The known name that somebody most likely meant. */

/** The nearest of `names` to `typed` by edit distance, or null when none is near (over a third of its letters differ). */
export const nearest = (typed: string, names: readonly string[]): string | null => {
  const wanted = typed.toLowerCase().slice(0, wordLengthMax);
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(wanted, name.toLowerCase().slice(0, wordLengthMax));
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best !== null && bestDistance <= Math.max(1, Math.ceil(Math.max(wanted.length, best.length) / 3))
    ? best
    : null;
};

const wordLengthMax = 64;

const editDistance = (a: string, b: string): number => {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const swap = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(swap, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[b.length] ?? 0;
};
