/**
 * The SaaS fulfillment API, version 2.
 * https://github.com/microsoft/commercial-marketplace-openapi/blob/main/Microsoft.Marketplace.SaaS/2018-08-31/saasapi.v2.json
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-subscription-api
 */
import * as z from "zod";
import type { WireAnswer } from "../../../simulator/departure.ts";
import { fulfillmentVersion, marketplaceHost } from "../../wire-offers.ts";
import { answered } from "../answers.ts";
import { accountOf, type Call } from "../calls.ts";
import type { World } from "../world.ts";
import { fulfillmentRefusal } from "./answers.ts";
import { isAnswerable, type Operations, type Wish } from "./operations.ts";
import type { OperationRecord, SubscriptionRecord } from "./rows.ts";
import { type Subscriptions, termFrom } from "./subscriptions.ts";

const wantedSchema = z.looseObject({
  planId: z.string().optional(),
  // A quantity of nothing, as text or null, is what clients send for flat plans.
  quantity: z
    .union([z.int(), z.literal(""), z.null()])
    .optional()
    .transform((value) => (typeof value === "number" ? value : undefined)),
});
const answerSchema = wantedSchema.extend({ status: z.enum(["Success", "Failure"]) });

export interface FulfilmentParts {
  readonly subscriptions: Subscriptions;
  readonly operations: Operations;
  /** The subscription has begun. */
  readonly activated: (row: SubscriptionRecord) => void;
}

