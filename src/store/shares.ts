/** Shares: a deal put to one programme, the partner's side of it, and edits waiting for their record to open. */
import { z } from "zod";
import {
  absorb,
  type Connection,
  connectionSchema,
  type Json,
  type JsonObject,
  type Observation,
  type RemoteRef,
  type Share,
  type ShareDraft,
  shareSchema,
} from "../domain/deal.ts";
import { shareFactName } from "../domain/events.ts";
import { type Gap, gapSentence } from "../domain/fault.ts";
import { type ShareEvent, type ShareState, shareEndStates, shareTable, step } from "../domain/machine.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import type { Contacts } from "./contacts.ts";
import type { Journal } from "./journal.ts";
import { mustParse } from "./journal.ts";
import type { Opportunities } from "./opportunities.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";

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

export const listedShareSchema = shareSchema.extend({
  title: z.string(),
  source: z.string(),
  key: z.string(),
  accountName: z.string(),
  tag: z.string().nullable(),
  marketplace: z.string(),
  connectionLabel: z.string(),
  remoteId: z.string().nullable(),
  facts: z.record(z.string(), z.json()).nullable(),
});
export type ListedShare = z.infer<typeof listedShareSchema>;

export interface ShareFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly states?: readonly ShareState[];
  readonly connectionId?: string;
  readonly opportunityId?: string;
}

export interface Move {
  readonly event: ShareEvent;
  readonly actorId: string;
  readonly reason: string | null;
  readonly gaps?: readonly Gap[];
}

/** What a share is drafted from, for the adapter of its connection. */
export interface Drafted {
  readonly share: Share;
  readonly connection: Connection;
  readonly draft: ShareDraft;
  readonly withdrawalReason: string | null;
  readonly revisionWanted: boolean;
}

export type Shares = ReturnType<typeof createShares>;

const shareColumns =
  "id, opportunity_id, connection_id, generation, state, reason, gaps, fields, version, created_at, updated_at";

