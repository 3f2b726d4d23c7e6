/** The feeds that name things: offers, accounts and addresses; and those that are only checked and kept. */
import type { CsvFormat } from "../../contract-reports.ts";
import { historyColumns, historyOf } from "./history.ts";

export const offerFormat: CsvFormat = {
  id: "aws.offer",
  title: "AWS offer feed",
  shape: "csv",
  path: /offerfeed/i,
  required: ["offer_id", "offer_revision", "name", "expiration_date"],
  optional: [
    "opportunity_id",
    "opportunity_name",
    "opportunity_description",
    "seller_account_id",
    "recipient_account_id",
    ...historyColumns,
  ],
  open: (sheet, file) => {
    const [offer, name] = [sheet.column("offer_id"), sheet.column("name")];
    const valid = sheet.column("valid_from");
    const history = historyOf(sheet);
    return {
      row: () => {
        const offerId = sheet.id(offer) ?? "";
        file.facts.offers.push({
          key: offerId,
          marketplace: "aws",
          offerId,
          name: file.strings.loose(sheet.text(name)),
          publishedDay: sheet.day(valid),
          own: false,
          knownSecond: history.knownSecond(),
          deleted: history.deleted(),
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};

/** Spreadsheets and some exports drop the zeros in front of an account number. */
const accountNumber = (text: string): string => (/^\d{1,11}$/.test(text) ? text.padStart(12, "0") : text);

export const accountFormat: CsvFormat = {
  id: "aws.account",
  title: "AWS account feed",
  shape: "csv",
  path: /accountfeed/i,
  required: ["account_id", "aws_account_id"],
  optional: [
    "encrypted_account_id",
    "mailing_address_id",
    "tax_address_id",
    "tax_registration_number",
    "tax_legal_name",
    ...historyColumns,
  ],
  open: (sheet, file) => {
    const [account, number] = [sheet.column("account_id"), sheet.column("aws_account_id")];
    const history = historyOf(sheet);
    return {
      row: () => {
        const buyerKey = sheet.id(account);
        const alias = sheet.id(number);
        if (buyerKey === null || alias === null) return;
        file.facts.aliases.push({
          key: buyerKey,
          marketplace: "aws",
          buyerKey,
          alias: file.strings.shared(accountNumber(alias)),
          knownSecond: history.knownSecond(),
          deleted: history.deleted(),
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};

export const addressFormat: CsvFormat = {
  id: "aws.address",
  title: "AWS address feed",
  shape: "csv",
  path: /addressfeed/i,
  required: ["address_id", "aws_account_id", "email_domain"],
  optional: [
    "company_name",
    "country",
    "state_or_region",
    "city",
    "postal_code",
    "address_line_1",
    "address_line_2",
    "address_line_3",
    ...historyColumns,
  ],
  open: (sheet, file) => {
    const [address, number, domain] = [
      sheet.column("address_id"),
      sheet.column("aws_account_id"),
      sheet.column("email_domain"),
    ];
    const [company, country] = [sheet.column("company_name"), sheet.column("country")];
    const history = historyOf(sheet);
    return {
      row: () => {
        const buyer = sheet.id(number);
        file.facts.domains.push({
          key: sheet.key(address),
          marketplace: "aws",
          buyerKey: buyer === null ? "" : file.strings.shared(accountNumber(buyer)),
          domain: file.strings.shared(sheet.text(domain)),
          company: file.strings.loose(sheet.text(company)),
          country: file.strings.shared(sheet.text(country)),
          knownSecond: history.knownSecond(),
          deleted: history.deleted(),
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};

/** A feed from which nothing is concluded yet: its ids and dates are checked, so that damage is told when it arrives. */
const checked = (
  given: Pick<CsvFormat, "id" | "title" | "path" | "required"> & { readonly optional: readonly string[] },
): CsvFormat => ({
  ...given,
  shape: "csv",
  optional: [...given.optional, ...historyColumns],
  open: (sheet) => {
    const [first = ""] = given.required;
    const key = sheet.column(first);
    const history = historyOf(sheet);
    return {
      row: () => {
        sheet.key(key);
        history.knownSecond();
        history.deleted();
      },
    };
  },
});

export const productFormat = checked({
  id: "aws.product",
  title: "AWS product feed",
  path: /productfeed/i,
  required: ["product_id", "title", "product_code", "manufacturer_account_id"],
  optional: ["replacement_product_id"],
});
export const offerProductFormat = checked({
  id: "aws.offer-product",
  title: "AWS offer product feed",
  path: /offerproductfeed/i,
  required: ["offer_id", "offer_revision", "product_id"],
  optional: [],
});
export const offerTargetFormat = checked({
  id: "aws.offer-target",
  title: "AWS offer target feed",
  path: /offertargetfeed/i,
  required: ["offer_target_id", "offer_id", "offer_revision", "target_type", "polarity", "value"],
  optional: [],
});
export const legacyMappingFormat = checked({
  id: "aws.legacy-mapping",
  title: "AWS legacy id mapping feed",
  path: /legacyidmapping/i,
  required: ["mapping_type", "legacy_id", "new_id"],
  optional: [],
});
