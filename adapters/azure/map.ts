/**
 * Pure translation of a draft into Microsoft's referral: the editable document for comparisons, and the whole referral for a
 * create. Picklist words are matched without regard to case and spacing; nothing else of a value is altered.
 */
import type { Contact, DealStage, Json, JsonObject, ShareDraft } from "../../src/domain/deal.ts";
import type { Involvement } from "../../src/domain/share-rule.ts";
import { listed, pick, pickAll, textOf, textsOf } from "../text.ts";
import { amountOf, type Document, type Path } from "./document.ts";
import { type Target, withDefaults } from "./settings.ts";
import { customerSizes, type DealType, dealTypes, taxonomy } from "./taxonomy.ts";
import { microsoftId } from "./wire.ts";

/**
 * Our stages → Partner Center's percentages; what is lost has none. The portal's names: Created and Accepted 10, Qualified
 * 20, Developed 40, Proposed 60, Negotiated 80, Won 100.
 */
export const stagePercents = {
  prospect: "10",
  qualified: "20",
  technical_validation: "40",
  business_validation: "60",
  committed: "80",
  launched: "100",
} as const satisfies Readonly<Partial<Record<DealStage, string>>>;
const hasPercent = (stage: DealStage): stage is keyof typeof stagePercents => Object.hasOwn(stagePercents, stage);

/** How the partner is asked to join → deal types. */
export const involvementWords = { co_sell: "co_sell", visibility: "partner_led" } as const satisfies Record<
  Involvement,
  DealType
>;

/** The deal type that the fields ask for; null where they name none. */
export const dealTypeOf = (fields: JsonObject): DealType | null => {
  const word = textOf(fields.dealType);
  if (typeof word !== "string") return null;
  const plain = word.toLowerCase().replace(/[\s-]+/g, "_");
  return dealTypes.find((type) => type === plain || type.replace("_", "") === plain) ?? null;
};

/** A yes or no of a programme field, also as CRMs export it. */
export const flagOf = (value: Json | undefined): boolean | null => {
  if (typeof value === "boolean") return value;
  const word = typeof value === "string" ? value.trim().toLowerCase() : "";
  return /^(yes|true)$/.test(word) ? true : /^(no|false)$/.test(word) ? false : null;
};

const personOf = (contact: Contact): JsonObject => ({
  ...(contact.firstName ? { firstName: contact.firstName } : {}),
  ...(contact.lastName ? { lastName: contact.lastName } : {}),
  ...(contact.phone ? { phoneNumber: contact.phone } : {}),
  email: contact.email,
  ...(contact.title ? { title: contact.title } : {}),
});
/** Our people in one role, or nothing where there are none. */
const peopleOf = (draft: ShareDraft, role: Contact["role"]): readonly JsonObject[] | undefined => {
  const people = draft.contacts.filter((contact) => contact.role === role);
  return people.length === 0 ? undefined : people.map(personOf);
};

/** The lists that a connection states for itself, or those of our taxonomy. */
export const areasOf = (target: Target): readonly string[] =>
  target.settings.taxonomy?.solutionAreas ?? taxonomy.solutionAreas;
export const playsOf = (target: Target): readonly string[] =>
  target.settings.taxonomy?.solutionPlays ?? taxonomy.solutionPlays;

const industriesOf = (draft: ShareDraft, fields: JsonObject): Json | undefined => {
  if (fields.industries !== undefined) return pickAll(fields.industries, taxonomy.industries);
  const industry = listed(draft.account.industry ?? "", taxonomy.industries);
  return taxonomy.industries.some((known) => known === industry) ? [industry] : undefined;
};

const moneyOf = (draft: ShareDraft): Json | undefined => {
  const { amount } = draft.opportunity;
  const decimal = amountOf(amount?.amount);
  return !amount || decimal === null ? undefined : { amount: decimal, currency: amount.currency };
};

/** Our side of the document. An empty field of the CRM says nothing (theirs is kept); a programme field set to null clears. */
export const documentOf = (draft: ShareDraft, target: Target): Document => {
  const fields = withDefaults(target, draft.fields);
  const { opportunity, account } = draft;
  const { stage } = opportunity;
  const isLost = stage === "closed_lost";
  const entries: { readonly [P in Path]: Json | undefined } = {
    name: opportunity.title,
    externalReferenceId: opportunity.key,
    "customer.name": account.name,
    "customer.street": account.street ?? undefined,
    "customer.city": account.city ?? undefined,
    "customer.state": account.state ?? undefined,
    "customer.postalCode": account.postalCode ?? undefined,
    "customer.country": account.country ?? undefined,
    "customer.size": pick(fields.customerSize, customerSizes),
    "customer.duns": account.duns ?? undefined,
    "customer.team": peopleOf(draft, "customer"),
    consentToContact: flagOf(fields.consentToContact) ?? undefined,
    notes: textOf(opportunity.problem ?? undefined),
    value: moneyOf(draft),
    closing: opportunity.closeDate ?? undefined,
    solutions: textsOf(fields.solutions),
    industries: industriesOf(draft, fields),
    products: pickAll(fields.products, taxonomy.products),
    services: pickAll(fields.services, taxonomy.services),
    team: peopleOf(draft, "owner"),
    campaignId: textOf(fields.campaignId),
    partnerRole: textOf(fields.partnerRole),
    solutionArea: pick(fields.solutionArea, areasOf(target)),
    solutionPlay: pick(fields.solutionPlay, playsOf(target)),
    salesStage: textOf(fields.salesStage) ?? (hasPercent(stage) ? stagePercents[stage] : undefined),
    end: stage === "launched" ? "Won" : isLost ? "Lost" : undefined,
    reason: isLost ? (opportunity.lostReason ?? undefined) : undefined,
  };
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
};

