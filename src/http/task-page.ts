/** A task as one page to print or to copy from: no script, nothing from elsewhere, everything escaped. */
import { html, raw } from "hono/html";
import { partnerNames } from "../domain/deal.ts";
import type { TaskStory } from "./tasks.ts";

const style = `
:root{color-scheme:light;--ink:#1b2430;--soft:#5a6675;--line:#c9d1da;--panel:#f5f7f9}
*{box-sizing:border-box}
body{margin:0 auto;max-width:52rem;padding:2rem 1.5rem 4rem;background:#fff;color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .25rem}
h2{font-size:1.0625rem;margin:2rem 0 .5rem}
p{margin:.25rem 0}
a{color:#0a58a8;overflow-wrap:anywhere}
.soft{color:var(--soft);font-size:.875rem}
.note{border-left:4px solid #8a5a00;background:#fff8e8;padding:.5rem .75rem;margin:1rem 0}
ol{padding-left:1.5rem}
li{margin:.25rem 0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.375rem .75rem;border:1px solid var(--line)}
th{width:16rem;font-weight:600;background:var(--panel)}
thead th{width:auto}
caption{text-align:left;font-weight:600;padding:1rem 0 .375rem}
.copy{user-select:all;-webkit-user-select:all;white-space:pre-wrap;overflow-wrap:anywhere;cursor:copy}
.was{text-decoration:line-through;color:var(--soft);overflow-wrap:anywhere}
.empty{color:var(--soft);font-style:italic}
.box{border:1px solid var(--ink);height:2.25rem;margin:.5rem 0;max-width:20rem}
code{font:.875rem ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
@media print{body{max-width:none;padding:0;font-size:11pt}tr,li{break-inside:avoid}a{color:inherit;text-decoration:none}}
`;

type Html = ReturnType<typeof html>;
type Field = TaskStory["fields"][number];

const titles = {
  create: "Register a deal by hand",
  revise: "Change a registered deal by hand",
  withdraw: "Take a deal back by hand",
} as const;

/** The page and the headers under which a browser shows it. */
export const createTaskPage = async (task: TaskStory): Promise<Response> => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style)));
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${titles[task.kind]}: ${task.title}</title>
<style>${raw(style)}</style>
</head>
<body>
<h1>${titles[task.kind]}</h1>
<p>${task.title}, ${task.accountName} <span class="soft">(${task.source}:${task.key})</span></p>
<p class="soft">Task <code>${task.id}</code>, form ${task.form}, ${task.state}; due ${dayOf(task.dueAt)}; connection ${task.connectionLabel}</p>
${task.state === "open" ? openPart(task) : html`<p class="note">This task is ${task.state}${task.reason === null ? "" : html`: ${task.reason}`}. There is nothing to type.</p>`}
</body>
</html>`;
  return new Response(String(page), {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; style-src 'sha256-${btoa(String.fromCharCode(...digest))}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    },
  });
};

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

const openPart = (task: TaskStory): Html => html`
<p class="note">Nothing of this is sent by itself: this connection has no access to ${partnerOf(task)}'s interface, so a person types it. ${partnerOf(task)} will not tell us anything either: paste the number back, and tell each new status.</p>
<h2>What to do</h2>
<ol>
${task.portal === null ? "" : html`<li>Open ${task.portal.name}: ${linkTo(task.portal.url)}</li>`}
${task.number === null ? "" : html`<li>Open the record <span class="copy">${task.number}</span>.</li>`}
${task.steps.map((step) => html`<li>${step}</li>`)}
<li>${task.kind === "create" ? html`Paste the ${task.numberFormat?.name ?? "number"} back` : "Say that it is done"}: <code>cosell tasks done ${task.id}${task.kind === "create" ? ` --number ${task.numberFormat?.example ?? ""}` : ""} --form ${String(task.form)}</code></li>
</ol>
${task.fields.length === 0 ? "" : html`<h2>What to type</h2><p class="soft">A click on a value selects all of it.</p>${sectionsOf(task.fields).map(sectionTable)}`}
${task.kind === "create" ? html`<h2>${task.numberFormat?.name ?? "number"}</h2><p class="soft">It must be ${task.numberFormat?.format ?? ""}, for example ${task.numberFormat?.example ?? ""}.</p><div class="box"></div>` : ""}`;

const partnerOf = (task: TaskStory): string => partnerNames[task.connection.marketplace];

/** Only web addresses become links. */
const linkTo = (url: string): Html => (/^https?:\/\//.test(url) ? html`<a href="${url}">${url}</a>` : html`${url}`);

const sectionsOf = (fields: readonly Field[]): readonly (readonly [string, readonly Field[]])[] => {
  const sections = new Map<string, Field[]>();
  for (const field of fields) {
    const name = field.section ?? "";
    sections.set(name, [...(sections.get(name) ?? []), field]);
  }
  return [...sections];
};

const sectionTable = ([name, fields]: readonly [string, readonly Field[]]): Html => {
  const isChange = fields.some(({ was }) => was !== undefined);
  return html`<table>
${name === "" ? "" : html`<caption>${name}</caption>`}
${isChange ? html`<thead><tr><th scope="col">Field</th><th scope="col">Stands there now</th><th scope="col">To be</th></tr></thead>` : ""}
<tbody>
${fields.map(
  (field) =>
    html`<tr><th scope="row">${field.label}</th>${isChange ? html`<td>${wasCell(field)}</td>` : ""}<td>${valueCell(field)}</td></tr>`,
)}
</tbody></table>`;
};

const valueCell = ({ value }: Field): Html =>
  value === "" ? html`<span class="empty">leave empty</span>` : html`<span class="copy">${value}</span>`;
const wasCell = ({ was }: Field): Html =>
  was === null || was === undefined
    ? html`<span class="empty">not known: compare</span>`
    : was === ""
      ? html`<span class="empty">nothing</span>`
      : html`<span class="was">${was}</span>`;
