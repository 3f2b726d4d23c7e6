/** Marketplaces as files name them. */
import { type MarketplaceId, marketplaceIds } from "../deal.ts";

const known: ReadonlySet<string> = new Set(marketplaceIds);
export const isMarketplace = (text: string): text is MarketplaceId => known.has(text);
