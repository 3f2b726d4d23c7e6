/** Names of resources: Google writes them in several shapes, of which only the last segment counts. */
import type { Market } from "./settings.ts";

/** The last segment of a resource name. */
export const lastOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);

const placeOf = ({ project }: Market): string => `projects/${project}/locations/global`;
export const offersPath = (market: Market): string => `/v1beta/${placeOf(market)}/privateOffers`;
/** The path of one offer, with a method or a child behind it. */
export const offerPath = (market: Market, id: string, behind = ""): string =>
  `${offersPath(market)}/${encodeURIComponent(id)}${behind}`;

/** A listing's id, its resource name, or the name of anything below it → the listing's id. */
export const serviceOf = (product: string): string => /(?:^|\/)services\/([^/]+)/.exec(product)?.[1] ?? lastOf(product);
/** The resource name of a plan's standard offer, where both ids are there. */
export const planNameOf = (market: Market, product: string, plan: string): string =>
  `${placeOf(market)}/services/${serviceOf(product)}/standardOffers/${lastOf(plan)}`;
/** A SKU of the listing by its id; whole names stay as they are. Google's own SKUs begin with `services/`. */
export const skuNameOf = (market: Market, product: string, sku: string): string =>
  sku.includes("/") ? sku : `${placeOf(market)}/services/${serviceOf(product)}/skus/${sku}`;

/** The id of a private offer in any of its names; null for a standard offer, or none. */
export const privateOfferIn = (name: string | null | undefined): string | null =>
  /\/privateOffers\/([^/]+)$/.exec(name ?? "")?.[1] ?? null;

export const entitlementPath = ({ providerId }: Market, id: string, behind = ""): string =>
  `/v1/providers/${encodeURIComponent(providerId)}/entitlements/${encodeURIComponent(id)}${behind}`;
export const accountPath = ({ providerId }: Market, id: string, behind = ""): string =>
  `/v1/providers/${encodeURIComponent(providerId)}/accounts/${encodeURIComponent(id)}${behind}`;

const accountPattern = /^(?:billingAccounts\/)?([0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})$/i;
/** A Cloud Billing account's id in Google's spelling; null when it is none. */
export const billingAccountOf = (text: string): string | null =>
  accountPattern.exec(text.trim())?.[1]?.toUpperCase() ?? null;
