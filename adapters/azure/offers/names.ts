/** Identifiers of Microsoft's marketplace: durable ones with the kind of thing before them, and the seller's own names. */
import { bareId } from "../wire-offers.ts";
import type { Market } from "./settings.ts";

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const isGuid = (text: string): boolean => guid.test(text.trim());

/** Billing account of the Microsoft Customer Agreement's form: https://learn.microsoft.com/en-us/partner-center/marketplace-offers/isv-customer-faq */
export const isBillingAccount = (text: string): boolean =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_\d{4}-\d{2}-\d{2}$/i.test(text);
/** A partner's location at Microsoft, as multiparty offers name one. */
export const isPartnerId = (text: string): boolean => /^\d{4,12}$/.test(text);

/** A private offer's id as we keep it: the bare one in small letters. */
export const offerIdOf = (id: string): string => bareId(id).toLowerCase();
export const durableOfferId = (id: string): string => `private-offer/${offerIdOf(id)}`;

/** `product/<guid>` of what terms name: that itself, its GUID, or the seller's own name of it. Null: it is none of these. */
export const productIdOf = (named: string, { products }: Pick<Market, "products">): string | null => {
  const known = products.find(({ id, offerId }) => id === named || offerId === named);
  if (known !== undefined) return known.id;
  if (/^product\/\S{1,80}$/.test(named)) return named;
  return isGuid(named) ? `product/${named}` : null;
};
/** `plan/…` of what terms name. Null: it is none. */
export const planIdOf = (named: string, product: string, { products }: Pick<Market, "products">): string | null => {
  const plans = products.find(({ id }) => id === product)?.plans ?? [];
  const known = plans.find(({ id, planId }) => id === named || planId === named);
  if (known !== undefined) return known.id;
  if (/^plan\/\S{1,120}$/.test(named)) return named;
  return isGuid(named) ? `plan/${named}` : null;
};

/** Our mark as it stands in a name: apart from what people wrote, and never part of another mark. */
export const markOf = (marker: string): string => `[${marker}]`;
/** The same in the notes, which only the seller's side reads. */
export const noteMarkOf = (marker: string): string => `[cosell:${marker}]`;

/** Our mark on a private offer; null where it carries none. A list may show names alone. */
export const markIn = (offer: {
  readonly name?: string | null | undefined;
  readonly notes?: string | null | undefined;
}): string | null =>
  /\[cosell:([A-Za-z0-9_-]{1,40})\]/.exec(offer.notes ?? "")?.[1] ?? namedMark.exec(offer.name ?? "")?.[1] ?? null;
const namedMark = /\[((?:cosell-|csl-|off_)[A-Za-z0-9_-]{1,36})\]\s*$/;

/** The name as people wrote it. */
export const unmarked = (name: string): string => name.replace(namedMark, "").trim();
