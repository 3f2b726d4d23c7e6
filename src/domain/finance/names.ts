/** Names of companies: what of them counts, and how alike two are. They suggest; by themselves they never link. */

const legalForms = new Set(
  (
    "ab ag as asa bv co company corp corporation gmbh inc incorporated kg kk limited llc llp ltd nv oy oyj plc pte pty" +
    " sa sarl sas se spa srl"
  ).split(" "),
);

/** A name without case, marks, punctuation and legal forms at its end: `Société Générale, S.A.` is `societe generale`. */
export const plainName = (name: string): string => {
  const isPlain = /^[\x20-\x7e]*$/.test(name);
  const lower = (isPlain ? name : name.normalize("NFKD").replace(/\p{M}+/gu, "")).toLowerCase();
  // `S.A.` is one word, `A. Smith` is two.
  const joined = lower.includes(".") ? lower.replace(/(?<=\b\p{L})\.(?=\p{L}\b)/gu, "") : lower;
  const words = joined
    .replace(isPlain ? /[^a-z0-9]+/g : /[^\p{L}\p{N}]+/gu, " ")
    .trim()
    .split(" ");
  while (words.length > 1 && legalForms.has(words.at(-1) ?? "")) words.pop();
  return words.join(" ");
};

/** Characters of a common start that count, and what each of them adds: Winkler's own figures. */
const startMax = 4;
const startTenths = 1n;
const charactersMax = 64;

/** Jaro-Winkler similarity of two texts in basis points, rounded down: 10 000 for equal ones. Exact, without floats. */
export const nameSimilarity = (one: string, other: string): number => {
  const [a, b] = [one.slice(0, charactersMax), other.slice(0, charactersMax)];
  if (a === b) return a === "" ? 0 : 10_000;
  const { matches, moved } = matched(a, b);
  if (matches === 0) return 0;
  const [m, t, la, lb] = [BigInt(matches), BigInt(moved), BigInt(a.length), BigInt(b.length)];
  // (m/la + m/lb + (m-t/2)/m) / 3 over one denominator.
  const numerator = 2n * m * m * lb + 2n * m * m * la + (2n * m - t) * la * lb;
  const denominator = 6n * m * la * lb;
  let start = 0;
  while (start < startMax && start < a.length && a[start] === b[start]) start += 1;
  const boosted = 10n * numerator + BigInt(start) * startTenths * (denominator - numerator);
  return Number((boosted * 1_000n) / denominator);
};

/** Characters that both have near the same place, and how many of them stand in another order. */
const matched = (a: string, b: string): { readonly matches: number; readonly moved: number } => {
  const reach = Math.max(0, Math.floor(Math.max(a.length, b.length) / 2) - 1);
  const taken = new Set<number>();
  const left: string[] = [];
  for (let at = 0; at < a.length; at += 1)
    for (let to = Math.max(0, at - reach); to < Math.min(b.length, at + reach + 1); to += 1)
      if (!taken.has(to) && a[at] === b[to]) {
        taken.add(to);
        left.push(a[at] ?? "");
        break;
      }
  const right = [...taken].toSorted((x, y) => x - y).map((to) => b[to]);
  return { matches: left.length, moved: left.filter((char, index) => char !== right[index]).length };
};
