/**
 * What Microsoft's side says of a share: our own referral, and Microsoft's in the same engagement. One table says what
 * status and substatus mean; a pair that it does not have is drift, never a guess.
 */
import type { JsonObject, Observation } from "../../src/domain/deal.ts";
import type { ShareEvent } from "../../src/domain/machine.ts";
import { scrub } from "../text.ts";
import { later } from "../timestamp.ts";
import { amountOf } from "./document.ts";
import type { DealType } from "./taxonomy.ts";
import { listOf, microsoftId, type WirePerson, type WireReferral } from "./wire.ts";

type Meaning = ShareEvent | "open";
/**
 * Status, substatus → what they mean for our referral and for Microsoft's. `open`: it stands, and the other one decides.
 * https://learn.microsoft.com/en-us/partner-center/developer/referral-resources
 */
export const statusTable: readonly (readonly [status: string, substatus: string, ours: Meaning, theirs: ShareEvent])[] =
  [
    ["New", "None", "open", "review_started"],
    ["New", "Pending", "open", "review_started"],
    ["New", "Received", "open", "review_started"],
    ["Active", "None", "open", "partner_accepted"],
    ["Active", "Accepted", "open", "partner_accepted"],
    ["Closed", "Won", "launched", "launched"],
    ["Closed", "Lost", "lost", "lost"],
    ["Closed", "Declined", "partner_declined", "partner_declined"],
    ["Closed", "Expired", "partner_declined", "partner_declined"],
  ];

const rowOf = ({ status, substatus }: Pick<WireReferral, "status" | "substatus">) =>
  statusTable.find(([known, detail]) => known === status && detail === (substatus || "None"));

/** The words of a referral's status that we do not know, or null. */
export const unknownWords = (referral: Pick<WireReferral, "status" | "substatus">): string | null =>
  rowOf(referral) === undefined
    ? `status ${JSON.stringify(scrub(referral.status ?? "none").slice(0, 40))} with substatus ${JSON.stringify(scrub(referral.substatus ?? "none").slice(0, 40))}`
    : null;

export const isMicrosofts = ({ organizationId }: Pick<WireReferral, "organizationId">): boolean =>
  organizationId?.toLowerCase() === microsoftId;

/** Whether somebody else brought the referral to us. */
export const isInbound = (referral: WireReferral, organizationId: string): boolean => {
  if (referral.direction === "Incoming" || referral.direction === "Outgoing") return referral.direction === "Incoming";
  const inviter = referral.inviteContext?.invitedBy?.organizationId;
  return Boolean(inviter) && inviter !== organizationId;
};

/** How far our referral is shared. */
export const sharedAs = (own: WireReferral, microsofts: WireReferral | null): DealType => {
  if (microsofts !== null || own.type === "Shared") return "co_sell";
  return own.consent?.consentToShareReferralWithMicrosoftSellers === true ? "partner_led" : "private";
};

export interface Engagement {
  readonly own: WireReferral;
  /** Microsoft's referral: the one that is not over, else the newest. */
  readonly microsofts: WireReferral | null;
  readonly related: readonly WireReferral[];
}
/** Microsoft's referral among those of an engagement. */
export const microsoftsOf = (related: readonly WireReferral[]): WireReferral | null => {
  const all = related
    .filter(isMicrosofts)
    .toSorted((a, b) => ((a.createdDateTime ?? "") < (b.createdDateTime ?? "") ? 1 : -1));
  return all.find(({ status }) => status !== "Closed") ?? all[0] ?? null;
};

/** What both referrals mean together: the end of ours counts first, then what Microsoft says of its own. */
const eventOf = ({ own, microsofts }: Engagement, isFromThem: boolean): ShareEvent => {
  const ours = rowOf(own)?.[2] ?? "open";
  if (ours !== "open") return ours;
  const theirs = microsofts === null ? null : (rowOf(microsofts)?.[3] ?? null);
  // Nobody was asked to join: it is stored, and nobody will decide.
  if (!isFromThem) return theirs ?? "partner_stored";
  // What they brought is agreed once we have accepted it: of their own side only its end says more.
  if (theirs === "launched" || theirs === "lost") return theirs;
  return own.status === "Active" ? "partner_accepted" : "partner_stored";
};