/** A solution as a referral names it. */
export const solutionEntry = (id: string, target: Target): JsonObject => {
  const name = target.settings.solutions.find((solution) => solution.id.toLowerCase() === id.toLowerCase())?.name;
  return name === undefined ? { id, type: "Name" } : { id, name, type: "Name" };
};

const some = (members: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, value]])),
  );
const idsOf = (value: Json | undefined): Json | undefined =>
  Array.isArray(value) ? value.map((id: Json) => ({ id })) : undefined;

/** The members that our referral and Microsoft's have in common. */
const sharedMembers = (draft: ShareDraft, target: Target): JsonObject => {
  const document = documentOf(draft, target);
  const money = moneyOf(draft);
  const { amount, currency } = typeof money === "object" && money !== null && "amount" in money ? money : {};
  const duns = document["customer.duns"];
  const solutions = textsOf(document.solutions) ?? [];
  const type = dealTypeOf(withDefaults(target, draft.fields));
  return {
    name: draft.opportunity.title,
    externalReferenceId: draft.opportunity.key,
    status: "New",
    substatus: "Pending",
    qualification: "SalesQualified",
    customerProfile: {
      ...some({ name: document["customer.name"], size: document["customer.size"] }),
      address: some({
        addressLine1: document["customer.street"],
        city: document["customer.city"],
        state: document["customer.state"],
        postalCode: document["customer.postalCode"],
        country: document["customer.country"],
      }),
      team: document["customer.team"] ?? [],
      ids: duns === undefined || duns === null ? [] : [{ profileType: "Duns", id: duns }],
    },
    consent: {
      // Nobody's leave is made up: what was not said is no.
      consentToContact: document.consentToContact === true,
      consentToToShareInfoWithOthers: type !== "private",
      consentToShareReferralWithMicrosoftSellers: type !== "private",
    },
    details: {
      ...some({
        notes: document.notes,
        // A number, as documents have it in a create; the rules let only those pass that a number holds exactly.
        dealValue: typeof amount === "string" ? Number(amount) : undefined,
        currency,
        closingDateTime: typeof document.closing === "string" ? `${document.closing}T00:00:00Z` : undefined,
      }),
      requirements: some({
        industries: idsOf(document.industries),
        products: idsOf(document.products),
        services: idsOf(document.services),
        solutions: solutions.map((id) => solutionEntry(id, target)),
      }),
    },
    team: document.team ?? [],
    ...some({
      campaignId: document.campaignId,
      partnerRole: document.partnerRole,
      solutionArea: document.solutionArea,
      solutionPlay: document.solutionPlay,
    }),
  };
};

/** Our own referral as it is created. https://learn.microsoft.com/en-us/partner-center/developer/create-a-referral */
export const ownReferral = (draft: ShareDraft, target: Target): JsonObject => {
  const fields = withDefaults(target, draft.fields);
  const type = dealTypeOf(fields);
  const [solution] = textsOf(fields.solutions) ?? [];
  // A deal that is won already is created open: Won comes when registration lets it.
  const stage = draft.opportunity.stage === "launched" ? stagePercents.committed : documentOf(draft, target).salesStage;
  return {
    ...sharedMembers(draft, target),
    type: type === "co_sell" ? "Shared" : "Independent",
    ...(type === "partner_led" ? { direction: "Outgoing" } : {}),
    ...(type === "co_sell" && solution !== undefined ? { target: [{ type: "SolutionProfile", id: solution }] } : {}),
    ...some({ salesStage: stage, mpnId: target.settings.mpnId }),
  };
};

/** Microsoft's referral in the same engagement, which asks for help. Its engagement is set when it is sent. */
export const microsoftReferral = (draft: ShareDraft, target: Target): JsonObject => {
  const fields = withDefaults(target, draft.fields);
  const notes = textOf(fields.helpNotes) ?? draft.opportunity.problem ?? undefined;
  return {
    ...sharedMembers(draft, target),
    type: "Shared",
    organizationId: microsoftId,
    organizationName: "Microsoft",
    target: [{ type: "BusinessProfileLocation", id: microsoftId }],
    inviteContext: some({ notes, assistanceRequestCode: textOf(fields.assistanceRequestCode) ?? "GeneralOrOther" }),
  };
};
