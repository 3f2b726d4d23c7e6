/** One request from the wire to an answer: which host, which operation, who asks, whether they may, and the operation itself. */
import type { Json } from "../../../src/domain/deal.ts";
import { isLostBefore, mangledBody, type WireAnswer } from "../../simulator/departure.ts";
import { isObject } from "../../simulator/document.ts";
import { unstruck } from "../../simulator/faults.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { type Place, placeOf } from "../../simulator/place.ts";
import type { Kind, Quotas } from "../../simulator/quotas.ts";
import { graphHost, marketplaceApplication, marketplaceHost } from "../wire-offers.ts";
import {
  answered,
  answerOf,
  denied,
  invalid,
  mfaRequired,
  notFound,
  Refusal,
  refusal,
  unauthorizedReferral,
} from "./answers.ts";
import type { Call, Caller } from "./calls.ts";
import { apiHost, centerHost, hosts, loginHost } from "./credential.ts";
import type { Operation, Struck } from "./faults.ts";
import type { Listing } from "./listing.ts";
import { fieldsOf, refusalBefore } from "./mangle.ts";
import { unauthorizedAt } from "./marketplace/answers.ts";
import type { Marketplace } from "./marketplace/index.ts";
import { marketplaceKindsOfCall } from "./marketplace/routes.ts";
import type { Referrals } from "./referrals.ts";
import type { Registrations } from "./registrations.ts";
import { grantOf, isTokenRequest, operationOf } from "./routes.ts";
import type { Signatures } from "./signatures.ts";
import type { SignIn } from "./signin.ts";
import type { Tokens } from "./tokens.ts";
import type { Occasion, World } from "./world.ts";

export interface RequestParts {
  readonly referrals: Referrals;
  readonly listing: Listing;
  readonly registrations: Registrations;
  readonly certificates: Signatures;
  readonly signIn: SignIn;
  readonly tokens: Tokens;
  readonly marketplace: Marketplace;
  readonly quotas: Quotas;
  readonly basePath: string;
}
export interface Handled {
  readonly answer: WireAnswer;
  readonly struck: Struck;
}
/** A request whose operation is known. */
interface Seen {
  readonly operation: Operation;
  readonly request: Request;
  readonly place: Place;
  readonly text: string;
  readonly body: Json | undefined;
}

/** The same host serves the exports of money. */
const isOfReferrals = ({ host, path }: Place): boolean =>
  host === apiHost && !path.toLowerCase().startsWith("/v1.0/payouts/");

/** Counted under this name when nobody is known to have asked. */
const nobody = "nobody";
const kinds: Partial<Record<Operation, Kind>> = {
  CreateReferral: "write",
  InviteMicrosoft: "write",
  PatchReferral: "write",
  PutReferral: "write",
  CreateRegistration: "write",
  UpdateRegistration: "write",
  CreateValidationEvent: "write",
  ...marketplaceKindsOfCall,
};
/** Whom a bearer token is for where it is not the host that is asked. */
const audiences: Readonly<Record<string, string>> = { [marketplaceHost]: marketplaceApplication };
const hostsOfCalls: readonly string[] = [apiHost, centerHost, graphHost, marketplaceHost];

