/** A bucket as a source of reports, and whether it can be reached: the same whoever keeps it. */
import { type Check, found } from "../src/domain/diagnosis.ts";
import { type Fault, failed, type Result } from "../src/domain/fault.ts";
import { type ListObjects, nextReports, objectOf, type StoredObject } from "./bucket-rounds.ts";
import type { RemoteReport, ReportSource } from "./contract.ts";

export interface Bucket {
  readonly list: ListObjects;
  /** One version of an object. `conflict`: it was replaced; `missing`: it is gone. */
  readonly read: (
    report: RemoteReport,
    object: Pick<StoredObject, "name" | "version">,
  ) => Promise<Result<ReadableStream<Uint8Array>>>;
}

export const bucketSource = (place: string, bucket: Bucket): ReportSource => ({
  place,
  list: (cursor) => nextReports(bucket.list, cursor),
  read: async (report) => {
    const object = objectOf(report);
    return object === null
      ? failed({ kind: "missing", message: `${report.path} was not listed by this source` })
      : bucket.read(report, object);
  },
});

export interface BucketWords {
  /** Who keeps it. */
  readonly vendor: string;
  /** When the first file comes. */
  readonly empty: string;
  /** What to do about a fault. */
  readonly remedy: (fault: Fault) => string;
  readonly needs?: readonly string[];
}

/** The checks of a bucket, in the order in which one explains the next. */
export const bucketChecks = (place: string, bucket: Bucket, words: BucketWords): readonly Check[] => {
  let first: StoredObject | null = null;
  const failure = (fault: Fault) => found.failed(fault.message, words.remedy(fault));
  return [
    {
      id: "reports",
      what: `list the reports in ${place}`,
      ...(words.needs === undefined ? {} : { needs: words.needs }),
      run: async () => {
        const page = await bucket.list(null);
        if (!page.ok) return failure(page.fault);
        const { objects, isLast } = page.value;
        first = objects.find(({ name }) => !name.endsWith("/")) ?? null;
        return first === null
          ? found.ok(`${words.vendor} answers; nothing lies there yet: ${words.empty}`)
          : found.ok(`${objects.length}${isLast ? "" : " or more"} files`);
      },
    },
    {
      id: "reports-read",
      what: "begin to read one of the reports",
      needs: ["reports"],
      run: async () => {
        if (first === null) return found.skipped("there is no file yet");
        const read = await bucket.read({ key: "", path: first.name, bytes: null, modifiedAt: null }, first);
        if (!read.ok) return failure(read.fault);
        await read.value.cancel().catch(() => {});
        return found.ok(`${words.vendor} lets us read it`);
      },
    },
  ];
};
