/**
 * Entitlements of the Partner Procurement API: read, approve, reject, plan changes, and a word to a user who waits.
 * https://cloud.google.com/marketplace/docs/partners/commerce-procurement-api/reference/rest/v1/providers.entitlements
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { textAt } from "../../../simulator/document.ts";
import { invalid, notFound, refusal, violation } from "../answers.ts";
import { readFilter } from "../filter.ts";
import type { Call } from "../opportunities.ts";
import type { World } from "../world.ts";
import type { Changes } from "./changes.ts";
import { entitlementName, entitlementView, lookAt } from "./entitlements.ts";
import { unfit } from "./orderbook.ts";
import type { Orders } from "./orders.ts";
import { paged } from "./pages.ts";
import type { EntitlementRecord } from "./records.ts";
import { filterCatalogue } from "./tables.ts";

export interface ProcurementParts {
  readonly orders: Orders;
  readonly changes: Changes;
}
const fields = { catalogue: filterCatalogue, message: "Entitlement", allowed: null };
const pageSize = { usual: 200, most: 200 };
const waitingStates = ["ENTITLEMENT_ACTIVATION_REQUESTED", "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL"];

export const createProcurement = (world: World, { orders, changes }: ProcurementParts) => {
  const { ledger } = world;
  const find = (call: Call): EntitlementRecord => {
    const [provider = "", id = ""] = call.names;
    const row = ledger.entitlements.get(id);
    if (row?.provider === provider && row.deletedAt === null) return row;
    throw notFound(entitlementName({ provider, id }));
  };

  const list = (call: Call): JsonObject => {
    const { test } = readFilter(call.query.get("filter") ?? "", fields);
    const rows = ledger.entitlements
      .all()
      .filter((row) => row.provider === call.names[0] && row.deletedAt === null && test(lookAt(world, row)));
    return paged(
      rows.map((row) => entitlementView(world, row)),
      "entitlements",
      { call, size: pageSize },
    );
  };

  /** The one member that a partner may write, and only while a user waits. */
  const patch = (call: Call): JsonObject => {
    const row = find(call);
    const paths = (call.query.get("updateMask") ?? "").split(",").map((path) => path.trim());
    if (paths.some((path) => !["messageToUser", "message_to_user"].includes(path)))
      throw invalid([violation("update_mask", "Only 'message_to_user' can be updated, and the mask must name it")]);
    const message = call.input.messageToUser ?? call.input.message_to_user ?? null;
    if (message !== null && typeof message !== "string")
      throw invalid([
        violation("entitlement.message_to_user", "Invalid value at 'entitlement.message_to_user' (TYPE_STRING)"),
      ]);
    if (!waitingStates.includes(row.state)) throw unfit(row, "no user waits for the provider");
    return entitlementView(world, orders.book.save(row, { messageToUser: message === "" ? null : message }, call));
  };

  const planNameIn = (call: Call): string | null => textAt(call.input, "pendingPlanName");
  const empty = (_done: EntitlementRecord): JsonObject => ({});

  return {
    "providers.entitlements.list": list,
    "providers.entitlements.get": (call: Call): JsonObject => entitlementView(world, find(call)),
    "providers.entitlements.patch": patch,
    "providers.entitlements.approve": (call: Call): JsonObject => empty(orders.approve(find(call), call)),
    "providers.entitlements.reject": (call: Call): JsonObject => empty(orders.reject(find(call), call)),
    "providers.entitlements.approvePlanChange": (call: Call): JsonObject =>
      empty(changes.approve(find(call), planNameIn(call), call)),
    "providers.entitlements.rejectPlanChange": (call: Call): JsonObject =>
      empty(changes.reject(find(call), planNameIn(call), call)),
    "providers.entitlements.suspend": (call: Call): JsonObject => {
      find(call);
      throw refusal("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled.");
    },
  };
};