export const createRequests = (world: World, parts: RequestParts) => {
  const { referrals, listing, registrations, certificates, signIn, tokens, quotas, marketplace } = parts;
  const { ledger } = world;

  const work: Partial<Record<Operation, (call: Call) => WireAnswer>> = {
    CreateReferral: referrals.create,
    InviteMicrosoft: referrals.create,
    ListReferrals: listing.list,
    GetReferral: referrals.get,
    PatchReferral: referrals.patch,
    PutReferral: referrals.put,
    ListEvents: registrations.events,
    GetRegistration: registrations.get,
    CreateRegistration: registrations.create,
    UpdateRegistration: registrations.update,
    CreateValidationEvent: registrations.validate,
    GetValidationEvent: registrations.validation,
    ...marketplace.work,
  };

  /** Refuses callers who may not use the API at all. */
  const admit = (caller: Caller, place: Place): void => {
    const isReferrals = isOfReferrals(place);
    marketplace.admit(caller, place.host);
    if (isReferrals && caller.kind === "app") throw unauthorizedReferral();
    if (caller.kind === "user" && !caller.isMfa && world.settings().signIn.mfaEnforced) throw mfaRequired();
    if (isReferrals && world.settings().role === "none")
      throw refusal("accessDenied", "The user has none of the roles Referrals admin and Referrals user.");
  };
  const checkForm = ({ request, place, body, text }: Seen): void => {
    if (!isOfReferrals(place)) return;
    if (world.settings().wire.clientRequestId && request.headers.get("client-request-id") === null)
      throw invalid("client-request-id", "The header client-request-id is required.", "ClientRequestIdRequired");
    if (request.method === "GET") return;
    const type = request.headers.get("content-type") ?? "";
    if (!/^application\/(json|json-patch\+json)(;|$)/i.test(type))
      throw refusal("unsupportedMediaType", `The content type ${type || "(none)"} is not supported.`);
    if (text !== "" && body === undefined) throw invalid("referral", "The body is not JSON.");
  };

  /** Partner Center's answer. The caller is known first, so that refusals are counted as theirs. */
  const served = async (seen: Seen, occasion: Occasion, counted: (account: string) => void): Promise<WireAnswer> => {
    const { operation, request, place, body } = seen;
    const { headers } = request;
    const audience = audiences[place.host] ?? `https://${place.host}`;
    const caller = await tokens.callerOf(headers, audience).catch((error: unknown) => {
      throw error instanceof Refusal ? unauthorizedAt(place.host, error) : error;
    });
    const account = caller.credential.organizationId;
    counted(account);
    admit(caller, place);
    const kind = kinds[operation] ?? "read";
    const { retryAfterSeconds } = world.settings().quotas;
    if (!quotas.take(account, kind, world.now()))
      throw refusal("tooManyRequests", "Too many requests.", { headers: { "retry-after": String(retryAfterSeconds) } });
    checkForm(seen);
    const call: Call = { operation, caller, place, headers, body, ...occasion };
    const answer = work[operation]?.(call) ?? answered(404, null);
    const asks = headers.get("validatemfa")?.toLowerCase() === "true";
    const compliant = caller.kind === "app" || caller.isMfa;
    return asks ? { ...answer, headers: { ...answer.headers, isMfaCompliant: String(compliant) } } : answer;
  };
  const certificate = async ({ place }: Seen): Promise<WireAnswer> => {
    const der = await certificates.at(place.host, place.path);
    if (der === null)
      throw new Refusal("no such blob", {
        status: 404,
        headers: {},
        body: { error: { code: "BlobNotFound", message: "The specified blob does not exist." } },
      });
    return { status: 200, body: certificates.served(der), type: "application/octet-stream", headers: {} };
  };

  /** The answer as faults leave it. What a refused request changed is undone. */
  const handled = async (seen: Seen, occasion: Occasion, counted: (account: string) => void): Promise<WireAnswer> => {
    const { struck } = occasion;
    const { operation, place, request, text } = seen;
    const before = refusalBefore(struck, { operation, place }, world);
    if (before) throw before;
    if (isLostBefore(struck)) return answered(200, {});
    const mark = ledger.mark();
    try {
      const form = new URLSearchParams(text);
      const call = { operation, place, form, headers: request.headers, ...occasion };
      const answer =
        place.host === loginHost
          ? await signIn.answer(call)
          : operation === "GetReportFile"
            ? marketplace.reportFile({ ...place, headers: request.headers, struck })
            : hostsOfCalls.includes(place.host)
              ? await served(seen, occasion, counted)
              : await certificate(seen);
      const { body } = answer;
      if (body === null || body instanceof Uint8Array || !isObject(body)) return answer;
      return { ...answer, body: mangledBody(body, fieldsOf(operation), struck) };
    } catch (error) {
      ledger.undoTo(mark);
      throw error;
    }
  };

  const seenOf = (request: Request, bytes: Uint8Array): Seen => {
    const place = placeOf(request.url, hosts, parts.basePath);
    if (!place) throw notFound("host", new URL(request.url).host);
    const { protocol, host } = new URL(request.url);
    // A client that follows nextLink as it stands sends its token for anybody to read.
    if (protocol === "http:" && host === place.host) throw new Unserved("PlainHttp", place);
    const text = new TextDecoder().decode(bytes);
    const isToken = isTokenRequest(place, request.method);
    const body = isToken ? undefined : jsonOf(text);
    const form = new URLSearchParams(text);
    const operation = isToken ? grantOf(form) : operationOf(place, request.method, body);
    if (operation !== null) return { operation, request, place, text, body };
    if (!isToken) throw new Unserved("UnknownAddress", place);
    const grant = form.get("grant_type") ?? "";
    throw denied(
      {
        error: "unsupported_grant_type",
        number: 70003,
        message: `The app requested an unsupported grant type '${grant}'.`,
      },
      { now: world.now(), id: world.uuid("trace") },
    );
  };

  /** Handles one request. Call it alone, one at a time, and commit the ledger afterwards. */
  const handle = async (request: Request, bytes: Uint8Array): Promise<Handled> => {
    const requestId = world.uuid("request");
    let occasion: Occasion = { now: world.now(), struck: unstruck };
    let [account, operation] = [nobody, "UnknownAddress"];
    const dressed = (answer: WireAnswer): Handled => ({
      answer: {
        ...answer,
        headers: { ...commonHeaders(request, { requestId, now: occasion.now }), ...answer.headers },
      },
      struck: occasion.struck,
    });
    try {
      const seen = seenOf(request, bytes);
      operation = seen.operation;
      occasion = skewed(occasion.now, world.faults.strike(seen.operation));
      const answer = await handled(seen, occasion, (known) => {
        account = known;
      });
      quotas.note(account, operation, "ok");
      return dressed(answer);
    } catch (error) {
      if (error instanceof Unserved) {
        quotas.note(nobody, error.message, "refused");
        return dressed(answerOf(notFound("resource", error.place.path)));
      }
      if (!(error instanceof Refusal)) throw error;
      quotas.note(account, operation, error.status === 429 ? "throttled" : "refused");
      return dressed(terse(error, world.settings().wire.terse));
    }
  };
  return { handle };
};
export type Requests = ReturnType<typeof createRequests>;

