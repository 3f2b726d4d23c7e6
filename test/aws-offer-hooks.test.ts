/** EventBridge events of AWS Marketplace as hints: forms of AWS's documents, https://docs.aws.amazon.com/marketplace/latest/userguide/notifications-eventbridge.html */
import { describe, expect, it } from "vitest";
import { agreementTypes } from "../adapters/aws/offers/events.ts";
import type { Verdict } from "../adapters/contract.ts";
import { account, openSession, secrets, settings } from "./aws-double.ts";

const other = "999988887777";
const verify = async (event: object, over: object = { offers: {} }): Promise<Verdict> => {
  const { hooks } = openSession({ settings: { ...settings, ...over } }).session;
  if (hooks === undefined) throw new Error("no hooks");
  return hooks.verify({
    headers: { "x-cosell-key": secrets["hook-1"] ?? "" },
    body: new TextEncoder().encode(JSON.stringify(event)),
  });
};
const envelope = (source: string, type: string, detail: object, over: object = {}) => ({
  version: "0",
  id: "01234567-0123-0123-0123-0123456789ab",
  "detail-type": type,
  source,
  account,
  time: "2026-09-01T09:59:58Z",
  region: "us-east-1",
  resources: [],
  detail,
  ...over,
});
const released = (detail: object = {}, over: object = {}) =>
  envelope(
    "aws.marketplacecatalog",
    "Offer Released",
    {
      requestId: "r-1",
      catalog: "AWSMarketplace",
      offer: { id: "offer-1111111111111", arn: `arn:aws:catalog:us-east-1:${account}:Offer/offer-1111111111111` },
      sellerOfRecord: { accountId: account, name: "Seller" },
      ...detail,
    },
    {
      resources: [`arn:aws:aws-marketplace:us-east-1:${account}:AWSMarketplace/Offer/offer-1111111111111`],
      ...over,
    },
  );
const changeSet = (how: string, name: string, over: object = {}) =>
  envelope("aws.marketplacecatalog", `Change Set ${how}`, {
    requestId: "r-1",
    Catalog: "AWSMarketplace",
    ChangeSetId: "cs-example",
    ChangeSetName: name,
    StartTime: "2026-09-01T09:55:00Z",
    EndTime: "2026-09-01T09:59:00Z",
    ...over,
  });
const agreement = (type: string, members: object = {}, detail: object = {}, over: object = {}) =>
  envelope(
    "aws.agreement-marketplace",
    type,
    {
      requestId: "r-1",
      catalog: "AWSMarketplace",
      agreement: {
        id: "agmt-1",
        intent: "NEW",
        status: "ACTIVE",
        acceptanceTime: "2026-09-01T09:59:00Z",
        startTime: "2026-09-01T09:59:00Z",
        endTime: "9999-01-01T00:00:00Z",
        ...members,
      },
      acceptor: { accountId: "444455556666" },
      proposer: { accountId: account },
      offer: { id: "offer-1111111111111" },
      resaleAuthorization: { id: null },
      ...detail,
    },
    { resources: ["arn:aws:aws-marketplace::aws:agreement:agmt-1"], ...over },
  );
const hintsOf = (verdict: Verdict) =>
  verdict.kind === "verified" ? verdict.delivery.hints.map(({ kind, id }) => `${kind} ${id}`) : verdict.kind;
const keyOf = (verdict: Verdict) => (verdict.kind === "verified" ? verdict.delivery.key : null);

