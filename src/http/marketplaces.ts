/** Which marketplaces this build knows, and what each one asks for. */
import { z } from "zod";
import type { Marketplace } from "../../adapters/contract.ts";
import { capabilitiesOf } from "../../adapters/registry.ts";
import { jsonObjectSchema, marketplaceIdSchema } from "../domain/deal.ts";
import { capabilitiesSchema } from "./connections.ts";
import { type AppDeps, type Endpoint, endpoint, listOf, pageOf, pageQuery } from "./endpoint.ts";

const marketplaceSchema = z.object({
  id: marketplaceIdSchema,
  name: z.string(),
  capabilities: capabilitiesSchema.nullable().describe("of the first connection to it; null while there is none"),
  limits: z.record(z.string(), z.number()).describe("the partner's published quotas and the bounds of one request"),
  settingsSchema: jsonObjectSchema.describe("JSON Schema of a connection's settings"),
  fieldsSchema: jsonObjectSchema.describe("JSON Schema of the fields only this programme asks for"),
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
        return { ...describe(marketplace), capabilities: connection === undefined ? null : openable(deps, connection) };
      });
      return { status: 200, body: { ...page, items } };
    },
  }),
];

const openable = (deps: AppDeps, connection: Parameters<AppDeps["registry"]["open"]>[0]) => {
  try {
    return capabilitiesOf(deps.registry.open(connection));
  } catch {
    return null;
  }
};

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
  rules: marketplace.rules ?? null,
});
