/** The marketplaces that this build can connect to. Another one is its folder, a row here, and a row in `simulators.ts`. */
import { type AwsOptions, createAws } from "./aws/index.ts";
import { type AzureOptions, createAzure } from "./azure/index.ts";
import type { Marketplace } from "./contract.ts";
import { createGcp } from "./gcp/index.ts";

/** What only some runtimes have, by marketplace. */
export interface MarketplaceOptions {
  readonly aws?: AwsOptions;
  readonly azure?: AzureOptions;
}

export const createMarketplaces = (options: MarketplaceOptions = {}): readonly Marketplace[] => [
  createAws(options.aws),
  createAzure(options.azure),
  createGcp(),
];
