/** The simulated clouds of an installation: under one clock, each with a ledger of its own, connected when it is fresh. */
import * as z from "zod";
import type {
  SimulatedCloud,
  Simulator,
  SimulatorDeps,
  SimulatorEntry,
  SimulatorOptions,
  SimulatorState,
} from "../adapters/contract.ts";
import { simulatedClouds } from "../adapters/simulators.ts";
import { environmentSchema, type MarketplaceId, marketplaceIdSchema } from "./domain/deal.ts";
import type { Db } from "./ports.ts";

/** The simulator's schema in the service's database: durable, and never read by the service. */
export const createDatabaseState = (db: Db, marketplace: string): SimulatorState => ({
  load: async () => {
    const rows = await db.sql<
      SimulatorEntry[]
    >`select collection, id, value from simulator.entry where marketplace = ${marketplace}`;
    return rows.map((row) => ({ collection: row.collection, id: row.id, value: row.value }));
  },
  append: async (entries) => {
    // Later entries win; one statement cannot touch a row twice.
    const last = [...new Map(entries.map((entry) => [`${entry.collection}/${entry.id}`, entry])).values()];
    const gone = last.filter((entry) => entry.value === null);
    const kept = last.filter((entry) => entry.value !== null);
    await db.transaction(async (tx) => {
      if (kept.length > 0) {
        await tx`insert into simulator.entry (marketplace, collection, id, value)
          select ${marketplace}, row.collection, row.id, row.value from json_to_recordset(${JSON.stringify(kept)}::text::json)
            as row (collection text, id text, value jsonb)
          on conflict (marketplace, collection, id) do update set value = excluded.value`;
      }
      if (gone.length > 0) {
        await tx`delete from simulator.entry using json_to_recordset(${JSON.stringify(gone)}::text::json) as row (collection text, id text)
          where entry.marketplace = ${marketplace} and entry.collection = row.collection and entry.id = row.id`;
      }
    });
  },
});

/** Simulators in one process, by marketplace. */
export type Simulators = Readonly<Partial<Record<MarketplaceId, Simulator>>>;

export interface SimulatorsDeps extends Omit<SimulatorDeps, "state"> {
  readonly stateOf: (marketplace: MarketplaceId) => SimulatorState;
  /** Moves the clock; absent where somebody else moves it. */
  readonly advanceTo?: (at: Date) => void;
}
export interface SimulatorsOptions extends Omit<SimulatorOptions, "advance" | "basePath"> {
  /** Which clouds; default: all that can be simulated. */
  readonly clouds?: readonly MarketplaceId[];
  /** Below which path each of them is mounted. */
  readonly basePathOf?: (marketplace: MarketplaceId) => string;
}

/**
 * Simulators that share one clock: whichever is told to advance takes the others along, each thing in the order in which it is due.
 */
export const createSimulators = (deps: SimulatorsDeps, options: SimulatorsOptions): Simulators => {
  const { stateOf, advanceTo, ...shared } = deps;
  const { clouds, basePathOf, ...common } = options;
  const made = new Map<MarketplaceId, Simulator>();
  const advance = async (leader: MarketplaceId, to: Date): Promise<void> => {
    const others = [...made].flatMap(([id, simulator]) => (id === leader ? [] : [simulator]));
    for (let next = firstDue(others); next !== null && next.at <= to; next = firstDue(others)) {
      advanceTo?.(next.at);
      await next.simulator.tick();
    }
    advanceTo?.(to);
  };
  for (const cloud of wantedClouds(clouds)) {
    const simulator = cloud.create(
      { ...shared, state: stateOf(cloud.id) },
      {
        ...common,
        ...(advanceTo === undefined ? {} : { advance: (to: Date) => advance(cloud.id, to) }),
        ...(basePathOf === undefined ? {} : { basePath: basePathOf(cloud.id) }),
      },
    );
    made.set(cloud.id, simulator);
  }
  return Object.fromEntries(made);
};

const wantedClouds = (ids: readonly MarketplaceId[] | undefined): readonly SimulatedCloud[] =>
  simulatedClouds.filter((cloud) => ids?.includes(cloud.id) ?? true);

/** Of several simulators the one with the next thing to do, and when that is due. */
const firstDue = (simulators: readonly Simulator[]) =>
  simulators.reduce<{ readonly simulator: Simulator; readonly at: Date } | null>((first, simulator) => {
    const at = simulator.nextDueAt();
    return at !== null && (first === null || at < first.at) ? { simulator, at } : first;
  }, null);

export interface SimulatedInstallation {
  readonly service: { readonly app: { readonly fetch: (request: Request) => Response | Promise<Response> } };
  /** An API key with every scope. */
  readonly token: string;
  readonly simulators: Simulators;
  readonly publicUrl: string;
  /** Where a simulator answers, when it is to be reached over the network; default: in this process. */
  readonly endpointOf?: (marketplace: MarketplaceId) => string;
}

const connectionsSchema = z.looseObject({
  items: z.array(z.looseObject({ marketplace: marketplaceIdSchema, environment: environmentSchema })),
});
const connectedSchema = z.looseObject({ connection: z.looseObject({ id: z.string() }) });

/**
 * A fresh installation starts with every cloud simulated, so that there is something to push to before anybody signs up anywhere.
 * Connects each that is not yet, and makes it deliver its events to the service. Does nothing once anything real is connected.
 */
export const connectSimulators = async (at: SimulatedInstallation): Promise<void> => {
  const call = callerOf(at);
  const { items } = connectionsSchema.parse(await call("GET", "/v1/connections?limit=200"));
  if (items.some((connection) => connection.environment !== "simulated")) return;
  for (const cloud of simulatedClouds) {
    const simulator = at.simulators[cloud.id];
    if (simulator === undefined || items.some((connection) => connection.marketplace === cloud.id)) continue;
    const { connection } = connectedSchema.parse(
      await call("POST", "/v1/connections", cloud.connection(at.endpointOf?.(cloud.id))),
    );
    await cloud.attach?.({ call, control: simulator.control, connectionId: connection.id });
  }
};

const callerOf =
  (at: Pick<SimulatedInstallation, "service" | "token" | "publicUrl">) =>
  async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const request = new Request(`${at.publicUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${at.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const response = await at.service.app.fetch(request);
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
