import { graphHost, marketplaceHost } from "../wire-offers.ts";

/** Who the simulated Microsoft knows: a tenant with an application, a consenting user and an organization at Partner Center. */

export interface SimulatedCredential {
  readonly tenantId: string;
  /** The tenant's name; requests may say it in place of the id. */
  readonly domain: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** What the user's consent has left: good for a first access token, and renewed at each use. */
  readonly refreshToken: string;
  readonly organizationId: string;
  readonly organizationName: string;
  readonly mpnId: string;
  /** Who consented. A Referrals user sees only referrals whose team lists this address. */
  readonly user: { readonly id: string; readonly email: string };
  /** PEM of the authority above the simulator's signing certificates: the root to pin. */
  readonly rootCertificate: string;
}

/** What every simulator knows unless told otherwise. It opens nothing but simulators. */
export const simulatedCredential: SimulatedCredential = {
  tenantId: "c0de0000-5111-4a7e-8000-000000000001",
  domain: "simulated-partner.onmicrosoft.com",
  clientId: "c0de0000-5111-4a7e-8000-000000000002",
  clientSecret: "simulated~secret-that-opens-nothing-at-microsoft",
  refreshToken: "0.simulated-refresh-token-of-the-first-consent",
  organizationId: "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d",
  organizationName: "Simulated Partner",
  mpnId: "4567890",
  user: { id: "c0de0000-5111-4a7e-8000-000000000003", email: "alliances@simulated-partner.example" },
  rootCertificate: [
    "-----BEGIN CERTIFICATE-----",
    "MIIDUjCCAjqgAwIBAgIBATANBgkqhkiG9w0BAQsFADBaMQswCQYDVQQGEwJVUzEe",
    "MBwGA1UECgwVTWljcm9zb2Z0IENvcnBvcmF0aW9uMSswKQYDVQQDDCJTaW11bGF0",
    "ZWQgTWljcm9zb2Z0IFJvb3QgQXV0aG9yaXR5MB4XDTIwMDEwMTAwMDAwMFoXDTQ5",
    "MDEwMTAwMDAwMFowWjELMAkGA1UEBhMCVVMxHjAcBgNVBAoMFU1pY3Jvc29mdCBD",
    "b3Jwb3JhdGlvbjErMCkGA1UEAwwiU2ltdWxhdGVkIE1pY3Jvc29mdCBSb290IEF1",
    "dGhvcml0eTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBALZz+AVMvdeZ",
    "XBspx80bXfgiQGHTu9bhjCVPexhVPVeG/eAJXt83qL7R6XMtr+QS8OL96LIy6KcO",
    "nm5sAyoPKy7kVDpW0mv+xwTxBTopPwtZxaytvmlpJT4yyc+6R/s/ZQSdbWLx90n7",
    "GB0Lhz2pu/vsYlMDyjHKa4mOBQvdrvO4D/w+wU1MYRjrHj5Ee1ay4C3gCqa5CZYr",
    "0Grm2FHhkIZSd0UCKIA0KxcIMcbOdxFCrCure5+SRn0Yd9e4BOxaCTHJoHAfD+sp",
    "YzDyEXIOVutpjCCDcaBAehl6lAecb9zJIrwZgDtQ/YDb5JaZndq4lklX+uo/vXV9",
    "FWNMOpget1ECAwEAAaMjMCEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMC",
    "AQYwDQYJKoZIhvcNAQELBQADggEBAC/SKrZCViVXgITc80hMbBQ+VrTxYnrXXAja",
    "G9vK/TUVedarmpU3z1/iAk2zBb3Ml//3krHxjK30x8cwglGh6zA9cFzuuDIISrzL",
    "J9J8yDIM+7n9nsMIjTnMNVpd0pihlNlG4hL7u+d253voW6FPaMAW04n8PdPBzP0h",
    "kOk/SRZHxHWFxM1g30FZ6wYvxrddUyP8Yk1c3y19eJgejGSRrOTJnuWwNv5RGCpo",
    "E4XQaNtBQoZ1ckvrJUcgJ8e/pvn6+31wGStc99DuXzfHQR/U1i1Z4gjZHtX5Y7xl",
    "vVGO9zkw8APmgIoaYCGAQpp69Rej47UP924IIoxvWcqvio1V3lM=",
    "-----END CERTIFICATE-----",
    "",
  ].join("\n"),
};

export const loginHost = "login.microsoftonline.com";
export const apiHost = "api.partner.microsoft.com";
export const centerHost = "api.partnercenter.microsoft.com";
/** https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhooks */
export const certificateHost = "3psostorageacct.blob.core.windows.net";
/** Anybody can open a storage account of another name: here somebody did. */
export const strangerHost = "3psostorageacct2.blob.core.windows.net";
/** Where the files of reports and exports lie. */
export const reportsHost = "simulatedreports.blob.core.windows.net";
export const hosts: readonly string[] = [
  loginHost,
  apiHost,
  centerHost,
  certificateHost,
  strangerHost,
  reportsHost,
  graphHost,
  marketplaceHost,
];
