/**
 * A seeded folder of any size for a close, as a year and a half at AWS Marketplace leaves it. Of a hundred agreements, 90 have lines that
 * name the agreement, 7 lines that name the offer alone, 3 lines that name neither; every second agreement has a deal in the CRM.
 *
 *     npx node test/bench/close-data.ts --lines 1000000 --out /tmp/close-1m [--seed 1]
 *
 * As of 2026-06-30. Ten lines make an agreement: two instalments with fee, collection and payout.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type Chance, createChance } from "../ledger-draw.ts";

export interface CloseDataSize {
  /** Rows of the billing event feed, but for payout headers and redelivered rows, which come on top. */
  readonly lines: number;
  readonly seed: number;
}
export interface CloseDataCounts {
  lines: number;
  readonly agreements: number;
  deals: number;
  bytes: number;
}

const linesPerAgreement = 10;
const columns = {
  "aws/billingeventfeed_v1": [
    ...["billing_event_id", "end_user_account_id", "action", "transaction_type", "parent_billing_event_id"],
    ...["disbursement_billing_event_id", "currency", "amount", "invoice_date", "action_date", "invoice_id"],
    ...["line_item_id", "bank_trace_id", "agreement_id", "offer_id", "update_date"],
  ],
  "aws/agreementfeed_v1": [
    ...["agreement_id", "offer_id", "acceptor_account_id", "start_time", "end_time", "intent", "status"],
    ...["currency_code", "estimated_agreement_value", "update_date"],
  ],
  "aws/agreementchargefeed_v1": ["agreement_id", "term_id", "currency_code", "amount", "time", "update_date"],
  "aws/offerfeed_v1": ["offer_id", "offer_revision", "name", "expiration_date", "valid_from", "update_date"],
  "aws/accountfeed_v1": ["account_id", "aws_account_id", "update_date"],
  "aws/addressfeed_v1": ["address_id", "aws_account_id", "email_domain", "company_name", "country", "update_date"],
  "internal/deals.csv": [
    ...["deal_id", "account_name", "account_domain", "amount", "currency", "close_date", "stage", "marketplace"],
    "private_offer_id",
  ],
  "internal/touches.csv": ["touch_id", "deal_id", "partner_id", "type", "date", "status"],
  "bank/statement.csv": ["bank_txn_id", "value_date", "currency", "amount", "counterparty", "reference"],
} as const;
type Table = keyof typeof columns;

/** Writes the folder. The same size and seed give the same bytes. */
export const writeCloseData = (out: string, size: CloseDataSize): CloseDataCounts => {
  const writer = createWriter(out);
  const chance = createChance(size.seed);
  const agreements = Math.max(1, Math.floor(size.lines / linesPerAgreement));
  const counts: CloseDataCounts = { lines: 0, agreements, deals: 0, bytes: 0 };
  const payouts: Payouts = new Map();
  const context: Drawing = { writer, chance, counts, payouts };
  for (let index = 0; index < agreements; index += 1) drawAgreement(context, index);
  drawPayouts(context);
  for (const [name, value] of Object.entries(documents)) writer.document(`internal/${name}`, value);
  counts.bytes = writer.close();
  return counts;
};

interface Writer {
  /** A row of a table; feeds go into the file of a day's month. */
  readonly row: (table: Table, cells: readonly (string | number)[], day?: number) => void;
  readonly document: (path: string, value: unknown) => void;
  readonly close: () => number;
}
interface Drawing {
  readonly writer: Writer;
  readonly chance: Chance;
  readonly counts: CloseDataCounts;
  readonly payouts: Payouts;
}
/** By day and currency: the header's id, and what its lines add up to, in cents. */
type Payouts = Map<string, { readonly id: string; readonly day: number; readonly currency: string; cents: number }>;

const pieceCharacters = 262_144;

