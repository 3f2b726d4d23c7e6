/** Rules about what is sold and what it costs. */
import { decimalToMicros, moneyFromJson } from "../../../src/domain/money.ts";
import { currenciesOf } from "../../../src/domain/offer.ts";
import { type Finding, fault, when } from "../../findings.ts";
import { offersPerPrivateOfferMax } from "../wire-offers.ts";
import { type OfferCase, type OfferRule, offerSources } from "./checks.ts";
import { planIdOf, productIdOf } from "./names.ts";
import { billedMonths, monthsOf, partOf, paymentsOf } from "./price.ts";

const productFindings = ({ terms, market }: OfferCase): readonly Finding[] =>
  when(
    productIdOf(terms.product, market) === null,
    fault("product", "bad_format", [
      `${JSON.stringify(terms.product.slice(0, 60))} is no durable id of a product.`,
      "Give product/<guid> as GET product lists it, or list your own name of it in settings.marketplace.products.",
    ]),
  );

const planFindings = ({ terms, fields, discount, kind, market }: OfferCase): readonly Finding[] => {
  const { plan } = terms;
  if (plan == null)
    return when(
      discount === null && kind !== "csp",
      fault("plan", "required", [
        "A price of its own is the price of one plan.",
        fields.newPlan === undefined ? "Name the plan." : "Name the plan that the new one is made from.",
      ]),
    );
  const product = productIdOf(terms.product, market) ?? terms.product;
  return when(
    planIdOf(plan, product, market) === null,
    fault("plan", "bad_format", [
      `${JSON.stringify(plan.slice(0, 60))} is no durable id of a plan.`,
      "Give plan/<product>/<plan> as GET plan lists it, or list your own name of it in settings.marketplace.products.",
    ]),
  );
};

/** A plan stands once in an offer: the tenth is the last. */
const plansFindings = ({ terms, fields, market }: OfferCase): readonly Finding[] => {
  const named = [{ product: terms.product, plan: terms.plan ?? undefined }, ...(fields.also ?? [])].map((row) => {
    const product = productIdOf(row.product, market);
    return { product, plan: row.plan === undefined ? "" : planIdOf(row.plan, product ?? "", market) };
  });
  const others = named.slice(1);
  const keys = named.map(({ product, plan }) => `${product} ${plan}`);
  return [
    ...when(
      named.length > offersPerPrivateOfferMax,
      fault("fields.also", "too_long", [
        `A private offer has at most ${offersPerPrivateOfferMax} products and plans.`,
        "Make a second offer of the rest.",
      ]),
    ),
    ...when(
      others.some(({ product, plan }) => product === null || plan === null),
      fault("fields.also", "bad_format", [
        "One of the other products or plans is no durable id.",
        "Give product/<guid> and plan/<product>/<plan>.",
      ]),
    ),
    ...when(
      new Set(keys).size < keys.length,
      fault("fields.also", "conflicting", ["A plan is named twice in the offer.", "Name each plan once."]),
    ),
    ...when(
      fields.newPlan !== undefined && others.length > 0,
      fault("fields.also", "conflicting", [
        "An offer with a new plan has new plans only; discounts on public prices are another offer.",
        "Leave `also` out, or make a second offer.",
      ]),
    ),
  ];
};

const currencyFindings = ({ terms }: OfferCase): readonly Finding[] => {
  const other = [...currenciesOf(terms)].find((currency) => currency !== "USD");
  return when(
    other !== undefined,
    fault("price", "not_allowed", [
      `Microsoft takes prices of private offers in US dollars; this one names ${other}.`,
      "State them in USD: Microsoft converts them for the buyer's market.",
    ]),
  );
};

const discountFindings = ({ terms, fields, discount, kind }: OfferCase): readonly Finding[] => {
  const field =
    kind === "csp" && terms.channelPartner?.discountPercent != null
      ? "channelPartner.discountPercent"
      : "price.discountPercent";
  const micros = discount === null ? null : decimalToMicros(discount);
  return [
    ...when(
      micros !== null && (micros <= 0n || micros > 100_000_000n || micros % 10_000n !== 0n),
      fault(field, "bad_format", [
        "A discount is more than 0 and at most 100 percent, with at most two decimals.",
        "Round it to hundredths.",
      ]),
    ),
    ...when(
      kind === "csp" && discount === null,
      fault("channelPartner.discountPercent", "required", [
        "To a reseller Microsoft takes a margin in percent and nothing else.",
        "State channelPartner.discountPercent.",
      ]),
    ),
    ...when(
      discount !== null && terms.schedule.length > 0,
      fault("schedule", "not_allowed", [
        "A discount is charged as the public price is: it takes no schedule.",
        "Leave it out, or state a flat price.",
      ]),
    ),
    ...when(
      discount !== null && fields.newPlan !== undefined,
      fault("fields.newPlan", "conflicting", [
        "A new plan has a price of its own; this offer states a discount.",
        "State a flat price or one per user, or leave the new plan out.",
      ]),
    ),
  ];
};

