/** What the rules make of a deal: per connection one verdict with its reason. The same decision for dry runs and for real. */
import { type Condition, compileCondition } from "./condition.ts";
import { problemSentence } from "./condition-problem.ts";
import {
  type Account,
  type Connection,
  type Contact,
  isEnded,
  type JsonObject,
  type Share,
  type Synthetic,
} from "./deal.ts";
import { type Gap, gapSentence } from "./fault.ts";
import { type DealFacts, factsOf } from "./rule-fields.ts";
import { draftOf } from "./share-draft.ts";
import { draftGaps, type Programme, type StandingRule } from "./share-rule.ts";

export const verdicts = ["would_share", "would_skip", "blocked"] as const;
export type Verdict = (typeof verdicts)[number];

/** An enabled rule with what it takes to apply it. */
export interface ReadyRule {
  readonly standing: StandingRule;
  readonly connection: Connection;
  readonly programme: Programme;
  /** Null with the reason, when the programme's fields have changed since the rule was saved. */
  readonly condition: Condition | null;
  readonly unreadable: string | null;
}

/** A rule ready to be applied: compiled against the programme as it is now. */
export const readyRule = (standing: StandingRule, connection: Connection, programme: Programme): ReadyRule => {
  const compiled = compileCondition(standing.content.condition, programme.fields);
  return {
    standing,
    connection,
    programme,
    condition: compiled.ok ? compiled.condition : null,
    unreadable: compiled.ok ? null : problemSentence(compiled.problem),
  };
};

export interface Decision {
  readonly connection: Connection;
  readonly verdict: Verdict;
  /** Why, in one sentence. */
  readonly reason: string;
  /** The rule that decides; null when none holds or the deal is shared already. */
  readonly rule: StandingRule | null;
  /** The share that stands in the way; null when there is none. */
  readonly shareId: string | null;
  readonly gaps: readonly Gap[];
  readonly synthetic: readonly Synthetic[];
}

export interface DecidedDeal extends DealFacts {
  readonly account: Account;
  /** All shares of the deal, open and ended. */
  readonly shares: readonly Pick<Share, "id" | "connectionId" | "state" | "generation">[];
}

/** A deal that a rule wants: it remains to be judged by the programme, which needs its contacts. */
export interface Candidate {
  readonly connection: Connection;
  readonly ready: ReadyRule;
}
export type Choice =
  | { readonly kind: "decided"; readonly decision: Decision }
  | ({ readonly kind: "candidate" } & Candidate);

/** Per connection that has rules, in the order of the rules: the first enabled rule whose condition holds decides. Pure. */
export const choose = (deal: DecidedDeal, rules: readonly ReadyRule[]): readonly Choice[] => {
  const byConnection = Map.groupBy(rules, (rule) => rule.connection.id);
  const choices: Choice[] = [];
  for (const [connectionId, own] of byConnection) {
    const [first] = own;
    if (first === undefined) continue;
    const shares = deal.shares
      .filter((share) => share.connectionId === connectionId)
      .toSorted((a, b) => b.generation - a.generation);
    choices.push(chooseFor({ deal, rules: own, connection: first.connection, last: shares[0] }));
  }
  return choices;
};

interface Choosing {
  readonly deal: DecidedDeal;
  readonly rules: readonly ReadyRule[];
  readonly connection: Connection;
  readonly last: DecidedDeal["shares"][number] | undefined;
}

const chooseFor = ({ deal, rules, connection, last }: Choosing): Choice => {
  const skip = (reason: string, rule: StandingRule | null = null): Choice => ({
    kind: "decided",
    decision: { connection, verdict: "would_skip", reason, rule, shareId: last?.id ?? null, gaps: [], synthetic: [] },
  });
  if (last !== undefined && !isEnded(last.state))
    return skip(`It is shared there already, as ${last.id}, which is ${last.state}.`);
  const facts: JsonObject = factsOf(deal, connection.marketplace);
  const why: string[] = [];
  for (const ready of rules) {
    const { name } = ready.standing.content;
    if (ready.condition === null)
      return skip(
        `The rule ${JSON.stringify(name)} can no longer be read (${ready.unreadable}) Save it again.`,
        ready.standing,
      );
    const failing = ready.condition.explain(facts);
    if (failing !== null) {
      why.push(`${JSON.stringify(name)}: ${failing}`);
      continue;
    }
    if (last === undefined) return { kind: "candidate", connection, ready };
    return skip(
      `It was shared there as ${last.id}, which is ${last.state}: a rule shares a deal once. Share it again by hand.`,
      ready.standing,
    );
  }
  return skip(`No rule wants it. ${why.slice(0, reasonsMax).join("; ")}${why.length > reasonsMax ? "; …" : ""}.`);
};
const reasonsMax = 3;

/** What the programme says to a candidate: it goes out, or waits as a draft with gaps. Pure. */
export const judge = (
  deal: DecidedDeal,
  candidate: Candidate,
  more: { readonly contacts: readonly Contact[]; readonly now: Date },
): Decision => {
  const { connection, ready } = candidate;
  const { standing, programme } = ready;
  const { opportunity, account } = deal;
  const share = { id: "shr_candidate", fields: {} };
  const { draft, synthetic } = draftOf({ share, connection, opportunity, account, rule: standing, ...more });
  const gaps = draftGaps({ draft, deal, connection, rule: standing, synthetic }, programme);
  const name = JSON.stringify(standing.content.name);
  const parked = connection.state === "parked" ? " The connection is parked: it goes out once that is resumed." : "";
  const reason =
    gaps.length === 0
      ? `The rule ${name} wants it, and nothing is missing.${parked}`
      : `The rule ${name} wants it, but it would wait as a draft: ${gapSentence(gaps)}`;
  const verdict = gaps.length === 0 ? "would_share" : "blocked";
  return { connection, verdict, reason, rule: standing, shareId: null, gaps, synthetic };
};
