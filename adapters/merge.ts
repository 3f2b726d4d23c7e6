/**
 * Three-way merge of an editable document: ours, theirs, and what both last agreed on. Pure, in no marketplace's words.
 *
 * Per member, against the base:
 * - ours unchanged: theirs is kept, changed or not;
 * - ours changed: ours is sent, also over a change of theirs (then it is told in `overwrote`): the CRM owns what it
 *   states. A member that ours does not state is theirs;
 * - ours changed but never sendable again: theirs is kept and the edit is dropped with the reason;
 * - ours changed but not sendable now: the edit waits, its base stays as it was.
 */
import type { Json, JsonObject } from "../src/domain/deal.ts";
import type { DroppedEdit } from "./contract.ts";

/** A value per member. Ours: absent means we have no opinion, null means we clear it. Theirs: absent means they have none. */
export type MemberValues<Path extends string> = Readonly<Partial<Record<Path, Json>>>;

/** What a document is made of. */
export interface Members<Path extends string> {
  readonly paths: readonly Path[];
  /** The member's field in our vocabulary. */
  readonly fieldOf: (path: Path) => string;
  /** One text per meaning: values that say the same have the same; "" says nothing. */
  readonly meaning: (path: Path, value: Json | undefined) => string;
  /** Members that name people: remembered only as a digest, for the base is no place for personal data. */
  readonly isPersonal: (path: Path) => boolean;
  /** Whether theirs says all that ours does. Absent: when both have the same meaning. */
  readonly covers?: (path: Path, theirs: Json | undefined, ours: Json) => boolean;
}

/** What may be edited now. */
export interface EditGate<Path extends string> {
  readonly allows: (path: Path) => boolean;
  /** Why this edit will never be possible again; null: it may be. */
  readonly never: (path: Path) => string | null;
}

export interface Merged<Path extends string> {
  /** The full document as it is to be. */
  readonly document: MemberValues<Path>;
  readonly base: JsonObject;
  readonly sent: readonly Path[];
  /** Members among `sent` that they had changed too. */
  readonly overwrote: readonly Path[];
  readonly waiting: readonly Path[];
  readonly dropped: readonly DroppedEdit[];
}

/** FNV-1a, 64 bits, in hexadecimal: a short name for a text, not a protection. */
export const digest = (text: string): string => {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
};

export const createMerger = <Path extends string>(members: Members<Path>) => {
  const { meaning, isPersonal } = members;
  const isPath = (text: string): text is Path => members.paths.some((path) => path === text);
  /** The meaning of one live value as it would be remembered. */
  const markOf = (path: Path, value: Json | undefined): string => {
    const text = meaning(path, value);
    return isPersonal(path) && text !== "" ? `#${digest(text)}` : text;
  };
  const keptOf = (path: Path, value: Json | undefined): Json | undefined => {
    const mark = markOf(path, value);
    return mark === "" ? undefined : isPersonal(path) ? mark : value;
  };
  /** What is remembered of a document. */
  const remember = (document: MemberValues<Path>): JsonObject =>
    Object.fromEntries(
      Object.entries<Json | undefined>(document).flatMap(([path, value]) => {
        const kept = isPath(path) ? keptOf(path, value) : undefined;
        return kept === undefined ? [] : [[path, kept]];
      }),
    );
  /** The meaning of one remembered value, comparable with `markOf`. */
  const remembered = (base: JsonObject, path: Path): string => {
    const value = base[path];
    return isPersonal(path) && typeof value === "string" ? value : meaning(path, value);
  };
  const covers = members.covers ?? ((path, theirs, ours) => meaning(path, ours) === meaning(path, theirs));

  /** Idempotent: merged again with its own base it sends nothing. */
  const merge = (
    ours: MemberValues<Path>,
    base: JsonObject | null,
    theirs: { readonly document: MemberValues<Path>; readonly gate: EditGate<Path> },
  ): Merged<Path> => {
    const { gate } = theirs;
    const document: Partial<Record<Path, Json>> = { ...theirs.document };
    const nextBase: Record<string, Json> = { ...base };
    const sent: Path[] = [];
    const overwrote: Path[] = [];
    const waiting: Path[] = [];
    const dropped: DroppedEdit[] = [];
    const remembers = (path: Path, value: Json | undefined) => {
      const kept = keptOf(path, value);
      if (kept === undefined) delete nextBase[path];
      else nextBase[path] = kept;
    };
    for (const path of members.paths) {
      const mine: Json | undefined = ours[path];
      const theirValue: Json | undefined = theirs.document[path];
      const before = base === null ? null : remembered(base, path);
      if (mine === undefined) {
        remembers(path, theirValue);
        continue;
      }
      if (covers(path, theirValue, mine) || markOf(path, mine) === before) {
        remembers(path, mine);
        continue;
      }
      const never = gate.never(path);
      if (never !== null) {
        dropped.push({ field: members.fieldOf(path), reason: never });
        remembers(path, mine);
      } else if (gate.allows(path)) {
        sent.push(path);
        if (before !== null && markOf(path, theirValue) !== before) overwrote.push(path);
        document[path] = mine;
        remembers(path, mine);
      } else {
        waiting.push(path);
        if (before === null) remembers(path, theirValue);
      }
    }
    return { document, base: nextBase, sent, overwrote, waiting, dropped };
  };
  return { merge, remember, remembered, markOf };
};
