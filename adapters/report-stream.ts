/** The bytes of a report as they come over the wire, told apart from the beginning of a report that was cut off. */
import { type Fault, failed, ok, type Result } from "../src/domain/fault.ts";
import { OutboundError } from "../src/outbound.ts";
import { BrokenReport, type RemoteReport } from "./contract.ts";

/** The largest report that is fetched, and the longest that one may take. */
export const reportBytesMax = 2 * 1024 ** 3;
export const reportTimeoutMs = 30 * 60_000;

/** Why a report of this size is not fetched, or null. */
export const tooLarge = ({ path, bytes }: Pick<RemoteReport, "path" | "bytes">): Fault | null =>
  bytes === null || bytes <= reportBytesMax
    ? null
    : {
        kind: "rejected",
        message: `${path} has ${bytes} bytes, and at most ${reportBytesMax} are fetched. Fetch it by hand and close it from a folder: cosell close`,
        gaps: [],
      };

/**
 * The body of a good answer for a report, as a stream that errs with a `BrokenReport` unless it brings exactly the bytes that the
 * listing and the answer state. `conflict` when the two contradict each other: the file was replaced in between.
 */
export const wholeReport = (response: Response, report: RemoteReport): Result<ReadableStream<Uint8Array>> => {
  const { path } = report;
  // A body that was packed for the way has another length.
  const isPacked = response.headers.has("content-encoding");
  const stated = isPacked ? null : lengthOf(response.headers.get("content-length"));
  if (stated !== null && report.bytes !== null && stated !== report.bytes) {
    void response.body?.cancel().catch(() => {});
    return failed({
      kind: "conflict",
      message: `${path} has ${stated} bytes, and had ${report.bytes} when it was listed: it was replaced or is being written`,
    });
  }
  const expected = stated ?? (isPacked ? null : report.bytes);
  const body = response.body ?? new Blob([]).stream();
  return ok(counted(body, path, expected));
};

const lengthOf = (header: string | null): number | null =>
  header !== null && /^\d{1,15}$/.test(header) ? Number(header) : null;

const counted = (
  body: ReadableStream<Uint8Array>,
  path: string,
  expected: number | null,
): ReadableStream<Uint8Array> => {
  const reader = body.getReader();
  let size = 0;
  const broken = (message: string): BrokenReport => new BrokenReport({ kind: "unavailable", message });
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          size += value.byteLength;
          controller.enqueue(value);
        } else if (expected === null || size === expected) controller.close();
        else controller.error(broken(`${path} was cut off: ${size} of ${expected} bytes came`));
      } catch (error) {
        controller.error(interrupted(error, path, size));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
};

const interrupted = (error: unknown, path: string, size: number): BrokenReport => {
  const why = error instanceof OutboundError ? error.message : "the connection broke off";
  const message = `${path} was cut off after ${size} bytes: ${why}`;
  return new BrokenReport(
    error instanceof OutboundError && error.kind === "size"
      ? { kind: "rejected", message, gaps: [] }
      : { kind: "unavailable", message },
  );
};
