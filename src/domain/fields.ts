/**
 * A deal as named fields, who may change which, and the merge of what one side says into the deal. Pure.
 *
 * Three sides speak: the CRM (its import), ours (a person or key here) and the partner (their record). A side changes a
 * field only where it says something else than it said before; a repeated value never overwrites what came later.
 */
import canonicalize from "canonicalize";
import * as z from "zod";
import {
  type AccountInput,
  accountInputSchema,
  type Json,
  type JsonObject,
  jsonObjectSchema,
  marketplaceIds,
  type OpportunityInput,
  opportunityInputSchema,
} from "./deal.ts";
import { decimalToMicros, microsToDecimal } from "./money.ts";

const ownFields = [
  "title",
  "stage",
  "closeDate",
  "amount",
  "termMonths",
  "type",
  "problem",
  "nextSteps",
  "lostReason",
  "partner",
  "tag",
] as const;
const accountFields = [
  "name",
  "website",
  "country",
  "state",
  "city",
  "postalCode",
  "street",
  "industry",
  "duns",
] as const satisfies readonly (keyof AccountInput)[];

/** What a rule may be made for. `programmes` covers every programme-only field, such as aws.useCase. */
export const ruledFields = [
  ...ownFields,
  ...accountFields.map((name) => `account.${name}` as const),
  "contacts",
  "programmes",
] as const;
export type RuledField = (typeof ruledFields)[number];

export const sides = ["crm", "ours", "partner"] as const;
export type Side = (typeof sides)[number];
export const decisions = ["order", "latest"] as const;

/** Who may change a field, and who wins where two changed it without knowing of each other. */
export const ruleSchema = z.strictObject({
  field: z.enum(ruledFields),
  source: z.string().trim().min(1).max(40).nullable().default(null).describe("only deals of this CRM; null: all deals"),
  sides: z
    .array(z.enum(sides))
    .min(1)
    .refine((list) => new Set(list).size === list.length, "each side once")
    .describe("who may change the field; whose change wins, first to last"),
  decides: z.enum(decisions).describe("order: the side named first wins; latest: the later change wins"),
});
export type Rule = z.infer<typeof ruleSchema>;

const moving: ReadonlySet<RuledField> = new Set<RuledField>(["stage", "closeDate", "nextSteps", "lostReason"]);

/** The rule where nobody made another: what moves with the deal follows the latest word, the rest is the CRM's and never a partner's. */
export const defaultRule = (field: RuledField): Rule =>
  moving.has(field)
    ? { field, source: null, sides: ["crm", "ours", "partner"], decides: "latest" }
    : { field, source: null, sides: ["crm", "ours"], decides: "order" };

const isRuled = (name: string): name is RuledField => ruledFields.some((field) => field === name);

/** The rule for a field of a deal: the one made for its CRM, else the one for all, else the default. */
export const ruleFor = (rules: readonly Rule[], source: string, name: string): Rule => {
  const field = isRuled(name) ? name : "programmes";
  const made = (of: string | null) => rules.find((rule) => rule.field === field && rule.source === of);
  return made(source) ?? made(null) ?? defaultRule(field);
};

/** Field → value; absent: empty. Contacts stand as their count and a keyed mark, never as people. */
export type Fields = ReadonlyMap<string, Json>;

/** The part of a deal that has fields. */
export type DealValues = Omit<OpportunityInput, "source" | "key" | "contacts" | "taggedAt"> & {
  readonly taggedAt?: string | Date | null | undefined;
};

const amountOf = (amount: OpportunityInput["amount"]): Json => {
  const micros = amount ? decimalToMicros(amount.amount) : null;
  return amount && micros !== null ? { amount: microsToDecimal(micros), currency: amount.currency } : null;
};
const tagOf = ({ tag, taggedAt }: DealValues): Json =>
  tag ? { tag, taggedAt: taggedAt ? new Date(taggedAt).toISOString() : null } : null;

/** The fields of a deal, without contacts. */
export const fieldsOf = (deal: DealValues): Fields => {
  const values: Readonly<Record<string, Json | undefined>> = {
    ...Object.fromEntries(ownFields.map((name) => [name, deal[name]])),
    amount: amountOf(deal.amount),
    tag: tagOf(deal),
    ...Object.fromEntries(accountFields.map((name) => [`account.${name}`, deal.account[name]])),
  };
  const programmes = marketplaceIds.flatMap((marketplace) =>
    Object.entries(deal.programmes[marketplace] ?? {}).map(
      ([name, value]) => [`${marketplace}.${name}`, value] as const,
    ),
  );
  // A programme's own field may say null: that clears the partner's.
  const own = Object.entries(values).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [[name, value] as const],
  );
  return new Map([...own, ...programmes]);
};

