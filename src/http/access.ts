/** API keys, and the right to be forgotten. */
import * as z from "zod";
import { apiKeySchema, scopes } from "../store/access.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, listOf, pageOf, pageQuery } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

const keyInput = z.strictObject({
  name: z.string().trim().min(1).max(80).describe("who or what uses it; history shows this name"),
  scopes: z.array(z.enum(scopes)).min(1).max(scopes.length).describe("read, write, admin: each only what it says"),
  expiresAt: z.iso
    .datetime()
    .refine((text) => text < "2200", "a time before 2200")
    .nullish()
    .describe("null: does not expire"),
});

export const accessEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listKeysEndpoint(deps),
  makeKeyEndpoint(deps),
  revokeKeyEndpoint(deps),
  forgetEndpoint(deps),
];

const listKeysEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/keys",
    tag: "Access",
    scope: "admin",
    summary: "List API keys, newest first",
    query: pageQuery,
    answers: { 200: { description: "one page; a key's secret is never shown again", schema: listOf(apiKeySchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: pageOf(await deps.store.access.listKeys(deps.db.sql), query),
    }),
  });

const makeKeyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/keys",
    tag: "Access",
    scope: "admin",
    summary: "Make an API key",
    body: keyInput,
    bodyExample: { name: "nightly import", scopes: ["read", "write"], expiresAt: "2027-01-01T00:00:00Z" },
    answers: {
      201: {
        description: "the key; its secret is shown once",
        schema: z.object({ key: apiKeySchema, secret: z.string().nullable().describe("null in a repeated answer") }),
      },
    },
    handle: async ({ body }) => {
      const expiresAt = body.expiresAt ? new Date(body.expiresAt) : null;
      if (expiresAt !== null && expiresAt <= deps.clock.now())
        throw new ProblemError("invalid", "expiresAt: lies in the past", {
          errors: [{ pointer: "/expiresAt", field: "expiresAt", code: "in_the_past", message: "lies in the past" }],
        });
      const made = await commit(deps, async (tx) => {
        const actorId = await deps.store.access.actor(tx, "service", body.name);
        return deps.store.access.createKey(tx, {
          actorId,
          name: body.name,
          scopes: [...new Set(body.scopes)],
          expiresAt,
        });
      });
      return { status: 201, body: made, replayBody: { ...made, secret: null } };
    },
  });

const revokeKeyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "DELETE",
    path: "/v1/keys/{id}",
    tag: "Access",
    scope: "admin",
    summary: "Revoke an API key",
    params: z.strictObject({ id: idOf("key", "key") }),
    answers: { 200: { description: "the revoked key; revoking it again changes nothing", schema: apiKeySchema } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const revoked = await commit(deps, (tx) => deps.store.access.revokeKey(tx, params.id));
      if (revoked === null) throw notFound("key", params.id);
      return { status: 200, body: revoked };
    },
  });

const forgetEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/forget",
    tag: "Access",
    scope: "admin",
    summary: "Erase a person",
    description:
      "Erases every contact with this e-mail address and every kept body that may repeat it. Deals, shares, history and money stay. At the partner nothing is erased: ask them.",
    body: z.strictObject({ email: z.string().trim().min(3).max(254).describe("the person's e-mail address") }),
    bodyExample: { email: "person@customer.example" },
    answers: {
      200: {
        description: "how many of each were erased",
        schema: z.object({ contacts: z.number().int(), bodies: z.number().int(), requests: z.number().int() }),
      },
    },
    handle: async ({ body }) => ({
      status: 200,
      body: await commit(deps, async (tx) => {
        const erased = await deps.store.contacts.forget(tx, body.email);
        await deps.store.tasks.fillErased(tx);
        return erased;
      }),
    }),
  });
