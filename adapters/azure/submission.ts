/**
 * A submission as data. A deal that is only recorded or seen takes one write; one that Microsoft is asked to help with takes two:
 * our referral, then Microsoft's in the same engagement. The second may fail after the first: both are journalled by the
 * engine, and both are looked for before they are repeated. Pure.
 * https://learn.microsoft.com/en-us/partner-center/developer/create-a-referral
 */
import type { Json, JsonObject, Observation, ShareDraft } from "../../src/domain/deal.ts";
import type { Next, Outcome, Write } from "../contract.ts";
import { listed, objectOf } from "../text.ts";
import { areasOf, dealTypeOf, documentOf, microsoftReferral, ownReferral, playsOf } from "./map.ts";
import { isInbound, microsoftsOf } from "./observation.ts";
import { type RecordRead, readRecord } from "./record.ts";
import { type Target, withDefaults } from "./settings.ts";

const typeOf = (draft: ShareDraft, target: Target) => dealTypeOf(withDefaults(target, draft.fields));

const createWrite = (draft: ShareDraft, target: Target): Write => ({
  operation: "CreateReferral",
  key: "create",
  body: {
    referral: ownReferral(draft, target),
    // A search for a lost create looks no further back: what is older is another share's.
    notBefore: draft.today,
  },
  token: "we-search",
});

const inviteWrite = (draft: ShareDraft, target: Target, own: Pick<Outcome["ref"], "id" | "arn">): Write => {
  const body: JsonObject = {
    own: own.id,
    // Null after a restore, where only the record's id is known: then it is read before the invitation is sent.
    engagementId: own.arn ?? null,
    referral: microsoftReferral(draft, target),
  };
  return { operation: "InviteMicrosoft", key: "invite", body, token: "we-search" };
};

/** The next step of a submission. `done` holds the confirmed outcomes of this share's generation; refused ones are not among them. */
export const nextStep = (draft: ShareDraft, done: readonly Outcome[], target: Target): Next => {
  const created = done.find(({ key }) => key === "create");
  if (created === undefined) return { kind: "write", write: createWrite(draft, target) };
  const isInvited = done.some(({ key }) => key === "invite");
  if (isInvited || typeOf(draft, target) !== "co_sell") return { kind: "done" };
  return { kind: "write", write: inviteWrite(draft, target, created.ref) };
};

/**
 * What their engagement lacks of how far we want to share: first Microsoft's sellers may see it, then Microsoft is asked. It only
 * ever goes up, and never for a deal that others brought or that is over.
 */
export const nextAddition = (
  draft: ShareDraft,
  observation: Observation,
  at: { readonly settled: ReadonlySet<string>; readonly target: Target },
): Write | null => {
  const record = readRecord(observation.body);
  const { referral, related, eTag } = record;
  const wanted = typeOf(draft, at.target);
  if (wanted === null || referral.status === "Closed") return null;
  if (isInbound(referral, at.target.settings.organizationId)) return null;
  const microsofts = microsoftsOf(related);
  const isSeen = referral.consent?.consentToShareReferralWithMicrosoftSellers === true;
  const isShared = referral.type === "Shared";
  const isLacking = !isSeen || (wanted === "co_sell" && !isShared);
  const key = `share:${wanted}`;
  if (wanted !== "private" && isLacking && !at.settled.has(key)) {
    const body: JsonObject = { id: referral.id, ifMatch: eTag, patch: shareAs(record, draft, at.target) };
    return { operation: "ShareReferral", key, body, token: "we-read" };
  }
  if (wanted !== "co_sell" || microsofts !== null || at.settled.has("invite")) return null;
  return inviteWrite(draft, at.target, { id: referral.id, arn: referral.engagementId ?? null });
};

/** What makes a referral seen by Microsoft's sellers and, where Microsoft is to be asked, one that others can join. */
const shareAs = ({ raw }: RecordRead, draft: ShareDraft, target: Target): readonly JsonObject[] => {
  const own = ownReferral(draft, target);
  const set = (name: string, value: Json | undefined): readonly JsonObject[] =>
    value === undefined ? [] : [{ op: raw[name] === undefined ? "add" : "replace", path: `/${name}`, value }];
  const consent: JsonObject = {
    ...objectOf(raw.consent),
    consentToToShareInfoWithOthers: true,
    consentToShareReferralWithMicrosoftSellers: true,
  };
  return own.type === "Shared"
    ? [...set("consent", consent), ...set("type", own.type), ...set("target", own.target)]
    : set("consent", consent);
};

/** What a person should know before a draft is sent. */
export const noticesOf = (draft: ShareDraft, target: Target): readonly string[] => {
  const fields = withDefaults(target, draft.fields);
  const type = dealTypeOf(fields);
  const document = documentOf(draft, target);
  const unlisted = (["solutionArea", "solutionPlay"] as const).flatMap((name) => {
    const value = document[name];
    const known = name === "solutionArea" ? areasOf(target) : playsOf(target);
    return typeof value !== "string" || known.includes(listed(value, known))
      ? []
      : [
          `azure.${name} ${JSON.stringify(value.slice(0, 80))} is not among the values known here; Microsoft renews them yearly and may refuse it.`,
        ];
  });
  const shared =
    type === null || type === "private"
      ? []
      : ["Sharing with Microsoft cannot be undone: once its sellers see the deal, they go on seeing it."];
  const asked =
    type === "co_sell"
      ? [
          "Microsoft's sellers have 14 days to accept. Asking does not guarantee that one joins.",
          "The customer's contact is told to Microsoft.",
        ]
      : [];
  const hold = target.settings.wonHoldHours;
  const early =
    type !== "private" && draft.opportunity.stage === "launched" && hold > 0
      ? [
          `The deal is won already. Microsoft hears so ${hold} hours after the referral is made: deal registration asks for that.`,
        ]
      : [];
  return [...shared, ...asked, ...early, ...unlisted];
};
