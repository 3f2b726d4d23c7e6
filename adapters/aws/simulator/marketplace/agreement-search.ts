/** SearchAgreements: filters by one value each, only in combinations that AWS knows. https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-agreements_SearchAgreements.html */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, textAt, textsAt } from "../../../simulator/document.ts";
import type { World } from "../world.ts";
import { endTimeBehaviour } from "./agreement-views.ts";
import type { MarketCall } from "./calls.ts";
import { pageOf } from "./paging.ts";
import { epoch } from "./periods.ts";
import { type Agreement, agreementStatuses, marketplaceCatalog } from "./records.ts";
import { unacceptable } from "./refusals.ts";

type Test = (agreement: Agreement, value: string) => boolean;

const isBefore = (instant: string | null, value: string): boolean => instant !== null && instant < iso(value);
const isAfter = (instant: string | null, value: string): boolean => instant !== null && instant > iso(value);
const iso = (value: string): string => {
  const at = Date.parse(value);
  if (Number.isNaN(at)) throw unacceptable("INVALID_FILTER_VALUES", `${value} is not an ISO 8601 instant`, "filters");
  return new Date(at).toISOString();
};

const tests: Readonly<Record<string, Test>> = {
  ResourceIdentifier: (row, value) => row.productId === value,
  ResourceType: (row, value) => row.resourceType === value,
  AcceptorAccountId: (row, value) => row.acceptor === value,
  OfferId: (row, value) => row.offerId === value,
  OfferSetId: (row, value) => row.offerSetId === value,
  Status: (row, value) => row.status === value,
  BeforeEndTime: (row, value) => isBefore(row.endsAt, value),
  AfterEndTime: (row, value) => isAfter(row.endsAt, value),
  BeforeStartTime: (row, value) => isBefore(row.startsAt, value),
  AfterStartTime: (row, value) => isAfter(row.startsAt, value),
  BeforeLastUpdateTime: (row, value) => isBefore(row.updatedAt, value),
  AfterLastUpdateTime: (row, value) => isAfter(row.updatedAt, value),
  InitialAgreementId: (row, value) => row.initialId === value,
  EndTimeBehaviorType: (row, value) => endTimeBehaviour(row)?.type === value,
  EndTimeBehaviorReasonCode: (row, value) => endTimeBehaviour(row)?.reasonCode === value,
  LicenseArn: (row, value) => licenseOf(row) === value,
};

/** What an acceptor may combine with AgreementType, besides EndTime and Status. */
const acceptorSubjects = ["ResourceIdentifier", "OfferId", "OfferSetId"];

export const createAgreementSearch =
  (world: World) =>
  (call: MarketCall): JsonObject => {
    const { input } = call;
    const catalog = textAt(input, "catalog") ?? marketplaceCatalog;
    if (catalog !== marketplaceCatalog)
      throw unacceptable("INVALID_CATALOG", `catalog must be ${marketplaceCatalog}`, "catalog");
    const filters = filtersOf(input);
    const party = filters.get("PartyType");
    const isProposer = party === "Proposer";
    checkCombination(filters);
    const sortBy = textAt(input, "sort.sortBy") ?? "EndTime";
    if (sortBy !== "EndTime" && !(isProposer && ["StartTime", "LastUpdateTime"].includes(sortBy)))
      throw unacceptable("INVALID_SORT_BY", `Cannot sort by ${sortBy} as ${party ?? "Acceptor"}`, "sort");
    const lag = call.struck.find("search_lag");
    const indexedUntil = lag ? call.now.getTime() - (lag.seconds ?? 60) * 1000 : null;
    const lagSeconds = world.settings().marketplace.readLagSeconds;
    const rows = world.ledger.agreements
      .all()
      .filter(
        (row) =>
          (isProposer ? row.account : row.acceptor) === call.account &&
          Date.parse(row.updatedAt) <= (indexedUntil ?? call.now.getTime() - lagSeconds * 1000) &&
          [...filters].every(([name, value]) => tests[name]?.(row, value) ?? true),
      )
      .map((row) => ({ id: row.id, key: sortKey(row, sortBy), view: summaryOf(row) }));
    const { views, token } = pageOf(rows, {
      ...call,
      descending: textAt(input, "sort.sortOrder") === "DESCENDING",
      size: Number(input.maxResults ?? 50),
    });
    return { agreementViewSummaries: views, ...(token === null ? {} : { nextToken: token }) };
  };

