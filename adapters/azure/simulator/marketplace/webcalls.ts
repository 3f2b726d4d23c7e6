/**
 * What reaches the publisher over the web: Microsoft's webhook with a token of Entra's, and buyers' browsers on the landing page.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-webhook
 */
import { SignJWT } from "jose";
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../../contract-simulator.ts";
import { type EventStruck, unstruck } from "../../../simulator/faults.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import { createOutbox, unsent } from "../../../simulator/outbox.ts";
import { marketplaceApplication } from "../../wire-offers.ts";
import { loginHost } from "../credential.ts";
import type { Due } from "../ledger.ts";
import { keyId } from "../tokens.ts";
import type { World } from "../world.ts";
import { publisherId } from "./catalogue.ts";
import { isAnswerable } from "./operations.ts";
import type { CallRecord, OperationRecord, SubscriptionRecord } from "./rows.ts";

/** The id under which an account's address stands in a due row: tells these deliveries from Partner Center's. */
export const publisherTarget = "publisher";
const tokenMinutes = 60;
const landingAttempts = 3;
const strangerId = "5712a463-0000-4000-8000-000000000001";

export interface WebCallParts {
  readonly deliver: SimulatorDeps["deliver"];
  readonly subscriptionView: (row: SubscriptionRecord) => JsonObject;
  /** How the publisher took an operation that waits for an answer. */
  readonly taken: (operation: OperationRecord, how: "acknowledged" | "refused") => void;
}

