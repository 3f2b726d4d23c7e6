/**
 * What AWS's record says of the deal, in our words, and what of it AWS changed since both sides last agreed. Pure.
 *
 * A change is offered only where it can be taken whole: taken into the deal it reads back as exactly what AWS holds, so
 * that no revision ever sends it back. These are shown, never offered: a value that is gone (an answer may be cut
 * short), a text that seems to name a person, and the end of AWS's opportunity, which ends the share and not the deal.
 */
import type { Json, JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import type { Theirs, TheirsInput, TheirValue } from "../contract.ts";
import { parseBody } from "../nested.ts";
import { isObject, listed, scrub } from "../text.ts";
import { type Document, markOf, meaning, ourFields, type Path, read, remember, remembered } from "./document.ts";
import { documentOf, stageWords, typeWords } from "./map.ts";
import type { Target } from "./settings.ts";

const wordFor = (words: Readonly<Record<string, string>>, value: Json): Json | undefined =>
  Object.entries(words).find(([, theirs]) => theirs === value)?.[0];
const asText = (value: Json): Json | undefined => (typeof value === "string" ? value : undefined);

/** AWS's industry in the seller's own words, where the connection maps some to it. */
const industryFor = (value: Json, target: Target): Json | undefined => {
  const map = target.settings.industryMap ?? {};
  return Object.entries(map).find(([, theirs]) => listed(theirs, [String(value)]) === value)?.[0] ?? asText(value);
};

/** The members that a deal has a field for. Spend is a monthly figure and contacts are people: neither comes back. */
const readers: Readonly<Partial<Record<Path, (value: Json, target: Target) => Json | undefined>>> = {
  "Project.Title": asText,
  "Project.CustomerBusinessProblem": asText,
  OpportunityType: (value) => wordFor(typeWords, value),
  "LifeCycle.Stage": (value) => wordFor(stageWords, value),
  "LifeCycle.TargetCloseDate": asText,
  "LifeCycle.NextSteps": asText,
  "LifeCycle.ClosedLostReason": asText,
  "Customer.Account.CompanyName": asText,
  "Customer.Account.WebsiteUrl": asText,
  "Customer.Account.Industry": industryFor,
  "Customer.Account.Duns": asText,
  "Customer.Account.Address.City": asText,
  "Customer.Account.Address.PostalCode": asText,
  "Customer.Account.Address.StateOrRegion": asText,
  "Customer.Account.Address.CountryCode": asText,
  "Customer.Account.Address.StreetAddress": asText,
};
const isReadable = (path: string): path is Path => Object.hasOwn(readers, path);
const readable = Object.keys(readers).filter(isReadable);

const ends: ReadonlySet<Json> = new Set<Json>([stageWords.launched, stageWords.closed_lost]);
const isEnd = (path: Path, value: Json): boolean =>
  path === "LifeCycle.ClosedLostReason" || (path === "LifeCycle.Stage" && ends.has(value));

/** The draft as it would be with AWS's values. */
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
  const { opportunity } = parseBody(input.observation.body);
  const raw: JsonObject = isObject(opportunity) ? opportunity : {};
  const theirs = read(raw);
  const mine = documentOf(input.draft, target);
  const base = isObject(input.base) ? input.base : null;
  const agreed = [input.base, input.nextBase].filter(isObject);
  const values = readable.flatMap((path): readonly (TheirValue & { readonly path: Path })[] => {
    const value = theirs[path];
    const ours = value === undefined ? undefined : readers[path]?.(value, target);
    if (value === undefined || ours === undefined || meaning(path, value) === "") return [];
    const before = base === null ? null : remembered(base, path);
    const isNew =
      before !== null &&
      agreed.every((document) => remembered(document, path) !== markOf(path, value)) &&
      meaning(path, mine[path]) !== meaning(path, value);
    const isPersonal = typeof ours === "string" && scrub(ours) !== ours;
    const isEdit = isNew && !isPersonal && !isEnd(path, value);
    const knew = mine[path] === undefined || markOf(path, mine[path]) === before;
    return [
      {
        path,
        field: ourFields[path],
        value: isPersonal ? scrub(String(ours)) : ours,
        isEdit,
        isInformed: knew,
        base: isEdit ? remember({ [path]: value }) : {},
      },
    ];
  });
  const edits = values.filter((value) => value.isEdit);
  const after: Document = edits.length === 0 ? mine : documentOf(withValues(input.draft, edits), target);
  const at = new Date(String(raw.LastModifiedDate));
  return {
    at: Number.isNaN(at.getTime()) ? input.observation.seenAt : at,
    values: values.map(({ path, isEdit, ...value }) => ({
      ...value,
      isEdit: isEdit && meaning(path, after[path]) === meaning(path, theirs[path]),
    })),
  };
};
