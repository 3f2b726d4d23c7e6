/**
 * Refusals of AWS Marketplace → the product's faults. The Catalog refuses twice: at once, with status 422 and a list of fields, and
 * minutes later, change by change, in what DescribeChangeSet shows.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_StartChangeSet.html
 */
import type { Fault, Gap } from "../../../src/domain/fault.ts";
import { jsonOf, scrub } from "../../text.ts";
import { type Answer, type Asked, errorTypeOf, faultOf } from "../faults.ts";
import { refusedSchema, type WireChangeSet } from "./wire.ts";

export const offersDoc = "https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-private-offers.html";
const startDoc =
  "https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_StartChangeSet.html";

/** A change set holds its entities for some four minutes. */
const lockedMs = 60_000;
const gapsMax = 50;

/** Our field that a change type carries. */
const changeFields: Readonly<Record<string, string>> = {
  CreateOffer: "product",
  CreateReplacementOffer: "replaces",
  CreateOfferUsingResaleAuthorization: "fields.resaleAuthorization",
  CreateReplacementOfferUsingResaleAuthorization: "fields.resaleAuthorization",
  CreateResaleAuthorization: "channelPartner.account",
  CreateOfferSet: "fields.offerSet",
  ReleaseOfferSet: "fields.offerSet",
  UpdateInformation: "name",
  UpdateTargeting: "buyer.accounts",
  UpdateBuyerTargetingTerms: "buyer.accounts",
  UpdatePricingTerms: "price",
  UpdateMarkup: "fields.markupPercent",
  UpdatePaymentScheduleTerms: "schedule",
  UpdateNetPaymentTerms: "netDays",
  UpdateValidityTerms: "term",
  UpdateLegalTerms: "legal",
  UpdateSupportTerms: "fields.refundPolicy",
  UpdateRenewalTerms: "fields.autoRenewal",
  UpdateAvailability: "acceptBy",
};
/** Members of the details whose field is another than their change's. */
const memberFields: Readonly<Record<string, string>> = {
  Description: "description",
  Name: "name",
  PreExistingAgreement: "renewal",
  PreExistingBuyerAgreement: "renewal",
  CountryCodes: "buyer.countries",
  BuyerAccounts: "buyer.accounts",
  ProductId: "product",
  OfferSetId: "fields.offerSet",
};