export const createWebCalls = (world: World, parts: WebCallParts) => {
  const { ledger } = world;

  const addressOf = (call: CallRecord): string | null => {
    const technical = ledger.technical.get(call.account);
    return (call.kind === "webhook" ? technical?.webhookUrl : technical?.landingPageUrl) ?? null;
  };

  /** The token that goes with a webhook: Entra's for the marketplace's application, to the publisher's. */
  const tokenFor = async (call: CallRecord): Promise<string | null> => {
    const credential = world.credentials.find(({ organizationId }) => organizationId === call.account);
    if (!credential || call.forgery === "no_token") return null;
    const { forgery } = call;
    const tenantId = forgery === "other_tenant" ? strangerId : credential.tenantId;
    const application = forgery === "other_application" ? strangerId : marketplaceApplication;
    const isFirst = world.settings().saas.issuer === "v1";
    const claims = {
      aud: forgery === "other_audience" ? strangerId : credential.clientId,
      iss: isFirst ? `https://sts.windows.net/${tenantId}/` : `https://${loginHost}/${tenantId}/v2.0`,
      tid: tenantId,
      ...(isFirst ? { appid: application, appidacr: "2" } : { azp: application, azpacr: "2" }),
      idtyp: "app",
      oid: `${strangerId.slice(0, -1)}7`,
      sub: `${strangerId.slice(0, -1)}7`,
      ver: isFirst ? "1.0" : "2.0",
    };
    const issuedAt = addSeconds(world.now(), forgery === "expired" ? -2 * tokenMinutes * 60 : 0);
    const signed = await new SignJWT(claims)
      .setProtectedHeader({ typ: "JWT", alg: "RS256", kid: keyId })
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(addSeconds(issuedAt, tokenMinutes * 60))
      .sign((await world.keys(forgery === "other_key" ? "forger" : "tokens")).privateKey);
    if (forgery !== "unsigned") return signed;
    const head = btoa(JSON.stringify({ typ: "JWT", alg: "none" })).replaceAll("=", "");
    return `${head}.${signed.split(".")[1] ?? ""}.`;
  };
  const requestFor = async (call: CallRecord, signal: AbortSignal): Promise<Request | null> => {
    const address = addressOf(call);
    if (address === null) return null;
    if (call.kind === "landing") {
      const url = new URL(address);
      url.searchParams.set("token", call.body);
      return new Request(url, { signal });
    }
    const token = await tokenFor(call);
    const headers = {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    return new Request(address, { method: "POST", headers, body: call.body, signal });
  };

  /** The operation of a genuine webhook that still waits for an answer. */
  const waiting = (call: CallRecord): OperationRecord | null => {
    const operation = call.forgery === null ? ledger.operations.get(call.operationId ?? "") : null;
    return operation && isAnswerable(operation.action) && operation.status === "InProgress" ? operation : null;
  };
  const isObjection = (status: number): boolean => status >= 400 && status < 500;
  const mayObject = (operation: OperationRecord | null): boolean =>
    operation?.action === "ChangePlan" || operation?.action === "ChangeQuantity";

  const outbox = createOutbox<CallRecord, Due["kind"]>({
    ...world,
    events: ledger.calls,
    due: ledger.due,
    kind: "delivery",
    limits: () => ({ eventSeconds: world.settings().saas.callSeconds, eventsMax: world.settings().eventsMax }),
    targetsOf: (call) => (addressOf(call) === null ? [] : [publisherTarget]),
    post: async (call, _target, signal) => {
      try {
        const request = await requestFor(call, signal);
        if (!request) return 410;
        const response = await parts.deliver(request);
        await response.body?.cancel().catch(() => undefined);
        // A landing page may well send its visitor on.
        return call.kind === "landing" && response.status >= 300 && response.status < 400 ? 200 : response.status;
      } catch {
        return 0;
      }
    },
    again: ({ attempts, status }, call) => {
      if (call === null || addressOf(call) === null || call.forgery !== null) return null;
      if (call.kind === "landing") return attempts < landingAttempts ? addSeconds(world.now(), 3_600) : null;
      if (isObjection(status) && mayObject(waiting(call))) return null;
      const { retries, retryHours } = world.settings().saas;
      return attempts <= retries ? addSeconds(world.now(), (retryHours * 3_600) / retries) : null;
    },
    booked: (call, { delivered }, isOver) => {
      const operation = waiting(call);
      if (operation && delivered) parts.taken(operation, "acknowledged");
      else if (operation && isOver) parts.taken(operation, "refused");
    },
  });

  const add = (call: Pick<CallRecord, "account" | "kind" | "subscriptionId" | "operationId" | "body" | "forgery">) => {
    const struck: EventStruck = call.forgery === null ? world.faults.strike("event", call.kind) : unstruck;
    return outbox.add(
      {
        ...unsent,
        ...call,
        id: world.uuid("call"),
        sequence: world.sequence(),
        at: world.now().toISOString(),
        lost: struck.has("event_lost"),
      },
      struck,
    );
  };
  const bodyOf = (operation: OperationRecord): string => {
    const subscription = ledger.subscriptions.get(operation.subscriptionId);
    if (!subscription) return "{}";
    const isVaried = world.settings().saas.shapes === "varied";
    const draw = (name: string): number => (isVaried ? world.dice.draw("shape", operation.sequence, name) : 0.5);
    const view = { ...parts.subscriptionView(subscription), lastModified: subscription.modifiedAt };
    return JSON.stringify(shaped(operation, subscription, { draw, view }));
  };

  return {
    ...outbox,
    /** Whether there is an address to tell, and a webhook on its way to it. */
    webhook: (operation: OperationRecord): boolean => {
      const { account, subscriptionId, id } = operation;
      const body = bodyOf(operation);
      return add({ account, kind: "webhook", subscriptionId, operationId: id, body, forgery: null }).pending > 0;
    },
    /** A webhook that is not what it seems, about an operation. */
    forged: (operation: OperationRecord, forgery: NonNullable<CallRecord["forgery"]>): number => {
      const { account, subscriptionId, id } = operation;
      const body = bodyOf(operation);
      return add({ account, kind: "webhook", subscriptionId, operationId: id, body, forgery }).pending;
    },
    /** The buyer's browser comes to the landing page. */
    landing: (subscription: SubscriptionRecord, token: string): number => {
      const { account, id } = subscription;
      return add({ account, kind: "landing", subscriptionId: id, operationId: null, body: token, forgery: null })
        .pending;
    },
  };
};
export type WebCalls = ReturnType<typeof createWebCalls>;

interface Shaping {
  /** In [0, 1), by name; always a half where shapes are plain. */
  readonly draw: (name: string) => number;
  readonly view: JsonObject;
}
/** A webhook's body in one of the shapes that are documented. */
const shaped = (operation: OperationRecord, subscription: SubscriptionRecord, how: Shaping): JsonObject => {
  const { action, quantity } = operation;
  const { draw } = how;
  if (action === "Reinstate" && draw("legacy") < 0.25)
    return { subscriptionId: subscription.id, operationType: "Reinstate" };
  const head: JsonObject = {
    id: operation.id,
    activityId: operation.activityId,
    operationRequestSource: operation.source,
    subscriptionId: subscription.id,
    timeStamp: operation.at,
    action,
  };
  if (action === "ChangePlan" && draw("minimal") < 0.25) return head;
  const space = draw("space") < 0.2 ? " " : "";
  const written: Json = quantity === null ? null : draw("quantity") < 0.3 ? String(quantity) : quantity;
  const isNotice = !isAnswerable(action);
  return {
    ...head,
    publisherId: `${publisherId}${space}`,
    offerId: `${subscription.offerName}${space}`,
    planId: `${operation.planId}${space}`,
    quantity: written,
    ...(draw("status") < 0.15 ? {} : { status: operation.status }),
    ...(isNotice ? { subscription: how.view, purchaseToken: null } : {}),
  };
};
