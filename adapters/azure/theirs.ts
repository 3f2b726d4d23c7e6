/**
 * What our referral says of the deal at Microsoft, in our words, and what of it was changed there since both sides last agreed. Pure.
 *
 * A change is offered only where it can be taken whole: taken into the deal it reads back as exactly what Microsoft holds, so
 * that no revision ever sends it back. A value that is gone, a text that seems to name a person, and the end of the referral,
 * which ends the share and not the deal, are shown and never offered.
 */
import type { Json, ShareDraft } from "../../src/domain/deal.ts";
import type { Theirs, TheirsInput, TheirValue } from "../contract.ts";
import { isObject, scrub } from "../text.ts";
import { type Document, markOf, meaning, ourFields, type Path, read, remember, remembered } from "./document.ts";
import { documentOf, stagePercents } from "./map.ts";
import { readRecord } from "./record.ts";
import type { Target } from "./settings.ts";

const asText = (value: Json): Json | undefined => (typeof value === "string" ? value : undefined);
const stageOf = (value: Json): Json | undefined =>
  Object.entries(stagePercents).find(([, percent]) => percent === value)?.[0];

/** The members that a deal has a field for, with that field. People never come back. */
const readers: Readonly<Partial<Record<Path, readonly [field: string, read: (value: Json) => Json | undefined]>>> = {
  name: [ourFields.name, asText],
  notes: [ourFields.notes, asText],
  value: [ourFields.value, (value) => (isObject(value) ? value : undefined)],
  closing: [ourFields.closing, asText],
  salesStage: ["stage", stageOf],
  "customer.name": [ourFields["customer.name"], asText],
  "customer.street": [ourFields["customer.street"], asText],
  "customer.city": [ourFields["customer.city"], asText],
  "customer.state": [ourFields["customer.state"], asText],
  "customer.postalCode": [ourFields["customer.postalCode"], asText],
  "customer.country": [ourFields["customer.country"], asText],
  "customer.duns": [ourFields["customer.duns"], asText],
};

/** The draft as it would be with their values. */
const withValues = (draft: ShareDraft, values: readonly TheirValue[]): ShareDraft => {
  const own = values.filter(({ field }) => !field.startsWith("account."));
  const account = values.filter(({ field }) => field.startsWith("account."));
  return {
    ...draft,
    opportunity: { ...draft.opportunity, ...Object.fromEntries(own.map(({ field, value }) => [field, value])) },
    account: {
      ...draft.account,
      ...Object.fromEntries(account.map(({ field, value }) => [field.slice("account.".length), value])),
    },
  };
};

export const theirsOf = (input: TheirsInput, target: Target): Theirs => {
  const { raw, referral } = readRecord(input.observation.body);
  const theirs = read(raw);
  const mine = documentOf(input.draft, target);
  const base = isObject(input.base) ? input.base : null;
  const agreed = [input.base, input.nextBase].filter(isObject);
  const tellOf = (path: Path): readonly (TheirValue & { readonly path: Path })[] => {
    const value = theirs[path];
    const [field, reader] = readers[path] ?? [];
    const ours = value === undefined ? undefined : reader?.(value);
    if (value === undefined || ours === undefined || field === undefined || meaning(path, value) === "") return [];
    const before = base === null ? null : remembered(base, path);
    const isNew =
      before !== null &&
      agreed.every((document) => remembered(document, path) !== markOf(path, value)) &&
      meaning(path, mine[path]) !== meaning(path, value);
    const isPersonal = typeof ours === "string" && scrub(ours) !== ours;
    const isEnd = ours === "launched";
    const isEdit = isNew && !isPersonal && !isEnd;
    return [
      {
        path,
        field,
        value: isPersonal ? scrub(String(ours)) : ours,
        isEdit,
        isInformed: mine[path] === undefined || markOf(path, mine[path]) === before,
        base: isEdit ? remember({ [path]: value }) : {},
      },
    ];
  };
  const isReadable = (path: string): path is Path => Object.hasOwn(readers, path);
  const values = Object.keys(readers).filter(isReadable).flatMap(tellOf);
  const edits = values.filter((value) => value.isEdit);
  const after: Document = edits.length === 0 ? mine : documentOf(withValues(input.draft, edits), target);
  const changedAt = new Date(referral.updatedDateTime ?? "");
  return {
    at: Number.isNaN(changedAt.getTime()) ? input.observation.seenAt : changedAt,
    values: values.map(({ path, isEdit, ...value }) => ({
      ...value,
      isEdit: isEdit && meaning(path, after[path]) === meaning(path, theirs[path]),
    })),
  };
};
