/** An offer that somebody made at the marketplace: linked by our mark, otherwise suggested to a person, never silently. */
import type { Connection } from "../src/domain/deal.ts";
import type { OfferObservation } from "../src/domain/offer.ts";
import type { Tx } from "../src/ports.ts";
import type { Offer } from "../src/store/offer-row.ts";
import type { WorkflowDeps } from "./deps.ts";

export const adoptOffer = async (
  deps: WorkflowDeps,
  tx: Tx,
  at: { readonly connection: Connection; readonly observation: OfferObservation },
): Promise<Offer> => {
  const { store, actorId } = deps;
  const { connection, observation } = at;
  const { marker } = observation;
  const opportunityId = marker === null ? null : await store.offers.dealOfMarker(tx, marker);
  const isTaken = marker !== null && (await store.offers.findByMarker(tx, connection.id, marker)) !== null;
  const offer = await store.offers.adopt(tx, {
    connectionId: connection.id,
    observation: isTaken ? { ...observation, marker: null } : observation,
    opportunityId,
    actorId,
  });
  const suggested =
    opportunityId !== null
      ? 0
      : await store.offerSuggestions.suggest(tx, {
          subject: offer.id,
          buyerName: observation.terms.buyer?.name ?? null,
          total: offer.total,
        });
  await store.journal.tell(tx, "offer.found", offer.id, {
    offerId: offer.id,
    connectionId: connection.id,
    opportunityId,
    suggested,
  });
  return offer;
};
