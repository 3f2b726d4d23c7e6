/** What every call to AWS Marketplace shares: the sender, answers read by their schemas, and lists that are followed by time. */
import * as z from "zod";
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { ClockDep } from "../../../src/ports.ts";
import { earlier, later, timestampSchema } from "../../timestamp.ts";
import { parsedAs } from "../reading.ts";
import type { Target } from "../settings.ts";
import type { MarketplaceOperation, MarketplaceWire } from "./client.ts";

export interface MarketplaceDeps extends ClockDep {
  readonly wire: MarketplaceWire;
  readonly target: Target;
}

/** Items of one page: the most that either API gives. */
export const pageSize = 50;
/** AWS's lists may lag behind its records, and its times are coarser than its records' order. */
const overlapMs = 5 * 60_000;

export const readOf = async <T>(
  { wire }: MarketplaceDeps,
  schema: z.ZodType<T>,
  [operation, body]: readonly [MarketplaceOperation, JsonObject],
): Promise<Result<{ readonly value: T; readonly text: string }>> => {
  const answer = await wire.send(operation, "read", body);
  if (!answer.ok) return failed(answer.fault);
  const value = parsedAs(schema, answer.value, { operation, kind: "read" });
  return value.ok ? ok({ value: value.value, text: answer.value.text }) : value;
};

/** Where a list that is followed by time of change stands. */
const passSchema = z
  .object({
    /** The greatest time seen by finished passes. */
    after: timestampSchema.nullable(),
    /** The greatest time seen by this pass. */
    seen: timestampSchema.nullable(),
    nextToken: z.string().nullable(),
  })
  .catch({ after: null, seen: null, nextToken: null });
export type Pass = z.infer<typeof passSchema>;
export const passOf = (cursor: Json): Pass => passSchema.parse(cursor);

/** From when a pass asks, in whole seconds as both APIs take it; null: from the beginning. Never a clock of ours. */
export const passFrom = ({ after }: Pass): string | null =>
  after === null ? null : earlier(after, overlapMs).replace(/\.\d+Z$/, "Z");

/** The cursor after a page whose records changed at `times`. */
export const passAfter = (
  from: Pass,
  page: { readonly times: readonly (string | null)[]; readonly nextToken: string | null },
): { readonly cursor: Pass; readonly more: boolean } => {
  const valid = page.times.filter((time) => timestampSchema.safeParse(time).success);
  const seen = valid.reduce<string | null>((latest, time) => later(latest, time), from.seen);
  return page.nextToken === null
    ? { cursor: { after: later(from.after, seen), seen: null, nextToken: null }, more: false }
    : { cursor: { after: from.after, seen, nextToken: page.nextToken }, more: true };
};

/** An instant of the Agreement API as ISO 8601 in whole seconds or milliseconds; null: none, or one without end. */
export const instantOf = (value: number | string | null | undefined): string | null => {
  if (value === null || value === undefined) return null;
  const at = typeof value === "number" ? new Date(Math.round(value * 1_000)) : new Date(value);
  // AWS writes 9999-01-01 where an agreement has no end.
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() >= 9999 ? null : at.toISOString();
};
