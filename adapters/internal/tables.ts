/** The company's own tables: deals of the CRM, touches of partners, partners. */
import { isMarketplace } from "../../src/domain/finance/marketplace.ts";
import type { CsvFormat } from "../contract-reports.ts";

export const dealsFormat: CsvFormat = {
  id: "internal.deals",
  title: "Deals of the CRM",
  shape: "csv",
  path: /deals\.csv$/i,
  required: [
    "deal_id",
    "account_name",
    "account_domain",
    "amount",
    "currency",
    "close_date",
    "marketplace",
    "private_offer_id",
  ],
  optional: ["stage", "cosell_opportunity_id", "partner_sourced", "partner_influenced"],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [id, name, domain, amount] = [at("deal_id"), at("account_name"), at("account_domain"), at("amount")];
    const [currency, close, stage, marketplace] = [at("currency"), at("close_date"), at("stage"), at("marketplace")];
    const [offer, opportunity] = [at("private_offer_id"), at("cosell_opportunity_id")];
    return {
      row: () => {
        const place = sheet.text(marketplace).toLowerCase();
        if (place !== "" && !isMarketplace(place)) {
          sheet.refuse(marketplace, `${JSON.stringify(place.slice(0, 40))} is no marketplace`, "aws, azure or gcp");
          return;
        }
        file.facts.deals.push({
          dealId: sheet.key(id),
          accountName: file.strings.loose(sheet.text(name)),
          domain: file.strings.shared(sheet.text(domain)),
          amount: sheet.amountOrZero(amount),
          currency: sheet.currency(currency),
          closeDay: sheet.day(close),
          stage: file.strings.shared(sheet.text(stage)),
          marketplace: isMarketplace(place) ? place : null,
          offerId: sheet.id(offer),
          opportunityId: sheet.id(opportunity),
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};

export const touchesFormat: CsvFormat = {
  id: "internal.touches",
  title: "Touches of partners",
  shape: "csv",
  path: /touches\.csv$/i,
  required: ["touch_id", "deal_id", "partner_id", "type", "date", "status"],
  optional: ["recorded_at"],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [id, deal, partner] = [at("touch_id"), at("deal_id"), at("partner_id")];
    const [type, on, status] = [at("type"), at("date"), at("status")];
    return {
      row: () => {
        const day = sheet.day(on);
        if (day === null) {
          sheet.refuse(on, "the touch has no date", "write the day of the touch");
          return;
        }
        file.facts.touches.push({
          touchId: sheet.key(id),
          dealId: sheet.id(deal) ?? "",
          partnerId: sheet.id(partner) ?? "",
          type: file.strings.shared(sheet.text(type)),
          day,
          accepted: sheet.text(status) === "accepted",
        });
      },
    };
  },
};

export const partnersFormat: CsvFormat = {
  id: "internal.partners",
  title: "Partners",
  shape: "csv",
  path: /partners\.csv$/i,
  required: ["partner_id", "name"],
  optional: [],
  open: (sheet, file) => {
    const [id, name] = [sheet.column("partner_id"), sheet.column("name")];
    return {
      row: () => {
        file.facts.partners.push({ partnerId: sheet.key(id), name: file.strings.loose(sheet.text(name)) });
      },
    };
  },
};
