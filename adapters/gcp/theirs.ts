/**
 * What Google's record says of the deal, in our words, and what of it Google changed since both sides last agreed. Pure.
 *
 * A change is offered only where it can be taken whole: taken into the deal it reads back as exactly what Google holds, so that
 * no revision ever sends it back. A text that seems to name a person is shown without it and never offered.
 */
import type { Json, ShareDraft } from "../../src/domain/deal.ts";
import { microsToDecimal } from "../../src/domain/money.ts";
import type { Theirs, TheirsInput, TheirValue } from "../contract.ts";
import { isObject, scrub } from "../text.ts";
import { type Document, markOf, meaning, ourFields, type Path, remember, remembered } from "./document.ts";
import { documentOf, plainTitle } from "./map.ts";
import { dayOf, microsOf } from "./quantities.ts";
import { theirRecord } from "./revision.ts";
import { type Target, withDefaults } from "./settings.ts";
import { isClosing, openStages } from "./words.ts";

interface Reading {
  readonly draft: ShareDraft;
  readonly target: Target;
}
type Reader = (value: Json, at: Reading) => Json | undefined;
const asText: Reader = (value) => (typeof value === "string" ? value : undefined);

const stageFor: Reader = (value, { target }) =>
  typeof value === "string" && !isClosing(value)
    ? openStages.find((stage) => target.stages[stage] === value)
    : undefined;
/** The CRM's own word for an industry of Google's, where the connection maps one to it. */
const industryFor: Reader = (value, { draft, target }) => {
  const own = draft.account.industry;
  if (own && target.industries.get(own.toLowerCase()) === value) return own;
  const mapped = Object.entries(target.settings.industryMap ?? {}).find(([, word]) => word === value)?.[0];
  return mapped ?? asText(value, { draft, target });
};
const amountFor: Reader = (value, { draft, target }) => {
  // Stated for the programme alone, the value is not the deal's amount.
  if (isObject(withDefaults(target, draft.fields).dealSize)) return undefined;
  const money = microsOf(value);
  return money === null ? undefined : { amount: microsToDecimal(money.micros), currency: money.currency };
};
const wholeFor: Reader = (value) => (typeof value === "number" ? value : undefined);
const streetFor: Reader = (value) =>
  Array.isArray(value) && value.length === 1 && typeof value[0] === "string" ? value[0] : undefined;
/** A domain stands for any website of it. */
const websiteFor: Reader = (value, { draft, target }) => {
  const own = documentOf(draft, target)["customerInfo.customerDetails.domain"];
  return own === value ? (draft.account.website ?? undefined) : asText(value, { draft, target });
};

const details = "customerInfo.customerDetails";
/** The members that a deal has a field for. People do not come back this way. */
const readers: Readonly<Partial<Record<Path, Reader>>> = {
  "opportunityInfo.displayName": (value, { draft }) =>
    typeof value === "string" ? plainTitle(value, draft.opportunity.key) : undefined,
  "opportunityInfo.description": asText,
  stage: stageFor,
  "qualificationInfo.estimatedCloseDate": (value) => dayOf(value) ?? undefined,
  "qualificationInfo.dealSize": amountFor,
  "qualificationInfo.contractLengthMonths": wholeFor,
  "isvSolutionConnectInfo.nextStep": asText,
  [`${details}.organizationName`]: asText,
  [`${details}.domain`]: websiteFor,
  [`${details}.industry`]: industryFor,
  [`${details}.address.regionCode`]: asText,
  [`${details}.address.administrativeArea`]: asText,
  [`${details}.address.locality`]: asText,
  [`${details}.address.postalCode`]: asText,
  [`${details}.address.addressLines`]: streetFor,
};
const isReadable = (path: string): path is Path => Object.hasOwn(readers, path);
const readable = Object.keys(readers).filter(isReadable);

/** The draft as it would be with Google's values. */
const withValues = (draft: ShareDraft, values: readonly TheirValue[]): ShareDraft => {
  const parted = (prefix: string) =>
    Object.fromEntries(
      values
        .filter(({ field }) => field.startsWith("account.") === (prefix !== ""))
        .map(({ field, value }) => [field.slice(prefix.length), value]),
    );
  return {
    ...draft,
    opportunity: { ...draft.opportunity, ...parted("") },
    account: { ...draft.account, ...parted("account.") },
  };
};

export const theirsOf = (input: TheirsInput, target: Target): Theirs => {
  const { opportunity, document: theirs } = theirRecord(input.observation.body);
  const mine = documentOf(input.draft, target);
  const base = isObject(input.base) ? input.base : null;
  const agreed = [input.base, input.nextBase].filter(isObject);
  const values = readable.flatMap((path): readonly (TheirValue & { readonly path: Path })[] => {
    const value = theirs[path];
    const ours = value === undefined ? undefined : readers[path]?.(value, { draft: input.draft, target });
    if (value === undefined || ours === undefined) return [];
    const before = base === null ? null : remembered(base, path);
    const isNew =
      before !== null &&
      agreed.every((document) => remembered(document, path) !== markOf(path, value)) &&
      meaning(path, mine[path]) !== meaning(path, value);
    const isPersonal = typeof ours === "string" && scrub(ours) !== ours;
    const isEdit = isNew && !isPersonal;
    return [
      {
        path,
        field: ourFields[path],
        value: isPersonal ? scrub(ours) : ours,
        isEdit,
        isInformed: mine[path] === undefined || markOf(path, mine[path]) === before,
        base: isEdit ? remember({ [path]: value }) : {},
      },
    ];
  });
  const edits = values.filter((value) => value.isEdit);
  const after: Document = edits.length === 0 ? mine : documentOf(withValues(input.draft, edits), target);
  const at = new Date(opportunity.updateTime);
  return {
    at: Number.isNaN(at.getTime()) ? input.observation.seenAt : at,
    values: values.map(({ path, isEdit, ...value }) => ({
      ...value,
      isEdit: isEdit && meaning(path, after[path]) === meaning(path, theirs[path]),
    })),
  };
};
