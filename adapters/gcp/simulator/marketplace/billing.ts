/** Customers' billing accounts. Any well-formed one is an ordinary customer's, unless an operator says otherwise; one of zeros does not exist. */
import type { World } from "../world.ts";
import type { BillingAccountRecord } from "./records.ts";

const missing = "billingAccounts/000000-000000-000000";

export const billingOf = (world: World, id: string): BillingAccountRecord =>
  world.ledger.billingAccounts.get(id) ?? {
    id,
    kind: id === missing ? "missing" : "ordinary",
    organization: null,
    domain: null,
    country: null,
  };
