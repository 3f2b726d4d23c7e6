/** Rules that answer invitations, over HTTP: written, tried, changed with their versions kept. */
import * as z from "zod";
import {
  type AnswerRule,
  answerActions,
  answerFields,
  answerRecord,
  answerRuleSchema,
  decide,
  refuseRule,
} from "../domain/answer-rule.ts";
import type { Query } from "../ports.ts";
import { answerRuleVersionSchema } from "../store/answer-rules.ts";
import {
  type AppDeps,
  checkMatch,
  commit,
  type Endpoint,
  endpoint,
  idOf,
  listOf,
  pageOf,
  pageQuery,
  tagOf,
} from "./endpoint.ts";
import { invitationsOf, mustFindConnection } from "./invitation-answers.ts";
import { notFound, ProblemError } from "./problem.ts";

const ruleParams = z.strictObject({ id: idOf("anr", "rule") });
const ruleInputSchema = z.strictObject({
  position: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(100)
    .describe("rules are tried in this order, smallest first"),
  name: z.string().trim().min(1).max(120),
  condition: z
    .string()
    .max(2_000)
    .describe(
      'a condition in CEL over what is known before acceptance, for example country == "DE" && candidates == 0',
    ),
  action: z
    .enum(answerActions)
    .describe(
      "accept_as_new: accept and open a new deal; reject; leave: leave it to a person, and try no further rule",
    ),
  reason: z.string().min(1).max(80).nullable().default(null).describe("code of the reason, for a rejection only"),
});
const ruleExample = {
  position: 10,
  name: "Industries we do not serve",
  condition: 'industry in ["Gaming", "Mining"]',
  action: "reject",
  reason: "unable_to_support",
};
const waitingMax = 500;

export const answerRuleEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  createEndpoint(deps),
  fieldsEndpoint(),
  tryEndpoint(deps),
  readEndpoint(deps),
  replaceEndpoint(deps),
  removeEndpoint(deps),
  versionsEndpoint(deps),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/answer-rules",
    tag: "Answer rules",
    scope: "read",
    summary: "List the rules that answer invitations, in the order in which they are tried",
    query: pageQuery.extend({ connection: idOf("con", "connection").optional() }),
    answers: { 200: { description: "one page", schema: listOf(answerRuleSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: pageOf(await deps.store.answerRules.list(deps.db.sql, query.connection), query),
    }),
  });

const createEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/answer-rules",
    tag: "Answer rules",
    scope: "write",
    summary: "Write a rule that answers invitations of a connection",
    description:
      "Applied to invitations that arrive from now on: the first rule whose condition holds decides. Without a rule that holds a person decides; nothing is ever accepted by default, and a rule that would accept everything is refused.",
    body: ruleInputSchema.extend({ connectionId: idOf("con", "connection") }),
    bodyExample: { connectionId: "con_0199c0de00007000800000000000a001", ...ruleExample },
    answers: { 201: { description: "the rule", schema: answerRuleSchema, headers: ["ETag", "Location"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ body, caller }) => {
      const rule = await commit(deps, async (tx) => {
        await check(deps, tx, body);
        return deps.store.answerRules.create(tx, body, caller.actorId);
      });
      return {
        status: 201,
        body: rule,
        headers: { etag: tagOf(rule.version), location: `/v1/answer-rules/${rule.id}` },
      };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/answer-rules/{id}",
    tag: "Answer rules",
    scope: "read",
    summary: "Read a rule",
    params: ruleParams,
    answers: { 200: { description: "the rule", schema: answerRuleSchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const rule = await deps.store.answerRules.find(deps.db.sql, params.id);
      if (rule === null) throw notFound("rule", params.id);
      return { status: 200, body: rule, headers: { etag: tagOf(rule.version) } };
    },
  });

const replaceEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PUT",
    path: "/v1/answer-rules/{id}",
    tag: "Answer rules",
    scope: "write",
    summary: "Change a rule: a new version, the old ones are kept",
    ifMatch: "required",
    params: ruleParams,
    body: ruleInputSchema,
    bodyExample: ruleExample,
    answers: { 200: { description: "the rule", schema: answerRuleSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller, match }) => {
      const rule = await commit(deps, async (tx) => {
        const stored = await mustLock(deps, tx, params.id);
        checkMatch(match, stored.version);
        await check(deps, tx, { ...body, connectionId: stored.connectionId });
        return deps.store.answerRules.change(tx, stored, body, caller.actorId);
      });
      return { status: 200, body: rule, headers: { etag: tagOf(rule.version) } };
    },
  });

const removeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "DELETE",
    path: "/v1/answer-rules/{id}",
    tag: "Answer rules",
    scope: "write",
    summary: "Take a rule out of force; answers it gave still name it",
    ifMatch: "optional",
    params: ruleParams,
    answers: { 200: { description: "the rule as it was", schema: answerRuleSchema } },
    problems: ["not-found"],
    handle: async ({ params, caller, match }) => {
      const rule = await commit(deps, async (tx) => {
        const stored = await mustLock(deps, tx, params.id);
        checkMatch(match, stored.version);
        await deps.store.answerRules.remove(tx, stored, caller.actorId);
        return stored;
      });
      return { status: 200, body: rule };
    },
  });

const versionsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/answer-rules/{id}/versions",
    tag: "Answer rules",
    scope: "read",
    summary: "Every version a rule ever had, newest first, also of one that was removed",
    params: ruleParams,
    answers: { 200: { description: "all of them", schema: z.object({ items: z.array(answerRuleVersionSchema) }) } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const items = await deps.store.answerRules.listVersions(deps.db.sql, params.id);
      if (items.length === 0) throw notFound("rule", params.id);
      return { status: 200, body: { items } };
    },
  });

const fieldSchema = z.object({
  name: z.string(),
  type: z.string(),
  description: z.string(),
  values: z.array(z.string()).optional(),
});
const fieldsEndpoint = (): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/answer-rules/fields",
    tag: "Answer rules",
    scope: "read",
    summary: "What a condition may read",
    answers: { 200: { description: "all fields", schema: z.object({ items: z.array(fieldSchema) }) } },
    handle: async () => ({
      status: 200,
      body: {
        items: Object.entries(answerFields).map(([name, { type, description, values }]) => ({
          name,
          type,
          description,
          ...(values === undefined ? {} : { values }),
        })),
      },
    }),
  });

const trialSchema = z.object({
  items: z.array(
    z.object({
      invitationId: z.string(),
      remoteId: z.string().describe("the partner's id of it"),
      title: z.string().nullable(),
      ruleId: z.string().nullable().describe("null: no rule holds, so a person decides"),
      ruleVersion: z.number().int().nullable(),
      ruleName: z.string().nullable(),
      action: z.enum(answerActions).nullable(),
      reason: z.string().nullable(),
    }),
  ),
});
const tryEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/answer-rules/dry-run",
    tag: "Answer rules",
    scope: "read",
    summary: "What the rules of a connection would do with the invitations that wait now; nothing is answered",
    body: z.strictObject({
      connectionId: idOf("con", "connection"),
      rule: ruleInputSchema.optional().describe("tried besides the rules in force, as if it were saved"),
    }),
    bodyExample: { connectionId: "con_0199c0de00007000800000000000a001", rule: ruleExample },
    answers: { 200: { description: "one row per waiting invitation", schema: trialSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ body }) => {
      const { sql } = deps.db;
      const now = deps.clock.now();
      if (body.rule !== undefined) await check(deps, sql, { ...body.rule, connectionId: body.connectionId });
      const trial: readonly AnswerRule[] =
        body.rule === undefined
          ? []
          : [
              {
                ...body.rule,
                id: "anr_tried",
                connectionId: body.connectionId,
                version: 0,
                createdAt: now,
                updatedAt: now,
              },
            ];
      const rules = [...(await deps.store.answerRules.list(sql, body.connectionId)), ...trial];
      const waiting = await deps.store.invitations.list(sql, {
        after: null,
        limit: waitingMax,
        states: ["received"],
        connectionId: body.connectionId,
      });
      const items = waiting.items.map((invitation) => {
        const rule = decide(rules, answerRecord(invitation, invitation.candidates, now));
        const isTrial = rule?.version === 0;
        return {
          invitationId: invitation.id,
          remoteId: invitation.remoteId,
          title: invitation.facts.title,
          ruleId: rule === null || isTrial ? null : rule.id,
          ruleVersion: rule === null || isTrial ? null : rule.version,
          ruleName: rule?.name ?? null,
          action: rule?.action ?? null,
          reason: rule?.reason ?? null,
        };
      });
      return { status: 200, body: { items } };
    },
  });

type Written = z.output<typeof ruleInputSchema> & { readonly connectionId: string };

/** Refuses what may not be saved, with place and remedy. */
const check = async (deps: AppDeps, query: Query, rule: Written): Promise<void> => {
  const connection = await mustFindConnection(deps, query, rule.connectionId);
  const { reasons } = invitationsOf(deps, connection);
  const refusal = refuseRule(
    rule,
    reasons.map((reason) => reason.code),
  );
  if (refusal === null) return;
  const { field, code, message } = refusal;
  throw new ProblemError("invalid", `${field}: ${message}`, {
    errors: [{ pointer: `/${field}`, field, code, message }],
  });
};

const mustLock = async (deps: AppDeps, tx: Query, id: string): Promise<AnswerRule> => {
  const rule = await deps.store.answerRules.lock(tx, id);
  if (rule === null) throw notFound("rule", id);
  return rule;
};
