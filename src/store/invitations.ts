/** Invitations: referrals and leads that came from a partner, the answer each gets, and the dates that remind of it. */
import * as z from "zod";
import { registrableDomain } from "../domain/account.ts";
import {
  absorbInvitation,
  type Candidate,
  candidateSchema,
  type Invitation,
  type InvitationAnswer,
  type InvitationKind,
  type InvitationObservation,
  invitationSchema,
  isUnlinked,
  reminderDays,
} from "../domain/invitation.ts";
import {
  type InvitationEvent,
  type InvitationState,
  invitationEndStates,
  invitationStates,
  invitationTable,
  shareEndStates,
  step,
} from "../domain/machine.ts";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import type { Contacts } from "./contacts.ts";
import type { Journal } from "./journal.ts";
import { mustParse } from "./journal.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";

export const listedInvitationSchema = invitationSchema.extend({
  marketplace: z.string(),
  connectionLabel: z.string(),
  candidates: z.number().int().describe("known deals of the same company, while it waits for an answer or a deal"),
});
export type ListedInvitation = z.infer<typeof listedInvitationSchema>;

export interface InvitationFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly states?: readonly InvitationState[];
  readonly kind?: InvitationKind;
  readonly connectionId?: string;
  readonly opportunityId?: string;
}

export interface InvitationMove {
  readonly event: InvitationEvent;
  readonly actorId: string;
  readonly reason: string | null;
  /** The deal and share that an accepted invitation became. */
  readonly link?: { readonly opportunityId: string; readonly shareId: string };
}

/** An invitation as last read, for the adapter. */
export interface StoredObservation extends Pick<InvitationObservation, "ref" | "kind" | "event" | "body"> {
  readonly seenAt: Date;
}

const dueDateSchema = z.object({
  invitationId: z.string(),
  connectionId: z.string(),
  remoteId: z.string(),
  state: z.enum(invitationStates),
  days: z.number().int(),
  expiresAt: z.date(),
});
export type DueDate = z.infer<typeof dueDateSchema>;

const dayMs = 24 * 3_600_000;
const candidatesMax = 10;
const dueMax = 500;
const ends: readonly string[] = invitationEndStates;
const isEnd = (state: InvitationState): state is (typeof invitationEndStates)[number] => ends.includes(state);

export type Invitations = ReturnType<typeof createInvitations>;

