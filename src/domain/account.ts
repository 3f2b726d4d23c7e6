/** Which company a website or a name points to. Exact keys first; a name alone never merges across countries. */
import { getDomain } from "tldts";
import type { AccountInput } from "./deal.ts";

/** Hosts that many companies share: a page there identifies nobody. */
const sharedHosts = new Set([
  "facebook.com",
  "linkedin.com",
  "gmail.com",
  "outlook.com",
  "hotmail.com",
  "yahoo.com",
  "google.com",
  "instagram.com",
  "x.com",
]);

/** The registrable domain of a website (punycode, lower case), or null when it has none or many share it. */
export const registrableDomain = (website: string | null | undefined): string | null => {
  if (website === null || website === undefined) return null;
  const domain = getDomain(website.trim(), { allowPrivateDomains: true });
  return domain === null || sharedHosts.has(domain) ? null : domain.toLowerCase();
};

/** The key under which accounts are one: domain and country, else name and country. */
export const accountMatchKey = (account: Pick<AccountInput, "name" | "website" | "country">): string => {
  const domain = registrableDomain(account.website);
  const identity = domain === null ? `name:${account.name.normalize("NFKC").trim().toLowerCase()}` : `domain:${domain}`;
  return `${identity}|${account.country ?? ""}`;
};
