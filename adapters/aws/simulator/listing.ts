/** Lists: filters, order, and pages with opaque tokens. */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { fold } from "../../simulator/dice.ts";
import { at, canonical, listAt, objectAt, pick, textAt, textsAt } from "../../simulator/document.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { complain, malformed } from "./answers.ts";
import { instantOf } from "./constraints.ts";
import type { Conversions } from "./conversions.ts";
import { engagementView, typesOf } from "./engagements.ts";
import { type Invitations, senderOf } from "./invitations.ts";
import type { OpportunityRecord } from "./ledger.ts";
import { type Call, seenNow } from "./opportunities.ts";
import { taskView } from "./tasks.ts";
import { ownArnOf, type World } from "./world.ts";

interface Row {
  readonly id: string;
  readonly key: string;
  readonly view: JsonObject;
}
interface Order {
  /** The list's name in the answer. */
  readonly member: string;
  readonly descending: boolean;
  readonly sizeDefault: number;
}

export interface ListingParts {
  readonly invitations: Invitations;
  readonly conversions: Conversions;
}

export const createListing = (world: World, { invitations, conversions }: ListingParts) => {
  const { ledger } = world;
  const mine = <T extends { readonly account: string; readonly catalog: string }>(rows: readonly T[], call: Call) =>
    rows.filter((row) => row.account === call.account && row.catalog === call.catalog);

  const opportunities = (call: Call): JsonObject => {
    const sortBy = textAt(call.input, "Sort.SortBy") ?? "LastModifiedDate";
    const order = {
      member: "OpportunitySummaries",
      descending: textAt(call.input, "Sort.SortOrder") !== "ASCENDING",
      sizeDefault: 20,
    };
    const rows = mine(ledger.opportunities.all(), call).flatMap((row) => {
      const seen = indexed(row, call, world.settings().searchLagSeconds);
      return seen && wanted(seen, call.input)
        ? [{ id: row.id, key: sortKey(seen, sortBy), view: summaryView(seen) }]
        : [];
    });
    return paged(rows, order, call);
  };

  const tasks = (call: Call): JsonObject => {
    const order = {
      member: "TaskSummaries",
      descending: textAt(call.input, "Sort.SortOrder") !== "ASCENDING",
      sizeDefault: 100,
    };
    const rows = mine(ledger.tasks.all(), call)
      .filter(
        (task) =>
          among(call.input, "TaskStatus", task.status) &&
          amongIds(call.input, "TaskIdentifier", task.id) &&
          among(call.input, "OpportunityIdentifier", task.opportunityId) &&
          amongIds(call.input, "EngagementIdentifier", task.engagementId ?? ""),
      )
      .map((task) => ({
        id: task.id,
        key: `${task.startedAt} ${String(task.sequence).padStart(12, "0")}`,
        view: taskView(task),
      }));
    return paged(rows, order, call);
  };

  const solutions = (call: Call): JsonObject => {
    const sortBy = textAt(call.input, "Sort.SortBy") ?? "Identifier";
    const order = {
      member: "SolutionSummaries",
      descending: textAt(call.input, "Sort.SortOrder") === "DESCENDING",
      sizeDefault: 20,
    };
    const rows = world
      .settings()
      .solutions.filter(
        (solution) =>
          among(call.input, "Status", solution.status) &&
          among(call.input, "Identifier", solution.id) &&
          among(call.input, "Category", solution.category) &&
          listAt(call.input, "AwsMarketplaceSolutionArn").length === 0,
      )
      .map((solution): Row => {
        const view = {
          Catalog: call.catalog,
          Id: solution.id,
          Name: solution.name,
          Status: solution.status,
          Category: solution.category,
          CreatedDate: "2024-01-15T09:00:00.000Z",
        };
        return { id: solution.id, key: textAt(view, sortBy === "Identifier" ? "Id" : sortBy) ?? "", view };
      });
    return paged(rows, order, call);
  };

  const engagements = (call: Call): JsonObject => {
    const order = {
      member: "EngagementSummaryList",
      descending: textAt(call.input, "Sort.SortOrder") !== "ASCENDING",
      sizeDefault: 20,
    };
    const excluded = (path: string, values: readonly string[]): boolean =>
      textsAt(call.input, path).some((value) => values.includes(value));
    const rows = ledger.engagements
      .all()
      .filter(
        (row) =>
          row.catalog === call.catalog &&
          row.members.includes(call.account) &&
          amongIds(call.input, "EngagementIdentifier", row.id) &&
          among(call.input, "CreatedBy", row.account) &&
          !excluded("ExcludeCreatedBy", [row.account]) &&
          (textsAt(call.input, "ContextTypes").length === 0 || excluded("ContextTypes", typesOf(row))) &&
          !excluded("ExcludeContextTypes", typesOf(row)),
      )
      .map((row) => ({ id: row.id, key: row.createdAt, view: { ...engagementView(row), ContextTypes: typesOf(row) } }));
    return paged(rows, order, call);
  };

  /** https://docs.aws.amazon.com/partner-central/latest/APIReference/API_ListEngagementInvitations.html */
  const invited = (call: Call): JsonObject => {
    const order = {
      member: "EngagementInvitationSummaries",
      descending: textAt(call.input, "Sort.SortOrder") !== "ASCENDING",
      sizeDefault: 20,
    };
    const lagSeconds = lagOf(call, world.settings().searchLagSeconds);
    // AWS's alias is lower case in answers and upper case in events; either finds it.
    const senders = textsAt(call.input, "SenderAwsAccountId").map((sender) => sender.toLowerCase());
    const indexedUntil = addSeconds(call.now, -lagSeconds).getTime() * 1000 + 999;
    const rows = mine(ledger.invitations.all(), call)
      .filter(
        (row) =>
          (lagSeconds === 0 || (instantOf(row.invitedAt) ?? 0) <= indexedUntil) &&
          row.participant === textAt(call.input, "ParticipantType") &&
          among(call.input, "PayloadType", row.payloadType) &&
          among(call.input, "Status", invitations.seen(row, call)) &&
          amongIds(call.input, "EngagementIdentifier", row.engagementId) &&
          (senders.length === 0 || senders.includes(senderOf(row))),
      )
      .map((row) => ({ id: row.id, key: row.invitedAt, view: invitations.listed(row, call) }));
    return paged(rows, order, call);
  };

  /** Both lists of the tasks that make opportunities; each knows the filters its model has. */
  const conversionTasks = (call: Call): JsonObject => {
    const kind = call.operation === "ListOpportunityFromEngagementTasks" ? "engagement" : "invitation";
    const subjects = kind === "engagement" ? "EngagementIdentifier" : "EngagementInvitationIdentifier";
    const order = {
      member: "TaskSummaries",
      descending: textAt(call.input, "Sort.SortOrder") !== "ASCENDING",
      sizeDefault: 100,
    };
    const rows = mine(ledger.conversions.all(), call)
      .map((task) => ({ task, view: conversions.listed(task) }))
      .filter(
        ({ task, view }) =>
          task.kind === kind &&
          among(call.input, "TaskStatus", task.status) &&
          amongIds(call.input, "TaskIdentifier", task.id) &&
          among(call.input, "OpportunityIdentifier", task.opportunityId ?? "") &&
          amongIds(call.input, subjects, task.subject) &&
          among(call.input, "ContextIdentifier", textAt(view, "ContextId") ?? ""),
      )
      .map(({ task, view }) => ({
        id: task.id,
        key: `${task.startedAt} ${String(task.sequence).padStart(12, "0")}`,
        view,
      }));
    return paged(rows, order, call);
  };

  return { opportunities, tasks, solutions, engagements, invitations: invited, conversions: conversionTasks };
};
export type Listing = ReturnType<typeof createListing>;

