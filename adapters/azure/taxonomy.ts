/**
 * Microsoft's picklists of a referral, as dated data. Microsoft renews solution areas and plays every fiscal year without
 * publishing them in a form that programs can read, so a connection may state its own lists (`settings.taxonomy`): those bind,
 * while what these lists do not have is only pointed out.
 */

export const taxonomy = {
  /** The day on which the lists were last compared with their sources. */
  version: "2026-11-26",
  sources: {
    /** Codes of products, services and industries: documentation of 2019 to 2022, at a fixed commit. */
    requirements:
      "https://github.com/MicrosoftDocs/partner-rest/tree/5c30e90b8dbf96a284ac290d5192918b6954baa4/partner-rest/develop",
    /** Says that the taxonomy was renewed for FY26, and not what is in it: the names are as partners wrote them down. */
    solutions: "https://learn.microsoft.com/en-us/partner-center/developer/referral-resources",
  },
  solutionAreas: ["AI Business Solutions", "Cloud & AI Platforms", "Security"],
  solutionPlays: [
    "Converged Communications",
    "Copilot and Agents at Work",
    "Data Security",
    "ERP Transformation with AI",
    "Innovate with Azure AI Apps and Agents",
    "Innovate with Low Code AI and Agents",
    "Migrate and Modernize Your Estate",
    "Modern SecOps with Unified Platform",
    "Protect Cloud AI Platform and Apps",
    "Sales Transformation with AI",
    "Scale Business Operations with AI",
    "Scale with Cloud and AI Endpoints",
    "Secure AI Productivity",
    "Service Transformation with AI",
    "Unify Your Data Platform",
  ],
  products: (
    "Azure EnterpriseMobilityAndSecurity Exchange DeveloperTools Dynamics365Business Dynamics365Enterprise " +
    "DynamicsAX,GP,NAV,SL Microsoft365 Office PowerBI Project SharePoint SkypeForBusiness Surface SurfaceHub SQL Teams " +
    "Visio Windows Yammer"
  ).split(" "),
  services: (
    "ConsultingAndProfessional CustomSolution(ISV) DeploymentOrMigration Hardware Integration IPServices(ISV) " +
    "LearningAndCertification Licensing ManagedServices ProjectServices"
  ).split(" "),
  industries: [
    "Agriculture, Forestry, & Fishing",
    "Communications & Media",
    "Education",
    "Financial Services",
    "Government",
    "Healthcare",
    "Hospitality",
    "Manufacturing",
    "Power & Utilities",
    "Public Safety and National Security",
    "Retail & Consumer Goods",
    "Services",
    "Travel & Transportation",
    "Wholesale & Distribution",
  ],
} as const;

/** Sizes of a customer; the first three are older words that Microsoft still takes. */
export const customerSizes = [
  "1to50employees",
  "51to500employees",
  "Morethan500employees",
  "1to9employees",
  "10to50employees",
  "51to250employees",
  "251to1000employees",
  "1001to5000employees",
  "5001to10000employees",
  "10001to20000employees",
  "Morethan20000employees",
] as const;

/** How Microsoft is asked to take part: https://learn.microsoft.com/en-us/partner-center/developer/create-a-referral */
export const dealTypes = ["private", "partner_led", "co_sell"] as const;
export type DealType = (typeof dealTypes)[number];
/** Sharing cannot be undone, so a deal only ever goes up. */
export const rankOf = (type: DealType): number => dealTypes.indexOf(type);

/** What Microsoft is asked for: the connector contract MicrosoftPartnerServicePartnerReferralsContractsV3Referral. */
export const assistanceCodes = [
  "GeneralOrOther",
  "CustomerTechnicalArchitecture",
  "ProofOfConceptOrDemo",
  "QuotesOrLicensing",
  "PostSalesCustomerSuccess",
  "WorkloadSpecificValueProposition",
] as const;