const tagSchema = opportunityInputSchema.pick({ tag: true, taggedAt: true }).nullable();

/** The deal with these fields; the inverse of `fieldsOf`. Throws on values that no deal may have. */
export const dealOf = (fields: Fields): DealValues => {
  const programmes: Record<string, JsonObject> = {};
  for (const marketplace of marketplaceIds) {
    const own = [...fields].filter(([name]) => name.startsWith(`${marketplace}.`));
    if (own.length > 0)
      programmes[marketplace] = Object.fromEntries(
        own.map(([name, value]) => [name.slice(marketplace.length + 1), value]),
      );
  }
  return dealValuesSchema.parse({
    ...Object.fromEntries(ownFields.map((name) => [name, fields.get(name)])),
    ...(tagSchema.parse(fields.get("tag") ?? null) ?? { tag: null }),
    account: Object.fromEntries(accountFields.map((name) => [name, fields.get(`account.${name}`)])),
    programmes,
  });
};
const dealValuesSchema = opportunityInputSchema.omit({ source: true, key: true, contacts: true });

/** Whether a deal may have this value there. */
export const isPossible = (name: string, value: Json): boolean => {
  const account = accountFields.find((field) => name === `account.${field}`);
  if (account !== undefined) return accountInputSchema.shape[account].safeParse(value).success;
  const own = ownFields.find((field) => name === field);
  if (own === undefined) return false;
  return own === "tag" ? tagSchema.safeParse(value).success : dealValuesSchema.shape[own].safeParse(value).success;
};

/** One side's last word on one field. */
export interface Entry {
  /** Absent: the side no longer says anything. */
  readonly value?: Json | undefined;
  readonly at: string;
  readonly actorId: string;
  /** The deal has this value from here. */
  readonly holds?: true | undefined;
}
/** What one side last said of a deal, field by field. */
export interface Said {
  /** crm:<name>, cosell, or the connection's id. */
  readonly source: string;
  readonly side: Side;
  readonly fields: Readonly<Record<string, Entry>>;
}
export const saidSchema: z.ZodType<Said> = z.object({
  source: z.string(),
  side: z.enum(sides),
  fields: z.record(
    z.string(),
    z.object({
      value: z.json().optional(),
      at: z.iso.datetime(),
      actorId: z.string(),
      holds: z.literal(true).optional(),
    }),
  ),
});

const exactly = (left: unknown, right: unknown): boolean =>
  left === right || (left !== undefined && right !== undefined && canonicalize(left) === canonicalize(right));

/** Whether two values mean the same. A tag without a day agrees with the same tag of any day. */
export const same = (name: string, left: Json | undefined, right: Json | undefined): boolean => {
  if (name !== "tag") return exactly(left, right);
  const [a, b] = [jsonObjectSchema.safeParse(left).data, jsonObjectSchema.safeParse(right).data];
  if (a === undefined || b === undefined) return a === b;
  return a.tag === b.tag && (a.taggedAt === null || b.taggedAt === null || a.taggedAt === b.taggedAt);
};

/** Who the deal has a value from, if that is still its value. */
export const holderOf = (all: readonly Said[], name: string, current: Json | undefined): (Said & Entry) | null => {
  for (const said of all) {
    const entry = said.fields[name];
    if (entry?.holds === true && same(name, entry.value, current)) return { ...said, ...entry };
  }
  return null;
};

/** A side's wish to change a field. */
export interface Claim {
  readonly name: string;
  readonly value: Json | undefined;
  /** The side knew the deal's value when it made the change: then nothing conflicts. */
  readonly isInformed: boolean;
}

/** What one side says now. */
export interface Statement {
  readonly source: string;
  readonly side: Side;
  /** When the side changed what it says. */
  readonly at: Date;
  readonly actorId: string;
  /** Everything it says, also what is not new. */
  readonly values: Fields;
  readonly claims: readonly Claim[];
}

export interface Refused {
  readonly name: string;
  readonly why: string;
  /** The side says so for the first time. */
  readonly isNews: boolean;
}

export interface Merged {
  readonly fields: Fields;
  /** Fields whose value changes. */
  readonly taken: readonly string[];
  /** Changes that are not taken; they stay visible as what that side says. */
  readonly refused: readonly Refused[];
  /** What the sides say now, where that differs from before. */
  readonly said: readonly Said[];
}

/** What a CRM changes by saying `values`: all that differs from what it said before (never: from what the deal has). */
export const claimsOf = (current: Fields, before: Said | null, values: Fields): readonly Claim[] => {
  const names = new Set([...values.keys(), ...Object.keys(before?.fields ?? {})]);
  return [...names].flatMap((name): readonly Claim[] => {
    const base = before === null ? current.get(name) : before.fields[name]?.value;
    const value = values.get(name);
    return exactly(base, value) ? [] : [{ name, value, isInformed: same(name, base, current.get(name)) }];
  });
};