const createWriter = (out: string): Writer => {
  const files = new Map<string, { readonly handle: number; text: string }>();
  const moments = new Map<number, string>();
  let bytes = 0;
  const flush = (file: { readonly handle: number; text: string }): void => {
    bytes += writeSync(file.handle, file.text);
    file.text = "";
  };
  const monthOf = (day: number): string => {
    const known = moments.get(day) ?? dayText(day).slice(0, 7);
    moments.set(day, known);
    return known;
  };
  return {
    row: (table, cells, day) => {
      const [year = "", month = ""] = day === undefined ? [] : monthOf(day).split("-");
      const path = day === undefined ? table : `${table}/year=${year}/month=${month}/data.csv`;
      let file = files.get(path);
      if (file === undefined) {
        mkdirSync(dirname(join(out, path)), { recursive: true });
        file = { handle: openSync(join(out, path), "w"), text: `${columns[table].join(",")}\n` };
        files.set(path, file);
      }
      file.text += `${cells.join(",")}\n`;
      if (file.text.length > pieceCharacters) flush(file);
    },
    document: (path, value) => {
      mkdirSync(dirname(join(out, path)), { recursive: true });
      writeFileSync(join(out, path), JSON.stringify(value));
    },
    close: () => {
      for (const file of files.values()) {
        flush(file);
        closeSync(file.handle);
      }
      return bytes;
    },
  };
};

