/** The contract's part about simulators. */
import type { Environment, Json, JsonObject, MarketplaceId } from "../src/domain/deal.ts";
import type { ClockDep, IdsDep } from "../src/ports.ts";

/** A marketplace in small: their side of the wire, their ledger, their clockwork. Shares only wire schemas with its adapter. */
export interface Simulator {
  /** Speaks the vendor's wire protocol. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** The control API: approve, ask, reject, launch, advance, replay, shuffle, faults, ledger. JSON over HTTP. */
  readonly control: (request: Request) => Promise<Response>;
  /** Does everything due at or before the clock's now: reviews, task completions, event deliveries. Returns how many things it did. */
  readonly tick: () => Promise<number>;
  /** When the next thing is due, or null. */
  readonly nextDueAt: () => Date | null;
}

/** One entry of a simulator's own ledger; null value deletes. The service never reads it. */
export interface SimulatorEntry {
  readonly collection: string;
  readonly id: string;
  readonly value: Json;
}
export interface SimulatorState {
  readonly load: () => Promise<readonly SimulatorEntry[]>;
  /** Durable when it resolves, all or nothing. */
  readonly append: (entries: readonly SimulatorEntry[]) => Promise<void>;
}
export interface SimulatorDeps extends ClockDep, IdsDep {
  readonly state: SimulatorState;
  /** Delivers events to the service's own endpoint: the event bus side of the vendor. */
  readonly deliver: (request: Request) => Promise<Response>;
}

/** How a simulator is run. */
export interface SimulatorOptions {
  /** All chance comes from here: the same seed, fault plan and calls make the same run. */
  readonly seed: string;
  /** seeded: records are reviewed and move by themselves over days and weeks; manual: only the controls decide. */
  readonly reviewer: "seeded" | "manual";
  /** Moves a virtual clock to a time. Without it `advance` is refused. */
  readonly advance?: (to: Date) => void | Promise<void>;
  /** Simulated time-outs reject at once instead of hanging: for virtual time. */
  readonly instantTimeouts?: boolean;
  /** The longest a simulated time-out hangs, in milliseconds. */
  readonly hangMsMax?: number;
  /** The path prefix a router took away before `fetch` sees the request. */
  readonly basePath?: string;
}

/** A marketplace's simulator as an installation takes it in: a row of `simulators.ts`. */
export interface SimulatedCloud {
  readonly id: MarketplaceId;
  readonly create: (deps: SimulatorDeps, options: SimulatorOptions) => Simulator;
  /** The body of POST /v1/connections that connects its account; with an endpoint where it runs elsewhere. */
  readonly connection: (endpoint?: string) => SimulatedConnection;
  /** Makes it deliver its events to the new connection. Absent: it tells of changes only when it is asked. */
  readonly attach?: (at: SimulatedAttachment) => Promise<void>;
  /** What signs in there, by name, for people. It opens nothing but simulators. */
  readonly signIn: Readonly<Record<string, string>>;
  /** The command that connects to it at an address. */
  readonly connectCommand: (endpoint: string) => string;
}
export interface SimulatedConnection {
  readonly marketplace: MarketplaceId;
  readonly label: string;
  readonly account: string;
  readonly environment: Environment;
  readonly settings: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
}
export interface SimulatedAttachment {
  readonly connectionId: string;
  /** Calls our own API as an administrator. Throws when it refuses. */
  readonly call: (method: "GET" | "POST" | "PUT", path: string, body?: JsonObject) => Promise<unknown>;
  readonly control: Simulator["control"];
}
