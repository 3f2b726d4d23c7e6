/**
 * Postal codes as AWS's field specification v14.3 asks for them. Formats: 9 a digit, A a letter, X either, other signs
 * themselves. https://github.com/aws-samples/partner-crm-integration-samples/tree/954a7ff528e55a907de4cc669792934c53b2fb63/opportunity-samples
 * (CountriesWithoutPostalCode.csv, PostalCodeValidations.csv). Where that file is visibly wrong for a country (El
 * Salvador, Holy See, Wallis and Futuna's neighbours by number) no format is enforced: AWS remains the judge.
 */
export const postalSource =
  "https://github.com/aws-samples/partner-crm-integration-samples/tree/954a7ff528e55a907de4cc669792934c53b2fb63/opportunity-samples";

export const countriesWithoutPostalCode: ReadonlySet<string> = new Set(
  (
    "BO BW CF KI KM CG CD CK CI LY AG AW UG BS SY AO BQ CW HM BZ BJ SH DJ DM BF BI CM ML NR MO MW AN TV GY HK SC SL SB " +
    "GH RW KN TF ST TL GQ ER GD GM QA FJ NU MR VU YE ZW SR TG TK TO AE"
  ).split(" "),
);

const british = ["A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA"];
/** Countries by the formats that AWS's file gives them. */
const groups: readonly (readonly [formats: readonly string[], countries: string])[] = [
  [["99"], "JM"],
  [["999"], "LS IS MG OM FO PG"],
  [["9999"], "CX CC LR LI AM AU AT AF BD SJ DK BG CV CY MZ LU MK GW HT ZA GE HU PH ET GL NO NE NF PY NZ CH TN AL"],
  [
    ["99999"],
    "BT TD BA ID JO KE KR KW IT LA DZ UA CU AX IQ ME RS SD SS KH HR DO MM NA NP MY MA TR HN SN GU FR GT DE PE EG EE PR MN MP PW FI MH MX UY ZM ES LK TW TH VI",
  ],
  [["999999"], "CN KZ KG CO TM SG RO EC NG PA VN TJ TT"],
  [["99999", "99999-9999"], "US"],
  [["99999", "99999-999"], "BR"],
  [["999999", "999 999"], "IN"],
  [["A99 XXXX", "A99XXXX"], "IE"],
  [["99999", "9999999"], "IL"],
  [["9999999", "999-9999"], "JP"],
  [["AA9999"], "BN"],
  [["9999", "99999"], "CR MV"],
  [["99999", "AA-99999"], "LT"],
  [["999", "9999"], "BH"],
  [["9999", "A-9999"], "BE"],
  [["AA 99", "AA AA"], "BM"],
  [["999 99", "99999"], "CZ SK GR"],
  [["A9A 9A9", "A9A9A9"], "CA"],
  [["AAA 9999", "AAA9999"], "MT"],
  [["9999 AA", "9999AA"], "NL"],
  [["99-999"], "PL"],
  [["9999", "9999-999"], "PT"],
  [["99999-9999", "99999"], "SA"],
  [["99999", "999 99", "A-99999", "AA-99999"], "SE"],
  [["AA9999"], "VC"],
  [["A999"], "SZ"],
  [["971 99", "97199"], "BL MF GP"],
  [["97299"], "MQ"],
  [["97399"], "GF"],
  [["97499"], "RE"],
  [["97599", "97699"], "PM YT"],
  [["98099"], "MC"],
  [["98799"], "PF"],
  [["98899"], "NC"],
  [["98699"], "WF"],
  [["47899"], "SM"],
  [[...british, ...british.map((format) => format.replace(" ", ""))], "GB"],
];
const formatsByCountry: ReadonlyMap<string, readonly string[]> = new Map(
  groups.flatMap(([formats, countries]) => countries.split(" ").map((country) => [country, formats] as const)),
);

/** A prefix of real digits is written literally above; only a final run of nines is a placeholder in those. */
const patternOf = (format: string): RegExp => {
  const literal = /^(?:9[78]\d|478)(?=99$| 99$)/.exec(format)?.[0] ?? "";
  const rest = format.slice(literal.length);
  const source = rest.replace(/[9AX]/g, (sign) => (sign === "9" ? "\\d" : sign === "A" ? "[A-Za-z]" : "[A-Za-z0-9]"));
  return new RegExp(`^${literal}${source}$`);
};

/** The formats a country's postal code must have one of; empty when none is known. */
export const postalFormats = (country: string): readonly string[] => formatsByCountry.get(country) ?? [];
/** True when the code has one of the country's formats, or none is known. */
export const isPostalCode = (country: string, code: string): boolean => {
  const formats = postalFormats(country);
  return formats.length === 0 || formats.some((format) => patternOf(format).test(code));
};

const usCodes: ReadonlyMap<string, string> = new Map(
  (
    "AL:Alabama AK:Alaska AS:American_Samoa AZ:Arizona AR:Arkansas CA:California CO:Colorado CT:Connecticut DE:Delaware " +
    "DC:Dist._of_Columbia FM:Federated_States_of_Micronesia FL:Florida GA:Georgia GU:Guam HI:Hawaii ID:Idaho IL:Illinois " +
    "IN:Indiana IA:Iowa KS:Kansas KY:Kentucky LA:Louisiana ME:Maine MH:Marshall_Islands MD:Maryland MA:Massachusetts " +
    "MI:Michigan MN:Minnesota MS:Mississippi MO:Missouri MT:Montana NE:Nebraska NV:Nevada NH:New_Hampshire NJ:New_Jersey " +
    "NM:New_Mexico NY:New_York NC:North_Carolina ND:North_Dakota MP:Northern_Mariana_Islands OH:Ohio OK:Oklahoma OR:Oregon " +
    "PW:Palau PA:Pennsylvania PR:Puerto_Rico RI:Rhode_Island SC:South_Carolina SD:South_Dakota TN:Tennessee TX:Texas " +
    "UT:Utah VT:Vermont VA:Virginia VI:Virgin_Islands WA:Washington WV:West_Virginia WI:Wisconsin WY:Wyoming"
  )
    .split(" ")
    .map((pair) => [pair.slice(0, 2), pair.slice(3).replaceAll("_", " ")] as const),
);
/** AWS's name of a US state given by its two-letter postal code, or null. */
export const stateOfCode = (code: string): string | null => usCodes.get(code.trim().toUpperCase()) ?? null;
