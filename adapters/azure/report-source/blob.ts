/**
 * A report's file behind a link of Microsoft's: a shared access signature of Azure Storage, which opens the file to whoever holds it. The link
 * comes in an authenticated answer; it is followed to Azure's storage alone, and no token goes with it.
 * https://learn.microsoft.com/en-us/azure/storage/common/storage-account-overview#standard-endpoints
 */
import { type Fault, failed, type Result } from "../../../src/domain/fault.ts";
import { OutboundError } from "../../../src/outbound.ts";
import type { RemoteReport, SessionDeps } from "../../contract.ts";
import { codeBeforeContact } from "../../reach.ts";
import { reportBytesMax, reportTimeoutMs, wholeReport } from "../../report-stream.ts";
import { placed } from "../exchange.ts";

/** Blob storage's documented suffix. */
const blobSuffix = ".blob.core.windows.net";
const throttledMs = 10_000;
const retrySecondsMax = 3_600;

export interface BlobParts {
  readonly endpoint: string | undefined;
  /** More hosts that a link may name, exactly. */
  readonly linkHosts: readonly string[];
}
export type ReadBlob = (link: string, report: RemoteReport) => Promise<Result<ReadableStream<Uint8Array>>>;

export const createBlobReader =
  (deps: SessionDeps, { endpoint, linkHosts }: BlobParts): ReadBlob =>
  async (link, report) => {
    const host = hostOf(link);
    if (host === null || !(host.endsWith(blobSuffix) || linkHosts.includes(host)))
      return failed({
        kind: "denied",
        message: `${report.path}: Microsoft's link leads to ${host ?? "no https address"}, which is not contacted: it is not in Azure's blob storage (*${blobSuffix}). If it is meant, add it to settings.reports.linkHosts`,
      });
    const url = placed(link, endpoint);
    const limits = { timeoutMs: reportTimeoutMs, bodyBytesMax: reportBytesMax, hosts: [new URL(url).host] };
    try {
      const response = await deps.http(new Request(url, { redirect: "manual" }), limits);
      if (response.status === 200) return wholeReport(response, report);
      await response.body?.cancel().catch(() => {});
      return failed(faultOf(response, report, deps.clock.now()));
    } catch (error) {
      const code = codeBeforeContact(error);
      const why = error instanceof OutboundError ? error.message : (code ?? "no answer came");
      return failed({ kind: "unavailable", message: `${report.path}: ${why}` });
    }
  };

const hostOf = (link: string): string | null => {
  const url = URL.canParse(link) ? new URL(link) : null;
  return url === null || url.protocol !== "https:" || url.username !== "" || url.port !== "" ? null : url.host;
};

/** https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes */
const faultOf = ({ status, headers }: Response, { path }: RemoteReport, now: Date): Fault => {
  if (status === 404 || status === 410) return { kind: "missing", message: `${path}: Microsoft keeps it no longer` };
  if (status === 429 || status === 503) {
    const seconds = Number(headers.get("retry-after") ?? "");
    const stated = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, retrySecondsMax) * 1_000 : throttledMs;
    const retryAt = new Date(now.getTime() + stated).toISOString();
    return { kind: "throttled", message: `${path}: Azure's storage asks to wait`, retryAt };
  }
  // Each reading asks for a fresh link.
  if (status === 401 || status === 403)
    return { kind: "unavailable", message: `${path}: the link is not taken (${status}); it may have expired` };
  if (status >= 500 || status === 408) return { kind: "unavailable", message: `${path}: answered ${status}` };
  return { kind: "drift", message: `${path}: Azure's storage answered ${status}` };
};
