/** The part of a sweep that is about offers and agreements: what changed since the last, page by page, and what was left undone. */
import type { Page, Session } from "../adapters/contract.ts";
import type { Hint } from "../adapters/contract-deliveries.ts";
import type { Json } from "../src/domain/deal.ts";
import type { Result } from "../src/domain/fault.ts";
import type { Tx } from "../src/ports.ts";
import { runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { afterFault, lookAgreement, lookOffer, openActive } from "./offer-look.ts";

const pagesMax = 200;
const refreshMax = 200;
const looksOfStep = 10;
/**
 * Every change of an offer or an agreement moves its version, so the list of changes tells it: a record is read again by age
 * only in case that list has lost something.
 */
const refreshMs = 90 * 86_400_000;
/** A publication or a change that nobody has moved for so long has lost its run. */
export const lostMs = 3_600_000;

const kinds = ["offer", "agreement"] as const;
type Kind = (typeof kinds)[number];
/** What is left of a round over both lists, and which records were read too long ago. */
interface Swept {
  readonly [member: string]: readonly string[] | string | null;
  readonly left: readonly Kind[];
  readonly until: string | null;
  readonly offer: readonly string[];
  readonly agreement: readonly string[];
}

/** Whether a connection has offers or agreements to sweep. */
export const hasOffers = (session: Session): boolean =>
  session.offers !== undefined || session.agreements !== undefined;

export const sweepOffers = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly connectionId: string; readonly name: string },
): Promise<void> => {
  let left: readonly Kind[] = kinds;
  for (let page = 0; page < pagesMax && left.length > 0; page++) {
    const name = `${at.name}contracts-${page}`;
    const swept = await runStep<Swept>(step, name, () => sweepPages(deps, { ...at, kinds: left, attempt: page }));
    left = swept.left;
    if (swept.until !== null) await step.sleepUntil(`${at.name}contracts-wait-${page}`, swept.until);
    for (const kind of kinds) await lookAgain(deps, step, { ...at, name, kind, ids: swept[kind] });
  }
};

/** Reads again what was read too long ago: a few records a step, so that what stops one leaves the others read. */
const lookAgain = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly connectionId: string; readonly name: string; readonly kind: Kind; readonly ids: readonly string[] },
): Promise<void> => {
  const look = at.kind === "offer" ? lookOffer : lookAgreement;
  for (let from = 0; from < at.ids.length; from += looksOfStep) {
    const waits = await runStep(step, `${at.name}-${at.kind}-looks-${from}`, async () => {
      for (const remoteId of at.ids.slice(from, from + looksOfStep)) {
        const looked = await look(deps, { connectionId: at.connectionId, remoteId, attempt: 0, isSure: true });
        // What is left now is as stale at the next sweep.
        if (looked.kind === "wait") return true;
      }
      return false;
    });
    if (waits) return;
  }
};

type Door = { readonly changes: (cursor: Json) => Promise<Result<Page<Hint>>> };
const doorOf = (session: Session, kind: Kind): Door | undefined =>
  kind === "offer" ? session.offers : session.agreements;

/** A page of each list. A list that has ended, or that nobody may read, is not asked for again in this sweep. */
const sweepPages = async (
  deps: WorkflowDeps,
  at: { readonly connectionId: string; readonly kinds: readonly Kind[]; readonly attempt: number },
): Promise<Swept> => {
  const pages = new Map<Kind, SweptPage>();
  for (const kind of at.kinds) pages.set(kind, await sweepPage(deps, { ...at, kind }));
  const waits = [...pages.values()].flatMap((page) => (page.kind === "wait" ? [page.until] : []));
  const staleOf = (kind: Kind): readonly string[] => {
    const page = pages.get(kind);
    return page?.kind === "last" ? page.stale : [];
  };
  return {
    left: at.kinds.filter((kind) => ["wait", "more"].includes(pages.get(kind)?.kind ?? "")),
    until: waits.toSorted().at(-1) ?? null,
    offer: staleOf("offer"),
    agreement: staleOf("agreement"),
  };
};

type SweptPage =
  | { readonly kind: "more" }
  | { readonly kind: "last"; readonly stale: readonly string[] }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

const sweepPage = async (
  deps: WorkflowDeps,
  at: { readonly connectionId: string; readonly kind: Kind; readonly attempt: number },
): Promise<SweptPage> => {
  const { db, store } = deps;
  const { connectionId, kind } = at;
  const opened = await openActive(deps, connectionId);
  if (opened === null) return { kind: "stop", why: "the connection is parked" };
  const door = doorOf(opened.session, kind);
  if (door === undefined) return { kind: "last", stale: [] };
  const result = await door.changes(await store.connections.readOfferSweep(db.sql, connectionId, kind));
  if (!result.ok) return afterFault(deps, { connectionId, subject: connectionId, attempt: at.attempt }, result.fault);
  const { items, cursor, more } = result.value;
  const stale = await db.transaction(async (tx) => {
    const news = await unseen(tx, { connectionId, kind, items });
    await store.journal.tellAll(
      tx,
      `${kind}.hinted`,
      news.map((remoteId) => ({ subject: connectionId, data: { connectionId, remoteId } })),
    );
    await store.connections.saveOfferSweep(tx, connectionId, { kind, cursor });
    if (more) return [];
    const staleBefore = new Date(deps.clock.now().getTime() - refreshMs);
    const records = kind === "offer" ? store.offers : store.agreements;
    const due = await records.dueForLook(tx, connectionId, { staleBefore, limit: refreshMax });
    return due.filter((id) => !news.includes(id));
  });
  await deps.at(`${kind}s.swept`);
  deps.kick();
  return more ? { kind: "more" } : { kind: "last", stale };
};

/** Ids that we do not know, or that changed since we looked: the overlap costs no read. */
const unseen = async (
  tx: Tx,
  at: { readonly connectionId: string; readonly kind: Kind; readonly items: readonly Hint[] },
): Promise<readonly string[]> => {
  const { connectionId, kind, items } = at;
  const ids = [...new Set(items.map(({ id }) => id))];
  if (ids.length === 0) return [];
  const rows = await tx<{ remote_id: string; remote_version: string | null; looked_at: Date | null }[]>`
    select remote_id, remote_version, looked_at from ${tx(kind)} where connection_id = ${connectionId} and remote_id = any(${ids}::text[])`;
  const known = new Map(rows.map((row) => [row.remote_id, row]));
  const latest = new Map(items.map((item) => [item.id, item.at]));
  return ids.filter((id) => {
    const row = known.get(id);
    const changedAt = latest.get(id) ?? null;
    if (row === undefined || row.looked_at === null || changedAt === null) return true;
    if (row.remote_version === changedAt) return false;
    const changedMs = Date.parse(changedAt);
    return Number.isNaN(changedMs) || changedMs > row.looked_at.getTime();
  });
};

/** Asks again for publications and changes that are unfinished for `ageMs`. Returns how many. */
export const takeUpOffers = async (
  deps: WorkflowDeps,
  tx: Tx,
  connectionId: string,
  ageMs: number,
): Promise<number> => {
  const before = new Date(deps.clock.now().getTime() - ageMs + 1);
  const lost = await deps.store.offers.interrupted(tx, connectionId, before);
  for (const { id: offerId, isChange } of lost) {
    const name = isChange ? "offer.change.requested" : "offer.publish.requested";
    await deps.store.journal.tell(tx, name, offerId, { offerId, connectionId });
  }
  return lost.length;
};