/** Whether a seller of Microsoft's took the deal on, now or before it ended. */
const isJoined = (microsofts: WireReferral | null): boolean =>
  microsofts?.status === "Active" || microsofts?.substatus === "Won" || Boolean(microsofts?.acceptedDateTime);

const shown = (text: string | null | undefined): string | null => (text ? scrub(text) : null);

/** Nobody at Microsoft decides about what only stands there: what to do is ours to say. */
const storedAdvice: Readonly<Record<DealType, string>> = {
  private: "Nothing: Microsoft's sellers do not see it. Set azure.dealType to partner_led or co_sell to share it.",
  partner_led: "Keep it current: Microsoft's sellers see it, and none was asked to join.",
  co_sell: "Wait: Microsoft has not been asked yet, or its answer cannot be seen.",
};

const factsOf = (engagement: Engagement, event: ShareEvent): JsonObject => {
  const { own, microsofts } = engagement;
  const dealType = sharedAs(own, microsofts);
  const word = (referral: WireReferral) => [referral.status, referral.substatus].filter(Boolean).join("/");
  const details = own.details ?? {};
  return {
    dealType,
    reviewStatus: microsofts === null ? word(own) : `Microsoft: ${word(microsofts)}`,
    reviewComments: shown(event === "partner_declined" ? (microsofts ?? own).statusReason : null),
    ownStatus: word(own),
    microsoftStatus: microsofts === null ? null : word(microsofts),
    microsoftCrmId: own.trackingInfo?.microsoftMsxId || microsofts?.trackingInfo?.microsoftMsxId || null,
    microsoftAcceptedAt: microsofts?.acceptedDateTime ?? null,
    microsoftAnswersBy: microsofts?.status === "New" ? (microsofts.expirationDateTime ?? null) : null,
    statusReason: shown(own.statusReason),
    engagementId: own.engagementId ?? null,
    salesStage: own.salesStage === undefined || own.salesStage === null ? null : String(own.salesStage),
    targetCloseDate: details.closingDateTime ?? null,
    dealValue: amountOf(details.dealValue),
    currency: details.currency ?? null,
    registrationStatus: own.registrationStatus ?? null,
    otherPartners: engagement.related.filter((other) => !isMicrosofts(other)).length,
    sellers: listOf(microsofts?.team).length,
    nextBestActions: event === "partner_stored" ? storedAdvice[dealType] : null,
  };
};

export interface Seen {
  readonly own: WireReferral;
  /** All others of the engagement. */
  readonly related: readonly WireReferral[];
  /** The raw JSON texts, as received. */
  readonly texts: { readonly own: string; readonly related: readonly string[] };
  readonly organizationId: string;
  readonly seenAt: Date;
}
/** Both sides as one Observation, or what of it we do not know. */
export const observationOf = (seen: Seen): Observation | { readonly unknown: string } => {
  const { own, related, texts, organizationId, seenAt } = seen;
  const microsofts = microsoftsOf(related);
  const engagement: Engagement = { own, microsofts, related };
  const odd = unknownWords(own) ?? (microsofts === null ? null : unknownWords(microsofts));
  if (odd !== null) return { unknown: odd };
  const version = [own, ...related].reduce<string | null>(
    (latest, referral) => later(latest, referral.updatedDateTime ?? referral.createdDateTime ?? null),
    null,
  );
  if (version === null) return { unknown: "a referral without updatedDateTime" };
  const event = eventOf(engagement, isInbound(own, organizationId));
  return {
    ref: { id: own.id, ...(own.engagementId ? { arn: own.engagementId } : {}) },
    version,
    event,
    isAcceptance: isInbound(own, organizationId) || isJoined(microsofts),
    related: related.map(({ id }) => id),
    facts: factsOf(engagement, event),
    people: listOf<WirePerson>(microsofts?.team).map((person) => ({
      email: person.email || null,
      name: [person.firstName, person.lastName].filter(Boolean).join(" ") || null,
      title: person.title || null,
    })),
    body: `{"referral":${texts.own},"related":[${texts.related.join(",")}]}`,
    seenAt,
  };
};
