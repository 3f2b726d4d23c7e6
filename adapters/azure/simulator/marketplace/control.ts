/** The operator's side of the marketplace: what buyers, selling partners and people at Partner Center do, on demand. */
import * as z from "zod";
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { notFound, refusal } from "../answers.ts";
import type { World } from "../world.ts";
import type { Buyers } from "./buyers.ts";
import { catalogue } from "./catalogue.ts";
import type { Offers } from "./offers.ts";
import type { Operations } from "./operations.ts";
import type { OfferedPlan } from "./pricing.ts";
import type { Reports } from "./reports.ts";
import { callForgeries, type OfferRecord, type OperationRecord, type SubscriptionRecord } from "./rows.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Tenancy } from "./tenancy.ts";
import type { WebCalls } from "./webcalls.ts";

const account = z.string().optional().describe("the partner organization; default: the first the simulator knows");
const choiceShape = {
  planId: z.string().optional(),
  termMonths: z.int().min(1).optional(),
  quantity: z.int().min(1).optional(),
};
export const choiceSchema = z.strictObject(choiceShape);
export const subscribeSchema = z.strictObject({
  ...choiceShape,
  productId: z.string().optional().describe("the publisher's own name of the product; default: the first"),
  company: z.string().min(1).default("Walk-in Customer"),
  account,
});
export const subscriptionActSchema = z.strictObject({
  planId: z.string().optional(),
  quantity: z.int().min(1).optional(),
  visit: z.boolean().default(false).describe("with land: the buyer's browser opens the landing page"),
  autoRenew: z.boolean().optional().describe("with renewal: whether the next term follows by itself"),
});
export const technicalSchema = z.strictObject({
  account,
  webhookUrl: z.url().nullish().describe("the connection webhook; null: none"),
  landingPageUrl: z.url().nullish(),
});
export const forgeCallSchema = z.strictObject({
  kind: z.enum(callForgeries).describe("what is wrong with the token"),
  subscriptionId: z.string(),
});
export const originateSchema = z.strictObject({
  account,
  name: z.string().min(1).default("Offer of an originator"),
  beneficiary: z.string().min(1),
  end: z.iso.date(),
  acceptBy: z.iso.date(),
});
const offerActs = ["publish", "accept", "purchase", "ignore", "retract"] as const;
const subscriptionActs = ["land", "change", "suspend", "reinstate", "renew", "unsubscribe", "renewal"] as const;

export interface MarketplaceControlParts {
  readonly buyers: Buyers;
  readonly tenancy: Tenancy;
  readonly offers: Offers;
  readonly subscriptions: Subscriptions;
  readonly operations: Operations;
  readonly calls: WebCalls;
  readonly reports: Reports;
}

