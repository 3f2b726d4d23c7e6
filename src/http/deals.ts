/** Deals over HTTP: read, save, replace, patch, their history and the evidence that a partner acted. */
import * as z from "zod";
import {
  accountInputSchema,
  accountSchema,
  contactSchema,
  dateSchema,
  type Opportunity,
  type OpportunityInput,
  opportunityInputSchema,
  opportunitySchema,
} from "../domain/deal.ts";
import { decimalToMicros } from "../domain/money.ts";
import type { Tx } from "../ports.ts";
import { touchKinds, touchSchema, type WholeDeal } from "../store/opportunities.ts";
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
import { historyEndpoint } from "./history.ts";
import { mergePatch } from "./patch.ts";
import { itemsOf, notFound, ProblemError } from "./problem.ts";

const ignored = z.unknown().optional().describe("read-only: accepted as answered, and ignored");
const microsMax = 9_223_372_036_854_775_807n;
const inYears = (from: string, to: string) => (text: string) => text >= from && text < to;

/** A deal as the API takes it: members it does not know are refused by name, so that a misspelt one is not lost. */
export const dealInputSchema = opportunityInputSchema
  .extend({
    account: accountInputSchema
      .extend({ id: ignored, domain: ignored, createdAt: ignored, updatedAt: ignored })
      .strict(),
    contacts: z.array(contactSchema.strict()).max(20).default([]),
    closeDate: dateSchema
      .refine(inYears("1900", "2200"), "a day from 1900 to 2199")
      .nullish()
      .describe("expected close, YYYY-MM-DD"),
    taggedAt: z.iso
      .datetime()
      .refine(inYears("1900", "2200"), "a time from 1900 to 2199")
      .nullish()
      .describe("when the tag was given; default: now, when a tag is given"),
    amount: opportunityInputSchema.shape.amount.refine((amount) => {
      const micros = amount ? decimalToMicros(amount.amount) : 0n;
      return micros === null || (micros <= microsMax && micros >= -microsMax);
    }, "at most 9223372036854.77 currency units"),
    id: ignored,
    accountId: ignored,
    partnerId: ignored,
    version: ignored,
    createdAt: ignored,
    updatedAt: ignored,
  })
  .strict();

export const dealSchema = opportunitySchema.extend({
  account: accountSchema,
  partner: z.string().nullable().describe("name of the other company in this deal"),
});
export const dealWithContactsSchema = dealSchema.extend({ contacts: z.array(contactSchema) });

export const dealExample = {
  source: "salesforce",
  key: "006Hs00001ABCDE",
  title: "Order platform on AWS",
  account: { name: "Example Foods GmbH", website: "https://foods.example", country: "DE" },
  contacts: [{ role: "owner", email: "seller@vendor.example", firstName: "Sam", lastName: "Seller" }],
  problem: "Orders are planned by hand and arrive late in two of three regions.",
  stage: "qualified",
  closeDate: "2027-03-31",
  amount: { amount: "120000.00", currency: "EUR" },
  partner: "Example Consulting",
  tag: "sourced",
  programmes: { aws: { useCase: "AI Machine Learning and Analytics" } },
};

const withoutContacts = (whole: WholeDeal) => ({
  ...whole.opportunity,
  account: whole.account,
  partner: whole.partner?.name ?? null,
});
export const wholeOf = (whole: WholeDeal) => ({ ...withoutContacts(whole), contacts: whole.contacts });

const dealParams = z.strictObject({ id: idOf("opp", "deal") });
const savedAnswer = {
  description: "the deal as it is now, without its contacts",
  schema: dealSchema,
  headers: ["ETag"] as const,
};

