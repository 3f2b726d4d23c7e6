/**
 * The editable document: the part of our own referral that an update may change, flat, in values that compare exactly: money as one
 * value, a close date as a day, people by their e-mail. `read` makes it of a referral, `patchOf` turns changes into JSON
 * Patch, of which Partner Center takes `replace` and `add` only:
 * https://learn.microsoft.com/en-us/partner-center/developer/patch-a-referral
 */
import canonicalize from "canonicalize";
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import { decimalToMicros, microsToDecimal } from "../../src/domain/money.ts";
import { createMerger, type MemberValues } from "../merge.ts";
import { isObject, objectOf } from "../text.ts";

/** Member → the field in our vocabulary, which gaps and people are told. The keys are the whole editable document. */
export const ourFields = {
  name: "title",
  externalReferenceId: "key",
  "customer.name": "account.name",
  "customer.street": "account.street",
  "customer.city": "account.city",
  "customer.state": "account.state",
  "customer.postalCode": "account.postalCode",
  "customer.country": "account.country",
  "customer.size": "azure.customerSize",
  "customer.duns": "account.duns",
  "customer.team": "contacts",
  consentToContact: "azure.consentToContact",
  notes: "problem",
  value: "amount",
  closing: "closeDate",
  solutions: "azure.solutions",
  industries: "azure.industries",
  products: "azure.products",
  services: "azure.services",
  team: "contacts",
  campaignId: "azure.campaignId",
  partnerRole: "azure.partnerRole",
  solutionArea: "azure.solutionArea",
  solutionPlay: "azure.solutionPlay",
  salesStage: "azure.salesStage",
  /** Won or Lost, once the referral is closed. */
  end: "stage",
  reason: "lostReason",
} as const;
export type Path = keyof typeof ourFields;
const isPath = (text: string): text is Path => Object.hasOwn(ourFields, text);
export const paths: readonly Path[] = Object.keys(ourFields).filter(isPath);
export type Document = MemberValues<Path>;

/** Where Microsoft keeps a member, as a JSON Pointer. */
export const pointers = {
  name: "/name",
  externalReferenceId: "/externalReferenceId",
  "customer.name": "/customerProfile/name",
  "customer.street": "/customerProfile/address/addressLine1",
  "customer.city": "/customerProfile/address/city",
  "customer.state": "/customerProfile/address/state",
  "customer.postalCode": "/customerProfile/address/postalCode",
  "customer.country": "/customerProfile/address/country",
  "customer.size": "/customerProfile/size",
  "customer.duns": "/customerProfile/ids",
  "customer.team": "/customerProfile/team",
  consentToContact: "/consent/consentToContact",
  notes: "/details/notes",
  value: "/details/dealValue",
  closing: "/details/closingDateTime",
  solutions: "/details/requirements/solutions",
  industries: "/details/requirements/industries",
  products: "/details/requirements/products",
  services: "/details/requirements/services",
  team: "/team",
  campaignId: "/campaignId",
  partnerRole: "/partnerRole",
  solutionArea: "/solutionArea",
  solutionPlay: "/solutionPlay",
  salesStage: "/salesStage",
  end: "/status",
  reason: "/statusReason",
} as const satisfies Record<Path, string>;

const idLists: ReadonlySet<Path> = new Set<Path>(["solutions", "industries", "products", "services"]);
const peopleLists: ReadonlySet<Path> = new Set<Path>(["team", "customer.team"]);

/** A member of a list, the one that stands in its place, or none. */
export const itemsOf = (value: Json | undefined): readonly JsonObject[] =>
  (Array.isArray(value) ? value : [value]).filter((item) => isObject(item) && Object.keys(item).length > 0);

const at = (root: JsonObject, pointer: string): Json | undefined =>
  pointer
    .slice(1)
    .split("/")
    .reduce<Json | undefined>((value, name) => objectOf(value)[name], root);