const modelFindings = ({ terms, kind }: OfferCase): readonly Finding[] => {
  const { price } = terms;
  if (kind === "csp") return [];
  if (price.model === "commitment")
    return [
      fault("price.model", "not_listed", [
        "Microsoft's private offers know no commitment to spend.",
        "State a flat price for the term, a price per user, or usage.",
      ]),
    ];
  if (price.model === "per_unit")
    return when(
      price.units.length !== 1,
      fault("price.units", "too_long", [
        "Microsoft sells a plan by one unit, the user.",
        "State one unit; what is metered is a rate of a usage price.",
      ]),
    );
  if (price.model !== "usage") return [];
  return [
    ...when(
      price.rates.length === 0 && price.discountPercent == null,
      fault("price", "required", [
        "It is said neither what usage costs nor what is taken off the public prices.",
        "State discountPercent or rates.",
      ]),
    ),
    ...when(
      price.rates.length > 0 && price.discountPercent != null,
      fault("price.discountPercent", "conflicting", [
        "Rates of their own and a discount on public prices are two offers to Microsoft.",
        "Leave one of them out.",
      ]),
    ),
  ];
};

const paymentFindings = (given: OfferCase): readonly Finding[] => {
  const { terms, fields, discount, kind } = given;
  if (discount !== null || kind === "csp") return [];
  const months = monthsOf(terms);
  if (months === null || !billedMonths.includes(months))
    return [
      fault("term", "not_listed", [
        "Microsoft bills a plan for a month or for one to five whole years.",
        `State a term of ${billedMonths.slice(0, -1).join(", ")} or ${billedMonths.at(-1)} months.`,
      ]),
    ];
  const payments = paymentsOf(terms, fields);
  if (payments === null)
    return [
      fault(fields.paymentMonths === undefined ? "schedule" : "fields.paymentMonths", "not_allowed", [
        "By this API Microsoft charges equal parts in equal steps of whole months; this schedule is none.",
        `Split the term of ${months} months evenly (fields.paymentMonths), or make the offer in Partner Center.`,
      ]),
    ];
  return [
    ...when(
      fields.paymentMonths !== undefined && terms.schedule.length > 0 && terms.schedule.length !== payments,
      fault("fields.paymentMonths", "conflicting", [
        `The schedule has ${terms.schedule.length} charges, fields.paymentMonths makes ${payments}.`,
        "Leave one of them out.",
      ]),
    ),
    ...centFindings(given, payments),
  ];
};

const centFindings = ({ terms: { price } }: OfferCase, payments: number): readonly Finding[] => {
  const amount = price.model === "flat" ? price.total : price.model === "per_unit" ? price.units[0]?.price : undefined;
  if (amount === undefined) return [];
  const field = price.model === "flat" ? "price.total" : "price.units";
  return when(
    partOf(moneyFromJson(amount), payments) === null,
    fault(field, "bad_format", [
      `${amount.amount} ${amount.currency} in ${payments} equal ${payments === 1 ? "payment" : "payments"} makes no whole cents.`,
      "Change the amount or the number of payments: Microsoft charges the same each time.",
    ]),
  );
};

const seatFindings = ({ terms, fields }: OfferCase): readonly Finding[] => {
  const { seats } = fields;
  if (seats === undefined) return [];
  return [
    ...when(
      seats.min > seats.max,
      fault("fields.seats", "conflicting", ["The fewest users are more than the most.", "Swap them."]),
    ),
    ...when(
      terms.price.model !== "per_unit",
      fault("fields.seats", "not_allowed", [
        "Only a price per user has a number of users.",
        "Leave it out, or state a price per unit.",
      ]),
    ),
  ];
};

export const priceRules: readonly OfferRule[] = [
  {
    id: "azure.offer.product.durable",
    about: "product",
    says: "The product is named by its durable id, product/<guid>.",
    source: offerSources.customer,
    check: productFindings,
  },
  {
    id: "azure.offer.plan.durable",
    about: "plan",
    says: "A price of its own names the plan that it is for, by its durable id.",
    source: offerSources.customer,
    check: planFindings,
  },
  {
    id: "azure.offer.plans.most",
    about: "fields.also",
    says: `At most ${offersPerPrivateOfferMax} products and plans in one private offer, each once.`,
    source: offerSources.faq,
    check: plansFindings,
  },
  {
    id: "azure.offer.currency.usd",
    about: "price",
    says: "Prices are in US dollars.",
    source: offerSources.customer,
    check: currencyFindings,
  },
  {
    id: "azure.offer.price.model",
    about: "price.model",
    says: "A price is a discount on public prices, flat for the term, per user, or usage by meters.",
    source: offerSources.customer,
    check: modelFindings,
  },
  {
    id: "azure.offer.discount.percent",
    about: "price.discountPercent",
    says: "A discount is more than 0 and at most 100 percent; a reseller's margin is always one.",
    source: offerSources.csp,
    check: discountFindings,
  },
  {
    id: "azure.offer.payments.equal",
    about: "schedule",
    says: "A price is charged in equal parts in equal steps, in whole cents, over a month or one to five years.",
    source: offerSources.customer,
    check: paymentFindings,
  },
  {
    id: "azure.offer.seats.range",
    about: "fields.seats",
    says: "A price per user may state the fewest and the most users.",
    source: offerSources.customer,
    check: seatFindings,
  },
];
