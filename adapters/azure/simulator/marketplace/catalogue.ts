/** What the simulated publisher sells: products and public plans, with their prices in USD. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { bareId, ingestionSchemas } from "../../wire-offers.ts";
import type { Charge } from "./rows.ts";

export interface PublicPlan {
  readonly id: string;
  /** The publisher's own name of it. */
  readonly externalId: string;
  readonly alias: string;
  readonly perSeat: boolean;
  readonly seats: { readonly min: number; readonly max: number } | null;
  /** Public prices; the amount is per payment, or per payment and seat. None for a virtual machine. */
  readonly charges: readonly Charge[];
  readonly meters: readonly string[];
}
export interface Product {
  readonly id: string;
  readonly externalId: string;
  readonly alias: string;
  readonly type: "softwareAsAService" | "azureVirtualMachine";
  readonly plans: readonly PublicPlan[];
}

export const publisherId = "simulated-partner";
const charge = (termMonths: number, paymentMonths: number, amount: string, perSeat = false): Charge => ({
  termMonths,
  paymentMonths,
  amount,
  perSeat,
});
const flat = { perSeat: false, seats: null } as const;

/** The catalogue of every simulated publisher. */
export const catalogue: readonly Product[] = [
  {
    id: "5ca1ab1e-0000-4000-8000-000000000001",
    externalId: "business-insights",
    alias: "Business Insights and Analytics",
    type: "softwareAsAService",
    plans: [
      {
        ...flat,
        id: "5ca1ab1e-0000-4000-8000-0000000000a1",
        externalId: "standard",
        alias: "Standard",
        charges: [charge(1, 1, "1000"), charge(12, 1, "900"), charge(12, 12, "10000"), charge(36, 12, "9000")],
        meters: ["reports"],
      },
      {
        id: "5ca1ab1e-0000-4000-8000-0000000000a2",
        externalId: "per-seat",
        alias: "Per seat",
        perSeat: true,
        seats: { min: 1, max: 1_000 },
        charges: [charge(1, 1, "20", true), charge(12, 12, "200", true)],
        meters: [],
      },
    ],
  },
  {
    id: "5ca1ab1e-0000-4000-8000-000000000002",
    externalId: "demand-forecast",
    alias: "Demand Forecast",
    type: "softwareAsAService",
    plans: [
      {
        ...flat,
        id: "5ca1ab1e-0000-4000-8000-0000000000b1",
        externalId: "standard",
        alias: "Standard",
        charges: [charge(1, 1, "500"), charge(12, 12, "5000")],
        meters: [],
      },
    ],
  },
  {
    id: "5ca1ab1e-0000-4000-8000-000000000003",
    externalId: "planner-machine",
    alias: "Planner for virtual machines",
    type: "azureVirtualMachine",
    plans: [
      {
        ...flat,
        id: "5ca1ab1e-0000-4000-8000-0000000000c1",
        externalId: "machine",
        alias: "Machine",
        charges: [],
        meters: [],
      },
    ],
  },
];

/** A product by its durable id, with or without `product/`. */
export const productOf = (id: string): Product | null => catalogue.find((known) => known.id === bareId(id)) ?? null;
/** A plan of a product, by `plan/<plan>`, `plan/<product>/<plan>` or the plan's id alone. */
export const planOf = (product: Product, id: string): PublicPlan | null => {
  const parts = id.trim().split("/");
  const isForeign = parts.length === 3 && parts[1] !== product.id;
  return isForeign ? null : (product.plans.find((plan) => plan.id === bareId(id)) ?? null);
};
export const durablePlanId = (product: Product, plan: PublicPlan): string => `plan/${product.id}/${plan.id}`;

const units = { month: 1, year: 12 } as const;
/** Months as the API writes a term; whole years as years. */
export const termOf = (months: number): JsonObject =>
  months % units.year === 0
    ? { type: "year", value: months / units.year }
    : { type: "month", value: months / units.month };
/** The months of a term as the API writes it; null: it is none. */
export const monthsOf = (term: { readonly type: string; readonly value: number } | null | undefined): number | null => {
  if (!term) return null;
  const unit = term.type === "year" ? units.year : term.type === "month" ? units.month : null;
  return unit === null ? null : unit * term.value;
};

/** A public plan's prices as the API writes them, to be edited and sent with an offer. */
export const publicPrices = (product: Product, plan: PublicPlan): JsonObject => ({
  $schema: ingestionSchemas.prices,
  product: `product/${product.id}`,
  plan: durablePlanId(product, plan),
  ...(product.type === "azureVirtualMachine"
    ? { softwareReservation: { vmPrices: {} } }
    : {
        pricing: {
          recurrentPrice: {
            recurrentPriceMode: plan.perSeat ? "perUser" : "flatRate",
            priceInputOption: "usd",
            ...(plan.seats ? { userLimits: plan.seats } : {}),
            prices: plan.charges.map(({ termMonths, paymentMonths, amount }) => ({
              billingTerm: termOf(termMonths),
              paymentOption: termOf(paymentMonths),
              pricePerPaymentInUsd: Number(amount),
            })),
          },
          customMeters: {
            priceInputOption: "usd",
            meters: Object.fromEntries(plan.meters.map((meter) => [meter, { pricePerPaymentInUsd: 1 }])),
          },
        },
      }),
});
