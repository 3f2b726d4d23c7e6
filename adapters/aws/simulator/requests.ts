/** One request from the wire to an answer: who asks, whether they may, whether it is well formed, and the operation itself. */

import { type JsonObject, jsonObjectSchema } from "../../../src/domain/deal.ts";
import { isLostBefore, mangledBody } from "../../simulator/departure.ts";
import { fold } from "../../simulator/dice.ts";
import { canonical, textAt } from "../../simulator/document.ts";
import { unstruck } from "../../simulator/faults.ts";
import { addSeconds } from "../../simulator/ground.ts";
import type { Quotas } from "../../simulator/quotas.ts";
import {
  type Answer,
  atTheDoor,
  complain,
  conflict,
  denied,
  malformed,
  Refusal,
  refusalAnswer,
  throttled,
} from "./answers.ts";
import type { Associations } from "./associations.ts";
import { type OperationName, operations, targetPrefix } from "./constraints.generated.ts";
import { breaches } from "./constraints.ts";
import type { Conversions } from "./conversions.ts";
import type { Engagements } from "./engagements.ts";
import type { Struck } from "./faults.ts";
import type { Invitations } from "./invitations.ts";
import type { Listing } from "./listing.ts";
import { fieldsOf, refusalBefore } from "./mangle.ts";
import type { Call, Opportunities } from "./opportunities.ts";
import { kindOf } from "./quotas.ts";
import { authenticate, type SimulatedCredential } from "./signature.ts";
import type { Tasks } from "./tasks.ts";
import { arnOf, type Occasion, type World } from "./world.ts";

export interface RequestParts {
  readonly opportunities: Opportunities;
  readonly associations: Associations;
  readonly tasks: Tasks;
  readonly engagements: Engagements;
  readonly invitations: Invitations;
  readonly conversions: Conversions;
  readonly listing: Listing;
  readonly quotas: Quotas;
  readonly credentials: readonly SimulatedCredential[];
  readonly basePath: string;
}

export interface Handled {
  readonly answer: Answer;
  readonly struck: Struck;
}

