/** Files of finance as they came: bytes in pieces, their hash, what a reader made of them, and which file stands for which. */
import * as z from "zod";
import { createSha256 } from "../domain/sha256.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import { type ListPage, parseFirst, parseRows, sqlStateOf, uniqueViolation } from "./rows.ts";

export const fileStatuses = ["receiving", "read", "refused", "unknown"] as const;
const problemSchema = z.object({
  line: z.number().int().nullable(),
  column: z.string().nullable(),
  message: z.string(),
  fix: z.string(),
});
export const reportFileSchema = z.object({
  id: z.string(),
  seq: z.bigint().transform(Number),
  connectionId: z.string().nullable(),
  path: z.string(),
  format: z.string().nullable(),
  status: z.enum(fileStatuses),
  sha256: z.string().nullable(),
  bytes: z.bigint().transform(Number),
  rows: z.number().int(),
  problems: z.array(problemSchema),
  problemCount: z.number().int(),
  unknownColumns: z.array(z.string()),
  notes: z.array(z.string()),
  sourceKey: z.string().nullable(),
  knownAt: z.date(),
  receivedAt: z.date(),
  reconciledAt: z.date().nullable(),
  supersededBy: z.string().nullable(),
});
export type ReportFile = z.infer<typeof reportFileSchema>;

export interface NewReportFile {
  readonly connectionId: string | null;
  /** As the vendor or the folder names it, with `/`. */
  readonly path: string;
  /** The vendor's name of this delivery; the same again is nothing. */
  readonly sourceKey?: string | null;
  /** From when on it can have been known; by default now. */
  readonly knownAt?: Date;
}
export interface ReceivedFile {
  readonly file: ReportFile;
  /** False: these bytes were received before under this path, or this delivery was. Its status tells whether it was read. */
  readonly isNew: boolean;
}
/** What a reader makes of a file. */
export interface FileVerdict {
  readonly status: "read" | "refused" | "unknown";
  readonly format: { readonly id: string } | null;
  readonly rows: number;
  readonly problems: readonly z.infer<typeof problemSchema>[];
  readonly problemCount: number;
  readonly unknownColumns: readonly string[];
  readonly notes: readonly string[];
}
export interface ReportFileFilter {
  /** The seq of the last one of the page before. */
  readonly after: string | null;
  readonly limit: number;
  readonly statuses?: readonly ReportFile["status"][];
  readonly connectionId?: string;
  readonly format?: string;
  /** A part of the path. */
  readonly path?: string;
}

const pieceBytes = 1_048_576;
const problemsMax = 1_000;
const textsMax = 100;
const textBytesMax = 1_048_576;

export type ReportFiles = ReturnType<typeof createReportFiles>;

export interface PackDep {
  /** Packs bytes as gzip; by default as the platform's streams do, which take their time for the last few percent. */
  readonly gzip?: (bytes: Uint8Array) => Promise<Uint8Array>;
}