export const createInvitations = (
  deps: ClockDep & IdsDep & SealDep & { readonly journal: Journal; readonly contacts: Contacts },
) => {
  const columns = (query: Query) =>
    query.unsafe(
      "invitation.id, invitation.connection_id, invitation.remote_id, remote_arn, kind, invitation.state, reason, facts, later, domain, " +
        "invited_at, expires_at, answer, invitation.opportunity_id, share_id, looked_at, invitation.version, invitation.created_at, invitation.updated_at",
    );
  const find = async (query: Query, id: string): Promise<Invitation | null> =>
    parseFirst(invitationSchema, await query`select ${columns(query)} from invitation where id = ${id}`);
  const lock = async (tx: Query, id: string): Promise<Invitation> =>
    mustParse(
      invitationSchema,
      await tx`select ${columns(tx)} from invitation where id = ${id} for update`,
      `invitation ${id}`,
    );

  const tellAnswered = async (tx: Query, invitation: Invitation): Promise<void> => {
    const { id, connectionId, state, answer, opportunityId, shareId } = invitation;
    if (!isEnd(state)) return;
    const isOurs =
      (state === "accepted" && answer?.kind === "accept") || (state === "rejected" && answer?.kind === "reject");
    const given = isOurs ? answer : null;
    const by = state === "expired" ? "clock" : given === null ? "partner" : given.ruleId === null ? "person" : "rule";
    await deps.journal.tell(tx, "invitation.answered", id, {
      invitationId: id,
      connectionId,
      outcome: state,
      by,
      actorId: given?.actorId ?? null,
      ruleId: given?.ruleId ?? null,
      ruleVersion: given?.ruleVersion ?? null,
      opportunityId,
      shareId,
    });
  };

  /** Moves an invitation along one row of the table; an end forgets its dates and is told. As it is when no row fits. */
  const move = async (tx: Query, invitation: Invitation, change: InvitationMove): Promise<Invitation> => {
    const to = step(invitationTable, invitation.state, change.event);
    if (to === null) return invitation;
    const moved = mustParse(
      invitationSchema,
      await tx`update invitation set state = ${to}, reason = ${change.reason}, version = version + 1, updated_at = ${deps.clock.now()},
          opportunity_id = ${change.link?.opportunityId ?? invitation.opportunityId}, share_id = ${change.link?.shareId ?? invitation.shareId},
          answer = ${isStanding(invitation.answer, to) && invitation.answer !== null ? tx.json(invitation.answer) : null}
        where id = ${invitation.id} returning ${columns(tx)}`,
      `invitation ${invitation.id}`,
    );
    await deps.journal.note(tx, {
      subject: invitation.id,
      actorId: change.actorId,
      what: change.event,
      from: invitation.state,
      to,
      note: change.reason,
    });
    if (isEnd(to)) {
      await tx`delete from invitation_date where invitation_id = ${invitation.id}`;
      await tellAnswered(tx, moved);
    }
    return moved;
  };

  const setDates = async (tx: Query, invitation: Invitation): Promise<void> => {
    await tx`delete from invitation_date where invitation_id = ${invitation.id}`;
    if (invitation.expiresAt === null || isEnd(invitation.state)) return;
    for (const days of reminderDays) {
      const dueAt = new Date(invitation.expiresAt.getTime() - days * dayMs);
      if (days > 0 && dueAt <= deps.clock.now()) continue;
      await tx`insert into invitation_date (invitation_id, days, due_at) values (${invitation.id}, ${days}, ${dueAt})`;
    }
  };

  return {
    find,
    lock,
    move,
    findByRemote: async (query: Query, connectionId: string, remoteId: string): Promise<Invitation | null> =>
      parseFirst(
        invitationSchema,
        await query`select ${columns(query)} from invitation where connection_id = ${connectionId} and remote_id = ${remoteId}`,
      ),

    /** The invitation that a share came of, or null. */
    findByShare: async (query: Query, shareId: string): Promise<Invitation | null> =>
      parseFirst(invitationSchema, await query`select ${columns(query)} from invitation where share_id = ${shareId}`),

    /** Keeps what the partner says about an invitation; a new one is told. Its state is not touched: see `absorb`. */
    observe: async (
      tx: Query,
      seen: {
        readonly connectionId: string;
        readonly observation: InvitationObservation;
        readonly lookedAt: Date;
        readonly actorId: string;
      },
    ): Promise<{ readonly invitation: Invitation; readonly isNew: boolean }> => {
      const { observation, connectionId } = seen;
      const now = deps.clock.now();
      const made = await tx<{ id: string }[]>`
        insert into invitation (id, connection_id, remote_id, kind, state, facts, created_at, updated_at)
        values (${deps.ids.next("inv")}, ${connectionId}, ${observation.ref.id}, ${observation.kind}, 'received', ${tx.json({})}, ${now}, ${now})
        on conflict (connection_id, remote_id) do nothing returning id`;
      const isNew = made.length === 1;
      const [row] = await tx<
        { id: string; expires_at: Date | null }[]
      >`select id, expires_at from invitation where connection_id = ${connectionId} and remote_id = ${observation.ref.id} for update`;
      if (row === undefined) throw new Error("an invitation vanished while it was being kept");
      const { id } = row;
      const expiresAt = dateOf(observation.expiresAt);
      const sealed = await deps.seal.close(observation.body, `body:${id}`);
      // An answered invitation never waits again: a late answer of an earlier read must not say so.
      await tx`update invitation set remote_arn = ${observation.ref.arn ?? null}, sealed_body = ${sealed}, observed = coalesce(${observation.event}, observed),
          invited_at = ${dateOf(observation.invitedAt)}, expires_at = ${expiresAt}, looked_at = ${seen.lookedAt} where id = ${id}`;
      // What was rejected or has run out is no longer shown by the partner: what we knew of it stays.
      const isGone = observation.event === "rejected" || observation.event === "expired";
      if (isNew || !isGone) {
        await tx`update invitation set facts = ${tx.json(observation.facts)}, later = ${[...observation.later]}::text[],
          domain = ${registrableDomain(observation.facts.customer.website)} where id = ${id}`;
        await deps.contacts.putForShare(tx, id, observation.people);
      }
      const invitation = await lock(tx, id);
      if (isNew || row.expires_at?.getTime() !== expiresAt?.getTime()) await setDates(tx, invitation);
      if (isNew) {
        await deps.journal.note(tx, { subject: id, actorId: seen.actorId, what: "received", to: "received" });
        await deps.journal.tell(tx, "invitation.received", id, {
          invitationId: id,
          connectionId,
          kind: invitation.kind,
          expiresAt: expiresAt?.toISOString() ?? null,
        });
      }
      return { invitation, isNew };
    },

    /** Takes in what an observed status means: answered elsewhere, or run out. The state moves only along the table. */
    absorb: async (
      tx: Query,
      invitation: Invitation,
      seen: {
        readonly event: InvitationObservation["event"];
        readonly reason: string | null;
        readonly actorId: string;
      },
    ): Promise<Invitation> => {
      const rows = absorbInvitation(invitation.state, seen.event);
      if (rows === null) {
        await deps.journal.openException(
          tx,
          "UNEXPECTED_STATE",
          invitation.id,
          `The partner reports the invitation as ${seen.event}, which cannot follow ${invitation.state}. The state is kept; look at it in the partner's portal.`,
        );
        return invitation;
      }
      const [row] = rows;
      return row === undefined
        ? invitation
        : move(tx, invitation, { event: row[1], actorId: seen.actorId, reason: seen.reason });
    },

    /** Writes an answer down and asks for it to be given. On an accepted one without a deal: asks for the deal. */
    decide: async (
      tx: Query,
      invitation: Invitation,
      answer: InvitationAnswer,
      note: string | null,
    ): Promise<Invitation> => {
      await tx`update invitation set answer = ${tx.json(answer)}, version = version + 1, updated_at = ${deps.clock.now()} where id = ${invitation.id}`;
      const decided = await lock(tx, invitation.id);
      const event = answer.kind === "accept" ? "accept_requested" : "reject_requested";
      const moved = isUnlinked(decided)
        ? decided
        : await move(tx, decided, { event, actorId: answer.actorId, reason: note });
      if (isUnlinked(decided))
        await deps.journal.note(tx, { subject: invitation.id, actorId: answer.actorId, what: "deal_requested", note });
      const { id, connectionId } = moved;
      await deps.journal.tell(tx, "invitation.answer.requested", id, { invitationId: id, connectionId });
      return moved;
    },
    /** Takes an answer back that could not be carried out on an accepted invitation: a person must say again. */
    undecide: async (tx: Query, invitation: Invitation, reason: string): Promise<Invitation> => {
      await tx`update invitation set answer = null, reason = ${reason}, version = version + 1, updated_at = ${deps.clock.now()} where id = ${invitation.id}`;
      return lock(tx, invitation.id);
    },
    /** Links an accepted invitation to the deal and share it became. */
    link: async (
      tx: Query,
      invitation: Invitation,
      link: { readonly opportunityId: string; readonly shareId: string; readonly actorId: string },
    ): Promise<Invitation> => {
      const { opportunityId, shareId, actorId } = link;
      if (invitation.state !== "accepted")
        return move(tx, invitation, { event: "accepted", actorId, reason: null, link: { opportunityId, shareId } });
      await tx`update invitation set opportunity_id = ${opportunityId}, share_id = ${shareId}, reason = null, version = version + 1,
          updated_at = ${deps.clock.now()} where id = ${invitation.id}`;
      await deps.journal.note(tx, {
        subject: invitation.id,
        actorId,
        what: "linked",
        note: `to ${opportunityId} as ${shareId}`,
      });
      return lock(tx, invitation.id);
    },

    /** The invitation as last read, or null when its body has expired or was erased. */
    readObservation: async (query: Query, id: string): Promise<StoredObservation | null> => {
      const [row] = await query<
        { sealed_body: Uint8Array | null; observed: InvitationObservation["event"] }[]
      >`select sealed_body, observed from invitation where id = ${id}`;
      const invitation = await find(query, id);
      if (!row?.sealed_body || invitation === null || invitation.lookedAt === null) return null;
      return {
        ref: { id: invitation.remoteId, arn: invitation.remoteArn },
        kind: invitation.kind,
        event: row.observed,
        body: await deps.seal.open(row.sealed_body, `body:${id}`),
        seenAt: invitation.lookedAt,
      };
    },

    /** Deals of the same registrable domain, open ones first, newest first, at most ten. */
    candidates: async (
      query: Query,
      invitation: Pick<Invitation, "domain" | "connectionId">,
    ): Promise<readonly Candidate[]> =>
      invitation.domain === null
        ? []
        : parseRows(
            candidateSchema,
            await query`
        select opportunity.id, source, key, title, stage, account.name as account_name,
          (select share.id from share where share.opportunity_id = opportunity.id and share.connection_id = ${invitation.connectionId}
            and share.state <> all(${[...shareEndStates]}::text[])) as open_share_id
        from opportunity join account on account.id = account_id where account.domain = ${invitation.domain}
        order by stage in ('launched', 'closed_lost'), opportunity.id desc limit ${candidatesMax}`,
          ),

    /** Invitations, newest first. */
    list: async (query: Query, filter: InvitationFilter): Promise<ListPage<ListedInvitation>> => {
      const rows = parseRows(
        listedInvitationSchema,
        await query`
        select ${columns(query)}, marketplace, label as connection_label,
          case when share_id is null and invitation.state in ('received', 'accepted') then (select count(*) from account
            join opportunity on opportunity.account_id = account.id where account.domain = invitation.domain)::int else 0 end as candidates
        from invitation join connection on connection.id = connection_id where true
          ${filter.after === null ? query`` : query`and invitation.id < ${filter.after}`}
          ${filter.states === undefined ? query`` : query`and invitation.state = any(${[...filter.states]}::text[])`}
          ${filter.kind === undefined ? query`` : query`and kind = ${filter.kind}`}
          ${filter.connectionId === undefined ? query`` : query`and connection_id = ${filter.connectionId}`}
          ${filter.opportunityId === undefined ? query`` : query`and opportunity_id = ${filter.opportunityId}`}
        order by invitation.id desc limit ${filter.limit + 1}`,
      );
      const items = rows.slice(0, filter.limit);
      return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
    },

    /** Remote ids of those that wait for an answer, as far as we know. */
    listWaiting: async (query: Query, connectionId: string): Promise<readonly string[]> => {
      const rows = await query<
        { remote_id: string }[]
      >`select remote_id from invitation where connection_id = ${connectionId} and state = 'received' order by id limit 5000`;
      return rows.map((row) => row.remote_id);
    },
    /** Which of these remote ids are known. */
    listKnown: async (query: Query, connectionId: string, remoteIds: readonly string[]): Promise<readonly string[]> => {
      const rows = await query<
        { remote_id: string }[]
      >`select remote_id from invitation where connection_id = ${connectionId} and remote_id = any(${[...remoteIds]}::text[])`;
      return rows.map((row) => row.remote_id);
    },
    /** Answers that were decided on and not given yet: taken up again after a connection was resumed or a run was lost. */
    interrupted: async (query: Query, connectionId: string): Promise<readonly Invitation[]> =>
      parseRows(
        invitationSchema,
        await query`select ${columns(query)} from invitation where connection_id = ${connectionId}
          and (state in ('accepting', 'rejecting') or (state = 'accepted' and share_id is null and answer ->> 'kind' = 'accept'))
        order by id limit 1000`,
      ),

    /** Takes the dates that have come: per invitation the nearest to its end, each date once. */
    takeDue: async (tx: Query): Promise<readonly DueDate[]> =>
      parseRows(
        dueDateSchema,
        await tx`
        with taken as (
          delete from invitation_date where (invitation_id, days) in (
            select invitation_id, days from invitation_date where due_at <= ${deps.clock.now()} order by due_at limit ${dueMax})
          returning invitation_id, days
        )
        select invitation.id as invitation_id, connection_id, remote_id, state, min(taken.days) as days, expires_at
        from taken join invitation on invitation.id = taken.invitation_id where expires_at is not null
        group by invitation.id order by invitation.id`,
      ),
  };
};

/** Whether an answer still stands in a state: given back, or overtaken by another answer in the partner's portal, it does not. */
const isStanding = (answer: InvitationAnswer | null, state: InvitationState): boolean =>
  state !== "received" &&
  !(state === "accepted" && answer?.kind === "reject") &&
  !(state === "rejected" && answer?.kind === "accept");

const dateOf = (text: string | null): Date | null => {
  const at = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? null : new Date(at);
};
