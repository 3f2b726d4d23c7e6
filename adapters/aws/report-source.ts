/** The feeds of AWS Marketplace as a source of reports, and whether it can be reached. */
import { type Check, found } from "../../src/domain/diagnosis.ts";
import { type Fault, failed } from "../../src/domain/fault.ts";
import { nextReports, objectOf } from "../bucket-rounds.ts";
import type { ReportSource, SessionDeps } from "../contract.ts";
import { type BucketParts, createBucket } from "./bucket.ts";
import type { BucketTarget, Target } from "./settings.ts";

export const reportsUnset =
  "set up settings.reports with the bucket of your data feeds: cosell connect aws --report-bucket …";

export const createReportSource = (deps: SessionDeps, target: Target, parts: BucketParts): ReportSource => {
  const bucket = createBucket(deps, target, parts);
  return {
    place: placeOf(parts.bucket),
    list: (cursor) => nextReports(bucket.list, cursor),
    read: async (report) => {
      const object = objectOf(report);
      return object === null
        ? failed({ kind: "missing", message: `${report.path} was not listed by this source` })
        : bucket.read(report, object);
    },
  };
};

const placeOf = ({ name, prefix }: BucketTarget): string => `s3://${name}/${prefix}`;

/** The checks of the bucket; none where it is not set up. */
export const reportChecks = (deps: SessionDeps, target: Target, parts: BucketParts | null): readonly Check[] => {
  if (parts === null) return [];
  const bucket = createBucket(deps, target, parts);
  const { name, prefix } = parts.bucket;
  let first: Parameters<typeof bucket.read>[1] | null = null;
  const failure = (fault: Fault) => found.failed(fault.message, remedyOf(fault, parts.bucket));
  return [
    {
      id: "reports",
      what: `list the data feeds in bucket ${name}${prefix === "" ? "" : `, under ${prefix}`}`,
      needs: ["credentials"],
      run: async () => {
        const page = await bucket.list(null);
        if (!page.ok) return failure(page.fault);
        first = page.value.objects.find((object) => !object.name.endsWith("/")) ?? null;
        return first === null
          ? found.ok("S3 answers; nothing lies there yet: AWS writes the first files within a day of the subscription")
          : found.ok(`${page.value.objects.length}${page.value.isLast ? "" : " or more"} files`);
      },
    },
    {
      id: "reports-read",
      what: "begin to read one of the files",
      needs: ["reports"],
      run: async () => {
        if (first === null) return found.skipped("there is no file yet");
        const path = first.name;
        const read = await bucket.read({ key: "", path, bytes: null, modifiedAt: null }, first);
        if (!read.ok) return failure(read.fault);
        await read.value.cancel().catch(() => {});
        return found.ok("S3 lets us read it");
      },
    },
  ];
};

const remedyOf = (fault: Fault, { host, name }: BucketTarget): string => {
  if (fault.kind === "denied")
    return `Allow it in IAM, and look whether the bucket's own policy refuses it: the policy MarketplaceFeeds of infra/aws/permissions.yaml names what is needed for ${name}.`;
  if (fault.kind === "rejected") return "Connect again with --report-region.";
  if (fault.kind === "throttled") return "S3 asks to wait: run the diagnosis again later.";
  if (fault.kind === "conflict") return "AWS was just writing it: run the diagnosis again.";
  return `Check that this machine reaches ${host} on port 443, DNS and firewall included; then run the diagnosis again.`;
};
