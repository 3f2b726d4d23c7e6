/**
 * What the simulated partner sells by list: services with their plans and SKUs, the same in every project. Names and prices are invented.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/standard_offer.proto
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { textAt } from "../../../simulator/document.ts";
import { notFound } from "../answers.ts";
import type { SimulatedCredential } from "../credential.ts";
import { type Fields, readFilter, readOrder } from "../filter.ts";
import type { Call } from "../opportunities.ts";
import { moneyOf } from "./amounts.ts";
import { paged } from "./pages.ts";
import { filterCatalogue } from "./tables.ts";

/** The project in which a partner's products lie: the very one that customers' entitlements name. */
export const projectOf = (credential: Pick<SimulatedCredential, "projectId">): string =>
  `${credential.projectId}-public`;
/** Entitlements name projects by number. */
export const projectNumber = "100000000001";
export const placeOf = (project: string): string => `projects/${project}/locations/global`;

interface Sku {
  readonly id: string;
  readonly description: string;
  /** The list price in cents: of a month of a subscription, or of one unit of usage. */
  readonly cents: bigint;
  readonly isSubscription: boolean;
}
const skus: readonly (Sku & { readonly service: string })[] = [
  { service: "core", id: "C0DE-1000-E17E", description: "Core Enterprise", cents: 1_000_000n, isSubscription: true },
  { service: "core", id: "C0DE-1001-7EA3", description: "Core Team", cents: 50_000n, isSubscription: true },
  { service: "core", id: "C0DE-1002-0E4A", description: "Core overage seats", cents: 2_500n, isSubscription: false },
  { service: "meter", id: "C0DE-2000-0001", description: "Meter requests", cents: 3n, isSubscription: false },
  { service: "meter", id: "C0DE-2001-0002", description: "Meter storage", cents: 12n, isSubscription: false },
  { service: "rollout", id: "C0DE-3000-50FA", description: "Rollout days", cents: 150_000n, isSubscription: true },
];

export interface Plan {
  readonly service: string;
  readonly id: string;
  readonly level: string;
  readonly title: string;
  readonly termMonths: number | null;
  readonly subscriptionSku: string | null;
  readonly usageSkus: readonly string[];
  readonly expireTime: string | null;
}
const plan = (service: string, id: string, more: Partial<Plan>): Plan => ({
  service,
  id,
  level: id.split("-")[0] ?? id,
  title: id,
  termMonths: null,
  subscriptionSku: null,
  usageSkus: [],
  expireTime: null,
  ...more,
});
const plans: readonly Plan[] = [
  plan("core", "enterprise-p1y", {
    title: "Enterprise",
    termMonths: 12,
    subscriptionSku: "C0DE-1000-E17E",
    usageSkus: ["C0DE-1002-0E4A"],
  }),
  plan("core", "team-p1m", { title: "Team", termMonths: 1, subscriptionSku: "C0DE-1001-7EA3" }),
  plan("core", "legacy-p1y", {
    title: "Legacy",
    termMonths: 12,
    subscriptionSku: "C0DE-1000-E17E",
    expireTime: "2025-01-01T08:00:00Z",
  }),
  plan("meter", "metered", { title: "Pay as you go", usageSkus: ["C0DE-2000-0001", "C0DE-2001-0002"] }),
  plan("rollout", "rollout-p1m", { title: "Rollout", termMonths: 1, subscriptionSku: "C0DE-3000-50FA" }),
];
const titles: Readonly<Record<string, string>> = { core: "Core", meter: "Meter", rollout: "Rollout (services)" };
/** Professional services have a statement of work in place of a licence agreement. */
export const isProfessional = (service: string): boolean => service === "rollout";
const listedSince = "2024-01-01T08:00:00Z";

/** The id of a service in a project, as in its resource name: `core.endpoints.example-public.cloud.goog`. */
export const serviceId = (service: string, project: string): string => `${service}.endpoints.${project}.cloud.goog`;
export const serviceTitle = (service: string): string => titles[service] ?? service;
const serviceName = (service: string, project: string): string =>
  `${placeOf(project)}/services/${serviceId(service, project)}`;
export const planName = (of: Plan, project: string): string =>
  `${serviceName(of.service, project)}/standardOffers/${of.id}`;
export const skuName = (id: string, project: string): string => {
  const service = skus.find((sku) => sku.id === id)?.service ?? "";
  return `${serviceName(service, project)}/skus/${id}`;
};
/** The plan of a standard offer's name in a project, or null. */
export const planOf = (name: string | null, project: string): Plan | null =>
  plans.find((one) => planName(one, project) === name) ?? null;
export const planById = (id: string): Plan | null => plans.find((one) => one.id === id) ?? null;
export const skuOf = (id: string): Sku | null => skus.find((sku) => sku.id === id) ?? null;
/** What a plan's charges are booked on. */
export const chargedSku = (of: Plan): string => of.subscriptionSku ?? of.usageSkus[0] ?? "";

