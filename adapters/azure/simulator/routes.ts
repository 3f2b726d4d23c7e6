/** Which operation a request is, by the host and path it is meant for. */
import type { Json } from "../../../src/domain/deal.ts";
import { at, isObject } from "../../simulator/document.ts";
import type { Place } from "../../simulator/place.ts";
import { apiHost, centerHost, certificateHost, loginHost, strangerHost } from "./credential.ts";
import type { Operation } from "./faults.ts";
import { marketplaceRoutes } from "./marketplace/routes.ts";
import { microsoftId } from "./rules.ts";

type Route = readonly [host: string, method: string, path: RegExp, operation: Operation];

const referrals = "/v1\\.0/engagements/referrals";
const registration = "/webhooks/v1/registration";
const tenant = "/[^/]+";
const path = (text: string): RegExp => new RegExp(`^${text}/?$`, "i");
const routes: readonly Route[] = [
  [apiHost, "POST", path(referrals), "CreateReferral"],
  [apiHost, "GET", path(referrals), "ListReferrals"],
  [apiHost, "GET", path(`${referrals}/[^/]+`), "GetReferral"],
  [apiHost, "PATCH", path(`${referrals}/[^/]+`), "PatchReferral"],
  [apiHost, "PUT", path(`${referrals}/[^/]+`), "PutReferral"],
  [centerHost, "GET", path(`${registration}/events`), "ListEvents"],
  [centerHost, "GET", path(registration), "GetRegistration"],
  [centerHost, "POST", path(registration), "CreateRegistration"],
  [centerHost, "PUT", path(registration), "UpdateRegistration"],
  [centerHost, "POST", path(`${registration}/validationEvents`), "CreateValidationEvent"],
  [centerHost, "GET", path(`${registration}/validationEvents/[^/]+`), "GetValidationEvent"],
  [loginHost, "GET", path(`${tenant}/oauth2/v2\\.0/authorize`), "Authorize"],
  [loginHost, "GET", path(`${tenant}/discovery/(v2\\.0/)?keys`), "GetKeys"],
  [loginHost, "GET", path(`${tenant}/discovery/instance`), "GetMetadata"],
  [loginHost, "GET", path(`${tenant}/(v2\\.0/)?\\.well-known/openid-configuration`), "GetMetadata"],
  [certificateHost, "GET", /^\/cert\/[\w.-]+$/, "GetCertificate"],
  [strangerHost, "GET", /^\/cert\/[\w.-]+$/, "GetCertificate"],
  ...marketplaceRoutes,
];
const tokenPath = path(`${tenant}/oauth2/v2\\.0/token`);
const grants: Readonly<Record<string, Operation>> = {
  authorization_code: "RedeemCode",
  refresh_token: "RefreshToken",
  client_credentials: "ClientCredentials",
};

/** Whether it is a request for a token, whatever the grant. */
export const isTokenRequest = (place: Place, method: string): boolean =>
  place.host === loginHost && method === "POST" && tokenPath.test(place.path);
/** The operation of a token request; null: a grant that is not served. */
export const grantOf = (form: URLSearchParams): Operation | null => grants[form.get("grant_type") ?? ""] ?? null;

/** The operation of any other request; null: there is nothing at this address. */
export const operationOf = (place: Place, method: string, body: Json | undefined): Operation | null => {
  const route = routes.find(([host, verb, shape]) => host === place.host && verb === method && shape.test(place.path));
  const operation = route?.[3] ?? null;
  const isInvitation = isObject(body) && at(body, "organizationId") === microsoftId;
  return operation === "CreateReferral" && isInvitation ? "InviteMicrosoft" : operation;
};
