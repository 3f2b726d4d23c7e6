/** Rules about the customer and the people of a deal. */

import type { Contact } from "../../src/domain/deal.ts";
import { isPossible } from "../../src/domain/fields.ts";
import { type Finding, finding, none } from "../findings.ts";
import { type Case, needs, type Rule, sources, textAt } from "./checks.ts";
import { flagOf } from "./map.ts";

/** What a person of a referral must have, by our field. */
const personParts = [
  ["firstName", "a first name"],
  ["lastName", "a last name"],
  ["phone", "a telephone number"],
  ["email", "an e-mail address"],
] as const satisfies readonly (readonly [keyof Contact, string])[];

/** At least one person in the role is complete. Which one is told of, is told by place: findings name nobody. */
const complete = (given: Case, role: Contact["role"], whose: string): readonly Finding[] => {
  const people = given.draft.contacts.filter((contact) => contact.role === role);
  if (people.some((contact) => personParts.every(([part]) => Boolean(contact[part])))) return none;
  return people.slice(0, 1).flatMap((contact, index): readonly Finding[] => {
    const missing = personParts.filter(([part]) => !contact[part]).map(([, name]) => name);
    return missing.length === 0
      ? none
      : finding(
          "required",
          `${whose} ${index + 1} has no ${missing.map((name) => name.replace(/^an? /, "")).join(", no ")}; Microsoft needs it.`,
          `Give ${whose.toLowerCase()} ${index + 1} ${missing.join(", ")}.`,
        );
  });
};

export const peopleRules: readonly Rule[] = [
  {
    id: "azure.customer.name",
    about: "customer.name",
    when: "always",
    says: "The customer's name is required.",
    source: sources.create,
    check: needs("customer.name", "the customer's name", '"Contoso"'),
  },
  {
    id: "azure.customer.country",
    about: "customer.country",
    when: "always",
    says: "The customer's country, as two letters of ISO 3166-1.",
    source: sources.connector,
    check: (given) => {
      const country = textAt(given.document, "customer.country");
      if (country === "") return needs("customer.country", "the customer's country", '"US"')(given);
      return isPossible("account.country", country) && isRegion(country)
        ? none
        : finding(
            "bad_format",
            `${JSON.stringify(country.slice(0, 8))} is no country of ISO 3166-1.`,
            'Type its two letters, for example "DE".',
          );
    },
  },
  {
    id: "azure.team.required",
    about: "team",
    when: "submission",
    says: "At least one of our people, each with name, telephone number and e-mail address.",
    source: sources.create,
    check: (given) =>
      given.draft.contacts.some(({ role }) => role === "owner")
        ? complete(given, "owner", "Our seller").map((found) => ({ ...found, field: "contacts.owner" }))
        : [
            {
              code: "required",
              message: "Microsoft needs one of our people on the deal, and nobody is named.",
              fix: "Name the owner of the deal with first and last name, telephone number and e-mail address.",
              field: "contacts.owner",
            },
          ],
  },
  {
    id: "azure.customer-contact.required",
    about: "customer.team",
    when: "submission",
    says: "A contact at the customer with name, telephone number and e-mail address, where Microsoft is asked to help.",
    source: sources.connector,
    check: (given) => {
      if (given.type !== "co_sell") return none;
      return given.draft.contacts.some(({ role }) => role === "customer")
        ? complete(given, "customer", "Customer contact").map((found) => ({ ...found, field: "contacts.customer" }))
        : [
            {
              code: "required",
              message: "Microsoft is asked to help and no contact at the customer is named.",
              fix: "Name a person at the customer, or share the deal as partner_led.",
              field: "contacts.customer",
            },
          ];
    },
  },
  {
    id: "azure.consent.stated",
    about: "consentToContact",
    when: "submission",
    says: "Where Microsoft is asked to help, it must be said whether the customer agrees to be contacted.",
    source: sources.create,
    check: ({ fields, type }) =>
      type === "co_sell" && flagOf(fields.consentToContact) === null
        ? finding(
            "required",
            "Microsoft is asked to help, and it is not said whether the customer agrees to be contacted.",
            "Ask the customer, then set azure.consentToContact to true or false.",
          )
        : none,
  },
];

const regions = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
/** Codes that ISO leaves to its users, or keeps for what is no country. Kosovo's is used as if it were one. */
const notCountries = /^(AA|Q[M-Z]|X[A-JL-Z]|ZZ|EU|EZ|UN)$/;
/** Two letters that stand for a country of today. */
const isRegion = (code: string): boolean => {
  if (notCountries.test(code)) return false;
  try {
    return regions.of(code) !== undefined;
  } catch {
    return false;
  }
};