describe("events of AWS Marketplace", () => {
  it("name the offer, without revision, by its id or by the first resource where the detail has none", async () => {
    expect(hintsOf(await verify(released()))).toEqual(["offer offer-1111111111111"]);
    expect(hintsOf(await verify(released({ offer: { id: "offer-1111111111111@2" } })))).toEqual([
      "offer offer-1111111111111",
    ]);
    expect(hintsOf(await verify(released({ offer: {} })))).toEqual(["offer offer-1111111111111"]);
  });
  it("of an offer that a reseller made of our product are not ours to follow", async () => {
    expect(hintsOf(await verify(released({ sellerOfRecord: { accountId: other } })))).toBe("ignored");
  });
  it("of change sets, whose details have capitals, are ours when their name carries our mark", async () => {
    for (const how of ["Succeeded", "Failed", "Cancelled"]) {
      const verdict = await verify(changeSet(how, "cosell publish csl-7f3k2a9"));
      expect(verdict).toMatchObject({
        kind: "verified",
        delivery: { hints: [{ kind: "offer", id: "cs-example", key: "csl-7f3k2a9" }] },
      });
    }
    for (const name of ["Price change", "cosell rehearse csl-7f3k2a9 0123", "my cosell publish csl-1"])
      expect(hintsOf(await verify(changeSet("Succeeded", name)))).toBe("ignored");
  });
  it.each(agreementTypes)("%s names the agreement", async (type) => {
    expect(hintsOf(await verify(agreement(`${type} - Proposer`)))).toEqual(["agreement agmt-1"]);
  });
  it("told to both parties are one fact, and different facts are not", async () => {
    const made = ["Created", "Amended", "Ended"];
    const keys = await Promise.all(
      made.map(async (how) => {
        const proposer = agreement(
          `Purchase Agreement ${how} - Proposer`,
          {},
          {},
          { id: "e-1", time: "2026-09-01T10:00:01Z" },
        );
        const maker = agreement(
          `Purchase Agreement ${how} - Manufacturer`,
          {},
          {},
          { id: "e-2", time: "2026-09-01T10:00:03Z" },
        );
        const [first, second] = [keyOf(await verify(proposer)), keyOf(await verify(maker))];
        expect(first).toBe(second);
        return first;
      }),
    );
    const later = { time: "2026-09-02T10:00:01Z" };
    const others = [
      agreement("Purchase Agreement Created - Proposer", { id: "agmt-2" }),
      agreement("Purchase Agreement Created - Proposer", { intent: "RENEW" }),
      agreement("Purchase Agreement Amended - Proposer", { endTime: "2027-09-01T00:00:00Z" }),
      agreement("Purchase Agreement Amended - Proposer", {}, {}, later),
      agreement("Purchase Agreement Ending - Proposer", {}, {}, { id: "e-3" }),
      agreement("Purchase Agreement Ending - Proposer", {}, {}, { id: "e-4" }),
    ];
    for (const event of others) keys.push(keyOf(await verify(event)));
    expect(new Set(keys).size).toBe(made.length + others.length);
  });
  it("of a reseller's agreement say to look at our authorization, and nothing without one", async () => {
    const sold = { proposer: { accountId: other }, resaleAuthorization: { id: "resaleauthz-1@3" } };
    expect(hintsOf(await verify(agreement("Purchase Agreement Created - Manufacturer", {}, sold)))).toEqual([
      "offer resaleauthz-1",
    ]);
    const bought = { proposer: { accountId: other } };
    expect(hintsOf(await verify(agreement("Purchase Agreement Created - Manufacturer", {}, bought)))).toBe("ignored");
  });
  it.each([
    ["another account", released({}, { account: other })],
    ["another region", released({}, { region: "eu-west-1" })],
    ["another catalog", released({ catalog: "AWSMarketplaceTest" })],
    ["no catalog", released({ catalog: null })],
    ["a source of AWS Marketplace that tells nothing of offers", { ...released(), source: "aws.marketplace" }],
    ["a detail-type that is not known", { ...released(), "detail-type": "Products Security Report Created" }],
    ["an agreement type that is not known", agreement("Purchase Agreement Imagined - Proposer")],
    ["an offer without any id", released({ offer: {} }, { resources: [] })],
    ["an id that is none", released({ offer: { id: "x".repeat(65) } })],
  ])("with %s are acknowledged and never acted on", async (_what, event) => {
    expect(hintsOf(await verify(event))).toBe("ignored");
  });
  it("are not taken by a connection that makes no offers", async () => {
    expect(hintsOf(await verify(released(), {}))).toBe("ignored");
  });
});
