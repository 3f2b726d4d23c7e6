/** Rules about the customer: who, where, industry. */
import { finding, none } from "../findings.ts";
import { hasLength, isListed, isNational, matches, needs, type Rule, sources, textAt } from "./checks.ts";
import { countryCodes, industries, usStates } from "./picklists.generated.ts";
import { countriesWithoutPostalCode, isPostalCode, postalFormats, postalSource } from "./postal.ts";

export const customerRules: readonly Rule[] = [
  {
    id: "aws.company-name.required",
    about: "Customer.Account.CompanyName",
    when: "always",
    says: "The customer's name is required, 1 to 120 characters.",
    source: sources.account,
    check: (given) => [
      ...(isNational(given.document)
        ? none
        : needs("Customer.Account.CompanyName", "the customer's name", '"Example Industries"')(given)),
      ...hasLength("Customer.Account.CompanyName", "the customer's name", [1, 120])(given),
    ],
  },
  {
    id: "aws.website.required",
    about: "Customer.Account.WebsiteUrl",
    when: "always",
    says: "The customer's website is required unless the deal is of national security; 4 to 255 characters.",
    source: sources.account,
    check: (given) => [
      ...(isNational(given.document)
        ? none
        : needs("Customer.Account.WebsiteUrl", "the customer's website", '"www.example.com"')(given)),
      ...hasLength("Customer.Account.WebsiteUrl", "the customer's website", [4, 255])(given),
    ],
  },
  {
    id: "aws.national-security.value",
    about: "NationalSecurity",
    when: "always",
    triggers: ["Customer.Account.Industry"],
    says: "National security is Yes or No; Yes only with industry Government.",
    source: sources.create,
    check: (given) => {
      const wrong = isListed({ path: "NationalSecurity", name: "an answer", list: ["Yes", "No"] })(given);
      if (wrong.length > 0) return wrong;
      return isNational(given.document) && textAt(given.document, "Customer.Account.Industry") !== "Government"
        ? finding(
            "conflicting",
            "AWS takes national security Yes only for customers in industry Government.",
            'Set aws.nationalSecurity to "No", or the industry to "Government".',
          )
        : none;
    },
  },
  {
    id: "aws.industry.required",
    about: "Customer.Account.Industry",
    when: "always",
    says: "The customer's industry is required and one of AWS's 28.",
    source: sources.account,
    check: (given) => [
      ...needs("Customer.Account.Industry", "the customer's industry", '"Software and Internet"')(given),
      ...isListed({ path: "Customer.Account.Industry", name: "an industry", list: industries })(given),
    ],
  },
  {
    id: "aws.other-industry.only-with-other",
    about: "Customer.Account.OtherIndustry",
    when: "always",
    triggers: ["Customer.Account.Industry"],
    says: "The industry's own name is given exactly when the industry is Other; at most 255 characters.",
    source: sources.account,
    check: (given) => {
      const other = textAt(given.document, "Customer.Account.Industry") === "Other";
      const named = textAt(given.document, "Customer.Account.OtherIndustry") !== "";
      if (other && !named)
        return finding(
          "required",
          "With industry Other, AWS needs its name.",
          "Name the industry in aws.otherIndustry.",
        );
      if (!other && named)
        return finding(
          "conflicting",
          "AWS takes a name of another industry only with industry Other.",
          'Remove aws.otherIndustry, or set the industry to "Other".',
        );
      return hasLength("Customer.Account.OtherIndustry", "the industry's name", [1, 255])(given);
    },
  },
  {
    id: "aws.country.required",
    about: "Customer.Account.Address.CountryCode",
    when: "always",
    triggers: ["NationalSecurity"],
    says: "The customer's country is required, one of AWS's 249 codes; US for national security.",
    source: sources.address,
    check: (given) => {
      const country = textAt(given.document, "Customer.Account.Address.CountryCode");
      if (country === "") return needs("Customer.Account.Address.CountryCode", "the customer's country", '"US"')(given);
      if (!countryCodes.some((code) => code === country))
        return finding(
          "not_listed",
          `AWS does not list ${JSON.stringify(country.slice(0, 8))} as a country.`,
          'Type the country\'s two-letter ISO 3166 code, for example "DE".',
        );
      return isNational(given.document) && country !== "US"
        ? finding("conflicting", "AWS takes national security deals only in the US.", 'Set account.country to "US".')
        : none;
    },
  },
  {
    id: "aws.state.us",
    about: "Customer.Account.Address.StateOrRegion",
    when: "always",
    triggers: ["Customer.Account.Address.CountryCode"],
    says: "In the US the state is required and one of AWS's names.",
    source: sources.address,
    check: (given) => {
      if (textAt(given.document, "Customer.Account.Address.CountryCode") !== "US")
        return hasLength("Customer.Account.Address.StateOrRegion", "the state or region", [1, 255])(given);
      const path = "Customer.Account.Address.StateOrRegion";
      if (textAt(given.document, path) === "" && isNational(given.document)) return none;
      return [
        ...needs(path, "the customer's state, in the US", '"California"')(given),
        ...isListed({ path, name: "a state of the US", list: usStates })(given),
      ];
    },
  },
  {
    id: "aws.postal-code.required",
    about: "Customer.Account.Address.PostalCode",
    when: "always",
    triggers: ["Customer.Account.Address.CountryCode"],
    says: "The postal code is required in countries that have one, in the country's format; at most 20 characters.",
    source: postalSource,
    check: (given) => {
      const country = textAt(given.document, "Customer.Account.Address.CountryCode");
      const code = textAt(given.document, "Customer.Account.Address.PostalCode");
      const formats = postalFormats(country);
      const example =
        formats.length === 0 ? '"12345"' : `a code such as ${formats.join(" or ")} (9 a digit, A a letter)`;
      if (code === "")
        return country === "" || countriesWithoutPostalCode.has(country) || isNational(given.document)
          ? none
          : needs("Customer.Account.Address.PostalCode", "the customer's postal code", example)(given);
      const long = hasLength("Customer.Account.Address.PostalCode", "the postal code", [1, 20])(given);
      if (long.length > 0 || isPostalCode(country, code)) return long;
      return finding(
        "bad_format",
        `AWS refuses this postal code for ${country}.`,
        `Type it as ${formats.join(" or ")}, where 9 is a digit, A a letter and X either.`,
      );
    },
  },
  {
    id: "aws.city.length",
    about: "Customer.Account.Address.City",
    when: "always",
    says: "The city has at most 255 characters.",
    source: sources.address,
    check: hasLength("Customer.Account.Address.City", "the city", [1, 255]),
  },
  {
    id: "aws.street.length",
    about: "Customer.Account.Address.StreetAddress",
    when: "always",
    says: "The street has at most 255 characters.",
    source: sources.address,
    check: hasLength("Customer.Account.Address.StreetAddress", "the street", [1, 255]),
  },
  {
    id: "aws.account-id.launched",
    about: "Customer.Account.AwsAccountId",
    when: "always",
    triggers: ["LifeCycle.Stage"],
    says: "The customer's AWS account is required when the deal is launched; twelve digits, or up to 12 word characters.",
    source: sources.fields,
    check: (given) => {
      if (textAt(given.document, "LifeCycle.Stage") === "Launched") {
        const missing = needs(
          "Customer.Account.AwsAccountId",
          "the customer's AWS account, once the deal is launched,",
          '"111122223333" in aws.awsAccountId',
        )(given);
        if (missing.length > 0) return missing;
      }
      return matches("Customer.Account.AwsAccountId", /^\w{1,12}$/, [
        "AWS takes an AWS account of twelve digits.",
        "Type the twelve digits without spaces or dashes.",
      ])(given);
    },
  },
  {
    id: "aws.duns.format",
    about: "Customer.Account.Duns",
    when: "always",
    says: "A DUNS number has nine digits.",
    source: sources.account,
    check: matches("Customer.Account.Duns", /^\d{9}$/, [
      "AWS takes a DUNS number of nine digits.",
      "Type the nine digits without dashes.",
    ]),
  },
];
