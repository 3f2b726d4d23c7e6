/** The contract's part about where the reports of money lie: what files there are, and their bytes. */
import type { Json } from "../src/domain/deal.ts";
import type { Fault, Result } from "../src/domain/fault.ts";

/** Where a marketplace leaves its reports for the seller. Files are listed page by page, each version once, and read one by one. */
export interface ReportSource {
  /** Where they come from, for people: `bucket example, prefix feeds/`. Never a secret. */
  readonly place: string;
  /**
   * The files that were not listed before `cursor`; null: from the beginning. The caller keeps the page and its cursor in one
   * commit and asks with that cursor next: asking again with the same one repeats no work and loses nothing, so a fetch goes on
   * where it was cut off. Where a report has to be ordered first, the order is put into a cursor before it is sent, and is
   * looked for before it is repeated: keep every cursor, also that of a page without files.
   * Faults as everywhere: `throttled` and `unavailable` pass, `denied` names the permission and the remedy. Reports that do
   * not exist yet are no fault: an empty page, with `pendingUntil` where something is on its way.
   */
  readonly list: (cursor: Json | null) => Promise<Result<ReportPage>>;
  /**
   * The bytes of one listed file, bounded in size and time. `missing`: it is gone; `conflict`: it was replaced since it was
   * listed, and the new version comes with a later page. The stream errs with a `BrokenReport` when it is cut off: a stream that
   * ends is whole. What a file holds may name buyers: never log any of it, keep it sealed.
   */
  readonly read: (report: RemoteReport) => Promise<Result<ReadableStream<Uint8Array>>>;
}

export interface ReportPage {
  readonly files: readonly RemoteReport[];
  /** Plain JSON, at most some ten thousand characters. */
  readonly cursor: Json;
  /** False: ask again at once. True: everything there is has been listed; ask again with the cursor later. */
  readonly isLast: boolean;
  /** When something that is being made may be ready, ISO 8601; absent: nothing is on its way. Only where `isLast`. */
  readonly pendingUntil?: string;
  /** What should have come long ago and was made in vain, for people; absent: nothing. Only where `isLast`. */
  readonly late?: string;
}

export interface RemoteReport {
  /**
   * Stands for this version of this file at its source, for ever: the same key is the same bytes. A version may be listed
   * twice where the source cannot tell; the key tells that.
   */
  readonly key: string;
  /** Its name as the readers of `adapters/report-formats.ts` recognise it. A later version has the same one. */
  readonly path: string;
  /** As the source states it; null: it does not. */
  readonly bytes: number | null;
  /** When it was written at the source, ISO 8601; null: it does not say. */
  readonly modifiedAt: string | null;
}

/** What the stream of a report errs with: it was cut off, too large or too slow. Read it again. */
export class BrokenReport extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.name = "BrokenReport";
    this.fault = fault;
  }
}
