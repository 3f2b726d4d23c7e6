/** Partners that are not simulated themselves: a reseller that sells under an authorization of ours, a manufacturer that lets us resell. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, textAt } from "../../../simulator/document.ts";
import { addDays } from "../../../simulator/ground.ts";
import { modelled } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import type { Agreements } from "./agreements.ts";
import { ruleOf, termOf, termsOf, typeOf } from "./change-rule.ts";
import type { Entities } from "./entities.ts";
import type { News } from "./news.ts";
import { dayOf, endOfDay, micros } from "./periods.ts";
import type { Agreement, Entity } from "./records.ts";

export interface Resale {
  readonly buyer?: string | undefined;
  readonly markup?: string | undefined;
}
export interface Grant {
  readonly manufacturer?: string | undefined;
  readonly product?: string | undefined;
  readonly price: string;
  readonly currency?: string | undefined;
  readonly months?: number | undefined;
}
export interface ResellerParts {
  readonly entities: Entities;
  readonly agreements: Agreements;
  readonly news: News;
  readonly accounts: readonly string[];
}

const offerDays = 30;

export const createResellers = (world: World, { entities, agreements, news, accounts }: ResellerParts) => {
  const { ledger, dice } = world;

  /** The reseller of an authorization makes an offer of it, and its buyer accepts. */
  const sell = (authorization: Entity, { buyer, markup = "10" }: Resale, occasion: Occasion): Agreement => {
    const reseller = textAt(ruleOf(authorization.document, "PartnerTargetingRule") ?? {}, "ResellerAccountId");
    if (authorization.document.Status !== "Active" || reseller === null)
      throw modelled("ConflictException", `${authorization.id} is not active`);
    const [named] = listAt(
      termOf(authorization.document, "BuyerTargetingTerm") ?? {},
      "PositiveTargeting.BuyerAccounts",
    );
    const invented = String(100_000_000_000 + Math.floor(dice.draw(authorization.id, "buyer") * 8e11));
    const acceptor = buyer ?? (typeof named === "string" ? named : invented);
    const end = endOfDay(dayOf(addDays(occasion.now, offerDays)));
    const blank = entities.blank("Offer", reseller, occasion.now);
    const document = {
      Id: blank.id,
      State: "Released",
      Name: `${textAt(authorization.document, "Name")} for ${acceptor}`,
      Description: "Made by a channel partner",
      ProductId: textAt(authorization.document, "ProductId"),
      ResaleAuthorizationId: authorization.id,
      ...(micros(markup) > 0n ? { MarkupPercentage: markup } : {}),
      Terms: resoldTerms(authorization),
      Rules: [
        { Type: "TargetingRule", PositiveTargeting: { BuyerAccounts: [acceptor] } },
        { Type: "AvailabilityRule", AvailabilityEndDate: end },
      ],
    };
    const offer = entities.save(
      {
        ...blank,
        document,
        fate: agreements.fateOf({ document }),
        releasedAt: occasion.now.toISOString(),
        availableUntil: end,
        authorizationId: authorization.id,
        manufacturer: authorization.account,
      },
      occasion.now,
    );
    news.offerReleased(offer, occasion);
    const details = authorization.document.OfferDetails;
    const made = Number(isObject(details) ? (details.OfferCreatedCount ?? 0) : 0) + 1;
    const extended = { OfferExtendedStatus: "In Progress", OfferCreatedCount: made };
    entities.save({ ...authorization, document: { ...authorization.document, OfferDetails: extended } }, occasion.now);
    return agreements.accept(offer, { acceptor, autoRenews: false, quantities: {} }, occasion);
  };

  return {
    sell,
    /** A manufacturer lets this account resell one of its products. */
    grant: (grant: Grant, occasion: Occasion): Entity => {
      const [reseller = ""] = accounts;
      const { manufacturer = "999988887777", price, currency = "USD", months = 12 } = grant;
      const product = entities.blank("SaaSProduct", manufacturer, occasion.now);
      const productId = grant.product ?? product.id;
      const title = `Product of ${manufacturer}`;
      if (entities.find(productId) === null)
        entities.save(
          {
            ...product,
            id: productId,
            document: { Id: productId, ProductTitle: title, Visibility: "Public", Dimensions: [] },
          },
          occasion.now,
        );
      const blank = entities.blank("ResaleAuthorization", manufacturer, occasion.now);
      const termId = () => `term-${world.letters("term", 12)}`;
      const document = {
        Name: `Authorization for ${reseller}`,
        ProductId: productId,
        ProductName: title,
        PricingModel: "Contract",
        Status: "Active",
        OfferDetails: { OfferExtendedStatus: "Not Started", OfferCreatedCount: 0 },
        Terms: [
          {
            Type: "ResaleFixedUpfrontPricingTerm",
            Id: termId(),
            CurrencyCode: currency,
            Price: price,
            Duration: `P${months}M`,
            Grants: [{ DimensionKey: "Units", MaxQuantity: 1 }],
          },
          { Type: "BuyerLegalTerm", Id: termId(), Documents: [{ Type: "StandardEula", Version: "2022-07-14" }] },
        ],
        Rules: [
          { Type: "AvailabilityRule", Id: termId(), Usage: "Unlimited" },
          {
            Type: "PartnerTargetingRule",
            Id: termId(),
            ResellerAccountId: reseller,
            ResellerLegalName: world.settings().companyName,
          },
        ],
        ManufacturerLegalName: `Seller ${manufacturer}`,
        ManufacturerAccountId: manufacturer,
      };
      return entities.save({ ...blank, document, releasedAt: occasion.now.toISOString() }, occasion.now);
    },
    /** An authorization was released: a reseller that nobody plays here sells under it after some days, as the seed has it. */
    expect: (authorization: Entity, now: Date): void => {
      const { reviewer, marketplace } = world.settings();
      const reseller = textAt(ruleOf(authorization.document, "PartnerTargetingRule") ?? {}, "ResellerAccountId") ?? "";
      if (reviewer !== "seeded" || accounts.includes(reseller)) return;
      const name = `${reseller} ${textAt(authorization.document, "Name")}`;
      if (dice.draw(name, "sells") >= marketplace.accept) return;
      const days = dice.between(marketplace.acceptDays, name, "sells after");
      world.schedule("buyer", `${authorization.id}|sell`, addDays(now, days));
    },
    /** The time to sell has come. */
    resell: (subject: string, occasion: Occasion): void => {
      const authorization = ledger.entities.get(subject.split("|")[0] ?? "");
      if (authorization?.document.Status !== "Active") return;
      const markup = String(5 + Math.floor(dice.draw(authorization.id, "markup") * 20));
      sell(authorization, { markup }, occasion);
    },
  };
};
export type Resellers = ReturnType<typeof createResellers>;

const resoldTerms = (authorization: Entity): readonly JsonObject[] =>
  termsOf(authorization.document).flatMap((term) => {
    const type = typeOf(term);
    if (type === "BuyerLegalTerm") return [{ ...term, Type: "LegalTerm" }];
    return type.startsWith("Resale") && type !== "ResaleLegalTerm"
      ? [{ ...term, Type: type.slice("Resale".length) }]
      : [];
  });
