/** As much of DER (X.690) as writing a certificate takes. Reading one is left to whoever checks it. */

type Bytes = Uint8Array<ArrayBuffer>;

const joined = (parts: readonly Bytes[]): Bytes => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
};
const lengthOf = (length: number): Bytes => {
  if (length < 0x80) return Uint8Array.of(length);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) digits.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | digits.length, ...digits);
};
/** One element: its tag, its length, its content. */
export const element = (tag: number, ...content: readonly Bytes[]): Bytes => {
  const inside = joined(content);
  return joined([Uint8Array.of(tag), lengthOf(inside.length), inside]);
};

export const sequence = (...parts: readonly Bytes[]): Bytes => element(0x30, ...parts);
export const set = (...parts: readonly Bytes[]): Bytes => element(0x31, ...parts);
/** The value under an explicit context tag. */
export const tagged = (number: number, value: Bytes): Bytes => element(0xa0 | number, value);
export const boolean = (value: boolean): Bytes => element(0x01, Uint8Array.of(value ? 0xff : 0));
export const integer = (value: bigint): Bytes => {
  const digits: number[] = [];
  for (let rest = value; rest > 0n || digits.length === 0; rest >>= 8n) digits.unshift(Number(rest & 0xffn));
  return element(0x02, Uint8Array.of(...((digits[0] ?? 0) >= 0x80 ? [0, ...digits] : digits)));
};
export const octets = (value: Bytes): Bytes => element(0x04, value);
export const bits = (value: Bytes, unused = 0): Bytes => element(0x03, Uint8Array.of(unused), value);
export const none: Bytes = element(0x05);
export const utf8 = (text: string): Bytes => element(0x0c, new TextEncoder().encode(text));
export const printable = (text: string): Bytes => element(0x13, new TextEncoder().encode(text));
/** A date of this century or the last, to the second. */
export const utcTime = (date: Date): Bytes =>
  element(0x17, new TextEncoder().encode(`${date.toISOString().replace(/\D/g, "").slice(2, 14)}Z`));
export const objectId = (dotted: string): Bytes => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return element(0x06, Uint8Array.of(...bytes));
};