const filtersOf = (input: JsonObject): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const filter of listAt(input, "filters").filter(isObject)) {
    const name = textAt(filter, "name");
    const [value] = textsAt(filter, "values");
    if (name === null) throw unacceptable("MISSING_FILTER_NAME", "A filter needs a name", "filters");
    if (value === undefined) throw unacceptable("MISSING_FILTER_VALUES", `The filter ${name} needs a value`, "filters");
    const isKnown = name in tests || name === "PartyType" || name === "AgreementType";
    if (!isKnown || found.has(name))
      throw unacceptable("INVALID_FILTER_NAME", `The filter ${name} is not valid`, "filters");
    found.set(name, value);
  }
  return found;
};

const checkCombination = (filters: ReadonlyMap<string, string>): void => {
  const party = filters.get("PartyType");
  if (party !== "Proposer" && party !== "Acceptor")
    throw unacceptable(
      party === undefined ? "MISSING_PARTY_TYPE" : "INVALID_PARTY_TYPE",
      "PartyType must be Proposer or Acceptor",
      "filters",
    );
  if (filters.get("AgreementType") !== "PurchaseAgreement")
    throw unacceptable("UNSUPPORTED_FILTERS", "AgreementType PurchaseAgreement is required", "filters");
  const status = filters.get("Status");
  if (status !== undefined && !agreementStatuses.some((known) => known === status))
    throw unacceptable("INVALID_FILTER_VALUES", `${status} is not a status`, "filters");
  if (party === "Proposer") return;
  const rest = [...filters.keys()].filter(
    (name) => !["PartyType", "AgreementType", "BeforeEndTime", "AfterEndTime"].includes(name),
  );
  const subjects = rest.filter((name) => name !== "Status");
  const isAllowed =
    subjects.length === 0 ||
    (subjects.length === 1 && acceptorSubjects.includes(subjects[0] ?? "")) ||
    (rest.length === 1 && rest[0] === "ResourceType");
  if (!isAllowed) throw unacceptable("UNSUPPORTED_FILTERS", `An acceptor cannot combine ${rest.join(", ")}`, "filters");
};

const sortKey = (row: Agreement, sortBy: string): string =>
  sortBy === "StartTime" ? row.startsAt : sortBy === "LastUpdateTime" ? row.updatedAt : (row.endsAt ?? "9999");

const licenseOf = (row: Agreement): string =>
  `arn:aws:license-manager::${row.manufacturer}:license:l-${row.id.slice(5)}`;

const summaryOf = (row: Agreement): JsonObject => {
  const behaviour = endTimeBehaviour(row);
  return {
    agreementId: row.id,
    acceptanceTime: epoch(row.acceptedAt),
    startTime: epoch(row.startsAt),
    ...(row.endsAt === null ? {} : { endTime: epoch(row.endsAt) }),
    lastUpdateTime: epoch(row.updatedAt),
    agreementType: "PurchaseAgreement",
    acceptor: { accountId: row.acceptor },
    proposer: { accountId: row.account },
    proposalSummary: proposalOf(row),
    status: row.status,
    entitlements: [{ licenseArn: licenseOf(row) }],
    initialAgreementId: row.initialId,
    ...(behaviour === null
      ? {}
      : {
          endTimeBehaviorType: behaviour.type,
          ...(behaviour.reasonCode === undefined ? {} : { endTimeBehaviorReasonCode: behaviour.reasonCode }),
        }),
  };
};

export const proposalOf = (row: Agreement): JsonObject => ({
  resources: [{ id: row.productId, type: row.resourceType }],
  offerId: row.offerId,
  ...(row.offerSetId === null ? {} : { offerSetId: row.offerSetId }),
});
