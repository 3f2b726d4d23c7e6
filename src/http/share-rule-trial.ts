/** What share rules would do, and letting them do it: the fields they read, dry runs over all deals, one deal's decision, a run. */
import * as z from "zod";
import { programmeOf, ruleFields } from "../../adapters/registry.ts";
import { conditionGuide } from "../domain/condition.ts";
import { fieldTypes } from "../domain/condition-value.ts";
import { type Connection, marketplaceIdSchema, type Opportunity, syntheticSchema } from "../domain/deal.ts";
import { dealFields } from "../domain/rule-fields.ts";
import { type Decision, type ReadyRule, type Verdict, verdicts } from "../domain/share-decision.ts";
import { dealDefaults, rulesMax, type StandingRule } from "../domain/share-rule.ts";
import type { DealDecisions } from "../store/auto-share.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";
import { checkedRule, ruleExample, ruleInputSchema } from "./share-rules.ts";
import { gapSchema } from "./shares.ts";

/** What the rules make of a deal at one connection. */
export const decisionSchema = z.object({
  connectionId: z.string(),
  connectionLabel: z.string(),
  verdict: z
    .enum(verdicts)
    .describe("would_share: it goes out; blocked: it is kept as a draft with gaps; would_skip: nothing is done"),
  reason: z.string().describe("why, in a sentence or two"),
  rule: z
    .object({ id: z.string().nullable().describe("null: not saved yet"), name: z.string(), version: z.number().int() })
    .nullable()
    .describe("the rule that decides; null when none holds or the deal is shared already"),
  shareId: z.string().nullable().describe("the share that is there already"),
  gaps: z.array(gapSchema),
  synthetic: z.array(syntheticSchema).describe("fields that the rule's defaults would stand in for"),
});
const dealOf = { opportunityId: z.string(), source: z.string(), key: z.string(), title: z.string() };
const decidedSchema = z.object(dealOf).extend(decisionSchema.shape);
const totalsSchema = z.object({
  deals: z.number().int(),
  would_share: z.number().int(),
  would_skip: z.number().int(),
  blocked: z.number().int(),
});
type Totals = z.infer<typeof totalsSchema>;

const fieldSchema = z.object({
  name: z.string(),
  type: z.enum(fieldTypes),
  description: z.string(),
  values: z.array(z.string()).nullable().describe("the only values it takes; null: any"),
  currency: z.string().nullable().describe("for an amount, the field that tells its currency"),
  default: z.boolean().describe("whether a rule may give a default for it"),
});

export const shareRuleTrialEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  fieldsEndpoint(deps),
  dryRunEndpoint(deps),
  runEndpoint(deps),
  decisionsEndpoint(deps),
];

const fieldsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/share-rules/fields",
    tag: "Share rules",
    scope: "read",
    summary: "What conditions may read, and how they are written",
    query: z.strictObject({ marketplace: marketplaceIdSchema.optional().describe("only this programme's own fields") }),
    answers: {
      200: {
        description: "the fields by name, the deal's first",
        schema: z.object({ items: z.array(fieldSchema), guide: z.array(z.string()) }),
      },
    },
    handle: async ({ query }) => {
      const chosen = deps.registry.marketplaces.filter(
        ({ id }) => query.marketplace === undefined || id === query.marketplace,
      );
      const fields = { ...dealFields, ...Object.assign({}, ...chosen.map((one) => ruleFields(one).fields)) };
      const members = new Set(chosen.flatMap((one) => ruleFields(one).memberNames.map((name) => `${one.id}.${name}`)));
      const names = new Set([...Object.keys(fields), ...Object.keys(dealDefaults), ...members]);
      const items = [...names].flatMap((name) => {
        const field: (typeof dealFields)[string] | undefined = fields[name];
        if (field === undefined) return [];
        const { type, description, values, currency } = field;
        const mayDefault = Object.hasOwn(dealDefaults, name) || members.has(name);
        return [{ name, type, description, values: values ?? null, currency: currency ?? null, default: mayDefault }];
      });
      return { status: 200, body: { items, guide: conditionGuide } };
    },
  });

