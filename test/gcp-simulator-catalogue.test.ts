import { describe, expect, it } from "vitest";
import {
  productServicesSchema,
  skuGroupsSchema,
  skusSchema,
  standardOffersSchema,
} from "../adapters/gcp/wire-offers.ts";
import { enterprise, openMarketplace, producer, project, service } from "./gcp-marketplace-rig.ts";
import { channelScope, codeOf, rawOf, requestOf } from "./gcp-simulator-rig.ts";

describe("the catalogue", () => {
  const rig = openMarketplace();
  it("lists services, plans, SKUs and groups of the partner's project in pages", async () => {
    const first = await rig.ok(rig.call("GET", `${producer}/services?pageSize=2`));
    const second = await rig.ok(rig.call("GET", `${producer}/services?pageSize=2&pageToken=${first.nextPageToken}`));
    expect([first, second].map((page) => productServicesSchema.parse(page).services?.length)).toEqual([2, 1]);
    const at = (path: string) => `https://commerceproducer.googleapis.com/v1beta/${path}`;
    const plans = standardOffersSchema.parse(await rig.ok(rig.call("GET", at(`${service}/standardOffers`))));
    expect(plans.standardOffers?.map(({ name, serviceLevel }) => [name, serviceLevel])).toContainEqual([
      enterprise,
      "enterprise",
    ]);
    const current = await rig.ok(
      rig.call("GET", at(`${service}/standardOffers?filter=expire_time > "2020-01-01T00:00:00Z"`)),
    );
    expect(current.standardOffers).toHaveLength(1);
    const full = await rig.ok(rig.call("GET", at(`${enterprise}?view=STANDARD_OFFER_VIEW_FULL`)));
    expect(full.serviceLevelTitle).toBe("Enterprise");
    expect(skusSchema.parse(await rig.ok(rig.call("GET", at(`${service}/skus`)))).skus).toHaveLength(3);
    expect(skuGroupsSchema.parse(await rig.ok(rig.call("GET", `${producer}/skuGroups`))).skuGroups).toHaveLength(1);
    expect((await rig.call("GET", at(`${service}/skus/none`))).status).toBe(404);
  });
  it("is closed to other projects, other locations, and tokens without the scope or the permission", async () => {
    const elsewhere = producer.replace(project, "other-project");
    expect((await rig.call("GET", `${elsewhere}/services`)).status).toBe(403);
    expect((await rig.call("GET", `${producer.replace("/global", "/us")}/services`)).status).toBe(400);
    const bearer = await rig.signIn(channelScope);
    const narrow = await rawOf(await rig.simulator.fetch(requestOf("GET", `${producer}/services`, { bearer })));
    expect([narrow.status, narrow.body.error.details[0].reason]).toEqual([403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]);
    await rig.controls.revokeRole({ surface: "producer" });
    expect(codeOf(await rig.call("GET", `${producer}/services`))).toBe("PERMISSION_DENIED");
    await rig.controls.grantRole({ surface: "producer" });
  });
});
