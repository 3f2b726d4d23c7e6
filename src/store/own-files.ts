/** The internal files that the service writes itself, received like any other file whenever their content has changed. */
import { type OwnFileName, ownFileNames, ownFiles, ownJson, usualPolicy } from "../domain/finance/own-files.ts";
import type { ClockDep, Query } from "../ports.ts";
import type { FeeRows } from "./fee-rows.ts";
import { readOwnRecords } from "./own-records.ts";
import type { ReportFile, ReportFiles } from "./report-files.ts";
import { sha256Hex } from "./seal.ts";

interface Newest {
  readonly id: string;
  readonly sha256: string;
  readonly status: string;
}

/** Where internal files lie. */
export const internalPath = (name: string): string => `internal/${name}`;
/** Documents that people give, of which the newest stands. */
export const givenFileNames = [
  "policy.json",
  "attribution-rules.json",
  "attribution-decisions.json",
  "keys.json",
  "disputes.csv",
] as const;
export type GivenFileName = (typeof givenFileNames)[number];

export const isOwnPath = (path: string): boolean => ownFileNames.some((name) => internalPath(name) === path);

export type OwnFiles = ReturnType<typeof createOwnFiles>;

export const createOwnFiles = (deps: ClockDep & { readonly reportFiles: ReportFiles; readonly feeRows: FeeRows }) => {
  const { reportFiles, feeRows } = deps;
  const make = async (query: Query): Promise<Readonly<Record<OwnFileName, string>>> =>
    ownFiles(await readOwnRecords(query, feeRows));
  const newest = async (query: Query, path: string): Promise<Newest | null> => {
    const [row] = await query<Newest[]>`select id, sha256, status from report_file where path = ${path}
      and connection_id is null and sha256 is not null and status in ('receiving', 'read')
      order by known_at desc, seq desc limit 1`;
    return row ?? null;
  };
  /** The newest text of a document that was given; null: nobody gave one. Those that were refused do not count. */
  const given = async (query: Query, name: GivenFileName): Promise<string | null> => {
    const row = await newest(query, internalPath(name));
    if (row === null) return null;
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of reportFiles.bytes(query, row.id)) text += decoder.decode(piece, { stream: true });
    return text + decoder.decode();
  };
  const receive = async (query: Query, name: string, text: string): Promise<ReportFile | null> => {
    const path = internalPath(name);
    const last = await newest(query, path);
    if (last?.sha256 === (await sha256Hex(text)))
      return last.status === "receiving" ? reportFiles.get(query, last.id) : null;
    const { file } = await reportFiles.receive(query, { connectionId: null, path }, [new TextEncoder().encode(text)]);
    return file;
  };
  /** Whether somebody gave a file of this format: then the service's own says nothing. */
  const hasOther = async (query: Query, format: string, path: string): Promise<boolean> => {
    const [row] =
      await query`select 1 from report_file where format = ${format} and status = 'read' and path <> ${path} limit 1`;
    return row !== undefined;
  };
  return {
    make,
    given,
    /** What stands for a name: of the service's own files as they are now, of given ones the newest. Null: there is none. */
    text: async (query: Query, name: OwnFileName | GivenFileName): Promise<string | null> => {
      const own = ownFileNames.find((known) => known === name);
      if (own !== undefined) return (await make(query))[own];
      const document = givenFileNames.find((known) => known === name);
      return document === undefined ? null : ((await given(query, document)) ?? unsaid[document] ?? null);
    },
    /** Keeps a document that was given. Null: it says what the newest says. */
    give: receive,
    /** Receives what has changed since it was received last. Returns the files that are to be read. */
    refresh: async (query: Query): Promise<readonly ReportFile[]> => {
      const fresh: ReportFile[] = [];
      const files = await make(query);
      for (const name of ownFileNames) {
        if (name === "fee-schedule.json" && (await hasOther(query, "internal.fee-schedule", internalPath(name))))
          continue;
        const file = await receive(query, name, files[name]);
        if (file !== null) fresh.push(file);
      }
      const isGiven = (await given(query, "policy.json")) !== null;
      if (!isGiven && !(await hasOther(query, "internal.policy", internalPath("policy.json")))) {
        const file = await receive(query, "policy.json", ownJson(usualPolicy));
        if (file !== null) fresh.push(file);
      }
      return fresh;
    },
  };
};

/** What holds where nobody gave a document. */
const unsaid: Readonly<Partial<Record<GivenFileName, string>>> = {
  "policy.json": ownJson(usualPolicy),
  "attribution-rules.json": ownJson([]),
};
