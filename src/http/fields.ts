/** Where each value of a deal comes from, and who may change which field. */
import * as z from "zod";
import type { Json } from "../domain/deal.ts";
import {
  decisions,
  defaultRule,
  holderOf,
  inOrder,
  type Rule,
  ruledFields,
  ruleFor,
  ruleSchema,
  type Said,
  type Side,
  same,
  sides,
} from "../domain/fields.ts";
import type { Authority } from "../store/statements.ts";
import { type AppDeps, checkMatch, commit, type Endpoint, endpoint, idOf, listOf, tagOf } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

const wordSchema = z.object({
  side: z.enum(sides).describe("crm: the CRM's import; ours: a person or key here; partner: their record"),
  source: z.string().describe("crm:<name>, cosell, or the connection's id"),
  value: z.json().describe("null: says it is empty"),
  actorId: z.string(),
  actorName: z.string(),
  at: z.iso.datetime().describe("when that side said so first"),
});
const otherWordSchema = wordSchema.extend({
  agrees: z.boolean().describe("says what the deal has"),
  reason: z.string().nullable().describe("why the deal has another value; null where it agrees"),
});
const ruleShape = {
  sides: z.array(z.enum(sides)).describe("who may change it; whose change wins, first to last"),
  decides: z.enum(decisions),
};
const fieldSchema = z.object({
  field: z.string().describe("for example closeDate, account.city or aws.useCase"),
  value: z.json().describe("what the deal has; null: empty. People are only counted"),
  rule: z.object(ruleShape),
  from: wordSchema.nullable().describe("who set it; null: another deal of the company, or before this was kept"),
  others: z.array(otherWordSchema).describe("what the other sides say"),
  conflict: z.boolean().describe("another side says something else"),
});

const authoritySchema = z.object({
  version: z.number().int().describe("0: nobody has changed the defaults"),
  changedAt: z.date().nullable(),
  changedBy: z.string().nullable().describe("name of who made this version"),
  rules: z.array(
    z.object({
      field: z.enum(ruledFields),
      source: z.string().nullable().describe("only deals of this CRM; null: all deals"),
      ...ruleShape,
      isDefault: z.boolean(),
    }),
  ),
});
const authorityInput = z.strictObject({
  rules: z
    .array(ruleSchema)
    .max(1000)
    .describe("the rules that differ from the defaults: a field left out follows its default"),
});
const authorityExample = {
  rules: [{ field: "closeDate", source: "salesforce", sides: ["crm", "ours"], decides: "order" }],
};

export const fieldEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  fieldsEndpoint(deps),
  readAuthorityEndpoint(deps),
  putAuthorityEndpoint(deps),
];

const fieldsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/opportunities/{id}/fields",
    tag: "Deals",
    scope: "read",
    summary: "Where each value of a deal comes from, and what the other sides say",
    params: z.strictObject({ id: idOf("opp", "deal") }),
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(200).default(100).describe("fields on a page, 1 to 200"),
      after: z.string().min(1).max(4000).optional().describe("`next` of the page before"),
      conflict: z.enum(["true", "false"]).optional().describe("true: only fields on which the sides differ"),
    }),
    answers: { 200: { description: "one page, in the order in which a deal is read", schema: listOf(fieldSchema) } },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      const all = (await fieldsOfDeal(deps, params.id)).filter(
        ({ conflict }) => query.conflict === undefined || conflict === (query.conflict === "true"),
      );
      const from = query.after === undefined ? 0 : all.findIndex(({ field }) => field === query.after) + 1;
      if (query.after !== undefined && from === 0)
        throw new ProblemError("bad-query", "after: no such field in this list; start again without it");
      const items = all.slice(from, from + query.limit);
      return {
        status: 200,
        body: { items, next: from + query.limit < all.length ? (items.at(-1)?.field ?? null) : null },
      };
    },
  });

const readAuthorityEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/field-authority",
    tag: "Deals",
    scope: "read",
    summary: "Who may change which field, and who wins where two did",
    answers: {
      200: {
        description: "a rule for every field; rules for one CRM follow",
        schema: authoritySchema,
        headers: ["ETag"],
      },
    },
    handle: async () => authorityAnswer(await deps.store.statements.readAuthority(deps.db.sql)),
  });

const putAuthorityEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PUT",
    path: "/v1/field-authority",
    tag: "Deals",
    scope: "admin",
    summary: "Say who may change which field",
    description:
      "Replaces the rules made so far; a field left out follows its default. Deals are not judged again: the rules hold for the next change.",
    ifMatch: "required",
    body: authorityInput,
    bodyExample: authorityExample,
    answers: { 200: { description: "all rules as they are now", schema: authoritySchema, headers: ["ETag"] } },
    handle: async ({ body, caller, match }) => {
      refuseRepeated(body.rules);
      const authority = await commit(deps, async (tx) => {
        const { statements } = deps.store;
        const { version } = await statements.readAuthority(tx);
        checkMatch(match, version);
        const made = await statements.putAuthority(tx, {
          rules: body.rules,
          expected: version,
          actorId: caller.actorId,
        });
        if (made === null)
          throw new ProblemError("version-changed", "Somebody else was first. Read it again, then repeat your change.");
        return made;
      });
      return authorityAnswer(authority);
    },
  });

const refuseRepeated = (rules: readonly Rule[]): void => {
  const errors = rules.flatMap((rule, index) => {
    const first = rules.findIndex((other) => other.field === rule.field && other.source === rule.source);
    if (first === index) return [];
    const at = { pointer: `/rules/${index}/field`, field: `rules.${index}.field`, code: "repeated" };
    return [{ ...at, message: `the same field and source as rules.${first}`, fix: "remove one of the two" }];
  });
  if (errors.length > 0) throw new ProblemError("invalid", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
};

const authorityAnswer = ({ rules, ...authority }: Authority) => {
  const forAll = ruledFields.map((field) => {
    const made = rules.find((rule) => rule.field === field && rule.source === null);
    return { ...(made ?? defaultRule(field)), isDefault: made === undefined };
  });
  const forOne = ruledFields.flatMap((field) =>
    rules
      .filter((rule) => rule.field === field && rule.source !== null)
      .toSorted((a, b) => ((a.source ?? "") < (b.source ?? "") ? -1 : 1))
      .map((rule) => ({ ...rule, isDefault: false })),
  );
  return {
    status: 200,
    body: { ...authority, rules: [...forAll, ...forOne] },
    headers: { etag: tagOf(authority.version) },
  };
};

/** Why the deal does not have what that side says. */
const reasonOf = (
  word: { readonly side: Side; readonly at: string },
  { rule, holder }: { readonly rule: Rule; readonly holder: { readonly side: Side; readonly at: string } | null },
): string => {
  if (!rule.sides.includes(word.side)) return `only ${rule.sides.join(" and ")} may change it`;
  if (holder === null) return "it was set otherwise, for example by another deal of the company";
  return word.at > holder.at ? `${holder.side} goes first` : `${holder.side} changed it later`;
};

/** People are counted; their mark stays inside. */
const shown = (field: string, value: Json | undefined): Json =>
  field === "contacts" && typeof value === "object" && value !== null && "count" in value
    ? (value.count ?? null)
    : (value ?? null);

const fieldsOfDeal = async (
  deps: AppDeps,
  id: string,
): Promise<readonly { readonly field: string; readonly conflict: boolean }[]> => {
  const { opportunities, statements } = deps.store;
  const { sql } = deps.db;
  const deal = await opportunities.find(sql, id);
  if (deal === null) throw notFound("deal", id);
  const { fields, said, rules } = await opportunities.known(sql, deal);
  const actorIds = new Set(said.flatMap((one) => Object.values(one.fields).map(({ actorId }) => actorId)));
  const names = await statements.actorNames(sql, [...actorIds]);
  const fixed = ruledFields.filter((field) => field !== "programmes");
  const all = inOrder(new Set([...fixed, ...fields.keys(), ...said.flatMap((one) => Object.keys(one.fields))]));
  return all.map((field) => {
    const current = fields.get(field);
    const rule = ruleFor(rules, deal.source, field);
    const holder = holderOf(said, field, current);
    const wordOf = ({ side, source, fields: entries }: Said) => {
      const entry = entries[field];
      if (entry === undefined) return null;
      const { at, actorId } = entry;
      return { side, source, value: shown(field, entry.value), actorId, actorName: names.get(actorId) ?? "", at };
    };
    const others = said.flatMap((one) => {
      const word = one.source === holder?.source ? null : wordOf(one);
      if (word === null) return [];
      const agrees = same(field, one.fields[field]?.value, current);
      return [{ ...word, agrees, reason: agrees ? null : reasonOf(word, { rule, holder }) }];
    });
    const from = holder === null ? null : wordOf(holder);
    const conflict = others.some(({ agrees }) => !agrees);
    const { sides: list, decides } = rule;
    return { field, value: shown(field, current), rule: { sides: list, decides }, from, others, conflict };
  });
};
