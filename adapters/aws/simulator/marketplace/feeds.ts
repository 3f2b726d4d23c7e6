/**
 * The feeds that AWS writes into a seller's bucket, one file a month and feed, and the bank's statement of what arrived.
 * https://docs.aws.amazon.com/marketplace/latest/userguide/data-feed.html
 */
import { textAt } from "../../../simulator/document.ts";
import { addDays } from "../../../simulator/ground.ts";
import type { World } from "../world.ts";
import { billingRows, bookedAt, createKeys, type Dated, type Keys } from "./billing-feed.ts";
import { buyersOf } from "./change-rule.ts";
import { marketplaceArn } from "./entities.ts";
import { csvOf, type Feed, type FeedRow, feedColumns } from "./feed-columns.ts";
import { dayOf, seconds } from "./periods.ts";
import { type Agreement, marketplaceCatalog } from "./records.ts";

export interface ReportFile {
  readonly path: string;
  readonly text: string;
  /** When it was last written, an instant. */
  readonly modifiedAt: string;
}

/** Accounts and addresses were always there. */
const founded = "2020-01-01T00:00:00Z";
const bankDays = 2;
const statementColumns = ["bank_txn_id", "value_date", "currency", "amount", "counterparty", "reference"];

/** Every file as it stands at the instant `until`, for one seller. */
export const feedFiles = (world: World, account: string, until: string): readonly ReportFile[] => {
  const keys = createKeys(world);
  const mine = world.ledger.agreements
    .all()
    .filter((row) => row.account === account || row.manufacturer === account)
    .toSorted((a, b) => a.sequence - b.sequence);
  const told = mine.filter(({ acceptedAt }) => bookedAt(acceptedAt) <= until);
  const parties = partiesOf(account, told);
  const newest = [...parties.values()].reduce((last, at) => (at > last ? at : last));
  return [
    ...monthlyFiles("billingeventfeed", billingRows(keys, account), until),
    ...monthlyFiles(
      "agreementfeed",
      mine.flatMap((agreement) => agreementRows(keys, agreement)),
      until,
    ),
    ...monthlyFiles(
      "agreementchargefeed",
      mine.flatMap((agreement) => chargeRows(world, agreement)),
      until,
    ),
    ...monthlyFiles("offerfeed", offerRows(keys, account), until),
    standing(
      "accountfeed",
      [...parties.keys()].map((party) => accountRow(keys, party)),
      newest,
    ),
    standing(
      "addressfeed",
      [...parties.keys()].map((party) => addressRow(keys, party, told)),
      newest,
    ),
    {
      path: "bank/statement.csv",
      text: csvOf(statementColumns, statementRows(world, account, until)),
      modifiedAt: until,
    },
  ];
};

/** Everybody the seller deals with, and since when the feeds know of them. */
const partiesOf = (account: string, agreements: readonly Agreement[]): ReadonlyMap<string, string> => {
  const parties = new Map([[account, founded]]);
  for (const { account: seller, manufacturer, acceptor, acceptedAt } of agreements)
    for (const party of [seller, manufacturer, acceptor]) {
      const at = bookedAt(acceptedAt);
      const before = parties.get(party);
      if (before === undefined || at < before) parties.set(party, at);
    }
  return parties;
};

const pathOf = (feed: Feed, month: string): string =>
  `aws/${feed}_v1/year=${month.slice(0, 4)}/month=${month.slice(5, 7)}/data.csv`;
const standing = (feed: Feed, rows: readonly FeedRow[], modifiedAt: string): ReportFile => {
  const stamped = rows.map((row) => ({ ...row, valid_from: founded, insert_date: founded, update_date: founded }));
  return { path: pathOf(feed, "2010-01"), text: csvOf(feedColumns[feed], stamped), modifiedAt };
};
const monthlyFiles = (feed: Feed, rows: readonly Dated[], until: string): readonly ReportFile[] => {
  const months = new Map<string, { readonly rows: FeedRow[]; modifiedAt: string }>();
  const known = rows
    .map(({ at, row }) => ({ booked: bookedAt(at), at, row }))
    .filter(({ booked }) => booked <= until)
    .toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  for (const { booked, at, row } of known) {
    const stamped = { ...row, valid_from: seconds(at), insert_date: seconds(booked), update_date: seconds(booked) };
    const month = booked.slice(0, 7);
    const file = months.get(month) ?? { rows: [], modifiedAt: booked };
    file.rows.push(stamped);
    if (booked > file.modifiedAt) file.modifiedAt = booked;
    months.set(month, file);
  }
  return [...months]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, file]) => ({
      path: pathOf(feed, month),
      text: csvOf(feedColumns[feed], file.rows),
      modifiedAt: file.modifiedAt,
    }));
};

