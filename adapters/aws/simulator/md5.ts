/** MD5 (RFC 1321), which SQS states of every body and no Web platform computes. It protects nothing: it only finds broken bytes. */

const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const sines = Array.from({ length: 64 }, (_, index) => Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32));
const start = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476] as const;

/** The MD5 digest of a text's UTF-8 bytes, as lower-case hexadecimal. */
export const md5 = (text: string): string => {
  const bytes = new TextEncoder().encode(text);
  const padded = new DataView(new ArrayBuffer((((bytes.length + 8) >> 6) + 1) << 6));
  new Uint8Array(padded.buffer).set(bytes);
  padded.setUint8(bytes.length, 0x80);
  padded.setBigUint64(padded.byteLength - 8, BigInt(bytes.length) * 8n, true);
  let state: readonly [number, number, number, number] = start;
  for (let offset = 0; offset < padded.byteLength; offset += 64) state = digested(state, padded, offset);
  const digest = new DataView(new ArrayBuffer(16));
  for (const [index, word] of state.entries()) digest.setUint32(index * 4, word >>> 0, true);
  return [...new Uint8Array(digest.buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

type State = readonly [number, number, number, number];
const digested = (before: State, block: DataView, offset: number): State => {
  let [a, b, c, d] = before;
  for (let index = 0; index < 64; index += 1) {
    const round = index >> 4;
    const [mixed, word] = mix(round, index, [b, c, d]);
    const sum = (a + mixed + (sines[index] ?? 0) + block.getUint32(offset + word * 4, true)) | 0;
    const shift = shifts[round * 4 + (index % 4)] ?? 0;
    [a, d, c, b] = [d, c, b, (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0];
  }
  return [(before[0] + a) | 0, (before[1] + b) | 0, (before[2] + c) | 0, (before[3] + d) | 0];
};

/** A round's function and the word of the block it takes. */
const mix = (round: number, index: number, [b, c, d]: readonly [number, number, number]): readonly [number, number] => {
  switch (round) {
    case 0:
      return [(b & c) | (~b & d), index];
    case 1:
      return [(d & b) | (~d & c), (5 * index + 1) % 16];
    case 2:
      return [b ^ c ^ d, (3 * index + 5) % 16];
    default:
      return [c ^ (b | ~d), (7 * index) % 16];
  }
};
