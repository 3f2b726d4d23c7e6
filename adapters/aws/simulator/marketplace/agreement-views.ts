/** What becomes of an agreement at its end, as AWS words it. */
import { acceptedOf } from "./accepted-terms.ts";
import type { Agreement } from "./records.ts";

export interface EndTimeBehaviour {
  readonly type: "RENEW" | "EXPIRE";
  readonly reasonCode?: "ACCEPTOR_RENEW_OPTED_OUT" | "NO_RENEWAL_TERM" | "RENEWAL_LIMIT_EXHAUSTED";
}

/** Null for an agreement without an end. */
export const endTimeBehaviour = (agreement: Agreement): EndTimeBehaviour | null => {
  if (agreement.endsAt === null) return null;
  const renewal = acceptedOf(agreement.terms, "renewalTerm");
  if (renewal === null) return { type: "EXPIRE", reasonCode: "NO_RENEWAL_TERM" };
  if (!agreement.autoRenews) return { type: "EXPIRE", reasonCode: "ACCEPTOR_RENEW_OPTED_OUT" };
  const most = renewal.maxRenewals;
  if (typeof most === "number" && agreement.renewals >= most)
    return { type: "EXPIRE", reasonCode: "RENEWAL_LIMIT_EXHAUSTED" };
  return { type: "RENEW" };
};
