/** What a change type is: the form of its details, its turn in a change set, and what it does to an entity. */
import * as z from "zod";
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, textAt } from "../../../simulator/document.ts";
import type { Agreement, Entity, ErrorDetail } from "./records.ts";
import type { MarketplaceSettings } from "./settings.ts";

/** Where and when a change is made. Entities are seen as the changes before it left them. */
export interface Site {
  readonly now: Date;
  readonly account: string;
  readonly companyName: string;
  readonly settings: MarketplaceSettings;
  readonly entity: (id: string) => Entity | null;
  readonly agreement: (id: string) => Agreement | null;
  readonly termId: () => string;
}

/** What a change made of the entities it concerns, or why AWS refuses it. */
export type Effect = { readonly changed: readonly Entity[] } | { readonly errors: readonly ErrorDetail[] };
export const changed = (...entities: readonly Entity[]): Effect => ({ changed: entities });
export const failing = (code: string, message: string): Effect => ({ errors: [{ code, message }] });

/** Changes of one set are made in this order, whatever their order in the request. */
export const turns = { create: 0, markup: 1, update: 2, release: 3, releaseSet: 4 } as const;

export interface ChangeRule {
  readonly turn: number;
  readonly creates: boolean;
  /** What is wrong with the details' form. */
  readonly problems: (details: JsonObject) => readonly { readonly field: string; readonly message: string }[];
  readonly apply: (entity: Entity, details: JsonObject, site: Site) => Effect;
}

export const rule = <Details>(
  schema: z.ZodType<Details>,
  turn: number,
  apply: (entity: Entity, details: Details, site: Site) => Effect,
): ChangeRule => ({
  turn,
  creates: turn === turns.create,
  problems: (details) => {
    const parsed = schema.safeParse(details);
    if (parsed.success) return [];
    return parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), message }));
  },
  apply: (entity, details, site) => apply(entity, schema.parse(details), site),
});

export const termsOf = (document: JsonObject): readonly JsonObject[] => listAt(document, "Terms").filter(isObject);
export const typeOf = (term: JsonObject): string => textAt(term, "Type") ?? "";
export const termOf = (document: JsonObject, type: string): JsonObject | null =>
  termsOf(document).find((term) => typeOf(term) === type) ?? null;
export const ruleOf = (document: JsonObject, type: string): JsonObject | null =>
  listAt(document, "Rules")
    .filter(isObject)
    .find((item) => typeOf(item) === type) ?? null;

/** The document with these terms in place of all of the same kinds. */
export const withTerms = (
  document: JsonObject,
  replaced: readonly string[],
  terms: readonly JsonObject[],
): JsonObject => ({
  ...document,
  Terms: [...termsOf(document).filter((term) => !replaced.includes(typeOf(term))), ...terms],
});
export const withRule = (document: JsonObject, added: JsonObject): JsonObject => ({
  ...document,
  Rules: [
    ...listAt(document, "Rules")
      .filter(isObject)
      .filter((item) => typeOf(item) !== typeOf(added)),
    added,
  ],
});
/** The same value as plain JSON: what was optional and absent is gone. */
export const plain = (value: unknown): JsonObject =>
  z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(value)));

export const buyersOf = (document: JsonObject): readonly string[] => {
  const targeting = ruleOf(document, "TargetingRule");
  return (targeting === null ? [] : listAt(targeting, "PositiveTargeting.BuyerAccounts")).filter(isText);
};
export const isText = (value: Json): value is string => typeof value === "string";
export const markupOf = (document: JsonObject): string => textAt(document, "MarkupPercentage") ?? "0";
