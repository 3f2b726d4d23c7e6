/** A record as an observation keeps it: our own referral and those related to it, raw and by their schema. */
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../../src/domain/deal.ts";
import { referralSchema, type WireReferral } from "./wire.ts";

const bodySchema = z.object({ referral: referralSchema, related: z.array(referralSchema).default([]) });

export interface RecordRead {
  /** Our referral exactly as it came. */
  readonly raw: JsonObject;
  readonly referral: WireReferral;
  readonly related: readonly WireReferral[];
  /** Sent back verbatim in If-Match, quotes included; null where Microsoft gave none. */
  readonly eTag: string | null;
}

/** Reads the body of an observation. Throws on text that we did not write. */
export const readRecord = (body: string): RecordRead => {
  const json: unknown = JSON.parse(body);
  const { referral, related } = bodySchema.parse(json);
  const raw = jsonObjectSchema.parse(z.object({ referral: z.unknown() }).parse(json).referral);
  return { raw, referral, related, eTag: referral.eTag || null };
};
