/** The marketplace behind Google's two APIs: what is listed, offered, bought and billed, and who is told of it. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { unstruck } from "../../../simulator/faults.ts";
import { denied, invalid, violation } from "../answers.ts";
import type { SimulatedCredential } from "../credential.ts";
import type { Due } from "../ledger.ts";
import type { Call } from "../opportunities.ts";
import { camel } from "../tables.ts";
import type { World } from "../world.ts";
import { createAccountBook, createAccounts } from "./accounts.ts";
import { createBooks } from "./books.ts";
import { createBuyers } from "./buyers.ts";
import { createCatalogue, projectOf } from "./catalogue.ts";
import { createChanges } from "./changes.ts";
import { createDocuments } from "./documents.ts";
import { createOffers } from "./offers.ts";
import { bodies, type MarketplaceOperation, producerHost } from "./operations.ts";
import { createOrders } from "./orders.ts";
import { createProcurement } from "./procurement.ts";
import { createPushes, type PushParts } from "./pushes.ts";

export const createMarketplace = (world: World, parts: PushParts) => {
  const { ledger } = world;
  const pushes = createPushes(world, parts);
  const offers = createOffers(world);
  const books = createBooks(world);
  const accounts = createAccountBook(world);
  const orders = createOrders(world, { offers, accounts, pushes, books });
  const changes = createChanges(world, { orders, pushes });
  const buyers = createBuyers(world, { orders, changes });
  const work: Readonly<Record<MarketplaceOperation, (call: Call) => JsonObject>> = {
    ...createCatalogue(),
    ...offers.work,
    ...createDocuments(world, offers),
    ...createAccounts(world, { orders, pushes }),
    ...createProcurement(world, { orders, changes }),
  };

  const aboutOffer = (due: Due): void => {
    const row = ledger.offers.get(due.subject);
    const occasion = { now: world.now(), struck: unstruck };
    if (!row) return;
    if (due.kind === "offer_published") offers.published(row, occasion);
    if (due.kind === "offer_review") offers.reviewed(row, occasion);
    if (due.kind === "offer_deadline") offers.expire(row, occasion);
    if (due.kind === "buyer") buyers.decide(row, occasion);
  };
  const aboutOrder = (due: Due): void => {
    const row = ledger.entitlements.get(due.subject);
    const occasion = { now: world.now(), struck: unstruck };
    if (!row || row.deletedAt !== null) return;
    if (due.kind === "activation") orders.activate(row, occasion);
    if (due.kind === "term_end") orders.endTerm(row, occasion);
    if (due.kind === "cancellation") orders.cancelled(row, occasion);
    if (due.kind === "plan_change") changes.effect(row, occasion);
    if (due.kind === "change_of_mind") buyers.reconsider(row, occasion);
    if (due.kind === "charge") orders.charge(row, occasion);
    if (due.kind === "usage") orders.meter(row, occasion);
    if (due.kind === "deletion") orders.remove(row, occasion);
  };

  return {
    pushes,
    offers,
    accounts,
    orders,
    changes,
    books,
    /** Answers one call that may be made. */
    answer: (operation: MarketplaceOperation, call: Call): JsonObject => {
      const input = bodyOf(operation, call.input);
      return work[operation]({ ...call, input });
    },
    /** Does what is due on the marketplace's side. */
    perform: (due: Due): void => {
      aboutOffer(due);
      aboutOrder(due);
      const charge = ledger.charges.get(due.subject);
      if (charge && due.kind === "settlement") books.decide(charge);
      if (charge && due.kind === "refund") books.refund(charge);
    },
  };
};
export type Marketplace = ReturnType<typeof createMarketplace>;

/** Only a partner's own project and provider are open to its service account. */
export const admitMarketplace = (host: string, names: readonly string[], caller: SimulatedCredential): void => {
  if (names[0] !== projectOf(caller)) throw denied(host);
  if (host === producerHost && names[1] !== "global")
    throw invalid([violation("name", "The location must be 'global'")]);
};

/** The body of a method whose members are listed, in camel case: proto3's JSON takes both spellings. */
const bodyOf = (operation: MarketplaceOperation, input: JsonObject): JsonObject => {
  const known = bodies[operation];
  if (known === undefined) return input;
  const body = Object.fromEntries(Object.entries(input).map(([name, value]) => [camel(name), value]));
  const problems = Object.entries(body).flatMap(([name, value]) => {
    const wanted = Object.hasOwn(known, name) ? known[name] : undefined;
    if (wanted === undefined)
      return [violation("", `Invalid JSON payload received. Unknown name "${name}": Cannot find field.`)];
    return value === null || typeof value === wanted ? [] : [violation(name, `Invalid value at '${name}'`)];
  });
  if (problems.length > 0) throw invalid(problems);
  return body;
};
