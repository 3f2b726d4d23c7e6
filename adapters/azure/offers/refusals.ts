/**
 * The marketplace's answers → the product's faults. Statuses decide; the words of a refusal are shown, and lead to the field that they name.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/private-offer-api-troubleshooting
 */
import type { Fault, Gap } from "../../../src/domain/fault.ts";
import { jsonOf, scrub } from "../../text.ts";
import { type Answered, passingFault } from "../exchange.ts";
import { marketplaceErrorSchema } from "../wire-offers.ts";

const source = "https://learn.microsoft.com/en-us/partner-center/marketplace-offers/private-offer-api-troubleshooting";
const gapsMax = 20;
const wordsMax = 400;

/** Microsoft's members, and words for them in messages → our fields. The first that fits counts. */
const fields: readonly (readonly [RegExp, string])[] = [
  [/beneficiar|billing account/i, "buyer.accounts"],
  [/upgrade/i, "replaces"],
  [/newPlanDetails/i, "fields.newPlan"],
  [/basePlan|plan\b/i, "plan"],
  [/product/i, "product"],
  [/userLimits|user limits/i, "fields.seats"],
  [/discount/i, "price.discountPercent"],
  [/price|pricing/i, "price"],
  [/acceptBy|accept by/i, "acceptBy"],
  [/(^|\.)end$|end date/i, "term.end"],
  [/(^|\W)start(?! ?with)|variableStart/i, "term.start"],
  [/partner/i, "channelPartner.account"],
  [/termsAndConditions|sasUrl/i, "legal.url"],
  [/notificationContacts|notification contact|preparedBy/i, "settings.marketplace"],
  [/(^|\.)notes$/i, "description"],
  [/(^|\.)name$|\bname\b/i, "name"],
];
/** Our field of Microsoft's member or sentence. */
export const fieldOf = (target: string | null | undefined, message: string): string => {
  const named =
    fields.find(([pattern]) => pattern.test(target ?? "")) ?? fields.find(([pattern]) => pattern.test(message));
  return named?.[1] ?? "azure";
};

interface Said {
  readonly code?: string | null | undefined;
  readonly message?: string | null | undefined;
  readonly target?: string | null | undefined;
}
const gapOf = ({ code, message, target }: Said): Gap => {
  const words = scrub(message ?? "no reason given").slice(0, wordsMax);
  return {
    field: fieldOf(target, words),
    code: "not_allowed",
    message: `Microsoft: ${words}${code ? ` (${code.slice(0, 60)})` : ""}`,
    fix: "Correct it as Microsoft says, then publish again.",
    source,
  };
};

/** Why a job failed: nothing of what it was asked was done. */
export const jobFault = (jobId: string, errors: readonly Said[]): Fault => {
  const gaps = errors.slice(0, gapsMax).map(gapOf);
  const [first] = gaps;
  return {
    kind: "rejected",
    message: `Microsoft's job ${jobId.slice(0, 60)} failed: ${first?.message ?? "no reason is given. Look at the offer in Partner Center"}`,
    gaps,
  };
};

/** What was asked, for faults. */
export interface Asking {
  readonly operation: string;
  readonly kind: "read" | "write";
  readonly surface: "ingestion" | "fulfillment";
  readonly now: Date;
}
/** Something may have happened: a write must be looked for, a read can be repeated. */
export const lost = ({ operation, kind }: Pick<Asking, "operation" | "kind">, message: string): Fault => ({
  kind: kind === "write" ? "ambiguous" : "unavailable",
  message: `${operation}: ${message}`,
});

const remedies = {
  ingestion:
    "Add the application of settings.app to your Partner Center account (Account settings, User management, Microsoft Entra applications) with the role Manager",
  fulfillment:
    "Fulfillment takes only the application and tenant of the offers' technical configuration: name it in settings.marketplace.app",
} as const;

/** The fault of an answer that is no success. */
export const marketFault = (asking: Asking, answer: Answered): Fault => {
  const { operation, kind, surface } = asking;
  const { status, bytes } = answer;
  const at = `Microsoft ${operation}`;
  const passing = passingFault(at, answer, asking.now);
  if (passing !== null) return passing.kind === "unavailable" ? lost(asking, `answered ${status}`) : passing;
  if (status === 401 || status === 403)
    return { kind: "denied", message: `${at}: the application is refused (${status}). ${remedies[surface]}` };
  if (status === 404) return { kind: "missing", message: `${at}: there is none` };
  if (status === 409) return { kind: "conflict", message: `${at}: it has changed since it was read` };
  if (status < 400) return lost(asking, `answered ${status}`);
  const parsed = marketplaceErrorSchema.safeParse(jsonOf(new TextDecoder().decode(bytes))).data;
  const said = parsed?.error ?? { code: parsed?.code, message: parsed?.message, details: [] };
  const gaps = (said.details.length > 0 ? said.details : [said]).slice(0, gapsMax).map(gapOf);
  return {
    kind: "rejected",
    message: `${at} refused it: ${gaps[0]?.message ?? `status ${status}`}`,
    gaps: kind === "write" ? gaps : [],
  };
};
