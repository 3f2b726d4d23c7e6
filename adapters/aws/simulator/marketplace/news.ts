/**
 * What the marketplace tells by EventBridge, in its own words.
 * https://docs.aws.amazon.com/marketplace/latest/userguide/notifications-eventbridge.html
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { textAt } from "../../../simulator/document.ts";
import type { Events } from "../events.ts";
import { simulatedRegion } from "../signature.ts";
import type { Occasion, World } from "../world.ts";
import { buyersOf } from "./change-rule.ts";
import { type Entities, marketplaceArn } from "./entities.ts";
import { seconds } from "./periods.ts";
import { type Agreement, type Cancellation, type ChangeSet, type Entity, marketplaceCatalog } from "./records.ts";
import { offersIn } from "./set-changes.ts";

const catalogSource = "aws.marketplacecatalog";
const agreementSource = "aws.agreement-marketplace";
const noEnd = "9999-01-01T00:00:00Z";

export const agreementArn = (id: string): string => `arn:aws:aws-marketplace::aws:agreement:${id}`;

export interface NewsParts {
  readonly events: Events;
  readonly entities: Entities;
  /** The accounts that are here to be told. */
  readonly accounts: readonly string[];
}

export const createNews = (world: World, { events, entities, accounts }: NewsParts) => {
  const tell = (
    to: { readonly account: string; readonly source: string; readonly resources: readonly string[] },
    detailType: string,
    told: { readonly detail: JsonObject; readonly occasion: Occasion },
  ): void => {
    if (!accounts.includes(to.account)) return;
    const { detail, occasion } = told;
    const emission = { ...to, detailType, catalog: marketplaceCatalog, opportunityId: null };
    events.emit({ ...emission, detail: { requestId: world.uuid("request"), ...detail } }, occasion);
  };

  const nameOf = (account: string): string =>
    accounts.includes(account) ? world.settings().companyName : `Seller ${account}`;
  const productOf = (id: string): JsonObject => {
    const product = entities.find(id);
    return {
      id,
      arn: marketplaceArn(product?.account ?? "", product?.kind ?? "SaaSProduct", id),
      title: (product && textAt(product.document, "ProductTitle")) ?? id,
    };
  };
  /** As events name it: not the ARN that other APIs take. */
  const offerOf = (offer: Entity): JsonObject => ({
    id: offer.id,
    arn: `arn:aws:catalog:${simulatedRegion}:${offer.account}:Offer/${offer.id}`,
    name: textAt(offer.document, "Name"),
  });
  /** Once to the seller, and to the manufacturer as such: to both where they are one. */
  const toParties = (
    agreement: Agreement,
    about: string,
    told: { readonly detail: JsonObject; readonly occasion: Occasion },
  ): void => {
    const to = { source: agreementSource, resources: [agreementArn(agreement.id)] };
    tell({ ...to, account: agreement.account }, `Purchase Agreement ${about} - Proposer`, told);
    tell({ ...to, account: agreement.manufacturer }, `Purchase Agreement ${about} - Manufacturer`, told);
  };

  return {
    changeSet: (set: ChangeSet, occasion: Occasion): void => {
      const how = { SUCCEEDED: "Succeeded", FAILED: "Failed", CANCELLED: "Cancelled" } as const;
      if (set.status === "PREPARING" || set.status === "APPLYING") return;
      const detail = {
        Catalog: marketplaceCatalog,
        ChangeSetId: set.id,
        ChangeSetName: set.name,
        StartTime: seconds(set.startedAt),
        EndTime: seconds(set.endedAt ?? set.startedAt),
        ...(set.failureCode === null ? {} : { FailureCode: set.failureCode }),
      };
      const resources = [marketplaceArn(set.account, "ChangeSet", set.id)];
      tell({ account: set.account, source: catalogSource, resources }, `Change Set ${how[set.status]}`, {
        detail,
        occasion,
      });
    },
    offerReleased: (offer: Entity, occasion: Occasion): void => {
      const resources = [marketplaceArn(offer.account, "Offer", offer.id)];
      const detail = {
        catalog: marketplaceCatalog,
        offer: {
          ...offerOf(offer),
          ...(offer.availableUntil === null ? {} : { expirationDate: offer.availableUntil }),
        },
        product: productOf(textAt(offer.document, "ProductId") ?? ""),
        manufacturer: { accountId: offer.manufacturer, name: nameOf(offer.manufacturer) },
        sellerOfRecord: { accountId: offer.account, name: nameOf(offer.account) },
        targetedBuyerAccountIds: buyersOf(offer.document),
      };
      for (const account of new Set([offer.account, offer.manufacturer]))
        tell({ account, source: catalogSource, resources }, "Offer Released", { detail, occasion });
    },
    setReleased: (set: Entity, occasion: Occasion): void => {
      const { account } = set;
      const offers = offersIn(set.document).flatMap((id) => entities.find(id) ?? []);
      const detail = {
        catalog: marketplaceCatalog,
        offerSet: {
          id: set.id,
          arn: `arn:aws:catalog:${simulatedRegion}:${account}:OfferSet/${set.id}`,
          name: textAt(set.document, "Name"),
        },
        associatedOffers: offers.map((offer) => ({ offer: offerOf(offer) })),
      };
      const resources = [marketplaceArn(account, "OfferSet", set.id)];
      tell({ account, source: catalogSource, resources }, "OfferSet Released", { detail, occasion });
    },
    begun: (agreement: Agreement, how: "Created" | "Amended", occasion: Occasion): void => {
      const { id, acceptedAt, startsAt, endsAt, status, previousId } = agreement;
      const intent = how === "Amended" ? "AMEND" : agreement.intent;
      const isRenewal = intent === "RENEW";
      const detail = {
        catalog: marketplaceCatalog,
        agreement: {
          id,
          intent,
          status,
          acceptanceTime: seconds(acceptedAt),
          startTime: seconds(startsAt),
          endTime: endsAt === null ? noEnd : seconds(endsAt),
          ...(isRenewal && previousId !== null ? { previousAgreementId: previousId } : {}),
          ...(how === "Amended" ? { autoRenewalEnabled: agreement.autoRenews } : {}),
        },
        ...partiesOf(agreement),
        ...(isRenewal ? { product: productOf(agreement.productId) } : {}),
      };
      toParties(agreement, how, { detail, occasion });
    },
    ended: (agreement: Agreement, occasion: Occasion): void => {
      const { id, status } = agreement;
      const detail = { catalog: marketplaceCatalog, agreement: { id, status }, ...partiesOf(agreement) };
      toParties(agreement, "Ended", { detail, occasion });
    },
    ending: (agreement: Agreement, days: number, occasion: Occasion): void => {
      const { id, status, startsAt, endsAt, autoRenews } = agreement;
      const detail = {
        catalog: marketplaceCatalog,
        agreement: {
          id,
          status,
          startTime: seconds(startsAt),
          endTime: endsAt === null ? noEnd : seconds(endsAt),
          daysBeforeEndTime: days,
          autoRenewalEnabled: autoRenews,
        },
        product: productOf(agreement.productId),
        ...partiesOf(agreement),
      };
      const to = { account: agreement.account, source: agreementSource, resources: [agreementArn(id)] };
      tell(to, "Purchase Agreement Ending - Proposer", { detail, occasion });
    },
    cancellation: (row: Cancellation, agreement: Agreement, occasion: Occasion): void => {
      const detail = {
        catalog: marketplaceCatalog,
        agreement: {
          id: agreement.id,
          acceptorId: agreement.acceptor,
          productId: agreement.productId,
          offerId: agreement.offerId,
        },
        agreementCancellationRequest: {
          id: row.id,
          reasonCode: row.reasonCode,
          reasonMessage: row.description,
          statusCode: row.status,
          statusMessage: row.statusMessage,
          createdAt: seconds(row.createdAt),
          updatedAt: seconds(row.updatedAt),
        },
      };
      const to = { account: agreement.account, source: agreementSource, resources: [agreementArn(agreement.id)] };
      tell(to, `Agreement Cancellation Request ${cancellationWords[row.status]} - Proposer`, { detail, occasion });
    },
  };
};
export type News = ReturnType<typeof createNews>;

const cancellationWords: Readonly<Record<Cancellation["status"], string>> = {
  PENDING_APPROVAL: "Pending Approval",
  APPROVED: "Approved",
  REJECTED: "Rejected",
  CANCELLED: "Cancelled",
  VALIDATION_FAILED: "Validation Failed",
};

const partiesOf = (agreement: Agreement): JsonObject => ({
  acceptor: { accountId: agreement.acceptor },
  proposer: { accountId: agreement.account },
  offer: { id: agreement.offerId },
  resaleAuthorization: { id: agreement.authorizationId },
});
