/** The partner's side of a share: their record's id, version, facts and sealed body, and what we were told of it. */
import * as z from "zod";
import { type Observation, type RemoteRef, remoteRefSchema, type Share } from "../domain/deal.ts";
import { shareEndStates, shareStates } from "../domain/machine.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import { parseFirst, parseRows } from "./rows.ts";

export const engagementSchema = z.object({
  id: z.string(),
  shareId: z.string(),
  connectionId: z.string(),
  remoteId: z.string(),
  remoteArn: z.string().nullable(),
  remoteVersion: z.string().nullable(),
  facts: z.record(z.string(), z.json()),
  lookedAt: z.date().nullable(),
  hintedAt: z.date().nullable(),
  hintLookedAt: z.date().nullable(),
  createdAt: z.date(),
});
export type Engagement = z.infer<typeof engagementSchema>;

const recordedShareSchema = z.object({
  shareId: z.string(),
  state: z.enum(shareStates),
  title: z.string(),
  remoteId: z.string(),
  remoteVersion: z.string().nullable(),
  facts: z.record(z.string(), z.json()),
});
const alongsideSchema = z.object({
  withdrawalReason: z.string().nullable(),
  revisionWanted: z.boolean(),
  offer: remoteRefSchema.nullable(),
});
export type RecordedShare = z.infer<typeof recordedShareSchema>;

export interface Hinted {
  readonly shareId: string;
  /** A push of this share is under way and will look by itself. */
  readonly isLookPending: boolean;
}

export const createEngagements = (deps: ClockDep & IdsDep & SealDep) => {
  const findEngagement = async (query: Query, shareId: string): Promise<Engagement | null> =>
    parseFirst(engagementSchema, await query`select * from engagement where share_id = ${shareId}`);

  /** The engagement whose record this is, else the newest one that it is related to. */
  const findByRemote = async (query: Query, connectionId: string, remoteId: string): Promise<Engagement | null> =>
    parseFirst(
      engagementSchema,
      await query`select * from engagement where connection_id = ${connectionId} and remote_id = ${remoteId}`,
    ) ??
    parseFirst(
      engagementSchema,
      await query`select engagement.* from engagement join engagement_related related using (share_id)
        where related.connection_id = ${connectionId} and related.remote_id = ${remoteId} order by engagement.id desc limit 1`,
    );

  return {
    findEngagement,
    /** What goes with a share beside its fields: what is wanted of it, and the offer at the same marketplace that its deal became. */
    alongside: async (query: Query, share: Share): Promise<z.infer<typeof alongsideSchema>> =>
      parseFirst(
        alongsideSchema,
        await query`select withdrawal_reason, revision_wanted, (select jsonb_build_object('id', remote_id, 'arn', remote_arn) from offer
            where offer.opportunity_id = share.opportunity_id and offer.connection_id = share.connection_id and remote_id is not null
              and offer.state in ('published', 'viewed', 'accepted') order by (offer.state = 'accepted') desc, offer.generation desc limit 1) as offer
          from share where id = ${share.id}`,
      ) ?? { withdrawalReason: null, revisionWanted: false, offer: null },
    /** The partner's record now exists: remembers its id. */
    engage: async (tx: Query, share: Share, ref: RemoteRef, version: string | null): Promise<void> => {
      await tx`insert into engagement (id, share_id, connection_id, remote_id, remote_arn, remote_version, created_at)
        values (${deps.ids.next("eng")}, ${share.id}, ${share.connectionId}, ${ref.id}, ${ref.arn ?? null}, ${version}, ${deps.clock.now()})
        on conflict (share_id) do update set remote_version = coalesce(excluded.remote_version, engagement.remote_version)`;
    },

    /** The number that a person gave for the partner's record was wrong: it is another. */
    renumber: async (tx: Query, shareId: string, ref: RemoteRef): Promise<void> => {
      await tx`update engagement set remote_id = ${ref.id}, remote_arn = ${ref.arn ?? null} where share_id = ${shareId}`;
    },

    /** A person at the partner told us that their side moved. Returns the share concerned, or null when we know none. */
    hinted: async (tx: Query, connectionId: string, remoteId: string): Promise<Hinted | null> => {
      const known = await findByRemote(tx, connectionId, remoteId);
      if (known === null) return null;
      const [row] = await tx<
        { share_id: string; state: string }[]
      >`update engagement set hinted_at = ${deps.clock.now()}
        from share where share.id = share_id and engagement.id = ${known.id} returning share_id, share.state`;
      // A push reads the record when it ends: until then the mark is enough.
      return row === undefined ? null : { shareId: row.share_id, isLookPending: row.state === "submitting" };
    },
    /** Shares of these records, by the partner's ids. */
    listByRemote: async (
      query: Query,
      connectionId: string,
      remoteIds: readonly string[],
    ): Promise<readonly RecordedShare[]> =>
      parseRows(
        recordedShareSchema,
        await query`select share.id as share_id, state, title, remote_id, remote_version, facts from engagement
          join share on share.id = share_id join opportunity on opportunity.id = opportunity_id
        where engagement.connection_id = ${connectionId} and remote_id = any(${[...remoteIds]}::text[])`,
      ),
    findByRemote,
    /** Their other records that tell of the same deal, in place of those known before. */
    relate: async (tx: Query, share: Share, remoteIds: readonly string[]): Promise<void> => {
      const ids = [...new Set(remoteIds)];
      await tx`delete from engagement_related where share_id = ${share.id} and remote_id <> all(${ids}::text[])`;
      if (ids.length > 0)
        await tx`insert into engagement_related (connection_id, remote_id, share_id)
          select ${share.connectionId}, unnest(${ids}::text[]), ${share.id} on conflict do nothing`;
    },
    /** Open engagements to look at again: hinted since the last look, or not looked at since `staleBefore`; at most `limit`. */
    dueForLook: async (
      query: Query,
      connectionId: string,
      staleBefore: Date,
      limit: number,
    ): Promise<readonly { readonly remoteId: string }[]> => {
      const rows = await query<
        { remote_id: string }[]
      >`select remote_id from engagement join share on share.id = engagement.share_id
        where engagement.connection_id = ${connectionId} and share.state <> all(${[...shareEndStates, "submitting"]}::text[])
          and (looked_at is null or looked_at < ${staleBefore} or hinted_at > looked_at)
        order by looked_at nulls first, engagement.id limit ${limit}`;
      return rows.map((row) => ({ remoteId: row.remote_id }));
    },
    /** Their record as last read, or null when its body has expired or was erased. */
    readObservation: async (query: Query, shareId: string): Promise<Observation | null> => {
      const [row] = await query<
        { sealed_body: Uint8Array | null }[]
      >`select sealed_body from engagement where share_id = ${shareId}`;
      const engagement = await findEngagement(query, shareId);
      if (!row?.sealed_body || engagement?.remoteVersion == null || engagement.lookedAt === null) return null;
      return {
        ref: { id: engagement.remoteId, arn: engagement.remoteArn },
        version: engagement.remoteVersion,
        event: null,
        facts: engagement.facts,
        people: [],
        body: await deps.seal.open(row.sealed_body, `body:${shareId}`),
        seenAt: engagement.lookedAt,
      };
    },
    noteHintLook: async (query: Query, shareId: string): Promise<void> => {
      await query`update engagement set hint_looked_at = ${deps.clock.now()} where share_id = ${shareId}`;
    },
  };
};
