/**
 * Pub/Sub's pushes of Google's marketplace: proved by the token that they carry before anything of their body is read. Signature and
 * audience alone would let any project push to us, so the service account must be the one that is expected. What a message says is a
 * pointer: it may be old, doubled or out of order, and Google's record is read before anything changes.
 * https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions
 * https://cloud.google.com/marketplace/docs/partners/integrated-saas/manage-entitlements
 */
import { decodeProtectedHeader, jwtVerify } from "jose";
import type { ClockDep, HttpDep } from "../../../src/ports.ts";
import { readBoundedJson } from "../../bounded-json.ts";
import { brandVerified, type Hint, type Hooks, type RawDelivery, type Verdict } from "../../contract.ts";
import { addressOf } from "../settings.ts";
import {
  procurementEventSchema,
  procurementEventTypes,
  pushClaimsSchema,
  pushEnvelopeSchema,
  pushIssuers,
  pushKeysHost,
  pushKeysPath,
  type WireProcurementEvent,
  type WirePushEnvelope,
} from "../wire-offers.ts";
import { entitlementsBy } from "./agreements.ts";
import { accountPath, lastOf, privateOfferIn } from "./names.ts";
import type { MarketDeps } from "./offer-deps.ts";
import type { KeyPlace, PushKeys } from "./push-keys.ts";
import type { Market } from "./settings.ts";

export interface HookDeps extends MarketDeps {
  readonly keys: PushKeys;
  readonly push: NonNullable<Market["push"]>;
}

const tokenCharactersMax = 4_096;
const clockToleranceSeconds = 60;
const idCharactersMax = 200;

type Refused = Extract<Verdict, { readonly kind: "forged" | "unsure" }>;
const forged = (reason: string): Refused => ({ kind: "forged", reason });
const ignored = (reason: string): Verdict => ({ kind: "ignored", reason });

/** The pushes of a connection. `verify` proves first, then reads. */
export const createHooks = (deps: HookDeps): Hooks => ({
  headers: [],
  verify: async (delivery) => {
    const refused = await proveToken(deps, delivery);
    return refused ?? judge(deps, delivery.body);
  },
});

/** Where the keys lie: at Google, or at the simulator that stands for it. */
export const keyPlaceOf = ({ target }: Pick<MarketDeps, "target">): KeyPlace =>
  addressOf(target, pushKeysHost, pushKeysPath);

/** Null: the delivery carries a token of Google's, for this connection, of the service account that pushes to it. */
const proveToken = async (deps: HookDeps & ClockDep & HttpDep, { headers }: RawDelivery): Promise<Refused | null> => {
  const token = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(headers.authorization ?? "")?.[1];
  if (token === undefined || token.length > tokenCharactersMax) return forged("there is no bearer token");
  const keyId = keyIdOf(token);
  if (keyId === null) return forged("the token is not signed by RS256 with a named key");
  const found = await deps.keys.find(deps, { place: keyPlaceOf(deps), keyId });
  if (found.kind !== "found") return found;
  try {
    const { payload } = await jwtVerify(token, found.key, {
      algorithms: ["RS256"],
      issuer: [...pushIssuers],
      audience: deps.push.audience,
      requiredClaims: ["exp", "email"],
      currentDate: deps.clock.now(),
      clockTolerance: clockToleranceSeconds,
    });
    // One audience, not a list that happens to name ours.
    const claims = pushClaimsSchema.safeParse(payload);
    if (!claims.success) return forged("the token lacks a claim, or its e-mail is not verified");
    return claims.data.email === deps.push.email ? null : forged("the token is of another service account");
  } catch {
    return forged("the token's signature, issuer, audience or time is wrong");
  }
};
const keyIdOf = (token: string): string | null => {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return alg === "RS256" && typeof kid === "string" && kid.length <= idCharactersMax ? kid : null;
  } catch {
    return null;
  }
};

/** The message's own JSON, or why there is none. */
const eventOf = ({ message }: WirePushEnvelope): WireProcurementEvent | string => {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(message.data), (sign) => sign.charCodeAt(0));
  } catch {
    return "its data is no base64";
  }
  const read = readBoundedJson(bytes);
  if (read.trouble !== null) return read.trouble;
  const parsed = procurementEventSchema.safeParse(read.json);
  return parsed.success ? parsed.data : "it is no event of Google's marketplace";
};

/** What an authentic push comes to. */
const judge = async (deps: HookDeps, body: Uint8Array): Promise<Verdict> => {
  const read = readBoundedJson(body);
  if (read.trouble !== null) return ignored(read.trouble);
  const envelope = pushEnvelopeSchema.safeParse(read.json);
  if (!envelope.success) return ignored("it is no wrapped Pub/Sub message; switch payload unwrapping off");
  const { subscription } = deps.push;
  if (subscription !== undefined && envelope.data.subscription !== subscription)
    return ignored("it is of another subscription");
  const event = eventOf(envelope.data);
  if (typeof event === "string") return ignored(event);
  if (event.providerId && event.providerId !== deps.market.providerId) return ignored("it is of another provider");
  const { eventType } = event;
  if (!procurementEventTypes.some((known) => known === eventType)) return ignored("an event that is not known here");
  const hints = event.entitlement == null ? await accountHints(deps, event) : entitlementHints(event);
  if (hints === null) return { kind: "unsure", reason: "the account's orders cannot be read now" };
  // The same event may come in several messages, and a message several times: the event's id tells both.
  const key = `${eventType}:${event.eventId.slice(0, idCharactersMax)}`;
  return hints.length === 0
    ? ignored("the account has no orders")
    : { kind: "verified", delivery: brandVerified({ key, kind: eventType, hints }) };
};

const timeOf = (text: string | null | undefined): string | null =>
  Number.isNaN(Date.parse(text || "")) ? null : (text ?? null);

/** The order; and the private offer by which it was made or is to be changed. */
const entitlementHints = ({ entitlement }: WireProcurementEvent): readonly Hint[] => {
  const { id = "", updateTime, newOffer } = entitlement ?? {};
  const offer = privateOfferIn(newOffer);
  const at = timeOf(updateTime);
  return [
    ...(id.length > idCharactersMax ? [] : [{ kind: "agreement", id: lastOf(id), at } as const]),
    ...(offer === null || offer.length > idCharactersMax ? [] : [{ kind: "offer", id: offer, at } as const]),
  ];
};

/** An account is no record of ours: word of it is word of its orders. Null: they cannot be read now. */
const accountHints = async (deps: HookDeps, { account }: WireProcurementEvent): Promise<readonly Hint[] | null> => {
  const id = lastOf(account?.id ?? "");
  if (!/^[A-Za-z0-9._:-]{1,200}$/.test(id)) return [];
  // Google's page shows a bare id, its records whole names: whichever the filter takes.
  const name = accountPath(deps.market, id).slice("/v1/".length);
  const rows = await entitlementsBy(deps, `account="${name}" OR account="${id}"`);
  if (!rows.ok) return rows.fault.kind === "rejected" || rows.fault.kind === "missing" ? [] : null;
  const at = timeOf(account?.updateTime);
  return rows.value.map(({ name }) => ({ kind: "agreement", id: lastOf(name), at }));
};
