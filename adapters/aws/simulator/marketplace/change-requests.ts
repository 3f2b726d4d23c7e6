/** A request to change something, as AWS judges it at once: known change types, details in form, entities that exist and are ours. */
import { type JsonObject, jsonObjectSchema } from "../../../../src/domain/deal.ts";
import { isObject, listAt, textAt } from "../../../simulator/document.ts";
import type { World } from "../world.ts";
import { authorizationChanges } from "./authorization-changes.ts";
import type { ChangeRule } from "./change-rule.ts";

import { bareId, type Entities } from "./entities.ts";
import { offerChanges } from "./offer-changes.ts";
import type { Change } from "./records.ts";
import { catalogRefusal, type FieldProblem, invalid } from "./refusals.ts";
import { setChanges } from "./set-changes.ts";

const rules: Readonly<Record<string, Readonly<Record<string, ChangeRule>>>> = {
  Offer: offerChanges,
  OfferSet: setChanges,
  ResaleAuthorization: authorizationChanges,
};
/** `Offer` of `Offer@1.0`. */
export const kindOf = (entityType: string): string => /^(\w+)@1\.0$/.exec(entityType)?.[1] ?? "";
export const changeRuleOf = (change: Pick<Change, "entityType" | "type">): ChangeRule | null =>
  rules[kindOf(change.entityType)]?.[change.type] ?? null;

const referencePattern = /^\$([^.]+)\.Entity\.Identifier$/;
/** The change that a reference into the set names; null for any other text. */
export const referredName = (text: string): string | null => referencePattern.exec(text)?.[1] ?? null;

/** The changes of a request. Throws every problem that its form has. */
export const changesOf = (input: JsonObject): readonly Change[] => {
  const problems: FieldProblem[] = [];
  const changes = listAt(input, "ChangeSet")
    .filter(isObject)
    .map((item) => changeOf(item, problems));
  problems.push(...setProblems(changes));
  if (problems.length > 0) throw invalid(problems);
  return changes;
};

const changeOf = (item: JsonObject, problems: FieldProblem[]): Change => {
  const type = textAt(item, "ChangeType") ?? "";
  const entityType = textAt(item, "Entity.Type") ?? "";
  const identifier = textAt(item, "Entity.Identifier");
  const where = {
    entityType,
    changeType: type,
    ...(identifier === null ? {} : { entityId: bareId(identifier) }),
  };
  const change: Change = {
    type,
    entityType,
    identifier,
    resolved: null,
    name: textAt(item, "ChangeName"),
    details: {},
    errors: [],
  };
  const found = changeRuleOf(change);
  if (found === null) {
    const message = `${type} is not a change type of ${entityType}`;
    problems.push({ reason: "UnknownOperation", message, ...where });
    return change;
  }
  if (found.creates && identifier !== null)
    problems.push({ reason: "Other", message: `${type} creates its entity and takes no Identifier`, ...where });
  if (!found.creates && identifier === null)
    problems.push({ reason: "Other", message: `${type} needs the Identifier of its entity`, ...where });
  const details = detailsOf(item);
  if (details === null) {
    const message = "Either Details, a JSON object as text, or DetailsDocument is required, and not both";
    problems.push({ reason: "CannotParse", message, field: "Details", ...where });
    return change;
  }
  for (const { field, message } of found.problems(details))
    problems.push({
      reason: "FieldValidationFailed",
      message: `${field === "" ? type : field}: ${message}`,
      ...(field === "" ? {} : { field }),
      ...where,
    });
  return { ...change, details };
};

const detailsOf = (item: JsonObject): JsonObject | null => {
  const text = textAt(item, "Details");
  const document = item.DetailsDocument;
  if (text !== null && document !== undefined) return null;
  if (document !== undefined) return isObject(document) ? document : null;
  if (text === null) return null;
  try {
    return jsonObjectSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
};

/** What is wrong between the changes of one set. */
const setProblems = (changes: readonly Change[]): readonly FieldProblem[] => {
  const names = changes.flatMap(({ name }) => name ?? []);
  const makers = changes.flatMap((change) => (changeRuleOf(change)?.creates ? (change.name ?? []) : []));
  const problems: FieldProblem[] = [];
  if (new Set(names).size < names.length)
    problems.push({ reason: "Other", message: "Each ChangeName of a change set must be unique", field: "ChangeName" });
  const seen = new Set<string>();
  for (const change of changes) {
    for (const name of namesIn(change))
      if (!makers.includes(name))
        problems.push({
          reason: "Other",
          message: `The change set creates nothing named ${name}`,
          field: "Identifier",
        });
    const target = change.identifier === null ? null : `${change.type} ${bareId(change.identifier)}`;
    if (target !== null && seen.has(target))
      problems.push({
        reason: "Other",
        message: `${change.type} is requested more than once for the same entity`,
        entityType: change.entityType,
        changeType: change.type,
      });
    if (target !== null) seen.add(target);
  }
  return problems;
};
const namesIn = (change: Change): readonly string[] => {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value === "string") found.push(...[referredName(value)].flatMap((name) => name ?? []));
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit);
  };
  visit(change.identifier);
  visit(change.details);
  return found;
};

/** The entities that a request's changes concern and that exist already. Throws where one is missing, foreign or held. */
export const heldBy = (
  changes: readonly Change[],
  account: string,
  parts: { readonly world: World; readonly entities: Entities },
): readonly string[] => {
  const { world, entities } = parts;
  const held = new Set<string>();
  for (const change of changes) {
    mustExist(change, account, parts);
    if (change.identifier === null || referredName(change.identifier) !== null) continue;
    const entity = entities.readable(change.identifier, account);
    if (entity.account !== account)
      throw catalogRefusal("AccessDeniedException", `This account cannot change entity ${entity.id}.`);
    if (entity.kind !== kindOf(change.entityType))
      throw invalid([
        { reason: "Other", message: `${entity.id} is not of type ${change.entityType}`, entityId: entity.id },
      ]);
    held.add(entity.id);
  }
  const locked = [...held].filter((id) => world.ledger.entities.get(id)?.lock !== null);
  if (locked.length > 0)
    throw catalogRefusal("ResourceInUseException", `Entities in use by another change set: ${locked.join(", ")}`);
  return [...held];
};

const mustExist = (
  { details, type }: Change,
  account: string,
  { world, entities }: { readonly world: World; readonly entities: Entities },
): void => {
  const product = textAt(details, "ProductId");
  const agreementId = textAt(details, "AgreementId");
  const authorizationId = textAt(details, "ResaleAuthorizationId");
  if (product !== null && type.startsWith("Create")) entities.readable(product, account);
  if (authorizationId !== null && referredName(authorizationId) === null) entities.readable(authorizationId, account);
  if (agreementId === null) return;
  const agreement = world.ledger.agreements.get(agreementId);
  if (agreement === null) throw catalogRefusal("ResourceNotFoundException", `Agreement ${agreementId} was not found.`);
  if (agreement.account !== account)
    throw catalogRefusal("AccessDeniedException", `This account has no access to agreement ${agreementId}.`);
};

export const intentOf = (input: JsonObject): "APPLY" | "VALIDATE" =>
  textAt(input, "Intent") === "VALIDATE" ? "VALIDATE" : "APPLY";
