/**
 * How the objects of a bucket are told, each version once: in rounds over all names, in the order of names. A round tells what was
 * written since the round before began; what is written while it runs is left to the next one. Rounds overlap, because a store may show
 * an object later than it dates it, and what was told already is remembered by a fingerprint.
 */
import * as z from "zod";
import type { Json } from "../src/domain/deal.ts";
import { failed, ok, type Result } from "../src/domain/fault.ts";
import type { RemoteReport, ReportPage } from "./contract.ts";

/** One object as a store lists it. */
export interface StoredObject {
  readonly name: string;
  /** Stands for its content: another content has another one. */
  readonly version: string;
  readonly bytes: number | null;
  /** ISO 8601. */
  readonly modifiedAt: string;
}
export interface ObjectPage {
  /** In the order of names, all behind the name that was asked for. Only the last page may be empty. */
  readonly objects: readonly StoredObject[];
  readonly isLast: boolean;
  /** The store's time of the answer. */
  readonly at: Date;
}
/** One page of objects behind a name; null: from the beginning. */
export type ListObjects = (after: string | null) => Promise<Result<ObjectPage>>;

const overlapMs = 48 * 3_600_000;
/** So many versions are remembered as told; of more within the overlap some may be told twice, and their keys tell that. */
const rememberedMax = 2_000;
const fingerprintBytes = 9;

const time = z.iso.datetime();
const cursorSchema = z.strictObject({
  /** What was written before was told. */
  since: time.nullable(),
  /** Fingerprints of what was written since and told already. */
  told: z.array(z.string()).max(rememberedMax),
  round: z
    .strictObject({
      until: time,
      /** The last name that was seen. */
      after: z.string(),
      recent: z.array(z.string()).max(rememberedMax),
    })
    .nullable(),
});
type Cursor = z.infer<typeof cursorSchema>;
const beginning: Cursor = { since: null, told: [], round: null };

const separator = "\n";
/** The key of a version of an object. */
export const keyOf = ({ name, version }: Pick<StoredObject, "name" | "version">): string =>
  `${version}${separator}${name}`;
/** Name and version of a key; null: it is none. */
export const objectOf = ({
  key,
}: Pick<RemoteReport, "key">): { readonly name: string; readonly version: string } | null => {
  const at = key.indexOf(separator);
  return at < 1 || at + 1 === key.length ? null : { version: key.slice(0, at), name: key.slice(at + 1) };
};

/** The next page of a bucket's reports. `drift` where the cursor is none of this function's. */
export const nextReports = async (list: ListObjects, cursor: Json | null): Promise<Result<ReportPage>> => {
  const parsed = cursorSchema.safeParse(cursor ?? beginning);
  if (!parsed.success) return failed({ kind: "drift", message: "the cursor of the report files is not one of ours" });
  const { since, told, round } = parsed.data;
  const listed = await list(round?.after ?? null);
  if (!listed.ok) return listed;
  const { objects, isLast, at } = listed.value;
  const until = round?.until ?? at.toISOString();
  const nextSince = new Date(Date.parse(until) - overlapMs).toISOString();
  const known = new Set(told);
  const recent = [...(round?.recent ?? [])];
  const files: RemoteReport[] = [];
  for (const object of objects) {
    if (object.name.endsWith("/") || !isWithin(object, since, until)) continue;
    const mark = await fingerprint(object);
    if (!known.has(mark)) files.push(reportOf(object));
    if (object.modifiedAt >= nextSince && recent.length < rememberedMax) recent.push(mark);
  }
  const last = objects.at(-1)?.name;
  if (last === undefined && !isLast)
    return failed({ kind: "unavailable", message: "the store answers a page without objects that is not the last" });
  const next: Cursor =
    isLast || last === undefined
      ? { since: nextSince, told: recent, round: null }
      : { since, told, round: { until, after: last, recent } };
  return ok({ files, cursor: next, isLast: next.round === null });
};

const isWithin = ({ modifiedAt }: StoredObject, since: string | null, until: string): boolean =>
  (since === null || modifiedAt >= since) && modifiedAt < until;

const reportOf = (object: StoredObject): RemoteReport => ({
  key: keyOf(object),
  path: object.name,
  bytes: object.bytes,
  modifiedAt: object.modifiedAt,
});

const fingerprint = async (object: StoredObject): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(keyOf(object)));
  return btoa(String.fromCharCode(...new Uint8Array(digest).subarray(0, fingerprintBytes)));
};