/** What a person here changes by saying `values`: all that differs from the deal, which they had read. */
export const editsOf = (current: Fields, values: Fields): readonly Claim[] => {
  const names = new Set([...values.keys(), ...current.keys()]);
  return [...names].flatMap((name): readonly Claim[] => {
    const value = values.get(name);
    return same(name, value, current.get(name)) ? [] : [{ name, value, isInformed: true }];
  });
};

/** Null: the change is taken; else why it is not. */
const objection = (
  by: { readonly side: Side; readonly at: Date; readonly isInformed: boolean },
  { rule, holder }: { readonly rule: Rule; readonly holder: (Said & Entry) | null },
): string | null => {
  if (!rule.sides.includes(by.side)) return `only ${rule.sides.join(" and ")} may change it`;
  if (by.isInformed || holder === null) return null;
  if (rule.decides === "latest" || holder.side === by.side)
    // Only a partner's word is dated elsewhere: the others are spoken here, one after the other, whatever their clocks say.
    return by.side !== "partner" || by.at >= new Date(holder.at) ? null : `${holder.side} changed it later`;
  const rank = (side: Side): number => (rule.sides.includes(side) ? rule.sides.indexOf(side) : sides.length);
  return rank(by.side) < rank(holder.side) ? null : `${holder.side} changed it too and goes first`;
};

/**
 * The deal after a statement. Each field is decided for itself; what is not taken is kept as said. Merging the same
 * statement again changes nothing.
 */
export const merge = (
  deal: { readonly fields: Fields; readonly said: readonly Said[] },
  statement: Statement,
  rule: (name: string) => Rule,
): Merged => {
  const fields = new Map(deal.fields);
  const taken: string[] = [];
  const refused: Refused[] = [];
  const own = deal.said.find((said) => said.source === statement.source);
  const entries = new Map(Object.entries(own?.fields ?? {}));
  const word = { at: statement.at.toISOString(), actorId: statement.actorId };
  const entryOf = (value: Json | undefined): Entry => (value === undefined ? word : { value, ...word });
  /** A record may be read late: what it said before its last word is not heard. Here, word counts as it comes in. */
  const isLate = (name: string): boolean => statement.side === "partner" && (own?.fields[name]?.at ?? "") > word.at;
  const note = (name: string, value: Json | undefined): boolean => {
    const known = entries.get(name);
    if (isLate(name) || (known !== undefined && exactly(known.value, value))) return false;
    entries.set(name, entryOf(value));
    return true;
  };
  const news = new Set([...statement.values].flatMap(([name, value]) => (note(name, value) ? [name] : [])));
  for (const { name, value, isInformed } of statement.claims) {
    const current = fields.get(name);
    if (note(name, value)) news.add(name);
    if (isLate(name) || same(name, value, current)) continue;
    const against = { rule: rule(name), holder: holderOf(deal.said, name, current) };
    const why = objection({ ...statement, isInformed }, against);
    if (why !== null) {
      refused.push({ name, why, isNews: news.has(name) });
      continue;
    }
    if (value === undefined) fields.delete(name);
    else fields.set(name, value);
    taken.push(name);
    entries.set(name, { ...entryOf(value), holds: true });
  }
  if (statement.side === "crm")
    for (const [name, entry] of entries) {
      const current = fields.get(name);
      if (entry.holds === true || !same(name, entry.value, current)) continue;
      // Nobody is known to have set it: then the CRM that says it did.
      if (holderOf(deal.said, name, current) === null) entries.set(name, { ...entry, holds: true });
    }
  const mine: Said = { source: statement.source, side: statement.side, fields: Object.fromEntries(entries) };
  const others = deal.said
    .filter((said) => said.source !== statement.source)
    .flatMap((said): readonly Said[] => {
      if (!Object.entries(said.fields).some(([name, entry]) => taken.includes(name) && entry.holds === true)) return [];
      const kept = Object.entries(said.fields).map(([name, { holds, ...entry }]): [string, Entry] => [
        name,
        holds === true && !taken.includes(name) ? { ...entry, holds } : entry,
      ]);
      return [{ ...said, fields: Object.fromEntries(kept) }];
    });
  const isNew = own === undefined ? entries.size > 0 : !exactly(own.fields, mine.fields);
  return { fields, taken, refused, said: isNew ? [mine, ...others] : others };
};

const rankOf = (name: string): number => (isRuled(name) ? ruledFields.indexOf(name) : ruledFields.length);
/** Fields in the order in which people read a deal; programme fields last, by name. */
export const inOrder = (names: Iterable<string>): readonly string[] =>
  [...names].toSorted((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : a > b ? 1 : 0));
