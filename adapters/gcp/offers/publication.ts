/**
 * Private offers' writes as data. A published offer is a draft, its licence agreement, and `:publish`; a draft that Google would not
 * publish is mended and tried again. Google keeps no token of ours, so the draft carries our mark and is looked for before it is made.
 * Pure.
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { OfferChange, OfferDraft } from "../../../src/domain/offer.ts";
import type { Next, Outcome, Write } from "../../contract.ts";
import { jsonOf } from "../../text.ts";
import { privateOfferSchema } from "../wire-offers.ts";
import { endTimeOf } from "./civil.ts";
import { fingerprintOf } from "./compare.ts";
import { documentOf, writtenMembers } from "./document.ts";
import { type Market, offerFieldsOf } from "./settings.ts";
import { customAgreement, standardAgreement } from "./words.ts";

/** A version of the draft's content: how many there were before, and its fingerprint. `create` is the first. */
const contentKey = (count: number, fingerprint: string): string =>
  count === 0 ? `create:${fingerprint}` : `update:${count}:${fingerprint}`;
const agreementKey = (count: number, fingerprint: string): string => `agreement:${count}:${fingerprint}`;

interface Version {
  readonly count: number;
  readonly fingerprint: string;
}
const versionsIn = (done: readonly Outcome[], pattern: RegExp): readonly Version[] =>
  done
    .flatMap(({ key }) => {
      const match = pattern.exec(key);
      return match === null ? [] : [{ count: Number(match[1] ?? 0), fingerprint: match[2] ?? "" }];
    })
    .toSorted((a, b) => a.count - b.count);
const contents = /^(?:create|update:(\d+)):([0-9a-f]{16})$/;
const agreements = /^agreement:(\d+):([0-9a-f]{16})$/;

/** What an offer's licence agreement is, and where its PDF lies. */
const agreementOf = ({ terms: { legal, fields } }: OfferDraft): JsonObject =>
  legal?.kind === "custom"
    ? {
        documentType: customAgreement,
        url: legal.url ?? null,
        version: legal.version ?? null,
        sha256: offerFieldsOf(fields).documentSha256 ?? null,
      }
    : { documentType: standardAgreement };

const contentWrite = (
  draft: OfferDraft,
  market: Market,
  at: { readonly version: Version; readonly id: string | null },
): Write => {
  const { version, id } = at;
  const body: JsonObject = {
    project: market.project,
    marker: draft.marker,
    // The agreement that this offer amends; Google tells which of its offers that is when it is asked.
    replaces: draft.terms.replaces ?? null,
    document: documentOf(draft, market),
    plannedAt: draft.now.toISOString(),
  };
  const key = contentKey(version.count, version.fingerprint);
  return id === null
    ? { operation: "privateOffers.create", key, body, token: "we-search" }
    : {
        operation: "privateOffers.patch",
        key,
        body: { ...body, offer: id, updateMask: writtenMembers.join(",") },
        token: "we-read",
      };
};

/** The next thing to do, given what is confirmed so far. */
export const nextStep = (draft: OfferDraft, done: readonly Outcome[], market: Market): Next => {
  const published = done.find(({ key }) => key === "publish");
  if (published !== undefined)
    return published.task?.state === "running" ? { kind: "poll", outcome: published } : { kind: "done" };
  const document = documentOf(draft, market);
  const content = fingerprintOf({ document, replaces: draft.terms.replaces ?? null });
  const written = versionsIn(done, contents);
  const created = done.find(({ key }) => key.startsWith("create:"));
  const last = written.at(-1);
  if (created === undefined || last?.fingerprint !== content) {
    const version = { count: created === undefined ? 0 : (last?.count ?? 0) + 1, fingerprint: content };
    return { kind: "write", write: contentWrite(draft, market, { version, id: created?.ref.id ?? null }) };
  }
  const { id } = created.ref;
  const agreement = agreementOf(draft);
  const attached = versionsIn(done, agreements);
  const current = fingerprintOf(agreement);
  if (attached.at(-1)?.fingerprint !== current) {
    const key = agreementKey(attached.length, current);
    const body = { project: market.project, offer: id, agreement, isReplaced: attached.length > 0 };
    return { kind: "write", write: { operation: "privateOffers.documents.create", key, body, token: "we-read" } };
  }
  const body = { project: market.project, offer: id };
  return { kind: "write", write: { operation: "privateOffers.publish", key: "publish", body, token: "we-read" } };
};

/** Moves the last day to accept: the one thing that a published offer takes. */
export const nextExtension = (
  { ref }: OfferChange,
  acceptBy: string,
  at: { readonly done: readonly Outcome[]; readonly market: Market },
): Next => {
  const key = `extend:${acceptBy}`;
  if (at.done.some((outcome) => outcome.key === key)) return { kind: "done" };
  const body = {
    project: at.market.project,
    offer: ref.id,
    document: { acceptDeadlineTime: endTimeOf(acceptBy) },
    updateMask: "acceptDeadlineTime",
  };
  return { kind: "write", write: { operation: "privateOffers.patch", key, body, token: "we-read" } };
};

/** Takes an offer back: a published one is cancelled, a draft is deleted with its documents. */
export const nextWithdrawal = (
  { ref, observation }: OfferChange,
  { done, market }: { readonly done: readonly Outcome[]; readonly market: Market },
): Next => {
  if (done.some(({ key }) => key === "cancel" || key === "delete")) return { kind: "done" };
  const isDraft = privateOfferSchema.safeParse(jsonOf(observation.body)).data?.state === "DRAFT";
  const [operation, key] = isDraft ? ["privateOffers.delete", "delete"] : ["privateOffers.cancel", "cancel"];
  const body = { project: market.project, offer: ref.id };
  return { kind: "write", write: { operation, key, body, token: "we-read" } };
};
