import type { Change } from "@aws-sdk/client-marketplace-catalog";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { change, creation, type Market, offerChanges, openMarket, product } from "./aws-marketplace-rig.ts";

let market: Market;
beforeAll(async () => {
  market = await openMarket();
});
afterAll(() => market.close());
const later = async (changes: readonly Change[]): Promise<readonly string[]> =>
  ((await market.run(changes)).ChangeSet ?? []).flatMap(({ ChangeType, ErrorDetailList = [] }) =>
    ErrorDetailList.map(({ ErrorCode }) => `${ChangeType} ${ErrorCode}`),
  );

describe("offer sets", () => {
  const set = (ChangeType: string, details: object, Identifier = "$Set.Entity.Identifier"): Change => ({
    ...change(ChangeType, details, Identifier),
    Entity: { Type: "OfferSet@1.0", Identifier },
  });
  it("are made, filled and released with their offers in one change set", async () => {
    const done = await market.run([
      set("ReleaseOfferSet", {}),
      creation("CreateOfferSet", { Name: "Both" }, { of: "OfferSet@1.0", name: "Set" }),
      ...offerChanges({ from: creation("CreateOffer", { ProductId: product, OfferSetId: "$Set.Entity.Identifier" }) }),
    ]);
    expect(done.Status).toBe("SUCCEEDED");
    const id = (done.ChangeSet?.[1]?.Entity?.Identifier ?? "").split("@")[0] ?? "";
    const made = (done.ChangeSet?.[2]?.Entity?.Identifier ?? "").split("@")[0];
    expect((await market.entity(id)).document).toMatchObject({
      Name: "Both",
      State: "Released",
      Offers: [{ OfferId: made }],
    });
    expect((await market.entity(made ?? "")).document.OfferSetId).toBe(id);
    const { events } = await market.controls.ledger();
    expect(events.find(({ detailType }) => detailType === "OfferSet Released")?.envelope).toMatchObject({
      detail: { offerSet: { id, name: "Both" }, associatedOffers: [{ offer: { id: made } }] },
    });
  });
  it("take at most ten offers, only ours, and go out only when all of those are out", async () => {
    const create = creation("CreateOfferSet", { Name: "Set" }, { of: "OfferSet@1.0", name: "Set" });
    const draft = await market.run([creation("CreateOffer", { ProductId: product })]);
    const OfferId = (draft.ChangeSet?.[0]?.Entity?.Identifier ?? "").split("@")[0] ?? "";
    const filled = set("AssociateOffers", { Offers: [{ OfferId }] });
    expect(await later([create, filled, set("ReleaseOfferSet", {})])).toEqual(["ReleaseOfferSet INCOMPATIBLE_OFFERS"]);
    expect(await later([create, set("ReleaseOfferSet", {})])).toEqual(["ReleaseOfferSet MISSING_OFFERS"]);
    expect(await later([create, set("AssociateOffers", { Offers: [{ OfferId: "offer-nowhere" }] })])).toEqual([
      "AssociateOffers INVALID_OFFERS",
    ]);
    const eleven = Array.from({ length: 11 }, () => ({ OfferId }));
    await expect(market.start([create, set("AssociateOffers", { Offers: eleven })])).rejects.toMatchObject({
      name: "ValidationException",
      ValidationExceptionFieldList: [{ ChangeType: "AssociateOffers", Field: "Offers" }],
    });
  });

  it("make agreements that name them, of each offer, and none before the set is out", async () => {
    const create = creation("CreateOfferSet", { Name: "Waiting" }, { of: "OfferSet@1.0", name: "Set" });
    const from = creation("CreateOffer", { ProductId: product, OfferSetId: "$Set.Entity.Identifier" });
    const done = await market.run([create, ...offerChanges({ from })]);
    const [id = "", offer = ""] = [0, 1].map((at) => (done.ChangeSet?.[at]?.Entity?.Identifier ?? "").split("@")[0]);
    await expect(market.accept(offer)).rejects.toMatchObject({
      members: { Message: expect.stringContaining("has not been released") },
    });
    expect(await later([set("ReleaseOfferSet", {}, id)])).toEqual([]);
    await market.accept(offer);
    expect(await market.ofOffer(offer)).toMatchObject([{ proposalSummary: { offerId: offer, offerSetId: id } }]);
  });
});
