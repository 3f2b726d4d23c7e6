/**
 * What a process remembers of the marketplace: which private offer a subscription's plan comes from, which never changes, the list of
 * subscriptions for a minute, and when a job was last asked about. Only reads are saved; losing it costs no more than reading again.
 */
import type { WireSubscription } from "../wire-offers.ts";

const listKeptMs = 60_000;
const keptMax = 50_000;
const listsMax = 200;

/** Microsoft answers about a job once a minute: https://learn.microsoft.com/en-us/partner-center/marketplace-offers/job-status-and-retrieve-private-offer-detail-api */
const pollMs = 60_000;

export interface MarketMemory {
  readonly sourcesOf: (key: string) => readonly string[] | null;
  readonly keepSources: (key: string, offers: readonly string[]) => void;
  /** Operations that are over stay over. */
  readonly isOver: (operation: string) => boolean;
  readonly keepOver: (operation: string) => void;
  readonly listOf: (connectionId: string, nowMs: number) => readonly WireSubscription[] | null;
  readonly keepList: (connectionId: string, rows: readonly WireSubscription[], nowMs: number) => void;
  /** The list may lack what is known by now. */
  readonly dropList: (connectionId: string) => void;
  /** When a job may be asked about again; null: now, and that is remembered. */
  readonly pollAt: (jobId: string, nowMs: number) => Date | null;
}

/** One for a process: the marketplace makes it and gives it to all its sessions. */
export const createMarketMemory = (): MarketMemory => {
  const sources = new Map<string, readonly string[]>();
  const lists = new Map<string, { readonly rows: readonly WireSubscription[]; readonly atMs: number }>();
  const polls = new Map<string, number>();
  const over = new Set<string>();
  return {
    sourcesOf: (key) => sources.get(key) ?? null,
    keepSources: (key, offers) => {
      if (sources.size >= keptMax) sources.clear();
      sources.set(key, offers);
    },
    isOver: (operation) => over.has(operation),
    keepOver: (operation) => {
      if (over.size >= keptMax) over.clear();
      over.add(operation);
    },
    listOf: (connectionId, nowMs) => {
      const kept = lists.get(connectionId);
      return kept !== undefined && nowMs >= kept.atMs && nowMs - kept.atMs < listKeptMs ? kept.rows : null;
    },
    keepList: (connectionId, rows, nowMs) => {
      if (lists.size >= listsMax) lists.clear();
      lists.set(connectionId, { rows, atMs: nowMs });
    },
    dropList: (connectionId) => {
      lists.delete(connectionId);
    },
    pollAt: (jobId, nowMs) => {
      const last = polls.get(jobId);
      if (last !== undefined && nowMs >= last && nowMs - last < pollMs) return new Date(last + pollMs);
      if (polls.size >= keptMax) polls.clear();
      polls.set(jobId, nowMs);
      return null;
    },
  };
};
