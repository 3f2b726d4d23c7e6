/** The OpenAPI document as one page to read: no script, nothing from elsewhere, everything escaped. */
import { html, raw } from "hono/html";
import { toHex } from "../store/seal.ts";
import type { Content, OpenApi, Operation, Reply } from "./document.ts";
import { problemKinds } from "./problem.ts";

type Html = ReturnType<typeof html>;
type Node = Readonly<Record<string, unknown>>;

const style = `
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5a6675;--line:#d9dfe6;--paper:#fff;--panel:#f5f7f9;--link:#0a58a8;
--get:#0a6b52;--post:#0a58a8;--put:#8a5a00;--patch:#8a5a00;--delete:#a8242a}
@media (prefers-color-scheme:dark){:root{--ink:#e3e8ee;--soft:#9aa6b4;--line:#323b46;--paper:#14191f;--panel:#1c232b;--link:#78b7f5;
--get:#5cc9a7;--post:#78b7f5;--put:#e0b25c;--patch:#e0b25c;--delete:#f08a8f}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
a{color:var(--link)}
.page{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:80rem;margin:0 auto}
nav{position:sticky;top:0;align-self:start;height:100vh;overflow:auto;padding:1.5rem 1rem;border-right:1px solid var(--line);font-size:.875rem}
nav h2{font-size:.875rem;margin:1.25rem 0 .25rem}
nav ul{list-style:none;margin:0;padding:0}
nav a{display:block;padding:.15rem 0;text-decoration:none;overflow-wrap:anywhere}
nav a:hover{text-decoration:underline}
main{padding:1.5rem 2rem 6rem;min-width:0}
h1{font-size:1.75rem;margin:.25rem 0 1rem}
h2{font-size:1.375rem;margin:3rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.0625rem;margin:2.25rem 0 .25rem;scroll-margin-top:1rem}
h4{font-size:.875rem;margin:1.25rem 0 .375rem;color:var(--soft)}
code,pre{font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{overflow-wrap:anywhere}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.75rem 1rem;overflow:auto}
.route code{font-size:.9375rem;font-weight:600}
.verb{display:inline-block;min-width:4.25rem;font:700 .8125rem/1 ui-monospace,Menlo,Consolas,monospace;color:var(--verb)}
.get{--verb:var(--get)}.post{--verb:var(--post)}.put{--verb:var(--put)}.patch{--verb:var(--patch)}.delete{--verb:var(--delete)}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{text-align:left;vertical-align:top;padding:.375rem .75rem .375rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
td:first-child{white-space:nowrap}
.scroll{overflow-x:auto}
.soft{color:var(--soft)}
@media (max-width:50rem){.page{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}main{padding:1rem}td:first-child{white-space:normal}}
`;

const methods = ["get", "post", "put", "patch", "delete"] as const;

