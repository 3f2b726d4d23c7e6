/**
 * What the programme refuses although the tables allow it: what a submission needs, and what may be edited in which state.
 * https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities/patch
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { at, changedPaths, isList, textAt } from "../../simulator/document.ts";
import { forbidden, invalid, type Violation, violation } from "./answers.ts";
import type { Settings } from "./settings.ts";
import { writable } from "./shapes.ts";
import { channelCatalogue, snake } from "./tables.ts";

type Rules = Settings["rules"];

export const stateOf = (document: JsonObject): string => textAt(document, "state") ?? "DRAFT";
/** Both words for a declined deal leave it open to every edit. */
const openStates = ["DRAFT", "REJECTED", "NOT_ACCEPTED"];
export const isClosed = (document: JsonObject, { stages }: Rules): boolean =>
  textAt(document, "stage") === stages.at(-1);

/** The proto's path of a member of an opportunity, as error details name it. */
export const fieldOf = (path: string): string => snake(`opportunity.${path}`);
const missing = (path: string): Violation =>
  violation(fieldOf(path), `The field '${fieldOf(path)}' is required and must be set`);

/** Throws INVALID_ARGUMENT with everything that is required and not there. */
export const demand = (document: JsonObject, paths: readonly string[]): void => {
  const absent = paths.filter((path) => {
    const value = at(document, path);
    return value === undefined || (isList(value) && value.length === 0);
  });
  if (absent.length > 0) throw invalid(absent.map(missing));
};

/** A client may set the state to DRAFT or SUBMITTED; anything else is Google's. */
export const checkState = (state: string): void => {
  if (state === "DRAFT" || state === "SUBMITTED") return;
  throw invalid([
    violation(fieldOf("state"), `The field 'opportunity.state' can only be set to DRAFT or SUBMITTED, not ${state}`),
  ]);
};

/** Throws when the record's state forbids an edit that makes `after` of `before`. */
export const checkEdit = (before: JsonObject, after: JsonObject, rules: Rules): void => {
  const state = stateOf(before);
  const name = textAt(before, "stage") ?? "";
  if (state === "SUBMITTED")
    throw forbidden(rules.frozen, [violation("opportunity", "A SUBMITTED opportunity cannot be updated")]);
  if (isClosed(before, rules))
    throw forbidden(rules.frozen, [violation("opportunity", `An opportunity in stage ${name} cannot be updated`)]);
  const own = (document: JsonObject): JsonObject => writable(channelCatalogue, "Opportunity", document);
  const changed = changedPaths(own(before), own(after));
  checkStage(textAt(after, "stage"), { isChanged: changed.includes("stage"), state, rules });
  if (openStates.includes(state)) return;
  const locked = changed.filter(
    (path) => !rules.acceptedFields.some((open) => path === open || path.startsWith(`${open}.`)),
  );
  if (locked.length === 0) return;
  const why = (path: string): Violation =>
    violation(fieldOf(path), `The field '${fieldOf(path)}' cannot be updated while the opportunity is ${state}`);
  throw forbidden(rules.frozen, locked.map(why));
};

interface StageEdit {
  readonly isChanged: boolean;
  readonly state: string;
  readonly rules: Rules;
}
const checkStage = (stage: string | null, { isChanged, state, rules }: StageEdit): void => {
  if (!isChanged) return;
  const field = fieldOf("stage");
  if (stage === rules.stages.at(-1))
    throw invalid([violation(field, `The field '${field}' cannot be updated to ${stage}`)]);
  if (stage !== null && !rules.stages.includes(stage)) {
    const type = `type.googleapis.com/${channelCatalogue.package}.Stage`;
    throw invalid([violation(field, `Invalid value at '${field}' (${type}), "${stage}"`)]);
  }
  if (state !== "ACCEPTED")
    throw forbidden(rules.frozen, [
      violation(field, `The field '${field}' can only be updated once the opportunity is ACCEPTED`),
    ]);
};
