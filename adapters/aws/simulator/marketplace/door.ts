/** One request to the Catalog or the Agreement API from the wire to an answer: who asks, whether they may, whether it is well formed. */
import { type JsonObject, jsonObjectSchema } from "../../../../src/domain/deal.ts";
import {
  depart,
  isLostBefore,
  mangledBody,
  respond,
  type Waiting,
  type WireAnswer,
} from "../../../simulator/departure.ts";
import { textAt } from "../../../simulator/document.ts";
import { unstruck } from "../../../simulator/faults.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import type { Quotas } from "../../../simulator/quotas.ts";
import { atTheDoor, Refusal } from "../answers.ts";
import type { Struck } from "../faults.ts";
import { authenticate, type SimulatedCredential } from "../signature.ts";
import type { Occasion, World } from "../world.ts";
import { operations as agreementOperations, shapes as agreementShapes } from "./agreement.generated.ts";
import type { MarketCall } from "./calls.ts";
import { operations as catalogOperations, shapes as catalogShapes } from "./catalog.generated.ts";
import type { Rates } from "./rates.ts";
import { marketplaceCatalog } from "./records.ts";
import { type Answered, type Api, invalid, refusalIn, refused, unacceptable, wireIn, wrong } from "./refusals.ts";
import { breachesOf, type Checker, type Operation } from "./shapes.ts";

const signingService = "aws-marketplace";
const targetPrefix = "AWSMPCommerceService_v20200301";

const apis: Readonly<
  Record<Api, { readonly operations: Readonly<Record<string, Operation>>; readonly checker: Checker }>
> = {
  catalog: {
    operations: catalogOperations,
    checker: {
      shapes: catalogShapes,
      loose: ["ChangeName", "EntityNameString", "EntityType", "ExceptionMessageContent", "Identifier"],
    },
  },
  agreement: { operations: agreementOperations, checker: { shapes: agreementShapes, loose: [] } },
};
/** What an answer has that the model does not allow: used to prove that the simulator speaks the models. */
export const marketplaceBreaches = (operation: string, body: JsonObject) => {
  const api = operation in catalogOperations ? apis.catalog : apis.agreement;
  const found = api.operations[operation];
  return found === undefined ? [] : breachesOf(api.checker, found.output, body);
};
export const marketplaceOperations: readonly string[] = [
  ...Object.keys(catalogOperations),
  ...Object.keys(agreementOperations),
];

interface Asked {
  readonly api: Api;
  readonly name: string;
  readonly operation: Operation;
}

/** Which operation of the marketplace a request asks for; null: it speaks to another API. */
export const marketplaceRequest = (request: Request): Asked | null => {
  const target = request.headers.get("x-amz-target");
  if (target !== null) {
    const [prefix, name = ""] = target.split(".");
    if (prefix !== targetPrefix) return null;
    const operation = apis.agreement.operations[name];
    return operation === undefined
      ? { api: "agreement", name: "", operation: none }
      : { api: "agreement", name, operation };
  }
  const path = `/${new URL(request.url).pathname.split("/").at(-1)}`;
  const found = Object.entries(apis.catalog.operations).find(
    ([, row]) => row.path === path && row.method === request.method,
  );
  return found === undefined ? null : { api: "catalog", name: found[0], operation: found[1] };
};
const none: Operation = { method: "POST", path: "/", query: {}, input: "", output: "", errors: [] };

export interface DoorParts {
  readonly work: Readonly<Record<string, (call: MarketCall) => JsonObject>>;
  readonly rates: Rates;
  readonly quotas: Quotas;
  readonly credentials: readonly SimulatedCredential[];
  readonly basePath: string;
  readonly waiting: Waiting;
  /** Runs work alone and makes what it changed durable. */
  readonly transact: <T>(work: () => T | Promise<T>) => Promise<T>;
  /** After an answer that events must come before. */
  readonly flush: () => Promise<void>;
}

interface Handled {
  readonly answered: Answered;
  readonly struck: Struck;
}

