/** The partner's opportunities: create, replace, read, assign. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { fold } from "../../simulator/dice.ts";
import { changedPaths, isObject, listAt, objectAt, pick, pruned, textAt, withAt } from "../../simulator/document.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { type Complaint, complain, conflict, modelled, notFound, unfit } from "./answers.ts";
import type { OperationName } from "./constraints.generated.ts";
import { instantOf, known } from "./constraints.ts";
import type { Events } from "./events.ts";
import { closedFor, gateComplaints, isTerminal, reviewStatusOf } from "./gate.ts";
import type { OpportunityRecord, Related } from "./ledger.ts";
import { awsOrigin, type Referrals } from "./referrals.ts";
import type { Reviews } from "./reviews.ts";
import { documentComplaints, otherTooLate, submissionComplaints } from "./rules.ts";
import { type Occasion, ownArnOf, type World } from "./world.ts";

/** One authenticated, well-formed request. */
export interface Call extends Occasion {
  readonly operation: OperationName;
  readonly account: string;
  readonly catalog: string;
  readonly input: JsonObject;
}

const members = [
  "PrimaryNeedsFromAws",
  "NationalSecurity",
  "PartnerOpportunityIdentifier",
  "Customer",
  "Project",
  "OpportunityType",
  "Marketing",
  "SoftwareRevenue",
  "LifeCycle",
];
const crmPath = "PartnerOpportunityIdentifier";
/** The rest of LifeCycle is AWS's: what a request says about it is not stored. */
const lifeCycleMembers = ["Stage", "ClosedLostReason", "NextSteps", "TargetCloseDate"];
export const noRelated: Related = {
  Solutions: [],
  AwsProducts: [],
  AwsMarketplaceOffers: [],
  AwsMarketplaceOfferSets: [],
  AwsMarketplaceSolutions: [],
  AwsMarketplaceProducts: [],
};

export interface OpportunityParts {
  readonly events: Events;
  readonly reviews: Reviews;
  readonly referrals: Referrals;
}

