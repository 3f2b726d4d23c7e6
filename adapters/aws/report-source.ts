/** The data feeds of AWS Marketplace as a source of reports. */
import type { Check } from "../../src/domain/diagnosis.ts";
import type { Fault } from "../../src/domain/fault.ts";
import { bucketChecks, bucketSource } from "../bucket-source.ts";
import type { ReportSource, SessionDeps } from "../contract.ts";
import { type BucketParts, createBucket } from "./bucket.ts";
import type { BucketTarget, Target } from "./settings.ts";

export const reportsUnset =
  "set up settings.reports with the bucket of your data feeds: cosell connect aws --report-bucket …";

const placeOf = ({ name, prefix }: BucketTarget): string => `s3://${name}/${prefix}`;

export const createReportSource = (deps: SessionDeps, target: Target, parts: BucketParts): ReportSource =>
  bucketSource(placeOf(parts.bucket), createBucket(deps, target, parts));

/** The checks of the bucket; none where it is not set up. */
export const reportChecks = (deps: SessionDeps, target: Target, parts: BucketParts | null): readonly Check[] =>
  parts === null
    ? []
    : bucketChecks(placeOf(parts.bucket), createBucket(deps, target, parts), {
        vendor: "S3",
        empty: "AWS writes the first files within a day of the subscription to the data feeds",
        remedy: (fault) => remedyOf(fault, parts.bucket),
        needs: ["credentials"],
      });

const remedyOf = (fault: Fault, { host, name }: BucketTarget): string => {
  if (fault.kind === "denied")
    return `Allow it in IAM, and look whether the bucket's own policy refuses it: the policy MarketplaceFeeds of infra/aws/permissions.yaml names what is needed for ${name}.`;
  if (fault.kind === "rejected") return "Connect again with --report-region.";
  if (fault.kind === "throttled") return "S3 asks to wait: run the diagnosis again later.";
  if (fault.kind === "conflict") return "AWS was just writing it: run the diagnosis again.";
  return `Check that this machine reaches ${host} on port 443, DNS and firewall included; then run the diagnosis again.`;
};