export const createDoor = (world: World, parts: DoorParts) => {
  const { ledger } = world;

  const checked = ({ api, operation }: Asked, input: JsonObject): void => {
    const [first, ...more] = breachesOf(apis[api].checker, operation.input, input);
    if (first === undefined) {
      const catalog = textAt(input, "Catalog");
      if (api === "catalog" && catalog !== null && catalog !== marketplaceCatalog)
        throw wrong(`Catalog must be ${marketplaceCatalog}`, "Catalog");
      return;
    }
    if (api === "agreement") throw unacceptable("OTHER", first.message, first.field || "request");
    throw invalid(
      [first, ...more].map(({ field, message }) => ({
        reason: "FieldValidationFailed",
        message,
        ...(field === "" ? {} : { field }),
      })),
    );
  };

  const refusalBefore = (asked: Asked, struck: Struck, input: JsonObject): Refusal | null => {
    const { api, name } = asked;
    const throttle = struck.find("throttle");
    if (throttle) {
      const plain = refusalIn.throttled(api);
      return new Refusal(plain.type, throttle.status ?? plain.status, plain.members);
    }
    if (struck.has("error_500")) return refusalIn.internal(api);
    if (struck.has("error_503_before"))
      return new Refusal("com.amazon.coral.availability#ServiceUnavailableException", 503, {
        Message: "Service is unavailable",
      });
    if (struck.has("token_expired"))
      return atTheDoor("ExpiredTokenException", "The security token included in the request is expired");
    if (struck.has("permission_lost"))
      return refusalIn.denied(api, "arn:aws:sts::111122223333:assumed-role/partner", name);
    const hasToken = input.NextToken !== undefined || input.nextToken !== undefined;
    return struck.has("page_token_expired") && hasToken ? refusalIn.staleToken(api) : null;
  };

  /** What the operation answers. What it changed is undone when it refuses; the quota it used is not. */
  const performed = (
    asked: Asked,
    seen: { readonly account: string; readonly input: JsonObject },
    occasion: Occasion,
  ) => {
    const { api, name } = asked;
    const before = refusalBefore(asked, occasion.struck, seen.input);
    if (before) throw before;
    if (isLostBefore(occasion.struck)) return {};
    if (!parts.rates.take(seen.account, name)) throw refusalIn.throttled(api);
    if (world.settings().deniedCatalogs.includes(marketplaceCatalog))
      throw refusalIn.denied(api, `arn:aws:iam::${seen.account}:user/partner`, name);
    checked(asked, seen.input);
    const mark = ledger.mark();
    try {
      const body = parts.work[name]?.({ api, operation: name, ...seen, ...occasion }) ?? {};
      return mangledBody(body, fieldsOf[name] ?? {}, occasion.struck);
    } catch (error) {
      ledger.undoTo(mark);
      throw error;
    }
  };

  const handle = async (request: Request, body: Uint8Array<ArrayBuffer>, asked: Asked): Promise<Handled> => {
    const { api, name } = asked;
    const requestId = world.uuid("request");
    let occasion: Occasion = { now: world.now(), struck: unstruck };
    let account: string | null = null;
    try {
      if (name === "")
        throw atTheDoor("UnknownOperationException", "The requested operation is not recognized by the service.");
      account = (
        await authenticate({ request, body, basePath: parts.basePath, service: signingService }, parts.credentials)
      ).account;
      const struck = world.faults.strike(name);
      const skew = struck.find("clock_skew");
      occasion = { now: skew ? addSeconds(occasion.now, skew.seconds ?? 300) : occasion.now, struck };
      const answer = performed(asked, { account, input: inputOf(request, body, asked) }, occasion);
      parts.quotas.note(account, name, "ok");
      return { answered: { api, status: 200, body: answer, error: null, requestId, date: occasion.now }, struck };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const outcome = error.type.endsWith("ThrottlingException") ? "throttled" : "refused";
      if (account !== null) parts.quotas.note(account, name, outcome);
      return { answered: refused(api, error, { requestId, date: occasion.now }), struck: occasion.struck };
    }
  };

  const internal = (api: Api): WireAnswer =>
    wireIn(refused(api, refusalIn.internal(api), { requestId: "unknown", date: world.now() }));

  /** Serves one request that `marketplaceRequest` has found to be the marketplace's. */
  return async (request: Request, asked: Asked): Promise<Response> => {
    const { signal } = request;
    const body = new Uint8Array(await request.arrayBuffer());
    try {
      const { answered, struck } = await parts.transact(() => handle(request, body, asked));
      await parts.flush();
      return await depart({ answer: wireIn(answered), failure: internal(asked.api), struck, signal }, parts.waiting);
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") throw error;
      return respond(internal(asked.api));
    }
  };
};

/** The members of the query, or the body. */
const inputOf = (request: Request, body: Uint8Array<ArrayBuffer>, { api, operation }: Asked): JsonObject => {
  const members = Object.entries(operation.query);
  if (members.length > 0) {
    const query = new URL(request.url).searchParams;
    return Object.fromEntries(
      members.flatMap(([name, member]) => {
        const value = query.get(name);
        return value === null ? [] : [[member, value] as const];
      }),
    );
  }
  try {
    return jsonObjectSchema.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch {
    if (api === "agreement")
      throw atTheDoor("SerializationException", "The request body is not a JSON object in UTF-8.");
    throw invalid([{ reason: "CannotParse", message: "The request body is not a JSON object in UTF-8" }]);
  }
};

/** Where the faults of members strike. */
const fieldsOf: Readonly<
  Record<string, { readonly status?: string; readonly vital?: string; readonly list?: string }>
> = {
  StartChangeSet: { vital: "ChangeSetId" },
  DescribeChangeSet: { status: "Status", vital: "Status", list: "ChangeSet" },
  ListChangeSets: {
    status: "ChangeSetSummaryList.Status",
    vital: "ChangeSetSummaryList.ChangeSetId",
    list: "ChangeSetSummaryList",
  },
  DescribeEntity: { status: "DetailsDocument.State", vital: "EntityIdentifier" },
  ListEntities: {
    status: "EntitySummaryList.OfferSummary.State",
    vital: "EntitySummaryList.EntityId",
    list: "EntitySummaryList",
  },
  SearchAgreements: {
    status: "agreementViewSummaries.status",
    vital: "agreementViewSummaries.agreementId",
    list: "agreementViewSummaries",
  },
  DescribeAgreement: { status: "status", vital: "status" },
  GetAgreementTerms: { list: "acceptedTerms" },
  ListAgreementInvoiceLineItems: {
    vital: "agreementInvoiceLineItemGroupSummaries.invoiceId",
    list: "agreementInvoiceLineItemGroupSummaries",
  },
};
