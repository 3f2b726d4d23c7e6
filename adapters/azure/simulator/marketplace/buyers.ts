/**
 * The buyer's side: private offers accepted, bought, configured, or left alone until their last day; subscriptions that change, pause,
 * renew and end. Accepted is not purchased, and purchased is not configured.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/isv-customer-faq
 */
import { isObject, listAt, textAt } from "../../../simulator/document.ts";
import { unstruck } from "../../../simulator/faults.ts";
import { addDays } from "../../../simulator/ground.ts";
import { bareId } from "../../wire-offers.ts";
import { refusal } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import type { Billing } from "./billing.ts";
import { publisherId } from "./catalogue.ts";
import type { OfferedPlan, OfferPricing } from "./pricing.ts";
import type { Buyer, Charge, MarketplaceKind, OfferRecord, SubscriptionRecord } from "./rows.ts";
import { type OfferType, offerTypeOf } from "./shapes.ts";
import { type Subscriptions, termMonths } from "./subscriptions.ts";
import type { WebCalls } from "./webcalls.ts";

const dayMs = 86_400_000;
const tokenLetters = 48;

/** What a buyer chooses; what is left out is chosen for it. */
export interface Choice {
  readonly planId?: string | undefined;
  readonly termMonths?: number | undefined;
  readonly quantity?: number | undefined;
}
export interface BuyerParts {
  readonly pricing: OfferPricing;
  readonly subscriptions: Subscriptions;
  readonly billing: Billing;
  readonly calls: WebCalls;
  readonly save: (row: OfferRecord, change: Partial<OfferRecord>, occasion: Occasion) => OfferRecord;
  /** What the buyer of a subscription does later, by itself. */
  readonly expect: (row: SubscriptionRecord) => void;
}