/** A decimal as Microsoft writes it, text or number, in our spelling; null when it is none. */
export const amountOf = (value: Json | undefined): string | null => {
  const micros = typeof value === "string" || typeof value === "number" ? decimalToMicros(String(value).trim()) : null;
  return micros === null ? null : microsToDecimal(micros);
};
/** The members of a person that both sides have; absent where empty. */
export const personOf = (wire: JsonObject): JsonObject => {
  const text = (name: string): Readonly<Record<string, string>> => {
    const value = wire[name];
    return typeof value === "string" && value.trim() !== "" ? { [name]: value.trim() } : {};
  };
  return { ...text("firstName"), ...text("lastName"), ...text("email"), ...text("phoneNumber"), ...text("title") };
};
const emailOf = (person: JsonObject): string => String(person.email ?? "").toLowerCase();
/** Microsoft's connector writes words, payloads hold percentages: both are told as a percentage where we know it. */
const stageWords: Readonly<Record<string, string>> = { qualify: "20", develop: "40", propose: "60", close: "80" };
const percentOf = (value: Json): string => {
  const text = String(value).trim().replace(/\s*%$/, "");
  return stageWords[text.toLowerCase()] ?? text;
};

const readers: Readonly<Partial<Record<Path, (value: Json, referral: JsonObject) => Json | undefined>>> = {
  value: (value, referral) => {
    const amount = amountOf(value);
    const currency = at(referral, "/details/currency");
    return amount === null || typeof currency !== "string" ? undefined : { amount, currency };
  },
  closing: (value) => /^\d{4}-\d\d-\d\d/.exec(String(value))?.[0],
  end: (value, { substatus }) => (value === "Closed" && typeof substatus === "string" ? substatus : undefined),
  salesStage: percentOf,
  "customer.duns": (value) => itemsOf(value).find(({ profileType }) => profileType === "Duns")?.id,
};

/** Their document: every member that has a value, in the values we compare. */
export const read = (referral: JsonObject): Document =>
  Object.fromEntries(
    paths.flatMap((path): readonly (readonly [Path, Json])[] => {
      const raw = at(referral, pointers[path]);
      if (raw === undefined || raw === null) return [];
      const value = idLists.has(path)
        ? itemsOf(raw).flatMap(({ id }) => (typeof id === "string" && id !== "" ? [id] : []))
        : peopleLists.has(path)
          ? itemsOf(raw).map(personOf)
          : (readers[path] ?? ((plain) => plain))(raw, referral);
      return value === undefined || meaning(path, value) === "" ? [] : [[path, value]];
    }),
  );

/** One text per meaning: the order of members, of people and of ids says nothing; none, null and empty are one. */
export const meaning = (path: Path, value: Json | undefined): string => {
  if (value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)) return "";
  if (path === "salesStage") return percentOf(value);
  if (idLists.has(path) && Array.isArray(value)) return value.map(String).toSorted().join("\n");
  if (!peopleLists.has(path)) return canonicalize(value) ?? "";
  const people = itemsOf(value).map((person) => canonicalize({ ...personOf(person), email: emailOf(person) }) ?? "");
  return people.toSorted().join("\n");
};

/** Whether each of our people is among theirs with all that we state: whom else they have is theirs to say. */
const includes = (theirs: Json | undefined, ours: Json): boolean =>
  itemsOf(ours).every((person) => {
    const there = itemsOf(theirs).find((other) => emailOf(other) === emailOf(person));
    const stated = Object.entries({ ...personOf(person), email: emailOf(person) });
    const known: JsonObject = there === undefined ? {} : { ...personOf(there), email: emailOf(there) };
    return there !== undefined && stated.every(([name, value]) => known[name] === value);
  });

export const { merge, remember, remembered, markOf } = createMerger<Path>({
  paths,
  fieldOf: (path) => ourFields[path],
  meaning,
  isPersonal: (path) => peopleLists.has(path),
  covers: (path, theirs, ours) =>
    peopleLists.has(path) ? includes(theirs, ours) : meaning(path, ours) === meaning(path, theirs),
});

export type Operation = { readonly op: "replace" | "add"; readonly path: string; readonly value: Json };

