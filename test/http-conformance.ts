/** Holds answers against the OpenAPI document: every status, body and kind of problem must be the documented one. */
import * as z from "zod";
import { createDocument, problemsOf } from "../src/http/document.ts";
import type { Endpoint } from "../src/http/endpoint.ts";

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

const localReferences = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(localReferences);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" ? String(inner).replace("#/components/schemas/", "#/$defs/") : localReferences(inner),
    ]),
  );
};

/** A function that throws when an answer is not what the document says of its route. */
export const createConformance = (endpoints: readonly Endpoint[], publicUrl: string) => {
  const document = createDocument(endpoints, publicUrl);
  const definitions = localReferences(document.components.schemas);
  const known = new Map<string, z.ZodType>();
  const schemaOf = (name: string, schema: object): z.ZodType => {
    const made =
      known.get(name) ?? z.fromJSONSchema({ ...(localReferences(schema) as object), $defs: definitions } as never);
    known.set(name, made);
    return made;
  };
  return (method: string, path: string, answer: Answer): void => {
    const { pathname } = new URL(path, publicUrl);
    const endpoint = endpoints.find(
      (one) => one.method === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname),
    );
    if (endpoint === undefined) return;
    const name = `${method} ${endpoint.path} ${answer.status}`;
    const reply = document.paths[endpoint.path]?.[method.toLowerCase()]?.responses[String(answer.status)];
    if (reply === undefined) throw new Error(`${name} is not documented`);
    const media = reply.content?.[answer.contentType];
    if (media?.schema === undefined) throw new Error(`${name} is not documented to be ${answer.contentType}`);
    if (answer.body === null) return;
    const parsed = schemaOf(`${name} ${answer.contentType}`, media.schema).safeParse(answer.body);
    if (!parsed.success)
      throw new Error(`${name} is not as documented: ${JSON.stringify(parsed.error.issues.slice(0, 3))}`);
    const type = z.object({ type: z.string() }).safeParse(answer.body).data?.type ?? "";
    const kind = answer.contentType === "application/problem+json" ? type.split("#problem-")[1] : undefined;
    if (kind !== undefined && !problemsOf(endpoint).some((one) => one === kind))
      throw new Error(`${name}: the problem ${kind} is not documented for it`);
  };
};
