/**
 * Lists of referrals: a hundred a page, and a link to the next that is plain http and misses a part of the path.
 * https://learn.microsoft.com/en-us/partner-center/developer/get-a-list-of-referrals
 */
import * as z from "zod";
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { WireAnswer } from "../../simulator/departure.ts";
import { at, isObject, listAt, pick, textAt } from "../../simulator/document.ts";
import { answered, invalid } from "./answers.ts";
import { accountOf, type Call } from "./calls.ts";
import type { ReferralRecord } from "./ledger.ts";
import { type Filter, filterOf, type Read } from "./odata.ts";
import type { Records, Views } from "./records.ts";
import type { Referrals } from "./referrals.ts";
import type { World } from "./world.ts";

const options = ["$filter", "$orderby", "$select", "$top", "$skip", "$count", "$skiptoken", "pagesize"];
const fields = [
  "engagementId",
  "status",
  "substatus",
  "qualification",
  "direction",
  "customerProfile/address/country",
  "updatedDateTime",
  "createdDateTime",
  "email",
];
const orders = ["createdDateTime", "updatedDateTime"];
const skipMax = 100_000;

/** What a page is asked for; the token of the next page carries it on. */
const askedSchema = z.object({
  filter: z.string().nullable(),
  orderBy: z.enum(["createdDateTime", "updatedDateTime"]),
  isDescending: z.boolean(),
  select: z.array(z.string()).nullable(),
  /** How many more there may be; null: all. */
  left: z.number().nullable(),
  skip: z.number(),
  counts: z.boolean(),
  pageSize: z.number(),
  /** The place after which to go on. */
  after: z.string().nullable(),
});
type Asked = z.infer<typeof askedSchema>;

export interface ListingParts {
  readonly records: Records;
  readonly views: Views;
  readonly referrals: Referrals;
}
type Version = ReturnType<Records["shown"]>;
interface Shown {
  readonly row: ReferralRecord;
  readonly version: Version;
  /** What it is ordered by: a time and its id. Times of the simulator's all have one form, so that they sort as text. */
  readonly key: string;
}

export const createListing = (world: World, { records, views, referrals }: ListingParts) => {
  const { ledger } = world;

  const filterFor = (asked: Asked): Filter => {
    if (asked.filter === null) return { test: () => true, equals: new Map() };
    const more = world.settings().listing.externalReferenceId ? ["externalReferenceId"] : [];
    return filterOf(asked.filter, [...fields, ...more]);
  };
  const candidates = ({ equals }: Filter): readonly ReferralRecord[] => {
    const [engagement, reference] = [equals.get("engagementId"), equals.get("externalReferenceId")];
    const ids =
      engagement !== undefined
        ? ledger.byEngagement.find(engagement.toLowerCase())
        : reference !== undefined
          ? ledger.byReference.find(reference)
          : null;
    return ids === null ? ledger.referrals.all() : ids.flatMap((id) => ledger.referrals.get(id) ?? []);
  };
  const isListed = (row: ReferralRecord, filter: Filter, call: Call): boolean => {
    const { listing } = world.settings();
    const isRelated = row.party !== "partner";
    const isLead = textAt(row.document, "qualification") === "Direct";
    const lags = row.previous === null && isHidden(row, call);
    if (row.account !== accountOf(call) || lags) return false;
    if (isRelated && !listing.related && !filter.equals.has("engagementId")) return false;
    return (!isLead || listing.leads) && referrals.isVisible(row, call);
  };
  const shownOf = (row: ReferralRecord, asked: Asked, call: Call): Shown => {
    const version = isHidden(row, call) ? (row.previous ?? row) : records.shown(row, call);
    const at = asked.orderBy === "createdDateTime" ? row.createdAt : version.modifiedAt;
    return { row, version, key: `${at} ${row.id}` };
  };
  const found = (asked: Asked, call: Call): readonly Shown[] => {
    const filter = filterFor(asked);
    const sign = asked.isDescending ? -1 : 1;
    return candidates(filter)
      .filter((row) => isListed(row, filter, call))
      .map((row) => shownOf(row, asked, call))
      .filter(({ row, version }) => filter.test(reader(row, version)))
      .toSorted((a, b) => sign * order(a.key, b.key));
  };

  return {
    list: (call: Call): WireAnswer => {
      const asked = askedOf(call, world.settings().listing.pageSize);
      const all = found(asked, call);
      const { after, isDescending, left, pageSize } = asked;
      const sign = isDescending ? -1 : 1;
      const rest = all.filter(({ key }) => after === null || sign * order(key, after) > 0).slice(asked.skip);
      const size = Math.min(pageSize, left ?? pageSize);
      const page = rest.slice(0, size);
      const last = page.at(-1);
      const remains = left === null ? null : left - page.length;
      const hasMore = last !== undefined && rest.length > page.length && remains !== 0;
      const next: Asked = { ...asked, skip: 0, left: remains, after: last?.key ?? null };
      const value = page.map(({ row, version }) => {
        const item = views.view(row, version, "item");
        return asked.select === null ? item : pick(item, asked.select);
      });
      return answered(200, {
        "@odata.context": "http://api.partner.microsoft.com/v1.0/$metadata#Referrals",
        "@odata.count": asked.counts ? all.length : page.length,
        value,
        ...(hasMore
          ? { "@odata.nextLink": `http://api.partner.microsoft.com/v1.0/referrals?$skiptoken=${tokenOf(next)}` }
          : {}),
      });
    },
  };
};
export type Listing = ReturnType<typeof createListing>;

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const isHidden = ({ hiddenUntil }: ReferralRecord, { now }: Call): boolean =>
  hiddenUntil !== null && hiddenUntil > now.toISOString();

