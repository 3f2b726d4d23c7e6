/** Which exceptions a list or a bulk assignment is about, and the bulk assignment. */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import { exceptionStates } from "../domain/machine.ts";
import { decimalToMicros, isCurrency } from "../domain/money.ts";
import type { ExceptionPick } from "../store/exceptions.ts";
import { type AppDeps, commit, type Endpoint, endpoint, rehearse } from "./endpoint.ts";

const dayMs = 86_400_000;
const code = z.string().regex(/^[A-Z][A-Z0-9_]{2,60}$/, "a code such as FEE_MISMATCH");
const listText = z.string().transform((list) => list.split(","));

/** The query parameters that pick exceptions. */
export const pickQuery = {
  type: listText
    .pipe(z.array(code).min(1).max(50))
    .optional()
    .describe("only these codes, separated by commas: FEE_MISMATCH,CLAWBACK"),
  state: listText
    .pipe(z.array(z.enum(exceptionStates)).min(1).max(exceptionStates.length))
    .optional()
    .describe(`only these states, separated by commas: ${exceptionStates.join(", ")}`),
  owner: z.string().min(1).max(200).optional().describe("only what this person has; none: nobody's"),
  marketplace: z.enum(marketplaceIds).optional(),
  subject: z.string().min(1).max(200).optional().describe("only about this id"),
  currency: z.string().refine(isCurrency, "an ISO 4217 code such as USD").optional(),
  minAmount: z
    .string()
    .refine((text) => (decimalToMicros(text) ?? -1n) >= 0n, "a plain decimal such as 1000.00")
    .optional()
    .describe("only from this amount on, whatever the sign; give the currency too"),
  olderThan: z.coerce.number().int().min(0).max(36_500).optional().describe("only older than so many days"),
};
const pickSchema = z.strictObject(pickQuery);
export type PickQuery = z.output<typeof pickSchema>;

export const pickOf = async (deps: AppDeps, query: Partial<PickQuery>): Promise<ExceptionPick> => {
  const today = Math.floor(deps.clock.now().getTime() / dayMs);
  const { type, state, owner, marketplace, subject, currency, minAmount, olderThan } = query;
  return {
    ...(type === undefined ? {} : { codes: type }),
    ...(state === undefined ? {} : { states: state }),
    ...(owner === undefined ? {} : { ownerId: owner === "none" ? null : await ownerNamed(deps, owner) }),
    ...(marketplace === undefined ? {} : { marketplace }),
    ...(subject === undefined ? {} : { subject }),
    ...(currency === undefined ? {} : { currency }),
    ...(minAmount === undefined ? {} : { minMicros: decimalToMicros(minAmount) ?? 0n }),
    ...(olderThan === undefined ? {} : { sinceDayMax: today - olderThan - 1 }),
  };
};

/** An owner by id or by name. One that nobody has is the owner of nothing. */
const ownerNamed = async (deps: AppDeps, owner: string): Promise<string> =>
  (await deps.store.access.findActor(deps.db.sql, owner)) ?? owner;

const shownIdsMax = 200;
export const bulkAssignEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/exceptions/assign",
    tag: "Exceptions",
    scope: "write",
    summary: "Give all exceptions that a filter picks to a person",
    description: "At most 10,000 open ones at once. A dry run counts them and changes nothing.",
    body: z.strictObject({
      filter: pickSchema,
      to: z.string().trim().min(1).max(200),
      reason: z.string().trim().min(1).max(500).optional(),
      dryRun: z.boolean().default(false),
    }),
    bodyExample: { filter: { type: "FEE_MISMATCH", marketplace: "aws" }, to: "Ada Example", dryRun: true },
    answers: {
      200: {
        description: "how many, and the first 200 of them",
        schema: z.object({ assigned: z.number().int(), ids: z.array(z.string()), dryRun: z.boolean() }),
      },
    },
    handle: async ({ body, caller }) => {
      const pick = await pickOf(deps, body.filter);
      const assign = async (tx: Parameters<Parameters<AppDeps["db"]["transaction"]>[0]>[0]) => {
        const ownerId = await deps.store.access.actor(tx, "person", body.to);
        const to = { ownerId, actorId: caller.actorId, reason: body.reason ?? null };
        return deps.store.exceptions.assignAll(tx, pick, to);
      };
      const ids = await (body.dryRun ? rehearse(deps, assign) : commit(deps, assign));
      return { status: 200, body: { assigned: ids.length, ids: ids.slice(0, shownIdsMax), dryRun: body.dryRun } };
    },
  });
