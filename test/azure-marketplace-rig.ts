/** The simulated marketplace of Microsoft with a careful publisher in front of it. */
import { simulatedCredential } from "../adapters/azure/simulator/index.ts";
import { catalogue } from "../adapters/azure/simulator/marketplace/catalogue.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { openRig, type Raw, type RigOptions } from "./azure-simulator-rig.ts";

export const ingestionUrl = "https://graph.microsoft.com/rp/product-ingestion";
export const saasUrl = "https://marketplaceapi.microsoft.com/api/saas/subscriptions";
const applicationId = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
export const hooks = {
  webhookUrl: "https://cosell.example/hooks/azure-saas",
  landingPageUrl: "https://cosell.example/landing/azure",
} as const;
export const buyerAccount = "ac357579-e860-54a6-80b3-66958aea67fe:7471d04e-f696-4d20-af34-fa78d51e419c_2019-05-31";

export interface Called {
  readonly at: string;
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into bodies whose shape is the point of the test
  readonly body: any;
}

const [insights, , machine] = catalogue;
const product = (at: typeof insights): string => `product/${at?.id}`;
const plan = (at: typeof insights, index = 0): string => `plan/${at?.id}/${at?.plans[index]?.id}`;
export const ids = {
  product: product(insights),
  standard: plan(insights),
  perSeat: plan(insights, 1),
  machine: product(machine),
  machinePlan: plan(machine),
};

export const configureOf = (...resources: readonly JsonObject[]): JsonObject => ({
  $schema: "https://schema.mp.microsoft.com/schema/configure/2022-07-01",
  resources,
});
/** A customer's offer as it should be. Members that are undefined are left out. */
export const goodOffer = (change: Readonly<Record<string, JsonObject[string] | undefined>> = {}): JsonObject => {
  const offer = {
    $schema: "https://schema.mp.microsoft.com/schema/private-offer/2023-07-15",
    name: "CS-1042 Example Foods",
    state: "live",
    privateOfferType: "customerPromotion",
    offerPricingType: "editExistingOfferPricingOnly",
    variableStartDate: true,
    end: "2027-12-31",
    acceptBy: "2026-07-31",
    preparedBy: "alliances@simulated-partner.example",
    notificationContacts: ["alliances@simulated-partner.example"],
    beneficiaries: [{ id: buyerAccount, description: "Example Foods" }],
    pricing: [{ product: ids.product, plan: ids.standard, discountType: "percentage", discountPercentage: 5 }],
    notes: "CS-1042",
    ...change,
  };
  return JSON.parse(JSON.stringify(offer));
};
/** The same by way of a selling partner. */
export const multipartyOffer = (change: JsonObject = {}): JsonObject =>
  goodOffer({
    privateOfferType: "multipartyPromotionOriginator",
    preparedBy: undefined,
    partners: [{ id: "12345678", partnerName: "Reseller", location: "United States" }],
    termsAndConditionsDocs: [{ sasUrl: "https://example.invalid/terms", fileName: "terms.pdf" }],
    ...change,
  });
/** An absolute price of a plan: so much a year, paid in this rhythm. */
export const priceOf = (pricePerPaymentInUsd: number, change: JsonObject = {}): JsonObject => ({
  $schema: "https://schema.mp.microsoft.com/schema/price-and-availability-private-offer-plan/2023-07-15",
  resourceName: "ourPrice",
  product: ids.product,
  plan: ids.standard,
  offerPricingType: "editExistingOfferPricingOnly",
  pricing: {
    recurrentPrice: {
      recurrentPriceMode: "flatRate",
      priceInputOption: "usd",
      prices: [
        {
          billingTerm: { type: "year", value: 1 },
          paymentOption: { type: "month", value: 3 },
          pricePerPaymentInUsd,
        },
      ],
    },
  },
  ...change,
});

export interface MarketplaceRigOptions extends RigOptions {
  /** How the publisher's endpoints answer. */
  readonly publisher?: (called: Called) => number | Promise<number>;
}

