/** SHA-256 piece by piece (FIPS 180-4): WebCrypto hashes only what lies in memory as a whole. https://doi.org/10.6028/NIST.FIPS.180-4 */

const blockBytes = 64;

/** The first 32 bits of the fractional parts of a root of each of the first primes. */
const fractions = (count: number, root: (prime: number) => number): Uint32Array => {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate += 1) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) if (candidate % divisor === 0) isPrime = false;
    if (isPrime) found.push((root(candidate) % 1) * 2 ** 32);
  }
  return Uint32Array.from(found);
};
const rounds = fractions(64, Math.cbrt);
const begin = fractions(8, Math.sqrt);

export interface Hasher {
  readonly push: (bytes: Uint8Array) => void;
  /** The hash of everything pushed, in lower-case hexadecimal. Ends the hasher. */
  readonly end: () => string;
}

export const createSha256 = (): Hasher => {
  const state = Uint32Array.from(begin);
  const words = new Uint32Array(64);
  const block = new Uint8Array(blockBytes);
  let held = 0;
  let total = 0;
  const push = (bytes: Uint8Array): void => {
    total += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      if (held === 0 && bytes.length - at >= blockBytes) {
        mix(state, words, { bytes, at });
        at += blockBytes;
        continue;
      }
      const taken = Math.min(blockBytes - held, bytes.length - at);
      block.set(bytes.subarray(at, at + taken), held);
      held += taken;
      at += taken;
      if (held < blockBytes) continue;
      mix(state, words, { bytes: block, at: 0 });
      held = 0;
    }
  };
  return {
    push,
    end: () => {
      const bits = BigInt(total) * 8n;
      const padding = new Uint8Array((held < 56 ? 56 : 120) - held + 8);
      padding[0] = 0x80;
      new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
      push(padding);
      return [...state].map((word) => word.toString(16).padStart(8, "0")).join("");
    },
  };
};

const mix = (state: Uint32Array, w: Uint32Array, from: { readonly bytes: Uint8Array; readonly at: number }): void => {
  const { bytes, at } = from;
  for (let i = 0; i < 16; i += 1) {
    const byte = at + i * 4;
    w[i] =
      ((bytes[byte] ?? 0) << 24) |
      ((bytes[byte + 1] ?? 0) << 16) |
      ((bytes[byte + 2] ?? 0) << 8) |
      (bytes[byte + 3] ?? 0);
  }
  for (let i = 16; i < 64; i += 1) {
    const [x, y] = [w[i - 15] ?? 0, w[i - 2] ?? 0];
    const low = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const high = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] ?? 0) + low + (w[i - 7] ?? 0) + high;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < 64; i += 1) {
    const high = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + high + ((e & f) ^ (~e & g)) + (rounds[i] ?? 0) + (w[i] ?? 0)) | 0;
    const low = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  for (const [i, added] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] ?? 0) + added;
};
