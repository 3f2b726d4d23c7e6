/** Which files count: those that were read, of the company's own the newest of a path; and what changed since the last time. */
import * as z from "zod";
import type { Query } from "../ports.ts";
import { parseRows } from "./rows.ts";

const fileSchema = z.object({
  seq: z.bigint().transform(Number),
  path: z.string(),
  sha256: z.string().nullable(),
  connectionId: z.string().nullable(),
  format: z.string().nullable(),
  unknownColumns: z.array(z.string()),
  knownAt: z.date(),
  counts: z.boolean(),
});
export type CountedFile = z.infer<typeof fileSchema>;

/** The files that were read, oldest first; optionally those alone that were known by a moment. */
export const readFiles = async (query: Query, knownUntil: Date | null): Promise<readonly CountedFile[]> =>
  parseRows(
    fileSchema,
    await query`select seq, path, sha256, connection_id, format, unknown_columns, known_at, counts from report_file where status = 'read'
      ${knownUntil === null ? query`` : query`and known_at <= ${knownUntil}`} order by seq`,
  );

/** Whether newer files of its path stand for a file. */
const isSnapshot = ({ format }: CountedFile): boolean => format?.startsWith("internal.") ?? false;
const placeOf = ({ path, connectionId }: CountedFile): string => `${connectionId ?? ""}|${path}`;

/** The files that stand, by seq. */
export const standingFiles = (files: readonly CountedFile[]): readonly CountedFile[] => {
  const newest = new Map<string, CountedFile>();
  for (const file of files) {
    if (!isSnapshot(file)) continue;
    const other = newest.get(placeOf(file));
    const isNewer =
      other === undefined ||
      file.knownAt.getTime() > other.knownAt.getTime() ||
      (file.knownAt.getTime() === other.knownAt.getTime() && file.seq > other.seq);
    if (isNewer) newest.set(placeOf(file), file);
  }
  return files.filter((file) => !isSnapshot(file) || newest.get(placeOf(file)) === file);
};
