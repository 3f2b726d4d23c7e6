/** The contract's part about simulators. */
import type { Json } from "../src/domain/deal.ts";
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
