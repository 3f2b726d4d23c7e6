/** What a next delivery brings to a folder of `writeCloseData`: late collections, a sale and its fee each, of agreements spread over all of it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { idOf } from "./close-data.ts";

const header =
  "billing_event_id,end_user_account_id,action,transaction_type,parent_billing_event_id,disbursement_billing_event_id,currency,amount,invoice_date,action_date,invoice_id,line_item_id,bank_trace_id,agreement_id,offer_id,update_date";
const linesPerAgreement = 10;

/** Writes `lines` rows of one feed file: a further part of second instalments was collected. */
export const writeNews = (
  out: string,
  size: { readonly of: number; readonly lines: number; readonly seed: number },
): void => {
  const agreements = Math.max(1, Math.floor(size.of / linesPerAgreement));
  const rows: string[] = [header];
  for (let index = 0; index * 2 < size.lines; index += 1) {
    const number = (index * 7_919 + size.seed) % agreements;
    const agreement = idOf("agmt-", number);
    const item = `${agreement.slice(5)}1`;
    for (const [letter, type, amount] of [
      ["s", "SELLER_REV_SHARE", "1.00"],
      ["f", "AWS_REV_SHARE", "-0.03"],
    ] as const)
      rows.push(
        `news${index}${letter},,COLLECTED,${type},be${item}${letter},,USD,${amount},2026-06-01T00:00:00Z,2026-06-20T00:00:00Z,,,,${agreement},,2026-06-21T00:00:00Z`,
      );
  }
  const folder = join(out, "aws/billingeventfeed_v1/year=2026/month=06");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "news.csv"), `${rows.join("\n")}\n`);
};
