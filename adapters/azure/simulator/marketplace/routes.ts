/** What the marketplace's hosts serve, how each operation counts, and where faults strike in its answers. */
import type { FaultFields } from "../../../simulator/departure.ts";
import type { Kind } from "../../../simulator/quotas.ts";
import { graphHost, ingestionPath, marketplaceHost } from "../../wire-offers.ts";
import { apiHost, centerHost, reportsHost } from "../credential.ts";

export const marketplaceOperations = [
  "Configure",
  "GetJobStatus",
  "GetJobDetail",
  "GetPrivateOffer",
  "QueryPrivateOffers",
  "ListProducts",
  "ListPlans",
  "GetPrices",
  "ResolveSubscription",
  "ListSubscriptions",
  "GetSubscription",
  "ActivateSubscription",
  "ChangeSubscription",
  "DeleteSubscription",
  "ListAvailablePlans",
  "ListOperations",
  "GetOperation",
  "AnswerOperation",
  "ListDatasets",
  "ListQueries",
  "CreateQuery",
  "ListReports",
  "CreateReport",
  "GetExecutions",
  "CreateExport",
  "GetExport",
  "GetReportFile",
] as const;
export type MarketplaceOperation = (typeof marketplaceOperations)[number];

const saas = "/api/saas/subscriptions";
const insights = "/insights/v1/cmp";
const payouts = "/v1\\.0/payouts/(transactionhistory|payments)";
export const reportPath = "/reports";
const path = (text: string): RegExp => new RegExp(`^${text}/?$`, "i");
export const marketplaceRoutes: readonly (readonly [
  host: string,
  method: string,
  path: RegExp,
  operation: MarketplaceOperation,
])[] = [
  [graphHost, "POST", path(`${ingestionPath}/configure`), "Configure"],
  [graphHost, "GET", path(`${ingestionPath}/configure/[^/]+/status`), "GetJobStatus"],
  [graphHost, "GET", path(`${ingestionPath}/configure/[^/]+`), "GetJobDetail"],
  [graphHost, "GET", path(`${ingestionPath}/private-offer/query`), "QueryPrivateOffers"],
  [graphHost, "GET", path(`${ingestionPath}/private-offer/(private-offer/)?[^/]+`), "GetPrivateOffer"],
  [graphHost, "GET", path(`${ingestionPath}/product`), "ListProducts"],
  [graphHost, "GET", path(`${ingestionPath}/plan`), "ListPlans"],
  [graphHost, "GET", path(`${ingestionPath}/price-and-availability-private-offer-plan/.+`), "GetPrices"],
  [marketplaceHost, "POST", path(`${saas}/resolve`), "ResolveSubscription"],
  [marketplaceHost, "GET", path(saas), "ListSubscriptions"],
  [marketplaceHost, "GET", path(`${saas}/[^/]+`), "GetSubscription"],
  [marketplaceHost, "PATCH", path(`${saas}/[^/]+`), "ChangeSubscription"],
  [marketplaceHost, "DELETE", path(`${saas}/[^/]+`), "DeleteSubscription"],
  [marketplaceHost, "POST", path(`${saas}/[^/]+/activate`), "ActivateSubscription"],
  [marketplaceHost, "GET", path(`${saas}/[^/]+/listAvailablePlans`), "ListAvailablePlans"],
  [marketplaceHost, "GET", path(`${saas}/[^/]+/operations`), "ListOperations"],
  [marketplaceHost, "GET", path(`${saas}/[^/]+/operations/[^/]+`), "GetOperation"],
  [marketplaceHost, "PATCH", path(`${saas}/[^/]+/operations/[^/]+`), "AnswerOperation"],
  [centerHost, "GET", path(`${insights}/ScheduledDataset`), "ListDatasets"],
  [centerHost, "GET", path(`${insights}/ScheduledQueries`), "ListQueries"],
  [centerHost, "POST", path(`${insights}/ScheduledQueries`), "CreateQuery"],
  [centerHost, "GET", path(`${insights}/ScheduledReport`), "ListReports"],
  [centerHost, "POST", path(`${insights}/ScheduledReport`), "CreateReport"],
  [centerHost, "GET", path(`${insights}/ScheduledReport/execution/[^/]+`), "GetExecutions"],
  [apiHost, "POST", path(payouts), "CreateExport"],
  [apiHost, "GET", path(`${payouts}/[^/]+`), "GetExport"],
  [reportsHost, "GET", path(`${reportPath}/[^/]+`), "GetReportFile"],
];

export const marketplaceKindsOfCall: Partial<Record<MarketplaceOperation, Kind>> = {
  Configure: "write",
  ActivateSubscription: "write",
  ChangeSubscription: "write",
  DeleteSubscription: "write",
  AnswerOperation: "write",
  CreateQuery: "write",
  CreateReport: "write",
  CreateExport: "write",
};

const subscription: FaultFields = { status: "saasSubscriptionStatus", vital: "id", list: "allowedCustomerOperations" };
export const marketplaceFields: Partial<Record<MarketplaceOperation, FaultFields>> = {
  Configure: { status: "jobStatus", vital: "jobId", list: "errors" },
  GetJobStatus: { status: "jobStatus", vital: "jobStatus", list: "errors" },
  GetJobDetail: { status: "state", vital: "id", list: "pricing" },
  GetPrivateOffer: { status: "state", vital: "id", list: "pricing" },
  QueryPrivateOffers: { status: "value.state", vital: "value.id", list: "value" },
  ListProducts: { vital: "value.id", list: "value" },
  ListPlans: { vital: "value.id", list: "value" },
  ResolveSubscription: { status: "subscription.saasSubscriptionStatus", vital: "id" },
  GetSubscription: subscription,
  ListSubscriptions: {
    status: "subscriptions.saasSubscriptionStatus",
    vital: "subscriptions.id",
    list: "subscriptions",
  },
  ListAvailablePlans: { vital: "plans.planId", list: "plans" },
  ListOperations: { status: "operations.status", vital: "operations.id", list: "operations" },
  GetOperation: { status: "status", vital: "id" },
  GetExecutions: { status: "value.executionStatus", vital: "value.executionId", list: "value" },
  GetExport: { status: "value.status", vital: "value.requestId", list: "value" },
};
