/**
 * The tokens that Pub/Sub pushes carry, the keys they verify with, and how a forger goes about them.
 * https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
 */
import { base64url, exportJWK, importPKCS8, type JWK, SignJWT } from "jose";
import type { JsonObject } from "../../../../src/domain/deal.ts";
import type { World } from "../world.ts";
import { type PushKeyName, pushKeys } from "./pushkeys.ts";
import type { Forgery, SubscriptionRecord } from "./records.ts";

const lifeSeconds = 3_600;
const issuer = "https://accounts.google.com";
const keyIds: Readonly<Record<PushKeyName, string>> = {
  first: "51b0000000000000000000000000000000000011",
  second: "51b0000000000000000000000000000000000022",
  forger: "51b0000000000000000000000000000000000033",
};

/** `aheadMs`: how far this clock was moved ahead of a receiver's that may have stayed behind. */
export const createPushTokens = (world: World, aheadMs: () => number) => {
  const keys = new Map<PushKeyName, Promise<CryptoKey>>();
  const keyOf = (name: PushKeyName): Promise<CryptoKey> => {
    const pem = `-----BEGIN PRIVATE KEY-----\n${pushKeys[name]}\n-----END PRIVATE KEY-----`;
    const known = keys.get(name) ?? importPKCS8(pem, "RS256", { extractable: true });
    keys.set(name, known);
    return known;
  };
  const rotations = (): number => world.ledger.pushKeys.get("signer")?.rotations ?? 0;
  const signer = (): PushKeyName => (rotations() % 2 === 0 ? "first" : "second");
  const publicKey = async (name: PushKeyName): Promise<JWK> => {
    const { kty, n, e } = await exportJWK(await keyOf(name));
    return {
      ...(kty === undefined ? {} : { kty }),
      ...(n === undefined ? {} : { n }),
      ...(e === undefined ? {} : { e }),
    };
  };

  /** What a token says of who pushes, and to whom. */
  const claimsOf = ({ audience, serviceAccount }: SubscriptionRecord, forgery: Forgery | null): JsonObject => {
    const now = Math.floor(world.now().getTime() / 1000);
    // What has expired must have done so on every clock.
    const issued = forgery === "expired" ? now - Math.ceil(aheadMs() / 1000) - 2 * lifeSeconds : now;
    return {
      aud: forgery === "wrong_audience" ? "https://elsewhere.example/push" : audience,
      azp: "113774264463038321964",
      email: forgery === "other_account" ? "pusher@stranger.iam.gserviceaccount.com" : serviceAccount,
      email_verified: forgery !== "unverified_email",
      exp: issued + lifeSeconds,
      iat: issued,
      iss: forgery === "wrong_issuer" ? "https://accounts.stranger.example" : issuer,
      sub: "113774264463038321964",
    };
  };
  const signed = async (claims: JsonObject, name: PushKeyName): Promise<string> =>
    new SignJWT({ ...claims })
      // A forger cannot help naming a key that is published.
      .setProtectedHeader({ alg: "RS256", kid: keyIds[name === "forger" ? signer() : name], typ: "JWT" })
      .sign(await keyOf(name));
  const part = (json: JsonObject): string => base64url.encode(JSON.stringify(json));

  return {
    /** The token of a push for a subscription, or null where a forger sends none. */
    tokenFor: async (subscription: SubscriptionRecord, forgery: Forgery | null): Promise<string | null> => {
      const claims = claimsOf(subscription, forgery);
      if (forgery === "no_token") return null;
      if (forgery === "unsigned") return `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.`;
      if (forgery === "symmetric_key") {
        const { n = "" } = await publicKey(signer());
        const header = { alg: "HS256", kid: keyIds[signer()], typ: "JWT" };
        return new SignJWT({ ...claims }).setProtectedHeader(header).sign(new TextEncoder().encode(n));
      }
      return signed(claims, forgery === "other_key" ? "forger" : signer());
    },
    /** The keys that are published: the signer's, and the one before it. */
    certs: async (): Promise<JsonObject> => {
      const names: readonly PushKeyName[] = rotations() === 0 ? ["first"] : ["second", "first"];
      const published = names.map(async (name) => {
        const key: JsonObject = { ...(await publicKey(name)), alg: "RS256", kid: keyIds[name], use: "sig" };
        return key;
      });
      return { keys: await Promise.all(published) };
    },
    /** Google signs with another key from now on. */
    rotate: (): number => {
      world.ledger.pushKeys.put("signer", { rotations: rotations() + 1 });
      return rotations();
    },
  };
};
export type PushTokens = ReturnType<typeof createPushTokens>;
