/** The reports of Google's marketplace as a source of reports. */
import type { Check } from "../../src/domain/diagnosis.ts";
import type { Fault } from "../../src/domain/fault.ts";
import { bucketChecks, bucketSource } from "../bucket-source.ts";
import type { ReportSource, SessionDeps } from "../contract.ts";
import { type BucketParts, createBucket } from "./bucket.ts";
import type { BucketSettings, Target } from "./settings.ts";
import { storageHost } from "./wire.ts";

export const reportsUnset =
  "set up settings.reports with the bucket of your marketplace reports: cosell connect gcp --report-bucket …";

const placeOf = ({ bucket, prefix }: BucketSettings): string => `gs://${bucket}/${prefix}`;

export const createReportSource = (deps: SessionDeps, target: Target, parts: BucketParts): ReportSource =>
  bucketSource(placeOf(parts.bucket), createBucket(deps, target, parts));

/** The checks of the bucket; none where it is not set up. */
export const reportChecks = (deps: SessionDeps, target: Target, parts: BucketParts | null): readonly Check[] =>
  parts === null
    ? []
    : bucketChecks(placeOf(parts.bucket), createBucket(deps, target, parts), {
        vendor: "Google",
        empty: "reports begin with the month in which they are set up, and come by the tenth business day after it",
        remedy: (fault) => remedyOf(fault, parts.bucket),
        needs: ["key"],
      });

const remedyOf = (fault: Fault, { bucket }: BucketSettings): string => {
  if (fault.kind === "denied")
    return `gcloud storage buckets add-iam-policy-binding gs://${bucket} --member serviceAccount:… --role roles/storage.objectViewer; a role that was given takes some minutes.`;
  if (fault.kind === "throttled") return "Google asks to wait: run the diagnosis again later.";
  if (fault.kind === "conflict") return "Google was just writing it: run the diagnosis again.";
  return `Check that this machine reaches ${storageHost} on port 443, DNS and firewall included; then run the diagnosis again.`;
};
