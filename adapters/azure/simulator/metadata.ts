/**
 * What clients of the sign-in service ask about it before they use it.
 * https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { loginHost } from "./credential.ts";

/** Which hosts are the same service, as msal asks before it trusts one. */
export const instanceOf = (endpoint: string): JsonObject => ({
  tenant_discovery_endpoint: `${endpoint.replace(/\/oauth2\/v2\.0\/authorize$/, "")}/v2.0/.well-known/openid-configuration`,
  "api-version": "1.1",
  metadata: [
    {
      preferred_network: loginHost,
      preferred_cache: "login.windows.net",
      aliases: [loginHost, "login.windows.net", "login.microsoft.com", "sts.windows.net"],
    },
  ],
});
/** The tenant's addresses, and what can be asked there. */
export const configurationOf = (issuerTenant: string, tenant: string, version: 1 | 2): JsonObject => {
  const base = `https://${loginHost}/${tenant}`;
  return {
    issuer: version === 1 ? `https://sts.windows.net/${issuerTenant}/` : `https://${loginHost}/${issuerTenant}/v2.0`,
    authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
    token_endpoint: `${base}/oauth2/v2.0/token`,
    jwks_uri: `${base}/discovery/${version === 1 ? "" : "v2.0/"}keys`,
    end_session_endpoint: `${base}/oauth2/v2.0/logout`,
    response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
    response_modes_supported: ["query", "fragment", "form_post"],
    scopes_supported: ["openid", "profile", "email", "offline_access"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    code_challenge_methods_supported: ["plain", "S256"],
    tenant_region_scope: "EU",
    cloud_instance_name: "microsoftonline.com",
    cloud_graph_host_name: "graph.windows.net",
    msgraph_host: "graph.microsoft.com",
  };
};