/** The page and the headers under which a browser shows it. */
export const createReference = async (document: OpenApi): Promise<Response> => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style)));
  const hash = btoa(String.fromCharCode(...digest));
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title} API</title>
<style>${raw(style)}</style>
</head>
<body>
<div class="page">
${navigation(document)}
<main>
<h1>${document.info.title} API</h1>
${paragraphs(document.info.description)}
<p>The same as a document for machines: <a href="/openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).</p>
${document.tags.map((tag) => section(document, tag.name))}
<h2 id="schemas">Schemas</h2>
${Object.entries(document.components.schemas).map(([name, schema]) => schemaSection(name, schema))}
<h2 id="problems">Problems</h2>
<p>Every refusal is <code>application/problem+json</code> (RFC 9457); its <code>type</code> ends in one of these anchors.</p>
${Object.entries(problemKinds).map(
  ([kind, problem]) => html`<h3 id="problem-${kind}">${problem.title}</h3>
<p><code>${kind}</code>, status ${problem.status}. ${problem.help}</p>`,
)}
</main>
</div>
</body>
</html>`;
  return new Response(String(page), {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      etag: `"${toHex(digest).slice(0, 16)}"`,
    },
  });
};

const operationsOf = (document: OpenApi, tag: string) =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      return operation?.tags.includes(tag) ? [{ path, method, operation }] : [];
    }),
  );

const slug = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, "-");

const navigation = (document: OpenApi): Html => html`<nav aria-label="Contents">
${document.tags.map(
  ({ name }) => html`<h2><a href="#${slug(name)}">${name}</a></h2>
<ul>${operationsOf(document, name).map(
    ({ operation }) => html`<li><a href="#${operation.operationId}">${operation.summary}</a></li>`,
  )}</ul>`,
)}
<h2><a href="#schemas">Schemas</a></h2>
<ul>${Object.keys(document.components.schemas).map((name) => html`<li><a href="#schema-${name}">${name}</a></li>`)}</ul>
<h2><a href="#problems">Problems</a></h2>
</nav>`;

const section = (document: OpenApi, tag: string): Html => html`<section>
<h2 id="${slug(tag)}">${tag}</h2>
${operationsOf(document, tag).map(
  ({ path, method, operation }) => html`<article>
<h3 id="${operation.operationId}">${operation.summary}</h3>
<p class="route"><span class="verb ${method}">${method.toUpperCase()}</span> <code>${path}</code></p>
${paragraphs(operation.description)}
${parameterTable(operation)}
${bodyPart(operation)}
<h4>Answers</h4>
<div class="scroll"><table><thead><tr><th scope="col">Status</th><th scope="col">Meaning</th><th scope="col">Body</th></tr></thead><tbody>
${Object.entries(operation.responses).map(([status, reply]) => replyRow(status, reply))}
</tbody></table></div>
${Object.entries(operation.responses).map(([status, reply]) => answerPart(status, reply))}
</article>`,
)}
</section>`;

const parameterTable = (operation: Operation): Html | string =>
  operation.parameters.length === 0
    ? ""
    : html`<h4>Parameters</h4>
<div class="scroll"><table><thead><tr><th scope="col">Name</th><th scope="col">In</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead><tbody>
${operation.parameters.map(
  (
    parameter,
  ) => html`<tr><td><code>${parameter.name}</code></td><td>${parameter.in}${parameter.required ? ", required" : ""}</td>
<td>${typeOf(parameter.schema)}</td><td>${parameter.description}</td></tr>`,
)}
</tbody></table></div>`;

const bodyPart = (operation: Operation): Html | string => {
  const content = operation.requestBody?.content;
  if (content === undefined) return "";
  const [mediaType = "", media = {}] = Object.entries(content)[0] ?? [];
  const schema = media.schema ?? {};
  return html`<h4>Body</h4>
<p><code>${Object.keys(content).join(" or ")}</code>${operation.requestBody?.required === true ? "" : ", optional"}${isReference(schema) ? html`: ${typeOf(schema)}` : ""}</p>
${isReference(schema) ? "" : propertyTable(schema)}
${exampleOf({ [mediaType]: media }, "Example body")}`;
};

/** Fields of an answer that has no shared schema to point to, and its example. */
const answerPart = (status: string, reply: Reply): Html => {
  const schema = reply.content?.["application/json"]?.schema ?? {};
  const fields = isReference(schema) ? "" : propertyTable(schema);
  return html`${fields === "" ? "" : html`<h4>Answer ${status}</h4>${fields}`}${exampleOf(reply.content, `Example of answer ${status}`)}`;
};

const replyRow = (status: string, reply: Reply): Html => html`<tr><td>${status}</td><td>${reply.description}</td>
<td>${Object.entries(reply.content ?? {}).map(([mediaType, media]) =>
  mediaType === "application/json" || mediaType === "application/problem+json"
    ? html`${typeOf(media.schema ?? {})} `
    : html`<code>${mediaType}</code> `,
)}</td></tr>`;

const exampleOf = (content: Content | undefined, title: string): Html | string => {
  const example = Object.values(content ?? {}).find((media) => media.example !== undefined)?.example;
  return example === undefined ? "" : html`<h4>${title}</h4><pre>${JSON.stringify(example, null, 2)}</pre>`;
};

const schemaSection = (name: string, schema: Node): Html => html`<h3 id="schema-${name}">${name}</h3>
${typeof schema.description === "string" ? html`<p>${schema.description}</p>` : ""}
${propertyTable(schema)}`;

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);
const isReference = (schema: Node): boolean => typeof schema.$ref === "string";
const nodesOf = (value: unknown): readonly Node[] => (Array.isArray(value) ? value.filter(isNode) : []);

const rowsMax = 400;
/** Properties, nested ones under their path. */
const propertyTable = (schema: Node): Html | string => {
  const rows = propertyRows(schema, "", 0).slice(0, rowsMax);
  return rows.length === 0
    ? ""
    : html`<div class="scroll"><table><thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead><tbody>
