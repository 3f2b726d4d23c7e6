import { describe, expect, it } from "vitest";
import { amendmentTargetSchema } from "../adapters/gcp/wire-offers.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  buyer,
  custom,
  day,
  enterprise,
  flat,
  goodOffer,
  openMarketplace,
  price,
  producer,
  project,
  repriced,
} from "./gcp-marketplace-rig.ts";
import { fieldsOf } from "./gcp-simulator-rig.ts";

describe("an amendment", () => {
  const target = async (rig: ReturnType<typeof openMarketplace>) => {
    const asked = new URLSearchParams({ targetBillingAccount: buyer, baseStandardOffer: enterprise });
    return amendmentTargetSchema.parse(
      await rig.ok(rig.call("GET", `${producer}/privateOffers:resolveAmendmentTarget?${asked}`)),
    );
  };
  const name = (id: string) => `projects/${project}/locations/global/privateOffers/${id}`;
  it("is of nothing while the customer has no order, of the private offer or the plan once there is one", async () => {
    const rig = openMarketplace();
    expect(await target(rig)).toEqual({});
    expect((await rig.call("GET", `${producer}/privateOffers:resolveAmendmentTarget`)).status).toBe(400);
    const { offer } = await rig.running();
    expect(await target(rig)).toEqual({ requiredPrivateOffer: name(offer) });
    await rig.controls.change({ marketplace: { multipleOrders: true } });
    expect(await target(rig)).toEqual({ optionalOffers: { privateOffers: [name(offer)] } });
    const byList = openMarketplace();
    const { id, entitlement } = await byList.controls.purchase({ billingAccount: buyer, plan: "enterprise-p1y" });
    await byList.approveAccount(String(entitlement.account));
    await byList.approve(id);
    await byList.controls.advance(1);
    expect(await target(byList)).toEqual({ requiredStandardOffer: enterprise });
  });
  it("must name the order that is there, and keep to its kind, its rhythm and half its value", async () => {
    const rig = openMarketplace();
    const { offer } = await rig.running();
    const at = "private_offer.single_product_offer";
    const obstacles = async (body: JsonObject) => {
      const made = await rig.ok(rig.call("POST", `${producer}/privateOffers`, body));
      await rig.call("POST", `${rig.offerAt(made.name)}/documents`, {
        documentType: "STANDARD_END_USER_LICENSE_AGREEMENT_V2",
      });
      const answer = await rig.publish(made.name, { validateOnly: true });
      return answer.status === 200 ? [] : fieldsOf(answer);
    };
    const amending = { amendedPrivateOffer: name(offer) };
    expect(await obstacles(goodOffer())).toEqual([`${at}.amended_private_offer`]);
    expect(await obstacles(goodOffer(price(amending)))).toEqual([]);
    const monthly = { standardInterval: "MONTHLY_NOT_PRORATED", priceModel: flat(10_000) };
    expect(await obstacles(goodOffer(price({ ...amending, standardIntervalPrice: monthly })))).toEqual([
      `${at}.standard_interval_price.standard_interval`,
    ]);
    const cheap = { standardIntervalPrice: { priceModel: flat(59_999) } };
    expect(await obstacles(goodOffer(price({ ...amending, ...cheap })))).toEqual([at]);
    const own = custom({ priceModel: flat(100_000) }, { startTime: day(2026, 8, 1), priceModel: flat(40_000) });
    expect(await obstacles(repriced({ ...own, ...amending }))).toEqual([`${at}.custom_interval_price.installments`]);
  });
  it("of a migration, a shift or a renewal is never NEW while the term runs", async () => {
    const rig = openMarketplace();
    const { offer } = await rig.running({ offerDealType: "MIGRATION" });
    const id = await rig.draft(price({ amendedPrivateOffer: name(offer) }));
    expect(fieldsOf(await rig.publish(id))).toEqual(["private_offer.offer_deal_type"]);
  });
});
