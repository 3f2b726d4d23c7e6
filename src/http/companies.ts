/** The companies in the deals, over HTTP. */
import * as z from "zod";
import { accountSchema } from "../domain/deal.ts";
import { partnerSchema } from "../store/companies.ts";
import { type AppDeps, type Endpoint, endpoint, idOf, listOf, pageOf, pageQuery } from "./endpoint.ts";
import { notFound } from "./problem.ts";

/** Accounts and partners: read-only here, they come with the deals. */
export const companyEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/accounts",
    tag: "Companies",
    scope: "read",
    summary: "List customer companies, newest first",
    query: pageQuery.extend({ text: z.string().min(1).max(200).optional().describe("part of the name, in any case") }),
    answers: { 200: { description: "one page", schema: listOf(accountSchema) } },
    handle: async ({ query }) => {
      const { limit, after, text } = query;
      const filter = { limit, after: after ?? null, ...(text === undefined ? {} : { text }) };
      return { status: 200, body: await deps.store.opportunities.listAccounts(deps.db.sql, filter) };
    },
  }),
  endpoint({
    method: "GET",
    path: "/v1/accounts/{id}",
    tag: "Companies",
    scope: "read",
    summary: "Read a customer company",
    params: z.strictObject({ id: idOf("acc", "account") }),
    answers: { 200: { description: "the company", schema: accountSchema } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const account = await deps.store.opportunities.findAccount(deps.db.sql, params.id);
      if (account === null) throw notFound("account", params.id);
      return { status: 200, body: account };
    },
  }),
  endpoint({
    method: "GET",
    path: "/v1/partners",
    tag: "Companies",
    scope: "read",
    summary: "List partner companies by name",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(partnerSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: pageOf(await deps.store.opportunities.listPartners(deps.db.sql), query),
    }),
  }),
];
