/**
 * One cloud marketplace, seen through the only doors this product needs. An absent property is an absent capability;
 * there is no base class and no default. A write is data: planned purely, journalled by the engine, then run.
 */
import type { z } from "zod";
import type {
  Connection,
  Json,
  JsonObject,
  MarketplaceId,
  Observation,
  OpportunityInput,
  RemoteRef,
  ShareDraft,
} from "../src/domain/deal.ts";
import type { Check } from "../src/domain/diagnosis.ts";
import type { Fault, Gap, Result } from "../src/domain/fault.ts";
import type { InvitationObservation, RejectionReason } from "../src/domain/invitation.ts";
import type { Involvement } from "../src/domain/share-rule.ts";
import type { ClockDep, HttpDep, IdsDep, SecretsDep } from "../src/ports.ts";
import type { Assisted } from "./contract-assisted.ts";
import type { Hint, HookRegistration, Hooks, Pull } from "./contract-deliveries.ts";
import type { Agreements, Landing, Offers } from "./contract-offers.ts";
import type { ReportSource } from "./contract-report-sources.ts";

export * from "./contract-assisted.ts";
export * from "./contract-deliveries.ts";
export * from "./contract-offers.ts";
export * from "./contract-report-sources.ts";
export * from "./contract-simulator.ts";

export interface Marketplace {
  readonly id: MarketplaceId;
  readonly name: string;
  /** Settings of a connection; rendered into the API and the docs as JSON Schema. Secrets are references (`secret:<ref>`). */
  readonly settings: z.ZodType<JsonObject>;
  /** Programme-only fields a deal may carry under `programmes.<id>`; rendered into the docs. */
  readonly fields: z.ZodType<JsonObject>;
  /** What only this marketplace asks for in a private offer, in `terms.fields`; rendered into the docs. Absent: nothing. */
  readonly offerFields?: z.ZodType<JsonObject>;
  readonly limits: Limits;
  /** The pre-flight rules as dated data, each with its source; shown to people. Absent: none are published. */
  readonly rules?: RulePack;
  /** A seller's account and settings with everything set up that can be: for the docs, and to tell what the marketplace offers before anybody connects. */
  readonly example: { readonly account: string; readonly settings: JsonObject };
  readonly open: (deps: SessionDeps, connection: Connection) => Session;
}
export type SessionDeps = ClockDep & IdsDep & HttpDep & SecretsDep & QuotaDep;

export interface RulePack {
  /** The day on which the rules were last compared with their sources. */
  readonly version: string;
  /** The vendor's model or document they were drawn from. */
  readonly model: string;
  readonly rows: readonly {
    readonly id: string;
    readonly field: string;
    readonly when: string;
    readonly says: string;
    readonly source: string;
  }[];
}