export const createOpportunities = (world: World, { events, reviews, referrals }: OpportunityParts) => {
  const { ledger } = world;

  /** The caller's record, whatever its version; refuses what belongs to another account or catalog. */
  const find = (call: Call, id: string): OpportunityRecord => {
    const row = ledger.opportunities.get(id);
    if (row?.account === call.account && row.catalog === call.catalog) return row;
    throw notFound("Opportunity", id);
  };

  const create = (call: Call): JsonObject => {
    const document = withAt(editable(call.input), "LifeCycle.ReviewStatus", "Pending Submission");
    const origin = textAt(call.input, "Origin") ?? "Partner Referral";
    refuse([...originComplaints(call.catalog, origin), ...documentComplaints(document, null, day(call.now))]);
    const id = world.opportunityId();
    const at = call.now.toISOString();
    if (origin === awsOrigin && world.settings().referrals.sandbox === "invitation") {
      referrals.simulated(call, document, id);
      return { Id: id, LastModifiedDate: at };
    }
    const row: OpportunityRecord = {
      id,
      account: call.account,
      catalog: call.catalog,
      sequence: world.sequence(),
      fate: fateOf(document),
      origin,
      document: withHistory(document, null, call.now),
      related: noRelated,
      team: listAt(call.input, "OpportunityTeam").filter(isObject),
      tags: listAt(call.input, "Tags").filter(isObject),
      createdAt: at,
      modifiedAt: at,
      summary: null,
      engagementId: null,
      invitationId: null,
      involvement: null,
      visibility: null,
      reviewRounds: 0,
      steps: 0,
      previous: null,
      staleUntil: null,
      hiddenUntil: hiddenUntil(call),
    };
    ledger.opportunities.put(id, row);
    events.opportunity("Created", row, call);
    const crm = textAt(document, crmPath);
    return { Id: id, ...(crm === null ? {} : { PartnerOpportunityIdentifier: crm }), LastModifiedDate: at };
  };

  const fateOf = (document: JsonObject): string => {
    const paths = ["Customer.Account.CompanyName", "Project.Title", "Project.CustomerBusinessProblem"];
    const name = fold(paths.map((path) => textAt(document, path) ?? "").join("|")).toString(36);
    const count = (ledger.fates.get(name)?.count ?? 0) + 1;
    ledger.fates.put(name, { count });
    return `${name}-${count}`;
  };

  const update = (call: Call): JsonObject => {
    const row = find(call, textAt(call.input, "Identifier") ?? "");
    checkVersion(row, textAt(call.input, "LastModifiedDate") ?? "");
    const sent = editable(call.input);
    const was = editable(row.document);
    const changed = changedPaths(was, sent);
    const verdict = sandboxVerdict(call, row);
    if (verdict !== null && changed.length === 0) return versionOf(reviews.simulate(row, verdict, call));
    const { legacyLocks, referrals: referred } = world.settings();
    const unnamed = row.origin === awsOrigin && textAt(row.document, crmPath) === null;
    refuse(
      gateComplaints(row.document, changed, { legacyLocks, identifierOpen: unnamed && referred.identifierWritable }),
    );
    const document = withAt(row.document, "LifeCycle", {
      ...objectAt(row.document, "LifeCycle"),
      ...cleared(lifeCycleMembers),
    });
    const next = withHistory(assembled(document, sent), row.document, call.now);
    refuse([...updateComplaints(row, next, call)]);
    const saved = reviews.save({ ...row, document: next, hiddenUntil: hiddenUntil(call) ?? row.hiddenUntil }, call);
    return versionOf(reviews.afterUpdate(saved, call));
  };

  const updateComplaints = (row: OpportunityRecord, next: JsonObject, call: Call): readonly Complaint[] => {
    const lacksSource = textAt(next, "Marketing.Source") === null;
    const submitted = reviewStatusOf(row.document) !== "Pending Submission";
    // The receiver of a referral completes it when it qualifies the deal, not before.
    const stage = textAt(next, "LifeCycle.Stage") ?? "";
    const complete = submitted && !(row.origin === awsOrigin && ["Prospect", "Closed Lost"].includes(stage));
    const source = "Marketing.Source is required";
    return [
      ...documentComplaints(next, row.document, day(call.now)),
      ...(complete ? submissionComplaints(next, row.related, world.settings()) : []),
      ...(lacksSource && !submitted && !next.Marketing
        ? [complain("REQUIRED_FIELD_MISSING", "Marketing.Source", source)]
        : []),
      ...(row.related.Solutions.includes("Other") && !submitted ? otherTooLate(next) : []),
    ];
  };

  const assign = (call: Call): JsonObject => {
    const row = find(call, textAt(call.input, "Identifier") ?? "");
    const assignee = objectAt(call.input, "Assignee");
    const email = textAt(assignee, "Email") ?? "";
    const users = world.settings().users;
    if (users !== null && !users.includes(email)) {
      throw unfit([complain("INVALID_VALUE", "Assignee.Email", "Assignee.Email must be a user of Partner Central")]);
    }
    if (reviewStatusOf(row.document) === "Rejected" || isTerminal(row.document)) {
      const closed = closedFor(row.document);
      refuse(closed ? [closed] : []);
    }
    const team = [assignee, ...row.team.slice(1)];
    events.opportunity("Updated", reviews.save({ ...row, team }, call), call);
    return {};
  };

  const get = (call: Call): JsonObject => {
    const row = find(call, textAt(call.input, "Identifier") ?? "");
    const seen = seenNow(row, call);
    return {
      Catalog: row.catalog,
      Id: row.id,
      Arn: ownArnOf(row, "opportunity", row.id),
      ...seen.document,
      RelatedEntityIdentifiers: seen.related,
      OpportunityTeam: seen.team,
      CreatedDate: row.createdAt,
      LastModifiedDate: seen.modifiedAt,
    };
  };

  const summary = (call: Call): JsonObject => {
    const row = find(call, textAt(call.input, "RelatedOpportunityIdentifier") ?? "");
    if (row.summary === null) throw notFound("The AWS opportunity related to", row.id);
    return {
      Catalog: row.catalog,
      RelatedOpportunityId: row.id,
      Origin: row.origin,
      ...(row.involvement === null ? {} : { InvolvementType: row.involvement }),
      ...(row.visibility === null ? {} : { Visibility: row.visibility }),
      RelatedEntityIds: pick(row.related, [
        "AwsProducts",
        "Solutions",
        "AwsMarketplaceSolutions",
        "AwsMarketplaceProducts",
      ]),
      Customer: { Contacts: listAt(row.document, "Customer.Contacts") },
      Project: pick(objectAt(row.document, "Project"), ["ExpectedCustomerSpend", "AwsPartition"]),
      ...row.summary,
    };
  };

  return { find, create, update, assign, get, summary };
};
export type Opportunities = ReturnType<typeof createOpportunities>;

