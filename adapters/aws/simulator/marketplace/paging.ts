/** Pages of a list: a token says where the last page ended and for which question, and is valid for no other. */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { fold } from "../../../simulator/dice.ts";
import { canonical, textAt } from "../../../simulator/document.ts";
import { type Api, refusalIn } from "./refusals.ts";

export interface Row {
  readonly id: string;
  /** What the list is ordered by; rows with equal keys come by id. */
  readonly key: string;
  readonly view: JsonObject;
}
export interface Question {
  readonly api: Api;
  readonly operation: string;
  readonly account: string;
  readonly input: JsonObject;
  readonly descending: boolean;
  readonly size: number;
}

export const pageOf = (
  rows: readonly Row[],
  question: Question,
): { readonly views: readonly Json[]; readonly token: string | null } => {
  const { api, operation, account, input, descending, size } = question;
  const name = api === "catalog" ? "NextToken" : "nextToken";
  const { [name]: _token, MaxResults: _size, maxResults: _max, ...asked } = input;
  const scope = fold(`${operation}|${account}|${canonical(asked)}`).toString(36);
  const placed = rows.map((row) => ({ place: `${row.key}\u0000${row.id}`, view: row.view }));
  placed.sort((a, b) => (a.place < b.place ? -1 : 1) * (descending ? -1 : 1));
  const token = textAt(input, name);
  const after = token === null ? null : placeOf(token, scope);
  if (after === "") throw refusalIn.staleToken(api);
  const rest = after === null ? placed : placed.filter(({ place }) => (descending ? place < after : place > after));
  const page = rest.slice(0, size);
  const last = page.at(-1);
  return {
    views: page.map(({ view }) => view),
    token: last !== undefined && rest.length > size ? tokenOf(last.place, scope) : null,
  };
};

const tokenOf = (place: string, scope: string): string => {
  const bytes = new TextEncoder().encode(JSON.stringify([scope, place, fold(`${scope}${place}`)]));
  return btoa(String.fromCharCode(...bytes));
};
/** The place a token names; empty when it is none of ours or of another question. */
const placeOf = (token: string, scope: string): string => {
  try {
    const parsed: unknown = JSON.parse(
      new TextDecoder().decode(Uint8Array.from(atob(token), (char) => char.charCodeAt(0))),
    );
    const [about, place, check]: unknown[] = Array.isArray(parsed) ? parsed : [];
    return typeof place === "string" && about === scope && check === fold(`${scope}${place}`) ? place : "";
  } catch {
    return "";
  }
};
