/**
 * One request to AWS Marketplace's Catalog API (REST) or Agreement API (JSON 1.0), made and signed by AWS's SDK and carried by
 * the Http port, as `adapters/aws/client.ts` does it for Partner Central.
 */
import {
  DescribeAgreementCommand,
  GetAgreementTermsCommand,
  ListAgreementInvoiceLineItemsCommand,
  MarketplaceAgreementClient,
  SearchAgreementsCommand,
} from "@aws-sdk/client-marketplace-agreement";
import {
  DescribeChangeSetCommand,
  DescribeEntityCommand,
  ListChangeSetsCommand,
  ListEntitiesCommand,
  MarketplaceCatalogClient,
  StartChangeSetCommand,
} from "@aws-sdk/client-marketplace-catalog";
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { SessionDeps } from "../../contract.ts";
import {
  bodyStep,
  clientConfig,
  type Exchange,
  frozenBody,
  type KeyFinder,
  lengthStep,
  outcomeOf,
  type Sent,
  unsignedLength,
} from "../client.ts";
import type { Asked } from "../faults.ts";
import { textOf } from "../reading.ts";
import type { MarketplaceTarget, Target } from "../settings.ts";
import { marketplaceFaultOf } from "./refusals.ts";
import { marketplaceCatalog } from "./wire.ts";

const Catalog = marketplaceCatalog;
const seed = { ChangeSet: [{ ChangeType: "-", Entity: { Type: "-" } }], ClientRequestToken: "-" };
type CatalogClient = MarketplaceCatalogClient;
type AgreementClient = MarketplaceAgreementClient;
/** What is asked by POST has a stand-in for input: the real body takes its place. What is asked by GET has its query. */
const catalogCalls = {
  StartChangeSet: (client: CatalogClient) => client.send(new StartChangeSetCommand({ Catalog, ...seed })),
  DescribeChangeSet: (client: CatalogClient, body: JsonObject) =>
    client.send(new DescribeChangeSetCommand({ Catalog, ChangeSetId: textOf(body, "ChangeSetId") })),
  ListChangeSets: (client: CatalogClient) => client.send(new ListChangeSetsCommand({ Catalog })),
  DescribeEntity: (client: CatalogClient, body: JsonObject) =>
    client.send(new DescribeEntityCommand({ Catalog, EntityId: textOf(body, "EntityId") })),
  ListEntities: (client: CatalogClient) => client.send(new ListEntitiesCommand({ Catalog, EntityType: "Offer" })),
} as const;
const agreementCalls = {
  SearchAgreements: (client: AgreementClient) => client.send(new SearchAgreementsCommand({})),
  DescribeAgreement: (client: AgreementClient) => client.send(new DescribeAgreementCommand({ agreementId: "-" })),
  GetAgreementTerms: (client: AgreementClient) => client.send(new GetAgreementTermsCommand({ agreementId: "-" })),
  ListAgreementInvoiceLineItems: (client: AgreementClient) =>
    client.send(new ListAgreementInvoiceLineItemsCommand({ agreementId: "-", groupBy: "INVOICE_ID" })),
} as const;
type CatalogOperation = keyof typeof catalogCalls;
type AgreementOperation = keyof typeof agreementCalls;
export type MarketplaceOperation = CatalogOperation | AgreementOperation;

const byQuery: ReadonlySet<MarketplaceOperation> = new Set(["DescribeChangeSet", "DescribeEntity"]);
const isCatalog = (operation: MarketplaceOperation): operation is CatalogOperation =>
  Object.hasOwn(catalogCalls, operation);

export interface MarketplaceWire {
  /** The answer, or a fault with the answer that said so. Asks the quota immediately before the send. */
  readonly send: (operation: MarketplaceOperation, kind: "read" | "write", body: JsonObject) => Promise<Sent>;
}

interface Parts {
  readonly target: Target;
  readonly marketplace: MarketplaceTarget;
  readonly finder: KeyFinder | null;
}

/** The sender of one session to AWS Marketplace. */
export const createMarketplaceWire = (deps: SessionDeps, { target, marketplace, finder }: Parts): MarketplaceWire => ({
  send: async (operation, kind, body) => {
    const leave = await deps.quota.take(kind);
    if (!leave.ok) return leave;
    const asked: Asked = { operation, kind, now: deps.clock.now() };
    const text = byQuery.has(operation) ? null : JSON.stringify(isCatalog(operation) ? { Catalog, ...body } : body);
    const exchange: Exchange = { text, asked, sent: false, answer: null, trouble: null };
    const sending = { target, finder, exchange };
    try {
      if (isCatalog(operation)) {
        const client = new MarketplaceCatalogClient(clientConfig(deps, sending, marketplace.catalogEndpoint));
        client.middlewareStack.add(frozenBody(exchange), bodyStep);
        client.middlewareStack.add(unsignedLength, lengthStep);
        await catalogCalls[operation](client, body);
      } else {
        const client = new MarketplaceAgreementClient(clientConfig(deps, sending, marketplace.agreementEndpoint));
        client.middlewareStack.add(frozenBody(exchange), bodyStep);
        client.middlewareStack.add(unsignedLength, lengthStep);
        await agreementCalls[operation](client);
      }
    } catch (error) {
      exchange.trouble = error;
    }
    return outcomeOf(exchange, marketplaceFaultOf);
  },
});
