/**
 * Entitlements and accounts as the wire shows them, and what a list can be filtered by.
 * https://cloud.google.com/marketplace/docs/partners/commerce-procurement-api/reference/rest/v1/providers.entitlements
 */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import type { World } from "../world.ts";
import { projectNumber, serviceId } from "./catalogue.ts";
import { type Content, contentOf, durationOf, scheduledEnd } from "./content.ts";
import { termEnd } from "./price.ts";
import type { BuyerAccountRecord, EntitlementRecord } from "./records.ts";

export const accountName = (row: Pick<BuyerAccountRecord, "provider" | "id">): string =>
  `providers/${row.provider}/accounts/${row.id}`;
export const entitlementName = (row: Pick<EntitlementRecord, "provider" | "id">): string =>
  `providers/${row.provider}/entitlements/${row.id}`;

/** How an entitlement names an offer: by the project's number, below a service whose name means nothing. */
export const offerNameIn = (row: EntitlementRecord, offerId: string | null, standardOffer: string): string => {
  const place = `projects/${projectNumber}/services/${serviceId(row.service, row.project)}`;
  return offerId === null ? `${place}/standardOffers/${standardOffer}` : `${place}/privateOffers/${offerId}`;
};

const present = (members: Readonly<Record<string, Json | null | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value]])),
  );

/** What the entitlement says of the offer that holds now, or is about to hold for the first time. */
const offerPart = (row: EntitlementRecord, content: Content): JsonObject => {
  const end = scheduledEnd(content.terms);
  const isRequested = row.state === "ENTITLEMENT_ACTIVATION_REQUESTED";
  const begins = row.isApproved && row.startsAt !== null ? new Date(row.startsAt) : null;
  const requestedEnd = (begins === null ? end : termEnd(content.terms, begins))?.toISOString();
  return present({
    offer: offerNameIn(row, row.offerId, row.standardOffer),
    offerDuration: end === null ? durationOf(content.terms) : null,
    offerEndTime: isRequested ? requestedEnd : row.endsAt,
    newOfferStartTime: isRequested && row.isApproved ? row.startsAt : null,
  });
};

/** What it says of the offer that it is about to change to. */
const pendingPart = (world: World, row: EntitlementRecord): JsonObject => {
  const { pending } = row;
  if (pending === null) return {};
  const { terms } = contentOf(world, pending);
  const end = scheduledEnd(terms);
  return present({
    newPendingPlan: pending.plan,
    newPendingOffer: offerNameIn(row, pending.offerId, pending.standardOffer),
    newPendingOfferDuration: end === null ? durationOf(terms) : null,
    newOfferStartTime: pending.isApproved ? pending.startsAt : null,
    newOfferEndTime: end?.toISOString(),
  });
};

export const entitlementView = (world: World, row: EntitlementRecord): JsonObject => {
  const content = contentOf(world, row);
  const isCancelled = row.state === "ENTITLEMENT_CANCELLED";
  return {
    ...present({
      name: entitlementName(row),
      account: accountName({ provider: row.provider, id: row.account }),
      provider: row.provider,
      product: row.offerId === null ? serviceId(row.service, row.project) : offerNameIn(row, row.offerId, ""),
      productExternalName: serviceId(row.service, row.project),
      plan: row.plan,
      state: row.state,
      orderId: row.orderId,
      createTime: row.createdAt,
      updateTime: row.updatedAt,
      usageReportingId: content.plan.usageSkus.length > 0 ? `project_number:${row.sequence}` : null,
      messageToUser: row.messageToUser,
      cancellationReason: isCancelled ? (row.cancellationReason ?? "unknown") : null,
      subscriptionEndTime: row.state === "ENTITLEMENT_PENDING_CANCELLATION" ? row.endsAt : null,
      entitlementBenefitIds: [row.benefitId],
    }),
    ...offerPart(row, content),
    ...pendingPart(world, row),
  };
};

/** What a filter sees of an entitlement. */
export const lookAt =
  (world: World, row: EntitlementRecord) =>
  (path: readonly string[]): Json | undefined => {
    const whole = entitlementView(world, row);
    const service = serviceId(row.service, row.project);
    const own: Readonly<Record<string, Json | undefined>> = {
      customerBillingAccount: row.billingAccount,
      services: service,
      "consumers.project": [],
      "changeHistory.newOffer": row.offersEver.map((id) => offerNameIn(row, id, "")),
    };
    const name = path.join(".");
    return Object.hasOwn(own, name) ? own[name] : whole[name];
  };

export const accountView = (row: BuyerAccountRecord, isFull: boolean): JsonObject => ({
  ...present({
    name: accountName(row),
    provider: row.provider,
    createTime: row.createdAt,
    updateTime: row.updatedAt,
    state: row.state,
    resellerParentBillingAccount: isFull ? row.resellerParent : null,
  }),
  approvals: [
    present({
      name: "signup",
      state: row.approval.state,
      reason: row.approval.reason,
      updateTime: row.approval.updatedAt,
    }),
  ],
  ...(Object.keys(row.properties).length === 0 ? {} : { inputProperties: row.properties }),
});
