/** From the cells of a CRM export to deals: the plan is checked against the header line once, then each row is read by it. */

import { formulaRestored } from "../domain/csv.ts";
import { type OpportunityInput, opportunityInputSchema } from "../domain/deal.ts";
import { readCell } from "./cells.ts";
import {
  type Column,
  columnNames,
  columnOf,
  fixedColumns,
  headerNames,
  isProgrammeColumn,
  plainName,
} from "./columns.ts";
import type { Mapping } from "./mapping.ts";
import { didYouMean } from "./nearest.ts";
import { type FieldKinds, readField } from "./programme-fields.ts";

/** One thing wrong with the header line or with a cell. `position` counts columns from 1; 0 is the row as a whole. */
export interface CellFault {
  readonly position: number;
  /** The header as the file has it, or our column where the file has none. */
  readonly column: string;
  readonly message: string;
  readonly fix: string;
}

interface Planned {
  readonly position: number;
  readonly header: string;
  readonly column: Column;
}
export interface Plan {
  readonly headers: readonly string[];
  readonly planned: readonly Planned[];
  readonly mapping: Mapping;
  readonly kinds: FieldKinds;
}
export interface PlanInput {
  readonly headers: readonly string[];
  readonly mapping: Mapping;
  readonly kinds: FieldKinds;
}
export type PlanResult =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly faults: readonly CellFault[] };
export type RowResult =
  | { readonly ok: true; readonly input: OpportunityInput }
  | { readonly ok: false; readonly faults: readonly CellFault[] };

/** Which column is what, or everything that is wrong with the header line. */
export const planRows = ({ headers, mapping, kinds }: PlanInput): PlanResult => {
  const faults: CellFault[] = [];
  const planned: Planned[] = [];
  const ignored = new Set(mapping.ignore.map(plainName));
  const mapped = new Map(Object.entries(mapping.columns).map(([header, name]) => [header.trim(), name]));
  for (const [index, written] of headers.entries()) {
    const header = formulaRestored(written).trim();
    const position = index + 1;
    const fault = (message: string, fix: string): void => {
      faults.push({ position, column: header, message, fix });
    };
    if (header === "") {
      fault("the column has no header", "name the column, or delete it");
      continue;
    }
    if (ignored.has(plainName(header))) continue;
    const column = columnOf(mapped.get(header) ?? header);
    if (column === null) {
      fault(
        `unknown column${didYouMean(header, headerNames)}`,
        `rename it, map it in a mapping file, or leave it out with --ignore ${JSON.stringify(header)}`,
      );
      continue;
    }
    const before = planned.find((other) => other.column.name === column.name);
    if (before !== undefined) {
      const also =
        before.header === header ? "it stands" : `${JSON.stringify(before.header)} means the same and stands`;
      fault(
        `duplicate column: ${also} in column ${before.position}`,
        `keep one, or leave one out with --ignore ${JSON.stringify(header)}`,
      );
      continue;
    }
    const unknownField = unknownProgrammeField(column.name, kinds);
    if (unknownField !== null)
      fault(unknownField, `rename it, or leave it out with --ignore ${JSON.stringify(header)}`);
    planned.push({ position, header, column });
  }
  for (const unused of unusedMappings(headers, mapped)) faults.push(unused);
  for (const column of fixedColumns.filter((known) => known.required === true)) {
    if (planned.some((known) => known.column.name === column.name) || mapping.defaults[column.name] !== undefined)
      continue;
    const fix =
      column.name === "source"
        ? "add --source <crm>, for example --source salesforce"
        : `add the column ${column.name}, or map one to it: {"columns": {"Their header": "${column.name}"}}`;
    faults.push({ position: 0, column: column.name, message: "the required column is missing", fix });
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, plan: { headers, planned, mapping, kinds } };
};

const unknownProgrammeField = (name: string, kinds: FieldKinds): string | null => {
  const [marketplace = "", field] = name.split(".");
  if (!isProgrammeColumn(name) || field === undefined) return null;
  const known = kinds.names(marketplace);
  const top = `${marketplace}.${field}`;
  if (known.length === 0 || known.includes(top)) return null;
  return `unknown field of ${marketplace}${didYouMean(name, known)}`;
};

const unusedMappings = (headers: readonly string[], mapped: ReadonlyMap<string, string>): readonly CellFault[] => {
  const present = headers.map((header) => header.trim());
  return [...mapped.keys()]
    .filter((header) => !present.includes(header))
    .map((header) => ({
      position: 0,
      column: header,
      message: `the mapping names a column that the file does not have${didYouMean(header, present)}`,
      fix: "correct the mapping file, or remove the entry",
    }));
};

/** Reads one row. The row has as many cells as the header line. */
export const readRow = (plan: Plan, cells: readonly string[]): RowResult => {
  const faults: CellFault[] = [];
  const values = new Map<string, unknown>();
  const fields: { readonly path: readonly string[]; readonly value: unknown; readonly from: Planned }[] = [];
  for (const from of withDefaults(plan)) {
    const { column, position, header } = from;
    const cell = cellText(plan, from, cells);
    if (cell === null) continue;
    if (isProgrammeColumn(column.name)) {
      const read = readField(plan.kinds.kindOf(column.name), cell);
      if (read === null)
        faults.push({
          position,
          column: header,
          message: "what follows json: is not JSON",
          fix: "correct it, or remove json:",
        });
      else fields.push({ path: column.name.split("."), value: read.value, from });
      continue;
    }
    const read = readCell(column, cell, plan.mapping);
    if (read.ok) values.set(column.path, read.value);
    else faults.push({ position, column: header, message: read.message, fix: read.fix });
  }
  const programmes = nestFields(fields, faults);
  const input = assemble(values, programmes);
  const parsed = opportunityInputSchema.safeParse(input.value);
  if (!parsed.success) {
    const told = new Set(faults.map((fault) => fault.column));
    for (const issue of parsed.error.issues) {
      const fault = faultAt(plan, input.pathOf(issue.path.map(String)), issue.message);
      if (!told.has(fault.column)) faults.push(fault);
    }
  }
  return parsed.success && faults.length === 0 ? { ok: true, input: parsed.data } : { ok: false, faults };
};