/** How a filter reads a referral. An e-mail is that of anybody in the partner's team. */
const reader =
  (row: ReferralRecord, { modifiedAt, document }: Version): Read =>
  (path) => {
    if (path === "email")
      return listAt(document, "team").map((person) => (isObject(person) ? person.email : undefined));
    const { engagementId, direction, createdAt } = row;
    const beside: JsonObject = { engagementId, direction, createdDateTime: createdAt, updatedDateTime: modifiedAt };
    return [beside[path] ?? at(document, path.replaceAll("/", "."))];
  };

const askedOf = (call: Call, pageSize: number): Asked => {
  const { query } = call.place;
  const unknown = [...query.keys()].find((name) => !options.includes(name));
  if (unknown !== undefined)
    throw invalid(unknown, `The query parameter '${unknown}' is not supported.`, "UnsupportedQueryOption");
  const token = query.get("$skiptoken");
  if (token !== null) return askedAgain(token, call);
  const [, orderBy, direction] = /^(\w+)(?: (asc|desc))?$/.exec(query.get("$orderby") ?? "createdDateTime desc") ?? [];
  if (orderBy === undefined || !orders.includes(orderBy))
    throw invalid("$orderby", `Results can only be ordered by ${orders.join(" or ")}.`);
  const top = numberOf(query, "$top");
  return {
    filter: query.get("$filter"),
    orderBy: orderBy === "updatedDateTime" ? "updatedDateTime" : "createdDateTime",
    isDescending: direction === "desc",
    select:
      query
        .get("$select")
        ?.split(",")
        .map((name) => name.trim()) ?? null,
    left: top,
    skip: Math.min(numberOf(query, "$skip") ?? 0, skipMax),
    counts: query.get("$count") === "true",
    pageSize: Math.min(pageSize, numberOf(query, "pagesize") ?? pageSize),
    after: null,
  };
};
const numberOf = (query: URLSearchParams, name: string): number | null => {
  const text = query.get(name);
  if (text === null) return null;
  if (!/^\d{1,6}$/.test(text)) throw invalid(name, `Invalid value '${text}' for ${name}.`);
  return Number(text);
};

/** Opaque, and with signs that a wrong decoding breaks. */
const tokenOf = (asked: Asked): string => {
  const bytes = new TextEncoder().encode(`\u00fb\u00ef\u00be${JSON.stringify(asked)}`);
  const base64 = btoa(String.fromCharCode(...bytes));
  return encodeURIComponent(base64).replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
};
const askedAgain = (token: string, call: Call): Asked => {
  const wrong = () => invalid("$skiptoken", "The continuation token is not valid or has expired.", "InvalidSkipToken");
  if (call.struck.has("page_token_expired")) throw wrong();
  try {
    const bytes = Uint8Array.from(atob(token), (char) => char.charCodeAt(0));
    return askedSchema.parse(JSON.parse(new TextDecoder().decode(bytes).slice(3)));
  } catch {
    throw wrong();
  }
};
