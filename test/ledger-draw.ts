/** Drawn ledgers: chance from a seed, days, exact decimals, and the truth that is written down while rows are made. */

export interface Chance {
  /** True with so many of a hundred. */
  readonly of: (percent: number) => boolean;
  /** A whole number from `min` to `max`, both included. */
  readonly whole: (min: number, max: number) => number;
  readonly pick: <Item>(items: readonly Item[]) => Item;
  /** An id that no other draw gives. */
  readonly id: (prefix: string) => string;
}

/** Seeded (mulberry32, in the public domain). */
export const createChance = (seed: number): Chance => {
  let state = seed | 0;
  let ids = 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const whole = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    of: (percent) => next() * 100 < percent,
    whole,
    pick: (items) => {
      const item = items[whole(0, items.length - 1)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
    id: (prefix) => {
      ids += 1;
      return `${prefix}${whole(100_000, 999_999)}x${ids}`;
    },
  };
};

const dayMs = 86_400_000;
export const plusDays = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10);
/** The same day so many months later. Days beyond the 28th are not drawn. */
export const plusMonths = (day: string, months: number): string => {
  const [year = 0, month = 0] = day.split("-").map(Number);
  const at = year * 12 + (month - 1) + months;
  return `${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, "0")}-${day.slice(8)}`;
};
/** The given day of the month, in the month that lies so many months later. */
export const inMonth = (day: string, months: number, dayOfMonth: number): string =>
  `${plusMonths(`${day.slice(0, 7)}-01`, months).slice(0, 7)}-${String(dayOfMonth).padStart(2, "0")}`;

const decimals: Readonly<Record<string, number>> = { JPY: 0, USD: 2, EUR: 2, GBP: 2, KWD: 3 };
/** Millionths in the smallest unit of a currency. */
export const unitOf = (currency: string): bigint => 10n ** BigInt(6 - (decimals[currency] ?? 2));
/** A plain decimal with as many decimals as are needed. */
export const written = (micros: bigint): string => {
  const digits = (micros < 0n ? -micros : micros).toString().padStart(7, "0");
  const fraction = digits.slice(-6).replace(/0+$/, "");
  return `${micros < 0n ? "-" : ""}${digits.slice(0, -6)}${fraction === "" ? "" : `.${fraction}`}`;
};
/** Half up, away from zero, to the smallest unit. */
export const rounded = (micros: bigint, currency: string): bigint => {
  const unit = unitOf(currency);
  const size = micros < 0n ? -micros : micros;
  const up = ((size + unit / 2n) / unit) * unit;
  return micros < 0n ? -up : up;
};
/** A share of an amount in parts per million, half up to the smallest unit. */
export const shareOf = (micros: bigint, partsPerMillion: bigint, currency: string): bigint => {
  const scaled = micros * partsPerMillion;
  const unit = unitOf(currency) * 1_000_000n;
  return ((scaled + unit / 2n) / unit) * unitOf(currency);
};

/** What a correct close of the drawn ledger finds. */
export interface Truth {
  readonly money: Map<string, bigint>;
  readonly exceptions: string[];
  readonly credits: string[];
  readonly links: string[];
}

export interface Ledger {
  readonly files: Map<string, string[][]>;
  readonly documents: Map<string, unknown[]>;
  readonly truth: Truth;
  readonly chance: Chance;
  readonly asOf: string;
}

export const newLedger = (seed: number): Ledger => ({
  files: new Map(),
  documents: new Map(),
  truth: { money: new Map(), exceptions: [], credits: [], links: [] },
  chance: createChance(seed),
  asOf: "2026-06-30",
});

/** Adds a row to a file; its header is the first row given under a name. */
export const addRow = (ledger: Ledger, name: string, row: Readonly<Record<string, string>>): void => {
  const rows = ledger.files.get(name) ?? [Object.keys(row)];
  ledger.files.set(name, rows);
  rows.push((rows[0] ?? []).map((column) => row[column] ?? ""));
};
export const addDocument = (ledger: Ledger, name: string, item: unknown): void => {
  ledger.documents.set(name, [...(ledger.documents.get(name) ?? []), item]);
};
export const addMoney = (ledger: Ledger, place: string, measure: string, micros: bigint): void => {
  const key = `${place} ${measure}`;
  ledger.truth.money.set(key, (ledger.truth.money.get(key) ?? 0n) + micros);
};
export const expectException = (
  ledger: Ledger,
  type: string,
  subject: string,
  money: { micros: bigint; currency: string },
): void => {
  ledger.truth.exceptions.push(`${type} ${subject} ${money.micros} ${money.currency}`);
};

const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
/** The files of a ledger as text. */
export const ledgerFiles = (ledger: Ledger): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(
    [...ledger.files].map(([name, rows]) => [name, `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`]),
  ),
  ...Object.fromEntries([...ledger.documents].map(([name, items]) => [name, JSON.stringify(items)])),
});
