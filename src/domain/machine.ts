/**
 * State machines are tables: rows `[from, event, to]`. Nothing else in the product knows which state may follow which.
 */

export type Row<State extends string, Event extends string> = readonly [from: State, event: Event, to: State];
export type Table<State extends string, Event extends string> = readonly Row<State, Event>[];

export const shareStates = [
  "draft",
  "ready",
  "submitting",
  "submitted",
  "in_review",
  "needs_action",
  "accepted",
  "withdrawing",
  "declined",
  "won",
  "lost",
  "withdrawn",
] as const;
export type ShareState = (typeof shareStates)[number];
export const shareEvents = [
  "readied",
  "gap_found",
  "push_started",
  "partner_stored",
  "partner_refused",
  "review_started",
  "partner_asked",
  "revised",
  "partner_accepted",
  "partner_declined",
  "launched",
  "lost",
  "withdrawal_requested",
  "withdrawn_by_us",
  "withdrawn_by_partner",
] as const;
export type ShareEvent = (typeof shareEvents)[number];
export const shareEndStates = ["declined", "won", "lost", "withdrawn"] as const satisfies readonly ShareState[];

export const shareTable: Table<ShareState, ShareEvent> = [
  ["draft", "readied", "ready"],
  // A record that the partner brought enters where they have it: we never pushed it.
  ["draft", "partner_stored", "submitted"],
  ["draft", "partner_asked", "needs_action"],
  ["draft", "partner_accepted", "accepted"],
  ["ready", "gap_found", "draft"],
  ["ready", "push_started", "submitting"],
  ["submitting", "partner_stored", "submitted"],
  ["submitting", "partner_refused", "needs_action"],
  ["submitted", "review_started", "in_review"],
  ["submitted", "partner_asked", "needs_action"],
  ["in_review", "partner_asked", "needs_action"],
  ["needs_action", "revised", "submitting"],
  ["submitted", "partner_accepted", "accepted"],
  ["in_review", "partner_accepted", "accepted"],
  ["submitted", "partner_declined", "declined"],
  ["in_review", "partner_declined", "declined"],
  ["accepted", "launched", "won"],
  ["accepted", "lost", "lost"],
  // What never reached the partner is withdrawn at once; what did is withdrawn when the partner's record lets us.
  ["draft", "withdrawn_by_us", "withdrawn"],
  ["ready", "withdrawn_by_us", "withdrawn"],
  ["submitting", "withdrawal_requested", "withdrawing"],
  ["submitted", "withdrawal_requested", "withdrawing"],
  ["in_review", "withdrawal_requested", "withdrawing"],
  ["needs_action", "withdrawal_requested", "withdrawing"],
  ["accepted", "withdrawal_requested", "withdrawing"],
  ["withdrawing", "withdrawn_by_us", "withdrawn"],
  ["withdrawing", "partner_declined", "declined"],
  ["withdrawing", "launched", "won"],
  ["withdrawing", "lost", "withdrawn"],
  ["submitting", "withdrawn_by_partner", "withdrawn"],
  ["submitted", "withdrawn_by_partner", "withdrawn"],
  ["in_review", "withdrawn_by_partner", "withdrawn"],
  ["needs_action", "withdrawn_by_partner", "withdrawn"],
  ["accepted", "withdrawn_by_partner", "withdrawn"],
  ["withdrawing", "withdrawn_by_partner", "withdrawn"],
];

export const invitationStates = ["received", "accepting", "accepted", "rejecting", "rejected", "expired"] as const;
export type InvitationState = (typeof invitationStates)[number];
export const invitationEvents = [
  "accept_requested",
  "accept_failed",
  "accepted",
  "reject_requested",
  "reject_failed",
  "rejected",
  "expired",
] as const;
export type InvitationEvent = (typeof invitationEvents)[number];
export const invitationEndStates = ["accepted", "rejected", "expired"] as const satisfies readonly InvitationState[];

/** A referral or lead that came from the partner: it waits for our answer until it expires. */
export const invitationTable: Table<InvitationState, InvitationEvent> = [
  ["received", "accept_requested", "accepting"],
  ["accepting", "accept_failed", "received"],
  ["accepting", "accepted", "accepted"],
  ["received", "reject_requested", "rejecting"],
  ["rejecting", "reject_failed", "received"],
  ["rejecting", "rejected", "rejected"],
  // Answered in the partner's portal, or run out, while we were not looking or had not sent our answer yet.
  ["received", "accepted", "accepted"],
  ["rejecting", "accepted", "accepted"],
  ["received", "rejected", "rejected"],
  ["accepting", "rejected", "rejected"],
  ["received", "expired", "expired"],
  ["accepting", "expired", "expired"],
  ["rejecting", "expired", "expired"],
];

