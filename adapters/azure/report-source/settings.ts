/** What a connection needs so that Microsoft's reports of money are fetched. */
import * as z from "zod";
import { analyticsNames } from "./datasets.ts";
import { exportNames } from "./exports.ts";

export const reportsSchema = z.strictObject({
  analytics: z
    .array(z.enum(analyticsNames))
    .max(analyticsNames.length)
    .default(["revenue", "orders"])
    .describe("which data sets of marketplace analytics are fetched, by the application alone (settings.app)"),
  exports: z
    .array(z.enum(exportNames))
    .max(exportNames.length)
    .default([...exportNames])
    .describe("which exports of payouts are fetched, for the user that signed in, with the role Financial contributor"),
  everyHours: z.int().min(4).max(90).default(24).describe("how often each is made; Microsoft takes 4 to 90 hours"),
  linkHosts: z
    .array(z.string().regex(/^[a-z0-9.-]{1,253}$/, "a host's name in lower case"))
    .max(5)
    .default([])
    .describe("hosts that a report's link may name beside Azure's blob storage (*.blob.core.windows.net)"),
});
export type ReportSettings = z.infer<typeof reportsSchema>;
