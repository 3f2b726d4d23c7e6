/** Makes the changes of a set in their turns, on copies: all of them, or none and the reasons change by change. */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { isList, isObject } from "../../../simulator/document.ts";
import type { World } from "../world.ts";
import { changeRuleOf, kindOf, referredName } from "./change-requests.ts";
import type { Site } from "./change-rule.ts";
import { bareId, type Entities } from "./entities.ts";
import { type OfferBreach, offerBreaches } from "./offer-rules.ts";
import type { Change, ChangeSet, Entity, ErrorDetail } from "./records.ts";

export interface Run {
  /** The changes with what they concern and what is wrong with them. */
  readonly changes: readonly Change[];
  /** The entities as the set leaves them; empty when anything is wrong. */
  readonly entities: readonly Entity[];
}

export const runChanges = (world: World, entities: Entities, set: ChangeSet): Run => {
  const now = world.now();
  const drafts = new Map<string, Entity>();
  const named = new Map<string, string>();
  const errors = set.changes.map((): ErrorDetail[] => []);
  const targets = set.changes.map((): string | null => null);
  const site: Site = {
    now,
    account: set.account,
    companyName: world.settings().companyName,
    settings: world.settings().marketplace,
    entity: (id) => drafts.get(bareId(id)) ?? entities.find(id),
    agreement: (id) => world.ledger.agreements.get(id),
    termId: () => `term-${world.letters("term", 12)}`,
  };

  const order = set.changes
    .map((change, index) => ({ change, index, rule: changeRuleOf(change) }))
    .toSorted((a, b) => (a.rule?.turn ?? 0) - (b.rule?.turn ?? 0) || a.index - b.index);
  for (const { change, index, rule } of order) {
    const identifier = change.identifier === null ? null : placed(change.identifier, named);
    const entity = rule?.creates
      ? entities.blank(kindOf(change.entityType), set.account, now)
      : identifier === null
        ? null
        : site.entity(identifier);
    // What a failed change should have made is missing for those that refer to it: they have nothing to add to its errors.
    if (rule === null || entity === null) continue;
    const effect = rule.apply(entity, resolved(change.details, named), site);
    targets[index] = entity.id;
    if ("errors" in effect) errors[index]?.push(...effect.errors);
    else for (const left of effect.changed) drafts.set(left.id, left);
    if (rule.creates && change.name !== null && !("errors" in effect)) named.set(change.name, entity.id);
  }

  for (const draft of drafts.values()) {
    if (draft.kind !== "Offer") continue;
    const mine = order.filter(({ index }) => targets[index] === draft.id);
    // The whole is judged only where every part of it could be made.
    if (mine.some(({ index }) => (errors[index]?.length ?? 0) > 0)) continue;
    for (const breach of offerBreaches(draft, entities.find(draft.id), site)) {
      const place = placeOf(breach, mine);
      if (place !== undefined) errors[place]?.push({ code: breach.code, message: breach.message });
    }
  }

  const isGood = errors.every((list) => list.length === 0) && targets.every((target) => target !== null);
  return {
    changes: set.changes.map((change, index) => ({
      ...change,
      errors: errors[index] ?? [],
      resolved: isGood && set.intent === "APPLY" ? (targets[index] ?? null) : null,
    })),
    entities: isGood ? [...drafts.values()] : [],
  };
};

/** A breach is told at the change that brings it about; where the set has none such, at the last change of the offer. */
const placeOf = (
  breach: OfferBreach,
  mine: readonly { readonly change: Change; readonly index: number }[],
): number | undefined => (mine.find(({ change }) => change.type === breach.at) ?? mine.at(-1))?.index;

const placed = (text: string, named: ReadonlyMap<string, string>): string | null => {
  const name = referredName(text);
  return name === null ? text : (named.get(name) ?? null);
};
const resolved = (details: JsonObject, named: ReadonlyMap<string, string>): JsonObject => {
  const visit = (value: Json): Json => {
    if (typeof value === "string") return placed(value, named) ?? value;
    if (isList(value)) return value.map(visit);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item)]));
  };
  const whole = visit(details);
  return isObject(whole) ? whole : details;
};
