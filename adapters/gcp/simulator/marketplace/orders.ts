/**
 * Orders, which partners see as entitlements: made by a buyer, approved by the partner, active for a term, renewed or ended.
 * https://cloud.google.com/marketplace/docs/partners/offers/manage-entitlements and .../manage-entitlements-automatic-approval
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { objectAt, textAt } from "../../../simulator/document.ts";
import { addDays, addSeconds } from "../../../simulator/ground.ts";
import { forbidden, violation } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import type { AccountBook } from "./accounts.ts";
import { offerName, ordersMet } from "./amendments.ts";
import { percentOf } from "./amounts.ts";
import type { Books } from "./books.ts";
import { chargedSku, type Plan, planOf } from "./catalogue.ts";
import { startOfMonth } from "./civil.ts";
import { type Content, contentOf, durationOf, scheduledEnd, scheduledStart, usageDiscount } from "./content.ts";
import { offerNameIn } from "./entitlements.ts";
import { type Offers, offerState } from "./offers.ts";
import { createOrderBook, unfit } from "./orderbook.ts";
import { renewalFee, termEnd, timelineOf } from "./price.ts";
import type { Pushes } from "./pushes.ts";
import type { BuyerAccountRecord, EntitlementRecord, OfferRecord, Pending } from "./records.ts";

export interface OrderParts {
  readonly offers: Offers;
  readonly accounts: AccountBook;
  readonly pushes: Pushes;
  readonly books: Books;
}
export interface Purchase {
  readonly project: string;
  readonly billingAccount: string;
  readonly plan: Plan;
  readonly offer: OfferRecord | null;
}
const listFee = 300n;

export const createOrders = (world: World, { offers, accounts, pushes, books }: OrderParts) => {
  const { ledger, dice } = world;
  const book = createOrderBook(world);
  const { save, unplan } = book;
  const settings = () => world.settings().marketplace;

  /** What a message tells of an order that a private offer made or changes. */
  const acceptedNews = (row: EntitlementRecord, pending: Pending, now: Date): JsonObject => {
    const { terms } = contentOf(world, pending);
    const name = offerNameIn(row, pending.offerId, pending.standardOffer);
    const start = scheduledStart(terms) ?? now;
    return {
      newPlan: pending.plan,
      newProduct: name,
      newOffer: name,
      newOfferStartTime: start.toISOString(),
      newOfferEndTime: termEnd(terms, start)?.toISOString() ?? "",
      orderId: row.orderId,
      entitlementBenefitIds: [row.benefitId],
    };
  };
  const requestedNews = (pending: Pending): JsonObject => {
    const { terms } = contentOf(world, pending);
    const end = scheduledEnd(terms)?.toISOString() ?? "";
    return { newOfferDuration: durationOf(terms) ?? "", newOfferEndTime: end };
  };
  const firstOf = (row: EntitlementRecord): Pending => ({
    plan: row.plan,
    offerId: row.offerId,
    standardOffer: row.standardOffer,
    startsAt: row.startsAt,
    isApproved: row.isApproved,
  });

  const make = ({ project, billingAccount, plan, offer }: Purchase, occasion: Occasion): EntitlementRecord => {
    const account = accounts.of(billingAccount, project, occasion);
    const stamp = world.stamp(occasion.now);
    const isApproved = offer !== null && settings().automaticApproval;
    const id = world.uuid("entitlement");
    const row: EntitlementRecord = {
      id,
      provider: project,
      project,
      account: account.id,
      billingAccount,
      sequence: world.sequence(),
      fate: offer?.fate ?? world.fateOf(billingAccount, plan.id),
      createdAt: stamp,
      updatedAt: stamp,
      state: "ENTITLEMENT_ACTIVATION_REQUESTED",
      service: plan.service,
      plan: plan.level,
      standardOffer: plan.id,
      offerId: offer?.id ?? null,
      orderId: id,
      benefitId: world.uuid("benefit"),
      isApproved,
      startsAt: null,
      endsAt: null,
      termStartsAt: null,
      renewals: 0,
      charged: 0,
      isOutOfTerm: false,
      willRenew: true,
      messageToUser: null,
      cancellationReason: null,
      pending: null,
      offersEver: offer === null ? [] : [offer.id],
      previousOfferId: null,
      deletedAt: null,
    };
    ledger.entitlements.put(id, row);
    const news = isApproved ? acceptedNews(row, firstOf(row), occasion.now) : requestedNews(firstOf(row));
    const eventType = isApproved ? "ENTITLEMENT_OFFER_ACCEPTED" : "ENTITLEMENT_CREATION_REQUESTED";
    pushes.entitlement(eventType, row, { ...occasion, more: news });
    return arm(row, occasion);
  };

  /** Plans the activation once both approvals are there. Until then the order is pending. */
  const arm = (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
    const isAdmitted = ledger.buyerAccounts.get(row.account)?.approval.state === "APPROVED";
    if (!row.isApproved || row.state !== "ENTITLEMENT_ACTIVATION_REQUESTED") return row;
    const start = scheduledStart(contentOf(world, row).terms);
    if (!isAdmitted) return start === null ? row : save(row, { startsAt: start.toISOString() }, occasion);
    unplan(row, ["activation"]);
    const soon = addSeconds(occasion.now, dice.between(settings().activationSeconds, row.fate, "activation"));
    const at = start !== null && start > occasion.now ? start : soon;
    world.schedule("activation", row.id, at);
    return save(row, { startsAt: at.toISOString() }, occasion);
  };

  const activate = (row: EntitlementRecord, occasion: Occasion): void => {
    if (row.state !== "ENTITLEMENT_ACTIVATION_REQUESTED") return;
    const active = begin(save(row, { state: "ENTITLEMENT_ACTIVE" }, occasion), occasion);
    pushes.entitlement("ENTITLEMENT_ACTIVE", active, occasion);
    if (world.settings().reviewer === "seeded") expectMind(active, occasion.now);
  };

  /** A term begins now, with its charges: the first of an order, or the first of the offer that it changed to. */
  const begin = (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
    const startsAt = occasion.now.toISOString();
    const { offer } = contentOf(world, row);
    if (offer) ledger.offers.put(offer.id, { ...offer, startedAt: startsAt, order: row.id });
    return beginTerm(save(row, { startsAt, renewals: 0, isOutOfTerm: false }, occasion), occasion.now, occasion);
  };
  const beginTerm = (row: EntitlementRecord, at: Date, occasion: Occasion): EntitlementRecord => {
    unplan(row, ["term_end", "charge", "usage"]);
    const content = contentOf(world, row);
    const end = termEnd(content.terms, at);
    const term = { termStartsAt: at.toISOString(), endsAt: end?.toISOString() ?? null, charged: 0 };
    const saved = save(row, term, occasion);
    if (end !== null) world.schedule("term_end", row.id, end);
    const first = timelineOf(content.terms, at)?.[0];
    if (first) world.schedule("charge", row.id, first.at > occasion.now ? first.at : occasion.now);
    if (usageDiscount(content) !== null) world.schedule("usage", row.id, startOfMonth(occasion.now, 1));
    return saved;
  };

  const feeOf = (row: EntitlementRecord, { offer }: Content): bigint => {
    if (row.isOutOfTerm || offer === null) return listFee;
    return row.renewals > 0 ? renewalFee : offers.views.feeOfTerm(offer, world.now());
  };
  const isRunning = (row: EntitlementRecord): boolean =>
    row.startsAt !== null && !["ENTITLEMENT_ACTIVATION_REQUESTED", "ENTITLEMENT_CANCELLED"].includes(row.state);

  /** Bills the installments that are due, and plans the next one. */
  const charge = (row: EntitlementRecord, { now }: Occasion): void => {
    if (!isRunning(row) || row.isOutOfTerm || row.termStartsAt === null) return;
    const content = contentOf(world, row);
    const timeline = timelineOf(content.terms, new Date(row.termStartsAt)) ?? [];
    const due = timeline.slice(row.charged).filter(({ at }) => at <= now);
    const bill = { kind: "installment", feeHundredths: feeOf(row, content), sku: chargedSku(content.plan) } as const;
    for (const { at, cents } of due) books.bill(row, { ...bill, at, cents });
    const charged = row.charged + due.length;
    ledger.entitlements.put(row.id, { ...row, charged });
    const next = timeline[charged];
    if (next) world.schedule("charge", row.id, next.at);
  };

  /** Bills the metered use of the month that has just ended. */
  const meter = (row: EntitlementRecord, { now }: Occasion): void => {
    const content = contentOf(world, row);
    const discount = usageDiscount(content);
    if (!isRunning(row) || discount === null) return;
    const last = new Date(now.getTime() - 1);
    const used = dice.between(settings().usageDollars, row.fate, "usage", last.toISOString().slice(0, 7));
    const cents = percentOf(BigInt(Math.round(used * 100)), 10_000n - (row.isOutOfTerm ? 0n : discount));
    const sku = content.plan.usageSkus[0] ?? "";
    books.bill(row, { kind: "usage", at: last, cents, feeHundredths: feeOf(row, content), sku });
    world.schedule("usage", row.id, startOfMonth(now, 1));
  };

  const renewalsOf = ({ offer, terms }: Content): number =>
    offer === null ? Number.POSITIVE_INFINITY : Number(objectAt(terms, "term").maxRenewalCount ?? 0);

  /** The term is over: it renews, the order ends with it, or the order goes on by list price. */
  const endTerm = (row: EntitlementRecord, occasion: Occasion): void => {
    if (!isRunning(row) || row.isOutOfTerm || row.endsAt === null || new Date(row.endsAt) > occasion.now) return;
    // An approved change that begins with the end of the term takes the place of whatever else would follow.
    const isChanging = row.state === "ENTITLEMENT_PENDING_PLAN_CHANGE" && (row.pending?.startsAt ?? "") <= row.endsAt;
    if (isChanging) return;
    if (row.state === "ENTITLEMENT_PENDING_CANCELLATION") {
      stop(row, "user-cancelled", occasion);
      return;
    }
    const content = contentOf(world, row);
    if (row.willRenew && row.renewals < renewalsOf(content)) {
      const renewed = beginTerm({ ...row, renewals: row.renewals + 1 }, new Date(row.endsAt), occasion);
      pushes.entitlement("ENTITLEMENT_RENEWED", renewed, occasion);
      if (world.settings().reviewer === "seeded") expectMind(renewed, occasion.now);
      return;
    }
    pushes.entitlement("ENTITLEMENT_OFFER_ENDED", row, occasion);
    if (content.plan.subscriptionSku !== null) {
      stop(row, "expired", occasion);
      return;
    }
    endOffer(row.offerId, occasion);
    save(row, { isOutOfTerm: true }, occasion);
  };

  const endOffer = (offerId: string | null, occasion: Occasion): void => {
    const offer = offerId === null ? null : ledger.offers.get(offerId);
    if (!offer || offerState(offer) !== "ACCEPTED") return;
    offers.save(offer, { state: "ENDED", endTime: world.stamp(occasion.now) }, occasion);
  };

  /** The order is being cancelled; some seconds later it is. */
  const stop = (row: EntitlementRecord, reason: string, occasion: Occasion): EntitlementRecord => {
    unplan(row);
    const saved = save(row, { cancellationReason: reason }, occasion);
    pushes.entitlement("ENTITLEMENT_CANCELLING", saved, occasion);
    const seconds = dice.between(settings().cancellingSeconds, row.fate, "cancelling");
    world.schedule("cancellation", row.id, addSeconds(occasion.now, seconds));
    return saved;
  };
  const cancelled = (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
    if (row.state === "ENTITLEMENT_CANCELLED") return row;
    unplan(row);
    for (const offerId of [row.offerId, row.pending?.offerId ?? null]) endOffer(offerId, occasion);
    const saved = save(row, { state: "ENTITLEMENT_CANCELLED", pending: null }, occasion);
    pushes.entitlement("ENTITLEMENT_CANCELLED", saved, occasion);
    world.schedule("deletion", row.id, addDays(occasion.now, settings().deletionDays));
    return saved;
  };
  const remove = (row: EntitlementRecord, occasion: Occasion): void => {
    world.cancel(row.id, ["deletion"]);
    const saved = save(row, { deletedAt: occasion.now.toISOString() }, occasion);
    pushes.entitlement("ENTITLEMENT_DELETED", saved, occasion);
  };

  /** Some buyers leave in the middle of the term, some do not renew. */
  const expectMind = (row: EntitlementRecord, now: Date): void => {
    const { cancel, renew } = settings();
    const willRenew = dice.draw(row.fate, "renew", row.renewals) < renew;
    ledger.entitlements.put(row.id, { ...row, willRenew });
    if (row.endsAt === null || dice.draw(row.fate, "cancel", row.renewals) >= cancel) return;
    world.schedule("change_of_mind", row.id, new Date((now.getTime() + Date.parse(row.endsAt)) / 2));
  };

  /** The order that an offer supersedes; null for an offer that makes one. Refuses an offer that cannot be transacted. */
  const superseded = (offer: OfferRecord, plan: Plan, billingAccount: string): EntitlementRecord | null => {
    const asked = { project: offer.project, billingAccount, plan, isMultiple: settings().multipleOrders };
    const met = ordersMet(ledger.entitlements.all(), asked);
    const named = textAt(offer.document, "singleProductOffer.amendedPrivateOffer");
    const isByList = textAt(offer.document, "singleProductOffer.amendedStandardOffer") !== null;
    const found = met.find((row) =>
      named === null
        ? isByList && row.offerId === null
        : row.offerId !== null && offerName(row.project, row.offerId) === named,
    );
    const words =
      named !== null || isByList
        ? "The order that the private offer amends is not active any more"
        : "The customer has an active order of this product, which the private offer does not amend";
    const isFree = named === null && !isByList;
    if (found === undefined && (!isFree || (met.length > 0 && !asked.isMultiple)))
      throw forbidden("FAILED_PRECONDITION", [violation(offerName(offer.project, offer.id), words)]);
    return found ?? null;
  };

  /** The buyer accepts a private offer. */
  const accept = (offer: OfferRecord, change: ChangeRequest, occasion: Occasion): EntitlementRecord => {
    const name = offerName(offer.project, offer.id);
    if (offerState(offer) !== "PUBLISHED")
      throw forbidden("FAILED_PRECONDITION", [violation(name, `The offer is ${offerState(offer)}, not PUBLISHED`)]);
    const plan = planOf(textAt(offer.document, "singleProductOffer.baseStandardOffer"), offer.project);
    const billingAccount = textAt(offer.document, "customer.targetBillingAccount");
    if (plan === null || billingAccount === null) throw new Error(`${name} was published without a plan or a customer`);
    const order = superseded(offer, plan, billingAccount);
    world.cancel(offer.id, ["offer_deadline", "buyer"]);
    const accepted = offers.save(offer, { state: "ACCEPTED", acceptTime: world.stamp(occasion.now) }, occasion);
    const row =
      order === null
        ? make({ project: offer.project, billingAccount, plan, offer: accepted }, occasion)
        : change(order, { plan, offerId: offer.id }, occasion);
    ledger.offers.put(offer.id, { ...accepted, order: row.id });
    return row;
  };

  return {
    book,
    accept,
    activate,
    begin,
    charge,
    meter,
    endTerm,
    endOffer,
    stop,
    cancelled,
    remove,
    acceptedNews,
    requestedNews,
    /** A buyer buys a plan by list. */
    purchase: (input: Omit<Purchase, "offer">, occasion: Occasion) => make({ ...input, offer: null }, occasion),
    /** The partner approves the order. */
    approve: (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
      if (row.state !== "ENTITLEMENT_ACTIVATION_REQUESTED" || row.isApproved)
        throw unfit(row, "only one that waits for its approval can be approved");
      const isAdmitted = ledger.buyerAccounts.get(row.account)?.approval.state === "APPROVED";
      if (!isAdmitted && settings().earlyApproval === "refuse") throw unfit(row, "its account is not approved yet");
      return arm(save(row, { isApproved: true }, occasion), occasion);
    },
    reject: (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
      if (row.state !== "ENTITLEMENT_ACTIVATION_REQUESTED" || row.isApproved)
        throw unfit(row, "only one that waits for its approval can be rejected");
      return cancelled({ ...row, cancellationReason: "unknown" }, occasion);
    },
    /** An account was approved: what waited for it goes on. */
    admitted: (account: BuyerAccountRecord, occasion: Occasion): void => {
      for (const row of ledger.entitlements.all()) if (row.account === account.id) arm(row, occasion);
    },
    /** All orders of an account end at once. */
    closeAll: (account: BuyerAccountRecord, { reason, isDeleted }: Closing, occasion: Occasion): void => {
      for (const row of ledger.entitlements.all()) {
        if (row.account !== account.id || row.deletedAt !== null) continue;
        const closed = cancelled({ ...row, cancellationReason: row.cancellationReason ?? reason }, occasion);
        if (isDeleted) remove(closed, occasion);
      }
    },
  };
};
export type Orders = ReturnType<typeof createOrders>;

export interface Closing {
  readonly reason: string;
  readonly isDeleted: boolean;
}
/** Asks an order to change to another offer. */
export type ChangeRequest = (
  order: EntitlementRecord,
  to: { readonly plan: Plan; readonly offerId: string | null },
  occasion: Occasion,
) => EntitlementRecord;