export const offerStates = [
  "draft",
  "in_approval",
  "publishing",
  "published",
  "viewed",
  "accepted",
  "expired",
  "withdrawn",
  "superseded",
] as const;
export type OfferState = (typeof offerStates)[number];
export const offerEvents = [
  "approval_requested",
  "approval_refused",
  "changed",
  "publish_started",
  "publish_refused",
  "published",
  "viewed",
  "accepted",
  "expired",
  "extended",
  "withdrawn",
  "superseded",
] as const;
export type OfferEvent = (typeof offerEvents)[number];
/** An expired offer may be extended, so it is no end until somebody lets it rest. */
export const offerEndStates = ["accepted", "withdrawn", "superseded"] as const satisfies readonly OfferState[];

/** A private offer: ours until it is published, then the marketplace tells. Withdrawing and extending are writes, not states. */
export const offerTable: Table<OfferState, OfferEvent> = [
  ["draft", "approval_requested", "in_approval"],
  ["draft", "publish_started", "publishing"],
  ["draft", "withdrawn", "withdrawn"],
  ["in_approval", "approval_refused", "draft"],
  // What was approved is what was asked: a changed draft is asked for again.
  ["in_approval", "changed", "draft"],
  ["in_approval", "publish_started", "publishing"],
  ["in_approval", "withdrawn", "withdrawn"],
  ["publishing", "publish_refused", "draft"],
  ["publishing", "published", "published"],
  ["publishing", "withdrawn", "withdrawn"],
  // One that somebody made at the marketplace enters where it stands.
  ["draft", "published", "published"],
  ["published", "viewed", "viewed"],
  ["published", "accepted", "accepted"],
  ["viewed", "accepted", "accepted"],
  ["published", "expired", "expired"],
  ["viewed", "expired", "expired"],
  ["expired", "extended", "published"],
  // Word of an acceptance in the last hours may come after the deadline's.
  ["expired", "accepted", "accepted"],
  ["published", "withdrawn", "withdrawn"],
  ["viewed", "withdrawn", "withdrawn"],
  ["expired", "withdrawn", "withdrawn"],
  ["published", "superseded", "superseded"],
  ["viewed", "superseded", "superseded"],
  ["expired", "superseded", "superseded"],
];

export const agreementStates = ["pending", "active", "renewed", "cancelled", "ended"] as const;
export type AgreementState = (typeof agreementStates)[number];
export const agreementEvents = ["accepted", "activated", "renewed", "cancelled", "ended"] as const;
export type AgreementEvent = (typeof agreementEvents)[number];
export const agreementEndStates = ["renewed", "cancelled", "ended"] as const satisfies readonly AgreementState[];

/** `renewed`: another agreement goes on in its place. An amendment is a revision of an agreement, not a state. */
export const agreementTable: Table<AgreementState, AgreementEvent> = [
  ["pending", "accepted", "pending"],
  ["pending", "activated", "active"],
  ["pending", "cancelled", "cancelled"],
  ["pending", "ended", "ended"],
  ["active", "renewed", "renewed"],
  ["active", "cancelled", "cancelled"],
  ["active", "ended", "ended"],
];

export const effectStates = ["intended", "sent", "ambiguous", "confirmed", "refused", "stuck"] as const;
export type EffectState = (typeof effectStates)[number];
export const effectEvents = [
  "sending",
  "kept",
  "refused",
  "unsent",
  "answer_lost",
  "located",
  "refuted",
  "given_up",
  "reopened",
  "task_failed",
  "adopted",
  "done_by_hand",
  "not_done",
] as const;
export type EffectEvent = (typeof effectEvents)[number];

/** The heart of exactly-once: a write is looked for before it is repeated. */
export const effectTable: Table<EffectState, EffectEvent> = [
  ["intended", "sending", "sent"],
  // After a restore: a life of this installation that we have no memory of had sent it.
  ["intended", "located", "confirmed"],
  ["sent", "kept", "confirmed"],
  // The partner did it before us: a deal that came from them has its record already.
  ["intended", "adopted", "confirmed"],
  ["sent", "refused", "refused"],
  // A person does it where nothing of ours may: it is never sent.
  ["intended", "done_by_hand", "confirmed"],
  ["intended", "not_done", "refused"],
  // The partner (or our own quota) said no before anything could have happened.
  ["sent", "unsent", "intended"],
  ["sent", "answer_lost", "ambiguous"],
  ["sent", "located", "confirmed"],
  ["ambiguous", "located", "confirmed"],
  ["sent", "refuted", "intended"],
  ["ambiguous", "refuted", "intended"],
  ["ambiguous", "given_up", "stuck"],
  ["sent", "given_up", "stuck"],
  // After a restore: it may have been sent, and nothing can tell.
  ["intended", "given_up", "stuck"],
  ["stuck", "reopened", "ambiguous"],
  // The partner took the write and its task failed later: the next intent of the same write gets a token of its own.
  ["confirmed", "task_failed", "refused"],
];

export const taskStates = ["open", "done", "cancelled"] as const;
export type TaskState = (typeof taskStates)[number];
export const taskEvents = ["done", "cancelled"] as const;
export type TaskEvent = (typeof taskEvents)[number];
export const taskEndStates = ["done", "cancelled"] as const satisfies readonly TaskState[];
/** What a person does at the partner by hand. */
export const taskTable: Table<TaskState, TaskEvent> = [
  ["open", "done", "done"],
  ["open", "cancelled", "cancelled"],
];

