/** The part of a sweep that is about offers and agreements: what changed since the last, page by page, and what was left undone. */
import type { Page, Session } from "../adapters/contract.ts";
import type { Hint } from "../adapters/contract-deliveries.ts";
import type { Connection, Json } from "../src/domain/deal.ts";
import type { Result } from "../src/domain/fault.ts";
import type { Tx } from "../src/ports.ts";
import { runStep, type Steps, type WorkflowDeps } from "./deps.ts";
import { afterFault, openActive } from "./offer-look.ts";

const pagesMax = 200;
const refreshMax = 200;
/**
 * Every change of an offer or an agreement moves its version, so the list of changes tells it: a record is read again by age
 * only in case that list has lost something.
 */
const refreshMs = 90 * 86_400_000;
/** A publication or a change that nobody has moved for so long has lost its run. */
const lostMs = 3_600_000;

type Kind = "offer" | "agreement";
type Swept =
  | { readonly kind: "more" | "last" }
  | { readonly kind: "wait"; readonly until: string }
  | { readonly kind: "stop"; readonly why: string };

/** Whether a connection has offers or agreements to sweep. */
export const hasOffers = (session: Session): boolean =>
  session.offers !== undefined || session.agreements !== undefined;

export const sweepOffers = async (
  deps: WorkflowDeps,
  step: Steps,
  at: { readonly connectionId: string; readonly name: string },
): Promise<void> => {
  for (const kind of ["offer", "agreement"] as const)
    for (let page = 0; page < pagesMax; page++) {
      const name = `${at.name}${kind}s-${page}`;
      const swept = await runStep<Swept>(step, name, () => sweepPage(deps, { ...at, kind, attempt: page }));
      if (swept.kind === "wait") await step.sleepUntil(`${at.name}${kind}s-wait-${page}`, swept.until);
      if (swept.kind === "last" || swept.kind === "stop") break;
    }
};

type Door = { readonly changes: (cursor: Json) => Promise<Result<Page<Hint>>> };
const doorOf = (session: Session, kind: Kind): Door | undefined =>
  kind === "offer" ? session.offers : session.agreements;

const sweepPage = async (
  deps: WorkflowDeps,
  at: { readonly connectionId: string; readonly kind: Kind; readonly attempt: number },
): Promise<Swept> => {
  const { db, store } = deps;
  const { connectionId, kind } = at;
  const opened = await openActive(deps, connectionId);
  if (opened === null) return { kind: "stop", why: "the connection is parked" };
  const door = doorOf(opened.session, kind);
  if (door === undefined) return { kind: "last" };
  const result = await door.changes(await store.connections.readOfferSweep(db.sql, connectionId, kind));
  if (!result.ok) return afterFault(deps, { connectionId, subject: connectionId, attempt: at.attempt }, result.fault);
  const { items, cursor, more } = result.value;
  await db.transaction(async (tx) => {
    const news = await unseen(tx, { connectionId, kind, items });
    await store.journal.tellAll(
      tx,
      `${kind}.hinted`,
      news.map((remoteId) => ({ subject: connectionId, data: { connectionId, remoteId } })),
    );
    await store.connections.saveOfferSweep(tx, connectionId, { kind, cursor });
  });
  await deps.at(`${kind}s.swept`);
  deps.kick();
  return { kind: more ? "more" : "last" };
};

/** Ids that we do not know, or that changed since we looked: the overlap costs no read. */
const unseen = async (
  tx: Tx,
  at: { readonly connectionId: string; readonly kind: Kind; readonly items: readonly Hint[] },
): Promise<readonly string[]> => {
  const { connectionId, kind, items } = at;
  const ids = [...new Set(items.map(({ id }) => id))];
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

/** Looks that are too old, and publications and changes whose run was lost. Returns how many. */
export const catchUpOffers = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: { readonly connection: Connection; readonly session: Session },
): Promise<number> => {
  const { store } = deps;
  const { connection, session } = at;
  const staleBefore = new Date(deps.clock.now().getTime() - refreshMs);
  const connectionId = connection.id;
  const asHints = (ids: readonly string[]) =>
    ids.map((remoteId) => ({ subject: connectionId, data: { connectionId, remoteId } }));
  const offers =
    session.offers === undefined ? [] : await store.offers.dueForLook(tx, connectionId, staleBefore, refreshMax);
  await store.journal.tellAll(tx, "offer.hinted", asHints(offers));
  const agreements =
    session.agreements === undefined
      ? []
      : await store.agreements.dueForLook(tx, connectionId, { staleBefore, limit: refreshMax });
  await store.journal.tellAll(tx, "agreement.hinted", asHints(agreements));
  return offers.length + agreements.length + (await takeUpOffers(deps, tx, connectionId, lostMs));
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
