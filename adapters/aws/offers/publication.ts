/** What is done to an offer at AWS, as writes: published, moved, taken back. Each is one change set. Pure. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { OfferChange, OfferDraft } from "../../../src/domain/offer.ts";
import type { Next, Outcome, Write } from "../../contract.ts";
import { publishKey } from "./change-sets.ts";
import { availabilityChange, type Change, publicationChanges, restrictionChange, typeOfId } from "./changes.ts";
import { plusDays } from "./dates.ts";

const nameCharactersMax = 100;
/** AWS lists change sets by their exact name: it carries our mark, and what makes this change another than one before. */
export const changeSetName = (verb: string, marker: string, detail = ""): string =>
  `cosell ${verb} ${marker}${detail === "" ? "" : ` ${detail}`}`
    .replace(/[^\w\s+=.:@-]/g, "-")
    .slice(0, nameCharactersMax);

const write = (key: string, name: string, changes: readonly Change[]): Write => ({
  operation: "StartChangeSet",
  key,
  body: { ChangeSetName: name, Intent: "APPLY", ChangeSet: [...changes] },
  token: "partner-keeps",
});

/** A change set that failed at once is polled too: the poll is what tells the engine why. */
const following = (done: readonly Outcome[], key: string): Next | null => {
  const begun = done.findLast((outcome) => outcome.key === key);
  if (begun === undefined) return null;
  return begun.task === null || begun.task.state === "done" ? { kind: "done" } : { kind: "poll", outcome: begun };
};

/** The next step of a publication. A change set that AWS refused happens again under the same key, with a token of its own. */
export const nextPublication = (draft: OfferDraft, done: readonly Outcome[]): Next =>
  following(done, publishKey) ?? {
    kind: "write",
    write: write(publishKey, changeSetName("publish", draft.marker), publicationChanges(draft)),
  };

/** The body of AWS's own dry run of a publication, without its name. */
export const rehearsalBody = (draft: OfferDraft): JsonObject => ({
  Intent: "VALIDATE",
  ChangeSet: [...publicationChanges(draft)],
});

/** Keys name the version that is changed: the same day may be set again after another was. */
export const nextExtension = (
  { draft, ref, observation }: OfferChange,
  acceptBy: string,
  done: readonly Outcome[],
): Next => {
  const key = `extend:${acceptBy}:${observation.version}`;
  const next = following(done, key);
  if (next !== null) return next;
  if (observation.acceptBy === acceptBy) return { kind: "done" };
  const name = changeSetName("extend", draft.marker, `${acceptBy} of ${observation.version}`);
  return { kind: "write", write: write(key, name, [availabilityChange(ref.id, acceptBy)]) };
};

/** An offer is taken back by letting it end yesterday; a resale authorization is restricted. */
export const nextWithdrawal = ({ draft, ref, observation }: OfferChange, done: readonly Outcome[]): Next => {
  const key = `withdraw:${observation.version}`;
  const next = following(done, key);
  if (next !== null) return next;
  if (observation.event === "withdrawn" || observation.event === "expired") return { kind: "done" };
  const isAuthorization = typeOfId(ref.id) === typeOfId("resaleauthz-");
  const change = isAuthorization ? restrictionChange(ref.id) : availabilityChange(ref.id, plusDays(draft.today, -1));
  const name = changeSetName("withdraw", draft.marker, `of ${observation.version}`);
  return { kind: "write", write: write(key, name, [change]) };
};
