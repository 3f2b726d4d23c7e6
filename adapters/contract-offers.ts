/** The contract's part about private offers and what they become: agreements, entitlements, subscriptions. */
import type { Json, RemoteRef } from "../src/domain/deal.ts";
import type { Gap, Result } from "../src/domain/fault.ts";
import type { AgreementObservation, Decision, OfferChange, OfferDraft, OfferObservation } from "../src/domain/offer.ts";
import type { Next, Outcome, Page, Writes } from "./contract.ts";
import type { Hint } from "./contract-deliveries.ts";

/** Whether this marketplace tells that a buyer has looked at an offer, accepted it, and that it is in force; and by what. */
export interface OfferTells {
  readonly viewed: string | null;
  readonly accepted: string;
  /** `inferred`: nothing says so about the offer itself; it follows from something else, which is kept as evidence. */
  readonly acceptedIs: "stated" | "inferred";
  readonly active: string;
}

export interface Offers extends Writes {
  readonly tells: OfferTells;
  /** Pure: what the marketplace would refuse, and why. A draft with gaps is never sent. */
  readonly gaps: (draft: OfferDraft) => readonly Gap[];
  /** Pure: what a person should know before this draft is published, for example a flag that costs or saves a fee. */
  readonly notices?: (draft: OfferDraft) => readonly string[];
  /** The marketplace's own dry run: what it would refuse. Nothing lasting is made there. Absent: it has none. */
  readonly rehearse?: (draft: OfferDraft) => Promise<Result<readonly Gap[]>>;
  /** Pure: the next write or poll on the way to a published offer, given what is confirmed so far. */
  readonly publication: (draft: OfferDraft, done: readonly Outcome[]) => Next;
  /** Pure: the next write or poll that moves the last day to accept to `acceptBy`, YYYY-MM-DD. Absent: it cannot be moved. */
  readonly extension?: (change: OfferChange, acceptBy: string, done: readonly Outcome[]) => Next;
  /** Pure: the next write or poll that takes a published offer back. Absent: it cannot be. */
  readonly withdrawal?: (change: OfferChange, done: readonly Outcome[]) => Next;
  readonly look: (ref: RemoteRef) => Promise<Result<OfferObservation>>;
  /** Offers that changed since the cursor, with overlap: hints of kind `offer`. Also those that nobody here made. */
  readonly changes: (cursor: Json) => Promise<Result<Page<Hint>>>;
}

export interface Agreements extends Writes {
  /** True: `invoiced` tells every invoice, so an instalment without one was missed. Absent: only reports tell. */
  readonly tellsInvoices?: true;
  readonly look: (ref: RemoteRef) => Promise<Result<AgreementObservation>>;
  /** Agreements that changed since the cursor, with overlap: hints of kind `agreement`. */
  readonly changes: (cursor: Json) => Promise<Result<Page<Hint>>>;
  /** What the seller owes once the marketplace has deleted an agreement, in a sentence. Absent: nothing. */
  readonly onDeletion?: string;
  /** Agreements that came of an offer. */
  readonly ofOffer: (ref: RemoteRef) => Promise<Result<readonly RemoteRef[]>>;
  /**
   * Pure: what the marketplace waits for from us before the agreement can go on, by the connection's settings: Google's
   * approvals, Microsoft's activation and answers to changes of plan. What the settings leave to a person (`waits` of the
   * observation) follows the decision about it. `done`: nothing. Absent: it never waits for us.
   */
  readonly duty?: (observation: AgreementObservation, done: readonly Outcome[], decision: Decision | null) => Next;
}

/** Where a buyer arrives from the marketplace with a token that only the marketplace can read. */
export interface Landing {
  /** Reads the token. The reference is of the agreement. `missing`: it is no token, or has run out. */
  readonly resolve: (token: string) => Promise<Result<AgreementObservation>>;
}