interface Remedy {
  readonly field?: string;
  readonly code: Gap["code"];
  readonly fix: string;
}
const remedy = (code: Gap["code"], fix: string, field?: string): Remedy => ({
  code,
  fix,
  ...(field === undefined ? {} : { field }),
});
/** AWS's codes of what is wrong with a change → what to do. The list is open: an unknown one is told in AWS's words. */
const remedies: Readonly<Record<string, Remedy>> = {
  INVALID_BUYER_ACCOUNTS: remedy(
    "not_listed",
    "Ask the buyer for the twelve digits of their AWS account.",
    "buyer.accounts",
  ),
  INCOMPATIBLE_BUYER_ACCOUNTS: remedy(
    "not_allowed",
    "Buyers of a released offer stand: clone it for the other buyer, and withdraw this one.",
    "buyer.accounts",
  ),
  MISSING_BUYER_ACCOUNTS: remedy("required", "Ask the buyer for their AWS account.", "buyer.accounts"),
  TOO_MANY_BUYER_ACCOUNTS: remedy("too_long", "Make a second offer for the other accounts.", "buyer.accounts"),
  INVALID_COUNTRY_CODES: remedy("not_listed", "State countries as ISO 3166-1 alpha-2.", "buyer.countries"),
  INCOMPATIBLE_COUNTRY_CODES: remedy(
    "conflicting",
    "Leave out countries in which the product is not sold.",
    "buyer.countries",
  ),
  INVALID_TARGETING: remedy("not_allowed", "Check the buyer's accounts and countries.", "buyer.accounts"),
  INCOMPATIBLE_TARGETING: remedy(
    "conflicting",
    "A replacement goes to the buyer of the agreement; leave targeting out.",
    "buyer",
  ),
  INVALID_AVAILABILITY_END_DATE: remedy("in_the_past", "Set a last day to accept that lies ahead.", "acceptBy"),
  MISSING_AVAILABILITY_END_DATE: remedy("required", "Set the last day to accept.", "acceptBy"),
  INVALID_AGREEMENT_DURATION: remedy("bad_format", "Choose a term that the product is sold for.", "term.months"),
  INVALID_AGREEMENT_TIME_INTERVAL: remedy("conflicting", "Let the term end after it starts.", "term"),
  INVALID_AGREEMENT_START_DATE: remedy("conflicting", "Start after the last day to accept.", "term.start"),
  INCOMPATIBLE_AGREEMENT_START_DATE: remedy("conflicting", "Start after the last day to accept.", "term.start"),
  INVALID_AGREEMENT_END_DATE: remedy("conflicting", "End after the last day to accept.", "term.end"),
  INCOMPATIBLE_AGREEMENT_END_DATE: remedy("conflicting", "End after the last day to accept.", "term.end"),
  MISSING_AGREEMENT_END_DATE: remedy("required", "State the term as dates: a replacement needs its end.", "term.end"),
  INVALID_CHARGE_DATES: remedy("conflicting", "Put each charge between today and the end of the term.", "schedule"),
  DUPLICATE_CHARGE_DATES: remedy("conflicting", "Give each charge a day of its own.", "schedule"),
  TOO_MANY_CHARGES: remedy("too_long", "Use fewer charges.", "schedule"),
  TOO_MANY_BACKDATED_CHARGES: remedy(
    "conflicting",
    "Leave one charge on or before the last day to accept.",
    "schedule",
  ),
  INVALID_CURRENCY_CODE: remedy("not_listed", "Use USD, EUR, GBP, AUD or JPY; usage is priced in USD.", "price"),
  INCOMPATIBLE_CURRENCY_CODE: remedy("conflicting", "Use one currency throughout the offer.", "price"),
  INVALID_PAYMENT_DUE_PERIOD: remedy("not_listed", "Choose 15, 30, 45, 60, 90 or 120 days.", "netDays"),
  INCOMPATIBLE_PAYMENT_SETTINGS: remedy(
    "not_allowed",
    "Complete the payment settings in the Management Portal, then publish again.",
  ),
  INCOMPATIBLE_SELLER_VERIFICATION: remedy(
    "not_allowed",
    "Complete the seller's verification in the Management Portal, then publish again.",
  ),
  INVALID_TAX_INFORMATION: remedy(
    "not_allowed",
    "Complete the tax information in the Management Portal, then publish again.",
  ),
  INCOMPATIBLE_PRE_EXISTING_AGREEMENT: remedy(
    "conflicting",
    "Leave the renewal out, or correct what it renews.",
    "renewal",
  ),
  INCOMPATIBLE_MARKUP_PERCENTAGE: remedy(
    "conflicting",
    "State either a markup or prices and a schedule.",
    "fields.markupPercent",
  ),
  INCOMPATIBLE_RESALE_AUTHORIZATION: remedy(
    "conflicting",
    "Ask the manufacturer for an authorization that is active.",
    "fields.resaleAuthorization",
  ),
  INCOMPATIBLE_AGREEMENT: remedy(
    "conflicting",
    "Only an active agreement of this account can be replaced.",
    "replaces",
  ),
  INCOMPATIBLE_PRODUCT: remedy("not_allowed", "Check the product's listing, its dimensions and its public offer."),
  INCOMPATIBLE_TERMS: remedy("conflicting", "Check which terms go together."),
  DUPLICATE_TERM_TYPES: remedy("conflicting", "State each kind of price once.", "price"),
  MISSING_NAME: remedy("required", "Give the offer a name.", "name"),
  MISSING_DESCRIPTION: remedy("required", "Describe the offer.", "description"),
  MISSING_MANDATORY_TERMS: remedy("required", "State price, term and legal document."),
  MISSING_PRICE_INCREASE: remedy("required", "State the range of the price increase.", "fields.autoRenewal"),
  TOO_MANY_OFFERS: remedy("too_long", "Put the offer into another set.", "fields.offerSet"),
  INVALID_UPDATE_REQUEST: remedy(
    "not_allowed",
    "The offer is released and takes this change no more: clone it instead.",
  ),
};

const words = (text: string | null | undefined): string => scrub(text ?? "no reason given").slice(0, 500);

const gapOf = (changeType: string, code: string | null | undefined, message: string | null | undefined): Gap => {
  const known = remedies[code ?? ""];
  return {
    field: known?.field ?? changeFields[changeType] ?? "aws",
    code: known?.code ?? "not_allowed",
    message: `AWS refused ${changeType}${code ? ` (${scrub(code).slice(0, 80)})` : ""}: ${words(message)}`,
    fix: known?.fix ?? "Correct it as AWS says.",
    source: offersDoc,
  };
};

/** What DescribeChangeSet tells about each change that was refused. */
export const changeGaps = (set: WireChangeSet): readonly Gap[] =>
  (set.ChangeSet ?? [])
    .flatMap(({ ChangeType, ErrorDetailList }) =>
      (ErrorDetailList ?? []).map(({ ErrorCode, ErrorMessage }) => gapOf(ChangeType, ErrorCode, ErrorMessage)),
    )
    .slice(0, gapsMax);

