/** Buyers that decide by themselves over days, as the seed has it: they accept, or let the offer run out; a few end early. */
import { textAt } from "../../../simulator/document.ts";
import { addDays } from "../../../simulator/ground.ts";
import type { Occasion, World } from "../world.ts";
import type { Agreements } from "./agreements.ts";
import { buyersOf } from "./change-rule.ts";
import type { Agreement, Entity } from "./records.ts";

export const createBuyers = (world: World, agreements: Agreements) => {
  const { ledger, dice } = world;
  const isSeeded = (): boolean => world.settings().reviewer === "seeded";

  /** When the buyer of this round will have decided; the whole time that the offer stands is the buyer's. */
  const schedule = (offer: Entity, now: Date): void => {
    if (!isSeeded() || offer.createdBy !== "Seller") return;
    const days = dice.between(world.settings().marketplace.acceptDays, offer.fate, "decides", offer.rounds);
    const until = offer.availableUntil === null ? null : Date.parse(offer.availableUntil);
    const wanted = addDays(now, days).getTime();
    const latest = until === null ? wanted : now.getTime() + (until - now.getTime()) * 0.8;
    world.schedule("buyer", `${offer.id}|${offer.rounds}`, new Date(Math.min(wanted, latest)));
  };

  const choiceOf = (offer: Entity) => ({
    autoRenews: dice.draw(offer.fate, "renews") < world.settings().marketplace.autoRenew,
    quantities: {},
  });

  const mayEndEarly = (agreement: Agreement): void => {
    const { endEarly } = world.settings().marketplace;
    if (agreement.endsAt === null || dice.draw(agreement.fate, "ends early") >= endEarly) return;
    const spanMs = Date.parse(agreement.endsAt) - Date.parse(agreement.startsAt);
    const at = Date.parse(agreement.startsAt) + spanMs * dice.between([0.1, 0.5], agreement.fate, "ends at");
    world.schedule("agreement_notice", `${agreement.id}|cancel`, new Date(at));
  };

  const acceptBy = (offer: Entity, buyer: string, occasion: Occasion): Agreement => {
    const agreement = agreements.accept(offer, { acceptor: buyer, ...choiceOf(offer) }, occasion);
    if (isSeeded()) mayEndEarly(agreement);
    return agreement;
  };

  return {
    /** An offer was released. */
    expect: (offer: Entity, now: Date): void => {
      const fated = { ...offer, fate: agreements.fateOf(offer) };
      ledger.entities.put(offer.id, fated);
      schedule(fated, now);
    },
    /** Its end was moved: a buyer that let it run out may think again. */
    reconsider: (offer: Entity, now: Date): void => {
      if (offer.releasedAt === null || (offer.availableUntil ?? "") < now.toISOString()) return;
      const again = { ...offer, rounds: offer.rounds + 1 };
      ledger.entities.put(offer.id, again);
      schedule(again, now);
    },
    /** The time to decide has come. */
    decide: (subject: string, occasion: Occasion): void => {
      const [id = "", round = "0"] = subject.split("|");
      const offer = ledger.entities.get(id);
      const [buyer = ""] = offer === null ? [] : buyersOf(offer.document);
      if (offer === null || String(offer.rounds) !== round) return;
      const setId = textAt(offer.document, "OfferSetId");
      if (setId !== null && (ledger.entities.get(setId)?.releasedAt ?? null) === null) {
        world.schedule("buyer", subject, addDays(occasion.now, 1));
        return;
      }
      if (agreements.refusal(offer, buyer, occasion.now) !== null) return;
      if (dice.draw(offer.fate, "accepts", offer.rounds) < world.settings().marketplace.accept)
        acceptBy(offer, buyer, occasion);
    },
    /** The buyer accepts now, whatever the seed says. */
    acceptBy,
    choiceOf,
    /** The buyer will not decide by itself any more. */
    ignore: (offer: Entity): void => {
      ledger.entities.put(offer.id, { ...offer, rounds: offer.rounds + 1 });
    },
  };
};
export type Buyers = ReturnType<typeof createBuyers>;
