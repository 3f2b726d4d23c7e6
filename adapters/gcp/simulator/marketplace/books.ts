/**
 * What customers are billed and what becomes of it: Google's fee, what is paid to the vendor in the month after, what is withheld because
 * a customer has not paid, let go later or given up, and what is refunded.
 * https://cloud.google.com/marketplace/docs/partners/reports/report-detailed-disbursement
 */
import type { World } from "../world.ts";
import { percentOf } from "./amounts.ts";
import { addMonths, dayName, startOfMonth } from "./civil.ts";
import type { ChargeRecord, EntitlementRecord } from "./records.ts";

export interface Bill {
  readonly kind: "installment" | "usage";
  readonly cents: bigint;
  readonly at: Date;
  readonly feeHundredths: bigint;
  readonly sku: string;
}

export const createBooks = (world: World) => {
  const { ledger, dice } = world;
  const isSeeded = (): boolean => world.settings().reviewer === "seeded";

  const put = (row: ChargeRecord): ChargeRecord => {
    ledger.charges.put(row.id, row);
    return row;
  };

  const settle = (row: ChargeRecord, settled: "released" | "abandoned"): ChargeRecord =>
    put({ ...row, settled, settledMonth: dayName(startOfMonth(world.now())) });

  const withhold = (row: ChargeRecord): ChargeRecord => {
    if (isSeeded()) {
      const months = 1 + Math.floor(dice.draw(row.entitlement, row.month, "settled in") * 3);
      world.schedule("settlement", row.id, addMonths(new Date(row.at), months));
    }
    return put({ ...row, fate: "withheld" });
  };

  const refund = (row: ChargeRecord): ChargeRecord => {
    const now = world.now();
    const negative = (text: string): string => String(-BigInt(text));
    return put({
      ...row,
      id: world.uuid("charge"),
      sequence: world.sequence(),
      kind: "refund",
      month: dayName(startOfMonth(now)),
      at: now.toISOString(),
      gross: negative(row.gross),
      fee: negative(row.fee),
      net: negative(row.net),
      fate: "paid",
      settled: null,
      settledMonth: null,
    });
  };

  return {
    bill: (order: EntitlementRecord, { kind, cents, at, feeHundredths, sku }: Bill): ChargeRecord | null => {
      if (cents === 0n) return null;
      const fee = percentOf(cents, feeHundredths);
      const row = put({
        id: world.uuid("charge"),
        entitlement: order.id,
        offerId: order.isOutOfTerm ? null : order.offerId,
        sku,
        sequence: world.sequence(),
        kind,
        month: dayName(startOfMonth(at)),
        at: at.toISOString(),
        gross: String(cents),
        feeHundredths: String(feeHundredths),
        fee: String(fee),
        net: String(cents - fee),
        fate: "paid",
        settledMonth: null,
        settled: null,
      });
      const { marketplace } = world.settings();
      const drawn = (what: string): number => dice.draw(order.fate, what, row.month, sku, kind);
      if (!isSeeded()) return row;
      if (drawn("refund") < marketplace.refund) world.schedule("refund", row.id, addMonths(at, 1));
      else if (drawn("withhold") < marketplace.withhold) return withhold(row);
      return row;
    },
    withhold,
    refund,
    settle,
    /** The seeded end of what was withheld. */
    decide: (row: ChargeRecord): void => {
      if (row.fate !== "withheld" || row.settled !== null) return;
      const isLost = dice.draw(row.entitlement, row.month, "abandoned") < world.settings().marketplace.abandon;
      settle(row, isLost ? "abandoned" : "released");
    },
  };
};
export type Books = ReturnType<typeof createBooks>;