/** What a read shows at this moment: usually the record, the version before it while it is stale. */
export const seenNow = (row: OpportunityRecord, occasion: Occasion) => {
  const stale =
    occasion.struck.has("stale_read") || (row.staleUntil !== null && occasion.now.toISOString() < row.staleUntil);
  return stale && row.previous ? row.previous : row;
};

/** Until when lists do not show this write, if a fault says so. */
export const hiddenUntil = (occasion: Occasion): string | null => {
  const rule = occasion.struck.find("search_lag");
  return rule ? addSeconds(occasion.now, rule.seconds ?? 60).toISOString() : null;
};

/** What the partner may set, as AWS stores it: known members only, nothing empty, spend aimed at AWS, a stage. */
const editable = (input: JsonObject): JsonObject => {
  const lifeCycle = pick(objectAt(input, "LifeCycle"), lifeCycleMembers);
  const picked = { ...pick(input, members), LifeCycle: lifeCycle };
  const stored = pruned(known("UpdateOpportunityRequest", picked)) ?? {};
  const document = isObject(stored) ? stored : {};
  return withAt(aimed(document), "LifeCycle.Stage", textAt(document, "LifeCycle.Stage") ?? "Prospect");
};

/** Without a contract duration every spend entry is about AWS, whatever it says. */
const aimed = (document: JsonObject): JsonObject => {
  const path = "Project.ExpectedCustomerSpend";
  const spend = listAt(document, path);
  if (spend.length === 0 || Object.keys(objectAt(document, "Project.ExpectedContractDuration")).length > 0)
    return document;
  return withAt(
    document,
    path,
    spend.map((entry) => (isObject(entry) ? { ...entry, TargetCompany: "AWS" } : entry)),
  );
};

const assembled = (before: JsonObject, sent: JsonObject): JsonObject => {
  const lifeCycle = { ...objectAt(before, "LifeCycle"), ...objectAt(sent, "LifeCycle") };
  const whole = pruned({ ...sent, LifeCycle: lifeCycle });
  return isObject(whole) ? whole : {};
};
const cleared = (keys: readonly string[]): JsonObject => Object.fromEntries(keys.map((key) => [key, null]));

const nextStepsMax = 50;
/** Adds a changed next step to the history AWS keeps. */
const withHistory = (document: JsonObject, before: JsonObject | null, now: Date): JsonObject => {
  const path = "LifeCycle.NextStepsHistory";
  const step = textAt(document, "LifeCycle.NextSteps");
  const history = before ? listAt(before, path) : [];
  const added = step !== null && step !== (before && textAt(before, "LifeCycle.NextSteps"));
  const all = added ? [...history, { Value: step, Time: now.toISOString() }] : history;
  return all.length === 0 ? document : withAt(document, path, all.slice(-nextStepsMax));
};

const checkVersion = (row: OpportunityRecord, stamp: string): void => {
  if (instantOf(stamp) === instantOf(row.modifiedAt)) return;
  throw conflict(`The opportunity ${row.id} was modified after ${stamp}. Get the latest version and try again.`);
};

/** In the Sandbox catalog an update may play the reviewer. */
const sandboxVerdict = (call: Call, row: OpportunityRecord): "Approved" | "Action Required" | null => {
  if (call.catalog !== "Sandbox") return null;
  const wanted = textAt(call.input, "LifeCycle.ReviewStatus");
  const status = reviewStatusOf(row.document);
  if (status !== "Submitted" && status !== "In review") return null;
  return wanted === "Approved" || wanted === "Action Required" ? wanted : null;
};

const originComplaints = (catalog: string, origin: string): readonly Complaint[] =>
  catalog === "AWS" && origin !== "Partner Referral"
    ? [complain("INVALID_VALUE", "Origin", "Origin must be Partner Referral in the catalog AWS")]
    : [];

const versionOf = (row: OpportunityRecord): JsonObject => ({ Id: row.id, LastModifiedDate: row.modifiedAt });
const refuse = (complaints: readonly Complaint[]): void => {
  if (complaints.length > 0) throw unfit(complaints);
};
const day = (now: Date): string => now.toISOString().slice(0, 10);

/** For the control API: a record by id, whoever owns it. */
export const recordOf = (world: World, id: string): OpportunityRecord => {
  const row = world.ledger.opportunities.get(id);
  if (!row) throw modelled("ResourceNotFoundException", `There is no opportunity ${id}`);
  return row;
};
