/** One call as the parts of the simulator see it, once it is known who calls. */
import type { Json } from "../../../src/domain/deal.ts";
import type { Place } from "../../simulator/place.ts";
import type { SimulatedCredential } from "./credential.ts";
import type { Operation } from "./faults.ts";
import type { Occasion } from "./world.ts";

/** Who calls: a consenting user with an application, or an application alone. */
export interface Caller {
  readonly credential: SimulatedCredential;
  readonly kind: "user" | "app";
  readonly isMfa: boolean;
}
export interface Call extends Occasion {
  readonly operation: Operation;
  readonly caller: Caller;
  readonly place: Place;
  readonly headers: Headers;
  /** The body's JSON; undefined when there is none. */
  readonly body: Json | undefined;
}
export const accountOf = (call: Call): string => call.caller.credential.organizationId;