/** Each change of a set with what became of it, for a person. */
const progressOf = (set: WireChangeSet): string =>
  (set.ChangeSet ?? [])
    .map(({ ChangeType, ErrorDetailList }) => {
      const codes = (ErrorDetailList ?? []).map(({ ErrorCode }) => ErrorCode ?? "refused").join(", ");
      return codes === "" ? `${ChangeType} not refused` : `${ChangeType} ${scrub(codes).slice(0, 200)}`;
    })
    .join("; ");

/** The fault of a change set that ended without success. `at` is what the set was to do. */
export const changeSetFault = (set: WireChangeSet): Fault => {
  const id = set.ChangeSetId;
  if (set.Status === "CANCELLED")
    return {
      kind: "rejected",
      message: `the change set ${id} was cancelled at AWS Marketplace; nothing of it was applied`,
      gaps: [],
    };
  // AWS's own failure: the same changes may pass next time.
  if (set.FailureCode === "SERVER_FAULT")
    return { kind: "unavailable", message: `AWS failed inside while it applied change set ${id}` };
  const description = set.FailureDescription ? `: ${words(set.FailureDescription)}` : "";
  return {
    kind: "rejected",
    message: `AWS did not apply change set ${id}${description}. Change by change: ${progressOf(set)}`.slice(0, 2_000),
    gaps: changeGaps(set),
  };
};

/** Why IAM, and not the record, says no. */
const isOfPolicy = (text: string): boolean =>
  /not authorized to perform|explicit deny|identity-based policy/i.test(text);

const validation = (asked: Asked, answer: Answer): Fault => {
  const body = refusedSchema.safeParse(jsonOf(answer.text)).data ?? {};
  const request = answer.requestId === null ? "" : ` (request ${answer.requestId})`;
  const ofCatalog = (body.ValidationExceptionFieldList ?? []).map(({ ChangeType, Field, Message }): Gap => {
    const member = (Field ?? "").split(/[^A-Za-z]+/).findLast((name) => Object.hasOwn(memberFields, name));
    const field = memberFields[member ?? ""] ?? changeFields[ChangeType ?? ""] ?? "aws";
    const place = [ChangeType, Field].filter((part) => part).join(" ");
    const message = `AWS refused ${place || "the request"}: ${words(Message)}`;
    return { field, code: "bad_format", message, fix: "Correct it as AWS says.", source: startDoc };
  });
  const text = words(body.Message ?? body.message);
  return {
    kind: "rejected",
    message: `AWS ${asked.operation}${request} refused it: ${text}`,
    gaps: ofCatalog.slice(0, gapsMax),
  };
};

/** The fault of a refusal by the Catalog or the Agreement API. `status` is not 2xx. */
export const marketplaceFaultOf = (asked: Asked, answer: Answer): Fault => {
  const type = errorTypeOf(answer);
  const body = refusedSchema.safeParse(jsonOf(answer.text)).data ?? {};
  const text = words(body.Message ?? body.message);
  const at = `AWS ${asked.operation}${answer.requestId === null ? "" : ` (request ${answer.requestId})`}`;
  const isWrite = asked.operation === "StartChangeSet";
  const ofProduct = (code: Gap["code"]): Fault => ({
    kind: "rejected",
    message: `${at} refused it: ${text}`,
    gaps: [
      {
        field: "product",
        code,
        message: `AWS: ${text}`,
        fix: "Name a product, agreement or authorization of this AWS account, as AWS Marketplace shows its id.",
        source: offersDoc,
      },
    ],
  });
  switch (type) {
    case "ResourceInUseException": {
      // A product, too, can be held by another change set.
      const retryAt = new Date(asked.now.getTime() + Math.max(lockedMs, (answer.retryAfterSeconds ?? 0) * 1_000));
      const message = `${at}: another change set is at work on it: ${text}`;
      return { kind: "throttled", message, retryAt: retryAt.toISOString() };
    }
    case "ValidationException":
      return validation(asked, answer);
    case "ResourceNotFoundException":
      return isWrite ? ofProduct("not_listed") : { kind: "missing", message: `${at}: ${text}` };
    case "ResourceNotSupportedException":
      return isWrite ? ofProduct("not_allowed") : { kind: "missing", message: `${at}: ${text}` };
    case "AccessDeniedException":
      if (isOfPolicy(text)) return faultOf(asked, answer);
      if (isWrite) return ofProduct("not_allowed");
      // Somebody else's record: to us it does not exist.
      return asked.operation.startsWith("Describe") || asked.operation.startsWith("Get")
        ? { kind: "missing", message: `${at}: ${text}` }
        : faultOf(asked, answer);
    default:
      return faultOf(asked, answer);
  }
};
