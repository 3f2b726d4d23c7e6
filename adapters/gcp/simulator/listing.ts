/**
 * `opportunities:query`: filter, order, and pages with opaque tokens.
 * https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities/query
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { fold } from "../../simulator/dice.ts";
import { isList, isObject } from "../../simulator/document.ts";
import { invalid, violation } from "./answers.ts";
import { type Fields, type Filter, type Look, type Ordering, readFilter, readOrder } from "./filter.ts";
import type { OpportunityRecord } from "./ledger.ts";
import { type Call, indexed, view } from "./opportunities.ts";
import { channelCatalogue } from "./tables.ts";
import type { World } from "./world.ts";

const pageSizeDefault = 50;
const pageSizeMax = 100;

export const createListing = (world: World) => {
  const { ledger } = world;

  /** The records that a filter may let through, as few as the ledger's index can tell. */
  const candidates = (keys: Filter["keys"]): readonly OpportunityRecord[] => {
    const found = keys?.map(({ path, text }) => ledger.idsWith(path, text)) ?? [null];
    if (found.includes(null)) return ledger.opportunities.all();
    const ids = new Set(found.flatMap((some) => some ?? []));
    return [...ids].flatMap((id) => ledger.opportunities.get(id) ?? []);
  };

  const query = (call: Call): JsonObject => {
    const { rules, searchLagSeconds } = world.settings();
    const fields: Fields = { catalogue: channelCatalogue, message: "Opportunity", allowed: rules.filterFields };
    const { test, keys } = readFilter(call.query.get("filter") ?? "", fields);
    const order = readOrder(call.query.get("orderBy") ?? "", { ...fields, allowed: rules.orderFields });
    const size = sizeOf(call.query.get("pageSize"));
    const rows = candidates(keys)
      .flatMap((row) => {
        const seen = row.partner === call.partner ? indexed(row, searchLagSeconds, call) : null;
        if (seen === null) return [];
        const look = lookAt(seen);
        return test(look) ? [{ place: placeOf(look, order), seen }] : [];
      })
      .toSorted((a, b) => compare(a.place, b.place, order));
    const scope = scopeOf(call);
    const after = tokenOf(call.query.get("pageToken"), scope);
    const rest = after === null ? rows : rows.filter(({ place }) => compare(place, after, order) > 0);
    const page = rest.slice(0, size);
    const last = page.at(-1);
    const more = last !== undefined && rest.length > size;
    return {
      ...(page.length === 0 ? {} : { opportunities: page.map(({ seen }) => view(world, seen)) }),
      ...(more ? { nextPageToken: writeToken(last.place, scope) } : {}),
    };
  };

  return { query };
};
export type Listing = ReturnType<typeof createListing>;

/** More than a hundred is taken for a hundred, as the page says. */
const sizeOf = (text: string | null): number => {
  if (text === null || text === "") return pageSizeDefault;
  if (!/^-?\d{1,9}$/.test(text))
    throw invalid([violation("page_size", `Invalid value at 'page_size' (TYPE_INT32), "${text}"`)]);
  const size = Number(text);
  if (size < 0) throw invalid([violation("page_size", "The field 'page_size' must not be negative")]);
  return size === 0 ? pageSizeDefault : Math.min(size, pageSizeMax);
};

/** Reads a record as the wire would show it, without making it. */
const lookAt = (row: OpportunityRecord): Look => {
  const own: Readonly<Record<string, Json>> = {
    name: `opportunities/${row.id}`,
    createTime: row.createdAt,
    updateTime: row.updatedAt,
  };
  return (path) => {
    let here: Json | undefined = own[path[0] ?? ""] ?? row.document;
    if (here !== row.document) return here;
    for (const key of path) here = isObject(here) && Object.hasOwn(here, key) ? here[key] : undefined;
    return here;
  };
};

/** Where a record stands: the values it is sorted by, then when it was created, then its name. */
type Place = readonly (string | number)[];
const placeOf = (look: Look, order: readonly Ordering[]): Place => [
  ...order.map(({ path }) => {
    const value = look(path.split("."));
    return typeof value === "number" ? value : value === undefined || value === null ? "" : String(value);
  }),
  String(look(["createTime"])),
  String(look(["name"])),
];
const compare = (a: Place, b: Place, order: readonly Ordering[]): number => {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? "";
    if (left === right) continue;
    const direction = order[index]?.descending ? -1 : 1;
    return (left < right ? -1 : 1) * direction;
  }
  return 0;
};

/** A token is good for the very same question only. The size of the page may change. */
const scopeOf = (call: Call): string => {
  const asked = ["filter", "orderBy"].map((name) => call.query.get(name) ?? "");
  return fold([call.partner, ...asked].join("\u0000")).toString(36);
};
const writeToken = (place: Place, scope: string): string => {
  const bytes = new TextEncoder().encode(JSON.stringify([scope, place, fold(`${scope}${JSON.stringify(place)}`)]));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
};
const tokenOf = (token: string | null, scope: string): Place | null => {
  if (token === null || token === "") return null;
  const [about, place, check] = parsed(token);
  const isPlace = isList(place) && place.every((part) => typeof part === "string" || typeof part === "number");
  if (isPlace && about === scope && check === fold(`${scope}${JSON.stringify(place)}`)) return place as Place;
  throw invalid([
    violation(
      "page_token",
      "The field 'page_token' is not valid for this request: all other parameters must be those of the call that returned it",
    ),
  ]);
};
const parsed = (token: string): readonly Json[] => {
  try {
    const bytes = Uint8Array.from(atob(token.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    const value: Json = JSON.parse(new TextDecoder().decode(bytes));
    return isList(value) ? value : [];
  } catch {
    return [];
  }
};
export const expiredToken = () => invalid([violation("page_token", "The field 'page_token' has expired")]);
