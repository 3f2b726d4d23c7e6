/**
 * EventBridge events of AWS Marketplace: of offers and change sets (`aws.marketplacecatalog`), of agreements
 * (`aws.agreement-marketplace`). A seller of its own product is told of an agreement twice, as proposer and as manufacturer.
 * https://docs.aws.amazon.com/marketplace/latest/userguide/notifications-eventbridge.html
 */
import type { Hint } from "../../contract.ts";
import type { Envelope } from "../wire.ts";
import { bareId, eventDetailSchema, eventSources, marketplaceCatalog } from "./wire.ts";

/** Every detail-type that may tell something new about an offer or an agreement, without the party it is told to. */
const offerTypes = ["Offer Released"] as const;
const changeSetTypes = ["Change Set Succeeded", "Change Set Failed", "Change Set Cancelled"] as const;
export const agreementTypes = [
  "Purchase Agreement Created",
  "Purchase Agreement Amended",
  "Purchase Agreement Ended",
  "Purchase Agreement Ending",
  "Purchase Agreement Advisory Issued",
  "Purchase Agreement Advisory Resolved",
  "Purchase Agreement Renewal Terms Finalized",
  "Purchase Agreement Renewal Upcoming",
  "Purchase Agreement Billing Adjustment Completed",
  "Purchase Agreement Billing Adjustment Failed",
  "Agreement Cancellation Request Pending Approval",
  "Agreement Cancellation Request Approved",
  "Agreement Cancellation Request Rejected",
  "Agreement Cancellation Request Cancelled",
  "Agreement Cancellation Request Validation Failed",
  "License Updated",
  "License Deprovisioned",
] as const;

export type MarketplaceNews =
  | { readonly kind: "news"; readonly key: string; readonly hints: readonly Hint[] }
  | { readonly kind: "useless" | "misplaced"; readonly reason: string };

export const isMarketplaceSource = (source: string): boolean => eventSources.some((known) => known === source);

const idMax = 64;
const useless = (reason: string): MarketplaceNews => ({ kind: "useless", reason });
/** The last part of an ARN such as `…:AWSMarketplace/Offer/offer-0123456789abc` or `…:agreement:agmt-0123`. */
const idInArn = (arn: string | undefined): string | null => (arn ?? "").split(/[/:]/).at(-1) || null;

/** What an event of AWS Marketplace tells the seller `account`. */
export const marketplaceNews = (event: Envelope, account: string): MarketplaceNews => {
  const parsed = eventDetailSchema.safeParse(event.detail);
  if (!parsed.success) return { kind: "misplaced", reason: "its detail is none of AWS Marketplace's" };
  const detail = parsed.data;
  if ((detail.catalog ?? detail.Catalog) !== marketplaceCatalog)
    return { kind: "misplaced", reason: "another catalog" };
  const type = event["detail-type"];
  const at = Number.isNaN(Date.parse(event.time)) ? null : event.time;
  const news = (key: string, hint: Omit<Hint, "at">): MarketplaceNews =>
    hint.id === "" || hint.id.length > idMax
      ? useless(`${type} names nothing`)
      : { kind: "news", key, hints: [{ ...hint, at }] };

  if (offerTypes.some((known) => known === type)) {
    const seller = detail.sellerOfRecord?.accountId;
    // A manufacturer is told of its reseller's offers, and may not read them.
    if (seller && seller !== account) return useless("an offer of another seller of record");
    // Where the detail's ARN is another service's, the first resource is the offer's own.
    const id = detail.offer?.id ?? idInArn(event.resources?.[0]) ?? "";
    return news(event.id, { kind: "offer", id: bareId(id) });
  }
  if (changeSetTypes.some((known) => known === type)) {
    const marker = /^cosell (?:publish|extend|withdraw) ([A-Za-z0-9_-]{1,40})/.exec(detail.ChangeSetName ?? "")?.[1];
    return marker === undefined
      ? useless("a change set that was not started here")
      : news(event.id, { kind: "offer", id: detail.ChangeSetId ?? "", key: marker });
  }
  return agreementNews(event, detail, { account, news });
};

interface Telling {
  readonly account: string;
  readonly news: (key: string, hint: Omit<Hint, "at">) => MarketplaceNews;
}
const agreementNews = (
  event: Envelope,
  detail: ReturnType<typeof eventDetailSchema.parse>,
  { account, news }: Telling,
): MarketplaceNews => {
  const fact = event["detail-type"].replace(/ - (Proposer|Manufacturer)$/, "");
  if (!agreementTypes.some((known) => known === fact)) return useless("a detail-type that is not known here");
  const { agreement, proposer, resaleAuthorization } = detail;
  const id = agreement?.id ?? idInArn(event.resources?.[0]) ?? "";
  const seller = proposer?.accountId;
  if (seller && seller !== account) {
    // A reseller's agreement is not ours to read; how often our authorization was used is.
    const authorization = resaleAuthorization?.id;
    return authorization
      ? news(event.id, { kind: "offer", id: bareId(authorization) })
      : useless("an agreement of another seller of record");
  }
  const isForBoth = /^Purchase Agreement (Created|Amended|Ended)$/.test(fact);
  if (!isForBoth) return news(event.id, { kind: "agreement", id });
  // Both variants are one fact, and one key. An amendment may come back to what was before: not within the same hour.
  const hour = fact.endsWith("Amended") ? event.time.slice(0, 13) : "";
  const { intent, status, acceptanceTime, startTime, endTime } = agreement ?? {};
  const key = [fact, id, intent, status, acceptanceTime, startTime, endTime, hour].map((part) => part ?? "").join("|");
  return news(key.slice(0, 255), { kind: "agreement", id });
};
