/** The formats of the files that a close reads: one row each. Another format is its file and its row here. */
import { agreementChargeFormat, agreementFormat } from "./aws/reports/agreement.ts";
import { billingEventFormat } from "./aws/reports/billing-event.ts";
import { billedRevenueFormat, collectionsFormat } from "./aws/reports/dashboards.ts";
import {
  accountFormat,
  addressFormat,
  legacyMappingFormat,
  offerFormat,
  offerProductFormat,
  offerTargetFormat,
  productFormat,
} from "./aws/reports/reference.ts";
import { taxItemFormat } from "./aws/reports/tax-item.ts";
import { earningsFormat, paymentsFormat } from "./azure/reports/earnings.ts";
import { incentiveEarningsFormat } from "./azure/reports/incentives.ts";
import { ordersFormat, usageFormat } from "./azure/reports/orders.ts";
import { revenueFormat } from "./azure/reports/revenue.ts";
import { camtFormat } from "./bank/camt.ts";
import { mappingFormat } from "./bank/mapping.ts";
import { statementFormat } from "./bank/statement.ts";
import type { ReportFormat } from "./contract-reports.ts";
import { detailedFormat, summaryFormat } from "./gcp/reports/disbursements.ts";
import { chargesFormat, insightsFormat } from "./gcp/reports/usage.ts";
import { creditLocksFormat } from "./internal/credit-locks.ts";
import {
  agreementsFormat,
  allocationsFormat,
  decisionsFormat,
  feeScheduleFormat,
  keysFormat,
  offersFormat,
  periodLocksFormat,
  policyFormat,
  rulesFormat,
} from "./internal/documents.ts";
import { incentivesFormat } from "./internal/incentives.ts";
import { agreementLinksFormat, associationsFormat, learnedAliasesFormat } from "./internal/links.ts";
import { dealsFormat, disputesFormat, partnersFormat, touchesFormat } from "./internal/tables.ts";

export const reportFormats: readonly ReportFormat[] = [
  billingEventFormat,
  agreementFormat,
  agreementChargeFormat,
  offerFormat,
  offerProductFormat,
  offerTargetFormat,
  accountFormat,
  addressFormat,
  productFormat,
  legacyMappingFormat,
  taxItemFormat,
  billedRevenueFormat,
  collectionsFormat,
  revenueFormat,
  ordersFormat,
  usageFormat,
  earningsFormat,
  incentiveEarningsFormat,
  paymentsFormat,
  detailedFormat,
  summaryFormat,
  chargesFormat,
  insightsFormat,
  statementFormat,
  mappingFormat,
  camtFormat,
  dealsFormat,
  agreementLinksFormat,
  incentivesFormat,
  associationsFormat,
  learnedAliasesFormat,
  touchesFormat,
  disputesFormat,
  creditLocksFormat,
  partnersFormat,
  offersFormat,
  agreementsFormat,
  allocationsFormat,
  rulesFormat,
  decisionsFormat,
  keysFormat,
  feeScheduleFormat,
  policyFormat,
  periodLocksFormat,
];
