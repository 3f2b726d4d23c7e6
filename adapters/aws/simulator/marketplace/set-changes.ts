/** What each change type does to an offer set: offers of several products that one buyer takes together. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, textAt, withAt } from "../../../simulator/document.ts";
import { buyersOf, type ChangeRule, changed, type Effect, failing, rule, type Site, turns } from "./change-rule.ts";
import { offerSetDetails } from "./details.ts";
import type { Entity } from "./records.ts";

const offersMax = 10;

/** The ids of the offers in a set. */
export const offersIn = (document: JsonObject): readonly string[] =>
  listAt(document, "Offers")
    .filter(isObject)
    .flatMap((item) => textAt(item, "OfferId") ?? []);
const whileDraft = (entity: Entity, then: () => Effect): Effect =>
  entity.releasedAt === null
    ? then()
    : failing("INVALID_UPDATE_REQUEST", "This change cannot be made to an offer set that has been released.");
const holding = (entity: Entity, ids: readonly string[]): Entity => ({
  ...entity,
  document: withAt(
    entity.document,
    "Offers",
    ids.map((OfferId) => ({ OfferId })),
  ),
});

const associated = (entity: Entity, ids: readonly string[], site: Site): Effect => {
  const before = offersIn(entity.document);
  const all = [...new Set([...before, ...ids])];
  if (all.length > offersMax) return failing("TOO_MANY_OFFERS", `An offer set holds at most ${offersMax} offers.`);
  const offers = ids.map((id) => site.entity(id));
  const foreign = offers.some((offer) => offer?.kind !== "Offer" || offer.account !== site.account);
  const others = offers.some(
    (offer) => ![undefined, entity.id].includes(textAt(offer?.document ?? {}, "OfferSetId") ?? undefined),
  );
  if (foreign || others) return failing("INVALID_OFFERS", "Each offer must be this account's and in no other set.");
  const members = offers.flatMap((offer) =>
    offer === null ? [] : [{ ...offer, document: { ...offer.document, OfferSetId: entity.id } }],
  );
  return changed(holding(entity, all), ...members);
};

const released = (entity: Entity, site: Site): Effect => {
  const offers = offersIn(entity.document).flatMap((id) => site.entity(id) ?? []);
  if (offers.length === 0) return failing("MISSING_OFFERS", "An offer set needs offers before it can be released.");
  if (offers.some((offer) => offer.releasedAt === null))
    return failing("INCOMPATIBLE_OFFERS", "Every offer of the set must be released first.");
  if (new Set(offers.map((offer) => buyersOf(offer.document).toSorted().join())).size > 1)
    return failing("INCOMPATIBLE_OFFERS", "All offers of a set must be for the same buyers.");
  const document = { ...entity.document, State: "Released" };
  return changed({ ...entity, document, releasedAt: site.now.toISOString() });
};

export const setChanges: Readonly<Record<string, ChangeRule>> = {
  CreateOfferSet: rule(offerSetDetails.CreateOfferSet, turns.create, (entity, { Name }) =>
    changed({ ...entity, document: { Id: entity.id, Name, State: "Draft", Offers: [] } }),
  ),
  UpdateInformation: rule(offerSetDetails.UpdateInformation, turns.update, (entity, { Name }) =>
    whileDraft(entity, () => changed({ ...entity, document: { ...entity.document, Name } })),
  ),
  AssociateOffers: rule(offerSetDetails.AssociateOffers, turns.update, (entity, { Offers }, site) =>
    whileDraft(entity, () =>
      associated(
        entity,
        Offers.map(({ OfferId }) => OfferId),
        site,
      ),
    ),
  ),
  DisassociateOffers: rule(offerSetDetails.DisassociateOffers, turns.update, (entity, { Offers }, site) =>
    whileDraft(entity, () => {
      const gone = Offers.map(({ OfferId }) => OfferId);
      const left = offersIn(entity.document).filter((id) => !gone.includes(id));
      const members = gone.flatMap((id) => {
        const offer = site.entity(id);
        return offer === null ? [] : [{ ...offer, document: withAt(offer.document, "OfferSetId", undefined) }];
      });
      return changed(holding(entity, left), ...members);
    }),
  ),
  AssociateSolution: rule(offerSetDetails.AssociateSolution, turns.update, (entity, { SolutionId }) =>
    whileDraft(entity, () => changed({ ...entity, document: { ...entity.document, SolutionId } })),
  ),
  ReleaseOfferSet: rule(offerSetDetails.ReleaseOfferSet, turns.releaseSet, (entity, _details, site) =>
    whileDraft(entity, () => released(entity, site)),
  ),
};
