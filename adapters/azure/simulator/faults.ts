/** The faults of this simulator, and the rules of its plans. */
import * as z from "zod";
import { commonFaults, createFaultPlan, eventFaults, ruleShapeOf, type StruckBy } from "../../simulator/faults.ts";
import type { Ledger } from "./ledger.ts";
import { marketplaceOperations } from "./marketplace/routes.ts";

/** What the simulator answers. `InviteMicrosoft` is the POST of Microsoft's own referral, the second step of a co-sell deal. */
export const operations = [
  "Authorize",
  "RedeemCode",
  "RefreshToken",
  "ClientCredentials",
  "GetMetadata",
  "GetKeys",
  "CreateReferral",
  "InviteMicrosoft",
  "ListReferrals",
  "GetReferral",
  "PatchReferral",
  "PutReferral",
  "ListEvents",
  "GetRegistration",
  "CreateRegistration",
  "UpdateRegistration",
  "CreateValidationEvent",
  "GetValidationEvent",
  "GetCertificate",
  ...marketplaceOperations,
] as const;
export type Operation = (typeof operations)[number];

/** Every fault this simulator knows, and what it does. */
export const faultCatalogue = {
  ...commonFaults,
  ...eventFaults,
  throttle: "429 tooManyRequests before any effect (or `status`; `retryAfterSeconds` adds Retry-After)",
  error_500: "500 generalException before any effect",
  error_503_before: "503 serviceNotAvailable before any effect (`retryAfterSeconds` adds Retry-After)",
  page_token_expired: "the $skiptoken is refused",
  token_expired:
    "401 unauthenticated before any effect: the access token has expired; invalid_grant of a token request",
  permission_lost: "403 accessDenied before any effect; consent withdrawn of a token request",
  mfa_required: "401 with code 900421 before any effect; AADSTS50076 of a token request",
  stale_etag: "412 preconditionFailed before any effect",
  changed_behind: "right after the answer Microsoft changes the referral, so that its eTag is old",
  file_gone: "GetReportFile: the file is no longer kept (404)",
  link_expired: "GetReportFile: the link's signature has expired (403)",
  rotation_lost: "the answer of a token request has no new refresh token",
} as const;
export type FaultName = keyof typeof faultCatalogue;
const faultNames = Object.keys(faultCatalogue).filter((name): name is FaultName => Object.hasOwn(faultCatalogue, name));

const ruleShape = ruleShapeOf([...operations, "event"], faultNames).extend({
  event: z.string().optional().describe("with on: event, only events of this name"),
});
export type FaultRule = z.infer<typeof ruleShape>;
export type FaultRuleInput = z.input<typeof ruleShape>;
export const rulesSchema = z.array(ruleShape).max(1000);
export type Struck = StruckBy<FaultRule>;

export const createFaults = (ledger: Ledger) =>
  createFaultPlan(ledger.faults, { shape: ruleShape, narrowing: (rule) => rule.event });
export type Faults = ReturnType<typeof createFaults>;
