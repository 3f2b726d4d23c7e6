/** What `--json` prints. */
import * as z from "zod";
import type { Json } from "../domain/deal.ts";

/** `value` as JSON has it: dates as text, members without a value left out. */
export const jsonOf = (value: unknown): Json => z.json().parse(JSON.parse(JSON.stringify(value)));