export const createReportFiles = (deps: ClockDep & IdsDep & PackDep) => {
  const { gzip = streamGzip } = deps;
  const get = async (query: Query, id: string): Promise<ReportFile | null> =>
    parseFirst(reportFileSchema, await query`select * from report_file where id = ${id}`);
  const mustGet = async (query: Query, id: string): Promise<ReportFile> => {
    const file = await get(query, id);
    if (file === null) throw new Error(`there is no report file ${id}`);
    return file;
  };
  const begin = async (query: Query, given: NewReportFile): Promise<ReceivedFile> => {
    const { connectionId, path, sourceKey = null, knownAt } = given;
    const now = deps.clock.now();
    const id = deps.ids.next("rpf");
    const rows = await query`insert into report_file (id, connection_id, path, source_key, known_at, received_at)
      values (${id}, ${connectionId}, ${path}, ${sourceKey}, ${knownAt ?? now}, ${now})
      on conflict (coalesce(connection_id, ''), source_key) where source_key is not null do nothing returning *`;
    const made = parseFirst(reportFileSchema, rows);
    if (made !== null) return { file: made, isNew: true };
    const before = parseFirst(
      reportFileSchema,
      await query`select * from report_file where connection_id is not distinct from ${connectionId} and source_key = ${sourceKey}`,
    );
    if (before === null) throw new Error("a report file that was there is gone");
    // A delivery that broke off is received again under the same id.
    return { file: before, isNew: before.status === "receiving" };
  };
  const append = async (
    query: Query,
    at: { readonly id: string; readonly n: number },
    piece: Uint8Array,
  ): Promise<void> => {
    await query`insert into report_chunk (file_id, n, body) values (${at.id}, ${at.n}, ${await gzip(piece)})
      on conflict (file_id, n) do update set body = excluded.body`;
  };
  const finish = async (
    query: Query,
    id: string,
    content: { readonly sha256: string; readonly bytes: number; readonly pieces: number },
  ): Promise<ReceivedFile> => {
    const { sha256, pieces } = content;
    await query`delete from report_chunk where file_id = ${id} and n >= ${pieces}`;
    const { path, sourceKey } = await mustGet(query, id);
    // What a source says once more after it said something else counts again.
    const find = async (): Promise<ReportFile | null> =>
      parseFirst(
        reportFileSchema,
        await query`select * from report_file other where path = ${path} and sha256 = ${sha256} and id <> ${id} and superseded_by is null
          and (${sourceKey === null} or not exists (select 1 from report_file later where later.path = ${path}
            and later.sha256 <> ${sha256} and later.seq > other.seq))
          order by seq desc limit 1`,
      );
    let same = await find();
    if (same === null)
      try {
        await query`update report_file set sha256 = ${sha256}, bytes = ${content.bytes} where id = ${id}`;
        return { file: await mustGet(query, id), isNew: true };
      } catch (error) {
        // Another that brought the same bytes at the same moment came first.
        same = sqlStateOf(error) === uniqueViolation ? await find() : null;
        if (same === null) throw error;
      }
    await query`delete from report_file where id = ${id}`;
    return { file: same, isNew: false };
  };
  return {
    get,
    /** The file that was received whole under this path with these bytes, or null. */
    find: async (
      query: Query,
      content: { readonly path: string; readonly sha256: string },
    ): Promise<ReportFile | null> =>
      parseFirst(
        reportFileSchema,
        await query`select * from report_file where path = ${content.path} and sha256 = ${content.sha256}`,
      ),
    /** Begins a file. A delivery that was received whole before is not new: nothing is to be sent. */
    begin,
    /** Keeps the piece `n` (from 0) of a file, at most 1 MiB; again is the same. */
    append,
    /** Ends a file with its hash. Where the same bytes lie there under the same path, the new row goes. Not inside a transaction. */
    finish,
    /** Receives a whole file from its bytes, in pieces of any size. */
    receive: async (
      query: Query,
      given: NewReportFile,
      bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    ): Promise<ReceivedFile> => {
      const begun = await begin(query, given);
      if (!begun.isNew) return begun;
      const { id } = begun.file;
      const hash = createSha256();
      let total = 0;
      let n = 0;
      for await (const piece of piecesOf(bytes)) {
        hash.push(piece);
        total += piece.length;
        await append(query, { id, n }, piece);
        n += 1;
      }
      return finish(query, id, { sha256: hash.end(), bytes: total, pieces: n });
    },
    /**
     * Writes down what a reader made of the file, which makes it count from the next reconciliation on. Of the company's own
     * files (formats `internal.…`) the newest of a path stands for all of them.
     */
    judge: async (query: Query, id: string, verdict: FileVerdict): Promise<ReportFile> => {
      const { status, format, rows, problems, problemCount, unknownColumns, notes } = verdict;
      await query`update report_file set status = ${status}, format = ${format?.id ?? null}, rows = ${rows},
          problems = ${JSON.stringify(problems.slice(0, problemsMax))}::text::jsonb, problem_count = ${problemCount},
          unknown_columns = ${JSON.stringify(unknownColumns)}::text::jsonb, notes = ${JSON.stringify(notes)}::text::jsonb
        where id = ${id}`;
      if (status === "read" && format?.id.startsWith("internal."))
        await query`update report_file set superseded_by = newest.id
          from (select id, path, connection_id from report_file
            where (path, coalesce(connection_id, '')) = (select path, coalesce(connection_id, '') from report_file where id = ${id})
              and status = 'read' and format like 'internal.%' order by known_at desc, seq desc limit 1) newest
          where report_file.path = newest.path and report_file.connection_id is not distinct from newest.connection_id
            and status = 'read' and format like 'internal.%' and report_file.id <> newest.id
            and superseded_by is distinct from newest.id`;
      return mustGet(query, id);
    },
    /** The newest text of each path among files of these formats that were read. Larger ones, and those that were erased, are left out. */
    texts: async (
      query: Query,
      formats: readonly string[],
    ): Promise<readonly { readonly path: string; readonly text: string }[]> => {
      const newest = parseRows(
        reportFileSchema,
        await query`select * from (select distinct on (path) * from report_file where status = 'read' and format = any(${[...formats]}::text[])
          order by path, seq desc) newest where bytes <= ${textBytesMax} order by path limit ${textsMax}`,
      );
      const found: { readonly path: string; readonly text: string }[] = [];
      for (const { id, path } of newest) {
        const decoder = new TextDecoder();
        let text = "";
        for await (const piece of bytes(query, id)) text += decoder.decode(piece, { stream: true });
        if (text !== "") found.push({ path, text: text + decoder.decode() });
      }
      return found;
    },
    /** How many files of other content came whole under a file's path, from its connection, before it. */
    redeliveries: async (query: Query, id: string): Promise<number> => {
      const [row] = await query<
        { count: number }[]
      >`select count(*)::int as count from report_file own join report_file before
        on before.path = own.path and before.connection_id is not distinct from own.connection_id
          and before.sha256 is not null and (before.known_at, before.seq) < (own.known_at, own.seq)
        where own.id = ${id}`;
      return row?.count ?? 0;
    },
    /** Files, newest first. */
    list: async (query: Query, filter: ReportFileFilter): Promise<ListPage<ReportFile>> => {
      const rows = parseRows(
        reportFileSchema,
        await query`select * from report_file where true
          ${filter.after === null ? query`` : query`and seq < ${filter.after}::text::bigint`}
          ${filter.statuses === undefined ? query`` : query`and status = any(${[...filter.statuses]}::text[])`}
          ${filter.connectionId === undefined ? query`` : query`and connection_id = ${filter.connectionId}`}
          ${filter.format === undefined ? query`` : query`and format = ${filter.format}`}
          ${filter.path === undefined ? query`` : query`and position(${filter.path} in path) > 0`}
        order by seq desc limit ${filter.limit + 1}`,
      );
      const items = rows.slice(0, filter.limit);
      return { items, next: rows.length > filter.limit ? String(items.at(-1)?.seq ?? "") : null };
    },
    /** When the newest file came, and the newest of those that are not read. */
    traffic: async (query: Query): Promise<{ readonly lastAt: Date | null; readonly unreadAt: Date | null }> => {
      const [row] = await query<{ last_at: Date | null; unread_at: Date | null }[]>`select
        (select received_at from report_file order by seq desc limit 1) as last_at,
        (select max(received_at) from report_file where status = 'receiving') as unread_at`;
      return { lastAt: row?.last_at ?? null, unreadAt: row?.unread_at ?? null };
    },
    /** Rows of all files that count: at least as many as there are money lines. */
    rows: async (query: Query): Promise<number> => {
      const [row] = await query<{ rows: number }[]>`select coalesce(sum(rows), 0)::float8 as rows from report_file
        where status = 'read' and superseded_by is null`;
      return row?.rows ?? 0;
    },
    /** Files that were received whole before `before` and never read; what broke off and nobody will send again goes. */
    takeUp: async (query: Query, before: Date): Promise<readonly Pick<ReportFile, "id" | "connectionId">[]> => {
      await query`delete from report_file where status = 'receiving' and sha256 is null and source_key is null and received_at < ${before}`;
      return parseRows(
        reportFileSchema.pick({ id: true, connectionId: true }),
        await query`select id, connection_id from report_file
          where status = 'receiving' and sha256 is not null and received_at < ${before} order by seq limit 200`,
      );
    },
    /** The bytes as they came. Ends early where they were erased: compare with `bytes` of the file. */
    bytes,
    /** Erases the bytes of files received before; what they stated stays. Returns of how many pieces. */
    expire: async (query: Query, before: Date): Promise<number> =>
      (
        await query`delete from report_chunk using report_file
          where file_id = report_file.id and received_at < ${before} and status <> 'receiving'`
      ).count,
  };
};