${rows.map(
  (
    row,
  ) => html`<tr><td><code>${row.name}</code></td><td>${typeOf(row.schema)}${row.required ? "" : html` <span class="soft">optional</span>`}</td>
<td>${typeof row.schema.description === "string" ? row.schema.description : ""}</td></tr>`,
)}
</tbody></table></div>`;
};

const depthMax = 5;
interface PropertyRow {
  readonly name: string;
  readonly schema: Node;
  readonly required: boolean;
}
const propertyRows = (schema: Node, prefix: string, depth: number): readonly PropertyRow[] => {
  if (!isNode(schema.properties) || depth >= depthMax) return [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(schema.properties).flatMap(([key, property]) => {
    if (!isNode(property)) return [];
    const name = prefix + key;
    const [only] = nodesOf(property.anyOf).filter((choice) => choice.type !== "null");
    const object = isNode(property.items)
      ? property.items
      : isNode(property.properties)
        ? property
        : (only ?? property);
    const nested = propertyRows(object, `${name}${property.type === "array" ? "[]" : ""}.`, depth + 1);
    return [{ name, schema: property, required: required.includes(key) }, ...nested];
  });
};

/** What a value looks like, in a few words. */
const typeOf = (schema: Node): Html | string => {
  if (typeof schema.$ref === "string") {
    const name = schema.$ref.split("/").at(-1) ?? "";
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  const choices = [...nodesOf(schema.anyOf), ...nodesOf(schema.oneOf)];
  if (choices.length > 0)
    return html`${choices.map((choice, index) => html`${index > 0 ? " or " : ""}${typeOf(choice)}`)}`;
  if (Array.isArray(schema.enum))
    return html`${schema.enum.map((value, index) => html`${index > 0 ? ", " : ""}<code>${String(value)}</code>`)}`;
  if (schema.const !== undefined) return html`<code>${String(schema.const)}</code>`;
  if (schema.type === "array") return html`list of ${isNode(schema.items) ? typeOf(schema.items) : "values"}`;
  if (isNode(schema.additionalProperties)) return html`object of ${typeOf(schema.additionalProperties)}`;
  const bounds = [
    typeof schema.format === "string" ? schema.format : "",
    range(schema.minLength, schema.maxLength, "characters"),
    range(schema.minimum, schema.maximum, ""),
    range(schema.minItems, schema.maxItems, "items"),
    schema.default === undefined ? "" : `default ${JSON.stringify(schema.default)}`,
  ].filter((bound) => bound !== "");
  const type = typeof schema.type === "string" ? schema.type : "any value";
  return bounds.length === 0 ? type : `${type} (${bounds.join(", ")})`;
};

const safeIntegerText = String(Number.MAX_SAFE_INTEGER);
const range = (from: unknown, to: unknown, unit: string): string => {
  const low = typeof from === "number" && String(Math.abs(from)) !== safeIntegerText ? from : null;
  const high = typeof to === "number" && String(Math.abs(to)) !== safeIntegerText ? to : null;
  if (low === null && high === null) return "";
  const text = low === null ? `at most ${high}` : high === null ? `at least ${low}` : `${low} to ${high}`;
  return unit === "" ? text : `${text} ${unit}`;
};

const paragraphs = (text: string): Html =>
  html`${text
    .split("\n\n")
    .filter((part) => part !== "")
    .map(
      (part) =>
        html`<p>${part.split("`").map((piece, index) => (index % 2 === 1 ? html`<code>${piece}</code>` : html`${piece}`))}</p>`,
    )}`;
