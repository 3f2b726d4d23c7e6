/**
 * Tables as an Office Open XML workbook (ECMA-376). Written here because libraries take amounts as floats: a cell's number stands
 * in the file as decimal text, exactly as it is known. No cell is a formula.
 */
import { strToU8, zipSync } from "fflate";
import { exponentOf } from "../domain/finance/amount.ts";
import { type Cell, cellText, isMoney, type PackTable } from "../domain/finance/pack/table.ts";

const cellCharactersMax = 32_767;
/** More rows than a person reads stand in the CSV alone; the sheet says so in its last row. */
const sheetRowsMax = 20_000;
/** Entries of the archive carry this time, so that the same tables are the same bytes. */
const archivedAt = new Date("1980-01-01T00:00:00Z");

/** The workbook's bytes; the same tables give the same bytes. */
export const workbookOf = (tables: readonly PackTable[]): Uint8Array => {
  const sheets = tables.map((table, index) => ({ table, file: `sheet${index + 1}.xml`, id: index + 1 }));
  const files: Record<string, string> = {
    "[Content_Types].xml": `${head}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>${sheets.map(({ file }) => `<Override PartName="/xl/worksheets/${file}" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`).join("")}</Types>`,
    "_rels/.rels": `${head}<Relationships xmlns="${relations}"><Relationship Id="rId1" Type="${office}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    "xl/workbook.xml": `${head}<workbook xmlns="${main}" xmlns:r="${office}"><sheets>${sheets.map(({ table, id }) => `<sheet name="${escaped(table.name.slice(0, 31))}" sheetId="${id}" r:id="rId${id}"/>`).join("")}</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `${head}<Relationships xmlns="${relations}">${sheets.map(({ file, id }) => `<Relationship Id="rId${id}" Type="${office}/worksheet" Target="worksheets/${file}"/>`).join("")}<Relationship Id="rId${sheets.length + 1}" Type="${office}/styles" Target="styles.xml"/></Relationships>`,
    "xl/styles.xml": styles,
  };
  for (const { table, file } of sheets) files[`xl/worksheets/${file}`] = sheetOf(table);
  const entries = Object.entries(files).map(([name, content]) => [name, strToU8(content)] as const);
  return zipSync(Object.fromEntries(entries), { level: 1, mtime: archivedAt });
};

const head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const relations = "http://schemas.openxmlformats.org/package/2006/relationships";

/** Styles by place: 0 plain, 1 bold, then amounts with 0, 2 and 3 decimals, and with as many as they have. */
const formats = ["#,##0", "#,##0.00", "#,##0.000", "#,##0.00####"];
const formatFirst = 170;
const styles = `${head}<styleSheet xmlns="${main}"><numFmts count="${formats.length}">${formats.map((format, index) => `<numFmt numFmtId="${formatFirst + index}" formatCode="${format}"/>`).join("")}</numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="${2 + formats.length}"><xf/><xf fontId="1" applyFont="1"/>${formats.map((_, index) => `<xf numFmtId="${formatFirst + index}" applyNumberFormat="1"/>`).join("")}</cellXfs></styleSheet>`;

const sheetOf = (table: PackTable): string => {
  const more = table.rows.length - sheetRowsMax;
  const rows: readonly (readonly Cell[])[] =
    more > 0 ? [...table.rows.slice(0, sheetRowsMax), [`${more} more rows are in ${table.name}.csv`]] : table.rows;
  const widths = table.columns.map(({ name }, index) =>
    Math.min(60, Math.max(name.length, ...rows.slice(0, 100).map((row) => cellText(row[index] ?? null).length)) + 2),
  );
  const header = rowOf(
    1,
    table.columns.map(({ name }, index) => inlineText(index, 1, { text: name, style: 1 })),
  );
  const body = rows.map((row, at) =>
    rowOf(
      at + 2,
      row.map((cell, index) => cellOf(cell, index, at + 2)),
    ),
  );
  const last = `${columnName(Math.max(0, table.columns.length - 1))}${rows.length + 1}`;
  return `${head}<worksheet xmlns="${main}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>${widths.map((width, index) => `<col min="${index + 1}" max="${index + 1}" width="${width}" customWidth="1"/>`).join("")}</cols><sheetData>${header}${body.join("")}</sheetData><autoFilter ref="A1:${last}"/></worksheet>`;
};

const rowOf = (number: number, cells: readonly string[]): string => `<row r="${number}">${cells.join("")}</row>`;

const cellOf = (cell: Cell, column: number, row: number): string => {
  if (cell === null || cell === "") return "";
  if (typeof cell === "string") return inlineText(column, row, { text: cell, style: 0 });
  const at = `${columnName(column)}${row}`;
  if (!isMoney(cell)) return `<c r="${at}"><v>${cellText(cell)}</v></c>`;
  return `<c r="${at}" s="${moneyStyle(cell.micros, cell.currency)}"><v>${cellText(cell)}</v></c>`;
};

const moneyStyle = (micros: bigint, currency: string): number => {
  const decimals = exponentOf(currency);
  if (micros % 10n ** BigInt(6 - decimals) !== 0n) return 5;
  return decimals === 0 ? 2 : decimals === 3 ? 4 : 3;
};

const inlineText = (
  column: number,
  row: number,
  { text, style }: { readonly text: string; readonly style: number },
): string =>
  `<c r="${columnName(column)}${row}" t="inlineStr"${style === 0 ? "" : ` s="${style}"`}><is><t xml:space="preserve">${escaped(text.slice(0, cellCharactersMax))}</t></is></c>`;

/** 0 is A, 26 is AA. */
const columnName = (index: number): string =>
  index < 26 ? String.fromCharCode(65 + index) : `${columnName(Math.floor(index / 26) - 1)}${columnName(index % 26)}`;

/** Characters that XML 1.0 does not have are left out. */
const escaped = (text: string): string =>
  text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
