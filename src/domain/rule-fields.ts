/** What a share rule's condition may read of a deal: the deal's own fields, and those of the programme it shares with. */
import type { Fields } from "./condition.ts";
import type { Field } from "./condition-value.ts";
import {
  type Account,
  attributionTags,
  dealStages,
  type JsonObject,
  type MarketplaceId,
  type Opportunity,
} from "./deal.ts";

/** Fields of every deal, under the names that they have everywhere else. */
export const dealFields: Fields = {
  stage: { type: "text", description: "stage of the deal", values: dealStages },
  type: { type: "text", description: "new business or more of it", values: ["new", "expansion", "renewal"] },
  tag: {
    type: "text",
    description: "what the partner did for the deal; null: nobody tagged it",
    values: attributionTags,
  },
  title: { type: "text", description: "the deal's name" },
  source: { type: "text", description: "the CRM it comes from, for example salesforce" },
  key: { type: "text", description: "its id in that CRM" },
  amount: {
    type: "number",
    description: "expected amount for the whole term, in units of its currency",
    currency: "currency",
  },
  currency: { type: "text", description: "currency of the amount, ISO 4217" },
  termMonths: { type: "number", description: "term in months" },
  closeDate: { type: "date", description: "expected close" },
  partner: { type: "text", description: "name of the other company in the deal" },
  problem: { type: "text", description: "the customer's business problem" },
  nextSteps: { type: "text", description: "next steps" },
  "account.name": { type: "text", description: "the customer's name" },
  "account.domain": { type: "text", description: "registrable domain of its website, for example example.com" },
  "account.country": { type: "text", description: "its country, ISO 3166-1 alpha-2" },
  "account.state": { type: "text", description: "its state or region" },
  "account.city": { type: "text", description: "its city" },
  "account.industry": { type: "text", description: "its industry in the CRM's words" },
};

export interface DealFacts {
  readonly opportunity: Opportunity;
  readonly account: Omit<Account, "id" | "createdAt" | "updatedAt">;
  /** Name of the other company in the deal. */
  readonly partner: string | null;
}

/** The record that conditions read: what the CRM gave, never a default. */
export const factsOf = ({ opportunity, account, partner }: DealFacts, marketplace: MarketplaceId): JsonObject => {
  const { stage, type, title, source, key } = opportunity;
  const { name, domain } = account;
  return {
    ...{ stage, type, title, source, key, partner },
    tag: opportunity.tag ?? null,
    amount: opportunity.amount?.amount ?? null,
    currency: opportunity.amount?.currency ?? null,
    termMonths: opportunity.termMonths ?? null,
    closeDate: opportunity.closeDate ?? null,
    problem: opportunity.problem ?? null,
    nextSteps: opportunity.nextSteps ?? null,
    account: {
      name,
      domain,
      country: account.country ?? null,
      state: account.state ?? null,
      city: account.city ?? null,
      industry: account.industry ?? null,
    },
    [marketplace]: opportunity.programmes[marketplace] ?? {},
  };
};

const depthMax = 4;

/**
 * The fields of a JSON Schema under `prefix`, for example `aws.useCase`. Of alternatives the first counts: it is what the
 * field is meant to hold, the others are what it also tolerates. A pair of amount and currency is money.
 */
export const fieldsOfSchema = (prefix: string, schema: unknown, depth = 0): Fields => {
  const node = meant(schema);
  if (node === null || depth > depthMax) return {};
  const description = textAt(schema, "description") ?? textAt(node, "description") ?? "";
  if (isNode(node.properties)) {
    const names = Object.keys(node.properties);
    const isMoney = names.includes("amount") && names.includes("currency");
    return Object.assign(
      {},
      ...Object.entries(node.properties).map(([name, below]) => {
        const path = `${prefix}.${name}`;
        if (isMoney && name === "amount")
          return { [path]: { type: "number", description: description || "amount", currency: `${prefix}.currency` } };
        return fieldsOfSchema(path, below, depth + 1);
      }),
    );
  }
  const field = leafOf(node, description);
  return field === null || depth === 0 ? {} : { [prefix]: field };
};

/** Names directly under a JSON Schema's object; empty when it names none. */
export const memberNames = (schema: unknown): readonly string[] => {
  const node = meant(schema);
  return node !== null && isNode(node.properties) ? Object.keys(node.properties) : [];
};

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);
const textAt = (node: unknown, name: string): string | null =>
  isNode(node) && typeof node[name] === "string" ? node[name] : null;

const meant = (schema: unknown): Node | null => {
  let node = schema;
  for (let step = 0; step < depthMax && isNode(node); step++) {
    const [first] = Array.isArray(node.anyOf) ? node.anyOf : [];
    if (first === undefined) return node;
    node = first;
  }
  return isNode(node) ? node : null;
};

const leafOf = (node: Node, description: string): Field | null => {
  switch (node.type) {
    case "array":
      return { type: "list", description, ...valuesOf(isNode(node.items) ? node.items : {}) };
    case "boolean":
      return { type: "boolean", description };
    case "number":
    case "integer":
      return { type: "number", description };
    case "string":
      return { type: "text", description, ...valuesOf(node) };
    default:
      return null;
  }
};
const valuesOf = (node: Node): Pick<Field, "values"> => {
  const values = Array.isArray(node.enum) ? node.enum.filter((value) => typeof value === "string") : [];
  return values.length === 0 ? {} : { values };
};