const groupName = (service: string, project: string): string => `${placeOf(project)}/skuGroups/${service}-usage`;

const standardOffer = (of: Plan, project: string, isFull: boolean): JsonObject => ({
  name: planName(of, project),
  createTime: listedSince,
  updateTime: listedSince,
  effectiveTime: listedSince,
  ...(of.expireTime === null ? {} : { expireTime: of.expireTime }),
  serviceLevel: of.level,
  ...(isFull ? { serviceLevelTitle: of.title } : {}),
  priceModel: {
    ...(of.subscriptionSku === null ? {} : { flatFee: { sku: skuName(of.subscriptionSku, project) } }),
    ...usageOf(of, project),
  },
  ...(of.termMonths === null ? {} : { termDurationMonths: of.termMonths }),
});
const usageOf = ({ service, usageSkus }: Plan, project: string): JsonObject => {
  if (usageSkus.length === 0) return {};
  if (service === "meter") return { usage: { skuGroupList: { skuGroups: [groupName(service, project)] } } };
  return { usage: { skuList: { skus: usageSkus.map((id) => skuName(id, project)) } } };
};
const skuView = (sku: Sku, project: string): JsonObject => ({
  name: skuName(sku.id, project),
  description: sku.description,
  skuPriceTimeline: [
    {
      effectiveTime: listedSince,
      ...(sku.isSubscription
        ? { flatSubscriptionFee: {} }
        : { managedServiceMetricUsageFee: { tieredPrice: { priceTiers: [{ price: moneyOf(sku.cents) }] } } }),
    },
  ],
});

const fields: Fields = { catalogue: filterCatalogue, message: "StandardOffer", allowed: null };
/** The rows that a list asks for, in its order. */
const picked = (rows: readonly JsonObject[], { query }: Call): readonly JsonObject[] => {
  const { test } = readFilter(query.get("filter") ?? "", fields);
  const [order] = readOrder(query.get("orderBy") ?? "", fields);
  const found = rows.filter((row) => test(([name = ""]) => row[name]));
  if (order === undefined) return found;
  const key = (row: JsonObject): string => textAt(row, order.path) ?? "";
  const sorted = found.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return order.descending ? sorted.toReversed() : sorted;
};

export const createCatalogue = () => {
  const serviceOf = ({ names: [project = "", , id = ""] }: Call): string => {
    const found = Object.keys(titles).find((service) => serviceId(service, project) === id);
    if (found === undefined) throw notFound(`${placeOf(project)}/services/${id}`);
    return found;
  };
  const found = (rows: readonly JsonObject[], name: string): JsonObject => {
    const row = rows.find((one) => one.name === name);
    if (!row) throw notFound(name);
    return row;
  };
  const isFull = ({ query }: Call): boolean => (query.get("view") ?? "").endsWith("_VIEW_FULL");
  const services = (call: Call, withTitle: boolean): readonly JsonObject[] =>
    Object.entries(titles).map(([service, title]) => ({
      name: serviceName(service, call.names[0] ?? ""),
      ...(withTitle ? { title } : {}),
    }));
  const standardOffers = (call: Call): readonly JsonObject[] => {
    const service = serviceOf(call);
    return plans
      .filter((one) => one.service === service)
      .map((one) => standardOffer(one, call.names[0] ?? "", isFull(call)));
  };
  const skuRows = (call: Call): readonly JsonObject[] => {
    const service = serviceOf(call);
    return skus.filter((sku) => sku.service === service).map((sku) => skuView(sku, call.names[0] ?? ""));
  };
  const groups = ({ names: [project = ""] }: Call): readonly JsonObject[] => [
    {
      name: groupName("meter", project),
      skus: skus.filter(({ service }) => service === "meter").map(({ id }) => skuName(id, project)),
    },
  ];
  const below = (call: Call, kind: string): string =>
    `${serviceName(serviceOf(call), call.names[0] ?? "")}/${kind}/${call.names[3] ?? ""}`;

  return {
    "services.list": (call: Call) => paged(services(call, false), "services", { call }),
    "services.get": (call: Call) => {
      const name = serviceName(serviceOf(call), call.names[0] ?? "");
      return found(services(call, isFull(call)), name);
    },
    "services.standardOffers.list": (call: Call) =>
      paged(picked(standardOffers(call), call), "standardOffers", { call }),
    "services.standardOffers.get": (call: Call) => found(standardOffers(call), below(call, "standardOffers")),
    "services.skus.list": (call: Call) => paged(skuRows(call), "skus", { call }),
    "services.skus.get": (call: Call) => found(skuRows(call), below(call, "skus")),
    "skuGroups.list": (call: Call) => paged(groups(call), "skuGroups", { call }),
    "skuGroups.get": (call: Call) =>
      found(groups(call), `${placeOf(call.names[0] ?? "")}/skuGroups/${call.names[2] ?? ""}`),
  };
};
