/**
 * The contract's part about assisted mode: where a connection lacks the partner's API, a person does the partner's side by
 * hand and the same state machine runs. An adapter describes its portal's form and words as data; the engine opens the tasks.
 */
import { type FormField, type HandKind, isLater, type PartnerStatus, type PartnerWord } from "../src/domain/by-hand.ts";
import type { RemoteRef, ShareDraft } from "../src/domain/deal.ts";
import type { CoSell } from "./contract.ts";

export interface Assisted {
  /** Where the person works. */
  readonly portal: { readonly name: string; readonly url: string };
  /** The number by which the portal knows a record. */
  readonly number: {
    /** What the portal calls it, for example `deal number`. */
    readonly name: string;
    readonly example: string;
    /** How it looks and where the portal shows it, as a sentence without its end: completes "it must be …". */
    readonly format: string;
    /**
     * Pure: the record's reference, the same however the number was typed, and the one that the API would give; null: this
     * is no such number.
     */
    readonly parse: (text: string) => RemoteRef | null;
    /** Pure: the number as the portal shows it. Absent: it is the reference's id. */
    readonly show?: (ref: RemoteRef) => string;
  };
  /** Pure: every field of the portal's form in its order, filled from the draft, also those to be left empty. */
  readonly form: (draft: ShareDraft) => readonly FormField[];
  /** What to do in the portal before and after the fields are typed, one sentence each. Without `withdraw` the programme has none. */
  readonly steps: Readonly<Record<Exclude<HandKind, "withdraw">, readonly string[]>> & {
    readonly withdraw?: readonly string[];
  };
  /**
   * Keys of the API's writes that a registration by hand makes needless: a connection that gets the API later must not send
   * them for a record that is there already.
   */
  readonly standsFor: readonly string[];
  /** Every word for a record's status that a person may report, and what it means. The first is what a record has once its form is sent. */
  readonly statuses: readonly [PartnerStatus, ...PartnerStatus[]];
  /** Every word for a sales stage that a person may report; empty: the programme has none. */
  readonly stages: readonly PartnerWord[];
  /** Pure: why the portal does not take a new value of this field while the record has this status; null: it does. Absent: it always does. */
  readonly frozen?: (field: string, status: string) => string | null;
}

/**
 * A co-sell door without an API behind it: the deal is judged as always, and what would be sent is a person's task. Nothing
 * of it contacts anybody; the engine calls none of the doors that would.
 */
export const byHand = (
  judge: Pick<CoSell, "gaps" | "notices" | "involvement">,
  assisted: Assisted,
): CoSell & { readonly assisted: Assisted } => ({
  ...judge,
  assisted,
  notices: (draft) => [
    `Nothing is sent by itself: a person registers it in ${assisted.portal.name} by hand, pastes its ${assisted.number.name} back and tells what comes of it.`,
    ...(judge.notices?.(draft) ?? []),
  ],
  newer: isLater,
  submission: nobody,
  revision: nobody,
  ...(assisted.steps.withdraw === undefined ? {} : { withdrawal: nobody }),
  baseOf: nobody,
  run: nobody,
  locate: nobody,
  poll: nobody,
  look: nobody,
  changes: nobody,
});
const nobody = (): never => {
  throw new Error("a person does this connection's side by hand: there is nothing to call");
};
