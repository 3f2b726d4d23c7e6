/** Connections: configured seller identities, and where their sweeps left off. */
import * as z from "zod";
import {
  type Connection,
  connectionSchema,
  type Environment,
  type Json,
  type JsonObject,
  type MarketplaceId,
} from "../domain/deal.ts";
import { connectionTable, step } from "../domain/machine.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { parseFirst, parseRow, parseRows } from "./rows.ts";

const sweepSchema = z.object({ cursor: z.json().nullable(), sweptAt: z.date().nullable() });

/** The exception about a person's sign-in at a partner that will end, or has ended. */
export const consentLapsesCode = "CONSENT_LAPSES";

export interface NewConnection {
  readonly marketplace: MarketplaceId;
  readonly label: string;
  readonly account: string;
  readonly environment: Environment;
  readonly settings: JsonObject;
}

export type Connections = ReturnType<typeof createConnections>;

export const createConnections = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  const find = async (query: Query, id: string): Promise<Connection | null> =>
    parseFirst(connectionSchema, await query`select * from connection where id = ${id}`);
  return {
    find,
    list: async (query: Query): Promise<readonly Connection[]> =>
      parseRows(connectionSchema, await query`select * from connection order by id limit 500`),

    /** The connection of this seller identity, or null. */
    findBySeller: async (
      query: Query,
      marketplace: MarketplaceId,
      account: string,
      environment: Environment,
    ): Promise<Connection | null> =>
      parseFirst(
        connectionSchema,
        await query`select * from connection
        where marketplace = ${marketplace} and account = ${account} and environment = ${environment}`,
      ),

    /** Stores a connection; the same seller identity again is updated in place (new settings, same id). */
    save: async (tx: Query, input: NewConnection, actorId: string): Promise<Connection> => {
      const [row] =
        await tx`insert into connection (id, marketplace, label, account, environment, settings, state, created_at)
        values (${deps.ids.next("con")}, ${input.marketplace}, ${input.label}, ${input.account}, ${input.environment},
          ${tx.json(input.settings)}, 'active', ${deps.clock.now()})
        on conflict (marketplace, account, environment) do update
          set label = excluded.label, settings = excluded.settings, version = connection.version + 1
        returning *`;
      const connection = parseRow(connectionSchema, row ?? {});
      await deps.journal.note(tx, {
        subject: connection.id,
        actorId,
        what: connection.version === 1 ? "connected" : "settings_changed",
      });
      return connection;
    },

    /** Stops all work of a connection whose credentials or permissions fail: told once, resumed by a person. */
    park: async (tx: Query, id: string, reason: string, actorId: string): Promise<void> => {
      const connection = await find(tx, id);
      if (connection === null || step(connectionTable, connection.state, "denied") === null) return;
      await tx`update connection set state = 'parked', parked_reason = ${reason}, version = version + 1 where id = ${id}`;
      await deps.journal.note(tx, { subject: id, actorId, what: "parked", from: "active", to: "parked", note: reason });
      await deps.journal.tell(tx, "connection.parked", id, { connectionId: id, reason });
      await deps.journal.openException(
        tx,
        "CONNECTION_PARKED",
        id,
        `${reason} Mend the credentials or permissions, then resume the connection.`,
      );
    },

    /** Takes a parked connection up again. Null when there is none; an active one is returned as it is. */
    resume: async (tx: Query, id: string, actorId: string): Promise<Connection | null> => {
      const connection = await find(tx, id);
      if (connection === null || step(connectionTable, connection.state, "resumed") === null) return connection;
      await tx`update connection set state = 'active', parked_reason = null, version = version + 1 where id = ${id}`;
      await deps.journal.note(tx, { subject: id, actorId, what: "resumed", from: "parked", to: "active" });
      await deps.journal.tell(tx, "connection.resumed", id, { connectionId: id });
      const open = await tx<
        { id: string }[]
      >`select id from exception where code = 'CONNECTION_PARKED' and subject = ${id} and closed_at is null`;
      for (const exception of open)
        await deps.journal.closeException(tx, exception.id, "the connection was resumed", actorId);
      return find(tx, id);
    },

    readSweep: async (
      query: Query,
      connectionId: string,
    ): Promise<{ readonly cursor: Json; readonly sweptAt: Date | null }> =>
      parseFirst(
        sweepSchema,
        await query`select cursor, swept_at from sweep where connection_id = ${connectionId}`,
      ) ?? { cursor: null, sweptAt: null },

    /** Where the sweep of offers, or that of agreements, left off. */
    readOfferSweep: async (query: Query, connectionId: string, kind: "offer" | "agreement"): Promise<Json> => {
      const [row] = await query<{ offer_cursor: Json; agreement_cursor: Json }[]>`
        select offer_cursor, agreement_cursor from sweep where connection_id = ${connectionId}`;
      return (kind === "offer" ? row?.offer_cursor : row?.agreement_cursor) ?? null;
    },
    saveOfferSweep: async (
      query: Query,
      connectionId: string,
      left: { readonly kind: "offer" | "agreement"; readonly cursor: Json },
    ): Promise<void> => {
      const column = query(left.kind === "offer" ? "offer_cursor" : "agreement_cursor");
      const cursor = query.json(left.cursor);
      await query`insert into sweep (connection_id, ${column}) values (${connectionId}, ${cursor})
        on conflict (connection_id) do update set ${column} = excluded.${column}`;
    },

    saveSweep: async (query: Query, connectionId: string, cursor: Json): Promise<void> => {
      await query`insert into sweep (connection_id, cursor, swept_at) values (${connectionId}, ${query.json(cursor)}, ${deps.clock.now()})
        on conflict (connection_id) do update set cursor = excluded.cursor, swept_at = excluded.swept_at`;
    },
  };
};
