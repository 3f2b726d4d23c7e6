/** Credits over HTTP: who is credited for which deal, and one partner's own side. */
import * as z from "zod";
import { creditBases, ruleName } from "../domain/finance/attribution-rule.ts";
import { csvRows } from "../domain/finance/pack/table.ts";
import { partnerShare, partnerShareTable } from "../domain/finance/partner-share.ts";
import type { ListedCredit } from "../store/ledger-lists.ts";
import { attributionDocumentEndpoints } from "./attribution-documents.ts";
import { asOfShape, booksNow, booksOf, booksPage, moneyOf, moneySchema, pageBy } from "./books.ts";
import { type AppDeps, type Endpoint, endpoint, listOf } from "./endpoint.ts";

const partner = z.string().min(1).max(200);
const deal = z.string().min(1).max(200).describe("the deal as <source>:<key>");

export const attributionEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  creditsEndpoint(deps),
  exportEndpoint(deps),
  ...attributionDocumentEndpoints(deps),
];

const creditSchema = z.object({
  dealId: z.string(),
  agreementId: z.string(),
  partnerId: z.string(),
  kind: z.enum(["sourced", "influenced"]).describe("influenced credits of one deal share a basis and do not add up"),
  amount: moneySchema,
  contested: moneySchema.describe("frozen by disputes: credited to nobody"),
  rule: z.string(),
  basis: z.enum(creditBases),
  touchIds: z.array(z.string()),
});
const shownCredit = (credit: ListedCredit): z.input<typeof creditSchema> => ({
  ...{ dealId: credit.dealId, agreementId: credit.agreementId, partnerId: credit.partnerId, kind: credit.kind },
  amount: moneyOf(credit.amount, credit.currency),
  contested: moneyOf(credit.contested, credit.currency),
  rule: ruleName({ rule_id: credit.ruleId, version: credit.ruleVersion }),
  ...{ basis: credit.basis, touchIds: [...credit.touchIds] },
});

const creditsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/attribution/credits",
    tag: "Attribution",
    scope: "read",
    summary: "List credits by deal, agreement, kind and partner",
    query: z.strictObject({
      ...booksPage,
      ...asOfShape,
      party: partner.optional().describe("only credits of this partner"),
      deal: deal.optional(),
      agreement: z.string().min(1).max(200).optional(),
    }),
    answers: { 200: { description: "one page", schema: listOf(creditSchema) } },
    problems: ["conflict"],
    handle: async ({ query }) => {
      const books = await booksOf(deps, query);
      const filter = {
        ...(query.party === undefined ? {} : { partnerId: query.party }),
        ...(query.deal === undefined ? {} : { dealId: query.deal }),
        ...(query.agreement === undefined ? {} : { agreementId: query.agreement }),
      };
      if (books === null) {
        const page = { after: query.after ?? null, limit: query.limit };
        const { items, next } = await deps.store.ledger.credits.list(deps.db.sql, { ...filter, ...page });
        return { status: 200, body: { items: items.map(shownCredit), next } };
      }
      const wanted = books.close.credits.filter(
        (credit) =>
          (filter.partnerId === undefined || credit.partnerId === filter.partnerId) &&
          (filter.dealId === undefined || credit.dealId === filter.dealId) &&
          (filter.agreementId === undefined || credit.agreementId === filter.agreementId),
      );
      const keyOf = (credit: (typeof wanted)[number]): string =>
        JSON.stringify([credit.dealId, credit.agreementId, credit.kind, credit.partnerId]);
      const { items, next } = pageBy(
        wanted.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
        query,
        keyOf,
      );
      return {
        status: 200,
        body: { items: items.map((one) => shownCredit({ ...one, touchIds: [...one.touchIds] })), next },
      };
    },
  });

const exportEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/attribution/export",
    tag: "Attribution",
    scope: "read",
    summary: "One partner's own credits as CSV, and nothing of anybody else's",
    description:
      "Deal ids, states and the hashes of the rules let the partner's installation compare counts with its own. Influenced rows are not additive: others share the same basis.",
    query: z.strictObject({ ...asOfShape, party: partner.describe("the partner") }),
    answers: { 200: { description: "a table", mediaType: "text/csv" } },
    problems: ["conflict"],
    handle: async ({ query }) => {
      const { close } = await booksNow(deps, query);
      const pieces = [...csvRows(partnerShareTable(partnerShare(close, query.party)))];
      return new Response(pieces.join(""), {
        headers: {
          "content-type": "text/csv; charset=utf-8",
          "content-disposition": 'attachment; filename="credits.csv"',
        },
      });
    },
  });
