/** The operator's side of the marketplace: what buyers, resellers and AWS do, on demand. */
import * as z from "zod";
import { modelled } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import type { Agreements } from "./agreements.ts";
import type { Billing } from "./billing.ts";
import type { Buyers } from "./buyers.ts";
import type { Cancellations } from "./cancellations.ts";
import { buyersOf } from "./change-rule.ts";
import type { Entities } from "./entities.ts";
import type { Agreement, Entity } from "./records.ts";
import type { Grant, Resale, Resellers } from "./resellers.ts";

const amount = z.string().regex(/^\d{1,15}(\.\d{1,2})?$/);
export const offerActionSchema = z.strictObject({
  account: z.string().optional().describe("accept: the buyer's account; default: the first the offer names"),
  autoRenews: z.boolean().optional().describe("accept: whether the agreement renews by itself"),
  quantities: z.record(z.string(), z.int().min(0)).optional().describe("accept: units of each dimension"),
});
export const agreementActionSchema = z.strictObject({
  amount: amount
    .optional()
    .describe("amend: what is bought in addition; refund: how much of the invoice; default: all"),
  autoRenews: z.boolean().optional().describe("amend: whether it renews by itself"),
  invoice: z
    .string()
    .optional()
    .describe("refund: which invoice; default: the last one. forgive: default: all that are open"),
});
export const resaleSchema = z.strictObject({
  buyer: z.string().optional().describe("default: one the authorization names, or an invented one"),
  markup: amount.optional().describe("percent; default 10"),
});
export const grantSchema = z.strictObject({
  price: amount.describe("the wholesale price of the whole"),
  currency: z.string().optional(),
  months: z.int().min(1).max(60).optional(),
  manufacturer: z.string().optional(),
  product: z.string().optional(),
});
export type OfferAction = z.infer<typeof offerActionSchema>;
export type AgreementAction = z.infer<typeof agreementActionSchema>;

export interface MarketplaceControlParts {
  readonly entities: Entities;
  readonly agreements: Agreements;
  readonly buyers: Buyers;
  readonly billing: Billing;
  readonly cancellations: Cancellations;
  readonly resellers: Resellers;
}

