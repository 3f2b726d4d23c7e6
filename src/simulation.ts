/** Where a simulator keeps its ledger, and the simulated connection that a fresh installation starts with. */
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import type { Simulator, SimulatorEntry, SimulatorState } from "../adapters/contract.ts";
import type { Db } from "./ports.ts";
import type { Service } from "./service.ts";

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

export interface SimulatedInstallation {
  readonly service: Pick<Service, "app">;
  /** An API key with every scope. */
  readonly token: string;
  readonly aws: Simulator;
  readonly publicUrl: string;
  /** Where the simulator answers, when it is to be reached over the network; default: in this process. */
  readonly endpoint?: string;
}

/**
 * A fresh installation starts with AWS simulated, so that there is something to push to before anybody signs up anywhere.
 * Connects it and points the simulator's events at the service. Does nothing when any connection exists.
 */
export const connectSimulator = async (at: SimulatedInstallation): Promise<void> => {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const request = new Request(`${at.publicUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${at.token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const response = await at.service.app.fetch(request);
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  const { items } = (await call("GET", "/v1/connections")) as { items: readonly unknown[] };
  if (items.length > 0) return;
  const { connection } = (await call("POST", "/v1/connections", simulatedAws(at.endpoint))) as {
    connection: { id: string };
  };
  const hook = (await call("POST", `/v1/connections/${connection.id}/hook-keys`)) as {
    url: string;
    headerName: string;
    secret: string;
  };
  await at.aws.control(
    new Request("http://simulator.invalid/destinations", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        url: hook.url,
        headerName: hook.headerName,
        headerValue: hook.secret,
        account: simulatedCredential.account,
        catalog: "AWS",
      }),
    }),
  );
};

/** The request that connects the simulated AWS account. */
export const simulatedAws = (endpoint?: string) => ({
  marketplace: "aws",
  label: "AWS (simulated)",
  account: simulatedCredential.account,
  environment: "simulated",
  settings: {
    accountId: simulatedCredential.account,
    catalog: "AWS",
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: { accessKeyIdRef: "secret:accessKeyId", secretAccessKeyRef: "secret:secretAccessKey" },
    defaults: {
      solutions: ["S-0000001"],
      involvementType: "Co-Sell",
      visibility: "Full",
      marketing: { source: "None" },
    },
  },
  secrets: { accessKeyId: simulatedCredential.accessKeyId, secretAccessKey: simulatedCredential.secretAccessKey },
});