export const createBuyers = (world: World, parts: BuyerParts) => {
  const { pricing, subscriptions, billing, calls, save, expect } = parts;
  const { ledger, dice } = world;
  const occasion = (): Occasion => ({ now: world.now(), struck: unstruck });
  const conflict = (message: string): Error => refusal("conflict", message);
  const typeOf = (row: OfferRecord): OfferType | null => offerTypeOf(textAt(row.document, "privateOfferType") ?? "");
  const lastDay = (row: OfferRecord): string | null => textAt(row.document, "acceptBy");
  const isSeeded = (): boolean => world.settings().reviewer === "seeded";
  const later = (kind: MarketplaceKind, subject: string, days: number): void =>
    world.schedule(kind, subject, addDays(world.now(), days));

  const find = (id: string): OfferRecord => {
    const row = ledger.offers.get(bareId(id).toLowerCase());
    if (!row) throw refusal("itemNotFound", `There is no private offer ${id}`, { target: "private offer" });
    return row;
  };
  const mustBeOpen = (row: OfferRecord): void => {
    if (row.state !== "live") throw conflict(`Private offer ${row.id} is ${row.state}, not live`);
    if (row.acceptedAt !== null) throw conflict(`Private offer ${row.id} was accepted at ${row.acceptedAt}`);
    if (row.ended !== null) throw conflict(`Private offer ${row.id} is ${row.ended}`);
  };

  /** Who buys by this offer: the same buyer has the same people in every offer. */
  const buyerOf = (billingAccount: string, company: string | null): Buyer => {
    const name = company ?? `Customer ${dice.letters(4, billingAccount, "name")}`;
    const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, "") || "customer";
    return {
      tenantId: dice.uuid(billingAccount, "tenant"),
      objectId: dice.uuid(billingAccount, "object"),
      email: `ap@${slug}.example`,
      name,
      company: name,
      country: "US",
      billingAccountId: billingAccount.split(":")[0] ?? billingAccount,
      channel:
        dice.draw(billingAccount, "channel") < world.settings().buyers.enterprise ? "Enterprise (EA)" : "Pay as You Go",
    };
  };
  const beneficiaryOf = (row: OfferRecord): Buyer => {
    const [first] = listAt(row.document, "beneficiaries");
    const one = isObject(first) ? first : {};
    return buyerOf(textAt(one, "id") ?? row.id, textAt(one, "description"));
  };

  const plan = (row: OfferRecord): void => {
    const { buyers } = world.settings();
    if (dice.draw(row.fate, "accepts") >= buyers.accept) return;
    later("offer_acceptance", row.id, dice.between(buyers.acceptanceDays, row.fate, "acceptance"));
  };
  const extended = (row: OfferRecord): void => {
    const until = lastDay(row);
    world.cancel(row.id, ["offer_expiry"]);
    if (until !== null) world.schedule("offer_expiry", row.id, addDays(new Date(`${until}T00:00:00Z`), 1));
  };
  const published = (row: OfferRecord): void => {
    const type = typeOf(row);
    extended(row);
    if (!isSeeded() || type === "cspPromotion") return;
    const days = dice.between(world.settings().buyers.publicationDays, row.fate, "publication");
    if (type === "multipartyPromotionOriginator") later("offer_publication", row.id, days);
    else plan(row);
  };
  const closed = (row: OfferRecord): void =>
    world.cancel(row.id, ["offer_expiry", "offer_publication", "offer_acceptance", "offer_purchase"]);

  /** The selling partner of a multiparty offer makes it available to the customer. */
  const publish = (row: OfferRecord): OfferRecord => {
    mustBeOpen(row);
    if (typeOf(row) !== "multipartyPromotionOriginator")
      throw conflict(`Private offer ${row.id} has no selling partner`);
    const saved = save(row, { channelPublishedAt: world.now().toISOString() }, occasion());
    if (isSeeded()) plan(saved);
    return saved;
  };
  const accept = (row: OfferRecord): OfferRecord => {
    mustBeOpen(row);
    const type = typeOf(row);
    if (type === "cspPromotion") throw conflict("A reseller's margin holds without being accepted");
    if (type === "multipartyPromotionOriginator" && row.channelPublishedAt === null)
      throw conflict("The selling partner has not made the private offer available to the customer");
    closed(row);
    const replaced = textAt(row.document, "upgradedFrom.id");
    const old = replaced === null ? null : ledger.offers.get(bareId(replaced));
    if (old) save(old, { ended: "superseded" }, occasion());
    const saved = save(row, { acceptedAt: world.now().toISOString() }, occasion());
    const { purchase, purchaseDays } = world.settings().buyers;
    if (!isSeeded() || dice.draw(row.fate, "purchases") >= purchase) return saved;
    const start = Date.parse(textAt(row.document, "start") ?? "");
    const wait = Number.isNaN(start) ? 0 : Math.max(0, (start - world.now().getTime()) / dayMs);
    later("offer_purchase", row.id, wait + dice.between(purchaseDays, row.fate, "purchase"));
    return saved;
  };

  /** The term that the buyer wants, or the longest that ends before the offer does. */
  const chargeOf = (offered: OfferedPlan, choice: Choice, end: string | null): Charge => {
    const isSaas = offered.product.type === "softwareAsAService";
    const possible = offered.charges.filter((charge) => !isSaas || termMonths.includes(charge.termMonths));
    const monthsLeft = end === null ? 12 : Math.ceil((Date.parse(end) - world.now().getTime()) / (30.5 * dayMs));
    const fitting = possible.filter((charge) =>
      choice.termMonths === undefined ? charge.termMonths <= monthsLeft : charge.termMonths === choice.termMonths,
    );
    const [first] = fitting.toSorted((a, b) => b.termMonths - a.termMonths || b.paymentMonths - a.paymentMonths);
    const shortest = possible.toSorted((a, b) => a.termMonths - b.termMonths)[0];
    const chosen = first ?? (choice.termMonths === undefined ? shortest : undefined);
    if (!chosen) throw conflict(`Plan ${offered.planId} has no such term`);
    return chosen;
  };
  const seatsOf = (offered: OfferedPlan, choice: Choice, fate: string): number | null => {
    if (!offered.perSeat) return null;
    const { min = 1, max = 1_000 } = offered.seats ?? {};
    const quantity = choice.quantity ?? Math.min(max, min + Math.floor(dice.draw(fate, "seats") * 50));
    if (quantity < min || quantity > max) throw conflict(`Plan ${offered.planId} has from ${min} to ${max} seats`);
    return quantity;
  };
  interface Sale {
    readonly account: string;
    readonly offer: OfferRecord | null;
    readonly offered: OfferedPlan;
    readonly buyer: Buyer;
    readonly choice: Choice;
  }
  /** One plan is bought: a subscription that waits to be configured, or a reservation that needs no configuring. */
  const buy = ({ account, offer, offered, buyer, choice }: Sale): SubscriptionRecord | null => {
    const quantity = seatsOf(offered, choice, offer?.fate ?? buyer.tenantId);
    const charge = chargeOf(offered, choice, offer === null ? null : textAt(offer.document, "end"));
    const attestedRenewal = offer?.document.customerContractRenewal === true;
    const sale = { account, offer, plan: offered, charge, quantity, buyer, attestedRenewal };
    if (offered.product.type !== "softwareAsAService") {
      billing.purchased({ ...sale, assetId: world.uuid("asset"), subscription: null });
      return null;
    }
    const subscription = subscriptions.open(sale);
    billing.purchased({ ...sale, assetId: subscription.id, subscription });
    later("activation_expiry", subscription.id, world.settings().saas.activationDays);
    if (isSeeded()) expect(subscription);
    return subscription;
  };
  const purchase = (row: OfferRecord, choice: Choice): readonly SubscriptionRecord[] => {
    if (row.acceptedAt === null)
      throw conflict(`Private offer ${row.id} is not accepted: accept it before the purchase`);
    if (row.purchasedAt !== null) throw conflict(`Private offer ${row.id} was purchased at ${row.purchasedAt}`);
    const start = textAt(row.document, "start");
    if (start !== null && start > world.now().toISOString().slice(0, 10))
      throw conflict(`The prices of private offer ${row.id} hold from ${start} on`);
    const plans = pricing.plansOf(row).filter(({ planId }) => choice.planId === undefined || planId === choice.planId);
    // A whole product that is discounted has several plans: the buyer takes one of them.
    const wanted = plans.filter(
      (offered, index) =>
        index === plans.findIndex((other) => other.product.id === offered.product.id) ||
        textAt(row.document, "offerPricingType") !== "editExistingOfferPricingOnly",
    );
    if (wanted.length === 0) throw conflict(`Private offer ${row.id} has no plan ${choice.planId ?? ""}`);
    closed(row);
    save(row, { purchasedAt: world.now().toISOString() }, occasion());
    const { account } = row;
    const buyer = beneficiaryOf(row);
    return wanted.flatMap((offered) => buy({ account, offer: row, offered, buyer, choice }) ?? []);
  };

  return {
    find,
    buy,
    buyerOf,
    published,
    extended,
    closed,
    publish,
    accept,
    purchase,
    /** Nobody acts by itself on this offer any more. */
    ignore: (row: OfferRecord): OfferRecord => {
      mustBeOpen(row);
      world.cancel(row.id, ["offer_acceptance", "offer_publication"]);
      return row;
    },
    /** The selling partner takes a multiparty offer back from the customer. */
    retract: (row: OfferRecord): OfferRecord => {
      mustBeOpen(row);
      world.cancel(row.id, ["offer_acceptance"]);
      return save(row, { channelPublishedAt: null }, occasion());
    },
    /** The buyer is sent to the landing page: the token, and the address it comes with. */
    land: (row: SubscriptionRecord, visits: boolean): { readonly token: string; readonly url: string | null } => {
      const token = `${publisherId}.${world.letters("landing", tokenLetters)}`;
      const expiresAt = new Date(world.now().getTime() + world.settings().saas.tokenHours * 3_600_000).toISOString();
      ledger.landings.put(token, { id: token, account: row.account, subscriptionId: row.id, expiresAt });
      const address = ledger.technical.get(row.account)?.landingPageUrl ?? null;
      if (visits) calls.landing(row, token);
      if (address === null) return { token, url: null };
      const url = new URL(address);
      url.searchParams.set("token", token);
      return { token, url: url.href };
    },
    perform: (kind: MarketplaceKind, id: string): void => {
      const row = ledger.offers.get(id);
      if (row?.state !== "live" || row.ended !== null) return;
      if (kind === "offer_purchase" && row.purchasedAt === null) purchase(row, {});
      if (row.acceptedAt !== null) return;
      if (kind === "offer_expiry") save(row, { ended: "expired" }, occasion());
      if (kind === "offer_publication") publish(row);
      if (kind === "offer_acceptance") accept(row);
    },
  };
};
export type Buyers = ReturnType<typeof createBuyers>;