export const connectionStates = ["active", "parked"] as const;
export type ConnectionState = (typeof connectionStates)[number];
export const connectionTable: Table<ConnectionState, "denied" | "resumed"> = [
  ["active", "denied", "parked"],
  ["parked", "resumed", "active"],
];

export const webhookStates = ["enabled", "disabled"] as const;
export type WebhookState = (typeof webhookStates)[number];
export const webhookTable: Table<WebhookState, "disable" | "enable"> = [
  ["enabled", "disable", "disabled"],
  ["disabled", "enable", "enabled"],
];

export const webhookMessageStates = ["pending", "delivered", "failed"] as const;
export type WebhookMessageState = (typeof webhookMessageStates)[number];
export const webhookMessageEvents = ["taken", "given_up", "replayed"] as const;
export type WebhookMessageEvent = (typeof webhookMessageEvents)[number];
/** A message may always be sent again: its receiver knows it by its id. */
export const webhookMessageTable: Table<WebhookMessageState, WebhookMessageEvent> = [
  ["pending", "taken", "delivered"],
  ["pending", "given_up", "failed"],
  ["pending", "replayed", "pending"],
  ["delivered", "replayed", "pending"],
  ["failed", "replayed", "pending"],
];

export const periodStates = ["open", "soft", "locked"] as const;
export type PeriodState = (typeof periodStates)[number];
export const periodEvents = ["soft_closed", "locked", "reopened"] as const;
export type PeriodEvent = (typeof periodEvents)[number];
/** A month of one marketplace's books. Soft: whatever still changes in it is told of; locked: nothing in it changes. */
export const periodTable: Table<PeriodState, PeriodEvent> = [
  ["open", "soft_closed", "soft"],
  ["open", "locked", "locked"],
  ["soft", "locked", "locked"],
  ["soft", "reopened", "open"],
  ["locked", "reopened", "open"],
];

export const exceptionStates = ["open", "assigned", "explained", "adjusted", "accepted", "disputed", "closed"] as const;
export type ExceptionState = (typeof exceptionStates)[number];
export const exceptionEvents = [
  "assigned",
  "explained",
  "adjusted",
  "accepted",
  "disputed",
  "closed",
  "reopened",
] as const;
export type ExceptionEvent = (typeof exceptionEvents)[number];
/** What a person says of an exception. Somebody owns it before anything is said of it; anybody may close one with a reason. */
export const exceptionTable: Table<ExceptionState, ExceptionEvent> = [
  ["open", "assigned", "assigned"],
  ["open", "closed", "closed"],
  ["assigned", "assigned", "assigned"],
  ["assigned", "explained", "explained"],
  ["assigned", "adjusted", "adjusted"],
  ["assigned", "accepted", "accepted"],
  ["assigned", "disputed", "disputed"],
  ["assigned", "closed", "closed"],
  // What was said may be taken back: whoever gets it next begins again.
  ["explained", "assigned", "assigned"],
  ["explained", "closed", "closed"],
  ["adjusted", "assigned", "assigned"],
  ["adjusted", "closed", "closed"],
  ["accepted", "assigned", "assigned"],
  ["accepted", "closed", "closed"],
  // The marketplace's answer decides what a dispute comes to.
  ["disputed", "assigned", "assigned"],
  ["disputed", "explained", "explained"],
  ["disputed", "adjusted", "adjusted"],
  ["disputed", "accepted", "accepted"],
  ["disputed", "closed", "closed"],
  ["closed", "reopened", "open"],
];

/** The next state, or null when the table has no such row. */
export const step = <State extends string, Event extends string>(
  table: Table<State, Event>,
  from: State,
  event: Event,
): State | null => table.find((row) => row[0] === from && row[1] === event)?.[2] ?? null;

/**
 * The events that lead from `from` to the state that `event` leads to, last one being `event` itself: a partner's answer
 * may skip states we never saw, but only along rows that exist. Null when there is no such way. Shortest way, table order.
 */
export const path = <State extends string, Event extends string>(
  table: Table<State, Event>,
  from: State,
  event: Event,
  allowed: (event: Event) => boolean = () => true,
): readonly Row<State, Event>[] | null => {
  const seen = new Set<State>([from]);
  let frontier: { readonly state: State; readonly rows: readonly Row<State, Event>[] }[] = [{ state: from, rows: [] }];
  while (frontier.length > 0) {
    for (const { state, rows } of frontier) {
      const last = table.find((row) => row[0] === state && row[1] === event);
      if (last) return [...rows, last];
    }
    const next: typeof frontier = [];
    for (const { state, rows } of frontier) {
      for (const row of table) {
        if (row[0] !== state || seen.has(row[2]) || !allowed(row[1])) continue;
        seen.add(row[2]);
        next.push({ state: row[2], rows: [...rows, row] });
      }
    }
    frontier = next;
  }
  return null;
};
