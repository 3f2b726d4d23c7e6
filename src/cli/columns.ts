/** Which column of a CRM export is which part of a deal: our own names, and what Salesforce and HubSpot call them. */
import { attributionTags, dealStages, marketplaceIds } from "../domain/deal.ts";

/** How the text of a cell becomes a value. `text` is trimmed by the API's schema; `prose` is kept to the letter. */
export type CellKind = "text" | "prose" | "date" | "instant" | "decimal" | "currency" | "whole" | "country" | "choice";

export interface Column {
  readonly name: string;
  /** Where the value stands in an OpportunityInput. */
  readonly path: string;
  readonly kind: CellKind;
  readonly choices?: readonly string[];
  readonly required?: boolean;
  readonly aliases: readonly string[];
}

const column = (name: string, kind: CellKind, aliases: readonly string[], more: Partial<Column> = {}): Column => ({
  name,
  path: name,
  kind,
  aliases,
  ...more,
});

/** The fixed columns, in the order of an export. */
export const fixedColumns: readonly Column[] = [
  column("source", "text", ["crm", "crm source"], { required: true }),
  column("key", "text", ["opportunity id", "record id", "deal id", "crm id", "crm key", "id"], { required: true }),
  column("title", "text", ["opportunity name", "deal name", "name"], { required: true }),
  column("stage", "choice", ["deal stage", "stage name"], { choices: dealStages }),
  column("type", "choice", ["deal type", "opportunity type"], { choices: ["new", "expansion", "renewal"] }),
  column("problem", "prose", ["description", "deal description", "business problem", "customer business problem"]),
  column("closeDate", "date", ["close date", "expected close date", "target close date"]),
  column("amount", "decimal", ["deal amount", "expected amount"], { path: "amount.amount" }),
  column(
    "currency",
    "currency",
    ["amount currency", "opportunity currency", "currency iso code", "deal currency code"],
    {
      path: "amount.currency",
    },
  ),
  column("termMonths", "whole", ["term months", "contract term months", "contract term", "term in months"]),
  column("nextSteps", "prose", ["next step", "next steps"]),
  column("lostReason", "text", ["closed lost reason", "loss reason", "lost reason"]),
  column("partner", "text", ["partner account", "partner name", "associated partner"]),
  column("tag", "choice", ["attribution", "partner tag", "attribution tag"], { choices: attributionTags }),
  column("taggedAt", "instant", ["tagged at"]),
  column("account.name", "text", ["account name", "associated company", "company name", "company"], { required: true }),
  column("account.website", "text", [
    "website",
    "website url",
    "account website",
    "company domain name",
    "company domain",
  ]),
  column("account.country", "country", [
    "country",
    "country code",
    "billing country",
    "billing country code",
    "country region",
  ]),
  column("account.state", "text", [
    "state",
    "state region",
    "state or region",
    "billing state",
    "billing state province",
  ]),
  column("account.city", "text", ["city", "billing city"]),
  column("account.postalCode", "text", [
    "postal code",
    "zip",
    "zip code",
    "billing zip",
    "billing zip postal code",
    "billing postal code",
  ]),
  column("account.street", "text", ["street", "street address", "billing street", "billing address line 1"]),
  column("account.industry", "text", ["industry", "account industry"]),
  column("account.duns", "text", ["duns", "d u n s number", "duns number", "data universal number"]),
];

const contactParts = [
  ["Email", "email"],
  ["FirstName", "firstName"],
  ["LastName", "lastName"],
  ["Title", "title"],
  ["Phone", "phone"],
] as const;
const contactAliases: Readonly<Record<string, readonly string[]>> = {
  ownerEmail: ["opportunity owner email", "deal owner email"],
  ownerFirstName: ["opportunity owner first name"],
  ownerLastName: ["opportunity owner last name"],
  ownerTitle: ["opportunity owner title"],
  ownerPhone: ["opportunity owner phone"],
  customerEmail: ["contact email", "primary contact email"],
  customerFirstName: ["contact first name", "primary contact first name"],
  customerLastName: ["contact last name", "primary contact last name"],
  customerTitle: ["contact title", "primary contact title"],
  customerPhone: ["contact phone", "primary contact phone"],
};
const contactPattern = /^(owner|customer)([2-9]|1[0-9]|20)?(Email|FirstName|LastName|Title|Phone)$/;

/** Columns of the `ordinal`th contact of a role: ownerEmail, …; customer2Email, … from the second on. */
export const contactColumns = (role: "owner" | "customer", ordinal: number): readonly Column[] =>
  contactParts.map(([suffix, field]) => {
    const name = `${role}${ordinal === 1 ? "" : ordinal}${suffix}`;
    return column(name, "text", contactAliases[name] ?? [], { path: `contacts.${role}.${ordinal}.${field}` });
  });

const programmePattern = new RegExp(`^(?:${marketplaceIds.join("|")})(?:\\.[A-Za-z][A-Za-z0-9_]{0,63}){0,5}$`);
/** True for `aws`, `aws.useCase`, `aws.marketing.source`: a field that only one programme asks for. */
export const isProgrammeColumn = (name: string): boolean => programmePattern.test(name);

const plainColumns: readonly Column[] = [
  ...fixedColumns,
  ...contactColumns("owner", 1),
  ...contactColumns("customer", 1),
];

/** Letters and digits only, lower case: `Billing State/Province` and `billing_state_province` are one. */
export const plainName = (header: string): string =>
  header
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "");

const byPlainName: ReadonlyMap<string, Column> = new Map(
  plainColumns.flatMap((known) => [known.name, ...known.aliases].map((name) => [plainName(name), known] as const)),
);

/** The column that a header names, or null. */
export const columnOf = (header: string): Column | null => {
  const name = header.trim();
  if (isProgrammeColumn(name)) return column(name, "prose", [], { path: `programmes.${name}` });
  const contact = contactPattern.exec(name);
  if (contact !== null) {
    const role = contact[1] === "owner" ? "owner" : "customer";
    return contactColumns(role, Number(contact[2] ?? 1)).find((known) => known.name === name) ?? null;
  }
  return byPlainName.get(plainName(name)) ?? null;
};

/** Our own names of all columns, for suggestions and messages. */
export const columnNames: readonly string[] = plainColumns.map((known) => known.name);
export const headerNames: readonly string[] = plainColumns.flatMap((known) => [known.name, ...known.aliases]);
