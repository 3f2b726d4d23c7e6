/** Google's names of a private offer's members, in any of its spellings → our fields; and what its refusals mean there. */
import { offerSources } from "./rule-kinds.ts";

const product = "singleProductOffer";
/** The longest name that fits counts. */
const fields: readonly (readonly [string, string])[] = [
  ["title", "name"],
  ["customerNote", "description"],
  ["offerDealType", "renewal.kind"],
  ["partnerContact", "contacts.owner"],
  ["customer.entityTitle", "buyer.name"],
  ["customer.targetBillingAccount", "buyer.accounts"],
  ["customer", "contacts"],
  ["acceptDeadlineTime", "acceptBy"],
  ["term.maxRenewalCount", "gcp.renewals"],
  ["term.scheduledStartTime", "term.start"],
  ["term.scheduledEndTime", "term.end"],
  ["term.durationMonths", "term.months"],
  ["term", "term"],
  [`${product}.baseStandardOffer`, "plan"],
  [`${product}.amendedPrivateOffer`, "replaces"],
  [`${product}.amendedStandardOffer`, "replaces"],
  [`${product}.standardIntervalPrice.standardInterval`, "gcp.interval"],
  [`${product}.standardIntervalPrice`, "price"],
  [`${product}.customIntervalPrice`, "schedule"],
  [`${product}.features`, "price.grants"],
  [`${product}.additionalContractValue`, "gcp.additionalContractValue"],
  [product, "price"],
  ["documents", "legal"],
  ["documentType", "legal.kind"],
  ["inlineContent", "legal.url"],
  ["mimeType", "legal.url"],
  ["targetBillingAccount", "buyer.accounts"],
  ["baseStandardOffer", "plan"],
];

/** `private_offer.customer.target_billing_account` and `installments[0]` → the member's path. */
const pathOf = (name: string): string =>
  name
    .replaceAll(/\[\d*\]/g, "")
    .replace(/^(private_?offer_?document|private_?offer)\./i, "")
    .replaceAll(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Our field for a member that Google names; null when we do not know it. */
export const offerFieldNamed = (name: string): { readonly field: string; readonly source: string } | null => {
  const path = pathOf(name);
  const known = fields
    .filter(([member]) => path === member || path.startsWith(`${member}.`))
    .toSorted(([a], [b]) => b.length - a.length)[0];
  return known === undefined ? null : { field: known[1], source: offerSources.offer };
};

/** Whether a method is the marketplace's, not co-sell's. */
export const isMarketOperation = (operation: string): boolean =>
  /^(privateOffers|services|providers)\./.test(operation);
const isProducers = (operation: string): boolean => /^(privateOffers|services)\./.test(operation);

/** What stands behind a 403 that gives no reason. */
export const marketDenial = (operation: string): string =>
  isProducers(operation)
    ? "the service account may not use it. Give it the role roles/commerceproducer.admin in the project of settings.marketplace, and compare the project with Producer Portal"
    : "the service account may not use it. Link it in Producer Portal for the Procurement API, and compare settings.marketplace.providerId with what is shown there";

/** Methods that name no record: what Google does not know is the project or the provider. */
const placeless: ReadonlySet<string> = new Set([
  "privateOffers.list",
  "privateOffers.create",
  "providers.entitlements.list",
]);
export const isPlaceMissing = (operation: string): boolean => placeless.has(operation);
export const placeRemedy = "Compare settings.marketplace.project and providerId with Producer Portal";
