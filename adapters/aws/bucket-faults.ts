/** S3's refusals → the product's faults. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
import type { Fault } from "../../src/domain/fault.ts";
import { scrub } from "../text.ts";
import { below, type Element, parseXml } from "../xml.ts";
import type { BucketTarget } from "./settings.ts";

interface Asked {
  readonly operation: "ListObjectsV2" | "GetObject";
  readonly bucket: BucketTarget;
  readonly now: Date;
}
interface Refused {
  readonly response: Response;
  readonly text: string;
}

const throttledMs = 5_000;
const retrySecondsMax = 3_600;
const throttles = new Set(["SlowDown", "RequestLimitExceeded", "TooManyRequests", "ThrottlingException", "Throttling"]);
const credentialTroubles = new Set([
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "ExpiredToken",
  "InvalidToken",
  "TokenRefreshRequired",
  "RequestTimeTooSkewed",
  "AccountProblem",
  "NotSignedUp",
]);
const regionTroubles = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
]);

/** The permission that an operation needs, as a policy names it. */
const permissionOf = ({ operation, bucket }: Asked): string =>
  operation === "ListObjectsV2"
    ? `s3:ListBucket on arn:aws:s3:::${bucket.name}`
    : `s3:GetObject on arn:aws:s3:::${bucket.name}/${bucket.prefix}*, and kms:Decrypt on the key that the bucket is encrypted with`;

/** The fault of an answer that is not a success. */
export const bucketFault = (asked: Asked, { response, text }: Refused): Fault => {
  const { operation, bucket } = asked;
  const { status } = response;
  const root = errorOf(text);
  const code = below(root, "Code")?.text ?? "";
  const words = scrub(below(root, "Message")?.text ?? "no reason given").slice(0, 300);
  const id = response.headers.get("x-amz-request-id")?.slice(0, 80);
  const at = `S3 ${operation}${id === undefined ? "" : ` (request ${id})`}`;
  if (throttles.has(code) || status === 429 || status === 503)
    return { kind: "throttled", message: `${at}: too many requests`, retryAt: later(asked, response) };
  if (credentialTroubles.has(code))
    return { kind: "denied", message: `${at}: ${code}: ${words}. Check the connection's credentials` };
  if (code === "NoSuchBucket")
    return {
      kind: "denied",
      message: `${at}: there is no bucket ${bucket.name}. Compare settings.reports.bucket with the one that the Marketplace Management Portal shows for your data feeds`,
    };
  if (regionTroubles.has(code)) {
    const region = response.headers.get("x-amz-bucket-region") ?? below(root, "Region")?.text ?? "another region";
    return {
      kind: "rejected",
      message: `${at}: the bucket is in ${region.slice(0, 40)}, not in ${bucket.region}: set settings.reports.region`,
      gaps: [],
    };
  }
  if (code === "InvalidObjectState")
    return { kind: "denied", message: `${at}: the file was archived. Restore it, or keep the feeds out of archiving` };
  if (code === "AccessDenied" || status === 401 || status === 403)
    return {
      kind: "denied",
      message: `${at}: ${words}. Allow ${permissionOf(asked)} to the connection's user or role: the policy MarketplaceFeeds of infra/aws/permissions.yaml`,
    };
  if (status === 412) return { kind: "conflict", message: `${at}: the file was replaced since it was listed` };
  if (status === 404) return { kind: "missing", message: `${at}: the file is gone` };
  if (status >= 500 || status === 408)
    return { kind: "unavailable", message: `${at}: S3 failed inside (${code.slice(0, 60) || `status ${status}`})` };
  return { kind: "drift", message: `${at}: unknown answer ${code.slice(0, 60) || status}: ${words}` };
};

const errorOf = (text: string): Element | undefined => {
  try {
    const root = parseXml(text);
    return root.name === "Error" ? root : undefined;
  } catch {
    return undefined;
  }
};

const later = ({ now }: Asked, response: Response): string => {
  const seconds = Number(response.headers.get("retry-after") ?? "");
  const stated = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, retrySecondsMax) * 1_000 : 0;
  return new Date(now.getTime() + Math.max(throttledMs, stated)).toISOString();
};