/** Sets members of a copy of their referral and notes each step, so that a parent that is missing is added once. */
const createPatch = (referral: JsonObject) => {
  const operations: Operation[] = [];
  const copy: Record<string, unknown> = structuredClone(referral);
  const isNode = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const set = (pointer: string, value: Json): void => {
    const names = pointer.slice(1).split("/");
    let node = copy;
    for (const [depth, name] of names.entries()) {
      const next = node[name];
      const isLast = depth === names.length - 1;
      if (!isLast && isNode(next)) {
        node = next;
        continue;
      }
      const nested = names.slice(depth + 1).reduceRight<Json>((inner, key) => ({ [key]: inner }), value);
      const path = `/${names.slice(0, depth + 1).join("/")}`;
      operations.push({ op: Object.hasOwn(node, name) ? "replace" : "add", path, value: nested });
      node[name] = structuredClone(nested);
      return;
    }
  };
  return { operations, set };
};
type Patch = ReturnType<typeof createPatch>;

/** Adds the people they lack and corrects those they have; nobody is taken out. */
const setPeople = (patch: Patch, pointer: string, { theirs, ours }: { theirs: Json | undefined; ours: Json }): void => {
  if (!Array.isArray(theirs)) {
    patch.set(pointer, [...itemsOf(theirs), ...itemsOf(ours)]);
    return;
  }
  for (const person of itemsOf(ours)) {
    const index = theirs.findIndex((other) => emailOf(objectOf(other)) === emailOf(person));
    if (index < 0) patch.operations.push({ op: "add", path: `${pointer}/-`, value: person });
    else if (!includes([objectOf(theirs[index])], [person]))
      patch.operations.push({
        op: "replace",
        path: `${pointer}/${index}`,
        value: { ...objectOf(theirs[index]), ...person },
      });
  }
};

/** Their D-U-N-S number among other ids. */
const setDuns = (patch: Patch, theirs: Json | undefined, duns: Json): void => {
  const pointer = pointers["customer.duns"];
  const entry = { profileType: "Duns", id: duns };
  if (!Array.isArray(theirs)) {
    patch.set(pointer, [...itemsOf(theirs), entry]);
    return;
  }
  const index = theirs.findIndex((other) => objectOf(other).profileType === "Duns");
  if (index < 0) patch.operations.push({ op: "add", path: `${pointer}/-`, value: entry });
  else patch.operations.push({ op: "replace", path: `${pointer}/${index}/id`, value: duns });
};

/** Entries for ids: those that Microsoft has stay as they are, with all that it knows of them. */
const entriesOf = (ids: Json, theirs: Json | undefined, make: (id: string) => JsonObject): readonly JsonObject[] =>
  (Array.isArray(ids) ? ids.map(String) : []).map((id) => itemsOf(theirs).find((entry) => entry.id === id) ?? make(id));

export interface Change {
  readonly paths: readonly Path[];
  readonly document: Document;
  /** A solution's entry by its id. */
  readonly solutionOf: (id: string) => JsonObject;
}
/** The operations that bring their referral to the document, for the members that change. */
export const patchOf = (referral: JsonObject, change: Change): readonly Operation[] => {
  const patch = createPatch(referral);
  for (const path of change.paths) {
    const value = change.document[path] ?? null;
    const theirs = at(referral, pointers[path]);
    if (peopleLists.has(path)) setPeople(patch, pointers[path], { theirs, ours: value });
    else if (path === "customer.duns") setDuns(patch, theirs, value);
    else if (path === "solutions") patch.set(pointers[path], entriesOf(value, theirs, change.solutionOf));
    else if (idLists.has(path))
      patch.set(
        pointers[path],
        entriesOf(value, theirs, (id) => ({ id })),
      );
    else if (path === "value") {
      const money = objectOf(value);
      // Text: what documents send in a patch, and exact.
      patch.set("/details/dealValue", money.amount ?? null);
      patch.set("/details/currency", money.currency ?? null);
    } else if (path === "closing") patch.set(pointers[path], value === null ? null : `${String(value)}T00:00:00Z`);
    else if (path === "end") {
      patch.set("/status", "Closed");
      patch.set("/substatus", value);
    } else patch.set(pointers[path], value);
  }
  return patch.operations;
};
