/**
 * S3's protocol, as far as a seller's bucket of data feeds is listed and read: path-style addresses, signatures for `s3`, XML.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html and .../API_GetObject.html
 */
import { depart, isLostBefore, respond, type Waiting, type WireAnswer } from "../../simulator/departure.ts";
import { unstruck } from "../../simulator/faults.ts";
import { Refusal } from "./answers.ts";
import type { bucketOperations, Struck } from "./faults.ts";
import type { ReportFile } from "./marketplace/feeds.ts";
import { md5 } from "./md5.ts";
import { authenticate, type SimulatedCredential } from "./signature.ts";
import type { World } from "./world.ts";

/** The only bucket there is. Each account finds its own feeds in it. */
export const feedsBucket = "simulated-marketplace-feeds";
const folder = "aws/";
const keysMax = 1_000;

export interface S3Parts {
  readonly credentials: readonly SimulatedCredential[];
  readonly basePath: string;
  readonly waiting: Waiting;
  /** Runs work alone and makes what it changed durable. */
  readonly transact: <T>(work: () => T | Promise<T>) => Promise<T>;
  /** The files of finance as they stand now. */
  readonly files: (account: string) => readonly ReportFile[];
}

/** True for a request in S3's protocol that is signed for S3: others name their operation in a header. */
export const speaksS3 = (request: Request): boolean =>
  !request.headers.has("x-amz-target") &&
  /Credential=[^,]*\/s3\/aws4_request/.test(request.headers.get("authorization") ?? "");

/** S3's name of what is wrong, and its status. */
class S3Refusal extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

type Operation = (typeof bucketOperations)[number];
interface Call {
  readonly operation: Operation;
  readonly account: string;
  /** Empty: the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly ifMatch: string | null;
  readonly struck: Struck;
}
interface StoredFile extends ReportFile {
  readonly key: string;
}

export const createS3 = (world: World, parts: S3Parts) => {
  const filesOf = (account: string): readonly StoredFile[] => {
    const since = world.settings().marketplace.feedsSince ?? "";
    if (since > world.now().toISOString()) return [];
    return parts
      .files(account)
      .filter(({ path }) => path.startsWith(folder))
      .map((file) => ({
        ...file,
        key: file.path.slice(folder.length),
        modifiedAt: file.modifiedAt > since ? file.modifiedAt : since,
      }))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  };

  const listed = ({ account, query }: Call): string => {
    if (query.get("list-type") !== "2")
      throw new S3Refusal("InvalidArgument", 400, "Only version 2 of the listing is served.");
    const asked = Number(query.get("max-keys") ?? keysMax);
    const max = Math.min(asked, keysMax, world.settings().marketplace.feedPageMax);
    const [prefix, token] = [query.get("prefix") ?? "", query.get("continuation-token")];
    const after = token === null ? (query.get("start-after") ?? "") : decodeURIComponent(token);
    const isUrl = query.get("encoding-type") === "url";
    const name = (key: string): string => escaped(isUrl ? encodeURIComponent(key).replaceAll("%2F", "/") : key);
    const all = filesOf(account).filter(({ key }) => key.startsWith(prefix) && key > after);
    const page = all.slice(0, max);
    const isTruncated = page.length < all.length;
    const rows = page.map(
      (file) =>
        `<Contents><Key>${name(file.key)}</Key><LastModified>${file.modifiedAt.slice(0, 19)}.000Z</LastModified><ETag>${escaped(tagOf(file))}</ETag><Size>${sizeOf(file)}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    );
    const next = isTruncated
      ? `<NextContinuationToken>${encodeURIComponent(page.at(-1)?.key ?? "")}</NextContinuationToken>`
      : "";
    const head = `<Name>${feedsBucket}</Name><Prefix>${name(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>${asked}</MaxKeys>`;
    const encoding = isUrl ? "<EncodingType>url</EncodingType>" : "";
    return `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${head}${encoding}<IsTruncated>${isTruncated}</IsTruncated>${next}${rows.join("")}</ListBucketResult>`;
  };

  const read = ({ account, key, ifMatch, struck }: Call): Omit<WireAnswer, "status"> => {
    const file = filesOf(account).find((one) => one.key === key);
    if (file === undefined) throw new S3Refusal("NoSuchKey", 404, "The specified key does not exist.");
    const isOther = ifMatch !== null && ifMatch !== tagOf(file);
    if (isOther || struck.has("object_replaced"))
      throw new S3Refusal("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold.");
    return {
      body: new TextEncoder().encode(file.text),
      type: "text/csv",
      headers: { etag: tagOf(file), "last-modified": new Date(file.modifiedAt).toUTCString() },
    };
  };

  const open = async (request: Request, seen: (struck: Struck) => void): Promise<Call> => {
    const { account } = await authenticated(request, parts);
    const { hostname, pathname, searchParams: query } = new URL(request.url);
    const inHost = /^(.+)\.s3[.-]/.exec(hostname)?.[1];
    const path = pathname.startsWith(`${parts.basePath}/`) ? pathname.slice(parts.basePath.length) : pathname;
    const names = path.slice(1).split("/").map(decodeURIComponent);
    const [bucket = "", ...key] = inHost === undefined ? names : [inHost, ...names];
    const operation = key.join("/") === "" ? "ListObjectsV2" : "GetObject";
    const struck = world.faults.strike(operation);
    seen(struck);
    if (request.method !== "GET") throw new S3Refusal("MethodNotAllowed", 405, "The bucket is only read.");
    if (bucket !== feedsBucket) throw new S3Refusal("NoSuchBucket", 404, "The specified bucket does not exist");
    return { operation, account, key: key.join("/"), query, ifMatch: request.headers.get("if-match"), struck };
  };

  /** Serves one request that is signed for S3. */
  return async (request: Request): Promise<Response> => {
    let struck: Struck = unstruck;
    const common = {
      date: world.now().toUTCString(),
      "x-amz-request-id": await parts.transact(() => world.uuid("s3")),
    };
    const refused = (error: S3Refusal): WireAnswer => ({
      status: error.status,
      body: new TextEncoder().encode(
        `${declaration}<Error><Code>${error.code}</Code><Message>${escaped(error.message)}</Message></Error>`,
      ),
      type: "application/xml",
      headers: common,
    });
    const failure = refused(new S3Refusal("InternalError", 500, "We encountered an internal error."));
    const answer = await parts
      .transact(async (): Promise<WireAnswer> => {
        const call = await open(request, (found) => {
          struck = found;
        });
        const before = refusalBefore(call);
        if (before !== null) throw before;
        if (isLostBefore(struck)) return { status: 200, body: null, type: "application/xml", headers: common };
        if (call.operation === "GetObject") {
          const found = read(call);
          return { ...found, status: 200, headers: { ...common, ...found.headers } };
        }
        const body = new TextEncoder().encode(`${declaration}${listed(call)}`);
        return { status: 200, body, type: "application/xml", headers: common };
      })
      .catch((error: unknown) => {
        if (error instanceof S3Refusal) return refused(error);
        throw error;
      });
    try {
      return await depart({ answer, failure, struck, signal: request.signal }, parts.waiting);
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") throw error;
      return respond(failure);
    }
  };
};

