/** Tolerances and windows of a close: data with a version of its own, never numbers in code. */
import * as z from "zod";
import { marketplaceIds } from "../deal.ts";
import { amountOf } from "./amount.ts";
import { monthOf } from "./day.ts";

const days = z.number().int().min(0).max(3_650);
const month = z.string().refine((text) => monthOf(text) !== null, "a month such as 2026-01");
const byMarketplace = z.record(z.enum(marketplaceIds), days);

/** The file's own shape. Unknown members are kept out of the conclusions, not refused: the file is the user's. */
export const policyFileSchema = z.object({
  version: z.string().optional(),
  as_of: z.string().optional(),
  tolerance: z.object({
    minor_units_per_instalment: z.number().int().min(0).max(1_000),
    /** What tolerances may absorb in a month by currency, such as `"USD": "50.00"`; more blocks the close. */
    cap_per_period: z
      .record(
        z.string(),
        z.string().refine((text) => amountOf(text) !== null, 'a plain decimal in quotes, such as "50.00"'),
      )
      .optional(),
  }),
  /** Files that have to be there: one of a format for each month, so many days after the month's end. */
  expected_files: z
    .array(z.object({ format: z.string().min(1), from: month, until: month.optional(), due_days: days.default(15) }))
    .optional(),
  /** Who hands sales tax to the authorities, where a company knows that for all its sales at a marketplace. */
  tax_model: z.partialRecord(z.enum(marketplaceIds), z.enum(["marketplace", "seller"])).optional(),
  windows_days: z.object({
    invoice_overdue: days,
    accepted_no_revenue: byMarketplace,
    aws_disbursement_after_collection: days,
    azure_disbursement_after_expected: days,
    gcp_disbursement_after_expected: days,
    bank_after_disbursement: days,
    bank_clearing: days.default(3),
    deal_without_agreement: days.default(30),
  }),
  /** Rules below recorded ids that may link by themselves; what is not named here only suggests. */
  auto_link: z.array(z.enum(["learned_alias", "name"])).default([]),
  fallback: z.object({ close_to_start_days: days, start_to_close_days: days.default(3) }).optional(),
  signatures: z.enum(["recorded", "verified"]).default("recorded"),
  /** What must be somebody's before a month is locked: exceptions above so much, a plain decimal by currency. */
  unassigned_exceptions_above: z
    .record(
      z.string(),
      z.string().refine((text) => amountOf(text) !== null, 'a plain decimal, such as "1000.00"'),
    )
    .optional(),
  /** How a bank names the payer of a marketplace's payouts, upper case, as part of the counterparty. */
  payers: z.partialRecord(z.enum(marketplaceIds), z.array(z.string().min(1))).optional(),
});
export type PolicyFile = z.infer<typeof policyFileSchema>;

export interface ExpectedFile {
  readonly format: string;
  /** First days of the first and the last month; null: for ever. */
  readonly fromDay: number;
  readonly untilDay: number | null;
  readonly dueDays: number;
}

export interface Policy {
  readonly minorUnitsPerInstalment: bigint;
  /** Micros by currency that tolerances may absorb in a month. */
  readonly toleranceCaps: Readonly<Record<string, bigint>>;
  readonly expectedFiles: readonly ExpectedFile[];
  readonly taxModel: Readonly<Partial<Record<"aws" | "azure" | "gcp", "marketplace" | "seller">>>;
  readonly invoiceOverdueDays: number;
  readonly acceptedNoRevenueDays: Readonly<Record<"aws" | "azure" | "gcp", number>>;
  /** Days after collection (AWS) or after the expected payment (the others) within which money must be paid out. */
  readonly disbursementDays: Readonly<Record<"aws" | "azure" | "gcp", number>>;
  readonly bankDays: number;
  readonly bankClearingDays: number;
  /** Null: a deal is never linked by domain, amount and date, only suggested. */
  readonly fallback: { readonly closeToStartDays: number; readonly startToCloseDays: number } | null;
  /** Whether a learned alias of the buyer, or the buyer's name, links where exactly one deal fits. */
  readonly autoLink: { readonly learnedAlias: boolean; readonly name: boolean };
  /** Days after which a deal won at a marketplace should have an agreement there. */
  readonly dealWithoutAgreementDays: number;
  readonly signatures: "recorded" | "verified";
  /** Micros by currency; a month is not locked while an exception above it is nobody's. */
  readonly unassignedAbove: Readonly<Record<string, bigint>>;
  readonly payers: Readonly<Record<"aws" | "azure" | "gcp", readonly string[]>>;
}

const payers = { aws: ["AMAZON WEB SERVICES"], azure: ["MICROSOFT"], gcp: ["GOOGLE"] } as const;

export const policyOf = (file: PolicyFile): Policy => {
  const windows = file.windows_days;
  const overdue = windows.accepted_no_revenue;
  return {
    minorUnitsPerInstalment: BigInt(file.tolerance.minor_units_per_instalment),
    toleranceCaps: Object.fromEntries(
      Object.entries(file.tolerance.cap_per_period ?? {}).map(([currency, cap]) => [currency, amountOf(cap) ?? 0n]),
    ),
    expectedFiles: (file.expected_files ?? []).map(({ format, from, until, due_days }) => ({
      format,
      fromDay: monthOf(from) ?? 0,
      untilDay: until === undefined ? null : monthOf(until),
      dueDays: due_days,
    })),
    taxModel: file.tax_model ?? {},
    invoiceOverdueDays: windows.invoice_overdue,
    acceptedNoRevenueDays: { aws: overdue.aws, azure: overdue.azure, gcp: overdue.gcp },
    disbursementDays: {
      aws: windows.aws_disbursement_after_collection,
      azure: windows.azure_disbursement_after_expected,
      gcp: windows.gcp_disbursement_after_expected,
    },
    bankDays: windows.bank_after_disbursement,
    bankClearingDays: windows.bank_clearing,
    fallback:
      file.fallback === undefined
        ? null
        : {
            closeToStartDays: file.fallback.close_to_start_days,
            startToCloseDays: file.fallback.start_to_close_days,
          },
    autoLink: {
      learnedAlias: file.auto_link.includes("learned_alias"),
      name: file.auto_link.includes("name"),
    },
    dealWithoutAgreementDays: windows.deal_without_agreement,
    signatures: file.signatures,
    unassignedAbove: Object.fromEntries(
      Object.entries(file.unassigned_exceptions_above ?? {}).map(([currency, text]) => [
        currency,
        amountOf(text) ?? 0n,
      ]),
    ),
    payers: { ...payers, ...file.payers },
  };
};
