/** Where a simulator keeps its ledger, and the simulated connection that a fresh installation starts with. */
import type { SimulatorEntry, SimulatorState } from "../adapters/contract.ts";
import type { Db } from "./ports.ts";

/** The simulator's schema in the service's database: durable, and never read by the service. */
export const createDatabaseState = (db: Db, marketplace: string): SimulatorState => ({
  load: async () => {
    const rows = await db.sql<SimulatorEntry[]>`select collection, id, value from simulator.entry where marketplace = ${marketplace}`;
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