export const dealEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  readEndpoint(deps),
  historyEndpoint(deps, {
    path: "/v1/opportunities/{id}",
    tag: "Deals",
    summary: "What happened to a deal, oldest first, and who did it",
    params: dealParams,
    mustFind,
  }),
  saveEndpoint(deps),
  replaceEndpoint(deps),
  patchEndpoint(deps),
  listTouchesEndpoint(deps),
  touchEndpoint(deps),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/opportunities",
    tag: "Deals",
    scope: "read",
    summary: "List deals, newest first",
    query: pageQuery.extend({
      source: z.string().min(1).max(40).optional().describe("only deals of this CRM"),
      key: z.string().min(1).max(64).optional().describe("only the deal with this id in its CRM"),
      untagged: z
        .enum(["true", "false"])
        .optional()
        .describe("true: only deals nobody has tagged sourced or influenced"),
      account: idOf("acc", "account").optional(),
      text: z.string().min(1).max(200).optional().describe("part of the title, in any case"),
    }),
    answers: { 200: { description: "one page", schema: listOf(opportunitySchema) } },
    handle: async ({ query }) => {
      const { limit, after, source, key, untagged, account, text } = query;
      const page = await deps.store.opportunities.list(deps.db.sql, {
        limit,
        after: after ?? null,
        ...(source === undefined ? {} : { source }),
        ...(key === undefined ? {} : { key }),
        ...(untagged === "true" ? { untagged: true } : {}),
        ...(account === undefined ? {} : { accountId: account }),
        ...(text === undefined ? {} : { text }),
      });
      return { status: 200, body: page };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/opportunities/{id}",
    tag: "Deals",
    scope: "read",
    summary: "Read a deal with its account, contacts and partner",
    params: dealParams,
    answers: {
      200: { description: "the deal; fit to be sent back with PUT", schema: dealWithContactsSchema, headers: ["ETag"] },
    },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const whole = await deps.store.opportunities.whole(deps.db.sql, params.id);
      if (whole === null) throw notFound("deal", params.id);
      return { status: 200, body: wholeOf(whole), headers: { etag: tagOf(whole.opportunity.version) } };
    },
  });

const saveEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/opportunities",
    tag: "Deals",
    scope: "write",
    summary: "Save a deal by its CRM key",
    description:
      "Makes the deal with this (source, key), or takes in what its CRM says now: what the body leaves out the CRM says is empty. Only what differs from the CRM's last word changes the deal, so an old value sent again never undoes what a person or a partner changed since; where they changed the same field, /v1/field-authority decides. Open shares follow by themselves.",
    body: dealInputSchema,
    bodyExample: dealExample,
    answers: {
      200: { ...savedAnswer, description: "the deal was known: changed by what the CRM says, or unchanged" },
      201: { ...savedAnswer, description: "the deal was new", headers: ["ETag", "Location"] },
    },
    handle: async ({ body, caller }) => {
      const { saved, whole } = await commit(deps, async (tx) => {
        const result = await deps.store.opportunities.save(tx, body, caller.actorId);
        return { saved: result, whole: await mustReadWhole(deps, tx, result.opportunity.id) };
      });
      const headers = { etag: tagOf(whole.opportunity.version) };
      if (saved.outcome !== "created") return { status: 200, body: withoutContacts(whole), headers };
      const location = `/v1/opportunities/${whole.opportunity.id}`;
      return { status: 201, body: withoutContacts(whole), headers: { ...headers, location } };
    },
  });

const replaceEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PUT",
    path: "/v1/opportunities/{id}",
    tag: "Deals",
    scope: "write",
    summary: "Replace a deal",
    description:
      "What the body leaves out becomes empty. Source and key stay: they are what the deal is found by. What differs from the deal is ours from then on, until the CRM or a partner changes it.",
    ifMatch: "required",
    params: dealParams,
    body: dealInputSchema,
    bodyExample: dealExample,
    answers: { 200: savedAnswer },
    problems: ["not-found"],
    handle: async ({ params, body, caller, match }) => {
      const whole = await commit(deps, async (tx) => {
        const stored = await deps.store.opportunities.lock(tx, params.id);
        if (stored === null) throw notFound("deal", params.id);
        checkMatch(match, stored.version);
        return replace(deps, tx, { stored, input: body, actorId: caller.actorId });
      });
      return { status: 200, body: withoutContacts(whole), headers: { etag: tagOf(whole.opportunity.version) } };
    },
  });

const patchEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PATCH",
    path: "/v1/opportunities/{id}",
    tag: "Deals",
    scope: "write",
    summary: "Change some members of a deal (JSON merge patch, RFC 7396)",
    description: "null empties a member; lists are replaced whole; a new tag is dated now unless taggedAt is given.",
    ifMatch: "required",
    mediaTypes: ["application/merge-patch+json", "application/json"],
    params: dealParams,
    body: z.record(z.string(), z.json()),
    bodyExample: { stage: "committed", nextSteps: "Sign by the end of the month" },
    answers: { 200: savedAnswer },
    problems: ["not-found"],
    handle: async ({ params, body, caller, match }) => {
      const whole = await commit(deps, async (tx) => {
        const stored = await deps.store.opportunities.lock(tx, params.id);
        if (stored === null) throw notFound("deal", params.id);
        checkMatch(match, stored.version);
        const merged = mergePatch(inputOf(await mustReadWhole(deps, tx, params.id)), body);
        const parsed = dealInputSchema.safeParse(merged);
        if (!parsed.success) {
          const errors = itemsOf(parsed.error);
          throw new ProblemError("invalid", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
        }
        return replace(deps, tx, { stored, input: parsed.data, actorId: caller.actorId });
      });
      return { status: 200, body: withoutContacts(whole), headers: { etag: tagOf(whole.opportunity.version) } };
    },
  });

const listTouchesEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/opportunities/{id}/touches",
    tag: "Deals",
    scope: "read",
    summary: "Dated evidence that a partner acted on the deal",
    params: dealParams,
    query: pageQuery,
    answers: { 200: { description: "one page, oldest first", schema: listOf(touchSchema) } },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      await mustFind(deps, params.id);
      return { status: 200, body: pageOf(await deps.store.opportunities.listTouches(deps.db.sql, params.id), query) };
    },
  });

const touchEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/opportunities/{id}/touches",
    tag: "Deals",
    scope: "write",
    summary: "Record that a partner acted",
    description: "The same (source, sourceKey) again changes nothing. The touch belongs to the deal's partner.",
    params: dealParams,
    body: touchInputSchema,
    bodyExample: { kind: "joint_call", at: "2026-11-03T09:00:00Z", source: "calendar", sourceKey: "event-4711" },
    answers: {
      200: { description: "it was recorded before", schema: touchSchema },
      201: { description: "recorded", schema: touchSchema },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller }) => {
      const { opportunities } = deps.store;
      const sourceKey = body.sourceKey ?? deps.ids.uuid();
      return commit(deps, async (tx) => {
        const deal = await opportunities.find(tx, params.id);
        if (deal === null) throw notFound("deal", params.id);
        const { kind, at, source } = body;
        const { actorId } = caller;
        const evidence = { kind, at: new Date(at), source, sourceKey, actorId };
        const made = await opportunities.touch(tx, { ...evidence, opportunityId: deal.id, partnerId: deal.partnerId });
        if (made !== null) return { status: 201, body: made };
        const touches = await opportunities.listTouches(tx, params.id);
        const known = touches.find((touch) => touch.source === source && touch.sourceKey === sourceKey);
        if (known === undefined)
          throw new ProblemError("conflict", "This source and sourceKey are recorded for another deal.");
        return { status: 200, body: known };
      });
    },
  });

const touchInputSchema = z.strictObject({
  kind: z.enum(touchKinds),
  at: z.iso.datetime().refine(inYears("1900", "2200"), "a time from 1900 to 2199").describe("when it happened"),
  source: z.string().trim().min(1).max(40).default("api").describe("where the evidence comes from"),
  sourceKey: z.string().trim().min(1).max(255).optional().describe("its id there; default: a new one"),
});

const mustFind = async (deps: AppDeps, id: string): Promise<void> => {
  if ((await deps.store.opportunities.find(deps.db.sql, id)) === null) throw notFound("deal", id);
};

const mustReadWhole = async (deps: AppDeps, tx: Tx, id: string): Promise<WholeDeal> => {
  const whole = await deps.store.opportunities.whole(tx, id);
  if (whole === null) throw notFound("deal", id);
  return whole;
};

interface Replacement {
  readonly stored: Opportunity;
  readonly input: OpportunityInput;
  readonly actorId: string;
}

const replace = async (deps: AppDeps, tx: Tx, change: Replacement): Promise<WholeDeal> => {
  for (const name of ["source", "key"] as const) {
    if (change.input[name] === change.stored[name]) continue;
    throw new ProblemError("invalid", `${name}: a deal keeps its source and key`, {
      errors: [
        {
          pointer: `/${name}`,
          field: name,
          code: "fixed",
          message: "a deal keeps it",
          fix: `send the ${name} you read`,
        },
      ],
    });
  }
  const { refused } = await deps.store.opportunities.edit(tx, change.stored, change.input, change.actorId);
  if (refused.length > 0) {
    const errors = refused.map(({ name, why }) => ({
      pointer: `/${(/^(aws|azure|gcp)\./.test(name) ? `programmes.${name}` : name).replaceAll(".", "/")}`,
      field: name,
      code: "not_ours",
      message: `${why} (field authority)`,
      fix: `change it in ${change.stored.source}, or let ours change it: PUT /v1/field-authority`,
    }));
    throw new ProblemError("invalid", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
  }
  return mustReadWhole(deps, tx, change.stored.id);
};

/** The stored deal as an input that would change nothing. `taggedAt` is left out: the store keeps it while the tag stays. */
const inputOf = (whole: WholeDeal) => {
  const {
    id: _i,
    accountId: _a,
    partnerId: _p,
    taggedAt: _t,
    version: _v,
    createdAt: _c,
    updatedAt: _u,
    ...deal
  } = whole.opportunity;
  const { id: _ai, domain: _d, createdAt: _ac, updatedAt: _au, ...account } = whole.account;
  return { ...deal, account, contacts: whole.contacts, partner: whole.partner?.name ?? null };
};
