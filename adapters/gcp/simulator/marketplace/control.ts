/** The operator's side of the marketplace: what buyers, Google's people and the clock of billing would do, on demand. */
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../../../../src/domain/deal.ts";
import { unstruck } from "../../../simulator/faults.ts";
import { invalid, notFound, violation } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import { billingOf } from "./billing.ts";
import { type Plan, planById, projectOf } from "./catalogue.ts";
import { accountView, entitlementView } from "./entitlements.ts";
import type { Marketplace } from "./index.ts";
import { offerState } from "./offers.ts";
import { unfit } from "./orderbook.ts";
import { standardAgreement } from "./publishing.ts";
import {
  type BuyerAccountRecord,
  billingKinds,
  type ChargeRecord,
  type EntitlementRecord,
  forgerySchema,
  type OfferRecord,
} from "./records.ts";
import { reportFiles } from "./reports.ts";

const id = z.string().min(1);
const billingAccount = z.string().regex(/^billingAccounts\/[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$/);
export const idSchema = z.strictObject({ id: id.describe("an offer's or an entitlement's id or name") });
export const subscriptionInputSchema = z.strictObject({
  url: z.url().describe("where messages are pushed to"),
  audience: z.string().min(1).optional().describe("of the tokens; default: the url"),
  serviceAccount: z.string().min(3).optional().describe("whose tokens are sent; default: an invented push account"),
});
export const billingInputSchema = z.strictObject({
  id: billingAccount,
  kind: z.enum(billingKinds).default("ordinary"),
  organization: z.string().optional(),
  domain: z.string().optional(),
  country: z.string().length(2).optional(),
});
export const makeOfferSchema = z.strictObject({
  offer: jsonObjectSchema.describe("as in privateOffers.create"),
  publish: z.boolean().default(true),
  reseller: z
    .strictObject({ contact: z.string(), email: z.string(), planId: z.string() })
    .optional()
    .describe("a reseller made it, from a reseller private offer plan of the partner's"),
});
export type MakeOfferInput = Omit<z.input<typeof makeOfferSchema>, "offer"> & { readonly offer: JsonObject };
export const purchaseSchema = z.strictObject({
  billingAccount,
  plan: z.string().default("team-p1m").describe("a plan's id: enterprise-p1y, team-p1m, metered or rollout-p1m"),
});
export const changePlanSchema = z.strictObject({ id, plan: z.string() });
export const cancelSchema = z.strictObject({ id, at: z.enum(["term_end", "once"]).default("term_end") });
export const suspendSchema = z.strictObject({ id, suspended: z.boolean().default(true) });
export const renewalSchema = z.strictObject({ id, renews: z.boolean() });
export const endSchema = z.strictObject({
  id,
  reason: z.enum(["unknown", "expired", "account-closed", "billing-disabled", "migrated"]).default("billing-disabled"),
});
export const accountInputSchema = z.strictObject({
  billingAccount,
  isTest: z.boolean().default(false).describe("one of the partner's own, which may be reset"),
});
export const settleSchema = z.strictObject({ id, as: z.enum(["released", "abandoned"]).default("released") });
export const forgeSchema = z.strictObject({
  kind: forgerySchema.describe("what is wrong with the delivery"),
  id: id.optional().describe("the entitlement it tells of; default: the last one, or one that does not exist"),
  eventType: z.string().default("ENTITLEMENT_ACTIVE"),
});
export const lastSchema = z.strictObject({ last: z.number().int().min(1).default(1) });
export const reportsSchema = z.strictObject({
  until: z.iso.date().optional().describe("the last day whose reports are wanted; default: today"),
});

export interface MarketplaceControlParts {
  readonly marketplace: Marketplace;
  readonly credential: { readonly projectId: string };
  readonly transact: <T>(work: () => T | Promise<T>) => Promise<T>;
  readonly tick: () => Promise<number>;
}

export const createMarketplaceControls = (world: World, parts: MarketplaceControlParts) => {
  const { ledger } = world;
  const { marketplace, transact, tick } = parts;
  const { offers, orders, changes, books, pushes } = marketplace;
  const project = projectOf(parts.credential);
  const occasion = (): Occasion => ({ now: world.now(), struck: unstruck });
  const offerOf = (name: string): OfferRecord => {
    const row = ledger.offers.get(name.split("/").at(-1) ?? "");
    if (!row) throw notFound(name);
    return row;
  };
  const planNamed = (name: string): Plan => {
    const plan = planById(name);
    if (plan === null) throw invalid([violation("plan", `There is no plan ${name} in the simulated catalogue`)]);
    return plan;
  };
  const brief = (row: EntitlementRecord) => ({ id: row.id, entitlement: entitlementView(world, row) });
  const accountOf = (name: string): BuyerAccountRecord => {
    const row = ledger.buyerAccounts.get(name.split("/").at(-1) ?? "");
    if (!row) throw notFound(name);
    return row;
  };
  /** The last charge of an order, or a charge by its own id. */
  const chargeOf = (name: string): ChargeRecord => {
    const last = ledger.charges
      .all()
      .filter((row) => row.entitlement === name.split("/").at(-1) && row.kind !== "refund")
      .at(-1);
    const row = ledger.charges.get(name) ?? last;
    if (!row) throw notFound(name);
    return row;
  };
  const onOrder = (work: (row: EntitlementRecord) => EntitlementRecord) => (name: string) =>
    transact(() => brief(work(orders.book.byName(name))));
  const thenTick = async <T>(result: T): Promise<T> => {
    await tick();
    return result;
  };

  return {
    /** Pushes go to this address from now on. */
    subscribe: (input: z.input<typeof subscriptionInputSchema>) =>
      transact(() => {
        const { url, audience, serviceAccount } = subscriptionInputSchema.parse(input);
        const row = {
          id: `projects/${project}/subscriptions/marketplace-push`,
          url,
          audience: audience ?? url,
          serviceAccount: serviceAccount ?? `marketplace-push@${project}.iam.gserviceaccount.com`,
        };
        ledger.subscriptions.put(row.id, row);
        return row;
      }),
    unsubscribe: () =>
      transact(() => {
        for (const one of ledger.subscriptions.ids()) ledger.subscriptions.remove(one);
        return { subscriptions: 0 };
      }),
    /** What a customer's billing account is. */
    putBillingAccount: (input: z.input<typeof billingInputSchema>) =>
      transact(() => {
        const { id: name, kind, organization, domain, country } = billingInputSchema.parse(input);
        const row = {
          id: name,
          kind,
          organization: organization ?? null,
          domain: domain ?? null,
          country: country ?? null,
        };
        ledger.billingAccounts.put(name, row);
        return row;
      }),
    /** Google lets a reviewed offer through, or publishes one at once. */
    reviewOffer: (name: string) =>
      transact(() => {
        const row = offerOf(name);
        if (offerState(row) !== "PUBLISHING")
          throw invalid([violation(name, `The offer is ${offerState(row)}, not PUBLISHING`)]);
        const isReviewed = row.document.publishRequirementGoogleReview !== undefined;
        return offers.views.stored(isReviewed ? offers.reviewed(row, occasion()) : offers.published(row, occasion()));
      }),
    /** Somebody makes an offer in Producer Portal, or a reseller in Partner Sales Console. */
    makeOffer: (input: MakeOfferInput) =>
      transact(() => {
        const { offer, publish, reseller } = makeOfferSchema.parse(input);
        const row = offers.draft(project, offer, occasion());
        const stamp = row.createdAt;
        const document = { documentType: standardAgreement };
        const documentId = world.uuid("document");
        ledger.offerDocuments.put(documentId, {
          id: documentId,
          offer: row.id,
          createdAt: stamp,
          updatedAt: stamp,
          document,
        });
        const problems = publish ? offers.obstacles(row, world.now()) : [];
        if (problems.length > 0) throw invalid(problems);
        const made = reseller === undefined ? {} : resold(reseller);
        const saved = offers.save(row, { ...made, ...(publish ? { state: "PUBLISHING" } : {}) }, occasion());
        return offers.views.stored(publish ? offers.published(saved, occasion()) : saved);
      }),
    acceptOffer: (name: string) => transact(() => brief(orders.accept(offerOf(name), changes.request, occasion()))),
    /** A buyer buys a plan by list. */
    purchase: (input: z.input<typeof purchaseSchema>) =>
      transact(() => {
        const { plan, billingAccount: buyer } = purchaseSchema.parse(input);
        return brief(orders.purchase({ project, billingAccount: buyer, plan: planNamed(plan) }, occasion()));
      }),
    changePlan: (name: string, plan: string) =>
      onOrder((row) => changes.request(row, { plan: planNamed(plan), offerId: null }, occasion()))(name),
    withdrawChange: onOrder((row) => changes.withdraw(row, occasion())),
    cancelOrder: (name: string, at: "term_end" | "once" = "term_end") =>
      onOrder((row) => changes.cancel(row, at === "once", occasion()))(name),
    revertCancellation: onOrder((row) => changes.revert(row, occasion())),
    setRenewal: (name: string, renews: boolean) =>
      onOrder((row) => orders.book.save(row, { willRenew: renews }, occasion()))(name),
    /** The order ends for a reason of Google's. */
    endOrder: (name: string, reason = "billing-disabled") =>
      onOrder((row) => orders.stop(row, reason, occasion()))(name),
    /** The order rests, as while its customer does not pay, or goes on. Nothing is published about that. */
    suspendOrder: (name: string, isSuspended = true) =>
      onOrder((row) => {
        const [from, to] = isSuspended
          ? ["ENTITLEMENT_ACTIVE", "ENTITLEMENT_SUSPENDED"]
          : ["ENTITLEMENT_SUSPENDED", "ENTITLEMENT_ACTIVE"];
        if (row.state !== from) throw unfit(row, `it must be ${from} for this`);
        return orders.book.save(row, { state: to ?? row.state }, occasion());
      })(name),
    deleteOrder: (name: string) =>
      onOrder((row) => {
        orders.remove(orders.cancelled(row, occasion()), occasion());
        return row;
      })(name),
    /** A buyer's account comes to be without a purchase. */
    putAccount: (input: z.input<typeof accountInputSchema>) =>
      transact(() => {
        const { billingAccount: buyer, isTest } = accountInputSchema.parse(input);
        const row = { ...marketplace.accounts.of(buyer, project, occasion()), isTest };
        ledger.buyerAccounts.put(row.id, row);
        return { id: row.id, account: accountView(row, true) };
      }),
    /** A buyer closes the account: all its orders end and are deleted. */
    deleteAccount: (name: string) =>
      transact(() => {
        const row = accountOf(name);
        orders.closeAll(row, { reason: "account-closed", isDeleted: true }, occasion());
        ledger.buyerAccounts.remove(row.id);
        pushes.account("ACCOUNT_DELETED", row, occasion());
        return { deleted: row.id };
      }),
    /** What a billing account is to the reports and to publishing. */
    billingAccount: (name: string) => transact(() => billingOf(world, name)),
    refund: (name: string) => transact(() => books.refund(chargeOf(name))),
    withhold: (name: string) => transact(() => books.withhold(chargeOf(name))),
    settle: (name: string, as: "released" | "abandoned" = "released") =>
      transact(() => books.settle(chargeOf(name), as)),
    /** Report files as Google would have delivered them by a day. */
    reports: (input: z.input<typeof reportsSchema> = {}) =>
      transact(() => ({ files: reportFiles(world, offers.views, reportsSchema.parse(input).until ?? null) })),
    /** Somebody else pushes as if it were Google. */
    forge: (input: z.input<typeof forgeSchema>) =>
      transact(() => {
        const { kind, id: name, eventType } = forgeSchema.parse(input);
        const last = ledger.entitlements.all().at(-1);
        const row = name === undefined ? last : orders.book.byName(name);
        const subject = row?.id ?? world.uuid("forged");
        const told = { entitlement: { id: subject, updateTime: world.stamp(world.now()) } };
        return { scheduled: pushes.forge(kind, { eventType, provider: project, subject, told }) };
      }).then(thenTick),
    /** Google signs its push tokens with another key from now on. */
    rotatePushKey: () => transact(() => ({ rotations: pushes.tokens.rotate() })),
    replay: (last = 1) => transact(() => ({ scheduled: pushes.replay(last) })).then(thenTick),
    shuffle: () => transact(() => ({ shuffled: pushes.shuffle() })).then(thenTick),
  };
};

/** What an offer says of the reseller who made it. */
const resold = ({
  contact,
  email,
  planId,
}: {
  readonly contact: string;
  readonly email: string;
  readonly planId: string;
}) => ({
  resellerContact: { contact, email },
  "singleProductOffer.resellerPrivateOfferPlanId": planId,
});

export type MarketplaceControls = ReturnType<typeof createMarketplaceControls>;