const agreementRows = (keys: Keys, agreement: Agreement): readonly Dated[] =>
  agreement.history.map(({ at, status, intent, value }) => ({
    at,
    row: {
      agreement_id: agreement.id,
      offer_id: agreement.offerId,
      proposer_account_id: keys.account(agreement.account),
      acceptor_account_id: keys.account(agreement.acceptor),
      start_time: seconds(agreement.startsAt),
      end_time: agreement.endsAt === null ? "" : seconds(agreement.endsAt),
      acceptance_time: seconds(agreement.acceptedAt),
      intent,
      preceding_agreement_id: agreement.previousId ?? "",
      status,
      currency_code: agreement.currency,
      estimated_agreement_value: value,
      offer_set_id: agreement.offerSetId ?? "",
      catalog: marketplaceCatalog,
    },
  }));

/** What is known to be billed: a schedule from the beginning, each month's charge with the month before. */
const chargeRows = (world: World, agreement: Agreement): readonly Dated[] =>
  agreement.charges.flatMap((id) => {
    const charge = world.ledger.charges.get(id);
    if (!charge || charge.kind === "usage" || charge.amount === null) return [];
    const row = {
      agreement_id: agreement.id,
      term_id: charge.termId,
      currency_code: agreement.currency,
      amount: charge.amount,
      time: seconds(charge.at),
    };
    return [{ at: charge.knownAt, row }];
  });

const offerRows = (keys: Keys, account: string): readonly Dated[] =>
  keys.world.ledger.entities
    .all()
    .filter((entity) => entity.kind === "Offer" && entity.account === account && buyersOf(entity.document).length > 0)
    .toSorted((a, b) => a.sequence - b.sequence)
    .flatMap((offer) =>
      offer.history.map(({ at, revision, name, until }) => ({
        at,
        row: {
          offer_id: offer.id,
          offer_revision: String(revision),
          name,
          expiration_date: until === null ? "" : seconds(until),
          opportunity_id: offer.authorizationId ?? "",
          seller_account_id: keys.account(account),
          catalog: marketplaceCatalog,
        },
      })),
    );

const accountRow = (keys: Keys, account: string): FeedRow => ({
  account_id: keys.account(account),
  aws_account_id: account,
  encrypted_account_id: keys.world.dice.letters(12, "encrypted", account),
  mailing_address_id: keys.address(account),
  catalog: marketplaceCatalog,
});

/** A buyer is the customer of the opportunity that its offer is associated with; others have names of their own. */
const addressRow = (keys: Keys, account: string, agreements: readonly Agreement[]): FeedRow => {
  const arns = agreements
    .filter((row) => row.acceptor === account)
    .flatMap((row) => [
      marketplaceArn(row.account, "Offer", row.offerId),
      ...(row.offerSetId === null ? [] : [marketplaceArn(row.account, "OfferSet", row.offerSetId)]),
    ]);
  const opportunity = keys.world.ledger.opportunities
    .all()
    .find(({ related }) =>
      [...related.AwsMarketplaceOffers, ...related.AwsMarketplaceOfferSets].some((arn) => arns.includes(arn)),
    );
  const at = (path: string): string => (opportunity && textAt(opportunity.document, `Customer.Account.${path}`)) ?? "";
  const domain =
    at("WebsiteUrl")
      .replace(/^https?:\/\/(www\.)?/, "")
      .split("/")[0] ?? "";
  return {
    address_id: keys.address(account),
    aws_account_id: account,
    email_domain: domain || `account-${account}.example`,
    company_name: at("CompanyName") || `Account ${account}`,
    country: at("Address.CountryCode") || "US",
    state_or_region: at("Address.StateOrRegion"),
    city: at("Address.City"),
    postal_code: at("Address.PostalCode"),
  };
};

/** What the seller's bank shows: each payout some days after it was sent. */
const statementRows = (world: World, account: string, until: string): readonly FeedRow[] =>
  world.ledger.payouts
    .all()
    .filter((payout) => payout.account === account)
    .map((payout) => ({ payout, arrived: addDays(new Date(payout.at), bankDays) }))
    .filter(({ arrived }) => arrived.toISOString() <= until)
    .toSorted((a, b) => a.payout.sequence - b.payout.sequence)
    .map(({ payout, arrived }, index) => ({
      bank_txn_id: `A${String(index + 1).padStart(6, "0")}`,
      value_date: dayOf(arrived),
      currency: payout.currency,
      amount: payout.amount,
      counterparty: "AMAZON WEB SERVICES",
      reference: payout.bankTraceId,
    }));