async function* bytes(query: Query, id: string): AsyncGenerator<Uint8Array> {
  for (let n = 0; ; n += 1) {
    const [row] = await query<{ body: Uint8Array }[]>`select body from report_chunk where file_id = ${id} and n = ${n}`;
    if (row === undefined) return;
    yield await gunzip(row.body);
  }
}

/** Cuts and joins what comes into pieces of 1 MiB. */
async function* piecesOf(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(pieceBytes);
  let held = 0;
  for await (const part of bytes)
    for (let at = 0; at < part.length; ) {
      const taken = Math.min(pieceBytes - held, part.length - at);
      piece.set(part.subarray(at, at + taken), held);
      held += taken;
      at += taken;
      if (held < pieceBytes) continue;
      yield piece;
      piece = new Uint8Array(pieceBytes);
      held = 0;
    }
  if (held > 0) yield piece.slice(0, held);
}

const streamGzip = (bytes: Uint8Array): Promise<Uint8Array> => through(bytes, new CompressionStream("gzip"));
const gunzip = (bytes: Uint8Array): Promise<Uint8Array> => through(bytes, new DecompressionStream("gzip"));
const through = async (
  bytes: Uint8Array,
  stream: { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<BufferSource> },
): Promise<Uint8Array> => {
  const writer = stream.writable.getWriter();
  const written = Promise.all([writer.write(new Uint8Array(bytes)), writer.close()]);
  // What cannot be unpacked is told by both sides; it is thrown once.
  written.catch(() => {});
  const whole = await new Response(stream.readable).arrayBuffer();
  await written;
  return new Uint8Array(whole);
};
