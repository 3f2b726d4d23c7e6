/** Reads of the marketplace: what is parsed, and page by page. */
import type { z } from "zod";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { ClockDep } from "../../../src/ports.ts";
import type { Answered } from "../exchange.ts";
import { ingestionPageOf, privateOfferSchema, subscriptionsPageSchema } from "../wire-offers.ts";
import type { MarketCall, MarketWire } from "./client.ts";
import type { MarketMemory } from "./memory.ts";
import type { Market } from "./settings.ts";

export interface MarketDeps extends ClockDep {
  readonly wire: MarketWire;
  readonly market: Market;
  readonly memory: MarketMemory;
  /** Tells this connection's memory from another's. */
  readonly connectionId: string;
}

export interface Read<T> {
  readonly value: T;
  readonly text: string;
}
export const parsedAs = <T extends z.ZodType>(
  schema: T,
  answer: Answered,
  operation: string,
): Result<Read<z.infer<T>>> => {
  const text = new TextDecoder().decode(answer.bytes);
  const parsed = schema.safeParse(answer.json);
  return parsed.success
    ? ok({ value: parsed.data, text })
    : failed({ kind: "drift", message: `Microsoft ${operation}: the answer is not as documented`, body: text });
};
/** One read, parsed. */
export const readOf = async <T extends z.ZodType>(
  { wire }: Pick<MarketDeps, "wire">,
  schema: T,
  call: Omit<MarketCall, "kind">,
): Promise<Result<Read<z.infer<T>>>> => {
  const answer = await wire.send({ ...call, kind: "read" });
  return answer.ok ? parsedAs(schema, answer.value, call.operation) : answer;
};

/** What a next link lends to an address of ours: its query, as members. Null: there is none. */
export const nextQuery = (link: string | null | undefined): Readonly<Record<string, string>> | null => {
  if (!link || !URL.canParse(link)) return null;
  const { searchParams } = new URL(link);
  const query = Object.fromEntries(searchParams);
  return Object.keys(query).length === 0 ? null : query;
};

export type Query = Readonly<Record<string, string>>;
const offersPageSchema = ingestionPageOf(privateOfferSchema);

/** One page of the account's private offers, whoever made them. */
export const offersPage = async (deps: Pick<MarketDeps, "wire">, query: Query = {}) => {
  const read = await readOf(deps, offersPageSchema, {
    operation: "QueryPrivateOffers",
    surface: "ingestion",
    path: "/private-offer/query",
    query,
  });
  if (!read.ok) return read;
  const next = nextQuery(read.value.value["@nextLink"]);
  // A page that leads to itself would never end.
  return ok({ rows: read.value.value.value, next: isSame(next, query) ? null : next });
};
/** One page of the application's subscriptions. */
export const subscriptionsPage = async (deps: Pick<MarketDeps, "wire">, query: Query = {}) => {
  const read = await readOf(deps, subscriptionsPageSchema, {
    operation: "ListSubscriptions",
    surface: "fulfillment",
    path: "/subscriptions",
    query,
  });
  if (!read.ok) return read;
  const next = nextQuery(read.value.value["@nextLink"]);
  return ok({ rows: read.value.value.subscriptions, next: isSame(next, query) ? null : next });
};
const isSame = (a: Query | null, b: Query): boolean => a !== null && JSON.stringify(a) === JSON.stringify(b);
