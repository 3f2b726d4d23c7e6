/** Shares as people read them: deal, account, share, state, what the partner said, what to do next. */
import * as z from "zod";
import { nextStep } from "../domain/advice.ts";
import { type Json, marketplaceIdSchema, partnerNames } from "../domain/deal.ts";
import { shareStates } from "../domain/machine.ts";
import { renderTable } from "./table.ts";

export const gapSchema = z.looseObject({
  field: z.string(),
  code: z.string(),
  message: z.string(),
  fix: z.string().default(""),
  source: z.string().default(""),
});
/** A row of GET /v1/shares. */
export const listedShareSchema = z.looseObject({
  id: z.string(),
  opportunityId: z.string(),
  connectionId: z.string(),
  state: z.enum(shareStates),
  reason: z.string().nullish(),
  gaps: z.array(gapSchema).default([]),
  version: z.number().default(0),
  updatedAt: z.string().optional(),
  title: z.string().default(""),
  source: z.string().default(""),
  key: z.string().default(""),
  accountName: z.string().default(""),
  tag: z.string().nullish(),
  marketplace: z.string().default(""),
  connectionLabel: z.string().default(""),
  parkedReason: z.string().nullish(),
  remoteId: z.string().nullish(),
  facts: z.record(z.string(), z.json()).nullish(),
  taskId: z.string().nullish(),
});
export type ListedShare = z.infer<typeof listedShareSchema>;

export interface ShareRow {
  readonly deal: string;
  readonly account: string;
  /** The partner's number where there is one, else ours. */
  readonly share: string;
  readonly state: string;
  readonly said: string;
  readonly next: string;
}

export const partnerName = (marketplace: string): string => {
  const known = marketplaceIdSchema.safeParse(marketplace);
  return known.success ? partnerNames[known.data] : marketplace;
};

export const shareRowOf = (share: ListedShare): ShareRow => {
  const facts = share.facts ?? {};
  const words = saidBy(facts);
  return {
    deal: `${share.source}:${share.key} ${share.title}`,
    account: share.accountName,
    share: share.remoteId ?? shortId(share.id),
    state: share.state,
    said: words.length > 0 ? words.join("; ") : (share.reason ?? ""),
    next: nextStep({
      state: share.state,
      reason: share.reason ?? null,
      gaps: share.gaps,
      partner: partnerName(share.marketplace),
      said: askedIn(facts),
      advised: textIn(facts, "nextBestActions"),
      parked: share.parkedReason ?? null,
      waiting: [],
      isTask: share.taskId != null,
      isByHand: facts.toldByHand === true,
    }),
  };
};

/** `shr_0199…3f2a`: enough to see which one; the whole id stands in `--json` and in the share's story. */
export const shortId = (id: string): string => (id.length <= 14 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`);

/** What adapters put into an observation's facts that is worth a cell, most telling first. */
const spokenFacts = ["reviewStatus", "reviewStatusReason", "reviewComments", "partnerStage"] as const;
export const saidBy = (facts: Readonly<Record<string, Json>>): readonly string[] => [
  ...new Set(spokenFacts.flatMap((name) => textIn(facts, name) ?? [])),
];
const askedIn = (facts: Readonly<Record<string, Json>>): string | null =>
  textIn(facts, "reviewComments") ?? textIn(facts, "reviewStatusReason");
const textIn = (facts: Readonly<Record<string, Json>>, name: string): string | null => {
  const value = facts[name];
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
};

/** The table of shares, at most `columns` wide. */
export const renderShareTable = (rows: readonly ShareRow[], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "deal", cell: (row) => row.deal, shrink: true },
      { title: "account", cell: (row) => row.account, shrink: true },
      { title: "share", cell: (row) => row.share },
      { title: "state", cell: (row) => row.state },
      { title: "what they said", cell: (row) => row.said, shrink: true, lines: 3 },
      { title: "what to do next", cell: (row) => row.next, shrink: true, lines: 3 },
    ],
    columns,
  );

/** How many rows are in each state, in the order of a share's life: `3 in_review, 12 accepted`. */
export const renderStateCounts = (rows: readonly { readonly state: string }[]): string => {
  const counts = new Map<string, number>();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  const order: readonly string[] = shareStates;
  const rank = (state: string): number => (order.includes(state) ? order.indexOf(state) : order.length);
  return [...counts]
    .toSorted(([a], [b]) => rank(a) - rank(b))
    .map(([state, count]) => `${count} ${state}`)
    .join(", ");
};
