/** Share rules over HTTP: saving them, their order, their versions. What cannot work is refused at save, with place and remedy. */
import * as z from "zod";
import { programmeOf } from "../../adapters/registry.ts";
import type { JsonObject } from "../domain/deal.ts";
import { checkRule } from "../domain/rule-check.ts";
import { type RuleContent, ruleContentSchema, rulesMax, ruleVersionSchema } from "../domain/share-rule.ts";
import type { Query, Tx } from "../ports.ts";
import { type ShareRule, shareRuleSchema } from "../store/share-rules.ts";
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
import { mergePatch } from "./patch.ts";
import { itemsOf, notFound, ProblemError } from "./problem.ts";

const ignored = z.unknown().optional().describe("read-only: accepted as answered, and ignored");
const { name, enabled, condition, involvement, defaults, sendDefaults } = ruleContentSchema.shape;

/** A rule as the API takes it. */
export const ruleInputSchema = z.strictObject({
  name,
  enabled: enabled.default(true),
  connectionId: idOf("con", "connection").describe("the connection it shares with"),
  condition,
  involvement: involvement.default("co_sell"),
  defaults: defaults.default({}),
  sendDefaults: sendDefaults.default(false),
  id: ignored,
  position: ignored,
  version: ignored,
  authorId: ignored,
  authorName: ignored,
  createdAt: ignored,
  savedAt: ignored,
});
const positionSchema = z.number().int().min(1).max(rulesMax).describe("place in the order, from 1");
const ruleParams = z.strictObject({ id: idOf("srl", "share rule") });

export const ruleExample = {
  name: "Qualified deals in DACH",
  connectionId: "con_0199c0de00007000800000000000a001",
  condition:
    'stage in ["qualified", "technical_validation"] && amount >= 50000 && currency == "EUR" && account.country in ["DE", "AT", "CH"]',
  involvement: "co_sell",
  defaults: { "aws.deliveryModels": ["SaaS or PaaS"] },
  sendDefaults: true,
};

/** The content with its involvement in the programme's words. Throws a problem that names everything the programme refuses. */
export const checkedRule = async (
  deps: AppDeps,
  query: Query,
  input: z.output<typeof ruleInputSchema>,
): Promise<{ readonly content: RuleContent; readonly involvementFields: JsonObject }> => {
  const content = ruleContentSchema.parse(input);
  const refuse = (path: readonly string[], problem: { code: string; message: string; fix: string }): never =>
    refuseAll([{ path, ...problem }]);
  const connection = await deps.store.connections.find(query, content.connectionId);
  if (connection === null) {
    const fix = "Take an id of GET /v1/connections.";
    return refuse(["connectionId"], { code: "unknown", message: "there is no such connection", fix });
  }
  const programme = programmeOf(deps.registry, connection);
  if (programme === null) {
    const message = `the connection ${connection.label} offers no co-sell`;
    return refuse(["connectionId"], { code: "not_allowed", message, fix: "Take a connection that does." });
  }
  const problems = checkRule(content, programme, deps.clock.now());
  if (problems.length > 0) refuseAll(problems);
  return { content, involvementFields: programme.involvement?.(content.involvement) ?? {} };
};

const refuseAll = (problems: ReturnType<typeof checkRule>): never => {
  const errors = problems.map(({ path, ...problem }) => ({
    pointer: path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    field: path.join("."),
    ...problem,
  }));
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  throw new ProblemError("invalid", `${first?.field}: ${first?.message}${more}`, { errors });
};

export const shareRuleEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  createEndpoint(deps),
  readEndpoint(deps),
  versionsEndpoint(deps),
  replaceEndpoint(deps),
  patchEndpoint(deps),
  moveEndpoint(deps),
  removeEndpoint(deps),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/share-rules",
    tag: "Share rules",
    scope: "read",
    summary: "List the share rules in their order",
    description: "Per connection, the first enabled rule whose condition holds decides about a deal.",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(shareRuleSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: pageOf(await deps.store.shareRules.list(deps.db.sql), query),
    }),
  });

const createEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/share-rules",
    tag: "Share rules",
    scope: "write",
    summary: "Save a new share rule",
    description:
      "Deals that arrive or change from now on are decided by it. Deals that are here already are not shared by saving: see the dry run, then POST /v1/share-rules/run.",
    body: ruleInputSchema.extend({ position: positionSchema.nullish().describe("default: last") }),
    bodyExample: ruleExample,
    answers: { 201: { description: "the rule, version 1", schema: shareRuleSchema, headers: ["ETag", "Location"] } },
    problems: ["conflict"],
    handle: async ({ body, caller }) => {
      const rule = await commit(deps, async (tx) => {
        const checked = await checkedRule(deps, tx, body);
        const { shareRules } = deps.store;
        await shareRules.lockAll(tx);
        if ((await shareRules.list(tx)).length >= rulesMax)
          throw new ProblemError("conflict", `There are ${rulesMax} share rules. Delete one first.`);
        const id = await shareRules.create(tx, { ...checked, actorId: caller.actorId }, body.position ?? null);
        return mustFind(deps, tx, id);
      });
      return {
        status: 201,
        body: rule,
        headers: { etag: tagOf(rule.version), location: `/v1/share-rules/${rule.id}` },
      };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/share-rules/{id}",
    tag: "Share rules",
    scope: "read",
    summary: "Read a share rule",
    params: ruleParams,
    answers: {
      200: { description: "the rule; fit to be sent back with PUT", schema: shareRuleSchema, headers: ["ETag"] },
    },
    problems: ["not-found"],
    handle: async ({ params }) => answerOf(await mustFind(deps, deps.db.sql, params.id)),
  });

const versionsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/share-rules/{id}/versions",
    tag: "Share rules",
    scope: "read",
    summary: "All versions of a share rule, newest first, with author and time",
    description: "A version is never changed. Those of a deleted rule stay: shares name them.",
    params: ruleParams,
    query: z.strictObject({
      limit: pageQuery.shape.limit,
      after: z.coerce
        .number()
        .int()
        .min(1)
        .optional()
        .describe("only versions before this one: `next` of the page before"),
    }),
    answers: { 200: { description: "one page", schema: listOf(ruleVersionSchema) } },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      const all = await deps.store.shareRules.versions(deps.db.sql, params.id);
      if (all.length === 0) throw notFound("share rule", params.id);
      const rest = all.filter((version) => query.after === undefined || version.version < query.after);
      const items = rest.slice(0, query.limit);
      const next = rest.length > items.length ? String(items.at(-1)?.version ?? "") : null;
      return { status: 200, body: { items, next } };
    },
  });

const replaceEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PUT",
    path: "/v1/share-rules/{id}",
    tag: "Share rules",
    scope: "write",
    summary: "Save another content of a share rule",
    description:
      "A changed content becomes a new version; the same content again changes nothing. Drafts that the rule made and that have not left follow it.",
    ifMatch: "required",
    params: ruleParams,
    body: ruleInputSchema,
    bodyExample: ruleExample,
    answers: { 200: { description: "the rule as it is now", schema: shareRuleSchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params, body, caller, match }) =>
      answerOf(
        await change(deps, params.id, async (tx, rule) => {
          checkMatch(match, rule.version);
          const checked = await checkedRule(deps, tx, body);
          await deps.store.shareRules.save(tx, rule, { ...checked, actorId: caller.actorId });
        }),
      ),
  });

const patchEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PATCH",
    path: "/v1/share-rules/{id}",
    tag: "Share rules",
    scope: "write",
    summary: "Change some members of a share rule (JSON merge patch, RFC 7396)",
    description: 'For example {"enabled": false}. A default is removed with null.',
    ifMatch: "required",
    mediaTypes: ["application/merge-patch+json", "application/json"],
    params: ruleParams,
    body: z.record(z.string(), z.json()),
    bodyExample: { enabled: false },
    answers: { 200: { description: "the rule as it is now", schema: shareRuleSchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params, body, caller, match }) =>
      answerOf(
        await change(deps, params.id, async (tx, rule) => {
          checkMatch(match, rule.version);
          const parsed = ruleInputSchema.safeParse(mergePatch(rule, body));
          if (!parsed.success) {
            const errors = itemsOf(parsed.error);
            throw new ProblemError("invalid", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
          }
          const checked = await checkedRule(deps, tx, parsed.data);
          await deps.store.shareRules.save(tx, rule, { ...checked, actorId: caller.actorId });
        }),
      ),
  });

const moveEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/share-rules/{id}/move",
    tag: "Share rules",
    scope: "write",
    summary: "Put a share rule to another place in the order",
    description: "The order belongs to no version: a move makes none. A place beyond the last is the last.",
    params: ruleParams,
    body: z.strictObject({ position: positionSchema }),
    bodyExample: { position: 1 },
    answers: { 200: { description: "the rule as it is now", schema: shareRuleSchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params, body, caller }) =>
      answerOf(
        await change(deps, params.id, (tx, rule) =>
          deps.store.shareRules.move(tx, rule.id, body.position, caller.actorId),
        ),
      ),
  });

const removeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "DELETE",
    path: "/v1/share-rules/{id}",
    tag: "Share rules",
    scope: "write",
    summary: "Delete a share rule",
    description: "What it shared stays shared. Drafts of it that have not left are kept back, and say why.",
    ifMatch: "optional",
    params: ruleParams,
    answers: { 200: { description: "the rule as it was", schema: shareRuleSchema } },
    problems: ["not-found"],
    handle: async ({ params, caller, match }) => {
      const rule = await commit(deps, async (tx) => {
        await deps.store.shareRules.lockAll(tx);
        const stored = await mustFind(deps, tx, params.id);
        checkMatch(match, stored.version);
        await deps.store.shareRules.remove(tx, stored, caller.actorId);
        return stored;
      });
      return { status: 200, body: rule };
    },
  });

const answerOf = (rule: ShareRule) => ({ status: 200, body: rule, headers: { etag: tagOf(rule.version) } });

const change = (deps: AppDeps, id: string, work: (tx: Tx, rule: ShareRule) => Promise<void>): Promise<ShareRule> =>
  commit(deps, async (tx) => {
    await deps.store.shareRules.lockAll(tx);
    await work(tx, await mustFind(deps, tx, id));
    return mustFind(deps, tx, id);
  });

const mustFind = async (deps: AppDeps, query: Query, id: string): Promise<ShareRule> => {
  const rule = await deps.store.shareRules.find(query, id);
  if (rule === null) throw notFound("share rule", id);
  return rule;
};
