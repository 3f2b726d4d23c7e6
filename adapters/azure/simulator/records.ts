/** Referrals as the ledger keeps them, one version after the other, and how they look on the wire. */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { at, isList, isObject, objectAt, textAt, withAt } from "../../simulator/document.ts";
import { addDays, addSeconds } from "../../simulator/ground.ts";
import type { ReferralRecord } from "./ledger.ts";
import type { Occasion, World } from "./world.ts";

export interface Draft extends Pick<ReferralRecord, "engagementId" | "account" | "party" | "direction" | "document"> {
  /** What the dice know it by, before they count its namesakes. */
  readonly name: string;
}
type Version = Pick<ReferralRecord, "modifiedAt" | "etag" | "document">;

/** The start of the day on which something ends that runs for `days`. */
export const endOf = (now: Date, days: number): string => `${addDays(now, days).toISOString().slice(0, 10)}T00:00:00Z`;
export const statusOf = (row: ReferralRecord): string => textAt(row.document, "status") ?? "";

export const createRecords = (world: World) => {
  const { ledger } = world;
  const hiddenUntil = ({ now, struck }: Occasion): string | null => {
    const lag = struck.find("search_lag");
    const seconds = lag ? (lag.seconds ?? 60) : world.settings().listing.lagSeconds;
    return seconds > 0 ? addSeconds(now, seconds).toISOString() : null;
  };
  return {
    /** Writes a new referral. */
    write: (draft: Draft, occasion: Occasion): ReferralRecord => {
      const { name, document, ...rest } = draft;
      const id = world.uuid("referral");
      const createdAt = world.stamp(occasion.now);
      const row: ReferralRecord = {
        ...rest,
        id,
        document,
        fate: world.nextFate(name),
        sequence: world.sequence(),
        createdAt,
        modifiedAt: createdAt,
        etag: world.etag(occasion.now),
        steps: 0,
        previous: null,
        staleUntil: null,
        hiddenUntil: hiddenUntil(occasion),
      };
      ledger.referrals.put(id, row);
      return row;
    },
    /** Writes the next version of a referral. */
    save: (row: ReferralRecord, document: JsonObject, occasion: Occasion): ReferralRecord => {
      const stale = occasion.struck.find("stale_read");
      const { modifiedAt, etag } = row;
      const saved: ReferralRecord = {
        ...row,
        document,
        modifiedAt: world.stamp(occasion.now, modifiedAt),
        etag: world.etag(occasion.now),
        previous: { modifiedAt, etag, document: row.document },
        staleUntil: stale?.seconds === undefined ? null : addSeconds(occasion.now, stale.seconds).toISOString(),
        hiddenUntil: hiddenUntil(occasion),
      };
      ledger.referrals.put(row.id, saved);
      return saved;
    },
    /** The rows of an engagement, in the order of their making. */
    engagement: (engagementId: string): readonly ReferralRecord[] =>
      ledger.byEngagement
        .find(engagementId)
        .flatMap((id) => ledger.referrals.get(id) ?? [])
        .filter((row) => row.engagementId === engagementId)
        .toSorted((a, b) => a.sequence - b.sequence),
    /** The version that a read shows: the one before while the last is not everywhere yet. */
    shown: (row: ReferralRecord, { now, struck }: Occasion): Version => {
      const isLate = row.staleUntil !== null && row.staleUntil > now.toISOString();
      const isStale = isLate || struck.has("stale_read");
      return isStale ? (row.previous ?? row) : row;
    },
  };
};
export type Records = ReturnType<typeof createRecords>;

const percents: Readonly<Record<string, string>> = {
  Created: "10",
  Accepted: "10",
  Qualify: "20",
  Qualified: "20",
  Develop: "40",
  Developed: "40",
  Propose: "60",
  Proposed: "60",
  Negotiated: "80",
  Close: "80",
  Won: "100",
};

/** The referral as an answer shows it. Lists show less, and an empty object where a list of ids is empty. */
export const createViews = (world: World) => {
  const amount = (value: Json | undefined): Json | undefined => {
    const { amounts } = world.settings().wire;
    if (value === undefined || value === null || amounts === "as sent") return value;
    return amounts === "text" ? String(value) : Number(value);
  };
  const shaped = (document: JsonObject, isItem: boolean): JsonObject => {
    const stage = textAt(document, "salesStage");
    const isPercent = world.settings().wire.salesStage === "percent";
    const ids = at(document, "customerProfile.ids");
    const isEmpty = isItem && (!isList(ids) || ids.length === 0);
    const value = amount(at(document, "details.dealValue"));
    let left = stage === null || !isPercent ? document : { ...document, salesStage: percents[stage] ?? stage };
    if (isEmpty && isObject(left.customerProfile ?? null)) left = withAt(left, "customerProfile.ids", {});
    if (value !== undefined) left = withAt(left, "details.dealValue", value);
    return left;
  };
  const linksOf = (row: ReferralRecord, isItem: boolean): JsonObject => {
    const isLive = world.settings().wire.links === "live";
    // The documents misspell the address of one referral, and not that of a list's items.
    const base = `https://api.partner.microsoft.com/v1.0/${isLive || isItem ? "engagements" : "engagments"}/referrals`;
    const id = isLive ? row.engagementId : `'${row.engagementId}'`;
    return {
      relatedReferrals: { uri: `${base}?$filter=engagementId eq ${id}`, method: "GET" },
      self: { uri: `${base}/${row.id}`, method: "GET" },
    };
  };
  return {
    view: (row: ReferralRecord, version: Version, how: "resource" | "item"): JsonObject => {
      const isItem = how === "item";
      const { organizationId = null, organizationName = null, ...document } = shaped(version.document, isItem);
      const hasTag = !isItem || world.settings().listing.eTag;
      return {
        id: row.id,
        engagementId: row.engagementId,
        organizationId,
        organizationName,
        ...document,
        createdDateTime: row.createdAt,
        updatedDateTime: version.modifiedAt,
        direction: row.direction,
        ...(hasTag ? { eTag: version.etag } : {}),
        links: linksOf(row, isItem),
      };
    },
  };
};
export type Views = ReturnType<typeof createViews>;

/** The document with its members changed; dotted paths, null removes one. */
export const withChanges = (document: JsonObject, changes: Readonly<Record<string, Json>>): JsonObject =>
  Object.entries(changes).reduce<JsonObject>(
    (left, [path, value]) => withAt(left, path, value === null ? undefined : value),
    document,
  );
export const withStatus = (document: JsonObject, status: string, substatus: string): JsonObject => ({
  ...document,
  status,
  substatus,
});
export const trackingOf = (document: JsonObject): JsonObject => objectAt(document, "trackingInfo");
