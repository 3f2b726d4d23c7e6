/**
 * Work that a person does at the partner because no programme of ours may: the form they type, what is to be changed in it
 * later, and what they tell us of the record afterwards. Pure; no marketplace's words.
 */
import * as z from "zod";
import type { JsonObject, Observation, RemoteRef } from "./deal.ts";
import type { ShareEvent } from "./machine.ts";

/** Registering a deal, changing what was typed, taking it back. */
export const handKinds = ["create", "revise", "withdraw"] as const;
export type HandKind = (typeof handKinds)[number];

/** One field of the partner's form. */
export interface FormField {
  /** Path in our vocabulary, for example `account.website` or `gcp.deliveryModel`; unique within a form. */
  readonly field: string;
  /** What the partner's form calls it. */
  readonly label: string;
  /** What is to be typed or chosen there; empty: left empty. */
  readonly value: string;
  /** The part of the form that it stands in, where the form has parts. */
  readonly section?: string;
}

/** A field of a form as a person works on it: with what stands there now, where something is to be replaced. */
export const taskFieldSchema = z.object({
  field: z.string(),
  label: z.string(),
  value: z.string().describe("what is to be typed or chosen there; empty: to be left or made empty"),
  section: z.string().optional().describe("the part of the partner's form that it stands in"),
  was: z
    .string()
    .nullable()
    .optional()
    .describe("what stands there now, as far as we know; null: unknown; absent: nothing stands there yet"),
});
export type TaskField = z.infer<typeof taskFieldSchema>;

/** A word of the partner's that a person may report, and what it means. */
export interface PartnerWord {
  readonly word: string;
  readonly means: string;
}
export interface PartnerStatus extends PartnerWord {
  /** What it does to a share; null: nothing follows from it. */
  readonly event: ShareEvent | null;
}

export interface PartnerOwner {
  readonly name: string | null;
  readonly email: string | null;
}
/** What a person told us of the partner's record. Only the owner is personal. */
export interface Told {
  readonly status: PartnerStatus;
  /** One of the programme's words; null: not told. */
  readonly stage: string | null;
  readonly owner: PartnerOwner | null;
  /** What the partner says about it. */
  readonly reason: string | null;
  /** As of when: a day (YYYY-MM-DD) or a time (ISO 8601 in UTC). */
  readonly at: string;
}

/** The word as the programme writes it, whatever case, spaces and hyphens were used; null: none of the list. */
export const wordIn = <Word extends PartnerWord>(words: readonly Word[], given: string): Word | null =>
  words.find(({ word }) => plain(word) === plain(given)) ?? null;
const plain = (word: string): string =>
  word
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, "_");

/** Whether a report is of a later day or time than another. A day and a time within it are the same time. */
export const isLater = (a: string, b: string): boolean => {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length) > b.slice(0, length);
};

/**
 * What a person told, as an observation of the partner's record. `before`: the facts known so far; the stage holds until
 * another is told, and the reason as long as the status does.
 */
export const observationOf = (
  told: Told,
  of: { readonly ref: RemoteRef; readonly before: JsonObject; readonly seenAt: Date },
): Observation => {
  const { status, owner, at } = told;
  const { before } = of;
  const stage = told.stage ?? before.partnerStage;
  const reason = told.reason ?? (before.reviewStatus === status.word ? before.reviewComments : null);
  const facts: JsonObject = {
    reviewStatus: status.word,
    ...(stage == null ? {} : { partnerStage: stage }),
    ...(reason == null ? {} : { reviewComments: reason }),
    toldByHand: true,
  };
  return {
    ref: of.ref,
    version: at,
    event: status.event,
    facts,
    people: owner === null ? [] : [{ ...owner, title: null }],
    body: JSON.stringify({ ...told, status: status.word }),
    seenAt: of.seenAt,
  };
};

/** A form as it was typed, by field: what later changes are compared with. */
export type Typed = Readonly<Record<string, string>>;
export const typedOf = (form: readonly FormField[]): Typed =>
  Object.fromEntries(form.map(({ field, value }) => [field, value]));

export interface FormChange {
  /** Fields to change there now. */
  readonly fields: readonly TaskField[];
  /** Fields that the partner does not take now, with the reason. */
  readonly waiting: readonly { readonly field: string; readonly reason: string }[];
  /** What stands there once the fields are changed. */
  readonly next: Typed;
}

/**
 * What is to be changed at the partner so that its record says what the deal says. `typed`: what stands there now; null: we
 * do not know, so every field is listed. `frozen` tells why a field cannot be changed now.
 */
export const changesOf = (
  form: readonly FormField[],
  typed: Typed | null,
  frozen: (field: string) => string | null,
): FormChange => {
  const next: Record<string, string> = { ...typed };
  const fields: TaskField[] = [];
  const waiting: { field: string; reason: string }[] = [];
  for (const entry of form) {
    const was = typed === null ? null : (typed[entry.field] ?? "");
    if (was === entry.value) continue;
    const reason = frozen(entry.field);
    if (reason === null) {
      fields.push({ ...entry, was });
      next[entry.field] = entry.value;
    } else waiting.push({ field: entry.field, reason });
  }
  return { fields, waiting, next };
};