/** The columns of the file, then the defaults of columns that the file does not have. */
const withDefaults = (plan: Plan): readonly Planned[] => [
  ...plan.planned,
  ...Object.keys(plan.mapping.defaults).flatMap((name) => {
    const column = columnOf(name);
    const present = plan.planned.some((known) => known.column.name === name);
    return column === null || present ? [] : [{ position: 0, header: name, column }];
  }),
];

/** The text to read: restored, mapped, defaulted; null for an empty cell. */
const cellText = (plan: Plan, { column, position }: Planned, cells: readonly string[]): string | null => {
  const written = position === 0 ? "" : (cells[position - 1] ?? "");
  const cell = formulaRestored(written);
  const exact = column.kind === "prose" && !isProgrammeColumn(column.name);
  // A lone apostrophe is how an empty text is exported; only prose can be an empty text.
  const empty = exact ? written === "" : cell.trim() === "";
  if (empty) return plan.mapping.defaults[column.name] ?? null;
  const words = plan.mapping.values[column.name];
  if (words === undefined) return cell;
  const wanted = cell.trim();
  const same = Object.keys(words).find((word) => word.toLowerCase() === wanted.toLowerCase());
  return words[wanted] ?? (same === undefined ? undefined : words[same]) ?? cell;
};

const nestFields = (
  fields: readonly { readonly path: readonly string[]; readonly value: unknown; readonly from: Planned }[],
  faults: CellFault[],
): Record<string, unknown> => {
  const root: Record<string, unknown> = {};
  for (const { path, value, from } of fields) {
    let node = root;
    let clash = false;
    for (const name of path.slice(0, -1)) {
      const below = node[name] ?? {};
      if (!isRecord(below)) {
        clash = true;
        break;
      }
      node[name] = below;
      node = below;
    }
    const last = path.at(-1) ?? "";
    if (clash || node[last] !== undefined) {
      const message = "another column of this row sets the same field";
      faults.push({ position: from.position, column: from.header, message, fix: "leave one of the two empty" });
    } else node[last] = value;
  }
  return root;
};
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface Assembled {
  readonly value: unknown;
  /** Where a part of the value came from, in the columns' words. */
  readonly pathOf: (path: readonly string[]) => string;
}

const assemble = (values: ReadonlyMap<string, unknown>, programmes: Record<string, unknown>): Assembled => {
  const deal: Record<string, unknown> = {};
  const account: Record<string, unknown> = {};
  const contacts = new Map<string, Record<string, unknown>>();
  for (const [path, value] of values) {
    const [first = "", second = "", third = "", fourth = ""] = path.split(".");
    if (first === "account") account[second] = value;
    else if (first === "contacts") {
      const slot = `${second}.${third}`;
      contacts.set(slot, { ...contacts.get(slot), [fourth]: value });
    } else if (first !== "amount") deal[first] = value;
  }
  // A currency alone says nothing; many exports fill it in every row.
  if (values.has("amount.amount"))
    deal.amount = { amount: values.get("amount.amount"), currency: values.get("amount.currency") };
  const slots = [...contacts.keys()].toSorted(bySlot);
  const people = slots.map((slot) => ({ role: slot.split(".")[0], ...contacts.get(slot) }));
  return {
    value: { ...deal, account, contacts: people, programmes },
    pathOf: (path) => {
      if (path[0] !== "contacts" || path[1] === undefined) return path.join(".");
      return ["contacts", slots[Number(path[1])] ?? "", ...path.slice(2)].join(".");
    },
  };
};
const bySlot = (a: string, b: string): number => {
  const [roleA = "", ordinalA = ""] = a.split(".");
  const [roleB = "", ordinalB = ""] = b.split(".");
  return roleA === roleB ? Number(ordinalA) - Number(ordinalB) : roleA === "owner" ? -1 : 1;
};

/** A fault of the schema, or of the API, at the column it came from. */
export const faultAt = (plan: Plan, path: string, message: string): CellFault => {
  const near = plan.planned.find(({ column }) => column.path === path || column.name === path);
  const below = near ?? plan.planned.find(({ column }) => path !== "" && column.path.startsWith(`${path}.`));
  const name = below?.header ?? columnOfPath(path);
  return { position: below?.position ?? 0, column: name, message: plainMessage(message), fix: fixFor(path, name) };
};

const columnOfPath = (path: string): string => {
  const contact = /^contacts\.(owner|customer)\.(\d+)\.(\w+)$/.exec(path);
  if (contact !== null) {
    const [, role = "", ordinal = "1", field = ""] = contact;
    return `${role}${ordinal === "1" ? "" : ordinal}${field.charAt(0).toUpperCase()}${field.slice(1)}`;
  }
  return fixedColumns.find((column) => column.path === path)?.name ?? path;
};

const plainMessage = (message: string): string =>
  /received undefined|expected string, received/.test(message) ? "a value is needed here" : message;

const fixFor = (path: string, name: string): string => {
  if (path === "amount.currency")
    return "fill the currency column with a code such as USD, or give a default in the mapping";
  if (/^contacts\..*email$/.test(path)) return `fill ${name}, or clear the other cells of this contact`;
  return `fill or correct ${columnNames.includes(name) ? `the column ${name}` : JSON.stringify(name)}`;
};
