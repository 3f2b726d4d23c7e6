/** Buyers' accounts with the partner: one for each billing account, made by its first purchase and approved once. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { textAt } from "../../../simulator/document.ts";
import { forbidden, invalid, notFound, violation } from "../answers.ts";
import type { Call } from "../opportunities.ts";
import type { Occasion, World } from "../world.ts";
import { billingOf } from "./billing.ts";
import { accountName, accountView } from "./entitlements.ts";
import type { Orders } from "./orders.ts";
import { paged } from "./pages.ts";
import type { Pushes } from "./pushes.ts";
import type { BuyerAccountRecord } from "./records.ts";

const reasonBytesMax = 256;
const accountSize = { usual: 25, most: 200 };
const approvalName = "signup";

export const createAccountBook = (world: World) => {
  const { ledger } = world;
  return {
    /** The account of a billing account; made when there is none. Nothing is published about that. */
    of: (billingAccount: string, provider: string, { now }: Occasion): BuyerAccountRecord => {
      const known = ledger.buyerAccounts
        .all()
        .find((row) => row.billingAccount === billingAccount && row.provider === provider);
      if (known) return known;
      const stamp = world.stamp(now);
      const { kind } = billingOf(world, billingAccount);
      const row: BuyerAccountRecord = {
        id: world.uuid("account"),
        provider,
        billingAccount,
        createdAt: stamp,
        updatedAt: stamp,
        state: "ACCOUNT_ACTIVATION_REQUESTED",
        approval: { state: "PENDING", reason: null, updatedAt: stamp },
        properties: {},
        isTest: false,
        resellerParent: kind === "reseller_subaccount" ? "billingAccounts/0FE11E-0FE11E-0FE11E" : null,
      };
      ledger.buyerAccounts.put(row.id, row);
      return row;
    },
  };
};
export type AccountBook = ReturnType<typeof createAccountBook>;

export interface AccountParts {
  readonly orders: Orders;
  readonly pushes: Pushes;
}

export const createAccounts = (world: World, { orders, pushes }: AccountParts) => {
  const { ledger } = world;
  const find = (call: Call): BuyerAccountRecord => {
    const [provider = "", id = ""] = call.names;
    const row = ledger.buyerAccounts.get(id);
    if (row?.provider === provider) return row;
    throw notFound(accountName({ provider, id }));
  };
  const decided = (row: BuyerAccountRecord, state: "APPROVED" | "REJECTED", call: Call): BuyerAccountRecord => {
    const name = textAt(call.input, "approvalName");
    if (name !== null && name !== approvalName)
      throw invalid([violation("approval_name", `There is no approval '${name}' to be given: only '${approvalName}'`)]);
    if (row.approval.state !== "PENDING") {
      const words = `The approval '${approvalName}' is ${row.approval.state} already`;
      throw forbidden("FAILED_PRECONDITION", [violation(accountName(row), words)]);
    }
    const updatedAt = world.stamp(call.now, row.updatedAt);
    return { ...row, updatedAt, approval: { state, reason: reasonOf(call.input), updatedAt } };
  };

  const approve = (call: Call): JsonObject => {
    const saved: BuyerAccountRecord = { ...decided(find(call), "APPROVED", call), state: "ACCOUNT_ACTIVE" };
    ledger.buyerAccounts.put(saved.id, saved);
    pushes.account("ACCOUNT_ACTIVE", saved, call);
    orders.admitted(saved, call);
    return {};
  };
  const reject = (call: Call): JsonObject => {
    const saved = decided(find(call), "REJECTED", call);
    ledger.buyerAccounts.put(saved.id, saved);
    return {};
  };
  /** A test account begins anew: its orders end and its approval is open again. */
  const reset = (call: Call): JsonObject => {
    const row = find(call);
    if (!row.isTest)
      throw forbidden("FAILED_PRECONDITION", [
        violation(accountName(row), "Only test accounts that the provider owns can be reset"),
      ]);
    orders.closeAll(row, { reason: "user-aborted", isDeleted: false }, call);
    const updatedAt = world.stamp(call.now, row.updatedAt);
    ledger.buyerAccounts.put(row.id, {
      ...row,
      updatedAt,
      state: "ACCOUNT_ACTIVATION_REQUESTED",
      approval: { state: "PENDING", reason: null, updatedAt },
    });
    return {};
  };

  return {
    "providers.accounts.list": (call: Call): JsonObject => {
      const rows = ledger.buyerAccounts.all().filter(({ provider }) => provider === call.names[0]);
      return paged(
        rows.map((row) => accountView(row, false)),
        "accounts",
        { call, size: accountSize },
      );
    },
    "providers.accounts.get": (call: Call): JsonObject =>
      accountView(find(call), call.query.get("view") !== "ACCOUNT_VIEW_BASIC"),
    "providers.accounts.approve": approve,
    "providers.accounts.reject": reject,
    "providers.accounts.reset": reset,
  };
};

/** Longer reasons are cut off. */
export const reasonOf = (input: JsonObject): string | null => {
  const text = textAt(input, "reason");
  if (text === null) return null;
  return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, reasonBytesMax)).replace(/\uFFFD$/, "");
};
