/**
 * An application's proof by certificate: a token of its own, signed with the certificate's key, in place of a client secret.
 * https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials
 */
import { base64url, importPKCS8, SignJWT } from "jose";
import type { ClockDep, IdsDep } from "../../src/ports.ts";
import { bytesOf } from "../signing.ts";
import { tokenUrl } from "./grants.ts";

const lifeSeconds = 300;
const algorithm = "PS256";

export interface AssertionInput {
  readonly tenantId: string;
  readonly clientId: string;
  /** The certificate and its private key, in PEM. */
  readonly pem: string;
}

/** Makes assertions with the certificate's key. Rejects when the PEM has no certificate or no RSA key in PKCS #8. */
export const createAssertion = async (
  deps: ClockDep & IdsDep,
  { tenantId, clientId, pem }: AssertionInput,
): Promise<() => Promise<string>> => {
  const blockOf = (name: string): string => {
    const block = new RegExp(`-----BEGIN ${name}-----([A-Za-z0-9+/=\\s]+)-----END ${name}-----`).exec(pem);
    if (block === null) throw new Error(`there is no ${name.toLowerCase()} in it`);
    return block[0];
  };
  const key = await importPKCS8(blockOf("PRIVATE KEY"), algorithm);
  const der = bytesOf(blockOf("CERTIFICATE").replaceAll(/-----[A-Z ]+-----/g, ""));
  const thumbprint = base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", der)));
  return () => {
    const now = Math.floor(deps.clock.now().getTime() / 1_000);
    return new SignJWT({ iss: clientId, sub: clientId, jti: deps.ids.uuid() })
      .setProtectedHeader({ alg: algorithm, typ: "JWT", "x5t#S256": thumbprint })
      .setAudience(tokenUrl(tenantId))
      .setNotBefore(now)
      .setIssuedAt(now)
      .setExpirationTime(now + lifeSeconds)
      .sign(key);
  };
};
