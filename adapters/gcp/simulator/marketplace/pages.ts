/** Pages of the marketplace's lists: sizes, and opaque tokens that are good for the very same question only. https://google.aip.dev/158 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { fold } from "../../../simulator/dice.ts";
import { invalid, violation } from "../answers.ts";
import type { Call } from "../opportunities.ts";

export interface Size {
  readonly usual: number;
  readonly most: number;
}
const producerSize: Size = { usual: 500, most: 500 };

/** A list request, and how long its pages are where that is not the Producer API's way. */
export interface Listed {
  readonly call: Call;
  readonly size?: Size;
}

/** One page of `rows` under `name`. The place in the list is remembered by the row's name, so that rows may come and go. */
export const paged = (rows: readonly JsonObject[], name: string, { call, size = producerSize }: Listed): JsonObject => {
  const scope = scopeOf(call);
  const from = startOf(rows, call.query.get("pageToken") ?? "", scope);
  const page = rows.slice(from, from + sizeOf(call.query.get("pageSize"), size));
  const next = rows[from + page.length];
  return {
    ...(page.length === 0 ? {} : { [name]: page }),
    ...(next === undefined ? {} : { nextPageToken: tokenOf(from + page.length, String(next.name), scope) }),
  };
};

const sizeOf = (text: string | null, { usual, most }: Size): number => {
  if (text === null || text === "") return usual;
  if (!/^-?\d{1,9}$/.test(text))
    throw invalid([violation("page_size", `Invalid value at 'page_size' (TYPE_INT32), "${text}"`)]);
  const wanted = Number(text);
  if (wanted < 0) throw invalid([violation("page_size", "The field 'page_size' must not be negative")]);
  return wanted === 0 ? usual : Math.min(wanted, most);
};

const scopeOf = ({ operation, names, query }: Call): string =>
  fold([operation, ...names, query.get("filter") ?? "", query.get("orderBy") ?? ""].join("\u0000")).toString(36);
const checkOf = (place: number, name: string, scope: string): string => fold(`${scope} ${place} ${name}`).toString(36);
const tokenOf = (place: number, name: string, scope: string): string =>
  btoa([place, checkOf(place, name, scope), name].join(" "))
    .replaceAll("+", "-")
    .replaceAll("/", "_");

/** Where the row that a token names stands now; where it stood when it is gone. */
const startOf = (rows: readonly JsonObject[], token: string, scope: string): number => {
  if (token === "") return 0;
  const [place = "", check = "", name = ""] = decoded(token).split(" ");
  if (!/^\d+$/.test(place) || check !== checkOf(Number(place), name, scope)) {
    const words =
      "The field 'page_token' is not valid for this request: all other parameters must be those of the call that returned it";
    throw invalid([violation("page_token", words)]);
  }
  const now = rows.findIndex((row) => row.name === name);
  return now < 0 ? Number(place) : now;
};
const decoded = (token: string): string => {
  try {
    return atob(token.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "";
  }
};
