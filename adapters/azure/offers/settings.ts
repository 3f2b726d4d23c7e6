/** What a connection needs for Microsoft's marketplace: who stands behind offers, what is sold, and how buyers are answered. */
import * as z from "zod";
import { appSchema } from "../app-settings.ts";

const guidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const guidSchema = z.string().regex(guidPattern, "a GUID");
const contactSchema = z.email().max(255);

const planSchema = z.strictObject({
  id: z
    .string()
    .regex(/^plan\/\S{1,120}$/, "plan/<product>/<plan>, as GET plan lists it")
    .describe("durable id"),
  planId: z.string().trim().min(1).max(100).describe("your own name of it, as subscriptions state it"),
});
const productSchema = z.strictObject({
  id: z
    .string()
    .regex(/^product\/\S{1,80}$/, "product/<guid>, as GET product lists it")
    .describe("durable id"),
  offerId: z.string().trim().min(1).max(100).describe("your own name of the offer, as subscriptions state it"),
  plans: z.array(planSchema).max(100).default([]),
});

export const marketplaceSchema = z.strictObject({
  preparedBy: contactSchema.describe("e-mail of the person who stands as having prepared an offer; buyers see it"),
  notificationContacts: z
    .array(contactSchema)
    .min(1)
    .max(5)
    .describe("whom Microsoft tells by e-mail what becomes of an offer; it tells no program"),
  products: z
    .array(productSchema)
    .max(200)
    .default([])
    .describe("what you sell: offers may name a product or plan by your own name, and fewer subscriptions are read"),
  app: appSchema
    .exactOptional()
    .describe(
      "the application of your SaaS offers' technical configuration: fulfillment takes no other; default settings.app",
    ),
  webhook: z
    .strictObject({
      audience: guidSchema.describe("application (client) id in the offers' technical configuration"),
      tenantId: guidSchema.describe("tenant id in the offers' technical configuration, a GUID"),
    })
    .exactOptional()
    .describe("what the token of a SaaS webhook must be for; absent: subscriptions are found by sweeps alone"),
  activation: z
    .enum(["accept", "ask"])
    .default("ask")
    .describe(
      "accept: a purchased subscription is activated at once, and billing begins; ask: your own product or a person activates it",
    ),
  planChanges: z
    .enum(["accept", "refuse", "ask"])
    .default("ask")
    .describe(
      "what becomes of a buyer's change of plan or seats. Microsoft accepts by itself what nobody refused within 10 seconds of the webhook's delivery: with ask it stands unless your own product refuses it in time, with refuse it is refused as soon as the webhook comes, and one whose webhook is late may stand all the same",
    ),
});
export type Market = z.infer<typeof marketplaceSchema>;