export const createFulfilment = (world: World, parts: FulfilmentParts) => {
  const { subscriptions, operations, activated } = parts;
  const { ledger } = world;
  const bad = (message: string): Error => fulfillmentRefusal(400, message);

  const answer = (call: Call, status: number, body: WireAnswer["body"], headers: Record<string, string> = {}) => {
    if (call.place.query.get("api-version") !== fulfillmentVersion)
      throw bad(`The api-version must be ${fulfillmentVersion}.`);
    const [request, correlation] = ["x-ms-requestid", "x-ms-correlationid"].map((name) => call.headers.get(name));
    const answering = answered(status, null, {
      "x-ms-requestid": request ?? world.uuid("request"),
      "x-ms-correlationid": correlation ?? world.uuid("correlation"),
      ...headers,
    });
    return { ...answering, body };
  };
  const segments = (call: Call): readonly string[] => call.place.path.split("/").filter((part) => part !== "");
  const own = (call: Call, id: string): SubscriptionRecord => {
    const row = ledger.subscriptions.get(id.toLowerCase());
    if (!row) throw fulfillmentRefusal(404, `The subscription ${id} was not found.`);
    if (row.account !== accountOf(call))
      throw fulfillmentRefusal(403, "The subscription does not belong to the calling publisher.");
    return row;
  };
  const subscriptionOf = (call: Call): SubscriptionRecord => own(call, segments(call)[3] ?? "");
  const operationOf = (call: Call): OperationRecord => {
    const subscription = subscriptionOf(call);
    const id = (segments(call)[5] ?? "").toLowerCase();
    const operation = ledger.operations.get(id);
    if (operation?.subscriptionId !== subscription.id)
      throw fulfillmentRefusal(404, `The operation ${id} was not found.`);
    return operation;
  };
  const wantedOf = (call: Call): z.infer<typeof wantedSchema> => {
    const parsed = wantedSchema.safeParse(call.body);
    if (!parsed.success) throw bad("The body is not valid: planId is text, quantity a whole number.");
    return parsed.data;
  };
  const begun = (call: Call, row: SubscriptionRecord, wish: Wish): WireAnswer => {
    const { id } = operations.begin(row, wish);
    const path = `/api/saas/subscriptions/${row.id}/operations/${id}?api-version=${fulfillmentVersion}`;
    return answer(call, 202, null, { "operation-location": `https://${marketplaceHost}${path}` });
  };
  const checkQuantity = (row: SubscriptionRecord, quantity: number): void => {
    const plan = operations.planned(row, row.planId);
    if (row.quantity === null || !plan?.seats) throw bad("The plan is not priced by seat: it has no quantity.");
    const { min, max } = plan.seats;
    if (quantity < min || quantity > max) throw bad(`The quantity must be from ${min} to ${max}.`);
  };

  const activate = (call: Call): WireAnswer => {
    const row = subscriptionOf(call);
    const { planId, quantity } = wantedOf(call);
    if (row.status === "Unsubscribed") throw fulfillmentRefusal(404, "The subscription is in Unsubscribed state.");
    if (row.status !== "PendingFulfillmentStart") throw bad(`The subscription is in ${row.status} state.`);
    if (planId?.trim() !== row.planId) throw bad(`The planId must be that of the purchase, ${row.planId}.`);
    if (row.quantity !== null && quantity !== undefined && quantity !== row.quantity)
      throw bad(`The quantity must be that of the purchase, ${row.quantity}.`);
    const term = termFrom(call.now, row.charge.termMonths);
    activated(subscriptions.save(row, { status: "Subscribed", ...term }));
    return answer(call, 200, null);
  };
  const change = (call: Call): WireAnswer => {
    const row = subscriptionOf(call);
    const { planId, quantity } = wantedOf(call);
    if (row.status === "Unsubscribed") throw fulfillmentRefusal(404, "The subscription is in Unsubscribed state.");
    if (row.status !== "Subscribed") throw bad(`The subscription is in ${row.status} state, not Subscribed.`);
    if ((planId === undefined) === (quantity === undefined))
      throw bad("Either planId or quantity must be given, never both.");
    if (operations.pending(row.id).length > 0) throw bad("Another operation on the subscription is in progress.");
    if (quantity !== undefined) {
      checkQuantity(row, quantity);
      if (quantity === row.quantity) throw bad("The quantity is the present one.");
      return begun(call, row, { action: "ChangeQuantity", source: "Partner", quantity });
    }
    if (planId === row.planId) throw bad("The planId is the present one.");
    if (!operations.planned(row, planId ?? "")) throw bad(`There is no plan ${planId ?? ""} for this subscription.`);
    return begun(call, row, { action: "ChangePlan", source: "Partner", planId: planId ?? "" });
  };
  /** The publisher's answer to an operation that waits for one. */
  const respond = (call: Call): WireAnswer => {
    const operation = operationOf(call);
    const parsed = answerSchema.safeParse(call.body);
    if (!parsed.success) throw bad("The status must be Success or Failure.");
    const { status, planId, quantity } = parsed.data;
    if (planId !== undefined && planId.trim() !== operation.planId)
      throw bad(`The planId is not that of the operation, ${operation.planId}.`);
    if (quantity !== undefined && operation.quantity !== null && quantity !== operation.quantity)
      throw bad(`The quantity is not that of the operation, ${operation.quantity}.`);
    const wanted = status === "Success" ? "Succeeded" : "Failed";
    const isOver = !isAnswerable(operation.action) || operation.status !== "InProgress";
    const repeats = operation.status === wanted && world.settings().saas.lateAnswer === "accepted";
    if (isOver && !repeats) throw fulfillmentRefusal(409, `The operation is ${operation.status} already.`);
    if (!isOver) operations.settle(operation, wanted);
    return answer(call, 200, null);
  };
  const list = (call: Call): WireAnswer => {
    const token = call.place.query.get("continuationToken");
    const begin = token === null ? 0 : Number(token);
    if (!Number.isSafeInteger(begin) || begin < 0 || (token !== null && call.struck.has("page_token_expired")))
      throw bad("The continuationToken is not valid.");
    const rows = ledger.subscriptions
      .all()
      .filter(({ account }) => account === accountOf(call))
      .toSorted((a, b) => a.sequence - b.sequence);
    const end = begin + world.settings().saas.pageSize;
    const query = `api-version=${fulfillmentVersion}&continuationToken=${end}`;
    return answer(call, 200, {
      subscriptions: rows.slice(begin, end).map(subscriptions.view),
      ...(end < rows.length ? { "@nextLink": `https://${marketplaceHost}/api/saas/subscriptions/?${query}` } : {}),
    });
  };
  const resolve = (call: Call): WireAnswer => {
    const token = call.headers.get("x-ms-marketplace-token");
    const landing = token === null ? null : ledger.landings.get(token);
    if (!landing || landing.expiresAt <= call.now.toISOString())
      throw bad("The x-ms-marketplace-token is missing, malformed, invalid or expired.");
    const row = own(call, landing.subscriptionId);
    return answer(call, 200, {
      id: row.id,
      subscriptionName: row.name,
      offerId: row.offerName,
      planId: row.planId,
      ...(row.quantity === null ? {} : { quantity: row.quantity }),
      subscription: subscriptions.view(row),
    });
  };

  return {
    resolve,
    list,
    get: (call: Call): WireAnswer => answer(call, 200, subscriptions.view(subscriptionOf(call))),
    activate,
    change,
    remove: (call: Call): WireAnswer => {
      const row = subscriptionOf(call);
      if (row.status === "Unsubscribed") throw fulfillmentRefusal(404, "The subscription is in Unsubscribed state.");
      return begun(call, row, { action: "Unsubscribe", source: "Partner" });
    },
    plans: (call: Call): WireAnswer => {
      const row = subscriptionOf(call);
      const wanted = call.place.query.get("planId");
      const plans = subscriptions.plansFor(row).filter(({ planId }) => wanted === null || planId === wanted);
      return answer(call, 200, { plans: plans.map((plan) => subscriptions.planView(plan, row)) });
    },
    operations: (call: Call): WireAnswer => {
      const { outstanding } = world.settings().saas;
      const rows = operations
        .pending(subscriptionOf(call).id)
        .filter(({ action }) => outstanding === "all" || action === outstanding);
      return answer(call, 200, { operations: rows.map(operations.view) });
    },
    operation: (call: Call): WireAnswer => answer(call, 200, operations.view(operationOf(call))),
    respond,
  };
};
export type Fulfilment = ReturnType<typeof createFulfilment>;
