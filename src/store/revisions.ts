/** Edits of ours on their way to the partner's record: the base they are merged against, and what became of each. */
import * as z from "zod";
import { type Json, type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import { parseRows } from "./rows.ts";

export const pendingEditSchema = z.object({
  id: z.string(),
  shareId: z.string(),
  field: z.string(),
  state: z.enum(["waiting", "sent", "dropped"]),
  reason: z.string().nullable(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type PendingEdit = z.infer<typeof pendingEditSchema>;

export const createRevisions = (deps: ClockDep & IdsDep & SealDep) => ({
  readBase: async (query: Query, shareId: string): Promise<Json> => {
    const [row] = await query<
      { sealed_base: Uint8Array | null }[]
    >`select sealed_base from share where id = ${shareId}`;
    return row?.sealed_base
      ? z.json().parse(JSON.parse(await deps.seal.open(row.sealed_base, `base:${shareId}`)))
      : null;
  },
  keepBase: async (tx: Query, shareId: string, base: JsonObject): Promise<void> => {
    await tx`update share set sealed_base = ${await deps.seal.close(JSON.stringify(base), `base:${shareId}`)} where id = ${shareId}`;
  },
  /** Sets the base that holds once the update under way is confirmed. */
  keepNextBase: async (tx: Query, shareId: string, base: JsonObject): Promise<void> => {
    await tx`update share set sealed_next_base = ${await deps.seal.close(JSON.stringify(base), `base:${shareId}`)} where id = ${shareId}`;
  },
  /** The update is confirmed: its base holds now. */
  promoteBase: async (tx: Query, shareId: string): Promise<void> => {
    await tx`update share set sealed_base = coalesce(sealed_next_base, sealed_base), sealed_next_base = null where id = ${shareId}`;
  },
  /** The bases of a share: what both agreed on, and what holds once an update under way is confirmed. */
  readBases: async (query: Query, shareId: string): Promise<{ readonly base: Json; readonly nextBase: Json }> => {
    const [row] = await query<
      { sealed_base: Uint8Array | null; sealed_next_base: Uint8Array | null }[]
    >`select sealed_base, sealed_next_base from share where id = ${shareId}`;
    const open = async (sealed: Uint8Array | null | undefined): Promise<Json> =>
      sealed ? z.json().parse(JSON.parse(await deps.seal.open(sealed, `base:${shareId}`))) : null;
    return { base: await open(row?.sealed_base), nextBase: await open(row?.sealed_next_base) };
  },
  /** Both agree on these pieces now, whatever else is under way. */
  agreeOn: async (
    tx: Query,
    shareId: string,
    bases: { readonly base: Json; readonly nextBase: Json; readonly pieces: readonly JsonObject[] },
  ): Promise<void> => {
    const close = async (base: Json): Promise<Uint8Array | null> => {
      const known = jsonObjectSchema.safeParse(base).data;
      if (known === undefined) return null;
      return deps.seal.close(JSON.stringify(Object.assign({}, known, ...bases.pieces)), `base:${shareId}`);
    };
    await tx`update share set sealed_base = ${await close(bases.base)}, sealed_next_base = ${await close(bases.nextBase)} where id = ${shareId}`;
  },
  isRevisionWanted: async (query: Query, shareId: string): Promise<boolean> => {
    const [row] = await query<{ revision_wanted: boolean }[]>`select revision_wanted from share where id = ${shareId}`;
    return row?.revision_wanted ?? false;
  },
  wantRevision: async (tx: Query, shareId: string, wanted: boolean): Promise<void> => {
    await tx`update share set revision_wanted = ${wanted} where id = ${shareId}`;
  },

  /** Shows edits that wait for their record to open; repeated edits of a field coalesce into one row. */
  keepWaiting: async (tx: Query, shareId: string, fields: readonly string[], reason: string): Promise<void> => {
    const now = deps.clock.now();
    await tx`delete from pending_edit where share_id = ${shareId} and state = 'waiting' and field <> all(${[...fields]}::text[])`;
    for (const field of fields) {
      await tx`insert into pending_edit (id, share_id, field, state, reason, created_at, updated_at)
          values (${deps.ids.next("edt")}, ${shareId}, ${field}, 'waiting', ${reason}, ${now}, ${now})
          on conflict (share_id, field) where state = 'waiting' do update set reason = excluded.reason, updated_at = excluded.updated_at`;
    }
  },
  /** Says what became of edits: sent, or dropped with a reason. */
  settleEdits: async (
    tx: Query,
    shareId: string,
    sent: readonly string[],
    dropped: readonly { readonly field: string; readonly reason: string }[],
  ): Promise<void> => {
    const now = deps.clock.now();
    await tx`delete from pending_edit where share_id = ${shareId} and state = 'waiting'`;
    const rows = [
      ...sent.map((field) => ({ field, state: "sent", reason: null })),
      ...dropped.map((edit) => ({ ...edit, state: "dropped" })),
    ];
    for (const row of rows) {
      await tx`insert into pending_edit (id, share_id, field, state, reason, created_at, updated_at)
          values (${deps.ids.next("edt")}, ${shareId}, ${row.field}, ${row.state}, ${row.reason}, ${now}, ${now})`;
    }
  },
  listEdits: async (query: Query, shareId: string): Promise<readonly PendingEdit[]> =>
    parseRows(
      pendingEditSchema,
      await query`select * from pending_edit where share_id = ${shareId} order by created_at desc, field limit 500`,
    ),
});
