/** The company's own tables: deals of the CRM, touches of partners, partners, disputes of credits. */
import { amountOf } from "../../src/domain/finance/amount.ts";
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
  optional: [
    ...["stage", "cosell_opportunity_id", "partner_sourced", "partner_influenced"],
    ...["product", "segment", "region"],
  ],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [id, name, domain, amount] = [at("deal_id"), at("account_name"), at("account_domain"), at("amount")];
    const [currency, close, stage, marketplace] = [at("currency"), at("close_date"), at("stage"), at("marketplace")];
    const [offer, opportunity] = [at("private_offer_id"), at("cosell_opportunity_id")];
    const [product, segment, region] = [at("product"), at("segment"), at("region")];
    const named = (column: ReturnType<typeof at>): string | null => {
      const value = sheet.text(column);
      return value === "" ? null : file.strings.shared(value);
    };
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
          product: named(product),
          segment: named(segment),
          region: named(region),
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
    const recorded = at("recorded_at");
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
          recordedDay: sheet.day(recorded),
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

export const disputesFormat: CsvFormat = {
  id: "internal.disputes",
  title: "Disputes of credits",
  shape: "csv",
  path: /disputes\.csv$/i,
  required: ["dispute_id", "deal_id", "partner_id", "opened", "amount"],
  optional: ["currency", "reason"],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [id, deal, partner, opened] = [at("dispute_id"), at("deal_id"), at("partner_id"), at("opened")];
    const [amount, currency] = [at("amount"), at("currency")];
    return {
      row: () => {
        const day = sheet.day(opened);
        const disputed = sheet.text(amount);
        const micros = disputed === "whole" ? null : amountOf(disputed);
        if (day === null) sheet.refuse(opened, "the dispute has no date", "write the day on which it was opened");
        else if (disputed !== "whole" && (micros === null || micros <= 0n))
          sheet.refuse(
            amount,
            `${JSON.stringify(disputed.slice(0, 40))} is no part of a credit`,
            "whole, or a plain decimal above zero",
          );
        else if (disputed !== "whole" && sheet.text(currency) === "")
          sheet.refuse(currency, "the amount has no currency", "write the currency of the credit, such as USD");
        else
          file.facts.disputes.push({
            disputeId: sheet.key(id),
            dealId: sheet.key(deal),
            partnerId: sheet.key(partner),
            openedDay: day,
            amount: micros,
            currency: sheet.text(currency) === "" ? null : sheet.currency(currency),
            file: file.index,
            line: sheet.lineNumber(),
          });
      },
    };
  },
};
