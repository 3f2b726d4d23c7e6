/**
 * What AWS Marketplace tells of an offer. It knows two states only, Draft and Released: that one has run out follows from its last
 * day, and that it was accepted from an agreement that names it.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_DescribeEntity.html
 */
import type { Json, JsonObject, RemoteRef } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { OfferEvent } from "../../../src/domain/machine.ts";
import type { Evidence, OfferObservation } from "../../../src/domain/offer.ts";
import type { Hint, OfferTells, Page } from "../../contract.ts";
import { newer } from "../../timestamp.ts";
import { arnOf } from "./arns.ts";
import { describe } from "./change-sets.ts";
import { markIn } from "./changes.ts";
import { plusDays } from "./dates.ts";
import { dayOf, observedTerms } from "./observed-terms.ts";
import { instantOf, type MarketplaceDeps, pageSize, passAfter, passFrom, passOf, readOf } from "./reading.ts";
import {
  agreementsSchema,
  bareId,
  entitiesSchema,
  entitySchema,
  type OfferDetails,
  type WireAgreementRow,
} from "./wire.ts";

/** How AWS tells what becomes of an offer. */
export const tells: OfferTells = {
  viewed: null,
  accepted: "an agreement that names the offer: SearchAgreements by OfferId, Purchase Agreement Created",
  acceptedIs: "stated",
  active: "the agreement's status ACTIVE, from its start on",
};

/** Agreements that came of an offer, newest first. We are the seller, so the proposer. */
export const agreementsOf = async (
  deps: MarketplaceDeps,
  offerId: string,
): Promise<Result<readonly WireAgreementRow[]>> => {
  const found = await readOf(deps, agreementsSchema, [
    "SearchAgreements",
    {
      catalog: "AWSMarketplace",
      filters: [
        { name: "PartyType", values: ["Proposer"] },
        { name: "AgreementType", values: ["PurchaseAgreement"] },
        { name: "OfferId", values: [offerId] },
      ],
      sort: { sortBy: "StartTime", sortOrder: "DESCENDING" },
      maxResults: pageSize,
    },
  ]);
  return found.ok ? ok(found.value.value.agreementViewSummaries ?? []) : found;
};

interface Stand {
  readonly event: OfferEvent | null;
  readonly evidence?: Evidence;
}
interface Standing {
  readonly details: OfferDetails;
  readonly version: string;
  readonly acceptBy: string | null;
  readonly agreement: WireAgreementRow | null;
  readonly now: Date;
}
/** An offer ends with its last day, in UTC. One whose last day was already over when it was last changed was taken back. */
const standOf = ({ details, version, acceptBy, agreement, now }: Standing): Stand => {
  const state = details.State ?? details.Status;
  if (agreement !== null)
    return {
      event: "accepted",
      evidence: { kind: "stated", from: `SearchAgreements: agreement ${agreement.agreementId} names this offer` },
    };
  if (state === "Restricted") return { event: "withdrawn" };
  if (state !== "Released" && state !== "Active") return { event: null };
  if (acceptBy === null || now.toISOString().slice(0, 10) <= acceptBy) return { event: "published" };
  const nextDay = `${plusDays(acceptBy, 1)}T00:00:00Z`;
  const isTakenBack = newer(version, nextDay);
  return isTakenBack
    ? {
        event: "withdrawn",
        evidence: {
          kind: "inferred",
          from: `its last day ${acceptBy} was over when it was last changed, at ${version}`,
        },
      }
    : { event: "expired", evidence: { kind: "inferred", from: `its last day ${acceptBy} is over` } };
};

const factsOf = (details: OfferDetails): JsonObject => {
  const { OfferDetails: made, PreExistingAgreement: earlier } = details;
  const texts: Readonly<Record<string, string | number | null | undefined>> = {
    state: details.State ?? details.Status,
    name: details.Name,
    pricingModel: details.PricingModel,
    offerSet: details.OfferSetId,
    resaleAuthorization: details.ResaleAuthorizationId,
    markupPercent: details.MarkupPercentage,
    preExistingAgreement: earlier?.AcquisitionChannel,
    offersMade: made?.OfferCreatedCount,
    offersStatus: made?.OfferExtendedStatus,
  };
  return Object.fromEntries(
    Object.entries(texts).flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value]])),
  );
};

/** Where the buyer accepts, signed in to the account that the offer is for. */
const acceptUrlOf = (id: string, details: OfferDetails): string | null =>
  details.ProductId && details.State === "Released"
    ? `https://aws.amazon.com/marketplace/procurement?productId=${encodeURIComponent(details.ProductId)}&offerId=${encodeURIComponent(id)}`
    : null;

