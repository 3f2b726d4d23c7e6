/**
 * The SaaS fulfillment webhook: proved by the token that it carries before anything of its body is read. Entra signs it for the
 * publisher's application in the publisher's tenant, and it must be the marketplace's own application that got it. What a body says is a
 * pointer, in one of several shapes: subscription and operation are read before anything changes.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-webhook
 */
import { decodeProtectedHeader, jwtVerify } from "jose";
import * as z from "zod";
import type { ClockDep, HttpDep } from "../../../src/ports.ts";
import { readBoundedJson } from "../../bounded-json.ts";
import { brandVerified, type Hint, type Hooks, type RawDelivery, type Verdict } from "../../contract.ts";
import { loginHost } from "../grants.ts";
import { marketplaceApplication, saasWebhookSchema, sameWord, type WireSaasWebhook } from "../wire-offers.ts";
import { operationRefOf } from "./agreements.ts";
import { isGuid } from "./names.ts";
import type { Market } from "./settings.ts";
import type { TokenKeys } from "./token-keys.ts";

export interface SaasHookTarget extends NonNullable<Market["webhook"]> {
  readonly endpoint?: string | undefined;
}
type HookDeps = ClockDep & HttpDep & { readonly keys: TokenKeys };

const tokenCharactersMax = 8_192;
const clockToleranceSeconds = 300;
const idCharactersMax = 200;
/** Those that wait for an answer, and so for haste: their hints come first and name the operation. */
const urgentActions: readonly string[] = ["ChangePlan", "ChangeQuantity", "Reinstate"];
const knownActions: readonly string[] = [...urgentActions, "Renew", "Suspend", "Unsubscribe", "Subscribe"];

type Refused = Extract<Verdict, { readonly kind: "forged" | "unsure" }>;
const forged = (reason: string): Refused => ({ kind: "forged", reason });
const ignored = (reason: string): Verdict => ({ kind: "ignored", reason });

/** Whether a delivery claims to be one of these: Partner Center's own are signed another way. */
export const isSaasDelivery = ({ headers }: RawDelivery): boolean => /^bearer\s/i.test(headers.authorization ?? "");

/** The webhooks of a connection's SaaS offers. `verify` proves first, then reads. */
export const createSaasHooks = (deps: HookDeps, target: SaasHookTarget): Hooks => ({
  headers: [],
  verify: async (delivery) => (await proveToken(deps, target, delivery)) ?? judge(deps, delivery.body),
});

/** v1 tokens name the application that got them `appid`, v2 tokens `azp`. One audience, not a list that happens to name ours. */
const claimsSchema = z.looseObject({
  aud: z.string(),
  tid: z.string(),
  appid: z.string().optional(),
  azp: z.string().optional(),
});

/** Null: the delivery carries the marketplace's own token, for this connection. */
const proveToken = async (
  deps: HookDeps,
  target: SaasHookTarget,
  { headers }: RawDelivery,
): Promise<Refused | null> => {
  const token = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *$/i.exec(headers.authorization ?? "")?.[1];
  if (token === undefined || token.length > tokenCharactersMax) return forged("there is no bearer token");
  const keyId = keyIdOf(token);
  if (keyId === null) return forged("the token is not signed by RS256 with a named key");
  const { tenantId, audience, endpoint } = target;
  const found = await deps.keys.find(deps, { tenantId, keyId, endpoint });
  if (found.kind !== "found") return found;
  const tenant = tenantId.toLowerCase();
  try {
    const { payload } = await jwtVerify(token, found.key, {
      algorithms: ["RS256"],
      issuer: [`https://sts.windows.net/${tenant}/`, `https://${loginHost}/${tenant}/v2.0`],
      requiredClaims: ["exp", "aud", "tid"],
      currentDate: deps.clock.now(),
      clockTolerance: clockToleranceSeconds,
    });
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) return forged("the token lacks a claim");
    const { aud, tid, appid, azp } = claims.data;
    if (!sameWord(aud, audience.toLowerCase())) return forged("the token is for another application");
    if (!sameWord(tid, tenant)) return forged("the token is of another tenant");
    const callers = [appid, azp].filter((caller) => caller !== undefined);
    return callers.length > 0 && callers.every((caller) => sameWord(caller, marketplaceApplication))
      ? null
      : forged("the token is not the marketplace's own");
  } catch {
    return forged("the token's signature, issuer or time is wrong");
  }
};
const keyIdOf = (token: string): string | null => {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return alg === "RS256" && typeof kid === "string" && kid !== "" && kid.length <= idCharactersMax ? kid : null;
  } catch {
    return null;
  }
};

/** What an authentic delivery comes to. */
const judge = async ({ clock }: ClockDep, body: Uint8Array): Promise<Verdict> => {
  const read = readBoundedJson(body);
  if (read.trouble !== null) return ignored(read.trouble);
  const parsed = saasWebhookSchema.safeParse(read.json);
  if (!parsed.success) return ignored("it is no event of the SaaS webhook");
  const event = parsed.data;
  if (!isGuid(event.subscriptionId)) return ignored("it names no subscription");
  const word = (event.action ?? event.operationType ?? "").trim();
  const action = knownActions.find((known) => sameWord(word, known));
  if (action === undefined) return ignored("an action that is not known here");
  const hints = hintsOf(event, action);
  return {
    kind: "verified",
    delivery: brandVerified({ key: await keyOf(event, action, { body, now: clock.now() }), kind: action, hints }),
  };
};

const hintsOf = (event: WireSaasWebhook, action: string): readonly Hint[] => {
  const at = Number.isNaN(Date.parse(event.timeStamp ?? "")) ? null : (event.timeStamp ?? null);
  const id = event.subscriptionId.toLowerCase();
  const subscription: Hint = { kind: "agreement", id, at };
  const operation = event.id ?? "";
  return urgentActions.includes(action) && isGuid(operation)
    ? [{ kind: "agreement", id: operationRefOf(id, operation), at }, subscription]
    : [subscription];
};

/** An operation is told up to 500 times under its id. A legacy body has none: the same bytes on the same day are the same delivery. */
const keyOf = async (
  { id, subscriptionId }: WireSaasWebhook,
  action: string,
  { body, now }: { readonly body: Uint8Array; readonly now: Date },
): Promise<string> => {
  if (id && id.length <= idCharactersMax) return `${action}:${id.toLowerCase()}`;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from(body)));
  const hex = Array.from(digest.slice(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${action}:${subscriptionId.toLowerCase()}:${now.toISOString().slice(0, 10)}:${hex}`;
};
