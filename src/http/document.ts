/**
 * This API as an OpenAPI 3.1 document, made from the routes themselves. zod's own converter writes the schemas: it speaks
 * the JSON Schema of OpenAPI 3.1 and, unlike the one of @hono/zod-openapi, ends on recursive JSON.
 */
import * as z from "zod";
import { accountSchema, connectionSchema, contactSchema, opportunitySchema, shareSchema } from "../domain/deal.ts";
import { eventSchema } from "../domain/events.ts";
import { apiKeySchema } from "../store/access.ts";
import { partnerSchema } from "../store/companies.ts";
import { historySchema } from "../store/journal.ts";
import { touchSchema } from "../store/opportunities.ts";
import { pendingEditSchema } from "../store/revisions.ts";
import { shareRuleSchema } from "../store/share-rules.ts";
import { listedShareSchema } from "../store/shares.ts";
import { dealInputSchema, dealSchema, dealWithContactsSchema } from "./deals.ts";
import type { AnswerSpec, Endpoint } from "./endpoint.ts";
import { shownExceptionSchema } from "./exception-view.ts";
import { type ProblemKind, problemErrorSchema, problemKinds, problemSchema } from "./problem.ts";
import { decisionSchema } from "./share-rule-trial.ts";
import { gapSchema } from "./shares.ts";

type Io = "input" | "output";
type Node = { [key: string]: unknown };

/** Schemas that many routes share, by the name they have in the document. */
const components: readonly (readonly [name: string, schema: z.ZodType, io: Io])[] = [
  ["DealInput", dealInputSchema, "input"],
  ["Deal", dealSchema, "output"],
  ["DealWithContacts", dealWithContactsSchema, "output"],
  ["ListedDeal", opportunitySchema, "output"],
  ["Account", accountSchema, "output"],
  ["Contact", contactSchema, "output"],
  ["Partner", partnerSchema, "output"],
  ["Touch", touchSchema, "output"],
  ["Connection", connectionSchema, "output"],
  ["Share", shareSchema, "output"],
  ["ListedShare", listedShareSchema, "output"],
  ["ShareRule", shareRuleSchema, "output"],
  ["ShareDecision", decisionSchema, "output"],
  ["Gap", gapSchema, "output"],
  ["Edit", pendingEditSchema, "output"],
  ["History", historySchema, "output"],
  ["Event", eventSchema, "output"],
  ["Exception", shownExceptionSchema, "output"],
  ["ApiKey", apiKeySchema, "output"],
  ["Problem", problemSchema, "output"],
  ["ProblemItem", problemErrorSchema, "output"],
];
const names = new Map<unknown, string>(components.map(([name, schema]) => [schema, name]));
const refTo = (name: string): Node => ({ $ref: `#/components/schemas/${name}` });

export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Node>>;
    readonly securitySchemes: Readonly<Record<string, Node>>;
  };
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Reply>>;
}
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: Node;
}
export type Content = Readonly<
  Record<string, { readonly schema?: Node; readonly example?: unknown; readonly examples?: Node }>
>;
export interface Reply {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Node>>;
  readonly content?: Content;
}

const about = [
  "Joins your CRM's deals to the co-sell programmes of cloud marketplaces.",
  "Send `Authorization: Bearer cosell_…`; a key has scopes: read (look at everything), write (deals and shares), admin (connections, keys, erasure).",
  "Every write takes an `Idempotency-Key`: the same request again gets the first answer, with `Idempotency-Replayed: true`; a request that was refused changed nothing and its key is free again.",
  "Lists are pages of `items` with `next`: give it as `after`. Times are ISO 8601 in UTC; money is a decimal text with a currency.",
  "Whatever is refused comes as a problem (RFC 9457) whose `type` leads to its explanation here.",
].join("\n\n");

