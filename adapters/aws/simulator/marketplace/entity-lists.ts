/** ListEntities: offers, offer sets, resale authorizations and products, by the filters of their kind. https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_ListEntities.html */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, objectAt, textAt, textsAt } from "../../../simulator/document.ts";
import type { World } from "../world.ts";
import type { MarketCall } from "./calls.ts";
import { buyersOf, ruleOf } from "./change-rule.ts";
import { type Entities, marketplaceArn, productKinds } from "./entities.ts";
import { pageOf } from "./paging.ts";
import { seconds } from "./periods.ts";
import type { Entity } from "./records.ts";
import { catalogRefusal, wrong } from "./refusals.ts";
import { offersIn } from "./set-changes.ts";

const kinds = ["Offer", "OfferSet", "ResaleAuthorization", ...productKinds];
const unsupported = [
  "DataProduct",
  "ProcurementPolicy",
  "Experience",
  "Audience",
  "BrandingSettings",
  "Seller",
  "Solution",
];

export const createEntityLists =
  (world: World, entities: Entities) =>
  (call: MarketCall): JsonObject => {
    const kind = textAt(call.input, "EntityType") ?? "";
    if (unsupported.includes(kind))
      throw catalogRefusal("ResourceNotFoundException", `This simulator holds no entities of type ${kind}.`);
    if (!kinds.includes(kind)) throw wrong(`${kind} is not a type of entity`, "EntityType");

    const filters = { ...plainFilters(call.input), ...objectAt(call.input, `EntityTypeFilters.${kind}Filters`) };
    const sort = objectAt(call.input, `EntityTypeSort.${kind}Sort`);
    const sortBy = textAt(sort, "SortBy") ?? textAt(call.input, "Sort.SortBy") ?? "LastModifiedDate";
    const order = textAt(sort, "SortOrder") ?? textAt(call.input, "Sort.SortOrder") ?? "DESCENDING";
    const isShared = textAt(call.input, "OwnershipType") === "SHARED";
    const rows = world.ledger.entities
      .all()
      .filter((row) => row.kind === kind && entities.isVisible(row, call.account))
      .filter((row) => (kind === "ResaleAuthorization" ? true : (row.account !== call.account) === isShared))
      .flatMap((row) => entities.seen(row, call, true) ?? [])
      .filter((row) => matchesAll(row, filters))
      .map((row) => ({
        id: row.id,
        key: sortKey(row, sortBy),
        view: {
          EntityType: kind,
          EntityId: row.id,
          EntityArn: marketplaceArn(row.account, kind, row.id),
          LastModifiedDate: seconds(row.modifiedAt),
          Name: nameOf(row),
          ...(productKinds.includes(kind) ? { Visibility: textAt(row.document, "Visibility") ?? "Public" } : {}),
          [`${kind}Summary`]: summaryOf(row),
        },
      }));
    const { views, token } = pageOf(rows, {
      ...call,
      descending: order !== "ASCENDING",
      size: Number(call.input.MaxResults ?? 20),
    });
    return { EntitySummaryList: views, ...(token === null ? {} : { NextToken: token }) };
  };

const nameOf = (row: Entity): string => textAt(row.document, "Name") ?? textAt(row.document, "ProductTitle") ?? row.id;

const defined = (members: Readonly<Record<string, JsonObject[string] | null | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(members).flatMap(([key, value]) => (value === null || value === undefined ? [] : [[key, value]])),
  );

/** Everything by which rows of a kind are shown, filtered and sorted. */
const summaryOf = (row: Entity): JsonObject => {
  const { document } = row;
  const released = row.releasedAt === null ? null : seconds(row.releasedAt);
  const end = row.availableUntil === null ? null : seconds(row.availableUntil);
  if (row.kind === "Offer")
    return defined({
      Name: textAt(document, "Name"),
      ProductId: textAt(document, "ProductId"),
      ResaleAuthorizationId: row.authorizationId,
      ReleaseDate: released,
      AvailabilityEndDate: end,
      BuyerAccounts: buyersOf(document),
      State: textAt(document, "State"),
      Targeting: targetingOf(row),
      OfferSetId: textAt(document, "OfferSetId"),
      TargetAgreementId: row.targetAgreementId,
      TargetAgreementIntent: row.targetIntent === "RENEW" ? "Renew" : null,
      CreatedBySource: row.createdBy,
    });
  if (row.kind === "OfferSet")
    return defined({
      Name: textAt(document, "Name"),
      State: textAt(document, "State"),
      ReleaseDate: released,
      AssociatedOfferIds: offersIn(document),
      SolutionId: textAt(document, "SolutionId"),
    });
  if (row.kind !== "ResaleAuthorization")
    return defined({ ProductTitle: textAt(document, "ProductTitle"), Visibility: textAt(document, "Visibility") });
  const partner = ruleOf(document, "PartnerTargetingRule") ?? {};
  return defined({
    Name: textAt(document, "Name"),
    ProductId: textAt(document, "ProductId"),
    ProductName: textAt(document, "ProductName"),
    ManufacturerAccountId: row.account,
    ManufacturerLegalName: textAt(document, "ManufacturerLegalName"),
    ResellerAccountID: textAt(partner, "ResellerAccountId"),
    ResellerLegalName: textAt(partner, "ResellerLegalName"),
    Status: textAt(document, "Status"),
    OfferExtendedStatus: textAt(document, "OfferDetails.OfferExtendedStatus"),
    CreatedDate: seconds(row.createdAt),
    AvailabilityEndDate: end,
    ResellerRole: "ChannelPartner",
    IssuerAccountId: row.account,
  });
};
const targetingOf = (row: Entity): readonly string[] => {
  const targeting = ruleOf(row.document, "TargetingRule");
  const found = ["BuyerAccounts", "CountryCodes"].filter(
    (key) => listAt(targeting ?? {}, `PositiveTargeting.${key}`).length > 0,
  );
  return found.length > 0 ? found : ["None"];
};

const shownAt = (row: Entity, name: string): readonly string[] => {
  if (name === "EntityId") return [row.id];
  if (name === "LastModifiedDate") return [seconds(row.modifiedAt)];
  const summary = summaryOf(row);
  const value = summary[name];
  return typeof value === "string" ? [value] : textsAt(summary, name);
};
const sortKey = (row: Entity, sortBy: string): string => shownAt(row, sortBy).join();

/** The older filters: a name and values. */
const plainFilters = (input: JsonObject): JsonObject =>
  Object.fromEntries(
    listAt(input, "FilterList")
      .filter(isObject)
      .flatMap((filter) => {
        const name = textAt(filter, "Name");
        return name === null ? [] : [[name, { ValueList: textsAt(filter, "ValueList") }] as const];
      }),
  );

const matchesAll = (row: Entity, filters: JsonObject): boolean =>
  Object.entries(filters).every(([name, filter]) => {
    if (!isObject(filter)) return true;
    const values = shownAt(row, name);
    const wanted = textsAt(filter, "ValueList");
    const wild = textAt(filter, "WildCardValue")?.toLowerCase() ?? null;
    const after = textAt(filter, "DateRange.AfterValue");
    const before = textAt(filter, "DateRange.BeforeValue");
    return (
      (wanted.length === 0 || values.some((value) => wanted.includes(value))) &&
      (wild === null || values.some((value) => value.toLowerCase().includes(wild))) &&
      (after === null || values.some((value) => value >= after)) &&
      (before === null || values.some((value) => value <= before))
    );
  });