export const openMarketplaceRig = ({ publisher = () => 200, ...options }: MarketplaceRigOptions = {}) => {
  const called: Called[] = [];
  const deliver = async (request: Request): Promise<Response> => {
    const text = await request.text();
    const one: Called = {
      at: rig.clock.now().toISOString(),
      method: request.method,
      url: new URL(request.url),
      headers: request.headers,
      body: text === "" ? null : JSON.parse(text),
    };
    called.push(one);
    return new Response(null, { status: await publisher(one) });
  };
  const rig = openRig({ deliver, ...options });
  const kept = new Map<string, { readonly token: string; readonly until: number }>();
  const tokenFor = async (scope: string): Promise<string> => {
    const now = rig.clock.now().getTime();
    const known = kept.get(scope);
    if (known && known.until > now) return known.token;
    const token: string = (await rig.token({ grant_type: "client_credentials", scope })).body.access_token;
    kept.set(scope, { token, until: now + 3_600_000 });
    return token;
  };
  const call = async (scope: string, url: string, init: RequestInit & { readonly json?: unknown }): Promise<Raw> => {
    const { json, headers, ...rest } = init;
    return rig.raw(url, {
      ...rest,
      headers: {
        authorization: `Bearer ${await tokenFor(scope)}`,
        "content-type": "application/json",
        ...(headers as Record<string, string> | undefined),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
  };
  /** Calls the Product Ingestion API as the application. */
  const ingestion = (path: string, json?: unknown, version = json === undefined ? "2023-07-15" : "2022-07-01") =>
    call(
      "https://graph.microsoft.com/.default",
      `${ingestionUrl}${path}${path.includes("?") ? "&" : "?"}$version=${version}`,
      json === undefined ? {} : { method: "POST", json },
    );
  /** Calls the fulfillment API as the application. */
  const saas = (
    method: string,
    path = "",
    json?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Raw> =>
    call(
      `${applicationId}/.default`,
      `${saasUrl}${path}${path.includes("?") ? "&" : "?"}api-version=2018-08-31`,
      json === undefined ? { method, headers } : { method, headers, json },
    );
  /** Sends a configure request and waits for its job, asking once a minute. Returns the last status. */
  const configure = async (...resources: readonly JsonObject[]): Promise<Raw["body"]> => {
    const begun = await ingestion("/configure", configureOf(...resources));
    if (begun.status !== 202) throw new Error(begun.text);
    for (let minute = 0; minute < 10; minute += 1) {
      await rig.settle(60);
      const { body } = await ingestion(`/configure/${begun.body.jobId}/status`);
      if (body.jobStatus === "completed") return body;
    }
    throw new Error("the job has not ended");
  };
  /** The same, for requests that succeed: the offer that it made or changed. */
  const publish = async (...resources: readonly JsonObject[]): Promise<Raw["body"]> => {
    const job = await configure(...resources);
    if (job.jobResult !== "succeeded") throw new Error(JSON.stringify(job.errors));
    return (await ingestion(`/configure/${job.jobId}`)).body;
  };
  /** A live offer, accepted and bought: its subscription. */
  const sell = async (change: Parameters<typeof goodOffer>[0] = {}, choice: JsonObject = {}): Promise<Raw["body"]> => {
    const offer = await publish(goodOffer(change));
    await rig.controls.onOffer(`${offer.id}/accept`);
    const bought: Raw["body"] = await rig.controls.onOffer(`${offer.id}/purchase`, choice);
    return { offer, ...bought.subscriptions[0] };
  };
  return {
    ...rig,
    called,
    hooks: () => called.filter(({ method }) => method === "POST"),
    ingestion,
    saas,
    configure,
    publish,
    sell,
    /** What a bought subscription needs to begin. */
    activate: async (bought: Raw["body"]): Promise<void> => {
      const { planId, quantity } = bought;
      const raw = await saas("POST", `/${bought.id}/activate`, {
        planId,
        ...(quantity === undefined ? {} : { quantity }),
      });
      if (raw.status !== 200) throw new Error(raw.text);
    },
    userToken: () => rig.bearer(),
    credential: simulatedCredential,
  };
};
export type MarketplaceRig = ReturnType<typeof openMarketplaceRig>;
