/** Shares: a deal put to one programme, the partner's side of it, and edits waiting for their record to open. */
import * as z from "zod";
import {
  absorb,
  type Connection,
  connectionSchema,
  isEnded,
  type JsonObject,
  type Observation,
  type Share,
  type ShareDraft,
  type Synthetic,
  shareSchema,
} from "../domain/deal.ts";
import { shareFactName } from "../domain/events.ts";
import { type Gap, gapSentence } from "../domain/fault.ts";
import { type ShareEvent, type ShareState, shareEndStates, shareTable, step } from "../domain/machine.ts";
import type { DealFacts } from "../domain/rule-fields.ts";
import { draftOf } from "../domain/share-draft.ts";
import type { StandingRule } from "../domain/share-rule.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import type { Contacts } from "./contacts.ts";
import { createEngagements } from "./engagements.ts";
import type { Journal } from "./journal.ts";
import { mustParse } from "./journal.ts";
import type { Opportunities } from "./opportunities.ts";
import { createRevisions } from "./revisions.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";
import type { ShareRules } from "./share-rules.ts";
import type { Tasks } from "./tasks.ts";

export const listedShareSchema = shareSchema.extend({
  title: z.string(),
  source: z.string(),
  key: z.string(),
  accountName: z.string(),
  tag: z.string().nullable(),
  marketplace: z.string(),
  connectionLabel: z.string(),
  parkedReason: z.string().nullable().describe("why the connection sends nothing now; null: it works"),
  remoteId: z.string().nullable(),
  facts: z.record(z.string(), z.json()).nullable(),
  taskId: z.string().nullable().describe("what a person has to do for it by hand, while that is open"),
});
export type ListedShare = z.infer<typeof listedShareSchema>;

export interface ShareFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly states?: readonly ShareState[];
  readonly connectionId?: string;
  readonly opportunityId?: string;
  /** Only shares that this rule made. */
  readonly ruleId?: string;
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
  readonly deal: DealFacts;
  /** The rule it follows: the current version while it has not left, then the one that sent it. Null: shared by a person. */
  readonly rule: StandingRule | null;
  readonly synthetic: readonly Synthetic[];
  readonly withdrawalReason: string | null;
  readonly revisionWanted: boolean;
}

export type Shares = ReturnType<typeof createShares>;

const shareColumns =
  "id, opportunity_id, connection_id, generation, state, reason, gaps, fields, rule_id, rule_version, synthetic, version, created_at, updated_at";

