/**
 * What Google's two co-sell resources are made of, as tables: member, type, and which members only Google writes.
 * Cloud Channel: https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities
 * Cloud CRM Partners: https://developers.google.com/cloud-crm-partners/reference/rest/v1/partners.leads and .../partners.opportunities
 *
 * A type is a scalar of proto3's JSON mapping, the name of a message or the name of an enum; `[]` behind it means a list.
 * A `!` in front marks what is output only.
 */

type Members = Readonly<Record<string, string>>;

const date: Members = { year: "int32", month: "int32", day: "int32" };
const money: Members = { currencyCode: "string", units: "int64", nanos: "int32" };
/** https://github.com/googleapis/googleapis/blob/master/google/type/postal_address.proto */
const postalAddress: Members = {
  revision: "int32",
  regionCode: "string",
  languageCode: "string",
  postalCode: "string",
  sortingCode: "string",
  administrativeArea: "string",
  locality: "string",
  sublocality: "string",
  addressLines: "string[]",
  recipients: "string[]",
  organization: "string",
};

const channel: Readonly<Record<string, Members>> = {
  Opportunity: {
    name: "!string",
    customerDisplayName: "!string",
    state: "State",
    stateDescription: "!string",
    stage: "Stage",
    owner: "!string",
    ownerEmail: "!string",
    creationDate: "!Date",
    creatorEmail: "!string",
    source: "!Source",
    opportunityInfo: "OpportunityInfo",
    qualificationInfo: "QualificationInfo",
    customerInfo: "CustomerInfo",
    isvSolutionConnectInfo: "IsvSolutionConnectInfo",
    partnerInfo: "PartnerInfo",
    salesCycle: "SalesCycle",
    winLossInfo: "WinLossInfo",
    opportunityLines: "OpportunityLine[]",
    opportunityTeamMembers: "OpportunityTeamMember[]",
    customerContacts: "CustomerContact[]",
    rebateExtensions: "RebateExtension[]",
    createTime: "!timestamp",
    updateTime: "!timestamp",
    referenceOpportunityId: "string",
    opportunityType: "OpportunityType",
    submitterEmail: "string",
  },
  OpportunityInfo: {
    partnerEntity: "string",
    indirectPartnerEntity: "string",
    displayName: "string",
    description: "string",
    productFamily: "ProductFamily[]",
    productCategory: "ProductCategory[]",
    confidential: "bool",
    gcpWatermark: "string",
    opportunityAmount: "Money",
  },
  QualificationInfo: {
    dealNumber: "!string",
    operationType: "OperationType",
    contractLengthMonths: "int32",
    quantity: "int32",
    dealSize: "Money",
    estimatedCloseDate: "Date",
    publicSector: "bool",
    budget: "Budget",
    authority: "Authority",
    need: "Need",
    timeline: "Timeline",
    campaignCode: "string",
    msspDeal: "bool",
    legalLanguageAccepted: "bool",
    decisionPhase: "DecisionPhase",
  },
  CustomerInfo: { customerDetails: "CustomerDetails", contact: "Contact", region: "Region" },
  CustomerDetails: {
    organizationName: "string",
    domain: "string",
    address: "PostalAddress",
    industry: "Industry",
    employeeCount: "int32",
  },
  Contact: { givenName: "string", familyName: "string", email: "string", phone: "PhoneNumber" },
  PhoneNumber: { e164Number: "string", shortCode: "ShortCode", extension: "string" },
  ShortCode: { regionCode: "string", number: "string" },
  IsvSolutionConnectInfo: {
    isvSolutionConnectDeal: "bool",
    customerContactRequested: "bool",
    supportLevel: "SupportLevel",
    contractVehicle: "ContractVehicle",
    deliveryModel: "DeliveryModel",
    notes: "string",
    nextStep: "string",
  },
  PartnerInfo: {
    incentiveEligibility: "bool",
    incentiveType: "IncentiveType",
    contractExpiryDate: "Date",
    rebateExpirationDate: "Date",
    distributor: "string",
    subBillingAccountId: "string",
    extensionsCount: "int32",
    gcpProjectNumbers: "int64[]",
    submittedDate: "!Date",
    approvedDate: "!Date",
    approveTime: "!timestamp",
  },
  SalesCycle: {
    closeDate: "Date",
    partnerReadyToClose: "PartnerCloseStage",
    closeDatePushCount: "int32",
    prmSiteDetails: "string",
  },
  WinLossInfo: {
    lostReason: "string",
    lostMainReason: "string",
    lostRejectedReasonDetails: "string",
    winMainReason: "string",
    wonReason: "string",
    winLossProducts: "string",
    winLossAdditionalContext: "string",
  },
  OpportunityLine: {
    displayName: "string",
    quantity: "int32",
    salesPrice: "Money",
    listPrice: "Money",
    totalPrice: "Money",
    metric: "string",
    description: "string",
  },
  OpportunityTeamMember: { name: "string", email: "string", accessLevel: "AccessLevel" },
  CustomerContact: { givenName: "string", familyName: "string", title: "string", role: "Role", primary: "bool" },
  RebateExtension: {
    requestNumber: "string",
    extensionReason: "ExtensionReason",
    extensionStatus: "ExtensionStatus",
    extensionRejectionReason: "ExtensionRejectionReason",
    comments: "string",
  },
  Date: date,
  Money: money,
  PostalAddress: postalAddress,
};

