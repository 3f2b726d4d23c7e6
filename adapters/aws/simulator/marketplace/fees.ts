/** AWS's listing fee: by contract value, lower for renewals, higher through a channel partner. https://docs.aws.amazon.com/marketplace/latest/userguide/listing-fees.html */
import type { MarketplaceSettings } from "./settings.ts";

export interface Sold {
  /** Millionths of one unit of the currency. */
  readonly value: bigint;
  readonly currency: string;
  readonly isRenewal: boolean;
  readonly isResold: boolean;
  readonly isPublic: boolean;
}

/** The fee in millionths of what the buyer pays before tax. */
export const feePpmOf = (sold: Sold, settings: MarketplaceSettings): number => {
  const dollars = (sold.value * BigInt(settings.dollars[sold.currency] ?? 1_000_000)) / 1_000_000_000_000n;
  const tier = settings.feeTiers.find(([below]) => below === null || dollars < BigInt(below));
  const negotiated = tier?.[1] ?? settings.renewalFeePpm;
  const base = sold.isRenewal ? settings.renewalFeePpm : sold.isPublic ? settings.publicFeePpm : negotiated;
  return base + (sold.isResold ? settings.channelFeePpm : 0);
};