const firstDay = Date.UTC(2024, 9, 1) / 86_400_000;
const dayTexts = new Map<number, string>();
const dayText = (day: number): string => {
  const known = dayTexts.get(day) ?? new Date(day * 86_400_000).toISOString().slice(0, 10);
  dayTexts.set(day, known);
  return known;
};
const moment = (day: number): string => `${dayText(day)}T00:00:00Z`;
const decimal = (cents: number): string => {
  const digits = String(Math.abs(cents)).padStart(3, "0");
  return `${cents < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};
/** An id as long as AWS's, which a number decides. */
export const idOf = (prefix: string, number: number): string =>
  `${prefix}${(Math.imul(number + 1, 2_654_435_761) >>> 0).toString(36).padStart(7, "0")}${number.toString(36)}`;

interface Drawn {
  readonly agreementId: string;
  readonly offerId: string;
  readonly account: string;
  readonly currency: string;
  readonly start: number;
  /** Of each instalment, in cents. */
  readonly each: number;
  readonly chargedPartsPerMillion: number;
  readonly names: "agreement" | "offer" | "neither";
}

const drawAgreement = (drawing: Drawing, index: number): void => {
  const { writer, chance } = drawing;
  const currency = chance.of(85) ? "USD" : "EUR";
  const renewal = chance.of(30);
  const each = chance.whole(50_000, 40_000_000);
  // Below a million dollars the schedule gives 3 percent, and 1.5 to renewals.
  const right = renewal ? 15_000 : 30_000;
  const kind = index % 100;
  const drawn: Drawn = {
    agreementId: idOf("agmt-", index),
    offerId: idOf("offer-", index),
    account: idOf("acct", Math.floor((index * 3) / 5)),
    currency,
    start: firstDay + chance.whole(0, 390),
    each,
    chargedPartsPerMillion: chance.of(9) ? right + 15_000 : right,
    names: kind < 90 ? "agreement" : kind < 97 ? "offer" : "neither",
  };
  const known = moment(drawn.start);
  writer.row(
    "aws/agreementfeed_v1",
    [
      ...[drawn.agreementId, drawn.offerId, drawn.account, known, moment(drawn.start + 364)],
      ...[renewal ? "RENEW" : "NEW", "ACTIVE", currency, decimal(each * 2), known],
    ],
    drawn.start,
  );
  for (const day of [drawn.start, drawn.start + 180])
    writer.row(
      "aws/agreementchargefeed_v1",
      [drawn.agreementId, `term-${drawn.agreementId}`, currency, decimal(each), moment(day), known],
      drawn.start,
    );
  const published = drawn.start - 10;
  writer.row(
    "aws/offerfeed_v1",
    [drawn.offerId, 1, `Offer ${index}`, moment(drawn.start + 20), moment(published), moment(published)],
    published,
  );
  if (index % 5 === 0 || index % 5 === 2 || index % 5 === 4) drawBuyer(writer, drawn);
  if (index % 2 === 0) drawDeal(drawing, drawn, index);
  drawInstalment(drawing, drawn, 0);
  drawInstalment(drawing, drawn, 1);
};

const numberOf = (account: string): string => {
  let number = 0;
  for (const char of account) number = (Math.imul(number, 31) + char.charCodeAt(0)) >>> 0;
  return `3${String(number).padStart(11, "0")}`;
};

const drawBuyer = (writer: Writer, { account, start }: Drawn): void => {
  const known = moment(start);
  writer.row("aws/accountfeed_v1", [account, numberOf(account), known], start);
  writer.row(
    "aws/addressfeed_v1",
    [`addr${account}`, numberOf(account), `${account}.example`, `Buyer ${account} Inc.`, "US", known],
    start,
  );
};

/** Six of ten deals name the offer; the others are found by domain, amount and date. One in ten was touched by a partner. */
const drawDeal = ({ writer, chance, counts }: Drawing, drawn: Drawn, index: number): void => {
  const { account, currency, start, each, offerId } = drawn;
  const dealId = idOf("006", index);
  const close = start - chance.whole(0, 10);
  counts.deals += 1;
  writer.row("internal/deals.csv", [
    ...[dealId, `Buyer ${account} Inc.`, `${account}.example`, decimal(each * 2), currency, dayText(close)],
    ...["Closed Won", "aws", chance.of(60) ? offerId : ""],
  ]);
  if (!chance.of(10)) return;
  const partner = `P${chance.whole(1, partnerCount)}`;
  const touch = (type: string, days: number): void =>
    writer.row("internal/touches.csv", [
      ...[`T${index}${type}`, dealId, partner, type, dayText(close - days), "accepted"],
    ]);
  touch("registration", chance.whole(1, 80));
  if (chance.of(50)) touch("demo", chance.whole(1, 100));
};

/** Invoiced, charged a fee, mostly collected, and paid out on one of the days of payouts. */
const drawInstalment = (drawing: Drawing, drawn: Drawn, number: 0 | 1): void => {
  const { chance, counts, writer } = drawing;
  const invoiced = drawn.start + number * 180;
  const paid = invoiced + 35 + chance.whole(0, 9);
  const fee = Math.floor((drawn.each * drawn.chargedPartsPerMillion + 500_000) / 1_000_000);
  const { id: payout } = payoutOf(drawing, paid, drawn.currency);
  const item = `${drawn.agreementId.slice(5)}${number}`;
  const [sale, charge] = [`be${item}s`, `be${item}f`];
  const named = [
    drawn.names === "agreement" ? drawn.agreementId : "",
    drawn.names === "neither" ? "" : drawn.offerId,
  ] as const;
  const write = (
    id: string,
    day: number,
    given: { readonly action: string; readonly type: string; readonly cents: number; readonly parent?: string },
  ): void => {
    const isPaid = given.action === "DISBURSED";
    counts.lines += 1;
    writer.row(
      "aws/billingeventfeed_v1",
      [
        ...[id, drawn.account, given.action, given.type, given.parent ?? "", isPaid ? payout : ""],
        ...[drawn.currency, decimal(given.cents), moment(invoiced), day === invoiced ? "" : moment(day), `inv${item}`],
        ...[item, "", ...named, moment(day + 1)],
      ],
      day + 1,
    );
  };
  const both = (action: string, day: number, sign: 1 | -1): void => {
    const letter = action.charAt(0).toLowerCase();
    write(`${sale}${letter}`, day, { action, type: "SELLER_REV_SHARE", cents: sign * drawn.each, parent: sale });
    write(`${charge}${letter}`, day, { action, type: "AWS_REV_SHARE", cents: -sign * fee, parent: charge });
  };
  const isLate = number === 1 && chance.of(2);
  write(sale, invoiced, { action: "INVOICED", type: "SELLER_REV_SHARE", cents: drawn.each });
  write(charge, invoiced, { action: "INVOICED", type: "AWS_REV_SHARE", cents: -fee });
  // Some months repeat what an earlier one said.
  if (chance.of(1)) write(sale, invoiced, { action: "INVOICED", type: "SELLER_REV_SHARE", cents: drawn.each });
  if (number === 0 || isLate) both("COLLECTED", invoiced + 30, 1);
  if (isLate) return;
  both("DISBURSED", paid, -1);
  payoutOf(drawing, paid, drawn.currency).cents += drawn.each - fee;
};

const payoutOf = ({ payouts }: Drawing, day: number, currency: string) => {
  const key = `${day}${currency}`;
  const known = payouts.get(key) ?? { id: `pay${currency}${day}`, day, currency, cents: 0 };
  payouts.set(key, known);
  return known;
};

const drawPayouts = ({ writer, chance, counts, payouts }: Drawing): void => {
  for (const { id, day, currency, cents } of payouts.values()) {
    if (cents === 0) continue;
    const trace = `${day}${currency === "USD" ? 1 : 2}7134254`;
    counts.lines += 1;
    writer.row(
      "aws/billingeventfeed_v1",
      [
        ...[id, "", "DISBURSED", "DISBURSEMENT", "", "", currency, decimal(cents), moment(day), "", "", ""],
        ...[trace, "", "", moment(day + 1)],
      ],
      day + 1,
    );
    if (chance.of(99))
      writer.row("bank/statement.csv", [
        ...[`B${id}`, dayText(day + 2), currency, decimal(cents), "AMAZON WEB SERVICES INC", `AWS ${trace}`],
      ]);
  }
};

const partnerCount = 20;
const rate = { tcv_lt: 1_000_000, ppm: 30_000 };
const documents = {
  "policy.json": {
    tolerance: { minor_units_per_instalment: 1 },
    windows_days: {
      invoice_overdue: 50,
      accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
      aws_disbursement_after_collection: 45,
      azure_disbursement_after_expected: 30,
      gcp_disbursement_after_expected: 10,
      bank_after_disbursement: 5,
    },
    fallback: { close_to_start_days: 14 },
  },
  "fee-schedule.json": {
    fx_to_usd: { USD: 1, EUR: 1.08 },
    rows: [
      {
        marketplace: "aws",
        effective_from: "2024-01-05",
        private_offer: [rate, { ppm: 20_000 }],
        renewal_ppm: 15_000,
      },
    ],
  },
  "attribution-rules.json": Array.from({ length: partnerCount }, (_, index) => ({
    rule_id: `R${index + 1}`,
    version: 1,
    partner_id: `P${index + 1}`,
    credit_basis: "tcv",
    sourced_requires: { touch_types: ["registration"], window_days: 90 },
    influence: { model: "equal", touch_types: ["demo"], window_days: 120 },
    effective_from: "2024-01-01",
    effective_until: null,
    signatures: ["us", "partner"].map((side) => ({ side, role: "CRO", signed_at: "2024-01-01" })),
  })),
};

// Not where it lies in a bundle.
if (import.meta.main && process.argv[1]?.endsWith("close-data.ts")) {
  const { values } = parseArgs({
    options: {
      lines: { type: "string", default: "100000" },
      out: { type: "string" },
      seed: { type: "string", default: "1" },
    },
  });
  const lines = Number(values.lines);
  if (values.out === undefined || !Number.isSafeInteger(lines) || lines < linesPerAgreement)
    throw new Error("close-data --lines <10 or more> --out <directory> [--seed <number>]");
  const { bytes, ...counts } = writeCloseData(values.out, { lines, seed: Number(values.seed) });
  process.stdout.write(`${JSON.stringify({ ...counts, megabytes: Math.round(bytes / 1e6) })}\n`);
}