const crm: Readonly<Record<string, Members>> = {
  Lead: {
    name: "!string",
    engagementModel: "EngagementModel",
    dealTransactionType: "DealTransactionType",
    customer: "Customer",
    partnerAnnualContractValue: "double",
    leadCurrencyCode: "string",
    estimatedCloseDate: "Date",
    dealTerm: "string",
    opportunitySummary: "string",
    supportLevel: "SupportLevel",
    productInterests: "ProductFamily[]",
    leadStatus: "!LeadState",
    leadApprovalStatus: "!ApprovalState",
    submitterEmail: "string",
    submittedTime: "!timestamp",
    rejectionComments: "!string",
    approvalNotes: "!string",
    externalSystemId: "string",
    description: "string",
    title: "string",
    customerContactRequested: "bool",
    deliveryModel: "DeliveryModel",
    contractVehicle: "ContractVehicle",
    isvSolutionConnectDeal: "bool",
    rejectionReason: "!RejectionReason",
    leadSource: "LeadSource",
    createDate: "!Date",
    budget: "Budget",
    timeline: "Timeline",
    authority: "Authority",
    need: "Need",
    isPublicTender: "bool",
    isConfidential: "bool",
  },
  LeadOpportunity: {
    name: "!string",
    lead: "!string",
    owner: "!ContactDetails",
    notes: "string",
    nextSteps: "string",
    dealSize: "double",
    dealCurrencyCode: "!string",
    closeDate: "Date",
    sourceSystem: "!SourceSystem",
    salesStage: "SalesStage",
    winProbability: "!int64",
    productFamily: "!ProductFamily",
    termMonths: "int64",
    customer: "!Customer",
    qualificationState: "QualificationState",
    externalSystemId: "string",
    createDate: "!Date",
    submitDate: "!Date",
    isConfidential: "bool",
    decisionPhase: "DecisionPhase",
  },
  ContactDetails: { givenName: "string", familyName: "string", email: "string", phone: "string" },
  /** The page names the type and not its members: any object is taken. */
  Customer: { "*": "json" },
  Date: date,
};

/**
 * What is known of an enum. `complete`: every value a client may send is documented. Elsewhere only some values were ever seen
 * in public, so what an operator does not list (`settings.enums`) is judged by its form.
 */
export interface Enumeration {
  readonly values: readonly string[];
  readonly complete: boolean;
}
const seen = (...values: readonly string[]): Enumeration => ({ values, complete: false });
const all = (...values: readonly string[]): Enumeration => ({ values, complete: true });

