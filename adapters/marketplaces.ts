/** The marketplaces that this build can connect to. Another one is its folder, a row here, and a row in `simulators.ts`. */
import { type AwsOptions, createAws } from "./aws/index.ts";
import type { Marketplace } from "./contract.ts";
import { createGcp } from "./gcp/index.ts";

/** What only some runtimes have, by marketplace. */
export interface MarketplaceOptions {
  readonly aws?: AwsOptions;
}

export const createMarketplaces = (options: MarketplaceOptions = {}): readonly Marketplace[] => [
  createAws(options.aws),
  createGcp(),
];