export const createMarketplaceControls = (world: World, parts: MarketplaceControlParts) => {
  const { buyers, tenancy, offers, subscriptions, operations, calls, reports } = parts;
  const { ledger, credentials } = world;
  const someone = (named: string | undefined): string => named ?? credentials[0]?.organizationId ?? "";
  const offerBrief = (row: OfferRecord): JsonObject => ({
    ...offers.view(row),
    acceptedAt: row.acceptedAt,
    purchasedAt: row.purchasedAt,
    channelPublishedAt: row.channelPublishedAt,
    ended: row.ended,
  });
  const begun = (operation: OperationRecord): JsonObject => ({ operation: operations.view(operation) });

  const onOffer: Readonly<
    Record<(typeof offerActs)[number], (row: OfferRecord, choice: z.infer<typeof choiceSchema>) => JsonObject>
  > = {
    publish: (row) => offerBrief(buyers.publish(row)),
    accept: (row) => offerBrief(buyers.accept(row)),
    ignore: (row) => offerBrief(buyers.ignore(row)),
    retract: (row) => offerBrief(buyers.retract(row)),
    purchase: (row, choice) => ({ subscriptions: buyers.purchase(row, choice).map(subscriptions.view) }),
  };
  type Act = z.infer<typeof subscriptionActSchema>;
  const onSubscription: Readonly<
    Record<(typeof subscriptionActs)[number], (row: SubscriptionRecord, act: Act) => JsonObject>
  > = {
    land: (row, { visit }) => ({ ...buyers.land(row, visit) }),
    change: (row, { planId, quantity }) => begun(tenancy.change(row, { planId, quantity })),
    suspend: (row) => begun(tenancy.suspend(row)),
    reinstate: (row) => begun(tenancy.reinstate(row)),
    renew: (row) => begun(tenancy.renew(row)),
    unsubscribe: (row) => begun(tenancy.unsubscribe(row)),
    renewal: (row, { autoRenew }) => subscriptions.view(tenancy.setRenewal(row, autoRenew ?? !row.autoRenew)),
  };
  /** `<id>/<act>`, as a route's tail has it. */
  const parted = <T extends string>(tail: string, acts: readonly T[]): { readonly id: string; readonly act: T } => {
    const cut = tail.lastIndexOf("/");
    const act = acts.find((known) => known === tail.slice(cut + 1));
    if (cut < 1 || act === undefined)
      throw refusal("invalidRequest", `Name an id and one of: ${acts.join(", ")}; not ${tail}`);
    return { id: tail.slice(0, cut), act };
  };

  return {
    /** `<offer's id>/accept` and the like. */
    onOffer: (tail: string, choice: z.infer<typeof choiceSchema> = {}): JsonObject => {
      const { id, act } = parted(tail, offerActs);
      return onOffer[act](buyers.find(id), choice);
    },
    /** `<subscription's id>/land` and the like. */
    onSubscription: (tail: string, act: z.input<typeof subscriptionActSchema> = {}): JsonObject => {
      const { id, act: name } = parted(tail, subscriptionActs);
      return onSubscription[name](tenancy.find(id), subscriptionActSchema.parse(act));
    },
    /** Somebody buys a public plan, without any offer. */
    subscribe: (input: z.input<typeof subscribeSchema> = {}): JsonObject => {
      const { productId, company, account: named, planId, termMonths, quantity } = subscribeSchema.parse(input);
      const product = catalogue.find(({ externalId }) => productId === undefined || externalId === productId);
      const plan = product?.plans.find(({ externalId }) => planId === undefined || externalId === planId);
      if (!product || !plan) throw notFound("plan", `${productId ?? ""} ${planId ?? ""}`);
      const offered: OfferedPlan = { ...plan, product, planId: plan.externalId, name: plan.alias };
      const buyer = buyers.buyerOf(world.uuid("billing account"), company);
      const choice = { planId, termMonths, quantity };
      const bought = buyers.buy({ account: someone(named), offer: null, offered, buyer, choice });
      return bought === null ? {} : subscriptions.view(bought);
    },
    technical: () => ({ technical: ledger.technical.all() }),
    setTechnical: (input: z.input<typeof technicalSchema>) => {
      const { account: named, ...wanted } = technicalSchema.parse(input);
      const before = ledger.technical.get(someone(named)) ?? { webhookUrl: null, landingPageUrl: null };
      const row = {
        account: someone(named),
        webhookUrl: wanted.webhookUrl === undefined ? before.webhookUrl : wanted.webhookUrl,
        landingPageUrl: wanted.landingPageUrl === undefined ? before.landingPageUrl : wanted.landingPageUrl,
      };
      ledger.technical.put(row.account, row);
      return row;
    },
    /** Somebody calls the webhook in the marketplace's name, about the last operation of a subscription. */
    forgeCall: (input: z.input<typeof forgeCallSchema>) => {
      const { kind, subscriptionId } = forgeCallSchema.parse(input);
      const row = tenancy.find(subscriptionId);
      const last = ledger.operations
        .all()
        .filter((operation) => operation.subscriptionId === row.id)
        .at(-1);
      if (!last) throw refusal("conflict", `Subscription ${row.id} has had no operation to lie about`);
      return { scheduled: calls.forged(last, kind) };
    },
    /** An originator names this account as the selling partner of a multiparty offer: it lies there as a draft. */
    originate: (input: z.input<typeof originateSchema>): JsonObject => {
      const { account: named, name, beneficiary, end, acceptBy } = originateSchema.parse(input);
      const [product] = catalogue;
      const plan = product?.plans[0];
      const owner = credentials.find(({ organizationId }) => organizationId === someone(named));
      if (!product || !plan || !owner) throw notFound("account", someone(named));
      const now = world.now();
      const at = now.toISOString();
      const id = world.uuid("private offer");
      const row: OfferRecord = {
        id,
        account: owner.organizationId,
        sequence: world.sequence(),
        fate: world.nextFate(`originated ${owner.organizationId}`),
        document: {
          name,
          privateOfferType: "multiPartyPromotionChannelPartner",
          offerPricingType: "editExistingOfferPricingOnly",
          variableStartDate: true,
          end,
          acceptBy,
          notificationContacts: [],
          originatorTermsAndConditionsDocs: [],
          termsAndConditionsDocs: [],
          beneficiaries: [{ id: beneficiary, description: "Customer of the selling partner" }],
          partners: [{ id: owner.mpnId, partnerName: owner.organizationName, location: "United States" }],
          originatorPricing: [
            {
              product: `product/${product.id}`,
              plan: `plan/${product.id}/${plan.id}`,
              productName: product.alias,
              planName: plan.alias,
              discountType: "percentage",
              discountPercentage: 10,
            },
          ],
        },
        state: "draft",
        createdAt: at,
        modifiedAt: at,
        etag: world.etag(now),
        channelPublishedAt: null,
        acceptedAt: null,
        purchasedAt: null,
        ended: null,
      };
      ledger.offers.put(id, row);
      return offerBrief(row);
    },
    /** The files that finance had got by a day, YYYY-MM-DD; null: by today. */
    reports: (until: string | null, named?: string) => ({
      files: reports.files(someone(named), until ?? world.now().toISOString().slice(0, 10)),
    }),
    replayCalls: (last: number): number => calls.replay(last),
    /** Everything the marketplace holds, for a judge. Landing tokens are left out. */
    ledger: () => ({
      jobs: ledger.jobs.all(),
      offers: ledger.offers.all(),
      subscriptions: ledger.subscriptions.all(),
      operations: ledger.operations.all(),
      calls: ledger.calls
        .all()
        .toSorted((a, b) => a.sequence - b.sequence)
        .map((call) => (call.kind === "landing" ? { ...call, body: "" } : call)),
      technical: ledger.technical.all(),
      orders: ledger.orders.all(),
      lines: ledger.lines.all(),
      reports: ledger.reports.all(),
      exports: ledger.exports.all(),
    }),
  };
};
export type MarketplaceControls = ReturnType<typeof createMarketplaceControls>;