type Seen = Pick<OpportunityRecord, "id" | "account" | "catalog" | "createdAt" | "modifiedAt" | "document">;

/** How far the search index is behind for this call, in seconds. */
const lagOf = (call: Call, usualSeconds: number): number => {
  const rule = call.struck.find("search_lag");
  return rule ? (rule.seconds ?? 60) : usualSeconds;
};

/** What the search index holds of a record: nothing or the version before, while it lags. */
const indexed = (row: OpportunityRecord, call: Call, lagSeconds: number): Seen | null => {
  const lagMs = lagOf(call, lagSeconds) * 1000;
  const fresh = call.now.getTime() - new Date(row.modifiedAt).getTime() < lagMs;
  const hidden = fresh || (row.hiddenUntil !== null && call.now.toISOString() < row.hiddenUntil);
  if (hidden) return row.previous ? { ...row, ...row.previous } : null;
  return { ...row, ...seenNow(row, call) };
};

const among = (input: JsonObject, path: string, value: string): boolean => {
  const wantedValues = textsAt(input, path);
  return wantedValues.length === 0 || wantedValues.includes(value);
};
/** The same for filters that also take ARNs. */
const amongIds = (input: JsonObject, path: string, id: string): boolean => {
  const wantedIds = textsAt(input, path).map((value) => value.split("/").at(-1) ?? "");
  return wantedIds.length === 0 || wantedIds.includes(id);
};

