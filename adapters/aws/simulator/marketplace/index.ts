/** AWS Marketplace in small: its catalog of offers, its agreements, its buyers and the money, behind the two APIs a seller uses. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, textAt } from "../../../simulator/document.ts";
import type { Events } from "../events.ts";
import type { Due } from "../ledger.ts";
import type { Occasion, World } from "../world.ts";
import { createAgreementReads } from "./agreement-reads.ts";
import { createAgreementSearch } from "./agreement-search.ts";
import { createAgreements } from "./agreements.ts";
import { createBilling } from "./billing.ts";
import { createBuyers } from "./buyers.ts";
import type { MarketCall } from "./calls.ts";
import { createCancellations } from "./cancellations.ts";
import { createChangeSets } from "./change-sets.ts";
import { createMarketplaceControls } from "./control.ts";
import { createDoor, type DoorParts } from "./door.ts";
import { createEntities } from "./entities.ts";
import { createEntityLists } from "./entity-lists.ts";
import { feedFiles } from "./feeds.ts";
import { createNews } from "./news.ts";
import { createRates } from "./rates.ts";
import { catalogRefusal } from "./refusals.ts";
import { createResellers } from "./resellers.ts";

export interface MarketplaceParts {
  readonly events: Events;
  readonly accounts: readonly string[];
}

export const createMarketplace = (world: World, { events, accounts }: MarketplaceParts) => {
  const { ledger } = world;
  const entities = createEntities(world);
  const news = createNews(world, { events, entities, accounts });
  const billing = createBilling(world);
  const agreements = createAgreements(world, { entities, news, billing });
  const buyers = createBuyers(world, agreements);
  const resellers = createResellers(world, { entities, agreements, news, accounts });
  const changeSets = createChangeSets(world, { entities, news, buyers, resellers });
  const reads = createAgreementReads(world, billing);
  const cancellations = createCancellations(world, { agreements, reads, news });

  const describeEntity = (call: MarketCall): JsonObject => {
    const id = textAt(call.input, "EntityId") ?? "";
    const seen = entities.seen(entities.readable(id, call.account), call);
    if (seen === null) throw catalogRefusal("ResourceNotFoundException", `Entity ${id} was not found.`);
    return entities.view(seen);
  };
  const describeSeveral = (call: MarketCall): JsonObject => {
    const found: Record<string, JsonObject> = {};
    const missing: Record<string, JsonObject> = {};
    for (const request of listAt(call.input, "EntityRequestList").filter(isObject)) {
      const id = textAt(request, "EntityId") ?? "";
      const entity = entities.find(id);
      const seen = entity !== null && entities.isVisible(entity, call.account) ? entities.seen(entity, call) : null;
      const { Details: _text, ...view } = seen === null ? {} : entities.view(seen);
      if (seen === null) missing[id] = { ErrorCode: "RESOURCE_NOT_FOUND", ErrorMessage: `Entity ${id} was not found.` };
      else found[id] = view;
    }
    return { EntityDetails: found, Errors: missing };
  };

  const work: DoorParts["work"] = {
    StartChangeSet: changeSets.start,
    DescribeChangeSet: changeSets.describe,
    ListChangeSets: changeSets.list,
    CancelChangeSet: changeSets.cancel,
    DescribeEntity: describeEntity,
    BatchDescribeEntities: describeSeveral,
    ListEntities: createEntityLists(world, entities),
    SearchAgreements: createAgreementSearch(world),
    DescribeAgreement: reads.describe,
    GetAgreementTerms: reads.terms,
    ListAgreementInvoiceLineItems: reads.invoices,
    SendAgreementCancellationRequest: cancellations.send,
    GetAgreementCancellationRequest: cancellations.get,
    ListAgreementCancellationRequests: cancellations.list,
    CancelAgreementCancellationRequest: cancellations.cancel,
  };

  const notice = (subject: string, occasion: Occasion): void => {
    const [id = "", about = ""] = subject.split("|");
    const agreement = ledger.agreements.get(id);
    if (agreement?.status !== "ACTIVE") return;
    if (about === "cancel") agreements.end(agreement, "CANCELLED", occasion);
    else agreements.notice(agreement, Number(about), occasion);
  };

  return {
    /** Whose marketplace requests `serve` takes. */
    door: (parts: Omit<DoorParts, "work" | "rates">) =>
      createDoor(world, { ...parts, work, rates: createRates(world) }),
    controls: createMarketplaceControls(world, { entities, agreements, buyers, billing, cancellations, resellers }),
    /** The files that AWS and the bank have written until then, for one account. */
    reports: (until: string, account: string = accounts[0] ?? "") => ({ files: feedFiles(world, account, until) }),
    /** Puts what is there from the start. */
    open: (): void => entities.stock(accounts),
    /** The offer or offer set that an ARN names, if this account has it. */
    holds: (arn: string, account: string): boolean => {
      const [owner, path = ""] = [arn.split(":")[4], arn.split(":").slice(5).join(":")];
      const [, kind, id = ""] = path.split("/");
      const entity = entities.find(id);
      return owner === account && entity?.account === account && entity.kind === kind;
    },
    /** Does what is due of the marketplace. */
    perform: (due: Due, occasion: Occasion): void => {
      const set = ledger.changeSets.get(due.subject);
      const agreement = ledger.agreements.get(due.subject);
      const charge = ledger.charges.get(due.subject);
      const invoice = ledger.invoices.get(due.subject);
      if (due.kind === "change_set" && set) changeSets.proceed(set, occasion);
      if (due.kind === "buyer" && due.subject.endsWith("|sell")) resellers.resell(due.subject, occasion);
      else if (due.kind === "buyer") buyers.decide(due.subject, occasion);
      if (due.kind === "agreement_end" && agreement) agreements.reachEnd(agreement, occasion);
      if (due.kind === "agreement_notice") notice(due.subject, occasion);
      if (due.kind === "charge" && charge) billing.bill(charge, occasion);
      if (due.kind === "collection" && invoice) billing.collect(invoice, occasion);
      if (due.kind === "forgiveness" && invoice) billing.forgive(invoice, occasion);
      if (due.kind === "payout") billing.payOut(due.subject, occasion);
      if (due.kind === "cancellation") cancellations.decide(due.subject, occasion);
    },
  };
};
export type Marketplace = ReturnType<typeof createMarketplace>;
