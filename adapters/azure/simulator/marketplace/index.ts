/**
 * The marketplace beside Partner Center: private offers by the Product Ingestion API, subscriptions by the SaaS fulfillment API, buyers,
 * the webhook that tells the publisher of them, and the money that follows.
 */
import type { SimulatorDeps } from "../../../contract-simulator.ts";
import type { WireAnswer } from "../../../simulator/departure.ts";
import { graphHost, marketplaceHost } from "../../wire-offers.ts";
import { Refusal } from "../answers.ts";
import type { Call, Caller } from "../calls.ts";
import type { World } from "../world.ts";
import { fulfillmentRefusal, ingestionRefusal } from "./answers.ts";
import { createAuthoring } from "./authoring.ts";
import { createBilling } from "./billing.ts";
import { type Buyers, createBuyers } from "./buyers.ts";
import { createMarketplaceControls } from "./control.ts";
import { createExports } from "./exports.ts";
import { createFulfilment } from "./fulfilment.ts";
import { createInsights } from "./insights.ts";
import { createJobs } from "./jobs.ts";
import { createOffers } from "./offers.ts";
import { createOperations, type Operations } from "./operations.ts";
import { createPricing } from "./pricing.ts";
import { createReports } from "./reports.ts";
import type { MarketplaceOperation } from "./routes.ts";
import type { MarketplaceKind, SubscriptionRecord } from "./rows.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { createTenancy } from "./tenancy.ts";
import { createWebCalls } from "./webcalls.ts";

/** What an API asks of every query: its version, and nothing else. */
const ingestionVersions = ["2022-07-01", "2023-07-15"];

export const createMarketplace = (world: World, deliver: SimulatorDeps["deliver"]) => {
  const pricing = createPricing(world);
  const subscriptions = createSubscriptions(world, pricing);
  const billing = createBilling(world);
  const reports = createReports(world);
  const insights = createInsights(world, reports);
  const exported = createExports(world, { reports, insights });
  /** Some parts tell others that are made after them. */
  const late: { operations?: Operations; buyers?: Buyers } = {};
  const made = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error("a part of the marketplace was used before it was made");
    return part;
  };

  const calls = createWebCalls(world, {
    deliver,
    subscriptionView: subscriptions.view,
    taken: (operation, how) => {
      const operations = made(late.operations);
      if (how === "acknowledged") operations.waitForObjection(operation);
      else operations.settle(operation, "Failed");
    },
  });
  const changed = (row: SubscriptionRecord): void => {
    billing.changed(row);
    if (row.status === "Subscribed") world.cancel(row.id, ["activation_expiry"]);
    if (row.status === "Unsubscribed")
      world.cancel(row.id, ["activation_expiry", "buyer_landing", "buyer_change", "term_end"]);
  };
  const operations = createOperations(world, { subscriptions, tell: calls.webhook, changed });
  late.operations = operations;
  const tenancy = createTenancy(world, { subscriptions, operations, billing, buyers: () => made(late.buyers) });
  const authoring = createAuthoring(world, {
    published: (row) => made(late.buyers).published(row),
    extended: (row) => made(late.buyers).extended(row),
    closed: (row) => made(late.buyers).closed(row),
  });
  const buyers = createBuyers(world, {
    pricing,
    subscriptions,
    billing,
    calls,
    save: authoring.save,
    expect: tenancy.expect,
  });
  late.buyers = buyers;
  const offers = createOffers(world);
  const jobs = createJobs(world, { authoring, offers });
  const fulfilment = createFulfilment(world, { subscriptions, operations, activated: tenancy.activated });

  /** The Product Ingestion API asks every request for its version. */
  const versioned =
    (work: (call: Call) => WireAnswer) =>
    (call: Call): WireAnswer => {
      const version = call.place.query.get("$version");
      const isKnown = version !== null && ingestionVersions.includes(version);
      if (!isKnown) throw ingestionRefusal(400, "The query parameter '$version' is missing or not supported.");
      return work(call);
    };
  const work: Partial<Record<MarketplaceOperation, (call: Call) => WireAnswer>> = {
    Configure: versioned(jobs.configure),
    GetJobStatus: versioned(jobs.status),
    GetJobDetail: versioned(jobs.detail),
    GetPrivateOffer: versioned(offers.get),
    QueryPrivateOffers: versioned(offers.query),
    ListProducts: versioned(offers.products),
    ListPlans: versioned(offers.plans),
    GetPrices: versioned(offers.prices),
    ResolveSubscription: fulfilment.resolve,
    ListSubscriptions: fulfilment.list,
    GetSubscription: fulfilment.get,
    ActivateSubscription: fulfilment.activate,
    ChangeSubscription: fulfilment.change,
    DeleteSubscription: fulfilment.remove,
    ListAvailablePlans: fulfilment.plans,
    ListOperations: fulfilment.operations,
    GetOperation: fulfilment.operation,
    AnswerOperation: fulfilment.respond,
    ListDatasets: insights.datasets,
    ListQueries: insights.queries,
    CreateQuery: insights.createQuery,
    ListReports: insights.reports,
    CreateReport: insights.createReport,
    CreateExport: exported.create,
    GetExport: exported.get,
    GetExecutions: insights.executions,
  };

  const performers: Readonly<Record<MarketplaceKind, (kind: MarketplaceKind, id: string) => void>> = {
    job_start: jobs.perform,
    job_end: jobs.perform,
    offer_expiry: buyers.perform,
    offer_publication: buyers.perform,
    offer_acceptance: buyers.perform,
    offer_purchase: buyers.perform,
    buyer_landing: tenancy.perform,
    buyer_change: tenancy.perform,
    activation_expiry: tenancy.perform,
    term_end: tenancy.perform,
    operation_settlement: (_, id) => operations.perform(id),
    billing: (_, id) => billing.perform(id),
    report: (_, id) => insights.perform(id),
    export: (_, id) => exported.perform(id),
  };

  return {
    work,
    calls,
    reportFile: exported.file,
    /** Refuses callers who may not use these APIs at all: they are for applications alone. */
    admit: (caller: Caller, host: string): void => {
      if (caller.kind === "app") return;
      if (host === graphHost) throw ingestionRefusal(403, "The application is not authorized: app-only tokens are.");
      if (host === marketplaceHost) throw fulfillmentRefusal(403, "The token must be the application's own.");
    },
    perform: (kind: MarketplaceKind, id: string): void => {
      const mark = world.ledger.mark();
      try {
        performers[kind](kind, id);
      } catch (error) {
        // What a buyer cannot do does not happen; time goes on.
        if (!(error instanceof Refusal)) throw error;
        world.ledger.undoTo(mark);
      }
    },
    controls: createMarketplaceControls(world, { buyers, tenancy, offers, subscriptions, operations, calls, reports }),
  };
};
export type Marketplace = ReturnType<typeof createMarketplace>;