/** Published quotas of the partner's API, per seller account, and the bounds of one request. */
export interface Limits {
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  readonly readsPerDay: number;
  readonly writesPerDay: number;
  readonly pageSize: number;
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

/** Leave to send one request now. The adapter asks immediately before each send; a refusal is `throttled` with the time to come back. */
export interface Quota {
  readonly take: (kind: "read" | "write") => Promise<Result<null>>;
}
export interface QuotaDep {
  readonly quota: Quota;
}

/** What a connection may offer. Each is a door of the session that is there, or a reason in `lacks` why it is not. */
export const capabilityNames = [
  "coSell",
  "withdrawal",
  "invitations",
  "hooks",
  "hookRegistration",
  "queue",
  "consent",
  "assisted",
  "offers",
  "offerRehearsal",
  "offerExtension",
  "offerWithdrawal",
  "agreements",
  "landing",
  "reports",
] as const;
export type Capability = (typeof capabilityNames)[number];

export interface Session {
  /** Why each absent door is absent, in a sentence for a person: the marketplace has none, or what sets it up. */
  readonly lacks: Readonly<Partial<Record<Capability, string>>>;
  /** Tells whether credentials and permissions work: one cheap read. */
  readonly check: () => Promise<Result<JsonObject>>;
  /** Everything the connection needs of the partner, as checks to run in order. None of them can change anything there. */
  readonly diagnose?: (known: Known) => readonly Check[];
  readonly hooks?: Hooks;
  readonly hookRegistration?: HookRegistration;
  readonly pull?: Pull;
  readonly consent?: Consent;
  readonly coSell?: CoSell;
  readonly offers?: Offers;
  readonly agreements?: Agreements;
  readonly landing?: Landing;
  readonly reports?: ReportSource;
  /** How often the partner is asked what changed, in minutes. Absent: as often as the installation sweeps. */
  readonly sweepMinutes?: number;
  /** How old what we know of a record may be before a sweep reads it again, in minutes. Absent: as the installation has it. */
  readonly lookMinutes?: number;
}

/** A person's leave, given by signing in at the partner and kept alive by use. It lapses unless somebody renews it. */
export interface Consent {
  /** Where an administrator signs in. `state` and `challenge` (PKCE S256) come back to, or are proved by, `finish`. */
  readonly signInUrl: (at: {
    readonly redirectUri: string;
    readonly state: string;
    readonly challenge: string;
  }) => string;
  /** Trades the code of a sign-in for a lasting token, and keeps that. */
  readonly finish: (at: {
    readonly redirectUri: string;
    readonly code: string;
    readonly verifier: string;
  }) => Promise<Result<ConsentState>>;
  /** Nothing is contacted. Null: nobody has consented yet. */
  readonly state: () => Promise<ConsentState | null>;
}
export interface ConsentState {
  readonly grantedAt: Date;
  /** When the token was last renewed by use. */
  readonly renewedAt: Date;
  /** When it ends if it is not used again. */
  readonly lapsesAt: Date;
  /** Why the partner no longer takes it; null: it does, as far as we know. */
  readonly ended: string | null;
}

/** What we know of a connection's past, for a diagnosis. */
export interface Known {
  /** The partner's id of a record of ours, where there is one. */
  readonly remoteId: string | null;
  /** Operations that the partner confirmed lately, with the time of the last one, ISO 8601. */
  readonly confirmed: Readonly<Record<string, string>>;
}

export type WriteToken = "partner-keeps" | "we-read" | "we-search" | "untraceable";
/** One write on the partner's system, as data. `body` is frozen in the journal: a retry sends exactly these bytes. */
export interface Write {
  /** The partner's operation, for example CreateOpportunity. */
  readonly operation: string;
  /** Names the intent within one share: `create`, `associate:S-0000001`, `start`, `update:<version replaced>`. Stable. */
  readonly key: string;
  /** The request without its token. */
  readonly body: JsonObject;
  /**
   * What tells whether a lost write happened: `partner-keeps`, the partner remembers our token and a repeat is harmless;
   * `we-read`, one record that reads true at once; `we-search`, a list that may lag, so two searches must agree;
   * `untraceable`, nothing does: a lost one is left to a person and never repeated.
   */
  readonly token: WriteToken;
}

/** What a write came to. Small, without personal data: it is kept and may be logged. */
export interface Outcome {
  /** Which write it belongs to. */
  readonly key: string;
  readonly ref: RemoteRef;
  /** The partner's version after the write where the answer states one. */
  readonly version: string | null;
  /** Where the partner works on after it took the write: poll until done or failed. */
  readonly task: PartnerTask | null;
}

export interface PartnerTask {
  readonly id: string;
  readonly state: "running" | "done" | "failed";
  /** The record that the task made, once it is done and where it makes one. */
  readonly made?: RemoteRef | null | undefined;
  /** Why it failed. A fault of the poll itself is the poll's own result, not this. */
  readonly fault?: Fault;
}

/** The next thing to do in a submission. */
export type Next =
  | { readonly kind: "write"; readonly write: Write }
  | { readonly kind: "poll"; readonly outcome: Outcome }
  | { readonly kind: "done" };

/** The next thing to do about an answer to an invitation. */
export type AnswerNext =
  | Exclude<Next, { readonly kind: "done" }>
  /** What was read is too old to go on: read the invitation again first. */
  | { readonly kind: "look" }
  /** `made`: the partner's record that came of it; null where there is none or we do not know it. */
  | { readonly kind: "done"; readonly made: RemoteRef | null }
  /** It cannot be carried out; the reason is for a person. */
  | { readonly kind: "stop"; readonly reason: string };

/** Referrals and leads that come from the partner first. Their writes are run, located and polled by `CoSell` as all others. */
export interface Invitations {
  /** The closed list of reasons that a rejection may state. */
  readonly reasons: readonly RejectionReason[];
  readonly look: (ref: RemoteRef) => Promise<Result<InvitationObservation>>;
  /** Those that wait for our answer, page by page. */
  readonly pending: (cursor: Json) => Promise<Result<Page<Hint>>>;
  /** Pure: the next write or poll of an answer, given what is confirmed so far. */
  readonly answer: (input: AnswerInput, done: readonly Outcome[]) => AnswerNext;
  /** The record that came of an invitation accepted elsewhere, for example in the partner's portal. Null: not found. */
  readonly made: (invitation: InvitationRead) => Promise<Result<RemoteRef | null>>;
  /** Pure: the deal that a record of theirs describes, in our vocabulary. */
  readonly dealOf: (record: Observation) => ReferredDeal;
}
/** An invitation as last read. */
export type InvitationRead = Pick<InvitationObservation, "ref" | "kind" | "event" | "body">;
export interface AnswerInput {
  readonly answer: { readonly kind: "accept" } | { readonly kind: "reject"; readonly reason: string };
  readonly invitation: InvitationRead;
}
/** A deal that came from the partner. Members that do not fit a deal of ours are left out. */
export interface ReferredDeal {
  readonly deal: Omit<OpportunityInput, "source" | "key">;
  /** Writes of a submission that their record shows as done: a deal that came from them is not created again. */
  readonly done: readonly Outcome[];
  /** True when they wait for us to complete and submit it, as with a deal made of a lead. */
  readonly isUnsubmitted: boolean;
}

export interface RevisionInput {
  readonly draft: ShareDraft;
  /** What the partner's record held, as `Revision.base` put it, when we and they last agreed. Null: never. */
  readonly base: Json;
  /** Freshly read. */
  readonly observation: Observation;
}
/** What to do with our edits, given their record. `base` is the editable document to remember once it is done. */
export type Revision =
  | { readonly kind: "nothing"; readonly base: JsonObject; readonly dropped?: readonly DroppedEdit[] }
  | {
      readonly kind: "write";
      readonly write: Write;
      readonly base: JsonObject;
      readonly fields: readonly string[];
      readonly dropped: readonly DroppedEdit[];
      /** Fields among `fields` that the partner had changed too: our value replaces theirs. */
      readonly overwrote?: readonly string[];
      /** One field alone that the partner may or may not take: refused, it is not sent again, and the rest follows. */
      readonly isOffer?: boolean;
      /** Other edits cannot be sent yet: once this is done, the revision is asked again and tells what waits. */
      readonly isPartial?: boolean;
    }
  /** `isDrift`: their record does not fit what we know, so an update might destroy something; a person must know. */
  | { readonly kind: "locked"; readonly reason: string; readonly fields: readonly string[]; readonly isDrift?: boolean }
  | { readonly kind: "gaps"; readonly gaps: readonly Gap[] };
/** An edit of ours that will never be sent, and why: overtaken by theirs, or locked for good. */
export interface DroppedEdit {
  readonly field: string;
  readonly reason: string;
}

/** What is compared to find the partner's own changes. */
export interface TheirsInput extends RevisionInput {
  /** The base that holds once the update under way is confirmed; null: none is. What it holds is ours, not theirs. */
  readonly nextBase: Json;
}
/** What the partner's record says of one field of the deal, in our vocabulary; never a person. */
export interface TheirValue {
  readonly field: string;
  readonly value: Json;
  /** They changed it since both sides last agreed, and the deal can take it: sent back it would change nothing. */
  readonly isEdit: boolean;
  /** We had not changed it in the meantime, so they changed what we have. */
  readonly isInformed: boolean;
  /** The piece of the base to remember once the deal has taken it. */
  readonly base: JsonObject;
}
export interface Theirs {
  /** When their record was last changed. */
  readonly at: Date;
  readonly values: readonly TheirValue[];
}

/** How planned writes of any kind are carried out. */
export interface Writes {
  readonly run: (write: Write, token: string) => Promise<Result<Outcome>>;
  /**
   * "Did it happen?": after a lost answer, before any repeat. Null: searched and not found. With `traces`, a write that we
   * have no memory of sending may have made the record, and the record may have gone further since.
   */
  readonly locate: (write: Write, token: string, traces?: Traces) => Promise<Result<Outcome | null>>;
  readonly poll: (outcome: Outcome) => Promise<Result<Outcome>>;
}

export interface CoSell extends Writes {
  /** Pure: what the programme would refuse, and why. A draft with gaps is never sent. */
  readonly gaps: (draft: ShareDraft) => readonly Gap[];
  /** Pure: what a person should know before this draft is sent, for example that it cannot be undone. Absent: nothing. */
  readonly notices?: (draft: ShareDraft) => readonly string[];
  /** Pure: the programme's own fields for how the partner is asked to join. Absent: the programme knows no difference. */
  readonly involvement?: (wanted: Involvement) => JsonObject;
  /** Pure: the next write or poll of a submission, given what is confirmed so far. The engine loops until `done`. */
  readonly submission: (draft: ShareDraft, done: readonly Outcome[]) => Next;
  /** Pure: our edits merged into their record (base, ours, theirs), through the gate of what may be edited now. */
  readonly revision: (input: RevisionInput) => Revision;
  /** Pure: the write that withdraws the share; `locked` while their record cannot be edited. Absent: the programme has none. */
  readonly withdrawal?: (input: RevisionInput & { readonly reason: string }) => Revision;
  /**
   * Pure: the next thing of ours that their record lacks besides its fields (on AWS: an associated solution), or null.
   * `settled` names the writes that are confirmed, or refused for good. Absent: records have no such things.
   */
  readonly addition?: (draft: ShareDraft, observation: Observation, settled: ReadonlySet<string>) => Write | null;
  /** The base to remember after a submission: the editable document as sent. */
  readonly baseOf: (observation: Observation) => JsonObject;
  /** Pure: their record in our vocabulary, and what of it they changed. Absent: nothing of theirs reaches the deal. */
  readonly theirs?: (input: TheirsInput) => Theirs;
  /** True when version `a` is later than `b` in the partner's own order. */
  readonly newer: (a: string, b: string) => boolean;
  readonly look: (ref: RemoteRef) => Promise<Result<Observation>>;
  /** What changed since the cursor, oldest first, with overlap: repeats are harmless. */
  readonly changes: (cursor: Json) => Promise<Result<Page<Hint>>>;
  readonly invitations?: Invitations;
  /** A person does the partner's side by hand: none of the doors that contact the partner is called. Absent: the API does. */
  readonly assisted?: Assisted;
}

/** What we know of records that a write may have made before a restore. */
export interface Traces {
  /** Records of this deal's key that other shares own: none of them is it. */
  readonly taken: readonly string[];
  /** Records that carry this deal's key and that no share owns, as far as a sweep has told. */
  readonly known: readonly string[];
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly cursor: Json;
  readonly more: boolean;
}