/** Nothing is served at this address; `message` says under which name that is counted. */
class Unserved extends Error {
  readonly place: Place;
  constructor(name: string, place: Place) {
    super(name);
    this.place = place;
  }
}

const skewed = (now: Date, struck: Struck): Occasion => {
  const rule = struck.find("clock_skew");
  return { now: rule ? addSeconds(now, rule.seconds ?? 300) : now, struck };
};
const terse = (error: Refusal, isTerse: boolean): WireAnswer =>
  isTerse && error.status === 400 && !("error_codes" in error.body)
    ? answered(400, { error: { code: "invalidRequest", message: "Bad Request", target: "referral" } })
    : answerOf(error);

const jsonOf = (text: string): Json | undefined => {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
};

const commonHeaders = (
  request: Request,
  { requestId, now }: { readonly requestId: string; readonly now: Date },
): Readonly<Record<string, string>> => {
  const asked = request.headers.get("client-request-id");
  return {
    date: now.toUTCString(),
    timestamp: now.toISOString(),
    "request-id": requestId,
    "ms-requestid": requestId,
    "x-ms-request-id": requestId,
    "x-ms-ags-diagnostic": JSON.stringify({ ServerInfo: { DataCenter: "Simulated", Slice: "SliceC", Ring: "1" } }),
    ...(asked === null ? {} : { "client-request-id": asked }),
  };
};
