/** The history columns that each Seller Delivery feed carries: https://docs.aws.amazon.com/marketplace/latest/userguide/data-feed-details.html */
import type { Sheet } from "../../../src/domain/finance/sheet.ts";

export const historyColumns = [
  "valid_from",
  "valid_to",
  "insert_date",
  "update_date",
  "delete_date",
  "catalog",
] as const;

export interface History {
  /** When AWS learnt what the row says, in seconds; 0 where the file does not say. */
  readonly knownSecond: () => number;
  readonly deleted: () => boolean;
}

export const historyOf = (sheet: Sheet): History => {
  const updated = sheet.column("update_date");
  const inserted = sheet.column("insert_date");
  const valid = sheet.column("valid_from");
  const removed = sheet.column("delete_date");
  return {
    knownSecond: () => sheet.second(updated) ?? sheet.second(inserted) ?? sheet.second(valid) ?? 0,
    deleted: () => sheet.second(removed) !== null,
  };
};
