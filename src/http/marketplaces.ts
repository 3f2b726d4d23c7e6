/** Which marketplaces this build knows, and what each one asks for. */
import * as z from "zod";
import type { Marketplace } from "../../adapters/contract.ts";
import { jsonObjectSchema, marketplaceIdSchema } from "../domain/deal.ts";
import { exampleOffer, offerOf, offerShape } from "./capabilities.ts";
import { type AppDeps, type Endpoint, endpoint, listOf, pageOf, pageQuery } from "./endpoint.ts";

const marketplaceSchema = z.object({
  id: marketplaceIdSchema,
  name: z.string(),
  ...offerShape,
  connection: z
    .object({ id: z.string(), label: z.string() })
    .nullable()
    .describe(
      "whose capabilities these are: the first connection's; null: there is none, and they are those of `example`",
    ),
  example: z
    .object({ account: z.string(), settings: jsonObjectSchema })
    .describe("a seller's account and settings with everything set up that can be"),
  limits: z.record(z.string(), z.number()).describe("the partner's published quotas and the bounds of one request"),
  settingsSchema: jsonObjectSchema.describe("JSON Schema of a connection's settings"),
  fieldsSchema: jsonObjectSchema.describe("JSON Schema of the fields only this programme asks for"),
  offerFieldsSchema: jsonObjectSchema
    .nullable()
    .describe(
      "JSON Schema of terms.fields of a private offer at this marketplace; null when it asks for nothing of its own",
    ),
  rules: z.json().describe("what the programme refuses, with the source of each rule; null when it publishes none"),
});

export const marketplaceEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/marketplaces",
    tag: "Marketplaces",
    scope: "read",
    summary: "List the marketplaces and what each asks for",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(marketplaceSchema) } },
    handle: async ({ query }) => {
      const page = pageOf(deps.registry.marketplaces, query);
      const connections = await deps.store.connections.list(deps.db.sql);
      const items = page.items.map((marketplace) => {
        const connection = connections.find((known) => known.marketplace === marketplace.id);
        return connection === undefined
          ? { ...describe(marketplace), ...exampleOffer(deps, marketplace), connection: null }
          : {
              ...describe(marketplace),
              ...offerOf(deps, connection),
              connection: { id: connection.id, label: connection.label },
            };
      });
      return { status: 200, body: { ...page, items } };
    },
  }),
];

const described = new WeakMap<Marketplace, ReturnType<typeof describeOnce>>();
const describe = (marketplace: Marketplace): ReturnType<typeof describeOnce> => {
  const known = described.get(marketplace) ?? describeOnce(marketplace);
  described.set(marketplace, known);
  return known;
};

const describeOnce = (marketplace: Marketplace) => ({
  id: marketplace.id,
  name: marketplace.name,
  limits: marketplace.limits,
  settingsSchema: z.toJSONSchema(marketplace.settings, { io: "input", unrepresentable: "any" }),
  fieldsSchema: z.toJSONSchema(marketplace.fields, { io: "input", unrepresentable: "any" }),
  offerFieldsSchema:
    marketplace.offerFields === undefined
      ? null
      : z.toJSONSchema(marketplace.offerFields, { io: "input", unrepresentable: "any" }),
  rules: marketplace.rules ?? null,
  example: marketplace.example,
});
