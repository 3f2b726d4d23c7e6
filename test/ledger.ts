/** A whole drawn ledger, closed in memory, and what came out in the words of its truth. */

import { reportFormats } from "../adapters/report-formats.ts";
import { openReport, readDocument } from "../adapters/report-reading.ts";
import { createCsvReader } from "../src/domain/csv.ts";
import { answerOf, linkRows } from "../src/domain/finance/answer.ts";
import { type Close, closeBooks } from "../src/domain/finance/close.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import { addFacts, type Facts, noFacts } from "../src/domain/finance/facts.ts";
import { createStrings } from "../src/domain/finance/sheet.ts";
import { decimalToMicros } from "../src/domain/money.ts";
import { drawAgreement } from "./ledger-agreement.ts";
import { type Batches, drawAwsEvents, drawNoise, payBatches } from "./ledger-aws.ts";
import { type Ledger, ledgerFiles, newLedger, type Truth } from "./ledger-draw.ts";
import { drawAzure, drawGoogle, nothingDue, payDue } from "./ledger-others.ts";

export type Files = Readonly<Record<string, string>>;

/** Policy and fee schedule of the labelled case, as far as drawn ledgers need them. */
const policy = {
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
};
const tiers = [{ tcv_lt: 1_000_000, ppm: 30_000 }, { tcv_lt: 10_000_000, ppm: 20_000 }, { ppm: 15_000 }];
const feeSchedule = {
  fx_to_usd: { USD: 1, EUR: 1.08, GBP: 1.27, JPY: 0.0067, KWD: 3.25 },
  rows: [
    {
      marketplace: "aws",
      effective_from: "2024-01-05",
      private_offer: tiers,
      renewal_ppm: 15_000,
      cppo_uplift_ppm: 5_000,
    },
    { marketplace: "azure", effective_from: "2021-07-01", private_offer: [{ ppm: 30_000 }], renewal_ppm: 30_000 },
    { marketplace: "gcp", effective_from: "2000-01-01", private_offer: [{ ppm: 40_000 }], renewal_ppm: 40_000 },
    { marketplace: "gcp", effective_from: "2025-04-21", private_offer: tiers, renewal_ppm: 15_000 },
  ],
};

/** Draws a ledger from a seed. */
export const drawLedger = (seed: number, agreements: number): { readonly files: Files; readonly truth: Truth } => {
  const ledger: Ledger = newLedger(seed);
  const batches: Batches = new Map();
  const due = nothingDue();
  for (let index = 0; index < agreements; index += 1) {
    const agreement = drawAgreement(ledger);
    if (agreement.marketplace === "aws") drawAwsEvents(ledger, agreement, batches);
    else (agreement.marketplace === "azure" ? drawAzure : drawGoogle)(ledger, agreement, due);
  }
  payBatches(ledger, batches);
  payDue(ledger, due);
  drawNoise(ledger);
  const documents = { "policy.json": JSON.stringify(policy), "fee-schedule.json": JSON.stringify(feeSchedule) };
  return { files: { ...ledgerFiles(ledger), ...documents }, truth: ledger.truth };
};

/** Reads files that are held in memory, in the order given. A refused file fails the test. */
export const readFiles = (files: readonly (readonly [string, string])[]): Facts => {
  const facts = noFacts();
  const strings = createStrings();
  for (const [index, [path, text]] of files.entries()) {
    const file = { index, path, strings };
    const outcome = path.endsWith(".json") ? readDocument(reportFormats, file, text) : readTable(file, text);
    if (outcome.status !== "read") throw new Error(`${path} is ${outcome.status}: ${JSON.stringify(outcome.problems)}`);
    addFacts(facts, outcome.facts);
  }
  return facts;
};

const readTable = (
  file: { readonly index: number; readonly path: string; readonly strings: ReturnType<typeof createStrings> },
  text: string,
) => {
  const reader = createCsvReader(",");
  const [header, ...rows] = [...reader.push(text), ...reader.end()];
  const intake = openReport(reportFormats, file, header?.cells ?? []);
  intake.rows(rows);
  return intake.end();
};

export const closeInMemory = (files: readonly (readonly [string, string])[], asOf = "2026-06-30"): Close =>
  closeBooks(readFiles(files), { asOfDay: dayOf(asOf) ?? 0 });

const exact = (amount: string): bigint => decimalToMicros(amount) ?? 0n;

/** Money, exceptions, credits and links in the truth's own words, each sorted. */
export const wordsOf = (close: Close) => {
  const answer = answerOf(close);
  return {
    money: Object.entries(answer.money)
      .flatMap(([marketplace, currencies]) =>
        Object.entries(currencies).flatMap(([currency, figures]) =>
          Object.entries(figures).map(([measure, amount]) => `${marketplace} ${currency} ${measure} ${exact(amount)}`),
        ),
      )
      .toSorted(),
    exceptions: answer.exceptions
      .map((one) => `${one.type} ${one.subjectType} ${one.subjectId} ${exact(one.amount)} ${one.currency}`)
      .toSorted(),
    credits: answer.credits
      .map((one) => `${one.dealId} ${one.partnerId} ${one.kind} ${exact(one.amount)} ${one.currency}`)
      .toSorted(),
    links: [...linkRows(close)]
      .slice(1)
      .map((row) => row.trimEnd())
      .toSorted(),
  };
};
export type Words = ReturnType<typeof wordsOf>;

/** The truth likewise. Where either of two lines may be the double, the one that was named is taken. */
export const truthWords = (truth: Truth, found: Words): Words => ({
  money: [...truth.money].flatMap(([key, micros]) => (micros === 0n ? [] : [`${key} ${micros}`])).toSorted(),
  exceptions: truth.exceptions.map((text) => eitherOf(text, found.exceptions)).toSorted(),
  credits: truth.credits.toSorted(),
  links: truth.links.toSorted(),
});

const eitherOf = (text: string, found: readonly string[]): string => {
  const match = /^(DUPLICATE_SUSPECT line )(\S+) or (\S+)( .*)$/.exec(text);
  if (match === null) return text;
  const [, before = "", one = "", other = "", after = ""] = match;
  return found.includes(`${before}${one}${after}`) ? `${before}${one}${after}` : `${before}${other}${after}`;
};
