/** What a person reports of the partner's record, read strictly: a report, or each thing wrong with it, where and how to mend it. */
import type { PartnerOwner, PartnerStatus, PartnerWord, Told } from "./by-hand.ts";
import { wordIn } from "./by-hand.ts";
import { absorb, type Share } from "./deal.ts";
import type { ShareState } from "./machine.ts";
import { nearest } from "./nearest.ts";

/** A report as it was typed. Null, absent and empty mean: not told. */
export interface Report {
  readonly status?: string | null | undefined;
  readonly stage?: string | null | undefined;
  readonly owner?: string | null | undefined;
  readonly reason?: string | null | undefined;
  readonly date?: string | null | undefined;
}
export interface Misfit {
  readonly field: keyof Report | "number" | "form";
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}
/** What of a programme reading a report needs. */
export interface Words {
  readonly statuses: readonly [PartnerStatus, ...PartnerStatus[]];
  readonly stages: readonly PartnerWord[];
}

/** Days are the reporter's own: it may be tomorrow there already. */
const aheadMs = 24 * 3_600_000;

/**
 * Reads a report. Without a status it is about one that has the status `assumed`; without a date it is of now. Words that the
 * programme does not have are refused with the list of those that it has.
 */
export const readTold = (
  typed: Report,
  words: Words,
  at: { readonly now: Date; readonly assumed: PartnerStatus },
): { readonly told: Told } | { readonly misfits: readonly Misfit[] } => {
  const status = given(typed.status) === null ? at.assumed : readWord("status", typed.status, words.statuses);
  const stage = given(typed.stage) === null ? null : readWord("stage", typed.stage, words.stages);
  const owner = readOwner(given(typed.owner));
  const date = readDate(given(typed.date), at.now);
  if (isMisfit(status) || isMisfit(stage) || isMisfit(owner) || isMisfit(date))
    return { misfits: [status, stage, owner, date].filter(isMisfit) };
  return { told: { status, stage: stage?.word ?? null, owner, reason: given(typed.reason), at: date } };
};

const isMisfit = (part: unknown): part is Misfit => typeof part === "object" && part !== null && "fix" in part;
const given = (text: string | null | undefined): string | null => {
  const trimmed = text?.trim() ?? "";
  return trimmed === "" ? null : trimmed;
};

const readWord = <Word extends PartnerWord>(
  field: "status" | "stage",
  typed: string | null | undefined,
  words: readonly Word[],
): Word | Misfit => {
  const word = given(typed) ?? "";
  const known = wordIn(words, word);
  if (known !== null) return known;
  const names = words.map((one) => one.word);
  const near = nearest(word, names);
  return {
    field,
    code: "not_listed",
    message: `${shown(word)} is no ${field} of this programme${near === null ? "" : `; ${near} is`}`,
    fix: names.length === 0 ? "leave it empty: this programme has none" : `use one of ${names.join(", ")}`,
  };
};
const shown = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);

/** `Jane Doe <jane@partner.example>`, an address alone, or a name alone. The value is never repeated: it is a person. */
const readOwner = (typed: string | null): PartnerOwner | null | Misfit => {
  if (typed === null) return null;
  const both = /^(?<name>[^<>@]*?)\s*<(?<email>[^<>@\s]+@[^<>@\s]+)>$/.exec(typed)?.groups;
  if (both !== undefined) return { name: both.name === "" ? null : (both.name ?? null), email: both.email ?? null };
  if (/^[^<>@\s]+@[^<>@\s]+$/.test(typed)) return { name: null, email: typed };
  if (!/[<>@]/.test(typed)) return { name: typed, email: null };
  return {
    field: "owner",
    code: "bad_format",
    message: "this is neither a name nor an e-mail address",
    fix: "write a name, an address, or both as Jane Doe <jane@partner.example>",
  };
};

const readDate = (typed: string | null, now: Date): string | Misfit => {
  if (typed === null) return now.toISOString();
  const bad = (code: string, message: string): Misfit => ({
    field: "date",
    code,
    message,
    fix: "write the day as 2027-03-31 or the time as 2027-03-31T09:30:00Z, or leave it empty for now",
  });
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(typed);
  const at = new Date(isDay ? `${typed}T00:00:00Z` : typed);
  if (!isDay && !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z$/.test(typed))
    return bad("bad_format", `${shown(typed)} is neither a day nor a time in UTC`);
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== typed.slice(0, 10))
    return bad("bad_format", `${shown(typed)} is a day or time that does not exist`);
  if (at.getTime() > now.getTime() + aheadMs) return bad("in_the_future", `${shown(typed)} has not come yet`);
  return isDay ? typed : at.toISOString();
};

/** What a report does to a share: where it leads, or why it cannot be. */
export const outcomeOf = (
  share: Pick<Share, "state">,
  told: Told,
  isOlder: boolean,
): { readonly outcome: "moved" | "noted" | "older"; readonly state: ShareState } | { readonly misfit: Misfit } => {
  if (isOlder) return { outcome: "older", state: share.state };
  const rows = absorb(share.state, told.status.event);
  const to = rows?.at(-1)?.[2];
  if (rows !== null) return { outcome: to === undefined ? "noted" : "moved", state: to ?? share.state };
  return {
    misfit: {
      field: "status",
      code: "conflicting",
      message: `${told.status.word} (${told.status.means}) cannot follow: the share is ${share.state}`,
      fix: "check the number and the status; where a record that has ended lives again at the partner, share the deal again",
    },
  };
};
