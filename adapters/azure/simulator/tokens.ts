/**
 * Access tokens of the simulated Entra: JWTs with the claims that Partner Center's APIs look at, signed with a key of the simulator's own.
 * https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference
 */
import { errors, jwtVerify, SignJWT } from "jose";
import * as z from "zod";
import { addSeconds } from "../../simulator/ground.ts";
import { unauthenticated } from "./answers.ts";
import type { Caller } from "./calls.ts";
import { loginHost, type SimulatedCredential } from "./credential.ts";
import type { World } from "./world.ts";

/** What tokens can be had for: what is asked for, and what the token then says. */
export const audiences: readonly (readonly [asked: string, audience: string])[] = [
  ["https://api.partner.microsoft.com", "https://api.partner.microsoft.com"],
  ["https://api.partnercenter.microsoft.com", "https://api.partnercenter.microsoft.com"],
  // Microsoft Partner Center's own application.
  ["fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd", "https://api.partnercenter.microsoft.com"],
  ["https://graph.microsoft.com", "https://graph.microsoft.com"],
  // The marketplace's fulfillment API.
  ["20e940b3-4c77-4b0b-9a53-9e16a1b010a7", "20e940b3-4c77-4b0b-9a53-9e16a1b010a7"],
];
export const keyId = "simulated-signing-key";
const scope = "user_impersonation";

export interface Minting {
  readonly credential: SimulatedCredential;
  readonly audience: string;
  /** How the user signed in; null: the application alone. */
  readonly amr: readonly string[] | null;
  readonly now: Date;
}

const claimsSchema = z.object({
  tid: z.string(),
  appid: z.string(),
  idtyp: z.string().optional(),
  scp: z.string().optional(),
  amr: z.array(z.string()).default([]),
});

export const createTokens = (world: World) => {
  const seconds = (): number => Math.round(world.settings().tokens.accessMinutes * 60);
  const sign = async (claims: Readonly<Record<string, unknown>>, now: Date): Promise<string> => {
    const { privateKey } = await world.keys("tokens");
    return new SignJWT({ ...claims })
      .setProtectedHeader({ typ: "JWT", alg: "RS256", kid: keyId })
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(addSeconds(now, seconds()))
      .sign(privateKey);
  };
  return {
    /** How long a token is good, in seconds. */
    seconds,
    access: ({ credential, audience, amr, now }: Minting): Promise<string> => {
      const { tenantId, clientId, user } = credential;
      const person = {
        acr: "1",
        amr,
        scp: scope,
        oid: user.id,
        sub: user.id,
        upn: user.email,
        unique_name: user.email,
      };
      const application = { idtyp: "app", oid: `${clientId.slice(0, -1)}9`, sub: `${clientId.slice(0, -1)}9` };
      const issuer = `https://sts.windows.net/${tenantId}/`;
      const claims = { aud: audience, iss: issuer, tid: tenantId, appid: clientId, appidacr: "1", ver: "1.0" };
      return sign({ ...claims, ...(amr === null ? application : person), uti: world.letters("token", 22) }, now);
    },
    identity: ({ credential, now }: Pick<Minting, "credential" | "now">, nonce: string | null): Promise<string> => {
      const { tenantId, clientId, user } = credential;
      const issuer = `https://${loginHost}/${tenantId}/v2.0`;
      const claims = { aud: clientId, iss: issuer, tid: tenantId, ver: "2.0", oid: user.id, sub: user.id };
      return sign({ ...claims, preferred_username: user.email, ...(nonce === null ? {} : { nonce }) }, now);
    },
    /** Who sent the request, by its bearer token for `audience`. Throws a `Refusal`. */
    callerOf: async (headers: Headers, audience: string): Promise<Caller> => {
      const [, token] = /^Bearer (\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
      if (token === undefined) throw unauthenticated("The Authorization header with a bearer token is missing.");
      const { publicKey } = await world.keys("tokens");
      try {
        const { payload } = await jwtVerify(token, publicKey, {
          algorithms: ["RS256"],
          audience,
          currentDate: world.now(),
          // Clocks of two machines differ.
          clockTolerance: 300,
        });
        const { tid, appid, idtyp, scp = "", amr } = claimsSchema.parse(payload);
        const credential = world.credentials.find((known) => known.tenantId === tid && known.clientId === appid);
        if (!credential) throw unauthenticated("The token's tenant or application is not known.");
        if (idtyp !== "app" && !scp.split(" ").includes(scope))
          throw unauthenticated("The token has no scope for this.");
        return { credential, kind: idtyp === "app" ? "app" : "user", isMfa: amr.includes("mfa") };
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw unauthenticated("Access token has expired or is not yet valid.");
        if (error instanceof errors.JWTClaimValidationFailed)
          throw unauthenticated(`Access token validation failure: invalid ${error.claim}.`);
        if (error instanceof errors.JOSEError || error instanceof z.ZodError)
          throw unauthenticated("Access token validation failure.");
        throw error;
      }
    },
  };
};
export type Tokens = ReturnType<typeof createTokens>;