export const createShares = (
  deps: ClockDep &
    IdsDep &
    SealDep & {
      readonly journal: Journal;
      readonly contacts: Contacts;
      readonly opportunities: Opportunities;
      readonly shareRules: ShareRules;
      readonly tasks: Tasks;
    },
) => {
  const columns = (query: Query) => query.unsafe(shareColumns);
  const find = async (query: Query, id: string): Promise<Share | null> =>
    parseFirst(shareSchema, await query`select ${columns(query)} from share where id = ${id}`);
  const lock = async (tx: Query, id: string): Promise<Share> =>
    mustParse(shareSchema, await tx`select ${columns(tx)} from share where id = ${id} for update`, `share ${id}`);
  const engagements = createEngagements(deps);

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
    if (isEnded(to)) await deps.tasks.cancelOf(tx, share.id, `the share is ${to}`, change.actorId);
    return { ...share, state: to, reason: change.reason, gaps: [...gaps], version: share.version + 1 };
  };
  const wish = (tx: Query, name: "share.push.requested" | "share.revise.requested", share: Share): Promise<void> =>
    deps.journal.tell(tx, name, share.id, { shareId: share.id, connectionId: share.connectionId });

  /** Asks for edits to reach the partner. A push under way sees to them when it ends; a person's open task is filled anew. */
  const wishRevision = async (tx: Query, share: Share): Promise<void> => {
    if (share.state !== "submitting") await wish(tx, "share.revise.requested", share);
    else if ((await deps.tasks.findOpen(tx, share.id)) !== null) await wish(tx, "share.push.requested", share);
  };

  /** Says why a share is where it is, in one sentence for a person. */
  const explain = async (tx: Query, share: Share, reason: string): Promise<void> => {
    await tx`update share set reason = ${reason}, version = version + 1, updated_at = ${deps.clock.now()} where id = ${share.id}`;
  };

  /** Keeps a share where it is and shows what is missing. */
  const showGaps = async (tx: Query, share: Share, gaps: readonly Gap[]): Promise<Share> => {
    await tx`update share set gaps = ${tx.json(gaps.map((gap) => ({ ...gap })))}, reason = ${gapSentence(gaps)}, updated_at = ${deps.clock.now()},
      version = version + 1 where id = ${share.id}`;
    return { ...share, gaps: [...gaps], reason: gapSentence(gaps), version: share.version + 1 };
  };

  const drafted = async (query: Query, share: Share): Promise<Drafted> => {
    const whole = await deps.opportunities.whole(query, share.opportunityId);
    if (whole === null) throw new Error(`share ${share.id} has no opportunity`);
    const connection = mustParse(
      connectionSchema,
      await query`select * from connection where id = ${share.connectionId}`,
      `connection ${share.connectionId}`,
    );
    const extra = await engagements.alongside(query, share);
    const hasLeft = share.state !== "draft" && share.state !== "ready";
    const rule =
      share.ruleId === null
        ? null
        : await deps.shareRules.standing(query, share.ruleId, hasLeft ? share.ruleVersion : null);
    const { draft, synthetic } = draftOf({ share, connection, ...whole, rule, now: deps.clock.now() });
    return {
      share,
      connection,
      draft: { ...draft, offer: extra.offer },
      deal: { ...whole, partner: whole.partner?.name ?? null },
      rule,
      // What was not let go is kept back for good once the share has left.
      synthetic: hasLeft ? synthetic.filter((mark) => mark.consented) : synthetic,
      withdrawalReason: extra.withdrawalReason,
      revisionWanted: extra.revisionWanted,
    };
  };

  return {
    find,
    lock,
    move,
    wish,
    wishRevision,
    explain,
    showGaps,
    ...engagements,
    ...createRevisions(deps),
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
        /** The rule version that makes it; absent: a person does. */
        readonly rule?: { readonly id: string; readonly version: number };
      },
    ): Promise<Share | null> => {
      const now = deps.clock.now();
      const share = parseFirst(
        shareSchema,
        await tx`
        insert into share (id, opportunity_id, connection_id, generation, state, fields, rule_id, rule_version, created_at, updated_at)
        select ${deps.ids.next("shr")}, ${input.opportunityId}, ${input.connectionId}, coalesce(max(generation), 0) + 1, 'draft',
          ${tx.json(input.fields)}::jsonb, ${input.rule?.id ?? null}::text, ${input.rule?.version ?? null}::int, ${now}::timestamptz, ${now}::timestamptz
        from share where opportunity_id = ${input.opportunityId} and connection_id = ${input.connectionId}
        on conflict do nothing returning ${columns(tx)}`,
      );
      if (share !== null)
        await deps.journal.note(tx, {
          subject: share.id,
          actorId: input.actorId,
          what: "created",
          to: "draft",
          note: input.rule === undefined ? null : `by rule ${input.rule.id}, version ${input.rule.version}`,
        });
      return share;
    },

    /** Keeps which rule version the share follows and which of its fields only the rule gave. */
    keepStandIns: async (tx: Query, share: Share, drafted: Drafted): Promise<Share> => {
      const synthetic = [...drafted.synthetic];
      const ruleVersion = drafted.rule?.version ?? share.ruleVersion;
      if (ruleVersion === share.ruleVersion && isSame(synthetic, share.synthetic)) return share;
      await tx`update share set synthetic = ${tx.json(synthetic)}, rule_version = ${ruleVersion}, version = version + 1,
        updated_at = ${deps.clock.now()} where id = ${share.id}`;
      return { ...share, synthetic, ruleVersion, version: share.version + 1 };
    },

    /** Replaces the share's own programme fields. */
    setFields: async (tx: Query, share: Share, fields: JsonObject, actorId: string): Promise<Share> => {
      await tx`update share set fields = ${tx.json(fields)}, version = version + 1, updated_at = ${deps.clock.now()} where id = ${share.id}`;
      await deps.journal.note(tx, { subject: share.id, actorId, what: "fields_changed" });
      return lock(tx, share.id);
    },

    /** A draft without gaps becomes ready and asks to be pushed; with gaps it stays (or falls back to) draft and shows them. */
    judge: async (tx: Query, share: Share, gaps: readonly Gap[], actorId: string): Promise<Share> => {
      if (share.state === "ready" && gaps.length > 0)
        return move(tx, share, { event: "gap_found", actorId, reason: gapSentence(gaps), gaps });
      if (share.state !== "draft") return share;
      if (gaps.length > 0) return showGaps(tx, share, gaps);
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
      if (observation.related !== undefined) await engagements.relate(tx, share, observation.related);
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
        if (row[2] === "accepted" && observation.isAcceptance !== false) await accepted(tx, current, seen);
      }
      return { share: current, moved: rows.length > 0 };
    },

    /** Shares whose work must be taken up again after their connection was resumed or a run was lost; none that wait for a person. */
    interrupted: async (query: Query, connectionId: string): Promise<readonly Share[]> =>
      parseRows(
        shareSchema,
        await query`select ${columns(query)} from share
        where connection_id = ${connectionId} and (state in ('ready', 'submitting') or revision_wanted)
          and not exists (select from task where task.share_id = share.id and task.state = 'open') order by id limit 5000`,
      ),

    /** Shares with their deal, newest first. */
    list: async (query: Query, filter: ShareFilter): Promise<ListPage<ListedShare>> => {
      const rows = parseRows(
        listedShareSchema,
        await query`
        select share.id, opportunity_id, share.connection_id, generation, share.state, reason, gaps, fields, share.rule_id, share.rule_version, share.synthetic, share.version, share.created_at, share.updated_at,
          title, source, key, account.name as account_name, tag, connection.marketplace, connection.label as connection_label, remote_id, facts,
          (select task.id from task where task.share_id = share.id and task.state = 'open') as task_id,
          case when connection.state = 'parked' then coalesce(connection.parked_reason, 'no reason was kept') end as parked_reason
        from share join opportunity on opportunity.id = opportunity_id join account on account.id = account_id
          join connection on connection.id = share.connection_id left join engagement on engagement.share_id = share.id
        where true
          ${filter.after === null ? query`` : query`and share.id < ${filter.after}`}
          ${filter.states === undefined ? query`` : query`and share.state = any(${[...filter.states]}::text[])`}
          ${filter.connectionId === undefined ? query`` : query`and share.connection_id = ${filter.connectionId}`}
          ${filter.ruleId === undefined ? query`` : query`and share.rule_id = ${filter.ruleId}`}
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

/** Whether two lists of marks say the same; jsonb does not keep the order of members, so each is compared by name. */
const isSame = (left: readonly Synthetic[], right: readonly Synthetic[]): boolean =>
  left.length === right.length &&
  left.every((mark, index) => {
    const other = right[index];
    return (
      mark.field === other?.field &&
      mark.ruleVersion === other.ruleVersion &&
      mark.ruleId === other.ruleId &&
      mark.consented === other.consented
    );
  });

/** What the partner said about the state, for a person. */
const reasonOf = (observation: Observation, to: ShareState): string | null => {
  const comments = observation.facts.reviewComments;
  return (to === "needs_action" || to === "declined") && typeof comments === "string" && comments !== ""
    ? comments
    : null;
};