export const createShares = (
  deps: ClockDep &
    IdsDep &
    SealDep & { readonly journal: Journal; readonly contacts: Contacts; readonly opportunities: Opportunities },
) => {
  const columns = (query: Query) => query.unsafe(shareColumns);
  const find = async (query: Query, id: string): Promise<Share | null> =>
    parseFirst(shareSchema, await query`select ${columns(query)} from share where id = ${id}`);
  const lock = async (tx: Query, id: string): Promise<Share> =>
    mustParse(shareSchema, await tx`select ${columns(tx)} from share where id = ${id} for update`, `share ${id}`);
  const findEngagement = async (query: Query, shareId: string): Promise<Engagement | null> =>
    parseFirst(engagementSchema, await query`select * from engagement where share_id = ${shareId}`);

  /** Moves a share along one row of the table. Returns it as it is when the table has no such row. */
  const move = async (tx: Query, share: Share, change: Move): Promise<Share> => {
    const to = step(shareTable, share.state, change.event);
    if (to === null) return share;
    const gaps = change.gaps ?? (to === "needs_action" || to === "draft" ? share.gaps : []);
    await tx`update share set state = ${to}, reason = ${change.reason}, gaps = ${tx.json(gaps.map((gap) => ({ ...gap })))},
      version = version + 1, updated_at = ${deps.clock.now()} where id = ${share.id}`;
    await deps.journal.note(tx, {
      subject: share.id,
      actorId: change.actorId,
      what: change.event,
      from: share.state,
      to,
      note: change.reason,
    });
    const fact = shareFactName(to);
    if (fact !== null) {
      await deps.journal.tell(tx, fact, share.id, {
        shareId: share.id,
        opportunityId: share.opportunityId,
        connectionId: share.connectionId,
        from: share.state,
        to,
      });
    }
    return { ...share, state: to, reason: change.reason, gaps: [...gaps], version: share.version + 1 };
  };
  const wish = (tx: Query, name: "share.push.requested" | "share.revise.requested", share: Share): Promise<void> =>
    deps.journal.tell(tx, name, share.id, { shareId: share.id, connectionId: share.connectionId });

  const drafted = async (query: Query, share: Share): Promise<Drafted> => {
    const whole = await deps.opportunities.whole(query, share.opportunityId);
    if (whole === null) throw new Error(`share ${share.id} has no opportunity`);
    const connection = mustParse(
      connectionSchema,
      await query`select * from connection where id = ${share.connectionId}`,
      `connection ${share.connectionId}`,
    );
    const [extra] = await query<{ withdrawal_reason: string | null; revision_wanted: boolean }[]>`
      select withdrawal_reason, revision_wanted from share where id = ${share.id}`;
    const draft = draftOf({ share, connection, ...whole }, deps.clock.now());
    return {
      share,
      connection,
      draft,
      withdrawalReason: extra?.withdrawal_reason ?? null,
      revisionWanted: extra?.revision_wanted ?? false,
    };
  };

  return {
    find,
    lock,
    move,
    wish,
    findEngagement,
    drafted,
    findOpen: async (query: Query, opportunityId: string, connectionId: string): Promise<Share | null> =>
      parseFirst(
        shareSchema,
        await query`select ${columns(query)} from share
        where opportunity_id = ${opportunityId} and connection_id = ${connectionId} and state <> all(${[...shareEndStates]}::text[])`,
      ),
    listOpenOf: async (query: Query, opportunityId: string): Promise<readonly Share[]> =>
      parseRows(
        shareSchema,
        await query`select ${columns(query)} from share
        where opportunity_id = ${opportunityId} and state <> all(${[...shareEndStates]}::text[]) order by id limit 100`,
      ),

    /** Opens a share in `draft`. Null when one is open already (the unique index decides between two at once). */
    create: async (
      tx: Query,
      input: {
        readonly opportunityId: string;
        readonly connectionId: string;
        readonly fields: JsonObject;
        readonly actorId: string;
      },
    ): Promise<Share | null> => {
      const now = deps.clock.now();
      const share = parseFirst(
        shareSchema,
        await tx`
        insert into share (id, opportunity_id, connection_id, generation, state, fields, created_at, updated_at)
        select ${deps.ids.next("shr")}, ${input.opportunityId}, ${input.connectionId}, coalesce(max(generation), 0) + 1, 'draft',
          ${tx.json(input.fields)}::jsonb, ${now}::timestamptz, ${now}::timestamptz
        from share where opportunity_id = ${input.opportunityId} and connection_id = ${input.connectionId}
        on conflict do nothing returning ${columns(tx)}`,
      );
      if (share !== null)
        await deps.journal.note(tx, { subject: share.id, actorId: input.actorId, what: "created", to: "draft" });
      return share;
    },

    /** A draft without gaps becomes ready and asks to be pushed; with gaps it stays (or falls back to) draft and shows them. */
    judge: async (tx: Query, share: Share, gaps: readonly Gap[], actorId: string): Promise<Share> => {
      if (share.state === "ready" && gaps.length > 0)
        return move(tx, share, { event: "gap_found", actorId, reason: gapSentence(gaps), gaps });
      if (share.state !== "draft") return share;
      if (gaps.length > 0) {
        await tx`update share set gaps = ${tx.json(gaps.map((gap) => ({ ...gap })))}, reason = ${gapSentence(gaps)}, updated_at = ${deps.clock.now()},
          version = version + 1 where id = ${share.id}`;
        return { ...share, gaps: [...gaps], reason: gapSentence(gaps), version: share.version + 1 };
      }
      const ready = await move(tx, share, { event: "readied", actorId, reason: null, gaps: [] });
      await wish(tx, "share.push.requested", ready);
      return ready;
    },

    /** Asks for a withdrawal: at once for what never left, through `withdrawing` for what did. */
    withdraw: async (tx: Query, share: Share, reason: string, actorId: string): Promise<Share> => {
      const direct = step(shareTable, share.state, "withdrawn_by_us");
      if (direct !== null) return move(tx, share, { event: "withdrawn_by_us", actorId, reason });
      const moved = await move(tx, share, { event: "withdrawal_requested", actorId, reason });
      if (moved.state !== "withdrawing") return share;
      await tx`update share set withdrawal_reason = ${reason}, revision_wanted = true where id = ${share.id}`;
      await wish(tx, "share.revise.requested", moved);
      return moved;
    },

    /** The partner's record now exists: remembers its id. */
    engage: async (tx: Query, share: Share, ref: RemoteRef, version: string | null): Promise<void> => {
      await tx`insert into engagement (id, share_id, connection_id, remote_id, remote_arn, remote_version, created_at)
        values (${deps.ids.next("eng")}, ${share.id}, ${share.connectionId}, ${ref.id}, ${ref.arn ?? null}, ${version}, ${deps.clock.now()})
        on conflict (share_id) do update set remote_version = coalesce(excluded.remote_version, engagement.remote_version)`;
    },

    /**
     * Takes in what the partner's record says. States move only along the table; an older observation is recorded and
     * ignored; an impossible one opens an exception. Returns the share and whether it moved.
     */
    absorb: async (
      tx: Query,
      shareId: string,
      seen: {
        readonly observation: Observation;
        readonly lookedAt: Date;
        readonly older: boolean;
        readonly actorId: string;
      },
    ): Promise<{ readonly share: Share; readonly moved: boolean }> => {
      const share = await lock(tx, shareId);
      if (seen.older) {
        await deps.journal.note(tx, { subject: shareId, actorId: seen.actorId, what: "older_observation_ignored" });
        return { share, moved: false };
      }
      const { observation } = seen;
      const sealed = await deps.seal.close(observation.body, `body:${shareId}`);
      await tx`update engagement set remote_version = ${observation.version}, facts = ${tx.json(observation.facts)}, sealed_body = ${sealed},
        looked_at = ${seen.lookedAt} where share_id = ${shareId}`;
      await deps.contacts.putForShare(tx, shareId, observation.people);
      const rows = absorb(share.state, observation.event);
      if (rows === null) {
        await deps.journal.openException(
          tx,
          "UNEXPECTED_STATE",
          shareId,
          `The partner reports ${observation.event}, which cannot follow ${share.state}. The state is kept; look at the record in the partner's portal.`,
        );
        return { share, moved: false };
      }
      let current = share;
      for (const row of rows) {
        const reason = reasonOf(observation, row[2]);
        current = await move(tx, current, { event: row[1], actorId: seen.actorId, reason });
        if (row[2] === "accepted") await accepted(tx, current, seen);
      }
      return { share: current, moved: rows.length > 0 };
    },

    /** A person at the partner told us that their side moved. Returns the share concerned, or null when we know none. */
    hinted: async (tx: Query, connectionId: string, remoteId: string): Promise<string | null> => {
      const [row] = await tx<{ share_id: string }[]>`update engagement set hinted_at = ${deps.clock.now()}
        where connection_id = ${connectionId} and remote_id = ${remoteId} returning share_id`;
      return row?.share_id ?? null;
    },
    findByRemote: async (query: Query, connectionId: string, remoteId: string): Promise<Engagement | null> =>
      parseFirst(
        engagementSchema,
        await query`select * from engagement where connection_id = ${connectionId} and remote_id = ${remoteId}`,
      ),
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
    /** Shares whose work must be taken up again after their connection was resumed or a run was lost. */
    interrupted: async (query: Query, connectionId: string): Promise<readonly Share[]> =>
      parseRows(
        shareSchema,
        await query`select ${columns(query)} from share
        where connection_id = ${connectionId} and (state in ('ready', 'submitting') or revision_wanted) order by id limit 5000`,
      ),

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
    /** Sets the base that holds once the update under way is confirmed. */
    keepNextBase: async (tx: Query, shareId: string, base: JsonObject): Promise<void> => {
      await tx`update share set sealed_next_base = ${await deps.seal.close(JSON.stringify(base), `base:${shareId}`)} where id = ${shareId}`;
    },
    /** The update is confirmed: its base holds now. */
    promoteBase: async (tx: Query, shareId: string): Promise<void> => {
      await tx`update share set sealed_base = coalesce(sealed_next_base, sealed_base), sealed_next_base = null where id = ${shareId}`;
    },
    isRevisionWanted: async (query: Query, shareId: string): Promise<boolean> => {
      const [row] = await query<
        { revision_wanted: boolean }[]
      >`select revision_wanted from share where id = ${shareId}`;
      return row?.revision_wanted ?? false;
    },
    noteHintLook: async (query: Query, shareId: string): Promise<void> => {
      await query`update engagement set hint_looked_at = ${deps.clock.now()} where share_id = ${shareId}`;
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

    /** Shares with their deal, newest first. */
    list: async (query: Query, filter: ShareFilter): Promise<ListPage<ListedShare>> => {
      const rows = parseRows(
        listedShareSchema,
        await query`
        select share.id, opportunity_id, share.connection_id, generation, share.state, reason, gaps, fields, share.version, share.created_at, share.updated_at,
          title, source, key, account.name as account_name, tag, connection.marketplace, connection.label as connection_label, remote_id, facts
        from share join opportunity on opportunity.id = opportunity_id join account on account.id = account_id
          join connection on connection.id = share.connection_id left join engagement on engagement.share_id = share.id
        where true
          ${filter.after === null ? query`` : query`and share.id < ${filter.after}`}
          ${filter.states === undefined ? query`` : query`and share.state = any(${[...filter.states]}::text[])`}
          ${filter.connectionId === undefined ? query`` : query`and share.connection_id = ${filter.connectionId}`}
          ${filter.opportunityId === undefined ? query`` : query`and opportunity_id = ${filter.opportunityId}`}
        order by share.id desc limit ${filter.limit + 1}`,
      );
      const items = rows.slice(0, filter.limit);
      return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
    },
    countByState: async (query: Query): Promise<Readonly<Record<string, number>>> => {
      const rows = await query<
        { state: string; count: bigint }[]
      >`select state, count(*) as count from share group by state order by state`;
      return Object.fromEntries(rows.map((row) => [row.state, Number(row.count)]));
    },
  };

  async function accepted(
    tx: Query,
    share: Share,
    seen: { readonly observation: Observation; readonly lookedAt: Date; readonly actorId: string },
  ): Promise<void> {
    await deps.opportunities.touch(tx, {
      opportunityId: share.opportunityId,
      partnerId: null,
      kind: "acceptance",
      at: seen.lookedAt,
      source: share.connectionId,
      sourceKey: `accepted:${seen.observation.ref.id}`,
      actorId: seen.actorId,
    });
  }
};

interface DraftParts {
  readonly share: Share;
  readonly connection: Connection;
  readonly opportunity: ShareDraft["opportunity"];
  readonly account: ShareDraft["account"];
  readonly contacts: ShareDraft["contacts"];
}

/** Programme-only fields: the connection's defaults, overlaid by the deal's, overlaid by the share's. */
export const draftOf = (parts: DraftParts, now: Date): ShareDraft => {
  const defaults = parts.connection.settings.defaults;
  return {
    shareId: parts.share.id,
    opportunity: parts.opportunity,
    account: parts.account,
    contacts: parts.contacts,
    fields: {
      ...(isObject(defaults) ? defaults : {}),
      ...parts.opportunity.programmes[parts.connection.marketplace],
      ...parts.share.fields,
    },
    today: now.toISOString().slice(0, 10),
  };
};

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What the partner said about the state, for a person. */
const reasonOf = (observation: Observation, to: ShareState): string | null => {
  const comments = observation.facts.reviewComments;
  return (to === "needs_action" || to === "declined") && typeof comments === "string" && comments !== ""
    ? comments
    : null;
};
