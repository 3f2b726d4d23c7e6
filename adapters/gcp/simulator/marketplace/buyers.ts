/** What buyers do by themselves, some days after an offer reaches them, and once their order runs. All of it is drawn from the seed. */
import { addDays } from "../../../simulator/ground.ts";
import { Refusal } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import type { Changes } from "./changes.ts";
import { offerState } from "./offers.ts";
import type { Orders } from "./orders.ts";
import type { EntitlementRecord, OfferRecord } from "./records.ts";

const secondThoughtDays: readonly [number, number] = [1, 10];

export const createBuyers = (
  world: World,
  { orders, changes }: { readonly orders: Orders; readonly changes: Changes },
) => {
  const { dice, ledger } = world;
  return {
    /** A buyer looks at an offer: accepts it, or lets it expire. One that cannot be transacted is left. */
    decide: (offer: OfferRecord, occasion: Occasion): void => {
      if (offerState(offer) !== "PUBLISHED") return;
      if (dice.draw(offer.fate, "accept") >= world.settings().marketplace.accept) return;
      const mark = ledger.mark();
      try {
        orders.accept(offer, changes.request, occasion);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        ledger.undoTo(mark);
      }
    },
    /** A buyer in the middle of a term: cancels, or takes the cancellation back. */
    reconsider: (row: EntitlementRecord, occasion: Occasion): void => {
      if (row.state === "ENTITLEMENT_PENDING_CANCELLATION") {
        changes.revert(row, occasion);
        return;
      }
      if (row.state !== "ENTITLEMENT_ACTIVE") return;
      const saved = changes.cancel(row, false, occasion);
      const isReverted = dice.draw(row.fate, "revert", row.renewals) < world.settings().marketplace.revert;
      if (!isReverted || saved.state !== "ENTITLEMENT_PENDING_CANCELLATION") return;
      const days = dice.between(secondThoughtDays, row.fate, "second thought");
      world.schedule("change_of_mind", row.id, addDays(occasion.now, days));
    },
  };
};
export type Buyers = ReturnType<typeof createBuyers>;