export const createRequests = (world: World, parts: RequestParts) => {
  const { ledger } = world;
  const { opportunities, associations, tasks, engagements, invitations, conversions, listing, quotas } = parts;

  const work: Readonly<Record<OperationName, (call: Call) => JsonObject>> = {
    CreateOpportunity: (call) => once(call, () => opportunities.create(call)),
    UpdateOpportunity: opportunities.update,
    GetOpportunity: opportunities.get,
    ListOpportunities: listing.opportunities,
    AssociateOpportunity: associations.associate,
    DisassociateOpportunity: associations.disassociate,
    AssignOpportunity: opportunities.assign,
    GetAwsOpportunitySummary: opportunities.summary,
    ListSolutions: listing.solutions,
    StartEngagementFromOpportunityTask: (call) => tasks.answer(startedOnce(call, tasks.start)),
    ListEngagementFromOpportunityTasks: listing.tasks,
    SubmitOpportunity: tasks.submit,
    GetEngagement: engagements.get,
    ListEngagements: listing.engagements,
    ListEngagementInvitations: listing.invitations,
    GetEngagementInvitation: invitations.get,
    AcceptEngagementInvitation: conversions.join,
    RejectEngagementInvitation: invitations.reject,
    StartEngagementByAcceptingInvitationTask: (call) =>
      conversions.answer(startedOnce(call, conversions.startAccepting)),
    ListEngagementByAcceptingInvitationTasks: listing.conversions,
    UpdateEngagementContext: engagements.updateContext,
    StartOpportunityFromEngagementTask: (call) =>
      conversions.answer(startedOnce(call, conversions.startFromEngagement)),
    ListOpportunityFromEngagementTasks: listing.conversions,
  };

  /** The task this token started, now or before. Asking again with the same token is how a task is polled. */
  const startedOnce = (call: Call, start: (call: Call) => string): string =>
    textAt(
      once(call, () => ({ TaskId: start(call) })),
      "TaskId",
    ) ?? "";

  /** Same token and same body: the first answer again. Same token and another body: a conflict. */
  const once = (call: Call, act: () => JsonObject): JsonObject => {
    const id = `${call.account}:${call.operation}:${textAt(call.input, "ClientToken") ?? ""}`;
    const digest = fold(canonical(call.input)).toString(36);
    const kept = ledger.tokens.get(id);
    const hours = world.settings().tokenHours;
    const alive = kept && (hours === null || addSeconds(new Date(kept.at), hours * 3600) > call.now);
    if (alive && kept.digest !== digest) throw conflict("Conflicting client token submitted for a new request body");
    if (alive) return kept.answer;
    const answer = act();
    ledger.tokens.put(id, { operation: call.operation, digest, answer, at: call.now.toISOString() });
    return answer;
  };

  const admit = (operation: OperationName, account: string, input: JsonObject): string => {
    const catalog = textAt(input, "Catalog") ?? "";
    if (world.settings().deniedCatalogs.includes(catalog)) {
      throw denied(`arn:aws:iam::${account}:user/partner`, operation, arnOf(catalog, "opportunity", "*"));
    }
    const wrong = breaches(operation, input);
    if (wrong.length > 0) throw malformed(wrong);
    if (catalog !== "AWS" && catalog !== "Sandbox") {
      throw malformed([complain("INVALID_VALUE", "Catalog", "Catalog must be AWS or Sandbox")]);
    }
    return catalog;
  };

  /** The operation's answer. What it changed is undone when it refuses; the quota it used is not. */
  const answered = ({ operation, body, account }: Seen, occasion: Occasion): JsonObject => {
    const input = readBody(body);
    const before = refusalBefore(occasion.struck, operation, input.NextToken !== undefined);
    if (before) throw before;
    if (isLostBefore(occasion.struck)) return {};
    if (!quotas.take(account, kindOf(operation), world.now())) throw throttled();
    const catalog = admit(operation, account, input);
    const mark = ledger.mark();
    try {
      return mangledBody(
        work[operation]({ operation, account, catalog, input, ...occasion }),
        fieldsOf(operation),
        occasion.struck,
      );
    } catch (error) {
      ledger.undoTo(mark);
      throw error;
    }
  };

  /** Handles one request. Call it alone, one at a time, and commit the ledger afterwards. */
  const handle = async (request: Request, body: Uint8Array<ArrayBuffer>): Promise<Handled> => {
    const requestId = world.uuid("request");
    let occasion: Occasion = { now: world.now(), struck: unstruck };
    let counted: { readonly account: string; readonly operation: string } | null = null;
    try {
      const operation = operationOf(request);
      const { account } = await authenticate({ request, body, basePath: parts.basePath }, parts.credentials);
      counted = { account, operation };
      occasion = skewed(occasion.now, world.faults.strike(operation));
      const answer = answered({ operation, body, account }, occasion);
      quotas.note(account, operation, "ok");
      return { answer: { status: 200, body: answer, requestId, date: occasion.now }, struck: occasion.struck };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const outcome = error.type.endsWith("ThrottlingException") ? "throttled" : "refused";
      if (counted) quotas.note(counted.account, counted.operation, outcome);
      return { answer: refusalAnswer(error, requestId, occasion.now), struck: occasion.struck };
    }
  };

  return { handle };
};
export type Requests = ReturnType<typeof createRequests>;

const skewed = (now: Date, struck: Struck): Occasion => {
  const rule = struck.find("clock_skew");
  return { now: rule ? addSeconds(now, rule.seconds ?? 300) : now, struck };
};

interface Seen {
  readonly operation: OperationName;
  readonly account: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

const isOperation = (name: string): name is OperationName => Object.hasOwn(operations, name);
const operationOf = (request: Request): OperationName => {
  const [prefix, name = ""] = (request.headers.get("x-amz-target") ?? "").split(".");
  if (request.method === "POST" && prefix === targetPrefix && isOperation(name)) return name;
  throw atTheDoor("UnknownOperationException", "The requested operation is not recognized by the service.");
};

const readBody = (body: Uint8Array<ArrayBuffer>): JsonObject => {
  try {
    return jsonObjectSchema.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch {
    throw atTheDoor("SerializationException", "The request body is not a JSON object in UTF-8.");
  }
};
