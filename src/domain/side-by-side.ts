/** One deal at several clouds: what a person should do next across them, and why they hold other values than the deal. Pure. */
import type { Json } from "./deal.ts";
import { type Entry, type Fields, inOrder, same } from "./fields.ts";
import { type ShareState, shareEndStates } from "./machine.ts";

export interface CloudStep {
  /** What people call the cloud, or its connection where there are two of it. */
  readonly cloud: string;
  readonly state: ShareState;
  /** Why its connection is parked; null: it works. */
  readonly parkedReason: string | null;
  /** What to do next there, in one sentence. */
  readonly next: string;
}

/** What calls for a person first: what a partner asked, what holds a cloud up, what is missing; then work, reading, waiting. */
const urgencyOf = ({ state, parkedReason }: CloudStep): number => {
  if (state === "needs_action") return 0;
  if (parkedReason !== null && !shareEndStates.some((end) => end === state)) return 1;
  const order: readonly ShareState[] = ["draft", "accepted", "declined", "withdrawing"];
  if (order.includes(state)) return 2 + order.indexOf(state);
  return shareEndStates.some((end) => end === state) ? 7 : 6;
};

/** The one thing to do next, named by its cloud where there are several; clouds that ask for the same are named together. */
export const nextAcross = (steps: readonly CloudStep[]): string => {
  const [first] = steps.toSorted((a, b) => urgencyOf(a) - urgencyOf(b));
  if (first === undefined) return "Share it.";
  const isSame = (step: CloudStep): boolean => urgencyOf(step) === urgencyOf(first) && step.next === first.next;
  if (steps.length === 1 || steps.every(isSame)) return first.next;
  return `${listOf(steps.filter(isSame).map(({ cloud }) => cloud))}: ${first.next}`;
};

const listOf = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** Why a cloud holds another value than the deal. */
export const differenceReasons = ["frozen", "queued", "declined", "theirs", "ended", "mapped"] as const;
export type DifferenceReason = (typeof differenceReasons)[number];

/** One cloud's side of a deal. */
export interface CloudWord {
  readonly connectionId: string;
  readonly state: ShareState;
  /** What its record last said, field by field, in our vocabulary. */
  readonly said: Readonly<Record<string, Entry>>;
  /** Our edits and what became of them, newest first. */
  readonly edits: readonly {
    readonly field: string;
    readonly state: "waiting" | "sent" | "dropped";
    readonly reason: string | null;
    readonly updatedAt: Date;
  }[];
  /** Fields that they changed since both sides last agreed. */
  readonly changedByThem: ReadonlySet<string>;
  /** An edit of ours is on its way. */
  readonly isRevising: boolean;
}

export interface CloudValue {
  readonly connectionId: string;
  /** Null: empty, or not told (then `isTold` is false): programmes do not give every field back. */
  readonly value: Json;
  readonly isTold: boolean;
  /** Since when, ISO 8601; for what is not told, when our edit was stopped. */
  readonly at: string | null;
  /** Null: it agrees with the deal. */
  readonly why: DifferenceReason | null;
  /** In a sentence for a person. */
  readonly reason: string | null;
}
export interface Difference {
  readonly field: string;
  /** What the deal has; null: empty. */
  readonly value: Json;
  readonly clouds: readonly CloudValue[];
}

/** Fields on which at least one cloud differs from the deal, and so from the clouds that agree with it. */
export const differencesOf = (deal: Fields, clouds: readonly CloudWord[]): readonly Difference[] => {
  const names = clouds.flatMap(({ said, edits }) => [...Object.keys(said), ...edits.map(({ field }) => field)]);
  return inOrder(new Set(names)).flatMap((field): readonly Difference[] => {
    const values = clouds.flatMap((cloud) => valueAt(cloud, field, deal.get(field)));
    return values.some(({ why }) => why !== null) ? [{ field, value: deal.get(field) ?? null, clouds: values }] : [];
  });
};

const valueAt = (cloud: CloudWord, field: string, ours: Json | undefined): readonly CloudValue[] => {
  const entry = cloud.said[field];
  const edit = cloud.edits.find((one) => one.field === field);
  const isStopped = edit !== undefined && edit.state !== "sent";
  if (entry === undefined && !isStopped) return [];
  const held = {
    connectionId: cloud.connectionId,
    value: entry?.value ?? null,
    isTold: entry !== undefined,
    at: entry?.at ?? edit?.updatedAt.toISOString() ?? null,
  };
  if (entry !== undefined && same(field, entry.value, ours)) return [{ ...held, why: null, reason: null }];
  return [{ ...held, ...reasonFor(cloud, field, isStopped ? edit : undefined) }];
};

const reasonFor = (
  cloud: CloudWord,
  field: string,
  edit: CloudWord["edits"][number] | undefined,
): { readonly why: DifferenceReason; readonly reason: string } => {
  if (edit?.state === "waiting")
    return { why: "frozen", reason: edit.reason ?? "their record takes no changes now; ours is sent when it does" };
  if (edit?.state === "dropped") return { why: "declined", reason: edit.reason ?? "they do not take our value" };
  if (shareEndStates.some((end) => end === cloud.state))
    return { why: "ended", reason: `the share there is ${cloud.state}: nothing is sent any more` };
  if (cloud.changedByThem.has(field))
    return { why: "theirs", reason: "they changed it, and the field authority keeps the deal's own value" };
  if (cloud.isRevising || cloud.state === "ready" || cloud.state === "submitting")
    return { why: "queued", reason: "our value is on its way" };
  return { why: "mapped", reason: "the programme writes our value in its own words, which read back like this" };
};