const wanted = (row: Seen, input: JsonObject): boolean => {
  const company = (textAt(row.document, "Customer.Account.CompanyName") ?? "").toLowerCase();
  const companies = textsAt(input, "CustomerCompanyName").map((name) => name.toLowerCase());
  return (
    among(input, "Identifier", row.id) &&
    among(input, "LifeCycleStage", textAt(row.document, "LifeCycle.Stage") ?? "") &&
    among(input, "LifeCycleReviewStatus", textAt(row.document, "LifeCycle.ReviewStatus") ?? "") &&
    (companies.length === 0 || companies.includes(company)) &&
    within(
      row.modifiedAt,
      textAt(input, "LastModifiedDate.AfterLastModifiedDate"),
      textAt(input, "LastModifiedDate.BeforeLastModifiedDate"),
    ) &&
    within(
      row.createdAt,
      textAt(input, "CreatedDate.AfterCreatedDate"),
      textAt(input, "CreatedDate.BeforeCreatedDate"),
    ) &&
    withinDays(textAt(row.document, "LifeCycle.TargetCloseDate"), objectAt(input, "TargetCloseDate"))
  );
};
/** Both bounds belong to the range. */
const within = (stamp: string, after: string | null, before: string | null): boolean => {
  const instant = instantOf(stamp) ?? 0;
  return (
    (after === null || instant >= (instantOf(after) ?? 0)) && (before === null || instant <= (instantOf(before) ?? 0))
  );
};
const withinDays = (date: string | null, filter: JsonObject): boolean => {
  const [after, before] = [textAt(filter, "AfterTargetCloseDate"), textAt(filter, "BeforeTargetCloseDate")];
  if (after === null && before === null) return true;
  return date !== null && (after === null || date >= after) && (before === null || date <= before);
};

const sortKey = (row: Seen, sortBy: string): string => {
  switch (sortBy) {
    case "Identifier":
      return row.id;
    case "CustomerCompanyName":
      return textAt(row.document, "Customer.Account.CompanyName") ?? "";
    case "CreatedDate":
      return row.createdAt;
    case "TargetCloseDate":
      return textAt(row.document, "LifeCycle.TargetCloseDate") ?? "";
    default:
      return row.modifiedAt;
  }
};

const accountMembers = ["Industry", "OtherIndustry", "CompanyName", "WebsiteUrl"];
const addressMembers = ["City", "PostalCode", "StateOrRegion", "CountryCode"];
const lifeCycleMembers = [
  "Stage",
  "ClosedLostReason",
  "NextSteps",
  "TargetCloseDate",
  "ReviewStatus",
  "ReviewComments",
  "ReviewStatusReason",
];

const summaryView = (row: Seen): JsonObject => {
  const account = objectAt(row.document, "Customer.Account");
  const address = pick(objectAt(account, "Address"), addressMembers);
  const hasAccount = at(account, "CompanyName") !== undefined;
  return {
    Catalog: row.catalog,
    Id: row.id,
    Arn: ownArnOf(row, "opportunity", row.id),
    ...pick(row.document, ["PartnerOpportunityIdentifier", "OpportunityType"]),
    LastModifiedDate: row.modifiedAt,
    CreatedDate: row.createdAt,
    LifeCycle: pick(objectAt(row.document, "LifeCycle"), lifeCycleMembers),
    Customer: hasAccount ? { Account: { ...pick(account, accountMembers), Address: address } } : {},
    Project: pick(objectAt(row.document, "Project"), [
      "DeliveryModels",
      "ExpectedCustomerSpend",
      "ExpectedContractDuration",
    ]),
  };
};

const pageMembers = new Set(["NextToken", "MaxResults"]);
const refuseToken = () =>
  malformed([complain("INVALID_VALUE", "NextToken", "NextToken is not valid for this request")]);
export const expiredToken = () => malformed([complain("INVALID_VALUE", "NextToken", "NextToken has expired")]);

/** One page. The token says where the last page ended and for which question; it is not valid for another. */
const paged = (rows: readonly Row[], order: Order, call: Call): JsonObject => {
  const question = Object.fromEntries(Object.entries(call.input).filter(([key]) => !pageMembers.has(key)));
  const scope = fold(`${call.operation}|${call.account}|${canonical(question)}`).toString(36);
  const placed = rows.map((row) => ({ place: `${row.key}\u0000${row.id}`, view: row.view }));
  placed.sort((a, b) => (a.place < b.place ? -1 : 1) * (order.descending ? -1 : 1));
  const token = textAt(call.input, "NextToken");
  const after = token === null ? null : readToken(token, scope);
  const rest =
    after === null ? placed : placed.filter(({ place }) => (order.descending ? place < after : place > after));
  const size = Number(at(call.input, "MaxResults") ?? order.sizeDefault);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  const more = last !== undefined && rest.length > size;
  const views: readonly Json[] = page.map((row) => row.view);
  return { [order.member]: views, ...(more ? { NextToken: writeToken(last.place, scope) } : {}) };
};

const writeToken = (place: string, scope: string): string => {
  const bytes = new TextEncoder().encode(JSON.stringify([scope, place, fold(`${scope}${place}`)]));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
};
const readToken = (token: string, scope: string): string => {
  try {
    const text = atob(token.replaceAll("-", "+").replaceAll("_", "/"));
    const parsed: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    const [about, place, check]: unknown[] = Array.isArray(parsed) ? parsed : [];
    if (typeof place === "string" && about === scope && check === fold(`${scope}${place}`)) return place;
  } catch {
    throw refuseToken();
  }
  throw refuseToken();
};
