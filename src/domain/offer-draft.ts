/** What a deal says about an offer, and how terms are put together. A buyer's account is never invented. Pure. */
import type { Json, JsonObject, MarketplaceId } from "./deal.ts";
import type { MoneyJson } from "./money.ts";

/** Days that a buyer gets to accept where nobody says otherwise. */
const acceptDays = 30;
const termMonthsDefault = 12;

export interface DealParts {
  readonly title: string;
  readonly amount?: MoneyJson | null | undefined;
  readonly termMonths?: number | null | undefined;
  readonly account: { readonly name: string; readonly country?: string | null | undefined };
}

/** Terms as far as the deal gives them: name, price, term, the buyer's name and country, and a day to accept by. */
export const termsOfDeal = (deal: DealParts, today: string): JsonObject => ({
  name: deal.title.slice(0, 150),
  buyer: {
    name: deal.account.name,
  },
  ...(deal.amount ? { price: { model: "flat", total: { ...deal.amount } } } : {}),
  term: { months: deal.termMonths ?? termMonthsDefault },
  acceptBy: dayAfter(today, acceptDays),
});

/** `acceptBy` where neither the deal nor anybody else gave one. */
export const termsDefault = (today: string): JsonObject => ({
  term: { months: termMonthsDefault },
  acceptBy: dayAfter(today, acceptDays),
});

export const dayAfter = (day: string, days: number): string =>
  new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);

/** The terms of another offer, to be offered again: what has passed is moved to days to come. */
export const clonedTerms = (terms: JsonObject, today: string): JsonObject => {
  const { replaces: _, ...kept } = terms;
  const isPast = typeof kept.acceptBy !== "string" || kept.acceptBy < today;
  return { ...kept, ...(isPast ? { acceptBy: dayAfter(today, acceptDays) } : {}) };
};

/** Templates say what is the same in every offer: a buyer's account is never among it. */
export const withoutBuyer = (terms: JsonObject): JsonObject => {
  const { buyer, ...rest } = terms;
  if (!isObject(buyer)) return rest;
  const { accounts: _, ...named } = buyer;
  return Object.keys(named).length === 0 ? rest : { ...rest, buyer: named };
};
const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface Message {
  readonly subject: string;
  readonly text: string;
}
/** What a marketplace calls the account that an offer is made to, and where a buyer finds it. */
const accountWords: Readonly<Record<MarketplaceId, { readonly name: string; readonly where: string }>> = {
  aws: { name: "12-digit AWS account ID", where: "in the AWS console, under the account menu at the top right" },
  azure: {
    name: "Microsoft billing account ID",
    where: "in the Azure portal under Cost Management + Billing, Properties; a billing account's owner sees it",
  },
  gcp: {
    name: "Google Cloud billing account ID",
    where: "in the Google Cloud console under Billing, Account management, as 01ABCD-234567-89EFGH",
  },
};

/** A message that is ready to be sent to the buyer: asks for the account where it is missing, else tells how to accept. */
export const buyerMessage = (at: {
  readonly marketplace: MarketplaceId;
  readonly marketplaceName: string;
  readonly name: string;
  readonly accounts: readonly string[];
  readonly acceptBy: string;
  readonly total: MoneyJson | null;
  readonly acceptUrl: string | null;
}): Message => {
  const account = accountWords[at.marketplace];
  if (at.accounts.length === 0)
    return {
      subject: `Your ${at.marketplaceName} account for ${at.name}`,
      text: [
        `To make you the private offer ${JSON.stringify(at.name)} on ${at.marketplaceName}, we need your ${account.name}.`,
        `You find it ${account.where}.`,
        "The offer can be accepted from this account only, so please send us the one that shall be billed.",
      ].join("\n"),
    };
  return {
    subject: `Private offer ${at.name}: please accept by ${at.acceptBy}`,
    text: [
      `Your private offer ${JSON.stringify(at.name)} is ready on ${at.marketplaceName}${at.total === null ? "" : `, ${at.total.amount} ${at.total.currency} in all`}.`,
      `1. Sign in to ${at.marketplaceName} with the account ${at.accounts.join(" or ")}, as somebody who may subscribe for it.`,
      at.acceptUrl === null
        ? `2. Open the private offers of your account there and choose ${JSON.stringify(at.name)}.`
        : `2. Open ${at.acceptUrl}`,
      `3. Check the terms and accept by ${at.acceptBy}; after that day the offer ends by itself.`,
      "If something does not fit, please tell us before you accept.",
    ].join("\n"),
  };
};
