/**
 * `privateOffers.list`: it can be filtered and ordered by the time of change alone, so an offer is found by its mark among those that
 * changed since it can have been made. https://github.com/googleapis/googleapis/tree/master/google/cloud/commerceproducer/v1beta
 */
import * as z from "zod";
import type { Json } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { Hint, Page } from "../../contract.ts";
import { earlier, later } from "../../timestamp.ts";
import { readOf } from "../reading.ts";
import { offerViews, privateOfferSchema, privateOffersSchema, type WirePrivateOffer } from "../wire-offers.ts";
import { markIn } from "./document.ts";
import { lastOf, offerPath, offersPath } from "./names.ts";
import type { MarketDeps } from "./offer-deps.ts";

/** Google's most. */
export const offersPageSize = 500;
/** 20,000 offers: what changed since a lost write, or everything where nobody knows when it was sent. */
const pagesMax = 40;
/** Offers of one page that are read one by one, where the list does not show notes. */
const readsMax = 20;
/** The list may lag behind the offers, and two clocks may differ. */
const overlapMs = 5 * 60_000;

interface Asking {
  readonly since?: string | null;
  readonly isNewestFirst?: boolean;
  readonly pageToken?: string | null;
}
interface Rows {
  readonly rows: readonly WirePrivateOffer[];
  readonly nextToken: string | null;
}

export const listOffers = async (deps: MarketDeps, asking: Asking, size = offersPageSize): Promise<Result<Rows>> => {
  const { since, isNewestFirst, pageToken } = asking;
  const listed = await readOf(deps, privateOffersSchema, {
    operation: "privateOffers.list",
    path: offersPath(deps.market),
    query: {
      pageSize: String(size),
      ...(since == null ? {} : { filter: `update_time > "${since}"` }),
      orderBy: isNewestFirst === true ? "update_time desc" : "update_time",
      ...(pageToken == null ? {} : { pageToken }),
    },
  });
  if (!listed.ok) return listed;
  const { privateOffers, nextPageToken } = listed.value.value;
  return ok({ rows: privateOffers ?? [], nextToken: nextPageToken || null });
};

export type View = keyof typeof offerViews;
export const getOffer = (deps: MarketDeps, id: string, view: View = "basic") =>
  readOf(deps, privateOfferSchema, {
    operation: "privateOffers.get",
    path: offerPath(deps.market, id),
    query: view === "basic" ? {} : { view: offerViews[view] },
  });

export interface Sought {
  readonly marker: string;
  /** As Google has it; finds the offers worth reading where the list does not show notes. */
  readonly title: string;
  /** It cannot have been made before; null: nobody knows. */
  readonly since: string | null;
}
/** The offers that carry a mark, newest first. */
export const findByMark = async (deps: MarketDeps, sought: Sought): Promise<Result<readonly WirePrivateOffer[]>> => {
  const found: WirePrivateOffer[] = [];
  let pageToken: string | null = null;
  for (let count = 0; count < pagesMax; count++) {
    const asking: Asking = { since: sought.since, isNewestFirst: true, pageToken };
    const listed: Result<Rows> = await listOffers(deps, asking);
    if (!listed.ok) return listed;
    const marked = await markedIn(deps, listed.value.rows, sought);
    if (!marked.ok) return marked;
    found.push(...marked.value);
    pageToken = listed.value.nextToken;
    if (pageToken === null) return ok(found);
  }
  return found.length > 0
    ? ok(found)
    : failed({
        kind: "unavailable",
        message: `privateOffers.list: more than ${pagesMax * offersPageSize} offers changed; whether one has our mark cannot be told`,
      });
};

const markedIn = async (
  deps: MarketDeps,
  rows: readonly WirePrivateOffer[],
  { marker, title }: Sought,
): Promise<Result<readonly WirePrivateOffer[]>> => {
  const found: WirePrivateOffer[] = [];
  let reads = 0;
  for (const row of rows) {
    if (markIn(row.internalNote) === marker) found.push(row);
    // A basic view that leaves notes out shows titles still.
    if (row.internalNote != null || row.title !== title || ++reads > readsMax) continue;
    const seen = await getOffer(deps, lastOf(row.name), "full");
    if (!seen.ok && seen.fault.kind !== "missing") return seen;
    if (seen.ok && markIn(seen.value.value.internalNote) === marker) found.push(seen.value.value);
  }
  return ok(found);
};

const cursorSchema = z
  .object({ after: z.string().nullable(), seen: z.string().nullable(), pageToken: z.string().nullable() })
  .catch({ after: null, seen: null, pageToken: null });

const hintOf = (row: WirePrivateOffer): Hint => ({
  kind: "offer",
  id: lastOf(row.name),
  at: row.updateTime,
  madeAt: row.createTime ?? null,
});

/** Offers that changed since the cursor, oldest first, page by page, with overlap. Drafts are among them. */
export const offerChanges = async (deps: MarketDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const from = cursorSchema.parse(cursor);
  const since = from.after === null ? null : earlier(from.after, overlapMs);
  const first = await listOffers(deps, { since, pageToken: from.pageToken });
  // A page token that Google does not take any more starts the pass again.
  const isStale = !first.ok && first.fault.kind === "rejected" && from.pageToken !== null;
  const listed = isStale ? await listOffers(deps, { since }) : first;
  if (!listed.ok) return listed;
  const { rows, nextToken } = listed.value;
  const seen = rows.reduce<string | null>((latest, row) => later(latest, row.updateTime), from.seen);
  return ok({
    items: rows.map(hintOf),
    cursor:
      nextToken === null
        ? { after: later(from.after, seen), seen: null, pageToken: null }
        : { after: from.after, seen, pageToken: nextToken },
    more: nextToken !== null,
  });
};
