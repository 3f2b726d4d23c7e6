/** What every call about offers and orders shares. */
import type { HttpDep } from "../../../src/ports.ts";
import type { CoSellDeps } from "../reading.ts";
import type { Market } from "./settings.ts";

export interface MarketDeps extends CoSellDeps, HttpDep {
  readonly market: Market;
}
