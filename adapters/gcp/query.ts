/**
 * `opportunities:query`, whatever it takes: which fields a filter or an order may name is published only in part, so each question
 * is asked in the best way first, and in a plainer one where Google refuses that. What comes back is always looked at again here.
 * https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities/query and https://google.aip.dev/160
 */
import * as z from "zod";
import type { Json } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Hint, Page } from "../contract.ts";
import { earlier, later, newer } from "../timestamp.ts";
import { carries, idOf, keyOf, markedTitle } from "./map.ts";
import { type CoSellDeps, readOf } from "./reading.ts";
import { rowsSchema, type WireRow } from "./wire.ts";

/** Items of one page: Google's most. */
export const pageSize = 100;
/** Pages looked through for one deal: the newest 500 records. */
const searchPagesMax = 5;
/** Google's index may lag behind its records. */
const overlapMs = 5 * 60_000;

interface Asking {
  readonly filter?: string;
  readonly orderBy?: string;
  readonly pageToken?: string | null;
}
export interface Rows {
  readonly rows: readonly WireRow[];
  readonly nextToken: string | null;
}
/** One page of the partner's records. */
export const page = async (
  deps: CoSellDeps,
  { filter, orderBy, pageToken }: Asking,
  size = pageSize,
): Promise<Result<Rows>> => {
  const listed = await readOf(deps, rowsSchema, {
    operation: "opportunities.query",
    path: "/v1alpha1/opportunities:query",
    query: {
      partner: `partners/${deps.target.partnerId}`,
      pageSize: String(size),
      ...(filter === undefined ? {} : { filter }),
      ...(orderBy === undefined ? {} : { orderBy }),
      ...(pageToken ? { pageToken } : {}),
    },
  });
  if (!listed.ok) return listed;
  const { opportunities, nextPageToken } = listed.value.value;
  return ok({ rows: opportunities ?? [], nextToken: nextPageToken || null });
};

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;

/** A deal as a search knows it. */
export interface Sought {
  readonly key: string;
  readonly title: string;
}
/**
 * The records that carry a deal's key, by Google's own search and, with `isThorough`, by a look through the newest records too
 * where that found none: what a filter finds is documented only in part, and a deal that was missed would be made twice.
 */
export const search = async (
  deps: CoSellDeps,
  { key, title }: Sought,
  isThorough: boolean,
): Promise<Result<readonly WireRow[]>> => {
  const filter = `reference_opportunity_id = ${quoted(key)} OR opportunity_info.display_name = ${quoted(markedTitle(title, key))}`;
  const found = await matching(deps, { filter }, key);
  const isRefused = !found.ok && found.fault.kind === "rejected";
  if (!isRefused && (!found.ok || found.value.length > 0 || !isThorough)) return found;
  const newest = await matching(deps, { orderBy: "create_time desc" }, key);
  return !newest.ok && newest.fault.kind === "rejected" ? matching(deps, {}, key) : newest;
};

const matching = async (deps: CoSellDeps, asking: Asking, key: string): Promise<Result<readonly WireRow[]>> => {
  const found = new Map<string, WireRow>();
  let pageToken: string | null = null;
  for (let count = 0; count < searchPagesMax; count++) {
    const listed: Result<Rows> = await page(deps, { ...asking, pageToken });
    if (!listed.ok) return listed;
    for (const row of listed.value.rows) if (carries(row, key)) found.set(row.name, row);
    pageToken = listed.value.nextToken;
    if (pageToken === null) break;
  }
  return ok([...found.values()]);
};

/** How a pass goes through what changed: by Google's filter, else newest first, else through everything. */
const ways = ["filtered", "newest", "all"] as const;
type Way = (typeof ways)[number];

const cursorSchema = z
  .object({
    after: z.string().nullable(),
    /** The latest time of change seen in the pass under way. */
    seen: z.string().nullable(),
    pageToken: z.string().nullable(),
    way: z.enum(ways),
  })
  .catch({ after: null, seen: null, pageToken: null, way: "filtered" });
type Cursor = z.infer<typeof cursorSchema>;

const askingOf = ({ after, way, pageToken }: Cursor): Asking => {
  const from = after === null ? {} : { filter: `update_time >= ${quoted(earlier(after, overlapMs))}` };
  switch (way) {
    case "filtered":
      return { ...from, orderBy: "update_time", pageToken };
    case "newest":
      return { orderBy: "update_time desc", pageToken };
    case "all":
      return { pageToken };
  }
};

/** One page, in the first way that Google takes. A page token that it does not take any more starts the pass again. */
const changedPage = async (deps: CoSellDeps, from: Cursor): Promise<Result<Rows & { readonly way: Way }>> => {
  let at = from;
  for (let count = 0; count <= ways.length; count++) {
    const listed = await page(deps, askingOf(at));
    if (listed.ok) return ok({ ...listed.value, way: at.way });
    if (listed.fault.kind !== "rejected") return listed;
    const next: Way | undefined = at.pageToken !== null ? at.way : ways[ways.indexOf(at.way) + 1];
    if (next === undefined) return listed;
    at = { ...at, way: next, pageToken: null };
  }
  return failed({ kind: "unavailable", message: "opportunities.query: Google refuses every way to ask what changed" });
};

const hintOf = (row: WireRow): Hint => ({
  kind: "opportunity",
  id: idOf(row.name),
  at: row.updateTime ?? null,
  key: keyOf(row),
  madeAt: row.createTime ?? null,
});

/** What changed since the cursor, page by page, with an overlap. */
export const changes = async (deps: CoSellDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const from = cursorSchema.parse(cursor);
  const listed = await changedPage(deps, from);
  if (!listed.ok) return listed;
  const { rows, nextToken, way } = listed.value;
  const since = from.after === null ? null : earlier(from.after, overlapMs);
  const isNews = (row: WireRow): boolean => since === null || !row.updateTime || !newer(since, row.updateTime);
  // Newest first, the pass ends at the first record that is not news; in no order, it goes through all of them.
  const isOver = nextToken === null || (way === "newest" && rows.some((row) => !isNews(row)));
  const seen = rows.reduce<string | null>((latest, row) => later(latest, row.updateTime ?? null), from.seen);
  return ok({
    items: rows.filter(isNews).map(hintOf),
    cursor: isOver
      ? { after: later(from.after, seen), seen: null, pageToken: null, way: "filtered" }
      : { after: from.after, seen, pageToken: nextToken, way },
    more: !isOver,
  });
};
