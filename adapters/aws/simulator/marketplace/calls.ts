/** One authenticated, well-formed request to one of the marketplace's APIs. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import type { Occasion } from "../world.ts";
import type { Api } from "./refusals.ts";

export interface MarketCall extends Occasion {
  readonly api: Api;
  readonly operation: string;
  readonly account: string;
  readonly input: JsonObject;
}
