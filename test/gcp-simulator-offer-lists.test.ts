import { describe, expect, it } from "vitest";
import { privateOffersSchema } from "../adapters/gcp/wire-offers.ts";
import { goodOffer, openMarketplace, producer } from "./gcp-marketplace-rig.ts";
import { fieldsOf } from "./gcp-simulator-rig.ts";

describe("an offer that somebody else made", () => {
  it("is found in the list, published, and held to the same rules; a reseller's names its plan in the full view", async () => {
    const rig = openMarketplace();
    const made = await rig.controls.makeOffer({ offer: goodOffer({ internalNote: "" }) });
    const reseller = { contact: "Ruth Reseller", email: "ruth@reseller.example", planId: "rpop-1" };
    const resold = await rig.controls.makeOffer({ offer: goodOffer(), reseller });
    await expect(rig.controls.makeOffer({ offer: { title: "Not enough" } })).rejects.toThrow("INVALID_ARGUMENT");
    expect((await rig.controls.makeOffer({ offer: {}, publish: false })).state).toBe("DRAFT");
    const { privateOffers } = privateOffersSchema.parse(await rig.ok(rig.call("GET", `${producer}/privateOffers`)));
    expect(privateOffers?.map(({ name, state }) => [name, state])).toEqual([
      [made.name, "PUBLISHED"],
      [resold.name, "PUBLISHED"],
      [expect.any(String), "DRAFT"],
    ]);
    expect(privateOffers?.[1]?.resellerContact).toEqual({ contact: reseller.contact, email: reseller.email });
    expect(privateOffers?.[1]?.singleProductOffer?.resellerPrivateOfferPlanId).toBeUndefined();
    expect((await rig.offer(String(resold.name))).singleProductOffer.resellerPrivateOfferPlanId).toBe("rpop-1");
  });
});

describe("lists and views", () => {
  const rig = openMarketplace();
  it("leave out of the basic view what Google works out, and may leave out all contents", async () => {
    const id = await rig.published();
    const basic = await rig.ok(rig.call("GET", rig.offerAt(id)));
    expect(basic.singleProductOffer.contractValue).toBeUndefined();
    expect(basic.internalNote).toBe("cosell:offer-1");
    await rig.controls.change({ marketplace: { basicView: "metadata" } });
    const [listed] = (await rig.ok(rig.call("GET", `${producer}/privateOffers`))).privateOffers;
    expect([listed.state, listed.internalNote, listed.customer]).toEqual(["PUBLISHED", undefined, undefined]);
    expect((await rig.offer(id)).internalNote).toBe("cosell:offer-1");
    await rig.controls.change({ marketplace: { basicView: "documented" } });
  });
  it("are filtered and sorted by update_time alone, in pages whose tokens are good for one question", async () => {
    for (let count = 0; count < 4; count += 1) await rig.draft();
    const list = (query: string) => rig.call("GET", `${producer}/privateOffers?${query}`);
    const all = (await list("orderBy=update_time desc")).body.privateOffers;
    expect(all.map(({ updateTime }: { updateTime: string }) => updateTime)).toEqual(
      all
        .map(({ updateTime }: { updateTime: string }) => updateTime)
        .toSorted()
        .toReversed(),
    );
    const since = (await list(`filter=update_time > "${all[2].updateTime}"`)).body.privateOffers;
    expect(since).toHaveLength(2);
    for (const query of ["filter=state = DRAFT", 'filter=internal_note = "x"', "orderBy=title"])
      expect((await list(query)).status).toBe(400);
    const page = (await list("pageSize=3")).body;
    const rest = (await list(`pageSize=3&pageToken=${page.nextPageToken}`)).body;
    expect([page.privateOffers.length, rest.privateOffers.length, rest.nextPageToken]).toEqual([3, 2, undefined]);
    expect(fieldsOf(await list(`orderBy=update_time&pageToken=${page.nextPageToken}`))).toEqual(["page_token"]);
  });
  it("may lag behind a create that has happened", async () => {
    await rig.controls.setFaults([{ on: "privateOffers.create", fault: "search_lag", seconds: 60 }]);
    const id = await rig.draft({ internalNote: "cosell:late" });
    await rig.controls.clearFaults();
    const find = async () =>
      (await rig.ok(rig.call("GET", `${producer}/privateOffers`))).privateOffers.filter(({ name }: { name: string }) =>
        name.endsWith(id),
      );
    expect(await find()).toHaveLength(0);
    rig.pause(60);
    expect(await find()).toHaveLength(1);
  });
});