/** The document of these routes. `publicUrl` is where they answer. */
export const createDocument = (endpoints: readonly Endpoint[], publicUrl: string): OpenApi => {
  const paths: Record<string, Record<string, Operation>> = {};
  for (const endpoint of endpoints) {
    const item = paths[endpoint.path] ?? {};
    item[endpoint.method.toLowerCase()] = operationOf(endpoint, publicUrl);
    paths[endpoint.path] = item;
  }
  const schemas = components.map(([name, schema, io]) => [name, schemaOf(schema, io, true)] as const);
  return {
    openapi: "3.1.0",
    info: { title: "cosell", version: "1", description: about },
    servers: [{ url: publicUrl }],
    tags: [...new Set(endpoints.map((endpoint) => endpoint.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { ...Object.fromEntries(schemas), Json: { description: "any JSON value" } },
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "an API key: cosell_ and 64 hexadecimal digits" },
      },
    },
  };
};

const operationOf = (endpoint: Endpoint, publicUrl: string): Operation => ({
  operationId: `${endpoint.method.toLowerCase()}${endpoint.path.replace(/[^a-z0-9]+/gi, "-").replace(/-$/, "")}`,
  tags: [endpoint.tag],
  summary: endpoint.summary,
  description: [
    ...(endpoint.description === undefined ? [] : [endpoint.description]),
    ...(endpoint.scope === null ? [] : [`Needs a key with the scope \`${endpoint.scope}\`.`]),
  ].join("\n\n"),
  security: endpoint.scope === null ? [] : [{ key: [endpoint.scope] }],
  parameters: parametersOf(endpoint),
  ...(endpoint.body === null ? {} : { requestBody: bodyOf(endpoint, endpoint.body) }),
  ...(endpoint.rawBody === undefined ? {} : { requestBody: rawBodyOf(endpoint.rawBody) }),
  responses: repliesOf(endpoint, publicUrl),
});

const bodyOf = (endpoint: Endpoint, body: z.ZodType): NonNullable<Operation["requestBody"]> => ({
  required: endpoint.bodyOptional !== true,
  content: Object.fromEntries(
    (endpoint.mediaTypes ?? ["application/json"]).map((mediaType) => [
      mediaType,
      { schema: schemaOf(body, "input"), example: endpoint.bodyExample },
    ]),
  ),
});

const rawBodyOf = (description: string): NonNullable<Operation["requestBody"]> => ({
  required: true,
  content: { "application/octet-stream": { schema: { type: "string", format: "binary", description } } },
});

export const isWrite = (endpoint: Endpoint): boolean => endpoint.scope !== null && endpoint.method !== "GET";

const parametersOf = (endpoint: Endpoint): readonly Parameter[] => {
  const given = (["path", "query"] as const).flatMap((place) => {
    const { shape } = place === "path" ? endpoint.params : endpoint.query;
    return Object.entries(shape).map(([name, field]): Parameter => {
      const { description = "", ...schema } = schemaOf(z.object({ field }), "input");
      const inner = propertyOf(schema, "field");
      const required = place === "path";
      return { name, in: place, required, description: String(inner.description ?? description), schema: inner };
    });
  });
  const header = (name: string, required: boolean, description: string): Parameter => ({
    name,
    in: "header",
    required,
    description,
    schema: { type: "string" },
  });
  return [
    ...given,
    ...(endpoint.ifMatch === undefined
      ? []
      : [header("If-Match", endpoint.ifMatch === "required", 'the ETag you read, for example "3"; * for any')]),
    ...(isWrite(endpoint)
      ? [header("Idempotency-Key", false, "1 to 255 visible characters, new for each new request")]
      : []),
  ];
};

const propertyOf = (schema: Node, name: string): Node => {
  const { properties } = schema;
  const found = isNode(properties) ? properties[name] : undefined;
  return isNode(found) ? found : {};
};

