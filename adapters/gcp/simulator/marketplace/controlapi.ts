/** The marketplace's routes of the control API. */
import * as z from "zod";
import { type ControlWork, plainly, taking } from "../../../simulator/controlapi.ts";
import {
  accountInputSchema,
  billingInputSchema,
  cancelSchema,
  changePlanSchema,
  endSchema,
  forgeSchema,
  idSchema,
  lastSchema,
  type MarketplaceControls,
  makeOfferSchema,
  purchaseSchema,
  renewalSchema,
  reportsSchema,
  settleSchema,
  subscriptionInputSchema,
  suspendSchema,
} from "./control.ts";

export const marketplaceRoutes = (controls: MarketplaceControls): Readonly<Record<string, ControlWork>> => {
  const empty = z.strictObject({});
  return {
    "PUT /subscription": taking("push the marketplace's news to this address", subscriptionInputSchema, (input) =>
      controls.subscribe(input),
    ),
    "DELETE /subscription": taking("push nothing any more", empty, () => controls.unsubscribe()),
    "PUT /billing_account": taking("say what a customer's billing account is", billingInputSchema, (input) =>
      controls.putBillingAccount(input),
    ),
    "POST /review_offer": taking("Google publishes an offer that is PUBLISHING, reviewed or not", idSchema, ({ id }) =>
      controls.reviewOffer(id),
    ),
    "POST /make_offer": taking("somebody makes an offer in Producer Portal", makeOfferSchema, (input) =>
      controls.makeOffer(input),
    ),
    "POST /accept_offer": taking("the buyer accepts a published offer", idSchema, ({ id }) => controls.acceptOffer(id)),
    "POST /purchase": taking("a buyer buys a plan by list", purchaseSchema, (input) => controls.purchase(input)),
    "POST /change_plan": taking("the buyer asks for another plan", changePlanSchema, ({ id, plan }) =>
      controls.changePlan(id, plan),
    ),
    "POST /withdraw_change": taking("the buyer takes that back", idSchema, ({ id }) => controls.withdrawChange(id)),
    "POST /cancel_order": taking("the buyer cancels, for the end of the term or at once", cancelSchema, ({ id, at }) =>
      controls.cancelOrder(id, at),
    ),
    "POST /revert_cancellation": taking("the buyer takes the cancellation back", idSchema, ({ id }) =>
      controls.revertCancellation(id),
    ),
    "POST /set_renewal": taking("the buyer lets the order renew, or not", renewalSchema, ({ id, renews }) =>
      controls.setRenewal(id, renews),
    ),
    "POST /end_order": taking("the order ends for a reason of Google's", endSchema, ({ id, reason }) =>
      controls.endOrder(id, reason),
    ),
    "POST /suspend_order": taking("the order rests, or goes on", suspendSchema, ({ id, suspended }) =>
      controls.suspendOrder(id, suspended),
    ),
    "POST /delete_order": taking("the order is cancelled and deleted", idSchema, ({ id }) => controls.deleteOrder(id)),
    "PUT /account": taking("a buyer's account without a purchase", accountInputSchema, (input) =>
      controls.putAccount(input),
    ),
    "POST /delete_account": taking("a buyer closes the account", idSchema, ({ id }) => controls.deleteAccount(id)),
    "POST /refund": taking("refund a charge, or an order's last one", idSchema, ({ id }) => controls.refund(id)),
    "POST /withhold": taking("withhold its payout", idSchema, ({ id }) => controls.withhold(id)),
    "POST /settle": taking("release what was withheld, or give it up", settleSchema, ({ id, as }) =>
      controls.settle(id, as),
    ),
    "GET /reports": plainly(
      "the report files and the bank's statement until a day: ?until=YYYY-MM-DD",
      (_, __, query) => controls.reports(reportsSchema.parse(Object.fromEntries(query))),
    ),
    "POST /forge": taking("push something that is not Google's", forgeSchema, (input) => controls.forge(input)),
    "POST /rotate_push_key": taking("sign push tokens with another key", empty, () => controls.rotatePushKey()),
    "POST /replay": taking("push the last messages again", lastSchema, ({ last }) => controls.replay(last)),
    "POST /shuffle": taking("push all pending messages now, in any order", empty, () => controls.shuffle()),
  };
};