/**
 * The entity itself. Word of a change set has that one's id: then what it made or changed is read.
 */
const readEntity = async (deps: MarketplaceDeps, id: string) => {
  const seen = await readOf(deps, entitySchema, ["DescribeEntity", { EntityId: id }]);
  if (seen.ok || seen.fault.kind !== "missing" || /^(offer|resaleauthz)-/.test(id)) return seen;
  const set = await describe(deps, id);
  if (!set.ok) return set;
  const entity = (set.value.ChangeSet ?? []).find(({ Entity }) =>
    /^(Offer|ResaleAuthorization)@/.test(Entity.Type ?? ""),
  );
  const changed = bareId(entity?.Entity.Identifier ?? "");
  return changed === "" || changed.startsWith("$") || set.value.Status !== "SUCCEEDED"
    ? seen
    : readOf(deps, entitySchema, ["DescribeEntity", { EntityId: changed }]);
};

/** Reads an offer or a resale authorization and, once it is released, the agreements that name it. */
export const look = async (deps: MarketplaceDeps, ref: RemoteRef): Promise<Result<OfferObservation>> => {
  const seen = await readEntity(deps, bareId(ref.id));
  if (!seen.ok) return seen;
  const { value: entity, text } = seen.value;
  const id = bareId(entity.EntityIdentifier ?? ref.id);
  const details = entity.DetailsDocument;
  if (details == null || !/^(Offer|ResaleAuthorization)@/.test(entity.EntityType ?? ""))
    return failed({
      kind: "drift",
      message: `AWS answered ${(entity.EntityType ?? "an entity").slice(0, 40)}, not an offer`,
    });
  // A reseller's agreements are not ours to see.
  const found = details.State === "Released" ? await agreementsOf(deps, id) : ok([]);
  if (!found.ok) return found;
  const agreement = found.value[0] ?? null;
  const rule = (details.Rules ?? []).find(({ Type }) => Type === "AvailabilityRule");
  const acceptBy = dayOf(rule?.AvailabilityEndDate);
  const version = entity.LastModifiedDate;
  const now = deps.clock.now();
  return ok({
    ref: { id, arn: entity.EntityArn ?? arnOf(deps.target.account, id) },
    version,
    ...standOf({ details, version, acceptBy, agreement, now }),
    marker: markIn(details.Description),
    acceptBy,
    agreement: agreement === null ? null : { id: agreement.agreementId },
    terms: observedTerms(details, acceptBy),
    acceptUrl: acceptUrlOf(id, details),
    facts: {
      ...factsOf(details),
      ...(agreement === null
        ? {}
        : { acceptedAt: instantOf(agreement.acceptanceTime), agreements: found.value.length }),
    },
    body: text,
    seenAt: now,
  });
};

const listed = (deps: MarketplaceDeps, after: string | null, nextToken: string | null) =>
  readOf(deps, entitiesSchema, [
    "ListEntities",
    {
      EntityType: "Offer",
      EntityTypeFilters: {
        OfferFilters: {
          // A public offer is for no account in particular, and what is still a draft is nobody's offer yet.
          Targeting: { ValueList: ["BuyerAccounts"] },
          State: { ValueList: ["Released"] },
          ...(after === null ? {} : { LastModifiedDate: { DateRange: { AfterValue: after } } }),
        },
      },
      EntityTypeSort: { OfferSort: { SortBy: "LastModifiedDate", SortOrder: "ASCENDING" } },
      MaxResults: pageSize,
      ...(nextToken === null ? {} : { NextToken: nextToken }),
    },
  ]);

/** Released private offers that changed since the cursor, oldest first, whoever made them. A page token that AWS no longer takes starts the pass again. */
export const changes = async (deps: MarketplaceDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const from = passOf(cursor);
  let page = await listed(deps, passFrom(from), from.nextToken);
  if (!page.ok && page.fault.kind === "rejected" && from.nextToken !== null)
    page = await listed(deps, passFrom(from), null);
  if (!page.ok) return page;
  const rows = page.value.value.EntitySummaryList ?? [];
  const items = rows.map(
    ({ EntityId, LastModifiedDate }): Hint => ({ kind: "offer", id: bareId(EntityId), at: LastModifiedDate ?? null }),
  );
  const nextToken = page.value.value.NextToken || null;
  const times = rows.map(({ LastModifiedDate }) => LastModifiedDate ?? null);
  return ok({ items, ...passAfter(from, { times, nextToken }) });
};
