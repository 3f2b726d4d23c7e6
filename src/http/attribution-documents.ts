/** What attribution goes by, over HTTP: rules and decisions that both companies signed, the keys they are verified with, disputes. */
import * as z from "zod";
import { createCsvReader, csvRow } from "../domain/csv.ts";
import { type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import { attributionRuleSchema } from "../domain/finance/attribution-rule.ts";
import { decisionSchema } from "../domain/finance/dispute.ts";
import { ownJson } from "../domain/finance/own-files.ts";
import { decimalToMicros } from "../domain/money.ts";
import {
  type PublicKey,
  publicKeySchema,
  publicKeysSchema,
  type RuleVerdict,
  verifyRule,
} from "../domain/signed-rule.ts";
import { moneySchema } from "./books.ts";
import { type AppDeps, type Endpoint, endpoint, listOf, pageOf, pageQuery } from "./endpoint.ts";
import { ProblemError } from "./problem.ts";
import { giveDocument } from "./reports.ts";

const documentsMax = 2_000;
const partner = z.string().min(1).max(200);
const deal = z.string().min(1).max(200).describe("the deal as <source>:<key>");

export const attributionDocumentEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  rulesEndpoint(deps),
  addRuleEndpoint(deps),
  decisionsEndpoint(deps),
  addDecisionEndpoint(deps),
  keysEndpoint(deps),
  addKeyEndpoint(deps),
  disputesEndpoint(deps),
  addDisputeEndpoint(deps),
];

const signedSchema = z.object({
  id: z.string().describe("rule and version"),
  contentSha256: z.string().describe("of the content in canonical form (RFC 8785)"),
  state: z
    .enum(["verified", "not_verified"])
    .describe("not verified: a key it was signed with is gone or ended before"),
  signedAt: z.string().nullable(),
  signatures: z.array(z.object({ side: z.string(), name: z.string(), signedAt: z.string(), verdict: z.string() })),
  document: z.record(z.string(), z.json()),
});

type DocumentsName = "attribution-rules.json" | "attribution-decisions.json";
const documentsOf = async (deps: AppDeps, name: DocumentsName): Promise<readonly JsonObject[]> => {
  const text = await deps.store.ownFiles.given(deps.db.sql, name);
  return text === null ? [] : z.array(jsonObjectSchema).parse(JSON.parse(text));
};
const keysOf = async (deps: AppDeps): Promise<readonly PublicKey[]> => {
  const text = await deps.store.ownFiles.given(deps.db.sql, "keys.json");
  return text === null ? [] : publicKeysSchema.parse(JSON.parse(text));
};

const nameOf = (document: JsonObject): string => `${String(document.rule_id)} v${String(document.version)}`;
const shownDocument = (document: JsonObject, verdict: RuleVerdict): z.input<typeof signedSchema> => ({
  id: nameOf(document),
  contentSha256: verdict.contentSha256,
  state: verdict.isVerified ? "verified" : "not_verified",
  signedAt: verdict.signedAt,
  signatures: verdict.signatures.map((one) => ({ ...one })),
  document: JSON.parse(JSON.stringify(document)),
});

const listDocuments = (
  deps: AppDeps,
  given: { readonly path: string; readonly name: DocumentsName; readonly summary: string },
) =>
  endpoint({
    method: "GET",
    path: given.path,
    tag: "Attribution",
    scope: "read",
    summary: given.summary,
    query: pageQuery.extend({ after: z.string().min(1).max(300).optional().describe("`next` of the page before") }),
    answers: { 200: { description: "one page", schema: listOf(signedSchema) } },
    handle: async ({ query }) => {
      const keys = await keysOf(deps);
      const page = pageOf(
        (await documentsOf(deps, given.name)).map((document) => ({ id: nameOf(document), document })),
        query,
      );
      const items = await Promise.all(
        page.items.map(async ({ document }) => shownDocument(document, await verifyRule(document, keys))),
      );
      return { status: 200, body: { items, next: page.next } };
    },
  });

const rulesEndpoint = (deps: AppDeps): Endpoint =>
  listDocuments(deps, {
    path: "/v1/attribution/rules",
    name: "attribution-rules.json",
    summary: "List the signed rules with their hashes and whether their signatures hold",
  });
const decisionsEndpoint = (deps: AppDeps): Endpoint =>
  listDocuments(deps, {
    path: "/v1/attribution/decisions",
    name: "attribution-decisions.json",
    summary: "List the signed decisions about disputed credits",
  });

