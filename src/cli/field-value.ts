/** A field's value as people read it. */
import * as z from "zod";
import type { Json } from "../domain/deal.ts";

const moneySchema = z.strictObject({ amount: z.string(), currency: z.string() });
const tagSchema = z.strictObject({ tag: z.string(), taggedAt: z.string().nullable() });
/** `96500 EUR`, `sourced, 2026-11-22`, a text as it is; an empty value is a dash. */
export const shownValue = (value: Json): string => {
  if (value === null) return "–";
  if (typeof value === "string") return value;
  const money = moneySchema.safeParse(value).data;
  if (money !== undefined) return `${money.amount} ${money.currency}`;
  const tag = tagSchema.safeParse(value).data;
  if (tag !== undefined) return tag.taggedAt === null ? tag.tag : `${tag.tag}, ${tag.taggedAt.slice(0, 10)}`;
  return JSON.stringify(value);
};
