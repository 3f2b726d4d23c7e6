/** The close as one page that needs nothing else: figures, charts with the numbers beside them, and the first rows of each table. */
import { cellText, type PackTable } from "../domain/finance/pack/table.ts";

const rowsShownMax = 100;

export interface PageInput {
  readonly title: string;
  /** Sentences under the title. */
  readonly told: readonly string[];
  readonly tables: readonly PackTable[];
  readonly charts: readonly Chart[];
}
/** Bars of one currency: names and amounts in micros. */
export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly bars: readonly { readonly name: string; readonly micros: bigint; readonly label: string }[];
}

export const pageOf = ({ title, told, tables, charts }: PageInput): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${style}</style></head><body>
<main><h1>${escaped(title)}</h1>
${told.map((sentence) => `<p>${escaped(sentence)}</p>`).join("\n")}
<nav>${tables.map(({ name, title: heading, rows }) => `<a href="#${escaped(name)}">${escaped(heading)} <small>${rows.length}</small></a>`).join("")}</nav>
<div class="charts">${charts.map(chartOf).join("\n")}</div>
${tables.map(tableOf).join("\n")}
</main></body></html>
`;

const style =
  "body{font:15px/1.45 system-ui,sans-serif;color:#1b1f24;background:#fff;margin:0}main{max-width:1200px;margin:0 auto;padding:2rem 1rem}h1{font-size:1.6rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2.5rem 0 .25rem}p{margin:.25rem 0;max-width:75ch}nav{display:flex;flex-wrap:wrap;gap:.4rem;margin:1.25rem 0}nav a{padding:.2rem .6rem;border:1px solid #d0d7de;border-radius:1rem;text-decoration:none;color:inherit}small{color:#59636e}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:1.5rem}figure{margin:0}figcaption{font-weight:600;margin-bottom:.25rem}.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;width:100%}th,td{padding:.25rem .5rem;border-bottom:1px solid #d0d7de;text-align:left;vertical-align:top;white-space:nowrap;max-width:36ch;overflow:hidden;text-overflow:ellipsis}th{background:#f6f8fa}.n{text-align:right;font-variant-numeric:tabular-nums}@media print{nav{display:none}.scroll{overflow:visible}}";

const barHeight = 22;
const chartOf = ({ title, unit, bars }: Chart): string => {
  const most = bars.reduce((max, { micros }) => (abs(micros) > max ? abs(micros) : max), 1n);
  const rows = bars.map(({ name, micros, label }, index) => {
    const width = Number((abs(micros) * 1_000n) / most) / 10;
    const y = index * barHeight;
    return `<text x="0" y="${y + 15}" font-size="12">${escaped(name)}</text><rect x="160" y="${y + 4}" width="${(width * 1.5).toFixed(1)}" height="14" fill="${micros < 0n ? "#cf222e" : "#0969da"}"/><text x="${(164 + width * 1.5).toFixed(1)}" y="${y + 15}" font-size="11">${escaped(label)}</text>`;
  });
  return `<figure><figcaption>${escaped(title)} <small>${escaped(unit)}</small></figcaption><svg viewBox="0 0 400 ${Math.max(1, bars.length) * barHeight}" width="100%" role="img" aria-label="${escaped(title)}">${rows.join("")}</svg></figure>`;
};
const abs = (value: bigint): bigint => (value < 0n ? -value : value);

const tableOf = ({ name, title, about, columns, rows }: PackTable): string => {
  const shown = rows.slice(0, rowsShownMax);
  const more =
    rows.length > shown.length ? ` The first ${shown.length} of ${rows.length} rows; all are in ${name}.csv.` : "";
  const heads = columns.map(
    ({ name: column, kind }) =>
      `<th${kind === "text" ? "" : ' class="n"'}>${escaped(column.replaceAll("_", " "))}</th>`,
  );
  const body = shown.map(
    (row) =>
      `<tr>${row.map((cell) => `<td${cell !== null && typeof cell !== "string" ? ' class="n"' : ""} title="${escaped(cellText(cell))}">${escaped(cellText(cell))}</td>`).join("")}</tr>`,
  );
  const table =
    rows.length === 0
      ? "<p>None.</p>"
      : `<div class="scroll"><table><thead><tr>${heads.join("")}</tr></thead><tbody>${body.join("\n")}</tbody></table></div>`;
  return `<section id="${escaped(name)}"><h2>${escaped(title)}</h2><p><small>${escaped(about)}${more}</small></p>${table}</section>`;
};

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
