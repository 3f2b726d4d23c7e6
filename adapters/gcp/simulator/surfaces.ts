/** The hosts and operations that the simulator answers for, and how a request finds its operation. */

import { placeOf } from "../../simulator/place.ts";
import {
  certsHost,
  type MarketplaceOperation,
  marketplaceOperations,
  marketplaceScope,
  procurementHost,
  producerHost,
} from "./marketplace/operations.ts";
import { camel } from "./tables.ts";

export const tokenHost = "oauth2.googleapis.com";
export const channelHost = "cloudchannel.googleapis.com";
export const crmHost = "cloudcrmpartners.googleapis.com";
const hosts = [tokenHost, channelHost, crmHost, producerHost, procurementHost, certsHost];
export const channelScope = "https://www.googleapis.com/auth/apps.order";
export const crmScope = "https://www.googleapis.com/auth/cloudcrmpartners";

export interface Operation {
  readonly host: string;
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** What the path must be; its groups are the call's `names`. */
  readonly path: RegExp;
  /** The query parameters of the method, besides Google's own for every method. */
  readonly query: readonly string[];
  readonly kind: "read" | "write";
}
const channel = { host: channelHost, query: ["partner"] };
const crm = { host: crmHost, query: [] };

/** Named as Google's pages name the methods. */
export const operations = {
  token: { host: tokenHost, method: "POST", path: /^\/token$/, query: [], kind: "read" },
  "opportunities.create": { ...channel, method: "POST", path: /^\/v1alpha1\/opportunities$/, kind: "write" },
  "opportunities.get": { ...channel, method: "GET", path: /^\/v1alpha1\/opportunities\/([^/:]+)$/, kind: "read" },
  "opportunities.patch": {
    ...channel,
    method: "PATCH",
    path: /^\/v1alpha1\/opportunities\/([^/:]+)$/,
    query: ["partner", "updateMask"],
    kind: "write",
  },
  "opportunities.query": {
    ...channel,
    method: "GET",
    path: /^\/v1alpha1\/opportunities:query$/,
    query: ["partner", "pageSize", "pageToken", "filter", "orderBy"],
    kind: "read",
  },
  "partners.leads.create": { ...crm, method: "POST", path: /^\/v1\/partners\/([^/:]+)\/leads$/, kind: "write" },
  "partners.leads.get": { ...crm, method: "GET", path: /^\/v1\/partners\/([^/:]+)\/leads\/([^/:]+)$/, kind: "read" },
  "partners.opportunities.get": {
    ...crm,
    method: "GET",
    path: /^\/v1\/partners\/([^/:]+)\/opportunities\/([^/:]+)$/,
    kind: "read",
  },
  "partners.opportunities.patch": {
    ...crm,
    method: "PATCH",
    path: /^\/v1\/partners\/([^/:]+)\/opportunities\/([^/:]+)$/,
    query: ["updateMask"],
    kind: "write",
  },
  /** The keys that sign push tokens. */
  certs: { host: certsHost, method: "GET", path: /^\/oauth2\/v3\/certs$/, query: [], kind: "read" },
  ...marketplaceOperations,
} as const satisfies Readonly<Record<string, Operation>>;
export type OperationName = keyof typeof operations;
export const operationNames = Object.keys(operations).filter((name): name is OperationName =>
  Object.hasOwn(operations, name),
);

export const isOfMarketplace = (operation: OperationName): operation is MarketplaceOperation =>
  Object.hasOwn(marketplaceOperations, operation);
/** The scope that a host demands. */
export const scopeOf = (host: string): string => {
  if (host === channelHost) return channelScope;
  return host === crmHost ? crmScope : marketplaceScope;
};

/** https://cloud.google.com/apis/docs/system-parameters */
export const systemParameters = [
  "alt",
  "callback",
  "fields",
  "key",
  "prettyPrint",
  "quotaUser",
  "$.xgafv",
  "uploadType",
];

export interface Routed {
  readonly operation: OperationName;
  /** What stands for the stars of the path. */
  readonly names: readonly string[];
  readonly query: URLSearchParams;
}

/** The operation that a request is for, or what is wrong with its address. */
export const route = (request: Request, basePath: string): Routed | { readonly unknown: string } => {
  const place = placeOf(request.url, hosts, basePath);
  if (place === null) return { unknown: `None of the hosts ${hosts.join(", ")} is in ${request.url.split("?")[0]}` };
  const path = decoded(place.path);
  for (const operation of operationNames) {
    const { host, method, path: pattern } = operations[operation];
    const found = host === place.host && method === request.method ? pattern.exec(path) : null;
    if (found) return { operation, names: found.slice(1), query: inCamelCase(place.query) };
  }
  return { unknown: `There is no method ${request.method} ${place.host}${place.path}` };
};

/** Google takes both spellings of a parameter. */
const inCamelCase = (query: URLSearchParams): URLSearchParams =>
  new URLSearchParams([...query].map(([name, value]) => [camel(name), value]));
const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
};
