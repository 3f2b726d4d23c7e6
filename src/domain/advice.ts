/** What a person should do next about a share: one sentence from what is known of it. Pure, in no marketplace's words. */
import type { Gap } from "./fault.ts";
import { type ShareState, shareEndStates } from "./machine.ts";

export interface Situation {
  readonly state: ShareState;
  /** Why it is where it is, in one sentence. */
  readonly reason: string | null;
  readonly gaps: readonly Pick<Gap, "field" | "fix">[];
  /** The name of the partner, for example AWS. */
  readonly partner: string;
  /** What they ask or say, in their words; null when they said nothing. */
  readonly said: string | null;
  /** What they advise to do, in their words. */
  readonly advised: string | null;
  /** Why the connection sends nothing now; null: it works. */
  readonly parked: string | null;
  /** Fields of edits that wait until their record opens. */
  readonly waiting: readonly string[];
  /** A person's task stands for it: what is to be done there by hand. */
  readonly isTask?: boolean;
  /** What the partner says is known only when a person tells it. */
  readonly isByHand?: boolean;
}

/** One sentence, never empty. */
export const nextStep = (situation: Situation): string => {
  const kept =
    situation.waiting.length === 0
      ? ""
      : ` Your edits (${situation.waiting.join(", ")}) are kept and sent when it opens.`;
  return `${stepIn(situation)}${kept}`;
};

const stepIn = (situation: Situation): string => {
  const { state, partner, said, advised, reason, parked, gaps } = situation;
  if (situation.isTask === true)
    return `Do its task at ${partner} by hand: cosell tasks show tells what, cosell tasks done ends it.`;
  const isOpen = !shareEndStates.some((end) => end === state);
  if (parked !== null && isOpen && state !== "needs_action" && gaps.length === 0)
    return `Mend the connection to ${partner}, which is parked: ${sentence(parked)}`;
  switch (state) {
    case "draft":
      return fixGaps(situation) ?? "Share it: nothing is missing.";
    case "ready":
    case "submitting":
      return `Nothing: it is on its way to ${partner}.`;
    case "submitted":
      return advised === null ? `Wait: ${partner} has it and will review it.${asked(situation)}` : sentence(advised);
    case "in_review":
      return `Wait for the review of ${partner}; it may take some working days.${asked(situation)}`;
    case "needs_action":
      return (
        fixGaps(situation) ??
        `Answer ${partner}${said === null ? (reason === null ? "" : `: ${sentence(reason)}`) : `: ${sentence(said)}`} Change the deal, and it is sent again.`
      );
    case "accepted":
      return advised === null
        ? `Work the deal with ${partner}'s seller, and keep stage and next steps current.`
        : sentence(advised);
    case "withdrawing":
      return `Nothing: the withdrawal is on its way to ${partner}.`;
    case "declined":
      return `Read why${said === null ? "" : ` (${said})`}; share it again when that is mended.`;
    case "won":
      return "Nothing: the deal is won and launched.";
    case "lost":
      return "Nothing: the deal is lost.";
    case "withdrawn":
      return "Nothing; share it again if the deal comes back.";
  }
};

const asked = ({ isByHand }: Situation): string =>
  isByHand === true ? " Look there, and tell what comes of it: cosell tasks tell." : "";

const fixGaps = ({ gaps }: Situation): string | null => {
  const [first, ...others] = gaps;
  if (first === undefined) return null;
  const more =
    others.length === 0 ? "" : ` Then ${others.length === 1 ? `mend ${others[0]?.field}` : `${others.length} more`}.`;
  return `Mend ${first.field}: ${sentence(first.fix)}${more}`;
};

/** A whole sentence of it: other people's advice often comes without a capital or a full stop. */
const sentence = (text: string): string => {
  const trimmed = text.trim();
  const begun = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…。]$/u.test(begun) ? begun : `${begun}.`;
};
