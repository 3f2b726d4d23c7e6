/** The marketplace's hosts and methods, in the form of `../surfaces.ts`. */

export const producerHost = "commerceproducer.googleapis.com";
export const procurementHost = "cloudcommerceprocurement.googleapis.com";
export const certsHost = "www.googleapis.com";
export const marketplaceScope = "https://www.googleapis.com/auth/cloud-platform";

const star = "([^/:]+)";
const place = `/v1beta/projects/${star}/locations/${star}`;
const producer = (path: string): { readonly host: string; readonly path: RegExp } => ({
  host: producerHost,
  path: new RegExp(`^${place}/${path}$`),
});
const procurement = (path: string): { readonly host: string; readonly path: RegExp } => ({
  host: procurementHost,
  path: new RegExp(`^/v1/providers/${star}/${path}$`),
});
const reading = { method: "GET", kind: "read" } as const;
const posting = { method: "POST", kind: "write", query: [] } as const;
const patching = { method: "PATCH", kind: "write", query: ["updateMask"] } as const;
const deleting = { method: "DELETE", kind: "write" } as const;
const pages = ["pageSize", "pageToken"];
const sorted = [...pages, "filter", "orderBy"];

const offer = `privateOffers/${star}`;
const document = `${offer}/documents`;
const service = `services/${star}`;
const account = `accounts/${star}`;
const entitlement = `entitlements/${star}`;

export const marketplaceOperations = {
  "services.list": { ...producer("services"), ...reading, query: pages },
  "services.get": { ...producer(service), ...reading, query: ["view"] },
  "services.standardOffers.list": { ...producer(`${service}/standardOffers`), ...reading, query: sorted },
  "services.standardOffers.get": { ...producer(`${service}/standardOffers/${star}`), ...reading, query: ["view"] },
  "services.skus.list": { ...producer(`${service}/skus`), ...reading, query: pages },
  "services.skus.get": { ...producer(`${service}/skus/${star}`), ...reading, query: [] },
  "skuGroups.list": { ...producer("skuGroups"), ...reading, query: pages },
  "skuGroups.get": { ...producer(`skuGroups/${star}`), ...reading, query: [] },
  "privateOffers.list": { ...producer("privateOffers"), ...reading, query: sorted },
  "privateOffers.resolveAmendmentTarget": {
    ...producer("privateOffers:resolveAmendmentTarget"),
    ...reading,
    query: ["targetBillingAccount", "baseStandardOffer"],
  },
  "privateOffers.get": { ...producer(offer), ...reading, query: ["view"] },
  "privateOffers.create": { ...producer("privateOffers"), ...posting },
  "privateOffers.patch": { ...producer(offer), ...patching },
  "privateOffers.publish": { ...producer(`${offer}:publish`), ...posting },
  "privateOffers.cancel": { ...producer(`${offer}:cancel`), ...posting },
  "privateOffers.delete": { ...producer(offer), ...deleting, query: ["force"] },
  "privateOffers.documents.list": { ...producer(document), ...reading, query: pages },
  "privateOffers.documents.get": { ...producer(`${document}/${star}`), ...reading, query: [] },
  "privateOffers.documents.create": { ...producer(document), ...posting },
  "privateOffers.documents.patch": { ...producer(`${document}/${star}`), ...patching },
  "privateOffers.documents.delete": { ...producer(`${document}/${star}`), ...deleting, query: [] },
  "providers.accounts.list": { ...procurement("accounts"), ...reading, query: pages },
  "providers.accounts.get": { ...procurement(account), ...reading, query: ["view"] },
  "providers.accounts.approve": { ...procurement(`${account}:approve`), ...posting },
  "providers.accounts.reject": { ...procurement(`${account}:reject`), ...posting },
  "providers.accounts.reset": { ...procurement(`${account}:reset`), ...posting },
  "providers.entitlements.list": { ...procurement("entitlements"), ...reading, query: [...pages, "filter"] },
  "providers.entitlements.get": { ...procurement(entitlement), ...reading, query: [] },
  "providers.entitlements.patch": { ...procurement(entitlement), ...patching },
  "providers.entitlements.approve": { ...procurement(`${entitlement}:approve`), ...posting },
  "providers.entitlements.reject": { ...procurement(`${entitlement}:reject`), ...posting },
  "providers.entitlements.approvePlanChange": { ...procurement(`${entitlement}:approvePlanChange`), ...posting },
  "providers.entitlements.rejectPlanChange": { ...procurement(`${entitlement}:rejectPlanChange`), ...posting },
  "providers.entitlements.suspend": { ...procurement(`${entitlement}:suspend`), ...posting },
} as const;
export type MarketplaceOperation = keyof typeof marketplaceOperations;

/** What each method's body may hold; null: nothing is checked here. */
export const bodies: Readonly<Partial<Record<MarketplaceOperation, Readonly<Record<string, string>>>>> = {
  "privateOffers.publish": { name: "string", validateOnly: "boolean" },
  "privateOffers.cancel": { name: "string", cancellationNote: "string" },
  "providers.accounts.approve": { approvalName: "string", reason: "string", properties: "object" },
  "providers.accounts.reject": { approvalName: "string", reason: "string" },
  "providers.accounts.reset": {},
  "providers.entitlements.approve": { entitlementMigrated: "string", properties: "object" },
  "providers.entitlements.reject": { reason: "string" },
  "providers.entitlements.approvePlanChange": { pendingPlanName: "string" },
  "providers.entitlements.rejectPlanChange": { pendingPlanName: "string", reason: "string" },
};
