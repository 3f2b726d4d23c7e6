/**
 * Postal codes as AWS checks them (field specification v14.3: CountriesWithoutPostalCode.csv and PostalCodeValidations.csv in
 * https://github.com/aws-samples/partner-crm-integration-samples/tree/main/opportunity-samples).
 * In a format, 9 is a digit, A a letter, * either, everything else itself.
 */

const without = new Set(
  (
    "AE AG AN AO AW BF BI BJ BO BQ BS BW BZ CF CG CI CK CM CW DJ DM ER FJ GD GH GM GQ GY HK HM KI KM KN LY ML MO MR MW NR NU QA RW SB " +
    "SC SH SL SR ST SY TF TG TK TL TO TV UG VU YE ZW"
  ).split(" "),
);

const formats: Readonly<Record<string, readonly string[]>> = {
  ...sameFormats(
    "99999",
    "NA BT TD BA ID JO KE KR KW IT LA DZ UA CU AX ME RS SD SS KH HR DO MM NP MY MA TR HN SN GU FR GT DE PE PK PR",
  ),
  ...sameFormats("99999", "MN MP MH MX UY VI ZM ES FI EG EE"),
  ...sameFormats(
    "9999",
    "CX CC LR LI AM AU AT AF BD BG DK CV CY MZ LU MK GW HT ZA GE HU PH ET GL NO NE NF PY NZ NI AL SJ",
  ),
  ...sameFormats("999999", "CN KZ KG CO TM SG RO EC NG PA VN"),
  ...sameFormats("999", "LS MG IS OM FO PG"),
  US: ["99999", "99999-9999"],
  CA: ["A9A 9A9", "A9A9A9"],
  BR: ["99999", "99999-999"],
  IN: ["999999", "999 999"],
  JP: ["9999999", "999-9999"],
  IE: ["A99 ****", "A9A ****", "A99****", "A9A****"],
  IL: ["99999", "9999999"],
  BE: ["9999", "B-9999"],
  CZ: ["999 99", "99999"],
  SK: ["999 99", "99999"],
  GR: ["999 99", "99999"],
  NL: ["9999 AA", "9999AA"],
  PL: ["99-999"],
  PT: ["9999", "9999-999"],
  LT: ["99999", "LT-99999"],
  MT: ["AAA 9999", "AAA9999"],
  SA: ["99999-9999", "99999"],
};

function sameFormats(format: string, countries: string): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(countries.split(" ").map((country) => [country, [format]]));
}

/** Whether a customer in this country must have a postal code. */
export const needsPostalCode = (country: string): boolean => !without.has(country);

/** The formats a postal code of this country must have one of, when this code has none of them; otherwise null. */
export const postalComplaint = (country: string, code: string): string | null => {
  const known = formats[country];
  if (!known || known.some((format) => shaped(format, code))) return null;
  return `The postal code is invalid for country ${country}, it must be in ${known.join(" OR ")} format.`;
};

const shaped = (format: string, code: string): boolean =>
  format.length === code.length &&
  [...format].every((mark, index) => {
    const char = code[index] ?? "";
    if (mark === "9") return /[0-9]/.test(char);
    if (mark === "*") return /[0-9A-Za-z]/.test(char);
    return mark === "A" ? /[A-Za-z]/.test(char) : char === mark;
  });