const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** What the signature's own check refuses, in S3's words. */
const authenticated = async (request: Request, { credentials, basePath }: S3Parts): Promise<SimulatedCredential> => {
  try {
    return await authenticate({ request, body: new Uint8Array(), basePath, service: "s3" }, credentials);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const isUnknown = error.type.endsWith("UnrecognizedClientException");
    throw isUnknown
      ? new S3Refusal("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records.")
      : new S3Refusal(
          "SignatureDoesNotMatch",
          403,
          "The request signature we calculated does not match the signature you provided.",
        );
  }
};

const refusalBefore = ({ struck, account, operation }: Call): S3Refusal | null => {
  const throttle = struck.find("throttle");
  if (throttle) return new S3Refusal("SlowDown", throttle.status ?? 503, "Please reduce your request rate.");
  if (struck.has("error_500")) return new S3Refusal("InternalError", 500, "We encountered an internal error.");
  if (struck.has("error_503_before"))
    return new S3Refusal("ServiceUnavailable", 503, "Please reduce your request rate.");
  if (struck.has("token_expired")) return new S3Refusal("ExpiredToken", 400, "The provided token has expired.");
  const action = operation === "GetObject" ? "GetObject" : "ListBucket";
  return struck.has("permission_lost")
    ? new S3Refusal(
        "AccessDenied",
        403,
        `User: arn:aws:iam::${account}:user/partner is not authorized to perform: s3:${action} because no identity-based policy allows the s3:${action} action`,
      )
    : null;
};

const tagOf = ({ text }: ReportFile): string => `"${md5(text)}"`;
const sizeOf = ({ text }: ReportFile): number => new TextEncoder().encode(text).length;
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