export const createMarketplaceControls = (world: World, parts: MarketplaceControlParts) => {
  const { entities, agreements, buyers, billing, cancellations, resellers } = parts;
  const { ledger } = world;

  const offerOf = (id: string): Entity => {
    const offer = entities.find(id);
    if (offer?.kind === "Offer") return offer;
    throw modelled("ResourceNotFoundException", `There is no offer ${id}`);
  };

  const onOffer: Readonly<Record<string, (offer: Entity, action: OfferAction, occasion: Occasion) => object>> = {
    accept: (offer, action, occasion) => {
      const [first = ""] = buyersOf(offer.document);
      const usual = buyers.choiceOf(offer);
      const acceptance = {
        acceptor: action.account ?? first,
        autoRenews: action.autoRenews ?? usual.autoRenews,
        quantities: action.quantities ?? usual.quantities,
      };
      return brief(agreements.accept(offer, acceptance, occasion));
    },
    ignore: (offer) => {
      buyers.ignore(offer);
      return { id: offer.id, decides: "never" };
    },
  };

  /** Bills the next charge now. */
  const billNext = (agreement: Agreement, occasion: Occasion): object => {
    const [next] = agreement.charges
      .flatMap((id) => ledger.charges.get(id) ?? [])
      .filter((charge) => charge.invoiceId === null && !charge.isDropped)
      .toSorted((a, b) => (a.at < b.at ? -1 : 1));
    const invoice = next === undefined ? null : billing.bill(next, occasion);
    if (invoice === null) throw modelled("ConflictException", `${agreement.id} has nothing left to bill`);
    return invoice;
  };

  const onAgreement: Readonly<
    Record<string, (agreement: Agreement, action: AgreementAction, occasion: Occasion) => object>
  > = {
    cancel: (agreement, _action, occasion) => brief(agreements.end(agreement, "CANCELLED", occasion)),
    end: (agreement, _action, occasion) => brief(agreements.end(agreement, "EXPIRED", occasion)),
    renew: (agreement, _action, occasion) => brief(agreements.renew(agreement, occasion)),
    amend: (agreement, action, occasion) => brief(agreements.amend(agreement, action, occasion)),
    invoice: (agreement, _action, occasion) => billNext(agreement, occasion),
    collect: (agreement, _action, occasion) => {
      const open = agreement.invoices
        .flatMap((id) => ledger.invoices.get(id) ?? [])
        .filter((row) => row.collectedAt === null);
      for (const invoice of open) billing.collect(invoice, occasion);
      return { collected: open.map(({ id }) => id) };
    },
    forgive: (agreement, action, occasion) => {
      const open = agreement.invoices
        .flatMap((id) => ledger.invoices.get(id) ?? [])
        .filter((row) => row.collectedAt === null);
      const chosen = open.filter(({ id }) => (action.invoice ?? id) === id);
      for (const invoice of chosen) billing.forgive(invoice, occasion);
      return { forgiven: chosen.map(({ id }) => id) };
    },
    refund: (agreement, action, occasion) => {
      const last = agreement.invoices.findLast((id) => ledger.invoices.get(id)?.kind === "INVOICE");
      return billing.refund(action.invoice ?? last ?? "", action.amount ?? null, occasion);
    },
    approve_cancellation: (agreement, _action, occasion) => cancellations.approve(agreement.id, occasion),
    reject_cancellation: (agreement, _action, occasion) => cancellations.reject(agreement.id, occasion),
  };

  /** `id/action` of a control path. */
  const split = (tail: string): readonly [id: string, action: string] => {
    const [id = "", action = ""] = tail.split("/");
    return [id, action];
  };
  const unknown = (action: string, known: object): Error =>
    modelled("ResourceNotFoundException", `There is no action ${action}; there are: ${Object.keys(known).join(", ")}`);

  return {
    offer: (tail: string, action: OfferAction, occasion: Occasion): object => {
      const [id, name] = split(tail);
      const act = onOffer[name];
      if (act === undefined) throw unknown(name, onOffer);
      return act(offerOf(id), action, occasion);
    },
    agreement: (tail: string, action: AgreementAction, occasion: Occasion): object => {
      const [id, name] = split(tail);
      const act = onAgreement[name];
      if (act === undefined) throw unknown(name, onAgreement);
      return act(agreements.find(id), action, occasion);
    },
    /** A manufacturer lets this account resell. */
    grant: (grant: Grant, occasion: Occasion): object => {
      const { id, document } = resellers.grant(grant, occasion);
      return { id, document };
    },
    /** A reseller that is not here sells under an authorization of ours. */
    sell: (tail: string, resale: Resale, occasion: Occasion): object => {
      const [id, action] = split(tail);
      const authorization = entities.find(id);
      if (authorization?.kind !== "ResaleAuthorization" || action !== "sell")
        throw modelled("ResourceNotFoundException", `There is no ${tail}: the action of an authorization is <id>/sell`);
      return brief(resellers.sell(authorization, resale, occasion));
    },
    /** Everything the marketplace holds. */
    ledger: () => ({
      entities: ledger.entities.all(),
      changeSets: ledger.changeSets.all(),
      agreements: ledger.agreements.all(),
      cancellations: ledger.cancellations.all(),
      charges: ledger.charges.all(),
      invoices: ledger.invoices.all(),
      payouts: ledger.payouts.all(),
    }),
  };
};
export type MarketplaceControls = ReturnType<typeof createMarketplaceControls>;

const brief = ({ id, status, offerId, acceptor, value, currency, startsAt, endsAt }: Agreement) => ({
  id,
  status,
  offerId,
  acceptor,
  value,
  currency,
  startsAt,
  endsAt,
});
