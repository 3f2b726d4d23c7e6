/** The fee schedule: what marketplaces publish, seeded, and what whoever has the contracts made of it. */
import * as z from "zod";
import { type FeeRow, feeRowSchema, seedFeeRows } from "../domain/fee.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import { parseRows } from "./rows.ts";

const storedSchema = z.object({
  id: z.string(),
  row: feeRowSchema,
  removedAt: z.date().nullable(),
  actorName: z.string(),
});
export type IdentifiedFeeRow = FeeRow & {
  readonly id: string;
  readonly isSeed: boolean;
  readonly savedBy: string | null;
};

export type FeeRows = ReturnType<typeof createFeeRows>;

export const createFeeRows = (deps: ClockDep & IdsDep) => ({
  /** The rows in force: the seeds that nobody replaced or removed, and everybody's own. */
  list: async (query: Query): Promise<readonly IdentifiedFeeRow[]> => {
    const stored = parseRows(
      storedSchema,
      await query`select fee_row.id, row, removed_at, actor.name as actor_name from fee_row join actor on actor.id = actor_id order by fee_row.created_at, fee_row.id limit 5000`,
    );
    const touched = new Set(stored.map(({ id }) => id));
    return [
      ...seedFeeRows
        .filter(({ id }) => !touched.has(id))
        .map(({ id, ...row }) => ({ ...feeRowSchema.parse(row), id, isSeed: true, savedBy: null })),
      ...stored
        .filter(({ removedAt }) => removedAt === null)
        .map(({ id, row, actorName }) => ({ ...row, id, isSeed: false, savedBy: actorName })),
    ];
  },
  /** Saves a row: a new one, or with an id in place of that one, also of a seed. */
  save: async (
    tx: Query,
    input: { readonly id: string | null; readonly row: FeeRow; readonly actorId: string },
  ): Promise<string> => {
    const id = input.id ?? deps.ids.next("fee");
    await tx`insert into fee_row (id, row, actor_id, created_at) values (${id}, ${tx.json(input.row)}, ${input.actorId}, ${deps.clock.now()})
      on conflict (id) do update set row = excluded.row, actor_id = excluded.actor_id, removed_at = null`;
    return id;
  },
  /** Takes a row out of force; a removed seed does not come back. */
  remove: async (tx: Query, row: IdentifiedFeeRow, actorId: string): Promise<void> => {
    const { id, isSeed: _, savedBy: __, ...content } = row;
    await tx`insert into fee_row (id, row, actor_id, created_at, removed_at) values (${id}, ${tx.json(content)}, ${actorId}, ${deps.clock.now()}, ${deps.clock.now()})
      on conflict (id) do update set removed_at = excluded.removed_at, actor_id = excluded.actor_id`;
  },
});
