/** What people and the co-sell module know of who belongs to whom: learned aliases, recorded links, opportunities of offers. */
import type { MarketplaceId } from "../../src/domain/deal.ts";
import { isMarketplace } from "../../src/domain/finance/marketplace.ts";
import type { Column, Sheet } from "../../src/domain/finance/sheet.ts";
import type { CsvFormat, ReportFile } from "../contract-reports.ts";

/** The columns that say when a row was decided, and when it was taken back. */
interface Said {
  readonly marketplace: MarketplaceId;
  readonly knownSecond: number;
  readonly deleted: boolean;
  readonly file: number;
  readonly line: number;
}

/** Reads marketplace and dates; null where they are refused. A row that was taken back is known from then on. */
const saidReader = (sheet: Sheet, file: ReportFile, names: { readonly at: string; readonly until: string }) => {
  const [marketplace, at, until] = [sheet.column("marketplace"), sheet.column(names.at), sheet.column(names.until)];
  return (): Said | null => {
    const place = sheet.text(marketplace).toLowerCase();
    const second = sheet.second(at);
    const ended = sheet.second(until);
    if (!isMarketplace(place))
      sheet.refuse(marketplace, `${JSON.stringify(place.slice(0, 40))} is no marketplace`, "aws, azure or gcp");
    else if (second === null) sheet.refuse(at, "the row has no date", "write the day on which it was decided");
    else
      return {
        marketplace: place,
        knownSecond: ended === null ? second : Math.max(second, ended),
        deleted: ended !== null,
        file: file.index,
        line: sheet.lineNumber(),
      };
    return null;
  };
};

const who = (sheet: Sheet, column: Column, file: ReportFile): string => {
  const found = sheet.text(column);
  if (found === "") sheet.refuse(column, "nobody stands for this row", "write who decided it");
  return file.strings.shared(found);
};

export const learnedAliasesFormat: CsvFormat = {
  id: "internal.aliases",
  title: "Buyers' accounts as people know them",
  shape: "csv",
  path: /aliases\.csv$/i,
  required: ["marketplace", "buyer_account", "account_domain", "learned_by", "learned_at", "evidence"],
  optional: ["account_name", "revoked_at"],
  open: (sheet, file) => {
    const said = saidReader(sheet, file, { at: "learned_at", until: "revoked_at" });
    const [buyer, domain, name] = ["buyer_account", "account_domain", "account_name"].map(sheet.column);
    const [learner, evidence] = [sheet.column("learned_by"), sheet.column("evidence")];
    return {
      row: () => {
        const base = said();
        if (base === null || buyer === undefined || domain === undefined || name === undefined) return;
        if (sheet.text(domain) === "" && sheet.text(name) === "")
          sheet.refuse(domain, "the row names no account of the CRM", "write the account's domain or its name");
        const buyerKey = file.strings.shared(sheet.key(buyer));
        file.facts.learnedAliases.push({
          ...base,
          key: buyerKey,
          buyerKey,
          domain: file.strings.shared(sheet.text(domain)),
          accountName: file.strings.loose(sheet.text(name)),
          learnedBy: who(sheet, learner, file),
          evidence: file.strings.loose(sheet.text(evidence)),
        });
      },
    };
  },
};

export const agreementLinksFormat: CsvFormat = {
  id: "internal.agreement-links",
  title: "Agreements whose deal a person decided",
  shape: "csv",
  path: /agreement-links\.csv$/i,
  required: ["marketplace", "agreement_id", "deal_id", "decided_by", "decided_at", "reason"],
  optional: ["revoked_at"],
  open: (sheet, file) => {
    const said = saidReader(sheet, file, { at: "decided_at", until: "revoked_at" });
    const [agreement, deal] = [sheet.column("agreement_id"), sheet.column("deal_id")];
    const [decider, reason] = [sheet.column("decided_by"), sheet.column("reason")];
    return {
      row: () => {
        const base = said();
        if (base === null) return;
        const agreementId = file.strings.shared(sheet.key(agreement));
        file.facts.recordedLinks.push({
          ...base,
          key: agreementId,
          agreementId,
          dealId: file.strings.shared(sheet.key(deal)),
          decidedBy: who(sheet, decider, file),
          reason: file.strings.loose(sheet.text(reason)),
        });
      },
    };
  },
};

/** AWS: https://docs.aws.amazon.com/partner-central/latest/APIReference/API_AssociateOpportunity.html */
export const associationsFormat: CsvFormat = {
  id: "internal.opportunity-offers",
  title: "Co-sell opportunities and their offers",
  shape: "csv",
  path: /opportunity-offers\.csv$/i,
  required: ["marketplace", "opportunity_id", "offer_id", "associated_at"],
  optional: ["removed_at"],
  open: (sheet, file) => {
    const said = saidReader(sheet, file, { at: "associated_at", until: "removed_at" });
    const [opportunity, offer] = [sheet.column("opportunity_id"), sheet.column("offer_id")];
    return {
      row: () => {
        const base = said();
        if (base === null) return;
        const opportunityId = file.strings.shared(sheet.key(opportunity));
        const offerId = file.strings.shared(sheet.key(offer));
        file.facts.associations.push({ ...base, key: `${opportunityId}|${offerId}`, opportunityId, offerId });
      },
    };
  },
};