const says: Readonly<Record<string, string>> = {
  recorded: "is a date without a signature",
  unknown_key: "was made with a key that is not among /v1/attribution/keys",
  not_their_key: "was made with the key of another officer or side",
  key_not_valid_then: "was made with a key that was not valid on that day",
  forged: "does not fit the document",
  content_changed: "is over another content: the document was changed after it was signed",
};

/** Keeps a document that both sides signed. Throws the problem that says which signature does not hold and why. */
const addDocument = async (deps: AppDeps, name: DocumentsName, document: JsonObject) => {
  const keys = await keysOf(deps);
  const verdict = await verifyRule(document, keys);
  if (!verdict.isVerified) {
    const wrong = verdict.signatures.filter((one) => one.verdict !== "verified");
    const errors = wrong.map((one) => ({
      field: "signatures",
      code: one.verdict,
      message: `the signature of ${one.name} for ${one.side} ${says[one.verdict] ?? one.verdict}`,
    }));
    const missing = ["us", "partner"].filter((side) => !verdict.signatures.some((one) => one.side === side));
    const why = [...errors.map(({ message }) => message), ...missing.map((side) => `${side} has not signed it`)];
    throw new ProblemError(
      "invalid",
      `${nameOf(document)} is not verified for both sides: ${why.join("; ")}. Sign it with cosell rules sign, and register the officers' keys.`,
      { errors },
    );
  }
  const known = await documentsOf(deps, name);
  const same = known.find((one) => nameOf(one) === nameOf(document));
  if (same !== undefined && (await verifyRule(same, keys)).contentSha256 !== verdict.contentSha256)
    throw new ProblemError(
      "conflict",
      `${nameOf(document)} is there with another content. A changed text is a new version.`,
    );
  if (same === undefined) {
    if (known.length >= documentsMax)
      throw new ProblemError("conflict", `There are ${documentsMax} documents already.`);
    await giveDocument(deps, name, ownJson([...known, document]));
  }
  return { status: same === undefined ? 201 : 200, body: shownDocument(document, verdict) };
};

/** Held against the form that counts, and kept as it was written: its signatures are over all of it. */
const asWritten = (schema: z.ZodType) =>
  jsonObjectSchema.superRefine((document, context) => {
    const parsed = schema.safeParse(document);
    for (const { path, message } of parsed.error?.issues ?? []) context.addIssue({ code: "custom", path, message });
    // Further members are the document's own affair; this one no honest document has.
    if (Object.hasOwn(document, "constructor"))
      context.addIssue({ code: "unrecognized_keys", keys: ["constructor"], input: document });
  });

const ruleExample = {
  ...{ rule_id: "acme-2026", version: 1, partner_id: "Acme", credit_basis: "invoiced_net_of_refund" },
  sourced_requires: { touch_types: ["registration"], window_days: 90 },
  influence: { model: "equal", touch_types: ["intro", "demo"], window_days: 180 },
  effective_from: "2026-01-01",
  signatures: [],
};

const addRuleEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/attribution/rules",
    tag: "Attribution",
    scope: "write",
    summary: "Bring a rule into force that an officer of each side signed",
    description:
      "As `cosell rules sign` signs it. Only verified signatures of both sides are taken; a date without one is refused. The same document again is nothing; a changed text is a new version.",
    body: asWritten(attributionRuleSchema),
    bodyExample: ruleExample,
    answers: {
      200: { description: "it was there", schema: signedSchema },
      201: { description: "it is in force", schema: signedSchema },
    },
    problems: ["invalid", "conflict"],
    handle: ({ body }) => addDocument(deps, "attribution-rules.json", body),
  });

const addDecisionEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/attribution/decisions",
    tag: "Attribution",
    scope: "write",
    summary: "Decide a dispute by a document that an officer of each side signed",
    body: asWritten(decisionSchema),
    bodyExample: { rule_id: "decision-7", version: 1, dispute_id: "dispute-7", outcome: "stands", signatures: [] },
    answers: {
      200: { description: "it was there", schema: signedSchema },
      201: { description: "it counts", schema: signedSchema },
    },
    problems: ["invalid", "conflict"],
    handle: ({ body }) => addDocument(deps, "attribution-decisions.json", body),
  });

const keysEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/attribution/keys",
    tag: "Attribution",
    scope: "read",
    summary: "List the public keys of the officers who sign",
    answers: { 200: { description: "all keys", schema: z.object({ items: z.array(publicKeySchema) }) } },
    handle: async () => ({ status: 200, body: { items: await keysOf(deps) } }),
  });

const addKeyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/attribution/keys",
    tag: "Attribution",
    scope: "admin",
    summary: "Register an officer's public key, or end one",
    description:
      "The `.pub` file of `cosell rules keygen`. A key that is known can only be given another valid_from or valid_until: what it signed before it ended stays signed.",
    body: publicKeySchema,
    bodyExample: {
      ...{ key_id: "Zm9vYmFyYmF6cXV4", side: "us", name: "Ada Example", role: "CRO" },
      public_key: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
    answers: { 200: { description: "the key", schema: publicKeySchema } },
    problems: ["invalid", "conflict"],
    handle: async ({ body: key }) => {
      const keys = await keysOf(deps);
      const known = keys.find(({ key_id }) => key_id === key.key_id);
      if (
        known !== undefined &&
        (known.public_key !== key.public_key || known.side !== key.side || known.name !== key.name)
      )
        throw new ProblemError(
          "conflict",
          `The key ${key.key_id} belongs to ${known.name}. Make a new key for another officer.`,
        );
      const others = keys.filter(({ key_id }) => key_id !== key.key_id);
      await giveDocument(deps, "keys.json", ownJson([...others, key]));
      return { status: 200, body: key };
    },
  });

const disputeSchema = z.object({
  id: z.string(),
  dealId: z.string(),
  partnerId: z.string(),
  opened: z.string().describe("the day on which it was opened"),
  amount: moneySchema.nullable().describe("null: the whole credit"),
  reason: z.string(),
});
type DisputeRow = z.infer<typeof disputeSchema>;
const disputeColumns = ["dispute_id", "deal_id", "partner_id", "opened", "amount", "currency", "reason"];

const disputesOf = async (deps: AppDeps): Promise<readonly DisputeRow[]> => {
  const text = await deps.store.ownFiles.given(deps.db.sql, "disputes.csv");
  if (text === null) return [];
  return rowsOf(text).map(
    ([id = "", dealId = "", partnerId = "", opened = "", amount = "", currency = "", reason = ""]) => ({
      ...{ id, dealId, partnerId, opened, reason },
      amount: amount === "whole" ? null : { amount, currency },
    }),
  );
};

/** Rows of a table of ours, without its header line. */
const rowsOf = (text: string): readonly (readonly string[])[] => {
  const reader = createCsvReader(",");
  return [...reader.push(text), ...reader.end()].slice(1).map(({ cells }) => cells);
};

const disputesEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/attribution/disputes",
    tag: "Attribution",
    scope: "read",
    summary: "List disputes of credits, oldest first",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(disputeSchema) } },
    handle: async ({ query }) => ({ status: 200, body: pageOf(await disputesOf(deps), query) }),
  });

const addDisputeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/attribution/disputes",
    tag: "Attribution",
    scope: "write",
    summary: "Dispute a partner's credit for a deal, or a part of it",
    description:
      "The disputed part is frozen: told of, and credited to nobody, until a decision that both sides signed (POST /v1/attribution/decisions). The rest stays credited.",
    body: z.strictObject({
      dealId: deal,
      partnerId: partner,
      amount: moneySchema
        .refine(({ amount }) => (decimalToMicros(amount) ?? 0n) > 0n, "a plain decimal above zero")
        .optional()
        .describe("absent: the whole credit"),
      reason: z.string().trim().max(500).default(""),
    }),
    bodyExample: { dealId: "salesforce:006Hs00001ABCDE", partnerId: "Acme", reason: "The demo was ours." },
    answers: { 201: { description: "the dispute", schema: disputeSchema } },
    problems: ["invalid"],
    handle: async ({ body: { dealId, partnerId, amount, reason } }) => {
      const dispute: DisputeRow = {
        id: `dispute-${deps.ids.uuid()}`,
        ...{ dealId, partnerId, reason: reason.replaceAll(/\s+/g, " ") },
        opened: deps.clock.now().toISOString().slice(0, 10),
        amount: amount ?? null,
      };
      const rows = [...(await disputesOf(deps)), dispute].map((one) => [
        ...[one.id, one.dealId, one.partnerId, one.opened],
        ...(one.amount === null ? ["whole", ""] : [one.amount.amount, one.amount.currency]),
        one.reason,
      ]);
      await giveDocument(deps, "disputes.csv", [disputeColumns, ...rows].map(csvRow).join(""));
      return { status: 201, body: dispute };
    },
  });
