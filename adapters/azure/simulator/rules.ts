/**
 * What Partner Center lets a partner do with a referral, beyond its shape.
 * https://learn.microsoft.com/en-us/partner-center/developer/create-a-referral
 * https://learn.microsoft.com/en-us/partner-center/referrals/co-sell-faqs
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { at, isObject, listAt, objectAt, textAt } from "../../simulator/document.ts";
import { invalid, type Refusal } from "./answers.ts";
import type { Settings } from "./settings.ts";
import { isCountry, isCurrency, statusTable } from "./shapes.ts";

export const microsoftId = "msft";

const isStatus = (status: string): status is keyof typeof statusTable => Object.hasOwn(statusTable, status);
const hasAll = (person: Json, names: readonly string[]): boolean =>
  isObject(person) && names.every((name) => (textAt(person, name) ?? "").trim() !== "");

const isSharedWithMicrosoft = (document: JsonObject): boolean =>
  textAt(document, "type") === "Shared" || at(document, "consent.consentToShareReferralWithMicrosoftSellers") === true;

const sense = (document: JsonObject): readonly (Refusal | null)[] => {
  const country = textAt(document, "customerProfile.address.country");
  const currency = textAt(document, "details.currency");
  return [
    country !== null && isCountry(country)
      ? null
      : invalid("customerProfile.address.country", "The country must be a two-letter ISO 3166 code.", "InvalidCountry"),
    currency === null || isCurrency(currency)
      ? null
      : invalid("details.currency", "The currency must be an ISO 4217 code.", "InvalidCurrency"),
  ];
};
const solutionTrouble = (document: JsonObject, settings: Settings): Refusal | null => {
  const solutions = listAt(document, "details.requirements.solutions").filter(isObject);
  if (solutions.length === 0)
    return invalid(
      "details.requirements.solutions",
      "At least one solution that is co-sell ready, or one of Microsoft's, is required.",
      "SolutionRequired",
    );
  const { solutions: ready } = settings;
  const isKnown = (solution: JsonObject): boolean =>
    textAt(solution, "type") === "Category" || (ready?.includes(textAt(solution, "id") ?? "") ?? true);
  return solutions.some(isKnown)
    ? null
    : invalid("details.requirements.solutions", "None of the solutions is co-sell ready.", "SolutionNotCoSellReady");
};
const teamTrouble = (document: JsonObject): Refusal | null =>
  listAt(document, "team").some((person) => hasAll(person, ["firstName", "lastName", "email", "phoneNumber"]))
    ? null
    : invalid("team", "A team member with name, phone number and email is required.", "TeamRequired");

/** Refuses a new deal without a name. A replacement may leave it out, as Microsoft's sample does. */
export const checkName = (document: JsonObject): void => {
  if (textAt(document, "name") === null) throw invalid("name", "The name is required.", "NameRequired");
};

/** Refuses what a partner's own referral must not lack. */
export const checkOwn = (document: JsonObject, settings: Settings): void => {
  const isShared = isSharedWithMicrosoft(document);
  const hasSolution = listAt(document, "target").some(
    (target) => isObject(target) && textAt(target, "type") === "SolutionProfile",
  );
  throwFirst([
    ...sense(document),
    teamTrouble(document),
    isShared ? solutionTrouble(document, settings) : null,
    textAt(document, "type") === "Shared" && !hasSolution
      ? invalid("target", "A shared referral needs a target of type SolutionProfile.", "TargetRequired")
      : null,
  ]);
};

/** Refuses what a referral that asks Microsoft, or another partner, for help must not lack. */
export const checkInvitation = (document: JsonObject, settings: Settings): void => {
  const organizationId = textAt(document, "organizationId") ?? "";
  const isMicrosoft = organizationId === microsoftId;
  const isAimed = listAt(document, "target").some(
    (target) =>
      isObject(target) &&
      textAt(target, "type") === "BusinessProfileLocation" &&
      (!isMicrosoft || textAt(target, "id") === microsoftId),
  );
  const hasContact = listAt(document, "customerProfile.team").some((person) =>
    hasAll(person, ["firstName", "lastName", "email", "phoneNumber"]),
  );
  throwFirst([
    ...sense(document),
    teamTrouble(document),
    solutionTrouble(document, settings),
    isAimed ? null : invalid("target", "The target must be the invited organization's location.", "TargetRequired"),
    Object.keys(objectAt(document, "inviteContext")).length > 0
      ? null
      : invalid("inviteContext", "An invitation needs its context.", "InviteContextRequired"),
    hasContact
      ? null
      : invalid(
          "customerProfile.team",
          "A customer contact with name, phone number and email is required when help is requested.",
          "CustomerContactRequired",
        ),
    at(document, "consent.consentToToShareInfoWithOthers") === true
      ? null
      : invalid(
          "consent.consentToToShareInfoWithOthers",
          "The customer's consent to share is required.",
          "ConsentRequired",
        ),
  ]);
};

/** Refuses a pair of status and substatus that does not exist. */
export const checkStatus = (document: JsonObject): void => {
  const [status, substatus] = [textAt(document, "status") ?? "", textAt(document, "substatus") ?? ""];
  const words: readonly string[] = isStatus(status) ? statusTable[status].substatus : [];
  if (!words.includes(substatus))
    throw invalid("substatus", `The substatus ${substatus} is not allowed with status ${status}.`, "InvalidSubstatus");
};

/** Refuses what may not become of a partner's own referral. */
export const checkChange = (before: JsonObject, after: JsonObject, settings: Settings): void => {
  const [was, is] = [textAt(before, "status") ?? "", textAt(after, "status") ?? ""];
  if (was === "Closed") throw invalid("status", "The referral is closed and cannot be changed.", "ReferralClosed");
  checkStatus(after);
  const substatus = textAt(after, "substatus");
  const allowed: readonly string[] = isStatus(was) ? statusTable[was].to : [];
  const isAccepted = was === "New" && is === "Active";
  const shares = "consent.consentToShareReferralWithMicrosoftSellers";
  throwFirst([
    allowed.includes(is) ? null : invalid("status", `A referral cannot go from ${was} to ${is}.`, "InvalidTransition"),
    substatus === "Expired"
      ? invalid("substatus", "Only Microsoft lets a referral expire.", "InvalidTransition")
      : null,
    substatus === "Declined" && textAt(after, "statusReason") === null
      ? invalid("statusReason", "A declined referral needs a reason.", "StatusReasonRequired")
      : null,
    isAccepted && settings.referrals.acceptanceNeeds !== "nothing" ? acceptanceTrouble(after) : null,
    at(before, shares) === true && at(after, shares) !== true
      ? invalid(shares, "A deal that Microsoft's sellers have seen cannot be hidden from them again.", "CannotUnshare")
      : null,
    textAt(before, "type") === "Shared" && textAt(after, "type") !== "Shared"
      ? invalid("type", "A shared referral cannot become independent again.", "CannotUnshare")
      : null,
  ]);
};

const acceptanceTrouble = (document: JsonObject): Refusal | null => {
  const missing = ["name", "details.dealValue", "details.closingDateTime"].find(
    (path) => (at(document, path) ?? null) === null || at(document, path) === "",
  );
  return missing === undefined
    ? null
    : invalid(missing, `An accepted referral needs ${missing}.`, "AcceptanceIncomplete");
};

const throwFirst = (troubles: readonly (Refusal | null)[]): void => {
  const [first] = troubles.filter((trouble) => trouble !== null);
  if (first) throw first;
};