const pageSizes = { dryRun: 200, run: 50 } as const;
const pageBody = (limitMax: number) => ({
  limit: z.number().int().min(1).max(limitMax).default(limitMax).describe(`deals on a page, 1 to ${limitMax}`),
  after: z
    .string()
    .regex(/^opp_[0-9a-f]{32}(\.\d{1,9}){4}$/, "`next` of the page before")
    .nullish()
    .describe("`next` of the page before; it carries the totals along"),
});

const dryRunEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/share-rules/dry-run",
    tag: "Share rules",
    scope: "read",
    summary: "What the rules would do with all deals",
    description:
      "Page by page over all deals, newest first; nothing is changed. Without a rule the saved rules decide. With one, it is judged as a save would judge it, and decides as if it were saved: in the place of the rule `replaces`, or new at `position`.",
    body: z.strictObject({
      rule: ruleInputSchema.optional().describe("a rule to try"),
      replaces: idOf("srl", "share rule that it would replace").optional(),
      position: z.number().int().min(1).max(rulesMax).optional().describe("its place, for a new one; default: last"),
      ...pageBody(pageSizes.dryRun),
    }),
    bodyOptional: true,
    bodyExample: { rule: ruleExample, limit: 100 },
    answers: {
      200: {
        description: "one page: a row for each deal and connection with rules",
        schema: z.object({
          items: z.array(decidedSchema),
          next: z.string().nullable().describe("give it as `after` for the next page; null: no more"),
          totals: totalsSchema.describe("of all pages up to this one"),
        }),
      },
    },
    problems: ["not-found"],
    handle: async ({ body }) => {
      const rules = await readyFor(deps, await tried(deps, body));
      const page = await decidePage(deps, body, rules);
      const items = page.decided.flatMap(({ opportunity, decisions }) =>
        decisions.map((decision) => ({ ...namesOf(opportunity), ...shown(decision) })),
      );
      return { status: 200, body: { items, next: page.next, totals: page.totals } };
    },
  });

const runEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/share-rules/run",
    tag: "Share rules",
    scope: "write",
    summary: "Let the saved rules decide about deals that are here already",
    description:
      "Page by page over all deals, newest first; does what the dry run tells. A deal is shared once, so that a repeat changes nothing.",
    body: z.strictObject(pageBody(pageSizes.run)),
    bodyOptional: true,
    bodyExample: { limit: 50 },
    answers: {
      200: {
        description: "one page: the shares that were opened",
        schema: z.object({
          items: z.array(z.object({ ...dealOf, shareId: z.string(), state: z.string() })),
          next: z.string().nullable().describe("give it as `after` for the next page; null: no more"),
          totals: totalsSchema.describe("what the rules decided, of all pages up to this one"),
        }),
      },
    },
    handle: async ({ body, caller }) => {
      const standing = await deps.store.shareRules.inForce(deps.db.sql);
      const page = await decidePage(deps, body, await readyFor(deps, standing));
      const by = { programmeOf: programmeFor(deps), actorId: caller.actorId };
      const items: unknown[] = [];
      for (const { opportunity, decisions } of page.decided) {
        if (decisions.every((decision) => decision.verdict === "would_skip")) continue;
        const opened = await commit(deps, (tx) => deps.store.autoShare.share(tx, opportunity.id, by));
        items.push(...opened.map(({ id, state }) => ({ ...namesOf(opportunity), shareId: id, state })));
      }
      return { status: 200, body: { items, next: page.next, totals: page.totals } };
    },
  });

const decisionsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/opportunities/{id}/share-decisions",
    tag: "Share rules",
    scope: "read",
    summary: "What the saved rules make of a deal",
    params: z.strictObject({ id: idOf("opp", "deal") }),
    answers: {
      200: {
        description: "one decision for each connection with enabled rules",
        schema: z.object({ items: z.array(decisionSchema) }),
      },
    },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const { sql } = deps.db;
      const opportunity = await deps.store.opportunities.find(sql, params.id);
      if (opportunity === null) throw notFound("deal", params.id);
      const rules = await readyFor(deps, await deps.store.shareRules.inForce(sql));
      const [decided] = await deps.store.autoShare.decide(sql, [opportunity], rules);
      return { status: 200, body: { items: decided?.decisions.map(shown) ?? [] } };
    },
  });

const programmeFor = (deps: AppDeps) => (connection: Connection) => programmeOf(deps.registry, connection);
const readyFor = (deps: AppDeps, rules: readonly StandingRule[]): Promise<readonly ReadyRule[]> =>
  deps.store.autoShare.ready(deps.db.sql, rules, programmeFor(deps));

interface Trial {
  readonly rule?: z.output<typeof ruleInputSchema> | undefined;
  readonly replaces?: string | undefined;
  readonly position?: number | undefined;
}

/** The rules in force, with the one that is tried among them as if it were saved. */
const tried = async (deps: AppDeps, trial: Trial): Promise<readonly StandingRule[]> => {
  const { sql } = deps.db;
  const { shareRules } = deps.store;
  const inForce = await shareRules.inForce(sql);
  const { rule, replaces, position } = trial;
  if (rule === undefined) {
    if (replaces === undefined && position === undefined) return inForce;
    throw new ProblemError("invalid", "rule: replaces and position belong to a rule that is tried; give one.");
  }
  const all = await shareRules.list(sql);
  const replaced = replaces === undefined ? null : (all.find((known) => known.id === replaces) ?? null);
  if (replaces !== undefined && replaced === null) throw notFound("share rule", replaces);
  const checked = await checkedRule(deps, sql, rule);
  const standing: StandingRule = {
    id: replaced?.id ?? null,
    version: (replaced?.version ?? 0) + 1,
    ...checked,
    isDeleted: false,
  };
  const ids: readonly (string | null)[] =
    replaced === null
      ? all.map((known) => known.id).toSpliced((position ?? all.length + 1) - 1, 0, "")
      : all.map((known) => (known.id === replaced.id ? "" : known.id));
  return ids.flatMap((id) => {
    if (id === "") return rule.enabled ? [standing] : [];
    return inForce.find((known) => known.id === id) ?? [];
  });
};

interface Page {
  readonly decided: readonly DealDecisions[];
  readonly next: string | null;
  readonly totals: Totals;
}

const decidePage = async (
  deps: AppDeps,
  at: { readonly limit: number; readonly after?: string | null | undefined },
  rules: readonly ReadyRule[],
): Promise<Page> => {
  const { sql } = deps.db;
  const [after = null, ...before] = at.after?.split(".") ?? [];
  const page = await deps.store.opportunities.list(sql, { after, limit: at.limit });
  const decided = await deps.store.autoShare.decide(sql, page.items, rules);
  const all = decided.flatMap(({ decisions }) => decisions);
  const count = (verdict: Verdict): number => all.filter((decision) => decision.verdict === verdict).length;
  const [deals = 0, share = 0, skip = 0, blocked = 0] = before.map(Number);
  const totals = {
    deals: deals + page.items.length,
    would_share: share + count("would_share"),
    would_skip: skip + count("would_skip"),
    blocked: blocked + count("blocked"),
  };
  const carried = [totals.deals, totals.would_share, totals.would_skip, totals.blocked].join(".");
  return { decided, next: page.next === null ? null : `${page.next}.${carried}`, totals };
};

const namesOf = ({ id, source, key, title }: Opportunity) => ({ opportunityId: id, source, key, title });

const shown = ({ connection, rule, ...decision }: Decision) => ({
  ...decision,
  connectionId: connection.id,
  connectionLabel: connection.label,
  rule: rule === null ? null : { id: rule.id, name: rule.content.name, version: rule.version },
});
