/**
 * Exports of earnings and payments in small: each is asked for, made after a while, and lies behind a link; and the files that such links,
 * and those of analytics, lead to.
 * https://learn.microsoft.com/en-us/partner-center/developer/create-earnings-export-request
 * https://learn.microsoft.com/en-us/partner-center/developer/get-earnings-export-request-by-id
 */
import type { WireAnswer } from "../../../simulator/departure.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import { answered, notFound, Refusal, refusal } from "../answers.ts";
import { accountOf, type Call } from "../calls.ts";
import type { Struck } from "../faults.ts";
import type { World } from "../world.ts";
import { type Insights, linkOf } from "./insights.ts";
import { csvOf, type Reports } from "./reports.ts";
import type { ExportRecord } from "./rows.ts";

const kindOf = (path: string): ExportRecord["kind"] =>
  /\/payouts\/payments(\/|$)/i.test(path) ? "payments" : "transactionhistory";
const filterPattern = /earningForDate\s+(ge|le)\s+(\d{4}-\d\d-\d\d)/gi;

export interface FileAsked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly struck: Struck;
}

export const createExports = (world: World, { reports, insights }: { reports: Reports; insights: Insights }) => {
  const { ledger } = world;
  const listed = (row: ExportRecord, status: number): WireAnswer =>
    answered(status, {
      value: [
        {
          requestId: row.id,
          requestDateTime: row.at,
          processingStartDateTime: row.startedAt,
          requestPath: row.path,
          requestQueryString: row.query,
          status: row.status,
          blobLocation: row.status === "Completed" ? linkOf(row.id) : null,
        },
      ],
    });
  const admit = (call: Call): void => {
    if (call.caller.kind === "app" && !world.settings().money.exportsByApplication)
      throw refusal("accessDenied", "The caller isn't authorized to make the request.", { target: "payouts" });
  };
  const textOf = (row: ExportRecord): string => {
    const today = world.now().toISOString().slice(0, 10);
    if (row.kind === "payments") return csvOf(...reports.payments(row.account, today));
    const bounds = [...row.query.matchAll(filterPattern)];
    const bound = (word: string): string | undefined => bounds.find(([, side]) => side?.toLowerCase() === word)?.[2];
    const [columns, rows] = reports.earnings(row.account, today);
    const [from, to] = [bound("ge") ?? "", bound("le") ?? "9"];
    return csvOf(
      columns,
      rows.filter(({ earningDate = "" }) => earningDate >= from && earningDate <= to),
    );
  };

  return {
    create: (call: Call): WireAnswer => {
      admit(call);
      const format = call.place.query.get("fileformat") ?? "csv";
      if (format !== "csv") throw refusal("invalidRequest", `The file format ${format} is not served.`);
      const account = accountOf(call);
      const requestedAs = call.headers.get("ms-requestid");
      const kind = kindOf(call.place.path);
      const known = ledger.exports
        .all()
        .find((row) => row.account === account && row.kind === kind && row.requestedAs === requestedAs);
      if (known && requestedAs !== null) return listed(known, 202);
      const row: ExportRecord = {
        id: world.uuid("export"),
        account,
        sequence: world.sequence(),
        kind,
        path: call.place.path,
        query: call.place.query.get("$filter") ?? "",
        requestedAs,
        at: call.now.toISOString(),
        startedAt: null,
        status: "Queued",
        content: null,
      };
      ledger.exports.put(row.id, row);
      const seconds = world.dice.between(world.settings().money.exportSeconds, "export", row.sequence);
      world.schedule("export", row.id, addSeconds(call.now, seconds / 2));
      world.schedule("export", row.id, addSeconds(call.now, seconds));
      return listed(row, 202);
    },
    get: (call: Call): WireAnswer => {
      admit(call);
      const id = (call.place.path.split("/").at(-1) ?? "").toLowerCase();
      const row = ledger.exports.get(id);
      if (row?.account !== accountOf(call) || row.kind !== kindOf(call.place.path)) throw notFound("export", id);
      return listed(row, 200);
    },
    perform: (id: string): void => {
      const row = ledger.exports.get(id);
      if (!row || row.status === "Completed" || row.status === "Failed") return;
      const now = world.now().toISOString();
      if (row.status === "Queued") {
        ledger.exports.put(id, { ...row, status: "Processing", startedAt: now });
        return;
      }
      const isFailed = world.dice.draw("export", id) < world.settings().money.failures;
      if (isFailed) ledger.exports.put(id, { ...row, status: "Failed" });
      else ledger.exports.put(id, { ...row, status: "Completed", content: textOf(row) });
    },
    /** The file behind a link: who has the link needs no token, and one that comes beside it is refused. */
    file: ({ path, query, headers, struck }: FileAsked): WireAnswer => {
      const id = (path.split("/").at(-1) ?? "").toLowerCase();
      if (headers.has("authorization")) throw blobRefusal(400, "InvalidAuthenticationInfo");
      if (query.get("sig") !== "simulated" || struck.has("link_expired"))
        throw blobRefusal(403, "AuthenticationFailed");
      const since = addSeconds(world.now(), -world.settings().money.reportDays * 86_400).toISOString();
      const exported = ledger.exports.get(id);
      const kept = exported && exported.at >= since ? exported.content : null;
      const content = struck.has("file_gone") ? null : (insights.fileOf(id) ?? kept);
      if (content === null) throw blobRefusal(404, "BlobNotFound");
      return { status: 200, body: new TextEncoder().encode(content), type: "text/csv", headers: {} };
    },
  };
};
export type Exports = ReturnType<typeof createExports>;

const blobRefusal = (status: number, code: string): Refusal =>
  new Refusal(code, { status, headers: { "x-ms-error-code": code }, body: { error: { code, message: code } } });
