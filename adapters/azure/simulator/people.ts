/** Who and what the simulated Microsoft invents: sellers, customers, words. Names and addresses are nobody's. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { Dice } from "../../simulator/dice.ts";
import { merged } from "../../simulator/document.ts";
import { addDays } from "../../simulator/ground.ts";
import { endOf } from "./records.ts";
import { microsoftId } from "./rules.ts";

const firstNames = ["Amara", "Bruno", "Chiara", "Devi", "Emil", "Fatima", "Goran", "Hana", "Idris", "Joana"] as const;
const lastNames = [
  "Okafor",
  "Lind",
  "Moretti",
  "Rao",
  "Novak",
  "Haddad",
  "Petrov",
  "Sato",
  "Mensah",
  "Duarte",
] as const;
const companies = [
  "Adatum",
  "Bellows",
  "Fabrikam",
  "Graphic",
  "Litware",
  "Margie's",
  "Northwind",
  "Proseware",
] as const;
const trades = ["Foods", "Freight", "Health", "Insurance", "Motors", "Retail", "Travel", "Works"] as const;
const places: readonly [JsonObject, ...JsonObject[]] = [
  { city: "Redmond", state: "WA", postalCode: "98052", country: "US", region: "Washington" },
  { city: "Leeds", state: "England", postalCode: "LS1 4AP", country: "GB", region: "West Yorkshire" },
  { city: "Utrecht", state: "UT", postalCode: "3511 AX", country: "NL", region: "Utrecht" },
];
const wishes = [
  "Customer wants to move its supply chain planning to the cloud and looks for a partner with a ready solution.",
  "Customer asks for help with forecasting, and for training of its own people.",
  "Customer has to replace an old data warehouse within the year.",
] as const;

const person = (dice: Dice, fate: string, role: string, domain: string): JsonObject => {
  const first = dice.pick(firstNames, fate, role, "first");
  const last = dice.pick(lastNames, fate, role, "last");
  const digits = String(Math.floor(dice.draw(fate, role, "phone") * 1e7)).padStart(7, "0");
  return {
    contactPreference: { locale: "en-us", disableNotifications: false },
    firstName: first,
    lastName: last,
    phoneNumber: `555${digits}`,
    email: `${first}.${last}@${domain}`.toLowerCase(),
  };
};

/** The sellers of Microsoft's on a deal that was accepted. */
export const sellersOf = (dice: Dice, fate: string): readonly JsonObject[] =>
  ["seller", "manager"].map((role) => person(dice, fate, role, "microsoft.example"));
/** The id of a deal in Microsoft's own CRM. */
export const msxIdOf = (dice: Dice, fate: string): string => `7-${dice.letters(10, fate, "msx").toUpperCase()}`;

const declines = [
  "Microsoft is already working on this deal with another partner.",
  "The deal is outside the focus of the account team.",
  "The customer is not managed by Microsoft.",
] as const;
export const declineOf = (dice: Dice, fate: string): string => dice.pick(declines, fate, "decline");

/** The kinds of what arrives, as its type, qualification and inviter tell them apart. */
export const referKinds = ["marketplace_lead", "qualified_lead", "co_sell"] as const;
export type ReferKind = (typeof referKinds)[number];

export interface Wish {
  readonly kind: ReferKind;
  readonly name?: string | undefined;
  readonly customerProfile?: JsonObject | undefined;
  readonly details?: JsonObject | undefined;
}
export interface Inviter {
  readonly organizationId: string;
  readonly organizationName: string;
}
export const microsoft: Inviter = { organizationId: microsoftId, organizationName: "Microsoft" };
/** The partner that invites another to its deal. */
export const inviterOf = (dice: Dice, fate: string): Inviter => ({
  organizationId: dice.uuid(fate, "inviter"),
  organizationName: `${dice.pick(companies, fate, "inviter")} Consulting`,
});

const qualificationOf = (kind: ReferKind, dice: Dice, fate: string): string => {
  if (kind === "marketplace_lead") return "Direct";
  return kind === "co_sell" || dice.draw(fate, "qualified") < 0.5 ? "SalesQualified" : "MarketingQualified";
};

/** A customer as an incoming referral describes it. */
const customerOf = (dice: Dice, fate: string): JsonObject => {
  const company = `${dice.pick(companies, fate, "company")} ${dice.pick(trades, fate, "trade")}`;
  const domain = `${company.toLowerCase().replaceAll(/[^a-z]/g, "")}.example`;
  return {
    name: company,
    address: {
      addressLine1: `${1 + Math.floor(dice.draw(fate, "house") * 99)} Main Street`,
      ...dice.pick(places, fate),
    },
    size: "51to250employees",
    team: [person(dice, fate, "customer", domain)],
    ids:
      dice.draw(fate, "duns") < 0.5
        ? [{ profileType: "Duns", id: String(1e8 + Math.floor(dice.draw(fate, "id") * 9e8)) }]
        : [],
  };
};

export interface Arrival {
  readonly fate: string;
  readonly now: Date;
  readonly expirationDays: number;
  readonly own: Inviter;
  readonly inviter: Inviter;
}
/** An incoming referral, as Microsoft's documents show each kind. A lead has no name; a wish may give one. */
export const arrivingDocument = (dice: Dice, wish: Wish, arrival: Arrival): JsonObject => {
  const { fate, now, own, inviter } = arrival;
  const { kind } = wish;
  const isLead = kind === "marketplace_lead";
  const isCoSell = kind === "co_sell";
  const customerProfile = merged(customerOf(dice, fate), wish.customerProfile ?? {});
  const details: JsonObject = {
    notes: dice.pick(wishes, fate, "notes"),
    ...(isLead ? {} : { dealValue: 1_000 * (10 + Math.floor(dice.draw(fate, "value") * 240)), currency: "USD" }),
    ...(isCoSell ? { closingDateTime: endOf(addDays(now, 90), 0) } : {}),
    requirements: {
      industries: [{ id: "Manufacturing" }],
      products: [{ id: "Azure" }],
      services: [{ id: "DeploymentOrMigration" }],
      ...(isLead ? {} : { solutions: [{ name: "Internet of Things", type: "Category", id: "InternetofThings" }] }),
    },
  };
  const invitedBy = isLead && dice.draw(fate, "silent") < 0.5 ? null : { ...inviter };
  return {
    ...own,
    name: wish.name ?? (isCoSell ? `${String(customerProfile.name)}: joint deal` : null),
    externalReferenceId: isLead ? "" : null,
    expirationDateTime: endOf(now, arrival.expirationDays),
    status: "New",
    substatus: "Pending",
    statusReason: null,
    qualification: qualificationOf(kind, dice, fate),
    type: isCoSell ? "Shared" : "Independent",
    target: [{ type: "BusinessProfileLocation", id: dice.uuid(fate, "location") }],
    customerProfile,
    consent: { consentToContact: true, ...(isLead ? {} : { consentToToShareInfoWithOthers: true }) },
    details: merged(details, wish.details ?? {}),
    ...(isLead
      ? { callToAction: "ContactMe", referralSource: "AppSource" }
      : { team: [person(dice, fate, "sender", isCoSell ? "consulting.example" : "microsoft.example")] }),
    inviteContext: invitedBy === null ? null : { notes: "Hoping you can help this customer.", invitedBy },
  };
};