const sharedEnums: Readonly<Record<string, Enumeration>> = {
  ProductFamily: seen("PRODUCT_FAMILY_UNSPECIFIED", "GOOGLE_CLOUD_PLATFORM"),
  SupportLevel: seen("SUPPORT_LEVEL_UNSPECIFIED", "ALIGN_SALES_ACCOUNT"),
  ContractVehicle: seen("CONTRACT_VEHICLE_UNSPECIFIED", "UNKNOWN"),
  DeliveryModel: seen("DELIVERY_MODEL_UNSPECIFIED", "SAAS_ON_GOOGLE_CLOUD"),
  Budget: seen("BUDGET_UNSPECIFIED", "EXACT_BUDGET_GIVEN"),
  Authority: seen("AUTHORITY_UNSPECIFIED", "CLEARLY_IDENTIFIED_PROCESS"),
  Need: seen("NEED_UNSPECIFIED", "COMPELLING_NEED"),
  Timeline: seen("TIMELINE_UNSPECIFIED", "SPECIFIC_DECISION_DATES_GIVEN"),
  DecisionPhase: seen("DECISION_PHASE_UNSPECIFIED"),
};
const channelEnums: Readonly<Record<string, Enumeration>> = {
  ...sharedEnums,
  State: all("STATE_UNSPECIFIED", "DRAFT", "SUBMITTED", "ACCEPTED", "REJECTED", "NOT_ACCEPTED"),
  /** QUALIFY, REFINE and CLOSED were seen; the names between are Google's field stages in this spelling by guess. */
  Stage: seen(
    "STAGE_UNSPECIFIED",
    "QUALIFY",
    "REFINE",
    "TECH_EVAL_SOLUTION_DEV",
    "PROPOSAL_NEGOTIATION",
    "MIGRATE",
    "CLOSED",
  ),
  Source: all("SOURCE_UNSPECIFIED", "PARTNER", "GOOGLE"),
  ProductCategory: seen("PRODUCT_CATEGORY_UNSPECIFIED"),
  OperationType: seen("OPERATION_TYPE_UNSPECIFIED", "NEW"),
  Region: seen("REGION_UNSPECIFIED", "NORTH_AMERICA"),
  Industry: seen("INDUSTRY_UNSPECIFIED", "SOFTWARE"),
  IncentiveType: seen("INCENTIVE_TYPE_UNSPECIFIED"),
  PartnerCloseStage: seen("PARTNER_CLOSE_STAGE_UNSPECIFIED"),
  OpportunityType: seen("OPPORTUNITY_TYPE_UNSPECIFIED"),
  AccessLevel: seen("ACCESS_LEVEL_UNSPECIFIED"),
  Role: seen("ROLE_UNSPECIFIED"),
  ExtensionReason: seen("EXTENSION_REASON_UNSPECIFIED", "OTHER_EXTENSION_REASON"),
  ExtensionStatus: seen("EXTENSION_STATUS_UNSPECIFIED", "SUBMITTED"),
  ExtensionRejectionReason: seen("EXTENSION_REJECTION_REASON_UNSPECIFIED"),
};
/** The values of this surface were cut off in every public copy: all but the unspecified ones are guesses. */
const crmEnums: Readonly<Record<string, Enumeration>> = {
  ...sharedEnums,
  EngagementModel: seen("ENGAGEMENT_MODEL_UNSPECIFIED"),
  DealTransactionType: seen("DEAL_TRANSACTION_TYPE_UNSPECIFIED"),
  LeadState: seen("STATE_UNSPECIFIED", "SUBMITTED", "CONVERTED", "CLOSED"),
  ApprovalState: seen("APPROVAL_STATE_UNSPECIFIED", "PENDING", "APPROVED", "REJECTED"),
  RejectionReason: seen("REJECTION_REASON_UNSPECIFIED"),
  LeadSource: seen("LEAD_SOURCE_UNSPECIFIED"),
  SourceSystem: seen("SOURCE_SYSTEM_UNSPECIFIED"),
  SalesStage: seen("SALES_STAGE_UNSPECIFIED", "QUALIFY", "REFINE", "CLOSED_WON", "CLOSED_LOST"),
  QualificationState: seen("QUALIFICATION_STATE_UNSPECIFIED", "QUALIFIED", "DISQUALIFIED"),
};

/** One API's types, and the proto package that its error messages name. */
export interface Catalogue {
  readonly package: string;
  readonly messages: Readonly<Record<string, Members>>;
  readonly enums: Readonly<Record<string, Enumeration>>;
}
export const channelCatalogue: Catalogue = {
  package: "google.cloud.channel.v1alpha1",
  messages: channel,
  enums: channelEnums,
};
export const crmCatalogue: Catalogue = {
  package: "google.cloud.crm.partners.v1",
  messages: crm,
  enums: crmEnums,
};

export interface Member {
  /** A scalar's, message's or enum's name. */
  readonly type: string;
  readonly isList: boolean;
  readonly isOutput: boolean;
}

/** The member called `name` of a message, or null. */
export const memberOf = (catalogue: Catalogue, message: string, name: string): Member | null => {
  const members = catalogue.messages[message];
  const text = members && Object.hasOwn(members, name) ? members[name] : members?.["*"];
  if (text === undefined) return null;
  const [, output = "", type = "", list = ""] = /^(!?)(\w+)((?:\[\])?)$/.exec(text) ?? [];
  return { type, isList: list !== "", isOutput: output !== "" };
};
/** The names of a message's members, in the table's order. */
export const memberNames = (catalogue: Catalogue, message: string): readonly string[] =>
  Object.keys(catalogue.messages[message] ?? {}).filter((name) => name !== "*");

/** proto3's JSON mapping takes both spellings of a name; documents here have the camel one. */
export const camel = (name: string): string =>
  name.replaceAll(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
/** The proto's own spelling, which Google's error messages use. */
export const snake = (path: string): string => path.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
