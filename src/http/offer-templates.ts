/** Templates of offers over HTTP. */
import * as z from "zod";
import { jsonObjectSchema, marketplaceIdSchema } from "../domain/deal.ts";
import { offerTermsSchema } from "../domain/offer.ts";
import { withoutBuyer } from "../domain/offer-draft.ts";
import { offerTemplateSchema } from "../store/offer-templates.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, listOf, pageOf, pageQuery } from "./endpoint.ts";
import { itemsOf, notFound, ProblemError } from "./problem.ts";

export const offerTemplateEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/offer-templates",
    tag: "Offers",
    scope: "read",
    summary: "List the templates of offers",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(offerTemplateSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: pageOf(await deps.store.offerTemplates.list(deps.db.sql), query),
    }),
  }),
  endpoint({
    method: "POST",
    path: "/v1/offer-templates",
    tag: "Offers",
    scope: "write",
    summary: "Save a template",
    description:
      "Any part of an offer's terms: the listing, the contract, payment terms. The same name for the same marketplace replaces it. A buyer's account is left out.",
    body: z.strictObject({
      name: z.string().trim().min(1).max(100),
      marketplace: marketplaceIdSchema,
      terms: jsonObjectSchema,
    }),
    bodyExample: {
      ...{ name: "Standard, net 30", marketplace: "aws" },
      terms: { product: "prod-abcdefgh1234", legal: { kind: "standard" }, netDays: 30 },
    },
    answers: { 201: { description: "the template", schema: offerTemplateSchema } },
    problems: ["invalid"],
    handle: async ({ body }) => {
      const terms = withoutBuyer(body.terms);
      const parsed = offerTermsSchema.partial().safeParse(terms);
      if (!parsed.success) {
        const errors = itemsOf(parsed.error).map((item) => ({
          ...item,
          pointer: `/terms${item.pointer ?? ""}`,
          field: item.field ? `terms.${item.field}` : "terms",
        }));
        throw new ProblemError("invalid", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
      }
      const template = await commit(deps, (tx) => deps.store.offerTemplates.save(tx, { ...body, terms }));
      return { status: 201, body: template };
    },
  }),
  endpoint({
    method: "DELETE",
    path: "/v1/offer-templates/{id}",
    tag: "Offers",
    scope: "write",
    summary: "Remove a template",
    params: z.strictObject({ id: idOf("otp", "template") }),
    answers: { 204: { description: "it is gone; offers drafted from it stay" } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      if (!(await commit(deps, (tx) => deps.store.offerTemplates.remove(tx, params.id))))
        throw notFound("template", params.id);
      return { status: 204 };
    },
  }),
];