/** Problems of every route of its kind, besides those it names itself. */
export const problemsOf = (endpoint: Endpoint): readonly ProblemKind[] => [
  ...new Set<ProblemKind>([
    ...(endpoint.problems ?? []),
    ...(endpoint.path.startsWith("/v1/")
      ? (["bad-query", "unauthenticated", "forbidden", "unavailable"] as const)
      : []),
    ...(endpoint.body === null ? [] : (["malformed-json", "invalid", "too-large", "unsupported-media-type"] as const)),
    ...(endpoint.ifMatch === undefined ? [] : (["version-changed", "bad-header"] as const)),
    ...(endpoint.ifMatch === "required" ? (["version-needed"] as const) : []),
    ...(isWrite(endpoint) ? (["request-running", "key-reused", "bad-header"] as const) : []),
    "headers-too-large",
    "incident",
  ]),
];

const repliesOf = (endpoint: Endpoint, publicUrl: string): Readonly<Record<string, Reply>> => {
  const replies = new Map<string, Reply>(
    Object.entries(endpoint.answers).map(([status, spec]) => [status, answerReply(spec)]),
  );
  const byStatus = Map.groupBy(problemsOf(endpoint), (kind) => String(problemKinds[kind].status));
  for (const [status, kinds] of [...byStatus].sort()) {
    const own = replies.get(status);
    const examples = Object.fromEntries(kinds.map((kind) => [kind, { value: problemExample(kind, publicUrl) }]));
    const description = kinds.map((kind) => problemKinds[kind].title).join("; or: ");
    replies.set(status, {
      description: own === undefined ? description : `${own.description}; or: ${description}`,
      content: { ...own?.content, "application/problem+json": { schema: refTo("Problem"), examples } },
    });
  }
  return Object.fromEntries(replies);
};

const answerReply = (spec: AnswerSpec): Reply => ({
  description: spec.description,
  ...(spec.headers === undefined
    ? {}
    : { headers: Object.fromEntries(spec.headers.map((name) => [name, { schema: { type: "string" } }])) }),
  content: {
    [spec.mediaType ?? "application/json"]: {
      ...(spec.schema === undefined ? { schema: { type: "string" } } : { schema: schemaOf(spec.schema, "output") }),
      ...(spec.example === undefined ? {} : { example: spec.example }),
    },
  },
});

const problemExample = (kind: ProblemKind, publicUrl: string): Node => ({
  type: `${publicUrl}/docs#problem-${kind}`,
  title: problemKinds[kind].title,
  status: problemKinds[kind].status,
  detail: problemKinds[kind].help,
  instance: "/v1/…",
  errors: [],
});

/** JSON Schema of a zod schema, with references to the shared ones. */
const schemaOf = (schema: z.ZodType, io: Io, isComponent = false): Node => {
  const name = names.get(schema);
  if (name !== undefined && !isComponent) return refTo(name);
  const {
    $schema: _,
    $defs: __,
    ...rest
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema, path }) => {
      const shared = names.get(zodSchema);
      if (shared !== undefined && path.length > 0) replaceWith(jsonSchema, refTo(shared));
      const kind = zodSchema._zod.def.type;
      if (kind === "date") replaceWith(jsonSchema, { type: "string", format: "date-time" });
      if (kind === "bigint") replaceWith(jsonSchema, { type: "string", pattern: "^-?\\d+$" });
    },
  });
  return mended(rest);
};

const replaceWith = (target: Node, source: Node): void => {
  const { description } = target;
  for (const key of Object.keys(target)) delete target[key];
  Object.assign(target, source, description === undefined ? {} : { description });
};

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);

/** The only recursive schema is JSON itself: what the converter numbers becomes a reference to it. */
const mended = (node: Node): Node =>
  Object.fromEntries(
    Object.entries(node).map(([key, value]) => {
      if (key === "$ref" && typeof value === "string" && value.startsWith("#/$defs/"))
        return [key, "#/components/schemas/Json"];
      return [key, mendedValue(value)];
    }),
  );
const mendedValue = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(mendedValue) : isNode(value) ? mended(value) : value;
