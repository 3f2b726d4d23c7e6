/** A deal made of a referral that others brought: the other direction of `map.ts`. Pure. */
import {
  type AccountInput,
  accountInputSchema,
  type Contact,
  contactSchema,
  type DealStage,
  type Json,
  type Observation,
  opportunityInputSchema,
} from "../../src/domain/deal.ts";
import { moneyJsonSchema } from "../../src/domain/money.ts";
import type { Outcome, ReferredDeal } from "../contract.ts";
import { isObject, textsOf } from "../text.ts";
import { type Document, type Path, read } from "./document.ts";
import { stagePercents } from "./map.ts";
import { readRecord } from "./record.ts";

const isStage = (word: string): word is DealStage => opportunityInputSchema.shape.stage.safeParse(word).success;
const stages: ReadonlyMap<string, DealStage> = new Map(
  Object.entries(stagePercents).flatMap(([stage, percent]) => (isStage(stage) ? [[percent, stage] as const] : [])),
);

/** Programme fields that a deal keeps as Microsoft has them. */
const programmeFields: readonly (readonly [field: string, path: Path])[] = [
  ["solutions", "solutions"],
  ["consentToContact", "consentToContact"],
  ["customerSize", "customer.size"],
  ["products", "products"],
  ["services", "services"],
  ["industries", "industries"],
  ["solutionArea", "solutionArea"],
  ["solutionPlay", "solutionPlay"],
  ["partnerRole", "partnerRole"],
  ["campaignId", "campaignId"],
];

const textIn = (document: Document, path: Path): string | null => {
  const value = document[path];
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
};
const fits = <T>(
  schema: { readonly safeParse: (value: unknown) => { readonly success: boolean; readonly data?: T } },
  value: unknown,
): T | null => schema.safeParse(value).data ?? null;

/** The deal that the referral describes; members that do not fit a deal of ours are left out. */
export const dealOf = (record: Observation): ReferredDeal => {
  const { raw, referral } = readRecord(record.body);
  const document = read(raw);
  const text = (path: Path) => textIn(document, path);
  const money = fits(moneyJsonSchema, document.value);
  const programme: Record<string, Json> = {};
  for (const [field, path] of programmeFields) {
    const value = document[path];
    if (value !== undefined && (!Array.isArray(value) || (textsOf(value)?.length ?? 0) > 0)) programme[field] = value;
  }
  const deal = {
    title: (text("name") ?? referral.customerProfile?.name ?? `Referral ${record.ref.id}`).slice(0, 255),
    account: accountOf(document, record.ref.id),
    contacts: contactsOf(document["customer.team"]),
    problem: text("notes")?.slice(0, 8_000) ?? null,
    stage: stages.get(text("salesStage") ?? "") ?? "prospect",
    closeDate: fits(opportunityInputSchema.shape.closeDate, text("closing")),
    amount: money,
    termMonths: null,
    type: "new",
    nextSteps: null,
    lostReason: text("reason")?.slice(0, 255) ?? null,
    programmes: Object.keys(programme).length === 0 ? {} : { azure: programme },
  };
  const done = (key: string): Outcome => ({
    key,
    ref: { id: record.ref.id, ...(record.ref.arn ? { arn: record.ref.arn } : {}) },
    version: key === "create" ? record.version : null,
    task: null,
  });
  return {
    deal: opportunityInputSchema.omit({ source: true, key: true }).parse(deal),
    // Nobody is invited into what others brought: that write counts as done, with or without Microsoft in it.
    done: [done("create"), done("invite")],
    isUnsubmitted: false,
  };
};

const accountOf = (document: Document, remoteId: string): AccountInput => {
  const at = (path: Path): string | null => textIn(document, path)?.slice(0, 255) ?? null;
  const { shape } = accountInputSchema;
  return {
    name: at("customer.name") ?? `Customer of ${remoteId}`,
    website: null,
    country: fits(shape.country, at("customer.country")) ?? null,
    state: at("customer.state"),
    city: at("customer.city"),
    postalCode: fits(shape.postalCode, at("customer.postalCode")) ?? null,
    street: at("customer.street"),
    industry: null,
    duns: fits(shape.duns, at("customer.duns")) ?? null,
  };
};

/** The customer's people. Microsoft's own team never comes here. */
const contactsOf = (value: Json | undefined): readonly Contact[] =>
  (Array.isArray(value) ? value : []).slice(0, 10).flatMap((person: Json) => {
    if (!isObject(person)) return [];
    const { email, firstName, lastName, title, phoneNumber } = person;
    const parsed = contactSchema.safeParse({ role: "customer", email, firstName, lastName, title, phone: phoneNumber });
    return parsed.success ? [parsed.data] : [];
  });
