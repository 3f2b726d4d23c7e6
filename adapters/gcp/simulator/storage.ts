/**
 * Cloud Storage's JSON API, as far as the bucket that Google's marketplace writes its reports into is listed and read.
 * https://cloud.google.com/storage/docs/json_api/v1/objects/list and .../objects/get
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { depart, isLostBefore, mangledBody, type Waiting, type WireAnswer } from "../../simulator/departure.ts";
import { unstruck } from "../../simulator/faults.ts";
import { type Place, placeOf } from "../../simulator/place.ts";
import { Refusal } from "./answers.ts";
import type { Struck } from "./faults.ts";
import type { ReportFile } from "./marketplace/reports.ts";
import type { Tokens } from "./tokens.ts";
import type { World } from "./world.ts";

export const storageHost = "storage.googleapis.com";
export const storageScope = "https://www.googleapis.com/auth/devstorage.read_only";
/** The only bucket there is. */
export const reportsBucket = "simulated-marketplace-reports";
export const storageOperations = ["storage.objects.list", "storage.objects.get"] as const;
type Operation = (typeof storageOperations)[number];
const folder = "gcp/";
const pageMax = 1_000;
const objectsPath = /^\/storage\/v1\/b\/([^/]+)\/o(?:\/(.+))?$/;

export interface StorageParts {
  readonly tokens: Tokens;
  readonly basePath: string;
  readonly waiting: Waiting;
  /** Runs work alone and makes what it changed durable. */
  readonly transact: <T>(work: () => T | Promise<T>) => Promise<T>;
  /** The files of finance as they stand now. */
  readonly files: () => readonly ReportFile[];
}

/** A refusal in Cloud Storage's form: by HTTP status and reason. https://cloud.google.com/storage/docs/json_api/v1/status-codes */
class StorageRefusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, reason: string, told: { readonly message: string; readonly retryAfter?: number }) {
    super(told.message);
    this.status = status;
    this.reason = reason;
    this.headers = told.retryAfter === undefined ? {} : { "retry-after": String(told.retryAfter) };
  }
}
const refused = (status: number, reason: string, message: string): StorageRefusal =>
  new StorageRefusal(status, reason, { message });

interface StoredFile extends ReportFile {
  readonly name: string;
  readonly generation: string;
}

/** Serves requests to Cloud Storage; null: the request is for another host. */
export const createStorage = (world: World, parts: StorageParts) => {
  const filesOf = (): readonly StoredFile[] => {
    const redelivered = world.settings().marketplace.redeliveredAt ?? "";
    return parts
      .files()
      .filter(({ path }) => path.startsWith(folder))
      .map((file) => {
        const modifiedAt = redelivered > file.modifiedAt ? redelivered : file.modifiedAt;
        const generation = `${Date.parse(modifiedAt)}000`;
        return { ...file, name: file.path.slice(folder.length), modifiedAt, generation };
      })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  };

  const listed = ({ query }: Place): JsonObject => {
    const max = Math.min(
      Number(query.get("maxResults") ?? pageMax),
      pageMax,
      world.settings().marketplace.reportPageMax,
    );
    const [prefix, token] = [query.get("prefix") ?? "", query.get("pageToken")];
    const all = filesOf().filter(
      ({ name }) =>
        name.startsWith(prefix) &&
        name >= (query.get("startOffset") ?? "") &&
        (token === null || name > decodeURIComponent(token)),
    );
    const page = all.slice(0, max);
    return {
      kind: "storage#objects",
      ...(page.length < all.length ? { nextPageToken: encodeURIComponent(page.at(-1)?.name ?? "") } : {}),
      // An empty page has no list.
      ...(page.length === 0 ? {} : { items: page.map(viewOf) }),
    };
  };
  const read = ({ query }: Place, name: string, struck: Struck): WireAnswer => {
    const file = filesOf().find((one) => one.name === name);
    if (file === undefined) throw refused(404, "notFound", `No such object: ${reportsBucket}/${name}`);
    const wanted = query.get("ifGenerationMatch");
    if ((wanted !== null && wanted !== file.generation) || struck.has("object_replaced"))
      throw refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");
    if (query.get("alt") !== "media") return { ...ok, body: viewOf(file) };
    return {
      ...ok,
      body: new TextEncoder().encode(file.text),
      type: "text/csv",
      headers: { "x-goog-generation": file.generation },
    };
  };

  const served = async (request: Request, place: Place, seen: (struck: Struck) => void): Promise<WireAnswer> => {
    const [, bucket = "", name] = objectsPath.exec(place.path) ?? [];
    const operation: Operation = name === undefined ? "storage.objects.list" : "storage.objects.get";
    await parts.tokens.authenticate(request, { host: storageHost, scope: storageScope, now: world.now() });
    const struck = world.faults.strike(operation);
    seen(struck);
    const before = refusalBefore(struck, operation);
    if (before !== null) throw before;
    if (isLostBefore(struck)) return { ...ok, body: {} };
    if (request.method !== "GET" || decodeURIComponent(bucket) !== reportsBucket)
      throw refused(404, "notFound", "The specified bucket does not exist.");
    if (name !== undefined) return read(place, decodeURIComponent(name), struck);
    return { ...ok, body: mangledBody(listed(place), { vital: "items.generation", list: "items" }, struck) };
  };

  return async (request: Request): Promise<Response | null> => {
    const place = placeOf(request.url, [storageHost], parts.basePath);
    if (place === null) return null;
    let struck: Struck = unstruck;
    const answer = await parts
      .transact(() =>
        served(request, place, (found) => {
          struck = found;
        }),
      )
      .catch((error: unknown) => {
        if (error instanceof StorageRefusal) return answerOf(error);
        if (error instanceof Refusal) return { ...ok, status: error.status, body: error.body };
        throw error;
      });
    const dated = (bare: WireAnswer): WireAnswer => ({
      ...bare,
      headers: { ...bare.headers, date: world.now().toUTCString() },
    });
    const failure = dated(answerOf(refused(500, "backendError", "Backend Error")));
    return depart({ answer: dated(answer), failure, struck, signal: request.signal }, parts.waiting);
  };
};

const ok = { status: 200, body: null, type: "application/json; charset=UTF-8", headers: {} } as const;

const answerOf = ({ status, reason, message, headers }: StorageRefusal): WireAnswer => ({
  ...ok,
  status,
  body: { error: { code: status, message, errors: [{ message, domain: "global", reason }] } },
  headers,
});

const refusalBefore = (struck: Struck, operation: Operation): StorageRefusal | null => {
  const throttle = struck.find("throttle");
  if (throttle) {
    const message = "The rate of requests to this bucket is too high. Please reduce it.";
    const retryAfter = throttle.retryAfterSeconds;
    return new StorageRefusal(throttle.status ?? 429, "rateLimitExceeded", {
      message,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }
  if (struck.has("error_500")) return refused(500, "backendError", "Backend Error");
  if (struck.has("error_503_before")) return refused(503, "backendError", "Backend Error");
  if (struck.has("token_expired")) return refused(401, "authError", "Invalid Credentials");
  return struck.has("permission_lost")
    ? refused(403, "forbidden", `The caller does not have ${operation} access to the Google Cloud Storage bucket.`)
    : null;
};

const viewOf = (file: StoredFile): JsonObject => ({
  kind: "storage#object",
  name: file.name,
  bucket: reportsBucket,
  generation: file.generation,
  metageneration: "1",
  contentType: "text/csv",
  // An unsigned long, as text.
  size: String(new TextEncoder().encode(file.text).length),
  timeCreated: file.modifiedAt,
  updated: file.modifiedAt,
});
